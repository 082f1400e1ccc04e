package fiksio

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"time"

	"golang.org/x/crypto/pkcs12"

	"knutepunkt/internal/feil"
)

// maxPEM bounds an uploaded certificate or key store, bytes.
const maxPEM = 256 << 10

// lesPEM reads exactly one X.509 certificate from PEM text and gives its DER.
func lesPEM(tekst []byte) ([]byte, error) {
	tekst = bytes.TrimSpace(bytes.TrimPrefix(tekst, []byte("\xef\xbb\xbf")))
	if len(tekst) == 0 {
		return nil, feil.Ny(feil.Ugyldig, "Offentlig nøkkel mangler: forventet ett X.509-sertifikat i PEM-format")
	}
	var der []byte
	for rest := tekst; len(bytes.TrimSpace(rest)) > 0; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			if der == nil {
				return nil, feil.Ny(feil.Ugyldig, "Offentlig nøkkel er ikke i PEM-format: forventet -----BEGIN CERTIFICATE-----")
			}
			return nil, feil.Ny(feil.Ugyldig, "Det står noe etter sertifikatet som ikke er PEM")
		}
		switch {
		case strings.Contains(b.Type, "PRIVATE KEY"):
			return nil, feil.Ny(feil.Ugyldig, "Filen inneholder en privat nøkkel. Den skal aldri lastes opp: regn den som kompromittert, lag et nytt nøkkelpar og last opp bare sertifikatet")
		case !strings.HasSuffix(b.Type, "CERTIFICATE"):
			return nil, feil.Ny(feil.Ugyldig, "PEM-typen «%s» er ikke et X.509-sertifikat: forventet CERTIFICATE", pemType(b.Type))
		case der != nil:
			return nil, feil.Ny(feil.Ugyldig, "Filen inneholder flere sertifikater: last opp bare mottakerens eget")
		}
		der = b.Bytes
	}
	return der, nil
}

// pemType keeps a type that somebody sent short enough to be repeated.
func pemType(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

// sjekkSertifikat checks that der can be encrypted to: an RSA key of at least
// 2048 bits, not expired at now.
func sjekkSertifikat(der []byte, now time.Time) (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, feil.Ny(feil.Ugyldig, "Sertifikatet kan ikke leses som X.509").Med(err)
	}
	pub, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, feil.Ny(feil.Ugyldig, "Sertifikatet har en %s-nøkkel: bare RSA støttes", c.PublicKeyAlgorithm)
	}
	if bits := pub.N.BitLen(); bits < 2048 {
		return nil, feil.Ny(feil.Ugyldig, "Sertifikatets RSA-nøkkel er på %d bit: minst 2048 kreves", bits)
	}
	if !now.Before(c.NotAfter) {
		return nil, feil.Ny(feil.Ugyldig, "Sertifikatet utløp %s", c.NotAfter.UTC().Format(time.RFC3339))
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
