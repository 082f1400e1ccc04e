// Package filformat checks the JSON documents of Digisos against NAV's schemas
// (soknadsosialhjelp-filformat, MIT, embedded beside its licence), reads the
// few fields that the platform itself needs, and checks the metadata that goes
// out over Fiks IO.
//
// A refusal names the place (a JSON pointer) and the rule, never the value that
// was found there: it may be personal data. Documents are never rewritten;
// callers keep the bytes that they got. Unknown fields are valid.
package filformat

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"knutepunkt/internal/feil"
)

// MaxBytes is the largest document that is looked at, MaxDybde its deepest
// nesting, MaxTall the longest number and MaxEksponent the largest exponent.
const (
	MaxBytes     = 10 << 20
	MaxDybde     = 100
	MaxTall      = 100
	MaxEksponent = 100
)

// Skjemaer holds the compiled schemas. It is safe for concurrent use.
type Skjemaer struct {
	soknad, vedlegg, soker, klage *jsonschema.Schema
}

//go:embed skjema/json
var skjemafiler embed.FS

// base is the made-up address under which the embedded files are resolved.
const base = "skjema:///"

type loader struct{}

// Load reads an embedded schema file; nothing is ever fetched.
func (loader) Load(url string) (any, error) {
	path, ok := strings.CutPrefix(url, base)
	if !ok {
		return nil, fmt.Errorf("skjema utenfor pakken: %s", url)
	}
	b, err := fs.ReadFile(skjemafiler, "skjema/json/"+path)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(b))
}

// Ny compiles the schemas (some milliseconds).
func Ny() (*Skjemaer, error) {
	c := jsonschema.NewCompiler()
	c.UseLoader(loader{})
	c.DefaultDraft(jsonschema.Draft6)
	var s Skjemaer
	for _, e := range []struct {
		til *(*jsonschema.Schema)
		fil string
	}{
		{&s.soknad, "soknad/soknad.json"},
		{&s.vedlegg, "vedlegg/vedleggSpesifikasjon.json"},
		{&s.soker, "digisos/soker/digisos-soker.json"},
		{&s.klage, "klage/klage.json"},
	} {
		sk, err := c.Compile(base + e.fil)
		if err != nil {
			return nil, fmt.Errorf("compiling %s: %w", e.fil, err)
		}
		*e.til = sk
	}
	return &s, nil
}

// sjekk parses and validates; navn names the document in the message.
func sjekk(sk *jsonschema.Schema, navn string, b []byte) (map[string]any, error) {
	v, err := les(b)
	if err != nil {
		return nil, feil.Ny(feil.Ugyldig, "%s er ikke gyldig JSON: %s", navn, err.Error())
	}
	if err := sk.Validate(v); err != nil {
		var ve *jsonschema.ValidationError
		if !errors.As(err, &ve) {
			return nil, fmt.Errorf("validating %s: %w", navn, err)
		}
		return nil, feil.Ny(feil.Ugyldig, "%s følger ikke skjemaet: %s", navn, forklar(ve))
	}
	m, _ := v.(map[string]any)
	return m, nil
}

// Soknad is what the platform itself reads of a soknad.json.
type Soknad struct {
	PersonIdentifikator string // data.personalia.personIdentifikator.verdi
	Kommunenummer       string // mottaker.kommunenummer; "" when absent
	Enhetsnummer        string // mottaker.enhetsnummer; "" when absent
}

// Soknad checks a soknad.json. feil.Ugyldig names the first fault.
func (s *Skjemaer) Soknad(b []byte) (Soknad, error) {
	m, err := sjekk(s.soknad, "soknadJson", b)
	if err != nil {
		return Soknad{}, err
	}
	return Soknad{
		PersonIdentifikator: tekst(m, "data", "personalia", "personIdentifikator", "verdi"),
		Kommunenummer:       tekst(m, "mottaker", "kommunenummer"),
		Enhetsnummer:        tekst(m, "mottaker", "enhetsnummer"),
	}, nil
}

// Vedlegg checks a vedlegg.json (vedleggSpesifikasjon) and gives the file names
// that it refers to, in order. feil.Ugyldig names the first fault.
func (s *Skjemaer) Vedlegg(b []byte) (filnavn []string, err error) {
	m, err := sjekk(s.vedlegg, "vedleggJson", b)
	if err != nil {
		return nil, err
	}
	for _, v := range liste(m["vedlegg"]) {
		filnavn = append(filnavn, filnavnI(v)...)
	}
	return filnavn, nil
}

// VedleggTilKlage is Vedlegg for the entries with that klageId; finnes tells
// whether there is one.
func (s *Skjemaer) VedleggTilKlage(b []byte, klageID string) (filnavn []string, finnes bool, err error) {
	m, err := sjekk(s.vedlegg, "vedlegg.json", b)
	if err != nil {
		return nil, false, err
	}
	for _, v := range liste(m["vedlegg"]) {
		if strings.EqualFold(tekst(v, "klageId"), klageID) {
			filnavn, finnes = append(filnavn, filnavnI(v)...), true
		}
	}
	return filnavn, finnes, nil
}

// filnavnI are the file names of one entry.
func filnavnI(vedlegg any) (ut []string) {
	vm, _ := vedlegg.(map[string]any)
	for _, f := range liste(vm["filer"]) {
		fm, _ := f.(map[string]any)
		if n, ok := fm["filnavn"].(string); ok {
			ut = append(ut, n)
		}
	}
	return ut
}

// DigisosSoker checks a digisos-soker.json and gives the ids of the
// dokumentlager files that its hendelser refer to, each once, in order.
// feil.Ugyldig names the first fault.
func (s *Skjemaer) DigisosSoker(b []byte) (filer []string, err error) {
	m, err := sjekk(s.soker, "soker", b)
	if err != nil {
		return nil, err
	}
	sett := map[string]bool{}
	legg := func(med any) {
		mm, _ := med.(map[string]any)
		ref, _ := mm["referanse"].(map[string]any)
		if ref["type"] != "dokumentlager" {
			return
		}
		if id, _ := ref["id"].(string); id != "" && !sett[id] {
			sett[id] = true
			filer = append(filer, id)
		}
	}
	for _, h := range liste(m["hendelser"]) {
		hm, _ := h.(map[string]any)
		legg(hm["vedtaksfil"])
		legg(hm["forvaltningsbrev"])
		for _, v := range liste(hm["vedlegg"]) {
			legg(v)
		}
	}
	return filer, nil
}

// Klage is what the platform itself reads of a klage.json.
type Klage struct {
	KlageID, VedtakID, DigisosID string
	PersonIdentifikator          string // personIdentifikator.verdi
}

// Klage checks a klage.json. feil.Ugyldig names the first fault.
func (s *Skjemaer) Klage(b []byte) (Klage, error) {
	m, err := sjekk(s.klage, "klage.json", b)
	if err != nil {
		return Klage{}, err
	}
	return Klage{
		KlageID: tekst(m, "klageId"), VedtakID: tekst(m, "vedtakId"), DigisosID: tekst(m, "digisosId"),
		PersonIdentifikator: tekst(m, "personIdentifikator", "verdi"),
	}, nil
}

func liste(v any) []any { l, _ := v.([]any); return l }

// tekst follows names down objects; "" when one is missing or not a text.
func tekst(v any, navn ...string) string {
	for _, n := range navn {
		m, _ := v.(map[string]any)
		v = m[n]
	}
	s, _ := v.(string)
	return s
}

// les checks the limits and parses. Numbers stay as written; of equal keys the last counts.
func les(b []byte) (any, error) {
	if err := grenser(b); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		var se *json.SyntaxError
		if errors.As(err, &se) {
			return nil, fmt.Errorf("feil ved tegn %d", se.Offset)
		}
		return nil, errors.New("dokumentet slutter for tidlig")
	}
	if rest := bytes.TrimLeft(b[dec.InputOffset():], " \t\r\n"); len(rest) > 0 {
		return nil, fmt.Errorf("innhold etter dokumentets slutt, ved tegn %d", len(b)-len(rest)+1)
	}
	return v, nil
}
