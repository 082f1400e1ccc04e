package bekymringsmelding

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/svarut/print"
)

const adminV1, adminV2 = "/bekymringsmelding/api/v1/admin", "/bekymringsmelding/api/v2/admin"

type treff struct {
	Totalt    int              `json:"totaltAntallTreff"`
	Meldinger []map[string]any `json:"meldinger"`
}

// Everybody sees what is theirs: the operator all, an administrator the organisation's.
func TestAdminTilgang(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.send(t, bydelFiksIO)
	i := "?fiksOrgId=" + orgBergen
	for _, c := range []struct {
		hvem              auth.Caller
		method, sti, body string
		status            int
	}{
		{operator, "GET", "/meldinger", "", 200}, {operator, "GET", "/meldinger" + i, "", 200},
		{admin, "GET", "/meldinger" + i, "", 200}, {admin, "GET", "/meldinger", "", 403}, {admin, "GET", "/meldinger?fiksOrgId=" + orgOslo, "", 403},
		{bruker, "GET", "/meldinger" + i, "", 403}, {fag, "GET", "/meldinger" + i, "", 403}, {anonym, "GET", "/meldinger" + i, "", 401},
		{auth.Caller{Slag: auth.Person, Fnr: fnrOperator, Niva: 3}, "GET", "/meldinger", "", 403},
		{operator, "GET", "/meldinger?fiksOrgId=x", "", 400},
		{admin, "GET", "/statistikk", "", 403}, {admin, "GET", "/statistikk" + i, "", 200},
		{admin, "GET", "/statistikk/bydeler", "", 403}, {admin, "GET", "/statistikk/bydeler" + i, "", 200},
		{admin, "GET", "/statistikk/skjematyper", "", 403}, {admin, "GET", "/statistikk/skjematyper" + i, "", 200},
		{operator, "GET", "/historikk/" + id, "", 200}, {admin, "GET", "/historikk/" + id, "", 200}, {bruker, "GET", "/historikk/" + id, "", 404},
		{operator, "GET", "/historikk/" + id + "?fiksOrgId=" + orgOslo, "", 404}, {operator, "GET", "/historikk/" + uuid.NewString(), "", 404},
		{operator, "GET", "/historikk/x", "", 400},
		{bruker, "PUT", "/status/" + id + "/LEVERT", "", 404}, {fag, "PUT", "/status/" + id + "/LEVERT", "", 403},
		{bruker, "POST", "/send/" + id, "", 404},
		{bruker, "POST", "/status", `{"meldingId":"` + h.fiksioID(t, id) + `","meldingstype":"` + typeMottatt + `","fiksIoKonto":"` + kontoBergen + `"}`, 400},
	} {
		for _, rot := range []string{adminV1, adminV2} {
			ct := ""
			if c.body != "" {
				ct = "application/json"
			}
			if s := h.gjor(t, c.hvem, c.method, rot+c.sti, ct, []byte(c.body)); s.Code != c.status {
				t.Errorf("%s %s as %s: %d, want %d: %s", c.method, rot+c.sti, c.hvem.Slag, s.Code, c.status, s.Body)
			}
		}
	}
	h.vil(t, id, "AKSEPTERT SENDT_FAGSYSTEM")
}

// Filters, paging and the shape of each row (§7).
func TestAdminMeldinger(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	ider := map[string]string{}
	for _, b := range []string{bydelFiksIO, bydelSvarInn, bydelManuell, bydelPrint} {
		ider[b] = h.send(t, b)
		h.Frem(t, time.Minute)
	}
	h.svarFra(t, kontoBergen, typeMottatt, h.fiksioID(t, ider[bydelFiksIO]), nil)
	_, err := h.fio.SettAktiv(t.Context(), kontoBergen, false, "")
	must(t, err)
	h.Frem(t, 2*time.Hour)
	ider["ikke sendt"] = h.send(t, bydelFiksIO)
	h.Frem(t, 61*time.Minute)
	var alle treff
	must(t, json.Unmarshal([]byte(h.get(t, operator, adminV2+"/meldinger").er(t, 200)), &alle))
	if alle.Totalt != 5 || alle.Meldinger[0]["bekymringsmeldingId"] != ider["ikke sendt"] {
		t.Fatalf("all: %+v", alle)
	}
	siste := alle.Meldinger[4]
	want := map[string]any{"bekymringsmeldingId": ider[bydelFiksIO], "fiksOrgId": orgBergen, "bydelRessursId": ressursTil(bydelFiksIO), "innsendt": "2026-06-10T10:00:00.000",
		"bydelsnavn": "Bydel 01", "kanal": "FIKS_IO", "bekreftet": "2026-06-10T10:00:00.000", "fraFagsystem": true, "skjemaType": "OFFENTLIG"}
	if d := cmp.Diff(want, siste); d != "" {
		t.Error(d)
	}
	for _, c := range []struct {
		sporring string
		want     []string // bydeler, the newest first
	}{
		{"advarsel=IKKE_SENDT", []string{"ikke sendt"}},
		{"advarsel=IKKE_BEKREFTET_FAGSYSTEM", []string{bydelManuell, bydelSvarInn}},
		{"advarsel=IKKE_BEKREFTET_PRINT", []string{bydelPrint}},
		{"kanal=MANUELL_MOTTAK", []string{bydelManuell}},
		{"kanal=PRINT", []string{bydelPrint}},
		{"skjemaType=PRIVAT", nil},
		{"skjemaType=OFFENTLIG&kanal=SVARINN", []string{bydelSvarInn}},
		{"fraFagsystem=false", nil},
		{"sok=bydel+03", []string{bydelManuell}},
		{"sok=" + ider[bydelSvarInn], []string{bydelSvarInn}},
		{"sok=" + ressursTil(bydelPrint), []string{bydelPrint}},
		{"sok=%25", nil},
		{"antall=2", []string{"ikke sendt", bydelPrint}},
		{"fra=1&antall=2", []string{bydelPrint, bydelManuell}},
		{"antall=0", nil},
		{"fraDato=2026-06-10&tilDato=2026-06-10&kanal=PRINT", []string{bydelPrint}},
		{"fraDato=2026-06-11", nil},
		{"tilDato=2026-06-09", nil},
		{"sisteDager=1&kanal=PRINT", []string{bydelPrint}},
	} {
		ut := les[treff](t, h.get(t, admin, adminV2+"/meldinger?fiksOrgId="+orgBergen+"&"+c.sporring), 200)
		var got, want []string
		for _, m := range ut.Meldinger {
			got = append(got, m["bekymringsmeldingId"].(string))
		}
		for _, b := range c.want {
			want = append(want, ider[b])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", c.sporring, got, want)
		}
	}
	for _, q := range []string{"advarsel=X", "kanal=X", "skjemaType=X", "fraFagsystem=ja", "fra=-1", "antall=1001", "fraDato=i+dag", "sisteDager=x"} {
		h.get(t, operator, adminV2+"/meldinger?"+q).er(t, 400)
	}
	// v1 has no more members than its file lists.
	v1 := les[treff](t, h.get(t, operator, adminV1+"/meldinger?antall=1"), 200)
	if _, har := v1.Meldinger[0]["skjemaType"]; har || len(v1.Meldinger[0]) != 7 {
		t.Errorf("v1: %v", v1.Meldinger[0])
	}
	csv := h.get(t, admin, adminV2+"/meldinger/csv?kanal=FIKS_IO&fiksOrgId="+orgBergen)
	wantCSV := "\ufeffbekymringsmeldingId;fiksOrgId;bydelRessursId;innsendt;bydelsnavn;kanal;bekreftet;fraFagsystem;skjemaType\n" +
		ider["ikke sendt"] + ";" + orgBergen + ";" + ressursTil("01") + ";2026-06-10T12:00:00.000;Bydel 01;FIKS_IO;;true;OFFENTLIG\n" +
		ider[bydelFiksIO] + ";" + orgBergen + ";" + ressursTil("01") + ";2026-06-10T10:00:00.000;Bydel 01;FIKS_IO;2026-06-10T10:00:00.000;true;OFFENTLIG\n"
	if got := csv.er(t, 200); got != wantCSV || !strings.HasPrefix(csv.Header().Get("Content-Type"), "text/csv") {
		t.Errorf("csv %s", cmp.Diff(wantCSV, got))
	}
	h.get(t, operator, adminV1+"/meldinger/csv").er(t, 404)

	tall := les[map[string]any](t, h.get(t, operator, adminV2+"/statistikk?fraDato=2026-06-01"), 200)
	if d := cmp.Diff(map[string]any{"antallPrivateBekymringsmeldinger": 0.0, "antallOffentligBekymringsmeldinger": 5.0, "antallLevertPrint": 0.0, "antallLevertFiksIO": 1.0,
		"antallLevertManuellMottak": 0.0, "antallLevertSvarinn": 0.0, "antallFraFagsystem": 5.0, "antallBekymringsmeldinger": 5.0, "antallUbekreftedeBekymringsmeldinger": 4.0,
		"antallIkkeSendt": 1.0, "antallIkkeBekreftetFagsystem": 2.0, "antallIkkeLevertPost": 1.0, "fraDato": "2026-06-01"}, tall); d != "" {
		t.Error(d)
	}
	v1tall := les[map[string]any](t, h.get(t, operator, adminV1+"/statistikk?sisteDager=7"), 200)
	if d := cmp.Diff(map[string]any{"antallBekymringsmeldingerTotalt": 5.0, "antallUbekreftedeBekymringsmeldingerTotalt": 4.0, "antallPrivateBekymringsmeldingerSisteDager": 0.0,
		"antallOffentligBekymringsmeldingerSisteDager": 5.0, "antallLevertPrintSisteDager": 0.0, "antallLevertFiksIOSisteDager": 1.0, "antallLevertManuellMottakSisteDager": 0.0,
		"antallLevertSvarinnSisteDager": 0.0, "antallIkkeSendt": 1.0, "antallIkkeBekreftetFagsystem": 2.0, "antallIkkeLevertPost": 1.0, "sisteDager": 7.0}, v1tall); d != "" {
		t.Error(d)
	}
	bydeler := h.get(t, operator, adminV2+"/statistikk/bydeler?antall=1").er(t, 200)
	if want := `{"totaltAntallTreff":4,"statistikkBydeler":[{"bydelsnavn":"Bydel 01","statistikk":{"antallBekymringsmeldingerTotalt":2,"antallUbekreftedeBekymringsmeldingerTotalt":1,` +
		`"antallLevertFagsystem":1,"antallLevertPrint":0},"fiksOrgId":"` + orgBergen + `","bydelRessursId":"` + ressursTil("01") + `","kontoType":"FIKS_IO",` +
		`"varseleposter":["varsel@bergen.test"],"kontaktinformasjon":{"eposter":["kontakt@bergen.test"]}}]}`; bydeler != want {
		t.Errorf("got  %s\nwant %s", bydeler, want)
	}
	if got := h.get(t, operator, adminV2+"/statistikk/skjematyper").er(t, 200); got !=
		`[{"antallBekymringsmeldingerTotalt":5,"antallPrivatBekymringsmeldinger":0,"antallOffentligBekymringsmeldinger":5,"dato":"2026-06-10"}]` {
		t.Errorf("by day: %s", got)
	}
}

// The history has all that happened, by the names of each version.
func TestHistorikk(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.send(t, bydelFiksIO)
	fio := h.fiksioID(t, id)
	h.svarFra(t, kontoBergen, typeMottatt, fio, nil)
	for rot, navn := range map[string]string{adminV1: "meldingId", adminV2: "fiksIoMeldingId"} {
		want := fmt.Sprintf(`[{"bekymringsmeldingId":%q,"tidspunkt":"2026-06-10T10:00:00.000","state":"AKSEPTERT"},`+
			`{"bekymringsmeldingId":%[1]q,"tidspunkt":"2026-06-10T10:00:00.000","state":"SENDT_FAGSYSTEM","meldingstype":"no.ks.fiks.bekymringsmelding.offentlig.v1",%q:%q,"fiksIoKonto":%q},`+
			`{"bekymringsmeldingId":%[1]q,"tidspunkt":"2026-06-10T10:00:00.000","state":"LEVERT","meldingstype":"no.ks.fiks.bekymringsmelding.mottatt.v1",%[2]q:%[3]q,"fiksIoKonto":%[4]q}]`,
			id, navn, fio, kontoBergen)
		if got := h.get(t, operator, rot+"/historikk/"+id).er(t, 200); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// What people set by hand, from each state (§7, §13).
func TestAdminStatusOgSend(t *testing.T) {
	t.Parallel()
	put := func(state string, status int) func(*testing.T, *hus, string) {
		return func(t *testing.T, h *hus, id string) {
			h.gjor(t, operator, "PUT", adminV2+"/status/"+id+"/"+state, "", nil).er(t, status)
			h.kjor(t)
		}
	}
	send := func(status int) func(*testing.T, *hus, string) {
		return func(t *testing.T, h *hus, id string) {
			h.post(t, operator, adminV1+"/send/"+id, "").er(t, status)
			h.kjor(t)
		}
	}
	status := func(typ, konto string, want int) func(*testing.T, *hus, string) {
		return func(t *testing.T, h *hus, id string) {
			b, _ := json.Marshal(map[string]string{"meldingId": h.fiksioID(t, id), "meldingstype": typ, "fiksIoKonto": konto})
			h.post(t, operator, adminV2+"/status", string(b)).er(t, want)
			h.kjor(t)
		}
	}
	frem := func(t *testing.T, h *hus, _ string) { h.Frem(t, 25*time.Hour) }
	avvistBrev := func(t *testing.T, h *hus, id string) { h.kvitterPrint(t, h.sisteJobb(t, id).ID, print.Avvist) }
	levertBrev := func(t *testing.T, h *hus, id string) { h.kvitterPrint(t, h.sisteJobb(t, id).ID, print.Levert) }
	const sendt = "AKSEPTERT SENDT_FAGSYSTEM"
	type steg = func(*testing.T, *hus, string)
	for _, c := range []struct {
		navn, bydel string
		steg        []steg
		want        string
		brev        int
	}{
		{"levert", bydelFiksIO, []steg{put("LEVERT", 204), put("LEVERT", 204)}, sendt + " LEVERT", 0},
		{"levert kan ikke sendes", bydelFiksIO, []steg{put("LEVERT", 204), send(400)}, sendt + " LEVERT", 0},
		{"levert kan ikke avvises", bydelFiksIO, []steg{put("LEVERT", 204), put("AVVIST_FAGSYSTEM", 400)}, sendt + " LEVERT", 0},
		{"avvist", bydelFiksIO, []steg{put("AVVIST_FAGSYSTEM", 204)}, sendt + " AVVIST_FAGSYSTEM SENDT_PRINT", 1},
		{"avvist, manuelt", bydelManuell, []steg{put("AVVIST_FAGSYSTEM", 204)}, sendt + " AVVIST_FAGSYSTEM SENDT_PRINT", 1},
		{"ukjent tilstand", bydelFiksIO, []steg{put("BORTE", 400)}, sendt, 0},
		{"tilbake", bydelFiksIO, []steg{put("AKSEPTERT", 400)}, sendt, 0},
		{"send det som venter", bydelFiksIO, []steg{send(204)}, sendt + " SENDT_PRINT", 1},
		{"send to ganger, ett brev", bydelManuell, []steg{send(204), send(204), send(204)}, sendt + " SENDT_PRINT", 1},
		{"avvist brev sendes på nytt", bydelFiksIO, []steg{frem, avvistBrev, send(204), send(204)}, sendt + " SENDT_PRINT AVVIST_PRINT SENDT_PRINT", 2},
		{"avvist brev sendes på nytt og postlegges", bydelFiksIO, []steg{frem, avvistBrev, send(204), levertBrev}, sendt + " SENDT_PRINT AVVIST_PRINT SENDT_PRINT LEVERT", 2},
		{"avvist brev settes levert", bydelFiksIO, []steg{frem, avvistBrev, put("LEVERT", 204)}, sendt + " SENDT_PRINT AVVIST_PRINT LEVERT", 1},
		{"kvittering for hånd", bydelFiksIO, []steg{status(typeMottatt, kontoBergen, 204), status(typeMottatt, kontoBergen, 204)}, sendt + " LEVERT", 0},
		{"avslag for hånd", bydelFiksIO, []steg{status(typeFeilet, kontoBergen, 204)}, sendt + " AVVIST_FAGSYSTEM SENDT_PRINT", 1},
		{"feil type", bydelFiksIO, []steg{status("no.ks.fiks.bekymringsmelding.privat.v1", kontoBergen, 400)}, sendt, 0},
		{"feil konto", bydelFiksIO, []steg{status(typeMottatt, uuid.NewString(), 400)}, sendt, 0},
	} {
		t.Run(c.navn, func(t *testing.T) {
			t.Parallel()
			h := nyttHus(t)
			id := h.send(t, c.bydel)
			for _, s := range c.steg {
				s(t, h, id)
			}
			h = h.omstart(t)
			h.kjor(t)
			h.vil(t, id, c.want)
			if got := len(h.jobber(t)); got != c.brev {
				t.Errorf("%d letters, want %d", got, c.brev)
			}
		})
	}
}
