// Package kryptering lets KS's released Java library, and the Bouncy Castle under
// it, judge package cms. The Java program in this folder is built with Maven when
// the test runs; nothing of it is part of Knutepunkt.
package kryptering

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"knutepunkt/cms"
)

var sizes = []int{0, 1, 15, 16, 999, 1000, 1001, 65535, 65536, 128_000, 5 << 20}

// requirePeer skips the test if a program is absent, unless peers are required.
func requirePeer(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("KNUTEPUNKT_REQUIRE_PEERS") == "1" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
}

// peer is the running Java program, with the key pair that it and we use.
type peer struct {
	t       *testing.T
	in      io.Writer
	out     *bufio.Scanner
	dir     string
	key     *rsa.PrivateKey
	cert    *x509.Certificate
	counter int
}

func start(t *testing.T) *peer {
	t.Helper()
	requirePeer(t, "java", "mvn")
	build := exec.Command("mvn", "-q", "-B", "compile", "dependency:build-classpath")
	if out, err := build.CombinedOutput(); err != nil {
		offline := regexp.MustCompile(`Could not (resolve|transfer|find artifact)|ResolutionException`).Match(out)
		if offline && os.Getenv("KNUTEPUNKT_REQUIRE_PEERS") != "1" {
			t.Skipf("the jar cannot be had: %s", out)
		}
		t.Fatalf("mvn: %v\n%s", err, out)
	}
	classpath, err := os.ReadFile("target/classpath")
	if err != nil {
		t.Fatal(err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ski := sha1.Sum(x509.MarshalPKCS1PublicKey(&key.PublicKey))
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(ski[:12]),
		Subject:      pkix.Name{Country: []string{"NO"}, Organization: []string{"Ås kommune"}, SerialNumber: "999999999"},
		NotBefore:    time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC),
		SubjectKeyId: ski[:],
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, dir: t.TempDir(), key: key}
	if p.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	program := exec.Command("java", "-cp", "target/classes"+string(os.PathListSeparator)+strings.TrimSpace(string(classpath)),
		"Kryptering", p.file(der), p.file(pkcs8))
	program.Stderr = os.Stderr
	stdin, err := program.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.in, p.out = stdin, bufio.NewScanner(stdout)
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := program.Wait(); err != nil {
			t.Errorf("java: %v", err)
		}
	})
	return p
}

// file writes a file and returns its name.
func (p *peer) file(contents []byte) string {
	p.t.Helper()
	p.counter++
	name := filepath.Join(p.dir, fmt.Sprint(p.counter))
	if err := os.WriteFile(name, contents, 0o600); err != nil {
		p.t.Fatal(err)
	}
	return name
}

// do has the Java program carry out a command.
func (p *peer) do(command string, input []byte) ([]byte, error) {
	p.t.Helper()
	in := p.file(input)
	fmt.Fprintf(p.in, "%s\t%s\t%s.out\n", command, in, in)
	if !p.out.Scan() {
		p.t.Fatalf("java ended: %v", p.out.Err())
	}
	if answer := p.out.Text(); answer != "ok" {
		return nil, fmt.Errorf("%s: %s", command, answer)
	}
	return os.ReadFile(in + ".out")
}

func encrypt(t *testing.T, options cms.Options, plain []byte, certs ...*x509.Certificate) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := options.NewWriter(&out, certs...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func decrypt(message []byte, keys ...cms.Key) ([]byte, error) {
	r, err := cms.NewReader(bytes.NewReader(message), keys...)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func random(n int) []byte {
	p := make([]byte, n)
	mathrand.NewChaCha8([32]byte{byte(n)}).Read(p)
	return p
}

func TestKryptering(t *testing.T) {
	p := start(t)
	t.Run("both directions", func(t *testing.T) { bothDirections(t, p) })
	t.Run("same structure", func(t *testing.T) { sameStructure(t, p) })
	t.Run("wrong key", func(t *testing.T) { wrongKey(t, p) })
}

// bothDirections holds that what the jar and Bouncy Castle encrypt is what we
// decrypt, and that the jar decrypts what we encrypt.
func bothDirections(t *testing.T, p *peer) {
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string][]cms.Key{
		"with certificate":    {{Private: p.key, Certificate: p.cert}},
		"without certificate": {{Private: other}, {Private: p.key}},
	}

	for _, command := range []string{"encrypt", "encrypt-stream", "encrypt-array", "bc-dotnet", "bc-ski", "bc-aes128-sha1", "bc-aes192-sha512-sha1", "bc-aes256-sha384", "bc-gcm"} {
		for _, size := range sizes {
			plain := random(size)
			message, err := p.do(command, plain)
			if err != nil {
				t.Errorf("%d bytes: %v", size, err)
				continue
			}
			for with, keys := range keys {
				got, err := decrypt(message, keys...)
				if err != nil || !bytes.Equal(got, plain) {
					t.Errorf("%s of %d bytes, read %s: got %d bytes, %v", command, size, with, len(got), err)
				}
			}
		}
	}

	for name, options := range map[string]cms.Options{"profile": {}, ".NET shape": {PKCS1v15First: true}, "AES-128": {KeySize: 16}, "AES-192": {KeySize: 24}} {
		for _, size := range sizes {
			plain := random(size)
			for _, command := range []string{"decrypt", "decrypt-array"} {
				got, err := p.do(command, encrypt(t, options, plain, p.cert))
				if err != nil || !bytes.Equal(got, plain) {
					t.Errorf("%s, %d bytes: the jar's %s got %d bytes, %v", name, size, command, len(got), err)
				}
			}
		}
	}
}

// sameStructure holds that our messages are those of the Java library, byte for
// byte, but for key, IV and ciphertext.
func sameStructure(t *testing.T, p *peer) {
	for _, size := range sizes {
		plain := random(size)
		java, err := p.do("encrypt", plain)
		if err != nil {
			t.Fatal(err)
		}
		ours := encrypt(t, cms.Options{}, plain, p.cert)
		if !bytes.Equal(skeleton(t, java, p.cert), skeleton(t, ours, p.cert)) {
			t.Errorf("%d bytes: Java's message has another structure than ours", size)
		}
	}
	dotnet, err := p.do("bc-dotnet", random(5000))
	if err != nil {
		t.Fatal(err)
	}
	ours := encrypt(t, cms.Options{PKCS1v15First: true}, random(5000), p.cert)
	if !bytes.Equal(skeleton(t, dotnet, p.cert), skeleton(t, ours, p.cert)) {
		t.Error(".NET shape: Bouncy Castle's message has another structure than ours")
	}
}

// skeleton blanks the contents of every OCTET STRING of a message: encrypted keys,
// IV and content. It walks over the elements by their lengths; indefinite ones and
// the other constructed ones are stepped into.
func skeleton(t *testing.T, message []byte, cert *x509.Certificate) []byte {
	t.Helper()
	out := bytes.Clone(message)
	for i := 0; i < len(out); {
		tag, n, start := out[i], int(out[i+1]), i+2
		switch {
		case n == 0x80:
			n = 0
		case n > 0x80:
			size := n & 0x7f
			n = 0
			for _, b := range out[start : start+size] {
				n = n<<8 | int(b)
			}
			start += size
		}
		if tag&0x20 != 0 {
			i = start // into it
			continue
		}
		if tag == 0x04 {
			clear(out[start : start+n])
		}
		i = start + n
	}
	if !bytes.Contains(out, cert.RawIssuer) {
		t.Fatal("the message does not name the issuer")
	}
	return out
}

// wrongKey holds that the jar and we agree on messages for somebody else.
func wrongKey(t *testing.T, p *peer) {
	message, err := p.do("encrypt", random(100))
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decrypt(message, cms.Key{Private: other}); err != cms.ErrDecrypt {
		t.Errorf("our error is %v, want ErrDecrypt", err)
	}
	cert := *p.cert
	cert.PublicKey = &other.PublicKey
	if _, err := p.do("decrypt", encrypt(t, cms.Options{}, random(100), &cert)); err == nil {
		t.Error("the jar decrypted a message for another key")
	}
}
