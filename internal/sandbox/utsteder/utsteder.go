// Package utsteder is the sandbox's token issuer: one like Maskinporten and one
// like ID-porten, each with keys of its own, so that unmodified clients and OIDC
// libraries get tokens with no network and no account (auth contract §7).
//
// It trusts everybody: any certificate, any client that is not registered, any
// person. Its signing keys are public. It must never be reachable by a
// platform that holds something of worth.
package utsteder

import (
	"cmp"
	"container/list"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/klokke"
)

// Lifetime is how long each token is valid.
const Lifetime = 10 * time.Minute

const (
	maxForm  = 64 << 10 // bytes of a form
	maxMinne = 10_000   // codes, refresh tokens and used assertions that are remembered
	keyBits  = 2048
)

// Kinds of tokens, for Roter.
const (
	SlagMaskinporten = auth.Integrasjon
	SlagIDPorten     = auth.Person
)

//go:embed nokler.pem
var nokler []byte

// Config is what the issuers need to know.
type Config struct {
	// BaseURL is the external address, without trailing slash: the issuers are
	// BaseURL/maskinporten/ and BaseURL/idporten.
	BaseURL  string
	Klokke   klokke.Klokke // tokens and assertions are valid by it
	Personer []Person      // whom the login page offers
	Klienter []Klient      // registered clients; all others are let in as they come
	// StandardOrgnr owns the clients of ID-porten that are not registered.
	StandardOrgnr string
	// Audience are values of an assertion's aud that are accepted beside the
	// issuer and its token endpoint, for clients pinned to another address.
	Audience []string
	// Delegering is the delegation_source of tokens with a supplier.
	Delegering string
	// Tildelt names, for a scope, the organisations that have been granted it. A
	// scope that is not here is everybody's.
	Tildelt map[string][]string
}

// Person can be chosen on the login page.
type Person struct{ Fnr, Navn, Beskrivelse string }

// Klient is a registered OAuth client.
type Klient struct {
	ID    string
	Orgnr string // of the organisation that owns it, 9 digits
	// Nokler are its own keys, for assertions with kid.
	Nokler []Nokkel
	Secret string   // "" : a public client, or one with keys
	Scope  []string // what it may ask for; nil: anything
	// Redirect are its redirect_uri values; nil: any.
	Redirect []string
	// Delegert are the organisations that have let it act for them; nil: all.
	Delegert []string
}

// Nokkel is a client's public key. It is valid for a year from Registrert, or
// always when that is zero.
type Nokkel struct {
	jose.JSONWebKey
	Registrert time.Time
}

// Utsteder is the two issuers.
type Utsteder struct {
	cfg          Config
	klienter     map[string]Klient
	maskinporten *issuer
	idporten     *issuer
	brukt        *minne[struct{}]   // assertions, by client and jti
	koder        *minne[innlogging] // by code
	refresh      *minne[innlogging] // by refresh token
}

// New makes the issuers; an error names what is wrong with cfg.
func New(cfg Config) (*Utsteder, error) {
	base, err := url.Parse(cfg.BaseURL)
	if err != nil || base.Host == "" || strings.HasSuffix(cfg.BaseURL, "/") {
		return nil, fmt.Errorf("utsteder: the base URL %q must be absolute and without trailing slash", cfg.BaseURL)
	}
	if cfg.Klokke == nil {
		return nil, errors.New("utsteder: a clock is required")
	}
	cfg.StandardOrgnr = cmp.Or(cfg.StandardOrgnr, "910000000")
	cfg.Delegering = cmp.Or(cfg.Delegering, cfg.BaseURL+"/altinn/")
	keys, err := lesNokler()
	if err != nil {
		return nil, err
	}
	u := &Utsteder{cfg: cfg, klienter: map[string]Klient{},
		maskinporten: &issuer{id: cfg.BaseURL + "/maskinporten/", keys: keys[:2]},
		idporten:     &issuer{id: cfg.BaseURL + "/idporten", keys: keys[2:]},
		brukt:        nyttMinne[struct{}](maxMinne), koder: nyttMinne[innlogging](maxMinne), refresh: nyttMinne[innlogging](maxMinne),
	}
	for _, k := range cfg.Klienter {
		if _, dup := u.klienter[k.ID]; k.ID == "" || dup || !erOrgnr(k.Orgnr) {
			return nil, fmt.Errorf("utsteder: client %q needs an id of its own and an org.nr of 9 digits", k.ID)
		}
		u.klienter[k.ID] = k
	}
	return u, nil
}

func lesNokler() (keys []jose.JSONWebKey, err error) {
	rest := nokler
	for _, kid := range []string{"sandbox-maskinporten-1", "sandbox-maskinporten-2", "sandbox-idporten-1", "sandbox-idporten-2"} {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errors.New("utsteder: a built-in key is missing")
		}
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("utsteder: a built-in key: %w", err)
		}
		keys = append(keys, signeringsnokkel(key, kid))
	}
	return keys, nil
}

func signeringsnokkel(key any, kid string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key, KeyID: kid, Algorithm: string(jose.RS256), Use: "sig"}
}

// Utstedere are the issuers as the platform trusts them, with their keys handed
// over in process.
func (u *Utsteder) Utstedere() []auth.Utsteder {
	return []auth.Utsteder{
		{Issuer: u.maskinporten.id, Slag: auth.Integrasjon, JWKS: u.maskinporten},
		{Issuer: u.idporten.id, Slag: auth.Person, JWKS: u.idporten},
	}
}

// Maskinporten issues an organisation's token; the scope is ks:fiks when none
// is given. feil.Ugyldig when orgnr is not 9 digits.
func (u *Utsteder) Maskinporten(orgnr string, scope ...string) (string, error) {
	if !erOrgnr(orgnr) {
		return "", feil.Ny(feil.Ugyldig, "orgno må være ni sifre")
	}
	if len(scope) == 0 {
		scope = []string{"ks:fiks"}
	}
	if scope = strings.Fields(strings.Join(scope, " ")); len(scope) == 0 {
		return "", feil.Ny(feil.Ugyldig, "scope kan ikke være tomt")
	}
	return u.utstedMaskinporten(maskinportenToken{
		ClientID: klientAv(orgnr), ClientAMR: "virksomhetssertifikat", Scope: strings.Join(scope, " "), Consumer: organisasjon(orgnr),
	})
}

// IDPorten issues a person's token, as if pid had logged in at the level acr
// ("": idporten-loa-high) to a client of the organisation ("": StandardOrgnr).
// feil.Ugyldig when one of them cannot be.
func (u *Utsteder) IDPorten(pid, acr, orgnr string) (string, error) {
	acr, orgnr = cmp.Or(acr, acrHigh), cmp.Or(orgnr, u.cfg.StandardOrgnr)
	switch {
	case !erFnr(pid):
		return "", feil.Ny(feil.Ugyldig, "pid må være elleve sifre")
	case !slices.Contains(acrer, acr):
		return "", feil.Ny(feil.Ugyldig, "acr må være en av %s", strings.Join(acrer, ", "))
	case !erOrgnr(orgnr):
		return "", feil.Ny(feil.Ugyldig, "orgno må være ni sifre")
	}
	return u.utstedIDPorten(innlogging{ClientID: klientAv(orgnr), ClientAMR: "private_key_jwt", Orgnr: orgnr,
		Pid: pid, Acr: acr, Scope: "openid profile ks:fiks"})
}

// klientAv is the made-up client of an organisation that has none registered.
func klientAv(orgnr string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("knutepunkt:sandbox:klient:"+orgnr)).String()
}

// Roter makes a new key for an issuer and signs with it from now on; the former
// one stays published, the one before that does not.
func (u *Utsteder) Roter(slag auth.Slag) error {
	i := u.idporten
	if slag == SlagMaskinporten {
		i = u.maskinporten
	}
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return fmt.Errorf("utsteder: making a key: %w", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = []jose.JSONWebKey{signeringsnokkel(key, uuid.NewString()), i.keys[0]}
	return nil
}

// Routes are all endpoints. They are open: whoever reaches the sandbox may be
// whom they like.
func (u *Utsteder) Routes() []auth.Route {
	alle := auth.Tilgang{Slag: auth.Anonym, Merknad: "kun i sandkassen"}
	var routes []auth.Route
	add := func(pattern string, h httpx.Handler) {
		routes = append(routes, auth.Route{Pattern: pattern, Tilgang: alle, Handler: h, MaxBody: maxForm})
	}
	add("GET /sandbox/token/maskinporten", u.hentMaskinporten)
	add("GET /sandbox/token/idporten", u.hentIDPorten)
	for _, sti := range []string{"/maskinporten/.well-known/oauth-authorization-server",
		"/maskinporten/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/maskinporten"} {
		add("GET "+sti, u.maskinportenMetadata)
	}
	add("GET /maskinporten/jwk", u.maskinporten.jwks)
	add("POST /maskinporten/token", u.maskinportenGrant)
	add("GET /idporten/.well-known/openid-configuration", u.idportenMetadata)
	add("GET /idporten/jwk", u.idporten.jwks)
	add("GET /idporten/authorize", u.authorize)
	add("POST /idporten/authorize", u.authorize)
	add("POST /idporten/token", u.idportenGrant)
	add("GET /idporten/userinfo", u.userinfo)
	add("GET /idporten/logout", u.logout)
	return routes
}

// hentMaskinporten answers an organisation's token with one GET.
func (u *Utsteder) hentMaskinporten(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	token, err := u.Maskinporten(q.Get("orgno"), q["scope"]...)
	return bareToken(w, token, err)
}

// hentIDPorten answers a person's token with one GET.
func (u *Utsteder) hentIDPorten(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	token, err := u.IDPorten(q.Get("pid"), q.Get("acr"), q.Get("orgno"))
	return bareToken(w, token, err)
}

func bareToken(w http.ResponseWriter, token string, err error) error {
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, err = w.Write([]byte(token))
	return err
}

// issuer is one set of signing keys; the first signs, all are published.
type issuer struct {
	id   string
	mu   sync.RWMutex
	keys []jose.JSONWebKey
}

// Key implements auth.KeySource.
func (i *issuer) Key(_ context.Context, kid string) (any, error) {
	i.mu.RLock()
	defer i.mu.RUnlock()
	for _, k := range i.keys {
		if k.KeyID == kid {
			return k.Public().Key, nil
		}
	}
	return nil, auth.ErrUkjentKid
}

func (i *issuer) jwks(w http.ResponseWriter, _ *http.Request) error {
	i.mu.RLock()
	var set jose.JSONWebKeySet
	for _, k := range i.keys {
		set.Keys = append(set.Keys, k.Public())
	}
	i.mu.RUnlock()
	return httpx.JSON(w, http.StatusOK, set)
}

// sign makes a compact JWS of claims. The header is {"alg","kid"}.
func (i *issuer) sign(claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("utsteder: %w", err)
	}
	i.mu.RLock()
	key := i.keys[0]
	i.mu.RUnlock()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, nil)
	if err != nil {
		return "", fmt.Errorf("utsteder: %w", err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("utsteder: %w", err)
	}
	return jws.CompactSerialize()
}

// org is an organisation in a token.
type org struct {
	Authority string `json:"authority"`
	ID        string `json:"ID"`
}

func organisasjon(orgnr string) *org {
	return &org{Authority: "iso6523-actorid-upis", ID: "0192:" + orgnr}
}

func erOrgnr(s string) bool { return len(s) == 9 && strings.Trim(s, "0123456789") == "" }
func erFnr(s string) bool   { return len(s) == 11 && strings.Trim(s, "0123456789") == "" }

// tilfeldig is a value that cannot be guessed.
func tilfeldig() string { return rand.Text() }

// parvis is the sub of a person at an organisation, another at each.
func parvis(pid, orgnr string) string {
	h := sha256.Sum256([]byte("knutepunkt:sandbox:sub:" + orgnr + ":" + pid))
	return base64.RawURLEncoding.EncodeToString(h[:])
}

// oauthFeil is an OAuth error (RFC 6749 §5.2).
type oauthFeil struct {
	status int
	kode   string
	tekst  string
	uri    string
}

// svar writes v, or err when it is an OAuth error; other errors are returned.
func svar(w http.ResponseWriter, v any, feil *oauthFeil, err error) error {
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case err != nil:
		return err
	case feil != nil:
		if feil.status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Basic realm="idporten"`)
		}
		return httpx.JSON(w, feil.status, struct {
			Error       string `json:"error"`
			Description string `json:"error_description,omitempty"`
			URI         string `json:"error_uri,omitempty"`
		}{feil.kode, feil.tekst, feil.uri})
	}
	return httpx.JSON(w, http.StatusOK, v)
}

// minne remembers up to a number of things; the oldest is forgotten first.
type minne[V any] struct {
	mu    sync.Mutex
	max   int
	items map[string]*list.Element
	order *list.List // of post[V], oldest first
}

type post[V any] struct {
	key   string
	value V
}

func nyttMinne[V any](max int) *minne[V] {
	return &minne[V]{max: max, items: map[string]*list.Element{}, order: list.New()}
}

// legg adds a thing; false when the key is there already.
func (m *minne[V]) legg(key string, v V) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.items[key]; ok {
		return false
	}
	for m.order.Len() >= m.max {
		oldest := m.order.Front()
		delete(m.items, m.order.Remove(oldest).(post[V]).key)
	}
	m.items[key] = m.order.PushBack(post[V]{key, v})
	return true
}

// ta takes a thing out.
func (m *minne[V]) ta(key string) (v V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.items[key]
	if !ok {
		return v, false
	}
	delete(m.items, key)
	return m.order.Remove(e).(post[V]).value, true
}
