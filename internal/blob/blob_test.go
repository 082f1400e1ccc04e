package blob_test

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"knutepunkt/internal/blob"
	"knutepunkt/internal/blob/blobtest"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

func openDB(t testing.TB, dir string) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), filepath.Join(dir, "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func openFiles(t testing.TB, dir string) blob.Backend {
	t.Helper()
	b, err := blob.Files(filepath.Join(dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func openSegments(t testing.TB, dir string) *blob.Segments {
	t.Helper()
	s, err := blob.OpenSegments(filepath.Join(dir, "blobs", "segmenter"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func openStore(t testing.TB, dir string) (*store.DB, *blob.Store) {
	t.Helper()
	db := openDB(t, dir)
	if err := db.Migrate(t.Context(), keys.Migrations(), blob.Migrations()); err != nil {
		t.Fatal(err)
	}
	ring, err := keys.OpenRing(t.Context(), db, klokke.System{}, make([]byte, keys.MasterSize))
	if err != nil {
		t.Fatal(err)
	}
	s := blob.NewStore(db, ring, klokke.System{}, openFiles(t, dir), openSegments(t, dir))
	t.Cleanup(s.Wait)
	return db, s
}

func TestFiles(t *testing.T) {
	t.Parallel()
	blobtest.RunBackend(t, func(t *testing.T) blob.Backend { return openFiles(t, t.TempDir()) })
}

func TestStore(t *testing.T) {
	t.Parallel()
	db := func(t *testing.T) *store.DB { return openDB(t, t.TempDir()) }
	files := func(t *testing.T) blob.Backend { return openFiles(t, t.TempDir()) }
	for name, segments := range map[string]func(*testing.T) *blob.Segments{
		"in rows and files":           nil,
		"in rows, segments and files": func(t *testing.T) *blob.Segments { return openSegments(t, t.TempDir()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			blobtest.RunStore(t, db, files, segments)
		})
	}
}

func TestFilesTakesOnlyUUIDs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := openFiles(t, dir)
	for _, name := range []string{"", "x", "../0b8e7d0e-6f0c-4b53-8f2c-9a1d0f0c0b0a", "0B8E7D0E-6F0C-4B53-8F2C-9A1D0F0C0B0A",
		"{0b8e7d0e-6f0c-4b53-8f2c-9a1d0f0c0b0a}", "0b8e7d0e6f0c4b538f2c9a1d0f0c0b0a"} {
		if err := b.Put(t.Context(), name, strings.NewReader("x")); err == nil {
			t.Errorf("Put %q: no error", name)
		}
		if _, err := b.Get(t.Context(), name, 0); err == nil {
			t.Errorf("Get %q: no error", name)
		}
		if err := b.Delete(t.Context(), name); err == nil {
			t.Errorf("Delete %q: no error", name)
		}
	}
}

func TestFilesRemovesOldRemains(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	openFiles(t, dir)
	old, young := filepath.Join(dir, "blobs", "tmp", "old"), filepath.Join(dir, "blobs", "tmp", "young")
	for _, f := range []string{old, young} {
		if err := os.WriteFile(f, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(old, time.Time{}, time.Now().Add(-25*time.Hour)); err != nil {
		t.Fatal(err)
	}
	openFiles(t, dir)
	if _, err := os.Stat(old); err == nil {
		t.Error("the old one is still there")
	}
	if _, err := os.Stat(young); err != nil {
		t.Error(err)
	}
}

// A copy of the whole folder, at any time, shows nothing of what was stored.
func TestNothingReadable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, s := openStore(t, dir)
	const marker = "Ola Nordmann 29820399118"
	for _, n := range []int{1, 4_000, 100_000} { // in the row, in a segment, and as a file
		w := s.Create(t.Context())
		defer w.Discard()
		if _, err := io.WriteString(w, strings.Repeat(marker, n)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		look(t, dir, marker)
		if err := db.Write(t.Context(), func(tx *store.Tx) error { return w.Commit(t.Context(), tx) }); err != nil {
			t.Fatal(err)
		}
		look(t, dir, marker)
	}
	s.Wait()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if n := look(t, dir, marker); n < 4 {
		t.Errorf("looked into %d files only", n)
	}
}

func look(t *testing.T, dir, marker string) (files int) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		for _, part := range []string{marker, marker[:8], marker[13:]} {
			if bytes.Contains(content, []byte(part)) {
				t.Errorf("%q is readable in %s", part, e.Name())
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return files
}

// Memory does not grow with the content. Not parallel: it measures the process.
func TestBoundedMemory(t *testing.T) {
	_, s := openStore(t, t.TempDir())
	chunk := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(chunk)
	used := func(mib int) uint64 {
		w := s.Create(t.Context())
		defer w.Discard()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range mib {
			if _, err := w.Write(chunk); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	used(1)
	if small, large := used(4), used(128); large > small+8<<20 {
		t.Errorf("4 MiB allocate %d bytes, 128 MiB %d", small, large)
	}
}

func BenchmarkStore(b *testing.B) {
	for name, n := range map[string]int{"200kB": 200_000, "10MiB": 10 << 20} {
		b.Run(name, func(b *testing.B) {
			db, s := openStore(b, b.TempDir())
			content := make([]byte, n)
			ctx := context.Background()
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				w := s.Create(ctx)
				if _, err := w.Write(content); err != nil {
					b.Fatal(err)
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
				if err := db.Write(ctx, func(tx *store.Tx) error { return w.Commit(ctx, tx) }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
