package digisos

import (
	"bytes"
	"fmt"
	"time"

	"knutepunkt/internal/klokke"
	"knutepunkt/internal/pdf"
)

// What a test says of itself, wherever a person reads it.
const (
	ProveTittel = "TESTSØKNAD – skal ikke behandles"
	provetekst  = "Dette er en testsøknad. En administrator i kommunen har sendt den for å se at søknader kommer fram til fagsystemet. " +
		"Den gjelder ingen person: navnet og fødselsnummeret er oppdiktet. Ingen venter på svar, og ingenting skal behandles eller utbetales. " +
		"Den kan slettes i fagsystemet når den er funnet igjen der."
)

type felt = map[string]any

// proveSoknad is the soknad.json of a test: as little as the schema asks for.
func proveSoknad(konf konfigurasjon, enhet string) any {
	bruker, system := "bruker", "system"
	return felt{
		"version": "1.0.0",
		"data": felt{
			"soknadstype": "standard",
			"personalia": felt{
				"personIdentifikator": felt{"kilde": system, "verdi": ProveFnr},
				"navn":                felt{"kilde": system, "fornavn": "Test", "mellomnavn": "", "etternavn": "Testesen"},
				"kontonummer":         felt{"kilde": bruker},
			},
			"arbeid":      felt{},
			"utdanning":   felt{"kilde": bruker, "erStudent": false},
			"familie":     felt{"forsorgerplikt": felt{}},
			"begrunnelse": felt{"kilde": bruker, "hvorforSoke": provetekst, "hvaSokesOm": ProveTittel},
			"bosituasjon": felt{"kilde": bruker},
			"okonomi": felt{
				"opplysninger": felt{"utbetaling": []any{}, "utgift": []any{}},
				"oversikt":     felt{"inntekt": []any{}, "utgift": []any{}, "formue": []any{}},
			},
		},
		"mottaker":          felt{"kommunenummer": konf.Kommunenummer, "enhetsnummer": enhet, "navEnhetsnavn": konf.Postadresse.Navn},
		"driftsinformasjon": felt{"utbetalingerFraNavFeilet": false, "inntektFraSkatteetatenFeilet": false, "stotteFraHusbankenFeilet": false},
		"kompatibilitet":    []any{},
	}
}

// provePDF is one of its documents.
func provePDF(navn string, konf konfigurasjon, naa time.Time) ([]byte, error) {
	var b bytes.Buffer
	_, err := pdf.Skriv(&b, pdf.Tekst{
		Tittel: ProveTittel, Undertittel: navn,
		Deler: []pdf.Del{
			{Avsnitt: []string{provetekst}},
			{Tabell: []pdf.Rad{{Navn: "Søker", Verdi: ProveNavn + " (oppdiktet)"}, {Navn: "Mottaker", Verdi: konf.Postadresse.Navn},
				{Navn: "Sendt", Verdi: klokke.Oslo(naa).Format("02.01.2006 kl. 15:04")}}},
		},
		Bunntekst: ProveTittel, Laget: naa,
	})
	if err != nil {
		return nil, fmt.Errorf("writing the PDF of a test: %w", err)
	}
	return b.Bytes(), nil
}
