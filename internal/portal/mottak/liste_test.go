package mottak

import (
	"slices"
	"strings"
	"testing"
)

func TestLesListe(t *testing.T) {
	t.Parallel()
	for inn, want := range map[string][]string{
		"a":                   {"a"},
		"\ufeffa\r\nb\r\n":    {"a", "b"},
		` "a";"b", c` + "\td": {"a", "b", "c", "d"},
		`["a", "b"]`:          {"a", "b"},
		`{"ider": ["a"]}`:     {"a"},
		" \n[\"a\"]\n":        {"a"},
	} {
		if got, err := lesListe(inn); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", inn, got, err)
		}
	}
	for _, inn := range []string{"", " ", ",", "[]", "{}", "[", `[1]`, strings.Repeat("a ", 1001)} {
		if got, err := lesListe(inn); err == nil {
			t.Errorf("%q: %q", inn[:min(len(inn), 20)], got)
		}
	}
}

// Whatever is pasted, there are some ids and not too many, or it is refused.
func FuzzLesListe(f *testing.F) {
	for _, s := range []string{"", "a", "\ufeffa;b\r\n", `["a"]`, `{"ider":["a"]}`, "[", "{"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ider, err := lesListe(s)
		if err == nil && (len(ider) == 0 || len(ider) > 1000) {
			t.Errorf("%d ids", len(ider))
		}
	})
}
