package digisos

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/digisos/filformat"
	"knutepunkt/internal/dokumentlager"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/jobs"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are this room's tables.
func Migrations() store.Migrations {
	return store.Migrations{Room: "digisos", FS: migrations}
}

// Deps are the rooms below that this one stands on. All but Mail are required.
type Deps struct {
	DB            *store.DB
	Ring          *keys.Ring
	Klokke        klokke.Klokke
	Jobber        *jobs.Engine
	Organisasjon  *organisasjon.Service
	Dokumentlager *dokumentlager.Service
	Levering      *levering.Service
	FiksIO        *fiksio.Service
	Audit         *audit.Service
	// Mail tells a municipality's technical contacts that its fagsystem has refused
	// something; nil: it is in the history and the log only.
	Mail levering.Varsler
	Log  *slog.Logger
}

// Service is Fiks Digisos with its rules.
type Service struct {
	Deps
	cfg      Config
	skjemaer *filformat.Skjemaer
	// When the duties last said they are next due (µs; 0: nothing waits), so
	// that only an earlier date wakes the engine.
	nesteUtlop, nesteSletting atomic.Int64
}

// NewService makes the service, registers its sources with the delivery engine
// and its duties with the job engine. Call Klargjor before the first request.
func NewService(d Deps, cfg Config) (*Service, error) {
	if cfg.MellomlagringOrgID == "" {
		return nil, fmt.Errorf("digisos: MellomlagringOrgID is not set")
	}
	sk, err := filformat.Ny()
	if err != nil {
		return nil, fmt.Errorf("digisos: %w", err)
	}
	s := &Service{Deps: d, cfg: cfg.medStandard(), skjemaer: sk}
	d.Levering.RegistrerKilde(KildeSoknad, kilde{s})
	d.Levering.RegistrerKilde(KildeEttersendelse, kilde{s})
	d.Levering.RegistrerKilde(KildeProve, kilde{s})
	for _, k := range []string{KildeKlage, KildeKlageEttersendelse, KildeKlageTrekk} {
		d.Levering.RegistrerKilde(k, klagekilde{s})
	}
	s.registrerPlikter()
	return s, nil
}

// Klargjor makes the dokumentlager konto of mellomlagring where it is missing.
// Idempotent; the organisation of Config must exist.
func (s *Service) Klargjor(ctx context.Context) error {
	err := s.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := s.Dokumentlager.OpprettKonto(ctx, tx, dokumentlager.Konto{
			ID: s.mellomlagringKonto(), FiksOrgID: s.cfg.MellomlagringOrgID, Navn: "Digisos mellomlagring", Tjenestens: true,
		})
		return err
	})
	if err != nil && !feil.Er(err, feil.Konflikt) {
		return fmt.Errorf("making the konto of mellomlagring: %w", err)
	}
	return nil
}

// mellomlagringKonto is the same for every process over one database.
func (s *Service) mellomlagringKonto() string {
	return uuid.NewSHA1(uuid.Nil, []byte("digisos.mellomlagring:"+s.cfg.MellomlagringOrgID)).String()
}

// sokerHash is how a person's cases are found.
func (s *Service) sokerHash(fnr string) string { return s.Ring.Lookup("digisos.soker", fnr) }

// Places of sealed columns.
func stedSoker(sakID string) string             { return "digisos.sak.soker:" + sakID }
func stedForsendelse(id string) string          { return "digisos.forsendelse:" + id }
func stedKlage(id string) string                { return "digisos.klage:" + id }
func stedFil(dokumentID string) string          { return "digisos.fil:" + dokumentID }
func stedMellomlagret(dokumentID string) string { return "digisos.mellomlagret:" + dokumentID }
func stedHistorikk(sakID string) string         { return "digisos.historikk:" + sakID }
func stedKonfigurasjon(fiksOrgID string) string { return "digisos.konfigurasjon:" + fiksOrgID }

// eksponertFor gives the citizen the right to fetch a file in the browser
// (dokumentlager contract A9). JSON documents get none: they are read through
// this room's own API.
func eksponertFor(fnr string) []dokumentlager.Eksponering {
	if fnr == "" { // of a test
		return nil
	}
	return []dokumentlager.Eksponering{{Type: "PERSON", Fnr: fnr}}
}

// Sikkerhetsniva is that of everything in Digisos.
const Sikkerhetsniva = 4

// motta streams one uploaded file in, decrypting it.
func (s *Service) motta(ctx context.Context, r io.Reader) (*dokumentlager.Opplasting, error) {
	kryptert := true
	if s.cfg.TillatUkryptert {
		r, kryptert = erCMS(r)
	}
	return s.Dokumentlager.Motta(ctx, r, kryptert)
}

// mottaJSON stores a JSON document byte for byte.
func (s *Service) mottaJSON(ctx context.Context, b []byte) (*dokumentlager.Opplasting, error) {
	return s.Dokumentlager.Motta(ctx, bytes.NewReader(b), false)
}

// lagreJSON makes a received JSON document exist and gives its id.
func (s *Service) lagreJSON(ctx context.Context, tx *store.Tx, o *dokumentlager.Opplasting, kontoID, sakID, navn string) (string, error) {
	m, err := s.Dokumentlager.Lagre(ctx, tx, o, dokumentlager.Metadata{
		KontoID: kontoID, Dokumentnavn: navn, Mimetype: "application/json",
		Sikkerhetsniva: Sikkerhetsniva, Korrelasjonsid: sakID,
	})
	return m.ID, err
}

// logg writes an audit event of this room.
func (s *Service) logg(ctx context.Context, tx *store.Tx, h audit.Hendelse) error {
	h.Principal = auth.From(ctx)
	h.Tjeneste = organisasjon.TypeDigisos
	if err := s.Audit.Logg(ctx, tx, h); err != nil {
		return fmt.Errorf("audit of %s: %w", h.Handling, err)
	}
	return nil
}

func ms(mikros int64) int64 { return mikros / int64(time.Millisecond/time.Microsecond) }
