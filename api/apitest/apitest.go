// Package apitest holds a running server to its OpenAPI documents. A test gives its HTTP client the transport from
// Transport, and every exchange it makes is checked on the way.
package apitest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"knutepunkt/api"
)

// maxBody is how much of a JSON body is read into memory to be checked. Longer ones pass unchecked, with a note in the
// test's log.
const maxBody = 4 << 20

// T is what is needed of a testing.TB.
type T interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
}

// Transport returns a transport that sends through base, or http.DefaultTransport when base is nil, and reports to t
// each exchange that breaks the documents:
//
//   - a path or method that no document has, unless the answer is 404 or 405
//   - a request that was accepted (below 400) with parameters, JSON body or credentials that the document forbids
//   - a status that is not documented; 4xx and 5xx may be covered by the default response
//   - a missing header, an undocumented content type, or a JSON body that does not follow its schema
//
// Bodies other than JSON are passed on untouched and never read. Paths outside the documented services, and the
// documents' own, are not checked. It is safe for concurrent use.
func Transport(t T, base http.RoundTripper) http.RoundTripper {
	t.Helper()
	if base == nil {
		base = http.DefaultTransport
	}
	docs, err := load()
	if err != nil {
		t.Fatalf("apitest: %v", err)
	}
	return &transport{t: t, base: base, docs: docs}
}

// Handler is a base for Transport that serves requests by h, without a network.
func Handler(h http.Handler) http.RoundTripper { return direct{h} }

type direct struct{ h http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	in := r.Clone(r.Context())
	in.RequestURI = r.URL.RequestURI()
	if in.Body == nil {
		in.Body = http.NoBody
	}
	d.h.ServeHTTP(w, in)
	resp := w.Result()
	resp.Request = r
	for name, values := range resp.Header { // a client reads names in their canonical form
		delete(resp.Header, name)
		resp.Header[http.CanonicalHeaderKey(name)] = values
	}
	return resp, nil
}

// load reads the documents, once for all transports: it takes long, and they are only read from.
var load = sync.OnceValues(func() ([]*openapi3.T, error) {
	var docs []*openapi3.T
	for _, service := range api.Services() {
		raw, err := api.Document(service)
		if err != nil {
			return nil, err
		}
		doc, err := openapi3.NewLoader().LoadFromData(raw)
		if err != nil {
			return nil, fmt.Errorf("the document of %s: %w", service, err)
		}
		docs = append(docs, doc)
	}
	return docs, nil
})

type transport struct {
	t    T
	base http.RoundTripper
	docs []*openapi3.T
}

// RoundTrip sends the request and checks the exchange.
func (tr *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	tr.t.Helper()
	if !covered(r.URL.Path) {
		return tr.base.RoundTrip(r)
	}
	sent := r.Clone(r.Context())
	var reqBody []byte
	if isJSON(r.Header) && r.Body != nil {
		var err error
		if reqBody, sent.Body, err = peek(r.Body); err != nil {
			r.Body.Close()
			return nil, err
		}
	}
	resp, err := tr.base.RoundTrip(sent)
	if err != nil {
		return nil, err
	}
	var respBody []byte
	if isJSON(resp.Header) {
		if respBody, resp.Body, err = peek(resp.Body); err != nil {
			resp.Body.Close()
			return nil, err
		}
	}
	for _, fault := range tr.check(r, reqBody, resp, respBody) {
		tr.t.Errorf("apitest: %s %s answered %d: %s", r.Method, r.URL.Path, resp.StatusCode, fault)
	}
	return resp, nil
}

// peek reads a body of at most maxBody and returns it with a body that starts from the beginning. The content of a
// longer one is nil.
func peek(body io.ReadCloser) ([]byte, io.ReadCloser, error) {
	head, err := io.ReadAll(io.LimitReader(body, maxBody+1))
	if err != nil {
		return nil, body, err
	}
	again := struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), body), body}
	if len(head) > maxBody {
		return nil, again, nil
	}
	return head, again, nil
}

// check returns what is wrong with an exchange. Bodies that were not read are nil.
func (tr *transport) check(r *http.Request, reqBody []byte, resp *http.Response, respBody []byte) []string {
	tr.t.Helper()
	found, methods := tr.find(r.Method, r.URL)
	if found == nil {
		switch {
		case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusMethodNotAllowed:
			return nil
		case len(methods) > 0:
			return []string{"the method is not documented; the path has " + strings.Join(methods, ", ")}
		default:
			return []string{"the path is not documented"}
		}
	}
	if resp.StatusCode < 200 { // such as 101
		return []string{"the status is not documented"}
	}
	var faults []string
	if resp.StatusCode < 400 {
		faults = checkRequest(r, reqBody, found)
	}
	documented := found.Operation.Responses.Status(resp.StatusCode)
	if documented == nil && resp.StatusCode >= 400 {
		documented = found.Operation.Responses.Default()
	}
	if documented == nil {
		return append(faults, "the status is not documented")
	}
	if isJSON(resp.Header) && respBody == nil {
		tr.t.Logf("apitest: %s %s: the JSON body is too long to be checked", r.Method, r.URL.Path)
	}
	return append(faults, checkResponse(r.Method, resp, respBody, documented.Value)...)
}

// route is the operation that a request belongs to.
type route struct {
	*routers.Route
	params  map[string]string
	literal []bool // per segment of the path: not a parameter
}

// find returns the operation for a method and path, or else the methods that the path has. A path belongs to the
// template that is literal where others have a parameter, from the left; a trailing slash says nothing.
func (tr *transport) find(method string, u *url.URL) (*route, []string) {
	path := segments(u.EscapedPath())
	for i, s := range path {
		if plain, err := url.PathUnescape(s); err == nil {
			path[i] = plain
		}
	}
	var best *route
	var methods []string
	for _, doc := range tr.docs {
		for template, item := range doc.Paths.Map() {
			params, literal, ok := match(segments(template), path)
			if !ok {
				continue
			}
			methods = slices.AppendSeq(methods, maps.Keys(item.Operations()))
			op := item.GetOperation(method)
			if method == http.MethodHead {
				op = item.Get
			}
			if op == nil || best != nil && !moreLiteral(literal, best.literal) {
				continue
			}
			best = &route{&routers.Route{Spec: doc, Path: template, PathItem: item, Method: method, Operation: op}, params, literal}
		}
	}
	slices.Sort(methods)
	return best, slices.Compact(methods)
}

func segments(path string) []string { return strings.Split(strings.TrimSuffix(path, "/"), "/") }

// match compares a path with a template and says which segments are literal.
func match(template, path []string) (params map[string]string, literal []bool, ok bool) {
	if len(template) != len(path) {
		return nil, nil, false
	}
	params = map[string]string{}
	for i, want := range template {
		name, isParam := strings.CutPrefix(want, "{")
		switch {
		case isParam && path[i] != "":
			params[strings.TrimSuffix(name, "}")] = path[i]
		case want != path[i]:
			return nil, nil, false
		}
		literal = append(literal, !isParam)
	}
	return params, literal, true
}

func moreLiteral(a, b []bool) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i]
		}
	}
	return false
}

// checkRequest holds a request that was accepted to its document.
func checkRequest(r *http.Request, body []byte, found *route) []string {
	if doc := found.Operation.RequestBody; doc != nil && doc.Value.Required {
		if contentType := r.Header.Get("Content-Type"); doc.Value.Content.Get(contentType) == nil {
			return []string{fmt.Sprintf("accepted a request of content type %q, documented is %s", contentType, types(doc.Value.Content))}
		}
	}
	checked := r.Clone(r.Context())
	checked.Body = io.NopCloser(bytes.NewReader(body))
	err := openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
		Request:    checked,
		PathParams: found.params,
		Route:      found.Route,
		Options: &openapi3filter.Options{
			MultiError:              true,
			ExcludeRequestBody:      body == nil, // multipart and forms are the server's own to check
			SkipSettingDefaults:     true,
			AuthenticationFunc:      hasCredential,
			SchemaValidationOptions: formats(uuid),
		},
	})
	if err != nil {
		return []string{"accepted a request that is not documented: " + explain(err)}
	}
	return nil
}

// hasCredential says whether a request carries a credential, right or wrong. The right ones are for the server to know.
func hasCredential(_ context.Context, in *openapi3filter.AuthenticationInput) error {
	header := "Authorization"
	if in.SecurityScheme.Type == "apiKey" {
		header = in.SecurityScheme.Name
	}
	if in.RequestValidationInput.Request.Header.Get(header) == "" {
		return fmt.Errorf("no %s", header)
	}
	return nil
}

// checkResponse holds a response to its document.
func checkResponse(method string, resp *http.Response, body []byte, documented *openapi3.Response) []string {
	var faults []string
	for name, h := range documented.Headers {
		value := resp.Header.Get(name)
		if value == "" {
			if h.Value.Required {
				faults = append(faults, "the header "+name+" is missing")
			}
			continue
		}
		if h.Value.Schema != nil {
			if err := h.Value.Schema.Value.VisitJSON(value, visit()...); err != nil {
				faults = append(faults, "the header "+name+": "+explain(err))
			}
		}
	}
	contentType := resp.Header.Get("Content-Type")
	if method == http.MethodHead {
		return faults
	}
	if len(documented.Content) == 0 {
		if len(body) > 0 || resp.ContentLength > 0 {
			faults = append(faults, "there is a body where none is documented")
		}
		return faults
	}
	media := documented.Content.Get(contentType)
	if contentType == "" || media == nil {
		return append(faults, fmt.Sprintf("content type %q, documented is %s", contentType, types(documented.Content)))
	}
	if !isJSON(resp.Header) || body == nil || media.Schema == nil {
		return faults
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return append(faults, "the body is not JSON: "+err.Error())
	}
	if err := media.Schema.Value.VisitJSON(value, visit()...); err != nil {
		return append(faults, "the body: "+explain(err))
	}
	if resp.StatusCode >= 400 && media.Schema.Ref == "#/components/schemas/ErrorMessage" {
		faults = append(faults, checkErrorMessage(body, media.Schema.Value)...)
	}
	return faults
}

// checkErrorMessage holds an error to what schemas cannot say: clients search the raw body, which must be one line
// with the members in the order of the document.
func checkErrorMessage(body []byte, schema *openapi3.Schema) []string {
	if bytes.ContainsAny(bytes.TrimSpace(body), "\r\n") {
		return []string{"the error is on several lines"}
	}
	last := 0
	for _, name := range schema.Required {
		at := bytes.Index(body, []byte(`"`+name+`":`))
		if at < last {
			return []string{"the members of the error are not in the order " + strings.Join(schema.Required, ", ")}
		}
		last = at
	}
	return nil
}

// types lists the documented content types.
func types(c openapi3.Content) string {
	return strings.Join(slices.Sorted(maps.Keys(c)), ", ")
}

// UUIDs of every version, the platform's own in the one form that all clients read.
const (
	uuid      = `^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`
	lowerUUID = `^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`
)

// formats lets values be held to the formats of the documents, not only to their types.
func formats(uuid string) []openapi3.SchemaValidationOption {
	return []openapi3.SchemaValidationOption{
		openapi3.EnableFormatValidation(),
		openapi3.WithStringFormatValidator("uuid", openapi3.NewRegexpFormatValidator(uuid)),
	}
}

// visit is how answers are held to schemas, every fault at once.
func visit() []openapi3.SchemaValidationOption {
	return append(formats(lowerUUID), openapi3.MultiErrors(), openapi3.VisitAsResponse())
}

// explain writes errors of kin-openapi on one line: where, and why. Whole schemas and bodies are left out.
func explain(err error) string {
	switch e := err.(type) {
	case openapi3.MultiError:
		var all []string
		for _, one := range e {
			all = append(all, explain(one))
		}
		return strings.Join(all, "; ")
	case *openapi3filter.RequestError:
		where := "the body"
		if e.Parameter != nil {
			where = "the parameter " + e.Parameter.Name
		}
		if e.Err == nil {
			return where + ": " + e.Reason
		}
		return where + ": " + explain(e.Err)
	case *openapi3.SchemaError:
		where := ""
		if pointer := e.JSONPointer(); len(pointer) > 0 {
			where = "/" + strings.Join(pointer, "/") + ": "
		}
		if e.Origin != nil {
			return where + explain(e.Origin)
		}
		return where + e.Reason
	default:
		return err.Error()
	}
}

// isJSON says whether the headers announce JSON.
func isJSON(h http.Header) bool {
	m, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && m == "application/json"
}

// covered says whether a path is of a documented service.
func covered(path string) bool {
	if strings.HasSuffix(path, "/api/v1/openapi") || strings.HasSuffix(path, "/api/v1/openapi.json") {
		return false
	}
	for _, prefix := range []string{"/digisos/", "/fiks-io/", "/dokumentlager/", "/api/v2/", "/api/v3/", "/tjenester/api/forsendelse/", "/tjenester/svarinn/", "/bekymringsmelding/", "/bekymringsmelding-svarinn-mottak/", "/forsendelse/", "/konfigurasjon/", "/autorisasjon-query/", "/autorisasjon-update/", "/sandbox/", "/maskinporten/", "/idporten/", "/.well-known/oauth-"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}
