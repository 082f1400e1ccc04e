package httpx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/klokke"
)

// Router finds the handler of a request. A pattern is "METHOD /a/{b}/c"; {b}
// matches one non-empty segment, a last {rest...} all that remains (at least one), and
// the method * stands for every method that has no route of its own. At each
// segment a static one is tried before a parameter, and a parameter before the
// rest; a try that leads nowhere is taken back, so "/x/{a}/c" is found although
// "/x/b/d" exists. A trailing slash means nothing; there are no redirects.
// HEAD is served by GET. Values are percent-decoded once and read with
// r.PathValue. Patterns are registered before the first request.
//
// Around each handler Router recovers panics, writes errors in the wire's error
// model, and logs one event.
type Router struct {
	// Klokke stamps errors; nil: the machine's clock.
	Klokke klokke.Klokke
	// Log gets one event per request; nil: slog.Default.
	Log *slog.Logger
	// Observe, when set, hears of each request that has ended: its route
	// pattern ("" when none matched) and status. For metrics.
	Observe func(method, route string, status int, d time.Duration)

	root   node
	routes []string
}

// node is a segment of the tree of patterns.
type node struct {
	static map[string]*node
	param  *node
	rest   map[string]*route // by method: the {rest...} here
	here   map[string]*route // by method: patterns that end here
}

type route struct {
	pattern string
	names   []string // of the parameters, in order
	maxBody int64
	form    func(Feilmelding) any
	page    func(http.ResponseWriter, *http.Request, Feilmelding)
	handler Handler
}

// Option changes one route.
type Option func(*route)

// MaxBody bounds the request's body: reading beyond it fails with an error that
// becomes 413. 0 means no bound.
func MaxBody(bytes int64) Option { return func(r *route) { r.maxBody = bytes } }

// Feilform shapes the body of a route's errors where the wire has its own
// model; nil: Feilmelding as it is.
func Feilform(form func(Feilmelding) any) Option { return func(r *route) { r.form = form } }

// Feilside answers a route's errors where they are for people: the whole answer,
// status line included, is its own. nil: the wire's error model.
func Feilside(page func(http.ResponseWriter, *http.Request, Feilmelding)) Option {
	return func(r *route) { r.page = page }
}

// Handle registers a handler. Like http.ServeMux it panics on a pattern that is
// malformed or taken, which any test that builds the router finds; use Add to
// get an error instead.
func (ro *Router) Handle(pattern string, h Handler, opts ...Option) {
	if err := ro.Add(pattern, h, opts...); err != nil {
		panic(err)
	}
}

// Add registers a handler; an error for a pattern that is malformed or taken.
func (ro *Router) Add(pattern string, h Handler, opts ...Option) error {
	m, path, ok := strings.Cut(pattern, " ")
	if !ok || m == "" || m != strings.ToUpper(m) || !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " ?#") {
		return fmt.Errorf("route %q: want \"METHOD /path\"", pattern)
	}
	if h == nil {
		return fmt.Errorf("route %q: no handler", pattern)
	}
	rt := &route{pattern: pattern, handler: h}
	for _, o := range opts {
		o(rt)
	}
	n, segs := &ro.root, segments(path)
	for i, seg := range segs {
		name, isParam := strings.CutPrefix(seg, "{")
		switch name, closed := strings.CutSuffix(name, "}"); {
		case !isParam && strings.ContainsAny(seg, "{}"), isParam && (!closed || strings.ContainsAny(name, "{}")):
			return fmt.Errorf("route %q: bad segment %q", pattern, seg)
		case !isParam:
			if n.static == nil {
				n.static = map[string]*node{}
			}
			if n.static[seg] == nil {
				n.static[seg] = &node{}
			}
			n = n.static[seg]
		default:
			name, rest := strings.CutSuffix(name, "...")
			if name == "" || slices.Contains(rt.names, name) || rest && i != len(segs)-1 {
				return fmt.Errorf("route %q: bad parameter %q", pattern, seg)
			}
			rt.names = append(rt.names, name)
			if rest {
				return ro.put(&n.rest, m, rt)
			}
			if n.param == nil {
				n.param = &node{}
			}
			n = n.param
		}
	}
	return ro.put(&n.here, m, rt)
}

func (ro *Router) put(at *map[string]*route, method string, rt *route) error {
	if *at == nil {
		*at = map[string]*route{}
	}
	if other := (*at)[method]; other != nil {
		return fmt.Errorf("route %q is taken by %q", rt.pattern, other.pattern)
	}
	(*at)[method] = rt
	ro.routes = append(ro.routes, rt.pattern)
	return nil
}

// Routes lists the registered patterns, in the order of registration.
func (ro *Router) Routes() []string { return slices.Clone(ro.routes) }

// segments splits a path; a trailing slash adds nothing.
func segments(path string) []string {
	path = strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// search walks the tree for one request.
type search struct {
	method string
	segs   []string // decoded
	values []string
	allow  []string
}

// find gives the route of the segments from i on below n, or nil. Methods of
// routes that fit but for the method gather in allow.
func (s *search) find(n *node, i int) *route {
	if i == len(s.segs) {
		return s.pick(n.here)
	}
	if next := n.static[s.segs[i]]; next != nil {
		if rt := s.find(next, i+1); rt != nil {
			return rt
		}
	}
	if n.param != nil && s.segs[i] != "" {
		s.values = append(s.values, s.segs[i])
		if rt := s.find(n.param, i+1); rt != nil {
			return rt
		}
		s.values = s.values[:len(s.values)-1]
	}
	if n.rest != nil {
		if rt := s.pick(n.rest); rt != nil {
			s.values = append(s.values, strings.Join(s.segs[i:], "/"))
			return rt
		}
	}
	return nil
}

func (s *search) pick(at map[string]*route) *route {
	if rt := at[s.method]; rt != nil {
		return rt
	}
	if rt := at["GET"]; rt != nil && s.method == "HEAD" {
		return rt
	}
	if rt := at["*"]; rt != nil {
		return rt
	}
	for m := range at {
		s.allow = append(s.allow, m)
		if m == "GET" {
			s.allow = append(s.allow, "HEAD")
		}
	}
	return nil
}

// match finds the route and sets the path values.
func (ro *Router) match(w http.ResponseWriter, r *http.Request) (*route, error) {
	s := search{method: r.Method}
	for _, seg := range segments(r.URL.EscapedPath()) {
		dec, err := url.PathUnescape(seg)
		if err != nil {
			return nil, feil.Ny(feil.Ugyldig, "Ugyldig sti").Med(err)
		}
		s.segs = append(s.segs, dec)
	}
	rt := s.find(&ro.root, 0)
	if rt == nil {
		if len(s.allow) == 0 {
			return nil, feil.Ny(feil.IkkeFunnet, "Fant ikke ressursen")
		}
		slices.Sort(s.allow)
		w.Header().Set("Allow", strings.Join(slices.Compact(s.allow), ", "))
		return nil, feil.Ny(feil.MetodeIkkeTillatt, "Metoden er ikke tillatt for denne ressursen")
	}
	for i, name := range rt.names {
		r.SetPathValue(name, s.values[i])
	}
	return rt, nil
}

// ServeHTTP finds and runs the handler.
func (ro *Router) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	e := &event{klokke: ro.Klokke, log: ro.Log, start: time.Now(), requestID: sanitize(r.Header.Get("requestid"))}
	if e.klokke == nil {
		e.klokke = klokke.System{}
	}
	if e.log == nil {
		e.log = slog.Default()
	}
	ctl := http.NewResponseController(rw)
	w := &response{ResponseWriter: rw, ctl: ctl}
	in := &body{ReadCloser: r.Body, ctl: ctl}
	r = r.WithContext(context.WithValue(r.Context(), eventKey{}, e))
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = in
	}
	// Answers carry personal data: nothing between us and the caller keeps them
	// unless the handler says so.
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")

	abort := ro.run(w, r, e)

	// For what the server still has to send, and to read of a body nobody wanted.
	w.extend()
	if r.Body != nil && r.Body != http.NoBody && !in.ended {
		_ = ctl.SetReadDeadline(time.Now().Add(ReadIdle))
	}
	status := e.status
	if status == 0 {
		status = w.status
	}
	if status == 0 {
		status = http.StatusOK
	}
	e.logEvent(r.Context(), r, w, in.bytes, status)
	if ro.Observe != nil {
		ro.Observe(method(r.Method), e.route, status, time.Since(e.start))
	}
	if abort {
		panic(http.ErrAbortHandler)
	}
}

// run serves the request and tells whether the connection must be cut.
func (ro *Router) run(w *response, r *http.Request, e *event) (abort bool) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			abort = true
			return
		}
		e.log.LogAttrs(r.Context(), slog.LevelError, "panic in handler",
			slog.String("route", e.route), slog.String("stack", string(debug.Stack())))
		abort = fail(w, r, fmt.Errorf("panic: %v", p))
	}()
	rt, err := ro.match(w, r)
	if err == nil {
		e.route, e.form, e.page = rt.pattern, rt.form, rt.page
		if rt.maxBody > 0 && r.Body != nil {
			r.Body = http.MaxBytesReader(w, r.Body, rt.maxBody)
		}
		err = rt.handler(w, r)
	}
	if err != nil {
		return fail(w, r, err)
	}
	return false
}

// fail answers with err, or, when an answer is under way, logs it and asks for
// the connection to be cut.
func fail(w *response, r *http.Request, err error) (abort bool) {
	if w.status == 0 {
		WriteError(w, r, err)
		return false
	}
	logError(r, melding(r, err), err)
	return true
}
