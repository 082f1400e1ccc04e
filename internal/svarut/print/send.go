package print

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/google/uuid"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/jobs"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// Send implements levering.Kanal: the job's id is l.LeveranseID.
func (k *Kanal) Send(ctx context.Context, l levering.Levering, f levering.Forsendelse, sendt func(tx *store.Tx) error) error {
	j, err := k.hent(ctx, k.DB.Read(), l.LeveranseID)
	if feil.Er(err, feil.IkkeFunnet) {
		naa := k.Klokke.Now()
		j, err = Jobb{ID: l.LeveranseID, LeveranseID: l.LeveranseID, ForsendelseID: l.KildeID, Kilde: jobbKilde(l, f), Tilstand: Bygges,
			Opprettet: naa, Endret: naa, Mottaker: tilAdresse(f.Post.Mottaker), leveringID: l.ID, nr: 1, frist: naa.Add(seEtter)}, nil
	}
	if err != nil {
		return err
	}
	if j.Tilstand == Trekkes || j.Tilstand == Trukket {
		return fmt.Errorf("print job %s was taken back", j.ID)
	}
	if err := k.utlever(ctx, j, f); err != nil {
		if errors.Is(err, levering.ErrIkkeMulig) {
			return errors.Join(err, k.glem(ctx, j.ID))
		}
		return err
	}
	err = k.DB.Write(ctx, func(tx *store.Tx) error {
		if err := sendt(tx); err != nil {
			return err
		}
		return k.utlagt(ctx, tx, j.ID)
	})
	if err != nil {
		return errors.Join(err, k.DB.Write(ctx, func(tx *store.Tx) error { return k.sjekkEier(ctx, tx, j.ID) }))
	}
	return nil
}

// glem forgets a job that never became a letter.
func (k *Kanal) glem(ctx context.Context, id string) error {
	return k.DB.Write(ctx, func(tx *store.Tx) error {
		j, err := k.hent(ctx, tx, id)
		if feil.Er(err, feil.IkkeFunnet) || err == nil && j.Tilstand != Bygges {
			return nil
		} else if err != nil {
			return err
		}
		return k.slett(ctx, tx, id)
	})
}

// utlever brings a job from where it stands to where the supplier sees it. Done
// again after any failure, the supplier sees it once.
func (k *Kanal) utlever(ctx context.Context, j Jobb, f levering.Forsendelse) error {
	if j.Tilstand != Bygges && j.Tilstand != LeggesUt {
		return nil
	}
	select {
	case k.plasser <- struct{}{}:
		defer func() { <-k.plasser }()
	case <-ctx.Done():
		return ctx.Err()
	}
	var b *brev
	if j.Tilstand == Bygges {
		var err error
		if b, err = k.forbered(ctx, &j, f); err != nil {
			return err
		}
		defer b.lukk(ctx)
	}
	m, err := k.Transport.Koble(ctx)
	if err != nil {
		return err
	}
	defer m.Close() //nolint:errcheck // what was written is synced
	if j.Tilstand == Bygges {
		if err := k.skriv(ctx, m, &j, f, b); err != nil {
			return err
		}
	}
	// From here on the row says that the files are under their passing names, or have
	// been shown: when those names are gone, the supplier has had them.
	n := k.navn(j)
	if err := m.Flytt(n.pdfTmp, n.pdf); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("naming the letter: %w", err)
	}
	if err := m.Flytt(n.jobbTmp, n.jobb); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("showing the job to the supplier: %w", err)
	}
	return nil
}

// utlagt notes that the supplier can see the job and levering has handed it over,
// and tells levering what the supplier may have said already.
func (k *Kanal) utlagt(ctx context.Context, tx *store.Tx, id string) error {
	j, err := k.hent(ctx, tx, id)
	if err != nil {
		return err
	}
	naa := k.Klokke.Now()
	if j.Tilstand == LeggesUt {
		j.Tilstand, j.Endret, j.frist = Klar, naa, naa.Add(k.cfg.Varsel)
	}
	j.overlevert = true
	if err := k.lagre(ctx, tx, j); err != nil {
		return err
	}
	return k.fortell(ctx, tx, j)
}

// sjekkEier takes back a job that levering did not take over, because the levering
// was stopped or went on while the letter was made.
func (k *Kanal) sjekkEier(ctx context.Context, tx *store.Tx, id string) error {
	j, err := k.hent(ctx, tx, id)
	if feil.Er(err, feil.IkkeFunnet) || err == nil && j.overlevert {
		return nil
	} else if err != nil {
		return err
	}
	l, _, err := k.Levering.Hent(ctx, tx, j.leveringID)
	switch {
	case feil.Er(err, feil.IkkeFunnet) || err == nil && (l.Ferdig() || l.LeveranseID != j.LeveranseID):
		return k.trekk(ctx, tx, j)
	case err != nil:
		return err
	}
	j.frist = k.Klokke.Now().Add(seEtter)
	return k.lagre(ctx, tx, j)
}

// Trekk implements levering.Trekker: what the supplier has not fetched is taken
// away as soon as the transaction is committed; what it has, is printed.
func (k *Kanal) Trekk(ctx context.Context, tx *store.Tx, l levering.Levering) error {
	return k.trekkAlle(ctx, tx, l.LeveranseID)
}

func (k *Kanal) trekkAlle(ctx context.Context, tx *store.Tx, leveranseID string) error {
	alle, err := k.list(ctx, tx, `WHERE leveranse_id = $1`, leveranseID)
	if err != nil {
		return err
	}
	for _, j := range alle {
		if err := k.trekk(ctx, tx, j); err != nil {
			return err
		}
	}
	return nil
}

func (k *Kanal) trekk(ctx context.Context, tx *store.Tx, j Jobb) error {
	switch j.Tilstand {
	case Bygges: // the supplier has seen nothing; whoever builds it finds out
		j.Tilstand = Trukket
	case LeggesUt, Klar:
		j.Tilstand = Trekkes
	case Hentet:
		return k.logg(ctx, tx, j, "Utskriftsleverandøren hadde hentet brevet, så utskriften kunne ikke trekkes tilbake")
	default:
		return nil
	}
	j.Endret = k.Klokke.Now()
	j.frist = j.Endret.Add(k.cfg.Oppbevaring)
	if err := k.lagre(ctx, tx, j); err != nil {
		return err
	}
	return k.Jobs.Enqueue(ctx, tx, jobs.Spec{Kind: filerKind, Key: j.ID, Arg: j.ID})
}

// Slett forgets the jobs of a forsendelse whose time is over. One that the supplier
// still can fetch is taken back first, and forgotten later.
func (k *Kanal) Slett(ctx context.Context, tx *store.Tx, forsendelseID string) error {
	alle, err := k.list(ctx, tx, `WHERE forsendelse_id = $1`, forsendelseID)
	if err != nil {
		return err
	}
	for _, j := range alle {
		switch j.Tilstand {
		case LeggesUt, Klar:
			err = k.trekk(ctx, tx, j)
		case Trekkes:
		default:
			err = k.slett(ctx, tx, j.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// PrintPaaNytt makes a new job of a letter that the supplier has refused; av is the
// person who asks. It is built by the job engine. feil.Ugyldig without av,
// feil.IkkeFunnet, feil.Konflikt when the job is not refused, was printed anew
// before, or the letter is no longer waited for.
func (k *Kanal) PrintPaaNytt(ctx context.Context, jobbID, av string) (nyID string, err error) {
	if av == "" {
		return "", feil.Ny(feil.Ugyldig, "Oppgi hvem som skriver ut på nytt")
	}
	nyID = uuid.NewString()
	err = k.DB.Write(ctx, func(tx *store.Tx) error {
		j, err := k.hent(ctx, tx, jobbID)
		if err != nil {
			return err
		}
		if j.Tilstand != Avvist {
			return feil.Ny(feil.Konflikt, "Bare en avvist utskrift kan gjøres på nytt; denne er %s", j.Tilstand)
		}
		l, _, err := k.Levering.Hent(ctx, tx, j.leveringID)
		if err != nil {
			return err
		}
		if l.Tilstand != levering.Sendt || l.LeveranseID != j.LeveranseID {
			return feil.Ny(feil.Konflikt, "Brevet skal ikke lenger skrives ut; leveransen er %s", l.Tilstand)
		}
		var siste int
		if err := tx.QueryRowContext(ctx, `SELECT MAX(nr) FROM print_jobber WHERE leveranse_id = $1`, j.LeveranseID).Scan(&siste); err != nil {
			return fmt.Errorf("counting the jobs of a letter: %w", err)
		}
		if siste != j.nr {
			return feil.Ny(feil.Konflikt, "Brevet er alt sendt til ny utskrift")
		}
		naa := k.Klokke.Now()
		ny := Jobb{ID: nyID, LeveranseID: j.LeveranseID, ForsendelseID: j.ForsendelseID, Kilde: j.Kilde, Tilstand: Bygges, Opprettet: naa,
			Endret: naa, Mottaker: j.Mottaker, BestiltAv: av, leveringID: j.leveringID, nr: j.nr + 1, overlevert: true, frist: naa.Add(k.cfg.Varsel)}
		if err := k.settInn(ctx, tx, ny); err != nil {
			return err
		}
		if err := k.logg(ctx, tx, ny, "Brevet skrives ut på nytt"); err != nil {
			return err
		}
		return k.Jobs.Enqueue(ctx, tx, jobs.Spec{Kind: paaNyttKind, Key: ny.ID, Arg: ny.ID})
	})
	if err != nil {
		return "", err
	}
	return nyID, nil
}
