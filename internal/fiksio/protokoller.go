package fiksio

// Protokoll is an entry of the catalogue of protocols (contract §4).
type Protokoll struct {
	Navn        string   `json:"navn"`
	Beskrivelse string   `json:"beskrivelse"`
	URL         string   `json:"url"`
	Typer       []string `json:"-"` // its meldingstyper; the wire's model has no place for them
}

// Names of the protocols that the platform itself speaks.
const (
	ProtokollDigisos           = "no.nav.digisos.fagsystem.v1"
	ProtokollBekymringsmelding = "no.ks.fiks.bekymringsmelding.v1"
)

// Protokoller lists the protocols known here.
func Protokoller() []Protokoll {
	return []Protokoll{
		{
			Navn:        ProtokollDigisos,
			Beskrivelse: "Digisos fagsystem: søknader og ettersendelser om økonomisk sosialhjelp til kommunens fagsystem, med kvittering tilbake",
			Typer: []string{"no.nav.digisos.soknad.v1", "no.nav.digisos.soknad.mottatt.v1",
				"no.nav.digisos.ettersendelse.v1", "no.nav.digisos.ettersendelse.mottatt.v1"},
		},
		{
			Navn:        ProtokollBekymringsmelding,
			Beskrivelse: "Bekymringsmelding: meldinger til barnevernet fra private og offentlige meldere, med kvittering tilbake",
			Typer: []string{"no.ks.fiks.bekymringsmelding.privat.v1", "no.ks.fiks.bekymringsmelding.offentlig.v1",
				"no.ks.fiks.bekymringsmelding.privat.v2", "no.ks.fiks.bekymringsmelding.offentlig.v2",
				"no.ks.fiks.bekymringsmelding.mottatt.v1", "no.ks.fiks.bekymringsmelding.feilet.v1"},
		},
	}
}
