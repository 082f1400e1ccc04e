package organisasjon

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

type visbarOrganisasjon struct {
	UUID                  string   `json:"uuid"`
	Navn                  string   `json:"navn"`
	Type                  string   `json:"type"`
	Intern                bool     `json:"intern"`
	Kommunenr             *string  `json:"kommunenr"`
	Orgnr                 *string  `json:"orgnr"`
	Epost                 []string `json:"epost"`
	InnbyggerkontaktEpost *string  `json:"innbyggerkontaktEpost"`
	AvtaleadminFnr        *string  `json:"avtaleadminFnr"` // never told
	Synlig                bool     `json:"synlig"`
	Konfigurert           bool     `json:"konfigurert"`
	HarHovedavtale        bool     `json:"harHovedavtale"`
	DigifinMedlem         string   `json:"digifinMedlem"`
	HovedavtaleInngaaelse *string  `json:"hovedavtaleInngaaelse"`
}

func visOrganisasjon(o Organisasjon, st stand) visbarOrganisasjon {
	v := visbarOrganisasjon{UUID: o.ID, Navn: o.Navn, Type: o.Type, Kommunenr: ellerNull(o.Kommunenummer), Orgnr: ellerNull(o.Orgnr),
		Epost: uten(o.Epost), Synlig: true, Konfigurert: st.satt, DigifinMedlem: "UKJENT"}
	if !st.hovedavtale.IsZero() {
		dag := klokke.Oslo(st.hovedavtale).Format(time.DateOnly)
		v.HarHovedavtale, v.HovedavtaleInngaaelse = true, &dag
	}
	return v
}

func (h HTTP) svarOrganisasjoner(w http.ResponseWriter, r *http.Request, alle []Organisasjon, ta func(Organisasjon) bool) error {
	st, err := stander(r.Context(), h.s.db.Read())
	if err != nil {
		return err
	}
	ut := []visbarOrganisasjon{}
	for _, o := range alle {
		if ta(o) {
			ut = append(ut, visOrganisasjon(o, st[o.ID]))
		}
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

// finn answers those of the organisations that the caller may see.
func (h HTTP) finn(w http.ResponseWriter, r *http.Request, ider, kommuner []string) error {
	alle, err := h.s.Synlige(r.Context(), aktor(r))
	if err != nil {
		return err
	}
	valgt := map[string]bool{}
	for _, id := range ider {
		valgt[strings.ToLower(id)] = true
	}
	for _, k := range kommuner {
		valgt[k] = true
	}
	return h.svarOrganisasjoner(w, r, alle, func(o Organisasjon) bool { return valgt[o.ID] || valgt[o.Kommunenummer] && o.Kommunenummer != "" })
}

func (h HTTP) finnOrganisasjoner(w http.ResponseWriter, r *http.Request) error {
	ider, err1 := verdier(r, "orgId")
	kommuner, err2 := verdier(r, "kommunenr")
	if err1 != nil || err2 != nil {
		return feil.Ny(feil.Ugyldig, "For mange id-er i adressen (høyst %d). Bruk POST til samme sted, med {\"ids\":[…],\"kommunenr\":[…]}", maksListe)
	}
	return h.finn(w, r, ider, kommuner)
}

func (h HTTP) finnOrganisasjonerPost(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[struct {
		IDs       []string `json:"ids"`
		Kommunenr []string `json:"kommunenr"`
	}](r)
	if err != nil {
		return err
	}
	if len(inn.IDs)+len(inn.Kommunenr) > maksIder {
		return feil.Ny(feil.Ugyldig, "Spør om høyst %d organisasjoner om gangen", maksIder)
	}
	return h.finn(w, r, inn.IDs, inn.Kommunenr)
}

func (h HTTP) synligeOrganisasjoner(w http.ResponseWriter, r *http.Request) error {
	alle, err := h.s.Synlige(r.Context(), aktor(r))
	if err != nil {
		return err
	}
	return h.svarOrganisasjoner(w, r, alle, func(Organisasjon) bool { return true })
}

// synlig finds one that the caller may see; feil.IkkeFunnet.
func (h HTTP) synlig(r *http.Request, ja func(Organisasjon) bool) (Organisasjon, error) {
	alle, err := h.s.Synlige(r.Context(), aktor(r))
	if err != nil {
		return Organisasjon{}, err
	}
	i := slices.IndexFunc(alle, ja)
	if i < 0 {
		return Organisasjon{}, ikkeFunnet("Organisasjonen")
	}
	return alle[i], nil
}

func medID(r *http.Request) func(Organisasjon) bool {
	id := stiID(r, "fiksOrgId")
	return func(o Organisasjon) bool { return o.ID == id }
}

func (h HTTP) svarInfo(w http.ResponseWriter, r *http.Request, o Organisasjon) error {
	st, err := stander(r.Context(), h.s.db.Read())
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, struct {
		UUID                  string   `json:"uuid"`
		Type                  string   `json:"type"`
		Intern                bool     `json:"intern"`
		Kommunenr             *string  `json:"kommunenr"`
		Epost                 []string `json:"epost"`
		InnbyggerkontaktEpost *string  `json:"innbyggerkontaktEpost"`
		Synlig                bool     `json:"synlig"`
		Konfigurert           bool     `json:"konfigurert"`
		OrgNr                 *string  `json:"orgNr"` // sic
	}{UUID: o.ID, Type: o.Type, Kommunenr: ellerNull(o.Kommunenummer), Epost: uten(o.Epost), Synlig: true, Konfigurert: st[o.ID].satt, OrgNr: ellerNull(o.Orgnr)})
}

func (h HTTP) info(w http.ResponseWriter, r *http.Request) error {
	o, err := h.synlig(r, medID(r))
	if err != nil {
		return err
	}
	return h.svarInfo(w, r, o)
}

func (h HTTP) infoForKommune(w http.ResponseWriter, r *http.Request) error {
	nr := r.URL.Query().Get("kommunenr")
	if !kommuneRE.MatchString(nr) {
		return feil.Ny(feil.Ugyldig, "kommunenr må ha 4 sifre")
	}
	o, err := h.synlig(r, func(o Organisasjon) bool { return o.Kommunenummer == nr })
	if err != nil {
		return err
	}
	return h.svarInfo(w, r, o)
}

type kontaktinformasjon struct {
	FiksOrganisasjonID string   `json:"fiksOrganisasjonId"`
	Navn               string   `json:"navn"`
	Epost              []string `json:"epost"`
	Kommunenr          *string  `json:"kommunenr"`
}

func visKontakt(o Organisasjon) kontaktinformasjon {
	return kontaktinformasjon{o.ID, o.Navn, uten(o.Epost), ellerNull(o.Kommunenummer)}
}

func (h HTTP) kontakt(w http.ResponseWriter, r *http.Request) error {
	o, err := h.synlig(r, medID(r))
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, visKontakt(o))
}

func (h HTTP) alleKontakter(w http.ResponseWriter, r *http.Request) error {
	alle, err := h.s.Synlige(r.Context(), aktor(r))
	if err != nil {
		return err
	}
	ut := struct {
		Organisasjoner []kontaktinformasjon `json:"organisasjoner"`
	}{[]kontaktinformasjon{}}
	for _, o := range alle {
		ut.Organisasjoner = append(ut.Organisasjoner, visKontakt(o))
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

type visbarTjeneste struct {
	Kode        string  `json:"kode"`
	Navn        string  `json:"navn"`
	Beskrivelse string  `json:"beskrivelse"`
	Lesmer      *string `json:"lesmer"`
}

func visTjeneste(t Tjeneste) visbarTjeneste {
	return visbarTjeneste{Kode: t.Kode, Navn: t.Navn, Beskrivelse: t.Beskrivelse}
}

func (h HTTP) tjenester(w http.ResponseWriter, _ *http.Request) error {
	ut := struct {
		Tjenester []visbarTjeneste `json:"tjenester"`
	}{}
	for _, t := range tjenester {
		ut.Tjenester = append(ut.Tjenester, visTjeneste(t))
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

func (h HTTP) rotTjeneste(w http.ResponseWriter, r *http.Request) error {
	t, err := tjeneste(r.PathValue("tjenesteKode"))
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, visTjeneste(t))
}

type tjenesteForOrganisasjon struct {
	Kode            string   `json:"kode"`
	RessursType     string   `json:"ressursType"`
	Navn            string   `json:"navn"`
	Beskrivelse     string   `json:"beskrivelse"`
	Lesmer          *string  `json:"lesmer"`
	Initialisert    bool     `json:"initialisert"`
	Konfigurert     bool     `json:"konfigurert"`
	SigneringStatus string   `json:"signeringStatus"`
	TilgjengeligFor []string `json:"tilgjengeligFor"`
	SentralStyring  bool     `json:"sentralisertBrukerstyringAktiv"`
}

// tjenesterFor tells of each service how far an organisation has come with it.
func (h HTTP) tjenesterFor(ctx context.Context, fiksOrgID string) ([]tjenesteForOrganisasjon, error) {
	barn, err := h.s.Barn(ctx, fiksOrgID, "")
	if err != nil {
		return nil, err
	}
	ferdig, err := konfigurerte(ctx, h.s.db.Read(), fiksOrgID)
	if err != nil {
		return nil, err
	}
	var ut []tjenesteForOrganisasjon
	for _, t := range tjenester {
		f := tjenesteForOrganisasjon{Kode: t.Kode, RessursType: t.RessursType, Navn: t.Navn, Beskrivelse: t.Beskrivelse,
			SigneringStatus: "TRENGER_IKKE_SIGNERE", TilgjengeligFor: organisasjonstyper}
		if h.s.avtaleplikt(fiksOrgID) {
			switch err := h.s.KrevAvtale(ctx, h.s.db.Read(), fiksOrgID, t.RessursType); {
			case feil.Er(err, feil.Ugyldig):
				f.SigneringStatus = "USIGNERT"
			case err != nil:
				return nil, err
			default:
				f.SigneringStatus = "SIGNERT"
			}
		}
		for _, r := range barn {
			if r.Type == t.RessursType {
				f.Initialisert, f.Konfigurert = true, f.Konfigurert || ferdig[r.ID]
			}
		}
		ut = append(ut, f)
	}
	return ut, nil
}

func (h HTTP) organisasjonensTjenester(w http.ResponseWriter, r *http.Request) error {
	ut, err := h.tjenesterFor(r.Context(), stiID(r, "fiksOrgId"))
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

func (h HTTP) organisasjonensTjeneste(w http.ResponseWriter, r *http.Request) error {
	t, err := tjeneste(r.PathValue("tjenesteKode"))
	if err != nil {
		return err
	}
	ut, err := h.tjenesterFor(r.Context(), stiID(r, "fiksOrgId"))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(ut, func(f tjenesteForOrganisasjon) bool { return f.Kode == t.Kode })
	return httpx.JSON(w, http.StatusOK, ut[i])
}

// endreTjeneste switches central user management, which is not offered: off is
// what it is.
func (h HTTP) endreTjeneste(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[struct {
		Kode string `json:"kode"`
		Paa  *bool  `json:"nyStatusSentralisertBrukerstyring"`
	}](r)
	switch {
	case err != nil:
		return err
	case inn.Paa == nil || inn.Kode != "" && inn.Kode != r.PathValue("tjenesteKode"):
		return feil.Ny(feil.Ugyldig, "nyStatusSentralisertBrukerstyring må være satt, og kode den samme som i adressen")
	case *inn.Paa:
		return feil.Ny(feil.IkkeBygget, "Sentralisert brukerstyring tilbys ikke her. Gi personer privilegier hver for seg")
	}
	return h.organisasjonensTjeneste(w, r)
}

// initialiser takes a service into use; it is the same ressurs when it was before.
func (h HTTP) initialiser(w http.ResponseWriter, r *http.Request) error {
	t, err := tjeneste(r.PathValue("tjenesteKode"))
	if err != nil {
		return err
	}
	ctx, orgID := r.Context(), stiID(r, "fiksOrgId")
	var svar struct {
		RessursID string `json:"ressursId"`
	}
	err = h.s.db.Write(ctx, func(tx *store.Tx) (err error) {
		if t.Krever != "" {
			forst, err := tjeneste(t.Krever)
			if err != nil {
				return err
			}
			if _, err := tjenesteRessurs(ctx, tx, orgID, forst.RessursType); feil.Er(err, feil.IkkeFunnet) {
				return feil.Ny(feil.Konflikt, "%s trenger %s. Ta i bruk den først: POST …/tjenester/%s/initialiser", t.Navn, forst.Navn, forst.Kode)
			} else if err != nil {
				return err
			}
		}
		svar.RessursID, err = h.s.TaIBruk(ctx, tx, orgID, t.RessursType)
		return err
	})
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, svar)
}

func (h HTTP) konfigurer(w http.ResponseWriter, r *http.Request) error {
	t, err := tjeneste(r.PathValue("tjenesteKode"))
	if err != nil {
		return err
	}
	ctx := r.Context()
	err = h.s.db.Write(ctx, func(tx *store.Tx) error { return h.s.Konfigurer(ctx, tx, stiID(r, "fiksOrgId"), t) })
	if err != nil {
		return err
	}
	return h.organisasjonensTjeneste(w, r)
}

func (h HTTP) rotOrganisasjoner(w http.ResponseWriter, r *http.Request) error {
	alle, err := h.s.Organisasjoner(r.Context())
	if err != nil {
		return err
	}
	return h.svarOrganisasjoner(w, r, alle, func(Organisasjon) bool { return true })
}

// rotOpprettOrganisasjon makes a customer of the platform, with its first administrator.
func (h HTTP) rotOpprettOrganisasjon(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[struct {
		Navn           string   `json:"navn"`
		Type           string   `json:"type"`
		Kommunenr      string   `json:"kommunenr"`
		Orgnr          string   `json:"orgnr"`
		Epost          []string `json:"epost"`
		AvtaleadminFnr string   `json:"avtaleadminFnr"`
	}](r)
	switch {
	case err != nil:
		return err
	case len(inn.Epost) > maksListe || slices.ContainsFunc(inn.Epost, func(e string) bool { return len(e) > 254 || !epostRE.MatchString(e) }):
		return feil.Ny(feil.Ugyldig, "epost må være høyst %d e-postadresser", maksListe)
	case !fnrRE.MatchString(inn.AvtaleadminFnr):
		return feil.Ny(feil.Ugyldig, "avtaleadminFnr må være fødselsnummeret til organisasjonens første administrator")
	}
	ctx := r.Context()
	var o Organisasjon
	err = h.s.db.Write(ctx, func(tx *store.Tx) (err error) {
		o, err = h.s.OpprettOrganisasjon(ctx, tx, Organisasjon{Navn: inn.Navn, Type: inn.Type, Kommunenummer: inn.Kommunenr, Orgnr: inn.Orgnr, Epost: inn.Epost})
		if err != nil {
			return err
		}
		err = h.s.logg(ctx, tx, audit.Hendelse{Principal: auth.From(ctx), FiksOrg: o.ID, Tjeneste: TypeOrganisasjon, Handling: "ORGANISASJON_OPPRETTET"})
		if err != nil {
			return err
		}
		return h.s.GiTilgang(ctx, tx, auth.From(ctx), inn.AvtaleadminFnr, auth.Admin, o.ID)
	})
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, visOrganisasjon(o, stand{}))
}
