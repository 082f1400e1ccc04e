package portal

import (
	"context"
	"net/http"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/organisasjon"
)

// Login levels: to look around, and to change what decides where søknader go and
// who may fetch them. The latter is what the APIs want too.
const (
	nivaSe    = 3
	nivaEndre = 4
)

// Routes are the pages, each with its row of the authorisation table.
func (p *Portal) Routes() []auth.Route {
	var (
		alle    = auth.Tilgang{Slag: auth.Anonym | auth.Person, Merknad: "side; åpen"}
		logginn = auth.Tilgang{Slag: auth.Anonym, Merknad: "side; åpen"}
		person  = auth.Tilgang{Slag: auth.Person, Niva: nivaSe, Merknad: "side; viser bare organisasjoner der personen er ADMIN"}
		se      = auth.Tilgang{Slag: auth.Person, Niva: nivaSe, Privilegium: auth.Admin, Ressurs: p.orgRessurs, Merknad: "side; 404 for andre"}
		endre   = auth.Tilgang{Slag: auth.Person, Niva: nivaEndre, Privilegium: auth.Admin, Ressurs: p.orgRessurs, Merknad: "side; 404 for andre"}
		fil     = auth.Tilgang{Slag: auth.Anonym, Merknad: "filer til sidene; åpen"}
	)
	const org = "/forvaltning/{orgId}"
	return []auth.Route{
		{Pattern: "GET /statisk/{digest}/{fil}", Tilgang: fil, Handler: p.statisk.hent},
		{Pattern: "GET /favicon.ico", Tilgang: fil, Handler: p.statisk.ikon},

		p.rute("GET /", alle, p.hjem),
		p.rute("GET /om", alle, p.om),
		p.rute("GET /logg-inn", logginn, p.visLogginn),
		p.rute("GET /logg-inn/start", logginn, p.startLogginn),
		p.rute("GET /logg-inn/svar", logginn, p.svarLogginn),
		p.rute("POST /logg-ut", alle, p.loggUt(false)),
		p.rute("POST /logg-ut/alle", alle, p.loggUt(true)),
		p.rute("GET /logget-ut", logginn, p.loggetUt),
		p.rute("POST /sesjon", auth.Tilgang{Slag: auth.Person, Merknad: "forlenger innloggingen"}, p.forleng),

		p.rute("GET /forvaltning", person, p.velgOrg),
		p.rute("GET "+org, se, p.orgForside),
		p.rute("GET "+org+"/tjenester", se, p.visTjenester),
		p.rute("POST "+org+"/tjenester", endre, p.taIBruk),

		p.rute("GET "+org+"/digisos", endre, p.visDigisos),
		p.rute("GET "+org+"/digisos/veiviser/{steg}", endre, p.visSteg),
		p.rute("POST "+org+"/digisos/veiviser/{steg}", endre, p.lagreSteg),
		p.rute("GET "+org+"/digisos/ferdig", endre, p.digisosFerdig),
		p.rute("GET "+org+"/digisos/endre/{steg}", endre, p.visEndring),
		p.rute("POST "+org+"/digisos/endre/{steg}", endre, p.lagreEndring),
		p.rute("GET "+org+"/digisos/stenging", endre, p.visStenging),
		p.rute("POST "+org+"/digisos/stenging", endre, p.lagreStenging),

		p.rute("GET "+org+"/integrasjoner", endre, p.visIntegrasjoner),
		p.rute("GET "+org+"/integrasjoner/ny", endre, p.visNyIntegrasjon),
		p.rute("POST "+org+"/integrasjoner/ny", endre, p.opprettIntegrasjon),
		p.rute("GET "+org+"/integrasjoner/{id}", endre, p.visIntegrasjon),
		p.rute("POST "+org+"/integrasjoner/{id}", endre, p.endreTilganger),
		p.rute("GET "+org+"/integrasjoner/{id}/passord", endre, p.visNyttPassord),
		p.rute("POST "+org+"/integrasjoner/{id}/passord", endre, p.lagPassord),
		p.rute("GET "+org+"/integrasjoner/{id}/slett", endre, p.visSlett),
		p.rute("POST "+org+"/integrasjoner/{id}/slett", endre, p.slettIntegrasjon),

		// What is not there is told on a page too.
		p.rute("* /forvaltning/{rest...}", alle, ikkeFunnet),
	}
}

// orgRessurs is the organisation in the path. To whoever does not administer it,
// it does not exist: ids that are guessed teach nothing.
func (p *Portal) orgRessurs(ctx context.Context, r *http.Request) (string, error) {
	id := r.PathValue("orgId")
	ok, err := p.Organisasjon.Har(ctx, auth.From(ctx).Fnr, auth.Admin, id)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", feil.Ny(feil.IkkeFunnet, "Siden finnes ikke")
	}
	return id, nil
}

// org is the organisation of a page; feil.IkkeFunnet.
func (p *Portal) org(r *http.Request) (organisasjon.Organisasjon, error) {
	return p.Organisasjon.Organisasjon(r.Context(), r.PathValue("orgId"))
}

// forleng tells the page's script how long the login lasts from now on.
func (p *Portal) forleng(w http.ResponseWriter, r *http.Request) error {
	s, _, err := p.sesjon(r)
	if err != nil {
		return err
	}
	if err := p.ror(r.Context(), s); err != nil { // also within the minute
		return err
	}
	s.sist = p.ur.Now()
	return httpx.JSON(w, http.StatusOK, struct {
		Gjenstaar int `json:"gjenstaar"` // seconds
	}{int(s.slutt().Sub(s.sist).Seconds())})
}
