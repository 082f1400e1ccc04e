package amqp

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// settleBatch is the most messages in one call of the backend.
	settleBatch = 1024
	// settleLinger is how long acks wait for company before a commit. Nobody
	// waits for them: their credit is back already. Closing does not linger.
	settleLinger = 3 * time.Millisecond
	// settleMax is how many acks may wait for commits before readers wait too.
	settleMax = 16 << 10
	// flushTimeout is how long a close waits for earlier acks to be durable.
	flushTimeout = 5 * time.Second
)

// backoff waits longer each time, up to some two seconds.
type backoff struct{ n int }

// wait reports false when ctx ended first.
func (b *backoff) wait(ctx context.Context) bool {
	d := min(50*time.Millisecond<<min(b.n, 6), 2*time.Second)
	b.n++
	t := time.NewTimer(d/2 + rand.N(d))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// settlements are what one round hands to the backend.
type settlements struct {
	acks, rejects, requeues, releases, marks []held
}

func (s *settlements) empty() bool {
	return len(s.acks)+len(s.rejects)+len(s.requeues)+len(s.releases)+len(s.marks) == 0
}

// settler hands settled messages to the backend, in batches: what comes while
// one call runs goes into the next. When the backend fails it tries again
// for as long as the listener lives; meanwhile the messages stay in flight.
type settler struct {
	l     *Listener
	wake  chan struct{}
	hurry chan struct{} // ends a linger

	mu        sync.Mutex
	progress  sync.Cond // on mu: a round is over
	waiting   settlements
	submitted uint64 // rounds begun
	done      uint64
	flushing  int // calls of flush that wait
}

func newSettler(l *Listener) *settler {
	s := &settler{l: l, wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1)}
	s.progress.L = &s.mu
	broadcastAtEnd(l.ctx, &s.progress)
	return s
}

// broadcastAtEnd wakes all who wait on cond when ctx ends.
func broadcastAtEnd(ctx context.Context, cond *sync.Cond) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		cond.L.Lock()
		defer cond.L.Unlock()
		cond.Broadcast()
	})
}

func (s *settler) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *settler) submit(to func(*settlements) *[]held, hs []held) {
	if len(hs) == 0 {
		return
	}
	s.mu.Lock()
	list := to(&s.waiting)
	*list = append(*list, hs...)
	urgent := s.urgent()
	s.mu.Unlock()
	s.signal()
	if urgent {
		s.rush()
	}
}

// urgent: what waits should go at once. Under mu.
func (s *settler) urgent() bool {
	w := &s.waiting
	return s.flushing > 0 || len(w.requeues)+len(w.releases) > 0 || len(w.acks) >= settleBatch
}

func (s *settler) rush() {
	select {
	case s.hurry <- struct{}{}:
	default:
	}
}

// linger waits for company, unless something is urgent.
func (s *settler) linger(t *time.Timer) {
	s.mu.Lock()
	urgent := s.urgent()
	s.mu.Unlock()
	if urgent {
		return
	}
	t.Reset(settleLinger)
	select {
	case <-t.C:
	case <-s.hurry:
	case <-s.l.ctx.Done():
	}
	t.Stop()
}

func (s *settler) ack(hs []held) {
	s.submit(func(w *settlements) *[]held { return &w.acks }, hs)
}

func (s *settler) reject(hs []held) {
	s.submit(func(w *settlements) *[]held { return &w.rejects }, hs)
}

func (s *settler) mark(hs []held) {
	s.submit(func(w *settlements) *[]held { return &w.marks }, hs)
}

// requeue counts an attempt and brings messages back to the head. Their queues
// pause until then.
func (s *settler) requeue(hs []held) {
	for q, own := range byQueue(hs) {
		q.pause(len(own))
	}
	s.submit(func(w *settlements) *[]held { return &w.requeues }, hs)
}

// requeueLocked is requeue of one message with its queue's mu held.
func (s *settler) requeueLocked(h held) {
	h.q.paused++
	s.submit(func(w *settlements) *[]held { return &w.requeues }, []held{h})
}

// release brings messages back marked as redelivered, without counting an attempt.
func (s *settler) release(hs []held) {
	s.submit(func(w *settlements) *[]held { return &w.releases }, hs)
}

// throttle waits while too many acks wait for their commit.
func (s *settler) throttle() {
	s.mu.Lock()
	for len(s.waiting.acks) > settleMax && s.l.ctx.Err() == nil {
		s.progress.Wait()
	}
	s.mu.Unlock()
}

// flush waits until everything submitted so far is durable; false when that
// takes too long.
func (s *settler) flush() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	goal := s.submitted
	if !s.waiting.empty() {
		goal++
	}
	if s.done >= goal {
		return true
	}
	s.flushing++
	defer func() { s.flushing-- }()
	s.rush()
	late := false
	t := time.AfterFunc(flushTimeout, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		late = true
		s.progress.Broadcast()
	})
	defer t.Stop()
	for s.done < goal && !late && s.l.ctx.Err() == nil {
		s.progress.Wait()
	}
	return s.done >= goal
}

// run works until the listener's context ends.
func (s *settler) run() {
	var spare settlements
	refs := make([]Ref, 0, settleBatch)
	b := s.l.cfg.Backend
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-s.wake:
		case <-s.l.ctx.Done():
			return
		}
		s.linger(timer)
		s.mu.Lock()
		now := s.waiting
		s.waiting = spare
		if now.empty() {
			spare = now
			s.mu.Unlock()
			continue
		}
		s.submitted++
		s.mu.Unlock()

		settled := func(hs []held) {
			for len(hs) > 0 { // runs of one queue
				n := 1
				for n < len(hs) && hs[n].q == hs[0].q {
					n++
				}
				hs[0].q.settled(hs[:n])
				hs = hs[n:]
			}
		}
		s.batches("ack", now.acks, refs, b.Ack, settled)
		s.batches("reject", now.rejects, refs, b.Reject, settled)
		s.requeues(now.requeues, refs)
		s.batches("release", now.releases, refs, b.Delivered, func(hs []held) {
			for q, own := range byQueue(hs) {
				q.released(own)
			}
		})
		s.batches("mark", now.marks, refs, b.Delivered, func([]held) {})

		s.mu.Lock()
		s.done++
		s.mu.Unlock()
		s.progress.Broadcast()
		spare = settlements{acks: reuse(now.acks), rejects: reuse(now.rejects),
			requeues: reuse(now.requeues), releases: reuse(now.releases), marks: reuse(now.marks)}
	}
}

func reuse(hs []held) []held {
	if cap(hs) > settleMax {
		return nil
	}
	clear(hs)
	return hs[:0]
}

// batches calls do for hs, in parts, and then for each part that is durable.
func (s *settler) batches(what string, hs []held, refs []Ref, do func(context.Context, []Ref) error, then func([]held)) {
	for len(hs) > 0 {
		part := hs[:min(len(hs), settleBatch)]
		hs = hs[len(part):]
		slices.SortFunc(part, func(a, b held) int {
			if a.q != b.q {
				return strings.Compare(a.q.name, b.q.name)
			}
			return cmp.Compare(a.seq, b.seq)
		})
		refs = refsOf(refs, part)
		if !s.retry(what, func() error { return do(s.l.ctx, refs) }) {
			return
		}
		then(part)
	}
}

// requeues hands back messages and lets their queues go on, also when it has to
// give up at the end of the listener.
func (s *settler) requeues(all []held, refs []Ref) {
	if len(all) == 0 {
		return
	}
	back := map[string][]Message{}
	for hs := all; len(hs) > 0; {
		part := hs[:min(len(hs), settleBatch)]
		hs = hs[len(part):]
		refs = refsOf(refs, part)
		s.retry("requeue", func() error {
			msgs, err := s.l.cfg.Backend.Requeue(s.l.ctx, refs)
			if err == nil {
				for _, m := range msgs {
					back[m.Queue] = append(back[m.Queue], m)
				}
			}
			return err
		})
	}
	for q, own := range byQueue(all) {
		q.resume(own, back[q.name])
	}
}

func (s *settler) retry(what string, do func() error) bool {
	var pause backoff
	for {
		err := do()
		if err == nil {
			return true
		}
		if s.l.ctx.Err() != nil {
			return false
		}
		s.l.log.Error("amqp settlement failed, will be tried again", "what", what, "error", err)
		if !pause.wait(s.l.ctx) {
			return false
		}
	}
}

func refsOf(refs []Ref, hs []held) []Ref {
	refs = refs[:0]
	for _, h := range hs {
		refs = append(refs, Ref{Queue: h.q.name, Seq: h.seq})
	}
	return refs
}

func byQueue(hs []held) map[*queue][]held {
	m := map[*queue][]held{}
	for _, h := range hs {
		m[h.q] = append(m[h.q], h)
	}
	return m
}

func queuesOf(hs []held) map[*queue]struct{} {
	m := map[*queue]struct{}{}
	for _, h := range hs {
		m[h.q] = struct{}{}
	}
	return m
}
