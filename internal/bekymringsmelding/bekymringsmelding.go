// Package bekymringsmelding is Fiks Bekymringsmelding: reports of concern for a
// child, from producers and from the portal's form, to the receiving office
// (bydel) by the channel it has chosen, else as a letter.
//
// What is stored is encrypted to the receiver and to the printer, and lies so
// until the office has told that it has registered it. A report is never lost
// silently: it has a deadline and a next step (package levering) until it is
// delivered, and a gap in the reconciliation until it is registered.
package bekymringsmelding

import (
	"context"
	"crypto/x509"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/blob"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/jobs"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
	"knutepunkt/internal/svarut/print"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are this room's tables.
func Migrations() store.Migrations {
	return store.Migrations{Room: "bekymringsmelding", FS: migrations}
}

// Trykkeri is the channel to print as this room needs it; *print.Kanal is one.
type Trykkeri interface {
	// SisteJobb is the newest print job of a leveranse; feil.IkkeFunnet.
	SisteJobb(ctx context.Context, leveranseID string) (print.Jobb, error)
	// PrintPaaNytt makes a new job of one that the supplier has refused.
	PrintPaaNytt(ctx context.Context, jobbID, av string) (nyID string, err error)
	// Slett forgets the jobs of a forsendelse.
	Slett(ctx context.Context, tx *store.Tx, forsendelseID string) error
}

// Deps are the rooms below that this one stands on. All but Print, Mail and Navn
// are required.
type Deps struct {
	DB           *store.DB
	Ring         *keys.Ring
	Blobs        *blob.Store
	Klokke       klokke.Klokke
	Jobber       *jobs.Engine
	Organisasjon *organisasjon.Service
	Levering     *levering.Service
	FiksIO       *fiksio.Service
	Audit        *audit.Service
	Print        Trykkeri         // nil: there is no print supplier
	Mail         levering.Varsler // nil: nobody is reminded
	// Navn is the folkeregister: the name of a person who is logged in, "" when it
	// is not known. nil: no name is known.
	Navn func(ctx context.Context, fnr string) (string, error)
	Log  *slog.Logger
}

// Config is how an installation runs the service; zero values give the defaults.
type Config struct {
	// PrintSertifikat is the print supplier's certificate, that producers encrypt the
	// letter to; PrintForrige are those before it, which are still accepted. nil: there
	// is no supplier, and letters wait, encrypted to a key of the platform's.
	PrintSertifikat *x509.Certificate
	PrintForrige    []*x509.Certificate
	BaseURL         string           // external address, without trailing slash
	Avsender        levering.Adresse // who the letters are from, and where they return to

	FiksIOFrist time.Duration // for a receipt over Fiks IO (§12): 24 h
	Virkedager  int           // for a confirmation of the other channels (§8, §9): 2
	IkkeSendt   time.Duration // not handed to its channel after this, people are told (§13): 1 h
	Oppbevaring time.Duration // of the content, from reconciled delivery (§14.5): 30 days
	AvvikEtter  time.Duration // delivered and not registered after this, people are told, the next morning: 4 h
	MaksBytes   int64         // of both parts together (§4.2): 5 242 880
	Nokkelbytte time.Duration // a receiver's key is accepted so long after it was replaced (§4.2): 24 h
	// Gyldig adds the member gyldig to the keys of v1, for clients that were
	// generated from the API file (§16).
	Gyldig bool
}

func (c Config) medStandard() Config {
	if c.FiksIOFrist == 0 {
		c.FiksIOFrist = 24 * time.Hour
	}
	if c.Virkedager == 0 {
		c.Virkedager = 2
	}
	if c.IkkeSendt == 0 {
		c.IkkeSendt = time.Hour
	}
	if c.Oppbevaring == 0 {
		c.Oppbevaring = 30 * 24 * time.Hour
	}
	if c.AvvikEtter == 0 {
		c.AvvikEtter = 4 * time.Hour
	}
	if c.MaksBytes == 0 {
		c.MaksBytes = 5 << 20
	}
	if c.Nokkelbytte == 0 {
		c.Nokkelbytte = 24 * time.Hour
	}
	return c
}

// Service is Fiks Bekymringsmelding with its rules.
type Service struct {
	Deps
	cfg Config
	// Containers that are being made, opened, and sent to those who fetch. Who is slow to
	// receive holds up no other work.
	lages, apnes, hentes chan struct{}
}

// samtidige is how many containers are made, opened and sent at a time, each.
const samtidige = 4

// New makes the service, registers its source and its channels with the delivery
// engine and its duties with the job engine.
func New(d Deps, cfg Config) (*Service, error) {
	if d.DB == nil || d.Ring == nil || d.Blobs == nil || d.Klokke == nil || d.Jobber == nil || d.Organisasjon == nil ||
		d.Levering == nil || d.FiksIO == nil || d.Audit == nil {
		return nil, errors.New("bekymringsmelding: a dependency is missing")
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{Deps: d, cfg: cfg.medStandard(),
		lages: make(chan struct{}, samtidige), apnes: make(chan struct{}, samtidige), hentes: make(chan struct{}, samtidige)}
	d.Levering.RegistrerKilde(Kilde, kilde{s})
	d.Levering.RegistrerKanal(kokanal{s, kanalSvarInn})
	d.Levering.RegistrerKanal(kokanal{s, kanalManuell})
	s.registrerPlikter()
	return s, nil
}

// Routes are the endpoints, each with its row of the authorisation table.
func (s *Service) Routes() []auth.Route {
	var ut []auth.Route
	for _, r := range [][]auth.Route{
		s.bydelRuter(), s.mottakRuter(), s.skjemaRuter(), s.svarinnRuter(), s.adminRuter(), s.avstemmingRuter(),
	} {
		ut = append(ut, r...)
	}
	return ut
}

// logg writes an audit event of this room. Who reported is in the content alone: a
// person's number is left out of what is said of a report's sender.
func (s *Service) logg(ctx context.Context, tx *store.Tx, h audit.Hendelse) error {
	h.Tjeneste = organisasjon.TypeBekymringsmelding
	if err := s.Audit.Logg(ctx, tx, h); err != nil {
		return fmt.Errorf("audit of %s: %w", h.Handling, err)
	}
	return nil
}

// maksVent is how long somebody who fetches waits for a place.
const maksVent = 30 * time.Second

// taPlass waits for a place among those at work; give it back.
func taPlass(ctx context.Context, plasser chan struct{}) (slipp func(), err error) {
	venter, slutt := context.WithTimeout(ctx, maksVent)
	defer slutt()
	select {
	case plasser <- struct{}{}:
		return func() { <-plasser }, nil
	case <-venter.Done():
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return nil, feil.Ny(feil.Utilgjengelig, "For mange gjør dette samtidig. Prøv igjen om litt")
	}
}
