package client_test

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"knutepunkt/client"
	"knutepunkt/cms"
)

// nokkel makes a key with a self-signed certificate.
func nokkel(t *testing.T) (cms.Key, *x509.Certificate) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	mal := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, mal, mal, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cms.Key{Private: key}, cert
}

type innhold struct{ navn, tekst string }

// Only what is whole, and just as the list describes it, reaches the disk.
func TestSvarInnLagre(t *testing.T) {
	t.Parallel()
	key, cert := nokkel(t)
	annen, _ := nokkel(t)
	sum := func(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }
	a := client.SvarInnFil{Filnavn: "a.pdf", Mimetype: "application/pdf", SHA256Hash: sum("abc"), Size: 3}
	b := client.SvarInnFil{Filnavn: "blå bær.json", Mimetype: "application/json"}
	hel := []innhold{{"a.pdf", "abc"}, {"blå bær.json", "{}"}}
	for _, tt := range []struct {
		navn   string
		nokkel cms.Key
		listet []client.SvarInnFil
		filer  []innhold
		medie  string
		avkort int    // bytes that are missing at the end
		feil   string // "" when it is saved
	}{
		{"whole", key, []client.SvarInnFil{a, b}, hel, "application/zip", 0, ""},
		{"one file without a zip", key, []client.SvarInnFil{a}, []innhold{{"", "abc"}}, "application/pdf", 0, ""},
		{"another's key", annen, []client.SvarInnFil{a, b}, hel, "application/zip", 0, "decrypting"},
		{"cut", key, []client.SvarInnFil{a, b}, hel, "application/zip", 30, "cms"},
		{"other content", key, []client.SvarInnFil{a, b}, []innhold{{"a.pdf", "abd"}, hel[1]}, "application/zip", 0, "checksum"},
		{"other size", key, []client.SvarInnFil{a, b}, []innhold{{"a.pdf", "abcd"}, hel[1]}, "application/zip", 0, "4 bytes came"},
		{"a file too few", key, []client.SvarInnFil{a, b}, hel[:1], "application/zip", 0, "1 files came"},
		{"a file of another name", key, []client.SvarInnFil{a, b}, []innhold{hel[0], {"c.json", "{}"}}, "application/zip", 0, "not one of those listed"},
		{"a file twice", key, []client.SvarInnFil{a, b}, []innhold{hel[0], hel[0]}, "application/zip", 0, "not one of those listed"},
		{"a way out", key, []client.SvarInnFil{a, {Filnavn: "../ut"}}, []innhold{hel[0], {"../ut", "x"}}, "application/zip", 0, "file 2"},
		{"no zip", key, []client.SvarInnFil{a, b}, []innhold{{"", "abc"}}, "application/zip", 0, "zip"},
	} {
		t.Run(tt.navn, func(t *testing.T) {
			t.Parallel()
			var ut bytes.Buffer
			w, err := cms.NewWriter(&ut, cert)
			if err != nil {
				t.Fatal(err)
			}
			if tt.filer[0].navn == "" {
				_, err = io.WriteString(w, tt.filer[0].tekst)
			} else {
				z := zip.NewWriter(w)
				for _, f := range tt.filer {
					fw, err := z.Create(f.navn)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := io.WriteString(fw, f.tekst); err != nil {
						t.Fatal(err)
					}
				}
				err = z.Close()
			}
			if err := errors.Join(err, w.Close()); err != nil {
				t.Fatal(err)
			}
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if u, p, _ := r.BasicAuth(); u != "system" || p != "passord" {
					t.Errorf("logged in as %q", u)
				}
				w.Header().Set("Content-Type", tt.medie)
				_, _ = w.Write(ut.Bytes()[:ut.Len()-tt.avkort])
			}))
			t.Cleanup(srv.Close)
			s := client.NySvarInn(client.SvarInnConfig{BaseURL: srv.URL + client.SvarInnPrefiks, Brukernavn: "system", Passord: "passord", Nokler: []cms.Key{tt.nokkel}})
			dir := t.TempDir()
			f := client.SvarInnForsendelse{ID: "x", Filmetadata: tt.listet, DownloadURL: srv.URL + "/x"}
			err = s.Lagre(t.Context(), f, filepath.Join(dir, "x"))
			if tt.feil != "" {
				if err == nil || !strings.Contains(err.Error(), tt.feil) {
					t.Fatalf("saved, or failed otherwise: %v", err)
				}
				if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
					t.Fatalf("left behind: %v %v", left, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for i, m := range tt.listet {
				got, err := os.ReadFile(filepath.Join(dir, "x", m.Filnavn))
				if err != nil || string(got) != tt.filer[i].tekst {
					t.Errorf("%s: %q %v", m.Filnavn, got, err)
				}
			}
			if left, _ := os.ReadDir(filepath.Join(dir, "x")); len(left) != len(tt.listet) {
				t.Errorf("in the folder: %v", left)
			}
			if err := s.Lagre(t.Context(), f, filepath.Join(dir, "x")); !errors.Is(err, fs.ErrExist) {
				t.Errorf("saved again: %v", err)
			}
		})
	}
}

// The password goes to nobody but the SvarInn that it was given for.
func TestSvarInnPassordetBlirHjemme(t *testing.T) {
	t.Parallel()
	andre := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("asked with %v", r.Header)
	}))
	t.Cleanup(andre.Close)
	s := client.NySvarInn(client.SvarInnConfig{BaseURL: "http://127.0.0.1:1" + client.SvarInnPrefiks, Brukernavn: "system", Passord: "passord"})
	if _, _, err := s.Kryptert(t.Context(), client.SvarInnForsendelse{DownloadURL: andre.URL + "/x"}); err == nil {
		t.Fatal("fetched from another host")
	}
}

func TestSvarInnListeOgKvittering(t *testing.T) {
	t.Parallel()
	var kall []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		kall = append(kall, r.Method+" "+r.URL.Path+" "+string(body))
		switch {
		case r.Method == http.MethodGet:
			_, _ = io.WriteString(w, `[{"id":"1","tittel":"Brev","date":1487069340334,"niva":"4","forsendelseType":null,"filmetadata":[{"filnavn":"a","mimetype":"b","sha256hash":null,"size":2}],"ukjent":[1]}]`)
		case strings.Contains(r.URL.Path, "204"):
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	t.Cleanup(srv.Close)
	s := client.NySvarInn(client.SvarInnConfig{BaseURL: srv.URL + client.SvarInnPrefiks + "/", Brukernavn: "system", Passord: "passord"})
	fs, err := s.Nye(t.Context())
	if err != nil || len(fs) != 1 || fs[0].Tittel != "Brev" || !fs[0].Mottatt().Equal(time.UnixMilli(1487069340334)) || fs[0].Filmetadata[0].Size != 2 || !json.Valid(fs[0].Raa) {
		t.Fatalf("%+v %v", fs, err)
	}
	if err := s.Kvitter(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	if err := s.MottakFeilet(t.Context(), "1", "nei", true); err != nil {
		t.Fatal(err)
	}
	if err := s.Kvitter(t.Context(), "204"); err == nil {
		t.Error("an answer that is not 200 was taken")
	}
	want := []string{
		"GET /tjenester/svarinn/mottaker/hentNyeForsendelser ",
		"POST /tjenester/svarinn/kvitterMottak/forsendelse/1 ",
		`POST /tjenester/svarinn/mottakFeilet/forsendelse/1 {"feilmelding":"nei","permanent":true}`,
		"POST /tjenester/svarinn/kvitterMottak/forsendelse/204 ",
	}
	if strings.Join(kall, "\n") != strings.Join(want, "\n") {
		t.Errorf("called\n%s", strings.Join(kall, "\n"))
	}
}
