package levering

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/jobs"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

// A levering has at most one waiting job of its step, with its id as key and
// argument: it hands it to a channel. Deadlines are a duty: however many fall due together,
// they fire in order, many to a commit, and none waits behind the packing of
// large ones.
const (
	jobbKind = "levering"
	plikt    = "levering.frist"

	fristBunt = 100             // deadlines in one transaction
	utsett    = 5 * time.Minute // how soon one is tried again whose transition failed
)

// slag is the kind of the job that hands l over. Channels whose other end is
// outside the platform have slots of their own: one that hangs holds up no other.
func slag(l Levering) string {
	if !l.Oppbrukt() {
		switch kanal := l.Plan[l.Steg].Kanal; kanal {
		case KanalAltinn, KanalPrint:
			return jobbKind + "." + strings.ToLower(kanal)
		}
	}
	return jobbKind
}

// planlegg makes the job that hands over, at once.
func (s *Service) planlegg(ctx context.Context, tx *store.Tx, l Levering) error {
	return s.jobber.Enqueue(ctx, tx, jobs.Spec{Kind: slag(l), Key: l.ID, Arg: l.ID})
}

// kjor is the worker of that job.
func (s *Service) kjor(ctx context.Context, jobb jobs.Job) error {
	l, err := hent(ctx, s.db.Read(), jobb.Arg)
	if feil.Er(err, feil.IkkeFunnet) {
		return nil
	} else if err != nil {
		return err
	}
	if l.Ferdig() || l.vedFrist() {
		return nil // it has moved on
	}
	if jobb.Kind != slag(l) { // of a step that it has left, or of an older version
		return s.db.Write(ctx, func(tx *store.Tx) error { return s.planlegg(ctx, tx, l) })
	}
	s.slippFram(ctx, l)
	return s.send(ctx, l, jobb.Attempt)
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

// neste is when the duty is due next.
func (s *Service) neste(ctx context.Context) (time.Time, error) {
	t, err := nesteVakt(ctx, s.db.Read())
	if err == nil {
		s.nesteFrist.Store(t)
	}
	return store.Time(t), err
}

// vekk tells the duty of a deadline that is earlier than those it knows.
func (s *Service) vekk(tx *store.Tx, l Levering) {
	if !l.vedFrist() {
		return
	}
	tx.OnCommit(func() {
		if n := s.nesteFrist.Load(); n == 0 || store.Micros(l.Frist) < n {
			s.jobber.Wake(plikt)
		}
	})
}

// Frister acts on all deadlines that are reached at now, in order. One that
// cannot be acted on is logged and put off, and holds up no other.
func (s *Service) Frister(ctx context.Context, now time.Time) error {
	for {
		ider, err := forfalte(ctx, s.db.Read(), now, fristBunt)
		if err != nil || len(ider) == 0 {
			return err
		}
		s.lesKvitteringer(ctx)
		err = s.db.Write(ctx, func(tx *store.Tx) error {
			for _, id := range ider {
				if err := s.forfall(ctx, tx, id); err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil {
			continue
		}
		for _, id := range ider {
			err := s.db.Write(ctx, func(tx *store.Tx) error { return s.forfall(ctx, tx, id) })
			if err == nil {
				continue
			}
			s.log.Error("the deadline of a levering could not be acted on; it is tried again", "levering", id, "err", err)
			if err := s.db.Write(ctx, func(tx *store.Tx) error { return settVakt(ctx, tx, id, now.Add(utsett)) }); err != nil {
				return err
			}
		}
	}
}

// lesKvitteringer has the channels read what they were told. What one of them
// cannot read holds up no deadline.
func (s *Service) lesKvitteringer(ctx context.Context) {
	for navn, k := range s.kanaler {
		leser, ok := k.(Kvitteringsleser)
		if !ok {
			continue
		}
		if err := leser.LesKvitteringer(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("receipts could not be read before a deadline", "kanal", navn, "err", err)
		}
	}
}

// forfall acts on one deadline.
func (s *Service) forfall(ctx context.Context, tx *store.Tx, id string) error {
	l, err := hent(ctx, tx, id) // again: it may have been confirmed meanwhile
	if err != nil {
		return err
	}
	switch {
	case !l.vedFrist() || s.klokke.Now().Before(l.Frist):
		return nil
	case l.Oppbrukt():
		return s.nyRunde(ctx, tx, &l, "nytt forsøk etter pause")
	case l.Plan[l.Steg].Ubegrenset:
		l.Frist = s.frist(l.Plan[l.Steg])
		s.vekk(tx, l)
		return oppdater(ctx, tx, l)
	default:
		return s.videre(ctx, tx, &l, TTLTidsavbrudd, l.Kanal, "ingen kvittering innen fristen")
	}
}

// frist is when the wait for a receipt ends that begins now. A channel that
// keeps time itself gets a margin; working hours are ours alone to count.
func (s *Service) frist(steg Steg) time.Time {
	naa := s.klokke.Now()
	switch {
	case steg.Virkedager > 0:
		return klokke.LeggTilVirkedager(naa, steg.Virkedager)
	case steg.Virketid:
		return klokke.LeggTilVirketid(naa, steg.Frist)
	}
	return naa.Add(steg.Frist + s.cfg.Margin)
}

// send hands the levering to its present channel.
func (s *Service) send(ctx context.Context, l Levering, forsok int) error {
	navn := l.Plan[l.Steg].Kanal
	err := s.prov(ctx, l, navn)
	switch {
	case err == nil, errors.Is(err, errUtdatert):
		return nil
	case errors.Is(err, ErrVent):
		return s.vent(ctx, l, err)
	case errors.Is(err, ErrIkkeMulig):
		return s.giOpp(ctx, l, IkkeSendt, navn, err.Error())
	case l.Plan[l.Steg].Utholdende:
		return errors.Join(fmt.Errorf("sending levering %s by %s: %w", l.ID, navn, err), s.hefter(ctx, l, navn))
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

// hefter keeps the deadline of a step that fails and is tried again ahead of the
// next attempt; when it has failed for long it raises the alarm.
func (s *Service) hefter(ctx context.Context, sett Levering, kanal string) error {
	naa := s.klokke.Now()
	lenge := !sett.Alarm && !naa.Before(sett.Endret.Add(s.cfg.Utholdenhet))
	if !lenge && naa.Add(s.cfg.SendFrist*3/2).Before(sett.Frist) { // attempts are some hour apart
		return nil
	}
	return s.db.Write(ctx, func(tx *store.Tx) error {
		l, err := hent(ctx, tx, sett.ID)
		if err != nil {
			return err
		}
		if l.Ferdig() || l.LeveranseID != sett.LeveranseID {
			return nil
		}
		l.Frist, l.NesteSteg = s.klokke.Now().Add(2*s.cfg.SendFrist), "prøves på nytt med "+kanal
		if !lenge {
			return oppdater(ctx, tx, l)
		}
		return s.alarm(ctx, tx, &l, kanal+" har ikke svart på lenge; det prøves fortsatt")
	})
}

// vent notes what a levering waits for, and looks again after a while in case
// nobody calls Dytt.
func (s *Service) vent(ctx context.Context, sett Levering, aarsak error) error {
	d := s.cfg.SendFrist
	if v, ok := errors.AsType[ventError](aarsak); ok {
		d = v.d
	}
	return s.db.Write(ctx, func(tx *store.Tx) error {
		l, err := hent(ctx, tx, sett.ID)
		if err != nil {
			return err
		}
		if l.Ferdig() || l.LeveranseID != sett.LeveranseID {
			return nil
		}
		l.Frist, l.NesteSteg = s.klokke.Now().Add(d), aarsak.Error()
		if err := oppdater(ctx, tx, l); err != nil {
			return err
		}
		// A Dytt that came while the source was asked stands.
		return s.jobber.Enqueue(ctx, tx, jobs.Spec{Kind: slag(l), Key: l.ID, Arg: l.ID, RunAt: l.Frist, Tidligst: true})
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
	l.Alarm = l.Alarm && l.Runde > 1 // a channel that only was slow has it now
	l.Frist = s.frist(l.Plan[l.Steg])
	l.NesteSteg = "venter på kvittering fra " + kanal
	return s.overgang(ctx, tx, &l, Sendt, kanal, "")
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
