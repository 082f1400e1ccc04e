package portaltest

import (
	"context"
	"testing"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/keys"
)

// Testby's bydeler for reports of concern, both with manual reception: one for each
// version of the document.
const (
	BydelV2 = "01" // the standardMottaker
	BydelV1 = "02"
)

// folkeregister knows one name.
func folkeregister(_ context.Context, fnr string) (string, error) {
	if fnr == Admin {
		return "Berit Administrator", nil
	}
	return "", nil
}

// Bydeler lets Testby receive reports of concern in two bydeler.
func (h *Hus) Bydeler(t testing.TB) {
	t.Helper()
	key, cert := grunntest.Plattformnokkel(t)
	for _, f := range []keys.Formaal{keys.Bekymringsmelding, keys.Brev, keys.Signering} {
		_, err := h.Ring.ImportPlatform(t.Context(), f, key, cert)
		Must(t, err)
	}
	ctx := auth.With(t.Context(), auth.Caller{Slag: auth.Person, Fnr: Admin, Niva: 4})
	for nummer, b := range map[string]struct {
		navn    string
		versjon skjema.Versjon
	}{BydelV2: {"Sentrum", skjema.V2}, BydelV1: {"Nord", skjema.V1}} {
		_, err := h.Bek.OpprettBydel(ctx, OrgTest, bekymringsmelding.NyBydel{Bydelsnummer: nummer, Navn: b.navn, StandardMottaker: nummer == BydelV2,
			Adresse:   bekymringsmelding.Postadresse{Navn: "Barnevernet i Testby", Adresselinje1: "Storgata 1", Postnummer: "9901", Poststed: "TESTBY"},
			Kontakter: []string{"barnevern@testby.test"}, Telefon: "99 01 00 01",
			Konto: bekymringsmelding.Mottakskonto{Kanal: bekymringsmelding.KanalManuell, Fagsystem: bekymringsmelding.FagsystemManuell,
				StottetVersjon: b.versjon, VarselEposter: []string{"varsel@testby.test"}}})
		Must(t, err)
	}
}
