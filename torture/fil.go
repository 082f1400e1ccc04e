package main

import (
	"bytes"
	"crypto/sha512"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"

	"knutepunkt/client"
)

// sum is the SHA-512 of a file's plaintext.
type sum = [sha512.Size]byte

// innhold is what was found of a file.
type innhold struct {
	sum    sum
	lengde int64
}

// fil is a file that was sent, or is to be; its content can be made again at any time.
type fil struct {
	navn   string
	merke  string // planted at the start and the end of strom
	fra    int    // where in the filler its content is taken from
	flyt   int    // bytes of strom
	pdf    bool   // strom is the content of a page; else it is all of the file
	lengde int64
	sum    sum

	// Of a file that goes by mellomlagring:
	forsokt, lagt bool
}

func (f *fil) innhold() innhold { return innhold{f.sum, f.lengde} }

// nyFil makes a file of about so many bytes, markers planted in name and content.
func (h *historie) nyFil(rng *rand.Rand, navn string, lengde int, pdf bool) *fil {
	merke, _ := h.plant()
	if navn == "" {
		navn = "lønnslipp " + merke + ".pdf"
	}
	f := &fil{navn: navn, merke: merke, fra: rng.IntN(1 << 19), flyt: max(lengde, 2*len(merke)), pdf: pdf}
	s := sha512.New()
	f.lengde, _ = io.Copy(s, h.innhold(f)) // memory alone
	s.Sum(f.sum[:0])
	return f
}

// innhold is a file's plaintext.
func (h *historie) innhold(f *fil) io.Reader {
	if !f.pdf {
		return h.strom(f)
	}
	hode, hale := omslag(f.flyt)
	return io.MultiReader(strings.NewReader(hode), h.strom(f), strings.NewReader(hale))
}

// strom is f.flyt bytes with the marker at both ends.
func (h *historie) strom(f *fil) io.Reader {
	igjen := f.flyt - 2*len(f.merke)
	deler := []io.Reader{strings.NewReader(f.merke)}
	for fra := f.fra; igjen > 0; fra = 0 {
		n := min(igjen, len(h.fyll)-fra)
		deler = append(deler, bytes.NewReader(h.fyll[fra:fra+n]))
		igjen -= n
	}
	return io.MultiReader(append(deler, strings.NewReader(f.merke))...)
}

// omslag is what stands before and behind the content of the one page of a PDF. A
// printer's file holds that content as it was, so that it can be found again.
func omslag(lengde int) (hode, hale string) {
	var b strings.Builder
	var steder []int
	obj := func(format string, arg ...any) {
		steder = append(steder, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n", len(steder))
		fmt.Fprintf(&b, format, arg...)
	}
	b.WriteString("%PDF-1.7\n")
	obj("<</Type/Catalog/Pages 2 0 R>>\nendobj\n")
	obj("<</Type/Pages/Count 1/Kids[3 0 R]/MediaBox[0 0 595 842]>>\nendobj\n")
	obj("<</Type/Page/Parent 2 0 R/Resources<<>>/Contents 4 0 R>>\nendobj\n")
	obj("<</Length %d>>\nstream\n", lengde)
	hode = b.String()
	b.Reset()
	b.WriteString("\nendstream\nendobj\n")
	xref := len(hode) + lengde + b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(steder)+1)
	for _, s := range steder {
		fmt.Fprintf(&b, "%010d 00000 n \n", s)
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(steder)+1, xref)
	return hode, b.String()
}

func (h *historie) klientfil(f *fil) client.Fil {
	return client.Fil{Navn: f.navn, Mimetype: "application/pdf", Storrelse: f.lengde,
		Apne: func() (io.ReadCloser, error) { return io.NopCloser(h.innhold(f)), nil }}
}

func (h *historie) klientfiler(fs []*fil) []client.Fil {
	ut := make([]client.Fil, len(fs))
	for i, f := range fs {
		ut[i] = h.klientfil(f)
	}
	return ut
}

func summer(r io.Reader) (ut innhold, err error) {
	h := sha512.New()
	ut.lengde, err = io.Copy(h, r)
	h.Sum(ut.sum[:0])
	return ut, err
}
