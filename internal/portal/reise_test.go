package portal

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"knutepunkt/internal/feil"
)

// With nothing but the keyboard: from the start page through login and the
// wizard, with an error on the way, to the receipt; then a new integrasjon.
func TestBareTastatur(t *testing.T) {
	t.Parallel()
	ctx := chromium(t)
	h := husMedNett(t)
	h.dokumentlager(t, orgSkog)
	f := h.nyttVindu(ctx, t, "")
	f.skjerm(1280, 900, false)
	f.gaa("/")

	// The first stop is past the navigation.
	f.tabTil("a:Hopp til innholdet")
	f.tast(kb.Enter)
	f.tabTil("a:Logg inn")
	f.enterTil("/idporten/authorize")
	js[any](f, `document.querySelector("#annen").focus()`) // the issuer's own page
	f.tast(alene)
	js[any](f, `document.querySelector("#acr").value = "idporten-loa-high"`)
	base := "/forvaltning/" + orgSkog
	f.enterTil(base + "/tjenester") // the only organisation
	f.tabTil("a:Ta i bruk: Digisos")
	f.enterTil(base + "/digisos")
	f.tabTil("a:Start veiviser")
	v := base + "/digisos/veiviser/"
	f.enterTil(v + "kanal")

	// Nothing chosen: the summary has the focus, and leads to the field.
	f.tabTil("button:Gå videre")
	f.tast(kb.Enter)
	f.venterPaa(`document.querySelector(".ds-error-summary") !== null`)
	f.venterPaa(`document.activeElement.matches(".ds-error-summary")`)
	f.tabTil("a:Velg hvordan søknadene skal leveres")
	f.tast(kb.Enter)
	f.venterPaa(`document.activeElement.id === "kanal"`)
	f.kryss()
	f.tabTil("button:Gå videre")
	f.enterTil(v + "svarinn")
	for id, verdi := range map[string]string{"#navn": "NAV Skogby", "#orgnr": "310 000 310"} {
		f.tabTil(id)
		f.tast(verdi)
	}
	f.tabTil("#postnr")
	f.tast("9902")
	f.tabTil("#poststed")
	f.tast("Skogby")
	f.enterTil(v + "behandlingsansvarlig") // Enter in a field sends the form
	f.tabTil("#ansvarlig")
	if got := js[string](f, `document.activeElement.value`); got != "Skogby kommune" {
		t.Errorf("the municipality's name is proposed as %q", got)
	}
	f.enterTil(v + "nav-kontaktsenter")
	f.tabTil("#nks")
	f.kryss()
	f.tast(kb.ArrowDown)
	if got := f.fokus(); got != "#nks-b" {
		t.Errorf("the arrow led to %s", got)
	}
	f.tast(kb.ArrowUp)
	f.enterTil(v + "saksoppdateringer")
	f.tabTil("#oppdateringer")
	f.kryss()
	f.enterTil(v + "kontakt")
	f.tabTil("#fagansvarlig")
	f.tast("fag@skogby.test\rfag2@skogby.test")
	f.tabTil("#teknisk")
	f.tast("teknisk@skogby.test")
	f.tabTil("button:Gå videre")
	f.enterTil(v + "soknadsmottak")
	f.tabTil("#aktivt")
	f.kryss()
	f.enterTil(v + "se-over")
	f.bilde("tastatur-seover")
	f.tabTil("button:Lagre og fullfør")
	f.enterTil(base + "/digisos/ferdig")
	k, err := h.dig.Konfigurasjon(t.Context(), orgSkog)
	must(t, err)
	if !k.NksTilgang || !k.Aktivert || len(k.Kontaktpersoner.FagansvarligEpost) != 2 || k.Postadresse.Poststed != "Skogby" || k.BrukerFiksIO {
		t.Errorf("%+v", k)
	}

	f.tabTil("a:Lag en integrasjon for fagsystemet, og gi den tilgang til Digisos")
	f.enterTil(base + "/integrasjoner/ny")
	f.tabTil("#navn")
	f.tast("Fagsystem")
	f.tabTil("#orgnr")
	f.tast(orgnrS)
	f.tast(kb.Enter)
	f.venterPaa(`document.querySelector("#passord") !== null`)
	id, passord := js[string](f, `document.querySelector("#integrasjonsid").textContent`), js[string](f, `document.querySelector("#passord").textContent`)
	h.slipper(t, true, id, passord)
	f.tabTil("button:Kopier passordet") // the script shows it
	f.tabTil("a:Jeg har lagret passordet")
	f.enterTil(base + "/integrasjoner/" + id)
	f.tabTil("#tilgang")
	f.kryss()
	f.tabTil("button:Lagre tilganger")
	f.tast(kb.Enter)
	f.venterPaa(`document.querySelector("[role=status]") !== null`)
	if ts, err := h.org.TilgangerFor(t.Context(), h.DB.Read(), id); err != nil || len(ts) != 1 {
		t.Errorf("%v %v", ts, err)
	}
	f.tabTil("button:Logg ut")
	f.enterTil("/logget-ut")
	f.vent()
}

// kryss ticks what has the focus.
func (f *vindu) kryss() {
	f.t.Helper()
	f.tast(" ")
	f.venterPaa(`document.activeElement.checked`)
}

// vent lets the complaints of the issuer's page, which is not ours, go by.
func (f *vindu) vent() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.klager = nil
}

// The same without a script, on a narrow screen.
func TestUtenJavaScript(t *testing.T) {
	t.Parallel()
	ctx := chromium(t)
	h := husMedNett(t)
	h.dokumentlager(t, orgTest)
	f := h.nyttVindu(ctx, t, admin)
	f.kjor(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	f.utenSkript = true
	f.skjerm(320, 800, false)
	base := "/forvaltning/" + orgTest
	v := base + "/digisos/veiviser/"
	f.gaa(base + "/digisos")
	klikk := func(valg, til string) {
		t.Helper()
		f.kjor(chromedp.Click(chromedp.CSS(valg)))
		f.venter(til)
	}
	klikk(`main a.ds-button`, v+"kanal")
	klikk(`main form .ds-button[type=submit]`, v+"kanal")
	f.venterPaa(`document.querySelector(".ds-error-summary") !== null`)
	f.bilde("uten-js-feil")
	klikk("#kanal", v+"kanal")
	klikk(`main form .ds-button[type=submit]`, v+"svarinn")
	skriv := func(id, verdi string) {
		t.Helper()
		f.kjor(chromedp.SendKeys(chromedp.CSS(id), verdi))
	}
	skriv("#navn", "NAV Testby")
	skriv("#orgnr", orgnrT)
	skriv("#postnr", "9901")
	skriv("#poststed", "Testby")
	klikk(`main form .ds-button[type=submit]`, v+"behandlingsansvarlig")
	klikk(`main form .ds-button[type=submit]`, v+"nav-kontaktsenter")
	klikk("#nks-b", v+"nav-kontaktsenter")
	klikk(`main form .ds-button[type=submit]`, v+"saksoppdateringer")
	klikk("#oppdateringer", v+"saksoppdateringer")
	klikk(`main form .ds-button[type=submit]`, v+"kontakt")
	skriv("#fagansvarlig", "fag@testby.test")
	skriv("#teknisk", "teknisk@testby.test")
	klikk(`main form .ds-button[type=submit]`, v+"soknadsmottak")
	klikk(`main form a.ds-button`, v+"kontakt") // back, and what was written is there
	if got := js[string](f, `document.querySelector("#teknisk").value`); got != "teknisk@testby.test" {
		t.Errorf("after going back: %q", got)
	}
	klikk(`main form .ds-button[type=submit]`, v+"soknadsmottak")
	klikk("#aktivt-b", v+"soknadsmottak")
	if _, err := h.dig.Konfigurasjon(t.Context(), orgTest); !feil.Er(err, feil.IkkeFunnet) {
		t.Fatalf("configured too early: %v", err)
	}
	klikk(`main form .ds-button[type=submit]`, v+"se-over")
	klikk(`main form .ds-button[type=submit]`, base+"/digisos/ferdig")
	k, err := h.dig.Konfigurasjon(t.Context(), orgTest)
	must(t, err)
	if k.NksTilgang || k.Aktivert || !k.BrukerFiksIO || k.FiksIOKontoID != konto {
		t.Errorf("%+v", k)
	}
	// A password is there to be copied by hand; the button that needs the script is not.
	f.gaa(base + "/integrasjoner/ny")
	skriv("#navn", "Fagsystem")
	skriv("#orgnr", orgnrT)
	klikk(`main form .ds-button[type=submit]`, base+"/integrasjoner/ny")
	f.venterPaa(`document.querySelector("#passord") !== null`)
	if js[bool](f, `document.querySelector("[data-kopier]").checkVisibility()`) {
		t.Error("a button that does nothing is shown")
	}
	f.bilde("uten-js-passord")
	f.rolig()
}

// The script warns before a login runs out, and one press goes on.
func TestVarselFoerUtlogging(t *testing.T) {
	t.Parallel()
	ctx := chromium(t)
	h := husMedNett(t)
	f := h.nyttVindu(ctx, t, admin)
	f.skjerm(1280, 900, false)
	f.gaa("/forvaltning/" + orgTest + "/tjenester")
	if js[bool](f, `document.querySelector("#utlogging").open`) {
		t.Fatal("it warns at once")
	}
	// As if twenty-six minutes had passed in the browser.
	js[any](f, `(() => { const d = Date.now; Date.now = () => d() + 26 * 60000 })()`)
	f.venterPaa(`document.querySelector("#utlogging").open`)
	f.venterPaa(`document.querySelector("#utlogging [data-flere]").textContent === "Du blir logget ut om under 5 minutter."`)
	f.tilgjengelig("varsel", alleRegler)
	f.bilde("varsel")
	h.Klokke.Sett(h.Klokke.Now().Add(26 * time.Minute))
	if got := f.fokus(); got != "button:Fortsett" {
		t.Errorf("the focus is on %s", got)
	}
	f.tast(kb.Enter)
	f.venterPaa(`!document.querySelector("#utlogging").open`)
	h.Klokke.Sett(h.Klokke.Now().Add(Ledig - time.Second))
	f.gaa("/forvaltning/" + orgTest + "/tjenester") // still logged in
	f.rolig()
}

// What is printed is the answers, without what can only be pressed.
func TestUtskrift(t *testing.T) {
	t.Parallel()
	ctx := chromium(t)
	h := husMedNett(t)
	h.dokumentlager(t, orgTest)
	h.konfigurer(t)
	f := h.nyttVindu(ctx, t, admin)
	f.gaa("/forvaltning/" + orgTest + "/digisos")
	f.kjor(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
		return err
	}))
	for valg, want := range map[string]bool{"main h1": true, ".p-svar dd": true, ".p-merke": true, ".p-meny": false, ".p-fot": false, ".p-konto": false, ".p-faner": false, ".p-svar-topp a": false, ".p-spraak": false} {
		if got := js[bool](f, `document.querySelector("`+valg+`").checkVisibility()`); got != want {
			t.Errorf("%s is printed: %t", valg, got)
		}
	}
	f.rolig()
}
