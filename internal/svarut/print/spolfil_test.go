package print

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/store"
)

// A copy reads at any place as the bytes in memory do, whether the blob lies in the
// database or in files, and whether its blocks fit in what is kept or not.
func TestSpolfil(t *testing.T) {
	t.Parallel()
	g := grunntest.Ny(t)
	for _, size := range []int{0, 1, blokkStr - 1, blokkStr, blokkStr + 1, 200_000, 300_000, (maksBlokker + 9) * blokkStr} {
		data := make([]byte, size)
		_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(data)
		w := g.Blobs.Create(t.Context())
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := g.DB.Write(t.Context(), func(tx *store.Tx) error { return w.Commit(t.Context(), tx) }); err != nil {
			t.Fatal(err)
		}
		var lager blokklager
		f := &spolfil{ctx: t.Context(), blobs: g.Blobs, id: w.ID(), size: int64(size), blokker: &lager}
		inn, fasit := make([]byte, 3*blokkStr), make([]byte, 3*blokkStr)
		r := rand.New(rand.NewPCG(1, uint64(size)))
		for range 60 {
			n, off := r.IntN(len(inn)), r.Int64N(int64(size)+10)
			nf, feilF := f.ReadAt(inn[:n], off)
			nb, feilB := bytes.NewReader(data).ReadAt(fasit[:n], off)
			if n == 0 {
				continue // readers differ on the end of nothing
			}
			if nf != nb || feilF != feilB || !bytes.Equal(inn[:nf], fasit[:nb]) {
				t.Fatalf("size %d, %d bytes at %d: %d, %v; want %d, %v", size, n, off, nf, feilF, nb, feilB)
			}
		}
		got, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("size %d read whole: %d bytes, %v", size, len(got), err)
		}
		if len(lager) > maksBlokker {
			t.Errorf("%d blocks are kept", len(lager))
		}
		if _, err := f.ReadAt(inn[:1], -1); err == nil {
			t.Error("reading before the beginning succeeds")
		}
		f.lukk()
	}
}
