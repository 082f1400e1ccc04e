package svarinn

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"strings"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/store"
)

const (
	maksSertifikat = 256 << 10 // bytes as uploaded
	minBits        = 2048
	maksBits       = 16384
)

// Sertifikatfeil is why a file is not taken: the cause of a feil.Ugyldig.
type Sertifikatfeil string

// The reasons.
const (
	SertifikatMangler  Sertifikatfeil = "MANGLER"  // nothing, or too much to be one
	SertifikatUkjent   Sertifikatfeil = "UKJENT"   // neither PEM nor DER
	SertifikatUleselig Sertifikatfeil = "ULESELIG" // no X.509, or a part of one
	SertifikatPrivat   Sertifikatfeil = "PRIVAT"   // a private key is in it
	SertifikatLager    Sertifikatfeil = "LAGER"    // PKCS #12 or Java: certificate and private key
	SertifikatBareKey  Sertifikatfeil = "BARE_KEY" // a public key without its certificate
	SertifikatKjede    Sertifikatfeil = "KJEDE"    // several
	SertifikatBestilt  Sertifikatfeil = "BESTILT"  // a request for a certificate
	SertifikatIkkeRSA  Sertifikatfeil = "IKKE_RSA" // another kind of key
	SertifikatLengde   Sertifikatfeil = "LENGDE"   // RSA, but too short or too long
	SertifikatUtlopt   Sertifikatfeil = "UTLOPT"   // no longer valid
)

// Error implements error.
func (f Sertifikatfeil) Error() string { return "certificate refused: " + string(f) }

func avvis(f Sertifikatfeil, melding string, args ...any) error {
	return feil.Ny(feil.Ugyldig, melding, args...).Med(f)
}

// SettSertifikat takes the certificate that all from now on is encrypted to, also
// what waits already: PEM or DER, RSA of at least 2048 bits, not expired. The
// person is logged in on level 4. feil.Ugyldig, caused by a Sertifikatfeil,
// feil.IngenTilgang, feil.IkkeFunnet. Audited.
func (s *Service) SettSertifikat(ctx context.Context, av auth.Caller, systemID string, fil []byte) (Sertifikat, error) {
	return s.settSertifikat(ctx, av, systemID, nil, fil)
}

// SettSertifikatFra is SettSertifikat for whoever saw the certificate with the
// fingerprint fra ("": none) in use. feil.Konflikt when it is another one now,
// unless it is what is sent.
func (s *Service) SettSertifikatFra(ctx context.Context, av auth.Caller, systemID, fra string, fil []byte) (Sertifikat, error) {
	return s.settSertifikat(ctx, av, systemID, &fra, fil)
}

func (s *Service) settSertifikat(ctx context.Context, av auth.Caller, systemID string, fra *string, fil []byte) (Sertifikat, error) {
	m, err := s.krev(ctx, av, systemID, 4)
	if err != nil {
		return Sertifikat{}, err
	}
	cert, err := lesSertifikat(fil)
	if err != nil {
		return Sertifikat{}, err
	}
	if !s.Klokke.Now().Before(cert.NotAfter) {
		return Sertifikat{}, avvis(SertifikatUtlopt, "Sertifikatet er utløpt: det gjaldt til %s", dato(cert.NotAfter))
	}
	forseglet, err := s.Ring.Seal(sertifikatSted(m.ID), cert.Raw)
	if err != nil {
		return Sertifikat{}, err
	}
	ny := visning(cert)
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		if fra != nil {
			gammelt, err := s.sertifikat(ctx, tx, m.ID)
			if err != nil {
				return err
			}
			naa := ""
			if gammelt != nil {
				naa = visning(gammelt).Fingeravtrykk
			}
			switch naa {
			case ny.Fingeravtrykk: // sent twice
				return nil
			case *fra:
			default:
				return feil.Ny(feil.Konflikt, "Sertifikatet er byttet av noen andre i mellomtiden")
			}
		}
		if err := oppdater(ctx, tx, m.ID, `sertifikat = $2, utloper = $3, utlop_varslet = 0, savn_varslet = 0`,
			forseglet, store.Micros(cert.NotAfter)); err != nil {
			return err
		}
		tx.OnCommit(func() { s.Jobber.Wake(plikt) })
		return s.revider(ctx, tx, av, m, "MOTTAKERSYSTEM_NYTT_SERTIFIKAT", "", cert.SerialNumber.String())
	})
	return ny, err
}

func sertifikatSted(systemID string) string { return "svarinn.sertifikat:" + systemID }

func visning(c *x509.Certificate) Sertifikat {
	sum := sha256.Sum256(c.Raw)
	siffer := strings.ToUpper(hex.EncodeToString(sum[:]))
	var par []string
	for i := 0; i < len(siffer); i += 2 {
		par = append(par, siffer[i:i+2])
	}
	return Sertifikat{Subject: c.Subject.String(), Serienummer: c.SerialNumber.String(), Utloper: c.NotAfter.UTC(),
		Fingeravtrykk: strings.Join(par, ":")}
}

// lesSertifikat reads exactly one certificate, PEM or DER, that can be encrypted to.
func lesSertifikat(fil []byte) (*x509.Certificate, error) {
	fil = bytes.TrimPrefix(fil, []byte("\xef\xbb\xbf"))
	if len(bytes.TrimSpace(fil)) == 0 || len(fil) > maksSertifikat {
		return nil, avvis(SertifikatMangler, "Last opp ett X.509-sertifikat, som PEM eller DER")
	}
	der := fil
	if fil[0] != 0x30 { // a SEQUENCE: DER
		blokk, rest := pem.Decode(fil)
		switch {
		case bytes.Contains(fil, []byte("PRIVATE KEY-----")), bytes.Contains(fil, []byte("PuTTY-User-Key-File-")):
			return nil, avvisPrivat()
		case blokk == nil && bytes.HasPrefix(fil, []byte("\xfe\xed\xfe\xed")):
			return nil, avvisLager()
		case blokk == nil:
			return nil, avvis(SertifikatUkjent, "Filen er verken PEM eller DER: forventet et X.509-sertifikat")
		case blokk.Type != "CERTIFICATE":
			return nil, annet(blokk.Bytes)
		case len(bytes.TrimSpace(rest)) > 0:
			return nil, avvisKjede()
		}
		der = blokk.Bytes
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, annet(der)
	}
	nokkel, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, avvis(SertifikatIkkeRSA, "Sertifikatet har en %s-nøkkel: bare RSA støttes", c.PublicKeyAlgorithm)
	}
	if bits := nokkel.N.BitLen(); bits < minBits || bits > maksBits {
		return nil, avvis(SertifikatLengde, "Sertifikatets RSA-nøkkel er på %d bit: det må være %d–%d", bits, minBits, maksBits)
	}
	return c, nil
}

func avvisPrivat() error {
	return avvis(SertifikatPrivat, "Filen inneholder en privat nøkkel. Den skal aldri lastes opp: regn den som kompromittert, lag et nytt nøkkelpar og last opp bare sertifikatet")
}

func avvisLager() error {
	return avvis(SertifikatLager, "Filen er et nøkkellager (.p12, .pfx eller .jks) med den private nøkkelen. Eksporter bare sertifikatet, og last opp det")
}

func avvisKjede() error {
	return avvis(SertifikatKjede, "Filen inneholder mer enn ett sertifikat: last opp bare mottakerens eget")
}

// Object identifiers of PKCS #7, which PKCS #12 uses too.
const (
	oidData    = "1.2.840.113549.1.7.1"
	oidSignert = "1.2.840.113549.1.7.2"
)

// annet tells what DER that is no certificate is: by its shape alone, since to
// calculate with what somebody sends as a key could take for ever.
func annet(der []byte) error {
	switch form := formAv(der); {
	case strings.HasPrefix(form, "int seq octets"), // PKCS #8
		strings.HasPrefix(form, "int int int int int int int int int"), // PKCS #1
		strings.HasPrefix(form, "int octets"),                          // SEC 1
		form == "seq octets":                                           // PKCS #8, encrypted
		return avvisPrivat()
	case form == "seq bits", form == "int int": // SubjectPublicKeyInfo, PKCS #1
		return avvis(SertifikatBareKey, "Filen er ikke et X.509-sertifikat. En offentlig nøkkel alene er ikke nok: den må være i et sertifikat, som kan være egensignert")
	case form == "int "+oidData, form == "int "+oidSignert, form == "int "+oidData+" seq", form == "int "+oidSignert+" seq": // PKCS #12
		return avvisLager()
	case strings.HasPrefix(form, "oid "+oidSignert):
		return avvisKjede()
	}
	if _, err := x509.ParseCertificateRequest(der); err == nil {
		return avvis(SertifikatBestilt, "Filen er en bestilling av et sertifikat. Last opp sertifikatet som kom tilbake")
	}
	return avvis(SertifikatUleselig, "Sertifikatet kan ikke leses som X.509")
}

// formAv names what a SEQUENCE is made of: «int seq octets»; a SEQUENCE that begins
// with PKCS #7 data by what it is. "" for what is no DER.
func formAv(der []byte) string {
	var deler []asn1.RawValue
	if _, err := asn1.Unmarshal(der, &deler); err != nil {
		return ""
	}
	var ut []string
	for _, d := range deler {
		navn := "?"
		switch {
		case d.Class != asn1.ClassUniversal:
		case d.Tag == asn1.TagInteger:
			navn = "int"
		case d.Tag == asn1.TagOctetString:
			navn = "octets"
		case d.Tag == asn1.TagBitString:
			navn = "bits"
		case d.Tag == asn1.TagOID:
			navn = "oid " + oidAv(d.FullBytes)
		case d.Tag == asn1.TagSequence:
			navn = "seq"
			if oid := oidAv(d.Bytes); oid == oidData || oid == oidSignert {
				navn = oid
			}
		}
		ut = append(ut, navn)
	}
	return strings.Join(ut, " ")
}

// oidAv is the object identifier that DER begins with; "" when it does not.
func oidAv(der []byte) string {
	var oid asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(der, &oid); err != nil {
		return ""
	}
	return oid.String()
}
