package klokke

import (
	"sync"
	"time"
	_ "time/tzdata" // so that Oslo time is there on any machine
)

var oslo = sync.OnceValue(func() *time.Location {
	loc, err := time.LoadLocation("Europe/Oslo")
	if err != nil {
		panic(err) // cannot happen: the zone is compiled in
	}
	return loc
})

// Sone is Europe/Oslo, in which Norwegian deadlines and dates are reckoned.
func Sone() *time.Location { return oslo() }

// Oslo is t as clocks in Norway show it.
func Oslo(t time.Time) time.Time { return t.In(oslo()) }

// Virkedag tells whether t, in Oslo, falls on a working day: Monday to Friday
// and no public holiday. 24 and 31 December are working days.
func Virkedag(t time.Time) bool {
	t = Oslo(t)
	if d := t.Weekday(); d == time.Saturday || d == time.Sunday {
		return false
	}
	return !helligdag(t)
}

// LeggTilVirkedager is the deadline of n working days for something sent at t:
// the same Oslo clock time on the n-th working day after the day of sending.
// What is sent on another day counts as sent at 00:00 on the next working day
// (Bekymringsmelding §13, "2 virkedager"). The answer is in UTC.
func LeggTilVirkedager(t time.Time, n int) time.Time {
	t = Oslo(t)
	if !Virkedag(t) {
		t = nesteVirkedag(t)
	}
	for ; n > 0; n-- {
		d := nesteVirkedag(t)
		t = time.Date(d.Year(), d.Month(), d.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), Sone())
	}
	return t.UTC()
}

// LeggTilVirketid is the moment at which d has passed when only the hours of
// working days (00:00 to 24:00 in Oslo) count, as for Altinn's reading deadline
// of 40 hours. The answer is in UTC.
func LeggTilVirketid(t time.Time, d time.Duration) time.Time {
	t = Oslo(t)
	for {
		if !Virkedag(t) {
			t = nesteVirkedag(t)
		}
		midnatt := time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, Sone())
		if left := midnatt.Sub(t); d > left {
			d -= left
			t = midnatt
			continue
		}
		return t.Add(d).UTC()
	}
}

// nesteVirkedag is 00:00 on the first working day after t's day; t is in Oslo.
func nesteVirkedag(t time.Time) time.Time {
	for i := 1; ; i++ {
		d := time.Date(t.Year(), t.Month(), t.Day()+i, 0, 0, 0, 0, Sone())
		if Virkedag(d) {
			return d
		}
	}
}

// helligdag tells whether t's date is one of Norway's twelve public holidays.
func helligdag(t time.Time) bool {
	switch month, day := t.Month(), t.Day(); {
	case month == time.January && day == 1,
		month == time.May && (day == 1 || day == 17),
		month == time.December && (day == 25 || day == 26):
		return true
	}
	switch t.YearDay() - paskedag(t.Year()).YearDay() {
	case -3, -2, 0, 1, // skjærtorsdag, langfredag, påske
		39,     // Kristi himmelfartsdag
		49, 50: // pinse
		return true
	}
	return false
}

// paskedag is Easter Sunday by the Gregorian reckoning (the anonymous algorithm
// as given by Meeus, Astronomical Algorithms, chapter 8).
func paskedag(year int) time.Time {
	a, b, c := year%19, year/100, year%100
	d, e := b/4, b%4
	g := (8*b + 13) / 25
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return time.Date(year, time.Month(n/31), n%31+1, 0, 0, 0, 0, time.UTC)
}
