package forvaltning_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"mime/multipart"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/portal/forvaltning"
	"knutepunkt/internal/portal/portaltest"
	"knutepunkt/internal/store"
	"knutepunkt/internal/svarut/svarinn"
)

// Persons of the tests, synthetic, who may be written into forms.
const (
	ny1 = "02846710062"
	ny2 = "02846710143"
)

// noekkel is the key of the case system in the tests.
var noekkel = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// sertifikat is a certificate for it, valid until then, as PEM.
func sertifikat(t testing.TB, til time.Time) string {
	t.Helper()
	serie, err := rand.Int(rand.Reader, big.NewInt(1<<60))
	portaltest.Must(t, err)
	mal := &x509.Certificate{SerialNumber: serie, Subject: pkix.Name{CommonName: "Fagsystem Testby"}, NotBefore: grunntest.Start.AddDate(-1, 0, 0), NotAfter: til}
	der, err := x509.CreateCertificate(rand.Reader, mal, mal, &noekkel().PublicKey, noekkel())
	portaltest.Must(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// system makes a mottakersystem whose first person is fnr, and gives its pages.
func mottakersystem(t testing.TB, h *portaltest.Hus, orgID, navn, fnr string) (id, sti string) {
	t.Helper()
	m, err := h.Inn.Opprett(t.Context(), auth.Caller{Slag: auth.Anonym}, svarinn.Ny{FiksOrgID: orgID, Navn: navn, Person: svarinn.Person{Fnr: fnr, Navn: "Berit Åsen"}})
	portaltest.Must(t, err)
	return m.ID, "/forvaltning/" + orgID + "/svarinn/" + m.ID
}

func caller(fnr string) auth.Caller { return auth.Caller{Slag: auth.Person, Fnr: fnr, Niva: 4} }

func postArkiv(t testing.TB, h *portaltest.Hus, fnr, orgnr string) {
	t.Helper()
	portaltest.Must(t, svarinn.Rolletabell{DB: h.DB, Ring: h.Ring}.Gi(t.Context(), fnr, orgnr, svarinn.PostArkiv))
}

// deler is a form with a file, as browsers send it.
func deler(t testing.TB, fil string, par ...string) (kropp, innholdstype string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(par); i += 2 {
		portaltest.Must(t, w.WriteField(par[i], par[i+1]))
	}
	f, err := w.CreateFormFile("fil", "fagsystem.pem")
	portaltest.Must(t, err)
	_, err = f.Write([]byte(fil))
	portaltest.Must(t, err)
	portaltest.Must(t, w.Close())
	return b.String(), w.FormDataContentType()
}

// last sends the form of a new key.
func last(t testing.TB, n *portaltest.Nettleser, sti, versjon, fil, tekst string) portaltest.SvarSide {
	t.Helper()
	kropp, typ := deler(t, fil, "versjon", versjon, "pem", tekst)
	return n.Send(t, sti, typ, kropp)
}

// An administrator from the empty list to a mottakersystem that lacks nothing
// (seed 002).
func TestMottakersystem(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	n := h.Som(t, portaltest.Admin)
	liste := "/forvaltning/" + portaltest.OrgTest + "/svarinn"
	n.Get(t, liste).Er(t, 200, "Ingen mottakersystem er opprettet", "Opprett ett her", `href="`+liste+`/ny"`)
	skjema := n.Get(t, liste+"/ny").Er(t, 200, "Du blir den første som har tilgang")
	n.Post(t, liste+"/ny", "id", skjema.Skjult(t, "id"), "navn", "", "person", " ").Er(t, 422, "Skriv et navn på mottakersystemet", "Skriv navnet ditt")
	n.Post(t, liste+"/ny", "id", "tull", "navn", "NAV", "person", "Berit").Er(t, 400)
	felt := []string{"id", skjema.Skjult(t, "id"), "navn", "NAV Testby – Digisos", "person", "Berit Åsen"}
	sti := liste + "/" + felt[1]
	n.Post(t, liste+"/ny", felt...).Til(t, sti+"/tilganger?ny=1")
	n.Post(t, liste+"/ny", felt...).Til(t, sti+"/tilganger") // sent twice
	if got := h.Antall(t, "svarinn_mottakersystemer"); got != 1 {
		t.Errorf("%d mottakersystemer", got)
	}
	n.Post(t, liste+"/ny", "id", "00000000-0000-4000-8000-00000000beef", "navn", "nav testby – digisos", "person", "Berit").Er(t, 422, "Et annet mottakersystem har allerede dette navnet")
	n.Get(t, liste).Er(t, 200, "5 varsler", "Offentlig nøkkel mangler", "Servicepassordet er ikke laget", "Ingen organisasjonsnumre er registrert", "Ingen får varsel på e-post", "Bare én person har tilgang")
	n.Get(t, sti).Til(t, sti+"/tilganger")

	// Tilganger.
	n.Get(t, sti+"/tilganger?ny=1").Er(t, 200, "Mottakersystemet er opprettet", "Berit Åsen", portaltest.Admin[:6]+" •••••", "Legg til minst én til", "Den siste kan ikke fjernes",
		"Ingen organisasjonsnumre ennå", "Minst to personer har tilgang")
	for fnr, want := range map[string]string{"": "Skriv fødselsnummeret", "123": "må ha 11 siffer. Du skrev 3.", "02846710063": "Fødselsnummeret er ikke riktig", "0284671006x": "må ha 11 siffer"} {
		n.Post(t, sti+"/tilganger", "navn", "Kari Li", "fnr", fnr).Er(t, 422, want, `href="#fnr"`, "Berit Åsen")
	}
	for range 2 {
		n.Post(t, sti+"/tilganger", "navn", "Kari Li", "fnr", ny1[:6]+" "+ny1[6:]).Til(t, sti+"/tilganger?lagret=1")
	}
	s := n.Get(t, sti+"/tilganger?lagret=1").Er(t, 200, "Personen har fått tilgang.", "Kari Li", ny1[:6]+" •••••")
	if strings.Contains(s.HTML, "Legg til minst én til") || strings.Contains(s.HTML, ny1) {
		t.Error(s.HTML)
	}

	// Organisasjoner: the role first, then what others have.
	org := sti + "/organisasjoner"
	s = n.Get(t, org).Er(t, 200, "Når du registrerer nummeret, kommer nye forsendelser hit. Vent til fagsystemet er klart.", `value="nav.digisos" checked`)
	n.Post(t, org, "orgnr", "123", "type", "tull", "niva", "5").Er(t, 422, "må ha 9 siffer", "Velg en forsendelsestype", "Velg et sikkerhetsnivå")
	rad := []string{"orgnr", "310 000 248", "type", "nav.digisos", "niva", "alle"}
	n.Post(t, org, rad...).Er(t, 422, "Du må ha rollen Post/arkiv i Altinn for dette organisasjonsnummeret.", `aria-describedby="orgnr-feil orgnr-hjelp"`, `value="310000248"`)
	postArkiv(t, h, portaltest.Admin, portaltest.OrgnrT)
	for range 2 {
		n.Post(t, org, rad...).Til(t, org+"?lagret=1")
	}
	annet, annetSti := mottakersystem(t, h, portaltest.OrgSkog, "Skogby arkiv", portaltest.Admin)
	n.Post(t, annetSti+"/organisasjoner", rad...).Er(t, 422, "Et annet mottakersystem har allerede dette organisasjonsnummeret")
	n.Post(t, annetSti+"/organisasjoner", "orgnr", portaltest.OrgnrT, "type", "alle", "niva", "4").Til(t, annetSti+"/organisasjoner?lagret=1")
	n.Get(t, org+"?lagret=1").Er(t, 200, "Organisasjonsnummeret er registrert", "Andre mottakersystemer med samme organisasjonsnummer", "Skogby arkiv", "Alle typer")
	n.Get(t, sti+"/tilganger").Er(t, 200, "Kan laste ned", "Mangler Post/arkiv for 310000248")

	// Service.
	service := sti + "/service"
	n.Get(t, service).Er(t, 200, "Mottakersystemet mangler offentlig nøkkel", felt[1], `href="`+service+`/passord"`)
	versjon := n.Get(t, service+"/passord").Er(t, 200, "Passordet vises én gang").Skjult(t, "versjon")
	p := portaltest.PassordRE.FindStringSubmatch(n.Post(t, service+"/passord", "versjon", versjon).Er(t, 200, "Nytt servicepassord er laget", "Passordet vises bare nå").HTML)
	n.Post(t, service+"/passord", "versjon", versjon).Er(t, 409, "Passordet er nettopp byttet")
	n.Post(t, service+"/passord").Er(t, 409)
	if p == nil {
		t.Fatal("no password")
	}
	if _, err := h.Inn.LoggInn(t.Context(), felt[1], p[1]); err != nil {
		t.Error(err)
	}
	versjon = n.Get(t, service+"/passord").Er(t, 200, "Det gamle passordet slutter å virke med en gang").Skjult(t, "versjon")
	n.Post(t, service+"/passord", "versjon", versjon).Er(t, 200, "Det gamle passordet virker ikke lenger")
	if _, err := h.Inn.LoggInn(t.Context(), felt[1], p[1]); err == nil {
		t.Error("the old password holds")
	}
	last(t, n, service, "", sertifikat(t, grunntest.Start.AddDate(2, 0, 0)), "").Til(t, service+"?lagret=1")
	s = n.Get(t, service+"?lagret=1").Er(t, 200, "Den nye nøkkelen er i bruk fra nå av", "CN=Fagsystem Testby", "10. juni 2028", "I bruk")
	if avtrykk := s.Skjult(t, "versjon"); !regexp.MustCompile(`^([0-9A-F]{2}:){31}[0-9A-F]{2}$`).MatchString(avtrykk) || !strings.Contains(s.HTML, "<code>"+avtrykk) || strings.Contains(s.HTML, p[1]) {
		t.Errorf("fingerprint %q", avtrykk)
	}

	// Administrasjon.
	adm := sti + "/administrasjon"
	n.Get(t, adm).Er(t, 200, "Skill flere adresser med semikolon")
	n.Post(t, adm+"/test").Er(t, 422, "Skriv minst én e-postadresse for varsling")
	n.Post(t, adm, "versjon", "", "epost", "a@testby.test; b@").Er(t, 422, "E-postadressen «b@» er ikke riktig skrevet", "a@testby.test; b@")
	n.Post(t, adm, "versjon", "", "epost", ";").Er(t, 422, "Skriv minst én e-postadresse")
	var mange []string
	for i := range 51 {
		mange = append(mange, fmt.Sprintf("a%d@b.test", i))
	}
	n.Post(t, adm, "versjon", "", "epost", strings.Join(mange, ";")).Er(t, 422, "Skriv høyst 50 e-postadresser")
	for range 2 {
		n.Post(t, adm, "versjon", "", "epost", "post@testby.test; vakt@testby.test").Til(t, adm+"?lagret=1")
	}
	n.Get(t, adm+"?lagret=1").Er(t, 200, "Endringen er lagret.", "post@testby.test; vakt@testby.test", "Send testvarsel")
	for range 2 { // pressed twice
		n.Post(t, adm+"/test").Til(t, adm+"?test=1")
	}
	n.Get(t, adm+"?test=1").Er(t, 200, "Testvarsel sendt")
	h.Frem(t, time.Second)
	brev, err := h.Epost.Alle(t.Context())
	if err != nil || len(brev) != 2 || brev[0].Subject != "SvarInn: testvarsel for NAV Testby – Digisos" {
		t.Errorf("%+v %v", brev, err)
	}

	n.Get(t, liste).Er(t, 200, "Ingen varsler")
	logg := h.Logg.B.String()
	for _, hemmelig := range []string{ny1, portaltest.Admin, "Kari Li", "Berit", "Åsen", p[1], "vakt@"} {
		if strings.Contains(logg, hemmelig) {
			t.Errorf("%q is in the log", hemmelig)
		}
	}

	// And back: what comes no longer comes here.
	n.Get(t, org+"/"+url.PathEscape("310000248,nav.digisos,alle")+"/fjern").Er(t, 200, "Vil du fjerne organisasjonsnummer 310000248?", "nav.digisos")
	for range 2 {
		n.Post(t, org+"/"+url.PathEscape("310000248,nav.digisos,alle")+"/fjern").Til(t, org+"?fjernet=1")
	}
	n.Get(t, org+"/"+url.PathEscape("310000248,nav.digisos,alle")+"/fjern").Er(t, 404)
	n.Get(t, org+"?fjernet=1").Er(t, 200, "Organisasjonsnummeret er fjernet.", "Ingen organisasjonsnumre er registrert ennå.")
	if rs, err := h.Inn.Organisasjoner(t.Context(), caller(portaltest.Admin), annet); err != nil || len(rs) != 1 {
		t.Errorf("another's rows: %v %v", rs, err)
	}
}

var fjernlenke = regexp.MustCompile(`/tilganger/([A-Za-z0-9_-]{43})/fjern">Fjern ([^<]+)<`)

// fjernlenker are the ways to take away somebody's access, by the name.
func fjernlenker(s portaltest.SvarSide) map[string]string {
	ut := map[string]string{}
	for _, m := range fjernlenke.FindAllStringSubmatch(s.HTML, -1) {
		ut[m[2]] = "/tilganger/" + m[1] + "/fjern"
	}
	return ut
}

// Whoever is on Tilganger and no administrator of the organisation has the tabs,
// and nothing else; the last one stays.
func TestTilgangUtenAdministrator(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	id, sti := mottakersystem(t, h, portaltest.OrgTest, "NAV Testby", portaltest.Innbyg)
	n, admin := h.Som(t, portaltest.Innbyg), h.Som(t, portaltest.Admin)
	n.Get(t, "/forvaltning").Er(t, 200, "Mottakersystemer du har tilgang til", `href="`+sti+`/tilganger"`)
	s := n.Get(t, sti+"/tilganger").Er(t, 200, "Berit Åsen")
	if strings.Contains(s.HTML, `class="p-meny"`) || strings.Contains(s.HTML, portaltest.OrgTest+`/svarinn"`) {
		t.Error("the organisation's own pages are offered")
	}
	for _, f := range []string{"", "/ny"} {
		n.Get(t, "/forvaltning/"+portaltest.OrgTest+"/svarinn"+f).Er(t, 404)
	}
	// The last one stays, whoever asks; an administrator gives somebody else access.
	ts, err := h.Inn.TilgangerMedRoller(t.Context(), caller(portaltest.Innbyg), id)
	portaltest.Must(t, err)
	deg := "/tilganger/" + ts[0].ID + "/fjern"
	for _, x := range []*portaltest.Nettleser{n, admin} {
		if s := x.Get(t, sti+deg).Er(t, 200, "Den siste personen kan ikke fjernes"); strings.Contains(s.HTML, `data-color="danger" type="submit"`) {
			t.Error("it is offered all the same")
		}
		x.Post(t, sti+deg).Er(t, 422, "Den siste personen kan ikke fjernes")
	}
	admin.Post(t, sti+"/tilganger", "navn", "Kari Li", "fnr", ny1).Til(t, sti+"/tilganger?lagret=1")
	lenker := fjernlenker(n.Get(t, sti+"/tilganger"))
	if len(lenker) != 2 || lenker["Berit Åsen"] != deg {
		t.Fatalf("%v", lenker)
	}
	if s := n.Get(t, sti+deg).Er(t, 200, "Dette er din egen tilgang"); strings.Contains(tittelen.FindString(s.HTML), "Berit") {
		t.Error("a person's name is in the title")
	}
	n.Get(t, sti+lenker["Kari Li"]).Er(t, 200, "Vil du fjerne tilgangen til Kari Li?")
	n.Get(t, sti+"/tilganger/"+strings.Repeat("x", 43)+"/fjern").Er(t, 404)
	n.Post(t, sti+deg).Til(t, "/forvaltning")
	n.Get(t, sti+"/tilganger").Er(t, 404)
	admin.Post(t, sti+deg).Til(t, sti+"/tilganger?fjernet=1") // gone already
	admin.Get(t, sti+"/tilganger?fjernet=1").Er(t, 200, "Tilgangen er fjernet.")
}

// svarinnSider are the pages that can be looked at, with the login level that
// they want; for orgSider.
func svarinnSider(t *testing.T, h *portaltest.Hus) map[string]int {
	t.Helper()
	id, sti := mottakersystem(t, h, portaltest.OrgTest, "NAV Testby", portaltest.Admin2)
	postArkiv(t, h, portaltest.Admin2, portaltest.OrgnrT)
	_, err := h.Inn.GiOrganisasjoner(t.Context(), caller(portaltest.Admin2), id, []svarinn.Rad{{Orgnr: portaltest.OrgnrT, ForsendelseType: "ks.byggesøknad"}})
	portaltest.Must(t, err)
	portaltest.Must(t, h.Inn.GiTilgang(t.Context(), caller(portaltest.Admin2), id, svarinn.Person{Fnr: ny2, Navn: "Kari Li"}))
	portaltest.Must(t, h.Inn.SettVarsles(t.Context(), caller(portaltest.Admin2), id, "post@testby.test"))
	_, err = h.Inn.SettSertifikat(t.Context(), caller(portaltest.Admin2), id, []byte(sertifikat(t, grunntest.Start.AddDate(0, 0, 30))))
	portaltest.Must(t, err)
	ts, err := h.Inn.TilgangerMedRoller(t.Context(), caller(portaltest.Admin2), id)
	portaltest.Must(t, err)
	ut := map[string]int{"/forvaltning/" + portaltest.OrgTest + "/svarinn": 4, "/forvaltning/" + portaltest.OrgTest + "/svarinn/ny": 4}
	for _, f := range []string{"/tilganger", "/tilganger/" + ts[0].ID + "/fjern", "/organisasjoner", "/organisasjoner/310000248%2Cks.byggesøknad%2Calle/fjern", "/service", "/service/passord", "/administrasjon"} {
		ut[sti+(&url.URL{Path: strings.ReplaceAll(f, "%2C", ",")}).EscapedPath()] = 4
	}
	return ut
}

// Another's mottakersystem does not exist, nor can anything be done with it, also
// under the address of one's own organisation.
func TestAndresMottakersystem(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	id, sti := mottakersystem(t, h, portaltest.OrgTest, "NAV Hemmelig", portaltest.Admin2)
	n := h.Som(t, portaltest.Alene)
	under := "/forvaltning/" + portaltest.OrgSkog + "/svarinn/" + id
	for _, base := range []string{sti, under} {
		for _, f := range []string{"", "/tilganger", "/organisasjoner", "/service", "/service/passord", "/administrasjon"} {
			n.Get(t, base+f).Er(t, 404)
		}
		for f, felt := range map[string][]string{"/tilganger": {"navn", "Kari", "fnr", ny1}, "/organisasjoner": {"orgnr", portaltest.OrgnrS, "type", "alle", "niva", "alle"},
			"/service": {"pem", sertifikat(t, grunntest.Start.AddDate(1, 0, 0))}, "/service/passord": {"versjon", "ingen"}, "/administrasjon": {"epost", "a@b.test"}, "/administrasjon/test": nil} {
			n.Post(t, base+f, felt...).Er(t, 404)
		}
	}
	// One's own, under another's address: it is where it is.
	h.Som(t, portaltest.Admin).Get(t, under+"/tilganger").Er(t, 404)
	st, err := h.Inn.StandFor(t.Context(), caller(portaltest.Admin2), id)
	if err != nil || st.Personer != 1 || st.Rader != 0 || st.HarPassord || st.Sertifikat != nil || st.Varsles != 0 {
		t.Errorf("%+v %v", st, err)
	}
	// The id of another's in the form of a new one makes nothing, and tells nothing.
	svar := n.Post(t, "/forvaltning/"+portaltest.OrgSkog+"/svarinn/ny", "id", id, "navn", "Mitt", "person", "Alene").Er(t, 422)
	if strings.Contains(svar.HTML, "NAV Hemmelig") {
		t.Error(svar.HTML)
	}
}

// Each wrong file is told why it is wrong, and nothing is stored.
func TestFeilSertifikat(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	id, sti := mottakersystem(t, h, portaltest.OrgTest, "NAV Testby", portaltest.Admin)
	n := h.Som(t, portaltest.Admin)
	sti += "/service"
	pkcs8, err := x509.MarshalPKCS8PrivateKey(noekkel())
	portaltest.Must(t, err)
	spki, err := x509.MarshalPKIXPublicKey(&noekkel().PublicKey)
	portaltest.Must(t, err)
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, noekkel())
	portaltest.Must(t, err)
	som := func(typ string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der}))
	}
	god := sertifikat(t, grunntest.Start.AddDate(1, 0, 0))
	privat := som("PRIVATE KEY", pkcs8)
	for fil, want := range map[string]string{
		"": "Velg en fil med sertifikatet, eller lim det inn", "hei": "Dette er ikke et sertifikat.",
		privat: "Dette er en privat nøkkel. Last opp den offentlige.", god + privat: "Dette er en privat nøkkel. Last opp den offentlige.",
		som("PUBLIC KEY", spki): "Dette er en offentlig nøkkel uten sertifikat", god + god: "Filen inneholder flere sertifikater", som("CERTIFICATE REQUEST", csr): "bestilling av et sertifikat",
		sertifikat(t, grunntest.Start.AddDate(0, 0, -1)): "Sertifikatet er utløpt", som("CERTIFICATE", []byte("x")): "Sertifikatet kan ikke leses",
	} {
		s := last(t, n, sti, "", fil, "").Er(t, 422, want, `href="#fil"`, `aria-describedby="fil-feil fil-hjelp" aria-invalid="true"`, "<title>Feil: ")
		if fil == "" {
			continue
		}
		s2 := last(t, n, sti, "", "", fil).Er(t, 422, want, `href="#pem"`, `aria-describedby="pem-feil pem-hjelp" aria-invalid="true"`)
		for _, x := range []portaltest.SvarSide{s, s2} {
			if strings.Contains(x.HTML, "PRIVATE") {
				t.Error("a private key is shown again")
			}
		}
		if fil != privat && fil != god+privat && !strings.Contains(s2.HTML, strings.TrimSpace(fil)[:3]) {
			t.Error("what was pasted is gone")
		}
	}
	last(t, n, sti, "", god, god).Er(t, 422, "Velg enten en fil eller lim inn")
	last(t, n, sti, "", strings.Repeat("x", 70<<10), "").Er(t, 413, "Filen er for stor")
	n.Send(t, sti, "multipart/form-data; boundary=x", "--x\r\nContent-Disp").Er(t, 400)
	if m, err := h.Inn.Mottakersystem(t.Context(), id); err != nil || m.Sertifikat != nil {
		t.Errorf("%+v %v", m, err)
	}
	if strings.Contains(h.Logg.B.String(), "PRIVATE") || strings.Contains(h.Logg.B.String(), strings.Split(privat, "\n")[1]) {
		t.Error("a private key is in the log")
	}
	last(t, n, sti, "", "", god).Til(t, sti+"?lagret=1") // pasted
}

// Two at once: the second sees what is stored, and nothing of the first is
// written over.
func TestMottakersystemToSamtidig(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	id, sti := mottakersystem(t, h, portaltest.OrgTest, "NAV Testby", portaltest.Admin)
	en, to := h.Som(t, portaltest.Admin), h.Som(t, portaltest.Admin2)
	a, b := sertifikat(t, grunntest.Start.AddDate(1, 0, 0)), sertifikat(t, grunntest.Start.AddDate(2, 0, 0))
	for range 2 {
		last(t, en, sti+"/service", "", a, "").Til(t, sti+"/service?lagret=1")
	}
	s := last(t, to, sti+"/service", "", "", b).Er(t, 409, "Noen andre har lastet opp en nøkkel", "10. juni 2027", strings.TrimSpace(strings.Split(b, "\n")[1][:20]))
	if m, err := h.Inn.Mottakersystem(t.Context(), id); err != nil || m.Sertifikat.Utloper.Year() != 2027 {
		t.Errorf("%+v %v", m, err)
	}
	last(t, to, sti+"/service", s.Skjult(t, "versjon"), "", b).Til(t, sti+"/service?lagret=1")

	adm := sti + "/administrasjon"
	v := to.Get(t, adm).Er(t, 200)
	if strings.Contains(v.HTML, "Send testvarsel") {
		t.Error("a test without addresses is offered")
	}
	en.Post(t, adm, "versjon", "", "epost", "en@testby.test;to@testby.test").Til(t, adm+"?lagret=1")
	s = to.Post(t, adm, "versjon", "", "epost", "tre@testby.test").Er(t, 409, "Noen andre har endret dette", "en@testby.test\nto@testby.test", ">tre@testby.test</textarea>")
	if got, err := h.Inn.Varsles(t.Context(), caller(portaltest.Admin), id); err != nil || len(got) != 2 {
		t.Errorf("%v %v", got, err)
	}
	to.Post(t, adm, "versjon", s.Skjult(t, "versjon"), "epost", "tre@testby.test").Til(t, adm+"?lagret=1")
}

// A form that is sent after the login ran out is there again, with nobody's number
// in an address.
func TestMottakersystemUtlopt(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	_, sti := mottakersystem(t, h, portaltest.OrgTest, "NAV Testby", portaltest.Admin)
	for _, tt := range []struct {
		sti  string
		felt []string
		want []string
	}{
		{sti + "/tilganger", []string{"navn", "Kari Li", "fnr", ny1}, []string{`value="Kari Li"`}},
		{sti + "/organisasjoner", []string{"orgnr", portaltest.OrgnrT, "type", "alle", "niva", "4"}, []string{`value="310000248"`, `value="alle" checked`, `value="4" checked`}},
		{sti + "/administrasjon", []string{"versjon", "eldre", "epost", "a@b.test"}, []string{">a@b.test</textarea>", `value="eldre"`}},
		{"/forvaltning/" + portaltest.OrgTest + "/svarinn/ny", []string{"id", "00000000-0000-4000-8000-00000000beef", "navn", "Nytt", "person", "Berit"}, []string{`value="Nytt"`, `value="00000000-0000-4000-8000-00000000beef"`}},
	} {
		n := h.Som(t, portaltest.Admin)
		h.Klokke.Sett(h.Klokke.Now().Add(portal.Ledig + time.Minute))
		n.Post(t, tt.sti, tt.felt...).Til(t, "/logg-inn?til="+tt.sti)
		n.LoggInn(t, portaltest.Admin, 4, tt.sti).Til(t, tt.sti)
		n.Get(t, tt.sti).Er(t, 200, append(tt.want, "Du ble logget ut før skjemaet ble lagret")...)
	}
}

// What the list says of a key that grows old, and of forsendelser that wait.
func TestMottakersystemVarsler(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	id, sti := mottakersystem(t, h, portaltest.OrgTest, "NAV Testby", portaltest.Admin)
	_, err := h.Inn.SettSertifikat(t.Context(), caller(portaltest.Admin), id, []byte(sertifikat(t, grunntest.Start.AddDate(0, 0, 90))))
	portaltest.Must(t, err)
	liste := "/forvaltning/" + portaltest.OrgTest + "/svarinn"
	for _, tt := range []struct {
		dager          int
		liste, service string
		ikkeMer, ogsaa string
		antallForfalte int
	}{
		{0, "4 varsler", "I bruk", "utløper", "", 0},
		{31, "5 varsler", "Utløper om 59 dager", "mangler offentlig nøkkel", "Den offentlige nøkkelen utløper 8. september 2026", 0},
		{90, "5 varsler", "Utløpt", "utløper", "Den offentlige nøkkelen er utløpt", 0},
		{90, "6 varsler", "Utløpt", "I bruk", "1 forsendelse har ventet i mer enn to timer", 1},
		{90, "6 varsler", "Utløpt", "I bruk", "2 forsendelser har ventet i mer enn to timer", 2},
	} {
		if d := grunntest.Start.AddDate(0, 0, tt.dager); h.Klokke.Now().Before(d) {
			h.Klokke.Sett(d)
		}
		if tt.antallForfalte > 0 {
			h.Skriv(t, func(tx *store.Tx) error {
				_, err := tx.ExecContext(t.Context(), `INSERT INTO svarinn_forsendelser (id, levering_id, leveranse_id, mottakersystem, tilstand, innhold, opprettet, endret)
					VALUES ($1, '', '', $2, 'KLAR', '', $3, 0)`, fmt.Sprint(tt.antallForfalte), id, store.Micros(h.Klokke.Now().Add(-2*time.Hour)))
				return err
			})
		}
		n := h.Som(t, portaltest.Admin)
		n.Get(t, liste).Er(t, 200, tt.liste, tt.ogsaa)
		if s := n.Get(t, sti+"/service").Er(t, 200, tt.service, tt.ogsaa); strings.Contains(s.HTML, tt.ikkeMer) {
			t.Errorf("after %d days: %q is on the page", tt.dager, tt.ikkeMer)
		}
	}
}

// The wizard warns of an org.nr. that no mottakersystem takes søknader to, and goes on.
func TestVeiviserVarslerOmSvarInn(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Dokumentlager(t, portaltest.OrgTest)
	n := h.Som(t, portaltest.Admin)
	base := "/forvaltning/" + portaltest.OrgTest + "/digisos"
	svar := svarPaa(forvaltning.UtenFiksIO)
	varsel := "er ikke registrert for nav.digisos i noe mottakersystem"
	vises := func(want bool, stier ...string) {
		t.Helper()
		for _, s := range stier {
			if got := strings.Contains(n.Get(t, base+s).Er(t, 200).HTML, varsel); got != want {
				t.Errorf("%s warns: %t, want %t", s, got, want)
			}
		}
	}
	vises(false, "/veiviser/svarinn")
	for i, s := range stegene[:7] {
		n.Post(t, base+"/veiviser/"+s, svar[s]...).Til(t, base+"/veiviser/"+stegene[i+1])
	}
	vises(true, "/veiviser/svarinn", "/veiviser/behandlingsansvarlig", "/veiviser/se-over")
	vises(false, "/veiviser/nav-kontaktsenter")
	id, _ := mottakersystem(t, h, portaltest.OrgTest, "NAV Testby", portaltest.Admin)
	postArkiv(t, h, portaltest.Admin, portaltest.OrgnrT)
	gi := func(r svarinn.Rad) {
		t.Helper()
		_, err := h.Inn.GiOrganisasjoner(t.Context(), caller(portaltest.Admin), id, []svarinn.Rad{r})
		portaltest.Must(t, err)
	}
	gi(svarinn.Rad{Orgnr: portaltest.OrgnrT, ForsendelseType: "ks.byggesøknad"})
	gi(svarinn.Rad{Orgnr: portaltest.OrgnrT, ForsendelseType: "nav.digisos", Niva: 3}) // søknader are on level 4
	n.Post(t, base+"/veiviser/se-over", "handling", "fullfor").Til(t, base+"/ferdig")  // it does not block
	vises(true, "")
	gi(svarinn.Rad{Orgnr: portaltest.OrgnrT, ForsendelseType: "nav.digisos"})
	vises(false, "")
}
