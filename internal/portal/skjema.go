package portal

import (
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Feltdef is a field of a form: what it is called, how it looks, and what is
// wrong with a value.
type Feltdef struct {
	Navn    string
	Etikett string // key of a text; so are the others below
	Hjelp   string
	Slag    string // "" one line, "langtekst", "valg" one of several, "kryss" any of several
	Valg    []Valg
	Valgfri bool
	Bredde  string // "kort" or "middels"; "" full; "lang" for a text of many lines
	Inndata string // inputmode
	Auto    string // autocomplete
	Maks    int    // characters
	Mangler string // what to say when a required value is missing
	Sjekk   func(verdi string) (nokkel string, par []any)
}

// Valg is one of the values of a field. Its texts are ready to be shown.
type Valg struct {
	Verdi, Etikett, Hjelp string
	Valgt                 bool
	ID                    string
}

// felt is a field as it is shown. The partial of the same name renders it.
type felt struct {
	Navn, ID, Slag, Etikett, Hjelp, Verdi, Feil string
	Valg                                        []Valg
	Valgfri                                     bool
	Bredde, Inndata, Auto                       string
	Beskrevet                                   string // aria-describedby
}

// Skjema is the fields of a form with what was filled in.
type Skjema struct {
	Felt    []felt
	Feil    []Lenke
	Versjon string // of what is changed, for optimistic locking
}

// LesSkjema fills the fields with values. With sjekk it tells what is wrong
// with them.
func LesSkjema(t Tolk, defs []Feltdef, v url.Values, sjekk bool) Skjema {
	var s Skjema
	for _, d := range defs {
		f := felt{Navn: d.Navn, ID: d.Navn, Slag: d.Slag, Etikett: t(d.Etikett), Valgfri: d.Valgfri,
			Bredde: d.Bredde, Inndata: d.Inndata, Auto: d.Auto, Verdi: v.Get(d.Navn)}
		if d.Hjelp != "" {
			f.Hjelp = t(d.Hjelp)
		}
		for i, o := range d.Valg {
			o.Valgt = slices.Contains(v[d.Navn], o.Verdi)
			if o.ID = d.Navn; i > 0 {
				o.ID += "-" + string(rune('a'+i))
			}
			f.Valg = append(f.Valg, o)
		}
		if sjekk {
			f.Feil = d.Feil(t, v[d.Navn])
		}
		var b []string
		if f.Feil != "" {
			b = append(b, f.ID+"-feil")
			s.Feil = append(s.Feil, Lenke{f.Feil, "#" + f.ID})
		}
		if f.Hjelp != "" {
			b = append(b, f.ID+"-hjelp")
		}
		f.Beskrevet = strings.Join(b, " ")
		s.Felt = append(s.Felt, f)
	}
	return s
}

// FeilPaa says of a field what only a service could know to be wrong with it.
func (s *Skjema) FeilPaa(navn, tekst string) {
	for i := range s.Felt {
		f := &s.Felt[i]
		if f.Navn != navn {
			continue
		}
		if f.Feil == "" {
			f.Beskrevet = strings.TrimSpace(f.ID + "-feil " + f.Beskrevet)
		}
		f.Feil = tekst
	}
	s.Feil = append(s.Feil, Lenke{tekst, "#" + navn})
}

// Feil tells what is wrong with the values of a field; "" when nothing is.
func (d Feltdef) Feil(t Tolk, verdier []string) string {
	verdi := ""
	if len(verdier) > 0 {
		verdi = verdier[0]
	}
	switch {
	case d.Slag == "kryss":
		return ""
	case d.Slag == "valg":
		if !slices.ContainsFunc(d.Valg, func(o Valg) bool { return o.Verdi == verdi }) {
			return t(d.Mangler)
		}
		return ""
	case verdi == "" && d.Valgfri:
		return ""
	case verdi == "":
		return t(d.Mangler)
	case d.Maks > 0 && utf8.RuneCountInString(verdi) > d.Maks:
		return t("skjema.forlang", "felt", t(d.Etikett), "maks", d.Maks)
	case d.Sjekk != nil:
		if nokkel, par := d.Sjekk(verdi); nokkel != "" {
			return t(nokkel, par...)
		}
	}
	return ""
}

// Rens gives the values of a form's fields as they are kept: trimmed, one-line
// fields on one line, numbers without spaces. Nothing else of the form is kept.
func Rens(defs []Feltdef, inn url.Values) url.Values {
	ut := url.Values{}
	for _, d := range defs {
		for i, s := range inn[d.Navn] {
			if i > 0 && d.Slag != "kryss" {
				break
			}
			s = strings.ToValidUTF8(s, "")
			switch {
			case d.Inndata == "numeric":
				s = strings.Map(func(c rune) rune {
					if unicode.IsSpace(c) {
						return -1
					}
					return c
				}, s)
			case d.Slag == "langtekst":
				s = strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n"))
			default:
				s = strings.Join(strings.Fields(s), " ")
			}
			ut.Add(d.Navn, s)
		}
	}
	return ut
}

var postnummerForm = regexp.MustCompile(`^[0-9]{4}$`)

// SjekkOrgnr checks an organisasjonsnummer with its last digit, which is made
// from the others modulo 11.
func SjekkOrgnr(s string) (string, []any) {
	if len(s) != 9 || strings.Trim(s, "0123456789") != "" {
		return "skjema.orgnr.siffer", []any{"n", antallSiffer(s)}
	}
	sum := 0
	for i, vekt := range []int{3, 2, 7, 6, 5, 4, 3, 2} {
		sum += vekt * int(s[i]-'0')
	}
	if kontroll := (11 - sum%11) % 11; kontroll != int(s[8]-'0') {
		return "skjema.orgnr.kontroll", nil
	}
	return "", nil
}

// SjekkFnr checks a fødselsnummer or d-nummer with its two last digits, which are
// made from the others modulo 11. Synthetic ones, with 80 added to the month, hold.
func SjekkFnr(s string) (string, []any) {
	if len(s) != 11 || strings.Trim(s, "0123456789") != "" {
		return "skjema.fnr.siffer", []any{"n", antallSiffer(s)}
	}
	for i, vekter := range [][]int{{3, 7, 6, 1, 8, 9, 4, 5, 2}, {5, 4, 3, 2, 7, 6, 5, 4, 3, 2}} {
		sum := 0
		for j, vekt := range vekter {
			sum += vekt * int(s[j]-'0')
		}
		if kontroll := (11 - sum%11) % 11; kontroll != int(s[9+i]-'0') {
			return "skjema.fnr.kontroll", nil
		}
	}
	return "", nil
}

func antallSiffer(s string) int {
	n := 0
	for _, c := range s {
		if c >= '0' && c <= '9' {
			n++
		}
	}
	return n
}

// SjekkPostnummer checks a postnummer: four digits.
func SjekkPostnummer(s string) (string, []any) {
	if !postnummerForm.MatchString(s) {
		return "skjema.postnummer", nil
	}
	return "", nil
}

// Adresser splits what may be several e-mail addresses.
func Adresser(s string) []string {
	return strings.FieldsFunc(s, func(c rune) bool { return c == ';' || c == ',' || unicode.IsSpace(c) })
}

const maksAdresser = 100

// SjekkEpost checks a field with one or more e-mail addresses, as Adresser splits them.
func SjekkEpost(s string) (string, []any) {
	as := Adresser(s)
	if len(as) == 0 {
		return "skjema.epost.ingen", nil
	}
	if len(as) > maksAdresser {
		return "skjema.epost.mange", []any{"maks", maksAdresser}
	}
	for _, a := range as {
		if !erEpost(a) {
			return "skjema.epost.ugyldig", []any{"adresse", Avkort(a)}
		}
	}
	return "", nil
}

func erEpost(s string) bool {
	if len(s) > 254 { // RFC 5321 §4.5.3.1.3
		return false
	}
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && strings.Contains(s[strings.LastIndexByte(s, '@')+1:], ".")
}

// JaNei are the choices of a question, with the keys of both texts.
func JaNei(t Tolk, ja, nei string) []Valg {
	return []Valg{{Verdi: "ja", Etikett: t(ja)}, {Verdi: "nei", Etikett: t(nei)}}
}

// Linjer puts each of several values on a line of its own, as adresser reads them.
func Linjer(ss []string) string { return strings.Join(ss, "\n") }
