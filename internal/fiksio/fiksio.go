// Package fiksio is Fiks IO: kontoer with a queue, a certificate and addresses;
// a katalog to find them; messages sent by REST and received over AMQP or by
// hand; receipts for messages that time out or fail three times.
//
// A message is a row in its mottaker's queue from the commit of Send until the
// commit of its ack, expiry or third failed delivery. The listener
// (fiksio/amqp) keeps no messages of its own: what it needs to know it asks
// the [Broker].
package fiksio

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/blob"
	"knutepunkt/internal/dokumentlager"
	"knutepunkt/internal/jobs"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

// System message types (Fiks IO contract §7).
const (
	TypeTidsavbrudd = "no.ks.fiks.kvittering.tidsavbrudd"
	TypeServerfeil  = "no.ks.fiks.kvittering.serverfeil.v1"
)

// MaxInline is the largest payload, in bytes, that goes over AMQP itself; above
// it the payload lies in dokumentlager and only its id goes over AMQP.
const MaxInline = 5 << 20

// StandardTTL and MinTTL bound a message's time to live; MaxTTL is our own bound.
const (
	StandardTTL = 7 * 24 * time.Hour
	MinTTL      = time.Second
	MaxTTL      = 10 * 366 * 24 * time.Hour
)

// MaxForsok is how many failed deliveries a message gets (contract §6.5).
const MaxForsok = 3

// Konto is a sender and receiver with a queue of its own.
type Konto struct {
	ID                    string
	FiksOrgID             string
	Navn                  string
	DokumentlagerKontoID  string
	Aktiv                 bool
	Intern                bool   // owned by the platform; consumed in process (see Lytt)
	Sertifikat            []byte // DER of the receiving certificate; nil when none is set
	Opprettet, SistEndret time.Time

	// Forelder is the ressurs below which OpprettKonto puts the konto's own;
	// "" = the organisation's Fiks IO service. Not stored here.
	Forelder string
	// OpprettetAv and SistEndretAv are fnr or integrasjon; stored sealed, never logged.
	OpprettetAv, SistEndretAv string
	// KunAksepterte: only senders on the konto's list may send to it.
	KunAksepterte bool

	nr int64 // see fiksio_konto.nr
}

// Adresse is what look-up finds a konto by.
type Adresse struct {
	ID, KontoID, Beskrivelse string
	Aktiv                    bool
	Identifikatorer          []Identifikator
	Protokoller              []string
	Nivaer                   []int
	Opprettet, SistEndret    time.Time

	OpprettetAv, SistEndretAv string // as in Konto
}

// Gyldig tells whether the address has at least one of each part; only then can
// it be active.
func (a Adresse) Gyldig() bool {
	return len(a.Identifikatorer) > 0 && len(a.Protokoller) > 0 && len(a.Nivaer) > 0
}

// Identifikator is ORG_NO or NAVENHET_ID with digits.
type Identifikator struct {
	Type  string `json:"identifikatorType"`
	Verdi string `json:"identifikator"`
}

// String is the form used in look-up: "ORG_NO.123456789".
func (i Identifikator) String() string { return i.Type + "." + i.Verdi }

// Utgaaende is a message to be sent.
type Utgaaende struct {
	MeldingID       string // "" = a new one; given: sending again with it is a no-op that succeeds
	AvsenderKontoID string
	MottakerKontoID string
	Type            string
	SvarPaMelding   string
	TTL             time.Duration // 0 = StandardTTL
	Headere         map[string]string
	// RaaHeadere are delivered under their names as they are, without the prefix of
	// user headers: the platform's own, for consumers that read plain AMQP.
	RaaHeadere map[string]string

	// VentetSvar is the type of reply that will confirm the message, and after it,
	// separated by spaces, those that refuse it (none: all others do). It is kept
	// beside a given MeldingID, also after the message is consumed, and never sent.
	VentetSvar string
}

// Melding is a message in a konto's queue.
type Melding struct {
	Utgaaende
	Seq             int64 // its number in the mottaker's queue, from 1
	AvsenderNavn    string
	SvarTilType     string // on system messages
	System          bool   // made by Fiks IO itself: tidsavbrudd or serverfeil
	DokumentlagerID string // payload lies there
	HarNyttelast    bool
	Storrelse       int64 // bytes of payload inline; 0 when it lies in dokumentlager
	Opprettet       time.Time
	Utloper         time.Time
	Forsok          int // failed attempts so far

	id     int64  // key of the row; 0 when it is not (any more) in a queue
	kropp  []byte // a small body
	skadet bool   // what was stored cannot be opened; only ids, type and times are known
}

// Kringkaster is the AMQP listener as this package sees it (amqp.Listener).
type Kringkaster interface {
	Notify(queue string)
	Consumers(queue string) int
	Held(queue string) []int64
	DisconnectQueue(queue string)
	Withdraw(queue string, seqs []int64, remove func(free []int64) error) error
}

// Deps are what the service stands on. All are required but HodeBare and Log.
type Deps struct {
	DB            *store.DB
	Klokke        klokke.Klokke
	Ring          *keys.Ring
	Blobs         *blob.Store
	Jobs          *jobs.Engine
	Organisasjon  *organisasjon.Service
	Dokumentlager *dokumentlager.Service
	Tilgang       auth.Autorisasjon
	Log           *slog.Logger
	// HodeBare expires messages only when they reach the head of their queue, as
	// RabbitMQ does (contract §6.5). Default: punctually, wherever they stand.
	HodeBare bool
}

// Service is Fiks IO with its rules.
type Service struct {
	Deps
	oppstart time.Time // what is older may have been handed out by a process that died
	minne    *minne    // small fresh messages on their way to a consumer

	mu      sync.Mutex
	kring   Kringkaster
	lyttere map[string]func(context.Context, *store.Tx, Melding) error
	nr      sync.Map // konto id → nr; never changes

	internLas sync.Map // konto id → *sync.Mutex: one at a time consumes it

	utlop utlopstid
}

//go:embed migrations/*.sql
var migrasjoner embed.FS

// Migrations are the room's tables.
func Migrations() store.Migrations {
	return store.Migrations{Room: "fiksio", FS: migrasjoner}
}

// New makes the service and registers its duty and its jobs with d.Jobs.
func New(_ context.Context, d Deps) (*Service, error) {
	if d.DB == nil || d.Klokke == nil || d.Ring == nil || d.Blobs == nil || d.Jobs == nil ||
		d.Organisasjon == nil || d.Dokumentlager == nil || d.Tilgang == nil {
		return nil, errors.New("fiksio: a dependency is missing")
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{Deps: d, oppstart: d.Klokke.Now(), minne: newMinne(minneMaks), kring: ingenKringkaster{},
		lyttere: map[string]func(context.Context, *store.Tx, Melding) error{}}
	s.registrerJobber()
	return s, nil
}

// Koble plugs in the listener. Before the listener starts only.
func (s *Service) Koble(k Kringkaster) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kring = k
}

func (s *Service) kringkaster() Kringkaster {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kring
}

// ingenKringkaster stands in when no listener runs: nobody consumes or holds anything.
type ingenKringkaster struct{}

func (ingenKringkaster) Notify(string)          {}
func (ingenKringkaster) Consumers(string) int   { return 0 }
func (ingenKringkaster) Held(string) []int64    { return nil }
func (ingenKringkaster) DisconnectQueue(string) {}
func (ingenKringkaster) Withdraw(_ string, seqs []int64, remove func([]int64) error) error {
	return remove(seqs)
}

const koPrefiks = "fiksio.konto."

// Ko is the name of a konto's queue.
func Ko(kontoID string) string { return koPrefiks + kontoID }

// Lytt registers the in-process consumer of an internal konto: fn is called for
// each message in the transaction that removes it, at least once, in order; an
// error leaves the message, which is tried again later, after those behind it.
// Before Start only.
func (s *Service) Lytt(kontoID string, fn func(ctx context.Context, tx *store.Tx, m Melding) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lyttere[kontoID] != nil {
		panic(fmt.Sprintf("fiksio: konto %s has a listener already", kontoID))
	}
	s.lyttere[kontoID] = fn
}

func (s *Service) lytter(kontoID string) func(context.Context, *store.Tx, Melding) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lyttere[kontoID]
}

// Apne opens the payload of a message (ciphertext for the mottaker, as it was
// sent); feil.IkkeFunnet when it has none or when it is consumed.
func (s *Service) Apne(ctx context.Context, m Melding) (io.ReadCloser, error) {
	return s.apneNyttelast(ctx, s.DB.Read(), m)
}
