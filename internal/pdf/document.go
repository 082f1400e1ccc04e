package pdf

import (
	"bytes"
	"cmp"
	"compress/flate"
	"context"
	"errors"
	"io"
	"strconv"
)

// document is a PDF that is being read.
type document struct {
	ctx     context.Context
	w       *window
	xref    map[int]place
	root    object // of the trailer
	rebuilt bool   // the table of contents was made by looking through the file

	parse   int64             // bytes of objects that may yet be read: many can be made to share theirs
	entries int               // of the table of contents that were read, newer and older ones
	unpack  int64             // bytes of object streams that may yet be unpacked
	noEnd   int64             // from here on no stream has an end, when above 0
	packed  map[int]*packfile // object streams that were used lately
	held    int64             // their bytes
	depth   int               // objects that are read for the sake of another

	inherited [len(inherited)]struct { // what the last page took, and from which node
		nr    int
		value object
	}
}

// place tells where an object lies: at an offset, or as number index of the object
// stream in. The zero place is that of a deleted object.
type place struct {
	at    int64
	in    int32
	index int32
}

// packfile is an object stream, unpacked (ISO 32000-1, 7.5.7).
type packfile struct {
	data    []byte
	nrs     []int
	offsets []int64
}

// open reads the table of contents, and makes one when it is no good.
func open(ctx context.Context, f Fil) (*document, error) {
	size := f.Size()
	d := &document{
		ctx: ctx, w: newWindow(ctx, f, size, 4<<30+16*size), parse: maxParsed + 16*size, unpack: maxUnpacked,
		xref: map[int]place{}, packed: map[int]*packfile{},
	}
	head := d.w.find("%PDF-", 0, 1024+5)
	if head < 0 {
		return nil, d.cause(errIkkePDF())
	}
	err := d.readXref(head)
	if err == nil {
		_, err = d.catalog()
	}
	if err != nil && isBroken(err) && !d.rebuilt {
		if err = d.rebuild(); err == nil {
			_, err = d.catalog()
		}
	}
	if err != nil {
		return nil, d.cause(err)
	}
	return d, nil
}

// cause gives the error of the file or of ctx when that is why reading failed.
func (d *document) cause(err error) error {
	if err != nil && d.w.err != nil {
		return d.w.err
	}
	return err
}

// catalog is the root of the document (ISO 32000-1, 7.7.2).
func (d *document) catalog() (dict, error) {
	root, err := d.dict(d.root)
	if err != nil {
		return nil, err
	}
	if root.get("Pages") == nil {
		return nil, errOdelagt("the catalog names no pages")
	}
	if v, err := d.resolve(root.get("NeedsRendering")); err != nil {
		return nil, err
	} else if v == keyword("true") {
		return nil, errXFA()
	}
	return root, nil
}

// load reads an indirect object; a deleted or unknown one is null.
func (d *document) load(nr int) (object, error) {
	o, err := d.tryLoad(nr)
	if err != nil && isBroken(err) && !d.rebuilt && d.w.err == nil {
		if err := d.rebuild(); err != nil {
			return nil, err
		}
		o, err = d.tryLoad(nr)
	}
	return o, d.cause(err)
}

func (d *document) tryLoad(nr int) (object, error) {
	if d.depth++; d.depth > 16 {
		d.depth--
		return nil, errOdelagt("objects that need each other")
	}
	defer func() { d.depth-- }()
	p, ok := d.xref[nr]
	switch {
	case ok && p.in != 0:
		return d.packedObject(nr, p)
	case ok && p.at != 0:
		return d.indirect(nr, p.at)
	}
	return nil, nil
}

// indirect reads the object with that number at a place in the file.
func (d *document) indirect(nr int, at int64) (object, error) {
	if d.parse < 0 {
		return nil, errForKomplisert()
	}
	l := d.w.lex(at)
	defer func() { d.parse -= l.pos - at }()
	if n, ok := l.integer(); !ok || n != int64(nr) {
		return nil, errOdelagt("object %d is not at %d", nr, at)
	}
	if _, ok := l.integer(); !ok || !l.word("obj") {
		return nil, errOdelagt("object %d is not at %d", nr, at)
	}
	if l.word("endobj") {
		return nil, nil
	}
	v, err := l.value(0)
	if err != nil {
		return nil, err
	}
	dic, ok := v.(dict)
	if !ok || !l.word("stream") {
		return v, nil
	}
	if c := l.peek(); c == '\r' {
		l.pos++
	}
	if l.peek() == '\n' {
		l.pos++
	}
	return d.stream(nr, dic, l.pos)
}

// stream finds the end of a stream that begins at a place: where its length says, else
// where the next "endstream" is.
func (d *document) stream(nr int, dic dict, at int64) (object, error) {
	length, err := d.resolve(dic.get("Length"))
	if err != nil {
		return nil, err
	}
	if n, ok := toInt(length); ok && n >= 0 && n <= d.w.size-at {
		if l := d.w.lex(at + n); l.word("endstream") || l.word("endobj") {
			return stream{dic, at, n}, nil
		}
	}
	end := int64(-1)
	if d.noEnd == 0 || at < d.noEnd {
		end = d.w.find("endstream", at, d.w.size)
	}
	if end < 0 {
		d.noEnd = cmp.Or(min(d.noEnd, at), at)
		return nil, errOdelagt("the stream of object %d has no end", nr)
	}
	if end > at && d.w.byte(end-1) == '\n' {
		end--
	}
	if end > at && d.w.byte(end-1) == '\r' {
		end--
	}
	return stream{dic, at, end - at}, nil
}

// packedObject reads an object out of its object stream.
func (d *document) packedObject(nr int, p place) (object, error) {
	pack, err := d.packfile(int(p.in))
	if err != nil {
		return nil, err
	}
	i := int(p.index)
	if i >= len(pack.nrs) || pack.nrs[i] != nr {
		return nil, errOdelagt("object %d is not in stream %d", nr, p.in)
	}
	if d.parse < 0 {
		return nil, errForKomplisert()
	}
	l := pack.open(d.ctx).lex(pack.offsets[i])
	defer func() { d.parse -= l.pos - pack.offsets[i] }()
	return l.value(0)
}

func (p *packfile) open(ctx context.Context) *window {
	return &window{ctx: ctx, size: int64(len(p.data)), buf: p.data}
}

// packfile unpacks an object stream, or gives it as it was kept.
func (d *document) packfile(nr int) (*packfile, error) {
	if p := d.packed[nr]; p != nil {
		return p, nil
	}
	if p := d.xref[nr]; p.in != 0 {
		return nil, errOdelagt("object stream %d lies in another", nr)
	}
	o, err := d.tryLoad(nr)
	if err != nil {
		return nil, err
	}
	s, ok := o.(stream)
	if !ok {
		return nil, errOdelagt("object stream %d is none", nr)
	}
	p := &packfile{}
	if p.data, err = d.decode(s); err != nil {
		return nil, err
	}
	n, ok1 := toInt(s.dict.get("N"))
	first, ok2 := toInt(s.dict.get("First"))
	if !ok1 || !ok2 || n < 0 || first < 0 || n > maxNodes || first > int64(len(p.data)) {
		return nil, errOdelagt("object stream %d has no good table", nr)
	}
	l := p.open(d.ctx).lex(0)
	for range n {
		nr, ok1 := l.integer()
		at, ok2 := l.integer()
		if !ok1 || !ok2 || nr >= 1<<31 {
			return nil, errOdelagt("object stream %d has no good table", nr)
		}
		p.nrs, p.offsets = append(p.nrs, int(nr)), append(p.offsets, first+at)
	}
	if d.held += int64(len(p.data)); d.held > maxDecoded {
		clear(d.packed)
		d.held = int64(len(p.data))
	}
	d.packed[nr] = p
	return p, nil
}

// decode gives what a stream holds, which must be plain or deflated: cross-reference
// and object streams are.
func (d *document) decode(s stream) ([]byte, error) {
	filter, params, err := d.filter(s.dict)
	if err != nil {
		return nil, err
	}
	r := d.raw(s)
	switch filter {
	case "":
	case "FlateDecode", "Fl":
		if r, err = inflater(r); err != nil {
			return nil, errOdelagt("a stream: %v", err)
		}
	default:
		return nil, errOdelagt("a stream of objects has the filter %.20q", filter)
	}
	b, err := io.ReadAll(io.LimitReader(r, min(d.unpack, maxDecoded)+1))
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, d.broken(err)
	}
	if d.unpack -= int64(len(b)); d.unpack < 0 || len(b) > maxDecoded {
		return nil, errForKomplisert()
	}
	return unpredict(b, params)
}

// broken is the refusal of a stream that cannot be unpacked; an error of the file
// itself stays what it is.
func (d *document) broken(err error) error {
	if _, ok := errors.AsType[flate.CorruptInputError](err); ok || errors.Is(err, io.ErrUnexpectedEOF) {
		return errOdelagt("a stream: %v", err)
	}
	return err
}

// filter gives the first filter of a stream, "" for none, and its parameters. Of
// several, the others are not told.
func (d *document) filter(s dict) (name, dict, error) {
	f, err := d.resolve(s.get("Filter"))
	if err != nil {
		return "", nil, err
	}
	p, err := d.resolve(s.get("DecodeParms"))
	if err != nil {
		return "", nil, err
	}
	if a, ok := f.(array); ok {
		if len(a) == 0 {
			return "", nil, nil
		}
		if f, err = d.resolve(a[0]); err != nil {
			return "", nil, err
		}
		if b, ok := p.(array); ok && len(b) > 0 {
			if p, err = d.resolve(b[0]); err != nil {
				return "", nil, err
			}
		}
	}
	filter, _ := f.(name)
	params, _ := p.(dict)
	return filter, params, nil
}

// raw reads the bytes of a stream as they lie in the file.
func (d *document) raw(s stream) io.Reader {
	return contextReader{d.ctx, io.NewSectionReader(d.w.file, s.at, s.length)}
}

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// inflater unpacks zlib. Its checksum is left unread: viewers do so too, and some
// writers get it wrong.
func inflater(r io.Reader) (io.Reader, error) {
	if _, err := io.CopyN(io.Discard, r, 2); err != nil && err != io.EOF {
		return nil, err
	}
	return flate.NewReader(r), nil
}

// unpredict undoes the PNG prediction of rows (ISO 32000-1, 7.4.4.4), in place.
func unpredict(b []byte, params dict) ([]byte, error) {
	predictor, _ := toInt(params.get("Predictor"))
	if predictor < 2 {
		return b, nil
	}
	columns, ok := toInt(params.get("Columns"))
	if !ok {
		columns = 1
	}
	colors, _ := toInt(params.get("Colors"))
	bits, ok := toInt(params.get("BitsPerComponent"))
	if predictor < 10 || columns < 1 || columns > 1<<16 || colors > 1 || ok && bits != 8 {
		return nil, errOdelagt("a stream has prediction %d of %d columns", predictor, columns)
	}
	row, out := int(columns), b[:0]
	above := make([]byte, row)
	for ; len(b) > row; b = b[row+1:] {
		kind, cur := b[0], b[1:row+1]
		for i := range cur {
			var left, upleft byte
			if i > 0 {
				left, upleft = cur[i-1], above[i-1]
			}
			switch kind {
			case 1:
				cur[i] += left
			case 2:
				cur[i] += above[i]
			case 3:
				cur[i] += byte((int(left) + int(above[i])) / 2)
			case 4:
				cur[i] += paeth(left, above[i], upleft)
			}
		}
		copy(above, cur)
		out = append(out, cur...)
	}
	return out, nil
}

func paeth(a, b, c byte) byte {
	distance := func(x byte) int { return max(int(a)+int(b)-int(c)-int(x), int(x)-int(a)-int(b)+int(c)) }
	switch {
	case distance(a) <= distance(b) && distance(a) <= distance(c):
		return a
	case distance(b) <= distance(c):
		return b
	}
	return c
}

// resolve follows references to a value.
func (d *document) resolve(o object) (object, error) {
	for range 16 {
		r, ok := o.(ref)
		if !ok {
			return o, nil
		}
		var err error
		if o, err = d.load(int(r)); err != nil {
			return nil, err
		}
	}
	return nil, errOdelagt("references in a ring")
}

// dict follows references to a dictionary, that of a stream too.
func (d *document) dict(o object) (dict, error) {
	o, err := d.resolve(o)
	if err != nil {
		return nil, err
	}
	switch o := o.(type) {
	case dict:
		return o, nil
	case stream:
		return o.dict, nil
	}
	return nil, errOdelagt("a %T where a dictionary should be", o)
}

func (d *document) array(o object) (array, error) {
	o, err := d.resolve(o)
	if err != nil {
		return nil, err
	}
	a, _ := o.(array)
	return a, nil
}

func toInt(o object) (int64, bool) {
	n, ok := o.(number)
	if !ok {
		return 0, false
	}
	i, err := strconv.ParseInt(string(n), 10, 64)
	return i, err == nil
}

// find gives the place of a word that begins in [from, to), or -1.
func (w *window) find(word string, from, to int64) int64 {
	for pos := from; pos < to; pos++ {
		if c := w.byte(pos); c < 0 {
			return -1
		} else if c != int(word[0]) {
			if i := bytes.IndexByte(w.buf[pos-w.at:], word[0]); i > 0 {
				pos += int64(i) - 1
			} else if i < 0 {
				pos = w.at + int64(len(w.buf)) - 1
			}
			continue
		}
		i := 1
		for i < len(word) && w.byte(pos+int64(i)) == int(word[i]) {
			i++
		}
		if i == len(word) {
			return pos
		}
	}
	return -1
}
