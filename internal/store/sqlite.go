package store

import (
	"context"
	"database/sql"
	"errors"
)

var errNotBuilt = errors.New("not built")

// DB is the database: one writer that commits concurrent requests together,
// and a pool of readers beside it.
type DB struct{}

// Open opens (and creates) the SQLite database file at path, WAL, synchronous=FULL.
func Open(ctx context.Context, path string) (*DB, error) { return nil, errNotBuilt }

// Close waits for the running commit and closes.
func (db *DB) Close() error { return errNotBuilt }

// Migrate brings every room's tables up to date, in the order given.
func (db *DB) Migrate(ctx context.Context, rooms ...Migrations) error { return errNotBuilt }

// Read is for queries outside a transaction; it cannot write. A read that
// starts after Write returned sees what was written.
func (db *DB) Read() Queryer { return nil }

// Write runs fn in a transaction and returns when it is durable (fsynced), or
// with fn's error and nothing written. Concurrent calls share one commit, each
// under its own savepoint; fn therefore runs on the one writer: it does SQL
// and nothing slow (no network, file or crypto of more than microseconds), and
// must not call Write again. A panic in fn is returned as an error.
func (db *DB) Write(ctx context.Context, fn func(tx *Tx) error) error { return errNotBuilt }

// Tx is one caller's part of a transaction.
type Tx struct{}

// ExecContext runs a statement in the transaction; statements are prepared once and kept.
func (tx *Tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return nil, errNotBuilt
}

// QueryContext runs a query in the transaction. Close the rows before the next statement.
func (tx *Tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return nil, errNotBuilt
}

// QueryRowContext runs a query for at most one row in the transaction.
func (tx *Tx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row { return nil }

// OnCommit registers fn to run after the commit is durable, in the order of
// registration, before Write returns. It is not called when the transaction
// fails. fn must be quick and must not call Write.
func (tx *Tx) OnCommit(fn func()) {}

// IsUnique tells whether err is a violation of a unique constraint.
func IsUnique(err error) bool { return false }
