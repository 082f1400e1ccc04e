package cms_test

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"knutepunkt/cms"

	"github.com/google/go-cmp/cmp"
)

func to(p party) []wrap { return []wrap{{to: p, hash: crypto.SHA256, mgf: crypto.SHA256}} }

// shapes are messages that others write, or could.
func shapes() map[string]shape {
	k := kommune()
	m := map[string]shape{
		"DER":                          {keyLen: 32, wraps: to(k)},
		"BER":                          {keyLen: 32, wraps: to(k), indefinite: true, content: chunked(true, 1000)},
		"BER around primitive content": {keyLen: 32, wraps: to(k), indefinite: true},
		"chunks of one byte":           {keyLen: 32, wraps: to(k), content: chunked(true, 1)},
		"chunks of 17, definite":       {keyLen: 32, wraps: to(k), content: chunked(false, 17)},
		"chunks of 4096":               {keyLen: 32, wraps: to(k), content: chunked(true, 4096)},
		"chunks of 65536":              {keyLen: 32, wraps: to(k), content: chunked(true, 65536)},
		"nested":                       {keyLen: 32, wraps: to(k), content: nested},
		"AES-128":                      {keyLen: 16, wraps: to(k)},
		"AES-192":                      {keyLen: 24, wraps: to(k)},
		"SKI":                          {keyLen: 32, wraps: []wrap{{to: k, ski: true, hash: crypto.SHA256, mgf: crypto.SHA256}}},
		"PKCS#1":                       {keyLen: 32, wraps: []wrap{{to: k, pkcs1: true}}},
		"PKCS#1 first":                 {keyLen: 32, wraps: []wrap{{to: k, pkcs1: true}, to(k)[0]}},
		"PKCS#1 first, OAEP broken":    {keyLen: 32, wraps: []wrap{{to: k, pkcs1: true}, {to: k, broken: true}}},
		"among others":                 {keyLen: 32, wraps: []wrap{to(large())[0], to(kommuneOld())[0], to(k)[0]}},
		"OAEP with a label":            {keyLen: 32, wraps: []wrap{{to: k, hash: crypto.SHA256, mgf: crypto.SHA256, label: "etikett"}}},
		"originator and attributes": {keyLen: 32, wraps: to(k), indefinite: true,
			originator: tlv(true, 0xA0, tlv(false, 0xA0, noise(0))), tail: tlv(true, 0xA1, tlv(true, 0x30, oid("1.2.3"), tlv(true, 0x31)))},
		"GCM":                 {keyLen: 32, wraps: to(k), gcm: true, tagLen: 16, nonceLen: 12},
		"GCM by PKCS#1":       {keyLen: 32, wraps: []wrap{{to: k, pkcs1: true}}, gcm: true, tagLen: 16, nonceLen: 12},
		"GCM-128, tag of 12":  {keyLen: 16, wraps: to(k), gcm: true, tagLen: 12, nonceLen: 12},
		"GCM-192, nonce of 8": {keyLen: 24, wraps: to(k), gcm: true, tagLen: 16, nonceLen: 8},
		"GCM in chunks": {keyLen: 32, wraps: to(k), indefinite: true, gcm: true, tagLen: 16, nonceLen: 12, content: chunked(true, 100),
			attributes: tlv(false, 0x30, oid("1.2.840.113549.1.9.3"), tlv(false, 0x31, oid("1.2.840.113549.1.7.1"))), tail: tlv(true, 0xA2)},
	}
	for _, hash := range []crypto.Hash{0, crypto.SHA1, crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		for _, mgf := range []crypto.Hash{0, crypto.SHA1, crypto.SHA256, crypto.SHA384, crypto.SHA512} {
			for _, nulls := range []bool{false, true} {
				m[fmt.Sprintf("OAEP %d %d NULLs %t", hash, mgf, nulls)] = shape{keyLen: 32, wraps: []wrap{{to: k, hash: hash, mgf: mgf, nulls: nulls}}}
			}
		}
	}
	return m
}

func TestReadsShapes(t *testing.T) {
	t.Parallel()
	k := kommune()
	for name, s := range shapes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, size := range []int{0, 1, 15, 16, 1000, 70_000} {
				plain := noise(size)
				message := s.encode(plain)
				mustDecrypt(t, message, plain, k.named())
				mustDecrypt(t, message, plain, kommuneOld().anonymous(), large().anonymous(), k.anonymous())
				mustDecrypt(t, message, plain, cms.Key{Private: hsm{k.key}})
				mustDecrypt(t, append(message, "\r\ngarbage"...), plain, k.named())

				r, err := cms.NewReader(iotest.OneByteReader(iotest.DataErrReader(bytes.NewReader(message))), k.named())
				if err != nil {
					t.Fatal(err)
				}
				if err := iotest.TestReader(r, plain); size < 2000 && err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// Readers take their buffers from a common stock and give them back: none may
// touch what another hands out, nor come back to life after its end.
func TestReadersDoNotShare(t *testing.T) {
	t.Parallel()
	var messages, plain [4][]byte
	for i := range messages {
		plain[i] = noise(150_000 + i)
		messages[i] = encrypt(t, cms.Options{}, plain[i], kommune())
	}
	var all sync.WaitGroup
	for i := range messages {
		all.Go(func() {
			for range 10 {
				r, err := cms.NewReader(bytes.NewReader(messages[i]), kommune().anonymous())
				if err != nil {
					t.Error(err)
					return
				}
				first := make([]byte, 70_000)
				_, err = io.ReadFull(r, first)
				var rest bytes.Buffer
				if err == nil {
					_, err = r.WriteTo(&rest)
				}
				if err != nil || !bytes.Equal(slices.Concat(first, rest.Bytes()), plain[i]) {
					t.Errorf("message %d came out wrong (%v)", i, err)
				}
				if n, err := r.Read(first); n != 0 || err != io.EOF {
					t.Errorf("after the end: %d bytes, %v", n, err)
				}
				if n, err := r.WriteTo(&rest); n != 0 || err != nil {
					t.Errorf("after the end: %d bytes, %v", n, err)
				}
			}
		})
	}
	all.Wait()
}

// TestTruncated cuts small messages after every byte.
func TestTruncated(t *testing.T) {
	t.Parallel()
	k := kommune()
	messages := map[string][]byte{"our own": encrypt(t, cms.Options{}, noise(40), k)}
	for _, name := range []string{"DER", "BER", "PKCS#1", "nested", "originator and attributes", "GCM", "GCM in chunks"} {
		messages[name] = shapes()[name].encode(noise(40))
	}
	for name, message := range messages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := range message {
				_, err := decrypt(message[:n], k.named())
				if !errors.Is(err, cms.ErrFormat) || !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatalf("cut after %d of %d bytes: %v, want ErrFormat and ErrUnexpectedEOF", n, len(message), err)
				}
			}
		})
	}
}

func TestWrongKey(t *testing.T) {
	t.Parallel()
	old, stranger := kommuneOld(), large()
	for _, tc := range []struct {
		shape string
		key   cms.Key
		want  error
	}{
		{"DER", old.named(), cms.ErrNoRecipient},
		{"DER", stranger.anonymous(), cms.ErrNoRecipient}, // 3072 bits cannot be it
		{"DER", old.anonymous(), cms.ErrDecrypt},
		{"SKI", old.named(), cms.ErrNoRecipient},
		{"SKI", old.anonymous(), cms.ErrDecrypt},
		{"PKCS#1", old.named(), cms.ErrNoRecipient},
		{"GCM", old.anonymous(), cms.ErrDecrypt},
		{"GCM by PKCS#1", old.anonymous(), cms.ErrDecrypt},
		{"GCM by PKCS#1", cms.Key{Private: hsm{old.key}}, cms.ErrDecrypt},
	} {
		got, err := decrypt(shapes()[tc.shape].encode(noise(5000)), tc.key)
		if !errors.Is(err, tc.want) || len(got) > 0 {
			t.Errorf("%s: %d bytes and %v, want %v", tc.shape, len(got), err, tc.want)
		}
	}
	if _, err := decrypt(encrypt(t, cms.Options{}, nil, old)); !errors.Is(err, cms.ErrNoRecipient) {
		t.Errorf("no keys: %v", err)
	}
	mismatch := cms.Key{Private: old.key, Certificate: kommune().cert}
	if _, err := decrypt(encrypt(t, cms.Options{}, nil, old), mismatch); err == nil || errors.Is(err, cms.ErrNoRecipient) {
		t.Errorf("key and certificate of different pairs: %v", err)
	}
}

// TestNoOracle holds that a malformed PKCS#1 v1.5 key cannot be told from a
// well-formed one whose content is wrong: neither by when the error comes, nor by
// its text, nor by asking twice.
func TestNoOracle(t *testing.T) {
	t.Parallel()
	k := kommune()
	keys := map[string]cms.Key{"named": k.named(), "anonymous": k.anonymous()}
	for name, key := range keys {
		for wrapName, w := range map[string]wrap{
			"malformed key":   {to: k, pkcs1: true, broken: true},
			"well-formed key": {to: k, pkcs1: true},
			"for another":     {to: kommuneOld(), pkcs1: true},
		} {
			if wrapName == "for another" && key.Certificate != nil {
				continue
			}
			message := shape{keyLen: 32, wraps: []wrap{w}, padding: noise(0)}.encode(noise(100_000 / 16 * 16))
			first, err := decrypt(message, key)
			second, err2 := decrypt(message, key)
			if err == nil && wrapName != "well-formed key" {
				continue // the padding of noise is right once in 256
			}
			if err != cms.ErrDecrypt || err2 != cms.ErrDecrypt {
				t.Errorf("%s, %s: %v and %v, want ErrDecrypt as it is", name, wrapName, err, err2)
			}
			if len(first) < 30_000 || !bytes.Equal(first, second) {
				t.Errorf("%s, %s: read twice, it gave %d and %d bytes, not the same", name, wrapName, len(first), len(second))
			}
		}
	}
	// A content key of another length than the algorithm's is malformed, too.
	message := shape{keyLen: 16, wraps: []wrap{{to: k, pkcs1: true}}}.encode(noise(100_000))
	i := bytes.Index(message, oid("2.16.840.1.101.3.4.1.2"))
	message[i+len(oid("2.16.840.1.101.3.4.1.2"))-1] = 42 // says AES-256
	if got, err := decrypt(message, k.named()); err != nil && (err != cms.ErrDecrypt || len(got) < 30_000) {
		t.Errorf("key of 16 bytes for AES-256: %d bytes, %v", len(got), err)
	}
	oaep := shape{keyLen: 16, wraps: to(k)}.encode(noise(100))
	i = bytes.Index(oaep, oid("2.16.840.1.101.3.4.1.2"))
	oaep[i+len(oid("2.16.840.1.101.3.4.1.2"))-1] = 42
	if _, err := decrypt(oaep, k.named()); err != cms.ErrDecrypt {
		t.Errorf("OAEP key of 16 bytes for AES-256: %v", err)
	}
}

// TestMalformedKeyIsNotGuessable: a message whose PKCS#1 v1.5 key is malformed is
// not decrypted with a key that its sender could know.
func TestMalformedKeyIsNotGuessable(t *testing.T) {
	t.Parallel()
	k := kommune()
	for name, w := range map[string]wrap{"malformed": {to: k, pkcs1: true, broken: true}, "above the modulus": {to: k, pkcs1: true, tooLarge: true}} {
		for _, key := range []cms.Key{k.named(), {Private: hsm{k.key}}} {
			plain := noise(100_000) // some comes before the padding fails
			got, _ := decrypt(shape{keyLen: 32, key: make([]byte, 32), wraps: []wrap{w}}.encode(plain), key)
			if bytes.Equal(got, plain) {
				t.Errorf("%s: decrypted with a key of zeros", name)
			}
			other := shape{keyLen: 32, key: make([]byte, 32), wraps: []wrap{{to: k, pkcs1: true, broken: true}}}
			if again, _ := decrypt(other.encode(plain), key); bytes.Equal(got[:500], again[:500]) {
				t.Errorf("%s: two malformed keys have one substitute", name)
			}
		}
	}
}

func TestPadding(t *testing.T) {
	t.Parallel()
	k := kommune()
	for n := range 18 {
		block := noise(16) // the last bytes of the content, then the padding
		for i := range min(n, 16) {
			block[15-i] = byte(n)
		}
		block[15] = byte(n)
		want := append(noise(32), block[:16-min(n, 16)]...)
		message := shape{keyLen: 32, wraps: to(k), padding: block}.encode(noise(32))
		got, err := decrypt(message, k.named())
		if n == 0 || n == 17 {
			if err != cms.ErrDecrypt {
				t.Errorf("padding of %d: %v, want ErrDecrypt", n, err)
			}
		} else if err != nil || !bytes.Equal(got, want) {
			t.Errorf("padding of %d: got %d bytes, %v, want %d", n, len(got), err, len(want))
		}
		for i := 16 - min(n, 16); i < 15; i++ {
			bad := slices.Clone(block)
			bad[i] ^= 0x20
			message := shape{keyLen: 32, wraps: to(k), padding: bad}.encode(noise(32))
			if got, err := decrypt(message, k.named()); err != cms.ErrDecrypt || len(got) > 0 {
				t.Errorf("padding of %d with byte %d wrong: %d bytes, %v, want ErrDecrypt", n, i, len(got), err)
			}
		}
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	current, previous := kommune(), kommuneOld()
	for _, size := range []int{0, 300_000} {
		plain := noise(size)
		for _, options := range []cms.Options{{}, {PKCS1v15First: true}} {
			message := encrypt(t, options, plain, previous)
			mustDecrypt(t, message, plain, current.anonymous(), previous.anonymous())
			mustDecrypt(t, message, plain, previous.anonymous(), current.anonymous())
			mustDecrypt(t, message, plain, current.named(), previous.named())
			mustDecrypt(t, message, plain, current.named(), large().named(), previous.anonymous())
		}
		// Java looks at no names; a sender may have an older certificate of the same key.
		pkcs1 := shape{keyLen: 32, wraps: []wrap{{to: previous, pkcs1: true}}}.encode(plain)
		mustDecrypt(t, pkcs1, plain, current.anonymous(), previous.anonymous())
		mustDecrypt(t, pkcs1, plain, previous.anonymous(), current.anonymous())
		mustDecrypt(t, pkcs1, plain, cms.Key{Private: hsm{current.key}}, cms.Key{Private: hsm{previous.key}})
	}
}

// TestDamage flips each byte of small messages. Whatever comes of it is an error
// or, since CBC protects nothing, other content, but with GCM never other content.
func TestDamage(t *testing.T) {
	t.Parallel()
	k := kommune()
	for _, name := range []string{"BER", "GCM", "GCM in chunks"} {
		plain := noise(40)
		message := shapes()[name].encode(plain)
		for i := range message {
			bad := slices.Clone(message)
			bad[i] ^= 0x41
			got, err := decrypt(bad, k.anonymous())
			switch {
			case err == nil && name != "BER" && !bytes.Equal(got, plain):
				t.Errorf("%s: byte %d damaged: other content without an error", name, i)
			case err != nil && len(got) > 0:
				t.Errorf("%s: byte %d damaged: %d bytes before %v", name, i, len(got), err)
			case err != nil && !errors.Is(err, cms.ErrDecrypt) && !errors.Is(err, cms.ErrFormat) &&
				!errors.Is(err, cms.ErrUnsupported) && !errors.Is(err, cms.ErrNoRecipient):
				t.Errorf("%s: byte %d damaged: nameless error %v", name, i, err)
			}
		}
	}
	for cut, s := range map[int]shape{1: {}, 15: {}, 16: {}} {
		s = shape{keyLen: 32, wraps: to(k), content: func(p []byte) []byte { return tlv(false, 0x80, p[:16-cut]) }}
		if _, err := decrypt(s.encode(nil), k.named()); !errors.Is(err, cms.ErrFormat) {
			t.Errorf("%d bytes of the only block missing: %v", cut, err)
		}
	}
}

func TestGCMLimit(t *testing.T) {
	t.Parallel()
	k := kommune()
	s := shape{keyLen: 32, wraps: to(k), gcm: true, tagLen: 16, nonceLen: 12, content: chunked(true, 65_000)}
	plain := noise(cms.MaxGCM)
	mustDecrypt(t, s.encode(plain), plain, k.named())
	if got, err := decrypt(s.encode(noise(cms.MaxGCM+1)), k.named()); !errors.Is(err, cms.ErrTooLarge) || len(got) > 0 {
		t.Errorf("one byte more: %d bytes and %v, want ErrTooLarge", len(got), err)
	}
}

// counting counts what is read.
type counting struct {
	r io.Reader
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

// TestBombs holds that a header that is out of proportion is refused before it
// has been read.
func TestBombs(t *testing.T) {
	t.Parallel()
	repeat := func(s string) io.Reader {
		return strings.NewReader(strings.Repeat(s, 8<<20/len(s)))
	}
	start := "\x30\x80" + string(oid("1.2.840.113549.1.7.3")) + "\xA0\x80\x30\x80\x02\x01\x00"
	for name, tc := range map[string]struct {
		r    io.Reader
		want string
	}{
		"deep":                        {io.MultiReader(strings.NewReader(start+"\x31\x80"), repeat("\x30\x80")), "nested deeper"},
		"many recipients":             {io.MultiReader(strings.NewReader(start+"\x31\x80"), repeat("\x30\x00")), "header too large"},
		"many empty OCTET STRINGs":    {io.MultiReader(strings.NewReader(start+"\x31\x80\x24\x80"), repeat("\x04\x00")), "header too large"},
		"one huge element":            {io.MultiReader(strings.NewReader(start+"\x31\x84\x7f\xff\xff\xff"), repeat("\x00")), "too large for a header"},
		"huge version":                {io.MultiReader(strings.NewReader(start[:len(start)-3]+"\x02\x88\x3f\xff\xff\xff\xff\xff\xff\xff"), repeat("\x00")), "too large for a header"},
		"length beyond all bounds":    {io.MultiReader(strings.NewReader("\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff"), repeat("\x00")), "length too large"},
		"length of a hundred bytes":   {io.MultiReader(strings.NewReader("\x30\xe4"), repeat("\x00")), "length of 100 bytes"},
		"child larger than parent":    {strings.NewReader("\x30\x05\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"), "element of 9 bytes runs past"},
		"header across the end":       {strings.NewReader("\x30\x01\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"), "element runs past"},
		"end-of-contents in definite": {strings.NewReader("\x30\x05\x00\x00\x00\x00\x00"), "end-of-contents where none belongs"},
		"multi-byte tag":              {strings.NewReader("\x30\x05\x1f\x81\x01\x00\x00"), "multi-byte tag"},
		"primitive without length":    {strings.NewReader("\x30\x05\x06\x80\x01\x00\x00"), "primitive element of indefinite length"},
		"zeros":                       {repeat("\x00"), "end-of-contents where none belongs"},
		"text":                        {repeat("hei "), "found tag 0x68, want 0x30 (ContentInfo)"},
		"PEM":                         {repeat("-----BEGIN CMS-----\n"), "want 0x30"},
	} {
		c := &counting{r: tc.r}
		_, err := cms.NewReader(c, kommune().named())
		if !errors.Is(err, cms.ErrFormat) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want ErrFormat with %q", name, err, tc.want)
		}
		if c.n > 400<<10 {
			t.Errorf("%s: %d bytes were read", name, c.n)
		}
	}

	// After the content, too.
	message := shape{keyLen: 32, wraps: to(kommune()), tail: tlv(false, 0xA1, make([]byte, 70_000))}.encode(nil)
	if _, err := decrypt(message, kommune().named()); !errors.Is(err, cms.ErrFormat) {
		t.Errorf("large attributes: %v", err)
	}
	deep := func(p []byte) []byte {
		e := tlv(false, 0x04, p)
		for range 40 {
			e = tlv(true, 0x24, e)
		}
		return tlv(true, 0xA0, e)
	}
	if _, err := decrypt((shape{keyLen: 32, wraps: to(kommune()), content: deep}).encode(nil), kommune().named()); !errors.Is(err, cms.ErrFormat) {
		t.Errorf("deep content: %v", err)
	}
}

// TestFewUnwraps holds that a message cannot make us do private key operations
// without end.
func TestFewUnwraps(t *testing.T) {
	t.Parallel()
	k := kommune()
	s := shape{keyLen: 32}
	other := (wrap{to: kommuneOld(), hash: crypto.SHA256, mgf: crypto.SHA256})
	for range 200 {
		s.wraps = append(s.wraps, other)
	}
	s.wraps = append(s.wraps, to(k)[0])
	message := s.encode(noise(100))
	mustDecrypt(t, message, noise(100), k.named()) // the name finds it
	var n counted
	n.Decrypter = k.key
	if _, err := decrypt(message, cms.Key{Private: &n}, cms.Key{Private: &n}); !errors.Is(err, cms.ErrDecrypt) {
		t.Errorf("without a name: %v, want ErrDecrypt", err)
	}
	if n.calls != 64 {
		t.Errorf("%d private key operations, want 64", n.calls)
	}
}

type counted struct {
	crypto.Decrypter
	calls int
}

func (c *counted) Decrypt(r io.Reader, msg []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	c.calls++
	return c.Decrypter.Decrypt(r, msg, opts)
}

func TestUnsupported(t *testing.T) {
	t.Parallel()
	k := kommune()
	edit := func(from, to string) []byte {
		message := shape{keyLen: 32, wraps: []wrap{{to: k, hash: crypto.SHA256, mgf: crypto.SHA256}}}.encode(noise(10))
		a, b := oid(from), oid(to)
		if !bytes.Contains(message, a) || len(a) != len(b) {
			t.Fatalf("cannot replace %s by %s", from, to)
		}
		return bytes.Replace(message, a, b, 1)
	}
	for name, tc := range map[string]struct {
		message []byte
		want    error
		text    string
	}{
		"SignedData":                    {edit("1.2.840.113549.1.7.3", "1.2.840.113549.1.7.2"), cms.ErrUnsupported, "1.2.840.113549.1.7.2"},
		"Camellia":                      {edit("2.16.840.1.101.3.4.1.42", "2.16.840.1.101.3.4.1.45"), cms.ErrUnsupported, "2.16.840.1.101.3.4.1.45"},
		"GCM in EnvelopedData":          {edit("2.16.840.1.101.3.4.1.42", "2.16.840.1.101.3.4.1.46"), cms.ErrUnsupported, "AES-256-GCM"},
		"RSAES-OAEP with SHA-224":       {edit("2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.4"), cms.ErrNoRecipient, "1.2.840.113549.1.1.7"},
		"RSASSA-PSS for key encryption": {edit("1.2.840.113549.1.1.7", "1.2.840.113549.1.1.10"), cms.ErrNoRecipient, "1.2.840.113549.1.1.10"},
	} {
		_, err := decrypt(tc.message, k.named())
		if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: %v, want %v with %s", name, err, tc.want, tc.text)
		}
	}
}

// TestSourceErrors holds that an error of the underlying reader comes through as
// itself and is not taken for a malformed message.
func TestSourceErrors(t *testing.T) {
	t.Parallel()
	lost := errors.New("connection lost")
	message := encrypt(t, cms.Options{}, noise(100_000), kommune())
	for _, n := range []int{0, 1, 100, len(message) / 2, len(message) - 1} {
		r, err := cms.NewReader(io.MultiReader(bytes.NewReader(message[:n]), iotest.ErrReader(lost)), kommune().named())
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if !errors.Is(err, lost) || errors.Is(err, cms.ErrFormat) {
			t.Errorf("after %d bytes: %v, want %v", n, err, lost)
		}
	}
	r, err := cms.NewReader(bytes.NewReader(message), kommune().named())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.WriteTo(&faulty{left: 10, err: lost}); !errors.Is(err, lost) {
		t.Errorf("WriteTo: %v, want %v", err, lost)
	}
}

func TestInspect(t *testing.T) {
	t.Parallel()
	k, o := kommune(), large()
	message := shape{keyLen: 16, gcm: true, tagLen: 16, nonceLen: 12, wraps: []wrap{
		{to: k, pkcs1: true}, {to: o, ski: true, hash: crypto.SHA512, mgf: crypto.SHA1},
	}}.encode(noise(10))
	message = bytes.Replace(message, tlv(false, 0x31), tlv(false, 0x31), 1)
	h, err := cms.Inspect(bytes.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Recipients) != 2 || !h.Authenticated || h.ContentAlgorithm != "AES-128-GCM" || h.OtherRecipients != 0 {
		t.Fatalf("got %+v", h)
	}
	type row struct {
		Text, Algorithm  string
		Kommune, Another bool
	}
	var got []row
	for _, rec := range h.Recipients {
		got = append(got, row{rec.String(), rec.KeyAlgorithm, rec.Matches(k.cert), rec.Matches(o.cert)})
	}
	want := []row{
		{fmt.Sprintf("serial number %x", k.cert.SerialNumber), "RSAES-PKCS1-v1_5", true, false},
		{fmt.Sprintf("subject key identifier %x", o.cert.SubjectKeyId), "RSAES-OAEP(SHA-512, MGF1 SHA-1)", false, true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("recipients (-want +got):\n%s", diff)
	}
	if kommuneOld().cert.Issuer.String() != k.cert.Issuer.String() {
		t.Fatal("the certificates should have one issuer")
	}
	if h.Recipients[0].Matches(kommuneOld().cert) {
		t.Error("same issuer, other serial number: should not match")
	}
}

// TestIssuerInOtherStringType: the same name as PrintableString and UTF8String.
func TestIssuerInOtherStringType(t *testing.T) {
	t.Parallel()
	k := large() // "Fylkeskommune", which Go encodes as PrintableString
	message := encrypt(t, cms.Options{}, noise(10), k)
	changed := bytes.ReplaceAll(message, []byte("\x13\x0dFylkeskommune"), []byte("\x0c\x0dFylkeskommune"))
	if bytes.Equal(message, changed) {
		t.Fatal("found no PrintableString to change")
	}
	mustDecrypt(t, changed, noise(10), k.named())
	other := bytes.ReplaceAll(message, []byte("\x13\x0dFylkeskommune"), []byte("\x13\x0dfylkeskommunE"))
	if _, err := decrypt(other, k.named()); !errors.Is(err, cms.ErrNoRecipient) {
		t.Errorf("another issuer: %v, want ErrNoRecipient", err)
	}
}
