package bekymringsmelding

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/audit"
)

// basic calls the SvarInn copy as a reader does.
func (h *hus) basic(t testing.TB, navn, passord, method, path, body string) svar {
	t.Helper()
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(navn, passord)
	return h.gjorMed(t, anonym, method, path, "", strings.NewReader(body), r.Header)
}

func (h *hus) leser(t testing.TB, method, path, body string) svar {
	t.Helper()
	return h.basic(t, integrasjonSvarInn, passordSvarInn, method, svarinnRot+path, body)
}

const liste = "/mottaker/hentNyeForsendelser"

// The list has SvarInn's shape, member by member (§9).
func TestSvarInnListe(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	if got := h.leser(t, "GET", liste, "").er(t, 200); got != "[]" {
		t.Errorf("empty list: %s", got)
	}
	id := h.send(t, bydelSvarInn)
	sum := sha256.Sum256([]byte(pdfen))
	want := fmt.Sprintf(`[{"avsender":{"adresselinje1":"Postboks 1","adresselinje2":null,"adresselinje3":null,"navn":"Nasjonal portal for bekymringsmelding","poststed":"OSLO","postnr":"0001"},`+
		`"mottaker":{"adresse1":"Rådhusgata 10","adresse2":null,"adresse3":null,"postnr":"5014","poststed":"BERGEN","navn":"Barnevernet i Bergen","land":null,"orgnr":"964338531","fnr":null},`+
		`"id":%q,"tittel":"Bekymringsmelding","date":%d,"serverUrl":"https://knutepunkt.test","status":"Akseptert","niva":"4",`+
		`"filmetadata":[{"filnavn":"bekymringsmelding.pdf","mimetype":"application/pdf","sha256hash":%q,"dokumentType":null,"size":%d}],`+
		`"forsendelseType":"bekymringsmelding","eksternRef":%[1]q,"downloadUrl":"https://knutepunkt.test/bekymringsmelding-svarinn-mottak/api/v1/forsendelse/%[1]s"}]`,
		id, h.Klokke.Now().UnixMilli(), hex.EncodeToString(sum[:]), len(pdfen))
	if got := h.leser(t, "GET", liste, "").er(t, 200); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// To fetch is not to acknowledge; each POST is the same when repeated.
func TestSvarInn(t *testing.T) {
	t.Parallel()
	kvitter := func(t *testing.T, h *hus, id string) {
		if b := h.leser(t, "POST", "/kvitterMottak/forsendelse/"+id, "").er(t, 200); b != "" {
			t.Errorf("body %q", b)
		}
	}
	feilet := func(body string) func(*testing.T, *hus, string) {
		return func(t *testing.T, h *hus, id string) {
			h.leser(t, "POST", "/mottakFeilet/forsendelse/"+id, body).er(t, 200)
		}
	}
	hent := func(t *testing.T, h *hus, id string) {
		s := h.leser(t, "GET", "/forsendelse/"+id, "")
		s.er(t, 200)
		if s.Header().Get("Content-Type") != "application/octet-stream" || s.Header().Get("Content-Disposition") != `attachment; filename="bekymringsmelding.pdf"` {
			t.Errorf("headers %v", s.Header())
		}
		if got := dekryptert(t, mottaker(), s.Body); string(got) != pdfen {
			t.Errorf("fetched %q", got)
		}
	}
	const sendt, brev = "AKSEPTERT SENDT_FAGSYSTEM", "AKSEPTERT SENDT_FAGSYSTEM AVVIST_FAGSYSTEM SENDT_PRINT"
	type steg = func(*testing.T, *hus, string)
	for _, c := range []struct {
		navn   string
		steg   []steg
		want   string
		listet int // in the list afterwards
	}{
		{"hentet", []steg{hent, hent}, sendt, 1},
		{"hentet og kvittert", []steg{hent, kvitter}, sendt + " LEVERT", 0},
		{"kvittert to ganger", []steg{kvitter, kvitter}, sendt + " LEVERT", 0},
		{"kvittert, så feilet", []steg{kvitter, feilet(`{"feilmelding":"x","permanent":true}`)}, sendt + " LEVERT", 0},
		{"feilet for godt", []steg{feilet(`{"feilmelding":"Kan ikke lese","permanent":true}`)}, brev, 0},
		{"feilet to ganger", []steg{feilet(`{"feilmelding":"x","permanent":true}`), feilet("")}, brev, 0},
		{"feilet uten kropp", []steg{feilet("")}, brev, 0},
		{"feilet med søppel", []steg{feilet("<xml/>")}, brev, 0},
		{"feilet forbigående", []steg{feilet(`{"feilmelding":"x","permanent":false}`), hent}, sendt, 1},
		{"feilet forbigående, så kvittert", []steg{feilet(`{"permanent":false}`), kvitter}, sendt + " LEVERT", 0},
		{"kvittert for sent", []steg{func(t *testing.T, h *hus, _ string) { h.Frem(t, 49*time.Hour) }, kvitter}, sendt + " SENDT_PRINT", 0},
	} {
		t.Run(c.navn, func(t *testing.T) {
			t.Parallel()
			h := nyttHus(t)
			id := h.send(t, bydelSvarInn)
			for _, s := range c.steg {
				s(t, h, id)
				h = h.omstart(t)
				h.kjor(t)
			}
			h.vil(t, id, c.want)
			if got := len(les[[]any](t, h.leser(t, "GET", liste, ""), 200)); got != c.listet {
				t.Errorf("%d in the list, want %d", got, c.listet)
			}
			h.lekker(t, kjenneord, "Kan ikke lese")
		})
	}
}

// A bydel can have the PDF in a ZIP, for readers that always unpack.
func TestSvarInnZip(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.endreBydel(t, bydelSvarInn, func(b *Bydel) { b.Zip = true })
	id := h.send(t, bydelSvarInn)
	s := h.leser(t, "GET", "/forsendelse/"+id, "")
	s.er(t, 200)
	if s.Header().Get("Content-Type") != "application/zip" || s.Header().Get("Content-Disposition") != `attachment; filename="dokumenter.zip"` {
		t.Errorf("headers %v", s.Header())
	}
	b := dekryptert(t, mottaker(), s.Body)
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	must(t, err)
	if len(z.File) != 1 || z.File[0].Name != "bekymringsmelding.pdf" {
		t.Fatalf("files %v", z.File)
	}
	f, err := z.File[0].Open()
	must(t, err)
	got, err := io.ReadAll(f)
	must(t, err)
	if string(got) != pdfen {
		t.Errorf("fetched %q", got)
	}
}

// Nobody fetches what is not theirs, and a bydel without a certificate loses nothing.
func TestSvarInnTilgang(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.send(t, bydelSvarInn)
	annen := h.send(t, bydelManuell)
	h.basic(t, integrasjonSvarInn, "feil passord som er langt nok til å prøves", "GET", svarinnRot+liste, "").er(t, 401)
	h.basic(t, uuid.NewString(), passordSvarInn, "GET", svarinnRot+liste, "").er(t, 401)
	h.get(t, anonym, svarinnRot+liste).er(t, 401)
	for _, c := range []struct{ method, path string }{
		{"GET", "/forsendelse/"}, {"POST", "/kvitterMottak/forsendelse/"}, {"POST", "/mottakFeilet/forsendelse/"},
	} {
		for _, id := range []string{annen, uuid.NewString(), "x"} {
			h.leser(t, c.method, c.path+id, "").er(t, 404)
		}
	}
	h.vil(t, annen, "AKSEPTERT SENDT_FAGSYSTEM")
	h.endreBydel(t, bydelSvarInn, func(b *Bydel) { b.Sertifikat = nil })
	h.leser(t, "GET", "/forsendelse/"+id, "").er(t, 503)
	h.endreBydel(t, bydelSvarInn, func(b *Bydel) { b.Sertifikat = pemAv(mottaker().cert) })
	h.leser(t, "GET", "/forsendelse/"+id, "").er(t, 200)
	revidert, err := h.revisjon.List(t.Context(), audit.Filter{FiksOrg: orgBergen})
	must(t, err)
	n := 0
	for _, e := range revidert {
		if e.Handling == "BEKYMRINGSMELDING_LASTET_NED" && e.Underressurs == id {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d downloads in the audit log, want the one", n)
	}
	h.leser(t, "POST", "/kvitterMottak/forsendelse/"+id, "").er(t, 200)
	h.leser(t, "GET", "/forsendelse/"+id, "").er(t, 410)
}
