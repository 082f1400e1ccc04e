package svarut

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// tomt fails unless nothing is stored of any forsendelse.
func (h *hus) tomt(t testing.TB) {
	t.Helper()
	for _, tabell := range []string{"svarut_forsendelser", "svarut_hendelser", "leveringer", "dokumenter", "blobs"} {
		var n int
		must(t, h.DB.Read().QueryRowContext(t.Context(), `SELECT count(*) FROM `+tabell).Scan(&n))
		if n > 0 {
			t.Errorf("%d rows in %s", n, tabell)
		}
	}
}

// What §3.6 refuses, and what stands in the answer. Nothing is stored of it.
func TestAvslag(t *testing.T) {
	t.Parallel()
	k := nyKlient(t)
	endre := func(fn func(m map[string]any)) string {
		var m map[string]any
		must(t, json.Unmarshal([]byte(k2), &m))
		fn(m)
		b, err := json.Marshal(m)
		must(t, err)
		return string(b)
	}
	sett := func(felt string, verdi any) string { return endre(func(m map[string]any) { m[felt] = verdi }) }
	mottaker := func(felt string, verdi any) string {
		return endre(func(m map[string]any) { m["mottaker"].(map[string]any)[felt] = verdi })
	}
	dokument := func(felt string, verdi any) string {
		return endre(func(m map[string]any) { m["dokumenter"].([]any)[0].(map[string]any)[felt] = verdi })
	}
	lang := strings.Repeat("å", 1001)
	for navn, tt := range map[string]struct {
		forsendelse string
		status      int
		melding     string
	}{
		"ikke JSON":       {"{", 400, "JSON"},
		"feil type":       {sett("tittel", 7), 400, "tittel"},
		"uten tittel":     {sett("tittel", nil), 400, "tittel mangler"},
		"for lang tittel": {sett("tittel", lang), 400, "tittel kan ha høyst 1000 tegn"},
		"uten mottaker":   {sett("mottaker", nil), 400, "mottaker mangler"},
		"uten navn":       {mottaker("navn", nil), 400, "mangler navn"},
		"feil orgnr":      {mottaker("digitalId", "974778867"), 400, "Organisasjonsnummeret"},
		"feil fnr":        {mottaker("digitalId", "21883610111"), 400, "Fødselsnummeret"},
		"ikke et nummer":  {mottaker("digitalId", "12345"), 400, "Fødselsnummeret"},
		"uten poststed":   {mottaker("poststed", nil), 400, "Postadressen til mottaker: navn og poststed"},
		"uten postnummer": {mottaker("postnummer", nil), 400, "Postadressen til mottaker: postnummer"},
		"kun digital uten id": {endre(func(m map[string]any) {
			m["kunDigitalLevering"] = true
			m["mottaker"].(map[string]any)["digitalId"] = nil
		}), 400, "kun digital"},
		"nivå 4 uten kryptering":   {sett("krevNiva4Innlogging", true), 400, "kryptert"},
		"konteringskode":           {sett("konteringskode", "a b"), 400, "konteringskode"},
		"lang eksternref":          {sett("eksternReferanse", strings.Repeat("x", 101)), 400, "eksternReferanse"},
		"svarPaForsendelse":        {sett("svarPaForsendelse", "x"), 400, "svarPaForsendelse"},
		"eksponertFor":             {sett("eksponertFor", []string{"01859010072"}), 400, "eksponertFor nummer 1"},
		"seks lenker":              {sett("lenker", make([]map[string]any, 6)), 400, "høyst 5 lenker"},
		"lenke med javascript":     {sett("lenker", []map[string]any{{"url": "javascript:alert(1)", "tekst": "x"}}), 400, "Lenke nummer 1"},
		"lenke uten tekst":         {sett("lenker", []map[string]any{{"url": "https://x.test"}}), 400, "Lenke nummer 1"},
		"svar uten adresse":        {sett("svarSendesTil", map[string]any{"navn": "Vi"}), 400, "Postadressen til svarSendesTil:"},
		"eDialog uten svaradresse": {sett("svarPaForsendelseLink", true), 400, "svarSendesTil"},
		"ingen dokumenter":         {sett("dokumenter", nil), 400, "dokumenter"},
		"signering":                {dokument("skalSigneres", true), 501, "Signering tilbys ikke"},
		"to å signere": {endre(func(m map[string]any) {
			for _, d := range m["dokumenter"].([]any) {
				d.(map[string]any)["skalSigneres"] = true
			}
		}), 400, "Høyst ett"},
		"ulovlig filnavn":           {dokument("filnavn", "a/b.pdf"), 400, "tegn som ikke er tillatt"},
		"filnavn med linjeskift":    {dokument("filnavn", "a\nb.pdf"), 400, "tegn som ikke er tillatt"},
		"langt filnavn":             {dokument("filnavn", lang[:454]), 400, "226"},
		"likt filnavn":              {dokument("filnavn", "SOKNAD.json"), 400, "brukt før"},
		"uten mimetype":             {dokument("mimeType", nil), 400, "mimeType"},
		"ikke PDF og skal printes":  {dokument("mimeType", "image/png"), 400, "skalEkskluderesFraUtskrift"},
		"giroside 0":                {dokument("giroarkSider", []int{0}), 400, "giroarkSider"},
		"giroside som ikke finnes":  {dokument("giroarkSider", []int{3}), 400, "dokumentet har 2 sider"},
		"tidspunkt":                 {sett("metadataForImport", map[string]any{"dokumentetsDato": "i går"}), 400, "ISO 8601"},
		"ekstra metadata uten navn": {sett("metadataForImport", map[string]any{"ekstraMetadata": []map[string]any{{"value": "x"}}}), 400, "ekstraMetadata"},
	} {
		got := k.sendHTTP(t, kommunen, v2, tt.forsendelse, filerFra("K2")...)
		if got.status != tt.status || !strings.Contains(got.body, tt.melding) {
			t.Errorf("%s: %d %s", navn, got.status, got.body)
		}
	}
	for navn, tt := range map[string]struct {
		sti, forsendelse string
		status           int
		melding          string
	}{
		"v3 ukjent type":          {"/organisasjon", strings.Replace(k3, `"nav.digisos"`, `"noe.annet"`, 1), 400, "forsendelsestype"},
		"v3 person med orgnr":     {"/person", k3, 400, "fødselsnummer"},
		"v3 organisasjon med fnr": {"/organisasjon", strings.Replace(k3, "974778866", fnrMottaker, 1), 400, "organisasjonsnummer"},
		"v3 print med JSON":       {"/print", k3, 400, "bare PDF"},
		"v3 sikkerhetsnivå":       {"/organisasjon", strings.Replace(k3, "BETYDELIG", "4", 1), 400, "sikkerhetsniva"},
		"v3 lang adresselinje":    {"/organisasjon", strings.Replace(k3, "Sjøgata 2", strings.Repeat("x", 71), 1), 400, "70 tegn"},
		"v3 landkode":             {"/organisasjon", strings.Replace(k3, `"NO"`, `"Norge"`, 1), 400, "landkode"},
		"v3 langt navn":           {"/organisasjon", strings.Replace(k3, "Mottakeretaten", strings.Repeat("x", 101), 1), 400, "100 tegn"},
		"v3 svar uten digitalId":  {"/organisasjon", strings.Replace(k3, `"svarSendesTil":null`, `"svarSendesTil":{"navn":"Vi","type":"PERSON"}`, 1), 400, "svarSendesTil må ha"},
		"v3 svar til helsenettet": {"/organisasjon", strings.Replace(k3, `"svarSendesTil":null`, `"svarSendesTil":{"navn":"Vi","type":"NHN_MOTTAKER","digitalId":"1","adresse":{"adresselinje1":"x","poststed":"y"}}`, 1), 501, "helsenett"},
		"v3 signering":            {"/person", strings.Replace(strings.Replace(k3, "974778866", fnrMottaker, 1), `"lenker"`, `"signering":{},"lenker"`, 1), 501, "Signering"},
		"v3 helsenettet":          {"/nhn", `{"tittel":"x"}`, 501, "Norsk helsenett"},
		"v3 for mye ekstra":       {"/organisasjon", strings.Replace(k3, `"ekstraMetadata":null`, `"ekstraMetadata":[`+strings.Repeat(`{"key":"a","value":"b"},`, 20)+`{"key":"a","value":"b"}]`, 1), 400, "høyst 20"},
		"v3 eDialog er ikke her":  {"/organisasjon", strings.Replace(strings.Replace(k3, `"kanSvareViaEdialog":false`, `"kanSvareViaEdialog":true`, 1), `"svarSendesTil":null`, `"svarSendesTil":{"navn":"Vi","type":"ORGANISASJON","digitalId":"958935420","adresse":{"adresselinje1":"x","poststed":"Oslo","postnummer":"0151"}}`, 1), 501, "eDialog"},
	} {
		got := k.sendHTTP(t, kommunen, v3+tt.sti, tt.forsendelse, filerFra("K3")...)
		if got.status != tt.status || !strings.Contains(got.body, tt.melding) {
			t.Errorf("%s: %d %s", navn, got.status, got.body)
		}
	}
	v1feil := k.sendHTTP(t, v1konto, v1+"/sendForsendelse", strings.Replace(k1, "974778866", "974778867", 1), filerFra("K1")...)
	var melding map[string]string
	must(t, json.Unmarshal([]byte(v1feil.body), &melding))
	if v1feil.status != 400 || len(melding) != 2 || melding["errorcode"] == "" || !strings.Contains(melding["message"], "Organisasjonsnummeret") {
		t.Errorf("v1: %d %s", v1feil.status, v1feil.body)
	}
	k.tomt(t)
}

// The traps of multipart (§3.1).
func TestMultipart(t *testing.T) {
	t.Parallel()
	k := nyKlient(t)
	a, b := filerFra("K2")[0], filerFra("K2")[1]
	forste := del{forstedel, k2}
	ct, hel := jetty(forste, a, b)
	for navn, tt := range map[string]struct {
		ct      string
		body    []byte
		status  int
		melding string
	}{
		"byttet rekkefølge":         {ct, bytter(jetty(forste, b, a)), 400, "annet filnavn"},
		"mangler en fil":            {ct, bytter(jetty(forste, a)), 400, "mangler fil nummer 2"},
		"én fil for mye":            {ct, bytter(jetty(forste, a, b, fildel("x", "c.pdf", "x/y", "c"))), 400, "flere filer"},
		"annet filnavn":             {ct, bytter(jetty(forste, fildel("filer_0", "soknad å.pdf", "x/y", "%PDFa"), b)), 400, "annet filnavn"},
		"fil uten filnavn":          {ct, bytter(jetty(forste, del{`form-data; name="filer_0"`, "%PDFa"})), 400, "filnavn"},
		"forsendelse er ikke først": {ct, bytter(jetty(a, forste, b)), 400, "første delen"},
		"tom":                       {ct, bytter(jetty()), 400, "første delen"},
		"ikke multipart":            {"application/json", []byte(k2), 400, "multipart"},
		"uten boundary":             {"multipart/form-data", hel, 400, "boundary"},
		"avkortet i en fil":         {ct, hel[:bytes.Index(hel, []byte("%PDF"))+3], 400, "avbrutt"},
		"avkortet etter siste fil":  {ct, hel[:len(hel)-len("\r\n--"+grense+"--\r\n")], 400, "avbrutt"},
		"en PDF som ikke er det":    {ct, bytes.Replace(hel, []byte("%PDF"), []byte("%XDF"), 1), 400, "Dokument nummer 1: filen er ikke en PDF"},
		"kryptert som ikke er det":  {ct, bytes.Replace(hel, []byte(`"kryptert":false`), []byte(`"kryptert":true`), 1), 400, "CMS"},
	} {
		got := k.kall(t, kommunen, "POST", v2, tt.ct, tt.body)
		if got.status != tt.status || !strings.Contains(got.body, tt.melding) {
			t.Errorf("%s: %d %s", navn, got.status, got.body)
		}
	}
	k.tomt(t)
	for navn, body := range map[string][]byte{
		"som den er":            hel,
		"uten siste linjeskift": bytes.TrimSuffix(hel, []byte("\r\n")),
		"andre delnavn":         bytes.ReplaceAll(hel, []byte(`name="filer_`), []byte(`name="hva_som_helst_`)),
		"uten Content-Type":     bytes.ReplaceAll(hel, []byte("\r\nContent-Type: text/plain;charset=UTF-8"), nil),
		"json":                  bytes.ReplaceAll(hel, []byte("text/plain;charset=UTF-8"), []byte("application/json")),
	} {
		if got := k.kall(t, kommunen, "POST", v2, ct, body); got.status != 200 {
			t.Errorf("%s: %d %s", navn, got.status, got.body)
		}
	}
}

func bytter(_ string, body []byte) []byte { return body }

// A client that fails while it sends leaves nothing.
func TestAvbruttForbindelse(t *testing.T) {
	t.Parallel()
	k := nyKlient(t)
	ct, hel := jetty(append([]del{{forstedel, k2}}, filerFra("K2")...)...)
	r := httptest.NewRequestWithContext(t.Context(), "POST", v2, io.MultiReader(bytes.NewReader(hel[:len(hel)-40]), iotestFeil{}))
	r.Header.Set("Content-Type", ct)
	if _, err := k.s.taImot(r, kontoKommune, lesV2); !feil.Er(err, feil.Ugyldig) {
		t.Errorf("got %v", err)
	}
	k.tomt(t)
}

type iotestFeil struct{}

func (iotestFeil) Read([]byte) (int, error) { return 0, errors.New("connection reset by peer") }

// What is printed has a limit, what is not has none of ours.
func TestUtskriftsgrense(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	n := brev(tilOrg())
	n.Post.Avsender = avsender()
	m, err := h.s.TaImot(t.Context(), kontoKommune, n)
	must(t, err)
	defer m.Forkast()
	m.utskrift = maksUtskrift - 4 // as if so much had come before
	if err := m.Dokument(t.Context(), "Vedtak.pdf", strings.NewReader("%PDFx")); !feil.Er(err, feil.Ugyldig) || !strings.Contains(err.Error(), "350 MB") {
		t.Errorf("one byte too much: %v", err)
	}
	n.Post.KunDigital = true
	m2, err := h.s.TaImot(t.Context(), kontoKommune, n)
	must(t, err)
	defer m2.Forkast()
	m2.utskrift = maksUtskrift
	must(t, m2.Dokument(t.Context(), "Vedtak.pdf", strings.NewReader("not even a PDF")))
}

// The same letter may be sent 25 times in two days.
func TestDuplikatvern(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	for range maksLike {
		h.maaSende(t, brev(tilPerson()))
	}
	if _, err := h.send(t, brev(tilPerson())); !feil.Er(err, feil.Ugyldig) {
		t.Fatalf("number %d: %v", maksLike+1, err)
	}
	annen := tilPerson()
	annen.Adresselinje1 = "Granveien 4"
	h.maaSende(t, brev(annen))
	n := brev(tilPerson())
	n.Post.Tittel += " igjen"
	h.maaSende(t, n)
	h.Frem(t, 48*time.Hour)
	h.maaSende(t, brev(tilPerson()))
}

// Two who send the last allowed one at the same time are not both let in.
func TestDuplikatvernISammeTransaksjon(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	for range maksLike - 1 {
		h.maaSende(t, brev(tilPerson()))
	}
	feilet := make(chan error)
	for range 4 {
		go func() {
			m, err := h.s.TaImot(context.WithoutCancel(t.Context()), kontoKommune, brev(tilPerson()))
			if err == nil {
				for i, fil := range innhold {
					err = errors.Join(err, m.Dokument(t.Context(), m.n.Dokumenter[i].Filnavn, strings.NewReader(fil)))
				}
			}
			if err == nil {
				_, err = m.Aksepter(t.Context())
			}
			m.Forkast()
			feilet <- err
		}()
	}
	slapp := 0
	for range 4 {
		if err := <-feilet; err == nil {
			slapp++
		} else if !feil.Er(err, feil.Ugyldig) {
			t.Error(err)
		}
	}
	if slapp != 1 {
		t.Errorf("%d were let in", slapp)
	}
}

// Every intake counts those alike, within the one writer's transaction: neither
// that nor a sender's search may read all that ever came.
func TestSporringerLeserEtterIndeks(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	for _, tt := range []struct{ sporring, want string }{
		{sporLike, "svarut_forsendelser_duplikat (duplikat=? AND mottatt>?)"},
		{sporRef, "svarut_forsendelser_ref (ekstern_ref=?)"},
	} {
		if plan := h.Plan(t, tt.sporring, "x", "y"); !strings.Contains(plan, tt.want) {
			t.Errorf("%s:\n%s", tt.sporring, plan)
		}
	}
}

// Files go three months after the end, and never before it.
func TestSletting(t *testing.T) {
	t.Parallel()
	slettet := map[string]int{}
	h := nyttHus(t, func(d *Deps, _ *Config) {
		d.Slettere = append(d.Slettere, func(_ context.Context, _ *store.Tx, id string) error { slettet[id]++; return nil })
	})
	lest, venter := h.maaSende(t, brev(tilOrg())), h.maaSende(t, brev(tilOrg()))
	startet, err := h.s.Start(t.Context(), kontoKommune)
	must(t, err)
	h.skriv(t, func(tx *store.Tx) error { return h.s.Logg(t.Context(), tx, lest, "Kari Hemmelig ringte") })
	h.hend(t, lest, "kvitter SvarInn")
	f, err := h.s.Hent(t.Context(), lest)
	must(t, err)
	h.Frem(t, f.Endret.AddDate(0, 3, 0).Add(-time.Second).Sub(h.Klokke.Now()))
	if f, err := h.s.Hent(t.Context(), lest); err != nil || f.FilerBorte || f.Post.Tittel == "" {
		t.Fatalf("before its time: %+v %v", f, err)
	}
	h.Frem(t, time.Second)
	etter, err := h.s.Hent(t.Context(), lest)
	must(t, err)
	if !etter.FilerBorte || etter.Slettet.IsZero() || etter.Status != Lest || etter.Post.Tittel != "" || len(etter.Dokumenter) != 0 || etter.Post.Mottaker.Navn != "" {
		t.Errorf("after its time: %+v", etter)
	}
	if hist := h.historie(t, lest); strings.Contains(hist, "Kari") || !strings.Contains(hist, "slettet") {
		t.Errorf("history: %s", hist)
	}
	for _, d := range f.Dokumenter {
		if _, _, err := h.dok.Apne(t.Context(), d.ID, 0); !feil.Er(err, feil.Slettet) {
			t.Errorf("document: %v", err)
		}
	}
	if ts, err := h.s.Statuser(t.Context(), kontoKommune, []string{startet}); err != nil || len(ts) != 0 {
		t.Errorf("the started id: %+v %v", ts, err)
	}
	h.Frem(t, 100*24*time.Hour)
	if f, err := h.s.Hent(t.Context(), venter); err != nil || f.FilerBorte || f.Status != KlarForMottak {
		t.Errorf("one that waits: %+v %v", f, err)
	}
	if slettet[lest] != 1 || slettet[venter] != 0 {
		t.Errorf("the channels were told %v", slettet)
	}
	// Read after its files are gone: the status moves, and nothing is kept again.
	must(t, h.s.SettLest(t.Context(), lest, LestAv{fnrMottaker, "Arkivet", h.Klokke.Now()}))
}

// One that cannot be deleted is told of and tried again, and holds up no other.
func TestSlettingSomFeiler(t *testing.T) {
	t.Parallel()
	vrang := ""
	var logg bytes.Buffer
	h := nyttHus(t, func(d *Deps, _ *Config) {
		d.Log = slog.New(slog.NewTextHandler(&logg, nil))
		d.Slettere = append(d.Slettere, func(_ context.Context, _ *store.Tx, id string) error {
			if id == vrang {
				return errors.New("in use")
			}
			return nil
		})
	})
	vrang = h.maaSende(t, brev(tilOrg()))
	h.hend(t, vrang, "kvitter SvarInn")
	h.Frem(t, time.Hour)
	annen := h.maaSende(t, brev(tilOrg()))
	h.hend(t, annen, "kvitter SvarInn")
	h.Frem(t, 100*24*time.Hour)
	if f, err := h.s.Hent(t.Context(), annen); err != nil || f.Slettet.IsZero() {
		t.Errorf("behind one that cannot be deleted: slettet %v, %v", f.Slettet, err)
	}
	if f, err := h.s.Hent(t.Context(), vrang); err != nil || !f.Slettet.IsZero() || f.FilerBorte || !strings.Contains(logg.String(), vrang) {
		t.Errorf("%+v %v; log: %s", f, err, logg.String())
	}
	id := vrang
	vrang = ""
	h.Frem(t, 24*time.Hour)
	if f, err := h.s.Hent(t.Context(), id); err != nil || f.Slettet.IsZero() {
		t.Errorf("tried again: slettet %v, %v", f.Slettet, err)
	}
}

// SENDT_DIGITALT that is read late keeps its files for as long again.
func TestSenLesingForlenger(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	n := brev(tilPerson())
	n.Post.KunDigital = true
	fid := h.maaSende(t, n)
	h.hend(t, fid, "vent til fristen")
	h.Frem(t, 60*24*time.Hour)
	h.hend(t, fid, "les i Altinn")
	h.Frem(t, 60*24*time.Hour)
	if f, err := h.s.Hent(t.Context(), fid); err != nil || f.FilerBorte || f.Status != Lest {
		t.Errorf("%+v %v", f, err)
	}
}

// A copy of the database and the blobs shows nothing of a letter.
func TestIngentingLesbart(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	n := brev(tilPerson())
	n.Post.EksponertFor = []string{fnrAndre}
	n.Post.Noark.Saksbehandler = "Ola Saksbehandler"
	n.Dokumenter[0].Filnavn = "Vedtak om Kari.pdf"
	fid := h.maaSende(t, n)
	h.skriv(t, func(tx *store.Tx) error { return h.s.Logg(t.Context(), tx, fid, "Fritekst om noen") })
	must(t, h.s.SettLest(t.Context(), fid, LestAv{fnrMottaker, "Hemmelig fagsystem", h.Klokke.Now()}))
	var passord string
	h.skriv(t, func(tx *store.Tx) (err error) {
		passord, err = h.s.LagPassord(t.Context(), tx, kontoKommune, 0)
		return err
	})
	hemmelig := []string{fnrMottaker, fnrAndre, "Kari", "Granveien", "Trondheim", "noe hemmelig", "sak-2026-17", "data.json", "Ola Saksbehandler",
		"Fritekst", "Hemmelig fagsystem", "Rådhusgata", "post@kommune.test", passord, innhold[1],
		"47fd6e9f4408f245c9aadc9079eb00bca86eb0d447d159e9a5134eb87d48d0c5"} // a checksum tells a short text
	sett := false
	must(t, filepath.WalkDir(h.Dir, func(sti string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(sti)
		if err != nil {
			return err
		}
		sett = sett || bytes.Contains(b, []byte(fid))
		for _, ord := range hemmelig {
			if bytes.Contains(b, []byte(ord)) {
				t.Errorf("%s shows %q", filepath.Base(sti), ord)
			}
		}
		return nil
	}))
	if !sett {
		t.Error("the search looks in the wrong place: not even the id is there")
	}
}

// Whatever happens in whatever order: what is read stays read, what is at its
// end does not go back to being underway, its files have a date then and only
// then, and a levering that waits for the outcome hears of an end.
func TestTilstandsmaskinen(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	nr := 0
	rapid.Check(t, func(rt *rapid.T) {
		for _, k := range h.kanaler {
			k.feil = nil
			if rapid.IntRange(0, 3).Draw(rt, k.navn) == 0 {
				k.feil = levering.ErrIkkeMulig
			}
		}
		til := rapid.SampledFrom([]levering.Adresse{tilOrg(), tilPerson()}).Draw(rt, "til")
		nr++
		f := digisosForsendelse()
		f.Post.Mottaker, f.Post.Tittel = til, fmt.Sprint("nr ", nr)
		f.Filer = f.Filer[:1]
		f.Post.KunDigital, f.EksternRef = rapid.Bool().Draw(rt, "digital"), fmt.Sprint("ref ", nr)
		ytre, _ := h.tilDigisos(t, f)
		treff, err := h.s.MedEksternRef(t.Context(), h.s.PlattformKonto(), f.EksternRef)
		must(t, err)
		fid := treff[0].ID // of the first attempt: the outer levering may have gone on
		defer h.rydd(t, ytre)
		for range rapid.IntRange(1, 6).Draw(rt, "antall") {
			sist := h.status(t, fid)
			hva := rapid.SampledFrom([]string{"kvitter SvarInn", "les i Altinn", "printet", "avslå", "vent til fristen", "lukk for hånd", "avsender sier lest"}).Draw(rt, "hva")
			if !h.kan(t, fid, hva) {
				continue
			}
			h.hend(t, fid, hva)
			naa := h.status(t, fid)
			var slettes int64
			must(t, h.DB.Read().QueryRowContext(t.Context(), `SELECT slettes FROM svarut_forsendelser WHERE id = $1`, fid).Scan(&slettes))
			switch {
			case sist == Lest && naa != Lest:
				rt.Fatalf("%s: no longer read: %s", hva, naa)
			case sist.Endelig() && naa != sist && naa != Lest:
				rt.Fatalf("%s: %s became %s", hva, sist, naa)
			case naa.Endelig() != (slettes > 0):
				rt.Fatalf("%s: %s, deleted at %d", hva, naa, slettes)
			}
			l := h.levering(t, ytre)
			if l.LeveranseID != fid && !naa.Endelig() {
				rt.Fatalf("%s: the outer levering has gone on from one that is %s", hva, naa)
			}
			if (naa == Lest || naa == Printet) && !sist.Endelig() && l.Tilstand != levering.Bekreftet {
				rt.Fatalf("%s: %s, and the outer levering is %s", hva, naa, l.Tilstand)
			}
		}
	})
}

// rydd closes what a round has left, so that the next one does not wait for it.
func (h *hus) rydd(t testing.TB, ytre string) {
	t.Helper()
	if l := h.levering(t, ytre); !l.Ferdig() {
		must(t, h.lev.Stopp(t.Context(), ytre, "testen", "runden er over"))
	}
	for _, k := range h.kanaler {
		for _, s := range k.sett {
			if l := h.levering(t, s.l.ID); !l.Ferdig() {
				must(t, h.lev.Stopp(t.Context(), s.l.ID, "testen", "runden er over"))
			}
		}
		k.sett, k.trukket = nil, nil
	}
}

func filtrer(sett []sending, id string) (ut []sending) {
	for _, s := range sett {
		if s.l.KildeID == id {
			ut = append(ut, s)
		}
	}
	return ut
}

// kan tells whether an event can happen to the forsendelse as it is.
func (h *hus) kan(t testing.TB, id, hva string) bool {
	t.Helper()
	l := h.levering(t, id)
	switch hva {
	case "kvitter SvarInn":
		return len(filtrer(h.kanaler[levering.KanalSvarInn].sett, id)) > 0
	case "les i Altinn":
		return len(filtrer(h.kanaler[levering.KanalAltinn].sett, id)) > 0
	case "printet":
		return len(filtrer(h.kanaler[levering.KanalPrint].sett, id)) > 0
	case "avslå":
		return l.Tilstand == levering.Sendt
	case "vent til fristen", "lukk for hånd":
		return !l.Ferdig()
	}
	return true
}

// Whatever comes in, the answer is an id or a refusal, and what is refused is
// not there.
func FuzzTaImot(f *testing.F) {
	ct, hel := jetty(append([]del{{forstedel, k2}}, filerFra("K2")...)...)
	f.Add(ct, hel)
	f.Add("multipart/form-data; boundary=x", []byte("--x\r\nContent-Disposition: form-data; name=forsendelse\r\n\r\n{}\r\n--x--"))
	h := nyttHus(f)
	f.Fuzz(func(t *testing.T, ct string, body []byte) {
		r := httptest.NewRequestWithContext(auth.With(t.Context(), kommunen), "POST", v2, bytes.NewReader(body))
		r.Header.Set("Content-Type", ct)
		id, err := h.s.taImot(r, kontoKommune, lesV2)
		if (err == nil) != erUUID(id) {
			t.Fatalf("%q and %v", id, err)
		}
		if err != nil && httpx.Status(err) >= 500 && !feil.Er(err, feil.IkkeBygget) {
			t.Fatalf("an internal error: %v", err)
		}
	})
}

// FuzzLes reads the JSON of all versions.
func FuzzLes(f *testing.F) {
	for _, s := range []string{k1, k2, k3} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, les := range []func([]byte) (Ny, error){lesV1, lesV2,
			func(b []byte) (Ny, error) { return lesV3(b, personV3, nil) }, func(b []byte) (Ny, error) { return lesV3(b, organisasjonV3, nil) },
			func(b []byte) (Ny, error) { return lesV3(b, printV3, nil) }} {
			n, err := les(b)
			if err != nil {
				if _, ok := kjent(err); !ok {
					t.Fatalf("an internal error: %v", err)
				}
				continue
			}
			if n.Validate(PrintAdresse) == nil && len((Config{}).medStandard().plan(n.Post)) == 0 {
				t.Fatalf("accepted without a channel: %+v", n.Post)
			}
		}
	})
}
