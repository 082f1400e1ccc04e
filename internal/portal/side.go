package portal

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/organisasjon"
)

//go:embed maler/*.html
var malerFS embed.FS

// maksSkjema bounds a form, in bytes.
const maksSkjema = 64 << 10

// mal is a page's template in one language.
type mal struct{ *template.Template }

// side is what a page shows. Handlers fill in what is theirs; vis adds the rest.
type side struct {
	Tittel string // of the page; the name of the portal follows it
	Org    *organisasjon.Organisasjon
	Aktiv  string // which entry of the main navigation it belongs to
	Smuler []lenke
	Feil   []lenke // what is wrong in the form, each with the field
	Videre string  // where the page leads on its own
	Data   any

	Spraak     string
	Spraakvalg []spraakvalg
	Innlogget  bool
	Slutt      time.Time // of the login
	Gjenstaar  int       // seconds to it
	Testmiljo  bool
	Kontakt    string
}

type lenke struct{ Tekst, URL string }

type spraakvalg struct {
	Kode, Navn, URL string
	Valgt           bool
}

// lesMaler parses every page in every language.
func (p *Portal) lesMaler() (map[string]map[string]*mal, error) {
	filer, err := malerFS.ReadDir("maler")
	if err != nil {
		return nil, fmt.Errorf("portal: templates: %w", err)
	}
	ut := map[string]map[string]*mal{}
	for _, spraak := range p.tekster.tilbys {
		grunn, err := template.New("").Funcs(template.FuncMap{
			"t":         p.tekster.til(spraak),
			"dato":      func(t time.Time) string { return dato(spraak, t) },
			"klokka":    func(t time.Time) string { return klokkeslett(spraak, t) },
			"tidspunkt": func(t time.Time) string { return tidspunkt(spraak, t) },
			"iso":       func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
			"statisk":   p.statisk.sti,
			"inc":       func(i int) int { return i + 1 },
		}).ParseFS(malerFS, "maler/_*.html")
		if err != nil {
			return nil, fmt.Errorf("portal: templates: %w", err)
		}
		ut[spraak] = map[string]*mal{}
		for _, f := range filer {
			navn, ok := strings.CutSuffix(f.Name(), ".html")
			if !ok || strings.HasPrefix(navn, "_") {
				continue
			}
			kopi, err := grunn.Clone()
			if err == nil {
				_, err = kopi.ParseFS(malerFS, path.Join("maler", f.Name()))
			}
			if err != nil {
				return nil, fmt.Errorf("portal: the page %s: %w", navn, err)
			}
			ut[spraak][navn] = &mal{kopi}
		}
	}
	return ut, nil
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

// rute makes a page's route: who may come, its headers, its errors, its language.
func (p *Portal) rute(pattern string, t auth.Tilgang, h httpx.Handler) auth.Route {
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
				return videre(w, r, denneSiden(r, ""))
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

// videre sends the browser on with a GET: to a page of ours, to the issuer, or
// to what lokalSti has let through.
func videre(w http.ResponseWriter, r *http.Request, til string) error {
	http.Redirect(w, r, til, http.StatusSeeOther) //nolint:gosec // see above
	return nil
}

// spraak is the language of a request.
func (p *Portal) spraak(r *http.Request) string { return p.tekster.velg(r, p.kakenavn(spraakkake)) }

// tolk gives texts in the request's language.
func (p *Portal) tolk(r *http.Request) tolk { return p.tekster.til(p.spraak(r)) }

// vis answers with a page.
func (p *Portal) vis(w http.ResponseWriter, r *http.Request, status int, navn string, s side) error {
	s.Spraak, s.Testmiljo, s.Kontakt = p.spraak(r), p.cfg.Testmiljo, p.cfg.Kontakt
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
					noter(r, err)
				}
			}
			_ = videre(w, r, til)
			return
		case m.Status == http.StatusForbidden && levende && ses.Niva < niva:
			_ = videre(w, r, til+"&niva=4")
			return
		}
		tekst, kjent := feiltekster[m.Status]
		if !kjent {
			tekst = feiltekst{"feil.400.tittel", "feil.400.tekst"}
			if m.Status >= 500 {
				tekst = feiltekst{"feil.500.tittel", "feil.500.tekst"}
			}
		}
		t := p.tolk(r)
		err = p.vis(w, r, m.Status, "feil", side{Tittel: t(tekst.tittel), Data: map[string]any{
			"Tittel": t(tekst.tittel), "Tekst": t(tekst.tekst), "ErrorID": m.ErrorID, "Vaar": m.Status >= 500,
		}})
		if err != nil {
			noter(r, err)
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

// noter puts a cause that no caller is told into the request's log event.
func noter(r *http.Request, err error) {
	httpx.Annotate(r.Context(), slog.String("grunn", httpx.Mask(err.Error())))
}

// ikkeFunnet answers for pages that do not exist.
func ikkeFunnet(http.ResponseWriter, *http.Request) error {
	return feil.Ny(feil.IkkeFunnet, "Siden finnes ikke")
}
