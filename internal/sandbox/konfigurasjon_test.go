package sandbox_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"knutepunkt/internal/sandbox"
)

// The life of an integrasjon, all by the APIs: an administrator makes it, gives it
// Digisos, and it works; the password is changed while it works; it is deleted,
// and is refused at once.
func TestIntegrasjonensLiv(t *testing.T) {
	t.Parallel()
	k := start(t, t.TempDir())
	ko := k.kommune(t, "9901")
	i := slices.IndexFunc(k.b.Personer, func(p sandbox.Testperson) bool { return p.Roller[0] == "ADMINISTRATOR" })
	admin := []string{"Authorization", "Bearer " + k.token(t, k.b.Tokens.IDPorten, "{pid}", k.b.Personer[i].Fnr, "{acr}", "idporten-loa-high", "{orgno}", ko.Organisasjonsnummer)}
	const api = "/konfigurasjon/api/v1"

	// som makes a call of whoever is known by the headers, and gives the body.
	som := func(hvem []string, want int, hva, kropp string, mer ...string) string {
		t.Helper()
		metode, sti, _ := strings.Cut(hva, " ")
		status, svar := k.kall(t, k.client, metode, sti, kropp, append(slices.Clone(hvem), mer...)...)
		if status != want {
			t.Fatalf("%s: %d %s, want %d", hva, status, svar, want)
		}
		return svar
	}
	les := func(svar string, ut any) {
		t.Helper()
		if err := json.Unmarshal([]byte(svar), ut); err != nil {
			t.Fatal(svar, err)
		}
	}

	var integrasjon struct{ UUID string }
	les(som(admin, 200, "POST "+api+"/integrasjoner", fmt.Sprintf(`{"autorisertOrgnr":%q,"navn":"Nytt fagsystem","fiksOrganisasjonUuid":%q}`,
		ko.Organisasjonsnummer, ko.FiksOrgID)), &integrasjon)
	en := api + "/integrasjoner/" + integrasjon.UUID
	maskinporten := k.token(t, k.b.Tokens.Maskinporten, "{orgno}", ko.Organisasjonsnummer, "{scope}", "ks:fiks")
	med := func(passord string) []string {
		return []string{"Authorization", "Bearer " + maskinporten, "IntegrasjonId", integrasjon.UUID, "IntegrasjonPassord", passord}
	}
	nytt := func(q string) string {
		t.Helper()
		var ut struct{ Passord string }
		les(som(admin, 200, "POST "+en+"/lagPassord"+q, ""), &ut)
		return ut.Passord
	}
	bruk := "POST /digisos/api/v1/" + ko.FiksOrgID + "/ny?sokerFnr=" + k.b.Personer[0].Fnr

	en1 := nytt("")
	som(med(en1), 403, bruk, "") // it is known, and may nothing yet
	if svar := som(med(en1), 200, "GET "+api+"/integrasjoner/autentisering", ""); svar != "true" {
		t.Error(svar)
	}
	// Which ressurs the privilege is given on, and what it is called, is told.
	var tjeneste struct{ RessursID string }
	les(som(admin, 200, "POST "+api+"/organisasjoner/"+ko.FiksOrgID+"/tjenester/DIGISOS/initialiser", ""), &tjeneste)
	if svar := som(admin, 200, "GET "+api+"/privilegier/TJENESTE_DIGISOS", ""); !strings.Contains(svar, `"navn":"DIGISOS_OPPDATER"`) {
		t.Fatal(svar)
	}
	som(admin, 200, "PUT "+en+"/tilknyttede-ressurser/"+tjeneste.RessursID+"/tilganger?privilegier=DIGISOS_OPPDATER", "")
	som(med(en1), 200, bruk, "")
	// Not at the neighbour's.
	som(med(en1), 403, strings.Replace(bruk, ko.FiksOrgID, k.kommune(t, "9902").FiksOrgID, 1), "")

	to := nytt("?overlappTimer=24")
	som(med(en1), 200, bruk, "")
	som(med(to), 200, bruk, "")
	if status, svar := k.kall(t, k.client, "POST", "/sandbox/clock", `{"advance": "24h"}`); status != 200 {
		t.Fatal(status, svar)
	}
	som(med(en1), 401, bruk, "")
	som(med(to), 200, bruk, "")

	som(admin, 200, "DELETE "+en, "")
	som(med(to), 401, bruk, "")
	som(med(to), 401, "GET "+api+"/integrasjoner/autentisering", "")
	som(admin, 404, "GET "+en, "")
}
