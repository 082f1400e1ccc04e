package bekymring_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"knutepunkt/internal/portal/portaltest"
)

// tekster are the words of the pages in a language, by key.
func tekster(t *testing.T, spraak string) func(nokkel string, par ...string) string {
	t.Helper()
	alle := map[string]string{}
	for _, mappe := range []string{"tekster", filepath.Join("..", "tekster")} {
		filer, err := filepath.Glob(filepath.Join(mappe, spraak, "*.json"))
		portaltest.Must(t, err)
		for _, f := range filer {
			b, err := os.ReadFile(f)
			portaltest.Must(t, err)
			portaltest.Must(t, json.Unmarshal(b, &alle))
		}
	}
	return func(nokkel string, par ...string) string {
		t.Helper()
		ord := alle[nokkel]
		if ord == "" {
			t.Fatalf("no text %s in %s", nokkel, spraak)
		}
		for i := 0; i+1 < len(par); i += 2 {
			ord = strings.ReplaceAll(ord, "{"+par[i]+"}", par[i+1])
		}
		return ord
	}
}

var spraakene = map[string]string{"nb": "Bokmål", "nn": "Nynorsk", "en": "English"}

// Both forms, from the start page to the receipt, in each language: by the keyboard alone,
// and with a pointer where no script runs.
func TestNettleserReisene(t *testing.T) {
	t.Parallel()
	ctx := portaltest.Chromium(t)
	h := portaltest.HusMedNett(t)
	h.Bydeler(t)
	for _, sti := range []string{"privat", "offentlig"} {
		for spraak := range spraakene {
			for maate, tastatur := range map[string]bool{"med tastatur": true, "uten skript": false} {
				t.Run(sti+" "+spraak+" "+maate, func(t *testing.T) {
					o := tekster(t, spraak)
					r := portaltest.NyReisende(ctx, t, h.Base, tastatur)
					tilSkjemaet(r, o, spraak, sti)
					if sti == "privat" {
						privatReise(r, o)
					} else {
						offentligReise(r, o)
					}
					r.Ser(o("bek.seover.om"))
					r.Trykk(o("bek.send"))
					r.Ser(o("bek.kvittering.tittel"), o("bek.referanse"), o("bek.pdf"))
					portaltest.Must(t, h.Jobs.RunDue(t.Context()))
					r.VenterPaaTekst(o("bek.tilstand.sendt"))
					if got := portaltest.JS[string](r.Vindu, `document.documentElement.lang`); got != spraak {
						t.Errorf("the receipt's language is %q", got)
					}
				})
			}
		}
	}
}

// tilSkjemaet goes from the landing page to the first step: language, who reports, where
// the child lives, and the login.
func tilSkjemaet(r *portaltest.Reisende, o func(string, ...string) string, spraak, sti string) {
	r.T.Helper()
	r.Gaa("/bekymring")
	if spraak != "nb" {
		r.Trykk(spraakene[spraak])
	}
	r.Trykk(o("bek." + sti + ".velg"))
	r.Ser(o("bek.haster"), "112")
	r.Trykk(o("bek.start"))
	portaltest.JS[any](r.Vindu, `document.getElementById("kommune").value = "9901"; 0`) // how a list is chosen from is the browser's matter
	r.Trykk(o("bek.neste"))
	r.Velg(o("bek.bydel.vetikke"))
	r.Trykk(o("bek.neste"))
	r.Ser(o("logginn.maa"))
	r.Trykk(o("hjem.logginn"))
	r.LoggInn(portaltest.Admin)
	if r.Les("h1") != o("bek.start.tittel") { // the first login was at a lower level
		r.Trykk(o("hjem.logginn"))
		r.LoggInn(portaltest.Admin)
	}
	r.Ser(o("bek.personvern.ansvar", "kommune", "Testby kommune"))
	r.Trykk(o("bek.start.begynn"))
}

// privatReise fills in the private form, with an error and a second child on the way.
func privatReise(r *portaltest.Reisende, o func(string, ...string) string) {
	r.T.Helper()
	r.Trykk(o("bek.neste"))
	r.Trykk(o("bek.neste")) // with nothing in it
	if !r.UtenSkript {
		r.VenterPaa(`document.activeElement.matches(".ds-error-summary")`)
	}
	r.Ser(o("bek.barn.navn.mangler", "nr", "1"))
	r.Skriv("barn1-navn", "Lise")
	r.Trykk(o("bek.leggtil.barn"))
	r.VenterPaa(`location.hash === "#barn2-navn"`)
	r.Ser(o("bek.gruppe.barn", "nr", "2"))
	r.Trykk(o("bek.fjern", "hva", o("bek.gruppe.barn", "nr", "2")))
	if got := portaltest.JS[string](r.Vindu, `document.getElementById("barn1-navn").value`); got != "Lise" {
		r.T.Errorf("the first child is %q", got)
	}
	if r.UtenSkript {
		r.Trykk(o("bek.neste"))
	} else {
		r.TabTil("#barn1-navn")
		r.EnterTil("/privat/steg/bekymringen") // Return goes on, and takes nobody away
	}
	r.Skriv("melding", "Gråter hver natt.")
	r.Trykk(o("bek.neste"))
}

// offentligReise fills in the other form, of a child that is not born and whose parents
// are not known.
func offentligReise(r *portaltest.Reisende, o func(string, ...string) string) {
	r.T.Helper()
	for _, x := range [][2]string{{"rolle", "Lærer"}, {"telefon", "12345678"}, {"epost", "kari+jobb@skole.no"}, {"virksomhet", "Skolen"}, {"adresse", "Skoleveien 1"}} {
		r.Skriv(x[0], x[1])
	}
	r.Trykk(o("bek.neste"))
	r.Ser("+")
	if got := r.Les("#epost-feil"); got == "" {
		r.T.Error("nothing is said at the field")
	}
	r.Skriv("epost", "kari@skole.no")
	r.Trykk(o("bek.neste"))
	r.Velg(o("bek.ufoedt.ja"))
	r.Trykk(o("bek.neste"))
	r.Velg(o("bek.foreldre.ukjent.ja"))
	r.Trykk(o("bek.neste"))
	r.Trykk(o("bek.neste"))
	r.Skriv("melding", "Ruser seg.")
	r.Skriv("historie", "Lenge.")
	r.Trykk(o("bek.neste"))
	r.Ser("Ufødt barn", "Lærer", "Ruser seg.")
}

// What is being written is stored without a press of a button, and says when.
func TestNettleserLagrerSelv(t *testing.T) {
	t.Parallel()
	ctx := portaltest.Chromium(t)
	h := portaltest.HusMedNett(t)
	h.Bydeler(t)
	n := begynn(t, h, "privat", portaltest.BydelV2)
	f := h.NyttVindu(ctx, t, portaltest.Admin)
	f.Skjerm(1280, 900, false)
	f.Gaa("/privat/steg/bekymringen")
	portaltest.JS[any](f, `document.querySelector("textarea").value = "Halvskrevet setning"; document.querySelector("textarea").dispatchEvent(new Event("input", {bubbles: true}));
		document.getElementById("bek-lagret").textContent = ""; document.dispatchEvent(new Event("visibilitychange")); 0`)
	f.VenterPaa(`document.getElementById("bek-lagret").textContent.startsWith("Lagret 10. juni 2026 kl.")`)
	n.Get(t, "/privat/steg/bekymringen").Er(t, 200, "Halvskrevet setning")
}

// The way out leads away and cannot be gone back on.
func TestNettleserForlat(t *testing.T) {
	t.Parallel()
	ctx := portaltest.Chromium(t)
	h := portaltest.HusMedNett(t)
	f := h.NyttVindu(ctx, t, "")
	f.Skjerm(1280, 900, false)
	f.Gaa("/om")
	f.Gaa("/bekymring")
	lengde := portaltest.JS[float64](f, `history.length`)
	portaltest.JS[any](f, fmt.Sprintf(`document.querySelector("[data-forlat]").href = %q; 0`, h.Base+"/"))
	for range 3 {
		f.Tast("\u001b")
	}
	f.VenterPaa(`location.pathname === "/"`)
	if got := portaltest.JS[float64](f, `history.length`); got != lengde {
		t.Errorf("the history has %v pages, had %v", got, lengde)
	}
}
