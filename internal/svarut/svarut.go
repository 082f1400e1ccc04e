// Package svarut is SvarUt: it takes a forsendelse (metadata and files) from a
// sender and delivers it to an organisation or a person over the best channel,
// which the rooms below it are: SvarInn, Altinn, print.
//
// What was accepted with 200 is stored with its files, its history, its levering
// and its audit event in one transaction. Names, titles, file names and texts
// are sealed. Section numbers in comments are those of the SvarUt contract.
package svarut

import (
	"context"
	"io"
	"time"

	"knutepunkt/internal/levering"
)

// Kilde is this room's name as a source of the delivery engine. The id of a
// levering there is that of the forsendelse.
const Kilde = "svarut"

// Status is where a forsendelse is, by the wire's names (§4).
type Status string

// The statuses that this installation can give. The wire knows more.
const (
	Mottatt         Status = "MOTTATT"
	Akseptert       Status = "AKSEPTERT"
	KlarForMottak   Status = "KLAR_FOR_MOTTAK"
	Varslet         Status = "VARSLET"
	Lest            Status = "LEST"
	SendtDigitalt   Status = "SENDT_DIGITALT"
	SendtPrint      Status = "SENDT_PRINT"
	Printet         Status = "PRINTET"
	IkkeLevert      Status = "IKKE_LEVERT"
	ManueltHandtert Status = "MANUELT_HANDTERT"
	Slettet         Status = "SLETTET" // REST v3 alone; the others see the status before
)

// Endelig tells whether nothing more will be done (§4), though it may still be read.
func (s Status) Endelig() bool {
	switch s {
	case Lest, Printet, SendtDigitalt, IkkeLevert, ManueltHandtert, Slettet:
		return true
	case Mottatt, Akseptert, KlarForMottak, Varslet, SendtPrint:
	}
	return false
}

// Innhold is what a sender sends, as all versions of the API have it. It is
// stored sealed.
type Innhold struct {
	Post       levering.Post // its Mottatt and Kontakter are filled on the way out
	EksternRef string
	Aktor      string // avgivendeSystemAktor
	Dokumenter []Dokument
}

// Dokument is one file.
type Dokument struct {
	Filnavn, Mimetype string
	DokumentType      string
	UtenUtskrift      bool
	GiroarkSider      []int
	Ekstrametadata    []levering.Nokkelverdi
	Sensitiv          bool

	// Set when it is received; size and checksums are of the plaintext.
	ID        string // in dokumentlager
	Storrelse int64
	SHA256    string
	CRC32     uint32
}

// Ny is a forsendelse to take in.
type Ny struct {
	ID string // UUID of the sender's choice (REST v1); "" for one of ours
	Innhold
	Kryptert         bool // each file is CMS to the platform's dokumentlager key
	Signeres         int  // how many of the documents shall be signed
	ViaEdialog       bool // the receiver shall be able to answer there
	KrevReturadresse bool // svarSendesTil must have a full postal address
}

// Forsendelse is one that was taken in.
type Forsendelse struct {
	ID, KontoID string
	Status      Status
	Endret      time.Time // when it got its status
	Niva        int       // 3 or 4
	Mottatt     time.Time
	FilerBorte  bool      // the sender had the files deleted, or their time was over
	Slettet     time.Time // when files and metadata went; zero: they are there
	Innhold
}

// Hendelse is one line of a forsendelse's history.
type Hendelse struct {
	Tidspunkt time.Time
	Tekst     string
}

// Fil is a document that can be read anywhere, as a reader of PDF must.
type Fil interface {
	io.ReaderAt
	Size() int64
}

// Mottakersystem is a receiver of SvarInn as senders may look it up (§3.1).
type Mottakersystem struct {
	ID, Navn, Orgnr string
	ForsendelseType string // "" for all
	Niva            int    // 0 for all
}

// Config are the room's settings; zero values give the defaults in the comments.
type Config struct {
	// PlattformOrgID owns the dokumentlager konto of all files, and the konto
	// that the platform's own services send from. Required.
	PlattformOrgID string
	BaseURL        string // external base URL, no slash at the end: of download links
	// SvarInnGrense is how long a forsendelse waits in SvarInn before it goes on
	// to Altinn; 0: without end (§5).
	SvarInnGrense time.Duration
	SvarInnFrist  time.Duration // between two looks at one that waits: 8 h
	Lesefrist     time.Duration // in Altinn, hours of working days: 40 h
	PrintFrist    time.Duration // between two looks at a print job: 7 days
	Levetid       int           // months that files are kept after the end: 3
	// MaksForesporsel bounds one request, bytes: 20 GiB.
	MaksForesporsel int64
	// Forsendelsestyper are those that route in SvarInn (§2.6).
	Forsendelsestyper []string
}

func (c Config) medStandard() Config {
	std := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	std(&c.SvarInnFrist, 8*time.Hour)
	std(&c.Lesefrist, 40*time.Hour)
	std(&c.PrintFrist, 7*24*time.Hour)
	if c.Levetid == 0 {
		c.Levetid = 3
	}
	if c.MaksForesporsel == 0 {
		c.MaksForesporsel = 20 << 30
	}
	if c.Forsendelsestyper == nil {
		c.Forsendelsestyper = []string{"nav.digisos", "ks.byggesøknad", "Geointegrasjon.Matrikkelføring", "Geointegrasjon.Matrikkelføringsrespons"}
	}
	return c
}

// plan is how a letter is delivered (§5).
func (c Config) plan(p levering.Post) []levering.Steg {
	if p.BareSvarInn > 0 {
		return []levering.Steg{{Kanal: levering.KanalSvarInn, Frist: p.BareSvarInn, UtenGaranti: true}}
	}
	svarInn := levering.Steg{Kanal: levering.KanalSvarInn, Frist: c.SvarInnFrist, Ubegrenset: true, Utholdende: true, GodtaSen: true}
	if c.SvarInnGrense > 0 {
		svarInn.Frist, svarInn.Ubegrenset = c.SvarInnGrense, false
	}
	altinn := levering.Steg{Kanal: levering.KanalAltinn, Frist: c.Lesefrist, Virketid: true, Utholdende: true, GodtaSen: true}
	print := levering.Steg{Kanal: levering.KanalPrint, Frist: c.PrintFrist, Ubegrenset: true, Utholdende: true}
	var plan []levering.Steg
	if p.Mottaker.Orgnr != "" {
		plan = append(plan, svarInn)
	}
	if p.Mottaker.Orgnr != "" || p.Mottaker.Fnr != "" {
		plan = append(plan, altinn)
	}
	if p.KunDigital {
		plan[len(plan)-1].UtenGaranti = true
		return plan
	}
	return append(plan, print)
}

// Oppslag finds the mottakersystemer of an organisation; empty arguments and
// niva 0 ask for all.
type Oppslag func(ctx context.Context, orgnr, forsendelseType string, niva int) ([]Mottakersystem, error)
