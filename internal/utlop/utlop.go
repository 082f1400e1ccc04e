// Package utlop knows what nears its end: certificates and passwords, of all
// organisations and of the platform itself. It tells the technical contacts in
// time, and the pages whenever they ask. What there is, the rooms that own it
// hand in through Kilde.
package utlop

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"knutepunkt/internal/jobs"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

//go:embed migrations/*.sql
var migrasjoner embed.FS

// Migrations are the room's tables.
func Migrations() store.Migrations { return store.Migrations{Room: "utlop", FS: migrasjoner} }

// Slag is the kind of what ends.
type Slag string

// The kinds.
const (
	FiksIOSertifikat  Slag = "FIKS_IO_SERTIFIKAT"  // of a Fiks IO konto
	SvarInnSertifikat Slag = "SVARINN_SERTIFIKAT"  // of a mottakersystem
	Passord           Slag = "INTEGRASJON_PASSORD" // one that was replaced, and lives on for a while
	Plattformnokkel   Slag = "PLATTFORMNOKKEL"     // what others encrypt to, or what is signed with
	Altinn            Slag = "ALTINN_SERTIFIKAT"   // of the platform's client in Maskinporten
	Annet             Slag = "ANNET"               // told of by its name alone
)

// Post is something that ends.
type Post struct {
	Slag      Slag
	ID        string // with Slag, whose end it is: of the konto, the mottakersystem, …; no personal data
	FiksOrgID string // whose it is; "": the platform's
	Navn      string // for people; no fødselsnummer
	Utloper   time.Time
}

// Utlop is a Post as the pages show it.
type Utlop struct {
	Post
	Dager  int  // calendar days in Oslo until it ends; 0: today, negative: it was on an earlier day
	Utlopt bool // it has ended
}

// Kilde hands in what ends of one organisation, or of all for "", also what has
// ended and is still in place. What was renewed is handed in with its new end.
type Kilde func(ctx context.Context, fiksOrgID string) ([]Post, error)

// trinn are the days before the end at which people are told; at 0 on the day itself.
var trinn = []int{60, 30, 14, 7, 1, 0}

// varselTime is the hour in Oslo at which they are.
const varselTime = 8

// passordEtter is how long a password that has ended is still shown.
const passordEtter = 30 * 24 * time.Hour

// Varsler queues an e-mail in the transaction of what it tells of; mail.Service
// does. Each receiver gets one of their own.
type Varsler interface {
	Send(ctx context.Context, tx *store.Tx, til []string, emne, tekst string) error
}

// Deps are the rooms below. All are required.
type Deps struct {
	DB           *store.DB
	Klokke       klokke.Klokke
	Jobber       *jobs.Engine
	Organisasjon *organisasjon.Service
	Varsler      Varsler
	Log          *slog.Logger
}

// Config of the room.
type Config struct {
	PlattformOrgID string   // whose the platform's own things are
	DriftEpost     []string // who is told of those; none: the contacts of PlattformOrgID
	BaseURL        string   // of the pages, without slash at its end
}

// Service is the room. Use New.
type Service struct {
	Deps
	cfg    Config
	kilder []Kilde
	start  time.Time
}

// New makes the room and registers its duty with the job engine. The passwords of
// integrasjoner are known; the rest is handed in with Registrer.
func New(d Deps, cfg Config) (*Service, error) {
	if d.DB == nil || d.Klokke == nil || d.Jobber == nil || d.Organisasjon == nil || d.Varsler == nil || d.Log == nil {
		return nil, errors.New("utlop: a room below is missing")
	}
	if cfg.PlattformOrgID == "" || strings.HasSuffix(cfg.BaseURL, "/") {
		return nil, errors.New("utlop: PlattformOrgID is missing, or BaseURL ends with a slash")
	}
	s := &Service{Deps: d, cfg: cfg, start: d.Klokke.Now()}
	s.Registrer(s.passord)
	d.Jobber.AddDuty(jobs.Duty{Name: "utlop.varsel", Next: s.neste, RunOnce: s.Varsle})
	return s, nil
}

// Registrer adds a source, before the engine is started.
func (s *Service) Registrer(k Kilde) { s.kilder = append(s.kilder, k) }

func (s *Service) passord(ctx context.Context, fiksOrgID string) ([]Post, error) {
	ps, err := s.Organisasjon.PassordUtlop(ctx, fiksOrgID, passordEtter)
	ut := make([]Post, len(ps))
	for i, p := range ps {
		ut[i] = Post{Slag: Passord, ID: p.IntegrasjonID, FiksOrgID: p.FiksOrgID, Navn: p.Navn, Utloper: p.GyldigTil}
	}
	return ut, err
}

// poster asks all sources. A source that fails costs its own alone: the others'
// are given with its error.
func (s *Service) poster(ctx context.Context, fiksOrgID string) (ut []Post, err error) {
	spor := fiksOrgID
	if fiksOrgID == s.cfg.PlattformOrgID { // what belongs to nobody else is among all
		spor = ""
	}
	var feilet []error
	for i, kilde := range s.kilder {
		ps, err := kilde(ctx, spor)
		if err != nil {
			feilet = append(feilet, fmt.Errorf("asking source %d of what ends: %w", i, err))
		}
		for _, p := range ps {
			p.FiksOrgID = cmp.Or(p.FiksOrgID, s.cfg.PlattformOrgID)
			if !p.Utloper.IsZero() && (fiksOrgID == "" || p.FiksOrgID == fiksOrgID) {
				ut = append(ut, p)
			}
		}
	}
	slices.SortFunc(ut, func(a, b Post) int {
		return cmp.Or(a.Utloper.Compare(b.Utloper), cmp.Compare(a.Slag, b.Slag), cmp.Compare(a.ID, b.ID))
	})
	return ut, errors.Join(feilet...)
}

// Utlop lists what ends of an organisation within 60 days or has ended, the first
// to end first.
func (s *Service) Utlop(ctx context.Context, fiksOrgID string) ([]Utlop, error) {
	if _, err := s.Organisasjon.Organisasjon(ctx, fiksOrgID); err != nil {
		return nil, err
	}
	ps, err := s.poster(ctx, fiksOrgID)
	if err != nil {
		return nil, err
	}
	naa := s.Klokke.Now()
	var ut []Utlop
	for _, p := range ps {
		if d := dagerTil(naa, p.Utloper); d <= trinn[0] {
			ut = append(ut, Utlop{p, d, !naa.Before(p.Utloper)})
		}
	}
	return ut, nil
}

// dag is a day in Oslo, counted from a fixed one.
func dag(t time.Time) int {
	o := klokke.Oslo(t)
	return int(time.Date(o.Year(), o.Month(), o.Day(), 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60))
}

// dagerTil is how many midnights in Oslo lie between.
func dagerTil(fra, til time.Time) int { return dag(til) - dag(fra) }

// trinnFor is the step that has come with so many days left: the nearest one that
// has; false when it is too early for any.
func trinnFor(dager int) (int, bool) {
	for _, t := range slices.Backward(trinn) {
		if dager <= t {
			return t, true
		}
	}
	return 0, false
}
