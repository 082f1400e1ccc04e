// Package fiksio is Fiks IO: kontoer with a queue, a certificate and addresses;
// a katalog to find them; messages sent by REST and received over AMQP or by
// hand; receipts for messages that time out or fail three times.
package fiksio

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"time"

	"knutepunkt/internal/store"
)

var errNotBuilt = errors.New("not built")

// System message types (Fiks IO contract §7).
const (
	TypeTidsavbrudd = "no.ks.fiks.kvittering.tidsavbrudd"
	TypeServerfeil  = "no.ks.fiks.kvittering.serverfeil.v1"
)

// MaxInline is the largest payload, in bytes, that goes over AMQP itself; above
// it the payload lies in dokumentlager and only its id goes over AMQP.
const MaxInline = 5 << 20

// StandardTTL and MinTTL bound a message's time to live.
const (
	StandardTTL = 7 * 24 * time.Hour
	MinTTL      = time.Second
)

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
}

// Adresse is what look-up finds a konto by.
type Adresse struct {
	ID, KontoID, Beskrivelse string
	Aktiv                    bool
	Identifikatorer          []Identifikator
	Protokoller              []string
	Nivaer                   []int
	Opprettet, SistEndret    time.Time
}

// Identifikator is ORG_NO or NAVENHET_ID with digits.
type Identifikator struct {
	Type  string `json:"identifikatorType"`
	Verdi string `json:"identifikator"`
}

// Utgaaende is a message to be sent.
type Utgaaende struct {
	MeldingID       string // "" = a new one; given: sending again with it is a no-op that succeeds
	AvsenderKontoID string
	MottakerKontoID string
	Type            string
	SvarPaMelding   string
	TTL             time.Duration // 0 = StandardTTL
	Headere         map[string]string
}

// Melding is a message in a konto's queue.
type Melding struct {
	Utgaaende
	Seq             int64
	AvsenderNavn    string
	SvarTilType     string // on system messages
	DokumentlagerID string // payload lies there
	HarNyttelast    bool
	Opprettet       time.Time
	Utloper         time.Time
	Forsok          int // failed attempts so far
}

// Nyttelast is a payload that was received and stored but not yet sent.
type Nyttelast struct{}

// Forkast throws it away unless it was sent. Safe to defer.
func (n *Nyttelast) Forkast() {}

// Size in bytes.
func (n *Nyttelast) Size() int64 { return 0 }

// Service is Fiks IO with its rules.
type Service struct{}

// Motta streams a payload (an encrypted ASiC-E) in, at rest encrypted once more:
// up to MaxInline it stays inline, above it goes to dokumentlager.
func (s *Service) Motta(ctx context.Context, r io.Reader) (*Nyttelast, error) {
	return nil, errNotBuilt
}

// Send puts a message into the mottaker's queue in tx; a waiting consumer gets it
// the moment tx commits. n may be nil. feil.Ugyldig (unknown or inactive konto,
// bad ttl, sender not accepted), feil.IkkeFunnet.
func (s *Service) Send(ctx context.Context, tx *store.Tx, u Utgaaende, n *Nyttelast) (Melding, error) {
	return Melding{}, errNotBuilt
}

// Konto finds a konto; feil.IkkeFunnet.
func (s *Service) Konto(ctx context.Context, id string) (Konto, error) { return Konto{}, errNotBuilt }

// Sertifikat gives the certificate to encrypt to; feil.IkkeFunnet when none is set.
func (s *Service) Sertifikat(ctx context.Context, kontoID string) (*x509.Certificate, error) {
	return nil, errNotBuilt
}

// SlaOpp finds the one active konto with an active address for identifikator
// ("ORG_NO.123456789"), protokoll and nivå; feil.IkkeFunnet.
func (s *Service) SlaOpp(ctx context.Context, identifikator, protokoll string, niva int) (Konto, error) {
	return Konto{}, errNotBuilt
}

// StotterProtokoll tells whether an active address of the konto carries the protocol.
func (s *Service) StotterProtokoll(ctx context.Context, kontoID, protokoll string) (bool, error) {
	return false, errNotBuilt
}

// OpprettKonto makes a konto, its ressurs and its dokumentlager konto. cert may be nil (DER otherwise).
func (s *Service) OpprettKonto(ctx context.Context, tx *store.Tx, k Konto) (Konto, error) {
	return k, errNotBuilt
}

// OpprettAdresse makes an address, and activates it when a.Aktiv; feil.Ugyldig on conflict.
func (s *Service) OpprettAdresse(ctx context.Context, tx *store.Tx, a Adresse) (Adresse, error) {
	return a, errNotBuilt
}

// Lytt registers the in-process consumer of an internal konto: fn is called for
// each message in the transaction that removes it, at least once, in order; an
// error leaves the message and is retried. Before Start only.
func (s *Service) Lytt(kontoID string, fn func(ctx context.Context, tx *store.Tx, m Melding) error) {}
