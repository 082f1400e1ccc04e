package cms_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"knutepunkt/cms"

	"github.com/google/go-cmp/cmp"
)

// sizes are around the edges of blocks, chunks and buffers.
var sizes = []int{0, 1, 15, 16, 17, 983, 984, 999, 1000, 1001, 2000, 65535, 65536, 65537, 127983, 127984, 127999, 128000, 128001, 5 << 20}

func TestWriterStructureIsJavas(t *testing.T) {
	t.Parallel()
	to := kommune()
	serial, err := asn1.Marshal(to.cert.SerialNumber)
	if err != nil {
		t.Fatal(err)
	}
	issuerAndSerial := tlv(false, 0x30, to.cert.RawIssuer, serial)
	der := func(tag byte, parts ...[]byte) []byte { // minimal lengths
		raw := bytes.Join(parts, nil)
		out, err := asn1.Marshal(asn1.RawValue{Class: int(tag >> 6), IsCompound: tag&0x20 != 0, Tag: int(tag & 0x1f), Bytes: raw})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	oaep := unhex(`30 3C 06 09 2A864886F70D010107
		30 2F A0 0F 30 0D 06 09 608648016503040201 05 00
		      A1 1C 30 1A 06 09 2A864886F70D010108 30 0D 06 09 608648016503040201 05 00`)

	for _, size := range []int{0, 15, 16, 983, 984, 1000, 2500} {
		got := encrypt(t, cms.Options{}, noise(size), to)
		hole := func(n int) []byte { return make([]byte, n) }
		var chunks []byte
		for left := size/16*16 + 16; left > 0; left -= 1000 {
			chunks = append(chunks, der(0x04, hole(min(left, 1000)))...)
		}
		want := bytes.Join([][]byte{
			unhex("30 80 06 09 2A864886F70D010703 A0 80 30 80 02 01 00"),
			der(0x31, der(0x30, unhex("02 01 00"), issuerAndSerial, oaep, der(0x04, hole(256)))),
			unhex("30 80 06 09 2A864886F70D010701 30 1D 06 09 60864801650304012A 04 10"), hole(16),
			unhex("A0 80"), chunks, hole(10),
		}, nil)
		if len(got) != len(want) {
			t.Fatalf("size %d: message of %d bytes, want %d", size, len(got), len(want))
		}
		for i := range want { // what is 0 in want is random, or a 0 that the next line checks
			if want[i] != 0 && got[i] != want[i] {
				t.Fatalf("size %d: byte %d is %#02x, want %#02x", size, i, got[i], want[i])
			}
		}
		if !bytes.Equal(got[len(got)-10:], hole(10)) {
			t.Errorf("size %d: ends with %x, want five end-of-contents", size, got[len(got)-10:])
		}
		mustDecrypt(t, got, noise(size), to.named())
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	to := kommune()
	for _, size := range sizes {
		plain := noise(size)
		mustDecrypt(t, encrypt(t, cms.Options{}, plain, to), plain, to.named())

		var viaCopy, got bytes.Buffer
		w, err := cms.NewWriter(&viaCopy, to.cert)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := w.ReadFrom(iotest.HalfReader(bytes.NewReader(plain))); n != int64(size) || err != nil {
			t.Fatalf("ReadFrom gave %d, %v, want %d", n, err, size)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		r, err := cms.NewReader(iotest.HalfReader(&viaCopy), to.anonymous())
		if err != nil {
			t.Fatal(err)
		}
		if n, err := r.WriteTo(&got); n != int64(size) || err != nil {
			t.Fatalf("WriteTo gave %d, %v, want %d", n, err, size)
		}
		if !bytes.Equal(got.Bytes(), plain) {
			t.Errorf("size %d: other bytes came back", size)
		}
	}
}

func TestEveryMessageHasItsOwnKey(t *testing.T) {
	t.Parallel()
	a, b := encrypt(t, cms.Options{}, noise(1000), kommune()), encrypt(t, cms.Options{}, noise(1000), kommune())
	if bytes.Equal(a[len(a)-500:], b[len(b)-500:]) {
		t.Error("two messages have the same ciphertext")
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for keySize, name := range map[int]string{0: "AES-256-CBC", 16: "AES-128-CBC", 24: "AES-192-CBC", 32: "AES-256-CBC"} {
		message := encrypt(t, cms.Options{KeySize: keySize}, noise(100), kommune(), large())
		h, err := cms.Inspect(bytes.NewReader(message))
		if err != nil || h.ContentAlgorithm != name {
			t.Errorf("key of %d bytes: %q, %v, want %s", keySize, h.ContentAlgorithm, err, name)
		}
		mustDecrypt(t, message, noise(100), large().named())
		mustDecrypt(t, message, noise(100), kommune().named())
	}
	if _, err := (cms.Options{KeySize: 20}).NewWriter(io.Discard, kommune().cert); err == nil {
		t.Error("a key of 20 bytes was accepted")
	}

	h, err := cms.Inspect(bytes.NewReader(encrypt(t, cms.Options{PKCS1v15First: true}, nil, kommune())))
	if err != nil {
		t.Fatal(err)
	}
	var algorithms []string
	for _, rec := range h.Recipients {
		algorithms = append(algorithms, rec.KeyAlgorithm)
	}
	if diff := cmp.Diff([]string{"RSAES-PKCS1-v1_5", "RSAES-OAEP(SHA-256, MGF1 SHA-256)"}, algorithms); diff != "" {
		t.Errorf("recipients (-want +got):\n%s", diff)
	}
}

func TestUnsuitableRecipients(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	small := newParty(1024, "Liten")
	for name, tc := range map[string]struct {
		certs []*x509.Certificate
		want  string
	}{
		"none":         {nil, "no recipients"},
		"EC":           {[]*x509.Certificate{kommune().cert, {SerialNumber: kommune().cert.SerialNumber, PublicKey: &ec.PublicKey, PublicKeyAlgorithm: x509.ECDSA}}, "recipient 2: certificate"},
		"RSA too weak": {[]*x509.Certificate{small.cert}, "1024 bits"},
	} {
		var out bytes.Buffer
		if _, err := cms.NewWriter(&out, tc.certs...); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, tc.want)
		}
		if out.Len() > 0 {
			t.Errorf("%s: something was written", name)
		}
	}
}

// faulty is a writer that takes so many bytes.
type faulty struct {
	left  int
	err   error
	close bool
}

func (f *faulty) Write(p []byte) (int, error) {
	if len(p) > f.left {
		n := f.left
		f.left = 0
		return n, f.err
	}
	f.left -= len(p)
	return len(p), nil
}

func (f *faulty) Close() error { f.close = true; return nil }

func TestWriterErrors(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	for _, tc := range []struct{ give, want error }{{full, full}, {nil, io.ErrShortWrite}} {
		w, err := cms.NewWriter(&faulty{left: 200_000, err: tc.give}, kommune().cert)
		if err != nil {
			t.Fatal(err)
		}
		n, err := w.Write(noise(1 << 20))
		if !errors.Is(err, tc.want) || n >= 1<<20 {
			t.Errorf("Write gave %d, %v, want fewer and %v", n, err, tc.want)
		}
		if _, err := w.Write([]byte("x")); !errors.Is(err, tc.want) {
			t.Errorf("the next Write gave %v, want %v", err, tc.want)
		}
		if _, err := w.ReadFrom(strings.NewReader("x")); !errors.Is(err, tc.want) {
			t.Errorf("the next ReadFrom gave %v, want %v", err, tc.want)
		}
		if err := w.Close(); !errors.Is(err, tc.want) {
			t.Errorf("Close gave %v, want %v", err, tc.want)
		}
	}

	dst := &faulty{left: 1 << 20}
	w, err := cms.NewWriter(dst, kommune().cert)
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("connection lost")
	if n, err := w.ReadFrom(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken))); n != 3 || !errors.Is(err, broken) {
		t.Errorf("ReadFrom gave %d, %v, want 3, %v", n, err, broken)
	}
	for range 2 {
		if err := w.Close(); err != nil {
			t.Errorf("Close gave %v", err)
		}
	}
	if dst.close {
		t.Error("the underlying writer was closed")
	}
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("Write after Close was accepted")
	}
}

// TestMemory is not parallel: it measures.
func TestMemory(t *testing.T) {
	const size = 64 << 20
	to := kommune()
	pipeR, pipeW := io.Pipe()
	go func() {
		w, err := cms.NewWriter(pipeW, to.cert)
		if err == nil {
			if _, err = io.Copy(w, io.LimitReader(zeros{}, size)); err == nil {
				err = w.Close()
			}
		}
		pipeW.CloseWithError(err)
	}()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := cms.NewReader(pipeR, to.named())
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, r)
	if n != size || err != nil {
		t.Fatalf("got %d bytes, %v", n, err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 2<<20 {
		t.Errorf("%d bytes were allocated on the way", got)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
