package amqp

import (
	"encoding/binary"
	"sync"
)

// Publishing exists only for a backend that is a [Publisher].

const (
	// maxBody is the largest body accepted from a publishing client.
	maxBody = 8 << 20
	// publishMax is how many bytes may wait for commits before readers wait too.
	publishMax = 4 << 20
	// publishBatch is the most messages in one call of the backend.
	publishBatch = 1024
)

// incoming is a publish whose content is still arriving.
type incoming struct {
	msg       Publishing
	left      uint64
	header    bool // seen
	mandatory bool
}

// offered is a complete publish that waits for its commit.
type offered struct {
	msg       Publishing
	ch        *channel
	tag       uint64 // 0: the channel does not want confirms
	mandatory bool
}

// publishing collects publishes of all channels and commits them in batches.
type publishing struct {
	l    *Listener
	to   Publisher
	wake chan struct{}

	mu      sync.Mutex
	room    sync.Cond
	waiting []offered
	bytes   int
}

func newPublishing(l *Listener, to Publisher) *publishing {
	p := &publishing{l: l, to: to, wake: make(chan struct{}, 1)}
	p.room.L = &p.mu
	broadcastAtEnd(l.ctx, &p.room)
	return p
}

func (p *publishing) offer(o offered) {
	p.mu.Lock()
	for p.bytes > publishMax && p.l.ctx.Err() == nil {
		p.room.Wait()
	}
	p.waiting = append(p.waiting, o)
	p.bytes += len(o.msg.Body) + 256
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *publishing) run() {
	var spare []offered
	msgs := make([]Publishing, 0, publishBatch)
	for {
		select {
		case <-p.wake:
		case <-p.l.ctx.Done():
			return
		}
		p.mu.Lock()
		now := p.waiting
		p.waiting, p.bytes = spare[:0], 0
		p.room.Broadcast()
		p.mu.Unlock()
		for rest := now; len(rest) > 0; {
			part := rest[:min(len(rest), publishBatch)]
			rest = rest[len(part):]
			msgs = msgs[:0]
			for i := range part {
				msgs = append(msgs, part[i].msg)
			}
			p.commit(part, msgs)
		}
		clear(now)
		spare = now
	}
}

func (p *publishing) commit(part []offered, msgs []Publishing) {
	unroutable, err := p.to.Publish(p.l.ctx, msgs)
	if err != nil {
		p.l.log.Error("amqp publish failed", "messages", len(msgs), "error", err)
	}
	for _, i := range unroutable {
		if o := &part[i]; o.mandatory && err == nil {
			o.ch.conn.sendReturn(o.ch.id, o.msg)
		}
	}
	notified := ""
	for i := range part {
		o := &part[i]
		if err == nil && o.msg.Queue != notified {
			notified = o.msg.Queue
			p.l.Notify(notified)
		}
		// One confirm for each run of publishes on a channel.
		last := i+1 == len(part) || part[i+1].ch != o.ch
		if last && o.tag != 0 {
			o.ch.conn.sendConfirm(o.ch.id, o.tag, err == nil)
		}
	}
}

func (c *conn) sendConfirm(channel uint16, tag uint64, ok bool) {
	c.out.putNow(func(b []byte) []byte {
		start := len(b)
		id := basicAck
		if !ok {
			id = basicNack
		}
		b = beginFrame(b, frameMethod, channel)
		b = binary.BigEndian.AppendUint32(b, uint32(id))
		b = binary.BigEndian.AppendUint64(b, tag)
		return endFrame(append(b, 1), start) // multiple
	})
}

func (c *conn) sendReturn(channel uint16, p Publishing) {
	m := Message{Headers: p.Headers, Expiration: p.Expiration, Size: int64(len(p.Body))}
	c.out.putNow(func(b []byte) []byte {
		b = appendMethod(b, channel, basicReturn, func(b []byte) []byte {
			b = binary.BigEndian.AppendUint16(b, codeNoRoute)
			b = appendShortstr(b, codeNames[codeNoRoute])
			b = appendShortstr(b, "")
			return appendShortstr(b, p.Queue)
		})
		b = appendContentHeader(b, channel, &m)
		return appendBody(b, channel, p.Body, c.frameMax)
	})
}

// publish handles basic.publish; its content follows in other frames.
func (ch *channel) publish(m *method) *protocolError {
	l := ch.conn.l
	if l.publishing == nil {
		name := m.exchange
		if name == "" {
			name = "amq.default"
		}
		return refusedExchange(name, ch.conn.user)
	}
	if m.immediate {
		return fault(codeNotImplemented, "immediate=true")
	}
	if m.exchange != "" {
		return fault(codeNotFound, "no exchange '%s' in vhost '/'", m.exchange)
	}
	ch.content = &incoming{msg: Publishing{Queue: m.routingKey}, mandatory: m.mandatory}
	return nil
}

// contentFrame handles a header or body frame.
func (ch *channel) contentFrame(f frame) *protocolError {
	in := ch.content
	if in == nil {
		return fault(codeUnexpectedFrame, "expected method frame, got non method frame instead")
	}
	if f.typ == frameHeader {
		if in.header {
			return fault(codeUnexpectedFrame, "expected content body, got non content body frame instead")
		}
		h, err := decodeContentHeader(f.payload)
		if err != nil {
			return err
		}
		if h.size > maxBody {
			return fault(codePreconditionFailed, "message size %d is larger than configured max size %d", h.size, maxBody)
		}
		in.header, in.left = true, h.size
		in.msg.Expiration = h.expiration
		for _, f := range h.headers {
			if s, ok := f.value.(string); ok {
				in.msg.Headers = append(in.msg.Headers, Header{f.name, s})
			}
		}
		if h.size > 0 {
			in.msg.Body = make([]byte, 0, min(h.size, frameMaxDefault))
		}
	} else {
		if !in.header {
			return fault(codeUnexpectedFrame, "expected content header, got non content header frame instead")
		}
		if uint64(len(f.payload)) > in.left {
			return fault(codeFrameError, "content body is longer than its header says")
		}
		in.left -= uint64(len(f.payload))
		in.msg.Body = append(in.msg.Body, f.payload...)
	}
	if in.left > 0 {
		return nil
	}
	ch.content = nil
	o := offered{msg: in.msg, ch: ch, mandatory: in.mandatory}
	if ch.confirm {
		ch.published++
		o.tag = ch.published
	}
	ch.conn.l.publishing.offer(o)
	return nil
}

func refusedExchange(name string, u User) *protocolError {
	return fault(codeAccessRefused, "access to exchange '%s' in vhost '/' refused for user '%s'", name, u.Name)
}
