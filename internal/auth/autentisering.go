package auth

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/klokke"
)

// ErrUkjentKid is what a KeySource answers for a kid its issuer does not publish.
var ErrUkjentKid = errors.New("unknown kid")

// OrgnrRegel is which organisation of a delegated Maskinporten token must be the
// integrasjon's autorisertOrgnr; no public source tells (auth contract §5.8).
type OrgnrRegel string

// The rules. A token without delegation has only a consumer.
const (
	ConsumerEllerSupplier OrgnrRegel = ""         // either of them; the default
	KunConsumer           OrgnrRegel = "consumer" // the one acted for
	KunSupplier           OrgnrRegel = "supplier" // the one that acts; the consumer where there is no supplier
)

// Config is what authentication needs.
type Config struct {
	Utstedere     []Utsteder
	Integrasjoner Integrasjoner
	Klokke        klokke.Klokke
	// Leeway is how far clocks may differ (0: 10 s).
	Leeway time.Duration
	// Scope that every token must have ("": ks:fiks).
	Scope string
	// Audience, when set, refuses tokens for somebody else: aud must be absent,
	// "unspecified" or name it. When "" aud is not looked at.
	Audience string
	// Orgnr is the rule for delegated tokens.
	Orgnr OrgnrRegel
	// PidFraSub takes an ID-porten token's sub as the fødselsnummer when pid is
	// missing and sub is 11 digits. For development with mock issuers only.
	PidFraSub bool
}

const (
	// MaxToken is the longest token that is looked at, in bytes.
	MaxToken = 16 << 10
	// leewayDefault suits clocks that are kept by NTP.
	leewayDefault = 10 * time.Second
	scopeDefault  = "ks:fiks"
	cacheSize     = 4096            // tokens in each of two generations
	cacheTime     = 5 * time.Minute // a key that was withdrawn is trusted no longer than this
)

// algorithms that Maskinporten and ID-porten sign with; never none, never HMAC.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512}

// Autentisering checks tokens and integrasjon credentials (auth contract §5).
type Autentisering struct {
	cfg       Config
	utstedere map[string]Utsteder

	mu          sync.Mutex // of the cache of verified tokens, by their hash
	young, aged map[[32]byte]*claims
}

// New makes an Autentisering; an error names everything that is wrong with cfg.
func New(cfg Config) (*Autentisering, error) {
	if cfg.Leeway == 0 {
		cfg.Leeway = leewayDefault
	}
	if cfg.Scope == "" {
		cfg.Scope = scopeDefault
	}
	a := &Autentisering{cfg: cfg, utstedere: map[string]Utsteder{}, young: map[[32]byte]*claims{}}
	var errs []error
	if cfg.Klokke == nil || cfg.Integrasjoner == nil || cfg.Leeway < 0 {
		errs = append(errs, errors.New("auth: a clock, integrasjoner and a leeway of 0 or more are required"))
	}
	if !slices.Contains([]OrgnrRegel{ConsumerEllerSupplier, KunConsumer, KunSupplier}, cfg.Orgnr) {
		errs = append(errs, fmt.Errorf("auth: unknown rule for org.nr %q", cfg.Orgnr))
	}
	for _, u := range cfg.Utstedere {
		_, dup := a.utstedere[u.Issuer]
		if u.Issuer == "" || u.JWKS == nil || dup || u.Slag != Integrasjon && u.Slag != Person {
			errs = append(errs, fmt.Errorf("auth: issuer %q needs a name of its own, keys, and kind Integrasjon or Person", u.Issuer))
		}
		a.utstedere[u.Issuer] = u
	}
	return a, errors.Join(errs...)
}

// uautentisert is the one message for every reason; the reason goes to the log.
func uautentisert(format string, args ...any) error {
	return feil.Ny(feil.Uautentisert, "Ikke autentisert").Med(fmt.Errorf(format, args...))
}

// Request authenticates an HTTP request; Anonym when it carries no Authorization
// at all. feil.Uautentisert with one uniform message otherwise, or
// feil.Utilgjengelig when the issuer's keys cannot be had.
func (a *Autentisering) Request(r *http.Request) (Caller, error) {
	token, err := bearer(r.Header)
	if err != nil {
		return Caller{}, err
	}
	if token == "" {
		return Caller{Slag: Anonym}, nil
	}
	id, ok1 := single(r.Header, "IntegrasjonId")
	passord, ok2 := single(r.Header, "IntegrasjonPassord")
	if !ok1 || !ok2 {
		return Caller{}, uautentisert("a repeated integrasjon header")
	}
	ctx := r.Context()
	c, err := a.token(ctx, token)
	if err != nil {
		return Caller{}, err
	}
	if c.slag == Person && id == "" && passord == "" {
		return c.caller(Person, c.consumer), nil
	}
	return a.integrasjon(ctx, c, id, passord)
}

// Login checks a Maskinporten token together with an integrasjon's id and
// password, as SASL PLAIN on AMQP needs it. feil.Uautentisert otherwise, or
// feil.Utilgjengelig when the issuer's keys cannot be had.
func (a *Autentisering) Login(ctx context.Context, integrasjonID, passord, token string) (Caller, error) {
	c, err := a.token(ctx, token)
	if err != nil {
		return Caller{}, err
	}
	if c.slag != Integrasjon {
		return Caller{}, uautentisert("a token of a person's issuer")
	}
	return a.integrasjon(ctx, c, integrasjonID, passord)
}

// bearer gives the token of the one Authorization header; "" when there is none.
func bearer(h http.Header) (string, error) {
	v := h.Values("Authorization")
	if len(v) == 0 {
		return "", nil
	}
	scheme, token, _ := strings.Cut(strings.TrimSpace(v[0]), " ")
	token = strings.TrimSpace(token)
	if len(v) > 1 || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", uautentisert("%d Authorization headers, or not Bearer and a token", len(v))
	}
	return token, nil
}

// single gives a header that may come at most once.
func single(h http.Header, name string) (string, bool) {
	v := h.Values(name)
	if len(v) == 0 {
		return "", true
	}
	return strings.TrimSpace(v[0]), len(v) == 1
}

// integrasjon checks id and password and that the token is the one of the
// organisation that may use them.
func (a *Autentisering) integrasjon(ctx context.Context, c *claims, id, passord string) (Caller, error) {
	if id == "" || passord == "" {
		return Caller{}, uautentisert("integrasjon headers are missing")
	}
	in, err := a.cfg.Integrasjoner.Autentiser(ctx, id, passord)
	switch {
	case feil.Er(err, feil.Uautentisert):
		return Caller{}, uautentisert("integrasjon: %w", err) // whatever its words
	case err != nil:
		return Caller{}, fmt.Errorf("authenticating an integrasjon: %w", err)
	}
	var orgnr string
	for _, o := range a.orgnr(c) {
		if o != "" && o == in.AutorisertOrgnr {
			orgnr = o
		}
	}
	if orgnr == "" {
		return Caller{}, uautentisert("the token's organisation is not the one that may use the integrasjon")
	}
	slag := Integrasjon
	if c.slag == Person {
		slag = IntegrasjonPerson
	}
	caller := c.caller(slag, orgnr)
	caller.IntegrasjonID = in.IntegrasjonID
	return caller, nil
}

// orgnr lists the organisations of a token by which it may be let in.
func (a *Autentisering) orgnr(c *claims) []string {
	switch {
	case a.cfg.Orgnr == KunConsumer, c.supplier == "":
		return []string{c.consumer}
	case a.cfg.Orgnr == KunSupplier:
		return []string{c.supplier}
	}
	return []string{c.consumer, c.supplier}
}

// claims is a token whose signature was verified and whose unchanging parts
// were found right.
type claims struct {
	slag               Slag
	exp, nbf, iat      float64 // seconds since 1970; nbf and iat 0 when absent
	verified           time.Time
	consumer, supplier string // org.nr
	pid                string
	niva               int
	clientID           string
	scope              []string
}

func (c *claims) caller(slag Slag, orgnr string) Caller {
	return Caller{Slag: slag, Orgnr: orgnr, Fnr: c.pid, Niva: c.niva, ClientID: c.clientID, Scope: c.scope}
}

// token verifies a token, or finds it among those verified before.
func (a *Autentisering) token(ctx context.Context, token string) (*claims, error) {
	if len(token) > MaxToken {
		return nil, uautentisert("a token of %d bytes", len(token))
	}
	now := a.cfg.Klokke.Now()
	// By hash: a look-up takes the same time whatever a guess begins with.
	key := sha256.Sum256([]byte(token))
	c := a.cached(key)
	if c == nil || now.Sub(c.verified).Abs() > cacheTime {
		var err error
		if c, err = a.verify(ctx, token); err != nil {
			return nil, err
		}
		c.verified = now
		a.cache(key, c)
	}
	// Time is looked at each time: it passes, and in the sandbox it can be set.
	sec, leeway := float64(now.UnixMicro())/1e6, a.cfg.Leeway.Seconds()
	switch {
	case sec >= c.exp+leeway:
		return nil, uautentisert("the token has expired")
	case c.nbf > sec+leeway:
		return nil, uautentisert("the token is not valid yet")
	case c.iat > sec+leeway:
		return nil, uautentisert("the token was issued in the future")
	}
	return c, nil
}

// cached and cache keep verified tokens in two generations: when the young one
// is full it becomes the aged one, so that what is used stays and the rest goes.
func (a *Autentisering) cached(key [32]byte) *claims {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.young[key]; c != nil {
		return c
	}
	c := a.aged[key]
	if c != nil {
		a.put(key, c)
	}
	return c
}

func (a *Autentisering) cache(key [32]byte, c *claims) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.put(key, c)
}

func (a *Autentisering) put(key [32]byte, c *claims) {
	if len(a.young) >= cacheSize {
		a.young, a.aged = map[[32]byte]*claims{}, a.young
	}
	a.young[key] = c
}

// wireClaims are the claims that count, as they come (auth contract §2, §4).
type wireClaims struct {
	Iss      string          `json:"iss"`
	Sub      string          `json:"sub"`
	Aud      json.RawMessage `json:"aud"`
	Exp      *float64        `json:"exp"` // NumericDate: any JSON number
	Nbf      float64         `json:"nbf"`
	Iat      float64         `json:"iat"`
	Scope    string          `json:"scope"`
	ClientID string          `json:"client_id"`
	Pid      string          `json:"pid"`
	Acr      string          `json:"acr"`
	Consumer *wireOrg        `json:"consumer"`
	Supplier *wireOrg        `json:"supplier"`
}

type wireOrg struct {
	Authority string `json:"authority"`
	ID        string `json:"ID"`
}

var (
	fnrRE = regexp.MustCompile(`^[0-9]{11}$`)
	orgRE = regexp.MustCompile(`^(?:0192|9908):([0-9]{9})(?::[^:]*){0,2}$`)
)

// orgnr reads "0192:<org.nr>", also with the older ICD 9908.
func (o *wireOrg) orgnr() (string, error) {
	if o == nil {
		return "", nil
	}
	m := orgRE.FindStringSubmatch(o.ID)
	if o.Authority != "iso6523-actorid-upis" || m == nil {
		return "", errors.New("an organisation in the token is not a Norwegian one")
	}
	return m[1], nil
}

// Niva maps acr to the platform's security levels; 0 for every other value.
func Niva(acr string) int {
	switch acr {
	case "Level3", "idporten-loa-substantial", "eidas-loa-substantial":
		return 3
	case "Level4", "idporten-loa-high", "eidas-loa-high":
		return 4
	}
	return 0
}

// verify checks everything about a token but the time.
func (a *Autentisering) verify(ctx context.Context, token string) (*claims, error) {
	jws, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil {
		return nil, uautentisert("parsing the token: %w", err)
	}
	// The issuer is read before the signature is checked, only to find whose key
	// it must have been made with.
	var un wireClaims
	if err := json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &un); err != nil {
		return nil, uautentisert("parsing the claims: %w", err)
	}
	u, ok := a.utstedere[un.Iss]
	kid := jws.Signatures[0].Protected.KeyID
	if !ok || kid == "" {
		return nil, uautentisert("an issuer that is not trusted, or no kid")
	}
	key, err := u.JWKS.Key(ctx, kid)
	switch {
	case errors.Is(err, ErrUkjentKid):
		return nil, uautentisert("issuer %s: %w", u.Issuer, err)
	case err != nil:
		return nil, feil.Ny(feil.Utilgjengelig, "Kan ikke kontrollere innloggingen akkurat nå. Prøv igjen senere.").
			Med(fmt.Errorf("keys of %s: %w", u.Issuer, err))
	}
	payload, err := jws.Verify(key)
	if err != nil {
		return nil, uautentisert("signature: %w", err)
	}
	var w wireClaims
	if err := json.Unmarshal(payload, &w); err != nil {
		return nil, uautentisert("parsing the claims: %w", err)
	}
	return a.check(u, w)
}

// check judges the claims of a verified token.
func (a *Autentisering) check(u Utsteder, w wireClaims) (*claims, error) {
	c := &claims{slag: u.Slag, nbf: w.Nbf, iat: w.Iat, clientID: w.ClientID, scope: strings.Fields(w.Scope)}
	switch {
	case w.Exp == nil || math.IsNaN(*w.Exp) || *w.Exp <= 0:
		return nil, uautentisert("no exp")
	case !slices.Contains(c.scope, a.cfg.Scope):
		return nil, uautentisert("the scope %s is missing", a.cfg.Scope)
	case !a.audience(w.Aud):
		return nil, uautentisert("the token is for another audience")
	}
	c.exp = *w.Exp
	var err1, err2 error
	c.consumer, err1 = w.Consumer.orgnr()
	c.supplier, err2 = w.Supplier.orgnr()
	if err := errors.Join(err1, err2); err != nil {
		return nil, uautentisert("%w", err)
	}
	// The issuer tells the kind of token: Maskinporten's may carry a pid as well,
	// of somebody who has not logged in.
	if u.Slag == Integrasjon {
		if c.consumer == "" {
			return nil, uautentisert("no consumer")
		}
		return c, nil
	}
	if w.Pid == "" && a.cfg.PidFraSub {
		w.Pid = w.Sub
	}
	if !fnrRE.MatchString(w.Pid) {
		return nil, uautentisert("no pid")
	}
	c.pid, c.niva = w.Pid, Niva(w.Acr)
	return c, nil
}

// audience tells whether the token may be used here.
func (a *Autentisering) audience(aud json.RawMessage) bool {
	if a.cfg.Audience == "" || len(aud) == 0 || string(aud) == "null" {
		return true
	}
	var one string
	var many []string
	if json.Unmarshal(aud, &one) == nil {
		many = []string{one}
	} else if json.Unmarshal(aud, &many) != nil {
		return false
	}
	return slices.Contains(many, a.cfg.Audience) || slices.Contains(many, "unspecified")
}

// LogValue keeps fødselsnummer and tokens out of logs when a Caller is logged.
func (c Caller) LogValue() slog.Value {
	return slog.GroupValue(c.attrs()...)
}

func (c Caller) attrs() []slog.Attr {
	attrs := []slog.Attr{slog.String("slag", c.Slag.String())}
	if c.IntegrasjonID != "" {
		attrs = append(attrs, slog.String("integrasjon", c.IntegrasjonID))
	}
	if c.Orgnr != "" {
		attrs = append(attrs, slog.String("orgnr", c.Orgnr))
	}
	if c.ClientID != "" {
		// Some issuer's word: what could be a fødselsnummer is hidden.
		attrs = append(attrs, slog.String("client", httpx.Mask(c.ClientID)))
	}
	return attrs
}
