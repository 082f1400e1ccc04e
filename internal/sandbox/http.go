package sandbox

import (
	_ "embed"
	"html/template"
	"net/http"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/svarut/print"
)

// routes are the sandbox's own endpoints; the issuers have theirs. All are open:
// a sandbox holds nothing of worth.
func (s *Sandbox) routes() []auth.Route {
	alle := auth.Tilgang{Slag: auth.Anonym, Merknad: "kun i sandkassen"}
	var routes []auth.Route
	for _, r := range []struct {
		pattern string
		h       httpx.Handler
	}{
		{"GET /sandbox", s.oversikt},
		{"GET /sandbox/clock", s.hentKlokke},
		{"POST /sandbox/clock", s.stillKlokke},
		{"GET /sandbox/faults", s.hentFeil},
		{"POST /sandbox/faults", s.leggTilFeil},
		{"DELETE /sandbox/faults", s.fjernFeil},
		{"GET /sandbox/mail", s.hentMail},
		{"GET /sandbox/spor/{digisosId}", s.spor},
		{"GET /sandbox/print", s.hentPrint},
		{"POST /sandbox/print/{id}/levert", s.kvitterPrint(print.Levert)},
		{"POST /sandbox/print/{id}/avvist", s.kvitterPrint(print.Avvist)},
	} {
		routes = append(routes, auth.Route{Pattern: r.pattern, Tilgang: alle, Handler: r.h, MaxBody: maksSandkasseJSON})
	}
	return routes
}

type epost struct {
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	From    string    `json:"from"`
	To      []string  `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
}

func (s *Sandbox) hentMail(w http.ResponseWriter, r *http.Request) error {
	alle, err := s.epost.Alle(r.Context())
	if err != nil {
		return err
	}
	ut := []epost{}
	for _, m := range alle {
		ut = append(ut, epost{m.ID, m.Time, m.From, append([]string{}, m.To...), m.Subject, m.Text})
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

//go:embed oversikt.html
var oversiktHTML string

var oversiktSide = template.Must(template.New("oversikt").Parse(oversiktHTML))

// oversikt is a page with all that one needs to begin.
func (s *Sandbox) oversikt(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	return oversiktSide.Execute(w, s.beskrivelse)
}
