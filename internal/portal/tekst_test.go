package portal

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var (
	plassholder = regexp.MustCompile(`\{[a-z]+\}`)
	brukIMal    = regexp.MustCompile(`\bt "([^"]+)"`)
	brukIGo     = regexp.MustCompile(`\b(?:t|tolk\(r\))\("([^"]+)"`)
	ordIGo      = regexp.MustCompile(`"([a-z0-9.]+)"`)
)

// No text is missing in any language, none is unused, and each takes the same
// values in all of them.
func TestTekster(t *testing.T) {
	t.Parallel()
	te, err := lesTekster()
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
	les("maler/*.html", brukIMal, brukIMal)
	les("*.go", brukIGo, ordIGo)
	for nokkel := range fasit {
		if !nevnt[nokkel] {
			t.Errorf("%s is not used", nokkel)
		}
	}
}

// No page shows the key of a text, in any language, nor a value that was not given.
func TestIngenNokkelPaaSidene(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	sider := orgSider(t, h)
	for _, s := range []string{"/", "/om", "/forvaltning", "/logg-inn", "/logg-inn/svar", "/logget-ut", "/forvaltning/x/y", "/forvaltning/" + orgSkog + "/digisos"} {
		sider[s] = 0
	}
	for _, s := range stegene[:7] {
		sider["/forvaltning/"+orgSkog+"/digisos/veiviser/"+s] = 0
		sider["/forvaltning/"+orgTest+"/digisos/endre/"+s] = 0
	}
	nokkel := regexp.MustCompile(`>[^<]*\b(?:digisos|skjema|feil|tjeneste|passord|integrasjon|veiviser|steg|konflikt|stenging|tilgang|utkast|forut|ferdig|logginn|sesjon)\.[a-z]+[^<]*<`)
	for _, sprak := range []string{"nb", "nn", "en"} {
		n := h.som(t, admin)
		n.kaker[spraakkake] = sprak
		for sti := range sider {
			html := n.get(t, sti).html
			if m := nokkel.FindString(html); m != "" {
				t.Errorf("%s in %s: %s", sti, sprak, m)
			}
			if m := plassholder.FindString(html); m != "" && m != "{n}" { // {n} is the script's
				t.Errorf("%s in %s: %s", sti, sprak, m)
			}
		}
	}
}

func TestTider(t *testing.T) {
	t.Parallel()
	tid := time.Date(2026, 11, 3, 13, 2, 0, 0, time.UTC)
	for sprak, want := range map[string]string{"nb": "3. november 2026 kl. 14.02", "nn": "3. november 2026 kl. 14.02", "en": "3 November 2026 at 14:02"} {
		if got := tidspunkt(sprak, tid); got != want {
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
	for _, m := range []string{"statisk/designsystemet/*", "statisk/inter/*", "testdata/axe/*"} {
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
		if got, _ := sjekkOrgnr(s); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

// Whatever a browser sends in a form, what passes is what Digisos takes.
func FuzzSkjema(f *testing.F) {
	f.Add("kanal=svarinn&navn=NAV+Testby&orgnr=310+000+248&postnr=9901&poststed=Testby&ansvarlig=x&nks=ja&oppdateringer=nei&fagansvarlig=a%40b.no&teknisk=a%40b.no%3B+c%40d.no&aktivt=ja")
	f.Add("kanal=&navn=%00%ff&orgnr=%C2%A0310000248&fagansvarlig=%22a%22%40b.no&teknisk=a%40b.no%0d%0aBcc:x%40y.no")
	f.Add("navn=" + strings.Repeat("%C3%B8", 100))
	f.Fuzz(func(t *testing.T, kropp string) {
		inn, err := url.ParseQuery(kropp)
		if err != nil {
			return
		}
		te := tolk(func(n string, _ ...any) string { return n })
		alle := stegFor(te, []valg{{Verdi: utenFiksIO}})
		samlet, holder := url.Values{}, true
		for _, s := range alle {
			v := rens(s.felt, inn)
			for navn, verdier := range v {
				for _, x := range verdier {
					if !utf8.ValidString(x) || strings.TrimSpace(x) != x {
						t.Errorf("%s is kept as %q", navn, x)
					}
				}
				samlet[navn] = verdier
			}
			sk := lesSkjema(te, s.felt, v, true)
			holder = holder && len(sk.Feil) == 0
			if igjen := lesSkjema(te, s.felt, rens(s.felt, v), true); len(igjen.Feil) != len(sk.Feil) {
				t.Errorf("cleaned twice, the form has other faults: %v, %v", sk.Feil, igjen.Feil)
			}
		}
		k := fraFelt(konfig(), samlet)
		if holder {
			if err := k.Validate(); err != nil {
				t.Errorf("%q passed: %v", kropp, err)
			}
		}
	})
}
