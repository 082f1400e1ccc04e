package utsteder_test

import (
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"knutepunkt/internal/klokke"
	"knutepunkt/internal/sandbox/utsteder"
)

// The assertions of the Java and the .NET client, made by hand after the auth contract §3.1.
func TestMaskinportenGrant(t *testing.T) {
	t.Parallel()
	key := nokkel(t)
	buypass := nyKlient(t, key, pkix.Name{SerialNumber: orgnr, CommonName: "PRØVE AS"})
	segl := nyKlient(t, key, pkix.Name{CommonName: "PRØVE AS", ExtraNames: []pkix.AttributeTypeAndValue{{Type: orgID, Value: "NTRNO-" + orgnr}}})
	h := start(t, func(c *utsteder.Config) {
		c.Audience = []string{"https://test.maskinporten.no/"}
		c.Klienter = []utsteder.Klient{{ID: "registrert", Orgnr: orgnr,
			Nokler: []utsteder.Nokkel{{JSONWebKey: jose.JSONWebKey{Key: &key.PublicKey, KeyID: "k1"}, Registrert: time.Now()}}}}
	})
	x5c := func(k klient) map[jose.HeaderKey]any {
		return map[jose.HeaderKey]any{"x5c": []string{base64.StdEncoding.EncodeToString(k.cert)}}
	}
	java := func(iss string, more map[string]any) map[string]any {
		now := time.Now().Unix()
		c := map[string]any{"aud": h.base + "/maskinporten/", "iss": iss, "scope": "ks:fiks", "jti": uuid.NewString(), "iat": now, "exp": now + 120}
		for k, v := range more {
			c[k] = v
		}
		return c
	}
	for name, tt := range map[string]struct {
		klient klient
		header map[jose.HeaderKey]any
		claims any
		java   bool
		http   []string
		want   map[string]any
	}{
		"java, virksomhetssertifikat": {buypass, x5c(buypass), java("klient-1", nil), true, []string{"Charset", "UTF-8"},
			map[string]any{"client_amr": "virksomhetssertifikat", "client_id": "klient-1", "aud": "unspecified", "scope": "ks:fiks"}},
		"java, own key": {buypass, map[jose.HeaderKey]any{"kid": "k1"}, java("registrert", nil), true, nil,
			map[string]any{"client_amr": "private_key_jwt", "client_id": "registrert"}},
		"java, everything asked for": {buypass, x5c(buypass), java("klient-1", map[string]any{"scope": "ks:fiks ks:annet",
			"consumer_org": annenOrg, "resource": "https://api.test", "pid": fnr}), true, nil,
			map[string]any{"aud": "https://api.test", "pid": fnr, "scope": "ks:fiks ks:annet", "delegation_source": h.base + "/altinn/",
				"consumer": map[string]any{"authority": "iso6523-actorid-upis", "ID": "0192:" + annenOrg},
				"supplier": map[string]any{"authority": "iso6523-actorid-upis", "ID": "0192:" + orgnr}}},
		"dotnet, seal and decimals": {segl, map[jose.HeaderKey]any{"x5c": x5c(segl)["x5c"], "kid": "whatever", "typ": "JWT"},
			fmt.Sprintf(`{"iss":"klient-2","aud":"https://test.maskinporten.no/","iat":%d.0,"exp":%d.0,"nbf":%d,"scope":"ks:fiks","jti":%q}`,
				time.Now().Unix(), time.Now().Unix()+121, time.Now().Unix(), uuid.NewString()), false, []string{"Cache-Control", "no-cache", "Charset", "utf-8"},
			map[string]any{"client_id": "klient-2", "consumer": map[string]any{"authority": "iso6523-actorid-upis", "ID": "0192:" + orgnr}}},
		"dotnet, consumer_org as a header": {segl, x5c(segl), java("klient-2", map[string]any{"aud": h.base + "/maskinporten/token"}), false, []string{"consumer_org", annenOrg},
			map[string]any{"consumer": map[string]any{"authority": "iso6523-actorid-upis", "ID": "0192:" + annenOrg}}},
		"resource as an array": {segl, x5c(segl), java("klient-2", map[string]any{"resource": []string{"a", "b"}}), false, nil,
			map[string]any{"aud": []any{"a", "b"}}},
	} {
		t.Run(name, func(t *testing.T) {
			assertion := tt.klient.sign(t, tt.header, tt.claims)
			body := kroppDotnet(assertion)
			if tt.java {
				body = "grant_type=" + grant + "&assertion=" + assertion
			}
			s := h.post(t, "/maskinporten/token", body, tt.http...)
			if s.status != 200 || s.ExpiresIn.String() != "600" || s.Scope == "" {
				t.Fatalf("%+v", s)
			}
			got := claimsOf(t, s.AccessToken)
			for k, v := range tt.want {
				if d := cmp.Diff(v, got[k]); d != "" {
					t.Errorf("%s: %s", k, d)
				}
			}
			if got["iss"] != h.base+"/maskinporten/" || got["exp"].(float64)-got["iat"].(float64) != 600 || got["token_type"] != "Bearer" {
				t.Errorf("%v", got)
			}
			if _, sub := got["sub"]; sub || tt.want["supplier"] == nil && !strings.Contains(name, "consumer_org") && got["supplier"] != nil {
				t.Errorf("claims that do not belong there: %v", got)
			}
			if _, err := h.auth.Login(t.Context(), "i1", "hemmelig", s.AccessToken); err != nil {
				t.Error(err)
			}
			if again := h.post(t, "/maskinporten/token", body, tt.http...); again.status != 400 || !strings.Contains(again.Description, "MP-012") {
				t.Errorf("used twice: %+v", again)
			}
		})
	}
}

func TestMaskinportenFeil(t *testing.T) {
	t.Parallel()
	key, other := nokkel(t), nokkel(t)
	k := nyKlient(t, key, pkix.Name{SerialNumber: orgnr})
	uten := nyKlient(t, key, pkix.Name{CommonName: "ingen"})
	h := start(t, func(c *utsteder.Config) {
		jwk := jose.JSONWebKey{Key: &key.PublicKey, KeyID: "k1"}
		c.Klienter = []utsteder.Klient{
			{ID: "reg", Orgnr: orgnr, Scope: []string{"ks:fiks", "ks:gitt"}, Delegert: []string{"910000033"},
				Nokler: []utsteder.Nokkel{{JSONWebKey: jwk}}},
			{ID: "gammel", Orgnr: orgnr, Nokler: []utsteder.Nokkel{{JSONWebKey: jwk, Registrert: time.Now().AddDate(-1, -1, 0)}}},
			{ID: "annen", Orgnr: annenOrg},
		}
		c.Tildelt = map[string][]string{"ks:gitt": {annenOrg}}
	})
	b64 := base64.StdEncoding.EncodeToString
	x5c := map[jose.HeaderKey]any{"x5c": []string{b64(k.cert)}}
	kid := map[jose.HeaderKey]any{"kid": "k1"}
	type m = map[string]any
	for name, tt := range map[string]struct {
		klient klient
		header map[jose.HeaderKey]any
		iss    string
		claims m
		http   []string
		status int
		kode   string // OAuth
		mp     string
	}{
		"unknown client with kid":     {k, kid, "ukjent", nil, nil, 400, "invalid_grant", "MP-100"},
		"unknown kid":                 {k, map[jose.HeaderKey]any{"kid": "k2"}, "reg", nil, nil, 400, "invalid_grant", "MP-100"},
		"no org.nr anywhere":          {uten, map[jose.HeaderKey]any{"x5c": []string{b64(uten.cert)}}, "ukjent", nil, nil, 400, "invalid_grant", "MP-100"},
		"no iss":                      {k, x5c, "", nil, nil, 400, "invalid_grant", "MP-100"},
		"wrong aud":                   {k, x5c, "c", m{"aud": "https://maskinporten.no/"}, nil, 400, "invalid_grant", "MP-110"},
		"two aud":                     {k, x5c, "c", m{"aud": []string{h.base + "/maskinporten/", "x"}}, nil, 400, "invalid_grant", "MP-110"},
		"no aud":                      {k, x5c, "c", m{"aud": nil}, nil, 400, "invalid_grant", "MP-110"},
		"expired own key":             {k, kid, "gammel", nil, nil, 400, "invalid_grant", "MP-121"},
		"somebody else's certificate": {k, x5c, "annen", nil, nil, 400, "invalid_grant", "MP-122"},
		"signed with another key":     {klient{key: other}, x5c, "c", nil, nil, 400, "invalid_grant", "MP-124"},
		"expired":                     {k, x5c, "c", m{"iat": time.Now().Unix() - 200, "exp": time.Now().Unix() - 100}, nil, 400, "invalid_grant", "MP-130"},
		"issued in the future":        {k, x5c, "c", m{"iat": time.Now().Unix() + 60, "exp": time.Now().Unix() + 120}, nil, 400, "invalid_grant", "MP-130"},
		"lives too long":              {k, x5c, "c", m{"exp": time.Now().Unix() + 300}, nil, 400, "invalid_grant", "MP-130"},
		"no exp":                      {k, x5c, "c", m{"exp": nil}, nil, 400, "invalid_grant", "MP-130"},
		"no jti":                      {k, x5c, "c", m{"jti": ""}, nil, 400, "invalid_request", "MP-011"},
		"unknown claim":               {k, x5c, "c", m{"favorittfarge": "blå"}, nil, 400, "invalid_request", "MP-011"},
		"acting for itself":           {k, x5c, "c", m{"consumer_org": orgnr}, nil, 400, "invalid_request", "MP-011"},
		"acting for itself, header":   {k, x5c, "c", nil, []string{"consumer_org", orgnr}, 400, "invalid_request", "MP-011"},
		"both ways to act":            {k, x5c, "c", m{"consumer_org": annenOrg, "iss_onbehalfof": "x"}, nil, 400, "invalid_request", "MP-011"},
		"consumer_org is no org.nr":   {k, x5c, "c", m{"consumer_org": "12"}, nil, 400, "invalid_request", "MP-011"},
		"pid is no fnr":               {k, x5c, "c", m{"pid": "12"}, nil, 400, "invalid_request", "MP-011"},
		"resource is a number":        {k, x5c, "c", m{"resource": 7}, nil, 400, "invalid_request", "MP-011"},
		"no scope":                    {k, x5c, "c", m{"scope": " "}, nil, 400, "invalid_scope", "MP-200"},
		"scope not on the client":     {k, kid, "reg", m{"scope": "ks:fiks ks:annet"}, nil, 400, "invalid_scope", "MP-200"},
		"scope of persons":            {k, x5c, "c", m{"scope": "openid"}, nil, 400, "invalid_scope", "MP-201"},
		"scope not granted":           {k, kid, "reg", m{"scope": "ks:gitt"}, nil, 403, "access_denied", "MP-250"},
		"not delegated":               {k, kid, "reg", m{"consumer_org": annenOrg}, nil, 403, "access_denied", "MP-251"},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now().Unix()
			claims := m{"aud": h.base + "/maskinporten/", "iss": tt.iss, "scope": "ks:fiks", "jti": uuid.NewString(), "iat": now, "exp": now + 120}
			for k, v := range tt.claims {
				claims[k] = v
				if v == nil {
					delete(claims, k)
				}
			}
			s := h.post(t, "/maskinporten/token", kroppDotnet(tt.klient.sign(t, tt.header, claims)), tt.http...)
			if s.status != tt.status || s.Error != tt.kode || !strings.HasPrefix(s.Description, tt.mp+": ") || s.URI == "" {
				t.Errorf("%+v", s)
			}
			if tt.kode == "invalid_grant" && !strings.Contains(s.Description, "Invalid assertion") {
				t.Errorf("the words that clients know: %q", s.Description)
			}
		})
	}
	// What is wrong with the header itself.
	head := func(h string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(h)) + ".e30.c2ln"
	}
	for assertion, want := range map[string]string{
		"":                                       "MP-011",
		"abc":                                    "MP-011",
		head(`{"alg":"RS256"}`):                  "MP-123",
		head(`{"alg":"RS256","x5c":"MIIB"}`):     "MP-123",
		head(`{"alg":"RS256","x5c":[]}`):         "MP-123",
		head(`{"alg":"RS256","x5c":["%%"]}`):     "MP-123",
		head(`{"alg":"RS256","x5c":["MIIB"]}`):   "MP-120",
		head(`{"alg":"none","kid":"k1"}`):        "MP-124",
		head(`{"alg":"HS256","kid":"k1"}`):       "MP-124",
		head(`{"alg":"RS256","kid":"k1"}`) + ".": "MP-124",
	} {
		if s := h.post(t, "/maskinporten/token", kroppDotnet(assertion)); s.status != 400 || !strings.HasPrefix(s.Description, want) {
			t.Errorf("%.60q: %+v", assertion, s)
		}
	}
	if s := h.post(t, "/maskinporten/token", "grant_type=client_credentials"); s.status != 400 || s.Error != "unsupported_grant_type" {
		t.Errorf("%+v", s)
	}
}

// Nothing that is not signed by a known key or a certificate gets a token, and nothing makes the issuer fall over.
func FuzzAssertion(f *testing.F) {
	u, err := utsteder.New(utsteder.Config{BaseURL: "http://127.0.0.1:1", Klokke: klokke.System{}})
	if err != nil {
		f.Fatal(err)
	}
	for _, h := range []string{`{"alg":"RS256","x5c":["MIIB"]}`, `{"alg":"RS256","kid":"k"}`, `{"alg":"none"}`, `{"x5c":null}`} {
		f.Add(base64.RawURLEncoding.EncodeToString([]byte(h)) + ".eyJpc3MiOiJ4In0.c2ln")
	}
	f.Fuzz(func(t *testing.T, assertion string) {
		for _, rt := range u.Routes() {
			if rt.Pattern != "POST /maskinporten/token" {
				continue
			}
			r := httptest.NewRequest("POST", "/maskinporten/token", strings.NewReader(kroppDotnet(assertion)))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			if err := rt.Handler(w, r); err != nil || w.Code != 400 {
				t.Errorf("%d %v", w.Code, err)
			}
		}
	})
}
