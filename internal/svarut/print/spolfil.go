package print

import (
	"context"
	"fmt"
	"io"
	"slices"

	"knutepunkt/internal/blob"
	"knutepunkt/internal/pdf"
)

// A letter's files are read in blocks, of which the last ones used are kept: 2 MiB
// for a letter, whatever its size. A block is what a blob encrypts as one package.
const (
	blokkStr    = 64 << 10
	maksBlokker = 32
)

// spolfil reads a blob at any place. It is for one goroutine.
type spolfil struct {
	ctx     context.Context
	blobs   *blob.Store
	id      string
	size    int64
	blokker *blokklager

	r   io.ReadCloser // stands at pos; nil: not open
	pos int64
}

var _ pdf.Fil = (*spolfil)(nil)

func (f *spolfil) Size() int64 { return f.size }

func (f *spolfil) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("reading at %d", off)
	}
	for n < len(p) {
		if off >= f.size {
			return n, io.EOF
		}
		b, err := f.blokk(off / blokkStr)
		if err != nil {
			return n, err
		}
		c := copy(p[n:], b[off%blokkStr:])
		n, off = n+c, off+int64(c)
	}
	return n, nil
}

func (f *spolfil) blokk(nr int64) ([]byte, error) {
	if b := f.blokker.finn(f.id, nr); b != nil {
		return b, nil
	}
	start := nr * blokkStr
	if f.r == nil || f.pos != start {
		f.lukk()
		r, err := f.blobs.Open(f.ctx, f.id, start)
		if err != nil {
			return nil, err
		}
		f.r, f.pos = r, start
	}
	b := make([]byte, min(blokkStr, f.size-start))
	n, err := io.ReadFull(f.r, b)
	f.pos += int64(n)
	if err != nil {
		return nil, err
	}
	f.blokker.legg(f.id, nr, b)
	return b, nil
}

func (f *spolfil) lukk() {
	if f.r != nil {
		_ = f.r.Close()
		f.r = nil
	}
}

// blokklager keeps the blocks that were used last, the newest at the end.
type blokklager []blokk

type blokk struct {
	id string
	nr int64
	b  []byte
}

func (l *blokklager) finn(id string, nr int64) []byte {
	for i, b := range *l {
		if b.id == id && b.nr == nr {
			*l = append(slices.Delete(*l, i, i+1), b)
			return b.b
		}
	}
	return nil
}

func (l *blokklager) legg(id string, nr int64, b []byte) {
	if len(*l) >= maksBlokker {
		*l = slices.Delete(*l, 0, 1)
	}
	*l = append(*l, blokk{id, nr, b})
}
