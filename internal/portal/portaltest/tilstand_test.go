package portaltest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A judge that cannot say no is none.
func TestVnuKanSiNei(t *testing.T) {
	t.Parallel()
	mappe := t.TempDir()
	for navn, html := range map[string]string{
		"god.html":  `<!doctype html><html lang="nb"><head><meta charset="utf-8"><title>En side</title></head><body><h1>En side</h1></body></html>`,
		"vond.html": `<!doctype html><html lang="nb"><head><meta charset="utf-8"><title>En side</title></head><body><h1 id="a">En</h1><p id="a"><li>x</body></html>`,
	} {
		Must(t, os.WriteFile(filepath.Join(mappe, navn), []byte(html), 0o600))
	}
	funn := vnu(t, mappe)
	if len(funn) == 0 {
		t.Fatal("nothing was found in a page with faults")
	}
	for _, f := range funn {
		if !strings.HasSuffix(f.URL, "/vond.html") {
			t.Errorf("found in %s: %s", f.URL, f.Message)
		}
	}
}
