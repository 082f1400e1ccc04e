// Package store is the platform's SQL database: SQLite with group commit when
// embedded, and the seam that PostgreSQL fills when scaled out. Rooms own their
// tables and their SQL; this package owns handles, transactions, migrations and
// the few things in which engines differ.
//
// Rules that keep one text for both engines: $n placeholders; ids as text
// (UUID, lower case); times as bigint microseconds UTC (Micros, Time); bool as
// integer 0/1; JSON as text that is never queried inside; ON CONFLICT and
// RETURNING are allowed, the order of RETURNING is not relied upon. Content is
// bytea. Write LIMIT with a number or as "LIMIT $n + 0": for a bare "LIMIT $n"
// SQLite compiles the statement anew at every run, which costs more than
// running it.
package store

import (
	"context"
	"database/sql"
	"io/fs"
	"time"
)

// Queryer is what a room's SQL needs; *Tx and the value of DB.Read satisfy it,
// so the same function serves inside and outside a transaction.
type Queryer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Migrations are the numbered goose files (0001_name.sql, …) of one room.
// Each room counts on its own, in a version table of its own.
type Migrations struct {
	Room string
	FS   fs.FS // holds them in its folder migrations, as a room embeds it
}

// Micros is how a time is stored: microseconds since 1970, UTC; 0 for the zero time.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Time reads what Micros wrote.
func Time(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
