package organisasjon

import (
	"slices"
	"strings"

	"knutepunkt/internal/auth"
)

// Tjeneste is a service that an organisation can take into use (auth contract §9.1).
type Tjeneste struct {
	Kode        string // in paths of the API
	RessursType string // of the ressurs that taking it into use makes
	Navn        string
	Beskrivelse string
	Krever      string // the Kode of the service that must be in use before; "" for none
}

// tjenester are all services. The codes are ours: no public source has them.
var tjenester = []Tjeneste{
	{"DIGISOS", TypeDigisos, "Fiks Digisos", "Søknader om økonomisk sosialhjelp fra NAV til kommunens fagsystem, og saken tilbake til innbyggeren.", "DOKUMENTLAGER"},
	{"DOKUMENTLAGER", TypeDokumentlager, "Fiks dokumentlager", "Kryptert lagring av dokumenter, som deles med dem de gjelder.", ""},
	{"FIKS_IO", TypeFiksIO, "Fiks IO", "Meldinger mellom fagsystemer, ende-til-ende-kryptert.", ""},
	{"SVARUT", TypeSvarUt, "SvarUt", "Brev til innbyggere og virksomheter, digitalt eller på papir.", ""},
	{"BEKYMRINGSMELDING", TypeBekymringsmelding, "Fiks Bekymringsmelding", "Bekymringsmeldinger til barnevernet, fra portalen og fra fagsystemer.", ""},
}

// tjeneste finds one by its code.
func tjeneste(kode string) (Tjeneste, error) {
	i := slices.IndexFunc(tjenester, func(t Tjeneste) bool { return t.Kode == kode })
	if i < 0 {
		return Tjeneste{}, ikkeFunnet("Tjenesten")
	}
	return tjenester[i], nil
}

// The kinds of actors that can hold a privilege.
const (
	aktorPerson      = "PERSON"
	aktorIntegrasjon = "INTEGRASJON"
)

// Privilegium is an entry of the catalogue (auth contract §9.4).
type Privilegium struct {
	Navn         string
	Visningsnavn string
	Beskrivelse  string
	RessursType  string   // on which it is given; "": on every type
	Aktorer      []string // PERSON, INTEGRASJON
	plattform    bool     // only the platform's operators give it
}

// privilegier are those that the platform asks for; ADMIN first.
var privilegier = []Privilegium{
	{Navn: auth.Admin, Visningsnavn: "Administrator", Aktorer: []string{aktorPerson, aktorIntegrasjon},
		Beskrivelse: "Kan administrere ressursen og alt under den. For personer følger alle andre privilegier med."},
	{Navn: auth.DigisosOppdater, Visningsnavn: "Kan oppdatere status og filer for Digisos-søknader", RessursType: TypeDigisos, Aktorer: []string{aktorIntegrasjon},
		Beskrivelse: "For kommunens fagsystem."},
	{Navn: auth.DigisosNAV, Visningsnavn: "Kan sende og lese Digisos-søknader", RessursType: TypeDigisos, Aktorer: []string{aktorIntegrasjon}, plattform: true,
		Beskrivelse: "For NAV. Gis av plattformens operatør."},
	{Navn: auth.DokumentlagerLastOp, Visningsnavn: "Kan laste opp og slette dokumenter", RessursType: TypeDokumentlagerKonto, Aktorer: []string{aktorPerson, aktorIntegrasjon},
		Beskrivelse: "Gis for hver konto."},
	{Navn: auth.FiksIOKonto, Visningsnavn: "Kan sende og motta meldinger", RessursType: TypeFiksIOKonto, Aktorer: []string{aktorPerson, aktorIntegrasjon},
		Beskrivelse: "Gis for en konto, eller for tjenesten og dermed alle kontoene."},
	{Navn: auth.SvarUtKonto, Visningsnavn: "Kan sende forsendelser", RessursType: TypeSvarUtKonto, Aktorer: []string{aktorIntegrasjon},
		Beskrivelse: "Gis for en konto, eller for tjenesten og dermed alle kontoene."},
	{Navn: auth.BekymringSend, Visningsnavn: "Kan sende bekymringsmeldinger for organisasjonen", RessursType: TypeBekymringsmelding, Aktorer: []string{aktorIntegrasjon},
		Beskrivelse: "For fagsystemet til en skole, politiet og andre som melder."},
	{Navn: auth.BekymringSkjema, Visningsnavn: "Kan sende skjema for innloggede personer", RessursType: TypeBekymringsmelding, Aktorer: []string{aktorIntegrasjon}, plattform: true,
		Beskrivelse: "For en portal. Gis av plattformens operatør."},
	{Navn: auth.BekymringMottak, Visningsnavn: "Kan hente og avstemme bydelens bekymringsmeldinger", RessursType: TypeBydel, Aktorer: []string{aktorPerson, aktorIntegrasjon},
		Beskrivelse: "Gis for hver bydel. En administrator som selv skal lese meldinger, må også ha det."},
	{Navn: auth.Rot, Visningsnavn: "Operatør av plattformen", RessursType: TypeRot, Aktorer: []string{aktorPerson}, plattform: true,
		Beskrivelse: "Gis av en annen operatør."},
}

// passer tells whether the privilege is given on a type of ressurser: its own,
// or the service that the kontoer of its own type are under.
func (p Privilegium) passer(ressursType string) bool {
	return p.RessursType == "" || p.RessursType == ressursType || p.RessursType == ressursType+"_KONTO"
}

// privilegierFor are those that can be given on a type of ressurser.
func privilegierFor(ressursType string) (ut []Privilegium) {
	for _, p := range privilegier {
		if p.passer(ressursType) {
			ut = append(ut, p)
		}
	}
	return ut
}

// egenType tells whether a type of ressurser is an organisation's own, for
// systems of its own that ask who may what. The platform's are made by its services.
func egenType(typ string) bool {
	return maskinnavnRE.MatchString(typ) && typ != TypeRot && !strings.HasPrefix(typ, "TJENESTE_") && !strings.HasPrefix(typ, "FIKS_")
}

// ressurstyper are those of the platform.
var ressurstyper = []string{
	TypeRot, TypeOrganisasjon, TypeDigisos, TypeDokumentlager, TypeDokumentlagerKonto, TypeFiksIO, TypeFiksIOKonto,
	TypeAudit, TypeInnsyn, TypeSvarUt, TypeSvarUtKonto, TypeMottakersystem, TypeBekymringsmelding, TypeBydel,
}
