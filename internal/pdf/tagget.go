package pdf

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"knutepunkt/internal/feil"
)

// Tagget is a document of ours that a screen reader reads and an archive keeps: A4 pages
// that are PDF/UA-1 and PDF/A-2a (bekymringsmelding §15). The same document gives the
// same bytes.
//
// Any text will do: what the fonts lack stands as "□", control characters are left out,
// lines that are too long are broken, and text that is too long goes on over the next
// page. Line breaks in a text stay.
type Tagget struct {
	Tittel    string // the heading of the document, level 1; must not be empty
	Sprak     Sprak
	Laget     time.Time // noted in the file, shown nowhere
	Adresse   []string  // shown in the window of an envelope on page 1; left out when empty
	Topptekst string    // one line at the head of each page, cut when too long; left out when empty
	Innhold   []Blokk
}

// Blokk is a part of a Tagget: Overskrift, Avsnitt or Sporsmal.
type Blokk interface{ blokk() }

// Overskrift is a heading. The title of the document is level 1, its parts are level 2, and
// so on to 6. A level that would skip one is raised to the next below the heading before it.
type Overskrift struct {
	Niva  int
	Tekst string
}

// Avsnitt is plain text; an empty line in it begins a new paragraph.
type Avsnitt struct{ Tekst string }

// Sporsmal is a question, a heading one level below the Overskrift above it, and its
// answer as Avsnitt has it. A screen reader so goes from question to question.
type Sporsmal struct{ Sporsmal, Svar string }

func (Overskrift) blokk() {}
func (Avsnitt) blokk()    {}
func (Sporsmal) blokk()   {}

// Skriv writes the document. Its errors are those of w, that the title is empty, and
// feil.Ugyldig when the address does not fit in the window or there would be more than
// MaxSider pages. After an error, what w got is of no use.
func (d Tagget) Skriv(w io.Writer) error {
	s, err := newSats(w, d)
	if err != nil {
		return err
	}
	if err := s.adresse(d.Adresse); err != nil {
		return err
	}
	deler := s.deler(d)
	for i, del := range deler {
		// A heading does not stand alone at the foot, nor a line of what follows it.
		if h := s.behov(deler[i:]); s.y > s.topp && s.y+del.foer+h > nederst && h <= nederst-marg {
			if err := s.nySide(); err != nil {
				return err
			}
		} else if s.y > s.topp {
			s.y += del.foer
		}
		if err := s.element(del.stil, del.steg(), s.linjer(del)); err != nil {
			return err
		}
		s.y += del.etter
	}
	if err := s.slutt(d); err != nil {
		return fmt.Errorf("write tagged PDF: %w", err)
	}
	return nil
}

// stil is how a part is tagged and set: sizes in points, distances in mm.
type stil struct {
	merke       string
	fet         bool
	punkter     float64
	foer, etter float64
}

// del is a part of the text that is one element of the structure.
type del struct {
	stil
	tekst string
}

// deler are the parts of a document in order, as they are set. None is empty.
func (s *sats) deler(d Tagget) (ut []del) {
	const sporsmaal = 4 // and the smallest headings
	overskrift := func(nivaa, utseende int, tekst string) {
		st := stil{"H" + strconv.Itoa(nivaa), true, 10.5, 2.6, 0.4}
		switch utseende {
		case 1:
			st.punkter, st.etter = 18, 3
		case 2:
			st.punkter, st.foer, st.etter = 14, 6, 1
		case 3:
			st.punkter, st.foer, st.etter = 12, 4.5, 0.6
		}
		if tekst = s.fet.rens(tekst); strings.TrimSpace(tekst) != "" {
			ut = append(ut, del{st, tekst})
		}
	}
	avsnitt := func(tekst string) {
		for _, a := range delAvsnitt(s.vanlig.rens(tekst)) {
			ut = append(ut, del{stil{"P", false, 10.5, 0, 2}, a})
		}
	}
	overskrift(1, 1, d.Tittel)
	nivaa := 1
	for _, b := range d.Innhold {
		switch b := b.(type) {
		case Overskrift:
			n := len(ut)
			til := min(max(b.Niva, 2), nivaa+1, 6)
			if overskrift(til, til, b.Tekst); len(ut) > n {
				nivaa = til
			}
		case Avsnitt:
			avsnitt(b.Tekst)
		case Sporsmal:
			overskrift(min(nivaa+1, 6), sporsmaal, b.Sporsmal)
			avsnitt(b.Svar)
		}
	}
	return ut
}

// delAvsnitt splits text at its empty lines.
func delAvsnitt(tekst string) (ut []string) {
	var linjer []string
	for linje := range strings.SplitSeq(tekst+"\n", "\n") {
		if strings.TrimSpace(linje) != "" {
			linjer = append(linjer, linje)
		} else if linjer != nil {
			ut, linjer = append(ut, strings.Join(linjer, "\n")), nil
		}
	}
	return ut
}

// sats is a Tagget in the making. A page goes out as soon as it is full; what stays in
// memory of it are numbers.
type sats struct {
	w           *writer
	sum         hash.Hash // of what is written: the id of the file
	ord         ord
	vanlig, fet *skrift
	topptekst   string

	dokument, rot, ressurser int // objects
	sider, bunner            []int
	elementer                []int // the children of the structure element dokument
	foreldre                 []int // for each page, the object that tells whose its marked content is

	side    bytes.Buffer // what the page shows
	merket  []int        // elements of its marked content
	topp, y float64      // where its text begins, and where it goes on
}

func newSats(w io.Writer, d Tagget) (*sats, error) {
	s := &sats{sum: sha256.New(), ord: d.Sprak.ord(), topp: marg, y: marg}
	var err error
	if s.vanlig, err = newSkrift("NotoSans-Regular", regular); err != nil {
		return nil, err
	}
	if s.fet, err = newSkrift("NotoSans-Bold", bold); err != nil {
		return nil, err
	}
	if enLinje(s.fet.rens(d.Tittel)) == "" {
		return nil, errTom
	}
	s.topptekst = enLinje(s.vanlig.rens(d.Topptekst))
	s.w = newWriter(io.MultiWriter(w, s.sum))
	s.w.header()
	s.dokument, s.rot, s.ressurser = s.w.number(), s.w.number(), s.w.number()
	return s, s.nySide()
}

func enLinje(s string) string { return strings.Join(strings.Fields(s), " ") }

// The names of the fonts on a page.
const vanligNavn, fetNavn = "F0", "F1"

func (s *sats) skrift(st stil) (*skrift, string) {
	if st.fet {
		return s.fet, fetNavn
	}
	return s.vanlig, vanligNavn
}

// linjer are the lines of a part.
func (s *sats) linjer(d del) iter.Seq[string] {
	f, _ := s.skrift(d.stil)
	return f.linjer(d.tekst, f.enheter(bredde, d.punkter))
}

// behov is the height that the first of some parts asks for where it begins: two lines of text, and
// for a heading all of it and what the next part asks for.
func (s *sats) behov(deler []del) (h float64) {
	for i, d := range deler {
		if i > 0 {
			h += d.foer
		}
		heading, n := d.merke != "P", 0
		for range s.linjer(d) {
			n++
			if h += d.steg(); h > nederst || n == 2 && !heading {
				return h
			}
		}
		if !heading {
			return h
		}
		h += d.etter
	}
	return h
}

// steg is the height of a line.
func (st stil) steg() float64 {
	if st.merke != "P" {
		return st.punkter * punkt * 1.25
	}
	return st.punkter * punkt * linjehoyde
}

// adresse sets the address in the window of an envelope, and has the text begin below it.
func (s *sats) adresse(linjer []string) error {
	const minst, mellomrom = 6.0, 4.8
	st := stil{merke: "P", punkter: 10.5}
	var alle []string
	for _, l := range linjer {
		if l = enLinje(s.vanlig.rens(l)); l != "" {
			alle = append(alle, l)
		}
	}
	if len(alle) == 0 {
		return nil
	}
	bryt := func() (ut []string) {
		for _, l := range alle {
			ut = slices.AppendSeq(ut, s.vanlig.linjer(l, s.vanlig.enheter(vinduBredde, st.punkter)))
		}
		return ut
	}
	s.y = vinduTopp + 4.5
	rom := vinduBunn - 2 - s.y
	satt := bryt()
	for len(satt) > len(alle) && st.punkter > 8 { // smaller, rather than two lines of one
		st.punkter -= 0.5
		satt = bryt()
	}
	steg := min(mellomrom, rom/float64(len(satt)))
	st.punkter = min(st.punkter, steg/punkt/1.1)
	if st.punkter < minst {
		return feil.Ny(feil.Ugyldig, "adressen er for lang for vinduet i en konvolutt. Forkort den, og send igjen")
	}
	for i := range satt[:len(satt)-1] {
		satt[i] += " " // for those who do not see that these are lines
	}
	if err := s.element(st, steg, slices.Values(satt)); err != nil {
		return err
	}
	s.topp = vinduBunn + 13
	s.y = s.topp
	return nil
}

// element sets lines as one element of the structure, over as many pages as it takes.
func (s *sats) element(st stil, steg float64, linjer iter.Seq[string]) error {
	nr := s.w.number()
	s.elementer = append(s.elementer, nr)
	var steder strings.Builder
	f, navn := s.skrift(st)
	aapen := false
	for linje := range linjer {
		if s.y+steg > nederst {
			if aapen {
				s.side.WriteString("ET\nEMC\n")
				aapen = false
			}
			if err := s.nySide(); err != nil {
				return err
			}
		}
		if !aapen {
			fmt.Fprintf(&steder, "<</Type/MCR/Pg %d 0 R/MCID %d>>", s.sider[len(s.sider)-1], len(s.merket))
			fmt.Fprintf(&s.side, "/%s <</MCID %d>> BDC\nBT\n", st.merke, len(s.merket))
			s.merket = append(s.merket, nr)
			aapen = true
		}
		f.sett(&s.side, navn, st.punkter, marg, s.y, steg, linje)
		s.y += steg
	}
	s.side.WriteString("ET\nEMC\n")
	s.w.dict(nr, "/Type/StructElem/S/%s/P %d 0 R/K[%s]", st.merke, s.dokument, steder.String())
	return nil
}

// nySide writes the page that is full, and begins one.
func (s *sats) nySide() error {
	if len(s.sider) == MaxSider {
		return feil.Ny(feil.Ugyldig, "teksten er for lang. Et dokument kan ha inntil %d sider", MaxSider)
	}
	s.skrivSide()
	if s.w.err != nil {
		return fmt.Errorf("write tagged PDF: %w", s.w.err)
	}
	s.sider = append(s.sider, s.w.number())
	s.bunner = append(s.bunner, s.w.number())
	s.topp, s.y = marg, marg
	return nil
}

func (s *sats) skrivSide() {
	n := len(s.sider)
	if n == 0 {
		return
	}
	innhold, foreldre := s.w.number(), s.w.number()
	s.w.deflated(innhold, "", s.side.Bytes())
	s.w.dict(s.sider[n-1], "/Type/Page/Parent %d 0 R/MediaBox[0 0 595.28 841.89]/Resources %d 0 R/Contents[%d 0 R %d 0 R]/StructParents %d/Tabs/S",
		treeNr, s.ressurser, innhold, s.bunner[n-1], n-1)
	s.w.begin(foreldre)
	fmt.Fprintf(s.w, "[%s]", refs(s.merket))
	s.w.end()
	s.foreldre = append(s.foreldre, foreldre)
	s.side.Reset()
	s.merket = s.merket[:0]
}

// slutt writes what is known when all text is set.
func (s *sats) slutt(d Tagget) error {
	s.skrivSide()
	w := s.w
	for i, nr := range s.bunner {
		s.hodeOgBunn(i)
		w.deflated(nr, "", s.side.Bytes())
		s.side.Reset()
	}
	vanlig, fet, metadata, info, farger, treet := w.number(), w.number(), w.number(), w.number(), w.number(), w.number()
	w.dict(s.ressurser, "/Font<</%s %d 0 R/%s %d 0 R>>", vanligNavn, vanlig, fetNavn, fet)
	if err := s.vanlig.skriv(w, vanlig); err != nil {
		return err
	}
	if err := s.fet.skriv(w, fet); err != nil {
		return err
	}
	w.dict(s.rot, "/Type/StructTreeRoot/K[%d 0 R]/ParentTree %d 0 R/ParentTreeNextKey %d", s.dokument, treet, len(s.sider))
	w.dict(s.dokument, "/Type/StructElem/S/Document/P %d 0 R/K[%s]", s.rot, refs(s.elementer))
	var nums strings.Builder
	for i, nr := range s.foreldre {
		fmt.Fprintf(&nums, "%d %d 0 R ", i, nr)
	}
	w.dict(treet, "/Nums[%s]", strings.TrimSpace(nums.String()))
	w.dict(treeNr, "/Type/Pages/Count %d/Kids[%s]", len(s.sider), refs(s.sider))
	w.deflated(farger, "/N 3", sRGB())
	tittel := kortTittel(enLinje(s.fet.rens(d.Tittel)))
	xmp := xmpPakke(tittel, s.ord.kode, d.Laget)
	w.begin(metadata)
	fmt.Fprintf(w, "<</Type/Metadata/Subtype/XML/Length %d>>stream\n%s\nendstream", len(xmp), xmp)
	w.end()
	laget := d.Laget.UTC().Format("D:20060102150405Z")
	w.dict(info, "/Title %s/Producer(%s)/CreationDate(%s)/ModDate(%s)", utf16Streng(tittel), produsent, laget, laget)
	w.dict(catalogNr, "/Type/Catalog/Pages %d 0 R/Lang(%s)/MarkInfo<</Marked true>>/StructTreeRoot %d 0 R/ViewerPreferences<</DisplayDocTitle true>>/Metadata %d 0 R"+
		"/OutputIntents[<</Type/OutputIntent/S/GTS_PDFA1/OutputConditionIdentifier(sRGB)/Info(sRGB)/DestOutputProfile %d 0 R>>]",
		treeNr, s.ord.kode, s.rot, metadata, farger)
	if w.err == nil {
		w.err = w.w.Flush() // to the sum
	}
	id := s.sum.Sum(nil)[:16]
	return w.finish(fmt.Sprintf("/Info %d 0 R/ID[<%x><%x>]", info, id, id))
}

// hodeOgBunn sets what stands on every page and is no part of the text.
func (s *sats) hodeOgBunn(i int) {
	const punkter, minst, steg = 8.0, 6.0, 4.0
	b := &s.side
	b.WriteString("0.27 g\n")
	if s.topptekst != "" {
		st := punkter
		for st > minst && s.vanlig.bredde(s.topptekst) > s.vanlig.enheter(bredde, st) {
			st -= 0.5
		}
		for linje := range s.vanlig.linjer(s.topptekst, s.vanlig.enheter(bredde, st)) {
			b.WriteString("/Artifact <</Type/Pagination/Subtype/Header/Attached[/Top]>> BDC\nBT\n")
			s.vanlig.sett(b, vanligNavn, st, marg, 11, steg, linje)
			b.WriteString("ET\nEMC\n")
			break
		}
	}
	side := fmt.Sprintf(s.ord.side, i+1, len(s.sider))
	x := arkBredde - marg - s.vanlig.mm(s.vanlig.bredde(side), punkter)
	b.WriteString("/Artifact <</Type/Pagination/Subtype/Footer/Attached[/Bottom]>> BDC\nBT\n")
	s.vanlig.sett(b, vanligNavn, punkter, x, arkHoyde-17, steg, side)
	b.WriteString("ET\nEMC\n")
}
