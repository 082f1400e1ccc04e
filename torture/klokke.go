package main

import (
	"context"
	"fmt"
	"time"

	"knutepunkt/client"
)

// When in a life the clock is moved.
const (
	flyttIkke  = iota
	flyttForst // before there is load
	flyttMidtI // under load, and the kill in the middle
	flyttSist  // under load, and the kill right after
)

// The rounds move the clock by at most so much together: with tilVeisEnde it is less
// than what has been delivered is kept.
const maksFlyttet = 60 * 24 * time.Hour

// maksFlyttetid is how long one move may take.
const maksFlyttetid = time.Minute

// flytting draws how far and when the clock is moved in a life: by minutes, or past
// the deadline of Fiks IO, or of the inbox in Altinn. A move that is to be broken off
// is one that has something to do.
func (k *kjoring) flytting(nr int) (fram time.Duration, naar int) {
	if nr%3 != 2 {
		return 0, flyttIkke
	}
	naar = []int{flyttMidtI, flyttSist, flyttMidtI, flyttForst}[nr/3%4]
	n := k.rng.IntN(20)
	if naar == flyttMidtI {
		n /= 2
	}
	fra, til := 5*time.Minute, 2*time.Hour
	switch {
	case n < 2:
		fra, til = 48*time.Hour, 80*time.Hour
	case n < 7:
		fra, til = 23*time.Hour, 26*time.Hour
	case n < 10:
		fra, til = 2*time.Hour, 12*time.Hour
	}
	fram = fra + time.Duration(k.rng.Int64N(int64(til-fra)))
	if k.h.klokke.flyttet+fram > maksFlyttet {
		fram = 5 * time.Minute
	}
	return fram, naar
}

// flytt moves the platform's clock, and looks at it meanwhile; sett hears how far it
// has come.
func (l *liv) flytt(ctx context.Context, fram time.Duration, sett func(kommet time.Duration)) bool {
	h := l.h
	h.mu.Lock()
	h.klokke.begynt++
	h.klokke.rest = true
	h.klokke.flyttet += fram
	h.mu.Unlock()
	h.tell("klokken flyttet")
	ferdig := make(chan struct{})
	stille := make(chan struct{})
	go func() {
		defer close(stille)
		var fra time.Time
		for {
			if naa, err := l.Klokken(ctx); err == nil {
				h.stilt(naa, fmt.Sprintf("life %d, while it is moved", l.nr))
				if fra.IsZero() {
					fra = naa
				}
				sett(naa.Sub(fra))
			}
			select {
			case <-ferdig:
				return
			case <-time.After(3 * time.Millisecond):
			}
		}
	}()
	err := l.FlyttKlokken(ctx, fram)
	close(ferdig)
	<-stille
	h.mu.Lock()
	h.klokke.endt++
	h.klokke.rest = err != nil
	h.mu.Unlock()
	switch {
	case err == nil:
		return true
	case client.Status(err) != 0:
		h.feil("life %d: moving the clock by %s was refused: %v", l.nr, fram, err)
	case ctx.Err() == nil:
		l.taus("moving the clock by "+fram.String(), err)
		h.tell("drept mens klokken ble flyttet")
	}
	return false
}

// tilVeisEnde moves the clock until everything has come to its end: past the deadline
// of Fiks IO, past the inbox in Altinn, until the printer has printed. days of the
// platform's.
func (l *liv) tilVeisEnde(ctx context.Context) (dager float64, err error) {
	const steg, maks = 12 * time.Hour, 25 * 24 * time.Hour
	var mangler []string
	for gatt := time.Duration(0); gatt < maks; gatt += steg {
		if mangler, err = l.ventPaaLevering(ctx, false, 300*time.Millisecond); err != nil || len(mangler) == 0 {
			return gatt.Hours() / 24, err
		}
		if !l.flytt(ctx, steg, func(time.Duration) {}) {
			return 0, fmt.Errorf("the clock could not be moved")
		}
	}
	if mangler, err = l.ventPaaLevering(ctx, false, stillstand); err != nil {
		return 0, err
	}
	for _, m := range mangler {
		l.h.feil("%s was taken and is not delivered after %s", m, maks)
	}
	return maks.Hours() / 24, nil
}

// rolig is a mark of this moment (see klokkehistorie).
func (h *historie) rolig() (merke int, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.klokke.rolig()
}
