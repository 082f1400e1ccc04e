package forvaltning

import (
	"net/http"

	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/digisos"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/portal"
)

// provRuter are the pages where a municipality tries its set-up of Digisos with a
// test that goes all the way to its fagsystem (decision 19).
func (p *Forvaltning) provRuter(base string, endre auth.Tilgang) []auth.Route {
	return []auth.Route{
		p.Rute("GET "+base, endre, p.visProv),
		p.Rute("POST "+base, endre, p.sendProv),
		p.Rute("GET "+base+"/{id}", endre, p.visProvspor),
		p.Rute("POST "+base+"/{id}", endre, p.avbrytProv),
	}
}

// sisteProver is how many former tests the page lists.
const sisteProver = 10

// oppfriskning is how often the page of a test loads anew without a script, in seconds.
const oppfriskning = 10

func (p *Forvaltning) provplass(r *http.Request) (pl provplass, s orgside, err error) {
	org, t, err := p.kommune(r)
	if err != nil {
		return pl, s, err
	}
	fag, err := p.fagsystemer(r, org.ID)
	if err != nil {
		return pl, s, err
	}
	s = orgside{Tittel: t("prov.tittel"), Org: &org, Aktiv: "tjenester", Smuler: digisosSmuler(t, org.ID, t("prov.tittel"))}
	pl, err = p.plass(r.Context(), t, p.Spraak(r), org, fag)
	return pl, s, err
}

func (p *Forvaltning) visProv(w http.ResponseWriter, r *http.Request) error {
	pl, s, err := p.provplass(r)
	if s.Org != nil && feil.Er(err, feil.IkkeFunnet) { // nothing to try yet
		return portal.Videre(w, r, "/forvaltning/"+pl.orgID+"/digisos")
	} else if err != nil {
		return err
	}
	felt, err := p.Gjenopprettet(r)
	if err != nil {
		return err
	}
	if felt != nil {
		return p.visProvside(w, r, pl, s, http.StatusOK, pl.t("prov.igjeninn"))
	}
	return p.visProvside(w, r, pl, s, http.StatusOK, "")
}

// visProvside shows what a test is, whether one can be sent, and how the last ones went.
func (p *Forvaltning) visProvside(w http.ResponseWriter, r *http.Request, pl provplass, s orgside, status int, melding string) error {
	steg, ok, err := pl.sjekkAlle()
	if err != nil {
		return err
	}
	prover, err := p.Digisos.Prover(r.Context(), pl.orgID, sisteProver)
	if err != nil {
		return err
	}
	her, iGang := "/forvaltning/"+pl.orgID+"/digisos/prov", ""
	tab := portal.Tabell{Merke: pl.t("prov.siste.tabell"), Kolonner: []string{pl.t("prov.siste.tid"), pl.t("prov.siste.kanal"), pl.t("prov.siste.resultat")}}
	for _, pr := range prover {
		if pr.Slutt.IsZero() {
			iGang = her + "/" + pr.ID
		}
		tab.Rader = append(tab.Rader, []portal.Celle{{Tekst: portal.Tidspunkt(pl.sprak, pr.Startet), URL: her + "/" + pr.ID},
			{Tekst: kanalnavn(pr)}, resultat(pl.t, pr)})
	}
	var meldinger []portal.Melding
	if melding != "" {
		meldinger = append(meldinger, portal.Melding{Farge: "warning", Tekst: melding, Status: true})
	}
	s.Data = map[string]any{"Faner": digisosFaner(pl.t, pl.orgID, "prov"), "Meldinger": meldinger, "Steg": merk(pl.t, steg), "Kan": ok && iGang == "",
		"IGang": iGang, "ID": uuid.NewString(), "Navn": digisos.ProveNavn, "Fnr": digisos.ProveFnr[:6] + " " + digisos.ProveFnr[6:],
		"Tittel": digisos.ProveTittel, "Ref": digisos.ProveRef, "Siste": tab}
	return p.visOrg(w, r, status, "prov", s)
}

func kanalnavn(pr digisos.Prove) string {
	if pr.Kanal == levering.KanalFiksIO {
		return "Fiks IO"
	}
	return "SvarInn"
}

func resultat(t portal.Tolk, pr digisos.Prove) portal.Celle {
	switch {
	case pr.Slutt.IsZero():
		return portal.Celle{Tekst: t("prov.siste.paavei"), Farge: "info"}
	case pr.Bekreftet:
		return portal.Celle{Tekst: t("prov.siste.virket"), Farge: "success"}
	case pr.Avbrutt:
		return portal.Celle{Tekst: t("prov.siste.avbrutt"), Farge: "neutral"}
	}
	return portal.Celle{Tekst: t("prov.siste.stoppet"), Farge: "danger"}
}

// sendProv sends a test, unless the checks say that it cannot arrive.
func (p *Forvaltning) sendProv(w http.ResponseWriter, r *http.Request) error {
	pl, s, err := p.provplass(r)
	if err != nil {
		return err
	}
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	id := r.PostForm.Get("id")
	if _, err := uuid.Parse(id); err != nil {
		return feil.Ny(feil.Ugyldig, "Skjemaet mangler en id").Med(err)
	}
	til := "/forvaltning/" + pl.orgID + "/digisos/prov/" + id
	if _, err := p.Digisos.Prove(r.Context(), pl.orgID, id); err == nil { // sent before
		return portal.Videre(w, r, til)
	} else if !feil.Er(err, feil.IkkeFunnet) {
		return err
	}
	if _, ok, err := pl.sjekkAlle(); err != nil {
		return err
	} else if !ok {
		return p.visProvside(w, r, pl, s, http.StatusUnprocessableEntity, pl.t("prov.ikkesendt"))
	}
	err = p.Digisos.SendProve(r.Context(), pl.orgID, id)
	switch {
	case feil.Er(err, feil.Konflikt):
		return p.visProvside(w, r, pl, s, http.StatusConflict, pl.t("prov.igang"))
	case feil.Er(err, feil.ForMange):
		return p.visProvside(w, r, pl, s, http.StatusTooManyRequests, pl.t("prov.formange"))
	case err != nil:
		return err
	}
	return portal.Videre(w, r, til)
}

// visProvspor shows how far a test has come. With a script the page fetches itself
// anew; without one the browser loads it again. ?stopp ends both.
func (p *Forvaltning) visProvspor(w http.ResponseWriter, r *http.Request) error {
	pl, s, err := p.provplass(r)
	if err != nil && !feil.Er(err, feil.IkkeFunnet) {
		return err
	}
	if s.Org == nil {
		return err
	}
	pr, err := p.Digisos.Prove(r.Context(), pl.orgID, r.PathValue("id"))
	if err != nil {
		return err
	}
	sp, err := pl.spor(pr)
	if err != nil {
		return err
	}
	alle := "/forvaltning/" + pl.orgID + "/digisos/prov"
	her := alle + "/" + pr.ID
	stoppet := r.URL.Query().Has("stopp")
	s.Smuler = append(digisosSmuler(pl.t, pl.orgID, pl.t("prov.tittel")), portal.Lenke{Tekst: pl.t("prov.spor.tittel")})
	s.Smuler[2].URL = alle
	s.Tittel = pl.t("prov.spor.tittel")
	if sp.Levende && !stoppet {
		s.Oppfrisk = oppfriskning
	}
	s.Data = map[string]any{"Alle": alle, "Her": her, "Pr": pr, "Kanal": kanalnavn(pr), "Steg": merk(pl.t, sp.Steg), "Status": sp.Status, "Farge": sp.Farge,
		"Levende": sp.Levende, "Henter": sp.Levende && !stoppet, "IGang": pr.Slutt.IsZero()}
	return p.visOrg(w, r, http.StatusOK, "provspor", s)
}

func (p *Forvaltning) avbrytProv(w http.ResponseWriter, r *http.Request) error {
	org, _, err := p.kommune(r)
	if err != nil {
		return err
	}
	if err := p.Digisos.AvbrytProve(r.Context(), org.ID, r.PathValue("id")); err != nil {
		return err
	}
	return portal.Videre(w, r, "/forvaltning/"+org.ID+"/digisos/prov/"+r.PathValue("id"))
}
