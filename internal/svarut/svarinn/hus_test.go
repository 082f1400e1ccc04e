package svarinn

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"hash/crc32"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"knutepunkt/api/apitest"
	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/jobs"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/mail"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

// Ids and people of the test house.
const (
	orgBy   = "00000000-0000-4000-8000-000000000301"
	orgNabo = "00000000-0000-4000-8000-000000004601"

	byNr   = "910229028"
	naboNr = "921770669"

	passordBy   = "et-passord-som-er-langt-nok-til-aa-vaere-tilfeldig"
	passordNabo = "et-annet-passord-som-er-langt-nok-for-en-maskin"

	basis = "https://svarut.eksempel.no"
)

var (
	kari     = auth.Caller{Slag: auth.Person, Fnr: "01870112345", Niva: 4}
	ola      = auth.Caller{Slag: auth.Person, Fnr: "02870254321", Niva: 4}
	operator = auth.Caller{Slag: auth.Person, Fnr: "03870311111", Niva: 4}

	systemBy   = "11111111-1111-4111-8111-111111111111"
	systemNabo = "22222222-2222-4222-8222-222222222222"
)

// hus is the room on its real floors, behind its real guard. The channels after
// SVARINN are recorders, and so is the sender's log.
type hus struct {
	*grunntest.Grunn
	s      *Service
	lev    *levering.Service
	org    *organisasjon.Service
	audit  *audit.Service
	roller Rolletabell
	kilde  *kilde
	altinn *kanal
	print  *kanal
	klient *http.Client
	logg   *bytes.Buffer
	steg   levering.Steg // SVARINN's, of the plan

	mu     sync.Mutex
	logger []string // what the sender's log was told
}

// kilde is a source with its forsendelser in memory.
type kilde struct {
	mu         sync.Mutex
	f          map[string]levering.Forsendelse // by id
	feil       error                           // what Forsendelse answers
	tilstander []levering.Tilstand
}

func (k *kilde) Forsendelse(_ context.Context, l levering.Levering, _ string) (levering.Forsendelse, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.f[l.KildeID], k.feil
}

func (k *kilde) Endret(_ context.Context, _ *store.Tx, l levering.Levering) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tilstander = append(k.tilstander, l.Tilstand)
	return nil
}

func (k *kilde) Kontakter(context.Context, levering.Levering) ([]string, error) { return nil, nil }

// kanal is a channel that takes everything.
type kanal struct {
	navn    string
	db      *store.DB
	sendt   []string // ids of the forsendelser
	trukket []string
}

func (k *kanal) Navn() string { return k.navn }

func (k *kanal) Send(ctx context.Context, l levering.Levering, _ levering.Forsendelse, sendt func(*store.Tx) error) error {
	k.sendt = append(k.sendt, l.KildeID)
	return k.db.Write(ctx, sendt)
}

func (k *kanal) Trekk(_ context.Context, _ *store.Tx, l levering.Levering) error {
	k.trukket = append(k.trukket, l.KildeID)
	return nil
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func nyttHus(t testing.TB, endre ...func(*Deps, *Config)) *hus {
	t.Helper()
	return byggHus(t, grunn(t), endre...)
}

func grunn(t testing.TB) *grunntest.Grunn {
	t.Helper()
	return grunntest.Ny(t, audit.Migrations(), organisasjon.Migrations(), levering.Migrations(), Migrations())
}

// igjen is the ground floor of a house that was closed, as after a restart.
func igjen(t testing.TB, h *hus) *grunntest.Grunn {
	t.Helper()
	return grunntest.Aapne(t, h.Dir, h.Klokke, audit.Migrations(), organisasjon.Migrations(), levering.Migrations(), Migrations())
}

// medPost is a ground floor whose e-mail goes by another transport.
func medPost(t testing.TB, transport func(*grunntest.Grunn) mail.Transport) *grunntest.Grunn {
	t.Helper()
	g := grunn(t)
	g.Jobs = jobs.New(g.DB, g.Klokke, slog.New(slog.DiscardHandler))
	g.Mail = mail.NewService(g.DB, g.Ring, g.Klokke, g.Jobs, transport(g), "Knutepunkt <ikke-svar@knutepunkt.test>")
	return g
}

func byggHus(t testing.TB, g *grunntest.Grunn, endre ...func(*Deps, *Config)) *hus {
	t.Helper()
	k := g.Klokke
	h := &hus{Grunn: g, kilde: &kilde{f: map[string]levering.Forsendelse{}}, logg: &bytes.Buffer{}, roller: Rolletabell{DB: g.DB, Ring: g.Ring},
		steg: levering.Steg{Kanal: levering.KanalSvarInn, Frist: 8 * time.Hour, Ubegrenset: true, Utholdende: true, GodtaSen: true}}
	log := slog.New(slog.NewTextHandler(&laast{w: h.logg}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.audit = audit.NewService(g.DB, g.Ring, k)
	h.org = organisasjon.New(g.DB, g.Ring, k, h.audit)
	h.lev = levering.NewService(g.DB, k, g.Jobs, g.Mail, log, levering.Config{})
	d := Deps{DB: g.DB, Ring: g.Ring, Klokke: k, Jobber: g.Jobs, Organisasjon: h.org, Levering: h.lev, Varsler: g.Mail, Audit: h.audit,
		Roller: h.roller, Log: log, Logg: func(_ context.Context, _ *store.Tx, id, tekst string) error {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.logger = append(h.logger, id[:8]+" "+tekst)
			return nil
		}}
	cfg := Config{BaseURL: basis}
	for _, fn := range endre {
		fn(&d, &cfg)
	}
	var err error
	h.s, err = New(d, cfg)
	must(t, err)
	h.altinn, h.print = &kanal{navn: levering.KanalAltinn, db: g.DB}, &kanal{navn: levering.KanalPrint, db: g.DB}
	h.lev.RegistrerKilde("svarut", h.kilde)
	for _, k := range []levering.Kanal{h.s.Kanal(), h.altinn, h.print} {
		h.lev.RegistrerKanal(k)
	}
	ro := &httpx.Router{Klokke: k, Log: log}
	must(t, auth.Guard(ro, anonyme{}, h.org, h.s.Routes()))
	h.klient = &http.Client{Transport: apitest.Transport(t, apitest.Handler(ro))}
	return h
}

// laast is a writer for several.
type laast struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *laast) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

type anonyme struct{}

func (anonyme) Request(*http.Request) (auth.Caller, error) {
	return auth.Caller{Slag: auth.Anonym}, nil
}

// medSystemer is a house with two organisations, each with its mottakersystem, its
// password and its certificate.
func medSystemer(t testing.TB, endre ...func(*Deps, *Config)) *hus {
	t.Helper()
	h := nyttHus(t, endre...)
	h.systemer(t)
	return h
}

func (h *hus) systemer(t testing.TB) {
	t.Helper()
	h.organisasjoner(t)
	ctx := t.Context()
	for _, x := range []struct {
		id, org, navn, orgnr, passord string
		av                            auth.Caller
		hvem                          string
	}{
		{systemBy, orgBy, "NAV Testby", byNr, passordBy, kari, "Kari Nordmann"},
		{systemNabo, orgNabo, "NAV Naboby", naboNr, passordNabo, ola, "Ola Nordmann"},
	} {
		_, err := h.s.Opprett(ctx, operator, Ny{ID: x.id, FiksOrgID: x.org, Navn: x.navn, Person: Person{Fnr: x.av.Fnr, Navn: x.hvem}})
		must(t, err)
		must(t, h.roller.Gi(ctx, x.av.Fnr, x.orgnr, PostArkiv))
		_, err = h.s.GiOrganisasjoner(ctx, x.av, x.id, []Rad{{Orgnr: x.orgnr}})
		must(t, err)
		must(t, h.s.SettPassord(ctx, operator, x.id, x.passord))
		must(t, h.s.SettVarsles(ctx, x.av, x.id, "post@"+x.orgnr+".example; vakt@"+x.orgnr+".example;"))
		_, cert := nokkelpar()
		_, err = h.s.SettSertifikat(ctx, x.av, x.id, pemAv(cert))
		must(t, err)
	}
}

func (h *hus) organisasjoner(t testing.TB) {
	t.Helper()
	for _, o := range []organisasjon.Organisasjon{
		{ID: orgBy, Navn: "Testby kommune", Type: "KOMMUNE", Kommunenummer: "0301", Orgnr: "958935420", Epost: []string{"post@testby.example"}},
		{ID: orgNabo, Navn: "Naboby kommune", Type: "KOMMUNE", Kommunenummer: "4601", Orgnr: "964338531"},
	} {
		must(t, h.DB.Write(t.Context(), func(tx *store.Tx) error {
			_, err := h.org.OpprettOrganisasjon(t.Context(), tx, o)
			return err
		}))
	}
}

// nokkelpar is the key that mottakersystemer of the tests decrypt with.
var nokkelpar = sync.OnceValues(func() (*rsa.PrivateKey, *x509.Certificate) {
	return nyttPar(2048, grunntest.Start.AddDate(10, 0, 0))
})

func nyttPar(bits int, til time.Time) (*rsa.PrivateKey, *x509.Certificate) {
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return k, sertifikatFor(&k.PublicKey, k, til)
}

func sertifikatFor(pub any, signerer any, til time.Time) *x509.Certificate {
	serie, err := rand.Int(rand.Reader, big.NewInt(1<<60))
	if err != nil {
		panic(err)
	}
	mal := &x509.Certificate{SerialNumber: serie, Subject: pkix.Name{CommonName: "Fagsystem", Organization: []string{"Testby"}},
		NotBefore: grunntest.Start.AddDate(-1, 0, 0), NotAfter: til}
	der, err := x509.CreateCertificate(rand.Reader, mal, mal, pub, signerer)
	if err != nil {
		panic(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return c
}

func pemAv(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func fil(navn, mimetype, innhold string) levering.Fil {
	sum := sha256.Sum256([]byte(innhold))
	return levering.Fil{
		Navn: navn, Mimetype: mimetype, Storrelse: int64(len(innhold)), SHA256: hex.EncodeToString(sum[:]), CRC32: crc32.ChecksumIEEE([]byte(innhold)),
		Apne: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(innhold)), nil },
	}
}

// brev is a forsendelse to orgnr with two files.
func brev(orgnr string) levering.Forsendelse {
	return levering.Forsendelse{
		EksternRef: "110004PCC",
		Filer:      []levering.Fil{fil("soknad.json", "application/json", `{"a":1}`), fil("Søknad æøå.pdf", "application/pdf", "%PDF-1.7 innhold")},
		Post: levering.Post{
			Tittel: "Søknad til NAV", Niva: 4, Mottatt: grunntest.Start.Add(-time.Minute),
			Avsender: levering.Adresse{Navn: "Digisos", Orgnr: "889640782", Adresselinje1: "Postboks 5", Postnummer: "0130", Poststed: "Oslo"},
			Mottaker: levering.Adresse{Navn: "NAV Testby", Orgnr: orgnr, Postnummer: "0000", Poststed: "Ikke send"},
		},
	}
}

// lever sends f and gives the id of the forsendelse.
func (h *hus) lever(t testing.TB, f levering.Forsendelse) string {
	t.Helper()
	id := uuid.NewString()
	h.leverSom(t, id, f)
	return id
}

func (h *hus) leverSom(t testing.TB, id string, f levering.Forsendelse) {
	t.Helper()
	h.kilde.mu.Lock()
	h.kilde.f[id] = f
	h.kilde.mu.Unlock()
	must(t, h.DB.Write(t.Context(), func(tx *store.Tx) error {
		return h.lev.Opprett(t.Context(), tx, levering.Ny{ID: leveringAv(id), Kilde: "svarut", KildeID: id, FiksOrgID: orgBy, Plan: []levering.Steg{
			h.steg,
			{Kanal: levering.KanalAltinn, Frist: 40 * time.Hour, Virketid: true, Utholdende: true, GodtaSen: true},
			{Kanal: levering.KanalPrint, Frist: 7 * 24 * time.Hour, Ubegrenset: true, Utholdende: true},
		}})
	}))
	h.kjor(t)
}

// leveringAv is another id than the forsendelse's, as in real life.
func leveringAv(id string) string { return uuid.NewSHA1(uuid.Nil, []byte(id)).String() }

func (h *hus) kjor(t testing.TB) {
	t.Helper()
	must(t, h.Jobs.RunDue(t.Context()))
}

func (h *hus) levering(t testing.TB, id string) levering.Levering {
	t.Helper()
	l, _, err := h.lev.Hent(t.Context(), h.DB.Read(), leveringAv(id))
	must(t, err)
	return l
}

// svar is an answer, read to its end.
type svar struct {
	status int
	hode   http.Header
	kropp  string
}

// kall makes a request as the mottakersystem with that password; "" for none.
func (h *hus) kall(t testing.TB, systemID, metode, sti, kropp string, hoder ...string) svar {
	t.Helper()
	var inn io.Reader
	if kropp != "" {
		inn = strings.NewReader(kropp)
	}
	r, err := http.NewRequestWithContext(t.Context(), metode, sti, inn)
	must(t, err)
	switch systemID {
	case systemBy:
		r.SetBasicAuth(systemID, passordBy)
	case systemNabo:
		r.SetBasicAuth(systemID, passordNabo)
	}
	for i := 0; i < len(hoder); i += 2 {
		r.Header.Set(hoder[i], hoder[i+1])
	}
	resp, err := h.klient.Do(r)
	must(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(t, err)
	return svar{resp.StatusCode, resp.Header, string(b)}
}

const (
	stiListe   = basis + "/tjenester/svarinn/mottaker/hentNyeForsendelser"
	stiHent    = basis + "/tjenester/svarinn/forsendelse/"
	stiKvitter = basis + "/tjenester/svarinn/kvitterMottak/forsendelse/"
	stiFeilet  = basis + "/tjenester/svarinn/mottakFeilet/forsendelse/"
)

// post is the e-mail sent so far, as "address: subject".
func (h *hus) post(t testing.TB) []string {
	t.Helper()
	ms, err := h.Epost.Alle(t.Context())
	must(t, err)
	var ut []string
	for _, m := range ms {
		ut = append(ut, strings.Join(m.To, ",")+": "+m.Subject)
	}
	slices.Sort(ut)
	return ut
}

func feilkode(t testing.TB, hva string, err error, kode feil.Kode) {
	t.Helper()
	if !feil.Er(err, kode) {
		t.Errorf("%s: %v, want kind %d", hva, err, kode)
	}
}

// tjener serves the room over a real connection.
func (h *hus) tjener(t testing.TB) *httptest.Server {
	t.Helper()
	ro := &httpx.Router{Klokke: h.Klokke, Log: slog.New(slog.DiscardHandler)}
	must(t, auth.Guard(ro, anonyme{}, h.org, h.s.Routes()))
	s := httptest.NewServer(ro)
	t.Cleanup(s.Close)
	return s
}

// medGrense makes the queue one with a limit.
func (h *hus) medGrense(d time.Duration) {
	h.steg.Frist, h.steg.Ubegrenset = d, false
}

type ctxT = context.Context
