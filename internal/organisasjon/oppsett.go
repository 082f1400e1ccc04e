package organisasjon

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

// Oppsett is what an organisation says of itself in the first-time set-up
// (seed 002; ui §3.1): its name, who pays, and whom to talk to.
type Oppsett struct {
	Navn      string // shown wherever the organisation is; Organisasjon.Navn
	Orgnr     string // shown; only the platform's operator changes it
	Faktura   Faktura
	Fag       Kontakt // fagansvarlig
	Teknisk   Kontakt // told when certificates and passwords expire
	Bekreftet time.Time
	Versjon   int64 // 1, and one more for each change; 0: nothing is stored yet
}

// Faktura is how the organisation is invoiced: by EHF to an endpoint, or by post.
// The names are those of the contract (auth contract §9.3).
type Faktura struct {
	EHF           bool   `json:"ehf"`
	EndepunktID   string `json:"endepunktId,omitempty"` // with EHF: org.nr of the receiver, 9 digits
	Referanse     string `json:"referanse"`             // the receiver's own, which it asks of each invoice
	Adresselinje1 string `json:"adresselinje1,omitempty"`
	Adresselinje2 string `json:"adresselinje2,omitempty"`
	Postnummer    string `json:"postnummer,omitempty"`
	Poststed      string `json:"poststed,omitempty"`
}

// Kontakt is whom to talk to.
type Kontakt struct {
	Navn    string   `json:"navn,omitempty"`
	Epost   []string `json:"epost"`
	Telefon string   `json:"telefon,omitempty"`
}

type oppsettsinnhold struct {
	Faktura Faktura `json:"faktura"`
	Fag     Kontakt `json:"fag"`
	Teknisk Kontakt `json:"teknisk"`
}

// bekreftesEtter is how many months a confirmation holds.
const bekreftesEtter = 6

// BorBekreftes tells whether it is time to ask «Stemmer dette fortsatt?»: six
// months after somebody last said so, from the beginning of that day in Oslo.
func (o Oppsett) BorBekreftes(naa time.Time) bool {
	b := klokke.Oslo(o.Bekreftet)
	return o.Versjon > 0 && !naa.Before(time.Date(b.Year(), b.Month()+bekreftesEtter, b.Day(), 0, 0, 0, 0, klokke.Sone()))
}

// maksAdresser is how many addresses a contact has at most.
const maksAdresser = 20

// Validate tells what is wrong first, naming the field as pages do; feil.Ugyldig.
func (o Oppsett) Validate() error {
	if !GyldigNavn(o.Navn) {
		return feil.Ny(feil.Ugyldig, "Organisasjonens navn må ha 2–200 tegn: bokstaver, tall, mellomrom inni og vanlige skilletegn")
	}
	if err := o.Faktura.Validate(); err != nil {
		return err
	}
	if err := o.Fag.validate("Fagansvarlig"); err != nil {
		return err
	}
	return o.Teknisk.validate("Teknisk ansvarlig")
}

// Validate tells what is wrong; feil.Ugyldig.
func (f Faktura) Validate() error {
	for _, felt := range []struct {
		navn, verdi string
		maks        int
	}{
		{"Fakturareferansen", f.Referanse, 100}, {"Adresselinje 1", f.Adresselinje1, 254},
		{"Adresselinje 2", f.Adresselinje2, 254}, {"Poststedet", f.Poststed, 100},
	} {
		if err := linje(felt.navn, felt.verdi, felt.maks); err != nil {
			return err
		}
	}
	switch {
	case f.Referanse == "":
		return feil.Ny(feil.Ugyldig, "Fyll inn fakturareferansen: den dere ber om på fakturaer, for eksempel et bestillingsnummer")
	case f.EHF && !orgnrRE.MatchString(f.EndepunktID):
		return feil.Ny(feil.Ugyldig, "For EHF: fyll inn organisasjonsnummeret som tar imot fakturaen, med 9 sifre")
	case f.EHF && (f.Adresselinje1+f.Adresselinje2+f.Postnummer+f.Poststed != ""):
		return feil.Ny(feil.Ugyldig, "Velg enten EHF eller postadresse for fakturaen, ikke begge")
	case f.EHF:
		return nil
	case f.EndepunktID != "":
		return feil.Ny(feil.Ugyldig, "Velg enten EHF eller postadresse for fakturaen, ikke begge")
	case f.Adresselinje1 == "" || f.Poststed == "" || !kommuneRE.MatchString(f.Postnummer): // also 4 digits
		return feil.Ny(feil.Ugyldig, "Fakturaadressen trenger adresselinje, postnummer med 4 sifre, og poststed")
	}
	return nil
}

func (k Kontakt) validate(hvem string) error {
	if err := linje(hvem+": navnet", k.Navn, 450); err != nil {
		return err
	}
	ugyldig := func(e string) bool { return len(e) > 254 || !epostRE.MatchString(e) }
	switch {
	case len(k.Epost) == 0 || len(k.Epost) > maksAdresser:
		return feil.Ny(feil.Ugyldig, "%s trenger 1 til %d e-postadresser", hvem, maksAdresser)
	case slices.ContainsFunc(k.Epost, ugyldig):
		return feil.Ny(feil.Ugyldig, "%s har en e-postadresse som ikke er gyldig (nummer %d)", hvem, slices.IndexFunc(k.Epost, ugyldig)+1)
	case k.Telefon != "" && (len(k.Telefon) > 30 || !telefonRE.MatchString(k.Telefon)):
		return feil.Ny(feil.Ugyldig, "%s: telefonnummeret må være sifre, gjerne med + først og mellomrom inni", hvem)
	}
	return nil
}

// linje is one line of text, without space at its ends.
func linje(navn, s string, maks int) error {
	if utf8.RuneCountInString(s) > maks || strings.TrimSpace(s) != s || strings.ContainsFunc(s, unicode.IsControl) {
		return feil.Ny(feil.Ugyldig, "%s må være én linje på høyst %d tegn, uten mellomrom først eller sist", navn, maks)
	}
	return nil
}

// felter are the fields in the order of the page, for the change log.
func (o Oppsett) felter() []Feltendring {
	ehf := "nei"
	if o.Faktura.EHF {
		ehf = "ja"
	}
	f := []Feltendring{{Felt: "navn", Etter: o.Navn}, {Felt: "faktura.ehf", Etter: ehf}, {Felt: "faktura.endepunktId", Etter: o.Faktura.EndepunktID},
		{Felt: "faktura.referanse", Etter: o.Faktura.Referanse}, {Felt: "faktura.adresselinje1", Etter: o.Faktura.Adresselinje1},
		{Felt: "faktura.adresselinje2", Etter: o.Faktura.Adresselinje2}, {Felt: "faktura.postnummer", Etter: o.Faktura.Postnummer},
		{Felt: "faktura.poststed", Etter: o.Faktura.Poststed}}
	for _, k := range []struct {
		navn string
		k    Kontakt
	}{{"fag", o.Fag}, {"teknisk", o.Teknisk}} {
		f = append(f, Feltendring{Felt: k.navn + ".navn", Etter: k.k.Navn}, Feltendring{Felt: k.navn + ".epost", Etter: strings.Join(k.k.Epost, "; ")},
			Feltendring{Felt: k.navn + ".telefon", Etter: k.k.Telefon})
	}
	return f
}

// forskjell are the fields that two of them do not share.
func forskjell(gammel, ny Oppsett) (ut []Feltendring) {
	for i, f := range ny.felter() {
		if f.For = gammel.felter()[i].Etter; gammel.Versjon == 0 && f.Felt != "navn" {
			f.For = ""
		}
		if f.For != f.Etter {
			ut = append(ut, f)
		}
	}
	return ut
}

func stedOppsett(org string) string { return "organisasjon.oppsett:" + org }

// Oppsett finds what an organisation has said of itself; Versjon 0, with name
// and org.nr alone, when it has not yet. feil.IkkeFunnet for an unknown organisation.
func (s *Service) Oppsett(ctx context.Context, fiksOrgID string) (Oppsett, error) {
	return s.oppsett(ctx, s.db.Read(), fiksOrgID)
}

func (s *Service) oppsett(ctx context.Context, q store.Queryer, fiksOrgID string) (Oppsett, error) {
	org, err := enOrganisasjon(ctx, q, "id", fiksOrgID)
	if err != nil {
		return Oppsett{}, err
	}
	o := Oppsett{Navn: org.Navn, Orgnr: org.Orgnr}
	var forseglet []byte
	var bekreftet int64
	err = q.QueryRowContext(ctx, `SELECT innhold, bekreftet, versjon FROM organisasjon_oppsett WHERE fiks_org = $1`, fiksOrgID).
		Scan(&forseglet, &bekreftet, &o.Versjon)
	if errors.Is(err, sql.ErrNoRows) {
		return o, nil
	} else if err != nil {
		return o, fmt.Errorf("reading the set-up of %s: %w", fiksOrgID, err)
	}
	var i oppsettsinnhold
	if err := s.apne(stedOppsett(fiksOrgID), forseglet, &i); err != nil {
		return o, err
	}
	o.Faktura, o.Fag, o.Teknisk, o.Bekreftet = i.Faktura, i.Fag, i.Teknisk, store.Time(bekreftet)
	return o, nil
}

// LagreOppsett stores an organisation's set-up, which is thereby also confirmed,
// and its name everywhere. o.Versjon is the one that the change was decided from
// (0: there was none); feil.Konflikt when somebody has changed it since.
// Audited, and in the change log with what was before. feil.Ugyldig,
// feil.IkkeFunnet. That av administers the organisation has been decided before.
func (s *Service) LagreOppsett(ctx context.Context, tx *store.Tx, av auth.Caller, fiksOrgID string, o Oppsett) (Oppsett, error) {
	if err := o.Validate(); err != nil {
		return o, err
	}
	gammel, err := s.oppsett(ctx, tx, fiksOrgID)
	if err != nil {
		return o, err
	}
	if o.Versjon != gammel.Versjon {
		return o, endretAvAndre()
	}
	innhold, err := s.forsegl(stedOppsett(fiksOrgID), oppsettsinnhold{o.Faktura, o.Fag, o.Teknisk})
	if err != nil {
		return o, err
	}
	o.Orgnr, o.Bekreftet, o.Versjon = gammel.Orgnr, s.klokke.Now(), gammel.Versjon+1
	ok, err := rowsAffected(tx.ExecContext(ctx, `INSERT INTO organisasjon_oppsett (fiks_org, innhold, bekreftet, versjon) VALUES ($1, $2, $3, $4)
		ON CONFLICT (fiks_org) DO UPDATE SET innhold = excluded.innhold, bekreftet = excluded.bekreftet, versjon = excluded.versjon
		WHERE organisasjon_oppsett.versjon = excluded.versjon - 1`, fiksOrgID, innhold, store.Micros(o.Bekreftet), o.Versjon))
	if err != nil {
		return o, err
	}
	if !ok {
		return o, endretAvAndre()
	}
	for _, setning := range []string{`UPDATE organisasjoner SET navn = $2 WHERE id = $1`, `UPDATE ressurser SET navn = $2 WHERE id = $1`} {
		if _, err := tx.ExecContext(ctx, setning, fiksOrgID, o.Navn); err != nil {
			return o, fmt.Errorf("naming an organisation: %w", err)
		}
	}
	return o, s.loggOppsett(ctx, tx, av, fiksOrgID, "OPPSETT_ENDRET", forskjell(gammel, o))
}

// BekreftOppsett says that what is stored is still right, as of now. feil.Konflikt
// when it is not of the version that was shown; feil.IkkeFunnet. Audited, and in
// the change log.
func (s *Service) BekreftOppsett(ctx context.Context, tx *store.Tx, av auth.Caller, fiksOrgID string, versjon int64) error {
	if _, err := enOrganisasjon(ctx, tx, "id", fiksOrgID); err != nil {
		return err
	}
	ok, err := rowsAffected(tx.ExecContext(ctx, `UPDATE organisasjon_oppsett SET bekreftet = $2, versjon = versjon + 1
		WHERE fiks_org = $1 AND versjon = $3`, fiksOrgID, store.Micros(s.klokke.Now()), versjon))
	if err != nil {
		return err
	}
	if !ok {
		return endretAvAndre()
	}
	return s.loggOppsett(ctx, tx, av, fiksOrgID, "OPPSETT_BEKREFTET", nil)
}

func (s *Service) loggOppsett(ctx context.Context, tx *store.Tx, av auth.Caller, fiksOrgID, hva string, felt []Feltendring) error {
	aktor, navn, err := s.av(ctx, tx, fiksOrgID, av)
	if err != nil {
		return err
	}
	if err := s.NoterEndring(ctx, tx, fiksOrgID, Endring{Av: aktor, AvNavn: navn, Hva: hva, Felt: felt}); err != nil {
		return err
	}
	return s.logg(ctx, tx, audit.Hendelse{Principal: av, FiksOrg: fiksOrgID, Tjeneste: TypeOrganisasjon, Handling: hva})
}

// TekniskEpost is who is told of an organisation's technical matters: the
// technical contact of its set-up; without one its administrators, as far as its
// register has their addresses; without those the organisation's own address.
// Empty when nobody is registered at all. feil.IkkeFunnet.
func (s *Service) TekniskEpost(ctx context.Context, q store.Queryer, fiksOrgID string) ([]string, error) {
	o, err := s.oppsett(ctx, q, fiksOrgID)
	if err != nil || len(o.Teknisk.Epost) > 0 {
		return o.Teknisk.Epost, err
	}
	rows, err := q.QueryContext(ctx, `SELECT p.person, p.innhold FROM tilganger t JOIN personer p ON p.fiks_org = t.ressurs AND p.person = t.aktor
		WHERE t.ressurs = $1 AND t.privilegium = $2 ORDER BY t.opprettet, p.person`, fiksOrgID, auth.Admin)
	if err != nil {
		return nil, fmt.Errorf("finding the administrators of %s: %w", fiksOrgID, err)
	}
	defer rows.Close()
	var ut []string
	for rows.Next() {
		var nokkel string
		var forseglet []byte
		var p Person
		if err := rows.Scan(&nokkel, &forseglet); err != nil {
			return nil, fmt.Errorf("finding the administrators of %s: %w", fiksOrgID, err)
		}
		if err := s.apne(stedPerson(fiksOrgID, nokkel), forseglet, &p); err != nil {
			return nil, err
		}
		if p.Epost != "" {
			ut = append(ut, p.Epost)
		}
	}
	if err := rows.Err(); err != nil || len(ut) > 0 {
		return ut, err
	}
	org, err := enOrganisasjon(ctx, q, "id", fiksOrgID)
	return org.Epost, err
}
