package asice

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1"     //nolint:gosec // current Java clients sign with it
	_ "crypto/sha512" // registered for crypto.SHA384 and SHA512
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// What a signature may cost its verifier.
const (
	maxSigners      = 16
	maxCertificates = 64
	maxModulusBits  = 8192
)

// hashes are the digest algorithms of signatures.
var hashes = []struct {
	oid  asn1.ObjectIdentifier
	hash crypto.Hash
}{
	{oidSHA256, crypto.SHA256}, {oidSHA384, crypto.SHA384}, {oidSHA512, crypto.SHA512}, {oidSHA1, crypto.SHA1},
}

// signatureAlgorithms are those that fix a digest, apart from RSASSA-PSS.
var signatureAlgorithms = []struct {
	oid   asn1.ObjectIdentifier
	hash  crypto.Hash
	isRSA bool
}{
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5}, crypto.SHA1, true},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, crypto.SHA256, true},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}, crypto.SHA384, true},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}, crypto.SHA512, true},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1}, crypto.SHA1, false},
	{oidECDSASHA256, crypto.SHA256, false},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}, crypto.SHA384, false},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}, crypto.SHA512, false},
}

// verify checks a SignedData against the content it is detached from. The error
// is ErrSignature, or ErrUnsupported within it, if the structure cannot be read
// or no signer is valid; the signers found are returned either way.
func verify(content, signedData []byte) ([]Signer, error) {
	infos, certificates, err := parseSignedData(content, signedData)
	if err != nil {
		return nil, wrap(ErrSignature, "%w", err)
	}
	err = errors.New("no signer")
	var signers []Signer
	valid := false
	for _, info := range infos {
		s := info.verify(content, certificates)
		s.Embedded = certificates
		s.Valid = s.Err == nil
		valid = valid || s.Valid
		if len(signers) == 0 {
			err = s.Err
		}
		signers = append(signers, s)
	}
	if valid {
		return signers, nil
	}
	return signers, wrap(ErrSignature, "%w", err)
}

var errDER = errors.New("malformed CMS SignedData")

// signerInfo is a SignerInfo, its parts in DER.
type signerInfo struct {
	issuer          []byte // with serial, or else keyID
	serial          *big.Int
	keyID           []byte
	digestAlgorithm crypto.Hash // 0 if unknown
	attributes      [][]byte    // each Attribute, in the order found; nil if there are none
	algorithm       asn1.ObjectIdentifier
	parameters      cryptobyte.String
	signature       []byte
}

func parseSignedData(content, ber []byte) ([]signerInfo, []*x509.Certificate, error) {
	der, err := toDER(ber)
	if err != nil {
		return nil, nil, err
	}
	var (
		info, explicit, signedData, encapsulated, eContent, signers cryptobyte.String
		kind, contentKind                                           asn1.ObjectIdentifier
		hasContent                                                  bool
	)
	input := cryptobyte.String(der)
	if !input.ReadASN1(&info, cbasn1.SEQUENCE) || !input.Empty() || !info.ReadASN1ObjectIdentifier(&kind) {
		return nil, nil, errDER
	}
	if !kind.Equal(oidSignedData) {
		return nil, nil, errors.New("not a CMS SignedData")
	}
	if !info.ReadASN1(&explicit, context0) || !explicit.ReadASN1(&signedData, cbasn1.SEQUENCE) ||
		!signedData.SkipASN1(cbasn1.INTEGER) || !signedData.SkipASN1(cbasn1.SET) ||
		!signedData.ReadASN1(&encapsulated, cbasn1.SEQUENCE) ||
		!encapsulated.ReadASN1ObjectIdentifier(&contentKind) ||
		!encapsulated.ReadOptionalASN1(&eContent, &hasContent, context0) {
		return nil, nil, errDER
	}
	if hasContent {
		var attached []byte
		if !eContent.ReadASN1Bytes(&attached, cbasn1.OCTET_STRING) || !bytes.Equal(attached, content) {
			return nil, nil, errors.New("signature holds other content than the manifest")
		}
	}
	var bag cryptobyte.String
	var hasCertificates bool
	if !signedData.ReadOptionalASN1(&bag, &hasCertificates, context0) ||
		!signedData.SkipOptionalASN1(context1) || !signedData.ReadASN1(&signers, cbasn1.SET) {
		return nil, nil, errDER
	}
	var certificates []*x509.Certificate
	for n := 0; !bag.Empty(); n++ {
		var element cryptobyte.String
		var tag cbasn1.Tag
		if n == maxCertificates {
			return nil, nil, errors.New("too many certificates")
		}
		if !bag.ReadAnyASN1Element(&element, &tag) {
			return nil, nil, errDER
		}
		if tag != cbasn1.SEQUENCE {
			continue // attribute certificates and the like
		}
		// One that Go cannot read is no reason to refuse a signature by another.
		if c, err := x509.ParseCertificate(element); err == nil {
			certificates = append(certificates, c)
		}
	}
	var infos []signerInfo
	for !signers.Empty() {
		if len(infos) == maxSigners {
			return nil, nil, errors.New("too many signers")
		}
		var s cryptobyte.String
		if !signers.ReadASN1(&s, cbasn1.SEQUENCE) {
			return nil, nil, errDER
		}
		info, ok := parseSignerInfo(s, contentKind)
		if !ok {
			return nil, nil, errDER
		}
		infos = append(infos, info)
	}
	return infos, certificates, nil
}

func parseSignerInfo(s cryptobyte.String, contentKind asn1.ObjectIdentifier) (info signerInfo, ok bool) {
	var (
		sid, digestAlgorithm, attributes, algorithm cryptobyte.String
		tag                                         cbasn1.Tag
		digestOID                                   asn1.ObjectIdentifier
		hasAttributes                               bool
	)
	if !s.SkipASN1(cbasn1.INTEGER) || !s.ReadAnyASN1(&sid, &tag) {
		return info, false
	}
	switch tag {
	case cbasn1.SEQUENCE:
		var issuer cryptobyte.String
		info.serial = new(big.Int)
		if !sid.ReadASN1Element(&issuer, cbasn1.SEQUENCE) || !sid.ReadASN1Integer(info.serial) {
			return info, false
		}
		info.issuer = issuer
	case cbasn1.Tag(0).ContextSpecific():
		info.keyID = sid
	default:
		return info, false
	}
	if !s.ReadASN1(&digestAlgorithm, cbasn1.SEQUENCE) || !digestAlgorithm.ReadASN1ObjectIdentifier(&digestOID) ||
		!s.ReadOptionalASN1(&attributes, &hasAttributes, context0) ||
		!s.ReadASN1(&algorithm, cbasn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&info.algorithm) ||
		!s.ReadASN1Bytes(&info.signature, cbasn1.OCTET_STRING) {
		return info, false
	}
	info.parameters = algorithm
	info.digestAlgorithm = hashByOID(digestOID)
	for !attributes.Empty() {
		var a cryptobyte.String
		if !attributes.ReadASN1Element(&a, cbasn1.SEQUENCE) {
			return info, false
		}
		info.attributes = append(info.attributes, a)
	}
	// Without attributes the signature is over the content itself, and that is
	// allowed for id-data only (RFC 5652 §5.3).
	return info, hasAttributes == (info.attributes != nil) && (hasAttributes || contentKind.Equal(oidData))
}

func hashByOID(oid asn1.ObjectIdentifier) crypto.Hash {
	for _, h := range hashes {
		if h.oid.Equal(oid) {
			return h.hash
		}
	}
	return 0
}

// verify fills in everything but Valid and Embedded; Err is nil if the
// signature holds.
func (info signerInfo) verify(content []byte, certificates []*x509.Certificate) (s Signer) {
	for _, c := range certificates {
		if info.matches(c) {
			s.Certificate = c
			break
		}
	}
	if s.Certificate == nil {
		s.Err = errors.New("the signer's certificate is not embedded")
		return s
	}
	if info.digestAlgorithm == 0 {
		s.Err = wrap(ErrUnsupported, "digest algorithm of the signature")
		return s
	}
	s.Digest = info.digestAlgorithm
	if info.attributes == nil {
		s.Err = info.verifySignature(s.Certificate, content)
		return s
	}
	digest, _, ok := info.attribute(oidMessageDigest)
	var signed []byte
	if !ok || !digest.ReadASN1Bytes(&signed, cbasn1.OCTET_STRING) || !bytes.Equal(signed, sum(s.Digest, content)) {
		s.Err = errors.New("the signature is not of this manifest")
		return s
	}
	// RFC 5652 §5.4: the attributes are signed as a DER SET OF, so sorted. Some
	// sign in the order they send, and OpenSSL, too, accepts that.
	asSent, err := setOfUnsorted(info.attributes)
	if err == nil {
		err = info.verifySignature(s.Certificate, asSent)
	}
	if err != nil {
		var sorted []byte
		if sorted, s.Err = setOf(slices.Clone(info.attributes)); s.Err != nil {
			return s
		}
		if s.Err = info.verifySignature(s.Certificate, sorted); s.Err != nil {
			return s
		}
	}
	kind, _, ok := info.attribute(oidContentType) // required, RFC 5652 §5.3
	var oid asn1.ObjectIdentifier
	if !ok || !kind.ReadASN1ObjectIdentifier(&oid) || !oid.Equal(oidData) {
		s.Err = wrap(ErrUnsupported, "content type of the signature")
		return s
	}
	if at, _, ok := info.attribute(oidSigningTime); ok {
		var t time.Time
		if at.PeekASN1Tag(cbasn1.UTCTime) {
			ok = at.ReadASN1UTCTime(&t)
		} else {
			ok = at.ReadASN1GeneralizedTime(&t)
		}
		if ok {
			s.Time = t.UTC()
		}
	}
	s.CAdES, s.Err = info.namesCertificate(s.Certificate)
	return s
}

func setOfUnsorted(elements [][]byte) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
		for _, e := range elements {
			b.AddBytes(e)
		}
	})
	return b.Bytes()
}

func sum(h crypto.Hash, b []byte) []byte {
	d := h.New()
	d.Write(b)
	return d.Sum(nil)
}

func (info signerInfo) matches(c *x509.Certificate) bool {
	if info.keyID != nil {
		return bytes.Equal(info.keyID, c.SubjectKeyId)
	}
	return bytes.Equal(info.issuer, c.RawIssuer) && info.serial.Cmp(c.SerialNumber) == 0
}

// attribute returns the one value of an attribute. present without ok is an
// attribute that occurs twice or does not have exactly one value.
func (info signerInfo) attribute(oid asn1.ObjectIdentifier) (value cryptobyte.String, present, ok bool) {
	for _, a := range info.attributes {
		var kind asn1.ObjectIdentifier
		var set cryptobyte.String
		element := cryptobyte.String(a)
		if !element.ReadASN1(&element, cbasn1.SEQUENCE) || !element.ReadASN1ObjectIdentifier(&kind) || !kind.Equal(oid) {
			continue
		}
		var tag cbasn1.Tag
		if present || !element.ReadASN1(&set, cbasn1.SET) || !set.ReadAnyASN1Element(&value, &tag) || !set.Empty() {
			return nil, true, false
		}
		present, ok = true, true
	}
	return value, present, ok
}

// namesCertificate checks the attribute that makes a signature CAdES: the first
// certificate it names must be the signer's.
func (info signerInfo) namesCertificate(c *x509.Certificate) (bool, error) {
	errOther := errors.New("signing-certificate attribute names another certificate")
	value, v2, ok := info.attribute(oidSigningCertificateV2)
	v1 := false
	if !v2 {
		value, v1, ok = info.attribute(oidSigningCertificate)
	}
	if !v1 && !v2 {
		return false, nil
	}
	var outer, list, id cryptobyte.String
	if !ok || !value.ReadASN1(&outer, cbasn1.SEQUENCE) || !outer.ReadASN1(&list, cbasn1.SEQUENCE) ||
		!list.ReadASN1(&id, cbasn1.SEQUENCE) {
		return false, errOther
	}
	var want []byte
	if v1 {
		h := sha1.Sum(c.Raw) //nolint:gosec // RFC 2634 has no other
		want = h[:]
	} else {
		h := crypto.SHA256
		var algorithm cryptobyte.String
		var present bool
		var oid asn1.ObjectIdentifier
		if !id.ReadOptionalASN1(&algorithm, &present, cbasn1.SEQUENCE) {
			return false, errOther
		}
		if present {
			if !algorithm.ReadASN1ObjectIdentifier(&oid) {
				return false, errOther
			}
			h = hashByOID(oid)
		}
		if h == 0 {
			return false, wrap(ErrUnsupported, "digest algorithm of the signing-certificate attribute")
		}
		want = sum(h, c.Raw)
	}
	var hash []byte
	if !id.ReadASN1Bytes(&hash, cbasn1.OCTET_STRING) || !bytes.Equal(hash, want) {
		return false, errOther
	}
	return true, nil
}

// verifySignature checks the signature value over the signed bytes.
func (info signerInfo) verifySignature(c *x509.Certificate, signed []byte) error {
	errInvalid := errors.New("signature value does not match")
	h := info.digestAlgorithm
	isRSA, isECDSA := info.algorithm.Equal(oidRSA), info.algorithm.Equal(oidECPublicKey)
	for _, a := range signatureAlgorithms {
		if a.oid.Equal(info.algorithm) {
			h, isRSA, isECDSA = a.hash, a.isRSA, !a.isRSA
		}
	}
	isPSS := info.algorithm.Equal(oidRSAPSS)
	switch public := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if public.N.BitLen() > maxModulusBits {
			return wrap(ErrUnsupported, "RSA key of more than %d bits", maxModulusBits)
		}
		switch {
		case isPSS:
			h, ok := pssHash(info.parameters)
			if !ok {
				return wrap(ErrUnsupported, "RSASSA-PSS parameters")
			}
			if rsa.VerifyPSS(public, h, sum(h, signed), info.signature, nil) != nil {
				return errInvalid
			}
			return nil
		case isRSA:
			if rsa.VerifyPKCS1v15(public, h, sum(h, signed), info.signature) != nil {
				return errInvalid
			}
			return nil
		}
	case *ecdsa.PublicKey:
		if isECDSA {
			if !ecdsa.VerifyASN1(public, sum(h, signed), info.signature) {
				return errInvalid
			}
			return nil
		}
	}
	return wrap(ErrUnsupported, "signature algorithm")
}

// pssHash reads RSASSA-PSS-params (RFC 4055 §3.1) as far as needed: the hash,
// which must also be that of MGF1. The salt length is found by the verifier.
func pssHash(parameters cryptobyte.String) (crypto.Hash, bool) {
	var params, field, algorithm, mgf cryptobyte.String
	var present bool
	var oid, mgfOID, mgfHash asn1.ObjectIdentifier
	if !parameters.ReadASN1(&params, cbasn1.SEQUENCE) ||
		!params.ReadOptionalASN1(&field, &present, context0) || !present ||
		!field.ReadASN1(&algorithm, cbasn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&oid) ||
		!params.ReadASN1(&field, context1) || !field.ReadASN1(&mgf, cbasn1.SEQUENCE) ||
		!mgf.ReadASN1ObjectIdentifier(&mgfOID) || !mgf.ReadASN1(&algorithm, cbasn1.SEQUENCE) ||
		!algorithm.ReadASN1ObjectIdentifier(&mgfHash) || !mgfHash.Equal(oid) {
		return 0, false
	}
	h := hashByOID(oid)
	return h, h != 0 && h != crypto.SHA1
}
