package skjema

import (
	"fmt"
	"io"
	"strings"

	"knutepunkt/internal/klokke"
	"knutepunkt/internal/pdf"
)

// Gruppe is a part of a form that is filled in: one child, say.
type Gruppe struct {
	Del        Del
	Overskrift string
	Svar       []Svar
}

// Svar is an answer with its question, as people read them; "Ikke oppgitt" where nothing
// was. Felt is the member of the document, as Feltfeil has it, for a way back to it.
type Svar struct{ Felt, Sporsmal, Svar string }

// svar gathers the answers of a document.
type svar struct {
	spraak  string
	grupper []Gruppe
}

// gruppe begins a part; nr counts children and guardians from 1, and is 0 for what there
// is one of.
func (s *svar) gruppe(d Del, nr int) {
	overskrift := d.Tekst().Paa(s.spraak)
	if nr > 0 {
		overskrift = fmt.Sprintf("%s %d", overskrift, nr)
	}
	s.grupper = append(s.grupper, Gruppe{Del: d, Overskrift: overskrift})
}

// til adds an answer to the part that was begun.
func (s *svar) til(felt string, sporsmal Tekst, verdi string) {
	if strings.TrimSpace(verdi) == "" {
		verdi = ikkeOppgitt.Paa(s.spraak)
	}
	g := &s.grupper[len(s.grupper)-1]
	g.Svar = append(g.Svar, Svar{felt, sporsmal.Paa(s.spraak), verdi})
}

func (s *svar) tekst(felt, verdi string) { s.til(felt, ledetekst(felt), verdi) }

// iListe is an answer about number i of a part that there are several of.
func (s *svar) iListe(d Del, i int, felt, verdi string) {
	s.til(fmt.Sprintf("%s.%d.%s", d, i, felt), ledetekst(string(d)+"."+felt), verdi)
}

func (s *svar) jaNei(b bool) string {
	if b {
		return ja.Paa(s.spraak)
	}
	return nei.Paa(s.spraak)
}

func (s *svar) mottak(m Mottak) {
	s.gruppe(DelMottak, 0)
	s.tekst("kommunenummer", strings.TrimSpace(m.Kommunenummer+" "+m.Kommunenavn))
	s.tekst("bydelsnummer", strings.TrimSpace(m.Bydelsnummer+" "+m.Bydelsnavn))
}

// linjer is an address over some lines.
func (a *Adresse) linjer() string {
	if a == nil {
		return ""
	}
	var ut []string
	for _, l := range []string{a.Adresselinje1, a.Adresselinje2, a.Adresselinje3, a.Postnummer + " " + a.Poststed} {
		if l = strings.TrimSpace(l); l != "" {
			ut = append(ut, l)
		}
	}
	return strings.Join(ut, "\n")
}

// Svar are all questions with their answers, in the order of the portal, in "nb", "nn" or
// "en": what is shown before the report is sent, and in the PDF.
func (p Privat) Svar(spraak string) []Gruppe {
	s := &svar{spraak: spraak}
	s.mottak(p.Mottak)
	s.gruppe(DelMelder, 0)
	s.tekst("privatMelder.personnavn", p.PrivatMelder.Personnavn)
	s.tekst("privatMelder.telefonnummer", p.PrivatMelder.Telefonnummer)
	s.tekst("privatMelder.adresse", p.PrivatMelder.Adresse.linjer())
	for i, b := range p.PrivatBarn {
		s.gruppe(DelPrivatBarn, i+1)
		s.iListe(DelPrivatBarn, i, "personnavn", b.Personnavn)
		s.iListe(DelPrivatBarn, i, "antattAlder", b.AntattAlder)
		s.iListe(DelPrivatBarn, i, "adresse", b.Adresse.linjer())
		s.iListe(DelPrivatBarn, i, "relasjon", b.Relasjon)
	}
	s.gruppe(DelMelding, 0)
	s.tekst("melding", p.Melding)
	return s.grupper
}

// Svar are all questions with their answers, as those of Privat.
func (o Offentlig) Svar(spraak string) []Gruppe {
	s := &svar{spraak: spraak}
	s.mottak(o.Mottak)
	s.gruppe(DelMelder, 0)
	m := o.OffentligMelder
	s.tekst("offentligMelder.personnavn", m.Personnavn)
	s.tekst("offentligMelder.rolle", m.Rolle)
	s.tekst("offentligMelder.telefonnummer", m.Telefonnummer)
	s.tekst("offentligMelder.epost", m.Epost)
	s.tekst("offentligMelder.virksomhet.orgnr", m.Virksomhet.Orgnr)
	s.tekst("offentligMelder.virksomhet.navn", m.Virksomhet.Navn)
	s.tekst("offentligMelder.virksomhet.adresse", m.Virksomhet.Adresse.linjer())
	for i, b := range o.OffentligBarn {
		s.gruppe(DelOffentligBarn, i+1)
		s.iListe(DelOffentligBarn, i, "ufoedt", s.jaNei(b.Ufoedt))
		s.iListe(DelOffentligBarn, i, "fnr", b.Fnr)
		s.iListe(DelOffentligBarn, i, "personnavn", b.Personnavn)
		s.iListe(DelOffentligBarn, i, "telefonnummer", b.Telefonnummer)
		s.iListe(DelOffentligBarn, i, "adresse", b.Adresse.linjer())
		s.iListe(DelOffentligBarn, i, "orientert", s.jaNei(b.Orientert))
		s.iListe(DelOffentligBarn, i, "orientertGrunn", b.OrientertGrunn)
	}
	for i, f := range o.Foresatte {
		s.gruppe(DelForesatte, i+1)
		s.iListe(DelForesatte, i, "personnavn", f.Personnavn)
		s.iListe(DelForesatte, i, "telefonnummer", f.Telefonnummer)
		s.iListe(DelForesatte, i, "orientert", s.jaNei(f.Orientert))
		s.iListe(DelForesatte, i, "orientertGrunn", f.OrientertGrunn)
	}
	s.gruppe(DelMelding, 0)
	s.tekst("behovForTolk", o.BehovForTolk)
	s.tekst("melding.melding", o.Melding.Melding)
	s.tekst("melding.historie", o.Melding.Historie)
	s.tekst("melding.andreSynspunkter", o.Melding.AndreSynspunkter)
	s.tekst("andreHjelpeinstanser", o.AndreHjelpeinstanser)
	return s.grupper
}

// PDF writes the document for people: every answer with its question (§15). Its errors are
// those of w and of pdf.Tagget.
func (p Privat) PDF(w io.Writer, o PDFInfo) error {
	return o.skriv(w, tittelPrivat, p.Svar(o.spraak()), p.Leveringskanal)
}

// PDF writes the document for people, as that of Privat.
func (o Offentlig) PDF(w io.Writer, i PDFInfo) error {
	return i.skriv(w, tittelOffentlig, o.Svar(i.spraak()), o.Leveringskanal)
}

// spraak is one that the receiver reads: the reporter may have chosen English.
func (o PDFInfo) spraak() string {
	if o.Spraak == "nn" {
		return "nn"
	}
	return "nb"
}

func (o PDFInfo) skriv(w io.Writer, tittel Tekst, grupper []Gruppe, leveringskanal string) error {
	s := svar{o.spraak(), grupper[:1:1]} // the first is about the report itself
	s.til("", sendt, klokke.Oslo(o.Sendt).Format("02.01.2006 15:04:05"))
	s.til("", referanse, o.Referanse)
	s.til("", kanal, leveringskanal)
	d := pdf.Tagget{Tittel: tittel.Paa(s.spraak), Sprak: pdf.Bokmal, Laget: o.Sendt, Adresse: vindu(o.Mottaker), Topptekst: o.Referanse}
	if s.spraak == "nn" {
		d.Sprak = pdf.Nynorsk
	}
	for _, g := range grupper {
		d.Innhold = append(d.Innhold, pdf.Overskrift{Niva: 2, Tekst: g.Overskrift})
		for _, v := range g.Svar {
			d.Innhold = append(d.Innhold, pdf.Sporsmal{Sporsmal: v.Sporsmal, Svar: v.Svar})
		}
	}
	return d.Skriv(w)
}

// vindu is an address that fits in the window of an envelope. One that does not is cut,
// line by line: a report is not held up by it.
func vindu(linjer []string) []string {
	for _, maks := range []int{80, 60, 45, 30} {
		if (pdf.Tagget{Tittel: "-", Adresse: linjer}).Skriv(io.Discard) == nil {
			return linjer
		}
		var kortet []string
		for _, l := range linjer {
			if r := []rune(l); len(r) > maks {
				l = string(r[:maks])
			}
			kortet = append(kortet, l)
		}
		linjer = kortet
	}
	return linjer
}
