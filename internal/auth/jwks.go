package auth

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"knutepunkt/internal/klokke"
)

const (
	jwksMaxAge  = 24 * time.Hour // as the national issuers recommend
	jwksMinWait = time.Minute    // between fetches, whatever unknown kid comes
	jwksStale   = 7 * 24 * time.Hour
	jwksTimeout = 10 * time.Second
	jwksMaxSize = 1 << 20 // bytes of a document
	rsaMinBits  = 2048
)

// MetadataURL is where an issuer's metadata lies: RFC 8414 below Maskinporten's
// issuer (which ends in a slash), OpenID Connect discovery for ID-porten.
func MetadataURL(issuer string, slag Slag) string {
	base := strings.TrimSuffix(issuer, "/")
	if slag == Integrasjon {
		return base + "/.well-known/oauth-authorization-server"
	}
	return base + "/.well-known/openid-configuration"
}

// Nokler is a KeySource that finds an issuer's keys over HTTP: metadata first,
// then its JWKS. They are kept for a day, fetched again at an unknown kid (at
// most once a minute), and used for up to a week while the issuer is down.
type Nokler struct {
	issuer, metadata string
	client           *http.Client
	klokke           klokke.Klokke

	fetching sync.Mutex // one fetch at a time; held while waiting for the issuer
	tried    time.Time  // when they were last asked for
	lastErr  error

	mu      sync.Mutex // of keys and fetched; never held while waiting
	keys    map[string]*rsa.PublicKey
	fetched time.Time // when keys were last had
}

// NyeNokler makes the key source of an issuer. Nothing is fetched before the
// first token comes. client nil: http.DefaultTransport with a time limit.
func NyeNokler(issuer string, slag Slag, client *http.Client, k klokke.Klokke) *Nokler {
	if client == nil {
		client = &http.Client{Timeout: jwksTimeout}
	}
	return &Nokler{issuer: issuer, metadata: MetadataURL(issuer, slag), client: client, klokke: k}
}

// Key implements KeySource. Keys that are known and fresh are had at once, also
// while somebody else's unknown kid is being asked for.
func (n *Nokler) Key(ctx context.Context, kid string) (any, error) {
	if k, age := n.known(kid); k != nil && age < jwksMaxAge {
		return k, nil
	}
	n.fetching.Lock()
	defer n.fetching.Unlock()
	k, age := n.known(kid)
	if k != nil && age < jwksMaxAge {
		return k, nil
	}
	if now := n.klokke.Now(); n.tried.IsZero() || now.Sub(n.tried).Abs() >= jwksMinWait {
		n.tried = now
		// Not bound to the request: its caller hanging up must not cost the others.
		fctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), jwksTimeout)
		keys, err := n.fetch(fctx)
		cancel()
		if n.lastErr = err; err == nil {
			n.mu.Lock()
			n.keys, n.fetched = keys, now
			n.mu.Unlock()
			k, age = n.known(kid)
		}
	}
	switch {
	case k != nil && age < jwksStale:
		return k, nil
	case n.lastErr != nil:
		return nil, n.lastErr
	}
	return nil, ErrUkjentKid
}

// known gives the key of kid (or nil) and the age of the keys.
func (n *Nokler) known(kid string) (*rsa.PublicKey, time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	// Abs: the clock of a sandbox may also be set back.
	return n.keys[kid], n.klokke.Now().Sub(n.fetched).Abs()
}

// fetch gets the metadata and the keys it points to.
func (n *Nokler) fetch(ctx context.Context) (map[string]*rsa.PublicKey, error) {
	var meta struct {
		Issuer string `json:"issuer"`
		JWKS   string `json:"jwks_uri"`
	}
	if err := n.get(ctx, n.metadata, &meta); err != nil {
		return nil, fmt.Errorf("fetching metadata: %w", err)
	}
	if meta.Issuer != n.issuer {
		return nil, fmt.Errorf("the metadata is of issuer %q, not %q", meta.Issuer, n.issuer)
	}
	if strings.HasPrefix(n.issuer, "https:") && !strings.HasPrefix(meta.JWKS, "https:") {
		return nil, errors.New("jwks_uri is not https")
	}
	// One by one: a key of a kind that we don't know must not cost the others.
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := n.get(ctx, meta.JWKS, &set); err != nil {
		return nil, fmt.Errorf("fetching keys: %w", err)
	}
	keys := map[string]*rsa.PublicKey{}
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if err := json.Unmarshal(raw, &k); err != nil {
			continue
		}
		if pub, ok := k.Key.(*rsa.PublicKey); ok && k.KeyID != "" && k.Use != "enc" && pub.N.BitLen() >= rsaMinBits {
			keys[k.KeyID] = pub
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the issuer publishes no usable key")
	}
	return keys, nil
}

func (n *Nokler) get(ctx context.Context, url string, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := n.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: status %d", url, resp.StatusCode)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, jwksMaxSize+1))
	if err != nil {
		return err
	}
	if len(b) > jwksMaxSize {
		return fmt.Errorf("GET %s: more than %d bytes", url, jwksMaxSize)
	}
	return json.Unmarshal(b, v)
}
