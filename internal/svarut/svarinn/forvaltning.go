package svarinn

import (
	"context"
	"fmt"
	"slices"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

const (
	maksSystemer = 50 // of one organisation, made by its own administrators
	// maksOppslag bounds the questions about roles that one look at the tab
	// Tilganger asks another service.
	maksOppslag = 200
	// testPause is how long after an alert on trial a new one is the same one.
	testPause = time.Minute
)

// OpprettEget is Opprett for an administrator of the organisation, logged in on
// level 4, who becomes the mottakersystem's first: n.Person needs the name alone
// (decision 18). feil.IngenTilgang, feil.ForMange, and as Opprett.
func (s *Service) OpprettEget(ctx context.Context, av auth.Caller, n Ny) (Mottakersystem, error) {
	switch {
	case av.Slag != auth.Person || av.Fnr == "":
		return Mottakersystem{}, feil.Ny(feil.IngenTilgang, "Bare personer kan opprette et mottakersystem")
	case av.Niva < 4:
		return Mottakersystem{}, feil.Ny(feil.IngenTilgang, "Logg inn på sikkerhetsnivå 4")
	}
	ja, err := s.Organisasjon.Har(ctx, av.Fnr, auth.Admin, n.FiksOrgID)
	if err != nil {
		return Mottakersystem{}, fmt.Errorf("looking up who administers %s: %w", n.FiksOrgID, err)
	}
	if !ja {
		return Mottakersystem{}, feil.Ny(feil.IngenTilgang, "Du er ikke administrator for organisasjonen")
	}
	alle, err := s.Alle(ctx, n.FiksOrgID)
	if err != nil {
		return Mottakersystem{}, err
	}
	if len(alle) >= maksSystemer {
		return Mottakersystem{}, feil.Ny(feil.ForMange, "Organisasjonen har allerede %d mottakersystemer", maksSystemer)
	}
	n.Person.Fnr = av.Fnr
	return s.Opprett(ctx, av, n)
}

// Forvalter finds a mottakersystem for whoever may configure it: persons on its
// tab Tilganger, and administrators of its organisation. feil.IngenTilgang, feil.IkkeFunnet.
func (s *Service) Forvalter(ctx context.Context, av auth.Caller, systemID string) (Mottakersystem, error) {
	return s.krev(ctx, av, systemID, 0)
}

// Mine lists the mottakersystemer on whose tab Tilganger a person is, by name.
func (s *Service) Mine(ctx context.Context, fnr string) ([]Mottakersystem, error) {
	return s.systemer(ctx, s.DB.Read(), `WHERE id IN (SELECT mottakersystem FROM svarinn_tilganger WHERE nokkel = $1) ORDER BY navn_nokkel`,
		s.personNokkel(fnr))
}

// Stand is how far a mottakersystem is set up, and whether it keeps up.
type Stand struct {
	Mottakersystem
	Personer int // on the tab Tilganger
	Rader    int // on the tab Organisasjoner
	Varsles  int // addresses for alerts
	Forfalt  int // forsendelser that have waited for more than two hours
}

// Stand tells how each mottakersystem of an organisation stands, by name.
func (s *Service) Stand(ctx context.Context, fiksOrgID string) ([]Stand, error) {
	return s.stand(ctx, `WHERE fiks_org = $1 ORDER BY navn_nokkel`, fiksOrgID)
}

// StandFor is Stand of one. feil.IngenTilgang, feil.IkkeFunnet.
func (s *Service) StandFor(ctx context.Context, av auth.Caller, systemID string) (Stand, error) {
	if _, err := s.krev(ctx, av, systemID, 0); err != nil {
		return Stand{}, err
	}
	st, err := s.stand(ctx, `WHERE id = $1`, systemID)
	if err != nil || len(st) == 0 {
		return Stand{}, err
	}
	return st[0], nil
}

func (s *Service) stand(ctx context.Context, hvor string, arg any) ([]Stand, error) {
	q := s.DB.Read()
	ms, err := s.systemer(ctx, q, hvor, arg)
	if err != nil {
		return nil, err
	}
	var ut []Stand
	for _, m := range ms {
		st := Stand{Mottakersystem: m}
		err := q.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM svarinn_tilganger WHERE mottakersystem = $1),
			(SELECT COUNT(*) FROM svarinn_organisasjoner WHERE mottakersystem = $1)`, m.ID).Scan(&st.Personer, &st.Rader)
		if err != nil {
			return nil, fmt.Errorf("reading how %s is set up: %w", m.ID, err)
		}
		adresser, err := s.varsles(ctx, q, m.ID)
		if err != nil {
			return nil, err
		}
		st.Varsles = len(adresser)
		if st.Forfalt, err = antallFor(ctx, q, m.ID, s.Klokke.Now().Add(-varselEtter)); err != nil {
			return nil, err
		}
		ut = append(ut, st)
	}
	return ut, nil
}

// Tilgang is a person on the tab Tilganger, with what more it takes to fetch
// forsendelser by hand.
type Tilgang struct {
	Person
	ID      string   // stands for the person where the fødselsnummer must not; stable
	Mangler []string // org.nr. of the mottakersystem for which the person lacks PostArkiv
	Ukjent  bool     // the roles could not be looked up
}

// TilgangerMedRoller is Tilganger with the roles of each person. That they cannot
// be looked up is no error. feil.IngenTilgang, feil.IkkeFunnet.
func (s *Service) TilgangerMedRoller(ctx context.Context, av auth.Caller, systemID string) ([]Tilgang, error) {
	ps, err := s.Tilganger(ctx, av, systemID)
	if err != nil {
		return nil, err
	}
	rader, err := s.Organisasjoner(ctx, av, systemID)
	if err != nil {
		return nil, err
	}
	var orgnr []string
	for _, r := range rader {
		if !slices.Contains(orgnr, r.Orgnr) {
			orgnr = append(orgnr, r.Orgnr)
		}
	}
	igjen := maksOppslag
	var ut []Tilgang
	for _, p := range ps {
		t := Tilgang{Person: p, ID: s.Ring.Lookup("svarinn.tilgang:"+systemID, p.Fnr)}
		for _, o := range orgnr {
			if igjen--; igjen < 0 {
				t.Ukjent = true
				break
			}
			ja, err := s.Roller.HarRolle(ctx, p.Fnr, o, PostArkiv)
			if err != nil {
				s.Log.WarnContext(ctx, "a role could not be looked up", "mottakersystem", systemID, "err", err)
				t.Ukjent, igjen = true, 0
				break
			}
			if !ja {
				t.Mangler = append(t.Mangler, o)
			}
		}
		ut = append(ut, t)
	}
	return ut, nil
}

// SendTest sends an alert on trial to the addresses of a mottakersystem, and
// tells how many they are. Asked again within a minute it is the same one.
// feil.Konflikt when there is no address. feil.IngenTilgang, feil.IkkeFunnet. Audited.
func (s *Service) SendTest(ctx context.Context, av auth.Caller, systemID string) (antall int, err error) {
	m, err := s.krev(ctx, av, systemID, 0)
	if err != nil {
		return 0, err
	}
	naa := s.Klokke.Now()
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		til, err := s.varsles(ctx, tx, m.ID)
		if err != nil {
			return err
		}
		if antall = len(til); antall == 0 {
			return feil.Ny(feil.Konflikt, "Lagre minst én e-postadresse før du sender et testvarsel")
		}
		ny, err := endret(tx.ExecContext(ctx, `UPDATE svarinn_mottakersystemer SET test_varslet = $2 WHERE id = $1 AND test_varslet <= $3`,
			m.ID, store.Micros(naa), store.Micros(naa.Add(-testPause))))
		if err != nil {
			return fmt.Errorf("noting an alert on trial: %w", err)
		}
		if !ny {
			return nil
		}
		err = s.Varsler.Send(ctx, tx, til, fmt.Sprintf("SvarInn: testvarsel for %s", m.Navn),
			fmt.Sprintf("Dette er en test. Noen som forvalter mottakersystemet «%s» i SvarInn, har bedt om den %s.\n\n"+
				"Til denne adressen kommer det varsel når forsendelser har ventet i mer enn to timer uten å bli hentet, "+
				"og når sertifikatet holder på å utløpe. Du trenger ikke å gjøre noe nå.\n",
				m.Navn, klokke.Oslo(naa).Format("02.01.2006 kl. 15:04")))
		if err != nil {
			return fmt.Errorf("queueing an alert on trial: %w", err)
		}
		return s.revider(ctx, tx, av, m, "MOTTAKERSYSTEM_TESTVARSEL", "", fmt.Sprint(antall))
	})
	return antall, err
}

// Forsendelsestyper are those that can be routed by here.
func (s *Service) Forsendelsestyper() []string { return slices.Clone(s.cfg.Forsendelsestyper) }
