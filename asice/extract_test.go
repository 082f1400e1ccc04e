package asice_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"knutepunkt/asice"
)

func TestExtract(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	dir := filepath.Join(parent, "melding")
	container := pack(t, rsaIdentity(), someFiles)
	report, err := asice.Extract(bytes.NewReader(container), dir, asice.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Files) != len(someFiles) {
		t.Errorf("%d files", len(report.Files))
	}
	for _, f := range someFiles {
		got, err := os.ReadFile(filepath.Join(dir, f.Name))
		if err != nil || !bytes.Equal(got, f.Content) {
			t.Errorf("%s: %v", f.Name, err)
		}
		if info, err := os.Stat(filepath.Join(dir, f.Name)); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: mode %v, %v", f.Name, info.Mode(), err)
		}
	}
	if _, err := asice.Extract(bytes.NewReader(container), dir, asice.Options{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("onto an existing directory: %v", err)
	}
	onlyEntry(t, parent, "melding")
}

func TestExtractFolders(t *testing.T) {
	t.Parallel()
	file := rawEntry{name: "mappe/under/a.txt", content: "a"}
	b := rawZip(t, mimetypeEntry, file, rawEntry{name: manifestEntry, content: manifestOf("", "", file)})
	dir := filepath.Join(t.TempDir(), "ut")
	if _, err := asice.Extract(bytes.NewReader(b), dir, asice.Options{AllowUnsigned: true}); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "mappe", "under", "a.txt")); err != nil || string(got) != "a" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestExtractLeavesNothing: not one byte of a container that does not verify
// stays on disk.
func TestExtractLeavesNothing(t *testing.T) {
	t.Parallel()
	entries := unzip(t, pack(t, rsaIdentity(), someFiles))
	entries[2].content += "x"
	parent := t.TempDir()
	_, err := asice.Extract(bytes.NewReader(rawZip(t, entries...)), filepath.Join(parent, "melding"), asice.Options{})
	if !errors.Is(err, asice.ErrDigest) {
		t.Errorf("got %v", err)
	}
	onlyEntry(t, parent, "")
}

func onlyEntry(t *testing.T, dir, want string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != want {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}
