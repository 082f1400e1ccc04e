package portal

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"golang.org/x/text/language"

	"knutepunkt/internal/klokke"
)

//go:embed tekster/*/*.json
var teksterFS embed.FS

// spraak are the languages in the order in which they are offered, each by its
// own name. One whose file is empty is not offered: a page is never half
// translated.
var spraak = []struct{ kode, navn string }{
	{"nb", "Bokmål"}, {"nn", "Nynorsk"}, {"se", "Davvisámegiella"}, {"en", "English"},
}

// tekster are all texts of the pages, by language and key.
type tekster struct {
	av     map[string]map[string]string
	tilbys []string // languages, in order
	velger language.Matcher
}

// lesTekster gathers the texts of the base and of the portals that stand on it:
// in each, tekster/LANGUAGE/*.json. A key is defined once.
func lesTekster(innhold ...fs.FS) (*tekster, error) {
	t := &tekster{av: map[string]map[string]string{}}
	var tags []language.Tag
	for _, s := range spraak {
		alle := map[string]string{}
		for _, fsys := range append([]fs.FS{teksterFS}, innhold...) {
			filer, err := fs.Glob(fsys, "tekster/"+s.kode+"/*.json")
			if err != nil {
				return nil, fmt.Errorf("portal: texts in %s: %w", s.navn, err)
			}
			for _, f := range filer {
				if err := leggTil(alle, fsys, f); err != nil {
					return nil, fmt.Errorf("portal: texts in %s: %s: %w", s.navn, f, err)
				}
			}
		}
		if len(alle) > 0 {
			t.av[s.kode] = alle
			t.tilbys = append(t.tilbys, s.kode)
			tags = append(tags, language.Make(s.kode))
		}
	}
	t.velger = language.NewMatcher(tags)
	return t, nil
}

func leggTil(alle map[string]string, fsys fs.FS, fil string) error {
	b, err := fs.ReadFile(fsys, fil)
	if err != nil {
		return err
	}
	m := map[string]string{}
	if err := json.Unmarshal(b, &m); err != nil {
		return err
	}
	for nokkel, tekst := range m {
		if _, fins := alle[nokkel]; fins {
			return fmt.Errorf("%s is defined twice", nokkel)
		}
		alle[nokkel] = tekst
	}
	return nil
}

// Tolk gives the text of a key in one language. par are names and values: each
// {name} in the text becomes its value.
type Tolk func(nokkel string, par ...any) string

// til is the tolk of a language. A key that does not exist shows itself; a test
// sees to it that none does.
func (t *tekster) til(spraak string) Tolk {
	m := t.av[spraak]
	return func(nokkel string, par ...any) string {
		s, ok := m[nokkel]
		if !ok {
			return nokkel
		}
		for i := 0; i+1 < len(par); i += 2 {
			s = strings.ReplaceAll(s, "{"+fmt.Sprint(par[i])+"}", fmt.Sprint(par[i+1]))
		}
		return s
	}
}

// spraakkake keeps the choice of language.
const spraakkake = "sprak"

// velg finds the language of a request: what was chosen, else what the browser
// prefers, else bokmål.
func (t *tekster) velg(r *http.Request, kake string) string {
	if c, err := r.Cookie(kake); err == nil && t.av[c.Value] != nil {
		return c.Value
	}
	tags, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil || len(tags) == 0 {
		return t.tilbys[0]
	}
	_, i, tillit := t.velger.Match(tags...)
	if tillit == language.No {
		return t.tilbys[0]
	}
	return t.tilbys[i]
}

var maaneder = map[string][12]string{
	"nb": {"januar", "februar", "mars", "april", "mai", "juni", "juli", "august", "september", "oktober", "november", "desember"},
	"en": {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
}

// Dato is a day in words, in Norway: «3. november 2026».
func Dato(spraak string, t time.Time) string {
	t = klokke.Oslo(t)
	if spraak == "en" {
		return fmt.Sprintf("%d %s %d", t.Day(), maaneder["en"][t.Month()-1], t.Year())
	}
	return fmt.Sprintf("%d. %s %d", t.Day(), maaneder["nb"][t.Month()-1], t.Year())
}

var ukedager = map[string][7]string{
	"nb": {"søndag", "mandag", "tirsdag", "onsdag", "torsdag", "fredag", "lørdag"},
	"nn": {"sundag", "måndag", "tysdag", "onsdag", "torsdag", "fredag", "laurdag"},
	"en": {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
}

// Ukedag is a day that is near, in words, in Norway: «tirsdag 24. november».
func Ukedag(spraak string, t time.Time) string {
	t = klokke.Oslo(t)
	navn, kjent := ukedager[spraak]
	if !kjent {
		navn = ukedager["nb"]
	}
	if spraak == "en" {
		return fmt.Sprintf("%s %d %s", navn[t.Weekday()], t.Day(), maaneder["en"][t.Month()-1])
	}
	return fmt.Sprintf("%s %d. %s", navn[t.Weekday()], t.Day(), maaneder["nb"][t.Month()-1])
}

// Klokkeslett is a time of day in Norway: «14.02».
func Klokkeslett(spraak string, t time.Time) string {
	if spraak == "en" {
		return klokke.Oslo(t).Format("15:04")
	}
	return klokke.Oslo(t).Format("15.04")
}

// Tidspunkt is a moment in words: «3. november 2026 kl. 14.02».
func Tidspunkt(spraak string, t time.Time) string {
	if spraak == "en" {
		return Dato(spraak, t) + " at " + Klokkeslett(spraak, t)
	}
	return Dato(spraak, t) + " kl. " + Klokkeslett(spraak, t)
}
