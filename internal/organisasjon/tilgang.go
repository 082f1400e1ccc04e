package organisasjon

import (
	"context"
	"fmt"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/store"
)

// aktorNokkel is how an aktor is stored: an integrasjon by its UUID, a person by
// a keyed hash of the fødselsnummer.
func (s *Service) aktorNokkel(aktor string) (nokkel string, person bool, err error) {
	switch {
	case fnrRE.MatchString(aktor):
		return "p:" + s.ring.Lookup("organisasjon.aktor", aktor), true, nil
	case erUUID(aktor):
		return aktor, false, nil
	}
	return "", false, feil.Ny(feil.Ugyldig, "Aktøren må være en integrasjon (UUID) eller et fødselsnummer")
}

func sealContext(nokkel string) string { return "organisasjon.tilgang.fnr:" + nokkel }

// grant prepares a grant's row: who, and for a person the sealed fødselsnummer.
func (s *Service) grant(ctx context.Context, tx *store.Tx, aktor, privilegium string) (nokkel string, fnr []byte, err error) {
	if !maskinnavnRE.MatchString(privilegium) {
		return "", nil, feil.Ny(feil.Ugyldig, "Privilegiet er ikke et gyldig navn")
	}
	nokkel, person, err := s.aktorNokkel(aktor)
	if err != nil {
		return "", nil, err
	}
	if !person {
		_, err = enIntegrasjon(ctx, tx, aktor)
		return nokkel, nil, err
	}
	if fnr, err = s.ring.Seal(sealContext(nokkel), []byte(aktor)); err != nil {
		return "", nil, fmt.Errorf("sealing an aktor: %w", err)
	}
	return nokkel, fnr, nil
}

// GiTilgang grants a privilege on a ressurs to an aktor (integrasjon UUID or
// fnr; a fnr is stored as keyed hash and sealed). Idempotent. The grant is audited.
// feil.IkkeFunnet for an unknown ressurs or integrasjon, feil.Ugyldig for what
// cannot be an aktor or a privilege.
func (s *Service) GiTilgang(ctx context.Context, tx *store.Tx, av auth.Caller, aktor, privilegium, ressursID string) error {
	nokkel, fnr, err := s.grant(ctx, tx, aktor, privilegium)
	if err != nil {
		return err
	}
	r, err := enRessurs(ctx, tx, ressursID)
	if err != nil {
		return err
	}
	ny, err := rowsAffected(tx.ExecContext(ctx, `INSERT INTO tilganger (aktor, privilegium, ressurs, fnr, opprettet)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`, nokkel, privilegium, ressursID, fnr, store.Micros(s.klokke.Now())))
	if err != nil || !ny {
		return err
	}
	return s.endret(ctx, tx, av, "TILGANG_GITT", aktor, privilegium, r)
}

// GiTypeTilgang grants a privilege on every ressurs of a type. Idempotent; audited.
func (s *Service) GiTypeTilgang(ctx context.Context, tx *store.Tx, av auth.Caller, aktor, privilegium, ressursType string) error {
	nokkel, fnr, err := s.grant(ctx, tx, aktor, privilegium)
	if err != nil {
		return err
	}
	if !maskinnavnRE.MatchString(ressursType) {
		return feil.Ny(feil.Ugyldig, "Ressurstypen er ikke et gyldig navn")
	}
	ny, err := rowsAffected(tx.ExecContext(ctx, `INSERT INTO type_tilganger (aktor, privilegium, type, fnr, opprettet)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`, nokkel, privilegium, ressursType, fnr, store.Micros(s.klokke.Now())))
	if err != nil || !ny {
		return err
	}
	return s.endret(ctx, tx, av, "TYPETILGANG_GITT", aktor, privilegium, Ressurs{Type: ressursType})
}

// TrekkTilgang revokes a grant; nil when there was none. Audited.
func (s *Service) TrekkTilgang(ctx context.Context, tx *store.Tx, av auth.Caller, aktor, privilegium, ressursID string) error {
	nokkel, _, err := s.aktorNokkel(aktor)
	if err != nil {
		return err
	}
	fantes, err := rowsAffected(tx.ExecContext(ctx, `DELETE FROM tilganger WHERE aktor = $1 AND privilegium = $2 AND ressurs = $3`,
		nokkel, privilegium, ressursID))
	if err != nil || !fantes {
		return err
	}
	r, err := enRessurs(ctx, tx, ressursID)
	if err != nil {
		return err
	}
	return s.endret(ctx, tx, av, "TILGANG_TRUKKET", aktor, privilegium, r)
}

// TrekkTypeTilgang revokes a grant on a type; nil when there was none. Audited.
func (s *Service) TrekkTypeTilgang(ctx context.Context, tx *store.Tx, av auth.Caller, aktor, privilegium, ressursType string) error {
	nokkel, _, err := s.aktorNokkel(aktor)
	if err != nil {
		return err
	}
	fantes, err := rowsAffected(tx.ExecContext(ctx, `DELETE FROM type_tilganger WHERE aktor = $1 AND privilegium = $2 AND type = $3`,
		nokkel, privilegium, ressursType))
	if err != nil || !fantes {
		return err
	}
	return s.endret(ctx, tx, av, "TYPETILGANG_TRUKKET", aktor, privilegium, Ressurs{Type: ressursType})
}

// endret audits a change of who may what, and makes it count from the commit on.
func (s *Service) endret(ctx context.Context, tx *store.Tx, av auth.Caller, handling, aktor, privilegium string, r Ressurs) error {
	tx.OnCommit(s.tilgang.clear)
	h := audit.Hendelse{Principal: av, Tjeneste: r.Type, Underressurs: r.ID, Handling: handling, Payload: privilegium}
	if fnrRE.MatchString(aktor) {
		h.Gjelder = aktor
	} else {
		h.Payload += "," + aktor
	}
	if r.ID != "" {
		var err error
		if h.FiksOrg, err = eier(ctx, tx, r.ID); err != nil {
			return err
		}
	}
	return s.logg(ctx, tx, h)
}

// Tilganger lists the grants on one ressurs itself: not those inherited, nor
// those by its type.
func (s *Service) Tilganger(ctx context.Context, ressursID string) ([]Tilgang, error) {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT aktor, privilegium, fnr FROM tilganger WHERE ressurs = $1
		ORDER BY privilegium, opprettet, aktor`, ressursID)
	if err != nil {
		return nil, fmt.Errorf("listing grants: %w", err)
	}
	defer rows.Close()
	var ut []Tilgang
	for rows.Next() {
		t := Tilgang{Ressurs: ressursID}
		var fnr []byte
		if err := rows.Scan(&t.Aktor, &t.Privilegium, &fnr); err != nil {
			return nil, fmt.Errorf("listing grants: %w", err)
		}
		if fnr != nil {
			klart, err := s.ring.Open(sealContext(t.Aktor), fnr)
			if err != nil {
				return nil, fmt.Errorf("opening an aktor: %w", err)
			}
			t.Aktor = string(klart)
		}
		ut = append(ut, t)
	}
	return ut, rows.Err()
}

// TilgangerFor lists the grants of one integrasjon on ressurser, in no order;
// not those by type. q may be the transaction that goes on to change them.
func (s *Service) TilgangerFor(ctx context.Context, q store.Queryer, integrasjonID string) ([]Tilgang, error) {
	rows, err := q.QueryContext(ctx, `SELECT privilegium, ressurs FROM tilganger WHERE aktor = $1`, integrasjonID)
	if err != nil {
		return nil, fmt.Errorf("listing grants: %w", err)
	}
	defer rows.Close()
	var ut []Tilgang
	for rows.Next() {
		t := Tilgang{Aktor: integrasjonID}
		if err := rows.Scan(&t.Privilegium, &t.Ressurs); err != nil {
			return nil, fmt.Errorf("listing grants: %w", err)
		}
		ut = append(ut, t)
	}
	return ut, rows.Err()
}

type tilgangNokkel struct{ aktor, privilegium, ressurs string }

// adminFor is the privilege that implies another one: ADMIN for persons, for all
// but operating the platform itself.
func adminFor(person bool, privilegium string) string {
	if person && privilegium != auth.Rot {
		return auth.Admin
	}
	return privilegium
}

// Har implements auth.Autorisasjon. ADMIN does not imply ROOT.
func (s *Service) Har(ctx context.Context, aktor, privilegium, ressursID string) (bool, error) {
	return s.slaaOpp(ctx, aktor, privilegium, ressursID, func(nokkel, admin string) (bool, error) {
		return har(ctx, s.db.Read(), nokkel, privilegium, admin, ressursID)
	})
}

// HarNoen implements auth.Autorisasjon. ADMIN anywhere counts for a person, as
// in Har.
func (s *Service) HarNoen(ctx context.Context, aktor, privilegium string) (bool, error) {
	return s.slaaOpp(ctx, aktor, privilegium, "", func(nokkel, admin string) (bool, error) {
		return harNoen(ctx, s.db.Read(), nokkel, privilegium, admin)
	})
}

func (s *Service) slaaOpp(ctx context.Context, aktor, privilegium, ressursID string, les func(nokkel, admin string) (bool, error)) (bool, error) {
	aktorNokkel, person, err := s.aktorNokkel(aktor)
	if err != nil {
		return false, nil //nolint:nilerr // nobody holds nothing
	}
	now := s.klokke.Now()
	nokkel := tilgangNokkel{aktorNokkel, privilegium, ressursID}
	ja, gen, ok := s.tilgang.get(nokkel, now)
	if ok {
		return ja, nil
	}
	if ja, err = les(aktorNokkel, adminFor(person, privilegium)); err != nil {
		return false, fmt.Errorf("looking up a privilege: %w", err)
	}
	s.tilgang.put(nokkel, gen, ja, now.Add(cacheTid))
	return ja, nil
}
