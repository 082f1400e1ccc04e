package svarut

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/passord"
	"knutepunkt/internal/store"
)

// Konto is a sender's account («avsender»); it is a ressurs of type
// TJENESTE_SVARUT_KONTO.
type Konto struct {
	ID, FiksOrgID string
	Navn          string           // unique; the user name of REST v1
	Adresse       levering.Adresse // what stands as sender on the letter, with the org.nr
	Kontakter     []string         // e-mail addresses that are told when delivery stops
	Opprettet     time.Time
}

// kontoinnhold is what is sealed of a konto.
type kontoinnhold struct {
	Adresse   levering.Adresse
	Kontakter []string
}

// Validate tells what is wrong; feil.Ugyldig.
func (k Konto) Validate() error {
	switch {
	case !erUUID(k.ID) || !erUUID(k.FiksOrgID):
		return ugyldig("Kontoens id og organisasjon må være UUID-er")
	case strings.TrimSpace(k.Navn) != k.Navn || k.Navn == "" || utf8.RuneCountInString(k.Navn) > 200 || strings.ContainsFunc(k.Navn, kontrolltegn) || strings.Contains(k.Navn, ":"):
		return ugyldig("Kontoens navn må ha 1 til 200 tegn, og kan ikke inneholde kolon eller linjeskift")
	}
	return validerMottaker("avsender", k.Adresse)
}

// OpprettKonto makes a konto and its ressurs under the organisation's SvarUt
// service. An empty ID is filled. feil.Konflikt when id or name is taken, feil.Ugyldig.
func (s *Service) OpprettKonto(ctx context.Context, tx *store.Tx, k Konto) (Konto, error) {
	if k.ID == "" {
		k.ID = uuid.NewString()
	}
	if err := k.Validate(); err != nil {
		return k, err
	}
	k.Opprettet = s.Klokke.Now()
	innhold, err := s.forsegl(stedKonto(k.ID), kontoinnhold{k.Adresse, k.Kontakter})
	if err != nil {
		return k, err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO svarut_kontoer (id, fiks_org, navn, innhold, opprettet) VALUES ($1,$2,$3,$4,$5)`,
		k.ID, k.FiksOrgID, k.Navn, innhold, store.Micros(k.Opprettet))
	if store.IsUnique(err) {
		return k, feil.Ny(feil.Konflikt, "En konto med samme id eller navn finnes allerede")
	} else if err != nil {
		return k, fmt.Errorf("storing konto %s: %w", k.ID, err)
	}
	tjeneste, err := s.Organisasjon.TaIBruk(ctx, tx, k.FiksOrgID, organisasjon.TypeSvarUt)
	if err != nil {
		return k, fmt.Errorf("taking SvarUt into use: %w", err)
	}
	if err := s.Organisasjon.OpprettRessurs(ctx, tx, organisasjon.Ressurs{
		ID: k.ID, Forelder: tjeneste, Type: organisasjon.TypeSvarUtKonto, Navn: k.Navn,
	}); err != nil {
		return k, fmt.Errorf("making the ressurs of konto %s: %w", k.ID, err)
	}
	return k, s.logg(ctx, tx, audit.Hendelse{FiksOrg: k.FiksOrgID, Underressurs: k.ID, Handling: "SVARUT_KONTO_OPPRETTET"})
}

// EndreKonto changes address and contacts. feil.IkkeFunnet, feil.Ugyldig. What
// was accepted before keeps the address that it had then.
func (s *Service) EndreKonto(ctx context.Context, tx *store.Tx, kontoID string, adresse levering.Adresse, kontakter []string) error {
	k, err := s.hentKonto(ctx, tx, "id", kontoID)
	if err != nil {
		return err
	}
	k.Adresse, k.Kontakter = adresse, kontakter
	if err := k.Validate(); err != nil {
		return err
	}
	innhold, err := s.forsegl(stedKonto(k.ID), kontoinnhold{k.Adresse, k.Kontakter})
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE svarut_kontoer SET innhold = $2 WHERE id = $1`, k.ID, innhold); err != nil {
		return fmt.Errorf("changing konto %s: %w", k.ID, err)
	}
	return s.logg(ctx, tx, audit.Hendelse{FiksOrg: k.FiksOrgID, Underressurs: k.ID, Handling: "SVARUT_KONTO_ENDRET"})
}

// Konto finds one; feil.IkkeFunnet.
func (s *Service) Konto(ctx context.Context, id string) (Konto, error) {
	return s.hentKonto(ctx, s.DB.Read(), "id", id)
}

// Kontoer lists those of an organisation, by name.
func (s *Service) Kontoer(ctx context.Context, fiksOrgID string) ([]Konto, error) {
	rows, err := s.DB.Read().QueryContext(ctx, `SELECT `+kontokolonner+` FROM svarut_kontoer WHERE fiks_org = $1 ORDER BY navn`, fiksOrgID)
	if err != nil {
		return nil, fmt.Errorf("listing kontoer: %w", err)
	}
	defer rows.Close()
	var ut []Konto
	for rows.Next() {
		k, err := s.lesKonto(rows.Scan)
		if err != nil {
			return nil, err
		}
		ut = append(ut, k)
	}
	return ut, rows.Err()
}

const kontokolonner = `id, fiks_org, navn, innhold, opprettet`

func (s *Service) hentKonto(ctx context.Context, q store.Queryer, kolonne, verdi string) (Konto, error) {
	k, err := s.lesKonto(q.QueryRowContext(ctx, `SELECT `+kontokolonner+` FROM svarut_kontoer WHERE `+kolonne+` = $1`, verdi).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return k, feil.Ny(feil.IkkeFunnet, "Kontoen finnes ikke")
	}
	return k, err
}

func (s *Service) lesKonto(scan func(...any) error) (Konto, error) {
	var k Konto
	var opprettet int64
	var forseglet []byte
	if err := scan(&k.ID, &k.FiksOrgID, &k.Navn, &forseglet, &opprettet); err != nil {
		return k, fmt.Errorf("reading a konto: %w", err)
	}
	var i kontoinnhold
	if err := s.apne(stedKonto(k.ID), forseglet, &i); err != nil {
		return k, fmt.Errorf("konto %s: %w", k.ID, err)
	}
	k.Adresse, k.Kontakter, k.Opprettet = i.Adresse, i.Kontakter, store.Time(opprettet)
	return k, nil
}

// LagPassord makes a new service password, to be shown once. The former one
// stays valid for overlapp (0: it ends at once). feil.IkkeFunnet. Audited.
func (s *Service) LagPassord(ctx context.Context, tx *store.Tx, kontoID string, overlapp time.Duration) (string, error) {
	p, err := passord.Nytt()
	if err != nil {
		return "", err
	}
	return p, s.byttPassord(ctx, tx, kontoID, p, overlapp)
}

// SettPassord sets a given password; for seeding the sandbox only. feil.Ugyldig,
// feil.IkkeFunnet.
func (s *Service) SettPassord(ctx context.Context, tx *store.Tx, kontoID, p string) error {
	if err := passord.Valider(p); err != nil {
		return err
	}
	return s.byttPassord(ctx, tx, kontoID, p, 0)
}

func (s *Service) byttPassord(ctx context.Context, tx *store.Tx, kontoID, p string, overlapp time.Duration) error {
	k, err := s.hentKonto(ctx, tx, "id", kontoID)
	if err != nil {
		return err
	}
	digest, err := s.hasher.Digest(p)
	if err != nil {
		return err
	}
	naa := s.Klokke.Now()
	ender := `DELETE FROM svarut_passord WHERE konto = $1`
	if overlapp > 0 {
		ender += ` AND gyldig_til > 0`
	}
	if _, err := tx.ExecContext(ctx, ender, kontoID); err != nil {
		return fmt.Errorf("ending old passwords: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `UPDATE svarut_passord SET gyldig_til = $2 WHERE konto = $1`, kontoID, store.Micros(naa.Add(overlapp))); err != nil {
		return fmt.Errorf("ending the old password: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO svarut_passord (konto, digest, gyldig_til) VALUES ($1, $2, 0)
		ON CONFLICT (konto, digest) DO UPDATE SET gyldig_til = 0`, kontoID, digest); err != nil {
		return fmt.Errorf("storing a password: %w", err)
	}
	return s.logg(ctx, tx, audit.Hendelse{FiksOrg: k.FiksOrgID, Underressurs: k.ID, Handling: "SVARUT_NYTT_PASSORD"})
}

// LoggInn is the check of auth.Basic: the konto of that name and password;
// feil.Uautentisert.
func (s *Service) LoggInn(ctx context.Context, navn, p string) (kontoID string, err error) {
	rows, err := s.DB.Read().QueryContext(ctx, `SELECT k.id, p.digest FROM svarut_kontoer k JOIN svarut_passord p ON p.konto = k.id
		WHERE k.navn = $1 AND (p.gyldig_til = 0 OR p.gyldig_til > $2)`, navn, store.Micros(s.Klokke.Now()))
	if err != nil {
		return "", fmt.Errorf("reading passwords: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, digest string
		if err := rows.Scan(&id, &digest); err != nil {
			return "", fmt.Errorf("reading passwords: %w", err)
		}
		if ja, err := s.hasher.Stemmer(p, digest); err != nil {
			return "", fmt.Errorf("konto %s: %w", id, err)
		} else if ja {
			return id, nil
		}
	}
	if err := rows.Err(); err != nil {
		return "", fmt.Errorf("reading passwords: %w", err)
	}
	return "", feil.Ny(feil.Uautentisert, "Ikke autentisert")
}

// PlattformKonto is the konto that the platform's own services send from: what
// Digisos sends by SvarUt can be looked up through it.
func (s *Service) PlattformKonto() string {
	return uuid.NewSHA1(uuid.Nil, []byte("svarut.plattform:"+s.cfg.PlattformOrgID)).String()
}

// krevKonto lets a caller through to a konto, as if others did not exist.
func (s *Service) krevKonto(ctx context.Context, c auth.Caller, kontoID string) error {
	if c.Slag == auth.Avsender {
		if c.KontoID == kontoID {
			return nil
		}
		return errForsendelse()
	}
	ok, err := s.Tilgang.Har(ctx, c.Aktor(), auth.SvarUtKonto, kontoID)
	if err != nil {
		return fmt.Errorf("checking the right to konto %s: %w", kontoID, err)
	}
	if !ok {
		return errForsendelse()
	}
	return nil
}

func errForsendelse() error { return feil.Ny(feil.IkkeFunnet, "Forsendelsen finnes ikke") }

func stedKonto(id string) string { return "svarut.konto:" + id }

// forsegl seals v as JSON for its place.
func (s *Service) forsegl(sted string, v any) ([]byte, error) {
	klart, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", sted, err)
	}
	return s.Ring.Seal(sted, klart)
}

// apne opens what forsegl made.
func (s *Service) apne(sted string, forseglet []byte, v any) error {
	klart, err := s.Ring.Open(sted, forseglet)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(klart, v); err != nil {
		return fmt.Errorf("decoding %s: %w", sted, err)
	}
	return nil
}
