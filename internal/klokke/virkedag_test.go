package klokke

import (
	"testing"
	"time"
)

func oslotid(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.ParseInLocation("2006-01-02T15:04", s, Sone())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// The vectors of the Bekymringsmelding wire contract, "2 virkedager".
func TestLeggTilVirkedager(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sent, frist, hvorfor string
		n                    int
	}{
		{"2026-06-10T09:00", "2026-06-12T09:00", "plain", 2},
		{"2026-04-01T14:00", "2026-04-08T14:00", "Easter", 2},
		{"2026-04-02T10:00", "2026-04-09T00:00", "sent on a holiday", 2},
		{"2026-05-13T09:00", "2026-05-18T09:00", "Kristi himmelfartsdag on 14 May", 2},
		{"2026-05-15T10:00", "2026-05-19T10:00", "17 May is a Sunday", 2},
		{"2027-05-14T08:00", "2027-05-19T08:00", "pinse on 16 and 17 May", 2},
		{"2025-04-30T15:00", "2025-05-05T15:00", "1 May", 2},
		{"2026-12-23T12:00", "2026-12-28T12:00", "24 December is a working day", 2},
		{"2026-12-30T16:00", "2027-01-04T16:00", "New Year", 2},
		{"2026-11-21T23:30", "2026-11-25T00:00", "sent on a Saturday", 2},
		{"2026-03-27T15:00", "2026-03-30T15:00", "over the change to summer time", 1},
		{"2026-10-23T15:00", "2026-10-26T15:00", "over the change to winter time", 1},
		{"2026-06-10T09:00", "2026-06-10T09:00", "none", 0},
	} {
		if got, want := LeggTilVirkedager(oslotid(t, c.sent).UTC(), c.n), oslotid(t, c.frist); !got.Equal(want) {
			t.Errorf("%s: sent %s: got %s, want %s", c.hvorfor, c.sent, Oslo(got), want)
		}
	}
}

func TestLeggTilVirketid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ sent, frist, hvorfor string }{
		{"2026-06-08T09:00", "2026-06-10T01:00", "Monday to Wednesday"},
		{"2026-06-05T20:00", "2026-06-09T12:00", "four hours of Friday, then Monday and Tuesday"},
		{"2026-06-06T20:00", "2026-06-09T16:00", "from Saturday"},
		{"2026-04-01T14:00", "2026-04-08T06:00", "over Easter"},
	} {
		if got, want := LeggTilVirketid(oslotid(t, c.sent), 40*time.Hour), oslotid(t, c.frist); !got.Equal(want) {
			t.Errorf("%s: sent %s: got %s, want %s", c.hvorfor, c.sent, Oslo(got), want)
		}
	}
}

func TestHelligdager(t *testing.T) {
	t.Parallel()
	// Public holidays that the calendar shows, one year with an early Easter and one with a late.
	for year, want := range map[int][]string{
		2008: {"01-01", "03-20", "03-21", "03-23", "03-24", "05-01", "05-11", "05-12", "05-17", "12-25", "12-26"}, // himmelfart = 1 May
		2011: {"01-01", "04-21", "04-22", "04-24", "04-25", "05-01", "05-17", "06-02", "06-12", "06-13", "12-25", "12-26"},
		2026: {"01-01", "04-02", "04-03", "04-05", "04-06", "05-01", "05-14", "05-17", "05-24", "05-25", "12-25", "12-26"},
	} {
		var got []string
		for d := time.Date(year, 1, 1, 12, 0, 0, 0, Sone()); d.Year() == year; d = d.AddDate(0, 0, 1) {
			if helligdag(d) {
				got = append(got, d.Format("01-02"))
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%d: got %v, want %v", year, got, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%d: got %v, want %v", year, got, want)
			}
		}
	}
	for year, want := range map[int]string{2024: "03-31", 2025: "04-20", 2026: "04-05", 2027: "03-28", 2028: "04-16"} {
		if got := paskedag(year).Format("01-02"); got != want {
			t.Errorf("Easter %d: got %s, want %s", year, got, want)
		}
	}
}

func TestVirkedag(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"2026-06-12T23:59": true, "2026-06-13T00:00": false, "2026-06-14T23:59": false, "2026-06-15T00:00": true,
		"2026-12-24T12:00": true, "2026-12-31T12:00": true, "2026-12-25T12:00": false, "2026-04-02T12:00": false,
	} {
		if got := Virkedag(oslotid(t, s).UTC()); got != want {
			t.Errorf("%s: got %v", s, got)
		}
	}
}

func TestFlyttbar(t *testing.T) {
	t.Parallel()
	var f Flyttbar
	f.Sett(f.Now().Add(48 * time.Hour))
	if d := f.Now().Sub(System{}.Now()); d < 48*time.Hour-time.Second || d > 48*time.Hour+time.Second {
		t.Errorf("moved %s, want 48h", d)
	}
	if f.Now().Location() != time.UTC || f.Now().Nanosecond()%1000 != 0 {
		t.Errorf("not UTC microseconds: %v", f.Now())
	}
}
