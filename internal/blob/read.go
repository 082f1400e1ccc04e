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
	c, err := s.row(ctx, id)
	if err != nil {
		return nil, err
	}
	for {
		r, err := s.plain(ctx, c, offset)
		if !errors.Is(err, ErrIkkeFunnet) {
			return r, err
		}
		// Since we read the row, it was deleted or moved to another segment; or
		// the file was lost.
		again, err := s.row(ctx, id)
		if err != nil {
			return nil, err
		}
		if again.segment == c.segment {
			return nil, fmt.Errorf("blob: the content of %s is gone", id)
		}
		c = again
	}
}

// row reads what the row tells of a blob; ErrIkkeFunnet.
func (s *Store) row(ctx context.Context, id string) (content, error) {
	var (
		c        = content{id: id}
		wrapped  []byte
		isInline int64
	)
	err := s.db.Read().QueryRowContext(ctx,
		`SELECT size, wrapped_key, inline, CASE WHEN inline IS NULL THEN 0 ELSE 1 END,
			COALESCE(segment, 0), COALESCE(pos, 0) FROM blobs WHERE id = $1`, id).
		Scan(&c.size, &wrapped, &c.inline, &isInline, &c.segment, &c.pos)
	if errors.Is(err, sql.ErrNoRows) {
		return content{}, ErrIkkeFunnet
	}
	if err != nil {
		return content{}, fmt.Errorf("blob: opening %s: %w", id, err)
	}
	if c.key, err = s.ring.Open(keyContext(id, c.size), wrapped); err != nil {
		return content{}, fmt.Errorf("blob: key of %s: %w", id, err)
	}
	if isInline == 0 {
		c.inline = nil
	} else if c.inline == nil {
		c.inline = []byte{}
	}
	return c, nil
}

// content is what is needed to read a blob.
type content struct {
	id           string
	key          []byte
	size         int64
	inline       []byte // encrypted; nil when it is elsewhere
	segment, pos int64  // where it is in a segment; 0: the backend has it
}

// plain reads a blob's plaintext from offset; ErrIkkeFunnet when the content is not
// where it should be.
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
	} else if source, err = s.get(ctx, c, first*pakkeKodet); err != nil {
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

// get opens the encrypted content of a blob that is not in the row.
func (s *Store) get(ctx context.Context, c content, offset int64) (io.ReadCloser, error) {
	if c.segment == 0 {
		return s.backend.Get(ctx, c.id, offset)
	}
	if s.seg == nil {
		return nil, errors.New("it is in a segment, and there are none here")
	}
	return s.seg.get(c.segment, c.pos+offset, kodet(c.size)-offset)
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
		`DELETE FROM blobs WHERE id = $1 RETURNING CASE WHEN inline IS NULL AND segment IS NULL THEN 0 ELSE 1 END`, id).Scan(&isInline)
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
// day (crash leftovers), and segments that no row refers to; it empties those of
// which little is left. It is idempotent; the number of files removed is returned.
// Blobs that this process is writing are left alone whatever the clock says.
func (s *Store) Sweep(ctx context.Context) (int, error) {
	large, err := s.sweepBackend(ctx)
	segments, err2 := s.sweepSegments(ctx)
	if err := errors.Join(err, err2); err != nil {
		return large + segments, fmt.Errorf("blob: sweeping: %w", err)
	}
	return large + segments, nil
}

func (s *Store) sweepBackend(ctx context.Context) (int, error) {
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
	return removed, err
}
