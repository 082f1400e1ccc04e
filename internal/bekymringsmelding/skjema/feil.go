package skjema

import (
	"fmt"
	"slices"
	"strings"
)

// Regel is a rule that a member breaks.
type Regel string

// The rules.
const (
	RegelJSON      Regel = "JSON"      // not JSON at all
	RegelStor      Regel = "STOR"      // the request is too large
	RegelKrevd     Regel = "KREVD"     // missing or empty
	RegelType      Regel = "TYPE"      // of another type
	RegelForm      Regel = "FORM"      // of another form than the schema's, a line break among them
	RegelLengde    Regel = "LENGDE"    // longer than Grense characters
	RegelFaerre    Regel = "FAERRE"    // fewer than Grense
	RegelFlere     Regel = "FLERE"     // more than Grense
	RegelFnr       Regel = "FNR"       // not 11 digits
	RegelKommune   Regel = "KOMMUNE"   // not 4 digits
	RegelBydel     Regel = "BYDEL"     // not 2 digits
	RegelTelefon   Regel = "TELEFON"   // not a telephone number
	RegelEpost     Regel = "EPOST"     // not an e-mail address
	RegelPluss     Regel = "PLUSS"     // an e-mail address with "+"
	RegelTidspunkt Regel = "TIDSPUNKT" // not Norwegian local time to the second
)

// regler are what a person is told, in the languages of the portal.
var regler = map[Regel]Tekst{
	RegelJSON:      {"Skjemaet er ikke gyldig JSON.", "Skjemaet er ikkje gyldig JSON.", "The form is not valid JSON."},
	RegelStor:      {"Skjemaet er for stort. Kort ned tekstene.", "Skjemaet er for stort. Kort ned tekstane.", "The form is too large. Shorten the texts."},
	RegelKrevd:     {"Fyll ut feltet.", "Fyll ut feltet.", "Fill in the field."},
	RegelType:      {"Feltet har feil type.", "Feltet har feil type.", "The field is of the wrong type."},
	RegelForm:      {"Feltet har feil form.", "Feltet har feil form.", "The field has the wrong form."},
	RegelLengde:    {"Skriv høyst %d tegn.", "Skriv høgst %d teikn.", "Write at most %d characters."},
	RegelFaerre:    {"Oppgi minst %d.", "Oppgi minst %d.", "Give at least %d."},
	RegelFlere:     {"Oppgi høyst %d.", "Oppgi høgst %d.", "Give at most %d."},
	RegelFnr:       {"Fødselsnummeret må ha 11 siffer.", "Fødselsnummeret må ha 11 siffer.", "The national identity number must have 11 digits."},
	RegelKommune:   {"Kommunenummeret må ha 4 siffer.", "Kommunenummeret må ha 4 siffer.", "The municipality number must have 4 digits."},
	RegelBydel:     {"Bydelsnummeret må ha 2 siffer.", "Bydelsnummeret må ha 2 siffer.", "The district number must have 2 digits."},
	RegelTelefon:   {"Skriv telefonnummeret med bare siffer. Det kan begynne med +, og ha enkle mellomrom eller bindestreker.", "Skriv telefonnummeret med berre siffer. Det kan byrje med +, og ha enkle mellomrom eller bindestrekar.", "Write the telephone number with digits only. It may begin with +, and have single spaces or hyphens."},
	RegelEpost:     {"Skriv en gyldig e-postadresse, som navn@eksempel.no.", "Skriv ei gyldig e-postadresse, som namn@eksempel.no.", "Write a valid e-mail address, such as name@example.com."},
	RegelPluss:     {"E-postadressen kan ikke inneholde tegnet +.", "E-postadressa kan ikkje innehalde teiknet +.", "The e-mail address cannot have the character +."},
	RegelTidspunkt: {"Tidspunktet må være norsk tid uten sone, til sekundet.", "Tidspunktet må vere norsk tid utan sone, til sekundet.", "The time must be Norwegian time without zone, to the second."},
}

// Feltfeil is what is wrong with one member: where, which rule, and that rule in words,
// in bokmål. Never what stands in it. Felt has a dot before each name and number, as in
// "barn.0.personnavn"; "" is the whole.
type Feltfeil struct {
	Felt   string `json:"felt"`
	Regel  Regel  `json:"regel"`
	Grense int    `json:"grense,omitempty"` // of the rules that have one
	Feil   string `json:"feil"`
}

func feltfeil(felt string, r Regel, grense int) Feltfeil {
	f := Feltfeil{Felt: felt, Regel: r, Grense: grense}
	f.Feil = f.Paa("nb")
	return f
}

// Paa is what to do about it, in a language of the portal.
func (f Feltfeil) Paa(spraak string) string {
	s := regler[f.Regel].Paa(spraak)
	if strings.Contains(s, "%d") {
		return fmt.Sprintf(s, f.Grense)
	}
	return s
}

// Ugyldig is a request or document that breaks its schema.
type Ugyldig struct{ Feil []Feltfeil }

// Error names the members, for the log.
func (u *Ugyldig) Error() string {
	var felt []string
	for _, f := range u.Feil {
		felt = append(felt, f.Felt)
	}
	return "the form is not valid in " + strings.Join(felt, ", ")
}

func (u *Ugyldig) legg(felt string, r Regel, grense int) {
	u.Feil = append(u.Feil, feltfeil(felt, r, grense))
}

// dekker tells whether there is a fault already in a member, or in what holds it.
func (u *Ugyldig) dekker(felt string) bool {
	return slices.ContainsFunc(u.Feil, func(f Feltfeil) bool {
		return f.Felt == "" || f.Felt == felt || strings.HasPrefix(felt, f.Felt+".")
	})
}

func (u *Ugyldig) feil() error {
	if len(u.Feil) == 0 {
		return nil
	}
	return u
}

func ugyldig(felt string, r Regel) error { return &Ugyldig{[]Feltfeil{feltfeil(felt, r, 0)}} }
