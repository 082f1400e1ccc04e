// Package pdf checks the PDFs that others hand us, merges them to the one file that a
// printer gets, and writes pages of our own: the cover of a letter, receipts, reports, and
// documents that screen readers read and archives keep (Tagget).
//
// It reads PDFs with a small reader of its own (decision 9): what it keeps in memory is
// bounded whatever the file says, and streams (text, pictures, fonts) are copied as they
// lie, from file to file.
package pdf

import (
	"context"
	"errors"
	"fmt"
	"io"

	"knutepunkt/internal/feil"
)

// Bounds of what Sjekk accepts. They are far above any letter, and low enough that no
// file can take the machine: the worst that the tests know stays below 200 MB.
const (
	MaxSider = 5000 // pages of one document

	maxObjects   = 1 << 20 // indirect objects of one document
	maxEntries   = 4 << 20 // entries of all its tables of contents
	maxObject    = 8 << 20 // bytes of one object, its stream apart
	maxNodes     = 300_000 // values in one object
	maxNesting   = 100     // arrays and dictionaries within each other
	maxDecoded   = 16 << 20
	maxTreeNodes = 100_000   // nodes of the page tree
	maxParsed    = 32 << 20  // bytes of objects that are read, beside 16 times the file
	maxUnpacked  = 512 << 20 // bytes of object streams that are unpacked, all told
	maxInflated  = 8 << 30   // bytes that the other streams of one document unpack to
)

// Fil is a document to read: *bytes.Reader and *io.SectionReader are such. It need not
// be safe for concurrent use.
type Fil interface {
	io.ReaderAt
	Size() int64
}

// Info is what Sjekk found.
type Info struct {
	Sider         int
	Bredde, Hoyde float64 // of the first page as it is shown, in mm
}

// Dokument is one of the documents that SlaaSammen puts together.
type Dokument struct {
	Fil     Fil
	Giroark []int // pages of this document, from 1, that are payment slips
}

// Resultat tells where things came in the merged file.
type Resultat struct {
	Sider   int   // pages in all, the blank ones that were put in included
	Start   []int // the first page of each document, from 1
	Giroark []int // the pages that are payment slips, from 1
}

// Trykkeri checks and merges, a bounded number at once; the others wait their turn.
type Trykkeri struct{ plasser chan struct{} }

// Ny makes a Trykkeri that works on so many files at once.
func Ny(samtidige int) *Trykkeri { return &Trykkeri{make(chan struct{}, max(1, samtidige))} }

// Sjekk reads all that will be printed of f, and refuses what a printer could not print
// (SvarUt contract §3.6): feil.Ugyldig, with a text that says which fault it is: no PDF,
// broken, encrypted, a form that only Acrobat can draw, no pages, too many pages. A file
// whose table of contents is damaged is accepted when everything else is whole.
//
// What is deflated is unpacked to see that it is whole, at some 70 MB/s. Sjekk stops
// when ctx ends; that error, and those of f, come back as they are.
func (t *Trykkeri) Sjekk(ctx context.Context, f Fil) (info Info, err error) {
	err = t.plass(ctx, func() error {
		d, err := open(ctx, f)
		if err != nil {
			return err
		}
		pages, err := d.pages()
		if err != nil {
			return err
		}
		info.Sider = len(pages)
		if info.Bredde, info.Hoyde, err = d.pageSize(pages[0]); err != nil {
			return err
		}
		m := &merger{w: newWriter(io.Discard), verify: true}
		return m.copy(d, pages, nil)
	})
	if err != nil {
		return Info{}, err
	}
	return info, nil
}

// SlaaSammen writes the pages of the documents, in order and untouched, as one PDF
// (SvarUt contract §5, print build). With tosidig each document begins on the front of a
// sheet, a payment slip too, and nothing is on the back of a slip; blank pages are put in
// where that takes them. A letter of one page is always printed on one side: that
// decision is the caller's.
//
// Of each document come the pages with what they show (layers and filled forms too), not
// bookmarks, scripts or attachments. The documents shall have passed Sjekk; what one of
// them fails on here is feil.Ugyldig and names its place. After an error, what w got is
// of no use.
//
// Memory goes with the number of objects in a document, not with its size: the heap grew
// by 1 MB for 100 MB of pictures in ten documents, and by 50 MB for four documents of 5000
// pages each. A picture takes the time of copying.
func (t *Trykkeri) SlaaSammen(ctx context.Context, w io.Writer, dokumenter []Dokument, tosidig bool) (Resultat, error) {
	var ut Resultat
	err := t.plass(ctx, func() error {
		m := &merger{w: newWriter(w), tosidig: tosidig}
		m.w.header()
		for i, dok := range dokumenter {
			if err := m.document(ctx, dok); err != nil {
				if f, ok := errors.AsType[*feil.Feil](err); ok {
					return feil.Ny(f.Kode, "dokument %d: %s", i+1, f.Melding).Med(f.Err)
				}
				return fmt.Errorf("merge document %d: %w", i+1, err)
			}
		}
		if len(m.kids) == 0 {
			return errIngenSider()
		}
		ut = m.result
		ut.Sider = len(m.kids)
		return m.finish()
	})
	if err != nil {
		return Resultat{}, err
	}
	return ut, nil
}

// plass runs work when there is room for it. A panic in it is our fault, and an
// internal error to the caller.
func (t *Trykkeri) plass(ctx context.Context, work func() error) (err error) {
	select {
	case t.plasser <- struct{}{}:
		defer func() { <-t.plasser }()
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("pdf: panic: %v", r)
		}
	}()
	return work()
}

func errIkkePDF() error { return feil.Ny(feil.Ugyldig, "filen er ikke en PDF") }

// broken is why a file is refused as broken, for the log.
type broken string

func (b broken) Error() string { return string(b) }

// errOdelagt is the refusal of a broken file; format, in English, is for the log.
func errOdelagt(format string, args ...any) error {
	return feil.Ny(feil.Ugyldig, "PDF-filen er ødelagt eller ufullstendig. Lag PDF på nytt fra originalen og send igjen").
		Med(broken(fmt.Sprintf(format, args...)))
}

// isBroken tells whether a file is refused for being broken, so that looking through it
// may help; other refusals and errors stand.
func isBroken(err error) bool {
	_, ok := errors.AsType[broken](err)
	return ok
}

func errLast() error {
	return feil.Ny(feil.Ugyldig, "PDF-filen er passordbeskyttet eller kryptert. Det gjelder også filer som åpnes uten å spørre om passord, men har sperrer mot utskrift eller endring. Lagre den uten beskyttelse og send igjen")
}

func errIngenSider() error { return feil.Ny(feil.Ugyldig, "PDF-filen har ingen sider") }

func errForMangeSider() error {
	return feil.Ny(feil.Ugyldig, "PDF-filen har for mange sider. En fil kan ha inntil %d", MaxSider)
}

func errForKomplisert() error {
	return feil.Ny(feil.Ugyldig, "PDF-filen er for sammensatt til å skrives ut. Lag en enklere PDF, for eksempel ved å skrive originalen ut til PDF, og send igjen")
}

func errXFA() error {
	return feil.Ny(feil.Ugyldig, "PDF-filen er et XFA-skjema, som bare vises i Adobe-programmer. Skriv skjemaet ut til en vanlig PDF og send igjen")
}

func errBilde(what string, nr int) error {
	return feil.Ny(feil.Ugyldig, "PDF-filen har et bilde eller annet innhold som ikke kan leses. Lag PDF på nytt fra originalen og send igjen").
		Med(fmt.Errorf("object %d: %s", nr, what))
}
