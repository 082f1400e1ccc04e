package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"text/tabwriter"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
)

// Kilde finds out who makes a request: *Autentisering by token, a portal by its
// session cookie. Anonym when there are no credentials at all.
type Kilde interface {
	Request(r *http.Request) (Caller, error)
}

// Utfordrer is a Kilde with a challenge of its own for the WWW-Authenticate
// header of a 401 (RFC 9110 §11.6.1).
type Utfordrer interface{ Utfordring() string }

// Guard registers routes on ro, each behind its row of the authorisation table:
//
//   - none or invalid credentials: 401; but a route for Anonym alone never looks
//     at credentials, and one for Anonym and others lets those without in;
//   - a kind of caller that the row does not name, too low a login level, or a
//     missing privilege: 403.
//
// The handler finds the caller with From. An error names every faulty row, and
// nothing is registered then: a row must name who may come, a privilege needs
// callers that can hold one, and a level needs persons.
func Guard(ro *httpx.Router, a Kilde, z Autorisasjon, routes []Route) error {
	var errs []error
	for _, rt := range routes {
		if err := rt.valid(); err != nil {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, rt := range routes {
		k := a
		if rt.Innlogging != nil {
			k = rt.Innlogging
		}
		if err := ro.Add(rt.Pattern, guarded(k, z, rt), httpx.MaxBody(rt.MaxBody),
			httpx.Feilform(rt.Feilform), httpx.Feilside(rt.Feilside)); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

const (
	alleSlag = Anonym | Integrasjon | IntegrasjonPerson | Person | Mottakersystem | Avsender
	personer = IntegrasjonPerson | Person
	kontoer  = Mottakersystem | Avsender // who log in by HTTP Basic
)

func (rt Route) valid() error {
	t := rt.Tilgang
	var why string
	switch {
	case t.Slag == 0 || t.Slag&^alleSlag != 0:
		why = "must name who may use it"
	case rt.Handler == nil:
		why = "has no handler"
	case t.Niva != 0 && t.Niva != 3 && t.Niva != 4:
		why = "has an unknown login level"
	case t.Niva != 0 && t.Slag&personer == 0:
		why = "wants a login level but lets no person in"
	case t.Privilegium != "" && t.Slag&Anonym != 0:
		why = "wants a privilege of callers without a name"
	case t.Slag&kontoer != 0 && (t.Slag&^(kontoer|Anonym) != 0 || rt.Innlogging == nil):
		why = "lets accounts in together with others, or without a way to log in"
	case t.Slag&kontoer != 0 && t.Privilegium != "":
		why = "wants a privilege of an account"
	case t.Privilegium == "" && t.Ressurs != nil:
		why = "names a ressurs but no privilege"
	case rt.MaxBody < 0:
		why = "has a negative body limit"
	default:
		return nil
	}
	return fmt.Errorf("route %q %s", rt.Pattern, why)
}

// guarded is the handler of a route behind its row.
func guarded(a Kilde, z Autorisasjon, rt Route) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		caller := Caller{Slag: Anonym}
		if rt.Tilgang.Slag != Anonym {
			var err error
			if caller, err = a.Request(r); err != nil {
				return utfordre(w, a, err)
			}
		}
		ctx := With(r.Context(), caller)
		httpx.Annotate(ctx, caller.attrs()...)
		r = r.WithContext(ctx)
		if err := rt.Tilgang.slippInn(r, caller, z); err != nil {
			return utfordre(w, a, err)
		}
		return rt.Handler(w, r)
	}
}

// utfordre says with a 401 how to log in, where that is not by token.
func utfordre(w http.ResponseWriter, a Kilde, err error) error {
	if u, ok := a.(Utfordrer); ok && feil.Er(err, feil.Uautentisert) {
		w.Header().Set("WWW-Authenticate", u.Utfordring())
	}
	return err
}

func manglerTilgang(why string) error {
	return feil.Ny(feil.IngenTilgang, "Mangler tilgang").Med(errors.New(why))
}

// slippInn decides one row for one caller.
func (t Tilgang) slippInn(r *http.Request, c Caller, z Autorisasjon) error {
	switch {
	case t.Slag&c.Slag == 0 && (c.Slag == Anonym || c.Slag == 0):
		return uautentisert("no credentials")
	case t.Slag&c.Slag == 0:
		return manglerTilgang("not for callers of this kind")
	case c.Slag&personer != 0 && c.Niva < t.Niva:
		return manglerTilgang("the login level is too low")
	case t.Privilegium == "":
		return nil
	}
	ctx := r.Context()
	if c.Aktor() == "" {
		return manglerTilgang("a caller without a name")
	}
	if t.Ressurs == nil {
		return har(z.HarNoen(ctx, c.Aktor(), t.Privilegium))
	}
	id, err := t.Ressurs(ctx, r)
	if err != nil {
		return err
	}
	if id == "" {
		return manglerTilgang("no ressurs")
	}
	return har(z.Har(ctx, c.Aktor(), t.Privilegium, id))
}

func har(ok bool, err error) error {
	if err != nil {
		return fmt.Errorf("looking up a privilege: %w", err)
	}
	if !ok {
		return manglerTilgang("the privilege is not held")
	}
	return nil
}

var slagNavn = []struct {
	slag Slag
	navn string
}{
	{Anonym, "anonym"}, {Integrasjon, "integrasjon"}, {IntegrasjonPerson, "integrasjon-person"}, {Person, "person"},
	{Mottakersystem, "mottakersystem"}, {Avsender, "avsender"},
}

// String names the kinds, separated by commas.
func (s Slag) String() string {
	var n []string
	for _, k := range slagNavn {
		if s&k.slag != 0 {
			n = append(n, k.navn)
		}
	}
	return strings.Join(n, ", ")
}

// Rad is a row of the authorisation table as it is shown.
type Rad struct {
	Metode      string `json:"metode"`
	Sti         string `json:"sti"`
	Slag        string `json:"slag"`        // who may come
	Niva        int    `json:"niva"`        // of persons; 0: any
	Privilegium string `json:"privilegium"` // "" when none
	PaaRessurs  bool   `json:"paaRessurs"`  // on the ressurs of the request, or anywhere
	Merknad     string `json:"merknad"`
}

// Tabell is the authorisation table of routes.
func Tabell(routes []Route) []Rad {
	var t []Rad
	for _, rt := range routes {
		m, sti, _ := strings.Cut(rt.Pattern, " ")
		t = append(t, Rad{m, sti, rt.Tilgang.Slag.String(), rt.Tilgang.Niva, rt.Tilgang.Privilegium, rt.Tilgang.Ressurs != nil, rt.Tilgang.Merknad})
	}
	return t
}

func (r Rad) cells() []string {
	krav := r.Privilegium
	if krav != "" && !r.PaaRessurs {
		krav += " (på en ressurs)"
	}
	niva := ""
	if r.Niva > 0 {
		niva = fmt.Sprint(r.Niva)
	}
	return []string{r.Metode, r.Sti, r.Slag, niva, krav, r.Merknad}
}

var kolonner = []string{"Metode", "Sti", "Hvem", "Nivå", "Privilegium", "Merknad"}

// TabellTekst renders the table in columns for a terminal.
func TabellTekst(routes []Route) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(kolonner, "\t"))
	for _, r := range Tabell(routes) {
		fmt.Fprintln(w, strings.Join(r.cells(), "\t"))
	}
	_ = w.Flush() // a Builder takes everything
	return b.String()
}

// TabellMarkdown renders the table for the documentation.
func TabellMarkdown(routes []Route) string {
	var b strings.Builder
	row := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	row(kolonner)
	row([]string{"---", "---", "---", "---", "---", "---"})
	for _, r := range Tabell(routes) {
		cells := r.cells()
		for i := range cells {
			cells[i] = strings.ReplaceAll(cells[i], "|", `\|`)
		}
		cells[1] = "`" + cells[1] + "`"
		row(cells)
	}
	return b.String()
}

// TabellJSON renders the table as data.
func TabellJSON(routes []Route) ([]byte, error) { return json.MarshalIndent(Tabell(routes), "", "  ") }
