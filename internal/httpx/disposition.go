package httpx

import (
	"mime"
	"net/url"
	"strings"
	"unicode/utf8"
)

// params reads "value; name=value; name="value"" as clients write it, which is
// looser than RFC 2045 allows: raw UTF-8 in quotes, quotes left out around
// characters that need them, backslashes that escape nothing, a quote inside
// quotes. Names come back in lower case; of a repeated name the first counts.
func params(header string) (value string, ps map[string]string) {
	value, rest, _ := strings.Cut(header, ";")
	ps = map[string]string{}
	for rest != "" {
		var name, v string
		i := strings.IndexAny(rest, "=;")
		if i < 0 {
			break
		}
		name, sep := strings.ToLower(strings.TrimSpace(rest[:i])), rest[i]
		rest = rest[i+1:]
		if sep == ';' {
			continue
		}
		rest = strings.TrimLeft(rest, " \t")
		if strings.HasPrefix(rest, `"`) {
			v, rest = quoted(rest[1:])
		} else {
			v, rest, _ = strings.Cut(rest, ";")
			v = strings.TrimSpace(v)
		}
		if _, seen := ps[name]; name != "" && !seen {
			ps[name] = v
		}
	}
	return strings.ToLower(strings.TrimSpace(value)), ps
}

// quoted reads a quoted string whose opening quote is behind us. \" and \\ are
// escapes; any other backslash stands for itself. A quote ends the string when
// a ; or nothing follows it; otherwise it belongs to a name that was sent
// without escapes.
func quoted(s string) (v, rest string) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		case c == '"':
			after := strings.TrimLeft(s[i+1:], " \t")
			if after == "" || after[0] == ';' {
				return b.String(), strings.TrimPrefix(after, ";")
			}
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}

// disposition is what a part's Content-Disposition says.
type disposition struct {
	name     string
	filename string
	isFile   bool // a filename was given, be it empty
	valid    bool // form-data, and every name decodes to UTF-8
}

// parseDisposition reads Content-Disposition of a form-data part. filename*
// (RFC 5987) wins over filename; a name that is an encoded word (RFC 2047, as
// .NET writes it) is decoded.
func parseDisposition(header string) disposition {
	value, ps := params(header)
	d := disposition{valid: value == "form-data"}
	name, ok1 := decodeWord(ps["name"])
	d.name = name
	if ext, ok := ps["filename*"]; ok {
		if d.filename, ok = decodeExtended(ext); ok {
			d.isFile = true
			d.valid = d.valid && ok1
			return d
		}
	}
	var ok2 bool
	raw, isFile := ps["filename"]
	d.filename, ok2 = decodeWord(raw)
	d.isFile = isFile
	_, broken := ps["filename*"]
	d.valid = d.valid && ok1 && ok2 && (isFile || !broken)
	return d
}

func decodeWord(s string) (string, bool) {
	if strings.HasPrefix(s, "=?") && strings.HasSuffix(s, "?=") {
		if dec, err := new(mime.WordDecoder).DecodeHeader(s); err == nil {
			s = dec
		}
	}
	return s, utf8.ValidString(s)
}

// decodeExtended reads charset'language'percent-encoded; UTF-8 and ISO-8859-1.
func decodeExtended(s string) (string, bool) {
	charset, rest, ok1 := strings.Cut(s, "'")
	_, enc, ok2 := strings.Cut(rest, "'")
	dec, err := url.PathUnescape(enc)
	if !ok1 || !ok2 || err != nil {
		return "", false
	}
	switch strings.ToLower(charset) {
	case "utf-8":
		return dec, utf8.ValidString(dec)
	case "iso-8859-1":
		rs := make([]rune, len(dec))
		for i := range len(dec) {
			rs[i] = rune(dec[i])
		}
		return string(rs), true
	}
	return "", false
}
