package skjema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const (
	adresse = `{"adresselinje1":"Storgata 1","postnummer":"5014","poststed":"Bergen"}`
	privat  = `{"kommunenummer":"4601","kommunenavn":"Bergen","bydelsnummer":"01","bydelsnavn":"Sentrum","melder":{"fnr":"01818110185","telefonnummer":"+47 123 45 678","adresse":` + adresse + `},
		"barn":[{"personnavn":"Barn  Barnesen","antattAlder":"7","relasjon":"nabo","adresse":` + adresse + `}],"melding":"Hører gråt.\r\nHver kveld."}`
	offentlig = `{"kommunenummer":"4601","kommunenavn":"Bergen","bydelsnummer":"01","bydelsnavn":"Sentrum","melder":{"rolle":"Lærer\nkontakt","telefonnummer":"12345678","epost":"lærer@skole.no",
		"virksomhet":{"navn":"Skolen","orgnr":"974778866","adresse":` + adresse + `}},"barn":[{"fnr":"ukjent","ufoedt":false,"personnavn":"Áile Barnesen","adresse":` + adresse + `,"orientert":true}],
		"foresatte":[{"personnavn":"Far Barnesen","orientert":false,"orientertGrunn":"fare"}],"behovForTolk":"nordsamisk","andreHjelpeinstanser":"PPT",
		"melding":{"melding":"Bekymret.","historie":"Ingen tiltak","andreSynspunkter":"Helsesykepleier er enig"}}`
)

func lesP(t testing.TB, v Versjon, s string) Privat {
	t.Helper()
	p, err := LesPrivat(v, strings.NewReader(s))
	if err != nil {
		t.Fatal(err, feltene(err))
	}
	p.PrivatMelder.Personnavn, p.Sendingstidspunkt, p.Leveringskanal = "Mona Melder", "2026-06-10T10:00:00", "Portalen"
	return p
}

func lesO(t testing.TB, v Versjon, s string) Offentlig {
	t.Helper()
	o, err := LesOffentlig(v, strings.NewReader(s))
	if err != nil {
		t.Fatal(err, feltene(err))
	}
	o.OffentligMelder.Personnavn, o.Sendingstidspunkt, o.Leveringskanal = "Mona Melder", "2026-06-10T10:00:00", "Portalen"
	return o
}

func feltene(err error) (ut []string) {
	if u, ok := errors.AsType[*Ugyldig](err); ok {
		for _, f := range u.Feil {
			ut = append(ut, f.Felt)
		}
	}
	return ut
}

// The documents have their members in the order of the contract, one-line fields
// on one line, and nothing of the reporter's number.
func TestDokument(t *testing.T) {
	t.Parallel()
	b, err := lesP(t, V1, privat).Dokument(V1)
	if want := `{"kommunenummer":"4601","kommunenavn":"Bergen","bydelsnummer":"01","bydelsnavn":"Sentrum","privatMelder":{"personnavn":"Mona Melder","telefonnummer":"+47 123 45 678","adresse":` + adresse +
		`},"privatBarn":[{"personnavn":"Barn Barnesen","antattAlder":"7","adresse":` + adresse + `,"relasjon":"nabo"}],"melding":"Hører gråt.\nHver kveld.","sendingstidspunkt":"2026-06-10T10:00:00","leveringskanal":"Portalen"}`; err != nil || string(b) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, b, want)
	}
	b, err = lesO(t, V2, offentlig).Dokument(V2)
	if err != nil || !bytes.Contains(b, []byte(`"rolle":"Lærer kontakt"`)) || !bytes.Contains(b, []byte(`"andreSynspunkter":"Helsesykepleier er enig"`)) {
		t.Errorf("%v\n%s", err, b)
	}
	// V1 has no member for the views of others: what a form for V2 has of them is not lost.
	b, err = lesO(t, V2, offentlig).Dokument(V1)
	if err != nil || bytes.Contains(b, []byte("andreSynspunkter")) || !bytes.Contains(b, []byte(`"melding":"Bekymret.\n\nAndres synspunkter:\nHelsesykepleier er enig"`)) {
		t.Errorf("%v\n%s", err, b)
	}
}

// What is wrong with a request is told by its own names.
func TestLesAvvist(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ form, fra, til, felt string }{
		{privat, `"4601"`, `"46"`, "kommunenummer"}, {privat, `"01818110185"`, `"x"`, "melder.fnr"}, {privat, `+47 123 45 678`, `ring meg`, "melder.telefonnummer"},
		{privat, `"Barn  Barnesen"`, `" "`, "barn.0.personnavn"}, {privat, `Hører gråt.\r\nHver kveld.`, ``, "melding"}, {privat, `"melding":"`, `"melding":7,"x":"`, "melding"},
		{offentlig, `lærer@skole.no`, `a+b@skole.no`, "melder.epost"}, {offentlig, `lærer@skole.no`, `skole.no`, "melder.epost"}, {offentlig, `"telefonnummer":"12345678",`, ``, "melder.telefonnummer"},
		{offentlig, `"fnr":"ukjent"`, `"fnr":""`, "barn.0.fnr"}, {offentlig, `[{"personnavn":"Far Barnesen","orientert":false,"orientertGrunn":"fare"}]`, `[]`, "foresatte"},
		{offentlig, `"historie":"Ingen tiltak"`, `"historie":""`, "melding.historie"}, {offentlig, `"adresselinje1":"Storgata 1"`, `"adresselinje1":""`, "melder.virksomhet.adresse.adresselinje1"},
		{privat, `{"kommunenummer"`, `{`, ""},
	} {
		if !strings.Contains(c.form, c.fra) {
			t.Fatalf("%q is not in the form", c.fra)
		}
		form := strings.Replace(c.form, c.fra, c.til, 1)
		_, err := LesPrivat(V1, strings.NewReader(form))
		if c.form == offentlig {
			_, err = LesOffentlig(V1, strings.NewReader(form))
		}
		if !slices.Contains(feltene(err), c.felt) {
			t.Errorf("%q for %q: %v %v, want %s", c.til, c.fra, err, feltene(err), c.felt)
		}
	}
	// An empty telephone number is none: the document may not have it.
	if b, err := lesP(t, V2, strings.Replace(privat, "+47 123 45 678", "", 1)).Dokument(V2); err != nil || bytes.Contains(b, []byte("telefonnummer")) {
		t.Errorf("%v %s", err, b)
	}
}

// A document that breaks its schema does not leave, and the member is named.
func TestValiderDokument(t *testing.T) {
	t.Parallel()
	p, o := lesP(t, V1, privat), lesO(t, V2, offentlig)
	for navn, c := range map[string]struct {
		d    any
		t    Type
		felt string
	}{
		"uten barn":      {func() any { x := p; x.PrivatBarn = []PrivatBarn{}; return x }(), TypePrivat, "privatBarn"},
		"linjeskift":     {func() any { x := o; x.OffentligMelder.Rolle = "a\nb"; return x }(), TypeOffentlig, "offentligMelder.rolle"},
		"tre foresatte":  {func() any { x := o; x.Foresatte = make([]Foresatt, 3); return x }(), TypeOffentlig, "foresatte"},
		"tom telefon":    {func() any { x := o; x.OffentligMelder.Telefonnummer = ""; return x }(), TypeOffentlig, "offentligMelder.telefonnummer"},
		"pluss i epost":  {func() any { x := o; x.OffentligMelder.Epost = "a+b@c.no"; return x }(), TypeOffentlig, "offentligMelder.epost"},
		"feil type":      {map[string]any{"melding": 1}, TypePrivat, "melding"},
		"bydel med ord":  {func() any { x := p; x.Bydelsnummer = "ab"; return x }(), TypePrivat, "bydelsnummer"},
		"kommune med 3":  {func() any { x := p; x.Kommunenummer = "460"; return x }(), TypePrivat, "kommunenummer"},
		"ikke en eneste": {[]int{}, TypePrivat, ""},
	} {
		b, err := json.Marshal(c.d)
		if err != nil {
			t.Fatal(err)
		}
		if err := ValiderDokument(V2, c.t, b); !slices.Contains(feltene(err), c.felt) {
			t.Errorf("%s: %v %v", navn, err, feltene(err))
		}
	}
	if err := ValiderDokument("V3", TypeOffentlig, []byte(`{}`)); err == nil || feltene(err) != nil {
		t.Errorf("a version that does not exist: %v", err)
	}
}

// Whatever is written in a form, it becomes a document that keeps its schema, or a
// fault by name.
func TestAltBlirGyldigEllerNavngitt(t *testing.T) {
	t.Parallel()
	tegn := rapid.StringOfN(rapid.RuneFrom([]rune("aæøåÁđŋ \n\r\t+-.@0123456789\"<&\u2028😀\x00")), 0, 40, -1)
	rapid.Check(t, func(rt *rapid.T) {
		s := func(navn string) string { return tegn.Draw(rt, navn) }
		adr := Adresse{Adresselinje1: s("a1"), Adresselinje2: s("a2"), Postnummer: s("pnr"), Poststed: s("sted")}
		var barn []OffentligBarn
		for i := range rapid.IntRange(0, 4).Draw(rt, "barn") {
			barn = append(barn, OffentligBarn{Fnr: s("fnr"), Personnavn: s(fmt.Sprint("navn", i)), Telefonnummer: s("tlf"), Adresse: adr, OrientertGrunn: s("grunn")})
		}
		form, err := json.Marshal(map[string]any{"kommunenummer": "4601", "kommunenavn": s("kommune"), "bydelsnummer": "01", "bydelsnavn": s("bydel"),
			"melder": OffentligMelder{Rolle: s("rolle"), Telefonnummer: "12345678", Epost: s("epost") + "@skole.no", Virksomhet: Virksomhet{Navn: s("virksomhet"), Orgnr: s("orgnr"), Adresse: adr}},
			"barn":   barn, "foresatte": []Foresatt{{Personnavn: s("far"), Telefonnummer: s("fartlf"), OrientertGrunn: s("fargrunn")}},
			"melding": OffentligMelding{Melding: s("melding"), Historie: s("historie"), AndreSynspunkter: s("andre")}, "behovForTolk": s("tolk")})
		if err != nil {
			rt.Fatal(err)
		}
		for _, v := range []Versjon{V1, V2} {
			o, err := LesOffentlig(V2, bytes.NewReader(form))
			if err != nil {
				if len(feltene(err)) == 0 {
					rt.Fatalf("refused without a name: %v", err)
				}
				continue
			}
			o.OffentligMelder.Personnavn, o.Sendingstidspunkt, o.Leveringskanal = "Mona Melder", "2026-06-10T10:00:00", "Portalen"
			if _, err := o.Dokument(v); err != nil {
				rt.Fatalf("%s was taken and is no document: %v %v\n%s", v, err, feltene(err), form)
			}
		}
	})
}

// The PDF holds every answer, and says so where there is none.
func TestPDFHarAlt(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("pdftotext"); err != nil {
		if os.Getenv("KNUTEPUNKT_REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip("the PDF is not read: ", err)
	}
	info := PDFInfo{Referanse: "0f4c1d2e-0000-4000-8000-000000000001", Sendt: time.Date(2026, 6, 10, 8, 0, 0, 0, time.UTC), Spraak: "nb",
		Mottaker: []string{"Barneverntjenesten", "Rådhusplassen 2", "5014 Bergen"}}
	tekst := func(skriv func(*bytes.Buffer) error) string {
		t.Helper()
		var ut bytes.Buffer
		if err := skriv(&ut); err != nil {
			t.Fatal(err)
		}
		fil := filepath.Join(t.TempDir(), "a.pdf")
		if err := os.WriteFile(fil, ut.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := exec.CommandContext(t.Context(), "pdftotext", fil, "-").Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(string(b)), " ")
	}
	p, o := lesP(t, V1, privat), lesO(t, V2, offentlig)
	got := tekst(func(b *bytes.Buffer) error { return p.PDF(b, info) })
	for _, s := range []string{"privat melder", info.Referanse, "10.06.2026 10:00:00", "01 Sentrum", "Mona Melder", "+47 123 45 678", "Barn 1", "Barn Barnesen", "7", "nabo", "Storgata 1", "5014 Bergen", "Hører gråt.", "Hver kveld.", "Barneverntjenesten"} {
		if !strings.Contains(got, s) {
			t.Errorf("%q is not in the PDF:\n%s", s, got)
		}
	}
	if strings.Contains(got, "01818110185") {
		t.Error("the reporter's number is in the PDF")
	}
	info.Spraak = "nn"
	got = tekst(func(b *bytes.Buffer) error { return o.PDF(b, info) })
	for _, s := range []string{"offentleg meldar", "Lærer kontakt", "lærer@skole.no", "974778866", "Skolen", "ukjent", "Áile Barnesen", "Far Barnesen", "fare", "nordsamisk", "Bekymret.", "Ingen tiltak", "Helsesykepleier er enig", "PPT", "Ikkje oppgitt", "Nei"} {
		if !strings.Contains(got, s) {
			t.Errorf("%q is not in the PDF:\n%s", s, got)
		}
	}
}

// A request is read without harm, whatever it is.
func FuzzLes(f *testing.F) {
	f.Add(privat)
	f.Add(offentlig)
	f.Add(`{"barn":[{}],"melder":null}`)
	f.Fuzz(func(t *testing.T, s string) {
		for _, v := range []Versjon{V1, V2} {
			if p, err := LesPrivat(v, strings.NewReader(s)); err == nil {
				p.PrivatMelder.Personnavn, p.Sendingstidspunkt, p.Leveringskanal = "x", "x", "x"
				if _, err := p.Dokument(v); err != nil {
					t.Errorf("taken, and no document: %v", feltene(err))
				}
			}
			if o, err := LesOffentlig(v, strings.NewReader(s)); err == nil {
				o.OffentligMelder.Personnavn, o.Sendingstidspunkt, o.Leveringskanal = "x", "x", "x"
				if _, err := o.Dokument(v); err != nil {
					t.Errorf("taken, and no document: %v", feltene(err))
				}
			}
		}
	})
}
