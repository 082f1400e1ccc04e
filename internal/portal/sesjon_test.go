package portal_test

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/portal/portaltest"
	"knutepunkt/internal/sandbox/utsteder"
	"knutepunkt/internal/store"
)

func TestInnlogging(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	n := h.Nettleser()
	n.Get(t, "/forvaltning").Til(t, "/logg-inn?til=/forvaltning")
	n.Get(t, "/logg-inn?til=/forvaltning").Er(t, 200, "Logg inn for å fortsette", `href="/logg-inn/start?til=%2Fforvaltning"`)
	start := n.Get(t, "/logg-inn/start?til=/forvaltning").Er(t, 303)
	u, err := url.Parse(start.Header.Get("Location"))
	portaltest.Must(t, err)
	q := u.Query()
	for navn, want := range map[string]string{"response_type": "code", "client_id": "portalen", "redirect_uri": h.Base + "/logg-inn/svar",
		"code_challenge_method": "S256", "acr_values": "idporten-loa-substantial", "scope": "openid profile", "ui_locales": "nb"} {
		if q.Get(navn) != want {
			t.Errorf("%s = %q, want %q", navn, q.Get(navn), want)
		}
	}
	if len(q.Get("state")) < 20 || len(q.Get("nonce")) < 20 || q.Get("state") == q.Get("nonce") {
		t.Errorf("state %q, nonce %q", q.Get("state"), q.Get("nonce"))
	}
	svar := n.HosUtsteder(t, u.String(), "pid", portaltest.Admin, "acr", portaltest.Acrer[3]).Til(t, "/forvaltning")
	var kake *http.Cookie
	for _, c := range svar.Cookies() {
		if c.Name == "sesjon" {
			kake = c
		}
	}
	if kake == nil || !kake.HttpOnly || kake.SameSite != http.SameSiteLaxMode || kake.Path != "/" || kake.Domain != "" || len(kake.Value) != 43 {
		t.Errorf("the session cookie: %+v", kake)
	}
	n.Get(t, "/forvaltning").Er(t, 200, "Testby kommune", "Skogby kommune", "Logg ut")

	// Step-up: looking takes level 3, changing level 4, and the cookie changes with it.
	n.Get(t, "/forvaltning/"+portaltest.OrgTest+"/tjenester").Er(t, 200)
	til := "/forvaltning/" + portaltest.OrgTest + "/integrasjoner"
	n.Get(t, til).Til(t, "/logg-inn?til="+til+"&niva=4")
	n.Get(t, "/logg-inn?til="+til+"&niva=4").Er(t, 200, "Bekreft hvem du er", "niva=4")
	gammel := n.Kaker["sesjon"]
	n.LoggInn(t, portaltest.Admin, 4, til).Til(t, til)
	if n.Kaker["sesjon"] == gammel {
		t.Error("the session kept its cookie through the step-up")
	}
	n.Get(t, til).Er(t, 200)
	n.Kaker["sesjon"] = gammel
	n.Get(t, til).Til(t, "/logg-inn?til="+til)
}

// The client can prove itself by a key, as ID-porten prefers, or be a public one;
// one that does not fit is let nowhere.
func TestKlientbevis(t *testing.T) {
	t.Parallel()
	nokkel, _ := grunntest.Plattformnokkel(t)
	registrer := func(k *utsteder.Klient) {
		n := utsteder.Nokkel{}
		n.Key, n.KeyID = &nokkel.PublicKey, "nokkel-1"
		k.Secret, k.Nokler = "", []utsteder.Nokkel{n}
	}
	for navn, tt := range map[string]struct {
		endre func(*portal.OIDC, *utsteder.Klient)
		inn   bool
	}{
		"key": {func(o *portal.OIDC, k *utsteder.Klient) {
			o.Secret, o.Nokkel, o.KeyID = "", nokkel, "nokkel-1"
			registrer(k)
		}, true},
		"another key": {func(o *portal.OIDC, k *utsteder.Klient) {
			o.Secret, o.Nokkel, o.KeyID = "", nokkel, "nokkel-2"
			registrer(k)
		}, false},
		"public":       {func(o *portal.OIDC, k *utsteder.Klient) { o.Secret, k.Secret = "", "" }, true},
		"wrong secret": {func(o *portal.OIDC, _ *utsteder.Klient) { o.Secret = "feil" }, false},
	} {
		n := portaltest.HusPaa(t, "http://portal.test", tt.endre).Nettleser()
		svar := n.LoggInn(t, portaltest.Admin, 3, "/forvaltning")
		if inn := n.Kaker["sesjon"] != ""; inn != tt.inn || !inn && svar.StatusCode != 400 {
			t.Errorf("%s: logged in: %t (%d)", navn, inn, svar.StatusCode)
		}
	}
}

// Over HTTPS the cookies are for this host and HTTPS alone, and the headers say so.
func TestHTTPS(t *testing.T) {
	t.Parallel()
	h := portaltest.HusPaa(t, "https://portal.test")
	n := h.Nettleser()
	svar := n.LoggInn(t, portaltest.Admin, 3, "/forvaltning").Til(t, "/forvaltning")
	funnet := 0
	for _, c := range svar.Cookies() {
		if funnet++; !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly {
			t.Errorf("%+v", c)
		}
	}
	if funnet != 2 { // the session, and the end of the login's
		t.Errorf("%d cookies", funnet)
	}
	if got := n.Get(t, "/forvaltning").Er(t, 200).Header.Get("Strict-Transport-Security"); got == "" {
		t.Error("no HSTS")
	}
}

func TestInnloggingSomIkkeHolder(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	start := func(n *portaltest.Nettleser) *url.URL {
		u, err := url.Parse(n.Get(t, "/logg-inn/start?til=/forvaltning&niva=4").Er(t, 303).Header.Get("Location"))
		portaltest.Must(t, err)
		return u
	}
	retur := func(n *portaltest.Nettleser, u *url.URL, par ...string) string {
		return n.Post(t, u.String(), par...).Er(t, 303).Header.Get("Location")
	}
	godt := []string{"pid", portaltest.Admin, "acr", portaltest.Acrer[4]}
	med := func(adresse, navn, verdi string) string {
		u, err := url.Parse(adresse)
		portaltest.Must(t, err)
		q := u.Query()
		q.Set(navn, verdi)
		u.RawQuery = q.Encode()
		return u.String()
	}
	for navn, prov := range map[string]func(n *portaltest.Nettleser) portaltest.SvarSide{
		"cancelled": func(n *portaltest.Nettleser) portaltest.SvarSide { return n.Get(t, retur(n, start(n), "avbryt", "1")) },
		"too low": func(n *portaltest.Nettleser) portaltest.SvarSide {
			return n.Get(t, retur(n, start(n), "pid", portaltest.Admin, "acr", portaltest.Acrer[3]))
		},
		"another state": func(n *portaltest.Nettleser) portaltest.SvarSide {
			return n.Get(t, med(retur(n, start(n), godt...), "state", "x"))
		},
		"another code": func(n *portaltest.Nettleser) portaltest.SvarSide {
			return n.Get(t, med(retur(n, start(n), godt...), "code", "x"))
		},
		"another issuer": func(n *portaltest.Nettleser) portaltest.SvarSide {
			return n.Get(t, med(retur(n, start(n), godt...), "iss", "https://x.test"))
		},
		"nothing begun": func(n *portaltest.Nettleser) portaltest.SvarSide { return n.Get(t, "/logg-inn/svar?code=x&state=y") },
		"too late": func(n *portaltest.Nettleser) portaltest.SvarSide {
			u := start(n)
			h.Klokke.Sett(h.Klokke.Now().Add(portal.Logginntid + time.Second))
			return n.Get(t, retur(n, u, godt...))
		},
		"another browser": func(n *portaltest.Nettleser) portaltest.SvarSide {
			return h.Nettleser().Get(t, retur(n, start(n), godt...))
		},
		"another nonce": func(n *portaltest.Nettleser) portaltest.SvarSide {
			u := start(n)
			return n.Get(t, retur(n, mustURL(t, med(u.String(), "nonce", "x")), godt...))
		},
		"another verifier": func(n *portaltest.Nettleser) portaltest.SvarSide { // a code that was stolen from another login
			offer := h.Nettleser()
			kode := mustURL(t, retur(offer, start(offer), godt...)).Query().Get("code")
			return n.Get(t, med(retur(n, start(n), godt...), "code", kode))
		},
		"twice": func(n *portaltest.Nettleser) portaltest.SvarSide {
			adresse := retur(n, start(n), godt...)
			kake := n.Kaker["innlogging"]
			n.Get(t, adresse).Til(t, "/forvaltning")
			n.Post(t, "/logg-ut").Er(t, 200)
			n.Kaker["innlogging"] = kake
			return n.Get(t, adresse)
		},
	} {
		n := h.Nettleser()
		prov(n).Er(t, 400, "Du ble ikke logget inn")
		if n.Kaker["sesjon"] != "" {
			t.Errorf("%s: logged in", navn)
		}
		if n.Kaker["innlogging"] != "" && navn != "another browser" {
			t.Errorf("%s: the login can be tried again with the same state", navn)
		}
	}
}

func mustURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	portaltest.Must(t, err)
	return u
}

// The issuer sends back to one address: whoever comes by another name of this
// host is sent there first, once.
func TestInnloggingFraAnnetNavn(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	n := h.Nettleser()
	annet := *h
	annet.Base = "http://localhost"
	n.H = &annet
	n.Get(t, "/logg-inn/start?til=/forvaltning").Til(t, h.Base+"/logg-inn/start?her=1&til=%2Fforvaltning")
	n.Get(t, "/logg-inn/start?her=1&til=/forvaltning").Er(t, 303)
	if n.Kaker["innlogging"] == "" {
		t.Error("no login was begun behind a proxy that hides the name")
	}
}

func TestUtlogging(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	n, to := h.Som(t, portaltest.Admin), h.Som(t, portaltest.Admin)
	annen := h.Som(t, portaltest.Admin2)
	gammel := n.Kaker["sesjon"]
	n.Post(t, "/logg-ut").Er(t, 200, `http-equiv="refresh"`, "/idporten/logout?client_id=portalen&amp;post_logout_redirect_uri=http%3A%2F%2Fportal.test%2Flogget-ut")
	if n.Kaker["sesjon"] != "" {
		t.Error("the cookie is still there")
	}
	n.Get(t, "/logget-ut").Er(t, 200, "Du er logget ut")
	n.Kaker["sesjon"] = gammel
	n.Get(t, "/forvaltning").Til(t, "/logg-inn?til=/forvaltning")
	to.Get(t, "/forvaltning").Er(t, 200) // the other device

	tre := h.Som(t, portaltest.Admin)
	tre.Post(t, "/logg-ut/alle").Er(t, 200)
	to.Get(t, "/forvaltning").Til(t, "/logg-inn?til=/forvaltning")
	annen.Get(t, "/forvaltning").Til(t, "/forvaltning/"+portaltest.OrgTest+"/tjenester") // another person
	h.Nettleser().Post(t, "/logg-ut").Er(t, 200)                                         // nobody
}

func TestSesjonensTid(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	frem := func(d time.Duration) { h.Klokke.Sett(h.Klokke.Now().Add(d)) }
	n := h.Som(t, portaltest.Admin)
	n.Get(t, "/forvaltning").Er(t, 200, "Du blir logget ut kl. 10.30", `data-gjenstaar="1800"`)
	frem(portal.Ledig - time.Second)
	n.Get(t, "/forvaltning").Er(t, 200, `data-gjenstaar="1800"`)
	frem(portal.Ledig)
	n.Get(t, "/forvaltning").Til(t, "/logg-inn?til=/forvaltning")
	n.Get(t, "/logg-inn?til=/forvaltning").Er(t, 200, "Du ble logget ut fordi det gikk lang tid")

	// However busy, not for more than the absolute time.
	n = h.Som(t, portaltest.Admin)
	for slutt := h.Klokke.Now().Add(portal.Absolutt); h.Klokke.Now().Before(slutt.Add(-20 * time.Minute)); {
		frem(20 * time.Minute)
		if h.Klokke.Now().Before(slutt) {
			n.Get(t, "/forvaltning").Er(t, 200)
		}
	}
	frem(20*time.Minute - time.Second)
	n.Get(t, "/forvaltning").Er(t, 200)
	frem(time.Second)
	n.Get(t, "/forvaltning").Til(t, "/logg-inn?til=/forvaltning")

	// The script prolongs it, with no page; without a login it cannot.
	n = h.Som(t, portaltest.Admin)
	frem(25 * time.Minute)
	if got := n.Post(t, "/sesjon").Er(t, 200).HTML; got != `{"gjenstaar":1800}` {
		t.Error(got)
	}
	frem(29 * time.Minute)
	n.Get(t, "/forvaltning").Er(t, 200)
	h.Nettleser().Post(t, "/sesjon").Til(t, "/logg-inn?til=/sesjon")

	// What has run out is swept, what lives stays.
	h.Frem(t, 2*time.Hour)
	n = h.Som(t, portaltest.Admin)
	portaltest.Must(t, h.P.Fei(t.Context()))
	if got := h.Antall(t, "portal_sesjoner"); got != 1 {
		t.Errorf("%d sessions left", got)
	}
	n.Get(t, "/forvaltning").Er(t, 200)
}

// A form that is sent after the login has run out is there when the same person
// has logged in again; for another person it is not.
func TestSkjemaOverlever(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	sti := "/forvaltning/" + portaltest.OrgSkog + "/integrasjoner/ny"
	for _, fnr := range []string{portaltest.Admin, portaltest.Alene} {
		n := h.Som(t, portaltest.Admin)
		id := n.Get(t, sti).Er(t, 200).Skjult(t, "id")
		h.Klokke.Sett(h.Klokke.Now().Add(portal.Ledig + time.Minute))
		n.Post(t, sti, "id", id, "navn", "Mitt fagsystem", "beskrivelse", "En lang\ntekst", "orgnr", "12").Til(t, "/logg-inn?til="+sti)
		n.Get(t, "/logg-inn?til="+sti).Er(t, 200, "Det du skrev, er tatt vare på")
		n.LoggInn(t, fnr, 4, sti).Til(t, sti)
		side := n.Get(t, sti).Er(t, 200)
		if har := strings.Contains(side.HTML, "Mitt fagsystem"); har != (fnr == portaltest.Admin) {
			t.Errorf("for %s: the form is there: %t", fnr[:2], har)
		}
		if fnr == portaltest.Alene {
			continue
		}
		side.Er(t, 200, "Du ble logget ut før skjemaet ble lagret", "En lang\ntekst", id)
		n.Get(t, "/forvaltning/"+portaltest.OrgTest+"/integrasjoner/ny").Er(t, 200)
		n.Post(t, sti, "id", id, "navn", "Mitt fagsystem", "orgnr", "12").Er(t, 422)
		if strings.Contains(n.Get(t, sti).HTML, "Mitt fagsystem") {
			t.Error("the form is there after it was sent")
		}
	}
	// For half an hour; then nobody's.
	n := h.Som(t, portaltest.Admin)
	h.Klokke.Sett(h.Klokke.Now().Add(portal.Ledig + portal.Gjemmetid + time.Minute))
	portaltest.Must(t, h.P.Fei(t.Context()))
	n.Post(t, sti, "navn", "For sent").Til(t, "/logg-inn?til="+sti)
	n.LoggInn(t, portaltest.Admin, 4, sti)
	if strings.Contains(n.Get(t, sti).HTML, "For sent") {
		t.Error("the form outlived its time")
	}
}

// A copy of the database tells nobody's number, and lets nobody in.
func TestIngentingLesbartIRo(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	n := h.Som(t, portaltest.Admin)
	h.Dokumentlager(t, portaltest.OrgTest)
	n.Post(t, "/forvaltning/"+portaltest.OrgTest+"/digisos/veiviser/svarinn", "navn", "NAV Hemmelig Sted", "orgnr", "1").Er(t, 422)
	sti := "/forvaltning/" + portaltest.OrgTest + "/integrasjoner/ny"
	h.Klokke.Sett(h.Klokke.Now().Add(portal.Ledig + time.Minute))
	n.Post(t, sti, "navn", "Skjult fagsystem").Til(t, "/logg-inn?til="+sti)
	h.Skriv(t, func(*store.Tx) error { return nil })
	if h.Antall(t, "portal_utkast") != 1 || h.Antall(t, "portal_sesjoner") != 1 {
		t.Fatal("nothing is stored")
	}
	filer, err := filepath.Glob(filepath.Join(h.Dir, "knutepunkt.db*"))
	portaltest.Must(t, err)
	lest := 0
	for _, f := range filer {
		b, err := os.ReadFile(f)
		portaltest.Must(t, err)
		lest += len(b)
		for _, s := range []string{portaltest.Admin, "Hemmelig Sted", "Skjult fagsystem", n.Kaker["sesjon"]} {
			if s == "" || strings.Contains(string(b), s) {
				t.Errorf("%q is readable in %s", s, filepath.Base(f))
			}
		}
	}
	if lest < 10_000 {
		t.Fatalf("%d bytes read", lest)
	}
}

// An issuer that is down stops logins for as long as it is down, and nothing else:
// who is logged in stays so, and can log out.
func TestUtstederNede(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	n := h.Som(t, portaltest.Admin)
	h.P.Utsteder(&http.Client{Transport: nede{}}) // as after a restart
	h.Nettleser().Get(t, "/logg-inn/start").Er(t, 503, "Tjenesten er ikke tilgjengelig nå")
	n.Get(t, "/forvaltning").Er(t, 200)
	n.Post(t, "/logg-ut").Er(t, 200, `content="0; url=/logget-ut"`)
	n.Get(t, "/forvaltning").Til(t, "/logg-inn?til=/forvaltning")
	h.P.Utsteder(&http.Client{Transport: portaltest.Rett{H: h}})
	n.LoggInn(t, portaltest.Admin, 3, "/forvaltning").Til(t, "/forvaltning")
}

type nede struct{}

func (nede) RoundTrip(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }
