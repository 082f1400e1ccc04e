// The program bmskjema compares the schemas of Bekymringsmelding with those that the
// national platform publishes, which carry no licence and are not in the repository:
// both judge the published examples and thousands of mutations of them. It lists
// where they disagree, and exits with 1 if they do in another way than is known:
//
//	go run ./scripts/bmskjema -originaler DIR
//
// DIR has domain/ and examples/; without the flag it is KNUTEPUNKT_BM_ORIGINALER.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"knutepunkt/internal/bekymringsmelding/skjema"
)

func main() {
	log.SetFlags(0)
	dir := flag.String("originaler", os.Getenv("KNUTEPUNKT_BM_ORIGINALER"), "the folder with domain/ and examples/")
	flag.Parse()
	if *dir == "" {
		log.Fatal("bmskjema: -originaler is missing")
	}
	if err := sammenlign(os.Stdout, *dir, 10_000); err != nil {
		log.Fatal("bmskjema: ", err)
	}
}

// dokument is a kind of document: the original's file, an example, and our judge.
type dokument struct {
	navn, fil, eksempel string
	valider             func([]byte) error
}

func dokumenter() []dokument {
	vaar := func(v skjema.Versjon, t skjema.Type) func([]byte) error {
		return func(b []byte) error { return skjema.ValiderDokument(v, t, b) }
	}
	return []dokument{
		{"privat v1", "privat.bekymringsmelding.v1.json", "privatBekymringsmeldingV1.json", vaar(skjema.V1, skjema.TypePrivat)},
		{"privat v2", "v2/privat.bekymringsmelding.v2.json", "privatBekymringsmeldingV1.json", vaar(skjema.V2, skjema.TypePrivat)},
		{"offentlig v1", "offentlig.bekymringsmelding.v1.json", "offentligBekymringsmeldingV1.json", vaar(skjema.V1, skjema.TypeOffentlig)},
		{"offentlig v2", "v2/offentlig.bekymringsmelding.v2.json", "offentligBekymringsmeldingV1.json", vaar(skjema.V2, skjema.TypeOffentlig)},
		{"feilmelding", "feilmelding.json", "feilmelding.json", skjema.ValiderFeilmelding},
	}
}

var errUenige = errors.New("the schemas disagree")

// sammenlign tells w how many documents of each kind were judged: those that differ from
// the example in one place, and so many that differ in several. errUenige.
func sammenlign(w io.Writer, dir string, flere int) error {
	var uenige int
	for _, d := range dokumenter() {
		original, err := lesOriginal(dir, d.fil)
		if err != nil {
			return fmt.Errorf("%s: %w", d.fil, err)
		}
		b, err := os.ReadFile(filepath.Join(dir, "examples", d.eksempel)) //nolint:gosec // the caller's folder
		if err != nil {
			return err
		}
		var rot any
		if err := json.Unmarshal(b, &rot); err != nil {
			return fmt.Errorf("%s: %w", d.eksempel, err)
		}
		var provd, gyldige, kjent int
		for m := range muter(rot, flere) {
			b, err := json.Marshal(m.dokument)
			if err != nil {
				return err
			}
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
			if err != nil {
				return err
			}
			provd++
			deres, vaar := original.Validate(v) == nil, d.valider(b) == nil
			switch {
			case deres == vaar && deres:
				gyldige++
			case deres && !vaar && utenBarn(m.dokument):
				kjent++
			case deres != vaar:
				uenige++
				fmt.Fprintf(w, "%s: %s: theirs %t, ours %t\n", d.navn, m.hva, deres, vaar)
			}
		}
		fmt.Fprintf(w, "%s: %d documents, %d of them valid, %d refused by us alone as intended\n", d.navn, provd, gyldige, kjent)
		if gyldige == 0 || gyldige == provd {
			return fmt.Errorf("%s: all documents are judged alike: that tells nothing", d.navn)
		}
	}
	if uenige > 0 {
		return fmt.Errorf("%w about %d documents", errUenige, uenige)
	}
	return nil
}

// utenBarn is the one difference that is meant: theirs counts letters where there are
// children, and so takes a private report without any (contract §11, trap 2).
func utenBarn(v any) bool {
	m, _ := v.(map[string]any)
	barn, ok := m["privatBarn"].([]any)
	return ok && len(barn) == 0
}

// lesOriginal compiles a published schema. Its references to the address lead to an
// address that the address's own schema does not have (contract §11, trap 1).
func lesOriginal(dir, fil string) (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.UseRegexpEngine(ecma)
	les := func(navn string) (any, error) {
		b, err := os.ReadFile(filepath.Join(dir, "domain", navn)) //nolint:gosec // the caller's folder
		if err != nil {
			return nil, err
		}
		return jsonschema.UnmarshalJSON(bytes.NewReader(b))
	}
	adresse, err := les("adresse.json")
	if err != nil {
		return nil, err
	}
	for _, url := range []string{"https://fiks.ks.no/adresse.json", "https://fiks.ks.no/bekymringsmelding.adresse.json"} {
		if err := c.AddResource(url, adresse); err != nil {
			return nil, err
		}
	}
	d, err := les(fil)
	if err != nil {
		return nil, err
	}
	url := "https://fiks.ks.no/" + filepath.Base(fil)
	if m, ok := d.(map[string]any); ok {
		if id, ok := m["$id"].(string); ok {
			url = id
		}
	}
	if err := c.AddResource(url, d); err != nil {
		return nil, err
	}
	return c.Compile(url)
}

// ecma compiles a pattern as JSON Schema means it: a dot does not stand for any of the
// four line ends. Go's does for all but \n.
func ecma(monster string) (jsonschema.Regexp, error) {
	re, err := regexp.Compile(strings.ReplaceAll(monster, "(.*)", `([^\n\r\x{2028}\x{2029}]*)`))
	if err != nil {
		return nil, err
	}
	return re, nil
}
