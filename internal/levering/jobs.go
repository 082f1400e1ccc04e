package levering

import (
	"context"
	"errors"
	"fmt"
	"time"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/jobs"
	"knutepunkt/internal/store"
)

// A levering has at most one waiting job of each kind, with its id as key and
// argument: one that hands it to a channel, and one for its deadline, which does
// not wait behind the packing of large ones.
const (
	jobbKind  = "levering"
	fristKind = "levering.frist"
)

// planlegg makes the job for the present wait: at once a hand-over, later the deadline.
func (s *Service) planlegg(ctx context.Context, tx *store.Tx, id string, naar time.Time) error {
	kind := fristKind
	if naar.IsZero() {
		kind = jobbKind
	}
	return s.jobber.Enqueue(ctx, tx, jobs.Spec{Kind: kind, Key: id, Arg: id, RunAt: naar})
}

// kjor is the worker of both: it sends what is unsent, and moves on what has
// waited past its deadline.
func (s *Service) kjor(ctx context.Context, jobb jobs.Job) error {
	l, err := hent(ctx, s.db.Read(), jobb.Arg)
	if feil.Er(err, feil.IkkeFunnet) {
		return nil
	} else if err != nil {
		return err
	}
	switch {
	case l.Ferdig():
		return nil
	case l.Tilstand == Sendt || l.Oppbrukt():
		return s.vedFrist(ctx, l.ID)
	case jobb.Kind == fristKind: // it has moved on: its hand-over has a job of its own
		return nil
	default:
		s.slippFram(ctx, l)
		return s.send(ctx, l, jobb.Attempt)
	}
}

const (
	slippTid  = 30 * time.Second     // after it was made, a levering waits for others no more
	slippBlik = 5 * time.Millisecond // between two looks
)

// slippFram lets requests that wait to be accepted go first. Packing costs more
// processor time than anything else here; what is accepted can wait a moment,
// what is not may be lost with its sender's patience.
func (s *Service) slippFram(ctx context.Context, l Levering) {
	hoyst := slippTid - s.klokke.Now().Sub(l.Opprettet)
	for t := time.Duration(0); t < hoyst && s.cfg.Opptatt(); t += slippBlik {
		select {
		case <-ctx.Done():
			return
		case <-time.After(slippBlik):
		}
	}
}

// vedFrist acts on a deadline that is reached, and waits on when it is not.
func (s *Service) vedFrist(ctx context.Context, id string) error {
	return s.db.Write(ctx, func(tx *store.Tx) error {
		l, err := hent(ctx, tx, id) // again: it may have been confirmed meanwhile
		if err != nil {
			return err
		}
		switch {
		case l.Ferdig():
			return nil
		case s.klokke.Now().Before(l.Frist):
			return s.planlegg(ctx, tx, l.ID, l.Frist)
		case l.Tilstand == Sendt:
			return s.videre(ctx, tx, &l, TTLTidsavbrudd, l.Kanal, "ingen kvittering innen fristen")
		case l.Oppbrukt():
			return s.nyRunde(ctx, tx, &l, "nytt forsøk etter pause")
		}
		return nil
	})
}

// send hands the levering to its present channel.
func (s *Service) send(ctx context.Context, l Levering, forsok int) error {
	navn := l.Plan[l.Steg].Kanal
	err := s.prov(ctx, l, navn)
	switch {
	case err == nil, errors.Is(err, errUtdatert):
		return nil
	case errors.Is(err, ErrVent):
		return s.vent(ctx, l, err.Error())
	case errors.Is(err, ErrIkkeMulig):
		return s.giOpp(ctx, l, IkkeSendt, navn, err.Error())
	case forsok >= s.cfg.MaxForsok:
		t := MaxRetriesavbrudd
		if navn == KanalSvarUt {
			t = SvarUtFeil
		}
		s.log.Error("channel failed too often", "levering", l.ID, "kanal", navn, "forsok", forsok, "err", err)
		return s.giOpp(ctx, l, t, navn, fmt.Sprintf("%s feilet %d ganger", navn, forsok))
	}
	return fmt.Errorf("sending levering %s by %s: %w", l.ID, navn, err)
}

// vent notes what a levering waits for, and looks again after a while in case
// nobody calls Dytt.
func (s *Service) vent(ctx context.Context, sett Levering, grunn string) error {
	return s.db.Write(ctx, func(tx *store.Tx) error {
		l, err := hent(ctx, tx, sett.ID)
		if err != nil {
			return err
		}
		if l.Ferdig() || l.LeveranseID != sett.LeveranseID {
			return nil
		}
		l.Frist, l.NesteSteg = s.klokke.Now().Add(s.cfg.SendFrist), grunn
		if err := oppdater(ctx, tx, l); err != nil {
			return err
		}
		// A Dytt that came while the source was asked stands.
		return s.jobber.Enqueue(ctx, tx, jobs.Spec{Kind: jobbKind, Key: l.ID, Arg: l.ID, RunAt: l.Frist, Tidligst: true})
	})
}

func (s *Service) prov(ctx context.Context, l Levering, navn string) error {
	kanal, kilde := s.kanaler[navn], s.kilder[l.Kilde]
	if kilde == nil {
		return fmt.Errorf("source %q is not registered", l.Kilde)
	}
	if kanal == nil {
		return fmt.Errorf("%w: %s er ikke satt opp i denne installasjonen", ErrIkkeMulig, navn)
	}
	f, err := kilde.Forsendelse(ctx, l, navn)
	if err != nil {
		return err
	}
	return kanal.Send(ctx, l, f, func(tx *store.Tx) error { return s.sendt(ctx, tx, l, navn) })
}

// sendt is the transition to Sendt, in the transaction that stores the hand-over.
func (s *Service) sendt(ctx context.Context, tx *store.Tx, forventet Levering, kanal string) error {
	l, err := hent(ctx, tx, forventet.ID)
	if err != nil {
		return err
	}
	if l.Ferdig() || l.Tilstand == Sendt || l.LeveranseID != forventet.LeveranseID {
		return errUtdatert
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO leveranser (leveranse_id, levering_id, kanal) VALUES ($1, $2, $3)`,
		l.LeveranseID, l.ID, kanal); err != nil {
		return fmt.Errorf("storing leveranse %s: %w", l.LeveranseID, err)
	}
	l.Kanal, l.Grunn = kanal, ""
	l.Frist = s.klokke.Now().Add(l.Plan[l.Steg].Frist + s.cfg.Margin)
	l.NesteSteg = "venter på kvittering fra " + kanal
	if err := s.overgang(ctx, tx, &l, Sendt, kanal, ""); err != nil {
		return err
	}
	return s.planlegg(ctx, tx, l.ID, l.Frist)
}

// giOpp leaves a channel that never took the levering.
func (s *Service) giOpp(ctx context.Context, sett Levering, t Tilstand, kanal, grunn string) error {
	return s.db.Write(ctx, func(tx *store.Tx) error {
		l, err := hent(ctx, tx, sett.ID)
		if err != nil {
			return err
		}
		if l.Ferdig() || l.LeveranseID != sett.LeveranseID {
			return nil
		}
		return s.videre(ctx, tx, &l, t, kanal, grunn)
	})
}
