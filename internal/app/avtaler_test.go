package app

import (
	"errors"
	"testing"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/digisos"
	"knutepunkt/internal/dokumentlager"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
	"knutepunkt/internal/svarut"
	"knutepunkt/internal/svarut/svarinn"
	"knutepunkt/internal/utlop"
)

// In the whole house nothing takes a service into use without its agreement,
// by whichever door; with the agreements each does.
func TestAvtalerKreves(t *testing.T) {
	t.Parallel()
	a := nyApp(t, t.TempDir())
	t.Cleanup(func() { _ = a.DB.Close() })
	ctx := auth.With(t.Context(), auth.Caller{Slag: auth.Anonym})
	var org string
	skriv := func(fn func(tx *store.Tx) error) error { return a.DB.Write(ctx, fn) }
	err := skriv(func(tx *store.Tx) error {
		o, err := a.Org.OpprettOrganisasjon(ctx, tx, organisasjon.Organisasjon{Navn: "Testkommune", Type: "KOMMUNE", Kommunenummer: "9999", Orgnr: "910753614"})
		org = o.ID
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	dorer := []struct {
		navn string
		gjor func() error
	}{
		{"TaIBruk", func() error {
			return skriv(func(tx *store.Tx) error {
				_, err := a.Org.TaIBruk(ctx, tx, org, organisasjon.TypeDokumentlager)
				return err
			})
		}},
		{"konto i Dokumentlager", func() error {
			return skriv(func(tx *store.Tx) error {
				_, err := a.Dokumentlager.OpprettKonto(ctx, tx, dokumentlager.Konto{FiksOrgID: org, Navn: "Arkiv"})
				return err
			})
		}},
		{"konto i Fiks IO", func() error {
			return skriv(func(tx *store.Tx) error {
				_, err := a.FiksIO.OpprettKonto(ctx, tx, fiksio.Konto{FiksOrgID: org, Navn: "Fagsystem", Aktiv: true})
				return err
			})
		}},
		{"konto i SvarUt", func() error {
			return skriv(func(tx *store.Tx) error {
				_, err := a.SvarUt.OpprettKonto(ctx, tx, svarut.Konto{FiksOrgID: org, Navn: "Avsender", Kontakter: []string{"post@example.org"},
					Adresse: levering.Adresse{Navn: "Testkommune", Orgnr: "910753614", Adresselinje1: "Gata 1", Postnummer: "0151", Poststed: "Oslo"}})
				return err
			})
		}},
		{"mottakersystem", func() error {
			_, err := a.SvarInn.Opprett(ctx, auth.Caller{Slag: auth.Anonym}, svarinn.Ny{FiksOrgID: org, Navn: "System",
				Person: svarinn.Person{Fnr: "13889812345", Navn: "Kari Test"}})
			return err
		}},
		{"Digisos", func() error {
			return a.Digisos.OpprettKonfigurasjon(ctx, org, digisos.KommuneKonfigurasjon{OrganisasjonsnummerSvarUt: "910753614",
				Postadresse:     digisos.Postadresse{Navn: "Nav", Postnummer: "0151", Poststed: "Oslo"},
				Kontaktpersoner: digisos.Kontakter{FagansvarligEpost: []string{"a@b.test"}, TekniskAnsvarligEpost: []string{"a@b.test"}}})
		}},
	}
	for _, d := range dorer {
		f, ok := errors.AsType[*feil.Feil](d.gjor())
		if !ok || f.ErrorCode != organisasjon.AvtaleMangler {
			t.Errorf("%s without agreements: %v", d.navn, f)
		}
	}
	if err := skriv(func(tx *store.Tx) error { return a.Org.GodtaAlle(ctx, tx, org) }); err != nil {
		t.Fatal(err)
	}
	for _, d := range dorer {
		if err := d.gjor(); err != nil {
			t.Errorf("%s with agreements: %v", d.navn, err)
		}
	}
	if as, err := a.Org.Avtaler(ctx, a.cfg.PlattformOrgID); err != nil || len(as) != 0 {
		t.Errorf("the platform has agreements with itself: %v, %v", as, err)
	}
}

// All that can expire is handed in: of a kommune, and of the platform alone what is its own.
func TestUtlopKilder(t *testing.T) {
	t.Parallel()
	a := nyApp(t, t.TempDir())
	t.Cleanup(func() { _ = a.DB.Close() })
	ps, err := a.plattformutlop(t.Context(), "")
	if err != nil || len(ps) != 2 || ps[0].Slag != utlop.Plattformnokkel || ps[1].ID != "signering" || ps[0].Utloper.IsZero() {
		t.Errorf("of the platform: %+v, %v", ps, err)
	}
	if ps, err := a.plattformutlop(t.Context(), "99999999-9999-4999-8999-999999999999"); err != nil || len(ps) != 0 {
		t.Errorf("of another organisation: %+v, %v", ps, err)
	}
	if us, err := a.Utlop.Utlop(t.Context(), a.cfg.PlattformOrgID); err != nil || len(us) != 0 {
		t.Errorf("new keys near their end: %+v, %v", us, err)
	}
}
