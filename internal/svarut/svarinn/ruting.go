package svarinn

import (
	"context"
	"errors"
	"fmt"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/store"
)

// Rute finds the mottakersystem of what is sent to orgnr, and false when SvarInn
// is no channel for it. A row for the type goes before one for all types, then
// one for the niva before one for all, then the oldest (SvarUt contract §2.6).
func (s *Service) Rute(ctx context.Context, q store.Queryer, orgnr, forsendelseType string, niva int) (Ruting, bool, error) {
	if orgnr == "" {
		return Ruting{}, false, nil
	}
	rs, err := rutinger(ctx, q, `WHERE o.orgnr = $1 AND o.forsendelse_type IN ('', $2) AND o.niva IN (0, $3)
		ORDER BY o.forsendelse_type = '', o.niva = 0, o.opprettet LIMIT 1`, orgnr, forsendelseType, niva)
	if err != nil || len(rs) == 0 {
		return Ruting{}, false, err
	}
	return rs[0], true, nil
}

// Mottakersystemer lists the rows that lead to mottakersystemer, for senders
// (SvarUt contract §3.1). What is not "" or 0 narrows the list to the rows that
// take it; the first one for an orgnr is where Rute leads.
func (s *Service) Mottakersystemer(ctx context.Context, orgnr, forsendelseType string, niva int) ([]Ruting, error) {
	return rutinger(ctx, s.DB.Read(), `WHERE ($1 = '' OR o.orgnr = $1) AND ($2 = '' OR o.forsendelse_type IN ('', $2))
		AND ($3 = 0 OR o.niva IN (0, $3)) ORDER BY o.orgnr, o.forsendelse_type = '', o.niva = 0, o.opprettet`,
		orgnr, forsendelseType, niva)
}

// Organisasjoner lists the rows of a mottakersystem. feil.IngenTilgang, feil.IkkeFunnet.
func (s *Service) Organisasjoner(ctx context.Context, av auth.Caller, systemID string) ([]Rad, error) {
	if _, err := s.krev(ctx, av, systemID, 0); err != nil {
		return nil, err
	}
	rs, err := rutinger(ctx, s.DB.Read(), `WHERE o.mottakersystem = $1 ORDER BY o.opprettet, o.orgnr, o.forsendelse_type, o.niva`, systemID)
	if err != nil {
		return nil, err
	}
	var ut []Rad
	for _, r := range rs {
		ut = append(ut, r.Rad)
	}
	return ut, nil
}

// GiOrganisasjoner routes rows to the mottakersystem, all or none of them, and
// lists the other mottakersystemer with one of the same org.nr, which the person
// should see. From then on forsendelser wait in SvarInn. The person needs
// PostArkiv for each org.nr: feil.IngenTilgang. feil.Konflikt for a row that
// another mottakersystem has; one that is this one's already changes nothing.
// feil.Ugyldig, feil.IkkeFunnet. Audited.
func (s *Service) GiOrganisasjoner(ctx context.Context, av auth.Caller, systemID string, rader []Rad) (andre []Ruting, err error) {
	if len(rader) == 0 || len(rader) > maksRader {
		return nil, feil.Ny(feil.Ugyldig, "Oppgi 1–%d organisasjoner", maksRader)
	}
	for _, r := range rader {
		if err := r.validate(s.cfg.Forsendelsestyper); err != nil {
			return nil, err
		}
	}
	m, err := s.krevRolle(ctx, av, systemID, rader)
	if err != nil {
		return nil, err
	}
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		for _, r := range rader {
			eier, ny, err := settRad(ctx, tx, systemID, r, s.Klokke.Now())
			switch {
			case err != nil:
				return err
			case eier != systemID:
				return feil.Ny(feil.Konflikt, "Et annet mottakersystem har allerede organisasjonsnummer %s med samme forsendelsestype og nivå", r.Orgnr)
			case !ny:
				continue
			}
			if err := s.revider(ctx, tx, av, m, "MOTTAKERSYSTEM_ORGANISASJON_GITT", "", r.String()); err != nil {
				return err
			}
		}
		andre, err = s.andre(ctx, tx, systemID, rader)
		return err
	})
	return andre, err
}

// FjernOrganisasjon takes a row away; what waits already stays in the queue. The
// person needs PostArkiv for the org.nr. feil.IngenTilgang, feil.IkkeFunnet. Audited.
func (s *Service) FjernOrganisasjon(ctx context.Context, av auth.Caller, systemID string, r Rad) error {
	m, err := s.krevRolle(ctx, av, systemID, []Rad{r})
	if err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		fantes, err := slettRad(ctx, tx, systemID, r)
		if err != nil {
			return err
		}
		if !fantes {
			return ikkeFunnet("Raden")
		}
		return s.revider(ctx, tx, av, m, "MOTTAKERSYSTEM_ORGANISASJON_FJERNET", "", r.String())
	})
}

// Andre lists the other mottakersystemer with an org.nr of this one: where its
// administrators see conflicts. feil.IngenTilgang, feil.IkkeFunnet.
func (s *Service) Andre(ctx context.Context, av auth.Caller, systemID string) ([]Ruting, error) {
	egne, err := s.Organisasjoner(ctx, av, systemID)
	if err != nil {
		return nil, err
	}
	return s.andre(ctx, s.DB.Read(), systemID, egne)
}

func (s *Service) andre(ctx context.Context, q store.Queryer, systemID string, rader []Rad) (ut []Ruting, err error) {
	sett := map[string]bool{}
	for _, r := range rader {
		if sett[r.Orgnr] {
			continue
		}
		sett[r.Orgnr] = true
		rs, err := rutinger(ctx, q, `WHERE o.orgnr = $1 AND o.mottakersystem <> $2
			ORDER BY o.forsendelse_type, o.niva, o.opprettet`, r.Orgnr, systemID)
		if err != nil {
			return nil, err
		}
		ut = append(ut, rs...)
	}
	return ut, nil
}

// krevRolle is krev for changes of rows: the person has PostArkiv for each org.nr.
func (s *Service) krevRolle(ctx context.Context, av auth.Caller, systemID string, rader []Rad) (Mottakersystem, error) {
	m, err := s.krev(ctx, av, systemID, 0)
	if err != nil {
		return m, err
	}
	sett := map[string]bool{}
	for _, r := range rader {
		if sett[r.Orgnr] {
			continue
		}
		sett[r.Orgnr] = true
		if err := s.krevPostArkiv(ctx, av, r.Orgnr); err != nil {
			return m, err
		}
	}
	return m, nil
}

func (s *Service) krevPostArkiv(ctx context.Context, av auth.Caller, orgnr string) error {
	ja, err := s.Roller.HarRolle(ctx, av.Fnr, orgnr, PostArkiv)
	if err != nil {
		return feil.Ny(feil.Utilgjengelig, "Rollen Post/arkiv kunne ikke slås opp nå. Prøv igjen senere").Med(err)
	}
	if !ja {
		return feil.Ny(feil.IngenTilgang, "Du mangler rollen Post/arkiv for organisasjonsnummer %s", orgnr).Med(errors.New("no role"))
	}
	return nil
}

// String is the row in words.
func (r Rad) String() string {
	t, n := r.ForsendelseType, fmt.Sprint(r.Niva)
	if t == "" {
		t = "alle"
	}
	if r.Niva == 0 {
		n = "alle"
	}
	return fmt.Sprintf("%s,%s,%s", r.Orgnr, t, n)
}
