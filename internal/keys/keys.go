// Package keys holds the platform's secrets: a ring of data keys (current and
// older ones) under one master key, a keyed hash for look-up, and the RSA keys
// with certificates that others encrypt to. With the database, the blobs and
// the logs but without the master key nothing can be read.
package keys

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"

	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

var errNotBuilt = errors.New("not built")

// Ring seals and opens columns and wraps the keys of blobs.
type Ring struct{}

// OpenRing loads the ring from the database, and makes one where there is none.
// master is 32 bytes from a file, the environment or a KMS.
func OpenRing(ctx context.Context, db *store.DB, k klokke.Klokke, master []byte) (*Ring, error) {
	return nil, errNotBuilt
}

// LoadOrCreateMaster reads the 32-byte master key from file (mode 0600), and
// makes a random one where there is none. For the embedded default only.
func LoadOrCreateMaster(file string) ([]byte, error) { return nil, errNotBuilt }

// Seal encrypts plain for storage. context binds it to its place (for example
// "digisos.sak.soker:" + id): Open with another context fails.
func (r *Ring) Seal(context string, plain []byte) ([]byte, error) { return nil, errNotBuilt }

// Open decrypts what Seal made, with the current or an older key.
func (r *Ring) Open(context string, sealed []byte) ([]byte, error) { return nil, errNotBuilt }

// Lookup is a keyed hash (stable over rotation of the data keys) by which a
// secret value such as a fødselsnummer can be found again. Equal value and
// purpose give equal text; nothing else can be told from it.
func (r *Ring) Lookup(purpose, value string) string { return "" }

// Rotate adds a new current data key; older ones stay for reading.
func (r *Ring) Rotate(ctx context.Context) error { return errNotBuilt }

// Formaal names what a platform key is for.
type Formaal string

// The purposes of platform keys.
const (
	Dokumentlager Formaal = "dokumentlager" // what others encrypt uploads to
	Signering     Formaal = "signering"     // what our ASiC-E containers are signed with
)

// Platformnokkel is one RSA key with its certificate.
type Platformnokkel struct {
	ID          string
	Formaal     Formaal
	Key         *rsa.PrivateKey
	Certificate *x509.Certificate
}

// Platform gives the keys of a purpose, the current one first, older ones (still
// valid for reading) after it; a first key is made (RSA-3072, ten years,
// self-signed) where there is none. The result is cached until Rotate.
func (r *Ring) Platform(ctx context.Context, formaal Formaal) ([]Platformnokkel, error) {
	return nil, errNotBuilt
}

// RotatePlatform makes a new current key for the purpose.
func (r *Ring) RotatePlatform(ctx context.Context, formaal Formaal) (Platformnokkel, error) {
	return Platformnokkel{}, errNotBuilt
}
