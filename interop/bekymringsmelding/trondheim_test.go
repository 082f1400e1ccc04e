package bekymringsmelding_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/cipher"
	"crypto/des"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"

	"knutepunkt/internal/sandbox"
)

// trondheim behaves as the consumer of Trondheim kommune (§17): it reads the body and
// few headers, has OpenSSL decrypt, and answers over HTTP. It knows nothing of types,
// nor of dokumentlager.
type trondheim struct {
	h         *hus
	f         sandbox.Fagsystem
	cert, key string // files
	dir       string // what it stores: <melding-id>.pdf and .json

	behandlet chan behandlet
}

// behandlet is a message that was answered and acknowledged.
type behandlet struct {
	meldingID string
	feil      error // why it was answered with feilet
	svarfeil  error // why it could not be answered
}

// lyttTrondheim consumes from the konto of a kommune until it is stopped. key "" is the
// right private key.
func (h *hus) lyttTrondheim(t *testing.T, k sandbox.Kommune, key string) (c *trondheim, stopp func()) {
	t.Helper()
	if key == "" {
		key = h.sti(k.Fagsystem.PrivateKey)
	}
	c = &trondheim{h: h, f: k.Fagsystem, cert: h.sti(k.Fagsystem.Certificate), key: key, dir: t.TempDir(), behandlet: make(chan behandlet, 10)}
	tillit := x509.NewCertPool()
	if !tillit.AppendCertsFromPEM(lesFil(t, h.sti(h.b.AMQP.CACertificate))) {
		t.Fatal("no CA")
	}
	// The password and the token with one space between them, escaped as a path.
	passord := &url.URL{Path: c.f.IntegrasjonPassord + " " + h.token(t, h.b.Tokens.Maskinporten, "{orgno}", c.f.Organisasjonsnummer, "{scope}", "ks:fiks")}
	conn, err := amqp.DialTLS("amqps://"+c.f.IntegrasjonID+":"+passord.String()+"@"+net.JoinHostPort(h.b.AMQP.Host, strconv.Itoa(h.b.AMQP.TLSPort))+"/",
		&tls.Config{RootCAs: tillit, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	kanal, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	// no-ack=false, exclusive=false, no-local=true, no-wait=false
	ko, err := kanal.Consume("fiksio.konto."+c.f.FiksIOKontoID, "konsument", false, false, true, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	ferdig := make(chan struct{})
	ctx := context.WithoutCancel(t.Context())
	go func() {
		defer close(ferdig)
		for d := range ko {
			r := c.motta(ctx, d)
			if err := d.Ack(true); err != nil && r.svarfeil == nil {
				r.svarfeil = err
			}
			c.behandlet <- r
		}
	}()
	stopp = func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		<-ferdig
	}
	return c, stopp
}

func (c *trondheim) motta(ctx context.Context, d amqp.Delivery) behandlet {
	id, ok := d.Headers["melding-id"].(string)
	avsender, ok2 := d.Headers["avsender-id"].(string)
	sti := strings.Split(d.RoutingKey, ".")
	if !ok || !ok2 || len(sti) < 3 {
		return behandlet{svarfeil: fmt.Errorf("it would crash on %q, %v", d.RoutingKey, d.Headers)}
	}
	r := behandlet{meldingID: id}
	svar := map[string]string{"meldingType": "no.ks.fiks.bekymringsmelding.mottatt.v1", "avsenderKontoId": sti[2], "mottakerKontoId": avsender, "svarPaMelding": id}
	var data []byte
	if r.feil = c.lagre(ctx, id, d.Body); r.feil != nil {
		svar["meldingType"] = "no.ks.fiks.bekymringsmelding.feilet.v1"
		if data, r.svarfeil = c.feilmelding(r.feil); r.svarfeil != nil {
			return r
		}
	}
	r.svarfeil = c.send(ctx, svar, data)
	return r
}

// lagre decrypts, for the recipient of the certificate, and stores by suffix.
func (c *trondheim) lagre(ctx context.Context, id string, body []byte) error {
	tmp, err := os.MkdirTemp(c.dir, "")
	if err != nil {
		return err
	}
	inn, ut := filepath.Join(tmp, "inn"), filepath.Join(tmp, "ut")
	if err := os.WriteFile(inn, body, 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", inn, "-recip", c.cert, "-inkey", c.key, "-out", ut)
	if tekst, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("decrypting: %w: %s", err, tekst)
	}
	z, err := zip.OpenReader(ut)
	if err != nil {
		return err
	}
	defer z.Close()
	for _, f := range z.File {
		endelse := filepath.Ext(f.Name)
		if endelse != ".pdf" && endelse != ".json" {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return err
		}
		b, err := io.ReadAll(r)
		_ = r.Close()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(c.dir, id+endelse), b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// send posts metadata, without a part content type, ttl or data, unless it failed.
func (c *trondheim) send(ctx context.Context, metadata map[string]string, data []byte) error {
	m, err := json.Marshal(metadata)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.WriteField("metadata", string(m)); err != nil {
		return err
	}
	if data != nil {
		p, err := w.CreateFormFile("data", uuid.NewString())
		if err != nil {
			return err
		}
		if _, err := p.Write(data); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	token, err := c.token(ctx)
	if err != nil {
		return err
	}
	ctx, avbryt := context.WithTimeout(ctx, 30*time.Second)
	defer avbryt()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.h.b.BaseURL+"/fiks-io/api/v1/send", &b)
	if err != nil {
		return err
	}
	r.Header = http.Header{"Integrasjonid": {c.f.IntegrasjonID}, "Integrasjonpassord": {c.f.IntegrasjonPassord},
		"Authorization": {"Bearer " + token}, "Content-Type": {w.FormDataContentType()}}
	svar, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer svar.Body.Close()
	if svar.StatusCode < 200 || svar.StatusCode > 299 {
		tekst, _ := io.ReadAll(svar.Body)
		return fmt.Errorf("%s: %s", svar.Status, tekst)
	}
	return nil
}

func (c *trondheim) token(ctx context.Context) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet,
		strings.NewReplacer("{orgno}", c.f.Organisasjonsnummer, "{scope}", "ks:fiks").Replace(c.h.b.Tokens.Maskinporten), nil)
	if err != nil {
		return "", err
	}
	svar, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer svar.Body.Close()
	b, err := io.ReadAll(svar.Body)
	return string(b), err
}

// feilmelding is a ZIP with the one entry data, encrypted to the consumer's own
// certificate: nobody else can read it.
func (c *trondheim) feilmelding(hva error) ([]byte, error) {
	m, err := json.Marshal(map[string]string{"meldingType": "no.ks.fiks.bekymringsmelding.feilet.v1", "melding": hva.Error()})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("data")
	if err == nil {
		_, err = w.Write(m)
	}
	if err := errors.Join(err, z.Close()); err != nil {
		return nil, err
	}
	tekst, err := os.ReadFile(c.cert)
	if err != nil {
		return nil, err
	}
	blokk, _ := pem.Decode(tekst)
	if blokk == nil {
		return nil, errors.New("no certificate")
	}
	cert, err := x509.ParseCertificate(blokk.Bytes)
	if err != nil {
		return nil, err
	}
	return pkcs7(cert, b.Bytes())
}

// pkcs7 is the envelope that the consumer's library makes: version 0, OAEP with
// SHA-256 of which the parameters tell nothing, and DES.
func pkcs7(cert *x509.Certificate, klart []byte) ([]byte, error) {
	key, iv := make([]byte, des.BlockSize), make([]byte, des.BlockSize)
	_, _ = rand.Read(key)
	_, _ = rand.Read(iv)
	blokk, err := des.NewCipher(key)
	if err != nil {
		return nil, err
	}
	n := des.BlockSize - len(klart)%des.BlockSize
	kryptert := append(bytes.Clone(klart), bytes.Repeat([]byte{byte(n)}, n)...)
	cipher.NewCBCEncrypter(blokk, iv).CryptBlocks(kryptert, kryptert)
	kryptertNokkel, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, cert.PublicKey.(*rsa.PublicKey), key, nil)
	if err != nil {
		return nil, err
	}
	octets, err := asn1.Marshal(kryptert)
	if err != nil {
		return nil, err
	}
	type utsteder struct {
		Navn   asn1.RawValue
		Serial *big.Int
	}
	type mottaker struct {
		Versjon  int
		Utsteder utsteder
		Algo     pkix.AlgorithmIdentifier
		Nokkel   []byte
	}
	type innhold struct {
		Type asn1.ObjectIdentifier
		Algo pkix.AlgorithmIdentifier
		Data asn1.RawValue
	}
	konvolutt, err := asn1.Marshal(struct {
		Versjon   int
		Mottakere []mottaker `asn1:"set"`
		Innhold   innhold
	}{
		Mottakere: []mottaker{{Utsteder: utsteder{asn1.RawValue{FullBytes: cert.RawIssuer}, cert.SerialNumber},
			Algo: pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 7}}, Nokkel: kryptertNokkel}},
		Innhold: innhold{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1},
			Algo: pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 3, 14, 3, 2, 7}, Parameters: asn1.RawValue{Tag: asn1.TagOctetString, Bytes: iv}},
			Data: asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: octets}},
	})
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(struct {
		Type asn1.ObjectIdentifier
		Data asn1.RawValue
	}{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 3}, asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: konvolutt}})
}

// neste waits for the next message that the consumer has dealt with.
func (c *trondheim) neste(t *testing.T) behandlet {
	t.Helper()
	select {
	case r := <-c.behandlet:
		if r.svarfeil != nil {
			t.Fatal(r.svarfeil)
		}
		return r
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
	}
	return behandlet{}
}

// harLagret holds that what is stored of a message is byte for byte what was sent.
func (c *trondheim) harLagret(t *testing.T, id string, r rapport) {
	t.Helper()
	for endelse, vil := range map[string][]byte{".pdf": r.pdf, ".json": r.json} {
		if !bytes.Equal(lesFil(t, filepath.Join(c.dir, id+endelse)), vil) {
			t.Errorf("%s came out otherwise than it went in", endelse)
		}
	}
}
