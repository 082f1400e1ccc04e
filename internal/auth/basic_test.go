package auth

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
)

type ingen struct{}

func (ingen) Request(*http.Request) (Caller, error)                     { return Caller{Slag: Anonym}, nil }
func (ingen) Har(context.Context, string, string, string) (bool, error) { return false, nil }
func (ingen) HarNoen(context.Context, string, string) (bool, error)     { return false, nil }

func TestBasic(t *testing.T) {
	t.Parallel()
	basic := Basic{Realm: "KS Svarut mottaker login", Slag: Mottakersystem, Sjekk: func(_ context.Context, navn, p string) (string, error) {
		if navn != "system" || p != "blåbær:1" {
			return "", feil.Ny(feil.Uautentisert, "Ikke autentisert")
		}
		return "konto-1", nil
	}}
	ro := &httpx.Router{}
	err := Guard(ro, ingen{}, ingen{}, []Route{{
		Pattern: "GET /x", Tilgang: Tilgang{Slag: Mottakersystem}, Innlogging: basic,
		Feilform: func(m httpx.Feilmelding) any { return map[string]any{"melding": m.Message} },
		Handler: func(w http.ResponseWriter, r *http.Request) error {
			return httpx.JSON(w, http.StatusOK, From(r.Context()).KontoID)
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	const nei = `{"melding":"Ikke autentisert"}`
	for _, tt := range []struct {
		navn   string
		sett   func(*http.Request)
		status int
		body   string
	}{
		{"right", func(r *http.Request) { r.SetBasicAuth("system", "blåbær:1") }, 200, `"konto-1"`},
		{"right, in ISO 8859-1", func(r *http.Request) { r.SetBasicAuth("system", "bl\xe5b\xe6r:1") }, 200, `"konto-1"`},
		{"nothing", func(*http.Request) {}, 401, nei},
		{"wrong password", func(r *http.Request) { r.SetBasicAuth("system", "blåbær") }, 401, nei},
		{"unknown name", func(r *http.Request) { r.SetBasicAuth("annet", "blåbær:1") }, 401, nei},
		{"no password", func(r *http.Request) { r.SetBasicAuth("system", "") }, 401, nei},
		{"a token", func(r *http.Request) { r.Header.Set("Authorization", "Bearer abc") }, 401, nei},
		{"twice", func(r *http.Request) {
			r.SetBasicAuth("system", "blåbær:1")
			r.Header.Add("Authorization", "Basic eDp5")
		}, 401, nei},
	} {
		r := httptest.NewRequest("GET", "/x", nil)
		tt.sett(r)
		w := httptest.NewRecorder()
		ro.ServeHTTP(w, r)
		if w.Code != tt.status || w.Body.String() != tt.body {
			t.Errorf("%s: %d %s, want %d %s", tt.navn, w.Code, w.Body, tt.status, tt.body)
		}
		if got := w.Header().Get("WWW-Authenticate"); (got == `BASIC realm="KS Svarut mottaker login"`) != (tt.status == 401) {
			t.Errorf("%s: the challenge is %q", tt.navn, got)
		}
	}
}

// Accounts come alone, and only where there is a way to log in.
func TestKontoruter(t *testing.T) {
	t.Parallel()
	h := func(http.ResponseWriter, *http.Request) error { return nil }
	for _, rt := range []Route{
		{Pattern: "GET /x", Handler: h, Tilgang: Tilgang{Slag: Mottakersystem}},
		{Pattern: "GET /x", Handler: h, Innlogging: Basic{}, Tilgang: Tilgang{Slag: Avsender | Integrasjon}},
		{Pattern: "GET /x", Handler: h, Innlogging: Basic{}, Tilgang: Tilgang{Slag: Avsender, Privilegium: Admin}},
	} {
		if err := Guard(&httpx.Router{}, ingen{}, ingen{}, []Route{rt}); err == nil {
			t.Errorf("the row %+v was taken", rt.Tilgang)
		}
	}
}
