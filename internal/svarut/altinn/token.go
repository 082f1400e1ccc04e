package altinn

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"golang.org/x/sync/singleflight"

	"knutepunkt/internal/klokke"
)

const (
	scopes      = "altinn:correspondence.write altinn:serviceowner"
	grantJWT    = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	grantTid    = 100 * time.Second // Maskinporten takes at most 120 s
	tokenMargin = time.Minute       // a token is renewed so long before it expires
	tokenTid    = 10 * time.Minute  // how long one is used that does not say when it expires
	tokenFrist  = 30 * time.Second  // for getting one
)

// tokenkilde gets Altinn tokens: Maskinporten grant, then exchange. One is kept
// until shortly before it expires, and however many ask at once, one is fetched.
type tokenkilde struct {
	cfg    Config
	klokke klokke.Klokke
	gruppe singleflight.Group

	mu     sync.Mutex
	token  string
	utgaar time.Time
}

func (t *tokenkilde) gjeldende() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	// Abs: a clock that was set back must not keep a token for ever.
	if igjen := t.utgaar.Sub(t.klokke.Now()); t.token != "" && igjen > tokenMargin && igjen < 24*time.Hour {
		return t.token
	}
	return ""
}

// hent gives a token that is good for a minute more.
func (t *tokenkilde) hent(ctx context.Context) (string, error) {
	if tok := t.gjeldende(); tok != "" {
		return tok, nil
	}
	svar := t.gruppe.DoChan("", func() (any, error) {
		if tok := t.gjeldende(); tok != "" {
			return tok, nil
		}
		// Not bound to one caller: its hanging up must not cost the others.
		ctx, stopp := context.WithTimeout(context.WithoutCancel(ctx), tokenFrist)
		defer stopp()
		tok, utgaar, err := t.nytt(ctx)
		if err != nil {
			return "", err
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		t.token, t.utgaar = tok, utgaar
		return tok, nil
	})
	select {
	case r := <-svar:
		if r.Err != nil {
			return "", r.Err
		}
		return r.Val.(string), nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// forkast drops a token that was refused.
func (t *tokenkilde) forkast(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token == token {
		t.token = ""
	}
}

func (t *tokenkilde) nytt(ctx context.Context) (token string, utgaar time.Time, err error) {
	grant, err := t.grant()
	if err != nil {
		return "", utgaar, err
	}
	form := url.Values{"grant_type": {grantJWT}, "assertion": {grant}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.cfg.MaskinportenToken, strings.NewReader(form))
	if err != nil {
		return "", utgaar, fmt.Errorf("altinn: asking Maskinporten: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	b, err := gjor(t.cfg.HTTP, req, "the Maskinporten grant")
	if err != nil {
		return "", utgaar, err
	}
	var mp struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(b, &mp); err != nil || mp.AccessToken == "" {
		return "", utgaar, fmt.Errorf("altinn: Maskinporten's answer holds no access_token")
	}
	req, err = http.NewRequestWithContext(ctx, http.MethodGet, t.cfg.PlatformURL+"/authentication/api/v1/exchange/maskinporten", nil)
	if err != nil {
		return "", utgaar, fmt.Errorf("altinn: exchanging the token: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+mp.AccessToken)
	req.Header.Set(nokkelHeader, t.cfg.SubscriptionKey)
	if b, err = gjor(t.cfg.HTTP, req, "the token exchange"); err != nil {
		return "", utgaar, err
	}
	token, exp := lesToken(b)
	if token == "" {
		return "", utgaar, fmt.Errorf("altinn: the token exchange gave no token")
	}
	if exp.IsZero() {
		exp = t.klokke.Now().Add(tokenTid)
	}
	return token, exp, nil
}

// grant is the assertion that asks Maskinporten for a token.
func (t *tokenkilde) grant() (string, error) {
	opts := (&jose.SignerOptions{}).WithType("JWT")
	if t.cfg.Kid != "" {
		opts = opts.WithHeader("kid", t.cfg.Kid)
	} else {
		var kjede []string
		for _, c := range t.cfg.Sertifikat {
			kjede = append(kjede, base64.StdEncoding.EncodeToString(c.Raw))
		}
		opts = opts.WithHeader("x5c", kjede)
	}
	signerer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: t.cfg.Key}, opts)
	if err != nil {
		return "", fmt.Errorf("altinn: signing the grant: %w", err)
	}
	naa := t.klokke.Now()
	krav, err := json.Marshal(map[string]any{"aud": t.cfg.Audience, "iss": t.cfg.ClientID, "scope": scopes,
		"iat": naa.Unix(), "exp": naa.Add(grantTid).Unix(), "jti": uuid.NewString()})
	if err != nil {
		return "", fmt.Errorf("altinn: signing the grant: %w", err)
	}
	jws, err := signerer.Sign(krav)
	if err != nil {
		return "", fmt.Errorf("altinn: signing the grant: %w", err)
	}
	return jws.CompactSerialize()
}

// lesToken reads the answer of the exchange: the bare token, or as a JSON string;
// with its expiry, zero when it says none. "" when it cannot be a token.
func lesToken(b []byte) (token string, utgaar time.Time) {
	token = strings.TrimSpace(string(b))
	if strings.HasPrefix(token, `"`) && json.Unmarshal([]byte(token), &token) != nil {
		return "", utgaar
	}
	for _, c := range []byte(token) {
		if c <= ' ' || c > '~' { // it becomes a header
			return "", utgaar
		}
	}
	deler := strings.Split(token, ".")
	if len(deler) != 3 {
		return token, utgaar
	}
	krav, err := base64.RawURLEncoding.DecodeString(deler[1])
	var c struct {
		Exp float64 `json:"exp"`
	}
	if err == nil && json.Unmarshal(krav, &c) == nil && c.Exp > 0 && c.Exp < 1<<40 {
		utgaar = time.Unix(int64(c.Exp), 0).UTC()
	}
	return token, utgaar
}
