package svarinn

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/cms"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/levering"
)

// pakkUt decrypts a download and gives its files in order.
func pakkUt(t testing.TB, kropp string, noekler ...cms.Key) (navn, innhold []string) {
	t.Helper()
	r, err := cms.NewReader(strings.NewReader(kropp), noekler...)
	must(t, err)
	b, err := io.ReadAll(r)
	must(t, err)
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	must(t, err)
	for _, f := range z.File {
		r, err := f.Open()
		must(t, err)
		b, err := io.ReadAll(r)
		must(t, err)
		navn, innhold = append(navn, f.Name), append(innhold, string(b))
		if f.NonUTF8 {
			t.Errorf("%s is not marked as UTF-8", f.Name)
		}
		if f.Method == zip.Store && f.Flags&0x8 != 0 {
			t.Errorf("%s is stored with a data descriptor, which Java refuses", f.Name)
		}
		if f.CreatorVersion != 3<<8|20 || f.ReaderVersion != 20 || f.Mode() != 0o644 {
			t.Errorf("%s is not as made on Unix (%#x, %d, %s): unzip would garble its name", f.Name, f.CreatorVersion, f.ReaderVersion, f.Mode())
		}
	}
	return navn, innhold
}

func TestNedlasting(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	f := brev(byNr)
	ukjent := fil("uten sum.txt", "text/plain", strings.Repeat("innhold ", 50_000))
	ukjent.SHA256, ukjent.Storrelse = "", 0
	f.Filer = append(f.Filer, ukjent, fil("tom.txt", "text/plain", ""), fil("SOKNAD.json", "application/json", "en til"), fil("mappe/../fil.txt", "text/plain", "flat"))
	id := h.lever(t, f)
	s := h.kall(t, systemBy, "GET", stiHent+id, "", "Accept-Encoding", "gzip", "Range", "bytes=0-9")
	if s.status != 200 || s.hode.Get("Content-Type") != "application/zip" || s.hode.Get("Content-Encoding") != "" ||
		s.hode.Get("Content-Disposition") != `attachment; filename="dokumenter-`+id[:8]+`.zip"` {
		t.Fatalf("%d %v", s.status, s.hode)
	}
	if !strings.HasPrefix(s.kropp, "\x30\x80") {
		t.Errorf("it begins with % x, not with a BER sequence of indefinite length", s.kropp[:2])
	}
	k, c := nokkelpar()
	navn, innhold := pakkUt(t, s.kropp, cms.Key{Private: k, Certificate: c})
	if diff := cmp.Diff([]string{"soknad.json", "Søknad æøå.pdf", "uten sum.txt", "tom.txt", "SOKNAD (2).json", "mappe_.._fil.txt"}, navn); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{`{"a":1}`, "%PDF-1.7 innhold", strings.Repeat("innhold ", 50_000), "", "en til", "flat"}, innhold); diff != "" {
		t.Errorf("contents (-want +got):\n%s", diff)
	}
	var liste []struct {
		Filmetadata []struct{ Filnavn, Mimetype string }
	}
	must(t, json.Unmarshal([]byte(h.kall(t, systemBy, "GET", stiListe, "").kropp), &liste))
	for i, m := range liste[0].Filmetadata {
		if m.Filnavn != navn[i] {
			t.Errorf("file %d is %q in the list and %q in the zip", i+1, m.Filnavn, navn[i])
		}
	}
	if s := h.kall(t, systemBy, "HEAD", stiHent+id, ""); s.status != 200 || s.hode.Get("Content-Disposition") == "" || s.kropp != "" {
		t.Errorf("HEAD: %d %v", s.status, s.hode)
	}
	if s := h.kall(t, systemBy, "HEAD", stiListe, ""); s.status != 200 || s.kropp != "" {
		t.Errorf("HEAD of the list: %d", s.status)
	}
}

// A certificate that is missing, comes, and is changed while a forsendelse waits.
func TestSertifikatMensDetVenter(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.organisasjoner(t)
	ctx := t.Context()
	_, err := h.s.Opprett(ctx, operator, Ny{ID: systemBy, FiksOrgID: orgBy, Navn: "NAV Testby", Person: Person{kari.Fnr, "Kari Nordmann"}})
	must(t, err)
	must(t, h.roller.Gi(ctx, kari.Fnr, byNr, PostArkiv))
	_, err = h.s.GiOrganisasjoner(ctx, kari, systemBy, []Rad{{Orgnr: byNr}})
	must(t, err)
	must(t, h.s.SettPassord(ctx, operator, systemBy, passordBy))

	id := h.lever(t, brev(byNr))
	h.lever(t, brev(byNr))
	if diff := cmp.Diff([]string{"post@testby.example: SvarInn: NAV Testby mangler sertifikat"}, h.post(t)); diff != "" {
		t.Errorf("told once of what waits for a certificate (-want +got):\n%s", diff)
	}
	if s := h.kall(t, systemBy, "GET", stiListe, ""); !strings.Contains(s.kropp, id) {
		t.Errorf("it is not listed: %s", s.kropp)
	}
	if s := h.kall(t, systemBy, "GET", stiHent+id, ""); s.status != 503 || s.hode.Get("Retry-After") != "60" || !strings.Contains(s.kropp, "mangler sertifikat") {
		t.Errorf("without a certificate: %d %s", s.status, s.kropp)
	}
	h.Frem(t, 2*time.Hour)
	ms, err := h.Epost.Alle(ctx)
	must(t, err)
	if n := len(ms); n != 2 || !strings.Contains(ms[n-1].Text, "2 forsendelser") || !strings.Contains(ms[n-1].Text, "mangler sertifikat") {
		t.Errorf("after two hours: %+v", ms)
	}
	for range 2 {
		k, c := nyttPar(2048, h.Klokke.Now().AddDate(2, 0, 0))
		_, err := h.s.SettSertifikat(ctx, kari, systemBy, c.Raw)
		must(t, err)
		s := h.kall(t, systemBy, "GET", stiHent+id, "")
		if s.status != 200 {
			t.Fatalf("%d %s", s.status, s.kropp)
		}
		if navn, _ := pakkUt(t, s.kropp, cms.Key{Private: k, Certificate: c}); len(navn) != 2 {
			t.Errorf("files %v", navn)
		}
	}
	if l := h.levering(t, id); l.Tilstand != levering.Sendt {
		t.Errorf("%s", l.Tilstand)
	}
}

// A file that is not what was promised never passes for a whole one.
func TestNedlastingAvbrytes(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	borte := errors.New("disk gone")
	for navn, odelegg := range map[string]func(*levering.Fil){
		"checksum": func(f *levering.Fil) { f.CRC32++ },
		"size":     func(f *levering.Fil) { f.Storrelse++ },
		"reading": func(f *levering.Fil) {
			innhold := f.Apne
			f.Apne = func(ctx ctxT) (io.ReadCloser, error) {
				r, err := innhold(ctx)
				return io.NopCloser(io.MultiReader(io.LimitReader(r, 300_000), feilleser{borte})), err
			}
		},
	} {
		f := brev(byNr)
		f.Filer[0] = fil("stor.bin", "application/octet-stream", strings.Repeat("x", 400_000))
		odelegg(&f.Filer[0])
		id := h.lever(t, f)
		s := h.tjener(t)
		r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/tjenester/svarinn/forsendelse/"+id, nil)
		must(t, err)
		r.SetBasicAuth(systemBy, passordBy)
		resp, err := s.Client().Do(r)
		must(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 || err == nil {
			t.Errorf("%s: %d, read to its end with %v", navn, resp.StatusCode, err)
		}
	}
	f := brev(byNr)
	f.Filer[0].Apne = func(ctxT) (io.ReadCloser, error) { return nil, feil.Ny(feil.Slettet, "Dokumentet er slettet") }
	if s := h.kall(t, systemBy, "GET", stiHent+h.lever(t, f), ""); s.status != 410 || s.hode.Get("Content-Disposition") != "" {
		t.Errorf("before the first byte: %d %v", s.status, s.hode)
	}
	id := h.lever(t, brev(byNr))
	for _, tt := range []struct {
		err    error
		status int
	}{{levering.ErrVent, 503}, {levering.ErrIkkeMulig, 410}, {borte, 500}, {nil, 200}} {
		h.kilde.feil = tt.err
		if s := h.kall(t, systemBy, "GET", stiHent+id, ""); s.status != tt.status {
			t.Errorf("the source says %v: %d, want %d", tt.err, s.status, tt.status)
		}
	}
}

type feilleser struct{ err error }

func (f feilleser) Read([]byte) (int, error) { return 0, f.err }

// No more downloads run at a time than there are places, and others wait their turn.
func TestMangeNedlastinger(t *testing.T) {
	t.Parallel()
	const plasser = 2
	h := medSystemer(t, func(_ *Deps, c *Config) { c.Nedlastinger = plasser })
	inne, videre := make(chan struct{}, 10), make(chan struct{})
	f := brev(byNr)
	apne := f.Filer[0].Apne
	f.Filer[0].Apne = func(ctx ctxT) (io.ReadCloser, error) {
		inne <- struct{}{}
		<-videre
		return apne(ctx)
	}
	id := h.lever(t, f)
	ferdig := make(chan int, 5)
	for range 5 {
		go func() { ferdig <- h.kall(t, systemBy, "GET", stiHent+id, "").status }()
	}
	for range plasser {
		<-inne
	}
	if n := len(h.s.plass); n != plasser {
		t.Errorf("%d places are taken", n)
	}
	select {
	case <-inne:
		t.Error("one more than there are places is at work")
	default:
	}
	close(videre)
	for range 5 {
		if status := <-ferdig; status != 200 {
			t.Errorf("status %d", status)
		}
	}
	if n := len(h.s.plass); n != 0 {
		t.Errorf("%d places are not given back", n)
	}
}

func TestIngenPlassTilNedlasting(t *testing.T) {
	t.Parallel()
	h := medSystemer(t, func(_ *Deps, c *Config) { c.Nedlastinger = 1 })
	h.s.ventePlass = 0
	id := h.lever(t, brev(byNr))
	h.s.plass <- struct{}{}
	if s := h.kall(t, systemBy, "GET", stiHent+id, ""); s.status != 503 || s.hode.Get("Retry-After") == "" {
		t.Errorf("while another downloads: %d", s.status)
	}
	<-h.s.plass
	if s := h.kall(t, systemBy, "GET", stiHent+id, ""); s.status != 200 {
		t.Errorf("afterwards: %d", s.status)
	}
}
