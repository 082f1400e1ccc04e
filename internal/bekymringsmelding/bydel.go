package bekymringsmelding

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/feil"
)

// Kanal is how a bydel gets its reports.
type Kanal string

// The channels (§1). KanalPrint is the letter that all fall back to, and the channel
// of a bydel that has no other.
const (
	KanalFiksIO  Kanal = "FIKS_IO"
	KanalSvarInn Kanal = "SVARINN"
	KanalManuell Kanal = "MANUELL_MOTTAK"
	KanalPrint   Kanal = "PRINT"
)

// The fagsystemer of a bydel (§6).
const (
	FagsystemManuell = "MANUELL_MOTTAK"
	FagsystemUkjent  = "UKJENT"
)

// fagsystemer are all, as the contract names them.
var fagsystemer = []string{FagsystemManuell, "VISMA_FAMILIA", "VISMA_FLYT_BARNEVERN", "NETCOMPANY_MODULUS_BARN", FagsystemUkjent}

// Bydel is a receiving office. Of a konto or integrasjon the id stays when the channel
// is changed: what was sent before is still fetched and answered with it.
type Bydel struct {
	RessursID        string // UUID: on which it is decided who may read its reports
	FiksOrgID        string
	Kommunenummer    string // 4 digits
	Bydelsnummer     string // 2 digits; "00" in a municipality without bydeler
	Navn             string
	StandardMottaker bool // gets what nobody knows the right bydel of
	Deaktivert       bool // receives nothing new
	StottetVersjon   skjema.Versjon
	Fagsystem        string
	Kanal            Kanal
	FiksIOKontoID    string      // FIKS_IO
	IntegrasjonID    string      // SVARINN: user name of HTTP Basic
	Orgnr            string      // SVARINN: of who runs the system; may be ""
	Sertifikat       []byte      // SVARINN: PEM of the receiver
	Adresse          Postadresse // of letters
	Kontakter        []string    // e-mail
	VarselEposter    []string    // MANUELL_MOTTAK: reminded of what waits
	Telefon          string
	Zip              bool  // SVARINN: the PDF in a ZIP
	Versjon          int64 // 1, and one more for each change
}

// Postadresse is where letters go.
type Postadresse struct {
	Navn          string `json:"navn"`
	Adresselinje1 string `json:"adresselinje1"`
	Adresselinje2 string `json:"adresselinje2,omitempty"`
	Adresselinje3 string `json:"adresselinje3,omitempty"`
	Postnummer    string `json:"postnummer"`
	Poststed      string `json:"poststed"`
}

// NyBydel is what a bydel is made of.
type NyBydel struct {
	RessursID          string // "": a new one
	Bydelsnummer, Navn string
	StandardMottaker   bool // the first of an organisation becomes it anyway
	Adresse            Postadresse
	Kontakter          []string
	Telefon            string
	Konto              Mottakskonto
}

// Mottakskonto is how a bydel is to get its reports.
type Mottakskonto struct {
	Kanal          Kanal
	Fagsystem      string
	StottetVersjon skjema.Versjon // "": as before, V1 for a new bydel
	// Sertifikat is the uploaded public key, for FIKS_IO and SVARINN: one X.509
	// certificate as PEM. nil: the one that is there.
	Sertifikat []byte
	Orgnr      string // SVARINN: "" for the organisation's own
	Zip        bool   // SVARINN
	// FiksIOKontoID and IntegrasjonID name one of the organisation's that is to be
	// used, or the id of a new one. "": the bydel's own, or a new one.
	FiksIOKontoID, IntegrasjonID string
	VarselEposter                []string
}

var (
	epostForm      = regexp.MustCompile(`^[A-Za-zæøåÆØÅ0-9_-]+([.+][A-Za-zæøåÆØÅ0-9_-]+)*@[A-Za-zæøåÆØÅ0-9-]+(\.[A-Za-zæøåÆØÅ0-9-]+)*(\.[A-Za-z]{2,})$`)
	postnummerForm = regexp.MustCompile(`^[0-9]{4}$`)
	orgnrForm      = regexp.MustCompile(`^[0-9]{9}$`)
	telefonForm    = regexp.MustCompile(`^[+]?[0-9]+([- ][0-9]+)*$`)
)

const (
	maksNavn   = 100 // characters
	maksEpost  = 254
	maksLinje  = 100
	maksListen = 100 // addresses
)

// enLinje tells whether a text can stand on one line, and is there when it must.
func enLinje(navn, verdi string, maks int, paakrevd bool) error {
	switch {
	case paakrevd && strings.TrimSpace(verdi) == "":
		return feil.Ny(feil.Ugyldig, "%s mangler", navn)
	case utf8.RuneCountInString(verdi) > maks:
		return feil.Ny(feil.Ugyldig, "%s er lengre enn %d tegn", navn, maks)
	case !utf8.ValidString(verdi) || strings.ContainsFunc(verdi, unicode.IsControl):
		return feil.Ny(feil.Ugyldig, "%s må stå på én linje, uten styretegn", navn)
	}
	return nil
}

// Validate tells what is wrong with a letter's address; feil.Ugyldig.
func (a Postadresse) Validate() error {
	for _, f := range []struct {
		navn, verdi string
		paakrevd    bool
	}{
		{"navn", a.Navn, true}, {"adresselinje1", a.Adresselinje1, true}, {"adresselinje2", a.Adresselinje2, false},
		{"adresselinje3", a.Adresselinje3, false}, {"poststed", a.Poststed, true},
	} {
		if err := enLinje("adresse."+f.navn, f.verdi, maksLinje, f.paakrevd); err != nil {
			return err
		}
	}
	if !postnummerForm.MatchString(a.Postnummer) {
		return feil.Ny(feil.Ugyldig, "adresse.postnummer må ha 4 siffer")
	}
	return nil
}

func sjekkEpost(navn string, adresser []string, minst int) error {
	if len(adresser) < minst || len(adresser) > maksListen {
		return feil.Ny(feil.Ugyldig, "%s må ha %d til %d e-postadresser", navn, minst, maksListen)
	}
	for _, a := range adresser {
		if !GyldigEpost(a) {
			return feil.Ny(feil.Ugyldig, "%s har en ugyldig e-postadresse", navn)
		}
	}
	return nil
}

// GyldigEpost tells whether a bydel can have an e-mail address.
func GyldigEpost(adresse string) bool {
	return len(adresse) <= maksEpost && epostForm.MatchString(adresse)
}

// Fagsystemer are those that an office's own system can be, as the contract names them (§6).
func Fagsystemer() []string { return slices.Clone(fagsystemer[1:]) }

// Validate tells what is wrong with a bydel, whatever its channel has; feil.Ugyldig.
func (b Bydel) Validate() error {
	if !bydelForm.MatchString(b.Bydelsnummer) {
		return feil.Ny(feil.Ugyldig, "bydelsnummer må ha 2 siffer")
	}
	if err := enLinje("bydelsnavn", b.Navn, maksNavn, true); err != nil {
		return err
	}
	if b.StottetVersjon != skjema.V1 && b.StottetVersjon != skjema.V2 {
		return feil.Ny(feil.Ugyldig, "stottetVersjon må være V1 eller V2")
	}
	if !slices.Contains(fagsystemer, b.Fagsystem) {
		return feil.Ny(feil.Ugyldig, "fagsystem må være en av %s", strings.Join(fagsystemer, ", "))
	}
	if b.Orgnr != "" && !orgnrForm.MatchString(b.Orgnr) {
		return feil.Ny(feil.Ugyldig, "orgnr må ha 9 siffer")
	}
	if b.Telefon != "" && (len(b.Telefon) > 30 || !telefonForm.MatchString(b.Telefon)) {
		return feil.Ny(feil.Ugyldig, "telefon må være et telefonnummer: siffer, gjerne med + først og mellomrom eller - imellom")
	}
	if err := b.Adresse.Validate(); err != nil {
		return err
	}
	if err := sjekkEpost("kontaktinformasjon", b.Kontakter, 1); err != nil {
		return err
	}
	minst := 0
	if b.Kanal == KanalManuell {
		minst = 1 // else nobody would hear of what waits
	}
	return sjekkEpost("varselEposter", b.VarselEposter, minst)
}

// Validate tells whether channel and fagsystem fit; feil.Ugyldig.
func (k Mottakskonto) Validate() error {
	switch {
	case !slices.Contains([]Kanal{KanalFiksIO, KanalSvarInn, KanalManuell, KanalPrint}, k.Kanal):
		return feil.Ny(feil.Ugyldig, "Kontoen må ha én av fiksioKonto, svarinnKonto og manuellMottakKonto")
	case !slices.Contains(fagsystemer, k.Fagsystem):
		return feil.Ny(feil.Ugyldig, "fagsystem må være en av %s", strings.Join(fagsystemer, ", "))
	case (k.Kanal == KanalManuell) != (k.Fagsystem == FagsystemManuell):
		return feil.Ny(feil.Ugyldig, "fagsystem %s og manuellMottakKonto hører sammen: den ene kan ikke brukes uten den andre", FagsystemManuell)
	case k.StottetVersjon != "" && k.StottetVersjon != skjema.V1 && k.StottetVersjon != skjema.V2:
		return feil.Ny(feil.Ugyldig, "stottetVersjon må være V1 eller V2")
	}
	return nil
}
