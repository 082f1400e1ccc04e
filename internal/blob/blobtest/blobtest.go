// Package blobtest is what every blob backend, and the store over it, must hold.
package blobtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/blob"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

// RunBackend runs the backend's suite; open gives an empty backend.
func RunBackend(t *testing.T, open func(t *testing.T) blob.Backend) {
	for name, test := range map[string]func(*testing.T, blob.Backend){
		"what is put is got, from any offset": testPutGet,
		"a name is taken once":                testCreateOnly,
		"a failed put leaves nothing":         testFailedPut,
		"a context that ends stops a put":     testPutContext,
		"delete, and delete again":            testBackendDelete,
		"list tells all names and times":      testList,
		"many at once":                        testParallel,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n)})
	_, _ = r.Read(b)
	return b
}

func get(t *testing.T, b blob.Backend, name string, offset int64) []byte {
	t.Helper()
	r, err := b.Get(t.Context(), name, offset)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func testPutGet(t *testing.T, b blob.Backend) {
	for _, n := range []int{0, 1, 1000, 1 << 20, 7<<20 + 13} {
		name, content := uuid.NewString(), random(n)
		if err := b.Put(t.Context(), name, iotest.HalfReader(bytes.NewReader(content))); err != nil {
			t.Fatal(err)
		}
		for _, offset := range []int{0, 1, n / 2, n - 1, n} {
			if offset < 0 || offset > n {
				continue
			}
			if got := get(t, b, name, int64(offset)); !bytes.Equal(got, content[offset:]) {
				t.Errorf("%d bytes from %d: got %d others", n, offset, len(got))
			}
		}
	}
	if _, err := b.Get(t.Context(), uuid.NewString(), 0); !errors.Is(err, blob.ErrIkkeFunnet) {
		t.Errorf("what is not there: got %v", err)
	}
}

func testCreateOnly(t *testing.T, b blob.Backend) {
	name := uuid.NewString()
	if err := b.Put(t.Context(), name, strings.NewReader("first")); err != nil {
		t.Fatal(err)
	}
	if err := b.Put(t.Context(), name, strings.NewReader("second")); !errors.Is(err, blob.ErrFinnesAllerede) {
		t.Errorf("got %v", err)
	}
	if got := get(t, b, name, 0); string(got) != "first" {
		t.Errorf("it now says %q", got)
	}
}

func testFailedPut(t *testing.T, b blob.Backend) {
	name, broken := uuid.NewString(), errors.New("broken")
	for _, n := range []int{0, 10, 9 << 20} {
		err := b.Put(t.Context(), name, io.MultiReader(bytes.NewReader(random(n)), iotest.ErrReader(broken)))
		if err == nil {
			t.Errorf("after %d bytes: no error", n)
		}
		if _, err := b.Get(t.Context(), name, 0); !errors.Is(err, blob.ErrIkkeFunnet) {
			t.Errorf("after %d bytes: got %v", n, err)
		}
	}
	if err := b.List(t.Context(), func(name string, _ int64) error { return fmt.Errorf("%s is listed", name) }); err != nil {
		t.Error(err)
	}
	if err := b.Put(t.Context(), name, strings.NewReader("at last")); err != nil {
		t.Error(err)
	}
}

func testPutContext(t *testing.T, b blob.Backend) {
	ctx, cancel := context.WithCancel(t.Context())
	name := uuid.NewString()
	endless := readerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil })
	if err := b.Put(ctx, name, io.LimitReader(endless, 1<<30)); err == nil {
		t.Error("no error")
	}
	if _, err := b.Get(t.Context(), name, 0); !errors.Is(err, blob.ErrIkkeFunnet) {
		t.Errorf("got %v", err)
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func testBackendDelete(t *testing.T, b blob.Backend) {
	name := uuid.NewString()
	if err := b.Put(t.Context(), name, strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.Delete(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
	if _, err := b.Get(t.Context(), name, 0); !errors.Is(err, blob.ErrIkkeFunnet) {
		t.Errorf("got %v", err)
	}
}

func testList(t *testing.T, b blob.Backend) {
	var want, got []string
	before := time.Now().Add(-time.Minute).UnixMicro() // clocks of others may differ a little
	for range 20 {
		name := uuid.NewString()
		want = append(want, name)
		if err := b.Put(t.Context(), name, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	after := time.Now().Add(time.Minute).UnixMicro()
	if err := b.List(t.Context(), func(name string, written int64) error {
		got = append(got, name)
		if written < before || written > after {
			t.Errorf("%s was written at %d", name, written)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	enough := errors.New("enough")
	if err := b.List(t.Context(), func(string, int64) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
}

func testParallel(t *testing.T, b blob.Backend) {
	same := uuid.NewString()
	var all sync.WaitGroup
	results := make(chan error, 8)
	for i := range 8 {
		all.Go(func() {
			name, content := uuid.NewString(), random(300_000+i)
			if err := b.Put(t.Context(), name, bytes.NewReader(content)); err != nil {
				t.Error(err)
				return
			}
			r, err := b.Get(t.Context(), name, 0)
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, content) {
				t.Errorf("got %d others, %v", len(got), err)
			}
			results <- b.Put(t.Context(), same, bytes.NewReader(content))
		})
	}
	all.Wait()
	close(results)
	won := 0
	for err := range results {
		if err == nil {
			won++
		} else if !errors.Is(err, blob.ErrFinnesAllerede) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d of 8 got the same name", won)
	}
}

// RunStore runs the suite of the store over a backend, and over segments beside it
// unless they are nil.
func RunStore(t *testing.T, db func(t *testing.T) *store.DB, open func(t *testing.T) blob.Backend, segments func(t *testing.T) *blob.Segments) {
	for name, test := range map[string]func(*testing.T, *bench){
		"content of any size comes back, from any offset": testSizes,
		"64 MiB pass through":                             testLarge,
		"nothing is there before the commit":              testNotCommitted,
		"a writer reads back before the commit":           testReadBack,
		"a transaction that fails leaves nothing":         testRollback,
		"discard is safe at any time":                     testDiscard,
		"a backend that fails is an error":                testBackendFails,
		"delete takes row, key and content":               testDelete,
		"damage is found":                                 testDamage,
		"a blob opens under its own id and size only":     testExchanged,
		"sweep takes orphans only":                        testSweep,
		"what is not there":                               testNotThere,
		"blobs outlive a rotation of the keys":            testRotation,
		"many small ones do not fill the memory":          testMany,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &bench{t: t, db: db(t), k: klokke.NyManuell(time.Now()), backend: &counting{Backend: open(t)}}
			if err := b.db.Migrate(t.Context(), keys.Migrations(), blob.Migrations()); err != nil {
				t.Fatal(err)
			}
			var err error
			if b.ring, err = keys.OpenRing(t.Context(), b.db, b.k, make([]byte, keys.MasterSize)); err != nil {
				t.Fatal(err)
			}
			if segments != nil {
				b.segments = segments(t)
			}
			b.s = blob.NewStore(b.db, b.ring, b.k, b.backend, b.segments)
			t.Cleanup(b.s.Wait)
			test(t, b)
		})
	}
}

type bench struct {
	t        *testing.T
	db       *store.DB
	ring     *keys.Ring
	k        *klokke.Manuell
	backend  *counting
	segments *blob.Segments // nil: none
	s        *blob.Store
}

func testReadBack(t *testing.T, b *bench) {
	for _, n := range []int{0, 1, 64 << 10, 200_000, 3 << 20} {
		want := random(n)
		w := b.s.Create(t.Context())
		if _, err := w.Open(t.Context(), 0); err == nil {
			t.Fatal("read before it was closed")
		}
		if _, err := w.Write(want); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for _, offset := range []int{0, n / 2, n} {
			r, err := w.Open(t.Context(), int64(offset))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, want[offset:]) {
				t.Errorf("%d bytes from %d: got %d (%v)", n, offset, len(got), err)
			}
		}
		if err := b.db.Write(t.Context(), func(tx *store.Tx) error { return w.Commit(t.Context(), tx) }); err != nil {
			t.Fatal(err)
		}
	}
	w := b.s.Create(t.Context())
	_ = w.Close()
	w.Discard()
	if _, err := w.Open(t.Context(), 0); err == nil {
		t.Fatal("read after it was discarded")
	}
}

// counting is a backend that can be made to fail and to damage what is read.
type counting struct {
	blob.Backend
	fail   error
	damage func(content []byte) []byte
}

func (c *counting) Put(ctx context.Context, name string, r io.Reader) error {
	if c.fail != nil {
		if _, err := io.CopyN(io.Discard, r, 100_000); err != nil {
			return err
		}
		return c.fail
	}
	return c.Backend.Put(ctx, name, r)
}

func (c *counting) Get(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	r, err := c.Backend.Get(ctx, name, 0)
	if err != nil {
		return nil, err
	}
	if c.damage == nil {
		_ = r.Close()
		return c.Backend.Get(ctx, name, offset)
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	content = c.damage(content)
	return io.NopCloser(bytes.NewReader(content[min(int(offset), len(content)):])), nil
}

func (b *bench) names() (names []string) {
	b.t.Helper()
	if err := b.backend.List(b.t.Context(), func(name string, _ int64) error { names = append(names, name); return nil }); err != nil {
		b.t.Fatal(err)
	}
	return names
}

// write makes a blob and gives its closed writer.
func (b *bench) write(content []byte) *blob.Writer {
	b.t.Helper()
	w := b.s.Create(b.t.Context())
	for rest := content; len(rest) > 0; {
		n := min(len(rest), 50_000)
		if _, err := w.Write(rest[:n]); err != nil {
			b.t.Fatal(err)
		}
		rest = rest[n:]
	}
	if err := w.Close(); err != nil {
		b.t.Fatal(err)
	}
	return w
}

func (b *bench) commit(w *blob.Writer) {
	b.t.Helper()
	if err := b.db.Write(b.t.Context(), func(tx *store.Tx) error { return w.Commit(b.t.Context(), tx) }); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) store(content []byte) string {
	b.t.Helper()
	w := b.write(content)
	defer w.Discard()
	b.commit(w)
	return w.ID()
}

func (b *bench) read(id string, offset int64) ([]byte, error) {
	r, err := b.s.Open(b.t.Context(), id, offset)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// Sizes around which something changes: packages of 64 KiB, and the move to the
// backend when 256 KiB are passed in encrypted form (32 bytes more per package).
var sizes = []int{0, 1, 1<<16 - 1, 1 << 16, 1<<16 + 1, 256<<10 - 4*32 - 1, 256<<10 - 4*32, 256<<10 - 4*32 + 1,
	256<<10 - 1, 256 << 10, 256<<10 + 1, 1<<20 + 7}

func testSizes(t *testing.T, b *bench) {
	var inBackend int
	for _, n := range sizes {
		content := random(n)
		w := b.write(content)
		if w.Size() != int64(n) {
			t.Errorf("%d bytes: size %d", n, w.Size())
		}
		b.commit(w)
		if size, err := b.s.Size(t.Context(), w.ID()); err != nil || size != int64(n) {
			t.Errorf("%d bytes: Size says %d, %v", n, size, err)
		}
		for _, offset := range []int{0, 1, n / 3, 1<<16 - 1, 1 << 16, 1<<16 + 1, n - 1, n} {
			if offset < 0 || offset > n {
				continue
			}
			if got, err := b.read(w.ID(), int64(offset)); err != nil || !bytes.Equal(got, content[offset:]) {
				t.Errorf("%d bytes from %d: got %d others, %v", n, offset, len(got), err)
			}
		}
		for _, offset := range []int64{-1, int64(n) + 1} {
			if _, err := b.s.Open(t.Context(), w.ID(), offset); err == nil {
				t.Errorf("%d bytes from %d: no error", n, offset)
			}
		}
		if n > 256<<10-4*32 {
			inBackend++
		}
	}
	if got := len(b.names()); got != inBackend {
		t.Errorf("%d blobs are in the backend, want %d", got, inBackend)
	}
}

func testLarge(t *testing.T, b *bench) {
	const n = 64 << 20
	stream := func() io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{1}), n) }
	w := b.s.Create(t.Context())
	defer w.Discard()
	if _, err := io.Copy(w, stream()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b.commit(w)
	r, err := b.s.Open(t.Context(), w.ID(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	h, want := sha256.New(), sha256.New()
	if _, err := io.Copy(want, stream()); err != nil {
		t.Fatal(err)
	}
	got, err := io.Copy(h, r)
	if err != nil || got != n || !bytes.Equal(h.Sum(nil), want.Sum(nil)) || w.Size() != n {
		t.Errorf("%d bytes came back, or others: %v", got, err)
	}
	tail, err := b.read(w.ID(), n-5)
	if err != nil || len(tail) != 5 {
		t.Errorf("the last five: got %d, %v", len(tail), err)
	}
}

func testNotCommitted(t *testing.T, b *bench) {
	for _, n := range []int{10, 100_000, 1 << 20} {
		w := b.write(random(n))
		if _, err := b.s.Open(t.Context(), w.ID(), 0); !errors.Is(err, blob.ErrIkkeFunnet) {
			t.Errorf("%d bytes: got %v", n, err)
		}
		if err := b.db.Write(t.Context(), func(tx *store.Tx) error {
			if err := w.Commit(t.Context(), tx); err != nil {
				return err
			}
			_, err := b.s.Open(t.Context(), w.ID(), 0) // from another connection
			if !errors.Is(err, blob.ErrIkkeFunnet) {
				t.Errorf("%d bytes: within the transaction: got %v", n, err)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if got, err := b.read(w.ID(), 0); err != nil || len(got) != n {
			t.Errorf("%d bytes: got %d, %v", n, len(got), err)
		}
	}
	unfinished := b.s.Create(t.Context())
	defer unfinished.Discard()
	if err := b.db.Write(t.Context(), func(tx *store.Tx) error { return unfinished.Commit(t.Context(), tx) }); err == nil {
		t.Error("Commit before Close: no error")
	}
}

func testRollback(t *testing.T, b *bench) {
	no := errors.New("no")
	for _, n := range []int{10, 100_000, 1 << 20} {
		w := b.write(random(n))
		if err := b.db.Write(t.Context(), func(tx *store.Tx) error {
			return errors.Join(w.Commit(t.Context(), tx), no)
		}); !errors.Is(err, no) {
			t.Fatal(err)
		}
		if _, err := b.s.Open(t.Context(), w.ID(), 0); !errors.Is(err, blob.ErrIkkeFunnet) {
			t.Errorf("%d bytes: got %v", n, err)
		}
		w.Discard()
	}
	if names := b.names(); len(names) != 0 {
		t.Errorf("left in the backend: %v", names)
	}
}

func testDiscard(t *testing.T, b *bench) {
	for _, n := range []int{0, 10, 100_000, 300_000, 3 << 20} {
		w := b.s.Create(t.Context()) // in the middle
		if _, err := w.Write(random(n)); err != nil {
			t.Fatal(err)
		}
		w.Discard()
		w.Discard()
		if _, err := w.Write([]byte("x")); err == nil {
			t.Error("Write after Discard: no error")
		}
		if err := w.Close(); err == nil {
			t.Error("Close after Discard: no error")
		}
		if err := b.db.Write(t.Context(), func(tx *store.Tx) error { return w.Commit(t.Context(), tx) }); err == nil {
			t.Error("Commit after Discard: no error")
		}
		b.write(random(n)).Discard() // after Close
	}
	if names := b.names(); len(names) != 0 {
		t.Errorf("left in the backend: %v", names)
	}
	w := b.write(random(1 << 20)) // after the commit
	b.commit(w)
	w.Discard()
	if got, err := b.read(w.ID(), 0); err != nil || len(got) != 1<<20 {
		t.Errorf("after the commit: got %d, %v", len(got), err)
	}
}

func testBackendFails(t *testing.T, b *bench) {
	b.backend.fail = errors.New("disk full")
	w := b.s.Create(t.Context())
	defer w.Discard()
	_, err := io.Copy(w, io.LimitReader(rand.NewChaCha8([32]byte{}), 1<<20))
	if err == nil {
		err = w.Close()
	}
	if !errors.Is(err, b.backend.fail) {
		t.Errorf("got %v", err)
	}
	if err := b.db.Write(t.Context(), func(tx *store.Tx) error { return w.Commit(t.Context(), tx) }); err == nil {
		t.Error("Commit: no error")
	}
}

func testDelete(t *testing.T, b *bench) {
	small, middle, large := b.store(random(10)), b.store(random(100_000)), b.store(random(1<<20))
	no := errors.New("no")
	del := func(end error) error {
		return b.db.Write(t.Context(), func(tx *store.Tx) error {
			return errors.Join(b.s.Delete(t.Context(), tx, small), b.s.Delete(t.Context(), tx, middle), b.s.Delete(t.Context(), tx, large), b.s.Delete(t.Context(), tx, uuid.NewString()), end)
		})
	}
	if err := del(no); !errors.Is(err, no) {
		t.Fatal(err)
	}
	b.s.Wait()
	for _, id := range []string{small, middle, large} {
		if _, err := b.read(id, 0); err != nil {
			t.Errorf("after a failed transaction: %v", err)
		}
	}
	if err := del(nil); err != nil {
		t.Fatal(err)
	}
	b.s.Wait()
	for _, id := range []string{small, middle, large} {
		if _, err := b.read(id, 0); !errors.Is(err, blob.ErrIkkeFunnet) {
			t.Errorf("after the commit: got %v", err)
		}
	}
	if names := b.names(); len(names) != 0 {
		t.Errorf("left in the backend: %v", names)
	}
}

func testDamage(t *testing.T, b *bench) {
	const n = 1 << 20
	content := random(n)
	id := b.store(content)
	small := b.store(content[:1000])
	r := rand.New(rand.NewPCG(1, 2))
	damages := map[string]func(c []byte) []byte{
		"empty":                  func(c []byte) []byte { return nil },
		"one byte too few":       func(c []byte) []byte { return c[:len(c)-1] },
		"cut at a package":       func(c []byte) []byte { return c[:8*(64<<10+32)] },
		"one byte too many":      func(c []byte) []byte { return append(c, 0) },
		"a package twice":        func(c []byte) []byte { return append(c[:64<<10+32:64<<10+32], c...) },
		"a package left out":     func(c []byte) []byte { return c[64<<10+32:] },
		"two packages exchanged": func(c []byte) []byte { p := 64<<10 + 32; return slices.Concat(c[p:2*p], c[:p], c[2*p:]) },
	}
	for range 50 {
		at, bit := r.IntN(n), byte(1)<<r.IntN(8)
		damages[fmt.Sprintf("bit %d of byte %d", bit, at)] = func(c []byte) []byte { c[at] ^= bit; return c }
	}
	for name, damage := range damages {
		b.backend.damage = damage
		got, err := b.read(id, 0)
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		if !bytes.HasPrefix(content, got) {
			t.Errorf("%s: wrong bytes came out before the error", name)
		}
	}
	b.backend.damage = nil
	if got, err := b.read(id, 0); err != nil || !bytes.Equal(got, content) {
		t.Errorf("undamaged: got %d, %v", len(got), err)
	}
	// And in the row.
	if err := b.db.Write(t.Context(), func(tx *store.Tx) error {
		var c []byte
		if err := tx.QueryRowContext(t.Context(), `SELECT inline FROM blobs WHERE id = $1`, small).Scan(&c); err != nil {
			return err
		}
		c[500] ^= 1
		_, err := tx.ExecContext(t.Context(), `UPDATE blobs SET inline = $2 WHERE id = $1`, small, c)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.read(small, 0); err == nil {
		t.Error("a damaged row: no error")
	}
	// A file that was lost is no deleted blob.
	if err := b.backend.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if _, err := b.read(id, 0); err == nil || errors.Is(err, blob.ErrIkkeFunnet) {
		t.Errorf("lost content: got %v", err)
	}
}

func testExchanged(t *testing.T, b *bench) {
	one, two := b.store([]byte("one")), b.store([]byte("two"))
	exec := func(query string, args ...any) {
		t.Helper()
		if err := b.db.Write(t.Context(), func(tx *store.Tx) error {
			_, err := tx.ExecContext(t.Context(), query, args...)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	exec(`UPDATE blobs SET (wrapped_key, inline) = (SELECT wrapped_key, inline FROM blobs WHERE id = $1) WHERE id = $2`, one, two)
	if got, err := b.read(two, 0); err == nil {
		t.Errorf("another's content: %q", got)
	}
	exec(`UPDATE blobs SET size = 2 WHERE id = $1`, one)
	if got, err := b.read(one, 0); err == nil {
		t.Errorf("another size: %q", got)
	}
}

func testSweep(t *testing.T, b *bench) {
	kept := b.store(random(1 << 20))
	orphan := uuid.NewString()
	if err := b.backend.Put(t.Context(), orphan, strings.NewReader("left by a crash")); err != nil {
		t.Fatal(err)
	}
	underWay := b.write(random(1 << 20))
	sweep := func(want int) {
		t.Helper()
		if n, err := b.s.Sweep(t.Context()); err != nil || n != want {
			t.Errorf("removed %d, %v; want %d", n, err, want)
		}
	}
	sweep(0) // too young
	b.k.Sett(b.k.Now().Add(48 * time.Hour))
	sweep(1)
	sweep(0)
	if _, err := b.backend.Get(t.Context(), orphan, 0); !errors.Is(err, blob.ErrIkkeFunnet) {
		t.Errorf("the orphan: %v", err)
	}
	b.commit(underWay)
	sweep(0)
	for _, id := range []string{kept, underWay.ID()} {
		if got, err := b.read(id, 0); err != nil || len(got) != 1<<20 {
			t.Errorf("got %d, %v", len(got), err)
		}
	}
}

func testNotThere(t *testing.T, b *bench) {
	for _, id := range []string{uuid.NewString(), "", "../../etc/passwd"} {
		if _, err := b.s.Open(t.Context(), id, 0); !errors.Is(err, blob.ErrIkkeFunnet) {
			t.Errorf("Open %q: got %v", id, err)
		}
		if _, err := b.s.Size(t.Context(), id); !errors.Is(err, blob.ErrIkkeFunnet) {
			t.Errorf("Size %q: got %v", id, err)
		}
	}
}

// testMany: small blobs that wait for their commit take 64 MiB together, not more.
func testMany(t *testing.T, b *bench) {
	content, count := random(200<<10), 500
	if b.segments != nil { // those lie in a segment: it is the smaller ones that wait
		content, count = random(15<<10), 4500
	}
	for _, end := range []string{"discard", "commit"} {
		var ws []*blob.Writer
		for range count {
			ws = append(ws, b.write(content))
		}
		before := len(b.names())
		if kept := (len(ws) - before) * len(content); kept > 64<<20 || kept < 48<<20 { // they lie in buffers of 256 KiB
			t.Errorf("before the %s: %d bytes are kept in memory", end, kept)
		}
		if end == "commit" {
			if err := b.db.Write(t.Context(), func(tx *store.Tx) error {
				for _, w := range ws {
					if err := w.Commit(t.Context(), tx); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		for _, w := range ws {
			w.Discard()
		}
		if end == "commit" {
			for _, w := range []*blob.Writer{ws[0], ws[count-1]} {
				if got, err := b.read(w.ID(), 0); err != nil || !bytes.Equal(got, content) {
					t.Errorf("%d bytes came back, %v", len(got), err)
				}
			}
		} else if n := len(b.names()); n != 0 {
			t.Errorf("%d are left in the backend", n)
		}
	}
	before := len(b.names())
	b.store(content)
	if len(b.names()) != before {
		t.Error("there is room again, and yet a small one went to the backend")
	}
}

func testRotation(t *testing.T, b *bench) {
	ids := []string{b.store(random(1000)), b.store(random(100_000)), b.store(random(1 << 20))}
	if err := b.ring.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if _, err := b.read(id, 0); err != nil {
			t.Error(err)
		}
	}
}
