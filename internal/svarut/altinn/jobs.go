package altinn

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

const (
	pliktnavn = "altinn.lest"
	bunt      = 100 // letters looked at in a run
	samtidige = 8   // calls at a time
	// oppgi is after how many failed calls a run lets Altinn be.
	oppgi       = 3
	etterFeil   = 2 * time.Minute
	forFrist    = time.Minute    // the last look before the deadline
	straksEtter = time.Hour      // between looks on the first day after it
	senere      = 24 * time.Hour // and then
)

// nesteSyn tells when a letter is next to be looked at.
func (k *Kanal) nesteSyn(ctx context.Context) (time.Time, error) {
	var us sql.NullInt64
	if err := k.DB.Read().QueryRowContext(ctx, `SELECT MIN(neste) FROM altinn_melding`).Scan(&us); err != nil {
		return time.Time{}, fmt.Errorf("finding the next look at Altinn: %w", err)
	}
	return store.Time(us.Int64), nil
}

// neste is when an unread letter is looked at again: often until its deadline, just
// before it, and then now and then, since a letter on paper can still be stopped.
func (k *Kanal) neste(r rad, naa time.Time) time.Time {
	sist := r.Frist.Add(-forFrist)
	var d time.Duration
	switch {
	case naa.Before(sist):
		return tidligst(naa.Add(k.cfg.Poll), sist)
	case naa.Before(r.Frist.Add(senere)):
		d = max(straksEtter, k.cfg.Poll)
	default:
		d = max(senere, k.cfg.Poll)
	}
	return tidligst(naa.Add(d), r.Slutt)
}

func tidligst(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// SeEtter looks at a correspondence soon: for whoever hears of an event in Altinn.
// Nothing happens when it is unknown or at its end.
func (k *Kanal) SeEtter(ctx context.Context, meldingID string) error {
	err := k.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE altinn_melding SET neste = $1 WHERE melding_id = $2 AND tilstand = $3`,
			store.Micros(k.Klokke.Now()), meldingID, sendt)
		tx.OnCommit(func() { k.Jobs.Wake(pliktnavn) })
		return err
	})
	if err != nil {
		return fmt.Errorf("altinn: looking at a correspondence: %w", err)
	}
	return nil
}

// syn is one look at a letter.
type syn struct {
	meldingUt
	err error
}

// seEtterForfalte asks Altinn about the letters that are due, at most a bunt. With
// Altinn out of reach they are put off a little: nothing is lost, and nobody waits.
func (k *Kanal) seEtterForfalte(ctx context.Context, naa time.Time) error {
	rader, err := forfalte(ctx, k.DB.Read(), naa, bunt)
	if err != nil {
		return err
	}
	sett := k.sporAltinn(ctx, rader)
	if err := ctx.Err(); err != nil {
		return err
	}
	var feil []error
	var videre []rad
	for i, r := range rader {
		s := sett[i]
		switch {
		case r.Tilstand != sendt:
		case s.err != nil: // also one that Altinn does not know: the deadline decides
			r.Neste = naa.Add(etterFeil)
			if sist := r.Frist.Add(-forFrist); naa.Before(sist) {
				r.Neste = tidligst(r.Neste, sist)
			}
			videre = append(videre, r)
			continue
		default:
			ferdig, err := k.avgjorSett(ctx, r, s.meldingUt)
			if err != nil {
				feil = append(feil, err)
			}
			if ferdig {
				continue
			}
			r.Status = s.Status
		}
		r.Neste = k.neste(r, naa)
		videre = append(videre, r)
	}
	err = k.DB.Write(ctx, func(tx *store.Tx) error {
		for _, r := range videre {
			skriv := lagre
			if !naa.Before(r.Slutt) {
				skriv = func(ctx context.Context, tx *store.Tx, r rad) error { return glem(ctx, tx, r.LeveranseID) }
			}
			if err := skriv(ctx, tx, r); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(append(feil, err)...)
}

var errOppgitt = errors.New("altinn: not asked, since Altinn does not answer")

// sporAltinn looks at the letters among rader that are in an inbox.
func (k *Kanal) sporAltinn(ctx context.Context, rader []rad) []syn {
	ut := make([]syn, len(rader))
	var feilet atomic.Int32
	var g errgroup.Group
	g.SetLimit(samtidige)
	for i, r := range rader {
		if r.Tilstand != sendt {
			continue
		}
		g.Go(func() error {
			if feilet.Load() >= oppgi {
				ut[i].err = errOppgitt
				return nil
			}
			ut[i].meldingUt, ut[i].err = k.klient.detaljer(ctx, r.MeldingID)
			if err := ut[i].err; err != nil && statusAv(err) != http.StatusNotFound && feilet.Add(1) == oppgi {
				k.Log.Warn("Altinn does not answer", "error", err)
			}
			return nil
		})
	}
	_ = g.Wait() // none gives an error
	return ut
}

// avgjorSett records what was seen of a letter; ferdig when it is at its end.
func (k *Kanal) avgjorSett(ctx context.Context, r rad, s meldingUt) (ferdig bool, err error) {
	grunn := s.avslag()
	switch {
	case s.lest() && !r.Lenke:
		r.Tilstand, grunn = lest, ""
	case grunn == "":
		return false, nil
	}
	tekst := "Lest i Altinn."
	if grunn != "" {
		r.Tilstand, r.Grunn, tekst = avvist, grunn, grunn+"."
	}
	r.Status, r.Neste = s.Status, r.Slutt
	err = k.DB.Write(ctx, func(tx *store.Tx) error {
		if grunn == "" {
			_, err = k.Kvitteringer.Bekreft(ctx, tx, levering.KanalAltinn, r.LeveranseID)
		} else {
			_, err = k.Kvitteringer.Feilet(ctx, tx, levering.KanalAltinn, r.LeveranseID, levering.IkkeSendt, grunn)
		}
		if err != nil {
			return err
		}
		if err := lagre(ctx, tx, r); err != nil {
			return err
		}
		return k.Logg(ctx, tx, r.ForsendelseID, tekst)
	})
	if err != nil {
		return false, fmt.Errorf("altinn: recording leveranse %s: %w", r.LeveranseID, err)
	}
	return true, nil
}
