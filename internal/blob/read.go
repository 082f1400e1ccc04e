package blob

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/minio/sio"

	"knutepunkt/internal/store"
)

// Open reads a blob's plaintext from offset; ErrIkkeFunnet. Damage is an error, never wrong bytes.
// Read on to io.EOF to know that the content is whole: what comes before damage
// has been delivered by then. offset may be the size (nothing follows), not more.
func (s *Store) Open(ctx context.Context, id string, offset int64) (io.ReadCloser, error) {
	var (
		size            int64
		wrapped, inline []byte
		isInline        int64
	)
	err := s.db.Read().QueryRowContext(ctx,
		`SELECT size, wrapped_key, inline, CASE WHEN inline IS NULL THEN 0 ELSE 1 END FROM blobs WHERE id = $1`, id).
		Scan(&size, &wrapped, &inline, &isInline)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrIkkeFunnet
	}
	if err != nil {
		return nil, fmt.Errorf("blob: opening %s: %w", id, err)
	}
	key, err := s.ring.Open(keyContext(id, size), wrapped)
	if err != nil {
		return nil, fmt.Errorf("blob: key of %s: %w", id, err)
	}
	if isInline == 0 {
		inline = nil
	} else if inline == nil {
		inline = []byte{}
	}
	return s.plain(ctx, content{id: id, key: key, size: size, inline: inline}, offset)
}

// content is what is needed to read a blob.
type content struct {
	id     string
	key    []byte
	size   int64
	inline []byte // encrypted; nil when the backend has it
}

// plain reads a blob's plaintext from offset.
func (s *Store) plain(ctx context.Context, c content, offset int64) (io.ReadCloser, error) {
	if offset < 0 || offset > c.size {
		return nil, fmt.Errorf("blob: offset %d is outside the %d bytes of %s", offset, c.size, c.id)
	}
	if offset == c.size {
		return io.NopCloser(bytes.NewReader(nil)), nil
	}
	first := offset / pakkeKlar
	if first >= maksPakker {
		return nil, fmt.Errorf("blob: %s is too large", c.id)
	}
	var source io.ReadCloser
	var err error
	if c.inline != nil {
		source = io.NopCloser(bytes.NewReader(c.inline[min(int64(len(c.inline)), first*pakkeKodet):]))
	} else if source, err = s.backend.Get(ctx, c.id, first*pakkeKodet); err != nil {
		if errors.Is(err, ErrIkkeFunnet) {
			// Either it was deleted since we read the row, or the file was lost.
			if _, e := s.Size(ctx, c.id); e == nil {
				return nil, fmt.Errorf("blob: the content of %s is gone", c.id)
			}
			return nil, ErrIkkeFunnet
		}
		return nil, fmt.Errorf("blob: opening %s: %w", c.id, err)
	}
	plain, err := sio.DecryptReader(source, dareConfig(c.key, uint32(first)))
	if err != nil {
		_ = source.Close()
		return nil, fmt.Errorf("blob: opening %s: %w", c.id, err)
	}
	r := &reader{id: c.id, plain: plain, source: source, left: c.size - first*pakkeKlar}
	if _, err := io.CopyN(io.Discard, r, offset-first*pakkeKlar); err != nil {
		_ = source.Close()
		return nil, err
	}
	return r, nil
}

// reader gives the plaintext and sees to it that it ends where it shall.
type reader struct {
	id     string
	plain  io.Reader
	source io.Closer
	left   int64
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.plain.Read(p)
	r.left -= int64(n)
	switch {
	case err == io.EOF && r.left != 0:
		err = fmt.Errorf("blob: the content of %s is cut off or too long", r.id)
	case err != nil && err != io.EOF:
		err = fmt.Errorf("blob: the content of %s is damaged: %w", r.id, err)
	}
	return n, err
}

func (r *reader) Close() error { return r.source.Close() }

// Size tells the plaintext size in bytes; ErrIkkeFunnet.
func (s *Store) Size(ctx context.Context, id string) (size int64, err error) {
	err = s.db.Read().QueryRowContext(ctx, `SELECT size FROM blobs WHERE id = $1`, id).Scan(&size)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, ErrIkkeFunnet
	}
	if err != nil {
		return 0, fmt.Errorf("blob: size of %s: %w", id, err)
	}
	return size, nil
}

// Delete removes a blob in tx; its file goes after the commit, and its key at once.
// nil when it is not there.
func (s *Store) Delete(ctx context.Context, tx *store.Tx, id string) error {
	var isInline int64
	err := tx.QueryRowContext(ctx,
		`DELETE FROM blobs WHERE id = $1 RETURNING CASE WHEN inline IS NULL THEN 0 ELSE 1 END`, id).Scan(&isInline)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("blob: deleting %s: %w", id, err)
	}
	if isInline == 1 {
		return nil
	}
	tx.OnCommit(func() {
		s.deletions.Go(func() {
			s.deleting <- struct{}{}
			defer func() { <-s.deleting }()
			// A failure leaves a file without a key, which Sweep removes.
			_ = s.backend.Delete(context.WithoutCancel(ctx), id)
		})
	})
	return nil
}

// foreldreloes is how old a blob without a row must be before Sweep removes it.
const foreldreloes = 24 * time.Hour

// Sweep removes large blobs that no row refers to and that are older than a
// day (crash leftovers). It is idempotent; the number removed is returned.
// Blobs that this process is writing are left alone whatever the clock says.
func (s *Store) Sweep(ctx context.Context) (int, error) {
	removed, limit := 0, store.Micros(s.k.Now().Add(-foreldreloes))
	err := s.backend.List(ctx, func(name string, written int64) error {
		if written > limit {
			return nil
		}
		// In this order: a writer leaves the set after its row is there.
		s.mu.Lock()
		writing := s.writing[name]
		s.mu.Unlock()
		if writing {
			return nil
		}
		if _, err := s.Size(ctx, name); !errors.Is(err, ErrIkkeFunnet) {
			return err // nil when the row is there
		}
		if err := s.backend.Delete(ctx, name); err != nil {
			return err
		}
		removed++
		return nil
	})
	if err != nil {
		return removed, fmt.Errorf("blob: sweeping: %w", err)
	}
	return removed, nil
}
