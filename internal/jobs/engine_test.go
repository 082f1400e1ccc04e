package jobs_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"knutepunkt/internal/jobs"
	"knutepunkt/internal/jobs/jobstest"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

func open(t testing.TB) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), filepath.Join(t.TempDir(), "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	jobstest.Run(t, func(t *testing.T) *store.DB { return open(t) })
}

// The sandbox's clock runs on by itself while it is moved.
func TestRunningClock(t *testing.T) {
	t.Parallel()
	db := open(t)
	if err := db.Migrate(t.Context(), jobs.Migrations()); err != nil {
		t.Fatal(err)
	}
	var k klokke.Flyttbar
	e := jobs.New(db, &k, slog.New(slog.DiscardHandler))
	begin := k.Now()
	var got []time.Duration
	enqueue := func(s jobs.Spec) error {
		return db.Write(t.Context(), func(tx *store.Tx) error { return e.Enqueue(t.Context(), tx, s) })
	}
	e.Handle("a", jobs.Options{}, func(ctx context.Context, j jobs.Job) error {
		got = append(got, k.Now().Sub(begin).Round(time.Hour))
		if j.Arg == "last" {
			return enqueue(jobs.Spec{Kind: "a", Arg: "made by the last"}) // due at once, a little after the target
		}
		return nil
	})
	for _, s := range []jobs.Spec{{RunAt: begin.Add(48 * time.Hour), Arg: "last"}, {RunAt: begin.Add(24 * time.Hour)}, {RunAt: begin.Add(50 * time.Hour)}} {
		s.Kind = "a"
		if err := enqueue(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := e.AdvanceTo(t.Context(), begin.Add(48*time.Hour), k.Sett); err != nil {
		t.Fatal(err)
	}
	if err := e.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := []time.Duration{24 * time.Hour, 48 * time.Hour, 48 * time.Hour}; !slices.Equal(got, want) {
		t.Errorf("ran at %v, want %v", got, want)
	}
}

// BenchmarkJobs: from enqueueing to done, in jobs per second, and the time from
// the commit of one job to its start.
func BenchmarkJobs(b *testing.B) {
	for _, writers := range []int{1, 16} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			ctx := context.Background()
			db := open(b)
			if err := db.Migrate(ctx, jobs.Migrations()); err != nil {
				b.Fatal(err)
			}
			e := jobs.New(db, klokke.System{}, slog.New(slog.DiscardHandler))
			var mu sync.Mutex
			var waits []time.Duration
			var done sync.WaitGroup
			done.Add(b.N)
			e.Handle("a", jobs.Options{Concurrency: 16}, func(ctx context.Context, j jobs.Job) error {
				w := time.Since(j.RunAt)
				mu.Lock()
				waits = append(waits, w)
				mu.Unlock()
				done.Done()
				return nil
			})
			if err := e.Start(ctx); err != nil {
				b.Fatal(err)
			}
			b.ResetTimer()
			work := make(chan bool)
			for range writers {
				go func() {
					for range work {
						if err := db.Write(ctx, func(tx *store.Tx) error { return e.Enqueue(ctx, tx, jobs.Spec{Kind: "a"}) }); err != nil {
							b.Error(err)
						}
					}
				}()
			}
			for range b.N {
				work <- true
			}
			close(work)
			done.Wait()
			b.StopTimer()
			if err := e.Stop(ctx); err != nil {
				b.Fatal(err)
			}
			slices.Sort(waits)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
			b.ReportMetric(float64(waits[len(waits)/2].Microseconds()), "p50-µs-to-start")
			b.ReportMetric(float64(waits[len(waits)*99/100].Microseconds()), "p99-µs-to-start")
		})
	}
}
