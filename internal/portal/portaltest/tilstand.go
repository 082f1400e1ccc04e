package portaltest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Tilstand is a page in one of its states: how to come there, and as whom.
type Tilstand struct {
	Navn   string
	Hvem   string // fnr; "" nobody
	Sti    string
	Status int64
	Skjema func(f *Vindu) // what to do there first; nil: nothing
}

// Som makes a Tilstand: a page as a person sees it.
func Som(navn, hvem, sti string, status int64, skjema func(f *Vindu)) Tilstand {
	return Tilstand{Navn: navn, Hvem: hvem, Sti: sti, Status: status, Skjema: skjema}
}

// Proev tries every state, in light, dark and on a narrow screen: no fault that
// axe finds; nothing wider than the screen, also with large text spacing; targets
// of 24 px or more; nothing that the content security policy stops; no request to
// another host; and HTML as the Nu checker wants it.
func Proev(t *testing.T, h *Hus, tilstander []Tilstand) {
	t.Helper()
	ctx := Chromium(t)
	vinduer := map[string]*Vindu{}
	for _, s := range tilstander {
		f := vinduer[s.Hvem]
		if f == nil {
			f = h.NyttVindu(ctx, t, s.Hvem)
			vinduer[s.Hvem] = f
		}
		f.proev(s)
	}
	for _, f := range vinduer {
		f.Rolig()
	}
	h.gyldig(t)
}

func (f *Vindu) proev(s Tilstand) {
	f.T.Helper()
	for _, m := range []struct {
		navn   string
		bredde int64
		mork   bool
	}{{"lys", 1280, false}, {"mork", 1280, true}, {"smal", 320, false}} {
		f.Skjerm(m.bredde, 900, m.mork)
		if m.navn == "lys" {
			f.Gaa(s.Sti, s.Status)
			if s.Skjema != nil {
				s.Skjema(f)
			}
		}
		if m.mork {
			f.Tilgjengelig(s.Navn+" "+m.navn, Fargeregler)
		} else {
			f.Tilgjengelig(s.Navn+" "+m.navn, AlleRegler)
		}
		f.Bilde(s.Navn + "-" + m.navn)
		for _, bredde := range []int64{m.bredde, 640} {
			f.Skjerm(bredde, 900, m.mork)
			if d := JS[float64](f, `document.documentElement.scrollWidth - innerWidth`); d > 0 {
				f.T.Errorf("%s: %v px too wide at %d", s.Navn, d, bredde)
			}
		}
	}
	f.Skjerm(320, 900, false)
	JS[any](f, `(() => { const s = new CSSStyleSheet(); s.replaceSync("* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important } p { margin-block-end: 2em !important }");
		document.adoptedStyleSheets = [s] })()`)
	if d := JS[float64](f, `document.documentElement.scrollWidth - innerWidth`); d > 0 {
		f.T.Errorf("%s: %v px too wide with large text spacing", s.Navn, d)
	}
	if smaa := JS[string](f, `[...document.querySelectorAll("a, button, input:not([type=hidden]), textarea")].filter(e => { const r = e.getBoundingClientRect();
		return r.width > 0 && r.height < 24 && !e.closest("p, li:not(.p-spraak li)") && !e.matches("[type=radio], [type=checkbox], .ds-skip-link") }).map(e => e.outerHTML).join("\n")`); smaa != "" {
		f.T.Errorf("%s: targets below 24 px:\n%s", s.Navn, smaa)
	}
}

// Send gives a form's first button a press, once what is written in its fields
// has been taken away (tom) or not, and waits until the answer has come.
func Send(tom bool) func(*Vindu) {
	return func(f *Vindu) {
		if tom {
			JS[any](f, `for (const e of document.querySelectorAll("main input[type=text], textarea")) e.value = "";
				for (const e of document.querySelectorAll("main input[type=radio]")) e.checked = false`)
		}
		JS[any](f, `document.querySelector("main form button[type=submit]").click()`)
		f.VenterPaa(`document.querySelector(".ds-error-summary, main .ds-alert") !== null`)
	}
}

// opptak is the pages that were shown, by what they are.
type opptak struct {
	mu    sync.Mutex
	sider map[string]string
}

// ta keeps every page that goes to a browser, as it left, for gyldig.
func (h *Hus) ta(w http.ResponseWriter, r *http.Request) {
	svar := httptest.NewRecorder()
	h.router.ServeHTTP(svar, r)
	if strings.HasPrefix(svar.Header().Get("Content-Type"), "text/html") && !strings.HasPrefix(r.URL.Path, "/idporten/") {
		h.vist.mu.Lock()
		h.vist.sider[fmt.Sprintf("%s %s %d %s", r.Method, r.URL.Path, svar.Code, svar.Header().Get("Content-Language"))] = svar.Body.String()
		h.vist.mu.Unlock()
	}
	for navn, verdier := range svar.Header() {
		w.Header()[navn] = verdier
	}
	w.WriteHeader(svar.Code)
	_, _ = w.Write(svar.Body.Bytes()) // the browser has gone elsewhere, or it has not
}

// The Nu HTML checker, as its authors publish it on npm.
const (
	vnuVersjon = "26.9.27"
	vnuSHA256  = "22f15dd39a33bed929d2a5c0cddf5946849a647eca9272bf4d5d00bc7e7a4d47"
)

// gyldig lets the Nu checker judge every page that has been shown.
func (h *Hus) gyldig(t *testing.T) {
	t.Helper()
	mappe := t.TempDir()
	hvilke := map[string]string{} // by the file's name
	h.vist.mu.Lock()
	for hva, html := range h.vist.sider {
		navn := fmt.Sprintf("%d.html", len(hvilke))
		hvilke[navn] = hva
		Must(t, os.WriteFile(filepath.Join(mappe, navn), []byte(html), 0o600))
	}
	h.vist.mu.Unlock()
	if len(hvilke) == 0 {
		t.Error("no page was shown that could be checked")
		return
	}
	for _, f := range vnu(t, mappe) {
		t.Errorf("%s: %s\n  %s", hvilke[filepath.Base(f.URL)], f.Message, f.Extract)
	}
}

// sum is the SHA-256 of a file in hex; "" when it cannot be read.
func sum(fil string) string {
	b, err := os.ReadFile(fil)
	if err != nil {
		return ""
	}
	d := sha256.Sum256(b)
	return hex.EncodeToString(d[:])
}

// vnuFunn is what the checker says of a place in a file.
type vnuFunn struct{ Type, SubType, URL, Message, Extract string }

// vnu gives the checker's errors and warnings about the files of a folder.
func vnu(t *testing.T, mappe string) []vnuFunn {
	t.Helper()
	jar := vnuJar(t)
	cmd := exec.CommandContext(t.Context(), "java", "-Xmx512m", "-jar", jar, "--format", "json", "--exit-zero-always", "--stdout", mappe)
	ut, err := cmd.Output()
	Must(t, err)
	var svar struct{ Messages []vnuFunn }
	Must(t, json.Unmarshal(ut, &svar))
	var funn []vnuFunn
	for _, f := range svar.Messages {
		if f.Type != "info" || f.SubType == "warning" {
			funn = append(funn, f)
		}
	}
	return funn
}

// vnuJar fetches the checker once for all packages and runs; without Java or npm
// the test is skipped, unless peers are demanded.
func vnuJar(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"java", "npm", "tar"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("KNUTEPUNKT_REQUIRE_PEERS") == "1" {
				t.Fatal(err)
			}
			t.Skip("the pages' HTML is not checked: ", err)
		}
	}
	lager, err := os.UserCacheDir()
	Must(t, err)
	jar := filepath.Join(lager, "knutepunkt", "vnu-"+vnuVersjon+".jar")
	if sum(jar) == vnuSHA256 {
		return jar
	}
	Must(t, os.MkdirAll(filepath.Dir(jar), 0o750))
	mappe := t.TempDir()
	for _, k := range [][]string{
		{"npm", "pack", "vnu-jar@" + vnuVersjon, "--silent", "--pack-destination", mappe},
		{"tar", "-xzf", filepath.Join(mappe, "vnu-jar-"+vnuVersjon+".tgz"), "-C", mappe, "package/build/dist/vnu.jar"},
	} {
		if ut, err := exec.CommandContext(t.Context(), k[0], k[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", k[0], err, ut)
		}
	}
	hentet := filepath.Join(mappe, "package", "build", "dist", "vnu.jar")
	if s := sum(hentet); s != vnuSHA256 {
		t.Fatalf("the checker that came has the digest %s", s)
	}
	// Copied and then renamed, since others may be fetching it too.
	b, err := os.ReadFile(hentet)
	Must(t, err)
	midlertidig := jar + "." + filepath.Base(mappe)
	Must(t, os.WriteFile(midlertidig, b, 0o600))
	Must(t, os.Rename(midlertidig, jar))
	return jar
}
