package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"knutepunkt/internal/store"
)

// moveTogether is how many blobs are moved in one transaction.
const moveTogether = 16

// sweepSegments removes the segments that no row refers to, and moves what is
// alive in those that are less than half full of it into the open one. What it
// empties goes at the next sweep: until then a copy of the database that was made
// before finds its content. The number of files removed is returned.
func (s *Store) sweepSegments(ctx context.Context) (int, error) {
	if s.seg == nil {
		return 0, nil
	}
	// In this order: content leaves the busy segments after its row is there.
	idle, err := s.seg.idle()
	if err != nil {
		return 0, err
	}
	alive, err := s.aliveInSegments(ctx)
	if err != nil {
		return 0, err
	}
	removed := 0
	var errs []error
	for _, nr := range idle {
		if err := ctx.Err(); err != nil {
			return removed, err
		}
		switch n, any := alive[nr]; {
		case !any:
			err := s.seg.remove(nr)
			errs = append(errs, err)
			if err == nil {
				removed++
			}
		case n < s.seg.max/2:
			errs = append(errs, s.emptySegment(ctx, nr))
		}
	}
	return removed, errors.Join(errs...)
}

// aliveInSegments tells how many bytes the rows refer to in each segment.
func (s *Store) aliveInSegments(ctx context.Context) (map[int64]int64, error) {
	rows, err := s.db.Read().QueryContext(ctx,
		`SELECT segment, CAST(SUM(size) AS bigint) FROM blobs WHERE segment IS NOT NULL GROUP BY segment`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	alive := map[int64]int64{}
	for rows.Next() {
		var nr, size int64
		if err := rows.Scan(&nr, &size); err != nil {
			return nil, err
		}
		alive[nr] = size
	}
	return alive, rows.Err()
}

// moving is a blob on its way from one place to another.
type moving struct {
	id        string
	pos, size int64
	to        plass
}

// emptySegment moves all blobs of a segment, a few at a time. What cannot be read
// stays, and is an error.
func (s *Store) emptySegment(ctx context.Context, nr int64) error {
	all, err := s.inSegment(ctx, nr)
	if err != nil {
		return err
	}
	var errs []error
	for some := range slices.Chunk(all, moveTogether) {
		errs = append(errs, s.move(ctx, nr, some))
	}
	return errors.Join(errs...)
}

// inSegment gives the blobs of a segment: some thousands at most.
func (s *Store) inSegment(ctx context.Context, nr int64) (all []moving, err error) {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT id, pos, size FROM blobs WHERE segment = $1`, nr)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var m moving
		if err := rows.Scan(&m.id, &m.pos, &m.size); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, rows.Err()
}

// move appends blobs of a segment to the open one, as they are, and then changes
// their rows. One that was deleted meanwhile stays deleted.
func (s *Store) move(ctx context.Context, nr int64, some []moving) error {
	var errs []error
	moved := some[:0]
	defer func() {
		for _, m := range moved {
			s.seg.release(m.to)
		}
	}()
	for _, m := range some {
		to, err := s.copy(nr, m)
		if err != nil {
			errs = append(errs, fmt.Errorf("moving %s: %w", m.id, err))
			continue
		}
		m.to = to
		moved = append(moved, m)
	}
	errs = append(errs, s.db.Write(ctx, func(tx *store.Tx) error {
		for _, m := range moved {
			tx.BeforeCommit(s.seg.sync(m.to))
			if _, err := tx.ExecContext(ctx, `UPDATE blobs SET segment = $1, pos = $2 WHERE id = $3 AND segment = $4`,
				m.to.nr, m.to.pos, m.id, nr); err != nil {
				return err
			}
		}
		return nil
	}))
	return errors.Join(errs...)
}

// copy appends the content of a blob of a segment to the open one.
func (s *Store) copy(nr int64, m moving) (plass, error) {
	r, err := s.seg.get(nr, m.pos, kodet(m.size))
	if err != nil {
		return plass{}, err
	}
	defer r.Close()
	content := make([]byte, kodet(m.size))
	if _, err := io.ReadFull(r, content); err != nil {
		return plass{}, err
	}
	return s.seg.append(content)
}
