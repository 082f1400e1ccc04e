package klokke

import (
	"testing"
	"time"
)

// Hours of the day are Norwegian ones, also over the change of the clock.
func TestKlokka(t *testing.T) {
	t.Parallel()
	timer := []int{9, 12, 15}
	oslotid := func(t *testing.T, s string) time.Time {
		t.Helper()
		v, err := time.ParseInLocation("2006-01-02T15:04", s, Sone())
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct{ naa, etter, sist string }{
		{"2026-06-10T08:59", "2026-06-10T09:00", "2026-06-09T15:00"},
		{"2026-06-10T09:00", "2026-06-10T12:00", "2026-06-10T09:00"},
		{"2026-06-10T15:00", "2026-06-11T09:00", "2026-06-10T15:00"},
		{"2026-03-28T16:00", "2026-03-29T09:00", "2026-03-28T15:00"}, // summer time begins in the night
		{"2026-10-24T16:00", "2026-10-25T09:00", "2026-10-24T15:00"},
		{"2026-12-31T23:59", "2027-01-01T09:00", "2026-12-31T15:00"},
	} {
		naa := oslotid(t, c.naa)
		if got := EtterKlokka(naa, timer); !got.Equal(oslotid(t, c.etter)) {
			t.Errorf("after %s: %s", c.naa, got)
		}
		if got := SistKlokka(naa, timer); !got.Equal(oslotid(t, c.sist)) {
			t.Errorf("last before %s: %s", c.naa, got)
		}
	}
}
