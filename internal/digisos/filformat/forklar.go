package filformat

import (
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// brudd is one broken rule. Both texts are made of the schema's own words and
// of positions, so nothing of the document's content is in them.
type brudd struct {
	peker string // JSON pointer
	regel string
}

// forklar turns a validation error into one line: the first fault by place, and
// how many there are. The same document gives the same line.
func forklar(ve *jsonschema.ValidationError) string {
	alle := samle(ve)
	slices.SortFunc(alle, func(a, b brudd) int {
		if c := strings.Compare(a.peker, b.peker); c != 0 {
			return c
		}
		return strings.Compare(a.regel, b.regel)
	})
	alle = slices.Compact(alle)
	if len(alle) == 0 {
		return "ukjent feil"
	}
	s := alle[0].peker + ": " + alle[0].regel
	if n := len(alle) - 1; n > 0 {
		s += fmt.Sprintf(" (og %d feil til)", n)
	}
	return s
}

// samle gives the leaves. Of a oneOf it follows only the variant that the
// document has chosen by its "type", so that the fault is named and not ten others.
func samle(ve *jsonschema.ValidationError) []brudd {
	if k, ok := ve.ErrorKind.(*kind.OneOf); ok && len(k.Subschemas) == 0 {
		var ut []brudd
		for _, c := range ve.Causes {
			if b := samle(c); !feilType(b, peker(ve)+"/type") {
				ut = append(ut, b...)
			}
		}
		if len(ut) > 0 {
			return ut
		}
		return []brudd{{peker(ve), "passer ikke med noen av de tillatte variantene"}}
	}
	if len(ve.Causes) == 0 {
		return []brudd{{peker(ve), regel(ve.ErrorKind)}}
	}
	var ut []brudd
	for _, c := range ve.Causes {
		ut = append(ut, samle(c)...)
	}
	return ut
}

// feilType tells whether one of the faults is the choice of variant itself.
func feilType(alle []brudd, typePeker string) bool {
	return slices.ContainsFunc(alle, func(b brudd) bool { return b.peker == typePeker })
}

func peker(ve *jsonschema.ValidationError) string {
	var s strings.Builder
	for _, t := range ve.InstanceLocation {
		s.WriteByte('/')
		s.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(t))
	}
	if s.Len() == 0 {
		return "/"
	}
	return s.String()
}

func regel(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		return fmt.Sprintf("skal være %s, er %s", strings.Join(k.Want, " eller "), k.Got)
	case *kind.Required:
		return "mangler " + strings.Join(k.Missing, ", ")
	case *kind.Dependency:
		return "mangler " + strings.Join(k.Missing, ", ")
	case *kind.Enum:
		lov := make([]string, len(k.Want))
		for i, w := range k.Want {
			lov[i] = fmt.Sprint(w)
		}
		return "skal være en av " + strings.Join(lov, ", ")
	case *kind.Pattern:
		return "har ikke formen " + k.Want
	case *kind.MinItems:
		return fmt.Sprintf("skal ha minst %d element", k.Want)
	default:
		return "bryter regelen " + strings.Join(k.KeywordPath(), "/")
	}
}
