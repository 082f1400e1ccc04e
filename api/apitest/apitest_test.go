package apitest_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"knutepunkt/api/apitest"
)

// recorder keeps what would have failed a test.
type recorder struct {
	t  *testing.T
	mu sync.Mutex
	// errors and logs, one per report
	errors, logs []string
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}
func (r *recorder) Logf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.logs = append(r.logs, fmt.Sprintf(format, args...))
}
func (r *recorder) Fatalf(format string, args ...any) { r.t.Helper(); r.t.Fatalf(format, args...) }

const (
	id   = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
	sak  = `{"fiksDigisosId":"` + id + `","sokerFnr":"01810112345","fiksOrgId":"` + id + `","kommunenummer":"4601","sistEndret":1,"originalSoknadNAV":null,"ettersendtInfoNAV":null,"digisosSoker":null,"tilleggsinformasjon":null}`
	fil  = `{"filnavn":"a.pdf","dokumentlagerDokumentId":"` + id + `","storrelse":3}`
	sent = `{"meldingId":"` + id + `","meldingType":"x","avsenderKontoId":"` + id + `","mottakerKontoId":"` + id + `","ttl":1000,"dokumentlagerId":null,"svarPaMelding":null,"headere":{}}`
	feil = `{"timestamp":1,"status":404,"error":"Not Found","errorId":"` + id + `","path":"/","originalPath":null,"message":"m","errorCode":null,"errorJson":null}`
)

// exchange is a request, and what a fake server answers.
type exchange struct {
	method, path string
	header       http.Header // nil: a Maskinporten token and an integrasjon
	contentType  string      // of the request
	body         string

	status     int
	answerType string
	answer     string
	answerHead http.Header
}

var anonymous = http.Header{}

// run makes one exchange through the transport and returns what was reported.
func (e exchange) run(t *testing.T) *recorder {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if err != nil || string(got) != e.body {
			t.Errorf("the server got %d bytes of body (%v), want %d", len(got), err, len(e.body))
		}
		for name, values := range e.answerHead {
			w.Header()[name] = values
		}
		if e.answerType != "" {
			w.Header().Set("Content-Type", e.answerType)
		} else {
			w.Header()["Content-Type"] = nil
		}
		w.WriteHeader(e.status)
		io.WriteString(w, e.answer)
	}))
	defer server.Close()
	rec := &recorder{t: t}
	req, err := http.NewRequestWithContext(t.Context(), e.method, server.URL+e.path, strings.NewReader(e.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = e.header.Clone()
	if req.Header == nil {
		req.Header = http.Header{"Authorization": {"BEARER x"}, "Integrasjonid": {id}, "Integrasjonpassord": {"p"}}
	}
	if e.contentType != "" {
		req.Header.Set("Content-Type", e.contentType)
	}
	resp, err := apitest.Transport(rec, nil).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if e.method != "HEAD" && string(got) != e.answer {
		t.Errorf("the caller got %d bytes of body, want %d", len(got), len(e.answer))
	}
	return rec
}

// TestConforming sends exchanges that follow the documents, among them all that the contract is lenient about.
func TestConforming(t *testing.T) {
	t.Parallel()
	json := "application/json"
	for name, e := range map[string]exchange{
		"list":                       {method: "GET", path: "/digisos/api/v1/soknader/soknader", status: 200, answerType: json, answer: "[" + sak + "]"},
		"empty list":                 {method: "GET", path: "/digisos/api/v1/soknader/soknader", status: 200, answerType: json, answer: "[]\n"},
		"with charset":               {method: "GET", path: "/digisos/api/v1/soknader/" + id, status: 200, answerType: "application/json; charset=UTF-8", answer: sak},
		"not found":                  {method: "GET", path: "/digisos/api/v1/soknader/" + id, status: 404, answerType: json, answer: feil + "\n"},
		"undocumented error":         {method: "GET", path: "/digisos/api/v1/soknader/" + id, status: 503, answerType: json, answer: feil},
		"refused request":            {method: "POST", path: "/digisos/api/v1/nav/soknader/soknader", contentType: json, body: `{`, status: 400, answerType: json, answer: feil},
		"unauthorized":               {method: "GET", path: "/fiks-io/katalog/api/v1/lookup", header: anonymous, status: 401, answerHead: http.Header{"Www-Authenticate": {"Bearer"}}, answerType: json, answer: feil},
		"literal before parameter":   {method: "POST", path: "/digisos/api/v1/nav/soknader/status?sporingsId=1", contentType: json, body: `{"digisosIdListe":["` + id + `"]}`, status: 200, answerType: json, answer: `{"statusListe":[]}`},
		"case of the fagsystem":      {method: "POST", path: "/digisos/api/v1/" + id + "/ny?sokerFnr=01810112345", status: 200, answerType: json, answer: `"` + id + `"`},
		"multipart":                  {method: "POST", path: "/digisos/api/v1/soknader/4601/110", contentType: "multipart/form-data; boundary=x", body: "--x--\r\n", status: 202, answerType: json, answer: `"` + id + `"`},
		"no body":                    {method: "DELETE", path: "/digisos/api/v1/mellomlagring/110", status: 204},
		"several ids":                {method: "DELETE", path: "/digisos/api/v1/" + id + "/" + id + "/filer?filIder=" + id + "&filIder=" + id + "," + id, status: 204},
		"binary":                     {method: "GET", path: "/digisos/api/v1/dokumentlager-public-key", status: 200, answerType: "application/octet-stream", answer: "\x30\x82"},
		"any type":                   {method: "GET", path: "/dokumentlager/nedlasting/" + id, status: 200, answerType: "application/pdf", answer: "%PDF", answerHead: http.Header{"Content-Disposition": {`attachment; filename="a.pdf"`}}},
		"literal in the middle":      {method: "GET", path: "/dokumentlager/nedlasting/niva4/" + id + "?inline=true", status: 200, answerType: "application/pdf", answer: "%PDF", answerHead: http.Header{"Content-Disposition": {`inline; filename="a.pdf"`}}},
		"trailing slash":             {method: "POST", path: "/dokumentlager/api/v1/" + id + "/kontoer/" + id + "/dokumenter/?kryptert=true", contentType: "multipart/form-data; boundary=x", status: 201, answerHead: http.Header{"Location": {"http://x"}}, answerType: json, answer: `{"id":"` + id + `","dokumentnavn":"a","mimeType":"b","ukryptertStorrelse":null,"kryptertStorrelse":1}`},
		"HEAD":                       {method: "HEAD", path: "/digisos/api/v1/soknader/soknader", status: 200, answerType: json},
		"person without integrasjon": {method: "GET", path: "/fiks-io/root/api/v1/kontoer", header: http.Header{"Authorization": {"Bearer x"}}, status: 200, answerType: json, answer: `{"kontoer":[]}`},
		"no credentials needed":      {method: "GET", path: "/fiks-io/katalog/api/v1/kontoer/" + id + "/offentligNokkel", header: anonymous, status: 200, answerType: json, answer: `{"nokkel":"-----BEGIN CERTIFICATE-----","valid":true}`},
		"send":                       {method: "POST", path: "/fiks-io/api/v1/send", contentType: `multipart/form-data; boundary="x"`, status: 202, answerType: json, answer: sent},
		"escaped path":               {method: "GET", path: "/fiks-io/meldingsprotokollkatalog/api/v1/meldingsprotokoller/a.ugyldigforesp%C3%B8rsel", status: 200, answerType: json, answer: `{"navn":"a"}`},
		"conflict":                   {method: "PUT", path: "/fiks-io/konto/api/v1/kontoer/" + id + "/adresser/" + id + "/aktiver", status: 400, answerType: json, answer: `{"fiksOrgId":"` + id + `","kontoId":"` + id + `","adresseId":"` + id + `"}`},
		"unknown path":               {method: "GET", path: "/digisos/api/v9/x", status: 404},
		"unknown method":             {method: "PUT", path: "/digisos/api/v1/soknader/soknader", status: 405},
		"other service":              {method: "GET", path: "/readyz", status: 200, answerType: json, answer: "nonsense"},
		"the document itself":        {method: "GET", path: "/digisos/api/v1/openapi.json", status: 200, answerType: json, answer: "{}"},
		"form":                       {method: "POST", path: "/maskinporten/token", header: anonymous, contentType: "application/x-www-form-urlencoded", body: "a=b", status: 200, answerType: json, answer: `{"access_token":"a","token_type":"Bearer","expires_in":599,"scope":"ks:fiks"}`},
		"redirect":                   {method: "GET", path: "/idporten/authorize?response_type=code&client_id=a&redirect_uri=b&scope=openid&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256", header: anonymous, status: 302, answerHead: http.Header{"Location": {"b?code=1"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if rec := e.run(t); len(rec.errors) > 0 {
				t.Errorf("reported: %s", strings.Join(rec.errors, "\n"))
			}
		})
	}
}

// TestViolations sends exchanges with one fault each, which must be found and named.
func TestViolations(t *testing.T) {
	t.Parallel()
	json := "application/json"
	get := func(path, answer string) exchange {
		return exchange{method: "GET", path: path, status: 200, answerType: json, answer: answer}
	}
	files := "/digisos/api/v1/" + id + "/" + id + "/filer"
	for name, test := range map[string]struct {
		exchange
		want string
	}{
		"path":                      {get("/digisos/api/v1/finnesikke/x/y/z/w", "{}"), "the path is not documented"},
		"method":                    {exchange{method: "PUT", path: "/fiks-io/api/v1/send", status: 200}, "the method is not documented; the path has POST"},
		"status":                    {exchange{method: "POST", path: "/fiks-io/api/v1/send", contentType: "multipart/form-data; boundary=x", status: 200, answerType: json, answer: sent}, "the status is not documented"},
		"redirect":                  {exchange{method: "POST", path: "/fiks-io/api/v1/send", contentType: "multipart/form-data; boundary=x", status: 308}, "the status is not documented"},
		"content type":              {exchange{method: "GET", path: files, status: 200, answerType: "text/plain", answer: "[]"}, `content type "text/plain", documented is application/json`},
		"no content type":           {exchange{method: "GET", path: files, status: 200, answer: "[]"}, `content type ""`},
		"error as text":             {exchange{method: "GET", path: files, status: 500, answerType: "text/plain; charset=utf-8", answer: "nil"}, `content type "text/plain; charset=utf-8"`},
		"not JSON":                  {get(files, "["), "the body is not JSON"},
		"empty body":                {get(files, ""), "the body is not JSON"},
		"wrong type":                {get(files, "{}"), "value must be an array"},
		"member missing":            {get(files, `[`+strings.Replace(fil, `"storrelse"`, `"size"`, 1)+`]`), `property "storrelse" is missing`},
		"member too much":           {get(files, `[`+strings.Replace(fil, `{`, `{"mimetype":"x",`, 1)+`]`), `property "mimetype" is unsupported`},
		"null where none may be":    {get(files, `[`+strings.Replace(fil, `"a.pdf"`, `null`, 1)+`]`), "/0/filnavn: Value is not nullable"},
		"not a UUID":                {get(files, `[`+strings.Replace(fil, id, "abc", 1)+`]`), "/0/dokumentlagerDokumentId"},
		"UUID in capitals":          {get(files, `[`+strings.Replace(fil, id, strings.ToUpper(id), 1)+`]`), "/0/dokumentlagerDokumentId"},
		"not a time":                {get("/sandbox/clock", `{"time":"yesterday"}`), "/time"},
		"number as text":            {get("/fiks-io/manuell/api/v1/kontoer/"+id+"/meldinger/antall", `"3"`), "value must be an integer"},
		"body where none is":        {exchange{method: "DELETE", path: "/dokumentlager/api/v1/" + id + "/kontoer/" + id + "/dokumenter/" + id, status: 200, answerType: json, answer: "{}"}, "there is a body where none is documented"},
		"header missing":            {exchange{method: "GET", path: files, status: 401, answerType: json, answer: feil}, "the header WWW-Authenticate is missing"},
		"error without errorId":     {exchange{method: "GET", path: files, status: 404, answerType: json, answer: strings.Replace(feil, `"errorId":"`+id+`",`, "", 1)}, `property "errorId" is missing`},
		"error on several lines":    {exchange{method: "GET", path: files, status: 404, answerType: json, answer: strings.Replace(feil, ",", ",\n", 1)}, "the error is on several lines"},
		"error in another order":    {exchange{method: "GET", path: files, status: 404, answerType: json, answer: strings.Replace(strings.Replace(feil, `"message":"m",`, "", 1), `"timestamp"`, `"message":"m","timestamp"`, 1)}, "not in the order timestamp"},
		"query accepted":            {exchange{method: "POST", path: "/digisos/api/v1/" + id + "/ny?sokerFnr=1", status: 200, answerType: json, answer: `"` + id + `"`}, "the parameter sokerFnr"},
		"query missing":             {get("/digisos/api/v1/nav/soknader/"+id, sak), "the parameter sporingsId"},
		"path parameter accepted":   {get("/digisos/api/v1/nav/kommuner/46", "{}"), "the parameter kommunenummer"},
		"body accepted":             {exchange{method: "POST", path: "/digisos/api/v1/nav/soknader/soknader?sporingsId=1", contentType: json, body: `{"fnr":"1"}`, status: 200, answerType: json, answer: "[]"}, "/fnr"},
		"request type accepted":     {exchange{method: "POST", path: files, contentType: "text/plain", body: "x", status: 200, answerType: json, answer: "[]"}, `accepted a request of content type "text/plain"`},
		"open to everybody":         {exchange{method: "GET", path: files, header: anonymous, status: 200, answerType: json, answer: "[]"}, "security requirements failed"},
		"open without integrasjon":  {exchange{method: "GET", path: files, header: http.Header{"Authorization": {"Bearer x"}}, status: 200, answerType: json, answer: "[]"}, "no IntegrasjonId"},
		"issuer with a half answer": {exchange{method: "POST", path: "/maskinporten/token", header: anonymous, contentType: "application/x-www-form-urlencoded", status: 200, answerType: json, answer: `{"access_token":"a"}`}, `property "expires_in" is missing`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := test.run(t)
			all := strings.Join(rec.errors, "\n")
			if !strings.Contains(all, test.want) {
				t.Errorf("reported %q, want %q", all, test.want)
			}
			path, _, _ := strings.Cut(test.path, "?")
			if prefix := fmt.Sprintf("apitest: %s %s answered %d: ", test.method, path, test.status); !strings.HasPrefix(all, prefix) {
				t.Errorf("reported %q, want it to begin with %q", all, prefix)
			}
		})
	}
}

// TestStreams makes an exchange whose answer begins before the request has ended, and never ends by itself. It would
// hang if the transport read bodies that are not JSON.
func TestStreams(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		if err := rc.EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		one := make([]byte, 1)
		if _, err := io.ReadFull(r.Body, one); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Write(one)
		rc.Flush()
		io.Copy(io.Discard, r.Body)
	}))
	defer server.Close()
	body, writer := io.Pipe()
	rec := &recorder{t: t}
	req, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/digisos/api/v1/mellomlagring/110/"+id, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Authorization": {"Bearer x"}, "Integrasjonid": {id}, "Integrasjonpassord": {"p"}, "Content-Type": {"application/octet-stream"}}
	go writer.Write([]byte("x"))
	resp, err := apitest.Transport(rec, nil).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	one := make([]byte, 1)
	if _, err := io.ReadFull(resp.Body, one); err != nil || one[0] != 'x' {
		t.Errorf("got %q, %v", one, err)
	}
	writer.Close()
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 {
		t.Errorf("then got %q, %v", rest, err)
	}
	if len(rec.errors) > 0 {
		t.Errorf("reported: %v", rec.errors)
	}
}

// TestLongJSON passes a JSON body on that is too long to be checked, and says so.
func TestLongJSON(t *testing.T) {
	t.Parallel()
	e := exchange{method: "GET", path: "/digisos/api/v1/soknader/soknader", status: 200, answerType: "application/json",
		answer: "[" + string(bytes.Repeat([]byte(" "), 5<<20)) + "wrong]"}
	rec := e.run(t)
	if len(rec.errors) > 0 || len(rec.logs) != 1 || !strings.Contains(rec.logs[0], "too long to be checked") {
		t.Errorf("errors %v, logs %v", rec.errors, rec.logs)
	}
}

// TestTransportErrors leaves errors of the connection to the caller.
func TestTransportErrors(t *testing.T) {
	t.Parallel()
	rec := &recorder{t: t}
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	req, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/digisos/api/v1/nav/kommuner", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := apitest.Transport(rec, nil).RoundTrip(req); err == nil || len(rec.errors) > 0 {
		t.Errorf("got %v and reported %v", err, rec.errors)
	}
}
