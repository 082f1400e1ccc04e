package forvaltning

import (
	"context"
	"net/http"
	"slices"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
)

// Login levels: to look around, and to change what decides where søknader go and
// who may fetch them. The latter is what the APIs want too.
const (
	nivaSe    = 3
	nivaEndre = 4
)

// Routes are the pages, each with its row of the authorisation table.
func (p *Forvaltning) Routes() []auth.Route {
	var (
		alle   = auth.Tilgang{Slag: auth.Anonym | auth.Person, Merknad: "side; åpen"}
		person = auth.Tilgang{Slag: auth.Person, Niva: nivaSe, Merknad: "side; viser bare organisasjoner der personen er ADMIN"}
		se     = auth.Tilgang{Slag: auth.Person, Niva: nivaSe, Privilegium: auth.Admin, Ressurs: p.orgRessurs, Merknad: "side; 404 for andre"}
		endre  = auth.Tilgang{Slag: auth.Person, Niva: nivaEndre, Privilegium: auth.Admin, Ressurs: p.orgRessurs, Merknad: "side; 404 for andre"}
	)
	const org = "/forvaltning/{orgId}"
	ruter := []auth.Route{
		p.Rute("GET /forvaltning", person, p.velgOrg),
		p.Rute("GET "+org, se, p.orgForside),
		p.Rute("GET "+org+"/tjenester", se, p.visTjenester),
		p.Rute("POST "+org+"/tjenester", endre, p.taIBruk),

		p.Rute("GET "+org+"/digisos", endre, p.visDigisos),
		p.Rute("GET "+org+"/digisos/veiviser/{steg}", endre, p.visSteg),
		p.Rute("POST "+org+"/digisos/veiviser/{steg}", endre, p.lagreSteg),
		p.Rute("GET "+org+"/digisos/ferdig", endre, p.digisosFerdig),
		p.Rute("GET "+org+"/digisos/endre/{steg}", endre, p.visEndring),
		p.Rute("POST "+org+"/digisos/endre/{steg}", endre, p.lagreEndring),
		p.Rute("GET "+org+"/digisos/stenging", endre, p.visStenging),
		p.Rute("POST "+org+"/digisos/stenging", endre, p.lagreStenging),
		p.Rute("GET "+org+"/digisos/avstemming", endre, p.visAvstemming),
		p.Rute("POST "+org+"/digisos/avstemming", endre, p.lagreAvstemming),

		p.Rute("GET "+org+"/integrasjoner", endre, p.visIntegrasjoner),
		p.Rute("GET "+org+"/integrasjoner/ny", endre, p.visNyIntegrasjon),
		p.Rute("POST "+org+"/integrasjoner/ny", endre, p.opprettIntegrasjon),
		p.Rute("GET "+org+"/integrasjoner/{id}", endre, p.visIntegrasjon),
		p.Rute("POST "+org+"/integrasjoner/{id}", endre, p.endreTilganger),
		p.Rute("GET "+org+"/integrasjoner/{id}/endre", endre, p.visIntegrasjonsendring),
		p.Rute("POST "+org+"/integrasjoner/{id}/endre", endre, p.endreIntegrasjon),
		p.Rute("GET "+org+"/integrasjoner/{id}/passord", endre, p.visNyttPassord),
		p.Rute("POST "+org+"/integrasjoner/{id}/passord", endre, p.lagPassord),
		p.Rute("GET "+org+"/integrasjoner/{id}/slett", endre, p.visSlett),
		p.Rute("POST "+org+"/integrasjoner/{id}/slett", endre, p.slettIntegrasjon),

		// What is not there is told on a page too.
		p.Rute("* /forvaltning/{rest...}", alle, portal.IkkeFunnet),
	}
	return slices.Concat(ruter,
		p.kontoRuter(org, se, endre),
		p.brukerRuter(org, endre),
		p.avtaleRuter(org, se, endre),
		p.oppsettRuter(org, endre),
		p.provRuter(org+"/digisos/prov", endre),
		p.svarinnRuter(org, endre),
		p.bydelRuter(org+"/bekymringsmelding", endre),
	)
}

// orgRessurs is the organisation in the path. To whoever does not administer it,
// it does not exist: ids that are guessed teach nothing.
func (p *Forvaltning) orgRessurs(ctx context.Context, r *http.Request) (string, error) {
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
func (p *Forvaltning) org(r *http.Request) (organisasjon.Organisasjon, error) {
	return p.Organisasjon.Organisasjon(r.Context(), r.PathValue("orgId"))
}

// orgside is a page of Forvaltning: one of an organisation, in its navigation.
type orgside struct {
	Tittel string
	Org    *organisasjon.Organisasjon // nil on pages that come before the choice of one
	Gjest  bool                       // the person does not administer it: no navigation
	Aktiv  string                     // which entry of the navigation it belongs to
	Smuler []portal.Lenke
	Feil   []portal.Lenke // what is wrong in the form, each with the field
	// Oppfrisk as in portal.Side.
	Oppfrisk int
	Data     any
}

// meny are the entries of the navigation: the last part of the address, and the
// key of the text.
var meny = []struct{ sti, tekst string }{
	{"tjenester", "meny.tjenester"},
	{"kontoer", "meny.kontoer"},
	{"integrasjoner", "meny.integrasjoner"},
	{"svarinn", "meny.svarinn"},
	{bydelmeny, "bydel.tjeneste"},
	{"brukere", "meny.brukere"},
	{"avtaler", "meny.avtaler"},
	{"oppsett", "meny.oppsett"},
}

// visOrg answers with a page of Forvaltning.
func (p *Forvaltning) visOrg(w http.ResponseWriter, r *http.Request, status int, navn string, o orgside) error {
	s := portal.Side{Tittel: o.Tittel, Smuler: o.Smuler, Feil: o.Feil, Oppfrisk: o.Oppfrisk, Data: o.Data}
	if o.Org != nil {
		t := p.Tolk(r)
		s.Sammenheng, s.Bytt = o.Org.Navn, "/forvaltning"
		for _, m := range meny {
			if o.Gjest {
				break
			}
			if m.sti == bydelmeny && o.Org.Kommunenummer == "" {
				continue // it receives no reports
			}
			s.Meny = append(s.Meny, portal.Fane{Tekst: t(m.tekst), URL: "/forvaltning/" + o.Org.ID + "/" + m.sti, Valgt: m.sti == o.Aktiv})
		}
	}
	return p.Vis(w, r, status, navn, s)
}
