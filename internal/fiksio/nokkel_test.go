package fiksio

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"strings"
	"testing"
	"time"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/store"
)

// Whatever is given instead of a certificate is told apart, and refused.
func TestLesSertifikat(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	nokkel, cert := mottaker()
	start := grunntest.Start
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	kort, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // too short is what it is for
	if err != nil {
		t.Fatal(err)
	}
	maa := func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	mal := x509.Certificate{SerialNumber: cert.SerialNumber, NotBefore: cert.NotBefore, NotAfter: cert.NotAfter}
	var (
		god     = pemAv("CERTIFICATE", cert.Raw)
		pkcs8   = maa(x509.MarshalPKCS8PrivateKey(nokkel))
		pkcs1   = x509.MarshalPKCS1PrivateKey(nokkel)
		pkix    = maa(x509.MarshalPKIXPublicKey(nokkel.Public()))
		csr     = maa(x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, nokkel))
		ecCert  = maa(x509.CreateCertificate(rand.Reader, &mal, &mal, ec.Public(), ec))
		p12     = maa(asn1.Marshal(struct{ Versjon, Innhold, Segl int }{3, 0, 0}))
		utlopt  = lagSertifikat(nokkel, start.AddDate(-2, 0, 0), start).Raw
		forste  = lagSertifikat(nokkel, start.Add(-time.Hour), start.Add(time.Second)).Raw
		senere  = lagSertifikat(nokkel, start.Add(time.Second), start.AddDate(1, 0, 0)).Raw
		kortens = lagSertifikat(kort, start.AddDate(-1, 0, 0), start.AddDate(1, 0, 0)).Raw
	)
	for navn, test := range map[string]struct {
		inn  string
		want error
	}{
		"PEM":                      {god, nil},
		"PEM from Windows":         {"\xef\xbb\xbf" + strings.ReplaceAll(god, "\n", "\r\n"), nil},
		"PEM after words":          {"Bag Attributes\n  friendlyName: x\n" + god, nil},
		"DER":                      {string(cert.Raw), nil},
		"the last second":          {pemAv("CERTIFICATE", forste), nil},
		"nothing":                  {"", NokkelMangler},
		"blanks":                   {" \r\n\t", NokkelMangler},
		"words":                    {"hei", NokkelUkjent},
		"a picture":                {"\x89PNG\r\n", NokkelUkjent},
		"another SEQUENCE":         {"\x30\x03\x02\x01\x05", NokkelUkjent},
		"a list of revoked ones":   {pemAv("X509 CRL", []byte("x")), NokkelUkjent},
		"PKCS #8":                  {pemAv("PRIVATE KEY", pkcs8), NokkelPrivat},
		"PKCS #8 as DER":           {string(pkcs8), NokkelPrivat},
		"PKCS #1 as DER":           {string(pkcs1), NokkelPrivat},
		"EC as DER":                {string(maa(x509.MarshalECPrivateKey(ec))), NokkelPrivat},
		"encrypted":                {pemAv("ENCRYPTED PRIVATE KEY", []byte("x")), NokkelPrivat},
		"encrypted as DER":         {"\x30\x0b\x30\x05\x06\x03\x2a\x03\x04\x04\x02xx", NokkelPrivat},
		"OpenSSH":                  {pemAv("OPENSSH PRIVATE KEY", []byte("x")), NokkelPrivat},
		"broken private key":       {"-----BEGIN PRIVATE KEY-----\n!!\n", NokkelPrivat},
		"certificate with its key": {god + pemAv("PRIVATE KEY", pkcs8), NokkelPrivat},
		"chain with the key":       {god + god + pemAv("RSA PRIVATE KEY", pkcs1), NokkelPrivat},
		"chain":                    {god + pemAv("CERTIFICATE", utlopt), NokkelFlere},
		"chain as DER":             {string(cert.Raw) + string(utlopt), NokkelFlere},
		"key store":                {string(p12), NokkelLager},
		"public key":               {pemAv("PUBLIC KEY", pkix), NokkelBare},
		"public key as DER":        {string(pkix), NokkelBare},
		"request":                  {pemAv("CERTIFICATE REQUEST", csr), NokkelBestilling},
		"old request":              {pemAv("NEW CERTIFICATE REQUEST", csr), NokkelBestilling},
		"request as DER":           {string(csr), NokkelBestilling},
		"words behind":             {god + "hei", NokkelRester},
		"not X.509":                {pemAv("CERTIFICATE", []byte("x")), NokkelUleselig},
		"EC":                       {pemAv("CERTIFICATE", ecCert), NokkelIkkeRSA},
		"1024 bits":                {pemAv("CERTIFICATE", kortens), NokkelKort},
		"expired just now":         {pemAv("CERTIFICATE", utlopt), NokkelUtlopt},
		"expired as DER":           {string(utlopt), NokkelUtlopt},
		"from the next second":     {pemAv("CERTIFICATE", senere), NokkelIkkeGyldig},
	} {
		c, err := h.LesSertifikat([]byte(test.inn))
		switch {
		case test.want == nil && (err != nil || c == nil):
			t.Errorf("%s: %v", navn, err)
		case test.want != nil && (!errors.Is(err, test.want) || !feil.Er(err, feil.Ugyldig) || c != nil):
			t.Errorf("%s: %v, want %v", navn, err, test.want)
		}
	}
}

func FuzzLesSertifikat(f *testing.F) {
	nokkel, cert := mottaker()
	pkcs8, err := x509.MarshalPKCS8PrivateKey(nokkel)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(pemAv("CERTIFICATE", cert.Raw)))
	f.Add(cert.Raw)
	f.Add(pkcs8)
	f.Add([]byte(pemAv("PRIVATE KEY", pkcs8)))
	f.Fuzz(func(t *testing.T, b []byte) {
		der, err := lesFil(b)
		_, kjent := errors.AsType[Nokkelfeil](err)
		if err != nil && !kjent {
			t.Errorf("refused without a reason: %v", err)
		}
		if _, e := x509.ParsePKCS8PrivateKey(der); err == nil && e == nil {
			t.Error("a private key was taken")
		}
	})
}

func TestEldste(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	fra, til := h.konto(t), h.konto(t, func(k *Konto) { k.Navn = "Mottaker" })
	eldste := func(want time.Time) {
		t.Helper()
		if got, err := h.Eldste(t.Context(), til); err != nil || !got.Equal(want) {
			t.Errorf("%v %v, want %v", got, err, want)
		}
	}
	eldste(time.Time{})
	h.send(t, Utgaaende{AvsenderKontoID: til.ID, MottakerKontoID: fra.ID}, nil) // in another queue
	eldste(time.Time{})
	start := h.Service.Klokke.Now()
	h.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID, TTL: time.Hour}, nil)
	if err := h.Jobs.AdvanceTo(t.Context(), start.Add(40*time.Minute), h.Grunn.Klokke.Sett); err != nil {
		t.Fatal(err)
	}
	h.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID}, nil)
	eldste(start)
	if err := h.Jobs.AdvanceTo(t.Context(), start.Add(61*time.Minute), h.Grunn.Klokke.Sett); err != nil { // the first has expired
		t.Fatal(err)
	}
	eldste(start.Add(40 * time.Minute))
}

func TestEndreKonto(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	k := h.konto(t, func(k *Konto) { k.Navn = "Barnevern Nord" })
	h.konto(t, func(k *Konto) { k.Navn = "Annens"; k.FiksOrgID = orgB })
	ledig := func(navn string) bool {
		ok, err := h.NavnLedig(t.Context(), h.Service.DB.Read(), Konto{FiksOrgID: orgA, Navn: navn})
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if ledig("barnevern NORD") || !ledig("Barnevern Sør") || !ledig("Annens") {
		t.Error("names")
	}
	if ok, err := h.NavnLedig(t.Context(), h.Service.DB.Read(), k); err != nil || !ok {
		t.Errorf("a konto is in its own way: %t %v", ok, err)
	}
	nokkel, _ := mottaker()
	utlopt := lagSertifikat(nokkel, grunntest.Start.AddDate(-2, 0, 0), grunntest.Start.Add(-time.Hour)).Raw
	for navn, test := range map[string]struct {
		fn   func(*Konto) error
		want feil.Kode
	}{
		"name":    {func(k *Konto) error { k.Navn = "<b>"; return nil }, feil.Ugyldig},
		"expired": {func(k *Konto) error { k.Sertifikat = utlopt; return nil }, feil.Ugyldig},
		"fn's":    {func(k *Konto) error { k.Navn = "X Y"; return feil.Ny(feil.Konflikt, "nei") }, feil.Konflikt},
	} {
		_, err := h.EndreKonto(t.Context(), k.ID, "aktor", func(_ *store.Tx, k *Konto) error { return test.fn(k) })
		if !feil.Er(err, test.want) {
			t.Errorf("%s: %v", navn, err)
		}
		if naa, err := h.Konto(t.Context(), k.ID); err != nil || naa.Navn != k.Navn || string(naa.Sertifikat) != string(k.Sertifikat) {
			t.Errorf("%s: %+v %v", navn, naa, err)
		}
	}
	// A certificate that has expired meanwhile does not stand in the way of a new name.
	if err := h.Jobs.AdvanceTo(t.Context(), grunntest.Start.AddDate(3, 0, 0), h.Grunn.Klokke.Sett); err != nil {
		t.Fatal(err)
	}
	ny, err := h.EndreKonto(t.Context(), k.ID, "aktor", func(_ *store.Tx, k *Konto) error { k.Navn = "Barnevern Sør"; return nil })
	if err != nil || ny.Navn != "Barnevern Sør" || ny.SistEndretAv != "aktor" {
		t.Errorf("%+v %v", ny, err)
	}
}
