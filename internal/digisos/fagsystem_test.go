package digisos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/store"
)

// sokerJSON is a digisos-soker with the hendelser given, or one of its own; ref
// is the dokumentlager file of a forelopigSvar, "" for none.
func sokerJSON(ref string, hendelser ...string) string {
	if len(hendelser) == 0 {
		hendelser = []string{`{"type":"soknadsStatus","hendelsestidspunkt":"2026-06-10T08:00:00.000Z","status":"MOTTATT"}`}
	}
	if ref != "" {
		hendelser = append(hendelser, `{"type":"forelopigSvar","hendelsestidspunkt":"2026-06-10T08:00:00.000Z","forvaltningsbrev":{"referanse":{"type":"dokumentlager","id":"`+ref+`"}}}`)
	}
	return `{"version":"1.0.0","avsender":{"systemnavn":"Fag","systemversjon":"1"},"hendelser":[` + strings.Join(hendelser, ",") + `]}`
}

func (h *hus) oppdater(t testing.TB, id, soker string) svar {
	t.Helper()
	return h.post(t, fagOslo, "/digisos/api/v1/"+orgOslo+"/"+id, `{"sak":{"soker":`+soker+`},"type":"no.nav.digisos.digisos.soker.v1"}`)
}

// lastOpp uploads files as the fagsystem; the content of each is its name.
func (h *hus) lastOpp(t testing.TB, id string, navn ...string) []DokumentInfo {
	t.Helper()
	var d []del
	for i, n := range navn {
		d = append(d, par(t, i, n, n)...)
	}
	return les[[]DokumentInfo](t, h.send(t, fagOslo, "/digisos/api/v1/"+orgOslo+"/"+id+"/filer", d...), 200)
}

const ukjentID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"

func TestSaksoppdatering(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "110000001")
	annen := h.nySoknad(t, kari, "110000002")
	fil := h.lastOpp(t, id, "brev.pdf")[0]
	fremmed := h.lastOpp(t, annen, "brev.pdf")[0]
	sti := "/digisos/api/v1/" + orgOslo + "/" + id
	if h.sak(t, kari, id).DigisosSoker != nil {
		t.Error("digisosSoker before the first update")
	}
	body := func(soker string) string {
		return `{"sak":{"soker":` + soker + `},"type":"no.nav.digisos.digisos.soker.v1"}`
	}

	for navn, tt := range map[string]struct {
		sti, body string
		status    int
	}{
		"ukjent sak":      {"/digisos/api/v1/" + orgOslo + "/" + ukjentID, body(sokerJSON("")), 404},
		"ikke uuid":       {"/digisos/api/v1/" + orgOslo + "/tull", body(sokerJSON("")), 400},
		"feil type":       {sti, `{"sak":{"soker":` + sokerJSON("") + `},"type":"noe.annet"}`, 400},
		"uten type":       {sti, `{"sak":{"soker":` + sokerJSON("") + `}}`, 400},
		"uten sak":        {sti, `{"type":"no.nav.digisos.digisos.soker.v1"}`, 400},
		"uten soker":      {sti, `{"sak":{},"type":"no.nav.digisos.digisos.soker.v1"}`, 400},
		"ikke JSON":       {sti, `{`, 400},
		"bryter skjemaet": {sti, body(`{"version":"1.0.0","avsender":{"systemnavn":"x"},"hendelser":[]}`), 400},
		"ukjent fil":      {sti, body(sokerJSON(ukjentID)), 400},
		"annen saks fil":  {sti, body(sokerJSON(fremmed.DokumentlagerDokumentID)), 400},
	} {
		if s := h.post(t, fagOslo, tt.sti, tt.body); s.Code != tt.status {
			t.Errorf("%s: %d %s", navn, s.Code, s.Body)
		}
	}
	if h.sak(t, kari, id).DigisosSoker != nil {
		t.Error("a refused update was stored")
	}
	h.post(t, fagBerg, "/digisos/api/v1/"+orgBergen+"/"+id, body(sokerJSON(""))).er(t, 403)

	// References of type svarut are not checked. The body may be a JSON string,
	// a tolerance that the OpenAPI document does not promise.
	svarut := sokerJSON("", `{"type":"forelopigSvar","hendelsestidspunkt":"2026-06-10T08:00:00.000Z","forvaltningsbrev":{"referanse":{"type":"svarut","id":"`+ukjentID+`","nr":1}}}`)
	streng, err := json.Marshal(body(svarut))
	must(t, err)
	r := httptest.NewRequest("POST", sti, bytes.NewReader(streng)).WithContext(auth.With(t.Context(), fagOslo))
	w := httptest.NewRecorder()
	h.router.ServeHTTP(w, r)
	svar{w}.er(t, 202)
	forste := h.sak(t, kari, id)
	h.oppdater(t, id, sokerJSON(fil.DokumentlagerDokumentID)).er(t, 202)
	andre := h.sak(t, kari, id)
	if d := cmp.Diff([]DokumentInfo{fil}, andre.DigisosSoker.Dokumenter); d != "" {
		t.Error(d)
	}
	if andre.DigisosSoker.Metadata == forste.DigisosSoker.Metadata || andre.DigisosSoker.TimestampSistOppdatert <= forste.DigisosSoker.TimestampSistOppdatert || andre.SistEndret <= forste.SistEndret {
		t.Errorf("the update does not show: %+v %+v", forste.DigisosSoker, andre.DigisosSoker)
	}
	h.get(t, innbygger(kari), "/digisos/api/v1/soknader/"+id+"/dokumenter/"+forste.DigisosSoker.Metadata).er(t, 404)

	// A file in use stays; one that the next update does not name may go.
	h.gjor(t, fagOslo, "DELETE", sti+"/filer?filIder="+fil.DokumentlagerDokumentID, "", nil).er(t, 400)
	h.gjor(t, fagOslo, "DELETE", sti, "", nil).er(t, 204)
	tredje := h.sak(t, kari, id)
	if tredje.DigisosSoker != nil || tredje.SistEndret <= andre.SistEndret {
		t.Errorf("%+v", tredje)
	}
	if got := les[[]DokumentInfo](t, h.get(t, fagOslo, sti+"/filer"), 200); len(got) != 1 {
		t.Error("files went with the update")
	}
	h.gjor(t, fagOslo, "DELETE", sti, "", nil).er(t, 204) // again: nothing there
	h.gjor(t, fagOslo, "DELETE", sti+"/filer?filIder="+fil.DokumentlagerDokumentID, "", nil).er(t, 204)
	h.get(t, innbygger(kari), "/digisos/api/v1/soknader/"+id+"/dokumenter/"+fil.DokumentlagerDokumentID).er(t, 404)

	h.settKonfig(t, func(k *KommuneKonfigurasjon) { k.MidlertidigDeaktivertOppdateringer = true })
	h.oppdater(t, id, sokerJSON("")).er(t, 202) // the flag informs NAV only
	h.settKonfig(t, func(k *KommuneKonfigurasjon) { k.StotterOppdateringer = false })
	h.oppdater(t, id, sokerJSON("")).er(t, 400)
	want := "AKSEPTERT_FIKS LASTET_OPP_FILER_KOMMUNE OPPDATERT_SAK_KOMMUNE OPPDATERT_SAK_KOMMUNE SLETTET_OPPDATERINGER_KOMMUNE SLETTET_OPPDATERINGER_KOMMUNE SLETTET_FILER_KOMMUNE OPPDATERT_SAK_KOMMUNE"
	if got := h.tilstander(t, id); got != want {
		t.Errorf("%s", got)
	}
}

func TestFagsystemetsFiler(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "110000001")
	sti := "/digisos/api/v1/" + orgOslo + "/" + id + "/filer"
	if got := h.get(t, fagOslo, sti).er(t, 200); got != "[]" {
		t.Error(got)
	}
	a := h.lastOpp(t, id, "b.pdf", "a.pdf")
	b := h.lastOpp(t, id, "a.pdf")
	kropp := h.get(t, fagOslo, sti).er(t, 200)
	want := fmt.Sprintf(`[{"filnavn":"b.pdf","dokumentlagerDokumentId":"%s","storrelse":5},{"filnavn":"a.pdf","dokumentlagerDokumentId":"%s","storrelse":5},{"filnavn":"a.pdf","dokumentlagerDokumentId":"%s","storrelse":5}]`,
		a[0].DokumentlagerDokumentID, a[1].DokumentlagerDokumentID, b[0].DokumentlagerDokumentID)
	if kropp != want {
		t.Errorf("exactly three fields, in upload order:\n%s\n%s", kropp, want)
	}
	slett := func(ider string) svar { return h.gjor(t, fagOslo, "DELETE", sti+"?filIder="+ider, "", nil) }
	slett(a[0].DokumentlagerDokumentID+"&filIder="+ukjentID).er(t, 400) // all or none
	if n := len(les[[]DokumentInfo](t, h.get(t, fagOslo, sti), 200)); n != 3 {
		t.Errorf("%d files", n)
	}
	slett("tull").er(t, 400)
	h.gjor(t, fagOslo, "DELETE", sti, "", nil).er(t, 400)
	slett(a[0].DokumentlagerDokumentID+","+a[1].DokumentlagerDokumentID+"&filIder="+b[0].DokumentlagerDokumentID).er(t, 204)
	if got := h.get(t, fagOslo, sti).er(t, 200); got != "[]" {
		t.Error(got)
	}
	h.send(t, fagOslo, sti).er(t, 400)
	h.gjor(t, fagOslo, "POST", sti, "text/plain", nil).er(t, 400)
	h.send(t, fagOslo, "/digisos/api/v1/"+orgOslo+"/"+ukjentID+"/filer", par(t, 0, "a", "a")...).er(t, 404)
	h.send(t, fagBerg, "/digisos/api/v1/"+orgBergen+"/"+id+"/filer", par(t, 0, "a", "a")...).er(t, 403)
	h.get(t, fagBerg, "/digisos/api/v1/"+orgBergen+"/"+id+"/filer").er(t, 403)
}

func TestNySak(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	ny := "/digisos/api/v1/" + orgOslo + "/ny?sokerFnr="
	a, b := les[string](t, h.post(t, fagOslo, ny+kari, ""), 200), les[string](t, h.post(t, fagOslo, ny+kari, ""), 200)
	if a == b {
		t.Error("every call makes a new case")
	}
	h.post(t, fagOslo, ny, "").er(t, 400)
	h.post(t, fagOslo, ny+"1234567890", "").er(t, 400)
	h.oppdater(t, a, sokerJSON("")).er(t, 202)
	sak := h.sak(t, kari, a)
	if sak.Kommunenummer != "0301" || sak.FiksOrgID != orgOslo || sak.OriginalSoknadNAV != nil || sak.EttersendtInfoNAV != nil || sak.SokerFnr != kari {
		t.Errorf("%+v", sak)
	}
	if got := h.tilstander(t, a); got != "OPPRETTET_SAK_KOMMUNE OPPDATERT_SAK_KOMMUNE" {
		t.Error(got)
	}
}

// What is taken out of a saksoppdatering is a JSON value that lies in the body
// byte for byte; anything else is refused as the caller's fault.
func FuzzLesOppdatering(f *testing.F) {
	for _, s := range []string{
		`{"sak":{"soker":` + sokerJSON("") + `},"type":"no.nav.digisos.digisos.soker.v1"}`,
		`"{\"sak\":{\"soker\":{}},\"type\":\"no.nav.digisos.digisos.soker.v1\"}"`,
		`{"sak":{"soker":null},"type":"no.nav.digisos.digisos.soker.v1"}`, `[]`, `"`, "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		soker, err := lesOppdatering(httptest.NewRequest("POST", "/", bytes.NewReader(body)))
		switch {
		case err != nil && !feil.Er(err, feil.Ugyldig):
			t.Errorf("not a refusal: %v", err)
		case err == nil && !json.Valid(soker):
			t.Errorf("%q is no JSON", soker)
		case err == nil && bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) && !bytes.Contains(body, soker):
			t.Errorf("%q is not in the body", soker)
		}
	})
}

// A case that changes between being found old and being deleted stays.
func TestEndretMensDenSkulleSlettes(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	ny := les[string](t, h.gjor(t, fagOslo, "POST", "/digisos/api/v1/"+orgOslo+"/ny?sokerFnr="+kari, "", nil), 200)
	gammel := les[string](t, h.gjor(t, fagOslo, "POST", "/digisos/api/v1/"+orgOslo+"/ny?sokerFnr="+kari, "", nil), 200)
	h.Klokke.Sett(h.Klokke.Now().Add(h.s.cfg.Sakslevetid))
	naa := store.Micros(h.Klokke.Now())
	h.write(t, func(tx *store.Tx) error { return h.s.rorSak(t.Context(), tx, ny, h.Klokke.Now()) })
	must(t, h.s.slettSak(t.Context(), ny, naa))
	must(t, h.s.slettSak(t.Context(), gammel, naa))
	h.get(t, innbygger(kari), "/digisos/api/v1/soknader/"+ny).er(t, 200)
	h.get(t, innbygger(kari), "/digisos/api/v1/soknader/"+gammel).er(t, 410)
}
