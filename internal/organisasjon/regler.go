package organisasjon

import (
	"context"
	"fmt"
	"slices"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/store"
)

// Administrator is whose hand an administrator's change is made by, and the
// rules that bind it. Whether it administers the ressurs has been decided before.
type Administrator struct {
	auth.Caller
	Operator bool // holds ROOT: may give what the platform gives, and take the last administrator
}

// Gi grants a privilege by the rules for administrators (auth contract §9, §10):
// it must be in the catalogue for that type of ressurs (or the organisation's own
// on an own type), to a kind of aktor that can hold it, and to an integrasjon only
// when it is global or the organisation's own. A machine gives only to machines,
// and never ADMIN. Idempotent; audited. feil.Ugyldig, feil.IngenTilgang, feil.IkkeFunnet.
func (s *Service) Gi(ctx context.Context, tx *store.Tx, a Administrator, aktor, privilegium, ressursID string) error {
	r, err := enRessurs(ctx, tx, ressursID)
	if err != nil {
		return err
	}
	if err := a.kanGi(aktor, privilegium, r.Type); err != nil {
		return err
	}
	if !fnrRE.MatchString(aktor) {
		if _, err := brukbarI(ctx, tx, aktor, r.ID); err != nil {
			return err
		}
	}
	return s.GiTilgang(ctx, tx, a.Caller, aktor, privilegium, ressursID)
}

// kanGi are the rules that the database is not needed for.
func (a Administrator) kanGi(aktor, privilegium, ressursType string) error {
	slag := aktorIntegrasjon
	switch {
	case fnrRE.MatchString(aktor):
		slag = aktorPerson
	case !erUUID(aktor):
		return feil.Ny(feil.Ugyldig, "Aktøren må være en integrasjon (UUID) eller et fødselsnummer")
	}
	if err := a.maskinensGrense(slag, privilegium); err != nil {
		return err
	}
	i := slices.IndexFunc(privilegier, func(p Privilegium) bool { return p.Navn == privilegium })
	switch {
	case i < 0 && !maskinnavnRE.MatchString(privilegium):
		return feil.Ny(feil.Ugyldig, "Privilegiet er ikke et gyldig navn")
	case i < 0 && egenType(ressursType):
		return nil // the organisation's own
	case i < 0:
		return feil.Ny(feil.Ugyldig, "Privilegiet %s finnes ikke. Spør etter dem som kan gis: GET /konfigurasjon/api/v1/privilegier/%s", privilegium, ressursType)
	}
	p := privilegier[i]
	switch {
	case p.plattform && !a.Operator:
		return feil.Ny(feil.IngenTilgang, "Privilegiet %s gis bare av plattformens operatør. Ta kontakt med den som drifter plattformen", privilegium)
	case !p.passer(ressursType):
		return feil.Ny(feil.Ugyldig, "Privilegiet %s gis på en ressurs av typen %s, ikke %s", privilegium, p.RessursType, ressursType)
	case !slices.Contains(p.Aktorer, slag):
		return feil.Ny(feil.Ugyldig, "Privilegiet %s kan ikke gis til aktører av typen %s", privilegium, slag)
	}
	return nil
}

// maskinensGrense: who is an administrator, and what persons may do, is for
// persons to decide.
func (a Administrator) maskinensGrense(slag, privilegium string) error {
	if a.Slag != auth.Person && (slag == aktorPerson || privilegium == auth.Admin) {
		return feil.Ny(feil.IngenTilgang, "En integrasjon kan ikke endre personers privilegier eller ADMIN. En administrator må gjøre det selv")
	}
	return nil
}

// Trekk revokes a grant by the same rules; nil when there was none. The last
// person with ADMIN on an organisation stays: feil.Konflikt.
func (s *Service) Trekk(ctx context.Context, tx *store.Tx, a Administrator, aktor, privilegium, ressursID string) error {
	nokkel, person, err := s.aktorNokkel(aktor)
	if err != nil {
		return err
	}
	slag := aktorIntegrasjon
	if person {
		slag = aktorPerson
	}
	if err := a.maskinensGrense(slag, privilegium); err != nil {
		return err
	}
	r, err := enRessurs(ctx, tx, ressursID)
	if err != nil {
		return err
	}
	if person && privilegium == auth.Admin && r.Type == TypeOrganisasjon && !a.Operator {
		siste, err := sisteAdministrator(ctx, tx, nokkel, ressursID)
		if err != nil {
			return fmt.Errorf("counting administrators: %w", err)
		}
		if siste {
			return feil.Ny(feil.Konflikt, "Organisasjonen må ha minst én administrator. Gi ADMIN til en annen først")
		}
	}
	return s.TrekkTilgang(ctx, tx, a.Caller, aktor, privilegium, ressursID)
}

// brukbarI finds an integrasjon that can be used on a ressurs: a global one, or
// one of the organisation that the ressurs belongs to. All others do not exist there.
func brukbarI(ctx context.Context, q store.Queryer, integrasjonID, ressursID string) (Integrasjon, error) {
	i, err := enIntegrasjon(ctx, q, integrasjonID)
	if err != nil || i.Global {
		return i, err
	}
	org, err := eier(ctx, q, ressursID)
	if err != nil {
		return Integrasjon{}, fmt.Errorf("finding the owner of a ressurs: %w", err)
	}
	if org == "" || org != i.FiksOrgID {
		return Integrasjon{}, ikkeFunnet("Integrasjonen")
	}
	return i, nil
}

// Tilknytt associates an integrasjon with a ressurs, and grants it the privileges
// there; a global one gets those it asks for that are given on that type,
// whatever is named, and feil.Ugyldig when there are none and some were to be
// given. Idempotent; audited.
func (s *Service) Tilknytt(ctx context.Context, tx *store.Tx, a Administrator, integrasjonID, ressursID string, gi bool, navn []string) error {
	r, err := enRessurs(ctx, tx, ressursID)
	if err != nil {
		return err
	}
	i, err := brukbarI(ctx, tx, integrasjonID, ressursID)
	if err != nil {
		return err
	}
	ny, err := rowsAffected(tx.ExecContext(ctx, `INSERT INTO integrasjon_ressurser (integrasjon, ressurs, opprettet) VALUES ($1, $2, $3)
		ON CONFLICT DO NOTHING`, integrasjonID, ressursID, store.Micros(s.klokke.Now())))
	if err != nil {
		return err
	}
	if ny {
		if err := s.tilknytning(ctx, tx, a, "RESSURS_TILKNYTTET", i, r); err != nil {
			return err
		}
	}
	if !gi {
		return nil
	}
	if i.Global {
		navn = nil
		for _, p := range privilegierFor(r.Type) {
			if slices.Contains(i.ForespurtePrivilegier, p.Navn) {
				navn = append(navn, p.Navn)
			}
		}
	}
	if len(navn) == 0 {
		return feil.Ny(feil.Ugyldig, "Ingen privilegier å gi på en ressurs av typen %s. Oppgi dem i privilegier, eller for en global integrasjon: velg en ressurs som den ber om", r.Type)
	}
	for _, p := range navn {
		if err := s.Gi(ctx, tx, a, integrasjonID, p, ressursID); err != nil {
			return err
		}
	}
	return nil
}

// Frakoble ends an association, and with trekk all the integrasjon's grants on
// that ressurs. nil when there was none; audited.
func (s *Service) Frakoble(ctx context.Context, tx *store.Tx, a Administrator, integrasjonID, ressursID string, trekk bool) error {
	r, err := enRessurs(ctx, tx, ressursID)
	if err != nil {
		return err
	}
	i, err := brukbarI(ctx, tx, integrasjonID, ressursID)
	if err != nil {
		return err
	}
	fantes, err := rowsAffected(tx.ExecContext(ctx, `DELETE FROM integrasjon_ressurser WHERE integrasjon = $1 AND ressurs = $2`, integrasjonID, ressursID))
	if err != nil {
		return err
	}
	if fantes {
		if err := s.tilknytning(ctx, tx, a, "RESSURS_FRAKOBLET", i, r); err != nil {
			return err
		}
	}
	if !trekk {
		return nil
	}
	har, err := s.TilgangerFor(ctx, tx, integrasjonID)
	if err != nil {
		return err
	}
	for _, t := range har {
		if t.Ressurs != ressursID {
			continue
		}
		if err := s.Trekk(ctx, tx, a, integrasjonID, t.Privilegium, ressursID); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) tilknytning(ctx context.Context, tx *store.Tx, a Administrator, handling string, i Integrasjon, r Ressurs) error {
	org, err := eier(ctx, tx, r.ID)
	if err != nil {
		return fmt.Errorf("finding the owner of a ressurs: %w", err)
	}
	return s.logg(ctx, tx, audit.Hendelse{Principal: a.Caller, FiksOrg: org, Tjeneste: r.Type, Underressurs: r.ID, Handling: handling, Payload: i.ID})
}
