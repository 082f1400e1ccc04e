package asice_test

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/asice"
)

// opensslSign signs content with OpenSSL, detached and in DER.
func opensslSign(t *testing.T, id identity, content string, args ...string) string {
	t.Helper()
	key, cert, _ := id.pems(t)
	out := filepath.Join(t.TempDir(), "sig")
	run(t, "openssl", append([]string{
		"cms", "-sign", "-binary", "-outform", "DER", "-in", writeFile(t, "m", []byte(content)),
		"-signer", cert, "-inkey", key, "-out", out,
	}, args...)...)
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// manifestOf writes a manifest as others do. style is one of "", "dotnet",
// "v1.1.1", "sha384", "sha512", "sha1".
func manifestOf(style, signature string, files ...rawEntry) string {
	ns, digestURI := "http://uri.etsi.org/02918/v1.2.1#", "http://www.w3.org/2001/04/xmlenc#sha256"
	digest := func(s string) []byte { d := sha256.Sum256([]byte(s)); return d[:] }
	switch style {
	case "dotnet":
		ns, digestURI = "http://uri.etsi.org/2918/v1.2.1#", "http://www.w3.org/2000/09/xmldsig#sha256"
	case "v1.1.1":
		ns = "http://uri.etsi.org/02918/v1.1.1#"
	case "sha384":
		digestURI = "http://www.w3.org/2001/04/xmldsig-more#sha384"
		digest = func(s string) []byte { d := sha512.Sum384([]byte(s)); return d[:] }
	case "sha512":
		digestURI = "http://www.w3.org/2001/04/xmlenc#sha512"
		digest = func(s string) []byte { d := sha512.Sum512([]byte(s)); return d[:] }
	case "sha1":
		digestURI = "http://www.w3.org/2000/09/xmldsig#sha1"
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="utf-8"?><cades:ASiCManifest xmlns:sig="http://www.w3.org/2000/09/xmldsig#" xmlns:cades="%s">`, ns)
	if signature != "" {
		fmt.Fprintf(&b, `<cades:SigReference URI="%s" MimeType="application/x-pkcs7-signature" />`, signature)
	}
	for _, f := range files {
		fmt.Fprintf(&b, `<cades:DataObjectReference URI="%s" MimeType="text/plain"><sig:DigestMethod Algorithm="%s" /><sig:DigestValue>%s</sig:DigestValue></cades:DataObjectReference>`,
			f.name, digestURI, base64.StdEncoding.EncodeToString(digest(f.content)))
	}
	b.WriteString(`</cades:ASiCManifest>`)
	return b.String()
}

var (
	mimetypeEntry = rawEntry{name: "mimetype", content: asice.MediaType, stored: true}
	fileA         = rawEntry{name: "a.txt", content: "innhold a"}
	fileB         = rawEntry{name: "b.txt", content: "innhold b"}
)

const (
	manifestEntry  = "META-INF/asicmanifest.xml"
	signatureEntry = "META-INF/signature-1.p7s"
)

// TestReadsDotNetLayout: deflated mimetype, misspelt namespace and digest name,
// lower-case manifest, two signers by one certificate, no manifest.xml.
func TestReadsDotNetLayout(t *testing.T) {
	t.Parallel()
	id := rsaIdentity()
	key, cert, _ := id.pems(t)
	manifest := manifestOf("dotnet", signatureEntry, fileA, fileB)
	one := writeFile(t, "one", []byte(opensslSign(t, id, manifest, "-md", "sha256")))
	signature := string(run(t, "openssl", "cms", "-resign", "-nocerts", "-binary", "-inform", "DER", "-outform", "DER",
		"-in", one, "-md", "sha256", "-signer", cert, "-inkey", key))
	b := rawZip(t, rawEntry{name: "mimetype", content: asice.MediaType}, fileA, fileB,
		rawEntry{name: manifestEntry, content: manifest}, rawEntry{name: signatureEntry, content: signature})
	report, files, err := readAll(t, b, asice.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []testFile{{"a.txt", "text/plain", []byte("innhold a")}, {"b.txt", "text/plain", []byte("innhold b")}}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Error(diff)
	}
	if len(report.Signatures) != 1 || len(report.Signatures[0].Signers) != 2 {
		t.Fatalf("signatures %+v", report.Signatures)
	}
	for i, s := range report.Signatures[0].Signers {
		if !s.Valid || s.Organisasjonsnummer() != orgno || s.Digest != crypto.SHA256 || s.CAdES || s.Time.IsZero() {
			t.Errorf("signer %d: %+v", i, s)
		}
	}
}

// TestReport checks what is said of our own container.
func TestReport(t *testing.T) {
	t.Parallel()
	for name, id := range map[string]identity{"organizationIdentifier": rsaIdentity(), "serialNumber": ecdsaIdentity()} {
		report, _, err := readAll(t, pack(t, id, someFiles), asice.Options{Strict: true})
		if err != nil {
			t.Fatal(err)
		}
		want := []asice.FileInfo{
			{Name: someFiles[0].Name, MimeType: "application/json", Size: int64(len(someFiles[0].Content)), Rootfile: true, SHA256: sha256.Sum256(someFiles[0].Content)},
			{Name: someFiles[1].Name, MimeType: "application/pdf", Size: int64(len(someFiles[1].Content)), SHA256: sha256.Sum256(someFiles[1].Content)},
			{Name: "tom.txt", MimeType: "text/plain", SHA256: sha256.Sum256(nil)},
		}
		if diff := cmp.Diff(want, report.Files); diff != "" {
			t.Error(diff)
		}
		s, ok := report.Signer()
		if !ok || !s.CAdES || s.Digest != crypto.SHA256 || !s.Time.Equal(signedAt) || s.Organisasjonsnummer() != orgno ||
			!strings.Contains(s.Subject(), "BÆRUM KOMMUNE") || !s.Certificate.Equal(id.key.Chain[0]) || len(s.Embedded) != 2 {
			t.Errorf("%s: signer %+v", name, s)
		}
		roots := x509.NewCertPool()
		if err := s.Verify(roots, signedAt); !errors.Is(err, asice.ErrSignature) {
			t.Errorf("trusted without root: %v", err)
		}
		roots.AddCert(id.ca)
		if err := s.Verify(roots, signedAt); err != nil {
			t.Error(err)
		}
		if err := s.Verify(roots, signedAt.AddDate(30, 0, 0)); err == nil {
			t.Error("trusted after expiry")
		}
	}
}

// TestLenient: forms that are odd but sound.
func TestLenient(t *testing.T) {
	t.Parallel()
	id := rsaIdentity()
	sig := func(t *testing.T, manifest string, args ...string) rawEntry {
		return rawEntry{name: signatureEntry, content: opensslSign(t, id, manifest, args...)}
	}
	signed := func(style string, args ...string) func(t *testing.T) []rawEntry {
		return func(t *testing.T) []rawEntry {
			m := manifestOf(style, signatureEntry, fileA, fileB)
			return []rawEntry{mimetypeEntry, fileA, fileB, {name: "META-INF/ASiCManifest.xml", content: m}, sig(t, m, args...)}
		}
	}
	cases := map[string]struct {
		entries func(t *testing.T) []rawEntry
		strict  bool // accepted in strict mode, too
		hash    crypto.Hash
	}{
		"SHA-1 signature as Java makes": {signed("", "-md", "sha1"), true, crypto.SHA1},
		"SHA-512 signature":             {signed("", "-md", "sha512"), true, crypto.SHA512},
		"RSASSA-PSS":                    {signed("", "-md", "sha256", "-keyopt", "rsa_padding_mode:pss"), true, crypto.SHA256},
		"subject key identifier":        {signed("", "-keyid"), true, crypto.SHA256},
		"no signed attributes":          {signed("", "-noattr"), true, crypto.SHA256},
		"CAdES by OpenSSL":              {signed("", "-cades"), true, crypto.SHA256},
		"CAdES with SHA-512":            {signed("", "-cades", "-md", "sha512"), true, crypto.SHA512},
		"BER, indefinite lengths":       {signed("", "-stream", "-indef"), true, crypto.SHA256},
		"content attached as well":      {signed("", "-nodetach"), true, crypto.SHA256},
		"attached, BER":                 {signed("", "-nodetach", "-stream", "-indef"), true, crypto.SHA256},
		"namespace v1.1.1":              {signed("v1.1.1"), true, crypto.SHA256},
		"SHA-384 digests":               {signed("sha384"), false, crypto.SHA256},
		"SHA-512 digests":               {signed("sha512"), false, crypto.SHA256},
		"META-INF first": {func(t *testing.T) []rawEntry {
			e := signed("")(t)
			return []rawEntry{e[0], e[3], e[4], e[1], e[2]}
		}, true, crypto.SHA256},
		"no mimetype":   {func(t *testing.T) []rawEntry { return signed("")(t)[1:] }, false, crypto.SHA256},
		"late mimetype": {func(t *testing.T) []rawEntry { e := signed("")(t); return append(e[1:], e[0]) }, false, crypto.SHA256},
		"byte order mark": {func(t *testing.T) []rawEntry {
			m := "\xef\xbb\xbf" + manifestOf("", signatureEntry, fileA)
			return []rawEntry{mimetypeEntry, fileA, {name: manifestEntry, content: m}, sig(t, m)}
		}, true, crypto.SHA256},
		"percent-encoded name": {func(t *testing.T) []rawEntry {
			f := rawEntry{name: "blå bil.txt", content: "x"}
			m := manifestOf("", signatureEntry, rawEntry{name: "bl%C3%A5%20bil.txt", content: "x"})
			return []rawEntry{mimetypeEntry, f, {name: manifestEntry, content: m}, sig(t, m)}
		}, true, crypto.SHA256},
		"folders and old XAdES beside": {func(t *testing.T) []rawEntry {
			f := rawEntry{name: "mappe/a.txt", content: "x"}
			m := manifestOf("", signatureEntry, f)
			return []rawEntry{mimetypeEntry, f, {name: manifestEntry, content: m}, sig(t, m), {name: "META-INF/signatures0.xml", content: "<x/>"}}
		}, true, crypto.SHA256},
		"two manifests": {func(t *testing.T) []rawEntry {
			m1, m2 := manifestOf("", signatureEntry, fileA), manifestOf("", "META-INF/signature-2.p7s", fileB)
			s2 := sig(t, m2)
			s2.name = "META-INF/signature-2.p7s"
			return []rawEntry{
				mimetypeEntry, fileA, fileB, {name: "META-INF/ASiCManifest1.xml", content: m1},
				{name: "META-INF/ASiCManifest2.xml", content: m2}, sig(t, m1), s2,
			}
		}, false, crypto.SHA256},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := rawZip(t, c.entries(t)...)
			report, _, err := readAll(t, b, asice.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, sig := range report.Signatures {
				if s := sig.Signers[0]; !s.Valid || s.Digest != c.hash || s.CAdES != strings.HasPrefix(name, "CAdES") {
					t.Errorf("signer %+v", s)
				}
			}
			if _, whole := report.Signer(); whole != (name != "two manifests") {
				t.Errorf("one signer for everything: %v", whole)
			}
			if _, _, err := readAll(t, b, asice.Options{Strict: true}); (err == nil) != c.strict {
				t.Errorf("strict: %v", err)
			}
		})
	}
}

// TestRefuses: each fault has its own error.
func TestRefuses(t *testing.T) {
	t.Parallel()
	good := unzip(t, pack(t, rsaIdentity(), []testFile{{"a.txt", "", []byte("innhold a")}, {"b.txt", "", []byte("innhold b")}}))
	const first, manifest, signature = 1, 3, 4
	other := unzip(t, pack(t, rsaIdentity(), []testFile{{"a.txt", "", []byte("noe annet")}}))
	manifestText := func(old, new string) func([]rawEntry) []rawEntry {
		return func(e []rawEntry) []rawEntry {
			changed := strings.Replace(e[manifest].content, old, new, 1)
			if changed == e[manifest].content {
				panic("nothing to replace: " + old)
			}
			e[manifest].content = changed
			return e
		}
	}
	rename := func(i int, name string) func([]rawEntry) []rawEntry {
		return func(e []rawEntry) []rawEntry { e[i].name = name; return e }
	}
	add := func(name, content string) func([]rawEntry) []rawEntry {
		return func(e []rawEntry) []rawEntry { return append(e, rawEntry{name: name, content: content}) }
	}
	unsigned := func(e []rawEntry) []rawEntry {
		return append([]rawEntry{e[0], e[1], e[2]}, rawEntry{name: manifestEntry, content: manifestOf("dotnet", "", fileA, fileB)})
	}
	cases := map[string]struct {
		change func([]rawEntry) []rawEntry
		opt    asice.Options
		want   error
	}{
		"wrong mimetype":           {func(e []rawEntry) []rawEntry { e[0].content = "application/vnd.etsi.asic-s+zip"; return e }, asice.Options{}, asice.ErrContainerType},
		"longer mimetype":          {func(e []rawEntry) []rawEntry { e[0].content += "\n"; return e }, asice.Options{}, asice.ErrContainerType},
		"no files":                 {func(e []rawEntry) []rawEntry { return slices.Delete(e, 1, 3) }, asice.Options{}, asice.ErrEmpty},
		"unlisted file":            {add("c.txt", "x"), asice.Options{}, asice.ErrUnlisted},
		"unlisted, META-INF alike": {add("meta-inf/c.txt", "x"), asice.Options{}, asice.ErrName},
		"missing file":             {func(e []rawEntry) []rawEntry { return slices.Delete(e, 1, 2) }, asice.Options{}, asice.ErrMissing},
		"changed file":             {func(e []rawEntry) []rawEntry { e[first].content = "innhold x"; return e }, asice.Options{}, asice.ErrDigest},
		"unknown metadata":         {add("META-INF/signature.malformed", "x"), asice.Options{}, asice.ErrMetadata},
		"metadata folder":          {add("META-INF/x/signature-1.p7s", "x"), asice.Options{}, asice.ErrMetadata},
		"duplicate file":           {add("a.txt", "innhold a"), asice.Options{}, asice.ErrDuplicate},
		"duplicate metadata":       {add("META-INF/ASiCManifest.xml", "<x/>"), asice.Options{}, asice.ErrDuplicate},
		"traversal":                {add("../../etc/passwd", "x"), asice.Options{}, asice.ErrName},
		"absolute":                 {add("/etc/passwd", "x"), asice.Options{}, asice.ErrName},
		"backslashes":              {add(`..\x`, "x"), asice.Options{}, asice.ErrName},
		"dots inside":              {add("a/../../x", "x"), asice.Options{}, asice.ErrName},
		"folder":                   {rename(first, "mappe"), asice.Options{}, asice.ErrMissing},
		"control character":        {add("a\x1b[2J", "x"), asice.Options{}, asice.ErrName},
		"not UTF-8":                {add("bl\xe5", "x"), asice.Options{}, asice.ErrName},
		"no manifest":              {func(e []rawEntry) []rawEntry { return slices.Delete(e, manifest, manifest+1) }, asice.Options{}, asice.ErrManifest},
		"manifest is no XML":       {func(e []rawEntry) []rawEntry { e[manifest].content = "PK"; return e }, asice.Options{}, asice.ErrManifest},
		"manifest is empty":        {func(e []rawEntry) []rawEntry { e[manifest].content = ""; return e }, asice.Options{}, asice.ErrManifest},
		"other namespace":          {manifestText("http://uri.etsi.org/02918/v1.2.1#", "http://example.com/"), asice.Options{}, asice.ErrManifest},
		"document type":            {manifestText("<ASiCManifest", `<!DOCTYPE x [<!ENTITY a "a">]><ASiCManifest`), asice.Options{}, asice.ErrManifest},
		"entity":                   {manifestText(`URI="a.txt"`, `URI="&a;"`), asice.Options{}, asice.ErrManifest},
		"deep XML":                 {manifestText("</ASiCManifest>", strings.Repeat("<a>", 100)+strings.Repeat("</a>", 100)+"</ASiCManifest>"), asice.Options{}, asice.ErrManifest},
		"two roots":                {manifestText("</ASiCManifest>", `</ASiCManifest><ASiCManifest/>`), asice.Options{}, asice.ErrManifest},
		"changed manifest":         {manifestText("text/plain", "text/plane"), asice.Options{}, asice.ErrSignature},
		"no signature file":        {func(e []rawEntry) []rawEntry { return slices.Delete(e, signature, signature+1) }, asice.Options{}, asice.ErrSignature},
		"other's signature":        {func(e []rawEntry) []rawEntry { e[signature].content = other[3].content; return e }, asice.Options{}, asice.ErrSignature},
		"signature is garbage":     {func(e []rawEntry) []rawEntry { e[signature].content = "0\x80garbage"; return e }, asice.Options{}, asice.ErrSignature},
		"signature too many":       {add("META-INF/signature-9.p7s", "x"), asice.Options{}, asice.ErrSignature},
		"signature refers to file": {manifestText(`SigReference URI="META-INF/`, `SigReference URI="`), asice.Options{}, asice.ErrSignature},
		"unsigned":                 {unsigned, asice.Options{}, asice.ErrUnsigned},
		"unsigned, strict":         {unsigned, asice.Options{AllowUnsigned: true, Strict: true}, asice.ErrUnsigned},
		"signed in part": {func(e []rawEntry) []rawEntry {
			c := rawEntry{name: "c.txt", content: "x"}
			return append(e, c, rawEntry{name: "META-INF/ASiCManifest2.xml", content: manifestOf("", "", c)})
		}, asice.Options{AllowUnsigned: true}, asice.ErrUnsigned},
		"signature stripped": {func(e []rawEntry) []rawEntry {
			e[manifest].content = manifestOf("", "", fileA, fileB)
			return e
		}, asice.Options{AllowUnsigned: true}, asice.ErrSignature},
		"unsigned, wrong digest": {func(e []rawEntry) []rawEntry { e = unsigned(e); e[first].content = "x"; return e }, asice.Options{AllowUnsigned: true}, asice.ErrDigest},
		"XAdES only": {func(e []rawEntry) []rawEntry {
			return append(e[:manifest], rawEntry{name: "META-INF/signatures.xml", content: "<x/>"})
		}, asice.Options{}, asice.ErrUnsupported},
		"SHA-1 digests": {func(e []rawEntry) []rawEntry {
			e[manifest].content = manifestOf("sha1", "", fileA, fileB)
			return slices.Delete(e, signature, signature+1)
		}, asice.Options{AllowUnsigned: true}, asice.ErrDigestMethod},
		"too many files":            {nil, asice.Options{Limits: asice.Limits{Files: 5}}, asice.ErrTooMany},
		"large file":                {nil, asice.Options{Limits: asice.Limits{FileSize: 8}}, asice.ErrTooLarge},
		"large files":               {nil, asice.Options{Limits: asice.Limits{TotalSize: 40}}, asice.ErrTooLarge},
		"large metadata":            {nil, asice.Options{Limits: asice.Limits{Metadata: 1000}}, asice.ErrTooLarge},
		"bomb":                      {add("c.txt", strings.Repeat("\x00", 20<<20)), asice.Options{}, asice.ErrRatio},
		"bomb as metadata":          {add("META-INF/signature-9.p7s", strings.Repeat("\x00", 20<<20)), asice.Options{}, asice.ErrTooLarge},
		"strict: late mimetype":     {func(e []rawEntry) []rawEntry { return append(e[1:], e[0]) }, asice.Options{Strict: true}, asice.ErrContainerType},
		"strict: deflated mimetype": {func(e []rawEntry) []rawEntry { e[0].stored = false; return e }, asice.Options{Strict: true}, asice.ErrContainerType},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entries := slices.Clone(good)
			if c.change != nil {
				entries = c.change(entries)
			}
			_, _, err := readAll(t, rawZip(t, entries...), c.opt)
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if err != nil && (strings.Contains(err.Error(), "passwd") || strings.Contains(err.Error(), ".txt")) {
				t.Errorf("the error tells a file name: %v", err)
			}
		})
	}
}

func TestUnsignedIsReported(t *testing.T) {
	t.Parallel()
	b := rawZip(t, mimetypeEntry, fileA, rawEntry{name: manifestEntry, content: manifestOf("dotnet", "", fileA)})
	report, files, err := readAll(t, b, asice.Options{AllowUnsigned: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := report.Signer(); ok || len(report.Signatures) != 0 || len(files) != 1 {
		t.Errorf("report %+v", report)
	}
}

// TestOneValidSignerIsEnough and the others are reported as not valid.
func TestOneValidSignerIsEnough(t *testing.T) {
	t.Parallel()
	good, bad := rsaIdentity(), ecdsaIdentity()
	manifest := manifestOf("", signatureEntry, fileA)
	key, cert, _ := bad.pems(t)
	signature := []byte(opensslSign(t, good, manifest, "-signer", cert, "-inkey", key))
	// An OCTET STRING with a SEQUENCE that begins with an INTEGER of 32 bytes or
	// so: the ECDSA signature.
	i := regexp.MustCompile(`(?s)\x04[\x44-\x48]\x30[\x42-\x46]\x02[\x1e-\x21]`).FindIndex(signature)
	if i == nil {
		t.Fatal("no ECDSA signature found")
	}
	signature[i[1]+10] ^= 1
	b := rawZip(t, mimetypeEntry, fileA, rawEntry{name: manifestEntry, content: manifest}, rawEntry{name: signatureEntry, content: string(signature)})
	report, _, err := readAll(t, b, asice.Options{})
	if err != nil {
		t.Fatal(err)
	}
	valid := 0
	for _, s := range report.Signatures[0].Signers {
		if s.Valid {
			valid++
			if !s.Certificate.Equal(good.key.Chain[0]) {
				t.Error("the wrong one is valid")
			}
		} else if s.Err == nil || s.Verify(x509.NewCertPool(), signedAt) == nil {
			t.Error("no reason given")
		}
	}
	if s, ok := report.Signer(); valid != 1 || len(report.Signatures[0].Signers) != 2 || !ok || !s.Valid {
		t.Errorf("%d valid of %d", valid, len(report.Signatures[0].Signers))
	}
}

// TestSigningCertificateMustMatch: exchanging the embedded certificate for
// another one of the same key, issuer and serial number is noticed. Only the
// signing-certificate attribute protects against that.
func TestSigningCertificateMustMatch(t *testing.T) {
	t.Parallel()
	id := rsaIdentity()
	entries := unzip(t, pack(t, id, someFiles[:1]))
	var twin *x509.Certificate
	for twin == nil || len(twin.Raw) != len(id.key.Chain[0].Raw) { // so that no length around it changes
		twin = newIdentity(id.key.Signer, pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 97}, Value: "NTRNO-999999999"}).key.Chain[0]
	}
	signature := strings.Replace(entries[3].content, string(id.key.Chain[0].Raw), string(twin.Raw), 1)
	if signature == entries[3].content {
		t.Fatal("certificate not found in the signature")
	}
	entries[3].content = signature
	_, _, err := readAll(t, rawZip(t, entries...), asice.Options{})
	if !errors.Is(err, asice.ErrSignature) || !strings.Contains(err.Error(), "another certificate") {
		t.Errorf("got %v", err)
	}
}

func TestReadPassesErrorsOn(t *testing.T) {
	t.Parallel()
	b := pack(t, rsaIdentity(), someFiles)
	stop := errors.New("stop")
	report, err := asice.Read(bytes.NewReader(b), asice.Options{}, func(name string, content io.Reader) error {
		if name == someFiles[1].Name {
			return stop
		}
		return nil // unread content must not matter
	})
	if err != stop || len(report.Files) != 1 {
		t.Errorf("%v after %d files", err, len(report.Files))
	}
	// Whatever breaks the stream is told as what it is, not as a bad archive.
	lost := errors.New("decryption failed")
	b = pack(t, ecdsaIdentity(), []testFile{{"a.txt", "", []byte("a")}, {"b.pdf", "", []byte("b")}})
	for i := range b {
		r := io.MultiReader(bytes.NewReader(b[:i]), &failingReader{lost})
		if _, err := asice.Read(r, asice.Options{}, nil); !errors.Is(err, lost) || errors.Is(err, asice.ErrFormat) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
	r := io.MultiReader(bytes.NewReader(b), &failingReader{lost})
	if _, err := asice.Read(r, asice.Options{}, nil); !errors.Is(err, lost) {
		t.Errorf("after the end: %v", err)
	}
}

// TestOpenedFileIsCheckedAgain: bytes that change after Open do not get through.
func TestOpenedFileIsCheckedAgain(t *testing.T) {
	t.Parallel()
	b := pack(t, rsaIdentity(), []testFile{{"a.pdf", "application/pdf", []byte("uendret innhold")}})
	c, err := asice.Open(bytes.NewReader(b), int64(len(b)), asice.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b[bytes.Index(b, []byte("uendret"))] = 'U' // not compressed, so it lies in the open
	r, err := c.Open("a.pdf")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); !errors.Is(err, asice.ErrDigest) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Open("b.pdf"); !errors.Is(err, asice.ErrMissing) {
		t.Errorf("no such file: %v", err)
	}
}
