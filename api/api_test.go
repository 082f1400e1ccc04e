package api_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"knutepunkt/api"
)

func load(t *testing.T, service string) *openapi3.T {
	t.Helper()
	raw, err := api.Document(service)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(raw)
	if err != nil {
		t.Fatalf("%s: %v", service, err)
	}
	return doc
}

// TestDocumentsAreValid judges the documents, and every example in them, by kin-openapi.
func TestDocumentsAreValid(t *testing.T) {
	t.Parallel()
	for _, service := range api.Services() {
		doc := load(t, service)
		if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation(), openapi3.EnableMultiError()); err != nil {
			t.Errorf("%s: %v", service, err)
		}
		if doc.OpenAPI != "3.0.3" {
			t.Errorf("%s: OpenAPI %s, want 3.0.3", service, doc.OpenAPI)
		}
	}
}

// TestAWrongExampleIsFound makes sure that the judge looks at examples.
func TestAWrongExampleIsFound(t *testing.T) {
	t.Parallel()
	doc := load(t, "digisos")
	doc.Components.Schemas["SoknadStatus"].Value.Example = map[string]any{"digisosId": "x"}
	if doc.Validate(t.Context(), openapi3.EnableExamplesValidation()) == nil {
		t.Error("an example that does not follow its schema passed")
	}
	doc = load(t, "digisos")
	doc.Components.Parameters["Kommunenummer"].Value.Example = "46"
	if doc.Validate(t.Context(), openapi3.EnableExamplesValidation()) == nil {
		t.Error("an example of a parameter that does not follow its pattern passed")
	}
}

// TestOperations holds every operation to what generators, readers and clients rely on.
func TestOperations(t *testing.T) {
	t.Parallel()
	for _, service := range api.Services() {
		doc := load(t, service)
		ids := map[string]bool{}
		var tags []string
		for _, tag := range doc.Tags {
			tags = append(tags, tag.Name)
		}
		for path, item := range doc.Paths.Map() {
			for method, op := range item.Operations() {
				name := service + ": " + method + " " + path
				if op.OperationID == "" || ids[op.OperationID] {
					t.Errorf("%s: operationId %q is missing or used twice", name, op.OperationID)
				}
				ids[op.OperationID] = true
				if !regexp.MustCompile(`^[a-z][A-Za-z0-9]*$`).MatchString(op.OperationID) {
					t.Errorf("%s: operationId %q is no good name for a function", name, op.OperationID)
				}
				if op.Summary == "" || strings.HasSuffix(op.Summary, ".") {
					t.Errorf("%s: summary %q, want a short line", name, op.Summary)
				}
				if len(op.Tags) != 1 || !slices.Contains(tags, op.Tags[0]) {
					t.Errorf("%s: tags %v, want one of %v", name, op.Tags, tags)
				}
				if op.Responses.Default() == nil {
					t.Errorf("%s: no default response", name)
				}
				var ok bool
				for status, r := range op.Responses.Map() {
					ok = ok || status[0] == '2'
					// OAuth's own endpoints have OAuth's own errors.
					oauth := strings.HasPrefix(path, "/maskinporten/") || strings.HasPrefix(path, "/idporten/")
					// SvarUt's first version has errors of its own.
					forste := strings.HasPrefix(path, "/tjenester/api/forsendelse/v1/")
					if (status[0] == '4' || status[0] == '5' || status == "default") && !oauth && !forste && !mentionsErrorMessage(r.Value) {
						t.Errorf("%s: the body of %s is not ErrorMessage", name, status)
					}
				}
				if !ok {
					t.Errorf("%s: no success documented", name)
				}
				for _, p := range append(slices.Clone(item.Parameters), op.Parameters...) {
					if s := p.Value.Schema.Value; p.Value.In == "path" && s.Pattern == "" && s.Format == "" {
						t.Errorf("%s: anything goes for %s", name, p.Value.Name)
					}
					if p.Value.Example == nil {
						t.Errorf("%s: no example of %s", name, p.Value.Name)
					}
				}
				if service != "sandbox" && op.Security == nil {
					t.Errorf("%s: does not say who may call", name)
				}
			}
		}
	}
}

func mentionsErrorMessage(r *openapi3.Response) bool {
	media := r.Content.Get("application/json")
	if media == nil || media.Schema == nil {
		return false
	}
	const ref = "#/components/schemas/ErrorMessage"
	if media.Schema.Ref == ref {
		return true
	}
	return slices.ContainsFunc(media.Schema.Value.OneOf, func(s *openapi3.SchemaRef) bool { return s.Ref == ref })
}

// TestPathsAreThereOnce compares paths of all documents, whatever their parameters and trailing slash.
func TestPathsAreThereOnce(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, service := range api.Services() {
		for path := range load(t, service).Paths.Map() {
			plain := strings.TrimSuffix(regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(path, "{}"), "/")
			if other, ok := seen[plain]; ok {
				t.Errorf("%s of %s is the same as %s", path, service, other)
			}
			seen[plain] = path + " of " + service
		}
	}
	if len(seen) < 80 {
		t.Errorf("%d paths, which is too few to be all", len(seen))
	}
}

// TestErrorMessage fixes the members of an error and their order, which clients search the raw body by.
func TestErrorMessage(t *testing.T) {
	t.Parallel()
	want := []string{"timestamp", "status", "error", "errorId", "path", "originalPath", "message", "errorCode", "errorJson"}
	var first json.RawMessage
	for _, service := range api.Services() {
		raw, err := api.Document(service)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Components struct {
				Schemas map[string]json.RawMessage
			}
		}
		if err := json.Unmarshal(raw, &doc); err != nil {
			t.Fatal(err)
		}
		own := doc.Components.Schemas["ErrorMessage"]
		var schema struct {
			Required             []string
			AdditionalProperties bool
			Properties           json.RawMessage
		}
		schema.AdditionalProperties = true
		if err := json.Unmarshal(own, &schema); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, schema.Required); diff != "" {
			t.Errorf("%s: required (-want +got):\n%s", service, diff)
		}
		if diff := cmp.Diff(want, keys(t, schema.Properties)); diff != "" {
			t.Errorf("%s: order (-want +got):\n%s", service, diff)
		}
		if schema.AdditionalProperties {
			t.Errorf("%s: ErrorMessage may have other members", service)
		}
		if first == nil {
			first = own
		}
		if diff := cmp.Diff(string(first), string(own)); diff != "" {
			t.Errorf("%s: another ErrorMessage than the rest:\n%s", service, diff)
		}
	}
}

// keys lists the members of an object in the order they stand.
func keys(t *testing.T, object json.RawMessage) []string {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(string(object)))
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	var all []string
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, key.(string))
		var skip json.RawMessage
		if err := dec.Decode(&skip); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestClosedObjects names the answers that must not get a member more: clients fail on unknown ones.
func TestClosedObjects(t *testing.T) {
	t.Parallel()
	for service, schemas := range map[string][]string{
		"digisos": {"DokumentInfo", "DigisosSak"},
		"fiks-io": {"SendtMelding"},
		"svarut":  {"ForsendelsesId", "StatusV1", "StatuserV1", "Historikk", "HendelseV1", "DokumentMetadataV1", "DokumentV1", "MottakersystemV1", "ErrorV1"},
	} {
		doc := load(t, service)
		for _, name := range schemas {
			if has := doc.Components.Schemas[name].Value.AdditionalProperties.Has; has == nil || *has {
				t.Errorf("%s: %s may have other members", service, name)
			}
		}
	}
}

func TestDocumentOfUnknownService(t *testing.T) {
	t.Parallel()
	for _, service := range []string{"", "ukjent", "../api", "digisos.yaml"} {
		if _, err := api.Document(service); err == nil {
			t.Errorf("%q has a document", service)
		}
		if _, err := api.Routes(service); err == nil {
			t.Errorf("%q has routes", service)
		}
	}
	if _, err := api.Document("ukjent"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}

func newMux(t *testing.T, services ...string) *http.ServeMux {
	t.Helper()
	routes, err := api.Routes(services...)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.Handle(r.Pattern, r.Handler)
	}
	return mux
}

// TestComponentNamesAreThereOnce keeps names apart that generators make types of.
func TestComponentNamesAreThereOnce(t *testing.T) {
	t.Parallel()
	for _, service := range api.Services() {
		c := load(t, service).Components
		seen := map[string]string{}
		for kind, names := range map[string][]string{
			"schema":      slices.Collect(maps.Keys(c.Schemas)),
			"parameter":   slices.Collect(maps.Keys(c.Parameters)),
			"response":    slices.Collect(maps.Keys(c.Responses)),
			"requestBody": slices.Collect(maps.Keys(c.RequestBodies)),
		} {
			for _, name := range names {
				if other, ok := seen[name]; ok {
					t.Errorf("%s: %s is both a %s and a %s", service, name, kind, other)
				}
				seen[name] = kind
			}
		}
	}
}
