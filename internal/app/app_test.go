package app

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/mail"
	"knutepunkt/internal/store"
)

type ingenNokler struct{}

func (ingenNokler) Key(context.Context, string) (any, error) { return nil, auth.ErrUkjentKid }

// nyApp builds a whole platform in dir, on free ports.
func nyApp(t *testing.T, dir string) *App {
	t.Helper()
	lytt := func() net.Listener {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return ln
	}
	web := lytt()
	a, err := New(t.Context(), Config{
		Dir: dir, Master: make([]byte, keys.MasterSize), HTTP: web, AMQP: lytt(), BaseURL: "http://" + web.Addr().String(),
		Klokke: klokke.System{}, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Utstedere:      []auth.Utsteder{{Issuer: "https://maskinporten.example/", Slag: auth.Integrasjon, JWKS: ingenNokler{}}},
		Epost:          func(db *store.DB, ring *keys.Ring) mail.Transport { return mail.NyListe(db, ring) },
		PlattformOrgID: uuid.NewSHA1(uuid.Nil, []byte("plattform")).String(), API: []string{"digisos", "fiks-io", "dokumentlager"},
		Klargjor: func(ctx context.Context, a *App) error { // no test waits for RSA keys
			key, cert := grunntest.Plattformnokkel(t)
			for _, f := range []keys.Formaal{keys.Dokumentlager, keys.Signering, keys.Bekymringsmelding} {
				if _, err := a.Ring.ImportPlatform(ctx, f, key, cert); err != nil {
					return err
				}
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestStartOgStopp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 2 { // the second time on the same folder
		a := nyApp(t, dir)
		url := "http://" + a.cfg.HTTP.Addr().String()
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]int{
			"/readyz": 200, "/healthz": 200, "/digisos/api/v1/openapi.json": 200,
			"/digisos/api/v1/soknader/soknader": 401, "/finnes/ikke": 404,
		} {
			resp, err := http.Get(url + path)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
			}
		}
		conn, err := net.Dial("tcp", a.cfg.AMQP.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		ctx, stopp := context.WithTimeout(context.Background(), 20*time.Second)
		if err := a.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		stopp()
		if err := a.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}

// A failed start leaves the folder free for the next one.
func TestFeiletStartLukker(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := New(t.Context(), Config{
		Dir: dir, Master: make([]byte, keys.MasterSize), Klokke: klokke.System{}, Log: slog.New(slog.DiscardHandler),
		Epost: func(db *store.DB, ring *keys.Ring) mail.Transport { return mail.NyListe(db, ring) },
	})
	if err == nil {
		t.Fatal("started without an issuer or an organisation")
	}
	a := nyApp(t, dir)
	ctx, stopp := context.WithTimeout(context.Background(), 20*time.Second)
	defer stopp()
	if err := a.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := a.Stop(ctx); err != nil {
		t.Fatal(err)
	}
}
