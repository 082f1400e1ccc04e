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
	flyttMidtI // the kill comes when it comes, likely in the middle
	flyttSist  // under load, and the kill right after
)

// The rounds move the clock by at most so much together: less than files for a
// søknad are kept before it is sent, and than what has been delivered is.
const maksFlyttet = 28 * 24 * time.Hour

// maksFlyttetid is how long one move may take.
const maksFlyttetid = time.Minute

// flytting draws how far and when the clock is moved in a life: by minutes, or past
// the deadline of Fiks IO, or of the inbox in Altinn.
func (k *kjoring) flytting(nr int) (fram time.Duration, naar int) {
	if nr%3 != 2 {
		return 0, flyttIkke
	}
	fra, til := 5*time.Minute, 2*time.Hour
	switch n := k.rng.IntN(20); {
	case n < 5:
		fra, til = 2*time.Hour, 12*time.Hour
	case n < 11:
		fra, til = 23*time.Hour, 26*time.Hour
	case n < 14:
		fra, til = 48*time.Hour, 80*time.Hour
	}
	fram = fra + time.Duration(k.rng.Int64N(int64(til-fra)))
	naar = flyttForst + k.rng.IntN(3)
	if k.h.klokke.flyttet+fram > maksFlyttet {
		fram = 5 * time.Minute
	}
	return fram, naar
}

// flytt moves the platform's clock, and looks at it meanwhile.
func (l *liv) flytt(ctx context.Context, fram time.Duration) bool {
	h := l.h
	h.mu.Lock()
	h.klokke.begynt++
	h.klokke.rest = true
	h.klokke.flyttet += fram
	h.mu.Unlock()
	h.tell("klokken flyttet")
	ferdig := make(chan struct{})
	sett := make(chan struct{})
	go func() {
		defer close(sett)
		for {
			if naa, err := l.Klokken(ctx); err == nil {
				h.stilt(naa, fmt.Sprintf("life %d, while it is moved", l.nr))
			}
			select {
			case <-ferdig:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	err := l.FlyttKlokken(ctx, fram)
	close(ferdig)
	<-sett
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
		if !l.flytt(ctx, steg) {
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
