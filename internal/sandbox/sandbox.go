// Package sandbox is the platform on a laptop: one that needs no configuration,
// file, network or account, with organisations and persons in it, a token issuer
// that lets one be anybody, a clock that can be moved, and calls that can be made
// to fail. Its files, addresses and answers are a contract that tests of others
// rely on.
package sandbox

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"knutepunkt/api"
	"knutepunkt/internal/app"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/mail"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/portal/utvikler"
	fakealtinn "knutepunkt/internal/sandbox/altinn"
	"knutepunkt/internal/sandbox/utsteder"
	"knutepunkt/internal/store"
)

// Defaults of Config.
const (
	StandardDir   = "knutepunkt-data"
	StandardHTTP  = "127.0.0.1:8080"
	StandardAMQP  = "127.0.0.1:5672"
	StandardAMQPS = "127.0.0.1:5671"
)

// stoppetid is how long Run waits for what is under way.
const stoppetid = 10 * time.Second

// Config says where a sandbox lives. All values have defaults.
type Config struct {
	Dir               string // data folder; made where it is missing
	HTTP, AMQP, AMQPS string // host:port to listen on; port 0 picks a free one
	// BaseURL is the external address, without trailing slash. "" makes it from
	// the HTTP listener's address.
	BaseURL string
	Demo    bool         // Run plays a case before it goes on serving
	Out     io.Writer    // where Run tells what is where; nil: nowhere
	Log     *slog.Logger // nil: nowhere
}

// Sandbox is a sandbox that has been built.
type Sandbox struct {
	App *app.App

	dir         string
	beskrivelse Beskrivelse
	klokke      *sandkasseklokke
	feil        *feilinjeksjon
	utsteder    *utsteder.Utsteder
	epost       *mail.Liste
	log         *slog.Logger
}

// Run builds and starts a sandbox, tells on cfg.Out where it is, plays the demo
// when asked to, and serves until ctx ends; then it stops gently.
func Run(ctx context.Context, cfg Config) error {
	if cfg.Out == nil {
		cfg.Out = io.Discard
	}
	s, err := New(ctx, cfg)
	if err != nil {
		return err
	}
	if err := s.Start(ctx); err != nil {
		return errors.Join(err, s.stopp())
	}
	s.presenter(cfg.Out)
	if cfg.Demo {
		if err := s.Demo(ctx, cfg.Out); err != nil && ctx.Err() == nil {
			return errors.Join(fmt.Errorf("the demo stopped: %w", err), s.stopp())
		}
	}
	ferdig := make(chan error, 1)
	go func() { ferdig <- s.App.Wait() }()
	select {
	case <-ctx.Done():
		return s.stopp()
	case err := <-ferdig:
		return errors.Join(err, s.stopp())
	}
}

func (s *Sandbox) stopp() error {
	ctx, cancel := context.WithTimeout(context.Background(), stoppetid)
	defer cancel()
	return s.Stop(ctx)
}

// New opens the listeners, builds the platform and seeds it. sandbox.json has
// been written when it returns; nothing is served before Start. On error
// everything that was opened is closed.
func New(ctx context.Context, cfg Config) (_ *Sandbox, err error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	dir := cmp.Or(cfg.Dir, StandardDir)
	if err := os.MkdirAll(filepath.Join(dir, "keys"), 0o700); err != nil {
		return nil, fmt.Errorf("sandbox: making the data folder: %w", err)
	}
	var lukk []io.Closer
	defer func() {
		if err != nil {
			for _, c := range lukk {
				err = errors.Join(err, c.Close())
			}
		}
	}()
	lytt := func(addr string) (net.Listener, error) {
		ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
		if err != nil {
			return nil, fmt.Errorf("sandbox: listening (is it in use? port 0 picks a free one): %w", err)
		}
		lukk = append(lukk, ln)
		return ln, nil
	}
	httpLn, err := lytt(cmp.Or(cfg.HTTP, StandardHTTP))
	if err != nil {
		return nil, err
	}
	amqpLn, err := lytt(cmp.Or(cfg.AMQP, StandardAMQP))
	if err != nil {
		return nil, err
	}
	amqpsLn, err := lytt(cmp.Or(cfg.AMQPS, StandardAMQPS))
	if err != nil {
		return nil, err
	}
	tlsCfg, err := tlsConfig(dir)
	if err != nil {
		return nil, err
	}

	base := cmp.Or(cfg.BaseURL, "http://"+utad(httpLn))
	host, port, _ := net.SplitHostPort(utad(amqpLn))
	s := &Sandbox{dir: dir, log: cfg.Log, feil: nyFeilinjeksjon(cfg.Log)}
	s.beskrivelse = beskriv(base, host, tall(port), amqpsLn.Addr().(*net.TCPAddr).Port)
	if s.klokke, err = lesKlokke(dir); err != nil {
		return nil, err
	}
	if err := s.nyUtsteder(base); err != nil {
		return nil, err
	}
	master, err := keys.LoadOrCreateMaster(filepath.Join(dir, "keys", "master.key"))
	if err != nil {
		return nil, fmt.Errorf("sandbox: the master key: %w", err)
	}
	if err := plattformnokler(ctx, dir, master, s.klokke); err != nil {
		return nil, err
	}
	if err := skrivNokler(dir); err != nil {
		return nil, err
	}
	svarut, err := svarutOppsett(dir, base, "http://"+utad(httpLn))
	if err != nil {
		return nil, err
	}
	var altinnFeil error
	s.App, err = app.New(ctx, app.Config{
		Dir: dir, Master: master, HTTP: httpLn, AMQP: amqpLn, AMQPS: tls.NewListener(amqpsLn, tlsCfg),
		BaseURL: base, Klokke: s.klokke, Tokenklokke: klokke.System{}, Log: cfg.Log, Utstedere: s.utsteder.Utstedere(),
		Epost: func(db *store.DB, ring *keys.Ring) mail.Transport {
			s.epost = mail.NyListe(db, ring)
			return s.epost
		},
		EpostFra: "Knutepunkt sandkasse <ikke-svar@knutepunkt.test>", PlattformOrgID: orgPlattform, API: api.Services(),
		Portal: s.portal(httpLn), Sider: []portal.Del{utvikler.Del()},
		SvarUt: svarut,
		Ruter: func(a *app.App) []auth.Route {
			ruter := slices.Concat(s.utsteder.Routes(), s.routes(), utvikler.New(a.Portal, verktoy{s}).Routes())
			var fake *fakealtinn.Altinn
			if fake, altinnFeil = s.nyAltinn(a); altinnFeil != nil {
				return ruter
			}
			return append(ruter, fake.Routes()...)
		},
		Omslag: s.feil.omslag, Klargjor: fro,
	})
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	if altinnFeil != nil {
		return nil, errors.Join(fmt.Errorf("sandbox: Altinn: %w", altinnFeil), s.App.DB.Close())
	}
	if err := s.beskrivelse.skriv(dir); err != nil {
		return nil, errors.Join(err, s.App.DB.Close())
	}
	return s, nil
}

func (s *Sandbox) nyUtsteder(base string) (err error) {
	cfg := utsteder.Config{BaseURL: base, Klokke: klokke.System{}, StandardOrgnr: orgnrNAV,
		Audience: []string{"https://maskinporten.no/", "https://test.maskinporten.no/", "https://ver2.maskinporten.no/"}}
	for _, p := range personer {
		beskrivelse := "innbygger"
		if p.Roller[0] == "ADMINISTRATOR" {
			beskrivelse = "administrator"
		}
		cfg.Personer = append(cfg.Personer, utsteder.Person{Fnr: p.Fnr, Navn: p.Navn, Beskrivelse: beskrivelse})
	}
	if cfg.Klienter, err = klienter(); err != nil {
		return err
	}
	cfg.Klienter = append(cfg.Klienter, utsteder.Klient{ID: portalKlient, Orgnr: orgnrLeverandor,
		Redirect: []string{base + "/logg-inn/svar"}})
	s.utsteder, err = utsteder.New(cfg)
	return err
}

// portal are the settings of the web pages: one logs in with the sandbox's own
// issuer. It is called at the listener and not at its address, which may be good
// outside only (a container's, say).
func (s *Sandbox) portal(ln net.Listener) portal.Config {
	cfg := portal.Config{Testmiljo: true, OIDC: portal.OIDC{Issuer: s.beskrivelse.IDPorten.Issuer, ClientID: portalKlient}}
	if strings.HasPrefix(s.beskrivelse.BaseURL, "http://") {
		cfg.OIDC.Klient = &http.Client{Timeout: stoppetid, Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", utad(ln))
			}}}
	}
	return cfg
}

// portalKlient is the web pages' client at the sandbox's ID-porten.
const portalKlient = "knutepunkt-portal"

// utad is a listener's address as a client on this machine reaches it.
func utad(ln net.Listener) string {
	a := ln.Addr().(*net.TCPAddr)
	host := a.IP.String()
	if a.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, strconv.Itoa(a.Port))
}

func tall(s string) int {
	n, _ := strconv.Atoi(s) // a port of our own listener
	return n
}

// Beskrivelse is what sandbox.json says.
func (s *Sandbox) Beskrivelse() Beskrivelse { return s.beskrivelse }

// Utsteder is the token issuer, for tests that want tokens without HTTP.
func (s *Sandbox) Utsteder() *utsteder.Utsteder { return s.utsteder }

// Start begins to serve; /readyz answers 200 when it returns.
func (s *Sandbox) Start(ctx context.Context) error {
	if err := s.App.Start(ctx); err != nil {
		return fmt.Errorf("sandbox: starting: %w", err)
	}
	return nil
}

// Stop lets what runs end until ctx does, and closes everything.
func (s *Sandbox) Stop(ctx context.Context) error {
	if err := s.App.Stop(ctx); err != nil {
		return fmt.Errorf("sandbox: stopping: %w", err)
	}
	return nil
}

// presenter tells where everything is.
func (s *Sandbox) presenter(out io.Writer) {
	b := s.beskrivelse
	fil, err := filepath.Abs(filepath.Join(s.dir, "sandbox.json"))
	if err != nil {
		fil = filepath.Join(s.dir, "sandbox.json")
	}
	fmt.Fprintf(out, `Knutepunkt sandkasse er klar.

  Nettsider     %s/
  Oversikt      %s/sandbox
  API-er        %s/api
  AMQP          amqp://%s:%d   (TLS: port %d, CA i %s)
  Maskinporten  %s
  ID-porten     %s
  Beskrivelse   %s

Alle personer, nøkler og passord her er syntetiske og verdiløse. Stopp med Ctrl-C.
`, b.BaseURL, b.BaseURL, b.BaseURL, b.AMQP.Host, b.AMQP.Port, b.AMQP.TLSPort, filepath.Join(s.dir, caFil), b.Maskinporten.Issuer, b.IDPorten.Issuer, fil)
}
