package fiksio

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"testing"
	"time"

	"knutepunkt/internal/fiksio/amqp"
	"knutepunkt/internal/fiksio/amqp/amqptest"
)

// lytt runs the listener over the house's queues for the duration of the test.
func (h *hus) lytt(t testing.TB, b amqp.Backend) (l *amqp.Listener, addr, tlsAddr string, klient *tls.Config) {
	t.Helper()
	certs, err := amqptest.NewCertificates()
	if err != nil {
		t.Fatal(err)
	}
	tjener, err := certs.Server()
	if err != nil {
		t.Fatal(err)
	}
	if klient, err = certs.Client(); err != nil {
		t.Fatal(err)
	}
	l = amqp.New(amqp.Config{Backend: b, Now: h.Service.Klokke.Now, Version: "test"})
	h.Koble(l)
	serve := func(wrap func(net.Listener) net.Listener) string {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ferdig := make(chan error, 1)
		go func() { ferdig <- l.Serve(wrap(ln)) }()
		t.Cleanup(func() {
			if err := <-ferdig; err != nil {
				t.Error(err)
			}
		})
		return ln.Addr().String()
	}
	addr = serve(func(ln net.Listener) net.Listener { return ln })
	tlsAddr = serve(func(ln net.Listener) net.Listener { return tls.NewListener(ln, tjener) })
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := l.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return l, addr, tlsAddr, klient
}

// TestProtokollsuite judges the listener over this backend by the suite that RabbitMQ
// passes too (Fiks IO wire contract §9).
func TestProtokollsuite(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	pub := Publiserende{h.Broker(innlogging{})}
	b := &merkDod{Broker: pub.Broker, dod: map[string][]string{}}
	_, addr, tlsAddr, klient := h.lytt(t, b)
	eier := integrasjon
	nyKo := func(tillatt bool) func(testing.TB) string {
		return func(t testing.TB) string {
			k := h.konto(t)
			if tillatt {
				h.gi(t, eier, "SVARINN_KONTO", k.ID)
			}
			return Ko(k.ID)
		}
	}
	amqptest.Run(t, amqptest.Env{
		Addr: addr, TLSAddr: tlsAddr, TLS: klient,
		Owner: amqptest.Credentials{Name: eier, Password: "passord token"}, Long: amqptest.Tokens(),
		NewQueue: nyKo(true), ForeignQueue: nyKo(false),
		Publish: func(t testing.TB, queue string, ms ...amqptest.Message) {
			var ut []amqp.Publishing
			for _, m := range ms {
				p := amqp.Publishing{Queue: queue, Expiration: m.Expiration, Body: m.Body}
				for _, hd := range m.Headers {
					p.Headers = append(p.Headers, amqp.Header(hd))
				}
				ut = append(ut, p)
			}
			if u, err := pub.Publish(t.Context(), ut); err != nil || len(u) > 0 {
				t.Fatal(u, err)
			}
			h.kringkaster().Notify(queue)
		},
		DeadLettered: func(t testing.TB, queue string, n int) []string { return b.vent(t, queue, n) },
	})
}

// merkDod notes the bodies of messages that Requeue gave up.
type merkDod struct {
	*Broker
	mu  sync.Mutex
	dod map[string][]string
}

func (b *merkDod) Requeue(ctx context.Context, refs []amqp.Ref) ([]amqp.Message, error) {
	kropper := map[amqp.Ref]string{}
	for _, r := range refs {
		nr, id, err := b.s.nrAv(ctx, r.Queue)
		if err != nil {
			return nil, err
		}
		ms, _, err := b.s.meldinger(ctx, b.s.DB.Read(), id, `id = $1`, nokkel(nr, r.Seq))
		if err != nil {
			return nil, err
		}
		for _, m := range ms {
			kropper[r] = string(m.kropp)
		}
	}
	igjen, err := b.Broker.Requeue(ctx, refs)
	if err != nil {
		return nil, err
	}
	for _, m := range igjen {
		delete(kropper, amqp.Ref{Queue: m.Queue, Seq: m.Seq})
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range refs {
		if k, dod := kropper[r]; dod {
			b.dod[r.Queue] = append(b.dod[r.Queue], k)
		}
	}
	return igjen, nil
}

func (b *merkDod) vent(t testing.TB, queue string, n int) []string {
	t.Helper()
	for frist := time.Now().Add(15 * time.Second); ; {
		b.mu.Lock()
		dod := append([]string{}, b.dod[queue]...)
		b.mu.Unlock()
		if len(dod) >= n || time.Now().After(frist) {
			return dod
		}
		<-time.After(5 * time.Millisecond)
	}
}
