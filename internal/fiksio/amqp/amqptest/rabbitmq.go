package amqptest

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	client "github.com/rabbitmq/amqp091-go"

	"knutepunkt/internal/fiksio/amqp/amqptest/rabbitnode"
)

// Own and foreign queues are told apart by the first digit of the konto id,
// which a permission pattern of RabbitMQ can see.
const ownPattern = `^fiksio\.konto\.e.*`

// QueueName makes the name of a queue, own or foreign.
func QueueName(own bool) string {
	first := "f"
	if own {
		first = "e"
	}
	return "fiksio.konto." + first + uuid.NewString()[1:]
}

// Tokens are users whose passwords end in tokens of usual and unusual lengths.
func Tokens() []Credentials {
	return []Credentials{
		{"token-1500", "passord " + strings.Repeat("x", 1500)},
		{"token-4096", "passord " + strings.Repeat("x", 4096)},
		{"token-16384", "passord " + strings.Repeat("x", 16384)},
	}
}

// RequirePeer skips the test when a program of others is missing (err), unless
// the environment demands that it be there.
func RequirePeer(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if os.Getenv("KNUTEPUNKT_REQUIRE_PEERS") == "1" {
		t.Fatal(err)
	}
	t.Skip(err)
}

// StartRabbitMQ runs a private RabbitMQ node for the duration of the test.
func StartRabbitMQ(t testing.TB) (Env, *rabbitnode.Node) {
	t.Helper()
	RequirePeer(t, rabbitnode.Installed())
	certs, err := NewCertificates()
	if err != nil {
		t.Fatal(err)
	}
	return StartRabbitMQWith(t, certs)
}

// StartRabbitMQWith is StartRabbitMQ with given certificates.
func StartRabbitMQWith(t testing.TB, certs Certificates) (Env, *rabbitnode.Node) {
	t.Helper()
	env := Env{Owner: Credentials{"7d5c32a8-1c3e-4b1f-9d0a-2f1f6f0f6f11", "passord token"}, Long: Tokens(), RabbitMQ: true}
	users := []rabbitnode.User{
		{Name: "admin", Password: "admin", Admin: true},
		{Name: env.Owner.Name, Password: env.Owner.Password, Read: ownPattern},
	}
	for _, c := range env.Long {
		users = append(users, rabbitnode.User{Name: c.Name, Password: c.Password, Read: "^$"})
	}
	node, err := rabbitnode.Start(t.Context(), rabbitnode.Options{Users: users, CA: certs.CA, Cert: certs.Cert, Key: certs.Key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(node.Stop)
	env.Addr, env.TLSAddr = node.Addr, node.TLSAddr
	if env.TLS, err = certs.Client(); err != nil {
		t.Fatal(err)
	}
	conn, err := client.Dial(node.URL(node.Admin))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	channel := func(t testing.TB) *client.Channel {
		t.Helper()
		ch, err := conn.Channel()
		if err != nil {
			t.Fatal(err)
		}
		return ch
	}
	declare := func(t testing.TB, name string) {
		t.Helper()
		ch := channel(t)
		defer ch.Close()
		if err := DeclareQuorum(ch, name); err != nil {
			t.Fatal(err)
		}
	}
	queue := func(own bool) func(testing.TB) string {
		return func(t testing.TB) string {
			t.Helper()
			name := QueueName(own)
			declare(t, name)
			return name
		}
	}
	env.NewQueue, env.ForeignQueue = queue(true), queue(false)
	env.Publish = func(t testing.TB, queue string, ms ...Message) {
		t.Helper()
		ch := channel(t)
		defer ch.Close()
		if err := ch.Confirm(false); err != nil {
			t.Fatal(err)
		}
		for _, m := range ms {
			headers := client.Table{}
			for _, h := range m.Headers {
				headers[h.Name] = h.Value
			}
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			c, err := ch.PublishWithDeferredConfirmWithContext(ctx, "", queue, true, false, client.Publishing{
				Headers: headers, Expiration: m.Expiration, DeliveryMode: client.Persistent, Body: m.Body,
			})
			if err != nil {
				t.Fatal(err)
			}
			if ok, err := c.WaitContext(ctx); err != nil || !ok {
				t.Fatalf("publish not confirmed: %v", err)
			}
		}
	}
	env.DeadLettered = func(t testing.TB, queue string, n int) []string {
		t.Helper()
		ch := channel(t)
		defer ch.Close()
		list := []string{}
		for deadline := time.Now().Add(patience); ; {
			d, ok, err := ch.Get(deadQueue(queue), true)
			if err != nil {
				t.Fatal(err)
			}
			if ok && d.Headers["x-first-death-reason"] == "delivery_limit" {
				list = append(list, string(d.Body))
			}
			if !ok && (len(list) >= n || time.Now().After(deadline)) {
				return list
			}
			if !ok {
				<-time.After(20 * time.Millisecond)
			}
		}
	}
	return env, node
}

func deadQueue(queue string) string { return "dead." + queue }

// DeclareQuorum declares a queue as in the wire contract §6.6: quorum, three
// deliveries, then to a dead-letter queue.
func DeclareQuorum(ch *client.Channel, name string) error {
	if _, err := ch.QueueDeclare(deadQueue(name), true, false, false, false, nil); err != nil {
		return err
	}
	_, err := ch.QueueDeclare(name, true, false, false, false, client.Table{
		"x-queue-type": "quorum", "x-delivery-limit": int32(2),
		"x-dead-letter-exchange": "", "x-dead-letter-routing-key": deadQueue(name),
	})
	return err
}
