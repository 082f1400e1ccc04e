package amqp

import (
	"encoding/binary"
	"sort"
	"sync"
	"time"
)

// maxUnacked bounds what one channel holds when its consumers set no
// prefetch limit. RabbitMQ has no such bound; memory has.
const maxUnacked = 100_000

// channel is one channel of a connection. Only its connection's reader opens,
// closes and settles; the dispatch of queues delivers.
type channel struct {
	id   uint16
	conn *conn

	// of the reader only
	closing   bool // channel.close sent, channel.close-ok not yet come
	over      bool // nothing is left of it
	confirm   bool
	published uint64
	content   *incoming
	consumers map[string]*consumer
	prefetch  int // for consumers to come

	mu             sync.Mutex
	open           bool
	flow           bool // the client wants deliveries
	globalPrefetch int  // over all consumers of the channel; 0 = unlimited
	consumed       int  // unacked by consumers (not by get)
	lastTag        uint64
	unacked        unackedList
	markable       uint64 // highest tag at the last tick
	marked         uint64 // highest tag told to the backend as delivered
}

// consumer is one basic.consume.
type consumer struct {
	tag       string
	ch        *channel
	q         *queue
	noAck     bool
	exclusive bool
	priority  int
	prefetch  int  // 0 = unlimited
	unacked   int  // under ch.mu
	live      bool // under ch.mu: consume-ok is on its way
}

// entry is one delivery that waits for its settlement.
type entry struct {
	tag  uint64
	held held      // held.q is nil when settled
	cons *consumer // nil for basic.get
	at   time.Time // of the delivery
}

// unackedList holds deliveries by tag. Settled ones leave holes, which are closed
// when they are the majority; so all operations are cheap, and memory follows
// the number of live ones.
type unackedList struct {
	entries []entry
	live    int
}

func (u *unackedList) add(e entry) {
	u.entries = append(u.entries, e)
	u.live++
}

// find returns the index of the live entry with tag, or -1.
func (u *unackedList) find(tag uint64) int {
	if len(u.entries) == 0 || tag < u.entries[0].tag {
		return -1
	}
	i := int(min(tag-u.entries[0].tag, uint64(len(u.entries)-1)))
	if u.entries[i].tag != tag {
		i = sort.Search(len(u.entries), func(i int) bool { return u.entries[i].tag >= tag })
	}
	if i == len(u.entries) || u.entries[i].tag != tag || u.entries[i].held.q == nil {
		return -1
	}
	return i
}

// remove takes out the live entry at i; the caller tidies afterwards.
func (u *unackedList) remove(i int) entry {
	e := u.entries[i]
	u.entries[i].held.q, u.entries[i].cons = nil, nil
	u.live--
	return e
}

// tidy closes holes.
func (u *unackedList) tidy() {
	i := 0
	for i < len(u.entries) && u.entries[i].held.q == nil {
		i++
	}
	if i == len(u.entries) {
		u.entries = u.entries[:0]
		return
	}
	u.entries = u.entries[i:]
	if len(u.entries) > 2*u.live+64 {
		kept := make([]entry, 0, u.live+64)
		for _, e := range u.entries {
			if e.held.q != nil {
				kept = append(kept, e)
			}
		}
		u.entries = kept
	}
}

type outcome int

const (
	delivered  outcome = iota
	noRoom             // not this consumer now
	unsendable         // its header does not fit in a frame
)

// deliver puts m on the wire for c if it may have more. Called under q.mu.
func (ch *channel) deliver(c *consumer, m *Message) outcome {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if !c.live || !ch.open || !ch.flow || ch.conn.stopped.Load() ||
		c.prefetch > 0 && c.unacked >= c.prefetch ||
		ch.globalPrefetch > 0 && ch.consumed >= ch.globalPrefetch ||
		ch.unacked.live >= maxUnacked {
		return noRoom
	}
	if n := headerFrameSize(m); n < 0 || n > ch.conn.frameMax {
		return unsendable
	}
	o := ch.conn.out
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return noRoom
	}
	if o.size >= outboxHigh {
		o.wanted = true
		o.mu.Unlock()
		return noRoom
	}
	ch.lastTag++
	start := len(o.buf)
	b := beginFrame(o.buf, frameMethod, ch.id)
	b = binary.BigEndian.AppendUint32(b, uint32(basicDeliver))
	b = appendShortstr(b, c.tag)
	b = binary.BigEndian.AppendUint64(b, ch.lastTag)
	b = appendBool(b, m.Redelivered)
	b = appendShortstr(b, "")
	b = appendShortstr(b, m.Queue)
	b = endFrame(b, start)
	h := held{q: c.q, seq: m.Seq}
	o.content(b, start, m, ch, h, c.noAck)
	o.mu.Unlock()
	o.signal()
	if !c.noAck {
		ch.unacked.add(entry{tag: ch.lastTag, held: h, cons: c, at: time.Now()})
		c.unacked++
		ch.consumed++
	}
	return delivered
}

// get answers basic.get with m. It reports false when m cannot be sent.
func (ch *channel) get(q *queue, m *Message, noAck bool, left int) outcome {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if n := headerFrameSize(m); n < 0 || n > ch.conn.frameMax {
		return unsendable
	}
	if !ch.open {
		return noRoom
	}
	o := ch.conn.out
	o.mu.Lock()
	defer o.signal()
	defer o.mu.Unlock()
	if o.closed {
		return noRoom
	}
	ch.lastTag++
	start := len(o.buf)
	b := beginFrame(o.buf, frameMethod, ch.id)
	b = binary.BigEndian.AppendUint32(b, uint32(basicGetOk))
	b = binary.BigEndian.AppendUint64(b, ch.lastTag)
	b = appendBool(b, m.Redelivered)
	b = appendShortstr(b, "")
	b = appendShortstr(b, m.Queue)
	b = binary.BigEndian.AppendUint32(b, uint32(left))
	b = endFrame(b, start)
	h := held{q: q, seq: m.Seq}
	o.content(b, start, m, ch, h, noAck)
	if !noAck {
		ch.unacked.add(entry{tag: ch.lastTag, held: h, at: time.Now()})
	}
	return delivered
}

// content completes a delivery whose method frame begins at start of b, which is
// o.buf grown. Called under o.mu.
func (o *outbox) content(b []byte, start int, m *Message, ch *channel, h held, noAck bool) {
	b = appendContentHeader(b, ch.id, m)
	if int64(len(m.Body)) == m.Size {
		b = appendBody(b, ch.id, m.Body, ch.conn.frameMax)
		o.size += len(b) - start
		o.buf = b
		return
	}
	o.size += len(b) - start + int(m.Size)
	o.streams = append(o.streams, stream{
		before: b[:start:start], head: b[start:],
		size: m.Size, ch: ch, tag: ch.lastTag, held: h, noAck: noAck,
	})
	o.buf = nil
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// settle takes the deliveries that a client's ack, nack or reject names out of
// the list and appends them to dst. Their credit comes back at once when free is set, else
// with credit. ok is false for an unknown tag.
func (ch *channel) settle(tag uint64, multiple, free bool, dst []entry) (_ []entry, ok bool) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	n := len(dst)
	switch {
	case multiple && tag == 0:
		for i := range ch.unacked.entries {
			if ch.unacked.entries[i].held.q != nil {
				dst = append(dst, ch.unacked.remove(i))
			}
		}
	default:
		at := ch.unacked.find(tag)
		if at < 0 {
			return dst, false
		}
		from := at
		if multiple {
			from = 0
		}
		for i := from; i <= at; i++ {
			if ch.unacked.entries[i].held.q != nil {
				dst = append(dst, ch.unacked.remove(i))
			}
		}
	}
	ch.unacked.tidy()
	if free {
		ch.creditLocked(dst[n:])
	}
	return dst, true
}

// credit lets consumers have as many more as they have settled.
func (ch *channel) credit(settled []entry) {
	ch.mu.Lock()
	ch.creditLocked(settled)
	ch.mu.Unlock()
}

func (ch *channel) creditLocked(settled []entry) {
	for i := range settled {
		if c := settled[i].cons; c != nil {
			c.unacked--
			ch.consumed--
		}
	}
}

// forget takes out one delivery that could not be written; false when it is gone.
func (ch *channel) forget(tag uint64) bool {
	settled, ok := ch.settle(tag, false, true, nil)
	for _, e := range settled {
		e.held.q.credited()
	}
	return ok
}

// shut ends deliveries and returns what was unacked.
func (ch *channel) shut() []held {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.open = false
	left := make([]held, 0, ch.unacked.live)
	for _, e := range ch.unacked.entries {
		if e.held.q != nil {
			left = append(left, e.held)
		}
	}
	ch.unacked = unackedList{}
	return left
}

// oldest is how long the first unacked delivery has been held.
func (ch *channel) oldest() time.Duration {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.unacked.live == 0 {
		return 0
	}
	return time.Since(ch.unacked.entries[0].at) // tidy leaves no hole in front
}

// lingering appends the deliveries that were unacked at the last call too and
// have not been returned by an earlier one.
func (ch *channel) lingering(dst []held) []held {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.marked < ch.markable {
		i := sort.Search(len(ch.unacked.entries), func(i int) bool { return ch.unacked.entries[i].tag > ch.marked })
		for ; i < len(ch.unacked.entries) && ch.unacked.entries[i].tag <= ch.markable; i++ {
			if e := ch.unacked.entries[i]; e.held.q != nil {
				dst = append(dst, e.held)
			}
		}
		ch.marked = ch.markable
	}
	ch.markable = ch.lastTag
	return dst
}
