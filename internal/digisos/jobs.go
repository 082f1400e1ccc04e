package digisos

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/jobs"
	"knutepunkt/internal/store"
)

const (
	utlopsplikt  = "digisos.mellomlagring" // deletes what was laid down and never sent in
	sletteplikt  = "digisos.sletting"      // deletes cases whose life is over
	pliktAntall  = 200                     // rows of one transaction
	nyttSletting = 24 * time.Hour          // a case that cannot be deleted is tried again after
)

func (s *Service) registrerPlikter() {
	s.Jobber.AddDuty(jobs.Duty{Name: utlopsplikt, RunOnce: s.slettUtlopt,
		Next: s.neste(&s.nesteUtlop, `SELECT coalesce(min(utloper), 0) FROM digisos_mellomlagret`)})
	s.Jobber.AddDuty(jobs.Duty{Name: sletteplikt, RunOnce: s.slettGamle,
		Next: s.neste(&s.nesteSletting, `SELECT coalesce(min(slettes), 0) FROM digisos_sak WHERE slettet = 0`)})
	s.Jobber.AddDuty(jobs.Duty{Name: avvikPlikt, Next: s.nesteAvvik, RunOnce: s.varsleAvvik})
}

// neste asks the table, and remembers the answer for vekk.
func (s *Service) neste(husk *atomic.Int64, sporring string) func(context.Context) (time.Time, error) {
	return func(ctx context.Context) (time.Time, error) {
		var naar int64
		if err := s.DB.Read().QueryRowContext(ctx, sporring).Scan(&naar); err != nil {
			return time.Time{}, fmt.Errorf("asking when to delete next: %w", err)
		}
		husk.Store(naar)
		return store.Time(naar), nil
	}
}

// vekk tells the engine of a date that is earlier than what it waits for.
func (s *Service) vekk(tx *store.Tx, plikt string, husk *atomic.Int64, naar int64) {
	tx.OnCommit(func() {
		if neste := husk.Load(); neste == 0 || naar < neste {
			s.Jobber.Wake(plikt)
		}
	})
}

// slettUtlopt deletes mellomlagring whose time is over.
func (s *Service) slettUtlopt(ctx context.Context, naa time.Time) error {
	for {
		var n int
		err := s.DB.Write(ctx, func(tx *store.Tx) error {
			ider, err := kolonne(ctx, tx, `SELECT dokument_id FROM digisos_mellomlagret WHERE utloper <= $1 ORDER BY utloper LIMIT $2`,
				store.Micros(naa), pliktAntall)
			if err != nil {
				return fmt.Errorf("listing expired mellomlagring: %w", err)
			}
			n = len(ider)
			for _, id := range ider {
				if err := s.slettMellomlagret(ctx, tx, `dokument_id = $1`, id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || n < pliktAntall {
			return err
		}
	}
}

// slettGamle deletes the cases whose life is over. One that cannot be deleted
// (its delivery is not at an end, or there is a gap) gets another day and a line in its history.
func (s *Service) slettGamle(ctx context.Context, naa time.Time) error {
	for {
		ider, err := kolonne(ctx, s.DB.Read(), `SELECT id FROM digisos_sak WHERE slettet = 0 AND slettes <= $1 ORDER BY slettes LIMIT $2`,
			store.Micros(naa), pliktAntall)
		if err != nil {
			return fmt.Errorf("listing cases to delete: %w", err)
		}
		for _, id := range ider {
			err := s.slettSak(ctx, id, store.Micros(naa))
			if err == nil {
				continue
			}
			s.Log.WarnContext(ctx, "case could not be deleted", "digisosId", id, "error", err)
			if err := s.DB.Write(ctx, func(tx *store.Tx) error {
				if _, err := tx.ExecContext(ctx, `UPDATE digisos_sak SET slettes = $2 WHERE id = $1`,
					id, store.Micros(naa.Add(nyttSletting))); err != nil {
					return fmt.Errorf("postponing the deletion of %s: %w", id, err)
				}
				return s.skrivHistorikk(ctx, tx, id, DigisosSlettetFeilet, "")
			}); err != nil {
				return err
			}
		}
		if len(ider) < pliktAntall {
			return nil
		}
	}
}

// SlettSak deletes a case with all its documents and leaves a tombstone, which
// answers 410 and keeps the navEksternRefId taken. feil.IkkeFunnet,
// feil.Slettet, and feil.Konflikt while something of it is not delivered, or is a gap.
func (s *Service) SlettSak(ctx context.Context, digisosID string) error {
	return s.slettSak(ctx, digisosID, math.MaxInt64)
}

// slettSak deletes a case whose life was over at naa (µs); nil, with nothing
// done, when it has changed since.
func (s *Service) slettSak(ctx context.Context, digisosID string, naa int64) error {
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		k, err := hentSak(ctx, tx, digisosID)
		if err != nil {
			return err
		}
		if k.Slettet != 0 {
			return errSlettet()
		}
		var slettes int64
		if err := tx.QueryRowContext(ctx, `SELECT slettes FROM digisos_sak WHERE id = $1`, k.ID).Scan(&slettes); err != nil {
			return fmt.Errorf("reading when to delete %s: %w", k.ID, err)
		}
		if slettes > naa {
			return nil
		}
		l, err := s.fyll(ctx, tx, k)
		if err != nil {
			return err
		}
		for _, id := range l.sendinger() {
			lev, _, err := s.Levering.Hent(ctx, tx, id)
			if err != nil {
				return fmt.Errorf("delivery of %s: %w", id, err)
			}
			if !lev.Ferdig() {
				return feil.Ny(feil.Konflikt, "Saken kan ikke slettes: forsendelse %s er ikke levert", id)
			}
		}
		if n, err := antallAvvik(ctx, tx, `u.sak_id = $1`, k.ID); err != nil {
			return err
		} else if n > 0 {
			return feil.Ny(feil.Konflikt, "Saken kan ikke slettes: %d forsendelser er levert, men ikke meldt registrert av kommunen", n)
		}
		for _, id := range l.alleDokumenter() {
			if err := s.Dokumentlager.Slett(ctx, tx, id); err != nil {
				return fmt.Errorf("deleting document %s: %w", id, err)
			}
		}
		for _, q := range []string{
			`DELETE FROM digisos_forsendelse WHERE sak_id = $1`,
			`DELETE FROM digisos_fil WHERE sak_id = $1`,
			`DELETE FROM digisos_klage WHERE sak_id = $1`,
			`UPDATE digisos_historikk SET tekst = NULL WHERE sak_id = $1`,
		} {
			if _, err := tx.ExecContext(ctx, q, k.ID); err != nil {
				return fmt.Errorf("deleting case %s: %w", k.ID, err)
			}
		}
		if err := glemUtlevert(ctx, tx, k.ID); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE digisos_sak SET slettet = $2, soker_hash = '', soker = NULL,
			oppdatering_id = '', oppdatering_filer = '' WHERE id = $1`, k.ID, store.Micros(s.Klokke.Now())); err != nil {
			return fmt.Errorf("deleting case %s: %w", k.ID, err)
		}
		return s.logg(ctx, tx, audit.Hendelse{Handling: "DIGISOS_SAK_SLETTET", FiksOrg: k.FiksOrgID, Underressurs: k.ID, Gjelder: l.fnr})
	})
}
