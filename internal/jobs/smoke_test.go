package jobs

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

func TestSmoke(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db, err := store.Open(ctx, filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(ctx, Migrations()); err != nil {
		t.Fatal(err)
	}
	var k klokke.Flyttbar
	e := New(db, &k, slog.Default())
	done := make(chan Job, 10)
	e.Handle("x", Options{}, func(ctx context.Context, j Job) error {
		if j.Attempt == 1 {
			return errors.New("no 12345678901")
		}
		done <- j
		return nil
	})
	add := func() {
		if err := db.Write(ctx, func(tx *store.Tx) error { return e.Enqueue(ctx, tx, Spec{Kind: "x", Arg: "a"}) }); err != nil {
			t.Fatal(err)
		}
	}
	add()
	if err := e.AdvanceTo(ctx, k.Now().Add(time.Hour), k.Sett); err != nil {
		t.Fatal(err)
	}
	t.Log(<-done)
	if err := e.Start(ctx); err != nil {
		t.Fatal(err)
	}
	add()
	t.Log(<-done)
	if err := e.Stop(ctx); err != nil {
		t.Fatal(err)
	}
}
