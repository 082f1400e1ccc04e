package store_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"knutepunkt/internal/store"
	"knutepunkt/internal/store/storetest"
)

func open(t testing.TB, path string) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) *store.DB { return open(t, filepath.Join(t.TempDir(), "a.db")) })
}

func TestOnlyOneProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "mappe med ? og % og #.db")
	db := open(t, path)
	if _, err := store.Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "already open") {
		t.Fatalf("a second one in this process: got %v", err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), "STORE_TEST_CHILD="+path)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "already open") {
		t.Fatalf("a second process: got %v\n%s", err, out)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path)
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file is not where it was asked for: %v", err)
	}
}

// TestChild is the other process of the tests here: it writes rows and prints
// the id of each when Write has returned, until it is killed.
func TestChild(t *testing.T) {
	path := os.Getenv("STORE_TEST_CHILD")
	if path == "" {
		return // not the child
	}
	ctx := context.Background()
	db, err := store.Open(ctx, path)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if err := db.Migrate(ctx, storetest.Migrations()); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	var out sync.Mutex
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d", w, i)
				err := db.Write(ctx, func(tx *store.Tx) error {
					_, err := tx.ExecContext(ctx, `INSERT INTO ting (id, n, navn) VALUES ($1, 1, '')`, id)
					return err
				})
				if err != nil {
					panic(err)
				}
				out.Lock()
				fmt.Println("ack", id)
				out.Unlock()
			}
		}()
	}
	select {}
}

func TestKill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), "STORE_TEST_CHILD="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var acked []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "ack "); ok {
			acked = append(acked, id)
		}
		if len(acked) == 500 {
			_ = cmd.Process.Kill() // and read on to what it still said
		}
	}
	_ = cmd.Wait()
	if len(acked) < 500 {
		t.Fatalf("the child ended after %d", len(acked))
	}
	verify(t, open(t, path), acked)
}

func verify(t *testing.T, db *store.DB, ids []string) {
	t.Helper()
	for _, id := range ids {
		var n int
		if err := db.Read().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM ting WHERE id = $1`, id).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n != 1 {
			t.Fatalf("%s was accepted and is gone (%d rows)", id, n)
		}
	}
	var ok string
	if err := db.Read().QueryRowContext(t.Context(), `PRAGMA integrity_check`).Scan(&ok); err != nil || ok != "ok" {
		t.Errorf("integrity: %s, %v", ok, err)
	}
}

// The files as they are on disk the moment Write has returned are enough.
func TestCrashImage(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), t.TempDir()
	db := open(t, filepath.Join(dir, "a.db"))
	if err := db.Migrate(ctx, storetest.Migrations()); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i := range 20 {
		ids = append(ids, fmt.Sprint(i))
		if err := db.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO ting (id, n, innhold) VALUES ($1, 1, $2)`, ids[i], make([]byte, 300_000))
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	image := t.TempDir()
	for _, ext := range []string{"", "-wal"} {
		copyFile(t, filepath.Join(dir, "a.db"+ext), filepath.Join(image, "a.db"+ext))
	}
	verify(t, open(t, filepath.Join(image, "a.db")), ids)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkWrite: durable rows per second with so many writers at once.
// The write-ahead log begins anew under steady writing, long before the commits
// would copy it back themselves.
func TestLogBeginsAnew(t *testing.T) {
	t.Parallel()
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "a.db")
	db := open(t, path)
	if err := db.Migrate(ctx, storetest.Migrations()); err != nil {
		t.Fatal(err)
	}
	rounds := func() uint32 { // how often it has: https://sqlite.org/walformat.html, offset 12
		f, err := os.Open(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var b [16]byte
		if _, err := io.ReadFull(f, b[:]); err != nil {
			t.Fatal(err)
		}
		return binary.BigEndian.Uint32(b[12:])
	}
	first, content := rounds(), make([]byte, 1<<20)
	for i := range 100 {
		if err := db.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO ting (id, n, innhold) VALUES ($1, 1, $2)`, fmt.Sprint(i), content)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if rounds() > first {
			return
		}
	}
	t.Error("100 MiB were written to a log that was never begun anew")
}

func BenchmarkWrite(b *testing.B) {
	for _, c := range []struct{ writers, bytes int }{{1, 100}, {16, 100}, {64, 100}, {16, 300_000}} {
		b.Run(fmt.Sprintf("writers=%d/bytes=%d", c.writers, c.bytes), func(b *testing.B) {
			ctx := context.Background()
			db := open(b, filepath.Join(b.TempDir(), "a.db"))
			if err := db.Migrate(ctx, storetest.Migrations()); err != nil {
				b.Fatal(err)
			}
			var next atomic.Int64
			content := make([]byte, c.bytes)
			b.ResetTimer()
			var all sync.WaitGroup
			for range c.writers {
				all.Go(func() {
					for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
						if err := db.Write(ctx, func(tx *store.Tx) error {
							_, err := tx.ExecContext(ctx, `INSERT INTO ting (id, n, innhold) VALUES ($1, 1, $2)`, fmt.Sprint(i), content)
							return err
						}); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// Nobody but the owner can read the database's files.
func TestFilesArePrivate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, err := store.Open(t.Context(), filepath.Join(dir, "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.ExecContext(t.Context(), `CREATE TABLE a (b int)`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, f := range files {
		if i, err := f.Info(); err != nil || i.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v (%v)", f.Name(), i.Mode(), err)
		}
	}
}
