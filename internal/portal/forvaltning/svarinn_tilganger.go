package forvaltning

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/svarut/svarinn"
)

func tilgangFelt() []portal.Feltdef {
	return []portal.Feltdef{
		{Navn: "navn", Etikett: "svarinn.person.navn", Maks: 200, Bredde: "middels", Mangler: "svarinn.person.navn.mangler", Sjekk: sjekkTegn},
		{Navn: "fnr", Etikett: "svarinn.person.fnr", Hjelp: "svarinn.person.fnr.hjelp", Inndata: "numeric", Bredde: "kort", Mangler: "svarinn.person.fnr.mangler", Sjekk: portal.SjekkFnr},
	}
}

// kvittert is the message after something was done; nokler are by the name in the address.
func kvittert(r *http.Request, t portal.Tolk, nokler map[string]string) (ut []portal.Melding) {
	for navn, nokkel := range nokler {
		if r.URL.Query().Get(navn) != "" {
			ut = append(ut, portal.Melding{Farge: "success", Tekst: t(nokkel), Status: true})
		}
	}
	return ut
}

// lesGjenopprettet fills a form with what was filled in before the login ran out,
// and says so.
func (p *Forvaltning) lesGjenopprettet(r *http.Request, t portal.Tolk) (url.Values, []portal.Melding, error) {
	felt, err := p.Gjenopprettet(r)
	if err != nil || felt == nil {
		return nil, nil, err
	}
	return felt, []portal.Melding{{Farge: "info", Tekst: t("skjema.gjenopprettet"), Status: true}}, nil
}

func (p *Forvaltning) visTilganger(w http.ResponseWriter, r *http.Request, s system) error {
	felt, m, err := p.lesGjenopprettet(r, s.t)
	if err != nil {
		return err
	}
	m = append(m, kvittert(r, s.t, map[string]string{"ny": "svarinn.opprettet", "lagret": "svarinn.person.gitt", "fjernet": "svarinn.person.fjernet"})...)
	return p.visTilgangerMed(w, r, s, http.StatusOK, portal.LesSkjema(s.t, tilgangFelt(), felt, false), m)
}

func (p *Forvaltning) visTilgangerMed(w http.ResponseWriter, r *http.Request, s system, status int, sk portal.Skjema, m []portal.Melding) error {
	ts, err := p.SvarInn.TilgangerMedRoller(r.Context(), s.av, s.stand.ID)
	if err != nil {
		return err
	}
	tab := portal.Tabell{Merke: s.t("svarinn.person.tabell"),
		Kolonner: []string{s.t("svarinn.person.navn"), s.t("svarinn.person.fnr"), s.t("svarinn.person.laste"), s.t("svarinn.fjern")}}
	for _, x := range ts {
		kan := portal.Celle{Tekst: s.t("svarinn.laste.ja"), Farge: "success"}
		switch {
		case s.stand.Rader == 0:
			kan = portal.Celle{Tekst: s.t("svarinn.laste.ingen"), Farge: "neutral"}
		case len(x.Mangler) > 0:
			kan = portal.Celle{Tekst: s.t("svarinn.laste.mangler", "orgnr", strings.Join(x.Mangler, ", ")), Farge: "warning"}
		case x.Ukjent:
			kan = portal.Celle{Tekst: s.t("svarinn.laste.ukjent"), Farge: "neutral"}
		}
		fjern := portal.Celle{Tekst: s.t("svarinn.fjern.hva", "hva", x.Navn), URL: s.her + "/tilganger/" + x.ID + "/fjern"}
		if len(ts) == 1 {
			fjern = portal.Celle{Tekst: s.t("svarinn.fjern.siste")}
		}
		tab.Rader = append(tab.Rader, []portal.Celle{{Tekst: x.Navn}, {Tekst: maskert(x.Fnr)}, kan, fjern})
	}
	return p.visSystem(w, r, s, status, "svarinntilganger", "tilganger", "", sk.Feil,
		map[string]any{"Tabell": tab, "Skjema": sk, "Meldinger": m, "Alene": len(ts) == 1})
}

// giTilgang gives a person access; sent twice it changes nothing.
func (p *Forvaltning) giTilgang(w http.ResponseWriter, r *http.Request, s system) error {
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	felt := portal.Rens(tilgangFelt(), r.PostForm)
	sk := portal.LesSkjema(s.t, tilgangFelt(), felt, true)
	if len(sk.Feil) == 0 {
		err := p.SvarInn.GiTilgang(r.Context(), s.av, s.stand.ID, svarinn.Person{Fnr: felt.Get("fnr"), Navn: felt.Get("navn")})
		switch {
		case feil.Er(err, feil.Ugyldig):
			portal.Noter(r, err)
			sk.FeilPaa("navn", s.t("svarinn.tegn"))
		case err != nil:
			return err
		}
	}
	if len(sk.Feil) > 0 {
		return p.visTilgangerMed(w, r, s, http.StatusUnprocessableEntity, sk, nil)
	}
	return portal.Videre(w, r, s.her+"/tilganger?lagret=1")
}

// person finds who the path stands for; nobody when the access is gone already.
func (p *Forvaltning) person(r *http.Request, s system) (x svarinn.Tilgang, fins, alene bool, err error) {
	ts, err := p.SvarInn.TilgangerMedRoller(r.Context(), s.av, s.stand.ID)
	if err != nil {
		return x, false, false, err
	}
	i := slices.IndexFunc(ts, func(t svarinn.Tilgang) bool { return t.ID == r.PathValue("person") })
	if i < 0 {
		return x, false, false, nil
	}
	return ts[i], true, len(ts) == 1, nil
}

func (p *Forvaltning) visFjernTilgang(w http.ResponseWriter, r *http.Request, s system) error {
	x, fins, alene, err := p.person(r, s)
	if err != nil {
		return err
	}
	if !fins {
		return feil.Ny(feil.IkkeFunnet, "Siden finnes ikke")
	}
	return p.visFjernPerson(w, r, s, http.StatusOK, x, alene)
}

func (p *Forvaltning) visFjernPerson(w http.ResponseWriter, r *http.Request, s system, status int, x svarinn.Tilgang, alene bool) error {
	om := s.t("svarinn.person.fjern.om")
	if x.Fnr == s.av.Fnr {
		om = s.t("svarinn.person.fjern.deg")
	}
	d := map[string]any{"Sporsmal": s.t("svarinn.person.fjern.tittel", "navn", x.Navn), "Om": om, "Knapp": s.t("svarinn.person.fjern")}
	var feilene []portal.Lenke
	if alene {
		feilene, d["Knapp"] = []portal.Lenke{{Tekst: s.t("svarinn.person.siste")}}, ""
	}
	return p.visSystem(w, r, s, status, "svarinnfjern", "tilganger", s.t("svarinn.person.fjern"), feilene, d)
}

// fjernTilgang takes a person's access away. That it is gone already is no error;
// the last one's stays.
func (p *Forvaltning) fjernTilgang(w http.ResponseWriter, r *http.Request, s system) error {
	x, fins, _, err := p.person(r, s)
	if err != nil {
		return err
	}
	if fins {
		err = p.SvarInn.TrekkTilgang(r.Context(), s.av, s.stand.ID, x.Fnr)
		switch {
		case feil.Er(err, feil.Konflikt):
			return p.visFjernPerson(w, r, s, http.StatusUnprocessableEntity, x, true)
		case err != nil && !feil.Er(err, feil.IkkeFunnet):
			return err
		case x.Fnr == s.av.Fnr && !s.admin:
			return portal.Videre(w, r, "/forvaltning")
		}
	}
	return portal.Videre(w, r, s.her+"/tilganger?fjernet=1")
}
