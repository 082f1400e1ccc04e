package portal

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
)

//go:embed maler/*.html
var malerFS embed.FS

// maksSkjema bounds a form, in bytes.
const maksSkjema = 64 << 10

// mal is a page's template in one language.
type mal struct{ *template.Template }

// Side is what a page shows. Handlers fill in what is theirs; vis adds the rest.
type Side struct {
	Tittel string // of the page; the name of the portal follows it
	Smuler []Lenke
	Feil   []Lenke // what is wrong in the form, each with the field
	Videre string  // where the page leads on its own
	// Oppfrisk is how often a browser without scripts loads the page anew, in
	// seconds; 0: never. With scripts a part of it is fetched (data-hent).
	Oppfrisk int
	Data     any
	// Sammenheng is what the page is about, such as an organisation, with the way
	// to another one, and the main navigation within it.
	Sammenheng, Bytt string
	Meny             []Fane

	Spraak     string
	Spraakvalg []spraakvalg
	Innlogget  bool
	Slutt      time.Time // of the login
	Gjenstaar  int       // seconds to it
	Testmiljo  bool
	Kontakt    string
}

// Lenke is a link; without URL its text alone.
type Lenke struct{ Tekst, URL string }

type spraakvalg struct {
	Kode, Navn, URL string
	Valgt           bool
}

// lesMaler parses every page in every language: the base's and the portals', from
// maler/*.html in each. What is named _*.html is shared by the pages beside it.
func (p *Portal) lesMaler(innhold ...fs.FS) (map[string]map[string]*mal, error) {
	ut := map[string]map[string]*mal{}
	for _, spraak := range p.tekster.tilbys {
		grunn, err := template.New("").Funcs(template.FuncMap{
			"t":         p.tekster.til(spraak),
			"dato":      func(t time.Time) string { return Dato(spraak, t) },
			"klokka":    func(t time.Time) string { return Klokkeslett(spraak, t) },
			"tidspunkt": func(t time.Time) string { return Tidspunkt(spraak, t) },
			"iso":       func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
			"statisk":   p.statisk.sti,
			"inc":       func(i int) int { return i + 1 },
		}).ParseFS(malerFS, "maler/_*.html")
		if err != nil {
			return nil, fmt.Errorf("portal: templates: %w", err)
		}
		ut[spraak] = map[string]*mal{}
		for _, fsys := range append([]fs.FS{malerFS}, innhold...) {
			if err := lesSider(ut[spraak], grunn, fsys); err != nil {
				return nil, err
			}
		}
	}
	return ut, nil
}

// lesSider parses the pages of one file system on top of what all share.
func lesSider(ut map[string]*mal, grunn *template.Template, fsys fs.FS) error {
	filer, err := fs.Glob(fsys, "maler/*.html")
	if err != nil {
		return fmt.Errorf("portal: templates: %w", err)
	}
	var felles []string
	for _, f := range filer {
		if strings.HasPrefix(path.Base(f), "_") {
			felles = append(felles, f)
		}
	}
	for _, f := range filer {
		navn := strings.TrimSuffix(path.Base(f), ".html")
		if strings.HasPrefix(navn, "_") {
			continue
		}
		if ut[navn] != nil {
			return fmt.Errorf("portal: there are two pages %q", navn)
		}
		kopi, err := grunn.Clone()
		if err == nil {
			_, err = kopi.ParseFS(fsys, append(slices.Clone(felles), f)...)
		}
		if err != nil {
			return fmt.Errorf("portal: the page %s: %w", navn, err)
		}
		ut[navn] = &mal{kopi}
	}
	return nil
}

// sikkerhetshoder are on every page (web contract §2.6).
func (p *Portal) sikkerhetshoder(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "+
		"font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
	h.Set("Cache-Control", "no-store")
	if p.sikker {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// Rute makes a page's route: who may come, its headers, its errors, its language.
func (p *Portal) Rute(pattern string, t auth.Tilgang, h httpx.Handler) auth.Route {
	return auth.Route{Pattern: pattern, Tilgang: t, Innlogging: p, MaxBody: maksSkjema, Feilside: p.feilside(t.Niva),
		Handler: func(w http.ResponseWriter, r *http.Request) error {
			p.sikkerhetshoder(w.Header())
			if err := p.vern.Check(r); err != nil {
				return feil.Ny(feil.IngenTilgang, "Skjemaet ble sendt fra et annet nettsted").Med(err)
			}
			if err := r.ParseForm(); err != nil {
				if _, stor := errors.AsType[*http.MaxBytesError](err); stor {
					return feil.Ny(feil.ForStor, "Skjemaet er for stort").Med(err)
				}
				return feil.Ny(feil.Ugyldig, "Skjemaet kan ikke leses").Med(err)
			}
			if valgt := r.URL.Query().Get(spraakkake); valgt != "" && r.Method == http.MethodGet {
				if p.tekster.av[valgt] != nil {
					p.settKake(w, spraakkake, valgt, 365*24*time.Hour)
				}
				return Videre(w, r, denneSiden(r, ""))
			}
			return h(w, r)
		}}
}

// denneSiden is the address of a page in a language ("": as chosen), with what a
// login must not forget.
func denneSiden(r *http.Request, spraak string) string {
	v := url.Values{}
	for _, navn := range []string{"til", "niva"} {
		if q := r.URL.Query(); q.Has(navn) {
			v.Set(navn, q.Get(navn))
		}
	}
	if spraak != "" {
		v.Set(spraakkake, spraak)
	}
	sti := "/" + strings.TrimLeft(r.URL.EscapedPath(), "/")
	if len(v) == 0 {
		return sti
	}
	return sti + "?" + v.Encode()
}

// Videre sends the browser on with a GET: to a page of ours, to the issuer, or
// to what lokalSti has let through.
func Videre(w http.ResponseWriter, r *http.Request, til string) error {
	http.Redirect(w, r, til, http.StatusSeeOther) //nolint:gosec // see above
	return nil
}

// Spraak is the language of a request.
func (p *Portal) Spraak(r *http.Request) string { return p.tekster.velg(r, p.kakenavn(spraakkake)) }

// Tolk gives texts in the request's language.
func (p *Portal) Tolk(r *http.Request) Tolk { return p.tekster.til(p.Spraak(r)) }

// Vis answers with a page.
func (p *Portal) Vis(w http.ResponseWriter, r *http.Request, status int, navn string, s Side) error {
	s.Spraak, s.Testmiljo, s.Kontakt = p.Spraak(r), p.cfg.Testmiljo, p.cfg.Kontakt
	for _, sp := range spraak {
		if p.tekster.av[sp.kode] != nil {
			s.Spraakvalg = append(s.Spraakvalg, spraakvalg{sp.kode, sp.navn, denneSiden(r, sp.kode), sp.kode == s.Spraak})
		}
	}
	// The sesjon is read anew: the page may have made or ended it.
	if ses, levende, err := p.sesjon(r); err == nil && levende && navn != "loggerut" {
		naa := p.ur.Now()
		if naa.Sub(ses.sist) >= time.Minute { // as Request has just noted
			ses.sist = naa
		}
		s.Innlogget, s.Slutt = true, ses.slutt()
		s.Gjenstaar = int(s.Slutt.Sub(naa).Seconds())
	}
	m := p.maler[s.Spraak][navn]
	if m == nil {
		return fmt.Errorf("portal: there is no page %q", navn)
	}
	// Whole before the first byte: a page that fails becomes an error page.
	var ut bytes.Buffer
	if err := m.ExecuteTemplate(&ut, "side", s); err != nil {
		return fmt.Errorf("portal: the page %s: %w", navn, err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", s.Spraak)
	w.WriteHeader(status)
	_, err := w.Write(ut.Bytes())
	return err
}

// feilside answers an error of a page that wants persons at a login level: by
// the way to log in, where that is what is missing, else by a page that says
// what to do and gives the errorId.
func (p *Portal) feilside(niva int) func(http.ResponseWriter, *http.Request, httpx.Feilmelding) {
	return func(w http.ResponseWriter, r *http.Request, m httpx.Feilmelding) {
		p.sikkerhetshoder(w.Header())
		til := "/logg-inn?til=" + r.URL.EscapedPath()
		ses, levende, err := p.sesjon(r)
		switch {
		case err != nil: // the page does without
		case m.Status == http.StatusUnauthorized:
			if ses.id != "" && r.Method == http.MethodPost {
				if err := p.gjem(r, ses); err != nil {
					Noter(r, err)
				}
			}
			_ = Videre(w, r, til)
			return
		case m.Status == http.StatusForbidden && levende && ses.Niva < niva:
			_ = Videre(w, r, til+"&niva=4")
			return
		}
		tekst, kjent := feiltekster[m.Status]
		if !kjent {
			tekst = feiltekst{"feil.400.tittel", "feil.400.tekst"}
			if m.Status >= 500 {
				tekst = feiltekst{"feil.500.tittel", "feil.500.tekst"}
			}
		}
		t := p.Tolk(r)
		err = p.Vis(w, r, m.Status, "feil", Side{Tittel: t(tekst.tittel), Data: map[string]any{
			"Tittel": t(tekst.tittel), "Tekst": t(tekst.tekst), "ErrorID": m.ErrorID, "Vaar": m.Status >= 500,
		}})
		if err != nil {
			Noter(r, err)
			http.Error(w, "Noe gikk galt. Feilkode: "+m.ErrorID, m.Status)
		}
	}
}

// feiltekst is what an error page says: keys of texts.
type feiltekst struct{ tittel, tekst string }

var feiltekster = map[int]feiltekst{
	http.StatusForbidden:             {"feil.403.tittel", "feil.403.tekst"},
	http.StatusNotFound:              {"feil.404.tittel", "feil.404.tekst"},
	http.StatusMethodNotAllowed:      {"feil.404.tittel", "feil.404.tekst"},
	http.StatusConflict:              {"feil.409.tittel", "feil.409.tekst"},
	http.StatusGone:                  {"feil.410.tittel", "feil.410.tekst"},
	http.StatusRequestEntityTooLarge: {"feil.413.tittel", "feil.413.tekst"},
	http.StatusTooManyRequests:       {"feil.429.tittel", "feil.429.tekst"},
	http.StatusServiceUnavailable:    {"feil.503.tittel", "feil.503.tekst"},
}

// Noter puts a cause that no caller is told into the request's log event.
func Noter(r *http.Request, err error) {
	httpx.Annotate(r.Context(), slog.String("grunn", httpx.Mask(err.Error())))
}

// IkkeFunnet answers for pages that do not exist.
func IkkeFunnet(http.ResponseWriter, *http.Request) error {
	return feil.Ny(feil.IkkeFunnet, "Siden finnes ikke")
}
