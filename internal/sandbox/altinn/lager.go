package altinn

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

const (
	stykke  = 256 << 10 // bytes that are sealed at a time
	tillegg = 4 << 10   // that sealing may add
)

// lager keeps small things and content by name, in a folder and sealed, or in memory.
type lager struct {
	dir           string
	forsegl, apne func(sted string, b []byte) ([]byte, error)

	mu    sync.Mutex
	minne map[string][]byte
}

func sted(navn string) string { return "sandbox.altinn:" + navn }

// navn lists what there is.
func (l *lager) navn() ([]string, error) {
	if l.dir == "" {
		return nil, nil
	}
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return nil, fmt.Errorf("sandbox altinn: %w", err)
	}
	filer, err := os.ReadDir(l.dir)
	if err != nil {
		return nil, fmt.Errorf("sandbox altinn: %w", err)
	}
	var ut []string
	for _, f := range filer {
		if filepath.Ext(f.Name()) == ".tmp" { // broken off
			_ = os.Remove(filepath.Join(l.dir, f.Name()))
			continue
		}
		ut = append(ut, f.Name())
	}
	return ut, nil
}

func (l *lager) skriv(navn string, v any) error {
	b, err := json.Marshal(v)
	if err == nil && l.dir != "" {
		if b, err = l.forsegl(sted(navn), b); err == nil {
			err = l.fil(navn, func(w io.Writer) error { _, err := w.Write(b); return err })
		}
	}
	if err != nil {
		return fmt.Errorf("sandbox altinn: keeping %s: %w", navn, err)
	}
	return nil
}

func (l *lager) les(navn string, v any) error {
	b, err := os.ReadFile(filepath.Join(l.dir, filepath.Base(navn)))
	if err == nil {
		b, err = l.apne(sted(navn), b)
	}
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		return fmt.Errorf("sandbox altinn: reading %s: %w", navn, err)
	}
	return nil
}

// fil makes a file, whole or not at all.
func (l *lager) fil(navn string, skriv func(w io.Writer) error) error {
	til := filepath.Join(l.dir, filepath.Base(navn))
	f, err := os.CreateTemp(l.dir, "*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it has another name by then, or is a leftover that navn removes
	w := bufio.NewWriter(f)
	err = skriv(w)
	err = errors.Join(err, w.Flush(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), til)
}

// skrivInnhold keeps what r gives until it ends; an error of r's keeps nothing.
func (l *lager) skrivInnhold(navn string, r io.Reader) error {
	if l.dir == "" {
		b, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.minne[navn] = b
		return nil
	}
	return l.fil(navn, func(w io.Writer) error {
		buf := make([]byte, stykke)
		for nr := 0; ; nr++ {
			n, err := io.ReadFull(r, buf)
			sist := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
			if err != nil && !sist {
				return err
			}
			b, err := l.forsegl(stykkested(navn, nr, sist), buf[:n])
			if err != nil {
				return err
			}
			if err := binary.Write(w, binary.BigEndian, uint32(len(b))); err != nil { //nolint:gosec // at most stykke and what sealing adds
				return err
			}
			if _, err := w.Write(b); err != nil {
				return err
			}
			if sist {
				return nil
			}
		}
	})
}

func stykkested(navn string, nr int, sist bool) string {
	return fmt.Sprintf("%s:%d:%t", sted(navn), nr, sist)
}

// apneInnhold reads what skrivInnhold kept.
func (l *lager) apneInnhold(navn string) (io.ReadCloser, error) {
	if l.dir == "" {
		l.mu.Lock()
		defer l.mu.Unlock()
		b, ok := l.minne[navn]
		if !ok {
			return nil, fmt.Errorf("sandbox altinn: %s: %w", navn, fs.ErrNotExist)
		}
		return io.NopCloser(bytes.NewReader(slices.Clone(b))), nil
	}
	f, err := os.Open(filepath.Join(l.dir, filepath.Base(navn)))
	if err != nil {
		return nil, fmt.Errorf("sandbox altinn: %w", err)
	}
	return &stykkeleser{l: l, navn: navn, f: f, r: bufio.NewReader(f)}, nil
}

type stykkeleser struct {
	l    *lager
	navn string
	f    *os.File
	r    *bufio.Reader
	nr   int
	sist bool
	buf  []byte
}

func (s *stykkeleser) Read(p []byte) (int, error) {
	for len(s.buf) == 0 {
		if s.sist {
			return 0, io.EOF
		}
		var n uint32
		if err := binary.Read(s.r, binary.BigEndian, &n); err != nil || n > stykke+tillegg {
			return 0, errors.Join(io.ErrUnexpectedEOF, err)
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(s.r, b); err != nil {
			return 0, errors.Join(io.ErrUnexpectedEOF, err)
		}
		_, err := s.r.Peek(1)
		s.sist = errors.Is(err, io.EOF)
		if s.buf, err = s.l.apne(stykkested(s.navn, s.nr, s.sist), b); err != nil {
			return 0, err
		}
		s.nr++
	}
	n := copy(p, s.buf)
	s.buf = s.buf[n:]
	return n, nil
}

func (s *stykkeleser) Close() error { return s.f.Close() }
