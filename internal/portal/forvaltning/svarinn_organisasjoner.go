package forvaltning

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/svarut/svarinn"
)

// What Digisos sends søknader as, through SvarInn (SvarUt contract §6.1).
const (
	digisosType = "nav.digisos"
	digisosNiva = 4
)

// alle is the value of a choice that narrows nothing.
const alle = "alle"

func (p *Forvaltning) organisasjonFelt(t portal.Tolk) []portal.Feltdef {
	typer := []portal.Valg{{Verdi: digisosType, Etikett: digisosType, Hjelp: t("svarinn.type.digisos")}}
	for _, typ := range p.SvarInn.Forsendelsestyper() {
		if typ != digisosType {
			typer = append(typer, portal.Valg{Verdi: typ, Etikett: typ})
		}
	}
	typer = append(typer, portal.Valg{Verdi: alle, Etikett: t("svarinn.type.alle"), Hjelp: t("svarinn.type.alle.hjelp")})
	return []portal.Feltdef{
		{Navn: "orgnr", Etikett: "svarinn.orgnr", Hjelp: "svarinn.orgnr.hjelp", Inndata: "numeric", Bredde: "kort", Mangler: "skjema.orgnr.mangler", Sjekk: portal.SjekkOrgnr},
		{Navn: "type", Etikett: "svarinn.type", Slag: "valg", Valg: typer, Mangler: "svarinn.type.mangler"},
		{Navn: "niva", Etikett: "svarinn.niva", Hjelp: "svarinn.niva.hjelp", Slag: "valg", Mangler: "svarinn.niva.mangler", Valg: []portal.Valg{
			{Verdi: alle, Etikett: t("svarinn.niva.alle")}, {Verdi: "3", Etikett: t("svarinn.niva.tre")}, {Verdi: "4", Etikett: t("svarinn.niva.fire")}}},
	}
}

func radAv(v url.Values) svarinn.Rad {
	r := svarinn.Rad{Orgnr: v.Get("orgnr"), ForsendelseType: v.Get("type")}
	if r.ForsendelseType == alle {
		r.ForsendelseType = ""
	}
	r.Niva, _ = strconv.Atoi(v.Get("niva")) // "alle" is 0
	return r
}

// radord are a row's type and level in words.
func radord(t portal.Tolk, r svarinn.Rad) (typ, niva string) {
	typ, niva = r.ForsendelseType, strconv.Itoa(r.Niva)
	if typ == "" {
		typ = t("svarinn.type.alle")
	}
	if r.Niva == 0 {
		niva = t("svarinn.niva.alle")
	}
	return typ, niva
}

func (p *Forvaltning) visOrganisasjoner(w http.ResponseWriter, r *http.Request, s system) error {
	felt, m, err := p.lesGjenopprettet(r, s.t)
	if err != nil {
		return err
	}
	if felt == nil {
		felt = url.Values{"type": {digisosType}, "niva": {alle}}
	}
	m = append(m, kvittert(r, s.t, map[string]string{"lagret": "svarinn.organisasjon.gitt", "fjernet": "svarinn.organisasjon.fjernet"})...)
	return p.visOrganisasjonerMed(w, r, s, http.StatusOK, portal.LesSkjema(s.t, p.organisasjonFelt(s.t), felt, false), m)
}

func (p *Forvaltning) visOrganisasjonerMed(w http.ResponseWriter, r *http.Request, s system, status int, sk portal.Skjema, m []portal.Melding) error {
	rader, err := p.SvarInn.Organisasjoner(r.Context(), s.av, s.stand.ID)
	if err != nil {
		return err
	}
	andre, err := p.SvarInn.Andre(r.Context(), s.av, s.stand.ID)
	if err != nil {
		return err
	}
	kolonner := []string{s.t("svarinn.orgnr"), s.t("svarinn.type"), s.t("svarinn.niva")}
	tab := portal.Tabell{Merke: s.t("svarinn.organisasjon.tabell"), Kolonner: append(slices.Clone(kolonner), s.t("svarinn.fjern"))}
	for _, x := range rader {
		typ, niva := radord(s.t, x)
		tab.Rader = append(tab.Rader, []portal.Celle{{Tekst: x.Orgnr}, {Tekst: typ}, {Tekst: niva},
			{Tekst: s.t("svarinn.fjern.hva", "hva", x.Orgnr), URL: s.her + "/organisasjoner/" + url.PathEscape(x.String()) + "/fjern"}})
	}
	konflikter := portal.Tabell{Merke: s.t("svarinn.andre.tabell"), Kolonner: append(slices.Clone(kolonner), s.t("svarinn.system"))}
	for _, x := range andre {
		typ, niva := radord(s.t, x.Rad)
		konflikter.Rader = append(konflikter.Rader, []portal.Celle{{Tekst: x.Orgnr}, {Tekst: typ}, {Tekst: niva}, {Tekst: x.Navn}})
	}
	return p.visSystem(w, r, s, status, "svarinnorganisasjoner", "organisasjoner", "", sk.Feil,
		map[string]any{"Tabell": tab, "Andre": konflikter, "Skjema": sk, "Meldinger": m})
}

// giOrganisasjon routes what is sent to an org.nr. to the mottakersystem. Sent
// twice it changes nothing.
func (p *Forvaltning) giOrganisasjon(w http.ResponseWriter, r *http.Request, s system) error {
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	defs := p.organisasjonFelt(s.t)
	felt := portal.Rens(defs, r.PostForm)
	sk := portal.LesSkjema(s.t, defs, felt, true)
	if len(sk.Feil) == 0 {
		_, err := p.SvarInn.GiOrganisasjoner(r.Context(), s.av, s.stand.ID, []svarinn.Rad{radAv(felt)})
		nokkel, status := radfeil(err)
		switch {
		case nokkel != "":
			portal.Noter(r, err)
			sk.FeilPaa("orgnr", s.t(nokkel))
			return p.visOrganisasjonerMed(w, r, s, status, sk, nil)
		case err != nil:
			return err
		}
	}
	if len(sk.Feil) > 0 {
		return p.visOrganisasjonerMed(w, r, s, http.StatusUnprocessableEntity, sk, nil)
	}
	return portal.Videre(w, r, s.her+"/organisasjoner?lagret=1")
}

// radfeil is what to say of a row that could not be given or taken: the key of a
// text; "" when it is nothing to be told at the field.
func radfeil(err error) (nokkel string, status int) {
	switch feil.KodeAv(err) {
	case feil.IngenTilgang:
		return "svarinn.rolle.mangler", http.StatusUnprocessableEntity
	case feil.Utilgjengelig:
		return "svarinn.rolle.nede", http.StatusServiceUnavailable
	case feil.Konflikt:
		return "svarinn.organisasjon.opptatt", http.StatusUnprocessableEntity
	}
	return "", 0
}

// rad finds the row of the path; not fins when it is gone already.
func (p *Forvaltning) rad(r *http.Request, s system) (x svarinn.Rad, fins bool, err error) {
	rader, err := p.SvarInn.Organisasjoner(r.Context(), s.av, s.stand.ID)
	if err != nil {
		return x, false, err
	}
	i := slices.IndexFunc(rader, func(x svarinn.Rad) bool { return x.String() == r.PathValue("rad") })
	if i < 0 {
		return x, false, nil
	}
	return rader[i], true, nil
}

func (p *Forvaltning) visFjernOrganisasjon(w http.ResponseWriter, r *http.Request, s system) error {
	x, fins, err := p.rad(r, s)
	if err != nil {
		return err
	}
	if !fins {
		return feil.Ny(feil.IkkeFunnet, "Siden finnes ikke")
	}
	return p.visFjernRad(w, r, s, http.StatusOK, x, nil)
}

func (p *Forvaltning) visFjernRad(w http.ResponseWriter, r *http.Request, s system, status int, x svarinn.Rad, feilene []portal.Lenke) error {
	typ, niva := radord(s.t, x)
	return p.visSystem(w, r, s, status, "svarinnfjern", "organisasjoner", s.t("svarinn.organisasjon.fjern"), feilene,
		map[string]any{"Sporsmal": s.t("svarinn.organisasjon.fjern.tittel", "orgnr", x.Orgnr), "Om": s.t("svarinn.organisasjon.fjern.om"),
			"Knapp": s.t("svarinn.organisasjon.fjern"), "Svar": portal.Gruppe{Svar: []portal.Svar{{Navn: s.t("svarinn.type"), Verdi: typ}, {Navn: s.t("svarinn.niva"), Verdi: niva}}}})
}

// fjernOrganisasjon takes a row away. That it is gone already is no error.
func (p *Forvaltning) fjernOrganisasjon(w http.ResponseWriter, r *http.Request, s system) error {
	x, fins, err := p.rad(r, s)
	if err != nil {
		return err
	}
	if fins {
		err = p.SvarInn.FjernOrganisasjon(r.Context(), s.av, s.stand.ID, x)
		if nokkel, status := radfeil(err); nokkel != "" {
			portal.Noter(r, err)
			return p.visFjernRad(w, r, s, status, x, []portal.Lenke{{Tekst: s.t(nokkel)}})
		}
		if err != nil && !feil.Er(err, feil.IkkeFunnet) {
			return err
		}
	}
	return portal.Videre(w, r, s.her+"/organisasjoner?fjernet=1")
}
