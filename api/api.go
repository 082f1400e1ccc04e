// Package api holds the OpenAPI 3.0.3 documents of the platform's services, and serves them as JSON for machines and
// as a page for people.
//
// The documents are written by hand in the YAML files beside this one; the JSON files, which are what the binary
// carries, are made from them by go generate and kept equal by a test. They describe the wire that existing clients
// speak, so a change here is a change of contract. Package apitest holds the running server to them.
package api

//go:generate go test -run ^TestJSONIsMadeFromYAML$ . -update

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"time"
)

//go:embed digisos.json dokumentlager.json fiks-io.json svarut.json svarinn.json bekymringsmelding.json konfigurasjon.json sandbox.json
var documents embed.FS

// Services names the services that have a document, in the order they are best read. The last, sandbox, is only for an
// installation that is one.
func Services() []string {
	return []string{"digisos", "fiks-io", "dokumentlager", "svarut", "svarinn", "bekymringsmelding", "konfigurasjon", "sandbox"}
}

// Documents is a file system with one file per service, named after it: digisos.json and so on.
func Documents() fs.FS { return documents }

// Document returns the document of one service as JSON, or an error that wraps fs.ErrNotExist.
func Document(service string) ([]byte, error) {
	b, err := documents.ReadFile(service + ".json")
	if err != nil {
		return nil, fmt.Errorf("the document of service %q: %w", service, err)
	}
	return b, nil
}

// A Route is a pattern for http.ServeMux and what answers there.
type Route struct {
	Pattern string
	Handler http.Handler
}

// Routes returns what an installation that offers these services serves:
//
//	GET /api                            a page with the services
//	GET /{service}/api/v1/openapi       the document as a page
//	GET /{service}/api/v1/openapi.json  the document
//
// All of it is public and the same for everybody. The pages need no script and load nothing. An unknown service is an
// error.
func Routes(services ...string) ([]Route, error) {
	var docs []*document
	var routes []Route
	for _, service := range services {
		raw, err := Document(service)
		if err != nil {
			return nil, err
		}
		doc, err := parse(service, raw)
		if err != nil {
			return nil, err
		}
		page, err := doc.render()
		if err != nil {
			return nil, err
		}
		docs = append(docs, doc)
		routes = append(routes,
			Route{"GET " + doc.Link(), static("text/html; charset=utf-8", page)},
			Route{"GET " + doc.Link() + ".json", static("application/json", raw)})
	}
	index, err := renderIndex(docs)
	if err != nil {
		return nil, err
	}
	return append(routes, Route{"GET /api", static("text/html; charset=utf-8", index)}), nil
}

// static serves bytes that never change, with an ETag so that they are sent once.
func static(contentType string, content []byte) http.Handler {
	etag := fmt.Sprintf("%q", fmt.Sprintf("%x", sha256.Sum256(content))[:32])
	csp := contentSecurityPolicy()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", contentType)
		h.Set("ETag", etag)
		h.Set("Cache-Control", "no-cache")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", csp)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	})
}
