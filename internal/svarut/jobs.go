package svarut

import (
	"context"
	"fmt"
	"time"

	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

const sletteplikt = "svarut.sletting" // deletes files and metadata whose time is over

// provetid is how long a test (levering.Post.BareSvarInn) is kept after its end.
const provetid = 24 * time.Hour

// vekk tells the engine of a deletion that is earlier than what it waits for.
func (s *Service) vekk(tx *store.Tx, naar time.Time) {
	us := store.Micros(naar)
	tx.OnCommit(func() {
		if neste := s.nesteSletting.Load(); neste == 0 || us < neste {
			s.Jobber.Wake(sletteplikt)
		}
	})
}

func (s *Service) nesteSlett(ctx context.Context) (time.Time, error) {
	var forsendelse, startet int64
	err := s.DB.Read().QueryRowContext(ctx, `SELECT
		(SELECT COALESCE(MIN(slettes), 0) FROM svarut_forsendelser WHERE slettes > 0 AND slettet = 0),
		(SELECT COALESCE(MIN(opprettet), 0) FROM svarut_startet)`).Scan(&forsendelse, &startet)
	if err != nil {
		return time.Time{}, fmt.Errorf("asking when to delete next: %w", err)
	}
	neste := store.Time(forsendelse)
	if startet > 0 {
		if t := store.Time(startet).AddDate(0, s.cfg.Levetid, 0); neste.IsZero() || t.Before(neste) {
			neste = t
		}
	}
	s.nesteSletting.Store(store.Micros(neste))
	return neste, nil
}

// utsett is how soon a deletion is tried again that failed.
const utsett = time.Hour

// slettGamle deletes what has been at its end for long enough (§3.6). One that
// cannot be deleted is logged and put off, and holds up no other.
func (s *Service) slettGamle(ctx context.Context, naa time.Time) error {
	// Ids that were given out and never used.
	err := s.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM svarut_startet WHERE opprettet <= $1`, store.Micros(naa.AddDate(0, -s.cfg.Levetid, 0)))
		return err
	})
	if err != nil {
		return fmt.Errorf("deleting started ids: %w", err)
	}
	for {
		ider, err := s.ider(ctx, `SELECT id FROM svarut_forsendelser WHERE slettes > 0 AND slettes <= $1 AND slettet = 0 ORDER BY slettes LIMIT 100`, store.Micros(naa))
		if err != nil || len(ider) == 0 {
			return err
		}
		for _, id := range ider {
			err := s.DB.Write(ctx, func(tx *store.Tx) error { return s.slett(ctx, tx, id) })
			if err == nil {
				continue
			}
			s.Log.ErrorContext(ctx, "a forsendelse whose time is over could not be deleted; it is tried again", "forsendelse", id, "err", err)
			if err := s.DB.Write(ctx, func(tx *store.Tx) error {
				_, err := tx.ExecContext(ctx, `UPDATE svarut_forsendelser SET slettes = $2 WHERE id = $1`, id, store.Micros(naa.Add(utsett)))
				return err
			}); err != nil {
				return fmt.Errorf("putting off the deletion of %s: %w", id, err)
			}
		}
	}
}

// slett removes files, metadata and others' words. The row, its status and its
// own history stay.
func (s *Service) slett(ctx context.Context, tx *store.Tx, id string) error {
	f, err := s.hent(ctx, tx, id)
	if err != nil {
		return err
	}
	if !f.Slettet.IsZero() {
		return nil
	}
	if err := s.slettFiler(ctx, tx, f); err != nil {
		return err
	}
	for _, slett := range s.Slettere {
		if err := slett(ctx, tx, id); err != nil {
			return fmt.Errorf("deleting what a channel has of %s: %w", id, err)
		}
	}
	tomt, err := s.forsegl(stedForsendelse(id), Innhold{Post: levering.Post{AvgivendeSystem: f.Post.AvgivendeSystem, Niva: f.Niva}})
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE svarut_forsendelser SET innhold = $2, slettet = $3, duplikat = '' WHERE id = $1`,
		id, tomt, store.Micros(s.Klokke.Now())); err != nil {
		return fmt.Errorf("emptying forsendelse %s: %w", id, err)
	}
	for _, setning := range []string{
		`DELETE FROM svarut_hendelser WHERE forsendelse = $1 AND fritekst = 1`, `DELETE FROM svarut_nedlastinger WHERE forsendelse = $1`,
	} {
		if _, err := tx.ExecContext(ctx, setning, id); err != nil {
			return fmt.Errorf("emptying the history of %s: %w", id, err)
		}
	}
	return s.skrivHendelse(ctx, tx, id, "Filer og metadata er slettet.", false)
}

// slettFiler deletes the files alone.
func (s *Service) slettFiler(ctx context.Context, tx *store.Tx, f Forsendelse) error {
	if f.FilerBorte {
		return nil
	}
	for _, d := range f.Dokumenter {
		if err := s.Dokumentlager.Slett(ctx, tx, d.ID); err != nil {
			return fmt.Errorf("deleting the files of %s: %w", f.ID, err)
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE svarut_forsendelser SET filer_borte = 1 WHERE id = $1`, f.ID); err != nil {
		return fmt.Errorf("deleting the files of %s: %w", f.ID, err)
	}
	return nil
}

// ider reads a query's one column.
func (s *Service) ider(ctx context.Context, sporring string, args ...any) ([]string, error) {
	rows, err := s.DB.Read().QueryContext(ctx, sporring, args...)
	if err != nil {
		return nil, fmt.Errorf("listing forsendelser: %w", err)
	}
	defer rows.Close()
	var ut []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("listing forsendelser: %w", err)
		}
		ut = append(ut, id)
	}
	return ut, rows.Err()
}
