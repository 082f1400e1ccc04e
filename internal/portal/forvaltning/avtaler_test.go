package forvaltning_test

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/portal/forvaltning"
	"knutepunkt/internal/portal/portaltest"
	"knutepunkt/internal/store"
	"knutepunkt/internal/utlop"
)

// krevAvtaler is a house where agreements are needed.
func krevAvtaler(t *testing.T, h *portaltest.Hus) {
	t.Helper()
	portaltest.Must(t, h.Org.KrevAvtaler(organisasjon.Avtalekonfig{}))
}

// A service whose agreements are missing cannot be taken into use, and the page
// says which; accepted, each for its own municipality, it can.
func TestAvtaler(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	krevAvtaler(t, h)
	n := h.Som(t, portaltest.Admin)
	skog, test := "/forvaltning/"+portaltest.OrgSkog, "/forvaltning/"+portaltest.OrgTest
	n.Get(t, skog+"/tjenester").Er(t, 200, "Godta først:", skog+"/avtaler/HOVEDAVTALE", skog+"/avtaler/DOKUMENTLAGER", skog+"/avtaler/DIGISOS")
	n.Post(t, skog+"/tjenester", "tjeneste", organisasjon.TypeDokumentlager).Til(t, skog+"/avtaler")
	n.Get(t, skog+"/avtaler").Er(t, 200, "Avtaler for Skogby kommune", "Ikke godtatt")

	if s := n.Get(t, skog+"/avtaler/DOKUMENTLAGER").Er(t, 200, "Godta hovedavtalen først", skog+"/avtaler/HOVEDAVTALE"); strings.Contains(s.HTML, `name="fullmakt"`) {
		t.Error("the annex can be accepted first")
	}

	hoved := n.Get(t, skog+"/avtaler/HOVEDAVTALE").Er(t, 200, "MAL:", "Gjelder Skogby kommune", "De andre kommunene dine", test+"/avtaler/HOVEDAVTALE")
	versjon := hoved.Skjult(t, "versjon")
	n.Post(t, skog+"/avtaler/HOVEDAVTALE", "versjon", versjon, "navn", "Berit Administrator").Er(t, 422, "Kryss av for at du har lest avtalen", "Berit Administrator",
		`name="fullmakt" value="ja" aria-invalid="true" aria-describedby="fullmakt-feil"`)
	n.Post(t, skog+"/avtaler/HOVEDAVTALE", "versjon", versjon, "spraak", "nb", "fullmakt", "ja").Er(t, 422, "Skriv navnet ditt", `name="fullmakt" value="ja" checked`)
	n.Post(t, skog+"/avtaler/HOVEDAVTALE", "versjon", "eldre", "navn", "Berit Administrator", "spraak", "nb", "fullmakt", "ja").Er(t, 409, "ny versjon")
	n.Post(t, skog+"/avtaler/DOKUMENTLAGER", "versjon", versjon, "navn", "Berit Administrator", "spraak", "nb", "fullmakt", "ja").Er(t, 409, "Godta hovedavtalen først")
	for range 2 { // twice is once
		n.Post(t, skog+"/avtaler/HOVEDAVTALE", "versjon", versjon, "navn", "Berit Administrator", "spraak", "nb", "fullmakt", "ja").Til(t, skog+"/avtaler?godtatt=1")
	}
	n.Get(t, skog+"/avtaler/HOVEDAVTALE").Er(t, 200, "Godtatt ", "Av Berit Administrator.")
	n.Post(t, skog+"/avtaler/DOKUMENTLAGER", "versjon", versjon, "navn", "Berit Administrator", "spraak", "nb", "fullmakt", "ja").Til(t, skog+"/avtaler?godtatt=1")
	n.Get(t, skog+"/avtaler?godtatt=1").Er(t, 200, "loggført hvem som gjorde det", "Berit Administrator")
	n.Post(t, skog+"/tjenester", "tjeneste", organisasjon.TypeDokumentlager).Til(t, skog+"/tjenester?ny="+organisasjon.TypeDokumentlager)
	// The other municipality of the same administrator has accepted nothing.
	n.Get(t, test+"/tjenester").Er(t, 200, test+"/avtaler/HOVEDAVTALE", test+"/avtaler/DIGISOS")
	if g, err := h.Org.Godkjenninger(t.Context(), portaltest.OrgTest); err != nil || len(g) != 0 {
		t.Errorf("%+v %v", g, err)
	}
	if g, err := h.Org.Godkjenninger(t.Context(), portaltest.OrgSkog); err != nil || len(g) != 2 || g[0].Fnr != portaltest.Admin {
		t.Errorf("%d accepted, %v", len(g), err)
	}
	n.Get(t, skog+"/avtaler/FINNES_IKKE").Er(t, 404)
	// The wizard says the same at its end, to whoever has come there anyway.
	v := "/forvaltning/" + portaltest.OrgSkog + "/digisos/veiviser/"
	for steg, felt := range svarPaa(forvaltning.UtenFiksIO) {
		n.Post(t, v+steg, felt...)
	}
	n.Post(t, v+forvaltning.SeOver).Er(t, 422, "Godta avtalene for Digisos", skog+"/avtaler")
	h.Som(t, portaltest.Admin2).Get(t, skog+"/avtaler/HOVEDAVTALE").Er(t, 404)
}

func TestOppsett(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	n, annen := h.Som(t, portaltest.Admin), h.Som(t, portaltest.Alene)
	sti := "/forvaltning/" + portaltest.OrgSkog + "/oppsett"
	n.Get(t, "/forvaltning/"+portaltest.OrgSkog+"/tjenester").Er(t, 200, sti, "Fortell hvem dere er")
	side := n.Get(t, sti).Er(t, 200, portaltest.OrgnrS, "Skogby kommune")
	felt := func(versjon string, endret ...string) []string {
		v := []string{"versjon", versjon, "navn", "Skogby kommune", "faktura", "ehf", "referanse", "4711", "endepunkt", portaltest.OrgnrS,
			"fagepost", "fag@skogby.test", "tekniskepost", "it@skogby.test; drift@skogby.test"}
		for i := 0; i < len(endret); i += 2 {
			for j := 0; j < len(v); j += 2 {
				if v[j] == endret[i] {
					v[j+1] = endret[i+1]
				}
			}
		}
		return v
	}
	for _, f := range []struct{ navn, verdi, sier string }{
		{"navn", "", "Skriv inn navnet på organisasjonen"}, {"faktura", "", "Velg hvordan dere vil ha fakturaen"}, {"referanse", "", "Skriv inn fakturareferansen"},
		{"endepunkt", "", "Skriv inn organisasjonsnummeret som tar imot EHF"}, {"faktura", "post", "Skriv inn fakturaadressen"}, {"fagepost", "ikke-epost", "ikke-epost"},
	} {
		n.Post(t, sti, felt(side.Skjult(t, "versjon"), f.navn, f.verdi)...).Er(t, 422, f.sier, "drift@skogby.test")
	}
	annen.Post(t, sti, felt(side.Skjult(t, "versjon"), "navn", "Skogby herad")...).Til(t, sti+"?lagret=1")
	k := n.Post(t, sti, felt(side.Skjult(t, "versjon"), "referanse", "4712")...).Er(t, 409, "Skogby herad", "4712", "Noen andre har endret")
	n.Post(t, sti, felt(k.Skjult(t, "versjon"), "referanse", "4712")...).Til(t, sti+"?lagret=1")
	o, err := h.Org.Oppsett(t.Context(), portaltest.OrgSkog)
	portaltest.Must(t, err)
	if o.Navn != "Skogby kommune" || o.Faktura.Referanse != "4712" || len(o.Teknisk.Epost) != 2 || !o.Faktura.EHF {
		t.Errorf("%+v", o)
	}
	// After half a year the page asks.
	h.Klokke.Sett(h.Klokke.Now().Add(190 * 24 * time.Hour))
	n, annen = h.Som(t, portaltest.Admin), h.Som(t, portaltest.Alene)
	side = n.Get(t, sti).Er(t, 200, "Stemmer dette fortsatt?")
	n.Get(t, "/forvaltning/"+portaltest.OrgSkog+"/tjenester").Er(t, 200, "Stemmer dette fortsatt?")
	annen.Post(t, sti, "handling", "bekreft", "versjon", side.Skjult(t, "versjon")).Til(t, sti+"?lagret=1")
	n.Post(t, sti, "handling", "bekreft", "versjon", side.Skjult(t, "versjon")).Til(t, sti+"?lagret=1") // another has just said so
	n.Post(t, sti, "handling", "bekreft", "versjon", "0").Er(t, 409)
}

// The button of the set-up pressed twice stores once; what cannot be stored is told
// at its field.
func TestOppsettToGanger(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	n := h.Som(t, portaltest.Alene)
	sti := "/forvaltning/" + portaltest.OrgSkog + "/oppsett"
	felt := []string{"versjon", "0", "navn", "Skogby kommune", "faktura", "ehf", "referanse", "4711", "endepunkt", portaltest.OrgnrS,
		"adresse1", "Gata 1", "fagepost", "fag@skogby.test", "tekniskepost", "it@skogby.test"}
	med := func(navn, verdi string) []string { return append(slices.Clone(felt), navn, verdi) }
	n.Post(t, sti, append([]string{"navn", "<Skogby>"}, felt...)...).Er(t, 422, "Navnet må ha 2–200 tegn")
	n.Post(t, sti, append([]string{"fagepost", strings.Repeat("a@b.no ", 21)}, felt...)...).Er(t, 422, "Skriv høyst 20")
	for range 2 {
		n.Post(t, sti, felt...).Til(t, sti+"?lagret=1")
	}
	n.Post(t, sti, med("fagtelefon", "99999999")...).Er(t, 409)
	if o, err := h.Org.Oppsett(t.Context(), portaltest.OrgSkog); err != nil || o.Versjon != 1 || o.Fag.Telefon != "" {
		t.Errorf("%+v %v", o, err)
	}
}

// A new version of what is in use is asked for on the overview; of what is not, no.
func TestNyAvtaleversjon(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	krevAvtaler(t, h)
	h.Skriv(t, func(tx *store.Tx) error {
		ctx := auth.With(t.Context(), auth.Caller{Slag: auth.Anonym})
		if err := h.Org.GodtaAlle(ctx, tx, portaltest.OrgSkog); err != nil {
			return err
		}
		_, err := h.Org.TaIBruk(ctx, tx, portaltest.OrgSkog, organisasjon.TypeDokumentlager)
		return err
	})
	ny := organisasjon.Avtaletekst{Versjon: "2026-07", URL: "https://drift.example/avtale"}
	portaltest.Must(t, h.Org.KrevAvtaler(organisasjon.Avtalekonfig{Uten: []string{portaltest.OrgNAV},
		Egne: map[string]organisasjon.Avtaletekst{"DOKUMENTLAGER": ny, "FIKS_IO": ny}}))
	skog := "/forvaltning/" + portaltest.OrgSkog
	n := h.Som(t, portaltest.Alene)
	s := n.Get(t, skog+"/tjenester").Er(t, 200, `href="`+skog+`/avtaler/DOKUMENTLAGER">Les og godta ny versjon: Tjenestevedlegg: Fiks dokumentlager`, "I bruk")
	if strings.Contains(s.HTML, "ny versjon: Tjenestevedlegg: Fiks IO") {
		t.Error("a service that is not in use asks")
	}
	h.Klokke.Sett(h.Klokke.Now().Add(time.Minute))
	n.Post(t, skog+"/avtaler/DOKUMENTLAGER", "versjon", "2026-07", "navn", "Anne Alene", "spraak", "nn", "fullmakt", "ja").Til(t, skog+"/avtaler?godtatt=1")
	if s := n.Get(t, skog+"/tjenester"); strings.Contains(s.HTML, "ny versjon") {
		t.Error("what is accepted is still asked for")
	}
	// An organisation that needs none is told so.
	h.Skriv(t, func(tx *store.Tx) error {
		return h.Org.GiTilgang(t.Context(), tx, auth.Caller{}, portaltest.Admin, auth.Admin, portaltest.OrgNAV)
	})
	h.Som(t, portaltest.Admin).Get(t, "/forvaltning/"+portaltest.OrgNAV+"/avtaler").Er(t, 200, "trenger ingen avtaler")
}

// What is kept of an acceptance is the language that was shown. A login that ran
// out keeps the name, and the tick for the text that was read alone.
func TestAvtaleOverlever(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	krevAvtaler(t, h)
	sti := "/forvaltning/" + portaltest.OrgSkog + "/avtaler/HOVEDAVTALE"
	for versjon, want := range map[string]bool{"mal-1": true, "mal-0": false} {
		n := h.Som(t, portaltest.Alene)
		h.Klokke.Sett(h.Klokke.Now().Add(portal.Ledig))
		n.Post(t, sti, "versjon", versjon, "navn", "Anne Alene", "spraak", "nb", "fullmakt", "ja").Til(t, "/logg-inn?til="+sti)
		n.LoggInn(t, portaltest.Alene, 4, sti).Til(t, sti)
		if s := n.Get(t, sti).Er(t, 200, "Anne Alene"); strings.Contains(s.HTML, `value="ja" checked`) != want {
			t.Errorf("%s: ticked is not %t", versjon, want)
		}
	}
	n := h.Som(t, portaltest.Alene)
	n.Sprak = "nn"
	s := n.Get(t, sti).Er(t, 200)
	n.Sprak = "en" // in another window
	n.Post(t, sti, "versjon", s.Skjult(t, "versjon"), "navn", "Anne Alene", "spraak", s.Skjult(t, "spraak"), "fullmakt", "ja").Til(t, "/forvaltning/"+portaltest.OrgSkog+"/avtaler?godtatt=1")
	if g, err := h.Org.Godkjenninger(t.Context(), portaltest.OrgSkog); err != nil || len(g) != 1 || g[0].Sprak != "nn" {
		t.Errorf("%+v %v", g, err)
	}
}

// Every page of agreements and set-up can be used by everybody.
func TestNettleserAvtaler(t *testing.T) {
	t.Parallel()
	h := portaltest.HusMedNett(t)
	krevAvtaler(t, h)
	h.Skriv(t, func(tx *store.Tx) error {
		return h.Org.Godta(auth.With(t.Context(), auth.Caller{Slag: auth.Person, Fnr: portaltest.Admin, Niva: 4}), tx, auth.Caller{Slag: auth.Person, Fnr: portaltest.Admin, Niva: 4},
			portaltest.OrgSkog, organisasjon.Godkjenning{Avtale: organisasjon.Hovedavtale, Versjon: "mal-1", Navn: "Berit Administrator", Sprak: "nb"})
	})
	skog := "/forvaltning/" + portaltest.OrgSkog
	portaltest.Proev(t, h, []portaltest.Tilstand{
		portaltest.Som("tjenester-avtaler", portaltest.Admin, skog+"/tjenester", 200, nil),
		portaltest.Som("avtaler", portaltest.Admin, skog+"/avtaler", 200, nil),
		portaltest.Som("avtale-godtatt", portaltest.Admin, skog+"/avtaler/HOVEDAVTALE", 200, nil),
		portaltest.Som("avtale-vedlegg-forst", portaltest.Admin, "/forvaltning/"+portaltest.OrgTest+"/avtaler/DIGISOS", 200, nil),
		portaltest.Som("avtale-feil", portaltest.Admin, skog+"/avtaler/DIGISOS", 200, portaltest.Send(true)),
		portaltest.Som("oppsett-feil", portaltest.Admin, skog+"/oppsett", 200, portaltest.Send(true)),
	})
}

// What nears its end is told on the overview, with the way to where it is renewed.
func TestUtloperVises(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	id, _ := h.Fagsystem(t, portaltest.OrgTest, "Fagsystem")
	h.Skriv(t, func(tx *store.Tx) error {
		_, err := h.Org.LagPassord(t.Context(), tx, id, 10*24*time.Hour)
		return err
	})
	test := "/forvaltning/" + portaltest.OrgTest
	n := h.Som(t, portaltest.Admin)
	n.Get(t, test+"/tjenester").Er(t, 200, "Utløper snart", "10 dager igjen", test+"/integrasjoner/"+id)
	// What cannot be told of costs the rest of the page nothing.
	h.Utlop.Registrer(func(context.Context, string) ([]utlop.Post, error) { return nil, io.ErrUnexpectedEOF })
	n.Get(t, test+"/tjenester").Er(t, 200, "Vi får ikke vist alt som utløper", ">Dokumentlager</h2>")
}
