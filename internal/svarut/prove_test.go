package svarut

import (
	"errors"
	"testing"
	"time"

	"knutepunkt/internal/levering"
)

// A test of a set-up goes to SvarInn and nowhere else, is told to nobody, and its
// files go a day after its end.
func TestProveBareSvarInn(t *testing.T) {
	t.Parallel()
	for navn, tt := range map[string]struct {
		hend   string
		status Status
	}{
		"nobody fetches":  {"", IkkeLevert},
		"cannot be taken": {"avslå", IkkeLevert},
		"acknowledged":    {"kvitter SvarInn", Lest},
	} {
		t.Run(navn, func(t *testing.T) {
			t.Parallel()
			h := nyttHus(t)
			f := digisosForsendelse()
			f.Post.BareSvarInn = 30 * time.Minute
			_, id := h.tilDigisos(t, f)
			l := h.levering(t, id)
			for _, kanal := range []string{levering.KanalAltinn, levering.KanalPrint} { // whatever its plan says
				if _, err := (kilde{h.s}).Forsendelse(t.Context(), l, kanal); !errors.Is(err, levering.ErrIkkeMulig) {
					t.Errorf("%s may have it: %v", kanal, err)
				}
			}
			if tt.hend != "" {
				h.hend(t, id, tt.hend)
			}
			h.Frem(t, 41*time.Minute)
			if got := h.status(t, id); got != tt.status {
				t.Fatalf("%s, want %s\n%s", got, tt.status, h.historie(t, id))
			}
			for navn, k := range h.kanaler {
				if n := len(k.sett); navn == levering.KanalSvarInn && n != 1 || navn != levering.KanalSvarInn && n != 0 {
					t.Errorf("%s got it %d times", navn, n)
				}
			}
			h.Frem(t, 24*time.Hour)
			s, err := h.s.Hent(t.Context(), id)
			must(t, err)
			if s.Slettet.IsZero() {
				t.Error("its files are kept")
			}
			if l := h.levering(t, id); l.Alarm || !l.Ferdig() {
				t.Errorf("%+v", l)
			}
		})
	}
}
