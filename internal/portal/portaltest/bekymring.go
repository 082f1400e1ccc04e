package portaltest

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/store"
	"knutepunkt/internal/svarut/print"
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

// Bydel finds one of Testby's bydeler.
func (h *Hus) Bydel(t testing.TB, nummer string) bekymringsmelding.Bydel {
	t.Helper()
	b, err := h.Bek.Bydel(t.Context(), "9901", nummer)
	Must(t, err)
	return b
}

// Mottaker lets persons receive for a bydel of Testby.
func (h *Hus) Mottaker(t testing.TB, nummer string, fnr ...string) {
	t.Helper()
	b := h.Bydel(t, nummer)
	h.Skriv(t, func(tx *store.Tx) error {
		for _, f := range fnr {
			if err := h.Org.GiTilgang(t.Context(), tx, auth.Caller{}, f, auth.BekymringMottak, b.RessursID); err != nil {
				return err
			}
		}
		return nil
	})
}

// Bekymring sends a private person's report to a bydel of Testby, and lets the platform
// deliver it. What it says is in the PDF alone.
func (h *Hus) Bekymring(t testing.TB, nummer, melding string) (id string) {
	t.Helper()
	b := h.Bydel(t, nummer)
	ut, err := h.Bek.Send(t.Context(), auth.Caller{Slag: auth.Person, Fnr: Innbyg, Niva: 4}, bekymringsmelding.Innsending{Bydel: b, Versjon: b.StottetVersjon, Type: skjema.TypePrivat,
		Lag: func(navn string, tid time.Time, kanal string) bekymringsmelding.Dokument {
			return skjema.Privat{Mottak: skjema.Mottak{Kommunenummer: b.Kommunenummer, Kommunenavn: "Testby kommune", Bydelsnummer: b.Bydelsnummer, Bydelsnavn: b.Navn},
				PrivatMelder: skjema.PrivatMelder{Personnavn: navn}, PrivatBarn: []skjema.PrivatBarn{{Personnavn: "Lise", Adresse: skjema.Adresse{Adresselinje1: "Skolen"}}},
				Melding: melding, Sendingstidspunkt: skjema.Tidspunkt(tid), Leveringskanal: kanal}
		}})
	Must(t, err)
	Must(t, h.Jobs.RunDue(t.Context()))
	return ut.ID
}

// Trykkeri plugs the channel PRINT into the house; a folder is the supplier.
func (h *Hus) Trykkeri(t testing.TB) *print.Kanal {
	t.Helper()
	Must(t, h.DB.Migrate(t.Context(), print.Migrations()))
	mappe := filepath.Join(h.Dir, "trykkeri")
	Must(t, os.MkdirAll(mappe, 0o700))
	_, cert := grunntest.Plattformnokkel(t)
	k, err := print.New(print.Deps{DB: h.DB, Ring: h.Ring, Blobs: h.Blobs, Klokke: h.Klokke, Jobs: h.Jobs, Levering: h.Lev, Transport: print.Folder(mappe),
		Log: slog.New(slog.DiscardHandler)}, print.Config{Sertifikat: cert, Poll: -1, Behold: true})
	Must(t, err)
	h.Lev.RegistrerKanal(k)
	return k
}

// BrevSendt lets the supplier say that every letter is handed to the post.
func (h *Hus) BrevSendt(t testing.TB, k *print.Kanal) {
	t.Helper()
	alle, err := k.Jobber(t.Context(), 100)
	Must(t, err)
	for _, j := range alle {
		Must(t, k.Kvitter(t.Context(), print.Kvittering{JobbID: j.ID, Status: print.Levert, Tidspunkt: h.Klokke.Now()}))
	}
	Must(t, h.Jobs.RunDue(t.Context()))
}
