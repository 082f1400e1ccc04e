package forvaltning

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/portal"
)

// bydeldel is a part of an office that is changed by itself.
type bydeldel struct {
	sti, tittel, om string
	felt            func(portal.Tolk) []portal.Feltdef
	lagre           func(ctx context.Context, b bekymringsmelding.Bydel, versjon int64, v url.Values) error
}

func (p *Forvaltning) bydeldeler() []bydeldel {
	return []bydeldel{
		{"kontor", "bydel.kontor", "bydel.kontor.om", bydelkontorFelt, func(ctx context.Context, b bekymringsmelding.Bydel, versjon int64, v url.Values) error {
			_, err := p.Bekymring.EndreBydelNavn(ctx, b.FiksOrgID, b.RessursID, versjon, v.Get("nummer"), v.Get("navn"))
			return err
		}},
		{"kontakt", "bydel.kontakt", "bydel.kontakt.om", bydelkontaktFelt, func(ctx context.Context, b bekymringsmelding.Bydel, versjon int64, v url.Values) error {
			_, err := p.Bekymring.EndreBydelKontaktinformasjon(ctx, b.FiksOrgID, b.RessursID, versjon, portal.Adresser(v.Get("kontakter")), v.Get("telefon"))
			return err
		}},
		{"adresse", "bydel.adresse", "bydel.adresse.om", bydeladresseFelt, func(ctx context.Context, b bekymringsmelding.Bydel, versjon int64, v url.Values) error {
			_, err := p.Bekymring.EndreBydelAdresse(ctx, b.FiksOrgID, b.RessursID, versjon, bydeladresse(v))
			return err
		}},
	}
}

// visBydel is the overview of an office.
func (p *Forvaltning) visBydel(w http.ResponseWriter, r *http.Request, s bydelside) error {
	t := s.t
	var m []portal.Melding
	if tekst, ok := map[string]string{"ny": "bydel.laget", "lagret": "endring.lagret", "standard": "bydel.standard.satt", "aktiv": "bydel.aktivert", "inaktiv": "bydel.deaktivert.naa",
		"mottak": "bydel.mottak.lagret"}[r.URL.Query().Get("gjort")]; ok {
		m = append(m, portal.Melding{Farge: "success", Tekst: t(tekst), Status: true})
	}
	mangler, err := p.bydelmangler(r, t, s.b)
	if err != nil {
		return err
	}
	m = append(m, mangler...)
	var grupper []portal.Gruppe
	for _, d := range p.bydeldeler() {
		grupper = append(grupper, svarene(t, steg{tittel: d.tittel, felt: d.felt(t)}, bydelsvar(s.b), s.her+"/endre/"+d.sti))
	}
	defs, err := p.mottakFelt(r.Context(), t, s.org.ID, s.b.Kanal)
	if err != nil {
		return err
	}
	g := svarene(t, steg{tittel: "bydel.mottak", felt: defs}, mottaksvar(s.b, s.b.Kanal), s.her+"/mottak")
	g.Svar = slices.Insert(g.Svar, 0, portal.Svar{Navn: t("bydel.kanal"), Verdi: bydelkanalnavn(t, s.b.Kanal)})
	grupper = append(grupper, g)
	d := map[string]any{"Meldinger": m, "Grupper": grupper, "Standard": s.b.StandardMottaker && !s.b.Deaktivert, "Deaktivert": s.b.Deaktivert, "Forvaltning": "/forvaltning/" + s.org.ID}
	switch s.b.Kanal {
	case bekymringsmelding.KanalManuell:
		personer, err := p.bydelpersoner(r.Context(), s.org.ID, s.b.RessursID)
		if err != nil {
			return err
		}
		d["Manuell"], d["Personer"] = true, len(personer)
	case bekymringsmelding.KanalFiksIO:
		k, err := p.FiksIO.Konto(r.Context(), s.b.FiksIOKontoID)
		if err != nil && !feil.Er(err, feil.IkkeFunnet) {
			return err
		}
		if err == nil {
			d["Konto"], d["Apen"] = k, !k.KunAksepterte
		}
	case bekymringsmelding.KanalSvarInn:
		d["Sertifikat"] = p.visNokkel(t, bydelsertifikat(s.b))
		if i, err := p.Organisasjon.Integrasjon(r.Context(), s.b.IntegrasjonID); err == nil {
			d["Integrasjon"] = i.ID
			if d["HarPassord"], err = p.harPassord(r.Context(), i.ID); err != nil {
				return err
			}
		} else if !feil.Er(err, feil.IkkeFunnet) {
			return err
		}
	}
	return p.visBydelside(w, r, s, http.StatusOK, "bydel", "", nil, d)
}

// bydeldelen finds the part that the path names; feil.IkkeFunnet.
func (p *Forvaltning) bydeldelen(r *http.Request) (bydeldel, error) {
	alle := p.bydeldeler()
	i := slices.IndexFunc(alle, func(d bydeldel) bool { return d.sti == r.PathValue("del") })
	if i < 0 {
		return bydeldel{}, feil.Ny(feil.IkkeFunnet, "Siden finnes ikke")
	}
	return alle[i], nil
}

func (p *Forvaltning) visBydelendring(w http.ResponseWriter, r *http.Request, s bydelside) error {
	d, err := p.bydeldelen(r)
	if err != nil {
		return err
	}
	felt, m, err := p.lesBydelsutkast(r, s.t, bydelsvar(s.b))
	if err != nil {
		return err
	}
	sk := portal.LesSkjema(s.t, d.felt(s.t), felt, false)
	if sk.Versjon = felt.Get("versjon"); m == nil {
		sk.Versjon = strconv.FormatInt(s.b.Versjon, 10)
	}
	return p.visBydelendringMed(w, r, s, d, http.StatusOK, sk, m)
}

func (p *Forvaltning) visBydelendringMed(w http.ResponseWriter, r *http.Request, s bydelside, d bydeldel, status int, sk portal.Skjema, m []portal.Melding) error {
	data := map[string]any{"Skjema": sk, "Meldinger": m, "Om": []string{s.t(d.om)}, "Knapp": s.t("lagre"), "Avbryt": s.her}
	if status == http.StatusConflict {
		data["Naa"] = lagret(s.t, d.felt(s.t), bydelsvar(s.b))
	}
	return p.visBydelside(w, r, s, status, "bydelskjema", s.t(d.tittel), sk.Feil, data)
}

// sendtTo tells whether what could not be stored, since the version is another, is
// stored: the button was pressed twice.
func sendtTo(defs []portal.Feltdef, naa bekymringsmelding.Bydel, fra string, svar, inn url.Values) bool {
	return naa.Versjon == bydelversjon(fra)+1 && portal.Rens(defs, svar).Encode() == inn.Encode()
}

// lagreBydelendring stores a part, unless somebody has changed the office since the page
// was shown.
func (p *Forvaltning) lagreBydelendring(w http.ResponseWriter, r *http.Request, s bydelside) error {
	d, err := p.bydeldelen(r)
	if err != nil {
		return err
	}
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	defs := d.felt(s.t)
	felt := portal.Rens(defs, r.PostForm)
	sk := portal.LesSkjema(s.t, defs, felt, true)
	sk.Versjon = r.PostForm.Get("versjon")
	if len(sk.Feil) > 0 {
		return p.visBydelendringMed(w, r, s, d, http.StatusUnprocessableEntity, sk, nil)
	}
	err = d.lagre(r.Context(), s.b, bydelversjon(sk.Versjon), felt)
	f, _ := errors.AsType[*feil.Feil](err)
	switch {
	case err == nil:
		return portal.Videre(w, r, s.her+"?gjort=lagret")
	case feil.Er(err, feil.Konflikt):
		if s, err = p.lesBydel(r); err != nil {
			return err
		}
		if sendtTo(defs, s.b, sk.Versjon, bydelsvar(s.b), felt) {
			return portal.Videre(w, r, s.her+"?gjort=lagret")
		}
		sk.Versjon = strconv.FormatInt(s.b.Versjon, 10)
		return p.visBydelendringMed(w, r, s, d, http.StatusConflict, sk, kontokonflikt(s.t))
	case f != nil && f.ErrorCode == bekymringsmelding.KodeBydelsnummerOpptatt:
		sk.FeilPaa("nummer", s.t("bydel.nummer.opptatt", "nummer", felt.Get("nummer")))
		return p.visBydelendringMed(w, r, s, d, http.StatusUnprocessableEntity, sk, nil)
	}
	return err
}

// visBydelkanaler is where another way to get reports is chosen.
func (p *Forvaltning) visBydelkanaler(w http.ResponseWriter, r *http.Request, s bydelside) error {
	type valg struct {
		Tekst, Om, URL string
		Naa            bool
	}
	var alle []valg
	for _, k := range bydelkanaler {
		alle = append(alle, valg{s.t(k.tekst), s.t(k.om), s.her + "/mottak/" + k.sti, k.kanal == s.b.Kanal})
	}
	return p.visBydelside(w, r, s, http.StatusOK, "bydelkanaler", s.t("bydel.mottak"), nil, map[string]any{"Alle": alle})
}

func (p *Forvaltning) visBydelmottak(w http.ResponseWriter, r *http.Request, s bydelside) error {
	k, defs, err := p.mottaket(r, s)
	if err != nil {
		return err
	}
	felt, m, err := p.lesBydelsutkast(r, s.t, mottaksvar(s.b, k.kanal))
	if err != nil {
		return err
	}
	inn := mottakinn{skjema: portal.LesSkjema(s.t, defs, felt, false), status: http.StatusOK}
	if inn.skjema.Versjon = felt.Get("versjon"); m == nil {
		inn.skjema.Versjon = strconv.FormatInt(s.b.Versjon, 10)
	}
	if medNokkel(k.kanal) {
		inn.nokkel = &bydelnokkel{Naa: p.visNokkel(s.t, s.nokkelFor(k.kanal)), Om: s.t("bydel.nokkel.om")}
	}
	return p.visBydelmottakMed(w, r, s, k, defs, inn, m)
}

// mottaket is the way that the path names, with its fields; feil.IkkeFunnet.
func (p *Forvaltning) mottaket(r *http.Request, s bydelside) (k bydelkanal, defs []portal.Feltdef, err error) {
	if k, err = kanalen(r.PathValue("kanal")); err != nil {
		return k, nil, err
	}
	defs, err = p.mottakFelt(r.Context(), s.t, s.org.ID, k.kanal)
	return k, defs, err
}

func (p *Forvaltning) visBydelmottakMed(w http.ResponseWriter, r *http.Request, s bydelside, k bydelkanal, defs []portal.Feltdef, inn mottakinn, m []portal.Melding) error {
	om := []string{s.t(k.tekst) + ". " + s.t(k.om)}
	if k.kanal != s.b.Kanal {
		om = append(om, s.t("bydel.mottak.for", "kanal", bydelkanalnavn(s.t, s.b.Kanal)))
		if s.b.Kanal == bekymringsmelding.KanalManuell {
			om = append(om, s.t("bydel.mottak.formanuell"))
		}
	}
	d := map[string]any{"Skjema": inn.skjema, "Nokkel": inn.nokkel, "Meldinger": m, "Om": om, "Knapp": s.t("lagre"), "Avbryt": s.her}
	if inn.status == http.StatusConflict {
		g := portal.Gruppe{Svar: []portal.Svar{{Navn: s.t("bydel.kanal"), Verdi: bydelkanalnavn(s.t, s.b.Kanal)}}}
		if k.kanal == s.b.Kanal {
			g.Svar = append(g.Svar, lagret(s.t, defs, mottaksvar(s.b, k.kanal)).Svar...)
		}
		d["Naa"] = &g
	}
	return p.visBydelside(w, r, s, inn.status, "bydelskjema", s.t("bydel.mottak"), inn.skjema.Feil, d)
}

// lagreBydelmottak sets how reports come from now on, unless somebody has changed the
// office since the page was shown.
func (p *Forvaltning) lagreBydelmottak(w http.ResponseWriter, r *http.Request, s bydelside) error {
	k, defs, err := p.mottaket(r, s)
	if err != nil {
		return err
	}
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	inn, err := p.sjekkMottak(r, s.t, s.org, k.kanal, defs, s.nokkelFor(k.kanal))
	if err != nil {
		return err
	}
	if len(inn.skjema.Feil) > 0 {
		return p.visBydelmottakMed(w, r, s, k, defs, inn, nil)
	}
	ny := somMottak(s.b, k.kanal, inn.felt, inn.sertifikat)
	if k.kanal == bekymringsmelding.KanalFiksIO && ny.FiksIOKontoID == "" && s.b.FiksIOKontoID != "" {
		ny.FiksIOKontoID = uuid.NewString() // another one than the office has
	}
	_, err = p.Bekymring.EndreBydelKonto(r.Context(), s.org.ID, s.b.RessursID, bydelversjon(inn.skjema.Versjon), ny)
	switch {
	case err == nil:
		return portal.Videre(w, r, s.her+"?gjort=mottak")
	case feil.Er(err, feil.Konflikt):
		if s, err = p.lesBydel(r); err != nil {
			return err
		}
		svar := mottaksvar(s.b, k.kanal)
		if inn.felt.Get("konto") == nyKonto { // it has got an id meanwhile
			svar.Set("konto", nyKonto)
		}
		samme, err := p.harSertifikat(r.Context(), s.b, inn.sertifikat)
		if err != nil {
			return err
		}
		if samme && s.b.Kanal == k.kanal && sendtTo(defs, s.b, inn.skjema.Versjon, svar, inn.felt) {
			return portal.Videre(w, r, s.her+"?gjort=mottak")
		}
		inn.status, inn.skjema.Versjon = http.StatusConflict, strconv.FormatInt(s.b.Versjon, 10)
		if inn.sertifikat != nil { // a file cannot be shown again, and what it had in it can
			inn.nokkel.Tekst = string(somPEM(inn.sertifikat))
		}
		return p.visBydelmottakMed(w, r, s, k, defs, inn, kontokonflikt(s.t))
	case feil.Er(err, feil.Ugyldig):
		portal.Noter(r, err)
		inn.skjema.Feil = []portal.Lenke{avvist(s.t, s.org.ID, err)}
		return p.visBydelmottakMed(w, r, s, k, defs, inn, nil)
	}
	return err
}

// harSertifikat tells whether the office's reports are encrypted with a certificate; nil
// is any.
func (p *Forvaltning) harSertifikat(ctx context.Context, b bekymringsmelding.Bydel, c *x509.Certificate) (bool, error) {
	switch {
	case c == nil:
		return true, nil
	case b.Kanal != bekymringsmelding.KanalFiksIO:
		return c.Equal(bydelsertifikat(b)), nil
	}
	k, err := p.FiksIO.Konto(ctx, b.FiksIOKontoID)
	if feil.Er(err, feil.IkkeFunnet) {
		return false, nil
	}
	return bytes.Equal(c.Raw, k.Sertifikat), err
}

// bekreftelse is a page that asks before something is done.
type bekreftelse struct {
	Sporsmal, Om, Knapp string // without Knapp it cannot be done
	Handling            string // what the button stands for; "" where there is no choice
	Fare                bool
	Lenke               portal.Lenke // what to do first
	Avbryt              string
}

func (p *Forvaltning) visBydelbekreft(w http.ResponseWriter, r *http.Request, s bydelside, status int, smule string, feilene []portal.Lenke, b bekreftelse) error {
	return p.visBydelside(w, r, s, status, "bydelbekreft", smule, feilene, map[string]any{"B": b})
}

func (p *Forvaltning) visBydelstandard(w http.ResponseWriter, r *http.Request, s bydelside) error {
	return p.visBydelstandardMed(w, r, s, http.StatusOK)
}

func (p *Forvaltning) visBydelstandardMed(w http.ResponseWriter, r *http.Request, s bydelside, status int) error {
	b := bekreftelse{Sporsmal: s.t("bydel.standard.sporsmal", "navn", s.b.Navn), Om: s.t("bydel.standard.om"), Knapp: s.t("bydel.standard.sett"), Avbryt: s.her}
	switch {
	case s.b.Deaktivert:
		b.Om, b.Knapp = s.t("bydel.standard.deaktivert"), ""
	case s.b.StandardMottaker:
		b.Om, b.Knapp = s.t("bydel.standard.er"), ""
	}
	return p.visBydelbekreft(w, r, s, status, s.t("bydel.standard"), nil, b)
}

// settBydelstandard makes the office the one that gets what nobody knows the right
// office of. That it is so already is no error.
func (p *Forvaltning) settBydelstandard(w http.ResponseWriter, r *http.Request, s bydelside) error {
	err := p.Bekymring.SettStandardMottaker(r.Context(), s.org.ID, s.b.RessursID)
	if feil.Er(err, feil.Ugyldig) {
		return p.visBydelstandardMed(w, r, s, http.StatusUnprocessableEntity)
	} else if err != nil {
		return err
	}
	return portal.Videre(w, r, s.her+"?gjort=standard")
}

func (p *Forvaltning) visBydelaktiv(w http.ResponseWriter, r *http.Request, s bydelside) error {
	return p.visBydelaktivMed(w, r, s, http.StatusOK)
}

func (p *Forvaltning) visBydelaktivMed(w http.ResponseWriter, r *http.Request, s bydelside, status int) error {
	if s.b.Deaktivert {
		return p.visBydelbekreft(w, r, s, status, s.t("bydel.aktiver"), nil, bekreftelse{Sporsmal: s.t("bydel.aktiver.sporsmal", "navn", s.b.Navn),
			Om: s.t("bydel.aktiver.om"), Knapp: s.t("bydel.aktiver"), Handling: "aktiver", Avbryt: s.her})
	}
	aktive, err := p.Bekymring.Bydeler(r.Context(), s.b.Kommunenummer)
	if err != nil {
		return err
	}
	b := bekreftelse{Sporsmal: s.t("bydel.deaktiver.sporsmal", "navn", s.b.Navn), Om: s.t("bydel.deaktiver.om"), Knapp: s.t("bydel.deaktiver"), Handling: "deaktiver", Fare: true, Avbryt: s.her}
	var feilene []portal.Lenke
	switch {
	case len(aktive) == 1:
		b.Om = s.t("bydel.deaktiver.siste")
	case s.b.StandardMottaker:
		b.Om, b.Knapp, b.Lenke = s.t("bydel.deaktiver.standard"), "", portal.Lenke{Tekst: s.t("bydel.deaktiver.velg"), URL: s.alle}
		if status != http.StatusOK {
			feilene = []portal.Lenke{{Tekst: s.t("bydel.deaktiver.standard"), URL: s.alle}}
		}
	}
	return p.visBydelbekreft(w, r, s, status, s.t("bydel.deaktiver"), feilene, b)
}

// settBydelaktiv lets the office receive, or not, as the form says: sent twice it
// changes nothing more.
func (p *Forvaltning) settBydelaktiv(w http.ResponseWriter, r *http.Request, s bydelside) error {
	aktiv := r.PostForm.Get("handling") == "aktiver"
	if !aktiv && r.PostForm.Get("handling") != "deaktiver" {
		return feil.Ny(feil.Ugyldig, "Ukjent handling")
	}
	err := p.Bekymring.SettBydelerAktive(r.Context(), s.org.ID, []string{s.b.RessursID}, aktiv)
	if feil.Er(err, feil.Ugyldig) {
		return p.visBydelaktivMed(w, r, s, http.StatusUnprocessableEntity)
	} else if err != nil {
		return err
	}
	gjort := "inaktiv"
	if aktiv {
		gjort = "aktiv"
	}
	return portal.Videre(w, r, s.her+"?gjort="+gjort)
}
