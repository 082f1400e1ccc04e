package forvaltning

import (
	"net/http"
	"net/url"
	"slices"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/digisos"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
)

// seOver is the last page of the wizard.
const seOver = "se-over"

// veiviser is what the pages of the wizard have in common.
type veiviser struct {
	org    organisasjon.Organisasjon
	t      portal.Tolk
	fnr    string
	alle   []steg
	utkast portal.Utkast
	har    bool // there is a draft
	base   string
}

// veiviser reads it; ferdig when Digisos has been set up already.
func (p *Forvaltning) veiviser(r *http.Request) (v veiviser, ferdig bool, err error) {
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
	v.utkast, v.har, err = p.Utkast(r.Context(), v.fnr, utkastDigisos, v.org.ID)
	if !v.har && err == nil {
		v.utkast.Felt = url.Values{"ansvarlig": {v.org.Navn}}
	}
	return v, false, err
}

// holder tells whether a step has been answered, and the answers hold still.
func (v veiviser) holder(s steg) bool {
	return slices.Contains(v.utkast.Ferdig, s.navn) && len(portal.LesSkjema(v.t, s.felt, v.utkast.Felt, true).Feil) == 0
}

func (v veiviser) stegliste(her string) portal.Stegliste {
	l := portal.Stegliste{Merke: v.t("veiviser.steg")}
	for i, s := range v.alle {
		if s.navn == her {
			l.Nr = i + 1
		}
		pkt := portal.Stegpunkt{Tekst: v.t(s.tittel), Ferdig: v.holder(s), Her: s.navn == her}
		if pkt.Ferdig {
			pkt.URL = v.base + s.navn
		}
		l.Steg = append(l.Steg, pkt)
	}
	siste := portal.Stegpunkt{Tekst: v.t("veiviser.seover"), Her: her == seOver}
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
func (p *Forvaltning) visSteg(w http.ResponseWriter, r *http.Request) error {
	v, ferdig, err := p.veiviser(r)
	if err != nil {
		return err
	}
	if ferdig {
		return portal.Videre(w, r, "/forvaltning/"+v.org.ID+"/digisos")
	}
	if r.PathValue("steg") == seOver {
		return p.visSeOver(w, r, v, http.StatusOK, nil)
	}
	i, err := finnSteg(v.alle, r.PathValue("steg"))
	if err != nil {
		return err
	}
	felt, err := p.Gjenopprettet(r)
	if err != nil {
		return err
	}
	gjenopprettet := felt != nil
	if !gjenopprettet {
		felt = v.utkast.Felt
	}
	return p.visVeivisersteg(w, r, v, i, http.StatusOK, portal.LesSkjema(v.t, v.alle[i].felt, felt, false), gjenopprettet)
}

func (p *Forvaltning) visVeivisersteg(w http.ResponseWriter, r *http.Request, v veiviser, i, status int, s portal.Skjema, gjenopprettet bool) error {
	st := v.alle[i]
	forrige := ""
	if i > 0 {
		forrige = v.base + v.alle[i-1].navn
	}
	varsel := ""
	if st.navn == "svarinn" || i > 0 && v.alle[i-1].navn == "svarinn" { // also on the page that the answer leads to
		var err error
		if varsel, err = p.svarinnVarsel(r.Context(), v.t, v.utkast.Felt.Get("orgnr")); err != nil {
			return err
		}
	}
	return p.visOrg(w, r, status, "steg", orgside{Tittel: v.t(st.tittel), Org: &v.org, Aktiv: "tjenester", Feil: s.Feil,
		Smuler: digisosSmuler(v.t, v.org.ID, v.t("veiviser.smule")), Data: map[string]any{
			"Tittel": v.t(st.tittel), "Om": v.t(st.om), "Skjema": s, "Stegliste": v.stegliste(st.navn), "Forrige": forrige,
			"Har": v.har, "Endret": v.utkast.Endret, "Slettes": v.utkast.Endret.Add(portal.Utkasttid), "Gjenopprettet": gjenopprettet,
			"Senere": "/forvaltning/" + v.org.ID + "/digisos", "Varsel": varsel, "Kontoer": kontoermangler(st, v.org.ID),
		}})
}

func (p *Forvaltning) visSeOver(w http.ResponseWriter, r *http.Request, v veiviser, status int, feilene []portal.Lenke) error {
	var grupper []portal.Gruppe
	for _, s := range v.alle {
		grupper = append(grupper, svarene(v.t, s, v.utkast.Felt, v.base+s.navn))
		if !v.holder(s) && status == http.StatusOK {
			return portal.Videre(w, r, v.base+v.neste())
		}
	}
	varsel, err := p.svarinnVarsel(r.Context(), v.t, v.utkast.Felt.Get("orgnr"))
	if err != nil {
		return err
	}
	return p.visOrg(w, r, status, "seover", orgside{Tittel: v.t("veiviser.seover"), Org: &v.org, Aktiv: "tjenester", Feil: feilene,
		Smuler: digisosSmuler(v.t, v.org.ID, v.t("veiviser.smule")), Data: map[string]any{
			"Grupper": grupper, "Stegliste": v.stegliste(seOver), "Forrige": v.base + v.alle[len(v.alle)-1].navn,
			"Senere": "/forvaltning/" + v.org.ID + "/digisos", "Har": v.har, "Endret": v.utkast.Endret, "Slettes": v.utkast.Endret.Add(portal.Utkasttid), "Varsel": varsel,
		}})
}

// lagreSteg keeps the answers of a step, also those that do not hold, and goes
// on; or it ends the wizard.
func (p *Forvaltning) lagreSteg(w http.ResponseWriter, r *http.Request) error {
	v, ferdig, err := p.veiviser(r)
	if err != nil {
		return err
	}
	if ferdig {
		return p.alleredeSattOpp(w, r, v)
	}
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	if r.PostForm.Get("handling") == "slett" {
		if err := p.SlettUtkast(r.Context(), v.fnr, utkastDigisos, v.org.ID); err != nil {
			return err
		}
		return portal.Videre(w, r, "/forvaltning/"+v.org.ID+"/digisos?slettet=1")
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
		v.utkast.Felt.Del(d.Navn)
	}
	for navn, verdier := range portal.Rens(st.felt, r.PostForm) {
		v.utkast.Felt[navn] = verdier
	}
	s := portal.LesSkjema(v.t, st.felt, v.utkast.Felt, true)
	v.utkast.Ferdig = slices.DeleteFunc(v.utkast.Ferdig, func(n string) bool { return n == st.navn })
	if len(s.Feil) == 0 {
		v.utkast.Ferdig = append(v.utkast.Ferdig, st.navn)
	}
	if err := p.LagreUtkast(r.Context(), v.fnr, utkastDigisos, v.org.ID, v.utkast); err != nil {
		return err
	}
	v.har, v.utkast.Endret = true, p.Klokke.Now()
	switch {
	case len(s.Feil) > 0:
		return p.visVeivisersteg(w, r, v, i, http.StatusUnprocessableEntity, s, false)
	case r.PostForm.Get("handling") == "senere":
		return portal.Videre(w, r, "/forvaltning/"+v.org.ID+"/digisos")
	}
	return portal.Videre(w, r, v.base+v.neste())
}

// fullfor makes the configuration of the draft.
func (p *Forvaltning) fullfor(w http.ResponseWriter, r *http.Request, v veiviser) error {
	if neste := v.neste(); neste != seOver {
		return portal.Videre(w, r, v.base+neste)
	}
	err := p.Digisos.OpprettKonfigurasjon(r.Context(), v.org.ID, fraFelt(digisos.KommuneKonfigurasjon{}, v.utkast.Felt))
	if feil.Er(err, feil.Ugyldig) {
		if _, errK := p.Digisos.Konfigurasjon(r.Context(), v.org.ID); errK == nil {
			return p.alleredeSattOpp(w, r, v) // meanwhile
		}
		portal.Noter(r, err)
		return p.visSeOver(w, r, v, http.StatusUnprocessableEntity, []portal.Lenke{avvist(v.t, v.org.ID, err)})
	} else if err != nil {
		return err
	}
	if err := p.SlettUtkast(r.Context(), v.fnr, utkastDigisos, v.org.ID); err != nil {
		return err
	}
	return portal.Videre(w, r, "/forvaltning/"+v.org.ID+"/digisos/ferdig")
}

// alleredeSattOpp answers whoever sends a step of the wizard after somebody has
// finished one. Pressing the last button twice is no conflict.
func (p *Forvaltning) alleredeSattOpp(w http.ResponseWriter, r *http.Request, v veiviser) error {
	_, har, err := p.Utkast(r.Context(), v.fnr, utkastDigisos, v.org.ID)
	if err != nil {
		return err
	}
	if !har {
		return portal.Videre(w, r, "/forvaltning/"+v.org.ID+"/digisos")
	}
	return p.visOrg(w, r, http.StatusConflict, "konflikt", orgside{Tittel: v.t("konflikt.tittel"), Org: &v.org, Aktiv: "tjenester",
		Smuler: digisosSmuler(v.t, v.org.ID, v.t("veiviser.smule")), Data: map[string]any{
			"Tekst": v.t("veiviser.konflikt"), "URL": "/forvaltning/" + v.org.ID + "/digisos", "Lenke": v.t("ferdig.oversikt"),
		}})
}
