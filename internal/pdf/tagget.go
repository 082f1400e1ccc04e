package pdf

import (
	"errors"
	"io"
	"time"
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
// feil.Ugyldig when it would have more than MaxSider pages.
func (d Tagget) Skriv(w io.Writer) error {
	return errors.New("pdf: not yet")
}
