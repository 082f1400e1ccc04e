package forvaltning

import (
	"net/http"
	"time"

	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
)

// The page where a municipality turns reconciliation of Digisos on or off (decision 20).
// To reconcile is done by those who receive, at /mottak.

func (p *Forvaltning) avstemmingsfelt(t portal.Tolk) []portal.Feltdef {
	return []portal.Feltdef{{Navn: "avstemming", Etikett: "avstem.valg", Hjelp: "avstem.valg.hjelp", Slag: "valg", Valg: portal.JaNei(t, "ja", "nei"), Mangler: "avstem.mangler"}}
}

func (p *Forvaltning) lesAvstemming(r *http.Request) (org organisasjon.Organisasjon, t portal.Tolk, fra time.Time, err error) {
	if org, t, err = p.kommune(r); err != nil {
		return org, t, fra, err
	}
	if _, _, err = p.Digisos.KonfigurasjonMedVersjon(r.Context(), org.ID); err != nil {
		return org, t, fra, err
	}
	fra, err = p.Digisos.AvstemmingAv(r.Context(), org.ID)
	return org, t, fra, err
}

func (p *Forvaltning) visAvstemming(w http.ResponseWriter, r *http.Request) error {
	org, t, fra, err := p.lesAvstemming(r)
	if err != nil {
		return err
	}
	felt, err := p.Gjenopprettet(r)
	if err != nil {
		return err
	}
	if felt == nil {
		felt = map[string][]string{"avstemming": {map[bool]string{true: "ja", false: "nei"}[!fra.IsZero()]}}
	}
	return p.visAvstemmingMed(w, r, org, fra, http.StatusOK, portal.LesSkjema(t, p.avstemmingsfelt(t), felt, false))
}

func (p *Forvaltning) visAvstemmingMed(w http.ResponseWriter, r *http.Request, org organisasjon.Organisasjon, fra time.Time, status int, s portal.Skjema) error {
	t := p.Tolk(r)
	f := digisosFaner(t, org.ID, "avstemming")
	return p.visOrg(w, r, status, "avstem", orgside{Tittel: t("avstem.tittel"), Org: &org, Aktiv: "tjenester", Feil: s.Feil, Smuler: digisosSmuler(t, org.ID, t("avstem.tittel")),
		Data: map[string]any{"Skjema": s, "Faner": &f, "Fra": fra, "Avbryt": "/forvaltning/" + org.ID + "/digisos"}})
}

func (p *Forvaltning) lagreAvstemming(w http.ResponseWriter, r *http.Request) error {
	org, t, fra, err := p.lesAvstemming(r)
	if err != nil {
		return err
	}
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	felt := p.avstemmingsfelt(t)
	s := portal.LesSkjema(t, felt, portal.Rens(felt, r.PostForm), true)
	if len(s.Feil) > 0 {
		return p.visAvstemmingMed(w, r, org, fra, http.StatusUnprocessableEntity, s)
	}
	if _, err := p.Digisos.SettAvstemming(r.Context(), org.ID, r.PostForm.Get("avstemming") == "ja"); err != nil {
		return err
	}
	return portal.Videre(w, r, "/forvaltning/"+org.ID+"/digisos?lagret=1")
}
