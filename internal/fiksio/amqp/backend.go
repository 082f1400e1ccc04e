package amqp

import (
	"context"
	"errors"
	"io"
	"time"
)

// Errors a [Backend] answers with. Any other error means that the backend is
// out of order; the client is then told 541 INTERNAL_ERROR and connects again.
var (
	// ErrAccessRefused: wrong credentials, or no right to the queue.
	ErrAccessRefused = errors.New("access refused")
	// ErrNoQueue: there is no such queue.
	ErrNoQueue = errors.New("no such queue")
)

// InlineBody is the largest body in bytes that Ready and Requeue should put in
// Message.Body. Larger ones are opened when their turn on the wire comes, so
// that memory does not grow with the size of bodies.
const InlineBody = 8 << 10

// Backend is what the listener needs to know and have done. All methods are
// called from several goroutines.
//
// Visibility: within one queue, a message may never become visible to Ready
// with a Seq lower than one that is visible already (writers of one queue are
// serialised). After the commit that made messages visible the backend calls
// [Listener.Notify].
//
// Ownership: from Ready or Requeue until Ack, Reject or Requeue the listener
// owns a message. A backend that wants to remove one by its own decision
// (expired, fetched by hand, account deleted) does it inside
// [Listener.Withdraw], which leaves out those that a consumer holds.
type Backend interface {
	// Login checks SASL PLAIN credentials. The password is as received:
	// "<passord> <token>", to be split at the last space.
	// ErrAccessRefused when refused, without telling why.
	Login(ctx context.Context, username, password string) (User, error)

	// MayConsume answers nil, ErrNoQueue or ErrAccessRefused. It is asked when a
	// client begins to consume, and again every Config.RecheckEvery: a right that
	// was withdrawn ends the connection.
	MayConsume(ctx context.Context, user User, queue string) error

	// Ready returns up to limit messages of queue with Seq > after, by Seq,
	// including those that consumers hold now (the listener leaves them out).
	// Fewer than limit means that there are no more.
	Ready(ctx context.Context, queue string, after int64, limit int) ([]Message, error)

	// Waiting counts the messages in queue, including those that consumers hold.
	Waiting(ctx context.Context, queue string) (int, error)

	// Open opens the body of a message that came without it. It must yield
	// exactly Message.Size bytes. When it fails, one attempt is counted
	// through Requeue, so that an unreadable message ends as a serverfeil
	// and does not stop the queue.
	Open(ctx context.Context, ref Ref) (io.ReadCloser, error)

	// Ack removes messages; durable when it returns nil. Refs may be of several
	// queues and may name messages that are gone: no error. They are sorted by
	// queue and Seq, and mostly in unbroken runs, so that a store can remove
	// ranges. All or nothing; after an error the listener tries the same
	// batch again.
	Ack(ctx context.Context, refs []Ref) error

	// Reject removes messages that a consumer refused for good
	// (basic.nack or basic.reject with requeue=false). The sender is told
	// nothing. Otherwise as Ack.
	Reject(ctx context.Context, refs []Ref) error

	// Requeue counts one failed attempt for each message (nack with
	// requeue=true, or channel or connection lost) and dead-letters
	// those that have used their three. It returns the remaining ones, with
	// Redelivered set, in the order of refs. All or nothing, as Ack.
	Requeue(ctx context.Context, refs []Ref) ([]Message, error)

	// Delivered notes that messages were handed to a consumer, so that Ready gives
	// them with Redelivered=true if this process dies. No attempt is
	// counted. Called for those still unacked after about a second,
	// and at shutdown; may name messages that are gone. Otherwise as Ack.
	Delivered(ctx context.Context, refs []Ref) error
}

// Publisher is a Backend that lets clients publish to the default exchange.
// Fiks IO is none: its clients send over REST and get 403 here. It serves
// brokers set up for measuring.
type Publisher interface {
	// Publish stores messages in order; durable when it returns nil. Messages
	// to unknown queues are left out and their indexes returned. Ready shows the
	// others afterwards; the listener notifies itself.
	Publish(ctx context.Context, msgs []Publishing) (unroutable []int, err error)
}

// User is a client that has logged in.
type User struct {
	// Name is the username as it stands in error texts: the IntegrasjonId.
	Name string
	// Data is the backend's own, handed back to MayConsume.
	Data any
}

// Ref names one message.
type Ref struct {
	Queue string
	Seq   int64
}

// Header is one entry of a message's header table. The name has at most 255
// bytes. The value is sent as a long string (field type S), whatever it holds.
type Header struct{ Name, Value string }

// Message is one message as it is delivered.
type Message struct {
	Seq     int64  // the order in the queue, from 1
	Queue   string // also the routing key
	Headers []Header
	// Expiration is the ttl in milliseconds as a decimal string, or empty.
	Expiration string
	// ExpiresAt is when the message must not be delivered any more; zero
	// means never. A message that a consumer holds does not expire.
	ExpiresAt   time.Time
	Redelivered bool
	// Size of the body in bytes. Body is the body itself when it is small
	// (see InlineBody), else nil, and then Open gives it.
	Size int64
	Body []byte
}

// Publishing is one message from a client to a queue of a [Publisher]. Header
// values that are not strings are left out.
type Publishing struct {
	Queue      string
	Headers    []Header
	Expiration string
	Body       []byte
}
