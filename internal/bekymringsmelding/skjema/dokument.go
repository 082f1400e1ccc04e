package skjema

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"knutepunkt/internal/klokke"
)

// The schemas are written from the field tables of the contract (§11). They judge as the
// published ones do when those are read as JSON Schema means them, where a dot stands for
// none of the four line ends, but for one thing: a private report must have a child
// (trap 2). scripts/bmskjema compares them.
//
//go:embed dokumenter/*.json
var dokumenter embed.FS

var skjemaer = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	ut := map[string]*jsonschema.Schema{}
	for _, navn := range []string{"privat", "offentlig.v1", "offentlig.v2", "feilmelding"} {
		b, err := dokumenter.ReadFile("dokumenter/" + navn + ".json")
		if err != nil {
			return nil, fmt.Errorf("skjema: %w", err)
		}
		d, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			return nil, fmt.Errorf("skjema: %s: %w", navn, err)
		}
		if err := c.AddResource(navn, d); err != nil {
			return nil, fmt.Errorf("skjema: %s: %w", navn, err)
		}
		if ut[navn], err = c.Compile(navn); err != nil {
			return nil, fmt.Errorf("skjema: %s: %w", navn, err)
		}
	}
	return ut, nil
})

// ValiderDokument tells whether a document keeps the schema of its version and type:
// *Ugyldig names the members that do not. The caller bounds its size.
func ValiderDokument(v Versjon, t Type, dokument []byte) error {
	switch {
	case v != V1 && v != V2:
	case t == TypePrivat: // the same in both versions
		return valider("privat", dokument)
	case t == TypeOffentlig:
		return valider("offentlig."+strings.ToLower(string(v)), dokument)
	}
	return fmt.Errorf("skjema: there is no document %q of version %q", t, v)
}

// ValiderFeilmelding tells whether a receiver's feilmelding.json keeps its schema (§11.3):
// *Ugyldig.
func ValiderFeilmelding(dokument []byte) error { return valider("feilmelding", dokument) }

func valider(navn string, dokument []byte) error {
	alle, err := skjemaer()
	if err != nil {
		return err
	}
	d, err := jsonschema.UnmarshalJSON(bytes.NewReader(dokument))
	if err != nil {
		return ugyldig("", RegelJSON)
	}
	err = alle[navn].Validate(d)
	if brudd, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		u := &Ugyldig{}
		u.samle(brudd)
		slices.SortFunc(u.Feil, func(a, b Feltfeil) int { return strings.Compare(a.Felt, b.Felt) })
		return u
	}
	return err
}

// samle gathers the members that break the schema, each once.
func (u *Ugyldig) samle(v *jsonschema.ValidationError) {
	if len(v.Causes) == 0 {
		u.brudd(v.InstanceLocation, v.ErrorKind)
	}
	for _, c := range v.Causes {
		u.samle(c)
	}
}

func (u *Ugyldig) brudd(sti []string, k jsonschema.ErrorKind) {
	felt := strings.Join(sti, ".")
	legg := func(felt string, r Regel, grense int) {
		if !slices.ContainsFunc(u.Feil, func(f Feltfeil) bool { return f.Felt == felt }) {
			u.legg(felt, r, grense)
		}
	}
	switch k := k.(type) {
	case *kind.Required:
		for _, m := range k.Missing {
			legg(strings.TrimPrefix(felt+"."+m, "."), RegelKrevd, 0)
		}
	case *kind.Type:
		legg(felt, RegelType, 0)
	case *kind.MinItems:
		legg(felt, RegelFaerre, k.Want)
	case *kind.MaxItems:
		legg(felt, RegelFlere, k.Want)
	default:
		legg(felt, RegelForm, 0)
	}
}

// tidsform is Norwegian local time without zone, to the second (§11, trap 6).
const tidsform = "2006-01-02T15:04:05"

// Tidspunkt is a time as sendingstidspunkt has it.
func Tidspunkt(t time.Time) string { return klokke.Oslo(t).Format(tidsform) }

// Dokument is the document as JSON, which keeps its schema: *Ugyldig when it would not,
// and then there is no document.
func (p Privat) Dokument(v Versjon) ([]byte, error) {
	return dokument(v, TypePrivat, p, p.Sendingstidspunkt)
}

// Dokument is the document as JSON, which keeps the schema of its version: *Ugyldig when
// it would not, and then there is no document. What V1 has no member for is added to the
// concern.
func (o Offentlig) Dokument(v Versjon) ([]byte, error) {
	if v == V1 && o.Melding.AndreSynspunkter != "" {
		o.Melding.Melding += "\n\n" + ledetekst("melding.andreSynspunkter").NB + ":\n" + o.Melding.AndreSynspunkter
		o.Melding.AndreSynspunkter = ""
	}
	return dokument(v, TypeOffentlig, o, o.Sendingstidspunkt)
}

func dokument(v Versjon, t Type, d any, tidspunkt string) ([]byte, error) {
	var ut bytes.Buffer
	e := json.NewEncoder(&ut)
	e.SetEscapeHTML(false)
	if err := e.Encode(d); err != nil {
		return nil, fmt.Errorf("skjema: writing a document: %w", err)
	}
	b := bytes.TrimSpace(ut.Bytes())
	if err := ValiderDokument(v, t, b); err != nil {
		return nil, err
	}
	// The schema has no form for it, and receivers read nothing else.
	if _, err := time.Parse(tidsform, tidspunkt); err != nil || len(tidspunkt) != len(tidsform) {
		return nil, ugyldig("sendingstidspunkt", RegelTidspunkt)
	}
	return b, nil
}
