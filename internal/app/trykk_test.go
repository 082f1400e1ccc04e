package app

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// Requests are pressure when there are many of them and some wait for a
// processor; it is remembered for a moment.
func TestOpptatt(t *testing.T) {
	t.Parallel()
	var slutt atomic.Bool
	t.Cleanup(func() { slutt.Store(true) })
	for range 4 * runtime.GOMAXPROCS(0) {
		go func() {
			for !slutt.Load() {
				runtime.Gosched()
			}
		}()
	}
	a := &App{}
	if a.opptatt() {
		t.Error("pressure without requests")
	}
	a.igang.Store(int64(2*runtime.GOMAXPROCS(0)) + 1)
	for frist := time.Now().Add(10 * time.Second); !a.opptatt(); {
		if time.Now().After(frist) {
			t.Fatal("no pressure, with many requests and goroutines that wait for a processor")
		}
	}
	a.igang.Store(0)
	naa := time.Now()
	for _, tt := range []struct {
		siden time.Duration
		vil   bool
	}{{-time.Minute, true}, {trykkHuskes, false}} {
		sist := naa.Add(-tt.siden)
		a.trykk.Store(&sist)
		if got := a.opptatt(); got != tt.vil {
			t.Errorf("%v after the last pressure: %v", tt.siden, got)
		}
	}
}
