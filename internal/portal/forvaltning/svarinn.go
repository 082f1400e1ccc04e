package forvaltning

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/svarut/svarinn"
)

// svarinnRuter are the pages of the organisation's mottakersystemer. Those of one
// are also for persons on its tab Tilganger who do not administer the organisation;
// SvarInn knows who may.
func (p *Forvaltning) svarinnRuter(org string, endre auth.Tilgang) []auth.Route {
	ett := auth.Tilgang{Slag: auth.Person, Niva: nivaEndre, Merknad: "side; de som forvalter mottakersystemet, 404 for andre"}
	s := org + "/svarinn/{id}"
	return []auth.Route{
		p.Rute("GET "+org+"/svarinn", endre, p.visMottakersystemer),
		p.Rute("GET "+org+"/svarinn/ny", endre, p.visNyttMottakersystem),
		p.Rute("POST "+org+"/svarinn/ny", endre, p.opprettMottakersystem),

		p.Rute("GET "+s, ett, p.mottakersystem(p.visMottakersystem)),
		p.Rute("GET "+s+"/tilganger", ett, p.mottakersystem(p.visTilganger)),
		p.Rute("POST "+s+"/tilganger", ett, p.mottakersystem(p.giTilgang)),
		p.Rute("GET "+s+"/tilganger/{person}/fjern", ett, p.mottakersystem(p.visFjernTilgang)),
		p.Rute("POST "+s+"/tilganger/{person}/fjern", ett, p.mottakersystem(p.fjernTilgang)),
		p.Rute("GET "+s+"/organisasjoner", ett, p.mottakersystem(p.visOrganisasjoner)),
		p.Rute("POST "+s+"/organisasjoner", ett, p.mottakersystem(p.giOrganisasjon)),
		p.Rute("GET "+s+"/organisasjoner/{rad}/fjern", ett, p.mottakersystem(p.visFjernOrganisasjon)),
		p.Rute("POST "+s+"/organisasjoner/{rad}/fjern", ett, p.mottakersystem(p.fjernOrganisasjon)),
		p.Rute("GET "+s+"/service", ett, p.mottakersystem(p.visService)),
		p.Rute("POST "+s+"/service", ett, p.mottakersystem(p.lastOppSertifikat)),
		p.Rute("GET "+s+"/service/passord", ett, p.mottakersystem(p.visServicepassord)),
		p.Rute("POST "+s+"/service/passord", ett, p.mottakersystem(p.lagServicepassord)),
		p.Rute("GET "+s+"/administrasjon", ett, p.mottakersystem(p.visAdministrasjon)),
		p.Rute("POST "+s+"/administrasjon", ett, p.mottakersystem(p.lagreAdministrasjon)),
		p.Rute("POST "+s+"/administrasjon/test", ett, p.mottakersystem(p.sendTestvarsel)),
	}
}

// nokkelvarsel is how long before a certificate expires the pages warn of it.
const nokkelvarsel = 60 * 24 * time.Hour

// system is what the pages of a mottakersystem have in common.
type system struct {
	org   organisasjon.Organisasjon
	stand svarinn.Stand
	av    auth.Caller
	admin bool // the person administers the organisation
	t     portal.Tolk
	her   string // the address of its pages, without slash
}

// mottakersystem finds the one in the path for whoever may configure it; to
// others it does not exist.
func (p *Forvaltning) mottakersystem(h func(http.ResponseWriter, *http.Request, system) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		s, err := p.finnSystem(r)
		if feil.Er(err, feil.IngenTilgang) || feil.Er(err, feil.IkkeFunnet) || err == nil && s.stand.FiksOrgID != r.PathValue("orgId") {
			return feil.Ny(feil.IkkeFunnet, "Siden finnes ikke")
		}
		if err != nil {
			return err
		}
		return h(w, r, s)
	}
}

func (p *Forvaltning) finnSystem(r *http.Request) (s system, err error) {
	ctx := r.Context()
	s.av, s.t = auth.From(ctx), p.Tolk(r)
	if s.stand, err = p.SvarInn.StandFor(ctx, s.av, r.PathValue("id")); err != nil {
		return s, err
	}
	if s.org, err = p.Organisasjon.Organisasjon(ctx, s.stand.FiksOrgID); err != nil {
		return s, err
	}
	s.her = "/forvaltning/" + s.org.ID + "/svarinn/" + s.stand.ID
	s.admin, err = p.Organisasjon.Har(ctx, s.av.Fnr, auth.Admin, s.org.ID)
	return s, err
}

// The tabs, in the order in which one sets them up (seed 002).
var svarinnFaner = []struct{ sti, tekst, steg string }{
	{"tilganger", "svarinn.tilganger", "svarinn.steg.tilganger"},
	{"organisasjoner", "svarinn.organisasjoner", "svarinn.steg.organisasjoner"},
	{"service", "svarinn.service", "svarinn.steg.service"},
	{"administrasjon", "svarinn.administrasjon", "svarinn.steg.administrasjon"},
}

// visSystem answers with a page of a mottakersystem. under is the name of a page below
// its tab.
func (p *Forvaltning) visSystem(w http.ResponseWriter, r *http.Request, s system, status int, mal, fane, under string, feilene []portal.Lenke, d map[string]any) error {
	naa := p.Klokke.Now()
	ferdig := []bool{s.stand.Personer >= 2, s.stand.Rader > 0,
		s.stand.HarPassord && s.stand.Sertifikat != nil && naa.Before(s.stand.Sertifikat.Utloper), s.stand.Varsles > 0}
	faner := portal.Faner{Merke: s.t("svarinn.faner")}
	liste := portal.Stegliste{Merke: s.t("svarinn.steg")}
	smuler := []portal.Lenke{{Tekst: s.t("meny.svarinn"), URL: "/forvaltning/" + s.org.ID + "/svarinn"}}
	if !s.admin {
		smuler[0].URL = "/forvaltning"
	}
	smuler = append(smuler, portal.Lenke{Tekst: s.stand.Navn})
	tittel := s.stand.Navn
	for i, f := range svarinnFaner {
		valgt := f.sti == fane
		if valgt {
			liste.Nr = i + 1
			tittel = s.t(f.tekst) + " – " + tittel
			if under != "" {
				smuler[1].URL = s.her + "/" + f.sti
				smuler = append(smuler, portal.Lenke{Tekst: under})
				tittel = under + " – " + tittel
			}
		}
		faner.Faner = append(faner.Faner, portal.Fane{Tekst: s.t(f.tekst), URL: s.her + "/" + f.sti, Valgt: valgt})
		liste.Steg = append(liste.Steg, portal.Stegpunkt{Tekst: s.t(f.steg), Ferdig: ferdig[i], Her: valgt})
	}
	d["Navn"], d["Faner"], d["Stegliste"], d["Her"], d["Fane"] = s.stand.Navn, faner, liste, s.her, s.her+"/"+fane
	if s.stand.Forfalt > 0 {
		d["Forfalt"] = forfaltTekst(s.t, s.stand.Forfalt)
	}
	return p.visOrg(w, r, status, mal, orgside{Tittel: tittel, Org: &s.org, Gjest: !s.admin, Aktiv: "svarinn", Smuler: smuler, Feil: feilene, Data: d})
}

func forfaltTekst(t portal.Tolk, n int) string {
	if n == 1 {
		return t("svarinn.forfalt.en")
	}
	return t("svarinn.forfalt", "n", n)
}

// mangler tells what is not in place, or needs somebody; alvorlig when post stops
// meanwhile.
func (p *Forvaltning) mangler(r *http.Request, t portal.Tolk, st svarinn.Stand) (ut []string, alvorlig bool) {
	naa := p.Klokke.Now()
	si := func(naar, stopper bool, tekst string) {
		if naar {
			ut, alvorlig = append(ut, tekst), alvorlig || stopper
		}
	}
	c := st.Sertifikat
	si(st.Forfalt > 0, true, forfaltTekst(t, st.Forfalt))
	si(c == nil, true, t("svarinn.mangler.nokkel"))
	si(c != nil && !naa.Before(utloper(c)), true, t("svarinn.mangler.utlopt"))
	si(c != nil && naa.Before(utloper(c)) && utloper(c).Sub(naa) < nokkelvarsel, false,
		t("svarinn.mangler.utloper", "dato", portal.Dato(p.Spraak(r), utloper(c))))
	si(!st.HarPassord, true, t("svarinn.mangler.passord"))
	si(st.Rader == 0, true, t("svarinn.mangler.organisasjoner"))
	si(st.Varsles == 0, false, t("svarinn.mangler.varsling"))
	si(st.Personer < 2, false, t("svarinn.mangler.personer"))
	return ut, alvorlig
}

// utloper is when a certificate expires; the zero time for none.
func utloper(c *svarinn.Sertifikat) time.Time {
	if c == nil {
		return time.Time{}
	}
	return c.Utloper
}

// visMottakersystemer lists those of the organisation.
func (p *Forvaltning) visMottakersystemer(w http.ResponseWriter, r *http.Request) error {
	org, err := p.org(r)
	if err != nil {
		return err
	}
	t := p.Tolk(r)
	alle, err := p.SvarInn.Stand(r.Context(), org.ID)
	if err != nil {
		return err
	}
	tab := portal.Tabell{Merke: t("svarinn.tabell"), Kolonner: []string{t("svarinn.system"), t("svarinn.varsler"), t("svarinn.mangler")}}
	for _, st := range alle {
		mangler, alvorlig := p.mangler(r, t, st)
		varsler := portal.Celle{Tekst: t("svarinn.varsler.ingen"), Farge: "success"}
		switch {
		case len(mangler) == 1:
			varsler = portal.Celle{Tekst: t("svarinn.varsler.en"), Farge: "warning"}
		case len(mangler) > 1:
			varsler = portal.Celle{Tekst: t("svarinn.varsler.flere", "n", len(mangler)), Farge: "warning"}
		}
		if alvorlig {
			varsler.Farge = "danger"
		}
		tab.Rader = append(tab.Rader, []portal.Celle{{Tekst: st.Navn, URL: "/forvaltning/" + org.ID + "/svarinn/" + st.ID + "/tilganger"},
			varsler, {Tekst: strings.Join(mangler, ". ")}})
	}
	return p.visOrg(w, r, http.StatusOK, "svarinn", orgside{Tittel: t("meny.svarinn"), Org: &org, Aktiv: "svarinn",
		Data: map[string]any{"OrgID": org.ID, "Tabell": tab}})
}

func nyttSystemFelt() []portal.Feltdef {
	return []portal.Feltdef{
		{Navn: "navn", Etikett: "svarinn.navn", Hjelp: "svarinn.navn.hjelp", Maks: 200, Bredde: "middels", Mangler: "svarinn.navn.mangler", Sjekk: sjekkTegn},
		{Navn: "person", Etikett: "svarinn.dittnavn", Hjelp: "svarinn.dittnavn.hjelp", Maks: 200, Bredde: "middels", Mangler: "svarinn.dittnavn.mangler", Sjekk: sjekkTegn},
	}
}

// sjekkTegn refuses what does not show: names are seen, and said.
func sjekkTegn(s string) (string, []any) {
	for _, c := range s {
		if c < ' ' || c >= 0x7f && c < 0xa0 {
			return "svarinn.tegn", nil
		}
	}
	return "", nil
}

func (p *Forvaltning) visNyttMottakersystem(w http.ResponseWriter, r *http.Request) error {
	org, err := p.org(r)
	if err != nil {
		return err
	}
	felt, err := p.Gjenopprettet(r)
	if err != nil {
		return err
	}
	id, gjenopprettet := uuid.NewString(), felt != nil
	if gjenopprettet {
		id = felt.Get("id")
	} else {
		navn, err := p.registrertNavn(r.Context(), org.ID, auth.From(r.Context()).Fnr)
		if err != nil {
			return err
		}
		felt = url.Values{"person": {navn}}
	}
	return p.visNyttSystem(w, r, org, http.StatusOK, portal.LesSkjema(p.Tolk(r), nyttSystemFelt(), felt, false), id, gjenopprettet)
}

// registrertNavn is what the organisation knows a person as; "" for nobody. The
// login itself gives no name.
func (p *Forvaltning) registrertNavn(ctx context.Context, orgID, fnr string) (string, error) {
	ps, err := p.Organisasjon.Personer(ctx, []string{orgID}, []string{fnr})
	if err != nil || len(ps) == 0 {
		return "", err
	}
	return ps[0].Navn, nil
}

func (p *Forvaltning) visNyttSystem(w http.ResponseWriter, r *http.Request, org organisasjon.Organisasjon, status int, s portal.Skjema, id string, gjenopprettet bool) error {
	t := p.Tolk(r)
	her := "/forvaltning/" + org.ID + "/svarinn"
	return p.visOrg(w, r, status, "svarinnny", orgside{Tittel: t("svarinn.ny"), Org: &org, Aktiv: "svarinn", Feil: s.Feil,
		Smuler: []portal.Lenke{{Tekst: t("meny.svarinn"), URL: her}, {Tekst: t("svarinn.ny")}},
		Data:   map[string]any{"Skjema": s, "ID": id, "Avbryt": her, "Gjenopprettet": gjenopprettet}})
}

// opprettMottakersystem makes one, whose first administrator is the person. The
// form brings the id: sent twice, it makes one.
func (p *Forvaltning) opprettMottakersystem(w http.ResponseWriter, r *http.Request) error {
	org, err := p.org(r)
	if err != nil {
		return err
	}
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	ctx, t, id := r.Context(), p.Tolk(r), r.PostForm.Get("id")
	if u, err := uuid.Parse(id); err != nil || u.String() != id {
		return feil.Ny(feil.Ugyldig, "Skjemaet mangler en id")
	}
	felt := portal.Rens(nyttSystemFelt(), r.PostForm)
	s := portal.LesSkjema(t, nyttSystemFelt(), felt, true)
	if len(s.Feil) == 0 {
		_, err = p.SvarInn.OpprettEget(ctx, auth.From(ctx), svarinn.Ny{ID: id, FiksOrgID: org.ID, Navn: felt.Get("navn"),
			Person: svarinn.Person{Navn: felt.Get("person")}})
		switch {
		case feil.Er(err, feil.Konflikt):
			if m, errM := p.SvarInn.Mottakersystem(ctx, id); errM == nil && m.FiksOrgID == org.ID {
				return portal.Videre(w, r, "/forvaltning/"+org.ID+"/svarinn/"+id+"/tilganger") // sent twice
			}
			s.FeilPaa("navn", t("svarinn.navn.tatt"))
		case feil.Er(err, feil.Ugyldig):
			portal.Noter(r, err)
			s.FeilPaa("navn", t("svarinn.tegn"))
		case err != nil:
			return err
		}
	}
	if len(s.Feil) > 0 {
		return p.visNyttSystem(w, r, org, http.StatusUnprocessableEntity, s, id, false)
	}
	return portal.Videre(w, r, "/forvaltning/"+org.ID+"/svarinn/"+id+"/tilganger?ny=1")
}

func (p *Forvaltning) visMottakersystem(w http.ResponseWriter, r *http.Request, s system) error {
	return portal.Videre(w, r, s.her+"/tilganger")
}

// svarinnVarsel warns when no mottakersystem takes søknader to an org.nr.; "" when
// one does.
func (p *Forvaltning) svarinnVarsel(ctx context.Context, t portal.Tolk, orgnr string) (string, error) {
	if nokkel, _ := portal.SjekkOrgnr(orgnr); nokkel != "" {
		return "", nil // the form says what is wrong
	}
	rs, err := p.SvarInn.Mottakersystemer(ctx, orgnr, digisosType, digisosNiva)
	if err != nil || len(rs) > 0 {
		return "", err
	}
	return t("digisos.svarinn.ukjent", "orgnr", orgnr), nil
}
