package digisos

import (
	"slices"
	"strings"
	"unicode/utf8"

	"knutepunkt/internal/levering"
)

// slag is a kind of forsendelse: what it is called, and its states in the
// history of the case.
type slag struct {
	kilde       string // its source in the delivery engine
	navn        string // in messages to people
	tittel      string // towards SvarUt (§2.3)
	json        string // the name of its own JSON file; "" when it has only vedlegg.json
	hoved       string // the name of its main document, lower case; "" when it has none
	akseptert   string // §1.12
	sendtFiksIO string
	sendtSvarUt string
	handling    string // in the audit log
}

// slagAv finds the kind that belongs to a source. The titles and names of klager
// are ours: no source gives them.
func slagAv(kilde string) slag {
	switch kilde {
	case KildeSoknad:
		return slag{kilde, "Søknad", "Søknad til NAV", navnSoknad, "soknad.pdf",
			AkseptertFiks, SendtFiksIO, SendtSvarUt, "DIGISOS_SOKNAD_MOTTATT"}
	case KildeProve:
		return slag{kilde, "Testsøknad", ProveTittel, navnSoknad, "soknad.pdf",
			AkseptertFiks, SendtFiksIO, SendtSvarUt, "DIGISOS_PROVE_SENDT"}
	case KildeEttersendelse:
		return slag{kilde, "Ettersendelse", "Ettersendelse til NAV", "", "ettersendelse.pdf",
			AkseptertFiksEttersendelse, SendtFiksIOEttersendelse, SendtSvarUtEttersendelse, "DIGISOS_ETTERSENDELSE_MOTTATT"}
	case KildeKlage:
		return slag{kilde, "Klage", "Klage til NAV", navnKlage, "klage.pdf",
			AkseptertFiksKlage, "", SendtSvarUtKlage, "DIGISOS_KLAGE_MOTTATT"}
	case KildeKlageEttersendelse:
		return slag{kilde, "Ettersendelse til klage", "Ettersendelse til klage til NAV", "", "",
			AkseptertFiksKlageEttersendelse, "", SendtSvarUtKlageEttersendelse, "DIGISOS_KLAGE_ETTERSENDELSE_MOTTATT"}
	default: // KildeKlageTrekk
		return slag{kilde, "Trekk av klage", "Trekk av klage til NAV", "", "trekk.pdf",
			AkseptertFiksTrekkKlage, "", SendtSvarUtTrekkKlage, "DIGISOS_KLAGE_TRUKKET"}
	}
}

// tilstand is the name in the history (§1.12) of a transition; "" when it has none.
func (s slag) tilstand(l levering.Levering) string {
	switch {
	case l.Tilstand == levering.Sendt && l.Kanal == levering.KanalFiksIO:
		return s.sendtFiksIO
	case l.Tilstand == levering.Sendt && l.Kanal == levering.KanalSvarUt:
		return s.sendtSvarUt
	case l.Tilstand == levering.SvarUtFeil:
		return FeiletSvarUt
	}
	return ""
}

// Names of documents that NAV makes, lower case. The second is for the sender alone.
const (
	juridisk   = "soknad-juridisk.pdf"
	kvittering = "brukerkvittering.pdf"
)

// utskrift is a file and whether it is printed when the forsendelse ends as a letter.
type utskrift struct {
	dokument
	skrives bool
}

// tilSvarUt orders the files as the importers behind SvarInn were built for, and
// marks what is printed (§2.3): the main document and the juridisk one. What the
// citizen attached is not: it may be anything, and one file that cannot be
// printed would hold up all others.
func (s slag) tilSvarUt(i innhold) []utskrift {
	rest := slices.Clone(i.Vedlegg)
	var ut []utskrift
	flytt := func(j int, skrives bool) {
		if j < 0 {
			return
		}
		ut = append(ut, utskrift{rest[j], skrives && erPDF(rest[j])})
		rest = slices.Delete(rest, j, j+1)
	}
	heter := func(navn string) func(dokument) bool {
		return func(d dokument) bool { return strings.EqualFold(d.Filnavn, navn) }
	}
	if i.Hoved != nil {
		ut = append(ut, utskrift{*i.Hoved, erPDF(*i.Hoved)})
	} else { // NAV puts ettersendelse.pdf last, behind what the citizen may have called the same
		for j := len(rest) - 1; j >= 0; j-- {
			if heter(s.hoved)(rest[j]) {
				flytt(j, true)
				break
			}
		}
	}
	if s.kilde == KildeSoknad {
		flytt(slices.IndexFunc(rest, heter(juridisk)), true)
	}
	flytt(slices.IndexFunc(rest, heter(kvittering)), false)
	for _, d := range rest {
		ut = append(ut, utskrift{d, false})
	}
	return ut
}

func erPDF(d dokument) bool {
	return strings.EqualFold(d.Mimetype, "application/pdf") || strings.HasSuffix(strings.ToLower(d.Filnavn), ".pdf")
}

// maksSvarUtNavn is the longest file name that SvarUt takes (SvarUt contract
// §3.1), less what makes it unique.
const maksSvarUtNavn = 226 - 6

// svarUtNavn makes a file name fit for SvarUt (SvarUt contract §3.1).
func svarUtNavn(navn string) string {
	navn = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`*:"\/<>|?`, r) {
			return '_'
		}
		return r
	}, navn)
	over := utf8.RuneCountInString(navn) - maksSvarUtNavn
	if over <= 0 {
		return navn
	}
	stamme, endelse := navn, ""
	if i := strings.LastIndexByte(navn, '.'); i > 0 && utf8.RuneCountInString(navn[i:]) <= 20 {
		stamme, endelse = navn[:i], navn[i:]
	}
	r := []rune(stamme)
	return string(r[:len(r)-over]) + endelse
}
