// Package print is levering's channel to paper: it makes one PDF of a forsendelse,
// encrypts it to the print supplier, hands it over with a job file, and reads the
// supplier's receipts (SvarUt contract §7.1).
//
// A job has an id that is chosen before anything leaves, and its row is stored
// before the supplier can see it. The supplier sees a job by one atomic rename, and
// the row says when that is about to happen; so a crash at any moment leaves what
// tells whether it did, and nothing is printed twice.
package print

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"knutepunkt/internal/blob"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/jobs"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/pdf"
	"knutepunkt/internal/store"
)

// Tilstand is the state of a job.
type Tilstand string

// The states of a job. The supplier can have seen it from Klar on.
const (
	Bygges   Tilstand = "BYGGES"    // stored; its PDF is being made
	LeggesUt Tilstand = "LEGGES_UT" // its files are there, and it is being shown to the supplier
	Klar     Tilstand = "KLAR"      // the supplier can fetch it
	Hentet   Tilstand = "HENTET"    // the supplier has fetched it
	Levert   Tilstand = "LEVERT"    // printed and posted: the end
	Avvist   Tilstand = "AVVIST"    // the supplier cannot print it; a person has to look (PrintPaaNytt)
	Trekkes  Tilstand = "TREKKES"   // to be taken back, if it is not fetched
	Trukket  Tilstand = "TRUKKET"   // taken back: the end
)

// Jobb is one letter at the supplier's.
type Jobb struct {
	ID            string // UUID; that of the leveranse for its first job
	LeveranseID   string
	ForsendelseID string
	Kilde         string // KildeDigisos, KildeSvarUt or KildeBekymringsmelding
	Tilstand      Tilstand
	Opprettet     time.Time
	Endret        time.Time
	Mottaker      Adresse
	AntallSider   int         // 0 before the PDF is made, and of one that came encrypted
	SHA256        string      // of the PDF in clear, hex; "" before it is made or when it is not known
	Kvittering    *Kvittering // the last one; nil before
	BestiltAv     string      // who had it printed anew; "" for the first
	Jobbfil, PDF  string      // names of its files with the transport; whether they are there, Tilstand tells

	leveringID string
	nr         int
	forsok     int // how often making its PDF was begun; the last one that did may give it out
	overlevert bool
	utlagt     time.Time
	frist      time.Time
}

// Config is how an installation prints; zero values give the defaults.
type Config struct {
	Sertifikat *x509.Certificate // the supplier's: RSA, at least 2048 bits; required
	Ut         string            // the transport's folder for jobs; "" is its root
	Inn        string            // its folder for receipts; required with Poll
	PDFEndelse string            // of the encrypted PDF: ".pdf.crypt"
	// Poll is how often receipts and fetched jobs are looked for: 1 min. Negative:
	// never; then somebody calls Kvitter.
	Poll time.Duration
	// Behold keeps a job's files after its receipt, for people who want to look at
	// them in the sandbox. They hold the address in clear.
	Behold       bool
	Samtidige    int           // letters built at once: 1
	MaksBytes    int64         // what is printed of one letter, before it is merged: 350 MB (SvarUt contract §3.6)
	Varsel       time.Duration // without a receipt people are told after: 7 days
	Oppbevaring  time.Duration // a job is remembered after its end for: 90 days
	Driftsvarsel []string      // e-mail addresses that are told of receipts that cannot be read
}

func (c Config) medStandard() Config {
	if c.PDFEndelse == "" {
		c.PDFEndelse = ".pdf.crypt"
	}
	if c.Poll == 0 {
		c.Poll = time.Minute
	}
	if c.Varsel == 0 {
		c.Varsel = 7 * 24 * time.Hour
	}
	if c.Oppbevaring == 0 {
		c.Oppbevaring = 90 * 24 * time.Hour
	}
	if c.MaksBytes == 0 {
		c.MaksBytes = 350 << 20
	}
	c.Samtidige = max(1, c.Samtidige)
	return c
}

// Deps are what the room stands on.
type Deps struct {
	DB        *store.DB
	Ring      *keys.Ring
	Blobs     *blob.Store
	Klokke    klokke.Klokke
	Jobs      *jobs.Engine
	Levering  *levering.Service
	Transport Transport
	Varsler   levering.Varsler // for Config.Driftsvarsel; may be nil
	Log       *slog.Logger
	// Logg writes a line to the sender's log of a forsendelse, sealed. May be nil.
	Logg func(ctx context.Context, tx *store.Tx, forsendelseID, tekst string) error
}

// Kanal is the channel PRINT.
type Kanal struct {
	Deps
	cfg     Config
	plasser chan struct{} // letters being built
	// trykkeri is the room's own: a letter holds its place in it for as long as the
	// supplier takes to receive it, which is not to keep those waiting who send one.
	trykkeri *pdf.Trykkeri

	mu       sync.Mutex
	sett     time.Time         // when the transport was looked at last
	flere    bool              // and there was more than could be taken
	mistenkt map[string]string // receipts that did not parse at the last look, by name: their checksum
}

var (
	_ levering.Kanal   = (*Kanal)(nil)
	_ levering.Trekker = (*Kanal)(nil)
)

// New makes the channel and registers its work with the job engine. It fails for a
// certificate that nothing can be encrypted to.
func New(d Deps, cfg Config) (*Kanal, error) {
	cfg = cfg.medStandard()
	if cfg.Sertifikat == nil {
		return nil, errors.New("print: the supplier's certificate is missing")
	}
	if n, ok := cfg.Sertifikat.PublicKey.(*rsa.PublicKey); !ok || n.N.BitLen() < 2048 {
		return nil, errors.New("print: the supplier's certificate needs an RSA key of at least 2048 bits")
	}
	if cfg.Poll > 0 && (cfg.Inn == "" || cfg.Inn == cfg.Ut) {
		return nil, errors.New("print: receipts need a folder of their own")
	}
	if d.Klokke.Now().After(cfg.Sertifikat.NotAfter) {
		d.Log.Warn("the print supplier's certificate has expired", "notAfter", cfg.Sertifikat.NotAfter)
	}
	k := &Kanal{Deps: d, cfg: cfg, plasser: make(chan struct{}, cfg.Samtidige), trykkeri: pdf.Ny(cfg.Samtidige), mistenkt: map[string]string{}}
	k.registrerJobber()
	return k, nil
}

// Navn implements levering.Kanal.
func (k *Kanal) Navn() string { return levering.KanalPrint }

// Jobber lists the newest jobs, at most antall, oldest first.
func (k *Kanal) Jobber(ctx context.Context, antall int) ([]Jobb, error) {
	return k.list(ctx, k.DB.Read(), `ORDER BY opprettet DESC, id LIMIT $1 + 0`, antall)
}

// Jobb finds a job; feil.IkkeFunnet.
func (k *Kanal) Jobb(ctx context.Context, id string) (Jobb, error) {
	return k.hent(ctx, k.DB.Read(), id)
}

// SisteJobb is the newest job of a leveranse; feil.IkkeFunnet.
func (k *Kanal) SisteJobb(ctx context.Context, leveranseID string) (Jobb, error) {
	alle, err := k.list(ctx, k.DB.Read(), `WHERE leveranse_id = $1 ORDER BY nr DESC`, leveranseID)
	if err != nil {
		return Jobb{}, err
	}
	if len(alle) == 0 {
		return Jobb{}, feil.Ny(feil.IkkeFunnet, "Utskriftsjobben finnes ikke")
	}
	return alle[len(alle)-1], nil
}

func (k *Kanal) logg(ctx context.Context, tx *store.Tx, j Jobb, tekst string) error {
	if k.Logg == nil {
		return nil
	}
	if err := k.Logg(ctx, tx, j.ForsendelseID, tekst); err != nil {
		return fmt.Errorf("writing the log of forsendelse %s: %w", j.ForsendelseID, err)
	}
	return nil
}
