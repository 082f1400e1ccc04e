package cms

import (
	"fmt"
	"io"
	"math"
)

// Limits on what is not content. A real header is below 2 kB; one with a hundred
// recipients some 60 kB.
const (
	maxHeader = 256 << 10 // bytes before the content
	maxTail   = 64 << 10  // bytes after the content
	maxDepth  = 32        // open constructed elements
)

// Tags that the message structure uses (X.690 §8.1.2).
const (
	tagEnd              = 0x00
	tagInteger          = 0x02
	tagOctetString      = 0x04
	tagNull             = 0x05
	tagOID              = 0x06
	tagOctetStringParts = 0x24 // constructed OCTET STRING
	tagSequence         = 0x30
	tagSet              = 0x31
	tagContext0         = 0x80 // primitive [0]
	tagContext0Parts    = 0xA0 // constructed [0]
	tagContext1Parts    = 0xA1
	tagContext2Parts    = 0xA2
	constructed         = 0x20
)

// elem is the header of one BER element. length is -1 when indefinite.
type elem struct {
	tag    byte
	length int64
}

// level is an open constructed element. end is the offset that nothing inside
// may pass, also for an indefinite element, where it is that of its parent.
type level struct {
	end        int64
	indefinite bool
}

// berReader walks through BER without keeping it: headers one by one, small
// elements whole, and content as a stream.
type berReader struct {
	r      io.Reader
	buf    []byte
	i, n   int   // buf[i:n] is read from r and not yet used
	off    int64 // offset of buf[i] in the message
	limit  int64 // offset that structure may not pass
	levels []level

	// Streaming of the content: the level it is inside of, and what is left of
	// the present OCTET STRING.
	base int
	left int64
}

func newBERReader(r io.Reader) *berReader {
	return &berReader{r: r, buf: newBuffer(), limit: maxHeader, levels: make([]level, 0, 8)}
}

func (d *berReader) malformed(format string, args ...any) error {
	return fmt.Errorf("%w: byte %d: %s", ErrFormat, d.off, fmt.Sprintf(format, args...))
}

// readErr gives an error of r its meaning: the end of the input is truncation,
// since the message always knows its end; others are the caller's own.
func (d *berReader) readErr(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%w: truncated after %d bytes: %w", ErrFormat, d.off, io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("cms: reading the message: %w", err)
}

// readSome is one r.Read that returned bytes or an error.
func (d *berReader) readSome(p []byte) (int, error) {
	for range 100 {
		n, err := d.r.Read(p)
		if n > 0 {
			return n, nil // an error that came along comes again
		}
		if err != nil {
			return 0, d.readErr(err)
		}
	}
	return 0, d.readErr(io.ErrNoProgress)
}

func (d *berReader) fill() error {
	n, err := d.readSome(d.buf)
	d.i, d.n = 0, n
	return err
}

func (d *berReader) byte() (byte, error) {
	if d.i == d.n {
		if err := d.fill(); err != nil {
			return 0, err
		}
	}
	b := d.buf[d.i]
	d.i++
	d.off++
	return b, nil
}

func (d *berReader) full(p []byte) error {
	for len(p) > 0 {
		if d.i == d.n {
			if err := d.fill(); err != nil {
				return err
			}
		}
		n := copy(p, d.buf[d.i:d.n])
		p = p[n:]
		d.i += n
		d.off += int64(n)
	}
	return nil
}

// next reads the header of the next element of the innermost open element. When
// that has none left, it is closed and ok is false.
func (d *berReader) next() (e elem, ok bool, err error) {
	bound, indefinite := int64(math.MaxInt64), false
	if top := len(d.levels) - 1; top >= 0 {
		bound, indefinite = d.levels[top].end, d.levels[top].indefinite
		if !indefinite && d.off == bound {
			d.levels = d.levels[:top]
			return elem{}, false, nil
		}
	}
	if e.tag, err = d.byte(); err != nil {
		return elem{}, false, err
	}
	if e.length, err = d.length(); err != nil {
		return elem{}, false, err
	}
	switch {
	case d.off > bound:
		return elem{}, false, d.malformed("element runs past the one around it")
	case d.off > d.limit:
		return elem{}, false, d.malformed("header too large")
	case e.tag == tagEnd:
		if !indefinite || e.length != 0 {
			return elem{}, false, d.malformed("end-of-contents where none belongs")
		}
		d.levels = d.levels[:len(d.levels)-1]
		return elem{}, false, nil
	case e.tag&0x1f == 0x1f:
		return elem{}, false, d.malformed("multi-byte tag")
	case e.length < 0 && e.tag&constructed == 0:
		return elem{}, false, d.malformed("primitive element of indefinite length")
	case e.length > bound-d.off:
		return elem{}, false, d.malformed("element of %d bytes runs past the one around it", e.length)
	}
	return e, true, nil
}

func (d *berReader) length() (int64, error) {
	b, err := d.byte()
	if err != nil || b < 0x80 {
		return int64(b), err
	}
	if b == 0x80 {
		return -1, nil
	}
	if b > 0x88 {
		return 0, d.malformed("length of %d bytes", b&0x7f)
	}
	var n uint64
	for range b & 0x7f {
		if b, err = d.byte(); err != nil {
			return 0, err
		}
		n = n<<8 | uint64(b)
	}
	if n > math.MaxInt64/2 {
		return 0, d.malformed("length too large")
	}
	return int64(n), nil
}

// expect reads the header of the next element, which must have this tag.
func (d *berReader) expect(tag byte, name string) (elem, error) {
	e, ok, err := d.next()
	switch {
	case err != nil:
		return e, fmt.Errorf("%w (%s)", err, name)
	case !ok:
		return e, d.malformed("%s is missing", name)
	case e.tag != tag:
		return e, d.malformed("found tag %#02x, want %#02x (%s)", e.tag, tag, name)
	}
	return e, nil
}

// open steps into a constructed element.
func (d *berReader) open(e elem) error {
	if len(d.levels) == maxDepth {
		return d.malformed("nested deeper than %d levels", maxDepth)
	}
	l := level{end: math.MaxInt64, indefinite: e.length < 0}
	if !l.indefinite {
		l.end = d.off + e.length
	} else if top := len(d.levels) - 1; top >= 0 {
		l.end = d.levels[top].end
	}
	d.levels = append(d.levels, l)
	return nil
}

// expectOpen is expect and open.
func (d *berReader) expectOpen(tag byte, name string) error {
	e, err := d.expect(tag, name)
	if err != nil {
		return err
	}
	return d.open(e)
}

// expectEnd closes the innermost element, which must have no more in it.
func (d *berReader) expectEnd(name string) error {
	e, ok, err := d.next()
	if err != nil {
		return fmt.Errorf("%w (end of %s)", err, name)
	}
	if ok {
		return d.malformed("found tag %#02x, want the end of %s", e.tag, name)
	}
	return nil
}

// contents reads the rest of e, whose header was just read, as DER contents:
// definite minimal lengths, OCTET STRINGs in one piece.
func (d *berReader) contents(e elem) ([]byte, error) {
	if e.length > d.limit-d.off {
		return nil, d.malformed("element of %d bytes is too large for a header", e.length)
	}
	if e.tag&constructed == 0 {
		p := make([]byte, e.length)
		return p, d.full(p)
	}
	if err := d.open(e); err != nil {
		return nil, err
	}
	var out []byte
	for {
		child, ok, err := d.next()
		if err != nil || !ok {
			return out, err
		}
		p, err := d.contents(child)
		if err != nil {
			return nil, err
		}
		switch {
		case child.tag == tagOctetStringParts:
			child.tag = tagOctetString
		case e.tag == tagOctetStringParts && child.tag != tagOctetString:
			return nil, d.malformed("tag %#02x inside an OCTET STRING", child.tag)
		}
		if e.tag == tagOctetStringParts {
			out = append(out, p...)
		} else {
			out = appendDER(out, child.tag, p)
		}
	}
}

// element is expect and contents, for a small element.
func (d *berReader) element(tag byte, name string) ([]byte, error) {
	e, err := d.expect(tag, name)
	if err != nil {
		return nil, err
	}
	p, err := d.contents(e)
	if err != nil {
		return nil, fmt.Errorf("%w (%s)", err, name)
	}
	return p, nil
}

// appendDER appends an element with a minimal definite length.
func appendDER(dst []byte, tag byte, contents []byte) []byte {
	dst = append(dst, tag)
	n := len(contents)
	switch {
	case n < 0x80:
		dst = append(dst, byte(n))
	case n < 1<<8:
		dst = append(dst, 0x81, byte(n))
	case n < 1<<16:
		dst = append(dst, 0x82, byte(n>>8), byte(n))
	default:
		dst = append(dst, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	return append(dst, contents...)
}

// openContent starts the streaming of the octets of e, which is [0] IMPLICIT
// OCTET STRING in primitive or constructed form.
func (d *berReader) openContent(e elem) error {
	d.base = len(d.levels)
	d.limit = math.MaxInt64
	if e.tag == tagContext0 {
		d.left = e.length
		return nil
	}
	return d.open(e)
}

// content reads octets of the content into p, as many as fit unless the content
// ends; then it returns io.EOF (with the octets before it).
func (d *berReader) content(p []byte) (int, error) {
	got := 0
	for got < len(p) {
		if d.left == 0 {
			if err := d.nextChunk(); err != nil {
				return got, err
			}
			continue
		}
		q := p[got:]
		if int64(len(q)) > d.left {
			q = q[:d.left]
		}
		var n int
		if d.i == d.n && len(q) >= len(d.buf)/4 { // large chunks need no copy
			var err error
			if n, err = d.readSome(q); err != nil {
				return got, err
			}
		} else {
			if d.i == d.n {
				if err := d.fill(); err != nil {
					return got, err
				}
			}
			n = copy(q, d.buf[d.i:d.n])
			d.i += n
		}
		d.off += int64(n)
		d.left -= int64(n)
		got += n
	}
	return got, nil
}

// nextChunk moves to the next OCTET STRING of the content, at any depth. At the
// end of the content it returns io.EOF.
func (d *berReader) nextChunk() error {
	if len(d.levels) == d.base {
		return io.EOF
	}
	e, ok, err := d.next()
	switch {
	case err != nil || !ok:
		return err
	case e.tag == tagOctetString:
		d.left = e.length
		return nil
	case e.tag == tagOctetStringParts:
		return d.open(e)
	}
	return d.malformed("tag %#02x inside the encrypted content", e.tag)
}

// closeContent ends the streaming; a bounded amount of structure may follow.
func (d *berReader) closeContent() { d.limit = d.off + maxTail }
