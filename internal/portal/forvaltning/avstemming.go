package forvaltning

import (
	"net/http"

	"knutepunkt/internal/digisos"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
)

// The page where a municipality turns reconciliation of Digisos on or off (decision 20).
// To reconcile is done by those who receive, at /mottak.

func (p *Forvaltning) avstemmingsfelt(t portal.Tolk) []portal.Feltdef {
	return []portal.Feltdef{{Navn: "avstemming", Etikett: "avstem.valg", Hjelp: "avstem.valg.hjelp", Slag: "valg", Valg: portal.JaNei(t, "ja", "nei"), Mangler: "avstem.mangler"}}
}

func (p *Forvaltning) lesAvstemming(r *http.Request) (org organisasjon.Organisasjon, t portal.Tolk, naa digisos.Avstemmingsoppsett, err error) {
	if org, t, err = p.kommune(r); err == nil {
		naa, err = p.Digisos.Avstemmingsoppsett(r.Context(), org.ID)
	}
	return org, t, naa, err
}

func (p *Forvaltning) visAvstemming(w http.ResponseWriter, r *http.Request) error {
	org, t, naa, err := p.lesAvstemming(r)
	if err != nil {
		return err
	}
	felt, err := p.Gjenopprettet(r)
	if err != nil {
		return err
	}
	if felt == nil {
		felt = map[string][]string{"avstemming": {map[bool]string{true: "ja", false: "nei"}[naa.Paa]}}
	}
	return p.visAvstemmingMed(w, r, org, naa, http.StatusOK, portal.LesSkjema(t, p.avstemmingsfelt(t), felt, false))
}

func (p *Forvaltning) visAvstemmingMed(w http.ResponseWriter, r *http.Request, org organisasjon.Organisasjon, naa digisos.Avstemmingsoppsett, status int, s portal.Skjema) error {
	t := p.Tolk(r)
	f := digisosFaner(t, org.ID, "avstemming")
	return p.visOrg(w, r, status, "avstem", orgside{Tittel: t("avstem.tittel"), Org: &org, Aktiv: "tjenester", Feil: s.Feil, Smuler: digisosSmuler(t, org.ID, t("avstem.tittel")),
		Data: map[string]any{"Skjema": s, "Faner": &f, "Naa": naa, "Avbryt": "/forvaltning/" + org.ID + "/digisos"}})
}

func (p *Forvaltning) lagreAvstemming(w http.ResponseWriter, r *http.Request) error {
	org, t, naa, err := p.lesAvstemming(r)
	if err != nil {
		return err
	}
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	felt := p.avstemmingsfelt(t)
	s := portal.LesSkjema(t, felt, portal.Rens(felt, r.PostForm), true)
	if len(s.Feil) > 0 {
		return p.visAvstemmingMed(w, r, org, naa, http.StatusUnprocessableEntity, s)
	}
	if _, err := p.Digisos.SettAvstemmingsoppsett(r.Context(), org.ID, digisos.Avstemmingsoppsett{Paa: r.PostForm.Get("avstemming") == "ja"}); err != nil {
		return err
	}
	return portal.Videre(w, r, "/forvaltning/"+org.ID+"/digisos?lagret=1")
}
