package skjema

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of a form.
const (
	MaksBarn      = 50
	MaksForesatte = 2
	MaksLinje     = 1000    // characters of a line
	MaksTekst     = 100_000 // characters of a text
)

// What the documents demand, so that a form learns of it by its own names.
var (
	fnrForm     = regexp.MustCompile(`^[0-9]{11}$`)
	kommuneForm = regexp.MustCompile(`^[0-9]{4}$`)
	bydelForm   = regexp.MustCompile(`^[0-9]{2}$`)
	telefonForm = regexp.MustCompile(`^[+]?[0-9]+([- ][0-9]+)*$`)
	epostForm   = regexp.MustCompile(`^[A-Za-zæøåÆØÅ0-9_-]+(\.[A-Za-zæøåÆØÅ0-9_-]+)*@[A-Za-zæøåÆØÅ0-9-]+(\.[A-Za-zæøåÆØÅ0-9-]+)*\.[A-Za-z]{2,}$`)
)

// renser cleans the fields of a form where they stand, and gathers what is wrong with
// them, in the order of the questions.
type renser struct{ u Ugyldig }

// utenTegn leaves out the control characters that are not in beholdt: no receiver has use
// for them, and some cannot store them.
func utenTegn(s, beholdt string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && !strings.ContainsRune(beholdt, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// enLinje folds line breaks, and all else that is empty, to a space: receivers refuse a
// line break here (§11, trap 3).
func enLinje(s string) string {
	return strings.Join(strings.Fields(utenTegn(s, "\t\n\v\f\r\u0085")), " ")
}

func (r *renser) linje(felt string, s *string, krevd bool) {
	*s = enLinje(*s)
	r.lengde(felt, *s, MaksLinje, krevd)
}

// tekst keeps line breaks, as \n.
func (r *renser) tekst(felt string, s *string, krevd bool) {
	linjer := strings.NewReplacer("\r\n", "\n", "\r", "\n", "\v", "\n", "\f", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")
	*s = strings.TrimSpace(utenTegn(linjer.Replace(*s), "\t\n"))
	r.lengde(felt, *s, MaksTekst, krevd)
}

func (r *renser) lengde(felt, s string, maks int, krevd bool) {
	switch {
	case s == "" && krevd:
		r.u.legg(felt, RegelKrevd, 0)
	case utf8.RuneCountInString(s) > maks:
		r.u.legg(felt, RegelLengde, maks)
	}
}

// form is a line of a certain form.
func (r *renser) form(felt string, s *string, krevd bool, re *regexp.Regexp, regel Regel) {
	r.linje(felt, s, krevd)
	if *s != "" && !re.MatchString(*s) && !r.u.dekker(felt) {
		r.u.legg(felt, regel, 0)
	}
}

func (r *renser) antall(felt string, n, maks int) {
	switch {
	case n < 1:
		r.u.legg(felt, RegelFaerre, 1)
	case n > maks:
		r.u.legg(felt, RegelFlere, maks)
	}
}

func (r *renser) adresse(felt string, a *Adresse) {
	r.linje(felt+".adresselinje1", &a.Adresselinje1, true)
	r.linje(felt+".adresselinje2", &a.Adresselinje2, false)
	r.linje(felt+".adresselinje3", &a.Adresselinje3, false)
	r.linje(felt+".postnummer", &a.Postnummer, false)
	r.linje(felt+".poststed", &a.Poststed, false)
}

// valgfri is an address that may be left out: one with nothing in it is.
func (r *renser) valgfri(felt string, a *Adresse) *Adresse {
	if a == nil {
		return nil
	}
	b, for1 := *a, len(r.u.Feil)
	if r.adresse(felt, &b); b == (Adresse{}) {
		r.u.Feil = r.u.Feil[:for1]
		return nil
	}
	return &b
}

func (r *renser) mottak(m *Mottak) {
	r.form("kommunenummer", &m.Kommunenummer, true, kommuneForm, RegelKommune)
	r.linje("kommunenavn", &m.Kommunenavn, true)
	r.form("bydelsnummer", &m.Bydelsnummer, true, bydelForm, RegelBydel)
	r.linje("bydelsnavn", &m.Bydelsnavn, true)
}

// Rens makes what a person has written ready to be sent: single lines get no line breaks,
// ends are trimmed, and an address with nothing in it is left out. *Ugyldig names what is
// to be put right by the names of the document, in the order of the questions. The name of
// the reporter, the time and the channel are the server's, and are not demanded here.
// Slices are cleaned where they are.
func (p *Privat) Rens() error {
	var r renser
	r.mottak(&p.Mottak)
	r.linje("privatMelder.personnavn", &p.PrivatMelder.Personnavn, false)
	r.form("privatMelder.telefonnummer", &p.PrivatMelder.Telefonnummer, false, telefonForm, RegelTelefon)
	p.PrivatMelder.Adresse = r.valgfri("privatMelder.adresse", p.PrivatMelder.Adresse)
	r.antall("privatBarn", len(p.PrivatBarn), MaksBarn)
	for i := range p.PrivatBarn {
		b, felt := &p.PrivatBarn[i], fmt.Sprintf("privatBarn.%d.", i)
		r.linje(felt+"personnavn", &b.Personnavn, true)
		r.linje(felt+"antattAlder", &b.AntattAlder, false)
		r.adresse(felt+"adresse", &b.Adresse)
		r.linje(felt+"relasjon", &b.Relasjon, false)
	}
	r.tekst("melding", &p.Melding, true)
	return r.u.feil()
}

// Rens does the same for the form of a public employee.
func (o *Offentlig) Rens() error {
	var r renser
	r.mottak(&o.Mottak)
	m := &o.OffentligMelder
	r.linje("offentligMelder.personnavn", &m.Personnavn, false)
	r.linje("offentligMelder.rolle", &m.Rolle, true)
	r.form("offentligMelder.telefonnummer", &m.Telefonnummer, true, telefonForm, RegelTelefon)
	epost := RegelEpost
	if strings.Contains(m.Epost, "+") {
		epost = RegelPluss
	}
	r.form("offentligMelder.epost", &m.Epost, true, epostForm, epost)
	r.linje("offentligMelder.virksomhet.orgnr", &m.Virksomhet.Orgnr, false)
	r.linje("offentligMelder.virksomhet.navn", &m.Virksomhet.Navn, true)
	r.adresse("offentligMelder.virksomhet.adresse", &m.Virksomhet.Adresse)
	r.antall("offentligBarn", len(o.OffentligBarn), MaksBarn)
	for i := range o.OffentligBarn {
		b, felt := &o.OffentligBarn[i], fmt.Sprintf("offentligBarn.%d.", i)
		r.linje(felt+"fnr", &b.Fnr, false) // empty is unknown
		r.linje(felt+"personnavn", &b.Personnavn, true)
		r.linje(felt+"telefonnummer", &b.Telefonnummer, false)
		r.adresse(felt+"adresse", &b.Adresse)
		r.linje(felt+"orientertGrunn", &b.OrientertGrunn, false)
	}
	r.antall("foresatte", len(o.Foresatte), MaksForesatte)
	for i := range o.Foresatte {
		f, felt := &o.Foresatte[i], fmt.Sprintf("foresatte.%d.", i)
		r.linje(felt+"personnavn", &f.Personnavn, true)
		r.linje(felt+"telefonnummer", &f.Telefonnummer, false)
		r.linje(felt+"orientertGrunn", &f.OrientertGrunn, false)
	}
	r.tekst("behovForTolk", &o.BehovForTolk, false)
	r.tekst("melding.melding", &o.Melding.Melding, true)
	r.tekst("melding.historie", &o.Melding.Historie, true)
	r.tekst("melding.andreSynspunkter", &o.Melding.AndreSynspunkter, false)
	r.tekst("andreHjelpeinstanser", &o.AndreHjelpeinstanser, false)
	return r.u.feil()
}
