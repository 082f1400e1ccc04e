package amqp

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	channelMax = 2047
	// closeTimeout is how long a client may take for connection.close-ok.
	closeTimeout = 5 * time.Second
	// ackTurn is how many acks a reader collects before it passes them on.
	ackTurn = 256
)

// conn is one connection.
type conn struct {
	l      *Listener
	nc     net.Conn
	fr     *frameReader
	out    *outbox
	ctx    context.Context
	cancel context.CancelFunc

	// set in the handshake
	user      User
	info      Connection
	frameMax  int // whole frames, towards the client
	chMax     int
	heartbeat time.Duration

	// of the reader only
	channels map[uint16]*channel // changed under mu too
	acks     []held
	settling []entry
	m        method
	shared   bool // a channel has a limit over several queues
	failed   bool // connection.close sent because of the client's fault

	stopped atomic.Bool // no more deliveries
	spared  atomic.Bool // the end is the server's doing: no attempt is counted
	forced  atomic.Bool // connection.close 320 sent

	mu      sync.Mutex
	ready   bool // the handshake is over, the writer runs
	killer  *time.Timer
	queues  map[*queue]int // with consumers of this connection
	counted struct{ delivered, settled uint64 }
}

func newConn(l *Listener, nc net.Conn) *conn {
	c := &conn{l: l, nc: nc, out: newOutbox(), channels: map[uint16]*channel{}, queues: map[*queue]int{}}
	c.ctx, c.cancel = context.WithCancel(l.ctx)
	c.fr = newFrameReader((*deadlineReader)(c))
	_, secure := nc.(*tls.Conn)
	c.info = Connection{Remote: nc.RemoteAddr().String(), TLS: secure, Since: time.Now()}
	return c
}

// deadlineReader reads a connection; two heartbeat intervals of silence end it.
type deadlineReader conn

func (r *deadlineReader) Read(p []byte) (int, error) {
	if r.heartbeat > 0 {
		if err := r.nc.SetReadDeadline(time.Now().Add(2 * r.heartbeat)); err != nil {
			return 0, err
		}
	}
	return r.nc.Read(p)
}

// serve runs the connection to its end.
func (c *conn) serve() {
	defer c.cancel()
	defer c.nc.Close()
	if err := c.handshake(); err != nil {
		if !errors.Is(err, errClosed) {
			c.l.log.Info("amqp connection not opened", "remote", c.info.Remote, "user", c.user.Name, "error", err)
		}
		return
	}
	var writing sync.WaitGroup
	var writeErr error
	writing.Go(func() {
		if writeErr = c.writeLoop(); writeErr != nil {
			for _, s := range c.out.close(false) {
				s.drop()
			}
			c.nc.Close()
		}
	})
	c.mu.Lock()
	c.ready = true
	c.mu.Unlock()
	if c.l.ctx.Err() != nil || c.l.stopping.Load() {
		c.force("broker forced connection closure with reason 'shutdown'")
	}

	err := c.readLoop()
	orderly := errors.Is(err, errClosed)
	if !orderly {
		c.nc.Close() // so that the writer does not wait for a dead peer
	}
	c.teardown(orderly)
	writing.Wait()
	c.mu.Lock()
	if c.killer != nil {
		c.killer.Stop()
	}
	counted := c.counted
	c.mu.Unlock()
	reason := "closed"
	switch {
	case c.forced.Load():
		reason = "forced"
	case c.failed:
		reason = "protocol error"
	case writeErr != nil:
		reason = writeErr.Error()
	case !orderly && err != nil:
		reason = err.Error()
	}
	c.l.log.Info("amqp connection", "user", c.user.Name, "name", c.info.Name, "remote", c.info.Remote,
		"duration", time.Since(c.info.Since), "delivered", counted.delivered, "settled", counted.settled, "reason", reason)
}

// teardown gives everything back: consumers, and what was unacked.
func (c *conn) teardown(flush bool) {
	c.stopped.Store(true)
	c.flushAcks()
	var left []held
	for _, ch := range c.channels {
		left = append(left, c.shut(ch)...)
	}
	c.giveBack(left)
	for _, s := range c.out.close(flush) {
		s.drop()
	}
}

// giveBack returns unacked messages to their queues.
func (c *conn) giveBack(left []held) {
	if c.spared.Load() {
		c.l.settler.release(left)
	} else {
		c.l.settler.requeue(left)
	}
}

// shut ends a channel's consumers and deliveries and returns what was unacked.
func (c *conn) shut(ch *channel) []held {
	if ch.over {
		return nil
	}
	ch.over = true
	for _, cons := range ch.consumers {
		c.leave(cons)
	}
	ch.consumers = nil
	ch.content = nil
	ch.mu.Lock()
	c.mu.Lock()
	c.counted.delivered += ch.lastTag
	c.mu.Unlock()
	ch.mu.Unlock()
	return ch.shut()
}

func (c *conn) leave(cons *consumer) {
	cons.q.drop(cons)
	c.mu.Lock()
	if c.queues[cons.q]--; c.queues[cons.q] == 0 {
		delete(c.queues, cons.q)
	}
	c.mu.Unlock()
}

// wakeQueues lets the queues with consumers here look again: there is room.
func (c *conn) wakeQueues() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for q := range c.queues {
		q.credited()
	}
}

// end closes the socket because of a fault on the server's side.
func (c *conn) end() {
	c.spared.Store(true)
	c.stopped.Store(true)
	c.nc.Close()
}

// force closes the connection with 320 for the server's own reasons.
func (c *conn) force(text string) {
	c.spared.Store(true)
	c.close(text)
}

// close closes the connection with 320; for any goroutine.
func (c *conn) close(text string) {
	if !c.forced.CompareAndSwap(false, true) {
		return
	}
	c.stopped.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ready {
		c.nc.Close()
		return
	}
	c.killer = time.AfterFunc(closeTimeout, func() { c.nc.Close() })
	o := c.out
	o.mu.Lock()
	if !o.closed {
		o.buf = appendClose(o.buf, 0, connectionClose, fault(codeForced, "%s", text), 0)
	}
	o.mu.Unlock()
	o.signal()
}

// fail tells the client its fault and waits for its answer.
func (c *conn) fail(e *protocolError, cause methodID) {
	if e.code == codeInternalError {
		c.spared.Store(true)
	}
	c.failed = true
	c.stopped.Store(true)
	c.mu.Lock()
	if c.killer == nil {
		c.killer = time.AfterFunc(closeTimeout, func() { c.nc.Close() })
	}
	c.mu.Unlock()
	c.out.put(func(b []byte) []byte { return appendClose(b, 0, connectionClose, e, cause) })
}

func appendClose(b []byte, channel uint16, id methodID, e *protocolError, cause methodID) []byte {
	return appendMethod(b, channel, id, func(b []byte) []byte {
		b = binary.BigEndian.AppendUint16(b, e.code)
		b = appendShortstr(b, e.Error())
		return binary.BigEndian.AppendUint32(b, uint32(cause))
	})
}

// reply sends a method on a channel.
func (c *conn) reply(channel uint16, id methodID, args func([]byte) []byte) {
	c.out.put(func(b []byte) []byte { return appendMethod(b, channel, id, args) })
}

// handshake runs until connection.open-ok. Nobody else writes meanwhile.
func (c *conn) handshake() error {
	if err := c.nc.SetDeadline(time.Now().Add(c.l.cfg.HandshakeTimeout)); err != nil {
		return err
	}
	hello := make([]byte, len(protocolHeader))
	if _, err := io.ReadFull(c.fr.br, hello); err != nil {
		return errClosed // a port check
	}
	if !bytes.Equal(hello, protocolHeader) {
		_, _ = c.nc.Write(protocolHeader) // "speak this"; then the connection ends
		return errors.New("not AMQP 0-9-1")
	}
	if err := c.write(appendStart(nil, c.l.cfg.Version)); err != nil {
		return err
	}

	if err := c.expect(connectionStartOk); err != nil {
		return err
	}
	props := c.m.table
	if name, ok := props.lookup("connection_name").(string); ok {
		c.info.Name = printable(name, 200)
	}
	if product, ok := props.lookup("platform").(string); ok {
		c.info.Platform = printable(product, 60)
	}
	mechanism := c.m.mechanism
	username, password, known := credentials(mechanism, c.m.response)
	c.m = method{}
	if !known {
		return c.refuse(fault(codeNotAllowed, "unknown SASL mechanism '%s'", printable(mechanism, 40)), connectionStartOk)
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.l.cfg.HandshakeTimeout)
	defer cancel()
	user, err := c.l.cfg.Backend.Login(ctx, username, password)
	switch {
	case errors.Is(err, ErrAccessRefused):
		refusal := fault(codeAccessRefused, "Login was refused using authentication mechanism %s. For details see the broker logfile.", mechanism)
		capabilities, _ := props.lookup("capabilities").(table)
		if told, _ := capabilities.lookup("authentication_failure_close").(bool); !told {
			return refusal
		}
		return c.refuse(refusal, 0)
	case err != nil:
		c.l.log.Error("amqp login cannot be checked", "remote", c.info.Remote, "error", err)
		return c.refuse(fault(codeInternalError, "login cannot be checked now"), connectionStartOk)
	}
	c.user = user
	c.info.User = user.Name

	beat := c.l.cfg.Heartbeat
	if err := c.write(appendMethod(nil, 0, connectionTune, func(b []byte) []byte {
		b = binary.BigEndian.AppendUint16(b, channelMax)
		b = binary.BigEndian.AppendUint32(b, frameMaxDefault)
		return binary.BigEndian.AppendUint16(b, uint16(beat/time.Second))
	})); err != nil {
		return err
	}
	if err := c.expect(connectionTuneOk); err != nil {
		return err
	}
	// 0 means "no limit": then ours is the lower one.
	c.frameMax, c.chMax = int(c.m.frameMax), int(c.m.channelMax)
	if c.m.frameMax == 0 {
		c.frameMax = frameMaxDefault
	}
	if c.chMax == 0 {
		c.chMax = channelMax
	}
	switch {
	case c.m.frameMax > frameMaxDefault:
		return c.refuse(fault(codeNotAllowed, "negotiated frame_max = %d is higher than the maximum allowed value (%d)", c.m.frameMax, frameMaxDefault), connectionTuneOk)
	case c.frameMax < frameMinMax:
		return c.refuse(fault(codeNotAllowed, "negotiated frame_max = %d is lower than the minimum allowed value (%d)", c.frameMax, frameMinMax), connectionTuneOk)
	case c.chMax > channelMax:
		return c.refuse(fault(codeNotAllowed, "negotiated channel_max = %d is higher than the maximum allowed value (%d)", c.chMax, channelMax), connectionTuneOk)
	}
	c.fr.max = c.frameMax
	heartbeat := time.Duration(c.m.heartbeat) * time.Second

	if err := c.expect(connectionOpen); err != nil {
		return err
	}
	if c.m.vhost != "/" {
		return c.refuse(fault(codeNotAllowed, "vhost %s not found", printable(c.m.vhost, 100)), connectionOpen)
	}
	if err := c.write(appendMethod(nil, 0, connectionOpenOk, func(b []byte) []byte { return append(b, 0) })); err != nil {
		return err
	}
	c.heartbeat = heartbeat
	return c.nc.SetDeadline(time.Time{})
}

// expect reads the next method of the handshake into c.m.
func (c *conn) expect(id methodID) error {
	for {
		f, err := c.fr.next()
		if err == nil && f.typ == frameHeartbeat {
			continue
		}
		var e *protocolError
		switch {
		case errors.As(err, &e):
		case err != nil:
			return err
		case f.typ != frameMethod || f.channel != 0:
			e = fault(codeUnexpectedFrame, "expected method %s on channel 0", id)
		default:
			if e = decodeMethod(f.payload, &c.m); e == nil && c.m.id == id {
				return nil
			} else if e == nil && c.m.id == connectionClose {
				_ = c.write(appendMethod(nil, 0, connectionCloseOk, nil))
				return errClosed
			} else if e == nil {
				e = fault(codeCommandInvalid, "expected method %s, got %s", id, c.m.id)
			}
		}
		return c.refuse(e, 0)
	}
}

// refuse ends a handshake with connection.close and gives the client a moment to read it.
func (c *conn) refuse(e *protocolError, cause methodID) error {
	if err := c.write(appendClose(nil, 0, connectionClose, e, cause)); err != nil {
		return err
	}
	_ = c.nc.SetReadDeadline(time.Now().Add(closeTimeout))
	for range 100 { // whatever else it sent before it read ours
		f, err := c.fr.next()
		if err != nil || f.typ == frameMethod && decodeMethod(f.payload, &c.m) == nil && c.m.id == connectionCloseOk {
			break
		}
	}
	return e
}

func appendStart(b []byte, version string) []byte {
	yes := func(names ...string) (t table) {
		for _, n := range names {
			t = append(t, field{n, true})
		}
		return t
	}
	return appendMethod(b, 0, connectionStart, func(b []byte) []byte {
		b = append(b, 0, 9)
		b = appendTable(b, table{
			{"capabilities", yes("publisher_confirms", "exchange_exchange_bindings", "basic.nack",
				"consumer_cancel_notify", "connection.blocked", "consumer_priorities",
				"authentication_failure_close", "per_consumer_qos", "direct_reply_to")},
			{"cluster_name", "knutepunkt"},
			{"product", "Knutepunkt"},
			{"version", version},
			{"platform", "Go"},
			{"copyright", "The Knutepunkt authors"},
			{"information", "Fiks IO"},
		})
		b = appendLongstr(b, "PLAIN AMQPLAIN")
		return appendLongstr(b, "en_US")
	})
}

// credentials reads a SASL response; known is false for other mechanisms. What does not parse
// yields empty credentials, which no backend accepts.
func credentials(mechanism, response string) (username, password string, known bool) {
	switch mechanism {
	case "PLAIN":
		parts := bytes.SplitN([]byte(response), []byte{0}, 3)
		if len(parts) == 3 {
			return string(parts[1]), string(parts[2]), true
		}
		return "", "", true
	case "AMQPLAIN":
		d := decoder{b: []byte(response)}
		t := d.fields(1)
		if d.err == nil {
			username, _ = t.lookup("LOGIN").(string)
			password, _ = t.lookup("PASSWORD").(string)
		}
		return username, password, true
	}
	return "", "", false
}

// printable is s for logs and pages: at most n bytes, control characters replaced.
func printable(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	out := make([]rune, 0, len(s))
	for _, r := range s {
		if r < ' ' || r == 0x7F || r == 0xFFFD {
			r = '?'
		}
		out = append(out, r)
	}
	return string(out)
}

// readLoop handles frames until the connection ends: errClosed when in order.
func (c *conn) readLoop() error {
	for {
		f, err := c.fr.next()
		if err != nil {
			var e *protocolError
			if errors.As(err, &e) && !c.failed {
				c.fail(e, 0)
				// The stream is out of step; nothing after this can be read.
				c.drain()
				return errClosed
			}
			return err
		}
		if c.failed || c.forced.Load() {
			if done := c.closing(f); done {
				return errClosed
			}
		} else if done := c.frame(f); done {
			return errClosed
		}
		if len(c.acks) > 0 && (len(c.acks) >= ackTurn || !c.fr.buffered()) {
			c.flushAcks()
		}
	}
}

// drain reads until the client answers our close or goes away, byte by byte since the
// frames are out of step. The killer ends it otherwise.
func (c *conn) drain() {
	answer := appendMethod(nil, 0, connectionCloseOk, nil)
	seen := 0
	for seen < len(answer) {
		b, err := c.fr.br.ReadByte()
		switch {
		case err != nil:
			return
		case b == answer[seen]:
			seen++
		case b == answer[0]:
			seen = 1
		default:
			seen = 0
		}
	}
}

// closing handles frames after connection.close was sent. When it was the
// server's wish, settlements still count.
func (c *conn) closing(f frame) (done bool) {
	if f.typ != frameMethod || decodeMethod(f.payload, &c.m) != nil {
		return false
	}
	switch c.m.id {
	case connectionCloseOk:
		return true
	case connectionClose:
		c.flushAcks()
		c.reply(0, connectionCloseOk, nil)
		return true
	case basicAck, basicNack, basicReject:
		if ch := c.channels[f.channel]; ch != nil && !ch.closing && !c.failed {
			_ = c.settle(ch, &c.m)
		}
	}
	return false
}

// frame handles one frame of an open connection.
func (c *conn) frame(f frame) (done bool) {
	switch f.typ {
	case frameHeartbeat:
		return false
	case frameHeader, frameBody:
		ch := c.channels[f.channel]
		if ch == nil {
			c.fail(fault(codeChannelError, "expected 'channel.open'"), 0)
			return false
		}
		if ch.closing {
			return false
		}
		if e := ch.contentFrame(f); e != nil {
			cause := basicPublish
			if !e.soft() {
				cause = 0
			}
			c.report(ch, e, cause)
		}
		return false
	}
	if e := decodeMethod(f.payload, &c.m); e != nil {
		c.fail(e, c.m.id)
		return false
	}
	m := &c.m
	switch m.id {
	case basicAck, basicNack, basicReject:
	default:
		c.flushAcks() // what follows may depend on them
	}
	if f.channel == 0 {
		return c.connectionMethod(m)
	}
	if m.id.class() == 10 {
		c.fail(fault(codeCommandInvalid, "connection method %s on channel %d", m.id, f.channel), m.id)
		return false
	}
	ch := c.channels[f.channel]
	switch {
	case ch == nil && m.id == channelOpen:
		c.openChannel(f.channel)
	case ch == nil:
		c.fail(fault(codeChannelError, "expected 'channel.open'"), m.id)
	case ch.closing:
		switch m.id {
		case channelCloseOk:
			c.forget(ch)
		case channelClose: // both at once
			c.reply(ch.id, channelCloseOk, nil)
		}
	case ch.content != nil:
		c.fail(fault(codeUnexpectedFrame, "expected content, got method %s instead", m.id), m.id)
	default:
		if e := c.channelMethod(ch, m); e != nil {
			c.report(ch, e, m.id)
		}
	}
	return false
}

// report tells the client a fault, by closing the channel or the connection.
func (c *conn) report(ch *channel, e *protocolError, cause methodID) {
	if !e.soft() {
		c.fail(e, cause)
		return
	}
	ch.closing = true
	left := c.shut(ch)
	c.out.put(func(b []byte) []byte { return appendClose(b, ch.id, channelClose, e, cause) })
	c.giveBack(left)
}

func (c *conn) connectionMethod(m *method) (done bool) {
	switch m.id {
	case connectionClose:
		var left []held
		for _, ch := range c.channels {
			left = append(left, c.shut(ch)...)
		}
		c.giveBack(left)
		if !c.l.settler.flush() {
			c.l.log.Error("amqp close not answered: earlier settlements are not durable yet", "user", c.user.Name)
			return true
		}
		c.reply(0, connectionCloseOk, nil)
		return true
	case connectionCloseOk:
		return true
	case connectionUpdateSecret:
		// The token is looked at when a connection opens, and only then
		// (Fiks IO wire contract §6.2).
		c.reply(0, connectionUpdateSecretOk, nil)
	default:
		c.fail(fault(codeCommandInvalid, "method %s on channel 0", m.id), m.id)
	}
	return false
}

func (c *conn) openChannel(id uint16) {
	if int(id) > c.chMax {
		c.fail(fault(codeNotAllowed, "channel %d is above the negotiated channel_max (%d)", id, c.chMax), channelOpen)
		return
	}
	c.mu.Lock()
	c.channels[id] = &channel{id: id, conn: c, open: true, flow: true, consumers: map[string]*consumer{}}
	c.mu.Unlock()
	c.reply(id, channelOpenOk, func(b []byte) []byte { return append(b, 0, 0, 0, 0) })
}

// forget ends a channel for good.
func (c *conn) forget(ch *channel) {
	c.mu.Lock()
	delete(c.channels, ch.id)
	c.mu.Unlock()
}

// openChannels is for other goroutines than the reader.
func (c *conn) openChannels() []*channel {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Values(c.channels))
}

// flushAcks passes collected acks on and lets hungry queues have the credit.
func (c *conn) flushAcks() {
	if len(c.acks) == 0 {
		return
	}
	c.l.settler.ack(c.acks)
	var last *queue
	for _, h := range c.acks {
		if h.q != last {
			last = h.q
			last.credited()
		}
	}
	if c.shared {
		c.wakeQueues()
	}
	c.mu.Lock()
	c.counted.settled += uint64(len(c.acks))
	c.mu.Unlock()
	c.acks = c.acks[:0]
	c.l.settler.throttle()
}
