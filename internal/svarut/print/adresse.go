package print

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/levering"
)

// Lengths that an envelope has room for, in characters (SvarUt contract §3.2).
const (
	maksNavn       = 100
	maksLinje      = 70
	maksPostnummer = 20
)

// norge is the country of an address that names none.
const norge = "NO"

// ingenPost is the place of those whom no letter reaches: senders use it for
// receivers that they know to be digital (SvarUt contract §6.2).
const ingenPost = "0000"

// ValiderAdresse tells whether a letter can be addressed to a (SvarUt contract
// §3.6): feil.Ugyldig, saying which line is wrong and never what stands in it. A
// Norwegian address needs a postnummer of four digits and a poststed, one abroad a
// country that is known and an adresselinje.
func ValiderAdresse(a levering.Adresse) error {
	for _, l := range []struct {
		navn, verdi string
		maks        int
	}{
		{"navn", a.Navn, maksNavn},
		{"adresselinje1", a.Adresselinje1, maksLinje},
		{"adresselinje2", a.Adresselinje2, maksLinje},
		{"adresselinje3", a.Adresselinje3, maksLinje},
		{"postnummer", a.Postnummer, maksPostnummer},
		{"poststed", a.Poststed, maksLinje},
		{"land", a.Land, maksLinje},
	} {
		switch {
		case !utf8.ValidString(l.verdi) || strings.ContainsFunc(l.verdi, unicode.IsControl):
			return feil.Ny(feil.Ugyldig, "%s har tegn som ikke kan skrives ut, for eksempel linjeskift", l.navn)
		case utf8.RuneCountInString(l.verdi) > l.maks:
			return feil.Ny(feil.Ugyldig, "%s kan ha inntil %d tegn", l.navn, l.maks)
		}
	}
	kode, kjent := landkode(a.Land)
	switch {
	case tom(a.Navn):
		return feil.Ny(feil.Ugyldig, "navn mangler")
	case !kjent:
		return feil.Ny(feil.Ugyldig, "land er ukjent; oppgi navnet på norsk eller engelsk, eller landkoden med to bokstaver")
	case kode == norge && !firesifret(strings.TrimSpace(a.Postnummer)):
		return feil.Ny(feil.Ugyldig, "postnummer må ha 4 siffer; for adresser i utlandet må land oppgis")
	case kode == norge && tom(a.Poststed):
		return feil.Ny(feil.Ugyldig, "poststed mangler")
	case kode != norge && tom(a.Adresselinje1) && tom(a.Adresselinje2) && tom(a.Adresselinje3):
		return feil.Ny(feil.Ugyldig, "adresselinje1 mangler")
	}
	return nil
}

func tom(s string) bool { return strings.TrimSpace(s) == "" }

func firesifret(s string) bool {
	return len(s) == 4 && strings.Trim(s, "0123456789") == ""
}

// landkode is the ISO 3166 code (two letters) of a country that is named by code
// or in Norwegian or English; false for one that is not known.
func landkode(land string) (string, bool) {
	land = strings.TrimSpace(land)
	if land == "" {
		return norge, true
	}
	if n := len(land); n == 2 || n == 3 {
		if r, err := language.ParseRegion(land); err == nil && r.IsCountry() && len(r.String()) == 2 {
			return r.String(), true
		}
	}
	kode, kjent := landnavn()[strings.ToLower(land)]
	return kode, kjent
}

// landPaaBrev is the line of an address that tells the country, as the Norwegian post
// reads it; "" for Norway.
func landPaaBrev(land string) string {
	kode, _ := landkode(land)
	r, err := language.ParseRegion(kode)
	switch {
	case kode == norge:
		return ""
	case err != nil:
		return land
	}
	return strings.ToUpper(display.Regions(language.Norwegian).Name(r))
}

// landnavn are the codes of countries by their names in small letters.
var landnavn = sync.OnceValue(func() map[string]string {
	navn := map[string]string{ // as letters are addressed, but no list of countries has them
		"england": "GB", "skottland": "GB", "scotland": "GB", "wales": "GB", "nord-irland": "GB", "northern ireland": "GB",
		"great britain": "GB", "uk": "GB", "holland": "NL", "noreg": norge, "norway": norge, "norge": norge,
	}
	norsk, engelsk := display.Regions(language.Norwegian), display.Regions(language.English)
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			r, err := language.ParseRegion(string([]rune{a, b}))
			if err != nil || !r.IsCountry() || r.String() != string([]rune{a, b}) {
				continue
			}
			navn[strings.ToLower(norsk.Name(r))] = r.String()
			navn[strings.ToLower(engelsk.Name(r))] = r.String()
		}
	}
	return navn
})
