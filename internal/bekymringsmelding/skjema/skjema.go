// Package skjema stands in until its own branch is merged: types and signatures as
// agreed, and as much behind them as the tests of the messages need.
package skjema

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Versjon is the version of a document.
type Versjon string

// Type is who wrote it.
type Type string

// The versions and types.
const (
	V1            Versjon = "V1"
	V2            Versjon = "V2"
	TypePrivat    Type    = "PRIVAT"
	TypeOffentlig Type    = "OFFENTLIG"
)

// Feltfeil is what is wrong with one member.
type Feltfeil struct {
	Felt string `json:"felt"`
	Feil string `json:"feil"`
}

// Ugyldig is a request or document that breaks its schema.
type Ugyldig struct{ Feil []Feltfeil }

func (u *Ugyldig) Error() string { return fmt.Sprintf("%d faults", len(u.Feil)) }

// PDFInfo is what the PDF has beside the document.
type PDFInfo struct {
	Referanse      string
	Sendt          time.Time
	Spraak         string
	Mottaker       []string
	Kommune, Bydel string
}

// Melder is who reports.
type Melder struct {
	Personnavn string `json:"personnavn"`
}

type felles struct {
	Kommunenummer     string `json:"kommunenummer"`
	Kommunenavn       string `json:"kommunenavn"`
	Bydelsnummer      string `json:"bydelsnummer"`
	Bydelsnavn        string `json:"bydelsnavn"`
	Sendingstidspunkt string `json:"sendingstidspunkt"`
	Leveringskanal    string `json:"leveringskanal"`
}

// Privat is the document of a private person.
type Privat struct {
	felles
	PrivatMelder Melder          `json:"privatMelder"`
	PrivatBarn   json.RawMessage `json:"privatBarn"`
	Melding      json.RawMessage `json:"melding"`
}

// Offentlig is the document of a public employee.
type Offentlig struct {
	felles
	OffentligMelder Melder          `json:"offentligMelder"`
	OffentligBarn   json.RawMessage `json:"offentligBarn"`
	Melding         json.RawMessage `json:"melding"`
}

func les(r io.Reader, barn, melding *json.RawMessage, f *felles) error {
	var inn struct {
		felles
		Barn    json.RawMessage `json:"barn"`
		Melding json.RawMessage `json:"melding"`
	}
	if err := json.NewDecoder(r).Decode(&inn); err != nil {
		return &Ugyldig{[]Feltfeil{{"", "ikke JSON"}}}
	}
	if len(inn.Melding) == 0 {
		return &Ugyldig{[]Feltfeil{{"melding", "mangler"}}}
	}
	*barn, *melding, *f = inn.Barn, inn.Melding, inn.felles
	return nil
}

// LesPrivat reads a request of the skjema API.
func LesPrivat(_ Versjon, r io.Reader) (p Privat, err error) {
	err = les(r, &p.PrivatBarn, &p.Melding, &p.felles)
	return p, err
}

// LesOffentlig reads a request of the skjema API.
func LesOffentlig(_ Versjon, r io.Reader) (o Offentlig, err error) {
	err = les(r, &o.OffentligBarn, &o.Melding, &o.felles)
	return o, err
}

// Dokument is the document as JSON.
func (p Privat) Dokument(Versjon) ([]byte, error) { return dokument(p, p.PrivatMelder) }

// Dokument is the document as JSON.
func (o Offentlig) Dokument(Versjon) ([]byte, error) { return dokument(o, o.OffentligMelder) }

func dokument(d any, m Melder) ([]byte, error) {
	if m.Personnavn == "" {
		return nil, errors.New("no name")
	}
	return json.Marshal(d)
}

// PDF writes the document for people.
func (p Privat) PDF(w io.Writer, o PDFInfo) error { return pdf(w, p.PrivatMelder, p.Melding, o) }

// PDF writes the document for people.
func (o Offentlig) PDF(w io.Writer, i PDFInfo) error { return pdf(w, o.OffentligMelder, o.Melding, i) }

func pdf(w io.Writer, m Melder, melding json.RawMessage, o PDFInfo) error {
	_, err := fmt.Fprintf(w, "%%PDF-1.7 %s %s %s", o.Referanse, m.Personnavn, melding)
	return err
}
