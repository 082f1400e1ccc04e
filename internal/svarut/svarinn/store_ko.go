package svarinn

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/store"
)

// rad is a forsendelse in SvarInn as it is stored.
type rad struct {
	id, leveringID, leveranseID, system string
	tilstand                            tilstand
	innhold                             []byte // sealed element
	opprettet, endret                   time.Time
	prove                               bool // a test of a set-up: when it is listed and downloaded is noted
}

const radKolonner = `id, levering_id, leveranse_id, mottakersystem, tilstand, innhold, opprettet, endret, prove`

func finnesIkke(err error) bool { return feil.Er(err, feil.IkkeFunnet) }

// hentRad finds a forsendelse; feil.IkkeFunnet.
func hentRad(ctx context.Context, q store.Queryer, id string) (rad, error) {
	rs, err := rader(ctx, q, `WHERE id = $1`, id)
	if err == nil && len(rs) == 0 {
		err = ikkeFunnet("Forsendelsen")
	}
	if err != nil {
		return rad{}, err
	}
	return rs[0], nil
}

// koEtter lists what waits for a mottakersystem, the oldest first, after the place
// (opprettet, id); at most antall.
func koEtter(ctx context.Context, q store.Queryer, systemID string, etter rad, antall int) ([]rad, error) {
	return rader(ctx, q, `WHERE mottakersystem = $1 AND tilstand = 'KLAR' AND (opprettet, id) > ($2, $3)
		ORDER BY opprettet, id LIMIT $4 + 0`, systemID, store.Micros(etter.opprettet), etter.id, antall)
}

func rader(ctx context.Context, q store.Queryer, rest string, args ...any) ([]rad, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+radKolonner+` FROM svarinn_forsendelser `+rest, args...)
	if err != nil {
		return nil, fmt.Errorf("reading forsendelser: %w", err)
	}
	defer rows.Close()
	var ut []rad
	for rows.Next() {
		var r rad
		var opprettet, endret int64
		if err := rows.Scan(&r.id, &r.leveringID, &r.leveranseID, &r.system, &r.tilstand, &r.innhold, &opprettet, &endret, &r.prove); err != nil {
			return nil, fmt.Errorf("reading forsendelser: %w", err)
		}
		r.opprettet, r.endret = store.Time(opprettet), store.Time(endret)
		ut = append(ut, r)
	}
	return ut, rows.Err()
}

// settIKo stores a forsendelse, or puts it into the queue anew.
func settIKo(ctx context.Context, tx *store.Tx, r rad) error {
	prove := 0
	if r.prove {
		prove = 1
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO svarinn_forsendelser (`+radKolonner+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (id) DO UPDATE SET levering_id = excluded.levering_id, leveranse_id = excluded.leveranse_id,
		mottakersystem = excluded.mottakersystem, tilstand = excluded.tilstand, innhold = excluded.innhold,
		opprettet = excluded.opprettet, endret = excluded.endret, prove = excluded.prove`,
		r.id, r.leveringID, r.leveranseID, r.system, string(r.tilstand), r.innhold, store.Micros(r.opprettet), store.Micros(r.endret), prove)
	if err != nil {
		return fmt.Errorf("storing forsendelse %s: %w", r.id, err)
	}
	return nil
}

func settTilstand(ctx context.Context, tx *store.Tx, id string, t tilstand, naa time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE svarinn_forsendelser SET tilstand = $2, endret = $3 WHERE id = $1`, id, string(t), store.Micros(naa))
	if err != nil {
		return fmt.Errorf("changing forsendelse %s: %w", id, err)
	}
	return nil
}

func slettForsendelse(ctx context.Context, tx *store.Tx, id string) error {
	for _, setning := range []string{`DELETE FROM svarinn_hendelser WHERE forsendelse = $1`, `DELETE FROM svarinn_forsendelser WHERE id = $1`} {
		if _, err := tx.ExecContext(ctx, setning, id); err != nil {
			return fmt.Errorf("deleting forsendelse %s: %w", id, err)
		}
	}
	return nil
}

// eldste is when the one that has waited longest came; zero when nothing waits.
func eldste(ctx context.Context, q store.Queryer, systemID string) (time.Time, error) {
	var us int64
	err := q.QueryRowContext(ctx, `SELECT COALESCE(MIN(opprettet), 0) FROM svarinn_forsendelser
		WHERE mottakersystem = $1 AND tilstand = 'KLAR'`, systemID).Scan(&us)
	if err != nil {
		return time.Time{}, fmt.Errorf("finding what waits for %s: %w", systemID, err)
	}
	return store.Time(us), nil
}

// antallFor counts what waits and came at or before t.
func antallFor(ctx context.Context, q store.Queryer, systemID string, t time.Time) (n int, err error) {
	err = q.QueryRowContext(ctx, `SELECT COUNT(*) FROM svarinn_forsendelser
		WHERE mottakersystem = $1 AND tilstand = 'KLAR' AND opprettet <= $2`, systemID, store.Micros(t)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting what waits for %s: %w", systemID, err)
	}
	return n, nil
}

func (s *Service) hendelseNokkel(slag, tekst string) string {
	return s.Ring.Lookup("svarinn.hendelse", slag+"\x00"+tekst)
}

func hendelseSted(id string, nr int) string { return fmt.Sprintf("svarinn.hendelse:%s:%d", id, nr) }

// noter writes to the history of a forsendelse; tekst is the receiver's, or "".
func (s *Service) noter(ctx context.Context, tx *store.Tx, id, slag, tekst string) error {
	var nr int
	if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(nr), 0) + 1 FROM svarinn_hendelser WHERE forsendelse = $1`, id).Scan(&nr); err != nil {
		return fmt.Errorf("writing the history of %s: %w", id, err)
	}
	var forseglet []byte
	if tekst != "" {
		var err error
		if forseglet, err = s.Ring.Seal(hendelseSted(id, nr), []byte(tekst)); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO svarinn_hendelser (forsendelse, nr, tidspunkt, slag, tekst, nokkel) VALUES ($1, $2, $3, $4, $5, $6)`,
		id, nr, store.Micros(s.Klokke.Now()), slag, forseglet, s.hendelseNokkel(slag, tekst))
	if err != nil {
		return fmt.Errorf("writing the history of %s: %w", id, err)
	}
	return nil
}

// sisteHendelse tells how long the history is, and the key of its last entry.
func sisteHendelse(ctx context.Context, q store.Queryer, id string) (antall int, nokkel string, err error) {
	err = q.QueryRowContext(ctx, `SELECT nr, nokkel FROM svarinn_hendelser WHERE forsendelse = $1 ORDER BY nr DESC LIMIT 1`, id).Scan(&antall, &nokkel)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, "", fmt.Errorf("reading the history of %s: %w", id, err)
	}
	return antall, nokkel, nil
}
