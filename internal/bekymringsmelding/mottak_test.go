package bekymringsmelding

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"knutepunkt/cms"
	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/keys"
)

func (h *hus) antall(t testing.TB, hva string) (n int) {
	t.Helper()
	must(t, h.DB.Read().QueryRowContext(t.Context(), `SELECT count(*) FROM `+hva).Scan(&n))
	return n
}

// What has answered 201 is there with all that belongs to it; what has not, is not.
func TestAkseptertErLagret(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	deler := h.deler(t, bydelFiksIO)
	ct, body := skjemaKropp(deler...)
	id := les[uuidSvar](t, h.gjor(t, skole, "POST", mottakSti(bydelFiksIO), ct, body), 201).UUID
	h = h.omstart(t) // before any job has run
	m := h.melding(t, id)
	for i, blob := range []string{m.pdfBlob, m.asiceBlob} {
		r, err := h.Blobs.Open(t.Context(), blob, 0)
		must(t, err)
		b, err := io.ReadAll(r)
		must(t, err)
		must(t, r.Close())
		if !bytes.Equal(b, deler[i].innhold) {
			t.Errorf("part %s is not what was sent in", deler[i].navn)
		}
	}
	l, _, err := h.lev.Hent(t.Context(), h.DB.Read(), id)
	must(t, err)
	if l.Frist.IsZero() || l.NesteSteg == "" || l.FiksOrgID != orgBergen {
		t.Errorf("nobody owns it: %+v", l)
	}
	hendelser, err := h.revisjon.List(t.Context(), audit.Filter{FiksOrg: orgBergen})
	must(t, err)
	if !slices.ContainsFunc(hendelser, func(e audit.Hendelse) bool { return e.Handling == "BEKYMRINGSMELDING_MOTTATT" && e.Underressurs == id }) {
		t.Error("it is not in the audit log")
	}
	h.kjor(t)
	h.vil(t, id, "AKSEPTERT SENDT_FAGSYSTEM")
	h.lekker(t, kjenneord, "Rådhusgata")
}

// Exactly the limit is taken, one byte more is not, in any order of the parts.
func TestStorrelse(t *testing.T) {
	t.Parallel()
	const grense = 5_242_880
	h := nyttHus(t)
	fyll := func(b []byte, n int) []byte { return append(slices.Clone(b), make([]byte, n-len(b))...) } // bytes after the message are ignored
	deler := h.deler(t, bydelFiksIO)
	pdf, asice := deler[0], deler[1]
	for _, c := range []struct {
		navn   string
		deler  []del
		status int
	}{
		{"på grensen", []del{{delPDF, fyll(pdf.innhold, 2_000_000)}, {delAsice, fyll(asice.innhold, grense-2_000_000)}}, 201},
		{"en byte over", []del{{delPDF, fyll(pdf.innhold, 2_000_000)}, {delAsice, fyll(asice.innhold, grense-1_999_999)}}, 413},
		{"omvendt, på grensen", []del{{delAsice, fyll(asice.innhold, grense-1_000_000)}, {delPDF, fyll(pdf.innhold, 1_000_000)}}, 201},
		{"omvendt, en byte over", []del{{delAsice, fyll(asice.innhold, grense-1_000_000)}, {delPDF, fyll(pdf.innhold, 1_000_001)}}, 413},
		{"en del alene over", []del{{delPDF, fyll(pdf.innhold, grense+1)}, asice}, 413},
		{"mye over", []del{{delPDF, fyll(pdf.innhold, 2*grense)}, asice}, 413},
	} {
		t.Run(c.navn, func(t *testing.T) {
			ct, body := skjemaKropp(c.deler...)
			before := h.antall(t, "bekymring_melding")
			s := h.gjor(t, skole, "POST", mottakSti(bydelFiksIO), ct, body)
			s.er(t, c.status)
			if c.status == 413 {
				if k := s.kode(t, 413); k != KodeForStor {
					t.Errorf("code %s", k)
				}
				if n := h.antall(t, "bekymring_melding"); n != before {
					t.Error("stored")
				}
			}
		})
	}
	h.kjor(t)
}

type nuller struct{}

func (nuller) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// What cannot be delivered is refused while its sender is there to hear.
func TestAvvisteInnsendinger(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	god := h.deler(t, bydelFiksIO)
	gcm := func(t *testing.T) []byte { return []byte{0x30, 0x03, 0x02, 0x01, 0x00} }
	for _, c := range []struct {
		navn, sti string
		deler     []del
		status    int
		kode      string
	}{
		{"uten asice", mottakSti(bydelFiksIO), god[:1], 400, KodeManglerFil},
		{"uten pdf", mottakSti(bydelFiksIO), god[1:], 400, KodeManglerFil},
		{"ingen deler", mottakSti(bydelFiksIO), nil, 400, KodeManglerFil},
		{"tom asice", mottakSti(bydelFiksIO), []del{god[0], {delAsice, nil}}, 400, KodeManglerFil},
		{"to av samme", mottakSti(bydelFiksIO), []del{god[0], god[0], god[1]}, 400, ""},
		{"klartekst", mottakSti(bydelFiksIO), []del{{delPDF, []byte(pdfen)}, god[1]}, 400, ""},
		{"annen ASN.1", mottakSti(bydelFiksIO), []del{{delPDF, gcm(t)}, god[1]}, 400, ""},
		{"pdf til en annen", mottakSti(bydelFiksIO), []del{{delPDF, kryptert(t, fremmed().cert, []byte(pdfen))}, god[1]}, 400, ""},
		{"asice til trykkeriet", mottakSti(bydelFiksIO), []del{god[0], {delAsice, god[0].innhold}}, 400, ""},
		{"asice til plattformen", mottakSti(bydelFiksIO), []del{god[0], {delAsice, kryptert(t, plattform(t), container(t, pdfen))}}, 400, ""},
		{"ukjent bydel", mottakSti("77"), god, 404, KodeBydelIkkeAktiv},
		{"bydel som ikke er to siffer", mottakSti("7"), god, 400, ""},
		{"ukjent type", strings.Replace(mottakSti(bydelFiksIO), "offentlig", "annet", 1), god, 404, ""},
		{"v2 til bydel med V1", strings.Replace(mottakSti(bydelFiksIO), "v1", "v2", 1), god, 400, KodeVersjonIkkeStottet},
		{"for en annen organisasjon", strings.Replace(mottakSti(bydelFiksIO), orgSkole, orgOslo, 1), god, 403, ""},
		{"organisasjon som ikke er UUID", strings.Replace(mottakSti(bydelFiksIO), orgSkole, "skolen", 1), god, 400, ""},
	} {
		t.Run(c.navn, func(t *testing.T) {
			ct, body := skjemaKropp(c.deler...)
			s := h.gjor(t, skole, "POST", c.sti, ct, body)
			if kode := s.kode(t, c.status); kode != c.kode {
				t.Errorf("code %q, want %q", kode, c.kode)
			}
		})
	}
	h.gjor(t, skole, "POST", mottakSti(bydelFiksIO), "application/json", []byte("{}")).er(t, 400)
	ct, body := skjemaKropp(god...)
	h.gjor(t, skole, "POST", mottakSti(bydelFiksIO), ct, body[:len(body)-20]).er(t, 400) // cut
	for _, c := range []struct {
		hvem   auth.Caller
		status int
	}{{anonym, 401}, {fag, 403}, {bruker, 403}, {portal, 403}, {operator, 403}} {
		h.gjor(t, c.hvem, "POST", mottakSti(bydelFiksIO), ct, body).er(t, c.status)
	}
	if n := h.antall(t, "bekymring_melding"); n != 0 {
		t.Errorf("%d stored", n)
	}
	if n := h.antall(t, "blobs"); n != 0 {
		t.Errorf("%d blobs are left", n)
	}
}

// Parts come in any order, with others that mean nothing, and the key before the
// present one is still taken.
func TestGodtatteInnsendinger(t *testing.T) {
	t.Parallel()
	forrige := nyNokkel("Utskrift AS", 4700)
	h := nyttHus(t, func(c *Config) { c.PrintForrige = append(c.PrintForrige, forrige.cert) })
	god := h.deler(t, bydelManuell)
	for navn, deler := range map[string][]del{
		"omvendt":                     {god[1], god[0]},
		"med ukjent del":              {god[0], {"annet", []byte("x")}, god[1]},
		"trykkeriets forrige":         {{delPDF, kryptert(t, forrige.cert, []byte(pdfen))}, god[1]},
		"flere mottakere":             {god[0], {delAsice, kryptertTil(t, container(t, pdfen), fremmed(), nokkel{cert: plattform(t)})}},
		"bytes etter meldingen":       {god[0], {delAsice, append(slices.Clone(god[1].innhold), 0, 0)}},
		"plattformens forrige nøkkel": nil,
	} {
		t.Run(navn, func(t *testing.T) {
			if deler == nil {
				deler = h.deler(t, bydelManuell)
				key, cert, err := keys.NyPlattformnokkel(h.Klokke, keys.Bekymringsmelding)
				must(t, err)
				_, err = h.Ring.ImportPlatform(t.Context(), keys.Bekymringsmelding, key, cert)
				must(t, err)
			}
			ct, body := skjemaKropp(deler...)
			id := les[uuidSvar](t, h.gjor(t, skole, "POST", mottakSti(bydelManuell), ct, body), 201).UUID
			h.kjor(t)
			h.vil(t, id, "AKSEPTERT SENDT_FAGSYSTEM")
		})
	}
}

// The key before a konto's present one is taken for a day, and no longer.
func TestByttetKontonokkel(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	deler := h.deler(t, bydelFiksIO)
	bytt := func(c *x509.Certificate) {
		_, err := h.fio.SettSertifikat(t.Context(), kontoBergen, pemAv(c), "")
		must(t, err)
	}
	send := func(status int) {
		t.Helper()
		ct, body := skjemaKropp(deler...)
		h.gjor(t, skole, "POST", mottakSti(bydelFiksIO), ct, body).er(t, status)
	}
	bytt(fagsystem().cert) // the same: nothing is replaced
	bytt(fremmed().cert)
	send(201)
	h.Frem(t, 23*time.Hour)
	deler = h.deler(t, bydelFiksIO)
	send(201)
	h.Frem(t, time.Hour)
	deler = h.deler(t, bydelFiksIO)
	send(400)
	must(t, h.fio.FjernSertifikat(t.Context(), kontoBergen, ""))
	send(503)
}

func kryptertTil(t testing.TB, innhold []byte, til ...nokkel) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := cms.NewWriter(&b, til[0].cert, til[1].cert)
	must(t, err)
	_, err = w.Write(innhold)
	must(t, err)
	must(t, w.Close())
	return b.Bytes()
}

// The very same request twice is one report; to another bydel, or of another kind, it
// is another.
func TestSammeToGanger(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	ct, body := skjemaKropp(h.deler(t, bydelManuell)...)
	send := func(sti string) string {
		return les[uuidSvar](t, h.gjor(t, skole, "POST", sti, ct, body), 201).UUID
	}
	en := send(mottakSti(bydelManuell))
	if to := send(mottakSti(bydelManuell)); to != en {
		t.Errorf("%s, then %s", en, to)
	}
	h.kjor(t)
	must(t, h.s.Bekreft(t.Context(), bruker, en))
	if tre := send(mottakSti(bydelManuell)); tre != en {
		t.Errorf("%s after it was delivered", tre)
	}
	if andre := send(strings.Replace(mottakSti(bydelManuell), "offentlig", "privat", 1)); andre == en {
		t.Error("another kind is the same report")
	}
	if n := h.antall(t, "bekymring_melding"); n != 2 {
		t.Errorf("%d reports", n)
	}
	// Many at once.
	ct, body = skjemaKropp(h.deler(t, bydelManuell)...)
	svar := make(chan string, 8)
	for range cap(svar) {
		go func() { svar <- h.gjor(t, skole, "POST", mottakSti(bydelManuell), ct, body).Body.String() }()
	}
	sett := map[string]bool{}
	for range cap(svar) {
		sett[<-svar] = true
	}
	if len(sett) != 1 {
		t.Errorf("answers %v", sett)
	}
}

// The answers are those that the producers' client parses (§4.3, §16).
func TestStatusform(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.Klokke.Sett(h.Klokke.Now().Add(123456 * time.Microsecond))
	id := h.send(t, bydelFiksIO)
	sti := "/bekymringsmelding/api/v2/mottak/fagsystem/" + orgSkole + "/bekymringsmelding/"
	got := h.get(t, skole, sti+id+"/status").er(t, 200)
	want := fmt.Sprintf(`[{"bekymringsmeldingId":%q,"tidspunkt":"2026-06-10T10:00:00.123","tilstand":"AKSEPTERT"},`+
		`{"bekymringsmeldingId":%[1]q,"tidspunkt":"2026-06-10T10:00:00.123","tilstand":"SENDT_FAGSYSTEM"}]`, id)
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	h.get(t, skole, sti+uuid.NewString()+"/status").er(t, 404)
	h.get(t, skole, sti+"x/status").er(t, 400)
	h.get(t, fag, sti+id+"/status").er(t, 403)
	h.get(t, anonym, sti+id+"/status").er(t, 401)
}

// A channel that is changed moves nothing that was sent before (§6).
func TestKanalbytte(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.send(t, bydelManuell)
	h.endreBydel(t, bydelManuell, func(b *Bydel) { b.Kanal, b.FiksIOKontoID = KanalFiksIO, kontoBergen })
	venter, err := h.s.Venter(t.Context(), bruker, "")
	must(t, err)
	if len(venter) != 1 || venter[0].ID != id {
		t.Fatalf("what was sent before does not wait: %v", venter)
	}
	must(t, h.s.Bekreft(t.Context(), bruker, id))
	h.vil(t, id, "AKSEPTERT SENDT_FAGSYSTEM LEVERT")
}

func TestMeldingstyper(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]Melding{
		"no.ks.fiks.bekymringsmelding.privat.v1":    {Type: skjema.TypePrivat, Versjon: skjema.V1},
		"no.ks.fiks.bekymringsmelding.offentlig.v2": {Type: skjema.TypeOffentlig, Versjon: skjema.V2},
	} {
		if got := m.meldingstype(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func FuzzLesFeilet(f *testing.F) {
	for _, s := range []string{"", "{}", `{"feilmelding":"x","permanent":false}`, `{"feilmelding":1}`, "\ufeff{}", "[", `{"permanent":null}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tekst, permanent := lesFeilet(b)
		if len([]rune(tekst)) > maksTekst {
			t.Error("too long")
		}
		if !permanent && !json.Valid(bytes.TrimPrefix(b, []byte("\ufeff"))) {
			t.Error("what is no JSON says that it passes")
		}
	})
}

func FuzzSjekkMottaker(f *testing.F) {
	f.Add([]byte{0x30, 0x80})
	f.Add(kryptert(f, trykkeri().cert, []byte("x")))
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = sjekkMottaker(delPDF, b, nil) // it refuses, and does not panic
		if sjekkMottaker(delPDF, b, nil) == nil {
			t.Error("taken for nobody")
		}
	})
}

// Memory does not grow with what is refused. Alone, since it looks at the whole
// process's.
//
//nolint:paralleltest // see above
func TestMinne(t *testing.T) {
	h := nyttHus(t)
	pdf := h.deler(t, bydelFiksIO)[0]
	var for_, etter runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&for_)
	for range 5 { // a stream of 100 MB, of which only the head is kept
		r := io.MultiReader(strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"bekymringsmelding\"\r\n\r\n"),
			bytes.NewReader(pdf.innhold), io.LimitReader(nuller{}, 20<<20), strings.NewReader("\r\n--x--\r\n"))
		h.gjorMed(t, skole, "POST", mottakSti(bydelFiksIO), "multipart/form-data; boundary=x", r, nil).er(t, 413)
	}
	runtime.ReadMemStats(&etter)
	if brukt := etter.TotalAlloc - for_.TotalAlloc; brukt > 40<<20 {
		t.Errorf("%d MB allocated for 100 MB that were refused", brukt>>20)
	}
}
