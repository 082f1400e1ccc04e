package bekymringsmelding

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"knutepunkt/api/apitest"
	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/dokumentlager"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/fiksio/amqp"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/jobs"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/mail"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
	"knutepunkt/internal/svarut/print"
)

// Ids and people of the test house.
const (
	orgPlattform = "00000000-0000-4000-8000-00000000000a"
	orgSkole     = "00000000-0000-4000-8000-00000000000b" // sends
	orgBergen    = "00000000-0000-4000-8000-000000004601"
	orgOslo      = "00000000-0000-4000-8000-000000000301"

	integrasjonSkole   = "10000000-0000-4000-8000-000000000001"
	integrasjonSvarInn = "10000000-0000-4000-8000-000000000002"
	integrasjonPortal  = "10000000-0000-4000-8000-000000000003"
	integrasjonFag     = "10000000-0000-4000-8000-000000000004"

	passordSvarInn = "svarinn-passord-med-mange-tegn-0123456789ab"

	fnrBruker    = "01870112345" // synthetic: month + 80
	fnrAdmin     = "02870254321"
	fnrOperator  = "03870311111"
	fnrMelder    = "04870422222"
	bydelFiksIO  = "01"
	bydelSvarInn = "02"
	bydelManuell = "03"
	bydelPrint   = "04"
)

var (
	skole    = auth.Caller{Slag: auth.Integrasjon, IntegrasjonID: integrasjonSkole, Orgnr: "974778866"}
	fag      = auth.Caller{Slag: auth.Integrasjon, IntegrasjonID: integrasjonFag, Orgnr: "964338531"}
	bruker   = auth.Caller{Slag: auth.Person, Fnr: fnrBruker, Niva: 4}
	admin    = auth.Caller{Slag: auth.Person, Fnr: fnrAdmin, Niva: 4}
	operator = auth.Caller{Slag: auth.Person, Fnr: fnrOperator, Niva: 4}
	melder   = auth.Caller{Slag: auth.Person, Fnr: fnrMelder, Niva: 4}
	portal   = auth.Caller{Slag: auth.IntegrasjonPerson, IntegrasjonID: integrasjonPortal, Orgnr: "991825827", Fnr: fnrMelder, Niva: 4}
	anonym   = auth.Caller{Slag: auth.Anonym}
)

// nokkel is a party's key with its certificate.
type nokkel struct {
	key  *rsa.PrivateKey
	cert *x509.Certificate
}

func nyNokkel(navn string, serie int64) nokkel {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	mal := &x509.Certificate{SerialNumber: big.NewInt(serie), Subject: pkix.Name{CommonName: navn, Country: []string{"NO"}},
		NotBefore: grunntest.Start.AddDate(-1, 0, 0), NotAfter: grunntest.Start.AddDate(5, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, mal, mal, key.Public(), key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return nokkel{key, cert}
}

var (
	trykkeri  = sync.OnceValue(func() nokkel { return nyNokkel("Utskrift AS", 4711) })
	fagsystem = sync.OnceValue(func() nokkel { return nyNokkel("Bergen fagsystem", 4712) })
	mottaker  = sync.OnceValue(func() nokkel { return nyNokkel("Bergen SvarInn", 4713) })
	fremmed   = sync.OnceValue(func() nokkel { return nyNokkel("Noen andre", 4714) })
	plattform = func(t testing.TB) *x509.Certificate { _, c := grunntest.Plattformnokkel(t); return c }
	pemAv     = func(c *x509.Certificate) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	kjenneord  = "Kjenneord-som-aldri-skal-kunne-leses" // in every document
	avsenderen = levering.Adresse{Navn: "Nasjonal portal for bekymringsmelding", Adresselinje1: "Postboks 1", Postnummer: "0001", Poststed: "OSLO"}
)

// hus is the room on its real floors, behind its real guard, with the real channels.
type hus struct {
	*grunntest.Grunn
	s         *Service
	lev       *levering.Service
	fio       *fiksio.Service
	org       *organisasjon.Service
	revisjon  *audit.Service
	trykk     *print.Kanal
	router    *httpx.Router
	transport http.RoundTripper
	konto     string // the platform's at Fiks IO
	linjer    *logg
}

// logg collects what is logged.
type logg struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logg) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// ident takes the caller from the request's context: how callers log in is auth's matter.
type ident struct{}

func (ident) Request(r *http.Request) (auth.Caller, error) { return auth.From(r.Context()), nil }

func nyttHus(t testing.TB, endre ...func(*Config)) *hus {
	t.Helper()
	return apneHus(t, t.TempDir(), klokke.NyManuell(grunntest.Start), endre...)
}

// apneHus is nyttHus in a folder that may have been used before, as after a restart.
func apneHus(t testing.TB, dir string, k *klokke.Manuell, endre ...func(*Config)) *hus {
	t.Helper()
	g := grunntest.Aapne(t, dir, k, audit.Migrations(), organisasjon.Migrations(), dokumentlager.Migrations(),
		levering.Migrations(), fiksio.Migrations(), print.Migrations(), Migrations())
	return innred(t, g, endre...)
}

// node is one more process on the house's database.
func (h *hus) node(t testing.TB) *hus {
	t.Helper()
	g := *h.Grunn
	g.Jobs = jobs.New(g.DB, g.Klokke, slog.New(slog.NewTextHandler(t.Output(), nil)))
	g.Mail = mail.NewService(g.DB, g.Ring, g.Klokke, g.Jobs, g.Epost, "Knutepunkt <ikke-svar@knutepunkt.test>")
	return innred(t, &g)
}

// innred builds the rooms on a ground floor.
func innred(t testing.TB, g *grunntest.Grunn, endre ...func(*Config)) *hus {
	t.Helper()
	dir, k := g.Dir, g.Klokke
	h := &hus{Grunn: g, linjer: &logg{}}
	log := slog.New(slog.NewTextHandler(h.linjer, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.revisjon = audit.NewService(g.DB, g.Ring, k)
	h.org = organisasjon.New(g.DB, g.Ring, k, h.revisjon)
	dok := dokumentlager.NewService(g.DB, g.Ring, g.Blobs, k, g.Jobs, h.org)
	h.lev = levering.NewService(g.DB, k, g.Jobs, g.Mail, log, levering.Config{})
	var err error
	h.fio, err = fiksio.New(t.Context(), fiksio.Deps{DB: g.DB, Klokke: k, Ring: g.Ring, Blobs: g.Blobs, Jobs: g.Jobs,
		Organisasjon: h.org, Dokumentlager: dok, Tilgang: h.org, Log: log})
	must(t, err)
	must(t, os.MkdirAll(filepath.Join(dir, "print"), 0o700))
	h.trykk, err = print.New(print.Deps{DB: g.DB, Ring: g.Ring, Blobs: g.Blobs, Klokke: k, Jobs: g.Jobs, Levering: h.lev,
		Transport: print.Folder(filepath.Join(dir, "print")), Log: log}, print.Config{Sertifikat: trykkeri().cert, Poll: -1, Behold: true})
	must(t, err)
	h.lev.RegistrerKanal(h.trykk)
	cfg := Config{PrintSertifikat: trykkeri().cert, BaseURL: "https://knutepunkt.test", Avsender: avsenderen}
	for _, fn := range endre {
		fn(&cfg)
	}
	h.s, err = New(Deps{DB: g.DB, Ring: g.Ring, Blobs: g.Blobs, Klokke: k, Jobber: g.Jobs, Organisasjon: h.org, Levering: h.lev,
		FiksIO: h.fio, Audit: h.revisjon, Print: h.trykk, Mail: g.Mail, Navn: folkeregister, Log: log}, cfg)
	must(t, err)
	h.router = &httpx.Router{Klokke: k, Log: log}
	must(t, auth.Guard(h.router, ident{}, h.org, h.s.Routes()))
	h.transport = apitest.Transport(t, apitest.Handler(h.router))
	ny := false
	if _, err := h.org.Organisasjon(t.Context(), orgBergen); err != nil {
		ny = true
		h.mobler(t)
	}
	h.write(t, func(tx *store.Tx) error {
		konto, err := h.fio.SikrePlattformkonto(t.Context(), tx, orgPlattform)
		h.konto = konto.ID
		return err
	})
	h.lev.RegistrerKanal(fiksio.NyKanal(h.fio, h.lev, h.konto))
	h.bydeler(t, ny)
	return h
}

func folkeregister(_ context.Context, fnr string) (string, error) {
	if fnr == fnrMelder {
		return "Mona Melder", nil
	}
	return "", nil
}

// mobler furnishes a new house: organisations, integrasjoner and who may what.
func (h *hus) mobler(t testing.TB) {
	t.Helper()
	ctx := auth.With(t.Context(), operator)
	h.write(t, func(tx *store.Tx) error {
		for _, o := range []organisasjon.Organisasjon{
			{ID: orgPlattform, Navn: "Knutepunkt", Type: "LEVERANDOR"},
			{ID: orgSkole, Navn: "Skole", Type: "KOMMUNAL_VIRKSOMHET", Orgnr: "974778866"},
			{ID: orgBergen, Navn: "Bergen", Type: "KOMMUNE", Kommunenummer: "4601", Orgnr: "964338531"},
			{ID: orgOslo, Navn: "Oslo", Type: "KOMMUNE", Kommunenummer: "0301", Orgnr: "958935420"},
		} {
			if _, err := h.org.OpprettOrganisasjon(ctx, tx, o); err != nil {
				return err
			}
		}
		for id, org := range map[string]string{integrasjonSkole: orgSkole, integrasjonSvarInn: orgBergen, integrasjonPortal: orgPlattform, integrasjonFag: orgBergen} {
			if _, err := h.org.OpprettIntegrasjon(ctx, tx, organisasjon.Integrasjon{ID: id, FiksOrgID: org, AutorisertOrgnr: "964338531", Navn: "Integrasjon"}); err != nil {
				return err
			}
		}
		tjeneste, err := h.org.TaIBruk(ctx, tx, orgSkole, organisasjon.TypeBekymringsmelding)
		if err != nil {
			return err
		}
		if err := h.org.GiTilgang(ctx, tx, operator, integrasjonSkole, auth.BekymringSend, tjeneste); err != nil {
			return err
		}
		for _, g := range []struct{ aktor, privilegium, ressurs string }{
			{fnrAdmin, auth.Admin, orgBergen}, {fnrOperator, auth.Rot, organisasjon.RotID},
		} {
			if err := h.org.GiTilgang(ctx, tx, operator, g.aktor, g.privilegium, g.ressurs); err != nil {
				return err
			}
		}
		if err := h.org.SettPassord(ctx, tx, integrasjonSvarInn, passordSvarInn); err != nil {
			return err
		}
		return h.org.GiTypeTilgang(ctx, tx, operator, integrasjonPortal, auth.BekymringSkjema, organisasjon.TypeBekymringsmelding)
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *hus) write(t testing.TB, fn func(tx *store.Tx) error) {
	t.Helper()
	must(t, h.DB.Write(t.Context(), fn))
}

// send sends a new report to a bydel of Bergen and gives its id.
func (h *hus) send(t testing.TB, bydel string) string {
	t.Helper()
	ct, body := skjemaKropp(h.deler(t, bydel)...)
	v := les[uuidSvar](t, h.gjor(t, skole, "POST", mottakSti(bydel), ct, body), 201)
	if _, err := uuid.Parse(v.UUID); err != nil {
		t.Fatal(err)
	}
	h.kjor(t)
	return v.UUID
}

// kjor does all that is due now.
func (h *hus) kjor(t testing.TB) {
	t.Helper()
	must(t, h.Jobs.RunDue(t.Context()))
}

// tilstander are the states that the sender sees, in order.
func (h *hus) tilstander(t testing.TB, id string) string {
	t.Helper()
	var ut []string
	for _, e := range les[[]struct{ Tilstand string }](t, h.get(t, skole,
		"/bekymringsmelding/api/v1/mottak/fagsystem/"+orgSkole+"/bekymringsmelding/"+id+"/status"), 200) {
		ut = append(ut, e.Tilstand)
	}
	return strings.Join(ut, " ")
}

func (h *hus) vil(t testing.TB, id, want string) {
	t.Helper()
	if got := h.tilstander(t, id); got != want {
		t.Fatalf("states %s, want %s\n%s", got, want, &h.linjer.b)
	}
}

// iKoen are the messages in the fagsystem's queue.
func (h *hus) iKoen(t testing.TB) []amqp.Message {
	t.Helper()
	ms, err := h.fio.Broker(nil).Ready(t.Context(), fiksio.Ko(kontoBergen), 0, 100)
	must(t, err)
	return ms
}

func (h *hus) kropp(t testing.TB, m amqp.Message) []byte {
	t.Helper()
	if m.Body != nil {
		return m.Body
	}
	r, err := h.fio.Broker(nil).Open(t.Context(), amqp.Ref{Queue: m.Queue, Seq: m.Seq})
	must(t, err)
	defer r.Close()
	b, err := io.ReadAll(r)
	must(t, err)
	return b
}

func hode(m amqp.Message, navn string) string {
	for _, h := range m.Headers {
		if h.Name == navn {
			return fmt.Sprint(h.Value)
		}
	}
	return ""
}

// svarFra sends a reply from a konto to the platform, with a payload or none.
func (h *hus) svarFra(t testing.TB, konto, typ, til string, nyttelast []byte) {
	t.Helper()
	n, err := h.fio.Motta(t.Context(), bytes.NewReader(nyttelast))
	must(t, err)
	defer n.Forkast()
	h.write(t, func(tx *store.Tx) error {
		_, err := h.fio.Send(t.Context(), tx, fiksio.Utgaaende{AvsenderKontoID: konto, MottakerKontoID: h.konto, Type: typ, SvarPaMelding: til}, n)
		return err
	})
	h.kjor(t)
}

// jobber are the print jobs, oldest first.
func (h *hus) jobber(t testing.TB) []print.Jobb {
	t.Helper()
	alle, err := h.trykk.Jobber(t.Context(), 100)
	must(t, err)
	return alle
}

func (h *hus) kvitterPrint(t testing.TB, jobbID string, status print.Tilstand) {
	t.Helper()
	must(t, h.trykk.Kvitter(t.Context(), print.Kvittering{JobbID: jobbID, Status: status, Tidspunkt: h.Klokke.Now()}))
	h.kjor(t)
}

// melding is the report's row.
func (h *hus) melding(t testing.TB, id string) Melding {
	t.Helper()
	m, err := hentMelding(t.Context(), h.DB.Read(), id)
	must(t, err)
	return m
}

// tilTid moves the clock to a time in Oslo; all that falls due is done.
func (h *hus) tilTid(t testing.TB, s string) {
	t.Helper()
	naar := oslotid(t, s)
	if naar.Before(h.Klokke.Now()) {
		t.Fatal("the clock runs forward only")
	}
	must(t, h.Jobs.AdvanceTo(t.Context(), naar, h.Klokke.Sett))
}

func oslotid(t testing.TB, s string) time.Time {
	t.Helper()
	v, err := time.ParseInLocation("2006-01-02T15:04", s, klokke.Sone())
	must(t, err)
	return v.UTC()
}

// epost lists what was sent to an address, by subject.
func (h *hus) epost(t testing.TB, til string) (ut []string) {
	t.Helper()
	alle, err := h.Epost.Alle(t.Context())
	must(t, err)
	for _, m := range alle {
		if len(m.To) == 1 && m.To[0] == til {
			ut = append(ut, klokke.Oslo(m.Time).Format("2006-01-02T15:04")+" "+m.Subject)
		}
	}
	return ut
}

var errFant = errors.New("found")

// lekker searches the house's folder for words that nobody may read there.
func (h *hus) lekker(t testing.TB, ord ...string) {
	t.Helper()
	must(t, filepath.WalkDir(h.Dir, func(sti string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(sti)
		if err != nil {
			return err
		}
		for _, o := range ord {
			if bytes.Contains(b, []byte(o)) {
				return fmt.Errorf("%w: %q in %s", errFant, o, filepath.Base(sti))
			}
		}
		return nil
	}))
	for _, o := range ord {
		if strings.Contains(h.linjer.b.String(), o) {
			t.Errorf("%q is in the log", o)
		}
	}
}

// nyKonto is another konto of Bergen.
func (h *hus) nyKonto(t testing.TB) string {
	t.Helper()
	id := uuid.NewString()
	h.write(t, func(tx *store.Tx) error {
		_, err := h.fio.OpprettKonto(t.Context(), tx, fiksio.Konto{ID: id, FiksOrgID: orgBergen, Navn: "Annet system", Aktiv: true, Sertifikat: fremmed().cert.Raw})
		return err
	})
	return id
}
