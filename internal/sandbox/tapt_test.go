package sandbox_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"knutepunkt/client"
	"knutepunkt/cms"
	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/digisos"
	"knutepunkt/internal/lesbart"
	"knutepunkt/internal/sandbox"
)

// glemsk is a fagsystem that confirms all it gets and loses every third of them, as one
// once did.
type glemsk struct {
	mu     sync.Mutex
	nr     int
	lagret map[string]string // the documents by id of the report
	tapt   []string
	frisk  bool // it loses nothing any longer
	fikk   chan string
}

func (g *glemsk) motta(ctx context.Context, m *client.Mottatt) error {
	filer := map[string][]byte{}
	_, err := m.Filer(ctx, func(navn string, r io.Reader) (err error) {
		filer[navn], err = io.ReadAll(r)
		return err
	})
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(filer["bekymringsmelding.pdf"], []byte("%PDF-")) {
		return fmt.Errorf("no PDF among %v", slices.Collect(maps.Keys(filer)))
	}
	if _, err := m.Svar(ctx, "no.ks.fiks.bekymringsmelding.mottatt.v1"); err != nil {
		return err
	}
	id := m.Headere["bekymringsmelding-id"]
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.nr++; g.nr%3 == 0 && !g.frisk {
		g.tapt = append(g.tapt, id)
	} else {
		g.lagret[id] = string(filer["bekymringsmelding.json"])
	}
	g.fikk <- id
	return nil
}

// lytt has the fagsystem of the kommune's konto listen until the test ends.
func (k *kasse) lytt(t *testing.T, kommune sandbox.Kommune, motta func(context.Context, *client.Mottatt) error) {
	t.Helper()
	privat, err := x509.ParsePKCS8PrivateKey(lesPEM(t, k, kommune.Fagsystem.PrivateKey, "PRIVATE KEY"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stopp := context.WithCancel(t.Context())
	ferdig := make(chan struct{})
	c := k.klient(t, kommune.Fagsystem.Integrasjon)
	go func() {
		defer close(ferdig)
		err := c.Lytt(ctx, client.Mottaker{Addr: net.JoinHostPort(k.b.AMQP.Host, strconv.Itoa(k.b.AMQP.Port)), KontoID: kommune.Fagsystem.FiksIOKontoID,
			Nokler: []cms.Key{{Private: privat.(*rsa.PrivateKey)}}, Prefetch: 1}, func(ctx context.Context, m *client.Mottatt) error {
			err := motta(ctx, m)
			if err != nil {
				t.Logf("the fagsystem: %v", err)
			}
			return err
		})
		if ctx.Err() == nil {
			t.Errorf("the fagsystem stopped: %v", err)
		}
	}()
	t.Cleanup(func() { stopp(); <-ferdig })
}

// venter waits until the fagsystem has got n reports more, and tells which.
func (g *glemsk) venter(t *testing.T, n int) (ider []string) {
	t.Helper()
	for range n {
		select {
		case id := <-g.fikk:
			ider = append(ider, id)
		case <-time.After(20 * time.Second):
			t.Fatalf("the fagsystem got %d of %d reports", len(ider), n)
		}
	}
	return ider
}

// registrerte are the ids that it has stored, as it tells them: one on each line.
func (g *glemsk) registrerte() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return strings.Join(slices.Sorted(maps.Keys(g.lagret)), "\r\n")
}

// leser is a person with a browser that runs no scripts.
type leser struct {
	t *testing.T
	k *kasse
	c *http.Client
}

func (k *kasse) leser(t *testing.T, fnr, til string) leser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	l := leser{t, k, &http.Client{Jar: jar, Timeout: time.Minute}}
	res, err := l.c.Get(k.b.BaseURL + "/logg-inn/start?niva=4&til=" + til)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if sti, _ := l.side(l.c.PostForm(res.Request.URL.String(), url.Values{"pid": {fnr}, "acr": {"idporten-loa-high"}})); sti != til {
		t.Fatalf("login leads to %s", sti)
	}
	return l
}

func (l leser) side(res *http.Response, err error) (sti, tekst string) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		l.t.Fatalf("%s: %d %v\n%s", res.Request.URL, res.StatusCode, err, b)
	}
	return res.Request.URL.Path, string(b)
}

func (l leser) hent(sti string) string {
	l.t.Helper()
	_, tekst := l.side(l.c.Get(l.k.b.BaseURL + sti))
	return tekst
}

// send fills in a form and gives the page that it leads to.
func (l leser) send(sti string, felt ...string) (til, tekst string) {
	l.t.Helper()
	v := url.Values{}
	for i := 0; i+1 < len(felt); i += 2 {
		v.Add(felt[i], felt[i+1])
	}
	return l.side(l.c.PostForm(l.k.b.BaseURL+sti, v))
}

var skjultRE = regexp.MustCompile(`<input type="hidden" name="(\w+)" value="([^"]*)"`)

// melder sends a report by the pages and gives its receipt's address.
func (l leser) melder(sti, bydel string, steg ...[]string) string {
	l.t.Helper()
	l.send("/" + sti + "/til/" + bydel)
	for _, s := range steg {
		l.send("/"+sti+"/steg/"+s[0], append(s[1:], "handling", "neste")...)
	}
	felt := []string{"handling", "send"}
	for _, m := range skjultRE.FindAllStringSubmatch(l.hent("/"+sti+"/steg/se-over"), -1) {
		felt = append(felt, m[1], html.UnescapeString(m[2]))
	}
	til, tekst := l.send("/"+sti+"/steg/se-over", felt...)
	if !strings.HasPrefix(til, "/"+sti+"/kvittering/") || !strings.Contains(tekst, "Meldingen er sendt") {
		l.t.Fatalf("sending leads to %s:\n%s", til, tekst)
	}
	return til
}

// Reports were once lost between a portal and a fagsystem that had confirmed them. Here
// such a fagsystem is seen within a day, all that it lost is delivered again, and nothing
// of what was written can be read on the way: not in the database, not in the files that
// content lies in, not in temporary ones, not in the log.
func TestTapteMeldinger(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	dir := filepath.Join(tmp, "data")
	logg, err := os.Create(filepath.Join(tmp, "logg"))
	if err != nil {
		t.Fatal(err)
	}
	defer logg.Close()
	k := startMed(t, dir, slog.New(slog.NewTextHandler(logg, &slog.HandlerOptions{Level: slog.LevelDebug})))
	fjordvik := k.kommune(t, "9901")
	g := &glemsk{lagret: map[string]string{}, fikk: make(chan string, 100)}
	k.lytt(t, fjordvik, g.motta)

	var sok lesbart.Sok
	merke := func(nr int, hva string) string {
		tekst := fmt.Sprintf("Kjenneord%dSkal-ikke-leses-%s", nr, hva)
		sok.LeggTil(hva, tekst)
		return tekst
	}
	uleselig := func(naar string) {
		t.Helper()
		funnet, filer, lest, err := sok.Mappe(tmp, func(rel string) bool { return rel == "data/sandbox.json" || strings.HasPrefix(rel, "data/keys/") })
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range funnet {
			t.Errorf("%s: %s is readable in %s at byte %d: %s", naar, f.Hva, f.Fil, f.Sted, f.Rundt)
		}
		if filer < 3 || lest < 100_000 {
			t.Errorf("%s: %d files with %d bytes were searched", naar, filer, lest)
		}
	}

	const antall = 9
	for nr := range antall {
		melder := k.b.Personer[nr%3]
		sok.LeggTil("a reporter's fnr", melder.Fnr)
		l := k.leser(t, melder.Fnr, "/bekymring")
		if nr%3 == 2 {
			l.melder("offentlig", "9901/00",
				[]string{"om-deg", "rolle", "Kontaktlærer", "telefon", "12345678", "epost", "kari@skole.test", "virksomhet", merke(nr, "skole"), "adresse", merke(nr, "skoleadresse")},
				[]string{"om-barna", "barn-antall", "1", "barn1-navn", merke(nr, "barn"), "barn1-orientert", "nei", "barn1-grunn", merke(nr, "grunn")},
				[]string{"om-foreldrene", "forelder-antall", "1", "forelder1-navn", merke(nr, "forelder"), "forelder1-orientert", "ja"},
				[]string{"tolk-og-instanser", "tolk", merke(nr, "tolk")},
				[]string{"bekymringen", "melding", merke(nr, "melding"), "historie", merke(nr, "historie")})
		} else {
			steg := [][]string{{"om-deg", "adresse", merke(nr, "adresse")},
				{"om-barna", "barn-antall", "1", "barn1-navn", merke(nr, "barn"), "barn1-relasjon", merke(nr, "relasjon")},
				{"bekymringen", "melding", merke(nr, "melding") + "\r\nlinje to"}}
			if nr == 0 {
				l.send("/privat/til/9901/00")
				for _, s := range steg {
					l.send("/privat/steg/"+s[0], s[1:]...)
				}
				uleselig("as drafts")
			}
			l.melder("privat", "9901/00", steg...)
		}
	}
	uleselig("sent")
	ider := g.venter(t, antall)
	g.mu.Lock()
	g.frisk = true
	g.mu.Unlock()
	if len(g.tapt) != antall/3 {
		t.Fatalf("%d reports were lost", len(g.tapt))
	}
	k.fram(t, "1s") // the receipts are taken in
	uleselig("delivered")
	avstemming := "/bekymringsmelding/api/v1/avstemming/" + fjordvik.FiksOrgID + "/" + fjordvik.Bydeler[0].Bydelsnummer
	meld := func() (svar bekymringsmelding.Avstemt) {
		t.Helper()
		status, tekst := k.kall(t, k.client, "POST", avstemming, g.registrerte(), append(k.som(t, fjordvik.Fagsystem.Integrasjon), "Content-Type", "text/plain")...)
		if err := json.Unmarshal([]byte(tekst), &svar); err != nil || status != 200 {
			t.Fatal(status, tekst, err)
		}
		return svar
	}
	if svar := meld(); len(svar.Registrert) != antall-len(g.tapt) || svar.GjenstaaendeAvvik != len(g.tapt) {
		t.Errorf("reconciled: %+v", svar)
	}

	// Within a day the page shows each, and how old it is; and nobody's name.
	k.fram(t, "23h")
	kontor := "/mottak/avstemming/" + fjordvik.Bydeler[0].RessursID
	b := k.leser(t, administrator(t, k), kontor)
	side := b.hent(kontor)
	for _, id := range ider {
		if tapt := slices.Contains(g.tapt, id); strings.Contains(side, id) != tapt {
			t.Errorf("%s: lost: %t, shown: %t", id, tapt, !tapt)
		}
	}
	if !strings.Contains(side, "23 timer") {
		t.Errorf("the age of a gap is not on the page:\n%s", side)
	}

	// By the morning after, the office's contacts know too.
	k.fram(t, "5h")
	status, brev := k.kall(t, k.client, "GET", "/sandbox/mail", "")
	if status != 200 || !strings.Contains(brev, "levert, men ikke registrert") {
		t.Errorf("nobody was told: %s", brev)
	}
	for _, id := range ider {
		if tapt := slices.Contains(g.tapt, id); strings.Contains(brev, id) != tapt {
			t.Errorf("%s: lost: %t, told: %t", id, tapt, !tapt)
		}
	}
	uleselig("told")

	// Delivered again on the page they come once more, the same; and the gap stays until the
	// office says that it has them.
	for _, id := range g.tapt {
		til, tekst := b.send(kontor + "/avvik/" + id + "/lever")
		if til != kontor+"/avvik/"+id+"/paa-vei" {
			t.Fatalf("at %s: %s", til, tekst)
		}
	}
	igjen := g.venter(t, len(g.tapt))
	slices.Sort(igjen)
	if tapt := slices.Sorted(slices.Values(g.tapt)); !slices.Equal(igjen, tapt) {
		t.Errorf("%v came again, %v were lost", igjen, tapt)
	}
	k.fram(t, "1s")
	if side := b.hent(kontor); !strings.Contains(side, g.tapt[0]) {
		t.Error("a gap has closed by itself")
	}
	felt := []string{"maate", "valgte", "nokkel", "en"}
	for _, id := range g.tapt {
		felt = append(felt, "id", id)
	}
	b.send(kontor, felt...)
	if side := b.hent(kontor); slices.ContainsFunc(g.tapt, func(id string) bool { return strings.Contains(side, id) }) {
		t.Errorf("a gap is left:\n%s", side)
	}
	if svar := meld(); svar.GjenstaaendeAvvik != 0 || len(svar.Registrert) != 0 || len(svar.TidligereMeldt) != antall {
		t.Errorf("at the end: %+v", svar)
	}
	if len(g.lagret) != antall {
		t.Errorf("the fagsystem has %d of %d reports", len(g.lagret), antall)
	}
	uleselig("at the end")
}

// som are the headers of an integrasjon that calls.
func (k *kasse) som(t *testing.T, i sandbox.Integrasjon) []string {
	t.Helper()
	return []string{"Authorization", "Bearer " + k.token(t, k.b.Tokens.Maskinporten, "{orgno}", i.Organisasjonsnummer, "{scope}", "ks:fiks"),
		"IntegrasjonId", i.IntegrasjonID, "IntegrasjonPassord", i.IntegrasjonPassord}
}

// The same is offered for what comes from NAV: turned on on one page, a søknad that the
// fagsystem has acknowledged and lost is seen on another, delivered again and registered.
func TestTaptSoknad(t *testing.T) {
	t.Parallel()
	k := start(t, t.TempDir())
	fjordvik := k.kommune(t, "9901")
	fikk := make(chan string, 10)
	k.lytt(t, fjordvik, func(ctx context.Context, m *client.Mottatt) error {
		if _, err := m.Svar(ctx, digisos.TypeSoknadMottatt); err != nil {
			return err
		}
		fikk <- m.MeldingID
		return nil
	})
	b := k.leser(t, administrator(t, k), "/forvaltning")
	b.send("/forvaltning/"+fjordvik.FiksOrgID+"/digisos/avstemming", "avstemming", "ja")
	id, err := k.send(t, k.b.Personer[0].Fnr, "9901", "tapt-1")
	if err != nil {
		t.Fatal(err)
	}
	forst := <-fikk
	k.fram(t, "1s")
	kommunen := "/mottak/avstemming/" + fjordvik.FiksOrgID
	if side := b.hent(kommunen); !strings.Contains(side, id) {
		t.Fatalf("the gap is not shown:\n%s", side)
	}
	b.send(kommunen + "/avvik/" + id + "/lever")
	if igjen := <-fikk; igjen == forst {
		t.Error("it is the same message")
	}
	k.fram(t, "1s")
	b.send(kommunen, "maate", "valgte", "nokkel", "en", "id", id)
	if side := b.hent(kommunen); strings.Contains(side, id) {
		t.Errorf("the gap is still there:\n%s", side)
	}
}
