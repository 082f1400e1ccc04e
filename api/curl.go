package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// curl writes a command line for a POSIX shell that calls the operation with the document's examples. BASE, TOKEN,
// INTEGRASJON_ID, INTEGRASJON_PASSORD, BRUKERNAVN and PASSORD are left to the shell.
func (d *document) curl(op *operation) string {
	args := []string{"curl"}
	if op.Method != "GET" {
		args = append(args, "-X "+op.Method)
	}
	target, query := op.Path, url.Values{}
	for _, p := range op.Parameters {
		switch p.In {
		case "path":
			target = strings.ReplaceAll(target, "{"+p.Name+"}", url.PathEscape(text(p.Example)))
		case "query":
			query.Set(p.Name, text(p.Example))
		}
	}
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	args = append(args, `"$BASE"`+quote(target))
	if alternatives := d.security(op); len(alternatives) > 0 {
		if _, ok := alternatives[0]["basic"]; ok {
			args = append(args, `-u "$BRUKERNAVN:$PASSORD"`)
		} else {
			args = append(args, `-H "Authorization: Bearer $TOKEN"`)
		}
		if _, ok := alternatives[0]["integrasjonId"]; ok {
			args = append(args, `-H "IntegrasjonId: $INTEGRASJON_ID"`, `-H "IntegrasjonPassord: $INTEGRASJON_PASSORD"`)
		}
	}
	if op.RequestBody != nil && len(op.RequestBody.Content) > 0 {
		args = append(args, d.curlBody(op.RequestBody.Content[0])...)
	}
	return strings.Join(args, " \\\n  ")
}

func (d *document) curlBody(content member[mediaType]) []string {
	m := content.Value
	if content.Key == "application/json" {
		example := m.Example
		if example == nil {
			example = d.example(m.Schema)
		}
		return []string{"-H 'Content-Type: application/json'", "--data " + quote(text(example))}
	}
	var args []string
	for _, p := range d.schema(m.Schema).Properties {
		s := p.Value
		if s.Items != nil {
			s = s.Items
		}
		switch {
		case content.Key == "application/x-www-form-urlencoded":
			args = append(args, "--data-urlencode "+quote(p.Key+"="+text(d.example(s))))
		case s.Format == "binary":
			args = append(args, "-F "+quote(p.Key+"=@"+fileName(p.Key)))
		case d.schema(s).Type == "object":
			args = append(args, "-F "+quote(p.Key+"="+text(d.example(s))+";type=application/json"))
		default:
			args = append(args, "-F "+quote(p.Key+"="+text(d.example(s))))
		}
	}
	return args
}

// fileName is a name for the file that a part is read from.
func fileName(part string) string {
	if part == "data" {
		return "melding.asice.cms"
	}
	return part + ".bin"
}

// example returns a value of the schema: its example, its first permitted value, or one made of its required members.
func (d *document) example(s *schema) json.RawMessage {
	s = d.schema(s)
	switch {
	case s.Example != nil:
		return s.Example
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Type == "object":
		var members []string
		for _, p := range s.Properties {
			if slices.Contains(s.Required, p.Key) {
				members = append(members, fmt.Sprintf("%q:%s", p.Key, d.example(p.Value)))
			}
		}
		return json.RawMessage("{" + strings.Join(members, ",") + "}")
	default:
		return json.RawMessage(`"…"`)
	}
}

// text writes an example as it stands in a path, a query or a body: a string, or the one string of a list, without
// its quotation marks, anything else as JSON on one line.
func text(example json.RawMessage) string {
	var s string
	if json.Unmarshal(example, &s) == nil {
		return s
	}
	var list []string
	if json.Unmarshal(example, &list) == nil && len(list) == 1 {
		return list[0]
	}
	var b bytes.Buffer
	if json.Compact(&b, example) != nil {
		return ""
	}
	return b.String()
}

// quote makes one word for a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
