package pdf

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"knutepunkt/internal/feil"
)

// The first objects of a merged file.
const (
	catalogNr = 1
	treeNr    = 2
	firstFree = 3
)

// writer writes a PDF object by object and remembers where each lies.
type writer struct {
	w       *bufio.Writer
	n       int64
	err     error
	offsets []int64 // by number; 0: not written
	b       bytes.Buffer
	z       *zlib.Writer // made when first used, for it is large
}

func newWriter(w io.Writer) *writer {
	return &writer{w: bufio.NewWriterSize(w, 64<<10), offsets: make([]int64, firstFree)}
}

// Write never tells an error; finish does.
func (w *writer) Write(p []byte) (int, error) {
	if w.err == nil {
		_, w.err = w.w.Write(p)
	}
	w.n += int64(len(p))
	return len(p), nil
}

// header has bytes above 127, so that no one takes the file for text.
func (w *writer) header() { fmt.Fprint(w, "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n") }

// number reserves the number of an object.
func (w *writer) number() int {
	w.offsets = append(w.offsets, 0)
	return len(w.offsets) - 1
}

func (w *writer) begin(nr int) {
	w.offsets[nr] = w.n
	fmt.Fprintf(w, "%d 0 obj\n", nr)
}

func (w *writer) end() { fmt.Fprint(w, "\nendobj\n") }

// dict writes object nr, a dictionary.
func (w *writer) dict(nr int, format string, args ...any) {
	w.begin(nr)
	fmt.Fprintf(w, "<<"+format+">>", args...)
	w.end()
}

// deflated writes object nr, a stream with these entries.
func (w *writer) deflated(nr int, entries string, data []byte) {
	w.b.Reset()
	if w.z == nil {
		w.z = zlib.NewWriter(&w.b)
	}
	w.z.Reset(&w.b)
	_, _ = w.z.Write(data) // to memory
	_ = w.z.Close()
	w.begin(nr)
	fmt.Fprintf(w, "<</Length %d/Filter/FlateDecode%s>>stream\n", w.b.Len(), entries)
	_, _ = w.Write(w.b.Bytes())
	fmt.Fprint(w, "\nendstream")
	w.end()
}

// value writes a value of a document, with its references renumbered.
func (w *writer) value(o object, renumber func(ref) int) {
	w.b.Reset()
	write(&w.b, o, renumber)
	_, _ = w.Write(w.b.Bytes())
}

// finish writes the table of contents; trailer goes in its dictionary.
func (w *writer) finish(trailer string) error {
	at := w.n
	fmt.Fprintf(w, "xref\n0 %d\n0000000000 65535 f \n", len(w.offsets))
	for _, offset := range w.offsets[1:] {
		if offset == 0 {
			fmt.Fprint(w, "0000000000 65535 f \n")
		} else {
			fmt.Fprintf(w, "%010d 00000 n \n", offset)
		}
	}
	fmt.Fprintf(w, "trailer\n<</Size %d/Root %d 0 R%s>>\nstartxref\n%d\n%%%%EOF\n", len(w.offsets), catalogNr, trailer, at)
	if w.err != nil {
		return w.err
	}
	return w.w.Flush()
}

// merger puts pages together to one file.
type merger struct {
	w       *writer
	tosidig bool
	verify  bool // unpack the streams, to see that they are whole

	kids   []int // the pages
	result Resultat
	layers layers
	form   form
}

func (m *merger) document(ctx context.Context, dok Dokument) error {
	d, err := open(ctx, dok.Fil)
	if err != nil {
		return err
	}
	pages, err := d.pages()
	if err != nil {
		return err
	}
	for _, nr := range dok.Giroark {
		if nr < 1 || nr > len(pages) {
			return feil.Ny(feil.Ugyldig, "giroark er side %d, men dokumentet har %d sider", nr, len(pages))
		}
	}
	return m.copy(d, pages, dok.Giroark)
}

// copy writes the pages of a document, and what they are made of.
func (m *merger) copy(d *document, pages []page, slips []int) error {
	c := &copier{m: m, d: d, new: map[int]int{}, streams: d.w.size, inflate: maxInflated}
	numbers := make([]int, len(pages))
	for i, p := range pages {
		numbers[i] = m.w.number()
		if _, ok := c.new[p.nr]; !ok {
			c.new[p.nr] = numbers[i]
		}
	}
	for i, p := range pages {
		dic, err := d.pageDict(p)
		if err != nil {
			return err
		}
		slip := slices.Contains(slips, i+1)
		if (i == 0 || slip) && m.tosidig && len(m.kids)%2 == 1 {
			if err := m.blank(d, dic); err != nil {
				return err
			}
		}
		m.kids = append(m.kids, numbers[i])
		if i == 0 {
			m.result.Start = append(m.result.Start, len(m.kids))
		}
		if slip {
			m.result.Giroark = append(m.result.Giroark, len(m.kids))
		}
		dic = append(dic, entry{"Type", name("Page")}, entry{"Parent", keyword(fmt.Sprintf("%d 0 R", treeNr))})
		m.w.begin(numbers[i])
		m.w.value(dic, c.renumber)
		m.w.end()
		if err := c.queued(); err != nil {
			return err
		}
		if slip && m.tosidig && i+1 < len(pages) {
			if err := m.blank(d, dic); err != nil {
				return err
			}
		}
	}
	if err := c.catalog(); err != nil {
		return err
	}
	return c.queued()
}

// blank puts in an empty page of the size of another.
func (m *merger) blank(d *document, like dict) error {
	b, err := d.box(like)
	if err != nil {
		return err
	}
	nr := m.w.number()
	m.kids = append(m.kids, nr)
	m.w.begin(nr)
	fmt.Fprintf(m.w, "<</Type/Page/Parent %d 0 R/Resources<<>>/MediaBox[%.3f %.3f %.3f %.3f]>>", treeNr, b[0], b[1], b[2], b[3])
	m.w.end()
	return nil
}

// finish writes the catalog, the page tree and the table of contents.
func (m *merger) finish() error {
	w := m.w
	w.begin(catalogNr)
	fmt.Fprintf(w, "<</Type/Catalog/Pages %d 0 R", treeNr)
	m.layers.write(w)
	m.form.write(w)
	fmt.Fprint(w, ">>")
	w.end()
	w.begin(treeNr)
	fmt.Fprintf(w, "<</Type/Pages/Count %d/Kids[%s]>>", len(m.kids), refs(m.kids))
	w.end()
	return w.finish("")
}

func refs(nrs []int) string {
	var b strings.Builder
	for _, nr := range nrs {
		fmt.Fprintf(&b, "%d 0 R ", nr)
	}
	return strings.TrimSpace(b.String())
}

// copier copies the objects of one document that its pages need.
type copier struct {
	m     *merger
	d     *document
	new   map[int]int // the number of an object in the merged file, by its own
	queue []int

	streams int64 // bytes of streams that may yet be copied: no two share theirs
	inflate int64 // bytes that may yet be unpacked to verify
}

// renumber gives an object its new number and sees to that it is copied; 0 when the
// document has no such object.
func (c *copier) renumber(r ref) int {
	if nr, ok := c.new[int(r)]; ok {
		return nr
	}
	if p := c.d.xref[int(r)]; p == (place{}) && !c.d.rebuilt {
		return 0
	}
	nr := c.m.w.number()
	c.new[int(r)] = nr
	c.queue = append(c.queue, int(r))
	return nr
}

// queued copies the objects that were referred to, and those that they refer to.
func (c *copier) queued() error {
	for len(c.queue) > 0 {
		last := len(c.queue) - 1
		nr := c.queue[last]
		c.queue = c.queue[:last]
		if err := c.copy(nr); err != nil {
			return c.d.cause(err)
		}
	}
	return c.m.w.err
}

func (c *copier) copy(nr int) error {
	if err := c.d.ctx.Err(); err != nil {
		return err
	}
	o, err := c.d.load(nr)
	if err != nil {
		return err
	}
	if _, ok := c.d.xref[nr]; !ok {
		return errOdelagt("object %d is missing", nr)
	}
	w := c.m.w
	w.begin(c.new[nr])
	s, ok := o.(stream)
	if !ok {
		w.value(o, c.renumber)
		w.end()
		return nil
	}
	if c.streams -= s.length; c.streams < 0 {
		return errOdelagt("streams that lie within each other")
	}
	dic := make(dict, 0, len(s.dict)+1)
	for _, e := range s.dict {
		if e.key != "Length" {
			dic = append(dic, e)
		}
	}
	dic = append(dic, entry{"Length", number(fmt.Sprint(s.length))})
	w.value(dic, c.renumber)
	fmt.Fprint(w, "\nstream\n")
	if err := c.content(nr, s); err != nil {
		return err
	}
	fmt.Fprint(w, "\nendstream")
	w.end()
	return nil
}

// content copies the bytes of a stream, and looks whether they can be read.
func (c *copier) content(nr int, s stream) error {
	if !c.m.verify {
		n, err := io.Copy(c.m.w, c.d.raw(s))
		if err == nil && n != s.length {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	filter, _, err := c.d.filter(s.dict)
	if err != nil || s.length == 0 {
		return err
	}
	switch filter {
	case "FlateDecode", "Fl":
		r, err := inflater(bufio.NewReaderSize(c.d.raw(s), 32<<10))
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, io.LimitReader(r, c.inflate+1))
		if c.inflate -= n; c.inflate < 0 {
			return errForKomplisert()
		}
		// Some writers leave out the last block; what came before is shown by all readers.
		if errors.Is(err, io.ErrUnexpectedEOF) && n > 0 {
			return nil
		}
		if _, corrupt := errors.AsType[flate.CorruptInputError](err); corrupt || errors.Is(err, io.ErrUnexpectedEOF) {
			return errBilde(err.Error(), nr)
		}
		return err
	case "DCTDecode", "DCT":
		head := make([]byte, min(s.length, 1024))
		if _, err := io.ReadFull(c.d.raw(s), head); err != nil {
			return err
		}
		if !bytes.Contains(head, []byte{0xff, 0xd8, 0xff}) {
			return errBilde("no JPEG", nr)
		}
	}
	return nil
}
