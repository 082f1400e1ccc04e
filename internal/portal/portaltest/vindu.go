package portaltest

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

	"knutepunkt/internal/portal"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

//go:embed testdata/axe/axe.min.js
var axe string

// Chromium starts a browser for the test; without one the test is skipped,
// unless peers are demanded. Such tests are named TestNettleser…: the race detector
// is not run over them, since it finds in them nothing but time.
func Chromium(t *testing.T) context.Context {
	t.Helper()
	if !strings.HasPrefix(t.Name(), "TestNettleser") {
		t.Fatal("a test with a browser is named TestNettleser…")
	}
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
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("accept-lang", "nb"))...)
	t.Cleanup(stopp)
	ctx, stopp = chromedp.NewContext(ctx)
	t.Cleanup(stopp)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// Vindu is a tab of the browser on the pages. It gathers what went wrong in it.
type Vindu struct {
	T    *testing.T
	ctx  context.Context
	base string

	UtenSkript bool

	mu     sync.Mutex
	klager []string
}

// HusMedNett serves the pages on a real address.
func HusMedNett(t *testing.T) *Hus {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	Must(t, err)
	h := HusPaa(t, "http://"+ln.Addr().String())
	srv := httptest.NewUnstartedServer(http.HandlerFunc(h.ta))
	Must(t, srv.Listener.Close())
	srv.Listener = ln
	srv.Start()
	t.Cleanup(srv.Close)
	return h
}

// nyttVindu opens a tab of its own cookies.
func nyttVindu(ctx context.Context, t *testing.T, base string) *Vindu {
	t.Helper()
	ctx, stopp := chromedp.NewContext(ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(stopp)
	f := &Vindu{T: t, ctx: ctx, base: base}
	f.Kjor(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error { // as if the window were in front
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
			if u := e.Request.URL; !strings.HasPrefix(u, base+"/") && !strings.HasPrefix(u, "data:") {
				f.klag("a request to " + u)
			}
		}
	}()
	return f
}

// NyttVindu opens a tab of its own cookies where fnr is logged in ("": nobody).
func (h *Hus) NyttVindu(ctx context.Context, t *testing.T, fnr string) *Vindu {
	t.Helper()
	f := nyttVindu(ctx, t, h.Base)
	if fnr != "" {
		f.Kjor(chromedp.Navigate(h.Base + "/om"))
		n := h.Som(t, fnr)
		f.kake("sesjon", n.Kaker["sesjon"])
	}
	return f
}

func (f *Vindu) klag(s string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.klager = append(f.klager, s)
}

// Rolig fails the test when the browser complained of something.
func (f *Vindu) Rolig() {
	f.T.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, k := range f.klager {
		f.T.Error(k)
	}
	f.klager = nil
}

// Kjor runs steps of the browser.
func (f *Vindu) Kjor(steg ...chromedp.Action[chromedp.Void]) {
	f.T.Helper()
	if err := chromedp.Do(f.ctx, steg...); err != nil {
		f.T.Fatal(err)
	}
}

func (f *Vindu) kake(navn, verdi string) {
	f.T.Helper()
	f.Kjor(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, network.SetCookie, network.SetCookieParams{Name: navn, Value: verdi, URL: f.base})
		return err
	}))
}

// Gaa opens a page; it must answer 2xx, or the status that is wanted.
func (f *Vindu) Gaa(sti string, status ...int64) {
	f.T.Helper()
	res, err := chromedp.Run(f.ctx, chromedp.NavigateResponse(f.base+sti))
	if err != nil {
		f.T.Fatalf("%s: %v", sti, err)
	}
	want := int64(http.StatusOK)
	if len(status) > 0 {
		want = status[0]
	}
	if res.Status != want {
		f.T.Fatalf("%s: %d, want %d", sti, res.Status, want)
	}
}

// JS is the value of an expression in the page.
func JS[T any](f *Vindu, uttrykk string, valg ...chromedp.EvaluateOption) T {
	f.T.Helper()
	v, err := chromedp.Run(f.ctx, chromedp.Evaluate[T](uttrykk, valg...))
	if err != nil {
		f.T.Fatalf("%s: %v", portal.Avkort(uttrykk), err)
	}
	return v
}

// What axe tries: everything, or what colours alone decide.
const (
	AlleRegler   = `["wcag2a","wcag2aa","wcag21a","wcag21aa","wcag22aa","best-practice"]`
	Fargeregler  = `{type: "rule", values: ["color-contrast", "link-in-text-block"]}`
	minsteRegler = 10 // that apply to any page of ours
)

// Tilgjengelig runs axe on the page as it stands.
func (f *Vindu) Tilgjengelig(navn, regler string) {
	f.T.Helper()
	if JS[string](f, "typeof axe") == "undefined" {
		JS[any](f, axe+";0")
	}
	funn := JS[string](f, `axe.run(document, {runOnly: `+regler+`, resultTypes: ["violations"]})
		.then(r => JSON.stringify({antall: r.passes.length, brudd: r.violations.map(v => ({id: v.id, hjelp: v.help, hvor: v.nodes.map(n => n.html + " " + n.failureSummary)}))}))`,
		chromedp.EvalAwaitPromise)
	var r struct {
		Antall int
		Brudd  []struct {
			ID, Hjelp string
			Hvor      []string
		}
	}
	Must(f.T, json.Unmarshal([]byte(funn), &r))
	if r.Antall == 0 || regler == AlleRegler && r.Antall < minsteRegler {
		f.T.Errorf("%s: only %d rules were tried", navn, r.Antall)
	}
	for _, b := range r.Brudd {
		f.T.Errorf("%s: %s (%s)\n  %s", navn, b.ID, b.Hjelp, strings.Join(b.Hvor, "\n  "))
	}
}

// Bilde stores what the page looks like, where KNUTEPUNKT_BILDER names a folder.
func (f *Vindu) Bilde(navn string) {
	f.T.Helper()
	mappe := os.Getenv("KNUTEPUNKT_BILDER")
	if mappe == "" {
		return
	}
	b, err := chromedp.Run(f.ctx, chromedp.FullScreenshot(100))
	Must(f.T, err)
	Must(f.T, os.WriteFile(filepath.Join(mappe, navn+".png"), b, 0o600))
}

// Skjerm sets the size of the screen, in CSS pixels, and the colours that are preferred.
func (f *Vindu) Skjerm(bredde, hoyde int64, mork bool) {
	f.T.Helper()
	skjema := "light"
	if mork {
		skjema = "dark"
	}
	navn := "prefers-color-scheme"
	f.Kjor(chromedp.EmulateViewport(bredde, hoyde), chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: navn, Value: skjema},
			{Name: "prefers-reduced-motion", Value: "reduce"}}})
		return err
	}))
}

// Tast presses keys. Enter is one event, as from a keyboard: in two, what it
// leads to could get between, and get the second.
func (f *Vindu) Tast(taster string) {
	f.T.Helper()
	if taster != kb.Enter {
		f.Kjor(chromedp.KeyEvent(taster))
		return
	}
	for _, e := range []input.DispatchKeyEventParams{
		{Type: input.DispatchKeyEventTypeKeyDown, Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13, Text: "\r"},
		{Type: input.DispatchKeyEventTypeKeyUp, Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13},
	} {
		f.Kjor(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, input.DispatchKeyEvent, e)
			return err
		}))
	}
}

// Fokus tells what has the focus.
func (f *Vindu) Fokus() string {
	f.T.Helper()
	return JS[string](f, `(e => e.id ? "#" + e.id : e.tagName.toLowerCase() + ":" + e.textContent.trim())(document.activeElement)`)
}

// TabTil presses Tab until the element has the focus; each stop must be visible.
func (f *Vindu) TabTil(hva string) {
	f.T.Helper()
	for range 60 {
		f.Tast(kb.Tab)
		if f.Fokus() == hva {
			if !JS[bool](f, `(() => {
				const e = document.activeElement, vis = x => { const s = getComputedStyle(x); return s.outlineStyle !== "none" && s.outlineWidth !== "0px" || s.boxShadow !== "none" || s.position === "static" && x.className === "ds-skip-link" };
				return e.matches(":focus-visible") && (vis(e) || vis(e.closest(".ds-field") || e));
			})()`) {
				f.T.Errorf("the focus on %s is not to be seen", hva)
			}
			return
		}
	}
	f.T.Fatalf("Tab never came to %s; it is on %s", hva, f.Fokus())
}

// tegnet waits until the page has been drawn as it stands: before that a
// browser drops what is typed.
func (f *Vindu) tegnet() {
	f.T.Helper()
	if f.UtenSkript {
		return
	}
	_, _ = chromedp.Run(f.ctx, chromedp.Evaluate[bool](`new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => r(true))))`, chromedp.EvalAwaitPromise))
}

// EnterTil presses Enter and waits for the page at sti.
func (f *Vindu) EnterTil(sti string) {
	f.T.Helper()
	f.Tast(kb.Enter)
	f.Venter(sti)
}

// Venter waits until the page at sti has loaded.
func (f *Vindu) Venter(sti string) {
	f.T.Helper()
	frist := time.Now().Add(20 * time.Second)
	for {
		her, err := chromedp.Run(f.ctx, chromedp.Evaluate[string](`document.readyState === "complete" ? location.pathname : ""`))
		if err == nil && her == sti {
			f.tegnet()
			return
		}
		if time.Now().After(frist) || errors.Is(f.ctx.Err(), context.DeadlineExceeded) {
			f.T.Fatalf("waiting for %s: at %q, %v", sti, her, err)
		}
		f.pust()
	}
}

// VenterPaa waits until an expression holds in the page.
func (f *Vindu) VenterPaa(uttrykk string) {
	f.T.Helper()
	frist := time.Now().Add(20 * time.Second)
	for {
		// The page may be on its way out while it is asked.
		ja, err := chromedp.Run(f.ctx, chromedp.Evaluate[bool](`document.readyState === "complete" && `+uttrykk))
		if err == nil && ja {
			f.tegnet()
			return
		}
		if time.Now().After(frist) {
			f.T.Fatalf("waiting in vain for %s: %v", uttrykk, err)
		}
		f.pust()
	}
}

// pust leaves the processor to the browser between two looks at it.
func (f *Vindu) pust() {
	select {
	case <-time.After(20 * time.Millisecond):
	case <-f.ctx.Done():
	}
}

// Kryss ticks what has the focus.
func (f *Vindu) Kryss() {
	f.T.Helper()
	f.Tast(" ")
	f.VenterPaa(`document.activeElement.checked`)
}

// Vent lets the complaints of the issuer's page, which is not ours, go by.
func (f *Vindu) Vent() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.klager = nil
}
