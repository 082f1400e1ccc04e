// Package bekymringsmelding_test has producers and fagsystemer of reports of concern judge
// the platform (contract §16, §17, §19). KS's producers' client is not on the registry of
// Maven, and the consumers have no releases: what they do on the wire is replayed, on the
// released libraries that they are made of, which Maven fetches.
package bekymringsmelding_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/sandbox"
)

// A kommune whose office receives over Fiks IO.
const kommunenummer, bydelsnummer = "9901", "00"

// programmer are the Java programs: where Maven puts their libraries, the source, and the
// name space of its Jersey.
var programmer = map[string]struct{ dir, kilde, klasse, navnerom string }{
	"2.0.1":     {"produsent/v2", "produsent/Produsent.java", "Produsent", "jakarta.ws"},
	"1.0.1":     {"produsent/v1", "produsent/Produsent.java", "Produsent", "javax.ws"},
	"konsument": {"konsument", "konsument/Konsument.java", "Konsument", "jakarta.ws"},
}

// bygg fetches the libraries and compiles the programs; it gives the class path of each.
// It skips or fails when the machine cannot.
func bygg(t *testing.T) map[string]string {
	t.Helper()
	for _, program := range []string{"java", "javac", "mvn", "openssl"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("KNUTEPUNKT_REQUIRE_PEERS") == "1" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	ut := map[string]string{}
	for navn, p := range programmer {
		mvn := exec.CommandContext(t.Context(), "mvn", "-q", "-B", "compile")
		mvn.Dir = p.dir
		if out, err := mvn.CombinedOutput(); err != nil {
			t.Fatalf("mvn compile in %s: %v\n%s", p.dir, err, out)
		}
		kilde, err := os.ReadFile(p.kilde)
		if err != nil {
			t.Fatal(err)
		}
		fil := skriv(t, p.klasse+".java", bytes.ReplaceAll(kilde, []byte("jakarta.ws"), []byte(p.navnerom)))
		lib, err := filepath.Abs(filepath.Join(p.dir, "target", "lib"))
		if err != nil {
			t.Fatal(err)
		}
		ut[navn] = filepath.Dir(fil) + string(os.PathListSeparator) + filepath.Join(lib, "*")
		if out, err := exec.CommandContext(t.Context(), "javac", "-encoding", "UTF-8", "-proc:none", "-cp", ut[navn], "-d", filepath.Dir(fil), fil).CombinedOutput(); err != nil {
			t.Fatalf("javac %s: %v\n%s", p.kilde, err, out)
		}
	}
	return ut
}

func skriv(t *testing.T, navn string, data []byte) string {
	t.Helper()
	sti := filepath.Join(t.TempDir(), navn)
	if err := os.WriteFile(sti, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return sti
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// java is a program with its order.
func java(ctx context.Context, t *testing.T, klasser, navn string, oppdrag map[string]any) *exec.Cmd {
	t.Helper()
	data, err := json.Marshal(oppdrag)
	must(t, err)
	cmd := exec.CommandContext(ctx, "java", "-Dfile.encoding=UTF-8", "-Xmx256m", "-cp", klasser, navn, skriv(t, "oppdrag.json", data))
	cmd.Stderr = t.Output()
	return cmd
}

// hus is a running sandbox, with a key and a certificate of an organisation.
type hus struct {
	*sandbox.Sandbox
	dir       string
	b         sandbox.Beskrivelse
	kommune   sandbox.Kommune
	key, cert string
	dokument  []byte
	pdf       []byte
}

func start(t *testing.T) *hus {
	t.Helper()
	h := &hus{dir: t.TempDir()}
	var err error
	h.Sandbox, err = sandbox.New(t.Context(), sandbox.Config{Dir: h.dir, HTTP: "127.0.0.1:0", AMQP: "127.0.0.1:0", AMQPS: "127.0.0.1:0"})
	must(t, err)
	t.Cleanup(func() {
		ctx, slutt := context.WithTimeout(context.Background(), 20*time.Second)
		defer slutt()
		if err := h.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	must(t, h.Start(context.WithoutCancel(t.Context())))
	h.b = h.Beskrivelse()
	i := slices.IndexFunc(h.b.Kommuner, func(k sandbox.Kommune) bool { return k.Kommunenummer == kommunenummer })
	h.kommune = h.b.Kommuner[i]
	h.key, h.cert = virksomhet(t, h.kommune.Fagsystem.Organisasjonsnummer)
	h.dokument = []byte(`{"kommunenummer":"9901","melding":{"melding":"Gråter hver natt."}}`)
	h.pdf = append([]byte("%PDF-1.7\n"), make([]byte, 200_000)...)
	_, err = rand.Read(h.pdf[9:])
	must(t, err)
	return h
}

// virksomhet makes an organisation's key and certificate, with the number where Norwegian ones have it.
func virksomhet(t *testing.T, orgnr string) (keyfil, certfil string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	mal := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "PRØVEVIRKSOMHET", SerialNumber: orgnr},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, mal, mal, key.Public(), key)
	must(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	return skriv(t, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})),
		skriv(t, "cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func (h *hus) token() string {
	return strings.NewReplacer("{orgno}", h.kommune.Fagsystem.Organisasjonsnummer, "{scope}", "ks:fiks").Replace(h.b.Tokens.Maskinporten)
}

// produsent runs a producer, and gives what it parsed.
func (h *hus) produsent(t *testing.T, klasser string, mer map[string]any) (ut struct {
	Bydeler      []string
	Serial, UUID string
	Status       []string
}) {
	t.Helper()
	oppdrag := map[string]any{"base": h.b.BaseURL + "/bekymringsmelding", "token": h.token(), "fiksOrgId": h.kommune.FiksOrgID,
		"integrasjonId": h.kommune.Fagsystem.IntegrasjonID, "passord": h.kommune.Fagsystem.IntegrasjonPassord, "kommune": kommunenummer,
		"json": skriv(t, "bekymringsmelding.json", h.dokument), "pdf": skriv(t, "bekymringsmelding.pdf", h.pdf), "key": h.key, "certificate": h.cert}
	for navn, v := range mer {
		oppdrag[navn] = v
	}
	ctx, slutt := context.WithTimeout(t.Context(), time.Minute)
	defer slutt()
	svar, err := java(ctx, t, klasser, "Produsent", oppdrag).Output()
	if err != nil {
		t.Fatalf("the producer: %v\n%s", err, svar)
	}
	must(t, json.Unmarshal(svar, &ut))
	return ut
}

// venter waits until the producer sees the states of a report.
func (h *hus) venter(t *testing.T, klasser, id string, want ...string) {
	t.Helper()
	var got []string
	for range 20 {
		if got = h.produsent(t, klasser, map[string]any{"id": id}).Status; slices.Equal(got, want) {
			return
		}
	}
	t.Errorf("the states are %v, want %v", got, want)
}

// send has a producer send a report, and checks what it parsed of look-up and keys.
func (h *hus) send(t *testing.T, klasser string, mer map[string]any) string {
	t.Helper()
	ut := h.produsent(t, klasser, mer)
	if ut.UUID == "" || len(ut.Bydeler) == 0 || mer == nil && !slices.Equal(ut.Bydeler, []string{"00 Fjordvik true"}) {
		t.Fatalf("%+v", ut)
	}
	if _, ok := new(big.Int).SetString(ut.Serial, 10); !ok {
		if _, ok := new(big.Int).SetString(ut.Serial, 16); !ok {
			t.Errorf("serial %q", ut.Serial)
		}
	}
	return ut.UUID
}

// Each producer sends to each consumer: the report comes byte for byte, and is delivered.
func TestProdusenterOgKonsumenter(t *testing.T) {
	t.Parallel()
	klasser := bygg(t)
	h := start(t)
	t.Run("2.0.1 til Go-konsumenten", func(t *testing.T) {
		k := h.goKonsument(t, "")
		id := h.send(t, klasser["2.0.1"], nil)
		h.samme(t, k.fikk(t))
		h.venter(t, klasser["2.0.1"], id, "AKSEPTERT", "SENDT_FAGSYSTEM", "LEVERT")
	})
	t.Run("1.0.1 til Java-konsumenten", func(t *testing.T) {
		k := h.javaKonsument(t, klasser["konsument"], h.kommune)
		id := h.send(t, klasser["1.0.1"], nil)
		h.samme(t, k.fikk(t))
		h.venter(t, klasser["1.0.1"], id, "AKSEPTERT", "SENDT_FAGSYSTEM", "LEVERT")
	})
	t.Run("feil nøkkel", func(t *testing.T) {
		k := h.goKonsument(t, h.key)
		id := h.send(t, klasser["2.0.1"], nil)
		if svar := k.fikk(t); svar.feil == "" {
			t.Fatal("it could be read with another key")
		}
		h.venter(t, klasser["2.0.1"], id, "AKSEPTERT", "SENDT_FAGSYSTEM", "AVVIST_FAGSYSTEM", "SENDT_PRINT")
	})
	// A consumer that knows v1 only refuses what its office is said to take.
	t.Run("v2 til Java-konsumenten", func(t *testing.T) {
		i := slices.IndexFunc(h.b.Kommuner, func(k sandbox.Kommune) bool { return k.Kommunenummer == "9904" })
		storby := h.b.Kommuner[i]
		const bydel = "01"
		ctx := auth.With(t.Context(), auth.Caller{Slag: auth.Person, Fnr: h.b.Personer[0].Fnr, Niva: 4})
		b, err := h.App.Bekymringsmelding.Bydel(ctx, "9904", bydel)
		must(t, err)
		_, err = h.App.Bekymringsmelding.EndreBydelKonto(ctx, storby.FiksOrgID, b.RessursID, 0,
			bekymringsmelding.Mottakskonto{Kanal: bekymringsmelding.KanalFiksIO, Fagsystem: b.Fagsystem, StottetVersjon: skjema.V2})
		must(t, err)
		k := h.javaKonsument(t, klasser["konsument"], storby)
		id := h.send(t, klasser["2.0.1"], map[string]any{"kommune": "9904", "bydel": bydel, "versjon": "v2"})
		if svar := k.fikk(t); svar.feil != "Ukjent meldingstype" {
			t.Errorf("%+v", svar)
		}
		h.venter(t, klasser["2.0.1"], id, "AKSEPTERT", "SENDT_FAGSYSTEM", "AVVIST_FAGSYSTEM", "SENDT_PRINT")
	})
}

// mottatt is what a consumer has stored, or why it could not.
type mottatt struct {
	json, pdf []byte
	feil      string
}

func (h *hus) samme(t *testing.T, m mottatt) {
	t.Helper()
	if m.feil != "" || !bytes.Equal(m.json, h.dokument) || !bytes.Equal(m.pdf, h.pdf) {
		t.Errorf("it stored %d and %d bytes of other content: %s", len(m.json), len(m.pdf), m.feil)
	}
}

// konsument is a consumer that listens until the test ends.
type konsument struct{ kom chan mottatt }

func (k konsument) fikk(t *testing.T) mottatt {
	t.Helper()
	select {
	case m := <-k.kom:
		return m
	case <-time.After(time.Minute):
		t.Fatal("nothing came to the consumer")
		return mottatt{}
	}
}

// javaKonsument starts the replay of the Java consumer on a kommune's konto.
func (h *hus) javaKonsument(t *testing.T, klasser string, kommune sandbox.Kommune) konsument {
	t.Helper()
	lagret := t.TempDir()
	vkey, vcert := virksomhet(t, kommune.Fagsystem.Organisasjonsnummer)
	ctx, avbryt := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := java(ctx, t, klasser, "Konsument", map[string]any{"base": h.b.BaseURL, "host": h.b.AMQP.Host, "port": h.b.AMQP.TLSPort, "ca": filepath.Join(h.dir, h.b.AMQP.CACertificate),
		"tillit": filepath.Join(t.TempDir(), "tillit.jks"), "issuer": h.b.Maskinporten.Issuer, "tokenEndpoint": h.b.Maskinporten.TokenEndpoint,
		"integrasjonId": kommune.Fagsystem.IntegrasjonID, "passord": kommune.Fagsystem.IntegrasjonPassord, "kontoId": kommune.Fagsystem.FiksIOKontoID,
		"key": filepath.Join(h.dir, kommune.Fagsystem.PrivateKey), "virksomhetKey": vkey, "virksomhetCertificate": vcert, "dir": lagret})
	inn, err := cmd.StdinPipe()
	must(t, err)
	ut, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	k, klar := konsument{make(chan mottatt, 10)}, make(chan struct{})
	var ferdig sync.WaitGroup
	ferdig.Go(func() {
		erKlar := sync.OnceFunc(func() { close(klar) })
		defer erKlar()
		for linjer := bufio.NewScanner(ut); linjer.Scan(); {
			switch hva, om, _ := strings.Cut(linjer.Text(), " "); hva {
			case "klar":
				erKlar()
			case "feilet":
				k.kom <- mottatt{feil: om}
			case "mottatt":
				var m mottatt
				var e1, e2 error
				m.json, e1 = os.ReadFile(filepath.Join(lagret, om, "bekymringsmelding.json"))
				m.pdf, e2 = os.ReadFile(filepath.Join(lagret, om, "bekymringsmelding.pdf"))
				if err := errors.Join(e1, e2); err != nil {
					m.feil = err.Error()
				}
				k.kom <- m
			}
		}
	})
	t.Cleanup(func() {
		_ = inn.Close() // it ends by itself then
		ferdig.Wait()
		_ = cmd.Wait()
		avbryt()
	})
	<-klar
	return k
}
