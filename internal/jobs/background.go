package jobs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"knutepunkt/internal/store"
)

// Start takes back jobs whose process died and begins to work. It returns at
// once. Ending ctx does not stop the engine; Stop does.
func (e *Engine) Start(ctx context.Context) error {
	e.mu.Lock()
	if e.started {
		e.mu.Unlock()
		return errors.New("jobs: started twice")
	}
	e.started, e.stopping = true, false
	stop := make(chan struct{})
	e.stop = stop
	e.mu.Unlock()

	if err := e.recover(ctx); err != nil {
		e.mu.Lock()
		e.started = false
		e.mu.Unlock()
		return fmt.Errorf("jobs: starting: %w", err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	e.cancel = cancel
	e.loops.Go(func() { e.dispatch(ctx, stop) })
	for _, d := range e.duties {
		e.loops.Go(func() { e.attend(ctx, stop, d) })
	}
	return nil
}

// recover makes jobs of a dead process wait again, and tells of jobs nobody does.
func (e *Engine) recover(ctx context.Context) error {
	err := e.db.Write(ctx, func(tx *store.Tx) error {
		n, err := takeBack(ctx, tx)
		if n > 0 {
			tx.OnCommit(func() { e.log.Info("jobs taken back after a stop", "count", n) })
		}
		for _, k := range e.kinds {
			tx.OnCommit(func() { e.dueAt(k, 0) })
		}
		return err
	})
	if err != nil {
		return err
	}
	stats, err := e.Stats(ctx)
	for _, s := range stats {
		if e.kinds[s.Kind] == nil && s.Waiting > 0 {
			e.log.Error("jobs wait for which there is no worker", "kind", s.Kind, "count", s.Waiting)
		}
	}
	return err
}

// Stop lets running jobs end (until ctx ends) and stops. Jobs that did not end
// in time are cancelled; their work is done again after the next Start.
func (e *Engine) Stop(ctx context.Context) error {
	e.mu.Lock()
	if !e.started || e.stopping {
		e.mu.Unlock()
		return nil
	}
	e.stopping = true
	close(e.stop)
	e.mu.Unlock()

	err := e.quiet(ctx)
	if err == nil { // AdvanceTo may be at work
		select {
		case e.advance <- struct{}{}:
			defer func() { <-e.advance }()
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	e.cancel()
	if err == nil {
		e.loops.Wait()
	} else {
		err = fmt.Errorf("jobs: work was still under way: %w", err)
	}
	e.mu.Lock()
	e.started = false
	e.mu.Unlock()
	return err
}

// begin asks to do background work; false when the engine is paused or stops.
func (e *Engine) begin() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.paused || e.stopping {
		return false
	}
	e.active++
	return true
}

func (e *Engine) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.active--
	if e.active == 0 {
		close(e.changed)
		e.changed = make(chan struct{})
	}
}

// quiet waits until no background work is under way.
func (e *Engine) quiet(ctx context.Context) error {
	for {
		e.mu.Lock()
		active, changed := e.active, e.changed
		e.mu.Unlock()
		if active == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// pause keeps background work from starting and waits for what is under way.
func (e *Engine) pause(ctx context.Context) error {
	e.mu.Lock()
	e.paused = true
	e.mu.Unlock()
	if err := e.quiet(ctx); err != nil {
		e.resume()
		return err
	}
	return nil
}

func (e *Engine) resume() {
	e.mu.Lock()
	e.paused = false
	e.mu.Unlock()
	e.poke()
	for _, d := range e.duties {
		d.poke()
	}
}

// dispatch hands due jobs to slots: a kind has Concurrency of them, and a slot
// takes the kind's next job in the transaction that ends the one before.
func (e *Engine) dispatch(ctx context.Context, stop <-chan struct{}) {
	timer := time.NewTimer(maxSleep)
	defer timer.Stop()
	for {
		wait := maxSleep
		if e.begin() {
			wait = e.fill(ctx)
			e.end()
		}
		timer.Reset(wait)
		select {
		case <-e.wake:
		case <-timer.C:
		case <-stop:
			return
		}
	}
}

// fill claims due jobs for all free slots in one transaction, and tells how
// long nothing more will be due.
func (e *Engine) fill(ctx context.Context) time.Duration {
	now := e.k.Now()
	type want struct {
		k    *kind
		free int
		got  []Job
	}
	var wants []*want
	wait := maxSleep
	e.mu.Lock()
	for _, name := range e.names {
		k := e.kinds[name]
		free := k.opts.Concurrency - k.running
		if free <= 0 {
			continue
		}
		if k.next <= store.Micros(now) {
			wants = append(wants, &want{k: k, free: free})
		} else {
			wait = min(wait, store.Time(k.next).Sub(now))
		}
	}
	e.mu.Unlock()
	if len(wants) == 0 {
		return wait
	}
	err := e.db.Write(ctx, func(tx *store.Tx) error {
		for _, w := range wants {
			js, next, err := claim(ctx, tx, w.k.name, now, w.free, e.lease(w.k, now))
			if err != nil {
				return err
			}
			w.got = js
			tx.OnCommit(func() { e.claimed(w.k, len(js), next) })
		}
		return nil
	})
	if err != nil {
		if ctx.Err() == nil {
			e.log.Error("claiming jobs failed", "error", masked(err))
		}
		return time.Second
	}
	for _, w := range wants {
		for _, j := range w.got {
			e.loops.Go(func() { e.slot(ctx, w.k, j) })
		}
		e.mu.Lock()
		if len(w.got) < w.free && w.k.next != maxTime {
			wait = min(wait, max(0, store.Time(w.k.next).Sub(now)))
		}
		e.mu.Unlock()
	}
	return wait
}

func (e *Engine) lease(k *kind, now time.Time) lease {
	return lease{owner: e.owner, until: now.Add(k.opts.Timeout + time.Minute)}
}

// claimed notes n more running jobs of k. It runs on commit, so that it cannot
// undo what a later commit notes in dueAt.
func (e *Engine) claimed(k *kind, n int, next int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	k.running += n
	e.active += n
	k.next = next
}

// slot does a job, and after it others of its kind as long as there are any.
func (e *Engine) slot(ctx context.Context, k *kind, j Job) {
	for more := true; more; {
		err := e.run(ctx, k, j)
		if err != nil && ctx.Err() != nil {
			break // cancelled by Stop: it stays running in the table, and is taken back
		}
		more = false
		var next []Job
		e.finish(ctx, k, j, err, func(tx *store.Tx) (err error) {
			next = nil
			now := e.k.Now()
			e.mu.Lock()
			take := !e.paused && !e.stopping && (j.Key != "" || k.next <= store.Micros(now))
			e.mu.Unlock()
			if !take {
				return nil
			}
			var at int64
			if next, at, err = claim(ctx, tx, k.name, now, 1, e.lease(k, now)); err == nil {
				tx.OnCommit(func() { e.claimed(k, 0, at) })
			}
			return err
		})
		if len(next) > 0 {
			j, more = next[0], true
		}
	}
	e.mu.Lock()
	k.running--
	e.mu.Unlock()
	e.end()
	e.poke()
}

// attend runs a duty when it is due.
func (e *Engine) attend(ctx context.Context, stop <-chan struct{}, d *duty) {
	timer := time.NewTimer(maxSleep)
	defer timer.Stop()
	for {
		wait := maxSleep
		if e.begin() {
			wait = e.dutyStep(ctx, d)
			e.end()
		}
		timer.Reset(wait)
		select {
		case <-d.wake:
		case <-timer.C:
		case <-stop:
			return
		}
	}
}

// dutyStep runs the duty if it is due, and tells how long it is not.
func (e *Engine) dutyStep(ctx context.Context, d *duty) time.Duration {
	due, ok := e.dutyDue(ctx, d)
	if !ok {
		return maxSleep
	}
	if now := e.k.Now(); due.After(now) {
		return min(maxSleep, due.Sub(now))
	}
	e.runDuty(ctx, d)
	return 0
}

// maxIdle is how often in a row a duty may be due right after it was run.
const maxIdle = 1_000

// dutyDue tells when the duty should run next; false when nothing waits.
func (e *Engine) dutyDue(ctx context.Context, d *duty) (time.Time, bool) {
	now := e.k.Now()
	if d.notBefore.After(now) {
		return d.notBefore, true
	}
	due, err := d.Next(ctx)
	if cut := due.Truncate(time.Microsecond); due.After(cut) {
		due = cut.Add(time.Microsecond) // the clock's precision
	}
	switch {
	case err != nil:
		e.dutyFailed(ctx, d, err)
		return d.notBefore, true
	case due.IsZero():
		d.idle = 0
		return due, false
	case due.After(now):
		d.idle = 0
	case d.idle > maxIdle:
		d.idle = 0
		e.dutyFailed(ctx, d, errors.New("still due after RunOnce, again and again"))
		return d.notBefore, true
	}
	return due, true
}

// runDuty runs a duty that is due.
func (e *Engine) runDuty(ctx context.Context, d *duty) {
	err := func() (err error) {
		defer func() {
			if p := recover(); p != nil {
				e.log.Error("duty panicked", "duty", d.Name, "stack", string(debug.Stack()))
				err = fmt.Errorf("panic: %v", p)
			}
		}()
		return d.RunOnce(ctx, e.k.Now())
	}()
	if err != nil {
		e.dutyFailed(ctx, d, err)
		return
	}
	d.failures = 0
	d.idle++
}

func (e *Engine) dutyFailed(ctx context.Context, d *duty, err error) {
	if ctx.Err() != nil {
		return
	}
	d.failures++
	d.notBefore = e.k.Now().Add(defaultBackoff(d.failures).Truncate(time.Microsecond))
	e.log.Warn("duty failed", "duty", d.Name, "failures", d.failures, "error", masked(err))
}
