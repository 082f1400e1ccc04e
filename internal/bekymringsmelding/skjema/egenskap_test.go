package skjema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

// skrevet is what people write, and what they do not.
var skrevet = rapid.OneOf(
	rapid.StringOfN(rapid.RuneFrom([]rune("aæøåÁđŋ \n\r\t\v\f+-.@0123456789\"<&\\\u0085\u2028\u2029\u00a0\ufeff😀\x00\x1b\ufffd")), 0, 40, -1),
	rapid.StringOfN(rapid.Rune(), 0, 30, -1),
	rapid.SampledFrom([]string{"", " ", "12345678", "+47 12-34", "a@b.no", "a+b@c.no", "4601", "01", strings.Repeat("lang ", 190), strings.Repeat("\n", 2000)}),
)

// skjemaet is a request whose values are drawn. What is demanded is there, and of the right
// form, when it is to be god.
func skjemaet(rt *rapid.T, typ Type, god bool) map[string]any {
	s := func(navn string) any {
		if !god && rapid.IntRange(0, 40).Draw(rt, navn+" er av annet slag") == 40 {
			return rapid.SampledFrom([]any{nil, 7, true, []any{}, map[string]any{}}).Draw(rt, navn)
		}
		return skrevet.Draw(rt, navn)
	}
	krevd := func(navn string) any {
		if v, ok := s(navn).(string); ok {
			return "x" + v
		}
		return nil
	}
	en := func(navn, verdi string) any {
		if !god && rapid.IntRange(0, 10).Draw(rt, navn+" er noe annet") == 10 {
			return s(navn)
		}
		return verdi
	}
	adr := func(navn string) any {
		return map[string]any{"adresselinje1": krevd(navn + "1"), "adresselinje2": s(navn + "2"), "postnummer": s(navn + "nr"), "poststed": s(navn + "sted")}
	}
	liste := func(navn string, maks int, ett func(i int) map[string]any) (ut []any) {
		fra, til := 0, maks+1
		if god {
			fra, til = 1, maks
		}
		for i := range rapid.IntRange(fra, til).Draw(rt, navn) {
			ut = append(ut, ett(i))
		}
		return ut
	}
	ut := map[string]any{"kommunenummer": en("kommune", "4601"), "kommunenavn": krevd("kommunenavn"), "bydelsnummer": en("bydel", "01"), "bydelsnavn": krevd("bydelsnavn")}
	if typ == TypePrivat {
		ut["melder"] = map[string]any{"fnr": en("fnr", "01818110185"), "telefonnummer": en("telefon", "12345678"), "adresse": adr("adresse")}
		ut["barn"] = liste("barn", 4, func(i int) map[string]any {
			n := fmt.Sprint("barn", i)
			return map[string]any{"personnavn": krevd(n), "antattAlder": s(n + "alder"), "relasjon": s(n + "relasjon"), "adresse": adr(n)}
		})
		ut["melding"] = krevd("melding")
		return ut
	}
	ut["melder"] = map[string]any{"rolle": krevd("rolle"), "telefonnummer": en("telefon", "+47 12-34 56"), "epost": en("epost", "lærer@skole.no"),
		"virksomhet": map[string]any{"navn": krevd("virksomhet"), "orgnr": s("orgnr"), "adresse": adr("virk")}}
	ut["barn"] = liste("barn", 4, func(i int) map[string]any {
		n := fmt.Sprint("barn", i)
		return map[string]any{"fnr": krevd(n + "fnr"), "ufoedt": i%2 == 0, "personnavn": krevd(n), "telefonnummer": s(n + "tlf"), "adresse": adr(n), "orientert": i%3 == 0, "orientertGrunn": s(n + "grunn")}
	})
	ut["foresatte"] = liste("foresatte", MaksForesatte, func(i int) map[string]any {
		n := fmt.Sprint("foresatt", i)
		return map[string]any{"personnavn": krevd(n), "telefonnummer": s(n + "tlf"), "orientert": i%2 == 0, "orientertGrunn": s(n + "grunn")}
	})
	ut["behovForTolk"], ut["andreHjelpeinstanser"] = s("tolk"), s("andre")
	ut["melding"] = map[string]any{"melding": krevd("melding"), "historie": krevd("historie"), "andreSynspunkter": s("synspunkter")}
	return ut
}

// Whatever is written in a form, it becomes a document that keeps the schema of either
// version and holds every letter, or a fault by name; what is good is always taken.
// Cleaning again changes nothing.
func TestAltBlirGyldigEllerNavngitt(t *testing.T) {
	t.Parallel()
	for _, typ := range []Type{TypePrivat, TypeOffentlig} {
		t.Run(string(typ), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				god := rapid.Bool().Draw(rt, "god")
				inn := skjemaet(rt, typ, god)
				form, err := json.Marshal(inn)
				if err != nil {
					rt.Fatal(err)
				}
				for _, v := range []Versjon{V1, V2} {
					if !proevForm(rt, v, typ, form, inn) && god {
						rt.Fatalf("a good form was refused: %s", form)
					}
				}
			})
		})
	}
}

type feiler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// proevForm reads a form and tells whether it was taken, when what came of it is as
// promised. inn is what was written, when that is known.
func proevForm(t feiler, v Versjon, typ Type, form []byte, inn any) bool {
	t.Helper()
	var dokument func(Versjon) ([]byte, error)
	var err error
	if typ == TypePrivat {
		var p Privat
		p, err = LesPrivat(v, bytes.NewReader(form))
		igjen := p
		if e := igjen.Rens(); err == nil && (e != nil || !reflect.DeepEqual(igjen, p)) {
			t.Fatalf("cleaned again it is another: %v\n%+v\n%+v", e, igjen, p)
		}
		p.fraServeren()
		dokument = p.Dokument
	} else {
		var o Offentlig
		o, err = LesOffentlig(v, bytes.NewReader(form))
		igjen := o
		if e := igjen.Rens(); err == nil && (e != nil || !reflect.DeepEqual(igjen, o)) {
			t.Fatalf("cleaned again it is another: %v\n%+v\n%+v", e, igjen, o)
		}
		o.fraServeren()
		dokument = o.Dokument
	}
	if err != nil {
		u, ok := errors.AsType[*Ugyldig](err)
		if !ok || len(u.Feil) == 0 {
			t.Fatalf("refused without a name: %v", err)
		}
		sett := map[string]bool{}
		for _, f := range u.Feil {
			if sett[f.Felt] || f.Feil == "" || f.Felt == "" && len(u.Feil) > 1 {
				t.Fatalf("faults %+v", u.Feil)
			}
			sett[f.Felt] = true
		}
		return false
	}
	for _, til := range []Versjon{V1, V2} {
		b, err := dokument(til)
		if err != nil {
			t.Fatalf("%s was taken and is no document: %v %q\n%s", til, err, feltene(err), form)
		}
		var ut any
		if err := json.Unmarshal(b, &ut); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		alt := strings.Join(tekster(ut, nil), "\n")
		for _, s := range tekster(inn, nil) {
			if s != "01818110185" && !strings.Contains(bokstaver(alt), bokstaver(s)) { // the reporter's number stays behind
				t.Fatalf("%s: %q is lost: %s", til, s, b)
			}
		}
	}
	return true
}

// tekster are all texts in a JSON value but the reporter's number.
func tekster(v any, ut []string) []string {
	switch v := v.(type) {
	case string:
		return append(ut, v)
	case []any:
		for _, x := range v {
			ut = tekster(x, ut)
		}
	case map[string]any:
		for k, x := range v {
			if _, melder := v["telefonnummer"]; k != "fnr" || !melder || v["personnavn"] != nil {
				ut = tekster(x, ut)
			}
		}
	}
	return ut
}

// bokstaver is a text without what is folded, trimmed or left out.
func bokstaver(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
}

// A request is read without harm, whatever it is.
func FuzzLes(f *testing.F) {
	for _, s := range []string{privat, offentlig, fullPrivat, fullOffentlig, `{"barn":[{}],"melder":null}`, `{"barn":[null,1,[]],"melder":{"adresse":{}}}`, `{"kommunenavn":"\ud800\u0000\u2028"}`, `[`, ``} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, form []byte) {
		for _, v := range []Versjon{V1, V2} {
			proevForm(t, v, TypePrivat, form, nil)
			proevForm(t, v, TypeOffentlig, form, nil)
		}
	})
}

// A document of others is judged without harm, with a name for each fault. What V2 takes,
// V1 takes.
func FuzzValiderDokument(f *testing.F) {
	for _, s := range []string{privat, offentlig, fullPrivat, fullOffentlig, `{}`, `{"melding":1e999999999}`, `{"melding":{"andreSynspunkter":1}}`, `[`, ``} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, dok []byte) {
		verdikt := map[string]bool{}
		for _, typ := range []Type{TypePrivat, TypeOffentlig} {
			for _, v := range []Versjon{V1, V2} {
				err := ValiderDokument(v, typ, dok)
				if u, ok := errors.AsType[*Ugyldig](err); err != nil && (!ok || len(u.Feil) == 0) {
					t.Errorf("refused without a name: %v", err)
				}
				verdikt[string(typ)+string(v)] = err == nil
			}
		}
		if verdikt["PRIVATV1"] != verdikt["PRIVATV2"] || verdikt["OFFENTLIGV2"] && !verdikt["OFFENTLIGV1"] {
			t.Errorf("the versions disagree: %v", verdikt)
		}
		if err := ValiderFeilmelding(dok); err != nil && len(feltene(err)) == 0 {
			t.Errorf("refused without a name: %v", err)
		}
	})
}
