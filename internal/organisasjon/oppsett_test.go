package organisasjon_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

func oppsett() organisasjon.Oppsett {
	return organisasjon.Oppsett{Navn: "Testby kommune", Faktura: organisasjon.Faktura{EHF: true, EndepunktID: orgnr, Referanse: "Bestilling-4711"},
		Fag:     organisasjon.Kontakt{Navn: "Kari Fagansvarlig", Epost: []string{"fagansvarlig@testby.test"}, Telefon: "+47 99 88 77 66"},
		Teknisk: organisasjon.Kontakt{Epost: []string{"teknisk@testby.test", "vakt@testby.test"}}}
}

func (b *bundle) lagre(t testing.TB, o organisasjon.Oppsett) (organisasjon.Oppsett, error) {
	t.Helper()
	err := b.try(t, func(ctx context.Context, tx *store.Tx) (err error) {
		o, err = b.s.LagreOppsett(ctx, tx, person(fnr, 4), b.org.ID, o)
		return err
	})
	return o, err
}

func TestOppsett(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	tomt, err := b.s.Oppsett(ctx, b.org.ID)
	if err != nil || tomt.Versjon != 0 || tomt.Navn != "Testby kommune" || tomt.Orgnr != orgnr || tomt.BorBekreftes(b.Klokke.Now().AddDate(5, 0, 0)) {
		t.Fatalf("before: %+v, %v", tomt, err)
	}
	forst, err := b.lagre(t, oppsett())
	if err != nil {
		t.Fatal(err)
	}
	lest, err := b.s.Oppsett(ctx, b.org.ID)
	if diff := cmp.Diff(forst, lest); err != nil || diff != "" || lest.Versjon != 1 || !lest.Bekreftet.Equal(b.Klokke.Now()) || lest.Orgnr != orgnr {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	// Two decide from the same version: the second is told, and nothing is lost.
	ny := lest
	ny.Navn, ny.Faktura = "Nye Testby", organisasjon.Faktura{Referanse: "Bestilling-4711", Adresselinje1: "Gata 1", Postnummer: "0151", Poststed: "Oslo"}
	if _, err := b.lagre(t, ny); err != nil {
		t.Fatal(err)
	}
	for _, versjon := range []int64{0, 1, 3} {
		gammel := oppsett()
		gammel.Versjon = versjon
		if _, err := b.lagre(t, gammel); !feil.Er(err, feil.Konflikt) {
			t.Errorf("version %d: %v", versjon, err)
		}
	}
	if lest, err = b.s.Oppsett(ctx, b.org.ID); err != nil || lest.Versjon != 2 || lest.Navn != "Nye Testby" || lest.Faktura != ny.Faktura {
		t.Errorf("%+v, %v", lest, err)
	}
	if r, err := b.s.Ressurs(ctx, b.org.ID); err != nil || r.Navn != "Nye Testby" {
		t.Errorf("its ressurs: %+v, %v", r, err)
	}
	// The change log, newest first, by page.
	es, err := b.s.Endringer(ctx, b.org.ID, 0, 1)
	if err != nil || len(es) != 1 || es[0].Av != fnr || es[0].Hva != "OPPSETT_ENDRET" {
		t.Fatalf("%+v, %v", es, err)
	}
	want := []organisasjon.Feltendring{{Felt: "navn", For: "Testby kommune", Etter: "Nye Testby"}, {Felt: "faktura.ehf", For: "ja", Etter: "nei"},
		{Felt: "faktura.endepunktId", For: orgnr}, {Felt: "faktura.adresselinje1", Etter: "Gata 1"}, {Felt: "faktura.postnummer", Etter: "0151"}, {Felt: "faktura.poststed", Etter: "Oslo"}}
	if diff := cmp.Diff(want, es[0].Felt); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	eldre, err := b.s.Endringer(ctx, b.org.ID, es[0].Nr, 10)
	if err != nil || len(eldre) != 1 || eldre[0].Nr != 1 || es[0].Nr != 2 || !slices.Contains(eldre[0].Felt, organisasjon.Feltendring{Felt: "teknisk.epost", Etter: "teknisk@testby.test; vakt@testby.test"}) {
		t.Errorf("the page after: %+v, %v", eldre, err)
	}
	if es, err := b.s.Endringer(ctx, ukjent, 0, 10); err != nil || len(es) != 0 {
		t.Errorf("another organisation's: %+v, %v", es, err)
	}
	hs, err := b.audit.List(ctx, audit.Filter{FiksOrg: b.org.ID})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, h := range hs {
		if h.Handling == "OPPSETT_ENDRET" && h.Principal.Fnr == fnr {
			n++
		}
	}
	if n != 2 {
		t.Errorf("audited %d times, want 2", n)
	}
	lukket(t, b, "Bestilling-4711", "Kari Fagansvarlig", "fagansvarlig@testby", "teknisk@testby", "99 88 77 66", fnr)
}

// «Stemmer dette fortsatt?» is asked after six months, and answered.
func TestBekreft(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o, err := b.lagre(t, oppsett()) // 10.06.2026
	if err != nil {
		t.Fatal(err)
	}
	for tid, bor := range map[string]bool{"2026-06-10T10:00:00+02:00": false, "2026-12-09T23:59:59+01:00": false, "2026-12-10T00:00:00+01:00": true, "2027-06-01T00:00:00+02:00": true} {
		naa, err := time.Parse(time.RFC3339, tid)
		if err != nil {
			t.Fatal(err)
		}
		if o.BorBekreftes(naa) != bor {
			t.Errorf("%s: want %t", tid, bor)
		}
	}
	b.Klokke.Sett(b.Klokke.Now().AddDate(0, 7, 0))
	bekreft := func(org string, versjon int64) error {
		return b.try(t, func(ctx context.Context, tx *store.Tx) error {
			return b.s.BekreftOppsett(ctx, tx, person(fnr, 4), org, versjon)
		})
	}
	if err := bekreft(ukjent, 1); !feil.Er(err, feil.IkkeFunnet) {
		t.Error(err)
	}
	if err := bekreft(b.org.ID, 2); !feil.Er(err, feil.Konflikt) {
		t.Error(err)
	}
	if err := bekreft(b.org.ID, 1); err != nil {
		t.Fatal(err)
	}
	if err := bekreft(b.org.ID, 1); !feil.Er(err, feil.Konflikt) {
		t.Errorf("twice: %v", err)
	}
	ny, err := b.s.Oppsett(t.Context(), b.org.ID)
	if err != nil || ny.BorBekreftes(b.Klokke.Now()) || !ny.Bekreftet.Equal(b.Klokke.Now()) || ny.Versjon != 2 || ny.Faktura != o.Faktura {
		t.Errorf("%+v, %v", ny, err)
	}
}

func TestOppsettAvvist(t *testing.T) {
	t.Parallel()
	type o = organisasjon.Oppsett
	for navn, endre := range map[string]func(*o){
		"name":                   func(o *o) { o.Navn = "<b>" },
		"no reference":           func(o *o) { o.Faktura.Referanse = "" },
		"reference of two lines": func(o *o) { o.Faktura.Referanse = "a\nb" },
		"EHF without endpoint":   func(o *o) { o.Faktura.EndepunktID = "" },
		"EHF and an address":     func(o *o) { o.Faktura.Poststed = "Oslo" },
		"an address and EHF":     func(o *o) { o.Faktura.EHF = false },
		"no address":             func(o *o) { o.Faktura = organisasjon.Faktura{Referanse: "1"} },
		"postnummer": func(o *o) {
			o.Faktura = organisasjon.Faktura{Referanse: "1", Adresselinje1: "a", Postnummer: "151", Poststed: "b"}
		},
		"no e-mail":              func(o *o) { o.Teknisk.Epost = nil },
		"no e-mail of the other": func(o *o) { o.Fag.Epost = nil },
		"bad e-mail":             func(o *o) { o.Fag.Epost = []string{"a@b.test", "tull"} },
		"too many":               func(o *o) { o.Fag.Epost = slices.Repeat([]string{"a@b.test"}, 21) },
		"telephone":              func(o *o) { o.Fag.Telefon = "ring meg" },
		"contact's name":         func(o *o) { o.Fag.Navn = strings.Repeat("x", 451) },
	} {
		x := oppsett()
		endre(&x)
		if err := x.Validate(); !feil.Er(err, feil.Ugyldig) {
			t.Errorf("%s: %v", navn, err)
		}
	}
	b := setup(t)
	if _, err := b.lagre(t, organisasjon.Oppsett{Navn: "Testby kommune"}); !feil.Er(err, feil.Ugyldig) {
		t.Errorf("stored: %v", err)
	}
	err := b.try(t, func(ctx context.Context, tx *store.Tx) error {
		_, err := b.s.LagreOppsett(ctx, tx, auth.Caller{}, ukjent, oppsett())
		return err
	})
	if !feil.Er(err, feil.IkkeFunnet) {
		t.Errorf("nobody's: %v", err)
	}
}

// The wire tells what is set up and signed, and names what is missing.
func TestAvtalerPaaTraaden(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	if err := s.s().KrevAvtaler(organisasjon.Avtalekonfig{}); err != nil {
		t.Fatal(err)
	}
	vil := func(sti string, ord ...string) {
		t.Helper()
		svar := s.vil(t, "adminB", "GET {k}/organisasjoner"+sti, "", 200)
		for _, o := range ord {
			if !strings.Contains(svar, o) {
				t.Errorf("%s lacks %s: %s", sti, o, svar)
			}
		}
	}
	vil("?orgId={b}", `"konfigurert":false`, `"harHovedavtale":false`, `"hovedavtaleInngaaelse":null`)
	vil("/{b}/tjenester/SVARUT", `"signeringStatus":"USIGNERT"`)
	svar := s.vil(t, "adminB", "POST {k}/organisasjoner/{b}/tjenester/SVARUT/initialiser", "", 400)
	if !strings.Contains(svar, `"errorCode":"AVTALE_MANGLER"`) || !strings.Contains(svar, "tjenestevedlegget for SvarUt") || !strings.Contains(svar, `"errorJson":"HOVEDAVTALE,SVARUT"`) {
		t.Error(svar)
	}
	s.write(t, func(ctx context.Context, tx *store.Tx) error {
		if err := s.s().GodtaAlle(ctx, tx, s.b); err != nil {
			return err
		}
		_, err := s.s().LagreOppsett(ctx, tx, person(adminB, 4), s.b, oppsett())
		return err
	})
	vil("?orgId={b}", `"konfigurert":true`, `"harHovedavtale":true`, `"hovedavtaleInngaaelse":"2026-06-10"`)
	vil("/info/{b}", `"konfigurert":true`)
	vil("/{b}/tjenester/SVARUT", `"signeringStatus":"SIGNERT"`)
	s.vil(t, "adminB", "POST {k}/organisasjoner/{b}/tjenester/SVARUT/initialiser", "", 200)
}
