package portal

import (
	"net/http"
	"net/url"
	"slices"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/digisos"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/organisasjon"
)

// seOver is the last page of the wizard.
const seOver = "se-over"

// veiviser is what the pages of the wizard have in common.
type veiviser struct {
	org    organisasjon.Organisasjon
	t      tolk
	fnr    string
	alle   []steg
	utkast utkast
	har    bool // there is a draft
	base   string
}

// veiviser reads it; ferdig when Digisos has been set up already.
func (p *Portal) veiviser(r *http.Request) (v veiviser, ferdig bool, err error) {
	v.fnr = auth.From(r.Context()).Fnr
	if v.org, v.t, err = p.kommune(r); err != nil {
		return v, false, err
	}
	v.base = "/forvaltning/" + v.org.ID + "/digisos/veiviser/"
	if _, err := p.Digisos.Konfigurasjon(r.Context(), v.org.ID); err == nil {
		return v, true, nil
	} else if !feil.Er(err, feil.IkkeFunnet) {
		return v, false, err
	}
	if _, err := p.Organisasjon.TjenesteRessurs(r.Context(), v.org.ID, organisasjon.TypeDokumentlager); err != nil {
		if feil.Er(err, feil.IkkeFunnet) { // to the page that says so
			return v, true, nil
		}
		return v, false, err
	}
	if v.alle, err = p.digisosSteg(r, v.t, v.org.ID, ""); err != nil {
		return v, false, err
	}
	v.utkast, v.har, err = p.utkast(r.Context(), v.fnr, utkastDigisos, v.org.ID)
	if !v.har && err == nil {
		v.utkast.Felt = url.Values{"ansvarlig": {v.org.Navn}}
	}
	return v, false, err
}

// holder tells whether a step has been answered, and the answers hold still.
func (v veiviser) holder(s steg) bool {
	return slices.Contains(v.utkast.Ferdig, s.navn) && len(lesSkjema(v.t, s.felt, v.utkast.Felt, true).Feil) == 0
}

func (v veiviser) stegliste(her string) stegliste {
	l := stegliste{Merke: v.t("veiviser.steg")}
	for i, s := range v.alle {
		if s.navn == her {
			l.Nr = i + 1
		}
		pkt := stegpunkt{Tekst: v.t(s.tittel), Ferdig: v.holder(s), Her: s.navn == her}
		if pkt.Ferdig {
			pkt.URL = v.base + s.navn
		}
		l.Steg = append(l.Steg, pkt)
	}
	siste := stegpunkt{Tekst: v.t("veiviser.seover"), Her: her == seOver}
	if v.neste() == seOver {
		siste.URL = v.base + seOver
	}
	if siste.Her {
		l.Nr = len(l.Steg) + 1
	}
	l.Steg = append(l.Steg, siste)
	return l
}

// neste is the first step that is not answered; the review when all are.
func (v veiviser) neste() string {
	for _, s := range v.alle {
		if !v.holder(s) {
			return s.navn
		}
	}
	return seOver
}

// visSteg shows a step, or the review.
func (p *Portal) visSteg(w http.ResponseWriter, r *http.Request) error {
	v, ferdig, err := p.veiviser(r)
	if err != nil {
		return err
	}
	if ferdig {
		return videre(w, r, "/forvaltning/"+v.org.ID+"/digisos")
	}
	if r.PathValue("steg") == seOver {
		return p.visSeOver(w, r, v, http.StatusOK, nil)
	}
	i, err := finnSteg(v.alle, r.PathValue("steg"))
	if err != nil {
		return err
	}
	felt, err := p.gjenopprettet(r)
	if err != nil {
		return err
	}
	gjenopprettet := felt != nil
	if !gjenopprettet {
		felt = v.utkast.Felt
	}
	return p.visVeivisersteg(w, r, v, i, http.StatusOK, lesSkjema(v.t, v.alle[i].felt, felt, false), gjenopprettet)
}

func (p *Portal) visVeivisersteg(w http.ResponseWriter, r *http.Request, v veiviser, i, status int, s skjema, gjenopprettet bool) error {
	st := v.alle[i]
	forrige := ""
	if i > 0 {
		forrige = v.base + v.alle[i-1].navn
	}
	return p.vis(w, r, status, "steg", side{Tittel: v.t(st.tittel), Org: &v.org, Aktiv: "tjenester", Feil: s.Feil,
		Smuler: digisosSmuler(v.t, v.org.ID, v.t("veiviser.smule")), Data: map[string]any{
			"Tittel": v.t(st.tittel), "Om": v.t(st.om), "Skjema": s, "Stegliste": v.stegliste(st.navn), "Forrige": forrige,
			"Har": v.har, "Endret": v.utkast.endret, "Slettes": v.utkast.endret.Add(Utkasttid), "Gjenopprettet": gjenopprettet,
			"Senere": "/forvaltning/" + v.org.ID + "/digisos",
		}})
}

func (p *Portal) visSeOver(w http.ResponseWriter, r *http.Request, v veiviser, status int, feilene []lenke) error {
	var grupper []gruppe
	for _, s := range v.alle {
		grupper = append(grupper, svarene(v.t, s, v.utkast.Felt, v.base+s.navn))
		if !v.holder(s) && status == http.StatusOK {
			return videre(w, r, v.base+v.neste())
		}
	}
	return p.vis(w, r, status, "seover", side{Tittel: v.t("veiviser.seover"), Org: &v.org, Aktiv: "tjenester", Feil: feilene,
		Smuler: digisosSmuler(v.t, v.org.ID, v.t("veiviser.smule")), Data: map[string]any{
			"Grupper": grupper, "Stegliste": v.stegliste(seOver), "Forrige": v.base + v.alle[len(v.alle)-1].navn,
			"Senere": "/forvaltning/" + v.org.ID + "/digisos", "Har": v.har, "Endret": v.utkast.endret, "Slettes": v.utkast.endret.Add(Utkasttid),
		}})
}

// lagreSteg keeps the answers of a step, also those that do not hold, and goes
// on; or it ends the wizard.
func (p *Portal) lagreSteg(w http.ResponseWriter, r *http.Request) error {
	v, ferdig, err := p.veiviser(r)
	if err != nil {
		return err
	}
	if ferdig {
		return p.alleredeSattOpp(w, r, v)
	}
	if err := p.glemSkjema(r); err != nil {
		return err
	}
	if r.PostForm.Get("handling") == "slett" {
		if err := p.slettUtkast(r.Context(), v.fnr, utkastDigisos, v.org.ID); err != nil {
			return err
		}
		return videre(w, r, "/forvaltning/"+v.org.ID+"/digisos?slettet=1")
	}
	if r.PathValue("steg") == seOver {
		return p.fullfor(w, r, v)
	}
	i, err := finnSteg(v.alle, r.PathValue("steg"))
	if err != nil {
		return err
	}
	st := v.alle[i]
	for _, d := range st.felt {
		v.utkast.Felt.Del(d.navn)
	}
	for navn, verdier := range rens(st.felt, r.PostForm) {
		v.utkast.Felt[navn] = verdier
	}
	s := lesSkjema(v.t, st.felt, v.utkast.Felt, true)
	v.utkast.Ferdig = slices.DeleteFunc(v.utkast.Ferdig, func(n string) bool { return n == st.navn })
	if len(s.Feil) == 0 {
		v.utkast.Ferdig = append(v.utkast.Ferdig, st.navn)
	}
	if err := p.lagreUtkast(r.Context(), v.fnr, utkastDigisos, v.org.ID, v.utkast); err != nil {
		return err
	}
	v.har, v.utkast.endret = true, p.Klokke.Now()
	switch {
	case len(s.Feil) > 0:
		return p.visVeivisersteg(w, r, v, i, http.StatusUnprocessableEntity, s, false)
	case r.PostForm.Get("handling") == "senere":
		return videre(w, r, "/forvaltning/"+v.org.ID+"/digisos")
	}
	return videre(w, r, v.base+v.neste())
}

// fullfor makes the configuration of the draft.
func (p *Portal) fullfor(w http.ResponseWriter, r *http.Request, v veiviser) error {
	if neste := v.neste(); neste != seOver {
		return videre(w, r, v.base+neste)
	}
	err := p.Digisos.OpprettKonfigurasjon(r.Context(), v.org.ID, fraFelt(digisos.KommuneKonfigurasjon{}, v.utkast.Felt))
	if feil.Er(err, feil.Ugyldig) {
		if _, errK := p.Digisos.Konfigurasjon(r.Context(), v.org.ID); errK == nil {
			return p.alleredeSattOpp(w, r, v) // meanwhile
		}
		noter(r, err)
		return p.visSeOver(w, r, v, http.StatusUnprocessableEntity, []lenke{{Tekst: v.t("veiviser.avvist")}})
	} else if err != nil {
		return err
	}
	if err := p.slettUtkast(r.Context(), v.fnr, utkastDigisos, v.org.ID); err != nil {
		return err
	}
	return videre(w, r, "/forvaltning/"+v.org.ID+"/digisos/ferdig")
}

// alleredeSattOpp answers whoever sends a step of the wizard after somebody has
// finished one. Pressing the last button twice is no conflict.
func (p *Portal) alleredeSattOpp(w http.ResponseWriter, r *http.Request, v veiviser) error {
	_, har, err := p.utkast(r.Context(), v.fnr, utkastDigisos, v.org.ID)
	if err != nil {
		return err
	}
	if !har {
		return videre(w, r, "/forvaltning/"+v.org.ID+"/digisos")
	}
	return p.vis(w, r, http.StatusConflict, "konflikt", side{Tittel: v.t("konflikt.tittel"), Org: &v.org, Aktiv: "tjenester",
		Smuler: digisosSmuler(v.t, v.org.ID, v.t("veiviser.smule")), Data: map[string]any{
			"Tekst": v.t("veiviser.konflikt"), "URL": "/forvaltning/" + v.org.ID + "/digisos", "Lenke": v.t("ferdig.oversikt"),
		}})
}
