// Package bekymring is the pages for those who report a concern for a child: a private
// person, or a public employee with a duty to report (contract §14, web contract §3.3).
//
// What is written lies between the steps in the base's sealed draft, bound to the person
// who is logged in, for Levetid at most. Nothing of it is in an address, a log or the
// browser's storage.
package bekymring

import (
	"embed"
	"net/http"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
)

//go:embed maler/*.html tekster/*/*.json
var innhold embed.FS

// Levetid is how long what is written waits to be gone on with, and the receipt to be
// fetched.
const Levetid = 24 * time.Hour

// The drafts of these pages. What a draft is about is the form; what a receipt is about
// is the form's key.
const (
	utkastMelding    = "bekymring"
	utkastKvittering = "bekymring.kvittering"
	utkastPDF        = "bekymring.pdf"
)

// Del is what these pages bring to the base.
func Del() portal.Del {
	return portal.Del{Innhold: innhold,
		Kort: []portal.Kort{{Tittel: "bek.kort", Om: "bek.kort.om", Lenke: "bek.kort.aapne", URL: "/bekymring"}},
		Utkasttid: map[string]time.Duration{
			utkastMelding: Levetid, utkastKvittering: Levetid, utkastPDF: Levetid,
		}}
}

// Deps are the rooms that the pages stand on. All are required.
type Deps struct {
	Melding      *bekymringsmelding.Service
	Organisasjon *organisasjon.Service
}

// Config is what an instance decides; zero values give the defaults.
type Config struct {
	Barnevernvakt string // where the number of the local one is found
	Alarmtelefon  string // the web site of 116 111
	// ForlatTil is where «Forlat siden raskt» leads: somewhere that says nothing of
	// what was open here.
	ForlatTil string
}

// Bekymring is the pages, on their base.
type Bekymring struct {
	*portal.Portal
	Deps
	cfg    Config
	sender sendere
}

// New makes the pages. The base must have been made with Del.
func New(p *portal.Portal, d Deps, cfg Config) *Bekymring {
	if cfg.Barnevernvakt == "" {
		cfg.Barnevernvakt = "https://www.barnevernvakten.no/"
	}
	if cfg.Alarmtelefon == "" {
		cfg.Alarmtelefon = "https://www.116111.no/"
	}
	if cfg.ForlatTil == "" {
		cfg.ForlatTil = "https://www.yr.no/"
	}
	return &Bekymring{Portal: p, Deps: d, cfg: cfg}
}

// niva is the login level that a reporter needs.
const niva = 4

// maksSteg bounds a step, in bytes: three long texts, each letter of which may take 12.
const maksSteg = 1 << 20

// skjemaet is one of the two forms.
type skjemaet struct {
	sti    string // the first part of its addresses, and what its draft is about
	typ    skjema.Type
	tittel string
	steg   []steg
}

// Routes are the pages. Only the steps and the receipt are a person's own; all else is
// read before login.
func (b *Bekymring) Routes() []auth.Route {
	alle := auth.Tilgang{Slag: auth.Anonym | auth.Person, Merknad: "side; åpen"}
	egen := auth.Tilgang{Slag: auth.Person, Niva: niva, Merknad: "side; den innloggedes egen melding"}
	ut := []auth.Route{
		b.Rute("GET /bekymring", alle, b.forside),
		b.Rute("GET /bekymring/forlat", alle, b.forlat),
		b.Rute("* /bekymring/{rest...}", alle, portal.IkkeFunnet),
	}
	for _, s := range []skjemaet{
		{"privat", skjema.TypePrivat, "bek.privat.tittel", privatSteg},
		{"offentlig", skjema.TypeOffentlig, "bek.offentlig.tittel", offentligSteg},
	} {
		rot := " /" + s.sti
		ut = append(ut,
			b.Rute("GET"+rot, alle, b.medSkjema(s, b.informasjon)),
			b.Rute("GET"+rot+"/kommune", alle, b.medSkjema(s, b.visKommuner)),
			b.Rute("POST"+rot+"/kommune", alle, b.medSkjema(s, b.velgKommune)),
			b.Rute("GET"+rot+"/kommune/{kommune}", alle, b.medSkjema(s, b.visBydeler)),
			b.Rute("POST"+rot+"/kommune/{kommune}", alle, b.medSkjema(s, b.velgBydel)),
			b.Rute("GET"+rot+"/til/{kommune}/{bydel}", egen, b.medSkjema(s, b.visStart)),
			b.Rute("POST"+rot+"/til/{kommune}/{bydel}", egen, b.medSkjema(s, b.start)),
			b.Rute("GET"+rot+"/steg/{steg}", egen, b.medSkjema(s, b.visSteg)),
			stor(b.Rute("POST"+rot+"/steg/{steg}", egen, b.medSkjema(s, b.lagreSteg))),
			b.Rute("GET"+rot+"/senere", egen, b.medSkjema(s, b.senere)),
			b.Rute("GET"+rot+"/slett", egen, b.medSkjema(s, b.visSlett)),
			b.Rute("POST"+rot+"/slett", egen, b.medSkjema(s, b.slett)),
			b.Rute("GET"+rot+"/slettet", alle, b.medSkjema(s, b.slettet)),
			b.Rute("GET"+rot+"/kvittering/{id}", egen, b.medSkjema(s, b.visKvittering)),
			b.Rute("POST"+rot+"/kvittering/{id}", egen, b.medSkjema(s, b.slettKvittering)),
			b.Rute("GET"+rot+"/kvittering/{id}/pdf", egen, b.medSkjema(s, b.pdf)),
			b.Rute("*"+rot+"/{rest...}", alle, portal.IkkeFunnet),
		)
	}
	return ut
}

// stor lets a page take longer texts than forms have.
func stor(r auth.Route) auth.Route {
	r.MaxBody = maksSteg
	return r
}

func (b *Bekymring) medSkjema(s skjemaet, h func(http.ResponseWriter, *http.Request, skjemaet) error) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error { return h(w, r, s) }
}

// vis answers with one of the pages; data has what all of them show too.
func (b *Bekymring) vis(w http.ResponseWriter, r *http.Request, status int, navn string, s portal.Side, data map[string]any) error {
	data["Barnevernvakt"], data["Alarmtelefon"] = b.cfg.Barnevernvakt, b.cfg.Alarmtelefon
	s.Data = data
	return b.Vis(w, r, status, navn, s)
}

// forlat ends the login and leads to somewhere that says nothing of what was open here. Who
// goes back in the browser is asked to log in; the draft waits for its person.
func (b *Bekymring) forlat(w http.ResponseWriter, r *http.Request) error {
	if err := b.Avslutt(w, r); err != nil {
		return err
	}
	return portal.Videre(w, r, b.cfg.ForlatTil)
}

// forside asks who reports: the two forms are not the same.
func (b *Bekymring) forside(w http.ResponseWriter, r *http.Request) error {
	return b.vis(w, r, http.StatusOK, "bekforside", portal.Side{Tittel: b.Tolk(r)("bek.tittel")}, map[string]any{})
}

// informasjon tells what to know before one begins, and shows the way back to what one
// has begun.
func (b *Bekymring) informasjon(w http.ResponseWriter, r *http.Request, s skjemaet) error {
	d := map[string]any{"Sti": "/" + s.sti}
	if fnr := auth.From(r.Context()).Fnr; fnr != "" {
		u, har, err := b.Utkast(r.Context(), fnr, utkastMelding, s.sti)
		if err != nil {
			return err
		}
		if har {
			d["Slettes"], d["Fortsett"] = u.Endret.Add(Levetid), "/"+s.sti+"/steg/"+seOver
		}
	}
	return b.vis(w, r, http.StatusOK, "bek"+s.sti, portal.Side{Tittel: b.Tolk(r)(s.tittel), Smuler: b.smuler(r)}, d)
}

// smuler lead back to the choice of form.
func (b *Bekymring) smuler(r *http.Request, her ...string) []portal.Lenke {
	t := b.Tolk(r)
	ut := []portal.Lenke{{Tekst: t("bek.tittel"), URL: "/bekymring"}}
	for _, h := range her {
		ut = append(ut, portal.Lenke{Tekst: h})
	}
	return ut
}
