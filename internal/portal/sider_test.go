package portal

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

// orgSider are the pages of an organisation that can be looked at, with the
// login level that they want.
func orgSider(t *testing.T, h *hus) map[string]int {
	t.Helper()
	h.dokumentlager(t, orgTest)
	h.dokumentlager(t, orgSkog)
	h.konfigurer(t)
	id, _ := h.fagsystem(t, orgTest, "Fagsystem")
	u := "/forvaltning/" + orgTest
	return map[string]int{u + "/tjenester": 3, u + "/digisos": 4, u + "/digisos/ferdig": 4, u + "/digisos/endre/kanal": 4,
		u + "/digisos/endre/kontakt": 4, u + "/digisos/stenging": 4, u + "/integrasjoner": 4, u + "/integrasjoner/ny": 4,
		u + "/integrasjoner/" + id: 4, u + "/integrasjoner/" + id + "/passord": 4, u + "/integrasjoner/" + id + "/slett": 4}
}

// Every page of an organisation by every kind of person: to those who do not
// administer it, it does not exist.
func TestHvemSerHva(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	sider := orgSider(t, h)
	som := func(fnr string, niva int) *nettleser {
		n := h.nettleser()
		n.loggInn(t, fnr, niva, "/")
		return n
	}
	lav, hoy, annen, ingen := som(admin, 3), som(admin, 4), som(alene, 4), som(innbyg, 4)
	fremmed, finnesIkke := map[string]string{}, "00000000-0000-4000-8000-00000000ffff"
	for sti, niva := range sider {
		h.nettleser().get(t, sti).til(t, "/logg-inn?til="+sti)
		hoy.get(t, sti).er(t, 200)
		if niva == 4 {
			lav.get(t, sti).til(t, "/logg-inn?til="+sti+"&niva=4")
		} else {
			lav.get(t, sti).er(t, 200)
		}
		for _, n := range []*nettleser{annen, ingen} {
			fremmed[utenKode(n.get(t, sti).er(t, 404, "Siden finnes ikke").html)] = sti
			// The same as an organisation that nobody has.
			fremmed[utenKode(n.get(t, strings.Replace(sti, orgTest, finnesIkke, 1)).er(t, 404).html)] = sti
			// Nor can anything be done there.
			n.post(t, sti, "navn", "x").er(t, 404)
		}
	}
	if len(fremmed) != len(sider)*2 { // the path, in the links of the languages, is all that differs
		t.Errorf("%d different answers to those who have no business there", len(fremmed))
	}
	// Grants end at once.
	h.skriv(t, func(tx *store.Tx) error {
		return h.org.TrekkTilgang(t.Context(), tx, auth.Caller{}, admin, auth.Admin, orgTest)
	})
	for sti := range sider {
		hoy.get(t, sti).er(t, 404)
	}
	// The citizen who administers nothing, and the one who administers one.
	ingen.get(t, "/forvaltning").er(t, 200, "Du har ikke tilgang til noen organisasjon")
	annen.get(t, "/forvaltning").til(t, "/forvaltning/"+orgSkog+"/tjenester")
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
	h := nyttHus(t)
	sider := orgSider(t, h)
	for _, s := range []string{"/", "/om", "/forvaltning", "/logget-ut", "/forvaltning/x/y", "/prove/500", "/forvaltning/" + orgSkog + "/digisos",
		"/forvaltning/" + orgSkog + "/digisos/veiviser/kanal", "/forvaltning/" + orgSkog + "/digisos/veiviser/svarinn"} {
		sider[s] = 0
	}
	for _, sprak := range []string{"nb", "nn", "en"} {
		n := h.som(t, admin)
		n.get(t, "/?sprak="+sprak).til(t, "/")
		for sti := range sider {
			s := n.get(t, sti)
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
				if m := re.FindString(s.html); m != "" {
					t.Errorf("%s: %s: %q", sti, hva, m)
				}
			}
			if strings.Count(s.html, "<h1") != 1 || !strings.Contains(s.html, `<html lang="`+sprak+`"`) || strings.Contains(s.html, "ZgotmplZ") {
				t.Errorf("%s in %s: %s", sti, sprak, s.html)
			}
			if m := tittelen.FindStringSubmatch(s.html); m == nil || !strings.HasSuffix(m[1], " – Knutepunkt") || strings.HasPrefix(m[1], " ") {
				t.Errorf("%s: title %q", sti, m)
			}
		}
	}
	logg := h.logg.b.String()
	if strings.Count(logg, "msg=request") < 3*len(sider) {
		t.Errorf("too little is logged: %d bytes", len(logg))
	}
	for _, s := range []string{admin, "Testby", "state=", "code="} {
		if strings.Contains(logg, s) {
			t.Errorf("%q is in the log", s)
		}
	}
}

func TestFeilsider(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	for sti, want := range map[string]struct {
		status int
		tekst  string
	}{
		"/prove/403": {403, "Du har ikke tilgang"}, "/prove/410": {410, "Siden er fjernet"}, "/prove/429": {429, "For mange forsøk"},
		"/prove/500": {500, "Oppgi feilkoden hvis du tar kontakt"}, "/forvaltning/finnes/ikke": {404, "Siden finnes ikke"},
	} {
		s := h.nettleser().get(t, sti).er(t, want.status, want.tekst)
		if !feilkode.MatchString(s.html) || strings.Contains(s.html, "internt") || strings.Contains(s.html, "EOF") {
			t.Errorf("%s: %s", sti, s.html)
		}
	}
	// The wrong method on a page is no page either.
	h.som(t, admin).be(t, "DELETE", "/forvaltning/"+orgTest+"/tjenester", nil).er(t, 404, "Siden finnes ikke")
	// A form that is too large.
	h.som(t, admin).post(t, "/forvaltning/"+orgTest+"/integrasjoner/ny", "navn", strings.Repeat("x", maksSkjema)).er(t, 413, "Skjemaet er for stort")
}

// Forms that another site makes a browser send change nothing.
func TestFremmedSkjema(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	n := h.som(t, admin)
	n.origin = "https://ond.test"
	sti := "/forvaltning/" + orgSkog + "/tjenester"
	n.post(t, sti, "tjeneste", organisasjon.TypeDokumentlager).er(t, 403, "Du har ikke tilgang")
	n.post(t, "/logg-ut").er(t, 403)
	if _, err := h.org.TjenesteRessurs(t.Context(), orgSkog, organisasjon.TypeDokumentlager); !feil.Er(err, feil.IkkeFunnet) {
		t.Errorf("it was done: %v", err)
	}
	n.origin = ""
	n.post(t, sti, "tjeneste", organisasjon.TypeDokumentlager).til(t, sti+"?ny="+organisasjon.TypeDokumentlager)
}

func TestTjenester(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	n := h.som(t, admin)
	sti := "/forvaltning/" + orgSkog + "/tjenester"
	n.get(t, sti).er(t, 200, "Ta i bruk Dokumentlager før Digisos")
	n.get(t, "/forvaltning/"+orgSkog+"/digisos").er(t, 200, "Ta i bruk Dokumentlager før Digisos")
	n.get(t, "/forvaltning/"+orgSkog+"/digisos/veiviser/kanal").til(t, "/forvaltning/"+orgSkog+"/digisos")
	n.post(t, sti, "tjeneste", organisasjon.TypeDigisos).er(t, 400) // only by its wizard
	for range 2 {                                                   // twice is no error
		n.post(t, sti, "tjeneste", organisasjon.TypeDokumentlager).til(t, sti+"?ny="+organisasjon.TypeDokumentlager)
	}
	s := n.get(t, sti+"?ny="+organisasjon.TypeDokumentlager).er(t, 200, "Dokumentlager er tatt i bruk.", `href="/forvaltning/`+orgSkog+`/digisos"`)
	if i, j := strings.Index(s.html, ">Dokumentlager</h2>"), strings.Index(s.html, ">Digisos</h2>"); i < 0 || j < i {
		t.Error("services in use do not come first")
	}
	h.konfigurer(t)
	n.get(t, "/forvaltning/"+orgTest+"/tjenester").er(t, 200, "Oppsett", "Testby fagsystem", "Kan ikke ta imot")
	// An organisation that is no municipality has no Digisos.
	h.skriv(t, func(tx *store.Tx) error {
		return h.org.GiTilgang(t.Context(), tx, auth.Caller{}, admin, auth.Admin, orgNAV)
	})
	if s := n.get(t, "/forvaltning/"+orgNAV+"/tjenester").er(t, 200); strings.Contains(s.html, "sosialhjelp") {
		t.Error("Digisos is offered to NAV")
	}
	n.get(t, "/forvaltning/"+orgNAV+"/digisos").er(t, 404)
}

func TestSpraak(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	n := h.nettleser()
	for header, want := range map[string]string{"": "nb", "nn-NO,nb;q=0.5": "nn", "no": "nb", "en-GB": "en", "de": "nb", "da, sv": "nb", "x;;": "nb"} {
		n.sprak = header
		if got := n.get(t, "/om").er(t, 200).Header.Get("Content-Language"); got != want && !(header == "da, sv") {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
	n.sprak = "en"
	n.get(t, "/om").er(t, 200, "About this site", `href="/om?sprak=nn"`)
	n.get(t, "/om?sprak=nn").til(t, "/om")
	n.get(t, "//?sprak=nn").til(t, "/") // and not to a host of no name
	n.get(t, "/logg-inn?til=%2Fforvaltning&niva=4").er(t, 200, `href="/logg-inn?niva=4&amp;sprak=nb&amp;til=%2Fforvaltning"`)
	n.get(t, "/logg-inn?niva=4&sprak=nn&til=%2Fforvaltning").til(t, "/logg-inn?niva=4&til=%2Fforvaltning")
	n.get(t, "/om").er(t, 200, "Om nettstaden")
	n.get(t, "/om?sprak=xx").til(t, "/om") // not a language: nothing changes
	n.get(t, "/om").er(t, 200, "Om nettstaden")
	n.get(t, "/om?sprak=se").til(t, "/om") // not complete, so not offered
	if s := n.get(t, "/om").er(t, 200, "Om nettstaden"); strings.Contains(s.html, "Davvisámegiella") {
		t.Error("a language without texts is offered")
	}
}

func TestStatiskeFiler(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	n := h.nettleser()
	sti := h.p.statisk.sti("portal.css")
	if !strings.Contains(n.get(t, "/").html, `href="`+sti+`"`) {
		t.Error("the page does not refer to its style sheet")
	}
	s := n.get(t, sti).er(t, 200, ".ds-button", "@font-face", "@layer ds.base{")
	if s.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || s.Header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("%v", s.Header)
	}
	if got := n.get(t, "/statisk/eldre/portal.css").er(t, 200).Header.Get("Cache-Control"); got != "no-cache" {
		t.Errorf("of another build: %q", got)
	}
	n.get(t, "/statisk/"+h.p.statisk.digest+"/finnesikke.css").er(t, 404)
	n.get(t, "/favicon.ico").er(t, 200, "<svg")
	for header, want := range map[string]string{"gzip": "gzip", "br, gzip;q=0.5": "gzip", "": "", "br": "", "gzip;q=0": ""} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", h.base+sti, nil)
		must(t, err)
		r.Header.Set("Accept-Encoding", header)
		res, err := rett{h}.RoundTrip(r)
		must(t, err)
		if got := res.Header.Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: %q", header, got)
		}
	}
	if n := len(h.p.statisk.filer["portal.css"].gzip); n > 24<<10 {
		t.Errorf("the style sheet takes %d bytes on the wire", n)
	}
	if n := len(h.p.statisk.filer["app.js"].innhold); n > 6<<10 {
		t.Errorf("the script takes %d bytes", n)
	}
}

// A portal without an issuer shows its open pages, and says that nobody can log in.
func TestUtenUtsteder(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.p.oidc.cfg.Issuer = ""
	h.nettleser().get(t, "/logg-inn/start").er(t, 503, "Tjenesten er ikke tilgjengelig")
	h.nettleser().get(t, "/").er(t, 200)
	for _, cfg := range []Config{{BaseURL: "portal.test"}, {BaseURL: "https://portal.test/"}, {BaseURL: "https://portal.test", OIDC: OIDC{Issuer: "https://idporten.test"}}} {
		if _, err := New(h.p.Deps, cfg); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}
