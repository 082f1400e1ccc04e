package api_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"knutepunkt/api"
)

func get(t *testing.T, h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestDocumentIsServed compares what is served with what is embedded, and asks again with the ETag.
func TestDocumentIsServed(t *testing.T) {
	t.Parallel()
	mux := newMux(t, api.Services()...)
	for _, service := range api.Services() {
		want, err := api.Document(service)
		if err != nil {
			t.Fatal(err)
		}
		path := "/" + service + "/api/v1/openapi.json"
		w := get(t, mux, path)
		if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" || !bytes.Equal(w.Body.Bytes(), want) {
			t.Errorf("%s: %d %s, %d bytes, want the document", path, w.Code, w.Header().Get("Content-Type"), w.Body.Len())
		}
		if w := get(t, mux, path, "If-None-Match", w.Header().Get("ETag")); w.Code != 304 || w.Body.Len() > 0 {
			t.Errorf("%s again: %d with %d bytes, want 304", path, w.Code, w.Body.Len())
		}
	}
}

// TestOnlyWhatIsOffered keeps the sandbox out of an installation that is none.
func TestOnlyWhatIsOffered(t *testing.T) {
	t.Parallel()
	mux := newMux(t, "digisos", "fiks-io")
	for _, path := range []string{"/sandbox/api/v1/openapi", "/sandbox/api/v1/openapi.json", "/dokumentlager/api/v1/openapi"} {
		if w := get(t, mux, path); w.Code != 404 {
			t.Errorf("%s: %d, want 404", path, w.Code)
		}
	}
	if body := get(t, mux, "/api").Body.String(); !strings.Contains(body, `href="/fiks-io/api/v1/openapi"`) || strings.Contains(body, "/sandbox/api") {
		t.Errorf("the index does not list exactly what is offered:\n%s", body)
	}
}

// TestPage looks for every operation and schema, and for anything that a page must not do.
func TestPage(t *testing.T) {
	t.Parallel()
	mux := newMux(t, api.Services()...)
	for _, service := range api.Services() {
		doc := load(t, service)
		w := get(t, mux, "/"+service+"/api/v1/openapi")
		page := w.Body.String()
		if w.Code != 200 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
			t.Fatalf("%s: %d %s", service, w.Code, w.Header().Get("Content-Type"))
		}
		for path, item := range doc.Paths.Map() {
			for method, op := range item.Operations() {
				section := between(page, `<h3 id="`+op.OperationID+`">`, "</section>")
				for what, want := range map[string]string{
					"route":   html.EscapeString(method) + "</span> " + html.EscapeString(path),
					"summary": html.EscapeString(op.Summary),
					"curl":    "curl",
				} {
					if !strings.Contains(section, want) {
						t.Errorf("%s: %s has no %s %q", service, op.OperationID, what, want)
					}
				}
				for status := range op.Responses.Map() {
					if !strings.Contains(section, `<th scope="row">`+status+`</th>`) {
						t.Errorf("%s: %s does not show %s", service, op.OperationID, status)
					}
				}
				for _, p := range append(item.Parameters[:len(item.Parameters):len(item.Parameters)], op.Parameters...) {
					if !strings.Contains(section, `<code>`+p.Value.Name+`</code>`) {
						t.Errorf("%s: %s does not show the parameter %s", service, op.OperationID, p.Value.Name)
					}
				}
				if op.RequestBody != nil && !strings.Contains(section, "<h4>Request</h4>") {
					t.Errorf("%s: %s does not show the request", service, op.OperationID)
				}
			}
		}
		for name := range doc.Components.Schemas {
			if !strings.Contains(page, `<h3 id="schema-`+name+`">`) {
				t.Errorf("%s: the page lacks the schema %s", service, name)
			}
		}
		for _, m := range regexp.MustCompile(`href="#([^"]*)"`).FindAllStringSubmatch(page, -1) {
			if !strings.Contains(page, ` id="`+m[1]+`"`) {
				t.Errorf("%s: the link to #%s leads nowhere", service, m[1])
			}
		}
		checkHarmless(t, w)
		checkWellFormed(t, service, page)
	}
	index := get(t, mux, "/api")
	checkHarmless(t, index)
	checkWellFormed(t, "index", index.Body.String())
}

// checkHarmless makes sure that the browser neither runs nor loads anything.
func checkHarmless(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	csp := w.Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-") || strings.Contains(csp, "unsafe") {
		t.Errorf("Content-Security-Policy %q", csp)
	}
	sum := sha256.Sum256([]byte(between(w.Body.String(), "<style>", "</style>")))
	if want := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(csp, want) {
		t.Errorf("the browser refuses the style sheet: %s is not in %s", want, csp)
	}
	if m := regexp.MustCompile(`(?i)<script|\son\w+=|\ssrc=|href="(?:https?:)?//|\sstyle=|@import|url\(`).FindString(w.Body.String()); m != "" {
		t.Errorf("the page has %q", m)
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s %q, want %q", name, got, want)
		}
	}
}

// checkWellFormed reads the page as XML, which it nearly is: every element is closed in its place, no id is used
// twice, every heading has text and follows the level above.
func checkWellFormed(t *testing.T, name, page string) {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(page))
	dec.Strict, dec.AutoClose, dec.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	ids, open, level := map[string]bool{}, []string{}, 0
	for {
		token, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			open = append(open, e.Name.Local)
			for _, a := range e.Attr {
				if a.Name.Local == "id" && ids[a.Value] {
					t.Errorf("%s: the id %s is used twice", name, a.Value)
				} else if a.Name.Local == "id" {
					ids[a.Value] = true
				}
			}
			if n := e.Name.Local; len(n) == 2 && n[0] == 'h' && n[1] >= '1' && n[1] <= '6' {
				if now := int(n[1] - '0'); now > level+1 {
					t.Errorf("%s: h%d follows h%d", name, now, level)
				} else {
					level = now
				}
			}
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != e.Name.Local {
				t.Fatalf("%s: </%s> closes %v", name, e.Name.Local, open)
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Errorf("%s: %v not closed", name, open)
	}
}

// TestCommandLines lets a shell take every command line apart, with a curl that prints what it was given.
func TestCommandLines(t *testing.T) {
	t.Parallel()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh on this machine")
	}
	mux := newMux(t, api.Services()...)
	for _, service := range api.Services() {
		page := get(t, mux, "/"+service+"/api/v1/openapi").Body.String()
		lines := regexp.MustCompile(`(?s)role="group" aria-label="Command line for (\w+)">(.*?)</pre>`).FindAllStringSubmatch(page, -1)
		if len(lines) == 0 {
			t.Errorf("%s: no command lines", service)
		}
		var script strings.Builder
		script.WriteString("set -eu\nBASE=http://b TOKEN=t INTEGRASJON_ID=i INTEGRASJON_PASSORD=p BRUKERNAVN=b PASSORD=p\ncurl() { for a; do printf '%s\\037' \"$a\"; done; echo; }\n")
		for _, m := range lines {
			script.WriteString(html.UnescapeString(m[2]) + "\n")
		}
		cmd := exec.CommandContext(t.Context(), sh)
		cmd.Stdin = strings.NewReader(script.String())
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", service, err)
		}
		calls := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
		if len(calls) != len(lines) {
			t.Fatalf("%s: %d calls from %d command lines", service, len(calls), len(lines))
		}
		doc := load(t, service)
		for i, call := range calls {
			checkCall(t, doc, lines[i][1], strings.Split(strings.TrimSuffix(call, "\x1f"), "\x1f"))
		}
	}
}

// checkCall compares what a command line would send with the document.
func checkCall(t *testing.T, doc *openapi3.T, operationID string, args []string) {
	t.Helper()
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.OperationID != operationID {
				continue
			}
			template := "^http://b" + regexp.MustCompile(`\\\{[^}]*\\\}`).ReplaceAllString(regexp.QuoteMeta(path), `[^/{}?]+`) + `(\?.*)?$`
			var found, auth bool
			asked := "GET"
			for i, a := range args {
				found = found || regexp.MustCompile(template).MatchString(a)
				auth = auth || a == "Authorization: Bearer t" || a == "b:p"
				if a == "-X" {
					asked = args[i+1]
				}
			}
			security := op.Security
			if security == nil {
				security = &doc.Security
			}
			if !found || asked != method || auth != (len(*security) > 0) {
				t.Errorf("%s is called as %q", operationID, args)
			}
			return
		}
	}
	t.Errorf("no operation %s", operationID)
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}
