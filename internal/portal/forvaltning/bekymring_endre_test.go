package forvaltning_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/portal/portaltest"
	"knutepunkt/internal/store"
)

// Each part is changed by itself; a number that is taken, and two administrators at once.
func TestBydelEndring(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Bydeler(t)
	alle, err := h.Bek.BydelerI(t.Context(), portaltest.OrgTest)
	portaltest.Must(t, err)
	sti := "/forvaltning/" + portaltest.OrgTest + "/bekymringsmelding/" + alle[0].RessursID
	en, to := h.Som(t, portaltest.Admin), h.Som(t, portaltest.Admin2)
	for del, x := range map[string]struct {
		felt, feil []string
		sier, naa  string
	}{
		"kontor":  {[]string{"nummer", "07", "navn", "Sør"}, []string{"nummer", "02", "navn", "Sør"}, "allerede et kontor med bydelsnummer 02", "Sentrum"},
		"kontakt": {[]string{"telefon", "", "kontakter", "ny@testby.test"}, []string{"telefon", "12-", "kontakter", ""}, "Skriv minst én e-postadresse vi kan kontakte", "barnevern@testby.test"},
		"adresse": {[]string{"adressenavn", "Vakta", "adresse1", "Nygata 2", "adresse2", "", "adresse3", "", "postnr", "9901", "poststed", "TESTBY"}, []string{"postnr", "x"}, "Postnummeret må ha 4 siffer", "Storgata 1"},
	} {
		u := sti + "/endre/" + del
		a := en.Get(t, u).Er(t, 200, x.naa).Skjult(t, "versjon")
		b := to.Get(t, u).Er(t, 200).Skjult(t, "versjon")
		en.Post(t, u, append([]string{"versjon", a}, x.feil...)...).Er(t, 422, x.sier)
		for range 2 {
			en.Post(t, u, append([]string{"versjon", a}, x.felt...)...).Til(t, sti+"?gjort=lagret")
		}
		annet := append([]string{"versjon", b}, x.felt...)
		annet[len(annet)-1] = map[string]string{"kontor": "Vest", "kontakt": "annen@testby.test", "adresse": "NORDBY"}[del]
		s := to.Post(t, u, annet...).Er(t, 409, "Noen andre kom først", "Dette er lagret nå", x.felt[len(x.felt)-1], annet[len(annet)-1])
		annet[1] = s.Skjult(t, "versjon")
		to.Post(t, u, annet...).Til(t, sti+"?gjort=lagret")
		en.Post(t, u, append([]string{"versjon", "x"}, x.felt...)...).Er(t, 409)
	}
	b := bydelen(t, h, sti)
	if b.Bydelsnummer != "07" || b.Navn != "Vest" || b.Telefon != "" || b.Kontakter[0] != "annen@testby.test" || b.Adresse.Poststed != "NORDBY" || b.Adresse.Navn != "Vakta" {
		t.Errorf("%+v", b)
	}
	en.Get(t, sti+"/endre/tull").Er(t, 404)
	en.Get(t, "/forvaltning/"+portaltest.OrgSkog+"/bekymringsmelding/"+b.RessursID).Er(t, 404) // hers too, and not there
	en.Get(t, "/forvaltning/"+portaltest.OrgTest+"/bekymringsmelding/"+portaltest.Konto).Er(t, 404)
	// A number that is taken is told of before the second page; and when it is taken meanwhile.
	ny := "/forvaltning/" + portaltest.OrgTest + "/bekymringsmelding/ny"
	en.Post(t, ny, kontorsvar("brev", "nummer", "02")...).Er(t, 422, "allerede et kontor med bydelsnummer 02")
	en.Post(t, ny, kontorsvar("brev", "nummer", "03")...).Til(t, ny+"/mottak")
	en.Post(t, ny+"/mottak", "utgave", "V2").Til(t, ny+"/se-over")
	id := en.Get(t, ny+"/se-over").Er(t, 200).Skjult(t, "id")
	_, err = h.Bek.EndreBydelNavn(t.Context(), portaltest.OrgTest, b.RessursID, 0, "03", "")
	portaltest.Must(t, err)
	en.Post(t, ny+"/se-over", "id", id).Er(t, 422, "allerede et kontor med bydelsnummer 03", `href="`+ny+`#nummer"`)
}

// Always one standardMottaker among the active.
func TestBydelStandardOgAktiv(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Bydeler(t)
	alle, err := h.Bek.BydelerI(t.Context(), portaltest.OrgTest)
	portaltest.Must(t, err)
	base := "/forvaltning/" + portaltest.OrgTest + "/bekymringsmelding"
	forste, andre := base+"/"+alle[0].RessursID, base+"/"+alle[1].RessursID
	n := h.Som(t, portaltest.Admin)
	n.Get(t, forste+"/standard").Er(t, 200, "Kontoret er standardmottaker.")
	s := n.Get(t, forste+"/aktiv").Er(t, 200, "Gjør et av dem til standardmottaker først", "Velg et annet kontor")
	if strings.Contains(s.HTML, `type="submit">Deaktiver`) {
		t.Error("it can be tried")
	}
	n.Post(t, forste+"/aktiv", "handling", "deaktiver").Er(t, 422, "Gjør et av dem til standardmottaker først")
	n.Post(t, forste+"/aktiv").Er(t, 400)
	n.Get(t, andre+"/aktiv").Er(t, 200, "Det som er sendt før, blir fortsatt levert")
	n.Get(t, andre+"/standard").Er(t, 200, "Skal Nord være standardmottaker?")
	for range 2 {
		n.Post(t, andre+"/standard").Til(t, andre+"?gjort=standard")
	}
	n.Get(t, andre+"?gjort=standard").Er(t, 200, "Kontoret er standardmottaker nå.")
	for range 2 {
		n.Post(t, forste+"/aktiv", "handling", "deaktiver").Til(t, forste+"?gjort=inaktiv")
	}
	n.Get(t, forste+"?gjort=inaktiv").Er(t, 200, "Kontoret er deaktivert.", "Aktiver kontoret")
	n.Get(t, forste+"/standard").Er(t, 200, "Aktiver det før")
	n.Post(t, forste+"/standard").Er(t, 422, "Aktiver det før")
	if got := kommunenI(t, h, "9901"); got != "[{02 Nord}]" {
		t.Errorf("the API lists %s", got)
	}
	n.Get(t, andre+"/aktiv").Er(t, 200, "Dette er det siste aktive kontoret")
	n.Post(t, andre+"/aktiv", "handling", "deaktiver").Til(t, andre+"?gjort=inaktiv")
	n.Get(t, base).Er(t, 200, "Kommunen vises ikke i portalen ennå", "Deaktivert", "Sentrum")
	n.Get(t, "/forvaltning/"+portaltest.OrgTest+"/tjenester").Er(t, 200, "Kommunen vises ikke i portalen ennå")
	n.Get(t, forste+"/aktiv").Er(t, 200, "Vil du aktivere Sentrum?")
	n.Post(t, forste+"/aktiv", "handling", "aktiver").Til(t, forste+"?gjort=aktiv")
	if b := bydelen(t, h, forste); !b.StandardMottaker || b.Deaktivert {
		t.Errorf("%+v", b)
	}
}

// The agreements come first, as for other services.
func TestBydelAvtaler(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	n := h.Som(t, portaltest.Alene)
	n.Post(t, bydelsider+"/ny", kontorsvar("brev")...).Til(t, bydelsider+"/ny/mottak")
	n.Post(t, bydelsider+"/ny/mottak", "utgave", "V2").Til(t, bydelsider+"/ny/se-over")
	krevAvtaler(t, h)
	s := n.Get(t, bydelsider).Er(t, 200, "/avtaler/HOVEDAVTALE", "/avtaler/BEKYMRINGSMELDING")
	if strings.Contains(s.HTML, `href="`+bydelsider+`/ny"`) || strings.Contains(s.HTML, "Ta i bruk uten kontor") {
		t.Error("one can begin without the agreement")
	}
	n.Get(t, bydelsider+"/ny").Til(t, bydelsider)
	n.Post(t, bydelsider+"/ny/se-over", "id", "x").Til(t, bydelsider)
	n.Get(t, "/forvaltning/"+portaltest.OrgSkog+"/tjenester").Er(t, 200, "/avtaler/BEKYMRINGSMELDING")
	h.Skriv(t, func(tx *store.Tx) error { return h.Org.GodtaAlle(t.Context(), tx, portaltest.OrgSkog) })
	n.Post(t, bydelsider+"/ny/se-over", "id", n.Get(t, bydelsider+"/ny/se-over").Er(t, 200).Skjult(t, "id"))
	if h.Antall(t, "bekymring_bydel") != 1 {
		t.Error("no office")
	}
}

// What integrasjoner may do for the service is given where all that is given, in words.
func TestBydelIntegrasjoner(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Bydeler(t)
	id, _ := h.Fagsystem(t, portaltest.OrgTest, "Skolen")
	sti := "/forvaltning/" + portaltest.OrgTest + "/integrasjoner/" + id
	n := h.Som(t, portaltest.Admin)
	for sprak, ord := range map[string][]string{
		"nb": {"Kan sende bekymringsmeldinger for organisasjonen", "Kan hente og avstemme bekymringsmeldinger", "Kontor: Sentrum", "Kontor: Nord"},
		"nn": {"Kan sende bekymringsmeldingar for organisasjonen", "Kan hente og avstemme bekymringsmeldingar"},
		"en": {"Can send reports of concern for the organisation", "Can fetch and reconcile reports of concern", "Office: Sentrum"},
	} {
		n.Get(t, "/?sprak="+sprak).Til(t, "/")
		n.Get(t, sti).Er(t, 200, ord...)
	}
	ressurs, err := h.Org.TjenesteRessurs(t.Context(), portaltest.OrgTest, organisasjon.TypeBekymringsmelding)
	portaltest.Must(t, err)
	n.Post(t, sti, "versjon", n.Get(t, sti).Skjult(t, "versjon"), "tilgang", auth.BekymringSend+":"+ressurs).Til(t, sti+"?lagret=1")
	if ja, err := h.Org.Har(t.Context(), id, auth.BekymringSend, ressurs); err != nil || !ja {
		t.Errorf("%t %v", ja, err)
	}
	// Who only sends has no offices: the service is taken into use by a button.
	h.Skriv(t, func(tx *store.Tx) error {
		return h.Org.GiTilgang(t.Context(), tx, auth.Caller{}, portaltest.Admin, auth.Admin, portaltest.OrgNAV)
	})
	nav := "/forvaltning/" + portaltest.OrgNAV
	n.Get(t, "/?sprak=nb").Til(t, "/")
	s := n.Get(t, nav+"/tjenester").Er(t, 200, "Send bekymringsmeldinger til barnevernet fra fagsystemet deres")
	if strings.Contains(s.HTML, nav+"/bekymringsmelding") {
		t.Error("an organisation that is no municipality can set up offices")
	}
	n.Get(t, nav+"/bekymringsmelding").Er(t, 404)
	n.Get(t, nav+"/bekymringsmelding/ny").Er(t, 404)
	n.Post(t, nav+"/tjenester", "tjeneste", organisasjon.TypeBekymringsmelding).Til(t, nav+"/tjenester?ny="+organisasjon.TypeBekymringsmelding)
	n.Get(t, bydelsider).Er(t, 200, "Ta i bruk uten kontor")
	n.Post(t, "/forvaltning/"+portaltest.OrgSkog+"/tjenester", "tjeneste", organisasjon.TypeBekymringsmelding)
	if s := n.Get(t, bydelsider).Er(t, 200, "Kommunen vises ikke i portalen ennå"); strings.Contains(s.HTML, "Ta i bruk uten kontor") {
		t.Error("in use already")
	}
}

// What was filled in when the login ran out stands there again.
func TestBydelEtterTaptInnlogging(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Bydeler(t)
	alle, err := h.Bek.BydelerI(t.Context(), portaltest.OrgTest)
	portaltest.Must(t, err)
	base := "/forvaltning/" + portaltest.OrgTest + "/bekymringsmelding"
	sti := base + "/" + alle[0].RessursID
	for _, tt := range []struct {
		sti  string
		felt []string
		want []string
	}{
		{base + "/ny", kontorsvar("brev", "nummer", "05"), []string{`value="05"`, `value="brev" checked`}},
		{sti + "/endre/kontor", []string{"versjon", "1", "nummer", "08", "navn", "Øst"}, []string{`value="08"`, `value="Øst"`, `name="versjon" value="1"`}},
		{sti + "/mottak/manuelt", []string{"versjon", "1", "varsler", "a@b.test", "utgave", "V1"}, []string{">a@b.test</textarea>", `value="V1" checked`, `name="versjon" value="1"`}},
		{sti + "/tilganger", []string{"navn", "Kari Li", "fnr", ny1}, []string{`value="Kari Li"`}},
	} {
		n := h.Som(t, portaltest.Admin)
		h.Klokke.Sett(h.Klokke.Now().Add(portal.Ledig + time.Minute))
		n.Post(t, tt.sti, tt.felt...).Til(t, "/logg-inn?til="+tt.sti)
		n.LoggInn(t, portaltest.Admin, 4, tt.sti).Til(t, tt.sti)
		n.Get(t, tt.sti).Er(t, 200, append(tt.want, "Du ble logget ut før skjemaet ble lagret")...)
	}
}

// bydelSider are the pages of Testby's offices, with the login level that they want.
func bydelSider(t *testing.T, h *portaltest.Hus) map[string]int {
	t.Helper()
	h.Bydeler(t)
	alle, err := h.Bek.BydelerI(t.Context(), portaltest.OrgTest)
	portaltest.Must(t, err)
	v := url.Values{"id": {"00000000-0000-4000-8000-00000000beef"}, "utgave": {"V2"}}
	svar := kontorsvar("brev", "nummer", "09")
	for i := 0; i < len(svar); i += 2 {
		v.Set(svar[i], svar[i+1])
	}
	portaltest.Must(t, h.P.LagreUtkast(t.Context(), portaltest.Admin, "bydel", portaltest.OrgTest, portal.Utkast{Felt: v, Ferdig: []string{"brev"}}))
	h.Skriv(t, func(tx *store.Tx) error {
		return h.Org.GiTilgang(t.Context(), tx, auth.Caller{}, ny1, auth.BekymringMottak, alle[0].RessursID)
	})
	base := "/forvaltning/" + portaltest.OrgTest + "/bekymringsmelding"
	sti := base + "/" + alle[0].RessursID
	sider := map[string]int{base: 4, base + "/ny": 4, base + "/ny/mottak": 4, base + "/ny/se-over": 4, sti: 4, sti + "/endre/kontor": 4, sti + "/endre/kontakt": 4, sti + "/endre/adresse": 4,
		sti + "/mottak": 4, sti + "/mottak/fiks-io": 4, sti + "/mottak/svarinn": 4, sti + "/mottak/manuelt": 4, sti + "/mottak/brev": 4, sti + "/standard": 4, sti + "/aktiv": 4, sti + "/tilganger": 4}
	for _, m := range regexp.MustCompile(regexp.QuoteMeta(sti)+`/tilganger/[^/"]+/fjern`).FindAllString(h.Som(t, portaltest.Admin).Get(t, sti+"/tilganger").HTML, -1) {
		sider[m] = 4
	}
	if len(sider) != 17 {
		t.Fatalf("%d pages", len(sider))
	}
	return sider
}
