package asice_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"knutepunkt/asice"
)

const orgno = "910825518"

var signedAt = time.Date(2026, 3, 2, 13, 14, 16, 0, time.UTC)

// identity is a CA and a virksomhetssertifikat from it.
type identity struct {
	key asice.Key
	ca  *x509.Certificate
}

var rsaIdentity = sync.OnceValue(func() identity {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return newIdentity(k, pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 97}, Value: "NTRNO-" + orgno})
})

var ecdsaIdentity = sync.OnceValue(func() identity {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return newIdentity(k, pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 5}, Value: orgno})
})

func newIdentity(key crypto.Signer, id pkix.AttributeTypeAndValue) identity {
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Prøve-CA"},
		NotBefore: signedAt.AddDate(-1, 0, 0), NotAfter: signedAt.AddDate(20, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	check(err)
	ca, err = x509.ParseCertificate(der)
	check(err)
	serial := big.NewInt(0x80_1234_5678) // one for each key
	if _, isRSA := key.(*rsa.PrivateKey); isRSA {
		serial = big.NewInt(0x7f_1234_5678)
	}
	leaf := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "BÆRUM KOMMUNE", ExtraNames: []pkix.AttributeTypeAndValue{id}},
		NotBefore:    signedAt.AddDate(-1, 0, 0), NotAfter: signedAt.AddDate(20, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, SubjectKeyId: []byte{1, 2, 3, 4},
	}
	der, err = x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	check(err)
	leaf, err = x509.ParseCertificate(der)
	check(err)
	return identity{asice.Key{Signer: key, Chain: []*x509.Certificate{leaf, ca}}, ca}
}

// pems writes key, certificate and CA for openssl.
func (id identity) pems(t *testing.T) (key, cert, ca string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	der, err := x509.MarshalPKCS8PrivateKey(id.key.Signer)
	if err != nil {
		t.Fatal(err)
	}
	return write("key.pem", "PRIVATE KEY", der),
		write("cert.pem", "CERTIFICATE", id.key.Chain[0].Raw),
		write("ca.pem", "CERTIFICATE", id.ca.Raw)
}

// testFile is a file to pack or one that came out.
type testFile struct {
	Name, MimeType string
	Content        []byte
}

var someFiles = []testFile{
	{"søknad.json", "application/json", []byte(`{"fnr":"…"}`)},
	{"Vedlegg & <kart> \"1\".pdf", "application/pdf", bytes.Repeat([]byte("%PDF-1.7 "), 40_000)},
	{"tom.txt", "", nil},
}

func pack(t testing.TB, id identity, files []testFile) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := asice.NewWriter(&b, id.key, asice.WriterOptions{Time: signedAt})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := w.Add(f.Name, f.MimeType, bytes.NewReader(f.Content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// readAll reads in both ways, which must agree.
func readAll(t testing.TB, container []byte, opt asice.Options) (asice.Report, []testFile, error) {
	t.Helper()
	var files []testFile
	report, err := asice.Read(bytes.NewReader(container), opt, func(name string, content io.Reader) error {
		b, err := io.ReadAll(content)
		files = append(files, testFile{Name: name, Content: b})
		return err
	})
	c, errOpen := asice.Open(bytes.NewReader(container), int64(len(container)), opt)
	if (err == nil) != (errOpen == nil) || err != nil && err.Error() != errOpen.Error() {
		t.Fatalf("Read and Open disagree: %v; %v", err, errOpen)
	}
	if err != nil {
		return report, nil, err
	}
	for i, f := range c.Report.Files {
		r, err := c.Open(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b, files[i].Content) {
			t.Fatalf("%s: Open gives other content than Read", f.Name)
		}
		files[i].MimeType = f.MimeType
	}
	return report, files, nil
}

// rawEntry is an entry of a zip made by hand.
type rawEntry struct {
	name    string
	content string
	stored  bool // with sizes in front, as the mimetype should be
}

// rawZip makes a zip of anything, for what the Writer would never write.
func rawZip(t testing.TB, entries ...rawEntry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, 9) })
	for _, e := range entries {
		if e.stored {
			h := &zip.FileHeader{Name: e.name, CRC32: crcOf(e.content), CompressedSize64: uint64(len(e.content)), UncompressedSize64: uint64(len(e.content))}
			w, err := z.CreateRaw(h)
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(w, e.content)
			continue
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: e.name, Method: zip.Deflate})
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, e.content)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// unzip reads all entries with archive/zip.
func unzip(t testing.TB, b []byte) (entries []rawEntry) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, rawEntry{f.Name, string(content), f.Method == zip.Store})
	}
	return entries
}

// peer returns the path of a program that nobody here wrote.
func peer(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("KNUTEPUNKT_REQUIRE_PEERS") == "1" {
			t.Fatalf("%s is required: %v", name, err)
		}
		t.Skipf("%s is not installed", name)
	}
	return path
}

// run runs a peer and returns its standard output.
func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(peer(t, name), args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %v: %v\n%s%s", name, args, err, out.String(), errs.String())
	}
	return out.Bytes()
}

func writeFile(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
