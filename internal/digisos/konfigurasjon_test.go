package digisos

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
)

func TestKonfigurasjonAPI(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	const sti = "/digisos/api/v1/konfigurasjon/" + orgOslo
	gjor := func(method, body string) svar {
		return h.gjor(t, adminOs, method, sti, "application/json", []byte(body))
	}
	k := konfig()
	full, err := json.Marshal(k)
	must(t, err)

	kontoID := les[EksisterendeKommuneKonfigurasjon](t, gjor("GET", ""), 200).DokumentlagerKontoID
	golden(t, "konfigurasjon.json", gjor("GET", "").er(t, 200))
	gjor("POST", string(full)).er(t, 400) // there is one
	k.Behandlingsansvarlig = "Vertskommunen"
	endret, _ := json.Marshal(k)
	if got := gjor("PUT", string(endret)).er(t, 200); got != string(endret) {
		t.Error(got)
	}
	if got := gjor("DELETE", "").er(t, 200); got != string(endret) {
		t.Error(got)
	}
	gjor("GET", "").er(t, 404)
	gjor("PUT", string(full)).er(t, 404)
	gjor("DELETE", "").er(t, 404)
	h.get(t, nav, "/digisos/api/v1/nav/kommuner/0301").er(t, 404)
	if got := les[[]KommuneInfo](t, h.get(t, nav, "/digisos/api/v1/nav/kommuner"), 200); len(got) != 1 || got[0].Kommunenummer != "4601" {
		t.Errorf("%+v", got)
	}
	if got := gjor("POST", string(full)).er(t, 200); got != "" {
		t.Error(got)
	}
	if got := les[EksisterendeKommuneKonfigurasjon](t, gjor("GET", ""), 200); got.DokumentlagerKontoID != kontoID {
		t.Error("the documents' konto changed")
	}
	h.gjor(t, adminOs, "GET", strings.Replace(sti, orgOslo, orgBergen, 1), "", nil).er(t, 403)
	h.gjor(t, adminOs, "GET", "/digisos/api/v1/konfigurasjon/tull", "", nil).er(t, 400)

	hs, err := h.revisjon.List(t.Context(), audit.Filter{FiksOrg: orgOslo})
	must(t, err)
	var handlinger []string
	for _, e := range hs {
		if e.Tjeneste == "TJENESTE_DIGISOS" {
			handlinger = append(handlinger, strings.TrimPrefix(e.Handling, "DIGISOS_KONFIGURASJON_"))
		}
	}
	if d := cmp.Diff([]string{"TJENESTE_TATT_I_BRUK", "OPPRETTET", "ENDRET", "SLETTET", "OPPRETTET"}, handlinger); d != "" {
		t.Error(d)
	}
}

func TestKonfigurasjonValidering(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	for want, endre := range map[string]func(k *KommuneKonfigurasjon){
		"fiksIOKontoId mangler, og brukerFiksIO er satt": func(k *KommuneKonfigurasjon) { k.FiksIOKontoID = "" },
		"fiksIOKontoId må være en UUID":                  func(k *KommuneKonfigurasjon) { k.FiksIOKontoID = "x" },
		"Fiks IO-kontoen finnes ikke, eller har ingen aktiv adresse med protokollen no.nav.digisos.fagsystem.v1": func(k *KommuneKonfigurasjon) { k.FiksIOKontoID = ukjentID },
		"organisasjonsnummerSvarUt må ha 9 siffer":                                                               func(k *KommuneKonfigurasjon) { k.OrganisasjonsnummerSvarUt = "12345678" },
		"postadresse.navn mangler":                                     func(k *KommuneKonfigurasjon) { k.Postadresse = Postadresse{} },
		"postadresse.postnummer mangler":                               func(k *KommuneKonfigurasjon) { k.Postadresse.Postnummer = " " },
		"postadresse.navn er lengre enn 100 tegn":                      func(k *KommuneKonfigurasjon) { k.Postadresse.Navn = strings.Repeat("ø", 101) },
		"postadresse.adresselinje3 er lengre enn 254 tegn":             func(k *KommuneKonfigurasjon) { k.Postadresse.Adresselinje3 = strings.Repeat("ø", 255) },
		"postadresse.postnummer er lengre enn 30 tegn":                 func(k *KommuneKonfigurasjon) { k.Postadresse.Postnummer = strings.Repeat("1", 31) },
		"behandlingsansvarlig er lengre enn 100 tegn":                  func(k *KommuneKonfigurasjon) { k.Behandlingsansvarlig = strings.Repeat("ø", 101) },
		"kontaktpersoner.fagansvarligEpost må ha 1 til 100 adresser":   func(k *KommuneKonfigurasjon) { k.Kontaktpersoner.FagansvarligEpost = nil },
		"kontaktpersoner.tekniskAnsvarligEpost har en ugyldig adresse": func(k *KommuneKonfigurasjon) { k.Kontaktpersoner.TekniskAnsvarligEpost = []string{"a@b.no", ""} },
		"kontaktpersoner.fagansvarligEpost har en ugyldig adresse":     func(k *KommuneKonfigurasjon) { k.Kontaktpersoner.FagansvarligEpost = []string{"a@b.no\r\nBcc: x"} },
	} {
		k := konfig()
		endre(&k)
		b, _ := json.Marshal(k)
		if got := h.gjor(t, adminOs, "PUT", "/digisos/api/v1/konfigurasjon/"+orgOslo, "application/json", b).melding(t, 400); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	// At the limits.
	k := konfig()
	k.Postadresse.Navn, k.Postadresse.Adresselinje1 = strings.Repeat("ø", 100), strings.Repeat("ø", 254)
	if err := k.Validate(); err != nil {
		t.Error(err)
	}
	// Without Fiks IO no konto is needed.
	k.BrukerFiksIO, k.FiksIOKontoID = false, ""
	if err := k.Validate(); err != nil {
		t.Error(err)
	}
	h.gjor(t, adminOs, "PUT", "/digisos/api/v1/konfigurasjon/"+orgOslo, "application/json", []byte("{")).er(t, 400)
}

// NAV sees each switch under its own name.
func TestKommuneInfo(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	golden(t, "kommuner.json", h.get(t, nav, "/digisos/api/v1/nav/kommuner").er(t, 200))
	for felt, endre := range map[string]func(k *KommuneKonfigurasjon){
		`"kanMottaSoknader":false`:                     func(k *KommuneKonfigurasjon) { k.Aktivert = false },
		`"kanOppdatereStatus":false`:                   func(k *KommuneKonfigurasjon) { k.StotterOppdateringer = false },
		`"harMidlertidigDeaktivertMottak":true`:        func(k *KommuneKonfigurasjon) { k.MidlertidigDeaktivertMottak = true },
		`"harMidlertidigDeaktivertOppdateringer":true`: func(k *KommuneKonfigurasjon) { k.MidlertidigDeaktivertOppdateringer = true },
		`"harNksTilgang":false`:                        func(k *KommuneKonfigurasjon) { k.NksTilgang = false },
		`"behandlingsansvarlig":null`:                  func(k *KommuneKonfigurasjon) { k.Behandlingsansvarlig = "" },
	} {
		h.settKonfig(t, endre)
		kropp := h.get(t, nav, "/digisos/api/v1/nav/kommuner/0301").er(t, 200)
		if !strings.Contains(kropp, felt) || strings.Count(kropp, "false")+strings.Count(kropp, "true") != 5 {
			t.Errorf("%s is not in %s", felt, kropp)
		}
	}
	h.get(t, nav, "/digisos/api/v1/nav/kommuner/1106").er(t, 404)
	h.get(t, nav, "/digisos/api/v1/nav/kommuner/abc").er(t, 400)
}

// The documents of Digisos are nobody's to list or delete past Digisos.
func TestKontoeneErTjenestens(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	k, err := h.s.Konfigurasjon(t.Context(), orgOslo)
	must(t, err)
	fiksIO, err := h.fio.Konto(t.Context(), kontoOslo)
	must(t, err)
	for id, org := range map[string]string{k.DokumentlagerKontoID: orgOslo, h.s.mellomlagringKonto(): orgNAV, fiksIO.DokumentlagerKontoID: orgOslo} {
		if _, err := h.dok.Konto(t.Context(), org, id); !feil.Er(err, feil.IngenTilgang) {
			t.Errorf("konto %s: %v", id, err)
		}
	}
}

// Two administrators who change the same configuration: the second one is told,
// and nothing is written over.
func TestKonfigurasjonFraVersjon(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	ctx := auth.With(t.Context(), adminOs)
	k, versjon, err := h.s.KonfigurasjonMedVersjon(ctx, orgOslo)
	must(t, err)
	en, to := k, k
	en.Behandlingsansvarlig, to.NksTilgang = "Oslo kommune", false
	must(t, h.s.EndreKonfigurasjonFra(ctx, orgOslo, versjon, en))
	if err := h.s.EndreKonfigurasjonFra(ctx, orgOslo, versjon, to); !feil.Er(err, feil.Konflikt) {
		t.Errorf("the second change: %v", err)
	}
	// Back to what it was is also a change.
	etter, versjon2, err := h.s.KonfigurasjonMedVersjon(ctx, orgOslo)
	must(t, err)
	if d := cmp.Diff(en, etter); d != "" {
		t.Error(d)
	}
	must(t, h.s.EndreKonfigurasjonFra(ctx, orgOslo, versjon2, k))
	for _, v := range []string{versjon, versjon2} {
		if err := h.s.EndreKonfigurasjonFra(ctx, orgOslo, v, to); !feil.Er(err, feil.Konflikt) {
			t.Errorf("from an older version: %v", err)
		}
	}
	if _, err := h.s.SlettKonfigurasjon(ctx, orgOslo); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.s.KonfigurasjonMedVersjon(ctx, orgOslo); !feil.Er(err, feil.IkkeFunnet) {
		t.Errorf("deleted: %v", err)
	}
}
