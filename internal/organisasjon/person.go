package organisasjon

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/store"
)

// Person is somebody that an organisation gives privileges to, in that
// organisation's own register: what one organisation has written is not seen
// by another (auth contract §9.4).
type Person struct {
	Fnr     string `json:"fnr"`
	Navn    string `json:"navn"`
	Tittel  string `json:"tittel,omitempty"`
	Telefon string `json:"telefon,omitempty"`
	Epost   string `json:"epost,omitempty"`
	Versjon int64  `json:"-"` // 1, and more after each change
}

var (
	telefonRE = regexp.MustCompile(`^[+]?[0-9]+([- ][0-9]+)*$`)
	epostRE   = regexp.MustCompile(`^[^@\s]+@[^@\s]+$`)
)

// Validate tells what is wrong; feil.Ugyldig.
func (p Person) Validate() error {
	switch n := utf8.RuneCountInString(p.Navn); {
	case !fnrRE.MatchString(p.Fnr):
		return feil.Ny(feil.Ugyldig, "fnr må være et fødselsnummer eller d-nummer med 11 sifre")
	case n < 2 || n > 450 || strings.TrimSpace(p.Navn) != p.Navn || strings.ContainsFunc(p.Navn, unicode.IsControl):
		return feil.Ny(feil.Ugyldig, "navn må ha 2–450 tegn, uten mellomrom først eller sist")
	case utf8.RuneCountInString(p.Tittel) > 200 || strings.ContainsFunc(p.Tittel, unicode.IsControl):
		return feil.Ny(feil.Ugyldig, "tittel må ha høyst 200 tegn")
	case p.Telefon != "" && (len(p.Telefon) > 30 || !telefonRE.MatchString(p.Telefon)):
		return feil.Ny(feil.Ugyldig, "telefon må være sifre, gjerne med + først og mellomrom eller bindestrek inni")
	case p.Epost != "" && (len(p.Epost) > 254 || !epostRE.MatchString(p.Epost)):
		return feil.Ny(feil.Ugyldig, "epost må være en e-postadresse")
	}
	return nil
}

// RegistrerPerson writes a person into the register of each organisation where
// it is not, and gives what stands there: of several the one changed most often.
// Audited where it is new. feil.Ugyldig.
func (s *Service) RegistrerPerson(ctx context.Context, tx *store.Tx, orger []string, p Person) (Person, error) {
	if err := p.Validate(); err != nil {
		return p, err
	}
	nokkel, _, err := s.aktorNokkel(p.Fnr)
	if err != nil {
		return p, err
	}
	for _, org := range orger {
		innhold, err := s.forseglPerson(org, nokkel, p)
		if err != nil {
			return p, err
		}
		ny, err := rowsAffected(tx.ExecContext(ctx, `INSERT INTO personer (fiks_org, person, innhold, versjon) VALUES ($1, $2, $3, 1)
			ON CONFLICT DO NOTHING`, org, nokkel, innhold))
		if err != nil {
			return p, err
		}
		if ny {
			if err := s.loggPerson(ctx, tx, org, "PERSON_REGISTRERT", p.Fnr); err != nil {
				return p, err
			}
		}
	}
	ps, err := s.person(ctx, tx, orger, nokkel)
	if err != nil {
		return p, err
	}
	return nyeste(ps), nil
}

// EndrePerson changes a person in each of the registers that have it. versjon is
// the one the change was decided from (0: whichever). feil.IkkeFunnet when none
// has it, feil.Konflikt when somebody has changed it since, feil.Ugyldig.
func (s *Service) EndrePerson(ctx context.Context, tx *store.Tx, orger []string, fnr string, versjon int64, fn func(*Person)) (Person, error) {
	nokkel, person, err := s.aktorNokkel(fnr)
	if err != nil || !person {
		return Person{}, feil.Ny(feil.Ugyldig, "fnr må være et fødselsnummer eller d-nummer med 11 sifre")
	}
	ps, err := s.person(ctx, tx, orger, nokkel)
	if err != nil {
		return Person{}, err
	}
	if len(ps) == 0 {
		return Person{}, feil.Ny(feil.IkkeFunnet, "Personen er ikke registrert. Registrer med POST /konfigurasjon/api/v1/personer")
	}
	vist := nyeste(ps)
	if versjon != 0 && versjon != vist.Versjon {
		return Person{}, endretAvAndre()
	}
	ny := vist
	fn(&ny)
	ny.Fnr, ny.Versjon = fnr, vist.Versjon+1
	if err := ny.Validate(); err != nil {
		return ny, err
	}
	for org, gammel := range ps {
		innhold, err := s.forseglPerson(org, nokkel, ny)
		if err != nil {
			return ny, err
		}
		ok, err := rowsAffected(tx.ExecContext(ctx, `UPDATE personer SET innhold = $3, versjon = $4 WHERE fiks_org = $1 AND person = $2 AND versjon = $5`,
			org, nokkel, innhold, ny.Versjon, gammel.Versjon))
		if err != nil {
			return ny, err
		}
		if !ok {
			return ny, endretAvAndre()
		}
		if err := s.loggPerson(ctx, tx, org, "PERSON_ENDRET", fnr); err != nil {
			return ny, err
		}
	}
	return ny, nil
}

// Personer finds those of the fødselsnumre that are in a register of the
// organisations; the others are left out. feil.Ugyldig for what is none.
func (s *Service) Personer(ctx context.Context, orger, fnr []string) ([]Person, error) {
	var ut []Person
	sett := map[string]bool{}
	for _, f := range fnr {
		nokkel, person, err := s.aktorNokkel(f)
		if err != nil || !person {
			return nil, feil.Ny(feil.Ugyldig, "Hvert fnr må være et fødselsnummer eller d-nummer med 11 sifre")
		}
		if sett[nokkel] {
			continue
		}
		sett[nokkel] = true
		ps, err := s.person(ctx, s.db.Read(), orger, nokkel)
		if err != nil {
			return nil, err
		}
		if len(ps) > 0 {
			ut = append(ut, nyeste(ps))
		}
	}
	return ut, nil
}

// nyeste is the one that was changed most often; of equals the one of the first
// organisation.
func nyeste(ps map[string]Person) (ut Person) {
	forste := ""
	for org, p := range ps {
		if p.Versjon > ut.Versjon || p.Versjon == ut.Versjon && org < forste {
			ut, forste = p, org
		}
	}
	return ut
}

// person reads what the registers of the organisations have, by organisation.
func (s *Service) person(ctx context.Context, q store.Queryer, orger []string, nokkel string) (map[string]Person, error) {
	rows, err := q.QueryContext(ctx, `SELECT fiks_org, innhold, versjon FROM personer WHERE person = $1`, nokkel)
	if err != nil {
		return nil, fmt.Errorf("reading a person: %w", err)
	}
	defer rows.Close()
	mine := map[string]bool{}
	for _, o := range orger {
		mine[o] = true
	}
	ut := map[string]Person{}
	for rows.Next() {
		var org string
		var innhold []byte
		var p Person
		if err := rows.Scan(&org, &innhold, &p.Versjon); err != nil {
			return nil, fmt.Errorf("reading a person: %w", err)
		}
		if !mine[org] {
			continue
		}
		klart, err := s.ring.Open(stedPerson(org, nokkel), innhold)
		if err != nil {
			return nil, fmt.Errorf("opening a person: %w", err)
		}
		if json.Unmarshal(klart, &p) != nil {
			return nil, fmt.Errorf("a person: %w", errCorrupt)
		}
		ut[org] = p
	}
	return ut, rows.Err()
}

func stedPerson(org, nokkel string) string { return "organisasjon.person:" + org + ":" + nokkel }

func (s *Service) forseglPerson(org, nokkel string, p Person) ([]byte, error) {
	klart, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encoding a person: %w", err)
	}
	innhold, err := s.ring.Seal(stedPerson(org, nokkel), klart)
	if err != nil {
		return nil, fmt.Errorf("sealing a person: %w", err)
	}
	return innhold, nil
}

func (s *Service) loggPerson(ctx context.Context, tx *store.Tx, org, handling, fnr string) error {
	return s.logg(ctx, tx, audit.Hendelse{Principal: auth.From(ctx), FiksOrg: org, Tjeneste: TypeOrganisasjon, Handling: handling, Gjelder: fnr})
}
