package portal

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/digisos"
	"knutepunkt/internal/dokumentlager"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/sandbox/utsteder"
	"knutepunkt/internal/store"
)

// People and organisations of the test house; the persons are synthetic.
const (
	admin   = "17929945573" // of Testby and Skogby
	admin2  = "03870311111" // of Testby too
	alene   = "05866840573" // of Skogby alone
	innbyg  = "01818110185" // of nothing
	orgTest = "00000000-0000-4000-8000-000000000301"
	orgSkog = "00000000-0000-4000-8000-000000004601"
	orgNAV  = "00000000-0000-4000-8000-00000000000a"
	konto   = "00000000-0000-4000-9000-000000000301" // Testby's, on Fiks IO
	orgnrT  = "310000248"
	orgnrS  = "310000310"
)

// hus is the pages on their real ground floor, with a real issuer beside them.
type hus struct {
	*grunntest.Grunn
	p      *Portal
	org    *organisasjon.Service
	fio    *fiksio.Service
	dig    *digisos.Service
	router *httpx.Router
	base   string
	logg   *logg // what the router has logged
}

// logg gathers log lines.
type logg struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logg) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func nyttHus(t testing.TB) *hus { return husPaa(t, "http://portal.test") }

// husPaa makes the house at an address; endre changes how one logs in.
func husPaa(t testing.TB, base string, endre ...func(*OIDC, *utsteder.Klient)) *hus {
	t.Helper()
	oidc := OIDC{Issuer: base + "/idporten", ClientID: "portalen", Secret: "hemmelig"}
	klient := utsteder.Klient{ID: "portalen", Orgnr: orgnrT, Secret: "hemmelig", Redirect: []string{base + "/logg-inn/svar"}}
	for _, e := range endre {
		e(&oidc, &klient)
	}
	g := grunntest.Ny(t, audit.Migrations(), organisasjon.Migrations(), dokumentlager.Migrations(),
		levering.Migrations(), fiksio.Migrations(), digisos.Migrations(), Migrations())
	h := &hus{Grunn: g, base: base, logg: &logg{}}
	oidc.Klient = &http.Client{Transport: rett{h}}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	rev := audit.NewService(g.DB, g.Ring, g.Klokke)
	h.org = organisasjon.New(g.DB, g.Ring, g.Klokke, rev)
	dok := dokumentlager.NewService(g.DB, g.Ring, g.Blobs, g.Klokke, g.Jobs, h.org)
	lev := levering.NewService(g.DB, g.Klokke, g.Jobs, g.Mail, log, levering.Config{})
	var err error
	h.fio, err = fiksio.New(t.Context(), fiksio.Deps{DB: g.DB, Klokke: g.Klokke, Ring: g.Ring, Blobs: g.Blobs, Jobs: g.Jobs,
		Organisasjon: h.org, Dokumentlager: dok, Tilgang: h.org, Log: log})
	must(t, err)
	h.dig, err = digisos.NewService(digisos.Deps{DB: g.DB, Ring: g.Ring, Klokke: g.Klokke, Jobber: g.Jobs, Organisasjon: h.org,
		Dokumentlager: dok, Levering: lev, FiksIO: h.fio, Audit: rev, Log: log}, digisos.Config{MellomlagringOrgID: orgNAV})
	must(t, err)
	h.router = &httpx.Router{Klokke: g.Klokke, Log: slog.New(slog.NewTextHandler(h.logg, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	h.p, err = New(Deps{DB: g.DB, Ring: g.Ring, Klokke: g.Klokke, Jobber: g.Jobs, Organisasjon: h.org, FiksIO: h.fio, Digisos: h.dig},
		Config{BaseURL: base, Testmiljo: true, OIDC: oidc})
	must(t, err)
	u, err := utsteder.New(utsteder.Config{BaseURL: base, Klokke: g.Klokke,
		Klienter: []utsteder.Klient{klient},
		Personer: []utsteder.Person{{Fnr: admin, Navn: "Berit Administrator"}}})
	must(t, err)
	feilende := func(kode feil.Kode) httpx.Handler {
		return func(http.ResponseWriter, *http.Request) error {
			return feil.Ny(kode, "internt").Med(io.ErrUnexpectedEOF)
		}
	}
	aapen := auth.Tilgang{Slag: auth.Anonym}
	ruter := append(h.p.Routes(), u.Routes()...)
	ruter = append(ruter, h.p.rute("GET /prove/410", aapen, feilende(feil.Slettet)), h.p.rute("GET /prove/500", aapen, feilende(feil.Intern)),
		h.p.rute("GET /prove/403", aapen, feilende(feil.IngenTilgang)), h.p.rute("GET /prove/429", aapen, feilende(feil.ForMange)))
	must(t, auth.Guard(h.router, h.p, h.org, ruter))

	ctx := auth.With(t.Context(), auth.Caller{Slag: auth.Anonym})
	h.skriv(t, func(tx *store.Tx) error {
		for _, o := range []organisasjon.Organisasjon{
			{ID: orgNAV, Navn: "NAV", Type: "STATLIG_VIRKSOMHET", Orgnr: "310000108"},
			{ID: orgTest, Navn: "Testby kommune", Type: "KOMMUNE", Kommunenummer: "9901", Orgnr: orgnrT},
			{ID: orgSkog, Navn: "Skogby kommune", Type: "KOMMUNE", Kommunenummer: "9902", Orgnr: orgnrS},
		} {
			if _, err := h.org.OpprettOrganisasjon(ctx, tx, o); err != nil {
				return err
			}
		}
		for fnr, orger := range map[string][]string{admin: {orgTest, orgSkog}, admin2: {orgTest}, alene: {orgSkog}} {
			for _, o := range orger {
				if err := h.org.GiTilgang(ctx, tx, auth.Caller{}, fnr, auth.Admin, o); err != nil {
					return err
				}
			}
		}
		if _, err := h.fio.OpprettKonto(ctx, tx, fiksio.Konto{ID: konto, FiksOrgID: orgTest, Navn: "Testby fagsystem", Aktiv: true}); err != nil {
			return err
		}
		_, err := h.fio.OpprettAdresse(ctx, tx, fiksio.Adresse{KontoID: konto, Beskrivelse: "Digisos", Aktiv: true, Nivaer: []int{4},
			Identifikatorer: []fiksio.Identifikator{{Type: "ORG_NO", Verdi: orgnrT}}, Protokoller: []string{digisos.Protokoll}})
		return err
	})
	return h
}

// rett is the way to the issuer without a network.
type rett struct{ h *hus }

func (r rett) RoundTrip(req *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	in := req.Clone(req.Context())
	in.RequestURI = ""
	r.h.router.ServeHTTP(w, in)
	return w.Result(), nil
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *hus) skriv(t testing.TB, fn func(tx *store.Tx) error) {
	t.Helper()
	must(t, h.DB.Write(t.Context(), fn))
}

// konfig is a configuration of Testby.
func konfig() digisos.KommuneKonfigurasjon {
	return digisos.KommuneKonfigurasjon{StotterOppdateringer: true, Aktivert: true, BrukerFiksIO: true, FiksIOKontoID: konto,
		OrganisasjonsnummerSvarUt: orgnrT, NksTilgang: true, Behandlingsansvarlig: "Testby kommune",
		Postadresse:     digisos.Postadresse{Navn: "NAV Testby", Adresselinje1: "Storgata 1", Adresselinje3: "Bakgården", Postnummer: "9901", Poststed: "Testby"},
		Kontaktpersoner: digisos.Kontakter{FagansvarligEpost: []string{"fag@testby.test"}, TekniskAnsvarligEpost: []string{"teknisk@testby.test"}}}
}

func (h *hus) konfigurer(t testing.TB) {
	t.Helper()
	must(t, h.dig.OpprettKonfigurasjon(auth.With(t.Context(), auth.Caller{Slag: auth.Person, Fnr: admin}), orgTest, konfig()))
}

func (h *hus) dokumentlager(t testing.TB, orgID string) {
	t.Helper()
	h.skriv(t, func(tx *store.Tx) error {
		_, err := h.org.TaIBruk(t.Context(), tx, orgID, organisasjon.TypeDokumentlager)
		return err
	})
}

// fagsystem makes an integrasjon of an organisation.
func (h *hus) fagsystem(t testing.TB, orgID, navn string) (id, passord string) {
	t.Helper()
	h.skriv(t, func(tx *store.Tx) error {
		i, err := h.org.OpprettIntegrasjon(t.Context(), tx, organisasjon.Integrasjon{FiksOrgID: orgID, AutorisertOrgnr: orgnrT, Navn: navn})
		if err != nil {
			return err
		}
		id = i.ID
		passord, err = h.org.LagPassord(t.Context(), tx, id, 0)
		return err
	})
	return id, passord
}

// nettleser is a browser without a script: it keeps cookies and fills in forms.
type nettleser struct {
	h      *hus
	kaker  map[string]string
	sprak  string
	origin string // of what it posts; "" the pages' own
}

func (h *hus) nettleser() *nettleser { return &nettleser{h: h, kaker: map[string]string{}} }

// svarSide is an answer with its page.
type svarSide struct {
	*http.Response
	html string
}

func (n *nettleser) be(t testing.TB, metode, sti string, felt url.Values) svarSide {
	t.Helper()
	var kropp io.Reader
	if felt != nil {
		kropp = strings.NewReader(felt.Encode())
	}
	r := httptest.NewRequestWithContext(context.WithoutCancel(t.Context()), metode, n.h.base+strings.TrimPrefix(sti, n.h.base), kropp)
	if felt != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", n.h.base)
		if n.origin != "" {
			r.Header.Set("Origin", n.origin)
			r.Header.Set("Sec-Fetch-Site", "cross-site")
		}
	}
	if n.sprak != "" {
		r.Header.Set("Accept-Language", n.sprak)
	}
	for navn, verdi := range n.kaker {
		r.AddCookie(&http.Cookie{Name: navn, Value: verdi})
	}
	w := httptest.NewRecorder()
	n.h.router.ServeHTTP(w, r)
	res := w.Result()
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 {
			delete(n.kaker, c.Name)
		} else {
			n.kaker[c.Name] = c.Value
		}
	}
	return svarSide{res, w.Body.String()}
}

func (n *nettleser) get(t testing.TB, sti string) svarSide {
	t.Helper()
	return n.be(t, "GET", sti, nil)
}

func (n *nettleser) post(t testing.TB, sti string, par ...string) svarSide {
	t.Helper()
	v := url.Values{}
	for i := 0; i < len(par); i += 2 {
		v.Add(par[i], par[i+1])
	}
	return n.be(t, "POST", sti, v)
}

// hoved is the page's own part, for messages.
func (s svarSide) hoved() string {
	_, m, _ := strings.Cut(s.html, "<main")
	m, _, _ = strings.Cut(m, "</main>")
	return m
}

// er checks the status and that the page holds all texts.
func (s svarSide) er(t testing.TB, status int, tekster ...string) svarSide {
	t.Helper()
	if s.StatusCode != status {
		t.Fatalf("%d to %q, want %d\n%s", s.StatusCode, s.Header.Get("Location"), status, s.hoved())
	}
	for _, x := range tekster {
		if !strings.Contains(s.html, x) {
			t.Errorf("%q is not on the page:\n%s", x, s.hoved())
		}
	}
	return s
}

func (s svarSide) til(t testing.TB, sti string) svarSide {
	t.Helper()
	if s.StatusCode != http.StatusSeeOther || s.Header.Get("Location") != sti {
		t.Fatalf("%d to %q, want %q\n%s", s.StatusCode, s.Header.Get("Location"), sti, s.hoved())
	}
	return s
}

var skjultFelt = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

// skjult is the value of a hidden field of the page.
func (s svarSide) skjult(t testing.TB, navn string) string {
	t.Helper()
	for _, m := range skjultFelt.FindAllStringSubmatch(s.html, -1) {
		if m[1] == navn {
			return strings.NewReplacer("&#43;", "+", "&amp;", "&").Replace(m[2])
		}
	}
	t.Fatalf("no hidden field %s on the page:\n%s", navn, s.html)
	return ""
}

var acrer = map[int]string{0: "idporten-loa-low", 3: "idporten-loa-substantial", 4: "idporten-loa-high"}

// loggInn goes through the issuer as a person, at a level, to a page.
func (n *nettleser) loggInn(t testing.TB, fnr string, niva int, til string) svarSide {
	t.Helper()
	krav := ""
	if niva == 4 {
		krav = "&niva=4"
	}
	return n.hosUtsteder(t, n.get(t, "/logg-inn/start?til="+til+krav).er(t, 303).Header.Get("Location"), "pid", fnr, "acr", acrer[niva])
}

// hosUtsteder answers the issuer's page and brings back what it says.
func (n *nettleser) hosUtsteder(t testing.TB, adresse string, par ...string) svarSide {
	t.Helper()
	if !strings.HasPrefix(adresse, n.h.base+"/idporten/authorize?") {
		t.Fatalf("not the issuer: %s", adresse)
	}
	return n.get(t, n.post(t, adresse, par...).er(t, 303).Header.Get("Location"))
}

// som is a browser in which a person is logged in at the highest level.
func (h *hus) som(t testing.TB, fnr string) *nettleser {
	t.Helper()
	n := h.nettleser()
	n.loggInn(t, fnr, 4, "/").til(t, "/")
	return n
}
