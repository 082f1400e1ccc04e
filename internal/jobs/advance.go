package jobs

import (
	"context"
	"fmt"
	"time"

	"knutepunkt/internal/store"
)

const (
	maxSame = 1_000     // runs of the same work without the clock being moved
	maxRuns = 1_000_000 // runs of any work without the clock being moved
)

// AdvanceTo moves the clock forward to target in steps: set is called with the
// time of each due job or duty in order, and its work (and what that work made
// due by then) is finished before the next step. Failing work is retried at its
// own time. For tests and the sandbox; needs no Start, and works beside it: the
// background is paused meanwhile, and nothing runs in parallel. At equal times
// jobs come before duties, in the order in which they were enqueued, and duties
// in the order in which they were added. Work that makes itself due again and
// again without time passing ends it with ErrEndless.
func (e *Engine) AdvanceTo(ctx context.Context, target time.Time, set func(time.Time)) error {
	return e.drive(ctx, target, set)
}

// RunDue runs everything that is due now and what it makes due now, until
// nothing is left; for tests that use no Start.
func (e *Engine) RunDue(ctx context.Context) error { return e.drive(ctx, time.Time{}, nil) }

func (e *Engine) drive(ctx context.Context, target time.Time, set func(time.Time)) error {
	select {
	case e.advance <- struct{}{}:
		defer func() { <-e.advance }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := e.pause(ctx); err != nil {
		return fmt.Errorf("jobs: waiting for running work: %w", err)
	}
	defer e.resume()
	e.mu.Lock()
	started := e.started
	e.mu.Unlock()
	if !started {
		if err := e.recover(ctx); err != nil {
			return fmt.Errorf("jobs: %w", err)
		}
	}

	type work struct{ kind, key, arg string }
	same, runs := map[work]int{}, 0
	move := func(t time.Time) {
		if set != nil && t.After(e.k.Now()) {
			set(t)
			clear(same)
			runs = 0
		}
	}
	// Work is seen to its end: a caller that goes away stops between two steps.
	workCtx := context.WithoutCancel(ctx)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		due, job, d, err := e.first(workCtx)
		if err != nil {
			return fmt.Errorf("jobs: %w", err)
		}
		limit := e.k.Now()
		if target.After(limit) {
			limit = target
		}
		if due.IsZero() || due.After(limit) {
			if target.After(e.k.Now()) && set != nil {
				move(target)
				continue // a clock that runs may have made something due
			}
			return nil
		}
		move(due)
		if due.After(e.k.Now()) {
			return fmt.Errorf("jobs: the clock was not moved to %s", due.Format(time.RFC3339Nano))
		}
		if d != nil {
			e.runDuty(workCtx, d) // has a bound of its own
			continue
		}
		w := work{job.Kind, job.Key, job.Arg}
		same[w]++
		runs++
		if same[w] > maxSame || runs > maxRuns {
			return fmt.Errorf("%w: %s %s at %s", ErrEndless, job.Kind, job.Arg, e.k.Now().Format(time.RFC3339Nano))
		}
		if err := e.runJob(workCtx, job.ID); err != nil {
			return fmt.Errorf("jobs: %w", err)
		}
	}
}

// first finds the job or duty that is due first; the zero time when nothing waits.
func (e *Engine) first(ctx context.Context) (due time.Time, job Job, d *duty, err error) {
	job, ok, err := earliest(ctx, e.db.Read(), e.names)
	if err != nil {
		return due, job, nil, err
	}
	if ok {
		due = job.RunAt
	}
	for _, c := range e.duties {
		if t, ok := e.dutyDue(ctx, c); ok && (due.IsZero() || t.Before(due)) {
			due, d = t, c
		}
	}
	return due, job, d, nil
}

// runJob does one waiting job, here and now.
func (e *Engine) runJob(ctx context.Context, id int64) error {
	var j Job
	var k *kind
	err := e.db.Write(ctx, func(tx *store.Tx) error {
		k = nil
		var ok bool
		var err error
		if j, ok, err = claimOne(ctx, tx, id, lease{e.owner, e.k.Now().Add(maxSleep)}); err == nil && ok {
			k = e.kinds[j.Kind]
		}
		return err
	})
	if err != nil || k == nil {
		return err
	}
	e.finish(ctx, k, j, e.run(ctx, k, j), nil)
	return nil
}
