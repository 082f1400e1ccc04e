package amqp

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"time"
)

// askTimeout bounds one question to the backend on behalf of a client.
const askTimeout = 10 * time.Second

// channelMethod handles a method on an open channel.
func (c *conn) channelMethod(ch *channel, m *method) *protocolError {
	switch m.id {
	case basicAck, basicNack, basicReject:
		return c.settle(ch, m)
	case basicPublish:
		return ch.publish(m)
	case basicQos:
		return c.qos(ch, m)
	case basicConsume:
		return c.consume(ch, m)
	case basicCancel:
		return c.cancelConsumer(ch, m)
	case basicGet:
		return c.get(ch, m)
	case basicRecover, basicRecoverAsync:
		return c.recover(ch, m)
	case confirmSelect:
		ch.confirm = true
		if !m.noWait {
			c.reply(ch.id, confirmSelectOk, nil)
		}
		return nil
	case channelOpen:
		return fault(codeChannelError, "second 'channel.open' seen")
	case channelFlow:
		ch.mu.Lock()
		ch.flow = m.active
		ch.mu.Unlock()
		c.reply(ch.id, channelFlowOk, func(b []byte) []byte { return appendBool(b, m.active) })
		for _, cons := range ch.consumers {
			cons.q.credited()
		}
		return nil
	case channelFlowOk, channelCloseOk:
		return nil
	case channelClose:
		c.giveBack(c.shut(ch))
		c.forget(ch)
		if !c.l.settler.flush() {
			return fault(codeInternalError, "earlier settlements are not durable yet")
		}
		c.reply(ch.id, channelCloseOk, nil)
		return nil
	case queueDeclare:
		return c.declareQueue(ch, m)
	case queueBind, queueUnbind, queuePurge, queueDelete:
		return refusedQueue(m.queue, c.user)
	case exchangeDeclare:
		return c.declareExchange(ch, m)
	case exchangeDelete, exchangeBind, exchangeUnbind:
		return refusedExchange(exchangeName(m.exchange), c.user)
	case txSelect, txCommit, txRollback:
		return fault(codeNotImplemented, "transactions")
	}
	return fault(codeCommandInvalid, "method %s is not for a server", m.id)
}

// settle handles ack, nack and reject.
func (c *conn) settle(ch *channel, m *method) *protocolError {
	ack := m.id == basicAck
	back := !ack && m.requeue
	settled, ok := ch.settle(m.deliveryTag, m.multiple, !back, c.settling[:0])
	c.settling = settled
	if !ok {
		return fault(codePreconditionFailed, "unknown delivery tag %d", m.deliveryTag)
	}
	if ack {
		for i := range settled {
			c.acks = append(c.acks, settled[i].held)
		}
		if len(c.acks) >= ackTurn {
			c.flushAcks()
		}
		return nil
	}
	hs := make([]held, len(settled))
	for i := range settled {
		hs[i] = settled[i].held
	}
	if back {
		// Stop the queues first: what comes back goes before what the credit
		// would fetch.
		c.l.settler.requeue(hs)
		ch.credit(settled)
	} else {
		c.l.settler.reject(hs)
	}
	if c.shared {
		c.wakeQueues()
	}
	for q := range queuesOf(hs) {
		q.credited()
	}
	c.mu.Lock()
	c.counted.settled += uint64(len(hs))
	c.mu.Unlock()
	return nil
}

func (c *conn) qos(ch *channel, m *method) *protocolError {
	if m.prefetchSize != 0 {
		return fault(codeNotImplemented, "prefetch_size!=0 (%d)", m.prefetchSize)
	}
	if m.global {
		c.shared = c.shared || m.prefetchCount > 0
		ch.mu.Lock()
		ch.globalPrefetch = int(m.prefetchCount)
		ch.mu.Unlock()
		for _, cons := range ch.consumers {
			cons.q.credited()
		}
	} else {
		ch.prefetch = int(m.prefetchCount)
	}
	c.reply(ch.id, basicQosOk, nil)
	return nil
}

// mayConsume asks the backend and turns its answer into the protocol's.
func (c *conn) mayConsume(queue string) *protocolError {
	ctx, cancel := context.WithTimeout(c.ctx, askTimeout)
	defer cancel()
	switch err := c.l.cfg.Backend.MayConsume(ctx, c.user, queue); {
	case err == nil:
		return nil
	case errors.Is(err, ErrNoQueue):
		return fault(codeNotFound, "no queue '%s' in vhost '/'", queue)
	case errors.Is(err, ErrAccessRefused):
		return refusedQueue(queue, c.user)
	default:
		return c.broken("checking the right to a queue", queue, err)
	}
}

// broken logs a failure of the backend and hides it from the client, which
// connects again after a 541.
func (c *conn) broken(what, queue string, err error) *protocolError {
	c.l.log.Error("amqp backend failed", "what", what, "queue", queue, "error", err)
	return fault(codeInternalError, "out of order, try again")
}

func (c *conn) consume(ch *channel, m *method) *protocolError {
	if e := c.mayConsume(m.queue); e != nil {
		return e
	}
	tag := m.tag
	if tag == "" {
		var random [16]byte
		_, _ = rand.Read(random[:]) // never fails
		tag = "amq.ctag-" + base64.RawURLEncoding.EncodeToString(random[:])
	}
	if ch.consumers[tag] != nil {
		return fault(codeNotAllowed, "attempt to reuse consumer tag '%s'", tag)
	}
	q := c.l.pin(m.queue)
	defer c.l.unpin(q)
	cons := &consumer{tag: tag, ch: ch, q: q, noAck: m.noAck, exclusive: m.exclusive, prefetch: ch.prefetch}
	if m.noAck {
		cons.prefetch = 0
	}
	switch p := m.table.lookup("x-priority").(type) {
	case int32:
		cons.priority = int(p)
	case int64:
		cons.priority = int(p)
	}
	if e := q.add(cons); e != nil {
		return e
	}
	ch.consumers[tag] = cons
	c.mu.Lock()
	c.queues[q]++
	c.mu.Unlock()
	if !m.noWait {
		c.reply(ch.id, basicConsumeOk, func(b []byte) []byte { return appendShortstr(b, tag) })
	}
	ch.mu.Lock()
	cons.live = true // consume-ok goes before the first delivery
	ch.mu.Unlock()
	q.signal()
	return nil
}

func (c *conn) cancelConsumer(ch *channel, m *method) *protocolError {
	if cons := ch.consumers[m.tag]; cons != nil {
		delete(ch.consumers, m.tag)
		c.leave(cons)
	}
	if !m.noWait {
		tag := m.tag
		c.reply(ch.id, basicCancelOk, func(b []byte) []byte { return appendShortstr(b, tag) })
	}
	return nil
}

func (c *conn) get(ch *channel, m *method) *protocolError {
	if e := c.mayConsume(m.queue); e != nil {
		return e
	}
	ctx, cancel := context.WithTimeout(c.ctx, askTimeout)
	defer cancel()
	q := c.l.pin(m.queue)
	defer c.l.unpin(q)
	msg, err := q.take(ctx)
	if err != nil {
		return c.broken("reading a queue", m.queue, err)
	}
	if msg == nil {
		c.reply(ch.id, basicGetEmpty, func(b []byte) []byte { return append(b, 0) })
		return nil
	}
	h := []held{{q, msg.Seq}}
	left, err := c.l.waiting(ctx, q)
	if err != nil {
		c.l.settler.release(h)
		return c.broken("counting a queue", m.queue, err)
	}
	switch ch.get(q, msg, m.noAck, left) {
	case unsendable:
		c.l.settler.requeue(h)
		c.reply(ch.id, basicGetEmpty, func(b []byte) []byte { return append(b, 0) })
	case noRoom:
		c.l.settler.release(h)
	case delivered:
		if m.noAck && int64(len(msg.Body)) == msg.Size {
			c.l.settler.ack(h)
		}
	}
	return nil
}

func (c *conn) recover(ch *channel, m *method) *protocolError {
	if !m.requeue {
		return fault(codeNotImplemented, "requeue=false")
	}
	async := m.id == basicRecoverAsync
	settled, _ := ch.settle(0, true, false, nil)
	hs := make([]held, len(settled))
	for i := range settled {
		hs[i] = settled[i].held
	}
	c.l.settler.requeue(hs)
	if !async {
		c.reply(ch.id, basicRecoverOk, nil)
	}
	ch.credit(settled)
	for q := range queuesOf(hs) {
		q.credited()
	}
	return nil
}

// declareQueue answers a passive declare; queues are made by the server alone.
func (c *conn) declareQueue(ch *channel, m *method) *protocolError {
	if !m.passive {
		return refusedQueue(m.queue, c.user)
	}
	if e := c.mayConsume(m.queue); e != nil {
		return e
	}
	if m.noWait {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.ctx, askTimeout)
	defer cancel()
	q := c.l.pin(m.queue)
	defer c.l.unpin(q)
	n, err := c.l.waiting(ctx, q)
	if err != nil {
		return c.broken("counting a queue", m.queue, err)
	}
	q.mu.Lock()
	consumers := len(q.consumers)
	q.mu.Unlock()
	c.reply(ch.id, queueDeclareOk, func(b []byte) []byte {
		b = appendShortstr(b, q.name)
		b = binary.BigEndian.AppendUint32(b, uint32(n))
		return binary.BigEndian.AppendUint32(b, uint32(consumers))
	})
	return nil
}

// declareExchange answers a passive declare of the exchanges that any
// broker has.
func (c *conn) declareExchange(ch *channel, m *method) *protocolError {
	switch {
	case m.exchange == "":
		return fault(codeAccessRefused, "operation not permitted on the default exchange")
	case !m.passive:
		return refusedExchange(m.exchange, c.user)
	case !strings.HasPrefix(m.exchange, "amq."):
		return fault(codeNotFound, "no exchange '%s' in vhost '/'", m.exchange)
	}
	switch strings.TrimPrefix(m.exchange, "amq.") {
	case "direct", "fanout", "topic", "headers", "match":
	default:
		return fault(codeNotFound, "no exchange '%s' in vhost '/'", m.exchange)
	}
	if !m.noWait {
		c.reply(ch.id, exchangeDeclareOk, nil)
	}
	return nil
}

func exchangeName(name string) string {
	if name == "" {
		return "amq.default"
	}
	return name
}

func refusedQueue(name string, u User) *protocolError {
	return fault(codeAccessRefused, "access to queue '%s' in vhost '/' refused for user '%s'", name, u.Name)
}
