package fiksio

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/dokumentlager"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

// hus is the house up to this room, all of it real.
type hus struct {
	*grunntest.Grunn
	*Service
	org  *organisasjon.Service
	logg *logg
}

// innlogging lets in whoever says "passord <token>".
type innlogging struct{}

func (innlogging) Login(_ context.Context, id, passord, token string) (auth.Caller, error) {
	if passord != "passord" || token == "" {
		return auth.Caller{}, feil.Ny(feil.Uautentisert, "Ikke autentisert")
	}
	return auth.Caller{Slag: auth.Integrasjon, IntegrasjonID: id}, nil
}

// gi grants a privilege.
func (h *hus) gi(t testing.TB, aktor, privilegium, ressurs string) {
	t.Helper()
	h.skriv(t, func(tx *store.Tx) error {
		return h.org.GiTilgang(t.Context(), tx, auth.Caller{Slag: auth.Person, Fnr: "01410112345"}, aktor, privilegium, ressurs)
	})
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
	return apneHusMed(t, dir, k, store.Migrations{}, endre...)
}

// apneHusMed is apneHus with the tables of one more room (unless its name is empty).
func apneHusMed(t testing.TB, dir string, k *klokke.Manuell, rom store.Migrations, endre ...func(*Deps)) *hus {
	t.Helper()
	tabeller := []store.Migrations{audit.Migrations(), organisasjon.Migrations(), dokumentlager.Migrations(), Migrations()}
	if rom.Room != "" {
		tabeller = append(tabeller, rom)
	}
	g := grunntest.Aapne(t, dir, k, tabeller...)
	h := &hus{Grunn: g, logg: &logg{}}
	h.org = organisasjon.New(g.DB, g.Ring, k, audit.NewService(g.DB, g.Ring, k))
	d := Deps{DB: g.DB, Klokke: k, Ring: g.Ring, Blobs: g.Blobs, Jobs: g.Jobs, Organisasjon: h.org,
		Dokumentlager: dokumentlager.NewService(g.DB, g.Ring, g.Blobs, k, g.Jobs, h.org), Tilgang: h.org,
		Log: slog.New(slog.NewTextHandler(h.logg, nil))}
	for _, fn := range endre {
		fn(&d)
	}
	var err error
	if h.Service, err = New(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if _, err := h.org.Organisasjon(t.Context(), orgA); err == nil {
		return h // opened again
	}
	h.skriv(t, func(tx *store.Tx) error {
		for _, o := range []organisasjon.Organisasjon{
			{ID: orgA, Navn: "Bergen kommune", Type: "KOMMUNE", Kommunenummer: "4601", Orgnr: "964338531"},
			{ID: orgB, Navn: "Leverandor AS", Type: "LEVERANDOR"},
		} {
			if _, err := h.org.OpprettOrganisasjon(t.Context(), tx, o); err != nil {
				return err
			}
		}
		for i, id := range []string{integrasjon, annenIntegrasjon} {
			if _, err := h.org.OpprettIntegrasjon(t.Context(), tx, organisasjon.Integrasjon{ID: id, FiksOrgID: orgA, AutorisertOrgnr: "964338531", Navn: fmt.Sprint("Fagsystem ", i)}); err != nil {
				return err
			}
		}
		return nil
	})
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
	h.skriv(t, func(tx *store.Tx) (err error) {
		k, err = h.OpprettKonto(t.Context(), tx, k)
		return err
	})
	return k
}

const (
	orgA = "11111111-1111-4111-8111-111111111111"
	orgB = "22222222-2222-4222-8222-222222222222"

	integrasjon      = "7d5c32a8-1c3e-4b1f-9d0a-2f1f6f0f6f11"
	annenIntegrasjon = "7d5c32a8-1c3e-4b1f-9d0a-2f1f6f0f6f12"
)

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

func pemAv(typ string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der}))
}
