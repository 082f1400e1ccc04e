// Package altinn is SvarUt's channel ALTINN: a letter becomes a correspondence
// in the receiver's Altinn inbox (SvarUt contract §7.2), and reading it there is
// the receipt. Each step is noted before the next is taken, so that what was
// broken off goes on where it stood and the receiver gets one letter.
package altinn

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"knutepunkt/internal/jobs"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// Config is the agreement with Altinn. The zero value means that there is none.
type Config struct {
	PlatformURL       string // e.g. https://platform.altinn.no
	MaskinportenToken string // Maskinporten's token endpoint
	Audience          string // of the grant: Maskinporten's issuer, byte for byte
	ClientID          string
	Key               *rsa.PrivateKey
	// Kid names Key as registered on the client, or Sertifikat is its
	// virksomhetssertifikat with chain; one of them.
	Kid             string
	Sertifikat      []*x509.Certificate
	SubscriptionKey string
	// ResourceID is the service that letters are sent with. Letters of level 4 to
	// persons go by it as well: its policy must ask for that level.
	ResourceID string
	// ResourceIDKonfidensiell is the service for confidential post to
	// organisations; "" when there is none, and such letters go another way.
	ResourceIDKonfidensiell string
	MessageSender           string // shown as sender where the letter names none
	// Lenke sends a link to BaseURL/forsendelse/{id} in place of the files. What
	// is then read in Altinn is the link alone, and no receipt.
	Lenke   bool
	BaseURL string // without trailing slash

	HTTP *http.Client  // nil: one with time limits
	Poll time.Duration // between looks at an unread letter; 0: 15 min
}

// Satt tells whether there is an agreement at all.
func (c Config) Satt() bool { return c.PlatformURL != "" || c.ClientID != "" || c.ResourceID != "" }

// Valider lists everything that is missing or wrong.
func (c Config) Valider() error {
	var feil []error
	krev := func(ok bool, format string, args ...any) {
		if !ok {
			feil = append(feil, fmt.Errorf("altinn: "+format, args...))
		}
	}
	krev(trygg(c.PlatformURL), "PlatformURL %q is not an https URL", c.PlatformURL)
	krev(trygg(c.MaskinportenToken), "MaskinportenToken %q is not an https URL", c.MaskinportenToken)
	krev(c.Audience != "", "Audience is missing")
	krev(c.ClientID != "", "ClientID is missing")
	krev(c.Key != nil && c.Key.N.BitLen() >= 2048, "Key is missing, or shorter than 2048 bits")
	krev((c.Kid == "") != (len(c.Sertifikat) == 0), "one of Kid and Sertifikat is needed, and not both")
	if len(c.Sertifikat) > 0 && c.Key != nil {
		krev(c.Key.PublicKey.Equal(c.Sertifikat[0].PublicKey), "Sertifikat is not that of Key")
	}
	krev(c.SubscriptionKey != "", "SubscriptionKey is missing")
	krev(c.ResourceID != "" && len(c.ResourceID) <= 255, "ResourceID is missing, or longer than 255 bytes")
	krev(len(c.ResourceIDKonfidensiell) <= 255, "ResourceIDKonfidensiell is longer than 255 bytes")
	krev(len(c.MessageSender) <= 255, "MessageSender is longer than 255 bytes")
	krev(!c.Lenke || trygg(c.BaseURL), "Lenke needs a BaseURL with https, not %q", c.BaseURL)
	krev(c.Poll >= 0, "Poll is negative")
	return errors.Join(feil...)
}

// trygg tells whether s is an absolute URL that secrets may be sent to: https, or
// this machine itself.
func trygg(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

func (c Config) medStandard() Config {
	c.PlatformURL = strings.TrimSuffix(c.PlatformURL, "/")
	c.BaseURL = strings.TrimSuffix(c.BaseURL, "/")
	if c.Poll == 0 {
		c.Poll = 15 * time.Minute
	}
	if c.HTTP == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.ResponseHeaderTimeout = 2 * time.Minute // an upload is answered when Altinn has stored it
		t.MaxIdleConnsPerHost = samtidige
		c.HTTP = &http.Client{Transport: t}
	}
	klient := *c.HTTP
	// A token must not follow a redirect to another host.
	klient.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.HTTP = &klient
	return c
}

// Kvitteringer is where receipts are recorded; *levering.Service is one.
type Kvitteringer interface {
	Bekreft(ctx context.Context, tx *store.Tx, kanal, leveranseID string) (bool, error)
	Feilet(ctx context.Context, tx *store.Tx, kanal, leveranseID string, t levering.Tilstand, grunn string) (bool, error)
	Hent(ctx context.Context, q store.Queryer, id string) (levering.Levering, []levering.Historie, error)
}

// Deps are what the channel stands on. All are required but Log and Logg.
type Deps struct {
	DB           *store.DB
	Klokke       klokke.Klokke // for deadlines
	Tokenklokke  klokke.Klokke // for tokens: the machine's
	Jobs         *jobs.Engine
	Kvitteringer Kvitteringer
	Log          *slog.Logger
	// Logg writes a line to the history of a forsendelse that its sender sees.
	Logg func(ctx context.Context, tx *store.Tx, forsendelseID, tekst string) error
}

// Kanal is the channel ALTINN, and the duty that asks whether letters are read.
type Kanal struct {
	Deps
	cfg    Config
	klient *klient
}

var _ levering.Kanal = (*Kanal)(nil)

//go:embed migrations/*.sql
var migrasjoner embed.FS

// Migrations are the room's tables.
func Migrations() store.Migrations { return store.Migrations{Room: "altinn", FS: migrasjoner} }

// New makes the channel and registers its duty with d.Jobs. The error lists all
// that is wrong with cfg.
func New(d Deps, cfg Config) (*Kanal, error) {
	if d.DB == nil || d.Klokke == nil || d.Tokenklokke == nil || d.Jobs == nil || d.Kvitteringer == nil {
		return nil, errors.New("altinn: a dependency is missing")
	}
	if err := cfg.Valider(); err != nil {
		return nil, err
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Logg == nil {
		d.Logg = func(context.Context, *store.Tx, string, string) error { return nil }
	}
	cfg = cfg.medStandard()
	k := &Kanal{Deps: d, cfg: cfg, klient: nyKlient(cfg, d.Tokenklokke)}
	d.Jobs.AddDuty(jobs.Duty{Name: pliktnavn, Next: k.nesteSyn, RunOnce: k.seEtterForfalte})
	return k, nil
}

// Navn implements levering.Kanal.
func (k *Kanal) Navn() string { return levering.KanalAltinn }
