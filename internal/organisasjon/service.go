package organisasjon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/passord"
	"knutepunkt/internal/store"
)

// Service is the model with its rules. It implements auth.Integrasjoner and
// auth.Autorisasjon.
type Service struct {
	db     *store.DB
	ring   *keys.Ring
	klokke klokke.Klokke
	logger Logger
	// avtaler is what KrevAvtaler was given; nil: no agreements are needed.
	avtaler *Avtalekonfig

	innlogget cache[[32]byte, innlogging]
	tilgang   cache[tilgangNokkel, bool]
	hasher    *passord.Hasher
}

var (
	_ auth.Integrasjoner = (*Service)(nil)
	_ auth.Autorisasjon  = (*Service)(nil)
)

// New makes the service. logger must not be nil: grants are always audited.
func New(db *store.DB, ring *keys.Ring, k klokke.Klokke, logger Logger) *Service {
	return &Service{db: db, ring: ring, klokke: k, logger: logger, hasher: passord.NyHasher()}
}

// OpprettOrganisasjon stores an organisation and its ressurs under the root. An
// empty ID is filled. feil.Konflikt when id, org.nr or kommunenummer is taken.
func (s *Service) OpprettOrganisasjon(ctx context.Context, tx *store.Tx, o Organisasjon) (Organisasjon, error) {
	if o.ID == "" {
		o.ID = uuid.NewString()
	}
	if o.Opprettet.IsZero() {
		o.Opprettet = s.klokke.Now()
	}
	if err := o.Validate(); err != nil {
		return o, err
	}
	err := insertOrganisasjon(ctx, tx, o)
	if store.IsUnique(err) {
		return o, feil.Ny(feil.Konflikt, "En organisasjon med samme id, organisasjonsnummer eller kommunenummer finnes allerede").Med(err)
	} else if err != nil {
		return o, fmt.Errorf("storing an organisation: %w", err)
	}
	return o, s.OpprettRessurs(ctx, tx, Ressurs{ID: o.ID, Forelder: RotID, Type: TypeOrganisasjon, Navn: o.Navn})
}

// Organisasjon finds one by id; feil.IkkeFunnet.
func (s *Service) Organisasjon(ctx context.Context, id string) (Organisasjon, error) {
	return enOrganisasjon(ctx, s.db.Read(), "id", id)
}

// Kommune finds the organisation of a kommunenummer; feil.IkkeFunnet.
func (s *Service) Kommune(ctx context.Context, kommunenummer string) (Organisasjon, error) {
	if kommunenummer == "" {
		return Organisasjon{}, ikkeFunnet("Organisasjonen")
	}
	return enOrganisasjon(ctx, s.db.Read(), "kommunenummer", kommunenummer)
}

// Organisasjoner lists all, by name.
func (s *Service) Organisasjoner(ctx context.Context) ([]Organisasjon, error) {
	return selectOrganisasjoner(ctx, s.db.Read(), "ORDER BY navn, id")
}

// OrganisasjonerMed lists those on which an aktor holds a privilege, by name:
// granted on the organisation itself, on the root, or on all organisations. No
// other privilege implies it here.
func (s *Service) OrganisasjonerMed(ctx context.Context, aktor, privilegium string) ([]Organisasjon, error) {
	nokkel, _, err := s.aktorNokkel(aktor)
	if err != nil {
		return nil, nil //nolint:nilerr // nobody holds nothing
	}
	return selectOrganisasjoner(ctx, s.db.Read(), `WHERE id IN (SELECT ressurs FROM tilganger WHERE aktor = $1 AND privilegium = $2)
		OR EXISTS (SELECT 1 FROM tilganger WHERE aktor = $1 AND privilegium = $2 AND ressurs = $3)
		OR EXISTS (SELECT 1 FROM type_tilganger WHERE aktor = $1 AND privilegium = $2 AND type = $4)
		ORDER BY navn, id`, nokkel, privilegium, RotID, TypeOrganisasjon)
}

// TaIBruk makes the ressurs of a service for an organisation (type one of
// TypeDigisos, …) and returns its id; the same id when it was there already.
// KrevAvtale decides whether a service that is not in use yet can be: its error.
func (s *Service) TaIBruk(ctx context.Context, tx *store.Tx, fiksOrgID, tjeneste string) (string, error) {
	if !strings.HasPrefix(tjeneste, "TJENESTE_") {
		return "", feil.Ny(feil.Ugyldig, "Ukjent tjeneste")
	}
	id, err := tjenesteRessurs(ctx, tx, fiksOrgID, tjeneste)
	if !feil.Er(err, feil.IkkeFunnet) {
		return id, err
	}
	org, err := enRessurs(ctx, tx, fiksOrgID)
	if err != nil {
		return "", err
	}
	if org.Type != TypeOrganisasjon {
		return "", ikkeFunnet("Organisasjonen")
	}
	if err := s.KrevAvtale(ctx, tx, fiksOrgID, tjeneste); err != nil {
		return "", err
	}
	r := Ressurs{ID: uuid.NewString(), Forelder: fiksOrgID, Type: tjeneste, Navn: tjeneste}
	if err := s.opprettRessurs(ctx, tx, r, true); err != nil {
		return "", err
	}
	return r.ID, s.logg(ctx, tx, audit.Hendelse{Principal: auth.From(ctx), FiksOrg: fiksOrgID, Tjeneste: tjeneste, Underressurs: r.ID, Handling: "TJENESTE_TATT_I_BRUK"})
}

// TjenesteRessurs finds the ressurs of an organisation's service; feil.IkkeFunnet.
func (s *Service) TjenesteRessurs(ctx context.Context, fiksOrgID, tjeneste string) (string, error) {
	return tjenesteRessurs(ctx, s.db.Read(), fiksOrgID, tjeneste)
}

// OpprettRessurs adds a node (a konto, say) under its parent. feil.IkkeFunnet
// for an unknown parent, feil.Konflikt for a taken id.
func (s *Service) OpprettRessurs(ctx context.Context, tx *store.Tx, r Ressurs) error {
	return s.opprettRessurs(ctx, tx, r, false)
}

func (s *Service) opprettRessurs(ctx context.Context, tx *store.Tx, r Ressurs, entydig bool) error {
	if err := r.Validate(); err != nil {
		return err
	}
	if _, err := enRessurs(ctx, tx, r.Forelder); err != nil {
		return err
	}
	err := insertRessurs(ctx, tx, r, entydig)
	if store.IsUnique(err) {
		return feil.Ny(feil.Konflikt, "Ressursen finnes allerede").Med(err)
	} else if err != nil {
		return fmt.Errorf("storing a ressurs: %w", err)
	}
	tx.OnCommit(s.tilgang.clear) // a "no" for this id may have been kept
	return nil
}

// Ressurs finds a node; feil.IkkeFunnet.
func (s *Service) Ressurs(ctx context.Context, id string) (Ressurs, error) {
	return enRessurs(ctx, s.db.Read(), id)
}

// Barn lists the nodes right below one, by type and name; of one type when
// ressursType is not "".
func (s *Service) Barn(ctx context.Context, id, ressursType string) ([]Ressurs, error) {
	return barn(ctx, s.db.Read(), id, ressursType)
}

// OpprettIntegrasjon stores an integrasjon; an empty ID is filled.
// feil.IkkeFunnet for an unknown organisation, feil.Konflikt when id or code is taken.
func (s *Service) OpprettIntegrasjon(ctx context.Context, tx *store.Tx, i Integrasjon) (Integrasjon, error) {
	if i.ID == "" {
		i.ID = uuid.NewString()
	}
	if i.Opprettet.IsZero() {
		i.Opprettet = s.klokke.Now()
	}
	i.Versjon = 1
	if err := i.Validate(); err != nil {
		return i, err
	}
	if !i.Global {
		if _, err := enOrganisasjon(ctx, tx, "id", i.FiksOrgID); err != nil {
			return i, err
		}
	}
	err := insertIntegrasjon(ctx, tx, i)
	if store.IsUnique(err) {
		return i, feil.Ny(feil.Konflikt, "En integrasjon med samme id eller kode finnes allerede").Med(err)
	} else if err != nil {
		return i, fmt.Errorf("storing an integrasjon: %w", err)
	}
	return i, s.logg(ctx, tx, audit.Hendelse{Principal: auth.From(ctx), FiksOrg: i.FiksOrgID, Handling: "INTEGRASJON_OPPRETTET", Payload: i.ID})
}

// EndreIntegrasjon changes one by fn, and audits it. versjon is the one that the
// change was decided from (0: whichever there is). feil.IkkeFunnet, feil.Konflikt
// when somebody has changed it since or the code is taken, feil.Ugyldig for what
// Validate refuses.
func (s *Service) EndreIntegrasjon(ctx context.Context, tx *store.Tx, id string, versjon int64, fn func(*Integrasjon)) (Integrasjon, error) {
	gammel, err := s.fraVersjon(ctx, tx, id, versjon)
	if err != nil {
		return gammel, err
	}
	i := gammel
	fn(&i)
	i.ID, i.Opprettet, i.Slettet, i.Versjon = gammel.ID, gammel.Opprettet, gammel.Slettet, gammel.Versjon+1
	if err := i.Validate(); err != nil {
		return i, err
	}
	ok, err := oppdaterIntegrasjon(ctx, tx, i)
	switch {
	case store.IsUnique(err):
		return i, feil.Ny(feil.Konflikt, "En annen integrasjon har denne koden. Velg en annen kode").Med(err)
	case err != nil:
		return i, fmt.Errorf("changing an integrasjon: %w", err)
	case !ok:
		return i, endretAvAndre()
	}
	tx.OnCommit(s.innlogget.clear) // who may come with its password has perhaps changed
	return i, s.logg(ctx, tx, audit.Hendelse{Principal: auth.From(ctx), FiksOrg: gammel.FiksOrgID, Handling: "INTEGRASJON_ENDRET", Payload: id})
}

// fraVersjon finds an integrasjon that is still of a version (0: whichever).
func (s *Service) fraVersjon(ctx context.Context, tx *store.Tx, id string, versjon int64) (Integrasjon, error) {
	i, err := enIntegrasjon(ctx, tx, id)
	if err == nil && versjon != 0 && versjon != i.Versjon {
		err = endretAvAndre()
	}
	return i, err
}

func endretAvAndre() error {
	return feil.Ny(feil.Konflikt, "Noen andre har endret dette i mellomtiden. Hent det på nytt, og prøv igjen")
}

// Integrasjon finds one that is not deleted; feil.IkkeFunnet.
func (s *Service) Integrasjon(ctx context.Context, id string) (Integrasjon, error) {
	return enIntegrasjon(ctx, s.db.Read(), id)
}

// Integrasjoner lists an organisation's own and all global ones that are not
// deleted, by name.
func (s *Service) Integrasjoner(ctx context.Context, fiksOrgID string) ([]Integrasjon, error) {
	return selectIntegrasjoner(ctx, s.db.Read(), "slettet = 0 AND (fiks_org = $1 OR global = 1) ORDER BY navn, id", fiksOrgID)
}

// SlettIntegrasjon deletes an integrasjon with its passwords and all its
// grants, and audits it. It can't log in from the commit on (on other nodes
// within cacheTid). feil.IkkeFunnet.
func (s *Service) SlettIntegrasjon(ctx context.Context, tx *store.Tx, av auth.Caller, id string) error {
	i, err := enIntegrasjon(ctx, tx, id)
	if err != nil {
		return err
	}
	if err := slettIntegrasjon(ctx, tx, id, s.klokke.Now()); err != nil {
		return fmt.Errorf("deleting an integrasjon: %w", err)
	}
	tx.OnCommit(s.innlogget.clear)
	tx.OnCommit(s.tilgang.clear)
	return s.logg(ctx, tx, audit.Hendelse{Principal: av, FiksOrg: i.FiksOrgID, Handling: "INTEGRASJON_SLETTET", Payload: id})
}

// logg writes an audit event with what is common to all of this room.
func (s *Service) logg(ctx context.Context, tx *store.Tx, h audit.Hendelse) error {
	h.RequestID = httpx.RequestID(ctx)
	if err := s.logger.Logg(ctx, tx, h); err != nil {
		return fmt.Errorf("auditing: %w", err)
	}
	return nil
}

func ikkeFunnet(hva string) error { return feil.Ny(feil.IkkeFunnet, "%s finnes ikke", hva) }

var errCorrupt = errors.New("a stored value cannot be read")

// cacheTid is how long this node trusts what it has looked up. Its own writes
// end that at once; what another node writes is seen after this time.
const cacheTid = 30 * time.Second
