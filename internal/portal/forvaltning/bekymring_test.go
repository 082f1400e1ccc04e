package forvaltning_test

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/httpx"
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
	n.Get(t, bydelsider).Er(t, 200, "Aktiv, standardmottaker. Mottaket virker ikke", "Ingen kan hente meldingene")

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
	fjern := regexp.MustCompile(regexp.QuoteMeta(sti)+`/tilganger/[^/"]+/fjern`).FindAllString(n.Get(t, sti+"/tilganger").HTML, -1)
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
	bydelslogg(t, h, b.RessursID, "BYDEL_OPPRETTET", 1)
	bydelslogg(t, h, b.RessursID, "TILGANG_GITT", 2)
	bydelslogg(t, h, b.RessursID, "TILGANG_TRUKKET", 1)

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

// bydelslogg checks how often something that was done to an office is in the audit log.
func bydelslogg(t testing.TB, h *portaltest.Hus, ressurs, handling string, want int) {
	t.Helper()
	var n int
	portaltest.Must(t, h.DB.Read().QueryRowContext(t.Context(), `SELECT count(*) FROM audit_hendelser WHERE underressurs = $1 AND handling = $2`, ressurs, handling).Scan(&n))
	if n != want {
		t.Errorf("%s is logged %d times, want %d", handling, n, want)
	}
}

// A case system over Fiks IO: with a konto that is made, and with one that is there.
func TestBydelFiksIO(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Leverer(t) // the platform has a konto
	n := h.Som(t, portaltest.Alene)
	n.Post(t, bydelsider+"/ny", kontorsvar("fiks-io")...).Til(t, bydelsider+"/ny/mottak")
	n.Get(t, bydelsider+"/ny/mottak").Er(t, 200, "Visma Familia", "Et annet fagsystem", `value="ny" checked`, `enctype="multipart/form-data"`)
	ny := []string{"fagsystem", "VISMA_FAMILIA", "utgave", "V2", "konto", "ny"}
	sendFil(t, n, bydelsider+"/ny/mottak", "").Er(t, 422, "Velg fagsystemet", "Velg en versjon", "Velg en konto", "Velg en fil med sertifikatet", `id="fil-feil"`)
	pem := sertifikat(t, grunntest.Start.AddDate(1, 0, 0))
	sti := opprettKontor(t, n, kontorsvar("fiks-io"), func(sti string) portaltest.SvarSide {
		return sendFil(t, n, sti, pem, ny...)
	})
	b := bydelen(t, h, sti)
	konto, err := h.Fio.Konto(t.Context(), b.FiksIOKontoID)
	portaltest.Must(t, err)
	avsendere, bare, err := h.Fio.AksepterteAvsendere(t.Context(), konto.ID)
	if err != nil || !bare || len(avsendere) != 1 || !avsendere[0].Intern || konto.Sertifikat == nil || b.Fagsystem != "VISMA_FAMILIA" {
		t.Errorf("%+v %t %v %+v", avsendere, bare, err, b)
	}
	s := n.Get(t, sti).Er(t, 200, `href="/forvaltning/`+portaltest.OrgSkog+`/kontoer/`+konto.ID+`"`, "Visma Familia", "Fiks IO-kontoen: ")
	if strings.Contains(s.HTML, "Alle med en Fiks IO-konto kan sende") {
		t.Error("the new konto takes from everybody")
	}
	if got := h.Antall(t, "portal_utkast"); got != 0 {
		t.Errorf("%d drafts are left", got)
	}

	// One that is there: its key is its own affair, and it is shown that all may send.
	var egen fiksio.Konto
	h.Skriv(t, func(tx *store.Tx) (err error) {
		egen, err = h.Fio.OpprettKonto(t.Context(), tx, fiksio.Konto{FiksOrgID: portaltest.OrgSkog, Navn: "Skogby barnevern", Aktiv: true})
		return err
	})
	valgt := []string{"fagsystem", "UKJENT", "utgave", "V1", "konto", egen.ID}
	annen := kontorsvar("fiks-io", "nummer", "02", "navn", "Skogby nord")
	n.Post(t, bydelsider+"/ny", annen...).Til(t, bydelsider+"/ny/mottak")
	n.Get(t, bydelsider+"/ny/mottak").Er(t, 200, "Skogby barnevern", "Mangler sertifikat")
	sendFil(t, n, bydelsider+"/ny/mottak", "", valgt...).Er(t, 422, "Velg en fil med sertifikatet")
	_, err = h.Fio.SettSertifikat(t.Context(), egen.ID, []byte(pem), "")
	portaltest.Must(t, err)
	sendFil(t, n, bydelsider+"/ny/mottak", pem, valgt...).Er(t, 422, "Kontoen har allerede et sertifikat")
	annenSti := opprettKontor(t, n, annen, func(sti string) portaltest.SvarSide { return sendFil(t, n, sti, "", valgt...) })
	if b := bydelen(t, h, annenSti); b.FiksIOKontoID != egen.ID || b.StottetVersjon != "V1" || b.StandardMottaker {
		t.Errorf("%+v", b)
	}
	n.Get(t, annenSti).Er(t, 200, "Alle med en Fiks IO-konto kan sende til denne kontoen", "/kontoer/"+egen.ID+"/avsendere")
	// A konto of somebody else is no choice.
	versjon := n.Get(t, annenSti+"/mottak/fiks-io").Er(t, 200).Skjult(t, "versjon")
	sendFil(t, n, annenSti+"/mottak/fiks-io", pem, "versjon", versjon, "fagsystem", "UKJENT", "utgave", "V1", "konto", portaltest.Konto).Er(t, 422, "Velg en konto")
	// Another new one beside it, and the form sent twice makes one.
	for range 2 {
		sendFil(t, n, annenSti+"/mottak/fiks-io", pem, "versjon", versjon, "fagsystem", "UKJENT", "utgave", "V1", "konto", "ny").Til(t, annenSti+"?gjort=mottak")
	}
	if b := bydelen(t, h, annenSti); b.FiksIOKontoID == egen.ID {
		t.Error("no new konto")
	}
	kontoer, err := h.Fio.Kontoer(t.Context(), portaltest.OrgSkog)
	if err != nil || len(kontoer) != 3 {
		t.Errorf("%d kontoer %v", len(kontoer), err)
	}
	slett := "/forvaltning/" + portaltest.OrgSkog + "/kontoer/" + b.FiksIOKontoID + "/slett"
	n.Get(t, slett).Er(t, 200, "så den kan ikke slettes", `href="`+sti+`/mottak"`)
	n.Post(t, slett).Er(t, 409, "så den kan ikke slettes")
	portaltest.Must(t, h.Fio.SlettKonto(t.Context(), b.FiksIOKontoID, "")) // over the API it can
	n.Get(t, sti).Er(t, 200, "Fiks IO-kontoen er slettet")
	n.Get(t, bydelsider).Er(t, 200, "Fiks IO-kontoen er slettet", "Mottaket virker ikke")
}

// What is no certificate to encrypt to is refused, and kept nowhere.
func TestBydelFeilSertifikat(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	n := h.Som(t, portaltest.Alene)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(noekkel())
	portaltest.Must(t, err)
	privat := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	spki, err := x509.MarshalPKIXPublicKey(&noekkel().PublicKey)
	portaltest.Must(t, err)
	god := sertifikat(t, grunntest.Start.AddDate(1, 0, 0))
	for _, kanal := range []string{"fiks-io", "svarinn"} {
		sti := bydelsider + "/ny/mottak"
		n.Post(t, bydelsider+"/ny", kontorsvar(kanal)...).Til(t, sti)
		felt := []string{"fagsystem", "UKJENT", "utgave", "V2", "konto", "ny", "pakke", "pdf"}
		for navn, x := range map[string]struct{ innhold, sier string }{
			"nothing": {"", "Velg en fil med sertifikatet"}, "private": {privat, "Dette er en privat nøkkel"},
			"public": {string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})), "offentlig nøkkel uten sertifikat"},
			"two":    {god + god, "flere sertifikater"}, "rubbish": {"hei", "Dette er ikke et sertifikat"},
			"expired": {sertifikat(t, grunntest.Start.AddDate(0, 0, -1)), "Sertifikatet har utløpt"},
			"short":   {string(kontosertifikat(t, 1024, grunntest.Start.AddDate(-1, 0, 0), grunntest.Start.AddDate(1, 0, 0))), "for kort"},
		} {
			for i, s := range []portaltest.SvarSide{sendFil(t, n, sti, x.innhold, felt...), sendFil(t, n, sti, "", append(slices.Clone(felt), "sertifikat", x.innhold)...)} {
				s.Er(t, 422, x.sier, `value="UKJENT" checked`)
				if strings.Contains(s.HTML, "PRIVATE KEY") {
					t.Errorf("%s %d: shown again", navn, i)
				}
			}
		}
		sendFil(t, n, sti, god, append(slices.Clone(felt), "sertifikat", god)...).Er(t, 422, "Bruk bare én av dem")
		sendFil(t, n, sti, strings.Repeat("x", 64<<10+1), felt...).Er(t, 413, "for stor til å være et sertifikat")
		n.Send(t, sti, "multipart/form-data; boundary=x", "--x\r\n").Er(t, 400)
		n.Get(t, bydelsider+"/ny/se-over").Til(t, sti)
		u, _, err := h.P.Utkast(t.Context(), portaltest.Alene, "bydel", portaltest.OrgSkog)
		if err != nil || u.Felt.Get("sertifikat") != "" || len(u.Ferdig) != 0 {
			t.Errorf("%v: the draft has %v", err, u)
		}
	}
	if strings.Contains(h.Logg.B.String(), "PRIVATE") || h.Antall(t, "bekymring_bydel") != 0 {
		t.Error("something was kept")
	}
	h.Klokke.Sett(h.Klokke.Now().Add(portal.Ledig + time.Second))
	sendFil(t, n, bydelsider+"/ny/mottak", privat).Til(t, "/logg-inn?til="+bydelsider+"/ny/mottak")
	var gjemt int
	portaltest.Must(t, h.DB.Read().QueryRowContext(t.Context(), `SELECT count(*) FROM portal_sesjoner WHERE skjema IS NOT NULL`).Scan(&gjemt))
	if gjemt != 0 {
		t.Error("a form with a private key was kept")
	}
}

// A case system over SvarInn: certificate, user name, and a password that is shown once.
func TestBydelSvarInn(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	n := h.Som(t, portaltest.Alene)
	forste := sertifikat(t, grunntest.Start.AddDate(0, 0, 90))
	sti := opprettKontor(t, n, kontorsvar("svarinn", "telefon", ""), func(sti string) portaltest.SvarSide {
		n.Get(t, sti).Er(t, 200, "La stå tomt hvis det er kommunen selv", `value="pdf" checked`)
		sendFil(t, n, sti, forste, "fagsystem", "UKJENT", "utgave", "V1", "orgnr", "310000249", "pakke", "zip").Er(t, 422, "Organisasjonsnummeret finnes ikke")
		sendFil(t, n, sti, forste, "fagsystem", "UKJENT", "utgave", "V1", "orgnr", portaltest.OrgnrT, "pakke", "zip").Til(t, bydelsider+"/ny/se-over")
		n.Get(t, sti).Er(t, 200, "Sertifikatet som brukes", "Fagsystem Testby") // not needed a second time
		return sendFil(t, n, sti, "", "fagsystem", "UKJENT", "utgave", "V1", "orgnr", portaltest.OrgnrT, "pakke", "zip")
	})
	b := bydelen(t, h, sti)
	if b.Kanal != bekymringsmelding.KanalSvarInn || !b.Zip || b.Orgnr != portaltest.OrgnrT || b.StottetVersjon != "V1" {
		t.Errorf("%+v", b)
	}
	passord := "/forvaltning/" + portaltest.OrgSkog + "/integrasjoner/" + b.IntegrasjonID + "/passord"
	n.Get(t, sti).Er(t, 200, "Fagsystemet har ikke fått passord", "Telefonnummeret mangler", b.IntegrasjonID, `href="`+passord+`"`, "PDF-filen i en ZIP-fil")
	id, ord := n.Post(t, passord, "overlapp", "dogn", "versjon", n.Get(t, passord).Er(t, 200).Skjult(t, "versjon")).Er(t, 200).Paalogging(t)
	h.Slipper(t, true, id, ord)
	s := n.Get(t, sti).Er(t, 200, "Laget. Det kan ikke vises igjen.")
	if strings.Contains(s.HTML, "har ikke fått passord") || strings.Contains(s.HTML, ord) || id != b.IntegrasjonID {
		t.Errorf("%s", id)
	}
	// The certificate grows old, and is replaced.
	h.Klokke.Sett(grunntest.Start.AddDate(0, 0, 31))
	n = h.Som(t, portaltest.Alene)
	n.Get(t, bydelsider).Er(t, 200, "Sertifikatet til fagsystemet utløper 8. september 2026")
	h.Klokke.Sett(grunntest.Start.AddDate(0, 0, 90))
	n = h.Som(t, portaltest.Alene)
	n.Get(t, bydelsider).Er(t, 200, "Sertifikatet til fagsystemet er utløpt", "Mottaket virker ikke")
	felt := []string{"versjon", n.Get(t, sti+"/mottak/svarinn").Er(t, 200).Skjult(t, "versjon"), "fagsystem", "UKJENT", "utgave", "V1", "orgnr", "", "pakke", "pdf"}
	nytt := sertifikat(t, grunntest.Start.AddDate(2, 0, 0))
	for range 2 {
		sendFil(t, n, sti+"/mottak/svarinn", nytt, felt...).Til(t, sti+"?gjort=mottak")
	}
	if b := bydelen(t, h, sti); string(b.Sertifikat) != nytt || b.Zip || b.Orgnr != "" || b.IntegrasjonID != id {
		t.Errorf("%+v", b)
	}
	// Somebody else's key in the meantime is no success of this form's.
	sendFil(t, n, sti+"/mottak/svarinn", sertifikat(t, grunntest.Start.AddDate(3, 0, 0)), felt...).Er(t, 409, "Noen andre har endret dette", "BEGIN CERTIFICATE")
	if b := bydelen(t, h, sti); string(b.Sertifikat) != nytt {
		t.Error("the key of the conflict is stored")
	}
	// Without its integrasjon nothing is fetched.
	h.Skriv(t, func(tx *store.Tx) error {
		return h.Org.SlettIntegrasjon(t.Context(), tx, caller(portaltest.Alene), id)
	})
	n.Get(t, sti).Er(t, 200, "Fagsystemet har ikke fått passord")
}

// Only letters; and from there to another way, with what is said of what was sent before.
func TestBydelBrevOgBytte(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	n := h.Som(t, portaltest.Alene)
	sti := opprettKontor(t, n, kontorsvar("brev"), func(sti string) portaltest.SvarSide { return n.Post(t, sti, "utgave", "V2") })
	if b := bydelen(t, h, sti); b.Kanal != bekymringsmelding.KanalPrint || b.Fagsystem != bekymringsmelding.FagsystemUkjent {
		t.Errorf("%+v", b)
	}
	n.Get(t, sti).Er(t, 200, "Bare brev")
	n.Get(t, sti+"/mottak").Er(t, 200, "I bruk nå", "Bytt til denne", sti+"/mottak/manuelt", sti+"/mottak/svarinn", sti+"/mottak/fiks-io")
	n.Get(t, sti+"/mottak/tull").Er(t, 404)
	s := n.Get(t, sti+"/mottak/manuelt").Er(t, 200, "Det som er sendt med Bare brev før du lagrer, blir der", ">barnevern@skogby.test</textarea>")
	n.Post(t, sti+"/mottak/manuelt", "versjon", s.Skjult(t, "versjon"), "varsler", "ikke en adresse", "utgave", "V2").Er(t, 422, "ikke riktig skrevet", ">ikke en adresse</textarea>")
	felt := []string{"versjon", s.Skjult(t, "versjon"), "varsler", "vakt@skogby.test\r\nto@skogby.test", "utgave", "V2"}
	for range 2 {
		n.Post(t, sti+"/mottak/manuelt", felt...).Til(t, sti+"?gjort=mottak")
	}
	n.Get(t, sti+"/mottak/brev").Er(t, 200, "Gå gjennom manuelt mottak før du bytter")
	n.Post(t, sti+"/mottak/brev", felt...).Er(t, 409, "Noen andre har endret dette", "Manuelt mottak")
	n.Post(t, sti+"/mottak/brev", "versjon", "", "utgave", "V2").Er(t, 409)
	s = n.Get(t, sti+"/mottak/brev").Er(t, 200)
	n.Post(t, sti+"/mottak/brev", "versjon", s.Skjult(t, "versjon"), "utgave", "V2").Til(t, sti+"?gjort=mottak")
	if b := bydelen(t, h, sti); len(b.VarselEposter) != 2 || b.Kanal != bekymringsmelding.KanalPrint { // kept for when they are needed again
		t.Errorf("%+v", b)
	}
	n.Get(t, sti+"/tilganger").Er(t, 200, "Kontoret tar imot slik: Bare brev")
}
