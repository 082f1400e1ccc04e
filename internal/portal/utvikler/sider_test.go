package utvikler_test

import (
	"testing"

	"knutepunkt/internal/portal/portaltest"
)

// Every page in every state can be used by everybody.
func TestAlleKanBrukeSidene(t *testing.T) {
	t.Parallel()
	h := portaltest.HusMedNett(t)
	trykk := func(f *portaltest.Vindu) {
		portaltest.JS[any](f, `document.documentElement.dataset.forrige = "1"; document.querySelector("main form button[type=submit]").click()`)
		f.VenterPaa(`document.documentElement.dataset.forrige === undefined`)
	}
	fyllUt := func(f *portaltest.Vindu) {
		portaltest.JS[any](f, `for (const e of document.querySelectorAll("main fieldset")) e.querySelector("input").click()`)
		trykk(f)
	}
	portaltest.Proev(t, h, []portaltest.Tilstand{
		portaltest.Som("utvikler", "", "/utvikler", 200, nil),
		portaltest.Som("utvikler-token", "", "/utvikler/token", 200, fyllUt),
		portaltest.Som("utvikler-token-feil", portaltest.Admin, "/utvikler/token", 200, trykk),
		portaltest.Som("utvikler-nokler", "", "/utvikler/nokler", 200, trykk),
		portaltest.Som("utvikler-meldinger", "", "/utvikler/meldinger", 200, nil),
		portaltest.Som("utvikler-feil", "", "/utvikler/feil", 200, nil),
		portaltest.Som("utvikler-klokke", "", "/utvikler/klokke", 200, nil),
		portaltest.Som("utvikler-404", "", "/utvikler/finnes/ikke", 404, nil),
	})
}

// The faults of a form are told on the page, and what was written stays.
func TestFeilISkjema(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	n := h.Nettleser()
	n.Post(t, "/utvikler/token", "scope", "ks:fiks").Er(t, 422, "Velg en organisasjon", "Velg en person, eller ingen")
	n.Post(t, "/utvikler/feil", "sti", "^/digisos/", "virkning", "status", "prosent", "0").Er(t, 422, "fra 1 til 100", "^/digisos/")
	n.Post(t, "/utvikler/feil", "sti", "(", "virkning", "hang").Er(t, 422, "Uttrykket for adressene er ikke gyldig")
	n.Post(t, "/utvikler/feil", "sti", "x", "virkning", "eksploder").Er(t, 422, "Velg hva som skal skje")
	n.Post(t, "/utvikler/klokke", "frem", "tilbake").Er(t, 400)
}
