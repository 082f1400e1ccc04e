package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/minio/sio"

	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

// segmentBench is a store over segments of 1 MiB; crash and start it again at will.
type segmentBench struct {
	*testing.T
	dir string
	db  *store.DB
	s   *Store
}

func newSegmentBench(t *testing.T) *segmentBench {
	t.Helper()
	t.Parallel()
	b := &segmentBench{T: t, dir: t.TempDir()}
	b.start(Migrations())
	return b
}

func (b *segmentBench) start(tables store.Migrations) {
	b.Helper()
	var err error
	must := func() {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	b.db, err = store.Open(b.Context(), filepath.Join(b.dir, "a.db"))
	must()
	b.Cleanup(func() { _ = b.db.Close() })
	err = b.db.Migrate(b.Context(), keys.Migrations(), tables)
	must()
	ring, err := keys.OpenRing(b.Context(), b.db, klokke.System{}, make([]byte, keys.MasterSize))
	must()
	files, err := Files(filepath.Join(b.dir, "blobs"))
	must()
	segments, err := OpenSegments(filepath.Join(b.dir, "blobs", "segmenter"))
	must()
	b.Cleanup(func() { _ = segments.Close() })
	segments.max = 1 << 20
	b.s = NewStore(b.db, ring, klokke.System{}, files, segments)
}

// crash leaves everything as a killed process does, and starts anew.
func (b *segmentBench) crash() {
	b.Helper()
	if err := b.db.Close(); err != nil {
		b.Fatal(err)
	}
	b.start(Migrations())
}

func innhold(n int) []byte {
	c := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)}).Read(c)
	return c
}

// write gives the closed writer of a blob of n bytes.
func (b *segmentBench) write(n int) *Writer {
	b.Helper()
	w := b.s.Create(b.Context())
	if _, err := w.Write(innhold(n)); err != nil {
		b.Error(err)
	}
	if err := w.Close(); err != nil {
		b.Error(err)
	}
	return w
}

func (b *segmentBench) commit(ws ...*Writer) error {
	return b.db.Write(b.Context(), func(tx *store.Tx) error {
		for _, w := range ws {
			if err := w.Commit(b.Context(), tx); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *segmentBench) store(n int) string {
	b.Helper()
	w := b.write(n)
	defer w.Discard()
	if err := b.commit(w); err != nil {
		b.Error(err)
	}
	return w.ID()
}

func (b *segmentBench) delete(ids ...string) {
	b.Helper()
	if err := b.db.Write(b.Context(), func(tx *store.Tx) error {
		for _, id := range ids {
			if err := b.s.Delete(b.Context(), tx, id); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		b.Error(err)
	}
}

func (b *segmentBench) read(id string, offset int) ([]byte, error) {
	r, err := b.s.Open(b.Context(), id, int64(offset))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func (b *segmentBench) has(id string, n int) {
	b.Helper()
	if got, err := b.read(id, 0); err != nil || !bytes.Equal(got, innhold(n)) {
		b.Errorf("of %d bytes %d came back, or others: %v", n, len(got), err)
	}
}

func (b *segmentBench) sweep(want int) {
	b.Helper()
	if n, err := b.s.Sweep(b.Context()); err != nil || n != want {
		b.Errorf("swept %d files, %v; want %d", n, err, want)
	}
}

// place is what the row tells: the segment, 0 for none.
func (b *segmentBench) place(id string) (nr, pos int64) {
	b.Helper()
	c, err := b.s.row(b.Context(), id)
	if err != nil {
		b.Fatal(err)
	}
	return c.segment, c.pos
}

func (b *segmentBench) files() int {
	b.Helper()
	all, err := b.s.seg.list()
	if err != nil {
		b.Fatal(err)
	}
	return len(all)
}

func TestWhatGoesToSegments(t *testing.T) {
	b := newSegmentBench(t)
	for _, n := range []int{0, 1, segmentMin - 33, segmentMin - 32, 100_000, inlineMax - 4*32, inlineMax - 4*32 + 1} {
		id := b.store(n)
		nr, _ := b.place(id)
		if want := n >= segmentMin-32 && n <= inlineMax-4*32; (nr != 0) != want {
			t.Errorf("%d bytes are in segment %d", n, nr)
		}
		b.has(id, n)
	}
}

func TestSegmentFull(t *testing.T) {
	b := newSegmentBench(t)
	ids := map[int]string{}
	for i := range 40 { // 4 MB
		n := 100_000 + i
		ids[n] = b.store(n)
	}
	if n := b.files(); n != 4 {
		t.Errorf("%d segments", n)
	}
	for n, id := range ids {
		b.has(id, n)
		if got, err := b.read(id, 70_000); err != nil || !bytes.Equal(got, innhold(n)[70_000:]) {
			t.Errorf("from 70000: got %d others, %v", len(got), err)
		}
	}
	if open := len(b.s.seg.busy); open != 1 {
		t.Errorf("%d segments are held open", open)
	}
}

func TestSegmentsManyAtOnce(t *testing.T) {
	b := newSegmentBench(t)
	var fsyncs atomic.Int64
	b.s.seg.fsync = func(f *os.File) error { fsyncs.Add(1); return f.Sync() }
	const writers, each = 32, 4
	var ids sync.Map
	var ready, all sync.WaitGroup
	ready.Add(writers)
	all.Go(func() { // keeps the database busy until all are there
		if err := b.db.Write(t.Context(), func(*store.Tx) error { ready.Wait(); return nil }); err != nil {
			t.Error(err)
		}
	})
	for i := range writers {
		all.Go(func() {
			var ws []*Writer
			for j := range each {
				n := 20_000 + i*each + j
				w := b.write(n)
				ids.Store(n, w.ID())
				ws = append(ws, w)
			}
			ready.Done()
			if err := b.commit(ws...); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	ids.Range(func(n, id any) bool { b.has(id.(string), n.(int)); return true })
	// Three segments of one or a few commits, not one for each of 128 blobs.
	if n := fsyncs.Load(); n > writers/2 {
		t.Errorf("%d fsyncs for %d commits that came together", n, writers)
	}
}

// Nothing is visible before it is synced, and a sync counts only for what was in
// the file when it began.
func TestSyncedBeforeCommitted(t *testing.T) {
	b := newSegmentBench(t)
	one, two := b.write(100_000), (*Writer)(nil)
	var synced []int64
	b.s.seg.fsync = func(f *os.File) error {
		info, err := f.Stat()
		if err != nil {
			return err
		}
		synced = append(synced, info.Size())
		if two == nil {
			two = b.write(50_000)
		}
		if _, err := b.s.Size(t.Context(), one.ID()); len(synced) == 1 && !errors.Is(err, ErrIkkeFunnet) {
			t.Errorf("visible before it was synced: %v", err)
		}
		return f.Sync()
	}
	for _, w := range []*Writer{one, two} {
		if w == nil {
			w = two
		}
		if err := b.commit(w); err != nil {
			t.Fatal(err)
		}
	}
	if want := []int64{kodet(100_000), kodet(100_000) + kodet(50_000)}; fmt.Sprint(synced) != fmt.Sprint(want) {
		t.Errorf("synced at the sizes %d, want %d", synced, want)
	}
	b.has(one.ID(), 100_000)
	b.has(two.ID(), 50_000)
}

func TestFsyncFails(t *testing.T) {
	b := newSegmentBench(t)
	before := b.store(30_000)
	waits, fails := b.write(40_000), b.write(50_000)
	broken := errors.New("broken")
	calls := 0
	b.s.seg.fsync = func(*os.File) error { calls++; return broken }
	if err := b.commit(fails); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	b.s.seg.fsync = (*os.File).Sync
	for _, w := range []*Writer{fails, waits} { // no second try makes it good
		if err := b.commit(w); !errors.Is(err, broken) {
			t.Errorf("afterwards: got %v", err)
		}
		if _, err := b.read(w.ID(), 0); !errors.Is(err, ErrIkkeFunnet) {
			t.Errorf("afterwards: got %v", err)
		}
		w.Discard()
	}
	if calls != 1 {
		t.Errorf("%d fsyncs of a file that failed", calls)
	}
	after := b.store(60_000)
	b.has(before, 30_000)
	b.has(after, 60_000)
	if was, is := first(b.place(before)), first(b.place(after)); is <= was {
		t.Errorf("went on in segment %d after %d", is, was)
	}
}

func first(nr, _ int64) int64 { return nr }

func TestSegmentCannotBeMade(t *testing.T) {
	b := newSegmentBench(t)
	dir := filepath.Join(b.dir, "blobs", "segmenter")
	if err := os.Rename(dir, dir+"-gone"); err != nil {
		t.Fatal(err)
	}
	w := b.s.Create(t.Context())
	defer w.Discard()
	_, _ = w.Write(innhold(100_000))
	if err := w.Close(); err == nil {
		t.Error("no error")
	}
	if err := b.commit(w); err == nil {
		t.Error("Commit: no error")
	}
	if err := os.Rename(dir+"-gone", dir); err != nil {
		t.Fatal(err)
	}
	b.has(b.store(100_000), 100_000)
}

func TestCrashBetweenAppendAndCommit(t *testing.T) {
	b := newSegmentBench(t)
	kept := b.store(600_000 / 3)
	lost := b.write(100_000)
	b.crash()
	if _, err := b.read(lost.ID(), 0); !errors.Is(err, ErrIkkeFunnet) {
		t.Errorf("got %v", err)
	}
	b.has(kept, 200_000)
	next := b.store(100_000)
	if was, is := first(b.place(kept)), first(b.place(next)); is <= was {
		t.Errorf("segment %d after %d: that of a killed process is not written to again", is, was)
	}
	b.crash()
	b.write(100_000) // a segment with nothing but leftovers
	b.crash()
	b.sweep(1)
	b.has(kept, 200_000)
	b.has(next, 100_000)
}

func TestSweepSegments(t *testing.T) {
	b := newSegmentBench(t)
	ids := map[string]int{}
	var gone []string
	for i := range 18 { // ten in the first segment
		n := 100_000 + i
		id := b.store(n)
		ids[id] = n
		if i < 6 {
			gone = append(gone, id)
		}
	}
	waits := b.write(100_100) // in the second
	b.sweep(0)
	b.delete(gone...) // the first has four of ten left
	for _, id := range gone {
		delete(ids, id)
		if _, err := b.read(id, 0); !errors.Is(err, ErrIkkeFunnet) {
			t.Errorf("deleted: got %v", err)
		}
	}
	check := func() {
		t.Helper()
		for id, n := range ids {
			b.has(id, n)
		}
	}
	b.sweep(0) // moves them
	check()
	for id := range ids {
		if nr, _ := b.place(id); nr == 1 {
			t.Error("one was not moved")
		}
	}
	if n := b.files(); n != 3 {
		t.Errorf("%d segments: what was moved is kept until the next sweep", n)
	}
	b.sweep(1)
	check()
	for id := range ids {
		b.delete(id)
	}
	b.sweep(0) // the second has one that waits, the third is the open one
	if err := b.commit(waits); err != nil {
		t.Fatal(err)
	}
	b.has(waits.ID(), 100_100)
	b.sweep(0)
	b.has(waits.ID(), 100_100)
	b.sweep(1)
	b.has(waits.ID(), 100_100)
	if n := b.files(); n != 1 {
		t.Errorf("%d segments are left", n)
	}
}

// What a sweep cannot read stays where it is, and does not keep the rest.
func TestSweepOverDamage(t *testing.T) {
	b := newSegmentBench(t)
	one, two := b.store(100_000), b.store(100_001)
	b.crash()
	if err := os.Truncate(b.s.seg.path(1), kodet(100_000)+5); err != nil {
		t.Fatal(err)
	}
	if _, err := b.s.Sweep(t.Context()); err == nil {
		t.Error("no error")
	}
	b.has(one, 100_000)
	if nr, _ := b.place(one); nr == 1 {
		t.Error("was not moved")
	}
	if _, err := b.read(two, 0); err == nil || errors.Is(err, ErrIkkeFunnet) {
		t.Errorf("got %v", err)
	}
}

func TestReadingBesideDeletingAndMoving(t *testing.T) {
	b := newSegmentBench(t)
	ctx, stop := context.WithCancel(t.Context())
	var readers, writers sync.WaitGroup
	kept := make([]string, 8)
	var gone []string
	for i := range kept {
		kept[i] = b.store(70_000 + i)
		gone = append(gone, b.store(200_000))
	}
	b.delete(gone...)
	b.crash() // those segments are closed, and less than half full of kept ones
	for i, id := range kept {
		readers.Go(func() {
			for ctx.Err() == nil {
				b.has(id, 70_000+i)
			}
		})
	}
	for range 2 {
		writers.Go(func() {
			for i := range 10 {
				n := 150_000 + i
				id := b.store(n)
				b.has(id, n)
				b.delete(id)
				if got, err := b.read(id, 0); !errors.Is(err, ErrIkkeFunnet) {
					t.Errorf("deleted: got %d bytes, %v", len(got), err)
				}
			}
		})
	}
	removed := 0
	writers.Go(func() {
		for range 10 {
			n, err := b.s.Sweep(ctx)
			if err != nil {
				t.Error(err)
			}
			removed += n
		}
	})
	writers.Wait()
	stop()
	readers.Wait()
	if removed < 2 {
		t.Errorf("%d segments were removed meanwhile", removed)
	}
}

// A row that was read before its content moved, and whose segment is gone.
func TestMovedWhileOpening(t *testing.T) {
	b := newSegmentBench(t)
	id := b.store(100_000)
	b.crash()
	before, err := b.s.row(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	b.sweep(0)
	b.sweep(1)
	if _, err := b.s.plain(t.Context(), before, 0); !errors.Is(err, ErrIkkeFunnet) {
		t.Errorf("got %v", err)
	}
	b.has(id, 100_000)
	nr, _ := b.place(id)
	if err := os.Remove(b.s.seg.path(nr)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.read(id, 0); err == nil || errors.Is(err, ErrIkkeFunnet) {
		t.Errorf("lost content is no deleted blob: got %v", err)
	}
}

func TestSegmentDamage(t *testing.T) {
	b := newSegmentBench(t)
	const n = 100_000
	id, other := b.store(n), b.store(n)
	place := func(pos int64) {
		t.Helper()
		if err := b.db.Write(t.Context(), func(tx *store.Tx) error {
			_, err := tx.ExecContext(t.Context(), `UPDATE blobs SET pos = $1 WHERE id = $2`, pos, id)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	_, otherPos := b.place(other)
	for _, pos := range []int64{1, pakkeKodet, otherPos, 1 << 30} {
		place(pos)
		if got, err := b.read(id, 0); err == nil || len(got) > 0 {
			t.Errorf("at %d: got %d bytes, %v", pos, len(got), err)
		}
	}
	place(0)
	b.has(id, n)
	f, err := os.OpenFile(b.s.seg.path(1), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		at, bit := r.Int64N(kodet(n)), byte(1)<<r.IntN(8)
		var c [1]byte
		_, _ = f.ReadAt(c[:], at)
		_, _ = f.WriteAt([]byte{c[0] ^ bit}, at)
		if got, err := b.read(id, 0); err == nil || !bytes.HasPrefix(innhold(n), got) {
			t.Errorf("bit %d of byte %d: got %d bytes, %v", bit, at, len(got), err)
		}
		_, _ = f.WriteAt(c[:], at)
	}
	b.has(id, n)
	b.has(other, n)
}

// What was stored before there were segments is read as it is.
func TestRowsFromBeforeSegments(t *testing.T) {
	t.Parallel()
	b := &segmentBench{T: t, dir: t.TempDir()}
	text, err := migrations.ReadFile("migrations/0001_blobs.sql")
	if err != nil {
		t.Fatal(err)
	}
	b.start(store.Migrations{Room: "blob", FS: fstest.MapFS{"migrations/0001_blobs.sql": {Data: text}}})
	const n = 200_000
	id, key := uuid.NewString(), make([]byte, keySize)
	var encrypted bytes.Buffer
	if _, err := sio.Encrypt(&encrypted, bytes.NewReader(innhold(n)), dareConfig(key, 0)); err != nil {
		t.Fatal(err)
	}
	wrapped, err := b.s.ring.Seal(keyContext(id, n), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.ExecContext(t.Context(), `INSERT INTO blobs (id, size, wrapped_key, inline, created) VALUES ($1, $2, $3, $4, $5)`,
			id, n, wrapped, encrypted.Bytes(), store.Micros(time.Now()))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	b.crash() // and migrates
	b.has(id, n)
	b.sweep(0)
	b.has(id, n)
	b.delete(id)
	if _, err := b.read(id, 0); !errors.Is(err, ErrIkkeFunnet) {
		t.Errorf("deleted: got %v", err)
	}
}
