package skjema

import (
	"fmt"
	"io"
	"strings"

	"knutepunkt/internal/klokke"
	"knutepunkt/internal/pdf"
)

// ord are the words of the PDF, in bokmål and nynorsk.
var ord = map[string][2]string{
	"tittel.privat":    {"Bekymringsmelding til barnevernet: privat melder", "Bekymringsmelding til barnevernet: privat meldar"},
	"tittel.offentlig": {"Bekymringsmelding til barnevernet: offentlig melder", "Bekymringsmelding til barnevernet: offentleg meldar"},
	"om":               {"Om meldingen", "Om meldinga"},
	"kommune":          {"Kommune", "Kommune"},
	"bydel":            {"Barneverntjeneste", "Barnevernteneste"},
	"sendt":            {"Sendt", "Send"},
	"referanse":        {"Referanse", "Referanse"},
	"kanal":            {"Sendt gjennom", "Send gjennom"},
	"melder":           {"Om den som melder", "Om den som melder"},
	"navn":             {"Navn", "Namn"},
	"rolle":            {"Stilling eller rolle", "Stilling eller rolle"},
	"telefon":          {"Telefonnummer", "Telefonnummer"},
	"epost":            {"E-postadresse", "E-postadresse"},
	"adresse":          {"Adresse", "Adresse"},
	"virksomhet":       {"Virksomhet", "Verksemd"},
	"orgnr":            {"Organisasjonsnummer", "Organisasjonsnummer"},
	"virkadresse":      {"Virksomhetens adresse", "Adressa til verksemda"},
	"barn":             {"Barn", "Barn"},
	"alder":            {"Antatt alder", "Tenkt alder"},
	"relasjon":         {"Melderens relasjon til barnet", "Relasjonen meldaren har til barnet"},
	"fnr":              {"Fødselsnummer, fødselsdato eller termin", "Fødselsnummer, fødselsdato eller termin"},
	"ufoedt":           {"Er barnet ufødt?", "Er barnet ufødt?"},
	"orientert.barn":   {"Er barnet orientert om meldingen?", "Er barnet orientert om meldinga?"},
	"orientert":        {"Er den foresatte orientert om meldingen?", "Er den føresette orientert om meldinga?"},
	"grunn":            {"Hvordan, eller hvorfor ikke?", "Korleis, eller kvifor ikkje?"},
	"foresatt":         {"Foresatt", "Føresett"},
	"bekymring":        {"Bekymringen", "Uroa"},
	"melding":          {"Hva er du bekymret for?", "Kva er du uroa for?"},
	"historie":         {"Historikk og tidligere tiltak", "Historikk og tidlegare tiltak"},
	"andre":            {"Synspunkter fra andre rundt barnet", "Synspunkt frå andre rundt barnet"},
	"tolk":             {"Behov for tolk", "Behov for tolk"},
	"instanser":        {"Andre hjelpeinstanser", "Andre hjelpeinstansar"},
	"ja":               {"Ja", "Ja"},
	"nei":              {"Nei", "Nei"},
	"ingen":            {"Ikke oppgitt", "Ikkje oppgitt"},
}

// brev gathers the questions and answers of a PDF.
type brev struct {
	i       int // which language
	innhold []pdf.Blokk
}

func nyttBrev(o PDFInfo) *brev {
	b := &brev{}
	if o.Spraak == "nn" {
		b.i = 1
	}
	return b
}

func (b *brev) ord(nokkel string) string { return ord[nokkel][b.i] }

func (b *brev) del(tekst string) {
	b.innhold = append(b.innhold, pdf.Overskrift{Niva: 2, Tekst: tekst})
}

func (b *brev) svar(sporsmal, svar string) {
	if strings.TrimSpace(svar) == "" {
		svar = b.ord("ingen")
	}
	b.innhold = append(b.innhold, pdf.Sporsmal{Sporsmal: b.ord(sporsmal), Svar: svar})
}

func (b *brev) jaNei(sporsmal string, ja bool) {
	if ja {
		b.svar(sporsmal, b.ord("ja"))
	} else {
		b.svar(sporsmal, b.ord("nei"))
	}
}

func (b *brev) adresse(sporsmal string, a *Adresse) {
	var linjer []string
	if a != nil {
		for _, l := range []string{a.Adresselinje1, a.Adresselinje2, a.Adresselinje3, strings.TrimSpace(a.Postnummer + " " + a.Poststed)} {
			if l != "" {
				linjer = append(linjer, l)
			}
		}
	}
	b.svar(sporsmal, strings.Join(linjer, "\n"))
}

func (b *brev) om(m Mottak, kanal string, o PDFInfo) {
	b.del(b.ord("om"))
	b.svar("kommune", m.Kommunenavn)
	b.svar("bydel", m.Bydelsnummer+" "+m.Bydelsnavn)
	b.svar("sendt", klokke.Oslo(o.Sendt).Format("02.01.2006 15:04:05"))
	b.svar("referanse", o.Referanse)
	b.svar("kanal", kanal)
}

func (b *brev) skriv(w io.Writer, tittel string, o PDFInfo) error {
	sprak := pdf.Bokmal
	if b.i == 1 {
		sprak = pdf.Nynorsk
	}
	return pdf.Tagget{Tittel: b.ord(tittel), Sprak: sprak, Laget: o.Sendt, Adresse: o.Mottaker, Topptekst: o.Referanse, Innhold: b.innhold}.Skriv(w)
}

// PDF writes the document for people: every answer with its question (§15).
func (p Privat) PDF(w io.Writer, o PDFInfo) error {
	b := nyttBrev(o)
	b.om(p.Mottak, p.Leveringskanal, o)
	b.del(b.ord("melder"))
	b.svar("navn", p.PrivatMelder.Personnavn)
	b.svar("telefon", p.PrivatMelder.Telefonnummer)
	b.adresse("adresse", p.PrivatMelder.Adresse)
	for i, barn := range p.PrivatBarn {
		b.del(fmt.Sprintf("%s %d", b.ord("barn"), i+1))
		b.svar("navn", barn.Personnavn)
		b.svar("alder", barn.AntattAlder)
		b.adresse("adresse", &barn.Adresse)
		b.svar("relasjon", barn.Relasjon)
	}
	b.del(b.ord("bekymring"))
	b.svar("melding", p.Melding)
	return b.skriv(w, "tittel.privat", o)
}

// PDF writes the document for people: every answer with its question (§15).
func (o Offentlig) PDF(w io.Writer, i PDFInfo) error {
	b := nyttBrev(i)
	b.om(o.Mottak, o.Leveringskanal, i)
	m := o.OffentligMelder
	b.del(b.ord("melder"))
	b.svar("navn", m.Personnavn)
	b.svar("rolle", m.Rolle)
	b.svar("telefon", m.Telefonnummer)
	b.svar("epost", m.Epost)
	b.svar("orgnr", m.Virksomhet.Orgnr)
	b.svar("virksomhet", m.Virksomhet.Navn)
	b.adresse("virkadresse", &m.Virksomhet.Adresse)
	for n, barn := range o.OffentligBarn {
		b.del(fmt.Sprintf("%s %d", b.ord("barn"), n+1))
		b.jaNei("ufoedt", barn.Ufoedt)
		b.svar("fnr", barn.Fnr)
		b.svar("navn", barn.Personnavn)
		b.svar("telefon", barn.Telefonnummer)
		b.adresse("adresse", &barn.Adresse)
		b.jaNei("orientert.barn", barn.Orientert)
		b.svar("grunn", barn.OrientertGrunn)
	}
	for n, f := range o.Foresatte {
		b.del(fmt.Sprintf("%s %d", b.ord("foresatt"), n+1))
		b.svar("navn", f.Personnavn)
		b.svar("telefon", f.Telefonnummer)
		b.jaNei("orientert", f.Orientert)
		b.svar("grunn", f.OrientertGrunn)
	}
	b.del(b.ord("bekymring"))
	b.svar("tolk", o.BehovForTolk)
	b.svar("melding", o.Melding.Melding)
	b.svar("historie", o.Melding.Historie)
	b.svar("andre", o.Melding.AndreSynspunkter)
	b.svar("instanser", o.AndreHjelpeinstanser)
	return b.skriv(w, "tittel.offentlig", i)
}
