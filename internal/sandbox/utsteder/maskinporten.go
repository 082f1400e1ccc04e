package utsteder

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"knutepunkt/internal/httpx"
)

const (
	grantJWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	docsURI  = "https://docs.digdir.no/docs/Maskinporten/maskinporten_feilsoking"

	// An assertion may live for 120 s; one more, since one client computes iat and
	// exp from two readings of the clock (auth contract §3.1).
	maxLevetid = 121.0
	maxSkjev   = 10.0 // s between the client's clock and ours
	// nokkelLevetid is how long a client's own key is valid once registered.
	nokkelLevetid = 365 * 24 * time.Hour
)

var algoritmer = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512}

// Subject attributes that carry the org.nr of a virksomhetssertifikat.
var (
	oidSerialNumber   = asn1.ObjectIdentifier{2, 5, 4, 5}
	oidOrganizationID = asn1.ObjectIdentifier{2, 5, 4, 97}
)

// maskinportenToken are the claims of an organisation's token (auth contract §2).
type maskinportenToken struct {
	Iss        string `json:"iss"`
	ClientAMR  string `json:"client_amr"`
	TokenType  string `json:"token_type"`
	ClientID   string `json:"client_id"`
	Aud        any    `json:"aud"` // string, or the array that was asked for
	Scope      string `json:"scope"`
	Exp        int64  `json:"exp"`
	Iat        int64  `json:"iat"`
	Jti        string `json:"jti"`
	Consumer   *org   `json:"consumer"`
	Supplier   *org   `json:"supplier,omitempty"`
	Delegering string `json:"delegation_source,omitempty"`
	Pid        string `json:"pid,omitempty"`
}

func (u *Utsteder) utstedMaskinporten(t maskinportenToken) (string, error) {
	now := u.cfg.Klokke.Now()
	t.Iss, t.TokenType, t.Jti = u.maskinporten.id, "Bearer", tilfeldig()
	t.Iat, t.Exp = now.Unix(), now.Add(Lifetime).Unix()
	if t.Aud == nil {
		t.Aud = "unspecified"
	}
	if t.Supplier != nil {
		t.Delegering = u.cfg.Delegering
	}
	return u.maskinporten.sign(t)
}

func (u *Utsteder) maskinportenMetadata(w http.ResponseWriter, _ *http.Request) error {
	id := u.maskinporten.id
	return httpx.JSON(w, http.StatusOK, map[string]any{
		"issuer": id, "token_endpoint": id + "token", "jwks_uri": id + "jwk",
		"grant_types_supported":                            []string{grantJWT},
		"token_endpoint_auth_methods_supported":            []string{"private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": algoritmer,
	})
}

// maskinportenGrant exchanges an assertion for a token (RFC 7523).
func (u *Utsteder) maskinportenGrant(w http.ResponseWriter, r *http.Request) error {
	t, feil := u.assertion(r)
	if feil != nil {
		return svar(w, nil, feil, nil)
	}
	token, err := u.utstedMaskinporten(t)
	return svar(w, struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int    `json:"expires_in"` // whole seconds: a client parses it as an integer
		Scope       string `json:"scope"`
	}{token, "Bearer", int(Lifetime.Seconds()), t.Scope}, nil, err)
}

// mp is an error with Maskinporten's code.
func mp(kode string, format string, args ...any) *oauthFeil {
	f := &oauthFeil{status: http.StatusBadRequest, kode: "invalid_grant", uri: docsURI}
	switch {
	case kode == "MP-011":
		f.kode = "invalid_request"
	case kode == "MP-250", kode == "MP-251":
		f.kode, f.status = "access_denied", http.StatusForbidden
	case strings.HasPrefix(kode, "MP-2"), strings.HasPrefix(kode, "MP-3"):
		f.kode = "invalid_scope"
	}
	f.tekst = fmt.Sprintf("%s: %s (correlation id: %s)", kode, fmt.Sprintf(format, args...), uuid.NewString())
	return f
}

// ugyldig is mp for an assertion that does not authenticate its client.
func ugyldig(kode, format string, args ...any) *oauthFeil {
	return mp(kode, "Invalid assertion. Client authentication failed. %s", fmt.Sprintf(format, args...))
}

// grantClaims are the claims of an assertion. Numbers may have a fraction.
type grantClaims struct {
	Iss         string          `json:"iss"`
	Aud         json.RawMessage `json:"aud"`
	Iat         *float64        `json:"iat"`
	Exp         *float64        `json:"exp"`
	Jti         string          `json:"jti"`
	Scope       string          `json:"scope"`
	ConsumerOrg string          `json:"consumer_org"`
	OnBehalfOf  string          `json:"iss_onbehalfof"`
	Resource    json.RawMessage `json:"resource"`
	Pid         string          `json:"pid"`
}

// kjenteClaims are those that Maskinporten documents; it refuses all others. nbf
// and sub are put there by common JWT libraries.
var kjenteClaims = []string{"iss", "aud", "iat", "exp", "jti", "scope", "consumer_org", "iss_onbehalfof", "resource", "pid", "nbf", "sub"}

// assertion checks the request and gives the token that it asks for.
func (u *Utsteder) assertion(r *http.Request) (t maskinportenToken, feil *oauthFeil) {
	if err := r.ParseForm(); err != nil {
		return t, mp("MP-011", "The body is not a form")
	}
	if r.PostForm.Get("grant_type") != grantJWT {
		return t, &oauthFeil{status: http.StatusBadRequest, kode: "unsupported_grant_type", tekst: "grant_type must be " + grantJWT, uri: docsURI}
	}
	payload, klient, amr, feil := u.autentiser(r.PostForm.Get("assertion"))
	if feil != nil {
		return t, feil
	}
	var alle map[string]json.RawMessage
	var c grantClaims
	if json.Unmarshal(payload, &alle) != nil || json.Unmarshal(payload, &c) != nil {
		return t, mp("MP-011", "Invalid assertion. The claims are not valid")
	}
	for navn := range alle {
		if !slices.Contains(kjenteClaims, navn) {
			return t, mp("MP-011", "Invalid assertion. Unknown claim %.40q", navn)
		}
	}
	if feil := u.sjekkTid(c); feil != nil {
		return t, feil
	}
	if aud, ok := enEllerFlere(c.Aud); !ok || len(aud) != 1 || !u.vaarAudience(aud[0]) {
		return t, ugyldig("MP-110", "Invalid JWT claim aud")
	}
	if c.Jti == "" || len(c.Jti) > 256 {
		return t, ugyldig("MP-011", "Invalid JWT claim jti")
	}
	t = maskinportenToken{ClientID: c.Iss, ClientAMR: amr, Consumer: organisasjon(klient.Orgnr), Pid: c.Pid}
	if t.Pid != "" && !erFnr(t.Pid) {
		return t, mp("MP-011", "Invalid parameter value pid")
	}
	if resource, ok := enEllerFlere(c.Resource); len(c.Resource) > 0 {
		if !ok {
			return t, mp("MP-011", "Invalid parameter value resource")
		}
		if t.Aud = resource; len(resource) == 1 {
			t.Aud = resource[0]
		}
	}
	// One client sends a configured consumer_org as a header only (§3.1).
	consumer := c.ConsumerOrg
	if consumer == "" {
		consumer = r.Header.Get("consumer_org")
	}
	if feil := u.sjekkScope(&t, klient, c, consumer); feil != nil {
		return t, feil
	}
	if consumer != "" {
		t.Consumer, t.Supplier = organisasjon(consumer), organisasjon(klient.Orgnr)
	}
	// Last, so that a refused assertion can be mended and sent again.
	if !u.brukt.legg(c.Iss+"\x00"+c.Jti, struct{}{}) {
		return t, mp("MP-012", "Invalid assertion. The grant has been used before")
	}
	return t, nil
}

// sjekkTid checks when an assertion was made and how long it holds.
func (u *Utsteder) sjekkTid(c grantClaims) *oauthFeil {
	if c.Iat == nil || c.Exp == nil || *c.Exp <= *c.Iat {
		return ugyldig("MP-130", "JWT claims iat and exp are required, in this order")
	}
	if *c.Exp-*c.Iat > maxLevetid {
		return ugyldig("MP-130", "JWT lifetime exceeds 120 seconds")
	}
	sec := float64(u.cfg.Klokke.Now().UnixMicro()) / 1e6
	switch {
	case sec >= *c.Exp+maxSkjev:
		return ugyldig("MP-130", "JWT has expired")
	case *c.Iat-sec > maxSkjev:
		return ugyldig("MP-130", "JWT claim iat is in the future")
	}
	return nil
}

func (u *Utsteder) vaarAudience(aud string) bool {
	return aud == u.maskinporten.id || aud == strings.TrimSuffix(u.maskinporten.id, "/") ||
		aud == u.maskinporten.id+"token" || slices.Contains(u.cfg.Audience, aud)
}

// sjekkScope checks what is asked for and on whose behalf.
func (u *Utsteder) sjekkScope(t *maskinportenToken, klient Klient, c grantClaims, consumer string) *oauthFeil {
	switch {
	case consumer != "" && c.OnBehalfOf != "":
		return mp("MP-011", "Invalid parameter value. consumer_org and iss_onbehalfof are mutually exclusive")
	case consumer != "" && !erOrgnr(consumer):
		return mp("MP-011", "Invalid parameter value consumer_org")
	case consumer == klient.Orgnr:
		return mp("MP-011", "Invalid parameter value. consumer_org is the same as the client's organisation")
	}
	scopes := strings.Fields(c.Scope)
	if len(scopes) == 0 {
		return mp("MP-200", "No scope was asked for")
	}
	eier := consumer
	if eier == "" {
		eier = klient.Orgnr
	}
	for _, s := range scopes {
		switch tildelt, begrenset := u.cfg.Tildelt[s]; {
		case s == "openid" || s == "profile":
			return mp("MP-201", "The scope %.60q is not allowed for Maskinporten", s)
		case consumer == "" && klient.Scope != nil && !slices.Contains(klient.Scope, s):
			return mp("MP-200", "The scope %.60q is not registered on the client", s)
		case begrenset && !slices.Contains(tildelt, eier):
			return mp("MP-250", "Consumer has not been granted the scope %.60q", s)
		case consumer != "" && klient.Delegert != nil && !slices.Contains(klient.Delegert, consumer):
			return mp("MP-251", "Consumer has not delegated access to the scope %.60q to supplier", s)
		}
	}
	t.Scope = strings.Join(scopes, " ")
	return nil
}

// autentiser verifies the signature of an assertion and finds whose client made it.
func (u *Utsteder) autentiser(assertion string) (payload []byte, klient Klient, amr string, feil *oauthFeil) {
	fail := func(f *oauthFeil) ([]byte, Klient, string, *oauthFeil) { return nil, Klient{}, "", f }
	head, err := base64.RawURLEncoding.DecodeString(assertion[:max(0, strings.IndexByte(assertion, '.'))])
	var h struct {
		X5C json.RawMessage `json:"x5c"`
		Kid string          `json:"kid"`
	}
	if err != nil || json.Unmarshal(head, &h) != nil {
		return fail(mp("MP-011", "Invalid assertion. Not a JWT"))
	}
	var cert *x509.Certificate
	if len(h.X5C) > 0 {
		if cert, feil = sertifikat(h.X5C); feil != nil {
			return fail(feil)
		}
	} else if h.Kid == "" {
		return fail(ugyldig("MP-123", "The JWT header needs x5c or kid"))
	}
	jws, err := jose.ParseSignedCompact(assertion, algoritmer)
	if err != nil {
		return fail(ugyldig("MP-124", "Invalid JWT signature"))
	}
	var c struct {
		Iss string `json:"iss"`
	}
	if json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &c) != nil || c.Iss == "" || len(c.Iss) > 256 {
		return fail(ugyldig("MP-100", "Invalid JWT claim iss"))
	}
	klient, kjent := u.klienter[c.Iss]
	var key any
	if cert != nil {
		amr, key = "virksomhetssertifikat", cert.PublicKey
		orgnr := orgnrAv(cert)
		switch {
		case !kjent && orgnr == "":
			return fail(ugyldig("MP-100", "Client not found, and no organisation number in the certificate's subject"))
		case !kjent:
			klient = Klient{ID: c.Iss, Orgnr: orgnr}
		case orgnr != "" && orgnr != klient.Orgnr:
			return fail(ugyldig("MP-122", "The certificate's organisation number is not that of the client"))
		}
	} else {
		amr = "private_key_jwt"
		i := slices.IndexFunc(klient.Nokler, func(n Nokkel) bool { return n.KeyID == h.Kid })
		switch {
		case !kjent:
			return fail(ugyldig("MP-100", "Client not found"))
		case i < 0:
			return fail(ugyldig("MP-100", "The client has no key with this kid"))
		}
		n := klient.Nokler[i]
		if !n.Registrert.IsZero() && u.cfg.Klokke.Now().After(n.Registrert.Add(nokkelLevetid)) {
			return fail(ugyldig("MP-121", "The client's key has expired"))
		}
		key = n.Key
	}
	if payload, err = jws.Verify(key); err != nil {
		return fail(ugyldig("MP-124", "Invalid JWT signature"))
	}
	return payload, klient, amr, nil
}

// sertifikat reads the first element of x5c. Any RSA certificate will do,
// self-signed too; the real service would refuse that.
func sertifikat(x5c json.RawMessage) (*x509.Certificate, *oauthFeil) {
	var chain []string
	if json.Unmarshal(x5c, &chain) != nil || len(chain) == 0 {
		return nil, ugyldig("MP-123", "x5c must be an array of certificates")
	}
	der, err := base64.StdEncoding.DecodeString(chain[0]) // skips line breaks
	if err != nil {
		return nil, ugyldig("MP-123", "x5c must hold standard base64")
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, ugyldig("MP-120", "Invalid certificate")
	}
	if _, ok := cert.PublicKey.(*rsa.PublicKey); !ok {
		return nil, ugyldig("MP-120", "Invalid certificate: not an RSA key")
	}
	return cert, nil
}

// orgnrAv finds the org.nr in a certificate's subject: serialNumber of nine
// digits, or organizationIdentifier NTRNO-<nine digits>.
func orgnrAv(cert *x509.Certificate) string {
	for _, a := range cert.Subject.Names {
		v, _ := a.Value.(string)
		if a.Type.Equal(oidOrganizationID) {
			v = strings.TrimPrefix(v, "NTRNO-")
		} else if !a.Type.Equal(oidSerialNumber) {
			continue
		}
		if erOrgnr(v) {
			return v
		}
	}
	return ""
}

// enEllerFlere reads a JSON string or an array of strings, not empty.
func enEllerFlere(raw json.RawMessage) ([]string, bool) {
	var one string
	var many []string
	if json.Unmarshal(raw, &one) == nil && !bytes.Equal(raw, []byte("null")) {
		many = []string{one}
	} else if json.Unmarshal(raw, &many) != nil {
		return nil, false
	}
	return many, len(many) > 0 && !slices.Contains(many, "")
}
