package altinn

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"knutepunkt/internal/store"
)

// States of a row.
const (
	underveis = "UNDERVEIS" // not in the inbox yet
	sendt     = "SENDT"     // in the inbox, unread
	lest      = "LEST"
	avvist    = "AVVIST"
)

// rad is how far a leveranse came.
type rad struct {
	LeveranseID, ForsendelseID string
	MeldingID                  string
	Lenke                      bool
	Tilstand, Status, Grunn    string
	Ventet                     int
	VentFra                    time.Time
	Frist, Neste, Slutt        time.Time
}

// filrad is how far one attachment came.
type filrad struct {
	ID                   string
	Storrelse            int64
	LastetOpp, Publisert bool
}

const kolonner = `leveranse_id, forsendelse_id, melding_id, lenke, tilstand, status, grunn, ventet, vent_fra, frist, neste, slutt`

func les(row interface{ Scan(...any) error }) (r rad, err error) {
	var ventFra, frist, neste, slutt int64
	err = row.Scan(&r.LeveranseID, &r.ForsendelseID, &r.MeldingID, &r.Lenke, &r.Tilstand, &r.Status, &r.Grunn, &r.Ventet,
		&ventFra, &frist, &neste, &slutt)
	r.VentFra, r.Frist, r.Neste, r.Slutt = store.Time(ventFra), store.Time(frist), store.Time(neste), store.Time(slutt)
	return r, err
}

// finn reads a row; false when there is none.
func finn(ctx context.Context, q store.Queryer, leveranseID string) (rad, bool, error) {
	r, err := les(q.QueryRowContext(ctx, `SELECT `+kolonner+` FROM altinn_melding WHERE leveranse_id = $1`, leveranseID))
	if errors.Is(err, sql.ErrNoRows) {
		return r, false, nil
	}
	if err != nil {
		return r, false, fmt.Errorf("reading the Altinn row of leveranse %s: %w", leveranseID, err)
	}
	return r, true, nil
}

// lagre writes a row, new or changed.
func lagre(ctx context.Context, tx *store.Tx, r rad) error {
	lenke := 0
	if r.Lenke {
		lenke = 1
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO altinn_melding (`+kolonner+`) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12)
		ON CONFLICT (leveranse_id) DO UPDATE SET melding_id=$3, tilstand=$5, status=$6, grunn=$7, ventet=$8, vent_fra=$9,
		frist=$10, neste=$11, slutt=$12`,
		r.LeveranseID, r.ForsendelseID, r.MeldingID, lenke, r.Tilstand, r.Status, r.Grunn, r.Ventet, store.Micros(r.VentFra),
		store.Micros(r.Frist), store.Micros(r.Neste), store.Micros(r.Slutt))
	if err != nil {
		return fmt.Errorf("storing the Altinn row of leveranse %s: %w", r.LeveranseID, err)
	}
	return nil
}

// forfalte are the rows to be looked at, those first that have waited longest.
func forfalte(ctx context.Context, q store.Queryer, naa time.Time, antall int) ([]rad, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+kolonner+` FROM altinn_melding WHERE neste <= $1 ORDER BY neste, leveranse_id LIMIT $2 + 0`,
		store.Micros(naa), antall)
	if err != nil {
		return nil, fmt.Errorf("finding letters in Altinn to look at: %w", err)
	}
	defer rows.Close()
	var ut []rad
	for rows.Next() {
		r, err := les(rows)
		if err != nil {
			return nil, fmt.Errorf("finding letters in Altinn to look at: %w", err)
		}
		ut = append(ut, r)
	}
	return ut, rows.Err()
}

func glem(ctx context.Context, tx *store.Tx, leveranseID string) error {
	for _, tabell := range []string{"altinn_vedlegg", "altinn_melding"} {
		if _, err := tx.ExecContext(ctx, `DELETE FROM `+tabell+` WHERE leveranse_id = $1`, leveranseID); err != nil {
			return fmt.Errorf("forgetting leveranse %s: %w", leveranseID, err)
		}
	}
	return nil
}

// filer reads the attachments of a leveranse by number.
func filer(ctx context.Context, q store.Queryer, leveranseID string) (map[int]filrad, error) {
	rows, err := q.QueryContext(ctx, `SELECT nr, vedlegg_id, storrelse, lastet_opp, publisert FROM altinn_vedlegg WHERE leveranse_id = $1`, leveranseID)
	if err != nil {
		return nil, fmt.Errorf("reading the attachments of leveranse %s: %w", leveranseID, err)
	}
	defer rows.Close()
	ut := map[int]filrad{}
	for rows.Next() {
		var nr int
		var f filrad
		if err := rows.Scan(&nr, &f.ID, &f.Storrelse, &f.LastetOpp, &f.Publisert); err != nil {
			return nil, fmt.Errorf("reading the attachments of leveranse %s: %w", leveranseID, err)
		}
		ut[nr] = f
	}
	return ut, rows.Err()
}

// lagreFil writes an attachment, new or changed; one without ID is forgotten.
func lagreFil(ctx context.Context, tx *store.Tx, leveranseID string, nr int, f filrad) error {
	heltall := map[bool]int{true: 1}
	_, err := tx.ExecContext(ctx, `DELETE FROM altinn_vedlegg WHERE leveranse_id = $1 AND nr = $2`, leveranseID, nr)
	if err == nil && f.ID != "" {
		_, err = tx.ExecContext(ctx, `INSERT INTO altinn_vedlegg (leveranse_id, nr, vedlegg_id, storrelse, lastet_opp, publisert)
			VALUES ($1,$2,$3,$4,$5,$6)`, leveranseID, nr, f.ID, f.Storrelse, heltall[f.LastetOpp], heltall[f.Publisert])
	}
	if err != nil {
		return fmt.Errorf("storing attachment %d of leveranse %s: %w", nr, leveranseID, err)
	}
	return nil
}
