package bekymringsmelding_test

import (
	"archive/zip"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"
)

// goKonsument behaves as the Go consumer of §17 does: RabbitMQ's client with no-local, its
// konto from the routing key, headers that must be there, the body alone, OpenSSL to decrypt
// (a key of another's can be given), and answers in one field without ttl and data.
func (h *hus) goKonsument(t *testing.T, nokkel string) konsument {
	t.Helper()
	if nokkel == "" {
		nokkel = filepath.Join(h.dir, h.kommune.Fagsystem.PrivateKey)
	}
	ca, err := os.ReadFile(filepath.Join(h.dir, h.b.AMQP.CACertificate))
	must(t, err)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		t.Fatal("no certificate of the listener's")
	}
	token := h.hentToken(t)
	con, err := amqp.DialConfig("amqps://"+net.JoinHostPort(h.b.AMQP.Host, strconv.Itoa(h.b.AMQP.TLSPort))+"/", amqp.Config{
		SASL:            []amqp.Authentication{&amqp.PlainAuth{Username: h.kommune.Fagsystem.IntegrasjonID, Password: h.kommune.Fagsystem.IntegrasjonPassord + " " + token}},
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, Vhost: "/"})
	must(t, err)
	ch, err := con.Channel()
	must(t, err)
	leveringer, err := ch.Consume("fiksio.konto."+h.kommune.Fagsystem.FiksIOKontoID, "", false, false, true, false, nil)
	must(t, err)
	k, ferdig := konsument{make(chan mottatt, 10)}, make(chan struct{})
	go func() {
		defer close(ferdig)
		for d := range leveringer {
			m, err := h.behandle(t, d, nokkel, token)
			if err != nil {
				t.Errorf("the consumer: %v", err)
			}
			k.kom <- m
			if err := d.Ack(true); err != nil {
				t.Errorf("acknowledging: %v", err)
			}
		}
	}()
	t.Cleanup(func() {
		_ = con.Close()
		<-ferdig
	})
	return k
}

func (h *hus) hentToken(t *testing.T) string {
	t.Helper()
	res, err := http.Get(h.token())
	must(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(t, err)
	return string(b)
}

// behandle stores a message and answers it.
func (h *hus) behandle(t *testing.T, d amqp.Delivery, nokkel, token string) (m mottatt, err error) {
	deler := strings.Split(d.RoutingKey, ".")
	if len(deler) < 3 {
		return m, fmt.Errorf("the routing key is %q", d.RoutingKey)
	}
	meldingID, ok1 := d.Headers["melding-id"].(string)
	avsender, ok2 := d.Headers["avsender-id"].(string)
	if !ok1 || !ok2 {
		return m, fmt.Errorf("the headers are %v", d.Headers)
	}
	if m, err = h.pakkUt(t, d.Body, nokkel); err != nil {
		m.feil = err.Error()
	}
	meta := map[string]string{"meldingType": "no.ks.fiks.bekymringsmelding.mottatt.v1", "avsenderKontoId": deler[2], "mottakerKontoId": avsender, "svarPaMelding": meldingID}
	var data []byte
	if m.feil != "" {
		meta["meldingType"] = "no.ks.fiks.bekymringsmelding.feilet.v1"
		if data, err = h.feilmelding(t, meta["meldingType"], m.feil); err != nil {
			return m, err
		}
	}
	return m, h.svar(meta, data, token)
}

// pakkUt decrypts a body by OpenSSL and takes the entries by their endings.
func (h *hus) pakkUt(t *testing.T, kropp []byte, nokkel string) (m mottatt, err error) {
	klar := filepath.Join(t.TempDir(), "pakke.zip")
	if out, err := exec.CommandContext(t.Context(), "openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", skriv(t, "kropp", kropp),
		"-inkey", nokkel, "-out", klar).CombinedOutput(); err != nil {
		return m, fmt.Errorf("openssl: %w: %s", err, out)
	}
	z, err := zip.OpenReader(klar)
	if err != nil {
		return m, err
	}
	defer z.Close()
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			return m, err
		}
		b, err := io.ReadAll(r)
		if err != nil {
			return m, err
		}
		switch filepath.Ext(f.Name) {
		case ".json":
			m.json = b
		case ".pdf":
			m.pdf = b
		}
	}
	return m, nil
}

// feilmelding is the malformed one of §17: a ZIP with one entry, encrypted to the
// consumer's own certificate.
func (h *hus) feilmelding(t *testing.T, typ, grunn string) ([]byte, error) {
	var pakke bytes.Buffer
	z := zip.NewWriter(&pakke)
	w, err := z.Create("data")
	if err != nil {
		return nil, err
	}
	if err := json.NewEncoder(w).Encode(map[string]string{"meldingType": typ, "melding": grunn}); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return exec.CommandContext(t.Context(), "openssl", "cms", "-encrypt", "-binary", "-aes256", "-outform", "DER", "-in", skriv(t, "feil.zip", pakke.Bytes()),
		filepath.Join(h.dir, h.kommune.Fagsystem.Certificate)).Output()
}

func (h *hus) svar(meta map[string]string, data []byte, token string) error {
	var kropp bytes.Buffer
	w := multipart.NewWriter(&kropp)
	felt, err := w.CreateFormField("metadata")
	if err != nil {
		return err
	}
	if err := json.NewEncoder(felt).Encode(meta); err != nil {
		return err
	}
	if data != nil {
		del, err := w.CreateFormFile("data", uuid.NewString())
		if err != nil {
			return err
		}
		if _, err := del.Write(data); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodPost, h.b.BaseURL+"/fiks-io/api/v1/send", &kropp)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", w.FormDataContentType())
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("IntegrasjonId", h.kommune.Fagsystem.IntegrasjonID)
	req.Header.Set("IntegrasjonPassord", h.kommune.Fagsystem.IntegrasjonPassord)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		b, _ := io.ReadAll(res.Body)
		return fmt.Errorf("the answer got %s: %s", res.Status, b)
	}
	return nil
}
