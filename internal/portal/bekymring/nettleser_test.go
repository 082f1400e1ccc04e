package bekymring_test

import (
	"fmt"
	"testing"

	"knutepunkt/internal/portal/portaltest"
)

// A private person's way, with an error and a second child on it, by the keyboard alone;
// and a public employee's without scripts.
func TestNettleserReisene(t *testing.T) {
	t.Parallel()
	ctx := portaltest.Chromium(t)
	h := portaltest.HusMedNett(t)
	h.Bydeler(t)
	inn := func(r *portaltest.Reisende, sti string) {
		r.Gaa("/bekymring")
		r.Trykk("Fortsett som " + map[string]string{"privat": "privatperson", "offentlig": "offentlig ansatt"}[sti])
		r.Ser("Hvis det haster", "112")
		r.Trykk("Start")
		portaltest.JS[any](r.Vindu, `document.getElementById("kommune").value = "9901"; 0`) // how a list is chosen from is the browser's matter
		r.Trykk("Neste steg")
		r.Velg("Jeg vet ikke")
		r.Trykk("Neste steg")
		r.Ser("logge inn")
		r.Trykk("Logg inn")
		r.LoggInn(portaltest.Admin)
		if r.Les("h1") != "Før du skriver" { // the first login was at a lower level
			r.Trykk("Logg inn")
			r.LoggInn(portaltest.Admin)
		}
		r.Ser("Testby kommune er behandlingsansvarlig")
		r.Trykk("Begynn å skrive")
	}
	ferdig := func(r *portaltest.Reisende) {
		r.Ser("Dette er det barnevernstjenesten får")
		r.Trykk("Send meldingen")
		r.Ser("Meldingen er sendt", "Referanse")
		portaltest.Must(t, h.Jobs.RunDue(t.Context()))
		r.VenterPaaTekst("Sendt til barnevernstjenesten")
	}
	t.Run("privat med tastatur", func(t *testing.T) {
		r := portaltest.NyReisende(ctx, t, h.Base, true)
		inn(r, "privat")
		r.Trykk("Neste steg")
		r.Trykk("Neste steg") // with nothing in it
		r.VenterPaa(`document.activeElement.matches(".ds-error-summary")`)
		r.Ser("Skriv navnet til barn 1")
		r.Skriv("barn1-navn", "Lise")
		r.Trykk("Legg til et barn")
		r.VenterPaa(`location.hash === "#barn2-navn"`)
		r.Ser("Barn 2")
		r.Trykk("Fjern Barn 2")
		if got := portaltest.JS[string](r.Vindu, `document.getElementById("barn1-navn").value`); got != "Lise" {
			t.Errorf("the first child is %q", got)
		}
		r.TabTil("#barn1-navn")
		r.EnterTil("/privat/steg/bekymringen") // Return goes on, and takes nobody away
		r.Skriv("melding", "Gråter hver natt.")
		r.Trykk("Neste steg")
		ferdig(r)
	})
	t.Run("offentlig uten skript", func(t *testing.T) {
		r := portaltest.NyReisende(ctx, t, h.Base, false)
		inn(r, "offentlig")
		for _, x := range [][2]string{{"rolle", "Lærer"}, {"telefon", "12345678"}, {"epost", "kari+jobb@skole.no"}, {"virksomhet", "Skolen"}, {"adresse", "Skoleveien 1"}} {
			r.Skriv(x[0], x[1])
		}
		r.Trykk("Neste steg")
		r.Ser("kan ikke inneholde tegnet +")
		r.Skriv("epost", "kari@skole.no")
		r.Trykk("Neste steg")
		r.Velg("Barnet er ikke født ennå")
		r.Trykk("Neste steg")
		r.Velg("Jeg vet ikke hvem foreldrene er")
		r.Trykk("Neste steg")
		r.Trykk("Neste steg")
		r.Skriv("melding", "Ruser seg.")
		r.Skriv("historie", "Lenge.")
		r.Trykk("Neste steg")
		r.Ser("Ufødt barn")
		ferdig(r)
		r.Ser("21 dager")
	})
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
