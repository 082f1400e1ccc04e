package forvaltning

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
)

// bydelmeny is the last part of the address of these pages.
const bydelmeny = "bekymringsmelding"

// bydelRuter are the pages of the offices that receive reports of concern (web
// contract §3.1); s is their address.
func (p *Forvaltning) bydelRuter(s string, endre auth.Tilgang) []auth.Route {
	b := s + "/{bydel}"
	med := func(rt auth.Route) auth.Route { // a certificate comes with the form
		rt.MaxBody = maksNokkelskjema
		return rt
	}
	return []auth.Route{
		p.Rute("GET "+s, endre, p.visBydeler),
		p.Rute("GET "+s+"/ny", endre, p.nyBydel(p.visNyttKontor)),
		p.Rute("POST "+s+"/ny", endre, p.nyBydel(p.lagreNyttKontor)),
		p.Rute("GET "+s+"/ny/mottak", endre, p.nyBydel(p.visNyttMottak)),
		med(p.Rute("POST "+s+"/ny/mottak", endre, p.nyBydel(p.lagreNyttMottak))),
		p.Rute("GET "+s+"/ny/se-over", endre, p.nyBydel(p.visNyBydelSeOver)),
		p.Rute("POST "+s+"/ny/se-over", endre, p.nyBydel(p.opprettBydel)),

		p.Rute("GET "+b, endre, p.medBydel(p.visBydel)),
		p.Rute("GET "+b+"/endre/{del}", endre, p.medBydel(p.visBydelendring)),
		p.Rute("POST "+b+"/endre/{del}", endre, p.medBydel(p.lagreBydelendring)),
		p.Rute("GET "+b+"/mottak", endre, p.medBydel(p.visBydelkanaler)),
		p.Rute("GET "+b+"/mottak/{kanal}", endre, p.medBydel(p.visBydelmottak)),
		med(p.Rute("POST "+b+"/mottak/{kanal}", endre, p.medBydel(p.lagreBydelmottak))),
		p.Rute("GET "+b+"/standard", endre, p.medBydel(p.visBydelstandard)),
		p.Rute("POST "+b+"/standard", endre, p.medBydel(p.settBydelstandard)),
		p.Rute("GET "+b+"/aktiv", endre, p.medBydel(p.visBydelaktiv)),
		p.Rute("POST "+b+"/aktiv", endre, p.medBydel(p.settBydelaktiv)),
		p.Rute("GET "+b+"/tilganger", endre, p.medBydel(p.visBydeltilganger)),
		p.Rute("POST "+b+"/tilganger", endre, p.medBydel(p.giBydeltilgang)),
		p.Rute("GET "+b+"/tilganger/{person}/fjern", endre, p.medBydel(p.visFjernBydeltilgang)),
		p.Rute("POST "+b+"/tilganger/{person}/fjern", endre, p.medBydel(p.fjernBydeltilgang)),
	}
}

// bydelkanal is a way to get reports, as the pages have it.
type bydelkanal struct {
	kanal          bekymringsmelding.Kanal
	sti, tekst, om string
}

var bydelkanaler = []bydelkanal{
	{bekymringsmelding.KanalFiksIO, "fiks-io", "bydel.kanal.fiksio", "bydel.kanal.fiksio.om"},
	{bekymringsmelding.KanalSvarInn, "svarinn", "bydel.kanal.svarinn", "bydel.kanal.svarinn.om"},
	{bekymringsmelding.KanalManuell, "manuelt", "bydel.kanal.manuell", "bydel.kanal.manuell.om"},
	{bekymringsmelding.KanalPrint, "brev", "bydel.kanal.brev", "bydel.kanal.brev.om"},
}

// kanalen finds one by its part of an address; feil.IkkeFunnet.
func kanalen(sti string) (bydelkanal, error) {
	i := slices.IndexFunc(bydelkanaler, func(k bydelkanal) bool { return k.sti == sti })
	if i < 0 {
		return bydelkanal{}, feil.Ny(feil.IkkeFunnet, "Siden finnes ikke")
	}
	return bydelkanaler[i], nil
}

func bydelkanalnavn(t portal.Tolk, k bekymringsmelding.Kanal) string {
	for _, x := range bydelkanaler {
		if x.kanal == k {
			return t(x.tekst)
		}
	}
	return string(k)
}

// bydelside is what the pages of one office have in common.
type bydelside struct {
	org  organisasjon.Organisasjon
	t    portal.Tolk
	b    bekymringsmelding.Bydel
	alle string // the address of the list
	her  string // the address of the office's pages
}

// medBydel finds the office in the path for a page; one of another organisation does
// not exist here.
func (p *Forvaltning) medBydel(h func(http.ResponseWriter, *http.Request, bydelside) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		s, err := p.lesBydel(r)
		if err != nil {
			return err
		}
		return h(w, r, s)
	}
}

func (p *Forvaltning) lesBydel(r *http.Request) (s bydelside, err error) {
	if s.org, s.t, err = p.kommune(r); err != nil {
		return s, err
	}
	if s.b, err = p.Bekymring.BydelMedRessurs(r.Context(), r.PathValue("bydel")); err != nil {
		return s, err
	}
	if s.b.FiksOrgID != s.org.ID {
		return s, feil.Ny(feil.IkkeFunnet, "Siden finnes ikke")
	}
	s.alle = "/forvaltning/" + s.org.ID + "/" + bydelmeny
	s.her = s.alle + "/" + s.b.RessursID
	return s, nil
}

// visBydelside answers with a page of an office. tittel is what it is about; "" for the
// overview.
func (p *Forvaltning) visBydelside(w http.ResponseWriter, r *http.Request, s bydelside, status int, mal, tittel string, feilene []portal.Lenke, d map[string]any) error {
	smuler := []portal.Lenke{{Tekst: s.t("bydel.tjeneste"), URL: s.alle}, {Tekst: s.b.Navn}}
	d["Navn"], d["Nummer"], d["Her"], d["Tittel"] = s.b.Navn, s.b.Bydelsnummer, s.her, tittel
	if tittel != "" {
		smuler[1].URL = s.her
		smuler = append(smuler, portal.Lenke{Tekst: tittel})
		tittel += " – "
	}
	d["Faner"] = portal.Faner{Merke: s.t("bydel.faner"), Faner: []portal.Fane{
		{Tekst: s.t("bydel.oversikt"), URL: s.her, Valgt: mal == "bydel"},
		{Tekst: s.t("bydel.tilganger"), URL: s.her + "/tilganger", Valgt: mal == "bydeltilganger"}}}
	return p.visOrg(w, r, status, mal, orgside{Tittel: tittel + s.b.Navn, Org: &s.org, Aktiv: bydelmeny, Smuler: smuler, Feil: feilene, Data: d})
}

// bydelperson is somebody who may read an office's reports.
type bydelperson struct {
	organisasjon.Person
	nokkel string // names the person in an address
}

// bydelpersoner are those on whom the privilege has been given on the office itself: who
// administers it does not read by that.
func (p *Forvaltning) bydelpersoner(ctx context.Context, orgID, ressurs string) ([]bydelperson, error) {
	tilganger, err := p.Organisasjon.Tilganger(ctx, ressurs)
	if err != nil {
		return nil, err
	}
	var fnr []string
	for _, x := range tilganger {
		if x.Privilegium == auth.BekymringMottak && fnrForm.MatchString(x.Aktor) {
			fnr = append(fnr, x.Aktor)
		}
	}
	registrert, err := p.Organisasjon.Personer(ctx, []string{orgID}, fnr)
	if err != nil {
		return nil, err
	}
	var ut []bydelperson
	for _, f := range fnr {
		x := bydelperson{organisasjon.Person{Fnr: f}, p.Ring.Lookup("forvaltning.bydel:"+ressurs, f)}
		if i := slices.IndexFunc(registrert, func(a organisasjon.Person) bool { return a.Fnr == f }); i >= 0 {
			x.Person = registrert[i]
		}
		ut = append(ut, x)
	}
	slices.SortFunc(ut, func(a, b bydelperson) int {
		return cmp.Or(strings.Compare(a.Navn, b.Navn), strings.Compare(a.nokkel, b.nokkel))
	})
	return ut, nil
}

// bydelmangler tells what is not in place in an office, or needs somebody, as messages
// with a way to put it right.
func (p *Forvaltning) bydelmangler(r *http.Request, t portal.Tolk, b bekymringsmelding.Bydel) (ut []portal.Melding, err error) {
	if b.Deaktivert {
		return nil, nil
	}
	ctx := r.Context()
	si := func(naar bool, farge, tekst string) {
		if naar {
			ut = append(ut, portal.Melding{Farge: farge, Tekst: tekst})
		}
	}
	switch b.Kanal {
	case bekymringsmelding.KanalFiksIO:
		k, err := p.FiksIO.Konto(ctx, b.FiksIOKontoID)
		if feil.Er(err, feil.IkkeFunnet) {
			si(true, "danger", t("bydel.mangler.konto"))
			break
		} else if err != nil {
			return nil, err
		}
		s, err := p.kontostand(ctx, t, p.Spraak(r), k)
		if err != nil {
			return nil, err
		}
		farge := s.Merke.Farge
		if farge == "neutral" { // not active
			farge = "danger"
		}
		si(farge != "success", farge, t("bydel.mangler.kontostand", "stand", s.Merke.Tekst))
		si(farge != "danger" && s.Nokkel.Farge != "", s.Nokkel.Farge, t("bydel.mangler.nokkelstand", "stand", s.Nokkel.Tekst))
	case bekymringsmelding.KanalSvarInn:
		if v := p.visNokkel(t, bydelsertifikat(b)); v == nil {
			si(true, "danger", t("bydel.mangler.nokkel"))
		} else {
			si(v.Igjen.Farge == "danger", "danger", t("bydel.mangler.utlopt"))
			si(v.Igjen.Farge == "warning", "warning", t("bydel.mangler.utloper", "dato", portal.Dato(p.Spraak(r), v.Til)))
		}
		har, err := p.harPassord(ctx, b.IntegrasjonID)
		if err != nil {
			return nil, err
		}
		si(!har, "danger", t("bydel.mangler.passord"))
	case bekymringsmelding.KanalManuell:
		personer, err := p.bydelpersoner(ctx, b.FiksOrgID, b.RessursID)
		if err != nil {
			return nil, err
		}
		si(len(personer) == 0, "danger", t("bydel.mangler.ingen"))
		si(len(personer) == 1, "warning", t("bydel.mangler.en"))
	}
	si(b.Telefon == "", "warning", t("bydel.mangler.telefon"))
	return ut, nil
}

// harPassord tells whether an integrasjon is there and has a password.
func (p *Forvaltning) harPassord(ctx context.Context, id string) (bool, error) {
	if _, err := p.Organisasjon.Integrasjon(ctx, id); feil.Er(err, feil.IkkeFunnet) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	ps, err := p.Organisasjon.Passord(ctx, p.DB.Read(), id)
	return len(ps) > 0, err
}

// bydelsertifikat is the key of an office with SvarInn; nil for none.
func bydelsertifikat(b bekymringsmelding.Bydel) *x509.Certificate {
	return fraPEM(string(b.Sertifikat))
}

func fraPEM(tekst string) *x509.Certificate {
	blokk, _ := pem.Decode([]byte(tekst))
	if blokk == nil {
		return nil
	}
	c, err := x509.ParseCertificate(blokk.Bytes)
	if err != nil {
		return nil
	}
	return c
}

func somPEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// verst is the colour of the gravest of messages; "success" when there are none.
func verst(ms []portal.Melding) string {
	farge := "success"
	for _, m := range ms {
		if farge = "warning"; m.Farge == "danger" {
			return "danger"
		}
	}
	return farge
}

// bydelsammendrag is what the page of services says of the offices.
func (p *Forvaltning) bydelsammendrag(r *http.Request, t portal.Tolk, orgID string) (tekst, varsel string, err error) {
	alle, err := p.Bekymring.BydelerI(r.Context(), orgID)
	if err != nil {
		return "", "", err
	}
	aktive, tilsyn := 0, 0
	for _, b := range alle {
		m, err := p.bydelmangler(r, t, b)
		if err != nil {
			return "", "", err
		}
		if len(m) > 0 {
			tilsyn++
		}
		if !b.Deaktivert {
			aktive++
		}
	}
	switch {
	case aktive == 0:
		return "", t("bydel.ingen"), nil
	case tilsyn > 0:
		varsel = t("bydel.tilsyn", "n", tilsyn)
	}
	return t("bydel.sammendrag", "n", aktive), varsel, nil
}

// visBydeler lists the offices.
func (p *Forvaltning) visBydeler(w http.ResponseWriter, r *http.Request) error {
	org, t, err := p.kommune(r)
	if err != nil {
		return err
	}
	ctx, her := r.Context(), "/forvaltning/"+org.ID+"/"+bydelmeny
	alle, err := p.Bekymring.BydelerI(ctx, org.ID)
	if err != nil {
		return err
	}
	avtaler, err := p.manglendeAvtaler(ctx, t, org.ID, organisasjon.TypeBekymringsmelding)
	if err != nil {
		return err
	}
	tab := portal.Tabell{Merke: t("bydel.tabell"), Kolonner: []string{t("bydel.navn"), t("bydel.nummer"), t("bydel.mottak"), t("bydel.utgave"), t("bydel.stand"), t("bydel.folgopp")}}
	aktive := 0
	for _, b := range alle {
		mangler, err := p.bydelmangler(r, t, b)
		if err != nil {
			return err
		}
		stand := portal.Celle{Tekst: t("bydel.aktiv"), Farge: "success"}
		switch {
		case b.Deaktivert:
			stand = portal.Celle{Tekst: t("bydel.deaktivert"), Farge: "neutral"}
		case b.StandardMottaker:
			stand.Tekst = t("bydel.aktivstandard")
		}
		if !b.Deaktivert {
			aktive++
		}
		folgopp := portal.Celle{Tekst: t("bydel.folgopp.ingen")}
		if len(mangler) > 0 {
			var tekster []string
			for _, m := range mangler {
				tekster = append(tekster, m.Tekst)
			}
			folgopp.Tekst = strings.Join(tekster, " ")
			if stand.Farge = verst(mangler); stand.Farge == "danger" {
				stand.Tekst += ". " + t("bydel.stopper")
			}
		}
		tab.Rader = append(tab.Rader, []portal.Celle{{Tekst: b.Navn, URL: her + "/" + b.RessursID}, {Tekst: b.Bydelsnummer}, {Tekst: bydelkanalnavn(t, b.Kanal)},
			{Tekst: string(b.StottetVersjon)}, stand, folgopp})
	}
	_, err = p.Organisasjon.TjenesteRessurs(ctx, org.ID, organisasjon.TypeBekymringsmelding)
	if err != nil && !feil.Er(err, feil.IkkeFunnet) {
		return err
	}
	return p.visOrg(w, r, http.StatusOK, "bydeler", orgside{Tittel: t("bydel.tjeneste"), Org: &org, Aktiv: bydelmeny,
		Data: map[string]any{"Her": her, "Tabell": tab, "Aktive": aktive, "Avtaler": avtaler, "Tjenester": "/forvaltning/" + org.ID + "/tjenester",
			"BareSende": err != nil && len(avtaler) == 0, "Type": organisasjon.TypeBekymringsmelding}})
}

// bydelversjon is the version that a form was shown from; -1 for what is none.
func bydelversjon(s string) int64 {
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil || v < 1 {
		return -1
	}
	return v
}
