package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"sort"
	"sync"

	"knutepunkt/internal/fiksio/amqp"
)

// newBackend makes the durable backend that is measured: the platform's own, or with
// logOnly the least that a durable store has to do, which measures the listener alone.
func newBackend(dir string, logOnly bool) (b amqp.Backend, closeIt func() error, err error) {
	if !logOnly {
		return openPlatform(dir)
	}
	l, err := openLog(filepath.Join(dir, "messages.log"))
	if err != nil {
		return nil, nil, err
	}
	return l, l.file.Close, nil
}

// logBackend keeps messages in memory and in an append-only file that is synced before any
// call returns: the least that a durable store has to do. It reads nothing back; it is for
// measuring the listener, not for keeping anything.
type logBackend struct {
	sync sync.Mutex // one write and fsync at a time
	file *os.File
	buf  []byte

	mu     sync.Mutex
	queues map[string]*logQueue
}

type logQueue struct {
	msgs  []amqp.Message // by Seq; Seq 0 = gone
	alive int
}

func openLog(path string) (*logBackend, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return &logBackend{file: f, queues: map[string]*logQueue{}}, nil
}

// record appends one record to the file, durably.
func (b *logBackend) record(fill func([]byte) []byte) error {
	b.sync.Lock()
	defer b.sync.Unlock()
	b.buf = fill(b.buf[:0])
	if _, err := b.file.Write(b.buf); err != nil {
		return err
	}
	return b.file.Sync()
}

func appendRefs(b []byte, kind byte, refs []amqp.Ref) []byte {
	for _, r := range refs {
		b = append(b, kind)
		b = binary.AppendUvarint(b, uint64(len(r.Queue)))
		b = append(b, r.Queue...)
		b = binary.AppendVarint(b, r.Seq)
	}
	return b
}

func (b *logBackend) Login(context.Context, string, string) (amqp.User, error) {
	return amqp.User{Name: "bench"}, nil
}

func (b *logBackend) MayConsume(context.Context, amqp.User, string) error { return nil }

func (b *logBackend) Publish(_ context.Context, msgs []amqp.Publishing) ([]int, error) {
	err := b.record(func(buf []byte) []byte {
		for i := range msgs {
			m := &msgs[i]
			buf = append(buf, 'p')
			buf = binary.AppendUvarint(buf, uint64(len(m.Queue)))
			buf = append(buf, m.Queue...)
			buf = binary.AppendUvarint(buf, uint64(len(m.Body)))
			buf = append(buf, m.Body...)
		}
		return buf
	})
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range msgs {
		q := b.queues[msgs[i].Queue]
		if q == nil {
			q = &logQueue{}
			b.queues[msgs[i].Queue] = q
		}
		q.msgs = append(q.msgs, amqp.Message{Seq: int64(len(q.msgs) + 1), Queue: msgs[i].Queue,
			Size: int64(len(msgs[i].Body)), Body: msgs[i].Body})
		q.alive++
	}
	return nil, nil
}

func (b *logBackend) Ready(_ context.Context, queue string, after int64, limit int) ([]amqp.Message, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queues[queue]
	if q == nil {
		return nil, nil
	}
	list := make([]amqp.Message, 0, limit)
	for i := sort.Search(len(q.msgs), func(i int) bool { return int64(i+1) > after }); i < len(q.msgs) && len(list) < limit; i++ {
		if q.msgs[i].Seq != 0 {
			list = append(list, q.msgs[i])
		}
	}
	return list, nil
}

func (b *logBackend) Waiting(_ context.Context, queue string) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if q := b.queues[queue]; q != nil {
		return q.alive, nil
	}
	return 0, nil
}

func (b *logBackend) Open(_ context.Context, r amqp.Ref) (io.ReadCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return io.NopCloser(bytes.NewReader(b.queues[r.Queue].msgs[r.Seq-1].Body)), nil
}

func (b *logBackend) Ack(_ context.Context, refs []amqp.Ref) error {
	if err := b.record(func(buf []byte) []byte { return appendRefs(buf, 'a', refs) }); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range refs {
		q := b.queues[r.Queue]
		if m := &q.msgs[r.Seq-1]; m.Seq != 0 {
			*m = amqp.Message{}
			q.alive--
		}
	}
	return nil
}

func (b *logBackend) Reject(ctx context.Context, refs []amqp.Ref) error { return b.Ack(ctx, refs) }

func (b *logBackend) Requeue(_ context.Context, refs []amqp.Ref) ([]amqp.Message, error) {
	if err := b.record(func(buf []byte) []byte { return appendRefs(buf, 'r', refs) }); err != nil {
		return nil, err
	}
	return b.redeliver(refs), nil
}

func (b *logBackend) Delivered(_ context.Context, refs []amqp.Ref) error {
	if err := b.record(func(buf []byte) []byte { return appendRefs(buf, 'd', refs) }); err != nil {
		return err
	}
	b.redeliver(refs)
	return nil
}

func (b *logBackend) redeliver(refs []amqp.Ref) []amqp.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := make([]amqp.Message, 0, len(refs))
	for _, r := range refs {
		if m := &b.queues[r.Queue].msgs[r.Seq-1]; m.Seq != 0 {
			m.Redelivered = true
			left = append(left, *m)
		}
	}
	return left
}
