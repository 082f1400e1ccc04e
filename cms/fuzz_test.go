package cms_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"testing"

	"knutepunkt/cms"
)

// quickKey stands in for RSA, which is too slow under the fuzzer: its encryption
// is to write the content key at the end of 256 bytes, with its length.
type quickKey struct{}

var quickCert = &x509.Certificate{
	RawIssuer:    tlv(false, 0x30),
	SerialNumber: big.NewInt(7),
	SubjectKeyId: []byte("identifier"),
	PublicKey:    quickKey{}.Public(),
}

func (quickKey) Public() crypto.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), 2047)
	return &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}
}

func quickEncrypt(key []byte) []byte {
	p := make([]byte, 256)
	copy(p[200:], key)
	p[255] = byte(len(key))
	return p
}

func (quickKey) Decrypt(_ io.Reader, p []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	n := int(p[255])
	if pkcs1, ok := opts.(*rsa.PKCS1v15DecryptOptions); ok {
		n = pkcs1.SessionKeyLen
	}
	if n > 32 {
		return nil, rsa.ErrDecryption
	}
	return p[200 : 200+n], nil
}

// FuzzReader feeds the reader anything. It may refuse, with an error that has a
// name, but not panic, nor give more than was in the message.
func FuzzReader(f *testing.F) {
	for _, s := range shapes() {
		for i := range s.wraps {
			s.wraps[i].to.cert, s.wraps[i].quick = quickCert, true
		}
		f.Add(s.encode(noise(50)))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		h, inspectErr := cms.Inspect(bytes.NewReader(message))
		for _, key := range []cms.Key{{Private: quickKey{}, Certificate: quickCert}, {Private: quickKey{}}} {
			var got countingWriter
			r, err := cms.NewReader(bytes.NewReader(message), key)
			if err == nil {
				_, err = io.Copy(&got, r)
			}
			if int(got) > len(message) {
				t.Errorf("%d bytes from a message of %d", got, len(message))
			}
			if err == nil && (inspectErr != nil || len(h.Recipients) == 0) {
				t.Errorf("decrypted, but Inspect tells %+v, %v", h, inspectErr)
			}
			if err != nil && !errors.Is(err, cms.ErrFormat) && !errors.Is(err, cms.ErrUnsupported) &&
				!errors.Is(err, cms.ErrNoRecipient) && !errors.Is(err, cms.ErrDecrypt) {
				t.Errorf("nameless error %v", err)
			}
		}
	})
}

type countingWriter int

func (c *countingWriter) Write(p []byte) (int, error) {
	*c += countingWriter(len(p))
	return len(p), nil
}

// FuzzContent cuts known ciphertext as the input says, into chunks at any depth,
// and expects the plaintext back.
func FuzzContent(f *testing.F) {
	f.Add(uint16(100), []byte{16, 16, 16})
	f.Add(uint16(0), []byte{0x80, 0x81, 3, 0xC0, 0xC0, 0})
	f.Add(uint16(5000), []byte{255, 0x80, 255, 0xC0, 255})
	f.Fuzz(func(t *testing.T, size uint16, cuts []byte) {
		if len(cuts) > 1000 {
			return
		}
		plain := noise(int(size))
		message := shape{keyLen: 32, wraps: []wrap{{to: party{cert: quickCert}, quick: true, hash: crypto.SHA256, mgf: crypto.SHA256}}, content: func(c []byte) []byte {
			// Each byte of cuts: below 0x80 so many bytes more as a chunk; below 0xC0
			// step into an OCTET STRING; else step out. The rest is the last chunk.
			levels := [][]byte{nil}
			add := func(e []byte) { top := len(levels) - 1; levels[top] = append(levels[top], e...) }
			out := func() {
				top := len(levels) - 1
				e := tlv(top%2 == 0, 0x24, levels[top])
				levels = levels[:top]
				add(e)
			}
			for _, cut := range cuts {
				switch {
				case cut < 0x80:
					n := min(int(cut), len(c))
					add(tlv(false, 0x04, c[:n]))
					c = c[n:]
				case cut < 0xC0 && len(levels) < 20:
					levels = append(levels, nil)
				case len(levels) > 1:
					out()
				}
			}
			add(tlv(false, 0x04, c))
			for len(levels) > 1 {
				out()
			}
			return tlv(len(cuts)%2 == 0, 0xA0, levels[0])
		}}.encode(plain)
		mustDecrypt(t, message, plain, cms.Key{Private: quickKey{}, Certificate: quickCert})
	})
}
