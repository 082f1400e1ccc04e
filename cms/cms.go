// Package cms encrypts and decrypts files as CMS EnvelopedData (RFC 5652) in
// the profile that KS's Fiks clients use. Both directions are streams: memory
// does not grow with the size of the content.
//
//	w, err := cms.NewWriter(dst, recipientCertificate)
//	io.Copy(w, src)
//	w.Close() // writes the end of the message; dst stays open
//
//	r, err := cms.NewReader(src, cms.Key{Private: current}, cms.Key{Private: previous})
//	io.Copy(dst, r)
//
// # What is written
//
// The bytes have the same structure as those of KS's Java library: BER with
// indefinite lengths, one RSAES-OAEP (SHA-256, MGF1 with SHA-256) recipient per
// certificate named by issuer and serial number, AES-256-CBC, and the content in
// OCTET STRINGs of 1000 bytes. Only key, IV and ciphertext differ from what Java
// would have written.
//
// # What is read
//
// BER or DER, definite or indefinite lengths, primitive or (nested) constructed
// content, chunks of any size; recipients by issuer and serial number or by
// subject key identifier; RSAES-OAEP with SHA-1, SHA-256, SHA-384 or SHA-512
// (for the hash and for MGF1, alike or not) and RSAES-PKCS1-v1_5; AES-128, -192
// and -256 in CBC mode, and in GCM mode as AuthEnvelopedData (RFC 5083) up to
// [MaxGCM] bytes. Bytes after the message are ignored, as OpenSSL and Bouncy
// Castle ignore them.
//
// # What it does not give
//
// EnvelopedData has no integrity protection: whoever can change the message can
// change the content. What is read is provisional until the reader has returned
// io.EOF, and unauthenticated until a signature inside it (ASiC-E) has been
// verified. A service that decrypts for others should answer every failure after
// the header alike, so that it does not become a padding oracle.
package cms

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
)

var (
	// ErrFormat is the error of input that is not a CMS encrypted message, or is
	// a damaged or truncated one. It does not depend on any key; its text says
	// what was found and at which byte. Truncation is also io.ErrUnexpectedEOF.
	ErrFormat = errors.New("cms: malformed message")

	// ErrUnsupported is the error of a well-formed message whose content
	// encryption is not in the profile, e.g. SignedData or triple-DES.
	ErrUnsupported = errors.New("cms: unsupported message")

	// ErrTooLarge is the error of AES-GCM content above MaxGCM.
	ErrTooLarge = errors.New("cms: authenticated content too large")

	// ErrNoRecipient tells that none of the given keys belongs to a recipient.
	ErrNoRecipient = errors.New("cms: none of our keys is a recipient")

	// ErrDecrypt is the one error of everything that fails because of the key or
	// the encrypted bytes: unwrapping, padding, authentication tag. It says no
	// more on purpose.
	ErrDecrypt = errors.New("cms: decryption failed")
)

// MaxGCM is the largest AES-GCM content in bytes. Such content is kept in memory,
// because none of it may be handed out before its tag is verified.
const MaxGCM = 16 << 20

// Key is a private key that messages may be encrypted to.
type Key struct {
	// Private is an *rsa.PrivateKey, or any crypto.Decrypter whose public key is
	// an *rsa.PublicKey and which takes rsa.OAEPOptions and
	// rsa.PKCS1v15DecryptOptions, such as a key in an HSM.
	Private crypto.Decrypter

	// Certificate, when set, limits the key to recipients that name this
	// certificate by issuer and serial number or by subject key identifier.
	// Without it the key is tried on every recipient. Give one Key for each
	// certificate when several were issued for the same private key.
	Certificate *x509.Certificate
}

// public returns the RSA public key, or an error if k is not usable.
func (k Key) public() (*rsa.PublicKey, error) {
	if k.Private == nil {
		return nil, errors.New("cms: key without a private key")
	}
	pub, ok := k.Private.Public().(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("cms: private key is %T, want RSA", k.Private)
	}
	if k.Certificate != nil && !pub.Equal(k.Certificate.PublicKey) {
		return nil, fmt.Errorf("cms: certificate %x does not belong to its private key", k.Certificate.SerialNumber)
	}
	return pub, nil
}
