// Package blob stores content encrypted at rest under a key of its own per
// blob, which is wrapped by the key ring: small blobs in the database (one
// commit, one fsync), larger ones as files, written and synced before the
// commit that refers to them.
package blob

import (
	"context"
	"errors"
	"io"

	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

var errNotBuilt = errors.New("not built")

// ErrIkkeFunnet is returned for a blob that does not exist (any more).
var ErrIkkeFunnet = errors.New("blob: finnes ikke")

// Backend keeps the large encrypted blobs: a folder of files, or S3.
type Backend interface {
	// Put stores r under name durably (synced) and create-only; nothing is visible on error.
	Put(ctx context.Context, name string, r io.Reader) error
	// Get opens name from offset; ErrIkkeFunnet.
	Get(ctx context.Context, name string, offset int64) (io.ReadCloser, error)
	// Delete removes name; nil when it is not there.
	Delete(ctx context.Context, name string) error
	// List calls fn with each name and when it was written.
	List(ctx context.Context, fn func(name string, written int64) error) error
}

// Store writes and reads blobs.
type Store struct{}

// NewStore makes a store over the database and a backend for large blobs.
func NewStore(db *store.DB, ring *keys.Ring, k klokke.Klokke, backend Backend) *Store { return nil }

// Files is the Backend in a folder: temporary name, fsync, rename, fsync of the folder.
func Files(dir string) (Backend, error) { return nil, errNotBuilt }

// Writer takes the plaintext of one blob. Memory is bounded whatever the size.
type Writer struct{}

// Create starts a blob. Call Close then Commit, or Discard.
func (s *Store) Create(ctx context.Context) *Writer { return nil }

// ID is the blob's id (UUID), known from the start.
func (w *Writer) ID() string { return "" }

// Write takes plaintext.
func (w *Writer) Write(p []byte) (int, error) { return 0, errNotBuilt }

// Close ends the content and makes a large blob durable. It does not make the
// blob visible: that is Commit.
func (w *Writer) Close() error { return errNotBuilt }

// Size is the number of plaintext bytes, valid after Close.
func (w *Writer) Size() int64 { return 0 }

// SHA256 of the plaintext, valid after Close.
func (w *Writer) SHA256() [32]byte { return [32]byte{} }

// Commit writes the blob's row in tx; the blob exists when tx commits.
func (w *Writer) Commit(ctx context.Context, tx *store.Tx) error { return errNotBuilt }

// Discard throws away what was written and not committed. Safe after Commit
// succeeded in a transaction that committed (then it does nothing), so it can be deferred.
func (w *Writer) Discard() {}

// Open reads a blob's plaintext from offset; ErrIkkeFunnet. Damage is an error, never wrong bytes.
func (s *Store) Open(ctx context.Context, id string, offset int64) (io.ReadCloser, error) {
	return nil, errNotBuilt
}

// Size tells the plaintext size in bytes; ErrIkkeFunnet.
func (s *Store) Size(ctx context.Context, id string) (int64, error) { return 0, errNotBuilt }

// Delete removes a blob in tx; its file goes after the commit, and its key at once.
func (s *Store) Delete(ctx context.Context, tx *store.Tx, id string) error { return errNotBuilt }

// Sweep removes large blobs that no row refers to and that are older than a
// day (crash leftovers). It is idempotent; the number removed is returned.
func (s *Store) Sweep(ctx context.Context) (int, error) { return 0, errNotBuilt }
