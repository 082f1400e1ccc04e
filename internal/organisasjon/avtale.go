package organisasjon

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"time"

	"knutepunkt/internal/feil"
)

// Hovedavtale is the code of the agreement on the platform as a whole. Those on
// each service (tjenestevedlegg) have the service's code.
const Hovedavtale = "HOVEDAVTALE"

// AvtaleMangler is the errorCode of what is refused because an agreement is missing.
const AvtaleMangler = "AVTALE_MANGLER"

// avtaleslag is a kind of agreement.
type avtaleslag struct {
	kode        string
	ressursType string // of the service; "" for the hovedavtale
	navn        string // of the service
}

// avtaleslagene are all, the hovedavtale first. A service that is not here needs
// the hovedavtale alone.
var avtaleslagene = []avtaleslag{
	{Hovedavtale, "", ""},
	{"DIGISOS", TypeDigisos, "Fiks Digisos"},
	{"DOKUMENTLAGER", TypeDokumentlager, "Fiks dokumentlager"},
	{"FIKS_IO", TypeFiksIO, "Fiks IO"},
	{"SVARUT", TypeSvarUt, "SvarUt"},
	{"SVARINN", TypeMottakersystem, "SvarInn"},
	{"BEKYMRINGSMELDING", "TJENESTE_BEKYMRINGSMELDING", "Bekymringsmelding"},
}

func (a avtaleslag) tittel() string {
	if a.kode == Hovedavtale {
		return "hovedavtalen"
	}
	return "tjenestevedlegget for " + a.navn
}

func finnAvtaleslag(kode string) (avtaleslag, error) {
	i := slices.IndexFunc(avtaleslagene, func(a avtaleslag) bool { return a.kode == kode })
	if i < 0 {
		return avtaleslag{}, ikkeFunnet("Avtalen")
	}
	return avtaleslagene[i], nil
}

// Avtalekonfig is what the operator of an instance decides on agreements.
type Avtalekonfig struct {
	// Egne are the operator's own texts by code (HOVEDAVTALE, DIGISOS, …). Where it
	// has none, the platform's template is shown, which says of itself that it is one.
	Egne map[string]Avtaletekst
	// Uten are organisations (fiksOrgId) that need none: the operator's own.
	Uten []string
}

// Avtaletekst is an agreement that the operator has published. When the version
// changes it is to be accepted again.
type Avtaletekst struct{ Versjon, URL string }

// malversjon is the version of the templates; another one when their words change.
const malversjon = "mal-1"

var avtaleversjonRE = regexp.MustCompile(`^[0-9A-Za-z._-]{1,40}$`)

// Valider lists everything that is wrong.
func (k Avtalekonfig) Valider() error {
	var alle []error
	for _, kode := range slices.Sorted(maps.Keys(k.Egne)) {
		t := k.Egne[kode]
		if _, err := finnAvtaleslag(kode); err != nil {
			alle = append(alle, fmt.Errorf("avtaler: there is no agreement %q", kode))
		}
		if !avtaleversjonRE.MatchString(t.Versjon) || strings.HasPrefix(t.Versjon, "mal-") {
			alle = append(alle, fmt.Errorf("avtaler: the version %q of %s is not 1–40 of A–Z, a–z, 0–9, . _ -, or begins with mal-", t.Versjon, kode))
		}
		if u, err := url.Parse(t.URL); err != nil || u.Scheme != "https" || u.Host == "" {
			alle = append(alle, fmt.Errorf("avtaler: the address %q of %s is not an https URL", t.URL, kode))
		}
	}
	for _, id := range k.Uten {
		if !erUUID(id) {
			alle = append(alle, fmt.Errorf("avtaler: %q is not the id of an organisation", id))
		}
	}
	return errors.Join(alle...)
}

func (k Avtalekonfig) tekst(kode string) Avtaletekst {
	if t, ok := k.Egne[kode]; ok {
		return t
	}
	return Avtaletekst{Versjon: malversjon}
}

// How far an agreement has come.
const (
	AvtaleManglerStatus = "MANGLER" // never accepted
	AvtaleFornyes       = "FORNYES" // an earlier version was: what runs goes on
	AvtaleInngatt       = "INNGATT" // the current version was
)

// Avtale is an agreement as an organisation has it.
type Avtale struct {
	Kode        string // HOVEDAVTALE, or the code of the service
	RessursType string // of the service; "" for the hovedavtale
	Tjeneste    string // its name; "" for the hovedavtale
	Versjon     string // current version of the text
	URL         string // where the operator has published it; "": it is the template, see AvtaleTekst
	Status      string
	Sist        *Godkjenning // what was accepted last; nil: nothing
}

// Godkjenning is that one version of an agreement was accepted.
type Godkjenning struct {
	Avtale, Versjon string
	Tidspunkt       time.Time
	Fnr, Navn       string // of whoever did it; "" when seeded. Never log the fødselsnummer
	Sprak           string // that it was shown in
	URL             string // where its text was; "": the template
	SHA256          string // of the template's text as it was shown, hex; "" with URL
}

//go:embed avtaletekster/*.tmpl
var avtaletekster embed.FS

// Sprak of the templates, in the pages' codes.
var avtalesprak = []string{"nb", "nn", "en"}

// AvtaleTekst is the platform's template of an agreement in a language (nb, nn,
// en; nb for any other): headings begin with «# », paragraphs are apart by an
// empty line. It says that it is a template. feil.IkkeFunnet for an unknown code.
func AvtaleTekst(kode, sprak string) (string, error) {
	a, err := finnAvtaleslag(kode)
	if err != nil {
		return "", err
	}
	if !slices.Contains(avtalesprak, sprak) {
		sprak = avtalesprak[0]
	}
	fil := "vedlegg"
	if kode == Hovedavtale {
		fil = "hovedavtale"
	}
	t, err := template.New("").ParseFS(avtaletekster, "avtaletekster/"+fil+"."+sprak+".tmpl")
	if err != nil {
		return "", fmt.Errorf("reading the template of %s: %w", kode, err)
	}
	var om, ut bytes.Buffer
	if kode != Hovedavtale {
		if err := t.ExecuteTemplate(&om, kode, nil); err != nil {
			return "", fmt.Errorf("writing the template of %s: %w", kode, err)
		}
	}
	err = t.ExecuteTemplate(&ut, fil+"."+sprak+".tmpl", map[string]string{"Versjon": malversjon, "Tjeneste": a.navn, "Om": strings.TrimSpace(om.String())})
	if err != nil {
		return "", fmt.Errorf("writing the template of %s: %w", kode, err)
	}
	return strings.TrimSpace(ut.String()) + "\n", nil
}

// avtalerMangler names what is missing; feil.Ugyldig, which every contract of a
// service that is configured knows. errorJson is a string, as clients type it:
// the codes, comma-separated.
func avtalerMangler(tjeneste string, mangler []Avtale) error {
	titler := make([]string, len(mangler))
	koder := make([]string, len(mangler))
	for i, a := range mangler {
		titler[i] = avtaleslag{a.Kode, a.RessursType, a.Tjeneste}.tittel()
		if a.Status == AvtaleFornyes {
			titler[i] = "ny versjon av " + titler[i]
		}
		koder[i] = a.Kode
	}
	f := feil.Ny(feil.Ugyldig, "%s kan ikke tas i bruk: %s er ikke godtatt. En administrator i organisasjonen må godta dette i Forvaltning først, under Avtaler",
		tjeneste, strings.Join(titler, " og "))
	f.ErrorCode, f.ErrorJSON = AvtaleMangler, strings.Join(koder, ",")
	return f
}
