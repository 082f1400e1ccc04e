package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	yaml "github.com/oasdiff/yaml3"
)

var update = flag.Bool("update", false, "write the JSON documents anew")

// TestJSONIsMadeFromYAML compares the JSON documents, which are served, with the YAML documents, which are written.
func TestJSONIsMadeFromYAML(t *testing.T) {
	t.Parallel()
	for _, service := range Services() {
		source, err := os.ReadFile(service + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		want, err := convert(source)
		if err != nil {
			t.Fatalf("%s.yaml: %v", service, err)
		}
		if *update {
			if err := os.WriteFile(service+".json", want, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := Document(service)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s.json is not made from %s.yaml; run go generate (-want +got):\n%s", service, service, diff)
		}
	}
}

func TestConvertRefusesMembersTwice(t *testing.T) {
	t.Parallel()
	if _, err := convert([]byte("a: {b: 1, c: 2, b: 3}")); err == nil {
		t.Error("an object with a member twice was converted")
	}
}

// convert writes YAML as JSON, with the members in the order of the source and aliases written out.
func convert(source []byte) ([]byte, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(source, &root); err != nil {
		return nil, err
	}
	var flat, out bytes.Buffer
	if err := writeNode(&flat, &root); err != nil {
		return nil, err
	}
	if err := json.Indent(&out, flat.Bytes(), "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

func writeNode(b *bytes.Buffer, n *yaml.Node) error {
	switch n.Kind {
	case yaml.DocumentNode:
		return writeNode(b, n.Content[0])
	case yaml.AliasNode:
		return writeNode(b, n.Alias)
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeNode(b, item); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	case yaml.MappingNode:
		seen := map[string]bool{}
		b.WriteByte('{')
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i].Value
			if seen[key] {
				return fmt.Errorf("line %d: %q is there twice", n.Content[i].Line, key)
			}
			seen[key] = true
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeValue(b, key); err != nil {
				return err
			}
			b.WriteByte(':')
			if err := writeNode(b, n.Content[i+1]); err != nil {
				return err
			}
		}
		b.WriteByte('}')
		return nil
	case yaml.ScalarNode:
		var v any
		if err := n.Decode(&v); err != nil {
			return fmt.Errorf("line %d: %w", n.Line, err)
		}
		return writeValue(b, v)
	default:
		return fmt.Errorf("line %d: cannot be written as JSON", n.Line)
	}
}

func writeValue(b *bytes.Buffer, v any) error {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // the line feed
	return nil
}
