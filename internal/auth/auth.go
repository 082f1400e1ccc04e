// Package auth turns credentials into a Caller and decides, by one table with
// deny as default, whether the caller may use a route.
package auth

import (
	"context"
	"net/http"

	"knutepunkt/internal/httpx"
)

// Slag is the kind of a caller. The values are bits so that a rule can name several.
type Slag uint8

// The kinds of callers (auth contract §1).
const (
	Anonym            Slag = 1 << iota // no credentials at all
	Integrasjon                        // Maskinporten token + integrasjon headers
	IntegrasjonPerson                  // a citizen's ID-porten token + integrasjon headers
	Person                             // a person's ID-porten token alone
	Mottakersystem                     // SvarInn's receiving systems, by HTTP Basic (SvarUt contract §1.1)
	Avsender                           // SvarUt's senders over REST v1, by HTTP Basic (SvarUt contract §3)
)

// Caller is who makes a request, after authentication.
type Caller struct {
	Slag          Slag
	IntegrasjonID string // UUID; "" for Person and Anonym
	Orgnr         string // of the token's consumer (or supplier); 9 digits
	KontoID       string // for Mottakersystem and Avsender: whose account it is
	Fnr           string // 11 digits; for IntegrasjonPerson and Person
	Niva          int    // security level of the login: 3 or 4; 0 for machines
	ClientID      string // for logs only, never for control
	Scope         []string
}

// Aktor is the caller's name in the authorisation model: the integrasjon's UUID,
// or the person's fødselsnummer (never log it).
func (c Caller) Aktor() string {
	if c.Slag == Person {
		return c.Fnr
	}
	return c.IntegrasjonID
}

// From gives the caller that Guard put into the request's context; Anonym when there is none.
func From(ctx context.Context) Caller {
	c, ok := ctx.Value(callerKey{}).(Caller)
	if !ok {
		return Caller{Slag: Anonym}
	}
	return c
}

// With returns ctx with the caller; Guard does this, and tests.
func With(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

type callerKey struct{}

// Tilgang is one row of the authorisation table: who may use a route.
type Tilgang struct {
	// Slag are the kinds of callers that may come at all.
	Slag Slag
	// Niva is the lowest login level for persons (0: any).
	Niva int
	// Privilegium that the caller's aktor must hold on Ressurs ("" = none needed
	// beyond Slag; the handler then decides by ownership, and Merknad says how).
	Privilegium string
	// Ressurs finds the ressurs on which the privilege is checked; nil: the
	// privilege must be held as a type grant or on any ressurs.
	Ressurs func(ctx context.Context, r *http.Request) (ressursID string, err error)
	// Merknad tells in words what else decides, for the printed table.
	Merknad string
}

// Route is an endpoint together with its row in the table: a route cannot be
// registered without one.
type Route struct {
	Pattern string // "POST /digisos/api/v2/soknader/{kommunenummer}/{navEksternRefId}"
	Tilgang Tilgang
	Handler httpx.Handler
	MaxBody int64 // bytes of the request's body, 413 beyond; 0: the handler bounds it
	// Innlogging finds out who calls where that is not by token; nil: the platform's own.
	Innlogging Kilde
	// Feilform shapes the body of errors where the wire has its own; nil: Fiks's error model.
	Feilform func(httpx.Feilmelding) any
	// Feilside answers errors with a page for people; nil: not a page.
	Feilside func(http.ResponseWriter, *http.Request, httpx.Feilmelding)
}

// Autentisert is what an integrasjon's id and password prove.
type Autentisert struct {
	IntegrasjonID   string
	AutorisertOrgnr string // the organisation whose token must come with it
}

// Integrasjoner is where integrations are authenticated.
type Integrasjoner interface {
	// Autentiser checks the password of a not deleted integrasjon;
	// feil.Uautentisert, one and the same for unknown id and wrong password.
	Autentiser(ctx context.Context, integrasjonID, passord string) (Autentisert, error)
}

// Autorisasjon answers who may what (auth contract §10).
type Autorisasjon interface {
	// Har tells whether aktor holds privilegium on ressurs, directly, inherited
	// from an ancestor, or by a grant on the ressurs's type. ADMIN on a ressurs
	// or an ancestor implies every privilege for persons.
	Har(ctx context.Context, aktor, privilegium, ressursID string) (bool, error)
	// HarNoen tells whether aktor holds privilegium anywhere.
	HarNoen(ctx context.Context, aktor, privilegium string) (bool, error)
}

// Privileges of this platform (the public sources name none; auth contract §10.1).
const (
	Admin               = "ADMIN"
	DigisosNAV          = "DIGISOS_NAV"              // NAV's integrasjon: send and read; type grant on TJENESTE_DIGISOS
	DigisosOppdater     = "DIGISOS_OPPDATER"         // «Kan oppdatere status og filer for Digisos-søknader»; on TJENESTE_DIGISOS of the organisation
	DokumentlagerLastOp = "DOKUMENTLAGER_LAST_OPP"   // on TJENESTE_DOKUMENTLAGER_KONTO
	FiksIOKonto         = "SVARINN_KONTO"            // send from and receive on a Fiks IO konto; on TJENESTE_SVARINN_KONTO
	SvarUtKonto         = "SVARUT_KONTO"             // send from a SvarUt konto and follow what it sent; on TJENESTE_SVARUT_KONTO
	BekymringSend       = "BEKYMRINGSMELDING_SEND"   // send reports for an organisation; on its TJENESTE_BEKYMRINGSMELDING
	BekymringSkjema     = "BEKYMRINGSMELDING_SKJEMA" // a portal's backend, which sends what persons have filled in; type grant
	BekymringMottak     = "BEKYMRINGSMELDING_MOTTAK" // fetch and reconcile the reports of a bydel; on TJENESTE_BEKYMRINGSMELDING_BYDEL
	Rot                 = "ROOT"                     // platform operator
)

// Utsteder is one trusted token issuer.
type Utsteder struct {
	Issuer string // byte for byte as in the token
	Slag   Slag   // Integrasjon for Maskinporten, Person for ID-porten
	// JWKS gives the issuer's keys: fetched over HTTP and cached in production,
	// handed over in process by the sandbox.
	JWKS KeySource
}

// KeySource finds the public key of a kid; a rate-limited refetch on unknown kid
// is its matter. ErrUkjentKid when the issuer has no such key; any other error
// means that the keys could not be had, and becomes 503.
type KeySource interface {
	Key(ctx context.Context, kid string) (any, error)
}
