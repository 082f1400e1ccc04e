package httpx

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"regexp"

	"github.com/google/uuid"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/klokke"
)

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

// What a caller sees of an error that is ours, and what replaces a message
// that was left empty.
const (
	internMelding = "Det oppstod en uventet feil. Oppgi errorId ved henvendelse."
	// statusClientGone is logged (never sent) when the caller hung up first.
	statusClientGone = 499
)

var statuses = map[feil.Kode]int{
	feil.Intern:            http.StatusInternalServerError,
	feil.Ugyldig:           http.StatusBadRequest,
	feil.Uautentisert:      http.StatusUnauthorized,
	feil.IngenTilgang:      http.StatusForbidden,
	feil.IkkeFunnet:        http.StatusNotFound,
	feil.Konflikt:          http.StatusConflict,
	feil.Slettet:           http.StatusGone,
	feil.ForStor:           http.StatusRequestEntityTooLarge,
	feil.FeilMediatype:     http.StatusUnsupportedMediaType,
	feil.ForMange:          http.StatusTooManyRequests,
	feil.Utilgjengelig:     http.StatusServiceUnavailable,
	feil.IkkeBygget:        http.StatusNotImplemented,
	feil.MetodeIkkeTillatt: http.StatusMethodNotAllowed,
}

// Status is the HTTP status of an error's kind; 500 for what is not a *feil.Feil.
func Status(err error) int {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return http.StatusRequestEntityTooLarge
	}
	if s, ok := statuses[feil.KodeAv(err)]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// WriteError answers r with err in the wire's error model and gives back the
// errorId under which the cause is logged. A *feil.Feil shows its message;
// everything else is an internal error whose text stays in the log. 401 gets a
// WWW-Authenticate challenge (RFC 6750), 429 a Retry-After unless the handler set one.
func WriteError(w http.ResponseWriter, r *http.Request, err error) (errorID string) {
	m := melding(r, err)
	h := w.Header()
	// What a handler prepared for its success does not describe this body.
	for _, k := range []string{"Content-Length", "Content-Encoding", "Content-Disposition", "Etag", "Last-Modified"} {
		h.Del(k)
	}
	e := eventOf(r.Context())
	h.Set("Cache-Control", "no-store")
	if e != nil && e.page != nil {
		logError(r, m, err)
		e.page(w, r, m)
		return m.ErrorID
	}
	switch m.Status {
	case http.StatusUnauthorized:
		if h.Get("WWW-Authenticate") == "" {
			h.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		}
	case http.StatusTooManyRequests:
		if h.Get("Retry-After") == "" {
			h.Set("Retry-After", "1")
		}
	}
	logError(r, m, err)
	var body any = m
	if e != nil && e.form != nil {
		body = e.form(m)
	}
	// The body is made of strings and numbers, and melding has tried ErrorJSON.
	_ = JSON(w, m.Status, body)
	return m.ErrorID
}

// melding renders err for the wire.
func melding(r *http.Request, err error) Feilmelding {
	status := Status(err)
	m := Feilmelding{
		Timestamp: clockOf(r.Context()).Now().UnixMilli(),
		Status:    status,
		Error:     http.StatusText(status),
		ErrorID:   uuid.NewString(),
		Path:      r.URL.Path,
		Message:   internMelding,
	}
	f, ok := errors.AsType[*feil.Feil](err)
	switch {
	case ok && f.Kode != feil.Intern:
		m.Message = f.Melding
		if f.ErrorCode != "" {
			m.ErrorCode = &f.ErrorCode
			if b, err := encode(f.ErrorJSON); err == nil {
				m.ErrorJSON = json.RawMessage(b)
			}
		}
	case status == http.StatusRequestEntityTooLarge:
		m.Message = "Forespørselen er for stor"
	}
	return m
}

var fnrLike = regexp.MustCompile(`\d{11,}`)

// Mask hides every run of eleven or more digits, so that an error text from
// below cannot carry a fødselsnummer into the log.
func Mask(s string) string { return fnrLike.ReplaceAllString(s, "***********") }

// logError writes the cause of an error under its errorId: internal ones as
// errors, the caller's own as debug.
func logError(r *http.Request, m Feilmelding, err error) {
	ctx := r.Context()
	e := eventOf(ctx)
	level := slog.LevelDebug
	if m.Status >= 500 && m.Status != http.StatusNotImplemented {
		level = slog.LevelError
	}
	status := m.Status
	if status == http.StatusInternalServerError && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		level, status = slog.LevelInfo, statusClientGone
	}
	log := slog.Default()
	if e != nil {
		e.errorID = m.ErrorID
		if status == statusClientGone {
			e.status = status
		}
		log = e.log
	}
	log.LogAttrs(ctx, level, "request error",
		slog.String("errorId", m.ErrorID), slog.Int("status", status), slog.String("cause", Mask(err.Error())))
}

// clockOf is the clock of the router that serves the request.
func clockOf(ctx context.Context) klokke.Klokke {
	if e := eventOf(ctx); e != nil {
		return e.klokke
	}
	return klokke.System{}
}
