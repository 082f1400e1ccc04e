package cms_test

import (
	"bytes"
	"crypto"
	"io"
	"testing"

	"knutepunkt/cms"

	"pgregory.net/rapid"
)

// pieces reads in pieces whose sizes are drawn.
type pieces struct {
	r    io.Reader
	draw func() int
}

func (p pieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), p.draw())]) }

// TestRoundTrip: what goes in comes out, however it is cut on the way.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.OneOf(rapid.IntRange(0, 5000), rapid.IntRange(0, 400_000)).Draw(t, "size")
		plain := noise(size)
		piece := rapid.OneOf(rapid.IntRange(1, 40), rapid.IntRange(1, 200_000))
		options := cms.Options{
			KeySize:       rapid.SampledFrom([]int{0, 16, 24, 32}).Draw(t, "key size"),
			PKCS1v15First: rapid.Bool().Draw(t, "PKCS#1 first"),
		}
		var message, got bytes.Buffer
		w, err := options.NewWriter(&message, kommune().cert)
		if err != nil {
			t.Fatal(err)
		}
		for rest := plain; len(rest) > 0; {
			n := min(len(rest), piece.Draw(t, "written"))
			if size > 5000 {
				n = min(len(rest), max(n, 1000))
			}
			m := n
			if rapid.Bool().Draw(t, "by ReadFrom") {
				var m64 int64
				m64, err = w.ReadFrom(bytes.NewReader(rest[:n]))
				m = int(m64)
			} else {
				m, err = w.Write(rest[:n])
			}
			if m != n || err != nil {
				t.Fatalf("wrote %d of %d: %v", m, n, err)
			}
			rest = rest[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		smallest := 1
		if size > 5000 {
			smallest = 1000
		}
		draw := func() int { return max(smallest, piece.Draw(t, "read")) }
		r, err := cms.NewReader(pieces{&message, draw}, kommune().anonymous())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(&got, onlyReader{r}, int64(size/3)); err != nil {
			t.Fatal(err)
		}
		if _, err := r.WriteTo(&got); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), plain) {
			t.Fatalf("%d bytes became %d others", size, got.Len())
		}
	})
}

type onlyReader struct{ io.Reader }

// TestAnyShape: messages of drawn shapes are read.
func TestAnyShape(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		hash := rapid.SampledFrom([]crypto.Hash{0, crypto.SHA1, crypto.SHA256, crypto.SHA384, crypto.SHA512})
		s := shape{
			indefinite: rapid.Bool().Draw(t, "indefinite"),
			keyLen:     rapid.SampledFrom([]int{16, 24, 32}).Draw(t, "key length"),
			gcm:        rapid.Bool().Draw(t, "GCM"),
			tagLen:     rapid.IntRange(12, 16).Draw(t, "tag length"),
			nonceLen:   12,
			content: rapid.SampledFrom([]func([]byte) []byte{
				nil, nested, chunked(rapid.Bool().Draw(t, "indefinite chunks"), rapid.IntRange(1, 3000).Draw(t, "chunk")),
			}).Draw(t, "content"),
		}
		for range rapid.IntRange(0, 2).Draw(t, "others") {
			s.wraps = append(s.wraps, wrap{to: kommuneOld(), pkcs1: rapid.Bool().Draw(t, "PKCS#1")})
		}
		s.wraps = append(s.wraps, wrap{
			to: kommune(), ski: rapid.Bool().Draw(t, "SKI"), pkcs1: rapid.Bool().Draw(t, "PKCS#1"),
			hash: hash.Draw(t, "hash"), mgf: hash.Draw(t, "MGF1"), nulls: rapid.Bool().Draw(t, "NULLs"),
		})
		plain := noise(rapid.IntRange(0, 10_000).Draw(t, "size"))
		key := rapid.SampledFrom([]cms.Key{kommune().named(), kommune().anonymous()}).Draw(t, "key")
		got, err := decrypt(s.encode(plain), key)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("got %d bytes, %v, want %d", len(got), err, len(plain))
		}
	})
}
