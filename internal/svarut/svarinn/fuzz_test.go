package svarinn

import (
	"net/mail"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/levering"
)

func FuzzLesFeilet(f *testing.F) {
	for _, s := range []string{`{"feilmelding":"x","permanent":true}`, `{"permanent":false,"feilmelding":"æ"}`, "\ufeff{}", `[]`, `{"feilmelding":`, ``, `null`, "{\"feilmelding\":\"\xff\"}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, kropp []byte) {
		melding, _, err := lesFeilet(kropp)
		if err != nil {
			if !feil.Er(err, feil.Ugyldig) {
				t.Errorf("%v", err)
			}
			return
		}
		if melding == "" || melding != strings.TrimSpace(melding) || !utf8.ValidString(melding) {
			t.Errorf("%q", melding)
		}
		if k := kort(melding); utf8.RuneCountInString(k) > maksFeilmelding || !utf8.ValidString(k) {
			t.Errorf("cut to %d characters", utf8.RuneCountInString(k))
		}
	})
}

// What passes is what an SMTP server can be given, and stays itself.
func FuzzAdresser(f *testing.F) {
	for _, s := range []string{"a@b.no;c@d.no", "Kari <a@b.no>", "a@b.no\r\nBcc: c@d.no", ";;", `"a;b"@c.no`, "a@[127.0.0.1]", "a@b.no (kommentar)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, tekst string) {
		liste, err := Adresser(tekst)
		if err != nil {
			if !feil.Er(err, feil.Ugyldig) {
				t.Errorf("%v", err)
			}
			return
		}
		igjen, err := Adresser(strings.Join(liste, "; "))
		if err != nil || !slices.Equal(liste, igjen) {
			t.Errorf("%q becomes %q (%v)", liste, igjen, err)
		}
		for _, a := range liste {
			if p, err := mail.ParseAddress(a); err != nil || p.Address != a || strings.ContainsAny(a, " ;,<>\r\n\x00") || strings.Count(a, "@") != 1 {
				t.Errorf("%q passed (%v)", a, err)
			}
		}
	})
}

func FuzzLesSertifikat(f *testing.F) {
	_, c := grunntest.Plattformnokkel(f)
	f.Add(pemAv(c))
	f.Add(c.Raw)
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, fil []byte) {
		if c, err := lesSertifikat(fil); err != nil && !feil.Er(err, feil.Ugyldig) || err == nil && c == nil {
			t.Errorf("%v", err)
		}
	})
}

// Names in a zip are flat, and each is there once.
func FuzzFilnavn(f *testing.F) {
	f.Add("a.pdf", "A.PDF", "a (2).pdf")
	f.Add("", "..", "../../etc/passwd")
	f.Add("x\\y", "x/y", "x_y")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		sett := map[string]bool{}
		for _, n := range filnavn([]levering.Fil{{Navn: a}, {Navn: b}, {Navn: c}}) {
			if n == "" || n == "." || n == ".." || strings.ContainsAny(n, "/\\\x00\n") || !utf8.ValidString(n) || sett[strings.ToLower(n)] {
				t.Errorf("%q %q %q give %q", a, b, c, n)
			}
			sett[strings.ToLower(n)] = true
		}
	})
}
