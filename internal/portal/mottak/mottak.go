// Package mottak is the pages of the people in a municipality who receive: what waits to
// be fetched by hand, and the reconciliation of what was sent to their offices (web
// contract §3.4, Bekymringsmelding contract §8 and §12).
//
// Nothing that a report says is on a page: it is in the PDF alone. What is not the
// person's looks the same as what does not exist.
package mottak

import (
	"embed"
	"net/http"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/portal"
)

//go:embed maler/*.html tekster/*/*.json
var innhold embed.FS

// utkastAvstemt is the receipt of what was told to be registered.
const utkastAvstemt = "mottak.avstemt"

// kvitteringstid is how long such a receipt can be looked at.
const kvitteringstid = 24 * time.Hour

// Del is what these pages bring to the base.
func Del() portal.Del {
	return portal.Del{Innhold: innhold,
		Kort:      []portal.Kort{{Tittel: "mottak.kort", Om: "mottak.kort.om", Lenke: "mottak.kort.aapne", URL: "/mottak", Innlogging: true}},
		Utkasttid: map[string]time.Duration{utkastAvstemt: kvitteringstid}}
}

// Deps are what the pages stand on. All are required.
type Deps struct {
	Melding *bekymringsmelding.Service
	// Avstemming are the services whose offices reconcile here, in the order in which
	// they are shown.
	Avstemming []Avstemming
}

// Mottak is the pages, on their base.
type Mottak struct {
	*portal.Portal
	Deps
}

// New makes the pages. The base must have been made with Del.
func New(p *portal.Portal, d Deps) *Mottak { return &Mottak{p, d} }

const (
	// niva is the login level of whoever receives.
	niva = 4
	// advarselEtter is how long a report waits before the page warns.
	advarselEtter = 2 * time.Hour
	// maksOpplasting bounds a list of ids, in bytes: a file, or as it is pasted.
	maksOpplasting = 1 << 20
)

// Routes are the pages.
func (m *Mottak) Routes() []auth.Route {
	egne := auth.Tilgang{Slag: auth.Person, Niva: niva, Merknad: "side; bare kontorer der BEKYMRINGSMELDING_MOTTAK er gitt på bydelen selv; andres finnes ikke"}
	av := auth.Tilgang{Slag: auth.Person, Niva: niva, Merknad: "side; bare den innloggedes egne kontorer; andres finnes ikke"}
	const melding, enhet = "/mottak/meldinger/{id}", "/mottak/avstemming/{enhet}"
	return []auth.Route{
		m.Rute("GET /mottak", egne, m.innboks),
		m.Rute("GET /mottak/hentet", egne, m.hentet),
		m.Rute("GET "+melding, egne, m.visMelding),
		m.Rute("GET "+melding+"/pdf", egne, m.pdf),
		m.Rute("GET "+melding+"/bekreft", egne, m.visBekreft),
		m.Rute("POST "+melding+"/bekreft", egne, m.bekreft),
		m.Rute("GET "+melding+"/bekreftet", egne, m.visBekreftet),
		m.Rute("GET "+melding+"/brev", egne, m.visBrev),
		m.Rute("POST "+melding+"/brev", egne, m.sendBrev),
		m.Rute("GET "+melding+"/brevet", egne, m.visBrevet),

		m.Rute("GET /mottak/avstemming", av, m.visAvstemming),
		m.Rute("GET "+enhet, av, m.visEnhet),
		stor(m.Rute("POST "+enhet, av, m.registrer)),
		m.Rute("GET "+enhet+"/kvittering/{kvittering}", av, m.visAvstemt),
		m.Rute("GET "+enhet+"/avvik/{id}/lever", av, m.visLever),
		m.Rute("POST "+enhet+"/avvik/{id}/lever", av, m.lever),
		m.Rute("GET "+enhet+"/avvik/{id}/paa-vei", av, m.visPaaVei),
		m.Rute("* /mottak/{rest...}", av, portal.IkkeFunnet),
	}
}

// stor lets a page take a long list.
func stor(r auth.Route) auth.Route {
	r.MaxBody = maksOpplasting + 64<<10
	return r
}

// fanene are the three parts; her is the address of the one that is open.
func fanene(t portal.Tolk, her string) portal.Faner {
	f := portal.Faner{Merke: t("mottak.faner")}
	for _, x := range []struct{ sti, tekst string }{{"/mottak", "mottak.venter"}, {"/mottak/hentet", "mottak.hentet"}, {"/mottak/avstemming", "mottak.avstemming"}} {
		f.Faner = append(f.Faner, portal.Fane{Tekst: t(x.tekst), URL: x.sti, Valgt: x.sti == her})
	}
	return f
}

// visFane answers with one of the three parts.
func (m *Mottak) visFane(w http.ResponseWriter, r *http.Request, navn, tittel, her string, data map[string]any) error {
	t := m.Tolk(r)
	data["Faner"] = fanene(t, her)
	return m.Vis(w, r, http.StatusOK, navn, portal.Side{Tittel: t(tittel) + " – " + t("mottak.tittel"), Data: data})
}

// smuler lead back to the part, and to what is between.
func smuler(t portal.Tolk, lenker ...portal.Lenke) []portal.Lenke {
	return append([]portal.Lenke{{Tekst: t("mottak.tittel"), URL: "/mottak"}}, lenker...)
}

// typer are who wrote a report, as texts.
var typer = map[skjema.Type]string{skjema.TypePrivat: "mottak.type.privat", skjema.TypeOffentlig: "mottak.type.offentlig"}

func typetekst(t portal.Tolk, typ skjema.Type) string {
	if nokkel, kjent := typer[typ]; kjent {
		return t(nokkel)
	}
	return string(typ)
}

// kontor is an office by number and name.
func kontor(kommune, nummer, navn string) string { return navn + " (" + kommune + "-" + nummer + ")" }

// frist is when a report goes as a letter, in words.
func (m *Mottak) frist(r *http.Request, naar time.Time) string {
	spraak := m.Spraak(r)
	kl := portal.Klokkeslett(spraak, naar)
	if spraak != "en" && len(kl) == len("15.00") && kl[3:] == "00" {
		kl = kl[:2]
	}
	return m.Tolk(r)("mottak.frist", "dag", portal.Ukedag(spraak, naar), "klokka", kl)
}

// alder is how long something has been, in words.
func alder(t portal.Tolk, d time.Duration) string {
	const dogn = 24 * time.Hour
	switch {
	case d < time.Hour:
		return t("mottak.alder.na")
	case d < 2*time.Hour:
		return t("mottak.alder.time")
	case d < 2*dogn:
		return t("mottak.alder.timer", "n", int(d/time.Hour))
	}
	return t("mottak.alder.dager", "n", int(d/dogn))
}

// konflikt tells whether an error says that something else was done before.
func konflikt(err error) bool { return feil.Er(err, feil.Konflikt) }
