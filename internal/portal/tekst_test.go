package portal

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	plassholder = regexp.MustCompile(`\{[a-z]+\}`)
	brukIMal    = regexp.MustCompile(`\bt "([^"]+)"`)
	brukIGo     = regexp.MustCompile(`\b(?:t|[tT]olk\(r\))\("([^"]+)"`)
	ordIGo      = regexp.MustCompile(`"([a-z0-9.]+)"`)
)

// portaler are the pages and texts of every portal that stands on the base.
func portaler(t *testing.T) (ut []fs.FS) {
	t.Helper()
	mapper, err := filepath.Glob("*/tekster")
	must(t, err)
	if len(mapper) == 0 {
		t.Fatal("no portal has texts")
	}
	for _, m := range mapper {
		ut = append(ut, os.DirFS(filepath.Dir(m)))
	}
	return ut
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// No text is missing in any language, none is unused, and each takes the same
// values in all of them.
func TestTekster(t *testing.T) {
	t.Parallel()
	te, err := lesTekster(portaler(t)...)
	must(t, err)
	if !slices.Equal(te.tilbys, []string{"nb", "nn", "en"}) && !slices.Equal(te.tilbys, []string{"nb", "nn", "se", "en"}) {
		t.Errorf("offered: %v", te.tilbys)
	}
	fasit := te.av["nb"]
	if len(fasit) < 200 {
		t.Fatalf("%d texts", len(fasit))
	}
	for _, sprak := range te.tilbys {
		for nokkel, nb := range fasit {
			tekst, ok := te.av[sprak][nokkel]
			if !ok || strings.TrimSpace(tekst) != tekst || tekst == "" {
				t.Errorf("%s: %s is %q", sprak, nokkel, tekst)
			}
			a, b := plassholder.FindAllString(nb, -1), plassholder.FindAllString(tekst, -1)
			slices.Sort(a)
			slices.Sort(b)
			if !slices.Equal(a, b) {
				t.Errorf("%s: %s takes %v, in bokmål %v", sprak, nokkel, b, a)
			}
		}
		if len(te.av[sprak]) != len(fasit) {
			t.Errorf("%s has %d texts, bokmål %d", sprak, len(te.av[sprak]), len(fasit))
		}
	}

	nevnt := map[string]bool{}
	les := func(monster string, bruk, nevner *regexp.Regexp) {
		filer, err := filepath.Glob(monster)
		must(t, err)
		for _, f := range filer {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			b, err := os.ReadFile(f)
			must(t, err)
			for _, m := range bruk.FindAllSubmatch(b, -1) {
				if _, ok := fasit[string(m[1])]; !ok {
					t.Errorf("%s uses %q, which is no text", f, m[1])
				}
			}
			for _, m := range nevner.FindAllSubmatch(b, -1) {
				nevnt[string(m[1])] = true
			}
		}
	}
	for _, mappe := range []string{"", "*/"} {
		les(mappe+"maler/*.html", brukIMal, brukIMal)
		les(mappe+"*.go", brukIGo, ordIGo)
	}
	for nokkel := range fasit {
		if !nevnt[nokkel] {
			t.Errorf("%s is not used", nokkel)
		}
	}
}

func TestTider(t *testing.T) {
	t.Parallel()
	tid := time.Date(2026, 11, 3, 13, 2, 0, 0, time.UTC)
	for sprak, want := range map[string]string{"nb": "3. november 2026 kl. 14.02", "nn": "3. november 2026 kl. 14.02", "en": "3 November 2026 at 14:02"} {
		if got := Tidspunkt(sprak, tid); got != want {
			t.Errorf("%s: %s", sprak, got)
		}
	}
	// In Norway it is the next day.
	for sprak, want := range map[string]string{"nb": "onsdag 4. november", "nn": "onsdag 4. november", "en": "Wednesday 4 November"} {
		if got := Ukedag(sprak, time.Date(2026, 11, 3, 23, 30, 0, 0, time.UTC)); got != want {
			t.Errorf("%s: %s", sprak, got)
		}
	}
}

// What others made is as they made it.
func TestAndresFiler(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("statisk/SHA256SUMS")
	must(t, err)
	sett := map[string]bool{}
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		sum, navn, _ := strings.Cut(s.Text(), "  ")
		innhold, err := os.ReadFile(filepath.Join("statisk", navn))
		must(t, err)
		if got := sha256.Sum256(innhold); hex.EncodeToString(got[:]) != sum {
			t.Errorf("%s has been changed", navn)
		}
		sett[filepath.Join("statisk", navn)] = true
	}
	for _, m := range []string{"statisk/designsystemet/*", "statisk/inter/*", "portaltest/testdata/axe/*"} {
		filer, err := filepath.Glob(m)
		must(t, err)
		for _, f := range filer {
			if !sett[f] {
				t.Errorf("%s has no digest", f)
			}
		}
	}
	if len(sett) < 20 {
		t.Errorf("%d files", len(sett))
	}
}

func TestOrgnr(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{"310000248": "", "974760673": "", "310000249": "skjema.orgnr.kontroll", "12345678": "skjema.orgnr.siffer",
		"1234567890": "skjema.orgnr.siffer", "12345678x": "skjema.orgnr.siffer", "": "skjema.orgnr.siffer", "１２３４５６７８９": "skjema.orgnr.siffer",
		"100000060": "skjema.orgnr.kontroll"} {
		if got, _ := SjekkOrgnr(s); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}
