package skjema

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// lesForm reads a request of either type.
func lesForm(v Versjon, t Type, form string) error {
	if t == TypePrivat {
		_, err := LesPrivat(v, strings.NewReader(form))
		return err
	}
	_, err := LesOffentlig(v, strings.NewReader(form))
	return err
}

// What is wrong with a request is told by its own names, each fault once.
func TestLesAvvist(t *testing.T) {
	t.Parallel()
	barnP := `{"personnavn":"Barn  Barnesen","antattAlder":"7","relasjon":"nabo","adresse":` + adresseJSON + `}`
	foresatt := `{"personnavn":"Far Barnesen","orientert":false,"orientertGrunn":"fare"}`
	for _, c := range []struct{ form, fra, til, want string }{
		{privat, `"4601"`, `"46"`, "kommunenummer KOMMUNE"}, {privat, `"4601"`, `""`, "kommunenummer KREVD"}, {privat, `"01"`, `"1"`, "bydelsnummer BYDEL"}, {privat, `"Sentrum"`, `" \n"`, "bydelsnavn KREVD"},
		{privat, `"kommunenavn":"Bergen",`, ``, "kommunenavn KREVD"}, {privat, `"Bergen"`, `null`, "kommunenavn KREVD"}, {privat, `"Bergen"`, `["Bergen"]`, "kommunenavn TYPE"},
		{privat, `+47 123 45 678`, `ring meg`, "melder.telefonnummer TELEFON"}, {privat, `"+47 123 45 678"`, `12345678`, "melder.telefonnummer TYPE"},
		{privat, `"melder":`, `"m":`, "melder KREVD"}, {privat, `"melder":{`, `"melder":"x","m":{`, "melder TYPE"},
		{privat, `"adresselinje1":"Storgata 1",`, ``, "melder.adresse.adresselinje1 KREVD"}, {privat, `"adresse":{`, `"adresse":"Storgata 1","a":{`, "melder.adresse TYPE"},
		{privat, `"Barn  Barnesen"`, `" "`, "barn.0.personnavn KREVD"}, {privat, `,"adresse":` + adresseJSON + `}]`, `}]`, "barn.0.adresse KREVD"}, {privat, `"7"`, `7`, "barn.0.antattAlder TYPE"},
		{privat, `"nabo"`, `"` + strings.Repeat("å", MaksLinje+1) + `"`, "barn.0.relasjon LENGDE"}, {privat, `"nabo"`, `"` + strings.Repeat("å", MaksLinje) + `"`, ""},
		{privat, barnP, `"Barn"`, "barn.0 TYPE"}, {privat, barnP, `null`, "barn.0 TYPE"}, {privat, barnP, barnP + "," + erstatt(t, barnP, "Barn  Barnesen", ""), "barn.1.personnavn KREVD"},
		{privat, barnP, ``, "barn FAERRE"}, {privat, `"barn":`, `"b":`, "barn FAERRE"}, {privat, `"barn":[`, `"barn":{},"b":[`, "barn TYPE"},
		{privat, barnP, strings.Repeat(barnP+",", MaksBarn) + barnP, "barn FLERE"}, {privat, barnP, strings.Repeat(barnP+",", MaksBarn-1) + barnP, ""},
		{privat, `Hører gråt.\r\nHver kveld.`, `\u0000 \n`, "melding KREVD"}, {privat, `"melding":"`, `"melding":7,"x":"`, "melding TYPE"}, {privat, `"melding":"`, `"Melding":"`, "melding KREVD"},
		{privat, `Hører gråt.\r\nHver kveld.`, strings.Repeat("å", MaksTekst+1), "melding LENGDE"}, {privat, `Hører gråt.\r\nHver kveld.`, strings.Repeat("å", MaksTekst), ""},
		{privat, `{"kommunenummer"`, `{`, " JSON"}, {privat, `{"kommunenummer"`, `[{"kommunenummer"`, " JSON"},

		{offentlig, `lærer@skole.no`, `a+b@skole.no`, "melder.epost PLUSS"}, {offentlig, `lærer@skole.no`, `skole.no`, "melder.epost EPOST"}, {offentlig, `lærer@skole.no`, ``, "melder.epost KREVD"},
		{offentlig, `"telefonnummer":"12345678",`, ``, "melder.telefonnummer KREVD"}, {offentlig, `"rolle":"Lærer\nkontakt",`, ``, "melder.rolle KREVD"},
		{offentlig, `"navn":"Skolen",`, ``, "melder.virksomhet.navn KREVD"}, {offentlig, `"virksomhet":`, `"v":`, "melder.virksomhet KREVD"}, {offentlig, `"adresselinje1":"Storgata 1"`, `"adresselinje1":""`, "melder.virksomhet.adresse.adresselinje1 KREVD"},
		{offentlig, `"fnr":"ukjent"`, `"fnr":" "`, "barn.0.fnr KREVD"}, {offentlig, `"fnr":"ukjent",`, ``, "barn.0.fnr KREVD"}, {offentlig, `"fnr":"ukjent"`, `"fnr":12`, "barn.0.fnr TYPE"},
		// What nobody has said is not a no.
		{offentlig, `"ufoedt":false,`, ``, "barn.0.ufoedt KREVD"}, {offentlig, `"ufoedt":false`, `"ufoedt":null`, "barn.0.ufoedt KREVD"}, {offentlig, `"ufoedt":false`, `"ufoedt":"nei"`, "barn.0.ufoedt TYPE"},
		{offentlig, `,"orientert":true`, ``, "barn.0.orientert KREVD"}, {offentlig, `"orientert":false,`, ``, "foresatte.0.orientert KREVD"},
		{offentlig, foresatt, ``, "foresatte FAERRE"}, {offentlig, foresatt, foresatt + "," + foresatt, ""}, {offentlig, foresatt, foresatt + "," + foresatt + "," + foresatt, "foresatte FLERE"},
		{offentlig, `"historie":"Ingen tiltak"`, `"historie":""`, "melding.historie KREVD"}, {offentlig, `"melding":{`, `"melding":"Bekymret.","m":{`, "melding TYPE"}, {offentlig, `"melding":{`, `"m":{`, "melding KREVD"},
		{offentlig, `"nordsamisk"`, `true`, "behovForTolk TYPE"}, {offentlig, `"PPT"`, `null`, ""}, {offentlig, `"melder":{`, `"ukjent":{"a":[1]},"melder":{`, ""},
	} {
		typ := TypePrivat
		if c.form == offentlig {
			typ = TypeOffentlig
		}
		for _, v := range []Versjon{V1, V2} {
			err := lesForm(v, typ, erstatt(t, c.form, c.fra, c.til))
			if got := strings.Join(feltene(err), ", "); got != c.want {
				t.Errorf("%s %s, %.60q for %.60q: %q %v, want %q", typ, v, c.til, c.fra, got, err, c.want)
			}
		}
	}
}

// V1 demands the form of the reporter's number, V2 passes over it (§5).
func TestLesFnr(t *testing.T) {
	t.Parallel()
	for til, want := range map[string]string{`"fnr":"01818110185",`: "", `"fnr":"0181811018",`: "melder.fnr FNR", `"fnr":"",`: "melder.fnr FNR", ``: "melder.fnr FNR", `"fnr":null,`: "melder.fnr FNR"} {
		form := erstatt(t, privat, `"fnr":"01818110185",`, til)
		if got := strings.Join(feltene(lesForm(V1, TypePrivat, form)), ", "); got != want {
			t.Errorf("V1 %q: %q, want %q", til, got, want)
		}
		if err := lesForm(V2, TypePrivat, form); err != nil {
			t.Errorf("V2 %q: %v", til, err)
		}
	}
}

// Everything that is wrong is told at once; by Rens in the order of the questions.
func TestLesAlleFeil(t *testing.T) {
	t.Parallel()
	got := feltene(lesForm(V2, TypeOffentlig, `{"melder":{},"barn":[{}],"foresatte":[{}],"melding":{}}`))
	slices.Sort(got)
	want := strings.Fields(`barn.0.adresse barn.0.fnr barn.0.orientert barn.0.personnavn barn.0.ufoedt bydelsnavn bydelsnummer foresatte.0.orientert foresatte.0.personnavn
		kommunenavn kommunenummer melder.epost melder.rolle melder.telefonnummer melder.virksomhet melding.historie melding.melding`)
	for i := range want {
		want[i] += " KREVD"
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant\n%q", got, want)
	}
	var o Offentlig
	got = feltene(o.Rens())
	want = []string{"kommunenummer KREVD", "kommunenavn KREVD", "bydelsnummer KREVD", "bydelsnavn KREVD", "offentligMelder.rolle KREVD", "offentligMelder.telefonnummer KREVD", "offentligMelder.epost KREVD",
		"offentligMelder.virksomhet.navn KREVD", "offentligMelder.virksomhet.adresse.adresselinje1 KREVD", "offentligBarn FAERRE", "foresatte FAERRE", "melding.melding KREVD", "melding.historie KREVD"}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant\n%q", got, want)
	}
}

// Of a member there is one fault, also when it breaks two rules.
func TestRensEnFeil(t *testing.T) {
	t.Parallel()
	p := lesP(t, V2, privat)
	p.PrivatMelder.Telefonnummer = strings.Repeat("x", MaksLinje+1)
	if got := feltene(p.Rens()); !slices.Equal(got, []string{"privatMelder.telefonnummer LENGDE"}) {
		t.Errorf("%q", got)
	}
}

// What a person writes is made into what the documents take.
func TestRens(t *testing.T) {
	t.Parallel()
	for navn, c := range map[string]struct{ linje, wantLinje, tekst, wantTekst string }{
		"som det er":       {"Mona Melder", "Mona Melder", "En.\n\nTo.", "En.\n\nTo."},
		"linjeskift":       {"a\nb\r\nc\rd", "a b c d", "a\r\nb\rc", "a\nb\nc"},
		"fremmede skift":   {"a\u2028b\u2029c\u0085d\ve\ff", "a b c d e f", "a\u2028b\u2029c\u0085d\ve\ff", "a\nb\nc\nd\ne\nf"},
		"tomrom":           {" \t a \u00a0 b  ", "a b", " \n a  b\t\n", "a  b"},
		"styretegn":        {"a\x00b\x1bc\u009bd", "abcd", "a\x00b\x1bc\u009bd\te", "abcd\te"},
		"ødelagte tegn":    {"a\xff\xfeb", "ab", "a\xffb", "ab"},
		"alle slags språk": {"Áŋŧ Østbø 日本 😀", "Áŋŧ Østbø 日本 😀", "مرحبا", "مرحبا"},
	} {
		o := lesO(t, V2, offentlig)
		linjer := []*string{&o.Kommunenavn, &o.Bydelsnavn, &o.OffentligMelder.Personnavn, &o.OffentligMelder.Rolle, &o.OffentligMelder.Virksomhet.Navn, &o.OffentligMelder.Virksomhet.Orgnr,
			&o.OffentligMelder.Virksomhet.Adresse.Adresselinje1, &o.OffentligMelder.Virksomhet.Adresse.Poststed, &o.OffentligBarn[0].Fnr, &o.OffentligBarn[0].Personnavn, &o.OffentligBarn[0].Telefonnummer,
			&o.OffentligBarn[0].OrientertGrunn, &o.OffentligBarn[0].Adresse.Adresselinje2, &o.Foresatte[0].Personnavn, &o.Foresatte[0].Telefonnummer, &o.Foresatte[0].OrientertGrunn}
		tekster := []*string{&o.BehovForTolk, &o.Melding.Melding, &o.Melding.Historie, &o.Melding.AndreSynspunkter, &o.AndreHjelpeinstanser}
		for _, s := range linjer {
			*s = c.linje
		}
		for _, s := range tekster {
			*s = c.tekst
		}
		if err := o.Rens(); err != nil {
			t.Errorf("%s: %v", navn, err)
		}
		for i, s := range linjer {
			if *s != c.wantLinje {
				t.Errorf("%s: line %d is %q, want %q", navn, i, *s, c.wantLinje)
			}
		}
		for i, s := range tekster {
			if *s != c.wantTekst {
				t.Errorf("%s: text %d is %q, want %q", navn, i, *s, c.wantTekst)
			}
		}
	}
	// An empty telephone number or address is none: the document may not have it.
	form := erstatt(t, erstatt(t, privat, "+47 123 45 678", " "), adresseJSON, `{"adresselinje1":" ","postnummer":"\n"}`)
	for _, v := range []Versjon{V1, V2} {
		b, err := lesP(t, v, form).Dokument(v)
		if want := `"privatMelder":{"personnavn":"Mona Melder"}`; err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%v %s", err, b)
		}
	}
}

func TestLesGrenser(t *testing.T) {
	t.Parallel()
	fyll := func(n int) string { return privat + strings.Repeat(" ", n-len(privat)) }
	if err := lesForm(V1, TypePrivat, fyll(MaksForesporsel)); err != nil {
		t.Errorf("at the bound: %v", err)
	}
	if got := feltene(lesForm(V1, TypePrivat, fyll(MaksForesporsel+1))); !slices.Equal(got, []string{" STOR"}) {
		t.Errorf("above the bound: %q", got)
	}
	if got := feltene(lesForm(V1, TypeOffentlig, strings.Repeat("[", 100_000))); !slices.Equal(got, []string{" JSON"}) {
		t.Errorf("deep: %q", got)
	}
	brutt := errors.New("broken line")
	if _, err := LesPrivat(V1, iotest.ErrReader(brutt)); !errors.Is(err, brutt) {
		t.Errorf("a broken line: %v", err)
	}
	if s := fmt.Sprint(&Ugyldig{Feil: []Feltfeil{{Felt: "a"}, {Felt: "b.0"}}}); s != "the form is not valid in a, b.0" {
		t.Error(s)
	}
}
