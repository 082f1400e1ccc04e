package asice

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
)

// The numbers are those of PKWARE's APPNOTE.TXT 6.3.10 §4.3.
const (
	sigLocal        = 0x04034b50
	sigDescriptor   = 0x08074b50
	sigCentral      = 0x02014b50
	sigEnd          = 0x06054b50
	sigEnd64        = 0x06064b50
	sigEnd64Locator = 0x07064b50

	flagEncrypted  = 1 << 0
	flagDescriptor = 1 << 3
	flagStrong     = 1 << 6
	flagMasked     = 1 << 13

	methodStored   = 0
	methodDeflated = 8

	extraZip64 = 0x0001
)

// scanner goes through a zip archive from its first byte to its last and
// refuses one that a reader of the central directory would see differently:
// entries must lie back to back from offset 0, and the directory must list
// exactly those, with the same names, sizes, checksums and offsets.
//
// archive/zip is not used for reading because it needs an io.ReaderAt and
// believes the directory alone.
type scanner struct {
	in      *source
	limits  Limits
	entries []*entry
	byName  map[string]*entry
	current *entryReader
	total   int64 // bytes unpacked, metadata apart
	meta    int64 // bytes of metadata unpacked
	inflate io.ReadCloser
	scratch []byte
}

// entry is one local file of the archive.
type entry struct {
	number     int
	name       string
	flags      uint16
	method     uint16
	hasExtra   bool
	crc        uint32
	compressed int64
	size       int64
	offset     int64 // of the local header
	data       int64 // of the content
	isMeta     bool
	listed     bool // in the central directory
}

// source counts what is read. It is an io.ByteReader, so flate takes no byte
// too many.
type source struct {
	br  *bufio.Reader
	n   int64
	err error // of the underlying reader, other than io.EOF
}

func newSource(r io.Reader) *source { return &source{br: bufio.NewReaderSize(r, 64<<10)} }

func (s *source) note(err error) error {
	if err != nil && err != io.EOF {
		s.err = err
	}
	return err
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.br.Read(p)
	s.n += int64(n)
	return n, s.note(err)
}

func (s *source) ReadByte() (byte, error) {
	b, err := s.br.ReadByte()
	if err == nil {
		s.n++
	}
	return b, s.note(err)
}

func (s *source) peek(n int) []byte {
	b, err := s.br.Peek(n)
	_ = s.note(err)
	return b
}

// take returns the next n bytes, valid until the next call.
func (s *scanner) take(n int) ([]byte, error) {
	if cap(s.scratch) < n {
		s.scratch = make([]byte, n)
	}
	b := s.scratch[:n]
	if _, err := io.ReadFull(s.in, b); err != nil {
		return nil, s.broken("ends too early")
	}
	return b, nil
}

// broken reports a fault of the archive, unless the bytes could not be read in
// the first place.
func (s *scanner) broken(what string) error {
	if s.in.err != nil {
		return wrap(errReading, "%w", s.in.err)
	}
	return wrap(ErrFormat, "%s", what)
}

var errReading = errors.New("asice: reading")

func newScanner(r io.Reader, limits Limits) *scanner {
	return &scanner{in: newSource(r), limits: limits, byName: make(map[string]*entry)}
}

// next returns the next entry and its content, which is checked on the way and
// must be read to io.EOF before next is called again. After the last entry the
// rest of the archive is checked, and the error is io.EOF.
func (s *scanner) next() (*entry, io.Reader, error) {
	if s.current != nil && !s.current.done {
		return nil, nil, errors.New("asice: entry not read to its end")
	}
	offset := s.in.n
	b, err := s.take(4)
	if err != nil {
		return nil, nil, err
	}
	switch binary.LittleEndian.Uint32(b) {
	case sigLocal:
	case sigCentral:
		if err := s.directory(offset); err != nil {
			return nil, nil, err
		}
		return nil, nil, io.EOF
	case sigEnd:
		return nil, nil, ErrEmpty
	default:
		return nil, nil, s.broken("no zip header where one should be")
	}
	if len(s.entries) >= s.limits.Files {
		return nil, nil, ErrTooMany
	}
	e, err := s.localHeader(offset)
	if err != nil {
		return nil, nil, err
	}
	if s.byName[e.name] != nil {
		return nil, nil, e.fail(ErrDuplicate)
	}
	s.byName[e.name] = e
	s.entries = append(s.entries, e)
	s.current = s.content(e)
	return e, s.current, nil
}

func (e *entry) fail(err error) error {
	return &FileError{Number: e.number, Name: e.name, Err: err}
}

// localHeader reads the rest of a local file header (§4.3.7).
func (s *scanner) localHeader(offset int64) (*entry, error) {
	b, err := s.take(26)
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	e := &entry{
		number:     len(s.entries) + 1,
		flags:      le.Uint16(b[2:]),
		method:     le.Uint16(b[4:]),
		crc:        le.Uint32(b[10:]),
		compressed: int64(le.Uint32(b[14:])),
		size:       int64(le.Uint32(b[18:])),
		offset:     offset,
	}
	nameLen, extraLen := int(le.Uint16(b[22:])), int(le.Uint16(b[24:]))
	if b, err = s.take(nameLen + extraLen); err != nil {
		return nil, err
	}
	e.name = string(b[:nameLen])
	e.hasExtra = extraLen > 0
	e.data = s.in.n
	e.isMeta = len(e.name) > len(metaInf) && e.name[:len(metaInf)] == metaInf
	switch {
	case e.flags&(flagEncrypted|flagStrong|flagMasked) != 0:
		return nil, e.fail(wrap(ErrUnsupported, "zip encryption"))
	case e.method != methodStored && e.method != methodDeflated:
		return nil, e.fail(wrap(ErrUnsupported, "compression method %d", e.method))
	case e.flags&flagDescriptor != 0 && e.method == methodStored:
		// No one can tell where it ends. Java's reader refuses it, too.
		return nil, e.fail(wrap(ErrUnsupported, "stored entry without its size in front"))
	}
	if e.flags&flagDescriptor == 0 {
		if !zip64Sizes(b[nameLen:], &e.size, &e.compressed) {
			return nil, e.fail(wrap(ErrFormat, "zip64 sizes missing"))
		}
		if e.method == methodStored && e.size != e.compressed {
			return nil, e.fail(wrap(ErrFormat, "stored entry with two sizes"))
		}
	}
	return e, nil
}

// zip64Sizes replaces those fields that are all ones by their values in the
// zip64 extra field, in the order given (§4.5.3). False if they are not there
// or out of bounds.
func zip64Sizes(extra []byte, fields ...*int64) bool {
	var values []byte
	for len(extra) >= 4 {
		id, n := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		if n > len(extra)-4 {
			break
		}
		if id == extraZip64 {
			values = extra[4 : 4+n]
			break
		}
		extra = extra[4+n:]
	}
	for _, f := range fields {
		if *f != math.MaxUint32 {
			continue
		}
		if len(values) < 8 {
			return false
		}
		v := binary.LittleEndian.Uint64(values)
		if v > math.MaxInt64 {
			return false
		}
		*f, values = int64(v), values[8:]
	}
	return true
}

// entryReader unpacks one entry and checks size and checksum at its end.
type entryReader struct {
	s     *scanner
	e     *entry
	src   io.Reader
	start int64
	crc   uint32
	size  int64
	done  bool
	err   error
}

func (s *scanner) content(e *entry) *entryReader {
	r := &entryReader{s: s, e: e, start: s.in.n}
	if e.method == methodStored {
		r.src = io.LimitReader(s.in, e.size)
		return r
	}
	if s.inflate == nil {
		s.inflate = flate.NewReader(s.in)
	} else {
		s.inflate.(flate.Resetter).Reset(s.in, nil) //nolint:errcheck // never fails
	}
	r.src = s.inflate
	return r
}

func (r *entryReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.src.Read(p)
	r.crc = crc32.Update(r.crc, crc32.IEEETable, p[:n])
	r.size += int64(n)
	if limit := r.limit(n); limit != nil {
		r.err = r.e.fail(limit)
		return 0, r.err
	}
	switch {
	case err == nil:
		return n, nil
	case err != io.EOF:
		r.err = r.e.fail(r.s.broken("damaged content"))
		return n, r.err
	}
	if r.err = r.finish(); r.err == nil {
		r.done = true
		r.err = io.EOF
	}
	return n, r.err
}

// limit accounts for n more bytes.
func (r *entryReader) limit(n int) error {
	l := r.s.limits
	if r.e.isMeta {
		if r.s.meta += int64(n); r.s.meta > l.Metadata {
			return wrap(ErrTooLarge, "metadata")
		}
		return nil
	}
	r.s.total += int64(n)
	switch {
	case r.size > l.FileSize:
		return wrap(ErrTooLarge, "file")
	case r.s.total > l.TotalSize:
		return wrap(ErrTooLarge, "all files together")
	case r.size > ratioFreeBytes && r.size/l.Ratio > r.s.in.n-r.start:
		return ErrRatio
	}
	return nil
}

func (r *entryReader) finish() error {
	e, s := r.e, r.s
	compressed := s.in.n - r.start
	if e.flags&flagDescriptor != 0 {
		e.crc, e.compressed, e.size = r.crc, compressed, r.size
		return s.descriptor(e)
	}
	if compressed != e.compressed || r.size != e.size {
		return e.fail(s.broken("size differs from the header's"))
	}
	if r.crc != e.crc {
		return e.fail(wrap(ErrFormat, "checksum"))
	}
	return nil
}

// descriptor skips the data descriptor of e (§4.3.9), which must say what was
// counted. Its signature is optional and its sizes take four or eight bytes,
// which nothing in front tells reliably; so it is looked at in each way.
func (s *scanner) descriptor(e *entry) error {
	b := s.in.peek(26)
	le := binary.LittleEndian
	for _, start := range []int{4, 0} {
		if len(b) < start+14 || start == 4 && le.Uint32(b) != sigDescriptor {
			continue
		}
		d := b[start:]
		if le.Uint32(d) != e.crc {
			continue
		}
		short := int64(le.Uint32(d[4:])) == e.compressed && int64(le.Uint32(d[8:])) == e.size && d[12] == 'P' && d[13] == 'K'
		long := len(d) >= 22 && le.Uint64(d[4:]) == uint64(e.compressed) && le.Uint64(d[12:]) == uint64(e.size) && d[20] == 'P' && d[21] == 'K'
		if short || long {
			n := start + 12
			if !short {
				n += 8
			}
			_, err := s.take(n)
			return err
		}
	}
	return e.fail(s.broken("checksum or size after the content"))
}

// directory reads the central directory, whose first signature has been read,
// and all that follows.
func (s *scanner) directory(offset int64) error {
	for {
		if err := s.directoryEntry(); err != nil {
			return err
		}
		if next := s.in.peek(4); len(next) < 4 || binary.LittleEndian.Uint32(next) != sigCentral {
			break
		}
		if _, err := s.take(4); err != nil {
			return err
		}
	}
	for _, e := range s.entries {
		if !e.listed {
			return e.fail(s.broken("not in the directory"))
		}
	}
	return s.end(offset, s.in.n-offset)
}

// directoryEntry reads the rest of a central directory header (§4.3.12).
func (s *scanner) directoryEntry() error {
	b, err := s.take(42)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	method, crc := le.Uint16(b[6:]), le.Uint32(b[12:])
	compressed, size := int64(le.Uint32(b[16:])), int64(le.Uint32(b[20:]))
	nameLen, extraLen, commentLen := int(le.Uint16(b[24:])), int(le.Uint16(b[26:])), int(le.Uint16(b[28:]))
	offset := int64(le.Uint32(b[38:]))
	if b, err = s.take(nameLen + extraLen + commentLen); err != nil {
		return err
	}
	e := s.byName[string(b[:nameLen])]
	if e == nil || e.listed {
		return s.broken("the directory lists what is not there")
	}
	e.listed = true
	if !zip64Sizes(b[nameLen:nameLen+extraLen], &size, &compressed, &offset) ||
		method != e.method || crc != e.crc || compressed != e.compressed || size != e.size || offset != e.offset {
		return e.fail(wrap(ErrFormat, "the directory differs from the entry"))
	}
	return nil
}

// end reads the end of central directory records (§4.3.14–16). After them there
// must be nothing.
func (s *scanner) end(offset, length int64) error {
	errEnd := "end record"
	le := binary.LittleEndian
	count := uint64(len(s.entries))
	var end64 bool
	at64 := uint64(s.in.n)
	if bytes.Equal(s.in.peek(4), le.AppendUint32(nil, sigEnd64)) {
		end64 = true
		b, err := s.take(56)
		if err != nil {
			return err
		}
		if le.Uint64(b[4:]) != 44 || le.Uint64(b[24:]) != count || le.Uint64(b[32:]) != count ||
			le.Uint64(b[40:]) != uint64(length) || le.Uint64(b[48:]) != uint64(offset) {
			return s.broken(errEnd)
		}
		if b, err = s.take(20); err != nil {
			return err
		}
		if le.Uint32(b) != sigEnd64Locator || le.Uint64(b[8:]) != at64 {
			return s.broken(errEnd)
		}
	}
	b, err := s.take(22)
	if err != nil {
		return err
	}
	is16 := func(field uint16, v uint64) bool {
		return uint64(field) == v || end64 && field == math.MaxUint16
	}
	is32 := func(field uint32, v uint64) bool {
		return uint64(field) == v || end64 && field == math.MaxUint32
	}
	if le.Uint32(b) != sigEnd || !is16(le.Uint16(b[8:]), count) || !is16(le.Uint16(b[10:]), count) ||
		!is32(le.Uint32(b[12:]), uint64(length)) || !is32(le.Uint32(b[16:]), uint64(offset)) {
		return s.broken(errEnd)
	}
	if _, err := s.take(int(le.Uint16(b[20:]))); err != nil {
		return err
	}
	if len(s.in.peek(1)) != 0 {
		return wrap(ErrFormat, "something after the end")
	}
	if s.in.err != nil {
		return s.broken("")
	}
	return nil
}
