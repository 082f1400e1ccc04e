package httpx

import "testing"

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
