package svarinn

import (
	"context"
	"crypto/x509"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"knutepunkt/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are this room's tables.
func Migrations() store.Migrations {
	return store.Migrations{Room: "svarinn", FS: migrations}
}

func settInnSystem(ctx context.Context, tx *store.Tx, m Mottakersystem) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO svarinn_mottakersystemer (id, fiks_org, navn, navn_nokkel, opprettet) VALUES ($1, $2, $3, $4, $5)`,
		m.ID, m.FiksOrgID, m.Navn, strings.ToLower(m.Navn), store.Micros(m.Opprettet))
	return err
}

func (s *Service) hentSystem(ctx context.Context, q store.Queryer, id string) (Mottakersystem, error) {
	ms, err := s.systemer(ctx, q, `WHERE id = $1`, id)
	if err == nil && len(ms) == 0 {
		err = ikkeFunnet("Mottakersystemet")
	}
	if err != nil {
		return Mottakersystem{}, err
	}
	return ms[0], nil
}

func (s *Service) systemer(ctx context.Context, q store.Queryer, rest string, args ...any) ([]Mottakersystem, error) {
	rows, err := q.QueryContext(ctx, `SELECT id, fiks_org, navn, passord, sertifikat, opprettet FROM svarinn_mottakersystemer `+rest, args...)
	if err != nil {
		return nil, fmt.Errorf("reading mottakersystemer: %w", err)
	}
	defer rows.Close()
	var ut []Mottakersystem
	for rows.Next() {
		var m Mottakersystem
		var sertifikat []byte
		var digest string
		var opprettet int64
		if err := rows.Scan(&m.ID, &m.FiksOrgID, &m.Navn, &digest, &sertifikat, &opprettet); err != nil {
			return nil, fmt.Errorf("reading mottakersystemer: %w", err)
		}
		m.HarPassord, m.PassordVersjon = digest != "", passordVersjon(digest)
		m.Opprettet = store.Time(opprettet)
		c, err := s.apneSertifikat(m.ID, sertifikat)
		if err != nil {
			return nil, err
		}
		if c != nil {
			v := visning(c)
			m.Sertifikat = &v
		}
		ut = append(ut, m)
	}
	return ut, rows.Err()
}

func (s *Service) apneSertifikat(systemID string, forseglet []byte) (*x509.Certificate, error) {
	if forseglet == nil {
		return nil, nil
	}
	der, err := s.Ring.Open(sertifikatSted(systemID), forseglet)
	if err != nil {
		return nil, fmt.Errorf("opening the certificate of %s: %w", systemID, err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate of %s: %w", systemID, err)
	}
	return c, nil
}

// sertifikat is what a mottakersystem's downloads are encrypted to; nil: none is uploaded.
func (s *Service) sertifikat(ctx context.Context, q store.Queryer, systemID string) (*x509.Certificate, error) {
	var forseglet []byte
	if err := q.QueryRowContext(ctx, `SELECT sertifikat FROM svarinn_mottakersystemer WHERE id = $1`, systemID).Scan(&forseglet); err != nil {
		return nil, fmt.Errorf("reading the certificate of %s: %w", systemID, err)
	}
	return s.apneSertifikat(systemID, forseglet)
}

// oppdater changes columns of one mottakersystem; $1 is its id.
func oppdater(ctx context.Context, tx *store.Tx, id, sett string, args ...any) error {
	_, err := tx.ExecContext(ctx, `UPDATE svarinn_mottakersystemer SET `+sett+` WHERE id = $1`, append([]any{id}, args...)...)
	if err != nil {
		return fmt.Errorf("changing mottakersystem %s: %w", id, err)
	}
	return nil
}

// passordDigest is "" where there is no password, and for an unknown id.
func passordDigest(ctx context.Context, q store.Queryer, id string) (digest string, err error) {
	err = q.QueryRowContext(ctx, `SELECT passord FROM svarinn_mottakersystemer WHERE id = $1`, id).Scan(&digest)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	} else if err != nil {
		return "", fmt.Errorf("reading the password of %s: %w", id, err)
	}
	return digest, nil
}

func (s *Service) varsles(ctx context.Context, q store.Queryer, systemID string) (ut []string, err error) {
	var forseglet []byte
	if err := q.QueryRowContext(ctx, `SELECT varsles FROM svarinn_mottakersystemer WHERE id = $1`, systemID).Scan(&forseglet); err != nil {
		return nil, fmt.Errorf("reading the addresses of %s: %w", systemID, err)
	}
	if forseglet == nil {
		return nil, nil
	}
	b, err := s.Ring.Open(varslesSted(systemID), forseglet)
	if err == nil {
		err = json.Unmarshal(b, &ut)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the addresses of %s: %w", systemID, err)
	}
	return ut, nil
}

func settPerson(ctx context.Context, tx *store.Tx, systemID, nokkel string, person []byte, naa time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO svarinn_tilganger (mottakersystem, nokkel, person, opprettet) VALUES ($1, $2, $3, $4)
		ON CONFLICT (mottakersystem, nokkel) DO UPDATE SET person = excluded.person`, systemID, nokkel, person, store.Micros(naa))
	if err != nil {
		return fmt.Errorf("storing a person of %s: %w", systemID, err)
	}
	return nil
}

// slettPerson tells whether the person was there, and how many are left.
func slettPerson(ctx context.Context, tx *store.Tx, systemID, nokkel string) (fantes bool, igjen int, err error) {
	fantes, err = endret(tx.ExecContext(ctx, `DELETE FROM svarinn_tilganger WHERE mottakersystem = $1 AND nokkel = $2`, systemID, nokkel))
	if err == nil {
		err = tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM svarinn_tilganger WHERE mottakersystem = $1`, systemID).Scan(&igjen)
	}
	if err != nil {
		return false, 0, fmt.Errorf("removing a person from %s: %w", systemID, err)
	}
	return fantes, igjen, nil
}

func harPerson(ctx context.Context, q store.Queryer, systemID, nokkel string) (ja bool, err error) {
	err = q.QueryRowContext(ctx, `SELECT COUNT(*) > 0 FROM svarinn_tilganger WHERE mottakersystem = $1 AND nokkel = $2`, systemID, nokkel).Scan(&ja)
	return ja, err
}

func (s *Service) personer(ctx context.Context, q store.Queryer, systemID string) ([]Person, error) {
	rows, err := q.QueryContext(ctx, `SELECT nokkel, person FROM svarinn_tilganger WHERE mottakersystem = $1 ORDER BY opprettet, nokkel`, systemID)
	if err != nil {
		return nil, fmt.Errorf("reading the persons of %s: %w", systemID, err)
	}
	defer rows.Close()
	var ut []Person
	for rows.Next() {
		var nokkel string
		var forseglet []byte
		var p Person
		if err := rows.Scan(&nokkel, &forseglet); err != nil {
			return nil, fmt.Errorf("reading the persons of %s: %w", systemID, err)
		}
		b, err := s.Ring.Open(personSted(systemID, nokkel), forseglet)
		if err == nil {
			err = json.Unmarshal(b, &p)
		}
		if err != nil {
			return nil, fmt.Errorf("opening a person of %s: %w", systemID, err)
		}
		ut = append(ut, p)
	}
	return ut, rows.Err()
}

func rutinger(ctx context.Context, q store.Queryer, rest string, args ...any) ([]Ruting, error) {
	rows, err := q.QueryContext(ctx, `SELECT o.orgnr, o.forsendelse_type, o.niva, m.id, m.navn
		FROM svarinn_organisasjoner o JOIN svarinn_mottakersystemer m ON m.id = o.mottakersystem `+rest, args...)
	if err != nil {
		return nil, fmt.Errorf("reading routes: %w", err)
	}
	defer rows.Close()
	var ut []Ruting
	for rows.Next() {
		var r Ruting
		if err := rows.Scan(&r.Orgnr, &r.ForsendelseType, &r.Niva, &r.ID, &r.Navn); err != nil {
			return nil, fmt.Errorf("reading routes: %w", err)
		}
		ut = append(ut, r)
	}
	return ut, rows.Err()
}

// settRad stores a row where nobody has it, and tells whose it is.
func settRad(ctx context.Context, tx *store.Tx, systemID string, r Rad, naa time.Time) (eier string, ny bool, err error) {
	ny, err = endret(tx.ExecContext(ctx, `INSERT INTO svarinn_organisasjoner (orgnr, forsendelse_type, niva, mottakersystem, opprettet)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`, r.Orgnr, r.ForsendelseType, r.Niva, systemID, store.Micros(naa)))
	if err == nil {
		err = tx.QueryRowContext(ctx, `SELECT mottakersystem FROM svarinn_organisasjoner WHERE orgnr = $1 AND forsendelse_type = $2 AND niva = $3`,
			r.Orgnr, r.ForsendelseType, r.Niva).Scan(&eier)
	}
	if err != nil {
		return "", false, fmt.Errorf("storing a route to %s: %w", systemID, err)
	}
	return eier, ny, nil
}

func slettRad(ctx context.Context, tx *store.Tx, systemID string, r Rad) (bool, error) {
	fantes, err := endret(tx.ExecContext(ctx, `DELETE FROM svarinn_organisasjoner
		WHERE orgnr = $1 AND forsendelse_type = $2 AND niva = $3 AND mottakersystem = $4`, r.Orgnr, r.ForsendelseType, r.Niva, systemID))
	if err != nil {
		return false, fmt.Errorf("removing a route to %s: %w", systemID, err)
	}
	return fantes, nil
}

func endret(res sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}
