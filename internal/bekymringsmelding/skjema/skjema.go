// Package skjema is the documents of Fiks Bekymringsmelding: what a report holds,
// the schemas that it must keep, the requests that it is made of, and the PDF that
// shows every answer with its question (contract §5, §11, §15).
package skjema

import "time"

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
	Referanse string
	Sendt     time.Time
	Spraak    string   // "nb" or "nn"
	Mottaker  []string // the office's address, line by line
}
