package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"knutepunkt/internal/app"
	"knutepunkt/internal/store"
)

func migrateUpCommand() command {
	return command{
		name: "migrate up", summary: "Bring the database's tables up to date",
		help: `
The sandbox does this by itself when it starts. Running it twice changes nothing.

Example:
  knutepunkt migrate up --dir knutepunkt-data
`,
		setup: func(fs *flag.FlagSet) action {
			dir := dirFlag(fs)
			return func(ctx context.Context, t terminal, _ []string) error {
				return withDB(ctx, *dir, func(db *store.DB) error {
					if err := db.Migrate(ctx, app.Migrations()...); err != nil {
						return err
					}
					fmt.Fprintln(t.out, "The database is up to date.")
					return nil
				})
			}
		},
	}
}

func migrateStatusCommand() command {
	return command{
		name: "migrate status", summary: "Tell which tables are behind; exits with 1 when some are",
		help: "Example:\n  knutepunkt migrate status --dir knutepunkt-data\n",
		setup: func(fs *flag.FlagSet) action {
			dir := dirFlag(fs)
			return func(ctx context.Context, t terminal, _ []string) error {
				return withDB(ctx, *dir, func(db *store.DB) error { return migrateStatus(ctx, t, db) })
			}
		},
	}
}

func withDB(ctx context.Context, dir string, do func(*store.DB) error) error {
	if err := mustExist(dir, "knutepunkt.db"); err != nil {
		return err
	}
	db, err := store.Open(ctx, filepath.Join(dir, "knutepunkt.db"))
	if err != nil {
		return err
	}
	return errors.Join(do(db), db.Close())
}

func migrateStatus(ctx context.Context, t terminal, db *store.DB) error {
	var behind []string
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ROOM\tDATABASE\tPROGRAM")
	for _, m := range app.Migrations() {
		files, err := fs.Glob(m.FS, "migrations/*.sql")
		if err != nil {
			return err
		}
		// A room that was never migrated has no version table; that is version 0.
		var at int64
		err = db.Read().QueryRowContext(ctx, `SELECT COALESCE(MAX(version_id), 0) FROM goose_`+m.Room+` WHERE is_applied = 1`).Scan(&at)
		if err != nil && !strings.Contains(err.Error(), "no such table") {
			return fmt.Errorf("reading the version of %s: %w", m.Room, err)
		}
		if at < int64(len(files)) {
			behind = append(behind, m.Room)
		}
		fmt.Fprintf(w, "%s\t%d\t%d\n", m.Room, at, len(files))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(behind) > 0 {
		return fmt.Errorf("behind: %s. Run 'knutepunkt migrate up'", strings.Join(behind, ", "))
	}
	return nil
}
