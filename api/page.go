package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"path"
	"strings"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// contentSecurityPolicy lets a page use its own style sheet and nothing else.
func contentSecurityPolicy() string {
	sum := sha256.Sum256([]byte(pageCSS))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// render makes the page of one document.
func (d *document) render() ([]byte, error) { return execute("service", d.Info.Title, d, d) }

// renderIndex makes the page that lists the documents.
func renderIndex(docs []*document) ([]byte, error) {
	return execute("index", "API", docs, &document{})
}

func execute(body, title string, data any, d *document) ([]byte, error) {
	t, err := template.New("").Funcs(template.FuncMap{
		"css":     func() template.CSS { return template.CSS(pageCSS) }, // our own file
		"id":      func(tag string) string { return strings.NewReplacer("æ", "ae", "ø", "o", "å", "a").Replace(tag) },
		"base":    path.Base,
		"curl":    d.curl,
		"rows":    func(s *schema) []row { return rows("", s) },
		"limits":  (*schema).limits,
		"callers": d.callers,
		"named":   func(s *schema) bool { return s.Ref != "" || len(s.AllOf) > 0 },
		"schema":  d.schema,
		"text":    text,
		"pretty":  pretty,
		"titled":  func(s string) string { return strings.ToUpper(s[:1]) + s[1:] },
		"items":   items,
	}).Parse(pageHTML)
	if err != nil {
		return nil, fmt.Errorf("parsing the page: %w", err)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "page", struct {
		Title, Body string
		Data        any
	}{title, body, data}); err != nil {
		return nil, fmt.Errorf("rendering the page %s: %w", title, err)
	}
	return b.Bytes(), nil
}

// items returns the schema whose members are worth a table: s, or that of the items of a list.
func items(s *schema) *schema {
	if s != nil && s.Items != nil {
		return s.Items
	}
	return s
}

// callers says who may call, one sentence for each alternative.
func (d *document) callers(op *operation) []string {
	var all []string
	for _, alternative := range d.security(op) {
		var who string
		if _, ok := alternative["maskinporten"]; ok {
			who = "a system, with a Maskinporten token"
		}
		if _, ok := alternative["idporten"]; ok {
			who = "a person, with an ID-porten token"
		}
		if _, ok := alternative["basic"]; ok {
			who = "an account, with its user name and password (HTTP Basic)"
		}
		if _, ok := alternative["integrasjonId"]; ok {
			who += " and an integrasjon"
		}
		all = append(all, who)
	}
	return all
}

// pretty writes an example over several lines.
func pretty(example json.RawMessage) (string, error) {
	var b bytes.Buffer
	if err := json.Indent(&b, example, "", "  "); err != nil {
		return "", err
	}
	return b.String(), nil
}
