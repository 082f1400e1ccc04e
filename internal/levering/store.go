package levering

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are this room's tables.
func Migrations() store.Migrations {
	return store.Migrations{Room: "levering", FS: migrations}
}

const kolonner = `id, kilde, kilde_id, fiks_org, plan, steg, runde, tilstand, kanal, leveranse_id,
	frist, neste_steg, alarm, grunn, opprettet, endret`

type scanner interface{ Scan(dest ...any) error }

func les(row scanner) (Levering, error) {
	var l Levering
	var plan string
	var frist, opprettet, endret int64
	err := row.Scan(&l.ID, &l.Kilde, &l.KildeID, &l.FiksOrgID, &plan, &l.Steg, &l.Runde, &l.Tilstand, &l.Kanal,
		&l.LeveranseID, &frist, &l.NesteSteg, &l.Alarm, &l.Grunn, &opprettet, &endret)
	if errors.Is(err, sql.ErrNoRows) {
		return l, feil.Ny(feil.IkkeFunnet, "Leveransen finnes ikke")
	} else if err != nil {
		return l, fmt.Errorf("reading a levering: %w", err)
	}
	if err := json.Unmarshal([]byte(plan), &l.Plan); err != nil {
		return l, fmt.Errorf("decoding the plan of levering %s: %w", l.ID, err)
	}
	l.Frist, l.Opprettet, l.Endret = store.Time(frist), store.Time(opprettet), store.Time(endret)
	return l, nil
}

func hent(ctx context.Context, q store.Queryer, id string) (Levering, error) {
	return les(q.QueryRowContext(ctx, `SELECT `+kolonner+` FROM leveringer WHERE id = $1`, id))
}

func settInn(ctx context.Context, tx *store.Tx, l Levering) error {
	plan, err := json.Marshal(l.Plan)
	if err != nil {
		return fmt.Errorf("encoding a plan: %w", err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO leveringer (`+kolonner+`)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16)`,
		l.ID, l.Kilde, l.KildeID, l.FiksOrgID, string(plan), l.Steg, l.Runde, string(l.Tilstand), l.Kanal,
		l.LeveranseID, store.Micros(l.Frist), l.NesteSteg, heltall(l.Alarm), l.Grunn,
		store.Micros(l.Opprettet), store.Micros(l.Endret))
	if err != nil {
		return fmt.Errorf("storing levering %s: %w", l.ID, err)
	}
	return nil
}

func oppdater(ctx context.Context, tx *store.Tx, l Levering) error {
	_, err := tx.ExecContext(ctx, `UPDATE leveringer SET steg=$2, runde=$3, tilstand=$4, kanal=$5, leveranse_id=$6,
		frist=$7, neste_steg=$8, alarm=$9, grunn=$10, endret=$11, vakt=$12 WHERE id=$1`,
		l.ID, l.Steg, l.Runde, string(l.Tilstand), l.Kanal, l.LeveranseID, store.Micros(l.Frist), l.NesteSteg,
		heltall(l.Alarm), l.Grunn, store.Micros(l.Endret), vakt(l))
	if err != nil {
		return fmt.Errorf("updating levering %s: %w", l.ID, err)
	}
	return nil
}

// vakt is when the duty acts on l, in µs; 0: never.
func vakt(l Levering) int64 {
	if !l.vedFrist() {
		return 0
	}
	return store.Micros(l.Frist)
}

func settVakt(ctx context.Context, tx *store.Tx, id string, naar time.Time) error {
	if _, err := tx.ExecContext(ctx, `UPDATE leveringer SET vakt = $2 WHERE id = $1 AND vakt > 0`, id, store.Micros(naar)); err != nil {
		return fmt.Errorf("putting off levering %s: %w", id, err)
	}
	return nil
}

func nesteVakt(ctx context.Context, q store.Queryer) (int64, error) {
	var t sql.NullInt64
	if err := q.QueryRowContext(ctx, `SELECT MIN(vakt) FROM leveringer WHERE vakt > 0`).Scan(&t); err != nil {
		return 0, fmt.Errorf("finding the next deadline: %w", err)
	}
	return t.Int64, nil
}

// forfalte are the leveringer whose deadline is reached, in order, at most antall.
func forfalte(ctx context.Context, q store.Queryer, naa time.Time, antall int) ([]string, error) {
	rows, err := q.QueryContext(ctx, `SELECT id FROM leveringer WHERE vakt > 0 AND vakt <= $1
		ORDER BY vakt, opprettet, id LIMIT $2`, store.Micros(naa), antall)
	if err != nil {
		return nil, fmt.Errorf("listing deadlines: %w", err)
	}
	defer rows.Close()
	var ut []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("listing deadlines: %w", err)
		}
		ut = append(ut, id)
	}
	return ut, rows.Err()
}

func skrivHistorie(ctx context.Context, tx *store.Tx, id string, h Historie) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO leverings_historie (levering_id, nr, tilstand, kanal, tidspunkt, grunn)
		SELECT $1, COALESCE(MAX(nr), 0) + 1, $2, $3, $4, $5 FROM leverings_historie WHERE levering_id = $1`,
		id, string(h.Tilstand), h.Kanal, store.Micros(h.Tidspunkt), h.Grunn)
	if err != nil {
		return fmt.Errorf("writing the history of levering %s: %w", id, err)
	}
	return nil
}

func lesHistorie(ctx context.Context, q store.Queryer, id string) ([]Historie, error) {
	rows, err := q.QueryContext(ctx, `SELECT tilstand, kanal, tidspunkt, grunn FROM leverings_historie
		WHERE levering_id = $1 ORDER BY nr`, id)
	if err != nil {
		return nil, fmt.Errorf("reading the history of levering %s: %w", id, err)
	}
	defer rows.Close()
	var ut []Historie
	for rows.Next() {
		var h Historie
		var naar int64
		if err := rows.Scan(&h.Tilstand, &h.Kanal, &naar, &h.Grunn); err != nil {
			return nil, fmt.Errorf("reading the history of levering %s: %w", id, err)
		}
		h.Tidspunkt = store.Time(naar)
		ut = append(ut, h)
	}
	return ut, rows.Err()
}

// finnLeveranse finds the levering that was handed to kanal under leveranseID; "" when
// none was. utgatt: it has been delivered anew since.
func finnLeveranse(ctx context.Context, q store.Queryer, kanal, leveranseID string) (id string, utgatt bool, err error) {
	err = q.QueryRowContext(ctx, `SELECT levering_id, utgatt FROM leveranser WHERE leveranse_id = $1 AND kanal = $2`,
		leveranseID, kanal).Scan(&id, &utgatt)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	} else if err != nil {
		return "", false, fmt.Errorf("finding the levering of leveranse %s: %w", leveranseID, err)
	}
	return id, utgatt, nil
}

func heltall(b bool) int {
	if b {
		return 1
	}
	return 0
}
