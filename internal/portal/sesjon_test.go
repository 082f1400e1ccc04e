package portal

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
	"knutepunkt/internal/sandbox/utsteder"
	"knutepunkt/internal/store"
)

func TestInnlogging(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	n := h.nettleser()
	n.get(t, "/forvaltning").til(t, "/logg-inn?til=/forvaltning")
	n.get(t, "/logg-inn?til=/forvaltning").er(t, 200, "Logg inn for å fortsette", `href="/logg-inn/start?til=%2Fforvaltning"`)
	start := n.get(t, "/logg-inn/start?til=/forvaltning").er(t, 303)
	u, err := url.Parse(start.Header.Get("Location"))
	must(t, err)
	q := u.Query()
	for navn, want := range map[string]string{"response_type": "code", "client_id": "portalen", "redirect_uri": h.base + "/logg-inn/svar",
		"code_challenge_method": "S256", "acr_values": "idporten-loa-substantial", "scope": "openid profile", "ui_locales": "nb"} {
		if q.Get(navn) != want {
			t.Errorf("%s = %q, want %q", navn, q.Get(navn), want)
		}
	}
	if len(q.Get("state")) < 20 || len(q.Get("nonce")) < 20 || q.Get("state") == q.Get("nonce") {
		t.Errorf("state %q, nonce %q", q.Get("state"), q.Get("nonce"))
	}
	svar := n.hosUtsteder(t, u.String(), "pid", admin, "acr", acrer[3]).til(t, "/forvaltning")
	var kake *http.Cookie
	for _, c := range svar.Cookies() {
		if c.Name == "sesjon" {
			kake = c
		}
	}
	if kake == nil || !kake.HttpOnly || kake.SameSite != http.SameSiteLaxMode || kake.Path != "/" || kake.Domain != "" || len(kake.Value) != 43 {
		t.Errorf("the session cookie: %+v", kake)
	}
	n.get(t, "/forvaltning").er(t, 200, "Testby kommune", "Skogby kommune", "Logg ut")

	// Step-up: looking takes level 3, changing level 4, and the cookie changes with it.
	n.get(t, "/forvaltning/"+orgTest+"/tjenester").er(t, 200)
	til := "/forvaltning/" + orgTest + "/integrasjoner"
	n.get(t, til).til(t, "/logg-inn?til="+til+"&niva=4")
	n.get(t, "/logg-inn?til="+til+"&niva=4").er(t, 200, "Bekreft hvem du er", "niva=4")
	gammel := n.kaker["sesjon"]
	n.loggInn(t, admin, 4, til).til(t, til)
	if n.kaker["sesjon"] == gammel {
		t.Error("the session kept its cookie through the step-up")
	}
	n.get(t, til).er(t, 200)
	n.kaker["sesjon"] = gammel
	n.get(t, til).til(t, "/logg-inn?til="+til)
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
		endre func(*OIDC, *utsteder.Klient)
		inn   bool
	}{
		"key": {func(o *OIDC, k *utsteder.Klient) {
			o.Secret, o.Nokkel, o.KeyID = "", nokkel, "nokkel-1"
			registrer(k)
		}, true},
		"another key": {func(o *OIDC, k *utsteder.Klient) {
			o.Secret, o.Nokkel, o.KeyID = "", nokkel, "nokkel-2"
			registrer(k)
		}, false},
		"public":       {func(o *OIDC, k *utsteder.Klient) { o.Secret, k.Secret = "", "" }, true},
		"wrong secret": {func(o *OIDC, _ *utsteder.Klient) { o.Secret = "feil" }, false},
	} {
		n := husPaa(t, "http://portal.test", tt.endre).nettleser()
		svar := n.loggInn(t, admin, 3, "/forvaltning")
		if inn := n.kaker["sesjon"] != ""; inn != tt.inn || !inn && svar.StatusCode != 400 {
			t.Errorf("%s: logged in: %t (%d)", navn, inn, svar.StatusCode)
		}
	}
}

// Over HTTPS the cookies are for this host and HTTPS alone, and the headers say so.
func TestHTTPS(t *testing.T) {
	t.Parallel()
	h := husPaa(t, "https://portal.test")
	n := h.nettleser()
	svar := n.loggInn(t, admin, 3, "/forvaltning").til(t, "/forvaltning")
	funnet := 0
	for _, c := range svar.Cookies() {
		if funnet++; !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly {
			t.Errorf("%+v", c)
		}
	}
	if funnet != 2 { // the session, and the end of the login's
		t.Errorf("%d cookies", funnet)
	}
	if got := n.get(t, "/forvaltning").er(t, 200).Header.Get("Strict-Transport-Security"); got == "" {
		t.Error("no HSTS")
	}
}

func TestInnloggingSomIkkeHolder(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	start := func(n *nettleser) *url.URL {
		u, err := url.Parse(n.get(t, "/logg-inn/start?til=/forvaltning&niva=4").er(t, 303).Header.Get("Location"))
		must(t, err)
		return u
	}
	retur := func(n *nettleser, u *url.URL, par ...string) string {
		return n.post(t, u.String(), par...).er(t, 303).Header.Get("Location")
	}
	godt := []string{"pid", admin, "acr", acrer[4]}
	med := func(adresse, navn, verdi string) string {
		u, err := url.Parse(adresse)
		must(t, err)
		q := u.Query()
		q.Set(navn, verdi)
		u.RawQuery = q.Encode()
		return u.String()
	}
	for navn, prov := range map[string]func(n *nettleser) svarSide{
		"cancelled":     func(n *nettleser) svarSide { return n.get(t, retur(n, start(n), "avbryt", "1")) },
		"too low":       func(n *nettleser) svarSide { return n.get(t, retur(n, start(n), "pid", admin, "acr", acrer[3])) },
		"another state": func(n *nettleser) svarSide { return n.get(t, med(retur(n, start(n), godt...), "state", "x")) },
		"another code":  func(n *nettleser) svarSide { return n.get(t, med(retur(n, start(n), godt...), "code", "x")) },
		"another issuer": func(n *nettleser) svarSide {
			return n.get(t, med(retur(n, start(n), godt...), "iss", "https://x.test"))
		},
		"nothing begun": func(n *nettleser) svarSide { return n.get(t, "/logg-inn/svar?code=x&state=y") },
		"too late": func(n *nettleser) svarSide {
			u := start(n)
			h.Klokke.Sett(h.Klokke.Now().Add(logginntid + time.Second))
			return n.get(t, retur(n, u, godt...))
		},
		"another browser": func(n *nettleser) svarSide { return h.nettleser().get(t, retur(n, start(n), godt...)) },
		"another nonce": func(n *nettleser) svarSide {
			u := start(n)
			return n.get(t, retur(n, mustURL(t, med(u.String(), "nonce", "x")), godt...))
		},
		"another verifier": func(n *nettleser) svarSide { // a code that was stolen from another login
			offer := h.nettleser()
			kode := mustURL(t, retur(offer, start(offer), godt...)).Query().Get("code")
			return n.get(t, med(retur(n, start(n), godt...), "code", kode))
		},
		"twice": func(n *nettleser) svarSide {
			adresse := retur(n, start(n), godt...)
			kake := n.kaker["innlogging"]
			n.get(t, adresse).til(t, "/forvaltning")
			n.post(t, "/logg-ut").er(t, 200)
			n.kaker["innlogging"] = kake
			return n.get(t, adresse)
		},
	} {
		n := h.nettleser()
		prov(n).er(t, 400, "Du ble ikke logget inn")
		if n.kaker["sesjon"] != "" {
			t.Errorf("%s: logged in", navn)
		}
		if n.kaker["innlogging"] != "" && navn != "another browser" {
			t.Errorf("%s: the login can be tried again with the same state", navn)
		}
	}
}

func mustURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	must(t, err)
	return u
}

// The issuer sends back to one address: whoever comes by another name of this
// host is sent there first, once.
func TestInnloggingFraAnnetNavn(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	n := h.nettleser()
	annet := *h
	annet.base = "http://localhost"
	n.h = &annet
	n.get(t, "/logg-inn/start?til=/forvaltning").til(t, h.base+"/logg-inn/start?her=1&til=%2Fforvaltning")
	n.get(t, "/logg-inn/start?her=1&til=/forvaltning").er(t, 303)
	if n.kaker["innlogging"] == "" {
		t.Error("no login was begun behind a proxy that hides the name")
	}
}

func TestUtlogging(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	n, to := h.som(t, admin), h.som(t, admin)
	annen := h.som(t, admin2)
	gammel := n.kaker["sesjon"]
	n.post(t, "/logg-ut").er(t, 200, `http-equiv="refresh"`, "/idporten/logout?client_id=portalen&amp;post_logout_redirect_uri=http%3A%2F%2Fportal.test%2Flogget-ut")
	if n.kaker["sesjon"] != "" {
		t.Error("the cookie is still there")
	}
	n.get(t, "/logget-ut").er(t, 200, "Du er logget ut")
	n.kaker["sesjon"] = gammel
	n.get(t, "/forvaltning").til(t, "/logg-inn?til=/forvaltning")
	to.get(t, "/forvaltning").er(t, 200) // the other device

	tre := h.som(t, admin)
	tre.post(t, "/logg-ut/alle").er(t, 200)
	to.get(t, "/forvaltning").til(t, "/logg-inn?til=/forvaltning")
	annen.get(t, "/forvaltning").til(t, "/forvaltning/"+orgTest+"/tjenester") // another person
	h.nettleser().post(t, "/logg-ut").er(t, 200)                              // nobody
}

func TestSesjonensTid(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	frem := func(d time.Duration) { h.Klokke.Sett(h.Klokke.Now().Add(d)) }
	n := h.som(t, admin)
	n.get(t, "/forvaltning").er(t, 200, "Du blir logget ut kl. 10.30", `data-gjenstaar="1800"`)
	frem(Ledig - time.Second)
	n.get(t, "/forvaltning").er(t, 200, `data-gjenstaar="1800"`)
	frem(Ledig)
	n.get(t, "/forvaltning").til(t, "/logg-inn?til=/forvaltning")
	n.get(t, "/logg-inn?til=/forvaltning").er(t, 200, "Du ble logget ut fordi det gikk lang tid")

	// However busy, not for more than the absolute time.
	n = h.som(t, admin)
	for slutt := h.Klokke.Now().Add(Absolutt); h.Klokke.Now().Before(slutt.Add(-20 * time.Minute)); {
		frem(20 * time.Minute)
		if h.Klokke.Now().Before(slutt) {
			n.get(t, "/forvaltning").er(t, 200)
		}
	}
	frem(20*time.Minute - time.Second)
	n.get(t, "/forvaltning").er(t, 200)
	frem(time.Second)
	n.get(t, "/forvaltning").til(t, "/logg-inn?til=/forvaltning")

	// The script prolongs it, with no page; without a login it cannot.
	n = h.som(t, admin)
	frem(25 * time.Minute)
	if got := n.post(t, "/sesjon").er(t, 200).html; got != `{"gjenstaar":1800}` {
		t.Error(got)
	}
	frem(29 * time.Minute)
	n.get(t, "/forvaltning").er(t, 200)
	h.nettleser().post(t, "/sesjon").til(t, "/logg-inn?til=/sesjon")

	// What has run out is swept, what lives stays.
	h.Frem(t, 2*time.Hour)
	n = h.som(t, admin)
	must(t, h.p.fei(t.Context()))
	if got := h.antall(t, "portal_sesjoner"); got != 1 {
		t.Errorf("%d sessions left", got)
	}
	n.get(t, "/forvaltning").er(t, 200)
}

func (h *hus) antall(t testing.TB, tabell string) (n int) {
	t.Helper()
	must(t, h.DB.Read().QueryRowContext(t.Context(), `SELECT count(*) FROM `+tabell).Scan(&n))
	return n
}

// A form that is sent after the login has run out is there when the same person
// has logged in again; for another person it is not.
func TestSkjemaOverlever(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	sti := "/forvaltning/" + orgSkog + "/integrasjoner/ny"
	for _, fnr := range []string{admin, alene} {
		n := h.som(t, admin)
		id := n.get(t, sti).er(t, 200).skjult(t, "id")
		h.Klokke.Sett(h.Klokke.Now().Add(Ledig + time.Minute))
		n.post(t, sti, "id", id, "navn", "Mitt fagsystem", "beskrivelse", "En lang\ntekst", "orgnr", "12").til(t, "/logg-inn?til="+sti)
		n.get(t, "/logg-inn?til="+sti).er(t, 200, "Det du skrev, er tatt vare på")
		n.loggInn(t, fnr, 4, sti).til(t, sti)
		side := n.get(t, sti).er(t, 200)
		if har := strings.Contains(side.html, "Mitt fagsystem"); har != (fnr == admin) {
			t.Errorf("for %s: the form is there: %t", fnr[:2], har)
		}
		if fnr == alene {
			continue
		}
		side.er(t, 200, "Du ble logget ut før skjemaet ble lagret", "En lang\ntekst", id)
		n.get(t, "/forvaltning/"+orgTest+"/integrasjoner/ny").er(t, 200)
		n.post(t, sti, "id", id, "navn", "Mitt fagsystem", "orgnr", "12").er(t, 422)
		if strings.Contains(n.get(t, sti).html, "Mitt fagsystem") {
			t.Error("the form is there after it was sent")
		}
	}
	// For half an hour; then nobody's.
	n := h.som(t, admin)
	h.Klokke.Sett(h.Klokke.Now().Add(Ledig + gjemmetid + time.Minute))
	must(t, h.p.fei(t.Context()))
	n.post(t, sti, "navn", "For sent").til(t, "/logg-inn?til="+sti)
	n.loggInn(t, admin, 4, sti)
	if strings.Contains(n.get(t, sti).html, "For sent") {
		t.Error("the form outlived its time")
	}
}

// A copy of the database tells nobody's number, and lets nobody in.
func TestIngentingLesbartIRo(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	n := h.som(t, admin)
	h.dokumentlager(t, orgTest)
	n.post(t, "/forvaltning/"+orgTest+"/digisos/veiviser/svarinn", "navn", "NAV Hemmelig Sted", "orgnr", "1").er(t, 422)
	sti := "/forvaltning/" + orgTest + "/integrasjoner/ny"
	h.Klokke.Sett(h.Klokke.Now().Add(Ledig + time.Minute))
	n.post(t, sti, "navn", "Skjult fagsystem").til(t, "/logg-inn?til="+sti)
	h.skriv(t, func(*store.Tx) error { return nil })
	if h.antall(t, "portal_utkast") != 1 || h.antall(t, "portal_sesjoner") != 1 {
		t.Fatal("nothing is stored")
	}
	filer, err := filepath.Glob(filepath.Join(h.Dir, "knutepunkt.db*"))
	must(t, err)
	lest := 0
	for _, f := range filer {
		b, err := os.ReadFile(f)
		must(t, err)
		lest += len(b)
		for _, s := range []string{admin, "Hemmelig Sted", "Skjult fagsystem", n.kaker["sesjon"]} {
			if s == "" || strings.Contains(string(b), s) {
				t.Errorf("%q is readable in %s", s, filepath.Base(f))
			}
		}
	}
	if lest < 10_000 {
		t.Fatalf("%d bytes read", lest)
	}
}

func TestLokalSti(t *testing.T) {
	t.Parallel()
	for inn, want := range map[string]string{
		"/forvaltning": "/forvaltning", "/a/b": "/a/b", "": "/", "forvaltning": "/", "//ond.test": "/", "///ond.test": "/", "https://ond.test/": "/",
		`/\ond.test`: "/", "/\tond": "/", "/%2f%2fond.test": "/%2f%2fond.test", "/a?b=c": "/a", "/a#b": "/a", "javascript:alert(1)": "/",
		"/logg-inn/start": "/", "/logg-ut": "/", "http:/a": "/", "/\r\nSet-Cookie: a=b": "/",
	} {
		if got := lokalSti(inn); got != want {
			t.Errorf("%q: %q, want %q", inn, got, want)
		}
	}
}

// Wherever a link says, login leads to this host.
func FuzzLokalSti(f *testing.F) {
	for _, s := range []string{"/a", "//b.test", "/\\b.test", "https://b.test", "/%2e%2e/a", "/a//b"} {
		f.Add(s)
	}
	base := &url.URL{Scheme: "https", Host: "portal.test", Path: "/logg-inn/svar"}
	f.Fuzz(func(t *testing.T, s string) {
		til := lokalSti(s)
		u, err := base.Parse(til)
		if err != nil || u.Host != base.Host || u.Scheme != "https" || !strings.HasPrefix(til, "/") || strings.HasPrefix(til, "//") || strings.ContainsAny(til, "\\\r\n") {
			t.Errorf("%q leads to %q (%v, %v)", s, til, u, err)
		}
	})
}

// An issuer that is down stops logins for as long as it is down, and nothing else:
// who is logged in stays so, and can log out.
func TestUtstederNede(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	n := h.som(t, admin)
	h.p.oidc = h.p.nyInnlogger() // as after a restart
	h.p.oidc.klient = &http.Client{Transport: nede{}}
	h.nettleser().get(t, "/logg-inn/start").er(t, 503, "Tjenesten er ikke tilgjengelig nå")
	n.get(t, "/forvaltning").er(t, 200)
	n.post(t, "/logg-ut").er(t, 200, `content="0; url=/logget-ut"`)
	n.get(t, "/forvaltning").til(t, "/logg-inn?til=/forvaltning")
	h.p.oidc.klient = &http.Client{Transport: rett{h}}
	n.loggInn(t, admin, 3, "/forvaltning").til(t, "/forvaltning")
}

type nede struct{}

func (nede) RoundTrip(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }
