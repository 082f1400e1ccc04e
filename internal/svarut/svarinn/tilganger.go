package svarinn

import (
	"context"
	"encoding/json"
	"fmt"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/store"
)

func (s *Service) personNokkel(fnr string) string { return s.Ring.Lookup("svarinn.person", fnr) }

func personSted(systemID, nokkel string) string { return "svarinn.person:" + systemID + ":" + nokkel }

// segl makes of a person what is stored.
func (s *Service) segl(systemID string, p Person) (nokkel string, forseglet []byte, err error) {
	b, err := json.Marshal(p)
	if err != nil {
		return "", nil, fmt.Errorf("encoding a person: %w", err)
	}
	nokkel = s.personNokkel(p.Fnr)
	forseglet, err = s.Ring.Seal(personSted(systemID, nokkel), b)
	return nokkel, forseglet, err
}

// Tilganger lists who may configure the mottakersystem, in the order they were
// given access. feil.IngenTilgang, feil.IkkeFunnet.
func (s *Service) Tilganger(ctx context.Context, av auth.Caller, systemID string) ([]Person, error) {
	if _, err := s.krev(ctx, av, systemID, 0); err != nil {
		return nil, err
	}
	return s.personer(ctx, s.DB.Read(), systemID)
}

// GiTilgang gives a person access, or a new name. feil.IngenTilgang,
// feil.IkkeFunnet, feil.Ugyldig. Audited.
func (s *Service) GiTilgang(ctx context.Context, av auth.Caller, systemID string, p Person) error {
	if err := p.Validate(); err != nil {
		return err
	}
	m, err := s.krev(ctx, av, systemID, 0)
	if err != nil {
		return err
	}
	nokkel, person, err := s.segl(systemID, p)
	if err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		if err := settPerson(ctx, tx, systemID, nokkel, person, s.Klokke.Now()); err != nil {
			return err
		}
		return s.revider(ctx, tx, av, m, "MOTTAKERSYSTEM_TILGANG_GITT", p.Fnr, "")
	})
}

// TrekkTilgang takes a person's access. The last one stays: feil.Konflikt.
// feil.IngenTilgang, feil.IkkeFunnet. Audited.
func (s *Service) TrekkTilgang(ctx context.Context, av auth.Caller, systemID, fnr string) error {
	m, err := s.krev(ctx, av, systemID, 0)
	if err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		fantes, igjen, err := slettPerson(ctx, tx, systemID, s.personNokkel(fnr))
		switch {
		case err != nil:
			return err
		case !fantes:
			return ikkeFunnet("Personen")
		case igjen == 0:
			return feil.Ny(feil.Konflikt, "Minst én person må ha tilgang til mottakersystemet. Gi en annen tilgang først")
		}
		return s.revider(ctx, tx, av, m, "MOTTAKERSYSTEM_TILGANG_TRUKKET", fnr, "")
	})
}

// Rolletabell is a Rollekilde over a table of this room, for development and for
// installations without Altinn.
type Rolletabell struct {
	DB   *store.DB
	Ring *keys.Ring
}

func (r Rolletabell) nokkel(fnr string) string { return r.Ring.Lookup("svarinn.rolle", fnr) }

// HarRolle implements Rollekilde.
func (r Rolletabell) HarRolle(ctx context.Context, fnr, orgnr, rolle string) (ja bool, err error) {
	err = r.DB.Read().QueryRowContext(ctx, `SELECT COUNT(*) > 0 FROM svarinn_roller WHERE nokkel = $1 AND orgnr = $2 AND rolle = $3`,
		r.nokkel(fnr), orgnr, rolle).Scan(&ja)
	if err != nil {
		return false, fmt.Errorf("looking up a role: %w", err)
	}
	return ja, nil
}

// Gi gives a person a role for an organisation; idempotent.
func (r Rolletabell) Gi(ctx context.Context, fnr, orgnr, rolle string) error {
	return r.endre(ctx, `INSERT INTO svarinn_roller (nokkel, orgnr, rolle) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, fnr, orgnr, rolle)
}

// Trekk takes it away; idempotent.
func (r Rolletabell) Trekk(ctx context.Context, fnr, orgnr, rolle string) error {
	return r.endre(ctx, `DELETE FROM svarinn_roller WHERE nokkel = $1 AND orgnr = $2 AND rolle = $3`, fnr, orgnr, rolle)
}

func (r Rolletabell) endre(ctx context.Context, setning, fnr, orgnr, rolle string) error {
	return r.DB.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, setning, r.nokkel(fnr), orgnr, rolle); err != nil {
			return fmt.Errorf("changing a role: %w", err)
		}
		return nil
	})
}
