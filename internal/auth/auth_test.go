package auth

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/klokke"
)

const (
	maskinporten = "https://test.maskinporten.no/"
	idporten     = "https://test.idporten.no"
	orgnr        = "991825827"
	annetOrgnr   = "910753614"
	fnr          = "47906701517"
	integrasjon  = "6e1e4f4a-61d4-4e13-a6f5-6b1d1bd2a1f4"
	slettet      = "11111111-61d4-4e13-a6f5-6b1d1bd2a1f4"
	passord      = "hemmelig-passord"
)

var t0 = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// Keys are made once; making them is slow.
var testKeys = sync.OnceValue(func() [3]*rsa.PrivateKey {
	var ks [3]*rsa.PrivateKey
	for i := range ks {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		ks[i] = k
	}
	return ks
})

// nokler is a KeySource of fixed keys that counts how often it is asked.
type nokler struct {
	keys  map[string]any
	err   error
	asked atomic.Int64
}

func (n *nokler) Key(_ context.Context, kid string) (any, error) {
	n.asked.Add(1)
	if n.err != nil {
		return nil, n.err
	}
	if k := n.keys[kid]; k != nil {
		return k, nil
	}
	return nil, ErrUkjentKid
}

type integrasjoner struct{}

func (integrasjoner) Autentiser(_ context.Context, id, p string) (Autentisert, error) {
	if id != integrasjon || p != passord {
		return Autentisert{}, feil.Ny(feil.Uautentisert, "feil passord eller ukjent integrasjon")
	}
	return Autentisert{IntegrasjonID: id, AutorisertOrgnr: orgnr}, nil
}

type bundle struct {
	a      *Autentisering
	klokke *klokke.Manuell
	mp, id *nokler
}

func setup(t *testing.T, change ...func(*Config)) *bundle {
	t.Helper()
	ks := testKeys()
	b := &bundle{
		klokke: klokke.NyManuell(t0),
		mp:     &nokler{keys: map[string]any{"mp-1": &ks[0].PublicKey}},
		id:     &nokler{keys: map[string]any{"id-1": &ks[1].PublicKey}},
	}
	cfg := Config{
		Utstedere:     []Utsteder{{maskinporten, Integrasjon, b.mp}, {idporten, Person, b.id}},
		Integrasjoner: integrasjoner{},
		Klokke:        b.klokke,
	}
	for _, f := range change {
		f(&cfg)
	}
	var err error
	if b.a, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	return b
}

type m = map[string]any

func org(nr string) m { return m{"authority": "iso6523-actorid-upis", "ID": "0192:" + nr} }

// mpClaims and idClaims are good tokens at t0, with changes; nil deletes.
func mpClaims(change m) m {
	return with(m{
		"iss": maskinporten, "client_amr": "virksomhetssertifikat", "token_type": "Bearer", "client_id": "c-1",
		"aud": "unspecified", "scope": "ks:fiks", "exp": t0.Unix() + 120, "iat": t0.Unix(), "jti": "x", "consumer": org(orgnr),
	}, change)
}

func idClaims(change m) m {
	return with(m{
		"iss": idporten, "sub": "pairwise", "aud": "unspecified", "client_id": "c-2", "scope": "openid profile ks:fiks",
		"pid": fnr, "acr": "idporten-loa-high", "consumer": org(orgnr), "exp": t0.Unix() + 120, "iat": t0.Unix(), "jti": "y",
	}, change)
}

func with(c, change m) m {
	for k, v := range change {
		if v == nil {
			delete(c, k)
		} else {
			c[k] = v
		}
	}
	return c
}

func sign(t testing.TB, alg jose.SignatureAlgorithm, key any, kid string, claims any) string {
	t.Helper()
	o := (&jose.SignerOptions{})
	if kid != "" {
		o = o.WithHeader("kid", kid)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, o)
	if err != nil {
		t.Fatal(err)
	}
	p, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := s.Sign(p)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func mpToken(t testing.TB, change m) string {
	return sign(t, jose.RS256, testKeys()[0], "mp-1", mpClaims(change))
}

func idToken(t testing.TB, change m) string {
	return sign(t, jose.RS256, testKeys()[1], "id-1", idClaims(change))
}

// unsigned makes a token by hand, with any header and any signature.
func unsigned(header, claims any, sig func(input string) []byte) string {
	enc := func(v any) string {
		b, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	input := enc(header) + "." + enc(claims)
	return input + "." + base64.RawURLEncoding.EncodeToString(sig(input))
}

func request(token string, headers ...string) *http.Request {
	r := httptest.NewRequest("GET", "/a", nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

var intHeaders = []string{"IntegrasjonId", integrasjon, "IntegrasjonPassord", passord}

// Credentials × outcome: everything that is refused is refused with one and the
// same message.
func TestRequest(t *testing.T) {
	t.Parallel()
	ks := testKeys()
	pubPEM := func() []byte {
		der, _ := x509.MarshalPKIXPublicKey(&ks[0].PublicKey)
		return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	}()
	rs := func(key *rsa.PrivateKey) func(string) []byte {
		return func(in string) []byte {
			h := sha256.Sum256([]byte(in))
			b, _ := rsa.SignPKCS1v15(nil, key, crypto.SHA256, h[:])
			return b
		}
	}
	machine := Caller{Slag: Integrasjon, IntegrasjonID: integrasjon, Orgnr: orgnr, ClientID: "c-1", Scope: []string{"ks:fiks"}}
	citizen := Caller{Slag: IntegrasjonPerson, IntegrasjonID: integrasjon, Orgnr: orgnr, Fnr: fnr, Niva: 4, ClientID: "c-2", Scope: []string{"openid", "profile", "ks:fiks"}}
	person := citizen
	person.Slag, person.IntegrasjonID = Person, ""
	niva := func(c Caller, n int) Caller { c.Niva = n; return c }
	at := func(c Caller, o string) Caller { c.Orgnr = o; return c }
	mp := func(change m) *http.Request { return request(mpToken(t, change), intHeaders...) }
	id := func(change m) *http.Request { return request(idToken(t, change), intHeaders...) }
	raw := func(token string) *http.Request { return request(token, intHeaders...) }

	tests := map[string]struct {
		r    *http.Request
		want Caller // zero: refused
		cfg  func(*Config)
	}{
		"anonymous":                       {request(""), Caller{Slag: Anonym}, nil},
		"integrasjon headers alone":       {request("", intHeaders...), Caller{Slag: Anonym}, nil},
		"integrasjon":                     {mp(nil), machine, nil},
		"integrasjon-person":              {id(nil), citizen, nil},
		"person":                          {request(idToken(t, nil)), person, nil},
		"RS384":                           {raw(sign(t, jose.RS384, ks[0], "mp-1", mpClaims(nil))), machine, nil},
		"RS512":                           {raw(sign(t, jose.RS512, ks[0], "mp-1", mpClaims(nil))), machine, nil},
		"several scopes":                  {mp(m{"scope": "ks:fiks"}), machine, nil},
		"exp with a fraction":             {mp(m{"exp": float64(t0.Unix()) + 60.5}), machine, nil},
		"exp within the leeway":           {mp(m{"exp": t0.Unix() - 9}), machine, nil},
		"no aud, iat":                     {mp(m{"aud": nil, "iat": nil}), machine, nil},
		"ICD 9908":                        {mp(m{"consumer": m{"authority": "iso6523-actorid-upis", "ID": "9908:" + orgnr}}), machine, nil},
		"four elements":                   {mp(m{"consumer": m{"authority": "iso6523-actorid-upis", "ID": "0192:" + orgnr + ":a:b"}}), machine, nil},
		"a pid in a Maskinporten token":   {mp(m{"pid": fnr, "acr": "idporten-loa-high"}), machine, nil},
		"delegated to us as supplier":     {mp(m{"consumer": org(annetOrgnr), "supplier": org(orgnr)}), machine, nil},
		"delegated by us as consumer":     {mp(m{"supplier": org(annetOrgnr)}), machine, nil},
		"delegated, only consumer counts": {mp(m{"consumer": org(annetOrgnr), "supplier": org(orgnr)}), Caller{}, func(c *Config) { c.Orgnr = KunConsumer }},
		"delegated, only supplier counts": {mp(m{"supplier": org(annetOrgnr)}), Caller{}, func(c *Config) { c.Orgnr = KunSupplier }},
		"not delegated, supplier rule":    {mp(nil), machine, func(c *Config) { c.Orgnr = KunSupplier }},
		"own audience":                    {mp(m{"aud": "https://us"}), machine, func(c *Config) { c.Audience = "https://us" }},
		"own audience in a list":          {mp(m{"aud": []string{"x", "https://us"}}), machine, func(c *Config) { c.Audience = "https://us" }},
		"unspecified audience":            {mp(nil), machine, func(c *Config) { c.Audience = "https://us" }},
		"wrong audience":                  {mp(m{"aud": "https://them"}), Caller{}, func(c *Config) { c.Audience = "https://us" }},
		"audience of no known form":       {mp(m{"aud": 1}), Caller{}, func(c *Config) { c.Audience = "https://us" }},
		"capital BEARER":                  {request("", append([]string{"Authorization", "BEARER " + mpToken(t, nil)}, intHeaders...)...), machine, nil},
		"level 3":                         {request(idToken(t, m{"acr": "idporten-loa-substantial"})), niva(person, 3), nil},
		"level 3, old":                    {request(idToken(t, m{"acr": "Level3"})), niva(person, 3), nil},
		"level 4, old":                    {request(idToken(t, m{"acr": "Level4"})), person, nil},
		"level low":                       {request(idToken(t, m{"acr": "idporten-loa-low"})), niva(person, 0), nil},
		"level made up":                   {request(idToken(t, m{"acr": "xhigh"})), niva(person, 0), nil},
		"person without consumer":         {request(idToken(t, m{"consumer": nil})), at(person, ""), nil},
		"sub for pid, when allowed":       {request(idToken(t, m{"pid": nil, "sub": fnr})), person, func(c *Config) { c.PidFraSub = true }},

		"sub for pid":                        {r: request(idToken(t, m{"pid": nil, "sub": fnr}))},
		"sub that is no fnr":                 {request(idToken(t, m{"pid": nil})), Caller{}, func(c *Config) { c.PidFraSub = true }},
		"expired":                            {r: mp(m{"exp": t0.Unix() - 10})},
		"no exp":                             {r: mp(m{"exp": nil})},
		"exp as text":                        {r: mp(m{"exp": "9999999999"})},
		"nbf in the future":                  {r: mp(m{"nbf": t0.Unix() + 11})},
		"iat in the future":                  {r: mp(m{"iat": t0.Unix() + 11})},
		"issuer without its slash":           {r: mp(m{"iss": strings.TrimSuffix(maskinporten, "/")})},
		"issuer with a slash too many":       {r: id(m{"iss": idporten + "/"})},
		"unknown issuer":                     {r: mp(m{"iss": "https://evil"})},
		"no issuer":                          {r: mp(m{"iss": nil})},
		"other issuer's key":                 {r: raw(sign(t, jose.RS256, ks[1], "id-1", mpClaims(nil)))},
		"other issuer's key under our kid":   {r: raw(sign(t, jose.RS256, ks[1], "mp-1", mpClaims(nil)))},
		"stranger's key":                     {r: raw(sign(t, jose.RS256, ks[2], "mp-1", mpClaims(nil)))},
		"unknown kid":                        {r: raw(sign(t, jose.RS256, ks[0], "mp-9", mpClaims(nil)))},
		"no kid":                             {r: raw(sign(t, jose.RS256, ks[0], "", mpClaims(nil)))},
		"PS256":                              {r: raw(sign(t, jose.PS256, ks[0], "mp-1", mpClaims(nil)))},
		"alg none":                           {r: raw(unsigned(m{"alg": "none", "kid": "mp-1"}, mpClaims(nil), func(string) []byte { return nil }))},
		"HS256 with the public key":          {r: raw(unsigned(m{"alg": "HS256", "kid": "mp-1"}, mpClaims(nil), func(in string) []byte { h := hmac.New(sha256.New, pubPEM); h.Write([]byte(in)); return h.Sum(nil) }))},
		"critical header that we don't know": {r: raw(unsigned(m{"alg": "RS256", "kid": "mp-1", "crit": []string{"x"}, "x": 1}, mpClaims(nil), rs(ks[0])))},
		"key of its own in the header": {r: raw(unsigned(m{"alg": "RS256", "kid": "own", "jwk": jose.JSONWebKey{Key: &ks[2].PublicKey, KeyID: "own"}},
			mpClaims(nil), rs(ks[2])))},
		"claims that are not an object": {r: raw(sign(t, jose.RS256, ks[0], "mp-1", []string{maskinporten}))},
		"missing scope":                 {r: mp(m{"scope": nil})},
		"other scope":                   {r: mp(m{"scope": "ks:fiks:other xks:fiks"})},
		"no consumer":                   {r: mp(m{"consumer": nil})},
		"consumer of other authority":   {r: mp(m{"consumer": m{"authority": "x", "ID": "0192:" + orgnr}})},
		"consumer of other ICD":         {r: mp(m{"consumer": m{"authority": "iso6523-actorid-upis", "ID": "0007:" + orgnr}})},
		"consumer too long":             {r: mp(m{"consumer": org(orgnr + "1")})},
		"wrong org.nr":                  {r: mp(m{"consumer": org(annetOrgnr)})},
		"wrong org.nr of a person":      {r: id(m{"consumer": org(annetOrgnr)})},
		"integrasjon-person, no org.nr": {r: id(m{"consumer": nil})},
		"no pid":                        {r: id(m{"pid": nil})},
		"short pid":                     {r: id(m{"pid": fnr[1:]})},
		"no integrasjon headers":        {r: request(mpToken(t, nil))},
		"no password":                   {r: request(mpToken(t, nil), intHeaders[:2]...)},
		"person with half the headers":  {r: request(idToken(t, nil), intHeaders[2:]...)},
		"wrong password":                {r: request(mpToken(t, nil), "IntegrasjonId", integrasjon, "IntegrasjonPassord", passord+"x")},
		"deleted integrasjon":           {r: request(mpToken(t, nil), "IntegrasjonId", slettet, "IntegrasjonPassord", passord)},
		"integrasjon twice":             {r: request(mpToken(t, nil), append(intHeaders, intHeaders...)...)},
		"two Authorization headers":     {r: request(mpToken(t, nil), append([]string{"Authorization", "Bearer " + mpToken(t, nil)}, intHeaders...)...)},
		"Basic":                         {r: request("", "Authorization", "Basic eDp5")},
		"empty Authorization":           {r: request("", "Authorization", "")},
		"Bearer alone":                  {r: request("", "Authorization", "Bearer ")},
		"garbage":                       {r: raw("a.b.c")},
		"five parts":                    {r: raw("a.b.c.d.e")},
		"JSON serialisation":            {r: raw(`{"payload":"","signatures":[]}`)},
		"oversized":                     {r: mp(m{"x": strings.Repeat("x", MaxToken)})},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			change := tt.cfg
			if change == nil {
				change = func(*Config) {}
			}
			got, err := setup(t, change).a.Request(tt.r)
			if tt.want.Slag == 0 {
				f, ok := err.(*feil.Feil)
				if !ok || f.Kode != feil.Uautentisert || f.Melding != "Ikke autentisert" {
					t.Errorf("got %+v, %v; want the uniform refusal", got, err)
				}
				if ok && strings.Contains(f.Error(), fnr) {
					t.Errorf("the cause shows an fnr: %v", f)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	b := setup(t)
	// Nearly 16 kB, as AMQP's PLAIN response must take.
	long := mpToken(t, m{"x": strings.Repeat("x", 11_000)})
	if len(long) < 15_000 || len(long) > MaxToken {
		t.Fatalf("token of %d bytes", len(long))
	}
	c, err := b.a.Login(t.Context(), integrasjon, passord, long)
	if err != nil || c.Slag != Integrasjon || c.IntegrasjonID != integrasjon {
		t.Errorf("%+v, %v", c, err)
	}
	for name, token := range map[string]string{"person's token": idToken(t, nil), "none": "", "garbage": "x"} {
		if _, err := b.a.Login(t.Context(), integrasjon, passord, token); !feil.Er(err, feil.Uautentisert) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := b.a.Login(t.Context(), integrasjon, "x", long); !feil.Er(err, feil.Uautentisert) {
		t.Errorf("wrong password: %v", err)
	}
}

// A verified token is verified once; it still expires, and is not trusted for
// longer than cacheTime without asking for its key again.
func TestVerifiedTokensAreKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := request(mpToken(t, m{"exp": t0.Add(time.Hour).Unix()}), intHeaders...)
	use := func(want bool, asked int64) {
		t.Helper()
		if _, err := b.a.Request(r); (err == nil) != want {
			t.Fatalf("at %v: %v", b.klokke.Now(), err)
		}
		if got := b.mp.asked.Load(); got != asked {
			t.Fatalf("asked for the key %d times, want %d", got, asked)
		}
	}
	use(true, 1)
	use(true, 1)
	b.klokke.Sett(t0.Add(cacheTime + time.Second))
	use(true, 2)
	b.klokke.Sett(t0.Add(-time.Minute)) // before it was issued: refused, though it was verified
	use(false, 3)
	b.klokke.Sett(t0.Add(2 * cacheTime))
	delete(b.mp.keys, "mp-1") // withdrawn
	use(false, 4)

	short := request(mpToken(t, nil), intHeaders...)
	b = setup(t)
	if _, err := b.a.Request(short); err != nil {
		t.Fatal(err)
	}
	b.klokke.Sett(t0.Add(130 * time.Second))
	if _, err := b.a.Request(short); !feil.Er(err, feil.Uautentisert) {
		t.Errorf("a kept token outlived its exp: %v", err)
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := &claims{}
	for i := range 5 * cacheSize {
		b.a.cache(sha256.Sum256(fmt.Append(nil, i)), c)
	}
	if n := len(b.a.young) + len(b.a.aged); n > 2*cacheSize {
		t.Errorf("%d tokens kept", n)
	}
	if b.a.cached(sha256.Sum256(fmt.Append(nil, 5*cacheSize-1))) == nil {
		t.Error("the newest token is not kept")
	}
}

func TestKeysThatCannotBeHad(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mp.err = fmt.Errorf("connection refused")
	if _, err := b.a.Request(request(mpToken(t, nil), intHeaders...)); !feil.Er(err, feil.Utilgjengelig) {
		t.Errorf("%v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	if _, err := New(Config{}); err == nil {
		t.Error("an empty configuration")
	}
	ok := Config{Integrasjoner: integrasjoner{}, Klokke: klokke.System{}}
	for _, us := range [][]Utsteder{
		{{"", Person, &nokler{}}}, {{"a", Anonym, &nokler{}}}, {{"a", Person, nil}}, {{"a", Person, &nokler{}}, {"a", Integrasjon, &nokler{}}},
	} {
		c := ok
		c.Utstedere = us
		if _, err := New(c); err == nil {
			t.Errorf("accepted %+v", us)
		}
	}
}

func TestCallerIsLoggedWithoutFnr(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "caller", Caller{Slag: Person, Fnr: fnr, ClientID: fnr})
	if strings.Contains(b.String(), fnr) {
		t.Error(b.String())
	}
}

// fasit is an Autorisasjon with one grant, which notes who asks.
type fasit struct{ aktor, privilegium, ressurs string }

func (f fasit) Har(_ context.Context, a, p, r string) (bool, error) {
	if r == "broken" {
		return false, fmt.Errorf("no database")
	}
	return f == fasit{a, p, r}, nil
}
func (f fasit) HarNoen(_ context.Context, a, p string) (bool, error) {
	return f.aktor == a && f.privilegium == p, nil
}

func TestGuard(t *testing.T) {
	t.Parallel()
	b := setup(t)
	onPath := func(_ context.Context, r *http.Request) (string, error) {
		switch v := r.PathValue("id"); v {
		case "gone":
			return "", feil.Ny(feil.IkkeFunnet, "finnes ikke")
		case "empty":
			return "", nil
		default:
			return v, nil
		}
	}
	handler := func(w http.ResponseWriter, r *http.Request) error {
		return httpx.JSON(w, 200, From(r.Context()).Slag.String())
	}
	routes := []Route{
		{Pattern: "GET /open", Tilgang: Tilgang{Slag: Anonym}, Handler: handler},
		{Pattern: "GET /either", Tilgang: Tilgang{Slag: Anonym | Integrasjon}, Handler: handler},
		{Pattern: "GET /machine", Tilgang: Tilgang{Slag: Integrasjon}, Handler: handler},
		{Pattern: "GET /citizen", Tilgang: Tilgang{Slag: IntegrasjonPerson | Person, Niva: 4}, Handler: handler},
		{Pattern: "GET /ressurs/{id}", Tilgang: Tilgang{Slag: Integrasjon, Privilegium: DigisosOppdater, Ressurs: onPath}, Handler: handler},
		{Pattern: "GET /annet/{id}", Tilgang: Tilgang{Slag: Integrasjon, Privilegium: FiksIOKonto, Ressurs: onPath}, Handler: handler},
		{Pattern: "GET /noen", Tilgang: Tilgang{Slag: Integrasjon, Privilegium: DigisosOppdater}, Handler: handler},
		{Pattern: "GET /ingen", Tilgang: Tilgang{Slag: Integrasjon, Privilegium: Rot}, Handler: handler},
	}
	ro := &httpx.Router{Klokke: b.klokke, Log: slog.New(slog.DiscardHandler)}
	if err := Guard(ro, b.a, fasit{integrasjon, DigisosOppdater, "r-1"}, routes); err != nil {
		t.Fatal(err)
	}
	creds := map[string][]string{
		"none":    nil,
		"bad":     {"Authorization", "Bearer x.y.z"},
		"machine": append([]string{"Authorization", "Bearer " + mpToken(t, nil)}, intHeaders...),
		"citizen": append([]string{"Authorization", "Bearer " + idToken(t, nil)}, intHeaders...),
		"level3":  {"Authorization", "Bearer " + idToken(t, m{"acr": "Level3"})},
		"person":  {"Authorization", "Bearer " + idToken(t, nil)},
	}
	// One row per route, one column per kind of credentials.
	columns := []string{"none", "bad", "machine", "citizen", "level3", "person"}
	table := map[string][6]int{
		"/open":           {200, 200, 200, 200, 200, 200},
		"/either":         {200, 401, 200, 403, 403, 403},
		"/machine":        {401, 401, 200, 403, 403, 403},
		"/citizen":        {401, 401, 403, 200, 403, 200},
		"/ressurs/r-1":    {401, 401, 200, 403, 403, 403},
		"/ressurs/r-2":    {401, 401, 403, 403, 403, 403},
		"/ressurs/empty":  {401, 401, 403, 403, 403, 403},
		"/ressurs/gone":   {401, 401, 404, 403, 403, 403},
		"/ressurs/broken": {401, 401, 500, 403, 403, 403},
		"/annet/r-1":      {401, 401, 403, 403, 403, 403},
		"/noen":           {401, 401, 200, 403, 403, 403},
		"/ingen":          {401, 401, 403, 403, 403, 403},
		"/unknown":        {404, 404, 404, 404, 404, 404},
	}
	for path, want := range table {
		var got [6]int
		for i, c := range columns {
			r := request("", creds[c]...)
			r.URL.Path = path
			w := httptest.NewRecorder()
			ro.ServeHTTP(w, r)
			got[i] = w.Code
			if w.Code == 401 && w.Header().Get("WWW-Authenticate") != `Bearer error="invalid_token"` {
				t.Errorf("%s %s: no challenge", path, c)
			}
		}
		if got != want {
			t.Errorf("%s: got %v, want %v", path, got, want)
		}
	}
}

func TestGuardRefusesFaultyRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h := func(http.ResponseWriter, *http.Request) error { return nil }
	res := func(context.Context, *http.Request) (string, error) { return "", nil }
	for _, rt := range []Route{
		{Pattern: "GET /a", Handler: h},
		{Pattern: "GET /a", Tilgang: Tilgang{Slag: 128}, Handler: h},
		{Pattern: "GET /a", Tilgang: Tilgang{Slag: Person}},
		{Pattern: "GET /a", Tilgang: Tilgang{Slag: Person, Niva: 5}, Handler: h},
		{Pattern: "GET /a", Tilgang: Tilgang{Slag: Integrasjon, Niva: 4}, Handler: h},
		{Pattern: "GET /a", Tilgang: Tilgang{Slag: Anonym | Person, Privilegium: Admin}, Handler: h},
		{Pattern: "GET /a", Tilgang: Tilgang{Slag: Person, Ressurs: res}, Handler: h},
		{Pattern: "a", Tilgang: Tilgang{Slag: Person}, Handler: h},
	} {
		ro := &httpx.Router{}
		good := Route{Pattern: "GET /good", Tilgang: Tilgang{Slag: Anonym}, Handler: h}
		if err := Guard(ro, b.a, fasit{}, []Route{good, rt}); err == nil {
			t.Errorf("accepted %+v", rt)
		} else if rt.Pattern != "a" && len(ro.Routes()) != 0 {
			t.Error("routes were registered in spite of a fault")
		}
	}
}

func TestTabell(t *testing.T) {
	t.Parallel()
	routes := []Route{{Pattern: "GET /a/{id}", Tilgang: Tilgang{Slag: Integrasjon | Person, Niva: 4, Privilegium: Admin, Merknad: "eier | leser"}}}
	want := "| Metode | Sti | Hvem | Nivå | Privilegium | Merknad |\n| --- | --- | --- | --- | --- | --- |\n" +
		"| GET | `/a/{id}` | integrasjon, person | 4 | ADMIN (på en ressurs) | eier \\| leser |\n"
	if diff := cmp.Diff(want, TabellMarkdown(routes)); diff != "" {
		t.Error(diff)
	}
	if s := TabellTekst(routes); !strings.Contains(s, "/a/{id}  integrasjon, person  4") {
		t.Error(s)
	}
}

// issuer serves metadata and keys over HTTP and counts.
type issuer struct {
	*httptest.Server
	mu       sync.Mutex
	keys     []jose.JSONWebKey
	iss      string
	fail     bool
	extra    string
	requests int
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.requests++
	switch {
	case i.fail:
		http.Error(w, "down", 500)
	case r.URL.Path == "/jwk":
		var ks []string
		for _, k := range i.keys {
			b, _ := k.MarshalJSON()
			ks = append(ks, string(b))
		}
		fmt.Fprintf(w, `{"keys":[%s{"kty":"FUTURE","kid":"f"}]}`, strings.Join(append(ks, ""), ","))
	case r.URL.Path == "/.well-known/oauth-authorization-server":
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q%s}`, i.iss, i.URL+"/jwk", i.extra)
	default:
		http.NotFound(w, r)
	}
}

func TestNokler(t *testing.T) {
	t.Parallel()
	ks := testKeys()
	i := &issuer{keys: []jose.JSONWebKey{{Key: &ks[0].PublicKey, KeyID: "1", Use: "sig"}, {Key: &ks[1].PublicKey, KeyID: "enc", Use: "enc"}}}
	i.Server = httptest.NewServer(i)
	defer i.Close()
	i.iss = i.URL + "/"
	k := klokke.NyManuell(t0)
	n := NyeNokler(i.iss, Integrasjon, i.Client(), k)
	step := func(what, kid string, want error, requests int) {
		t.Helper()
		i.mu.Lock()
		i.requests = 0
		i.mu.Unlock()
		key, err := n.Key(t.Context(), kid)
		i.mu.Lock()
		defer i.mu.Unlock()
		switch {
		case want == nil && (err != nil || key == nil), want == ErrUkjentKid && err != want, want == errAny && (err == nil || err == ErrUkjentKid):
			t.Errorf("%s: %v", what, err)
		case i.requests != requests:
			t.Errorf("%s: %d requests, want %d", what, i.requests, requests)
		}
	}
	step("first", "1", nil, 2)
	step("kept", "1", nil, 0)
	step("unknown kid within a minute", "2", ErrUkjentKid, 0)
	step("a key for encryption", "enc", ErrUkjentKid, 0)
	k.Sett(t0.Add(time.Minute))
	step("unknown kid", "2", ErrUkjentKid, 2)
	i.mu.Lock()
	i.keys = []jose.JSONWebKey{{Key: &ks[1].PublicKey, KeyID: "2"}}
	i.mu.Unlock()
	k.Sett(t0.Add(2 * time.Minute))
	step("rotated", "2", nil, 2)
	step("withdrawn", "1", ErrUkjentKid, 0)
	i.mu.Lock()
	i.fail = true
	i.mu.Unlock()
	k.Sett(t0.Add(25 * time.Hour))
	step("issuer down, key a day old", "2", nil, 1)
	step("issuer down, not asked again at once", "2", nil, 0)
	step("issuer down, unknown", "3", errAny, 0)
	k.Sett(t0.Add(9 * 24 * time.Hour))
	step("issuer down for a week", "2", errAny, 1)
	i.mu.Lock()
	i.fail, i.iss = false, "https://other/"
	i.mu.Unlock()
	k.Sett(t0.Add(10 * 24 * time.Hour))
	step("metadata of somebody else", "2", errAny, 1)
	i.mu.Lock()
	i.iss, i.extra = i.URL+"/", `,"x":"`+strings.Repeat("x", jwksMaxSize)+`"`
	i.mu.Unlock()
	k.Sett(t0.Add(11 * 24 * time.Hour))
	step("metadata too large", "2", errAny, 1)
}

var errAny = fmt.Errorf("any error but ErrUkjentKid")

func TestMetadataURL(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"https://test.maskinporten.no/.well-known/oauth-authorization-server": MetadataURL(maskinporten, Integrasjon),
		"https://test.idporten.no/.well-known/openid-configuration":           MetadataURL(idporten, Person),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func FuzzToken(f *testing.F) {
	f.Add(mpToken(f, nil))
	f.Add(idToken(f, m{"pid": nil}))
	f.Add("a.b.c")
	ks := testKeys()
	keys := &nokler{keys: map[string]any{"mp-1": &ks[0].PublicKey}}
	a, err := New(Config{Utstedere: []Utsteder{{maskinporten, Integrasjon, keys}}, Integrasjoner: integrasjoner{}, Klokke: klokke.NyManuell(t0)})
	if err != nil {
		f.Fatal(err)
	}
	good := mpToken(f, nil)
	f.Fuzz(func(t *testing.T, token string) {
		_, err := a.Login(t.Context(), integrasjon, passord, token)
		// White space and the last bits of a base64 text may differ, what is signed may not.
		if err == nil && !strings.HasPrefix(strings.Join(strings.Fields(token), ""), good[:strings.LastIndex(good, ".")]) {
			t.Fatalf("accepted %q", token)
		}
		if err != nil && !feil.Er(err, feil.Uautentisert) {
			t.Fatal(err)
		}
	})
}

func BenchmarkRequest(b *testing.B) {
	ks := testKeys()
	a, err := New(Config{
		Utstedere:     []Utsteder{{maskinporten, Integrasjon, &nokler{keys: map[string]any{"mp-1": &ks[0].PublicKey}}}},
		Integrasjoner: integrasjoner{}, Klokke: klokke.NyManuell(t0),
	})
	if err != nil {
		b.Fatal(err)
	}
	r := request(mpToken(b, nil), intHeaders...)
	for b.Loop() {
		if _, err := a.Request(r); err != nil {
			b.Fatal(err)
		}
	}
}
