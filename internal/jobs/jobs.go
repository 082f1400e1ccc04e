// Package jobs runs durable work: what is enqueued in a transaction is done at
// or after its time, at least once, with retries, also after a crash. Deadlines
// are jobs with a time in the future. Everything runs on the platform's clock.
package jobs

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

var errNotBuilt = errors.New("not built")

// Job is one piece of work as its worker sees it.
type Job struct {
	ID      int64
	Kind    string
	Key     string    // see Spec.Key
	Arg     string    // an id, never personal data
	RunAt   time.Time // when it was due
	Attempt int       // 1 at the first run
}

// Worker does one job. It must be idempotent: a crash between its effect and
// the end of the job runs it again. nil = done. An error = retry with backoff
// and jitter; after MaxAttempts the job is kept as dead, visible, and reported.
type Worker func(ctx context.Context, job Job) error

// Snooze, returned by a worker, runs the job again after d without counting an attempt.
func Snooze(d time.Duration) error { return errNotBuilt }

// Options of a kind of job. Zero values give the defaults in the comments.
type Options struct {
	MaxAttempts int                                                                // 25
	Backoff     func(attempt int) time.Duration                                    // 1 s, 2 s, 4 s … at most 1 h, with jitter
	Timeout     time.Duration                                                      // of one run: 10 min
	Concurrency int                                                                // of this kind: 4
	Dead        func(ctx context.Context, tx *store.Tx, job Job, last error) error // told when a job dies, in that transaction
}

// Spec is what to do and when.
type Spec struct {
	Kind  string
	Key   string // when not "": at most one waiting job per (Kind, Key); enqueueing again moves it to the new RunAt
	Arg   string
	RunAt time.Time // zero: now
}

// Duty is recurring background work of a room that keeps its own due times,
// for example the expiry of messages: the engine asks when it is next due and
// calls RunOnce then, and whenever Wake is called.
type Duty struct {
	Name string
	// Next tells when the duty is next due; the zero time when nothing waits.
	Next func(ctx context.Context) (time.Time, error)
	// RunOnce does all that is due at now; idempotent.
	RunOnce func(ctx context.Context, now time.Time) error
}

// Engine runs jobs and duties.
type Engine struct{}

// New makes an engine over db's jobs table.
func New(db *store.DB, k klokke.Klokke, log *slog.Logger) *Engine { return nil }

// Handle registers the worker of a kind. Before Start only.
func (e *Engine) Handle(kind string, opts Options, w Worker) {}

// AddDuty registers a duty. Before Start only.
func (e *Engine) AddDuty(d Duty) {}

// Enqueue adds a job in tx; it can start the moment tx commits.
func (e *Engine) Enqueue(ctx context.Context, tx *store.Tx, s Spec) error { return errNotBuilt }

// Cancel removes the waiting job of (kind, key); nil when there is none.
func (e *Engine) Cancel(ctx context.Context, tx *store.Tx, kind, key string) error {
	return errNotBuilt
}

// Wake makes the engine look at a duty's Next again (call after commit).
func (e *Engine) Wake(duty string) {}

// Start takes back jobs whose process died and begins to work. It returns at once.
func (e *Engine) Start(ctx context.Context) error { return errNotBuilt }

// Stop lets running jobs end (until ctx ends) and stops.
func (e *Engine) Stop(ctx context.Context) error { return errNotBuilt }

// AdvanceTo moves the clock forward to target in steps: set is called with the
// time of each due job or duty in order, and its work (and what that work made
// due by then) is finished before the next step. Failing work is retried at its
// own time. For tests and the sandbox; needs no Start, and works beside it.
func (e *Engine) AdvanceTo(ctx context.Context, target time.Time, set func(time.Time)) error {
	return errNotBuilt
}

// RunDue runs everything that is due now and what it makes due now, until
// nothing is left; for tests that use no Start.
func (e *Engine) RunDue(ctx context.Context) error { return errNotBuilt }

// Dead lists jobs that gave up, oldest first, at most limit.
func (e *Engine) Dead(ctx context.Context, limit int) ([]Job, error) { return nil, errNotBuilt }
