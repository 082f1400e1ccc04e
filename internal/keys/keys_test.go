package keys_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

var (
	master = bytes.Repeat([]byte{7}, keys.MasterSize)
	start  = time.Date(2026, 6, 10, 8, 0, 0, 0, time.UTC)
)

type bench struct {
	dir  string
	db   *store.DB
	k    *klokke.Manuell
	ring *keys.Ring
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{dir: t.TempDir(), k: klokke.NyManuell(start)}
	var err error
	if b.db, err = store.Open(context.Background(), filepath.Join(b.dir, "a.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.db.Close() })
	if err := b.db.Migrate(t.Context(), keys.Migrations()); err != nil {
		t.Fatal(err)
	}
	b.reopen(t)
	return b
}

// reopen loads the ring anew, as after a restart.
func (b *bench) reopen(t testing.TB) {
	t.Helper()
	var err error
	if b.ring, err = keys.OpenRing(t.Context(), b.db, b.k, master); err != nil {
		t.Fatal(err)
	}
}

func seal(t testing.TB, r *keys.Ring, context, plain string) []byte {
	t.Helper()
	sealed, err := r.Seal(context, []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestSealOpen(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, plain := range []string{"", "x", "29820399118", strings.Repeat("lang ", 100_000)} {
		sealed := seal(t, b.ring, "a:1", plain)
		if len(plain) > 8 && bytes.Contains(sealed, []byte(plain)) {
			t.Error("it can be read")
		}
		if bytes.Equal(sealed, seal(t, b.ring, "a:1", plain)) {
			t.Error("the same text gives the same bytes")
		}
		if got, err := b.ring.Open("a:1", sealed); err != nil || string(got) != plain {
			t.Errorf("got %d bytes, %v", len(got), err)
		}
		if _, err := b.ring.Open("a:2", sealed); err == nil {
			t.Error("it opens in another place")
		}
		for _, i := range []int{0, 5, len(sealed) / 2, len(sealed) - 1} {
			bad := bytes.Clone(sealed)
			bad[i] ^= 1
			if _, err := b.ring.Open("a:1", bad); err == nil {
				t.Errorf("it opens with byte %d changed", i)
			}
		}
		if _, err := b.ring.Open("a:1", sealed[:len(sealed)-1]); err == nil {
			t.Error("it opens cut short")
		}
	}
	if _, err := b.ring.Open("a:1", nil); err == nil {
		t.Error("nothing opens")
	}
}

func TestRotate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	lookup := b.ring.Lookup("fnr", "29820399118")
	var sealed [][]byte
	for range 3 {
		sealed = append(sealed, seal(t, b.ring, "c", "x"))
		if err := b.ring.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	sealed = append(sealed, seal(t, b.ring, "c", "x"))
	for i := range sealed { // tink's prefix is the id of the key
		for j := range i {
			if bytes.Equal(sealed[i][:5], sealed[j][:5]) {
				t.Errorf("%d and %d are sealed with the same key", i, j)
			}
		}
	}
	for _, restart := range []bool{false, true} {
		if restart {
			b.reopen(t)
		}
		for i, s := range sealed {
			if got, err := b.ring.Open("c", s); err != nil || string(got) != "x" {
				t.Errorf("restart %v: %d: got %q, %v", restart, i, got, err)
			}
		}
		if b.ring.Lookup("fnr", "29820399118") != lookup {
			t.Errorf("restart %v: the look-up changed", restart)
		}
	}
	list, err := b.ring.List(t.Context())
	if err != nil || len(list) != 4 || !list[0].Gjeldende || list[1].Gjeldende || list[0].Formaal != "data" {
		t.Errorf("the list: %+v, %v", list, err)
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	r := newBench(t).ring
	seen := map[string]string{}
	for _, c := range [][2]string{{"fnr", "1"}, {"fnr", "2"}, {"fn", "r1"}, {"", "fnr1"}, {"fnr1", ""}, {"orgnr", "1"}} {
		got := r.Lookup(c[0], c[1])
		if got != r.Lookup(c[0], c[1]) || len(got) != 43 {
			t.Errorf("%v: got %q", c, got)
		}
		if other, ok := seen[got]; ok {
			t.Errorf("%v is the same as %s", c, other)
		}
		seen[got] = c[0] + "/" + c[1]
	}
	if newBench(t).ring.Lookup("fnr", "1") == r.Lookup("fnr", "1") {
		t.Error("another installation has the same look-up, with the same master key")
	}
}

func TestWrongMaster(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if _, err := keys.OpenRing(t.Context(), b.db, b.k, make([]byte, keys.MasterSize)); err == nil || !strings.Contains(err.Error(), "another master key") {
		t.Errorf("got %v", err)
	}
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := keys.OpenRing(t.Context(), b.db, b.k, make([]byte, n)); err == nil {
			t.Errorf("%d bytes: no error", n)
		}
	}
}

func TestMasterFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "master.key")
	one, err := keys.LoadOrCreateMaster(file)
	if err != nil || len(one) != keys.MasterSize {
		t.Fatalf("%d bytes, %v", len(one), err)
	}
	two, err := keys.LoadOrCreateMaster(file)
	if err != nil || !bytes.Equal(one, two) {
		t.Errorf("the second time: %d bytes, %v", len(two), err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(file, one[:10], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.LoadOrCreateMaster(file); err == nil {
		t.Error("a short file: no error")
	}
	if other, err := keys.LoadOrCreateMaster(filepath.Join(t.TempDir(), "b")); err != nil || bytes.Equal(one, other) {
		t.Errorf("another file has the same key, or %v", err)
	}
}

func TestPlatform(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var all sync.WaitGroup
	got := make([][]keys.Platformnokkel, 4)
	for i := range got { // at once: one key is made
		all.Go(func() {
			var err error
			if got[i], err = b.ring.Platform(t.Context(), keys.Dokumentlager); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, g := range got {
		if len(g) != 1 || g[0].ID != got[0][0].ID {
			t.Fatalf("not one key: %v", got)
		}
	}
	first := got[0][0]
	c := first.Certificate
	if first.Key.N.BitLen() != 3072 || c.SignatureAlgorithm != x509.SHA256WithRSA || c.Subject.CommonName != "Knutepunkt Dokumentlager" ||
		c.KeyUsage != x509.KeyUsageKeyEncipherment || !c.NotBefore.Equal(start) || !c.NotAfter.Equal(start.AddDate(10, 0, 0)) || c.IsCA {
		t.Errorf("the certificate: %+v", c)
	}
	second, err := b.ring.RotatePlatform(t.Context(), keys.Dokumentlager)
	if err != nil {
		t.Fatal(err)
	}
	third, err := b.ring.RotatePlatform(t.Context(), keys.Dokumentlager)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{third.ID, second.ID}
	check := func(when string) {
		t.Helper()
		ks, err := b.ring.Platform(t.Context(), keys.Dokumentlager)
		if err != nil || len(ks) != 2 || ks[0].ID != want[0] || ks[1].ID != want[1] || !ks[0].Key.Equal(third.Key) {
			t.Errorf("%s: got %d keys, %v", when, len(ks), err)
		}
	}
	check("after two rotations")
	b.reopen(t)
	check("after a restart")

	s, err := b.ring.Platform(t.Context(), keys.Signering)
	if err != nil || len(s) != 1 || s[0].Key.Equal(third.Key) || s[0].Certificate.KeyUsage != x509.KeyUsageDigitalSignature {
		t.Errorf("for signing: %d keys, %v", len(s), err)
	}
	b.k.Sett(start.AddDate(10, 0, 1))
	ks, err := b.ring.Platform(t.Context(), keys.Dokumentlager)
	if err != nil || len(ks) != 1 || ks[0].ID == third.ID {
		t.Errorf("when all have expired: %d keys, %v", len(ks), err)
	}
	if _, err := b.ring.Platform(t.Context(), "annet"); err == nil {
		t.Error("an unknown purpose: no error")
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	key, cert, err := keys.NyPlattformnokkel(b.k, keys.Dokumentlager)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.ring.ImportPlatform(t.Context(), keys.Dokumentlager, key, cert); err != nil {
		t.Fatal(err)
	}
	ks, err := b.ring.Platform(t.Context(), keys.Dokumentlager)
	if err != nil || len(ks) != 1 || !ks[0].Key.Equal(key) || !ks[0].Certificate.Equal(cert) {
		t.Errorf("got %d keys, %v", len(ks), err)
	}
	other, _, err := keys.NyPlattformnokkel(b.k, keys.Dokumentlager)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.ring.ImportPlatform(t.Context(), keys.Dokumentlager, other, cert); err == nil {
		t.Error("a certificate of another key: no error")
	}
	list, err := b.ring.List(t.Context())
	if err != nil || len(list) != 2 || list[1].Formaal != "dokumentlager" || !list[1].Gjeldende || !list[1].Utloper.Equal(cert.NotAfter) {
		t.Errorf("the list: %+v, %v", list, err)
	}
}

// OpenSSL reads the certificate, finds it self-signed, and encrypts to it.
func TestOpenSSL(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("KNUTEPUNKT_REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip("no openssl here")
	}
	k := klokke.System{}
	key, cert, err := keys.NyPlattformnokkel(k, keys.Dokumentlager)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cert.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(stdin string, args ...string) []byte {
		t.Helper()
		cmd := exec.Command(openssl, args...)
		cmd.Stdin = strings.NewReader(stdin)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Run(); err != nil {
			t.Fatalf("openssl %v: %v\n%s", args, err, &errs)
		}
		return out.Bytes()
	}
	if out := run("", "verify", "-check_ss_sig", "-CAfile", file, file); !bytes.Contains(out, []byte("OK")) {
		t.Errorf("verify: %s", out)
	}
	text := string(run("", "x509", "-in", file, "-noout", "-text"))
	for _, want := range []string{"sha256WithRSAEncryption", "Public-Key: (3072 bit)", "Key Encipherment", "CN = Knutepunkt Dokumentlager"} {
		if !strings.Contains(text, want) && !strings.Contains(strings.ReplaceAll(text, "CN=", "CN = "), want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	sealed := run("hemmelig", "pkeyutl", "-encrypt", "-certin", "-inkey", file, "-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256")
	got, err := key.Decrypt(nil, sealed, &rsa.OAEPOptions{Hash: crypto.SHA256})
	if err != nil || string(got) != "hemmelig" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestNothingReadable(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	key, cert, err := keys.NyPlattformnokkel(b.k, keys.Dokumentlager)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.ring.ImportPlatform(t.Context(), keys.Dokumentlager, key, cert); err != nil {
		t.Fatal(err)
	}
	if err := b.db.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(b.dir, "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(content, cert.Raw[:64]) {
		t.Error("the certificate is not found: this test looks in the wrong place")
	}
	for name, secret := range map[string][]byte{"prime": key.Primes[0].Bytes(), "exponent": key.D.Bytes(), "master key": master} {
		if bytes.Contains(content, secret[:32]) {
			t.Errorf("the %s is readable", name)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	r := newBench(b).ring
	plain := make([]byte, 200)
	for b.Loop() {
		if _, err := r.Seal("digisos.sak.soker:0b8e7d0e-6f0c-4b53-8f2c-9a1d0f0c0b0a", plain); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	r := newBench(b).ring
	for b.Loop() {
		r.Lookup("fnr", "29820399118")
	}
}
