// Package dokumentlager stores documents encrypted, exposes them to those they
// are granted to, and forgets them when their time is over.
package dokumentlager

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"knutepunkt/internal/feil"
)

// MaxStorrelse is the largest document, in bytes (dokumentlager contract A1).
const MaxStorrelse = 5 << 30

// Konto owns documents; it is a ressurs of type TJENESTE_DOKUMENTLAGER_KONTO.
type Konto struct {
	ID, FiksOrgID, Navn string
	// Tjenestens: a service of the platform keeps its documents here; the room's
	// own API is closed to it, for administrators too.
	Tjenestens bool
	Slettet    time.Time
}

// Eksponering is one grant: who may download (dokumentlager contract A2).
type Eksponering struct {
	Type        string          `json:"type"`
	Fnr         string          `json:"fnr,omitempty"`            // PERSON
	Orgnr       string          `json:"orgnr,omitempty"`          // ORGANISASJON
	RessursType string          `json:"ressursType,omitempty"`    // ORGANISASJON, optional
	ID          string          `json:"id,omitempty"`             // INTEGRASJON
	Privilegium string          `json:"privilegium,omitempty"`    // AUTORISASJON
	Ressurs     string          `json:"ressurs,omitempty"`        // AUTORISASJON
	Matrikkel   json.RawMessage `json:"matrikkelenhet,omitempty"` // MATRIKKELENHET: stored as sent, never granted
}

// Metadata of a document. Dokumentnavn is stored sealed: a file name can name a person.
type Metadata struct {
	ID                 string // filled when ""
	KontoID            string
	Dokumentnavn       string
	Mimetype           string
	Sikkerhetsniva     int       // 3 or 4
	TilgjengeligTil    time.Time // zero: never expires
	Korrelasjonsid     string
	EksponertFor       []Eksponering
	IkkeLoggNedlasting bool
	Ukryptert          int64 // plaintext bytes; set when stored
	Kryptert           int64 // bytes as received when they came encrypted
	Opprettet          time.Time
	Slettet            time.Time // zero: alive
}

// Hendelse is something that happened to a document. Aktor is an integrasjon's
// id, or the word for a person: never who the person is.
type Hendelse struct {
	Tidspunkt      time.Time
	Melding, Aktor string
}

// Validate tells what is wrong with metadata that a caller sent; feil.Ugyldig.
func (m Metadata) Validate() error {
	switch {
	case m.Dokumentnavn == "" || len(m.Dokumentnavn) > 500 || !utf8.ValidString(m.Dokumentnavn):
		return feil.Ny(feil.Ugyldig, "dokumentnavn må ha 1 til 500 tegn")
	case m.Mimetype == "" || len(m.Mimetype) > 200:
		return feil.Ny(feil.Ugyldig, "mimetype mangler eller er for lang")
	case m.Sikkerhetsniva != 3 && m.Sikkerhetsniva != 4:
		return feil.Ny(feil.Ugyldig, "sikkerhetsniva må være 3 eller 4")
	}
	for i, e := range m.EksponertFor {
		if err := e.validate(); err != nil {
			return feil.Ny(feil.Ugyldig, "eksponertFor[%d]: %s", i, err)
		}
	}
	return nil
}

func (e Eksponering) validate() error {
	switch e.Type {
	case "PERSON":
		if !siffer(e.Fnr, 11) {
			return fmt.Errorf("fnr må ha 11 siffer")
		}
	case "ORGANISASJON":
		if !siffer(e.Orgnr, 9) {
			return fmt.Errorf("orgnr må ha 9 siffer")
		}
	case "INTEGRASJON":
		if e.ID == "" {
			return fmt.Errorf("id mangler")
		}
	case "AUTORISASJON":
		if e.Privilegium == "" || e.Ressurs == "" {
			return fmt.Errorf("privilegium og ressurs må være satt")
		}
	case "MATRIKKELENHET":
	default:
		return fmt.Errorf("ukjent type")
	}
	return nil
}

func siffer(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
