package forvaltning

import (
	"net/http"
	"net/url"
	"strings"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/svarut/svarinn"
)

func varslingFelt() []portal.Feltdef {
	return []portal.Feltdef{{Navn: "epost", Etikett: "svarinn.epost", Hjelp: "svarinn.epost.hjelp", Slag: "langtekst", Inndata: "email",
		Mangler: "svarinn.epost.mangler", Sjekk: sjekkVarsling}}
}

// sjekkVarsling names the address that SvarInn would not take.
func sjekkVarsling(s string) (string, []any) {
	adresser := portal.Adresser(s)
	for _, a := range adresser {
		if _, err := svarinn.Adresser(a); err != nil {
			return "skjema.epost.ugyldig", []any{"adresse", strings.ToValidUTF8(portal.Avkort(a), "")}
		}
	}
	if len(adresser) == 0 {
		return "skjema.epost.ingen", nil
	}
	if _, err := svarinn.Adresser(strings.Join(adresser, ";")); err != nil {
		return "svarinn.epost.mange", nil
	}
	return "", nil
}

func (p *Forvaltning) visAdministrasjon(w http.ResponseWriter, r *http.Request, s system) error {
	adresser, err := p.SvarInn.Varsles(r.Context(), s.av, s.stand.ID)
	if err != nil {
		return err
	}
	felt, m, err := p.lesGjenopprettet(r, s.t)
	if err != nil {
		return err
	}
	versjon := strings.Join(adresser, ";")
	if felt == nil {
		felt = url.Values{"epost": {strings.Join(adresser, "; ")}}
	} else {
		versjon = felt.Get("versjon") // as it was then
	}
	m = append(m, kvittert(r, s.t, map[string]string{"lagret": "endring.lagret"})...)
	if r.URL.Query().Get("test") != "" {
		m = append(m, portal.Melding{Farge: "success", Tittel: s.t("svarinn.test.sendt"), Tekst: s.t("svarinn.test.sendt.om"), Status: true})
	}
	sk := portal.LesSkjema(s.t, varslingFelt(), felt, false)
	sk.Versjon = versjon
	return p.visAdministrasjonMed(w, r, s, http.StatusOK, sk, m, "")
}

func (p *Forvaltning) visAdministrasjonMed(w http.ResponseWriter, r *http.Request, s system, status int, sk portal.Skjema, m []portal.Melding, lagret string) error {
	d := map[string]any{"Skjema": sk, "Meldinger": m, "Varsles": s.stand.Varsles}
	if lagret != "" {
		d["Lagret"] = portal.Gruppe{Svar: []portal.Svar{{Navn: s.t("svarinn.epost"), Verdi: lagret}}}
	}
	return p.visSystem(w, r, s, status, "svarinnadministrasjon", "administrasjon", "", sk.Feil, d)
}

// lagreAdministrasjon stores the addresses for alerts, unless somebody has changed
// them since the page was shown.
func (p *Forvaltning) lagreAdministrasjon(w http.ResponseWriter, r *http.Request, s system) error {
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	felt := portal.Rens(varslingFelt(), r.PostForm)
	sk := portal.LesSkjema(s.t, varslingFelt(), felt, true)
	sk.Versjon = r.PostForm.Get("versjon")
	if len(sk.Feil) > 0 {
		return p.visAdministrasjonMed(w, r, s, http.StatusUnprocessableEntity, sk, nil, "")
	}
	err := p.SvarInn.SettVarslesFra(r.Context(), s.av, s.stand.ID, portal.Adresser(sk.Versjon), strings.Join(portal.Adresser(felt.Get("epost")), ";"))
	if feil.Er(err, feil.Konflikt) {
		naa, err := p.SvarInn.Varsles(r.Context(), s.av, s.stand.ID)
		if err != nil {
			return err
		}
		sk.Versjon = strings.Join(naa, ";")
		return p.visAdministrasjonMed(w, r, s, http.StatusConflict, sk,
			[]portal.Melding{{Farge: "warning", Tittel: s.t("konflikt.tittel"), Tekst: s.t("konflikt"), Status: true}}, portal.Linjer(naa))
	} else if err != nil {
		return err
	}
	return portal.Videre(w, r, s.her+"/administrasjon?lagret=1")
}

// sendTestvarsel sends an alert on trial to the addresses that are stored.
func (p *Forvaltning) sendTestvarsel(w http.ResponseWriter, r *http.Request, s system) error {
	_, err := p.SvarInn.SendTest(r.Context(), s.av, s.stand.ID)
	if feil.Er(err, feil.Konflikt) {
		sk := portal.LesSkjema(s.t, varslingFelt(), url.Values{}, true)
		return p.visAdministrasjonMed(w, r, s, http.StatusUnprocessableEntity, sk, nil, "")
	} else if err != nil {
		return err
	}
	return portal.Videre(w, r, s.her+"/administrasjon?test=1")
}
