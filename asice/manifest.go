package asice

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	nsASiC         = "http://uri.etsi.org/02918/v1.2.1#"
	nsXMLDSig      = "http://www.w3.org/2000/09/xmldsig#"
	nsXMLEnc       = "http://www.w3.org/2001/04/xmlenc#"
	nsXMLDSigMore  = "http://www.w3.org/2001/04/xmldsig-more#"
	nsOpenDocument = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
	maxXMLDepth    = 32
)

// manifestFile is one file as the writer notes it.
type manifestFile struct {
	name, mimetype string
	digest         [sha256.Size]byte
}

// formatManifest writes ASiCManifest.xml (ETSI TS 102 918 §6.2.1 and its
// schema). Names stand as they are, not percent-encoded: the readers in use
// compare them letter by letter with the zip's.
func formatManifest(signatureName string, files []manifestFile) []byte {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	fmt.Fprintf(&b, `<ASiCManifest xmlns="%s" xmlns:ds="%s">`+"\n", nsASiC, nsXMLDSig)
	fmt.Fprintf(&b, `  <SigReference URI="%s" MimeType="application/x-pkcs7-signature"/>`+"\n", escape(signatureName))
	for i, f := range files {
		root := ""
		if i == 0 {
			root = ` Rootfile="true"`
		}
		fmt.Fprintf(&b, `  <DataObjectReference URI="%s" MimeType="%s"%s>`+"\n", escape(f.name), escape(f.mimetype), root)
		fmt.Fprintf(&b, `    <ds:DigestMethod Algorithm="%ssha256"/>`+"\n", nsXMLEnc)
		fmt.Fprintf(&b, `    <ds:DigestValue>%s</ds:DigestValue>`+"\n", base64.StdEncoding.EncodeToString(f.digest[:]))
		b.WriteString("  </DataObjectReference>\n")
	}
	b.WriteString("</ASiCManifest>\n")
	return b.Bytes()
}

// formatOpenDocumentManifest writes META-INF/manifest.xml (OpenDocument 1.2
// part 3 §4). Nobody verifies by it; some tools list files from it.
func formatOpenDocumentManifest(files []manifestFile) []byte {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	fmt.Fprintf(&b, `<manifest:manifest xmlns:manifest="%s">`+"\n", nsOpenDocument)
	entry := func(name, mimetype string) {
		fmt.Fprintf(&b, `  <manifest:file-entry manifest:full-path="%s" manifest:media-type="%s"/>`+"\n", escape(name), escape(mimetype))
	}
	entry("/", MediaType)
	for _, f := range files {
		entry(f.name, f.mimetype)
	}
	b.WriteString("</manifest:manifest>\n")
	return b.Bytes()
}

func escape(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s)) //nolint:errcheck // a strings.Builder does not fail
	return b.String()
}

// manifest is ASiCManifest.xml as read.
type manifest struct {
	signature string // entry name of the signature, "" if unsigned
	refs      []reference
}

// reference is one DataObjectReference.
type reference struct {
	uri, mimetype string
	rootfile      bool
	hash          crypto.Hash // 0 if the algorithm is not known here
	digest        []byte
}

// asicNamespaces are the right namespace, its forerunner, and the spelling of
// the .NET library.
var asicNamespaces = map[string]bool{
	nsASiC:                              true,
	"http://uri.etsi.org/02918/v1.1.1#": true,
	"http://uri.etsi.org/2918/v1.2.1#":  true,
}

// parseManifest reads an ASiCManifest.xml of at most maxRefs references. All
// errors are ErrManifest or ErrTooMany. An unknown digest algorithm is left to
// the caller, who can say which file it concerns.
func parseManifest(b []byte, maxRefs int) (*manifest, error) {
	d := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))))
	var (
		m     manifest
		path  []xml.Name
		ref   *reference
		text  strings.Builder
		roots int
	)
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, wrap(ErrManifest, "%w", err)
		}
		switch t := token.(type) {
		case xml.Directive:
			return nil, wrap(ErrManifest, "document type declaration")
		case xml.StartElement:
			path = append(path, t.Name)
			if len(path) > maxXMLDepth {
				return nil, wrap(ErrManifest, "too deep")
			}
			if len(path) == 1 {
				roots++
				if roots > 1 || t.Name.Local != "ASiCManifest" || !asicNamespaces[t.Name.Space] {
					return nil, wrap(ErrManifest, "root element is not ASiCManifest")
				}
				continue
			}
			text.Reset()
			switch {
			case isASiC(path, "SigReference"):
				uri := attribute(t, "URI")
				if m.signature != "" || uri == "" {
					return nil, wrap(ErrManifest, "SigReference")
				}
				m.signature = uri
			case isASiC(path, "DataObjectReference"):
				if len(m.refs) == maxRefs {
					return nil, wrap(ErrTooMany, "references in a manifest")
				}
				root := attribute(t, "Rootfile")
				m.refs = append(m.refs, reference{
					uri:      attribute(t, "URI"),
					mimetype: attribute(t, "MimeType"),
					rootfile: root == "true" || root == "1",
				})
				ref = &m.refs[len(m.refs)-1]
			case isDigest(path, "DigestMethod"):
				if ref.hash != 0 {
					return nil, wrap(ErrManifest, "two digest methods")
				}
				ref.hash = digestByURI(attribute(t, "Algorithm"))
			}
		case xml.CharData:
			if len(path) == 3 {
				text.Write(t)
			}
		case xml.EndElement:
			if isDigest(path, "DigestValue") {
				digest, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text.String()), ""))
				if err != nil || len(digest) == 0 || ref.digest != nil {
					return nil, wrap(ErrManifest, "digest value")
				}
				ref.digest = digest
			}
			path = path[:len(path)-1]
		}
	}
	if roots == 0 {
		return nil, wrap(ErrManifest, "no XML in it")
	}
	for _, r := range m.refs {
		if r.uri == "" || r.digest == nil {
			return nil, wrap(ErrManifest, "incomplete reference")
		}
	}
	return &m, nil
}

// isASiC tells whether path is a child of the root with the given name.
func isASiC(path []xml.Name, local string) bool {
	return len(path) == 2 && path[1].Local == local && asicNamespaces[path[1].Space]
}

// isDigest tells whether path is an XML signature element with the given name
// in a DataObjectReference.
func isDigest(path []xml.Name, local string) bool {
	return len(path) == 3 && isASiC(path[:2], "DataObjectReference") &&
		path[2].Local == local && path[2].Space == nsXMLDSig
}

func attribute(e xml.StartElement, local string) string {
	for _, a := range e.Attr {
		if a.Name.Space == "" && a.Name.Local == local {
			return a.Value
		}
	}
	return ""
}

// digestByURI knows the digests that are accepted, under the names of XML
// encryption and under those that the .NET library takes for them; 0 if unknown.
func digestByURI(uri string) crypto.Hash {
	for _, prefix := range []string{nsXMLEnc, nsXMLDSig, nsXMLDSigMore} {
		switch name, ok := strings.CutPrefix(uri, prefix); {
		case !ok:
		case name == "sha256":
			return crypto.SHA256
		case name == "sha384":
			return crypto.SHA384
		case name == "sha512":
			return crypto.SHA512
		}
	}
	return 0
}
