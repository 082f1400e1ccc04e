// Package blob stores content encrypted at rest under a key of its own per
// blob, which is wrapped by the key ring: small blobs in the database,
// middle-sized ones one after another in segment files, large ones as files of
// their own. What a row refers to is written and synced before the commit of the
// row; commits that come together share the sync of a segment.
//
// Content is encrypted in the DARE 2.0 format (packages of 64 KiB, AES-256-GCM),
// so that reading can begin anywhere and damage anywhere is found. No hash of
// the content is kept in clear: of a short text it would tell the text.
package blob

import (
	"context"
	"embed"
	"errors"
	"io"
	"sync"

	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

// ErrIkkeFunnet is returned for a blob that does not exist (any more).
var ErrIkkeFunnet = errors.New("blob: finnes ikke")

// ErrFinnesAllerede is returned by Backend.Put for a name that is taken.
var ErrFinnesAllerede = errors.New("blob: finnes allerede")

// Backend keeps the large encrypted blobs: a folder of files, or S3.
type Backend interface {
	// Put stores r under name durably (synced) and create-only (ErrFinnesAllerede);
	// nothing is visible on error.
	Put(ctx context.Context, name string, r io.Reader) error
	// Get opens name from offset; ErrIkkeFunnet.
	Get(ctx context.Context, name string, offset int64) (io.ReadCloser, error)
	// Delete removes name; nil when it is not there.
	Delete(ctx context.Context, name string) error
	// List calls fn with each name and when it was written (microseconds UTC).
	List(ctx context.Context, fn func(name string, written int64) error) error
}

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this room.
func Migrations() store.Migrations {
	return store.Migrations{Room: "blob", FS: migrations}
}

// Store writes and reads blobs.
type Store struct {
	db      *store.DB
	ring    *keys.Ring
	k       klokke.Klokke
	backend Backend
	seg     *Segments // nil: there are none

	mu      sync.Mutex
	writing map[string]bool // ids that Sweep must leave alone: not yet committed or discarded
	kept    int             // bytes of small blobs that wait for their commit

	buffers sync.Pool // of *bytes.Buffer, for Writers

	deletions sync.WaitGroup
	deleting  chan struct{} // bounds concurrent removals
}

// NewStore makes a store over the database, a backend for large blobs, and segments
// for those between; without them (nil) these are kept in the database.
func NewStore(db *store.DB, ring *keys.Ring, k klokke.Klokke, backend Backend, seg *Segments) *Store {
	return &Store{db: db, ring: ring, k: k, backend: backend, seg: seg,
		writing: map[string]bool{}, deleting: make(chan struct{}, 4)}
}

// Wait returns when the removals of files that committed deletions started have
// ended; call it before closing down. What was not removed, Sweep removes.
func (s *Store) Wait() { s.deletions.Wait() }
