package skjema

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// Requests as a portal sends them.
const (
	adresseJSON = `{"adresselinje1":"Storgata 1","postnummer":"5014","poststed":"Bergen"}`
	privat      = `{"kommunenummer":"4601","kommunenavn":"Bergen","bydelsnummer":"01","bydelsnavn":"Sentrum","melder":{"fnr":"01818110185","telefonnummer":"+47 123 45 678","adresse":` + adresseJSON + `},
		"barn":[{"personnavn":"Barn  Barnesen","antattAlder":"7","relasjon":"nabo","adresse":` + adresseJSON + `}],"melding":"Hører gråt.\r\nHver kveld."}`
	offentlig = `{"kommunenummer":"4601","kommunenavn":"Bergen","bydelsnummer":"01","bydelsnavn":"Sentrum","melder":{"rolle":"Lærer\nkontakt","telefonnummer":"12345678","epost":"lærer@skole.no",
		"virksomhet":{"navn":"Skolen","orgnr":"974778866","adresse":` + adresseJSON + `}},"barn":[{"fnr":"ukjent","ufoedt":false,"personnavn":"Áile Barnesen","adresse":` + adresseJSON + `,"orientert":true}],
		"foresatte":[{"personnavn":"Far Barnesen","orientert":false,"orientertGrunn":"fare"}],"behovForTolk":"nordsamisk","andreHjelpeinstanser":"PPT",
		"melding":{"melding":"Bekymret.","historie":"Ingen tiltak","andreSynspunkter":"Helsesykepleier er enig"}}`
)

// Documents with every member that the schemas know.
const (
	fullAdresse = `{"adresselinje1":"Storgata 1","adresselinje2":"c/o Hansen","adresselinje3":"Oppgang B","postnummer":"5014","poststed":"Bergen"}`
	fullPrivat  = `{"kommunenummer":"4601","kommunenavn":"Bergen","bydelsnummer":"01","bydelsnavn":"Sentrum",
		"privatMelder":{"personnavn":"Mona Melder","telefonnummer":"+47 123-45 678","adresse":` + fullAdresse + `},
		"privatBarn":[{"personnavn":"Barn Barnesen","antattAlder":"7","adresse":` + fullAdresse + `,"relasjon":"nabo"}],
		"melding":"Hører gråt.","sendingstidspunkt":"2026-06-10T10:00:00","leveringskanal":"Portalen"}`
	fullOffentlig = `{"kommunenummer":"4601","kommunenavn":"Bergen","bydelsnummer":"01","bydelsnavn":"Sentrum",
		"offentligMelder":{"personnavn":"Mona Melder","rolle":"Lærer","telefonnummer":"12345678","epost":"lærer.mona@min-skole.no","virksomhet":{"orgnr":"974778866","navn":"Skolen","adresse":` + fullAdresse + `}},
		"offentligBarn":[{"ufoedt":false,"fnr":"ukjent","personnavn":"Áile Barnesen","telefonnummer":"2","adresse":` + fullAdresse + `,"orientert":true,"orientertGrunn":"i samtale"}],
		"foresatte":[{"personnavn":"Far Barnesen","telefonnummer":"jobben","orientert":false,"orientertGrunn":"fare"}],"behovForTolk":"nordsamisk",
		"melding":{"melding":"Bekymret.","historie":"Ingen tiltak","andreSynspunkter":"Enig"},"andreHjelpeinstanser":"PPT","sendingstidspunkt":"2026-06-10T10:00:00","leveringskanal":"Portalen"}`
)

func (p *Privat) fraServeren() {
	p.PrivatMelder.Personnavn, p.Sendingstidspunkt, p.Leveringskanal = "Mona Melder", "2026-06-10T10:00:00", "Portalen"
}

func (o *Offentlig) fraServeren() {
	o.OffentligMelder.Personnavn, o.Sendingstidspunkt, o.Leveringskanal = "Mona Melder", "2026-06-10T10:00:00", "Portalen"
}

func lesP(t testing.TB, v Versjon, s string) Privat {
	t.Helper()
	p, err := LesPrivat(v, strings.NewReader(s))
	if err != nil {
		t.Fatal(err)
	}
	p.fraServeren()
	return p
}

func lesO(t testing.TB, v Versjon, s string) Offentlig {
	t.Helper()
	o, err := LesOffentlig(v, strings.NewReader(s))
	if err != nil {
		t.Fatal(err)
	}
	o.fraServeren()
	return o
}

// feltene are the faults as "member RULE".
func feltene(err error) (ut []string) {
	if u, ok := errors.AsType[*Ugyldig](err); ok {
		for _, f := range u.Feil {
			ut = append(ut, f.Felt+" "+string(f.Regel))
		}
	}
	return ut
}

// erstatt replaces what is there once or more, the first time.
func erstatt(t testing.TB, s, fra, til string) string {
	t.Helper()
	if !strings.Contains(s, fra) {
		t.Fatalf("%q is not in it", fra)
	}
	return strings.Replace(s, fra, til, 1)
}

// The documents have their members in the order of the contract, one-line fields
// on one line, and nothing of the reporter's number.
func TestDokument(t *testing.T) {
	t.Parallel()
	b, err := lesP(t, V1, privat).Dokument(V1)
	if want := `{"kommunenummer":"4601","kommunenavn":"Bergen","bydelsnummer":"01","bydelsnavn":"Sentrum","privatMelder":{"personnavn":"Mona Melder","telefonnummer":"+47 123 45 678","adresse":` + adresseJSON +
		`},"privatBarn":[{"personnavn":"Barn Barnesen","antattAlder":"7","adresse":` + adresseJSON + `,"relasjon":"nabo"}],"melding":"Hører gråt.\nHver kveld.","sendingstidspunkt":"2026-06-10T10:00:00","leveringskanal":"Portalen"}`; err != nil || string(b) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, b, want)
	}
	p := lesP(t, V1, erstatt(t, privat, "Hører gråt.", "Hører <gråt> & rop."))
	if b, err := p.Dokument(V1); err != nil || !bytes.Contains(b, []byte(`"Hører <gråt> & rop.\n`)) {
		t.Errorf("%v %s", err, b)
	}
	offentligV := func(melding string) string {
		return `{"kommunenummer":"4601","kommunenavn":"Bergen","bydelsnummer":"01","bydelsnavn":"Sentrum","offentligMelder":{"personnavn":"Mona Melder","rolle":"Lærer kontakt","telefonnummer":"12345678","epost":"lærer@skole.no",` +
			`"virksomhet":{"orgnr":"974778866","navn":"Skolen","adresse":` + adresseJSON + `}},"offentligBarn":[{"ufoedt":false,"fnr":"ukjent","personnavn":"Áile Barnesen","adresse":` + adresseJSON + `,"orientert":true}],` +
			`"foresatte":[{"personnavn":"Far Barnesen","orientert":false,"orientertGrunn":"fare"}],"behovForTolk":"nordsamisk",` + melding + `,"andreHjelpeinstanser":"PPT","sendingstidspunkt":"2026-06-10T10:00:00","leveringskanal":"Portalen"}`
	}
	for v, want := range map[Versjon]string{
		V2: offentligV(`"melding":{"melding":"Bekymret.","historie":"Ingen tiltak","andreSynspunkter":"Helsesykepleier er enig"}`),
		// V1 has no member for the views of others: what a form has of them is not lost.
		V1: offentligV(`"melding":{"melding":"Bekymret.\n\nSynspunkter fra andre rundt barnet:\nHelsesykepleier er enig","historie":"Ingen tiltak"}`),
	} {
		for _, form := range []Versjon{V1, V2} {
			o := lesO(t, form, offentlig)
			if b, err := o.Dokument(v); err != nil || string(b) != want {
				t.Errorf("form %s, document %s: %v\n%s\nwant\n%s", form, v, err, b, want)
			}
			if o.Melding.Melding != "Bekymret." {
				t.Errorf("the form was changed: %q", o.Melding.Melding)
			}
		}
	}
}

// What would not keep its schema does not leave, and the member is named.
func TestDokumentAvvist(t *testing.T) {
	t.Parallel()
	for navn, c := range map[string]struct {
		endre func(*Offentlig)
		want  string
	}{
		"linjeskift i navnet":   {func(o *Offentlig) { o.OffentligMelder.Personnavn = "Mona\nMelder" }, "offentligMelder.personnavn FORM"},
		"ingen barn":            {func(o *Offentlig) { o.OffentligBarn = nil }, "offentligBarn TYPE"},
		"tom liste":             {func(o *Offentlig) { o.OffentligBarn = []OffentligBarn{} }, "offentligBarn FAERRE"},
		"tre foresatte":         {func(o *Offentlig) { o.Foresatte = make([]Foresatt, 3) }, "foresatte FLERE"},
		"tom telefon":           {func(o *Offentlig) { o.OffentligMelder.Telefonnummer = "" }, "offentligMelder.telefonnummer FORM"},
		"ikke noe tidspunkt":    {func(o *Offentlig) { o.Sendingstidspunkt = "" }, "sendingstidspunkt TIDSPUNKT"},
		"tidspunkt med sone":    {func(o *Offentlig) { o.Sendingstidspunkt = "2026-06-10T10:00:00Z" }, "sendingstidspunkt TIDSPUNKT"},
		"tidspunkt med brøkdel": {func(o *Offentlig) { o.Sendingstidspunkt = "2026-06-10T10:00:00.5" }, "sendingstidspunkt TIDSPUNKT"},
	} {
		o := lesO(t, V2, offentlig)
		c.endre(&o)
		for _, v := range []Versjon{V1, V2} {
			if b, err := o.Dokument(v); !slices.Equal(feltene(err), []string{c.want}) || b != nil {
				t.Errorf("%s: %q, want %s; %s", navn, feltene(err), c.want, b)
			}
		}
	}
	p := lesP(t, V2, privat)
	p.PrivatBarn = []PrivatBarn{}
	if b, err := p.Dokument(V1); !slices.Equal(feltene(err), []string{"privatBarn FAERRE"}) || b != nil {
		t.Errorf("no child: %q %s", feltene(err), b)
	}
}

func TestTidspunkt(t *testing.T) {
	t.Parallel()
	for utc, want := range map[string]string{
		"2026-06-10T08:00:00.999Z": "2026-06-10T10:00:00", "2026-12-31T23:30:00Z": "2027-01-01T00:30:00",
		"2026-10-25T00:30:00Z": "2026-10-25T02:30:00", "2026-10-25T01:30:00Z": "2026-10-25T02:30:00", // the hour that comes twice
	} {
		tid, err := time.Parse(time.RFC3339, utc)
		if got := Tidspunkt(tid); err != nil || got != want {
			t.Errorf("%s: %s, want %s", utc, got, want)
		}
	}
}

// What the documents of others may and may not be, member by member.
func TestValiderDokument(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		dok, fra, til string
		want          string // "" is valid
	}{
		{fullPrivat, `{`, `{`, ""}, {fullOffentlig, `{`, `{`, ""},
		{fullPrivat, `"melding":"Hører gråt."`, `"melding":""`, ""}, {fullPrivat, `"Mona Melder"`, `"Mona\nMelder"`, ""}, // no pattern there
		{fullPrivat, `"melding":`, `"fremmed":[1,{"a":null}],"melding":`, ""},
		{fullPrivat, `"2026-06-10T10:00:00"`, `"i går"`, ""}, // format is an annotation
		{fullPrivat, `"+47 123-45 678"`, `""`, "privatMelder.telefonnummer FORM"}, {fullPrivat, `"+47 123-45 678"`, `"123  45"`, "privatMelder.telefonnummer FORM"},
		{fullPrivat, `"+47 123-45 678"`, `"12345678\n"`, "privatMelder.telefonnummer FORM"}, {fullPrivat, `"+47 123-45 678"`, `null`, "privatMelder.telefonnummer TYPE"},
		{fullPrivat, `"4601"`, `"460"`, "kommunenummer FORM"}, {fullPrivat, `"4601"`, `"46011"`, "kommunenummer FORM"}, {fullPrivat, `"4601"`, `4601`, "kommunenummer TYPE"}, {fullPrivat, `"4601"`, `"٤٦٠١"`, "kommunenummer FORM"},
		{fullPrivat, `"01"`, `"1"`, "bydelsnummer FORM"}, {fullPrivat, `"01"`, `"00"`, ""},
		{fullPrivat, `"personnavn":"Mona Melder",`, ``, "privatMelder.personnavn KREVD"}, {fullPrivat, `"antattAlder":"7"`, `"antattAlder":7`, "privatBarn.0.antattAlder TYPE"},
		{fullPrivat, `"adresse":` + fullAdresse + `,"relasjon"`, `"relasjon"`, "privatBarn.0.adresse KREVD"}, {fullPrivat, `"adresselinje1":"Storgata 1",`, ``, "privatMelder.adresse.adresselinje1 KREVD"},
		{fullOffentlig, `"fnr":"ukjent"`, `"fnr":""`, ""}, {fullOffentlig, `"telefonnummer":"jobben"`, `"telefonnummer":""`, ""}, {fullOffentlig, `"melding":"Bekymret."`, `"melding":"a\n\nb"`, ""},
		{fullOffentlig, `"behovForTolk":"nordsamisk",`, ``, ""}, {fullOffentlig, `"orientertGrunn":"i samtale"`, `"orientertGrunn":""`, ""},
		{fullOffentlig, `lærer.mona@`, `lærer+mona@`, "offentligMelder.epost FORM"}, {fullOffentlig, `@min-skole.no`, `@skole`, "offentligMelder.epost FORM"}, {fullOffentlig, `lærer.mona@`, `.mona@`, "offentligMelder.epost FORM"},
		{fullOffentlig, `"rolle":"Lærer"`, `"rolle":"a\nb"`, "offentligMelder.rolle FORM"}, {fullOffentlig, `"rolle":"Lærer"`, `"rolle":"a\rb"`, "offentligMelder.rolle FORM"}, {fullOffentlig, `"rolle":"Lærer"`, `"rolle":"a\u2028b"`, "offentligMelder.rolle FORM"},
		{fullOffentlig, `"Bergen"`, `"Ber\ngen"`, "kommunenavn FORM"}, {fullOffentlig, `"Sentrum"`, `"\n"`, "bydelsnavn FORM"}, {fullOffentlig, `"974778866"`, `"\n"`, "offentligMelder.virksomhet.orgnr FORM"},
		{fullOffentlig, `"jobben"`, `"\n"`, "foresatte.0.telefonnummer FORM"}, {fullOffentlig, `"fare"`, `"\n"`, "foresatte.0.orientertGrunn FORM"}, {fullOffentlig, `"2"`, `"\n"`, ""},
		{fullOffentlig, `"ufoedt":false,`, ``, "offentligBarn.0.ufoedt KREVD"}, {fullOffentlig, `"orientert":false,`, ``, "foresatte.0.orientert KREVD"}, {fullOffentlig, `"orientert":false`, `"orientert":"nei"`, "foresatte.0.orientert TYPE"},
		{fullOffentlig, `"historie":"Ingen tiltak",`, ``, "melding.historie KREVD"}, {fullOffentlig, `"foresatte":[`, `"foresatte":[],"x":[`, "foresatte FAERRE"},
		{fullOffentlig, `"leveringskanal":"Portalen"`, `"x":1`, "leveringskanal KREVD"},
		{fullPrivat, `{`, `[{`, " JSON"}, {fullPrivat, `{`, `{"a":01,`, " JSON"},
	} {
		dok, typ := erstatt(t, c.dok, c.fra, c.til), TypePrivat
		if c.dok == fullOffentlig {
			typ = TypeOffentlig
		}
		for _, v := range []Versjon{V1, V2} {
			if got := strings.Join(feltene(ValiderDokument(v, typ, []byte(dok))), ", "); got != c.want {
				t.Errorf("%s %s, %s for %s: %q, want %q", typ, v, c.til, c.fra, got, c.want)
			}
		}
	}
	// The one thing that parts the versions.
	dok := []byte(erstatt(t, fullOffentlig, `"Enig"`, `1`))
	if err := ValiderDokument(V1, TypeOffentlig, dok); err != nil {
		t.Errorf("V1 knows the views of others: %v", err)
	}
	if got := feltene(ValiderDokument(V2, TypeOffentlig, dok)); !slices.Equal(got, []string{"melding.andreSynspunkter TYPE"}) {
		t.Errorf("V2: %q", got)
	}
	if got := feltene(ValiderDokument(V2, TypePrivat, []byte(`[]`))); !slices.Equal(got, []string{" TYPE"}) {
		t.Errorf("a list: %q", got)
	}
	for _, c := range []struct {
		v Versjon
		t Type
	}{{"V3", TypeOffentlig}, {"V3", TypePrivat}, {"v1", TypePrivat}, {V1, "UKJENT"}, {V1, ""}} {
		if err := ValiderDokument(c.v, c.t, []byte(fullPrivat)); err == nil || feltene(err) != nil {
			t.Errorf("%s %s does not exist: %v", c.v, c.t, err)
		}
	}
}

func TestValiderFeilmelding(t *testing.T) {
	t.Parallel()
	for dok, want := range map[string]string{
		`{}`: "", `{"melding":""}`: "", `{"melding":"Kan ikke lese","kode":7}`: "",
		`{"melding":7}`: "melding TYPE", `{"melding":null}`: "melding TYPE", `"melding"`: " TYPE", `{`: " JSON", ``: " JSON",
	} {
		if got := strings.Join(feltene(ValiderFeilmelding([]byte(dok))), ", "); got != want {
			t.Errorf("%s: %q, want %q", dok, got, want)
		}
	}
}

// Every rule is told in every language, with its limit, and without what stood there.
func TestFeltfeil(t *testing.T) {
	t.Parallel()
	for r := range regler {
		for _, s := range []string{"nb", "nn", "en"} {
			if f := feltfeil("melding", r, 7); f.Paa(s) == "" || strings.Contains(f.Paa(s), "%") || f.Feil != f.Paa("nb") {
				t.Errorf("%s in %s: %q", r, s, f.Paa(s))
			}
		}
	}
	b, err := json.Marshal([]Feltfeil{feltfeil("barn", RegelFlere, 50), feltfeil("melder.epost", RegelPluss, 0)})
	if want := `[{"felt":"barn","regel":"FLERE","grense":50,"feil":"Oppgi høyst 50."},{"felt":"melder.epost","regel":"PLUSS","feil":"E-postadressen kan ikke inneholde tegnet +."}]`; err != nil || string(b) != want {
		t.Errorf("%v %s", err, b)
	}
	_, err = LesPrivat(V1, bytes.NewReader([]byte(erstatt(t, privat, "01818110185", "hemmelig"))))
	if b, _ := json.Marshal(err); err == nil || strings.Contains(err.Error()+string(b), "hemmelig") {
		t.Errorf("the fault tells what stood there: %v %s", err, b)
	}
}
