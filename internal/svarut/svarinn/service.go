package svarinn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/jobs"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/passord"
	"knutepunkt/internal/store"
)

// Leveringer is where receipts are recorded and contents asked for;
// *levering.Service is.
type Leveringer interface {
	Bekreft(ctx context.Context, tx *store.Tx, kanal, leveranseID string) (bool, error)
	Feilet(ctx context.Context, tx *store.Tx, kanal, leveranseID string, t levering.Tilstand, grunn string) (bool, error)
	Innhold(ctx context.Context, id, kanal string) (levering.Forsendelse, error)
}

// Deps are the rooms below, all of them needed unless said otherwise.
type Deps struct {
	DB           *store.DB
	Ring         *keys.Ring
	Klokke       klokke.Klokke
	Jobber       *jobs.Engine
	Organisasjon *organisasjon.Service
	Levering     Leveringer
	Varsler      levering.Varsler
	Audit        organisasjon.Logger
	Roller       Rollekilde
	Log          *slog.Logger
	// Logg writes to the sender's log of a forsendelse; nil: nobody keeps one. The
	// text may hold what the receiver wrote.
	Logg func(ctx context.Context, tx *store.Tx, forsendelseID, tekst string) error
}

// Config are the room's settings; zero values give the defaults.
type Config struct {
	// BaseURL is the address by which receivers reach us, without trailing slash.
	BaseURL string
	// MaksListe is how many forsendelser one list holds, the oldest first: 500.
	MaksListe int
	// Nedlastinger is how many downloads run at a time; more wait a little: 32.
	Nedlastinger int
	// Forsendelsestyper are the types that can be routed by; nil: Forsendelsestyper().
	Forsendelsestyper []string
}

// Service is SvarInn.
type Service struct {
	Deps
	cfg    Config
	hasher *passord.Hasher
	plass  chan struct{} // one for each download under way
	// ventePlass is how long a download waits for others to end; receivers give
	// up after 30 s without an answer.
	ventePlass time.Duration
}

// New makes the room and registers its duty with the job engine.
func New(d Deps, cfg Config) (*Service, error) {
	if d.DB == nil || d.Ring == nil || d.Klokke == nil || d.Jobber == nil || d.Organisasjon == nil || d.Levering == nil ||
		d.Varsler == nil || d.Audit == nil || d.Roller == nil || d.Log == nil {
		return nil, errors.New("svarinn: a room below is missing")
	}
	if !strings.HasPrefix(cfg.BaseURL, "http://") && !strings.HasPrefix(cfg.BaseURL, "https://") || strings.HasSuffix(cfg.BaseURL, "/") {
		return nil, errors.New("svarinn: BaseURL must be absolute, without a slash at its end")
	}
	if cfg.MaksListe <= 0 {
		cfg.MaksListe = 500
	}
	if cfg.Nedlastinger <= 0 {
		cfg.Nedlastinger = 32
	}
	if cfg.Forsendelsestyper == nil {
		cfg.Forsendelsestyper = Forsendelsestyper()
	}
	if d.Logg == nil {
		d.Logg = func(context.Context, *store.Tx, string, string) error { return nil }
	}
	s := &Service{Deps: d, cfg: cfg, hasher: passord.NyHasher(),
		plass: make(chan struct{}, cfg.Nedlastinger), ventePlass: 15 * time.Second}
	d.Jobber.AddDuty(jobs.Duty{Name: plikt, Next: s.nesteVarsel, RunOnce: s.Varsle})
	return s, nil
}

// Ny is a mottakersystem to be made.
type Ny struct {
	ID        string // filled when ""
	FiksOrgID string
	Navn      string
	Person    Person // the first administrator
}

// Opprett makes a mottakersystem with its ressurs and its first administrator;
// for the platform's operator, who checks the request. feil.Konflikt when name or
// id is taken, feil.IkkeFunnet for an unknown organisation, feil.Ugyldig, which has
// errorCode AVTALE_MANGLER when an agreement is missing. Audited.
func (s *Service) Opprett(ctx context.Context, av auth.Caller, n Ny) (Mottakersystem, error) {
	if n.ID == "" {
		n.ID = uuid.NewString()
	}
	m := Mottakersystem{ID: n.ID, FiksOrgID: n.FiksOrgID, Navn: n.Navn, Opprettet: s.Klokke.Now()}
	switch {
	case !erUUID(n.ID):
		return m, feil.Ny(feil.Ugyldig, "Mottakersystemets id må være en UUID")
	case !gyldigNavn(n.Navn):
		return m, feil.Ny(feil.Ugyldig, "Mottakersystemets navn må ha 1–200 tegn")
	}
	if err := n.Person.Validate(); err != nil {
		return m, err
	}
	if _, err := s.Organisasjon.Organisasjon(ctx, n.FiksOrgID); err != nil {
		return m, err
	}
	nokkel, person, err := s.segl(n.ID, n.Person)
	if err != nil {
		return m, err
	}
	return m, s.DB.Write(ctx, func(tx *store.Tx) error {
		if err := s.Organisasjon.KrevAvtale(ctx, tx, m.FiksOrgID, organisasjon.TypeMottakersystem); err != nil {
			return err
		}
		if err := s.Organisasjon.OpprettRessurs(ctx, tx, organisasjon.Ressurs{
			ID: m.ID, Forelder: m.FiksOrgID, Type: organisasjon.TypeMottakersystem, Navn: m.Navn,
		}); err != nil {
			return err
		}
		if err := settInnSystem(ctx, tx, m); store.IsUnique(err) {
			return feil.Ny(feil.Konflikt, "Et mottakersystem med dette navnet finnes allerede").Med(err)
		} else if err != nil {
			return fmt.Errorf("storing a mottakersystem: %w", err)
		}
		if err := settPerson(ctx, tx, m.ID, nokkel, person, m.Opprettet); err != nil {
			return err
		}
		return s.revider(ctx, tx, av, m, "MOTTAKERSYSTEM_OPPRETTET", n.Person.Fnr, m.Navn)
	})
}

// Mottakersystem finds one; feil.IkkeFunnet.
func (s *Service) Mottakersystem(ctx context.Context, id string) (Mottakersystem, error) {
	return s.hentSystem(ctx, s.DB.Read(), id)
}

// Alle lists the mottakersystemer of an organisation, by name; all there are for "".
func (s *Service) Alle(ctx context.Context, fiksOrgID string) ([]Mottakersystem, error) {
	return s.systemer(ctx, s.DB.Read(), `WHERE $1 = '' OR fiks_org = $1 ORDER BY navn_nokkel`, fiksOrgID)
}

// krev finds the mottakersystem and refuses who may not configure it: persons on
// its tab Tilganger, and those with ADMIN on its ressurs, may. feil.IngenTilgang.
func (s *Service) krev(ctx context.Context, av auth.Caller, id string, niva int) (Mottakersystem, error) {
	m, err := s.hentSystem(ctx, s.DB.Read(), id)
	if err != nil {
		return m, err
	}
	if av.Slag != auth.Person || av.Fnr == "" {
		return m, feil.Ny(feil.IngenTilgang, "Bare personer kan forvalte et mottakersystem")
	}
	if av.Niva < niva {
		return m, feil.Ny(feil.IngenTilgang, "Logg inn på sikkerhetsnivå %d", niva)
	}
	ja, err := harPerson(ctx, s.DB.Read(), id, s.personNokkel(av.Fnr))
	if err == nil && !ja {
		ja, err = s.Organisasjon.Har(ctx, av.Fnr, auth.Admin, id)
	}
	if err != nil {
		return m, fmt.Errorf("looking up who may configure %s: %w", id, err)
	}
	if !ja {
		return m, feil.Ny(feil.IngenTilgang, "Du har ikke tilgang til dette mottakersystemet")
	}
	return m, nil
}

// revider writes to the audit log what av has changed.
func (s *Service) revider(ctx context.Context, tx *store.Tx, av auth.Caller, m Mottakersystem, handling, gjelder, payload string) error {
	err := s.Audit.Logg(ctx, tx, audit.Hendelse{
		Principal: av, FiksOrg: m.FiksOrgID, Tjeneste: organisasjon.TypeMottakersystem, Underressurs: m.ID,
		Handling: handling, Gjelder: gjelder, Payload: payload, RequestID: httpx.RequestID(ctx),
	})
	if err != nil {
		return fmt.Errorf("auditing: %w", err)
	}
	return nil
}

func ikkeFunnet(hva string) error { return feil.Ny(feil.IkkeFunnet, "%s finnes ikke", hva) }
