package forvaltning

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/svarut/svarinn"
)

// sertifikatfeil are the texts of why a file is not taken.
var sertifikatfeil = map[svarinn.Sertifikatfeil]string{
	svarinn.SertifikatMangler:  "svarinn.sertifikat.mangler",
	svarinn.SertifikatUkjent:   "svarinn.sertifikat.ukjent",
	svarinn.SertifikatUleselig: "svarinn.sertifikat.uleselig",
	svarinn.SertifikatPrivat:   "svarinn.sertifikat.privat",
	svarinn.SertifikatLager:    "svarinn.sertifikat.lager",
	svarinn.SertifikatBareKey:  "svarinn.sertifikat.barekey",
	svarinn.SertifikatKjede:    "svarinn.sertifikat.kjede",
	svarinn.SertifikatBestilt:  "svarinn.sertifikat.bestilt",
	svarinn.SertifikatIkkeRSA:  "svarinn.sertifikat.ikkersa",
	svarinn.SertifikatLengde:   "svarinn.sertifikat.lengde",
	svarinn.SertifikatUtlopt:   "svarinn.sertifikat.utlopt",
}

// opplasting is what the form of a new certificate brings.
type opplasting struct {
	fil, pem []byte
	versjon  string // the fingerprint that was shown
	iTekst   bool   // what is wrong is in the text, not in the file
	feil     string // what is wrong
}

// lesOpplasting reads the form; a file that is too large is one of its faults.
func lesOpplasting(r *http.Request) (o opplasting, forStor bool, err error) {
	d, err := httpx.LesDeler(r, 0) // the route bounds it
	for err == nil {
		var del httpx.Del
		if del, err = d.Neste(); err != nil {
			break
		}
		var b []byte
		if b, err = io.ReadAll(del.Innhold); err != nil {
			err = d.Feil(err)
			break
		}
		switch del.Navn {
		case "fil":
			o.fil = b
		case "pem":
			o.pem = b
		case "versjon":
			o.versjon = string(b)
		}
	}
	switch {
	case err == io.EOF:
		return o, false, nil
	case feil.Er(err, feil.ForStor):
		return o, true, nil
	}
	return o, false, err
}

func (p *Forvaltning) visService(w http.ResponseWriter, r *http.Request, s system) error {
	return p.visServiceMed(w, r, s, http.StatusOK, opplasting{}, kvittert(r, s.t, map[string]string{"lagret": "svarinn.sertifikat.lagret"}))
}

func (p *Forvaltning) visServiceMed(w http.ResponseWriter, r *http.Request, s system, status int, o opplasting, m []portal.Melding) error {
	d := map[string]any{"ID": s.stand.ID, "HarPassord": s.stand.HarPassord, "Versjon": ""}
	naa := p.Klokke.Now()
	c := s.stand.Sertifikat
	switch {
	case c == nil:
		m = append(m, portal.Melding{Farge: "danger", Tittel: s.t("svarinn.nokkel.mangler"), Tekst: s.t("svarinn.nokkel.mangler.om")})
	case !naa.Before(c.Utloper):
		m = append(m, portal.Melding{Farge: "danger", Tittel: s.t("svarinn.mangler.utlopt"), Tekst: s.t("svarinn.nokkel.ny")})
	case c.Utloper.Sub(naa) < nokkelvarsel:
		m = append(m, portal.Melding{Farge: "warning", Tittel: s.t("svarinn.mangler.utloper", "dato", portal.Dato(p.Spraak(r), c.Utloper)), Tekst: s.t("svarinn.nokkel.ny")})
	}
	if c != nil {
		stand := portal.Celle{Tekst: s.t("svarinn.nokkel.ibruk"), Farge: "success"}
		switch {
		case !naa.Before(c.Utloper):
			stand = portal.Celle{Tekst: s.t("svarinn.nokkel.utlopt"), Farge: "danger"}
		case c.Utloper.Sub(naa) < nokkelvarsel:
			stand = portal.Celle{Tekst: s.t("svarinn.nokkel.utloper", "n", int(c.Utloper.Sub(naa).Hours()/24)), Farge: "warning"}
		}
		d["Versjon"], d["Sertifikat"], d["Stand"] = c.Fingeravtrykk, c, stand
	}
	var feilene []portal.Lenke
	if o.feil != "" {
		felt := "fil"
		if o.iTekst {
			felt = "pem"
		}
		feilene = []portal.Lenke{{Tekst: o.feil, URL: "#" + felt}}
		d["FeilI"], d["Feilen"] = felt, o.feil
	}
	d["Pem"], d["Meldinger"] = string(o.pem), m
	return p.visSystem(w, r, s, status, "svarinnservice", "service", "", feilene, d)
}

// lastOppSertifikat takes a certificate, from a file or as text. A private key is
// neither stored nor shown again.
func (p *Forvaltning) lastOppSertifikat(w http.ResponseWriter, r *http.Request, s system) error {
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	o, forStor, err := lesOpplasting(r)
	if err != nil {
		return err
	}
	innhold := o.fil
	tekst := strings.TrimSpace(string(o.pem))
	if len(innhold) == 0 {
		innhold, o.iTekst = []byte(tekst), tekst != ""
	}
	if forStor {
		o = opplasting{feil: s.t("svarinn.sertifikat.stor")}
		return p.visServiceMed(w, r, s, http.StatusRequestEntityTooLarge, o, nil)
	}
	if len(o.fil) > 0 && tekst != "" {
		o.feil, o.pem = s.t("svarinn.sertifikat.begge"), nil
		return p.visServiceMed(w, r, s, http.StatusUnprocessableEntity, o, nil)
	}
	_, err = p.SvarInn.SettSertifikatFra(r.Context(), s.av, s.stand.ID, o.versjon, innhold)
	if grunn, avvist := errors.AsType[svarinn.Sertifikatfeil](err); avvist {
		if o.feil = s.t(sertifikatfeil[grunn]); grunn == svarinn.SertifikatPrivat || grunn == svarinn.SertifikatLager {
			o.pem = nil
		}
		return p.visServiceMed(w, r, s, http.StatusUnprocessableEntity, o, nil)
	}
	switch {
	case feil.Er(err, feil.Konflikt):
		if s, err = p.finnSystem(r); err != nil { // what is in use now
			return err
		}
		return p.visServiceMed(w, r, s, http.StatusConflict, o,
			[]portal.Melding{{Farge: "warning", Tittel: s.t("konflikt.tittel"), Tekst: s.t("svarinn.sertifikat.konflikt"), Status: true}})
	case err != nil:
		return err
	}
	return portal.Videre(w, r, s.her+"/service?lagret=1")
}

func (p *Forvaltning) visServicepassord(w http.ResponseWriter, r *http.Request, s system) error {
	return p.visSystem(w, r, s, http.StatusOK, "svarinnlagpassord", "service", s.t("svarinn.passord.lag"), nil,
		map[string]any{"HarPassord": s.stand.HarPassord, "Versjon": passordversjon(s)})
}

// passordversjon is what the form of a new password was shown from.
func passordversjon(s system) string {
	if !s.stand.HarPassord {
		return "ingen"
	}
	return s.stand.PassordVersjon
}

// lagServicepassord makes a password and shows it, which is nowhere but in this
// answer. Sent twice, the form makes one: the password that was shown must be
// the one that holds.
func (p *Forvaltning) lagServicepassord(w http.ResponseWriter, r *http.Request, s system) error {
	fra := r.PostForm.Get("versjon")
	switch fra {
	case "ingen":
		fra = ""
	case "":
		fra = "?" // a version nothing has
	}
	passord, err := p.SvarInn.LagPassordFra(r.Context(), s.av, s.stand.ID, fra)
	if feil.Er(err, feil.Konflikt) {
		return p.visOrg(w, r, http.StatusConflict, "konflikt", orgside{Tittel: s.t("konflikt.tittel"), Org: &s.org, Gjest: !s.admin, Aktiv: "svarinn",
			Data: map[string]any{"Tekst": s.t("passord.byttet"), "URL": s.her + "/service", "Lenke": s.t("svarinn.til")}})
	} else if err != nil {
		return err
	}
	tekst := s.t("svarinn.passord.vist")
	if s.stand.HarPassord {
		tekst = s.t("svarinn.passord.vist.nytt")
	}
	return p.visSystem(w, r, s, http.StatusOK, "svarinnpassord", "service", s.t("svarinn.passord.laget"), nil, map[string]any{
		"Kvittering": portal.Kvittering{Tittel: s.t("svarinn.passord.laget"), Tekst: tekst}, "ID": s.stand.ID, "Passord": passord})
}
