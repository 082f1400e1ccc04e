// Package organisasjon is Fiks Konfigurasjon's model: organisations, local and
// global integrasjoner with passwords, services taken into use, the tree of
// ressurser, and who holds which privilege on them.
package organisasjon

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/store"
)

// Types of ressurser (auth contract §10).
const (
	TypeRot                = "ROOT"
	TypeOrganisasjon       = "FIKS_ORGANISASJON"
	TypeDigisos            = "TJENESTE_DIGISOS"
	TypeDokumentlager      = "TJENESTE_DOKUMENTLAGER"
	TypeDokumentlagerKonto = "TJENESTE_DOKUMENTLAGER_KONTO"
	TypeFiksIO             = "TJENESTE_SVARINN"
	TypeFiksIOKonto        = "TJENESTE_SVARINN_KONTO"
	TypeAudit              = "TJENESTE_AUDIT"
	TypeInnsyn             = "TJENESTE_INNSYN"
	TypeSvarUt             = "TJENESTE_SVARUT"
	TypeSvarUtKonto        = "TJENESTE_SVARUT_KONTO" // a sender's account
	TypeBekymringsmelding  = "TJENESTE_BEKYMRINGSMELDING"
	TypeBydel              = "TJENESTE_BEKYMRINGSMELDING_BYDEL" // a receiving office
	TypeMottakersystem     = "TJENESTE_SVARINN_MOTTAKERSYSTEM"  // a receiver of SvarInn (1)
)

// RotID is the id of the root ressurs.
const RotID = "00000000-0000-0000-0000-000000000000"

// Organisasjon is a customer of the platform. Its ressurs has the same id.
type Organisasjon struct {
	ID            string // fiksOrgId, UUID
	Navn          string
	Type          string // KOMMUNE, LEVERANDOR, STATLIG_VIRKSOMHET, …
	Kommunenummer string // 4 digits or ""
	Orgnr         string // 9 digits or ""
	Epost         []string
	Opprettet     time.Time
}

// Integrasjon is a machine client.
type Integrasjon struct {
	ID                    string
	FiksOrgID             string // "" for a global one
	AutorisertOrgnr       string // whose Maskinporten token comes with it
	Navn                  string
	Beskrivelse           string
	Kode                  string // global only
	Global                bool
	ForespurtePrivilegier []string // global only
	Tags                  []string // services it is for, by code
	Opprettet             time.Time
	Slettet               time.Time // zero: alive
	Versjon               int64     // 1, and one more for each change and each new password
}

// Ressurs is a node of the tree on which privileges are held.
type Ressurs struct {
	ID, Forelder, Type, Navn string
}

// Tilgang is a grant: aktor holds privilegium on a ressurs and all below it.
type Tilgang struct {
	Aktor       string // an integrasjon's UUID, or a fødselsnummer: never log it
	Privilegium string
	Ressurs     string
}

// Logger is the audit log: grants, revocations and new passwords are written to
// it in the transaction that makes them.
type Logger interface {
	Logg(ctx context.Context, tx *store.Tx, h audit.Hendelse) error
}

// The kinds of organisations that can be made.
var organisasjonstyper = []string{
	"KOMMUNE", "FYLKESKOMMUNE", "KOMMUNAL_VIRKSOMHET", "KOMMUNAL_VIRKSOMHET_IKS",
	"STATLIG_VIRKSOMHET", "LEVERANDOR", "PRIVAT_VIRKSOMHET",
}

var (
	orgnrRE       = regexp.MustCompile(`^[0-9]{9}$`)
	kommuneRE     = regexp.MustCompile(`^[0-9]{4}$`)
	fnrRE         = regexp.MustCompile(`^[0-9]{11}$`)
	maskinnavnRE  = regexp.MustCompile(`^[0-9A-Z_.]{1,100}$`) // privileges, types and codes
	integrasjonRE = regexp.MustCompile(`^[A-Za-zæøåÆØÅ0-9_.,/\- ]{1,200}$`)
)

// Validate tells what is wrong (auth contract §9.3); feil.Ugyldig.
func (o Organisasjon) Validate() error {
	switch {
	case !erUUID(o.ID):
		return feil.Ny(feil.Ugyldig, "Organisasjonens id må være en UUID")
	case !GyldigNavn(o.Navn):
		return feil.Ny(feil.Ugyldig, "Organisasjonens navn må ha 2–200 tegn: bokstaver, tall, mellomrom inni og vanlige skilletegn")
	case !slices.Contains(organisasjonstyper, o.Type):
		return feil.Ny(feil.Ugyldig, "Ukjent organisasjonstype; bruk en av %s", strings.Join(organisasjonstyper, ", "))
	case o.Kommunenummer != "" && !kommuneRE.MatchString(o.Kommunenummer):
		return feil.Ny(feil.Ugyldig, "Kommunenummer må ha 4 sifre")
	case o.Orgnr != "" && !orgnrRE.MatchString(o.Orgnr):
		return feil.Ny(feil.Ugyldig, "Organisasjonsnummer må ha 9 sifre")
	}
	return nil
}

// maksListe bounds the lists of an integrasjon.
const maksListe = 100

// Validate tells what is wrong (auth contract §9.2); feil.Ugyldig.
func (i Integrasjon) Validate() error {
	ugyldigPrivilegium := func(p string) bool { return !maskinnavnRE.MatchString(p) }
	switch {
	case !erUUID(i.ID):
		return feil.Ny(feil.Ugyldig, "Integrasjonens id må være en UUID")
	case !orgnrRE.MatchString(i.AutorisertOrgnr):
		return feil.Ny(feil.Ugyldig, "autorisertOrgnr må ha 9 sifre")
	case !integrasjonRE.MatchString(i.Navn):
		return feil.Ny(feil.Ugyldig, "Integrasjonens navn må ha 1–200 tegn: bokstaver, tall, mellomrom og _ . , / -")
	case i.Global && (i.FiksOrgID != "" || !maskinnavnRE.MatchString(i.Kode)):
		return feil.Ny(feil.Ugyldig, "En global integrasjon har ingen organisasjon, og en kode av A–Z, 0–9, _ og punktum")
	case !i.Global && (!erUUID(i.FiksOrgID) || i.Kode != "" || len(i.ForespurtePrivilegier) > 0):
		return feil.Ny(feil.Ugyldig, "En lokal integrasjon har en organisasjon, og verken kode eller forespurte privilegier")
	case slices.ContainsFunc(i.ForespurtePrivilegier, ugyldigPrivilegium):
		return feil.Ny(feil.Ugyldig, "Et forespurt privilegium er ikke et gyldig navn")
	case len(i.ForespurtePrivilegier) > maksListe || len(i.Tags) > maksListe:
		return feil.Ny(feil.Ugyldig, "En integrasjon har høyst %d forespurte privilegier og %d tags", maksListe, maksListe)
	case slices.ContainsFunc(i.Tags, ugyldigPrivilegium):
		return feil.Ny(feil.Ugyldig, "En tag må være koden til en tjeneste: A–Z, 0–9, _ og punktum")
	case utf8.RuneCountInString(i.Beskrivelse) > 4000:
		return feil.Ny(feil.Ugyldig, "Beskrivelsen er for lang (høyst 4000 tegn)")
	}
	return nil
}

// Validate tells what is wrong; feil.Ugyldig.
func (r Ressurs) Validate() error {
	if !erUUID(r.ID) || !erUUID(r.Forelder) || !maskinnavnRE.MatchString(r.Type) || utf8.RuneCountInString(r.Navn) > 200 {
		return feil.Ny(feil.Ugyldig, "En ressurs trenger id og forelder (UUID), en type av A–Z, 0–9, _ og punktum, og et navn på høyst 200 tegn")
	}
	return nil
}

// erUUID tells whether s is a UUID in its canonical form.
func erUUID(s string) bool {
	u, err := uuid.Parse(s)
	return err == nil && u.String() == s
}

// GyldigNavn tells whether an organisation can be called s: 2–200 characters, of
// letters, digits, space within and common punctuation.
func GyldigNavn(s string) bool {
	n := utf8.RuneCountInString(s)
	return n >= 2 && n <= 200 && strings.TrimSpace(s) == s && !strings.ContainsFunc(s, func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune(" ,.!?-:;/\\'()&+*=%§", c)
	})
}
