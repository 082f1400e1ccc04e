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

// feltdef is a field of a form: what it is called, how it looks, and what is
// wrong with a value.
type feltdef struct {
	navn    string
	etikett string // key of a text; so are the others below
	hjelp   string
	slag    string // "" one line, "langtekst", "valg" one of several, "kryss" any of several
	valg    []valg
	valgfri bool
	bredde  string // "kort" or "middels"; "" full
	inndata string // inputmode
	auto    string // autocomplete
	maks    int    // characters
	mangler string // what to say when a required value is missing
	sjekk   func(verdi string) (nokkel string, par []any)
}

// valg is one of the values of a field. Its texts are ready to be shown.
type valg struct {
	Verdi, Etikett, Hjelp string
	Valgt                 bool
	ID                    string
}

// felt is a field as it is shown. The partial of the same name renders it.
type felt struct {
	Navn, ID, Slag, Etikett, Hjelp, Verdi, Feil string
	Valg                                        []valg
	Valgfri                                     bool
	Bredde, Inndata, Auto                       string
	Beskrevet                                   string // aria-describedby
}

// skjema is the fields of a form with what was filled in.
type skjema struct {
	Felt    []felt
	Feil    []lenke
	Versjon string // of what is changed, for optimistic locking
}

// lesSkjema fills the fields with values. With sjekk it tells what is wrong
// with them.
func lesSkjema(t tolk, defs []feltdef, v url.Values, sjekk bool) skjema {
	var s skjema
	for _, d := range defs {
		f := felt{Navn: d.navn, ID: d.navn, Slag: d.slag, Etikett: t(d.etikett), Valgfri: d.valgfri,
			Bredde: d.bredde, Inndata: d.inndata, Auto: d.auto, Verdi: v.Get(d.navn)}
		if d.hjelp != "" {
			f.Hjelp = t(d.hjelp)
		}
		for i, o := range d.valg {
			o.Valgt = slices.Contains(v[d.navn], o.Verdi)
			if o.ID = d.navn; i > 0 {
				o.ID += "-" + string(rune('a'+i))
			}
			f.Valg = append(f.Valg, o)
		}
		if sjekk {
			f.Feil = d.feil(t, v[d.navn])
		}
		var b []string
		if f.Feil != "" {
			b = append(b, f.ID+"-feil")
			s.Feil = append(s.Feil, lenke{f.Feil, "#" + f.ID})
		}
		if f.Hjelp != "" {
			b = append(b, f.ID+"-hjelp")
		}
		f.Beskrevet = strings.Join(b, " ")
		s.Felt = append(s.Felt, f)
	}
	return s
}

// feil tells what is wrong with the values of a field; "" when nothing is.
func (d feltdef) feil(t tolk, verdier []string) string {
	verdi := ""
	if len(verdier) > 0 {
		verdi = verdier[0]
	}
	switch {
	case d.slag == "kryss":
		return ""
	case d.slag == "valg":
		if !slices.ContainsFunc(d.valg, func(o valg) bool { return o.Verdi == verdi }) {
			return t(d.mangler)
		}
		return ""
	case verdi == "" && d.valgfri:
		return ""
	case verdi == "":
		return t(d.mangler)
	case d.maks > 0 && utf8.RuneCountInString(verdi) > d.maks:
		return t("skjema.forlang", "felt", t(d.etikett), "maks", d.maks)
	case d.sjekk != nil:
		if nokkel, par := d.sjekk(verdi); nokkel != "" {
			return t(nokkel, par...)
		}
	}
	return ""
}

// rens gives the values of a form's fields as they are kept: trimmed, one-line
// fields on one line, numbers without spaces. Nothing else of the form is kept.
func rens(defs []feltdef, inn url.Values) url.Values {
	ut := url.Values{}
	for _, d := range defs {
		for i, s := range inn[d.navn] {
			if i > 0 && d.slag != "kryss" {
				break
			}
			s = strings.ToValidUTF8(s, "")
			switch {
			case d.inndata == "numeric":
				s = strings.Map(func(c rune) rune {
					if unicode.IsSpace(c) {
						return -1
					}
					return c
				}, s)
			case d.slag == "langtekst":
				s = strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n"))
			default:
				s = strings.Join(strings.Fields(s), " ")
			}
			ut.Add(d.navn, s)
		}
	}
	return ut
}

var postnummerForm = regexp.MustCompile(`^[0-9]{4}$`)

// sjekkOrgnr checks an organisasjonsnummer with its last digit, which is made
// from the others modulo 11.
func sjekkOrgnr(s string) (string, []any) {
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

func antallSiffer(s string) int {
	n := 0
	for _, c := range s {
		if c >= '0' && c <= '9' {
			n++
		}
	}
	return n
}

func sjekkPostnummer(s string) (string, []any) {
	if !postnummerForm.MatchString(s) {
		return "skjema.postnummer", nil
	}
	return "", nil
}

// adresser splits what may be several e-mail addresses.
func adresser(s string) []string {
	return strings.FieldsFunc(s, func(c rune) bool { return c == ';' || c == ',' || unicode.IsSpace(c) })
}

const maksAdresser = 100

func sjekkEpost(s string) (string, []any) {
	as := adresser(s)
	if len(as) == 0 {
		return "skjema.epost.ingen", nil
	}
	if len(as) > maksAdresser {
		return "skjema.epost.mange", []any{"maks", maksAdresser}
	}
	for _, a := range as {
		if !erEpost(a) {
			return "skjema.epost.ugyldig", []any{"adresse", kort(a)}
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
