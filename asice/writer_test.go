package asice_test

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"knutepunkt/asice"
)

func crcOf(s string) uint32 { return crc32.ChecksumIEEE([]byte(s)) }

// TestMimetypeEntry checks the container's first bytes, by which others know it.
func TestMimetypeEntry(t *testing.T) {
	t.Parallel()
	b := pack(t, rsaIdentity(), someFiles)
	le := binary.LittleEndian
	got := map[string]any{
		"signature": le.Uint32(b), "flags": le.Uint16(b[6:]), "method": le.Uint16(b[8:]),
		"crc": le.Uint32(b[14:]), "compressed": le.Uint32(b[18:]), "size": le.Uint32(b[22:]),
		"name length": le.Uint16(b[26:]), "extra length": le.Uint16(b[28:]),
		"name": string(b[30:38]), "content": string(b[38:69]), "next": le.Uint32(b[69:]),
	}
	want := map[string]any{
		"signature": uint32(0x04034b50), "flags": uint16(0x0800), "method": uint16(0),
		"crc": crcOf(asice.MediaType), "compressed": uint32(31), "size": uint32(31),
		"name length": uint16(8), "extra length": uint16(0),
		"name": "mimetype", "content": "application/vnd.etsi.asic-e+zip", "next": uint32(0x04034b50),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLayout(t *testing.T) {
	t.Parallel()
	b := pack(t, rsaIdentity(), someFiles)
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if z.Comment != "mimetype="+asice.MediaType {
		t.Errorf("archive comment %q", z.Comment)
	}
	var names []string
	for i, f := range z.File {
		names = append(names, regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`).ReplaceAllString(f.Name, "UUID"))
		if i == 0 {
			if f.Comment != "mimetype="+asice.MediaType {
				t.Errorf("mimetype comment %q", f.Comment)
			}
			continue
		}
		if f.Flags != 1<<11|1<<3 || f.Method != zip.Deflate || len(f.Extra) != 0 || !f.Modified.Equal(signedAt) {
			t.Errorf("%s: flags %x method %d extra %x time %v", f.Name, f.Flags, f.Method, f.Extra, f.Modified)
		}
	}
	want := []string{
		"mimetype", someFiles[0].Name, someFiles[1].Name, someFiles[2].Name,
		"META-INF/ASiCManifest.xml", "META-INF/signature-UUID.p7s", "META-INF/manifest.xml",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}

// TestManifestShape pins the manifest's text, which others parse in their ways.
func TestManifestShape(t *testing.T) {
	t.Parallel()
	entries := unzip(t, pack(t, rsaIdentity(), someFiles[:2]))
	digest := func(i int) string {
		d := sha256.Sum256(someFiles[i].Content)
		return base64.StdEncoding.EncodeToString(d[:])
	}
	want := `<?xml version="1.0" encoding="UTF-8"?>
<ASiCManifest xmlns="http://uri.etsi.org/02918/v1.2.1#" xmlns:ds="http://www.w3.org/2000/09/xmldsig#">
  <SigReference URI="` + entries[4].name + `" MimeType="application/x-pkcs7-signature"/>
  <DataObjectReference URI="søknad.json" MimeType="application/json" Rootfile="true">
    <ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>
    <ds:DigestValue>` + digest(0) + `</ds:DigestValue>
  </DataObjectReference>
  <DataObjectReference URI="Vedlegg &amp; &lt;kart&gt; &#34;1&#34;.pdf" MimeType="application/pdf">
    <ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>
    <ds:DigestValue>` + digest(1) + `</ds:DigestValue>
  </DataObjectReference>
</ASiCManifest>
`
	if diff := cmp.Diff(want, entries[3].content); diff != "" {
		t.Error(diff)
	}
	want = `<?xml version="1.0" encoding="UTF-8"?>
<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">
  <manifest:file-entry manifest:full-path="/" manifest:media-type="application/vnd.etsi.asic-e+zip"/>
  <manifest:file-entry manifest:full-path="søknad.json" manifest:media-type="application/json"/>
  <manifest:file-entry manifest:full-path="Vedlegg &amp; &lt;kart&gt; &#34;1&#34;.pdf" manifest:media-type="application/pdf"/>
</manifest:manifest>
`
	if diff := cmp.Diff(want, entries[5].content); diff != "" {
		t.Error(diff)
	}
}

// TestOpenSSLVerifies has OpenSSL judge signature, CAdES attribute and digests.
func TestOpenSSLVerifies(t *testing.T) {
	t.Parallel()
	for name, id := range map[string]identity{"RSA": rsaIdentity(), "ECDSA": ecdsaIdentity()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, ca := id.pems(t)
			entries := unzip(t, pack(t, id, someFiles))
			manifest := writeFile(t, "manifest", []byte(entries[4].content))
			signature := writeFile(t, "signature", []byte(entries[5].content))
			out := run(t, "openssl", "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", signature,
				"-content", manifest, "-CAfile", ca, "-purpose", "any")
			if string(out) != entries[4].content {
				t.Error("openssl verified something else")
			}
			for _, f := range someFiles {
				digest := run(t, "openssl", "dgst", "-sha256", "-binary", writeFile(t, "data", f.Content))
				if !strings.Contains(entries[4].content, ">"+base64.StdEncoding.EncodeToString(digest)+"<") {
					t.Errorf("%s: digest is not in the manifest", f.Name)
				}
			}
			// DER throughout: OpenSSL's own encoding of what it read is the same.
			again := run(t, "openssl", "cms", "-cmsout", "-inform", "DER", "-outform", "DER", "-in", signature)
			if string(again) != entries[5].content {
				t.Error("signature is not in DER")
			}
		})
	}
}

// Info-ZIP's unzip garbles names that are not ASCII of entries made on DOS.
func TestMadeOnUnix(t *testing.T) {
	t.Parallel()
	b := pack(t, rsaIdentity(), someFiles)
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		if f.CreatorVersion>>8 != 3 || f.Mode() != 0o644 {
			t.Errorf("%s: made by %#x, %s", f.Name, f.CreatorVersion, f.Mode())
		}
	}
}

func TestUnzipReads(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "c.asice", pack(t, rsaIdentity(), someFiles))
	if out := run(t, "unzip", "-t", path); !bytes.Contains(out, []byte("No errors detected")) {
		t.Errorf("unzip -t: %s", out)
	}
	for _, f := range someFiles {
		if names := string(run(t, "unzip", "-Z1", path)); !strings.Contains(names, f.Name+"\n") {
			t.Errorf("unzip does not find %s among %q", f.Name, names)
		}
	}
	lines := strings.Split(string(run(t, "zipinfo", path)), "\n")
	var first string
	for _, l := range lines {
		if strings.Contains(l, "stor") || strings.Contains(l, "def") {
			first = l
			break
		}
	}
	if !strings.Contains(first, "stor") || !strings.HasSuffix(first, " mimetype") {
		t.Errorf("zipinfo's first entry: %q", first)
	}
}

func TestWriterRefuses(t *testing.T) {
	t.Parallel()
	newWriter := func() *asice.Writer {
		w, err := asice.NewWriter(io.Discard, rsaIdentity().key, asice.WriterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	for _, name := range []string{
		"", ".", "..", "a/b", "/a", `a\b`, "../a", "META-INF/x", "META-INF", "meta-inf", "mimetype", "MimeType",
		"a\x00b", "a\nb", "a\u0085", "a\xffb", "a\ufffeb", strings.Repeat("x", 256),
	} {
		if _, err := newWriter().Create(name, ""); !errors.Is(err, asice.ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, mimetype := range []string{"x y", "a/", "application/json\x01", "a/b\nc"} {
		if _, err := newWriter().Create("a", mimetype); !errors.Is(err, asice.ErrMediaType) {
			t.Errorf("%q: %v", mimetype, err)
		}
	}
	w := newWriter()
	if err := w.Add("a.txt", "", strings.NewReader("a")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Create("a.txt", ""); !errors.Is(err, asice.ErrDuplicate) {
		t.Errorf("duplicate: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Errorf("a refused name must not spoil the container: %v", err)
	}
	if w.Close() == nil {
		t.Error("closed twice")
	}
	if err := newWriter().Close(); !errors.Is(err, asice.ErrEmpty) {
		t.Errorf("empty: %v", err)
	}
}

func TestFailedSourceSpoilsContainer(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w, err := asice.NewWriter(&b, rsaIdentity().key, asice.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("connection lost")
	r := io.MultiReader(strings.NewReader("half"), &failingReader{broken})
	if err := w.Add("a.txt", "", r); !errors.Is(err, broken) {
		t.Errorf("Add: %v", err)
	}
	if err := w.Add("b.txt", "", strings.NewReader("b")); !errors.Is(err, broken) {
		t.Errorf("Add after failure: %v", err)
	}
	if err := w.Close(); !errors.Is(err, broken) {
		t.Errorf("Close after failure: %v", err)
	}
	if _, _, err := readAll(t, b.Bytes(), asice.Options{}); err == nil {
		t.Error("a half container was read")
	}
}

type failingReader struct{ err error }

func (r *failingReader) Read([]byte) (int, error) { return 0, r.err }

func TestFailedSinkSpoilsContainer(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	w, err := asice.NewWriter(&failingWriter{left: 100_000, err: full}, rsaIdentity().key, asice.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add("a.pdf", "", io.LimitReader(noise{}, 1<<20)); !errors.Is(err, full) {
		t.Errorf("Add: %v", err)
	}
	if err := w.Close(); !errors.Is(err, full) {
		t.Errorf("Close: %v", err)
	}
}

type failingWriter struct {
	left int
	err  error
}

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, w.err
	}
	return len(p), nil
}

// noise is endless and does not compress.
type noise struct{}

func (noise) Read(p []byte) (int, error) {
	x := uint64(len(p)) | 1
	for i := range p {
		x = x*6364136223846793005 + 1442695040888963407
		p[i] = byte(x >> 56)
	}
	return len(p), nil
}

func TestNewWriterChecksKey(t *testing.T) {
	t.Parallel()
	other := rsaIdentity().key
	other.Chain = ecdsaIdentity().key.Chain
	_, ed, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]asice.Key{
		"none":              {},
		"no certificate":    {Signer: rsaIdentity().key.Signer},
		"other certificate": other,
		"Ed25519":           {Signer: ed, Chain: rsaIdentity().key.Chain},
	} {
		if _, err := asice.NewWriter(io.Discard, key, asice.WriterOptions{}); !errors.Is(err, asice.ErrSigner) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRoundTrip: what is written is read back byte for byte, in order.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringN(1, 30, 120).Filter(func(s string) bool {
			return asice.CheckName(s) == nil
		}), 1, 6, rapid.ID[string]).Draw(rt, "names")
		var files []testFile
		for _, n := range names {
			content := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(rt, "content")
			content = bytes.Repeat(content, rapid.IntRange(1, 300).Draw(rt, "times"))
			files = append(files, testFile{n, rapid.SampledFrom([]string{"application/pdf", "text/plain", "application/json"}).Draw(rt, "mimetype"), content})
		}
		id := ecdsaIdentity()
		var b bytes.Buffer
		w, err := asice.NewWriter(&b, id.key, asice.WriterOptions{})
		if err != nil {
			rt.Fatal(err)
		}
		for _, f := range files {
			out, err := w.Create(f.Name, f.MimeType)
			if err != nil {
				rt.Fatal(err)
			}
			for rest := f.Content; len(rest) > 0; {
				n := rapid.IntRange(1, len(rest)).Draw(rt, "n")
				if _, err := out.Write(rest[:n]); err != nil {
					rt.Fatal(err)
				}
				rest = rest[n:]
			}
		}
		if err := w.Close(); err != nil {
			rt.Fatal(err)
		}
		report, got, err := readAll(t, b.Bytes(), asice.Options{Strict: true})
		if err != nil {
			rt.Fatal(err)
		}
		if len(got) != len(files) {
			rt.Fatalf("%d files of %d", len(got), len(files))
		}
		for i, f := range files {
			if got[i].Name != f.Name || got[i].MimeType != f.MimeType || !bytes.Equal(got[i].Content, f.Content) {
				rt.Errorf("file %d differs", i)
			}
			if report.Files[i].Rootfile != (i == 0) {
				rt.Errorf("file %d: Rootfile %v", i, report.Files[i].Rootfile)
			}
		}
	})
}

func TestUniqueNames(t *testing.T) {
	t.Parallel()
	got := asice.UniqueNames([]string{
		"a.pdf", "A.pdf", "a-2.pdf", "dir/a.pdf", `C:\x\b.txt`, "", "..", "META-INF", "mimetype", "x\ny", "a\xff", "søknad.json",
	})
	want := []string{
		"a.pdf", "A-3.pdf", "a-2.pdf", "a-4.pdf", "b.txt", "_", "_-2", "_META-INF", "_mimetype", "x_y", "a_", "søknad.json",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.StringMatching(`[./\\a]{0,4}`), rapid.StringMatching(`x{250,300}\.pdf`))
		in := rapid.SliceOf(name).Draw(rt, "names")
		seen := make(map[string]bool)
		for i, n := range asice.UniqueNames(in) {
			if err := asice.CheckName(n); err != nil {
				rt.Fatalf("%q → %q: %v", in[i], n, err)
			}
			if seen[strings.ToLower(n)] || !utf8.ValidString(n) {
				rt.Fatalf("%q twice", n)
			}
			seen[strings.ToLower(n)] = true
		}
	})
}

// TestMemoryIsConstant: a file a hundred times as large costs no more memory,
// in both directions at once. Not parallel: it counts what all goroutines allocate.
func TestMemoryIsConstant(t *testing.T) {
	through := func(size int64) (allocated uint64) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, w := io.Pipe()
		go func() {
			aw, err := asice.NewWriter(w, ecdsaIdentity().key, asice.WriterOptions{})
			if err == nil {
				err = aw.Add("a.txt", "text/plain", io.LimitReader(noise{}, size/2))
			}
			if err == nil {
				err = aw.Add("a.pdf", "application/pdf", io.LimitReader(noise{}, size/2))
			}
			if err == nil {
				err = aw.Close()
			}
			w.CloseWithError(err)
		}()
		report, err := asice.Read(r, asice.Options{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n := report.Files[0].Size + report.Files[1].Size; n != size {
			t.Fatalf("%d bytes of %d", n, size)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	through(1 << 20)
	small, large := through(1<<20), through(100<<20)
	if large > small+256<<10 {
		t.Errorf("1 MiB allocates %d bytes, 100 MiB %d", small, large)
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, mimetype := range []string{"application/json", "application/pdf"} {
		b.Run(mimetype, func(b *testing.B) {
			const size = 64 << 20
			b.SetBytes(size)
			for b.Loop() {
				w, err := asice.NewWriter(io.Discard, rsaIdentity().key, asice.WriterOptions{})
				if err != nil {
					b.Fatal(err)
				}
				if err := w.Add("a", mimetype, io.LimitReader(&text{}, size)); err != nil {
					b.Fatal(err)
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// text is endless and compresses as structured text does.
type text struct{ rest []byte }

var textBlock = sync.OnceValue(func() []byte {
	var b []byte
	for i := 0; len(b) < 1<<20; i++ {
		b = fmt.Appendf(b, `{"linje":%d,"beløp":%d,"tekst":"stønad til livsopphold"},`, i, i*7919%100003)
	}
	return b
})

func (x *text) Read(p []byte) (int, error) {
	if len(x.rest) == 0 {
		x.rest = textBlock()
	}
	n := copy(p, x.rest)
	x.rest = x.rest[n:]
	return n, nil
}

func BenchmarkRead(b *testing.B) {
	const size = 64 << 20
	var c bytes.Buffer
	w, err := asice.NewWriter(&c, rsaIdentity().key, asice.WriterOptions{})
	if err != nil {
		b.Fatal(err)
	}
	if err := w.Add("a.json", "", io.LimitReader(&text{}, size)); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	b.Run("Open", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			if _, err := asice.Open(bytes.NewReader(c.Bytes()), int64(c.Len()), asice.Options{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Read", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			if _, err := asice.Read(bytes.NewReader(c.Bytes()), asice.Options{}, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkZip64 takes a file of more than 4 GiB through both ways at once,
// where sizes no longer fit the old fields. It is a benchmark because it takes
// some seconds.
func BenchmarkZip64(b *testing.B) {
	const size = 4<<30 + 12345
	b.SetBytes(size)
	for b.Loop() {
		r, w := io.Pipe()
		go func() {
			aw, err := asice.NewWriter(w, ecdsaIdentity().key, asice.WriterOptions{})
			if err == nil {
				err = aw.Add("a.pdf", "application/pdf", io.LimitReader(&text{}, size))
			}
			if err == nil {
				err = aw.Add("b.txt", "text/plain", strings.NewReader("b"))
			}
			if err == nil {
				err = aw.Close()
			}
			w.CloseWithError(err)
		}()
		report, err := asice.Read(r, asice.Options{Strict: true}, nil)
		if err != nil || len(report.Files) != 2 || report.Files[0].Size != size {
			b.Fatalf("%d files, %v", len(report.Files), err)
		}
	}
}
