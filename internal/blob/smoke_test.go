package blob

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"testing"
	"time"

	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

func TestSmoke(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dir := t.TempDir()
	db, err := store.Open(ctx, filepath.Join(dir, "a b?.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := store.Open(ctx, filepath.Join(dir, "a b?.db")); err == nil {
		t.Fatal("opened twice")
	} else {
		t.Log(err)
	}
	start := time.Now()
	if err := db.Migrate(ctx, keys.Migrations(), Migrations()); err != nil {
		t.Fatal(err)
	}
	t.Log("migrate", time.Since(start))
	k := klokke.NyManuell(time.Now())
	ring, err := keys.OpenRing(ctx, db, k, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	start = time.Now()
	if _, err := ring.Platform(ctx, keys.Signering); err != nil {
		t.Fatal(err)
	}
	t.Log("rsa", time.Since(start))
	b, err := Files(filepath.Join(dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	s := NewStore(db, ring, k, b)
	for _, n := range []int{0, 1, 65536, 65537, 200_000, 262144 - 96, 262144, 1 << 20} {
		p := bytes.Repeat([]byte{7}, n)
		w := s.Create(ctx)
		if _, err := w.Write(p); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := db.Write(ctx, func(tx *store.Tx) error { return w.Commit(ctx, tx) }); err != nil {
			t.Fatal(err)
		}
		w.Discard()
		for _, off := range []int{0, n / 2, n} {
			r, err := s.Open(ctx, w.ID(), int64(off))
			if err != nil {
				t.Fatal(n, off, err)
			}
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, p[off:]) {
				t.Fatal(n, off, len(got), err)
			}
		}
	}
}
