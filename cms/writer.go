package cms

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"

	"knutepunkt/cms/internal/aescbc"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

const (
	// chunkSize is the length of the OCTET STRINGs of the content. It is that of
	// Bouncy Castle, whose structure we match. Larger ones would save 0.4 % of the
	// size and some hundredths of the time.
	chunkSize   = 1000
	chunkHeader = 4 // 04 82 03 E8
	// plainSize is what a Writer encrypts and writes at a time: whole chunks and
	// whole cipher blocks.
	plainSize = 64 * 2000
	// minRSABits is the smallest recipient key that is written to.
	minRSABits = 2048
)

var errClosed = errors.New("cms: write after close")

// Options are deviations from the profile in the package comment. The zero value
// is the profile.
type Options struct {
	// KeySize is the size of the AES content key in bytes: 16, 24 or, the default, 32.
	KeySize int
	// PKCS1v15First adds an RSAES-PKCS1-v1_5 recipient before each OAEP one, as KS's
	// .NET library does. It is for tests of what such messages meet; it makes
	// messages open to attacks that OAEP is not.
	PKCS1v15First bool
}

// Writer encrypts what is written to it. It is not for concurrent use.
type Writer struct {
	w     io.Writer
	cbc   cipher.BlockMode
	plain []byte // plaintext that waits, then ciphertext
	n     int    // length of the plaintext
	out   []byte // message bytes to write
	err   error  // what every later call returns
}

// NewWriter starts a message to the recipients, in the profile of the package
// comment. Nothing is written to w before the first 125 KiB of content or Close.
//
// Only the keys of the certificates matter: validity, usage, issuer and revocation
// are not looked at, as KS's libraries do not; who accepts a certificate checks it.
// It is an error if there is no recipient, or one without an RSA key of at least
// 2048 bits.
func NewWriter(w io.Writer, recipients ...*x509.Certificate) (*Writer, error) {
	return Options{}.NewWriter(w, recipients...)
}

// NewWriter is the function of that name with options.
func (o Options) NewWriter(w io.Writer, recipients ...*x509.Certificate) (*Writer, error) {
	var algorithm asn1.ObjectIdentifier
	switch o.KeySize {
	case 0, 32:
		o.KeySize, algorithm = 32, oidAES256CBC
	case 24:
		algorithm = oidAES192CBC
	case 16:
		algorithm = oidAES128CBC
	default:
		return nil, fmt.Errorf("cms: content key of %d bytes", o.KeySize)
	}
	secret := make([]byte, o.KeySize+aes.BlockSize)
	rand.Read(secret) // never fails
	key, iv := secret[:o.KeySize], secret[o.KeySize:]
	cbc, err := aescbc.NewEncrypter(key, iv)
	if err != nil {
		return nil, fmt.Errorf("cms: %w", err)
	}
	z := &Writer{w: w, cbc: cbc, plain: make([]byte, plainSize)}
	header, err := o.header(recipients, key, iv, algorithm)
	if err != nil {
		return nil, err
	}
	z.out = make([]byte, 0, len(header)+plainSize/chunkSize*(chunkHeader+chunkSize)+10)
	z.out = append(z.out, header...)
	return z, nil
}

// header is everything before the content.
func (o Options) header(recipients []*x509.Certificate, key, iv []byte, algorithm asn1.ObjectIdentifier) ([]byte, error) {
	if len(recipients) == 0 {
		return nil, errors.New("cms: no recipients")
	}
	var infos []byte
	for i, cert := range recipients {
		info, err := o.recipient(cert, key)
		if err != nil {
			return nil, fmt.Errorf("cms: recipient %d: %w", i+1, err)
		}
		infos = append(infos, info...)
	}
	const indefinite = 0x80
	h := []byte{tagSequence, indefinite}                            // ContentInfo
	h = appendOID(h, oidEnvelopedData)                              // contentType
	h = append(h, tagContext0Parts, indefinite)                     // content
	h = append(h, tagSequence, indefinite, tagInteger, 1, 0)        // EnvelopedData, version 0
	h = appendDER(h, tagSet, infos)                                 // recipientInfos
	h = append(h, tagSequence, indefinite)                          // encryptedContentInfo
	h = appendOID(h, oidData)                                       // contentType
	alg := appendDER(appendOID(nil, algorithm), tagOctetString, iv) // contentEncryptionAlgorithm
	h = appendDER(h, tagSequence, alg)
	return append(h, tagContext0Parts, indefinite), nil // encryptedContent
}

// endOfContents closes the five elements that header opens.
var endOfContents [5 * 2]byte

// recipient is the KeyTransRecipientInfo of cert, or two of them.
func (o Options) recipient(cert *x509.Certificate, key []byte) ([]byte, error) {
	pub, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("certificate %x has a %s key; only RSA can be encrypted to", cert.SerialNumber, cert.PublicKeyAlgorithm)
	}
	if pub.N.BitLen() < minRSABits {
		return nil, fmt.Errorf("certificate %x has an RSA key of %d bits, below %d", cert.SerialNumber, pub.N.BitLen(), minRSABits)
	}
	var out []byte
	if o.PKCS1v15First {
		//lint:ignore SA1019 it is what this option is for
		encrypted, err := rsa.EncryptPKCS1v15(rand.Reader, pub, key)
		if err != nil {
			return nil, err
		}
		alg := append(appendOID(nil, oidRSA), tagNull, 0)
		if out, err = appendRecipient(out, cert, alg, encrypted); err != nil {
			return nil, err
		}
	}
	encrypted, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, pub, key, nil)
	if err != nil {
		return nil, err
	}
	// RSAES-OAEP-params, with the NULLs that Java writes.
	hash := appendDER(nil, tagSequence, append(appendOID(nil, oidSHA256), tagNull, 0))
	mgf := appendDER(nil, tagSequence, append(appendOID(nil, oidMGF1), hash...))
	params := appendDER(appendDER(nil, tagContext0Parts, hash), tagContext1Parts, mgf)
	return appendRecipient(out, cert, appendDER(appendOID(nil, oidOAEP), tagSequence, params), encrypted)
}

func appendRecipient(dst []byte, cert *x509.Certificate, algorithm, encryptedKey []byte) ([]byte, error) {
	b := cryptobyte.NewBuilder(dst)
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0) // version
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(cert.RawIssuer)
			b.AddASN1BigInt(cert.SerialNumber)
		})
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(algorithm) })
		b.AddASN1OctetString(encryptedKey)
	})
	return b.Bytes()
}

func appendOID(dst []byte, oid asn1.ObjectIdentifier) []byte {
	b := cryptobyte.NewBuilder(dst)
	b.AddASN1ObjectIdentifier(oid)
	return b.BytesOrPanic() // our own constants
}

// Write encrypts p. Errors are those of the underlying writer, and stay.
func (z *Writer) Write(p []byte) (int, error) {
	if z.err != nil {
		return 0, z.err
	}
	total := len(p)
	for len(p) > 0 {
		n := copy(z.plain[z.n:], p)
		z.n += n
		p = p[n:]
		if z.n == plainSize {
			if z.err = z.flush(); z.err != nil {
				return total - len(p), z.err
			}
		}
	}
	return total, nil
}

// ReadFrom encrypts everything in r. It lets io.Copy do without a buffer. An error
// of r does not close the message and leaves what was read in it.
func (z *Writer) ReadFrom(r io.Reader) (total int64, err error) {
	empty := 0
	for z.err == nil {
		n, err := r.Read(z.plain[z.n:])
		z.n += n
		total += int64(n)
		if z.n == plainSize {
			if z.err = z.flush(); z.err != nil {
				break
			}
		}
		if err == io.EOF {
			return total, nil
		}
		if empty++; n > 0 {
			empty = 0
		}
		if err == nil && empty == 100 {
			err = io.ErrNoProgress
		}
		if err != nil {
			return total, err
		}
	}
	return total, z.err
}

// flush encrypts and writes a full z.plain.
func (z *Writer) flush() error {
	z.seal()
	return z.writeOut()
}

// seal moves the plaintext that waits to z.out, encrypted. It must be whole blocks,
// and whole chunks unless it is the last.
func (z *Writer) seal() {
	cipherText := z.plain[:z.n]
	z.n = 0
	z.cbc.CryptBlocks(cipherText, cipherText)
	for len(cipherText) > 0 {
		n := min(len(cipherText), chunkSize)
		z.out = appendDER(z.out, tagOctetString, cipherText[:n])
		cipherText = cipherText[n:]
	}
}

func (z *Writer) writeOut() error {
	n, err := z.w.Write(z.out)
	if err == nil && n < len(z.out) {
		err = io.ErrShortWrite
	}
	z.out = z.out[:0]
	return err
}

// Close ends the message: without it, a reader finds it truncated. It does not
// close the underlying writer. Closing again does nothing.
func (z *Writer) Close() error {
	if z.err == errClosed {
		return nil
	}
	if z.err != nil {
		return z.err
	}
	pad := aes.BlockSize - z.n%aes.BlockSize // fits: less than plainSize waits
	for range pad {
		z.plain[z.n] = byte(pad)
		z.n++
	}
	z.seal()
	z.out = append(z.out, endOfContents[:]...)
	if z.err = z.writeOut(); z.err != nil {
		return z.err
	}
	z.err = errClosed
	return nil
}
