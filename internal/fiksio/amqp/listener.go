package amqp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what a [Listener] is made from. Only Backend is required.
type Config struct {
	Backend Backend
	// Log gets one line per connection, and failures. Default: discarded.
	Log *slog.Logger
	// Now is the platform's clock, for Message.ExpiresAt. Default: time.Now.
	// Network timeouts are always in real time.
	Now func() time.Time
	// Version is told to clients in server-properties.
	Version string
	// Heartbeat is offered to clients, in whole seconds; they decide. Default 60 s.
	Heartbeat time.Duration
	// MaxConnections bounds open connections; further ones are closed at once.
	// Default 4096.
	MaxConnections int
	// HandshakeTimeout is from accept to connection.open-ok. Default 10 s.
	HandshakeTimeout time.Duration
	// ConsumerTimeout is how long a consumer may hold a message. Then its connection is
	// closed with 320, which clients recover from (RabbitMQ closes the channel, which the
	// released clients do not notice), and an attempt is counted. Default 24 h.
	ConsumerTimeout time.Duration
	// WriteTimeout is how long a client may take to read 128 KiB. Default 30 s.
	WriteTimeout time.Duration
	// RecheckEvery is how often the backend is asked again whether consumers may have
	// their queues. Default 30 s.
	RecheckEvery time.Duration
}

// markEvery is how often deliveries that stay unacked are told to the backend:
// each after one to two of these.
const markEvery = 500 * time.Millisecond

// Listener serves AMQP clients. Make it with [New].
type Listener struct {
	cfg        Config
	log        *slog.Logger
	ctx        context.Context // ends when everything has to
	cancel     context.CancelFunc
	settler    *settler
	publishing *publishing    // nil unless the backend is a Publisher
	work       sync.WaitGroup // settler, marker, publishing, dispatchers
	serving    sync.WaitGroup // connections
	stopping   atomic.Bool

	mu        sync.RWMutex
	queues    map[string]*queue
	conns     map[*conn]struct{}
	listeners map[net.Listener]struct{}
}

// Connection describes one connected client, for pages and logs.
type Connection struct {
	Name     string // the client's connection_name
	Platform string // "Java", ".NET", …
	User     string
	Remote   string // address and port
	TLS      bool
	Since    time.Time
	Channels int
	Queues   []string // consumed, sorted
}

// New makes a Listener. Its background work runs until [Listener.Shutdown].
func New(cfg Config) *Listener {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = time.Minute
	}
	if cfg.MaxConnections == 0 {
		cfg.MaxConnections = 4096
	}
	if cfg.HandshakeTimeout == 0 {
		cfg.HandshakeTimeout = 10 * time.Second
	}
	if cfg.ConsumerTimeout == 0 {
		cfg.ConsumerTimeout = 24 * time.Hour
	}
	if cfg.WriteTimeout == 0 {
		cfg.WriteTimeout = 30 * time.Second
	}
	if cfg.RecheckEvery == 0 {
		cfg.RecheckEvery = 30 * time.Second
	}
	l := &Listener{
		cfg: cfg, log: cfg.Log,
		queues: map[string]*queue{}, conns: map[*conn]struct{}{}, listeners: map[net.Listener]struct{}{},
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.settler = newSettler(l)
	l.work.Go(l.settler.run)
	l.work.Go(l.markLingering)
	l.work.Go(l.recheck)
	if p, ok := cfg.Backend.(Publisher); ok {
		l.publishing = newPublishing(l, p)
		l.work.Go(l.publishing.run)
	}
	return l
}

// Serve accepts connections until ln fails or [Listener.Shutdown] closes it, and
// returns nil in the latter case. For TLS, ln is a tls.NewListener. It may be called for several.
func (l *Listener) Serve(ln net.Listener) error {
	l.mu.Lock()
	l.listeners[ln] = struct{}{}
	l.mu.Unlock()
	if l.stopping.Load() {
		ln.Close()
	}
	var pause backoff
	for {
		nc, err := ln.Accept()
		if err != nil {
			if l.stopping.Load() {
				return nil
			}
			if errors.Is(err, net.ErrClosed) {
				return err
			}
			l.log.Error("amqp accept failed", "error", err) // too many open files, most likely
			if !pause.wait(l.ctx) {
				return nil
			}
			continue
		}
		pause = backoff{}
		c := newConn(l, nc)
		l.mu.Lock()
		full := len(l.conns) >= l.cfg.MaxConnections || l.stopping.Load()
		if !full {
			l.conns[c] = struct{}{}
			l.serving.Go(func() {
				c.serve()
				l.mu.Lock()
				delete(l.conns, c)
				l.mu.Unlock()
			})
		}
		l.mu.Unlock()
		if full {
			l.log.Warn("amqp connection refused: too many", "remote", c.info.Remote)
			c.cancel()
			nc.Close()
		}
	}
}

// Shutdown stops accepting, closes every connection with 320, makes what was
// settled durable, notes what was unacked as delivered, and ends all work. When ctx
// ends first it stops where it is and returns its error; then unsettled
// messages are redelivered.
func (l *Listener) Shutdown(ctx context.Context) error {
	l.stopping.Store(true)
	l.mu.Lock()
	for ln := range l.listeners {
		ln.Close()
	}
	l.mu.Unlock()
	l.disconnect(func(Connection) bool { return true }, "broker forced connection closure with reason 'shutdown'")
	done := make(chan struct{})
	go func() {
		l.serving.Wait()
		l.settler.flush()
		close(done)
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = ctx.Err()
		l.mu.RLock()
		for c := range l.conns {
			c.nc.Close()
		}
		l.mu.RUnlock()
	}
	l.cancel()
	<-done
	l.work.Wait()
	return err
}

// Notify tells that messages of queue became visible to Ready. It does not block.
func (l *Listener) Notify(queue string) {
	if q := l.lookup(queue); q != nil {
		q.mu.Lock()
		q.more = true
		q.notified++
		q.mu.Unlock()
		q.signal()
	}
}

// Consumers is the number of consumers on queue now.
func (l *Listener) Consumers(queue string) int {
	q := l.lookup(queue)
	if q == nil {
		return 0
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.consumers)
}

// Held returns the messages of queue that consumers have, or that are being settled,
// in order. They neither expire nor can be withdrawn.
func (l *Listener) Held(queue string) []int64 {
	q := l.lookup(queue)
	if q == nil {
		return nil
	}
	q.mu.Lock()
	seqs := make([]int64, 0, len(q.inflight))
	for seq := range q.inflight {
		seqs = append(seqs, seq)
	}
	q.mu.Unlock()
	sort.Slice(seqs, func(i, j int) bool { return seqs[i] < seqs[j] })
	return seqs
}

// Withdraw lets the backend remove messages of its own will: expired ones, those
// fetched by hand, those of a deleted konto. It calls remove once with the
// ones of seqs that no consumer holds, in the same order; while remove runs none of them is delivered. If
// remove fails they are deliverable again. Its error is returned.
func (l *Listener) Withdraw(queue string, seqs []int64, remove func(free []int64) error) error {
	q := l.pin(queue)
	defer l.unpin(q)
	free := make([]int64, 0, len(seqs))
	q.mu.Lock()
	for _, seq := range seqs {
		_, busy := q.inflight[seq]
		_, going := q.withdrawn[seq]
		if !busy && !going {
			q.withdrawn[seq] = struct{}{}
			free = append(free, seq)
		}
	}
	q.mu.Unlock()
	failed := true
	defer func() { // also when remove panics
		q.mu.Lock()
		gone := make(map[int64]struct{}, len(free))
		for _, seq := range free {
			delete(q.withdrawn, seq)
			gone[seq] = struct{}{}
		}
		switch {
		case failed:
			q.reset()
		default:
			kept := q.ready[:0]
			for _, m := range q.ready[q.head:] {
				if _, ok := gone[m.Seq]; !ok {
					kept = append(kept, m)
				}
			}
			clear(q.ready[len(kept):])
			q.ready, q.head = kept, 0
			if q.loading { // it may have read them before they went
				q.epoch++
			}
		}
		q.mu.Unlock()
		q.signal()
	}()
	err := remove(free)
	failed = err != nil
	return err
}

// DisconnectQueue closes every connection that consumes queue, with 320: the konto was
// deactivated or deleted. Recovering clients then meet MayConsume.
func (l *Listener) DisconnectQueue(queue string) {
	l.disconnect(func(c Connection) bool {
		i := sort.SearchStrings(c.Queues, queue)
		return i < len(c.Queues) && c.Queues[i] == queue
	}, "the queue is no longer available")
}

// DisconnectUser closes every connection of user, with 320: its access was withdrawn.
func (l *Listener) DisconnectUser(user string) {
	l.disconnect(func(c Connection) bool { return c.User == user }, "access was withdrawn")
}

// recheck ends connections whose right to a queue was withdrawn since they began to
// consume it: a connection may last for months.
func (l *Listener) recheck() {
	t := time.NewTicker(l.cfg.RecheckEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-l.ctx.Done():
			return
		}
		for _, c := range l.open() {
			info, _ := c.describe()
			for _, queue := range info.Queues {
				ctx, cancel := context.WithTimeout(c.ctx, askTimeout)
				err := l.cfg.Backend.MayConsume(ctx, c.user, queue)
				cancel()
				if errors.Is(err, ErrAccessRefused) || errors.Is(err, ErrNoQueue) {
					c.force("access was withdrawn")
					break
				}
			}
		}
	}
}

// Connections describes the open connections, oldest first.
func (l *Listener) Connections() []Connection {
	var list []Connection
	l.mu.RLock()
	for c := range l.conns {
		if info, ready := c.describe(); ready {
			list = append(list, info)
		}
	}
	l.mu.RUnlock()
	sort.Slice(list, func(i, j int) bool { return list[i].Since.Before(list[j].Since) })
	return list
}

func (l *Listener) disconnect(which func(Connection) bool, text string) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for c := range l.conns {
		// Those in the handshake are known to nobody yet; they go when all go.
		if info, ready := c.describe(); ready && which(info) || l.stopping.Load() {
			c.force(text)
		}
	}
}

// describe returns what is known of the connection; ready is false during the handshake.
func (c *conn) describe() (info Connection, ready bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ready {
		return Connection{}, false
	}
	info = c.info
	info.Channels = len(c.channels)
	info.Queues = make([]string, 0, len(c.queues))
	for q := range c.queues {
		info.Queues = append(info.Queues, q.name)
	}
	sort.Strings(info.Queues)
	return info, true
}

func (l *Listener) lookup(name string) *queue {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.queues[name]
}

// pin returns the queue called name and keeps it until unpin.
func (l *Listener) pin(name string) *queue {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := l.queues[name]
	if q == nil {
		q = newQueue(l, name)
		l.queues[name] = q
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pins++
	return q
}

func (l *Listener) unpin(q *queue) {
	q.mu.Lock()
	q.pins--
	idle := q.idle()
	q.mu.Unlock()
	if idle {
		l.tidy(q)
	}
}

// tidy forgets a queue that nobody uses.
func (l *Listener) tidy(q *queue) {
	l.mu.Lock()
	defer l.mu.Unlock()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.idle() && l.queues[q.name] == q {
		delete(l.queues, q.name)
	}
}

// waiting counts what is ready in q.
func (l *Listener) waiting(ctx context.Context, q *queue) (int, error) {
	n, err := l.cfg.Backend.Waiting(ctx, q.name)
	if err != nil {
		return 0, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return max(0, n-len(q.inflight)), nil
}

// open gives the connections that are open now.
func (l *Listener) open() []*conn {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.Collect(maps.Keys(l.conns))
}

// markLingering tells the backend which deliveries stay unacked.
func (l *Listener) markLingering() {
	t := time.NewTicker(markEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-l.ctx.Done():
			return
		}
		var hs []held
		for _, c := range l.open() {
			for _, ch := range c.openChannels() {
				if held := ch.oldest(); held > l.cfg.ConsumerTimeout {
					c.close(fmt.Sprintf("delivery acknowledgement on channel %d timed out. Timeout value used: %d ms", ch.id, l.cfg.ConsumerTimeout.Milliseconds()))
				}
				hs = ch.lingering(hs)
			}
		}
		l.settler.mark(hs)
	}
}
