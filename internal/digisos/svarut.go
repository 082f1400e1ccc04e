package digisos

import (
	"context"
	"fmt"
	"strings"

	"knutepunkt/internal/digisos/filformat"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// What NAV itself put into its forsendelser to SvarUt until 2024, and importers
// behind SvarInn were built for (§2.3).
const (
	// ForsendelseType is what SvarInn finds the mottakersystem by.
	ForsendelseType = "nav.digisos"
	avgivendeSystem = "digisos_avsender"
)

// post is the forsendelse as SvarUt takes it (§2.3, SvarUt contract §6), never
// kunDigital: print is what makes delivery certain. svarPa is what it answers, if
// that went by SvarUt. ErrIkkeMulig when the municipality has not said where to.
func (s *Service) post(ctx context.Context, sak sak, f forsendelse, slag slag, svarPa *filformat.LeveranseID) (levering.Post, error) {
	konf, err := s.lesKonfigurasjon(ctx, s.DB.Read(), "fiks_org_id", sak.FiksOrgID)
	if err != nil {
		return levering.Post{}, err
	}
	if mangler := konf.manglerForSvarUt(); mangler != "" {
		return levering.Post{}, fmt.Errorf("%w: kommunens konfigurasjon for Digisos mangler %s", levering.ErrIkkeMulig, mangler)
	}
	sendt := store.Time(f.Sendt)
	p := levering.Post{
		Tittel: slag.tittel, ForsendelseType: ForsendelseType, AvgivendeSystem: avgivendeSystem,
		Niva: Sikkerhetsniva, Mottatt: sendt, Avsender: s.cfg.Avsender, Mottaker: konf.svarUtAdresse(),
		Noark: levering.Noark{DokumentetsDato: klokke.Oslo(sendt)}, Kontakter: konf.Kontaktpersoner.TekniskAnsvarligEpost,
		Tosidig: true, Farger: true,
	}
	if sak.prove != 0 {
		p.BareSvarInn, p.Kontakter = s.cfg.Provefrist, nil
	}
	if svarPa != nil && svarPa.SendtKanal == levering.KanalSvarUt {
		p.SvarPa = svarPa.ID
	}
	return p, nil
}

// manglerForSvarUt names what SvarUt needs and the configuration has not; "" when
// it has all. One that was checked has, but a municipality can have deleted its.
func (k konfigurasjon) manglerForSvarUt() string {
	for _, f := range []struct{ navn, verdi string }{
		{"organisasjonsnummerSvarUt", k.OrganisasjonsnummerSvarUt},
		{"postadresse.navn", k.Postadresse.Navn},
		{"postadresse.postnummer", k.Postadresse.Postnummer},
		{"postadresse.poststed", k.Postadresse.Poststed},
	} {
		if strings.TrimSpace(f.verdi) == "" {
			return f.navn
		}
	}
	return ""
}

// svarUtAdresse is the NAV office as SvarUt knows it.
func (k konfigurasjon) svarUtAdresse() levering.Adresse {
	p := k.Postadresse
	return levering.Adresse{
		Navn: p.Navn, Orgnr: k.OrganisasjonsnummerSvarUt,
		Adresselinje1: p.Adresselinje1, Adresselinje2: p.Adresselinje2, Adresselinje3: p.Adresselinje3,
		Postnummer: p.Postnummer, Poststed: p.Poststed, Land: p.Land,
	}
}

var _ levering.Avslagskilde = kilde{}

// Avvist implements levering.Avslagskilde: the fagsystem's words are kept, sealed,
// in the history of the case, and the technical contacts are told the first time
// that a forsendelse is refused. Its words can hold personal data, so the e-mail
// says where they are and not what they are.
func (k kilde) Avvist(ctx context.Context, tx *store.Tx, l levering.Levering, begrunnelse string) error {
	s := k.s
	f, err := s.hentForsendelse(ctx, tx, l.KildeID)
	if err != nil {
		return err
	}
	var tidligere int
	err = tx.QueryRowContext(ctx, `SELECT count(*) FROM digisos_historikk WHERE sak_id = $1 AND forsendelse_id = $2 AND tilstand = $3`,
		f.SakID, f.ID, AvvistFagsystem).Scan(&tidligere)
	if err != nil {
		return fmt.Errorf("counting refusals of %s: %w", f.ID, err)
	}
	if err := s.skrivHistorikkMed(ctx, tx, f.SakID, AvvistFagsystem, f.ID, begrunnelse); err != nil {
		return err
	}
	tx.OnCommit(func() {
		s.Log.Warn("the fagsystem refused a forsendelse", "digisosId", f.SakID, "forsendelseId", f.ID, "leveranseId", l.LeveranseID, "kanal", l.Kanal)
	})
	if tidligere > 0 || s.Mail == nil || l.Kilde == KildeProve {
		return nil
	}
	til, err := s.kontakter(ctx, tx, l.FiksOrgID)
	if err != nil || len(til) == 0 {
		return err
	}
	emne, tekst := avslagsvarsel(l, f, begrunnelse != "")
	if err := s.Mail.Send(ctx, tx, til, emne, tekst); err != nil {
		return fmt.Errorf("telling of the refusal of %s: %w", f.ID, err)
	}
	return nil
}

func avslagsvarsel(l levering.Levering, f forsendelse, begrunnet bool) (emne, tekst string) {
	hva := strings.ToLower(slagAv(l.Kilde).navn)
	tekst = fmt.Sprintf("Fagsystemet avviste en %s fra Fiks Digisos.\n\nDigisosId: %s\nReferanse fra NAV: %s\nMelding: %s (%s)\n\n",
		hva, f.SakID, f.NavEksternRefID, l.LeveranseID, l.Kanal)
	if begrunnet {
		tekst += "Begrunnelsen fra fagsystemet kan inneholde personopplysninger og står derfor ikke her. Den ligger i historikken til saken.\n\n"
	} else {
		tekst += "Fagsystemet ga ingen begrunnelse.\n\n"
	}
	neste := "prøves på nytt fra første kanal"
	if l.Steg+1 < len(l.Plan) {
		neste = "sendes nå med " + l.Plan[l.Steg+1].Kanal
	}
	return "Fagsystemet avviste en " + hva, tekst + "Forsendelsen er lagret og går ikke tapt: den " + neste + ".\n"
}
