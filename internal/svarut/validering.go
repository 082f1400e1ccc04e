package svarut

import (
	"mime"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/levering"
)

// The limits of §3.1 and §3.6.
const (
	maksTittel     = 1000 // characters
	maksTekst      = 100  // of avgivendeSystem, forsendelsestype, eksternReferanse and korrelasjonsid
	maksFilnavn    = 226
	maksDokumenter = 1000
	maksLenker     = 5
	maksUtskrift   = 350 << 20 // bytes of all that is printed
	maksLangTekst  = 4000      // of what the contract has no limit for
	maksEksponert  = 1000
)

var (
	konteringskodeRE = regexp.MustCompile(`^[a-zA-Z0-9_\-.øæåØÆÅ]{0,20}$`)
	postnummerRE     = regexp.MustCompile(`^[0-9]{4}$`)
)

func ugyldig(format string, args ...any) error { return feil.Ny(feil.Ugyldig, format, args...) }

// Validate tells what is wrong with the metadata; feil.Ugyldig, or
// feil.IkkeBygget for what the contract has and this installation does not
// offer. printAdresse checks what must stand on an envelope.
func (n Ny) Validate(printAdresse func(levering.Adresse) error) error {
	p := n.Post
	for _, f := range []struct {
		navn, verdi string
		maks        int
	}{
		{"tittel", p.Tittel, maksTittel},
		{"avgivendeSystem", p.AvgivendeSystem, maksTekst},
		{"avgivendeSystemAktor", n.Aktor, maksLangTekst},
		{"forsendelsestype", p.ForsendelseType, maksTekst},
		{"eksternReferanse", n.EksternRef, maksTekst},
		{"korrelasjonsid", p.KorrelasjonsID, maksTekst},
	} {
		if utf8.RuneCountInString(f.verdi) > f.maks {
			return ugyldig("%s kan ha høyst %d tegn", f.navn, f.maks)
		}
	}
	switch {
	case strings.TrimSpace(p.Tittel) == "":
		return ugyldig("tittel mangler")
	case !konteringskodeRE.MatchString(p.Konteringskode):
		return ugyldig("konteringskode kan ha høyst 20 tegn: bokstaver, tall, understrek, bindestrek og punktum")
	case n.ID != "" && !erUUID(n.ID):
		return ugyldig("Forsendelsens id må være en UUID")
	case p.SvarPa != "" && !erUUID(p.SvarPa):
		return ugyldig("svarPaForsendelse må være en UUID")
	case p.Niva == 4 && !n.Kryptert:
		return ugyldig("Forsendelser på sikkerhetsnivå 4 må være kryptert av avsender: sett kryptert, og krypter filene med sertifikatet fra /forsendelse/publickey/hent")
	case n.Signeres > 1:
		return ugyldig("Høyst ett dokument kan signeres")
	case n.Signeres == 1:
		return feil.Ny(feil.IkkeBygget, "Signering tilbys ikke i denne installasjonen")
	case n.ViaEdialog && (p.SvarSendesTil == nil || p.SvarSendesTil.Orgnr == ""):
		return ugyldig("Svar via eDialog krever at svarSendesTil har organisasjonsnummer")
	case n.ViaEdialog:
		return feil.Ny(feil.IkkeBygget, "Svar via eDialog tilbys ikke i denne installasjonen")
	}
	if err := n.validerAdresser(printAdresse); err != nil {
		return err
	}
	for _, noark := range []levering.Noark{p.Noark, p.NoarkImport} {
		if err := validerNoark(noark); err != nil {
			return err
		}
	}
	if err := validerLenker(p.Lenker); err != nil {
		return err
	}
	return validerDokumenter(n.Dokumenter, p.KunDigital)
}

func (n Ny) validerAdresser(printAdresse func(levering.Adresse) error) error {
	p := n.Post
	if err := validerMottaker("mottaker", p.Mottaker); err != nil {
		return err
	}
	if p.KunDigital && p.Mottaker.Fnr == "" && p.Mottaker.Orgnr == "" {
		return ugyldig("mottaker må ha fødselsnummer eller organisasjonsnummer når forsendelsen er kun digital")
	}
	if !p.KunDigital {
		if err := postadresse("mottaker", p.Mottaker, printAdresse); err != nil {
			return err
		}
	}
	if svar := p.SvarSendesTil; svar != nil {
		if err := validerMottaker("svarSendesTil", *svar); err != nil {
			return err
		}
		if n.KrevReturadresse {
			if err := postadresse("svarSendesTil", *svar, printAdresse); err != nil {
				return err
			}
		}
	}
	if len(p.EksponertFor) > maksEksponert {
		return ugyldig("eksponertFor kan ha høyst %d verdier", maksEksponert)
	}
	for i, id := range p.EksponertFor {
		if !gyldigFnr(id) && !gyldigOrgnr(id) {
			return ugyldig("eksponertFor nummer %d er ikke et gyldig fødselsnummer eller organisasjonsnummer", i+1)
		}
	}
	return nil
}

// postadresse says whose address cannot stand on an envelope.
func postadresse(felt string, a levering.Adresse, printAdresse func(levering.Adresse) error) error {
	err := printAdresse(a)
	if f, ok := kjent(err); ok {
		return feil.Ny(f.Kode, "Postadressen til %s: %s", felt, f.Melding).Med(f.Err)
	}
	return err
}

func validerMottaker(felt string, a levering.Adresse) error {
	switch {
	case strings.TrimSpace(a.Navn) == "":
		return ugyldig("%s mangler navn", felt)
	case a.Fnr != "" && a.Orgnr != "":
		return ugyldig("%s kan ikke ha både fødselsnummer og organisasjonsnummer", felt)
	case a.Fnr != "" && !gyldigFnr(a.Fnr):
		return ugyldig("Fødselsnummeret til %s er ikke gyldig", felt)
	case a.Orgnr != "" && !gyldigOrgnr(a.Orgnr):
		return ugyldig("Organisasjonsnummeret til %s er ikke gyldig", felt)
	}
	for _, linje := range []string{a.Navn, a.Adresselinje1, a.Adresselinje2, a.Adresselinje3, a.Postnummer, a.Poststed, a.Land} {
		if utf8.RuneCountInString(linje) > 500 || strings.ContainsFunc(linje, kontrolltegn) {
			return ugyldig("Navn eller adresse til %s er for lang, eller har linjeskift", felt)
		}
	}
	return nil
}

// PrintAdresse is what a letter needs at least (§3.1); feil.Ugyldig.
func PrintAdresse(a levering.Adresse) error {
	switch {
	case strings.TrimSpace(a.Navn) == "" || strings.TrimSpace(a.Poststed) == "":
		return ugyldig("navn og poststed må være satt, for forsendelsen kan bli skrevet ut")
	case norsk(a.Land) && !postnummerRE.MatchString(a.Postnummer):
		return ugyldig("postnummer må ha fire sifre, for forsendelsen kan bli skrevet ut")
	}
	return nil
}

func norsk(land string) bool {
	return slices.Contains([]string{"", "no", "nor", "norge", "noreg", "norway"}, strings.ToLower(strings.TrimSpace(land)))
}

func validerNoark(n levering.Noark) error {
	for _, v := range []string{n.Tittel, n.Journalposttype, n.Journalstatus, n.Saksbehandler} {
		if utf8.RuneCountInString(v) > maksLangTekst {
			return ugyldig("Et felt i Noark-metadata er lengre enn %d tegn", maksLangTekst)
		}
	}
	return validerEkstra("Noark-metadata", n.EkstraMetadata)
}

func validerEkstra(felt string, ekstra []levering.Nokkelverdi) error {
	if len(ekstra) > 1000 {
		return ugyldig("%s kan ha høyst 1000 ekstraMetadata", felt)
	}
	for _, e := range ekstra {
		if e.Key == "" || len(e.Key) > maksLangTekst || len(e.Value) > maksLangTekst {
			return ugyldig("ekstraMetadata i %s mangler nøkkel, eller er for lang", felt)
		}
	}
	return nil
}

func validerLenker(lenker []levering.Lenke) error {
	if len(lenker) > maksLenker {
		return ugyldig("En forsendelse kan ha høyst %d lenker", maksLenker)
	}
	for i, l := range lenker {
		u, err := url.Parse(l.URL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || len(l.URL) > 2000 {
			return ugyldig("Lenke nummer %d må ha en fullstendig adresse som begynner med http eller https", i+1)
		}
		if l.Tekst == "" || len(l.Tekst) > maksLangTekst || len(l.Ledetekst) > maksLangTekst {
			return ugyldig("Lenke nummer %d mangler tekst, eller teksten er for lang", i+1)
		}
	}
	return nil
}

func validerDokumenter(dokumenter []Dokument, kunDigital bool) error {
	if len(dokumenter) == 0 || len(dokumenter) > maksDokumenter {
		return ugyldig("En forsendelse må ha 1 til %d dokumenter", maksDokumenter)
	}
	navn := map[string]bool{}
	for i, d := range dokumenter {
		liten := strings.ToLower(d.Filnavn)
		switch {
		case d.Filnavn == "" || utf8.RuneCountInString(d.Filnavn) > maksFilnavn:
			return ugyldig("Filnavnet til dokument nummer %d må ha 1 til %d tegn", i+1, maksFilnavn)
		case d.Filnavn == "." || d.Filnavn == ".." || strings.ContainsAny(d.Filnavn, `*:"\/<>|?`) || strings.ContainsFunc(d.Filnavn, kontrolltegn):
			return ugyldig(`Filnavnet til dokument nummer %d inneholder tegn som ikke er tillatt: * : " \ / < > | ?`, i+1)
		case navn[liten]:
			return ugyldig("Filnavnet til dokument nummer %d er brukt før i forsendelsen; store og små bokstaver regnes som like", i+1)
		case d.Mimetype == "" || len(d.Mimetype) > 200 || strings.ContainsFunc(d.Mimetype, kontrolltegn):
			return ugyldig("mimeType til dokument nummer %d mangler, eller er ikke gyldig", i+1)
		case !kunDigital && !d.UtenUtskrift && !d.erPDF():
			return ugyldig("Dokument nummer %d er ikke application/pdf og kan ikke skrives ut: sett skalEkskluderesFraUtskrift, eller send forsendelsen kun digitalt", i+1)
		case slices.ContainsFunc(d.GiroarkSider, func(n int) bool { return n < 1 }):
			return ugyldig("giroarkSider til dokument nummer %d må være 1 eller større", i+1)
		case utf8.RuneCountInString(d.DokumentType) > maksLangTekst:
			return ugyldig("dokumentType til dokument nummer %d er for lang", i+1)
		}
		navn[liten] = true
		if err := validerEkstra("et dokument", d.Ekstrametadata); err != nil {
			return err
		}
	}
	return nil
}

func kontrolltegn(c rune) bool { return c < ' ' || c == 0x7f }

// erPDF goes by the media type, which is what the receiver is told as well.
func (d Dokument) erPDF() bool {
	t, _, err := mime.ParseMediaType(d.Mimetype)
	return err == nil && t == "application/pdf"
}

// gyldigFnr checks the two control digits of a fødselsnummer or D-number,
// synthetic ones included.
func gyldigFnr(s string) bool {
	return kontrollsiffer(s, 11, []int{3, 7, 6, 1, 8, 9, 4, 5, 2, 1}) && kontrollsiffer(s, 11, []int{5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1})
}

// gyldigOrgnr checks the control digit of an organisation number.
func gyldigOrgnr(s string) bool { return kontrollsiffer(s, 9, []int{3, 2, 7, 6, 5, 4, 3, 2, 1}) }

// kontrollsiffer: the weighted sum of the digits must be divisible by 11.
func kontrollsiffer(s string, lengde int, vekter []int) bool {
	if len(s) != lengde || strings.Trim(s, "0123456789") != "" {
		return false
	}
	sum := 0
	for i, v := range vekter {
		sum += v * int(s[i]-'0')
	}
	return sum%11 == 0
}

func erUUID(s string) bool {
	u, err := uuid.Parse(s)
	return err == nil && u.String() == s
}
