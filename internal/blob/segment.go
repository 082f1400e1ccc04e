package blob

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

const (
	// segmentMin is how many encrypted bytes are worth a place in a segment; less
	// is kept in the row. inlineMax is the upper bound of both.
	segmentMin = 16 << 10

	// segmentMax is how large a segment grows.
	segmentMax = 64 << 20
)

// Segments keeps middle-sized blobs one after another in files of 64 MiB, so
// that they are written once, by one system call, and not twice and page by page
// as the database writes its rows. A file is only ever appended to. Which parts
// of it are alive is told by the rows that refer to them.
type Segments struct {
	dir   string
	max   int64                // segmentMax; tests have less
	fsync func(*os.File) error // (*os.File).Sync; tests make it fail

	mu     sync.Mutex
	last   int64              // the highest number that is taken
	open   *segment           // where the next content goes; nil: into a new one
	busy   map[int64]*segment // by number: the open one, and those with content that waits for its commit
	closed bool
}

// segment is a file that is written to, or has content that is not committed.
// Segments.mu guards it.
type segment struct {
	nr      int64
	file    *os.File
	end     int64    // the next content's place
	written int64    // how many contents are in the file, as a whole
	waiting int      // how many are not committed or discarded yet
	newest  *syncing // the last one that was begun
}

// syncing is one fsync, and what it covers.
type syncing struct {
	covers int64 // of segment.written
	done   chan struct{}
	err    error // after done
}

// plass is where a content lies that is not committed yet.
type plass struct {
	*segment
	pos int64
	no  int64 // its number by segment.written
}

// OpenSegments opens (and makes) the folder dir of segments, which belongs to one
// process. The files that are there are not written to again.
func OpenSegments(dir string) (*Segments, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("blob: opening segments: %w", err)
	}
	for _, above := range []string{filepath.Dir(dir), filepath.Dir(filepath.Dir(dir))} {
		if err := syncFolder(above); err != nil {
			return nil, fmt.Errorf("blob: opening segments: %w", err)
		}
	}
	s := &Segments{dir: dir, max: segmentMax, fsync: (*os.File).Sync, busy: map[int64]*segment{}}
	all, err := s.list()
	if err != nil {
		return nil, fmt.Errorf("blob: opening segments: %w", err)
	}
	for _, nr := range all {
		s.last = max(s.last, nr)
	}
	return s, nil
}

// Close closes the files; nothing can be stored after it.
func (s *Segments) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open, s.closed = nil, true
	var errs []error
	for _, g := range s.busy {
		errs = append(errs, g.file.Close()) // a sync that runs ends first
	}
	clear(s.busy)
	return errors.Join(errs...)
}

func (s *Segments) path(nr int64) string {
	return filepath.Join(s.dir, strconv.FormatInt(nr, 10))
}

// list gives the numbers of all files.
func (s *Segments) list() (all []int64, err error) {
	entries, err := os.ReadDir(s.dir)
	for _, e := range entries {
		if nr, err := strconv.ParseInt(e.Name(), 10, 64); err == nil {
			all = append(all, nr)
		}
	}
	return all, err
}

// append writes content into the open segment. Its place is the caller's until
// release; the segment is there so long.
func (s *Segments) append(content []byte) (plass, error) {
	p, err := s.reserve(int64(len(content)))
	if err != nil {
		return plass{}, err
	}
	if _, err := p.file.WriteAt(content, p.pos); err != nil {
		s.release(p)
		return plass{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p.written++
	p.no = p.written
	return p, nil
}

func (s *Segments) reserve(n int64) (plass, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open != nil && s.open.end+n > s.max {
		s.retire(s.open)
	}
	if s.open == nil {
		if err := s.begin(); err != nil {
			return plass{}, err
		}
	}
	p := plass{segment: s.open, pos: s.open.end}
	p.end += n
	p.waiting++
	return p, nil
}

// begin makes a new segment, durably. (mu is held.)
func (s *Segments) begin() error {
	if s.closed {
		return errors.New("the segments are closed")
	}
	s.last++ // also when it fails: a number is used once
	file, err := os.OpenFile(s.path(s.last), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := syncFolder(s.dir); err != nil {
		return errors.Join(err, file.Close())
	}
	s.open = &segment{nr: s.last, file: file}
	s.busy[s.last] = s.open
	return nil
}

// retire ends the writing to a segment. (mu is held.)
func (s *Segments) retire(g *segment) {
	if s.open == g {
		s.open = nil
	}
	s.close(g)
}

// close closes a segment that is not needed open any more. (mu is held.)
func (s *Segments) close(g *segment) {
	if g != s.open && g.waiting == 0 && s.busy[g.nr] == g {
		delete(s.busy, g.nr)
		_ = g.file.Close() // all in it that counts is synced
	}
}

// release tells that the content is committed, or shall never be.
func (s *Segments) release(p plass) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.waiting--
	s.close(p.segment)
}

// sync makes a content durable, and with it all that is in its segment by now, so
// that the commits that come together wait for one fsync. It begins at once, and
// wait gives its result. After a failure the system may take what was not written
// for clean, so the segment is given up, with all that waits in it.
func (s *Segments) sync(p plass) (wait func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := p.segment
	if g.newest == nil || g.newest.covers < p.no {
		before, now := g.newest, &syncing{covers: g.written, done: make(chan struct{})}
		g.newest = now
		go func() {
			defer close(now.done)
			if before != nil {
				<-before.done
				now.err = before.err
			}
			if now.err == nil {
				now.err = s.fsync(g.file)
			}
			if now.err != nil {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.retire(g)
			}
		}()
	}
	now := g.newest
	return func() error {
		<-now.done
		return now.err
	}
}

// get opens n bytes of a segment at pos; ErrIkkeFunnet when there is no such segment.
func (s *Segments) get(nr, pos, n int64) (io.ReadCloser, error) {
	file, err := os.Open(s.path(nr))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrIkkeFunnet
	}
	if err != nil {
		return nil, err
	}
	return part{io.NewSectionReader(file, pos, n), file}, nil
}

// part is a part of an open file.
type part struct {
	io.Reader
	io.Closer
}

// idle gives the segments that nobody writes to and nobody is about to refer to.
func (s *Segments) idle() ([]int64, error) {
	all, err := s.list()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	idle := all[:0]
	for _, nr := range all {
		if s.busy[nr] == nil {
			idle = append(idle, nr)
		}
	}
	return idle, nil
}

// remove removes a segment's file.
func (s *Segments) remove(nr int64) error { return os.Remove(s.path(nr)) }
