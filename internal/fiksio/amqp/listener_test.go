package amqp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	client "github.com/rabbitmq/amqp091-go"

	"knutepunkt/internal/fiksio/amqp"
	"knutepunkt/internal/fiksio/amqp/amqptest"
)

const patience = 15 * time.Second

// dial connects the Go client; cut ends the connection without a word.
func dial(t testing.TB, env amqptest.Env) (conn *client.Connection, cut func()) {
	t.Helper()
	var socket net.Conn
	conn, err := client.DialConfig("amqp://"+env.Addr+"/", client.Config{
		SASL:       []client.Authentication{&client.PlainAuth{Username: env.Owner.Name, Password: env.Owner.Password}},
		Heartbeat:  time.Minute,
		Properties: client.Table{"connection_name": "the tests"},
		Dial: func(network, addr string) (net.Conn, error) {
			var err error
			socket, err = net.Dial(network, addr)
			return socket, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); socket.Close() })
	return conn, func() { socket.Close() }
}

func consume(t testing.TB, conn *client.Connection, queue string, prefetch int) (*client.Channel, <-chan client.Delivery) {
	t.Helper()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if prefetch > 0 {
		if err := ch.Qos(prefetch, 0, false); err != nil {
			t.Fatal(err)
		}
	}
	ds, err := ch.Consume(queue, "", false, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ch, ds
}

func next(t testing.TB, ds <-chan client.Delivery) client.Delivery {
	t.Helper()
	select {
	case d, ok := <-ds:
		if ok {
			return d
		}
		t.Fatal("the consumer is closed")
	case <-time.After(patience):
		t.Fatal("no delivery")
	}
	panic("unreachable")
}

// eventually waits for a state that the listener reaches by itself.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

func publish(t testing.TB, env amqptest.Env, queue string, bodies ...string) {
	t.Helper()
	for _, b := range bodies {
		env.Publish(t, queue, amqptest.Message{Body: []byte(b)})
	}
}

// TestNothingLost: consumers that come, settle in every way, and die at any moment, get every message
// at least once, never one that another live consumer has; and the flags tell the truth.
func TestNothingLost(t *testing.T) {
	t.Parallel()
	env, b, l := amqptest.StartOwn(t, nil)
	b.MaxDeliveries = 1 << 30
	b.InlineMax = 40 // both ways of getting bodies
	q := env.NewQueue(t)
	const messages = 3000
	var (
		mu     sync.Mutex
		holder = map[string]int{} // who has it
		seen   = map[string]int{} // how often delivered
		acked  = map[string]bool{}
		faults []string
		left   atomic.Int64
	)
	left.Store(messages)
	var work sync.WaitGroup
	stop := make(chan struct{})
	for worker := 1; worker <= 4; worker++ {
		work.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(worker), 1))
			for left.Load() > 0 {
				conn, cut := dial(t, env)
				ch, ds := consume(t, conn, q, 1+rnd.IntN(30))
				got := map[uint64]string{} // unsettled here
				var mine []string          // acked here
				settle := func(tag uint64) {
					mu.Lock()
					if holder[got[tag]] == worker {
						delete(holder, got[tag])
					}
					mu.Unlock()
					delete(got, tag)
				}
				for range 1 + rnd.IntN(400) {
					var d client.Delivery
					var ok bool
					select {
					case d, ok = <-ds:
					case <-stop:
					case <-time.After(50 * time.Millisecond):
					}
					if !ok {
						break
					}
					name := string(d.Body)
					mu.Lock()
					if other := holder[name]; other != 0 {
						faults = append(faults, fmt.Sprintf("%.12s held by %d given to %d", name, other, worker))
					}
					if acked[name] {
						faults = append(faults, name[:12]+" delivered after its ack was durable")
					}
					// (The other way round is right too: it was on its way to somebody who died.)
					if !d.Redelivered && seen[name] > 0 {
						faults = append(faults, fmt.Sprintf("%.12s redelivered=%v after %d deliveries", name, d.Redelivered, seen[name]))
					}
					holder[name] = worker
					seen[name]++
					mu.Unlock()
					got[d.DeliveryTag] = name
					switch rnd.IntN(20) {
					case 0:
						settle(d.DeliveryTag)
						_ = d.Nack(false, true)
					case 1: // kept
					default:
						settle(d.DeliveryTag)
						_ = d.Ack(false)
						mine = append(mine, name)
					}
				}
				// What is held goes back the moment the connection ends.
				mu.Lock()
				for _, name := range got {
					delete(holder, name)
				}
				mu.Unlock()
				if rnd.IntN(2) == 0 {
					if ch.Close() == nil { // then the acks are durable
						mu.Lock()
						for _, name := range mine {
							acked[name] = true
						}
						mu.Unlock()
					}
					_ = conn.Close()
				}
				cut()
				n, _ := b.Waiting(context.Background(), q)
				if int64(n) < left.Load() && rnd.IntN(4) == 0 || n == 0 {
					left.Store(int64(n))
				}
			}
		})
	}
	for i := range messages {
		publish(t, env, q, fmt.Sprintf("message-%04d%s", i, strings.Repeat("x", i%60)))
	}
	done := make(chan struct{})
	go func() { work.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(4 * patience):
		close(stop)
		n, _ := b.Waiting(context.Background(), q)
		t.Fatalf("%d messages are left; held %v", n, l.Held(q))
	}
	mu.Lock()
	defer mu.Unlock()
	if len(seen) != messages {
		t.Errorf("%d of %d messages were delivered", len(seen), messages)
	}
	if len(faults) > 0 {
		t.Errorf("%d faults, the first: %s", len(faults), faults[0])
	}
}

func TestWithdraw(t *testing.T) {
	t.Parallel()
	env, b, l := amqptest.StartOwn(t, nil)
	q := env.NewQueue(t)
	publish(t, env, q, "1", "2", "3", "4")
	conn, _ := dial(t, env)
	_, ds := consume(t, conn, q, 1)
	first := next(t, ds)
	if diff := cmp.Diff([]int64{1}, l.Held(q)); diff != "" {
		t.Errorf("held (-want +got)\n%s", diff)
	}
	// A held message is not free; the others go, and are not delivered.
	err := l.Withdraw(q, []int64{1, 2}, func(free []int64) error {
		if diff := cmp.Diff([]int64{2}, free); diff != "" {
			t.Errorf("free (-want +got)\n%s", diff)
		}
		b.Remove(q, free)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// While removal goes on nothing of it is delivered; if it fails, all is as before.
	failure := errors.New("rolled back")
	err = l.Withdraw(q, []int64{3}, func([]int64) error {
		if err := first.Ack(false); err != nil {
			t.Error(err)
		}
		if d := next(t, ds); string(d.Body) != "4" {
			t.Errorf("delivered %s", d.Body)
		} else if err := d.Ack(false); err != nil {
			t.Error(err)
		}
		return failure
	})
	if !errors.Is(err, failure) {
		t.Errorf("error %v", err)
	}
	if d := next(t, ds); string(d.Body) != "3" || d.Redelivered {
		t.Errorf("delivered %s, redelivered %v", d.Body, d.Redelivered)
	}
}

func TestExpiredIsNotDelivered(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	env, b, _ := amqptest.StartOwn(t, func(c *amqp.Config) { c.Now = func() time.Time { return now } })
	q := env.NewQueue(t)
	b.Add(amqp.Message{Queue: q, Body: []byte("late"), ExpiresAt: now})
	b.Add(amqp.Message{Queue: q, Body: []byte("in time"), ExpiresAt: now.Add(time.Millisecond)})
	conn, _ := dial(t, env)
	_, ds := consume(t, conn, q, 0)
	if d := next(t, ds); string(d.Body) != "in time" {
		t.Errorf("delivered %s", d.Body)
	}
}

func TestUnreadableBodyEndsAlone(t *testing.T) {
	t.Parallel()
	env, b, _ := amqptest.StartOwn(t, nil)
	b.InlineMax = 2
	b.Fault = func(op string) error {
		if op == "Open" {
			return errors.New("the disk is gone")
		}
		return nil
	}
	q := env.NewQueue(t)
	publish(t, env, q, "unreadable", "ok")
	conn, _ := dial(t, env)
	_, ds := consume(t, conn, q, 1)
	d := next(t, ds)
	if string(d.Body) != "ok" || d.Redelivered {
		t.Errorf("delivered %s", d.Body)
	}
	// Acknowledged, since it may have come between two attempts at the other one.
	if err := d.Ack(false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the unreadable message is dead", func() bool { return len(b.Dead(q)) > 0 })
	if diff := cmp.Diff([]string{"unreadable"}, b.Dead(q)); diff != "" {
		t.Errorf("dead (-want +got)\n%s", diff)
	}
}

// shortBody yields less than it promised.
type shortBody struct{ amqp.Backend }

func (shortBody) Open(context.Context, amqp.Ref) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("short")), nil
}

func TestBrokenBodyCostsOthersNothing(t *testing.T) {
	t.Parallel()
	env, b, _ := amqptest.StartOwn(t, func(c *amqp.Config) { c.Backend = shortBody{c.Backend} })
	b.InlineMax = 5
	q := env.NewQueue(t)
	publish(t, env, q, "fine", "longer than that")
	for range 3 {
		conn, _ := dial(t, env)
		_, ds := consume(t, conn, q, 0)
		for d := range ds { // until the connection ends
			if string(d.Body) != "fine" {
				t.Error("a broken message was delivered")
			}
		}
	}
	conn, _ := dial(t, env)
	_, ds := consume(t, conn, q, 0)
	if d := next(t, ds); string(d.Body) != "fine" || !d.Redelivered {
		t.Errorf("delivered %s, redelivered %v", d.Body, d.Redelivered)
	}
	if diff := cmp.Diff([]string{"longer than that"}, b.Dead(q)); diff != "" {
		t.Errorf("dead (-want +got)\n%s", diff)
	}
}

func TestBackendOutOfOrder(t *testing.T) {
	t.Parallel()
	env, b, _ := amqptest.StartOwn(t, nil)
	var broken atomic.Bool
	var tries atomic.Int64
	b.Fault = func(op string) error {
		if broken.Load() && op != "Login" {
			tries.Add(1)
			return errors.New("database is away")
		}
		return nil
	}
	q := env.NewQueue(t)
	publish(t, env, q, "1", "2", "3")
	conn, _ := dial(t, env)
	_, ds := consume(t, conn, q, 1)
	d := next(t, ds)
	broken.Store(true)
	if err := d.Ack(false); err != nil {
		t.Fatal(err)
	}
	publish(t, env, q, "4")
	d = next(t, ds) // what is in memory still flows
	if err := d.Nack(false, true); err != nil {
		t.Fatal(err)
	}
	eventually(t, "tried again", func() bool { return tries.Load() > 2 })

	other, _ := dial(t, env)
	ch, err := other.Channel()
	if err != nil {
		t.Fatal(err)
	}
	var refusal *client.Error
	if _, err := ch.Consume(q, "", false, false, false, false, nil); !errors.As(err, &refusal) || refusal.Code != 541 || strings.Contains(refusal.Reason, "database") {
		t.Errorf("consume answered %v", err)
	}

	broken.Store(false)
	for _, want := range []string{"2!", "3", "4"} {
		d := next(t, ds)
		got := string(d.Body)
		if d.Redelivered {
			got += "!"
		}
		if got != want {
			t.Errorf("delivered %s, want %s", got, want)
		}
		if err := d.Ack(false); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all acks are durable", func() bool { n, _ := b.Waiting(t.Context(), q); return n == 0 })
}

func TestDisconnect(t *testing.T) {
	t.Parallel()
	env, _, l := amqptest.StartOwn(t, nil)
	q, other := env.NewQueue(t), env.NewQueue(t)
	publish(t, env, q, "1")
	conn, _ := dial(t, env)
	_, ds := consume(t, conn, q, 10)
	bystander, _ := dial(t, env)
	consume(t, bystander, other, 10)
	next(t, ds)
	list := l.Connections()
	if len(list) != 2 || list[0].Name != "the tests" || list[0].User != env.Owner.Name || !cmp.Equal(list[0].Queues, []string{q}) || list[0].TLS || list[0].Channels != 1 {
		t.Errorf("connections %+v", list)
	}
	if n := l.Consumers(q); n != 1 {
		t.Errorf("%d consumers", n)
	}
	closed := conn.NotifyClose(make(chan *client.Error, 1))
	l.DisconnectQueue(q)
	if e := <-closed; e == nil || e.Code != 320 || !strings.HasPrefix(e.Reason, "CONNECTION_FORCED - ") {
		t.Errorf("closed with %v", e)
	}
	eventually(t, "the consumer is gone", func() bool { return l.Consumers(q) == 0 && len(l.Held(q)) == 0 })
	if bystander.IsClosed() {
		t.Error("another connection was closed too")
	}
	conn, _ = dial(t, env)
	_, ds = consume(t, conn, q, 10)
	if d := next(t, ds); !d.Redelivered {
		t.Error("not marked as redelivered")
	}
	closed = bystander.NotifyClose(make(chan *client.Error, 1))
	l.DisconnectUser(env.Owner.Name)
	if e := <-closed; e == nil || e.Code != 320 {
		t.Errorf("closed with %v", e)
	}
}

// A right that is withdrawn ends the deliveries to those who consume already; a
// backend that cannot tell ends nothing.
func TestAccessWithdrawn(t *testing.T) {
	t.Parallel()
	env, b, _ := amqptest.StartOwn(t, func(c *amqp.Config) { c.RecheckEvery = 5 * time.Millisecond })
	var asked, answer atomic.Int32 // 1: out of order, 2: refused
	b.Fault = func(op string) error {
		if op != "MayConsume" {
			return nil
		}
		asked.Add(1)
		return []error{nil, errors.New("out of order"), amqp.ErrAccessRefused}[answer.Load()]
	}
	q := env.NewQueue(t)
	conn, _ := dial(t, env)
	_, ds := consume(t, conn, q, 10)
	publish(t, env, q, "1")
	next(t, ds)
	answer.Store(1)
	before := asked.Load()
	eventually(t, "asked again", func() bool { return asked.Load() > before+2 })
	if conn.IsClosed() {
		t.Fatal("closed although nobody withdrew anything")
	}
	closed := conn.NotifyClose(make(chan *client.Error, 1))
	answer.Store(2)
	select {
	case e := <-closed:
		if e == nil || e.Code != 320 {
			t.Errorf("closed with %v", e)
		}
	case <-time.After(patience):
		t.Fatal("it goes on consuming")
	}
}

// TestShutdown: three restarts while a message is held do not make it a failure, the mark stays, and
// settlements on the way count.
func TestShutdown(t *testing.T) {
	t.Parallel()
	b := amqptest.NewMemory(map[string]string{"u": "p"})
	b.AddQueue("q", "u")
	b.Add(amqp.Message{Queue: "q", Body: []byte("held")})
	for i := range 4 {
		l := amqp.New(amqp.Config{Backend: b})
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- l.Serve(ln) }()
		conn, _ := dial(t, amqptest.Env{Addr: ln.Addr().String(), Owner: amqptest.Credentials{Name: "u", Password: "p"}})
		_, ds := consume(t, conn, "q", 10)
		d := next(t, ds)
		if d.Redelivered != (i > 0) {
			t.Errorf("round %d: redelivered %v", i, d.Redelivered)
		}
		if i == 3 {
			if err := d.Ack(false); err != nil {
				t.Fatal(err)
			}
		}
		closed := conn.NotifyClose(make(chan *client.Error, 1))
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if err := l.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		cancel()
		if e := <-closed; e == nil || e.Code != 320 {
			t.Errorf("closed with %v", e)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
	if n, _ := b.Waiting(t.Context(), "q"); n != 0 {
		t.Error("the last ack was lost")
	}
}

// TestDeliveredIsMarked: what a consumer held for a while is marked before anything ends in order.
func TestDeliveredIsMarked(t *testing.T) {
	t.Parallel()
	marked := make(chan []amqp.Ref, 10)
	env, _, _ := amqptest.StartOwn(t, func(c *amqp.Config) { c.Backend = marking{c.Backend, marked} })
	q := env.NewQueue(t)
	publish(t, env, q, "1", "2")
	conn, _ := dial(t, env)
	_, ds := consume(t, conn, q, 10)
	if err := next(t, ds).Ack(false); err != nil {
		t.Fatal(err)
	}
	next(t, ds)
	start := time.Now()
	for {
		refs := <-marked
		for _, r := range refs {
			if r == (amqp.Ref{Queue: q, Seq: 2}) {
				if took := time.Since(start); took > 3*time.Second {
					t.Errorf("marked after %v", took)
				}
				return
			}
		}
	}
}

type marking struct {
	amqp.Backend
	marked chan<- []amqp.Ref
}

func (m marking) Delivered(ctx context.Context, refs []amqp.Ref) error {
	select {
	case m.marked <- append([]amqp.Ref{}, refs...):
	default:
	}
	return m.Backend.Delivered(ctx, refs)
}

// TestSlowReader: a client that does not read costs little memory, and is thrown out.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	opened := atomic.Int64{}
	env, b, l := amqptest.StartOwn(t, func(c *amqp.Config) {
		c.Backend = counting{c.Backend, &opened}
		c.WriteTimeout = 3 * time.Second
	})
	b.MaxDeliveries = 100
	q := env.NewQueue(t)
	body := strings.Repeat("x", 1<<20)
	for range 50 {
		publish(t, env, q, body)
	}
	lazy := amqptest.OpenRaw(t, env.Addr, env.Owner, q)
	defer lazy.Close()
	eventually(t, "bodies are under way", func() bool { return opened.Load() > 0 })
	eventually(t, "the slow reader is gone", func() bool { return len(l.Connections()) == 0 && len(l.Held(q)) == 0 })
	if n := opened.Load(); n > 20 {
		t.Errorf("%d bodies of 1 MiB were opened for nobody", n)
	}
	conn, _ := dial(t, env)
	_, ds := consume(t, conn, q, 0)
	for range 50 {
		if d := next(t, ds); len(d.Body) != len(body) {
			t.Fatal("body cut short")
		}
	}
}

type counting struct {
	amqp.Backend
	opened *atomic.Int64
}

func (c counting) Open(ctx context.Context, r amqp.Ref) (io.ReadCloser, error) {
	c.opened.Add(1)
	return c.Backend.Open(ctx, r)
}

func TestLimits(t *testing.T) {
	t.Parallel()
	env, _, l := amqptest.StartOwn(t, func(c *amqp.Config) {
		c.MaxConnections = 2
		c.HandshakeTimeout = 300 * time.Millisecond
	})
	closes := func(nc net.Conn, what string) {
		t.Helper()
		if err := nc.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, nc); err != nil && errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", what, err)
		}
		nc.Close()
	}
	open := func() net.Conn {
		t.Helper()
		nc, err := net.Dial("tcp", env.Addr)
		if err != nil {
			t.Fatal(err)
		}
		return nc
	}
	first, _ := dial(t, env)
	dial(t, env)
	closes(open(), "one too many")
	first.Close()
	eventually(t, "there is room", func() bool { return len(l.Connections()) == 1 })
	closes(open(), "silent in the handshake")
}

func TestUnsendableHeaderIsAFailure(t *testing.T) {
	t.Parallel()
	env, b, _ := amqptest.StartOwn(t, nil)
	q := env.NewQueue(t)
	b.Add(amqp.Message{Queue: q, Body: []byte("huge"), Headers: []amqp.Header{{Name: "x", Value: strings.Repeat("x", 131072)}}})
	b.Add(amqp.Message{Queue: q, Body: []byte("long"), Headers: []amqp.Header{{Name: strings.Repeat("n", 256), Value: "x"}}})
	publish(t, env, q, "ok")
	conn, _ := dial(t, env)
	_, ds := consume(t, conn, q, 10)
	if d := next(t, ds); string(d.Body) != "ok" {
		t.Errorf("delivered %s", d.Body)
	}
	if diff := cmp.Diff([]string{"huge", "long"}, b.Dead(q)); diff != "" {
		t.Errorf("dead (-want +got)\n%s", diff)
	}
}

func TestLatency(t *testing.T) {
	t.Parallel()
	env, b, _ := amqptest.StartOwn(t, nil)
	q := env.NewQueue(t)
	conn, _ := dial(t, env)
	_, ds := consume(t, conn, q, 10)
	best := time.Hour
	for range 20 { // the best of several, since others use the machine too
		start := time.Now()
		b.Add(amqp.Message{Queue: q, Body: []byte("x")})
		d := next(t, ds)
		best = min(best, time.Since(start))
		if err := d.Ack(false); err != nil {
			t.Fatal(err)
		}
	}
	if best > 5*time.Millisecond {
		t.Errorf("%v from Notify to the consumer, at best", best)
	}
}

func TestConsumerTimeout(t *testing.T) {
	t.Parallel()
	env, b, _ := amqptest.StartOwn(t, func(c *amqp.Config) { c.ConsumerTimeout = time.Millisecond })
	b.MaxDeliveries = 1
	q := env.NewQueue(t)
	publish(t, env, q, "kept too long")
	conn, _ := dial(t, env)
	closed := conn.NotifyClose(make(chan *client.Error, 1))
	consume(t, conn, q, 10)
	if e := <-closed; e == nil || e.Code != 320 || e.Reason != "CONNECTION_FORCED - delivery acknowledgement on channel 1 timed out. Timeout value used: 1 ms" {
		t.Errorf("closed with %v", e)
	}
	if diff := cmp.Diff([]string{"kept too long"}, env.DeadLettered(t, q, 1)); diff != "" {
		t.Errorf("dead (-want +got)\n%s", diff)
	}
}

// publisher lets clients publish, as brokers for measuring do.
type publisher struct {
	*amqptest.Memory
	fail *atomic.Bool
}

func (p publisher) Publish(_ context.Context, msgs []amqp.Publishing) (unroutable []int, err error) {
	if p.fail.Load() {
		return nil, errors.New("disk full")
	}
	for i, m := range msgs {
		if !strings.HasPrefix(m.Queue, "fiksio.") {
			unroutable = append(unroutable, i)
			continue
		}
		p.Add(amqp.Message{Queue: m.Queue, Headers: m.Headers, Expiration: m.Expiration, Body: m.Body})
	}
	return unroutable, nil
}

func TestPublisher(t *testing.T) {
	t.Parallel()
	var fail atomic.Bool
	env, _, _ := amqptest.StartOwn(t, func(c *amqp.Config) { c.Backend = publisher{c.Backend.(*amqptest.Memory), &fail} })
	q := env.NewQueue(t)
	conn, _ := dial(t, env)
	ch, ds := consume(t, conn, q, 0)
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	returned := ch.NotifyReturn(make(chan client.Return, 1))
	send := func(queue, body string) bool {
		t.Helper()
		c, err := ch.PublishWithDeferredConfirm("", queue, true, false, client.Publishing{
			ContentType: "text/plain", Headers: client.Table{"type": "t", "number": int32(1)}, Expiration: "1000", Type: "x", Body: []byte(body)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		ok, err := c.WaitContext(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	for _, body := range []string{"", "x", strings.Repeat("y", 300_000)} {
		if !send(q, body) {
			t.Error("not confirmed")
		}
		d := next(t, ds)
		if string(d.Body) != body || d.Expiration != "1000" || !cmp.Equal(d.Headers, client.Table{"type": "t"}) {
			t.Errorf("delivered %d bytes, headers %v", len(d.Body), d.Headers)
		}
	}
	if !send("elsewhere", "lost") {
		t.Error("an unroutable message is confirmed too")
	}
	if r := <-returned; r.ReplyCode != 312 || r.ReplyText != "NO_ROUTE" || string(r.Body) != "lost" {
		t.Errorf("returned %+v", r)
	}
	fail.Store(true)
	if send(q, "x") {
		t.Error("confirmed what was not stored")
	}
	closed := ch.NotifyClose(make(chan *client.Error, 1))
	if err := ch.Publish("other", q, false, false, client.Publishing{}); err != nil {
		t.Fatal(err)
	}
	if e := <-closed; e == nil || e.Code != 404 || e.Reason != "NOT_FOUND - no exchange 'other' in vhost '/'" {
		t.Errorf("closed with %v", e)
	}
}

// FuzzConnection: whatever an open connection says, it ends when the client does, and
// gives back what it held.
func FuzzConnection(f *testing.F) {
	f.Add([]byte{1, 0, 1, 0, 0, 0, 13, 0, 60, 0, 80, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0xCE})  // ack 1
	f.Add([]byte{1, 0, 1, 0, 0, 0, 13, 0, 60, 0, 120, 0, 0, 0, 0, 0, 0, 0, 2, 3, 0xCE}) // nack
	f.Add([]byte{1, 0, 1, 0, 0, 0, 5, 0, 60, 0, 110, 1, 0xCE})                          // recover
	f.Add([]byte{1, 0, 2, 0, 0, 0, 5, 0, 20, 0, 10, 0, 0xCE, 1, 0, 2, 0, 0, 0, 4, 0, 90, 0, 10, 0xCE})
	f.Add([]byte{1, 0, 1, 0, 0, 0, 11, 0, 20, 0, 40, 0, 200, 0, 0, 0, 0, 0, 0xCE, 2, 0, 1, 0, 0, 0, 0, 0xCE})
	env, b, l := amqptest.StartOwn(f, nil)
	b.MaxDeliveries = 1 << 30
	f.Fuzz(func(t *testing.T, in []byte) {
		q := env.NewQueue(t)
		publish(t, env, q, "1", "2", "3")
		nc := amqptest.OpenRaw(t, env.Addr, env.Owner, q)
		if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		_, _ = nc.Write(in)
		_ = nc.(*net.TCPConn).CloseWrite()
		var timeout net.Error
		if _, err := io.Copy(io.Discard, nc); errors.As(err, &timeout) && timeout.Timeout() {
			t.Fatal("the connection did not end")
		}
		eventually(t, "all given back", func() bool { return len(l.Held(q)) == 0 && l.Consumers(q) == 0 })
	})
}
