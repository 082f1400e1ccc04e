// Package portaltest is a house of pages for tests: the base with every portal on
// its real ground floor, a browser without scripts (Nettleser), and a real one
// (Vindu) with axe as judge.
package portaltest

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
	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/digisos"
	"knutepunkt/internal/dokumentlager"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/portal/bekymring"
	"knutepunkt/internal/portal/forvaltning"
	"knutepunkt/internal/portal/mottak"
	"knutepunkt/internal/portal/utvikler"
	"knutepunkt/internal/sandbox/utsteder"
	"knutepunkt/internal/store"
	"knutepunkt/internal/svarut/svarinn"
	"knutepunkt/internal/utlop"
)

// People and organisations of the test house; the persons are synthetic.
const (
	Admin   = "17929945573" // of Testby and Skogby
	Admin2  = "03870311111" // of Testby too
	Alene   = "05866840573" // of Skogby alone
	Innbyg  = "01818110185" // of nothing
	OrgTest = "00000000-0000-4000-8000-000000000301"
	OrgSkog = "00000000-0000-4000-8000-000000004601"
	OrgNAV  = "00000000-0000-4000-8000-00000000000a"
	Konto   = "00000000-0000-4000-9000-000000000301" // Testby's, on Fiks IO
	OrgnrT  = "310000248"
	OrgnrS  = "310000310"
)

// Hus is the pages on their real ground floor, with a real issuer beside them.
type Hus struct {
	*grunntest.Grunn
	P      *portal.Portal
	Org    *organisasjon.Service
	Fio    *fiksio.Service
	Dig    *digisos.Service
	Inn    *svarinn.Service
	Utlop  *utlop.Service
	Bek    *bekymringsmelding.Service
	Dok    *dokumentlager.Service
	Lev    *levering.Service
	Rev    *audit.Service
	router *httpx.Router
	Base   string
	Logg   *logg // what the router has logged
	vist   *opptak
}

// logg gathers log lines.
type logg struct {
	mu sync.Mutex
	B  strings.Builder
}

func (l *logg) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.B.Write(p)
}

// NyttHus makes the house without an address of its own.
func NyttHus(t testing.TB) *Hus { return HusPaa(t, "http://portal.test") }

// HusPaa makes the house at an address; endre changes how one logs in.
func HusPaa(t testing.TB, base string, endre ...func(*portal.OIDC, *utsteder.Klient)) *Hus {
	t.Helper()
	oidc := portal.OIDC{Issuer: base + "/idporten", ClientID: "portalen", Secret: "hemmelig"}
	klient := utsteder.Klient{ID: "portalen", Orgnr: OrgnrT, Secret: "hemmelig", Redirect: []string{base + "/logg-inn/svar"}}
	for _, e := range endre {
		e(&oidc, &klient)
	}
	g := grunntest.Ny(t, audit.Migrations(), organisasjon.Migrations(), dokumentlager.Migrations(),
		levering.Migrations(), fiksio.Migrations(), svarinn.Migrations(), digisos.Migrations(), bekymringsmelding.Migrations(), utlop.Migrations(), portal.Migrations())
	h := &Hus{Grunn: g, Base: base, Logg: &logg{}, vist: &opptak{sider: map[string]string{}}}
	oidc.Klient = &http.Client{Transport: Rett{H: h}}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	rev := audit.NewService(g.DB, g.Ring, g.Klokke)
	h.Org = organisasjon.New(g.DB, g.Ring, g.Klokke, rev)
	dok := dokumentlager.NewService(g.DB, g.Ring, g.Blobs, g.Klokke, g.Jobs, h.Org)
	lev := levering.NewService(g.DB, g.Klokke, g.Jobs, g.Mail, log, levering.Config{})
	h.Dok, h.Lev, h.Rev = dok, lev, rev
	var err error
	h.Fio, err = fiksio.New(t.Context(), fiksio.Deps{DB: g.DB, Klokke: g.Klokke, Ring: g.Ring, Blobs: g.Blobs, Jobs: g.Jobs,
		Organisasjon: h.Org, Dokumentlager: dok, Tilgang: h.Org, Log: log})
	Must(t, err)
	h.Dig, err = digisos.NewService(digisos.Deps{DB: g.DB, Ring: g.Ring, Klokke: g.Klokke, Jobber: g.Jobs, Organisasjon: h.Org,
		Dokumentlager: dok, Levering: lev, FiksIO: h.Fio, Audit: rev, Mail: g.Mail, Log: log}, digisos.Config{MellomlagringOrgID: OrgNAV})
	Must(t, err)
	h.Inn, err = svarinn.New(svarinn.Deps{DB: g.DB, Ring: g.Ring, Klokke: g.Klokke, Jobber: g.Jobs, Organisasjon: h.Org, Levering: lev,
		Varsler: g.Mail, Audit: rev, Roller: svarinn.Rolletabell{DB: g.DB, Ring: g.Ring}, Log: log}, svarinn.Config{BaseURL: base})
	Must(t, err)
	h.Utlop, err = utlop.New(utlop.Deps{DB: g.DB, Klokke: g.Klokke, Jobber: g.Jobs, Organisasjon: h.Org, Varsler: g.Mail, Log: log},
		utlop.Config{PlattformOrgID: OrgNAV, BaseURL: base})
	Must(t, err)
	h.Utlop.Registrer(h.Fio.Sertifikatutlop)
	h.Utlop.Registrer(h.Inn.Sertifikatutlop)
	_, trykkeriet := grunntest.Plattformnokkel(t)
	h.Bek, err = bekymringsmelding.New(bekymringsmelding.Deps{DB: g.DB, Ring: g.Ring, Blobs: g.Blobs, Klokke: g.Klokke, Jobber: g.Jobs, Organisasjon: h.Org,
		Levering: lev, FiksIO: h.Fio, Audit: rev, Mail: g.Mail, Navn: folkeregister, Log: slog.New(slog.NewTextHandler(h.Logg, &slog.HandlerOptions{Level: slog.LevelDebug}))},
		bekymringsmelding.Config{BaseURL: base, PrintSertifikat: trykkeriet})
	Must(t, err)
	h.router = &httpx.Router{Klokke: g.Klokke, Log: slog.New(slog.NewTextHandler(h.Logg, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	h.P, err = portal.New(portal.Deps{DB: g.DB, Ring: g.Ring, Klokke: g.Klokke, Jobber: g.Jobs},
		portal.Config{BaseURL: base, Testmiljo: true, OIDC: oidc}, forvaltning.Del(), utvikler.Del(), bekymring.Del(), mottak.Del())
	Must(t, err)
	u, err := utsteder.New(utsteder.Config{BaseURL: base, Klokke: g.Klokke,
		Klienter: []utsteder.Klient{klient},
		Personer: []utsteder.Person{{Fnr: Admin, Navn: "Berit Administrator"}}})
	Must(t, err)
	feilende := func(kode feil.Kode) httpx.Handler {
		return func(http.ResponseWriter, *http.Request) error {
			return feil.Ny(kode, "internt").Med(io.ErrUnexpectedEOF)
		}
	}
	aapen := auth.Tilgang{Slag: auth.Anonym}
	ruter := append(append(h.P.Routes(), forvaltning.New(h.P, forvaltning.Deps{Organisasjon: h.Org, FiksIO: h.Fio, Digisos: h.Dig, SvarInn: h.Inn, Utlop: h.Utlop, Bekymring: h.Bek,
		AMQP: forvaltning.AMQP{Vert: "amqp.portal.test", Port: 5671, TLS: true}}).Routes()...), u.Routes()...)
	ruter = append(ruter, utvikler.New(h.P, sandkasse{h}).Routes()...)
	ruter = append(ruter, bekymring.New(h.P, bekymring.Deps{Melding: h.Bek, Organisasjon: h.Org}, bekymring.Config{}).Routes()...)
	ruter = append(ruter, mottak.New(h.P, mottak.Deps{Melding: h.Bek, Avstemming: []mottak.Avstemming{mottak.Bekymringsmelding(h.Bek), mottak.Digisos(h.Dig)}}).Routes()...)
	ruter = append(ruter, h.P.Rute("GET /prove/410", aapen, feilende(feil.Slettet)), h.P.Rute("GET /prove/500", aapen, feilende(feil.Intern)),
		h.P.Rute("GET /prove/403", aapen, feilende(feil.IngenTilgang)), h.P.Rute("GET /prove/429", aapen, feilende(feil.ForMange)))
	Must(t, auth.Guard(h.router, h.P, h.Org, ruter))

	ctx := auth.With(t.Context(), auth.Caller{Slag: auth.Anonym})
	h.Skriv(t, func(tx *store.Tx) error {
		for _, o := range []organisasjon.Organisasjon{
			{ID: OrgNAV, Navn: "NAV", Type: "STATLIG_VIRKSOMHET", Orgnr: "310000108"},
			{ID: OrgTest, Navn: "Testby kommune", Type: "KOMMUNE", Kommunenummer: "9901", Orgnr: OrgnrT},
			{ID: OrgSkog, Navn: "Skogby kommune", Type: "KOMMUNE", Kommunenummer: "9902", Orgnr: OrgnrS},
		} {
			if _, err := h.Org.OpprettOrganisasjon(ctx, tx, o); err != nil {
				return err
			}
		}
		for fnr, orger := range map[string][]string{Admin: {OrgTest, OrgSkog}, Admin2: {OrgTest}, Alene: {OrgSkog}} {
			for _, o := range orger {
				if err := h.Org.GiTilgang(ctx, tx, auth.Caller{}, fnr, auth.Admin, o); err != nil {
					return err
				}
			}
		}
		if _, err := h.Fio.OpprettKonto(ctx, tx, fiksio.Konto{ID: Konto, FiksOrgID: OrgTest, Navn: "Testby fagsystem", Aktiv: true}); err != nil {
			return err
		}
		_, err := h.Fio.OpprettAdresse(ctx, tx, fiksio.Adresse{KontoID: Konto, Beskrivelse: "Digisos", Aktiv: true, Nivaer: []int{4},
			Identifikatorer: []fiksio.Identifikator{{Type: "ORG_NO", Verdi: OrgnrT}}, Protokoller: []string{digisos.Protokoll}})
		return err
	})
	return h
}

// Rett is the way to the issuer without a network.
type Rett struct{ H *Hus }

// RoundTrip implements http.RoundTripper.
func (r Rett) RoundTrip(req *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	in := req.Clone(req.Context())
	in.RequestURI = ""
	r.H.router.ServeHTTP(w, in)
	return w.Result(), nil
}

// Must fails the test on an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Skriv writes in a transaction.
func (h *Hus) Skriv(t testing.TB, fn func(tx *store.Tx) error) {
	t.Helper()
	Must(t, h.DB.Write(t.Context(), fn))
}

// Konfig is a configuration of Testby.
func Konfig() digisos.KommuneKonfigurasjon {
	return digisos.KommuneKonfigurasjon{StotterOppdateringer: true, Aktivert: true, BrukerFiksIO: true, FiksIOKontoID: Konto,
		OrganisasjonsnummerSvarUt: OrgnrT, NksTilgang: true, Behandlingsansvarlig: "Testby kommune",
		Postadresse:     digisos.Postadresse{Navn: "NAV Testby", Adresselinje1: "Storgata 1", Adresselinje3: "Bakgården", Postnummer: "9901", Poststed: "Testby"},
		Kontaktpersoner: digisos.Kontakter{FagansvarligEpost: []string{"fag@testby.test"}, TekniskAnsvarligEpost: []string{"teknisk@testby.test"}}}
}

// Konfigurer sets Testby up with Digisos over Fiks IO.
func (h *Hus) Konfigurer(t testing.TB) {
	t.Helper()
	Must(t, h.Dig.OpprettKonfigurasjon(auth.With(t.Context(), auth.Caller{Slag: auth.Person, Fnr: Admin}), OrgTest, Konfig()))
}

// Dokumentlager takes it into use for an organisation.
func (h *Hus) Dokumentlager(t testing.TB, orgID string) {
	t.Helper()
	h.Skriv(t, func(tx *store.Tx) error {
		_, err := h.Org.TaIBruk(t.Context(), tx, orgID, organisasjon.TypeDokumentlager)
		return err
	})
}

// Fagsystem makes an integrasjon of an organisation.
func (h *Hus) Fagsystem(t testing.TB, orgID, navn string) (id, passord string) {
	t.Helper()
	h.Skriv(t, func(tx *store.Tx) error {
		i, err := h.Org.OpprettIntegrasjon(t.Context(), tx, organisasjon.Integrasjon{FiksOrgID: orgID, AutorisertOrgnr: OrgnrT, Navn: navn})
		if err != nil {
			return err
		}
		id = i.ID
		passord, err = h.Org.LagPassord(t.Context(), tx, id, 0)
		return err
	})
	return id, passord
}

// Nettleser is a browser without a script: it keeps cookies and fills in forms.
type Nettleser struct {
	H      *Hus
	Kaker  map[string]string
	Sprak  string
	Origin string // of what it posts; "" the pages' own
}

// Nettleser is a new browser, in which nobody is logged in.
func (h *Hus) Nettleser() *Nettleser { return &Nettleser{H: h, Kaker: map[string]string{}} }

// SvarSide is an answer with its page.
type SvarSide struct {
	*http.Response
	HTML string
}

// Be asks for a page, with a form unless felt is nil, and follows nothing.
func (n *Nettleser) Be(t testing.TB, metode, sti string, felt url.Values) SvarSide {
	t.Helper()
	if felt == nil {
		return n.be(t, metode, sti, "", "")
	}
	return n.be(t, metode, sti, "application/x-www-form-urlencoded", felt.Encode())
}

// Send posts a form that is encoded already, such as one with a file.
func (n *Nettleser) Send(t testing.TB, sti, innholdstype, innhold string) SvarSide {
	t.Helper()
	return n.be(t, "POST", sti, innholdstype, innhold)
}

func (n *Nettleser) be(t testing.TB, metode, sti, innholdstype, innhold string) SvarSide {
	t.Helper()
	var kropp io.Reader
	if innholdstype != "" {
		kropp = strings.NewReader(innhold)
	}
	r := httptest.NewRequestWithContext(context.WithoutCancel(t.Context()), metode, n.H.Base+strings.TrimPrefix(sti, n.H.Base), kropp)
	if innholdstype != "" {
		r.Header.Set("Content-Type", innholdstype)
		r.Header.Set("Origin", n.H.Base)
		if n.Origin != "" {
			r.Header.Set("Origin", n.Origin)
			r.Header.Set("Sec-Fetch-Site", "cross-site")
		}
	}
	if n.Sprak != "" {
		r.Header.Set("Accept-Language", n.Sprak)
	}
	for navn, verdi := range n.Kaker {
		r.AddCookie(&http.Cookie{Name: navn, Value: verdi})
	}
	w := httptest.NewRecorder()
	n.H.router.ServeHTTP(w, r)
	res := w.Result()
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 {
			delete(n.Kaker, c.Name)
		} else {
			n.Kaker[c.Name] = c.Value
		}
	}
	return SvarSide{res, w.Body.String()}
}

// Get asks for a page.
func (n *Nettleser) Get(t testing.TB, sti string) SvarSide {
	t.Helper()
	return n.Be(t, "GET", sti, nil)
}

// Post sends a form of names and values.
func (n *Nettleser) Post(t testing.TB, sti string, par ...string) SvarSide {
	t.Helper()
	v := url.Values{}
	for i := 0; i < len(par); i += 2 {
		v.Add(par[i], par[i+1])
	}
	return n.Be(t, "POST", sti, v)
}

// hoved is the page's own part, for messages.
func (s SvarSide) hoved() string {
	_, m, _ := strings.Cut(s.HTML, "<main")
	m, _, _ = strings.Cut(m, "</main>")
	return m
}

// Er checks the status and that the page holds all texts.
func (s SvarSide) Er(t testing.TB, status int, tekster ...string) SvarSide {
	t.Helper()
	if s.StatusCode != status {
		t.Fatalf("%d to %q, want %d\n%s", s.StatusCode, s.Header.Get("Location"), status, s.hoved())
	}
	for _, x := range tekster {
		if !strings.Contains(s.HTML, x) {
			t.Errorf("%q is not on the page:\n%s", x, s.hoved())
		}
	}
	return s
}

// Til checks that the answer leads to a page.
func (s SvarSide) Til(t testing.TB, sti string) SvarSide {
	t.Helper()
	if s.StatusCode != http.StatusSeeOther || s.Header.Get("Location") != sti {
		t.Fatalf("%d to %q, want %q\n%s", s.StatusCode, s.Header.Get("Location"), sti, s.hoved())
	}
	return s
}

var skjultFelt = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

// Skjult is the value of a hidden field of the page.
func (s SvarSide) Skjult(t testing.TB, navn string) string {
	t.Helper()
	for _, m := range skjultFelt.FindAllStringSubmatch(s.HTML, -1) {
		if m[1] == navn {
			return strings.NewReplacer("&#43;", "+", "&amp;", "&").Replace(m[2])
		}
	}
	t.Fatalf("no hidden field %s on the page:\n%s", navn, s.HTML)
	return ""
}

// Acrer are the login levels as the issuer names them.
var Acrer = map[int]string{0: "idporten-loa-low", 3: "idporten-loa-substantial", 4: "idporten-loa-high"}

// LoggInn goes through the issuer as a person, at a level, to a page.
func (n *Nettleser) LoggInn(t testing.TB, fnr string, niva int, til string) SvarSide {
	t.Helper()
	krav := ""
	if niva == 4 {
		krav = "&niva=4"
	}
	return n.HosUtsteder(t, n.Get(t, "/logg-inn/start?til="+til+krav).Er(t, 303).Header.Get("Location"), "pid", fnr, "acr", Acrer[niva])
}

// HosUtsteder answers the issuer's page and brings back what it says.
func (n *Nettleser) HosUtsteder(t testing.TB, adresse string, par ...string) SvarSide {
	t.Helper()
	if !strings.HasPrefix(adresse, n.H.Base+"/idporten/authorize?") {
		t.Fatalf("not the issuer: %s", adresse)
	}
	return n.Get(t, n.Post(t, adresse, par...).Er(t, 303).Header.Get("Location"))
}

// Som is a browser in which a person is logged in at the highest level.
func (h *Hus) Som(t testing.TB, fnr string) *Nettleser {
	t.Helper()
	n := h.Nettleser()
	n.LoggInn(t, fnr, 4, "/").Til(t, "/")
	return n
}

// Antall counts the rows of a table.
func (h *Hus) Antall(t testing.TB, tabell string) (n int) {
	t.Helper()
	Must(t, h.DB.Read().QueryRowContext(t.Context(), `SELECT count(*) FROM `+tabell).Scan(&n))
	return n
}

// Utfor runs a statement, such as one that makes the next fail.
func (h *Hus) Utfor(t testing.TB, sql string) {
	t.Helper()
	Must(t, h.DB.Write(t.Context(), func(tx *store.Tx) error { _, err := tx.ExecContext(t.Context(), sql); return err }))
}

// Slipper tells whether an id and a password let one in.
func (h *Hus) Slipper(t testing.TB, want bool, id, passord string) {
	t.Helper()
	_, err := h.Org.Autentiser(t.Context(), id, passord)
	if (err == nil) != want || err != nil && !feil.Er(err, feil.Uautentisert) {
		t.Errorf("logging in: %v, want %t", err, want)
	}
}

// What pages show of a new integrasjon: its password and its id.
var (
	PassordRE = regexp.MustCompile(`<code class="p-hemmelig" id="passord">([A-Za-z0-9_-]{43})</code>`)
	idRE      = regexp.MustCompile(`<code id="integrasjonsid">([0-9a-f-]{36})</code>`)
)

// Paalogging reads the id and the password that a page shows.
func (s SvarSide) Paalogging(t testing.TB) (id, passord string) {
	t.Helper()
	p, i := PassordRE.FindStringSubmatch(s.HTML), idRE.FindStringSubmatch(s.HTML)
	if p == nil || i == nil {
		t.Fatalf("no password on the page:\n%s", s.HTML)
	}
	return i[1], p[1]
}
