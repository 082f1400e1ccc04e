// Package klienter_test runs the client libraries that KS has released, as they
// are, against a sandbox: they must complete real round trips. The Java programs
// play the scenarios (see src and digisos), fetched and compiled by Maven.
package klienter_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"knutepunkt/client"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/dokumentlager"
	"knutepunkt/internal/sandbox"
	"knutepunkt/internal/store"
)

const kommunenummer = "9901" // delivered by Fiks IO; its fagsystem is played by the Java client

// scenarioer are what the Java program must report, all of them.
var scenarioer = []string{
	"maskinporten-client x5c", "maskinporten-client kid", "katalog", "soknad",
	"ping-pong uten nyttelast", "ping-pong tom fil", "ping-pong liten", "ping-pong 6 MB",
	"fiks-io-send-klient", "nack tre ganger", "brutt forbindelse",
	"dokumentlager nivå 3", "dokumentlager nivå 4", "dokumentlager kryptert på forhånd", "dokumentlager korrelasjonsid",
	"tidsavbrudd", "ingenting til overs",
}

// bygg compiles both programs, and skips or fails when the machine cannot.
func bygg(t *testing.T) {
	t.Helper()
	for _, program := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("KNUTEPUNKT_REQUIRE_PEERS") == "1" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	for _, dir := range []string{".", "digisos"} {
		cmd := exec.CommandContext(t.Context(), "mvn", "-q", "-B", "compile")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("mvn compile in %s: %v\n%s", dir, err, out)
		}
	}
}

// java runs a compiled program on arg, and gives each line that it prints to linje.
func java(t *testing.T, dir, class string, arg any, linje func(string)) {
	t.Helper()
	data, err := json.Marshal(arg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	sti := filepath.Join(dir, "target", "classes") + string(os.PathListSeparator) + filepath.Join(dir, "target", "lib", "*")
	cmd := exec.CommandContext(ctx, "java", "-Dfile.encoding=UTF-8", "-Dsun.jnu.encoding=UTF-8", "-Dsun.stdout.encoding=UTF-8",
		"-Xmx512m", "-cp", sti, "knutepunkt.interop."+class, skriv(t, "oppdrag.json", data))
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8") // else Java garbles file names
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	linjer := bufio.NewScanner(out)
	linjer.Buffer(nil, 1<<20)
	for linjer.Scan() {
		linje(linjer.Text())
	}
	if err := errors.Join(linjer.Err(), cmd.Wait()); err != nil {
		t.Errorf("%s: %v\n%s", class, err, errs.String())
	}
}

// hus is a running sandbox with what the scenarios need.
type hus struct {
	*sandbox.Sandbox
	dir        string
	b          sandbox.Beskrivelse
	kommune    sandbox.Kommune
	virksomhet map[string]map[string]string // by org.nr: key and certificate, paths of PEM
	lagerkonto string                       // a dokumentlager konto that the fagsystem may use
}

func start(t *testing.T) *hus {
	t.Helper()
	ctx := t.Context()
	h := &hus{dir: t.TempDir()}
	var err error
	h.Sandbox, err = sandbox.New(ctx, sandbox.Config{Dir: h.dir, HTTP: "127.0.0.1:0", AMQP: "127.0.0.1:0", AMQPS: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := h.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	if err := h.Start(context.WithoutCancel(ctx)); err != nil {
		t.Fatal(err)
	}
	h.b = h.Beskrivelse()
	h.virksomhet = map[string]map[string]string{}
	for _, k := range h.b.Kommuner {
		if k.Kommunenummer == kommunenummer {
			h.kommune = k
		}
		orgnr := k.Fagsystem.Organisasjonsnummer
		h.virksomhet[orgnr] = virksomhetssertifikat(t, orgnr)
	}
	h.lagerkonto = uuid.NewString()
	err = h.App.DB.Write(ctx, func(tx *store.Tx) error {
		if _, err := h.App.Dokumentlager.OpprettKonto(ctx, tx, dokumentlager.Konto{ID: h.lagerkonto, FiksOrgID: h.kommune.FiksOrgID, Navn: "prøve"}); err != nil {
			return err
		}
		return h.App.Org.GiTilgang(ctx, tx, auth.Caller{Slag: auth.Anonym}, h.kommune.Fagsystem.IntegrasjonID, auth.DokumentlagerLastOp, h.lagerkonto)
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// virksomhetssertifikat is self-made, with the org.nr where Norwegian
// organisation certificates have it.
func virksomhetssertifikat(t *testing.T, orgnr string) map[string]string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	mal := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "PRØVEVIRKSOMHET", SerialNumber: orgnr},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
	}
	cert, err := x509.CreateCertificate(rand.Reader, mal, mal, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"key": skriv(t, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})),
		"certificate": skriv(t, "cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))}
}

func skriv(t *testing.T, navn string, data []byte) string {
	t.Helper()
	sti := filepath.Join(t.TempDir(), navn)
	if err := os.WriteFile(sti, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return sti
}

// klient is a new Go client: it keeps its token, which is void once the clock was moved.
func (h *hus) klient(i sandbox.Integrasjon) *client.Client {
	return client.New(client.Config{BaseURL: h.b.BaseURL, IntegrasjonID: i.IntegrasjonID, IntegrasjonPassord: i.IntegrasjonPassord,
		Token: client.URLToken(nil, strings.NewReplacer("{orgno}", i.Organisasjonsnummer, "{scope}", "ks:fiks").Replace(h.b.Tokens.Maskinporten))})
}

func (h *hus) nav() *client.Client { return h.klient(h.b.NAV) }

// innbygger is NAV's client for the first citizen.
func (h *hus) innbygger() *client.Client {
	return h.nav().SomPerson(client.URLToken(nil, strings.NewReplacer("{pid}", h.b.Personer[0].Fnr, "{acr}", "idporten-loa-high",
		"{orgno}", h.b.NAV.Organisasjonsnummer).Replace(h.b.Tokens.IDPorten)))
}

// sendSoknad submits a søknad as NAV does; it gives the DigisosId, and the
// SHA-256 of each file that the fagsystem must get.
func (h *hus) sendSoknad(t *testing.T) (string, map[string]string) {
	t.Helper()
	fnr := h.b.Personer[0].Fnr
	soknad := `{"version":"1.0.11","data":{"personalia":{"personIdentifikator":{"kilde":"system","verdi":"` + fnr + `"},` +
		`"navn":{"kilde":"system","fornavn":"Kari","mellomnavn":"","etternavn":"Prøve"},"kontonummer":{"kilde":"bruker"}},` +
		`"begrunnelse":{"kilde":"bruker","hvaSokesOm":"Strøm"},"okonomi":{"opplysninger":{"utbetaling":[]}}},` +
		`"mottaker":{"kommunenummer":"` + kommunenummer + `","enhetsnummer":"0315"},"driftsinformasjon":{"inntektFraSkatteetatenFeilet":false},"kompatibilitet":[]}`
	vedlegg := `{"vedlegg":[{"type":"annet","status":"LastetOpp","filer":[{"filnavn":"lønn æøå.pdf","sha512":"x"}]}]}`
	innhold := map[string][]byte{"soknad.json": []byte(soknad), "vedlegg.json": []byte(vedlegg)}
	s := client.Soknad{SoknadJSON: []byte(soknad), VedleggJSON: []byte(vedlegg), Enhetsnummer: "0315"}
	for i, navn := range []string{"Soknad.pdf", "Soknad-juridisk.pdf", "Brukerkvittering.pdf", "lønn æøå.pdf"} {
		data := append([]byte("%PDF-1.7\n"), make([]byte, 1<<(4*i))...)
		_, _ = rand.Read(data[9:])
		innhold[navn] = data
		s.Filer = append(s.Filer, client.Fil{Navn: navn, Mimetype: "application/pdf", Storrelse: int64(len(data)),
			Apne: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }})
	}
	cert, err := h.nav().PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id, err := h.innbygger().SendSoknad(t.Context(), cert, kommunenummer, "prove-"+uuid.NewString()[:8], s)
	if err != nil {
		t.Fatal(err)
	}
	sum := map[string]string{}
	for navn, data := range innhold {
		h := sha256.Sum256(data)
		sum[navn] = hex.EncodeToString(h[:])
	}
	return id, sum
}

// kutter passes connections on to an address until it is told to cut them all.
type kutter struct {
	til string
	ln  net.Listener

	mu     sync.Mutex
	apne   map[net.Conn]bool
	ferdig sync.WaitGroup
}

func nyKutter(t *testing.T, til string) *kutter {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &kutter{til: til, ln: ln, apne: map[net.Conn]bool{}}
	k.ferdig.Go(func() {
		for {
			inn, err := ln.Accept()
			if err != nil {
				return
			}
			ut, err := net.Dial("tcp", til)
			if err != nil {
				_ = inn.Close()
				continue
			}
			k.mu.Lock()
			k.apne[inn], k.apne[ut] = true, true
			k.mu.Unlock()
			for _, par := range [][2]net.Conn{{inn, ut}, {ut, inn}} {
				k.ferdig.Go(func() {
					_, _ = io.Copy(par[0], par[1])
					_ = par[0].Close()
				})
			}
		}
	})
	t.Cleanup(func() { _ = ln.Close(); k.kutt(); k.ferdig.Wait() })
	return k
}

// kutt resets all connections and tells how many there were.
func (k *kutter) kutt() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := len(k.apne) / 2
	for c := range k.apne {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
	clear(k.apne)
	return n
}

func (k *kutter) port() int { return k.ln.Addr().(*net.TCPAddr).Port }

// TestKlienter plays all scenarios.
func TestKlienter(t *testing.T) {
	t.Parallel()
	bygg(t)
	h := start(t)
	digisosID, filer := h.sendSoknad(t)

	t.Run("streaming-klient", func(t *testing.T) { h.streamingKlient(t, digisosID) })

	kutt := nyKutter(t, net.JoinHostPort(h.b.AMQP.Host, strconv.Itoa(h.b.AMQP.TLSPort)))
	styring := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, kutt.kutt()) }))
	t.Cleanup(styring.Close)
	fikk := h.spill(t, map[string]any{
		"sandbox": filepath.Join(h.dir, "sandbox.json"), "amqpsKuttbar": kutt.port(), "kutt": styring.URL, "virksomhet": h.virksomhet,
		"soknad": filer, "dokumentlager": map[string]string{"fiksOrgId": h.kommune.FiksOrgID, "kontoId": h.lagerkonto},
	})
	for _, navn := range scenarioer {
		t.Run(navn, func(t *testing.T) {
			switch r, spilt := fikk[navn]; {
			case !spilt:
				t.Error("was not played")
			case !r.OK:
				t.Error(r.Detalj)
			default:
				t.Log(r.Detalj)
			}
		})
	}
	t.Run("levertFagsystem", func(t *testing.T) { h.levert(t, digisosID) })
}

type resultat struct {
	Navn   string `json:"navn"`
	OK     bool   `json:"ok"`
	Detalj string `json:"detalj"`
}

// spill runs the Java program and gives what it says of each scenario.
func (h *hus) spill(t *testing.T, oppdrag any) map[string]resultat {
	t.Helper()
	fikk := map[string]resultat{}
	java(t, ".", "Klienter", oppdrag, func(linje string) {
		var r resultat
		if err := json.Unmarshal([]byte(linje), &r); err != nil {
			t.Errorf("not a result: %q", linje)
			return
		}
		fikk[r.Navn] = r
	})
	return fikk
}

// levert waits until NAV sees that the søknad has reached the fagsystem.
func (h *hus) levert(t *testing.T, digisosID string) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	nav := h.nav()
	tikk := time.NewTicker(50 * time.Millisecond)
	defer tikk.Stop()
	for {
		levert, err := nav.LevertFagsystem(ctx, uuid.NewString(), digisosID)
		if err != nil {
			t.Fatal(err)
		}
		if levert[digisosID] {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal("levertFagsystem never became true")
		case <-tikk.C:
		}
	}
}

// streamingKlient has a fagsystem upload files to the case.
func (h *hus) streamingKlient(t *testing.T, digisosID string) {
	f := h.kommune.Fagsystem
	stor := bytes.Repeat([]byte("%PDF-1.7 æøå"), 200_000)
	filer := []string{skriv(t, "vedtak.pdf", []byte("%PDF-1.7 vedtak")), skriv(t, "beregning – æøå.pdf", stor)}
	var linjer []string
	java(t, "digisos", "Digisos", map[string]any{
		"baseUrl": h.b.BaseURL, "tokenEndpoint": h.b.Maskinporten.TokenEndpoint, "audience": h.b.Maskinporten.Issuer,
		"key": h.virksomhet[f.Organisasjonsnummer]["key"], "certificate": h.virksomhet[f.Organisasjonsnummer]["certificate"],
		"integrasjonId": f.IntegrasjonID, "integrasjonPassord": f.IntegrasjonPassord,
		"fiksOrgId": h.kommune.FiksOrgID, "digisosId": digisosID, "filer": filer,
	}, func(linje string) { linjer = append(linjer, linje) })
	if len(linjer) != 2 {
		t.Fatalf("answers: %q", linjer)
	}
	if linjer[1] != "404" {
		t.Errorf("an unknown case: %s, want 404", linjer[1])
	}
	var fikk []client.DokumentInfo
	if err := json.Unmarshal([]byte(linjer[0]), &fikk); err != nil {
		t.Fatalf("%v in %q", err, linjer[0])
	}
	if len(fikk) != 2 {
		t.Fatalf("DokumentInfo: %+v", fikk)
	}
	vil := []client.DokumentInfo{{Filnavn: "vedtak.pdf", DokumentlagerDokumentID: fikk[0].DokumentlagerDokumentID, Storrelse: 15},
		{Filnavn: "beregning – æøå.pdf", DokumentlagerDokumentID: fikk[1].DokumentlagerDokumentID, Storrelse: int64(len(stor))}}
	if diff := gocmp.Diff(vil, fikk); diff != "" {
		t.Error(diff)
	}
	h.sjekkSak(t, digisosID, vil, filer)
}

// sjekkSak has the fagsystem update the case; the citizen must then see the files
// and get them as they were.
func (h *hus) sjekkSak(t *testing.T, digisosID string, vil []client.DokumentInfo, filer []string) {
	t.Helper()
	ctx := t.Context()
	f := h.kommune.Fagsystem
	err := h.klient(f.Integrasjon).OppdaterSak(ctx, h.kommune.FiksOrgID, digisosID,
		json.RawMessage(`{"version":"1.0.0","avsender":{"systemnavn":"Prøve","systemversjon":"1"},"hendelser":[{"type":"soknadsStatus","hendelsestidspunkt":"2026-01-02T10:00:00.000Z","status":"MOTTATT"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	sak, err := h.innbygger().Soknad(ctx, digisosID)
	if err != nil {
		t.Fatal(err)
	}
	if sak.DigisosSoker == nil {
		t.Fatal("the case has no digisosSoker")
	}
	if diff := gocmp.Diff(vil, sak.DigisosSoker.Dokumenter); diff != "" {
		t.Error(diff)
	}
	for i, d := range vil {
		r, err := h.innbygger().Dokument(ctx, digisosID, d.DokumentlagerDokumentID)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		_ = r.Close()
		want, err2 := os.ReadFile(filer[i])
		if err := cmp.Or(err, err2); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s came out otherwise than it went in", d.Filnavn)
		}
	}
}
