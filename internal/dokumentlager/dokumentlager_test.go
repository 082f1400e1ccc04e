package dokumentlager

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"knutepunkt/api/apitest"
	"knutepunkt/cms"
	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

// hus is the room on a real ground floor, with one konto.
type hus struct {
	*grunntest.Grunn
	s         *Service
	org       *organisasjon.Service
	transport http.RoundTripper // checks each exchange against the OpenAPI document
	konto     Konto
	eier      auth.Caller // may upload
}

// kalt tells the guard who calls: the test puts it into the request's context.
type kalt struct{}

func (kalt) Request(r *http.Request) (auth.Caller, error) { return auth.From(r.Context()), nil }

const innbygger = "13889812345"

func nyttHus(t *testing.T) *hus {
	t.Helper()
	ctx := t.Context()
	g := grunntest.Ny(t, audit.Migrations(), organisasjon.Migrations(), Migrations())
	h := &hus{Grunn: g, org: organisasjon.New(g.DB, g.Ring, g.Klokke, audit.NewService(g.DB, g.Ring, g.Klokke))}
	h.s = NewService(g.DB, g.Ring, g.Blobs, g.Klokke, g.Jobs, h.org)
	err := g.DB.Write(ctx, func(tx *store.Tx) error {
		o, err := h.org.OpprettOrganisasjon(ctx, tx, organisasjon.Organisasjon{Navn: "Testkommune", Type: "KOMMUNE", Kommunenummer: "9999"})
		if err != nil {
			return err
		}
		if h.konto, err = h.s.OpprettKonto(ctx, tx, Konto{FiksOrgID: o.ID, Navn: "Digisos"}); err != nil {
			return err
		}
		i, err := h.org.OpprettIntegrasjon(ctx, tx, organisasjon.Integrasjon{FiksOrgID: o.ID, AutorisertOrgnr: "910753614", Navn: "Fagsystem"})
		if err != nil {
			return err
		}
		h.eier = auth.Caller{Slag: auth.Integrasjon, IntegrasjonID: i.ID, Orgnr: i.AutorisertOrgnr}
		return h.org.GiTilgang(ctx, tx, auth.Caller{}, i.ID, auth.DokumentlagerLastOp, h.konto.ID)
	})
	if err != nil {
		t.Fatal(err)
	}
	router := &httpx.Router{Klokke: g.Klokke, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	if err := auth.Guard(router, kalt{}, h.org, HTTP{Service: h.s, MinsideURL: "https://minside.example"}.Routes()); err != nil {
		t.Fatal(err)
	}
	h.transport = apitest.Transport(t, apitest.Handler(router))
	return h
}

func (h *hus) kall(t *testing.T, c auth.Caller, method, path string, body io.Reader, contentType string) *httptest.ResponseRecorder {
	t.Helper()
	r, err := http.NewRequestWithContext(auth.With(t.Context(), c), method, "http://hus.test"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if c.Slag != auth.Anonym {
		r.Header.Set("Authorization", "Bearer x")
	}
	if c.IntegrasjonID != "" {
		r.Header.Set("IntegrasjonId", c.IntegrasjonID)
		r.Header.Set("IntegrasjonPassord", "x")
	}
	resp, err := h.transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	w := httptest.NewRecorder()
	w.Code = resp.StatusCode
	maps.Copy(w.Header(), resp.Header)
	if _, err := w.Body.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	return w
}

func (h *hus) dokumenter() string {
	return "/dokumentlager/api/v1/" + h.konto.FiksOrgID + "/kontoer/" + h.konto.ID + "/dokumenter"
}

// krypter encrypts to the platform's key as clients do.
func krypter(t *testing.T, data []byte) []byte {
	t.Helper()
	_, cert := grunntest.Plattformnokkel(t)
	var b bytes.Buffer
	w, err := cms.NewWriter(&b, cert)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// skjema is a multipart body of metadata and dokument as the Java client sends it.
func skjema(t *testing.T, metadata string, dokument []byte) (body *bytes.Buffer, contentType string) {
	t.Helper()
	body = &bytes.Buffer{}
	w := multipart.NewWriter(body)
	del, _ := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="metadata"`}, "Content-Type": {"application/json"}})
	_, _ = io.WriteString(del, metadata)
	del, _ = w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="dokument"; filename="x.pdf"`}, "Content-Type": {"application/octet-stream"}})
	_, _ = del.Write(dokument)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return body, w.FormDataContentType()
}

func metadata(t *testing.T, endre func(m map[string]any)) string {
	t.Helper()
	m := map[string]any{
		"dokumentnavn": "Søknad til Kari.pdf", "mimetype": "application/pdf", "ttl": 3600, "tilgjengeligTil": nil,
		"eksponertFor": []map[string]any{{"fnr": innbygger, "type": "PERSON"}}, "sikkerhetsniva": 4,
		"korrelasjonsid": nil, "ikkeLagreDokumentLastetNed": nil,
	}
	if endre != nil {
		endre(m)
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (h *hus) lastOpp(t *testing.T, data []byte, endre func(m map[string]any)) (id string) {
	t.Helper()
	body, ct := skjema(t, metadata(t, endre), krypter(t, data))
	w := h.kall(t, h.eier, "POST", h.dokumenter()+"/?kryptert=true", body, ct)
	if w.Code != http.StatusCreated {
		t.Fatalf("upload: %d %s", w.Code, w.Body)
	}
	var svar struct{ ID string }
	if err := json.Unmarshal(w.Body.Bytes(), &svar); err != nil {
		t.Fatal(err)
	}
	return svar.ID
}

func TestOppOgNed(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	data := bytes.Repeat([]byte("INNHOLDSMARKØR "), 40000) // above what lies in the database
	kryptert := krypter(t, data)
	body, ct := skjema(t, metadata(t, nil), kryptert)
	w := h.kall(t, h.eier, "POST", h.dokumenter()+"/?kryptert=true", body, ct)
	if w.Code != http.StatusCreated {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	var svar map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &svar); err != nil {
		t.Fatal(err)
	}
	id, _ := svar["id"].(string)
	if svar["dokumentnavn"] != "Søknad til Kari.pdf" || svar["mimeType"] != "application/pdf" ||
		svar["ukryptertStorrelse"] != float64(len(data)) || svar["kryptertStorrelse"] != float64(len(kryptert)) || len(svar) != 5 {
		t.Errorf("answer %v", svar)
	}
	if got := w.Header().Get("Location"); got != "https://minside.example/dokumentlager/nedlasting/"+id {
		t.Errorf("Location %q", got)
	}
	person := auth.Caller{Slag: auth.Person, Fnr: innbygger, Niva: 4}
	w = h.kall(t, person, "GET", "/dokumentlager/nedlasting/niva4/"+id+"?inline=true", nil, "")
	if w.Code != http.StatusOK || !bytes.Equal(w.Body.Bytes(), data) {
		t.Fatalf("download: %d, %d bytes", w.Code, w.Body.Len())
	}
	slag, par, err := mime.ParseMediaType(w.Header().Get("Content-Disposition"))
	if err != nil || slag != "inline" || par["filename"] != "Søknad til Kari.pdf" {
		t.Errorf("Content-Disposition %q: %v %v", w.Header().Get("Content-Disposition"), par, err)
	}
	if w.Header().Get("Content-Security-Policy") != "sandbox" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", w.Header())
	}
	w = h.kall(t, h.eier, "GET", h.dokumenter()+"/"+id, nil, "")
	if !strings.Contains(w.Body.String(), `"melding":"Lastet ned","aktor":"PERSON"`) || strings.Contains(w.Body.String(), innbygger) {
		t.Errorf("history: %s", w.Body)
	}
	med := h.lastOpp(t, data, func(m map[string]any) { m["mimetype"] = `application/pdf; name="TYPEMARKØR Kari.pdf"` })
	if w = h.kall(t, person, "GET", "/dokumentlager/nedlasting/"+med, nil, ""); !strings.Contains(w.Header().Get("Content-Type"), "TYPEMARKØR") {
		t.Errorf("Content-Type %q", w.Header().Get("Content-Type"))
	}
	h.sokEtter(t, "INNHOLDSMARKØR", "Søknad til Kari", innbygger, "TYPEMARKØR")
}

// sokEtter fails when a file of the data folder holds one of the markers.
func (h *hus) sokEtter(t *testing.T, markorer ...string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(h.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		data, err := os.ReadFile(path)
		for _, m := range markorer {
			if bytes.Contains(data, []byte(m)) {
				t.Errorf("%q is readable in %s", m, filepath.Base(path))
			}
		}
		return err
	})
	if err != nil || n < 2 {
		t.Fatalf("searched %d files: %v", n, err)
	}
}

// (rows of documents, rows of blobs) in the database.
func (h *hus) antall(t *testing.T) (dok, blober int) {
	t.Helper()
	err := h.DB.Read().QueryRowContext(t.Context(), `SELECT (SELECT COUNT(*) FROM dokumenter), (SELECT COUNT(*) FROM blobs)`).Scan(&dok, &blober)
	if err != nil {
		t.Fatal(err)
	}
	return dok, blober
}

func TestDarligeOpplastinger(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	god := krypter(t, []byte("innhold"))
	_, ct := skjema(t, "{}", nil)
	full := func(meta string, dok []byte) *bytes.Buffer {
		b, c := skjema(t, meta, dok)
		ct = c
		return b
	}
	skadet := bytes.Clone(god)
	skadet[len(skadet)-20] ^= 1
	for _, tt := range []struct {
		navn, path string
		body       func() io.Reader
		status     int
		tekst      string
	}{
		{"ikke multipart", "?kryptert=true", func() io.Reader { ct = "application/pdf"; return strings.NewReader("x") }, 400, "multipart"},
		{"nivå 4 uten kryptering", "", func() io.Reader { return full(metadata(t, nil), god) }, 400, "kryptert=true"},
		{"ikke CMS", "?kryptert=true", func() io.Reader { return full(metadata(t, nil), []byte("%PDF-1.7")) }, 400, "CMS"},
		{"skadet", "?kryptert=true", func() io.Reader { return full(metadata(t, nil), skadet) }, 400, ""},
		{"avkortet CMS", "?kryptert=true", func() io.Reader { return full(metadata(t, nil), god[:len(god)-12]) }, 400, "avkortet"},
		{"tomt", "?kryptert=true", func() io.Reader { return full(metadata(t, nil), krypter(t, nil)) }, 400, "tomt"},
		{"avkortet forespørsel", "?kryptert=true", func() io.Reader {
			b := full(metadata(t, nil), god)
			return bytes.NewReader(b.Bytes()[:b.Len()-5])
		}, 400, "avkortet"},
		{"ugyldig metadata", "?kryptert=true", func() io.Reader { return full(`{"ttl":`, god) }, 400, "metadata"},
		{"uten ttl", "?kryptert=true", func() io.Reader { return full(metadata(t, func(m map[string]any) { m["ttl"] = nil }), god) }, 400, "ttl"},
		{"nivå 5", "?kryptert=true", func() io.Reader { return full(metadata(t, func(m map[string]any) { m["sikkerhetsniva"] = 5 }), god) }, 400, "sikkerhetsniva"},
		{"korrelasjonsid som ikke er en UUID", "?kryptert=true", func() io.Reader {
			return full(metadata(t, func(m map[string]any) { m["korrelasjonsid"] = innbygger }), god)
		}, 400, "korrelasjonsid"},
		{"ugyldig kryptert", "?kryptert=kanskje", func() io.Reader { return full(metadata(t, nil), god) }, 400, "kryptert"},
	} {
		body := tt.body()
		w := h.kall(t, h.eier, "POST", h.dokumenter()+tt.path, body, ct)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.tekst) || !strings.Contains(w.Body.String(), `"errorId"`) {
			t.Errorf("%s: %d %s", tt.navn, w.Code, w.Body)
		}
	}
	if dok, blober := h.antall(t); dok != 0 || blober != 0 {
		t.Errorf("%d documents and %d blobs are left of refused uploads", dok, blober)
	}
	andre := auth.Caller{Slag: auth.Integrasjon, IntegrasjonID: uuid.NewString()}
	if w := h.kall(t, andre, "POST", h.dokumenter()+"?kryptert=true", full(metadata(t, nil), god), ct); w.Code != http.StatusForbidden {
		t.Errorf("upload without the privilege: %d", w.Code)
	}
}

func TestHvemFarLasteNed(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	mottaker := uuid.NewString()
	id := h.lastOpp(t, []byte("hemmelig"), func(m map[string]any) {
		m["eksponertFor"] = []map[string]any{
			{"type": "PERSON", "fnr": innbygger},
			{"type": "INTEGRASJON", "id": mottaker},
			{"type": "AUTORISASJON", "privilegium": auth.DokumentlagerLastOp, "ressurs": h.konto.ID},
			{"type": "ORGANISASJON", "orgnr": "910753614", "ressursType": nil},
			{"type": "MATRIKKELENHET", "matrikkelenhet": map[string]any{"kommunenummer": "4601"}},
		}
	})
	for _, tt := range []struct {
		hvem   string
		c      auth.Caller
		status int
	}{
		{"the person", auth.Caller{Slag: auth.Person, Fnr: innbygger, Niva: 4}, 200},
		{"the person through an integrasjon", auth.Caller{Slag: auth.IntegrasjonPerson, Fnr: innbygger, Niva: 4, IntegrasjonID: uuid.NewString()}, 200},
		{"the person at level 3", auth.Caller{Slag: auth.Person, Fnr: innbygger, Niva: 3}, 403},
		{"another person", auth.Caller{Slag: auth.Person, Fnr: "01810112345", Niva: 4}, 404},
		{"the integrasjon", auth.Caller{Slag: auth.Integrasjon, IntegrasjonID: mottaker}, 200},
		{"that integrasjon with another person", auth.Caller{Slag: auth.IntegrasjonPerson, IntegrasjonID: mottaker, Fnr: "01810112345", Niva: 4}, 404},
		{"an integrasjon with the privilege", h.eier, 200},
		{"an integrasjon with its grant on nothing", auth.Caller{Slag: auth.Integrasjon, IntegrasjonID: uuid.NewString()}, 404},
		{"an integrasjon of the organisation", auth.Caller{Slag: auth.Integrasjon, IntegrasjonID: uuid.NewString(), Orgnr: "910753614"}, 404},
		{"nobody", auth.Caller{Slag: auth.Anonym}, 401},
	} {
		for _, path := range []string{"", "/metadata"} {
			w := h.kall(t, tt.c, "GET", "/dokumentlager/nedlasting/"+id+path, nil, "")
			if w.Code != tt.status {
				t.Errorf("%s, %q: %d, want %d", tt.hvem, path, w.Code, tt.status)
			}
		}
	}
	// What is not theirs answers as what does not exist.
	ukjent := h.kall(t, auth.Caller{Slag: auth.Person, Fnr: "01810112345", Niva: 4}, "GET", "/dokumentlager/nedlasting/"+uuid.NewString(), nil, "")
	andres := h.kall(t, auth.Caller{Slag: auth.Person, Fnr: "01810112345", Niva: 4}, "GET", "/dokumentlager/nedlasting/"+id, nil, "")
	if m1, m2 := melding(t, ukjent), melding(t, andres); m1 != m2 || ukjent.Code != andres.Code {
		t.Errorf("%q for an unknown document, %q for somebody else's", m1, m2)
	}
}

func melding(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var f httpx.Feilmelding
	if err := json.Unmarshal(w.Body.Bytes(), &f); err != nil {
		t.Fatal(err)
	}
	return f.Message
}

func TestUtlopOgSletting(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	person := auth.Caller{Slag: auth.Person, Fnr: innbygger, Niva: 4}
	status := func(id string) int {
		return h.kall(t, person, "GET", "/dokumentlager/nedlasting/"+id, nil, "").Code
	}
	utloper := h.lastOpp(t, []byte("a"), nil)
	evig := h.lastOpp(t, []byte("b"), func(m map[string]any) { m["ttl"] = -1 })
	forlenget := h.lastOpp(t, []byte("c"), nil)
	w := h.kall(t, h.eier, "PATCH", h.dokumenter()+"/"+forlenget, strings.NewReader(`{"ttl":7200,"tilgjengeligTil":null}`), "application/json")
	if w.Code != 200 || !strings.Contains(w.Body.String(), h.Klokke.Now().Add(2*time.Hour).Format(time.RFC3339)) {
		t.Fatalf("PATCH: %d %s", w.Code, w.Body)
	}
	h.Frem(t, time.Hour-time.Microsecond)
	if got := status(utloper); got != 200 {
		t.Fatalf("a moment before the end: %d", got)
	}
	h.Frem(t, time.Microsecond)
	if got := status(utloper); got != 410 {
		t.Errorf("at the end: %d", got)
	}
	if got := status(forlenget); got != 200 {
		t.Errorf("prolonged: %d", got)
	}
	if _, blober := h.antall(t); blober != 2 {
		t.Errorf("%d blobs, want the content of the expired one gone", blober)
	}
	h.Frem(t, 10000*time.Hour)
	if got := status(evig); got != 200 {
		t.Errorf("never expires, but: %d", got)
	}
	for _, want := range []int{200, 410} {
		if w := h.kall(t, h.eier, "DELETE", h.dokumenter()+"/"+evig, nil, ""); w.Code != want {
			t.Errorf("DELETE: %d, want %d", w.Code, want)
		}
	}
	if got := status(evig); got != 410 {
		t.Errorf("deleted: %d", got)
	}
	if dok, blober := h.antall(t); dok != 3 || blober != 0 {
		t.Errorf("%d documents and %d blobs: metadata stays, content goes", dok, blober)
	}
}

// A document lands in a konto that is there and open, or nowhere.
func TestKontoSomIkkeKanTaImot(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	for _, tt := range []struct {
		navn  string
		konto string
		vil   feil.Kode
	}{
		{"ukjent", uuid.NewString(), feil.IkkeFunnet},
		{"slettet", h.konto.ID, feil.Slettet},
	} {
		var id string
		err := h.DB.Write(t.Context(), func(tx *store.Tx) error {
			if _, err := tx.ExecContext(t.Context(), `UPDATE dokumentlager_kontoer SET slettet = 1`); err != nil {
				return err
			}
			o, err := h.s.Motta(t.Context(), strings.NewReader("x"), false)
			if err != nil {
				return err
			}
			defer o.Forkast()
			m, err := h.s.Lagre(t.Context(), tx, o, Metadata{KontoID: tt.konto, Dokumentnavn: "a.txt"})
			id = m.ID
			return err
		})
		if !feil.Er(err, tt.vil) {
			t.Errorf("%s: %v", tt.navn, err)
		}
		if _, err := h.s.Metadata(t.Context(), id); !feil.Er(err, feil.IkkeFunnet) {
			t.Errorf("%s: the document exists (%v)", tt.navn, err)
		}
	}
}

func TestPublicKey(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	w := h.kall(t, h.eier, "GET", "/dokumentlager/api/v1/public-key", nil, "")
	if w.Code != 200 || !strings.HasPrefix(w.Body.String(), "-----BEGIN CERTIFICATE-----\n") || strings.Count(w.Body.String(), "BEGIN") != 1 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

func TestFlytt(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.lastOpp(t, []byte("a"), nil)
	var ny Konto
	err := h.DB.Write(t.Context(), func(tx *store.Tx) (err error) {
		if ny, err = h.s.OpprettKonto(t.Context(), tx, Konto{FiksOrgID: h.konto.FiksOrgID, Navn: "Annen"}); err != nil {
			return err
		}
		return h.s.Flytt(t.Context(), tx, id, ny.ID, time.Time{}, []Eksponering{{Type: "PERSON", Fnr: "01810112345"}})
	})
	if err != nil {
		t.Fatal(err)
	}
	if w := h.kall(t, h.eier, "GET", h.dokumenter()+"/"+id, nil, ""); w.Code != 404 {
		t.Errorf("still in the old konto: %d", w.Code)
	}
	h.Frem(t, 10000*time.Hour)
	for fnr, want := range map[string]int{innbygger: 404, "01810112345": 200} {
		w := h.kall(t, auth.Caller{Slag: auth.Person, Fnr: fnr, Niva: 4}, "GET", "/dokumentlager/nedlasting/"+id, nil, "")
		if w.Code != want {
			t.Errorf("%s: %d, want %d", fnr, w.Code, want)
		}
	}
}
