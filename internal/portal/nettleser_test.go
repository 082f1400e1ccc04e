package portal

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

//go:embed testdata/axe/axe.min.js
var axe string

// chromium starts a browser for the test; without one the test is skipped,
// unless peers are demanded.
func chromium(t *testing.T) context.Context {
	t.Helper()
	sti, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("KNUTEPUNKT_REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip("no browser: ", err)
	}
	ctx, stopp := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(stopp)
	ctx, stopp = chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(sti), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("accept-lang", "nb"))...)
	t.Cleanup(stopp)
	ctx, stopp = chromedp.NewContext(ctx)
	t.Cleanup(stopp)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// vindu is a tab of the browser on the pages. It gathers what went wrong in it.
type vindu struct {
	t    *testing.T
	ctx  context.Context
	base string

	utenSkript bool

	mu     sync.Mutex
	klager []string
}

// husMedNett serves the pages on a real address.
func husMedNett(t *testing.T) *hus {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	h := husPaa(t, "http://"+ln.Addr().String())
	srv := httptest.NewUnstartedServer(h.router)
	must(t, srv.Listener.Close())
	srv.Listener = ln
	srv.Start()
	t.Cleanup(srv.Close)
	return h
}

// nyttVindu opens a tab of its own cookies where fnr is logged in ("": nobody).
func (h *hus) nyttVindu(ctx context.Context, t *testing.T, fnr string) *vindu {
	t.Helper()
	ctx, stopp := chromedp.NewContext(ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(stopp)
	f := &vindu{t: t, ctx: ctx, base: h.base}
	f.kjor(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error { // as if the window were in front
		_, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
		return err
	}))
	meldinger := chromedp.Console(ctx)
	go func() {
		for m, err := range meldinger {
			if err != nil {
				return
			}
			if strings.Contains(m.Text, "the server responded with a status of ") && !strings.Contains(m.URL, "/statisk/") {
				continue // a page that answers an error is what was asked for
			}
			if m.IsException() || m.Type == "error" || m.Type == "warning" || strings.Contains(m.Text, "Content Security Policy") {
				f.klag("console: " + m.String())
			}
		}
	}()
	kall := chromedp.Events(ctx, network.RequestWillBeSent)
	go func() {
		for e, err := range kall {
			if err != nil {
				return
			}
			if u := e.Request.URL; !strings.HasPrefix(u, h.base+"/") && !strings.HasPrefix(u, "data:") {
				f.klag("a request to " + u)
			}
		}
	}()
	if fnr != "" {
		f.kjor(chromedp.Navigate(h.base + "/om"))
		n := h.som(t, fnr)
		f.kake("sesjon", n.kaker["sesjon"])
	}
	return f
}

func (f *vindu) klag(s string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.klager = append(f.klager, s)
}

// rolig fails the test when the browser complained of something.
func (f *vindu) rolig() {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, k := range f.klager {
		f.t.Error(k)
	}
	f.klager = nil
}

func (f *vindu) kjor(steg ...chromedp.Action[chromedp.Void]) {
	f.t.Helper()
	if err := chromedp.Do(f.ctx, steg...); err != nil {
		f.t.Fatal(err)
	}
}

func (f *vindu) kake(navn, verdi string) {
	f.t.Helper()
	f.kjor(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, network.SetCookie, network.SetCookieParams{Name: navn, Value: verdi, URL: f.base})
		return err
	}))
}

// gaa opens a page; it must answer 2xx, or the status that is wanted.
func (f *vindu) gaa(sti string, status ...int64) {
	f.t.Helper()
	res, err := chromedp.Run(f.ctx, chromedp.NavigateResponse(f.base+sti))
	if err != nil {
		f.t.Fatalf("%s: %v", sti, err)
	}
	want := int64(http.StatusOK)
	if len(status) > 0 {
		want = status[0]
	}
	if res.Status != want {
		f.t.Fatalf("%s: %d, want %d", sti, res.Status, want)
	}
}

func js[T any](f *vindu, uttrykk string, valg ...chromedp.EvaluateOption) T {
	f.t.Helper()
	v, err := chromedp.Run(f.ctx, chromedp.Evaluate[T](uttrykk, valg...))
	if err != nil {
		f.t.Fatalf("%s: %v", kort(uttrykk), err)
	}
	return v
}

// What axe tries: everything, or what colours alone decide.
const (
	alleRegler   = `["wcag2a","wcag2aa","wcag21a","wcag21aa","wcag22aa","best-practice"]`
	fargeregler  = `{type: "rule", values: ["color-contrast", "link-in-text-block"]}`
	minsteRegler = 10 // that apply to any page of ours
)

// tilgjengelig runs axe on the page as it stands.
func (f *vindu) tilgjengelig(navn, regler string) {
	f.t.Helper()
	if js[string](f, "typeof axe") == "undefined" {
		js[any](f, axe+";0")
	}
	funn := js[string](f, `axe.run(document, {runOnly: `+regler+`, resultTypes: ["violations"]})
		.then(r => JSON.stringify({antall: r.passes.length, brudd: r.violations.map(v => ({id: v.id, hjelp: v.help, hvor: v.nodes.map(n => n.html + " " + n.failureSummary)}))}))`,
		chromedp.EvalAwaitPromise)
	var r struct {
		Antall int
		Brudd  []struct {
			ID, Hjelp string
			Hvor      []string
		}
	}
	must(f.t, json.Unmarshal([]byte(funn), &r))
	if r.Antall == 0 || regler == alleRegler && r.Antall < minsteRegler {
		f.t.Errorf("%s: only %d rules were tried", navn, r.Antall)
	}
	for _, b := range r.Brudd {
		f.t.Errorf("%s: %s (%s)\n  %s", navn, b.ID, b.Hjelp, strings.Join(b.Hvor, "\n  "))
	}
}

// bilde stores what the page looks like, where KNUTEPUNKT_BILDER names a folder.
func (f *vindu) bilde(navn string) {
	f.t.Helper()
	mappe := os.Getenv("KNUTEPUNKT_BILDER")
	if mappe == "" {
		return
	}
	b, err := chromedp.Run(f.ctx, chromedp.FullScreenshot(100))
	must(f.t, err)
	must(f.t, os.WriteFile(filepath.Join(mappe, navn+".png"), b, 0o600))
}

func (f *vindu) skjerm(bredde, hoyde int64, mork bool) {
	f.t.Helper()
	skjema := "light"
	if mork {
		skjema = "dark"
	}
	navn := "prefers-color-scheme"
	f.kjor(chromedp.EmulateViewport(bredde, hoyde), chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: navn, Value: skjema},
			{Name: "prefers-reduced-motion", Value: "reduce"}}})
		return err
	}))
}

// tast presses keys. Enter is one event, as from a keyboard: in two, what it
// leads to could get between, and get the second.
func (f *vindu) tast(taster string) {
	f.t.Helper()
	if taster != kb.Enter {
		f.kjor(chromedp.KeyEvent(taster))
		return
	}
	for _, e := range []input.DispatchKeyEventParams{
		{Type: input.DispatchKeyEventTypeKeyDown, Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13, Text: "\r"},
		{Type: input.DispatchKeyEventTypeKeyUp, Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13},
	} {
		f.kjor(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, input.DispatchKeyEvent, e)
			return err
		}))
	}
}

// fokus tells what has the focus.
func (f *vindu) fokus() string {
	f.t.Helper()
	return js[string](f, `(e => e.id ? "#" + e.id : e.tagName.toLowerCase() + ":" + e.textContent.trim())(document.activeElement)`)
}

// tabTil presses Tab until the element has the focus; each stop must be visible.
func (f *vindu) tabTil(hva string) {
	f.t.Helper()
	for range 60 {
		f.tast(kb.Tab)
		if f.fokus() == hva {
			if !js[bool](f, `(() => {
				const e = document.activeElement, vis = x => { const s = getComputedStyle(x); return s.outlineStyle !== "none" && s.outlineWidth !== "0px" || s.boxShadow !== "none" || s.position === "static" && x.className === "ds-skip-link" };
				return e.matches(":focus-visible") && (vis(e) || vis(e.closest(".ds-field") || e));
			})()`) {
				f.t.Errorf("the focus on %s is not to be seen", hva)
			}
			return
		}
	}
	f.t.Fatalf("Tab never came to %s; it is on %s", hva, f.fokus())
}

// tegnet waits until the page has been drawn as it stands: before that a
// browser drops what is typed.
func (f *vindu) tegnet() {
	f.t.Helper()
	if f.utenSkript {
		return
	}
	_, _ = chromedp.Run(f.ctx, chromedp.Evaluate[bool](`new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => r(true))))`, chromedp.EvalAwaitPromise))
}

// enterTil presses Enter and waits for the page at sti.
func (f *vindu) enterTil(sti string) {
	f.t.Helper()
	f.tast(kb.Enter)
	f.venter(sti)
}

// venter waits until the page at sti has loaded.
func (f *vindu) venter(sti string) {
	f.t.Helper()
	frist := time.Now().Add(20 * time.Second)
	for {
		her, err := chromedp.Run(f.ctx, chromedp.Evaluate[string](`document.readyState === "complete" ? location.pathname : ""`))
		if err == nil && her == sti {
			f.tegnet()
			return
		}
		if time.Now().After(frist) || errors.Is(f.ctx.Err(), context.DeadlineExceeded) {
			f.t.Fatalf("waiting for %s: at %q, %v", sti, her, err)
		}
	}
}
