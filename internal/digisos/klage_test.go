package digisos

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
)

// Ids that NAV chooses.
const (
	klageID  = "0b7c7d7e-2a57-4a5c-8f0e-6d1f2a3b4c5d"
	vedtakID = "8a3f1c52-6d0e-4b7a-9f11-2b6c0d9e4f70"
	etterID  = "c0a80121-7ac0-4b1d-9d3e-1f2e3d4c5b6a"
	trekkID  = "d1b90232-8bd1-4c2e-ae4f-2a3f4e5d6c7b"
)

func klageJSON(fnr, sakID string) string {
	return `{"klageId":"` + klageID + `","vedtakId":"` + vedtakID + `","digisosId":"` + sakID + `",` +
		`"personIdentifikator":{"kilde":"system","verdi":"` + fnr + `"},"navn":{"kilde":"system","fornavn":"Kari","mellomnavn":"","etternavn":"Prøve"},` +
		`"mottaker":{"kommunenummer":"0301"},"autentisering":{"autentisertDigitalt":true,"autentiseringsTidspunkt":"2026-06-10T08:00:00.001Z"},` +
		`"innsendingstidspunkt":"2026-06-10T08:00:00.001Z","begrunnelse":{"kilde":"bruker","klageTekst":"hemmelig-begrunnelse"}}`
}

// spesifikasjon is vedlegg.json as INNSYN writes it for a klage.
func spesifikasjon(klage, ref string, filer ...string) string {
	type fil struct {
		Filnavn string `json:"filnavn"`
	}
	liste := []fil{}
	for _, f := range filer {
		liste = append(liste, fil{f})
	}
	b, _ := json.Marshal(map[string]any{"vedlegg": []any{map[string]any{"type": "klage", "status": "LASTET_OPP", "hendelseType": "bruker",
		"hendelseReferanse": ref, "klageId": klage, "filer": liste}}})
	return string(b)
}

// medFilnavn is a JSON part as INNSYN sends it to the klage API: with a filename.
func medFilnavn(navn, innhold string) del {
	return del{navn: navn, filnavn: navn, ct: "application/json", innhold: []byte(innhold)}
}

// klageDeler is a klage from INNSYN.
func klageDeler(t testing.TB, fnr, sakID string, filer ...string) []del {
	return []del{
		medFilnavn("klage.json", klageJSON(fnr, sakID)), medFilnavn("vedlegg.json", spesifikasjon(klageID, klageID, filer...)),
		{navn: "metadata", ct: "application/json", innhold: []byte(metadataJSON("klage.pdf", 10))},
		{navn: "klage.pdf", filnavn: "klage.pdf", ct: "application/octet-stream", innhold: kryptert(t, "%PDF klage")},
	}
}

func klageSti(sakID string) string {
	return "/digisos/klage/api/v1/" + sakID + "/" + klageID + "/" + klageID + "/" + vedtakID
}

func (h *hus) klag(t testing.TB, sakID string, filer ...string) {
	t.Helper()
	if len(filer) > 0 {
		h.mellomlagre(t, klageID, filer...)
	}
	if got := h.send(t, innbygger(kari), klageSti(sakID), klageDeler(t, kari, sakID, filer...)...).er(t, 200); got != "" {
		t.Errorf("a body: %s", got)
	}
}

func (h *hus) ettersendKlage(t testing.TB, sakID string, filer ...string) {
	t.Helper()
	h.mellomlagre(t, etterID, filer...)
	h.send(t, innbygger(kari), "/digisos/klage/api/v1/"+sakID+"/"+etterID+"/"+klageID+"/vedlegg",
		medFilnavn("vedlegg.json", spesifikasjon(klageID, etterID, filer...))).er(t, 200)
}

func trekkDeler(t testing.TB) []del {
	return append([]del{medFilnavn("vedlegg.json", `{"vedlegg":[]}`)}, par(t, 0, "trekk.pdf", "%PDF trekk")...)
}

func (h *hus) trekk(t testing.TB, sakID string) {
	t.Helper()
	h.send(t, innbygger(kari), "/digisos/klage/api/v1/"+sakID+"/"+trekkID+"/"+klageID+"/trekk", trekkDeler(t)...).er(t, 200)
}

func (h *hus) klager(t testing.TB, sakID string) []Klage {
	t.Helper()
	sti := "/digisos/klage/api/v1/klager"
	if sakID != "" {
		sti += "?digisosId=" + sakID
	}
	return les[[]Klage](t, h.get(t, innbygger(kari), sti), 200)
}

// The wire form: new, and with everything that can be in it.
func TestKlageGolden(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "110000001")
	h.lever(t)
	h.klag(t, id, "a.pdf", "lønn.jpg")
	golden(t, "klage_ny.json", h.get(t, innbygger(kari), "/digisos/klage/api/v1/klager").er(t, 200))
	h.lever(t)
	h.ettersendKlage(t, id, "b.pdf")
	h.trekk(t, id)
	h.lever(t)
	h.bekreft(t, h.svarUt)
	golden(t, "klage_full.json", h.get(t, innbygger(kari), "/digisos/klage/api/v1/klager?digisosId="+id).er(t, 200))
	if d := cmp.Diff(h.klager(t, ""), h.klager(t, id)); d != "" {
		t.Error(d)
	}
	if got := h.tilstander(t, id); got != "AKSEPTERT_FIKS SENDT_FIKS_IO AKSEPTERT_FIKS_KLAGE SENDT_SVARUT_KLAGE "+
		"AKSEPTERT_FIKS_KLAGE_ETTERSENDELSE AKSEPTERT_FIKS_TREKK_KLAGE SENDT_SVARUT_KLAGE_ETTERSENDELSE SENDT_SVARUT_TREKK_KLAGE" {
		t.Error(got)
	}
}

// What is refused leaves nothing behind, takes nothing from mellomlagring, and
// has no personal data in its message.
func TestAvvistKlage(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "110000001")
	h.mellomlagre(t, klageID, "a.pdf")
	vedlegg := func(d []del, innhold string) []del {
		d = slices.Clone(d)
		d[1] = medFilnavn("vedlegg.json", innhold)
		return d
	}
	med := func(gammel, ny string) []del {
		d := klageDeler(t, kari, id, "a.pdf")
		d[0].innhold = bytes.ReplaceAll(d[0].innhold, []byte(gammel), []byte(ny))
		return d
	}
	hel := klageDeler(t, kari, id, "a.pdf")
	for navn, tt := range map[string]struct {
		sti     string
		deler   []del
		status  int
		melding string
	}{
		"ikke UUID":                 {strings.Replace(klageSti(id), vedtakID, "v1", 1), hel, 400, "vedtakId må være en UUID"},
		"ugyldig ref":               {"/digisos/klage/api/v1/" + id + "/a.b/" + klageID + "/" + vedtakID, hel, 400, "navEksternRefId må ha 1 til 60 tegn av A–Z, a–z, 0–9, _ og -"},
		"ukjent sak":                {klageSti(ukjentID), hel, 404, "DigisosId finnes ikke"},
		"uten klage.json":           {klageSti(id), hel[1:], 400, "Forespørselen mangler delen klage.json"},
		"uten vedlegg.json":         {klageSti(id), append(hel[:1:1], hel[2:]...), 400, "Forespørselen mangler delen vedlegg.json"},
		"uten dokument":             {klageSti(id), hel[:2], 400, "Klage mangler hoveddokumentet"},
		"mangler navn i klage.json": {klageSti(id), med(`"navn"`, `"navnet"`), 400, "klage.json følger ikke skjemaet: /: mangler navn"},
		"tidspunkt uten sone":       {klageSti(id), med(`.001Z","begrunnelse`, `","begrunnelse`), 400, "klage.json følger ikke skjemaet: /innsendingstidspunkt: har ikke formen"},
		"annen klage":               {klageSti(id), med(klageID, trekkID), 400, "klageId i klage.json er en annen enn i adressen"},
		"annet vedtak":              {klageSti(id), med(vedtakID, trekkID), 400, "vedtakId i klage.json er en annen enn i adressen"},
		"annen sak":                 {klageSti(id), med(id, trekkID), 400, "digisosId i klage.json er en annen enn i adressen"},
		"annen person":              {klageSti(id), med(kari, ola), 400, "klage.json gjelder en annen person enn den som er logget inn"},
		"vedlegg til annen klage":   {klageSti(id), vedlegg(hel, spesifikasjon(etterID, klageID, "a.pdf")), 400, "vedlegg.json har ingen oppføring med klageId " + klageID},
		"vedlegg som ikke kom":      {klageSti(id), vedlegg(hel, spesifikasjon(klageID, klageID, "a.pdf", kari+".pdf")), 400, "Fil nummer 2 i vedlegg.json finnes ikke i mellomlagringen"},
		"klagen som sitt vedlegg":   {klageSti(id), vedlegg(hel, spesifikasjon(klageID, klageID, "klage.pdf")), 400, "Fil nummer 1 i vedlegg.json finnes ikke i mellomlagringen"},
		"ukryptert":                 {klageSti(id), append(hel[:3:3], del{navn: "klage.pdf", filnavn: "klage.pdf", innhold: []byte("%PDF")}), 400, "Filen er ikke gyldig kryptert"},
		"ettersendelse til ingen":   {"/digisos/klage/api/v1/" + id + "/" + etterID + "/" + klageID + "/vedlegg", hel[1:2], 404, "Klagen finnes ikke i saken"},
		"trekk av ingen":            {"/digisos/klage/api/v1/" + id + "/" + trekkID + "/" + klageID + "/trekk", trekkDeler(t), 404, "Klagen finnes ikke i saken"},
	} {
		s := h.send(t, innbygger(kari), tt.sti, tt.deler...)
		if m := s.melding(t, tt.status); !strings.HasPrefix(m, tt.melding) {
			t.Errorf("%s: %s", navn, m)
		}
		if strings.Contains(s.Body.String(), kari) || strings.Contains(s.Body.String(), ola) {
			t.Errorf("%s: a fødselsnummer is in the answer", navn)
		}
	}
	if m := h.gjor(t, innbygger(kari), "POST", klageSti(id), "application/json", []byte("{}")).melding(t, 400); !strings.Contains(m, "multipart") {
		t.Error(m)
	}
	for _, bryter := range []func(*KommuneKonfigurasjon){func(k *KommuneKonfigurasjon) { k.Aktivert = false }, func(k *KommuneKonfigurasjon) { k.MidlertidigDeaktivertMottak = true }} {
		h.settKonfig(t, bryter)
		h.send(t, innbygger(kari), klageSti(id), hel...).er(t, 400)
	}
	for hva, want := range map[string]int{"digisos_klage": 0, "leveringer": 1, "digisos_mellomlagret": 1, "dokumenter": 6, "digisos_historikk": 1} {
		if n := h.antall(t, hva); n != want {
			t.Errorf("%s has %d rows, want %d", hva, n, want)
		}
	}
}

// Only the citizen of the case sends in a klage, reads it and its documents.
func TestKlageBareIEgenSak(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "110000001")
	h.send(t, innbygger(ola), klageSti(id), klageDeler(t, ola, id)...).er(t, 403)
	h.klag(t, id, "a.pdf")
	k := h.klager(t, "")[0]
	if got := h.get(t, innbygger(ola), "/digisos/klage/api/v1/klager").er(t, 200); got != "[]" {
		t.Error(got)
	}
	h.get(t, innbygger(ola), "/digisos/klage/api/v1/klager?digisosId="+id).er(t, 403)
	h.get(t, innbygger(kari), "/digisos/klage/api/v1/klager?digisosId="+ukjentID).er(t, 404)
	h.get(t, innbygger(kari), "/digisos/klage/api/v1/klager?digisosId=tull").er(t, 400)
	for _, sti := range []string{"/vedlegg", "/trekk"} {
		h.send(t, innbygger(ola), "/digisos/klage/api/v1/"+id+"/"+etterID+"/"+klageID+sti, trekkDeler(t)...).er(t, 403)
	}
	konf, err := h.s.Konfigurasjon(t.Context(), orgOslo)
	must(t, err)
	for _, dok := range []struct{ id, ct, innhold string }{
		{k.KlageMetadata, "application/json", klageJSON(kari, id)},
		{k.VedleggMetadata, "application/json", spesifikasjon(klageID, klageID, "a.pdf")},
		{k.KlageDokument.DokumentlagerDokumentID, "application/pdf", "%PDF klage"},
		{k.Vedlegg[0].DokumentlagerDokumentID, "application/pdf", "a.pdf"},
	} {
		s := h.get(t, innbygger(kari), "/digisos/api/v1/soknader/"+id+"/dokumenter/"+dok.id)
		if got := s.er(t, 200); got != dok.innhold || s.Header().Get("Content-Type") != dok.ct {
			t.Errorf("%s: %q", s.Header().Get("Content-Type"), got)
		}
		h.get(t, innbygger(ola), "/digisos/api/v1/soknader/"+id+"/dokumenter/"+dok.id).er(t, 403)
		h.get(t, nav, "/digisos/api/v1/nav/soknader/"+id+"/dokumenter/"+dok.id+"?sporingsId=1").er(t, 403)
		if m, err := h.dok.Metadata(t.Context(), dok.id); err != nil || m.KontoID != konf.DokumentlagerKontoID {
			t.Errorf("%+v %v", m, err)
		}
		_, err := h.dok.Sjekk(t.Context(), auth.Caller{Slag: auth.Person, Fnr: kari, Niva: 4}, dok.id)
		if apen := err == nil; apen != (dok.ct == "application/pdf") {
			t.Errorf("%s in the browser: %v", dok.ct, err)
		}
	}
	h.get(t, nav, "/digisos/api/v1/mellomlagring/"+klageID).er(t, 404)
}

// A reference is taken once in a case, whatever comes with it, and so is a
// klageId; a klage is withdrawn once, and gets nothing more after that.
func TestKlageEnGang(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "110000001")
	h.klag(t, id, "a.pdf")
	forrige := h.sak(t, kari, id).SistEndret
	if m := h.send(t, innbygger(kari), klageSti(id), klageDeler(t, kari, id)...).melding(t, 400); m != "Klage med tilhørende navEksternRefId "+klageID+" finnes allerede for oppgitt DigisosId "+id {
		t.Error(m)
	}
	annenRef := strings.Replace(klageSti(id), klageID, etterID, 1)
	if m := h.send(t, innbygger(kari), annenRef, klageDeler(t, kari, id)...).melding(t, 400); m != "Klage med klageId "+klageID+" finnes allerede for oppgitt DigisosId "+id {
		t.Error(m)
	}
	h.ettersendKlage(t, id, "b.pdf")
	if naa := h.sak(t, kari, id).SistEndret; naa <= forrige {
		t.Error("sistEndret did not move")
	}
	h.mellomlagre(t, etterID, "c.pdf")
	if m := h.send(t, innbygger(kari), "/digisos/klage/api/v1/"+id+"/"+etterID+"/"+klageID+"/vedlegg",
		medFilnavn("vedlegg.json", spesifikasjon(klageID, etterID, "c.pdf"))).melding(t, 400); !strings.HasPrefix(m, "Ettersendelse til klage med tilhørende navEksternRefId "+etterID) {
		t.Error(m)
	}
	if m := h.send(t, innbygger(kari), "/digisos/klage/api/v1/"+id+"/tom/"+klageID+"/vedlegg",
		medFilnavn("vedlegg.json", spesifikasjon(klageID, "tom"))).melding(t, 400); m != "Ettersendelsen har ingen filer" {
		t.Error(m)
	}
	h.trekk(t, id)
	for _, sti := range []string{"/trekk", "/vedlegg"} {
		if m := h.send(t, innbygger(kari), "/digisos/klage/api/v1/"+id+"/ny/"+klageID+sti, trekkDeler(t)...).melding(t, 400); m != "Klagen er trukket" {
			t.Error(m)
		}
	}
	// The same ids in another case are another klage.
	annen := h.nySoknad(t, kari, "110000002")
	h.send(t, innbygger(kari), klageSti(annen), klageDeler(t, kari, annen)...).er(t, 200)
	if n := len(h.klager(t, "")); n != 2 {
		t.Errorf("%d klager", n)
	}
}

// Many equal klager at once: one is taken, and nothing of the others is left.
func TestSamtidigeKlager(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "110000001")
	h.mellomlagre(t, klageID, "a.pdf")
	ct, body := skjema(klageDeler(t, kari, id, "a.pdf")...)
	svarene := make([]svar, 8)
	var wg sync.WaitGroup
	for i := range svarene {
		wg.Go(func() { svarene[i] = h.gjor(t, innbygger(kari), "POST", klageSti(id), ct, body) })
	}
	wg.Wait()
	tatt := 0
	for _, s := range svarene {
		if s.Code == 200 {
			tatt++
		} else if m := s.melding(t, 400); !strings.HasPrefix(m, "Klage med tilhørende navEksternRefId") {
			t.Error(m)
		}
	}
	for hva, want := range map[string]int{"digisos_klage": 1, "leveringer": 2, "dokumenter": 9} {
		if got := h.antall(t, hva); got != want {
			t.Errorf("%s: %d rows, want %d", hva, got, want)
		}
	}
	if tatt != 1 {
		t.Errorf("%d were taken", tatt)
	}
}

// Neither what a klage says, nor its files' names, can be read at rest; each
// acceptance is in the audit log.
func TestKlageIRoOgRevisjon(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "110000001")
	h.klag(t, id, "hemmelig-a.pdf")
	h.ettersendKlage(t, id, "hemmelig-b.pdf")
	h.trekk(t, id)
	h.lever(t)
	h.ikkeLesbart(t, kari, "hemmelig", "Prøve", "klage.pdf", "trekk.pdf")
	hs, err := h.revisjon.List(t.Context(), audit.Filter{Gjelder: kari})
	must(t, err)
	var handlinger []string
	for _, e := range hs {
		handlinger = append(handlinger, e.Handling)
		if e.FiksOrg != orgOslo || e.Underressurs != id || e.Principal.Fnr != kari {
			t.Errorf("%+v", e)
		}
	}
	if d := cmp.Diff([]string{"DIGISOS_SOKNAD_MOTTATT", "DIGISOS_KLAGE_MOTTATT", "DIGISOS_KLAGE_ETTERSENDELSE_MOTTATT", "DIGISOS_KLAGE_TRUKKET"}, handlinger); d != "" {
		t.Error(d)
	}
}

// A case is not deleted while something of a klage is under way; when it is, the
// klage goes with it, and every call gets 410.
func TestSlettetSakTarKlageneMed(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.settKonfig(t, func(k *KommuneKonfigurasjon) { k.BrukerFiksIO = false })
	id := h.nySoknad(t, kari, "110000001")
	h.lever(t)
	h.bekreft(t, h.svarUt)
	h.klag(t, id, "a.pdf")
	h.lever(t)
	if err := h.s.SlettSak(t.Context(), id); err == nil || !strings.Contains(err.Error(), "er ikke levert") {
		t.Fatalf("deleted while a klage is under way: %v", err)
	}
	h.bekreft(t, h.svarUt)
	dokumenter := h.klager(t, id)[0]
	must(t, h.s.SlettSak(t.Context(), id))
	if n := h.antall(t, "digisos_klage"); n != 0 {
		t.Errorf("%d rows", n)
	}
	for _, dok := range []string{dokumenter.KlageMetadata, dokumenter.VedleggMetadata, dokumenter.KlageDokument.DokumentlagerDokumentID, dokumenter.Vedlegg[0].DokumentlagerDokumentID} {
		if _, _, err := h.dok.Apne(t.Context(), dok, 0); err == nil {
			t.Errorf("document %s is still there", dok)
		}
	}
	if got := h.klager(t, ""); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	h.get(t, innbygger(kari), "/digisos/klage/api/v1/klager?digisosId="+id).er(t, 410)
	h.send(t, innbygger(kari), klageSti(id), klageDeler(t, kari, id)...).er(t, 410)
	h.send(t, innbygger(kari), "/digisos/klage/api/v1/"+id+"/"+etterID+"/"+klageID+"/vedlegg", trekkDeler(t)...).er(t, 410)
	h.send(t, innbygger(kari), "/digisos/klage/api/v1/"+id+"/"+trekkID+"/"+klageID+"/trekk", trekkDeler(t)...).er(t, 410)
}
