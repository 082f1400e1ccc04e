// Package svarut_test lets programs that nobody here wrote send by SvarUt, fetch
// from SvarInn and open what goes to the printer: Jetty's HTTP client, under KS's
// clients for the sender APIs, and Jackson, which reads for them; curl and Apache's
// client, as receivers send; OpenSSL and KS's library for encryption; unzip, Java's
// ZipInputStream, qpdf and poppler for what comes out. KS's clients themselves cannot
// be had from the registry.
package svarut_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func TestSvarUt(t *testing.T) {
	t.Parallel()
	h := start(t)
	filer := filene(t)

	t.Run("SvarInn", func(t *testing.T) {
		for _, tt := range []struct {
			brev
			hent func(*hus, *testing.T) mottaker
		}{
			{brev{"K1", "organisasjon", "", false}, (*hus).efm},
			{brev{"K1", "organisasjon", "oaep", true}, (*hus).sak},
			{brev{"K1", "organisasjon", "pkcs1", true}, (*hus).apache},
			{brev{"K2", "organisasjon", "", false}, (*hus).sak},
			{brev{"K2", "organisasjon", "oaep", true}, (*hus).apache},
			{brev{"K2", "organisasjon", "pkcs1", true}, (*hus).efm},
			{brev{"K3", "organisasjon", "", false}, (*hus).apache},
			{brev{"K3", "organisasjon", "oaep", true}, (*hus).efm},
			{brev{"K3", "organisasjon", "pkcs1", true}, (*hus).sak},
			{brev{"NAV", "organisasjon", "oaep", true}, (*hus).efm},
		} {
			t.Run(tt.String(), func(t *testing.T) { h.gjennomSvarInn(t, tt.brev, filer, tt.hent(h, t)) })
		}
	})
	t.Run("person", func(t *testing.T) {
		for _, b := range []brev{{"K1", "person", "", false}, {"K2", "person", "oaep", true}, {"K3", "person", "pkcs1", true}} {
			t.Run(b.String(), func(t *testing.T) { h.tilPerson(t, b, filer) })
		}
	})
	t.Run("print", func(t *testing.T) {
		for _, b := range []brev{{"K1", "print", "", false}, {"K2", "print", "oaep", true}, {"K3", "print", "pkcs1", false}, {"K3", "print", "", false}} {
			t.Run(b.String(), func(t *testing.T) { h.tilPrint(t, b, filer) })
		}
	})
	t.Run("mottak feilet", func(t *testing.T) { h.mottakFeilet(t, filer) })
	t.Run("v2", func(t *testing.T) { h.restenAvV2(t, filer) })
	t.Run("egen id", func(t *testing.T) { h.egenID(t, filer) })
	t.Run("avvist", func(t *testing.T) { h.avvist(t, filer) })
	t.Run("strengt v1", func(t *testing.T) { h.strengtV1(t, filer) })
	t.Run("passord i Latin-1", func(t *testing.T) { h.latin1(t) })
}

// gjennomSvarInn sends to an organisation with a mottakersystem, has a receiver
// fetch it, and looks from both sides.
func (h *hus) gjennomSvarInn(t *testing.T, b brev, filer []fil, m mottaker) {
	id, ref := h.send(t, b, filer)
	h.fram(t, "1s")
	h.venterStatus(t, id, "KLAR_FOR_MOTTAK")

	f := m.liste()
	if len(f) != 1 {
		t.Fatalf("%d forsendelser wait, want 1", len(f))
	}
	h.sjekkElement(t, f[0], b, id, ref, filer)
	kryptert, navn, ct := m.last(f[0].DownloadURL)
	if ct != "application/zip" || navn != "dokumenter-"+id[:8]+".zip" {
		t.Errorf("the download is %q, %q", ct, navn)
	}
	h.pakkUt(t, h.dekrypter(t, kryptert, h.sti(h.til.Fagsystem.SvarInn.PrivateKey)), filer)
	h.venterStatus(t, id, "KLAR_FOR_MOTTAK")

	h.somEksponert(t, b, id, filer) // which is no receiver: it changes nothing
	for range 2 {                   // the second time, it is known
		m.kvitter(id)
	}
	if f := m.liste(); len(f) != 0 {
		t.Errorf("%d forsendelser wait after the receipt", len(f))
	}
	h.venterStatus(t, id, "LEST")
	h.sjekkOppslag(t, id, ref, filer)
}

// element is what SvarInn lists, as far as the receivers here look at it.
type element struct {
	ID, Tittel, Niva, Status     string
	EksternRef, ForsendelseType  string
	DownloadURL                  string
	Date                         int64
	Avsender                     struct{ Navn string }
	Mottaker, SvarSendesTil      struct{ Navn, Orgnr string }
	MetadataFraAvleverendeSystem struct {
		Saksaar, Sakssekvensnummer, Journalaar int
		Journalposttype, SaksBehandler         string
		Journaldato                            int64
		EkstraMetadata                         []struct{ Key, Value string }
	}
	Filmetadata []struct {
		Filnavn, Mimetype, Sha256hash string
		Size                          int64
	}
}

func (h *hus) sjekkElement(t *testing.T, e element, b brev, id, ref string, filer []fil) {
	t.Helper()
	niva := "3"
	if b.niva4 {
		niva = "4"
	}
	got := []any{e.ID, e.Tittel, e.Niva, e.Status, e.EksternRef, e.ForsendelseType, e.Date > 0, e.Avsender.Navn, e.Mottaker.Orgnr, e.Mottaker.Navn, e.SvarSendesTil.Orgnr}
	want := []any{id, "Tittel " + ref, niva, "Klar for mottak", ref, "nav.digisos", true, h.fra.Navn + " kommune", h.til.Organisasjonsnummer, "Mottakeren Æ Ø", h.fra.Organisasjonsnummer}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the list (-want +got):\n%s", d)
	}
	n := e.MetadataFraAvleverendeSystem
	if d := cmp.Diff([]any{2026, 17, 0, "I", "Ola Å", int64(1767603600000), "[{nøkkel verdi}]"},
		[]any{n.Saksaar, n.Sakssekvensnummer, n.Journalaar, n.Journalposttype, n.SaksBehandler, n.Journaldato, fmt.Sprint(n.EkstraMetadata)}); d != "" {
		t.Errorf("Noark (-want +got):\n%s", d)
	}
	if len(e.Filmetadata) != len(filer) {
		t.Fatalf("%d files in the list, want %d", len(e.Filmetadata), len(filer))
	}
	for i, f := range filer {
		m := e.Filmetadata[i]
		if d := cmp.Diff([]any{f.navn, f.mime, f.sha256(t), int64(len(lesFil(t, f.sti)))}, []any{m.Filnavn, m.Mimetype, m.Sha256hash, m.Size}); d != "" {
			t.Errorf("file %d (-want +got):\n%s", i+1, d)
		}
	}
}

// pakkUt unpacks with unzip and with Java's stream; both must give the files, in
// the order they were sent.
func (h *hus) pakkUt(t *testing.T, zip string, filer []fil) {
	t.Helper()
	var navn []string
	for _, f := range filer {
		navn = append(navn, f.navn)
	}
	dir := t.TempDir()
	if d := cmp.Diff(strings.Join(navn, "\n")+"\n", kjor(t, "unzip", "-Z1", zip)); d != "" {
		t.Errorf("the names by unzip (-want +got):\n%s", d)
	}
	kjor(t, "unzip", "-q", zip, "-d", filepath.Join(dir, "unzip"))
	if err := os.Mkdir(filepath.Join(dir, "java"), 0o700); err != nil {
		t.Fatal(err)
	}
	ut := h.java.gjor(t, "zip", obj{"inn": zip, "ut": filepath.Join(dir, "java")})
	if d := cmp.Diff(navn, ut.Navn); d != "" {
		t.Fatalf("the names by Java (-want +got):\n%s", d)
	}
	for i, f := range filer {
		likt(t, f.navn+" by unzip", filepath.Join(dir, "unzip", f.navn), f.sti)
		likt(t, f.navn+" by Java", filepath.Join(dir, "java", fmt.Sprint(i)), f.sti)
	}
}

// somPerson downloads a document as a citizen.
func (h *hus) somPerson(t *testing.T, u, acr string) curlsvar {
	t.Helper()
	return curl(t, u, "-H", "Authorization: Bearer "+token(t, h.b.Tokens.IDPorten, "{pid}", h.fnr, "{acr}", acr, "{orgno}", h.b.NAV.Organisasjonsnummer))
}

// somEksponert has a citizen that the forsendelse is exposed to download it all.
func (h *hus) somEksponert(t *testing.T, b brev, id string, filer []fil) {
	t.Helper()
	for i, d := range h.dokumenter(t, id) {
		svar := h.somPerson(t, d.NedlasningURL, "idporten-loa-high")
		svar.les(t, 200, nil)
		likt(t, "a document by its download URL", skriv(t, "nedlastet", svar.kropp), filer[i].sti)
		if got := svar.hode("Content-Type"); !strings.HasPrefix(got, filer[i].mime) {
			t.Errorf("Content-Type %q, want %q", got, filer[i].mime)
		}
	}
	svar := h.somPerson(t, h.b.BaseURL+"/forsendelse/"+id+"/1", "idporten-loa-substantial")
	if want := map[bool]int{false: 200, true: 403}[b.niva4]; svar.status != want {
		t.Errorf("level 3 got %d, want %d", svar.status, want)
	}
}

type dokument struct {
	Filnavn, MimeType, Sha256Hash, NedlasningURL string
	Storrelse                                    int64
}

// dokumenter are the documents as REST v2 describes them.
func (h *hus) dokumenter(t *testing.T, id string) []dokument {
	t.Helper()
	var ut struct{ Dokumenter []dokument }
	h.v2(t, "/api/v2/forsendelser/"+id+"/metadata").les(t, 200, &ut)
	return ut.Dokumenter
}

// sjekkOppslag looks at all that a sender can ask of a forsendelse.
func (h *hus) sjekkOppslag(t *testing.T, id, ref string, filer []fil) {
	t.Helper()
	var v1 struct {
		DokumentMetadata []struct {
			Filnavn, MimeType, Sha256hash, NedlasningsURL string
			SizeInBytes                                   int64
		}
	}
	h.v1(t, "/"+id+"/dokumentMetadata").les(t, 200, &v1)
	var fra1, vil []dokument
	for _, d := range v1.DokumentMetadata {
		fra1 = append(fra1, dokument{d.Filnavn, d.MimeType, d.Sha256hash, d.NedlasningsURL, d.SizeInBytes})
	}
	for i, f := range filer {
		vil = append(vil, dokument{f.navn, f.mime, f.sha256(t), fmt.Sprintf("%s/forsendelse/%s/%d", h.b.BaseURL, id, i+1), int64(len(lesFil(t, f.sti)))})
	}
	if d := cmp.Diff(vil, fra1) + cmp.Diff(vil, h.dokumenter(t, id)); d != "" {
		t.Errorf("documents (-want +got):\n%s", d)
	}

	var ider struct{ ForsendelseIder []struct{ ID string } }
	h.v1(t, "/eksternref/"+url.PathEscape(ref)).les(t, 200, &ider)
	var ids struct{ ForsendelseIDs []string }
	h.v2(t, h.konto("v2")+"/?eksternRef="+url.QueryEscape(ref)).les(t, 200, &ids)
	var meta struct {
		Forsendelser []struct{ ID, Dato, AvgivendeSystem string }
	}
	h.v2(t, h.konto("v2")+"/metadata?eksternRef="+url.QueryEscape(ref)).les(t, 200, &meta)
	if len(ider.ForsendelseIder) != 1 || ider.ForsendelseIder[0].ID != id || !slices.Equal(ids.ForsendelseIDs, []string{id}) ||
		len(meta.Forsendelser) != 1 || meta.Forsendelser[0].ID != id || meta.Forsendelser[0].AvgivendeSystem != "prøve 1.0" || meta.Forsendelser[0].Dato == "" {
		t.Errorf("by eksternRef: %+v %+v %+v, want %s", ider, ids, meta, id)
	}
	if h := h.hendelser(t, id); len(h) < 4 {
		t.Errorf("the history is %q", h)
	}
}

// hendelser is the history, which v1 and v2 must tell alike.
func (h *hus) hendelser(t *testing.T, id string) (ut []string) {
	t.Helper()
	type hendelse struct{ Tidspunkt, Hendelse string }
	var v1 struct{ HendelsesLogger []hendelse }
	var v2 struct{ Hendelser []hendelse }
	h.v1(t, "/"+id+"/historikk").les(t, 200, &v1)
	h.v2(t, "/api/v2/forsendelser/"+id+"/hendelser").les(t, 200, &v2)
	for i, e := range v2.Hendelser {
		if i >= len(v1.HendelsesLogger) || v1.HendelsesLogger[i].Hendelse != e.Hendelse || !iso.MatchString(e.Tidspunkt) || !gammelTid.MatchString(v1.HendelsesLogger[i].Tidspunkt) {
			t.Errorf("event %d is %+v in v2, and v1 has %+v", i+1, e, v1.HendelsesLogger)
		}
		ut = append(ut, e.Hendelse)
	}
	return ut
}

var (
	iso       = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+\d\d:\d\d$`)
	gammelTid = regexp.MustCompile(`^\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d$`)
)

// tilPerson sends to a citizen, who is told in Altinn and downloads.
func (h *hus) tilPerson(t *testing.T, b brev, filer []fil) {
	id, ref := h.send(t, b, filer)
	h.fram(t, "1m")
	h.venterStatus(t, id, "VARSLET")
	for i, d := range h.dokumenter(t, id) {
		svar := h.somPerson(t, d.NedlasningURL, "idporten-loa-high")
		svar.les(t, 200, nil)
		likt(t, d.Filnavn, skriv(t, "nedlastet", svar.kropp), filer[i].sti)
	}
	h.venterStatus(t, id, "LEST")
	h.sjekkOppslag(t, id, ref, filer)
}

type printjobb struct {
	ID, Status, Referanse, Job, Pdf, PrivateKey string
	Adresse                                     struct{ Navn, Adresselinje1, Postnummer, Poststed string }
}

// tilPrint sends a letter, opens what the printer gets, and has it printed.
func (h *hus) tilPrint(t *testing.T, b brev, filer []fil) {
	if b.klient == "K3" {
		filer = bareUtskrift(filer) // nothing else may go to /print
	}
	id, ref := h.send(t, b, filer)
	h.fram(t, "1m")
	h.venterStatus(t, id, "SENDT_PRINT")

	var jobber []printjobb
	curl(t, h.b.BaseURL+"/sandbox/print").les(t, 200, &jobber)
	i := slices.IndexFunc(jobber, func(j printjobb) bool { return j.Referanse == id })
	if i < 0 {
		t.Fatalf("the printer has %+v", jobber)
	}
	j := jobber[i]
	if got := []string{j.Adresse.Navn, j.Adresse.Adresselinje1, j.Adresse.Postnummer, j.Adresse.Poststed}; !slices.Equal(got, []string{"Mottakeren Æ Ø", "Storgata 1", "0151", "OSLO"}) {
		t.Errorf("addressed to %q", got)
	}
	var jobb struct {
		Versjon, AntallSider          int
		JobbID, ForsendelseID, Sha256 string
		Tosidig, Farger               bool
		GiroarkSider                  []int
		Konteringskode                string
		Mottaker, Returadresse        struct{ Navn string }
	}
	if err := json.Unmarshal(lesFil(t, h.sti(j.Job)), &jobb); err != nil {
		t.Fatal(err)
	}
	pdf := h.dekrypter(t, h.sti(j.Pdf), h.sti(j.PrivateKey))
	if d := cmp.Diff([]any{1, j.ID, id, fil{sti: pdf}.sha256(t), true, b.klient != "K3", "k-1", "Mottakeren Æ Ø", h.fra.Navn + " kommune"},
		[]any{jobb.Versjon, jobb.JobbID, jobb.ForsendelseID, jobb.Sha256, jobb.Tosidig, jobb.Farger, jobb.Konteringskode, jobb.Mottaker.Navn, jobb.Returadresse.Navn}); d != "" {
		t.Errorf("the job file (-want +got):\n%s", d)
	}
	sjekkTrykk(t, pdf, jobb.AntallSider, jobb.GiroarkSider)

	curl(t, "-X", "POST", h.b.BaseURL+"/sandbox/print/"+j.ID+"/levert").les(t, 204, nil)
	h.venterStatus(t, id, "PRINTET")
	h.sjekkOppslag(t, id, ref, filer)
}

// sjekkTrykk lets qpdf and poppler judge a letter: sound, as many pages as were
// ordered, all of them A4, every page of the documents in order, and the giro where
// it should be, with nothing on its back.
func sjekkTrykk(t *testing.T, pdf string, sider int, giroark []int) {
	t.Helper()
	if ut := kjor(t, "qpdf", "--check", pdf); !strings.Contains(ut, "No syntax or stream encoding errors found") || strings.Contains(ut, "WARNING") {
		t.Errorf("qpdf: %s", ut)
	}
	if ut := kjor(t, "pdftoppm", "-r", "10", pdf, filepath.Join(t.TempDir(), "side")); ut != "" {
		t.Errorf("pdftoppm: %s", ut)
	}
	info := kjor(t, "pdfinfo", "-f", "1", "-l", fmt.Sprint(sider), pdf)
	if m := regexp.MustCompile(`(?m)^Pages: +(\d+)$`).FindStringSubmatch(info); m == nil || m[1] != fmt.Sprint(sider) {
		t.Errorf("pdfinfo finds %q pages, the job has %d", m, sider)
	}
	if n := strings.Count(info, "(A4)"); n != sider {
		t.Errorf("%d of %d pages are A4:\n%s", n, sider, info)
	}
	tekst := strings.Split(strings.TrimSuffix(kjor(t, "pdftotext", "-layout", pdf, "-"), "\f"), "\f")
	alt := strings.Join(tekst, "\f")
	sist := strings.Index(alt, "Mottakeren Æ Ø") // on the cover
	if sist < 0 || !strings.Contains(tekst[0], "Mottakeren Æ Ø") {
		t.Errorf("the cover is %q", tekst[0])
	}
	for _, s := range []string{"Soknad side 1", "Soknad side 2", "Soknad side 3", "Vedlegg side 1", "Vedlegg side 2"} {
		n := strings.Index(alt, s)
		if n < sist || strings.Count(alt, s) != 1 {
			t.Errorf("%q is not where it should be in %q", s, alt)
		}
		sist = n
	}
	if len(giroark) != 1 || len(tekst) <= giroark[0] || !strings.Contains(tekst[giroark[0]-1], "Soknad side 3") || giroark[0]%2 != 1 || strings.TrimSpace(tekst[giroark[0]]) != "" {
		t.Errorf("giro on %v, and the pages are %q", giroark, tekst)
	}
}

// avvist holds that a request whose parts are in another order than its metadata is
// refused, and that the refusal has the body that each version's client reads.
func (h *hus) avvist(t *testing.T, filer []fil) {
	bytt := func(deler []obj) { deler[0], deler[1] = deler[1], deler[0] }
	for _, b := range []brev{{"K1", "organisasjon", "", false}, {"K2", "organisasjon", "", false}, {"K3", "organisasjon", "", false}} {
		status, kropp := h.prov(t, b, "avvist", filer, bytt)
		var feil map[string]any
		if err := json.Unmarshal([]byte(kropp), &feil); err != nil || status != 400 || feil["message"] == "" {
			t.Errorf("%s: %d %s", b, status, kropp)
		}
		if b.klient == "K1" {
			h.streng(t, "Feil", kropp, []string{"errorcode", "message"})
			continue
		}
		if e, ok := feil["errorJson"].(string); ok {
			t.Errorf("%s: errorJson is the string %q, which its client cannot read", b, e)
		}
		if e, _ := feil["errorId"].(string); uuid.Validate(e) != nil {
			t.Errorf("%s: errorId is %q", b, e)
		}
	}
	var ids struct{ ForsendelseIDs []string }
	h.v2(t, h.konto("v2")+"?eksternRef=avvist").les(t, 200, &ids)
	if len(ids.ForsendelseIDs) != 0 {
		t.Errorf("what was refused is there: %q", ids.ForsendelseIDs)
	}
}

// mottakFeilet tells that a forsendelse could not be received, as clients on .NET
// do: JSON as text. What is not for good stays in the list; what is goes on to Altinn.
func (h *hus) mottakFeilet(t *testing.T, filer []fil) {
	id, _ := h.send(t, brev{"K2", "organisasjon", "oaep", true}, filer)
	h.fram(t, "1s")
	inn := h.til.Fagsystem.SvarInn
	m := h.efm(t)
	for _, permanent := range []bool{false, true} {
		svar := curl(t, "-u", inn.Brukernavn+":"+inn.Passord, "-H", "Content-Type: text/plain; charset=utf-8",
			"--data-binary", fmt.Sprintf(`{"feilmelding":"Får ikke åpnet filen","permanent":%t}`, permanent), h.b.BaseURL+svarinn+"/mottakFeilet/forsendelse/"+id)
		if svar.les(t, 200, nil); len(svar.kropp) != 0 {
			t.Errorf("the answer is %s", svar.kropp)
		}
		h.fram(t, "1m")
		if n := len(m.liste()); n != map[bool]int{false: 1, true: 0}[permanent] {
			t.Errorf("permanent %t, and %d forsendelser wait", permanent, n)
		}
		h.venterStatus(t, id, map[bool]string{false: "KLAR_FOR_MOTTAK", true: "VARSLET"}[permanent])
	}
	if e := strings.Join(h.hendelser(t, id), "|"); strings.Count(e, "Får ikke åpnet filen") != 2 {
		t.Errorf("the sender does not see the reason each time: %s", e)
	}
}

// restenAvV2 makes the calls of REST v2 that no letter above needed.
func (h *hus) restenAvV2(t *testing.T, filer []fil) {
	id, _ := h.send(t, brev{"K2", "organisasjon", "", false}, filer)
	h.fram(t, "1s")
	var typer struct{ Forsendelsestyper []string }
	h.v2(t, "/api/v2/forsendelsestyper").les(t, 200, &typer)
	if !slices.Contains(typer.Forsendelsestyper, "nav.digisos") {
		t.Errorf("types: %q", typer.Forsendelsestyper)
	}
	var treff struct {
		Mottakersystemer []struct{ ID, Navn, Organisasjonsnummer, ForsendelseType *string }
	}
	h.v2(t, "/api/v2/mottakersystem?organisasjonsnummer="+h.til.Organisasjonsnummer+"&forsendelseType=nav.digisos&niva=4").les(t, 200, &treff)
	if m := treff.Mottakersystemer; len(m) != 1 || m[0].ID == nil || *m[0].ID != h.til.Fagsystem.SvarInn.Brukernavn || m[0].Navn == nil || m[0].ForsendelseType == nil || m[0].Organisasjonsnummer == nil {
		t.Errorf("mottakersystemer: %+v", m)
	}
	var signering struct{ Hendelser []any }
	h.v2(t, "/api/v2/forsendelser/"+id+"/signeringshendelser").les(t, 200, &signering)
	if signering.Hendelser == nil {
		t.Error("the list of signatures is null")
	}
	h.v2(t, "/api/v2/forsendelser/"+id+"/lest", "--json", `{"fnr":"`+h.fnr+`","tidspunkt":"2026-01-05T10:00:00.123+01:00","eksterntSystemnavn":"Arkivet"}`).les(t, 204, nil)
	h.venterStatus(t, id, "LEST")
	for _, slett := range []string{"", "?slettetype=ORIGINALDOKUMENTER", "?slettetype=ALLE"} {
		h.v2(t, "/api/v2/forsendelser/"+id+"/dokumenter"+slett, "-X", "DELETE").les(t, 204, nil)
	}
	if got := h.statuser(t, id); !slices.Equal(got, []string{"LEST", "LEST", "LEST", "SLETTET"}) {
		t.Errorf("deleted: v1, v1, v2, v3 have %q", got)
	}
}

// egenID sends under an id that was asked for first, as old versions of K1 do, and
// again, as after a lost answer.
func (h *hus) egenID(t *testing.T, filer []fil) {
	var startet, sendt struct{ ID string }
	h.v1(t, "/startNyForsendelse", "-X", "POST").les(t, 200, &startet)
	h.venterStatus(t, startet.ID, "MOTTATT")
	b := brev{"K1", "organisasjon", "", false}
	data, err := json.Marshal(h.forsendelse(b, "egen id", filer[:1]))
	if err != nil {
		t.Fatal(err)
	}
	konto := h.fra.Fagsystem.SvarUt
	for range 2 {
		svar := h.java.gjor(t, "send", obj{"url": h.b.BaseURL + "/tjenester/api/forsendelse/v1/" + startet.ID + "/sendForsendelse", "bruker": konto.Brukernavn, "passord": konto.Passord,
			"forsendelse": string(data), "filer": []obj{{"navn": "filer", "filnavn": filer[0].navn, "fil": filer[0].sti}}})
		if err := json.Unmarshal([]byte(svar.Kropp), &sendt); err != nil || svar.Status != 200 || sendt != startet {
			t.Fatalf("%d %s, want %+v", svar.Status, svar.Kropp, startet)
		}
	}
	h.fram(t, "1s")
	h.venterStatus(t, startet.ID, "KLAR_FOR_MOTTAK")
	m := h.apache(t)
	if n := len(m.liste()); n != 1 {
		t.Errorf("%d forsendelser wait, want 1", n)
	}
	m.kvitter(startet.ID)
}
