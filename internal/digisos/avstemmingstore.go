package digisos

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// What told that the municipality has something (digisos_utlevert.registrert_ved).
const (
	vedMelding         = "MELDT"
	vedSaksoppdatering = "SAKSOPPDATERING"
	vedFiler           = "FILER"
)

// settInnUtlevert begins an upsert of digisos_utlevert: id, sak_id, fiks_org_id, kilde,
// kanal, leveranse_id, sendt, levert, registrert, registrert_ved.
const settInnUtlevert = `INSERT INTO digisos_utlevert
	(id, sak_id, fiks_org_id, kilde, kanal, leveranse_id, sendt, levert, registrert, registrert_ved)
	VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10) ON CONFLICT (id) DO UPDATE SET `

// noterLevering keeps of a transition what there is to reconcile: when a channel first
// had it and under which ids, and when it was first confirmed.
func (s *Service) noterLevering(ctx context.Context, tx *store.Tx, l levering.Levering, sakID string) error {
	if l.Kilde == KildeProve || !underveis(l) {
		return nil
	}
	var levert int64
	naa := store.Micros(s.Klokke.Now())
	if l.Tilstand == levering.Bekreftet {
		levert = naa
	}
	sett := `sendt = CASE WHEN digisos_utlevert.sendt = 0 THEN excluded.sendt ELSE digisos_utlevert.sendt END,
		levert = CASE WHEN digisos_utlevert.levert = 0 THEN excluded.levert ELSE digisos_utlevert.levert END`
	kanal, leveranseID := l.Kanal, l.LeveranseID
	if kanal == levering.KanalUtenom { // no channel's id: what the last one had stays
		kanal, leveranseID = "", ""
	} else {
		sett += `, kanal = excluded.kanal, leveranse_id = excluded.leveranse_id`
	}
	if _, err := tx.ExecContext(ctx, settInnUtlevert+sett, l.KildeID, sakID, l.FiksOrgID, l.Kilde, kanal, leveranseID, naa, levert, 0, ""); err != nil {
		return fmt.Errorf("noting the delivery of %s: %w", l.KildeID, err)
	}
	if leveranseID == "" {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO digisos_leveranse (leveranse_id, utlevert_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
		leveranseID, l.KildeID); err != nil {
		return fmt.Errorf("noting the delivery of %s: %w", l.KildeID, err)
	}
	return nil
}

// utlevertMed is how something last went by a channel; "" when none had it.
func utlevertMed(ctx context.Context, q store.Queryer, id string) (kanal, leveranseID string, err error) {
	err = q.QueryRowContext(ctx, `SELECT kanal, leveranse_id FROM digisos_utlevert WHERE id = $1`, id).Scan(&kanal, &leveranseID)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", "", fmt.Errorf("asking how %s went: %w", id, err)
	}
	return kanal, leveranseID, nil
}

// merkRegistrert records that the municipality has something; false when it was so before.
func (s *Service) merkRegistrert(ctx context.Context, tx *store.Tx, i innsendt, ved string) (bool, error) {
	res, err := tx.ExecContext(ctx, settInnUtlevert+`registrert = excluded.registrert, registrert_ved = excluded.registrert_ved
		WHERE digisos_utlevert.registrert = 0`,
		i.id, i.sakID, i.fiksOrgID, i.kilde, "", "", 0, 0, store.Micros(s.Klokke.Now()), ved)
	if err != nil {
		return false, fmt.Errorf("reconciling %s: %w", i.id, err)
	}
	return enRad(res)
}

// innsendt is something that NAV sent to a municipality.
type innsendt struct{ id, sakID, fiksOrgID, kilde string }

// finnInnsendt finds what a municipality knows by an id: the DigisosId of the søknad, an
// id of ours (see Avvik), of the message over Fiks IO or the forsendelse in SvarUt, or
// the navEksternRefId. False when there is nothing of that name, or more than one.
func finnInnsendt(ctx context.Context, q store.Queryer, fiksOrgID, raa string) (i innsendt, ok bool, err error) {
	if u, feilen := uuid.Parse(raa); feilen == nil && len(raa) == 36 {
		id := u.String()
		var annen string
		err = q.QueryRowContext(ctx, `SELECT utlevert_id FROM digisos_leveranse WHERE leveranse_id = $1`, id).Scan(&annen)
		if err == nil {
			id = annen
		} else if !errors.Is(err, sql.ErrNoRows) {
			return i, false, fmt.Errorf("looking for a delivery: %w", err)
		}
		if i, ok, err = enInnsendt(ctx, q, "id", fiksOrgID, id); err != nil || ok {
			return i, ok, err
		}
	}
	if !navRefForm.MatchString(raa) {
		return i, false, nil
	}
	return enInnsendt(ctx, q, "nav_ekstern_ref_id", fiksOrgID, raa)
}

// enInnsendt finds by a column; false when there is not exactly one.
func enInnsendt(ctx context.Context, q store.Queryer, kolonne, fiksOrgID, verdi string) (i innsendt, ok bool, err error) {
	const sak = ` JOIN digisos_sak s ON s.id = x.sak_id WHERE s.fiks_org_id = $1 AND s.prove = 0 AND s.slettet = 0 AND x.`
	rows, err := q.QueryContext(ctx, `SELECT x.id, x.sak_id, CASE WHEN x.nr = 0 THEN '`+KildeSoknad+`' ELSE '`+KildeEttersendelse+`' END
			FROM digisos_forsendelse x`+sak+kolonne+` = $2
		UNION ALL SELECT x.id, x.sak_id, x.kilde FROM digisos_klage x`+sak+kolonne+` = $2 LIMIT 2`, fiksOrgID, verdi)
	if err != nil {
		return i, false, fmt.Errorf("looking for a forsendelse: %w", err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		i.fiksOrgID = fiksOrgID
		if err := rows.Scan(&i.id, &i.sakID, &i.kilde); err != nil {
			return i, false, fmt.Errorf("looking for a forsendelse: %w", err)
		}
	}
	return i, n == 1, rows.Err()
}

// apneAvvik are the gaps: delivered since the municipality began to reconcile, and not
// registered.
const apneAvvik = `FROM digisos_utlevert u JOIN digisos_konfigurasjon c ON c.fiks_org_id = u.fiks_org_id
	WHERE u.levert > 0 AND u.registrert = 0 AND c.avstemming_paa = 1 AND u.levert >= c.avstemming_fra`

func antallAvvik(ctx context.Context, q store.Queryer, hvor string, args ...any) (n int, err error) {
	if err := q.QueryRowContext(ctx, `SELECT count(*) `+apneAvvik+` AND `+hvor, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting gaps: %w", err)
	}
	return n, nil
}

// lesAvvik lists gaps of a municipality that were delivered until then, the oldest first.
func (s *Service) lesAvvik(ctx context.Context, q store.Queryer, fiksOrgID string, til time.Time, maks int) ([]Avvik, error) {
	rows, err := q.QueryContext(ctx, `SELECT u.id, u.sak_id, u.kilde, u.kanal, u.leveranse_id, u.levert,
			(SELECT f.nav_ekstern_ref_id FROM digisos_forsendelse f WHERE f.id = u.id UNION ALL SELECT k.nav_ekstern_ref_id FROM digisos_klage k WHERE k.id = u.id),
			(SELECT f.sendt FROM digisos_forsendelse f WHERE f.id = u.id UNION ALL SELECT k.sendt FROM digisos_klage k WHERE k.id = u.id)
		`+apneAvvik+` AND u.fiks_org_id = $1 AND u.levert <= $2 ORDER BY u.levert, u.id LIMIT $3 + 0`, fiksOrgID, store.Micros(til), maks)
	if err != nil {
		return nil, fmt.Errorf("listing gaps: %w", err)
	}
	defer rows.Close()
	var ut []Avvik
	for rows.Next() {
		var a Avvik
		var levert, innsendt int64
		if err := rows.Scan(&a.ID, &a.DigisosID, &a.Kilde, &a.Kanal, &a.LeveranseID, &levert, &a.NavEksternRefID, &innsendt); err != nil {
			return nil, fmt.Errorf("listing gaps: %w", err)
		}
		a.Levert, a.Innsendt = store.Time(levert), store.Time(innsendt)
		ut = append(ut, a)
	}
	return ut, rows.Err()
}

// glemUtlevert deletes what was noted of a case.
func glemUtlevert(ctx context.Context, tx *store.Tx, sakID string) error {
	for _, q := range []string{
		`DELETE FROM digisos_leveranse WHERE utlevert_id IN (SELECT id FROM digisos_utlevert WHERE sak_id = $1)`,
		`DELETE FROM digisos_utlevert WHERE sak_id = $1`,
	} {
		if _, err := tx.ExecContext(ctx, q, sakID); err != nil {
			return fmt.Errorf("forgetting the deliveries of %s: %w", sakID, err)
		}
	}
	return nil
}
