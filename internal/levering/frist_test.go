package levering

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/store"
)

// sendMange makes leveringer that wait for one and the same moment, in the order
// of the ids that it gives.
func (h *hus) sendMange(t *testing.T, n int) (ider []string) {
	t.Helper()
	h.skriv(t, func(tx *store.Tx) error {
		for range n {
			id := uuid.NewString()
			ider = append(ider, id)
			if err := h.s.Opprett(t.Context(), tx, Ny{ID: id, Kilde: "test", KildeID: id, FiksOrgID: uuid.NewString(),
				Plan: []Steg{{Kanal: KanalFiksIO, Frist: time.Hour}, {Kanal: KanalSvarUt, Frist: time.Hour}}}); err != nil {
				return err
			}
			h.Klokke.Sett(h.Klokke.Now().Add(time.Microsecond)) // the order in which they were accepted
		}
		return nil
	})
	h.kjor(t)
	return ider
}

// rekkefolge is a source that remembers who reached their deadline, in order.
type rekkefolge struct {
	kilde
	ider []string
	feil map[string]int // how often each is still to fail
}

func (r *rekkefolge) Endret(l Levering) error {
	if l.Tilstand != TTLTidsavbrudd {
		return nil
	}
	if r.feil[l.ID] > 0 {
		r.feil[l.ID]--
		return errors.New("on purpose")
	}
	r.ider = append(r.ider, l.ID)
	return nil
}

// Deadlines that fall due together fire once each and in order; one that fails
// holds up none of the others, and comes later.
func TestMangeFristerIRekkefolge(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, true)
	r := &rekkefolge{feil: map[string]int{}}
	h.s.RegistrerKilde("test", endrer{&r.kilde, r.Endret})
	ider := h.sendMange(t, 3*fristBunt+7)
	for _, id := range ider { // one and the same moment for all
		h.skriv(t, func(tx *store.Tx) error {
			l, err := hent(t.Context(), tx, id)
			if err != nil {
				return err
			}
			l.Frist = h.Klokke.Now().Add(time.Hour)
			return oppdater(t.Context(), tx, l)
		})
	}
	treg := ider[fristBunt+3]
	r.feil[treg] = 2 // with the others, and alone
	h.fram(t, time.Hour)
	want := slices.DeleteFunc(slices.Clone(ider), func(id string) bool { return id == treg })
	// What a rolled back transaction told the source does not count: take the last of each.
	if got := siste(r.ider); !slices.Equal(got, want) {
		t.Fatalf("%d fired, want %d, or in another order", len(got), len(want))
	}
	h.fram(t, utsett)
	if got := r.ider[len(r.ider)-1]; got != treg {
		t.Fatal("the one that failed did not come later")
	}
	for _, id := range ider {
		if l, hist := h.hent(t, id); l.Kanal != KanalSvarUt || len(hist) != 4 {
			t.Fatalf("%s: by %s, history %v", id, l.Kanal, tilstander(hist))
		}
	}
}

// siste keeps the last mention of each.
func siste(ider []string) (ut []string) {
	sett := map[string]bool{}
	for _, id := range slices.Backward(ider) {
		if !sett[id] {
			sett[id] = true
			ut = append(ut, id)
		}
	}
	slices.Reverse(ut)
	return ut
}

// endrer is a source with another Endret.
type endrer struct {
	*kilde
	endret func(Levering) error
}

func (e endrer) Endret(_ context.Context, _ *store.Tx, l Levering) error { return e.endret(l) }

// leser is a channel whose receipts wait to be read.
type leser struct {
	*kanal
	les  func() error
	lest int
}

func (k *leser) LesKvitteringer(context.Context) error {
	k.lest++
	return k.les()
}

// What was confirmed in time is confirmed, though nobody has read it when the
// deadline is acted on; and receipts that cannot be read hold up no deadline.
func TestKvitteringerLesesForFristen(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, true)
	ider := h.sendMange(t, 2)
	k := &leser{kanal: h.fiks}
	k.les = func() error {
		h.skriv(t, func(tx *store.Tx) error {
			_, err := h.s.Bekreft(t.Context(), tx, KanalFiksIO, h.fiks.sett[0])
			return err
		})
		return errors.New("another one cannot be read")
	}
	h.s.RegistrerKanal(k)
	h.fram(t, 30*time.Minute)
	if k.lest != 0 {
		t.Error("read before there was a deadline")
	}
	h.fram(t, time.Hour)
	for i, want := range []string{KanalFiksIO, KanalSvarUt} {
		if l, _ := h.hent(t, ider[i]); l.Kanal != want || (l.Tilstand == Bekreftet) != (want == KanalFiksIO) {
			t.Errorf("number %d is %s by %s, want it with %s", i, l.Tilstand, l.Kanal, want)
		}
	}
}
