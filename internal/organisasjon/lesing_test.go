package organisasjon

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Whatever comes as If-Match: no version, one that exists, or one that never does.
func FuzzFraVersjon(f *testing.F) {
	for _, s := range []string{"", "*", `"1"`, `W/"1"`, `"1", "2"`, `"01"`, `"-1"`, `"99999999999999999999"`, `1`, `"`, ` "7" `, `""`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v := fraVersjon(&http.Request{Header: http.Header{"If-Match": {s}}})
		switch trim := strings.TrimSpace(s); {
		case v == 0 && trim != "" && trim != "*":
			t.Errorf("%q is taken for no condition", s)
		case v > 0 && trim != `"`+strconv.FormatInt(v, 10)+`"`:
			t.Errorf("%q is taken for version %d", s, v)
		case v < -1:
			t.Errorf("%q: %d", s, v)
		}
	})
}

func FuzzLesOverlapp(f *testing.F) {
	for _, s := range []string{"", "0", "24", "168", "169", "-1", "1e3", "9223372036854775807", "+5", " 5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := lesOverlapp(s)
		if err == nil && (d < 0 || d > 7*24*time.Hour || s == "" && d != 0) {
			t.Errorf("%q: %v", s, d)
		}
		if err != nil && d != 0 {
			t.Errorf("%q: %v with %v", s, d, err)
		}
	})
}

// Queries in any form give a bounded list of trimmed words, each once.
func FuzzVerdier(f *testing.F) {
	for _, s := range []string{"", "v=a", "v=a&v=b&v=a", "v=%20a%20&v=", strings.Repeat("v=x&v=y&", 200), "v=%ZZ", "v;a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := http.NewRequest("GET", "http://x/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.URL.RawQuery = s
		vs, err := verdier(r, "v")
		if len(vs) > maksListe || err != nil && vs != nil {
			t.Errorf("%q: %d, %v", s, len(vs), err)
		}
		sett := map[string]bool{}
		for _, v := range vs {
			if v == "" || strings.TrimSpace(v) != v || sett[v] {
				t.Errorf("%q: %q", s, vs)
			}
			sett[v] = true
		}
	})
}
