package svarinn

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"knutepunkt/client"
	"knutepunkt/cms"
	"knutepunkt/internal/levering"
)

// fagsystem makes requests as one of the known clients does, header by header.
type fagsystem struct {
	h      *hus
	t      *testing.T
	server string // where it thinks SvarInn is; downloadUrl has the same host
	c      *http.Client
}

// nyttFagsystem is over a real connection, with the base URL that it is reached by.
func nyttFagsystem(t *testing.T) *fagsystem {
	t.Helper()
	var s *fagsystem
	h := medSystemer(t)
	srv := h.tjener(t)
	h.s.cfg.BaseURL = srv.URL
	s = &fagsystem{h: h, t: t, server: srv.URL, c: srv.Client()}
	return s
}

func (f *fagsystem) kall(metode, url, kropp string, hoder ...string) svar {
	f.t.Helper()
	var inn io.Reader
	if kropp != "" {
		inn = strings.NewReader(kropp)
	}
	r, err := http.NewRequestWithContext(f.t.Context(), metode, url, inn)
	must(f.t, err)
	for i := 0; i < len(hoder); i += 2 {
		r.Header.Set(hoder[i], hoder[i+1])
	}
	resp, err := f.c.Do(r)
	must(f.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(f.t, err)
	return svar{resp.StatusCode, resp.Header, string(b)}
}

func basic(navn, passord string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(navn+":"+passord))
}

// EFM: JSON over RestTemplate with the header unprompted. It dereferences
// metadataFraAvleverendeSystem and svarSendesTil, makes a map of file name to type,
// and unzips always.
func TestKlientEFM(t *testing.T) {
	t.Parallel()
	f := nyttFagsystem(t)
	id := f.h.lever(t, full())
	hoder := []string{"Authorization", basic(systemBy, passordBy), "Accept", "application/json, application/*+json", "User-Agent", "Java/21"}
	s := f.kall("GET", f.server+"/tjenester/svarinn/mottaker/hentNyeForsendelser", "", hoder...)
	var liste []struct {
		ID          string                                `json:"id"`
		DownloadURL string                                `json:"downloadUrl"`
		Metadata    *struct{ SaksBehandler *string }      `json:"metadataFraAvleverendeSystem"`
		Svar        *struct{ Orgnr, Adresse1 *string }    `json:"svarSendesTil"`
		Mottaker    struct{ Orgnr string }                `json:"mottaker"`
		Filer       []struct{ Filnavn, Mimetype *string } `json:"filmetadata"`
	}
	must(t, json.Unmarshal([]byte(s.kropp), &liste))
	if s.status != 200 || len(liste) != 1 || liste[0].Metadata == nil || liste[0].Svar == nil || liste[0].Mottaker.Orgnr != byNr {
		t.Fatalf("%d %s", s.status, s.kropp)
	}
	typer := map[string]string{}
	for _, m := range liste[0].Filer {
		if m.Filnavn == nil || m.Mimetype == nil || typer[*m.Filnavn] != "" {
			t.Fatalf("the map of files breaks at %+v", m)
		}
		typer[*m.Filnavn] = *m.Mimetype
	}
	ned := f.kall("GET", liste[0].DownloadURL, "", "Authorization", basic(systemBy, passordBy), "Accept", "application/octet-stream, */*")
	k, c := nokkelpar()
	navn, _ := pakkUt(t, ned.kropp, cms.Key{Private: k, Certificate: c})
	for _, n := range navn {
		if typer[n] == "" {
			t.Errorf("the file %q is not in the list", n)
		}
	}
	if s := f.kall("POST", f.server+"/tjenester/svarinn/kvitterMottak/forsendelse/"+id, "", "Authorization", basic(systemBy, passordBy), "Content-Length", "0"); s.status != 200 {
		t.Errorf("kvitterMottak: %d %s", s.status, s.kropp)
	}
	if l := f.h.levering(t, id); l.Tilstand != levering.Bekreftet {
		t.Errorf("%s", l.Tilstand)
	}
	// It knows permanent failures only.
	id = f.h.lever(t, full())
	if s := f.kall("POST", f.server+"/tjenester/svarinn/mottakFeilet/forsendelse/"+id, `{"feilmelding":"Forsendelsen kan ikke behandles","permanent":true}`,
		append(hoder, "Content-Type", "application/json")...); s.status != 200 || s.kropp != "" {
		t.Errorf("mottakFeilet: %d %q", s.status, s.kropp)
	}
}

// SAK: waits for no challenge, decides by Content-Type, needs
// Content-Disposition, and takes nothing but 200.
func TestKlientSAK(t *testing.T) {
	t.Parallel()
	f := nyttFagsystem(t)
	// With wrong credentials first: 401 and 403 are the same to it, but the challenge is there.
	if s := f.kall("GET", f.server+"/tjenester/svarinn/mottaker/hentNyeForsendelser", ""); s.status != 401 || s.hode.Get("WWW-Authenticate") != `BASIC realm="KS Svarut mottaker login"` {
		t.Errorf("unprompted: %d %v", s.status, s.hode)
	}
	id := f.h.lever(t, full())
	auth := []string{"Authorization", basic(systemBy, passordBy), "User-Agent", "Apache-HttpClient/4.5 (Java/1.8)", "Accept-Encoding", "gzip,deflate"}
	s := f.kall("GET", f.server+"/tjenester/svarinn/mottaker/hentNyeForsendelser", "", auth...)
	var liste []map[string]any
	must(t, json.Unmarshal([]byte(s.kropp), &liste))
	meta := liste[0]["metadataForImport"].(map[string]any)
	for _, felt := range []any{liste[0]["date"], meta["dokumentetsDato"], meta["saksaar"]} {
		if tall, ok := felt.(float64); !ok || tall != float64(int64(tall)) {
			t.Errorf("%v cannot be read as a long", felt)
		}
	}
	ned := f.kall("GET", liste[0]["downloadUrl"].(string), "", auth...)
	filnavn := regexp.MustCompile(`filename="(.+)"`).FindStringSubmatch(ned.hode.Get("Content-Disposition"))
	if ned.status != 200 || ned.hode.Get("Content-Type") != "application/zip" || filnavn == nil || filnavn[1] != "dokumenter-"+id[:8]+".zip" || ned.hode.Get("Content-Encoding") != "" {
		t.Fatalf("%d %v", ned.status, ned.hode)
	}
	javaZip(t, f.h, ned.kropp)
	for range 2 {
		if s := f.kall("POST", f.server+"/tjenester/svarinn/kvitterMottak/forsendelse/"+id, "", append(auth, "Content-Type", "application/x-www-form-urlencoded")...); s.status != 200 || s.kropp != "" {
			t.Errorf("kvitterMottak: %d %q", s.status, s.kropp)
		}
	}
}

// javaZip reads a zip as Java's ZipInputStream does: from the start, by the local
// headers alone. Stored entries must have their size there.
func javaZip(t *testing.T, h *hus, kropp string) {
	t.Helper()
	k, c := nokkelpar()
	r, err := cms.NewReader(strings.NewReader(kropp), cms.Key{Private: k, Certificate: c})
	must(t, err)
	b, err := io.ReadAll(r)
	must(t, err)
	le := func(at, n int) (v int) {
		for i := range n {
			v |= int(b[at+i]) << (8 * i)
		}
		return v
	}
	var navn []string
	at := 0
	for le(at, 4) == 0x04034b50 {
		flagg, metode, storrelse, n, ekstra := le(at+6, 2), le(at+8, 2), le(at+22, 4), le(at+26, 2), le(at+28, 2)
		if flagg&8 != 0 || metode != 0 {
			t.Fatalf("entry with flags %x and method %d", flagg, metode)
		}
		navn = append(navn, string(b[at+30:at+30+n]))
		at += 30 + n + ekstra + storrelse
	}
	if strings.Join(navn, ",") != "soknad.json,Søknad æøå.pdf" || le(at, 4) != 0x02014b50 {
		t.Errorf("from the start it reads as %q, and then %x", navn, le(at, 4))
	}
}

// MATR: .NET; names and passwords in ASCII, JSON as text/plain.
func TestKlientMATR(t *testing.T) {
	t.Parallel()
	f := nyttFagsystem(t)
	id := f.h.lever(t, brev(byNr))
	auth := []string{"Authorization", basic(systemBy, passordBy)}
	if s := f.kall("GET", f.server+"/tjenester/svarinn/mottaker/hentNyeForsendelser", "", auth...); s.status != 200 || !strings.Contains(s.kropp, id) {
		t.Fatalf("%d %s", s.status, s.kropp)
	}
	if s := f.kall("POST", f.server+"/tjenester/svarinn/mottakFeilet/forsendelse/"+id, `{"feilmelding":"Feil i filen","permanent":false}`,
		append(auth, "Content-Type", "text/plain; charset=utf-8", "Expect", "100-continue")...); s.status != 200 {
		t.Errorf("mottakFeilet: %d %s", s.status, s.kropp)
	}
	if s := f.kall("GET", f.server+"/tjenester/svarinn/mottaker/hentNyeForsendelser", "", auth...); !strings.Contains(s.kropp, id) {
		t.Error("what failed for now is not listed again")
	}
	if s := f.kall("POST", f.server+"/tjenester/svarinn/kvitterMottak/forsendelse/"+id, "", append(auth, "Content-Length", "0")...); s.status != 200 {
		t.Errorf("kvitterMottak: %d", s.status)
	}
}

// DIBK: PHP; the old path with the user name, JSON in and out, permanent false.
func TestKlientDIBK(t *testing.T) {
	t.Parallel()
	f := nyttFagsystem(t)
	id := f.h.lever(t, brev(byNr))
	auth := []string{"Authorization", basic(systemBy, passordBy), "User-Agent", "GuzzleHttp/7", "Accept", "application/json"}
	s := f.kall("GET", f.server+"/tjenester/svarinn/mottaker/"+systemBy+"/hentNyeForsendelser", "", auth...)
	var liste []struct{ DownloadURL string }
	must(t, json.Unmarshal([]byte(s.kropp), &liste))
	if s := f.kall("GET", liste[0].DownloadURL, "", auth...); s.status != 200 || !strings.Contains(s.hode.Get("Content-Disposition"), "dokumenter-"+id[:8]+".zip") {
		t.Errorf("%d %v", s.status, s.hode)
	}
	if s := f.kall("POST", f.server+"/tjenester/svarinn/mottakFeilet/forsendelse/"+id, `{"feilmelding":"Arkivet svarer ikke","permanent":false}`, append(auth, "Content-Type", "application/json")...); s.status != 200 {
		t.Errorf("mottakFeilet: %d", s.status)
	}
	if s := f.kall("POST", f.server+"/tjenester/svarinn/kvitterMottak/forsendelse/"+id, "{}", append(auth, "Content-Type", "application/json")...); s.status != 200 || s.kropp != "" {
		t.Errorf("kvitterMottak: %d %q", s.status, s.kropp)
	}
}

// Our own client, whole.
func TestEgenKlient(t *testing.T) {
	t.Parallel()
	f := nyttFagsystem(t)
	id := f.h.lever(t, full())
	k, c := nokkelpar()
	inn := client.NySvarInn(client.SvarInnConfig{BaseURL: f.server + client.SvarInnPrefiks, Brukernavn: systemBy, Passord: passordBy,
		Nokler: []cms.Key{{Private: k, Certificate: c}}})
	liste, err := inn.Nye(t.Context())
	if err != nil || len(liste) != 1 {
		t.Fatal(liste, err)
	}
	mappe := filepath.Join(t.TempDir(), "ut")
	must(t, inn.Lagre(t.Context(), liste[0], mappe))
	if b, err := os.ReadFile(filepath.Join(mappe, "Søknad æøå.pdf")); err != nil || string(b) != "%PDF-1.7 innhold" {
		t.Errorf("%q %v", b, err)
	}
	must(t, inn.Kvitter(t.Context(), id))
	if liste, err := inn.Nye(t.Context()); err != nil || len(liste) != 0 {
		t.Errorf("%v %v", liste, err)
	}
}

// OpenSSL opens what is downloaded.
func TestOpenSSL(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("KNUTEPUNKT_REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	f := nyttFagsystem(t)
	b := brev(byNr)
	stor := fil("stor.pdf", "application/pdf", strings.Repeat("innhold ", 100_000))
	b.Filer = append(b.Filer, stor)
	id := f.h.lever(t, b)
	s := f.kall("GET", f.server+"/tjenester/svarinn/forsendelse/"+id, "", "Authorization", basic(systemBy, passordBy))
	dir := t.TempDir()
	k, c := nokkelpar()
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	must(t, err)
	for navn, innhold := range map[string][]byte{"inn": []byte(s.kropp), "cert.pem": pemAv(c), "key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})} {
		must(t, os.WriteFile(filepath.Join(dir, navn), innhold, 0o600))
	}
	cmd := exec.CommandContext(t.Context(), openssl, "cms", "-decrypt", "-binary", "-inform", "DER", "-in", "inn", "-inkey", "key.pem", "-recip", "cert.pem")
	cmd.Dir = dir
	var feilut bytes.Buffer
	cmd.Stderr = &feilut
	klart, err := cmd.Output()
	if err != nil {
		t.Fatalf("openssl: %v\n%s", err, feilut.Bytes())
	}
	z, err := zip.NewReader(bytes.NewReader(klart), int64(len(klart)))
	must(t, err)
	for i, fil := range z.File {
		r, err := fil.Open()
		must(t, err)
		h := sha256.New()
		_, err = io.Copy(h, r)
		must(t, err)
		if got := hex.EncodeToString(h.Sum(nil)); got != b.Filer[i].SHA256 || fil.Name != b.Filer[i].Navn {
			t.Errorf("file %d is %s with %s", i+1, fil.Name, got)
		}
	}
	if len(z.File) != 3 {
		t.Error(fmt.Sprint(len(z.File), " files"))
	}
}
