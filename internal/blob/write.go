package blob

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"

	"github.com/google/uuid"
	"github.com/minio/sio"

	"knutepunkt/internal/store"
)

// inlineMax is how many encrypted bytes are kept in the row or, from segmentMin,
// in a segment; beyond that the content goes to the backend.
const inlineMax = 256 << 10

// keptMax is how many bytes of small blobs wait in memory for their commits, in
// all: an upload can have hundreds of files.
const keptMax = 64 << 20

const (
	pakkeKlar   = 64 << 10       // plaintext bytes per DARE package
	pakkeKodet  = pakkeKlar + 32 // with header and tag
	keySize     = 32
	maksPakker  = 1 << 32 // DARE 2.0 counts packages in 32 bits: 256 TiB
	spillBuffer = 64 << 10
)

var errDiscarded = errors.New("blob: discarded")

func dareConfig(key []byte, first uint32) sio.Config {
	return sio.Config{MinVersion: sio.Version20, MaxVersion: sio.Version20,
		CipherSuites: []byte{sio.AES_256_GCM}, Key: key, SequenceNumber: first}
}

// kodet is the size of the encrypted form.
func kodet(size int64) int64 { return size + (size+pakkeKlar-1)/pakkeKlar*(pakkeKodet-pakkeKlar) }

// keyContext binds a blob's key to its id and size, so that neither can be exchanged.
func keyContext(id string, size int64) string {
	return "blob.key:" + id + ":" + strconv.FormatInt(size, 10)
}

// Writer takes the plaintext of one blob. Memory is bounded whatever the size.
// It is for one goroutine.
type Writer struct {
	s   *Store
	ctx context.Context
	id  string
	key []byte

	enc    io.WriteCloser
	buf    *bytes.Buffer  // encrypted content as long as it is small; nil when it is given back
	spill  *io.PipeWriter // to the backend's Put, once it is large
	put    chan error     // its result
	seg    plass          // where the content is in a segment, until Commit or Discard; the zero value: it is not
	size   int64
	err    error // the first failure; nothing works after it
	closed bool
	kept   int // bytes of buf that are counted in Store.kept; under its mu

	mu        sync.Mutex
	committed bool
}

// Create starts a blob. Call Close then Commit, or Discard. ctx covers the
// writing: when it ends, writing a large blob fails.
func (s *Store) Create(ctx context.Context) *Writer {
	w := &Writer{s: s, ctx: ctx, id: uuid.NewString(), key: make([]byte, keySize), buf: new(bytes.Buffer)}
	rand.Read(w.key) // never fails
	w.enc, w.err = sio.EncryptWriter(encrypted{w}, dareConfig(w.key, 0))
	s.mu.Lock()
	s.writing[w.id] = true
	s.mu.Unlock()
	return w
}

// ID is the blob's id (UUID), known from the start.
func (w *Writer) ID() string { return w.id }

// Write takes plaintext.
func (w *Writer) Write(p []byte) (int, error) {
	if w.err == nil && w.closed {
		return 0, errors.New("blob: write after Close")
	}
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.enc.Write(p)
	w.size += int64(n)
	if err != nil {
		w.err = fmt.Errorf("blob: writing: %w", err)
	}
	return n, w.err
}

// encrypted is where the encrypter writes to: the buffer, then the backend.
type encrypted struct{ w *Writer }

func (e encrypted) Write(p []byte) (int, error) {
	w := e.w
	if w.spill == nil && w.buf.Len()+len(p) <= inlineMax {
		if len(p) > pakkeKlar && w.buf.Cap() == 0 {
			// More than one package is likely to come: room for all that may,
			// instead of growing piece by piece.
			w.buf = w.s.buffer()
		}
		return w.buf.Write(p)
	}
	if w.spill == nil {
		w.toBackend()
	}
	return w.spill.Write(p)
}

// toBackend begins to hand the content on, what is in the buffer first.
func (w *Writer) toBackend() {
	var pr *io.PipeReader
	pr, w.spill = io.Pipe()
	w.put = make(chan error, 1)
	// What is in the buffer is read from a copy of its slice header: it is
	// not written to any more.
	content := io.MultiReader(bytes.NewReader(w.buf.Bytes()), pr)
	go func() {
		err := w.s.backend.Put(w.ctx, w.id, content)
		if err == nil {
			err = io.ErrClosedPipe // only for a writer that writes on
			w.put <- nil
		} else {
			w.put <- err
		}
		pr.CloseWithError(err)
	}()
}

// Close ends the content and writes what does not go into the row. It does not make
// the blob visible: that is Commit.
func (w *Writer) Close() error {
	if w.closed || w.err != nil {
		return w.err
	}
	w.closed = true
	if err := w.enc.Close(); err != nil {
		w.err = fmt.Errorf("blob: writing: %w", err)
		return w.err
	}
	if w.spill == nil && w.s.seg != nil && w.buf.Len() >= segmentMin {
		var err error
		w.seg, err = w.s.seg.append(w.buf.Bytes())
		w.giveBack()
		if err != nil {
			w.err = fmt.Errorf("blob: storing: %w", err)
		}
		return w.err
	}
	if w.spill == nil && !w.s.mayKeep(w) {
		w.toBackend()
	}
	if w.spill != nil {
		_ = w.spill.Close()
		err := <-w.put
		w.put = nil
		w.giveBack()
		if err != nil {
			w.err = fmt.Errorf("blob: storing: %w", err)
			return w.err
		}
	}
	return nil
}

// Size is the number of plaintext bytes, valid after Close.
func (w *Writer) Size() int64 { return w.size }

// Open reads back what was written, from offset, after Close and before Commit
// or Discard; as Store.Open does of a committed one.
func (w *Writer) Open(ctx context.Context, offset int64) (io.ReadCloser, error) {
	if w.err != nil {
		return nil, w.err
	}
	if !w.closed || w.spill == nil && w.buf == nil && w.seg.segment == nil {
		return nil, errors.New("blob: Open outside Close and Commit")
	}
	c := content{id: w.id, key: w.key, size: w.size}
	if w.seg.segment != nil {
		c.segment, c.pos = w.seg.nr, w.seg.pos
	} else if w.spill == nil {
		c.inline = w.buf.Bytes()
		if c.inline == nil {
			c.inline = []byte{}
		}
	}
	return w.s.plain(ctx, c, offset)
}

// Commit writes the blob's row in tx; the blob exists when tx commits, and its
// content is durable then.
func (w *Writer) Commit(ctx context.Context, tx *store.Tx) error {
	if w.err != nil {
		return w.err
	}
	if !w.closed {
		return errors.New("blob: Commit before Close")
	}
	wrapped, err := w.s.ring.Seal(keyContext(w.id, w.size), w.key)
	if err != nil {
		return fmt.Errorf("blob: %w", err)
	}
	var inline, segment, pos any
	if w.seg.segment != nil {
		segment, pos = w.seg.nr, w.seg.pos
		tx.BeforeCommit(w.s.seg.sync(w.seg))
	} else if w.spill == nil {
		inline = w.buf.Bytes()
		if w.buf.Len() == 0 {
			inline = []byte{} // not null, which would mean a file
		}
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO blobs (id, size, wrapped_key, inline, created, segment, pos)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		w.id, w.size, wrapped, inline, store.Micros(w.s.k.Now()), segment, pos); err != nil {
		return fmt.Errorf("blob: storing: %w", err)
	}
	tx.OnCommit(func() {
		w.mu.Lock()
		w.committed = true
		w.mu.Unlock()
		w.s.ended(w)
		w.giveBack()
	})
	return nil
}

// mayKeep counts the buffer of a small blob that waits for its commit; false
// when too much waits, and this one has to go to the backend.
func (s *Store) mayKeep(w *Writer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept+w.buf.Cap() > keptMax {
		return false
	}
	w.kept = w.buf.Cap()
	s.kept += w.kept
	return true
}

func (s *Store) ended(w *Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.seg.segment != nil {
		s.seg.release(w.seg)
		w.seg = plass{}
	}
	delete(s.writing, w.id)
	s.kept -= w.kept
	w.kept = 0
}

// Discard throws away what was written and not committed. Safe after Commit
// succeeded in a transaction that committed (then it does nothing), so it can be deferred.
func (w *Writer) Discard() {
	w.mu.Lock()
	committed := w.committed
	w.mu.Unlock()
	if committed || w.err == errDiscarded {
		return
	}
	w.err = errDiscarded
	if w.spill != nil {
		if w.put != nil { // not closed: Put sees the error and keeps nothing
			_ = w.spill.CloseWithError(errDiscarded)
			<-w.put //nolint:errcheck // the error that it was given
		}
		// The request may be over; the removal shall happen all the same.
		_ = w.s.backend.Delete(context.WithoutCancel(w.ctx), w.id)
	}
	w.giveBack()
	w.s.ended(w)
}

// buffer takes an empty buffer with room for any small blob.
func (s *Store) buffer() *bytes.Buffer {
	if b, ok := s.buffers.Get().(*bytes.Buffer); ok {
		return b
	}
	return bytes.NewBuffer(make([]byte, 0, inlineMax))
}

// giveBack ends the use of the buffer. That of a large blob is not used again: a
// backend may look at what it was given for longer than it should.
func (w *Writer) giveBack() {
	if w.spill == nil && w.buf != nil && w.buf.Cap() >= inlineMax {
		w.buf.Reset()
		w.s.buffers.Put(w.buf)
	}
	w.buf = nil
}
