package forvaltning_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"knutepunkt/internal/portal/forvaltning"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/portal/portaltest"
	"knutepunkt/internal/store"
)

// tilstand is a page in one of its states: how to come there, and as whom.
type tilstand struct {
	navn   string
	hvem   string // fnr; "" nobody
	sti    string
	status int64
	skjema func(f *portaltest.Vindu) // what to do there first
}

// tilstander lays everything that pages show into a house, and lists the pages.
func tilstander(t *testing.T, h *portaltest.Hus) []tilstand {
	t.Helper()
	h.Dokumentlager(t, portaltest.OrgTest)
	h.Dokumentlager(t, portaltest.OrgSkog)
	k := portaltest.Konfig()
	k.MidlertidigDeaktivertMottak = true
	portaltest.Must(t, h.Dig.OpprettKonfigurasjon(auth.With(t.Context(), auth.Caller{Slag: auth.Person, Fnr: portaltest.Admin}), portaltest.OrgTest, k))
	id, _ := h.Fagsystem(t, portaltest.OrgTest, "Fagsystem sosial")
	uten, _ := h.Fagsystem(t, portaltest.OrgTest, "Arkiv/kopi, test")
	ressurs, err := h.Org.TjenesteRessurs(t.Context(), portaltest.OrgTest, organisasjon.TypeDigisos)
	portaltest.Must(t, err)
	h.Skriv(t, func(tx *store.Tx) error {
		if err := h.Org.GiTilgang(t.Context(), tx, auth.Caller{}, id, auth.DigisosOppdater, ressurs); err != nil {
			return err
		}
		_, err := h.Org.LagPassord(t.Context(), tx, id, 24*time.Hour)
		return err
	})
	u := portal.Utkast{Felt: url.Values{"kanal": {forvaltning.UtenFiksIO}, "navn": {"NAV Skogby"}, "orgnr": {portaltest.OrgnrS}, "adresse1": {"Postboks 1"}, "postnr": {"9902"}, "poststed": {"Skogby"},
		"ansvarlig": {"Skogby kommune"}, "nks": {"ja"}, "oppdateringer": {"ja"}, "fagansvarlig": {"fag@skogby.test"}, "teknisk": {"a@skogby.test\nb@skogby.test"}, "aktivt": {"nei"}},
		Ferdig: []string{"kanal", "svarinn", "behandlingsansvarlig", "nav-kontaktsenter", "saksoppdateringer", "kontakt", "soknadsmottak"}}
	portaltest.Must(t, h.P.LagreUtkast(t.Context(), portaltest.Admin, "digisos", portaltest.OrgSkog, u))
	test, skog := "/forvaltning/"+portaltest.OrgTest, "/forvaltning/"+portaltest.OrgSkog
	trykk := func(f *portaltest.Vindu) {
		portaltest.JS[any](f, `document.querySelector("main form button[type=submit]").click()`)
	}
	sendt := func(sti string) func(*portaltest.Vindu) {
		return func(f *portaltest.Vindu) {
			portaltest.JS[any](f, `for (const e of document.querySelectorAll("main input[type=text], textarea")) e.value = "";
				for (const e of document.querySelectorAll("main input[type=radio]")) e.checked = false`)
			trykk(f)
			f.VenterPaa(`document.querySelector(".ds-error-summary, .ds-alert") !== null`)
		}
	}
	return []tilstand{
		{"hjem", "", "/", 200, nil},
		{"hjem-innlogget", portaltest.Admin, "/", 200, nil},
		{"om", "", "/om", 200, nil},
		{"logginn", "", "/logg-inn?til=/forvaltning", 200, nil},
		{"logginn-avbrutt", "", "/logg-inn/svar", 400, nil},
		{"logget-ut", "", "/logget-ut", 200, nil},
		{"feil-403", "", "/prove/403", 403, nil},
		{"feil-404", portaltest.Admin, "/forvaltning/finnes/ikke", 404, nil},
		{"feil-410", "", "/prove/410", 410, nil},
		{"feil-500", "", "/prove/500", 500, nil},
		{"velgorg", portaltest.Admin, "/forvaltning", 200, nil},
		{"velgorg-ingen", portaltest.Innbyg, "/forvaltning", 200, nil},
		{"tjenester", portaltest.Admin, test + "/tjenester", 200, nil},
		{"forutsetninger", portaltest.Admin2, test + "/digisos", 200, nil},
		{"forutsetninger-utkast", portaltest.Admin, skog + "/digisos", 200, nil},
		{"forutsetninger-ny", portaltest.Alene, skog + "/digisos", 200, nil},
		{"steg-kanal", portaltest.Alene, skog + "/digisos/veiviser/kanal", 200, nil},
		{"steg-svarinn", portaltest.Admin, skog + "/digisos/veiviser/svarinn", 200, nil},
		{"steg-svarinn-feil", portaltest.Alene, skog + "/digisos/veiviser/svarinn", 200, sendt("")},
		{"steg-kontakt-feil", portaltest.Alene, skog + "/digisos/veiviser/kontakt", 200, sendt("")},
		{"steg-nks-feil", portaltest.Alene, skog + "/digisos/veiviser/nav-kontaktsenter", 200, sendt("")},
		{"seover", portaltest.Admin, skog + "/digisos/veiviser/se-over", 200, nil},
		{"digisos", portaltest.Admin, test + "/digisos", 200, nil},
		{"endre", portaltest.Admin, test + "/digisos/endre/kanal", 200, nil},
		{"stenging", portaltest.Admin, test + "/digisos/stenging", 200, nil},
		{"endre-konflikt", portaltest.Admin, test + "/digisos/endre/behandlingsansvarlig", 200, func(f *portaltest.Vindu) {
			portaltest.JS[any](f, `document.querySelector("[name=versjon]").value = "eldre"`)
			trykk(f)
			f.VenterPaa(`document.querySelector("main .ds-alert") !== null`)
		}},
		{"ferdig", portaltest.Admin, test + "/digisos/ferdig", 200, nil},
		{"integrasjoner", portaltest.Admin, test + "/integrasjoner", 200, nil},
		{"integrasjoner-ingen", portaltest.Admin, skog + "/integrasjoner", 200, nil},
		{"integrasjon-ny-feil", portaltest.Admin, test + "/integrasjoner/ny", 200, sendt("")},
		{"integrasjon", portaltest.Admin, test + "/integrasjoner/" + id, 200, nil},
		{"passord-nytt", portaltest.Admin, test + "/integrasjoner/" + id + "/passord", 200, nil},
		{"passord-vist", portaltest.Admin, test + "/integrasjoner/" + uten + "/passord", 200, func(f *portaltest.Vindu) {
			trykk(f)
			f.VenterPaa(`document.querySelector("#passord, main .ds-alert, h1") !== null && document.readyState === "complete"`)
		}},
		{"slett", portaltest.Admin, test + "/integrasjoner/" + id + "/slett", 200, nil},
	}
}

// Every page in every state: no fault that axe finds, in light, dark and on a
// narrow screen; nothing wider than the screen, also with large text spacing;
// nothing that the content security policy stops; no request to another host.
func TestAlleKanBrukeSidene(t *testing.T) {
	t.Parallel()
	ctx := portaltest.Chromium(t)
	h := portaltest.HusMedNett(t)
	kanBrukes(ctx, t, h, tilstander(t, h))
}

func kanBrukes(ctx context.Context, t *testing.T, h *portaltest.Hus, liste []tilstand) {
	t.Helper()
	vinduer := map[string]*portaltest.Vindu{}
	for _, s := range liste {
		f := vinduer[s.hvem]
		if f == nil {
			f = h.NyttVindu(ctx, t, s.hvem)
			vinduer[s.hvem] = f
		}
		for _, m := range []struct {
			navn   string
			bredde int64
			mork   bool
		}{{"lys", 1280, false}, {"mork", 1280, true}, {"smal", 320, false}} {
			f.Skjerm(m.bredde, 900, m.mork)
			if m.navn == "lys" {
				f.Gaa(s.sti, s.status)
				if s.skjema != nil {
					s.skjema(f)
				}
			}
			if m.mork {
				f.Tilgjengelig(s.navn+" "+m.navn, portaltest.Fargeregler)
			} else {
				f.Tilgjengelig(s.navn+" "+m.navn, portaltest.AlleRegler)
			}
			f.Bilde(s.navn + "-" + m.navn)
			for _, bredde := range []int64{m.bredde, 640} {
				f.Skjerm(bredde, 900, m.mork)
				if d := portaltest.JS[float64](f, `document.documentElement.scrollWidth - innerWidth`); d > 0 {
					f.T.Errorf("%s: %v px too wide at %d", s.navn, d, bredde)
				}
			}
		}
		f.Skjerm(320, 900, false)
		portaltest.JS[any](f, `(() => { const s = new CSSStyleSheet(); s.replaceSync("* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important } p { margin-block-end: 2em !important }");
			document.adoptedStyleSheets = [s] })()`)
		if d := portaltest.JS[float64](f, `document.documentElement.scrollWidth - innerWidth`); d > 0 {
			f.T.Errorf("%s: %v px too wide with large text spacing", s.navn, d)
		}
		if smaa := portaltest.JS[string](f, `[...document.querySelectorAll("a, button, input:not([type=hidden]), textarea")].filter(e => { const r = e.getBoundingClientRect();
			return r.width > 0 && r.height < 24 && !e.closest("p, li:not(.p-spraak li)") && !e.matches("[type=radio], [type=checkbox], .ds-skip-link") }).map(e => e.outerHTML).join("\n")`); smaa != "" {
			f.T.Errorf("%s: targets below 24 px:\n%s", s.navn, smaa)
		}
	}
	for _, f := range vinduer {
		f.Rolig()
	}
}
