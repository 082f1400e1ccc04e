// Package utvikler is the pages for developers: what a sandbox has, tokens, keys,
// the trace of messages, faults and the clock. It exists only in a sandbox, where
// nothing is worth hiding, and all pages are open.
package utvikler

import (
	"context"
	"embed"
	"net/http"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/portal"
)

//go:embed maler/*.html tekster/*/*.json
var innhold embed.FS

// Del is what these pages bring to the base.
func Del() portal.Del {
	return portal.Del{Innhold: innhold, Kort: []portal.Kort{
		{Tittel: "hjem.utvikler", Om: "hjem.utvikler.om", Lenke: "hjem.utvikler.aapne", URL: "/utvikler"}}}
}

// Sandkasse is what the pages show and do.
type Sandkasse interface {
	// Beskrivelse is the same at each call.
	Beskrivelse() Beskrivelse
	// Maskinporten and IDPorten issue tokens; feil.Ugyldig tells what cannot be.
	Maskinporten(orgnr, scope string) (string, error)
	IDPorten(pid, acr, orgnr string) (string, error)
	// Siste are the newest messages, newest first, with what happened to each.
	Siste(ctx context.Context) ([]Melding, error)
	Klokke() time.Time
	// Frem moves the clock; what falls due on the way has been done when it returns.
	Frem(ctx context.Context, d time.Duration) error
	Feil() []Feil
	// LeggTilFeil takes a fault into force; feil.Ugyldig tells what is wrong with it.
	LeggTilFeil(f Feil) error
	FjernFeil()
}

// Beskrivelse is what sandbox.json says.
type Beskrivelse struct {
	BaseURL, AMQP, AMQPS, CA string
	Maskinporten, IDPorten   string // issuers
	NAV                      Integrasjon
	Kommuner                 []Kommune
	Personer                 []Person
}

// Integrasjon is what a machine logs in with.
type Integrasjon struct{ Orgnr, ID, Passord string }

// Kommune is a municipality with its fagsystem. Paths are in the data folder.
type Kommune struct {
	Nummer, Navn, OrgID, Orgnr, Kanal string
	Fagsystem                         Integrasjon
	KontoID, Nokkel, Sertifikat       string
}

// Person is one of the synthetic people.
type Person struct{ Fnr, Navn, Rolle string }

// Melding is something that is or was to be delivered.
type Melding struct {
	ID, Kilde, Tilstand, Kanal, Neste string
	Spor                              string // path of its trace
	Endret                            time.Time
	Alarm                             bool
}

// Feil is a fault in force: which calls it strikes, and how (the sandbox's contract).
type Feil struct {
	Sti, Metode, Virkning   string
	Status, Antall, Prosent int
	Slag                    int64 // how often it has struck
}

// Utvikler is the pages, on their base.
type Utvikler struct {
	*portal.Portal
	s Sandkasse
}

// New makes the pages. The base must have been made with Del.
func New(p *portal.Portal, s Sandkasse) *Utvikler { return &Utvikler{p, s} }

// Routes are the pages.
func (u *Utvikler) Routes() []auth.Route {
	alle := auth.Tilgang{Slag: auth.Anonym | auth.Person, Merknad: "side; åpen, kun i sandkassen"}
	return []auth.Route{
		u.Rute("GET /utvikler", alle, u.oversikt),
		u.Rute("GET /utvikler/token", alle, u.visToken),
		u.Rute("POST /utvikler/token", alle, u.lagToken),
		u.Rute("GET /utvikler/nokler", alle, u.visNokler),
		u.Rute("POST /utvikler/nokler", alle, u.lagNokkel),
		u.Rute("GET /utvikler/meldinger", alle, u.meldinger),
		u.Rute("GET /utvikler/feil", alle, u.visFeil),
		u.Rute("POST /utvikler/feil", alle, u.endreFeil),
		u.Rute("GET /utvikler/klokke", alle, u.visKlokke),
		u.Rute("POST /utvikler/klokke", alle, u.stillKlokke),
		u.Rute("* /utvikler/{rest...}", alle, portal.IkkeFunnet),
	}
}

var meny = []struct{ sti, tekst string }{
	{"/utvikler", "utv.oversikt"}, {"/utvikler/token", "utv.token"}, {"/utvikler/nokler", "utv.nokler"},
	{"/utvikler/meldinger", "utv.meldinger"}, {"/utvikler/feil", "utv.feil"}, {"/utvikler/klokke", "utv.klokke"},
}

// oppfrisk is how often the live page is loaded without scripts, in seconds.
const oppfrisk = 10

// vis answers with one of the pages.
func (u *Utvikler) vis(w http.ResponseWriter, r *http.Request, status int, navn, tittel string, feilene []portal.Lenke, data map[string]any) error {
	t := u.Tolk(r)
	s := portal.Side{Tittel: t(tittel), Feil: feilene, Data: data}
	if navn == "utvmeldinger" {
		s.Oppfrisk = oppfrisk
	}
	for _, m := range meny {
		s.Meny = append(s.Meny, portal.Fane{Tekst: t(m.tekst), URL: m.sti, Valgt: m.sti == r.URL.Path})
	}
	return u.Vis(w, r, status, navn, s)
}

// oversikt tells what there is, with the calls to begin with.
func (u *Utvikler) oversikt(w http.ResponseWriter, r *http.Request) error {
	t, b := u.Tolk(r), u.s.Beskrivelse()
	kommuner := portal.Tabell{Merke: t("utv.kommuner.tabell"), Kolonner: []string{t("utv.kommune"), t("utv.kanal"), "fiksOrgId", "fiksIOKontoId", "IntegrasjonId", "IntegrasjonPassord", t("utv.nokkelfil")}}
	for _, k := range b.Kommuner {
		kommuner.Rader = append(kommuner.Rader, []portal.Celle{{Tekst: k.Nummer + " " + k.Navn}, {Tekst: k.Kanal}, kode(k.OrgID), kode(k.KontoID),
			kode(k.Fagsystem.ID), kode(k.Fagsystem.Passord), kode(k.Nokkel)})
	}
	personer := portal.Tabell{Merke: t("utv.personer.tabell"), Kolonner: []string{t("utv.navn"), t("utv.fnr"), t("utv.rolle")}}
	for _, p := range b.Personer {
		personer.Rader = append(personer.Rader, []portal.Celle{{Tekst: p.Navn}, kode(p.Fnr), {Tekst: p.Rolle}})
	}
	return u.vis(w, r, http.StatusOK, "utvikler", "utv.tittel", nil, map[string]any{"B": b, "Kommuner": kommuner, "Personer": personer, "Kall": kall(t, b)})
}

func kode(s string) portal.Celle { return portal.Celle{Tekst: s, Kode: true} }

// kallet is a call that can be pasted into a terminal.
type kallet struct{ Tekst, Linjer string }

func kall(t portal.Tolk, b Beskrivelse) []kallet {
	integrasjon := func(i Integrasjon, token string) string {
		return " \\\n  -H \"Authorization: Bearer $(curl -s '" + b.BaseURL + token + "')\" \\\n  -H 'IntegrasjonId: " + i.ID + "' -H 'IntegrasjonPassord: " + i.Passord + "'"
	}
	k, p := b.Kommuner[0], b.Personer[0]
	return []kallet{
		{t("utv.kall.kommuner"), "curl -s " + b.BaseURL + "/digisos/api/v1/nav/kommuner" + integrasjon(b.NAV, "/sandbox/token/maskinporten?orgno="+b.NAV.Orgnr)},
		{t("utv.kall.saker", "navn", p.Navn), "curl -s " + b.BaseURL + "/digisos/api/v1/soknader/soknader" + integrasjon(b.NAV, "/sandbox/token/idporten?pid="+p.Fnr+"&orgno="+b.NAV.Orgnr)},
		{t("utv.kall.konto", "kommune", k.Navn), "curl -s " + b.BaseURL + "/fiks-io/api/v1/kontoer/" + k.KontoID + integrasjon(k.Fagsystem, "/sandbox/token/maskinporten?orgno="+k.Fagsystem.Orgnr)},
		{t("utv.kall.klokke"), "curl -s " + b.BaseURL + "/sandbox/clock -d '{\"advance\": \"48h\"}'"},
		{t("utv.kall.feil"), "curl -s " + b.BaseURL + "/sandbox/faults -d '{\"path\": \"^/digisos/\", \"probability\": 0.5, \"effect\": \"status\", \"status\": 503}'\ncurl -s -X DELETE " + b.BaseURL + "/sandbox/faults"},
	}
}
