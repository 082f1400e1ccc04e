// Package httpx is the HTTP face that all rooms share: a router in which static
// segments win, the error model of the Fiks APIs, the tolerant multipart
// reader, limits, and one wide log event per request.
package httpx

import (
	"errors"
	"net/http"
)

var errNotBuilt = errors.New("not built")

// Handler serves a request or returns an error, which Router turns into the
// wire's error body (feil → status). After a handler has written the status
// line its error is only logged, and the connection is cut so that the caller
// cannot take a half answer for a whole one.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Feilmelding is the error body of all Fiks APIs, in the order in which clients
// parse it: single-line JSON, explicit nulls (Digisos wire contract §1.3).
type Feilmelding struct {
	Timestamp    int64   `json:"timestamp"` // ms since the epoch
	Status       int     `json:"status"`
	Error        string  `json:"error"`
	ErrorID      string  `json:"errorId"`
	Path         string  `json:"path"`
	OriginalPath *string `json:"originalPath"`
	Message      string  `json:"message"`
	ErrorCode    *string `json:"errorCode"`
	ErrorJSON    any     `json:"errorJson"`
}

// JSON writes v as application/json with the given status (no HTML escaping, no
// trailing newline).
func JSON(w http.ResponseWriter, status int, v any) error { return errNotBuilt }

// ReadJSON reads at most limit bytes of the body as one JSON value into v.
// Unknown fields are ignored. feil.Ugyldig when it is not JSON of that shape,
// feil.ForStor above the limit.
func ReadJSON(r *http.Request, limit int64, v any) error { return errNotBuilt }
