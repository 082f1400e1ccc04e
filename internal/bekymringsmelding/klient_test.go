package bekymringsmelding

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"testing"

	"knutepunkt/asice"
	"knutepunkt/cms"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/httpx"
)

// container is an ASiC-E with the PDF and the JSON.
func container(t testing.TB, pdf string) []byte {
	t.Helper()
	var b bytes.Buffer
	k := fremmed()
	w, err := asice.NewWriter(&b, asice.Key{Signer: k.key, Chain: []*x509.Certificate{k.cert}}, asice.WriterOptions{Time: grunntest.Start})
	must(t, err)
	must(t, w.Add(navnJSON, "application/json", strings.NewReader(`{"melding":"`+kjenneord+`"}`)))
	must(t, w.Add(navnPDF, "application/pdf", strings.NewReader(pdf)))
	must(t, w.Close())
	return b.Bytes()
}

func kryptert(t testing.TB, til *x509.Certificate, innhold []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := cms.NewWriter(&b, til)
	must(t, err)
	_, err = w.Write(innhold)
	must(t, err)
	must(t, w.Close())
	return b.Bytes()
}

func dekryptert(t testing.TB, n nokkel, r io.Reader) []byte {
	t.Helper()
	klar, err := cms.NewReader(r, cms.Key{Private: n.key, Certificate: n.cert})
	must(t, err)
	b, err := io.ReadAll(klar)
	must(t, err)
	return b
}

const pdfen = "%PDF-1.7 Kjenneord-som-aldri-skal-kunne-leses"

// del is one part of a multipart request.
type del struct {
	navn    string
	innhold []byte
}

func skjemaKropp(deler ...del) (ct string, body []byte) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, d := range deler {
		p, _ := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; filename="x.bin"; name="%s"`, d.navn)},
			"Content-Type": {"application/octet-stream"}})
		_, _ = p.Write(d.innhold)
	}
	_ = w.Close()
	return w.FormDataContentType(), b.Bytes()
}

// deler are the two parts of a report to a bydel of Bergen.
func (h *hus) deler(t testing.TB, bydel string) []del {
	t.Helper()
	til := plattform(t)
	if bydel == bydelFiksIO {
		til = fagsystem().cert
	}
	return []del{{delPDF, kryptert(t, trykkeri().cert, []byte(pdfen))}, {delAsice, kryptert(t, til, container(t, pdfen))}}
}

// svar is an answer.
type svar struct{ *httptest.ResponseRecorder }

func (h *hus) gjorMed(t testing.TB, c auth.Caller, method, path, ct string, body io.Reader, hoder http.Header) svar {
	t.Helper()
	r, err := http.NewRequestWithContext(auth.With(t.Context(), c), method, "http://hus.test"+path, body)
	must(t, err)
	maps.Copy(r.Header, hoder)
	if ct != "" {
		r.Header.Set("Content-Type", ct)
	}
	if c.Slag != auth.Anonym && r.Header.Get("Authorization") == "" {
		r.Header.Set("Authorization", "Bearer x")
	}
	if c.IntegrasjonID != "" {
		r.Header.Set("IntegrasjonId", c.IntegrasjonID)
		r.Header.Set("IntegrasjonPassord", "x")
	}
	resp, err := h.transport.RoundTrip(r)
	must(t, err)
	defer resp.Body.Close()
	w := httptest.NewRecorder()
	w.Code = resp.StatusCode
	maps.Copy(w.Header(), resp.Header)
	_, err = w.Body.ReadFrom(resp.Body)
	must(t, err)
	return svar{w}
}

func (h *hus) gjor(t testing.TB, c auth.Caller, method, path, ct string, body []byte) svar {
	t.Helper()
	return h.gjorMed(t, c, method, path, ct, bytes.NewReader(body), nil)
}

func (h *hus) get(t testing.TB, c auth.Caller, path string) svar {
	t.Helper()
	return h.gjor(t, c, "GET", path, "", nil)
}

func (h *hus) post(t testing.TB, c auth.Caller, path, body string) svar {
	t.Helper()
	if body == "" {
		return h.gjor(t, c, "POST", path, "", nil)
	}
	return h.gjor(t, c, "POST", path, "application/json", []byte(body))
}

// er fails the test unless the answer has the status, and gives its body.
func (s svar) er(t testing.TB, status int) string {
	t.Helper()
	if s.Code != status {
		t.Fatalf("status %d, want %d: %s", s.Code, status, s.Body)
	}
	return s.Body.String()
}

// kode is the errorCode of an error.
func (s svar) kode(t testing.TB, status int) string {
	t.Helper()
	m := les[httpx.Feilmelding](t, s, status)
	if m.ErrorCode == nil {
		return ""
	}
	return *m.ErrorCode
}

func les[T any](t testing.TB, s svar, status int) (v T) {
	t.Helper()
	must(t, json.Unmarshal([]byte(s.er(t, status)), &v))
	return v
}

type uuidSvar struct {
	UUID string `json:"uuid"`
}

func mottakSti(bydel string) string {
	return "/bekymringsmelding/api/v1/mottak/fagsystem/" + orgSkole + "/4601/" + bydel + "/offentlig"
}

// pakket is an ASiC-E with one file.
func pakket(t testing.TB, navn, innhold string) []byte {
	t.Helper()
	var b bytes.Buffer
	k := fremmed()
	w, err := asice.NewWriter(&b, asice.Key{Signer: k.key, Chain: []*x509.Certificate{k.cert}}, asice.WriterOptions{Time: grunntest.Start})
	must(t, err)
	must(t, w.Add(navn, "application/json", strings.NewReader(innhold)))
	must(t, w.Close())
	return b.Bytes()
}
