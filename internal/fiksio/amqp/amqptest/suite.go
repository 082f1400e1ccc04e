package amqptest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	client "github.com/rabbitmq/amqp091-go"
)

// patience is how long anything may take before a scenario fails; quiet is how
// long nothing must happen before the suite believes that nothing will.
const (
	patience = 15 * time.Second
	quiet    = 250 * time.Millisecond
)

// Credentials log in.
type Credentials struct{ Name, Password string }

// Message is what the suite publishes through Env.
type Message struct {
	Headers    []Header // in this order
	Expiration string   // milliseconds, or empty
	Body       []byte
}

// Header is one entry of a message's header table, a string to the client.
type Header struct{ Name, Value string }

// Env is a broker under test. The functions may fail the test.
type Env struct {
	Addr    string // host:port, plain
	TLSAddr string // host:port
	TLS     *tls.Config
	// Owner may consume the queues that NewQueue makes. Long are further
	// users, with passwords of different lengths (tokens).
	Owner Credentials
	Long  []Credentials
	// NewQueue makes an empty queue for Owner; ForeignQueue one that Owner may not read.
	NewQueue     func(t testing.TB) string
	ForeignQueue func(t testing.TB) string
	// Publish puts messages in a queue, in order, durably. Expirations there are
	// as the sender set them; what expires, and when, is not this suite's matter.
	Publish func(t testing.TB, queue string, ms ...Message)
	// DeadLettered returns the bodies of the messages of a queue that
	// were given up after three attempts, waiting for n of them.
	DeadLettered func(t testing.TB, queue string, n int) []string
	// RabbitMQ tells that the broker is RabbitMQ itself, with quorum queues as in the
	// wire contract §6.6.
	RabbitMQ bool
}

// scenario is one behaviour. Run notes what it sees; that must equal want, or
// rabbit where RabbitMQ is known to differ, for the reason in why.
type scenario struct {
	name   string
	run    func(s *session)
	want   []string
	rabbit []string
	why    string
}

// session is a running scenario.
type session struct {
	testing.TB
	Env
	notes []string
}

// Run plays all scenarios against the broker of env, in parallel.
func Run(t *testing.T, env Env) {
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			s := &session{TB: t, Env: env}
			sc.run(s)
			want := sc.want
			if env.RabbitMQ && sc.rabbit != nil {
				want = sc.rabbit
			}
			if diff := cmp.Diff(want, s.notes); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// note records what was seen. The names of queue and owner, which differ from
// run to run, are replaced.
func (s *session) note(format string, args ...any) {
	s.notes = append(s.notes, strings.ReplaceAll(fmt.Sprintf(format, args...), s.Owner.Name, "OWNER"))
}

// noteQueue is note with the queue's name replaced.
func (s *session) noteQueue(queue, format string, args ...any) {
	s.note("%s", strings.ReplaceAll(fmt.Sprintf(format, args...), queue, "QUEUE"))
}

// wire is one connection of the Go client whose socket the scenario can cut.
type wire struct {
	*client.Connection
	socket net.Conn
}

func (s *session) dial() *wire { return s.dialAs(s.Owner, false) }

func (s *session) dialAs(c Credentials, secure bool) *wire {
	s.Helper()
	addr, scheme := s.Addr, "amqp"
	if secure {
		addr, scheme = s.TLSAddr, "amqps"
	}
	w := &wire{}
	conf := client.Config{
		SASL:            []client.Authentication{&client.PlainAuth{Username: c.Name, Password: c.Password}},
		Vhost:           "/",
		Heartbeat:       time.Minute,
		TLSClientConfig: s.TLS,
		Properties:      client.Table{"connection_name": "suite " + s.Name()},
		Dial: func(network, _ string) (net.Conn, error) {
			nc, err := net.DialTimeout(network, addr, patience)
			w.socket = nc
			return nc, err
		},
	}
	var err error
	if w.Connection, err = client.DialConfig(scheme+"://"+addr+"/", conf); err != nil {
		s.Fatalf("connecting as %s: %v", c.Name, err)
	}
	s.Cleanup(func() { w.Close(); w.socket.Close() })
	return w
}

// cut ends the connection as a dying client would: without a word.
func (w *wire) cut() { w.socket.Close() }

// cutFrom is cut, and waits until the broker has noticed: until ready messages
// wait in the queue and nobody consumes it.
func (s *session) cutFrom(w *wire, queue string, ready int) {
	s.Helper()
	w.cut()
	ch := s.open(s.dial(), 0)
	for deadline := time.Now().Add(patience); ; <-time.After(5 * time.Millisecond) {
		info, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
		s.must(err)
		if info.Messages == ready && info.Consumers == 0 {
			return
		}
		if time.Now().After(deadline) {
			s.Fatalf("%d messages ready and %d consumers after the cut, want %d and none", info.Messages, info.Consumers, ready)
		}
	}
}

// hole is one channel.
type hole struct {
	*client.Channel
	s      *session
	closed chan *client.Error
}

// open opens a channel with a prefetch limit per consumer (0: none set).
func (s *session) open(w *wire, prefetch int) *hole {
	s.Helper()
	ch, err := w.Channel()
	if err != nil {
		s.Fatal(err)
	}
	if prefetch > 0 {
		if err := ch.Qos(prefetch, 0, false); err != nil {
			s.Fatal(err)
		}
	}
	return &hole{Channel: ch, s: s, closed: ch.NotifyClose(make(chan *client.Error, 1))}
}

func (h *hole) consume(queue, tag string) <-chan client.Delivery {
	h.s.Helper()
	d, err := h.Consume(queue, tag, false, false, false, false, nil)
	if err != nil {
		h.s.Fatalf("consuming: %v", err)
	}
	return d
}

// next returns the next delivery.
func (s *session) next(ds <-chan client.Delivery) client.Delivery {
	s.Helper()
	select {
	case d, ok := <-ds:
		if !ok {
			s.Fatal("the consumer is closed")
		}
		return d
	case <-time.After(patience):
		s.Fatal("no delivery")
	}
	panic("unreachable")
}

// many describes the next n deliveries: body, and ! when redelivered.
func (s *session) many(ds <-chan client.Delivery, n int) string {
	s.Helper()
	var list []string
	for range n {
		list = append(list, describe(s.next(ds)))
	}
	return strings.Join(list, " ")
}

func describe(d client.Delivery) string {
	if d.Redelivered {
		return string(d.Body) + "!"
	}
	return string(d.Body)
}

// silent checks that no delivery comes.
func (s *session) silent(ds <-chan client.Delivery) {
	s.Helper()
	select {
	case d, ok := <-ds:
		if ok {
			s.Errorf("unexpected delivery %s", describe(d))
		}
	case <-time.After(quiet):
	}
}

// texts publishes messages with these bodies.
func (s *session) texts(queue string, bodies ...string) {
	s.Helper()
	var ms []Message
	for _, b := range bodies {
		ms = append(ms, Message{Body: []byte(b)})
	}
	s.Publish(s, queue, ms...)
}

func (s *session) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// errorText is code and text of a server's refusal.
func errorText(err error) string {
	var e *client.Error
	if errors.As(err, &e) {
		return fmt.Sprintf("%d %s", e.Code, e.Reason)
	}
	return fmt.Sprint(err)
}

// gather collects deliveries from several consumers until n have come.
func (s *session) gather(n int, sources ...<-chan client.Delivery) []string {
	s.Helper()
	var (
		mu   sync.Mutex
		list []string
		done = make(chan struct{})
		stop = make(chan struct{})
	)
	for i, src := range sources {
		go func() {
			for {
				select {
				case d, ok := <-src:
					if !ok {
						return
					}
					mu.Lock()
					list = append(list, fmt.Sprintf("%d:%s", i+1, describe(d)))
					if len(list) == n {
						close(done)
					}
					mu.Unlock()
				case <-stop:
					return
				}
			}
		}()
	}
	select {
	case <-done:
	case <-time.After(patience):
		s.Error("not all deliveries came")
	}
	close(stop)
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(list)
	return list
}
