package utsteder_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/sandbox/utsteder"
)

// A stock OIDC library goes through discovery, the code flow with PKCE, userinfo,
// refresh and the rotation of keys.
func TestIDPortenWithGoOIDC(t *testing.T) {
	t.Parallel()
	h := start(t, func(c *utsteder.Config) {
		c.Klienter = []utsteder.Klient{{ID: "minside", Orgnr: annenOrg, Secret: "p:ass+ord", Redirect: []string{"http://app.test/tilbake?x=1"}}}
	})
	ctx := oidc.ClientContext(t.Context(), h.client)
	provider, err := oidc.NewProvider(ctx, h.base+"/idporten")
	if err != nil {
		t.Fatal(err)
	}
	conf := oauth2.Config{ClientID: "minside", ClientSecret: "p:ass+ord", Endpoint: provider.Endpoint(),
		RedirectURL: "http://app.test/tilbake?x=1", Scopes: []string{"openid", "profile", "ks:fiks"}}
	conf.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	verifier := provider.Verifier(&oidc.Config{ClientID: "minside", Now: h.klokke.Now})

	login := func() *oauth2.Token {
		t.Helper()
		pkce := oauth2.GenerateVerifier()
		u := conf.AuthCodeURL("tilstand", oidc.Nonce("n-1"), oauth2.S256ChallengeOption(pkce), oauth2.SetAuthURLParam("acr_values", "idporten-loa-substantial"))
		if status, side := h.get(t, strings.TrimPrefix(u, h.base)); status != 200 || !strings.Contains(side, "Kari Prøve") {
			t.Fatalf("%d %s", status, side)
		}
		back := h.velg(t, u, url.Values{"pid": {fnr}})
		if back.Host != "app.test" || back.Query().Get("state") != "tilstand" || back.Query().Get("x") != "1" || back.Query().Get("iss") != h.base+"/idporten" {
			t.Fatal(back)
		}
		tok, err := conf.Exchange(ctx, back.Query().Get("code"), oauth2.VerifierOption(pkce))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conf.Exchange(ctx, back.Query().Get("code"), oauth2.VerifierOption(pkce)); err == nil {
			t.Error("a code was good twice")
		}
		return tok
	}
	check := func(tok *oauth2.Token) *oidc.IDToken {
		t.Helper()
		id, err := verifier.Verify(ctx, tok.Extra("id_token").(string))
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	tok := login()
	id := check(tok)
	var claims struct {
		Pid, Acr, Sid string
		Amr           []string
	}
	if err := id.Claims(&claims); err != nil || claims.Pid != fnr || claims.Acr != "idporten-loa-substantial" || claims.Sid == "" || len(claims.Amr) == 0 || id.Nonce != "n-1" {
		t.Fatalf("%+v %v", claims, err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+tok.AccessToken)
	c, err := h.auth.Request(r)
	if err != nil || c.Fnr != fnr || c.Niva != 3 || c.Orgnr != annenOrg || c.ClientID != "minside" {
		t.Fatalf("%+v %v", c, err)
	}
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(tok))
	if err != nil || info.Subject != id.Subject {
		t.Fatalf("%+v %v", info, err)
	}

	// Keys rotate twice: the library fetches the new ones, and the platform knows them at once.
	if err := h.Roter(utsteder.SlagIDPorten); err != nil {
		t.Fatal(err)
	}
	fornyet, err := conf.TokenSource(ctx, &oauth2.Token{RefreshToken: tok.RefreshToken}).Token()
	if err != nil {
		t.Fatal(err)
	}
	if check(fornyet).Subject != id.Subject || fornyet.RefreshToken == tok.RefreshToken {
		t.Error("refresh")
	}
	if _, err := conf.TokenSource(ctx, &oauth2.Token{RefreshToken: tok.RefreshToken}).Token(); err == nil {
		t.Error("a refresh token was good twice")
	}
	if _, err := h.auth.Request(r); err != nil {
		t.Errorf("the former key is still published: %v", err)
	}
	if err := h.Roter(utsteder.SlagIDPorten); err != nil {
		t.Fatal(err)
	}
	check(login())
	if _, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(tok)); err == nil {
		t.Error("a token of a withdrawn key was accepted")
	}
}

// velg posts a choice on the login page and gives where it leads.
func (h *hus) velg(t *testing.T, side string, form url.Values) *url.URL {
	t.Helper()
	resp, err := h.client.PostForm(side, form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		t.Fatalf("%d: %v", resp.StatusCode, err)
	}
	return back
}

const (
	pkce      = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636 appendix B
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

func (h *hus) authorize(endre url.Values) string {
	q := url.Values{"response_type": {"code"}, "client_id": {"c1"}, "redirect_uri": {"http://app.test/tilbake"},
		"scope": {"openid"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"}, "state": {"s"}}
	for k, v := range endre {
		q[k] = v
		if v == nil {
			q.Del(k)
		}
	}
	return h.base + "/idporten/authorize?" + q.Encode()
}

func TestAuthorizeRefuses(t *testing.T) {
	t.Parallel()
	h := start(t, func(c *utsteder.Config) {
		c.Klienter = []utsteder.Klient{{ID: "reg", Orgnr: orgnr, Redirect: []string{"http://reg.test/"}}}
	})
	type v = url.Values
	for name, tt := range map[string]struct {
		endre v
		want  string // the error sent back; "" for one shown on the spot
	}{
		"no client":              {v{"client_id": nil}, ""},
		"no redirect_uri":        {v{"redirect_uri": nil}, ""},
		"a script":               {v{"redirect_uri": {"javascript:alert(1)"}}, ""},
		"relative":               {v{"redirect_uri": {"/tilbake"}}, ""},
		"not the registered one": {v{"client_id": {"reg"}}, ""},
		"implicit":               {v{"response_type": {"token"}}, "unsupported_response_type"},
		"no PKCE":                {v{"code_challenge": nil}, "invalid_request"},
		"plain PKCE":             {v{"code_challenge_method": {"plain"}}, "invalid_request"},
		"no openid":              {v{"scope": {"ks:fiks"}}, "invalid_scope"},
		"no page wanted":         {v{"prompt": {"none"}}, "login_required"},
	} {
		t.Run(name, func(t *testing.T) {
			// Not through the document's check: the requests break it on purpose.
			client := &http.Client{CheckRedirect: h.client.CheckRedirect}
			resp, err := client.Get(h.authorize(tt.endre))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			back, err := resp.Location()
			if tt.want == "" {
				if resp.StatusCode != 400 || err == nil {
					t.Errorf("%d %v", resp.StatusCode, back)
				}
				return
			}
			if err != nil || back.Query().Get("error") != tt.want || back.Query().Get("state") != "s" {
				t.Errorf("%d %v", resp.StatusCode, back)
			}
		})
	}
	if back := h.velg(t, h.authorize(nil), v{"avbryt": {"1"}, "pid": {fnr}}); back.Query().Get("error") != "access_denied" {
		t.Error(back)
	}
	resp, err := h.client.PostForm(h.authorize(nil), v{"pid": {fnr}, "annen": {"123"}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 400 {
		t.Error(resp.StatusCode)
	}
}

func TestTokenRefuses(t *testing.T) {
	t.Parallel()
	key := nokkel(t)
	h := start(t, func(c *utsteder.Config) {
		c.Klienter = []utsteder.Klient{{ID: "hemmelig", Orgnr: orgnr, Secret: "s"},
			{ID: "jwt", Orgnr: orgnr, Nokler: []utsteder.Nokkel{{JSONWebKey: jose.JSONWebKey{Key: &key.PublicKey, KeyID: "k"}}}}}
	})
	assertion := func(k klient, exp time.Time) string {
		return k.sign(t, map[jose.HeaderKey]any{"kid": "k"}, map[string]any{"iss": "jwt", "sub": "jwt", "aud": h.base + "/idporten", "exp": exp.Unix()})
	}
	jwt := func(a string) url.Values {
		return url.Values{"client_id": {"jwt"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {a}}
	}
	for name, tt := range map[string]struct {
		klient string
		endre  url.Values
		vent   time.Duration
		status int
		kode   string
	}{
		"public client":           {"c1", nil, 0, 200, ""},
		"annen klient":            {"c1", url.Values{"client_id": {"c2"}}, 0, 400, "invalid_grant"},
		"another redirect_uri":    {"c1", url.Values{"redirect_uri": {"http://app.test/"}}, 0, 400, "invalid_grant"},
		"another verifier":        {"c1", url.Values{"code_verifier": {strings.Repeat("a", 43)}}, 0, 400, "invalid_grant"},
		"no verifier":             {"c1", url.Values{"code_verifier": nil}, 0, 400, "invalid_grant"},
		"unknown code":            {"c1", url.Values{"code": {"x"}}, 0, 400, "invalid_grant"},
		"late":                    {"c1", nil, 2 * time.Minute, 400, "invalid_grant"},
		"another grant":           {"c1", url.Values{"grant_type": {"password"}}, 0, 400, "unsupported_grant_type"},
		"no client":               {"c1", url.Values{"client_id": nil}, 0, 401, "invalid_client"},
		"secret":                  {"hemmelig", url.Values{"client_secret": {"s"}}, 0, 200, ""},
		"wrong secret":            {"hemmelig", url.Values{"client_secret": {"t"}}, 0, 401, "invalid_client"},
		"no secret":               {"hemmelig", nil, 0, 401, "invalid_client"},
		"private_key_jwt":         {"jwt", jwt(assertion(klient{key: key}, time.Now().Add(10*time.Minute))), 0, 200, ""},
		"private_key_jwt, late":   {"jwt", jwt(assertion(klient{key: key}, time.Now().Add(-time.Minute))), 0, 401, "invalid_client"},
		"private_key_jwt, forged": {"jwt", jwt(assertion(klient{key: nokkel(t)}, time.Now().Add(time.Minute))), 0, 401, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			back := h.velg(t, h.authorize(url.Values{"client_id": {tt.klient}}), url.Values{"pid": {fnr}})
			form := url.Values{"grant_type": {"authorization_code"}, "client_id": {tt.klient}, "code": {back.Query().Get("code")},
				"redirect_uri": {"http://app.test/tilbake"}, "code_verifier": {pkce}}
			for k, v := range tt.endre {
				form[k] = v
				if v == nil {
					form.Del(k)
				}
			}
			if tt.vent > 0 {
				h.klokke.Sett(h.klokke.Now().Add(tt.vent))
			}
			if s := h.post(t, "/idporten/token", form.Encode()); s.status != tt.status || s.Error != tt.kode {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	h := start(t, nil)
	client := &http.Client{CheckRedirect: h.client.CheckRedirect}
	resp, err := client.Get(h.base + "/idporten/logout?state=s&post_logout_redirect_uri=" + url.QueryEscape("http://app.test/?a=1"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := resp.Header.Get("Location"); got != "http://app.test/?a=1&state=s" {
		t.Error(got)
	}
	if status, side := h.get(t, "/idporten/logout"); status != 200 || !strings.Contains(side, "logget ut") {
		t.Error(status, side)
	}
}

// The kid tells which key is meant, and nothing else of an issuer's is trusted.
func TestKeySource(t *testing.T) {
	t.Parallel()
	h := start(t, nil)
	var got []bool
	for _, u := range h.Utstedere() {
		for _, kid := range []string{"sandbox-maskinporten-1", "sandbox-maskinporten-2", "sandbox-idporten-1", "sandbox-idporten-2", ""} {
			_, err := u.JWKS.Key(context.Background(), kid)
			if err != nil && err != auth.ErrUkjentKid {
				t.Error(err)
			}
			got = append(got, err == nil)
		}
	}
	if d := cmp.Diff([]bool{true, true, false, false, false, false, false, true, true, false}, got); d != "" {
		t.Error(d)
	}
}
