// Package portal is the base that the platform's web pages stand on: layout,
// texts, sessions, login, forms, errors, files. The portals themselves are its
// sub-packages; each brings its pages and texts as a Del.
//
// Every page is server-rendered and works without JavaScript. Nothing on a page
// comes from another host, and nothing in it is inline: the content security
// policy allows neither.
package portal

import (
	"crypto/rsa"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"knutepunkt/internal/jobs"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are this room's tables.
func Migrations() store.Migrations {
	return store.Migrations{Room: "portal", FS: migrations}
}

// Deps are the rooms below that the base stands on. All are required.
type Deps struct {
	DB     *store.DB
	Ring   *keys.Ring
	Klokke klokke.Klokke
	Jobber *jobs.Engine
}

// Del is what a portal brings to the base: its pages and texts, and how it is
// presented on the start page.
type Del struct {
	// Innhold holds maler/*.html, and tekster/LANGUAGE/*.json for each language.
	Innhold fs.FS
	Kort    []Kort
	// Utkasttid is how long drafts of some forms wait, where that is shorter than
	// Utkasttid of the base.
	Utkasttid map[string]time.Duration
}

// Kort is a way in from the start page. The texts are keys.
type Kort struct {
	Tittel, Om, Lenke string
	URL               string
	Innlogging        bool // whoever is not logged in logs in on the way
}

// Config is what an instance decides about its pages.
type Config struct {
	// BaseURL is the external address of the pages, without trailing slash.
	// Cookies are for HTTPS alone when it is https.
	BaseURL string
	// Sesjonsklokke is the clock of sessions and logins; nil: Deps.Klokke. The
	// sandbox moves the platform's clock days ahead, and nobody is logged out by it.
	Sesjonsklokke klokke.Klokke
	OIDC          OIDC
	// Testmiljo puts a banner on every page: no real persons here.
	Testmiljo bool
	// Links of the footer; "" where there is none.
	Tilgjengelighetserklaring, Personvern, Kontakt string
}

// OIDC is how persons log in (auth contract §4): with ID-porten, or with the
// sandbox's issuer. Without an Issuer nobody can.
type OIDC struct {
	Issuer   string // byte for byte as the issuer's metadata has it
	ClientID string
	// Secret, or Nokkel with its KeyID, proves the client; without either it is a
	// public client, which PKCE protects.
	Secret string
	Nokkel *rsa.PrivateKey
	KeyID  string
	// Klient makes the calls to the issuer; nil: one with a time limit.
	Klient *http.Client
}

// How long a login lasts.
const (
	Ledig    = 30 * time.Minute // without a request
	Absolutt = 8 * time.Hour    // in all
	Varsel   = 5 * time.Minute  // before Ledig is over, the page tells
)

// Portal is the pages.
type Portal struct {
	Deps
	cfg     Config
	ur      klokke.Klokke // of sessions
	sikker  bool          // cookies are for HTTPS alone
	tekster *tekster
	maler   map[string]map[string]*mal // by language and name
	statisk *statisk
	kort    []Kort
	liv     map[string]time.Duration // of drafts, by form
	oidc    *innlogger
	vern    *http.CrossOriginProtection
}

// New builds the base with the portals that stand on it; an error names what is
// wrong with cfg, or with their pages and texts.
func New(d Deps, cfg Config, deler ...Del) (*Portal, error) {
	base, err := url.Parse(cfg.BaseURL)
	if err != nil || base.Host == "" || strings.HasSuffix(cfg.BaseURL, "/") {
		return nil, fmt.Errorf("portal: the base URL %q must be absolute and without trailing slash", cfg.BaseURL)
	}
	if cfg.OIDC.Issuer != "" && cfg.OIDC.ClientID == "" {
		return nil, errors.New("portal: the issuer of logins is set, but not the client id")
	}
	if cfg.OIDC.Secret != "" && cfg.OIDC.Nokkel != nil {
		return nil, errors.New("portal: the client proves itself by a secret or by a key, not by both")
	}
	p := &Portal{Deps: d, cfg: cfg, ur: cfg.Sesjonsklokke, sikker: base.Scheme == "https", vern: http.NewCrossOriginProtection(), liv: map[string]time.Duration{}}
	if p.ur == nil {
		p.ur = d.Klokke
	}
	if err := p.vern.AddTrustedOrigin(base.Scheme + "://" + base.Host); err != nil {
		return nil, fmt.Errorf("portal: the base URL: %w", err)
	}
	var innhold []fs.FS
	for _, del := range deler {
		innhold = append(innhold, del.Innhold)
		p.kort = append(p.kort, del.Kort...)
		maps.Copy(p.liv, del.Utkasttid)
	}
	if p.tekster, err = lesTekster(innhold...); err != nil {
		return nil, err
	}
	if p.statisk, err = nyStatisk(); err != nil {
		return nil, err
	}
	if p.maler, err = p.lesMaler(innhold...); err != nil {
		return nil, err
	}
	p.oidc = p.nyInnlogger()
	p.feiing()
	return p, nil
}
