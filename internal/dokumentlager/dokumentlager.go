// Package dokumentlager stores documents encrypted, exposes them to those they
// are granted to, and forgets them when their time is over.
package dokumentlager

import (
	"context"
	"errors"
	"io"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/store"
)

var errNotBuilt = errors.New("not built")

// Konto owns documents; it is a ressurs of type TJENESTE_DOKUMENTLAGER_KONTO.
type Konto struct {
	ID, FiksOrgID, Navn string
	Slettet             time.Time
}

// Eksponering is one grant: who may download (dokumentlager contract A2).
type Eksponering struct {
	Type        string // PERSON, ORGANISASJON, INTEGRASJON, AUTORISASJON, MATRIKKELENHET
	Fnr         string // PERSON
	Orgnr       string // ORGANISASJON
	RessursType string // ORGANISASJON, optional
	ID          string // INTEGRASJON
	Privilegium string // AUTORISASJON
	Ressurs     string // AUTORISASJON
	Matrikkel   string // MATRIKKELENHET: the JSON as sent; stored, never granted
}

// Metadata of a document. Dokumentnavn is stored sealed: a file name can name a person.
type Metadata struct {
	ID                 string // filled when ""
	KontoID            string
	Dokumentnavn       string
	Mimetype           string
	Sikkerhetsniva     int       // 3 or 4
	TilgjengeligTil    time.Time // zero: never expires
	Korrelasjonsid     string
	EksponertFor       []Eksponering
	IkkeLoggNedlasting bool
	Ukryptert          int64 // plaintext bytes; set when stored
	Kryptert           int64 // bytes as received when they came encrypted
	Opprettet          time.Time
	Slettet            time.Time // zero: alive
}

// Service stores and hands out documents.
type Service struct{}

// Opplasting is a document that has been received and stored, but does not
// exist before Commit.
type Opplasting struct{}

// Motta streams one document from r into the at-rest form. When kryptert, r is
// CMS EnvelopedData to the platform's dokumentlager key and is decrypted on the
// way; feil.Ugyldig when it is not that, or is damaged. feil.ForStor above 5 GB.
func (s *Service) Motta(ctx context.Context, r io.Reader, kryptert bool) (*Opplasting, error) {
	return nil, errNotBuilt
}

// Size is the number of plaintext bytes.
func (o *Opplasting) Size() int64 { return 0 }

// Forkast throws the content away unless it was committed. Safe to defer.
func (o *Opplasting) Forkast() {}

// Lagre makes the document exist, in tx, and schedules its expiry.
// feil.IkkeFunnet for an unknown konto, feil.Slettet for a deleted one.
func (s *Service) Lagre(ctx context.Context, tx *store.Tx, o *Opplasting, m Metadata) (Metadata, error) {
	return m, errNotBuilt
}

// Metadata finds a document's metadata; feil.IkkeFunnet. Deleted documents keep it.
func (s *Service) Metadata(ctx context.Context, id string) (Metadata, error) {
	return Metadata{}, errNotBuilt
}

// Apne opens a document's plaintext from offset, without any check of grants:
// for services that have decided themselves. feil.IkkeFunnet, feil.Slettet.
func (s *Service) Apne(ctx context.Context, id string, offset int64) (io.ReadCloser, Metadata, error) {
	return nil, Metadata{}, errNotBuilt
}

// Sjekk tells whether the caller may download (grants and security level):
// nil, feil.IngenTilgang, feil.IkkeFunnet, feil.Slettet.
func (s *Service) Sjekk(ctx context.Context, c auth.Caller, id string) (Metadata, error) {
	return Metadata{}, errNotBuilt
}

// Slett deletes the content in tx; metadata stays. Idempotent.
func (s *Service) Slett(ctx context.Context, tx *store.Tx, id string) error { return errNotBuilt }

// Flytt changes expiry and grants of a document (mellomlagring becoming part of a case).
func (s *Service) Flytt(ctx context.Context, tx *store.Tx, id string, til time.Time, eksponertFor []Eksponering) error {
	return errNotBuilt
}

// OpprettKonto makes a konto and its ressurs under the organisation's service.
func (s *Service) OpprettKonto(ctx context.Context, tx *store.Tx, k Konto) (Konto, error) {
	return k, errNotBuilt
}
