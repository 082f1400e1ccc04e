// Package organisasjon is Fiks Konfigurasjon's model: organisations, local and
// global integrasjoner with passwords, services taken into use, the tree of
// ressurser, and who holds which privilege on them.
package organisasjon

import (
	"context"
	"errors"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/store"
)

var errNotBuilt = errors.New("not built")

// Types of ressurser (auth contract §10).
const (
	TypeRot                = "ROOT"
	TypeOrganisasjon       = "FIKS_ORGANISASJON"
	TypeDigisos            = "TJENESTE_DIGISOS"
	TypeDokumentlager      = "TJENESTE_DOKUMENTLAGER"
	TypeDokumentlagerKonto = "TJENESTE_DOKUMENTLAGER_KONTO"
	TypeFiksIO             = "TJENESTE_SVARINN"
	TypeFiksIOKonto        = "TJENESTE_SVARINN_KONTO"
	TypeAudit              = "TJENESTE_AUDIT"
	TypeInnsyn             = "TJENESTE_INNSYN"
)

// RotID is the id of the root ressurs.
const RotID = "00000000-0000-0000-0000-000000000000"

// Organisasjon is a customer of the platform. Its ressurs has the same id.
type Organisasjon struct {
	ID            string // fiksOrgId, UUID
	Navn          string
	Type          string // KOMMUNE, LEVERANDOR, STATLIG_VIRKSOMHET, …
	Kommunenummer string // 4 digits or ""
	Orgnr         string // 9 digits or ""
	Epost         []string
	Opprettet     time.Time
}

// Integrasjon is a machine client.
type Integrasjon struct {
	ID                    string
	FiksOrgID             string // "" for a global one
	AutorisertOrgnr       string // whose Maskinporten token comes with it
	Navn                  string
	Beskrivelse           string
	Kode                  string // global only
	Global                bool
	ForespurtePrivilegier []string // global only
	Opprettet             time.Time
	Slettet               time.Time // zero: alive
}

// Ressurs is a node of the tree on which privileges are held.
type Ressurs struct {
	ID, Forelder, Type, Navn string
}

// Service is the model with its rules.
type Service struct{}

// OpprettOrganisasjon stores an organisation and its ressurs under the root. An
// empty ID is filled. feil.Konflikt when id, org.nr or kommunenummer is taken.
func (s *Service) OpprettOrganisasjon(ctx context.Context, tx *store.Tx, o Organisasjon) (Organisasjon, error) {
	return o, errNotBuilt
}

// Organisasjon finds one by id; feil.IkkeFunnet.
func (s *Service) Organisasjon(ctx context.Context, id string) (Organisasjon, error) {
	return Organisasjon{}, errNotBuilt
}

// Kommune finds the organisation of a kommunenummer; feil.IkkeFunnet.
func (s *Service) Kommune(ctx context.Context, kommunenummer string) (Organisasjon, error) {
	return Organisasjon{}, errNotBuilt
}

// TaIBruk makes the ressurs of a service for an organisation (type one of
// TypeDigisos, …) and returns its id; the same id when it was there already.
func (s *Service) TaIBruk(ctx context.Context, tx *store.Tx, fiksOrgID, tjeneste string) (string, error) {
	return "", errNotBuilt
}

// TjenesteRessurs finds the ressurs of an organisation's service; feil.IkkeFunnet.
func (s *Service) TjenesteRessurs(ctx context.Context, fiksOrgID, tjeneste string) (string, error) {
	return "", errNotBuilt
}

// OpprettRessurs adds a node (a konto, say) under its parent. feil.IkkeFunnet
// for an unknown parent, feil.Konflikt for a taken id.
func (s *Service) OpprettRessurs(ctx context.Context, tx *store.Tx, r Ressurs) error {
	return errNotBuilt
}

// OpprettIntegrasjon stores an integrasjon; an empty ID is filled.
func (s *Service) OpprettIntegrasjon(ctx context.Context, tx *store.Tx, i Integrasjon) (Integrasjon, error) {
	return i, errNotBuilt
}

// LagPassord makes a new password (shown once, 43 characters of A–Z a–z 0–9 - _).
// The former one stays valid for overlapp (0: it ends at once).
func (s *Service) LagPassord(ctx context.Context, tx *store.Tx, integrasjonID string, overlapp time.Duration) (string, error) {
	return "", errNotBuilt
}

// SettPassord sets a given password; for seeding the sandbox only.
func (s *Service) SettPassord(ctx context.Context, tx *store.Tx, integrasjonID, passord string) error {
	return errNotBuilt
}

// Autentiser implements auth.Integrasjoner.
func (s *Service) Autentiser(ctx context.Context, integrasjonID, passord string) (auth.Autentisert, error) {
	return auth.Autentisert{}, errNotBuilt
}

// GiTilgang grants a privilege on a ressurs to an aktor (integrasjon UUID or
// fnr; a fnr is stored as keyed hash and sealed). Idempotent. The grant is audited.
func (s *Service) GiTilgang(ctx context.Context, tx *store.Tx, av auth.Caller, aktor, privilegium, ressursID string) error {
	return errNotBuilt
}

// GiTypeTilgang grants a privilege on every ressurs of a type.
func (s *Service) GiTypeTilgang(ctx context.Context, tx *store.Tx, av auth.Caller, aktor, privilegium, ressursType string) error {
	return errNotBuilt
}

// TrekkTilgang revokes a grant; nil when there was none.
func (s *Service) TrekkTilgang(ctx context.Context, tx *store.Tx, av auth.Caller, aktor, privilegium, ressursID string) error {
	return errNotBuilt
}

// Har implements auth.Autorisasjon.
func (s *Service) Har(ctx context.Context, aktor, privilegium, ressursID string) (bool, error) {
	return false, errNotBuilt
}

// HarNoen implements auth.Autorisasjon.
func (s *Service) HarNoen(ctx context.Context, aktor, privilegium string) (bool, error) {
	return false, errNotBuilt
}
