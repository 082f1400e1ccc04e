package portaltest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Reisende is somebody who finds the way through pages by what stands on them:
// with the keyboard alone and scripts on, or with a pointer and scripts off. One
// journey is written for both.
type Reisende struct {
	*Vindu
	tastatur bool
}

// NyReisende opens a tab at an address of ours (base, without trailing slash).
func NyReisende(ctx context.Context, t *testing.T, base string, tastatur bool) *Reisende {
	t.Helper()
	r := &Reisende{nyttVindu(ctx, t, base), tastatur}
	r.Skjerm(1280, 900, false)
	if !tastatur {
		r.Kjor(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
			return err
		}))
		r.UtenSkript = true
	}
	return r
}

// Skriv writes into the field with an id, in place of what stands there.
func (r *Reisende) Skriv(id, verdi string) {
	r.T.Helper()
	if !r.tastatur {
		JS[any](r.Vindu, fmt.Sprintf(`document.getElementById(%q).value = ""`, id))
		r.Kjor(chromedp.SendKeys(chromedp.CSS("#"+id), verdi))
		return
	}
	r.TabTil("#" + id)
	JS[any](r.Vindu, `document.activeElement.select()`) // as Ctrl+A
	r.Tast(strings.ReplaceAll(verdi, "\n", "\r"))
}

// Lim pastes a long text into the field with an id.
func (r *Reisende) Lim(id, verdi string) {
	r.T.Helper()
	if r.tastatur {
		r.TabTil("#" + id)
	}
	JS[any](r.Vindu, fmt.Sprintf(`document.getElementById(%q).value = %q`, id, verdi))
}

// Velg takes a radio button or ticks a box, by the words beside it.
func (r *Reisende) Velg(ord string) {
	r.T.Helper()
	const finn = `[...document.querySelectorAll("main label")].find(l => l.textContent.trim() === %q)`
	id := JS[string](r.Vindu, fmt.Sprintf(`(`+finn+`?.htmlFor ?? "")`, ord))
	if id == "" {
		r.T.Fatalf("no choice %q on the page:\n%s", ord, r.Tekst())
	}
	if !r.tastatur {
		if !JS[bool](r.Vindu, fmt.Sprintf(`document.getElementById(%q).checked`, id)) {
			r.Kjor(chromedp.Click(chromedp.CSS("#" + id)))
		}
		return
	}
	// Tab comes to the group: to what is chosen in it, else to its first. The
	// arrows go on from there.
	start := JS[string](r.Vindu, fmt.Sprintf(`(e => e.type !== "radio" ? e.id : (g => (g.find(x => x.checked) ?? g[0]).id)([...document.getElementsByName(e.name)]))(document.getElementById(%q))`, id))
	r.TabTil("#" + start)
	for range 30 {
		if r.Fokus() == "#"+id {
			if !JS[bool](r.Vindu, `document.activeElement.checked`) {
				r.Kryss()
			}
			return
		}
		r.Tast(kb.ArrowDown)
	}
	r.T.Fatalf("the arrows never came to %q", ord)
}

// Trykk presses a link or a button by its words, or by how they begin, and waits
// for the page that comes.
func (r *Reisende) Trykk(ord string) {
	r.T.Helper()
	const finn = `((ord, alle) => alle.find(e => e.textContent.trim().replace(/\s+/g, " ") === ord) ?? alle.find(e => e.textContent.trim().startsWith(ord)))(%q,
		[...document.querySelectorAll("main a, main button, nav a, header a, header button")].filter(e => e.checkVisibility()))`
	JS[any](r.Vindu, `document.documentElement.dataset.forrige = "1"; 0`)
	hva := JS[string](r.Vindu, fmt.Sprintf(`(e => !e ? "" : e.id ? "#" + e.id : e.tagName.toLowerCase() + ":" + e.textContent.trim())(`+finn+`)`, ord))
	if hva == "" {
		r.T.Fatalf("nothing to press with the words %q on the page:\n%s", ord, r.Tekst())
	}
	if r.tastatur {
		r.TabTil(hva)
		r.Tast(kb.Enter)
	} else {
		JS[any](r.Vindu, fmt.Sprintf(finn+`.click()`, ord))
	}
	r.VenterPaa(`document.documentElement.dataset.forrige === undefined`)
}

// Ser checks that the page says something.
func (r *Reisende) Ser(ord ...string) {
	r.T.Helper()
	tekst := r.Tekst()
	for _, o := range ord {
		if !strings.Contains(tekst, o) {
			r.T.Fatalf("%q is not on the page:\n%s", o, tekst)
		}
	}
}

// VenterPaaTekst waits until the page says something: by itself with scripts, and
// loaded anew without.
func (r *Reisende) VenterPaaTekst(ord string) {
	r.T.Helper()
	if r.tastatur {
		r.VenterPaa(fmt.Sprintf(`document.querySelector("main").innerText.includes(%q)`, ord))
		return
	}
	for range 100 {
		if strings.Contains(r.Tekst(), ord) {
			return
		}
		r.Gaa(JS[string](r.Vindu, "location.pathname"))
	}
	r.T.Fatalf("the page never said %q:\n%s", ord, r.Tekst())
}

// Tekst is what the page says, with its title and address.
func (r *Reisende) Tekst() string {
	r.T.Helper()
	return JS[string](r.Vindu, `location.pathname + "\n" + document.title + "\n" + document.querySelector("main")?.innerText`)
}

// Les is the text of the first element that a CSS selector finds.
func (r *Reisende) Les(velger string) string {
	r.T.Helper()
	return JS[string](r.Vindu, fmt.Sprintf(`document.querySelector(%q)?.textContent.trim() ?? ""`, velger))
}

// LoggInn logs in at the sandbox's issuer, whose page must be open, at level 4.
func (r *Reisende) LoggInn(fnr string) {
	r.T.Helper()
	JS[any](r.Vindu, fmt.Sprintf(`document.documentElement.dataset.forrige = "1"; document.querySelector("#annen").value = %q;
		document.querySelector("#acr").value = "idporten-loa-high"; document.querySelector("form").submit()`, fnr))
	r.VenterPaa(`document.documentElement.dataset.forrige === undefined`)
	r.Vent() // the issuer's page is not ours
}
