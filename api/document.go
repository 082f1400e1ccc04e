package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
)

// document is as much of an OpenAPI document as the page shows.
type document struct {
	Service string `json:"-"`
	Info    struct{ Title, Version, Description string }
	Tags    []struct{ Name, Description string }
	// Paths and Schemas keep the order they are written in.
	Paths      ordered[pathItem]
	Security   []map[string][]string
	Components struct {
		Schemas         ordered[*schema]
		Parameters      map[string]parameter
		RequestBodies   map[string]requestBody
		Responses       map[string]response
		SecuritySchemes map[string]securityScheme
	}
}

type pathItem struct {
	Parameters                    []parameter
	Get, Post, Put, Patch, Delete *operation
}

type operation struct {
	OperationID string `json:"operationId"`
	Summary     string
	Description string
	Tags        []string
	Parameters  []parameter
	RequestBody *requestBody
	Responses   ordered[response]
	// Security is nil when the document's own holds.
	Security *[]map[string][]string

	// Set by parse.
	Method string `json:"-"`
	Path   string `json:"-"`
}

type parameter struct {
	Ref         string `json:"$ref"`
	Name        string
	In          string
	Required    bool
	Description string
	Schema      *schema
	Example     json.RawMessage
}

type requestBody struct {
	Ref     string `json:"$ref"`
	Content ordered[mediaType]
}

type response struct {
	Ref         string `json:"$ref"`
	Description string
	Headers     ordered[parameter]
	Content     ordered[mediaType]
}

type mediaType struct {
	Schema   *schema
	Example  json.RawMessage
	Encoding map[string]struct{ ContentType string }
}

type securityScheme struct{ Type, Name, Description string }

type schema struct {
	Ref                  string `json:"$ref"`
	Type                 string
	Format               string
	Pattern              string
	Description          string
	Nullable             bool
	Enum                 []json.RawMessage
	Required             []string
	Properties           ordered[*schema]
	AdditionalProperties json.RawMessage
	Items                *schema
	AllOf                []*schema
	OneOf                []*schema
	Minimum              *float64
	Maximum              *float64
	MinLength            int
	MaxLength            int
	Default              any
	Example              json.RawMessage
}

// parse reads a document and puts what its references name in their place, except for schemas, which keep their names.
func parse(service string, raw []byte) (*document, error) {
	doc := &document{Service: service}
	if err := json.Unmarshal(raw, doc); err != nil {
		return nil, fmt.Errorf("reading the document of %s: %w", service, err)
	}
	for i := range doc.Paths {
		for _, op := range doc.Paths[i].Value.operations() {
			op.Path = doc.Paths[i].Key
			op.Parameters = append(append([]parameter{}, doc.Paths[i].Value.Parameters...), op.Parameters...)
			for j, p := range op.Parameters {
				if p.Ref != "" {
					op.Parameters[j] = doc.Components.Parameters[path.Base(p.Ref)]
				}
			}
			if op.RequestBody != nil && op.RequestBody.Ref != "" {
				body := doc.Components.RequestBodies[path.Base(op.RequestBody.Ref)]
				op.RequestBody = &body
			}
			for j, r := range op.Responses {
				if r.Value.Ref != "" {
					op.Responses[j].Value = doc.Components.Responses[path.Base(r.Value.Ref)]
				}
			}
		}
	}
	return doc, nil
}

// operations returns the operations of a path, each with its method set.
func (p *pathItem) operations() []*operation {
	var all []*operation
	for _, m := range []struct {
		method string
		op     *operation
	}{{"GET", p.Get}, {"POST", p.Post}, {"PUT", p.Put}, {"PATCH", p.Patch}, {"DELETE", p.Delete}} {
		if m.op != nil {
			m.op.Method = m.method
			all = append(all, m.op)
		}
	}
	return all
}

// Tagged returns the operations under one tag, in the order of the document.
func (d *document) Tagged(tag string) []*operation {
	var tagged []*operation
	for i := range d.Paths {
		for _, op := range d.Paths[i].Value.operations() {
			for _, t := range op.Tags {
				if t == tag {
					tagged = append(tagged, op)
				}
			}
		}
	}
	return tagged
}

// Link is the path of the page.
func (d *document) Link() string { return "/" + d.Service + "/api/v1/openapi" }

// schema returns the schema that s refers to, or s.
func (d *document) schema(s *schema) *schema {
	if s == nil {
		return &schema{}
	}
	if s.Ref != "" {
		return d.Components.Schemas.get(path.Base(s.Ref))
	}
	if len(s.AllOf) == 1 {
		return d.schema(s.AllOf[0])
	}
	return s
}

// security returns the alternatives that open an operation, each as the names of its schemes.
func (d *document) security(op *operation) []map[string][]string {
	if op.Security != nil {
		return *op.Security
	}
	return d.Security
}

// A row is a member of an object on the page.
type row struct {
	Name     string
	Required bool
	Schema   *schema
}

// rows lists the members of an object. A member that is itself an object without a name of its own is followed by its
// members, as in dokumenter[].digisosId.
func rows(prefix string, s *schema) []row {
	var all []row
	for _, p := range s.Properties {
		r := row{Name: prefix + p.Key, Schema: p.Value}
		for _, name := range s.Required {
			r.Required = r.Required || name == p.Key
		}
		all = append(all, r)
		switch {
		case len(p.Value.Properties) > 0:
			all = append(all, rows(r.Name+".", p.Value)...)
		case p.Value.Items != nil && len(p.Value.Items.Properties) > 0:
			all = append(all, rows(r.Name+"[].", p.Value.Items)...)
		}
	}
	return all
}

// limits says in words what a value must keep to.
func (s *schema) limits() []string {
	var l []string
	if s.Nullable {
		l = append(l, "may be null")
	}
	if len(s.Enum) > 0 {
		var values []string
		for _, v := range s.Enum {
			values = append(values, text(v))
		}
		l = append(l, "one of "+strings.Join(values, ", "))
	}
	if s.Minimum != nil {
		l = append(l, fmt.Sprintf("at least %v", *s.Minimum))
	}
	if s.Maximum != nil {
		l = append(l, fmt.Sprintf("at most %v", *s.Maximum))
	}
	if s.MaxLength > 0 {
		l = append(l, fmt.Sprintf("at most %d characters", s.MaxLength))
	}
	if s.Default != nil {
		l = append(l, fmt.Sprintf("%v when left out", s.Default))
	}
	return l
}

// ordered is a JSON object whose members keep the order they are written in.
type ordered[T any] []member[T]

type member[T any] struct {
	Key   string
	Value T
}

func (o ordered[T]) get(key string) T {
	for _, m := range o {
		if m.Key == key {
			return m.Value
		}
	}
	var none T
	return none
}

// UnmarshalJSON reads an object.
func (o *ordered[T]) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	if t, err := dec.Token(); err != nil {
		return err
	} else if t != json.Delim('{') {
		return errors.New("not an object")
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		m := member[T]{Key: key.(string)} // a key is always a string
		if err := dec.Decode(&m.Value); err != nil {
			return fmt.Errorf("%s: %w", m.Key, err)
		}
		*o = append(*o, m)
	}
	return nil
}
