package cms_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"knutepunkt/cms"
)

// requirePeer skips the test if a program is absent, unless peers are required.
func requirePeer(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("KNUTEPUNKT_REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// writeFile writes a file for OpenSSL and returns its name.
func writeFile(t *testing.T, dir, name string, contents []byte) string {
	t.Helper()
	name = filepath.Join(dir, name)
	if err := os.WriteFile(name, contents, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// pemFiles writes the certificate and the key of p.
func pemFiles(t *testing.T, dir string, p party) (cert, key string) {
	t.Helper()
	pkcs8, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("%x", p.cert.SerialNumber)
	return writeFile(t, dir, name+".cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.cert.Raw})),
		writeFile(t, dir, name+".key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

func openssl(t *testing.T, args ...string) []byte {
	t.Helper()
	var stdout, stderr bytes.Buffer
	command := exec.Command("openssl", args...)
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		t.Fatalf("openssl %v: %v\n%s", args, err, stderr.Bytes())
	}
	return stdout.Bytes()
}

func TestOpenSSLReadsOurs(t *testing.T) {
	t.Parallel()
	requirePeer(t, "openssl")
	dir := t.TempDir()
	p := kommune()
	cert, key := pemFiles(t, dir, p)
	_, otherKey := pemFiles(t, dir, large())
	for name, o := range map[string]cms.Options{"profile": {}, "AES-128": {KeySize: 16}, "AES-192": {KeySize: 24}, ".NET": {PKCS1v15First: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, size := range sizes {
				plain := noise(size)
				in := writeFile(t, dir, "cms", encrypt(t, o, plain, large(), p))
				for _, recip := range [][]string{nil, {"-recip", cert}} {
					got := openssl(t, append([]string{"cms", "-decrypt", "-binary", "-inform", "DER", "-in", in, "-inkey", key}, recip...)...)
					if !bytes.Equal(got, plain) {
						t.Errorf("%d bytes: OpenSSL got %d other bytes", size, len(got))
					}
				}
				if got := openssl(t, "cms", "-decrypt", "-binary", "-inform", "DER", "-in", in, "-inkey", otherKey); !bytes.Equal(got, plain) {
					t.Errorf("%d bytes, first recipient: OpenSSL got %d other bytes", size, len(got))
				}
			}
		})
	}
}

func TestWeReadOpenSSLs(t *testing.T) {
	t.Parallel()
	requirePeer(t, "openssl")
	p, other := kommune(), large()
	oaep := func(hash, mgf string) []string {
		return []string{"-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:" + hash, "-keyopt", "rsa_mgf1_md:" + mgf}
	}
	type args = []string
	dir := t.TempDir()
	cert, _ := pemFiles(t, dir, p)
	otherCert, _ := pemFiles(t, dir, other)
	profile := append(args{"-aes-256-cbc", "-recip", cert}, oaep("sha256", "sha256")...)
	for name, tc := range map[string]args{
		"definite DER":        profile,
		"stream":              append(args{"-stream"}, profile...),
		"stream, PKCS#1":      {"-stream", "-aes-256-cbc", "-recip", cert},
		"SKI":                 append(args{"-keyid"}, profile...),
		"OAEP with defaults":  {"-aes-256-cbc", "-recip", cert, "-keyopt", "rsa_padding_mode:oaep"},
		"OAEP SHA-1":          append(args{"-aes-256-cbc", "-recip", cert}, oaep("sha1", "sha1")...),
		"OAEP SHA-256, SHA-1": append(args{"-aes-256-cbc", "-recip", cert}, oaep("sha256", "sha1")...),
		"OAEP SHA-1, SHA-512": append(args{"-aes-256-cbc", "-recip", cert}, oaep("sha1", "sha512")...),
		"OAEP SHA-384":        append(args{"-aes-256-cbc", "-recip", cert}, oaep("sha384", "sha384")...),
		"OAEP SHA-512":        append(args{"-aes-256-cbc", "-recip", cert}, oaep("sha512", "sha512")...),
		"OAEP with a label":   append(append(args{"-aes-256-cbc", "-recip", cert}, oaep("sha256", "sha256")...), "-keyopt", "rsa_oaep_label:c0ffee"),
		"PKCS#1":              {"-aes-256-cbc", "-recip", cert},
		".NET":                append(append(args{}, profile...), "-recip", cert),
		".NET, stream":        append(append(args{"-stream"}, profile...), "-recip", cert),
		"two recipients":      {"-aes-256-cbc", "-recip", otherCert, "-recip", cert},
		"AES-128":             {"-stream", "-aes-128-cbc", "-recip", cert},
		"AES-192":             {"-aes-192-cbc", "-recip", cert},
		"GCM":                 {"-aes-256-gcm", "-recip", cert},
		"GCM-128":             {"-aes-128-gcm", "-recip", cert},
		"GCM-192, OAEP SHA-1": append(args{"-aes-192-gcm", "-recip", cert}, oaep("sha1", "sha1")...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, size := range sizes {
				plain := noise(size)
				in := writeFile(t, dir, "plain", plain)
				message := openssl(t, append(args{"cms", "-encrypt", "-binary", "-outform", "DER", "-in", in}, tc...)...)
				for _, keys := range [][]cms.Key{{p.named()}, {kommuneOld().anonymous(), p.anonymous()}, {kommuneOld().named(), other.anonymous(), p.named()}} {
					if name == "two recipients" && len(keys) == 2 {
						keys = append(keys, other.anonymous())
					}
					got, err := decrypt(message, keys...)
					if err != nil || !bytes.Equal(got, plain) {
						t.Errorf("%d bytes, %d keys: got %d bytes, %v", size, len(keys), len(got), err)
					}
				}
			}
		})
	}
	t.Run("triple-DES", func(t *testing.T) {
		t.Parallel()
		in := writeFile(t, t.TempDir(), "plain", noise(100))
		message := openssl(t, "cms", "-encrypt", "-binary", "-outform", "DER", "-in", in, "-des3", "-recip", cert)
		if _, err := decrypt(message, p.named()); !errors.Is(err, cms.ErrUnsupported) {
			t.Errorf("got %v, want ErrUnsupported", err)
		}
	})
	t.Run("password recipient", func(t *testing.T) {
		t.Parallel()
		in := writeFile(t, t.TempDir(), "plain", noise(100))
		message := openssl(t, "cms", "-encrypt", "-binary", "-outform", "DER", "-in", in, "-aes-256-cbc", "-pwri_password", "hemmelig", "-recip", cert)
		h, err := cms.Inspect(bytes.NewReader(message))
		if err != nil || h.OtherRecipients != 1 || len(h.Recipients) != 1 {
			t.Errorf("got %+v, %v", h, err)
		}
		mustDecrypt(t, message, noise(100), p.named())
	})
}

// TestOpenSSLDescribesOurs: OpenSSL's own parser agrees on what is where.
func TestOpenSSLDescribesOurs(t *testing.T) {
	t.Parallel()
	requirePeer(t, "openssl")
	in := writeFile(t, t.TempDir(), "cms", encrypt(t, cms.Options{}, noise(5000), kommune()))
	text := openssl(t, "cms", "-cmsout", "-print", "-inform", "DER", "-in", in)
	for _, want := range []string{"pkcs7-envelopedData", "rsaesOaep", "aes-256-cbc", "originatorInfo: <ABSENT>"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("OpenSSL does not tell %q", want)
		}
	}
}
