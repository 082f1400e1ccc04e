package forvaltning_test

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/portal/portaltest"
)

// With nothing but the keyboard: from the start page through login and the
// wizard, with an error on the way, to the receipt; then a new integrasjon.
func TestBareTastatur(t *testing.T) {
	t.Parallel()
	ctx := portaltest.Chromium(t)
	h := portaltest.HusMedNett(t)
	h.Dokumentlager(t, portaltest.OrgSkog)
	f := h.NyttVindu(ctx, t, "")
	f.Skjerm(1280, 900, false)
	f.Gaa("/")

	// The first stop is past the navigation.
	f.TabTil("a:Hopp til innholdet")
	f.Tast(kb.Enter)
	f.TabTil("a:Logg inn: Forvaltning")
	f.EnterTil("/idporten/authorize")
	portaltest.JS[any](f, `document.querySelector("#annen").focus()`) // the issuer's own page
	f.Tast(portaltest.Alene)
	portaltest.JS[any](f, `document.querySelector("#acr").value = "idporten-loa-high"`)
	base := "/forvaltning/" + portaltest.OrgSkog
	f.EnterTil(base + "/tjenester") // the only organisation
	f.TabTil("a:Ta i bruk: Digisos")
	f.EnterTil(base + "/digisos")
	f.TabTil("a:Start veiviser")
	v := base + "/digisos/veiviser/"
	f.EnterTil(v + "kanal")

	// Nothing chosen: the summary has the focus, and leads to the field.
	f.TabTil("button:Gå videre")
	f.Tast(kb.Enter)
	f.VenterPaa(`document.querySelector(".ds-error-summary") !== null`)
	f.VenterPaa(`document.activeElement.matches(".ds-error-summary")`)
	f.TabTil("a:Velg hvordan søknadene skal leveres")
	f.Tast(kb.Enter)
	f.VenterPaa(`document.activeElement.id === "kanal"`)
	f.Kryss()
	f.TabTil("button:Gå videre")
	f.EnterTil(v + "svarinn")
	for id, verdi := range map[string]string{"#navn": "NAV Skogby", "#orgnr": "310 000 310"} {
		f.TabTil(id)
		f.Tast(verdi)
	}
	f.TabTil("#postnr")
	f.Tast("9902")
	f.TabTil("#poststed")
	f.Tast("Skogby")
	f.EnterTil(v + "behandlingsansvarlig") // Enter in a field sends the form
	f.TabTil("#ansvarlig")
	if got := portaltest.JS[string](f, `document.activeElement.value`); got != "Skogby kommune" {
		t.Errorf("the municipality's name is proposed as %q", got)
	}
	f.EnterTil(v + "nav-kontaktsenter")
	f.TabTil("#nks")
	f.Kryss()
	f.Tast(kb.ArrowDown)
	if got := f.Fokus(); got != "#nks-b" {
		t.Errorf("the arrow led to %s", got)
	}
	f.Tast(kb.ArrowUp)
	f.EnterTil(v + "saksoppdateringer")
	f.TabTil("#oppdateringer")
	f.Kryss()
	f.EnterTil(v + "kontakt")
	f.TabTil("#fagansvarlig")
	f.Tast("fag@skogby.test\rfag2@skogby.test")
	f.TabTil("#teknisk")
	f.Tast("teknisk@skogby.test")
	f.TabTil("button:Gå videre")
	f.EnterTil(v + "soknadsmottak")
	f.TabTil("#aktivt")
	f.Kryss()
	f.EnterTil(v + "se-over")
	f.Bilde("tastatur-seover")
	f.TabTil("button:Lagre og fullfør")
	f.EnterTil(base + "/digisos/ferdig")
	k, err := h.Dig.Konfigurasjon(t.Context(), portaltest.OrgSkog)
	portaltest.Must(t, err)
	if !k.NksTilgang || !k.Aktivert || len(k.Kontaktpersoner.FagansvarligEpost) != 2 || k.Postadresse.Poststed != "Skogby" || k.BrukerFiksIO {
		t.Errorf("%+v", k)
	}

	f.TabTil("a:Lag en integrasjon for fagsystemet, og gi den tilgang til Digisos")
	f.EnterTil(base + "/integrasjoner/ny")
	f.TabTil("#navn")
	f.Tast("Fagsystem")
	f.TabTil("#orgnr")
	f.Tast(portaltest.OrgnrS)
	f.Tast(kb.Enter)
	f.VenterPaa(`document.querySelector("#passord") !== null`)
	id, passord := portaltest.JS[string](f, `document.querySelector("#integrasjonsid").textContent`), portaltest.JS[string](f, `document.querySelector("#passord").textContent`)
	h.Slipper(t, true, id, passord)
	f.TabTil("button:Kopier passordet") // the script shows it
	f.TabTil("a:Jeg har lagret passordet")
	f.EnterTil(base + "/integrasjoner/" + id)
	f.TabTil("#tilgang")
	f.Kryss()
	f.TabTil("button:Lagre tilganger")
	f.Tast(kb.Enter)
	f.VenterPaa(`document.querySelector("[role=status]") !== null`)
	if ts, err := h.Org.TilgangerFor(t.Context(), h.DB.Read(), id); err != nil || len(ts) != 1 {
		t.Errorf("%v %v", ts, err)
	}
	f.TabTil("button:Logg ut")
	f.EnterTil("/logget-ut")
	f.Vent()
}

// The same without a script, on a narrow screen.
func TestUtenJavaScript(t *testing.T) {
	t.Parallel()
	ctx := portaltest.Chromium(t)
	h := portaltest.HusMedNett(t)
	h.Dokumentlager(t, portaltest.OrgTest)
	f := h.NyttVindu(ctx, t, portaltest.Admin)
	f.Kjor(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	f.UtenSkript = true
	f.Skjerm(320, 800, false)
	base := "/forvaltning/" + portaltest.OrgTest
	v := base + "/digisos/veiviser/"
	f.Gaa(base + "/digisos")
	klikk := func(valg, til string) {
		t.Helper()
		f.Kjor(chromedp.Click(chromedp.CSS(valg)))
		f.Venter(til)
	}
	klikk(`main a.ds-button`, v+"kanal")
	klikk(`main form .ds-button[type=submit]`, v+"kanal")
	f.VenterPaa(`document.querySelector(".ds-error-summary") !== null`)
	f.Bilde("uten-js-feil")
	klikk("#kanal", v+"kanal")
	klikk(`main form .ds-button[type=submit]`, v+"svarinn")
	skriv := func(id, verdi string) {
		t.Helper()
		f.Kjor(chromedp.SendKeys(chromedp.CSS(id), verdi))
	}
	skriv("#navn", "NAV Testby")
	skriv("#orgnr", portaltest.OrgnrT)
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
	if got := portaltest.JS[string](f, `document.querySelector("#teknisk").value`); got != "teknisk@testby.test" {
		t.Errorf("after going back: %q", got)
	}
	klikk(`main form .ds-button[type=submit]`, v+"soknadsmottak")
	klikk("#aktivt-b", v+"soknadsmottak")
	if _, err := h.Dig.Konfigurasjon(t.Context(), portaltest.OrgTest); !feil.Er(err, feil.IkkeFunnet) {
		t.Fatalf("configured too early: %v", err)
	}
	klikk(`main form .ds-button[type=submit]`, v+"se-over")
	klikk(`main form .ds-button[type=submit]`, base+"/digisos/ferdig")
	k, err := h.Dig.Konfigurasjon(t.Context(), portaltest.OrgTest)
	portaltest.Must(t, err)
	if k.NksTilgang || k.Aktivert || !k.BrukerFiksIO || k.FiksIOKontoID != portaltest.Konto {
		t.Errorf("%+v", k)
	}
	// A password is there to be copied by hand; the button that needs the script is not.
	f.Gaa(base + "/integrasjoner/ny")
	skriv("#navn", "Fagsystem")
	skriv("#orgnr", portaltest.OrgnrT)
	klikk(`main form .ds-button[type=submit]`, base+"/integrasjoner/ny")
	f.VenterPaa(`document.querySelector("#passord") !== null`)
	if portaltest.JS[bool](f, `document.querySelector("[data-kopier]").checkVisibility()`) {
		t.Error("a button that does nothing is shown")
	}
	f.Bilde("uten-js-passord")
	f.Rolig()
}

// The script warns before a login runs out, and one press goes on.
func TestVarselFoerUtlogging(t *testing.T) {
	t.Parallel()
	ctx := portaltest.Chromium(t)
	h := portaltest.HusMedNett(t)
	f := h.NyttVindu(ctx, t, portaltest.Admin)
	f.Skjerm(1280, 900, false)
	f.Gaa("/forvaltning/" + portaltest.OrgTest + "/tjenester")
	if portaltest.JS[bool](f, `document.querySelector("#utlogging").open`) {
		t.Fatal("it warns at once")
	}
	// As if twenty-six minutes had passed in the browser.
	portaltest.JS[any](f, `(() => { const d = Date.now; Date.now = () => d() + 26 * 60000 })()`)
	f.VenterPaa(`document.querySelector("#utlogging").open`)
	f.VenterPaa(`document.querySelector("#utlogging [data-flere]").textContent === "Du blir logget ut om under 5 minutter."`)
	f.Tilgjengelig("varsel", portaltest.AlleRegler)
	f.Bilde("varsel")
	h.Klokke.Sett(h.Klokke.Now().Add(26 * time.Minute))
	if got := f.Fokus(); got != "button:Fortsett" {
		t.Errorf("the focus is on %s", got)
	}
	f.Tast(kb.Enter)
	f.VenterPaa(`!document.querySelector("#utlogging").open`)
	h.Klokke.Sett(h.Klokke.Now().Add(portal.Ledig - time.Second))
	f.Gaa("/forvaltning/" + portaltest.OrgTest + "/tjenester") // still logged in
	f.Rolig()
}

// What is printed is the answers, without what can only be pressed.
func TestUtskrift(t *testing.T) {
	t.Parallel()
	ctx := portaltest.Chromium(t)
	h := portaltest.HusMedNett(t)
	h.Dokumentlager(t, portaltest.OrgTest)
	h.Konfigurer(t)
	f := h.NyttVindu(ctx, t, portaltest.Admin)
	f.Gaa("/forvaltning/" + portaltest.OrgTest + "/digisos")
	f.Kjor(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
		return err
	}))
	for valg, want := range map[string]bool{"main h1": true, ".p-svar dd": true, ".p-merke": true, ".p-meny": false, ".p-fot": false, ".p-konto": false, ".p-faner": false, ".p-svar-topp a": false, ".p-spraak": false} {
		if got := portaltest.JS[bool](f, `document.querySelector("`+valg+`").checkVisibility()`); got != want {
			t.Errorf("%s is printed: %t", valg, got)
		}
	}
	f.Rolig()
}
