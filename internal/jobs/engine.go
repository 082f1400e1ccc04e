package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"regexp"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

const (
	maxTime = math.MaxInt64
	// maxSleep bounds every wait for a due time, since clocks can be moved.
	maxSleep = 30 * time.Second
)

// kind is a registered kind of job. The fields below mu's line belong to Engine.mu.
type kind struct {
	name   string
	opts   Options
	worker Worker

	running int   // slots in use
	next    int64 // no job of this kind is due before (microseconds); 0 = ask the table
}

// duty is a registered duty; its fields belong to whoever runs it.
type duty struct {
	Duty
	wake      chan struct{}
	notBefore time.Time // after a failure
	failures  int
	idle      int // runs in a row after which it was due again
}

// Engine runs jobs and duties.
type Engine struct {
	db    *store.DB
	k     klokke.Klokke
	log   *slog.Logger
	owner string

	kinds  map[string]*kind
	names  []string // of kinds, sorted
	duties []*duty

	idMu   sync.Mutex
	lastID int64

	advance chan struct{} // holds a token while AdvanceTo runs
	wake    chan struct{}

	mu       sync.Mutex
	started  bool
	paused   bool
	stopping bool
	active   int           // background work that is under way
	changed  chan struct{} // closed, and made anew, when one of the above changes
	stop     chan struct{} // closed by Stop
	cancel   context.CancelFunc
	loops    sync.WaitGroup
}

// New makes an engine over db's jobs table.
func New(db *store.DB, k klokke.Klokke, log *slog.Logger) *Engine {
	return &Engine{db: db, k: k, log: log, owner: uuid.NewString(),
		kinds: map[string]*kind{}, advance: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		changed: make(chan struct{})}
}

// Handle registers the worker of a kind. Before Start only.
func (e *Engine) Handle(name string, opts Options, w Worker) {
	if _, ok := e.kinds[name]; ok || name == "" || w == nil {
		panic("jobs: kind " + name + " is registered twice, or has no name or worker")
	}
	e.kinds[name] = &kind{name: name, opts: opts.withDefaults(), worker: w}
	e.names = append(e.names, name)
	slices.Sort(e.names)
}

// AddDuty registers a duty. Before Start only.
func (e *Engine) AddDuty(d Duty) {
	e.duties = append(e.duties, &duty{Duty: d, wake: make(chan struct{}, 1)})
}

// Enqueue adds a job in tx; it can start the moment tx commits. A kind without
// a worker is refused. When a job of the same key is running, the new one runs
// after it.
func (e *Engine) Enqueue(ctx context.Context, tx *store.Tx, s Spec) error {
	k := e.kinds[s.Kind]
	if k == nil {
		return fmt.Errorf("jobs: no worker for kind %q", s.Kind)
	}
	now := e.k.Now()
	if s.RunAt.IsZero() {
		s.RunAt = now
	}
	id, err := e.newID(ctx, tx, now)
	if err == nil {
		err = insert(ctx, tx, id, s, now)
	}
	if err != nil {
		return fmt.Errorf("jobs: enqueueing %s: %w", s.Kind, err)
	}
	tx.OnCommit(func() { e.dueAt(k, store.Micros(s.RunAt)) })
	return nil
}

// newID makes ids that grow, over restarts too: microseconds with 12 bits to spare.
func (e *Engine) newID(ctx context.Context, tx *store.Tx, now time.Time) (int64, error) {
	e.idMu.Lock()
	defer e.idMu.Unlock()
	if e.lastID == 0 {
		if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(id), 1) FROM jobs`).Scan(&e.lastID); err != nil {
			return 0, err
		}
	}
	e.lastID = max(e.lastID+1, now.UnixMicro()<<12)
	return e.lastID, nil
}

// dueAt notes that a job of k is due at t.
func (e *Engine) dueAt(k *kind, t int64) {
	e.mu.Lock()
	lower := t < k.next
	if lower {
		k.next = t
	}
	e.mu.Unlock()
	if lower {
		e.poke()
	}
}

func (e *Engine) poke() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// Cancel removes the waiting job of (kind, key); nil when there is none. A
// running one is not stopped.
func (e *Engine) Cancel(ctx context.Context, tx *store.Tx, kind, key string) error {
	if err := cancel(ctx, tx, kind, key); err != nil {
		return fmt.Errorf("jobs: cancelling %s: %w", kind, err)
	}
	return nil
}

// Wake makes the engine look at a duty's Next again (call after commit).
func (e *Engine) Wake(name string) {
	for _, d := range e.duties {
		if d.Name == name {
			d.poke()
		}
	}
}

func (d *duty) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Dead lists jobs that gave up, oldest first, at most limit.
func (e *Engine) Dead(ctx context.Context, limit int) ([]Job, error) {
	js, err := list(ctx, e.db.Read(), `SELECT `+columns+` FROM jobs WHERE state = 'dead' ORDER BY id LIMIT $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("jobs: listing the dead: %w", err)
	}
	return js, nil
}

// Retry makes a dead job due now, with all its attempts before it; false when
// there is no such dead job.
func (e *Engine) Retry(ctx context.Context, tx *store.Tx, id int64) (bool, error) {
	js, err := list(ctx, tx, `SELECT `+columns+` FROM jobs WHERE state = 'dead' AND id = $1`, id)
	if err != nil || len(js) == 0 {
		return false, err
	}
	now := e.k.Now()
	if err := putBack(ctx, tx, id, now, 0, js[0].LastError); err != nil {
		return false, fmt.Errorf("jobs: retrying: %w", err)
	}
	if k := e.kinds[js[0].Kind]; k != nil {
		tx.OnCommit(func() { e.dueAt(k, store.Micros(now)) })
	}
	return true, nil
}

// Antall is how many jobs of a kind there are in each state.
type Antall struct {
	Kind                   string
	Waiting, Running, Dead int
	Eldste                 time.Time // when the first waiting one is or was due; zero: none waits
}

// Stats counts the jobs by kind; for metrics.
func (e *Engine) Stats(ctx context.Context) ([]Antall, error) {
	rows, err := e.db.Read().QueryContext(ctx, `SELECT kind,
		SUM(CASE WHEN state = 'waiting' THEN 1 ELSE 0 END), SUM(CASE WHEN state = 'running' THEN 1 ELSE 0 END),
		SUM(CASE WHEN state = 'dead' THEN 1 ELSE 0 END), COALESCE(MIN(CASE WHEN state = 'waiting' THEN run_at END), 0)
		FROM jobs GROUP BY kind ORDER BY kind`)
	if err != nil {
		return nil, fmt.Errorf("jobs: counting: %w", err)
	}
	defer rows.Close()
	var all []Antall
	for rows.Next() {
		var a Antall
		var eldste int64
		if err := rows.Scan(&a.Kind, &a.Waiting, &a.Running, &a.Dead, &eldste); err != nil {
			return nil, fmt.Errorf("jobs: counting: %w", err)
		}
		a.Eldste = store.Time(eldste)
		all = append(all, a)
	}
	return all, rows.Err()
}

// run calls the worker.
func (e *Engine) run(ctx context.Context, k *kind, j Job) (err error) {
	ctx, cancel := context.WithTimeout(ctx, k.opts.Timeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			e.log.Error("job panicked", "kind", j.Kind, "arg", j.Arg, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return k.worker(ctx, j)
}

// settle writes what became of a run.
func (e *Engine) settle(ctx context.Context, tx *store.Tx, k *kind, j Job, result error) error {
	now := e.k.Now()
	retry := func(after time.Duration, attempt int, text string) error {
		at := now.Add(max(0, after))
		tx.OnCommit(func() { e.dueAt(k, store.Micros(at)) })
		return putBack(ctx, tx, j.ID, at, attempt, text)
	}
	if j.Key != "" { // what waited for this job's end may be due
		tx.OnCommit(func() { e.dueAt(k, 0) })
	}
	var snooze snoozeError
	switch {
	case result == nil:
		return remove(ctx, tx, j.ID)
	case errors.As(result, &snooze):
		return retry(snooze.d, j.Attempt-1, j.LastError)
	case j.Attempt < k.opts.MaxAttempts:
		return retry(k.opts.Backoff(max(1, j.Attempt)), j.Attempt, masked(result))
	}
	if err := bury(ctx, tx, j.ID, masked(result)); err != nil {
		return err
	}
	if k.opts.Dead != nil {
		if err := k.opts.Dead(ctx, tx, j, result); err != nil {
			return deadError{err}
		}
	}
	return nil
}

// deadError is a failure of Options.Dead: the job must not die unnoticed.
type deadError struct{ error }

func (d deadError) Unwrap() error { return d.error }

// finish settles a run durably; more, when not nil, runs in the same
// transaction. A database that fails is tried again until ctx ends: then the
// job stays running in the table and is taken back at the next start.
func (e *Engine) finish(ctx context.Context, k *kind, j Job, result error, more func(tx *store.Tx) error) {
	e.report(k, j, result)
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, maxSleep) {
		err := e.db.Write(ctx, func(tx *store.Tx) error {
			if err := e.settle(ctx, tx, k, j, result); err != nil {
				return err
			}
			if more != nil {
				return more(tx)
			}
			return nil
		})
		if err == nil {
			return
		}
		e.log.Error("job not settled", "kind", j.Kind, "arg", j.Arg, "error", masked(err))
		if errors.As(err, &deadError{}) {
			// Run it once more later; it dies when its death can be told.
			result = err
			j.Attempt = k.opts.MaxAttempts - 1
			continue
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		if errors.Is(err, store.ErrClosed) {
			return
		}
	}
}

func (e *Engine) report(k *kind, j Job, result error) {
	var snooze snoozeError
	switch {
	case result == nil, errors.As(result, &snooze):
	case j.Attempt >= k.opts.MaxAttempts:
		e.log.Error("job is dead", "kind", j.Kind, "arg", j.Arg, "attempt", j.Attempt, "error", masked(result))
	default:
		e.log.Warn("job failed", "kind", j.Kind, "arg", j.Arg, "attempt", j.Attempt, "error", masked(result))
	}
}

var digits = regexp.MustCompile(`\d{9,}`)

// masked is err's text with what could be a fødselsnummer or an organisation's
// number taken out, and bounded. Workers promise more; this is a net.
func masked(err error) string {
	const most = 500
	text := err.Error()
	if len(text) > most {
		text = text[:most]
	}
	return digits.ReplaceAllString(text, "…")
}
