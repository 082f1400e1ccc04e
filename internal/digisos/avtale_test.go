package digisos

import (
	"encoding/json"
	"strings"
	"testing"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

// Reception of søknader is not switched on without the agreements, over the API
// either; what is on goes on, and what is off can be changed.
func TestAktiveringTrengerAvtale(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	must(t, h.org.KrevAvtaler(organisasjon.Avtalekonfig{}))
	ctx := auth.With(t.Context(), adminOs)
	gjor := func(metode string, aktivert bool, vil int) {
		t.Helper()
		k := konfig()
		k.Aktivert = aktivert
		kropp, err := json.Marshal(k)
		must(t, err)
		svar := h.gjor(t, adminOs, metode, "/digisos/api/v1/konfigurasjon/"+orgOslo, "application/json", kropp).er(t, vil)
		if vil == 400 && (!strings.Contains(svar, `"errorCode":"AVTALE_MANGLER"`) || !strings.Contains(svar, "tjenestevedlegget for Fiks Digisos")) {
			t.Error(svar)
		}
	}
	gjor("PUT", true, 200) // it was on before
	gjor("PUT", false, 200)
	gjor("PUT", false, 200)
	gjor("PUT", true, 400)
	_, versjon, err := h.s.KonfigurasjonMedVersjon(ctx, orgOslo)
	must(t, err)
	if err := h.s.EndreKonfigurasjonFra(ctx, orgOslo, versjon, konfig()); err == nil || !strings.Contains(err.Error(), "hovedavtalen") {
		t.Errorf("from a page: %v", err)
	}
	if k, err := h.s.Konfigurasjon(ctx, orgOslo); err != nil || k.Aktivert {
		t.Errorf("refused, and yet on: %+v, %v", k, err)
	}
	_, err = h.s.SlettKonfigurasjon(ctx, orgOslo)
	must(t, err)
	gjor("POST", true, 400)
	gjor("POST", false, 200)
	h.write(t, func(tx *store.Tx) error { return h.org.GodtaAlle(ctx, tx, orgOslo) })
	gjor("PUT", true, 200)
}
