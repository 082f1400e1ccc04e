// Package jobs runs durable work: what is enqueued in a transaction is done at
// or after its time, at least once, with retries, also after a crash. Deadlines
// are jobs with a time in the future. Everything runs on the platform's clock.
package jobs

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"knutepunkt/internal/store"
)

// Job is one piece of work as its worker sees it.
type Job struct {
	ID        int64
	Kind      string
	Key       string    // see Spec.Key
	Arg       string    // an id, never personal data
	RunAt     time.Time // when it was due
	Attempt   int       // 1 at the first run
	LastError string    // of the run before, or of the last one for a dead job; long digit strings are masked
}

// Worker does one job. It must be idempotent: a crash between its effect and
// the end of the job runs it again. nil = done. An error = retry with backoff
// and jitter; after MaxAttempts the job is kept as dead, visible, and reported.
// The error's text is stored and logged: it must carry no personal data.
type Worker func(ctx context.Context, job Job) error

type snoozeError struct{ d time.Duration }

func (s snoozeError) Error() string { return fmt.Sprintf("snoozed for %s", s.d) }

// Snooze is what a worker returns to be run again after d without counting an attempt.
func Snooze(d time.Duration) error { return snoozeError{d} }

// Options of a kind of job. Zero values give the defaults in the comments.
type Options struct {
	MaxAttempts int                                                                // 25
	Backoff     func(attempt int) time.Duration                                    // 1 s, 2 s, 4 s … at most 1 h, with jitter
	Timeout     time.Duration                                                      // of one run: 10 min
	Concurrency int                                                                // of this kind: 4
	Dead        func(ctx context.Context, tx *store.Tx, job Job, last error) error // told when a job dies, in that transaction
}

func (o Options) withDefaults() Options {
	if o.MaxAttempts <= 0 {
		o.MaxAttempts = 25
	}
	if o.Backoff == nil {
		o.Backoff = defaultBackoff
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Minute
	}
	if o.Concurrency <= 0 {
		o.Concurrency = 4
	}
	return o
}

// defaultBackoff doubles from 1 s to 1 h, and spreads by a fifth to each side.
func defaultBackoff(attempt int) time.Duration {
	d := time.Hour
	if attempt < 13 { // 2^12 s is more than an hour
		d = min(d, time.Second<<max(0, attempt-1))
	}
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

// Spec is what to do and when.
type Spec struct {
	Kind  string
	Key   string // when not "": at most one waiting job per (Kind, Key); enqueueing again moves it to the new RunAt
	Arg   string
	RunAt time.Time // zero: now
	// Tidligst keeps the time of a job of the same Key that waits already, when
	// that is earlier than RunAt.
	Tidligst bool
}

// Duty is recurring background work of a room that keeps its own due times,
// for example the expiry of messages: the engine asks when it is next due and
// calls RunOnce then, and whenever Wake is called and it is due. A RunOnce that
// fails is called again after a backoff; RunOnce never runs beside itself.
type Duty struct {
	Name string
	// Next tells when the duty is next due; the zero time when nothing waits.
	Next func(ctx context.Context) (time.Time, error)
	// RunOnce does all that is due at now; idempotent.
	RunOnce func(ctx context.Context, now time.Time) error
}

// ErrEndless is returned by AdvanceTo and RunDue when work keeps making itself
// due again without time passing.
var ErrEndless = errors.New("jobs: work makes itself due without end")

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this room.
func Migrations() store.Migrations {
	return store.Migrations{Room: "jobs", FS: migrations}
}
