// Package amqptest judges an AMQP broker by what Fiks IO's clients need of it
// (Fiks IO wire contract §6 and §9). [Run] is one suite for our own listener over any backend
// and for RabbitMQ. [Memory] is a backend for it that keeps everything in memory.
package amqptest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sort"
	"sync"

	"knutepunkt/internal/fiksio/amqp"
)

// Memory is an amqp.Backend for tests. Queues are made with AddQueue; the
// zero value is not usable, see NewMemory.
type Memory struct {
	// MaxDeliveries of a message before it is dead-lettered.
	MaxDeliveries int
	// InlineMax is the largest body that Ready brings along; larger ones must be opened.
	InlineMax int
	// Notify is called when messages have become ready: a Listener's method.
	Notify func(queue string)
	// Fault, when set, may make a call fail: op is the method's name.
	Fault func(op string) error

	mu     sync.Mutex
	users  map[string]string // name → password
	queues map[string]*memoryQueue
}

type memoryQueue struct {
	owner string
	last  int64
	order []int64
	msgs  map[int64]*memoryMessage
	dead  []string
}

type memoryMessage struct {
	amqp.Message
	body     []byte
	attempts int
}

// NewMemory makes a backend with the given users (name → password).
func NewMemory(users map[string]string) *Memory {
	return &Memory{MaxDeliveries: 3, InlineMax: amqp.InlineBody, Notify: func(string) {}, users: users, queues: map[string]*memoryQueue{}}
}

// AddQueue makes a queue that owner alone may consume.
func (b *Memory) AddQueue(name, owner string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queues[name] = &memoryQueue{owner: owner, msgs: map[int64]*memoryMessage{}}
}

// Add puts a message at the end of its queue and notifies.
func (b *Memory) Add(m amqp.Message) int64 {
	b.mu.Lock()
	q := b.queues[m.Queue]
	q.last++
	m.Seq, m.Size = q.last, int64(len(m.Body))
	body := m.Body
	m.Body = nil
	q.msgs[m.Seq] = &memoryMessage{Message: m, body: body}
	q.order = append(q.order, m.Seq)
	b.mu.Unlock()
	b.Notify(m.Queue)
	return m.Seq
}

// Remove takes messages away, as expiry would.
func (b *Memory) Remove(queue string, seqs []int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, seq := range seqs {
		delete(b.queues[queue].msgs, seq)
	}
}

// Dead returns the bodies of the dead-lettered messages of a queue, in the order of their death.
func (b *Memory) Dead(queue string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string{}, b.queues[queue].dead...)
}

func (b *Memory) fault(op string) error {
	if b.Fault != nil {
		return b.Fault(op)
	}
	return nil
}

// Login implements amqp.Backend.
func (b *Memory) Login(_ context.Context, name, password string) (amqp.User, error) {
	if err := b.fault("Login"); err != nil {
		return amqp.User{}, err
	}
	if want, ok := b.users[name]; !ok || want != password {
		return amqp.User{}, amqp.ErrAccessRefused
	}
	return amqp.User{Name: name}, nil
}

// MayConsume implements amqp.Backend.
func (b *Memory) MayConsume(_ context.Context, u amqp.User, queue string) error {
	if err := b.fault("MayConsume"); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch q := b.queues[queue]; {
	case q == nil:
		return amqp.ErrNoQueue
	case q.owner != u.Name:
		return amqp.ErrAccessRefused
	}
	return nil
}

// Ready implements amqp.Backend.
func (b *Memory) Ready(_ context.Context, queue string, after int64, limit int) ([]amqp.Message, error) {
	if err := b.fault("Ready"); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queues[queue]
	for len(q.order) > 0 && q.msgs[q.order[0]] == nil {
		q.order = q.order[1:]
	}
	var list []amqp.Message
	for i := sort.Search(len(q.order), func(i int) bool { return q.order[i] > after }); i < len(q.order) && len(list) < limit; i++ {
		if m := q.msgs[q.order[i]]; m != nil {
			list = append(list, b.view(m))
		}
	}
	return list, nil
}

func (b *Memory) view(m *memoryMessage) amqp.Message {
	v := m.Message
	if len(m.body) <= b.InlineMax {
		v.Body = m.body
	}
	return v
}

// Waiting implements amqp.Backend.
func (b *Memory) Waiting(_ context.Context, queue string) (int, error) {
	if err := b.fault("Waiting"); err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queues[queue].msgs), nil
}

// Open implements amqp.Backend.
func (b *Memory) Open(_ context.Context, r amqp.Ref) (io.ReadCloser, error) {
	if err := b.fault("Open"); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.queues[r.Queue].msgs[r.Seq]
	if m == nil {
		return nil, errors.New("no such message")
	}
	return io.NopCloser(bytes.NewReader(m.body)), nil
}

// Ack implements amqp.Backend.
func (b *Memory) Ack(_ context.Context, refs []amqp.Ref) error { return b.drop("Ack", refs) }

// Reject implements amqp.Backend.
func (b *Memory) Reject(_ context.Context, refs []amqp.Ref) error { return b.drop("Reject", refs) }

func (b *Memory) drop(op string, refs []amqp.Ref) error {
	if err := b.fault(op); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range refs {
		delete(b.queues[r.Queue].msgs, r.Seq)
	}
	return nil
}

// Requeue implements amqp.Backend.
func (b *Memory) Requeue(_ context.Context, refs []amqp.Ref) ([]amqp.Message, error) {
	if err := b.fault("Requeue"); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var left []amqp.Message
	for _, r := range refs {
		q := b.queues[r.Queue]
		m := q.msgs[r.Seq]
		if m == nil {
			continue
		}
		m.Redelivered = true
		if m.attempts++; m.attempts >= b.MaxDeliveries {
			delete(q.msgs, r.Seq)
			q.dead = append(q.dead, string(m.body))
			continue
		}
		left = append(left, b.view(m))
	}
	return left, nil
}

// Delivered implements amqp.Backend.
func (b *Memory) Delivered(_ context.Context, refs []amqp.Ref) error {
	if err := b.fault("Delivered"); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range refs {
		if m := b.queues[r.Queue].msgs[r.Seq]; m != nil {
			m.Redelivered = true
		}
	}
	return nil
}
