package print

import (
	"strings"
	"testing"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/levering"
)

func TestValiderAdresse(t *testing.T) {
	t.Parallel()
	norsk := levering.Adresse{Navn: "Kari Nordmann", Adresselinje1: "Gata 1", Postnummer: "0151", Poststed: "OSLO"}
	for _, tt := range []struct {
		navn  string
		endre func(a *levering.Adresse)
		want  string // in the message; "" for none
	}{
		{"norsk", func(a *levering.Adresse) {}, ""},
		{"norsk med land", func(a *levering.Adresse) { a.Land = "Norge" }, ""},
		{"norsk uten gate", func(a *levering.Adresse) { a.Adresselinje1 = "" }, ""},
		{"dummy", func(a *levering.Adresse) { a.Postnummer, a.Poststed = "0000", "Ikke send" }, ""},
		{"uten navn", func(a *levering.Adresse) { a.Navn = " " }, "navn mangler"},
		{"langt navn", func(a *levering.Adresse) { a.Navn = strings.Repeat("ø", 101) }, "navn kan ha inntil 100 tegn"},
		{"langt nok navn", func(a *levering.Adresse) { a.Navn = strings.Repeat("ø", 100) }, ""},
		{"lang linje", func(a *levering.Adresse) { a.Adresselinje3 = strings.Repeat("x", 71) }, "adresselinje3 kan ha inntil 70 tegn"},
		{"linjeskift", func(a *levering.Adresse) { a.Adresselinje2 = "a\nb" }, "adresselinje2 har tegn"},
		{"ikke UTF-8", func(a *levering.Adresse) { a.Poststed = "\xff" }, "poststed har tegn"},
		{"uten postnummer", func(a *levering.Adresse) { a.Postnummer = "" }, "postnummer må ha 4 siffer"},
		{"tre siffer", func(a *levering.Adresse) { a.Postnummer = "151" }, "postnummer må ha 4 siffer"},
		{"bokstaver", func(a *levering.Adresse) { a.Postnummer = "O151" }, "postnummer må ha 4 siffer"},
		{"andre siffer", func(a *levering.Adresse) { a.Postnummer = "٠١٥١" }, "postnummer må ha 4 siffer"},
		{"uten poststed", func(a *levering.Adresse) { a.Poststed = "" }, "poststed mangler"},
		{"utland", func(a *levering.Adresse) { a.Postnummer, a.Land = "SW1A 1AA", "Storbritannia" }, ""},
		{"utland med kode", func(a *levering.Adresse) { a.Postnummer, a.Poststed, a.Land = "", "", "de" }, ""},
		{"utland uten gate", func(a *levering.Adresse) { a.Adresselinje1, a.Land = "", "SE" }, "adresselinje1 mangler"},
		{"ukjent land", func(a *levering.Adresse) { a.Land = "Langtvekkistan" }, "land er ukjent"},
		{"kode for ikke noe land", func(a *levering.Adresse) { a.Land = "EU" }, "land er ukjent"},
	} {
		a := norsk
		tt.endre(&a)
		err := ValiderAdresse(a)
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.navn, err)
			}
			continue
		}
		if !feil.Er(err, feil.Ugyldig) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.navn, err, tt.want)
		} else if strings.Contains(err.Error(), "Kari") || strings.Contains(err.Error(), "Langtvekk") {
			t.Errorf("%s: the message tells what was sent: %v", tt.navn, err)
		}
	}
}

func TestLandkode(t *testing.T) {
	t.Parallel()
	for land, want := range map[string]string{
		"": "NO", " NORGE ": "NO", "Noreg": "NO", "no": "NO", "NOR": "NO", "SE": "SE", "swe": "SE", "SVERIGE": "SE", "Sweden": "SE",
		"Tyskland": "DE", "USA": "US", "United States": "US", "England": "GB", "GB": "GB", "Østerrike": "AT", "Sør-Afrika": "ZA", "Svalbard og Jan Mayen": "SJ",
		"XX": "", "001": "", "Europa": "", "EU": "",
	} {
		if kode, kjent := landkode(land); kode != want || kjent != (want != "") {
			t.Errorf("%q is %q, %v; want %q", land, kode, kjent, want)
		}
	}
	for land, want := range map[string]string{"": "", "Norway": "", "se": "SVERIGE", "Germany": "TYSKLAND"} {
		if got := landPaaBrev(land); got != want {
			t.Errorf("%q is written %q, want %q", land, got, want)
		}
	}
}
