package fiksio

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/pkcs12"

	"knutepunkt/internal/feil"
)

// maxPEM bounds an uploaded certificate or key store, bytes.
const maxPEM = 256 << 10

// Nokkelfeil is why a certificate is refused: the cause of the feil.Ugyldig that
// tells of it in Norwegian, for those who tell of it in other words.
type Nokkelfeil string

// Error is for the log.
func (n Nokkelfeil) Error() string { return "certificate refused: " + string(n) }

// What can be wrong with a certificate.
const (
	NokkelMangler    Nokkelfeil = "nothing was given"
	NokkelPrivat     Nokkelfeil = "a private key"
	NokkelLager      Nokkelfeil = "a key store"
	NokkelBare       Nokkelfeil = "a public key without a certificate"
	NokkelBestilling Nokkelfeil = "a request for a certificate"
	NokkelUkjent     Nokkelfeil = "not a certificate"
	NokkelRester     Nokkelfeil = "something more than the certificate"
	NokkelFlere      Nokkelfeil = "several certificates"
	NokkelUleselig   Nokkelfeil = "not readable as X.509"
	NokkelIkkeRSA    Nokkelfeil = "not an RSA key"
	NokkelKort       Nokkelfeil = "too short a key"
	NokkelUtlopt     Nokkelfeil = "expired"
	NokkelIkkeGyldig Nokkelfeil = "not yet valid"
)

// minsteNokkel is how long an RSA key must be, bits.
const minsteNokkel = 2048

func nokkelfeil(n Nokkelfeil, format string, args ...any) error {
	return feil.Ny(feil.Ugyldig, format, args...).Med(n)
}

func privatNokkel() error {
	return nokkelfeil(NokkelPrivat, "Filen inneholder en privat nøkkel. Den skal aldri lastes opp: regn den som kompromittert, lag et nytt nøkkelpar og last opp bare sertifikatet")
}

// lesPEM reads exactly one X.509 certificate from PEM text and gives its DER.
// A private key anywhere in it comes before everything else that is wrong.
func lesPEM(tekst []byte) ([]byte, error) {
	tekst = bytes.TrimSpace(bytes.TrimPrefix(tekst, []byte("\xef\xbb\xbf")))
	switch {
	case len(tekst) == 0:
		return nil, nokkelfeil(NokkelMangler, "Offentlig nøkkel mangler: forventet ett X.509-sertifikat i PEM-format")
	case bytes.Contains(tekst, []byte("PRIVATE KEY-----")):
		return nil, privatNokkel()
	}
	var der []byte
	for rest := tekst; len(bytes.TrimSpace(rest)) > 0; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			if der == nil {
				return nil, nokkelfeil(NokkelUkjent, "Offentlig nøkkel er ikke i PEM-format: forventet -----BEGIN CERTIFICATE-----")
			}
			return nil, nokkelfeil(NokkelRester, "Det står noe etter sertifikatet som ikke er PEM")
		}
		switch {
		case strings.Contains(b.Type, "PRIVATE KEY"):
			return nil, privatNokkel()
		case !strings.HasSuffix(b.Type, "CERTIFICATE"):
			return nil, nokkelfeil(pemSlag(b.Type), "PEM-typen «%s» er ikke et X.509-sertifikat: forventet CERTIFICATE", pemType(b.Type))
		case der != nil:
			return nil, nokkelfeil(NokkelFlere, "Filen inneholder flere sertifikater: last opp bare mottakerens eget")
		}
		der = b.Bytes
	}
	return der, nil
}

// pemSlag is what a PEM type that is no certificate's is taken for.
func pemSlag(typ string) Nokkelfeil {
	switch {
	case strings.HasSuffix(typ, "PUBLIC KEY"):
		return NokkelBare
	case strings.HasSuffix(typ, "CERTIFICATE REQUEST"):
		return NokkelBestilling
	}
	return NokkelUkjent
}

// pemType keeps a type that somebody sent short enough to be repeated.
func pemType(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

// LesSertifikat reads the one certificate that a person has given, as PEM or as
// DER, and checks that it can be encrypted to now. What is refused is
// feil.Ugyldig with a [Nokkelfeil] as its cause. It stores nothing.
func (s *Service) LesSertifikat(innhold []byte) (*x509.Certificate, error) {
	der, err := lesFil(innhold)
	if err != nil {
		return nil, err
	}
	naa := s.Klokke.Now()
	c, err := sjekkSertifikat(der, naa)
	if err == nil && naa.Before(c.NotBefore) {
		return nil, nokkelfeil(NokkelIkkeGyldig, "Sertifikatet gjelder først fra %s", c.NotBefore.UTC().Format(time.RFC3339))
	}
	return c, err
}

// lesFil gives the DER of the certificate in a file, which is PEM or DER.
func lesFil(innhold []byte) ([]byte, error) {
	if _, err := x509.ParseCertificate(innhold); err == nil {
		return innhold, nil
	}
	if len(innhold) == 0 || innhold[0] != 0x30 { // no ASN.1 SEQUENCE
		return lesPEM(innhold)
	}
	if erPrivatDER(innhold) {
		return nil, privatNokkel()
	}
	if cs, err := x509.ParseCertificates(innhold); err == nil && len(cs) > 1 {
		return nil, nokkelfeil(NokkelFlere, "Filen inneholder flere sertifikater: last opp bare mottakerens eget")
	}
	if _, err := x509.ParsePKIXPublicKey(innhold); err == nil {
		return nil, nokkelfeil(NokkelBare, "Filen er en offentlig nøkkel uten sertifikat")
	}
	if _, err := x509.ParseCertificateRequest(innhold); err == nil {
		return nil, nokkelfeil(NokkelBestilling, "Filen er en bestilling av et sertifikat")
	}
	var lager struct {
		Versjon int
		Innhold asn1.RawValue
		Segl    asn1.RawValue `asn1:"optional"`
	}
	if _, err := asn1.Unmarshal(innhold, &lager); err == nil && lager.Versjon == 3 { // RFC 7292 §4
		return nil, nokkelfeil(NokkelLager, "Filen er et nøkkellager (P12). Den kan inneholde en privat nøkkel: eksporter sertifikatet alene")
	}
	return nil, nokkelfeil(NokkelUkjent, "Filen er ikke et X.509-sertifikat")
}

func erPrivatDER(b []byte) bool {
	if _, err := x509.ParsePKCS8PrivateKey(b); err == nil {
		return true
	}
	if _, err := x509.ParsePKCS1PrivateKey(b); err == nil {
		return true
	}
	if _, err := x509.ParseECPrivateKey(b); err == nil {
		return true
	}
	var kryptert struct { // RFC 5958 §3
		Algoritme pkix.AlgorithmIdentifier
		Data      []byte
	}
	rest, err := asn1.Unmarshal(b, &kryptert)
	return err == nil && len(rest) == 0
}

// sjekkSertifikat checks that der can be encrypted to: an RSA key of at least
// 2048 bits, not expired at now.
func sjekkSertifikat(der []byte, now time.Time) (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, feil.Ny(feil.Ugyldig, "Sertifikatet kan ikke leses som X.509").Med(fmt.Errorf("%w: %w", NokkelUleselig, err))
	}
	pub, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, nokkelfeil(NokkelIkkeRSA, "Sertifikatet har en %s-nøkkel: bare RSA støttes", c.PublicKeyAlgorithm)
	}
	if bits := pub.N.BitLen(); bits < minsteNokkel {
		return nil, nokkelfeil(NokkelKort, "Sertifikatets RSA-nøkkel er på %d bit: minst %d kreves", bits, minsteNokkel)
	}
	if !now.Before(c.NotAfter) {
		return nil, nokkelfeil(NokkelUtlopt, "Sertifikatet utløp %s", c.NotAfter.UTC().Format(time.RFC3339))
	}
	return c, nil
}

// LesSertifikat reads an uploaded public key: one X.509 certificate as PEM that can be
// encrypted to now. feil.Ugyldig tells what is wrong: a private key, several or no
// certificates, another key than RSA, fewer than 2048 bits, or one that has expired.
func LesSertifikat(pemTekst []byte, now time.Time) (*x509.Certificate, error) {
	if len(pemTekst) > maxPEM {
		return nil, feil.Ny(feil.Ugyldig, "Sertifikatet er for stort")
	}
	der, err := lesPEM(pemTekst)
	if err != nil {
		return nil, err
	}
	return sjekkSertifikat(der, now)
}

// OffentligNokkel is a konto's certificate as the wire shows it (contract §3).
type OffentligNokkel struct {
	Nokkel        string    `json:"nokkel"`
	ValidFrom     time.Time `json:"validFrom"`
	ValidTo       time.Time `json:"validTo"`
	Serial        string    `json:"serial"`
	SubjectDN     string    `json:"subjectDN"`
	IssuerDN      string    `json:"issuerDN"`
	Valid         bool      `json:"valid"`
	StatusMessage string    `json:"statusMessage"`
}

// visNokkel describes a stored certificate at now.
func visNokkel(der []byte, now time.Time) (OffentligNokkel, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return OffentligNokkel{}, err
	}
	n := OffentligNokkel{
		Nokkel:    string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		ValidFrom: c.NotBefore.UTC(), ValidTo: c.NotAfter.UTC(),
		Serial: c.SerialNumber.String(), SubjectDN: c.Subject.String(), IssuerDN: c.Issuer.String(),
	}
	n.StatusMessage = nokkelStatus(c, now)
	n.Valid = n.StatusMessage == ""
	if n.Valid {
		n.StatusMessage = "Sertifikatet er gyldig"
	}
	return n, nil
}

// nokkelStatus tells what is wrong with a certificate's validity; "" when nothing is.
func nokkelStatus(c *x509.Certificate, now time.Time) string {
	switch {
	case now.Before(c.NotBefore):
		return "Sertifikatet gjelder først fra " + c.NotBefore.UTC().Format(time.RFC3339)
	case !now.Before(c.NotAfter):
		return "Sertifikatet utløp " + c.NotAfter.UTC().Format(time.RFC3339)
	}
	return ""
}

// lesP12 takes the certificate out of a PKCS #12 key store; its private key is
// thrown away.
func lesP12(data []byte, passord string) ([]byte, error) {
	_, c, err := pkcs12.Decode(data, passord)
	switch {
	case err == nil:
		return c.Raw, nil
	case err == pkcs12.ErrIncorrectPassword:
		return nil, feil.Ny(feil.Ugyldig, "Feil passord for P12-filen")
	default:
		return nil, feil.Ny(feil.Ugyldig, "P12-filen kan ikke leses. Nøkkellagre som er kryptert med AES (PBES2) støttes ikke: eksporter sertifikatet som PEM").Med(err)
	}
}
