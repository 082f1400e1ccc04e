package portal

import (
	"net/http"

	"knutepunkt/internal/digisos"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/organisasjon"
)

// endring is a page that changes a part of what is set up.
type endring struct {
	org     organisasjon.Organisasjon
	t       tolk
	naa     digisos.KommuneKonfigurasjon
	versjon string
	steg    steg
	faner   *faner // where the page is one of them
}

// enAvStegene is the page for one of the wizard's steps.
func (p *Portal) enAvStegene(r *http.Request, e *endring) error {
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
func (p *Portal) stenging(_ *http.Request, e *endring) error {
	valg := func(aapent, stengt string) []valg {
		return []valg{{Verdi: "nei", Etikett: e.t(aapent)}, {Verdi: "ja", Etikett: e.t(stengt)}}
	}
	e.steg = steg{"stenging", "stenging.tittel", "stenging.om", []feltdef{
		{navn: "stengtmottak", etikett: "stenging.mottak", hjelp: "stenging.mottak.hjelp", slag: "valg",
			valg: valg("stenging.mottak.aapent", "stenging.mottak.stengt"), mangler: "stenging.mottak.mangler"},
		{navn: "stengtoppdateringer", etikett: "stenging.oppdatering", hjelp: "stenging.oppdatering.hjelp", slag: "valg",
			valg: valg("stenging.oppdatering.aapent", "stenging.oppdatering.stengt"), mangler: "stenging.oppdatering.mangler"}}}
	f := digisosFaner(e.t, e.org.ID, "stenging")
	e.faner = &f
	return nil
}

func (p *Portal) lesEndring(r *http.Request, finn func(*http.Request, *endring) error) (e endring, err error) {
	if e.org, e.t, err = p.kommune(r); err != nil {
		return e, err
	}
	if e.naa, e.versjon, err = p.Digisos.KonfigurasjonMedVersjon(r.Context(), e.org.ID); err != nil {
		return e, err
	}
	return e, finn(r, &e)
}

func (p *Portal) visEndring(w http.ResponseWriter, r *http.Request) error {
	return p.visEndringAv(w, r, p.enAvStegene)
}
func (p *Portal) lagreEndring(w http.ResponseWriter, r *http.Request) error {
	return p.lagreEndringAv(w, r, p.enAvStegene)
}
func (p *Portal) visStenging(w http.ResponseWriter, r *http.Request) error {
	return p.visEndringAv(w, r, p.stenging)
}
func (p *Portal) lagreStenging(w http.ResponseWriter, r *http.Request) error {
	return p.lagreEndringAv(w, r, p.stenging)
}

// visEndringAv shows the page with what is stored.
func (p *Portal) visEndringAv(w http.ResponseWriter, r *http.Request, finn func(*http.Request, *endring) error) error {
	e, err := p.lesEndring(r, finn)
	if err != nil {
		return err
	}
	felt, err := p.gjenopprettet(r)
	if err != nil {
		return err
	}
	var m []melding
	if felt != nil {
		m = append(m, melding{Farge: "info", Tekst: e.t("skjema.gjenopprettet"), Status: true})
		e.versjon = felt.Get("versjon") // as it was then
	} else {
		felt = tilFelt(e.naa)
	}
	return p.visEndringsside(w, r, e, http.StatusOK, lesSkjema(e.t, e.steg.felt, felt, false), m)
}

// lagreEndringAv stores the page's fields, unless somebody has changed what they
// belong to since the page was shown: then it is shown anew with what was filled
// in, beside what is stored.
func (p *Portal) lagreEndringAv(w http.ResponseWriter, r *http.Request, finn func(*http.Request, *endring) error) error {
	e, err := p.lesEndring(r, finn)
	if err != nil {
		return err
	}
	if err := p.glemSkjema(r); err != nil {
		return err
	}
	versjon := r.PostForm.Get("versjon")
	if versjon == "" {
		versjon = "ingen" // a version nothing has
	}
	felt := rens(e.steg.felt, r.PostForm)
	s := lesSkjema(e.t, e.steg.felt, felt, true)
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
		return p.visEndringsside(w, r, e, http.StatusConflict, s, []melding{{Farge: "warning", Tittel: e.t("konflikt.tittel"), Tekst: e.t("konflikt"), Status: true}})
	case feil.Er(err, feil.Ugyldig):
		noter(r, err)
		s.Feil = []lenke{{Tekst: e.t("veiviser.avvist")}}
		e.versjon = versjon
		return p.visEndringsside(w, r, e, http.StatusUnprocessableEntity, s, nil)
	case err != nil:
		return err
	}
	return videre(w, r, "/forvaltning/"+e.org.ID+"/digisos?lagret=1")
}

func (p *Portal) visEndringsside(w http.ResponseWriter, r *http.Request, e endring, status int, s skjema, m []melding) error {
	s.Versjon = e.versjon
	smule := e.t(e.steg.tittel)
	d := map[string]any{"Tittel": smule, "Om": e.t(e.steg.om), "Skjema": s, "Avbryt": "/forvaltning/" + e.org.ID + "/digisos", "Meldinger": m, "Faner": e.faner}
	if status == http.StatusConflict {
		d["Lagret"] = svarene(e.t, e.steg, tilFelt(e.naa), "")
	}
	return p.vis(w, r, status, "endring", side{Tittel: smule, Org: &e.org, Aktiv: "tjenester", Feil: s.Feil,
		Smuler: digisosSmuler(e.t, e.org.ID, smule), Data: d})
}
