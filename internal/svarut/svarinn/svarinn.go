// Package svarinn is SvarInn, the receiving half of SvarUt: mottakersystemer and
// their configuration, the queue from which they fetch, and the channel SVARINN
// of the delivery engine (SvarUt contract §1, §2).
package svarinn

import (
	"context"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"knutepunkt/internal/feil"
)

// Mottakersystem is a receiver (SvarUt contract §2). It is a ressurs of type
// organisasjon.TypeMottakersystem under its organisation, and its id is its user name.
type Mottakersystem struct {
	ID, FiksOrgID string
	Navn          string // unique
	HarPassord    bool
	// PassordVersjon is another one for each password; "" when there is none.
	PassordVersjon string
	Sertifikat     *Sertifikat // nil: none is uploaded
	Opprettet      time.Time
}

// Sertifikat is what is shown of the certificate that everything is encrypted to.
type Sertifikat struct {
	Subject     string
	Serienummer string // decimal
	Utloper     time.Time
	// Fingeravtrykk is the SHA-256 of the certificate: «4A:91:0C:…».
	Fingeravtrykk string
}

// Person may see what comes in, and configure the mottakersystem.
type Person struct {
	Fnr, Navn string // never log them
}

// Rad is one row of the tab Organisasjoner: what is routed to a mottakersystem.
type Rad struct {
	Orgnr           string
	ForsendelseType string // "": all
	Niva            int    // 3 or 4; 0: all
}

// Ruting is a row with the mottakersystem that it leads to.
type Ruting struct {
	Rad
	ID, Navn string // of the mottakersystem
}

// PostArkiv is the role that a person needs for an organisation to route its
// mail, and to read it.
const PostArkiv = "post/arkiv"

// Rollekilde knows which roles a person has for an organisation: Altinn, or
// Rolletabell. It may call another service, so it is never asked within a transaction.
type Rollekilde interface {
	HarRolle(ctx context.Context, fnr, orgnr, rolle string) (bool, error)
}

// tilstand is where a forsendelse stands in SvarInn.
type tilstand string

const (
	klar    tilstand = "KLAR"    // waits to be fetched and acknowledged
	lest    tilstand = "LEST"    // acknowledged
	feilet  tilstand = "FEILET"  // the receiver can never take it
	trukket tilstand = "TRUKKET" // taken back: another channel has it, or it was closed
)

// Forsendelsestyper are the types that can be routed by, unless Config has others
// (SvarUt contract §2.6).
func Forsendelsestyper() []string {
	return []string{"nav.digisos", "ks.byggesøknad", "Geointegrasjon.Matrikkelføring", "Geointegrasjon.Matrikkelføringsrespons"}
}

const (
	maksVarsles = 50  // addresses of one mottakersystem
	maksAdresse = 254 // characters (RFC 5321 §4.5.3.1.3)
	maksRader   = 500 // added in one go
)

var (
	orgnrRE = regexp.MustCompile(`^[0-9]{9}$`)
	fnrRE   = regexp.MustCompile(`^[0-9]{11}$`)
)

// Adresser reads e-mail addresses separated by semicolons, as they are written
// on the tab Administrasjon; feil.Ugyldig says which one is wrong. Empty places
// and repetitions are left out.
func Adresser(tekst string) ([]string, error) {
	var ut []string
	nr := 0
	for del := range strings.SplitSeq(tekst, ";") {
		del = strings.TrimSpace(del)
		if del == "" {
			continue
		}
		nr++
		a, err := mail.ParseAddress(del)
		if err != nil || a.Address != del || len(del) > maksAdresse || strings.ContainsFunc(del, func(c rune) bool { return c <= ' ' || c > '~' }) ||
			strings.ContainsAny(del, `"<>,`) {
			return nil, feil.Ny(feil.Ugyldig, "E-postadresse nummer %d er ikke gyldig. Skriv adressene som navn@eksempel.no, med semikolon mellom", nr)
		}
		if !slices.ContainsFunc(ut, func(s string) bool { return strings.EqualFold(s, del) }) {
			ut = append(ut, del)
		}
	}
	switch {
	case len(ut) == 0:
		return nil, feil.Ny(feil.Ugyldig, "Oppgi minst én e-postadresse for varsling")
	case len(ut) > maksVarsles:
		return nil, feil.Ny(feil.Ugyldig, "Det er for mange e-postadresser (høyst %d)", maksVarsles)
	}
	return ut, nil
}

// Validate tells what is wrong; feil.Ugyldig.
func (p Person) Validate() error {
	switch {
	case !fnrRE.MatchString(p.Fnr):
		return feil.Ny(feil.Ugyldig, "Fødselsnummer må ha 11 sifre")
	case !gyldigNavn(p.Navn):
		return feil.Ny(feil.Ugyldig, "Personens navn må ha 1–200 tegn")
	}
	return nil
}

func (r Rad) validate(typer []string) error {
	switch {
	case !orgnrRE.MatchString(r.Orgnr):
		return feil.Ny(feil.Ugyldig, "Organisasjonsnummer må ha 9 sifre")
	case r.ForsendelseType != "" && !slices.Contains(typer, r.ForsendelseType):
		return feil.Ny(feil.Ugyldig, "Det kan ikke rutes på denne forsendelsestypen; bruk en av %s, eller alle", strings.Join(typer, ", "))
	case r.Niva != 0 && r.Niva != 3 && r.Niva != 4:
		return feil.Ny(feil.Ugyldig, "Nivå må være 3, 4 eller alle")
	}
	return nil
}

func gyldigNavn(s string) bool {
	n := utf8.RuneCountInString(s)
	return n > 0 && n <= 200 && utf8.ValidString(s) && strings.TrimSpace(s) == s && !strings.ContainsFunc(s, unicode.IsControl)
}

func erUUID(s string) bool {
	u, err := uuid.Parse(s)
	return err == nil && u.String() == s
}
