package portal

import (
	"net/http"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

// hjem is the start page.
func (p *Portal) hjem(w http.ResponseWriter, r *http.Request) error {
	return p.vis(w, r, http.StatusOK, "hjem", side{Tittel: p.tolk(r)("hjem.tittel")})
}

// om tells what the pages keep, and whom to turn to.
func (p *Portal) om(w http.ResponseWriter, r *http.Request) error {
	return p.vis(w, r, http.StatusOK, "om", side{Tittel: p.tolk(r)("om.tittel"), Data: p.cfg})
}

func (p *Portal) loggetUt(w http.ResponseWriter, r *http.Request) error {
	return p.vis(w, r, http.StatusOK, "loggetut", side{Tittel: p.tolk(r)("loggetut.tittel")})
}

// velgOrg lists the organisations that the person administers.
func (p *Portal) velgOrg(w http.ResponseWriter, r *http.Request) error {
	orger, err := p.Organisasjon.OrganisasjonerMed(r.Context(), auth.From(r.Context()).Fnr, auth.Admin)
	if err != nil {
		return err
	}
	if len(orger) == 1 {
		return videre(w, r, "/forvaltning/"+orger[0].ID+"/tjenester")
	}
	return p.vis(w, r, http.StatusOK, "velgorg", side{Tittel: p.tolk(r)("velgorg.tittel"), Data: orger})
}

func (p *Portal) orgForside(w http.ResponseWriter, r *http.Request) error {
	return videre(w, r, "/forvaltning/"+r.PathValue("orgId")+"/tjenester")
}

// tjeneste is a service as the overview shows it.
type tjeneste struct {
	Type, Navn, Om string
	IBruk          bool
	Merke, Farge   string // its state, in a word
	Varsel         string
	Mangler        string // what must come first; "" when nothing
	URL            string // where it is set up; "" when there is nothing to
	Lenke          string
	TaIBruk        bool // with the button of this page
}

// tjenester gives the services that this build offers an organisation, those in
// use first.
func (p *Portal) tjenester(r *http.Request, t tolk, org organisasjon.Organisasjon) ([]tjeneste, error) {
	ctx := r.Context()
	barn, err := p.Organisasjon.Barn(ctx, org.ID, "")
	if err != nil {
		return nil, err
	}
	iBruk := map[string]bool{}
	for _, b := range barn {
		iBruk[b.Type] = true
	}
	var ut []tjeneste
	if org.Kommunenummer != "" {
		d := tjeneste{Type: organisasjon.TypeDigisos, Navn: t("tjeneste.digisos"), Om: t("tjeneste.digisos.om"), URL: "/forvaltning/" + org.ID + "/digisos", Lenke: t("tjeneste.taibruk")}
		k, err := p.Digisos.Konfigurasjon(ctx, org.ID)
		switch {
		case feil.Er(err, feil.IkkeFunnet):
			if !iBruk[organisasjon.TypeDokumentlager] {
				d.Mangler, d.URL = t("tjeneste.digisos.mangler"), ""
			}
		case err != nil:
			return nil, err
		default:
			d.IBruk, d.Lenke = true, t("tjeneste.oppsett")
			switch {
			case !k.Aktivert:
				d.Varsel = t("digisos.ikkeaktiv")
			case k.MidlertidigDeaktivertMottak:
				d.Varsel = t("digisos.stengt.mottak")
			case k.MidlertidigDeaktivertOppdateringer:
				d.Varsel = t("digisos.stengt.oppdateringer")
			}
		}
		ut = append(ut, d)
	}
	ut = append(ut,
		tjeneste{Type: organisasjon.TypeDokumentlager, Navn: t("tjeneste.dokumentlager"), Om: t("tjeneste.dokumentlager.om"),
			IBruk: iBruk[organisasjon.TypeDokumentlager], TaIBruk: !iBruk[organisasjon.TypeDokumentlager]},
		tjeneste{Type: organisasjon.TypeFiksIO, Navn: t("tjeneste.fiksio"), Om: t("tjeneste.fiksio.om"),
			IBruk: iBruk[organisasjon.TypeFiksIO], TaIBruk: !iBruk[organisasjon.TypeFiksIO]})
	var foran, bak []tjeneste
	for _, x := range ut {
		x.Merke, x.Farge = t("tjeneste.ikkeibruk"), "neutral"
		if !x.IBruk {
			bak = append(bak, x)
			continue
		}
		if x.Merke, x.Farge = t("tjeneste.ibruk"), "success"; x.Varsel != "" {
			x.Merke, x.Farge = t("tjeneste.folgmed"), "warning"
		}
		foran = append(foran, x)
	}
	return append(foran, bak...), nil
}

// kontorad is a Fiks IO konto in the overview.
func (p *Portal) kontoTabell(r *http.Request, t tolk, orgID string) (*tabell, error) {
	kontoer, err := p.FiksIO.Kontoer(r.Context(), orgID)
	if err != nil || len(kontoer) == 0 {
		return nil, err
	}
	tab := &tabell{Merke: t("konto.tabell"), Kolonner: []string{t("konto.navn"), t("konto.id"), t("konto.konsumenter"), t("konto.venter"), t("konto.status")}}
	for _, k := range kontoer {
		st, err := p.FiksIO.Status(r.Context(), k)
		if err != nil {
			return nil, err
		}
		status := celle{Tekst: t("konto.ok"), Farge: "success"}
		switch {
		case !st.GyldigMottaker:
			status = celle{Tekst: t("konto.ikkemottaker"), Farge: "danger"}
		case st.AntallKonsumenter == 0:
			status = celle{Tekst: t("konto.ingen"), Farge: "warning"}
		}
		tab.Rader = append(tab.Rader, []celle{{Tekst: k.Navn}, {Tekst: k.ID, Kode: true}, tall(st.AntallKonsumenter), tall(st.AntallUavhentedeMeldinger), status})
	}
	return tab, nil
}

func (p *Portal) visTjenester(w http.ResponseWriter, r *http.Request) error {
	org, err := p.org(r)
	if err != nil {
		return err
	}
	t := p.tolk(r)
	tj, err := p.tjenester(r, t, org)
	if err != nil {
		return err
	}
	kontoer, err := p.kontoTabell(r, t, org.ID)
	if err != nil {
		return err
	}
	ny := ""
	for _, x := range tj {
		if x.IBruk && x.Type == r.URL.Query().Get("ny") {
			ny = t("tjeneste.tattibruk", "tjeneste", x.Navn)
		}
	}
	return p.vis(w, r, http.StatusOK, "tjenester", side{Tittel: t("meny.tjenester"), Org: &org, Aktiv: "tjenester",
		Data: map[string]any{"Tjenester": tj, "Kontoer": kontoer, "Ny": ny}})
}

// taIBruk takes a service into use that needs no more than that.
func (p *Portal) taIBruk(w http.ResponseWriter, r *http.Request) error {
	org, err := p.org(r)
	if err != nil {
		return err
	}
	typ := r.PostForm.Get("tjeneste")
	if typ != organisasjon.TypeDokumentlager && typ != organisasjon.TypeFiksIO {
		return feil.Ny(feil.Ugyldig, "Ukjent tjeneste")
	}
	err = p.DB.Write(r.Context(), func(tx *store.Tx) error {
		_, err := p.Organisasjon.TaIBruk(r.Context(), tx, org.ID, typ)
		return err
	})
	if err != nil {
		return err
	}
	return videre(w, r, "/forvaltning/"+org.ID+"/tjenester?ny="+typ)
}
