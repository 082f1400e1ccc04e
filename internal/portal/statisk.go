package portal

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"knutepunkt/internal/feil"
)

//go:embed statisk
var statiskFS embed.FS

// stilark is the style sheet's parts in their order. Those of Designsystemet are
// unchanged files of its package; each goes into the layer that the package's own
// whole sheet puts it in.
var stilark = []struct{ lag, fil string }{
	{"", "tema.css"},
	{"ds.base", "designsystemet/base.css"},
	{"ds.components", "designsystemet/data-size-workaround.css"},
	{"ds.components", "designsystemet/alert.css"},
	{"ds.components", "designsystemet/breadcrumbs.css"},
	{"ds.components", "designsystemet/button.css"},
	{"ds.components", "designsystemet/card.css"},
	{"ds.components", "designsystemet/dialog.css"},
	{"ds.components", "designsystemet/error-summary.css"},
	{"ds.components", "designsystemet/field.css"},
	{"ds.components", "designsystemet/fieldset.css"},
	{"ds.components", "designsystemet/heading.css"},
	{"ds.components", "designsystemet/input.css"},
	{"ds.components", "designsystemet/label.css"},
	{"ds.components", "designsystemet/link.css"},
	{"ds.components", "designsystemet/list.css"},
	{"ds.components", "designsystemet/paragraph.css"},
	{"ds.components", "designsystemet/skip-link.css"},
	{"ds.components", "designsystemet/table.css"},
	{"ds.components", "designsystemet/tag.css"},
	{"ds.components", "designsystemet/validation-message.css"},
	{"app", "app.css"},
}

// statisk is the files that pages refer to. Their address holds a digest of them
// all, so that a browser may keep them for ever.
type statisk struct {
	digest string
	filer  map[string]fil
}

type fil struct {
	type_   string
	innhold []byte
	gzip    []byte // nil where it does not help
}

func nyStatisk() (*statisk, error) {
	s := &statisk{filer: map[string]fil{}}
	ark := bytes.NewBufferString("@layer ds.theme, ds.base, ds.components, app;\n")
	for _, del := range stilark {
		b, err := statiskFS.ReadFile("statisk/" + del.fil)
		if err != nil {
			return nil, fmt.Errorf("portal: a part of the style sheet: %w", err)
		}
		if b = bytes.TrimPrefix(b, []byte("@charset \"UTF-8\";\n")); del.lag != "" {
			fmt.Fprintf(ark, "@layer %s{%s}\n", del.lag, b)
		} else {
			ark.Write(b)
		}
	}
	inn := map[string][]byte{"portal.css": ark.Bytes()}
	for _, f := range []string{"app.js", "ikon.svg", "inter/inter-latin-wght-normal.woff2", "inter/inter-latin-ext-wght-normal.woff2"} {
		b, err := fs.ReadFile(statiskFS, "statisk/"+f)
		if err != nil {
			return nil, fmt.Errorf("portal: a static file: %w", err)
		}
		inn[path.Base(f)] = b
	}
	h := sha256.New()
	for _, navn := range []string{"portal.css", "app.js", "ikon.svg", "inter-latin-wght-normal.woff2", "inter-latin-ext-wght-normal.woff2"} {
		h.Write(inn[navn])
		f := fil{type_: typer[path.Ext(navn)], innhold: inn[navn]}
		if !strings.HasSuffix(navn, ".woff2") {
			f.gzip = pakk(f.innhold)
		}
		s.filer[navn] = f
	}
	s.digest = hex.EncodeToString(h.Sum(nil))[:12]
	return s, nil
}

var typer = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".woff2": "font/woff2",
}

func pakk(b []byte) []byte {
	var ut bytes.Buffer
	w, _ := gzip.NewWriterLevel(&ut, gzip.BestCompression) // the level is one there is
	_, _ = w.Write(b)                                      // a Buffer takes everything
	_ = w.Close()
	return ut.Bytes()
}

// sti is the address of a static file.
func (s *statisk) sti(navn string) string { return "/statisk/" + s.digest + "/" + navn }

// hent serves a file. Under the digest of another build it serves what it has,
// and asks for it not to be kept: nodes are upgraded one by one.
func (s *statisk) hent(w http.ResponseWriter, r *http.Request) error {
	f, ok := s.filer[r.PathValue("fil")]
	if !ok {
		return feil.Ny(feil.IkkeFunnet, "Filen finnes ikke")
	}
	cache := "no-cache"
	if r.PathValue("digest") == s.digest {
		cache = "public, max-age=31536000, immutable"
	}
	return f.skriv(w, r, cache)
}

// ikon answers browsers that ask for an icon on their own.
func (s *statisk) ikon(w http.ResponseWriter, r *http.Request) error {
	return s.filer["ikon.svg"].skriv(w, r, "public, max-age=86400")
}

func (f fil) skriv(w http.ResponseWriter, r *http.Request, cache string) error {
	h, b := w.Header(), f.innhold
	h.Set("Content-Type", f.type_)
	h.Set("Cache-Control", cache)
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	if f.gzip != nil {
		h.Set("Vary", "Accept-Encoding")
		if godtarGzip(r.Header.Get("Accept-Encoding")) {
			h.Set("Content-Encoding", "gzip")
			b = f.gzip
		}
	}
	_, err := w.Write(b)
	return err
}

// godtarGzip tells whether an Accept-Encoding header names gzip without refusing it.
func godtarGzip(header string) bool {
	for del := range strings.SplitSeq(header, ",") {
		navn, q, _ := strings.Cut(strings.TrimSpace(del), ";")
		if strings.EqualFold(strings.TrimSpace(navn), "gzip") {
			v := strings.ReplaceAll(q, " ", "")
			return v != "q=0" && !strings.HasPrefix(v, "q=0.000") && v != "q=0.0" && v != "q=0.00"
		}
	}
	return false
}
