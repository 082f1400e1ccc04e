package amqptest

import (
	"context"
	"crypto/tls"
	"net"
	"testing"
	"time"

	"knutepunkt/internal/fiksio/amqp"
)

// StartOwn runs our own listener over a [Memory] for the duration of the test. change
// may adjust the configuration, for instance wrap the backend.
func StartOwn(t testing.TB, change func(*amqp.Config)) (Env, *Memory, *amqp.Listener) {
	t.Helper()
	certs, err := NewCertificates()
	if err != nil {
		t.Fatal(err)
	}
	return StartOwnWith(t, certs, change)
}

// StartOwnWith is StartOwn with given certificates.
func StartOwnWith(t testing.TB, certs Certificates, change func(*amqp.Config)) (Env, *Memory, *amqp.Listener) {
	t.Helper()
	env := Env{Owner: Credentials{"7d5c32a8-1c3e-4b1f-9d0a-2f1f6f0f6f11", "passord token"}, Long: Tokens()}
	users := map[string]string{env.Owner.Name: env.Owner.Password}
	for _, c := range env.Long {
		users[c.Name] = c.Password
	}
	b := NewMemory(users)
	cfg := amqp.Config{Backend: b, Version: "test"}
	if change != nil {
		change(&cfg)
	}
	l := amqp.New(cfg)
	b.Notify = l.Notify
	server, err := certs.Server()
	if err != nil {
		t.Fatal(err)
	}
	if env.TLS, err = certs.Client(); err != nil {
		t.Fatal(err)
	}
	serve := func(wrap func(net.Listener) net.Listener) string {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- l.Serve(wrap(ln)) }()
		t.Cleanup(func() {
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
		return ln.Addr().String()
	}
	env.Addr = serve(func(ln net.Listener) net.Listener { return ln })
	env.TLSAddr = serve(func(ln net.Listener) net.Listener { return tls.NewListener(ln, server) })
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := l.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	queue := func(owner string) func(testing.TB) string {
		return func(testing.TB) string {
			name := QueueName(true)
			b.AddQueue(name, owner)
			return name
		}
	}
	env.NewQueue, env.ForeignQueue = queue(env.Owner.Name), queue("somebody else")
	env.Publish = func(_ testing.TB, queue string, ms ...Message) {
		for _, m := range ms {
			own := amqp.Message{Queue: queue, Expiration: m.Expiration, Body: m.Body}
			for _, h := range m.Headers {
				own.Headers = append(own.Headers, amqp.Header(h))
			}
			b.Add(own)
		}
	}
	env.DeadLettered = func(t testing.TB, queue string, n int) []string {
		t.Helper()
		for deadline := time.Now().Add(patience); ; {
			dead := b.Dead(queue)
			if len(dead) >= n || time.Now().After(deadline) {
				return dead
			}
			<-time.After(5 * time.Millisecond)
		}
	}
	return env, b, l
}
