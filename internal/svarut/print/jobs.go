package print

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/jobs"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

const (
	paaNyttKind = "print.paanytt" // builds a letter anew; its argument is the job's id
	filerKind   = "print.filer"   // takes a job's files away; its argument is the job's id
	fristDuty   = "print.frister"
	innboksDuty = "print.innboks"

	// seEtter is when a job that levering has not taken over is looked at: after the
	// longest that a hand-over can take.
	seEtter     = 3 * time.Hour
	fristBunke  = 100
	senereFrist = 7 * 24 * time.Hour // when a job is looked at again that cannot be forgotten yet
)

func (k *Kanal) registrerJobber() {
	k.Jobs.Handle(paaNyttKind, jobs.Options{MaxAttempts: 1 << 30, Timeout: 2 * time.Hour, Concurrency: 1}, k.paaNytt)
	k.Jobs.Handle(filerKind, jobs.Options{MaxAttempts: 1 << 30, Concurrency: 1}, k.filer)
	k.Jobs.AddDuty(jobs.Duty{Name: fristDuty, Next: k.nesteFrist, RunOnce: k.frister})
	if k.cfg.Poll > 0 {
		k.Jobs.AddDuty(jobs.Duty{Name: innboksDuty, Next: k.nesteInnboks, RunOnce: k.innboks})
	}
}

// paaNytt builds a job that PrintPaaNytt made.
func (k *Kanal) paaNytt(ctx context.Context, jobb jobs.Job) error {
	j, err := k.hent(ctx, k.DB.Read(), jobb.Arg)
	if feil.Er(err, feil.IkkeFunnet) || err == nil && j.Tilstand != Bygges && j.Tilstand != LeggesUt {
		return nil
	} else if err != nil {
		return err
	}
	var f levering.Forsendelse
	if j.Tilstand == Bygges {
		f, err = k.Levering.Innhold(ctx, j.leveringID, levering.KanalPrint)
	}
	if err == nil {
		err = k.utlever(ctx, j, f)
	}
	switch {
	case errors.Is(err, errEndret):
		return nil
	case errors.Is(err, levering.ErrVent):
		return jobs.Snooze(time.Hour)
	case errors.Is(err, levering.ErrIkkeMulig):
		return k.ubygget(ctx, j.ID, err)
	case err != nil:
		return fmt.Errorf("printing job %s anew: %w", j.ID, err)
	}
	return k.DB.Write(ctx, func(tx *store.Tx) error { return k.utlagt(ctx, tx, j.ID) })
}

// ubygget ends a new job that no letter can be made of.
func (k *Kanal) ubygget(ctx context.Context, id string, aarsak error) error {
	return k.DB.Write(ctx, func(tx *store.Tx) error {
		j, err := k.hent(ctx, tx, id)
		if err != nil || j.Tilstand != Bygges {
			return err
		}
		tekst := aarsak.Error()
		j.Tilstand, j.Endret = Avvist, k.Klokke.Now()
		j.frist = j.Endret.Add(k.cfg.Oppbevaring)
		j.Kvittering = &Kvittering{JobbID: j.ID, Status: Avvist, Tidspunkt: j.Endret, Feilmelding: &tekst}
		if err := k.lagre(ctx, tx, j); err != nil {
			return err
		}
		_, err = k.Levering.Avslatt(ctx, tx, levering.KanalPrint, j.LeveranseID, grunnUbygget)
		return err
	})
}

// rydd plans that the files of a job that is at its end are taken away.
func (k *Kanal) rydd(ctx context.Context, tx *store.Tx, id string) error {
	if k.cfg.Behold {
		return nil
	}
	return k.Jobs.Enqueue(ctx, tx, jobs.Spec{Kind: filerKind, Key: id, Arg: id})
}

// filer takes a job back from the supplier where that is asked for, and removes
// what is left of it.
func (k *Kanal) filer(ctx context.Context, jobb jobs.Job) error {
	j, err := k.hent(ctx, k.DB.Read(), jobb.Arg)
	if feil.Er(err, feil.IkkeFunnet) {
		return nil
	} else if err != nil {
		return err
	}
	switch j.Tilstand {
	case Trekkes, Trukket, Levert, Avvist:
	default:
		return nil
	}
	m, err := k.Transport.Koble(ctx)
	if err != nil {
		return err
	}
	defer m.Close() //nolint:errcheck // what was done is done
	n := k.navn(j)
	if j.Tilstand == Trekkes {
		tatt, err := ta(m, n)
		if err != nil {
			return err
		}
		if err := k.avgjort(ctx, j.ID, tatt); err != nil || !tatt {
			return err
		}
	}
	return errors.Join(slettAlle(m, n.alle()), k.ryddForsok(m, j))
}

// ta takes a job away from the supplier's eyes; false when the supplier has it. What
// was taken stays under a name that tells so until the row does.
func ta(m Forbindelse, n filnavn) (bool, error) {
	// Under its own name first; while it is being shown it has the other one, and the
	// first again if it was shown between the two looks.
	for _, fra := range []string{n.jobb, n.jobbTmp, n.jobb} {
		err := m.Flytt(fra, n.trukket)
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("taking back a job: %w", err)
		}
	}
	_, err := m.Les(n.trukket, 0) // taken, but the row was not written
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	}
	return false, fmt.Errorf("taking back a job: %w", err)
}

// avgjort writes whether a job could be taken back.
func (k *Kanal) avgjort(ctx context.Context, id string, tatt bool) error {
	return k.DB.Write(ctx, func(tx *store.Tx) error {
		j, err := k.hent(ctx, tx, id)
		if err != nil || j.Tilstand != Trekkes {
			return err
		}
		j.Tilstand, j.Endret = Hentet, k.Klokke.Now()
		tekst := "Utskriftsleverandøren hadde hentet brevet, så utskriften kunne ikke trekkes tilbake"
		if tatt {
			j.Tilstand, tekst = Trukket, "Utskriften er trukket tilbake; brevet var ikke hentet"
		}
		j.frist = j.Endret.Add(k.cfg.Oppbevaring)
		if err := k.lagre(ctx, tx, j); err != nil {
			return err
		}
		return k.logg(ctx, tx, j, tekst)
	})
}

func (k *Kanal) nesteFrist(ctx context.Context) (time.Time, error) {
	return k.tid(ctx, `SELECT COALESCE(MIN(frist), 0) FROM print_jobber`)
}

// frister looks at the jobs whose time has come, some at a time: the engine calls
// again while there are more.
func (k *Kanal) frister(ctx context.Context, naa time.Time) error {
	ids, err := k.ider(ctx, `WHERE frist <= $1 ORDER BY frist LIMIT $2 + 0`, store.Micros(naa), fristBunke)
	if err != nil {
		return err
	}
	var feilet []error // one holds up no other
	for _, id := range ids {
		if err := k.DB.Write(ctx, func(tx *store.Tx) error { return k.vedFrist(ctx, tx, id, naa) }); err != nil {
			feilet = append(feilet, fmt.Errorf("looking at print job %s: %w", id, err))
		}
	}
	return errors.Join(feilet...)
}

// vedFrist tells people of a letter that nobody has said to be printed, takes back
// one that nobody waits for, and forgets one whose time is over.
func (k *Kanal) vedFrist(ctx context.Context, tx *store.Tx, id string, naa time.Time) error {
	j, err := k.hent(ctx, tx, id)
	if err != nil || j.frist.After(naa) {
		return err
	}
	if !j.overlevert && (j.Tilstand == Bygges || j.Tilstand == LeggesUt) {
		return k.sjekkEier(ctx, tx, id)
	}
	l, _, err := k.Levering.Hent(ctx, tx, j.leveringID)
	borte := feil.Er(err, feil.IkkeFunnet)
	if err != nil && !borte {
		return err
	}
	if (borte || l.Ferdig()) && !naa.Before(j.Endret.Add(k.cfg.Oppbevaring)) && j.Tilstand != Trekkes {
		return k.slett(ctx, tx, id)
	}
	j.frist = naa.Add(senereFrist)
	switch j.Tilstand {
	case Bygges, LeggesUt, Klar, Hentet:
		if _, err := k.Levering.SlaaAlarm(ctx, tx, levering.KanalPrint, j.LeveranseID, grunnStille); err != nil {
			return err
		}
	}
	return k.lagre(ctx, tx, j)
}
