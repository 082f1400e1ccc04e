package bekymring

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/portal"
)

// seOver is the last step of both forms.
const seOver = "se-over"

// steg is a step: its fields, those that are asked once for each of a group, and what no
// field can know of itself.
type steg struct {
	navn, tittel, om string
	felt             func(t portal.Tolk, v url.Values) []portal.Feltdef
	// Of a group: "barn" or "forelder", how many it may have, and its fields, whose
	// names begin with the group's and a number.
	gruppe string
	nr     string // what one is called, with its number
	maks   int
	per    func(t portal.Tolk, v url.Values, for_ string) []portal.Feltdef
	// sjekk tells what is wrong with the answers together: keys of texts by field.
	sjekk func(v url.Values, for_ string, si func(felt, nokkel string))
}

// What lines and texts hold at most, in characters: less than the document takes.
const (
	maksLinje = 200
	maksGrunn = 1000
	maksKort  = 4000
	maksLang  = 20_000
)

var privatSteg = []steg{
	{navn: "om-deg", tittel: "bek.omdeg", om: "bek.omdeg.privat", felt: privatDeg, sjekk: func(v url.Values, _ string, si func(string, string)) {
		if v.Get("adresse") == "" && v.Get("postnr")+v.Get("poststed") != "" {
			si("adresse", "bek.adresse.mangler")
		}
	}},
	{navn: "om-barna", tittel: "bek.ombarna", om: "bek.ombarna.om", gruppe: "barn", nr: "bek.gruppe.barn", maks: skjema.MaksBarn, per: privatBarn},
	{navn: "bekymringen", tittel: "bek.bekymringen", om: "bek.bekymringen.om", felt: privatBekymring},
}

var offentligSteg = []steg{
	{navn: "om-deg", tittel: "bek.omdeg.virksomhet", om: "bek.omdeg.offentlig", felt: offentligDeg},
	{navn: "om-barna", tittel: "bek.ombarna", om: "bek.ombarna.om", gruppe: "barn", nr: "bek.gruppe.barn", maks: skjema.MaksBarn, per: offentligBarn, sjekk: sjekkBarn},
	{navn: "om-foreldrene", tittel: "bek.omforeldrene", om: "bek.omforeldrene.om", felt: ukjenteForeldre,
		gruppe: "forelder", nr: "bek.gruppe.forelder", maks: skjema.MaksForesatte, per: forelder, sjekk: sjekkForelder},
	{navn: "tolk-og-instanser", tittel: "bek.tolk.tittel", om: "bek.tolk.om", felt: tolkOgInstanser},
	{navn: "bekymringen", tittel: "bek.bekymringen", om: "bek.bekymringen.offentlig", felt: offentligBekymring},
}

func adressefelt(for_, hjelp string, valgfri bool) []portal.Feltdef {
	return []portal.Feltdef{
		{Navn: for_ + "adresse", Etikett: "bek.adresse", Hjelp: hjelp, Maks: maksLinje, Valgfri: valgfri, Mangler: "bek.adresse.mangler"},
		{Navn: for_ + "postnr", Etikett: "bek.postnr", Inndata: "numeric", Bredde: "kort", Valgfri: true, Sjekk: portal.SjekkPostnummer},
		{Navn: for_ + "poststed", Etikett: "bek.poststed", Bredde: "middels", Maks: maksLinje, Valgfri: true},
	}
}

func telefon(navn, hjelp string, valgfri bool) portal.Feltdef {
	return portal.Feltdef{Navn: navn, Etikett: "bek.telefon", Hjelp: hjelp, Inndata: "tel", Bredde: "middels", Maks: 30, Valgfri: valgfri, Mangler: "bek.telefon.mangler"}
}

func privatDeg(portal.Tolk, url.Values) []portal.Feltdef {
	t := telefon("telefon", "bek.telefon.hjelp", true)
	t.Auto = "tel"
	ut := append([]portal.Feltdef{t}, adressefelt("", "bek.adresse.privat", true)...)
	ut[1].Auto, ut[2].Auto, ut[3].Auto = "address-line1", "postal-code", "address-level2"
	return ut
}

func privatBarn(_ portal.Tolk, _ url.Values, for_ string) []portal.Feltdef {
	ut := []portal.Feltdef{
		{Navn: for_ + "navn", Etikett: "bek.barn.navn", Hjelp: "bek.barn.navn.hjelp", Maks: maksLinje, Mangler: "bek.barn.navn.mangler"},
		{Navn: for_ + "alder", Etikett: "bek.barn.alder", Hjelp: "bek.barn.alder.hjelp", Bredde: "middels", Maks: maksLinje, Valgfri: true},
	}
	ut = append(ut, adressefelt(for_, "bek.barn.adresse.hjelp", true)...)
	return append(ut, portal.Feltdef{Navn: for_ + "relasjon", Etikett: "bek.barn.relasjon", Hjelp: "bek.barn.relasjon.hjelp", Maks: maksLinje, Valgfri: true})
}

func privatBekymring(portal.Tolk, url.Values) []portal.Feltdef {
	return []portal.Feltdef{{Navn: "melding", Etikett: "bek.melding", Hjelp: "bek.melding.hjelp", Slag: "langtekst", Bredde: "lang", Maks: maksLang, Mangler: "bek.melding.mangler"}}
}

func offentligDeg(portal.Tolk, url.Values) []portal.Feltdef {
	t := telefon("telefon", "", false)
	t.Auto = "tel"
	return append([]portal.Feltdef{
		{Navn: "rolle", Etikett: "bek.rolle", Hjelp: "bek.rolle.hjelp", Maks: maksLinje, Auto: "organization-title", Mangler: "bek.rolle.mangler"},
		t,
		{Navn: "epost", Etikett: "bek.epost", Inndata: "email", Maks: maksLinje, Auto: "email", Mangler: "bek.epost.mangler"},
		{Navn: "orgnr", Etikett: "bek.orgnr", Inndata: "numeric", Bredde: "middels", Valgfri: true, Sjekk: portal.SjekkOrgnr},
		{Navn: "virksomhet", Etikett: "bek.virksomhet", Maks: maksLinje, Auto: "organization", Mangler: "bek.virksomhet.mangler"},
	}, adressefelt("", "bek.virksomhet.adresse", false)...)
}

// orientert asks whether somebody knows of the report, and how or why not.
func orientert(t portal.Tolk, for_ string, d portal.Feltdef, valgfri bool) []portal.Feltdef {
	d.Navn, d.Slag, d.Valg, d.Valgfri = for_+"orientert", "valg", portal.JaNei(t, "ja", "nei"), valgfri
	if valgfri {
		d.Valg = append(d.Valg, portal.Valg{Verdi: "", Etikett: t("bek.orientert.ikke")})
	}
	return []portal.Feltdef{d,
		{Navn: for_ + "grunn", Etikett: "bek.grunn", Hjelp: "bek.grunn.hjelp", Slag: "langtekst", Maks: maksGrunn, Valgfri: true}}
}

const kryss = "ja" // the value of a box that is ticked

func offentligBarn(t portal.Tolk, v url.Values, for_ string) []portal.Feltdef {
	ufoedt := v.Get(for_+"ufoedt") == kryss
	ut := []portal.Feltdef{
		{Navn: for_ + "ufoedt", Etikett: "bek.ufoedt", Slag: "kryss", Valgfri: true, Valg: []portal.Valg{{Verdi: kryss, Etikett: t("bek.ufoedt.ja"), Hjelp: t("bek.ufoedt.hjelp")}}},
		{Navn: for_ + "fnr", Etikett: "bek.fnr", Hjelp: "bek.fnr.hjelp", Bredde: "middels", Maks: maksLinje, Valgfri: true, Sjekk: sjekkFnr(ufoedt)},
		{Navn: for_ + "navn", Etikett: "bek.barn.navn", Hjelp: "bek.barn.navn.hjelp", Maks: maksLinje, Valgfri: ufoedt, Mangler: "bek.barn.navn.mangler"},
		{Navn: for_ + "telefon", Etikett: "bek.telefon", Inndata: "tel", Bredde: "middels", Maks: maksLinje, Valgfri: true},
	}
	ut = append(ut, adressefelt(for_, "bek.barn.adresse.hjelp", true)...)
	return append(ut, orientert(t, for_, portal.Feltdef{Etikett: "bek.barn.orientert", Hjelp: "bek.barn.orientert.hjelp", Mangler: "bek.barn.orientert.mangler"}, ufoedt)...)
}

// sjekkFnr takes a fødselsnummer, a date of birth, or words; digits alone must be one of
// the first two. Who is not born has none.
func sjekkFnr(ufoedt bool) func(string) (string, []any) {
	return func(s string) (string, []any) {
		tall := strings.Map(func(c rune) rune {
			if unicode.IsSpace(c) {
				return -1
			}
			return c
		}, s)
		if strings.Trim(tall, "0123456789") != "" {
			return "", nil
		}
		switch n := len(tall); {
		case n == 6 || n == 8:
			return "", nil
		case n == 11 && ufoedt:
			return "bek.fnr.ufoedt", nil
		case n == 11:
			if feil, _ := portal.SjekkFnr(tall); feil != "" {
				return "bek.fnr.kontroll", nil
			}
			return "", nil
		default:
			return "bek.fnr.siffer", []any{"n", n}
		}
	}
}

func sjekkGrunn(v url.Values, for_ string, si func(string, string)) {
	if v.Get(for_+"orientert") == "nei" && v.Get(for_+"grunn") == "" {
		si(for_+"grunn", "bek.grunn.mangler")
	}
}

func sjekkBarn(v url.Values, for_ string, si func(string, string)) {
	if v.Get(for_+"ufoedt") != kryss {
		sjekkGrunn(v, for_, si)
	}
}

func ukjenteForeldre(t portal.Tolk, _ url.Values) []portal.Feltdef {
	return []portal.Feltdef{{Navn: "forelder-ukjent", Etikett: "bek.foreldre.ukjent", Slag: "kryss", Valgfri: true,
		Valg: []portal.Valg{{Verdi: kryss, Etikett: t("bek.foreldre.ukjent.ja"), Hjelp: t("bek.foreldre.ukjent.hjelp")}}}}
}

func forelder(t portal.Tolk, v url.Values, for_ string) []portal.Feltdef {
	ukjent := v.Get("forelder-ukjent") == kryss
	return append([]portal.Feltdef{
		{Navn: for_ + "navn", Etikett: "bek.forelder.navn", Maks: maksLinje, Valgfri: ukjent, Mangler: "bek.forelder.navn.mangler"},
		{Navn: for_ + "telefon", Etikett: "bek.telefon", Inndata: "tel", Bredde: "middels", Maks: maksLinje, Valgfri: true},
	}, orientert(t, for_, portal.Feltdef{Etikett: "bek.forelder.orientert", Hjelp: "bek.forelder.orientert.hjelp", Mangler: "bek.forelder.orientert.mangler"}, ukjent)...)
}

func sjekkForelder(v url.Values, for_ string, si func(string, string)) {
	if v.Get("forelder-ukjent") != kryss {
		sjekkGrunn(v, for_, si)
		return
	}
	for _, f := range []string{"navn", "telefon", "grunn"} { // nothing that is written is left out in silence
		if v.Get(for_+f) != "" {
			si(for_+f, "bek.foreldre.ukjent.begge")
		}
	}
}

func tolkOgInstanser(portal.Tolk, url.Values) []portal.Feltdef {
	return []portal.Feltdef{
		{Navn: "tolk", Etikett: "bek.tolk", Hjelp: "bek.tolk.hjelp", Slag: "langtekst", Maks: maksKort, Valgfri: true},
		{Navn: "instanser", Etikett: "bek.instanser", Hjelp: "bek.instanser.hjelp", Slag: "langtekst", Maks: maksKort, Valgfri: true},
	}
}

// offentligBekymring asks for the views of others where the receiver has room for them,
// and where they have been written already.
func offentligBekymring(_ portal.Tolk, v url.Values) []portal.Feltdef {
	ut := []portal.Feltdef{
		{Navn: "melding", Etikett: "bek.melding", Hjelp: "bek.melding.offentlig", Slag: "langtekst", Bredde: "lang", Maks: maksLang, Mangler: "bek.melding.mangler"},
		{Navn: "historie", Etikett: "bek.historie", Hjelp: "bek.historie.hjelp", Slag: "langtekst", Bredde: "lang", Maks: maksLang, Mangler: "bek.historie.mangler"},
	}
	if v.Get(feltVersjon) == string(skjema.V2) || v.Get("synspunkter") != "" {
		ut = append(ut, portal.Feltdef{Navn: "synspunkter", Etikett: "bek.synspunkter", Hjelp: "bek.synspunkter.hjelp", Slag: "langtekst", Bredde: "lang", Maks: maksLang, Valgfri: true})
	}
	return ut
}

// feltVersjon is where the answers, while they are looked at, have what the receiver
// takes. It is never stored.
const feltVersjon = "versjon"

// gruppe is the fields of one child or guardian, or those that a step has but once.
type gruppe struct {
	portal.Skjema
	Tittel, ID string // "" of the fields that a step has once
	Fjern      string // the value of the button that takes it away; "" when it must stay
	Forst      string // the name of its first field
	defs       []portal.Feltdef
}

// antall is how many of a group there are: at least one.
func (s steg) antall(v url.Values) int {
	n, err := strconv.Atoi(v.Get(s.gruppe + "-antall"))
	if err != nil || n < 1 {
		return 1
	}
	return min(n, s.maks)
}

func (s steg) prefiks(nr int) string { return s.gruppe + strconv.Itoa(nr) + "-" }

// grupper are a step's fields with their values; with sjekk also what is wrong with each
// by itself and together.
func (s steg) grupper(t portal.Tolk, v url.Values, sjekk bool) (ut []*gruppe) {
	legg := func(t portal.Tolk, g gruppe, for_ string) {
		g.Skjema, g.Forst = portal.LesSkjema(t, g.defs, v, sjekk), g.defs[0].Navn
		if sjekk && s.sjekk != nil && (for_ != "" || s.gruppe == "") {
			s.sjekk(v, for_, func(felt, nokkel string) { g.si(felt, t(nokkel)) })
		}
		ut = append(ut, &g)
	}
	if s.felt != nil {
		legg(t, gruppe{defs: s.felt(t, v)}, "")
	}
	if s.gruppe == "" {
		return ut
	}
	n := s.antall(v)
	for nr := 1; nr <= n; nr++ {
		// The texts say which one they are of.
		tn := func(nokkel string, par ...any) string { return t(nokkel, append(par, "nr", nr)...) }
		g := gruppe{Tittel: tn(s.nr), ID: s.gruppe + strconv.Itoa(nr), defs: s.per(tn, v, s.prefiks(nr))}
		if n > 1 {
			g.Fjern = "fjern-" + strconv.Itoa(nr)
		}
		legg(tn, g, s.prefiks(nr))
	}
	return ut
}

// si tells what is wrong with a field, and keeps the list in the order of the fields.
func (g *gruppe) si(felt, tekst string) {
	for i := range g.Felt {
		if g.Felt[i].Navn == felt && g.Felt[i].Feil == "" {
			g.FeilPaa(felt, tekst)
		}
	}
	g.Skjema.Feil = nil
	for _, f := range g.Felt {
		if f.Feil != "" {
			g.Skjema.Feil = append(g.Skjema.Feil, portal.Lenke{Tekst: f.Feil, URL: "#" + f.ID})
		}
	}
}

func feilene(gs []*gruppe) (ut []portal.Lenke) {
	for _, g := range gs {
		ut = append(ut, g.Skjema.Feil...)
	}
	return ut
}

// eier tells whether a field of the draft belongs to the step.
func (s steg) eier(t portal.Tolk, navn string) bool {
	if s.gruppe != "" && strings.HasPrefix(navn, s.gruppe) {
		return true
	}
	if s.felt == nil {
		return false
	}
	for _, d := range s.felt(t, url.Values{feltVersjon: {string(skjema.V2)}}) {
		if d.Navn == navn {
			return true
		}
	}
	return false
}

// les takes the answers of a step from what was sent, as they are kept.
func (s steg) les(t portal.Tolk, inn url.Values) url.Values {
	inn = vask(inn)
	ut := url.Values{}
	if s.gruppe != "" {
		ut.Set(s.gruppe+"-antall", strconv.Itoa(s.antall(inn)))
	}
	for _, g := range s.grupper(t, inn, false) {
		for navn, verdier := range portal.Rens(g.defs, inn) {
			ut[navn] = verdier
		}
	}
	return ut
}

// fjern takes one of a group away; those after it move up.
func (s steg) fjern(v url.Values, nr int) {
	n := s.antall(v)
	if nr < 1 || nr > n || n == 1 {
		return
	}
	for navn := range v {
		rest, ja := strings.CutPrefix(navn, s.prefiks(nr))
		if ja && rest != "" {
			v.Del(navn)
		}
	}
	for i := nr + 1; i <= n; i++ {
		flytt := url.Values{}
		for navn, verdier := range v {
			if rest, ja := strings.CutPrefix(navn, s.prefiks(i)); ja {
				flytt[s.prefiks(i-1)+rest] = verdier
				v.Del(navn)
			}
		}
		for navn, verdier := range flytt {
			v[navn] = verdier
		}
	}
	v.Set(s.gruppe+"-antall", strconv.Itoa(n-1))
}

// vask makes all line ends one, and leaves out control characters, as the document does:
// what is nothing but them is not an answer.
func vask(inn url.Values) url.Values {
	linjer := strings.NewReplacer("\r\n", "\n", "\r", "\n", "\v", "\n", "\f", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")
	ut := url.Values{}
	for navn, verdier := range inn {
		for _, s := range verdier {
			ut.Add(navn, strings.Map(func(c rune) rune {
				if unicode.IsControl(c) && c != '\n' && c != '\t' {
					return -1
				}
				return c
			}, linjer.Replace(strings.ToValidUTF8(s, ""))))
		}
	}
	return ut
}
