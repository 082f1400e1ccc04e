// Package httpx is the HTTP face that all rooms share: a router in which static
// segments win, the error model of the Fiks APIs, the tolerant multipart
// reader, limits, and one wide log event per request.
package httpx

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
	"unicode/utf8"

	"knutepunkt/internal/feil"
)

// Handler serves a request or returns an error, which Router turns into the
// wire's error body (feil → status). After a handler has written the status
// line its error is only logged, and the connection is cut so that the caller
// cannot take a half answer for a whole one.
type Handler func(w http.ResponseWriter, r *http.Request) error

// FromHTTP makes a Handler of a plain http.Handler, which answers for its own errors.
func FromHTTP(h http.Handler) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		h.ServeHTTP(w, r)
		return nil
	}
}

// Limits of every listener. Bodies have no limit here: uploads of many
// gigabytes over a slow line are normal, so Router bounds each read instead
// (ReadIdle), and routes bound the size.
const (
	// MaxHeader is the most bytes of request line and headers: room for a
	// token of 16 KiB and the rest.
	MaxHeader = 64 << 10
	// ReadHeaderTimeout bounds how long a caller may take to send the headers.
	ReadHeaderTimeout = 10 * time.Second
	// IdleTimeout closes kept-alive connections that nobody uses.
	IdleTimeout = 2 * time.Minute
	// ReadIdle and WriteIdle bound how long one read of a body or one write of
	// an answer may stand still.
	ReadIdle  = time.Minute
	WriteIdle = time.Minute
	// maxDepth is how deep JSON from outside may be nested.
	maxDepth = 100
)

// Server gives an http.Server for h with the limits above.
func Server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: ReadHeaderTimeout,
		IdleTimeout:       IdleTimeout,
		MaxHeaderBytes:    MaxHeader,
	}
}

// JSON writes v as application/json with the given status (no HTML escaping, no
// trailing newline).
func JSON(w http.ResponseWriter, status int, v any) error {
	b, err := encode(v)
	if err != nil {
		return fmt.Errorf("encoding the answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, err = w.Write(b)
	return err
}

// encode is JSON as the wire wants it: ø and & as they are, one line.
func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// ReadJSON reads at most limit bytes of the body as one JSON value into v.
// Unknown fields are ignored. feil.Ugyldig when it is not JSON of that shape,
// feil.ForStor above the limit.
func ReadJSON(r *http.Request, limit int64, v any) error {
	b, err := readLimited(r.Body, limit)
	if err != nil {
		return bodyError(err)
	}
	return UnmarshalJSON(b, v)
}

// UnmarshalJSON decodes one JSON value from outside: valid UTF-8, nested at most
// 100 deep, nothing after it. feil.Ugyldig otherwise.
func UnmarshalJSON(b []byte, v any) error {
	switch {
	case len(bytes.TrimSpace(b)) == 0:
		return feil.Ny(feil.Ugyldig, "Ugyldig input: JSON mangler")
	case !utf8.Valid(b):
		return feil.Ny(feil.Ugyldig, "Ugyldig input: JSON er ikke gyldig UTF-8")
	case tooDeep(b):
		return feil.Ny(feil.Ugyldig, "Ugyldig input: JSON er nøstet for dypt")
	}
	err := json.Unmarshal(b, v)
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*feil.Feil](err); ok { // of a type that reads itself
		return f
	}
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && t.Field != "" {
		return feil.Ny(feil.Ugyldig, "Ugyldig input: feltet %s har feil type", t.Field).Med(err)
	}
	return feil.Ny(feil.Ugyldig, "Ugyldig input: ikke gyldig JSON").Med(err)
}

// tooDeep tells whether brackets outside strings nest deeper than maxDepth.
func tooDeep(b []byte) bool {
	depth, inString := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

var errTooLarge = errors.New("above the size limit")

// readLimited reads all of r, or errTooLarge.
func readLimited(r io.Reader, limit int64) ([]byte, error) {
	if r == nil {
		return nil, nil
	}
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, errTooLarge
	}
	return b, nil
}

// bodyError gives an error from reading a request's body its kind: the caller's
// body was too large or was cut.
func bodyError(err error) error {
	if f, ok := errors.AsType[*feil.Feil](err); ok {
		return f
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok || errors.Is(err, errTooLarge) {
		return feil.Ny(feil.ForStor, "Forespørselen er for stor").Med(err)
	}
	return feil.Ny(feil.Ugyldig, "Forespørselen ble avbrutt før den var komplett").Med(err)
}
