// Package asice_test runs the ASiC-E parts of this module against the released
// Java libraries of KS: fiks-io-asice-handler (which Fiks IO's Java client
// uses), commons-asic and kryptering, fetched by Maven. See pom.xml.
package asice_test

import (
	"archive/zip"
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/asice"
	"knutepunkt/cms"
)

const (
	orgno    = "910825518"
	password = "hemmelig"
	alias    = "virksomhet"
)

var files = []struct {
	name    string
	content []byte
}{
	{"bekymringsmelding.json", []byte(`{"tekst":"blåbærsyltetøy"}`)},
	{"Vedlegg – æøå & co.pdf", bytes.Repeat([]byte("%PDF-1.7 lang tekst \x00\xff"), 150_000)},
	{"tom.txt", nil},
	{"skjema.xml", []byte("<a/>")},
}

// peer compiles the Java program once, and returns how to start it.
var peer = sync.OnceValues(func() (run func(args ...string) ([]byte, error), err error) {
	for _, program := range []string{"java", "mvn", "openssl"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, err
		}
	}
	if out, err := exec.Command("mvn", "-q", "-B", "compile").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mvn compile: %w\n%s", err, out)
	}
	return func(args ...string) ([]byte, error) {
		cmd := exec.Command("java", append([]string{"-Dfile.encoding=UTF-8", "-Dsun.jnu.encoding=UTF-8", "-Xmx256m",
			"-cp", "target/classes" + string(os.PathListSeparator) + "target/lib/*", "knutepunkt.interop.AsicePeer"}, args...)...)
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8") // else Java garbles file names
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("java %s: %w\n%s", args[0], err, errs.String())
		}
		return out.Bytes(), nil
	}, nil
})

// java runs the peer, and fails or skips the test if it is not there.
func java(t *testing.T, args ...string) ([]byte, error) {
	t.Helper()
	run, err := peer()
	if err != nil {
		if os.Getenv("KNUTEPUNKT_REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return run(args...)
}

func mustJava(t *testing.T, args ...string) string {
	t.Helper()
	out, err := java(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func openssl(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("openssl", args...).CombinedOutput(); err != nil {
		t.Fatalf("openssl %v: %v\n%s", args, err, out)
	}
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// party is an organisation with key, certificate and PKCS #12 store in files.
type party struct {
	asice.Key
	private                crypto.Decrypter // nil if it is for signing only
	keyPEM, certPEM, store string
}

func newParty(t *testing.T, key crypto.Signer) party {
	t.Helper()
	if _, err := java(t, "read"); err == nil { // skips before openssl is needed
		t.Fatal("the peer takes no arguments")
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "PRØVE KOMMUNE", SerialNumber: orgno},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	p := party{
		Key:     asice.Key{Signer: key, Chain: []*x509.Certificate{certificate}},
		keyPEM:  write(t, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})),
		certPEM: write(t, "cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		private: decrypter(key),
		store:   filepath.Join(t.TempDir(), "store.p12"),
	}
	openssl(t, "pkcs12", "-export", "-in", p.certPEM, "-inkey", p.keyPEM, "-name", alias, "-passout", "pass:"+password, "-out", p.store)
	return p
}

func decrypter(key crypto.Signer) crypto.Decrypter {
	d, _ := key.(crypto.Decrypter)
	return d
}

func rsaParty(t *testing.T) party {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return newParty(t, key)
}

// onDisk writes the files for Java to pack.
func onDisk(t *testing.T) (paths []string) {
	t.Helper()
	for _, f := range files {
		paths = append(paths, write(t, f.name, f.content))
	}
	return paths
}

// pack writes the files as a container to w.
func pack(t *testing.T, w io.Writer, key asice.Key) {
	t.Helper()
	aw, err := asice.NewWriter(w, key, asice.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := aw.Add(f.name, "", bytes.NewReader(f.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := aw.Close(); err != nil {
		t.Fatal(err)
	}
}

// checkDirectory compares what Java wrote with what was packed.
func checkDirectory(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(files) {
		t.Errorf("%d files came out of %d", len(entries), len(files))
	}
	for _, f := range files {
		got, err := os.ReadFile(filepath.Join(dir, f.name))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, f.content) {
			t.Errorf("%s differs", f.name)
		}
	}
}

// checkContainer reads a container that Java made.
func checkContainer(t *testing.T, container io.Reader) {
	t.Helper()
	i := 0
	report, err := asice.Read(container, asice.Options{Strict: true}, func(name string, content io.Reader) error {
		b, err := io.ReadAll(content)
		if i < len(files) && (name != files[i].name || !bytes.Equal(b, files[i].content)) {
			t.Errorf("%s differs", files[i].name)
		}
		i++
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if i != len(files) {
		t.Errorf("%d files came out of %d", i, len(files))
	}
	signer, ok := report.Signer()
	if !ok || signer.Organisasjonsnummer() != orgno || signer.Digest != crypto.SHA1 {
		t.Errorf("signer: %+v", signer)
	}
}

// TestJavaDecryptsAndUnpacks: ours, packed and encrypted in one stream, through
// the handler that Fiks IO's Java client uses on everything it receives.
func TestJavaDecryptsAndUnpacks(t *testing.T) {
	t.Parallel()
	sender, receiver := rsaParty(t), rsaParty(t)
	var message bytes.Buffer
	w, err := cms.NewWriter(&message, receiver.Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	pack(t, w, sender.Key)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	mustJava(t, "unpack", write(t, "cipher", message.Bytes()), receiver.store, password, alias, receiver.keyPEM, dir)
	checkDirectory(t, dir)
}

// TestJavaPacksAndEncrypts: theirs, decrypted and read in one stream.
func TestJavaPacksAndEncrypts(t *testing.T) {
	t.Parallel()
	sender, receiver := rsaParty(t), rsaParty(t)
	path := filepath.Join(t.TempDir(), "out")
	mustJava(t, append([]string{"pack", path, sender.store, password, alias, receiver.certPEM}, onDisk(t)...)...)
	message, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer message.Close()
	r, err := cms.NewReader(message, cms.Key{Private: receiver.private})
	if err != nil {
		t.Fatal(err)
	}
	checkContainer(t, r)
}

// TestJavaReads: ours, in the clear, signed with RSA and with ECDSA.
func TestJavaReads(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]party{"RSA": rsaParty(t), "ECDSA": newParty(t, ec)} {
		var container bytes.Buffer
		pack(t, &container, p.Key)
		dir := t.TempDir()
		out := mustJava(t, "read", write(t, "c.asice", container.Bytes()), dir)
		checkDirectory(t, dir)
		var want []string
		want = append(want, "root "+files[0].name)
		for _, f := range files {
			want = append(want, fmt.Sprintf("verified %x %s", sha256.Sum256(f.content), f.name))
		}
		want = append(want, "certificates 1")
		if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(out), "\n")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestJavaWrites: theirs, in the clear.
func TestJavaWrites(t *testing.T) {
	t.Parallel()
	sender := rsaParty(t)
	out := filepath.Join(t.TempDir(), "out.asice")
	mustJava(t, append([]string{"plain", out, sender.store, password, alias}, onDisk(t)...)...)
	container, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	checkContainer(t, bytes.NewReader(container))
}

// TestBothRefuse: a sound archive with one file exchanged is refused on both
// sides.
func TestBothRefuse(t *testing.T) {
	t.Parallel()
	var container, changed bytes.Buffer
	pack(t, &container, rsaParty(t).Key)
	in, err := zip.NewReader(bytes.NewReader(container.Bytes()), int64(container.Len()))
	if err != nil {
		t.Fatal(err)
	}
	out := zip.NewWriter(&changed)
	for _, f := range in.File {
		if f.Name != files[0].name {
			if err := out.Copy(f); err != nil {
				t.Fatal(err)
			}
			continue
		}
		w, err := out.Create(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, `{"tekst":"noe annet"}`)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := java(t, "read", write(t, "c.asice", changed.Bytes()), "-"); err == nil || !strings.Contains(err.Error(), "Mismatching digest") {
		t.Errorf("Java: %v", err)
	}
	if _, err := asice.Read(&changed, asice.Options{}, nil); !errors.Is(err, asice.ErrDigest) {
		t.Errorf("we: %v", err)
	}
}
