package sandbox_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"knutepunkt/api/apitest"
	"knutepunkt/client"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/sandbox"
	"knutepunkt/internal/store"
)

// kasse is a running sandbox as others see it: addresses, sandbox.json and files.
type kasse struct {
	s      *sandbox.Sandbox
	dir    string
	b      sandbox.Beskrivelse // as read from sandbox.json
	client *http.Client        // holds every answer to the OpenAPI documents
	stopp  func()
}

func start(t *testing.T, dir string) *kasse {
	t.Helper()
	return startMed(t, dir, slog.New(slog.NewTextHandler(t.Output(), nil)))
}

func startMed(t *testing.T, dir string, log *slog.Logger) *kasse {
	t.Helper()
	s, err := sandbox.New(t.Context(), sandbox.Config{Dir: dir, HTTP: "127.0.0.1:0", AMQP: "127.0.0.1:0", AMQPS: "127.0.0.1:0", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	k := &kasse{s: s, dir: dir}
	// Written before anything is served.
	data, err := os.ReadFile(filepath.Join(dir, "sandbox.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &k.b); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	base := http.DefaultTransport.(*http.Transport).Clone()
	// Moving the clock by days does all that falls due, which takes its time on a busy machine.
	k.client = &http.Client{Transport: apitest.Transport(t, base), Timeout: 5 * time.Minute}
	stoppet := false
	k.stopp = func() {
		if stoppet {
			return
		}
		stoppet = true
		base.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(k.stopp)
	resp, err := http.Get(k.b.BaseURL + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Fatalf("/readyz: %d", resp.StatusCode)
	}
	return k
}

// kall makes a request with a JSON body ("" for none) and gives status and body.
func (k *kasse) kall(t *testing.T, c *http.Client, method, sti, body string, header ...string) (int, string) {
	t.Helper()
	status, svar, err := k.prov(t, c, method, sti, body, header...)
	if err != nil {
		t.Fatal(err)
	}
	return status, svar
}

func (k *kasse) prov(t *testing.T, c *http.Client, method, sti, body string, header ...string) (int, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, k.b.BaseURL+sti, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

func (k *kasse) kommune(t *testing.T, nr string) sandbox.Kommune {
	t.Helper()
	i := slices.IndexFunc(k.b.Kommuner, func(k sandbox.Kommune) bool { return k.Kommunenummer == nr })
	if i < 0 {
		t.Fatalf("no kommune %s", nr)
	}
	return k.b.Kommuner[i]
}

func (k *kasse) token(t *testing.T, mal string, par ...string) string {
	t.Helper()
	status, token := k.kall(t, k.client, "GET", strings.TrimPrefix(strings.NewReplacer(par...).Replace(mal), k.b.BaseURL), "")
	if status != 200 {
		t.Fatal(status, token)
	}
	return token
}

func (k *kasse) klient(t *testing.T, i sandbox.Integrasjon) *client.Client {
	t.Helper()
	return client.New(client.Config{BaseURL: k.b.BaseURL, HTTP: k.client, IntegrasjonID: i.IntegrasjonID, IntegrasjonPassord: i.IntegrasjonPassord,
		Token: client.TokenSource(func(context.Context) (string, error) {
			return k.token(t, k.b.Tokens.Maskinporten, "{orgno}", i.Organisasjonsnummer, "{scope}", "ks:fiks"), nil
		})})
}

func (k *kasse) borger(t *testing.T, fnr string) *client.Client {
	t.Helper()
	return k.klient(t, k.b.NAV).SomPerson(func(context.Context) (string, error) {
		return k.token(t, k.b.Tokens.IDPorten, "{pid}", fnr, "{acr}", "idporten-loa-high", "{orgno}", k.b.NAV.Organisasjonsnummer), nil
	})
}

// The shape of sandbox.json, field by field: tests of others read it.
func TestSandboxJSON(t *testing.T) {
	t.Parallel()
	k := start(t, t.TempDir())
	data, err := os.ReadFile(filepath.Join(k.dir, "sandbox.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	s := "string"
	fagsystem := map[string]any{"organisasjonsnummer": s, "integrasjonId": s, "integrasjonPassord": s, "fiksIOKontoId": s,
		"privateKey": s, "certificate": s,
		"svarinn": map[string]any{"brukernavn": s, "passord": s, "privateKey": s, "certificate": s},
		"svarut":  map[string]any{"kontoId": s, "brukernavn": s, "passord": s}}
	want := map[string]any{
		"version": "number", "baseUrl": s,
		"amqp":         map[string]any{"host": s, "port": "number", "tlsPort": "number", "vhost": s, "caCertificate": s},
		"maskinporten": map[string]any{"issuer": s, "tokenEndpoint": s},
		"idporten":     map[string]any{"issuer": s, "authorizationEndpoint": s, "tokenEndpoint": s},
		"tokens":       map[string]any{"maskinporten": s, "idporten": s},
		"nav":          map[string]any{"organisasjonsnummer": s, "integrasjonId": s, "integrasjonPassord": s},
		"kommuner": []any{map[string]any{"kommunenummer": s, "navn": s, "fiksOrgId": s, "organisasjonsnummer": s, "digisosKanal": s,
			"fagsystem": fagsystem, "bydeler": []any{map[string]any{"bydelsnummer": s, "navn": s, "ressursId": s, "mottakerkanal": s}}}},
		"personer": []any{map[string]any{"fnr": s, "navn": s, "roller": []any{s}}},
	}
	// Of lists the longest element shows the shape, and all must have its fields.
	if d := cmp.Diff(want, form(got)); d != "" {
		t.Error(d)
	}
	if k.b.Version != 1 || k.b.AMQP.Vhost != "/" || !strings.HasSuffix(k.b.Maskinporten.Issuer, "/") || strings.HasSuffix(k.b.IDPorten.Issuer, "/") {
		t.Errorf("%+v", k.b)
	}
}

// form replaces values by the names of their types.
func form(v any) any {
	switch v := v.(type) {
	case map[string]any:
		ut := map[string]any{}
		for n, e := range v {
			ut[n] = form(e)
		}
		return ut
	case []any:
		var lengst any
		for _, e := range v {
			if lengst == nil || len(fmt.Sprint(form(e))) > len(fmt.Sprint(lengst)) {
				lengst = form(e)
			}
		}
		if lengst == nil {
			return []any{}
		}
		return []any{lengst}
	case string:
		return "string"
	case float64:
		return "number"
	}
	return v
}

func TestWhatIsInASandbox(t *testing.T) {
	t.Parallel()
	k := start(t, t.TempDir())
	kanaler, mottakerkanaler := map[string]int{}, map[string]bool{}
	for _, ko := range k.b.Kommuner {
		kanaler[ko.DigisosKanal]++
		for _, b := range ko.Bydeler {
			mottakerkanaler[b.Mottakerkanal] = true
		}
		for _, id := range []string{ko.FiksOrgID, ko.Fagsystem.IntegrasjonID, ko.Fagsystem.FiksIOKontoID} {
			if u, err := uuid.Parse(id); err != nil || u.String() != id {
				t.Errorf("%s: %q is not a canonical UUID", ko.Navn, id)
			}
		}
		if strings.ContainsAny(ko.Fagsystem.IntegrasjonPassord, " \t") {
			t.Errorf("a password with a space cannot travel in AMQP's SASL PLAIN: %q", ko.Fagsystem.IntegrasjonPassord)
		}
		gyldigOrgnr(t, ko.Organisasjonsnummer)
		gyldigOrgnr(t, ko.Fagsystem.Organisasjonsnummer)
		key, cert := lesPEM(t, k, ko.Fagsystem.PrivateKey, "PRIVATE KEY"), lesPEM(t, k, ko.Fagsystem.Certificate, "CERTIFICATE")
		private, err := x509.ParsePKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(cert)
		if err != nil || !private.(*rsa.PrivateKey).PublicKey.Equal(c.PublicKey) {
			t.Errorf("%s: key and certificate do not belong together: %v", ko.Navn, err)
		}
		// What senders encrypt to is that certificate.
		got, err := k.klient(t, k.b.NAV).OffentligNokkel(t.Context(), ko.Fagsystem.FiksIOKontoID)
		if err != nil || !got.Equal(c) {
			t.Errorf("%s: the konto's certificate: %v", ko.Navn, err)
		}
	}
	if kanaler["FIKS_IO"] < 3 || kanaler["SVARUT"] < 1 || len(k.b.Kommuner) < 4 {
		t.Error(kanaler)
	}
	if d := cmp.Diff(map[string]bool{"FIKS_IO": true, "SVARINN": true, "MANUELL_MOTTAK": true}, mottakerkanaler); d != "" {
		t.Error(d)
	}
	roller := map[string]int{}
	for _, p := range k.b.Personer {
		roller[p.Roller[0]]++
		syntetisk(t, p.Fnr)
	}
	if roller["INNBYGGER"] < 6 || roller["ADMINISTRATOR"] != 1 {
		t.Error(roller)
	}
	info, err := k.klient(t, k.b.NAV).Kommuner(t.Context())
	if err != nil || len(info) != len(k.b.Kommuner) {
		t.Fatalf("%d %v", len(info), err)
	}
	nks := map[bool]int{}
	for _, i := range info {
		nks[i.HarNksTilgang]++
		if !i.KanMottaSoknader || !i.KanOppdatereStatus {
			t.Errorf("%+v", i)
		}
	}
	if nks[true] < 2 || nks[false] < 1 {
		t.Error(nks)
	}
	// Fiks IO finds the kontoer by org.nr at both levels, and one by NAV office.
	treff := 0
	for _, ko := range k.b.Kommuner {
		for _, identifikator := range []string{"ORG_NO." + ko.Organisasjonsnummer, "NAVENHET_ID." + ko.Kommunenummer} {
			for _, niva := range []string{"3", "4"} {
				status, svar := k.kall(t, k.client, "GET", "/fiks-io/katalog/api/v1/lookup?identifikator="+identifikator+
					"&meldingProtokoll=no.nav.digisos.fagsystem.v1&sikkerhetsniva="+niva, "", k.somNAV(t)...)
				if status == 200 && strings.Contains(svar, ko.Fagsystem.FiksIOKontoID) {
					treff++
				}
			}
		}
	}
	if treff != 2*len(k.b.Kommuner)+2 {
		t.Errorf("%d look-ups found a konto", treff)
	}
}

func (k *kasse) somNAV(t *testing.T) []string {
	t.Helper()
	return k.som(t, k.b.NAV)
}

func lesPEM(t *testing.T, k *kasse, fil, typ string) []byte {
	t.Helper()
	if filepath.IsAbs(fil) {
		t.Errorf("%s is not relative", fil)
	}
	data, err := os.ReadFile(filepath.Join(k.dir, fil))
	if err != nil {
		t.Fatal(err)
	}
	block, rest := pem.Decode(data)
	if block == nil || block.Type != typ || len(bytes.TrimSpace(rest)) > 0 {
		t.Fatalf("%s is not one %s", fil, typ)
	}
	return block.Bytes
}

func gyldigOrgnr(t *testing.T, s string) {
	t.Helper()
	sum := 0
	for i, v := range []int{3, 2, 7, 6, 5, 4, 3, 2} {
		sum += v * int(s[i]-'0')
	}
	if len(s) != 9 || (11-sum%11)%11 != int(s[8]-'0') {
		t.Errorf("%q has a wrong control digit", s)
	}
}

// syntetisk checks the control digits, and that the month is 81 to 92.
func syntetisk(t *testing.T, s string) {
	t.Helper()
	maaned, err := strconv.Atoi(s[2:4])
	sum := [2]int{}
	for i := range 11 {
		c := int(s[i] - '0')
		sum[0] += c * []int{3, 7, 6, 1, 8, 9, 4, 5, 2, 1, 0}[i]
		sum[1] += c * []int{5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1}[i]
	}
	if err != nil || len(s) != 11 || maaned < 81 || maaned > 92 || sum[0]%11 != 0 || sum[1]%11 != 0 {
		t.Errorf("%q is not a synthetic fødselsnummer", s)
	}
}

// Ids and passwords are the same at every fresh start; addresses need not be.
func TestFreshStartsAreAlike(t *testing.T) {
	t.Parallel()
	a, b := start(t, t.TempDir()).b, start(t, t.TempDir()).b
	if d := cmp.Diff(a.Kommuner, b.Kommuner); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(a.Personer, b.Personer); d != "" {
		t.Error(d)
	}
	if a.NAV != b.NAV {
		t.Error(a.NAV, b.NAV)
	}
}

func TestAMQPS(t *testing.T) {
	t.Parallel()
	k := start(t, t.TempDir())
	pool := x509.NewCertPool()
	ca, err := os.ReadFile(filepath.Join(k.dir, k.b.AMQP.CACertificate))
	if err != nil || !pool.AppendCertsFromPEM(ca) {
		t.Fatal(err)
	}
	addr := net.JoinHostPort(k.b.AMQP.Host, strconv.Itoa(k.b.AMQP.TLSPort))
	for _, navn := range []string{"localhost", "127.0.0.1", "::1"} {
		conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: pool, ServerName: navn})
		if err != nil {
			t.Errorf("%s: %v", navn, err)
			continue
		}
		conn.Close()
	}
	if conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: pool, ServerName: "example.org"}); err == nil {
		conn.Close()
		t.Error("good for any name")
	}
	// A fagsystem logs in over it with what sandbox.json says.
	f := k.kommune(t, "9905").Fagsystem
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	klar := false
	err = k.klient(t, f.Integrasjon).Lytt(ctx, client.Mottaker{Addr: addr, TLS: &tls.Config{RootCAs: pool, ServerName: "localhost"},
		KontoID: f.FiksIOKontoID, Tilkoblet: func() { klar = true; cancel() }, Brutt: func(err error) { t.Error(err); cancel() }},
		func(context.Context, *client.Mottatt) error { return nil })
	if !klar {
		t.Errorf("no consumer over TLS: %v", err)
	}
}

func (k *kasse) demo(t *testing.T, kommune string) (digisosID string) {
	t.Helper()
	var out bytes.Buffer
	err := sandbox.Demo(t.Context(), &out, sandbox.DemoConfig{Beskrivelse: k.b, Dir: k.dir, Kommune: kommune, HTTP: k.client})
	t.Log(out.String())
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`/sandbox/spor/([0-9a-f-]{36})\nFerdig\n$`).FindStringSubmatch(out.String())
	if m == nil {
		t.Fatal("the demo did not tell where the trace is and that it was done")
	}
	return m[1]
}

type spor struct {
	Historikk  []struct{ Hendelse string }
	Leveringer []struct {
		Tilstand, Kanal, NesteSteg string
		Alarm                      bool
	}
}

func (k *kasse) spor(t *testing.T, id string) (s spor) {
	t.Helper()
	status, body := k.kall(t, k.client, "GET", "/sandbox/spor/"+id, "", "Accept", "application/json")
	if status != 200 {
		t.Fatal(status, body)
	}
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDemoRestartAndTrace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k := start(t, dir)
	id := k.demo(t, "9901")
	s := k.spor(t, id)
	if len(s.Leveringer) != 1 || s.Leveringer[0].Tilstand != "BEKREFTET" || s.Leveringer[0].Kanal != "FIKS_IO" || s.Leveringer[0].Alarm || len(s.Historikk) < 4 {
		t.Errorf("%+v", s)
	}
	status, side := k.kall(t, k.client, "GET", "/sandbox/spor/"+id, "", "Accept", "text/html")
	if status != 200 || !strings.Contains(side, "Bekreftet av mottakeren") || strings.Contains(side, k.b.Personer[0].Fnr) {
		t.Error(status, side)
	}
	if status, _ := k.kall(t, k.client, "GET", "/sandbox/spor/"+uuid.NewString(), ""); status != 404 {
		t.Error(status)
	}
	gammelt := k.token(t, k.b.Tokens.IDPorten, "{pid}", k.b.Personer[0].Fnr, "{acr}", "idporten-loa-high", "{orgno}", k.b.NAV.Organisasjonsnummer)
	borger := k.klient(t, k.b.NAV).SomPerson(client.StaticToken(gammelt))
	if _, err := borger.Soknad(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if status, svar := k.kall(t, k.client, "POST", "/sandbox/clock", `{"advance": "72h"}`); status != 200 {
		t.Fatal(status, svar)
	}
	// Clients keep their tokens, also over a move of days.
	if _, err := borger.Soknad(t.Context(), id); err != nil {
		t.Errorf("with a token from before the clock was moved: %v", err)
	}
	stilt := k.klokke(t)
	ca, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	k.stopp()

	k2 := start(t, dir)
	if d := cmp.Diff(k.b.Kommuner, k2.b.Kommuner); d != "" {
		t.Error(d)
	}
	if ca2, err := os.ReadFile(filepath.Join(dir, "ca.pem")); err != nil || !bytes.Equal(ca, ca2) {
		t.Errorf("another CA: %v", err)
	}
	if d := k2.klokke(t).Sub(stilt); d < 0 || d > time.Minute {
		t.Errorf("the clock moved by %s over a restart", d)
	}
	sak, err := k2.borger(t, k.b.Personer[0].Fnr).Soknad(t.Context(), id)
	if err != nil || sak.DigisosSoker == nil {
		t.Fatalf("the case after a restart: %+v %v", sak, err)
	}
	if again := k2.demo(t, "9901"); again == id {
		t.Error("the second demo is the first one's case")
	}
}

// Where the clock goes is noted before anything falls due on the way: who is killed
// there must not start again at a time before what has happened.
func TestClockIsNotedFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k := start(t, dir)
	before := k.klokke(t)
	hinder := filepath.Join(dir, "klokke.json.tmp")
	if err := os.Mkdir(hinder, 0o700); err != nil {
		t.Fatal(err)
	}
	status, svar := k.kall(t, k.client, "POST", "/sandbox/clock", `{"advance": "48h"}`)
	if d := k.klokke(t).Sub(before); status != 500 || d > time.Minute {
		t.Errorf("it could not be noted, and answered %d %s; moved by %s", status, svar, d)
	}
	if err := os.Remove(hinder); err != nil {
		t.Fatal(err)
	}
	k.fram(t, "48h")
}

func (k *kasse) klokke(t *testing.T) time.Time {
	t.Helper()
	status, svar := k.kall(t, k.client, "GET", "/sandbox/clock", "")
	var c struct{ Time time.Time }
	if err := json.Unmarshal([]byte(svar), &c); err != nil || status != 200 {
		t.Fatal(status, svar, err)
	}
	return c.Time
}

const soknadJSON = `{"version":"1.0.0","data":{"personalia":{"personIdentifikator":{"kilde":"system","verdi":"{fnr}"},
	"navn":{"kilde":"system","fornavn":"","mellomnavn":"","etternavn":""},"kontonummer":{"kilde":"bruker"}},"arbeid":{},
	"utdanning":{"kilde":"bruker"},"familie":{"forsorgerplikt":{}},"begrunnelse":{"kilde":"bruker","hvorforSoke":"","hvaSokesOm":""},
	"bosituasjon":{"kilde":"bruker"},"okonomi":{"opplysninger":{"utbetaling":[],"utgift":[]},"oversikt":{"inntekt":[],"utgift":[],"formue":[]}}},
	"mottaker":{"kommunenummer":"","enhetsnummer":"","navEnhetsnavn":""},
	"driftsinformasjon":{"utbetalingerFraNavFeilet":false,"inntektFraSkatteetatenFeilet":false,"stotteFraHusbankenFeilet":false},"kompatibilitet":[]}`

func soknad(fnr string) client.Soknad {
	data := []byte("%PDF-1.4 liten")
	return client.Soknad{SoknadJSON: []byte(strings.ReplaceAll(soknadJSON, "{fnr}", fnr)), VedleggJSON: []byte(`{"vedlegg":[]}`),
		Filer: []client.Fil{{Navn: "Soknad.pdf", Mimetype: "application/pdf", Storrelse: int64(len(data)),
			Apne: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}}}
}

func (k *kasse) send(t *testing.T, fnr, kommune, ref string) (string, error) {
	t.Helper()
	cert, err := k.klient(t, k.b.NAV).PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return k.borger(t, fnr).SendSoknad(t.Context(), cert, kommune, ref, soknad(fnr))
}

// A fagsystem that never answers, an Altinn that refuses, and a printer that says
// nothing of its letter for a week: when the clock has been moved past every
// deadline, the alarm is raised and the contacts have their e-mail before the call
// answers.
func TestClockFiresDeadlines(t *testing.T) {
	t.Parallel()
	k := start(t, t.TempDir())
	id, err := k.send(t, k.b.Personer[1].Fnr, "9903", "frist-1")
	if err != nil {
		t.Fatal(err)
	}
	if status, svar := k.kall(t, k.client, "GET", "/sandbox/mail", ""); status != 200 || svar != "[]" {
		t.Fatal(status, svar)
	}
	if status, svar := k.kall(t, k.client, "POST", "/sandbox/altinn", `{"avvis": true}`); status != 200 {
		t.Fatal(status, svar)
	}
	before := k.klokke(t)
	status, svar := k.kall(t, k.client, "POST", "/sandbox/clock", `{"advance": "240h"}`)
	if status != 200 {
		t.Fatal(status, svar)
	}
	if d := k.klokke(t).Sub(before); d < 240*time.Hour || d > 240*time.Hour+time.Minute {
		t.Errorf("moved by %s", d)
	}
	s := k.spor(t, id)
	if len(s.Leveringer) != 2 || s.Leveringer[0].Kanal != "SVARUT" || !s.Leveringer[1].Alarm {
		t.Errorf("%+v", s)
	}
	_, svar = k.kall(t, k.client, "GET", "/sandbox/mail", "")
	var post []struct {
		Time time.Time
		To   []string
		Text string
	}
	if err := json.Unmarshal([]byte(svar), &post); err != nil {
		t.Fatal(err)
	}
	til := map[string]bool{}
	for _, m := range post {
		til[strings.Join(m.To, ",")] = true
		if m.Time.Before(before.Add(191*time.Hour)) || m.Time.After(before.Add(194*time.Hour)) {
			t.Errorf("sent at %s, not at the deadline", m.Time)
		}
		if strings.Contains(m.Text, k.b.Personer[1].Fnr) {
			t.Error("a fødselsnummer in an e-mail")
		}
	}
	if !til["teknisk@9903.kommune.test"] {
		t.Error(svar)
	}
	for body, hva := range map[string]string{
		`{"advance": "-1h"}`:              "backwards",
		`{"set": "2020-01-01T00:00:00Z"}`: "backwards",
		`{"advance": "2 days"}`:           "not a duration",
		`{"set": "i morgen"}`:             "not a time",
		`{}`:                              "nothing",
		`{"advance": "1h", "set": "2099-01-01T00:00:00+01:00"}`: "both",
		`{"set": "2999-01-01T00:00:00Z"}`:                       "too far",
	} {
		if status, svar := k.kall(t, k.client, "POST", "/sandbox/clock", body); status != 400 {
			t.Errorf("%s: %d %s", hva, status, svar)
		}
	}
	til2 := k.klokke(t).Add(90 * time.Minute).Truncate(time.Second)
	if status, svar := k.kall(t, k.client, "POST", "/sandbox/clock", `{"set": "`+til2.Format(time.RFC3339)+`"}`); status != 200 {
		t.Error(status, svar)
	}
	if d := k.klokke(t).Sub(til2); d < 0 || d > time.Minute {
		t.Error(d)
	}
}

func TestOverview(t *testing.T) {
	t.Parallel()
	k := start(t, t.TempDir())
	plain := &http.Client{}
	status, side := k.kall(t, plain, "GET", "/sandbox", "")
	if status != 200 || !strings.Contains(side, k.b.Kommuner[0].FiksOrgID) || !strings.Contains(side, k.b.NAV.IntegrasjonPassord) {
		t.Error(status, side)
	}
}

// What was done with what a sandbox began with stays done. On the way: the
// administrator has ADMIN.
func TestRestartUndoesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k := start(t, dir)
	admin := k.b.Personer[slices.IndexFunc(k.b.Personer, func(p sandbox.Testperson) bool { return p.Roller[0] == "ADMINISTRATOR" })]
	konfig := "/digisos/api/v1/konfigurasjon/" + k.kommune(t, "9902").FiksOrgID
	hode := func(fnr string) []string {
		return []string{"Authorization", "Bearer " + k.token(t, k.b.Tokens.IDPorten, "{pid}", fnr, "{acr}", "idporten-loa-high", "{orgno}", k.b.NAV.Organisasjonsnummer)}
	}
	if status, svar := k.kall(t, k.client, "DELETE", konfig, "", hode(k.b.Personer[0].Fnr)...); status != 403 {
		t.Fatal("a citizen:", status, svar)
	}
	if status, svar := k.kall(t, k.client, "DELETE", konfig, "", hode(admin.Fnr)...); status != 200 {
		t.Fatal(status, svar)
	}
	a := k.s.App
	if err := a.DB.Write(t.Context(), func(tx *store.Tx) error {
		return a.Org.SlettIntegrasjon(t.Context(), tx, auth.Caller{}, k.kommune(t, "9903").Fagsystem.IntegrasjonID)
	}); err != nil {
		t.Fatal(err)
	}
	k.stopp()
	k = start(t, dir)
	if _, err := k.s.App.Org.Integrasjon(t.Context(), k.kommune(t, "9903").Fagsystem.IntegrasjonID); !feil.Er(err, feil.IkkeFunnet) {
		t.Errorf("a deleted integrasjon: %v", err)
	}
	info, err := k.klient(t, k.b.NAV).Kommuner(t.Context())
	if err != nil || len(info) != len(k.b.Kommuner)-1 {
		t.Errorf("%d kommuner after a restart, %v", len(info), err)
	}
}

// Run is what the command does: it tells where everything is, plays the demo,
// serves on, and stops when it is told to.
func TestRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, stopp := context.WithCancel(t.Context())
	defer stopp()
	les, skriv := io.Pipe()
	ferdig := make(chan error, 1)
	go func() {
		err := sandbox.Run(ctx, sandbox.Config{Dir: dir, HTTP: "127.0.0.1:0", AMQP: "127.0.0.1:0", AMQPS: "127.0.0.1:0", Demo: true, Out: skriv})
		skriv.CloseWithError(err)
		ferdig <- err
	}()
	var sagt strings.Builder
	linjer := bufio.NewScanner(les)
	for linjer.Scan() && linjer.Text() != "Ferdig" {
		sagt.WriteString(linjer.Text() + "\n")
	}
	if linjer.Text() != "Ferdig" {
		t.Fatalf("the demo did not end: %v\n%s", <-ferdig, sagt.String())
	}
	data, err := os.ReadFile(filepath.Join(dir, "sandbox.json"))
	var b sandbox.Beskrivelse
	if err != nil || json.Unmarshal(data, &b) != nil || !strings.Contains(sagt.String(), b.BaseURL+"/sandbox\n") {
		t.Fatalf("%v\n%s", err, sagt.String())
	}
	resp, err := http.Get(b.BaseURL + "/readyz")
	if err != nil || resp.StatusCode != 200 {
		t.Fatal("it does not go on serving:", err)
	}
	resp.Body.Close()
	stopp()
	if err := <-ferdig; err != nil {
		t.Error(err)
	}
	if _, err := http.Get(b.BaseURL + "/readyz"); err == nil {
		t.Error("it still serves")
	}
}

func TestRunTellsThatAPortIsTaken(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	err = sandbox.Run(t.Context(), sandbox.Config{Dir: t.TempDir(), HTTP: "127.0.0.1:0", AMQP: ln.Addr().String(), AMQPS: "127.0.0.1:0"})
	if err == nil || !strings.Contains(err.Error(), "port 0 picks a free one") {
		t.Error(err)
	}
}
