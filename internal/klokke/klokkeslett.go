package klokke

import "time"

// EtterKlokka is the first of the hours of the day (0 to 23, ascending), in Oslo, after t.
func EtterKlokka(t time.Time, timer []int) time.Time {
	lokal := Oslo(t)
	for dag := 0; ; dag++ {
		for _, h := range timer {
			kl := time.Date(lokal.Year(), lokal.Month(), lokal.Day()+dag, h, 0, 0, 0, Sone())
			if kl.After(t) {
				return kl.UTC()
			}
		}
	}
}

// SistKlokka is the last of the hours of the day, in Oslo, that is not after t.
func SistKlokka(t time.Time, timer []int) time.Time {
	sist := EtterKlokka(t.AddDate(0, 0, -2), timer)
	for {
		neste := EtterKlokka(sist, timer)
		if neste.After(t) {
			return sist
		}
		sist = neste
	}
}

// Dagen is the beginning of the Norwegian day of a time: what is kept, and shown to those
// who need no more, when the hour could tell who was there.
func Dagen(t time.Time) time.Time {
	aar, maaned, dag := Oslo(t).Date()
	return time.Date(aar, maaned, dag, 0, 0, 0, 0, Sone())
}
