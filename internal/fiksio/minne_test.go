package fiksio

import (
	"runtime"
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
	legg := func(seq int64, behold bool, n int) {
		c.leggTil("k", seq, behold, func() amqp.Message { return amqp.Message{Seq: seq, Body: make([]byte, n)} })
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
	vent(0, 10, nil, false) // nothing known: the database
	legg(1, false, 1)       // nobody consumes
	vent(0, 10, nil, false)
	legg(2, true, 1)
	legg(3, true, 1)
	vent(0, 10, nil, false) // 1 is in the database
	vent(1, 1, []int64{2}, true)
	vent(2, 10, []int64{3}, true)
	vent(3, 10, nil, true)  // known to be empty
	vent(2, 10, nil, false) // handed out already: it may be back, ask the database
	legg(4, true, 1)
	c.fjern("k", 4)
	vent(3, 10, nil, true)
	legg(5, true, 1500)
	legg(6, true, 1500) // no room: forget it all
	vent(4, 10, nil, false)
	if c.bytes != 0 {
		t.Errorf("%d bytes are still counted", c.bytes)
	}
}
