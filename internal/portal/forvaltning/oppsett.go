package forvaltning

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/store"
)

// oppsettRuter are the page of what the organisation says of itself.
func (p *Forvaltning) oppsettRuter(org string, endre auth.Tilgang) []auth.Route {
	return []auth.Route{
		p.Rute("GET "+org+"/oppsett", endre, p.visOppsett),
		p.Rute("POST "+org+"/oppsett", endre, p.lagreOppsett),
	}
}

func oppsettFelt(t portal.Tolk) []portal.Feltdef {
	kontakt := func(hvem, navn, epost, mangler, telefon string) []portal.Feltdef {
		return []portal.Feltdef{
			{Navn: hvem + "navn", Etikett: navn, Maks: 200, Bredde: "middels", Valgfri: true},
			{Navn: hvem + "epost", Etikett: epost, Hjelp: "skjema.epost.hjelp", Slag: "langtekst", Inndata: "email", Mangler: mangler, Sjekk: sjekkFaaEpost},
			{Navn: hvem + "telefon", Etikett: telefon, Inndata: "tel", Bredde: "kort", Valgfri: true, Sjekk: sjekkTelefon},
		}
	}
	felt := []portal.Feltdef{
		{Navn: "navn", Etikett: "oppsett.navn", Hjelp: "oppsett.navn.hjelp", Maks: 200, Bredde: "middels", Mangler: "oppsett.navn.mangler", Sjekk: sjekkOrgnavn},
		{Navn: "faktura", Etikett: "oppsett.faktura", Slag: "valg", Mangler: "oppsett.faktura.mangler", Valg: []portal.Valg{
			{Verdi: "ehf", Etikett: t("oppsett.faktura.ehf"), Hjelp: t("oppsett.faktura.ehf.hjelp")}, {Verdi: "post", Etikett: t("oppsett.faktura.post"), Hjelp: t("oppsett.faktura.post.hjelp")}}},
		{Navn: "referanse", Etikett: "oppsett.referanse", Hjelp: "oppsett.referanse.hjelp", Maks: 100, Bredde: "middels", Mangler: "oppsett.referanse.mangler"},
		{Navn: "endepunkt", Etikett: "oppsett.endepunkt", Hjelp: "oppsett.endepunkt.hjelp", Inndata: "numeric", Bredde: "kort", Valgfri: true, Sjekk: portal.SjekkOrgnr},
		{Navn: "adresse1", Etikett: "oppsett.adresse1", Hjelp: "oppsett.adresse.hjelp", Maks: 254, Bredde: "middels", Valgfri: true},
		{Navn: "adresse2", Etikett: "oppsett.adresse2", Maks: 254, Bredde: "middels", Valgfri: true},
		{Navn: "postnr", Etikett: "oppsett.postnr", Inndata: "numeric", Bredde: "kort", Valgfri: true, Sjekk: portal.SjekkPostnummer},
		{Navn: "poststed", Etikett: "oppsett.poststed", Maks: 100, Bredde: "middels", Valgfri: true},
	}
	return slices.Concat(felt,
		kontakt("fag", "oppsett.fag.navn", "oppsett.fag.epost", "oppsett.fag.epost.mangler", "oppsett.fag.telefon"),
		kontakt("teknisk", "oppsett.teknisk.navn", "oppsett.teknisk.epost", "oppsett.teknisk.epost.mangler", "oppsett.teknisk.telefon"))
}

func sjekkOrgnavn(s string) (string, []any) {
	if !organisasjon.GyldigNavn(s) {
		return "oppsett.navn.ugyldig", nil
	}
	return "", nil
}

// maksOppsettAdresser is how many addresses a contact has at most (organisasjon.Oppsett).
const maksOppsettAdresser = 20

func sjekkFaaEpost(s string) (string, []any) {
	if len(portal.Adresser(s)) > maksOppsettAdresser {
		return "oppsett.epost.mange", []any{"maks", maksOppsettAdresser}
	}
	return portal.SjekkEpost(s)
}

// oppsettSomFelt spreads a set-up on the fields.
func oppsettSomFelt(o organisasjon.Oppsett) url.Values {
	v := url.Values{}
	faktura := ""
	if o.Versjon > 0 {
		if faktura = "post"; o.Faktura.EHF {
			faktura = "ehf"
		}
	}
	for navn, verdi := range map[string]string{"navn": o.Navn, "faktura": faktura, "referanse": o.Faktura.Referanse, "endepunkt": o.Faktura.EndepunktID,
		"adresse1": o.Faktura.Adresselinje1, "adresse2": o.Faktura.Adresselinje2, "postnr": o.Faktura.Postnummer, "poststed": o.Faktura.Poststed,
		"fagnavn": o.Fag.Navn, "fagepost": portal.Linjer(o.Fag.Epost), "fagtelefon": o.Fag.Telefon,
		"teknisknavn": o.Teknisk.Navn, "tekniskepost": portal.Linjer(o.Teknisk.Epost), "teknisktelefon": o.Teknisk.Telefon} {
		v.Set(navn, verdi)
	}
	return v
}

// somOppsett gathers the fields. What belongs to the other way of invoicing is not
// asked for, and is left out.
func somOppsett(v url.Values) organisasjon.Oppsett {
	o := organisasjon.Oppsett{Navn: v.Get("navn"), Faktura: organisasjon.Faktura{EHF: v.Get("faktura") == "ehf", Referanse: v.Get("referanse")},
		Fag:     organisasjon.Kontakt{Navn: v.Get("fagnavn"), Epost: portal.Adresser(v.Get("fagepost")), Telefon: v.Get("fagtelefon")},
		Teknisk: organisasjon.Kontakt{Navn: v.Get("teknisknavn"), Epost: portal.Adresser(v.Get("tekniskepost")), Telefon: v.Get("teknisktelefon")}}
	if f := &o.Faktura; f.EHF {
		f.EndepunktID = v.Get("endepunkt")
	} else {
		f.Adresselinje1, f.Adresselinje2, f.Postnummer, f.Poststed = v.Get("adresse1"), v.Get("adresse2"), v.Get("postnr"), v.Get("poststed")
	}
	return o
}

// sjekkOppsett reads the form: beside each field, what belongs to the chosen way of
// invoicing must be there.
func sjekkOppsett(t portal.Tolk, felt url.Values) portal.Skjema {
	sk := portal.LesSkjema(t, oppsettFelt(t), felt, true)
	maa := []struct{ navn, tekst string }{{"endepunkt", "oppsett.endepunkt.mangler"}}
	switch felt.Get("faktura") {
	case "ehf":
	case "post":
		maa = []struct{ navn, tekst string }{{"adresse1", "oppsett.adresse1.mangler"}, {"postnr", "oppsett.postnr.mangler"}, {"poststed", "oppsett.poststed.mangler"}}
	default:
		maa = nil
	}
	for _, m := range maa {
		if felt.Get(m.navn) == "" {
			sk.FeilPaa(m.navn, t(m.tekst))
		}
	}
	return sk
}

func (p *Forvaltning) visOppsett(w http.ResponseWriter, r *http.Request) error {
	org, err := p.org(r)
	if err != nil {
		return err
	}
	t := p.Tolk(r)
	o, err := p.Organisasjon.Oppsett(r.Context(), org.ID)
	if err != nil {
		return err
	}
	felt, err := p.Gjenopprettet(r)
	if err != nil {
		return err
	}
	var m []portal.Melding
	versjon := strconv.FormatInt(o.Versjon, 10)
	switch {
	case felt != nil:
		m, versjon = append(m, portal.Melding{Farge: "info", Tekst: t("skjema.gjenopprettet"), Status: true}), felt.Get("versjon")
	case r.URL.Query().Get("lagret") != "":
		m = append(m, portal.Melding{Farge: "success", Tekst: t("endring.lagret"), Status: true})
	}
	if felt == nil {
		felt = oppsettSomFelt(o)
	}
	sk := portal.LesSkjema(t, oppsettFelt(t), felt, false)
	sk.Versjon = versjon
	return p.visOppsettMed(w, r, org, o, http.StatusOK, sk, m)
}

func (p *Forvaltning) visOppsettMed(w http.ResponseWriter, r *http.Request, org organisasjon.Organisasjon, o organisasjon.Oppsett, status int, sk portal.Skjema, m []portal.Melding) error {
	t := p.Tolk(r)
	d := map[string]any{"Orgnr": org.Orgnr, "Skjema": sk, "Meldinger": m, "Avbryt": "/forvaltning/" + org.ID + "/tjenester",
		"Forste": o.Versjon == 0, "Sporr": o.BorBekreftes(p.Klokke.Now()), "Bekreftet": o.Bekreftet}
	if status == http.StatusConflict {
		d["Lagret"] = svarene(t, steg{felt: oppsettFelt(t)}, oppsettSomFelt(o), "")
	}
	return p.visOrg(w, r, status, "oppsett", orgside{Tittel: t("meny.oppsett"), Org: &org, Aktiv: "oppsett", Feil: sk.Feil, Data: d})
}

// lagreOppsett stores it, or says that what is stored is still right, unless
// somebody has changed it since the page was shown.
func (p *Forvaltning) lagreOppsett(w http.ResponseWriter, r *http.Request) error {
	org, err := p.org(r)
	if err != nil {
		return err
	}
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	ctx, t := r.Context(), p.Tolk(r)
	versjon, err := strconv.ParseInt(r.PostForm.Get("versjon"), 10, 64)
	if err != nil || versjon < 0 {
		versjon = -1 // a version nothing has
	}
	bekreft := r.PostForm.Get("handling") == "bekreft"
	felt := portal.Rens(oppsettFelt(t), r.PostForm)
	var sk portal.Skjema
	if !bekreft {
		sk = sjekkOppsett(t, felt)
		sk.Versjon = r.PostForm.Get("versjon")
	}
	naa, err := p.Organisasjon.Oppsett(ctx, org.ID)
	if err != nil {
		return err
	}
	if len(sk.Feil) > 0 {
		return p.visOppsettMed(w, r, org, naa, http.StatusUnprocessableEntity, sk, nil)
	}
	err = p.DB.Write(ctx, func(tx *store.Tx) error {
		if bekreft {
			return p.Organisasjon.BekreftOppsett(ctx, tx, auth.From(ctx), org.ID, versjon)
		}
		o := somOppsett(felt)
		o.Versjon = versjon
		_, err := p.Organisasjon.LagreOppsett(ctx, tx, auth.From(ctx), org.ID, o)
		return err
	})
	switch {
	case feil.Er(err, feil.Konflikt):
		if naa, err = p.Organisasjon.Oppsett(ctx, org.ID); err != nil {
			return err
		}
		if alleredeGjort(naa, bekreft, naa.BorBekreftes(p.Klokke.Now()), felt, versjon) {
			return portal.Videre(w, r, r.URL.EscapedPath()+"?lagret=1")
		}
		if bekreft {
			sk = portal.LesSkjema(t, oppsettFelt(t), oppsettSomFelt(naa), false)
		}
		sk.Versjon = strconv.FormatInt(naa.Versjon, 10)
		return p.visOppsettMed(w, r, org, naa, http.StatusConflict, sk, []portal.Melding{{Farge: "warning", Tittel: t("konflikt.tittel"), Tekst: t("konflikt"), Status: true}})
	case feil.Er(err, feil.Ugyldig):
		portal.Noter(r, err)
		sk.Feil = []portal.Lenke{{Tekst: t("oppsett.avvist")}}
		return p.visOppsettMed(w, r, org, naa, http.StatusUnprocessableEntity, sk, nil)
	case err != nil:
		return err
	}
	return portal.Videre(w, r, r.URL.EscapedPath()+"?lagret=1")
}

// alleredeGjort tells whether what could not be done, since the version is another,
// is done: the button was pressed twice, or somebody else has confirmed the same.
func alleredeGjort(naa organisasjon.Oppsett, bekreft, bor bool, felt url.Values, versjon int64) bool {
	if bekreft {
		return naa.Versjon == versjon+1 && !bor
	}
	ny := somOppsett(felt)
	ny.Versjon = naa.Versjon
	return naa.Versjon == versjon+1 && oppsettSomFelt(ny).Encode() == oppsettSomFelt(naa).Encode()
}
