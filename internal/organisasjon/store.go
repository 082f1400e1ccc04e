package organisasjon

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"knutepunkt/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are this room's tables.
func Migrations() store.Migrations {
	return store.Migrations{Room: "organisasjon", FS: migrations}
}

// liste is how a list of words is stored: a JSON array, never null.
func liste(ss []string) string {
	if len(ss) == 0 {
		return "[]"
	}
	b, err := json.Marshal(ss)
	if err != nil {
		panic(err) // strings always encode
	}
	return string(b)
}

func lesListe(s string) (ss []string, err error) {
	if s == "[]" {
		return nil, nil
	}
	if json.Unmarshal([]byte(s), &ss) != nil {
		return nil, fmt.Errorf("a list: %w", errCorrupt)
	}
	return ss, nil
}

func heltall(b bool) int {
	if b {
		return 1
	}
	return 0
}

func rowsAffected(res sql.Result, err error) (bool, error) {
	if err != nil {
		return false, fmt.Errorf("writing: %w", err)
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

const organisasjonKolonner = `id, navn, type, kommunenummer, orgnr, epost, opprettet`

func insertOrganisasjon(ctx context.Context, q store.Queryer, o Organisasjon) error {
	_, err := q.ExecContext(ctx, `INSERT INTO organisasjoner (`+organisasjonKolonner+`) VALUES ($1,$2,$3,$4,$5,$6,$7)`,
		o.ID, o.Navn, o.Type, o.Kommunenummer, o.Orgnr, liste(o.Epost), store.Micros(o.Opprettet))
	return err
}

// enOrganisasjon finds the one whose column has the value.
func enOrganisasjon(ctx context.Context, q store.Queryer, kolonne, verdi string) (Organisasjon, error) {
	os, err := selectOrganisasjoner(ctx, q, "WHERE "+kolonne+" = $1", verdi)
	if err == nil && len(os) == 0 {
		err = ikkeFunnet("Organisasjonen")
	}
	if err != nil {
		return Organisasjon{}, err
	}
	return os[0], nil
}

func selectOrganisasjoner(ctx context.Context, q store.Queryer, rest string, args ...any) ([]Organisasjon, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+organisasjonKolonner+` FROM organisasjoner `+rest, args...)
	if err != nil {
		return nil, fmt.Errorf("reading organisations: %w", err)
	}
	defer rows.Close()
	var ut []Organisasjon
	for rows.Next() {
		var o Organisasjon
		var epost string
		var opprettet int64
		if err := rows.Scan(&o.ID, &o.Navn, &o.Type, &o.Kommunenummer, &o.Orgnr, &epost, &opprettet); err != nil {
			return nil, fmt.Errorf("reading organisations: %w", err)
		}
		if o.Epost, err = lesListe(epost); err != nil {
			return nil, err
		}
		o.Opprettet = store.Time(opprettet)
		ut = append(ut, o)
	}
	return ut, rows.Err()
}

func insertRessurs(ctx context.Context, q store.Queryer, r Ressurs, entydig bool) error {
	var unik any
	if entydig {
		unik = r.Forelder + ":" + r.Type
	}
	_, err := q.ExecContext(ctx, `INSERT INTO ressurser (id, forelder, type, navn, entydig) VALUES ($1,$2,$3,$4,$5)`,
		r.ID, r.Forelder, r.Type, r.Navn, unik)
	return err
}

func enRessurs(ctx context.Context, q store.Queryer, id string) (Ressurs, error) {
	r := Ressurs{ID: id}
	err := q.QueryRowContext(ctx, `SELECT forelder, type, navn FROM ressurser WHERE id = $1`, id).Scan(&r.Forelder, &r.Type, &r.Navn)
	if errors.Is(err, sql.ErrNoRows) {
		return Ressurs{}, ikkeFunnet("Ressursen")
	} else if err != nil {
		return Ressurs{}, fmt.Errorf("reading a ressurs: %w", err)
	}
	return r, nil
}

func barn(ctx context.Context, q store.Queryer, id, ressursType string) ([]Ressurs, error) {
	rows, err := q.QueryContext(ctx, `SELECT id, forelder, type, navn FROM ressurser
		WHERE forelder = $1 AND ($2 = '' OR type = $2) ORDER BY type, navn, id`, id, ressursType)
	if err != nil {
		return nil, fmt.Errorf("reading ressurser: %w", err)
	}
	defer rows.Close()
	var ut []Ressurs
	for rows.Next() {
		var r Ressurs
		if err := rows.Scan(&r.ID, &r.Forelder, &r.Type, &r.Navn); err != nil {
			return nil, fmt.Errorf("reading ressurser: %w", err)
		}
		ut = append(ut, r)
	}
	return ut, rows.Err()
}

func tjenesteRessurs(ctx context.Context, q store.Queryer, fiksOrgID, tjeneste string) (id string, err error) {
	err = q.QueryRowContext(ctx, `SELECT id FROM ressurser WHERE entydig = $1`, fiksOrgID+":"+tjeneste).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", ikkeFunnet("Tjenesten er ikke tatt i bruk: ressursen")
	} else if err != nil {
		return "", fmt.Errorf("reading a ressurs: %w", err)
	}
	return id, nil
}

// sti is a ressurs and all above it. UNION, not UNION ALL: a loop ends it.
const sti = `WITH RECURSIVE sti(id, forelder, type) AS (
		SELECT id, forelder, type FROM ressurser WHERE id = $1
		UNION SELECT r.id, r.forelder, r.type FROM ressurser r JOIN sti ON r.id = sti.forelder) `

// eier is the organisation that a ressurs belongs to; "" for the root.
func eier(ctx context.Context, q store.Queryer, ressursID string) (id string, err error) {
	err = q.QueryRowContext(ctx, sti+`SELECT id FROM sti WHERE type = $2`, ressursID, TypeOrganisasjon).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// har answers for privilegium or what implies it.
func har(ctx context.Context, q store.Queryer, aktor, privilegium, admin, ressursID string) (bool, error) {
	var ja bool
	err := q.QueryRowContext(ctx, sti+`SELECT
		EXISTS (SELECT 1 FROM sti JOIN tilganger t ON t.ressurs = sti.id WHERE t.aktor = $2 AND t.privilegium IN ($3, $4))
		OR EXISTS (SELECT 1 FROM sti JOIN type_tilganger t ON t.type = sti.type
			WHERE sti.id = $1 AND t.aktor = $2 AND t.privilegium IN ($3, $4))`,
		ressursID, aktor, privilegium, admin).Scan(&ja)
	return ja, err
}

func harNoen(ctx context.Context, q store.Queryer, aktor, privilegium, admin string) (bool, error) {
	var ja bool
	err := q.QueryRowContext(ctx, `SELECT
		EXISTS (SELECT 1 FROM tilganger WHERE aktor = $1 AND privilegium IN ($2, $3))
		OR EXISTS (SELECT 1 FROM type_tilganger WHERE aktor = $1 AND privilegium IN ($2, $3))`,
		aktor, privilegium, admin).Scan(&ja)
	return ja, err
}

const integrasjonKolonner = `id, fiks_org, autorisert_orgnr, navn, beskrivelse, kode, global, forespurte, opprettet, slettet, tags, versjon`

func insertIntegrasjon(ctx context.Context, q store.Queryer, i Integrasjon) error {
	_, err := q.ExecContext(ctx, `INSERT INTO integrasjoner (`+integrasjonKolonner+`) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,0,$10,$11)`,
		i.ID, i.FiksOrgID, i.AutorisertOrgnr, i.Navn, i.Beskrivelse, i.Kode, heltall(i.Global), liste(i.ForespurtePrivilegier),
		store.Micros(i.Opprettet), liste(i.Tags), i.Versjon)
	return err
}

// oppdaterIntegrasjon writes what can change, if it is still of the version before.
func oppdaterIntegrasjon(ctx context.Context, q store.Queryer, i Integrasjon) (bool, error) {
	return rowsAffected(q.ExecContext(ctx, `UPDATE integrasjoner SET fiks_org = $2, autorisert_orgnr = $3, navn = $4, beskrivelse = $5,
		kode = $6, global = $7, forespurte = $8, tags = $9, versjon = $10 WHERE id = $1 AND versjon = $10 - 1 AND slettet = 0`,
		i.ID, i.FiksOrgID, i.AutorisertOrgnr, i.Navn, i.Beskrivelse, i.Kode, heltall(i.Global), liste(i.ForespurtePrivilegier), liste(i.Tags), i.Versjon))
}

func enIntegrasjon(ctx context.Context, q store.Queryer, id string) (Integrasjon, error) {
	is, err := selectIntegrasjoner(ctx, q, "id = $1 AND slettet = 0", id)
	if err == nil && len(is) == 0 {
		err = ikkeFunnet("Integrasjonen")
	}
	if err != nil {
		return Integrasjon{}, err
	}
	return is[0], nil
}

func selectIntegrasjoner(ctx context.Context, q store.Queryer, where string, args ...any) ([]Integrasjon, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+integrasjonKolonner+` FROM integrasjoner WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("reading integrasjoner: %w", err)
	}
	defer rows.Close()
	var ut []Integrasjon
	for rows.Next() {
		var i Integrasjon
		var global, opprettet, slettet int64
		var forespurte, tags string
		if err := rows.Scan(&i.ID, &i.FiksOrgID, &i.AutorisertOrgnr, &i.Navn, &i.Beskrivelse, &i.Kode, &global, &forespurte, &opprettet, &slettet,
			&tags, &i.Versjon); err != nil {
			return nil, fmt.Errorf("reading integrasjoner: %w", err)
		}
		if i.Tags, err = lesListe(tags); err != nil {
			return nil, err
		}
		if i.ForespurtePrivilegier, err = lesListe(forespurte); err != nil {
			return nil, err
		}
		i.Global, i.Opprettet, i.Slettet = global == 1, store.Time(opprettet), store.Time(slettet)
		ut = append(ut, i)
	}
	return ut, rows.Err()
}

func slettIntegrasjon(ctx context.Context, q store.Queryer, id string, now time.Time) error {
	if _, err := q.ExecContext(ctx, `UPDATE integrasjoner SET slettet = $2, versjon = versjon + 1 WHERE id = $1`, id, store.Micros(now)); err != nil {
		return err
	}
	for _, sql := range []string{
		`DELETE FROM integrasjon_passord WHERE integrasjon = $1`,
		`DELETE FROM tilganger WHERE aktor = $1`,
		`DELETE FROM type_tilganger WHERE aktor = $1`,
		`DELETE FROM integrasjon_ressurser WHERE integrasjon = $1`,
	} {
		if _, err := q.ExecContext(ctx, sql, id); err != nil {
			return err
		}
	}
	return nil
}

// byttPassord stores a new password; the current one lives on for overlapp, if any.
func byttPassord(ctx context.Context, q store.Queryer, integrasjonID, digest string, now time.Time, overlapp time.Duration) error {
	_, err := q.ExecContext(ctx, `DELETE FROM integrasjon_passord WHERE integrasjon = $1 AND (gyldig_til <> 0 OR $2 <= 0 OR digest = $3)`,
		integrasjonID, overlapp.Microseconds(), digest)
	if err != nil {
		return err
	}
	if _, err := q.ExecContext(ctx, `UPDATE integrasjon_passord SET gyldig_til = $2 WHERE integrasjon = $1`,
		integrasjonID, store.Micros(now.Add(overlapp))); err != nil {
		return err
	}
	if _, err := q.ExecContext(ctx, `INSERT INTO integrasjon_passord (integrasjon, digest, opprettet, gyldig_til) VALUES ($1,$2,$3,0)`,
		integrasjonID, digest, store.Micros(now)); err != nil {
		return err
	}
	_, err = q.ExecContext(ctx, `UPDATE integrasjoner SET versjon = versjon + 1 WHERE id = $1`, integrasjonID)
	return err
}

// kandidat is a password that an integrasjon may have.
type kandidat struct {
	orgnr, digest string
	gyldigTil     time.Time
}

func passordFor(ctx context.Context, q store.Queryer, integrasjonID string) ([]kandidat, error) {
	rows, err := q.QueryContext(ctx, `SELECT i.autorisert_orgnr, p.digest, p.gyldig_til
		FROM integrasjoner i JOIN integrasjon_passord p ON p.integrasjon = i.id
		WHERE i.id = $1 AND i.slettet = 0 ORDER BY p.gyldig_til`, integrasjonID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ut []kandidat
	for rows.Next() {
		var k kandidat
		var til int64
		if err := rows.Scan(&k.orgnr, &k.digest, &til); err != nil {
			return nil, err
		}
		k.gyldigTil = store.Time(til)
		ut = append(ut, k)
	}
	return ut, rows.Err()
}
