// Package forvaltning is the pages where an organisation's administrators set up
// its services, on the base that all portals share.
package forvaltning

import (
	"embed"
	"errors"
	"net/http"
	"slices"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/digisos"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/store"
	"knutepunkt/internal/svarut/svarinn"
	"knutepunkt/internal/utlop"
)

//go:embed maler/*.html tekster/*/*.json
var innhold embed.FS

// Del is what these pages bring to the base.
func Del() portal.Del {
	return portal.Del{Innhold: innhold, Kort: []portal.Kort{
		{Tittel: "hjem.forvaltning", Om: "hjem.forvaltning.om", Lenke: "hjem.forvaltning.aapne", URL: "/forvaltning", Innlogging: true}}}
}

// Deps are the rooms below that these pages stand on. All rooms are required.
type Deps struct {
	Organisasjon *organisasjon.Service
	FiksIO       *fiksio.Service
	Digisos      *digisos.Service
	SvarInn      *svarinn.Service
	Utlop        *utlop.Service
	Bekymring    *bekymringsmelding.Service
	AMQP         AMQP // for the pages to tell; may be empty
}

// Forvaltning is the pages, on their base.
type Forvaltning struct {
	*portal.Portal
	Deps
}

// New makes the pages. The base must have been made with Del.
func New(p *portal.Portal, d Deps) *Forvaltning { return &Forvaltning{p, d} }

// velgOrg lists the organisations that the person administers, and the
// mottakersystemer of others that they may configure.
func (p *Forvaltning) velgOrg(w http.ResponseWriter, r *http.Request) error {
	fnr := auth.From(r.Context()).Fnr
	orger, err := p.Organisasjon.OrganisasjonerMed(r.Context(), fnr, auth.Admin)
	if err != nil {
		return err
	}
	systemer, err := p.SvarInn.Mine(r.Context(), fnr)
	if err != nil {
		return err
	}
	systemer = slices.DeleteFunc(systemer, func(m svarinn.Mottakersystem) bool {
		return slices.ContainsFunc(orger, func(o organisasjon.Organisasjon) bool { return o.ID == m.FiksOrgID })
	})
	if len(orger) == 1 && len(systemer) == 0 {
		return portal.Videre(w, r, "/forvaltning/"+orger[0].ID+"/tjenester")
	}
	return p.visOrg(w, r, http.StatusOK, "velgorg", orgside{Tittel: p.Tolk(r)("velgorg.tittel"),
		Data: map[string]any{"Orger": orger, "Systemer": systemer}})
}

func (p *Forvaltning) orgForside(w http.ResponseWriter, r *http.Request) error {
	return portal.Videre(w, r, "/forvaltning/"+r.PathValue("orgId")+"/tjenester")
}

// tjeneste is a service as the overview shows it.
type tjeneste struct {
	Type, Navn, Om string
	IBruk          bool
	Merke, Farge   string // its state, in a word
	Oppsummert     string // how it is doing
	Varsel         string
	Mangler        string         // what must come first; "" when nothing
	Avtaler        []portal.Lenke // that must be accepted first
	URL            string         // where it is set up; "" when there is nothing to
	Lenke          string
	TaIBruk        bool // with the button of this page
}

// tjenester gives the services that this build offers an organisation, those in
// use first.
func (p *Forvaltning) tjenester(r *http.Request, t portal.Tolk, org organisasjon.Organisasjon) ([]tjeneste, error) {
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
		b := tjeneste{Type: organisasjon.TypeBekymringsmelding, Navn: t("bydel.tjeneste"), Om: t("bydel.tjeneste.om"),
			URL: "/forvaltning/" + org.ID + "/bekymringsmelding", Lenke: t("tjeneste.taibruk"), IBruk: iBruk[organisasjon.TypeBekymringsmelding]}
		if b.IBruk {
			b.Lenke = t("tjeneste.oppsett")
			if b.Oppsummert, b.Varsel, err = p.bydelsammendrag(r, t, org.ID); err != nil {
				return nil, err
			}
		}
		ut = append(ut, d, b)
	} else {
		i := iBruk[organisasjon.TypeBekymringsmelding]
		ut = append(ut, tjeneste{Type: organisasjon.TypeBekymringsmelding, Navn: t("bydel.tjeneste"), Om: t("bydel.tjeneste.sende"), IBruk: i, TaIBruk: !i})
	}
	fio := tjeneste{Type: organisasjon.TypeFiksIO, Navn: t("tjeneste.fiksio"), Om: t("tjeneste.fiksio.om"),
		IBruk: iBruk[organisasjon.TypeFiksIO], TaIBruk: !iBruk[organisasjon.TypeFiksIO]}
	if fio.IBruk {
		fio.URL, fio.Lenke = "/forvaltning/"+org.ID+"/kontoer", t("kontoer.se")
		if fio.Oppsummert, fio.Varsel, err = p.kontosammendrag(r, t, org.ID); err != nil {
			return nil, err
		}
	}
	ut = append(ut,
		tjeneste{Type: organisasjon.TypeDokumentlager, Navn: t("tjeneste.dokumentlager"), Om: t("tjeneste.dokumentlager.om"),
			IBruk: iBruk[organisasjon.TypeDokumentlager], TaIBruk: !iBruk[organisasjon.TypeDokumentlager]}, fio)
	var foran, bak []tjeneste
	for _, x := range ut {
		x.Merke, x.Farge = t("tjeneste.ikkeibruk"), "neutral"
		if !x.IBruk {
			if x.Avtaler, err = p.manglendeAvtaler(ctx, t, org.ID, x.Type); err != nil {
				return nil, err
			}
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

func (p *Forvaltning) visTjenester(w http.ResponseWriter, r *http.Request) error {
	org, err := p.org(r)
	if err != nil {
		return err
	}
	t := p.Tolk(r)
	tj, err := p.tjenester(r, t, org)
	if err != nil {
		return err
	}
	oppsett, err := p.Organisasjon.Oppsett(r.Context(), org.ID)
	if err != nil {
		return err
	}
	gjor, err := p.nyeAvtaler(r.Context(), t, org.ID, tj)
	if err != nil {
		return err
	}
	sti := "/forvaltning/" + org.ID + "/oppsett"
	if oppsett.Versjon == 0 {
		gjor = append(gjor, portal.Lenke{Tekst: t("oppsett.mangler"), URL: sti})
	} else if oppsett.BorBekreftes(p.Klokke.Now()) {
		gjor = append(gjor, portal.Lenke{Tekst: t("oppsett.stemmer"), URL: sti})
	}
	utloper, err := p.utlopTabell(r, t, org.ID)
	if err != nil { // the services are shown without
		portal.Noter(r, err)
	}
	ny := ""
	for _, x := range tj {
		if x.IBruk && x.Type == r.URL.Query().Get("ny") {
			ny = t("tjeneste.tattibruk", "tjeneste", x.Navn)
		}
	}
	return p.visOrg(w, r, http.StatusOK, "tjenester", orgside{Tittel: t("meny.tjenester"), Org: &org, Aktiv: "tjenester",
		Data: map[string]any{"Tjenester": tj, "Ny": ny, "Gjor": gjor, "Utlop": utloper, "Utlopfeil": err != nil}})
}

// taIBruk takes a service into use that needs no more than that.
func (p *Forvaltning) taIBruk(w http.ResponseWriter, r *http.Request) error {
	org, err := p.org(r)
	if err != nil {
		return err
	}
	typ := r.PostForm.Get("tjeneste")
	if !slices.Contains([]string{organisasjon.TypeDokumentlager, organisasjon.TypeFiksIO, organisasjon.TypeBekymringsmelding}, typ) {
		return feil.Ny(feil.Ugyldig, "Ukjent tjeneste")
	}
	err = p.DB.Write(r.Context(), func(tx *store.Tx) error {
		_, err := p.Organisasjon.TaIBruk(r.Context(), tx, org.ID, typ)
		return err
	})
	if f, ok := errors.AsType[*feil.Feil](err); ok && f.ErrorCode == organisasjon.AvtaleMangler {
		return portal.Videre(w, r, "/forvaltning/"+org.ID+"/avtaler") // accepted by the page, and not any more
	} else if err != nil {
		return err
	}
	return portal.Videre(w, r, "/forvaltning/"+org.ID+"/tjenester?ny="+typ)
}
