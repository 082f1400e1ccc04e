package asice

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"io"
	"math/big"
	"testing"
	"time"
)

func fuzzKey(f *testing.F) Key {
	f.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "x"}, NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, k.Public(), k)
	if err != nil {
		f.Fatal(err)
	}
	if cert, err = x509.ParseCertificate(der); err != nil {
		f.Fatal(err)
	}
	return Key{k, []*x509.Certificate{cert}}
}

// FuzzRead: any input gives the same verdict in both ways of reading, within
// the limits and without panic; what is accepted is what its report says.
func FuzzRead(f *testing.F) {
	key := fuzzKey(f)
	for _, files := range [][]string{{"a"}, {"a", "innhold", "b.pdf", ""}} {
		var b bytes.Buffer
		w, err := NewWriter(&b, key, WriterOptions{})
		if err != nil {
			f.Fatal(err)
		}
		for i := 0; i < len(files); i += 2 {
			if err := w.Add(files[i], "", bytes.NewReader([]byte(files[min(i+1, len(files)-1)]))); err != nil {
				f.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
		f.Add(b.Bytes()[:b.Len()/2])
	}
	f.Add([]byte("PK\x05\x06" + string(make([]byte, 18))))
	f.Fuzz(func(t *testing.T, b []byte) {
		opt := Options{AllowUnsigned: true, Limits: Limits{Files: 20, FileSize: 1 << 20, TotalSize: 2 << 20, Metadata: 1 << 20}}
		var size int64
		report, err := Read(bytes.NewReader(b), opt, func(name string, content io.Reader) error {
			n, err := io.Copy(io.Discard, content)
			size += n
			return err
		})
		if size > 2<<20 {
			t.Errorf("%d bytes beyond the limit", size)
		}
		c, errOpen := Open(bytes.NewReader(b), int64(len(b)), opt)
		if (err == nil) != (errOpen == nil) {
			t.Fatalf("Read: %v; Open: %v", err, errOpen)
		}
		if err != nil {
			return
		}
		for _, info := range report.Files {
			r, err := c.Open(info.Name)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, r); err != nil || n != info.Size {
				t.Errorf("%d bytes of %d: %v", n, info.Size, err)
			}
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add(formatManifest("META-INF/signature-1.p7s", []manifestFile{{name: "a & b", mimetype: "text/plain"}, {name: "ø.pdf", mimetype: "application/pdf"}}))
	f.Add([]byte(`<c:ASiCManifest xmlns:s="http://www.w3.org/2000/09/xmldsig#" xmlns:c="http://uri.etsi.org/2918/v1.2.1#"><c:DataObjectReference URI="a"><s:DigestMethod Algorithm="http://www.w3.org/2000/09/xmldsig#sha256"/><s:DigestValue> AA
	== </s:DigestValue></c:DataObjectReference></c:ASiCManifest>`))
	f.Add([]byte(`<!DOCTYPE a [<!ENTITY b "cc">]><a>&b;</a>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseManifest(b, 10)
		if err != nil {
			return
		}
		if len(m.refs) > 10 {
			t.Errorf("%d references", len(m.refs))
		}
		for _, r := range m.refs {
			if r.uri == "" || len(r.digest) == 0 {
				t.Errorf("incomplete reference %+v", r)
			}
		}
	})
}

func FuzzSignedData(f *testing.F) {
	content := []byte("manifest")
	key := fuzzKey(f)
	good, err := sign(content, key, time.Now())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("0\x80\x06\x09*\x86H\x86\xf7\x0d\x01\x07\x02\xa0\x80\x00\x00\x00\x00"))
	f.Add([]byte("$\x80\x04\x01a\x04\x01b\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if signers, err := verify(content, b); err == nil {
			valid := 0
			for _, s := range signers {
				if s.Valid {
					valid++
				}
			}
			if valid == 0 {
				t.Error("accepted without a valid signer")
			}
		}
		if _, err := verify([]byte("another"), b); err == nil && bytes.Equal(b, good) {
			t.Error("accepted for other content")
		}
		der, err := toDER(b)
		if err != nil {
			return
		}
		again, err := toDER(der)
		if err != nil || !bytes.Equal(der, again) {
			t.Errorf("toDER is not stable: %v", err)
		}
		// What the strict parser takes as one definite element is already DER in
		// its outermost length and must stay readable.
		var raw asn1.RawValue
		if rest, err := asn1.Unmarshal(der, &raw); err == nil && len(rest) > 0 {
			t.Errorf("%d bytes after the element", len(rest))
		}
	})
}
