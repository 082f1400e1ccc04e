package svarut_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
	"knutepunkt/internal/svarut"
)

// strengtV1 goes through REST v1 as KS's client does: Jackson, which refuses fields
// that it does not know, reads each answer, and the fields are these and no others.
func (h *hus) strengtV1(t *testing.T, filer []fil) {
	konto := h.fra.Fagsystem.SvarUt
	svar := h.java.gjor(t, "send", obj{"url": h.b.BaseURL + "/tjenester/api/forsendelse/v1/startNyForsendelse", "bruker": konto.Brukernavn, "passord": konto.Passord})
	h.streng(t, "Id", svar.Kropp, []string{"id"})
	id, ref := h.send(t, brev{"K1", "organisasjon", "", false}, filer)
	h.fram(t, "1s")
	statusfelt := func(rot string) []string {
		return []string{rot + "forsendelsesId.id", rot + "sisteStatusEndring", rot + "status"}
	}
	for _, tt := range []struct {
		sti, type_ string
		arg        []string
		status     int
		felt       []string
	}{
		{sti: "/" + id + "/status", type_: "ForsendelseStatus", felt: statusfelt("")},
		{sti: "/statuser", arg: []string{"--json", `["` + id + `"]`}, type_: "Statuser", felt: statusfelt("statuser[].")},
		{sti: "/" + id + "/historikk", type_: "Historikk", felt: []string{"hendelsesLogger[].hendelse", "hendelsesLogger[].tidspunkt"}},
		// Nothing is signed here, so the log is empty.
		{sti: "/" + id + "/signeringhistorikk", type_: "Signeringshistorikk", felt: []string{"forsendelsesId.id", "logg[]"}},
		// inneholderPersonsensitivInformasjon, which older versions of the client refuse, cannot be set in v1.
		{sti: "/" + id + "/dokumentMetadata", type_: "Dokumenter", felt: []string{"dokumentMetadata[].dokumentType", "dokumentMetadata[].ekstraMetadata[]",
			"dokumentMetadata[].filnavn", "dokumentMetadata[].kanSigneres", "dokumentMetadata[].mimeType", "dokumentMetadata[].nedlasningsUrl",
			"dokumentMetadata[].sha256hash", "dokumentMetadata[].signeringsUrl", "dokumentMetadata[].sizeInBytes"}},
		{sti: "/forsendelseTyper", type_: "Typer", felt: []string{"forsendelseTyper[]"}},
		{sti: "/mottakersystem/" + h.til.Organisasjonsnummer, type_: "Mottakersystemer", felt: mottakersystemfelt},
		{sti: "/mottakersystem?organisasjonsNummer=" + h.til.Organisasjonsnummer + "&forsendelsesType=nav.digisos&niva=4", type_: "Mottakersystemer", felt: mottakersystemfelt},
		{sti: "/eksternref/" + url.PathEscape(ref), type_: "Ider", felt: []string{"forsendelseIder[].id"}},
		{sti: "/" + uuid.NewString() + "/status", type_: "Feil", status: 404, felt: []string{"errorcode", "message"}},
		{sti: "/" + id + "/settLest", arg: []string{"--json", `{"lestAvFodselsNummer":"` + h.fnr + `","navnPaEksterntSystem":"Arkivet","datoLest":1767603600000}`}},
		{sti: "/slettFiler", arg: []string{"--json", `[{"id":"` + id + `"}]`}, status: 204},
	} {
		if tt.status == 0 {
			tt.status = 200
		}
		s := h.v1(t, tt.sti, tt.arg...)
		switch s.les(t, tt.status, nil); {
		case tt.type_ != "":
			h.streng(t, tt.type_, string(s.kropp), tt.felt)
		case len(s.kropp) > 0:
			t.Errorf("%s: %s, want nothing", tt.sti, s.kropp)
		}
	}
	h.venterStatus(t, id, "LEST")
}

var mottakersystemfelt = []string{"treff[].forsendelsesType", "treff[].mottakerId", "treff[].mottakerSystem", "treff[].niva", "treff[].organisasjonsNummer"}

// streng holds that Jackson reads an answer, and that it has exactly these fields.
func (h *hus) streng(t *testing.T, typ, kropp string, felt []string) {
	t.Helper()
	if svar := h.java.prov("strengt", obj{"type": typ, "json": kropp}); svar.Feil != "" {
		t.Errorf("%s: Jackson says %s of %s", typ, svar.Feil, kropp)
	}
	var v any
	if err := json.Unmarshal([]byte(kropp), &v); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(felt, slices.Compact(slices.Sorted(slices.Values(stier("", v))))); d != "" {
		t.Errorf("the fields of %s (-want +got):\n%s", typ, d)
	}
}

// stier are the paths of all values in some JSON.
func stier(rot string, v any) (ut []string) {
	switch v := v.(type) {
	case map[string]any:
		for navn, verdi := range v {
			if rot != "" {
				navn = rot + "." + navn
			}
			ut = append(ut, stier(navn, verdi)...)
		}
	case []any:
		for _, verdi := range v {
			ut = append(ut, stier(rot+"[]", verdi)...)
		}
		if len(v) == 0 {
			ut = []string{rot + "[]"}
		}
	default:
		ut = []string{rot}
	}
	return ut
}

// latin1 logs in as a sender whose name has a Norwegian letter, which Jetty writes
// in ISO 8859-1, and curl as it is given: in UTF-8.
func (h *hus) latin1(t *testing.T) {
	ctx := t.Context()
	const navn, passord = "Målselv kommune", "sandkasse-et-passord-som-ingen-bruker-til-noe"
	err := h.App.DB.Write(ctx, func(tx *store.Tx) error {
		k, err := h.App.SvarUt.OpprettKonto(ctx, tx, svarut.Konto{FiksOrgID: h.fra.FiksOrgID, Navn: navn,
			Adresse: levering.Adresse{Navn: navn, Orgnr: h.fra.Organisasjonsnummer, Adresselinje1: "Rådhuset", Postnummer: "9325", Poststed: "Bardufoss"}})
		if err != nil {
			return err
		}
		return h.App.SvarUt.SettPassord(ctx, tx, k.ID, passord)
	})
	if err != nil {
		t.Fatal(err)
	}
	u := h.b.BaseURL + "/tjenester/api/forsendelse/v1/"
	if svar := h.java.gjor(t, "send", obj{"url": u + "startNyForsendelse", "bruker": navn, "passord": passord}); svar.Status != 200 {
		t.Errorf("by Jetty: %d %s", svar.Status, svar.Kropp)
	}
	curl(t, "-u", navn+":"+passord, u+"forsendelseTyper").les(t, 200, nil)
}
