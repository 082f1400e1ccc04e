package httpx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/klokke"
)

var noon = time.UnixMilli(1579253567738).UTC()

// testRouter gives a router on a standing clock and what it logs.
func testRouter(t *testing.T) (*Router, *strings.Builder) {
	t.Helper()
	var log strings.Builder
	return &Router{
		Klokke: klokke.NyManuell(noon),
		Log:    slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}, &log
}

func do(h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestRouterFindsTheRoute(t *testing.T) {
	t.Parallel()
	ro, _ := testRouter(t)
	patterns := []string{
		"GET /",
		"GET /digisos/api/v1/soknader/{id}",
		"GET /digisos/api/v1/soknader/soknader",
		"POST /digisos/api/v1/soknader/{kommune}/{ref}",
		"POST /digisos/api/v1/soknader/{kommune}/{id}/{ref}",
		"POST /digisos/api/v1/{org}/{sak}/filer",
		"GET /digisos/api/v1/nav/kommuner",
		"GET /x/b/d",
		"GET /x/{a}/c",
		"PUT /x/{a}/c/{rest...}",
		"* /proxy/{rest...}",
	}
	for _, p := range patterns {
		ro.Handle(p, func(w http.ResponseWriter, r *http.Request) error {
			w.Header().Set("Pattern", p)
			for _, n := range []string{"id", "kommune", "ref", "org", "sak", "a", "rest"} {
				if v := r.PathValue(n); v != "" {
					w.Header().Add("Value", n+"="+v)
				}
			}
			return nil
		})
	}
	if diff := cmp.Diff(patterns, ro.Routes()); diff != "" {
		t.Errorf("Routes (-want +got):\n%s", diff)
	}
	tests := []struct {
		method, path string
		status       int
		pattern      string
		values       string
		allow        string
	}{
		{"GET", "/", 200, "GET /", "", ""},
		{"GET", "/digisos/api/v1/soknader/abc", 200, "GET /digisos/api/v1/soknader/{id}", "id=abc", ""},
		{"GET", "/digisos/api/v1/soknader/abc/", 200, "GET /digisos/api/v1/soknader/{id}", "id=abc", ""},
		{"HEAD", "/digisos/api/v1/soknader/abc", 200, "GET /digisos/api/v1/soknader/{id}", "id=abc", ""},
		{"GET", "/digisos/api/v1/soknader/soknader", 200, "GET /digisos/api/v1/soknader/soknader", "", ""},
		{"POST", "/digisos/api/v1/soknader/3002/r-1", 200, "POST /digisos/api/v1/soknader/{kommune}/{ref}", "kommune=3002 ref=r-1", ""},
		{"POST", "/digisos/api/v1/soknader/3002/s/r-1", 200, "POST /digisos/api/v1/soknader/{kommune}/{id}/{ref}", "id=s kommune=3002 ref=r-1", ""},
		{"POST", "/digisos/api/v1/org/sak/filer", 200, "POST /digisos/api/v1/{org}/{sak}/filer", "org=org sak=sak", ""},
		// The static branch leads nowhere: taken back.
		{"GET", "/x/b/c", 200, "GET /x/{a}/c", "a=b", ""},
		{"GET", "/x/b/d", 200, "GET /x/b/d", "", ""},
		// Decoded once, and an encoded slash is no segment border.
		{"GET", "/x/a%2Fb%2520c/c", 200, "GET /x/{a}/c", "a=a/b%20c", ""},
		{"GET", "/x/%C3%B8/c", 200, "GET /x/{a}/c", "a=ø", ""},
		{"PUT", "/x/1/c/2/3", 200, "PUT /x/{a}/c/{rest...}", "a=1 rest=2/3", ""},
		{"PATCH", "/proxy/a/b", 200, "* /proxy/{rest...}", "rest=a/b", ""},
		{"GET", "/x//c", 404, "", "", ""},
		{"GET", "//digisos/api/v1/nav/kommuner", 404, "", "", ""},
		{"GET", "/x/../x/b/d", 404, "", "", ""},
		{"GET", "/nothing", 404, "", "", ""},
		{"DELETE", "/x/b/c", 405, "", "", "GET, HEAD"},
		{"GET", "/digisos/api/v1/soknader/3002/r", 405, "", "", "POST"},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, "/", nil)
			u, err := url.Parse("http://localhost" + tt.path)
			if err != nil {
				t.Fatal(err)
			}
			r.URL = u
			w := httptest.NewRecorder()
			ro.ServeHTTP(w, r)
			got := []string{fmt.Sprint(w.Code), w.Header().Get("Pattern"), strings.Join(w.Header().Values("Value"), " "), w.Header().Get("Allow")}
			if diff := cmp.Diff([]string{fmt.Sprint(tt.status), tt.pattern, tt.values, tt.allow}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRouterRefusesBadPatterns(t *testing.T) {
	t.Parallel()
	h := func(http.ResponseWriter, *http.Request) error { return nil }
	for _, p := range []string{"", "/a", "GET a", "get /a", "GET /{", "GET /a{b}", "GET /{}", "GET /{a}/{a}", "GET /{a...}/b", "GET /a b", "GET /taken/{b}"} {
		ro := &Router{}
		ro.Handle("GET /taken/{a}", h)
		if err := ro.Add(p, h); err == nil {
			t.Errorf("Add(%q) was accepted", p)
		}
	}
	if err := new(Router).Add("GET /a", nil); err == nil {
		t.Error("a route without a handler was accepted")
	}
}

var uuidRE = regexp.MustCompile(`"errorId":"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"`)

// The body is what the real platform sent, as recorded in a client's tests.
func TestErrorBodyByteForByte(t *testing.T) {
	t.Parallel()
	ro, _ := testRouter(t)
	ro.Handle("POST /digisos/api/v1/soknader/{k}/{ref}", func(w http.ResponseWriter, r *http.Request) error {
		return feil.Ny(feil.Ugyldig, "Soknad med tilhørende navEksternRefId 1100006QX finnes allerede i Fiks-Digisos med DigisosId a7b1c576-0851-455c-ad08-4f067be43629")
	})
	w := do(ro, "POST", "/digisos/api/v1/soknader/3002/1100006QX")
	const want = `{"timestamp":1579253567738,"status":400,"error":"Bad Request","errorId":"X","path":"/digisos/api/v1/soknader/3002/1100006QX","originalPath":null,"message":"Soknad med tilhørende navEksternRefId 1100006QX finnes allerede i Fiks-Digisos med DigisosId a7b1c576-0851-455c-ad08-4f067be43629","errorCode":null,"errorJson":null}`
	if !uuidRE.MatchString(w.Body.String()) {
		t.Errorf("no errorId in %s", w.Body)
	}
	if diff := cmp.Diff(want, uuidRE.ReplaceAllString(w.Body.String(), `"errorId":"X"`)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if ct := w.Header().Get("Content-Type"); ct != "application/json" {
		t.Errorf("Content-Type %q", ct)
	}
	// What the client does with it: the last UUID after "message".
	m := regexp.MustCompile(`.*message.*([0-9a-f]{8}-[0-9a-f-]{27})`).FindStringSubmatch(w.Body.String())
	if m == nil || m[1] != "a7b1c576-0851-455c-ad08-4f067be43629" {
		t.Errorf("a client would read the id %q", m)
	}
}

func TestErrorsBecomeStatuses(t *testing.T) {
	t.Parallel()
	secret := errors.New("pq: secret 12345678901 inside")
	tests := []struct {
		err       error
		status    int
		message   string
		errorCode any
		errorJSON any
		header    [2]string
	}{
		{feil.Ny(feil.Ugyldig, "a & b < ø").Med(secret), 400, "a & b < ø", nil, nil, [2]string{}},
		{feil.Ny(feil.Uautentisert, "Ikke autentisert"), 401, "Ikke autentisert", nil, nil, [2]string{"WWW-Authenticate", `Bearer error="invalid_token"`}},
		{fmt.Errorf("wrapped: %w", feil.Ny(feil.IngenTilgang, "Mangler tilgang")), 403, "Mangler tilgang", nil, nil, [2]string{}},
		{feil.Ny(feil.IkkeFunnet, "x"), 404, "x", nil, nil, [2]string{}},
		{feil.Ny(feil.Konflikt, "x"), 409, "x", nil, nil, [2]string{}},
		{feil.Ny(feil.Slettet, "x"), 410, "x", nil, nil, [2]string{}},
		{feil.Ny(feil.ForStor, "x"), 413, "x", nil, nil, [2]string{}},
		{&http.MaxBytesError{Limit: 1}, 413, "Forespørselen er for stor", nil, nil, [2]string{}},
		{feil.Ny(feil.FeilMediatype, "x"), 415, "x", nil, nil, [2]string{}},
		{feil.Ny(feil.ForMange, "x"), 429, "x", nil, nil, [2]string{"Retry-After", "1"}},
		{feil.Ny(feil.IkkeBygget, "x"), 501, "x", nil, nil, [2]string{}},
		{feil.Ny(feil.Utilgjengelig, "x"), 503, "x", nil, nil, [2]string{}},
		{secret, 500, internMelding, nil, nil, [2]string{}},
		{feil.Ny(feil.Intern, "not for you"), 500, internMelding, nil, nil, [2]string{}},
		{&feil.Feil{Kode: feil.IngenTilgang, Melding: "x", ErrorCode: "A.B", ErrorJSON: map[string]any{"antall": 13}}, 403, "x", "A.B", map[string]any{"antall": 13.0}, [2]string{}},
		{&feil.Feil{Kode: feil.Ugyldig, Melding: "x", ErrorJSON: map[string]any{"antall": 13}}, 400, "x", nil, nil, [2]string{}},
		{&feil.Feil{Kode: feil.Ugyldig, Melding: "x", ErrorCode: "A.B", ErrorJSON: func() {}}, 400, "x", "A.B", nil, [2]string{}},
	}
	for _, tt := range tests {
		ro, log := testRouter(t)
		ro.Handle("GET /a", func(w http.ResponseWriter, r *http.Request) error {
			w.Header().Set("Content-Length", "999")
			return tt.err
		})
		w := do(ro, "GET", "/a")
		var m Feilmelding
		if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		var code any
		if m.ErrorCode != nil {
			code = *m.ErrorCode
		}
		if diff := cmp.Diff([]any{tt.status, tt.status, tt.message, tt.errorCode, tt.errorJSON}, []any{w.Code, m.Status, m.Message, code, m.ErrorJSON}); diff != "" {
			t.Errorf("%v (-want +got):\n%s", tt.err, diff)
		}
		if k := tt.header[0]; k != "" && w.Header().Get(k) != tt.header[1] {
			t.Errorf("%v: %s = %q", tt.err, k, w.Header().Get(k))
		}
		if w.Header().Get("Content-Length") != "" || strings.ContainsAny(w.Body.String(), "\n") || strings.Contains(w.Body.String(), `\u00`) {
			t.Errorf("%v: body or length spoilt: %s", tt.err, w.Body)
		}
		if !strings.Contains(log.String(), m.ErrorID) || strings.Contains(log.String(), "12345678901") {
			t.Errorf("%v: log lacks the errorId or shows an fnr: %s", tt.err, log)
		}
	}
}

func TestPanicIsAnInternalError(t *testing.T) {
	t.Parallel()
	ro, log := testRouter(t)
	ro.Handle("GET /a", func(http.ResponseWriter, *http.Request) error { panic("boom 12345678901") })
	w := do(ro, "GET", "/a")
	if w.Code != 500 || strings.Contains(w.Body.String(), "boom") || !uuidRE.MatchString(w.Body.String()) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "boom") || strings.Contains(log.String(), "12345678901") {
		t.Errorf("log: %s", log)
	}
}

func TestHalfAnswerCutsTheConnection(t *testing.T) {
	t.Parallel()
	ro, _ := testRouter(t)
	for name, end := range map[string]func() error{
		"error": func() error { return errors.New("disk gone") },
		"panic": func() error { panic("gone") },
	} {
		ro.Handle("GET /"+name, func(w http.ResponseWriter, r *http.Request) error {
			_, _ = io.WriteString(w, "half")
			return end()
		})
	}
	s := httptest.NewServer(ro)
	defer s.Close()
	s.Config.ErrorLog = nil
	for _, p := range []string{"/error", "/panic"} {
		resp, err := http.Get(s.URL + p)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		if err == nil {
			t.Errorf("%s: the client took half an answer for a whole one", p)
		}
	}
}

func TestLogEventHasIdsAndNoValues(t *testing.T) {
	t.Parallel()
	ro, log := testRouter(t)
	var observed []string
	ro.Observe = func(m, route string, status int, _ time.Duration) {
		observed = append(observed, fmt.Sprint(m, " ", route, " ", status))
	}
	ro.Handle("POST /p/{fnr}", func(w http.ResponseWriter, r *http.Request) error {
		Annotate(r.Context(), slog.String("integrasjon", "i-1"))
		b, _ := io.ReadAll(r.Body)
		if RequestID(r.Context()) != "id-1evil" {
			t.Errorf("RequestID %q", RequestID(r.Context()))
		}
		return JSON(w, 202, string(b))
	})
	r := httptest.NewRequest("POST", "/p/12345678901?navn=Kari", strings.NewReader("hemmelig"))
	r.Header.Set("requestid", "id-1\n evil")
	w := httptest.NewRecorder()
	ro.ServeHTTP(w, r)
	line := log.String()
	for _, want := range []string{"method=POST", `route="POST /p/{fnr}"`, "status=202", "in=8", "out=10", "requestid=id-1evil", "integrasjon=i-1"} {
		if !strings.Contains(line, want) {
			t.Errorf("no %s in %s", want, line)
		}
	}
	for _, bad := range []string{"12345678901", "Kari", "hemmelig"} {
		if strings.Contains(line, bad) {
			t.Errorf("%s in %s", bad, line)
		}
	}
	if strings.Count(line, "\n") != 1 {
		t.Errorf("want one line: %s", line)
	}
	if diff := cmp.Diff([]string{"POST POST /p/{fnr} 202"}, observed); diff != "" {
		t.Error(diff)
	}
	if got := sanitize("12345678901"); strings.Contains(got, "12345678901") {
		t.Errorf("an fnr as requestid came through: %s", got)
	}
	if got := sanitize(strings.Repeat("a", 500)); len(got) != 64 {
		t.Errorf("requestid of %d characters", len(got))
	}
}

func TestMaxBody(t *testing.T) {
	t.Parallel()
	ro, _ := testRouter(t)
	ro.Handle("POST /a", func(w http.ResponseWriter, r *http.Request) error {
		_, err := io.Copy(io.Discard, r.Body)
		return err
	}, MaxBody(4))
	for body, want := range map[string]int{"1234": 200, "12345": 413} {
		w := httptest.NewRecorder()
		ro.ServeHTTP(w, httptest.NewRequest("POST", "/a", strings.NewReader(body)))
		if w.Code != want {
			t.Errorf("%d bytes: %d, want %d", len(body), w.Code, want)
		}
	}
}

func TestReadJSON(t *testing.T) {
	t.Parallel()
	type v struct {
		A string `json:"a"`
		N int    `json:"n"`
	}
	tests := []struct {
		body string
		kode feil.Kode
		ok   bool
	}{
		{`{"a":"ø","n":1,"ukjent":[[1]]}`, 0, true},
		{` {"a":"[[[{{{\"["} `, 0, true},
		{``, feil.Ugyldig, false},
		{`{"n":"x"}`, feil.Ugyldig, false},
		{`{"a":"x"} {}`, feil.Ugyldig, false},
		{`{"a":`, feil.Ugyldig, false},
		{"{\"a\":\"\xff\"}", feil.Ugyldig, false},
		{`{"x":` + strings.Repeat("[", 101) + strings.Repeat("]", 101) + `}`, feil.Ugyldig, false},
		{`{"a":"` + strings.Repeat("x", 1000) + `"}`, feil.ForStor, false},
	}
	for _, tt := range tests {
		var got v
		err := ReadJSON(httptest.NewRequest("POST", "/", strings.NewReader(tt.body)), 500, &got)
		if tt.ok != (err == nil) || !tt.ok && !feil.Er(err, tt.kode) {
			t.Errorf("%.60s: %v", tt.body, err)
		}
	}
}

func TestJSONIsPlain(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	if err := JSON(w, 202, "a & <ø>"); err != nil {
		t.Fatal(err)
	}
	if w.Body.String() != `"a & <ø>"` || w.Header().Get("Content-Type") != "application/json" || w.Code != 202 {
		t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
	}
	if err := JSON(httptest.NewRecorder(), 200, func() {}); err == nil {
		t.Error("a value that has no JSON was written")
	}
}

// A caller that hangs up is neither our error nor an alarm.
func TestClientGoneIsLoggedAs499(t *testing.T) {
	t.Parallel()
	ro, log := testRouter(t)
	ro.Handle("GET /a", func(w http.ResponseWriter, r *http.Request) error { return r.Context().Err() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ro.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/a", nil).WithContext(ctx))
	if !strings.Contains(log.String(), "status=499") || strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("log: %s", log)
	}
}

// Over a real connection: deadlines of reads do not end a request that reads
// its body and then works on, and connections are used again.
func TestRealServerKeepsConnections(t *testing.T) {
	t.Parallel()
	ro, _ := testRouter(t)
	ro.Handle("POST /a", func(w http.ResponseWriter, r *http.Request) error {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		return JSON(w, 200, len(b))
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := Server(ro)
	go func() { _ = srv.Serve(ln) }()
	defer srv.Close()
	for range 3 {
		resp, err := http.Post("http://"+ln.Addr().String()+"/a", "text/plain", io.LimitReader(zeros{}, 1<<20))
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(b) != "1048576" {
			t.Errorf("%s", b)
		}
	}
	// A header above the limit never reaches a handler.
	req, _ := http.NewRequest("POST", "http://"+ln.Addr().String()+"/a", nil)
	req.Header.Set("X", strings.Repeat("x", MaxHeader+8<<10))
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("status %d for an oversized header", resp.StatusCode)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A route can answer its errors with a page: the status line is its own, and the
// cause is logged under the errorId that the page is given.
func TestFeilside(t *testing.T) {
	t.Parallel()
	var logg strings.Builder
	var fikk Feilmelding
	ro := &Router{Log: slog.New(slog.NewTextHandler(&logg, nil))}
	feiler := func(http.ResponseWriter, *http.Request) error { return fmt.Errorf("aarsaken") }
	ro.Handle("GET /side", feiler, Feilside(func(w http.ResponseWriter, r *http.Request, m Feilmelding) {
		fikk = m
		http.Redirect(w, r, "/annen", http.StatusSeeOther)
	}))
	ro.Handle("GET /api", feiler)
	w := httptest.NewRecorder()
	ro.ServeHTTP(w, httptest.NewRequest("GET", "/side", nil))
	if w.Code != http.StatusSeeOther || w.Header().Get("WWW-Authenticate") != "" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if fikk.Status != 500 || fikk.Message != internMelding || !strings.Contains(logg.String(), fikk.ErrorID) || !strings.Contains(logg.String(), "aarsaken") {
		t.Errorf("%+v\n%s", fikk, logg.String())
	}
	w = httptest.NewRecorder()
	ro.ServeHTTP(w, httptest.NewRequest("GET", "/api", nil))
	if w.Code != 500 || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("another route: %d %v", w.Code, w.Header())
	}
}
