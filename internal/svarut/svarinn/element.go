package svarinn

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"knutepunkt/internal/levering"
)

// element is a forsendelse as the list shows it, but for downloadUrl (SvarUt
// contract §1.2): members in the order of the contract, unset strings null,
// unset numbers 0, empty lists [], and address lines "" when they are blank.
type element struct {
	Avsender          avsender     `json:"avsender"`
	Mottaker          adresse      `json:"mottaker"`
	ID                string       `json:"id"`
	Tittel            *string      `json:"tittel"`
	Date              int64        `json:"date"` // ms since the epoch
	Metadata          metadata     `json:"metadataFraAvleverendeSystem"`
	Import            importdata   `json:"metadataForImport"`
	Status            string       `json:"status"` // words, not a code
	Niva              string       `json:"niva"`
	Filmetadata       []filelement `json:"filmetadata"`
	SvarSendesTil     adresse      `json:"svarSendesTil"` // never null: clients look inside
	SvarPaForsendelse *string      `json:"svarPaForsendelse"`
	ForsendelseType   *string      `json:"forsendelseType"`
	EksternRef        *string      `json:"eksternRef"`
	Lenker            []lenke      `json:"lenker"`
}

type avsender struct {
	Adresselinje1 string  `json:"adresselinje1"`
	Adresselinje2 string  `json:"adresselinje2"`
	Adresselinje3 string  `json:"adresselinje3"`
	Navn          *string `json:"navn"`
	Poststed      *string `json:"poststed"`
	Postnr        *string `json:"postnr"`
}

type adresse struct {
	Adresse1 string  `json:"adresse1"`
	Adresse2 string  `json:"adresse2"`
	Adresse3 string  `json:"adresse3"`
	Postnr   *string `json:"postnr"`
	Poststed *string `json:"poststed"`
	Navn     *string `json:"navn"`
	Land     *string `json:"land"`
	Orgnr    *string `json:"orgnr"`
	Fnr      *string `json:"fnr"`
}

type metadata struct {
	Sakssekvensnummer    int                    `json:"sakssekvensnummer"`
	Saksaar              int                    `json:"saksaar"`
	Journalaar           int                    `json:"journalaar"`
	Journalsekvensnummer int                    `json:"journalsekvensnummer"`
	Journalpostnummer    int                    `json:"journalpostnummer"`
	Journalposttype      *string                `json:"journalposttype"`
	Journalstatus        *string                `json:"journalstatus"`
	Journaldato          *int64                 `json:"journaldato"`     // ms
	DokumentetsDato      *int64                 `json:"dokumentetsDato"` // ms
	Tittel               *string                `json:"tittel"`
	SaksBehandler        *string                `json:"saksBehandler"` // with a capital B
	EkstraMetadata       []levering.Nokkelverdi `json:"ekstraMetadata"`
}

type importdata struct {
	Sakssekvensnummer int     `json:"sakssekvensnummer"`
	Saksaar           int     `json:"saksaar"`
	Journalposttype   *string `json:"journalposttype"`
	Journalstatus     *string `json:"journalstatus"`
	DokumentetsDato   *int64  `json:"dokumentetsDato"` // ms
	Tittel            *string `json:"tittel"`
}

type filelement struct {
	Filnavn      string  `json:"filnavn"`  // unique
	Mimetype     string  `json:"mimetype"` // never null
	SHA256       *string `json:"sha256hash"`
	DokumentType *string `json:"dokumentType"`
	Size         int64   `json:"size"` // bytes
}

type lenke struct {
	Ledetekst *string `json:"ledetekst"`
	URL       string  `json:"urlLenke"`
	Tekst     string  `json:"urlTekst"`
}

// byggElement makes the list's element of a forsendelse, as JSON.
func byggElement(id string, f levering.Forsendelse) ([]byte, error) {
	p := f.Post
	svar := p.Avsender
	if p.SvarSendesTil != nil {
		svar = *p.SvarSendesTil
	}
	n, i := p.Noark, p.NoarkImport
	e := element{
		Avsender: avsender{p.Avsender.Adresselinje1, p.Avsender.Adresselinje2, p.Avsender.Adresselinje3,
			tekst(p.Avsender.Navn), tekst(p.Avsender.Poststed), tekst(p.Avsender.Postnummer)},
		Mottaker: adresseAv(p.Mottaker), ID: id, Tittel: tekst(p.Tittel), Date: p.Mottatt.UnixMilli(),
		Metadata: metadata{n.Sakssekvensnummer, n.Saksaar, n.Journalaar, n.Journalsekvensnummer, n.Journalpostnummer,
			tekst(n.Journalposttype), tekst(n.Journalstatus), millis(n.Journaldato), millis(n.DokumentetsDato),
			tekst(n.Tittel), tekst(n.Saksbehandler), append([]levering.Nokkelverdi{}, n.EkstraMetadata...)},
		Import: importdata{i.Sakssekvensnummer, i.Saksaar, tekst(i.Journalposttype), tekst(i.Journalstatus),
			millis(i.DokumentetsDato), tekst(i.Tittel)},
		Status: "Klar for mottak", Niva: strconv.Itoa(p.Niva), Filmetadata: []filelement{}, SvarSendesTil: adresseAv(svar),
		SvarPaForsendelse: tekst(p.SvarPa), ForsendelseType: tekst(p.ForsendelseType), EksternRef: tekst(f.EksternRef),
		Lenker: []lenke{},
	}
	navn := filnavn(f.Filer)
	for i, fil := range f.Filer {
		mimetype := fil.Mimetype
		if mimetype == "" {
			mimetype = "application/octet-stream"
		}
		e.Filmetadata = append(e.Filmetadata, filelement{navn[i], mimetype, tekst(fil.SHA256), tekst(fil.DokumentType), fil.Storrelse})
	}
	for _, l := range p.Lenker {
		e.Lenker = append(e.Lenker, lenke{tekst(l.Ledetekst), l.URL, l.Tekst})
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("encoding forsendelse %s: %w", id, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// medURL adds downloadUrl, the last member, to an element.
func medURL(element []byte, url string) []byte {
	return append(bytes.TrimSuffix(element, []byte("}")), `,"downloadUrl":"`+url+`"}`...)
}

func adresseAv(a levering.Adresse) adresse {
	return adresse{a.Adresselinje1, a.Adresselinje2, a.Adresselinje3, tekst(a.Postnummer), tekst(a.Poststed), tekst(a.Navn),
		tekst(a.Land), tekst(a.Orgnr), tekst(a.Fnr)}
}

func tekst(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func millis(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}

// filnavn are the names of the files in the list and in the zip: flat, and each
// there once, whatever the case. Names that SvarUt has accepted are so already.
func filnavn(filer []levering.Fil) []string {
	ut := make([]string, len(filer))
	brukt := map[string]bool{}
	for i, f := range filer {
		navn := strings.Map(func(c rune) rune {
			if c < ' ' || c == 0x7f || strings.ContainsRune(`/\`, c) {
				return '_'
			}
			return c
		}, strings.ToValidUTF8(f.Navn, "_"))
		if navn == "" || navn == "." || navn == ".." {
			navn = "fil-" + strconv.Itoa(i+1)
		}
		ext := path.Ext(navn)
		for n, stamme := 2, strings.TrimSuffix(navn, ext); brukt[strings.ToLower(navn)]; n++ {
			navn = fmt.Sprintf("%s (%d)%s", stamme, n, ext)
		}
		brukt[strings.ToLower(navn)] = true
		ut[i] = navn
	}
	return ut
}
