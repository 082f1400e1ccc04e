package portal

import (
	"net/url"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/digisos"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

// tilstand is a page in one of its states: how to come there, and as whom.
type tilstand struct {
	navn   string
	hvem   string // fnr; "" nobody
	sti    string
	status int64
	skjema func(f *vindu) // what to do there first
}

// tilstander lays everything that pages show into a house, and lists the pages.
func tilstander(t *testing.T, h *hus) []tilstand {
	t.Helper()
	h.dokumentlager(t, orgTest)
	h.dokumentlager(t, orgSkog)
	k := konfig()
	k.MidlertidigDeaktivertMottak = true
	must(t, h.dig.OpprettKonfigurasjon(auth.With(t.Context(), auth.Caller{Slag: auth.Person, Fnr: admin}), orgTest, k))
	id, _ := h.fagsystem(t, orgTest, "Fagsystem sosial")
	uten, _ := h.fagsystem(t, orgTest, "Arkiv/kopi, test")
	ressurs, err := h.org.TjenesteRessurs(t.Context(), orgTest, organisasjon.TypeDigisos)
	must(t, err)
	h.skriv(t, func(tx *store.Tx) error {
		if err := h.org.GiTilgang(t.Context(), tx, auth.Caller{}, id, auth.DigisosOppdater, ressurs); err != nil {
			return err
		}
		_, err := h.org.LagPassord(t.Context(), tx, id, 24*time.Hour)
		return err
	})
	u := utkast{Felt: tilFelt(digisos.KommuneKonfigurasjon{}), Ferdig: nil}
	u.Felt = url.Values{"kanal": {utenFiksIO}, "navn": {"NAV Skogby"}, "orgnr": {orgnrS}, "adresse1": {"Postboks 1"}, "postnr": {"9902"}, "poststed": {"Skogby"},
		"ansvarlig": {"Skogby kommune"}, "nks": {"ja"}, "oppdateringer": {"ja"}, "fagansvarlig": {"fag@skogby.test"}, "teknisk": {"a@skogby.test\nb@skogby.test"}, "aktivt": {"nei"}}
	u.Ferdig = []string{"kanal", "svarinn", "behandlingsansvarlig", "nav-kontaktsenter", "saksoppdateringer", "kontakt", "soknadsmottak"}
	must(t, h.p.lagreUtkast(t.Context(), admin, utkastDigisos, orgSkog, u))
	test, skog := "/forvaltning/"+orgTest, "/forvaltning/"+orgSkog
	trykk := func(f *vindu) { js[any](f, `document.querySelector("main form button[type=submit]").click()`) }
	sendt := func(sti string) func(*vindu) {
		return func(f *vindu) {
			js[any](f, `for (const e of document.querySelectorAll("main input[type=text], textarea")) e.value = "";
				for (const e of document.querySelectorAll("main input[type=radio]")) e.checked = false`)
			trykk(f)
			f.venterPaa(`document.querySelector(".ds-error-summary, .ds-alert") !== null`)
		}
	}
	return []tilstand{
		{"hjem", "", "/", 200, nil},
		{"hjem-innlogget", admin, "/", 200, nil},
		{"om", "", "/om", 200, nil},
		{"logginn", "", "/logg-inn?til=/forvaltning", 200, nil},
		{"logginn-avbrutt", "", "/logg-inn/svar", 400, nil},
		{"logget-ut", "", "/logget-ut", 200, nil},
		{"feil-403", "", "/prove/403", 403, nil},
		{"feil-404", admin, "/forvaltning/finnes/ikke", 404, nil},
		{"feil-410", "", "/prove/410", 410, nil},
		{"feil-500", "", "/prove/500", 500, nil},
		{"velgorg", admin, "/forvaltning", 200, nil},
		{"velgorg-ingen", innbyg, "/forvaltning", 200, nil},
		{"tjenester", admin, test + "/tjenester", 200, nil},
		{"forutsetninger", admin2, test + "/digisos", 200, nil},
		{"forutsetninger-utkast", admin, skog + "/digisos", 200, nil},
		{"forutsetninger-ny", alene, skog + "/digisos", 200, nil},
		{"steg-kanal", alene, skog + "/digisos/veiviser/kanal", 200, nil},
		{"steg-svarinn", admin, skog + "/digisos/veiviser/svarinn", 200, nil},
		{"steg-svarinn-feil", alene, skog + "/digisos/veiviser/svarinn", 200, sendt("")},
		{"steg-kontakt-feil", alene, skog + "/digisos/veiviser/kontakt", 200, sendt("")},
		{"steg-nks-feil", alene, skog + "/digisos/veiviser/nav-kontaktsenter", 200, sendt("")},
		{"seover", admin, skog + "/digisos/veiviser/se-over", 200, nil},
		{"digisos", admin, test + "/digisos", 200, nil},
		{"endre", admin, test + "/digisos/endre/kanal", 200, nil},
		{"stenging", admin, test + "/digisos/stenging", 200, nil},
		{"endre-konflikt", admin, test + "/digisos/endre/behandlingsansvarlig", 200, func(f *vindu) {
			js[any](f, `document.querySelector("[name=versjon]").value = "eldre"`)
			trykk(f)
			f.venterPaa(`document.querySelector("main .ds-alert") !== null`)
		}},
		{"ferdig", admin, test + "/digisos/ferdig", 200, nil},
		{"integrasjoner", admin, test + "/integrasjoner", 200, nil},
		{"integrasjoner-ingen", admin, skog + "/integrasjoner", 200, nil},
		{"integrasjon-ny-feil", admin, test + "/integrasjoner/ny", 200, sendt("")},
		{"integrasjon", admin, test + "/integrasjoner/" + id, 200, nil},
		{"passord-nytt", admin, test + "/integrasjoner/" + id + "/passord", 200, nil},
		{"passord-vist", admin, test + "/integrasjoner/" + uten + "/passord", 200, func(f *vindu) {
			trykk(f)
			f.venterPaa(`document.querySelector("#passord, main .ds-alert, h1") !== null && document.readyState === "complete"`)
		}},
		{"slett", admin, test + "/integrasjoner/" + id + "/slett", 200, nil},
	}
}

// venterPaa waits until an expression holds in the page.
func (f *vindu) venterPaa(uttrykk string) {
	f.t.Helper()
	frist := time.Now().Add(20 * time.Second)
	for {
		// The page may be on its way out while it is asked.
		ja, err := chromedp.Run(f.ctx, chromedp.Evaluate[bool](`document.readyState === "complete" && `+uttrykk))
		if err == nil && ja {
			f.tegnet()
			return
		}
		if time.Now().After(frist) {
			f.t.Fatalf("waiting in vain for %s: %v", uttrykk, err)
		}
	}
}

// Every page in every state: no fault that axe finds, in light, dark and on a
// narrow screen; nothing wider than the screen, also with large text spacing;
// nothing that the content security policy stops; no request to another host.
func TestAlleKanBrukeSidene(t *testing.T) {
	t.Parallel()
	ctx := chromium(t)
	h := husMedNett(t)
	vinduer := map[string]*vindu{}
	for _, s := range tilstander(t, h) {
		f := vinduer[s.hvem]
		if f == nil {
			f = h.nyttVindu(ctx, t, s.hvem)
			vinduer[s.hvem] = f
		}
		for _, m := range []struct {
			navn   string
			bredde int64
			mork   bool
		}{{"lys", 1280, false}, {"mork", 1280, true}, {"smal", 320, false}} {
			f.skjerm(m.bredde, 900, m.mork)
			if m.navn == "lys" {
				f.gaa(s.sti, s.status)
				if s.skjema != nil {
					s.skjema(f)
				}
			}
			if m.mork {
				f.tilgjengelig(s.navn+" "+m.navn, fargeregler)
			} else {
				f.tilgjengelig(s.navn+" "+m.navn, alleRegler)
			}
			f.bilde(s.navn + "-" + m.navn)
			for _, bredde := range []int64{m.bredde, 640} {
				f.skjerm(bredde, 900, m.mork)
				if d := js[float64](f, `document.documentElement.scrollWidth - innerWidth`); d > 0 {
					f.t.Errorf("%s: %v px too wide at %d", s.navn, d, bredde)
				}
			}
		}
		f.skjerm(320, 900, false)
		js[any](f, `(() => { const s = new CSSStyleSheet(); s.replaceSync("* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important } p { margin-block-end: 2em !important }");
			document.adoptedStyleSheets = [s] })()`)
		if d := js[float64](f, `document.documentElement.scrollWidth - innerWidth`); d > 0 {
			f.t.Errorf("%s: %v px too wide with large text spacing", s.navn, d)
		}
		if smaa := js[string](f, `[...document.querySelectorAll("a, button, input:not([type=hidden]), textarea")].filter(e => { const r = e.getBoundingClientRect();
			return r.width > 0 && r.height < 24 && !e.closest("p, li:not(.p-spraak li)") && !e.matches("[type=radio], [type=checkbox], .ds-skip-link") }).map(e => e.outerHTML).join("\n")`); smaa != "" {
			f.t.Errorf("%s: targets below 24 px:\n%s", s.navn, smaa)
		}
	}
	for _, f := range vinduer {
		f.rolig()
	}
}
