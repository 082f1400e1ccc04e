package svarut

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/dokumentlager"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/jobs"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/passord"
	"knutepunkt/internal/store"

	"github.com/google/uuid"
)

// Deps are what this room stands on. Those without a remark are required.
type Deps struct {
	DB            *store.DB
	Ring          *keys.Ring
	Klokke        klokke.Klokke
	Jobber        *jobs.Engine
	Organisasjon  *organisasjon.Service
	Dokumentlager *dokumentlager.Service
	Levering      *levering.Service
	Audit         *audit.Service
	Tilgang       auth.Autorisasjon
	Log           *slog.Logger

	// PrintAdresse tells what is wrong with an address for a letter, feil.Ugyldig;
	// nil: PrintAdresse of this room.
	PrintAdresse func(levering.Adresse) error
	// SjekkPDF refuses what cannot be printed, feil.Ugyldig, and counts the
	// pages; nil: nothing is checked.
	SjekkPDF func(ctx context.Context, f Fil) (sider int, err error)
	// Mottakersystemer is SvarInn's look-up; nil: there are none.
	Mottakersystemer Oppslag
	// Slettere delete what the channels keep of a forsendelse whose time is over.
	Slettere []func(ctx context.Context, tx *store.Tx, forsendelseID string) error
}

// Service is SvarUt with its rules.
type Service struct {
	Deps
	cfg    Config
	hasher *passord.Hasher
	// nesteSletting is when the retention duty said it is next due (µs; 0:
	// nothing waits), so that only an earlier date wakes the engine.
	nesteSletting atomic.Int64
}

// New makes the service, and registers its source with the delivery engine and
// its duty with the job engine. Call Klargjor before the first request.
func New(d Deps, cfg Config) (*Service, error) {
	if cfg.PlattformOrgID == "" {
		return nil, fmt.Errorf("svarut: PlattformOrgID is not set")
	}
	if d.PrintAdresse == nil {
		d.PrintAdresse = PrintAdresse
	}
	if d.SjekkPDF == nil {
		d.SjekkPDF = func(context.Context, Fil) (int, error) { return maksSider, nil }
	}
	if d.Mottakersystemer == nil {
		d.Mottakersystemer = func(context.Context, string, string, int) ([]Mottakersystem, error) { return nil, nil }
	}
	s := &Service{Deps: d, cfg: cfg.medStandard(), hasher: passord.NyHasher()}
	d.Levering.RegistrerKilde(Kilde, kilde{s})
	d.Jobber.AddDuty(jobs.Duty{Name: sletteplikt, Next: s.nesteSlett, RunOnce: s.slettGamle})
	return s, nil
}

const maksSider = 1 << 30 // pages, where nobody counts them

// Klargjor makes the konto of the platform's own services, and the
// dokumentlager konto of all files, where they are missing. Idempotent; the
// organisation of Config must exist.
func (s *Service) Klargjor(ctx context.Context) error {
	for _, lag := range []func(tx *store.Tx) error{
		func(tx *store.Tx) error {
			_, err := s.Dokumentlager.OpprettKonto(ctx, tx, dokumentlager.Konto{
				ID: s.filkonto(), FiksOrgID: s.cfg.PlattformOrgID, Navn: "SvarUt", Tjenestens: true,
			})
			return err
		},
		func(tx *store.Tx) error {
			_, err := s.OpprettKonto(ctx, tx, Konto{
				ID: s.PlattformKonto(), FiksOrgID: s.cfg.PlattformOrgID, Navn: "knutepunkt", Adresse: levering.Adresse{Navn: "Knutepunkt"},
			})
			return err
		},
	} {
		if err := s.DB.Write(ctx, lag); err != nil && !feil.Er(err, feil.Konflikt) {
			return fmt.Errorf("making the kontoer of SvarUt: %w", err)
		}
	}
	return nil
}

// filkonto is the dokumentlager konto of all files, the same for every process
// over one database.
func (s *Service) filkonto() string {
	return uuid.NewSHA1(uuid.Nil, []byte("svarut.filer:"+s.cfg.PlattformOrgID)).String()
}

// Hent finds a forsendelse; feil.IkkeFunnet.
func (s *Service) Hent(ctx context.Context, id string) (Forsendelse, error) {
	return s.hent(ctx, s.DB.Read(), id)
}

// Logg lets a channel write to a forsendelse's history, in words that may be
// somebody else's: they are stored sealed, and go with the files.
func (s *Service) Logg(ctx context.Context, tx *store.Tx, forsendelseID, tekst string) error {
	if r := []rune(tekst); len(r) > maksLangTekst {
		tekst = string(r[:maksLangTekst]) + " …"
	}
	return s.skrivHendelse(ctx, tx, forsendelseID, tekst, true)
}

// logg writes an audit event of this room.
func (s *Service) logg(ctx context.Context, tx *store.Tx, h audit.Hendelse) error {
	h.Principal, h.RequestID, h.Tjeneste = auth.From(ctx), httpx.RequestID(ctx), organisasjon.TypeSvarUt
	if err := s.Audit.Logg(ctx, tx, h); err != nil {
		return fmt.Errorf("audit of %s: %w", h.Handling, err)
	}
	return nil
}
