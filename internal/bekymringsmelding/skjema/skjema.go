// Package skjema is the documents of Fiks Bekymringsmelding: what a report holds,
// the schemas that it must keep, the requests that it is made of, and the PDF that
// shows every answer with its question (contract §5, §11, §15).
package skjema

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
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

// Feltfeil is what is wrong with one member: where, and in words. Never what stands
// in it.
type Feltfeil struct {
	Felt string `json:"felt"`
	Feil string `json:"feil"`
}

// Ugyldig is a request or document that breaks its schema.
type Ugyldig struct{ Feil []Feltfeil }

func (u *Ugyldig) Error() string {
	var felt []string
	for _, f := range u.Feil {
		felt = append(felt, f.Felt)
	}
	return "the form is not valid in " + strings.Join(felt, ", ")
}

func ugyldig(felt, feil string) error { return &Ugyldig{[]Feltfeil{{felt, feil}}} }

// Adresse is where somebody lives, or what is known of that.
type Adresse struct {
	Adresselinje1 string `json:"adresselinje1"`
	Adresselinje2 string `json:"adresselinje2,omitempty"`
	Adresselinje3 string `json:"adresselinje3,omitempty"`
	Postnummer    string `json:"postnummer,omitempty"`
	Poststed      string `json:"poststed,omitempty"`
}

// Mottak is who receives the report, as both documents begin.
type Mottak struct {
	Kommunenummer string `json:"kommunenummer"`
	Kommunenavn   string `json:"kommunenavn"`
	Bydelsnummer  string `json:"bydelsnummer"`
	Bydelsnavn    string `json:"bydelsnavn"`
}

// PrivatMelder is a private person who reports.
type PrivatMelder struct {
	Personnavn    string   `json:"personnavn"`
	Telefonnummer string   `json:"telefonnummer,omitempty"`
	Adresse       *Adresse `json:"adresse,omitempty"`
}

// PrivatBarn is a child as a private person describes it.
type PrivatBarn struct {
	Personnavn  string  `json:"personnavn"`
	AntattAlder string  `json:"antattAlder,omitempty"`
	Adresse     Adresse `json:"adresse"`
	Relasjon    string  `json:"relasjon,omitempty"`
}

// Privat is the document of a private person (§11.1).
type Privat struct {
	Mottak
	PrivatMelder      PrivatMelder `json:"privatMelder"`
	PrivatBarn        []PrivatBarn `json:"privatBarn"`
	Melding           string       `json:"melding"`
	Sendingstidspunkt string       `json:"sendingstidspunkt"`
	Leveringskanal    string       `json:"leveringskanal"`
}

// Virksomhet is where a public employee works.
type Virksomhet struct {
	Orgnr   string  `json:"orgnr,omitempty"`
	Navn    string  `json:"navn"`
	Adresse Adresse `json:"adresse"`
}

// OffentligMelder is a public employee or professional who reports.
type OffentligMelder struct {
	Personnavn    string     `json:"personnavn"`
	Rolle         string     `json:"rolle"`
	Telefonnummer string     `json:"telefonnummer"`
	Epost         string     `json:"epost"`
	Virksomhet    Virksomhet `json:"virksomhet"`
}

// OffentligBarn is a child as such a person describes it. Fnr is a fødselsnummer, a
// date of birth, or words.
type OffentligBarn struct {
	Ufoedt         bool    `json:"ufoedt"`
	Fnr            string  `json:"fnr"`
	Personnavn     string  `json:"personnavn"`
	Telefonnummer  string  `json:"telefonnummer,omitempty"`
	Adresse        Adresse `json:"adresse"`
	Orientert      bool    `json:"orientert"`
	OrientertGrunn string  `json:"orientertGrunn,omitempty"`
}

// Foresatt is one of the child's guardians.
type Foresatt struct {
	Personnavn     string `json:"personnavn"`
	Telefonnummer  string `json:"telefonnummer,omitempty"`
	Orientert      bool   `json:"orientert"`
	OrientertGrunn string `json:"orientertGrunn,omitempty"`
}

// OffentligMelding is the concern. AndreSynspunkter is of V2 alone.
type OffentligMelding struct {
	Melding          string `json:"melding"`
	Historie         string `json:"historie"`
	AndreSynspunkter string `json:"andreSynspunkter,omitempty"`
}

// Offentlig is the document of a public employee (§11.2).
type Offentlig struct {
	Mottak
	OffentligMelder      OffentligMelder  `json:"offentligMelder"`
	OffentligBarn        []OffentligBarn  `json:"offentligBarn"`
	Foresatte            []Foresatt       `json:"foresatte"`
	BehovForTolk         string           `json:"behovForTolk,omitempty"`
	Melding              OffentligMelding `json:"melding"`
	AndreHjelpeinstanser string           `json:"andreHjelpeinstanser,omitempty"`
	Sendingstidspunkt    string           `json:"sendingstidspunkt"`
	Leveringskanal       string           `json:"leveringskanal"`
}

// PDFInfo is what the PDF has beside the document.
type PDFInfo struct {
	Referanse      string
	Sendt          time.Time
	Spraak         string   // "nb" or "nn"
	Mottaker       []string // the office's address, line by line
	Kommune, Bydel string
}

//go:embed dokumenter/*.json
var dokumenter embed.FS

var skjemaer = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	ut := map[string]*jsonschema.Schema{}
	for _, navn := range []string{"privat", "offentlig.v1", "offentlig.v2"} {
		b, err := dokumenter.ReadFile("dokumenter/" + navn + ".json")
		if err != nil {
			return nil, fmt.Errorf("skjema: %w", err)
		}
		d, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			return nil, fmt.Errorf("skjema: %s: %w", navn, err)
		}
		if err := c.AddResource(navn, d); err != nil {
			return nil, fmt.Errorf("skjema: %s: %w", navn, err)
		}
		if ut[navn], err = c.Compile(navn); err != nil {
			return nil, fmt.Errorf("skjema: %s: %w", navn, err)
		}
	}
	return ut, nil
})

// ValiderDokument tells whether a document keeps the schema of its version and type:
// *Ugyldig names the members that do not.
func ValiderDokument(v Versjon, t Type, dokument []byte) error {
	alle, err := skjemaer()
	if err != nil {
		return err
	}
	navn := "privat"
	if t == TypeOffentlig {
		navn = "offentlig." + strings.ToLower(string(v))
	}
	s := alle[navn]
	if s == nil {
		return fmt.Errorf("skjema: there is no document %s %s", t, v)
	}
	d, err := jsonschema.UnmarshalJSON(bytes.NewReader(dokument))
	if err != nil {
		return ugyldig("", "Dokumentet er ikke gyldig JSON")
	}
	err = s.Validate(d)
	if brudd, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		u := &Ugyldig{}
		samle(brudd, u)
		return u
	}
	return err
}

// samle gathers the members that break the schema, each once.
func samle(v *jsonschema.ValidationError, u *Ugyldig) {
	if len(v.Causes) == 0 {
		felt := strings.Join(v.InstanceLocation, ".")
		for _, f := range u.Feil {
			if f.Felt == felt {
				return
			}
		}
		u.Feil = append(u.Feil, Feltfeil{felt, "Feltet mangler noe som er påkrevd, eller har feil form"})
	}
	for _, c := range v.Causes {
		samle(c, u)
	}
}

// Dokument is the document as JSON, which keeps its schema: *Ugyldig when it would not.
func (p Privat) Dokument(v Versjon) ([]byte, error) { return dokument(v, TypePrivat, p) }

// Dokument is the document as JSON, which keeps the schema of its version: *Ugyldig when
// it would not. What V1 has no member for is added to the concern.
func (o Offentlig) Dokument(v Versjon) ([]byte, error) {
	if v == V1 && o.Melding.AndreSynspunkter != "" {
		o.Melding.Melding += "\n\nAndres synspunkter:\n" + o.Melding.AndreSynspunkter
		o.Melding.AndreSynspunkter = ""
	}
	return dokument(v, TypeOffentlig, o)
}

func dokument(v Versjon, t Type, d any) ([]byte, error) {
	var ut bytes.Buffer
	e := json.NewEncoder(&ut)
	e.SetEscapeHTML(false)
	if err := e.Encode(d); err != nil {
		return nil, fmt.Errorf("skjema: writing a document: %w", err)
	}
	b := bytes.TrimSpace(ut.Bytes())
	return b, ValiderDokument(v, t, b)
}

// maksForesporsel bounds a request, in bytes.
const maksForesporsel = 5 << 20

func lesJSON(r io.Reader, til any) error {
	b, err := io.ReadAll(io.LimitReader(r, maksForesporsel+1))
	if err != nil {
		return err
	}
	if len(b) > maksForesporsel {
		return ugyldig("", "Skjemaet er for stort")
	}
	if err := json.Unmarshal(b, til); err != nil {
		if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return ugyldig(t.Field, "Feltet har feil type")
		}
		return ugyldig("", "Skjemaet er ikke gyldig JSON")
	}
	return nil
}
