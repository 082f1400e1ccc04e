package passord

import (
	"errors"
	"strings"
	"testing"

	"knutepunkt/internal/feil"
)

func TestStemmer(t *testing.T) {
	t.Parallel()
	h := NyHasher()
	langt, err := Nytt()
	if err != nil || len(langt) != 43 || Valider(langt) != nil {
		t.Fatalf("a new password of %d characters: %v, %v", len(langt), err, Valider(langt))
	}
	for _, p := range []string{langt, "kort", strings.Repeat("a", tilfeldigFra-1)} {
		d, err := h.Digest(p)
		if err != nil || strings.Contains(d, p) {
			t.Fatalf("the digest %q of %q: %v", d, p, err)
		}
		for _, tt := range []struct {
			p  string
			ja bool
		}{{p, true}, {p + "x", false}, {"", false}} {
			if ja, err := h.Stemmer(tt.p, d); ja != tt.ja || err != nil {
				t.Errorf("%q against the digest of %q: %v %v", tt.p, p, ja, err)
			}
		}
	}
	for _, d := range []string{"", "x", "md5:ab", "argon2id:zz:ab", "argon2id:abcd:ab"} {
		if _, err := h.Stemmer("x", d); !errors.Is(err, ErrFormat) {
			t.Errorf("the digest %q: %v", d, err)
		}
	}
}

func TestValider(t *testing.T) {
	t.Parallel()
	for _, p := range []string{"", "to ord", "linje\n", "blåbær", strings.Repeat("a", Maks+1)} {
		if err := Valider(p); !feil.Er(err, feil.Ugyldig) {
			t.Errorf("%.20q: %v", p, err)
		}
	}
}
