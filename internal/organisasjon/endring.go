package organisasjon

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/store"
)

// Endring is an entry of an organisation's change log, for its administrators:
// who changed what, when, and from what to what. The audit log, which is chained,
// tells only that it was done.
type Endring struct {
	Nr        int64     // 1, 2, 3 … of the organisation; set by NoterEndring
	Tidspunkt time.Time // set by NoterEndring
	Av        string    // fødselsnummer or integrasjon; "": the platform. Never log it
	AvNavn    string    // of a person, where it is known
	Hva       string    // OPPSETT_ENDRET, AVTALE_GODTATT, …
	Felt      []Feltendring
}

// Feltendring is one field before and after.
type Feltendring struct{ Felt, For, Etter string }

type endringsinnhold struct {
	Av     string        `json:"av,omitempty"`
	AvNavn string        `json:"navn,omitempty"`
	Hva    string        `json:"hva"`
	Felt   []Feltendring `json:"felt,omitempty"`
}

func stedEndring(org string, nr int64) string {
	return "organisasjon.endring:" + org + ":" + strconv.FormatInt(nr, 10)
}

// NoterEndring writes to an organisation's change log in the transaction that
// makes the change.
func (s *Service) NoterEndring(ctx context.Context, tx *store.Tx, fiksOrgID string, e Endring) error {
	// The organisation's row is the lock that keeps two from taking the same number.
	if _, err := tx.ExecContext(ctx, `UPDATE organisasjoner SET navn = navn WHERE id = $1`, fiksOrgID); err != nil {
		return fmt.Errorf("locking the change log: %w", err)
	}
	var nr int64
	if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(nr), 0) + 1 FROM organisasjon_endringer WHERE fiks_org = $1`, fiksOrgID).Scan(&nr); err != nil {
		return fmt.Errorf("reading the change log: %w", err)
	}
	innhold, err := s.forsegl(stedEndring(fiksOrgID, nr), endringsinnhold{e.Av, e.AvNavn, e.Hva, e.Felt})
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO organisasjon_endringer (fiks_org, nr, tidspunkt, innhold) VALUES ($1, $2, $3, $4)`,
		fiksOrgID, nr, store.Micros(s.klokke.Now()), innhold); err != nil {
		return fmt.Errorf("writing to the change log: %w", err)
	}
	return nil
}

// maksEndringer is how many entries one question gives at most.
const maksEndringer = 500

// Endringer lists an organisation's change log, the newest first: antall entries
// (at most 500) before the number given; 0 begins with the newest.
func (s *Service) Endringer(ctx context.Context, fiksOrgID string, foerNr int64, antall int) ([]Endring, error) {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT nr, tidspunkt, innhold FROM organisasjon_endringer
		WHERE fiks_org = $1 AND ($2 = 0 OR nr < $2) ORDER BY nr DESC LIMIT $3`, fiksOrgID, foerNr, min(max(antall, 0), maksEndringer))
	if err != nil {
		return nil, fmt.Errorf("reading the change log: %w", err)
	}
	defer rows.Close()
	var ut []Endring
	for rows.Next() {
		var e Endring
		var tidspunkt int64
		var forseglet []byte
		if err := rows.Scan(&e.Nr, &tidspunkt, &forseglet); err != nil {
			return nil, fmt.Errorf("reading the change log: %w", err)
		}
		var i endringsinnhold
		if err := s.apne(stedEndring(fiksOrgID, e.Nr), forseglet, &i); err != nil {
			return nil, err
		}
		e.Tidspunkt, e.Av, e.AvNavn, e.Hva, e.Felt = store.Time(tidspunkt), i.Av, i.AvNavn, i.Hva, i.Felt
		ut = append(ut, e)
	}
	return ut, rows.Err()
}

// av is who makes a change, as the change log has it; the name is what the
// organisation's own register has.
func (s *Service) av(ctx context.Context, tx *store.Tx, fiksOrgID string, c auth.Caller) (aktor, navn string, err error) {
	if c.Slag != auth.Person {
		return c.IntegrasjonID, "", nil
	}
	nokkel, _, err := s.aktorNokkel(c.Fnr)
	if err != nil {
		return "", "", err
	}
	ps, err := s.person(ctx, tx, []string{fiksOrgID}, nokkel)
	return c.Fnr, ps[fiksOrgID].Navn, err
}

// forsegl encodes and seals a column, apne reads it back.
func (s *Service) forsegl(sted string, v any) ([]byte, error) {
	klart, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", sted, err)
	}
	forseglet, err := s.ring.Seal(sted, klart)
	if err != nil {
		return nil, fmt.Errorf("sealing %s: %w", sted, err)
	}
	return forseglet, nil
}

func (s *Service) apne(sted string, forseglet []byte, v any) error {
	klart, err := s.ring.Open(sted, forseglet)
	if err != nil {
		return fmt.Errorf("opening %s: %w", sted, err)
	}
	if json.Unmarshal(klart, v) != nil {
		return fmt.Errorf("%s: %w", sted, errCorrupt)
	}
	return nil
}
