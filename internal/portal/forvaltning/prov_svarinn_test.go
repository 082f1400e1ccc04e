package forvaltning_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"knutepunkt/internal/portal/portaltest"
	"knutepunkt/internal/svarut/svarinn"
)

// From the list to the receipt, as a mottakersystem does it.
func TestProvSvarInn(t *testing.T) {
	t.Parallel()
	h := provhus(t, portaltest.NyttHus(t), svarInnAlene)
	system, passord := h.Mottakersystem(t, portaltest.OrgTest, portaltest.OrgnrT)
	be := h.Importer(t, system, passord)
	n := h.Som(t, portaltest.Admin)
	erSteg(t, n.Get(t, provsti).Er(t, 200, "Fagsystem sosial", system),
		"Oppsett av Digisos: I orden", "Mottakersystem i SvarInn: I orden", "Sertifikat: I orden", "Brukernavn og passord: I orden")
	sti := sendProv(t, n)
	erSteg(t, n.Get(t, sti), "Lagt i listen i SvarInn: Pågår", "Listen er hentet: Venter", "Lastet ned: Venter", "Kvittert: Venter")
	utfor(t, h)
	erSteg(t, n.Get(t, sti).Er(t, 200, svarinn.StiListe, system), "Lagt i listen i SvarInn: Ferdig", "Listen er hentet: Pågår", "Lastet ned: Venter", "Kvittert: Venter")
	var forsendelse string
	for range 3 { // importers ask again and again
		kode, liste := be("GET", svarinn.StiListe)
		m := regexp.MustCompile(`/tjenester/svarinn/forsendelse/([0-9a-f-]{36})`).FindStringSubmatch(liste)
		if kode != 200 || m == nil || !strings.Contains(liste, "TESTSØKNAD – skal ikke behandles") {
			t.Fatalf("%d %s", kode, liste)
		}
		forsendelse = m[1]
	}
	erSteg(t, n.Get(t, sti), "Listen er hentet: Ferdig", "Lastet ned: Pågår", "Kvittert: Venter")
	if kode, kropp := be("GET", "/tjenester/svarinn/forsendelse/"+forsendelse); kode != 200 || len(kropp) < 1000 {
		t.Fatalf("%d, %d bytes", kode, len(kropp))
	}
	erSteg(t, n.Get(t, sti), "Listen er hentet: Ferdig", "Lastet ned: Ferdig", "Kvittert: Pågår")
	portaltest.Must(t, h.Inn.MottakFeilet(t.Context(), system, forsendelse, "Arkivet er stengt", false))
	n.Get(t, sti).Er(t, 200, "<blockquote>Arkivet er stengt</blockquote>")
	if kode, kropp := be("POST", "/tjenester/svarinn/kvitterMottak/forsendelse/"+forsendelse); kode != 200 {
		t.Fatalf("%d %s", kode, kropp)
	}
	erSteg(t, n.Get(t, sti).Er(t, 200, "Oppsettet virker"), "Lastet ned: Ferdig", "Kvittert: Ferdig", "Saksoppdatering (valgfritt): Pågår")
	if got := h.Antall(t, `svarinn_hendelser WHERE slag IN ('LISTET', 'LASTET_NED')`); got != 2 {
		t.Errorf("%d marks of what happened", got)
	}
	h.Frem(t, 25*time.Hour)
	n = h.Som(t, portaltest.Admin)
	n.Get(t, sti).Er(t, 200, "Innholdet i testsøknaden er slettet", "Oppsettet virker")
	if filer, rader := h.Antall(t, `svarut_forsendelser WHERE slettet = 0`), h.Antall(t, `svarinn_forsendelser`); filer+rader != 0 {
		t.Errorf("left in SvarUt %d, in SvarInn %d", filer, rader)
	}
	ingenAlarm(t, h)
}

// In SvarInn a test that nobody takes, or that cannot be taken, goes no further.
func TestProvSvarInnFeil(t *testing.T) {
	t.Parallel()
	for navn, c := range map[string]struct {
		gjor    func(t *testing.T, h *portaltest.Hus, n *portaltest.Nettleser, sti, system, id string, be func(string, string) (int, string))
		tekster []string
		steg    []string
	}{
		"nobody fetches": {func(t *testing.T, h *portaltest.Hus, _ *portaltest.Nettleser, _, _, id string, be func(string, string) (int, string)) {
			h.Frem(t, 41*time.Minute)
			if _, liste := be("GET", svarinn.StiListe); liste != "[]" {
				t.Errorf("it is still there: %s", liste)
			}
			if kode, _ := be("POST", "/tjenester/svarinn/kvitterMottak/forsendelse/"+id); kode != 410 {
				t.Errorf("a late receipt: %d", kode)
			}
		}, []string{"Den stoppet her: Listen er hentet.", "hentet ikke listen før fristen var ute"}, []string{"Lagt i listen i SvarInn: Ferdig", "Listen er hentet: Feilet", "Lastet ned: Ikke prøvd", "Kvittert: Ikke prøvd"}},
		"cannot be taken": {func(t *testing.T, h *portaltest.Hus, _ *portaltest.Nettleser, _, system, id string, _ func(string, string) (int, string)) {
			portaltest.Must(t, h.Inn.MottakFeilet(t.Context(), system, id, "Ukjent avsender", true))
		}, []string{"<blockquote>Ukjent avsender</blockquote>"}, []string{"Listen er hentet: Ferdig", "Lastet ned: Ferdig", "Kvittert: Feilet"}},
		"cancelled": {func(t *testing.T, _ *portaltest.Hus, n *portaltest.Nettleser, sti, _, _ string, be func(string, string) (int, string)) {
			n.Post(t, sti).Til(t, sti)
			if _, liste := be("GET", svarinn.StiListe); liste != "[]" {
				t.Errorf("it is still there: %s", liste)
			}
		}, []string{"Prøven er avbrutt"}, []string{"Lagt i listen i SvarInn: Ferdig", "Listen er hentet: Ikke prøvd", "Lastet ned: Ikke prøvd", "Kvittert: Ikke prøvd"}},
	} {
		t.Run(navn, func(t *testing.T) {
			t.Parallel()
			h := provhus(t, portaltest.NyttHus(t), svarInnAlene)
			system, passord := h.Mottakersystem(t, portaltest.OrgTest, portaltest.OrgnrT)
			n := h.Som(t, portaltest.Admin)
			sti := sendProv(t, n)
			utfor(t, h)
			var id string
			portaltest.Must(t, h.DB.Read().QueryRowContext(t.Context(), `SELECT id FROM svarinn_forsendelser`).Scan(&id))
			c.gjor(t, h, n, sti, system, id, h.Importer(t, system, passord))
			utfor(t, h)
			n = h.Som(t, portaltest.Admin) // the clock may have moved
			erSteg(t, n.Get(t, sti).Er(t, 200, c.tekster...), c.steg...)
			ingenAlarm(t, h)
			h.Frem(t, 26*time.Hour)
			n = h.Som(t, portaltest.Admin)
			n.Get(t, sti).Er(t, 200, "Innholdet i testsøknaden er slettet")
			if n := h.Antall(t, `svarut_forsendelser WHERE slettet = 0`); n != 0 {
				t.Errorf("%d forsendelser are left in SvarUt", n)
			}
			ingenAlarm(t, h)
		})
	}
}
