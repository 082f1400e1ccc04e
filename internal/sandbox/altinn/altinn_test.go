package altinn

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // the checksum of Altinn's API
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/sandbox/utsteder"
)

const (
	prefiks = "/correspondence/api/v1"
	skriv   = "altinn:correspondence.write altinn:serviceowner"
	fnr     = "urn:altinn:person:identifier-no:01810112345"
	orgnr   = "urn:altinn:organization:identifier-no:910000017"
)

// hus is an Altinn and a sender.
type hus struct {
	*Altinn
	t      *testing.T
	klokke *klokke.Manuell
	mp     *utsteder.Utsteder
	token  string
	h      http.Handler
}

func nyttHus(t *testing.T, k *klokke.Manuell, endre func(*Config)) *hus {
	t.Helper()
	mp, err := utsteder.New(utsteder.Config{BaseURL: "http://sandkasse.test", Klokke: k})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{BaseURL: "http://sandkasse.test", Klokke: k, Tokenklokke: k, Maskinporten: mp.Utstedere()[0], SubscriptionKey: "nøkkel",
		Ressurser: map[string]bool{"apen": false, "hemmelig": true}, Finnes: func(n string) bool { return n != "999999999" }}
	if endre != nil {
		endre(&cfg)
	}
	a, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	h := &hus{Altinn: a, t: t, klokke: k, mp: mp, h: a.Handler()}
	h.token = h.veksleTil(skriv)
	return h
}

func (h *hus) veksleTil(scope string) string {
	h.t.Helper()
	mp, err := h.mp.Maskinporten("910000017", strings.Fields(scope)...)
	if err != nil {
		h.t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(h.t.Context(), "GET", "/authentication/api/v1/exchange/maskinporten", nil)
	r.Header.Set("Authorization", "Bearer "+mp)
	w := httptest.NewRecorder()
	h.h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		h.t.Fatalf("the exchange answered %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// kall makes a call; kropp is bytes or becomes JSON.
func (h *hus) kall(metode, sti string, kropp any) (status, kode int, svar map[string]any, tekst string) {
	h.t.Helper()
	typ, b := "application/octet-stream", []byte(nil)
	switch k := kropp.(type) {
	case nil:
	case []byte:
		b = k
	default:
		typ = "application/json"
		var err error
		if b, err = json.Marshal(k); err != nil {
			h.t.Fatal(err)
		}
	}
	r := httptest.NewRequestWithContext(h.t.Context(), metode, prefiks+sti, bytes.NewReader(b))
	r.Header.Set("Authorization", "Bearer "+h.token)
	r.Header.Set("Ocp-Apim-Subscription-Key", "nøkkel")
	r.Header.Set("Content-Type", typ)
	w := httptest.NewRecorder()
	h.h.ServeHTTP(w, r)
	tekst = w.Body.String()
	_ = json.Unmarshal(w.Body.Bytes(), &svar) // some answers are no objects
	if n, ok := svar["errorCode"].(float64); ok {
		kode = int(n)
		if svar["code"] != fmt.Sprintf("CORR-%05d", kode) {
			h.t.Errorf("code %v with errorCode %d", svar["code"], kode)
		}
	}
	return w.Code, kode, svar, tekst
}

func md5av(s string) string {
	sum := md5.Sum([]byte(s)) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}

func vedleggJSON(innhold string) map[string]any {
	return map[string]any{"resourceId": "apen", "fileName": "a.pdf", "displayName": "a.pdf", "checksum": md5av(innhold), "sendersReference": "ref"}
}

// nyttPublisert uploads an attachment to its end.
func (h *hus) nyttPublisert(innhold string) string {
	h.t.Helper()
	_, _, _, tekst := h.kall("POST", "/attachment", vedleggJSON(innhold))
	id := strings.Trim(tekst, `"`)
	if status, _, svar, tekst := h.kall("POST", "/attachment/"+id+"/upload", []byte(innhold)); status != 200 || svar["status"] != "UploadProcessing" {
		h.t.Fatalf("upload: %d %s", status, tekst)
	}
	return id
}

func meldingJSON(mottaker string, vedlegg ...string) map[string]any {
	return map[string]any{"recipients": []string{mottaker}, "existingAttachments": vedlegg, "idempotentKey": uuid.NewString(),
		"correspondence": map[string]any{"resourceId": "apen", "sendersReference": "ref", "isConfidential": false,
			"content":      map[string]any{"language": "nb", "messageTitle": "Tittel", "messageBody": "Tekst", "messageSummary": "Kort"},
			"notification": map[string]any{"notificationTemplate": "GenericAltinnMessage", "notificationChannel": "EmailPreferred"}}}
}

// med changes a field; the path has dots.
func med(m map[string]any, sti string, verdi any) map[string]any {
	b, _ := json.Marshal(m)
	var kopi map[string]any
	_ = json.Unmarshal(b, &kopi)
	her := kopi
	deler := strings.Split(sti, ".")
	for _, d := range deler[:len(deler)-1] {
		her = her[d].(map[string]any)
	}
	her[deler[len(deler)-1]] = verdi
	return kopi
}

func TestVedleggStrengt(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, klokke.NyManuell(grunntest.Start), nil)
	for navn, tt := range map[string]struct {
		inn          map[string]any
		status, kode int
	}{
		"as it should be":     {vedleggJSON("x"), 200, 0},
		"no checksum":         {med(vedleggJSON("x"), "checksum", ""), 200, 0},
		"checksum in capital": {med(vedleggJSON("x"), "checksum", strings.ToUpper(md5av("x"))), 400, 0},
		"unknown service":     {med(vedleggJSON("x"), "resourceId", "annen"), 400, 1036},
		"no service":          {med(vedleggJSON("x"), "resourceId", ""), 400, 0},
		"no reference":        {med(vedleggJSON("x"), "sendersReference", ""), 400, 0},
		"no name":             {med(vedleggJSON("x"), "fileName", " "), 400, 2010},
		"long name":           {med(vedleggJSON("x"), "fileName", strings.Repeat("ø", 252)+".pdf"), 400, 2011},
		"a path":              {med(vedleggJSON("x"), "fileName", "a/b.pdf"), 400, 2012},
		"kind":                {med(vedleggJSON("x"), "fileName", "a.exe"), 400, 2013},
		"a misspelt field":    {med(vedleggJSON("x"), "filename2", "a"), 400, 0},
		"a wrong type":        {med(vedleggJSON("x"), "isEncrypted", "no"), 400, 0},
	} {
		if status, kode, _, tekst := h.kall("POST", "/attachment", tt.inn); status != tt.status || kode != tt.kode {
			t.Errorf("%s: %d/%d, want %d/%d: %s", navn, status, kode, tt.status, tt.kode, tekst)
		}
	}
}

func TestOpplasting(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, klokke.NyManuell(grunntest.Start), func(c *Config) { c.Skanntid, c.MaksVedlegg = time.Minute, 1<<20 })
	nytt := func(innhold string) string {
		_, _, _, tekst := h.kall("POST", "/attachment", vedleggJSON(innhold))
		return "/attachment/" + strings.Trim(tekst, `"`)
	}
	status := func(sti string) any { _, _, svar, _ := h.kall("GET", sti, nil); return svar["status"] }

	god := nytt("innhold")
	if s := status(god); s != "Initialized" {
		t.Errorf("before the upload: %v", s)
	}
	h.kall("POST", god+"/upload", []byte("innhold"))
	if s := status(god); s != "UploadProcessing" {
		t.Errorf("during the scan: %v", s)
	}
	if st, kode, _, _ := h.kall("POST", god+"/upload", []byte("innhold")); st != 400 || kode != 2005 {
		t.Errorf("uploaded twice: %d/%d", st, kode)
	}
	delt := strings.Repeat("a", 100_000) + string(eicar) + strings.Repeat("b", 10)
	virus := nytt(delt)
	h.kall("POST", virus+"/upload", []byte(delt))
	h.klokke.Sett(h.klokke.Now().Add(time.Minute))
	if g, v := status(god), status(virus); g != "Published" || v != "Failed" {
		t.Errorf("after the scan: %v and, with a virus, %v", g, v)
	}
	for navn, tt := range map[string]struct {
		lovet, innhold string
		kode           int
	}{
		"another content": {"a", "b", 2008}, "nothing": {"", "", 2004}, "too much": {"x", strings.Repeat("x", 1<<20+1), 2004},
	} {
		sti := nytt(tt.lovet)
		if st, kode, _, _ := h.kall("POST", sti+"/upload", []byte(tt.innhold)); st != 400 || kode != tt.kode || status(sti) != "Failed" {
			t.Errorf("%s: %d/%d, and the attachment is %v", navn, st, kode, status(sti))
		}
	}
	if st, kode, _, _ := h.kall("POST", "/attachment/"+uuid.NewString()+"/upload", []byte("x")); st != 404 || kode != 2001 {
		t.Errorf("to an unknown one: %d/%d", st, kode)
	}
}

// The test file is found wherever the reads happen to fall.
func TestVirusleter(t *testing.T) {
	t.Parallel()
	tekst := []byte("xx" + string(eicar) + "yy")
	for n := 1; n <= len(tekst); n++ {
		v := &virusleter{}
		for i := 0; i < len(tekst); i += n {
			_, _ = v.Write(tekst[i:min(i+n, len(tekst))])
		}
		if !v.funnet {
			t.Errorf("in pieces of %d: not found", n)
		}
	}
	v := &virusleter{}
	_, _ = v.Write(eicar[:10])
	_, _ = v.Write([]byte("-"))
	_, _ = v.Write(eicar[10:])
	if v.funnet {
		t.Error("found what is not there")
	}
}

func TestMeldingStrengt(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, klokke.NyManuell(grunntest.Start), func(c *Config) { c.Skanntid = time.Minute })
	klar := h.nyttPublisert("klar")
	h.klokke.Sett(h.klokke.Now().Add(time.Minute))
	skannes := h.nyttPublisert("skannes")
	god := meldingJSON(orgnr, klar)
	const c = "correspondence."
	for navn, tt := range map[string]struct {
		inn          map[string]any
		status, kode int
	}{
		"to an organisation":      {god, 200, 0},
		"to a person":             {meldingJSON(fnr, klar), 200, 0},
		"unknown receiver":        {meldingJSON("urn:altinn:organization:identifier-no:999999999"), 404, 1029},
		"receiver without urn":    {meldingJSON("910000017"), 400, 0},
		"receiver with 10 digits": {meldingJSON("urn:altinn:person:identifier-no:0181011234"), 400, 0},
		"no receiver":             {med(god, "recipients", []string{}), 400, 0},
		"twice the same":          {med(med(god, "recipients", []string{fnr, fnr}), "idempotentKey", nil), 400, 1006},
		"key for two":             {med(god, "recipients", []string{fnr, orgnr}), 400, 1047},
		"key is no GUID":          {med(god, "idempotentKey", "a"), 400, 1033},
		"still being scanned":     {meldingJSON(orgnr, skannes), 400, 1018},
		"unknown attachment":      {meldingJSON(orgnr, uuid.NewString()), 400, 1007},
		"too many attachments":    {meldingJSON(orgnr, make([]string, 101)...), 400, 1038},
		"unknown service":         {med(meldingJSON(orgnr), c+"resourceId", "annen"), 400, 1036},
		"confidential, unsaid":    {med(meldingJSON(orgnr), c+"resourceId", "hemmelig"), 400, 0},
		"said, not confidential":  {med(meldingJSON(orgnr), c+"isConfidential", true), 400, 0},
		"no content":              {med(meldingJSON(orgnr), c+"content", nil), 400, 1019},
		"no title":                {med(meldingJSON(orgnr), c+"content.messageTitle", " "), 400, 1020},
		"long title":              {med(meldingJSON(orgnr), c+"content.messageTitle", strings.Repeat("x", 256)), 400, 1037},
		"formatted title":         {med(meldingJSON(orgnr), c+"content.messageTitle", "*x*"), 400, 1002},
		"no text":                 {med(meldingJSON(orgnr), c+"content.messageBody", ""), 400, 1021},
		"long text":               {med(meldingJSON(orgnr), c+"content.messageBody", strings.Repeat("x", 30_001)), 400, 1022},
		"html":                    {med(meldingJSON(orgnr), c+"content.messageBody", "<b>x</b>"), 400, 1003},
		"long summary":            {med(meldingJSON(orgnr), c+"content.messageSummary", strings.Repeat("x", 256)), 400, 1042},
		"another language":        {med(meldingJSON(orgnr), c+"content.language", "se"), 400, 1023},
		"confirmation, no date":   {med(meldingJSON(orgnr), c+"isConfirmationNeeded", true), 400, 1016},
		"date gone by":            {med(meldingJSON(orgnr), c+"dueDateTime", grunntest.Start.Add(-time.Hour)), 400, 1008},
		"formatted sender":        {med(meldingJSON(orgnr), c+"messageSender", "<b>"), 400, 1039},
		"unknown template":        {med(meldingJSON(orgnr), c+"notification.notificationTemplate", "Annet"), 404, 3001},
		"unknown way":             {med(meldingJSON(orgnr), c+"notification.notificationChannel", "Due"), 400, 0},
		"template without text":   {med(meldingJSON(orgnr), c+"notification.notificationTemplate", "CustomMessage"), 400, 3006},
		"long text message":       {med(meldingJSON(orgnr), c+"notification.smsBody", strings.Repeat("x", 161)), 400, 0},
		"a misspelt field":        {med(meldingJSON(orgnr), c+"sendersreferanse", "x"), 400, 0},
	} {
		if status, kode, _, tekst := h.kall("POST", "/correspondence", tt.inn); status != tt.status || kode != tt.kode {
			t.Errorf("%s: %d/%d, want %d/%d: %s", navn, status, kode, tt.status, tt.kode, tekst)
		}
	}
	if n := len(h.Liste()); n != 2 {
		t.Errorf("%d letters in inboxes, want 2", n)
	}
}

func TestSammeNokkel(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, klokke.NyManuell(grunntest.Start), nil)
	m := meldingJSON(orgnr)
	_, _, svar, _ := h.kall("POST", "/correspondence", m)
	id := svar["correspondences"].([]any)[0].(map[string]any)["correspondenceId"]
	if status, kode, _, _ := h.kall("POST", "/correspondence", m); status != 409 || kode != 1034 {
		t.Errorf("the second time: %d/%d", status, kode)
	}
	_, _, svar, tekst := h.kall("GET", "/correspondence?resourceId=apen&role=Sender&idempotentKey="+m["idempotentKey"].(string), nil)
	if !cmp.Equal([]any{id}, svar["ids"]) {
		t.Errorf("found by the key: %s", tekst)
	}
	if status, _, _, _ := h.kall("GET", "/correspondence?resourceId=apen", nil); status != 400 {
		t.Errorf("a search without role: %d", status)
	}
	if status, kode, _, _ := h.kall("GET", "/correspondence/"+uuid.NewString(), nil); status != 404 || kode != 1001 {
		t.Errorf("an unknown one: %d/%d", status, kode)
	}
}

func TestTilgang(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, klokke.NyManuell(grunntest.Start), nil)
	god := h.token
	for navn, tt := range map[string]struct {
		token  string
		status int
	}{
		"Altinn's token":       {god, 404},
		"none":                 {"", 401},
		"Maskinporten's own":   {func() string { s, _ := h.mp.Maskinporten("910000017", strings.Fields(skriv)...); return s }(), 401},
		"without write":        {h.veksleTil("altinn:serviceowner"), 403},
		"without serviceowner": {h.veksleTil("altinn:correspondence.write"), 403},
	} {
		h.token = tt.token
		if status, _, _, tekst := h.kall("GET", "/attachment/"+uuid.NewString(), nil); status != tt.status {
			t.Errorf("%s: %d, want %d: %s", navn, status, tt.status, tekst)
		}
	}
	h.token = god
	h.klokke.Sett(h.klokke.Now().Add(31 * time.Minute))
	if status, _, _, _ := h.kall("GET", "/attachment/"+uuid.NewString(), nil); status != 401 {
		t.Errorf("expired: %d", status)
	}
	idporten, err := h.mp.IDPorten("01810112345", "", "910000017")
	if err != nil {
		t.Fatal(err)
	}
	for navn, token := range map[string]string{"nonsense": "a.b.c", "ID-porten's": idporten} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/authentication/api/v1/exchange/maskinporten", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		if h.h.ServeHTTP(w, r); w.Code != 401 {
			t.Errorf("exchanging %s: %d", navn, w.Code)
		}
	}
}

// The sandbox goes on where it was, and what lies in its folder tells nothing.
func TestOverleverForseglet(t *testing.T) {
	t.Parallel()
	g := grunntest.Ny(t)
	dir := filepath.Join(t.TempDir(), "altinn")
	i := func(c *Config) { c.Dir, c.Forsegl, c.Apne = dir, g.Ring.Seal, g.Ring.Open }
	h := nyttHus(t, g.Klokke, i)
	innhold := map[string]string{"small": "Hemmelig innhold", "a piece": strings.Repeat("a", stykke), "more": strings.Repeat("Hemmelig", stykke/3)}
	m := meldingJSON(fnr)
	var vedlegg []string
	for _, navn := range []string{"small", "a piece", "more"} {
		vedlegg = append(vedlegg, h.nyttPublisert(innhold[navn]))
	}
	m["existingAttachments"] = vedlegg
	if status, _, _, tekst := h.kall("POST", "/correspondence", med(m, "correspondence.content.messageTitle", "Hemmelig tittel")); status != 200 {
		t.Fatal(tekst)
	}
	for _, s := range h.Liste() {
		if err := h.Lest(t.Context(), s.ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Avvis(true); err != nil {
		t.Fatal(err)
	}
	for_ := h.Liste()

	h = nyttHus(t, g.Klokke, i)
	if diff := cmp.Diff(for_, h.Liste()); diff != "" || !h.Avviser() || len(for_) != 1 {
		t.Fatalf("after a restart, refusing %v (-before +after):\n%s", h.Avviser(), diff)
	}
	if status, _, svar, _ := h.kall("GET", "/correspondence/"+for_[0].ID+"/details", nil); status != 200 || svar["status"] != "Read" {
		t.Errorf("the letter is %v (%d)", svar["status"], status)
	}
	if status, kode, _, _ := h.kall("POST", "/correspondence", m); status != 409 || kode != 1034 {
		t.Errorf("the key is forgotten: %d/%d", status, kode)
	}
	for nr, navn := range []string{"small", "a piece", "more"} {
		_, r, err := h.Apne(for_[0].ID, nr+1)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if r.Close(); err != nil || string(b) != innhold[navn] {
			t.Errorf("%s: %d bytes of %d (%v)", navn, len(b), len(innhold[navn]), err)
		}
	}
	filer, err := os.ReadDir(dir)
	if err != nil || len(filer) != 3*2+1+1 {
		t.Fatalf("%d files: %v", len(filer), err)
	}
	for _, f := range filer {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, leter := range []string{"Hemmelig", "01810112345", "a.pdf", "aaaaaaaa"} {
			if bytes.Contains(b, []byte(leter)) {
				t.Errorf("%s holds %q", f.Name(), leter)
			}
		}
		if strings.HasSuffix(f.Name(), etterInnhold) { // cut short, it does not open
			if err := os.Truncate(filepath.Join(dir, f.Name()), int64(len(b)/2)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for nr := range 3 {
		_, r, err := h.Apne(for_[0].ID, nr+1)
		if err == nil {
			_, err = io.Copy(io.Discard, r)
			r.Close()
		}
		if err == nil {
			t.Errorf("file %d was cut short and reads as whole", nr+1)
		}
	}
}

// What the sandbox's contract says of its own endpoints.
func TestRuter(t *testing.T) {
	t.Parallel()
	k := klokke.NyManuell(grunntest.Start)
	var hort []string
	h := nyttHus(t, k, func(c *Config) { c.Endret = func(_ context.Context, id string) { hort = append(hort, id) } })
	ro := &httpx.Router{Klokke: k, Log: slog.New(slog.DiscardHandler)}
	if err := auth.Guard(ro, nil, nil, h.Routes()); err != nil {
		t.Fatal(err)
	}
	kall := func(metode, sti, kropp string) (int, string, http.Header) {
		r := httptest.NewRequestWithContext(t.Context(), metode, sti, strings.NewReader(kropp))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		ro.ServeHTTP(w, r)
		return w.Code, w.Body.String(), w.Header()
	}
	if status, tekst, _ := kall("GET", "/sandbox/altinn", ""); status != 200 || tekst != "[]" {
		t.Errorf("an empty list: %d %s", status, tekst)
	}
	m := meldingJSON(fnr, h.nyttPublisert("innhold"))
	h.kall("POST", "/correspondence", m)
	_, tekst, _ := kall("GET", "/sandbox/altinn", "")
	id := h.Liste()[0].ID
	want := fmt.Sprintf(`[{"id":"%s","time":"2026-06-10T08:00:00Z","mottaker":"01810112345","tittel":"Tittel","referanse":"ref",`+
		`"vedlegg":[{"filnavn":"a.pdf","url":"http://sandkasse.test/sandbox/altinn/%s/vedlegg/1"}]}]`, id, id)
	if tekst != want {
		t.Errorf("the list is\n%s, want\n%s", tekst, want)
	}
	status, tekst, hode := kall("GET", "/sandbox/altinn/"+id+"/vedlegg/1", "")
	if status != 200 || tekst != "innhold" || hode.Get("Content-Type") != "application/pdf" || hode.Get("Content-Disposition") != "attachment; filename=a.pdf" {
		t.Errorf("the file: %d %q %v", status, tekst, hode)
	}
	for _, nr := range []string{"0", "2", "x"} {
		if status, _, _ := kall("GET", "/sandbox/altinn/"+id+"/vedlegg/"+nr, ""); status != 404 {
			t.Errorf("file %s: %d", nr, status)
		}
	}
	for range 2 {
		if status, tekst, _ := kall("POST", "/sandbox/altinn/"+id+"/lest", ""); status != 204 {
			t.Errorf("read: %d %s", status, tekst)
		}
	}
	if !cmp.Equal([]string{id, id}, hort) {
		t.Errorf("heard of %q", hort)
	}
	_, _, svar, _ := h.kall("GET", "/correspondence/"+id+"/details", nil)
	if hist := svar["statusHistory"].([]any); len(hist) != 5 || svar["status"] != "Read" {
		t.Errorf("history: %v", hist)
	}
	if status, _, _ := kall("POST", "/sandbox/altinn/"+uuid.NewString()+"/lest", ""); status != 404 {
		t.Errorf("an unknown letter read: %d", status)
	}
	for kropp, status := range map[string]int{`{}`: 400, `x`: 400, `{"avvis":true}`: 200} {
		if got, _, _ := kall("POST", "/sandbox/altinn", kropp); got != status {
			t.Errorf("%s: %d, want %d", kropp, got, status)
		}
	}
	for mottaker, want := range map[string]int{fnr: 422, orgnr: 400} {
		if status, kode, _, _ := h.kall("POST", "/correspondence", meldingJSON(mottaker)); status != want || kode == 0 {
			t.Errorf("refusing %s: %d/%d", mottaker, status, kode)
		}
	}
	if status, _, _ := kall("GET", Plattform+prefiks+"/correspondence/"+id, ""); status != 401 {
		t.Errorf("the API below %s: %d", Plattform, status)
	}
}
