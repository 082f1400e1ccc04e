package organisasjon

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/store"
)

// sisteAdministrator tells whether a person holds ADMIN on an organisation and
// no other person does.
func sisteAdministrator(ctx context.Context, q store.Queryer, nokkel, fiksOrgID string) (bool, error) {
	var har, andre bool
	err := q.QueryRowContext(ctx, `SELECT
		EXISTS (SELECT 1 FROM tilganger WHERE ressurs = $1 AND privilegium = $2 AND aktor = $3),
		EXISTS (SELECT 1 FROM tilganger WHERE ressurs = $1 AND privilegium = $2 AND aktor <> $3 AND fnr IS NOT NULL)`,
		fiksOrgID, auth.Admin, nokkel).Scan(&har, &andre)
	return har && !andre, err
}

// stien is a ressurs and all above it, the root first; feil.IkkeFunnet.
func stien(ctx context.Context, q store.Queryer, id string) ([]Ressurs, error) {
	var ut []Ressurs
	for naa := id; naa != "" && len(ut) < 100; {
		r, err := enRessurs(ctx, q, naa)
		if err != nil {
			return nil, err
		}
		ut = append([]Ressurs{r}, ut...)
		naa = r.Forelder
	}
	return ut, nil
}

// hoyde is how many levels a ressurs and what is below it have.
func hoyde(ctx context.Context, q store.Queryer, id string) (n int, err error) {
	err = q.QueryRowContext(ctx, `WITH RECURSIVE ned(id, niva) AS (
		SELECT id, 1 FROM ressurser WHERE id = $1
		UNION SELECT r.id, ned.niva + 1 FROM ressurser r JOIN ned ON r.forelder = ned.id)
		SELECT COALESCE(MAX(niva), 0) FROM ned`, id).Scan(&n)
	return n, err
}

func antallBarn(ctx context.Context, q store.Queryer, id string) (n int, err error) {
	err = q.QueryRowContext(ctx, `SELECT COUNT(*) FROM ressurser WHERE forelder = $1`, id).Scan(&n)
	return n, err
}

func harNoe(ctx context.Context, q store.Queryer, nokkel, ressursID string) (ja bool, err error) {
	err = q.QueryRowContext(ctx, sti+`SELECT
		EXISTS (SELECT 1 FROM sti JOIN tilganger t ON t.ressurs = sti.id WHERE t.aktor = $2)
		OR EXISTS (SELECT 1 FROM sti JOIN type_tilganger t ON t.type = sti.type WHERE sti.id = $1 AND t.aktor = $2)`,
		ressursID, nokkel).Scan(&ja)
	return ja, err
}

func synligeOrganisasjoner(ctx context.Context, q store.Queryer, nokkel string) ([]Organisasjon, error) {
	return selectOrganisasjoner(ctx, q, `WHERE id IN (
			WITH RECURSIVE opp(id, forelder) AS (
				SELECT r.id, r.forelder FROM tilganger t JOIN ressurser r ON r.id = t.ressurs WHERE t.aktor = $1
				UNION SELECT r.id, r.forelder FROM ressurser r JOIN opp ON r.id = opp.forelder)
			SELECT id FROM opp)
		OR id IN (SELECT fiks_org FROM integrasjoner WHERE id = $1 AND slettet = 0)
		OR EXISTS (SELECT 1 FROM tilganger WHERE aktor = $1 AND ressurs = $2)
		OR EXISTS (SELECT 1 FROM type_tilganger WHERE aktor = $1 AND type = $3)
		ORDER BY navn, id`, nokkel, RotID, TypeOrganisasjon)
}

// selectHoldte finds the grants, goes down from them, and keeps what is asked for.
func selectHoldte(ctx context.Context, q store.Queryer, s Sok) ([]Holdt, error) {
	args := []any{s.Aktor}
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	priv := ""
	if len(s.Privilegier) > 0 {
		navn := s.Privilegier
		if s.Admin {
			navn = append([]string{auth.Admin}, navn...)
		}
		var inn []string
		for _, n := range navn {
			inn = append(inn, arg(n))
		}
		priv = " AND t.privilegium IN (" + strings.Join(inn, ",") + ")"
	}
	cte := `WITH RECURSIVE ned(id, forelder, type, navn, privilegium, gitt) AS (
		SELECT r.id, r.forelder, r.type, r.navn, t.privilegium, t.ressurs
			FROM tilganger t JOIN ressurser r ON r.id = t.ressurs WHERE t.aktor = $1` + priv
	if s.Arv {
		cte += ` UNION SELECT r.id, r.forelder, r.type, r.navn, ned.privilegium, ned.gitt FROM ressurser r JOIN ned ON r.forelder = ned.id`
	}
	cte += `), alle AS (SELECT * FROM ned`
	if s.Typer {
		cte += ` UNION SELECT r.id, r.forelder, r.type, r.navn, t.privilegium, r.id
			FROM type_tilganger t JOIN ressurser r ON r.type = t.type WHERE t.aktor = $1` + priv
	}
	cte += `)`
	hvor := " WHERE 1 = 1"
	if s.Under != RotID {
		cte += `, under(id) AS (SELECT id FROM ressurser WHERE id = ` + arg(s.Under) + `
			UNION SELECT r.id FROM ressurser r JOIN under ON r.forelder = under.id)`
		hvor += " AND id IN (SELECT id FROM under)"
	}
	if s.Type != "" {
		hvor += " AND type = " + arg(s.Type)
	}
	rows, err := q.QueryContext(ctx, cte+` SELECT id, forelder, type, navn, privilegium, gitt FROM alle`+hvor+
		` LIMIT `+strconv.Itoa(s.Maks+1), args...)
	if err != nil {
		return nil, fmt.Errorf("reading what is held: %w", err)
	}
	defer rows.Close()
	var ut []Holdt
	for rows.Next() {
		var h Holdt
		if err := rows.Scan(&h.ID, &h.Forelder, &h.Type, &h.Navn, &h.Privilegium, &h.Gitt); err != nil {
			return nil, fmt.Errorf("reading what is held: %w", err)
		}
		ut = append(ut, h)
	}
	return ut, rows.Err()
}

// tilknyttede are the ressurser that integrasjoner are associated with, by
// integrasjon: of one (and everywhere), or in one organisation (and of all).
func tilknyttede(ctx context.Context, q store.Queryer, integrasjonID, fiksOrgID string) (map[string][]string, error) {
	sql, arg := `SELECT integrasjon, ressurs FROM integrasjon_ressurser WHERE integrasjon = $1 ORDER BY ressurs`, integrasjonID
	if fiksOrgID != "" {
		arg = fiksOrgID
		sql = `WITH RECURSIVE under(id) AS (SELECT id FROM ressurser WHERE id = $1
				UNION SELECT r.id FROM ressurser r JOIN under ON r.forelder = under.id)
			SELECT integrasjon, ressurs FROM integrasjon_ressurser WHERE ressurs IN (SELECT id FROM under) ORDER BY ressurs`
	}
	rows, err := q.QueryContext(ctx, sql, arg)
	if err != nil {
		return nil, fmt.Errorf("reading associations: %w", err)
	}
	defer rows.Close()
	ut := map[string][]string{}
	for rows.Next() {
		var i, r string
		if err := rows.Scan(&i, &r); err != nil {
			return nil, fmt.Errorf("reading associations: %w", err)
		}
		ut[i] = append(ut[i], r)
	}
	return ut, rows.Err()
}

// konfigurerte are the ids of ressurser of services that have been set up.
func konfigurerte(ctx context.Context, q store.Queryer, fiksOrgID string) (map[string]bool, error) {
	rows, err := q.QueryContext(ctx, `SELECT k.ressurs FROM tjenester_konfigurert k JOIN ressurser r ON r.id = k.ressurs WHERE r.forelder = $1`, fiksOrgID)
	if err != nil {
		return nil, fmt.Errorf("reading services: %w", err)
	}
	defer rows.Close()
	ut := map[string]bool{}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("reading services: %w", err)
		}
		ut[id] = true
	}
	return ut, rows.Err()
}

// typeTilgang is a grant on all ressurser of a type, as it is stored.
type typeTilgang struct {
	aktor, privilegium, typ string
	fnr                     []byte
}

func selectTypeTilganger(ctx context.Context, q store.Queryer) ([]typeTilgang, error) {
	rows, err := q.QueryContext(ctx, `SELECT aktor, privilegium, type, fnr FROM type_tilganger ORDER BY type, privilegium, opprettet, aktor`)
	if err != nil {
		return nil, fmt.Errorf("reading grants by type: %w", err)
	}
	defer rows.Close()
	var ut []typeTilgang
	for rows.Next() {
		var t typeTilgang
		if err := rows.Scan(&t.aktor, &t.privilegium, &t.typ, &t.fnr); err != nil {
			return nil, fmt.Errorf("reading grants by type: %w", err)
		}
		ut = append(ut, t)
	}
	return ut, rows.Err()
}
