package httpx

import (
	"slices"
	"strings"
	"testing"

	"knutepunkt/internal/feil"
)

func TestLesIder(t *testing.T) {
	t.Parallel()
	mange := strings.Repeat("a\n", MaksIder)
	for _, c := range []struct {
		typ, kropp string
		antall     int
		feil       feil.Kode
	}{
		{"application/json", `["a","b"]`, 2, 0},
		{"application/json; charset=utf-8", "\ufeff {\"ider\":[\"a\",\"b\"]}", 2, 0},
		{"", ` ["a","b"]`, 2, 0},
		{"text/plain; charset=utf-8", "\ufeffa\r\n\r\n \"b\";\r\n", 2, 0},
		{"text/csv", "a,\nb,", 2, 0},
		{"text/plain", mange, MaksIder, 0},
		{"text/plain", mange + "b", 0, feil.ForStor},
		{"text/plain", "\n \n", 0, feil.Ugyldig},
		{"text/plain", strings.Repeat("a", 1<<17), 0, feil.Ugyldig}, // one line without end
		{"application/json", `[]`, 0, feil.Ugyldig},
		{"application/json", `{`, 0, feil.Ugyldig},
		{"application/json", `[1]`, 0, feil.Ugyldig},
		{"application/json", "", 0, feil.Ugyldig},
	} {
		ider, err := LesIder(c.typ, []byte(c.kropp))
		if c.feil != 0 && !feil.Er(err, c.feil) || c.feil == 0 && err != nil || len(ider) != c.antall {
			t.Errorf("%s %.30q: %d ids, %v", c.typ, c.kropp, len(ider), err)
		}
		if c.antall == 2 && !slices.Equal(ider, []string{"a", "b"}) {
			t.Errorf("%s %q: %q", c.typ, c.kropp, ider)
		}
	}
}

func FuzzLesIder(f *testing.F) {
	for _, s := range []string{"", "[]", `["a"]`, `{"ider":["a"]}`, "a\nb\r\n\n", "\ufeffa"} {
		f.Add("text/plain", []byte(s))
		f.Add("application/json", []byte(s))
	}
	f.Fuzz(func(t *testing.T, ct string, b []byte) {
		ider, err := LesIder(ct, b)
		if err == nil && (len(ider) == 0 || len(ider) > MaksIder) {
			t.Errorf("%d ids", len(ider))
		}
	})
}
