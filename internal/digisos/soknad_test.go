package digisos

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
)

var oppdaterGolden = flag.Bool("update", false, "write the golden files anew")

var uuidRe = regexp.MustCompile(uuidMonster)

// golden compares JSON, indented and with ids numbered in order, with a file.
func golden(t *testing.T, navn, kropp string) {
	t.Helper()
	sett := map[string]string{}
	kropp = uuidRe.ReplaceAllStringFunc(kropp, func(id string) string {
		if strings.HasPrefix(id, "00000000-0000-4000-") {
			return id // a fixed id of the test house
		}
		if sett[id] == "" {
			sett[id] = fmt.Sprintf("uuid-%d", len(sett)+1)
		}
		return sett[id]
	})
	var raa json.RawMessage = []byte(kropp)
	b, err := json.MarshalIndent(raa, "", "  ")
	must(t, err)
	b = append(b, '\n')
	fil := filepath.Join("testdata", navn)
	if *oppdaterGolden {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(fil, b, 0o644))
	}
	want, err := os.ReadFile(fil)
	must(t, err)
	if d := cmp.Diff(string(want), string(b)); d != "" {
		t.Errorf("%s: %s", navn, d)
	}
}

// A whole case in its wire form, all members present.
func TestDigisosSakGolden(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.mellomlagre(t, "110000001", "lønn 1.pdf", "lønn 2.pdf")
	id := h.nySoknad(t, kari, "110000001")
	golden(t, "sak_ny.json", h.get(t, innbygger(kari), "/digisos/api/v1/soknader/"+id).er(t, 200))
	h.ettersend(t, kari, id, "1100000010001", "a.pdf", "ettersendelse.pdf").er(t, 202)
	h.lastOpp(t, id, "vedtak.pdf")
	h.oppdater(t, id, sokerJSON("")).er(t, 202)
	golden(t, "sak_full.json", h.get(t, innbygger(kari), "/digisos/api/v1/soknader/"+id).er(t, 200))
	papir := les[string](t, h.post(t, fagOslo, "/digisos/api/v1/"+orgOslo+"/ny?sokerFnr="+kari, ""), 200)
	golden(t, "sak_papir.json", h.get(t, innbygger(kari), "/digisos/api/v1/soknader/"+papir).er(t, 200))
	golden(t, "feil_duplikat.json", strings.Replace(h.send(t, innbygger(kari), "/digisos/api/v2/soknader/0301/110000001", soknadDeler(t, kari)...).er(t, 400), "x", "x", 1))
}

// Mellomlagring becomes part of the søknad, in upload order, after the files of
// the request; then it is empty, and the citizen may read the files.
func TestSoknadTarMellomlagring(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	m := h.mellomlagre(t, "110000001", "z.pdf")
	m = append(m, h.mellomlagre(t, "110000001", "a.pdf", "lønn.pdf")...)
	annen := h.mellomlagre(t, "110000002", "a.pdf")
	id := h.nySoknad(t, kari, "110000001")
	o := h.sak(t, kari, id).OriginalSoknadNAV
	var navn []string
	for _, v := range o.Vedlegg {
		navn = append(navn, v.Filnavn)
	}
	if d := cmp.Diff([]string{"Soknad-juridisk.pdf", "Brukerkvittering.pdf", "z.pdf", "a.pdf", "lønn.pdf"}, navn); d != "" {
		t.Error(d)
	}
	if o.Vedlegg[2].DokumentlagerDokumentID != m[0].FilID || o.Vedlegg[2].Storrelse != 5 {
		t.Errorf("%+v", o.Vedlegg[2])
	}
	h.get(t, nav, "/digisos/api/v1/mellomlagring/110000001").er(t, 404)
	h.get(t, nav, "/digisos/api/v1/mellomlagring/110000001/"+m[0].FilID).er(t, 404)
	h.get(t, nav, "/digisos/api/v1/mellomlagring/110000002/"+annen[0].FilID).er(t, 200)
	for _, v := range append(o.Vedlegg, o.SoknadDokument) {
		if _, err := h.dok.Sjekk(t.Context(), auth.Caller{Slag: auth.Person, Fnr: kari, Niva: 4}, v.DokumentlagerDokumentID); err != nil {
			t.Errorf("%s: %v", v.Filnavn, err)
		}
		if _, err := h.dok.Sjekk(t.Context(), auth.Caller{Slag: auth.Person, Fnr: ola, Niva: 4}, v.DokumentlagerDokumentID); err == nil {
			t.Errorf("%s is open to others", v.Filnavn)
		}
	}
	konf, err := h.s.Konfigurasjon(t.Context(), orgOslo)
	must(t, err)
	for _, dok := range []string{o.SoknadDokument.DokumentlagerDokumentID, o.Metadata, o.VedleggMetadata} {
		if m, err := h.dok.Metadata(t.Context(), dok); err != nil || m.KontoID != konf.DokumentlagerKontoID || m.Korrelasjonsid != id || m.Sikkerhetsniva != 4 {
			t.Errorf("%+v %v", m, err)
		}
	}
	// JSON documents are not for the browser.
	if _, err := h.dok.Sjekk(t.Context(), auth.Caller{Slag: auth.Person, Fnr: kari, Niva: 4}, o.Metadata); err == nil {
		t.Error("soknad.json is exposed")
	}
	// v1 leaves mellomlagring alone.
	les[string](t, h.send(t, innbygger(kari), "/digisos/api/v1/soknader/0301/110000002", soknadDeler(t, kari)...), 202)
	h.get(t, nav, "/digisos/api/v1/mellomlagring/110000002").er(t, 200)
}

func TestHoveddokument(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	for i, tt := range []struct {
		navn  []string
		hoved string
		rest  []string
	}{
		{[]string{"a.pdf", "b.pdf", "SOKNAD.PDF", "c.pdf"}, "SOKNAD.PDF", []string{"a.pdf", "b.pdf", "c.pdf"}},
		{[]string{"a.pdf", "b.pdf"}, "a.pdf", []string{"b.pdf"}},
		{[]string{"soknad.pdf"}, "soknad.pdf", nil},
		{[]string{"x.pdf", "soknad.pdf", "Soknad.pdf"}, "soknad.pdf", []string{"x.pdf", "Soknad.pdf"}},
	} {
		d := []del{jsonDel("soknadJson", soknadJSON(kari)), jsonDel("vedleggJson", "{}")}
		for j, n := range tt.navn {
			d = append(d, par(t, j, n, n)...)
		}
		id := les[string](t, h.send(t, innbygger(kari), fmt.Sprintf("/digisos/api/v1/soknader/0301/%d", i), d...), 202)
		o := h.sak(t, kari, id).OriginalSoknadNAV
		var rest []string
		for _, v := range o.Vedlegg {
			rest = append(rest, v.Filnavn)
		}
		if o.SoknadDokument.Filnavn != tt.hoved || cmp.Diff(tt.rest, rest) != "" {
			t.Errorf("%v: %s, %v", tt.navn, o.SoknadDokument.Filnavn, rest)
		}
		if o.Vedlegg == nil {
			t.Error("vedlegg must be an empty array, not null")
		}
	}
}

// What is refused leaves nothing behind, and no personal data in the message.
func TestAvvistSoknad(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	pdf := par(t, 0, "Soknad.pdf", "%PDF")
	soknad, vedlegg := jsonDel("soknadJson", soknadJSON(kari)), jsonDel("vedleggJson", vedleggJSON)
	for navn, tt := range map[string]struct {
		path    string
		deler   []del
		status  int
		melding string
	}{
		"kommune uten fire siffer": {"/digisos/api/v2/soknader/301/r", nil, 400, "kommunenummer må ha 4 siffer"},
		"ukjent kommune":           {"/digisos/api/v2/soknader/1106/r", append([]del{soknad, vedlegg}, pdf...), 400, "Kommune 1106 bruker ikke Fiks Digisos"},
		"ugyldig ref":              {"/digisos/api/v2/soknader/0301/a.b", nil, 400, "navEksternRefId må ha 1 til 60 tegn av A–Z, a–z, 0–9, _ og -"},
		"lang ref":                 {"/digisos/api/v2/soknader/0301/" + strings.Repeat("a", 61), nil, 400, "navEksternRefId må ha 1 til 60 tegn av A–Z, a–z, 0–9, _ og -"},
		"uten soknadJson":          {"/digisos/api/v2/soknader/0301/r", append([]del{vedlegg}, pdf...), 400, "Forespørselen mangler delen soknadJson"},
		"uten vedleggJson":         {"/digisos/api/v2/soknader/0301/r", append([]del{soknad}, pdf...), 400, "Forespørselen mangler delen vedleggJson"},
		"feil i soknad":            {"/digisos/api/v2/soknader/0301/r", append([]del{jsonDel("soknadJson", strings.Replace(soknadJSON(kari), `"kilde":"system"`, `"kilde":"`+kari+`"`, 1)), vedlegg}, pdf...), 400, "soknadJson følger ikke skjemaet: /data/personalia/personIdentifikator/kilde: skal være en av system"},
		"feil i vedlegg":           {"/digisos/api/v2/soknader/0301/r", append([]del{soknad, jsonDel("vedleggJson", `{"vedlegg":[{"filer":["`+kari+`"]}]}`)}, pdf...), 400, "vedleggJson følger ikke skjemaet: /vedlegg/0/filer/0: skal være object, er string"},
		"feil tilleggsinformasjon": {"/digisos/api/v2/soknader/0301/r", append([]del{jsonDel("tilleggsinformasjonJson", `{"enhetsnummer":315}`), soknad, vedlegg}, pdf...), 400, "tilleggsinformasjonJson er ikke gyldig"},
		"annen person":             {"/digisos/api/v2/soknader/0301/r", append([]del{jsonDel("soknadJson", soknadJSON(ola)), vedlegg}, pdf...), 400, "soknadJson gjelder en annen person enn den som er logget inn"},
		"uten filer":               {"/digisos/api/v2/soknader/0301/r", []del{soknad, vedlegg}, 400, "Søknaden mangler søknadsdokumentet"},
		"ukryptert fil":            {"/digisos/api/v2/soknader/0301/r", []del{soknad, vedlegg, pdf[0], {navn: "x", filnavn: "Soknad.pdf", innhold: []byte("%PDF-1.7")}}, 400, "Filen er ikke gyldig kryptert (CMS EnvelopedData), eller er avkortet"},
		"fil uten metadata":        {"/digisos/api/v2/soknader/0301/r", append([]del{soknad, vedlegg, pdf[1]}, pdf...), 400, "Fil nummer 2 mangler metadata"},
		"nest siste fil skadet":    {"/digisos/api/v2/soknader/0301/r", append(append([]del{soknad, vedlegg}, pdf...), pdf[0], del{navn: "x", filnavn: "Soknad.pdf", innhold: pdf[1].innhold[:len(pdf[1].innhold)/2]}), 400, ""},
	} {
		s := h.send(t, innbygger(kari), tt.path, tt.deler...)
		m := s.melding(t, tt.status)
		if tt.melding != "" && m != tt.melding {
			t.Errorf("%s: %s", navn, m)
		}
		if strings.Contains(s.Body.String(), kari) || strings.Contains(s.Body.String(), ola) {
			t.Errorf("%s: a fødselsnummer is in the answer", navn)
		}
	}
	s := h.gjor(t, innbygger(kari), "POST", "/digisos/api/v2/soknader/0301/r", "application/json", []byte("{}"))
	s.er(t, 415)
	for _, hva := range []string{"digisos_sak", "digisos_forsendelse", "digisos_historikk", "dokumenter", "blobs", "leveringer"} {
		if n := h.antall(t, hva); n != 0 {
			t.Errorf("%s has %d rows", hva, n)
		}
	}
}

// A municipality's switches stop new søknader and ettersendelser, but an answer
// already given is given again.
func TestDeaktivertMottak(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "gammel")
	h.ettersend(t, kari, id, "gammel0001", "a.pdf").er(t, 202)
	for want, endre := range map[string]func(*KommuneKonfigurasjon){
		"Kommune 0301 har ikke aktivert mottak av søknader":          func(k *KommuneKonfigurasjon) { k.Aktivert = false },
		"Kommune 0301 har midlertidig deaktivert mottak av søknader": func(k *KommuneKonfigurasjon) { k.MidlertidigDeaktivertMottak = true },
	} {
		h.settKonfig(t, endre)
		if got := h.send(t, innbygger(kari), "/digisos/api/v2/soknader/0301/ny", soknadDeler(t, kari)...).melding(t, 400); got != want {
			t.Error(got)
		}
		if got := h.ettersend(t, kari, id, "gammel0002", "a.pdf").melding(t, 400); got != want {
			t.Error(got)
		}
		if got := h.send(t, innbygger(kari), "/digisos/api/v2/soknader/0301/gammel", soknadDeler(t, kari)...).melding(t, 400); got != fmt.Sprintf(duplikatSoknad, "gammel", id) {
			t.Error(got)
		}
		if got := h.ettersend(t, kari, id, "gammel0001", "a.pdf").melding(t, 400); got != fmt.Sprintf(duplikatEttersendelse, "gammel0001", id) {
			t.Error(got)
		}
	}
}

func TestEttersendelse(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "110000001")
	forrige := h.sak(t, kari, id).SistEndret
	h.ettersend(t, kari, id, "1100000010001", "a.pdf", "ettersendelse.pdf").er(t, 202)
	sak := h.sak(t, kari, id)
	if sak.SistEndret <= forrige {
		t.Error("sistEndret did not move")
	}
	e := sak.EttersendtInfoNAV.Ettersendelser
	if len(e) != 1 || e[0].NavEksternRefID != "1100000010001" || len(e[0].Vedlegg) != 2 || e[0].Vedlegg[1].Filnavn != "ettersendelse.pdf" {
		t.Errorf("%+v", e)
	}
	// The same reference on another case is another ettersendelse.
	annen := h.nySoknad(t, kari, "110000002")
	h.ettersend(t, kari, annen, "1100000010001", "a.pdf").er(t, 202)
	// On a case that the municipality made.
	papir := les[string](t, h.post(t, fagOslo, "/digisos/api/v1/"+orgOslo+"/ny?sokerFnr="+kari, ""), 200)
	h.ettersend(t, kari, papir, papir+"0001", "a.pdf").er(t, 202)
	if got := h.sak(t, kari, papir).EttersendtInfoNAV.Ettersendelser[0].NavEksternRefID; got != papir+"0001" {
		t.Error(got)
	}

	h.ettersend(t, ola, id, "x0001", "a.pdf").er(t, 403)
	h.ettersend(t, kari, "3fa85f64-5717-4562-b3fc-2c963f66afa6", "x0001", "a.pdf").er(t, 404)
	h.ettersend(t, kari, "tull", "x0001", "a.pdf").er(t, 400)
	h.ettersend(t, kari, id, "x0001").er(t, 400) // no files
	h.send(t, innbygger(kari), "/digisos/api/v1/soknader/4601/"+id+"/x0001", append([]del{jsonDel("vedlegg.json", "{}")}, par(t, 0, "a.pdf", "a")...)...).er(t, 400)
	h.send(t, innbygger(kari), "/digisos/api/v1/soknader/0301/"+id+"/x0001", par(t, 0, "a.pdf", "a")...).er(t, 400)
	h.gjor(t, innbygger(kari), "POST", "/digisos/api/v1/soknader/0301/"+id+"/x0001", "application/json", []byte("{}")).er(t, 415)
}

// v2: every file that vedlegg.json names must lie in mellomlagring; all that
// lies there is taken.
func TestEttersendelseFraMellomlagring(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "110000001")
	v2 := "/digisos/api/v2/soknader/0301/" + id + "/1100000010001"
	spes := jsonDel("vedlegg.json", `{"vedlegg":[{"filer":[{"filnavn":"a.pdf"},{"filnavn":"å.pdf"}]}]}`)
	h.send(t, innbygger(kari), v2, spes).er(t, 400)
	h.mellomlagre(t, "1100000010001", "a.pdf")
	if m := h.send(t, innbygger(kari), v2, spes).melding(t, 400); m != "Fil nummer 2 i vedlegg.json finnes ikke i mellomlagringen" {
		t.Error(m)
	}
	h.get(t, nav, "/digisos/api/v1/mellomlagring/1100000010001").er(t, 200) // still there
	h.mellomlagre(t, "1100000010001", "å.pdf", "ettersendelse.pdf")
	h.send(t, innbygger(kari), v2, spes).er(t, 202)
	e := h.sak(t, kari, id).EttersendtInfoNAV.Ettersendelser[0]
	if len(e.Vedlegg) != 3 || e.Vedlegg[1].Filnavn != "å.pdf" {
		t.Errorf("%+v", e)
	}
	h.get(t, nav, "/digisos/api/v1/mellomlagring/1100000010001").er(t, 404)
	if m := h.send(t, innbygger(kari), v2, spes).melding(t, 400); m != fmt.Sprintf(duplikatEttersendelse, "1100000010001", id) {
		t.Error(m)
	}
}

// NAV's programs send raw PDFs in their mock profile; only with the switch.
func TestUkryptertBryter(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, Config{TillatUkryptert: true})
	raa := del{navn: "b.pdf", filnavn: "b.pdf", innhold: []byte("0\x80 rått")}
	d := append([]del{jsonDel("soknadJson", soknadJSON(kari)), jsonDel("vedleggJson", "{}")}, par(t, 0, "Soknad.pdf", "kryptert")...)
	d = append(d, jsonDel("m", metadataJSON("b.pdf", 7)), raa, jsonDel("m", metadataJSON("tom.pdf", 0)), del{navn: "t", filnavn: "tom.pdf"})
	id := les[string](t, h.send(t, innbygger(kari), "/digisos/api/v1/soknader/0301/r", d...), 202)
	o := h.sak(t, kari, id).OriginalSoknadNAV
	for dok, want := range map[string]string{
		o.SoknadDokument.DokumentlagerDokumentID: "kryptert", o.Vedlegg[0].DokumentlagerDokumentID: "0\x80 rått", o.Vedlegg[1].DokumentlagerDokumentID: "",
	} {
		if got := h.get(t, innbygger(kari), "/digisos/api/v1/soknader/"+id+"/dokumenter/"+dok).er(t, 200); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// The size that NAV gave comes back as it came, whatever the file's true size is.
func TestStorrelseErNAVs(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	d := []del{jsonDel("soknadJson", soknadJSON(kari)), jsonDel("vedleggJson", "{}"), jsonDel("m", metadataJSON("Soknad.pdf", 123456789012)),
		{navn: "x", filnavn: "Soknad.pdf", innhold: kryptert(t, "kort")}}
	id := les[string](t, h.send(t, innbygger(kari), "/digisos/api/v1/soknader/0301/r", d...), 202)
	if s := h.sak(t, kari, id).OriginalSoknadNAV.SoknadDokument.Storrelse; s != 123456789012 {
		t.Error(s)
	}
}

// Neither person, file name nor content can be read in the database.
func TestIngentingLesbartIDatabasen(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.mellomlagre(t, "ligger", "hemmelig-mellomlagret.pdf")
	h.mellomlagre(t, "110000001", "hemmelig-lønnslipp.pdf")
	id := h.nySoknad(t, kari, "110000001")
	h.ettersend(t, kari, id, "1100000010001", "hemmelig-ettersendelse.pdf").er(t, 202)
	h.lastOpp(t, id, "hemmelig-vedtak.pdf")
	h.oppdater(t, id, sokerJSON("", `{"type":"saksStatus","hendelsestidspunkt":"2026-01-01T12:00:00.0Z","referanse":"hemmelig-tittel"}`)).er(t, 202)
	h.ikkeLesbart(t, kari, "hemmelig", "Prøve", "Strøm", "Soknad-juridisk", "teknisk@oslo")
}

// ikkeLesbart searches the files of the database.
func (h *hus) ikkeLesbart(t testing.TB, ord ...string) {
	t.Helper()
	filer, err := filepath.Glob(filepath.Join(h.Dir, "knutepunkt.db*"))
	if err != nil || len(filer) == 0 {
		t.Fatal(filer, err)
	}
	for _, f := range filer {
		b, err := os.ReadFile(f)
		must(t, err)
		for _, o := range ord {
			if bytes.Contains(b, []byte(o)) {
				t.Errorf("%q is readable in %s", o, filepath.Base(f))
			}
		}
	}
}

// Each acceptance is in the audit log and the history.
func TestMottakRevisjonOgHistorikk(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "110000001")
	h.ettersend(t, kari, id, "1100000010001", "a.pdf").er(t, 202)
	hs, err := h.revisjon.List(t.Context(), audit.Filter{Gjelder: kari})
	must(t, err)
	var handlinger []string
	for _, e := range hs {
		handlinger = append(handlinger, e.Handling)
		if e.FiksOrg != orgOslo || e.Underressurs != id || e.Principal.Fnr != kari {
			t.Errorf("%+v", e)
		}
	}
	if d := cmp.Diff([]string{"DIGISOS_SOKNAD_MOTTATT", "DIGISOS_ETTERSENDELSE_MOTTATT"}, handlinger); d != "" {
		t.Error(d)
	}
	if got := h.tilstander(t, id); got != "AKSEPTERT_FIKS AKSEPTERT_FIKS_ETTERSENDELSE" {
		t.Error(got)
	}
}
