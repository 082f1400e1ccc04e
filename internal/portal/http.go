package portal

import (
	"net/http"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/httpx"
)

// Routes are the pages, each with its row of the authorisation table.
func (p *Portal) Routes() []auth.Route {
	var (
		alle    = auth.Tilgang{Slag: auth.Anonym | auth.Person, Merknad: "side; åpen"}
		logginn = auth.Tilgang{Slag: auth.Anonym, Merknad: "side; åpen"}
		fil     = auth.Tilgang{Slag: auth.Anonym, Merknad: "filer til sidene; åpen"}
	)
	return []auth.Route{
		{Pattern: "GET /statisk/{digest}/{fil}", Tilgang: fil, Handler: p.statisk.hent},
		{Pattern: "GET /favicon.ico", Tilgang: fil, Handler: p.statisk.ikon},

		p.Rute("GET /", alle, p.hjem),
		p.Rute("GET /om", alle, p.om),
		p.Rute("GET /logg-inn", logginn, p.visLogginn),
		p.Rute("GET /logg-inn/start", logginn, p.startLogginn),
		p.Rute("GET /logg-inn/svar", logginn, p.svarLogginn),
		p.Rute("POST /logg-ut", alle, p.loggUt(false)),
		p.Rute("POST /logg-ut/alle", alle, p.loggUt(true)),
		p.Rute("GET /logget-ut", logginn, p.loggetUt),
		p.Rute("POST /sesjon", auth.Tilgang{Slag: auth.Person, Merknad: "forlenger innloggingen"}, p.forleng),
	}
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

// Gjenstaar is how many seconds the login of a request lasts from now on, unused; 0 without one.
func (p *Portal) Gjenstaar(r *http.Request) int {
	s, levende, err := p.sesjon(r)
	if err != nil || !levende {
		return 0
	}
	s.sist = p.ur.Now() // that it is in use was noted with the request, to the minute
	return int(s.slutt().Sub(s.sist).Seconds())
}
