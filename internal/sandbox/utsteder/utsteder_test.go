package utsteder_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"knutepunkt/api/apitest"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/sandbox/utsteder"
)

const (
	orgnr    = "910000017"
	annenOrg = "910000025"
	fnr      = "01810112345"
)

// hus is a running pair of issuers and a platform's authentication that trusts them.
type hus struct {
	*utsteder.Utsteder
	base   string
	klokke *klokke.Flyttbar
	client *http.Client // checked against the OpenAPI document; follows no redirect
	auth   *auth.Autentisering
}

type integrasjoner map[string]string // id → orgnr

func (i integrasjoner) Autentiser(_ context.Context, id, passord string) (auth.Autentisert, error) {
	if i[id] == "" || passord != "hemmelig" {
		return auth.Autentisert{}, feil.Ny(feil.Uautentisert, "nei")
	}
	return auth.Autentisert{IntegrasjonID: id, AutorisertOrgnr: i[id]}, nil
}

func start(t *testing.T, endre func(*utsteder.Config)) *hus {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hus{base: "http://" + l.Addr().String(), klokke: &klokke.Flyttbar{}}
	cfg := utsteder.Config{BaseURL: h.base, Klokke: h.klokke, StandardOrgnr: orgnr,
		Personer: []utsteder.Person{{Fnr: fnr, Navn: "Kari Prøve"}}}
	if endre != nil {
		endre(&cfg)
	}
	if h.Utsteder, err = utsteder.New(cfg); err != nil {
		t.Fatal(err)
	}
	ro := &httpx.Router{Klokke: h.klokke, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	if err := auth.Guard(ro, nil, nil, h.Routes()); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(ro)
	srv.Listener.Close()
	srv.Listener = l
	srv.Start()
	t.Cleanup(srv.Close)
	h.client = &http.Client{Transport: apitest.Transport(t, srv.Client().Transport),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	h.auth, err = auth.New(auth.Config{Utstedere: h.Utstedere(), Klokke: h.klokke,
		Integrasjoner: integrasjoner{"i1": orgnr}})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *hus) get(t *testing.T, sti string) (int, string) {
	t.Helper()
	resp, err := h.client.Get(h.base + sti)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func claimsOf(t *testing.T, token string) map[string]any {
	t.Helper()
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	var c map[string]any
	if err := json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestShortcutsGiveTokensThatThePlatformAccepts(t *testing.T) {
	t.Parallel()
	h := start(t, nil)
	status, token := h.get(t, "/sandbox/token/maskinporten?orgno="+orgnr)
	if status != 200 {
		t.Fatal(status, token)
	}
	c, err := h.auth.Login(t.Context(), "i1", "hemmelig", token)
	if err != nil || c.Orgnr != orgnr || c.Slag != auth.Integrasjon {
		t.Fatalf("%+v %v", c, err)
	}
	_, token = h.get(t, "/sandbox/token/idporten?pid="+fnr+"&acr=Level3")
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "BEARER "+token)
	if c, err = h.auth.Request(r); err != nil || c.Fnr != fnr || c.Niva != 3 || c.Slag != auth.Person {
		t.Fatalf("%+v %v", c, err)
	}
	r.Header.Set("IntegrasjonId", "i1")
	r.Header.Set("IntegrasjonPassord", "hemmelig")
	if c, err = h.auth.Request(r); err != nil || c.Slag != auth.IntegrasjonPerson {
		t.Fatalf("the standard organisation must be that of unregistered clients: %+v %v", c, err)
	}
	// Tokens live by the platform's clock.
	h.klokke.Sett(h.klokke.Now().Add(utsteder.Lifetime + 11*time.Second))
	if _, err := h.auth.Request(r); !feil.Er(err, feil.Uautentisert) {
		t.Fatalf("an expired token: %v", err)
	}
	for _, sti := range []string{"/sandbox/token/maskinporten", "/sandbox/token/maskinporten?orgno=12345678a",
		"/sandbox/token/maskinporten?orgno=" + orgnr + "&scope=", "/sandbox/token/idporten?pid=1", "/sandbox/token/idporten?pid=" + fnr + "&acr=Level5",
		"/sandbox/token/idporten?pid=" + fnr + "&orgno=1"} {
		if status, body := h.get(t, sti); status != 400 || strings.Contains(body, fnr) {
			t.Errorf("%s: %d %s", sti, status, body)
		}
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	h := start(t, nil)
	var first string
	for i, sti := range []string{"/maskinporten/.well-known/oauth-authorization-server", "/maskinporten/.well-known/openid-configuration",
		"/.well-known/oauth-authorization-server/maskinporten"} {
		status, body := h.get(t, sti)
		if i == 0 {
			first = body
		}
		if status != 200 || body != first || !strings.Contains(body, `"issuer":"`+h.base+`/maskinporten/"`) {
			t.Errorf("%s: %d %s", sti, status, body)
		}
	}
	if _, body := h.get(t, "/idporten/.well-known/openid-configuration"); !strings.Contains(body, `"issuer":"`+h.base+`/idporten"`) {
		t.Error(body)
	}
	for _, sti := range []string{"/maskinporten/jwk", "/idporten/jwk"} {
		_, body := h.get(t, sti)
		var set jose.JSONWebKeySet
		if err := json.Unmarshal([]byte(body), &set); err != nil || len(set.Keys) != 2 || !set.Keys[0].IsPublic() {
			t.Errorf("%s: %v %s", sti, err, body)
		}
	}
	// A platform that fetches the keys over HTTP, as in production, trusts the tokens too.
	var over []auth.Utsteder
	for _, u := range h.Utstedere() {
		over = append(over, auth.Utsteder{Issuer: u.Issuer, Slag: u.Slag, JWKS: auth.NyeNokler(u.Issuer, u.Slag, h.client, h.klokke)})
	}
	a, err := auth.New(auth.Config{Utstedere: over, Klokke: h.klokke, Integrasjoner: integrasjoner{"i1": orgnr}})
	if err != nil {
		t.Fatal(err)
	}
	token, err := h.Maskinporten(orgnr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Login(t.Context(), "i1", "hemmelig", token); err != nil {
		t.Fatal(err)
	}
}

// klient makes assertions as the two client libraries do.
type klient struct {
	key  *rsa.PrivateKey
	cert []byte // DER
}

var orgID = asn1.ObjectIdentifier{2, 5, 4, 97}

func nyKlient(t *testing.T, key *rsa.PrivateKey, subject pkix.Name) klient {
	t.Helper()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: subject, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return klient{key, der}
}

func nokkel(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (k klient) sign(t *testing.T, header map[jose.HeaderKey]any, claims any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: k.key}, &jose.SignerOptions{ExtraHeaders: header})
	if err != nil {
		t.Fatal(err)
	}
	payload, ok := claims.(string)
	if !ok {
		b, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		payload = string(b)
	}
	jws, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	s, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type svar struct {
	status      int
	AccessToken string      `json:"access_token"`
	ExpiresIn   json.Number `json:"expires_in"`
	Scope       string      `json:"scope"`
	Error       string      `json:"error"`
	Description string      `json:"error_description"`
	URI         string      `json:"error_uri"`
}

// post sends the body as it is, with the given extra headers.
func (h *hus) post(t *testing.T, sti, body string, header ...string) (s svar) {
	t.Helper()
	req, err := http.NewRequest("POST", h.base+sti, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := h.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	s.status = resp.StatusCode
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
		t.Fatalf("%s: %d, %v", sti, resp.StatusCode, err)
	}
	return s
}

const grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"

func kroppDotnet(assertion string) string {
	return url.Values{"grant_type": {grant}, "assertion": {assertion}}.Encode()
}
