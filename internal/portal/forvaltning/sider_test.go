package forvaltning_test

import (
	"maps"
	"regexp"
	"strings"
	"testing"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal/portaltest"
	"knutepunkt/internal/store"
)

// orgSider are the pages of an organisation that can be looked at, with the
// login level that they want.
func orgSider(t *testing.T, h *portaltest.Hus) map[string]int {
	t.Helper()
	h.Dokumentlager(t, portaltest.OrgTest)
	h.Dokumentlager(t, portaltest.OrgSkog)
	h.Konfigurer(t)
	id, _ := h.Fagsystem(t, portaltest.OrgTest, "Fagsystem")
	u := "/forvaltning/" + portaltest.OrgTest
	sider := medKontosider(t, h, map[string]int{u + "/tjenester": 3, u + "/digisos": 4, u + "/digisos/ferdig": 4, u + "/digisos/endre/kanal": 4,
		u + "/digisos/endre/kontakt": 4, u + "/digisos/stenging": 4, u + "/digisos/avstemming": 4, u + "/digisos/prov": 4,
		u + "/integrasjoner": 4, u + "/integrasjoner/ny": 4, u + "/integrasjoner/" + id: 4, u + "/integrasjoner/" + id + "/endre": 4,
		u + "/integrasjoner/" + id + "/passord": 4, u + "/integrasjoner/" + id + "/slett": 4,
		u + "/brukere": 4, u + "/brukere/ny": 4,
		u + "/avtaler": 3, u + "/oppsett": 4,
	})
	maps.Copy(sider, svarinnSider(t, h))
	maps.Copy(sider, bydelSider(t, h))
	return sider
}

// Every page of an organisation by every kind of person: to those who do not
// administer it, it does not exist.
func TestHvemSerHva(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	sider := orgSider(t, h)
	som := func(fnr string, niva int) *portaltest.Nettleser {
		n := h.Nettleser()
		n.LoggInn(t, fnr, niva, "/")
		return n
	}
	lav, hoy, annen, ingen := som(portaltest.Admin, 3), som(portaltest.Admin, 4), som(portaltest.Alene, 4), som(portaltest.Innbyg, 4)
	fremmed, finnesIkke := map[string]string{}, "00000000-0000-4000-8000-00000000ffff"
	for sti, niva := range sider {
		h.Nettleser().Get(t, sti).Til(t, "/logg-inn?til="+sti)
		hoy.Get(t, sti).Er(t, 200)
		if niva == 4 {
			lav.Get(t, sti).Til(t, "/logg-inn?til="+sti+"&niva=4")
		} else {
			lav.Get(t, sti).Er(t, 200)
		}
		for _, n := range []*portaltest.Nettleser{annen, ingen} {
			fremmed[utenKode(n.Get(t, sti).Er(t, 404, "Siden finnes ikke").HTML)] = sti
			// The same as an organisation that nobody has.
			fremmed[utenKode(n.Get(t, strings.Replace(sti, portaltest.OrgTest, finnesIkke, 1)).Er(t, 404).HTML)] = sti
			// Nor can anything be done there.
			n.Post(t, sti, "navn", "x").Er(t, 404)
		}
	}
	if len(fremmed) != len(sider)*2 { // the path, in the links of the languages, is all that differs
		t.Errorf("%d different answers to those who have no business there", len(fremmed))
	}
	// Grants end at once.
	h.Skriv(t, func(tx *store.Tx) error {
		return h.Org.TrekkTilgang(t.Context(), tx, auth.Caller{}, portaltest.Admin, auth.Admin, portaltest.OrgTest)
	})
	for sti := range sider {
		hoy.Get(t, sti).Er(t, 404)
	}
	// The citizen who administers nothing, and the one who administers one.
	ingen.Get(t, "/forvaltning").Er(t, 200, "Du har ikke tilgang til noen organisasjon")
	annen.Get(t, "/forvaltning").Til(t, "/forvaltning/"+portaltest.OrgSkog+"/tjenester")
}

var feilkode = regexp.MustCompile(`<code>[0-9a-f-]{36}</code>`)

func utenKode(html string) string { return feilkode.ReplaceAllString(html, "") }

var (
	innebygd = regexp.MustCompile(`(?i)<style|<script(?: [^>]*)?>[^<]|\son[a-z]+=|\sstyle=|javascript:`)
	fremmed  = regexp.MustCompile(`(?:src|href|action)="(?:https?:)?//`)
	elleve   = regexp.MustCompile(`\b\d{11}\b`)
	tittelen = regexp.MustCompile(`<title>(.*)</title>`)
)

// What holds for every page: the headers, nothing inline, nothing foreign, a
// title, one h1, and nobody's number.
func TestAlleSider(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	sider := orgSider(t, h)
	for _, s := range []string{"/", "/om", "/forvaltning", "/logget-ut", "/forvaltning/x/y", "/prove/500", "/forvaltning/" + portaltest.OrgSkog + "/digisos",
		"/forvaltning/" + portaltest.OrgSkog + "/digisos/veiviser/kanal", "/forvaltning/" + portaltest.OrgSkog + "/digisos/veiviser/svarinn"} {
		sider[s] = 0
	}
	for _, sprak := range []string{"nb", "nn", "en"} {
		n := h.Som(t, portaltest.Admin)
		n.Get(t, "/?sprak="+sprak).Til(t, "/")
		for sti := range sider {
			s := n.Get(t, sti)
			if elleve.MatchString(s.Header.Get("Location")) {
				t.Errorf("%s leads to %s", sti, s.Header.Get("Location"))
			}
			for navn, want := range map[string]string{
				"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
				"Referrer-Policy":         "no-referrer", "X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin",
				"Permissions-Policy": "camera=(), microphone=(), geolocation=()", "Cache-Control": "no-store", "Content-Type": "text/html; charset=utf-8", "Content-Language": sprak,
			} {
				if got := s.Header.Get(navn); got != want {
					t.Errorf("%s: %s is %q", sti, navn, got)
				}
			}
			for hva, re := range map[string]*regexp.Regexp{"inline": innebygd, "foreign": fremmed, "a number of eleven digits": elleve} {
				if m := re.FindString(s.HTML); m != "" {
					t.Errorf("%s: %s: %q", sti, hva, m)
				}
			}
			if strings.Count(s.HTML, "<h1") != 1 || !strings.Contains(s.HTML, `<html lang="`+sprak+`"`) || strings.Contains(s.HTML, "ZgotmplZ") {
				t.Errorf("%s in %s: %s", sti, sprak, s.HTML)
			}
			if m := tittelen.FindStringSubmatch(s.HTML); m == nil || !strings.HasSuffix(m[1], " – Knutepunkt") || strings.HasPrefix(m[1], " ") {
				t.Errorf("%s: title %q", sti, m)
			}
		}
	}
	logg := h.Logg.B.String()
	if strings.Count(logg, "msg=request") < 3*len(sider) {
		t.Errorf("too little is logged: %d bytes", len(logg))
	}
	for _, s := range []string{portaltest.Admin, "Testby", "state=", "code="} {
		if strings.Contains(logg, s) {
			t.Errorf("%q is in the log", s)
		}
	}
}

func TestTjenester(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	n := h.Som(t, portaltest.Admin)
	sti := "/forvaltning/" + portaltest.OrgSkog + "/tjenester"
	n.Get(t, sti).Er(t, 200, "Ta i bruk Dokumentlager før Digisos")
	n.Get(t, "/forvaltning/"+portaltest.OrgSkog+"/digisos").Er(t, 200, "Ta i bruk Dokumentlager før Digisos")
	n.Get(t, "/forvaltning/"+portaltest.OrgSkog+"/digisos/veiviser/kanal").Til(t, "/forvaltning/"+portaltest.OrgSkog+"/digisos")
	n.Post(t, sti, "tjeneste", organisasjon.TypeDigisos).Er(t, 400) // only by its wizard
	for range 2 {                                                   // twice is no error
		n.Post(t, sti, "tjeneste", organisasjon.TypeDokumentlager).Til(t, sti+"?ny="+organisasjon.TypeDokumentlager)
	}
	s := n.Get(t, sti+"?ny="+organisasjon.TypeDokumentlager).Er(t, 200, "Dokumentlager er tatt i bruk.", `href="/forvaltning/`+portaltest.OrgSkog+`/digisos"`)
	if i, j := strings.Index(s.HTML, ">Dokumentlager</h2>"), strings.Index(s.HTML, ">Digisos</h2>"); i < 0 || j < i {
		t.Error("services in use do not come first")
	}
	h.Konfigurer(t)
	n.Get(t, "/forvaltning/"+portaltest.OrgTest+"/tjenester").Er(t, 200, "Oppsett", "Kontoer: 1.", "Kontoer som trenger tilsyn: 1")
	// An organisation that is no municipality has no Digisos.
	h.Skriv(t, func(tx *store.Tx) error {
		return h.Org.GiTilgang(t.Context(), tx, auth.Caller{}, portaltest.Admin, auth.Admin, portaltest.OrgNAV)
	})
	if s := n.Get(t, "/forvaltning/"+portaltest.OrgNAV+"/tjenester").Er(t, 200); strings.Contains(s.HTML, "sosialhjelp") {
		t.Error("Digisos is offered to NAV")
	}
	n.Get(t, "/forvaltning/"+portaltest.OrgNAV+"/digisos").Er(t, 404)
}
