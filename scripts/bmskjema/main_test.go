package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	adresse = `{"adresselinje1":"Storgata 1","postnummer":"5014","poststed":"Bergen"}`
	privat  = `{"kommunenummer":"4601","kommunenavn":"Bergen","bydelsnummer":"01","bydelsnavn":"Sentrum","privatMelder":{"personnavn":"Mona Melder","telefonnummer":"12345678","adresse":` + adresse + `},
		"privatBarn":[{"personnavn":"Barn Barnesen","adresse":` + adresse + `}],"melding":"Hører gråt.","sendingstidspunkt":"2026-06-10T10:00:00","leveringskanal":"Portalen"}`
	offentlig = `{"kommunenummer":"4601","kommunenavn":"Bergen","bydelsnummer":"01","bydelsnavn":"Sentrum","offentligMelder":{"personnavn":"Mona Melder","rolle":"Lærer","telefonnummer":"12345678","epost":"a@b.no",
		"virksomhet":{"navn":"Skolen","adresse":` + adresse + `}},"offentligBarn":[{"ufoedt":false,"fnr":"","personnavn":"Barn Barnesen","adresse":` + adresse + `,"orientert":true}],
		"foresatte":[{"personnavn":"Far Barnesen","orientert":false}],"melding":{"melding":"Bekymret.","historie":"Ingen"},"sendingstidspunkt":"2026-06-10T10:00:00","leveringskanal":"Portalen"}`
)

// The program sees a difference, and only where there is one.
func TestSammenlign(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fil, fra, til string
		want          string // in what is told; "" when they agree
	}{
		{"", "", "", ""},
		{"privat", `"minItems": 1,`, ``, ""}, // as meant
		{"privat", `"melding",`, ``, "privat v1: melding: left out: theirs true, ours false"},
		{"offentlig.v1", `"maxItems": 2,`, ``, "offentlig v1: foresatte: 3 times: theirs true, ours false"},
		{"offentlig.v2", `"minItems": 1,`, ``, "offentlig v2: offentligBarn: an empty list: theirs true, ours false"},
		{"offentlig.v2", `^[^\n\r\u2028\u2029]*$`, `^(.*)$`, ""},
		{"offentlig.v2", `^[^\n\r\u2028\u2029]*$`, `^[^\n\r\u2028]*$`, ": a paragraph separator: theirs true, ours false"},
		{"offentlig.v2", `A-Za-zæøåÆØÅ0-9_-`, `A-Za-zæøåÆØÅ0-9_+-`, "offentligMelder.epost: a plus in it: theirs true, ours false"},
		{"feilmelding", `"string"`, `"number"`, "feilmelding: melding: a text: theirs false, ours true"},
	} {
		dir := t.TempDir()
		for _, d := range []string{"domain/v2", "examples"} {
			if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		skriv := func(fil, tekst string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, fil), []byte(tekst), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for fil, navn := range map[string]string{"privat.bekymringsmelding.v1.json": "privat", "v2/privat.bekymringsmelding.v2.json": "privat", "offentlig.bekymringsmelding.v1.json": "offentlig.v1",
			"v2/offentlig.bekymringsmelding.v2.json": "offentlig.v2", "feilmelding.json": "feilmelding"} {
			b, err := os.ReadFile(filepath.Join("..", "..", "internal", "bekymringsmelding", "skjema", "dokumenter", navn+".json")) //nolint:gosec // one of ours
			if err != nil {
				t.Fatal(err)
			}
			tekst := string(b)
			if navn == c.fil {
				if !strings.Contains(tekst, c.fra) {
					t.Fatalf("%q is not in %s", c.fra, navn)
				}
				tekst = strings.Replace(tekst, c.fra, c.til, 1)
			}
			skriv("domain/"+fil, tekst)
		}
		skriv("domain/adresse.json", `{}`)
		skriv("examples/privatBekymringsmeldingV1.json", privat)
		skriv("examples/offentligBekymringsmeldingV1.json", offentlig)
		skriv("examples/feilmelding.json", `{"melding":"Kan ikke lese"}`)
		var ut strings.Builder
		err := sammenlign(&ut, dir, 20)
		if want := c.want != ""; errors.Is(err, errUenige) != want || !want && err != nil || !strings.Contains(ut.String(), c.want) {
			t.Errorf("%s, %q for %q: %v\n%.2000s", c.fil, c.til, c.fra, err, ut.String())
		}
	}
	if err := sammenlign(&strings.Builder{}, t.TempDir(), 0); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
}
