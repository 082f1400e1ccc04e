package bekymringsmelding

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/store"
)

const adresseTekst = `{"navn":"Barnevernet i Bergen","adresselinje1":"Rådhusgata 10","postnummer":"5014","poststed":"BERGEN"}`

// sti is a path of the configuration.
func konfSti(v, org, rest string) string { return bmSti + v + "/konfigurasjon/" + org + rest }

// konf calls the configuration with a JSON body, or none.
func (h *hus) konf(t testing.TB, c auth.Caller, metode, sti, kropp string) svar {
	t.Helper()
	if kropp == "" {
		return h.gjor(t, c, metode, sti, "", nil)
	}
	return h.gjor(t, c, metode, sti, "application/json", []byte(kropp))
}

// jsonTekst is a string as JSON has it.
func jsonTekst(t testing.TB, s string) string {
	t.Helper()
	b, err := json.Marshal(s)
	must(t, err)
	return string(b)
}

// Every endpoint × every caller: who may come at all, and whose organisation it is.
func TestHvemKanKonfigurere(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	const fnrOslo = "05870433333"
	h.write(t, func(tx *store.Tx) error {
		return h.org.GiTilgang(auth.With(t.Context(), operator), tx, operator, fnrOslo, auth.Admin, orgOslo)
	})
	svakAdmin := admin
	svakAdmin.Niva = 3
	callers := map[string]auth.Caller{
		"anonym": anonym, "skole": skole, "fag": fag, "portal": portal, "person": melder, "bruker": bruker, "admin nivå 3": svakAdmin,
		"admin i Oslo": {Slag: auth.Person, Fnr: fnrOslo, Niva: 4}, "admin": admin, "operatør": operator,
	}
	personer := []string{"person", "bruker", "admin i Oslo", "admin", "operatør"}
	erstatt := strings.NewReplacer("{fiksOrgId}", orgBergen, "{bydelsnummer}", bydelFiksIO, "{ressursId}", ressursTil(bydelManuell),
		"{integrasjonId}", integrasjonSvarInn, "{kommunenummer}", "4601", "{fylkenummer}", "46")
	sett := 0
	for _, rt := range h.s.bydelRuter() {
		metode, sti, _ := strings.Cut(rt.Pattern, " ")
		var slipper []string
		switch {
		case strings.Contains(sti, "/kommuner"):
			slipper = slices.Collect(maps.Keys(callers))
		case strings.HasSuffix(sti, "/krypteringsnokler"):
			slipper = []string{"skole", "fag"}
		case strings.HasSuffix(sti, "/fagsystem/versjoner"), strings.HasSuffix(sti, "v1/konfigurasjon/bydeler"): // the second shows one's own alone
			slipper = personer
		case strings.HasSuffix(sti, "/bydeler/svarinn/{integrasjonId}"):
			slipper = []string{"admin", "operatør"}
		case strings.HasSuffix(sti, "/bydeler/sok"):
			slipper = []string{"operatør"}
		default:
			slipper = []string{"admin"}
		}
		for navn, c := range callers {
			// What comes through is stopped by what is wrong with the request, so that nothing is changed.
			kode := h.konf(t, c, metode, erstatt.Replace(sti), map[bool]string{true: "{"}[metode == "POST" || metode == "PUT" || metode == "PATCH"]).Code
			nektet := kode == http.StatusUnauthorized || kode == http.StatusForbidden || strings.Contains(sti, "/bydeler/svarinn/") && kode == http.StatusNotFound
			if nektet == slices.Contains(slipper, navn) {
				t.Errorf("%s by %s: %d", rt.Pattern, navn, kode)
			}
			if kode >= 500 {
				t.Errorf("%s by %s: %d", rt.Pattern, navn, kode)
			}
			sett++
		}
	}
	if sett < 400 {
		t.Errorf("%d cells, which is too few to be all", sett)
	}
}

// A bydel from beginning to end over v2, with the exact bodies.
func TestKonfigurasjonV2(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	ny := func(nummer, konto string) string {
		return `{"bydelsnummer":"` + nummer + `","bydelsnavn":"Årstad","adresse":` + adresseTekst + `,"kontaktinformasjon":{"eposter":["a@b.no","c@d.no"]},"konto":` + konto + `,"ukjent":1}`
	}
	pemen := jsonTekst(t, string(pemAv(fremmed().cert)))
	nokkel := strings.Replace(gull(t, fremmed().cert, ""), `,"validFrom"`, `,"valid":true,"validFrom"`, 1)

	var id struct {
		RessursID string `json:"ressursId"`
		Konto     struct {
			FiksIO struct {
				ID            string `json:"id"`
				Integrasjoner []struct {
					ID string `json:"integrasjonId"`
				} `json:"integrasjoner"`
			} `json:"fiksioKonto"`
			SvarInn struct {
				IntegrasjonID string `json:"integrasjonId"`
			} `json:"svarinnKonto"`
		} `json:"konto"`
	}
	s := h.konf(t, admin, "POST", konfSti("v2", orgBergen, "/bydeler"), ny("10", `{"fagsystem":"VISMA_FAMILIA","fiksioKonto":{"offentligNokkel":`+pemen+`}}`))
	kropp := s.er(t, 201)
	must(t, json.Unmarshal([]byte(kropp), &id))
	konto := id.Konto.FiksIO
	if len(konto.Integrasjoner) != 1 || s.Header().Get("ETag") != `"1"` {
		t.Fatalf("%s %v", kropp, s.Header())
	}
	hode := `{"bydelsnummer":"10","bydelsnavn":"Årstad","standardMottaker":false,"ressursId":"` + id.RessursID + `","konto":`
	hale := `,"kontaktinformasjon":{"eposter":["a@b.no","c@d.no"]},"adresse":` + adresseTekst + `,"fiksOrgId":"` + orgBergen + `","deaktivert":false}`
	if want := hode + `{"fagsystem":"VISMA_FAMILIA","stottetVersjon":"V1","fiksioKonto":{"id":"` + konto.ID + `","navn":"Bekymringsmelding bydel 10","aktiv":true,"offentligNokkel":` +
		nokkel + `,"integrasjoner":[{"integrasjonId":"` + konto.Integrasjoner[0].ID + `"}]}}` + hale; kropp != want {
		t.Errorf("made:\n got %s\nwant %s", kropp, want)
	}
	bydel := konfSti("v2", orgBergen, "/bydeler/"+id.RessursID)
	passord := h.konf(t, admin, "POST", bydel+"/integrasjoner/"+konto.Integrasjoner[0].ID+"/lagPassord?integrasjonstype=FIKS_IO", "")
	if p := les[struct{ Passord string }](t, passord, 200); len(p.Passord) < 40 || passord.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("password of %d characters, %v", len(p.Passord), passord.Header())
	}

	kropp = h.konf(t, admin, "PUT", bydel+"/konto", `{"fagsystem":"UKJENT","stottetVersjon":"V2","svarinnKonto":{"orgnr":"","offentligNokkel":{"nokkel":`+pemen+`}}}`).er(t, 200)
	must(t, json.Unmarshal([]byte(kropp), &id))
	if want := hode + `{"fagsystem":"UKJENT","stottetVersjon":"V2","svarinnKonto":{"integrasjonId":"` + id.Konto.SvarInn.IntegrasjonID + `","orgnr":"","offentligNokkel":` + nokkel + `}}` + hale; kropp != want {
		t.Errorf("SvarInn:\n got %s\nwant %s", kropp, want)
	}
	if got := h.get(t, admin, konfSti("v2", "bydeler/svarinn/", id.Konto.SvarInn.IntegrasjonID)).er(t, 200); got != kropp {
		t.Errorf("by integrasjon:\n got %s\nwant %s", got, kropp)
	}
	h.konf(t, admin, "POST", bydel+"/integrasjoner/"+id.Konto.SvarInn.IntegrasjonID+"/lagPassord?integrasjonstype=SVARINN", "").er(t, 200)
	h.konf(t, admin, "POST", bydel+"/integrasjoner/"+id.Konto.SvarInn.IntegrasjonID+"/lagPassord?integrasjonstype=ALT", "").er(t, 400)
	h.konf(t, admin, "POST", bydel+"/integrasjoner/"+id.Konto.SvarInn.IntegrasjonID+"/lagPassord", "").er(t, 400)

	kropp = h.konf(t, admin, "PUT", bydel+"/konto", `{"fagsystem":"MANUELL_MOTTAK","manuellMottakKonto":{"varselEposter":["vakt@b.no"]}}`).er(t, 200)
	manuell := `{"fagsystem":"MANUELL_MOTTAK","stottetVersjon":"V2","manuellMottakKonto":{"varselEposter":["vakt@b.no"]}}`
	if want := hode + manuell + hale; kropp != want {
		t.Errorf("manual:\n got %s\nwant %s", kropp, want)
	}
	if got := h.get(t, admin, konfSti("v2", orgBergen, "/bydel/10")).er(t, 200); got != "["+kropp+"]" {
		t.Errorf("by number: %s", got)
	}
	if got := h.get(t, admin, konfSti("v2", orgBergen, "/bydel/99")).er(t, 200); got != "[]" {
		t.Errorf("by number: %s", got)
	}
	if got := h.get(t, operator, konfSti("v2", "bydeler/sok", "?sok=åRST")).er(t, 200); got != `{"totaltAntallTreff":1,"bydeler":[`+kropp+`]}` {
		t.Errorf("search: %s", got)
	}
	for sok, want := range map[string]int{"": 5, "Bydel": 4, orgBergen: 5, id.RessursID: 1, "%": 0} {
		if got := les[struct{ TotaltAntallTreff int }](t, h.get(t, admin, konfSti("v2", "bydeler/sok", "?fiksOrgId="+orgBergen+"&sok="+strings.ReplaceAll(sok, "%", "%25"))), 200); got.TotaltAntallTreff != want {
			t.Errorf("search for %q: %d, want %d", sok, got.TotaltAntallTreff, want)
		}
	}

	naa := h.get(t, admin, bydel)
	naa.er(t, 200)
	versjon := naa.Header().Get("ETag")
	med := func(metode, sti, kropp, hvis string) svar {
		hoder := http.Header{}
		if hvis != "" {
			hoder.Set("If-Match", hvis)
		}
		return h.gjorMed(t, admin, metode, sti, "application/json", strings.NewReader(kropp), hoder)
	}
	for _, tt := range []struct {
		metode, sti, kropp, hvis string
		status                   int
	}{
		{"PATCH", bydel, `{"bydelsnavn":"Åsane"}`, versjon, 204},
		{"PATCH", bydel, `{"bydelsnavn":"Årstad"}`, versjon, 409}, // it is another one now
		{"PATCH", bydel, `{"bydelsnavn":"Årstad"}`, `W/"1"`, 409},
		{"PATCH", bydel, `{"bydelsnavn":"Årstad"}`, `*`, 204},
		{"PATCH", bydel, `{}`, "", 204},
		{"PATCH", bydel, `{"bydelsnummer":"11"}`, "", 204},
		{"PATCH", bydel, `{"bydelsnummer":"10"}`, "", 204},
		{"PATCH", bydel, `{"bydelsnummer":"01"}`, "", 400},
		{"PATCH", bydel, `{"bydelsnummer":"1"}`, "", 400},
		{"PATCH", bydel, `{"bydelsnavn":""}`, "", 400},
		{"PATCH", bydel, `{"bydelsnavn":7}`, "", 400},
		{"PATCH", bydel, `[]`, "", 400},
		{"PUT", bydel + "/adresse", adresseTekst, "", 204},
		{"PUT", bydel + "/adresse", strings.Replace(adresseTekst, "5014", "51", 1), "", 400},
		{"PUT", bydel + "/adresse", `{}`, "", 400},
		{"PUT", bydel + "/kontaktinformasjon", `{"eposter":["a@b.no","c@d.no"]}`, "", 204},
		{"PUT", bydel + "/kontaktinformasjon", `{"eposter":[]}`, "", 400},
		{"PUT", bydel + "/kontaktinformasjon", `{"eposter":["a"]}`, "", 400},
		{"PUT", bydel + "/konto", `{"fagsystem":"UKJENT"}`, "", 400},
		{"PUT", bydel + "/konto", `{"fagsystem":"UKJENT","fiksioKonto":{"offentligNokkel":` + pemen + `},"svarinnKonto":{"orgnr":"","offentligNokkel":` + pemen + `}}`, "", 400},
		{"PUT", bydel + "/konto", `{"fagsystem":"UKJENT","manuellMottakKonto":{"varselEposter":["a@b.no"]}}`, "", 400},
		{"PUT", bydel + "/konto", `{"fagsystem":"MANUELL_MOTTAK","manuellMottakKonto":{"varselEposter":[]}}`, "", 400},
		{"PUT", bydel + "/konto", `{"fagsystem":"UKJENT","fiksioKonto":{"offentligNokkel":7}}`, "", 400},
		{"PUT", bydel + "/konto", `{"fagsystem":"UKJENT","svarinnKonto":{"orgnr":"12"}}`, "", 400},
		{"PUT", bydel + "/konto", `{"fagsystem":"UKJENT","stottetVersjon":"V3","fiksioKonto":{"offentligNokkel":` + pemen + `}}`, "", 400},
		{"POST", konfSti("v2", orgBergen, "/bydeler"), ny("10", manuell), "", 400},
		{"PUT", bydel + "/standardmottaker", "", "", 204},
		{"PUT", bydel + "/deaktiver", "", "", 400}, // it is the standardMottaker
		{"PUT", konfSti("v2", orgBergen, "/bydeler/"+ressursTil(bydelPrint)+"/deaktiver"), "", "", 204},
		{"PUT", konfSti("v2", orgBergen, "/bydeler/"+ressursTil(bydelPrint)+"/aktiver"), "", "", 204},
		{"PUT", konfSti("v2", orgBergen, "/bydeler/deaktiver?ressursIder="+ressursTil(bydelPrint)+"&ressursIder="+ressursTil(bydelManuell)), "", "", 204},
		{"PUT", konfSti("v2", orgBergen, "/bydeler/aktiver"), "", "", 400},
		{"PUT", konfSti("v2", orgBergen, "/bydeler/aktiver?ressursIder=x"), "", "", 400},
		{"PUT", konfSti("v2", orgBergen, "/bydeler/aktiver?ressursIder="+orgBergen), "", "", 404},
		{"GET", konfSti("v2", orgBergen, "/bydeler/"+orgBergen), "", "", 404},
		{"GET", konfSti("v2", orgBergen, "/bydeler/x"), "", "", 400},
		{"GET", konfSti("v2", orgBergen, "/bydel/1"), "", "", 400},
		{"GET", konfSti("v2", orgBergen, "/bydeler/"+orgBergen+"/standardmottaker"), "", "", 404},
		{"GET", konfSti("v2", "bydeler/svarinn/", orgBergen), "", "", 404},
	} {
		if got := med(tt.metode, tt.sti, tt.kropp, tt.hvis); got.Code != tt.status {
			t.Errorf("%s %s %s (%s): %d, want %d: %s", tt.metode, tt.sti, tt.kropp, tt.hvis, got.Code, tt.status, got.Body)
		}
	}
	if got, want := h.get(t, admin, bydel+"/standardmottaker").er(t, 200), `{"standardMottaker":true,"visStandardMottaker":true,"kontaktInfoEpost":"a@b.no","navn":"Årstad"}`; got != want {
		t.Errorf("standardmottaker:\n got %s\nwant %s", got, want)
	}
	if got, want := h.get(t, admin, bydel).er(t, 200), strings.Replace(hode, `"standardMottaker":false`, `"standardMottaker":true`, 1)+manuell+hale; got != want {
		t.Errorf("in the end:\n got %s\nwant %s", got, want)
	}
	if got, want := h.get(t, admin, konfSti("v2", orgBergen, "/bydeler/enkel")).er(t, 200), `{"bydelsnummer":"10","bydelsnavn":"Årstad","standardMottaker":true,"ressursId":"`+id.RessursID+
		`","konto":{"fagsystem":"MANUELL_MOTTAK","stottetVersjon":"V2"},"fiksOrgId":"`+orgBergen+`","deaktivert":false}]`; !strings.HasSuffix(got, want) || !strings.Contains(got, `"deaktivert":true`) {
		t.Errorf("in short:\n got %s\nwant %s", got, want)
	}
	if alle := les[[]json.RawMessage](t, h.get(t, admin, konfSti("v2", orgBergen, "/bydeler")), 200); len(alle) != 5 {
		t.Errorf("%d bydeler, want 5, also the deactivated", len(alle))
	}
	if got, want := h.get(t, bruker, konfSti("v2", "fagsystem/versjoner", "")).er(t, 200), `{"fagsystemer":[{"navn":"MANUELL_MOTTAK","versjoner":["V1","V2"]},{"navn":"VISMA_FAMILIA","versjoner":["V1","V2"]},`+
		`{"navn":"VISMA_FLYT_BARNEVERN","versjoner":["V1","V2"]},{"navn":"NETCOMPANY_MODULUS_BARN","versjoner":["V1","V2"]},{"navn":"UKJENT","versjoner":["V1","V2"]}]}`; got != want {
		t.Errorf("versions:\n got %s\nwant %s", got, want)
	}
}

// Of another organisation nothing is shown, whatever it is looked for by.
func TestAndresBydelErIkkeSynlig(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	b := h.nyBydel(t, orgOslo, "00", "Oslo barnevern")
	b, err := h.s.EndreBydelKonto(t.Context(), orgOslo, b.RessursID, 0, svarInnKonto())
	must(t, err)
	for _, v := range []string{"v1", "v2"} {
		h.get(t, admin, konfSti(v, "bydeler/svarinn/", b.IntegrasjonID)).er(t, 404)
		h.get(t, operator, konfSti(v, "bydeler/svarinn/", b.IntegrasjonID)).er(t, 200)
		if got := h.get(t, admin, konfSti(v, "bydeler/sok", "?fiksOrgId="+orgBergen+"&sok="+b.RessursID)).er(t, 200); got != `{"totaltAntallTreff":0,"bydeler":[]}` {
			t.Errorf("%s: %s", v, got)
		}
	}
	if got := h.get(t, admin, bmSti+"v1/konfigurasjon/bydeler?ressursIder="+b.RessursID).er(t, 200); got != "[]" {
		t.Errorf("%s", got)
	}
	h.get(t, admin, konfSti("v2", orgBergen, "/bydeler/"+b.RessursID)).er(t, 404)
}

func TestIfMatch(t *testing.T) {
	t.Parallel()
	for felt, want := range map[string]int64{"": 0, "*": 0, ` "7" `: 7, `"7"`: 7, "7": -1, `"07"`: -1, `"0"`: -1, `"-7"`: -1, `W/"7"`: -1, `"7","8"`: -1, `"x"`: -1} {
		r, err := http.NewRequestWithContext(t.Context(), "PUT", "http://hus.test/", nil)
		must(t, err)
		if felt != "" {
			r.Header.Set("If-Match", felt)
		}
		if got := fraVersjon(r); got != want {
			t.Errorf("%q: %d, want %d", felt, got, want)
		}
	}
}

// Where there is one bydel there is nothing to choose.
func TestStandardMottakerAlene(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.write(t, func(tx *store.Tx) error {
		return h.org.GiTilgang(auth.With(t.Context(), operator), tx, operator, fnrAdmin, auth.Admin, orgOslo)
	})
	b := h.nyBydel(t, orgOslo, "00", "Oslo barnevern")
	if got, want := h.get(t, admin, konfSti("v2", orgOslo, "/bydeler/"+b.RessursID+"/standardmottaker")).er(t, 200),
		`{"standardMottaker":true,"visStandardMottaker":false,"kontaktInfoEpost":"post@kommune.test","navn":"Oslo barnevern"}`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// An organisation without bydeler is 404 (§6).
func TestKonfigurasjonUtenBydeler(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.write(t, func(tx *store.Tx) error {
		return h.org.GiTilgang(auth.With(t.Context(), operator), tx, operator, fnrAdmin, auth.Admin, orgOslo)
	})
	for _, sti := range []string{"v1/konfigurasjon/" + orgOslo + "/bydeler", "v2/konfigurasjon/" + orgOslo + "/bydeler", "v2/konfigurasjon/" + orgOslo + "/bydeler/enkel"} {
		h.get(t, admin, bmSti+sti).er(t, 404)
	}
	h.konf(t, admin, "PUT", konfSti("v2", orgOslo, "/bydeler/"+ressursTil(bydelFiksIO)+"/standardmottaker"), "").er(t, 404) // another's
}

// v1: the same bydel in another shape; what v1 does not know stays.
func TestKonfigurasjonV1(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	kontakt := `{"telefon":"55 56 70 00","epost":"a@b.no","postadresseNavn":"Barnevernet i Bergen","postadresseAdresselinje1":"Rådhusgata 10","postadressePostnr":"5014","postadressePoststed":"BERGEN"}`
	ny := func(nummer, standard, konto string) string {
		return `{"bydelsnummer":"` + nummer + `","bydelsnavn":"Fana","standardMottaker":` + standard + `,"konto":` + konto + `,"kontaktinformasjon":` + kontakt + `,"varselEposter":["v@b.no"]}`
	}
	pemen := jsonTekst(t, string(pemAv(fremmed().cert)))
	nokkel := strings.Replace(gull(t, fremmed().cert, ""), `,"validFrom"`, `,"valid":true,"validFrom"`, 1)
	alle := konfSti("v1", orgBergen, "/bydeler")
	if got := h.konf(t, admin, "POST", alle, ny("20", "true", `{"type":"FIKS_IO","offentligNokkel":{"nokkel":`+pemen+`}}`)).er(t, 201); got != "" {
		t.Errorf("made: %q", got)
	}
	b, err := h.s.Bydel(t.Context(), "4601", "20")
	must(t, err)
	vis := func(standard, konto, versjon string) string {
		return `{"bydelsnummer":"20","bydelsnavn":"Fana","standardMottaker":` + standard + `,"ressursId":"` + b.RessursID + `","fiksOrgId":"` + orgBergen +
			`","deaktivert":false,"konto":` + konto + `,"kontaktinformasjon":` + kontakt + `,"varselEposter":["v@b.no"],"stottetVersjon":"` + versjon + `"}`
	}
	want := vis("true", `{"type":"FIKS_IO","fiksIoKonto":"`+b.FiksIOKontoID+`","offentligNokkel":`+nokkel+`}`, "V1")
	for _, sti := range []string{"v1/konfigurasjon/" + orgBergen + "/bydel/20", "v1/konfigurasjon/bydeler?ressursIder=" + b.RessursID + "&ressursIder=" + orgBergen} {
		if got := h.get(t, admin, bmSti+sti).er(t, 200); got != "["+want+"]" {
			t.Errorf("%s:\n got %s\nwant [%s]", sti, got, want)
		}
	}
	if got := h.get(t, melder, bmSti+"v1/konfigurasjon/bydeler?ressursIder="+b.RessursID).er(t, 200); got != "[]" {
		t.Errorf("another's: %s", got)
	}
	if got := h.get(t, operator, konfSti("v1", "bydeler/sok", "?sok=fana")).er(t, 200); got != `{"totaltAntallTreff":1,"bydeler":[`+want+`]}` {
		t.Errorf("search: %s", got)
	}
	if got := les[[]bydelV1](t, h.get(t, admin, alle), 200); len(got) != 5 || got[4].StandardMottaker != true || got[0].StandardMottaker {
		t.Errorf("%+v", got)
	}

	// What only v2 knows is not lost by a change over v1.
	_, err = h.s.EndreBydelKontakter(t.Context(), orgBergen, b.RessursID, 0, []string{"a@b.no", "to@b.no"})
	must(t, err)
	k := fiksIOKonto()
	k.Sertifikat, k.VarselEposter = nil, []string{"v@b.no"}
	_, err = h.s.EndreBydelKonto(t.Context(), orgBergen, b.RessursID, 0, k)
	must(t, err)
	en := konfSti("v1", orgBergen, "/bydeler/"+b.RessursID)
	h.konf(t, admin, "PUT", en, ny("20", "false", `{"type":"FIKS_IO","fiksIoKonto":"`+strings.ToUpper(b.FiksIOKontoID)+`"}`)).er(t, 204)
	naa, err := h.s.BydelMedRessurs(t.Context(), b.RessursID)
	must(t, err)
	if naa.Fagsystem != "VISMA_FAMILIA" || naa.StottetVersjon != skjema.V2 || len(naa.Kontakter) != 2 || !naa.StandardMottaker || naa.FiksIOKontoID != b.FiksIOKontoID {
		t.Errorf("%+v", naa)
	}
	h.konf(t, admin, "PUT", en, ny("20", "true", `{"type":"MANUELL_MOTTAK"}`)).er(t, 204)
	if got, want := h.get(t, admin, konfSti("v1", orgBergen, "/bydel/20")).er(t, 200), "["+vis("true", `{"type":"MANUELL_MOTTAK"}`, "V2")+"]"; got != want {
		t.Errorf("manual:\n got %s\nwant %s", got, want)
	}
	h.konf(t, admin, "PUT", en, ny("20", "true", `{"type":"SVARINN","orgnr":"974778866","offentligNokkel":`+pemen+`}`)).er(t, 204)
	naa, err = h.s.BydelMedRessurs(t.Context(), b.RessursID)
	must(t, err)
	if got, want := h.get(t, admin, konfSti("v1", "bydeler/svarinn/", naa.IntegrasjonID)).er(t, 200),
		vis("true", `{"type":"SVARINN","orgnr":"974778866","offentligNokkel":`+nokkel+`,"integrasjonId":"`+naa.IntegrasjonID+`"}`, "V2"); got != want || naa.Fagsystem != FagsystemUkjent {
		t.Errorf("SvarInn:\n got %s\nwant %s", got, want)
	}
	for _, tt := range []struct {
		metode, sti, kropp string
		status             int
	}{
		{"POST", alle, ny("20", "false", `{"type":"MANUELL_MOTTAK"}`), 400},
		{"POST", alle, ny("21", "false", `{"type":"PRINT"}`), 400},
		{"POST", alle, ny("21", "false", `{"type":"FIKS_IO"}`), 400},
		{"POST", alle, ny("21", "false", `{"type":"FIKS_IO","fiksIoKonto":"x"}`), 400},
		{"POST", alle, ny("21", "false", `{"type":"FIKS_IO","fiksIoKonto":"`+orgBergen+`"}`), 400},
		{"POST", alle, `{}`, 400},
		{"POST", alle, ``, 400},
		{"PUT", en, ny("01", "false", `{"type":"MANUELL_MOTTAK"}`), 400},
		{"PUT", konfSti("v1", orgBergen, "/bydeler/"+orgBergen), ny("21", "false", `{"type":"MANUELL_MOTTAK"}`), 404},
		{"PUT", en + "/deaktiver", "", 400},
		{"PUT", konfSti("v1", orgBergen, "/bydeler/"+ressursTil(bydelSvarInn)+"/standardmottaker"), "", 204},
		{"PUT", en + "/deaktiver", "", 204},
		{"PUT", en + "/aktiver", "", 204},
		{"GET", bmSti + "v1/konfigurasjon/bydeler", "", 400},
	} {
		if got := h.konf(t, admin, tt.metode, tt.sti, tt.kropp); got.Code != tt.status {
			t.Errorf("%s %s %s: %d, want %d: %s", tt.metode, tt.sti, tt.kropp, got.Code, tt.status, got.Body)
		}
	}
}
