package forvaltning

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/store"
)

// The types of an identifikator, each with the field where it is written.
const (
	typeOrgnr    = "ORG_NO"
	typeNavenhet = "NAVENHET_ID"
)

// adresselinjer splits a field where each line, or what commas keep apart, is a number.
func adresselinjer(s string) []string {
	var ut []string
	for _, x := range strings.FieldsFunc(s, func(c rune) bool { return c == '\n' || c == ',' || c == ';' }) {
		if x = strings.Join(strings.Fields(x), ""); x != "" && !slices.Contains(ut, x) {
			ut = append(ut, x)
		}
	}
	return ut
}

func sjekkBeskrivelse(s string) (string, []any) {
	if (fiksio.Adresse{Beskrivelse: s}).Validate() != nil {
		return "kontoer.adresse.beskrivelse.tegn", nil
	}
	return "", nil
}

func sjekkOrgnumre(s string) (string, []any) {
	for _, x := range adresselinjer(s) {
		if nokkel, _ := portal.SjekkOrgnr(x); nokkel != "" {
			return "kontoer.adresse.orgnr.feil", []any{"nummer", portal.Avkort(x)}
		}
	}
	return "", nil
}

func sjekkNavenheter(s string) (string, []any) {
	for _, x := range adresselinjer(s) {
		if (fiksio.Identifikator{Type: typeNavenhet, Verdi: x}).Validate() != nil {
			return "kontoer.adresse.navenhet.feil", []any{"nummer", portal.Avkort(x)}
		}
	}
	return "", nil
}

// adressefelt are the fields of an address; a brings the protocols it has, which
// the catalogue may not know.
func adressefelt(t portal.Tolk, a fiksio.Adresse) []portal.Feltdef {
	protokoll := portal.Feltdef{Navn: "protokoll", Etikett: "kontoer.adresse.protokoller", Hjelp: "kontoer.adresse.protokoller.hjelp", Slag: "kryss"}
	for _, x := range fiksio.Protokoller() {
		v := portal.Valg{Verdi: x.Navn, Etikett: x.Navn}
		switch x.Navn {
		case fiksio.ProtokollDigisos:
			v.Hjelp = t("kontoer.protokoll.digisos")
		case fiksio.ProtokollBekymringsmelding:
			v.Hjelp = t("kontoer.protokoll.bekymringsmelding")
		}
		protokoll.Valg = append(protokoll.Valg, v)
	}
	for _, x := range a.Protokoller {
		if !slices.ContainsFunc(protokoll.Valg, func(v portal.Valg) bool { return v.Verdi == x }) {
			protokoll.Valg = append(protokoll.Valg, portal.Valg{Verdi: x, Etikett: x, Hjelp: t("kontoer.protokoll.utenfor")})
		}
	}
	return []portal.Feltdef{
		{Navn: "beskrivelse", Etikett: "kontoer.adresse.beskrivelse", Hjelp: "kontoer.adresse.beskrivelse.hjelp", Maks: 500, Bredde: "middels",
			Mangler: "kontoer.adresse.beskrivelse.mangler", Sjekk: sjekkBeskrivelse},
		{Navn: "orgnr", Etikett: "kontoer.adresse.orgnr", Hjelp: "kontoer.adresse.orgnr.hjelp", Slag: "langtekst", Valgfri: true, Maks: 20000, Sjekk: sjekkOrgnumre},
		{Navn: "navenhet", Etikett: "kontoer.adresse.navenhet", Hjelp: "kontoer.adresse.navenhet.hjelp", Slag: "langtekst", Valgfri: true, Maks: 20000, Sjekk: sjekkNavenheter},
		protokoll,
		{Navn: "niva", Etikett: "kontoer.adresse.niva", Hjelp: "kontoer.adresse.niva.hjelp", Slag: "kryss", Valg: []portal.Valg{
			{Verdi: "4", Etikett: t("kontoer.adresse.niva.hoyt")}, {Verdi: "3", Etikett: t("kontoer.adresse.niva.betydelig")},
			{Verdi: "2", Etikett: t("kontoer.adresse.niva.to")}, {Verdi: "1", Etikett: t("kontoer.adresse.niva.en")}}},
		{Navn: "aktiv", Etikett: "kontoer.adresse.aktiv", Hjelp: "kontoer.adresse.aktiv.hjelp", Slag: "valg", Mangler: "kontoer.adresse.aktiv.mangler",
			Valg: portal.JaNei(t, "kontoer.adresse.aktiv.ja", "kontoer.adresse.aktiv.nei")},
	}
}

// adressesvar spreads an address on the fields.
func adressesvar(a fiksio.Adresse) url.Values {
	v := url.Values{"beskrivelse": {a.Beskrivelse}, "protokoll": a.Protokoller, "aktiv": {"nei"}}
	if a.Aktiv {
		v.Set("aktiv", "ja")
	}
	tall := map[string][]string{}
	for _, i := range a.Identifikatorer {
		tall[i.Type] = append(tall[i.Type], i.Verdi)
	}
	v.Set("orgnr", portal.Linjer(tall[typeOrgnr]))
	v.Set("navenhet", portal.Linjer(tall[typeNavenhet]))
	for _, n := range a.Nivaer {
		v.Add("niva", strconv.Itoa(n))
	}
	return v
}

// fraAdressesvar lays the answers over an address. Of what is ticked, only what
// was offered counts.
func fraAdressesvar(defs []portal.Feltdef, a fiksio.Adresse, v url.Values) fiksio.Adresse {
	a.Beskrivelse, a.Aktiv = v.Get("beskrivelse"), v.Get("aktiv") == "ja"
	a.Identifikatorer, a.Protokoller, a.Nivaer = nil, nil, nil
	for _, x := range adresselinjer(v.Get("orgnr")) {
		a.Identifikatorer = append(a.Identifikatorer, fiksio.Identifikator{Type: typeOrgnr, Verdi: x})
	}
	for _, x := range adresselinjer(v.Get("navenhet")) {
		a.Identifikatorer = append(a.Identifikatorer, fiksio.Identifikator{Type: typeNavenhet, Verdi: x})
	}
	for _, d := range defs {
		for _, o := range d.Valg {
			switch {
			case !slices.Contains(v[d.Navn], o.Verdi):
			case d.Navn == "protokoll":
				a.Protokoller = append(a.Protokoller, o.Verdi)
			case d.Navn == "niva":
				n, _ := strconv.Atoi(o.Verdi) // ours
				a.Nivaer = append(a.Nivaer, n)
			}
		}
	}
	return a
}

// sjekkKontoadresse tells what is wrong with the form. Senders can only find an
// address that has all its parts.
func sjekkKontoadresse(t portal.Tolk, defs []portal.Feltdef, v url.Values) portal.Skjema {
	s := portal.LesSkjema(t, defs, v, true)
	if v.Get("aktiv") != "ja" {
		return s
	}
	a := fraAdressesvar(defs, fiksio.Adresse{}, v)
	for _, x := range []struct {
		mangler     bool
		felt, tekst string
	}{{len(a.Identifikatorer) == 0, "orgnr", "kontoer.adresse.orgnr.mangler"},
		{len(a.Protokoller) == 0, "protokoll", "kontoer.adresse.protokoller.mangler"},
		{len(a.Nivaer) == 0, "niva", "kontoer.adresse.niva.mangler"}} {
		if x.mangler {
			s.FeilPaa(x.felt, t(x.tekst))
		}
	}
	return s
}

// adresseversjon is the address that a form was shown from.
func (p *Forvaltning) adresseversjon(a fiksio.Adresse) string {
	v := adressesvar(a)
	for _, verdier := range v {
		slices.Sort(verdier)
	}
	return p.Ring.Lookup("forvaltning.adresseversjon", v.Encode())
}

func (p *Forvaltning) visKontoadresser(w http.ResponseWriter, r *http.Request, s kontoside) error {
	adresser, err := p.FiksIO.Adresser(r.Context(), s.k.ID)
	if err != nil {
		return err
	}
	tab := portal.Tabell{Merke: s.t("kontoer.adresse.tabell"), Kolonner: []string{s.t("kontoer.adresse.beskrivelse"), s.t("kontoer.status"),
		s.t("kontoer.adresse.identifikatorer"), s.t("kontoer.adresse.protokoller"), s.t("kontoer.adresse.niva")}}
	for _, a := range adresser {
		status := portal.Celle{Tekst: s.t("kontoer.adresse.aktiv.ja"), Farge: "success"}
		switch {
		case !a.Aktiv && !a.Gyldig():
			status = portal.Celle{Tekst: s.t("kontoer.adresse.ufullstendig"), Farge: "warning"}
		case !a.Aktiv:
			status = portal.Celle{Tekst: s.t("kontoer.adresse.aktiv.nei"), Farge: "neutral"}
		}
		var ider, nivaer []string
		for _, i := range a.Identifikatorer {
			ider = append(ider, i.String())
		}
		for _, n := range a.Nivaer {
			nivaer = append(nivaer, strconv.Itoa(n))
		}
		tab.Rader = append(tab.Rader, []portal.Celle{{Tekst: a.Beskrivelse, URL: s.her + "/adresser/" + a.ID}, status,
			{Tekst: kortListe(s.t, ider)}, {Tekst: kortListe(s.t, a.Protokoller)}, {Tekst: strings.Join(nivaer, ", ")}})
	}
	return p.visKontoside(w, r, s, http.StatusOK, "kontoadresser", "adresser", "", nil, kontokvittering(r, s.t), map[string]any{"Tabell": tab})
}

// kortListe names the first of many.
func kortListe(t portal.Tolk, ss []string) string {
	const vises = 3
	if len(ss) <= vises {
		return strings.Join(ss, ", ")
	}
	return t("kontoer.ogflere", "liste", strings.Join(ss[:vises], ", "), "n", len(ss)-vises)
}

func (p *Forvaltning) visNyAdresse(w http.ResponseWriter, r *http.Request, s kontoside) error {
	felt, err := p.Gjenopprettet(r)
	if err != nil {
		return err
	}
	var m []portal.Melding
	id := uuid.NewString()
	if felt != nil {
		id, m = felt.Get("versjon"), append(m, gjenopprettet(s.t))
	} else {
		felt = url.Values{"orgnr": {s.org.Orgnr}, "niva": {"4"}, "aktiv": {"ja"}}
	}
	return p.visAdresseskjema(w, r, s, http.StatusOK, fiksio.Adresse{}, id, portal.LesSkjema(s.t, adressefelt(s.t, fiksio.Adresse{}), felt, false), portal.Lenke{}, m)
}

// visAdresseskjema shows the form of an address; without an ID, of a new one.
// versjon is what it was shown from, for a new one the id it is to get.
func (p *Forvaltning) visAdresseskjema(w http.ResponseWriter, r *http.Request, s kontoside, status int, a fiksio.Adresse, versjon string, sk portal.Skjema, lenke portal.Lenke, m []portal.Melding) error {
	sk.Versjon = versjon
	k := kontoskjema{Skjema: sk, Om: s.t("kontoer.adresse.om"), Knapp: s.t("lagre"), Avbryt: s.her + "/adresser", Lenke: lenke}
	tittel := a.Beskrivelse
	switch {
	case a.ID == "":
		tittel, k.Knapp = s.t("kontoer.adresse.ny"), s.t("kontoer.adresse.lag")
	case status == http.StatusConflict:
		k.Lagret = lagret(s.t, adressefelt(s.t, a), adressesvar(a))
	}
	if a.ID != "" {
		k.Slett = s.her + "/adresser/" + a.ID + "/slett"
	}
	return p.visKontoside(w, r, s, status, "kontoskjema", "adresser", tittel, sk.Feil, m, map[string]any{"Skjema": k})
}

// opprettAdresse makes an address. The form brings the id: sent twice, it makes one.
func (p *Forvaltning) opprettAdresse(w http.ResponseWriter, r *http.Request, s kontoside) error {
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	ctx := r.Context()
	u, err := uuid.Parse(r.PostForm.Get("versjon"))
	if err != nil {
		return feil.Ny(feil.Ugyldig, "Skjemaet mangler en id").Med(err)
	}
	id := u.String()
	defs := adressefelt(s.t, fiksio.Adresse{})
	felt := portal.Rens(defs, r.PostForm)
	sk := sjekkKontoadresse(s.t, defs, felt)
	if len(sk.Feil) > 0 {
		return p.visAdresseskjema(w, r, s, http.StatusUnprocessableEntity, fiksio.Adresse{}, id, sk, portal.Lenke{}, nil)
	}
	a := fraAdressesvar(defs, fiksio.Adresse{ID: id, KontoID: s.k.ID, OpprettetAv: s.av}, felt)
	err = p.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := p.FiksIO.OpprettAdresse(ctx, tx, a)
		return err
	})
	if feil.Er(err, feil.Konflikt) { // made already, by this form or for another
		if _, err := p.finnAdresse(ctx, s, id); err != nil {
			return err
		}
		return portal.Videre(w, r, s.her+"/adresser?gjort=adresse")
	}
	return p.adressesvaret(w, r, s, err, fiksio.Adresse{}, id, sk, "adresse")
}

// finnAdresse finds one of the konto's addresses; feil.IkkeFunnet.
func (p *Forvaltning) finnAdresse(ctx context.Context, s kontoside, id string) (fiksio.Adresse, error) {
	alle, err := p.FiksIO.Adresser(ctx, s.k.ID)
	if err != nil {
		return fiksio.Adresse{}, err
	}
	i := slices.IndexFunc(alle, func(a fiksio.Adresse) bool { return a.ID == id })
	if i < 0 {
		return fiksio.Adresse{}, feil.Ny(feil.IkkeFunnet, "Siden finnes ikke")
	}
	return alle[i], nil
}

func (p *Forvaltning) visAdresse(w http.ResponseWriter, r *http.Request, s kontoside) error {
	a, err := p.finnAdresse(r.Context(), s, r.PathValue("adresse"))
	if err != nil {
		return err
	}
	felt, err := p.Gjenopprettet(r)
	if err != nil {
		return err
	}
	var m []portal.Melding
	versjon := p.adresseversjon(a)
	if felt != nil {
		m, versjon = append(m, gjenopprettet(s.t)), felt.Get("versjon") // as it was then
	} else {
		felt = adressesvar(a)
	}
	return p.visAdresseskjema(w, r, s, http.StatusOK, a, versjon, portal.LesSkjema(s.t, adressefelt(s.t, a), felt, false), portal.Lenke{}, m)
}

// lagreAdresse changes an address, unless somebody has changed it since the page
// was shown.
func (p *Forvaltning) lagreAdresse(w http.ResponseWriter, r *http.Request, s kontoside) error {
	a, err := p.finnAdresse(r.Context(), s, r.PathValue("adresse"))
	if err != nil {
		return err
	}
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	defs, versjon := adressefelt(s.t, a), r.PostForm.Get("versjon")
	felt := portal.Rens(defs, r.PostForm)
	sk := sjekkKontoadresse(s.t, defs, felt)
	if len(sk.Feil) > 0 {
		return p.visAdresseskjema(w, r, s, http.StatusUnprocessableEntity, a, versjon, sk, portal.Lenke{}, nil)
	}
	_, err = p.FiksIO.EndreAdresse(r.Context(), s.k.ID, a.ID, s.av, func(x *fiksio.Adresse) error {
		ny := fraAdressesvar(defs, *x, felt)
		if v := p.adresseversjon(*x); v != versjon && v != p.adresseversjon(ny) { // sent twice, it is no conflict
			return errKontoEndret
		}
		*x = ny
		return nil
	})
	if errors.Is(err, errKontoEndret) {
		if a, err = p.finnAdresse(r.Context(), s, a.ID); err != nil {
			return err
		}
		return p.visAdresseskjema(w, r, s, http.StatusConflict, a, p.adresseversjon(a), portal.LesSkjema(s.t, adressefelt(s.t, a), felt, false), portal.Lenke{}, kontokonflikt(s.t))
	}
	return p.adressesvaret(w, r, s, err, a, versjon, sk, "lagret")
}

// adressesvaret answers a change of an address: on to the list, or the form with
// what it overlaps. Whose that is, only those learn who administer it.
func (p *Forvaltning) adressesvaret(w http.ResponseWriter, r *http.Request, s kontoside, err error, a fiksio.Adresse, versjon string, sk portal.Skjema, gjort string) error {
	k, overlapper := errors.AsType[*fiksio.AdresseKonflikt](err)
	switch {
	case err == nil:
		return portal.Videre(w, r, s.her+"/adresser?gjort="+gjort)
	case !overlapper:
		return err
	}
	var nivaer []string
	for _, n := range k.Nivaer {
		nivaer = append(nivaer, strconv.Itoa(n))
	}
	par := []any{"ider", strings.Join(k.Identifikatorer, ", "), "protokoller", strings.Join(k.Protokoller, ", "), "nivaer", strings.Join(nivaer, ", ")}
	egen, err := p.Organisasjon.Har(r.Context(), auth.From(r.Context()).Fnr, auth.Admin, k.FiksOrgID)
	if err != nil {
		return err
	}
	tekst, lenke := s.t("kontoer.overlapp.andre", par...), portal.Lenke{}
	if egen {
		tekst = s.t("kontoer.overlapp.egen", append(par, "adresse", k.Beskrivelse, "konto", k.KontoNavn, "org", k.FiksOrgVisningsnavn)...)
		lenke = portal.Lenke{Tekst: s.t("kontoer.overlapp.se", "adresse", k.Beskrivelse), URL: "/forvaltning/" + k.FiksOrgID + "/kontoer/" + k.KontoID + "/adresser/" + k.AdresseID}
	}
	felt := "navenhet"
	if slices.ContainsFunc(k.Identifikatorer, func(i string) bool { return strings.HasPrefix(i, typeOrgnr) }) {
		felt = "orgnr"
	}
	sk.FeilPaa(felt, tekst)
	return p.visAdresseskjema(w, r, s, http.StatusUnprocessableEntity, a, versjon, sk, lenke, nil)
}

func (p *Forvaltning) visSlettAdresse(w http.ResponseWriter, r *http.Request, s kontoside) error {
	a, err := p.finnAdresse(r.Context(), s, r.PathValue("adresse"))
	if err != nil {
		return err
	}
	return p.visKontoside(w, r, s, http.StatusOK, "slettadresse", "adresser", s.t("kontoer.adresse.slett.tittel", "adresse", a.Beskrivelse), nil, nil,
		map[string]any{"A": a, "Avbryt": s.her + "/adresser/" + a.ID})
}

// slettAdresse deletes one for good. That it has gone meanwhile is no error.
func (p *Forvaltning) slettAdresse(w http.ResponseWriter, r *http.Request, s kontoside) error {
	if err := p.FiksIO.SlettAdresse(r.Context(), s.k.ID, r.PathValue("adresse")); err != nil && !feil.Er(err, feil.IkkeFunnet) {
		return err
	}
	return portal.Videre(w, r, s.her+"/adresser?gjort=adresseborte")
}
