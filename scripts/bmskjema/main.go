// The program bmskjema compares the schemas of Bekymringsmelding with those that the
// national platform publishes, which carry no licence and are not in the repository:
// both judge the published examples and thousands of mutations of them. It lists
// where they disagree, and exits with 1 if they do in another way than is known:
//
//	go run ./scripts/bmskjema -originaler DIR
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"knutepunkt/internal/bekymringsmelding/skjema"
)

func main() {
	log.SetFlags(0)
	dir := flag.String("originaler", "", "the folder with domain/ and examples/")
	flag.Parse()
	if *dir == "" {
		log.Fatal("bmskjema: -originaler is missing")
	}
	ok, err := sammenlign(*dir)
	if err != nil {
		log.Fatal("bmskjema: ", err)
	}
	if !ok {
		log.Fatal("bmskjema: the schemas disagree")
	}
}

// dokument is a kind of document, with the original's file and an example.
type dokument struct {
	fil, eksempel string
	versjon       skjema.Versjon
	typ           skjema.Type
}

var dokumenter = []dokument{
	{"privat.bekymringsmelding.v1.json", "privatBekymringsmeldingV1.json", skjema.V1, skjema.TypePrivat},
	{"v2/privat.bekymringsmelding.v2.json", "privatBekymringsmeldingV1.json", skjema.V2, skjema.TypePrivat},
	{"offentlig.bekymringsmelding.v1.json", "offentligBekymringsmeldingV1.json", skjema.V1, skjema.TypeOffentlig},
	{"v2/offentlig.bekymringsmelding.v2.json", "offentligBekymringsmeldingV1.json", skjema.V2, skjema.TypeOffentlig},
}

func sammenlign(dir string) (bool, error) {
	alt := true
	for _, d := range dokumenter {
		original, err := lesOriginal(dir, d.fil)
		if err != nil {
			return false, err
		}
		b, err := os.ReadFile(filepath.Join(dir, "examples", d.eksempel))
		if err != nil {
			return false, err
		}
		var rot any
		if err := json.Unmarshal(b, &rot); err != nil {
			return false, fmt.Errorf("%s: %w", d.eksempel, err)
		}
		var provd, gyldige, kjent int
		for hva, m := range muter(rot) {
			b, err := json.Marshal(m)
			if err != nil {
				return false, err
			}
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
			if err != nil {
				return false, err
			}
			provd++
			deres, vaar := original.Validate(v) == nil, skjema.ValiderDokument(d.versjon, d.typ, b) == nil
			switch {
			case deres && vaar:
				gyldige++
			case deres && !vaar && (hva == "privatBarn: an empty list" || strings.HasSuffix(hva, ": a line separator")):
				// Theirs counts letters where there are children. And a dot of theirs, as
				// ECMA reads it, does not stand for a line separator, but in Go it does.
				kjent++
			case deres != vaar:
				alt = false
				fmt.Printf("%s %s: %s: theirs %t, ours %t\n", d.typ, d.versjon, hva, deres, vaar)
			}
		}
		fmt.Printf("%s %s: %d documents, %d of them valid, %d judged otherwise as intended\n", d.typ, d.versjon, provd, gyldige, kjent)
	}
	return alt, nil
}

// lesOriginal compiles a published schema. Its references to the address lead to an
// address that the address's own schema does not have (contract §11, trap 1).
func lesOriginal(dir, fil string) (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	les := func(navn string) (any, error) {
		b, err := os.ReadFile(filepath.Join(dir, "domain", navn))
		if err != nil {
			return nil, err
		}
		return jsonschema.UnmarshalJSON(bytes.NewReader(b))
	}
	adresse, err := les("adresse.json")
	if err != nil {
		return nil, err
	}
	d, err := les(fil)
	if err != nil {
		return nil, err
	}
	id, _ := d.(map[string]any)["$id"].(string)
	for _, url := range []string{"https://fiks.ks.no/adresse.json", "https://fiks.ks.no/bekymringsmelding.adresse.json"} {
		if err := c.AddResource(url, adresse); err != nil {
			return nil, err
		}
	}
	if err := c.AddResource(id, d); err != nil {
		return nil, err
	}
	return c.Compile(id)
}

// verdier are put in the place of every value.
var verdier = map[string]any{
	"null": nil, "a number": 7, "true": true, "false": false, "an empty text": "", "a text": "tekst", "a line break": "en\nto", "a line break of Windows": "en\r\nto",
	"a line separator": "en\u2028to", "a plus": "a+b@c.no", "an address": "a.b@c-d.no", "without domain": "a@b", "digits": "12345678", "four digits": "4601", "two digits": "02", "five digits": "46011",
	"a telephone": "+47 12-34 56", "a bad telephone": "12  34", "æøå": "æøå@æøå.no", "an empty list": []any{}, "an empty object": map[string]any{}, "a long text": strings.Repeat("lang ", 5000),
}

// muter gives the document itself and every document that differs from it in one
// place: a member left out, added, or of another value; a list twice as long or empty.
func muter(rot any) map[string]any {
	ut := map[string]any{"as it is": rot}
	gaa(rot, nil, func(sti []string, v any) {
		hvor := strings.Join(sti, ".")
		for hva, ny := range verdier {
			ut[hvor+": "+hva] = sett(rot, sti, ny, false)
		}
		ut[hvor+": left out"] = sett(rot, sti, nil, true)
		switch v := v.(type) {
		case map[string]any:
			stor := maps.Clone(v)
			stor["tillegg"] = "x"
			ut[hvor+": a member more"] = sett(rot, sti, stor, false)
		case []any:
			ut[hvor+": three times"] = sett(rot, sti, slices.Concat(v, v, v), false)
		}
	})
	return ut
}

// gaa visits every value below the root.
func gaa(v any, sti []string, fn func(sti []string, v any)) {
	if len(sti) > 0 {
		fn(slices.Clone(sti), v)
	}
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			gaa(x, append(sti, k), fn)
		}
	case []any:
		for i, x := range v {
			gaa(x, append(sti, fmt.Sprint(i)), fn)
		}
	}
}

// sett is a copy of v with another value at sti, or without it.
func sett(v any, sti []string, ny any, bort bool) any {
	if len(sti) == 0 {
		return ny
	}
	switch v := v.(type) {
	case map[string]any:
		ut := maps.Clone(v)
		if len(sti) == 1 && bort {
			delete(ut, sti[0])
			return ut
		}
		ut[sti[0]] = sett(v[sti[0]], sti[1:], ny, bort)
		return ut
	case []any:
		ut := slices.Clone(v)
		for i := range ut {
			if fmt.Sprint(i) == sti[0] {
				if len(sti) == 1 && bort {
					return slices.Delete(ut, i, i+1)
				}
				ut[i] = sett(v[i], sti[1:], ny, bort)
			}
		}
		return ut
	}
	return v
}
