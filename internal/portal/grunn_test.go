package portal_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/portal/portaltest"
)

func TestFeilsider(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	for sti, want := range map[string]struct {
		status int
		tekst  string
	}{
		"/prove/403": {403, "Du har ikke tilgang"}, "/prove/410": {410, "Siden er fjernet"}, "/prove/429": {429, "For mange forsøk"},
		"/prove/500": {500, "Oppgi feilkoden hvis du tar kontakt"}, "/forvaltning/finnes/ikke": {404, "Siden finnes ikke"},
	} {
		s := h.Nettleser().Get(t, sti).Er(t, want.status, want.tekst)
		if !feilkode.MatchString(s.HTML) || strings.Contains(s.HTML, "internt") || strings.Contains(s.HTML, "EOF") {
			t.Errorf("%s: %s", sti, s.HTML)
		}
	}
	// The wrong method on a page is no page either.
	h.Som(t, portaltest.Admin).Be(t, "DELETE", "/forvaltning/"+portaltest.OrgTest+"/tjenester", nil).Er(t, 404, "Siden finnes ikke")
	// A form that is too large.
	h.Som(t, portaltest.Admin).Post(t, "/forvaltning/"+portaltest.OrgTest+"/integrasjoner/ny", "navn", strings.Repeat("x", portal.MaksSkjema)).Er(t, 413, "Skjemaet er for stort")
}

// Forms that another site makes a browser send change nothing.
func TestFremmedSkjema(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	n := h.Som(t, portaltest.Admin)
	n.Origin = "https://ond.test"
	sti := "/forvaltning/" + portaltest.OrgSkog + "/tjenester"
	n.Post(t, sti, "tjeneste", organisasjon.TypeDokumentlager).Er(t, 403, "Du har ikke tilgang")
	n.Post(t, "/logg-ut").Er(t, 403)
	if _, err := h.Org.TjenesteRessurs(t.Context(), portaltest.OrgSkog, organisasjon.TypeDokumentlager); !feil.Er(err, feil.IkkeFunnet) {
		t.Errorf("it was done: %v", err)
	}
	n.Origin = ""
	n.Post(t, sti, "tjeneste", organisasjon.TypeDokumentlager).Til(t, sti+"?ny="+organisasjon.TypeDokumentlager)
}

func TestSpraak(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	n := h.Nettleser()
	for header, want := range map[string]string{"": "nb", "nn-NO,nb;q=0.5": "nn", "no": "nb", "en-GB": "en", "de": "nb", "da, sv": "nb", "x;;": "nb"} {
		n.Sprak = header
		if got := n.Get(t, "/om").Er(t, 200).Header.Get("Content-Language"); got != want && !(header == "da, sv") {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
	n.Sprak = "en"
	n.Get(t, "/om").Er(t, 200, "About this site", `href="/om?sprak=nn"`)
	n.Get(t, "/om?sprak=nn").Til(t, "/om")
	n.Get(t, "//?sprak=nn").Til(t, "/") // and not to a host of no name
	n.Get(t, "/logg-inn?til=%2Fforvaltning&niva=4").Er(t, 200, `href="/logg-inn?niva=4&amp;sprak=nb&amp;til=%2Fforvaltning"`)
	n.Get(t, "/logg-inn?niva=4&sprak=nn&til=%2Fforvaltning").Til(t, "/logg-inn?niva=4&til=%2Fforvaltning")
	n.Get(t, "/om").Er(t, 200, "Om nettstaden")
	n.Get(t, "/om?sprak=xx").Til(t, "/om") // not a language: nothing changes
	n.Get(t, "/om").Er(t, 200, "Om nettstaden")
	n.Get(t, "/om?sprak=se").Til(t, "/om") // not complete, so not offered
	if s := n.Get(t, "/om").Er(t, 200, "Om nettstaden"); strings.Contains(s.HTML, "Davvisámegiella") {
		t.Error("a language without texts is offered")
	}
}

func TestStatiskeFiler(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	n := h.Nettleser()
	sti, _, ark := h.P.Statisk("portal.css")
	if !strings.Contains(n.Get(t, "/").HTML, `href="`+sti+`"`) {
		t.Error("the page does not refer to its style sheet")
	}
	s := n.Get(t, sti).Er(t, 200, ".ds-button", "@font-face", "@layer ds.base{")
	if s.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || s.Header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("%v", s.Header)
	}
	if got := n.Get(t, "/statisk/eldre/portal.css").Er(t, 200).Header.Get("Cache-Control"); got != "no-cache" {
		t.Errorf("of another build: %q", got)
	}
	n.Get(t, strings.Replace(sti, "portal.css", "finnesikke.css", 1)).Er(t, 404)
	n.Get(t, "/favicon.ico").Er(t, 200, "<svg")
	for header, want := range map[string]string{"gzip": "gzip", "br, gzip;q=0.5": "gzip", "": "", "br": "", "gzip;q=0": ""} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", h.Base+sti, nil)
		portaltest.Must(t, err)
		r.Header.Set("Accept-Encoding", header)
		res, err := portaltest.Rett{H: h}.RoundTrip(r)
		portaltest.Must(t, err)
		if got := res.Header.Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: %q", header, got)
		}
	}
	if ark > 24<<10 {
		t.Errorf("the style sheet takes %d bytes on the wire", ark)
	}
	if _, n, _ := h.P.Statisk("app.js"); n > 6<<10 {
		t.Errorf("the script takes %d bytes", n)
	}
}

// A portal without an issuer shows its open pages, and says that nobody can log in.
func TestUtenUtsteder(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.P.UtenUtsteder()
	h.Nettleser().Get(t, "/logg-inn/start").Er(t, 503, "Tjenesten er ikke tilgjengelig")
	h.Nettleser().Get(t, "/").Er(t, 200)
	for _, cfg := range []portal.Config{{BaseURL: "portal.test"}, {BaseURL: "https://portal.test/"}, {BaseURL: "https://portal.test", OIDC: portal.OIDC{Issuer: "https://idporten.test"}}} {
		if _, err := portal.New(h.P.Deps, cfg); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}

var feilkode = regexp.MustCompile(`<code>[0-9a-f-]{36}</code>`)
