package klokke

import "testing"

func TestKlokkeslett(t *testing.T) {
	t.Parallel()
	timer := []int{9, 12, 15}
	for _, c := range []struct{ naa, etter, sist string }{
		{"2026-06-10T08:59", "2026-06-10T09:00", "2026-06-09T15:00"},
		{"2026-06-10T09:00", "2026-06-10T12:00", "2026-06-10T09:00"},
		{"2026-06-10T15:00", "2026-06-11T09:00", "2026-06-10T15:00"},
		{"2026-03-28T16:00", "2026-03-29T09:00", "2026-03-28T15:00"}, // summer time begins in the night
		{"2026-10-24T16:00", "2026-10-25T09:00", "2026-10-24T15:00"},
		{"2026-12-31T23:59", "2027-01-01T09:00", "2026-12-31T15:00"},
	} {
		naa := oslotid(t, c.naa)
		if got := NesteKlokkeslett(naa, timer); !got.Equal(oslotid(t, c.etter)) {
			t.Errorf("after %s: %s", c.naa, got)
		}
		if got := SisteKlokkeslett(naa, timer); !got.Equal(oslotid(t, c.sist)) {
			t.Errorf("last before %s: %s", c.naa, got)
		}
	}
}
