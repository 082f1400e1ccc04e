package fiksio

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/store"
)

const kontoKolonner = `id, nr, fiks_org_id, navn, dokumentlager_id, aktiv, intern, kun_aksepterte, sertifikat,
	opprettet, opprettet_av, sist_endret, sist_endret_av`

// hentKonto finds a konto that is not deleted; feil.IkkeFunnet.
func (s *Service) hentKonto(ctx context.Context, q store.Queryer, id string) (Konto, error) {
	k, err := s.lesKonto(q.QueryRowContext(ctx, `SELECT `+kontoKolonner+` FROM fiksio_konto WHERE id = $1 AND slettet = 0`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return Konto{}, feil.Ny(feil.IkkeFunnet, "Fant ingen Fiks IO-konto med id %s", visID(id))
	}
	if err != nil {
		return Konto{}, fmt.Errorf("reading konto: %w", err)
	}
	return k, nil
}

// kontoer lists kontoer of an organisation ("" = all) that are not deleted, by name.
func (s *Service) kontoer(ctx context.Context, q store.Queryer, fiksOrgID string) ([]Konto, error) {
	query, args := `SELECT `+kontoKolonner+` FROM fiksio_konto WHERE slettet = 0 ORDER BY navn, id`, []any(nil)
	if fiksOrgID != "" {
		query, args = `SELECT `+kontoKolonner+` FROM fiksio_konto WHERE fiks_org_id = $1 AND slettet = 0 ORDER BY navn, id`, []any{fiksOrgID}
	}
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("listing kontoer: %w", err)
	}
	defer rows.Close()
	var ks []Konto
	for rows.Next() {
		k, err := s.lesKonto(rows)
		if err != nil {
			return nil, fmt.Errorf("listing kontoer: %w", err)
		}
		ks = append(ks, k)
	}
	return ks, rows.Err()
}

type skanner interface{ Scan(...any) error }

func (s *Service) lesKonto(r skanner) (Konto, error) {
	var k Konto
	var aktiv, intern, kun int
	var opprettet, endret int64
	var av, endretAv []byte
	if err := r.Scan(&k.ID, &k.nr, &k.FiksOrgID, &k.Navn, &k.DokumentlagerKontoID, &aktiv, &intern, &kun,
		&k.Sertifikat, &opprettet, &av, &endret, &endretAv); err != nil {
		return Konto{}, err
	}
	k.Aktiv, k.Intern, k.KunAksepterte = aktiv != 0, intern != 0, kun != 0
	k.Opprettet, k.SistEndret = store.Time(opprettet), store.Time(endret)
	if len(k.Sertifikat) == 0 {
		k.Sertifikat = nil
	}
	var err error
	if k.OpprettetAv, err = s.apneAktor(k.ID, av); err != nil {
		return Konto{}, err
	}
	k.SistEndretAv, err = s.apneAktor(k.ID, endretAv)
	return k, err
}

// forseglAktor seals a fnr or integrasjon id; nil for "".
func (s *Service) forseglAktor(id, aktor string) ([]byte, error) {
	if aktor == "" {
		return nil, nil
	}
	return s.Ring.Seal("fiksio.aktor:"+id, []byte(aktor))
}

func (s *Service) apneAktor(id string, forseglet []byte) (string, error) {
	if len(forseglet) == 0 {
		return "", nil
	}
	b, err := s.Ring.Open("fiksio.aktor:"+id, forseglet)
	return string(b), err
}

func (s *Service) settInnKonto(ctx context.Context, q store.Queryer, k *Konto) error {
	av, err := s.forseglAktor(k.ID, k.OpprettetAv)
	if err != nil {
		return err
	}
	if err := q.QueryRowContext(ctx, `SELECT COALESCE(MAX(nr), 0) + 1 FROM fiksio_konto`).Scan(&k.nr); err != nil {
		return fmt.Errorf("numbering konto: %w", err)
	}
	us := store.Micros(k.Opprettet)
	_, err = q.ExecContext(ctx, `INSERT INTO fiksio_konto (id, nr, fiks_org_id, navn, dokumentlager_id, aktiv, intern,
		kun_aksepterte, sertifikat, opprettet, opprettet_av, sist_endret, sist_endret_av)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		k.ID, k.nr, k.FiksOrgID, k.Navn, k.DokumentlagerKontoID, tall(k.Aktiv), tall(k.Intern), tall(k.KunAksepterte),
		k.Sertifikat, us, av, us, av)
	if store.IsUnique(err) {
		return feil.Ny(feil.Konflikt, "Kontoen finnes allerede").Med(err)
	}
	if err != nil {
		return fmt.Errorf("storing konto: %w", err)
	}
	if _, err := q.ExecContext(ctx, `INSERT INTO fiksio_ko (nr, siste) VALUES ($1, 0)`, k.nr); err != nil {
		return fmt.Errorf("making queue: %w", err)
	}
	return nil
}

// lagreKonto writes what can change on a konto.
func (s *Service) lagreKonto(ctx context.Context, q store.Queryer, k Konto) error {
	av, err := s.forseglAktor(k.ID, k.SistEndretAv)
	if err != nil {
		return err
	}
	_, err = q.ExecContext(ctx, `UPDATE fiksio_konto SET navn = $2, aktiv = $3, kun_aksepterte = $4, sertifikat = $5,
		sist_endret = $6, sist_endret_av = $7 WHERE id = $1`,
		k.ID, k.Navn, tall(k.Aktiv), tall(k.KunAksepterte), k.Sertifikat, store.Micros(k.SistEndret), av)
	if err != nil {
		return fmt.Errorf("updating konto: %w", err)
	}
	return nil
}

const adresseKolonner = `a.id, a.konto_id, a.beskrivelse, a.aktiv, a.opprettet, a.opprettet_av, a.sist_endret, a.sist_endret_av`

// adresser lists the addresses of a konto, oldest first.
func (s *Service) adresser(ctx context.Context, q store.Queryer, kontoID string) ([]Adresse, error) {
	return s.lesAdresser(ctx, q, `SELECT `+adresseKolonner+` FROM fiksio_adresse a WHERE a.konto_id = $1 ORDER BY a.opprettet, a.id`, kontoID)
}

// hentAdresse finds an address of a konto; feil.IkkeFunnet.
func (s *Service) hentAdresse(ctx context.Context, q store.Queryer, kontoID, id string) (Adresse, error) {
	as, err := s.lesAdresser(ctx, q, `SELECT `+adresseKolonner+` FROM fiksio_adresse a WHERE a.id = $1 AND a.konto_id = $2`, id, kontoID)
	if err != nil {
		return Adresse{}, err
	}
	if len(as) == 0 {
		return Adresse{}, feil.Ny(feil.IkkeFunnet, "Kontoen har ingen adresse med id %s", visID(id))
	}
	return as[0], nil
}

// overlappende lists the other active addresses that share an identifikator, a
// protokoll and a nivå with a.
func (s *Service) overlappende(ctx context.Context, q store.Queryer, id string) ([]Adresse, error) {
	const felles = `EXISTS (SELECT 1 FROM fiksio_adressedel x JOIN fiksio_adressedel y ON y.slag = x.slag AND y.verdi = x.verdi
		WHERE x.adresse_id = $1 AND y.adresse_id = a.id AND x.slag = `
	return s.lesAdresser(ctx, q, `SELECT `+adresseKolonner+` FROM fiksio_adresse a
		WHERE a.id IN (SELECT y.adresse_id FROM fiksio_adressedel x JOIN fiksio_adressedel y ON y.slag = x.slag AND y.verdi = x.verdi
			WHERE x.adresse_id = $1 AND x.slag = 'I')
		AND a.id <> $1 AND a.aktiv = 1 AND `+felles+`'P') AND `+felles+`'N') ORDER BY a.opprettet, a.id`, id)
}

// kandidater lists active addresses of active kontoer that carry an identifikator.
func (s *Service) kandidater(ctx context.Context, q store.Queryer, identifikator string) ([]Adresse, error) {
	return s.lesAdresser(ctx, q, `SELECT `+adresseKolonner+` FROM fiksio_adressedel d
		JOIN fiksio_adresse a ON a.id = d.adresse_id JOIN fiksio_konto k ON k.id = a.konto_id
		WHERE d.slag = 'I' AND d.verdi = $1 AND a.aktiv = 1 AND k.aktiv = 1 AND k.slettet = 0 ORDER BY a.opprettet, a.id`, identifikator)
}

func (s *Service) lesAdresser(ctx context.Context, q store.Queryer, query string, args ...any) ([]Adresse, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading addresses: %w", err)
	}
	defer rows.Close()
	var as []Adresse
	for rows.Next() {
		var a Adresse
		var aktiv int
		var opprettet, endret int64
		var av, endretAv []byte
		if err := rows.Scan(&a.ID, &a.KontoID, &a.Beskrivelse, &aktiv, &opprettet, &av, &endret, &endretAv); err != nil {
			return nil, fmt.Errorf("reading addresses: %w", err)
		}
		a.Aktiv, a.Opprettet, a.SistEndret = aktiv != 0, store.Time(opprettet), store.Time(endret)
		if a.OpprettetAv, err = s.apneAktor(a.ID, av); err != nil {
			return nil, err
		}
		if a.SistEndretAv, err = s.apneAktor(a.ID, endretAv); err != nil {
			return nil, err
		}
		as = append(as, a)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading addresses: %w", err)
	}
	rows.Close()
	for i := range as {
		if err := lesDeler(ctx, q, &as[i]); err != nil {
			return nil, err
		}
	}
	return as, nil
}

func lesDeler(ctx context.Context, q store.Queryer, a *Adresse) error {
	rows, err := q.QueryContext(ctx, `SELECT slag, verdi FROM fiksio_adressedel WHERE adresse_id = $1 ORDER BY slag, verdi`, a.ID)
	if err != nil {
		return fmt.Errorf("reading address: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var slag, verdi string
		if err := rows.Scan(&slag, &verdi); err != nil {
			return fmt.Errorf("reading address: %w", err)
		}
		switch slag {
		case "I":
			t, v, _ := strings.Cut(verdi, ".")
			a.Identifikatorer = append(a.Identifikatorer, Identifikator{t, v})
		case "P":
			a.Protokoller = append(a.Protokoller, verdi)
		case "N":
			n, err := strconv.Atoi(verdi)
			if err != nil {
				return fmt.Errorf("reading address: %w", err)
			}
			a.Nivaer = append(a.Nivaer, n)
		}
	}
	return rows.Err()
}

func (s *Service) settInnAdresse(ctx context.Context, q store.Queryer, a Adresse) error {
	av, err := s.forseglAktor(a.ID, a.OpprettetAv)
	if err != nil {
		return err
	}
	us := store.Micros(a.Opprettet)
	if _, err := q.ExecContext(ctx, `INSERT INTO fiksio_adresse (id, konto_id, beskrivelse, aktiv, opprettet, opprettet_av, sist_endret, sist_endret_av)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, a.ID, a.KontoID, a.Beskrivelse, tall(a.Aktiv), us, av, us, av); err != nil {
		if store.IsUnique(err) {
			return feil.Ny(feil.Konflikt, "Adressen finnes allerede").Med(err)
		}
		return fmt.Errorf("storing address: %w", err)
	}
	return s.lagreDeler(ctx, q, a)
}

// lagreAdresse writes everything that can change on an address.
func (s *Service) lagreAdresse(ctx context.Context, q store.Queryer, a Adresse) error {
	av, err := s.forseglAktor(a.ID, a.SistEndretAv)
	if err != nil {
		return err
	}
	if _, err := q.ExecContext(ctx, `UPDATE fiksio_adresse SET beskrivelse = $2, aktiv = $3, sist_endret = $4, sist_endret_av = $5 WHERE id = $1`,
		a.ID, a.Beskrivelse, tall(a.Aktiv), store.Micros(a.SistEndret), av); err != nil {
		return fmt.Errorf("updating address: %w", err)
	}
	if _, err := q.ExecContext(ctx, `DELETE FROM fiksio_adressedel WHERE adresse_id = $1`, a.ID); err != nil {
		return fmt.Errorf("updating address: %w", err)
	}
	return s.lagreDeler(ctx, q, a)
}

func (s *Service) lagreDeler(ctx context.Context, q store.Queryer, a Adresse) error {
	del := func(slag, verdi string) error {
		_, err := q.ExecContext(ctx, `INSERT INTO fiksio_adressedel (adresse_id, slag, verdi) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, a.ID, slag, verdi)
		if err != nil {
			return fmt.Errorf("storing address: %w", err)
		}
		return nil
	}
	for _, i := range a.Identifikatorer {
		if err := del("I", i.String()); err != nil {
			return err
		}
	}
	for _, p := range a.Protokoller {
		if err := del("P", p); err != nil {
			return err
		}
	}
	for _, n := range a.Nivaer {
		if err := del("N", strconv.Itoa(n)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) slettAdresse(ctx context.Context, q store.Queryer, id string) error {
	for _, query := range []string{`DELETE FROM fiksio_adressedel WHERE adresse_id = $1`, `DELETE FROM fiksio_adresse WHERE id = $1`} {
		if _, err := q.ExecContext(ctx, query, id); err != nil {
			return fmt.Errorf("deleting address: %w", err)
		}
	}
	return nil
}

// aksepterte lists the allow-list of a konto.
func (s *Service) aksepterte(ctx context.Context, q store.Queryer, kontoID string) ([]string, error) {
	rows, err := q.QueryContext(ctx, `SELECT avsender_id FROM fiksio_akseptert_avsender WHERE konto_id = $1 ORDER BY avsender_id`, kontoID)
	if err != nil {
		return nil, fmt.Errorf("reading accepted senders: %w", err)
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("reading accepted senders: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

func (s *Service) erAkseptert(ctx context.Context, q store.Queryer, kontoID, avsenderID string) (bool, error) {
	var n int
	err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM fiksio_akseptert_avsender WHERE konto_id = $1 AND avsender_id = $2`, kontoID, avsenderID).Scan(&n)
	return n > 0, err
}

func tall(b bool) int {
	if b {
		return 1
	}
	return 0
}
