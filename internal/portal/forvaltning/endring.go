package forvaltning

import (
	"net/http"

	"knutepunkt/internal/digisos"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
)

// endring is a page that changes a part of what is set up.
type endring struct {
	org     organisasjon.Organisasjon
	t       portal.Tolk
	naa     digisos.KommuneKonfigurasjon
	versjon string
	steg    steg
	faner   *portal.Faner // where the page is one of them
}

// enAvStegene is the page for one of the wizard's steps.
func (p *Forvaltning) enAvStegene(r *http.Request, e *endring) error {
	alle, err := p.digisosSteg(r, e.t, e.org.ID, e.naa.FiksIOKontoID)
	if err != nil {
		return err
	}
	i, err := finnSteg(alle, r.PathValue("steg"))
	if err == nil {
		e.steg = alle[i]
	}
	return err
}

// stenging is the page where reception is closed for a while.
func (p *Forvaltning) stenging(_ *http.Request, e *endring) error {
	valg := func(aapent, stengt string) []portal.Valg {
		return []portal.Valg{{Verdi: "nei", Etikett: e.t(aapent)}, {Verdi: "ja", Etikett: e.t(stengt)}}
	}
	e.steg = steg{"stenging", "stenging.tittel", "stenging.om", []portal.Feltdef{
		{Navn: "stengtmottak", Etikett: "stenging.mottak", Hjelp: "stenging.mottak.hjelp", Slag: "valg",
			Valg: valg("stenging.mottak.aapent", "stenging.mottak.stengt"), Mangler: "stenging.mottak.mangler"},
		{Navn: "stengtoppdateringer", Etikett: "stenging.oppdatering", Hjelp: "stenging.oppdatering.hjelp", Slag: "valg",
			Valg: valg("stenging.oppdatering.aapent", "stenging.oppdatering.stengt"), Mangler: "stenging.oppdatering.mangler"}}}
	f := digisosFaner(e.t, e.org.ID, "stenging")
	e.faner = &f
	return nil
}

func (p *Forvaltning) lesEndring(r *http.Request, finn func(*http.Request, *endring) error) (e endring, err error) {
	if e.org, e.t, err = p.kommune(r); err != nil {
		return e, err
	}
	if e.naa, e.versjon, err = p.Digisos.KonfigurasjonMedVersjon(r.Context(), e.org.ID); err != nil {
		return e, err
	}
	return e, finn(r, &e)
}

func (p *Forvaltning) visEndring(w http.ResponseWriter, r *http.Request) error {
	return p.visEndringAv(w, r, p.enAvStegene)
}
func (p *Forvaltning) lagreEndring(w http.ResponseWriter, r *http.Request) error {
	return p.lagreEndringAv(w, r, p.enAvStegene)
}
func (p *Forvaltning) visStenging(w http.ResponseWriter, r *http.Request) error {
	return p.visEndringAv(w, r, p.stenging)
}
func (p *Forvaltning) lagreStenging(w http.ResponseWriter, r *http.Request) error {
	return p.lagreEndringAv(w, r, p.stenging)
}

// visEndringAv shows the page with what is stored.
func (p *Forvaltning) visEndringAv(w http.ResponseWriter, r *http.Request, finn func(*http.Request, *endring) error) error {
	e, err := p.lesEndring(r, finn)
	if err != nil {
		return err
	}
	felt, err := p.Gjenopprettet(r)
	if err != nil {
		return err
	}
	var m []portal.Melding
	if felt != nil {
		m = append(m, portal.Melding{Farge: "info", Tekst: e.t("skjema.gjenopprettet"), Status: true})
		e.versjon = felt.Get("versjon") // as it was then
	} else {
		felt = tilFelt(e.naa)
	}
	return p.visEndringsside(w, r, e, http.StatusOK, portal.LesSkjema(e.t, e.steg.felt, felt, false), m)
}

// lagreEndringAv stores the page's fields, unless somebody has changed what they
// belong to since the page was shown: then it is shown anew with what was filled
// in, beside what is stored.
func (p *Forvaltning) lagreEndringAv(w http.ResponseWriter, r *http.Request, finn func(*http.Request, *endring) error) error {
	e, err := p.lesEndring(r, finn)
	if err != nil {
		return err
	}
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	versjon := r.PostForm.Get("versjon")
	if versjon == "" {
		versjon = "ingen" // a version nothing has
	}
	felt := portal.Rens(e.steg.felt, r.PostForm)
	s := portal.LesSkjema(e.t, e.steg.felt, felt, true)
	if len(s.Feil) > 0 {
		e.versjon = versjon
		return p.visEndringsside(w, r, e, http.StatusUnprocessableEntity, s, nil)
	}
	err = p.Digisos.EndreKonfigurasjonFra(r.Context(), e.org.ID, versjon, fraFelt(e.naa, felt))
	switch {
	case feil.Er(err, feil.Konflikt):
		// Read again: what is shown, and its version, are those of now.
		if e, err = p.lesEndring(r, finn); err != nil {
			return err
		}
		return p.visEndringsside(w, r, e, http.StatusConflict, s, []portal.Melding{{Farge: "warning", Tittel: e.t("konflikt.tittel"), Tekst: e.t("konflikt"), Status: true}})
	case feil.Er(err, feil.Ugyldig):
		portal.Noter(r, err)
		s.Feil = []portal.Lenke{avvist(e.t, e.org.ID, err)}
		e.versjon = versjon
		return p.visEndringsside(w, r, e, http.StatusUnprocessableEntity, s, nil)
	case err != nil:
		return err
	}
	return portal.Videre(w, r, "/forvaltning/"+e.org.ID+"/digisos?lagret=1")
}

func (p *Forvaltning) visEndringsside(w http.ResponseWriter, r *http.Request, e endring, status int, s portal.Skjema, m []portal.Melding) error {
	s.Versjon = e.versjon
	smule := e.t(e.steg.tittel)
	d := map[string]any{"Tittel": smule, "Om": e.t(e.steg.om), "Skjema": s, "Avbryt": "/forvaltning/" + e.org.ID + "/digisos", "Meldinger": m, "Faner": e.faner,
		"Kontoer": kontoermangler(e.steg, e.org.ID)}
	if status == http.StatusConflict {
		d["Lagret"] = svarene(e.t, e.steg, tilFelt(e.naa), "")
	}
	return p.visOrg(w, r, status, "endring", orgside{Tittel: smule, Org: &e.org, Aktiv: "tjenester", Feil: s.Feil,
		Smuler: digisosSmuler(e.t, e.org.ID, smule), Data: d})
}
