package skjema

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Bounds of a request.
const (
	maksBarn  = 50
	maksLinje = 1000    // characters of a line
	maksTekst = 100_000 // characters of a text
)

var (
	fnrForm = regexp.MustCompile(`^[0-9]{11}$`)
	// What the documents demand, so that a form learns of it by its own names.
	telefonForm = regexp.MustCompile(`^[+]?[0-9]+([- ][0-9]+)*$`)
	kommuneForm = regexp.MustCompile(`^[0-9]{4}$`)
	bydelForm   = regexp.MustCompile(`^[0-9]{2}$`)
	epostForm   = regexp.MustCompile(`^[A-Za-zæøåÆØÅ0-9_-]+(\.[A-Za-zæøåÆØÅ0-9_-]+)*@[A-Za-zæøåÆØÅ0-9-]+(\.[A-Za-zæøåÆØÅ0-9-]+)*\.[A-Za-z]{2,}$`)
)

// leser cleans the fields of a request and gathers what is wrong with them.
type leser struct{ u Ugyldig }

func (l *leser) feil(felt, tekst string) { l.u.Feil = append(l.u.Feil, Feltfeil{felt, tekst}) }

// linje makes a field one line: receivers refuse a line break in it.
func (l *leser) linje(felt string, s *string, krevd bool) {
	*s = strings.Join(strings.Fields(strings.ToValidUTF8(*s, "")), " ")
	l.lengde(felt, *s, maksLinje, krevd)
}

func (l *leser) tekst(felt string, s *string, krevd bool) {
	*s = strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(*s, ""), "\r\n", "\n"))
	l.lengde(felt, *s, maksTekst, krevd)
}

func (l *leser) lengde(felt, s string, maks int, krevd bool) {
	switch {
	case s == "" && krevd:
		l.feil(felt, "Feltet må fylles ut")
	case utf8.RuneCountInString(s) > maks:
		l.feil(felt, fmt.Sprintf("Feltet kan ha høyst %d tegn", maks))
	}
}

func (l *leser) form(felt, s string, re *regexp.Regexp, tekst string) {
	if s != "" && !re.MatchString(s) {
		l.feil(felt, tekst)
	}
}

func (l *leser) adresse(felt string, a *Adresse) {
	for navn, s := range map[string]*string{"adresselinje2": &a.Adresselinje2, "adresselinje3": &a.Adresselinje3, "postnummer": &a.Postnummer, "poststed": &a.Poststed} {
		l.linje(felt+"."+navn, s, false)
	}
	l.linje(felt+".adresselinje1", &a.Adresselinje1, true)
}

func (l *leser) mottak(m *Mottak) {
	l.linje("kommunenummer", &m.Kommunenummer, true)
	l.form("kommunenummer", m.Kommunenummer, kommuneForm, "Kommunenummeret må ha 4 siffer")
	l.linje("kommunenavn", &m.Kommunenavn, true)
	l.linje("bydelsnummer", &m.Bydelsnummer, true)
	l.form("bydelsnummer", m.Bydelsnummer, bydelForm, "Bydelsnummeret må ha 2 siffer")
	l.linje("bydelsnavn", &m.Bydelsnavn, true)
}

func (l *leser) telefon(felt string, s *string, krevd bool) {
	l.linje(felt, s, krevd)
	l.form(felt, *s, telefonForm, "Telefonnummeret kan bare ha siffer, mellomrom, bindestrek og + først")
}

func (l *leser) antall(felt string, n, maks int) {
	if n < 1 || n > maks {
		l.feil(felt, fmt.Sprintf("Oppgi 1 til %d", maks))
	}
}

func (l *leser) ferdig() error {
	if len(l.u.Feil) > 0 {
		return &l.u
	}
	return nil
}

// LesPrivat reads a request of the skjema API (§5): the document but for the
// reporter's name, the time and the channel, which the server adds. *Ugyldig names the
// members as the request has them.
func LesPrivat(v Versjon, r io.Reader) (p Privat, err error) {
	var inn struct {
		Mottak
		Melder *struct {
			Fnr           string   `json:"fnr"`
			Telefonnummer string   `json:"telefonnummer"`
			Adresse       *Adresse `json:"adresse"`
		} `json:"melder"`
		Barn    []PrivatBarn `json:"barn"`
		Melding string       `json:"melding"`
	}
	if err := lesJSON(r, &inn); err != nil {
		return p, err
	}
	var l leser
	l.mottak(&inn.Mottak)
	if inn.Melder == nil {
		l.feil("melder", "Feltet må fylles ut")
	} else {
		if v == V1 && !fnrForm.MatchString(inn.Melder.Fnr) {
			l.feil("melder.fnr", "Fødselsnummeret må ha 11 siffer")
		}
		l.telefon("melder.telefonnummer", &inn.Melder.Telefonnummer, false)
		p.PrivatMelder = PrivatMelder{Telefonnummer: inn.Melder.Telefonnummer}
		if inn.Melder.Adresse != nil && *inn.Melder.Adresse != (Adresse{}) {
			l.adresse("melder.adresse", inn.Melder.Adresse)
			p.PrivatMelder.Adresse = inn.Melder.Adresse
		}
	}
	l.antall("barn", len(inn.Barn), maksBarn)
	for i := range inn.Barn {
		b, felt := &inn.Barn[i], fmt.Sprintf("barn.%d.", i)
		l.linje(felt+"personnavn", &b.Personnavn, true)
		l.linje(felt+"antattAlder", &b.AntattAlder, false)
		l.linje(felt+"relasjon", &b.Relasjon, false)
		l.adresse(felt+"adresse", &b.Adresse)
	}
	l.tekst("melding", &inn.Melding, true)
	p.Mottak, p.PrivatBarn, p.Melding = inn.Mottak, inn.Barn, inn.Melding
	return p, l.ferdig()
}

// LesOffentlig reads a request of the skjema API, as LesPrivat does. What V1 does not
// have is left out of it.
func LesOffentlig(v Versjon, r io.Reader) (o Offentlig, err error) {
	var inn struct {
		Mottak
		Melder               *OffentligMelder `json:"melder"`
		Barn                 []OffentligBarn  `json:"barn"`
		Foresatte            []Foresatt       `json:"foresatte"`
		BehovForTolk         string           `json:"behovForTolk"`
		Melding              OffentligMelding `json:"melding"`
		AndreHjelpeinstanser string           `json:"andreHjelpeinstanser"`
	}
	if err := lesJSON(r, &inn); err != nil {
		return o, err
	}
	var l leser
	l.mottak(&inn.Mottak)
	if m := inn.Melder; m == nil {
		l.feil("melder", "Feltet må fylles ut")
	} else {
		l.linje("melder.rolle", &m.Rolle, true)
		l.telefon("melder.telefonnummer", &m.Telefonnummer, true)
		l.linje("melder.epost", &m.Epost, true)
		if strings.Contains(m.Epost, "+") {
			l.feil("melder.epost", "E-postadressen kan ikke inneholde tegnet +.")
		} else {
			l.form("melder.epost", m.Epost, epostForm, "E-postadressen er ikke gyldig")
		}
		l.linje("melder.virksomhet.navn", &m.Virksomhet.Navn, true)
		l.linje("melder.virksomhet.orgnr", &m.Virksomhet.Orgnr, false)
		l.adresse("melder.virksomhet.adresse", &m.Virksomhet.Adresse)
		o.OffentligMelder = *m
		o.OffentligMelder.Personnavn = "" // from the login alone
	}
	l.antall("barn", len(inn.Barn), maksBarn)
	for i := range inn.Barn {
		b, felt := &inn.Barn[i], fmt.Sprintf("barn.%d.", i)
		l.linje(felt+"fnr", &b.Fnr, true)
		l.linje(felt+"personnavn", &b.Personnavn, true)
		l.linje(felt+"telefonnummer", &b.Telefonnummer, false)
		l.linje(felt+"orientertGrunn", &b.OrientertGrunn, false)
		l.adresse(felt+"adresse", &b.Adresse)
	}
	l.antall("foresatte", len(inn.Foresatte), 2)
	for i := range inn.Foresatte {
		f, felt := &inn.Foresatte[i], fmt.Sprintf("foresatte.%d.", i)
		l.linje(felt+"personnavn", &f.Personnavn, true)
		l.linje(felt+"telefonnummer", &f.Telefonnummer, false)
		l.linje(felt+"orientertGrunn", &f.OrientertGrunn, false)
	}
	l.tekst("behovForTolk", &inn.BehovForTolk, false)
	l.tekst("melding.melding", &inn.Melding.Melding, true)
	l.tekst("melding.historie", &inn.Melding.Historie, true)
	l.tekst("melding.andreSynspunkter", &inn.Melding.AndreSynspunkter, false)
	l.tekst("andreHjelpeinstanser", &inn.AndreHjelpeinstanser, false)
	if v == V1 {
		inn.Melding.AndreSynspunkter = ""
	}
	o.Mottak, o.OffentligBarn, o.Foresatte = inn.Mottak, inn.Barn, inn.Foresatte
	o.BehovForTolk, o.Melding, o.AndreHjelpeinstanser = inn.BehovForTolk, inn.Melding, inn.AndreHjelpeinstanser
	return o, l.ferdig()
}
