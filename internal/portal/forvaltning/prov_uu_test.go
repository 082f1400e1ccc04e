package forvaltning_test

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/digisos"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/portal/portaltest"
	"knutepunkt/internal/store"
)

// nyProve sends a test of Testby, to where the fagsystem fetches it.
func nyProve(t *testing.T, h *portaltest.Hus) string {
	t.Helper()
	id := uuid.NewString()
	portaltest.Must(t, h.Dig.SendProve(auth.With(t.Context(), auth.Caller{Slag: auth.Person, Fnr: portaltest.Admin}), portaltest.OrgTest, id))
	utfor(t, h)
	return provsti + "/" + id
}

// The pages of a test in their states.
func TestAlleKanBrukeProv(t *testing.T) {
	t.Parallel()
	h := provhus(t, portaltest.HusMedNett(t), nil)
	h.Nokkel(t)
	fag, _ := h.Fagsystem(t, portaltest.OrgTest, "Fagsystem")
	h.Skriv(t, func(tx *store.Tx) error {
		return h.Org.GiTilgang(t.Context(), tx, auth.Caller{}, fag, auth.FiksIOKonto, portaltest.Konto)
	})
	skog := portaltest.Konfig()
	svarInnAlene(&skog)
	skog.OrganisasjonsnummerSvarUt = portaltest.OrgnrS
	portaltest.Must(t, h.Dig.OpprettKonfigurasjon(auth.With(t.Context(), auth.Caller{Slag: auth.Person, Fnr: portaltest.Admin}), portaltest.OrgSkog, skog))
	avvist := nyProve(t, h)
	m := melding(t, h)
	portaltest.Must(t, h.Fio.Ta(t.Context(), m, nil))
	h.Skriv(t, func(tx *store.Tx) error {
		_, err := h.Lev.Avvist(t.Context(), tx, levering.KanalFiksIO, m.MeldingID, "Mottakeren avviste meldingen", "Ukjent_enhet_"+uuid.NewString()+uuid.NewString())
		return err
	})
	virker := nyProve(t, h)
	m = melding(t, h)
	portaltest.Must(t, h.Fio.Ta(t.Context(), m, nil))
	svar(t, h, m, digisos.TypeSoknadMottatt)
	paavei := nyProve(t, h)
	portaltest.Proev(t, h, []portaltest.Tilstand{
		portaltest.Som("prov-skog-feil", portaltest.Admin, "/forvaltning/"+portaltest.OrgSkog+"/digisos/prov", 200, nil),
		portaltest.Som("prov-igang", portaltest.Admin, provsti, 200, nil),
		portaltest.Som("prov-avvist", portaltest.Admin, avvist, 200, nil),
		portaltest.Som("prov-virker", portaltest.Admin, virker, 200, nil),
		portaltest.Som("prov-paavei", portaltest.Admin, paavei, 200, nil),
		portaltest.Som("prov-stanset", portaltest.Admin, paavei+"?stopp=1", 200, nil),
		portaltest.Som("prov-klar", portaltest.Admin2, provsti, 200, func(f *portaltest.Vindu) {
			portaltest.Must(t, h.Dig.AvbrytProve(t.Context(), portaltest.OrgTest, paavei[len(provsti)+1:]))
			f.Gaa(provsti)
			f.VenterPaa(`document.querySelector("main form button") !== null`)
		}),
		portaltest.Som("prov-avbrutt", portaltest.Admin, paavei, 200, nil),
	})
}

// With the keyboard alone: from the overview to the test, which the page follows by
// itself while the focus stays where it is.
func TestProvFolges(t *testing.T) {
	t.Parallel()
	ctx := portaltest.Chromium(t)
	h := provhus(t, portaltest.HusMedNett(t), nil)
	h.Nokkel(t)
	f := h.NyttVindu(ctx, t, portaltest.Admin)
	f.Skjerm(1280, 900, false)
	f.Gaa("/forvaltning/" + portaltest.OrgTest + "/digisos")
	f.TabTil("a:Prøv oppsettet")
	f.EnterTil(provsti)
	id := portaltest.JS[string](f, `document.querySelector("main form [name=id]").value`)
	f.TabTil("button:Send testsøknad")
	f.EnterTil(provsti + "/" + id)
	f.TabTil("#prov-stopp")
	portaltest.JS[any](f, `(() => { window.sagt = []; new MutationObserver(() => sagt.push(document.getElementById("prov-status").textContent.trim()))
		.observe(document.getElementById("prov-status"), {childList: true, subtree: true, characterData: true}) })()`)
	utfor(t, h)
	f.VenterPaa(`document.getElementById("prov-status").textContent.includes("Hentet av fagsystemet")`)
	if got := f.Fokus(); got != "#prov-stopp" {
		t.Errorf("the focus went to %s", got)
	}
	m := melding(t, h)
	portaltest.Must(t, h.Fio.Ta(t.Context(), m, nil))
	svar(t, h, m, digisos.TypeSoknadMottatt)
	f.VenterPaa(`document.getElementById("prov-status").dataset.color === "success"`)
	f.Tilgjengelig("prov-fulgt", portaltest.AlleRegler)
	portaltest.Must(t, h.Dig.OppdaterSak(t.Context(), portaltest.OrgTest, id, []byte(`{"version":"1.0.0","avsender":{"systemnavn":"Fagsystem","systemversjon":"1"},"hendelser":[{"type":"soknadsStatus","hendelsestidspunkt":"2026-01-01T12:00:00.000Z","status":"MOTTATT"}]}`)))
	f.VenterPaa(`document.getElementById("prov-stopp") === null`) // the end: it is not followed any more
	if got := f.Fokus(); got != "#innhold" {
		t.Errorf("the focus is on %s", got)
	}
	// Said once each: not at each look.
	if n := portaltest.JS[int](f, `sagt.length`); n != 2 {
		t.Errorf("the status was said %d times: %v", n, portaltest.JS[[]string](f, `sagt`))
	}
	f.Rolig()
}

// Whoever is logged out meanwhile is led to the login, and back.
func TestProvUtlogget(t *testing.T) {
	t.Parallel()
	ctx := portaltest.Chromium(t)
	h := provhus(t, portaltest.HusMedNett(t), nil)
	h.Nokkel(t)
	f := h.NyttVindu(ctx, t, portaltest.Admin)
	f.Gaa(nyProve(t, h))
	h.Skriv(t, func(tx *store.Tx) error {
		_, err := tx.ExecContext(t.Context(), `DELETE FROM portal_sesjoner`)
		return err
	})
	f.Venter("/logg-inn")
	f.Rolig()
}

// Without a script the browser loads the page again, until it is told not to.
func TestProvUtenJavaScript(t *testing.T) {
	t.Parallel()
	ctx := portaltest.Chromium(t)
	h := provhus(t, portaltest.HusMedNett(t), nil)
	h.Nokkel(t)
	f := h.NyttVindu(ctx, t, portaltest.Admin)
	f.Kjor(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	f.UtenSkript = true
	f.Skjerm(320, 800, false)
	f.Gaa(provsti)
	id := portaltest.JS[string](f, `document.querySelector("main form [name=id]").value`)
	f.Kjor(chromedp.Click(chromedp.CSS(`main form .ds-button[type=submit]`)))
	f.Venter(provsti + "/" + id)
	utfor(t, h)
	f.VenterPaa(`document.getElementById("prov-status").textContent.includes("Hentet av fagsystemet")`) // after ten seconds
	f.Bilde("prov-uten-js")
	f.Kjor(chromedp.Click(chromedp.CSS("#prov-stopp")))
	f.VenterPaa(`location.search === "?stopp=1" && document.querySelector("meta[http-equiv]") === null`)
	f.Kjor(chromedp.Click(chromedp.CSS("#prov-avbryt")))
	f.VenterPaa(`document.getElementById("prov-status").textContent.includes("Prøven er avbrutt")`)
	f.Rolig()
}
