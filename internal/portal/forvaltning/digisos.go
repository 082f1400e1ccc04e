package forvaltning

import (
	"net/http"
	"net/url"
	"slices"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/digisos"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
)

// utkastDigisos names the wizard's draft.
const utkastDigisos = "digisos"

// steg is a page of the Digisos wizard, and of later changes (seed 002).
type steg struct {
	navn   string // in the address
	tittel string // keys of texts
	om     string
	felt   []portal.Feltdef
}

// digisosSteg are the steps for an organisation, in order; the review is not
// among them. naa is the Fiks IO konto that is in use now, or "".
func (p *Forvaltning) digisosSteg(r *http.Request, t portal.Tolk, orgID, naa string) ([]steg, error) {
	kanaler, err := p.kanaler(r, t, orgID, naa)
	if err != nil {
		return nil, err
	}
	return stegFor(t, kanaler), nil
}

func stegFor(t portal.Tolk, kanaler []portal.Valg) []steg {
	kanalOm := "digisos.kanal.om"
	if len(kanaler) == 1 {
		kanalOm = "digisos.kanal.ingen"
	}
	return []steg{
		{"kanal", "digisos.kanal", kanalOm, []portal.Feltdef{
			{Navn: "kanal", Etikett: "digisos.kanal.valg", Slag: "valg", Valg: kanaler, Mangler: "digisos.kanal.mangler"}}},
		{"svarinn", "digisos.svarinn", "digisos.svarinn.om", []portal.Feltdef{
			{Navn: "navn", Etikett: "digisos.svarinn.navn", Hjelp: "digisos.svarinn.navn.hjelp", Maks: 100, Bredde: "middels", Mangler: "digisos.svarinn.navn.mangler"},
			{Navn: "orgnr", Etikett: "digisos.svarinn.orgnr", Hjelp: "digisos.svarinn.orgnr.hjelp", Inndata: "numeric", Bredde: "kort", Mangler: "skjema.orgnr.mangler", Sjekk: portal.SjekkOrgnr},
			{Navn: "adresse1", Etikett: "digisos.svarinn.adresse1", Maks: 254, Bredde: "middels", Valgfri: true},
			{Navn: "adresse2", Etikett: "digisos.svarinn.adresse2", Maks: 254, Bredde: "middels", Valgfri: true},
			{Navn: "postnr", Etikett: "digisos.svarinn.postnr", Inndata: "numeric", Bredde: "kort", Mangler: "digisos.svarinn.postnr.mangler", Sjekk: portal.SjekkPostnummer},
			{Navn: "poststed", Etikett: "digisos.svarinn.poststed", Maks: 100, Bredde: "middels", Mangler: "digisos.svarinn.poststed.mangler"}}},
		{"behandlingsansvarlig", "digisos.ansvarlig", "digisos.ansvarlig.om", []portal.Feltdef{
			{Navn: "ansvarlig", Etikett: "digisos.ansvarlig.navn", Hjelp: "digisos.ansvarlig.hjelp", Maks: 100, Bredde: "middels", Mangler: "digisos.ansvarlig.mangler"}}},
		{"nav-kontaktsenter", "digisos.nks", "digisos.nks.om", []portal.Feltdef{
			{Navn: "nks", Etikett: "digisos.nks.valg", Slag: "valg", Valg: portal.JaNei(t, "ja", "nei"), Mangler: "digisos.nks.mangler"}}},
		{"saksoppdateringer", "digisos.oppdatering", "digisos.oppdatering.om", []portal.Feltdef{
			{Navn: "oppdateringer", Etikett: "digisos.oppdatering.valg", Slag: "valg", Valg: portal.JaNei(t, "digisos.oppdatering.ja", "digisos.oppdatering.nei"), Mangler: "digisos.oppdatering.mangler"}}},
		{"kontakt", "digisos.kontakt", "digisos.kontakt.om", []portal.Feltdef{
			{Navn: "fagansvarlig", Etikett: "digisos.kontakt.fag", Hjelp: "skjema.epost.hjelp", Slag: "langtekst", Inndata: "email", Mangler: "digisos.kontakt.fag.mangler", Sjekk: portal.SjekkEpost},
			{Navn: "teknisk", Etikett: "digisos.kontakt.teknisk", Hjelp: "skjema.epost.hjelp", Slag: "langtekst", Inndata: "email", Mangler: "digisos.kontakt.teknisk.mangler", Sjekk: portal.SjekkEpost}}},
		{"soknadsmottak", "digisos.mottak", "digisos.mottak.om", []portal.Feltdef{
			{Navn: "aktivt", Etikett: "digisos.mottak.valg", Slag: "valg", Valg: portal.JaNei(t, "digisos.mottak.ja", "digisos.mottak.nei"), Mangler: "digisos.mottak.mangler"}}},
	}
}

// kontoermangler is where a konto is made, on the step that would offer one if
// there were any; else "".
func kontoermangler(s steg, orgID string) string {
	if s.om != "digisos.kanal.ingen" {
		return ""
	}
	return "/forvaltning/" + orgID + "/kontoer"
}

// utenFiksIO is the choice of SvarInn as channel.
const utenFiksIO = "svarinn"

// kanaler are the ways in which søknader can reach the municipality: each Fiks
// IO konto that takes them, and SvarInn.
func (p *Forvaltning) kanaler(r *http.Request, t portal.Tolk, orgID, naa string) ([]portal.Valg, error) {
	kontoer, err := p.FiksIO.Kontoer(r.Context(), orgID)
	if err != nil {
		return nil, err
	}
	var ut []portal.Valg
	for _, k := range kontoer {
		ok, err := p.FiksIO.StotterProtokoll(r.Context(), k.ID, digisos.Protokoll)
		if err != nil {
			return nil, err
		}
		if ok || k.ID == naa {
			ut = append(ut, portal.Valg{Verdi: k.ID, Etikett: t("digisos.kanal.fiksio"), Hjelp: t("digisos.kanal.fiksio.konto", "konto", k.Navn)})
		}
	}
	if naa != "" && !slices.ContainsFunc(ut, func(v portal.Valg) bool { return v.Verdi == naa }) { // another organisation's
		ut = append(ut, portal.Valg{Verdi: naa, Etikett: t("digisos.kanal.fiksio"), Hjelp: t("digisos.kanal.fiksio.konto", "konto", naa)})
	}
	return append(ut, portal.Valg{Verdi: utenFiksIO, Etikett: t("digisos.kanal.svarinn"), Hjelp: t("digisos.kanal.svarinn.hjelp")}), nil
}

func finnSteg(alle []steg, navn string) (int, error) {
	i := slices.IndexFunc(alle, func(s steg) bool { return s.navn == navn })
	if i < 0 {
		return 0, feil.Ny(feil.IkkeFunnet, "Siden finnes ikke")
	}
	return i, nil
}

// tilFelt spreads a configuration on the fields of the steps.
func tilFelt(k digisos.KommuneKonfigurasjon) url.Values {
	ja := func(b bool) string {
		if b {
			return "ja"
		}
		return "nei"
	}
	kanal := utenFiksIO
	if k.BrukerFiksIO {
		kanal = k.FiksIOKontoID
	}
	v := url.Values{}
	for navn, verdi := range map[string]string{
		"kanal": kanal, "navn": k.Postadresse.Navn, "orgnr": k.OrganisasjonsnummerSvarUt,
		"adresse1": k.Postadresse.Adresselinje1, "adresse2": k.Postadresse.Adresselinje2,
		"postnr": k.Postadresse.Postnummer, "poststed": k.Postadresse.Poststed,
		"ansvarlig": k.Behandlingsansvarlig, "nks": ja(k.NksTilgang), "oppdateringer": ja(k.StotterOppdateringer),
		"fagansvarlig": portal.Linjer(k.Kontaktpersoner.FagansvarligEpost), "teknisk": portal.Linjer(k.Kontaktpersoner.TekniskAnsvarligEpost),
		"aktivt": ja(k.Aktivert), "stengtmottak": ja(k.MidlertidigDeaktivertMottak), "stengtoppdateringer": ja(k.MidlertidigDeaktivertOppdateringer),
	} {
		v.Set(navn, verdi)
	}
	return v
}

// fraFelt lays the fields that v has over a configuration; what no step asks
// for stays as it is.
func fraFelt(k digisos.KommuneKonfigurasjon, v url.Values) digisos.KommuneKonfigurasjon {
	for navn, til := range map[string]*string{
		"navn": &k.Postadresse.Navn, "orgnr": &k.OrganisasjonsnummerSvarUt,
		"adresse1": &k.Postadresse.Adresselinje1, "adresse2": &k.Postadresse.Adresselinje2,
		"postnr": &k.Postadresse.Postnummer, "poststed": &k.Postadresse.Poststed, "ansvarlig": &k.Behandlingsansvarlig,
	} {
		if v.Has(navn) {
			*til = v.Get(navn)
		}
	}
	for navn, til := range map[string]*bool{"nks": &k.NksTilgang, "oppdateringer": &k.StotterOppdateringer, "aktivt": &k.Aktivert,
		"stengtmottak": &k.MidlertidigDeaktivertMottak, "stengtoppdateringer": &k.MidlertidigDeaktivertOppdateringer} {
		if v.Has(navn) {
			*til = v.Get(navn) == "ja"
		}
	}
	for navn, til := range map[string]*[]string{"fagansvarlig": &k.Kontaktpersoner.FagansvarligEpost, "teknisk": &k.Kontaktpersoner.TekniskAnsvarligEpost} {
		if v.Has(navn) {
			*til = portal.Adresser(v.Get(navn))
		}
	}
	if v.Has("kanal") {
		if k.BrukerFiksIO = v.Get("kanal") != utenFiksIO; k.BrukerFiksIO {
			k.FiksIOKontoID = v.Get("kanal")
		} else {
			k.FiksIOKontoID = ""
		}
	}
	return k
}

// svarene tells what has been answered in a step.
func svarene(t portal.Tolk, s steg, v url.Values, u string) portal.Gruppe {
	g := portal.Gruppe{Tittel: t(s.tittel), URL: u, Endre: t("endre.hva", "hva", t(s.tittel))}
	for _, d := range s.felt {
		x := portal.Svar{Navn: t(d.Etikett), Verdi: v.Get(d.Navn)}
		for _, o := range d.Valg {
			if o.Verdi == x.Verdi {
				if x.Verdi = o.Etikett; d.Navn == "kanal" && o.Verdi != utenFiksIO {
					x.Verdi += "\n" + o.Hjelp
				}
				break
			}
		}
		switch {
		case x.Verdi == "" && d.Valgfri:
			continue
		case d.Feil(t, v[d.Navn]) != "":
			x.Mangler = true
		}
		g.Svar = append(g.Svar, x)
	}
	return g
}

// visDigisos is the overview of what is set up, or what must be in place before.
func (p *Forvaltning) visDigisos(w http.ResponseWriter, r *http.Request) error {
	org, t, err := p.kommune(r)
	if err != nil {
		return err
	}
	k, err := p.Digisos.Konfigurasjon(r.Context(), org.ID)
	if feil.Er(err, feil.IkkeFunnet) {
		return p.visForutsetninger(w, r, t, org)
	} else if err != nil {
		return err
	}
	alle, err := p.digisosSteg(r, t, org.ID, k.FiksIOKontoID)
	if err != nil {
		return err
	}
	var grupper []portal.Gruppe
	for _, s := range alle {
		grupper = append(grupper, svarene(t, s, tilFelt(k.KommuneKonfigurasjon), "/forvaltning/"+org.ID+"/digisos/endre/"+s.navn))
	}
	var varsler []portal.Melding
	varsle := func(naar bool, tekst string) {
		if naar {
			varsler = append(varsler, portal.Melding{Farge: "warning", Tekst: t(tekst)})
		}
	}
	varsle(!k.Aktivert, "digisos.ikkeaktiv")
	varsle(k.MidlertidigDeaktivertMottak, "digisos.stengt.mottak")
	varsle(k.MidlertidigDeaktivertOppdateringer, "digisos.stengt.oppdateringer")
	if !k.BrukerFiksIO {
		varsel, err := p.svarinnVarsel(r.Context(), t, k.OrganisasjonsnummerSvarUt)
		if err != nil {
			return err
		}
		if varsel != "" {
			varsler = append(varsler, portal.Melding{Farge: "warning", Tekst: varsel})
		}
	}
	if k.BrukerFiksIO {
		varsel, err := p.kontovarsel(r, k.FiksIOKontoID)
		if err != nil {
			return err
		}
		varsle(varsel != "", varsel)
	}
	fag, err := p.fagsystemer(r, org.ID)
	if err != nil {
		return err
	}
	varsle(k.StotterOppdateringer && len(fag) == 0, "digisos.ingenintegrasjon")
	lagret := ""
	if r.URL.Query().Get("lagret") != "" {
		lagret = t("endring.lagret")
	}
	return p.visOrg(w, r, http.StatusOK, "digisos", orgside{Tittel: t("tjeneste.digisos"), Org: &org, Aktiv: "tjenester",
		Smuler: digisosSmuler(t, org.ID, ""), Data: map[string]any{
			"Grupper": grupper, "Varsler": varsler, "Faner": digisosFaner(t, org.ID, "oppsett"), "Integrasjoner": fag,
			"Lagret": lagret, "OrgID": org.ID, "Konto": k.DokumentlagerKontoID,
		}})
}

// kontovarsel is the text of what is wrong with the konto that takes søknader;
// "" when nothing is.
func (p *Forvaltning) kontovarsel(r *http.Request, id string) (string, error) {
	konto, err := p.FiksIO.Konto(r.Context(), id)
	if feil.Er(err, feil.IkkeFunnet) {
		return "digisos.konto.ugyldig", nil
	} else if err != nil {
		return "", err
	}
	switch st, err := p.FiksIO.Status(r.Context(), konto); {
	case err != nil:
		return "", err
	case !st.GyldigMottaker:
		return "digisos.konto.ugyldig", nil
	case st.AntallKonsumenter == 0:
		return "digisos.konto.ingen", nil
	}
	return "", nil
}

// fagsystemer are the integrasjoner that may update Digisos cases.
func (p *Forvaltning) fagsystemer(r *http.Request, orgID string) ([]portal.Lenke, error) {
	ressurs, err := p.Organisasjon.TjenesteRessurs(r.Context(), orgID, organisasjon.TypeDigisos)
	if feil.Er(err, feil.IkkeFunnet) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	tilganger, err := p.Organisasjon.Tilganger(r.Context(), ressurs)
	if err != nil {
		return nil, err
	}
	alle, err := p.Organisasjon.Integrasjoner(r.Context(), orgID)
	if err != nil {
		return nil, err
	}
	var ut []portal.Lenke
	for _, i := range alle {
		if slices.ContainsFunc(tilganger, func(x organisasjon.Tilgang) bool { return x.Aktor == i.ID && x.Privilegium == auth.DigisosOppdater }) {
			ut = append(ut, portal.Lenke{Tekst: i.Navn, URL: "/forvaltning/" + orgID + "/integrasjoner/" + i.ID})
		}
	}
	return ut, nil
}

// kommune is the municipality of a Digisos page; feil.IkkeFunnet for another
// kind of organisation.
func (p *Forvaltning) kommune(r *http.Request) (organisasjon.Organisasjon, portal.Tolk, error) {
	org, err := p.org(r)
	if err == nil && org.Kommunenummer == "" {
		err = feil.Ny(feil.IkkeFunnet, "Siden finnes ikke")
	}
	return org, p.Tolk(r), err
}

func digisosSmuler(t portal.Tolk, orgID, her string) []portal.Lenke {
	s := []portal.Lenke{{Tekst: t("meny.tjenester"), URL: "/forvaltning/" + orgID + "/tjenester"}, {Tekst: t("tjeneste.digisos"), URL: "/forvaltning/" + orgID + "/digisos"}}
	if her == "" {
		s[1].URL = ""
		return s
	}
	return append(s, portal.Lenke{Tekst: her})
}

func digisosFaner(t portal.Tolk, orgID, valgt string) portal.Faner {
	u := "/forvaltning/" + orgID + "/digisos"
	return portal.Faner{Merke: t("tjeneste.digisos"), Faner: []portal.Fane{
		{Tekst: t("tjeneste.oppsett"), URL: u, Valgt: valgt == "oppsett"}, {Tekst: t("stenging.tittel"), URL: u + "/stenging", Valgt: valgt == "stenging"},
		{Tekst: t("avstem.tittel"), URL: u + "/avstemming", Valgt: valgt == "avstemming"}, {Tekst: t("prov.tittel"), URL: u + "/prov", Valgt: valgt == "prov"}}}
}

// visForutsetninger is the page before the wizard.
func (p *Forvaltning) visForutsetninger(w http.ResponseWriter, r *http.Request, t portal.Tolk, org organisasjon.Organisasjon) error {
	_, err := p.Organisasjon.TjenesteRessurs(r.Context(), org.ID, organisasjon.TypeDokumentlager)
	if err != nil && !feil.Er(err, feil.IkkeFunnet) {
		return err
	}
	dokumentlager := err == nil
	u, har, err := p.Utkast(r.Context(), auth.From(r.Context()).Fnr, utkastDigisos, org.ID)
	if err != nil {
		return err
	}
	return p.visOrg(w, r, http.StatusOK, "forutsetninger", orgside{Tittel: t("tjeneste.digisos"), Org: &org, Aktiv: "tjenester",
		Smuler: digisosSmuler(t, org.ID, ""), Data: map[string]any{
			"OrgID": org.ID, "Dokumentlager": dokumentlager, "Utkast": har, "Endret": u.Endret, "Slettes": u.Endret.Add(portal.Utkasttid),
			"Slettet": r.URL.Query().Get("slettet") != "",
		}})
}

// digisosFerdig is the receipt of the wizard.
func (p *Forvaltning) digisosFerdig(w http.ResponseWriter, r *http.Request) error {
	org, t, err := p.kommune(r)
	if err != nil {
		return err
	}
	k, err := p.Digisos.Konfigurasjon(r.Context(), org.ID)
	if err != nil {
		return err
	}
	kv := portal.Kvittering{Tittel: t("ferdig.tittel"), Tekst: t("ferdig.aktiv")}
	if !k.Aktivert {
		kv.Tekst = t("ferdig.ikkeaktiv")
	}
	if k.StotterOppdateringer {
		kv.Videre = append(kv.Videre, portal.Lenke{Tekst: t("ferdig.integrasjon"), URL: "/forvaltning/" + org.ID + "/integrasjoner/ny"}, portal.Lenke{Tekst: t("ferdig.maskinporten")})
	}
	kv.Videre = append(kv.Videre, portal.Lenke{Tekst: t("prov.tittel"), URL: "/forvaltning/" + org.ID + "/digisos/prov"},
		portal.Lenke{Tekst: t("ferdig.oversikt"), URL: "/forvaltning/" + org.ID + "/digisos"})
	return p.visOrg(w, r, http.StatusOK, "kvittering", orgside{Tittel: t("ferdig.tittel"), Org: &org, Aktiv: "tjenester",
		Smuler: digisosSmuler(t, org.ID, t("ferdig.smule")), Data: kv})
}
