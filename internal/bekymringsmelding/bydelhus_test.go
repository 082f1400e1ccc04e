package bekymringsmelding

import (
	"testing"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/store"
)

const kontoBergen = "00000000-0000-4000-9000-000000004601"

func ressursTil(bydel string) string { return "00000000-0000-4000-a000-0000000046" + bydel }

// adressen and adresseJSON are where Bergen's letters go.
var adressen = Postadresse{Navn: "Barnevernet i Bergen", Adresselinje1: "Rådhusgata 10", Postnummer: "5014", Poststed: "BERGEN"}

// bydeler are Bergen's: one for each channel. The platform's key is the one that all
// houses of tests have.
func (h *hus) bydeler(t testing.TB, ny bool) {
	t.Helper()
	key, cert := grunntest.Plattformnokkel(t)
	for _, f := range []keys.Formaal{keys.Bekymringsmelding, keys.Brev} {
		_, err := h.Ring.ImportPlatform(t.Context(), f, key, cert)
		must(t, err)
	}
	if !ny {
		return
	}
	ctx := auth.With(t.Context(), operator)
	varsles := []string{"varsel@bergen.test"}
	for nummer, k := range map[string]Mottakskonto{
		bydelFiksIO:  {Kanal: KanalFiksIO, FiksIOKontoID: kontoBergen, Sertifikat: pemAv(fagsystem().cert)},
		bydelSvarInn: {Kanal: KanalSvarInn, IntegrasjonID: integrasjonSvarInn, Sertifikat: pemAv(mottaker().cert), Orgnr: "964338531"},
		bydelManuell: {Kanal: KanalManuell, Fagsystem: FagsystemManuell},
		bydelPrint:   {Kanal: KanalPrint},
	} {
		if k.Fagsystem == "" {
			k.Fagsystem = FagsystemUkjent
		}
		k.VarselEposter = varsles
		b, err := h.s.OpprettBydel(ctx, orgBergen, NyBydel{RessursID: ressursTil(nummer), Bydelsnummer: nummer, Navn: "Bydel " + nummer,
			StandardMottaker: nummer == bydelFiksIO, Adresse: adressen, Kontakter: []string{"kontakt@bergen.test"}, Konto: k})
		must(t, err)
		h.write(t, func(tx *store.Tx) error {
			for _, aktor := range []string{fnrBruker, integrasjonFag} {
				if err := h.org.GiTilgang(ctx, tx, operator, aktor, auth.BekymringMottak, b.RessursID); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// endreBydel changes a bydel of Bergen, also to what nobody can configure.
func (h *hus) endreBydel(t testing.TB, nummer string, fn func(*Bydel)) {
	t.Helper()
	h.write(t, func(tx *store.Tx) error {
		b, err := h.s.BydelMedRessurs(t.Context(), ressursTil(nummer))
		if err != nil {
			return err
		}
		fn(&b)
		return h.s.lagreBydel(t.Context(), tx, &b)
	})
}
