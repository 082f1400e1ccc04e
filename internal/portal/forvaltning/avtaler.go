package forvaltning

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/store"
)

// avtaleRuter are the pages of the agreements.
func (p *Forvaltning) avtaleRuter(org string, se, endre auth.Tilgang) []auth.Route {
	return []auth.Route{
		p.Rute("GET "+org+"/avtaler", se, p.visAvtaler),
		p.Rute("GET "+org+"/avtaler/{kode}", endre, p.visAvtale),
		p.Rute("POST "+org+"/avtaler/{kode}", endre, p.godtaAvtale),
	}
}

// avtalenavn is what an agreement is called.
func avtalenavn(t portal.Tolk, a organisasjon.Avtale) string {
	if a.Kode == organisasjon.Hovedavtale {
		return t("avtale.hovedavtale")
	}
	return t("avtale.vedlegg", "tjeneste", a.Tjeneste)
}

// manglendeAvtaler are those that an organisation must accept before a service, by
// the type of its ressurs, can be taken into use.
func (p *Forvaltning) manglendeAvtaler(ctx context.Context, t portal.Tolk, orgID, typ string) ([]portal.Lenke, error) {
	err := p.Organisasjon.KrevAvtale(ctx, p.DB.Read(), orgID, typ)
	if !feil.Er(err, feil.Ugyldig) {
		return nil, err
	}
	alle, err := p.Organisasjon.Avtaler(ctx, orgID)
	if err != nil {
		return nil, err
	}
	var ut []portal.Lenke
	for _, a := range alle {
		if a.Status != organisasjon.AvtaleInngatt && (a.Kode == organisasjon.Hovedavtale || a.RessursType == typ) {
			ut = append(ut, portal.Lenke{Tekst: avtalenavn(t, a), URL: "/forvaltning/" + orgID + "/avtaler/" + a.Kode})
		}
	}
	return ut, nil
}

// nyeAvtaler are the agreements that have come in a new version for what is in use.
func (p *Forvaltning) nyeAvtaler(ctx context.Context, t portal.Tolk, orgID string, tj []tjeneste) (ut []portal.Lenke, err error) {
	alle, err := p.Organisasjon.Avtaler(ctx, orgID)
	for _, a := range alle {
		iBruk := a.Kode == organisasjon.Hovedavtale || slices.ContainsFunc(tj, func(x tjeneste) bool { return x.IBruk && x.Type == a.RessursType })
		if iBruk && a.Status == organisasjon.AvtaleFornyes {
			ut = append(ut, portal.Lenke{Tekst: t("avtale.godtanytt", "avtale", avtalenavn(t, a)), URL: "/forvaltning/" + orgID + "/avtaler/" + a.Kode})
		}
	}
	return ut, err
}

// avvist is what a form says when a service refuses what it holds: which agreement
// is missing, with the way to it, or that the fields must be looked at.
func avvist(t portal.Tolk, orgID string, err error) portal.Lenke {
	if f, ok := errors.AsType[*feil.Feil](err); ok && f.ErrorCode == organisasjon.AvtaleMangler {
		return portal.Lenke{Tekst: t("avtale.maa"), URL: "/forvaltning/" + orgID + "/avtaler"}
	}
	return portal.Lenke{Tekst: t("veiviser.avvist")}
}

// visAvtaler lists all agreements, with how far each has come.
func (p *Forvaltning) visAvtaler(w http.ResponseWriter, r *http.Request) error {
	org, err := p.org(r)
	if err != nil {
		return err
	}
	ctx, t := r.Context(), p.Tolk(r)
	alle, err := p.Organisasjon.Avtaler(ctx, org.ID)
	if err != nil {
		return err
	}
	tab := portal.Tabell{Merke: t("avtaler.tabell"), Kolonner: []string{t("avtale.avtale"), t("avtale.status"), t("avtale.godtatt"), t("avtale.av")}}
	for _, a := range alle {
		status := portal.Celle{Tekst: t("avtale.mangler"), Farge: "warning"}
		switch a.Status {
		case organisasjon.AvtaleInngatt:
			status = portal.Celle{Tekst: t("avtale.inngatt"), Farge: "success"}
		case organisasjon.AvtaleFornyes:
			status.Tekst = t("avtale.fornyes")
		}
		naar, hvem := "–", "–"
		if a.Sist != nil {
			naar = portal.Tidspunkt(p.Spraak(r), a.Sist.Tidspunkt)
			if hvem = a.Sist.Navn; hvem == "" {
				hvem = t("avtale.ukjent")
			}
		}
		tab.Rader = append(tab.Rader, []portal.Celle{{Tekst: avtalenavn(t, a), URL: "/forvaltning/" + org.ID + "/avtaler/" + a.Kode}, status, {Tekst: naar}, {Tekst: hvem}})
	}
	var m []portal.Melding
	if r.URL.Query().Get("godtatt") != "" {
		m = append(m, portal.Melding{Farge: "success", Tekst: t("avtale.takk"), Status: true})
	}
	return p.visOrg(w, r, http.StatusOK, "avtaler", orgside{Tittel: t("meny.avtaler"), Org: &org, Aktiv: "avtaler",
		Data: map[string]any{"Tabell": tab, "Meldinger": m, "Navn": org.Navn}})
}

func (s avtaleside) felt() []portal.Feltdef {
	return []portal.Feltdef{
		{Navn: "navn", Etikett: "avtale.dittnavn", Maks: 200, Bredde: "middels", Auto: "name", Mangler: "avtale.dittnavn.mangler"},
		{Navn: "fullmakt", Etikett: "avtale.fullmakt.tittel", Slag: "kryss", Valg: []portal.Valg{{Verdi: "ja", Etikett: s.t("avtale.fullmakt", "org", s.org.Navn)}}},
	}
}

// avtaleside is what the page of an agreement is made of.
type avtaleside struct {
	org  organisasjon.Organisasjon
	t    portal.Tolk
	a    organisasjon.Avtale
	base string
	// forst is the hovedavtale, when it must be accepted before this one; else nil.
	forst *portal.Lenke
}

func (p *Forvaltning) lesAvtale(r *http.Request) (s avtaleside, err error) {
	if s.org, err = p.org(r); err != nil {
		return s, err
	}
	s.t, s.base = p.Tolk(r), "/forvaltning/"+s.org.ID+"/avtaler"
	alle, err := p.Organisasjon.Avtaler(r.Context(), s.org.ID)
	if err != nil {
		return s, err
	}
	i := slices.IndexFunc(alle, func(a organisasjon.Avtale) bool { return a.Kode == r.PathValue("kode") })
	if i < 0 {
		return s, feil.Ny(feil.IkkeFunnet, "Siden finnes ikke")
	}
	s.a = alle[i]
	if hoved := alle[0]; i > 0 && hoved.Status != organisasjon.AvtaleInngatt {
		s.forst = &portal.Lenke{Tekst: avtalenavn(s.t, hoved), URL: s.base + "/" + hoved.Kode}
	}
	return s, nil
}

func (p *Forvaltning) visAvtale(w http.ResponseWriter, r *http.Request) error {
	s, err := p.lesAvtale(r)
	if err != nil {
		return err
	}
	felt, err := p.Gjenopprettet(r)
	if err != nil {
		return err
	}
	var m []portal.Melding
	if felt != nil {
		if felt.Get("versjon") != s.a.Versjon {
			felt.Del("fullmakt") // that was for the text that was read
		}
		m = append(m, portal.Melding{Farge: "info", Tekst: s.t("skjema.gjenopprettet"), Status: true})
	} else {
		felt = url.Values{}
		jeg, err := p.Organisasjon.Personer(r.Context(), []string{s.org.ID}, []string{auth.From(r.Context()).Fnr})
		if err != nil {
			return err
		}
		if len(jeg) > 0 {
			felt.Set("navn", jeg[0].Navn)
		}
	}
	return p.visAvtaleMed(w, r, s, http.StatusOK, portal.LesSkjema(s.t, s.felt(), felt, false), m)
}

// avsnitt is a heading or a paragraph of an agreement's text.
type avsnitt struct {
	Tekst      string
	Overskrift bool
}

// visAvtaleMed shows an agreement to be read, and the form when it is not accepted.
func (p *Forvaltning) visAvtaleMed(w http.ResponseWriter, r *http.Request, s avtaleside, status int, sk portal.Skjema, m []portal.Melding) error {
	var tekst []avsnitt
	if s.a.URL == "" {
		mal, err := organisasjon.AvtaleTekst(s.a.Kode, p.Spraak(r))
		if err != nil {
			return err
		}
		for del := range strings.SplitSeq(mal, "\n\n") {
			a := avsnitt{Tekst: strings.TrimSpace(del)}
			if hode, ok := strings.CutPrefix(a.Tekst, "# "); ok {
				a = avsnitt{hode, true}
			}
			if a.Tekst != "" {
				tekst = append(tekst, a)
			}
		}
	}
	andre, err := p.andreKommuner(r, s)
	if err != nil {
		return err
	}
	sk.Versjon = s.a.Versjon
	d := map[string]any{"Tittel": avtalenavn(s.t, s.a), "Org": s.org.Navn, "Avsnitt": tekst, "URL": s.a.URL, "Skjema": sk, "Meldinger": m,
		"Inngatt": s.a.Status == organisasjon.AvtaleInngatt, "Fornyes": s.a.Status == organisasjon.AvtaleFornyes, "Andre": andre, "Avbryt": s.base,
		"Forst": s.forst, "Spraak": p.Spraak(r)}
	if s.a.Sist != nil {
		d["Tid"], d["Hvem"] = s.a.Sist.Tidspunkt, s.a.Sist.Navn
	} else {
		d["Tid"], d["Hvem"] = time.Time{}, ""
	}
	return p.visOrg(w, r, status, "avtale", orgside{Tittel: avtalenavn(s.t, s.a), Org: &s.org, Aktiv: "avtaler", Feil: sk.Feil,
		Smuler: []portal.Lenke{{Tekst: s.t("meny.avtaler"), URL: s.base}, {Tekst: avtalenavn(s.t, s.a)}}, Data: d})
}

// andreKommuner are the other organisations of the person that have not accepted
// this agreement: where one serves several municipalities, each has its own.
func (p *Forvaltning) andreKommuner(r *http.Request, s avtaleside) ([]portal.Lenke, error) {
	ctx := r.Context()
	orger, err := p.Organisasjon.OrganisasjonerMed(ctx, auth.From(ctx).Fnr, auth.Admin)
	if err != nil {
		return nil, err
	}
	var ut []portal.Lenke
	for _, o := range orger {
		if o.ID == s.org.ID || o.Kommunenummer == "" {
			continue
		}
		alle, err := p.Organisasjon.Avtaler(ctx, o.ID)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(alle, func(a organisasjon.Avtale) bool {
			return a.Kode == s.a.Kode && a.Status != organisasjon.AvtaleInngatt
		}) {
			ut = append(ut, portal.Lenke{Tekst: o.Navn, URL: "/forvaltning/" + o.ID + "/avtaler/" + s.a.Kode})
		}
	}
	return ut, nil
}

// godtaAvtale accepts the version that was read. Sent twice it is accepted once.
func (p *Forvaltning) godtaAvtale(w http.ResponseWriter, r *http.Request) error {
	s, err := p.lesAvtale(r)
	if err != nil {
		return err
	}
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	felt := portal.Rens(s.felt(), r.PostForm)
	sk := portal.LesSkjema(s.t, s.felt(), felt, true)
	if felt.Get("fullmakt") != "ja" {
		sk.FeilPaa("fullmakt", s.t("avtale.fullmakt.mangler"))
	}
	if len(sk.Feil) > 0 {
		return p.visAvtaleMed(w, r, s, http.StatusUnprocessableEntity, sk, nil)
	}
	ctx := r.Context()
	err = p.DB.Write(ctx, func(tx *store.Tx) error {
		return p.Organisasjon.Godta(ctx, tx, auth.From(ctx), s.org.ID, organisasjon.Godkjenning{Avtale: s.a.Kode,
			Versjon: r.PostForm.Get("versjon"), Navn: felt.Get("navn"), Sprak: r.PostForm.Get("spraak")})
	})
	switch {
	case feil.Er(err, feil.Konflikt): // read again, and tick again
		felt.Del("fullmakt")
		sk = portal.LesSkjema(s.t, s.felt(), felt, false)
		tekst := s.t("avtale.nyversjon")
		if r.PostForm.Get("versjon") == s.a.Versjon {
			tekst = s.t("avtale.forst")
		}
		return p.visAvtaleMed(w, r, s, http.StatusConflict, sk, []portal.Melding{{Farge: "warning", Tekst: tekst, Status: true}})
	case feil.Er(err, feil.Ugyldig):
		portal.Noter(r, err)
		return p.visAvtaleMed(w, r, s, http.StatusUnprocessableEntity, sk, []portal.Melding{{Farge: "warning", Tekst: s.t("avtale.ingen"), Status: true}})
	case err != nil:
		return err
	}
	return portal.Videre(w, r, s.base+"?godtatt=1")
}
