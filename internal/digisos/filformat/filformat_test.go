package filformat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"knutepunkt/internal/feil"
)

func ny(t testing.TB) *Skjemaer {
	t.Helper()
	s, err := Ny()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Every example that came with the format gets the verdict its name says:
// «feil-…» and «ikkegyldig_…» are refused, the rest is valid.
func TestEksempler(t *testing.T) {
	t.Parallel()
	c := jsonschema.NewCompiler()
	c.UseLoader(loader{})
	skjema := func(fil string) *jsonschema.Schema {
		t.Helper()
		sk, err := c.Compile(base + fil)
		if err != nil {
			t.Fatal(err)
		}
		return sk
	}
	mapper := map[string]*jsonschema.Schema{
		"digisos/soker":                                 skjema("digisos/soker/digisos-soker.json"),
		"digisos/soker/parts/filreferanse":              skjema("digisos/soker/parts/filreferanse.json"),
		"digisos/soker/parts/hendelse/tildeltNavKontor": skjema("digisos/soker/parts/hendelse.json"),
		"soknad":          skjema("soknad/soknad.json"),
		"types/tidspunkt": skjema("types/tidspunkt.json"),
		"vedlegg":         skjema("vedlegg/vedleggSpesifikasjon.json"),
	}
	antall := 0
	err := filepath.WalkDir("testdata", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		antall++
		rel, _ := filepath.Rel("testdata", filepath.Dir(path))
		sk := mapper[filepath.ToSlash(rel)]
		if sk == nil {
			t.Errorf("no schema for %s", path)
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		_, err = sjekk(sk, "dokumentet", b)
		skalFeile := strings.HasPrefix(d.Name(), "feil-") || strings.HasPrefix(d.Name(), "ikkegyldig")
		if (err != nil) != skalFeile {
			t.Errorf("%s: got %v", path, err)
		}
		return nil
	})
	if err != nil || antall != 11 {
		t.Fatalf("saw %d examples, %v", antall, err)
	}
}

// Every schema file in the package compiles, whether something refers to it or not.
func TestAlleSkjemaer(t *testing.T) {
	t.Parallel()
	c := jsonschema.NewCompiler()
	c.UseLoader(loader{})
	err := fs.WalkDir(skjemafiler, "skjema/json", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		_, err = c.Compile(base + strings.TrimPrefix(path, "skjema/json/"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func les1(t testing.TB, fil string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", fil))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// medHendelse is a digisos-soker with one hendelse.
func medHendelse(h string) string {
	return `{"version":"1.0.0","avsender":{"systemnavn":"S","systemversjon":"1"},"hendelser":[` + h + `]}`
}

// Each type of hendelse: the smallest valid form, and the same without each of
// its required fields.
func TestHendelser(t *testing.T) {
	t.Parallel()
	s := ny(t)
	const ref = `{"referanse":{"type":"dokumentlager","id":"3fa85f64-5717-4562-b3fc-2c963f66afa6"}}`
	const tid = `"2026-01-01T12:00:00.000Z"`
	for typ, felt := range map[string]map[string]string{
		"soknadsStatus":           {"status": `"MOTTATT"`},
		"tildeltNavKontor":        {"navKontor": `"0314"`},
		"saksStatus":              {"referanse": `"SAK1"`},
		"vedtakFattet":            {"vedtaksfil": ref, "saksreferanse": `"SAK1"`},
		"dokumentasjonEtterspurt": {"dokumenter": `[{"dokumenttype":"Strømfaktura","innsendelsesfrist":` + tid + `}]`},
		"forelopigSvar":           {"forvaltningsbrev": ref},
		"utbetaling":              {"utbetalingsreferanse": `"U1"`},
		"vilkar":                  {"vilkarreferanse": `"V1"`},
		"dokumentasjonkrav":       {"dokumentasjonkravreferanse": `"D1"`},
		"rammevedtak":             {"rammevedtaksreferanse": `"R1"`},
	} {
		alle := map[string]json.RawMessage{"type": json.RawMessage(`"` + typ + `"`), "hendelsestidspunkt": json.RawMessage(tid)}
		for k, v := range felt {
			alle[k] = json.RawMessage(v)
		}
		b, _ := json.Marshal(alle)
		if _, err := s.DigisosSoker([]byte(medHendelse(string(b)))); err != nil {
			t.Errorf("%s: %v", typ, err)
		}
		for mangler := range alle {
			rest := map[string]json.RawMessage{}
			for k, v := range alle {
				if k != mangler {
					rest[k] = v
				}
			}
			b, _ := json.Marshal(rest)
			_, err := s.DigisosSoker([]byte(medHendelse(string(b))))
			if !feil.Er(err, feil.Ugyldig) {
				t.Errorf("%s without %s: %v", typ, mangler, err)
			}
		}
	}
}

// Unknown fields are valid everywhere (Digisos contract §0 point 12), and what
// NAV may add later does not block: status of vedlegg is free text.
func TestUkjenteFelt(t *testing.T) {
	t.Parallel()
	s := ny(t)
	if _, err := s.DigisosSoker([]byte(medHendelse(`{"type":"saksStatus","hendelsestidspunkt":"2026-01-01T12:00:00.0Z","referanse":"x","nytt":{"a":[1]}}`))); err != nil {
		t.Error(err)
	}
	b := bytes.Replace(les1(t, "soknad/minimal.json"), []byte(`{`), []byte(`{"heltNytt":[{}],`), 1)
	if _, err := s.Soknad(b); err != nil {
		t.Error(err)
	}
	if _, err := s.Vedlegg([]byte(`{"vedlegg":[{"status":"NoeNytt","type":"ukjent","x":1}],"y":null}`)); err != nil {
		t.Error(err)
	}
}

func TestTidspunkt(t *testing.T) {
	t.Parallel()
	s := ny(t)
	for tid, gyldig := range map[string]bool{
		"2018-10-04T13:37:00.134Z":       true,
		"2018-10-04T13:37:00.1Z":         true,
		"2018-10-04T13:37:00.123456789Z": true,
		"2018-10-04T13:37:00x1Z":         true, // the schema's dot is unescaped
		"2018-10-04T13:37:00Z":           false,
		"2018-10-04T13:37:00.1+01:00":    false,
		"2018-10-04T13:37:00.1Z\n":       false,
	} {
		b, _ := json.Marshal(map[string]string{"type": "soknadsStatus", "status": "MOTTATT", "hendelsestidspunkt": tid})
		_, err := s.DigisosSoker([]byte(medHendelse(string(b))))
		if (err == nil) != gyldig {
			t.Errorf("%q: %v", tid, err)
		}
	}
}

func TestLesteFelt(t *testing.T) {
	t.Parallel()
	s := ny(t)
	got, err := s.Soknad(bytes.Replace(les1(t, "soknad/minimal.json"), []byte(`"kommunenummer": ""`), []byte(`"kommunenummer": "0301"`), 1))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(Soknad{PersonIdentifikator: "12345678901", Kommunenummer: "0301"}, got); d != "" {
		t.Error(d)
	}
	const id1, id2 = "3fa85f64-5717-4562-b3fc-2c963f66afa6", "00000000-0000-4000-8000-000000000002"
	ref := func(id string) string { return `"referanse":{"type":"dokumentlager","id":"` + id + `"}` }
	filer, err := s.DigisosSoker([]byte(medHendelse(
		`{"type":"vedtakFattet","hendelsestidspunkt":"2026-01-01T12:00:00.0Z","saksreferanse":"1","vedtaksfil":{` + ref(id1) + `},"vedlegg":[{"tittel":"a",` + ref(id2) + `},{"tittel":"b",` + ref(id1) + `},{"tittel":"c","referanse":{"type":"svarut","id":"` + id1 + `","nr":1}}]},` +
			`{"type":"forelopigSvar","hendelsestidspunkt":"2026-01-01T12:00:00.0Z","forvaltningsbrev":{` + ref(id2) + `}}`)))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{id1, id2}, filer); d != "" {
		t.Error(d)
	}
	navn, err := s.Vedlegg(les1(t, "vedlegg/gyldig_standard.json"))
	if err != nil || len(navn) != 5 || navn[0] != "lonn1-u95sfdgt.png" {
		t.Errorf("%q, %v", navn, err)
	}
}

// A refusal tells place and rule, is one short line, and repeats nothing of the content.
func TestMeldingUtenInnhold(t *testing.T) {
	t.Parallel()
	s := ny(t)
	const hemmelig = "Kari Hemmelig 01810112345"
	minimal := string(les1(t, "soknad/minimal.json"))
	for navn, p := range map[string]struct {
		err  error
		want string
	}{
		"enum": {f2(s.Soknad([]byte(strings.Replace(minimal, `"kilde": "system"`, `"kilde": "`+hemmelig+`"`, 1)))),
			"soknadJson følger ikke skjemaet: /data/personalia/personIdentifikator/kilde: skal være en av system"},
		"type": {f2(s.Soknad([]byte(strings.Replace(minimal, `"fornavn": ""`, `"fornavn": ["`+hemmelig+`"]`, 1)))),
			"soknadJson følger ikke skjemaet: /data/personalia/navn/fornavn: skal være string, er array"},
		"required": {f2(s.Soknad([]byte(strings.Replace(minimal, `"version"`, `"`+hemmelig+`"`, 1)))),
			"soknadJson følger ikke skjemaet: /: mangler version"},
		"variant": {f2(s.DigisosSoker([]byte(medHendelse(`{"type":"tildeltNavKontor","hendelsestidspunkt":"2026-01-01T12:00:00.0Z","navKontor":"` + hemmelig + `"}`)))),
			"soker følger ikke skjemaet: /hendelser/0/navKontor: har ikke formen ^[0-9][0-9][0-9][0-9]$"},
		"ukjent type": {f2(s.DigisosSoker([]byte(medHendelse(`{"type":"` + hemmelig + `","hendelsestidspunkt":"2026-01-01T12:00:00.0Z"}`)))),
			"soker følger ikke skjemaet: /hendelser/0: passer ikke med noen av de tillatte variantene (og 1 feil til)"},
		"syntaks": {f2(s.Soknad([]byte(`{"a":` + hemmelig))), "soknadJson er ikke gyldig JSON: feil ved tegn 6"},
		"hale":    {f2(s.Soknad([]byte(minimal + hemmelig))), fmt.Sprintf("soknadJson er ikke gyldig JSON: innhold etter dokumentets slutt, ved tegn %d", len(minimal)+1)},
	} {
		if !feil.Er(p.err, feil.Ugyldig) {
			t.Errorf("%s: %v", navn, p.err)
			continue
		}
		if got := p.err.Error(); got != p.want {
			t.Errorf("%s:\n got %s\nwant %s", navn, got, p.want)
		}
	}
}

func f2[T any](_ T, err error) error { return err }

func TestGrenser(t *testing.T) {
	t.Parallel()
	s := ny(t)
	start := time.Now()
	for navn, doc := range map[string]string{
		"dypt":            strings.Repeat("[", 1_000_000),
		"dypt objekt":     strings.Repeat(`{"a":`, 200),
		"stor eksponent":  `{"version":1e999999999}`,
		"liten eksponent": `{"version":1E-999999999}`,
		"langt tall":      `{"version":` + strings.Repeat("9", 1_000_000) + `}`,
		"for stort":       `"` + strings.Repeat("a", MaxBytes) + `"`,
		"ikke UTF-8":      "{\"version\":\"\xe6\"}",
		"tomt":            "",
		"to dokumenter":   "{} {}",
		"åpen streng":     `{"a":"\`,
	} {
		if _, err := s.Soknad([]byte(doc)); !feil.Er(err, feil.Ugyldig) || len(err.Error()) > 200 {
			t.Errorf("%s: %v", navn, err)
		}
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("refusing took %v", d)
	}
	// Big but honest numbers and equal keys are no reason to refuse.
	if _, err := s.Vedlegg([]byte(`{"x":123456789012345678901234567890.5e10,"vedlegg":"feil","vedlegg":[]}`)); err != nil {
		t.Error(err)
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	const id = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
	b, err := Metadata{EksternRef: "110004PCC", DigisosID: id}.Soknad()
	if err != nil || string(b) != `{"eksternRef":"110004PCC","digisosId":"`+id+`"}` {
		t.Errorf("%s %v", b, err)
	}
	b, err = Metadata{EksternRef: "110003EFF", DigisosID: id, SoknadLeveranseID: &LeveranseID{"FIKS_IO", id}}.Ettersendelse()
	if err != nil || string(b) != `{"eksternRef":"110003EFF","digisosId":"`+id+`","soknadLeveranseId":{"sendtKanal":"FIKS_IO","id":"`+id+`"}}` {
		t.Errorf("%s %v", b, err)
	}
	for _, m := range []Metadata{
		{DigisosID: id, SoknadLeveranseID: &LeveranseID{"FIKS_IO", id}},
		{EksternRef: "x", DigisosID: strings.ToUpper(id), SoknadLeveranseID: &LeveranseID{"FIKS_IO", id}},
		{EksternRef: "x", DigisosID: id},
		{EksternRef: "x", DigisosID: id, SoknadLeveranseID: &LeveranseID{"EPOST", id}},
		{EksternRef: "x", DigisosID: id, SoknadLeveranseID: &LeveranseID{"SVARUT", ""}},
	} {
		if _, err := m.Ettersendelse(); err == nil {
			t.Errorf("%+v was accepted", m)
		}
	}
	if _, err := (Metadata{EksternRef: "x", DigisosID: "nei"}).Soknad(); err == nil {
		t.Error("bad digisosId was accepted")
	}
}

// stor is a valid søknad of about 30 kB.
func stor(t testing.TB) []byte {
	var utgifter []string
	for i := range 150 {
		utgifter = append(utgifter, fmt.Sprintf(`{"kilde":"bruker","type":"annen","tittel":"Utgift nummer %d, forklart med egne ord av den som søker, med noen ord til","belop":%d,"overstyrtAvBruker":false}`, i, i*100))
	}
	b := bytes.Replace(les1(t, "soknad/minimal.json"), []byte(`"utgift": []`), []byte(`"utgift": [`+strings.Join(utgifter, ",\n")+`]`), 1)
	if len(b) < 25_000 || len(b) > 35_000 {
		t.Fatalf("%d bytes", len(b))
	}
	return b
}

func BenchmarkSoknad30kB(b *testing.B) {
	s, doc := ny(b), stor(b)
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		if _, err := s.Soknad(doc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNy(b *testing.B) {
	for b.Loop() {
		ny(b)
	}
}

func FuzzSjekk(f *testing.F) {
	s := ny(f)
	err := filepath.WalkDir("testdata", func(path string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".json" {
			b, _ := os.ReadFile(path)
			f.Add(b)
		}
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"a":1e99999}`))
	f.Add([]byte(`{"a":"\`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, fn := range []func([]byte) error{
			func(b []byte) error { return f2(s.Soknad(b)) },
			func(b []byte) error { return f2(s.Vedlegg(b)) },
			func(b []byte) error { return f2(s.DigisosSoker(b)) },
			func(b []byte) error { return f2(s.Klage(b)) },
			func(b []byte) error { _, _, err := s.VedleggTilKlage(b, "k"); return err },
		} {
			switch err := fn(b); {
			case err == nil && !json.Valid(b):
				t.Error("accepted what is not JSON")
			case err != nil && !feil.Er(err, feil.Ugyldig):
				t.Errorf("not a refusal: %v", err)
			}
		}
	})
}
