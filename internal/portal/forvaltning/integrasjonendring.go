package forvaltning

import (
	"net/http"
	"net/url"
	"strconv"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/store"
)

func integrasjonFelt(i organisasjon.Integrasjon) url.Values {
	return url.Values{"navn": {i.Navn}, "beskrivelse": {i.Beskrivelse}, "orgnr": {i.AutorisertOrgnr}}
}

// visIntegrasjonsendring is the page where its name, description and authorised
// organisation are changed.
func (p *Forvaltning) visIntegrasjonsendring(w http.ResponseWriter, r *http.Request) error {
	org, i, err := p.integrasjon(r, true)
	if err != nil {
		return err
	}
	felt, err := p.Gjenopprettet(r)
	if err != nil {
		return err
	}
	t, versjon := p.Tolk(r), strconv.FormatInt(i.Versjon, 10)
	var m []portal.Melding
	if felt != nil {
		m, versjon = append(m, portal.Melding{Farge: "info", Tekst: t("skjema.gjenopprettet"), Status: true}), felt.Get("versjon")
	} else {
		felt = integrasjonFelt(i)
	}
	s := portal.LesSkjema(t, nyIntegrasjonFelt(), felt, false)
	s.Versjon = versjon
	return p.visIntegrasjonsendringMed(w, r, http.StatusOK, org, i, s, m)
}

func (p *Forvaltning) visIntegrasjonsendringMed(w http.ResponseWriter, r *http.Request, status int, org organisasjon.Organisasjon, i organisasjon.Integrasjon, s portal.Skjema, m []portal.Melding) error {
	t := p.Tolk(r)
	her := "/forvaltning/" + org.ID + "/integrasjoner/" + i.ID
	d := map[string]any{"Tittel": t("integrasjon.endre"), "Om": t("integrasjon.endre.om"), "Skjema": s, "Avbryt": her, "Meldinger": m, "Faner": nil}
	if status == http.StatusConflict {
		d["Lagret"] = svarene(t, steg{felt: nyIntegrasjonFelt()}, integrasjonFelt(i), "")
	}
	return p.visOrg(w, r, status, "endring", orgside{Tittel: t("integrasjon.endre"), Org: &org, Aktiv: "integrasjoner", Feil: s.Feil,
		Smuler: integrasjonSmuler(t, org.ID, portal.Lenke{Tekst: i.Navn, URL: her}, portal.Lenke{Tekst: t("integrasjon.endre")}), Data: d})
}

// endreIntegrasjon stores it, unless somebody has changed it since the page was
// shown.
func (p *Forvaltning) endreIntegrasjon(w http.ResponseWriter, r *http.Request) error {
	org, i, err := p.integrasjon(r, true)
	if err != nil {
		return err
	}
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	ctx, t := r.Context(), p.Tolk(r)
	felt := portal.Rens(nyIntegrasjonFelt(), r.PostForm)
	s := portal.LesSkjema(t, nyIntegrasjonFelt(), felt, true)
	s.Versjon = r.PostForm.Get("versjon")
	if len(s.Feil) > 0 {
		return p.visIntegrasjonsendringMed(w, r, http.StatusUnprocessableEntity, org, i, s, nil)
	}
	versjon, err := strconv.ParseInt(s.Versjon, 10, 64)
	if err != nil || versjon < 1 {
		versjon = -1 // a version nothing has
	}
	err = p.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := p.Organisasjon.EndreIntegrasjon(ctx, tx, i.ID, versjon, func(x *organisasjon.Integrasjon) {
			x.Navn, x.Beskrivelse, x.AutorisertOrgnr = felt.Get("navn"), felt.Get("beskrivelse"), felt.Get("orgnr")
		})
		return err
	})
	if feil.Er(err, feil.Konflikt) {
		if i, err = p.Organisasjon.Integrasjon(ctx, i.ID); err != nil {
			return err
		}
		s.Versjon = strconv.FormatInt(i.Versjon, 10)
		return p.visIntegrasjonsendringMed(w, r, http.StatusConflict, org, i, s,
			[]portal.Melding{{Farge: "warning", Tittel: t("konflikt.tittel"), Tekst: t("konflikt"), Status: true}})
	} else if err != nil {
		return err
	}
	return portal.Videre(w, r, "/forvaltning/"+org.ID+"/integrasjoner/"+i.ID+"?lagret=1")
}
