package httpx

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/klokke"
)

// event gathers what is known of one request until it is logged at its end.
type event struct {
	klokke    klokke.Klokke
	log       *slog.Logger
	start     time.Time
	requestID string
	route     string
	form      func(Feilmelding) any // of the route's error bodies; nil: as they are
	page      func(http.ResponseWriter, *http.Request, Feilmelding)
	errorID   string
	status    int // overrides the written status when not 0
	attrs     []slog.Attr
}

type eventKey struct{}

func eventOf(ctx context.Context) *event {
	e, _ := ctx.Value(eventKey{}).(*event)
	return e
}

// Annotate adds attributes to the request's log event: ids and words only,
// never a fødselsnummer, a name or content. To be called from the request's own
// goroutine; does nothing outside a Router.
func Annotate(ctx context.Context, attrs ...slog.Attr) {
	if e := eventOf(ctx); e != nil {
		e.attrs = append(e.attrs, attrs...)
	}
}

// RequestID is the caller's requestid header (letters, digits and . _ : - only,
// at most 64), or a new UUID where there was none; the sporingsId of audit
// events. "" outside a Router.
func RequestID(ctx context.Context) string {
	if e := eventOf(ctx); e != nil {
		return e.requestID
	}
	return ""
}

// RoutePattern is the pattern that matched, for logs and metrics: unlike the path it
// carries no values. "" when none did.
func RoutePattern(ctx context.Context) string {
	if e := eventOf(ctx); e != nil {
		return e.route
	}
	return ""
}

// sanitize keeps of a header what is safe in a log. A run of digits that could
// be a fødselsnummer is hidden.
func sanitize(s string) string {
	b := make([]byte, 0, 64)
	for i := 0; i < len(s) && len(b) < 64; i++ {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == ':' {
			b = append(b, c)
		}
	}
	if len(b) == 0 {
		return uuid.NewString()
	}
	if u, err := uuid.ParseBytes(b); err == nil {
		return u.String()
	}
	return Mask(string(b))
}

// response counts what is written, remembers the status, and keeps a reader
// that stands still from holding the connection for ever.
type response struct {
	http.ResponseWriter
	ctl      *http.ResponseController
	status   int // 0 until the header was written
	bytes    int64
	deadline time.Time
}

func (w *response) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.extend()
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.extend()
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Flush sends what was written so far.
func (w *response) Flush() {
	w.extend()
	_ = w.ctl.Flush()
}

// Unwrap lets http.ResponseController reach the connection.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *response) extend() {
	if now := time.Now(); w.deadline.Sub(now) < WriteIdle/2 {
		w.deadline = now.Add(WriteIdle)
		_ = w.ctl.SetWriteDeadline(w.deadline) // not supported by recorders in tests
	}
}

// body counts what is read and gives each read its own deadline, so that a
// sender that goes silent is dropped while a slow one may take its time.
type body struct {
	io.ReadCloser
	ctl      *http.ResponseController
	bytes    int64
	ended    bool
	deadline time.Time
}

func (b *body) Read(p []byte) (int, error) {
	if now := time.Now(); b.deadline.Sub(now) < ReadIdle/2 {
		b.deadline = now.Add(ReadIdle)
		_ = b.ctl.SetReadDeadline(b.deadline)
	}
	n, err := b.ReadCloser.Read(p)
	b.bytes += int64(n)
	if errors.Is(err, io.EOF) {
		// The server goes on reading to notice that the caller hangs up; that
		// read must not run into our deadline.
		_ = b.ctl.SetReadDeadline(time.Time{})
		b.ended = true
	}
	return n, err
}

// logEvent writes the one wide line of a request.
func (e *event) logEvent(ctx context.Context, r *http.Request, w *response, in int64, status int) {
	attrs := []slog.Attr{
		slog.String("method", method(r.Method)),
		slog.String("route", e.route),
		slog.Int("status", status),
		slog.Float64("ms", float64(time.Since(e.start).Microseconds())/1000),
		slog.Int64("in", in),
		slog.Int64("out", w.bytes),
		slog.String("requestid", e.requestID),
	}
	if e.errorID != "" {
		attrs = append(attrs, slog.String("errorId", e.errorID))
	}
	level := slog.LevelInfo
	if status >= 500 && status != http.StatusNotImplemented {
		level = slog.LevelError
	}
	e.log.LogAttrs(ctx, level, "request", append(attrs, e.attrs...)...)
}

// method keeps made-up methods out of logs and metrics.
func method(m string) string {
	switch m {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return m
	}
	return "OTHER"
}
