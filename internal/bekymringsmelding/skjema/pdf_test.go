package skjema

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"knutepunkt/internal/pdf/pdftest"
)

// fyll gives each member of a document its own path as value, one child and one guardian,
// and tells the paths in the order of the document, an address as one.
func fyll(v reflect.Value, sti string) (ut []string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(sti)
		return []string{sti}
	case reflect.Bool:
		v.SetBool(true)
		return []string{sti}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return fyll(v.Elem(), sti)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		return fyll(v.Index(0), sti)
	case reflect.Struct:
		for i := range v.NumField() {
			felt, under := v.Type().Field(i), sti
			if navn, _, _ := strings.Cut(felt.Tag.Get("json"), ","); navn != "" {
				under = strings.TrimPrefix(sti+"."+navn, ".")
			}
			ut = append(ut, fyll(v.Field(i), under)...)
		}
		if v.Type() == reflect.TypeFor[Adresse]() {
			return []string{sti}
		}
	}
	return ut
}

var nummer = regexp.MustCompile(`\.[0-9]+\.`)

// Every member of the documents has a question, and its answer stands below it, in the
// order of the portal, in every language.
func TestSporsmalOgSvar(t *testing.T) {
	t.Parallel()
	var p Privat
	var o Offentlig
	for typ, c := range map[Type]struct {
		felt []string
		svar func(string) []Gruppe
	}{
		TypePrivat:    {fyll(reflect.ValueOf(&p).Elem(), ""), func(s string) []Gruppe { return p.Svar(s) }},
		TypeOffentlig: {fyll(reflect.ValueOf(&o).Elem(), ""), func(s string) []Gruppe { return o.Svar(s) }},
	} {
		// Asked as one, or not asked at all.
		want := slices.DeleteFunc(slices.Clone(c.felt), func(s string) bool {
			return slices.Contains([]string{"kommunenavn", "bydelsnavn", "sendingstidspunkt", "leveringskanal"}, s)
		})
		var sporsmal []string
		for _, s := range Sporsmalene(typ) {
			sporsmal = append(sporsmal, s.Felt)
			if s.Tekst.NB == "" || s.Tekst.NN == "" || s.Tekst.EN == "" || s.Del.Tekst().EN == "" {
				t.Errorf("%s is not asked in every language", s.Felt)
			}
		}
		if slices.Sort(want); !slices.Equal(slices.Sorted(slices.Values(sporsmal)), want) {
			t.Errorf("%s: asked %q\nmembers %q", typ, sporsmal, want)
		}
		for _, spraak := range []string{"nb", "nn", "en"} {
			var felt []string
			for _, g := range c.svar(spraak) {
				for _, s := range g.Svar {
					f := nummer.ReplaceAllString(s.Felt, ".")
					felt = append(felt, f)
					if i := slices.IndexFunc(Sporsmalene(typ), func(q Sporsmal) bool { return q.Felt == f }); i < 0 || Sporsmalene(typ)[i].Tekst.Paa(spraak) != s.Sporsmal || Sporsmalene(typ)[i].Del != g.Del {
						t.Errorf("%s in %s has another question: %q", s.Felt, spraak, s.Sporsmal)
					}
					ja := Tekst{"Ja", "Ja", "Yes"}.Paa(spraak)
					if s.Svar != f && !strings.HasPrefix(s.Svar, f+" ") && !strings.HasPrefix(s.Svar, f+".adresselinje1\n") && s.Svar != ja {
						t.Errorf("%s has another answer: %q", s.Felt, s.Svar)
					}
				}
			}
			if !slices.Equal(felt, sporsmal) {
				t.Errorf("%s: answers %q\nquestions %q", typ, felt, sporsmal)
			}
		}
	}
	if got := p.PrivatMelder.Adresse.linjer(); strings.Count(got, "\n") != 3 || !strings.Contains(got, "postnummer privatMelder.adresse.poststed") {
		t.Errorf("the address is %q", got)
	}
}

func TestIkkeOppgitt(t *testing.T) {
	t.Parallel()
	for spraak, want := range map[string]string{"nb": "Ikke oppgitt Nei", "nn": "Ikkje oppgitt Nei", "en": "Not given No", "se": "Ikke oppgitt Nei"} {
		o := Offentlig{OffentligBarn: make([]OffentligBarn, 2), Foresatte: make([]Foresatt, 1)}
		var overskrifter []string
		for _, g := range o.Svar(spraak) {
			overskrifter = append(overskrifter, g.Overskrift)
			for _, s := range g.Svar {
				if tom, nei, _ := strings.Cut(want, " N"); s.Svar != tom && s.Svar != "N"+nei {
					t.Errorf("%s in %s: %q", s.Felt, spraak, s.Svar)
				}
			}
		}
		if spraak == "nn" && !slices.Equal(overskrifter, []string{"Om meldinga", "Om den som melder", "Barn 1", "Barn 2", "Føresett 1", "Bekymringa"}) {
			t.Errorf("%q", overskrifter)
		}
	}
}

func pdftotext(t *testing.T, skriv func(*bytes.Buffer) error, valg ...string) string {
	t.Helper()
	var ut bytes.Buffer
	if err := skriv(&ut); err != nil {
		t.Fatal(err)
	}
	return pdftest.Tekst(t, ut.Bytes(), valg...)
}

func info() PDFInfo {
	return PDFInfo{Referanse: "0f4c1d2e-0000-4000-8000-000000000001", Sendt: time.Date(2026, 6, 10, 8, 0, 0, 0, time.UTC), Spraak: "nb",
		Mottaker: []string{"Barneverntjenesten", "Rådhusplassen 2", "5014 Bergen"}}
}

// The PDF has the reference, time and receiver, the letter's address, and never the number
// of the reporter.
func TestPDF(t *testing.T) {
	t.Parallel()
	p, o := lesP(t, V1, privat), lesO(t, V2, offentlig)
	for spraak, want := range map[string]string{"nb": "nb-NO", "nn": "nn-NO", "": "nb-NO"} { // as a screen reader has it
		i, ut := info(), new(bytes.Buffer)
		i.Spraak = spraak
		if err := p.PDF(ut, i); err != nil || !bytes.Contains(ut.Bytes(), []byte("/Lang("+want+")")) {
			t.Errorf("%q: %v", spraak, err)
		}
	}
	for _, c := range []struct {
		spraak string
		skriv  func(*bytes.Buffer, PDFInfo) error
		want   []string
	}{
		{"nb", func(b *bytes.Buffer, i PDFInfo) error { return p.PDF(b, i) }, []string{"Bekymringsmelding til barnevernet: privat melder", "Sendt 10.06.2026 10:00:00", "Sendt gjennom Portalen", "Kommune 4601 Bergen",
			"Barnevernstjeneste 01 Sentrum", "Navn Mona Melder", "Telefonnummer +47 123 45 678", "Barn 1 Navn Barn Barnesen", "Antatt alder 7", "Storgata 1 5014 Bergen", "til barnet nabo", "Hører gråt. Hver kveld.", "Side 1 av"}},
		{"nn", func(b *bytes.Buffer, i PDFInfo) error { return o.PDF(b, i) }, []string{"offentleg meldar", "Stilling eller rolle Lærer kontakt", "lærer@skole.no", "974778866", "Namn Áile Barnesen", "Telefonnummer Ikkje oppgitt",
			"Er barnet orientert om meldinga? Ja", "Er den føresette orientert om meldinga? Nei", "kvifor ikkje? fare", "nordsamisk", "Kva er du bekymra for? Bekymret.", "Helsesykepleier er enig", "med barnet PPT"}},
		{"en", func(b *bytes.Buffer, i PDFInfo) error { return o.PDF(b, i) }, []string{"offentlig melder", "Telefonnummer Ikke oppgitt"}}, // the office reads Norwegian
	} {
		i := info()
		i.Spraak = c.spraak
		got := strings.Join(strings.Fields(pdftotext(t, func(b *bytes.Buffer) error { return c.skriv(b, i) })), " ")
		for _, s := range append(c.want, i.Referanse, "Barneverntjenesten Rådhusplassen 2 5014 Bergen") {
			if !strings.Contains(got, s) {
				t.Errorf("%s: %q is not in the PDF:\n%s", c.spraak, s, got)
			}
		}
		if strings.Contains(got, "01818110185") {
			t.Error("the reporter's number is in the PDF")
		}
	}
}

// Whatever the answers are, and however many children, the PDF has each with its question
// and nothing else; it goes on over as many pages as it takes.
func TestPDFHarAlt(t *testing.T) {
	t.Parallel()
	tilfeldig := rand.New(rand.NewPCG(15, 2)) //nolint:gosec // the same each time
	const tegn = "aæøåÁđŋŧžšč ABCÆØÅ 0123456789 \n .,;:-–+@\"«»<>&(){}[]\\/%#*_~|"
	tekst := func(maks int) string {
		s := make([]rune, tilfeldig.IntN(maks))
		for i := range s {
			s[i] = []rune(tegn)[tilfeldig.IntN(len([]rune(tegn)))]
		}
		return string(s)
	}
	for nr := range 6 {
		o := lesO(t, V2, offentlig)
		o.OffentligBarn = make([]OffentligBarn, []int{1, 2, 3, 7, 20, MaksBarn}[nr])
		for i := range o.OffentligBarn {
			o.OffentligBarn[i] = OffentligBarn{Fnr: tekst(20), Personnavn: "x" + tekst(80), Orientert: i%2 == 0, OrientertGrunn: tekst(MaksLinje), Adresse: Adresse{Adresselinje1: "y" + tekst(50), Poststed: tekst(20)}}
		}
		o.Melding = OffentligMelding{Melding: "x" + tekst(MaksTekst/10), Historie: "y" + tekst(5000), AndreSynspunkter: tekst(3000)}
		if err := o.Rens(); err != nil {
			t.Fatal(err)
		}
		i := info()
		i.Mottaker = nil
		want := []string{tittelOffentlig.NB}
		for nr, g := range o.Svar("nb") {
			want = append(want, g.Overskrift)
			for _, s := range g.Svar {
				want = append(want, s.Sporsmal, s.Svar)
			}
			if nr == 0 {
				want = append(want, "Sendt", "10.06.2026 10:00:00", "Referanse", i.Referanse, "Sendt gjennom", "Portalen")
			}
		}
		// between head and foot
		utenRom := func(s string) string { return strings.Join(strings.Fields(s), "") }
		got := utenRom(pdftotext(t, func(b *bytes.Buffer) error { return o.PDF(b, i) }, pdftest.Innhold()...))
		if want := utenRom(strings.Join(want, "\n")); got != want {
			n := 0
			for n < min(len(got), len(want)) && got[n] == want[n] {
				n++
			}
			t.Errorf("document %d: the PDF has %.60q, want %.60q", nr, got[n:], want[n:])
		}
	}
}

// Each address that a bydel may have fits in the window: a report is never held up by it.
func TestPDFAdresse(t *testing.T) {
	t.Parallel()
	p, i := lesP(t, V1, privat), info()
	i.Mottaker = nil
	for nr := range 4 {
		i.Mottaker = append(i.Mottaker, fmt.Sprint(nr, strings.Repeat("W", 98)))
	}
	i.Mottaker = append(i.Mottaker, "5014 "+strings.Repeat("W", 100))
	if err := p.PDF(new(bytes.Buffer), i); err != nil {
		t.Error(err)
	}
	full := errors.New("full")
	if err := p.PDF(skriverFeil{full}, i); !errors.Is(err, full) {
		t.Errorf("a full disk: %v", err)
	}
}

type skriverFeil struct{ err error }

func (s skriverFeil) Write([]byte) (int, error) { return 0, s.err }
