package bekymringsmelding

import (
	"time"

	"knutepunkt/internal/bekymringsmelding/skjema"
)

// Tilstand is the state of a report by the wire's names (§4.3).
type Tilstand string

// The states (§13). Levert is final.
const (
	Akseptert       Tilstand = "AKSEPTERT"
	SendtFagsystem  Tilstand = "SENDT_FAGSYSTEM"
	AvvistFagsystem Tilstand = "AVVIST_FAGSYSTEM"
	SendtPrint      Tilstand = "SENDT_PRINT"
	AvvistPrint     Tilstand = "AVVIST_PRINT"
	Levert          Tilstand = "LEVERT"
)

// Codes of errors, ours (§2).
const (
	KodeBydelIkkeAktiv     = "BYDEL_IKKE_AKTIV"
	KodeManglerFil         = "MANGLER_FIL"
	KodeForStor            = "FOR_STOR"
	KodeVersjonIkkeStottet = "VERSJON_IKKE_STOTTET"
	KodeUgyldigSkjema      = "UGYLDIG_SKJEMA"
	KodeAlleredeLevert     = "ALLEREDE_LEVERT"

	KodeBydelsnummerOpptatt = "BYDELSNUMMER_OPPTATT"
	KodeStandardmottaker    = "STANDARDMOTTAKER"
)

// Melding is a report as the platform knows it: never what it says.
type Melding struct {
	ID            string
	FraOrg        string // the sending organisation; "" from the portal
	FraFagsystem  bool
	FiksOrgID     string // who receives
	Kommunenummer string
	Bydelsnummer  string
	Bydelsnavn    string
	RessursID     string // of the bydel
	Type          skjema.Type
	Versjon       skjema.Versjon
	Kanal         Kanal  // the bydel's when it was sent; a later change moves nothing
	KontoID       string // FIKS_IO: the receiving konto
	IntegrasjonID string // SVARINN: who fetches it
	Tilstand      Tilstand
	NaaKanal      Kanal // where it is now, or was delivered by
	Innsendt      time.Time
	Levert        time.Time // zero: not delivered
	Slettet       time.Time // of the content; zero: it is there

	arsak        string
	digitalRunde int
	pdfBlob      string
	asiceBlob    string
}

// filnavn is the name of the encrypted container (§12).
func (m Melding) filnavn() string {
	return "FiksIO_encrypted_" + m.FiksOrgID + "_" + m.Bydelsnummer + ".zip"
}

// Hendelse is something that happened to a report.
type Hendelse struct {
	Tilstand        Tilstand // after it
	Tidspunkt       time.Time
	Offentlig       bool   // a state that the sender sees (§4.3)
	Meldingstype    string // of the Fiks IO message; "" when it was none
	FiksIOMeldingID string
	FiksIOKonto     string
	Beskrivelse     string // our own sentence; "" for none
	Fritekst        string // what the receiver wrote, which may hold anything
}

// beskrivelse is both texts, for those who may read what the receiver wrote.
func (h Hendelse) beskrivelse() string {
	switch {
	case h.Fritekst == "":
		return h.Beskrivelse
	case h.Beskrivelse == "":
		return h.Fritekst
	}
	return h.Beskrivelse + ": " + h.Fritekst
}
