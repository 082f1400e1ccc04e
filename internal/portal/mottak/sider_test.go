package mottak_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/portal/portaltest"
	"knutepunkt/internal/store"
)

// sidene are all pages about one office: those that only show, and the forms. What they
// are about waits, and is a gap.
func sidene(t *testing.T, h *portaltest.Hus, venter, avvik string) (vises, skjemaer []string) {
	t.Helper()
	m, e := "/mottak/meldinger/"+venter, sentrum(t, h)
	return []string{m, m + "/pdf", m + "/bekreft", m + "/brev", m + "/bekreftet", m + "/brevet", e, e + "/avvik/" + avvik + "/lever", e + "/avvik/" + avvik + "/paa-vei",
		e + "/kvittering/" + uuid.NewString()}, []string{m + "/bekreft", m + "/brev", e, e + "/avvik/" + avvik + "/lever"}
}

// Every page by every kind of person. To those who do not receive for the office, be they
// its administrator, it does not exist.
func TestHvemSerHva(t *testing.T) {
	t.Parallel()
	h, k := hus(t)
	venter, avvik := h.Bekymring(t, portaltest.BydelV2, hemmelig), hull(t, h, k)
	vises, skjemaer := sidene(t, h, venter, avvik)
	egen := h.Som(t, kari)
	lav := h.Nettleser()
	lav.LoggInn(t, kari, 3, "/")
	for _, sti := range append(vises, "/mottak", "/mottak/hentet", "/mottak/avstemming") {
		h.Nettleser().Get(t, sti).Til(t, "/logg-inn?til="+sti)
		lav.Get(t, sti).Til(t, "/logg-inn?til="+sti+"&niva=4")
	}
	for _, sti := range skjemaer {
		h.Nettleser().Post(t, sti, "lagret", "ja").Til(t, "/logg-inn?til="+sti)
		lav.Post(t, sti, "lagret", "ja").Til(t, "/logg-inn?til="+sti+"&niva=4")
	}
	fremmed := map[string]bool{}
	for _, hvem := range []string{nora, leder} {
		n := h.Som(t, hvem)
		for _, sti := range vises {
			s := n.Get(t, sti).Er(t, 404, "Siden finnes ikke")
			ukjent := sti
			for _, id := range []string{venter, avvik, h.Bydel(t, portaltest.BydelV2).RessursID} {
				ukjent = strings.ReplaceAll(ukjent, id, uuid.NewString())
			}
			// The same as what nobody has; the path, in the links of the languages, is all that differs.
			for _, x := range []portaltest.SvarSide{s, n.Get(t, ukjent).Er(t, 404)} {
				fremmed[spraaklenke.ReplaceAllString(kode.ReplaceAllString(x.HTML, ""), "")] = true
			}
		}
		for _, sti := range skjemaer {
			n.Post(t, sti, "lagret", "ja", "maate", "liste", "nokkel", "x", "liste", avvik).Er(t, 404)
		}
		uten(t, n.Get(t, "/mottak").Er(t, 200), venter)
		uten(t, n.Get(t, "/mottak/hentet").Er(t, 200), venter, avvik)
		if got := revidert(t, h, hvem, venter); len(got) != 0 {
			t.Errorf("audited %v", got)
		}
	}
	if len(fremmed) != 1 {
		t.Errorf("%d different answers to those who have no business there", len(fremmed))
	}
	h.Som(t, leder).Get(t, "/mottak").Er(t, 200, "Du tar ikke imot for noe kontor ennå")
	h.Som(t, leder).Get(t, "/mottak/avstemming").Er(t, 200, "Du tar ikke imot for noe kontor ennå")
	tilstander(t, h, venter, "AKSEPTERT SENDT_FAGSYSTEM")
	egen.Get(t, vises[0]).Er(t, 200)
	// The right ends at once.
	h.Skriv(t, func(tx *store.Tx) error {
		return h.Org.TrekkTilgang(t.Context(), tx, auth.Caller{}, kari, auth.BekymringMottak, h.Bydel(t, portaltest.BydelV2).RessursID)
	})
	for _, sti := range vises {
		egen.Get(t, sti).Er(t, 404)
	}
	// Another site's form does nothing.
	n := h.Som(t, ola)
	n.Origin = "https://annet.test"
	n.Post(t, vises[0]+"/bekreft", "lagret", "ja").Er(t, 403)
	tilstander(t, h, venter, "AKSEPTERT SENDT_FAGSYSTEM")
}

var (
	spraaklenke = regexp.MustCompile(`href="[^"]*sprak=[a-z]+"`)
	innebygd    = regexp.MustCompile(`(?i)<style|<script(?: [^>]*)?>[^<]|\son[a-z]+=|\sstyle=|javascript:`)
	elleve      = regexp.MustCompile(`\b\d{11}\b`)
	nokkelRE    = regexp.MustCompile(`mottak\.[a-z]`)
)

// What holds for every page in every language: nothing inline, one h1, all texts, and
// nobody's number or words.
func TestAlleSider(t *testing.T) {
	t.Parallel()
	h, k := hus(t)
	h.Mottaker(t, portaltest.BydelV1, kari)
	venter, avvik := h.Bekymring(t, portaltest.BydelV2, hemmelig), hull(t, h, k)
	bekreftet := h.Bekymring(t, portaltest.BydelV2, hemmelig)
	for _, sprak := range []string{"nb", "nn", "en"} {
		n := h.Som(t, kari)
		n.Get(t, "/?sprak="+sprak).Til(t, "/")
		n.Post(t, "/mottak/meldinger/"+bekreftet+"/bekreft", "lagret", "ja").Er(t, 303)
		e := sentrum(t, h)
		kvittering := n.Post(t, e, "maate", "liste", "nokkel", sprak, "liste", "x "+uuid.NewString()).Er(t, 303).Header.Get("Location")
		for _, sti := range []string{"/mottak", "/mottak/hentet", "/mottak/avstemming", "/mottak/meldinger/" + venter, "/mottak/meldinger/" + venter + "/bekreft", "/mottak/meldinger/" + venter + "/brev",
			"/mottak/meldinger/" + bekreftet, "/mottak/meldinger/" + bekreftet + "/bekreft", "/mottak/meldinger/" + bekreftet + "/bekreftet", e, e + "/avvik/" + avvik + "/lever", kvittering} {
			s := n.Get(t, sti).Er(t, 200, `<html lang="`+sprak+`"`)
			for hva, re := range map[string]*regexp.Regexp{"inline": innebygd, "a number of eleven digits": elleve, "a text without words": nokkelRE} {
				if m := re.FindString(s.HTML); m != "" {
					t.Errorf("%s: %s: %q", sti, hva, m)
				}
			}
			if strings.Count(s.HTML, "<h1") != 1 || strings.Contains(s.HTML, "ZgotmplZ") {
				t.Errorf("%s: %s", sti, s.HTML)
			}
			uten(t, s, hemmelig, "Lise")
			if got := s.Header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("%s: Cache-Control %q", sti, got)
			}
		}
	}
	h.Som(t, kari).Get(t, "/mottak/finnes/ikke").Er(t, 404)
}
