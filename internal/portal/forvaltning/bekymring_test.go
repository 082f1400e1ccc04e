package forvaltning_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/portal/portaltest"
	"knutepunkt/internal/store"
)

const bydelsider = "/forvaltning/" + portaltest.OrgSkog + "/bekymringsmelding"

// kontorsvar is the first page of a new office; more fields replace those that are there.
func kontorsvar(kanal string, mer ...string) []string {
	v := map[string]string{"nummer": "01", "navn": "Skogby sentrum", "telefon": "99 02 00 00", "kontakter": "barnevern@skogby.test", "adressenavn": "Barnevernet i Skogby",
		"adresse1": "Storgata 1", "adresse2": "", "adresse3": "", "postnr": "9902", "poststed": "SKOGBY", "kanal": kanal}
	for i := 0; i < len(mer); i += 2 {
		v[mer[i]] = mer[i+1]
	}
	var ut []string
	for navn, verdi := range v {
		ut = append(ut, navn, verdi)
	}
	return ut
}

// sendFil posts a form with a file.
func sendFil(t testing.TB, n *portaltest.Nettleser, sti, fil string, par ...string) portaltest.SvarSide {
	t.Helper()
	kropp, typ := deler(t, fil, par...)
	return n.Send(t, sti, typ, kropp)
}

// opprettKontor goes through the pages of a new office, and gives its own address.
func opprettKontor(t testing.TB, n *portaltest.Nettleser, kontor []string, mottak func(sti string) portaltest.SvarSide) string {
	t.Helper()
	n.Post(t, bydelsider+"/ny", kontor...).Til(t, bydelsider+"/ny/mottak")
	mottak(bydelsider+"/ny/mottak").Til(t, bydelsider+"/ny/se-over")
	id := n.Get(t, bydelsider+"/ny/se-over").Er(t, 200).Skjult(t, "id")
	n.Post(t, bydelsider+"/ny/se-over", "id", id).Til(t, bydelsider+"/"+id+"?gjort=ny")
	n.Post(t, bydelsider+"/ny/se-over", "id", id).Til(t, bydelsider+"/"+id) // sent twice
	return bydelsider + "/" + id
}

func bydelen(t testing.TB, h *portaltest.Hus, sti string) bekymringsmelding.Bydel {
	t.Helper()
	b, err := h.Bek.BydelMedRessurs(t.Context(), sti[strings.LastIndex(sti, "/")+1:])
	portaltest.Must(t, err)
	return b
}

// kommunenI asks the API which offices a municipality has, as the portal and others do.
func kommunenI(t testing.TB, h *portaltest.Hus, kommunenummer string) string {
	t.Helper()
	router := &httpx.Router{Klokke: h.Klokke}
	portaltest.Must(t, auth.Guard(router, h.P, h.Org, h.Bek.Routes()))
	w := httptest.NewRecorder()
	router.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/bekymringsmelding/api/v2/kommuner/"+kommunenummer+"/bydeler", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	var b []struct{ Bydelsnummer, Bydelsnavn string }
	portaltest.Must(t, json.Unmarshal(w.Body.Bytes(), &b))
	return fmt.Sprint(b)
}

// The empty municipality sets up one office with manual reception, gives a person access,
// and is in the API.
func TestBydelManuell(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	n := h.Som(t, portaltest.Alene)
	n.Get(t, bydelsider).Er(t, 200, "Kommunen vises ikke i portalen ennå", "Hva er et kontor?", `href="`+bydelsider+`/ny"`, "Skal dere bare sende?")
	n.Get(t, bydelsider+"/ny").Er(t, 200, `value="00"`, `value="Skogby kommune"`)
	n.Get(t, bydelsider+"/ny/mottak").Til(t, bydelsider+"/ny")
	n.Get(t, bydelsider+"/ny/se-over").Til(t, bydelsider+"/ny")
	n.Post(t, bydelsider+"/ny/se-over", "id", "").Til(t, bydelsider+"/ny")
	n.Post(t, bydelsider+"/ny", "nummer", "1", "navn", "Barnevern\x07", "telefon", "ring", "kontakter", "a@b", "postnr", "99", "adresse1", "Gata 1").Er(t, 422, "Bydelsnummeret må ha 2 siffer", "tegn som ikke kan brukes",
		"«a@b» er ikke riktig skrevet", "Postnummeret må ha 4 siffer", "Skriv mottakeren på brevet", "Velg hvordan kontoret tar imot", `value="Gata 1"`, `href="#nummer"`)
	n.Get(t, bydelsider+"/ny").Er(t, 200, `value="Gata 1"`, "Lagret som utkast")
	n.Post(t, bydelsider+"/ny", kontorsvar("manuelt", "nummer", "00")...).Til(t, bydelsider+"/ny/mottak")
	n.Get(t, bydelsider+"/ny/se-over").Til(t, bydelsider+"/ny/mottak")
	n.Get(t, bydelsider+"/ny/mottak").Er(t, 200, ">barnevern@skogby.test</textarea>", `value="V2" checked`, "kl. 9, 12 og 15")
	n.Post(t, bydelsider+"/ny/mottak", "varsler", "", "utgave", "V3").Er(t, 422, "ellers får ingen vite om meldingene", "Velg en versjon")
	sti := opprettKontor(t, n, kontorsvar("manuelt", "nummer", "00"), func(sti string) portaltest.SvarSide {
		return n.Post(t, sti, "varsler", "vakt@skogby.test", "utgave", "V2")
	})
	b := bydelen(t, h, sti)
	if b.Kanal != bekymringsmelding.KanalManuell || b.Bydelsnummer != "00" || !b.StandardMottaker || b.StottetVersjon != "V2" || !slices.Equal(b.VarselEposter, []string{"vakt@skogby.test"}) ||
		b.Telefon != "99 02 00 00" || b.Adresse.Poststed != "SKOGBY" {
		t.Errorf("%+v", b)
	}
	n.Get(t, sti+"?gjort=ny").Er(t, 200, "Kontoret er opprettet", "Ingen kan hente meldingene", "Personer som kan hente meldingene: 0.", "Standardmottaker", "vakt@skogby.test", "Barnevernet i Skogby")
	n.Get(t, bydelsider).Er(t, 200, "Aktiv, standardmottaker. Meldinger kommer ikke fram", "Ingen kan hente meldingene")

	// Who may read.
	s := n.Get(t, sti+"/tilganger").Er(t, 200, "En administrator kan ikke lese meldingene ved å være administrator", "Ingen har tilgang ennå.")
	if strings.Contains(s.HTML, portaltest.Alene[:6]) {
		t.Error("the administrator has access by being one")
	}
	n.Post(t, sti+"/tilganger", "navn", "", "fnr", "02846710063").Er(t, 422, "Skriv navnet til personen", "Fødselsnummeret er ikke riktig")
	for range 2 {
		n.Post(t, sti+"/tilganger", "navn", "Kari Li", "fnr", ny1[:6]+" "+ny1[6:]).Til(t, sti+"/tilganger?lagret=1")
	}
	s = n.Get(t, sti+"/tilganger?lagret=1").Er(t, 200, "Personen har fått tilgang.", "Kari Li", ny1[:6]+" •••••", "Bare én person kan hente meldingene")
	if strings.Contains(s.HTML, ny1) {
		t.Error("the number is shown")
	}
	n.Post(t, sti+"/tilganger", "navn", "Ola Vik", "fnr", ny2).Til(t, sti+"/tilganger?lagret=1")
	if s := n.Get(t, bydelsider).Er(t, 200, "Aktiv, standardmottaker", "Ingenting"); strings.Contains(s.HTML, "Bare én person") {
		t.Error(s.HTML)
	}
	if mine, err := h.Org.Har(t.Context(), ny1, auth.BekymringMottak, b.RessursID); err != nil || !mine {
		t.Errorf("%t %v", mine, err)
	}
	fjern := regexp.MustCompile(regexp.QuoteMeta(sti) + `/tilganger/[^/"]+/fjern`).FindAllString(n.Get(t, sti+"/tilganger").HTML, -1)
	if len(fjern) != 2 {
		t.Fatalf("%v", fjern)
	}
	n.Get(t, fjern[0]).Er(t, 200, "Vil du fjerne tilgangen til Kari Li?")
	for range 2 {
		n.Post(t, fjern[0]).Til(t, sti+"/tilganger?fjernet=1")
	}
	n.Get(t, fjern[0]).Er(t, 404)
	n.Get(t, fjern[1]).Er(t, 200, "Vil du fjerne tilgangen til Ola Vik?", "Dette er den siste med tilgang")
	if mine, err := h.Org.Har(t.Context(), ny1, auth.BekymringMottak, b.RessursID); err != nil || mine {
		t.Errorf("%t %v", mine, err)
	}
	bydelslogg(t, h, "BYDEL_OPPRETTET", 1)
	bydelslogg(t, h, "TILGANG_GITT", 2)
	bydelslogg(t, h, "TILGANG_TRUKKET", 1)

	if got := kommunenI(t, h, "9902"); got != "[{00 Skogby sentrum}]" {
		t.Errorf("the API lists %s", got)
	}
	n.Get(t, "/forvaltning/"+portaltest.OrgSkog+"/tjenester").Er(t, 200, "Kontorer som tar imot: 1.", "Kontorer som må følges opp: 1", `href="`+bydelsider+`"`)
	logg := h.Logg.B.String()
	for _, hemmelig := range []string{ny1, ny2, "Kari Li", "vakt@", "barnevern@"} {
		if strings.Contains(logg, hemmelig) {
			t.Errorf("%q is in the log", hemmelig)
		}
	}
}

// bydelslogg checks how often an act of Skogby's is in the audit log, by a person.
func bydelslogg(t testing.TB, h *portaltest.Hus, handling string, want int) {
	t.Helper()
	var n int
	portaltest.Must(t, h.DB.Read().QueryRowContext(t.Context(), `SELECT count(*) FROM audit_hendelser WHERE handling = $1`, handling).Scan(&n))
	if n != want {
		t.Errorf("%s is logged %d times, want %d", handling, n, want)
	}
}

var _ = []any{url.Values{}, time.Now, audit.Hendelse{}, fiksio.Konto{}, grunntest.Start, keys.Brev, organisasjon.TypeBydel, portal.Ledig, (*store.Tx)(nil)}
