package skjema

import "slices"

// Tekst is one text in the languages of the portal.
type Tekst struct{ NB, NN, EN string }

// Paa is the text in "nb", "nn" or "en"; bokmål for what else there is.
func (t Tekst) Paa(spraak string) string {
	switch spraak {
	case "nn":
		return t.NN
	case "en":
		return t.EN
	default:
		return t.NB
	}
}

// Del is a part of a form. Its value is what its members begin with where there is one
// for each child or guardian.
type Del string

// The parts.
const (
	DelMottak        Del = "mottak"
	DelMelder        Del = "melder"
	DelPrivatBarn    Del = "privatBarn"
	DelOffentligBarn Del = "offentligBarn"
	DelForesatte     Del = "foresatte"
	DelMelding       Del = "melding"
)

// Tekst is the heading of the part; of a child or guardian a number follows.
func (d Del) Tekst() Tekst {
	switch d {
	case DelMelder:
		return Tekst{"Om den som melder", "Om den som melder", "About the person reporting"}
	case DelPrivatBarn, DelOffentligBarn:
		return Tekst{"Barn", "Barn", "Child"}
	case DelForesatte:
		return Tekst{"Foresatt", "Føresett", "Guardian"}
	case DelMelding:
		return Tekst{"Bekymringen", "Bekymringa", "The concern"}
	default:
		return Tekst{"Om meldingen", "Om meldinga", "About the report"}
	}
}

// Sporsmal is a question of a form, and the member of the document that its answer
// becomes: "offentligBarn.adresse" is that of each child.
type Sporsmal struct {
	Felt  string
	Del   Del
	Tekst Tekst
}

// Sporsmalene are the questions of a form in the order of the portal (§11.1, §11.2), which
// is that of the PDF. Kommune and bydel stand for both number and name.
func Sporsmalene(t Type) []Sporsmal {
	if t == TypePrivat {
		return slices.Concat(omMottak, omPrivat)
	}
	return slices.Concat(omMottak, omOffentlig)
}

var (
	navn    = Tekst{"Navn", "Namn", "Name"}
	telefon = Tekst{"Telefonnummer", "Telefonnummer", "Telephone number"}
	adresse = Tekst{"Adresse", "Adresse", "Address"}
	grunn   = Tekst{"Hvordan, eller hvorfor ikke?", "Korleis, eller kvifor ikkje?", "How, or why not?"}
	bekymra = Tekst{"Hva er du bekymret for?", "Kva er du bekymra for?", "What are you concerned about?"}

	omMottak = []Sporsmal{
		{"kommunenummer", DelMottak, Tekst{"Kommune", "Kommune", "Municipality"}},
		{"bydelsnummer", DelMottak, Tekst{"Barnevernstjeneste", "Barnevernsteneste", "Child welfare service"}},
	}
	omPrivat = []Sporsmal{
		{"privatMelder.personnavn", DelMelder, navn},
		{"privatMelder.telefonnummer", DelMelder, telefon},
		{"privatMelder.adresse", DelMelder, adresse},
		{"privatBarn.personnavn", DelPrivatBarn, navn},
		{"privatBarn.antattAlder", DelPrivatBarn, Tekst{"Antatt alder", "Tenkt alder", "Presumed age"}},
		{"privatBarn.adresse", DelPrivatBarn, adresse},
		{"privatBarn.relasjon", DelPrivatBarn, Tekst{"Melderens relasjon til barnet", "Relasjonen meldaren har til barnet", "Relation of the person reporting to the child"}},
		{"melding", DelMelding, bekymra},
	}
	omOffentlig = []Sporsmal{
		{"offentligMelder.personnavn", DelMelder, navn},
		{"offentligMelder.rolle", DelMelder, Tekst{"Stilling eller rolle", "Stilling eller rolle", "Position or role"}},
		{"offentligMelder.telefonnummer", DelMelder, telefon},
		{"offentligMelder.epost", DelMelder, Tekst{"E-postadresse", "E-postadresse", "E-mail address"}},
		{"offentligMelder.virksomhet.orgnr", DelMelder, Tekst{"Virksomhetens organisasjonsnummer", "Organisasjonsnummeret til verksemda", "Organisation number of the workplace"}},
		{"offentligMelder.virksomhet.navn", DelMelder, Tekst{"Virksomhetens navn", "Namnet på verksemda", "Name of the workplace"}},
		{"offentligMelder.virksomhet.adresse", DelMelder, Tekst{"Virksomhetens adresse", "Adressa til verksemda", "Address of the workplace"}},
		{"offentligBarn.ufoedt", DelOffentligBarn, Tekst{"Er barnet ufødt?", "Er barnet ufødt?", "Is the child unborn?"}},
		{"offentligBarn.fnr", DelOffentligBarn, Tekst{"Fødselsnummer, fødselsdato eller termin", "Fødselsnummer, fødselsdato eller termin", "National identity number, date of birth or due date"}},
		{"offentligBarn.personnavn", DelOffentligBarn, navn},
		{"offentligBarn.telefonnummer", DelOffentligBarn, telefon},
		{"offentligBarn.adresse", DelOffentligBarn, adresse},
		{"offentligBarn.orientert", DelOffentligBarn, Tekst{"Er barnet orientert om meldingen?", "Er barnet orientert om meldinga?", "Has the child been told about the report?"}},
		{"offentligBarn.orientertGrunn", DelOffentligBarn, grunn},
		{"foresatte.personnavn", DelForesatte, navn},
		{"foresatte.telefonnummer", DelForesatte, telefon},
		{"foresatte.orientert", DelForesatte, Tekst{"Er den foresatte orientert om meldingen?", "Er den føresette orientert om meldinga?", "Has the guardian been told about the report?"}},
		{"foresatte.orientertGrunn", DelForesatte, grunn},
		{"behovForTolk", DelMelding, Tekst{"Har barnet eller de foresatte behov for tolk?", "Har barnet eller dei føresette behov for tolk?", "Does the child or do the guardians need an interpreter?"}},
		{"melding.melding", DelMelding, bekymra},
		{"melding.historie", DelMelding, Tekst{"Historikk og tidligere tiltak", "Historikk og tidlegare tiltak", "History and earlier measures"}},
		{"melding.andreSynspunkter", DelMelding, Tekst{"Synspunkter fra andre rundt barnet", "Synspunkt frå andre rundt barnet", "Views of others around the child"}},
		{"andreHjelpeinstanser", DelMelding, Tekst{"Andre hjelpeinstanser som har kontakt med barnet", "Andre hjelpeinstansar som har kontakt med barnet", "Other services in contact with the child"}},
	}
)

// What the server adds to the answers, and how answers read.
var (
	tittelPrivat    = Tekst{"Bekymringsmelding til barnevernet: privat melder", "Bekymringsmelding til barnevernet: privat meldar", "Report of concern to the child welfare service: private person"}
	tittelOffentlig = Tekst{"Bekymringsmelding til barnevernet: offentlig melder", "Bekymringsmelding til barnevernet: offentleg meldar", "Report of concern to the child welfare service: public employee or professional"}
	sendt           = Tekst{"Sendt", "Send", "Sent"}
	referanse       = Tekst{"Referanse", "Referanse", "Reference"}
	kanal           = Tekst{"Sendt gjennom", "Send gjennom", "Sent through"}
	ja              = Tekst{"Ja", "Ja", "Yes"}
	nei             = Tekst{"Nei", "Nei", "No"}
	ikkeOppgitt     = Tekst{"Ikke oppgitt", "Ikkje oppgitt", "Not given"}
)

// ledetekst is the question that a member answers.
func ledetekst(felt string) Tekst {
	for _, alle := range [][]Sporsmal{omMottak, omPrivat, omOffentlig} {
		if i := slices.IndexFunc(alle, func(s Sporsmal) bool { return s.Felt == felt }); i >= 0 {
			return alle[i].Tekst
		}
	}
	return Tekst{}
}
