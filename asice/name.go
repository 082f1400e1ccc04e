package asice

import (
	"io/fs"
	"mime"
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	mimetypeName  = "mimetype"
	metaInf       = "META-INF/"
	maxNameLength = 255 // bytes; what file systems take
)

// nameFault says what is wrong with a name in either direction, "" if nothing.
func nameFault(name string) string {
	switch {
	case name == "":
		return "empty"
	case len(name) > maxNameLength:
		return "too long"
	case !utf8.ValidString(name):
		return "not UTF-8"
	case strings.ContainsFunc(name, forbiddenRune):
		return "control character"
	case strings.Contains(name, `\`):
		return "backslash"
	case !fs.ValidPath(name) || name == ".":
		return "not a clean relative path"
	case strings.EqualFold(strings.SplitN(name, "/", 2)[0], "META-INF"):
		return "reserved"
	case strings.EqualFold(name, mimetypeName):
		return "reserved"
	}
	return ""
}

// forbiddenRune is true of control characters and of what XML 1.0 cannot hold,
// since the names stand in the manifest.
func forbiddenRune(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == 0xFFFE || r == 0xFFFF
}

// CheckName returns an error that is ErrName if a writer refuses the file name:
// it must be a base name in UTF-8 of at most 255 bytes, without control
// characters or backslash, and not mimetype or META-INF.
func CheckName(name string) error {
	fault := nameFault(name)
	if fault == "" && strings.Contains(name, "/") {
		fault = "not a base name"
	}
	if fault == "" {
		return nil
	}
	return &FileError{Name: name, Err: wrap(ErrName, "%s", fault)}
}

// UniqueNames makes names fit for one container, and for the file system of
// whoever unpacks it: directory parts are dropped, what CheckName refuses is
// replaced by an underscore, and where two names differ at most in case the
// later one gets a number before its extension ("kart.pdf", "kart-2.pdf").
// Names that are in order stay as they are.
func UniqueNames(names []string) []string {
	taken := make(map[string]bool, len(names))
	unique := make([]string, len(names))
	for i, n := range names {
		if CheckName(n) == nil && !taken[strings.ToLower(n)] {
			unique[i] = n
			taken[strings.ToLower(n)] = true
		}
	}
	for i, n := range names {
		if unique[i] != "" {
			continue
		}
		n = cleanName(n)
		candidate := n
		for k := 2; taken[strings.ToLower(candidate)]; k++ {
			candidate = insertBeforeExtension(n, "-"+strconv.Itoa(k))
		}
		unique[i] = candidate
		taken[strings.ToLower(candidate)] = true
	}
	return unique
}

func cleanName(name string) string {
	if CheckName(name) == nil {
		return name
	}
	name = strings.ToValidUTF8(name, "_")
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if forbiddenRune(r) {
			return '_'
		}
		return r
	}, name)
	name = insertBeforeExtension(name, "")
	if CheckName(name) != nil { // ".", "..", "/", "mimetype", "META-INF"
		name = "_" + strings.Trim(name, "./")
	}
	return name
}

// insertBeforeExtension also keeps the name within maxNameLength.
func insertBeforeExtension(name, suffix string) string {
	ext := path.Ext(name)
	if len(ext) > 20 {
		ext = ""
	}
	stem := strings.TrimSuffix(name, ext)
	for len(stem)+len(suffix)+len(ext) > maxNameLength {
		_, size := utf8.DecodeLastRuneInString(stem)
		stem = stem[:len(stem)-size]
	}
	return stem + suffix + ext
}

// mediaTypes are the types of files that citizens and case systems send. The
// list is ours and not the machine's, so that a container does not depend on
// where it was made.
var mediaTypes = map[string]string{
	".csv":  "text/csv",
	".doc":  "application/msword",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".gif":  "image/gif",
	".heic": "image/heic",
	".htm":  "text/html",
	".html": "text/html",
	".jpeg": "image/jpeg",
	".jpg":  "image/jpeg",
	".json": "application/json",
	".odt":  "application/vnd.oasis.opendocument.text",
	".pdf":  "application/pdf",
	".png":  "image/png",
	".tif":  "image/tiff",
	".tiff": "image/tiff",
	".txt":  "text/plain",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".xml":  "application/xml",
	".zip":  "application/zip",
}

// MimeTypeByName returns the media type that a file name's extension tells,
// application/octet-stream if it tells nothing known.
func MimeTypeByName(name string) string {
	if t := mediaTypes[strings.ToLower(path.Ext(name))]; t != "" {
		return t
	}
	return "application/octet-stream"
}

// isCompressed tells whether deflating the media type again is a waste of time.
func isCompressed(mimetype string) bool {
	t, _, _ := mime.ParseMediaType(mimetype)
	switch {
	case t == "image/svg+xml", t == "image/bmp", t == "image/tiff":
		return false
	case strings.HasPrefix(t, "image/"), strings.HasPrefix(t, "video/"), strings.HasPrefix(t, "audio/"),
		strings.HasPrefix(t, "application/vnd.openxmlformats-"), strings.HasPrefix(t, "application/vnd.oasis."):
		return true
	}
	switch t {
	case "application/pdf", "application/zip", "application/gzip", "application/x-7z-compressed", MediaType:
		return true
	}
	return false
}
