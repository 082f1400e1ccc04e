package fiksio

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/fiksio/amqp"
)

func minneBruk() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestMinne(t *testing.T) {
	t.Parallel()
	c := newMinne(2000)
	legg := func(seq int64, alene, konsumenter bool, n int) {
		c.leggTil("k", seq, alene, konsumenter, func() amqp.Message { return amqp.Message{Seq: seq, Body: make([]byte, n)} })
	}
	hent := func(after int64, limit int) (seqs []int64, ok bool) {
		ms, ok := c.hent("k", after, limit)
		for _, m := range ms {
			seqs = append(seqs, m.Seq)
		}
		return seqs, ok
	}
	vent := func(after int64, limit int, want []int64, wantOK bool) {
		t.Helper()
		got, ok := hent(after, limit)
		if ok != wantOK || !cmp.Equal(got, want) {
			t.Fatalf("after %d: %v %v, want %v %v", after, got, ok, want, wantOK)
		}
	}
	vent(0, 10, nil, false)  // nothing known: the database
	legg(1, false, false, 1) // nobody consumes
	vent(0, 10, nil, false)
	legg(2, false, true, 1)
	legg(3, false, true, 1)
	vent(0, 10, nil, false) // 1 is in the database
	vent(1, 1, []int64{2}, true)
	vent(2, 10, []int64{3}, true)
	vent(3, 10, nil, true)  // known to be empty
	vent(2, 10, nil, false) // handed out already: it may be back, ask the database
	legg(4, false, true, 1)
	c.fjern("k", 4)
	vent(3, 10, nil, true)
	legg(5, true, false, 1) // all before it are gone
	vent(0, 10, []int64{5}, true)
	vent(0, 10, nil, false)
	legg(6, false, true, 1500)
	legg(7, false, true, 1500) // no room: forget it all
	vent(5, 10, nil, false)
	if c.bytes != 0 {
		t.Errorf("%d bytes are still counted", c.bytes)
	}
}

// TestReadyErAlltidSomDatabasen plays the listener at random and compares what is
// handed out with what is in the database.
func TestReadyErAlltidSomDatabasen(t *testing.T) {
	t.Parallel()
	for fro := range uint64(20) {
		h := nyttHus(t, func(*Deps) {})
		k := h.konto(t)
		h.minne.maks = 3000
		kons := &konsumenter{}
		h.Koble(kons)
		pub := Publiserende{h.Broker(innlogging{})}
		r := rand.New(rand.NewPCG(fro, 1))
		var holdt []int64
		var cursor int64
		for steg := range 300 {
			switch r.IntN(7) {
			case 0, 1:
				ms := make([]amqp.Publishing, 1+r.IntN(3))
				for i := range ms {
					ms[i] = amqp.Publishing{Queue: Ko(k.ID), Body: make([]byte, r.IntN(400))}
				}
				if _, err := pub.Publish(t.Context(), ms); err != nil {
					t.Fatal(err)
				}
			case 2:
				kons.n = r.IntN(2)
			case 3: // a new consumer, or a look from the start
				cursor = 0
			case 4:
				for len(holdt) > 0 && r.IntN(4) > 0 {
					i := r.IntN(len(holdt))
					if err := pub.Ack(t.Context(), []amqp.Ref{{Queue: Ko(k.ID), Seq: holdt[i]}}); err != nil {
						t.Fatal(err)
					}
					holdt = append(holdt[:i], holdt[i+1:]...)
				}
			case 5: // taken by hand
				if m, ok, err := h.Neste(t.Context(), k.ID); err != nil || ok && h.Ta(t.Context(), m, nil) != nil {
					t.Fatal(err)
				} else if i := slices.Index(holdt, m.Seq); i >= 0 {
					holdt = append(holdt[:i], holdt[i+1:]...)
				}
			default:
				limit := 1 + r.IntN(5)
				want := []int64{}
				for _, m := range h.ko(t, k) {
					if m.Seq > cursor && len(want) < limit {
						want = append(want, m.Seq)
					}
				}
				ms, err := pub.Ready(t.Context(), Ko(k.ID), cursor, limit)
				if err != nil {
					t.Fatal(err)
				}
				got := []int64{}
				for _, m := range ms {
					got = append(got, m.Seq)
					cursor = max(cursor, m.Seq)
					if !slices.Contains(holdt, m.Seq) {
						holdt = append(holdt, m.Seq)
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("seed %d, step %d (-database +handed out)\n%s", fro, steg, diff)
				}
			}
		}
	}
}

// konsumenter is a listener of which only the number of consumers matters.
type konsumenter struct {
	ingenKringkaster
	n int
}

func (k *konsumenter) Consumers(string) int { return k.n }
