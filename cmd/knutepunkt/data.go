package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"knutepunkt/internal/app"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

const defaultDir = "knutepunkt-data"

// masterFile is where the sandbox keeps its master key, below its folder.
const masterFile = "keys/master.key"

func dirFlag(fs *flag.FlagSet) *string {
	return fs.String("dir", defaultDir, "the data `DIR` of a platform that is stopped")
}

// withRing opens the database and the keys under dir, which must be there
// already, for do, and closes them.
func withRing(ctx context.Context, dir string, do func(*store.DB, *keys.Ring) error) error {
	if err := mustExist(dir, "knutepunkt.db", masterFile); err != nil {
		return err
	}
	master, err := keys.LoadOrCreateMaster(filepath.Join(dir, masterFile))
	if err != nil {
		return err
	}
	db, ring, err := app.Grunnlag(ctx, dir, master, klokke.System{})
	if err != nil {
		return err
	}
	return errors.Join(do(db, ring), db.Close())
}

// mustExist keeps a mistyped folder from becoming a new, empty platform.
func mustExist(dir string, files ...string) error {
	for _, file := range files {
		if _, err := os.Stat(filepath.Join(dir, file)); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is not the data folder of a platform: there is no %s in it", dir, file)
		} else if err != nil {
			return fmt.Errorf("looking at the data folder: %w", err)
		}
	}
	return nil
}
