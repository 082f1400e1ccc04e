package forvaltning

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
)

var bydelsnummerForm = regexp.MustCompile(`^[0-9]{2}$`)

func sjekkBydelsnummer(s string) (string, []any) {
	if !bydelsnummerForm.MatchString(s) {
		return "bydel.nummer.ugyldig", nil
	}
	return "", nil
}

// sjekkBydeltekst refuses what does not show.
func sjekkBydeltekst(s string) (string, []any) {
	if nokkel, _ := sjekkTegn(s); nokkel != "" {
		return "bydel.tegn", nil
	}
	return "", nil
}

// sjekkBydelepost checks addresses as the service does.
func sjekkBydelepost(s string) (string, []any) {
	if nokkel, par := portal.SjekkEpost(s); nokkel != "" {
		return nokkel, par
	}
	for _, a := range portal.Adresser(s) {
		if !bekymringsmelding.GyldigEpost(a) {
			return "skjema.epost.ugyldig", []any{"adresse", portal.Avkort(a)}
		}
	}
	return "", nil
}

func bydelkontorFelt(portal.Tolk) []portal.Feltdef {
	return []portal.Feltdef{
		{Navn: "nummer", Etikett: "bydel.nummer", Hjelp: "bydel.nummer.hjelp", Inndata: "numeric", Bredde: "kort", Mangler: "bydel.nummer.mangler", Sjekk: sjekkBydelsnummer},
		{Navn: "navn", Etikett: "bydel.navn", Hjelp: "bydel.navn.hjelp", Maks: 100, Bredde: "middels", Mangler: "bydel.navn.mangler", Sjekk: sjekkBydeltekst},
	}
}

func bydelkontaktFelt(portal.Tolk) []portal.Feltdef {
	return []portal.Feltdef{
		{Navn: "telefon", Etikett: "bydel.telefon", Hjelp: "bydel.telefon.hjelp", Inndata: "tel", Bredde: "kort", Valgfri: true, Sjekk: sjekkTelefon},
		{Navn: "kontakter", Etikett: "bydel.kontakter", Hjelp: "bydel.kontakter.hjelp", Slag: "langtekst", Inndata: "email", Mangler: "bydel.kontakter.mangler", Sjekk: sjekkBydelepost},
	}
}

func bydeladresseFelt(portal.Tolk) []portal.Feltdef {
	return []portal.Feltdef{
		{Navn: "adressenavn", Etikett: "bydel.adresse.navn", Hjelp: "bydel.adresse.navn.hjelp", Maks: 100, Bredde: "middels", Mangler: "bydel.adresse.navn.mangler", Sjekk: sjekkBydeltekst},
		{Navn: "adresse1", Etikett: "bydel.adresse.linje", Maks: 100, Bredde: "middels", Mangler: "bydel.adresse.linje.mangler", Sjekk: sjekkBydeltekst},
		{Navn: "adresse2", Etikett: "bydel.adresse.linjeto", Maks: 100, Bredde: "middels", Valgfri: true, Sjekk: sjekkBydeltekst},
		{Navn: "adresse3", Etikett: "bydel.adresse.linjetre", Maks: 100, Bredde: "middels", Valgfri: true, Sjekk: sjekkBydeltekst},
		{Navn: "postnr", Etikett: "bydel.postnr", Inndata: "numeric", Bredde: "kort", Mangler: "bydel.postnr.mangler", Sjekk: portal.SjekkPostnummer},
		{Navn: "poststed", Etikett: "bydel.poststed", Maks: 100, Bredde: "middels", Mangler: "bydel.poststed.mangler", Sjekk: sjekkBydeltekst},
	}
}

func bydelkanalFelt(t portal.Tolk) []portal.Feltdef {
	f := portal.Feltdef{Navn: "kanal", Etikett: "bydel.kanal", Hjelp: "bydel.kanal.hjelp", Slag: "valg", Mangler: "bydel.kanal.mangler"}
	for _, k := range bydelkanaler {
		f.Valg = append(f.Valg, portal.Valg{Verdi: k.sti, Etikett: t(k.tekst), Hjelp: t(k.om)})
	}
	return []portal.Feltdef{f}
}

// nyBydelFelt are all fields of the first page of a new office.
func nyBydelFelt(t portal.Tolk) []portal.Feltdef {
	return slices.Concat(bydelkontorFelt(t), bydelkontaktFelt(t), bydeladresseFelt(t), bydelkanalFelt(t))
}

// bydelsvar are an office's answers to the fields of those pages.
func bydelsvar(b bekymringsmelding.Bydel) url.Values {
	a := b.Adresse
	return url.Values{"nummer": {b.Bydelsnummer}, "navn": {b.Navn}, "telefon": {b.Telefon}, "kontakter": {portal.Linjer(b.Kontakter)},
		"adressenavn": {a.Navn}, "adresse1": {a.Adresselinje1}, "adresse2": {a.Adresselinje2}, "adresse3": {a.Adresselinje3}, "postnr": {a.Postnummer}, "poststed": {a.Poststed}}
}

func bydeladresse(v url.Values) bekymringsmelding.Postadresse {
	return bekymringsmelding.Postadresse{Navn: v.Get("adressenavn"), Adresselinje1: v.Get("adresse1"), Adresselinje2: v.Get("adresse2"),
		Adresselinje3: v.Get("adresse3"), Postnummer: v.Get("postnr"), Poststed: v.Get("poststed")}
}

// fagsystemnavn are the names of the systems that the contract knows; they are the same
// in all languages.
var fagsystemnavn = map[string]string{"VISMA_FAMILIA": "Visma Familia", "VISMA_FLYT_BARNEVERN": "Visma Flyt Barnevern", "NETCOMPANY_MODULUS_BARN": "Netcompany Modulus Barn"}

// nyKonto is the choice of a Fiks IO konto that is made with the office.
const nyKonto = "ny"

// mottakFelt are the fields of a way to get reports.
func (p *Forvaltning) mottakFelt(ctx context.Context, t portal.Tolk, orgID string, kanal bekymringsmelding.Kanal) ([]portal.Feltdef, error) {
	utgave := portal.Feltdef{Navn: "utgave", Etikett: "bydel.utgave", Hjelp: "bydel.utgave.hjelp", Slag: "valg", Mangler: "bydel.utgave.mangler", Valg: []portal.Valg{
		{Verdi: string(skjema.V2), Etikett: t("bydel.utgave.to")}, {Verdi: string(skjema.V1), Etikett: t("bydel.utgave.en")}}}
	fagsystem := portal.Feltdef{Navn: "fagsystem", Etikett: "bydel.fagsystem", Slag: "valg", Mangler: "bydel.fagsystem.mangler"}
	for _, f := range bekymringsmelding.Fagsystemer() {
		v := portal.Valg{Verdi: f, Etikett: fagsystemnavn[f]}
		if v.Etikett == "" {
			v.Etikett = t("bydel.fagsystem.annet")
		}
		fagsystem.Valg = append(fagsystem.Valg, v)
	}
	switch kanal {
	case bekymringsmelding.KanalFiksIO:
		konto := portal.Feltdef{Navn: "konto", Etikett: "bydel.konto", Hjelp: "bydel.konto.hjelp", Slag: "valg", Mangler: "bydel.konto.mangler",
			Valg: []portal.Valg{{Verdi: nyKonto, Etikett: t("bydel.konto.ny"), Hjelp: t("bydel.konto.ny.hjelp")}}}
		kontoer, err := p.FiksIO.Kontoer(ctx, orgID)
		if err != nil {
			return nil, err
		}
		for _, k := range kontoer {
			if k.Intern {
				continue
			}
			v := portal.Valg{Verdi: k.ID, Etikett: k.Navn, Hjelp: t("bydel.konto.mednokkel")}
			if k.Sertifikat == nil {
				v.Hjelp = t("bydel.konto.utennokkel")
			}
			konto.Valg = append(konto.Valg, v)
		}
		return []portal.Feltdef{fagsystem, utgave, konto}, nil
	case bekymringsmelding.KanalSvarInn:
		return []portal.Feltdef{fagsystem, utgave,
			{Navn: "orgnr", Etikett: "bydel.orgnr", Hjelp: "bydel.orgnr.hjelp", Inndata: "numeric", Bredde: "kort", Valgfri: true, Sjekk: portal.SjekkOrgnr},
			{Navn: "pakke", Etikett: "bydel.pakke", Hjelp: "bydel.pakke.hjelp", Slag: "valg", Mangler: "bydel.pakke.mangler", Valg: []portal.Valg{
				{Verdi: "pdf", Etikett: t("bydel.pakke.pdf")}, {Verdi: "zip", Etikett: t("bydel.pakke.zip")}}},
		}, nil
	case bekymringsmelding.KanalManuell:
		return []portal.Feltdef{{Navn: "varsler", Etikett: "bydel.varsler", Hjelp: "bydel.varsler.hjelp", Slag: "langtekst", Inndata: "email",
			Mangler: "bydel.varsler.mangler", Sjekk: sjekkBydelepost}, utgave}, nil
	}
	return []portal.Feltdef{utgave}, nil
}

// mottaksvar are an office's answers to those fields, with what most will choose where
// it has none.
func mottaksvar(b bekymringsmelding.Bydel, kanal bekymringsmelding.Kanal) url.Values {
	v := url.Values{"utgave": {string(b.StottetVersjon)}, "orgnr": {b.Orgnr}, "pakke": {"pdf"}, "konto": {nyKonto}, "varsler": {portal.Linjer(b.VarselEposter)}}
	if b.Fagsystem != bekymringsmelding.FagsystemManuell && b.Kanal == kanal {
		v.Set("fagsystem", b.Fagsystem)
	}
	if b.StottetVersjon == "" {
		v.Set("utgave", string(skjema.V2))
	}
	if b.FiksIOKontoID != "" {
		v.Set("konto", b.FiksIOKontoID)
	}
	if b.Zip {
		v.Set("pakke", "zip")
	}
	if len(b.VarselEposter) == 0 {
		v.Set("varsler", portal.Linjer(b.Kontakter))
	}
	return v
}

// somMottak gathers the fields of a way to get reports. What the office has for other
// ways is kept.
func somMottak(b bekymringsmelding.Bydel, kanal bekymringsmelding.Kanal, v url.Values, c *x509.Certificate) bekymringsmelding.Mottakskonto {
	m := bekymringsmelding.Mottakskonto{Kanal: kanal, Fagsystem: bekymringsmelding.FagsystemUkjent, StottetVersjon: skjema.Versjon(v.Get("utgave")), VarselEposter: b.VarselEposter}
	if c != nil {
		m.Sertifikat = somPEM(c)
	}
	switch kanal {
	case bekymringsmelding.KanalFiksIO:
		m.Fagsystem = v.Get("fagsystem")
		if m.FiksIOKontoID = v.Get("konto"); m.FiksIOKontoID == nyKonto {
			m.FiksIOKontoID = ""
		}
	case bekymringsmelding.KanalSvarInn:
		m.Fagsystem, m.Orgnr, m.Zip = v.Get("fagsystem"), v.Get("orgnr"), v.Get("pakke") == "zip"
	case bekymringsmelding.KanalManuell:
		m.Fagsystem, m.VarselEposter = bekymringsmelding.FagsystemManuell, portal.Adresser(v.Get("varsler"))
	}
	return m
}

// medNokkel tells whether a way to get reports wants a certificate.
func medNokkel(kanal bekymringsmelding.Kanal) bool {
	return kanal == bekymringsmelding.KanalFiksIO || kanal == bekymringsmelding.KanalSvarInn
}

// bydelnokkel is the part of a form where a certificate is given.
type bydelnokkel struct {
	Naa                *nokkelvisning // what is there
	Om                 string
	Tekst, FeilI, Feil string // what was pasted, and what is wrong with it, in which field
}

// lesMottakskjema reads a form that may come with a file; forStor when that is larger
// than a certificate.
func lesMottakskjema(r *http.Request) (v url.Values, fil []byte, forStor bool, err error) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		return r.PostForm, nil, false, nil
	}
	v = url.Values{}
	d, err := httpx.LesDeler(r, 0) // the route bounds it
	for err == nil {
		var del httpx.Del
		if del, err = d.Neste(); err != nil {
			break
		}
		var b []byte
		if b, err = io.ReadAll(io.LimitReader(del.Innhold, maksSertifikat+1)); err != nil {
			err = d.Feil(err)
			break
		}
		switch {
		case len(b) > maksSertifikat:
			err = feil.Ny(feil.ForStor, "Filen er for stor til å være et sertifikat")
		case del.Navn == "fil":
			fil = b
		default:
			v.Add(del.Navn, string(b))
		}
	}
	switch {
	case errors.Is(err, io.EOF):
		return v, fil, false, nil
	case feil.Er(err, feil.ForStor):
		return v, nil, true, nil
	}
	return nil, nil, false, err
}

// lesBydelnokkel reads the certificate of a form, from the file or from the text; nil
// when there is none. A private key is neither stored nor shown again.
func (p *Forvaltning) lesBydelnokkel(t portal.Tolk, fil []byte, tekst string, n *bydelnokkel) *x509.Certificate {
	innhold := fil
	n.FeilI, n.Tekst = "fil", tekst
	if strings.TrimSpace(tekst) != "" {
		if len(fil) > 0 {
			n.Tekst, n.Feil = "", t("kontoer.nokkelfeil.begge")
			return nil
		}
		innhold, n.FeilI = []byte(tekst), "sertifikat"
	}
	if len(innhold) == 0 {
		return nil
	}
	c, err := p.FiksIO.LesSertifikat(innhold)
	if grunn, avvist := errors.AsType[fiksio.Nokkelfeil](err); avvist {
		if n.Feil = t(nokkelfeilen[grunn]); grunn == fiksio.NokkelPrivat || grunn == fiksio.NokkelLager {
			n.Tekst = ""
		}
		return nil
	}
	return c
}

// nokkelFor is the key that an office has for a way to get reports; nil for none. A Fiks
// IO konto has its own.
func (s bydelside) nokkelFor(kanal bekymringsmelding.Kanal) *x509.Certificate {
	if kanal != bekymringsmelding.KanalSvarInn {
		return nil
	}
	return bydelsertifikat(s.b)
}

// mottakinn is what the form of a way to get reports has brought.
type mottakinn struct {
	felt       url.Values
	skjema     portal.Skjema
	nokkel     *bydelnokkel      // nil: the way wants none
	sertifikat *x509.Certificate // that came with the form; nil: none
	kontoens   bool              // the chosen konto has one
	status     int               // when there are faults
}

// sjekkMottak reads the form of a way to get reports: the fields, the certificate, and
// whether the two go together. har is the certificate that is there already.
func (p *Forvaltning) sjekkMottak(r *http.Request, t portal.Tolk, org organisasjon.Organisasjon, kanal bekymringsmelding.Kanal, defs []portal.Feltdef, har *x509.Certificate) (m mottakinn, err error) {
	inn, fil, forStor, err := lesMottakskjema(r)
	if err != nil {
		return m, err
	}
	m = mottakinn{felt: portal.Rens(defs, inn), status: http.StatusUnprocessableEntity}
	m.skjema = portal.LesSkjema(t, defs, m.felt, !forStor)
	m.skjema.Versjon = inn.Get("versjon")
	if kanal == bekymringsmelding.KanalSvarInn && m.felt.Get("orgnr") == "" && org.Orgnr == "" {
		m.skjema.FeilPaa("orgnr", t("bydel.orgnr.mangler"))
	}
	if !medNokkel(kanal) {
		return m, nil
	}
	n := &bydelnokkel{Naa: p.visNokkel(t, har), Om: t("bydel.nokkel.om")}
	m.nokkel = n
	if m.sertifikat = p.lesBydelnokkel(t, fil, inn.Get("sertifikat"), n); forStor {
		n.Feil, m.status = t("kontoer.nokkelfeil.stor"), http.StatusRequestEntityTooLarge
	}
	if kanal == bekymringsmelding.KanalFiksIO {
		k, err := p.FiksIO.Konto(r.Context(), m.felt.Get("konto"))
		if err != nil && !feil.Er(err, feil.IkkeFunnet) {
			return m, err
		}
		m.kontoens = err == nil && k.FiksOrgID == org.ID && k.Sertifikat != nil
	}
	switch {
	case n.Feil != "":
	case m.kontoens && m.sertifikat != nil: // its own page says what that does
		n.Feil = t("bydel.nokkel.kontoens")
	case !m.kontoens && m.sertifikat == nil && har == nil:
		n.Feil = t("kontoer.nokkelfeil.mangler")
	}
	if n.Feil != "" {
		m.skjema.Feil = append(m.skjema.Feil, portal.Lenke{Tekst: n.Feil, URL: "#" + n.FeilI})
	}
	return m, nil
}
