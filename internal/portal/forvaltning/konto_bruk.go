package forvaltning

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
)

// protokoll is one that a konto takes, or could take.
type protokoll struct {
	fiksio.Protokoll
	Adresser []portal.Lenke // the active ones that carry it
	Inaktive []portal.Lenke // the others that do
}

// visKontoprotokoller tells what can be sent to the konto, and by which addresses.
func (p *Forvaltning) visKontoprotokoller(w http.ResponseWriter, r *http.Request, s kontoside) error {
	adresser, err := p.FiksIO.Adresser(r.Context(), s.k.ID)
	if err != nil {
		return err
	}
	var alle []protokoll
	for _, x := range fiksio.Protokoller() {
		alle = append(alle, protokoll{Protokoll: x})
	}
	for _, a := range adresser {
		lenke := portal.Lenke{Tekst: a.Beskrivelse, URL: s.her + "/adresser/" + a.ID}
		for _, navn := range a.Protokoller {
			i := slices.IndexFunc(alle, func(x protokoll) bool { return x.Navn == navn })
			if i < 0 {
				i = len(alle)
				alle = append(alle, protokoll{Protokoll: fiksio.Protokoll{Navn: navn}})
			}
			if a.Aktiv {
				alle[i].Adresser = append(alle[i].Adresser, lenke)
			} else {
				alle[i].Inaktive = append(alle[i].Inaktive, lenke)
			}
		}
	}
	return p.visKontoside(w, r, s, http.StatusOK, "kontoprotokoller", "protokoller", "", nil, nil, map[string]any{"Protokoller": alle})
}

// kontobruker is an integrasjon that may use a konto.
type kontobruker struct {
	organisasjon.Integrasjon
	Egen bool // it can be looked at in the organisation
}

// kontobrukere are the integrasjoner that may use the konto: the organisation's
// own and the global ones, and those of others that were given it.
func (p *Forvaltning) kontobrukere(ctx context.Context, s kontoside) ([]kontobruker, error) {
	egne, err := p.Organisasjon.Integrasjoner(ctx, s.org.ID)
	if err != nil {
		return nil, err
	}
	var ut []kontobruker
	for _, i := range egne {
		har, err := p.Organisasjon.Har(ctx, i.ID, auth.FiksIOKonto, s.k.ID)
		if err != nil {
			return nil, err
		}
		if har {
			ut = append(ut, kontobruker{i, true})
		}
	}
	gitte, err := p.Organisasjon.Tilganger(ctx, s.k.ID)
	if err != nil {
		return nil, err
	}
	for _, g := range gitte {
		if g.Privilegium != auth.FiksIOKonto || fnrForm.MatchString(g.Aktor) ||
			slices.ContainsFunc(egne, func(i organisasjon.Integrasjon) bool { return i.ID == g.Aktor }) {
			continue
		}
		i, err := p.Organisasjon.Integrasjon(ctx, g.Aktor)
		if feil.Er(err, feil.IkkeFunnet) {
			continue // deleted
		} else if err != nil {
			return nil, err
		}
		ut = append(ut, kontobruker{i, false})
	}
	return ut, nil
}

func (p *Forvaltning) visKontotilganger(w http.ResponseWriter, r *http.Request, s kontoside) error {
	brukere, err := p.kontobrukere(r.Context(), s)
	if err != nil {
		return err
	}
	tab := portal.Tabell{Merke: s.t("kontoer.tilgang.tabell"), Kolonner: []string{s.t("integrasjon.navn"), s.t("integrasjon.orgnr"), s.t("integrasjon.id")}}
	for _, i := range brukere {
		navn := portal.Celle{Tekst: i.Navn, URL: "/forvaltning/" + s.org.ID + "/integrasjoner/" + i.ID}
		switch {
		case !i.Egen:
			navn = portal.Celle{Tekst: i.Navn + " (" + s.t("kontoer.tilgang.annen") + ")"}
		case i.Global:
			navn.Tekst += " (" + s.t("integrasjon.global") + ")"
		}
		tab.Rader = append(tab.Rader, []portal.Celle{navn, {Tekst: i.AutorisertOrgnr}, {Tekst: i.ID, Kode: true}})
	}
	return p.visKontoside(w, r, s, http.StatusOK, "kontotilganger", "tilganger", "", nil, nil, map[string]any{"Tabell": tab})
}

func avsenderregelFelt(t portal.Tolk) []portal.Feltdef {
	return []portal.Feltdef{{Navn: "regel", Etikett: "kontoer.avsender.regel", Slag: "valg", Mangler: "kontoer.avsender.regel.mangler", Valg: []portal.Valg{
		{Verdi: "alle", Etikett: t("kontoer.avsender.alle"), Hjelp: t("kontoer.avsender.alle.hjelp")},
		{Verdi: "liste", Etikett: t("kontoer.avsender.liste"), Hjelp: t("kontoer.avsender.liste.hjelp")}}}}
}

func avsenderFelt() []portal.Feltdef {
	return []portal.Feltdef{{Navn: "avsender", Etikett: "kontoer.avsender.id", Hjelp: "kontoer.avsender.id.hjelp", Maks: 100, Bredde: "middels",
		Mangler: "kontoer.avsender.id.mangler", Sjekk: sjekkKontoID}}
}

func sjekkKontoID(s string) (string, []any) {
	if u, err := uuid.Parse(s); err != nil || len(s) != len(u.String()) {
		return "kontoer.avsender.id.ugyldig", nil
	}
	return "", nil
}

// avsender is a konto that may send to another one.
type avsender struct{ ID, Navn, Org string }

func (p *Forvaltning) visAvsendere(w http.ResponseWriter, r *http.Request, s kontoside) error {
	felt, err := p.Gjenopprettet(r)
	if err != nil {
		return err
	}
	m := kontokvittering(r, s.t)
	if felt.Get("avsender") != "" || felt.Get("regel") != "" {
		m = append(m, gjenopprettet(s.t))
	}
	return p.visAvsendereMed(w, r, s, http.StatusOK, felt, portal.LesSkjema(s.t, avsenderFelt(), felt, false), m)
}

// visAvsendereMed shows who may send, with what was filled in.
func (p *Forvaltning) visAvsendereMed(w http.ResponseWriter, r *http.Request, s kontoside, status int, felt url.Values, ny portal.Skjema, m []portal.Melding) error {
	kontoer, bareListen, err := p.FiksIO.AksepterteAvsendere(r.Context(), s.k.ID)
	if err != nil {
		return err
	}
	var alle []avsender
	for _, k := range kontoer {
		a := avsender{ID: k.ID, Navn: k.Navn}
		o, err := p.Organisasjon.Organisasjon(r.Context(), k.FiksOrgID)
		if err != nil && !feil.Er(err, feil.IkkeFunnet) {
			return err
		}
		a.Org = o.Navn
		alle = append(alle, a)
	}
	plattformens, err := p.FiksIO.Plattformkontoer(r.Context())
	if err != nil {
		return err
	}
	var utenfor []avsender // what Digisos and Bekymringsmelding are sent from
	for _, k := range plattformens {
		if !slices.ContainsFunc(alle, func(a avsender) bool { return a.ID == k.ID }) {
			utenfor = append(utenfor, avsender{ID: k.ID, Navn: k.Navn})
		}
	}
	switch {
	case bareListen && len(alle) > 0 && len(utenfor) > 0:
		m = append(m, portal.Melding{Farge: "warning", Tittel: s.t("kontoer.avsender.plattform"), Tekst: s.t("kontoer.avsender.plattform.om")})
	case bareListen && len(alle) == 0:
		m = append(m, portal.Melding{Farge: "warning", Tittel: s.t("kontoer.ingenavsendere"), Tekst: s.t("kontoer.ingenavsendere.om")})
	}
	regel := url.Values{"regel": felt["regel"]}
	if regel.Get("regel") == "" {
		if regel.Set("regel", "alle"); bareListen {
			regel.Set("regel", "liste")
		}
	}
	return p.visKontoside(w, r, s, status, "avsendere", "avsendere", "", ny.Feil, m, map[string]any{
		"Alle": alle, "Utenfor": utenfor, "BareListen": bareListen, "Regel": portal.LesSkjema(s.t, avsenderregelFelt(s.t), regel, false), "Ny": ny})
}

// endreAvsendere puts the list in force or not, adds to it or takes from it. Each
// says what is to be, so that sent twice it changes nothing more.
func (p *Forvaltning) endreAvsendere(w http.ResponseWriter, r *http.Request, s kontoside) error {
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	ctx, gjort := r.Context(), "lagret"
	var err error
	switch r.PostForm.Get("handling") {
	case "regel":
		regel := r.PostForm.Get("regel")
		if regel != "alle" && regel != "liste" {
			return feil.Ny(feil.Ugyldig, "Ukjent valg")
		}
		err = p.FiksIO.SettKunAksepterte(ctx, s.k.ID, regel == "liste", s.av)
	case "legg-til":
		gjort = "avsender"
		felt := portal.Rens(avsenderFelt(), r.PostForm)
		sk := portal.LesSkjema(s.t, avsenderFelt(), felt, true)
		if len(sk.Feil) == 0 {
			err = p.FiksIO.LeggTilAvsender(ctx, s.k.ID, strings.ToLower(felt.Get("avsender")), s.av)
			if feil.Er(err, feil.Ugyldig) { // nobody has it
				sk.FeilPaa("avsender", s.t("kontoer.avsender.id.ukjent"))
			}
		}
		if len(sk.Feil) > 0 {
			return p.visAvsendereMed(w, r, s, http.StatusUnprocessableEntity, nil, sk, nil)
		}
	case "fjern":
		gjort = "avsenderborte"
		err = p.FiksIO.FjernAvsender(ctx, s.k.ID, strings.ToLower(r.PostForm.Get("konto")), s.av)
	default:
		err = feil.Ny(feil.Ugyldig, "Ukjent handling")
	}
	if err != nil {
		return err
	}
	return portal.Videre(w, r, s.her+"/avsendere?gjort="+gjort)
}
