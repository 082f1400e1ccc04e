package cms

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"fmt"
	"io"
	"sync"
)

// bufferSize is what a Reader reads and decrypts at a time. It holds two of these,
// until it has come to an end.
const bufferSize = 64 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

func newBuffer() []byte { return buffers.Get().(*[bufferSize]byte)[:] }

func putBuffer(b []byte) {
	if cap(b) == bufferSize {
		buffers.Put((*[bufferSize]byte)(b[:bufferSize]))
	}
}

// Reader gives the content of a message, decrypted. It is not for concurrent use.
type Reader struct {
	d      *berReader
	header Header
	params contentParameters
	cbc    cipher.BlockMode // nil for GCM
	gcm    cipher.AEAD      // nil for CBC

	buf   []byte // plaintext, followed by ciphertext that waits for its successor
	i, n  int    // buf[i:n] is plaintext to hand out
	carry int    // buf[n:n+carry] is ciphertext
	err   error  // what follows it
}

// NewReader reads the header of the message in r and finds the content key with
// the first of the keys that can. OAEP recipients are preferred to PKCS#1 v1.5
// ones. It tries at most 64 pairs of a key and a recipient, so that a message with
// many recipients costs little when keys come without certificates.
//
// Errors: ErrFormat, ErrUnsupported, ErrNoRecipient, ErrDecrypt, errors of r, or
// that a key is not usable. A wrong key without certificate gives ErrDecrypt here
// or, if a recipient is by PKCS#1 v1.5, after the content. That late failure is
// certain only to 255 in 256; such content is noise.
//
// NewReader reads from r in large steps, beyond the header and perhaps beyond the
// message.
func NewReader(r io.Reader, keys ...Key) (*Reader, error) {
	d := newBERReader(r)
	header, params, content, err := readHeader(d)
	if err != nil {
		return nil, err
	}
	if params.keyLen == 0 {
		return nil, fmt.Errorf("%w: content encryption %s (AuthEnvelopedData: %t)", ErrUnsupported, header.ContentAlgorithm, header.Authenticated)
	}
	if params.gcm && len(params.iv) != 12 && params.tagLen != 16 {
		return nil, fmt.Errorf("%w: %s with a nonce of %d and a tag of %d bytes", ErrUnsupported, header.ContentAlgorithm, len(params.iv), params.tagLen)
	}
	oaep, pkcs1, err := candidates(header.Recipients, keys)
	if err != nil {
		return nil, err
	}
	key, err := unwrap(oaep, pkcs1, params.keyLen)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("cms: %w", err)
	}
	z := &Reader{d: d, header: header, params: params}
	switch {
	case !params.gcm:
		z.cbc = cipher.NewCBCDecrypter(block, params.iv)
		z.buf = newBuffer()
	case len(params.iv) == 12:
		z.gcm, err = cipher.NewGCMWithTagSize(block, params.tagLen)
	default:
		z.gcm, err = cipher.NewGCMWithNonceSize(block, len(params.iv))
	}
	if err != nil {
		return nil, fmt.Errorf("cms: %w", err)
	}
	if err := d.openContent(content); err != nil {
		return nil, err
	}
	return z, nil
}

// Header is what the message tells of itself.
func (z *Reader) Header() Header { return z.header }

// Read gives decrypted content. It returns io.EOF only after the whole message,
// with its end marks and padding or tag, was there and right; otherwise
// ErrFormat, ErrDecrypt, ErrTooLarge or an error of the underlying reader.
func (z *Reader) Read(p []byte) (int, error) {
	for z.i == z.n {
		if z.err != nil {
			z.release()
			return 0, z.err
		}
		if len(p) == 0 {
			return 0, nil
		}
		z.fill()
	}
	n := copy(p, z.buf[z.i:z.n])
	z.i += n
	return n, nil
}

// WriteTo writes the rest of the content to w. It lets io.Copy do without a
// buffer.
func (z *Reader) WriteTo(w io.Writer) (total int64, err error) {
	for {
		if z.i < z.n {
			n, err := w.Write(z.buf[z.i:z.n])
			z.i += n
			total += int64(n)
			if err == nil && z.i < z.n {
				err = io.ErrShortWrite
			}
			if err != nil {
				return total, err
			}
		}
		if z.err != nil {
			z.release()
			if z.err == io.EOF {
				return total, nil
			}
			return total, z.err
		}
		z.fill()
	}
}

// release gives the buffers back once all was handed out.
func (z *Reader) release() {
	putBuffer(z.buf)
	putBuffer(z.d.buf)
	z.buf, z.i, z.n, z.d.buf = nil, 0, 0, nil
}

// fill decrypts more content, or sets z.err.
func (z *Reader) fill() {
	if z.gcm != nil {
		z.fillGCM()
		return
	}
	// The last block of the content is padding, and only the end tells which one
	// is the last: so the last one read is always kept back.
	copy(z.buf, z.buf[z.n:z.n+z.carry])
	got, err := z.d.content(z.buf[z.carry:])
	got += z.carry
	z.i, z.n, z.carry = 0, 0, 0
	switch err {
	case nil:
		z.carry = aes.BlockSize
		z.n = got - z.carry
		z.cbc.CryptBlocks(z.buf[:z.n], z.buf[:z.n])
		return
	case io.EOF:
	default:
		z.err = err
		return
	}
	if z.err = z.finish(); z.err != nil {
		return
	}
	if got == 0 || got%aes.BlockSize != 0 {
		z.err = fmt.Errorf("%w: the encrypted content is not a whole number of blocks", ErrFormat)
		return
	}
	z.cbc.CryptBlocks(z.buf[:got], z.buf[:got])
	pad, ok := padding(z.buf[got-aes.BlockSize : got])
	if !ok {
		z.err = ErrDecrypt
		return
	}
	z.n, z.err = got-pad, io.EOF
}

// padding checks the PKCS#7 padding of the last block in constant time.
func padding(block []byte) (n int, ok bool) {
	last := int(block[len(block)-1])
	good := subtle.ConstantTimeLessOrEq(1, last) & subtle.ConstantTimeLessOrEq(last, len(block))
	for i, b := range block {
		inside := subtle.ConstantTimeLessOrEq(len(block)-last, i)
		good &= subtle.ConstantTimeSelect(inside, subtle.ConstantTimeByteEq(b, byte(last)), 1)
	}
	return last, good == 1
}

// fillGCM reads the whole content, verifies it and makes it ready.
func (z *Reader) fillGCM() {
	buf := make([]byte, 0, bufferSize)
	for {
		got, err := z.d.content(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+got]
		if err == io.EOF {
			break
		}
		if err != nil {
			z.err = err
			return
		}
		if len(buf) > MaxGCM {
			z.err = fmt.Errorf("%w: more than %d bytes", ErrTooLarge, MaxGCM)
			return
		}
		// At the limit there is room for one byte more, to see that the content ends,
		// and for the tag.
		size := 2 * cap(buf)
		if size > MaxGCM/2 {
			size = MaxGCM + 1 + 16
		}
		grown := make([]byte, len(buf), size)
		copy(grown, buf)
		buf = grown
	}
	if len(buf) > MaxGCM {
		z.err = fmt.Errorf("%w: more than %d bytes", ErrTooLarge, MaxGCM)
		return
	}
	attributes, tag, err := z.finishGCM()
	if err != nil {
		z.err = err
		return
	}
	buf = append(buf, tag...)
	plain, err := z.gcm.Open(buf[:0], z.params.iv, buf, attributes)
	if err != nil {
		z.err = ErrDecrypt
		return
	}
	z.buf, z.i, z.n, z.err = plain, 0, len(plain), io.EOF
}

// finish reads what follows the content of EnvelopedData, to the end of the
// message.
func (z *Reader) finish() error {
	z.d.closeContent()
	if err := z.d.expectEnd("encryptedContentInfo"); err != nil {
		return err
	}
	return z.finishOptional(tagContext1Parts, "EnvelopedData")
}

// finishGCM does the same for AuthEnvelopedData (RFC 5083 §2.1) and returns what
// is authenticated beside the content, and the tag.
func (z *Reader) finishGCM() (attributes, tag []byte, err error) {
	z.d.closeContent()
	if err := z.d.expectEnd("authEncryptedContentInfo"); err != nil {
		return nil, nil, err
	}
	e, ok, err := z.d.next()
	if err == nil && ok && e.tag == tagContext1Parts {
		set, err := z.d.contents(e)
		if err != nil {
			return nil, nil, err
		}
		attributes = appendDER(nil, tagSet, set) // RFC 5083 §2.2
		e, ok, err = z.d.next()
		if err != nil {
			return nil, nil, err
		}
	}
	if err != nil {
		return nil, nil, err
	}
	if !ok || e.tag != tagOctetString {
		return nil, nil, z.d.malformed("mac is missing")
	}
	if tag, err = z.d.contents(e); err != nil {
		return nil, nil, err
	}
	if len(tag) != z.params.tagLen {
		return nil, nil, z.d.malformed("mac of %d bytes, want %d", len(tag), z.params.tagLen)
	}
	return attributes, tag, z.finishOptional(tagContext2Parts, "AuthEnvelopedData")
}

// finishOptional skips unprotected attributes with this tag and closes the three
// outermost elements.
func (z *Reader) finishOptional(tag byte, name string) error {
	e, ok, err := z.d.next()
	if err != nil {
		return fmt.Errorf("%w (end of %s)", err, name)
	}
	if ok {
		if e.tag != tag {
			return z.d.malformed("found tag %#02x, want the end of %s", e.tag, name)
		}
		if _, err := z.d.contents(e); err != nil {
			return fmt.Errorf("%w (attributes)", err)
		}
		if err := z.d.expectEnd(name); err != nil {
			return err
		}
	}
	if err := z.d.expectEnd("content"); err != nil {
		return err
	}
	return z.d.expectEnd("ContentInfo")
}
