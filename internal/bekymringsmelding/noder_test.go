package bekymringsmelding

import (
	"sync"
	"testing"
	"time"
)

// Two nodes on one database come to the same deadlines: each report becomes one letter,
// each contact is told once, and no state comes twice (§19.5).
func TestToNoder(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	var ider []string
	for range 5 {
		ider = append(ider, h.send(t, bydelFiksIO), h.send(t, bydelSvarInn), h.send(t, bydelManuell))
	}
	annen := h.node(t)
	noder := []*hus{h, annen}
	for range 4 * 24 { // each hour of four days, both at once
		h.Klokke.Sett(h.Klokke.Now().Add(time.Hour))
		var venter sync.WaitGroup
		for _, n := range noder {
			venter.Go(func() {
				if err := n.Jobs.RunDue(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		venter.Wait()
	}
	if n := len(h.jobber(t)); n != len(ider) {
		t.Errorf("%d letters of %d reports", n, len(ider))
	}
	for _, id := range ider {
		h.vil(t, id, "AKSEPTERT SENDT_FAGSYSTEM SENDT_PRINT")
	}
	// Wednesday 10:00, to Friday 10:00 when the letters go: at 12 and 15, twice at all three, and at 09.
	if got := h.epost(t, "varsel@bergen.test"); len(got) != 6 {
		t.Errorf("reminded %d times: %v", len(got), got)
	}
}
