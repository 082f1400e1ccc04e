// Package storetest is what every engine of package store must hold.
package storetest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"knutepunkt/internal/store"
)

// Migrations are the tables of the suite.
func Migrations() store.Migrations {
	return store.Migrations{Room: "storetest", FS: fstest.MapFS{
		"migrations/0001_first.sql": {Data: []byte(`-- +goose Up
			CREATE TABLE ting (id text PRIMARY KEY, n bigint NOT NULL, navn text, innhold bytea);
			CREATE UNIQUE INDEX ting_navn ON ting (navn) WHERE navn <> '';`)},
		"migrations/0002_second.sql": {Data: []byte(`-- +goose Up
			CREATE TABLE barn (id text PRIMARY KEY, ting text NOT NULL REFERENCES ting (id));`)},
	}}
}

// Run runs the suite; open gives an empty database that is closed with the test.
func Run(t *testing.T, open func(t *testing.T) *store.DB) {
	for name, test := range map[string]func(*testing.T, *store.DB){
		"a read after Write sees it":                   testVisible,
		"a failing function takes nobody with it":      testIsolation,
		"a refusal is told when its reason is durable": testRefusal,
		"a panic is an error and writes nothing":       testPanic,
		"a failed statement can be overcome in fn":     testGoOn,
		"unique and other violations are told apart":   testUnique,
		"what a commit waits for comes before it":      testBefore,
		"hooks run in order, before Write returns":     testHooks,
		"a panic in a hook reaches its caller":         testHookPanic,
		"hooks of many writers run in commit order":    testHookOrder,
		"many writers lose nothing":                    testConcurrency,
		"a context that is over writes nothing":        testContext,
		"a begun function is seen to its end":          testBegun,
		"a transaction is over when fn returned":       testOver,
		"values come back as they were":                testValues,
		"results tell what was done":                   testResults,
		"Read cannot write":                            testReadOnly,
		"a mistake in SQL is an error, not a crash":    testBadSQL,
		"more texts than are kept prepared":            testManyTexts,
		"migrating again does nothing":                 testMigrateAgain,
		"a migration that fails leaves what was there": testBadMigration,
		"Write after Close is refused":                 testClosed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			if err := db.Migrate(t.Context(), Migrations()); err != nil {
				t.Fatal(err)
			}
			test(t, db)
		})
	}
}

const insert = `INSERT INTO ting (id, n, navn) VALUES ($1, $2, '')`

func put(ctx context.Context, id string) func(tx *store.Tx) error {
	return func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, insert, id, 1)
		return err
	}
}

func count(t *testing.T, q store.Queryer) (n int) {
	t.Helper()
	if err := q.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM ting`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func testVisible(t *testing.T, db *store.DB) {
	ctx := t.Context()
	for i := range 100 {
		if err := db.Write(ctx, put(ctx, fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		if n := count(t, db.Read()); n != i+1 {
			t.Fatalf("after %d writes %d rows are seen", i+1, n)
		}
	}
}

// together makes the calls meet in as few transactions as can be: the writer is
// kept busy until all are on their way.
func together(t *testing.T, db *store.DB, n int, call func(i int)) {
	t.Helper()
	var ready, all sync.WaitGroup
	ready.Add(n)
	all.Go(func() {
		if err := db.Write(t.Context(), func(*store.Tx) error { ready.Wait(); return nil }); err != nil {
			t.Error(err)
		}
	})
	for i := range n {
		all.Go(func() {
			ready.Done()
			call(i)
		})
	}
	all.Wait()
}

func testIsolation(t *testing.T, db *store.DB) {
	ctx := t.Context()
	refused := errors.New("refused")
	together(t, db, 300, func(i int) {
		err := db.Write(ctx, func(tx *store.Tx) error {
			if err := put(ctx, fmt.Sprint(i))(tx); err != nil {
				return err
			}
			if i%3 == 0 {
				return fmt.Errorf("number %d: %w", i, refused)
			}
			return nil
		})
		if i%3 == 0 && !errors.Is(err, refused) || i%3 != 0 && err != nil {
			t.Errorf("number %d: got %v", i, err)
		}
	})
	for i := range 300 {
		var n int
		if err := db.Read().QueryRowContext(ctx, `SELECT COUNT(*) FROM ting WHERE id = $1`, fmt.Sprint(i)).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if want := min(1, i%3); n != want {
			t.Errorf("number %d: %d rows, want %d", i, n, want)
		}
	}
}

// Of many that want the same row one gets it. The others may be refused because
// of what is not committed yet, but are told only afterwards.
func testRefusal(t *testing.T, db *store.DB) {
	ctx := t.Context()
	taken := errors.New("taken")
	var early atomic.Int32 // refusals by what was not durable when they were made
	for round := 0; round < 1000 && early.Load() < 20 && !t.Failed(); round++ {
		id := fmt.Sprint(round)
		var durable atomic.Bool
		together(t, db, 20, func(int) {
			err := db.Write(ctx, func(tx *store.Tx) error {
				res, err := tx.ExecContext(ctx, `INSERT INTO ting (id, n, navn) VALUES ($1, 1, '') ON CONFLICT DO NOTHING`, id)
				if err != nil {
					return err
				}
				if n, err := res.RowsAffected(); err != nil {
					return err
				} else if n == 0 {
					if !durable.Load() {
						early.Add(1)
					}
					return taken
				}
				tx.OnCommit(func() { durable.Store(true) })
				return nil
			})
			if !durable.Load() {
				t.Errorf("told before the row that it is about is durable: %v", err)
			}
			if err != nil && !errors.Is(err, taken) {
				t.Error(err)
			}
		})
	}
	if early.Load() == 0 {
		t.Log("every commit had one caller: nothing was tried")
	}
}

func testPanic(t *testing.T, db *store.DB) {
	ctx := t.Context()
	together(t, db, 10, func(i int) {
		err := db.Write(ctx, func(tx *store.Tx) error {
			if err := put(ctx, fmt.Sprint(i))(tx); err != nil {
				return err
			}
			if i == 5 {
				panic("five")
			}
			return nil
		})
		if i == 5 && (err == nil || !strings.Contains(err.Error(), "five")) || i != 5 && err != nil {
			t.Errorf("number %d: got %v", i, err)
		}
	})
	if n := count(t, db.Read()); n != 9 {
		t.Errorf("%d rows, want 9", n)
	}
}

func testGoOn(t *testing.T, db *store.DB) {
	ctx := t.Context()
	if err := db.Write(ctx, func(tx *store.Tx) error {
		if err := put(ctx, "a")(tx); err != nil {
			return err
		}
		if err := put(ctx, "a")(tx); !store.IsUnique(err) {
			return fmt.Errorf("the second: got %v", err)
		}
		return put(ctx, "b")(tx)
	}); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db.Read()); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
}

func testUnique(t *testing.T, db *store.DB) {
	ctx := t.Context()
	exec := func(query string, args ...any) error {
		return db.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.ExecContext(ctx, query, args...)
			return err
		})
	}
	const q = `INSERT INTO ting (id, n, navn) VALUES ($1, $2, $3)`
	if err := exec(q, "a", 1, "x"); err != nil {
		t.Fatal(err)
	}
	if err := exec(q, "a", 1, "y"); !store.IsUnique(err) {
		t.Errorf("same primary key: IsUnique is false for %v", err)
	}
	if err := exec(q, "b", 1, "x"); !store.IsUnique(err) || !store.IsUnique(fmt.Errorf("wrapped: %w", err)) {
		t.Errorf("same unique column: IsUnique is false for %v", err)
	}
	if err := exec(q, "b", nil, "z"); err == nil || store.IsUnique(err) {
		t.Errorf("null in a NOT NULL column: got %v", err)
	}
	if err := exec(`INSERT INTO barn (id, ting) VALUES ($1, $2)`, "a", "nobody"); err == nil || store.IsUnique(err) {
		t.Errorf("a foreign key to nothing: got %v", err)
	}
	if store.IsUnique(nil) || store.IsUnique(errors.New("unique")) {
		t.Error("IsUnique is true for no violation")
	}
}

func testHooks(t *testing.T, db *store.DB) {
	ctx := t.Context()
	var got []string
	if err := db.Write(ctx, func(tx *store.Tx) error {
		tx.OnCommit(func() { got = append(got, "one") })
		tx.OnCommit(func() { got = append(got, "two", fmt.Sprint(count(t, db.Read()))) })
		return put(ctx, "a")(tx)
	}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"one", "two", "1"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	got = nil
	_ = db.Write(ctx, func(tx *store.Tx) error {
		tx.OnCommit(func() { got = append(got, "failed") })
		return errors.New("no")
	})
	_ = db.Write(ctx, func(tx *store.Tx) error {
		tx.OnCommit(func() { got = append(got, "panicked") })
		panic("no")
	})
	if err := db.Write(ctx, put(ctx, "b")); err != nil { // the writer has passed both
		t.Fatal(err)
	}
	if got != nil {
		t.Errorf("hooks of failed transactions ran: %v", got)
	}
}

func testBefore(t *testing.T, db *store.DB) {
	ctx := t.Context()
	var got []string
	write := func(id string, before func() error, end error) error {
		return db.Write(ctx, func(tx *store.Tx) error {
			tx.BeforeCommit(func() error { got = append(got, id, fmt.Sprint(count(t, db.Read()))); return nil })
			tx.BeforeCommit(before)
			tx.OnCommit(func() { got = append(got, "committed") })
			return errors.Join(put(ctx, id)(tx), end)
		})
	}
	no := errors.New("no")
	if err := write("fails", func() error { return no }, nil); !errors.Is(err, no) {
		t.Errorf("got %v", err)
	}
	if err := write("panics", func() error { panic("five") }, nil); err == nil || !strings.Contains(err.Error(), "five") {
		t.Errorf("got %v", err)
	}
	if err := write("not called", func() error { return nil }, no); !errors.Is(err, no) {
		t.Errorf("got %v", err)
	}
	if err := write("goes well", func() error { return nil }, nil); err != nil {
		t.Error(err)
	}
	if want := []string{"fails", "0", "panics", "0", "goes well", "0", "committed"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}

	// One of many that share a commit: who is told that it went well has its row.
	var ready, all sync.WaitGroup
	var failed atomic.Int32
	const many = 100
	ready.Add(many)
	for i := range many {
		all.Go(func() {
			ready.Done()
			err := db.Write(ctx, func(tx *store.Tx) error {
				ready.Wait()
				if i == many/2 {
					tx.BeforeCommit(func() error { return no })
				}
				return put(ctx, fmt.Sprint(i))(tx)
			})
			if err != nil {
				failed.Add(1)
			}
			if err != nil && !errors.Is(err, no) || i == many/2 && err == nil {
				t.Errorf("number %d: got %v", i, err)
			}
		})
	}
	all.Wait()
	if n := count(t, db.Read()); n != 1+many-int(failed.Load()) {
		t.Errorf("%d rows, and %d of %d failed", n-1, failed.Load(), many)
	}
}

func testHookPanic(t *testing.T, db *store.DB) {
	ctx := t.Context()
	func() {
		defer func() {
			if p := recover(); p != "hook" {
				t.Errorf("recovered %v", p)
			}
		}()
		_ = db.Write(ctx, func(tx *store.Tx) error {
			tx.OnCommit(func() { panic("hook") })
			return put(ctx, "a")(tx)
		})
	}()
	if err := db.Write(ctx, put(ctx, "b")); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db.Read()); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
}

func testHookOrder(t *testing.T, db *store.DB) {
	ctx := t.Context()
	var seq int64 // in the order of transactions: functions run one at a time
	var got []int64
	together(t, db, 500, func(i int) {
		if err := db.Write(ctx, func(tx *store.Tx) error {
			seq++
			mine := seq
			tx.OnCommit(func() { got = append(got, mine) })
			return put(ctx, fmt.Sprint(i))(tx)
		}); err != nil {
			t.Error(err)
		}
	})
	if len(got) != 500 || !slices.IsSorted(got) {
		t.Errorf("%d hooks, sorted: %v", len(got), slices.IsSorted(got))
	}
}

func testConcurrency(t *testing.T, db *store.DB) {
	ctx := t.Context()
	if err := db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, insert, "teller", 0)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 50 {
				err := db.Write(ctx, func(tx *store.Tx) error { // read, then write: no update may be lost
					var n int
					if err := tx.QueryRowContext(ctx, `SELECT n FROM ting WHERE id = 'teller'`).Scan(&n); err != nil {
						return err
					}
					_, err := tx.ExecContext(ctx, `UPDATE ting SET n = $1 WHERE id = 'teller'`, n+1)
					return err
				})
				if err != nil {
					t.Error(err)
				}
				rows, err := db.Read().QueryContext(ctx, `SELECT id FROM ting`)
				if err != nil {
					t.Error(err)
					continue
				}
				for rows.Next() {
				}
				if err := errors.Join(rows.Err(), rows.Close()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	var n int
	if err := db.Read().QueryRowContext(ctx, `SELECT n FROM ting WHERE id = 'teller'`).Scan(&n); err != nil || n != 800 {
		t.Errorf("counted %d (%v), want 800", n, err)
	}
}

// endsInQueue is a context that ends when Write has looked at it once.
type endsInQueue struct {
	context.Context
	looks atomic.Int32
}

func (c *endsInQueue) Err() error {
	if c.looks.Add(1) == 1 {
		return nil
	}
	return context.Canceled
}

func testContext(t *testing.T, db *store.DB) {
	var ran atomic.Bool
	fn := func(*store.Tx) error { ran.Store(true); return nil }
	before, cancel := context.WithCancel(t.Context())
	cancel()
	for name, ctx := range map[string]context.Context{"before": before, "in the queue": &endsInQueue{Context: t.Context()}} {
		if err := db.Write(ctx, fn); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", name, err)
		}
		together(t, db, 5, func(i int) {
			if i == 2 {
				_ = db.Write(ctx, fn)
			} else if err := db.Write(t.Context(), put(t.Context(), fmt.Sprint(name, i))); err != nil {
				t.Errorf("%s: beside it: %v", name, err)
			}
		})
	}
	if ran.Load() {
		t.Error("the function ran all the same")
	}
	if n := count(t, db.Read()); n != 8 {
		t.Errorf("%d rows, want 8", n)
	}
}

func testBegun(t *testing.T, db *store.DB) {
	ctx, cancel := context.WithCancel(t.Context())
	err := db.Write(ctx, func(tx *store.Tx) error {
		cancel()
		if err := put(ctx, "a")(tx); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `SELECT id FROM ting`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := count(t, db.Read()); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

func testOver(t *testing.T, db *store.DB) {
	ctx := t.Context()
	var kept *store.Tx
	if err := db.Write(ctx, func(tx *store.Tx) error { kept = tx; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := put(ctx, "a")(kept); !errors.Is(err, sql.ErrTxDone) {
		t.Errorf("Exec: got %v", err)
	}
	if _, err := kept.QueryContext(ctx, `SELECT 1`); !errors.Is(err, sql.ErrTxDone) {
		t.Errorf("Query: got %v", err)
	}
	var n int
	if err := kept.QueryRowContext(ctx, `SELECT 1`).Scan(&n); err == nil {
		t.Error("QueryRow: no error")
	}
}

func testValues(t *testing.T, db *store.DB) {
	ctx := t.Context()
	const q = `INSERT INTO ting (id, n, navn, innhold) VALUES ($1, $2, $3, $4)`
	oslo := time.FixedZone("", 7200)
	for i, at := range []time.Time{{}, time.UnixMicro(1), time.UnixMicro(-1),
		time.Date(2026, 3, 29, 2, 30, 0, 123456000, oslo), time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)} {
		for j, innhold := range [][]byte{nil, {}, {0}, bytes.Repeat([]byte{0, 255, 'a'}, 100_000), []byte("123")} {
			id := fmt.Sprintf("%d-%d", i, j)
			navn := sql.NullString{String: "æøå\x00'\"; 0012 " + id, Valid: j != 1}
			if err := db.Write(ctx, func(tx *store.Tx) error {
				_, err := tx.ExecContext(ctx, q, id, store.Micros(at), navn, innhold)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			var us int64
			var gotNavn sql.NullString
			var got []byte
			var null int // empty content is not null, though both may be read as a nil slice
			if err := db.Read().QueryRowContext(ctx, `SELECT n, navn, innhold, CASE WHEN innhold IS NULL THEN 1 ELSE 0 END
				FROM ting WHERE id = $1`, id).Scan(&us, &gotNavn, &got, &null); err != nil {
				t.Fatal(err)
			}
			if back := store.Time(us); !back.Equal(at) || back.IsZero() != at.IsZero() || back.Location() != time.UTC {
				t.Errorf("%s: time %v came back as %v", id, at, back)
			}
			if (gotNavn.Valid != navn.Valid) || navn.Valid && gotNavn.String != navn.String {
				t.Errorf("%s: text came back as %+v", id, gotNavn)
			}
			if !bytes.Equal(got, innhold) || (null == 1) != (innhold == nil) {
				t.Errorf("%s: %d bytes (nil: %v) came back as %d (null: %d)", id, len(innhold), innhold == nil, len(got), null)
			}
		}
	}
}

func testResults(t *testing.T, db *store.DB) {
	ctx := t.Context()
	if err := db.Write(ctx, func(tx *store.Tx) error {
		for i := range 5 {
			if err := put(ctx, fmt.Sprint(i))(tx); err != nil {
				return err
			}
		}
		res, err := tx.ExecContext(ctx, `UPDATE ting SET n = n + $1 WHERE id <> $2`, 10, "0")
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != 4 {
			t.Errorf("RowsAffected: %d, %v; want 4", n, err)
		}
		var sum int
		rows, err := tx.QueryContext(ctx, `UPDATE ting SET n = 100 WHERE n = $1 RETURNING n`, 11)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var n int
			if err := rows.Scan(&n); err != nil {
				return err
			}
			sum += n
		}
		if sum != 400 {
			t.Errorf("RETURNING: sum %d, want 400", sum)
		}
		return rows.Err()
	}); err != nil {
		t.Fatal(err)
	}
	var id string
	if err := db.Read().QueryRowContext(ctx, `SELECT id FROM ting WHERE id = 'no'`).Scan(&id); !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("no row: got %v", err)
	}
}

func testReadOnly(t *testing.T, db *store.DB) {
	ctx := t.Context()
	if _, err := db.Read().ExecContext(ctx, insert, "a", 1); err == nil {
		t.Error("Exec: no error")
	}
	var id string
	if err := db.Read().QueryRowContext(ctx, insert+` RETURNING id`, "b", 1).Scan(&id); err == nil {
		t.Error("QueryRow: no error")
	}
	if n := count(t, db.Read()); n != 0 {
		t.Errorf("%d rows were written", n)
	}
}

func testBadSQL(t *testing.T, db *store.DB) {
	ctx := t.Context()
	var n int
	if err := db.Write(ctx, func(tx *store.Tx) error { return tx.QueryRowContext(ctx, `SELEKT 1`).Scan(&n) }); err == nil {
		t.Error("in Write: no error")
	}
	if err := db.Read().QueryRowContext(ctx, `SELECT * FROM ingenting`).Scan(&n); err == nil {
		t.Error("in Read: no error")
	}
	if _, err := db.Read().QueryContext(ctx, `SELECT * FROM ingenting`); err == nil {
		t.Error("in Read: no error")
	}
	if err := db.Write(ctx, put(ctx, "a")); err != nil {
		t.Error(err)
	}
}

func testManyTexts(t *testing.T, db *store.DB) {
	ctx := t.Context()
	if err := db.Write(ctx, func(tx *store.Tx) error {
		for i := range 1000 {
			var n int
			query := fmt.Sprintf(`SELECT %d + $1`, i)
			if err := tx.QueryRowContext(ctx, query, 1).Scan(&n); err != nil || n != i+1 {
				return fmt.Errorf("%d: got %d, %w", i, n, err)
			}
			if err := db.Read().QueryRowContext(ctx, query, 1).Scan(&n); err != nil || n != i+1 {
				return fmt.Errorf("%d: got %d, %w", i, n, err)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.Write(ctx, put(ctx, "a")); err != nil {
		t.Error(err)
	}
}

func testMigrateAgain(t *testing.T, db *store.DB) {
	ctx := t.Context()
	if err := db.Write(ctx, put(ctx, "a")); err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(ctx, Migrations(), Migrations()); err != nil {
		t.Fatal(err)
	}
	next := Migrations().FS.(fstest.MapFS)
	next["migrations/0003_third.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nALTER TABLE ting ADD COLUMN ny bigint NOT NULL DEFAULT 7;")}
	other := store.Migrations{Room: "annet", FS: fstest.MapFS{"migrations/0001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE annet (id text PRIMARY KEY);")}}}
	if err := db.Migrate(ctx, store.Migrations{Room: "storetest", FS: next}, other); err != nil {
		t.Fatal(err)
	}
	// Statements that were prepared before still work.
	if err := db.Write(ctx, put(ctx, "b")); err != nil {
		t.Fatal(err)
	}
	var sum int
	if err := db.Read().QueryRowContext(ctx, `SELECT SUM(ny) FROM ting`).Scan(&sum); err != nil || sum != 14 {
		t.Errorf("sum %d, %v; want 14", sum, err)
	}
}

func testBadMigration(t *testing.T, db *store.DB) {
	ctx := t.Context()
	if err := db.Write(ctx, put(ctx, "a")); err != nil {
		t.Fatal(err)
	}
	next := Migrations().FS.(fstest.MapFS)
	next["migrations/0003_third.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nDELETE FROM ting;\nCREATE TABLE ting (id text);")}
	if err := db.Migrate(ctx, store.Migrations{Room: "storetest", FS: next}); err == nil || !strings.Contains(err.Error(), "storetest") {
		t.Errorf("got %v", err)
	}
	if n := count(t, db.Read()); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

func testClosed(t *testing.T, db *store.DB) {
	ctx := t.Context()
	// Those that are under way when it closes are either written or told so.
	var acked atomic.Int64
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := 0; ; j++ {
				if err := db.Write(ctx, put(ctx, fmt.Sprint(i, j))); err != nil {
					if !errors.Is(err, store.ErrClosed) {
						t.Errorf("got %v", err)
					}
					return
				}
				acked.Add(1)
			}
		})
	}
	for acked.Load() < 8 {
		if err := db.Write(ctx, func(*store.Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	all.Wait()
	if err := db.Write(ctx, put(ctx, "z")); !errors.Is(err, store.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if err := db.Close(); err != nil {
		t.Errorf("the second Close: %v", err)
	}
}
