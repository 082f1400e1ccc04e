package organisasjon_test

import (
	"bytes"
	"context"
	"errors"
	"os"
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

const mal = "mal-1"

func person(fnr string, niva int) auth.Caller {
	return auth.Caller{Slag: auth.Person, Fnr: fnr, Niva: niva}
}

// medAvtaler demands agreements, and gives fnr ADMIN.
func medAvtaler(t testing.TB, k organisasjon.Avtalekonfig) *bundle {
	t.Helper()
	b := setup(t)
	if err := b.s.KrevAvtaler(k); err != nil {
		t.Fatal(err)
	}
	b.write(t, func(ctx context.Context, tx *store.Tx) error {
		return b.s.GiTilgang(ctx, tx, auth.Caller{}, fnr, auth.Admin, b.org.ID)
	})
	return b
}

func (b *bundle) godta(t testing.TB, av auth.Caller, org, kode, versjon string) error {
	t.Helper()
	return b.try(t, func(ctx context.Context, tx *store.Tx) error {
		return b.s.Godta(ctx, tx, av, org, organisasjon.Godkjenning{Avtale: kode, Versjon: versjon, Sprak: "nn", Navn: "Kari Admin"})
	})
}

func (b *bundle) taIBruk(t testing.TB, org, typ string) error {
	t.Helper()
	return b.try(t, func(ctx context.Context, tx *store.Tx) error {
		_, err := b.s.TaIBruk(ctx, tx, org, typ)
		return err
	})
}

// mangler are the codes that an error names; nil for no error.
func mangler(t testing.TB, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	f, ok := errors.AsType[*feil.Feil](err)
	if !ok || f.Kode != feil.Ugyldig || f.ErrorCode != organisasjon.AvtaleMangler {
		t.Fatalf("not AVTALE_MANGLER: %v", err)
	}
	return strings.Split(f.ErrorJSON.(string), ",")
}

// Agreements × activation.
func TestAvtaleOgAktivering(t *testing.T) {
	t.Parallel()
	const h, d, f = organisasjon.Hovedavtale, "DIGISOS", "FIKS_IO"
	for navn, tt := range map[string]struct {
		godtatt []string
		typ     string
		mangler []string
	}{
		"nothing":              {nil, organisasjon.TypeDigisos, []string{h, d}},
		"the hovedavtale":      {[]string{h}, organisasjon.TypeDigisos, []string{d}},
		"both":                 {[]string{h, d}, organisasjon.TypeDigisos, nil},
		"of another service":   {[]string{h, f}, organisasjon.TypeDigisos, []string{d}},
		"Fiks IO":              {[]string{h, f}, organisasjon.TypeFiksIO, nil},
		"Dokumentlager":        {[]string{h, "DOKUMENTLAGER"}, organisasjon.TypeDokumentlager, nil},
		"SvarUt":               {[]string{h, "SVARUT"}, organisasjon.TypeSvarUt, nil},
		"Bekymringsmelding":    {[]string{h, d}, "TJENESTE_BEKYMRINGSMELDING", []string{"BEKYMRINGSMELDING"}},
		"one without an annex": {[]string{h}, organisasjon.TypeInnsyn, nil},
		"such a one, nothing":  {nil, organisasjon.TypeInnsyn, []string{h}},
	} {
		t.Run(navn, func(t *testing.T) {
			t.Parallel()
			b := medAvtaler(t, organisasjon.Avtalekonfig{})
			for _, kode := range tt.godtatt {
				if err := b.godta(t, person(fnr, 4), b.org.ID, kode, mal); err != nil {
					t.Fatal(err)
				}
			}
			err := b.taIBruk(t, b.org.ID, tt.typ)
			if diff := cmp.Diff(tt.mangler, mangler(t, err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if _, finnes := b.s.TjenesteRessurs(t.Context(), b.org.ID, tt.typ); (finnes == nil) != (err == nil) {
				t.Errorf("refused and yet in use, or the other way: %v", finnes)
			}
			if navn == "nothing" && err.Error() != "Fiks Digisos kan ikke tas i bruk: hovedavtalen og tjenestevedlegget for Fiks Digisos er ikke godtatt. "+
				"En administrator i organisasjonen må godta dette i Forvaltning først, under Avtaler" {
				t.Error(err)
			}
		})
	}
}

// Who may accept what.
func TestGodta(t *testing.T) {
	t.Parallel()
	b := medAvtaler(t, organisasjon.Avtalekonfig{})
	b.write(t, func(ctx context.Context, tx *store.Tx) error {
		return b.s.GiTilgang(ctx, tx, auth.Caller{}, b.inte.ID, auth.Admin, b.org.ID)
	})
	const h = organisasjon.Hovedavtale
	for navn, tt := range map[string]struct {
		av                 auth.Caller
		org, kode, versjon string
		vil                feil.Kode
	}{
		"level 3":                {person(fnr, 3), b.org.ID, h, mal, feil.IngenTilgang},
		"no administrator":       {person(annen, 4), b.org.ID, h, mal, feil.IngenTilgang},
		"a machine":              {auth.Caller{Slag: auth.Integrasjon, IntegrasjonID: b.inte.ID}, b.org.ID, h, mal, feil.IngenTilgang},
		"nobody":                 {auth.Caller{Slag: auth.Anonym}, b.org.ID, h, mal, feil.IngenTilgang},
		"unknown organisation":   {person(fnr, 4), ukjent, h, mal, feil.IkkeFunnet},
		"unknown agreement":      {person(fnr, 4), b.org.ID, "TULL", mal, feil.IkkeFunnet},
		"another version":        {person(fnr, 4), b.org.ID, h, "mal-0", feil.Konflikt},
		"annex before agreement": {person(fnr, 4), b.org.ID, "DIGISOS", mal, feil.Konflikt},
	} {
		if err := b.godta(t, tt.av, tt.org, tt.kode, tt.versjon); !feil.Er(err, tt.vil) {
			t.Errorf("%s: %v", navn, err)
		}
	}
	if gs, err := b.s.Godkjenninger(t.Context(), b.org.ID); err != nil || len(gs) != 0 {
		t.Fatalf("accepted: %+v, %v", gs, err)
	}
	b.Klokke.Sett(b.Klokke.Now().Add(time.Hour))
	for range 2 { // again is nothing new
		if err := b.godta(t, person(fnr, 4), b.org.ID, h, mal); err != nil {
			t.Fatal(err)
		}
	}
	gs, err := b.s.Godkjenninger(t.Context(), b.org.ID)
	if err != nil || len(gs) != 1 || gs[0].Fnr != fnr || gs[0].Navn != "Kari Admin" || gs[0].Sprak != "nn" || len(gs[0].SHA256) != 64 || !gs[0].Tidspunkt.Equal(b.Klokke.Now()) {
		t.Errorf("%+v, %v", gs, err)
	}
	hs, err := b.audit.List(t.Context(), audit.Filter{FiksOrg: b.org.ID})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, x := range hs {
		if x.Handling == "AVTALE_GODTATT" && x.Principal.Fnr == fnr && x.Payload == h+" "+mal {
			n++
		}
	}
	if n != 1 {
		t.Errorf("audited %d times", n)
	}
	es, err := b.s.Endringer(t.Context(), b.org.ID, 0, 10)
	if err != nil || len(es) != 1 || es[0].Hva != "AVTALE_GODTATT" || es[0].Av != fnr || es[0].Felt[0] != (organisasjon.Feltendring{Felt: h, Etter: mal}) {
		t.Errorf("the change log: %+v, %v", es, err)
	}
	lukket(t, b, fnr, "Kari Admin")
}

// lukket: nothing of that is readable in the database's files.
func lukket(t testing.TB, b *bundle, ord ...string) {
	t.Helper()
	filer, err := os.ReadDir(b.Dir)
	if err != nil {
		t.Fatal(err)
	}
	sett := 0
	for _, f := range filer {
		if !strings.HasPrefix(f.Name(), "knutepunkt.db") {
			continue
		}
		data, err := os.ReadFile(b.Dir + "/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		sett += bytes.Count(data, []byte(b.org.ID))
		for _, o := range ord {
			if bytes.Contains(data, []byte(o)) {
				t.Errorf("%s has %q in clear", f.Name(), o)
			}
		}
	}
	if sett == 0 {
		t.Error("not even the organisation was found: is the test looking in the right place?")
	}
}

// One administrator of two kommuner: each has its own agreements.
func TestVertskommune(t *testing.T) {
	t.Parallel()
	b := medAvtaler(t, organisasjon.Avtalekonfig{})
	var nabo string
	b.write(t, func(ctx context.Context, tx *store.Tx) error {
		o, err := b.s.OpprettOrganisasjon(ctx, tx, organisasjon.Organisasjon{Navn: "Naboby kommune", Type: "KOMMUNE", Kommunenummer: "3003"})
		nabo = o.ID
		return errors.Join(err, b.s.GiTilgang(ctx, tx, auth.Caller{}, fnr, auth.Admin, nabo))
	})
	for _, kode := range []string{organisasjon.Hovedavtale, "DIGISOS"} {
		if err := b.godta(t, person(fnr, 4), b.org.ID, kode, mal); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.taIBruk(t, b.org.ID, organisasjon.TypeDigisos); err != nil {
		t.Error(err)
	}
	if err := b.taIBruk(t, nabo, organisasjon.TypeDigisos); len(mangler(t, err)) != 2 {
		t.Errorf("the neighbour: %v", err)
	}
}

// A new version is to be accepted again; what runs goes on, what is new waits.
func TestNyVersjon(t *testing.T) {
	t.Parallel()
	b := medAvtaler(t, organisasjon.Avtalekonfig{})
	b.write(t, func(ctx context.Context, tx *store.Tx) error { return b.s.GodtaAlle(ctx, tx, b.org.ID) })
	if err := b.taIBruk(t, b.org.ID, organisasjon.TypeDokumentlager); err != nil {
		t.Fatal(err)
	}
	egen := organisasjon.Avtaletekst{Versjon: "2026-07", URL: "https://drift.test/digisos.pdf"}
	if err := b.s.KrevAvtaler(organisasjon.Avtalekonfig{Egne: map[string]organisasjon.Avtaletekst{
		organisasjon.Hovedavtale: {Versjon: "2026-07", URL: "https://drift.test/avtale.pdf"}, "DIGISOS": egen}}); err != nil {
		t.Fatal(err)
	}
	status := func() map[string]string {
		as, err := b.s.Avtaler(t.Context(), b.org.ID)
		if err != nil || len(as) != 7 || as[0].Kode != organisasjon.Hovedavtale {
			t.Fatalf("%+v, %v", as, err)
		}
		ut := map[string]string{}
		for _, a := range as {
			ut[a.Kode] = a.Status
		}
		return ut
	}
	if s := status(); s[organisasjon.Hovedavtale] != organisasjon.AvtaleFornyes || s["DIGISOS"] != organisasjon.AvtaleFornyes || s["SVARUT"] != organisasjon.AvtaleInngatt {
		t.Errorf("%v", s)
	}
	if err := b.taIBruk(t, b.org.ID, organisasjon.TypeDokumentlager); err != nil {
		t.Errorf("what is in use: %v", err)
	}
	err := b.taIBruk(t, b.org.ID, organisasjon.TypeDigisos)
	if diff := cmp.Diff([]string{organisasjon.Hovedavtale, "DIGISOS"}, mangler(t, err)); diff != "" || !strings.Contains(err.Error(), "ny versjon av hovedavtalen") {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, kode := range []string{organisasjon.Hovedavtale, "DIGISOS"} {
		if err := b.godta(t, person(fnr, 4), b.org.ID, kode, "2026-07"); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.taIBruk(t, b.org.ID, organisasjon.TypeDigisos); err != nil {
		t.Error(err)
	}
	if s := status(); s["DIGISOS"] != organisasjon.AvtaleInngatt {
		t.Errorf("%v", s)
	}
	gs, err := b.s.Godkjenninger(t.Context(), b.org.ID)
	if err != nil || len(gs) != 9 { // the former ones are kept
		t.Errorf("%d, %v", len(gs), err)
	}
	for _, g := range gs {
		if g.Avtale == "DIGISOS" && g.Versjon == "2026-07" && (g.URL != egen.URL || g.SHA256 != "") {
			t.Errorf("%+v", g)
		}
	}
}

func TestUtenAvtaler(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if err := b.taIBruk(t, b.org.ID, organisasjon.TypeDigisos); err != nil {
		t.Errorf("a house that demands none: %v", err)
	}
	if err := b.s.KrevAvtaler(organisasjon.Avtalekonfig{Uten: []string{b.org.ID}}); err != nil {
		t.Fatal(err)
	}
	if err := b.taIBruk(t, b.org.ID, organisasjon.TypeFiksIO); err != nil {
		t.Errorf("one that needs none: %v", err)
	}
	if as, err := b.s.Avtaler(t.Context(), b.org.ID); err != nil || len(as) != 0 {
		t.Errorf("%v, %v", as, err)
	}
}

func TestAvtalekonfig(t *testing.T) {
	t.Parallel()
	b := setup(t)
	type egne = map[string]organisasjon.Avtaletekst
	for navn, k := range map[string]organisasjon.Avtalekonfig{
		"unknown code":       {Egne: egne{"TULL": {Versjon: "1", URL: "https://x.test/a"}}},
		"no version":         {Egne: egne{"DIGISOS": {URL: "https://x.test/a"}}},
		"a template's":       {Egne: egne{"DIGISOS": {Versjon: "mal-2", URL: "https://x.test/a"}}},
		"not https":          {Egne: egne{"DIGISOS": {Versjon: "1", URL: "http://x.test/a"}}},
		"no organisation":    {Uten: []string{"x"}},
		"an address without": {Egne: egne{"DIGISOS": {Versjon: "1", URL: "https:///a"}}},
	} {
		if err := b.s.KrevAvtaler(k); err == nil {
			t.Errorf("%s: taken", navn)
		}
	}
	feilene := organisasjon.Avtalekonfig{Egne: egne{"TULL": {}}, Uten: []string{"x"}}.Valider()
	if n := strings.Count(feilene.Error(), "avtaler: "); n != 4 {
		t.Errorf("%d faults: %v", n, feilene)
	}
}

// Every text, in every language, says that it is a template, and of which service.
func TestAvtaleTekst(t *testing.T) {
	t.Parallel()
	sett := map[string]string{}
	for sprak, ord := range map[string]string{"nb": "# MAL: ", "nn": "# MAL: ", "en": "# TEMPLATE: "} {
		for kode, navn := range map[string]string{organisasjon.Hovedavtale: mal, "DIGISOS": "Fiks Digisos", "DOKUMENTLAGER": "Fiks dokumentlager",
			"FIKS_IO": "Fiks IO", "SVARUT": "SvarUt", "SVARINN": "SvarInn", "BEKYMRINGSMELDING": "Bekymringsmelding"} {
			tekst, err := organisasjon.AvtaleTekst(kode, sprak)
			forste, _, _ := strings.Cut(tekst, "\n")
			if err != nil || !strings.HasPrefix(tekst, ord) || !strings.Contains(forste, navn) || !strings.Contains(forste, mal) || strings.ContainsAny(tekst, "{}<>") {
				t.Errorf("%s %s: %v\n%s", kode, sprak, err, tekst)
			}
			if andre, ja := sett[tekst]; ja {
				t.Errorf("%s %s is the text of %s", kode, sprak, andre)
			}
			sett[tekst] = kode + " " + sprak
		}
	}
	nb, _ := organisasjon.AvtaleTekst("DIGISOS", "nb")
	if se, err := organisasjon.AvtaleTekst("DIGISOS", "se"); err != nil || se != nb {
		t.Errorf("another language: %v", err)
	}
	if _, err := organisasjon.AvtaleTekst("TULL", "nb"); !feil.Er(err, feil.IkkeFunnet) {
		t.Errorf("unknown: %v", err)
	}
}
