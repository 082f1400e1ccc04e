// Package app wires the house: it builds every room from one Config, starts
// them in order, and takes them down so that nothing accepted is lost.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"knutepunkt/api"
	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/blob"
	"knutepunkt/internal/digisos"
	"knutepunkt/internal/dokumentlager"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/fiksio/amqp"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/jobs"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/mail"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/portal/forvaltning"
	"knutepunkt/internal/portal/mottak"
	"knutepunkt/internal/store"
	"knutepunkt/internal/svarut"
	"knutepunkt/internal/svarut/altinn"
	"knutepunkt/internal/svarut/print"
	"knutepunkt/internal/svarut/svarinn"
	"knutepunkt/internal/utlop"
)

// Config is all that a running platform needs from outside.
type Config struct {
	Dir    string // data folder: the database and the large blobs
	Master []byte // the 32-byte master key that everything at rest hangs on

	// Open listeners. AMQP is plain, AMQPS already wrapped in TLS; both may be nil.
	HTTP, AMQP, AMQPS net.Listener

	// AMQPVert is the host by which fagsystemer reach AMQP, with port or without, for
	// the pages to tell; "": the host of BaseURL, and the port of the listener.
	AMQPVert string

	BaseURL    string // external address of the APIs, without trailing slash
	MinsideURL string // external address of the citizens' pages; "" = BaseURL

	Klokke klokke.Klokke
	// Tokenklokke is the clock that tokens expire by; nil: Klokke. The sandbox's
	// clock can be moved days ahead, and its clients keep their tokens.
	Tokenklokke klokke.Klokke
	Log         *slog.Logger
	Utstedere   []auth.Utsteder // whose tokens are trusted

	// Epost makes the e-mail transport, and EpostFra is the sender's address.
	Epost    func(*store.DB, *keys.Ring) mail.Transport
	EpostFra string

	// PlattformOrgID is the organisation that owns the platform's own kontoer. It
	// is made where it does not exist.
	PlattformOrgID string

	Digisos  digisos.Config
	Levering levering.Config
	SvarUt   SvarUt
	// Bekymringsmelding: BaseURL and the print supplier's certificate are set from the
	// rest; Avsender is where letters return to.
	Bekymringsmelding bekymringsmelding.Config
	// Navn is the folkeregister: a person's name, "" when it is not known. nil: no
	// names are known.
	Navn   func(ctx context.Context, fnr string) (string, error)
	Portal portal.Config // BaseURL and Sesjonsklokke are set from the above
	Sider  []portal.Del  // portals beside the platform's own; their routes come by Ruter

	// Avtaler are the operator's agreements; without any the platform's templates
	// are what organisations accept. PlattformOrgID needs none.
	Avtaler organisasjon.Avtalekonfig
	// DriftEpost are told when keys and certificates of the platform itself expire.
	DriftEpost []string

	API []string // services whose OpenAPI documents are served

	// Ruter are more routes, and Omslag wraps the whole HTTP face; the sandbox uses both.
	Ruter  func(*App) []auth.Route
	Omslag func(http.Handler) http.Handler
	// Klargjor runs after the migrations and before anything is served: seeding.
	Klargjor func(context.Context, *App) error
}

// amqp is where the pages say that fagsystemer connect: by TLS where there is a
// listener for it.
func (c Config) amqp() (ut forvaltning.AMQP) {
	ln := c.AMQPS
	if ut.TLS = ln != nil; !ut.TLS {
		ln = c.AMQP
	}
	if ln == nil {
		return ut
	}
	if a, ok := ln.Addr().(*net.TCPAddr); ok {
		ut.Port = a.Port
	}
	ut.Vert = c.AMQPVert
	if vert, port, err := net.SplitHostPort(c.AMQPVert); err == nil {
		ut.Vert = vert
		if n, err := strconv.Atoi(port); err == nil {
			ut.Port = n
		}
	}
	if u, err := url.Parse(c.BaseURL); ut.Vert == "" && err == nil {
		ut.Vert = u.Hostname()
	}
	return ut
}

// App is a platform that has been built. The rooms may be called between New
// and Stop.
type App struct {
	cfg Config

	DB                *store.DB
	Ring              *keys.Ring
	Blobs             *blob.Store
	Jobs              *jobs.Engine
	Transport         mail.Transport
	Mail              *mail.Service
	Audit             *audit.Service
	Org               *organisasjon.Service
	Auth              *auth.Autentisering
	Dokumentlager     *dokumentlager.Service
	Levering          *levering.Service
	Roller            svarinn.Rolletabell
	SvarInn           *svarinn.Service
	Altinn            *altinn.Kanal // nil: not set up
	Print             *print.Kanal  // nil: not set up
	SvarUt            *svarut.Service
	FiksIO            *fiksio.Service
	AMQP              *amqp.Listener
	Digisos           *digisos.Service
	Bekymringsmelding *bekymringsmelding.Service
	Utlop             *utlop.Service
	Portal            *portal.Portal
	Forvaltning       *forvaltning.Forvaltning
	Mottak            *mottak.Mottak

	segmenter *blob.Segments // of Blobs

	ruter   []auth.Route
	handler http.Handler
	server  *http.Server
	klar    atomic.Bool
	igang   atomic.Int64              // requests under way
	trykk   atomic.Pointer[time.Time] // when requests last waited for a processor
	gruppe  errgroup.Group            // what serves; its first error is Wait's
}

// Migrations are the tables of all rooms, from the ground floor up.
func Migrations() []store.Migrations {
	return []store.Migrations{
		keys.Migrations(), blob.Migrations(), jobs.Migrations(), mail.Migrations(), audit.Migrations(),
		organisasjon.Migrations(), dokumentlager.Migrations(), levering.Migrations(), utlop.Migrations(), svarinn.Migrations(),
		altinn.Migrations(), print.Migrations(), svarut.Migrations(), fiksio.Migrations(), digisos.Migrations(), bekymringsmelding.Migrations(), portal.Migrations(),
	}
}

// Grunnlag opens the database and the key ring under dir; commands that need no
// more (audit verify, keys) use it alone. Close the DB after use.
func Grunnlag(ctx context.Context, dir string, master []byte, k klokke.Klokke) (*store.DB, *keys.Ring, error) {
	db, err := store.Open(ctx, filepath.Join(dir, "knutepunkt.db"))
	if err != nil {
		return nil, nil, fmt.Errorf("opening the database: %w", err)
	}
	if err := db.Migrate(ctx, Migrations()...); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("bringing the database up to date: %w", err), db.Close())
	}
	ring, err := keys.OpenRing(ctx, db, k, master)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("opening the key ring: %w", err), db.Close())
	}
	return db, ring, nil
}

// New builds a platform; nothing is served and no job runs before Start. On
// error everything that New opened is closed again.
func New(ctx context.Context, cfg Config) (_ *App, err error) {
	if cfg.MinsideURL == "" {
		cfg.MinsideURL = cfg.BaseURL
	}
	if cfg.Tokenklokke == nil {
		cfg.Tokenklokke = cfg.Klokke
	}
	if cfg.EpostFra == "" {
		cfg.EpostFra = "Knutepunkt <knutepunkt@localhost>"
	}
	a := &App{cfg: cfg}
	if a.DB, a.Ring, err = Grunnlag(ctx, cfg.Dir, cfg.Master, cfg.Klokke); err != nil {
		return nil, err
	}
	for _, steg := range []func(context.Context) error{a.byggRom, a.klargjor, a.byggHTTP} {
		if err := steg(ctx); err != nil {
			return nil, errors.Join(err, a.DB.Close())
		}
	}
	return a, nil
}

// byggRom builds the rooms from the ground floor up.
func (a *App) byggRom(ctx context.Context) (err error) {
	cfg, k, log := a.cfg, a.cfg.Klokke, a.cfg.Log
	filer, err := blob.Files(filepath.Join(cfg.Dir, "blobs"))
	if err != nil {
		return fmt.Errorf("opening the blob folder: %w", err)
	}
	if a.segmenter, err = blob.OpenSegments(filepath.Join(cfg.Dir, "blobs", "segmenter")); err != nil {
		return fmt.Errorf("opening the blob folder: %w", err)
	}
	a.Blobs = blob.NewStore(a.DB, a.Ring, k, filer, a.segmenter)
	a.Jobs = jobs.New(a.DB, k, log)
	a.Transport = cfg.Epost(a.DB, a.Ring)
	a.Mail = mail.NewService(a.DB, a.Ring, k, a.Jobs, a.Transport, cfg.EpostFra)
	a.Audit = audit.NewService(a.DB, a.Ring, k)
	a.Org = organisasjon.New(a.DB, a.Ring, k, a.Audit)
	cfg.Avtaler.Uten = append(slices.Clone(cfg.Avtaler.Uten), cfg.PlattformOrgID)
	if err := a.Org.KrevAvtaler(cfg.Avtaler); err != nil {
		return fmt.Errorf("the agreements: %w", err)
	}
	if a.Auth, err = auth.New(auth.Config{Utstedere: cfg.Utstedere, Integrasjoner: a.Org, Klokke: cfg.Tokenklokke}); err != nil {
		return fmt.Errorf("building authentication: %w", err)
	}
	a.Dokumentlager = dokumentlager.NewService(a.DB, a.Ring, a.Blobs, k, a.Jobs, a.Org)
	cfg.Levering.Opptatt = a.opptatt
	a.Levering = levering.NewService(a.DB, k, a.Jobs, a.Mail, log, cfg.Levering)
	if err := a.byggSvarUt(); err != nil {
		return err
	}
	a.FiksIO, err = fiksio.New(ctx, fiksio.Deps{
		DB: a.DB, Klokke: k, Ring: a.Ring, Blobs: a.Blobs, Jobs: a.Jobs, Organisasjon: a.Org,
		Dokumentlager: a.Dokumentlager, Tilgang: a.Org, Log: log,
	})
	if err != nil {
		return fmt.Errorf("building Fiks IO: %w", err)
	}
	cfg.Digisos.MellomlagringOrgID = cfg.PlattformOrgID
	a.Digisos, err = digisos.NewService(digisos.Deps{
		DB: a.DB, Ring: a.Ring, Klokke: k, Jobber: a.Jobs, Organisasjon: a.Org, Dokumentlager: a.Dokumentlager,
		Levering: a.Levering, FiksIO: a.FiksIO, Audit: a.Audit, Mail: a.Mail, Log: log,
	}, cfg.Digisos)
	if err != nil {
		return fmt.Errorf("building Digisos: %w", err)
	}
	if err := a.byggBekymringsmelding(); err != nil {
		return err
	}
	cfg.Portal.BaseURL, cfg.Portal.Sesjonsklokke = cfg.BaseURL, cfg.Tokenklokke
	a.Portal, err = portal.New(portal.Deps{DB: a.DB, Ring: a.Ring, Klokke: k, Jobber: a.Jobs}, cfg.Portal,
		append([]portal.Del{forvaltning.Del(), mottak.Del()}, cfg.Sider...)...)
	if err != nil {
		return fmt.Errorf("building the pages: %w", err)
	}
	if err := a.byggUtlop(); err != nil {
		return err
	}
	a.Forvaltning = forvaltning.New(a.Portal, forvaltning.Deps{Organisasjon: a.Org, FiksIO: a.FiksIO, Digisos: a.Digisos, SvarInn: a.SvarInn, Utlop: a.Utlop, AMQP: cfg.amqp()})
	a.Mottak = mottak.New(a.Portal, mottak.Deps{Melding: a.Bekymringsmelding, Avstemming: []mottak.Avstemming{mottak.Bekymringsmelding(a.Bekymringsmelding)}})
	a.AMQP = amqp.New(amqp.Config{Backend: a.FiksIO.Broker(a.Auth), Log: log, Now: k.Now, Version: Version()})
	a.FiksIO.Koble(a.AMQP)
	a.feiing()
	return nil
}

// feiing sweeps crash leftovers of the blob store once a day.
func (a *App) feiing() {
	var neste atomic.Int64 // µs; the first sweep comes an hour after the start
	neste.Store(store.Micros(a.cfg.Klokke.Now().Add(time.Hour)))
	a.Jobs.AddDuty(jobs.Duty{
		Name: "blob.feiing",
		Next: func(context.Context) (time.Time, error) { return store.Time(neste.Load()), nil },
		RunOnce: func(ctx context.Context, naa time.Time) error {
			neste.Store(store.Micros(naa.Add(24 * time.Hour)))
			n, err := a.Blobs.Sweep(ctx)
			if n > 0 {
				a.cfg.Log.Info("swept blobs that nothing refers to", "antall", n)
			}
			return err
		},
	})
}

// klargjor makes what every platform has (its own organisation, konto and
// keys) and what the caller seeds.
func (a *App) klargjor(ctx context.Context) error {
	err := a.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := a.Org.OpprettOrganisasjon(ctx, tx, organisasjon.Organisasjon{
			ID: a.cfg.PlattformOrgID, Navn: "Knutepunkt", Type: "LEVERANDOR",
		})
		return err
	})
	if err != nil && !feil.Er(err, feil.Konflikt) {
		return fmt.Errorf("making the platform's organisation: %w", err)
	}
	if a.cfg.Klargjor != nil {
		if err := a.cfg.Klargjor(ctx, a); err != nil {
			return err
		}
	}
	for _, formaal := range []keys.Formaal{keys.Dokumentlager, keys.Signering, keys.Bekymringsmelding, keys.Brev} {
		if _, err := a.Ring.Platform(ctx, formaal); err != nil {
			return fmt.Errorf("making the platform's %s key: %w", formaal, err)
		}
	}
	if err := a.Digisos.Klargjor(ctx); err != nil {
		return fmt.Errorf("preparing Digisos: %w", err)
	}
	if err := a.SvarUt.Klargjor(ctx); err != nil {
		return fmt.Errorf("preparing SvarUt: %w", err)
	}
	var konto fiksio.Konto
	err = a.DB.Write(ctx, func(tx *store.Tx) (err error) {
		konto, err = a.FiksIO.SikrePlattformkonto(ctx, tx, a.cfg.PlattformOrgID)
		return err
	})
	if err != nil {
		return fmt.Errorf("preparing the platform's Fiks IO konto: %w", err)
	}
	a.Levering.RegistrerKanal(fiksio.NyKanal(a.FiksIO, a.Levering, konto.ID))
	return nil
}

// Routes are all endpoints with their rows of the authorisation table.
func (a *App) Routes() []auth.Route { return a.ruter }

// Handler is the whole HTTP face, for tests that need no listener.
func (a *App) Handler() http.Handler { return a.handler }

func (a *App) byggHTTP(context.Context) error {
	a.ruter = append(a.ruter, a.Org.HTTP().Routes()...)
	a.ruter = append(a.ruter, dokumentlager.HTTP{Service: a.Dokumentlager, MinsideURL: a.cfg.MinsideURL}.Routes()...)
	a.ruter = append(a.ruter, a.FiksIO.HTTP().Routes()...)
	a.ruter = append(a.ruter, a.Digisos.Routes()...)
	a.ruter = append(a.ruter, a.SvarUt.Routes()...)
	a.ruter = append(a.ruter, a.SvarInn.Routes()...)
	a.ruter = append(a.ruter, a.Bekymringsmelding.Routes()...)
	a.ruter = append(a.ruter, a.Portal.Routes()...)
	a.ruter = append(a.ruter, a.Forvaltning.Routes()...)
	a.ruter = append(a.ruter, a.Mottak.Routes()...)
	alle := auth.Tilgang{Slag: auth.Anonym, Merknad: "åpen"}
	dokumenter, err := api.Routes(a.cfg.API...)
	if err != nil {
		return fmt.Errorf("reading the OpenAPI documents: %w", err)
	}
	for _, d := range dokumenter {
		a.ruter = append(a.ruter, auth.Route{Pattern: d.Pattern, Tilgang: alle, Handler: httpx.FromHTTP(d.Handler)})
	}
	a.ruter = append(a.ruter,
		auth.Route{Pattern: "GET /healthz", Tilgang: alle, Handler: a.healthz},
		auth.Route{Pattern: "GET /readyz", Tilgang: alle, Handler: a.readyz},
	)
	if a.cfg.Ruter != nil {
		a.ruter = append(a.ruter, a.cfg.Ruter(a)...)
	}
	router := &httpx.Router{Log: a.cfg.Log, Klokke: a.cfg.Klokke}
	if err := auth.Guard(router, a.Auth, a.Org, a.ruter); err != nil {
		return fmt.Errorf("building the authorisation table: %w", err)
	}
	a.handler = a.tell(router)
	if a.cfg.Omslag != nil {
		a.handler = a.cfg.Omslag(a.handler)
	}
	a.server = httpx.Server(a.handler)
	a.server.ErrorLog = slog.NewLogLogger(a.cfg.Log.Handler(), slog.LevelDebug)
	return nil
}
