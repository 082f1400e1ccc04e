package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/klokke"
)

// maksFlytt bounds how far the clock can be ahead of the machine's: certificates
// and keys of the sandbox are good for longer.
const maksFlytt = 30 * 365 * 24 * time.Hour

// sandkasseklokke is the machine's clock plus an offset that outlives a restart.
type sandkasseklokke struct {
	klokke.Flyttbar
	fil string
	mu  sync.Mutex // one moves it at a time
}

type klokkefil struct {
	Forsprang string `json:"forsprang"` // Go duration
}

func lesKlokke(dir string) (*sandkasseklokke, error) {
	k := &sandkasseklokke{fil: filepath.Join(dir, "klokke.json")}
	data, err := os.ReadFile(k.fil)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	var f klokkefil
	if err == nil {
		err = json.Unmarshal(data, &f)
	}
	var d time.Duration
	if err == nil {
		d, err = time.ParseDuration(f.Forsprang)
	}
	if err != nil {
		return nil, fmt.Errorf("sandbox: reading klokke.json (delete it to set the clock to the machine's): %w", err)
	}
	k.Sett(klokke.System{}.Now().Add(d))
	return k, nil
}

// lagre notes how far ahead of the machine's clock this one is.
func (k *sandkasseklokke) lagre(forsprang time.Duration) error {
	data, err := json.Marshal(klokkefil{forsprang.String()})
	if err != nil {
		return err
	}
	return skrivFil(k.fil, data)
}

type klokkesvar struct {
	Time time.Time `json:"time"`
}

func (s *Sandbox) hentKlokke(w http.ResponseWriter, _ *http.Request) error {
	return httpx.JSON(w, http.StatusOK, klokkesvar{s.klokke.Now()})
}

// stillKlokke moves the clock; what falls due on the way is done, in order,
// before the answer.
func (s *Sandbox) stillKlokke(w http.ResponseWriter, r *http.Request) error {
	var inn struct {
		Advance string `json:"advance"`
		Set     string `json:"set"`
	}
	if err := httpx.ReadJSON(r, maksSandkasseJSON, &inn); err != nil {
		return err
	}
	if (inn.Advance == "") == (inn.Set == "") {
		return feil.Ny(feil.Ugyldig, `Oppgi enten {"advance": "48h"} eller {"set": "2026-04-01T14:00:00+02:00"}`)
	}
	var frem time.Duration
	var til time.Time
	var err error
	if inn.Advance != "" {
		frem, err = time.ParseDuration(inn.Advance)
	} else {
		til, err = time.Parse(time.RFC3339, inn.Set)
	}
	if err != nil {
		return feil.Ny(feil.Ugyldig, "advance er en varighet som 48h eller 90m, og set et tidspunkt etter RFC 3339").Med(err)
	}
	err = s.flytt(r.Context(), func(naa time.Time) time.Time {
		if inn.Advance != "" {
			return naa.Add(frem)
		}
		return til
	})
	if err != nil {
		return err
	}
	return s.hentKlokke(w, r)
}

// flytt moves the clock from now to another time. feil.Ugyldig when that is
// earlier, or too far ahead.
func (s *Sandbox) flytt(ctx context.Context, fra func(naa time.Time) time.Time) error {
	s.klokke.mu.Lock()
	defer s.klokke.mu.Unlock()
	naa := s.klokke.Now()
	til := fra(naa)
	switch {
	case til.Before(naa):
		return feil.Ny(feil.Ugyldig, "Klokken går bare fremover; nå er den %s", naa.Format(time.RFC3339))
	case til.Sub(klokke.System{}.Now()) > maksFlytt:
		return feil.Ny(feil.Ugyldig, "Klokken kan ikke stilles mer enn 30 år frem")
	}
	// Seen to its end also when the caller goes away: half a move would leave
	// the deadlines and the file apart.
	ctx = context.WithoutCancel(ctx)
	// Noted first: who is killed on the way starts again at the end of it, and
	// never at a time before what has happened.
	if err := s.klokke.lagre(til.Sub(klokke.System{}.Now())); err != nil {
		return fmt.Errorf("sandbox: moving the clock: %w", err)
	}
	err := s.App.Jobs.AdvanceTo(ctx, til, s.klokke.Sett)
	if err := errors.Join(err, s.klokke.lagre(s.klokke.Offset())); err != nil {
		return fmt.Errorf("sandbox: moving the clock: %w", err)
	}
	return nil
}
