package bekymringsmelding

import (
	"testing"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

const kontoBergen = "00000000-0000-4000-9000-000000004601"

func ressursTil(bydel string) string { return "00000000-0000-4000-a000-0000000046" + bydel }

// bydeler are Bergen's: one for each channel.
func (h *hus) bydeler(t testing.TB, ny bool) {
	t.Helper()
	adr := Postadresse{Navn: "Barnevernet i Bergen", Adresselinje1: "Rådhusgata 10", Postnummer: "5014", Poststed: "BERGEN"}
	var alle []Bydel
	for _, b := range []Bydel{
		{Bydelsnummer: bydelFiksIO, Kanal: KanalFiksIO, FiksIOKontoID: kontoBergen},
		{Bydelsnummer: bydelSvarInn, Kanal: KanalSvarInn, IntegrasjonID: integrasjonSvarInn, Sertifikat: pemAv(mottaker().cert)},
		{Bydelsnummer: bydelManuell, Kanal: KanalManuell},
		{Bydelsnummer: bydelPrint, Kanal: KanalPrint},
	} {
		b.RessursID, b.FiksOrgID, b.Kommunenummer, b.Navn = ressursTil(b.Bydelsnummer), orgBergen, "4601", "Bydel "+b.Bydelsnummer
		b.StottetVersjon, b.Orgnr, b.Adresse = skjema.V1, "964338531", adr
		b.Kontakter, b.VarselEposter = []string{"kontakt@bergen.test"}, []string{"varsel@bergen.test"}
		alle = append(alle, b)
	}
	stubb.Store(h.DB, alle)
	if !ny {
		return
	}
	h.write(t, func(tx *store.Tx) error {
		ctx := auth.With(t.Context(), operator)
		tjeneste, err := h.org.TaIBruk(ctx, tx, orgBergen, organisasjon.TypeBekymringsmelding)
		if err != nil {
			return err
		}
		for _, b := range alle {
			if err := h.org.OpprettRessurs(ctx, tx, organisasjon.Ressurs{ID: b.RessursID, Forelder: tjeneste, Type: organisasjon.TypeBydel, Navn: b.Navn}); err != nil {
				return err
			}
			for _, aktor := range []string{fnrBruker, integrasjonFag} {
				if err := h.org.GiTilgang(ctx, tx, operator, aktor, auth.BekymringMottak, b.RessursID); err != nil {
					return err
				}
			}
		}
		if _, err := h.fio.OpprettKonto(ctx, tx, fiksio.Konto{ID: kontoBergen, FiksOrgID: orgBergen, Navn: "Barnevern", Aktiv: true, Sertifikat: fagsystem().cert.Raw}); err != nil {
			return err
		}
		_, err = h.fio.OpprettAdresse(ctx, tx, fiksio.Adresse{KontoID: kontoBergen, Beskrivelse: "Bekymringsmelding", Aktiv: true,
			Identifikatorer: []fiksio.Identifikator{{Type: "ORG_NO", Verdi: "964338531"}}, Protokoller: []string{fiksio.ProtokollBekymringsmelding}, Nivaer: []int{4}})
		return err
	})
}

// endreBydel changes a bydel of Bergen.
func (h *hus) endreBydel(t testing.TB, nummer string, fn func(*Bydel)) {
	t.Helper()
	alle := append([]Bydel{}, h.s.alleBydeler()...)
	for i := range alle {
		if alle[i].Bydelsnummer == nummer {
			fn(&alle[i])
		}
	}
	stubb.Store(h.DB, alle)
}
