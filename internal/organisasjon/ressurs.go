package organisasjon

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/store"
)

// Bounds of an organisation's own ressurser.
const (
	maksDybde = 10   // levels below the root
	maksBarn  = 1000 // right below one ressurs
)

// NyEgenRessurs makes a ressurs of an organisation's own type, for systems that
// ask who may what; the platform's own are made by its services. Audited.
// feil.Ugyldig, feil.IkkeFunnet for an unknown parent, feil.Konflikt when the
// parent has too many, or is too deep.
func (s *Service) NyEgenRessurs(ctx context.Context, tx *store.Tx, forelder, typ, navn string) (Ressurs, error) {
	r := Ressurs{ID: uuid.NewString(), Forelder: forelder, Type: typ, Navn: navn}
	if !egenType(typ) {
		return r, feil.Ny(feil.Ugyldig, "Typen %q lages av plattformens egne tjenester: ta i bruk tjenesten, eller opprett en konto der. Egne typer har A–Z, 0–9, _ og punktum, og begynner ikke med TJENESTE_ eller FIKS_", typ)
	}
	if err := sjekkRessursnavn(navn); err != nil {
		return r, err
	}
	if err := romUnder(ctx, tx, forelder); err != nil {
		return r, err
	}
	if err := s.OpprettRessurs(ctx, tx, r); err != nil {
		return r, err
	}
	return r, s.loggRessurs(ctx, tx, "RESSURS_OPPRETTET", r)
}

// EndreEgenRessurs gives an organisation's own ressurs a new name and a new
// parent of the same organisation ("": the one it has). Audited. feil.Ugyldig,
// feil.IkkeFunnet, feil.Konflikt as NyEgenRessurs.
func (s *Service) EndreEgenRessurs(ctx context.Context, tx *store.Tx, id, navn, forelder string) (Ressurs, error) {
	r, err := enRessurs(ctx, tx, id)
	if err != nil {
		return r, err
	}
	if !egenType(r.Type) {
		return r, feil.Ny(feil.Ugyldig, "Ressurser av typen %s følger tjenesten sin, og endres der", r.Type)
	}
	if navn != "" {
		if err := sjekkRessursnavn(navn); err != nil {
			return r, err
		}
		r.Navn = navn
	}
	if forelder != "" && forelder != r.Forelder {
		if err := flyttes(ctx, tx, id, forelder); err != nil {
			return r, err
		}
		r.Forelder = forelder
	}
	if _, err := tx.ExecContext(ctx, `UPDATE ressurser SET navn = $2, forelder = $3 WHERE id = $1`, id, r.Navn, r.Forelder); err != nil {
		return r, fmt.Errorf("changing a ressurs: %w", err)
	}
	tx.OnCommit(s.tilgang.clear) // what is inherited has perhaps changed
	return r, s.loggRessurs(ctx, tx, "RESSURS_ENDRET", r)
}

// GiNavn renames a ressurs of the platform's own, for the service that it belongs to:
// who is given a privilege on it must see what it is. feil.IkkeFunnet, feil.Ugyldig.
func (s *Service) GiNavn(ctx context.Context, tx *store.Tx, id, navn string) error {
	r, err := enRessurs(ctx, tx, id)
	if err != nil {
		return err
	}
	r.Navn = navn
	if err := r.Validate(); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE ressurser SET navn = $2 WHERE id = $1`, id, navn); err != nil {
		return fmt.Errorf("renaming a ressurs: %w", err)
	}
	return nil
}

// flyttes tells whether a ressurs can be moved below another one: of the same
// organisation, not below itself, and with room for all that comes along.
func flyttes(ctx context.Context, tx *store.Tx, id, forelder string) error {
	fra, err1 := eier(ctx, tx, id)
	til, err2 := eier(ctx, tx, forelder)
	for _, err := range []error{err1, err2} {
		if err != nil {
			return fmt.Errorf("finding the owner of a ressurs: %w", err)
		}
	}
	if fra != til {
		return feil.Ny(feil.Ugyldig, "En ressurs kan bare flyttes innenfor organisasjonen")
	}
	over, err := stien(ctx, tx, forelder)
	if err != nil {
		return err
	}
	for _, r := range over {
		if r.ID == id {
			return feil.Ny(feil.Ugyldig, "En ressurs kan ikke flyttes inn under seg selv")
		}
	}
	hoyde, err := hoyde(ctx, tx, id)
	if err != nil {
		return fmt.Errorf("measuring a ressurs: %w", err)
	}
	if len(over)+hoyde > maksDybde {
		return feil.Ny(feil.Konflikt, "Ressurstreet ville blitt for dypt (høyst %d nivåer)", maksDybde)
	}
	return romUnder(ctx, tx, forelder)
}

// romUnder tells whether one more fits right below a ressurs.
func romUnder(ctx context.Context, tx *store.Tx, forelder string) error {
	over, err := stien(ctx, tx, forelder)
	if err != nil {
		return err
	}
	if len(over) >= maksDybde {
		return feil.Ny(feil.Konflikt, "Ressurstreet ville blitt for dypt (høyst %d nivåer)", maksDybde)
	}
	n, err := antallBarn(ctx, tx, forelder)
	if err != nil {
		return fmt.Errorf("counting ressurser: %w", err)
	}
	if n >= maksBarn {
		return feil.Ny(feil.Konflikt, "Ressursen har for mange under seg (høyst %d). Legg den nye under en annen", maksBarn)
	}
	return nil
}

func sjekkRessursnavn(navn string) error {
	if !GyldigNavn(navn) {
		return feil.Ny(feil.Ugyldig, "Ressursens navn må ha 2–200 tegn: bokstaver, tall, mellomrom inni og vanlige skilletegn")
	}
	return nil
}

func (s *Service) loggRessurs(ctx context.Context, tx *store.Tx, handling string, r Ressurs) error {
	org, err := eier(ctx, tx, r.ID)
	if err != nil {
		return fmt.Errorf("finding the owner of a ressurs: %w", err)
	}
	return s.logg(ctx, tx, audit.Hendelse{Principal: auth.From(ctx), FiksOrg: org, Tjeneste: r.Type, Underressurs: r.ID, Handling: handling})
}

// Konfigurer notes that a service in use has been set up. Idempotent; audited.
// feil.Konflikt when it is not in use.
func (s *Service) Konfigurer(ctx context.Context, tx *store.Tx, fiksOrgID string, t Tjeneste) error {
	id, err := tjenesteRessurs(ctx, tx, fiksOrgID, t.RessursType)
	if feil.Er(err, feil.IkkeFunnet) {
		return feil.Ny(feil.Konflikt, "%s er ikke tatt i bruk. Gjør det først: POST …/tjenester/%s/initialiser", t.Navn, t.Kode)
	} else if err != nil {
		return err
	}
	ny, err := rowsAffected(tx.ExecContext(ctx, `INSERT INTO tjenester_konfigurert (ressurs, tidspunkt) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
		id, store.Micros(s.klokke.Now())))
	if err != nil || !ny {
		return err
	}
	return s.logg(ctx, tx, audit.Hendelse{Principal: auth.From(ctx), FiksOrg: fiksOrgID, Tjeneste: t.RessursType, Underressurs: id, Handling: "TJENESTE_KONFIGURERT"})
}

// HarNoe tells whether an aktor holds any privilege on a ressurs, itself,
// inherited or by type.
func (s *Service) HarNoe(ctx context.Context, aktor, ressursID string) (bool, error) {
	nokkel, _, err := s.aktorNokkel(aktor)
	if err != nil {
		return false, nil //nolint:nilerr // nobody holds nothing
	}
	ja, err := harNoe(ctx, s.db.Read(), nokkel, ressursID)
	if err != nil {
		return false, fmt.Errorf("looking up privileges: %w", err)
	}
	return ja, nil
}

// Synlige lists the organisations that an aktor may see, by name: those in which
// it holds any privilege, an integrasjon's own one, and all for whom holds one
// on the root or on all organisations.
func (s *Service) Synlige(ctx context.Context, aktor string) ([]Organisasjon, error) {
	nokkel, _, err := s.aktorNokkel(aktor)
	if err != nil {
		return nil, nil //nolint:nilerr // nobody sees nothing
	}
	return synligeOrganisasjoner(ctx, s.db.Read(), nokkel)
}

// Sok selects grants and what they give.
type Sok struct {
	Aktor       string
	Privilegier []string // any of them; none: any privilege
	Admin       bool     // ADMIN counts for each of them, as it does for persons
	Type        string   // of the ressurs; "": all
	Under       string   // the ressurs itself and all below; RotID: all
	Arv         bool     // also what is below the ressurser of the grants
	Typer       bool     // also what is held by type
	Maks        int      // of answers
}

// Holdt is a ressurs on which an aktor holds a privilege, and the one on which
// it was granted: the same, or one above.
type Holdt struct {
	Ressurs
	Privilegium string
	Gitt        string
}

// Holdte lists what an aktor holds, in no order; at most Maks and one more.
func (s *Service) Holdte(ctx context.Context, sok Sok) ([]Holdt, error) {
	nokkel, _, err := s.aktorNokkel(sok.Aktor)
	if err != nil {
		return nil, nil //nolint:nilerr // nobody holds nothing
	}
	sok.Aktor = nokkel
	return selectHoldte(ctx, s.db.Read(), sok)
}
