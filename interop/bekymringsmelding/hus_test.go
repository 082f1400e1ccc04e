package bekymringsmelding_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"mime/multipart"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"knutepunkt/internal/sandbox"
)

// The bydeler that reports are sent to, both by Fiks IO: one whose consumer is
// Trondheim's, and one whose is KS's example. The second is told to read version 2.
const (
	kommuneTrondheim, bydelTrondheim = "9901", "00"
	kommuneEksempel, bydelEksempel   = "9904", "01"
)

// hus is a running sandbox.
type hus struct {
	*sandbox.Sandbox
	dir       string
	b         sandbox.Beskrivelse
	fra       sandbox.Kommune // sends, with an integrasjon of its own
	key, cert string          // files: the sender's own, which it signs and logs in with
}

func start(t *testing.T) *hus {
	t.Helper()
	h := &hus{dir: t.TempDir()}
	var err error
	h.Sandbox, err = sandbox.New(t.Context(), sandbox.Config{Dir: h.dir, HTTP: "127.0.0.1:0", AMQP: "127.0.0.1:0", AMQPS: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, avbryt := context.WithTimeout(context.Background(), 20*time.Second)
		defer avbryt()
		if err := h.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	if err := h.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	h.b = h.Beskrivelse()
	h.fra = h.kommune(t, kommuneTrondheim)
	h.key, h.cert = virksomhetssertifikat(t, h.fra.Fagsystem.Organisasjonsnummer)
	h.lesV2(t)
	return h
}

func (h *hus) kommune(t *testing.T, nr string) sandbox.Kommune {
	t.Helper()
	i := slices.IndexFunc(h.b.Kommuner, func(k sandbox.Kommune) bool { return k.Kommunenummer == nr })
	if i < 0 || len(h.b.Kommuner[i].Bydeler) == 0 || h.b.Kommuner[i].Bydeler[0].Mottakerkanal != "FIKS_IO" {
		t.Fatalf("sandbox.json has no kommune %s whose first bydel has Fiks IO", nr)
	}
	return h.b.Kommuner[i]
}

func (h *hus) sti(navn string) string { return filepath.Join(h.dir, filepath.FromSlash(navn)) }

// virksomhetssertifikat is self-made, with the org.nr where Norwegian organisation
// certificates have it; it gives two files.
func virksomhetssertifikat(t *testing.T, orgnr string) (key, cert string) {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	mal := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "PRØVEVIRKSOMHET", SerialNumber: orgnr},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, mal, mal, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return skriv(t, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})),
		skriv(t, "cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// kall makes a request and gives the body of its answer, which must have the status.
func (h *hus) kall(t *testing.T, status int, metode, sti string, hoder http.Header, kropp io.Reader) []byte {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), metode, h.b.BaseURL+sti, kropp)
	if err != nil {
		t.Fatal(err)
	}
	if hoder != nil {
		r.Header = hoder
	}
	svar, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer svar.Body.Close()
	b, err := io.ReadAll(svar.Body)
	if err != nil {
		t.Fatal(err)
	}
	if svar.StatusCode != status {
		t.Fatalf("%s %s: %d, want %d: %s", metode, sti, svar.StatusCode, status, b)
	}
	return b
}

// token fetches one from the sandbox.
func (h *hus) token(t *testing.T, mal string, par ...string) string {
	t.Helper()
	for i := 1; i < len(par); i += 2 {
		par[i] = url.QueryEscape(par[i])
	}
	return string(h.kall(t, 200, "GET", strings.TrimPrefix(strings.NewReplacer(par...).Replace(mal), h.b.BaseURL), nil, nil))
}

// integrasjon are the headers that a fagsystem calls with.
func (h *hus) integrasjon(t *testing.T, f sandbox.Fagsystem) http.Header {
	t.Helper()
	return http.Header{"Integrasjonid": {f.IntegrasjonID}, "Integrasjonpassord": {f.IntegrasjonPassord},
		"Authorization": {"Bearer " + h.token(t, h.b.Tokens.Maskinporten, "{orgno}", f.Organisasjonsnummer, "{scope}", "ks:fiks")}}
}

// lesV2 has the administrator tell that the fagsystem of a bydel reads version 2.
func (h *hus) lesV2(t *testing.T) {
	t.Helper()
	k := h.kommune(t, kommuneEksempel)
	i := slices.IndexFunc(h.b.Personer, func(p sandbox.Testperson) bool { return slices.Contains(p.Roller, "ADMINISTRATOR") })
	if i < 0 {
		t.Fatal("sandbox.json has no administrator")
	}
	token := h.token(t, h.b.Tokens.IDPorten, "{pid}", h.b.Personer[i].Fnr, "{acr}", "idporten-loa-high", "{orgno}", k.Organisasjonsnummer)
	kropp, err := json.Marshal(map[string]any{"fagsystem": "UKJENT", "stottetVersjon": "V2",
		"fiksioKonto": map[string]string{"offentligNokkel": string(lesFil(t, h.sti(k.Fagsystem.Certificate)))}})
	if err != nil {
		t.Fatal(err)
	}
	var svar struct {
		Konto struct {
			StottetVersjon string
			FiksioKonto    struct{ ID string }
		}
	}
	les(t, h.kall(t, 200, "PUT", "/bekymringsmelding/api/v2/konfigurasjon/"+k.FiksOrgID+"/bydeler/"+k.Bydeler[0].RessursID+"/konto",
		http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}, bytes.NewReader(kropp)), &svar)
	if svar.Konto.StottetVersjon != "V2" || svar.Konto.FiksioKonto.ID != k.Fagsystem.FiksIOKontoID {
		t.Fatalf("konto %+v", svar)
	}
}

func les(t *testing.T, b []byte, inn any) {
	t.Helper()
	if err := json.Unmarshal(b, inn); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
}

// brev is a letter with the print supplier.
type brev struct {
	ID, Kilde, Referanse, PDF, PrivateKey string
}

// brevet is the one letter of a report; it holds that there is one, with the very PDF
// that was sent, encrypted to the printer alone.
func (h *hus) brevet(t *testing.T, id string, pdf []byte) brev {
	t.Helper()
	var alle []brev
	les(t, h.kall(t, 200, "GET", "/sandbox/print", nil, nil), &alle)
	alle = slices.DeleteFunc(alle, func(b brev) bool { return b.Referanse != id })
	if len(alle) != 1 || alle[0].Kilde != "BEKYMRINGSMELDING" {
		t.Fatalf("letters of %s: %+v", id, alle)
	}
	klart := filepath.Join(t.TempDir(), "brev.pdf")
	kjor(t, "openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", h.sti(alle[0].PDF), "-inkey", h.sti(alle[0].PrivateKey), "-out", klart)
	if !bytes.Equal(lesFil(t, klart), pdf) {
		t.Error("the letter is not the PDF that was sent")
	}
	return alle[0]
}

// antall is how many reports the platform has.
func (h *hus) antall(t *testing.T) (n int) {
	t.Helper()
	if err := h.App.DB.Read().QueryRowContext(t.Context(), `SELECT count(*) FROM bekymring_melding`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// kryptert has OpenSSL encrypt as the producers do.
func (h *hus) kryptert(t *testing.T, cert string, klart []byte) []byte {
	t.Helper()
	ut := filepath.Join(t.TempDir(), "kryptert")
	kjor(t, "openssl", "cms", "-encrypt", "-binary", "-aes-256-cbc", "-stream", "-outform", "DER", "-in", skriv(t, "klart", klart), "-out", ut,
		"-recip", cert, "-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256", "-keyopt", "rsa_mgf1_md:sha256")
	return lesFil(t, ut)
}

// zipet is a container with the two files of a report.
func zipet(t *testing.T, r rapport) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range []struct {
		navn string
		data []byte
	}{{"bekymringsmelding.json", r.json}, {"bekymringsmelding.pdf", r.pdf}} {
		w, err := z.Create(f.navn)
		if err == nil {
			_, err = w.Write(f.data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sendPrivat sends a report from a private person to the example's bydel, for which the
// producer has no call.
func (h *hus) sendPrivat(t *testing.T, r rapport) (id string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for navn, data := range map[string][]byte{
		"bekymringsmelding": h.kryptert(t, h.sti("keys/print.cert.pem"), r.pdf),
		"asice":             h.kryptert(t, h.sti(h.kommune(t, kommuneEksempel).Fagsystem.Certificate), zipet(t, r)),
	} {
		d, err := w.CreateFormFile(navn, navn)
		if err == nil {
			_, err = d.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	hoder := h.integrasjon(t, h.fra.Fagsystem)
	hoder.Set("Content-Type", w.FormDataContentType())
	var svar struct{ UUID string }
	les(t, h.kall(t, 201, "POST", "/bekymringsmelding/api/v1/mottak/fagsystem/"+h.fra.FiksOrgID+"/"+kommuneEksempel+"/"+bydelEksempel+"/privat", hoder, &b), &svar)
	return svar.UUID
}
