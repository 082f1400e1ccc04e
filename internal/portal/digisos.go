package portal

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/digisos"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/organisasjon"
)

// utkastDigisos names the wizard's draft.
const utkastDigisos = "digisos"

// steg is a page of the Digisos wizard, and of later changes (seed 002).
type steg struct {
	navn   string // in the address
	tittel string // keys of texts
	om     string
	felt   []feltdef
}

func jaNei(t tolk, ja, nei string) []valg {
	return []valg{{Verdi: "ja", Etikett: t(ja)}, {Verdi: "nei", Etikett: t(nei)}}
}

// digisosSteg are the steps for an organisation, in order; the review is not
// among them. naa is the Fiks IO konto that is in use now, or "".
func (p *Portal) digisosSteg(r *http.Request, t tolk, orgID, naa string) ([]steg, error) {
	kanaler, err := p.kanaler(r, t, orgID, naa)
	if err != nil {
		return nil, err
	}
	return stegFor(t, kanaler), nil
}

func stegFor(t tolk, kanaler []valg) []steg {
	kanalOm := "digisos.kanal.om"
	if len(kanaler) == 1 {
		kanalOm = "digisos.kanal.ingen"
	}
	return []steg{
		{"kanal", "digisos.kanal", kanalOm, []feltdef{
			{navn: "kanal", etikett: "digisos.kanal.valg", slag: "valg", valg: kanaler, mangler: "digisos.kanal.mangler"}}},
		{"svarinn", "digisos.svarinn", "digisos.svarinn.om", []feltdef{
			{navn: "navn", etikett: "digisos.svarinn.navn", hjelp: "digisos.svarinn.navn.hjelp", maks: 100, bredde: "middels", mangler: "digisos.svarinn.navn.mangler"},
			{navn: "orgnr", etikett: "digisos.svarinn.orgnr", hjelp: "digisos.svarinn.orgnr.hjelp", inndata: "numeric", bredde: "kort", mangler: "skjema.orgnr.mangler", sjekk: sjekkOrgnr},
			{navn: "adresse1", etikett: "digisos.svarinn.adresse1", maks: 254, bredde: "middels", valgfri: true},
			{navn: "adresse2", etikett: "digisos.svarinn.adresse2", maks: 254, bredde: "middels", valgfri: true},
			{navn: "postnr", etikett: "digisos.svarinn.postnr", inndata: "numeric", bredde: "kort", mangler: "digisos.svarinn.postnr.mangler", sjekk: sjekkPostnummer},
			{navn: "poststed", etikett: "digisos.svarinn.poststed", maks: 100, bredde: "middels", mangler: "digisos.svarinn.poststed.mangler"}}},
		{"behandlingsansvarlig", "digisos.ansvarlig", "digisos.ansvarlig.om", []feltdef{
			{navn: "ansvarlig", etikett: "digisos.ansvarlig.navn", hjelp: "digisos.ansvarlig.hjelp", maks: 100, bredde: "middels", mangler: "digisos.ansvarlig.mangler"}}},
		{"nav-kontaktsenter", "digisos.nks", "digisos.nks.om", []feltdef{
			{navn: "nks", etikett: "digisos.nks.valg", slag: "valg", valg: jaNei(t, "ja", "nei"), mangler: "digisos.nks.mangler"}}},
		{"saksoppdateringer", "digisos.oppdatering", "digisos.oppdatering.om", []feltdef{
			{navn: "oppdateringer", etikett: "digisos.oppdatering.valg", slag: "valg", valg: jaNei(t, "digisos.oppdatering.ja", "digisos.oppdatering.nei"), mangler: "digisos.oppdatering.mangler"}}},
		{"kontakt", "digisos.kontakt", "digisos.kontakt.om", []feltdef{
			{navn: "fagansvarlig", etikett: "digisos.kontakt.fag", hjelp: "skjema.epost.hjelp", slag: "langtekst", inndata: "email", mangler: "digisos.kontakt.fag.mangler", sjekk: sjekkEpost},
			{navn: "teknisk", etikett: "digisos.kontakt.teknisk", hjelp: "skjema.epost.hjelp", slag: "langtekst", inndata: "email", mangler: "digisos.kontakt.teknisk.mangler", sjekk: sjekkEpost}}},
		{"soknadsmottak", "digisos.mottak", "digisos.mottak.om", []feltdef{
			{navn: "aktivt", etikett: "digisos.mottak.valg", slag: "valg", valg: jaNei(t, "digisos.mottak.ja", "digisos.mottak.nei"), mangler: "digisos.mottak.mangler"}}},
	}
}

// utenFiksIO is the choice of SvarInn as channel.
const utenFiksIO = "svarinn"

// kanaler are the ways in which søknader can reach the municipality: each Fiks
// IO konto that takes them, and SvarInn.
func (p *Portal) kanaler(r *http.Request, t tolk, orgID, naa string) ([]valg, error) {
	kontoer, err := p.FiksIO.Kontoer(r.Context(), orgID)
	if err != nil {
		return nil, err
	}
	var ut []valg
	for _, k := range kontoer {
		ok, err := p.FiksIO.StotterProtokoll(r.Context(), k.ID, digisos.Protokoll)
		if err != nil {
			return nil, err
		}
		if ok || k.ID == naa {
			ut = append(ut, valg{Verdi: k.ID, Etikett: t("digisos.kanal.fiksio"), Hjelp: t("digisos.kanal.fiksio.konto", "konto", k.Navn)})
		}
	}
	if naa != "" && !slices.ContainsFunc(ut, func(v valg) bool { return v.Verdi == naa }) { // another organisation's
		ut = append(ut, valg{Verdi: naa, Etikett: t("digisos.kanal.fiksio"), Hjelp: t("digisos.kanal.fiksio.konto", "konto", naa)})
	}
	return append(ut, valg{Verdi: utenFiksIO, Etikett: t("digisos.kanal.svarinn"), Hjelp: t("digisos.kanal.svarinn.hjelp")}), nil
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
		"fagansvarlig": linjer(k.Kontaktpersoner.FagansvarligEpost), "teknisk": linjer(k.Kontaktpersoner.TekniskAnsvarligEpost),
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
			*til = adresser(v.Get(navn))
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

func linjer(ss []string) string { return strings.Join(ss, "\n") }

// gruppe is the answers of a step, as the review and the overview show them.
type gruppe struct {
	Tittel, URL, Endre string
	Svar               []svar
}

type svar struct {
	Navn, Verdi string
	Mangler     bool
}

// svarene tells what has been answered in a step.
func svarene(t tolk, s steg, v url.Values, u string) gruppe {
	g := gruppe{Tittel: t(s.tittel), URL: u, Endre: t("endre.hva", "hva", t(s.tittel))}
	for _, d := range s.felt {
		x := svar{Navn: t(d.etikett), Verdi: v.Get(d.navn)}
		for _, o := range d.valg {
			if o.Verdi == x.Verdi {
				if x.Verdi = o.Etikett; d.navn == "kanal" && o.Verdi != utenFiksIO {
					x.Verdi += "\n" + o.Hjelp
				}
				break
			}
		}
		switch {
		case x.Verdi == "" && d.valgfri:
			continue
		case d.feil(t, v[d.navn]) != "":
			x.Mangler = true
		}
		g.Svar = append(g.Svar, x)
	}
	return g
}

// visDigisos is the overview of what is set up, or what must be in place before.
func (p *Portal) visDigisos(w http.ResponseWriter, r *http.Request) error {
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
	var grupper []gruppe
	for _, s := range alle {
		grupper = append(grupper, svarene(t, s, tilFelt(k.KommuneKonfigurasjon), "/forvaltning/"+org.ID+"/digisos/endre/"+s.navn))
	}
	var varsler []melding
	varsle := func(naar bool, tekst string) {
		if naar {
			varsler = append(varsler, melding{Farge: "warning", Tekst: t(tekst)})
		}
	}
	varsle(!k.Aktivert, "digisos.ikkeaktiv")
	varsle(k.MidlertidigDeaktivertMottak, "digisos.stengt.mottak")
	varsle(k.MidlertidigDeaktivertOppdateringer, "digisos.stengt.oppdateringer")
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
	return p.vis(w, r, http.StatusOK, "digisos", side{Tittel: t("tjeneste.digisos"), Org: &org, Aktiv: "tjenester",
		Smuler: digisosSmuler(t, org.ID, ""), Data: map[string]any{
			"Grupper": grupper, "Varsler": varsler, "Faner": digisosFaner(t, org.ID, "oppsett"), "Integrasjoner": fag,
			"Lagret": lagret, "OrgID": org.ID, "Konto": k.DokumentlagerKontoID,
		}})
}

// kontovarsel is the text of what is wrong with the konto that takes søknader;
// "" when nothing is.
func (p *Portal) kontovarsel(r *http.Request, id string) (string, error) {
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
func (p *Portal) fagsystemer(r *http.Request, orgID string) ([]lenke, error) {
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
	var ut []lenke
	for _, i := range alle {
		if slices.ContainsFunc(tilganger, func(x organisasjon.Tilgang) bool { return x.Aktor == i.ID && x.Privilegium == auth.DigisosOppdater }) {
			ut = append(ut, lenke{i.Navn, "/forvaltning/" + orgID + "/integrasjoner/" + i.ID})
		}
	}
	return ut, nil
}

// kommune is the municipality of a Digisos page; feil.IkkeFunnet for another
// kind of organisation.
func (p *Portal) kommune(r *http.Request) (organisasjon.Organisasjon, tolk, error) {
	org, err := p.org(r)
	if err == nil && org.Kommunenummer == "" {
		err = feil.Ny(feil.IkkeFunnet, "Siden finnes ikke")
	}
	return org, p.tolk(r), err
}

func digisosSmuler(t tolk, orgID, her string) []lenke {
	s := []lenke{{t("meny.tjenester"), "/forvaltning/" + orgID + "/tjenester"}, {t("tjeneste.digisos"), "/forvaltning/" + orgID + "/digisos"}}
	if her == "" {
		s[1].URL = ""
		return s
	}
	return append(s, lenke{Tekst: her})
}

func digisosFaner(t tolk, orgID, valgt string) faner {
	u := "/forvaltning/" + orgID + "/digisos"
	return faner{Merke: t("tjeneste.digisos"), Faner: []fane{
		{t("tjeneste.oppsett"), u, valgt == "oppsett"}, {t("stenging.tittel"), u + "/stenging", valgt == "stenging"}}}
}

// visForutsetninger is the page before the wizard.
func (p *Portal) visForutsetninger(w http.ResponseWriter, r *http.Request, t tolk, org organisasjon.Organisasjon) error {
	_, err := p.Organisasjon.TjenesteRessurs(r.Context(), org.ID, organisasjon.TypeDokumentlager)
	if err != nil && !feil.Er(err, feil.IkkeFunnet) {
		return err
	}
	dokumentlager := err == nil
	u, har, err := p.utkast(r.Context(), auth.From(r.Context()).Fnr, utkastDigisos, org.ID)
	if err != nil {
		return err
	}
	return p.vis(w, r, http.StatusOK, "forutsetninger", side{Tittel: t("tjeneste.digisos"), Org: &org, Aktiv: "tjenester",
		Smuler: digisosSmuler(t, org.ID, ""), Data: map[string]any{
			"OrgID": org.ID, "Dokumentlager": dokumentlager, "Utkast": har, "Endret": u.endret, "Slettes": u.endret.Add(Utkasttid),
			"Slettet": r.URL.Query().Get("slettet") != "",
		}})
}

// digisosFerdig is the receipt of the wizard.
func (p *Portal) digisosFerdig(w http.ResponseWriter, r *http.Request) error {
	org, t, err := p.kommune(r)
	if err != nil {
		return err
	}
	k, err := p.Digisos.Konfigurasjon(r.Context(), org.ID)
	if err != nil {
		return err
	}
	kv := kvittering{Tittel: t("ferdig.tittel"), Tekst: t("ferdig.aktiv")}
	if !k.Aktivert {
		kv.Tekst = t("ferdig.ikkeaktiv")
	}
	if k.StotterOppdateringer {
		kv.Videre = append(kv.Videre, lenke{t("ferdig.integrasjon"), "/forvaltning/" + org.ID + "/integrasjoner/ny"}, lenke{Tekst: t("ferdig.maskinporten")})
	}
	kv.Videre = append(kv.Videre, lenke{t("ferdig.oversikt"), "/forvaltning/" + org.ID + "/digisos"})
	return p.vis(w, r, http.StatusOK, "kvittering", side{Tittel: t("ferdig.tittel"), Org: &org, Aktiv: "tjenester",
		Smuler: digisosSmuler(t, org.ID, t("ferdig.smule")), Data: kv})
}
