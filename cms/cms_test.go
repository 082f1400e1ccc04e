package cms_test

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"io"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"knutepunkt/cms"
)

// party is somebody with a key and a certificate.
type party struct {
	key  *rsa.PrivateKey
	cert *x509.Certificate
}

func (p party) anonymous() cms.Key { return cms.Key{Private: p.key} }
func (p party) named() cms.Key     { return cms.Key{Private: p.key, Certificate: p.cert} }

var (
	kommune    = sync.OnceValue(func() party { return newParty(2048, "Testkommune Ås") })
	kommuneOld = sync.OnceValue(func() party { return newParty(2048, "Testkommune Ås") })
	large      = sync.OnceValue(func() party { return newParty(3072, "Fylkeskommune") })
)

func newParty(bits int, name string) party {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err)
	}
	ski := sha1.Sum(x509.MarshalPKCS1PublicKey(&key.PublicKey))
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{Country: []string{"NO"}, Organization: []string{name}, CommonName: name},
		NotBefore:    time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC), // long past: nobody checks
		SubjectKeyId: ski[:],
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return party{key, cert}
}

// hsm hides the type of a key, as a key in hardware does.
type hsm struct{ crypto.Decrypter }

func encrypt(t testing.TB, o cms.Options, plain []byte, to ...party) []byte {
	t.Helper()
	var certs []*x509.Certificate
	for _, p := range to {
		certs = append(certs, p.cert)
	}
	var out bytes.Buffer
	w, err := o.NewWriter(&out, certs...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func decrypt(message []byte, keys ...cms.Key) ([]byte, error) {
	r, err := cms.NewReader(bytes.NewReader(message), keys...)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// mustDecrypt fails unless the message gives this plaintext.
func mustDecrypt(t testing.TB, message, want []byte, keys ...cms.Key) {
	t.Helper()
	got, err := decrypt(message, keys...)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("got %d other bytes, want %d", len(got), len(want))
	}
}

// noise is n bytes that look random and are the same every time.
func noise(n int) []byte {
	block, _ := aes.NewCipher(make([]byte, 16))
	p := make([]byte, n)
	cipher.NewCTR(block, make([]byte, 16)).XORKeyStream(p, p)
	return p
}

func unhex(s string) []byte {
	p, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		panic(err)
	}
	return p
}

// The rest of this file writes messages in shapes that cms.Writer does not, with
// an encoder of its own.

// tlv is a BER element. Constructed ones have indefinite length if so wanted.
func tlv(indefinite bool, tag byte, parts ...[]byte) []byte {
	contents := bytes.Join(parts, nil)
	if indefinite && tag&0x20 != 0 {
		return slices.Concat([]byte{tag, 0x80}, contents, []byte{0, 0})
	}
	if len(contents) < 0x80 {
		return slices.Concat([]byte{tag, byte(len(contents))}, contents)
	}
	// Non-minimal on purpose: BER allows leading zeros.
	n := len(contents)
	return slices.Concat([]byte{tag, 0x84, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, contents)
}

func oid(s string) []byte {
	var id asn1.ObjectIdentifier
	for part := range strings.SplitSeq(s, ".") {
		n, _ := new(big.Int).SetString(part, 10)
		id = append(id, int(n.Int64()))
	}
	der, err := asn1.Marshal(id)
	if err != nil {
		panic(err)
	}
	return der
}

// wrap is how one recipient gets the content key.
type wrap struct {
	to        party
	ski       bool
	pkcs1     bool
	hash, mgf crypto.Hash // 0: absent, i.e. SHA-1
	label     string
	nulls     bool
	broken    bool // encryptedKey that decrypts to nothing
	tooLarge  bool // encryptedKey above the modulus
	quick     bool // encrypted for quickKey
}

var hashOIDs = map[crypto.Hash]string{
	crypto.SHA1: "1.3.14.3.2.26", crypto.SHA256: "2.16.840.1.101.3.4.2.1",
	crypto.SHA384: "2.16.840.1.101.3.4.2.2", crypto.SHA512: "2.16.840.1.101.3.4.2.3",
}

func (w wrap) encode(indefinite bool, key []byte) []byte {
	enc := func(tag byte, parts ...[]byte) []byte { return tlv(indefinite, tag, parts...) }
	var encrypted, alg []byte
	var err error
	opts := &rsa.OAEPOptions{Hash: crypto.SHA1, MGFHash: crypto.SHA1, Label: []byte(w.label)}
	if w.pkcs1 {
		alg = enc(0x30, oid("1.2.840.113549.1.1.1"), []byte{5, 0})
	} else {
		var params [][]byte
		hashID := func(h crypto.Hash) []byte {
			if w.nulls {
				return enc(0x30, oid(hashOIDs[h]), []byte{5, 0})
			}
			return enc(0x30, oid(hashOIDs[h]))
		}
		if w.hash != 0 {
			opts.Hash = w.hash
			params = append(params, enc(0xA0, hashID(w.hash)))
		}
		if w.mgf != 0 {
			opts.MGFHash = w.mgf
			params = append(params, enc(0xA1, enc(0x30, oid("1.2.840.113549.1.1.8"), hashID(w.mgf))))
		}
		if w.label != "" {
			params = append(params, enc(0xA2, enc(0x30, oid("1.2.840.113549.1.1.9"), tlv(false, 0x04, []byte(w.label)))))
		}
		alg = enc(0x30, oid("1.2.840.113549.1.1.7"), enc(0x30, params...))
	}
	switch public := w.to.cert.PublicKey.(*rsa.PublicKey); {
	case w.quick:
		encrypted = quickEncrypt(key)
	case w.pkcs1:
		encrypted, err = rsa.EncryptPKCS1v15(rand.Reader, public, key)
	default:
		encrypted, err = rsa.EncryptOAEPWithOptions(rand.Reader, public, key, opts)
	}
	if err != nil {
		panic(err)
	}
	if w.broken {
		encrypted[len(encrypted)/2] ^= 1
	}
	if w.tooLarge {
		encrypted = bytes.Repeat([]byte{0xff}, len(encrypted))
	}
	encryptedKey := tlv(false, 0x04, encrypted)
	if indefinite { // in pieces, since BER may
		encryptedKey = enc(0x24, tlv(false, 0x04, encrypted[:100]), tlv(false, 0x04, encrypted[100:]))
	}
	if w.ski {
		return enc(0x30, []byte{2, 1, 2}, tlv(false, 0x80, w.to.cert.SubjectKeyId), alg, encryptedKey)
	}
	serial, _ := asn1.Marshal(w.to.cert.SerialNumber)
	return enc(0x30, []byte{2, 1, 0}, enc(0x30, w.to.cert.RawIssuer, serial), alg, encryptedKey)
}

// shape is a way to write a message.
type shape struct {
	indefinite bool
	keyLen     int // bytes
	wraps      []wrap
	gcm        bool
	attributes []byte // contents of authAttrs
	tagLen     int
	nonceLen   int
	originator []byte // originatorInfo element
	tail       []byte // unprotectedAttrs element
	padding    []byte // nil: the right one
	key        []byte // content key; nil: some
	// content makes the encryptedContent element of the ciphertext; nil is primitive.
	content func(cipherText []byte) []byte
}

func (s shape) encode(plain []byte) []byte {
	enc := func(tag byte, parts ...[]byte) []byte { return tlv(s.indefinite, tag, parts...) }
	key := noise(s.keyLen)
	if s.key != nil {
		key = s.key
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	var infos [][]byte
	for _, w := range s.wraps {
		infos = append(infos, w.encode(s.indefinite, key))
	}
	if s.content == nil {
		s.content = func(p []byte) []byte { return tlv(false, 0x80, p) }
	}
	algs := map[int]int{16: 2, 24: 22, 32: 42}
	contentType := "1.2.840.113549.1.7.3"
	var params, cipherText, mac []byte
	var after [][]byte
	if s.gcm {
		contentType = "1.2.840.113549.1.9.16.1.23"
		algs = map[int]int{16: 6, 24: 26, 32: 46}
		nonce := noise(s.nonceLen)
		var aead cipher.AEAD
		if s.nonceLen == 12 {
			aead, err = cipher.NewGCMWithTagSize(block, s.tagLen)
		} else {
			aead, err = cipher.NewGCMWithNonceSize(block, s.nonceLen)
		}
		if err != nil {
			panic(err)
		}
		var aad []byte
		if s.attributes != nil {
			aad = tlv(false, 0x31, s.attributes)
			after = append(after, enc(0xA1, s.attributes))
		}
		sealed := aead.Seal(nil, nonce, plain, aad)
		cipherText, mac = sealed[:len(plain)], sealed[len(plain):]
		params = enc(0x30, tlv(false, 0x04, nonce))
		if s.tagLen != 12 {
			params = enc(0x30, tlv(false, 0x04, nonce), []byte{2, 1, byte(s.tagLen)})
		}
		after = append(after, tlv(false, 0x04, mac))
	} else {
		iv := noise(16)
		pad := 16 - len(plain)%16
		if s.padding == nil {
			s.padding = bytes.Repeat([]byte{byte(pad)}, pad)
		}
		cipherText = slices.Concat(plain, s.padding)
		cipher.NewCBCEncrypter(block, iv).CryptBlocks(cipherText, cipherText)
		params = tlv(false, 0x04, iv)
	}
	if s.tail != nil {
		after = append(after, s.tail)
	}
	alg := enc(0x30, oid("2.16.840.1.101.3.4.1."+big.NewInt(int64(algs[s.keyLen])).String()), params)
	data := []([]byte){
		{2, 1, 0}, s.originator,
		enc(0x31, infos...),
		enc(0x30, oid("1.2.840.113549.1.7.1"), alg, s.content(cipherText)),
	}
	return enc(0x30, oid(contentType), enc(0xA0, enc(0x30, append(data, after...)...)))
}

// chunked makes constructed content of OCTET STRINGs of n bytes.
func chunked(indefinite bool, n int) func([]byte) []byte {
	return func(p []byte) []byte {
		var parts [][]byte
		for part := range slices.Chunk(p, n) {
			parts = append(parts, tlv(false, 0x04, part))
		}
		return tlv(indefinite, 0xA0, parts...)
	}
}

// nested makes content of OCTET STRINGs inside OCTET STRINGs, of many sizes.
func nested(p []byte) []byte {
	var parts [][]byte
	for i := 0; len(p) > 0; i++ {
		n := min(len(p), i%37)
		parts = append(parts, tlv(i%2 == 0, 0x24,
			tlv(false, 0x04),
			tlv(i%3 == 0, 0x24, tlv(false, 0x04, p[:n/2]), tlv(false, 0x04, p[n/2:n])),
			tlv(i%5 == 0, 0x24)))
		p = p[n:]
	}
	return tlv(true, 0xA0, parts...)
}
