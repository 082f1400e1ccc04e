// Package jobstest is what the job engine must hold on every database.
package jobstest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/jobs"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

// Run runs the suite; open gives an empty database that is closed with the test.
func Run(t *testing.T, open func(t *testing.T) *store.DB) {
	for name, test := range map[string]func(*testing.T, *bench){
		"deadlines fire in order, jobs and duties":             testOrder,
		"what work makes due is done before the next step":     testChain,
		"failing work is retried at its own time":              testRetry,
		"a job dies after its attempts, and is told of":        testDead,
		"a death that cannot be told is not forgotten":         testDeadFails,
		"a dead job can be tried again":                        testRetryDead,
		"snoozing counts no attempt":                           testSnooze,
		"a key has one waiting job, which moves":               testKeyMoves,
		"enqueued while running: runs again, after":            testKeyWhileRunning,
		"enqueued anew while failing: one job remains":         testKeyWhileFailing,
		"cancel removes the waiting job":                       testCancel,
		"nothing comes of a transaction that fails":            testRollback,
		"a kind without worker is refused":                     testUnknownKind,
		"a crash in the middle: the job runs again":            testCrash,
		"a panic is a failure":                                 testPanic,
		"errors are kept without long digit strings":           testMasked,
		"endless work is stopped":                              testEndless,
		"a stuck duty is slowed, a failing one retried":        testDuties,
		"the background starts work at once":                   testBackground,
		"the background fires when the clock was moved":        testBackgroundAdvance,
		"AdvanceTo beside the background keeps order":          testAdvanceBeside,
		"as many as allowed run at once, each job once":        testConcurrency,
		"a kind that is busy does not hold up another":         testBusyKind,
		"a run that takes too long is ended":                   testTimeout,
		"Stop lets work end":                                   testStopWaits,
		"Stop gives up in time, and the work is done again":    testStopGivesUp,
		"an engine that was stopped can start again":           testStartAgain,
		"Wake makes the background look at a duty":             testWake,
		"a duty in the background fires after the clock moved": testDutyBackground,
		"counts by kind":                                       testStats,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			if err := db.Migrate(t.Context(), jobs.Migrations()); err != nil {
				t.Fatal(err)
			}
			test(t, newBench(t, db))
		})
	}
}

var start = time.Date(2026, 6, 10, 8, 0, 0, 0, time.UTC)

// bench is an engine on a clock that stands still, and a log of what it did.
type bench struct {
	t   *testing.T
	db  *store.DB
	k   *klokke.Manuell
	e   *jobs.Engine
	mu  sync.Mutex
	did []string
}

func newBench(t *testing.T, db *store.DB) *bench {
	b := &bench{t: t, db: db, k: klokke.NyManuell(start)}
	b.e = b.engine()
	return b
}

func (b *bench) engine() *jobs.Engine {
	e := jobs.New(b.db, b.k, slog.New(slog.NewTextHandler(b.t.Output(), nil)))
	b.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = e.Stop(ctx)
	})
	return e
}

// note logs what happened, and when on the clock.
func (b *bench) note(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.did = append(b.did, fmt.Sprintf("%s ", b.k.Now().Sub(start))+fmt.Sprintf(format, args...))
}

func (b *bench) want(want ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if d := cmp.Diff(want, b.did); d != "" {
		b.t.Errorf("what happened (-want +got):\n%s", d)
	}
}

func (b *bench) noting(ctx context.Context, j jobs.Job) error {
	b.note("%s %d", j.Arg, j.Attempt)
	return nil
}

func (b *bench) add(specs ...jobs.Spec) {
	b.t.Helper()
	if err := b.db.Write(b.t.Context(), func(tx *store.Tx) error {
		for _, s := range specs {
			if err := b.e.Enqueue(b.t.Context(), tx, s); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) advance(d time.Duration) {
	b.t.Helper()
	if err := b.e.AdvanceTo(b.t.Context(), b.k.Now().Add(d), b.k.Sett); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) start() {
	b.t.Helper()
	if err := b.e.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) count() (n int) {
	b.t.Helper()
	if err := b.db.Read().QueryRowContext(b.t.Context(), `SELECT COUNT(*) FROM jobs`).Scan(&n); err != nil {
		b.t.Fatal(err)
	}
	return n
}

// within fails the test when c is silent for long.
func within[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(20 * time.Second):
		t.Fatal("waited in vain")
	}
	return v
}

func at(d time.Duration) time.Time { return start.Add(d) }

func fixed(d time.Duration) func(int) time.Duration { return func(int) time.Duration { return d } }

// list is a duty over times in memory.
type list struct {
	mu    sync.Mutex
	times []time.Time
}

func (l *list) duty(name string, done func(t time.Time)) jobs.Duty {
	return jobs.Duty{Name: name,
		Next: func(context.Context) (time.Time, error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			if len(l.times) == 0 {
				return time.Time{}, nil
			}
			return slices.MinFunc(l.times, time.Time.Compare), nil
		},
		RunOnce: func(_ context.Context, now time.Time) error {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.times = slices.DeleteFunc(l.times, func(t time.Time) bool {
				if t.After(now) {
					return false
				}
				done(t)
				return true
			})
			return nil
		}}
}

func (l *list) add(t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.times = append(l.times, t)
}

func testOrder(t *testing.T, b *bench) {
	l := &list{times: []time.Time{at(90 * time.Minute), at(3 * time.Hour), at(30 * time.Hour)}}
	b.e.Handle("a", jobs.Options{}, b.noting)
	b.e.Handle("b", jobs.Options{}, b.noting)
	b.e.AddDuty(l.duty("l", func(t time.Time) { b.note("duty of %s", t.Sub(start)) }))
	b.add(jobs.Spec{Kind: "a", Arg: "third", RunAt: at(3 * time.Hour)},
		jobs.Spec{Kind: "b", Arg: "first", RunAt: at(time.Hour)},
		jobs.Spec{Kind: "b", Arg: "fourth", RunAt: at(3 * time.Hour)},
		jobs.Spec{Kind: "a", Arg: "second", RunAt: at(2 * time.Hour)},
		jobs.Spec{Kind: "a", Arg: "overdue", RunAt: at(-time.Hour)},
		jobs.Spec{Kind: "a", Arg: "late", RunAt: at(24*time.Hour + time.Microsecond)},
		jobs.Spec{Kind: "a", Arg: "at the end", RunAt: at(24 * time.Hour)})
	b.advance(24 * time.Hour)
	b.want("0s overdue 1", "1h0m0s first 1", "1h30m0s duty of 1h30m0s", "2h0m0s second 1",
		"3h0m0s third 1", "3h0m0s fourth 1", "3h0m0s duty of 3h0m0s", "24h0m0s at the end 1")
	if !b.k.Now().Equal(at(24 * time.Hour)) {
		t.Errorf("the clock is at %s", b.k.Now())
	}
	if n := b.count(); n != 1 {
		t.Errorf("%d jobs are left, want 1", n)
	}
}

func testChain(t *testing.T, b *bench) {
	l := &list{}
	b.e.Handle("a", jobs.Options{}, func(ctx context.Context, j jobs.Job) error {
		b.note("a %s", j.Arg)
		if len(j.Arg) < 3 {
			b.add(jobs.Spec{Kind: "a", Arg: j.Arg + "+"})
		}
		l.add(b.k.Now())
		return nil
	})
	b.e.AddDuty(l.duty("l", func(time.Time) { b.note("duty") }))
	b.add(jobs.Spec{Kind: "a", Arg: "x", RunAt: at(time.Hour)}, jobs.Spec{Kind: "a", Arg: "yyy", RunAt: at(2 * time.Hour)})
	b.advance(3 * time.Hour)
	b.want("1h0m0s a x", "1h0m0s a x+", "1h0m0s a x++", "1h0m0s duty", "1h0m0s duty", "1h0m0s duty", "2h0m0s a yyy", "2h0m0s duty")
	b.add(jobs.Spec{Kind: "a", Arg: "now"})
	if err := b.e.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.want("1h0m0s a x", "1h0m0s a x+", "1h0m0s a x++", "1h0m0s duty", "1h0m0s duty", "1h0m0s duty", "2h0m0s a yyy", "2h0m0s duty",
		"3h0m0s a now", "3h0m0s duty")
}

func testRetry(t *testing.T, b *bench) {
	b.e.Handle("a", jobs.Options{Backoff: func(n int) time.Duration { return time.Duration(n) * time.Minute }},
		func(ctx context.Context, j jobs.Job) error {
			b.note("%s %d %q", j.Arg, j.Attempt, j.LastError)
			if j.Arg == "bad" && j.Attempt < 4 {
				return fmt.Errorf("no %d", j.Attempt)
			}
			return nil
		})
	b.add(jobs.Spec{Kind: "a", Arg: "bad"}, jobs.Spec{Kind: "a", Arg: "good", RunAt: at(2 * time.Minute)})
	b.advance(5 * time.Minute)
	b.want(`0s bad 1 ""`, `1m0s bad 2 "no 1"`, `2m0s good 1 ""`, `3m0s bad 3 "no 2"`)
	b.advance(time.Hour)
	b.want(`0s bad 1 ""`, `1m0s bad 2 "no 1"`, `2m0s good 1 ""`, `3m0s bad 3 "no 2"`, `6m0s bad 4 "no 3"`)
	if n := b.count(); n != 0 {
		t.Errorf("%d jobs are left", n)
	}
}

func testDead(t *testing.T, b *bench) {
	b.e.Handle("a", jobs.Options{MaxAttempts: 3, Backoff: fixed(time.Minute),
		Dead: func(ctx context.Context, tx *store.Tx, j jobs.Job, last error) error {
			b.note("dead %s %d %v", j.Arg, j.Attempt, last)
			return b.e.Enqueue(ctx, tx, jobs.Spec{Kind: "alarm", Arg: j.Arg})
		}}, func(context.Context, jobs.Job) error { return errors.New("never") })
	b.e.Handle("alarm", jobs.Options{}, b.noting)
	b.add(jobs.Spec{Kind: "a", Arg: "x"})
	b.advance(time.Hour)
	b.want("2m0s dead x 3 never", "2m0s x 1")
	dead, err := b.e.Dead(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(dead) != 1 || dead[0].Arg != "x" || dead[0].Attempt != 3 || dead[0].LastError != "never" {
		t.Errorf("the dead: %+v", dead)
	}
}

func testDeadFails(t *testing.T, b *bench) {
	var told int
	b.e.Handle("a", jobs.Options{MaxAttempts: 1, Backoff: fixed(time.Minute),
		Dead: func(ctx context.Context, tx *store.Tx, j jobs.Job, last error) error {
			if told++; told < 3 {
				return errors.New("cannot tell")
			}
			b.note("told")
			return nil
		}}, func(context.Context, jobs.Job) error { b.note("run"); return errors.New("never") })
	b.add(jobs.Spec{Kind: "a", Arg: "x"})
	b.advance(time.Hour)
	b.want("0s run", "1m0s run", "2m0s run", "2m0s told")
	if dead, err := b.e.Dead(t.Context(), 10); err != nil || len(dead) != 1 {
		t.Errorf("the dead: %+v, %v", dead, err)
	}
}

func testRetryDead(t *testing.T, b *bench) {
	broken := true
	b.e.Handle("a", jobs.Options{MaxAttempts: 1}, func(ctx context.Context, j jobs.Job) error {
		if broken {
			return errors.New("broken")
		}
		return b.noting(ctx, j)
	})
	b.add(jobs.Spec{Kind: "a", Arg: "x"})
	b.advance(0)
	dead, err := b.e.Dead(t.Context(), 10)
	if err != nil || len(dead) != 1 {
		t.Fatalf("the dead: %+v, %v", dead, err)
	}
	broken = false
	for _, want := range []bool{true, false} {
		if err := b.db.Write(t.Context(), func(tx *store.Tx) error {
			ok, err := b.e.Retry(t.Context(), tx, dead[0].ID)
			if ok != want {
				t.Errorf("Retry is %v, want %v", ok, want)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		b.advance(0)
	}
	b.want("0s x 1")
}

func testSnooze(t *testing.T, b *bench) {
	runs := 0
	b.e.Handle("a", jobs.Options{MaxAttempts: 2}, func(ctx context.Context, j jobs.Job) error {
		b.note("%d", j.Attempt)
		if runs++; runs <= 5 {
			return fmt.Errorf("later: %w", jobs.Snooze(time.Minute))
		}
		return nil
	})
	b.add(jobs.Spec{Kind: "a"})
	b.advance(time.Hour)
	b.want("0s 1", "1m0s 1", "2m0s 1", "3m0s 1", "4m0s 1", "5m0s 1")
	if n := b.count(); n != 0 {
		t.Errorf("%d jobs are left", n)
	}
}

func testKeyMoves(t *testing.T, b *bench) {
	b.e.Handle("a", jobs.Options{}, b.noting)
	b.e.Handle("b", jobs.Options{}, b.noting)
	b.add(jobs.Spec{Kind: "a", Key: "k", Arg: "first", RunAt: at(time.Hour)},
		jobs.Spec{Kind: "b", Key: "k", Arg: "other kind", RunAt: at(time.Hour)},
		jobs.Spec{Kind: "a", Key: "l", Arg: "other key", RunAt: at(time.Hour)},
		jobs.Spec{Kind: "a", Arg: "no key", RunAt: at(time.Hour)},
		jobs.Spec{Kind: "a", Arg: "no key", RunAt: at(time.Hour)})
	b.add(jobs.Spec{Kind: "a", Key: "k", Arg: "moved", RunAt: at(2 * time.Hour)},
		jobs.Spec{Kind: "a", Key: "l", Arg: "sooner", RunAt: at(time.Minute)})
	b.add(jobs.Spec{Kind: "a", Key: "m", Arg: "early", RunAt: at(time.Second)},
		jobs.Spec{Kind: "a", Key: "n", Arg: "late", RunAt: at(2 * time.Minute)})
	b.add(jobs.Spec{Kind: "a", Key: "m", Arg: "keeps", RunAt: at(time.Hour), Tidligst: true},
		jobs.Spec{Kind: "a", Key: "n", Arg: "moves", RunAt: at(2 * time.Second), Tidligst: true})
	b.advance(3 * time.Hour)
	b.want("1s keeps 1", "2s moves 1", "1m0s sooner 1", "1h0m0s other kind 1", "1h0m0s no key 1", "1h0m0s no key 1", "2h0m0s moved 1")
}

func testKeyWhileRunning(t *testing.T, b *bench) {
	begun, goOn, done := make(chan string), make(chan bool), make(chan bool, 2)
	var of atomic.Int32
	b.e.Handle("a", jobs.Options{Concurrency: 4}, func(ctx context.Context, j jobs.Job) error {
		if j.Key == "k" && of.Add(1) > 1 {
			t.Error("two jobs of one key at once")
		}
		begun <- j.Arg
		<-goOn
		if j.Key == "k" {
			of.Add(-1)
		}
		done <- true
		return nil
	})
	b.start()
	b.add(jobs.Spec{Kind: "a", Key: "k", Arg: "one"})
	if got := within(t, begun); got != "one" {
		t.Errorf("got %s", got)
	}
	b.add(jobs.Spec{Kind: "a", Key: "k", Arg: "two"})
	b.add(jobs.Spec{Kind: "a", Key: "k", Arg: "three"})
	b.add(jobs.Spec{Kind: "a", Key: "another", Arg: "beside"})
	if got := within(t, begun); got != "beside" {
		t.Errorf("got %s", got)
	}
	goOn <- true
	goOn <- true
	if got := within(t, begun); got != "three" {
		t.Errorf("got %s", got)
	}
	goOn <- true
	for range 3 {
		within(t, done)
	}
}

func testKeyWhileFailing(t *testing.T, b *bench) {
	b.e.Handle("a", jobs.Options{Backoff: fixed(time.Minute)}, func(ctx context.Context, j jobs.Job) error {
		b.note("%s %d", j.Arg, j.Attempt)
		if j.Arg == "old" {
			b.add(jobs.Spec{Kind: "a", Key: "k", Arg: "new", RunAt: at(time.Hour)})
			return errors.New("failed")
		}
		return nil
	})
	b.add(jobs.Spec{Kind: "a", Key: "k", Arg: "old"})
	b.advance(2 * time.Hour)
	b.want("0s old 1", "1h0m0s new 1")
	if n := b.count(); n != 0 {
		t.Errorf("%d jobs are left", n)
	}
}

func testCancel(t *testing.T, b *bench) {
	b.e.Handle("a", jobs.Options{}, b.noting)
	b.add(jobs.Spec{Kind: "a", Key: "k", Arg: "cancelled"}, jobs.Spec{Kind: "a", Key: "l", Arg: "other"}, jobs.Spec{Kind: "a", Arg: "no key"})
	if err := b.db.Write(t.Context(), func(tx *store.Tx) error {
		return errors.Join(b.e.Cancel(t.Context(), tx, "a", "k"), b.e.Cancel(t.Context(), tx, "a", "nobody"), b.e.Cancel(t.Context(), tx, "a", ""))
	}); err != nil {
		t.Fatal(err)
	}
	b.advance(0)
	b.want("0s other 1", "0s no key 1")
}

func testRollback(t *testing.T, b *bench) {
	b.e.Handle("a", jobs.Options{}, b.noting)
	no := errors.New("no")
	if err := b.db.Write(t.Context(), func(tx *store.Tx) error {
		return errors.Join(b.e.Enqueue(t.Context(), tx, jobs.Spec{Kind: "a", Arg: "x"}), no)
	}); !errors.Is(err, no) {
		t.Fatal(err)
	}
	b.advance(time.Hour)
	b.want()
}

func testUnknownKind(t *testing.T, b *bench) {
	err := b.db.Write(t.Context(), func(tx *store.Tx) error { return b.e.Enqueue(t.Context(), tx, jobs.Spec{Kind: "nobody"}) })
	if err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("got %v", err)
	}
}

func testCrash(t *testing.T, b *bench) {
	begun, never := make(chan bool), make(chan bool)
	t.Cleanup(func() { close(never) })
	b.e.Handle("a", jobs.Options{}, func(ctx context.Context, j jobs.Job) error {
		begun <- true
		<-never
		return errors.New("this process is dead")
	})
	b.start()
	b.add(jobs.Spec{Kind: "a", Key: "k", Arg: "x"})
	within(t, begun)

	// Another process on the same table; the first never comes back.
	b.e = b.engine()
	done := make(chan jobs.Job, 1)
	b.e.Handle("a", jobs.Options{}, func(ctx context.Context, j jobs.Job) error { done <- j; return nil })
	b.start()
	if j := within(t, done); j.Arg != "x" || j.Attempt != 2 {
		t.Errorf("got %+v", j)
	}
}

func testPanic(t *testing.T, b *bench) {
	b.e.Handle("a", jobs.Options{Backoff: fixed(time.Minute)}, func(ctx context.Context, j jobs.Job) error {
		b.note("%d %s", j.Attempt, j.LastError)
		if j.Attempt == 1 {
			panic("oh")
		}
		return nil
	})
	b.add(jobs.Spec{Kind: "a"})
	b.advance(time.Hour)
	b.want("0s 1 ", "1m0s 2 panic: oh")
}

func testMasked(t *testing.T, b *bench) {
	b.e.Handle("a", jobs.Options{MaxAttempts: 1}, func(context.Context, jobs.Job) error {
		return errors.New("no person 29820399118 here" + strings.Repeat("x", 10_000))
	})
	b.add(jobs.Spec{Kind: "a"})
	b.advance(0)
	dead, err := b.e.Dead(t.Context(), 1)
	if err != nil || len(dead) != 1 {
		t.Fatalf("got %+v, %v", dead, err)
	}
	if s := dead[0].LastError; strings.Contains(s, "29820399118") || !strings.HasPrefix(s, "no person … here") || len(s) > 600 {
		t.Errorf("kept %q", s)
	}
}

func testEndless(t *testing.T, b *bench) {
	b.e.Handle("a", jobs.Options{}, func(context.Context, jobs.Job) error { b.add(jobs.Spec{Kind: "a", Arg: "again"}); return nil })
	b.add(jobs.Spec{Kind: "a", Arg: "again"})
	if err := b.e.AdvanceTo(t.Context(), at(time.Hour), b.k.Sett); !errors.Is(err, jobs.ErrEndless) {
		t.Errorf("AdvanceTo: got %v", err)
	}
	if err := b.e.RunDue(t.Context()); !errors.Is(err, jobs.ErrEndless) {
		t.Errorf("RunDue: got %v", err)
	}
}

func testDuties(t *testing.T, b *bench) {
	stuck, failing := 0, 0
	b.e.AddDuty(jobs.Duty{Name: "stuck",
		Next:    func(context.Context) (time.Time, error) { return at(time.Minute), nil },
		RunOnce: func(context.Context, time.Time) error { stuck++; return nil }})
	b.e.AddDuty(jobs.Duty{Name: "failing",
		Next: func(context.Context) (time.Time, error) {
			if failing == 1 {
				failing++
				return time.Time{}, errors.New("cannot tell")
			}
			if failing > 3 {
				return time.Time{}, nil
			}
			return at(time.Minute), nil
		},
		RunOnce: func(context.Context, time.Time) error {
			failing++
			if failing < 4 {
				panic("not yet")
			}
			return nil
		}})
	b.advance(time.Minute + 10*time.Second)
	if failing != 4 {
		t.Errorf("the failing duty got to %d, want 4", failing)
	}
	if stuck < 1000 || stuck > 20_000 {
		t.Errorf("the stuck duty ran %d times", stuck)
	}
}

func testBackground(t *testing.T, b *bench) {
	done := make(chan string)
	b.e.Handle("a", jobs.Options{}, func(ctx context.Context, j jobs.Job) error { done <- j.Arg; return nil })
	b.add(jobs.Spec{Kind: "a", Arg: "before"})
	b.start()
	if got := within(t, done); got != "before" {
		t.Errorf("got %s", got)
	}
	for i := range 50 {
		began := time.Now()
		b.add(jobs.Spec{Kind: "a", Arg: fmt.Sprint(i)})
		if got := within(t, done); got != fmt.Sprint(i) {
			t.Errorf("got %s, want %d", got, i)
		}
		if d := time.Since(began); d > 5*time.Second { // not by polling
			t.Errorf("it took %s", d)
		}
	}
}

func testBackgroundAdvance(t *testing.T, b *bench) {
	b.e.Handle("a", jobs.Options{}, b.noting)
	b.start()
	b.add(jobs.Spec{Kind: "a", Arg: "x", RunAt: at(time.Hour)}, jobs.Spec{Kind: "a", Arg: "y", RunAt: at(48 * time.Hour)})
	b.advance(2 * time.Hour)
	b.want("1h0m0s x 1")
	b.advance(48 * time.Hour)
	b.want("1h0m0s x 1", "48h0m0s y 1")
}

func testAdvanceBeside(t *testing.T, b *bench) {
	var now atomic.Int32
	work := func(ctx context.Context, j jobs.Job) error {
		if now.Add(1) > 1 {
			t.Error("two at once")
		}
		defer now.Add(-1)
		if j.Arg == "x" {
			b.add(jobs.Spec{Kind: "b", Arg: "made by it"}) // which would wake the background
			for range 10 {
				b.add() // a commit, which lets the background commit too
			}
		}
		return b.noting(ctx, j)
	}
	b.e.Handle("a", jobs.Options{}, work)
	b.e.Handle("b", jobs.Options{}, work)
	b.start()
	var want []string
	var specs []jobs.Spec
	for i := range 50 {
		specs = append(specs, jobs.Spec{Kind: "a", Arg: "x", RunAt: at(time.Duration(50-i) * time.Minute)})
		d := (time.Duration(i+1) * time.Minute).String()
		want = append(want, d+" x 1", d+" made by it 1")
	}
	b.add(specs...)
	b.advance(2 * time.Hour)
	b.want(want...)
}

func testStartAgain(t *testing.T, b *bench) {
	begun := make(chan int)
	b.e.Handle("a", jobs.Options{}, func(ctx context.Context, j jobs.Job) error {
		begun <- j.Attempt
		if j.Attempt == 1 {
			<-ctx.Done()
		}
		return ctx.Err()
	})
	b.start()
	b.add(jobs.Spec{Kind: "a"})
	within(t, begun)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.e.Stop(ctx); err == nil {
		t.Error("Stop: no error though work was under way")
	}
	if err := b.e.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	b.start()
	if got := within(t, begun); got != 2 {
		t.Errorf("attempt %d, want 2", got)
	}
}

func testConcurrency(t *testing.T, b *bench) {
	const n = 1000
	var now, most atomic.Int32
	var mu sync.Mutex
	seen := map[string]int{}
	all := make(chan bool, n)
	full := make(chan bool)
	b.e.Handle("a", jobs.Options{Concurrency: 8}, func(ctx context.Context, j jobs.Job) error {
		c := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); c > m && !most.CompareAndSwap(m, c); m = most.Load() {
		}
		if c == 8 {
			select {
			case <-full:
			default:
				close(full)
			}
		}
		<-full // nobody ends before eight have begun
		mu.Lock()
		seen[j.Arg]++
		mu.Unlock()
		all <- true
		return nil
	})
	b.start()
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := range n / 4 {
				b.add(jobs.Spec{Kind: "a", Arg: fmt.Sprintf("%d-%d", w, i)})
			}
		})
	}
	writers.Wait()
	for range n {
		within(t, all)
	}
	if err := b.e.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if most.Load() != 8 {
		t.Errorf("%d at once, want 8", most.Load())
	}
	if len(seen) != n || b.count() != 0 {
		t.Errorf("%d different jobs ran, %d are left", len(seen), b.count())
	}
	for arg, times := range seen {
		if times != 1 {
			t.Errorf("%s ran %d times", arg, times)
		}
	}
}

func testBusyKind(t *testing.T, b *bench) {
	goOn, done := make(chan bool), make(chan bool)
	b.e.Handle("slow", jobs.Options{Concurrency: 1}, func(context.Context, jobs.Job) error { <-goOn; return nil })
	b.e.Handle("quick", jobs.Options{Concurrency: 1}, func(context.Context, jobs.Job) error { done <- true; return nil })
	b.start()
	b.add(jobs.Spec{Kind: "slow"}, jobs.Spec{Kind: "slow"}, jobs.Spec{Kind: "slow"}, jobs.Spec{Kind: "quick"}, jobs.Spec{Kind: "quick"})
	within(t, done)
	within(t, done)
	close(goOn)
}

func testTimeout(t *testing.T, b *bench) {
	b.e.Handle("a", jobs.Options{MaxAttempts: 1, Timeout: time.Millisecond}, func(ctx context.Context, j jobs.Job) error {
		<-ctx.Done()
		return ctx.Err()
	})
	b.add(jobs.Spec{Kind: "a"})
	b.advance(0)
	if dead, err := b.e.Dead(t.Context(), 1); err != nil || len(dead) != 1 || !strings.Contains(dead[0].LastError, "deadline") {
		t.Errorf("the dead: %+v, %v", dead, err)
	}
}

func testStopWaits(t *testing.T, b *bench) {
	begun, goOn := make(chan bool), make(chan bool)
	b.e.Handle("a", jobs.Options{Concurrency: 1}, func(ctx context.Context, j jobs.Job) error {
		close(begun)
		<-goOn
		return ctx.Err()
	})
	b.start()
	b.add(jobs.Spec{Kind: "a"}, jobs.Spec{Kind: "a"})
	within(t, begun)
	stopped := make(chan error)
	go func() { stopped <- b.e.Stop(t.Context()) }()
	select {
	case <-stopped:
		t.Error("Stop did not wait")
	case goOn <- true:
	}
	if err := within(t, stopped); err != nil {
		t.Error(err)
	}
	if n := b.count(); n != 1 {
		t.Errorf("%d jobs are left; want the second one", n)
	}
	if err := b.e.Stop(t.Context()); err != nil {
		t.Errorf("the second Stop: %v", err)
	}
}

func testStopGivesUp(t *testing.T, b *bench) {
	begun := make(chan int)
	b.e.Handle("a", jobs.Options{}, func(ctx context.Context, j jobs.Job) error {
		begun <- j.Attempt
		if j.Attempt == 1 {
			<-ctx.Done()
		}
		return ctx.Err()
	})
	b.start()
	b.add(jobs.Spec{Kind: "a"})
	within(t, begun)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.e.Stop(ctx); err == nil {
		t.Error("Stop: no error though work was under way")
	}
	b.e = b.engine()
	done := make(chan int, 1)
	b.e.Handle("a", jobs.Options{}, func(ctx context.Context, j jobs.Job) error { done <- j.Attempt; return nil })
	b.start()
	if got := within(t, done); got != 2 {
		t.Errorf("attempt %d, want 2", got)
	}
}

func testWake(t *testing.T, b *bench) {
	l, done := &list{}, make(chan time.Time, 1)
	asked := make(chan bool, 100)
	d := l.duty("l", func(t time.Time) { done <- t })
	next := d.Next
	d.Next = func(ctx context.Context) (time.Time, error) {
		defer func() { asked <- true }()
		return next(ctx)
	}
	b.e.AddDuty(d)
	b.start()
	within(t, asked) // nothing yet: it sleeps
	l.add(start)
	b.e.Wake("l")
	b.e.Wake("nobody")
	within(t, done)
}

func testDutyBackground(t *testing.T, b *bench) {
	l, done := &list{times: []time.Time{at(time.Hour)}}, make(chan time.Time, 1)
	b.e.AddDuty(l.duty("l", func(time.Time) { done <- b.k.Now() }))
	b.start()
	b.advance(2 * time.Hour)
	if got := within(t, done); !got.Equal(at(time.Hour)) {
		t.Errorf("it fired at %s", got)
	}
}

func testStats(t *testing.T, b *bench) {
	b.e.Handle("a", jobs.Options{}, b.noting)
	b.e.Handle("bad", jobs.Options{MaxAttempts: 1}, func(context.Context, jobs.Job) error { return errors.New("no") })
	b.add(jobs.Spec{Kind: "a", RunAt: at(2 * time.Hour)}, jobs.Spec{Kind: "a", RunAt: at(time.Hour)}, jobs.Spec{Kind: "bad"})
	b.advance(0)
	got, err := b.e.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []jobs.Antall{{Kind: "a", Waiting: 2, Eldste: at(time.Hour)}, {Kind: "bad", Dead: 1}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
