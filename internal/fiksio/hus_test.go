package fiksio

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log/slog"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/dokumentlager"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

// hus is the house up to this room, real but for who may what.
type hus struct {
	*grunntest.Grunn
	*Service
	tilgang *tilganger
	logg    *logg
}

// tilganger is the authorisation that a test writes down.
type tilganger struct {
	mu  sync.Mutex
	har map[[3]string]bool // aktor, privilegium, ressurs
}

func (t *tilganger) gi(aktor, privilegium, ressurs string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.har[[3]string{aktor, privilegium, ressurs}] = true
}

func (t *tilganger) Har(_ context.Context, aktor, privilegium, ressurs string) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.har[[3]string{aktor, privilegium, ressurs}] || t.har[[3]string{aktor, auth.Admin, ressurs}], nil
}

func (t *tilganger) HarNoen(context.Context, string, string) (bool, error) { return false, nil }

// Login lets in whoever says "passord token".
func (t *tilganger) Login(_ context.Context, id, passord, token string) (auth.Caller, error) {
	if passord != "passord" || token == "" {
		return auth.Caller{}, feil.Ny(feil.Uautentisert, "Ikke autentisert")
	}
	return auth.Caller{Slag: auth.Integrasjon, IntegrasjonID: id}, nil
}

// logg keeps what is logged.
type logg struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logg) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logg) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func nyttHus(t testing.TB, endre ...func(*Deps)) *hus {
	t.Helper()
	return apneHus(t, t.TempDir(), klokke.NyManuell(grunntest.Start), endre...)
}

func apneHus(t testing.TB, dir string, k *klokke.Manuell, endre ...func(*Deps)) *hus {
	t.Helper()
	g := grunntest.Aapne(t, dir, k, dokumentlager.Migrations(), Migrations())
	h := &hus{Grunn: g, tilgang: &tilganger{har: map[[3]string]bool{}}, logg: &logg{}}
	org := &organisasjon.Service{}
	d := Deps{DB: g.DB, Klokke: k, Ring: g.Ring, Blobs: g.Blobs, Jobs: g.Jobs, Organisasjon: org,
		Dokumentlager: dokumentlager.NewService(g.DB, g.Ring, g.Blobs, k, g.Jobs, org), Tilgang: h.tilgang,
		Log: slog.New(slog.NewTextHandler(h.logg, nil))}
	for _, fn := range endre {
		fn(&d)
	}
	var err error
	if h.Service, err = New(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *hus) skriv(t testing.TB, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := h.Service.DB.Write(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// konto makes an active konto with a certificate.
func (h *hus) konto(t testing.TB, endre ...func(*Konto)) Konto {
	t.Helper()
	k := Konto{ID: uuid.NewString(), FiksOrgID: orgA, Navn: "Bergen kommune", Aktiv: true, Sertifikat: mottakerSertifikat(t).Raw}
	for _, fn := range endre {
		fn(&k)
	}
	h.skriv(t, func(tx *store.Tx) error {
		k.DokumentlagerKontoID = uuid.NewString()
		if _, err := tx.ExecContext(t.Context(), `INSERT INTO dokumentlager_kontoer (id, fiks_org, navn, opprettet) VALUES ($1,$2,$3,$4)`,
			k.DokumentlagerKontoID, k.FiksOrgID, k.Navn, 1); err != nil {
			return err
		}
		k.Opprettet = h.Service.Klokke.Now()
		return h.settInnKonto(t.Context(), tx, &k)
	})
	return k
}

const orgA = "11111111-1111-4111-8111-111111111111"

// send sends a message with a payload (nil: none).
func (h *hus) send(t testing.TB, u Utgaaende, nyttelast []byte) Melding {
	t.Helper()
	if u.Type == "" {
		u.Type = "no.ks.fiks.test.v1"
	}
	n, err := h.Motta(t.Context(), bytes.NewReader(nyttelast))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Forkast()
	var m Melding
	h.skriv(t, func(tx *store.Tx) error {
		m, err = h.Send(t.Context(), tx, u, n)
		return err
	})
	return m
}

// ko lists what waits in a konto's queue.
func (h *hus) ko(t testing.TB, k Konto) []Melding {
	t.Helper()
	ms, err := h.forste(t.Context(), h.Service.DB.Read(), k, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return ms
}

func (h *hus) les(t testing.TB, m Melding) []byte {
	t.Helper()
	r, err := h.Apne(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var mottaker = sync.OnceValues(func() (*rsa.PrivateKey, *x509.Certificate) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key, lagSertifikat(key, grunntest.Start.AddDate(-1, 0, 0), grunntest.Start.AddDate(2, 0, 0))
})

func mottakerSertifikat(testing.TB) *x509.Certificate {
	_, c := mottaker()
	return c
}

func lagSertifikat(key *rsa.PrivateKey, fra, til time.Time) *x509.Certificate {
	mal := &x509.Certificate{SerialNumber: big.NewInt(4711), Subject: pkix.Name{CommonName: "Bergen kommune", Country: []string{"NO"}}, NotBefore: fra, NotAfter: til}
	der, err := x509.CreateCertificate(rand.Reader, mal, mal, key.Public(), key)
	if err != nil {
		panic(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return c
}
