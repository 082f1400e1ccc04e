package altinn

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/levering"
)

func nyTestklient(t *testing.T, endre func(*Config)) (*klient, *nett, func(time.Duration)) {
	t.Helper()
	cfg, _, n, tokentid := grunninnstilling(t, grunntest.Ny(t), nil)
	if endre != nil {
		endre(&cfg)
	}
	if err := cfg.Valider(); err != nil {
		t.Fatal(err)
	}
	return nyKlient(cfg.medStandard(), tokentid), n, func(d time.Duration) { tokentid.Sett(tokentid.Now().Add(d)) }
}

const ukjent = "00000000-0000-4000-8000-000000000000"

// sporr makes a call that needs a token and is answered with 404.
func sporr(t *testing.T, k *klient) {
	t.Helper()
	if _, err := k.vedleggstatus(t.Context(), ukjent); kodeAv(err) != kodeUkjentVedlegg {
		t.Fatalf("asking for an unknown attachment: %v", err)
	}
}

func TestTokenGjenbrukes(t *testing.T) {
	t.Parallel()
	k, n, fram := nyTestklient(t, nil)
	tokener := func() int { return n.antall("POST /maskinporten/token") + n.antall("exchange") }
	for range 3 {
		sporr(t, k)
	}
	if tokener() != 2 {
		t.Fatalf("%d calls for the first token", tokener())
	}
	fram(28 * time.Minute) // it lives for 30
	sporr(t, k)
	if tokener() != 2 {
		t.Fatalf("%d calls before it is about to expire", tokener())
	}
	fram(75 * time.Second)
	sporr(t, k)
	if tokener() != 4 {
		t.Fatalf("%d calls when it is about to expire", tokener())
	}
}

func TestEttTokenForAlle(t *testing.T) {
	t.Parallel()
	k, n, _ := nyTestklient(t, nil)
	slipp := make(chan struct{})
	n.sett(func(n *nett) {
		n.for_ = func(_ int, hva string) error {
			if strings.Contains(hva, "token") {
				<-slipp
			}
			return nil
		}
	})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := k.token.hent(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	ctx, avbryt := context.WithCancel(t.Context())
	avbryt()
	if _, err := k.token.hent(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("one that hangs up waits on: %v", err)
	}
	close(slipp)
	wg.Wait()
	if a := n.antall("token"); a != 1 {
		t.Errorf("%d grants for many callers", a)
	}
}

// A token that Altinn no longer knows, as after a restart there, is replaced once.
func TestAvvistToken(t *testing.T) {
	t.Parallel()
	k, n, _ := nyTestklient(t, nil)
	sporr(t, k)
	k.token.mu.Lock()
	k.token.token += "x"
	k.token.mu.Unlock()
	sporr(t, k)
	if a := n.antall("exchange"); a != 2 {
		t.Fatalf("%d exchanges", a)
	}
}

func TestGaleNokler(t *testing.T) {
	t.Parallel()
	annen, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for navn, tt := range map[string]struct {
		endre  func(*Config)
		status int
		kall   string
	}{
		"the key is another":          {func(c *Config) { c.Key = annen }, http.StatusBadRequest, "token"},
		"the kid is unknown":          {func(c *Config) { c.Kid = "ukjent" }, http.StatusBadRequest, "token"},
		"the client is unknown":       {func(c *Config) { c.ClientID = "ukjent" }, http.StatusBadRequest, "token"},
		"the audience is another":     {func(c *Config) { c.Audience = "https://maskinporten.example/" }, http.StatusBadRequest, "token"},
		"the subscription is another": {func(c *Config) { c.SubscriptionKey = "annet" }, http.StatusUnauthorized, "attachment"},
	} {
		t.Run(navn, func(t *testing.T) {
			t.Parallel()
			k, n, _ := nyTestklient(t, tt.endre)
			_, err := k.vedleggstatus(t.Context(), ukjent)
			if statusAv(err) != tt.status || avslagAv(err) != "" || n.antall(tt.kall) == 0 {
				t.Errorf("%v after %d calls", err, n.antall(""))
			}
		})
	}
}

// A virksomhetssertifikat in place of a kid.
func TestSertifikat(t *testing.T) {
	t.Parallel()
	_, cert := grunntest.Plattformnokkel(t)
	k, _, _ := nyTestklient(t, func(c *Config) { c.Kid, c.Sertifikat = "", append(c.Sertifikat, cert) })
	sporr(t, k)
}

func TestValider(t *testing.T) {
	t.Parallel()
	alt := Config{PlatformURL: "http://platform.altinn.no", MaskinportenToken: "ftp://x", Lenke: true, Poll: -1}
	err := alt.Valider()
	for _, felt := range []string{"PlatformURL", "MaskinportenToken", "Audience", "ClientID", "Key", "Kid", "SubscriptionKey", "ResourceID", "BaseURL", "Poll"} {
		if err == nil || !strings.Contains(err.Error(), felt) {
			t.Errorf("%s is not named in %v", felt, err)
		}
	}
	if !alt.Satt() || (Config{}).Satt() {
		t.Error("Satt is wrong")
	}
	for url, ok := range map[string]bool{"https://platform.altinn.no": true, "http://127.0.0.1:8080/x": true, "http://localhost:1": true, "http://[::1]:1": true,
		"http://10.0.0.1": false, "https://a:b@c": false, "": false, "https://": false, "https://a?b=c": false} {
		if trygg(url) != ok {
			t.Errorf("trygg(%q) is %v", url, !ok)
		}
	}
}

func TestFolgerIkkeViderekobling(t *testing.T) {
	t.Parallel()
	k, n, _ := nyTestklient(t, nil)
	sporr(t, k)
	n.sett(func(n *nett) {
		n.svar = func(int, string) *http.Response {
			return &http.Response{StatusCode: http.StatusFound, Header: http.Header{"Location": {"https://annet.example/"}}, Body: http.NoBody}
		}
	})
	kall := n.antall("")
	if _, err := k.vedleggstatus(t.Context(), ukjent); statusAv(err) != http.StatusFound || n.antall("") != kall+1 {
		t.Fatalf("%v after %d calls", err, n.antall("")-kall)
	}
}

func TestForStortSvar(t *testing.T) {
	t.Parallel()
	k, n, _ := nyTestklient(t, nil)
	sporr(t, k)
	n.sett(func(n *nett) {
		n.svar = func(int, string) *http.Response {
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(io.LimitReader(nuller{}, 1<<40))}
		}
	})
	if _, err := k.vedleggstatus(t.Context(), ukjent); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Fatal(err)
	}
}

type nuller struct{}

func (nuller) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestKoder(t *testing.T) {
	t.Parallel()
	for kropp, want := range map[string]int{
		`{"errorCode":1034}`:                      1034,
		`{"code":"CORR-01029"}`:                   1029,
		`{"errorCode":"1030","code":"CORR-0001"}`: 1030,
		`{"errorCode":null,"code":"CORR-01044"}`:  1044,
		`{"detail":"1044: no"}`:                   0,
		`{"errorCode":{"a":1}}`:                   0,
		`{"errorCode":123456789012345678901}`:     0,
		`<html>`:                                  0,
		``:                                        0,
	} {
		if got := lesKode([]byte(kropp)); got != want {
			t.Errorf("%s: %d, want %d", kropp, got, want)
		}
	}
	for _, tt := range []struct {
		status, kode int
		avslag       bool
	}{
		{404, 1029, true}, {422, 1030, true}, {422, 0, true}, {422, 9999, true}, {400, 1044, true}, {400, 1037, true}, {400, 2013, true},
		{500, 0, false}, {500, 1032, false}, {429, 0, false}, {503, 0, false}, {400, 0, false}, {401, 4001, false}, {403, 4008, false},
		{404, 0, false}, {400, 1036, false}, {409, 1034, false}, {451, 2014, false},
	} {
		if got := avslagAv(&svarfeil{"x", tt.status, tt.kode}) != ""; got != tt.avslag {
			t.Errorf("%d/%d refuses: %v", tt.status, tt.kode, got)
		}
	}
	if avslagAv(errNede) != "" || avslagAv(nil) != "" {
		t.Error("a lost connection is a refusal")
	}
}

func FuzzLesKode(f *testing.F) {
	for _, s := range []string{`{"errorCode":1034}`, `{"code":"CORR-01029"}`, `{"errorCode":"-1"}`, `[]`, `{"code":"٣"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := lesKode(b); n < 0 || n >= 100_000 {
			t.Errorf("%q: %d", b, n)
		}
	})
}

func FuzzLesToken(f *testing.F) {
	for _, s := range []string{"a.b.c", `"a.eyJleHAiOjF9.c"`, "a.eyJleHAiOjF9.c", "", "a\r\nb: c", `"\n"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		token, utgaar := lesToken(b)
		if strings.ContainsAny(token, "\r\n \x00") {
			t.Errorf("%q is not fit for a header", token)
		}
		if !utgaar.IsZero() && (utgaar.Unix() <= 0 || utgaar.Year() > 40_000) {
			t.Errorf("expires %s", utgaar)
		}
	})
}

func FuzzMeldingUt(f *testing.F) {
	for _, s := range []string{`{"status":"Read"}`, `{"status":"Published","statusHistory":[{"status":"Read"}]}`, `{"status":1}`, `null`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m meldingUt
		if json.Unmarshal(b, &m) == nil && m.lest() && !m.publisert() {
			t.Errorf("%q: read and never there", b)
		}
	})
}

var oppdater = flag.Bool("oppdater", false, "write the golden files anew")

// What is sent, letter for letter.
func TestGylne(t *testing.T) {
	t.Parallel()
	l := levering.Levering{KildeID: "7f5c1a1e-0000-4000-8000-000000000001", LeveranseID: "7f5c1a1e-0000-4000-8000-000000000002"}
	person := brev()
	person.Post.Lenker = []levering.Lenke{{URL: "https://kommune.example/klage?(a)=b_c", Tekst: "Klag her", Ledetekst: "Er du uenig?"}, {URL: "javascript:x", Tekst: "nei"}}
	org := brev()
	org.Post.Mottaker = levering.Adresse{Navn: "Prøve AS", Orgnr: orgnr}
	org.Post.Niva, org.Post.Tittel = 4, "# Vedtak <b>om</b> *Barn & unge*\n§ 4_a"
	k := &Kanal{cfg: Config{ResourceID: apen, ResourceIDKonfidensiell: hemmelig, MessageSender: "Knutepunkt"}}
	lenke := &Kanal{cfg: Config{ResourceID: apen, Lenke: true, BaseURL: "https://svarut.example"}}
	for navn, v := range map[string]any{
		"vedlegg": vedleggInn{ResourceID: apen, FileName: "brev.pdf", DisplayName: "brev.pdf",
			Checksum: "d41d8cd98f00b204e9800998ecf8427e", SendersReference: l.KildeID},
		"person":       k.melding(l, person, []string{ukjent}, false),
		"organisasjon": k.melding(l, org, []string{ukjent}, false),
		"noytral":      k.melding(l, person, []string{ukjent}, true),
		"lenke":        lenke.melding(l, person, nil, false),
	} {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
		fil := filepath.Join("testdata", navn+".json")
		if *oppdater {
			if err := os.WriteFile(fil, b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(fil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", navn, diff)
		}
	}
}

// A letter whose texts Altinn does not take goes without them.
func TestUtenAvsendersTekster(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, nil, nil)
	nei := true
	h.nett.sett(func(n *nett) {
		n.svar = func(_ int, hva string) *http.Response {
			if !nei || hva != "POST /correspondence/api/v1/correspondence" {
				return nil
			}
			nei = false
			return &http.Response{StatusCode: http.StatusBadRequest, Body: io.NopCloser(strings.NewReader(`{"errorCode":1002}`))}
		}
	})
	_, s := h.iInnboksen(t)
	if s.Tittel != "Brev" || h.innhold(t, s.ID, 1) != "innhold" {
		t.Fatalf("in the inbox: %+v", s)
	}
}

// Post to an organisation that only some may read goes by a service of its own.
func TestTaushetsbelagt(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, nil, nil)
	h.kilde.f.Post.Mottaker, h.kilde.f.Post.Niva = levering.Adresse{Orgnr: orgnr}, 4
	if _, s := h.iInnboksen(t); s.Mottaker != orgnr { // the server refuses the wrong service
		t.Fatalf("in the inbox: %+v", s)
	}
}
