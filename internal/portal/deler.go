package portal

import (
	"strconv"
	"time"
)

// The data of the partials in _deler.html.

// Tabell is a table that scrolls within itself on a narrow screen.
type Tabell struct {
	Merke    string // its name; another one than the heading above it
	Kolonner []string
	Rader    [][]Celle // the first cell of a row is its heading
}

// Celle is text, a link, a word in a colour, or code.
type Celle struct {
	Tekst, URL, Farge string
	Kode              bool
}

// Tall is a number.
func Tall(n int64) Celle { return Celle{Tekst: strconv.FormatInt(n, 10)} }

// Melding is a box with a message; Status reads it out when the page has loaded.
type Melding struct {
	Farge, Tittel, Tekst string
	Status               bool
}

// Stegliste shows where in a wizard the page is.
type Stegliste struct {
	Merke string
	Nr    int // of this step, from 1
	Steg  []Stegpunkt
}

// Stegpunkt is a step in the list; it has a URL when it can be gone back to.
type Stegpunkt struct {
	Tekst, URL  string
	Ferdig, Her bool
}

// Faner are pages of one thing; each has an address of its own.
type Faner struct {
	Merke string
	Faner []Fane
}

// Fane is one of them.
type Fane struct {
	Tekst, URL string
	Valgt      bool
}

// Kvittering says that something is done, and what comes next.
type Kvittering struct {
	Tittel, Tekst string
	Videre        []Lenke
}

// Hendelse is an entry of a timeline.
type Hendelse struct {
	Tekst string
	Tid   time.Time
	Naa   bool
}

// Gruppe is the answers of a step, as the review and the overview show them.
type Gruppe struct {
	Tittel, URL, Endre string
	Svar               []Svar
}

// Svar is one answer; Mangler when there is none that holds.
type Svar struct {
	Navn, Verdi string
	Mangler     bool
}
