package portaltest

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/store"
	"knutepunkt/internal/svarut"
	"knutepunkt/internal/svarut/svarinn"
)

// Leverer plugs the channels into the house: Fiks IO, SvarUt and SvarInn. No
// channel to Altinn or to print is there.
func (h *Hus) Leverer(t testing.TB) {
	t.Helper()
	Must(t, h.DB.Migrate(t.Context(), svarut.Migrations()))
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	ut, err := svarut.New(svarut.Deps{DB: h.DB, Ring: h.Ring, Klokke: h.Klokke, Jobber: h.Jobs, Organisasjon: h.Org, Dokumentlager: h.Dok,
		Levering: h.Lev, Audit: h.Rev, Tilgang: h.Org, Log: log,
		Slettere: []func(context.Context, *store.Tx, string) error{h.Inn.Slett}}, svarut.Config{PlattformOrgID: OrgNAV, BaseURL: h.Base})
	Must(t, err)
	Must(t, ut.Klargjor(t.Context()))
	_, err = h.Ring.Platform(t.Context(), keys.Dokumentlager)
	Must(t, err)
	var konto fiksio.Konto
	h.Skriv(t, func(tx *store.Tx) (err error) {
		konto, err = h.Fio.SikrePlattformkonto(t.Context(), tx, OrgNAV)
		return err
	})
	h.Lev.RegistrerKanal(fiksio.NyKanal(h.Fio, h.Lev, konto.ID))
	h.Lev.RegistrerKanal(h.Inn.Kanal())
	h.Lev.RegistrerKanal(ut.Kanal())
}

// Utloper is when the certificate of Sertifikat expires.
var Utloper = time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)

// Sertifikat is a certificate as PEM, for the key of grunntest.Plattformnokkel.
func Sertifikat(t testing.TB) []byte {
	t.Helper()
	key, _ := grunntest.Plattformnokkel(t)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Testby fagsystem"}, NotBefore: grunntest.Start.AddDate(-1, 0, 0), NotAfter: Utloper,
		KeyUsage: x509.KeyUsageKeyEncipherment | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	Must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// Nokkel gives the konto of Testby its certificate.
func (h *Hus) Nokkel(t testing.TB) {
	t.Helper()
	_, err := h.Fio.SettSertifikat(t.Context(), Konto, Sertifikat(t), "")
	Must(t, err)
}

// Konsumenter is a listener with so many consumers on each queue, who hold nothing.
type Konsumenter int

// Consumers implements fiksio.Kringkaster, as do the others.
func (k Konsumenter) Consumers(string) int { return int(k) }

// Notify does nothing.
func (Konsumenter) Notify(string) {}

// Held is nothing.
func (Konsumenter) Held(string) []int64 { return nil }

// DisconnectQueue does nothing.
func (Konsumenter) DisconnectQueue(string) {}

// Withdraw lets everything go.
func (Konsumenter) Withdraw(_ string, seqs []int64, remove func([]int64) error) error {
	return remove(seqs)
}

// Mottakersystem makes one in SvarInn that takes what is sent to an orgnr, with a
// certificate and a password.
func (h *Hus) Mottakersystem(t testing.TB, orgID, orgnr string) (id, passord string) {
	t.Helper()
	av := auth.Caller{Slag: auth.Person, Fnr: Admin, Niva: 4}
	m, err := h.Inn.Opprett(t.Context(), av, svarinn.Ny{FiksOrgID: orgID, Navn: "Fagsystem sosial", Person: svarinn.Person{Fnr: Admin, Navn: "Berit Administrator"}})
	Must(t, err)
	Must(t, svarinn.Rolletabell{DB: h.DB, Ring: h.Ring}.Gi(t.Context(), Admin, orgnr, svarinn.PostArkiv))
	_, err = h.Inn.GiOrganisasjoner(t.Context(), av, m.ID, []svarinn.Rad{{Orgnr: orgnr}})
	Must(t, err)
	_, err = h.Inn.SettSertifikat(t.Context(), av, m.ID, Sertifikat(t))
	Must(t, err)
	passord, err = h.Inn.LagPassord(t.Context(), av, m.ID)
	Must(t, err)
	return m.ID, passord
}

// Importer is a mottakersystem at work: it asks SvarInn's API, and gives the status
// and the body of the answer.
func (h *Hus) Importer(t testing.TB, id, passord string) func(metode, sti string) (int, string) {
	t.Helper()
	router := &httpx.Router{Klokke: h.Klokke, Log: slog.New(slog.DiscardHandler)}
	Must(t, auth.Guard(router, h.P, h.Org, h.Inn.Routes()))
	return func(metode, sti string) (int, string) {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), metode, h.Base+sti, http.NoBody)
		r.SetBasicAuth(id, passord)
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
}
