package print

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are this room's tables.
func Migrations() store.Migrations {
	return store.Migrations{Room: "print", FS: migrations}
}

// privat is what is stored sealed.
type privat struct {
	Mottaker    Adresse     `json:"m"`
	AntallSider int         `json:"s,omitempty"`
	SHA256      string      `json:"h,omitempty"`
	Kvittering  *Kvittering `json:"k,omitempty"`
	BestiltAv   string      `json:"a,omitempty"`
}

func sted(id string) string { return "print.jobb:" + id }

func (k *Kanal) forsegl(j Jobb) ([]byte, error) {
	klart, err := json.Marshal(privat{j.Mottaker, j.AntallSider, j.SHA256, j.Kvittering, j.BestiltAv})
	if err != nil {
		return nil, fmt.Errorf("encoding print job %s: %w", j.ID, err)
	}
	forseglet, err := k.Ring.Seal(sted(j.ID), klart)
	if err != nil {
		return nil, fmt.Errorf("sealing print job %s: %w", j.ID, err)
	}
	return forseglet, nil
}

const kolonner = `id, leveranse_id, levering_id, forsendelse_id, nr, kilde, tilstand, overlevert,
	opprettet, utlagt, endret, frist, privat, forsok`

func (k *Kanal) les(scan func(dest ...any) error) (Jobb, error) {
	var j Jobb
	var opprettet, utlagt, endret, frist int64
	var forseglet []byte
	err := scan(&j.ID, &j.LeveranseID, &j.leveringID, &j.ForsendelseID, &j.nr, &j.Kilde, &j.Tilstand, &j.overlevert,
		&opprettet, &utlagt, &endret, &frist, &forseglet, &j.forsok)
	if err != nil {
		return j, err
	}
	j.Opprettet, j.utlagt, j.Endret, j.frist = store.Time(opprettet), store.Time(utlagt), store.Time(endret), store.Time(frist)
	klart, err := k.Ring.Open(sted(j.ID), forseglet)
	if err != nil {
		return j, fmt.Errorf("opening print job %s: %w", j.ID, err)
	}
	var p privat
	if err := json.Unmarshal(klart, &p); err != nil {
		return j, fmt.Errorf("decoding print job %s: %w", j.ID, err)
	}
	j.Mottaker, j.AntallSider, j.SHA256, j.Kvittering, j.BestiltAv = p.Mottaker, p.AntallSider, p.SHA256, p.Kvittering, p.BestiltAv
	n := k.navn(j)
	j.Jobbfil, j.PDF = n.jobb, n.pdf
	return j, nil
}

func (k *Kanal) hent(ctx context.Context, q store.Queryer, id string) (Jobb, error) {
	j, err := k.les(q.QueryRowContext(ctx, `SELECT `+kolonner+` FROM print_jobber WHERE id = $1`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return j, feil.Ny(feil.IkkeFunnet, "Utskriftsjobben finnes ikke")
	} else if err != nil {
		return j, fmt.Errorf("reading print job %s: %w", id, err)
	}
	return j, nil
}

// list reads the jobs that where (with its arguments) chooses, and gives them
// oldest first where it orders by the newest.
func (k *Kanal) list(ctx context.Context, q store.Queryer, where string, args ...any) ([]Jobb, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+kolonner+` FROM print_jobber `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("listing print jobs: %w", err)
	}
	defer rows.Close()
	var ut []Jobb
	for rows.Next() {
		j, err := k.les(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("listing print jobs: %w", err)
		}
		ut = append(ut, j)
	}
	slices.Reverse(ut)
	return ut, rows.Err()
}

func (k *Kanal) settInn(ctx context.Context, tx *store.Tx, j Jobb) error {
	forseglet, err := k.forsegl(j)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO print_jobber (`+kolonner+`)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14)`,
		j.ID, j.LeveranseID, j.leveringID, j.ForsendelseID, j.nr, j.Kilde, string(j.Tilstand), heltall(j.overlevert),
		store.Micros(j.Opprettet), store.Micros(j.utlagt), store.Micros(j.Endret), store.Micros(j.frist), forseglet, j.forsok)
	if err != nil {
		return fmt.Errorf("storing print job %s: %w", j.ID, err)
	}
	return nil
}

// lagre writes what can change of j, as read in the same transaction.
func (k *Kanal) lagre(ctx context.Context, tx *store.Tx, j Jobb) error {
	forseglet, err := k.forsegl(j)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE print_jobber SET tilstand=$2, overlevert=$3, utlagt=$4, endret=$5, frist=$6, privat=$7, forsok=$8
		WHERE id=$1`, j.ID, string(j.Tilstand), heltall(j.overlevert), store.Micros(j.utlagt), store.Micros(j.Endret),
		store.Micros(j.frist), forseglet, j.forsok)
	if err != nil {
		return fmt.Errorf("storing print job %s: %w", j.ID, err)
	}
	return nil
}

func (k *Kanal) slett(ctx context.Context, tx *store.Tx, id string) error {
	if err := k.tomSpol(ctx, tx, id); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM print_jobber WHERE id = $1`, id); err != nil {
		return fmt.Errorf("deleting print job %s: %w", id, err)
	}
	return nil
}

// tomSpol deletes the copies of a job's files.
func (k *Kanal) tomSpol(ctx context.Context, tx *store.Tx, jobbID string) error {
	rows, err := tx.QueryContext(ctx, `DELETE FROM print_spol WHERE jobb_id = $1 RETURNING blob_id`, jobbID)
	if err != nil {
		return fmt.Errorf("emptying the spool of print job %s: %w", jobbID, err)
	}
	ids, err := strenger(rows)
	if err != nil {
		return fmt.Errorf("emptying the spool of print job %s: %w", jobbID, err)
	}
	for _, id := range ids {
		if err := k.Blobs.Delete(ctx, tx, id); err != nil {
			return err
		}
	}
	return nil
}

func strenger(rows *sql.Rows) (ut []string, err error) {
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		ut = append(ut, s)
	}
	return ut, rows.Err()
}

// ider lists the ids of jobs.
func (k *Kanal) ider(ctx context.Context, where string, args ...any) ([]string, error) {
	rows, err := k.DB.Read().QueryContext(ctx, `SELECT id FROM print_jobber `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("listing print jobs: %w", err)
	}
	ids, err := strenger(rows)
	if err != nil {
		return nil, fmt.Errorf("listing print jobs: %w", err)
	}
	return ids, nil
}

// tid reads one time; zero when there is none.
func (k *Kanal) tid(ctx context.Context, sql string, args ...any) (time.Time, error) {
	var us int64
	if err := k.DB.Read().QueryRowContext(ctx, sql, args...).Scan(&us); err != nil {
		return time.Time{}, fmt.Errorf("reading when print jobs are due: %w", err)
	}
	return store.Time(us), nil
}

func heltall(b bool) int {
	if b {
		return 1
	}
	return 0
}
