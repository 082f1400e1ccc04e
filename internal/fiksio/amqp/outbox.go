package amqp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// outboxHigh is where the dispatch stops putting deliveries in an outbox, until its
	// writer has taken what is there.
	outboxHigh = 128 << 10
	// outboxHard is where the connection's own reader waits before it
	// answers more (a client that asks and does not read).
	outboxHard = 1 << 20
	// outboxSpare is the largest buffer kept for reuse.
	outboxSpare = 256 << 10
)

// errClosed is the end of a connection that was closed in order.
var errClosed = errors.New("connection closed")

// outbox holds what is to be written to one connection. Everything that is put
// there while a write is under way goes out with the next one.
type outbox struct {
	wake chan struct{} // to the writer; holds one

	mu       sync.Mutex
	room     sync.Cond // on mu: taken or closed
	buf      []byte    // frames after the last of streams
	streams  []stream  // deliveries whose bodies the writer opens
	size     int       // bytes promised, bodies included
	spare    []byte
	wanted   bool // a queue waits for room
	closed   bool // nothing more is accepted
	finished bool // the writer ends when all is written
}

// stream is a delivery whose body is read when its turn comes: before are the frames that
// precede it, head its method and header frames.
type stream struct {
	before, head []byte
	size         int64
	ch           *channel
	tag          uint64
	held         held
	noAck        bool
}

func newOutbox() *outbox {
	o := &outbox{wake: make(chan struct{}, 1)}
	o.room.L = &o.mu
	return o
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// put appends frames, waiting while the outbox is over its hard limit.
func (o *outbox) put(frames func([]byte) []byte) {
	o.mu.Lock()
	for o.size > outboxHard && !o.closed {
		o.room.Wait()
	}
	if !o.closed {
		n := len(o.buf)
		o.buf = frames(o.buf)
		o.size += len(o.buf) - n
	}
	o.mu.Unlock()
	o.signal()
}

// putNow appends frames however full the outbox is: for what others than the connection's
// reader send, which must not wait for a slow client.
func (o *outbox) putNow(frames func([]byte) []byte) {
	o.mu.Lock()
	if !o.closed {
		n := len(o.buf)
		o.buf = frames(o.buf)
		o.size += len(o.buf) - n
	}
	o.mu.Unlock()
	o.signal()
}

// take hands everything to the writer and tells whether a queue waits for room.
func (o *outbox) take() (streams []stream, buf []byte, wanted, finished bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	streams, buf, wanted = o.streams, o.buf, o.wanted
	o.streams, o.buf, o.spare = nil, o.spare[:0], nil
	o.size, o.wanted = 0, false
	o.room.Broadcast()
	return streams, buf, wanted, o.finished
}

// giveBack returns a buffer for reuse.
func (o *outbox) giveBack(buf []byte) {
	if cap(buf) > outboxSpare {
		return
	}
	o.mu.Lock()
	o.spare = buf[:0]
	o.mu.Unlock()
}

// close stops accepting. With flush the writer still writes what is there.
// It returns the deliveries that will never be opened.
func (o *outbox) close(flush bool) []stream {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed, o.finished = true, true
	o.room.Broadcast()
	o.signal()
	if flush {
		return nil
	}
	left := o.streams
	o.streams, o.buf, o.size = nil, nil, 0
	return left
}

// writeLoop writes the outbox to the socket until it is closed and empty, and
// sends heartbeats in between. Its error is the first one of the socket.
func (c *conn) writeLoop() error {
	var tick <-chan time.Time
	if c.heartbeat > 0 {
		t := time.NewTicker(c.heartbeat / 2)
		defer t.Stop()
		tick = t.C
	}
	idle := true // nothing written since the last tick
	for {
		select {
		case <-c.out.wake:
		case <-tick:
			if idle {
				if err := c.write(appendHeartbeat(nil)); err != nil {
					return err
				}
			}
			idle = true
		}
		streams, buf, wanted, finished := c.out.take()
		if wanted {
			c.wakeQueues()
		}
		for i := range streams {
			idle = false
			if err := c.writeStream(&streams[i]); err != nil {
				for _, s := range streams[i+1:] {
					s.drop()
				}
				return err
			}
		}
		if len(buf) > 0 {
			idle = false
			if err := c.write(buf); err != nil {
				return err
			}
		}
		c.out.giveBack(buf)
		if finished {
			return nil
		}
	}
}

// write writes b within the write timeout per 128 KiB.
func (c *conn) write(b []byte) error {
	for len(b) > 0 {
		n := min(len(b), frameMaxDefault)
		if err := c.nc.SetWriteDeadline(time.Now().Add(c.l.cfg.WriteTimeout)); err != nil {
			return err
		}
		if _, err := c.nc.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// writeStream writes one delivery with a body that the backend opens.
func (c *conn) writeStream(s *stream) error {
	if err := c.write(s.before); err != nil {
		s.drop()
		return err
	}
	body, err := c.l.cfg.Backend.Open(c.ctx, Ref{Queue: s.held.q.name, Seq: s.held.seq})
	if err != nil {
		c.l.log.Error("amqp body cannot be opened", "queue", s.held.q.name, "seq", s.held.seq, "error", err)
		s.fail()
		return nil
	}
	defer body.Close()
	if s.noAck {
		c.l.settler.ack([]held{s.held})
	}
	if err := c.write(s.head); err != nil {
		return err
	}
	chunk := make([]byte, min(int64(c.frameMax), s.size+frameOverhead))
	for left := s.size; left > 0; {
		n := min(left, int64(c.frameMax-frameOverhead))
		b := beginFrame(chunk[:0], frameBody, s.ch.id)
		b = b[:7+n]
		if _, err := io.ReadFull(body, b[7:]); err != nil {
			// The frames promised more: only a new connection helps.
			s.fail()
			c.end()
			return fmt.Errorf("reading the body of %s/%d: %w", s.held.q.name, s.held.seq, err)
		}
		binary.BigEndian.PutUint32(b[3:], uint32(n))
		if err := c.write(append(b, frameEnd)); err != nil {
			return err
		}
		left -= n
	}
	return nil
}

// fail counts an attempt for the delivery, and for it alone.
func (s *stream) fail() {
	if s.noAck || s.ch.forget(s.tag) {
		s.held.q.l.settler.requeue([]held{s.held})
	}
}

// drop gives back a no-ack delivery that was never begun. (Those with ack are in their
// channel's list.)
func (s *stream) drop() {
	if s.noAck {
		s.held.q.l.settler.release([]held{s.held})
	}
}
