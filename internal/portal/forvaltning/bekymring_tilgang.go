package forvaltning

import (
	"net/http"
	"net/url"
	"slices"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/store"
)

func bydeltilgangFelt() []portal.Feltdef {
	return []portal.Feltdef{
		{Navn: "navn", Etikett: "bruker.navn", Maks: 450, Bredde: "middels", Mangler: "bydel.person.navn.mangler", Sjekk: sjekkBydelperson},
		{Navn: "fnr", Etikett: "bruker.fnr", Hjelp: "bydel.person.fnr.hjelp", Inndata: "numeric", Bredde: "kort", Mangler: "bydel.person.fnr.mangler", Sjekk: portal.SjekkFnr},
	}
}

func sjekkBydelperson(s string) (string, []any) {
	if nokkel, par := sjekkNavn(s); nokkel != "" {
		return nokkel, par
	}
	return sjekkBydeltekst(s)
}

func (p *Forvaltning) visBydeltilganger(w http.ResponseWriter, r *http.Request, s bydelside) error {
	felt, m, err := p.lesBydelsutkast(r, s.t, url.Values{})
	if err != nil {
		return err
	}
	m = append(m, kvittert(r, s.t, map[string]string{"lagret": "bydel.person.gitt", "fjernet": "bydel.person.fjernet"})...)
	return p.visBydeltilgangerMed(w, r, s, http.StatusOK, portal.LesSkjema(s.t, bydeltilgangFelt(), felt, false), m)
}

func (p *Forvaltning) visBydeltilgangerMed(w http.ResponseWriter, r *http.Request, s bydelside, status int, sk portal.Skjema, m []portal.Melding) error {
	personer, err := p.bydelpersoner(r.Context(), s.org.ID, s.b.RessursID)
	if err != nil {
		return err
	}
	manuell := s.b.Kanal == bekymringsmelding.KanalManuell
	switch {
	case manuell && len(personer) == 0:
		m = append(m, portal.Melding{Farge: "danger", Tekst: s.t("bydel.mangler.ingen")})
	case manuell && len(personer) == 1:
		m = append(m, portal.Melding{Farge: "warning", Tekst: s.t("bydel.mangler.en")})
	case !manuell:
		m = append(m, portal.Melding{Farge: "info", Tekst: s.t("bydel.person.ikkemanuell", "kanal", bydelkanalnavn(s.t, s.b.Kanal))})
	}
	tab := portal.Tabell{Merke: s.t("bydel.person.tabell"), Kolonner: []string{s.t("bruker.navn"), s.t("bruker.fnr"), s.t("bydel.person.fjern")}}
	for _, x := range personer {
		navn := bydelpersonnavn(s.t, x)
		tab.Rader = append(tab.Rader, []portal.Celle{{Tekst: navn}, {Tekst: maskert(x.Fnr)},
			{Tekst: s.t("bydel.person.fjern.hvem", "navn", navn), URL: s.her + "/tilganger/" + x.nokkel + "/fjern"}})
	}
	return p.visBydelside(w, r, s, status, "bydeltilganger", s.t("bydel.tilganger"), sk.Feil, map[string]any{"Tabell": tab, "Skjema": sk, "Meldinger": m})
}

func bydelpersonnavn(t portal.Tolk, x bydelperson) string {
	if x.Navn == "" {
		return t("bruker.utennavn")
	}
	return x.Navn
}

// giBydeltilgang lets a person read the office's reports; sent twice it changes nothing.
func (p *Forvaltning) giBydeltilgang(w http.ResponseWriter, r *http.Request, s bydelside) error {
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	ctx := r.Context()
	felt := portal.Rens(bydeltilgangFelt(), r.PostForm)
	sk := portal.LesSkjema(s.t, bydeltilgangFelt(), felt, true)
	if len(sk.Feil) > 0 {
		return p.visBydeltilgangerMed(w, r, s, http.StatusUnprocessableEntity, sk, nil)
	}
	err := p.DB.Write(ctx, func(tx *store.Tx) error {
		person := organisasjon.Person{Fnr: felt.Get("fnr"), Navn: felt.Get("navn")}
		if _, err := p.Organisasjon.RegistrerPerson(ctx, tx, []string{s.org.ID}, person); err != nil {
			return err
		}
		return p.Organisasjon.Gi(ctx, tx, organisasjon.Administrator{Caller: auth.From(ctx)}, person.Fnr, auth.BekymringMottak, s.b.RessursID)
	})
	if err != nil {
		return err
	}
	return portal.Videre(w, r, s.her+"/tilganger?lagret=1")
}

// bydelpersonen finds who the path stands for; fins is false when the access is gone.
func (p *Forvaltning) bydelpersonen(r *http.Request, s bydelside) (x bydelperson, antall int, fins bool, err error) {
	personer, err := p.bydelpersoner(r.Context(), s.org.ID, s.b.RessursID)
	if err != nil {
		return x, 0, false, err
	}
	i := slices.IndexFunc(personer, func(a bydelperson) bool { return a.nokkel == r.PathValue("person") })
	if i < 0 {
		return x, len(personer), false, nil
	}
	return personer[i], len(personer), true, nil
}

func (p *Forvaltning) visFjernBydeltilgang(w http.ResponseWriter, r *http.Request, s bydelside) error {
	x, antall, fins, err := p.bydelpersonen(r, s)
	if err != nil {
		return err
	}
	if !fins {
		return feil.Ny(feil.IkkeFunnet, "Siden finnes ikke")
	}
	b := bekreftelse{Sporsmal: s.t("bydel.person.fjern.sporsmal", "navn", bydelpersonnavn(s.t, x)), Om: s.t("bydel.person.fjern.om"), Knapp: s.t("bydel.person.fjern"),
		Fare: true, Avbryt: s.her + "/tilganger"}
	if antall == 1 && s.b.Kanal == bekymringsmelding.KanalManuell {
		b.Om = s.t("bydel.person.fjern.siste")
	}
	return p.visBydelbekreft(w, r, s, http.StatusOK, s.t("bydel.person.fjern"), nil, b)
}

// fjernBydeltilgang takes a person's access away. That it is gone already is no error.
func (p *Forvaltning) fjernBydeltilgang(w http.ResponseWriter, r *http.Request, s bydelside) error {
	ctx := r.Context()
	x, _, fins, err := p.bydelpersonen(r, s)
	if err != nil {
		return err
	}
	if fins {
		if err := p.DB.Write(ctx, func(tx *store.Tx) error {
			return p.Organisasjon.Trekk(ctx, tx, organisasjon.Administrator{Caller: auth.From(ctx)}, x.Fnr, auth.BekymringMottak, s.b.RessursID)
		}); err != nil {
			return err
		}
	}
	return portal.Videre(w, r, s.her+"/tilganger?fjernet=1")
}
