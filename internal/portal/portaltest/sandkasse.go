package portaltest

import (
	"context"
	"time"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/portal/utvikler"
)

// sandkasse is what the developers' pages show in the house: one of each.
type sandkasse struct{ h *Hus }

func (sandkasse) Beskrivelse() utvikler.Beskrivelse {
	return utvikler.Beskrivelse{BaseURL: "http://127.0.0.1:8080", AMQP: "amqp://127.0.0.1:5672", AMQPS: "amqps://127.0.0.1:5671", CA: "ca.pem",
		Maskinporten: "http://127.0.0.1:8080/maskinporten/", IDPorten: "http://127.0.0.1:8080/idporten",
		NAV: utvikler.Integrasjon{Orgnr: "310000108", ID: OrgNAV, Passord: "ikke-hemmelig"},
		Kommuner: []utvikler.Kommune{{Nummer: "9901", Navn: "Testby", OrgID: OrgTest, Orgnr: OrgnrT, Kanal: "FIKS_IO",
			Fagsystem: utvikler.Integrasjon{Orgnr: OrgnrT, ID: OrgTest, Passord: "ikke-hemmelig"}, KontoID: Konto, Nokkel: "keys/9901.key.pem", Sertifikat: "keys/9901.cert.pem"}},
		Personer: []utvikler.Person{{Fnr: "01818110185", Navn: "Kari Fjordheim", Rolle: "INNBYGGER"}}}
}

func (sandkasse) Maskinporten(string, string) (string, error) { return "e30.eyJhIjoxfQ.eA", nil }

func (sandkasse) IDPorten(string, string, string) (string, error) { return "e30.eyJhIjoyfQ.eA", nil }

func (s sandkasse) Siste(context.Context) ([]utvikler.Melding, error) {
	return []utvikler.Melding{
		{ID: OrgTest, Kilde: "digisos.soknad", Tilstand: "SENDT", Kanal: "FIKS_IO", Neste: "SvarUt", Spor: "/sandbox/spor/" + OrgTest, Endret: s.Klokke()},
		{ID: OrgSkog, Kilde: "svarut", Tilstand: "SENDT", Kanal: "SVARINN", Neste: "Altinn", Endret: s.Klokke(), Alarm: true},
	}, nil
}

func (s sandkasse) Klokke() time.Time { return s.h.Klokke.Now() }

func (sandkasse) Frem(context.Context, time.Duration) error { return nil }

func (sandkasse) Feil() []utvikler.Feil {
	return []utvikler.Feil{{Sti: "^/digisos/", Virkning: "status", Status: 503, Prosent: 50, Slag: 2}}
}

func (sandkasse) LeggTilFeil(utvikler.Feil) error { return feil.Ny(feil.Ugyldig, "ugyldig") }

func (sandkasse) FjernFeil() {}
