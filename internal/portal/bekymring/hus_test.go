package bekymring_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"knutepunkt/internal/portal/portaltest"
)

// lekker searches all files of the house for words that nobody may read there.
func lekker(t *testing.T, h *portaltest.Hus, naar string, ord [][]byte) {
	t.Helper()
	n := 0
	portaltest.Must(t, filepath.WalkDir(h.Dir, func(sti string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(sti)
		if err != nil {
			return err
		}
		n += len(b)
		for _, o := range ord {
			if bytes.Contains(b, o) {
				t.Errorf("%s: %q can be read in %s", naar, o, filepath.Base(sti))
			}
		}
		return nil
	}))
	if n < 10_000 {
		t.Errorf("%d bytes were searched", n)
	}
}
