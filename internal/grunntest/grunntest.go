// Package grunntest gives tests a real ground floor: database, keys, blobs,
// jobs and e-mail in a temporary folder, on a clock that the test moves.
package grunntest

import (
	"crypto/rsa"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"knutepunkt/internal/blob"
	"knutepunkt/internal/jobs"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/mail"
	"knutepunkt/internal/store"
)

// Start is where the clock stands at first: a Wednesday, 10:00 in Oslo.
var Start = time.Date(2026, 6, 10, 8, 0, 0, 0, time.UTC)

// plattformnokkel is a throw-away RSA-3072 key and certificate, so that no test
// waits for one to be made. It protects nothing.
//
//go:embed plattformnokkel.pem
var plattformnokkel []byte

// Grunn is the ground floor.
type Grunn struct {
	Dir    string
	Klokke *klokke.Manuell
	DB     *store.DB
	Ring   *keys.Ring
	Blobs  *blob.Store
	Jobs   *jobs.Engine // not started: move it with AdvanceTo and RunDue
	Mail   *mail.Service
	Epost  *mail.Liste // what Mail has sent
}

// Ny builds a ground floor with the tables of its rooms and of those given. It
// is taken down with the test. The engine logs to the test's output.
func Ny(t testing.TB, rooms ...store.Migrations) *Grunn {
	t.Helper()
	return Aapne(t, t.TempDir(), klokke.NyManuell(Start), rooms...)
}

// Aapne is Ny in a folder that may have been used before, as after a restart.
func Aapne(t testing.TB, dir string, k *klokke.Manuell, rooms ...store.Migrations) *Grunn {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	g := &Grunn{Dir: dir, Klokke: k}
	var err error
	g.DB, err = store.Open(ctx, filepath.Join(dir, "knutepunkt.db"))
	must(err)
	t.Cleanup(func() { _ = g.DB.Close() })
	floor := []store.Migrations{keys.Migrations(), blob.Migrations(), jobs.Migrations(), mail.Migrations()}
	must(g.DB.Migrate(ctx, append(floor, rooms...)...))

	g.Ring, err = keys.OpenRing(ctx, g.DB, k, make([]byte, keys.MasterSize))
	must(err)
	key, cert := Plattformnokkel(t)
	for _, formaal := range []keys.Formaal{keys.Dokumentlager, keys.Signering} {
		_, err = g.Ring.ImportPlatform(ctx, formaal, key, cert)
		must(err)
	}
	files, err := blob.Files(filepath.Join(dir, "blobs"))
	must(err)
	segmenter, err := blob.OpenSegments(filepath.Join(dir, "blobs", "segmenter"))
	must(err)
	t.Cleanup(func() { _ = segmenter.Close() })
	g.Blobs = blob.NewStore(g.DB, g.Ring, k, files, segmenter)
	t.Cleanup(g.Blobs.Wait)
	g.Jobs = jobs.New(g.DB, k, slog.New(slog.NewTextHandler(t.Output(), nil)))
	g.Epost = mail.NyListe(g.DB, g.Ring)
	g.Mail = mail.NewService(g.DB, g.Ring, k, g.Jobs, g.Epost, "Knutepunkt <ikke-svar@knutepunkt.test>")
	return g
}

// Frem moves the clock forward by d; all that falls due is done.
func (g *Grunn) Frem(t testing.TB, d time.Duration) {
	t.Helper()
	if err := g.Jobs.AdvanceTo(t.Context(), g.Klokke.Now().Add(d), g.Klokke.Sett); err != nil {
		t.Fatal(err)
	}
}

// Plan is how SQLite would run a query, for tests that hold it to an index.
func (g *Grunn) Plan(t testing.TB, sporring string, args ...any) (plan string) {
	t.Helper()
	rows, err := g.DB.Read().QueryContext(t.Context(), `EXPLAIN QUERY PLAN `+sporring, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var linje string
		if err := rows.Scan(new(int), new(int), new(int), &linje); err != nil {
			t.Fatal(err)
		}
		plan += linje + "\n"
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan
}

// Plattformnokkel is the RSA key, with its certificate, that Ny imports for all purposes.
func Plattformnokkel(t testing.TB) (*rsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	block, rest := pem.Decode(plattformnokkel)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	block, _ = pem.Decode(rest)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*rsa.PrivateKey), cert
}
