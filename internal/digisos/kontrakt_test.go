package digisos

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/httpx"
)

// This file holds one test for each of the thirteen must-haves of the Digisos
// wire contract §0, named after its number.

const uuidMonster = `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`

// navsRegel is how NAV's søknad reads the DigisosId out of a duplicate error:
// greedily, the last UUID that follows the word message, on one line.
var navsRegel = regexp.MustCompile(`^.*message.*(` + uuidMonster + `).*$`)

// §0 point 1: nine fields, in order, on one line, errorId before message.
func TestPunkt01FeilkroppenHarNiFeltIRekkefolge(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "1100006QX")
	kropp := h.send(t, innbygger(kari), "/digisos/api/v1/soknader/0301/1100006QX", soknadDeler(t, kari)...).er(t, 400)
	monster := regexp.MustCompile(`^\{"timestamp":\d{13},"status":400,"error":"Bad Request","errorId":"(` + uuidMonster + `)",` +
		`"path":"/digisos/api/v1/soknader/0301/1100006QX","originalPath":null,"message":"[^"]*","errorCode":null,"errorJson":null\}$`)
	m := monster.FindStringSubmatch(kropp)
	if m == nil {
		t.Fatalf("wrong shape: %s", kropp)
	}
	funn := navsRegel.FindStringSubmatch(kropp)
	if funn == nil || funn[1] != id || m[1] == id {
		t.Errorf("NAV's rule finds %q, want %s", funn, id)
	}
}

// §0 point 2: the text of a duplicate søknad, for both versions, letter for letter.
func TestPunkt02DuplikatSoknad(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "110000_A-b")
	want := "Soknad med tilhørende navEksternRefId 110000_A-b finnes allerede i Fiks-Digisos med DigisosId " + id
	for _, v := range []string{"v1", "v2"} {
		// In another municipality too: the reference is taken in Fiks-Digisos, not in Oslo.
		for _, knr := range []string{"0301", "4601"} {
			if got := h.send(t, innbygger(kari), "/digisos/api/"+v+"/soknader/"+knr+"/110000_A-b", soknadDeler(t, kari)...).melding(t, 400); got != want {
				t.Errorf("%s %s: %s", v, knr, got)
			}
		}
	}
	// Before the body is read: not even a broken body hides it.
	if got := h.gjor(t, innbygger(kari), "POST", "/digisos/api/v2/soknader/0301/110000_A-b", "text/plain", []byte("x")).melding(t, 400); got != want {
		t.Error(got)
	}
}

// §0 point 3: the text of a duplicate ettersendelse ends with the DigisosId, «allerde» and all.
func TestPunkt03DuplikatEttersendelse(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "110000001")
	for i, want := range []int{202, 400} {
		s := h.ettersend(t, kari, id, "1100000010001", "ettersendelse.pdf")
		if want == 202 {
			s.er(t, 202)
			continue
		}
		if got, w := s.melding(t, 400), "Ettersendelse med tilhørende navEksternRefId 1100000010001 finnes allerde for oppgitt DigisosId "+id; got != w {
			t.Errorf("%d: %s", i, got)
		}
	}
}

// ettersend sends an ettersendelse v1 of empty files by name, as INNSYN does.
func (h *hus) ettersend(t testing.TB, fnr, id, ref string, navn ...string) svar {
	t.Helper()
	d := []del{jsonDel("vedlegg.json", `{"vedlegg":[]}`)}
	for i, n := range navn {
		d = append(d,
			del{navn: fmt.Sprintf("vedleggSpesifikasjon:%d", i), ct: "application/json", innhold: []byte(metadataJSON(n, 4))},
			del{navn: fmt.Sprintf("dokument:%d", i), filnavn: n, ct: "application/octet-stream", innhold: kryptert(t, "%PDF")})
	}
	return h.send(t, innbygger(fnr), "/digisos/api/v1/soknader/0301/"+id+"/"+ref, d...)
}

// §0 point 4: 202 and a JSON string.
func TestPunkt04SvaretErEnJSONStreng(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	s := h.send(t, innbygger(kari), "/digisos/api/v2/soknader/0301/110000001", soknadDeler(t, kari)...)
	if kropp := s.er(t, 202); !regexp.MustCompile(`^"` + uuidMonster + `"$`).MatchString(kropp) {
		t.Errorf("body %q", kropp)
	}
	if ct := s.Header().Get("Content-Type"); ct != "application/json" {
		t.Errorf("Content-Type %q", ct)
	}
}

// nokkel is the key source of one test issuer.
type nokkel struct{ pub *rsa.PublicKey }

func (n nokkel) Key(context.Context, string) (any, error) { return n.pub, nil }

// alle authenticates every integrasjon as NAV's.
type alle struct{}

func (alle) Autentiser(_ context.Context, id, _ string) (auth.Autentisert, error) {
	return auth.Autentisert{IntegrasjonID: id, AutorisertOrgnr: nav.Orgnr}, nil
}

// §0 point 5: the status call comes with «BEARER».
func TestPunkt05BearerIAlleSkrivemater(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	key, _ := grunntest.Plattformnokkel(t)
	a, err := auth.New(auth.Config{Klokke: h.Klokke, Integrasjoner: alle{}, Scope: "ks:fiks",
		Utstedere: []auth.Utsteder{{Issuer: "https://maskinporten.test/", Slag: auth.Integrasjon, JWKS: nokkel{&key.PublicKey}}}})
	must(t, err)
	ro := &httpx.Router{Klokke: h.Klokke, Log: h.s.Log}
	must(t, auth.Guard(ro, a, rettigheter{h}, h.s.Routes()))
	sig, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "1"))
	must(t, err)
	naa := h.Klokke.Now()
	tok, err := jwt.Signed(sig).Claims(map[string]any{
		"iss": "https://maskinporten.test/", "scope": "ks:fiks", "iat": naa.Unix(), "exp": naa.Add(time.Minute).Unix(),
		"consumer": map[string]string{"authority": "iso6523-actorid-upis", "ID": "0192:" + nav.Orgnr}, "client_id": "x", "jti": "1",
	}).Serialize()
	must(t, err)
	for _, ord := range []string{"Bearer", "BEARER", "bearer"} {
		r := httptest.NewRequest("POST", "/digisos/api/v1/nav/soknader/status?sporingsId=1", strings.NewReader(`{"digisosIdListe":[]}`))
		r.Header.Set("Authorization", ord+" "+tok)
		r.Header.Set("IntegrasjonId", nav.IntegrasjonID)
		r.Header.Set("IntegrasjonPassord", "hemmelig")
		w := httptest.NewRecorder()
		ro.ServeHTTP(w, r)
		if w.Code != 200 || w.Body.String() != `{"statusListe":[]}` {
			t.Errorf("%s: %d %s", ord, w.Code, w.Body)
		}
	}
}

// §0 point 6: raw certificate bytes, also when JSON is asked for.
func TestPunkt06OffentligNokkel(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	_, cert := grunntest.Plattformnokkel(t)
	for _, c := range []auth.Caller{nav, fagOslo, innbygger(kari)} {
		for _, accept := range []string{"application/json", "*/*", ""} {
			r := httptest.NewRequest("GET", "/digisos/api/v1/dokumentlager-public-key", nil).WithContext(auth.With(t.Context(), c))
			if accept != "" {
				r.Header.Set("Accept", accept)
			}
			w := httptest.NewRecorder()
			h.router.ServeHTTP(w, r)
			got, err := x509.ParseCertificate(w.Body.Bytes())
			if err != nil || !got.Equal(cert) || w.Code != 200 || w.Header().Get("Content-Type") != "application/octet-stream" {
				t.Errorf("%v %q: %d %v", c.Slag, accept, w.Code, err)
			}
		}
	}
}

// §0 point 7: JSON documents say so; others have their own type.
func TestPunkt07JSONDokumenterErApplicationJSON(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "110000001")
	h.oppdater(t, id, sokerJSON("")).er(t, 202)
	o := h.sak(t, kari, id)
	for dok, ct := range map[string]string{
		o.OriginalSoknadNAV.Metadata:                               "application/json",
		o.OriginalSoknadNAV.VedleggMetadata:                        "application/json",
		o.DigisosSoker.Metadata:                                    "application/json",
		o.OriginalSoknadNAV.SoknadDokument.DokumentlagerDokumentID: "application/pdf",
	} {
		s := h.get(t, innbygger(kari), "/digisos/api/v1/soknader/"+id+"/dokumenter/"+dok)
		s.er(t, 200)
		if got := s.Header().Get("Content-Type"); got != ct {
			t.Errorf("%s: %q, want %q", dok, got, ct)
		}
	}
	s := h.get(t, nav, "/digisos/api/v1/nav/soknader/"+id+"/dokumenter/"+o.OriginalSoknadNAV.Metadata+"?sporingsId=1")
	if s.er(t, 200); s.Header().Get("Content-Type") != "application/json" {
		t.Error(s.Header())
	}
}

// §0 point 8: parts are told by order and file-ness; each client has its own names.
func TestPunkt08AlleKlientersNavnPaaDeler(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	fil := func(navn, filnavn string) del {
		return del{navn: navn, filnavn: filnavn, ct: "application/octet-stream", innhold: kryptert(t, "innhold")}
	}
	meta := func(navn, ct, filnavn string) del {
		return del{navn: navn, ct: ct, innhold: []byte(metadataJSON(filnavn, 7))}
	}
	med := func(ref string, d ...del) []del {
		return append([]del{jsonDel("tilleggsinformasjonJson", `{}`), jsonDel("soknadJson", soknadJSON(kari)), jsonDel("vedleggJson", `{}`)}, d...)
	}
	for i, deler := range [][]del{
		med("SOKNAD v2", meta("metadata0", "text/plain", "Soknad.pdf"), fil("Soknad.pdf", "Soknad.pdf"), meta("metadata1", "text/plain", "b.pdf"), fil("b.pdf", "b.pdf")),
		med("SOKNAD 2021", meta("metadata", "text/plain", "Soknad.pdf"), fil("Soknad.pdf", "Soknad.pdf"), meta("metadata", "text/plain", "b.pdf"), fil("b.pdf", "b.pdf")),
		// The order of the documentation, and without tilleggsinformasjonJson.
		{jsonDel("soknadJson", soknadJSON(kari)), jsonDel("vedleggJson", `{}`), meta("m", "", "Soknad.pdf"), fil("x", "Soknad.pdf"), meta("m", "", "b.pdf"), fil("y", "b.pdf")},
	} {
		id := les[string](t, h.send(t, innbygger(kari), fmt.Sprintf("/digisos/api/v1/soknader/0301/%d", i), deler...), 202)
		o := h.sak(t, kari, id).OriginalSoknadNAV
		if o.SoknadDokument.Filnavn != "Soknad.pdf" || len(o.Vedlegg) != 1 || o.Vedlegg[0].Filnavn != "b.pdf" || o.Vedlegg[0].Storrelse != 7 {
			t.Errorf("%d: %+v", i, o)
		}
	}
	id := h.nySoknad(t, kari, "110000001")
	h.ettersend(t, kari, id, "1100000010001", "a.pdf", "ettersendelse.pdf").er(t, 202) // INNSYN
	for _, s := range []svar{
		// KLIENT, INNSYN's test tool
		h.send(t, fagOslo, "/digisos/api/v1/"+orgOslo+"/"+id+"/filer", meta("metadata:0", "text/plain;charset=UTF-8", "a.pdf"), fil("dokument:0", "a.pdf"), meta("metadata:1", "text/plain;charset=UTF-8", "å.pdf"), fil("dokument:1", "å.pdf")),
		h.send(t, fagOslo, "/digisos/api/v1/"+orgOslo+"/"+id+"/filer", meta("vedleggSpesifikasjon:0", "application/json", "a.pdf"), fil("dokument:0", "a.pdf"), meta("vedleggSpesifikasjon:1", "application/json", "å.pdf"), fil("dokument:1", "å.pdf")),
	} {
		if f := les[[]DokumentInfo](t, s, 200); len(f) != 2 || f[0].Filnavn != "a.pdf" || f[1].Filnavn != "å.pdf" {
			t.Errorf("%+v", f)
		}
	}
	// INNSYN's mellomlagring: all metadata first, equal names.
	m := les[Mellomlagring](t, h.send(t, nav, "/digisos/api/v1/mellomlagring/ref1",
		meta("metadata", "application/json", "a.pdf"), meta("metadata", "application/json", "b.pdf"), fil("files", "a.pdf"), fil("files", "b.pdf")), 202)
	if len(m.MellomlagringMetadataList) != 2 || m.MellomlagringMetadataList[1].Filnavn != "b.pdf" {
		t.Errorf("%+v", m)
	}
}

// §0 point 9: the answer lists the files of that request only.
func TestPunkt09MellomlagringSvarerBareMedNyeFiler(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	forste := h.mellomlagre(t, "ref1", "a.pdf")
	andre := h.mellomlagre(t, "ref1", "b.pdf", "c.pdf")
	if len(forste) != 1 || len(andre) != 2 || andre[0].Filnavn != "b.pdf" {
		t.Errorf("%+v %+v", forste, andre)
	}
	alle := les[Mellomlagring](t, h.get(t, nav, "/digisos/api/v1/mellomlagring/ref1"), 200)
	if d := cmp.Diff(append(forste, andre...), alle.MellomlagringMetadataList); d != "" {
		t.Error(d)
	}
}

// mellomlagre lays down files; the content of each is its name.
func (h *hus) mellomlagre(t testing.TB, ref string, navn ...string) []Mellomlagret {
	t.Helper()
	var d []del
	for i, n := range navn {
		d = append(d, par(t, i, n, n)...)
	}
	return les[Mellomlagring](t, h.send(t, nav, "/digisos/api/v1/mellomlagring/"+ref, d...), 202).MellomlagringMetadataList
}

// §0 point 10: nothing stored is 404.
func TestPunkt10TomMellomlagringEr404(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.get(t, nav, "/digisos/api/v1/mellomlagring/aldri-sett").er(t, 404)
	m := h.mellomlagre(t, "ref1", "a.pdf")
	h.gjor(t, nav, "DELETE", "/digisos/api/v1/mellomlagring/ref1/"+m[0].FilID, "", nil).er(t, 204)
	h.get(t, nav, "/digisos/api/v1/mellomlagring/ref1").er(t, 404)
}

// §0 point 11: times are integers of milliseconds.
func TestPunkt11TidspunktErMillisekunder(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "110000001")
	h.ettersend(t, kari, id, "1100000010001", "a.pdf").er(t, 202)
	h.oppdater(t, id, sokerJSON("")).er(t, 202)
	var v any
	dec := json.NewDecoder(strings.NewReader(h.get(t, innbygger(kari), "/digisos/api/v1/soknader/"+id).er(t, 200)))
	dec.UseNumber()
	must(t, dec.Decode(&v))
	antall := 0
	var ga func(navn string, v any)
	ga = func(navn string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, e := range v {
				ga(k, e)
			}
		case []any:
			for _, e := range v {
				ga(navn, e)
			}
		default:
			if strings.HasPrefix(navn, "timestamp") || navn == "sistEndret" {
				antall++
				n, ok := v.(json.Number)
				ms, err := n.Int64()
				if !ok || err != nil || time.UnixMilli(ms).Sub(grunntest.Start).Abs() > time.Minute {
					t.Errorf("%s = %v", navn, v)
				}
			}
		}
	}
	ga("", v)
	if antall != 4 {
		t.Errorf("saw %d times, want 4", antall)
	}
}

// §0 point 12: unknown fields are accepted, and the bytes come back as they went in.
func TestPunkt12UkjenteFeltBevaresByteForByte(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	soknad := "{ \"ukjent\" : {\"a\":[1.50, 1e3],\"\\u00e6\":\"\\/\"},\r\n" + soknadJSON(kari)[1:] + "\n "
	vedlegg := "{\"vedlegg\":[{\"nytt\" : true, \"status\":\"HeltNy\"}], \"vedlegg2\":null}"
	d := []del{jsonDel("soknadJson", soknad), jsonDel("vedleggJson", vedlegg)}
	id := les[string](t, h.send(t, innbygger(kari), "/digisos/api/v1/soknader/0301/r", append(d, par(t, 0, "Soknad.pdf", "x")...)...), 202)
	soker := sokerJSON("", `{"ukjent" :"\u00f8", "type":"saksStatus","hendelsestidspunkt":"2026-01-01T12:00:00.0Z","referanse":"a"}`)
	h.oppdater(t, id, soker).er(t, 202)
	sak := h.sak(t, kari, id)
	for dok, want := range map[string]string{
		sak.OriginalSoknadNAV.Metadata: soknad, sak.OriginalSoknadNAV.VedleggMetadata: vedlegg, sak.DigisosSoker.Metadata: soker,
	} {
		if got := h.get(t, innbygger(kari), "/digisos/api/v1/soknader/"+id+"/dokumenter/"+dok).er(t, 200); got != want {
			t.Errorf("got %q\nwant %q", got, want)
		}
	}
}

// §0 point 13: no Content-Length on any multipart endpoint.
func TestPunkt13ChunkedPaaAlleOpplastinger(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "110000001")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != -1 || len(r.TransferEncoding) != 1 {
			t.Errorf("%s: not chunked", r.URL.Path)
		}
		c := nav
		switch r.Header.Get("Hvem") {
		case "innbygger":
			c = innbygger(kari)
		case "fag":
			c = fagOslo
		}
		h.router.ServeHTTP(w, r.WithContext(auth.With(r.Context(), c)))
	}))
	defer srv.Close()
	for _, tt := range []struct {
		hvem, path string
		deler      []del
		want       int
	}{
		{"innbygger", "/digisos/api/v1/soknader/0301/a", soknadDeler(t, kari), 202},
		{"innbygger", "/digisos/api/v2/soknader/0301/b", soknadDeler(t, kari), 202},
		{"innbygger", "/digisos/api/v1/soknader/0301/" + id + "/c", append([]del{jsonDel("vedlegg.json", "{}")}, par(t, 0, "a.pdf", "x")...), 202},
		{"nav", "/digisos/api/v1/mellomlagring/d", par(t, 0, "a.pdf", "x"), 202},
		{"innbygger", "/digisos/api/v2/soknader/0301/" + id + "/d", []del{jsonDel("vedlegg.json", `{"vedlegg":[{"filer":[{"filnavn":"a.pdf"}]}]}`)}, 202},
		{"fag", "/digisos/api/v1/" + orgOslo + "/" + id + "/filer", par(t, 0, "a.pdf", "x"), 200},
	} {
		ct, body := skjema(tt.deler...)
		r, err := http.NewRequest("POST", srv.URL+tt.path, io.MultiReader(bytes.NewReader(body)))
		must(t, err)
		r.Header.Set("Content-Type", ct)
		r.Header.Set("Hvem", tt.hvem)
		resp, err := srv.Client().Do(r)
		must(t, err)
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != tt.want {
			t.Errorf("%s: %d %s", tt.path, resp.StatusCode, b)
		}
	}
}

// A client that writes all of a large duplicate before it reads gets the answer
// with the DigisosId, not a broken connection.
func TestDuplikatUtenAtKroppenBleLest(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "110000001")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.router.ServeHTTP(w, r.WithContext(auth.With(r.Context(), innbygger(kari))))
	}))
	defer srv.Close()
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	must(t, err)
	defer c.Close()
	const size = 20 << 20
	fmt.Fprintf(c, "POST /digisos/api/v2/soknader/0301/110000001 HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n", size)
	_, err = io.CopyN(c, rand.Reader, size)
	must(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	must(t, err)
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 400 || !strings.Contains(string(b), id) {
		t.Errorf("%d %s %v", resp.StatusCode, b, err)
	}
}

// Many equal søknader at once: one 202, and all others name its DigisosId.
func TestSamtidigeDuplikater(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.mellomlagre(t, "110000001", "a.pdf")
	ct, body := skjema(soknadDeler(t, kari)...)
	svarene := make([]svar, 12)
	var wg sync.WaitGroup
	for i := range svarene {
		wg.Go(func() {
			svarene[i] = h.gjor(t, innbygger(kari), "POST", "/digisos/api/v2/soknader/0301/110000001", ct, body)
		})
	}
	wg.Wait()
	var id string
	for _, s := range svarene {
		if s.Code == 202 {
			if id != "" {
				t.Fatal("two were accepted")
			}
			id = les[string](t, s, 202)
		}
	}
	for _, s := range svarene {
		if s.Code == 202 {
			continue
		}
		if m := s.melding(t, 400); m != fmt.Sprintf(duplikatSoknad, "110000001", id) {
			t.Error(m)
		}
	}
	// Nothing of the others is left.
	for hva, want := range map[string]int{"digisos_sak": 1, "digisos_forsendelse": 1, "dokumenter": 6, "leveringer": 1, "blobs": 6} {
		if got := h.antall(t, hva); got != want {
			t.Errorf("%s: %d rows, want %d", hva, got, want)
		}
	}
}

// The same for an ettersendelse whose files lie in mellomlagring: who comes
// second is told of the duplicate, not that the files are gone.
func TestSamtidigeEttersendelser(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "110000001")
	h.mellomlagre(t, "1100000010001", "a.pdf")
	ct, body := skjema(jsonDel("vedlegg.json", `{"vedlegg":[{"filer":[{"filnavn":"a.pdf"}]}]}`))
	svarene := make([]svar, 8)
	var wg sync.WaitGroup
	for i := range svarene {
		wg.Go(func() {
			svarene[i] = h.gjor(t, innbygger(kari), "POST", "/digisos/api/v2/soknader/0301/"+id+"/1100000010001", ct, body)
		})
	}
	wg.Wait()
	tatt := 0
	for _, s := range svarene {
		if s.Code == 202 {
			tatt++
		} else if m := s.melding(t, 400); m != fmt.Sprintf(duplikatEttersendelse, "1100000010001", id) {
			t.Error(m)
		}
	}
	if n := h.antall(t, "leveringer"); tatt != 1 || n != 2 {
		t.Errorf("%d accepted, %d deliveries", tatt, n)
	}
}
