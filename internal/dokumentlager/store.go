package dokumentlager

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
	return store.Migrations{Room: "dokumentlager", FS: migrations}
}

// privat is what is stored sealed: a file name can name a person, and so do
// grants and a media type with parameters.
type privat struct {
	Navn         string        `json:"n"`
	Mimetype     string        `json:"m"`
	EksponertFor []Eksponering `json:"e,omitempty"`
}

func sealContext(id string) string { return "dokument:" + id }

const kolonner = `id, konto_id, blob_id, sikkerhetsniva, tilgjengelig_til, korrelasjonsid,
	ikke_logg, ukryptert, kryptert, opprettet, slettet, privat`

// settInn stores a document's row; feil.IkkeFunnet and feil.Slettet for its konto.
func (s *Service) settInn(ctx context.Context, tx *store.Tx, m Metadata, blobID string) error {
	forseglet, err := s.forsegl(m)
	if err != nil {
		return err
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO dokumenter (`+kolonner+`)
		SELECT $1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12
		FROM dokumentlager_kontoer WHERE id = $2 AND slettet = 0`,
		m.ID, m.KontoID, blobID, m.Sikkerhetsniva, store.Micros(m.TilgjengeligTil), m.Korrelasjonsid,
		heltall(m.IkkeLoggNedlasting), m.Ukryptert, m.Kryptert, store.Micros(m.Opprettet), 0, forseglet)
	if err != nil {
		return fmt.Errorf("storing document %s: %w", m.ID, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	if _, err := hentKonto(ctx, tx, m.KontoID); err != nil {
		return err
	}
	return feil.Ny(feil.Slettet, "Dokumentlager-kontoen er slettet")
}

func (s *Service) forsegl(m Metadata) ([]byte, error) {
	klart, err := json.Marshal(privat{Navn: m.Dokumentnavn, Mimetype: m.Mimetype, EksponertFor: m.EksponertFor})
	if err != nil {
		return nil, fmt.Errorf("encoding document %s: %w", m.ID, err)
	}
	forseglet, err := s.ring.Seal(sealContext(m.ID), klart)
	if err != nil {
		return nil, fmt.Errorf("sealing document %s: %w", m.ID, err)
	}
	return forseglet, nil
}

// hent reads a document's row and the id of its content.
func (s *Service) hent(ctx context.Context, q store.Queryer, id string) (m Metadata, blobID string, err error) {
	m, blobID, err = s.les(q.QueryRowContext(ctx, `SELECT `+kolonner+` FROM dokumenter WHERE id = $1`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return m, "", feil.Ny(feil.IkkeFunnet, "Dokumentet finnes ikke")
	} else if err != nil {
		return m, "", fmt.Errorf("reading document %s: %w", id, err)
	}
	return m, blobID, nil
}

// les reads the kolonner of one row with its Scan.
func (s *Service) les(scan func(dest ...any) error) (m Metadata, blobID string, err error) {
	var til, opprettet, slettet int64
	var forseglet []byte
	err = scan(&m.ID, &m.KontoID, &blobID, &m.Sikkerhetsniva, &til, &m.Korrelasjonsid,
		&m.IkkeLoggNedlasting, &m.Ukryptert, &m.Kryptert, &opprettet, &slettet, &forseglet)
	if err != nil {
		return m, "", err
	}
	klart, err := s.ring.Open(sealContext(m.ID), forseglet)
	if err != nil {
		return m, "", fmt.Errorf("opening its name and grants: %w", err)
	}
	var p privat
	if err := json.Unmarshal(klart, &p); err != nil {
		return m, "", fmt.Errorf("decoding its name and grants: %w", err)
	}
	m.Dokumentnavn, m.Mimetype, m.EksponertFor = p.Navn, p.Mimetype, p.EksponertFor
	m.TilgjengeligTil, m.Opprettet, m.Slettet = store.Time(til), store.Time(opprettet), store.Time(slettet)
	return m, blobID, nil
}

func (s *Service) oppdater(ctx context.Context, tx *store.Tx, m Metadata) error {
	forseglet, err := s.forsegl(m)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE dokumenter
		SET konto_id = $2, tilgjengelig_til = $3, privat = $4, slettet = $5 WHERE id = $1`,
		m.ID, m.KontoID, store.Micros(m.TilgjengeligTil), forseglet, store.Micros(m.Slettet)); err != nil {
		return fmt.Errorf("updating document %s: %w", m.ID, err)
	}
	return nil
}

func hentKonto(ctx context.Context, q store.Queryer, id string) (Konto, error) {
	var k Konto
	var slettet int64
	err := q.QueryRowContext(ctx, `SELECT id, fiks_org, navn, tjenestens, slettet FROM dokumentlager_kontoer WHERE id = $1`, id).
		Scan(&k.ID, &k.FiksOrgID, &k.Navn, &k.Tjenestens, &slettet)
	if errors.Is(err, sql.ErrNoRows) {
		return k, feil.Ny(feil.IkkeFunnet, "Dokumentlager-kontoen finnes ikke")
	} else if err != nil {
		return k, fmt.Errorf("reading dokumentlager konto %s: %w", id, err)
	}
	k.Slettet = store.Time(slettet)
	return k, nil
}

func skrivHendelse(ctx context.Context, tx *store.Tx, id string, h Hendelse) error {
	if _, err := tx.ExecContext(ctx, `INSERT INTO dokument_hendelser (dokument_id, tidspunkt, melding, aktor) VALUES ($1,$2,$3,$4)`,
		id, store.Micros(h.Tidspunkt), h.Melding, h.Aktor); err != nil {
		return fmt.Errorf("writing what happened to document %s: %w", id, err)
	}
	return nil
}

func lesHendelser(ctx context.Context, q store.Queryer, id string) ([]Hendelse, error) {
	rows, err := q.QueryContext(ctx, `SELECT tidspunkt, melding, aktor FROM dokument_hendelser
		WHERE dokument_id = $1 ORDER BY tidspunkt LIMIT 1000`, id)
	if err != nil {
		return nil, fmt.Errorf("reading what happened to document %s: %w", id, err)
	}
	defer rows.Close()
	var ut []Hendelse
	for rows.Next() {
		var h Hendelse
		var naar int64
		if err := rows.Scan(&naar, &h.Melding, &h.Aktor); err != nil {
			return nil, fmt.Errorf("reading what happened to document %s: %w", id, err)
		}
		h.Tidspunkt = store.Time(naar)
		ut = append(ut, h)
	}
	return ut, rows.Err()
}

// utloper lists documents whose time is over at naa, oldest first.
func utloper(ctx context.Context, q store.Queryer, naa time.Time, antall int) ([]string, error) {
	rows, err := q.QueryContext(ctx, `SELECT id FROM dokumenter
		WHERE slettet = 0 AND tilgjengelig_til > 0 AND tilgjengelig_til <= $1 ORDER BY tilgjengelig_til LIMIT $2`,
		store.Micros(naa), antall)
	if err != nil {
		return nil, fmt.Errorf("listing expired documents: %w", err)
	}
	defer rows.Close()
	var ut []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("listing expired documents: %w", err)
		}
		ut = append(ut, id)
	}
	return ut, rows.Err()
}

func heltall(b bool) int {
	if b {
		return 1
	}
	return 0
}
