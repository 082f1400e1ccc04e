package asice

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// The structures are those of RFC 5652 (CMS), RFC 5035 (signing-certificate-v2)
// and RFC 2634 (signing-certificate).
var (
	oidData                 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidSignedData           = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidContentType          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningTime          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 5}
	oidSigningCertificate   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12}
	oidSigningCertificateV2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}

	oidSHA1   = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
	oidSHA256 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA384 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	oidSHA512 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}

	oidRSA         = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidRSAPSS      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidECPublicKey = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidECDSASHA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
)

func checkKey(key Key) error {
	if key.Signer == nil || len(key.Chain) == 0 {
		return wrap(ErrSigner, "key or certificate missing")
	}
	var same bool
	switch public := key.Signer.Public().(type) {
	case *rsa.PublicKey:
		same = public.Equal(key.Chain[0].PublicKey)
	case *ecdsa.PublicKey:
		same = public.Equal(key.Chain[0].PublicKey)
	default:
		return wrap(ErrSigner, "neither RSA nor ECDSA")
	}
	if !same {
		return wrap(ErrSigner, "the first certificate is not the key's")
	}
	return nil
}

// sign returns a detached CMS SignedData over content in DER: one signer,
// SHA-256 with RSA (PKCS #1 v1.5) or ECDSA, and the signed attributes that make
// it CAdES-BES (ETSI TS 101 733 §4.3.1).
func sign(content []byte, key Key, at time.Time) ([]byte, error) {
	cert := key.Chain[0]
	digest := sha256.Sum256(content)
	attributes, err := signedAttributes(digest[:], cert, at)
	if err != nil {
		return nil, err
	}
	toSign := sha256.Sum256(attributes)
	signature, err := key.Signer.Sign(rand.Reader, toSign[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	algorithm := oidECDSASHA256
	_, isRSA := key.Signer.Public().(*rsa.PublicKey)
	if isRSA {
		algorithm = oidRSA
	}
	var certificates [][]byte
	for _, c := range key.Chain {
		certificates = append(certificates, c.Raw)
	}
	slices.SortFunc(certificates, bytes.Compare) // DER, X.690 §11.6
	certificates = slices.CompactFunc(certificates, bytes.Equal)

	var b cryptobyte.Builder
	sequence := func(b *cryptobyte.Builder, f func(b *cryptobyte.Builder)) { b.AddASN1(cbasn1.SEQUENCE, f) }
	sequence(&b, func(b *cryptobyte.Builder) { // ContentInfo
		b.AddASN1ObjectIdentifier(oidSignedData)
		b.AddASN1(context0, func(b *cryptobyte.Builder) {
			sequence(b, func(b *cryptobyte.Builder) { // SignedData
				b.AddASN1Int64(1)
				b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { addAlgorithm(b, oidSHA256, false) })
				sequence(b, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidData) }) // no eContent: detached
				b.AddASN1(context0, func(b *cryptobyte.Builder) {
					for _, c := range certificates {
						b.AddBytes(c)
					}
				})
				b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
					sequence(b, func(b *cryptobyte.Builder) { // SignerInfo
						b.AddASN1Int64(1)
						sequence(b, func(b *cryptobyte.Builder) { // IssuerAndSerialNumber
							b.AddBytes(cert.RawIssuer)
							b.AddASN1BigInt(cert.SerialNumber)
						})
						addAlgorithm(b, oidSHA256, false)
						b.AddBytes(retag(attributes, context0))
						addAlgorithm(b, algorithm, isRSA)
						b.AddASN1OctetString(signature)
					})
				})
			})
		})
	})
	return b.Bytes()
}

// context0 is the tag [0], constructed.
var (
	context0 = cbasn1.Tag(0).ContextSpecific().Constructed()
	context1 = cbasn1.Tag(1).ContextSpecific().Constructed()
)

func addAlgorithm(b *cryptobyte.Builder, oid asn1.ObjectIdentifier, null bool) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oid)
		if null {
			b.AddASN1NULL()
		}
	})
}

// retag returns a copy of one DER element under another tag.
func retag(element []byte, tag cbasn1.Tag) []byte {
	c := bytes.Clone(element)
	c[0] = byte(tag)
	return c
}

// signedAttributes returns the attributes as the DER SET OF that is signed.
func signedAttributes(digest []byte, cert *x509.Certificate, at time.Time) ([]byte, error) {
	certHash := sha256.Sum256(cert.Raw)
	values := []struct {
		oid   asn1.ObjectIdentifier
		value func(b *cryptobyte.Builder)
	}{
		{oidContentType, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidData) }},
		{oidSigningTime, func(b *cryptobyte.Builder) {
			if y := at.UTC().Year(); y >= 1950 && y < 2050 {
				b.AddASN1UTCTime(at.UTC())
			} else {
				b.AddASN1GeneralizedTime(at.UTC())
			}
		}},
		{oidMessageDigest, func(b *cryptobyte.Builder) { b.AddASN1OctetString(digest) }},
		{oidSigningCertificateV2, func(b *cryptobyte.Builder) {
			sequence := func(b *cryptobyte.Builder, f func(b *cryptobyte.Builder)) { b.AddASN1(cbasn1.SEQUENCE, f) }
			sequence(b, func(b *cryptobyte.Builder) { // SigningCertificateV2
				sequence(b, func(b *cryptobyte.Builder) { // certs
					sequence(b, func(b *cryptobyte.Builder) { // ESSCertIDv2; SHA-256 is the default and left out
						b.AddASN1OctetString(certHash[:])
						sequence(b, func(b *cryptobyte.Builder) { // IssuerSerial
							sequence(b, func(b *cryptobyte.Builder) { // GeneralNames
								b.AddASN1(cbasn1.Tag(4).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
									b.AddBytes(cert.RawIssuer)
								})
							})
							b.AddASN1BigInt(cert.SerialNumber)
						})
					})
				})
			})
		}},
	}
	var encoded [][]byte
	for _, v := range values {
		var b cryptobyte.Builder
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(v.oid)
			b.AddASN1(cbasn1.SET, v.value)
		})
		attribute, err := b.Bytes()
		if err != nil {
			return nil, fmt.Errorf("signed attributes: %w", err)
		}
		encoded = append(encoded, attribute)
	}
	return setOf(encoded)
}

// setOf encodes a DER SET OF, sorted.
func setOf(elements [][]byte) ([]byte, error) {
	slices.SortFunc(elements, bytes.Compare)
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
		for _, e := range elements {
			b.AddBytes(e)
		}
	})
	return b.Bytes()
}
