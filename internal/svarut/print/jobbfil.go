package print

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"knutepunkt/internal/levering"
)

// The sources that a job file names.
const (
	KildeDigisos           = "DIGISOS"
	KildeSvarUt            = "SVARUT"
	KildeBekymringsmelding = "BEKYMRINGSMELDING"
)

// digisosType is the forsendelseType of Digisos (SvarUt contract §6.1).
const digisosType = "nav.digisos"

// jobbKilde is what a letter is of, for the supplier's and the sender's accounts.
func jobbKilde(l levering.Levering, f levering.Forsendelse) string {
	switch {
	case strings.HasPrefix(l.Kilde, "bekymringsmelding"):
		return KildeBekymringsmelding
	case strings.HasPrefix(l.Kilde, "digisos"), f.Post.ForsendelseType == digisosType:
		return KildeDigisos
	}
	return KildeSvarUt
}

// jobbfil is the order to the supplier (SvarUt contract §7.1).
type jobbfil struct {
	Versjon        int        `json:"versjon"`
	JobbID         string     `json:"jobbId"`
	ForsendelseID  string     `json:"forsendelseId"`
	Kilde          string     `json:"kilde"`
	Opprettet      time.Time  `json:"opprettet"`
	Mottaker       Adresse    `json:"mottaker"`
	Returadresse   Adresse    `json:"returadresse"`
	Tosidig        bool       `json:"tosidig"`
	Farger         bool       `json:"farger"`
	GiroarkSider   []int      `json:"giroarkSider"` // in the merged numbering, from 1
	AntallSider    int        `json:"antallSider"`  // 0 when Ferdig
	Konteringskode *string    `json:"konteringskode"`
	SHA256         string     `json:"sha256"` // of the PDF in clear, hex; "" when not known
	Sertifikat     sertifikat `json:"sertifikat"`
	// Ferdig: its maker has encrypted the PDF. It has its address on the first page
	// and no cover, and how many pages it has is not known here.
	Ferdig bool `json:"ferdigKryptert,omitempty"`
}

// Adresse is an address as the supplier gets it; unset lines are "".
type Adresse struct {
	Navn          string `json:"navn"`
	Adresselinje1 string `json:"adresselinje1"`
	Adresselinje2 string `json:"adresselinje2"`
	Adresselinje3 string `json:"adresselinje3"`
	Postnummer    string `json:"postnummer"`
	Poststed      string `json:"poststed"`
	Landkode      string `json:"landkode"` // ISO 3166, two letters
}

// sertifikat tells which key of the supplier's the PDF is encrypted to.
type sertifikat struct {
	Issuer      string `json:"issuer"`      // RFC 2253
	Serienummer string `json:"serienummer"` // decimal
}

func tilAdresse(a levering.Adresse) Adresse {
	kode, _ := landkode(a.Land)
	return Adresse{Navn: strings.TrimSpace(a.Navn), Adresselinje1: strings.TrimSpace(a.Adresselinje1),
		Adresselinje2: strings.TrimSpace(a.Adresselinje2), Adresselinje3: strings.TrimSpace(a.Adresselinje3),
		Postnummer: strings.TrimSpace(a.Postnummer), Poststed: strings.TrimSpace(a.Poststed), Landkode: kode}
}

func (j jobbfil) encode() ([]byte, error) {
	j.Versjon = 1
	if j.GiroarkSider == nil {
		j.GiroarkSider = []int{}
	}
	b, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding job file %s: %w", j.JobbID, err)
	}
	return append(b, '\n'), nil
}
