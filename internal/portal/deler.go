package portal

import "strconv"

// The data of the partials in _deler.html.

// tabell is a table that scrolls within itself on a narrow screen.
type tabell struct {
	Merke    string // its name; another one than the heading above it
	Kolonner []string
	Rader    [][]celle // the first cell of a row is its heading
}

// celle is text, a link, a word in a colour, or code.
type celle struct {
	Tekst, URL, Farge string
	Kode              bool
}

func tall(n int64) celle { return celle{Tekst: strconv.FormatInt(n, 10)} }

// melding is a box with a message; Status reads it out when the page has loaded.
type melding struct {
	Farge, Tittel, Tekst string
	Status               bool
}

// stegliste shows where in a wizard the page is.
type stegliste struct {
	Merke string
	Nr    int // of this step, from 1
	Steg  []stegpunkt
}

type stegpunkt struct {
	Tekst, URL  string
	Ferdig, Her bool
}

// faner are pages of one thing; each has an address of its own.
type faner struct {
	Merke string
	Faner []fane
}

type fane struct {
	Tekst, URL string
	Valgt      bool
}

// kvittering says that something is done, and what comes next.
type kvittering struct {
	Tittel, Tekst string
	Videre        []lenke
}
