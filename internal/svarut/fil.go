package svarut

import (
	"errors"
	"io"

	"knutepunkt/internal/feil"
)

// Stored files are read in blocks of this size, and so many are kept.
const (
	blokk       = 256 << 10
	maksBlokker = 8
)

// fil makes a Fil of something that can be opened at an offset. It keeps the
// blocks used last, and the stream they came from: reading on costs no new opening.
type fil struct {
	size    int64
	apne    func(offset int64) (io.ReadCloser, error)
	strom   io.ReadCloser
	neste   int64 // the block that strom gives next
	siste   []int64
	blokker map[int64][]byte
}

func nyFil(size int64, apne func(offset int64) (io.ReadCloser, error)) *fil {
	return &fil{size: size, apne: apne, blokker: map[int64][]byte{}}
}

// Size is in bytes.
func (f *fil) Size() int64 { return f.size }

// Lukk ends the reading.
func (f *fil) Lukk() {
	if f.strom != nil {
		_ = f.strom.Close()
		f.strom = nil
	}
}

// ReadAt implements io.ReaderAt, for one goroutine.
func (f *fil) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("svarut: a negative offset")
	}
	for n < len(p) {
		if off+int64(n) >= f.size {
			return n, io.EOF
		}
		b, err := f.hent((off + int64(n)) / blokk)
		if err != nil {
			return n, err
		}
		n += copy(p[n:], b[(off+int64(n))%blokk:])
	}
	return n, nil
}

func (f *fil) hent(nr int64) ([]byte, error) {
	if b, ok := f.blokker[nr]; ok {
		return b, nil
	}
	if f.strom == nil || f.neste != nr {
		f.Lukk()
		var err error
		if f.strom, err = f.apne(nr * blokk); err != nil {
			return nil, err
		}
	}
	var b []byte
	if len(f.siste) == maksBlokker {
		b = f.blokker[f.siste[0]]
		delete(f.blokker, f.siste[0])
		f.siste = f.siste[1:]
	}
	b = append(b[:0], make([]byte, min(blokk, f.size-nr*blokk))...)
	if _, err := io.ReadFull(f.strom, b); err != nil {
		f.Lukk()
		return nil, err
	}
	f.neste = nr + 1
	f.blokker[nr] = b
	f.siste = append(f.siste, nr)
	return b, nil
}

// kjent tells whether an error is one for the caller.
func kjent(err error) (*feil.Feil, bool) {
	f, ok := errors.AsType[*feil.Feil](err)
	return f, ok && f.Kode != feil.Intern
}
