package portal_test

import (
	"net/url"
	"testing"

	"knutepunkt/internal/portal"
	"knutepunkt/internal/portal/portaltest"
)

// A draft is gone when something has come of it, and the first that came stays.
func TestFullforUtkast(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	ctx := t.Context()
	portaltest.Must(t, h.P.LagreUtkast(ctx, portaltest.Admin, "skjema", "1", portal.Utkast{Felt: url.Values{"a": {"svar"}}}))
	for _, verdi := range []string{"første", "andre"} {
		portaltest.Must(t, h.P.FullforUtkast(ctx, portaltest.Admin, "skjema", "1",
			portal.FraUtkast{Skjema: "kvittering", Gjelder: "1", Utkast: portal.Utkast{Felt: url.Values{"a": {verdi}}}}))
	}
	if _, har, err := h.P.Utkast(ctx, portaltest.Admin, "skjema", "1"); err != nil || har {
		t.Errorf("the draft: %t %v", har, err)
	}
	k, har, err := h.P.Utkast(ctx, portaltest.Admin, "kvittering", "1")
	if err != nil || !har || k.Felt.Get("a") != "første" {
		t.Errorf("%v %t %v", k.Felt, har, err)
	}
	if _, har, err := h.P.Utkast(ctx, portaltest.Admin2, "kvittering", "1"); err != nil || har {
		t.Errorf("another's: %t %v", har, err)
	}
}
