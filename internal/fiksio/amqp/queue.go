package amqp

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	pageMin   = 64  // messages asked for at a time, with little credit
	pageMax   = 256 // and with much
	pageGet   = 8   // for basic.get
	batchTurn = 128 // deliveries before others get at the queue

	// rescanEvery is how often a queue that has nothing to do looks from the
	// start, so that no message depends on one notification alone.
	rescanEvery = time.Minute
	// rescanMax: not when consumers hold more than this.
	rescanMax = 1000
)

// held is one message that the listener has and the backend must hear of again.
type held struct {
	q   *queue
	seq int64
}

// queue is what the listener knows of a queue while it has consumers or
// messages under way: a page of what is ready, and who holds what.
type queue struct {
	name    string
	l       *Listener
	wake    chan struct{} // to the dispatcher; holds one
	starved atomic.Bool   // a message waits for credit or room
	loadMu  sync.Mutex    // one Ready at a time

	mu        sync.Mutex
	returned  sync.Cond   // on mu: paused went to 0
	consumers []*consumer // by priority, highest first
	next      int         // round robin
	running   bool        // the dispatcher
	pins      int         // users that are no consumers

	ready    []Message // from head on, by Seq
	head     int
	cursor   int64  // highest Seq that was in ready
	more     bool   // there may be messages beyond cursor
	notified uint64 // counts Notify
	epoch    uint64 // counts what makes a running load worthless
	loading  bool
	paused   int // messages on their way back, which go before all others

	inflight  map[int64]struct{} // delivered, or being settled
	withdrawn map[int64]struct{} // being removed by the backend
}

func newQueue(l *Listener, name string) *queue {
	q := &queue{
		name: name, l: l, wake: make(chan struct{}, 1), more: true,
		inflight: map[int64]struct{}{}, withdrawn: map[int64]struct{}{},
	}
	q.returned.L = &q.mu
	return q
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// credited tells the dispatcher that somebody can have more.
func (q *queue) credited() {
	if q.starved.Load() && q.starved.Swap(false) {
		q.signal()
	}
}

// idle: nothing keeps the queue. Under mu.
func (q *queue) idle() bool {
	return len(q.consumers) == 0 && len(q.inflight) == 0 && q.pins == 0 && q.paused == 0
}

// reset forgets the page, so that everything is read again. Under mu.
func (q *queue) reset() {
	q.ready, q.head, q.cursor, q.more = nil, 0, 0, true
	q.epoch++
}

// add lets c take part. It answers 403 when exclusive use forbids.
func (q *queue) add(c *consumer) *protocolError {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, o := range q.consumers {
		if o.exclusive || c.exclusive {
			return fault(codeAccessRefused, "queue '%s' in vhost '/' in exclusive use", q.name)
		}
	}
	at := 0
	for at < len(q.consumers) && q.consumers[at].priority >= c.priority {
		at++
	}
	q.consumers = slices.Insert(q.consumers, at, c)
	if !q.running {
		q.running = true
		q.l.work.Go(q.run)
	}
	q.signal()
	return nil
}

// drop takes c out. Afterwards nothing is delivered to it.
func (q *queue) drop(c *consumer) {
	q.mu.Lock()
	if i := slices.Index(q.consumers, c); i >= 0 {
		q.consumers = slices.Delete(q.consumers, i, i+1)
	}
	idle := q.idle()
	q.mu.Unlock()
	q.signal()
	if idle {
		q.l.tidy(q)
	}
}

// run dispatches while the queue has consumers.
func (q *queue) run() {
	rescan := time.NewTicker(rescanEvery)
	defer rescan.Stop()
	pause := backoff{}
	for {
		select {
		case <-q.wake:
		case <-rescan.C:
			q.mu.Lock()
			if q.head == len(q.ready) && len(q.inflight) <= rescanMax {
				q.reset()
			}
			q.mu.Unlock()
		case <-q.l.ctx.Done():
			return
		}
		for {
			more, limit, gone := q.dispatch()
			if gone {
				return
			}
			if !more {
				break
			}
			if limit == 0 {
				continue
			}
			if err := q.load(q.l.ctx, limit); err != nil {
				if q.l.ctx.Err() != nil {
					return
				}
				q.l.log.Error("amqp queue cannot be read", "queue", q.name, "error", err)
				if !pause.wait(q.l.ctx) {
					return
				}
				continue
			}
			pause = backoff{}
		}
	}
}

// dispatch hands out what is in memory. more: call again, after loading up to
// limit messages unless that is 0. gone: the last consumer has left.
func (q *queue) dispatch() (more bool, limit int, gone bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.consumers) == 0 {
		q.running = false
		return false, 0, true
	}
	if q.paused > 0 {
		return false, 0, false
	}
	for range batchTurn {
		m := q.peek()
		if m == nil {
			if !q.more {
				return false, 0, false
			}
			return true, q.page(), false
		}
		result := q.offer(m)
		if result == noRoom {
			// Announce the hunger, then look once more: credit may have come between.
			q.starved.Store(true)
			if result = q.offer(m); result == noRoom {
				return false, 0, false
			}
			q.starved.Store(false)
		}
		q.inflight[m.Seq] = struct{}{}
		if result == unsendable {
			q.l.log.Error("amqp message does not fit in a frame", "queue", q.name, "seq", m.Seq)
			q.l.settler.requeueLocked(held{q, m.Seq})
			q.pop()
			return false, 0, false
		}
		q.pop()
	}
	return true, 0, false
}

// peek returns the first message that may be delivered, or nil.
func (q *queue) peek() *Message {
	for q.head < len(q.ready) {
		m := &q.ready[q.head]
		_, gone := q.withdrawn[m.Seq]
		if !gone && (m.ExpiresAt.IsZero() || q.l.cfg.Now().Before(m.ExpiresAt)) {
			return m
		}
		q.pop()
	}
	return nil
}

func (q *queue) pop() {
	q.ready[q.head] = Message{}
	q.head++
	if q.head == len(q.ready) {
		q.ready, q.head = q.ready[:0], 0
	}
}

// offer gives m to the next consumer in turn, among those of the highest priority that
// can have it.
func (q *queue) offer(m *Message) outcome {
	for i := 0; i < len(q.consumers); {
		j := i + 1
		for j < len(q.consumers) && q.consumers[j].priority == q.consumers[i].priority {
			j++
		}
		for k := range j - i {
			c := q.consumers[i+(q.next+k)%(j-i)]
			switch c.ch.deliver(c, m) {
			case delivered:
				q.next = (q.next + k + 1) % (j - i)
				if c.noAck && int64(len(m.Body)) == m.Size {
					q.l.settler.ack([]held{{q, m.Seq}})
				}
				return delivered
			case unsendable:
				return unsendable
			}
		}
		i = j
	}
	return noRoom
}

// page is how many messages to read: enough for the consumers, not more than
// memory likes.
func (q *queue) page() int {
	credit := 0
	for _, c := range q.consumers {
		if c.prefetch == 0 {
			return pageMax
		}
		credit += c.prefetch
	}
	return min(max(credit, pageMin), pageMax)
}

// load reads the next page behind cursor, unless there is something in memory.
func (q *queue) load(ctx context.Context, limit int) error {
	q.loadMu.Lock()
	defer q.loadMu.Unlock()
	q.mu.Lock()
	if q.head < len(q.ready) || !q.more {
		q.mu.Unlock()
		return nil
	}
	after, notified, epoch := q.cursor, q.notified, q.epoch
	q.loading = true
	q.mu.Unlock()

	msgs, err := q.l.cfg.Backend.Ready(ctx, q.name, after, limit)

	q.mu.Lock()
	defer q.mu.Unlock()
	q.loading = false
	if err != nil || q.epoch != epoch {
		return err
	}
	for i := range msgs {
		if _, busy := q.inflight[msgs[i].Seq]; !busy {
			q.ready = append(q.ready, msgs[i])
		}
		q.cursor = max(q.cursor, msgs[i].Seq)
	}
	q.more = len(msgs) >= limit || q.notified != notified
	return nil
}

// take takes the head of the queue for basic.get; nil when there is none. It waits
// for messages that are on their way back.
func (q *queue) take(ctx context.Context) (*Message, error) {
	for {
		q.mu.Lock()
		if q.paused > 0 {
			stop := broadcastAtEnd(ctx, &q.returned)
			for q.paused > 0 && ctx.Err() == nil {
				q.returned.Wait()
			}
			stop()
		}
		if err := ctx.Err(); err != nil {
			q.mu.Unlock()
			return nil, err
		}
		if m := q.peek(); m != nil {
			got := *m
			q.inflight[got.Seq] = struct{}{}
			q.pop()
			q.mu.Unlock()
			return &got, nil
		}
		more := q.more
		q.mu.Unlock()
		if !more {
			return nil, nil
		}
		if err := q.load(ctx, pageGet); err != nil {
			return nil, err
		}
	}
}

// settled forgets messages that the backend has removed.
func (q *queue) settled(seqs []held) {
	q.mu.Lock()
	for _, h := range seqs {
		delete(q.inflight, h.seq)
	}
	idle := q.idle()
	q.mu.Unlock()
	if idle {
		q.l.tidy(q)
	}
}

// pause stops dispatch and get until resume: n messages are on their way back to the head.
func (q *queue) pause(n int) {
	q.mu.Lock()
	q.paused += n
	q.mu.Unlock()
}

// resume ends a pause. Of the messages in came, those in back are ready again
// and the others are gone.
func (q *queue) resume(came []held, back []Message) {
	q.mu.Lock()
	for _, h := range came {
		delete(q.inflight, h.seq)
	}
	for _, m := range back {
		switch {
		case m.Seq <= q.cursor:
			at, _ := slices.BinarySearchFunc(q.ready[q.head:], m.Seq, func(r Message, seq int64) int {
				return cmp.Compare(r.Seq, seq)
			})
			q.ready = slices.Insert(q.ready, q.head+at, m)
		default: // it will be read again, but not by a load that began before
			q.epoch++
			q.more = true
		}
	}
	q.paused -= len(came)
	if q.paused == 0 {
		q.returned.Broadcast()
	}
	idle := q.idle()
	q.mu.Unlock()
	q.signal()
	if idle {
		q.l.tidy(q)
	}
}

// released forgets messages and reads everything again, as the backend now has it.
func (q *queue) released(hs []held) {
	q.mu.Lock()
	for _, h := range hs {
		delete(q.inflight, h.seq)
	}
	q.reset()
	idle := q.idle()
	q.mu.Unlock()
	q.signal()
	if idle {
		q.l.tidy(q)
	}
}
