package cms

import (
	"bytes"
	"crypto"
	_ "crypto/sha1" // OAEP hash that older senders use
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"io"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

var (
	oidData              = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidEnvelopedData     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 3}
	oidAuthEnvelopedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 23}
	oidRSA               = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidOAEP              = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 7}
	oidMGF1              = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}
	oidPSpecified        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 9}
	oidAES128CBC         = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 2}
	oidAES192CBC         = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 22}
	oidAES256CBC         = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}
	oidSHA256            = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
)

// contentAlgorithms are the content encryptions that can be read.
var contentAlgorithms = []struct {
	oid    asn1.ObjectIdentifier
	name   string
	keyLen int // bytes
	gcm    bool
}{
	{oidAES128CBC, "AES-128-CBC", 16, false},
	{oidAES192CBC, "AES-192-CBC", 24, false},
	{oidAES256CBC, "AES-256-CBC", 32, false},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 6}, "AES-128-GCM", 16, true},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 26}, "AES-192-GCM", 24, true},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 46}, "AES-256-GCM", 32, true},
}

// oaepHashes are the hashes that OAEP and its MGF1 may use.
var oaepHashes = []struct {
	oid  asn1.ObjectIdentifier
	hash crypto.Hash
}{
	{asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, crypto.SHA1},
	{oidSHA256, crypto.SHA256},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}, crypto.SHA384},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}, crypto.SHA512},
}

// Header is what a message tells without being decrypted.
type Header struct {
	// Authenticated is true for AuthEnvelopedData and false for EnvelopedData.
	Authenticated bool
	// ContentAlgorithm is e.g. "AES-256-CBC", or a dotted object identifier when
	// it is not one that NewReader can read.
	ContentAlgorithm string
	// Recipients are the key transport recipients, in the order of the message.
	Recipients []Recipient
	// OtherRecipients counts those of kinds that an RSA key cannot be: key
	// agreement, shared keys, passwords.
	OtherRecipients int
}

// Recipient is one key transport recipient. Either Issuer and Serial or
// SubjectKeyID are set.
type Recipient struct {
	Issuer       []byte // DER of the issuer's Name
	Serial       *big.Int
	SubjectKeyID []byte
	// KeyAlgorithm is e.g. "RSAES-OAEP(SHA-256, MGF1 SHA-256)", "RSAES-PKCS1-v1_5",
	// or a dotted object identifier when it is not one that NewReader can read.
	KeyAlgorithm string

	oaep         *oaepParameters
	pkcs1        bool
	encryptedKey []byte
}

// Matches tells whether cert is the certificate that the recipient names.
func (rec Recipient) Matches(cert *x509.Certificate) bool {
	if rec.Serial == nil {
		return len(rec.SubjectKeyID) > 0 && bytes.Equal(rec.SubjectKeyID, cert.SubjectKeyId)
	}
	return rec.Serial.Cmp(cert.SerialNumber) == 0 && sameName(rec.Issuer, cert.RawIssuer)
}

// sameName compares two Names. The same name may be encoded with different
// string types, so unequal bytes are compared by their text.
func sameName(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var na, nb pkix.RDNSequence
	if rest, err := asn1.Unmarshal(a, &na); err != nil || len(rest) > 0 {
		return false
	}
	if rest, err := asn1.Unmarshal(b, &nb); err != nil || len(rest) > 0 {
		return false
	}
	return na.String() == nb.String()
}

func (rec Recipient) String() string {
	if rec.Serial == nil {
		return fmt.Sprintf("subject key identifier %x", rec.SubjectKeyID)
	}
	return fmt.Sprintf("serial number %x", rec.Serial)
}

type oaepParameters struct {
	hash, mgf crypto.Hash
	label     []byte
}

// contentParameters is how the content is encrypted.
type contentParameters struct {
	keyLen int // bytes; 0 if the algorithm is not one we can read
	gcm    bool
	iv     []byte // IV or nonce
	tagLen int    // bytes, GCM only
}

// Inspect reads the header of a message: who can decrypt it, and how. It reads
// from r up to the content, and up to 64 KiB beyond. Errors are those of
// NewReader that do not depend on keys, but an algorithm that cannot be read is
// no error here.
func Inspect(r io.Reader) (Header, error) {
	h, _, _, err := readHeader(newBERReader(r))
	return h, err
}

// readHeader reads up to and including the header of the encrypted content, which
// it returns as e.
func readHeader(d *berReader) (h Header, params contentParameters, e elem, err error) {
	fail := func(err error) (Header, contentParameters, elem, error) {
		return Header{}, contentParameters{}, elem{}, err
	}
	if err := d.expectOpen(tagSequence, "ContentInfo"); err != nil {
		return fail(err)
	}
	contentType, err := d.element(tagOID, "contentType")
	if err != nil {
		return fail(err)
	}
	switch {
	case oidIs(contentType, oidEnvelopedData):
	case oidIs(contentType, oidAuthEnvelopedData):
		h.Authenticated = true
	default:
		return fail(fmt.Errorf("%w: content type %s is not EnvelopedData", ErrUnsupported, oidText(contentType)))
	}
	if err := d.expectOpen(tagContext0Parts, "content"); err != nil {
		return fail(err)
	}
	if err := d.expectOpen(tagSequence, "EnvelopedData"); err != nil {
		return fail(err)
	}
	if _, err := d.element(tagInteger, "version"); err != nil {
		return fail(err)
	}

	e, ok, err := d.next()
	if err == nil && ok && e.tag == tagContext0Parts { // originatorInfo
		if _, err = d.contents(e); err == nil {
			e, ok, err = d.next()
		}
	}
	if err != nil {
		return fail(err)
	}
	if !ok || e.tag != tagSet {
		return fail(d.malformed("recipientInfos are missing"))
	}
	infos, err := d.contents(e)
	if err != nil {
		return fail(fmt.Errorf("%w (recipientInfos)", err))
	}
	if err := h.readRecipients(infos); err != nil {
		return fail(d.malformed("recipientInfos: %v", err))
	}

	if err := d.expectOpen(tagSequence, "encryptedContentInfo"); err != nil {
		return fail(err)
	}
	if _, err := d.element(tagOID, "encryptedContentInfo.contentType"); err != nil {
		return fail(err)
	}
	alg, err := d.element(tagSequence, "contentEncryptionAlgorithm")
	if err != nil {
		return fail(err)
	}
	if params, err = h.readContentAlgorithm(alg); err != nil {
		return fail(d.malformed("contentEncryptionAlgorithm: %v", err))
	}
	e, ok, err = d.next()
	switch {
	case err != nil:
		return fail(fmt.Errorf("%w (encryptedContent)", err))
	case !ok:
		return fail(d.malformed("there is no encrypted content"))
	case e.tag != tagContext0 && e.tag != tagContext0Parts:
		return fail(d.malformed("found tag %#02x, want encryptedContent", e.tag))
	}
	return h, params, e, nil
}

// readRecipients takes the DER contents of recipientInfos.
func (h *Header) readRecipients(infos cryptobyte.String) error {
	for !infos.Empty() {
		var info cryptobyte.String
		var tag cbasn1.Tag
		if !infos.ReadAnyASN1(&info, &tag) {
			return fmt.Errorf("malformed RecipientInfo")
		}
		if tag != cbasn1.SEQUENCE {
			h.OtherRecipients++
			continue
		}
		rec, err := readRecipient(info)
		if err != nil {
			return fmt.Errorf("recipient %d: %w", len(h.Recipients)+h.OtherRecipients+1, err)
		}
		h.Recipients = append(h.Recipients, rec)
	}
	return nil
}

func readRecipient(info cryptobyte.String) (rec Recipient, err error) {
	var version int
	var rid, alg, key, issuer cryptobyte.String
	var ridTag cbasn1.Tag
	if !info.ReadASN1Integer(&version) || !info.ReadAnyASN1(&rid, &ridTag) ||
		!info.ReadASN1(&alg, cbasn1.SEQUENCE) || !info.ReadASN1(&key, cbasn1.OCTET_STRING) || !info.Empty() {
		return rec, fmt.Errorf("malformed KeyTransRecipientInfo")
	}
	switch ridTag {
	case cbasn1.SEQUENCE:
		rec.Serial = new(big.Int)
		if !rid.ReadASN1Element(&issuer, cbasn1.SEQUENCE) || !rid.ReadASN1Integer(rec.Serial) || !rid.Empty() {
			return rec, fmt.Errorf("malformed IssuerAndSerialNumber")
		}
		rec.Issuer = issuer
	case tagContext0:
		rec.SubjectKeyID = rid
	case tagContext0Parts: // in pieces
		for !rid.Empty() {
			var part cryptobyte.String
			if !rid.ReadASN1(&part, cbasn1.OCTET_STRING) {
				return rec, fmt.Errorf("malformed SubjectKeyIdentifier")
			}
			rec.SubjectKeyID = append(rec.SubjectKeyID, part...)
		}
	default:
		return rec, fmt.Errorf("recipient identifier with tag %#02x", uint8(ridTag))
	}
	rec.encryptedKey = key

	var oid cryptobyte.String
	if !alg.ReadASN1(&oid, cbasn1.OBJECT_IDENTIFIER) {
		return rec, fmt.Errorf("malformed keyEncryptionAlgorithm")
	}
	rec.KeyAlgorithm = oidText(oid)
	switch {
	case oidIs(oid, oidRSA):
		rec.pkcs1, rec.KeyAlgorithm = true, "RSAES-PKCS1-v1_5"
	case oidIs(oid, oidOAEP):
		p, known, err := readOAEP(alg)
		if err != nil {
			return rec, fmt.Errorf("RSAES-OAEP parameters: %w", err)
		}
		if known {
			rec.oaep = &p
			rec.KeyAlgorithm = fmt.Sprintf("RSAES-OAEP(%v, MGF1 %v)", p.hash, p.mgf)
		}
	}
	return rec, nil
}

// readOAEP reads RSAES-OAEP-params (RFC 8017 A.2.1), absent ones being SHA-1 and
// an empty label. known is false if they name an algorithm we do not have.
func readOAEP(alg cryptobyte.String) (p oaepParameters, known bool, err error) {
	p = oaepParameters{hash: crypto.SHA1, mgf: crypto.SHA1}
	malformed := fmt.Errorf("malformed")
	known = true
	if alg.Empty() || alg.PeekASN1Tag(cbasn1.NULL) {
		return p, known, nil
	}
	var params cryptobyte.String
	if !alg.ReadASN1(&params, cbasn1.SEQUENCE) {
		return p, false, malformed
	}
	for i := range uint8(3) {
		var field, id, oid cryptobyte.String
		var present bool
		if !params.ReadOptionalASN1(&field, &present, cbasn1.Tag(tagContext0Parts+i)) {
			return p, false, malformed
		}
		if !present {
			continue
		}
		if !field.ReadASN1(&id, cbasn1.SEQUENCE) || !id.ReadASN1(&oid, cbasn1.OBJECT_IDENTIFIER) {
			return p, false, malformed
		}
		switch i {
		case 0:
			if p.hash = hashOf(oid); p.hash == 0 {
				known = false
			}
		case 1:
			var hash, hashOID cryptobyte.String
			if !oidIs(oid, oidMGF1) {
				known = false
				continue
			}
			if !id.ReadASN1(&hash, cbasn1.SEQUENCE) || !hash.ReadASN1(&hashOID, cbasn1.OBJECT_IDENTIFIER) {
				return p, false, malformed
			}
			if p.mgf = hashOf(hashOID); p.mgf == 0 {
				known = false
			}
		case 2:
			if !oidIs(oid, oidPSpecified) {
				known = false
			} else if !id.ReadASN1Bytes(&p.label, cbasn1.OCTET_STRING) {
				return p, false, malformed
			}
		}
	}
	return p, known, nil
}

// hashOf returns 0 for a hash that is not among oaepHashes.
func hashOf(oid []byte) crypto.Hash {
	for _, h := range oaepHashes {
		if oidIs(oid, h.oid) {
			return h.hash
		}
	}
	return 0
}

func (h *Header) readContentAlgorithm(alg cryptobyte.String) (p contentParameters, err error) {
	var oid cryptobyte.String
	if !alg.ReadASN1(&oid, cbasn1.OBJECT_IDENTIFIER) {
		return p, fmt.Errorf("malformed")
	}
	h.ContentAlgorithm = oidText(oid)
	for _, a := range contentAlgorithms {
		if !oidIs(oid, a.oid) {
			continue
		}
		h.ContentAlgorithm = a.name
		p.gcm = a.gcm
		if a.gcm != h.Authenticated {
			return p, nil // CBC has no place in AuthEnvelopedData, nor GCM outside it
		}
		p.keyLen = a.keyLen
		if !a.gcm {
			if !alg.ReadASN1Bytes(&p.iv, cbasn1.OCTET_STRING) || len(p.iv) != 16 {
				return p, fmt.Errorf("%s without a 16-byte IV", a.name)
			}
			return p, nil
		}
		var gcm cryptobyte.String // RFC 5084 §3.2
		p.tagLen = 12
		if !alg.ReadASN1(&gcm, cbasn1.SEQUENCE) || !gcm.ReadASN1Bytes(&p.iv, cbasn1.OCTET_STRING) || len(p.iv) == 0 ||
			!gcm.Empty() && !gcm.ReadASN1Integer(&p.tagLen) || p.tagLen < 12 || p.tagLen > 16 {
			return p, fmt.Errorf("%s with malformed parameters", a.name)
		}
	}
	return p, nil
}

func oidIs(contents []byte, oid asn1.ObjectIdentifier) bool { return oidText(contents) == oid.String() }

// oidText is the dotted form of the contents of an OBJECT IDENTIFIER.
func oidText(contents []byte) string {
	var oid asn1.ObjectIdentifier
	s := cryptobyte.String(appendDER(nil, tagOID, contents))
	if len(contents) > 64 || !s.ReadASN1ObjectIdentifier(&oid) {
		return "(malformed object identifier)"
	}
	return oid.String()
}
