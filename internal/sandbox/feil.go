package sandbox

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
)

// Effects of a fault.
const (
	effektStatus      = "status"       // answered with Status, nothing done
	effektHang        = "hang"         // never answered: cut after ms, or when the caller gives up
	effektDelay       = "delay"        // done, ms later
	effektDuplicate   = "duplicate"    // handled twice; the first answer is given
	effektDrop        = "drop"         // done, and the connection cut before the answer
	effektRejectToken = "reject-token" // answered with 401, nothing done
)

var effekter = []string{effektStatus, effektHang, effektDelay, effektDuplicate, effektDrop, effektRejectToken}

const (
	maksFeil          = 1000
	maksSandkasseJSON = 64 << 10
	maksDuplikat      = 16 << 20 // bytes of a body that can be handled twice
	maksLest          = 64 << 10 // bytes of a body in which a konto or fnr is looked for
	maksVent          = time.Hour
)

// injisertFeil is one fault. A field that is empty matches everything; all that
// are set must match.
//
//   - path: a regular expression somewhere in the path; without one the token
//     issuers are spared
//   - method: the HTTP method
//   - konto: an id that stands in the path, the query, or the first 64 KiB of
//     the body, where the metadata of a Fiks IO message is. AMQP is not struck.
//   - fnr: the pid of the caller's token, or a number in the query or the first
//     64 KiB of the body
type injisertFeil struct {
	Path        string   `json:"path,omitempty"`
	Method      string   `json:"method,omitempty"`
	Konto       string   `json:"konto,omitempty"`
	Fnr         string   `json:"fnr,omitempty"`
	Probability *float64 `json:"probability,omitempty"` // nil: 1
	Count       int      `json:"count,omitempty"`       // strikes at most so often; 0: no limit
	Effect      string   `json:"effect"`
	Status      int      `json:"status,omitempty"` // 0: 503
	MS          int64    `json:"ms,omitempty"`
	Seed        *int64   `json:"seed,omitempty"` // nil: another draw each time
}

// aktivFeil is a fault in force.
type aktivFeil struct {
	ID     string `json:"id"`
	Struck int64  `json:"struck"`
	injisertFeil

	sti     *regexp.Regexp
	trekker *rand.Rand
}

// Validate tells the first thing that is wrong; feil.Ugyldig.
func (f injisertFeil) Validate() error {
	switch {
	case !slices.Contains(effekter, f.Effect):
		return feil.Ny(feil.Ugyldig, "effect må være en av %s", strings.Join(effekter, ", "))
	case f.Probability != nil && (*f.Probability < 0 || *f.Probability > 1):
		return feil.Ny(feil.Ugyldig, "probability må være fra 0 til 1")
	case f.Count < 0:
		return feil.Ny(feil.Ugyldig, "count kan ikke være negativ")
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return feil.Ny(feil.Ugyldig, "status må være fra 200 til 599")
	case f.MS < 0 || f.MS > maksVent.Milliseconds():
		return feil.Ny(feil.Ugyldig, "ms må være fra 0 til %d", maksVent.Milliseconds())
	case f.Effect == effektDelay && f.MS == 0:
		return feil.Ny(feil.Ugyldig, "delay trenger ms")
	case len(f.Path) > 1000 || len(f.Konto) > 100 || len(f.Fnr) > 100:
		return feil.Ny(feil.Ugyldig, "path, konto eller fnr er for lang")
	}
	return nil
}

// feilinjeksjon holds the faults and makes them strike.
type feilinjeksjon struct {
	log *slog.Logger

	mu   sync.Mutex
	feil []*aktivFeil
}

func nyFeilinjeksjon(log *slog.Logger) *feilinjeksjon { return &feilinjeksjon{log: log} }

func (s *Sandbox) leggTilFeil(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maksSandkasseJSON))
	if err != nil {
		return feil.Ny(feil.Ugyldig, "Forespørselen kunne ikke leses, eller er for stor").Med(err)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields() // a misspelt condition would strike everything
	var f injisertFeil
	if err := d.Decode(&f); err != nil {
		return feil.Ny(feil.Ugyldig, "Forventet et JSON-objekt med path, method, konto, fnr, probability, count, effect, status, ms, seed").Med(err)
	}
	id, err := s.feil.leggTil(f)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusCreated, map[string]string{"id": id})
}

// leggTil takes a fault into force; feil.Ugyldig tells what is wrong with it.
func (f *feilinjeksjon) leggTil(ny injisertFeil) (id string, err error) {
	if err := ny.Validate(); err != nil {
		return "", err
	}
	a := &aktivFeil{ID: uuid.NewString(), injisertFeil: ny}
	if a.sti, err = regexp.Compile(ny.Path); err != nil {
		return "", feil.Ny(feil.Ugyldig, "path er ikke et gyldig regulært uttrykk").Med(err)
	}
	seed := rand.Uint64()
	if ny.Seed != nil {
		seed = uint64(*ny.Seed)
	}
	a.trekker = rand.New(rand.NewPCG(seed, seed))
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.feil) >= maksFeil {
		return "", feil.Ny(feil.Ugyldig, "Det er allerede %d feil; fjern dem med DELETE", maksFeil)
	}
	f.feil = append(f.feil, a)
	return a.ID, nil
}

// fjern takes all faults away.
func (f *feilinjeksjon) fjern() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.feil = nil
}

func (s *Sandbox) hentFeil(w http.ResponseWriter, _ *http.Request) error {
	s.feil.mu.Lock()
	defer s.feil.mu.Unlock()
	ut := []aktivFeil{}
	for _, f := range s.feil.feil {
		ut = append(ut, *f)
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

func (s *Sandbox) fjernFeil(w http.ResponseWriter, _ *http.Request) error {
	s.feil.fjern()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// fredet are paths that no fault strikes, so that a sandbox can always be read
// and set right.
func fredet(sti string) bool {
	return sti == "/readyz" || sti == "/healthz" || sti == "/sandbox" || strings.HasPrefix(sti, "/sandbox/") && !strings.HasPrefix(sti, "/sandbox/token/")
}

// hosUtsteder tells whether a path is a token issuer's.
func hosUtsteder(sti string) bool {
	return strings.HasPrefix(sti, "/sandbox/token/") || strings.HasPrefix(sti, "/maskinporten/") ||
		strings.HasPrefix(sti, "/idporten/") || strings.HasPrefix(sti, "/.well-known/")
}

// kall is what of a request faults look at.
type kall struct {
	method, path, query, pid string
	start                    []byte // of the body
}

// omslag wraps the whole HTTP face. Faults are tried in the order in which they
// were made; the first that strikes decides, but for delays, which add up.
func (f *feilinjeksjon) omslag(neste http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fredet(r.URL.Path) {
			neste.ServeHTTP(w, r)
			return
		}
		lesKropp, noen := f.ser()
		if !noen {
			neste.ServeHTTP(w, r)
			return
		}
		k := kall{method: r.Method, path: r.URL.Path, query: r.URL.RawQuery, pid: pidAv(r)}
		for _, v := range r.URL.Query() { // decoded as well
			k.query += "\n" + strings.Join(v, "\n")
		}
		if lesKropp {
			start, err := io.ReadAll(io.LimitReader(r.Body, maksLest))
			k.start = start
			rest := io.Reader(r.Body)
			if err != nil {
				rest = feilleser{err}
			}
			r.Body = kropp{io.MultiReader(bytes.NewReader(start), rest), r.Body}
		}
		delay, slag := f.slaar(k)
		if !vent(r.Context(), delay) {
			panic(http.ErrAbortHandler) // the caller has gone
		}
		if slag == nil {
			neste.ServeHTTP(w, r)
			return
		}
		f.gjor(*slag, neste, w, r)
	})
}

type kropp struct {
	io.Reader
	io.Closer
}

type feilleser struct{ err error }

func (f feilleser) Read([]byte) (int, error) { return 0, f.err }

// ser tells whether there are faults, and whether one wants to look into bodies.
func (f *feilinjeksjon) ser() (lesKropp, noen bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.feil {
		lesKropp = lesKropp || a.Konto != "" || a.Fnr != ""
	}
	return lesKropp, len(f.feil) > 0
}

// slaar finds which faults strike a call, and counts them.
func (f *feilinjeksjon) slaar(k kall) (delay time.Duration, slag *injisertFeil) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.feil {
		if !a.treffer(k) || a.Count > 0 && a.Struck >= int64(a.Count) ||
			a.Probability != nil && a.trekker.Float64() >= *a.Probability {
			continue
		}
		a.Struck++
		if a.Effect == effektDelay {
			delay += time.Duration(a.MS) * time.Millisecond
			continue
		}
		copied := a.injisertFeil
		return delay, &copied
	}
	return delay, nil
}

func (f *aktivFeil) treffer(k kall) bool {
	switch {
	case f.Path == "" && hosUtsteder(k.path), !f.sti.MatchString(k.path), f.Method != "" && !strings.EqualFold(f.Method, k.method):
		return false
	case f.Konto != "" && !strings.Contains(k.path, f.Konto) && !strings.Contains(k.query, f.Konto) && !bytes.Contains(k.start, []byte(f.Konto)):
		return false
	case f.Fnr != "" && f.Fnr != k.pid && !strings.Contains(k.query, f.Fnr) && !bytes.Contains(k.start, []byte(f.Fnr)):
		return false
	}
	return true
}

// vent waits; false when ctx ended first.
func vent(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// gjor does what a fault does to a request.
func (f *feilinjeksjon) gjor(slag injisertFeil, neste http.Handler, w http.ResponseWriter, r *http.Request) {
	f.log.Info("a fault struck", "effect", slag.Effect, "method", r.Method)
	switch slag.Effect {
	case effektStatus:
		status := slag.Status
		if status == 0 {
			status = http.StatusServiceUnavailable
		}
		skrivStatus(w, r, status)
	case effektRejectToken:
		httpx.WriteError(w, r, feil.Ny(feil.Uautentisert, "Ikke autentisert"))
	case effektHang:
		d := time.Duration(slag.MS) * time.Millisecond
		if d == 0 {
			d = maksVent
		}
		// That the caller gives up is seen only once the body has been read.
		_, _ = io.Copy(io.Discard, r.Body)
		vent(r.Context(), d)
		panic(http.ErrAbortHandler)
	case effektDrop:
		stille(neste, newTaus(), r)
		panic(http.ErrAbortHandler)
	case effektDuplicate:
		f.toGanger(neste, w, r)
	}
}

// skrivStatus answers with any status, in the error model of the APIs.
func skrivStatus(w http.ResponseWriter, r *http.Request, status int) {
	title := http.StatusText(status)
	if title == "" {
		title = "Status " + strconv.Itoa(status)
	}
	if status == http.StatusNoContent || status == http.StatusNotModified {
		w.WriteHeader(status)
		return
	}
	// A write that fails has nobody to tell.
	_ = httpx.JSON(w, status, httpx.Feilmelding{Timestamp: time.Now().UnixMilli(), Status: status, Error: title,
		ErrorID: uuid.NewString(), Path: r.URL.Path, Message: "Feil lagt inn i sandkassen"})
}

// toGanger handles a request twice and gives the first answer once both are
// done; of a GET the second, which is as good and need not be kept. A body above 16 MiB cannot be kept for that: it is handled once, and
// the log tells so.
func (f *feilinjeksjon) toGanger(neste http.Handler, w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		stille(neste, newTaus(), r.Clone(r.Context()))
		neste.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maksDuplikat+1))
	if err != nil || len(body) > maksDuplikat {
		f.log.Warn("a request was not handled twice: its body is too large, or was cut", "limit", maksDuplikat)
		var rest io.Reader = r.Body
		if err != nil {
			rest = feilleser{err}
		}
		r.Body = kropp{io.MultiReader(bytes.NewReader(body), rest), r.Body}
		neste.ServeHTTP(w, r)
		return
	}
	igjen := r.Clone(r.Context())
	r.Body, igjen.Body = io.NopCloser(bytes.NewReader(body)), io.NopCloser(bytes.NewReader(body))
	forste := newTaus()
	forste.behold = new(bytes.Buffer)
	avbrutt := stille(neste, forste, r)
	stille(neste, newTaus(), igjen)
	if avbrutt {
		panic(http.ErrAbortHandler)
	}
	for k, v := range forste.header {
		w.Header()[k] = v
	}
	w.WriteHeader(forste.status)
	_, _ = w.Write(forste.behold.Bytes()) // a caller that has gone is told nothing
}

// stille handles a request without anybody hearing the answer; true when the
// handler cut the connection.
func stille(h http.Handler, w http.ResponseWriter, r *http.Request) (avbrutt bool) {
	defer func() {
		if v := recover(); v != nil {
			if v != http.ErrAbortHandler {
				panic(fmt.Sprintf("sandbox: %v", v))
			}
			avbrutt = true
		}
	}()
	h.ServeHTTP(w, r)
	return false
}

// taus is an answer that goes nowhere, unless it is kept.
type taus struct {
	header http.Header
	status int
	behold *bytes.Buffer // nil: thrown away
}

func newTaus() *taus { return &taus{header: http.Header{}, status: http.StatusOK} }

func (t *taus) Header() http.Header    { return t.header }
func (t *taus) WriteHeader(status int) { t.status = status }
func (t *taus) Write(b []byte) (int, error) {
	if t.behold != nil {
		return t.behold.Write(b)
	}
	return len(b), nil
}

// pidAv reads the pid of a bearer token without verifying it: a fault only
// chooses by it, and grants nothing.
func pidAv(r *http.Request) string {
	deler := strings.Split(r.Header.Get("Authorization"), ".")
	if len(deler) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(deler[1])
	var c struct {
		Pid string `json:"pid"`
	}
	if err != nil || json.Unmarshal(payload, &c) != nil {
		return ""
	}
	return c.Pid
}
