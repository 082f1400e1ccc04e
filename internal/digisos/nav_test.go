package digisos

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
)

// revisjon lists "handling fiksOrg underressurs payload" of a sporingsId.
func (h *hus) sporet(t testing.TB, sporingsID string) []string {
	t.Helper()
	hs, err := h.revisjon.List(t.Context(), audit.Filter{RequestID: sporingsID})
	must(t, err)
	var ut []string
	for _, e := range hs {
		if e.Principal.IntegrasjonID != nav.IntegrasjonID || e.Tjeneste != "TJENESTE_DIGISOS" {
			t.Errorf("%+v", e)
		}
		ut = append(ut, strings.Join([]string{e.Handling, e.FiksOrg, e.Underressurs, e.Gjelder, e.Payload}, " "))
	}
	return ut
}

// NAV's look-ups: what is shown, what is refused, and that each is in the audit
// log with its sporingsId.
func TestNAVsOppslag(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	oslo1, oslo2 := h.nySoknad(t, kari, "1"), h.nySoknad(t, kari, "2")
	bergen := les[string](t, h.send(t, innbygger(kari), "/digisos/api/v2/soknader/4601/3", soknadDeler(t, kari)...), 202)
	h.nySoknad(t, ola, "4")
	sok := func(fnr, sporing string) svar {
		return h.post(t, nav, "/digisos/api/v1/nav/soknader/soknader?sporingsId="+sporing, `{"fnr":"`+fnr+`"}`)
	}
	var ider []string
	for _, s := range les[[]DigisosSak](t, sok(kari, "s1"), 200) {
		ider = append(ider, s.FiksDigisosID)
	}
	if len(ider) != 3 || ider[0] != oslo1 && ider[1] != oslo1 && ider[2] != oslo1 {
		t.Errorf("%v", ider)
	}
	var iOslo []string
	for _, id := range ider {
		if id != bergen {
			iOslo = append(iOslo, id)
		}
	}
	// One event per municipality.
	spor := h.sporet(t, "s1")
	if len(spor) != 2 {
		t.Fatalf("%q", spor)
	}
	for _, want := range []string{
		"NAV_SOK_SOKNADER " + orgOslo + "  " + kari + " " + strings.Join(iOslo, ","),
		"NAV_SOK_SOKNADER " + orgBergen + "  " + kari + " " + bergen,
	} {
		if spor[0] != want && spor[1] != want {
			t.Errorf("%q is not in %q", want, spor)
		}
	}
	if got := sok("09870199999", "s2").er(t, 200); got != "[]" {
		t.Error(got)
	}
	if d := cmp.Diff([]string{"NAV_SOK_SOKNADER   09870199999 "}, h.sporet(t, "s2")); d != "" {
		t.Error(d)
	}

	sti := "/digisos/api/v1/nav/soknader/"
	sak := les[DigisosSak](t, h.get(t, nav, sti+oslo1+"?sporingsId=s3"), 200)
	if d := cmp.Diff([]string{"NAV_HENT_SOKNAD " + orgOslo + " " + oslo1 + " " + kari + " " + oslo1}, h.sporet(t, "s3")); d != "" {
		t.Error(d)
	}
	h.get(t, nav, sti+ukjentID+"?sporingsId=s4").er(t, 404)
	h.get(t, nav, sti+"tull?sporingsId=s4").er(t, 400)

	// Documents: the JSON ones only.
	h.lastOpp(t, oslo1, "brev.pdf")
	h.oppdater(t, oslo1, sokerJSON("")).er(t, 202)
	h.ettersend(t, kari, oslo1, "10001", "a.pdf").er(t, 202)
	sak = h.sak(t, kari, oslo1)
	for dok, status := range map[string]int{
		sak.OriginalSoknadNAV.Metadata: 200, sak.OriginalSoknadNAV.VedleggMetadata: 200, sak.DigisosSoker.Metadata: 200,
		sak.EttersendtInfoNAV.Ettersendelser[0].VedleggMetadata:                    200,
		sak.OriginalSoknadNAV.SoknadDokument.DokumentlagerDokumentID:               403,
		sak.OriginalSoknadNAV.Vedlegg[0].DokumentlagerDokumentID:                   403,
		sak.EttersendtInfoNAV.Ettersendelser[0].Vedlegg[0].DokumentlagerDokumentID: 403,
		sak.DigisosSoker.Dokumenter[0].DokumentlagerDokumentID:                     403,
		ukjentID: 403,
		h.sak(t, kari, oslo2).OriginalSoknadNAV.Metadata: 403, // another case's
	} {
		h.get(t, nav, sti+oslo1+"/dokumenter/"+dok+"?sporingsId=s5").er(t, status)
	}
	if n := len(h.sporet(t, "s5")); n != 10 {
		t.Errorf("%d events of 10 look-ups", n)
	}

	// Without nksTilgang: 403, and left out of lists. Refusals are logged too.
	h.settKonfig(t, func(k *KommuneKonfigurasjon) { k.NksTilgang = false })
	h.get(t, nav, sti+oslo1+"?sporingsId=s6").er(t, 403)
	h.get(t, nav, sti+oslo1+"/dokumenter/"+sak.OriginalSoknadNAV.Metadata+"?sporingsId=s6").er(t, 403)
	if d := cmp.Diff([]string{
		"NAV_HENT_SOKNAD_AVVIST " + orgOslo + " " + oslo1 + " " + kari + " " + oslo1,
		"NAV_HENT_DOKUMENT_AVVIST " + orgOslo + " " + oslo1 + " " + kari + " " + sak.OriginalSoknadNAV.Metadata,
	}, h.sporet(t, "s6")); d != "" {
		t.Error(d)
	}
	if s := les[[]DigisosSak](t, sok(kari, "s7"), 200); len(s) != 1 || s[0].FiksDigisosID != bergen {
		t.Errorf("%+v", s)
	}
	// The status of a delivery is no look into the case.
	st := h.post(t, nav, "/digisos/api/v1/nav/soknader/status?sporingsId=s8", `{"digisosIdListe":["`+oslo1+`","`+bergen+`"]}`).er(t, 200)
	if st != fmt.Sprintf(`{"statusListe":[{"digisosId":"%s","levertFagsystem":false},{"digisosId":"%s","levertFagsystem":false}]}`, oslo1, bergen) {
		t.Error(st)
	}
	if d := cmp.Diff([]string{"NAV_HENT_STATUS " + orgOslo + "   " + oslo1, "NAV_HENT_STATUS " + orgBergen + "   " + bergen}, h.sporet(t, "s8")); d != "" {
		t.Error(d)
	}
}

// sporingsId is required on every look-up, and fnr and ids have their form.
func TestNAVUgyldigeOppslag(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "1")
	sti := "/digisos/api/v1/nav/soknader/"
	for _, s := range []svar{
		h.get(t, nav, sti+id), h.get(t, nav, sti+id+"?sporingsId="), h.get(t, nav, sti+id+"/dokumenter/"+ukjentID),
		h.post(t, nav, sti+"soknader", `{"fnr":"`+kari+`"}`), h.post(t, nav, sti+"status", `{"digisosIdListe":[]}`),
		h.post(t, nav, sti+"soknader?sporingsId=1", `{"fnr":"123"}`), h.post(t, nav, sti+"soknader?sporingsId=1", `{}`),
		h.post(t, nav, sti+"soknader?sporingsId=1", `[`), h.post(t, nav, sti+"status?sporingsId=1", `{}`),
		h.post(t, nav, sti+"status?sporingsId=1", `{"digisosIdListe":["x"]}`), h.get(t, nav, sti+id+"/dokumenter/x?sporingsId=1"),
	} {
		s.er(t, 400)
	}
	ider := make([]string, 1200) // more than one question to the database
	for i := range ider {
		ider[i] = fmt.Sprintf(`"00000000-0000-4000-8000-%012d"`, i)
	}
	ider[1100] = `"` + id + `"`
	if got := h.post(t, nav, sti+"status?sporingsId=1", `{"digisosIdListe":[`+strings.Join(ider, ",")+`]}`).er(t, 200); !strings.Contains(got, id) {
		t.Error(got)
	}
}

// The citizen's own view: only the citizen's cases, all documents of them.
func TestInnbyggersVisning(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "1")
	olas := h.nySoknad(t, ola, "2")
	if got := h.get(t, innbygger("09870199999"), "/digisos/api/v1/soknader/soknader").er(t, 200); got != "[]" {
		t.Error(got)
	}
	alle := les[[]DigisosSak](t, h.get(t, innbygger(kari), "/digisos/api/v1/soknader/soknader"), 200)
	if len(alle) != 1 || cmp.Diff(h.sak(t, kari, id), alle[0]) != "" {
		t.Errorf("the list differs from the case: %+v", alle)
	}
	sti := "/digisos/api/v1/soknader/"
	h.get(t, innbygger(ola), sti+id).er(t, 403)
	h.get(t, innbygger(kari), sti+ukjentID).er(t, 404)
	h.get(t, innbygger(kari), sti+"tull").er(t, 400)
	o := h.sak(t, kari, id).OriginalSoknadNAV
	h.get(t, innbygger(ola), sti+id+"/dokumenter/"+o.Metadata).er(t, 403)
	h.get(t, innbygger(ola), sti+olas+"/dokumenter/"+o.Metadata).er(t, 404)
	h.get(t, innbygger(kari), sti+id+"/dokumenter/"+ukjentID).er(t, 404)
	h.get(t, innbygger(kari), sti+id+"/dokumenter/x").er(t, 400)
	if got := h.get(t, innbygger(kari), sti+strings.ToUpper(id)+"/dokumenter/"+strings.ToUpper(o.Metadata)).er(t, 200); got != soknadJSON(kari) {
		t.Error(got)
	}
}

// Many documents at once, each part named {digisosId}_{dokumentlagerId}.
func TestAlleDokumenter(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	a, b := h.nySoknad(t, kari, "1"), h.nySoknad(t, kari, "2")
	olas := h.nySoknad(t, ola, "3")
	da, db := h.sak(t, kari, a).OriginalSoknadNAV, h.sak(t, kari, b).OriginalSoknadNAV
	dok := func(par ...string) string {
		var ut []string
		for i := 0; i < len(par); i += 2 {
			ut = append(ut, fmt.Sprintf(`{"digisosId":"%s","dokumentlagerId":"%s"}`, par[i], par[i+1]))
		}
		return `{"dokumenter":[` + strings.Join(ut, ",") + `]}`
	}
	post := func(body string) svar { return h.post(t, innbygger(kari), "/digisos/api/v1/soknader/dokumenter", body) }
	s := post(dok(a, da.Metadata, b, db.VedleggMetadata, a, da.VedleggMetadata))
	s.er(t, 200)
	typ, params, err := mime.ParseMediaType(s.Header().Get("Content-Type"))
	if err != nil || typ != "multipart/mixed" {
		t.Fatal(typ, err)
	}
	mr := multipart.NewReader(s.Body, params["boundary"])
	for _, want := range [][2]string{{a + "_" + da.Metadata, soknadJSON(kari)}, {b + "_" + db.VedleggMetadata, vedleggJSON}, {a + "_" + da.VedleggMetadata, vedleggJSON}} {
		p, err := mr.NextPart()
		must(t, err)
		innhold, err := io.ReadAll(p)
		must(t, err)
		if p.FormName() != want[0] || string(innhold) != want[1] || p.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%v: %s", p.Header, innhold)
		}
	}
	if _, err := mr.NextPart(); err != io.EOF {
		t.Error(err)
	}
	tom := post(dok())
	tom.er(t, 200)
	post(`{}`).er(t, 400)
	post(dok("x", da.Metadata)).er(t, 400)
	post(dok(a, da.Metadata, a, ukjentID)).er(t, 404)
	post(dok(ukjentID, ukjentID)).er(t, 404)
	post(dok(a, da.Metadata, olas, h.sak(t, ola, olas).OriginalSoknadNAV.Metadata)).er(t, 403)
}

// Every endpoint against every kind of caller: 401 without credentials, 403 for
// who has no business there, and past the guard for who has. What the handler
// then says about paths that point nowhere is not decided here.
func TestTilgangstabell(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	lav := innbygger(kari)
	lav.Niva = 3
	person := auth.Caller{Slag: auth.Person, Fnr: kari, Niva: 4}
	fagInnbygger := innbygger(kari)
	fagInnbygger.IntegrasjonID = fagOslo.IntegrasjonID
	kallere := []struct {
		navn string
		c    auth.Caller
	}{
		{"anonym", anonym}, {"nav", nav}, {"innbygger", innbygger(kari)}, {"innbygger nivå 3", lav},
		{"innbygger hos annen", fagInnbygger}, {"person", person}, {"fag Oslo", fagOslo}, {"fag Bergen", fagBerg}, {"admin Oslo", adminOs},
	}
	slipper := map[string]string{}
	for _, rt := range h.s.Routes() {
		p := rt.Pattern[strings.Index(rt.Pattern, " ")+1:]
		switch {
		case strings.HasSuffix(p, "public-key"):
			slipper[rt.Pattern] = "nav, innbygger, innbygger nivå 3, innbygger hos annen, fag Oslo, fag Bergen"
		case strings.Contains(p, "/konfigurasjon/"), rt.Pattern == "PUT "+avstemSti("{fiksOrgId}")+"/oppsett":
			slipper[rt.Pattern] = "admin Oslo"
		case strings.Contains(p, "/avstemming/"):
			slipper[rt.Pattern] = "fag Oslo, admin Oslo"
		case strings.Contains(p, "/v1/nav/"), strings.Contains(p, "/mellomlagring/"):
			slipper[rt.Pattern] = "nav"
		case strings.Contains(p, "/soknader/"), strings.Contains(p, "/klage/"):
			slipper[rt.Pattern] = "innbygger"
		case strings.Contains(p, "/{fiksOrgId}/"):
			slipper[rt.Pattern] = "fag Oslo"
		default:
			t.Fatalf("no row for %s", rt.Pattern)
		}
	}
	if len(slipper) != 39 {
		t.Errorf("%d routes", len(slipper))
	}
	for monster, lov := range slipper {
		metode, sti, _ := strings.Cut(monster, " ")
		sti = strings.NewReplacer("{fiksOrgId}", orgOslo, "{kommunenummer}", "0301", "{navEksternRefId}", "finnes-ikke").Replace(sti)
		for strings.Contains(sti, "{") {
			i, j := strings.Index(sti, "{"), strings.Index(sti, "}")
			sti = sti[:i] + ukjentID + sti[j+1:]
		}
		for _, k := range kallere {
			s := h.gjor(t, k.c, metode, sti, "", nil)
			want := 403
			switch {
			case k.navn == "anonym":
				want = 401
			case strings.Contains(", "+lov+",", ", "+k.navn+","):
				want = 0
			}
			if want == 0 && (s.Code == 401 || s.Code == 403) || want != 0 && s.Code != want {
				t.Errorf("%s as %s: %d %s", monster, k.navn, s.Code, s.Body)
			}
		}
	}
}

// Literal first segments win over {fiksOrgId}.
func TestRuting(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	for sti, monster := range map[string]string{
		"GET /digisos/api/v1/soknader/soknader":              "[]",
		"GET /digisos/klage/api/v1/klager":                   "[]",
		"GET /digisos/api/v1/nav/kommuner":                   `[{"kommunenummer"`,
		"GET /digisos/api/v1/mellomlagring/" + ukjentID:      "Ingenting er mellomlagret",
		"POST /digisos/api/v1/soknader/dokumenter":           "dokumenter må være",
		"POST /digisos/api/v1/nav/soknader/status":           "sporingsId",
		"GET /digisos/api/v1/konfigurasjon/" + orgOslo:       "dokumentlagerKontoId",
		"POST " + avstemSti(orgOslo):                         "Oppgi minst én id",
		"GET " + avstemSti(orgOslo) + "/avvik":               "[]",
		"POST /digisos/api/v1/" + orgOslo + "/ny":            "sokerFnr",
		"GET /digisos/api/v1/" + orgOslo + "/" + ukjentID:    "ikke tillatt",
		"POST /digisos/api/v1/mellomlagring/" + ukjentID:     "multipart",
		"DELETE /digisos/api/v1/soknader/" + ukjentID:        "fiksOrgId må være en UUID",
		"GET /digisos/api/v1/" + orgOslo + "/tull/noe/annet": "Fant ikke",
	} {
		metode, p, _ := strings.Cut(sti, " ")
		c := nav
		switch {
		case (strings.Contains(p, "v1/soknader") || strings.Contains(p, "/klage/")) && metode != "DELETE":
			c = innbygger(kari)
		case strings.Contains(p, "konfigurasjon"):
			c = adminOs
		case strings.Contains(p, orgOslo), metode == "DELETE":
			c = fagOslo
		}
		if s := h.gjor(t, c, metode, p, "application/json", []byte("{}")); !strings.Contains(s.Body.String(), monster) {
			t.Errorf("%s: %d %s", sti, s.Code, s.Body)
		}
	}
}
