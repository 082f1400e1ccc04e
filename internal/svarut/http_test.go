package svarut

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/api/apitest"
	"knutepunkt/cms"
	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

const (
	passordKommune = "et-passord-som-er-langt-nok-til-a-vaere-tilfeldig"
	passordAnnen   = "et-annet-passord-som-er-langt-nok-til-alt-mulig"
	intKommune     = "30000000-0000-4000-8000-000000000001"
	intAnnen       = "30000000-0000-4000-8000-000000000002"
)

var (
	kommunen = auth.Caller{Slag: auth.Integrasjon, IntegrasjonID: intKommune, Orgnr: orgnrAvsender}
	naboen   = auth.Caller{Slag: auth.Integrasjon, IntegrasjonID: intAnnen, Orgnr: "964338531"}
)

func person(fnr string, niva int) auth.Caller {
	return auth.Caller{Slag: auth.Person, Fnr: fnr, Niva: niva}
}

// klient speaks HTTP to the room; every exchange is held to the document.
type klient struct {
	*hus
	rt http.RoundTripper
}

// fraKontekst takes the caller that the test put into the context.
type fraKontekst struct{}

func (fraKontekst) Request(r *http.Request) (auth.Caller, error) { return auth.From(r.Context()), nil }

func nyKlient(t testing.TB, endre ...func(*Deps, *Config)) klient {
	t.Helper()
	h := nyttHus(t, endre...)
	h.skriv(t, func(tx *store.Tx) error {
		for konto, p := range map[string]string{kontoKommune: passordKommune, kontoAnnen: passordAnnen} {
			if err := h.s.SettPassord(t.Context(), tx, konto, p); err != nil {
				return err
			}
		}
		for _, i := range []struct{ id, org, orgnr, konto string }{
			{intKommune, orgKommune, orgnrAvsender, kontoKommune}, {intAnnen, orgAnnen, "964338531", kontoAnnen},
		} {
			if _, err := h.org.OpprettIntegrasjon(t.Context(), tx, organisasjon.Integrasjon{ID: i.id, FiksOrgID: i.org, AutorisertOrgnr: i.orgnr, Navn: "Sak"}); err != nil {
				return err
			}
			if err := h.org.GiTilgang(t.Context(), tx, auth.Caller{}, i.id, auth.SvarUtKonto, i.konto); err != nil {
				return err
			}
		}
		return nil
	})
	router := &httpx.Router{Klokke: h.Klokke, Log: h.log}
	must(t, auth.Guard(router, fraKontekst{}, h.org, h.s.Routes()))
	return klient{h, apitest.Transport(t, apitest.Handler(router))}
}

type svar struct {
	status int
	header http.Header
	body   string
}

// kall makes a request, with the credentials that the documents want to see.
func (k klient) kall(t testing.TB, c auth.Caller, metode, sti, ct string, body []byte) svar {
	t.Helper()
	r := httptest.NewRequestWithContext(auth.With(t.Context(), c), metode, sti, bytes.NewReader(body))
	r.RequestURI = ""
	if ct != "" {
		r.Header.Set("Content-Type", ct)
	}
	r.Header.Set("IntegrasjonId", "x")
	r.Header.Set("IntegrasjonPassord", "x")
	switch {
	case !strings.HasPrefix(sti, "/tjenester/"):
		r.Header.Set("Authorization", "Bearer x")
	case c.KontoID == kontoKommune:
		r.SetBasicAuth("kommunen", passordKommune)
	case c.KontoID == kontoAnnen:
		r.SetBasicAuth("naboen", passordAnnen)
	}
	resp, err := k.rt.RoundTrip(r)
	must(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(t, err)
	k.kjor(t)
	return svar{resp.StatusCode, resp.Header, string(b)}
}

func (k klient) get(t testing.TB, c auth.Caller, sti string) svar {
	t.Helper()
	return k.kall(t, c, "GET", sti, "", nil)
}

var (
	v1konto = auth.Caller{KontoID: kontoKommune}
	v1annen = auth.Caller{KontoID: kontoAnnen}
)

const v1, v2, v3 = "/tjenester/api/forsendelse/v1", "/api/v2/kontoer/" + kontoKommune + "/forsendelser", "/api/v3/kontoer/" + kontoKommune + "/forsendelser"

// del is one part of a request.
type del struct{ hode, innhold string }

func fildel(navn, filnavn, ct, innhold string) del {
	return del{`form-data; name="` + navn + `"; filename="` + filnavn + `"` + "\r\nContent-Type: " + ct, innhold}
}

const grense = "JettyHttpClient-1x7abc"

// jetty writes parts as Jetty's client does, with its quoted boundary.
func jetty(deler ...del) (ct string, body []byte) {
	var b bytes.Buffer
	for _, d := range deler {
		fmt.Fprintf(&b, "--%s\r\nContent-Disposition: %s\r\n\r\n%s\r\n", grense, d.hode, d.innhold)
	}
	fmt.Fprintf(&b, "--%s--\r\n", grense)
	return `multipart/form-data; boundary="` + grense + `"`, b.Bytes()
}

const forstedel = `form-data; name="forsendelse"` + "\r\nContent-Type: text/plain;charset=UTF-8"

func (k klient) sendHTTP(t testing.TB, c auth.Caller, sti, forsendelse string, filer ...del) svar {
	t.Helper()
	ct, body := jetty(append([]del{{forstedel, forsendelse}}, filer...)...)
	return k.kall(t, c, "POST", sti, ct, body)
}

func id(t testing.TB, s svar) string {
	t.Helper()
	var ut struct{ ID string }
	if s.status != http.StatusOK {
		t.Fatalf("%d: %s", s.status, s.body)
	}
	must(t, json.Unmarshal([]byte(s.body), &ut))
	return ut.ID
}

// What KS's clients write: K1 for v1, K2 for v2, K3 for v3, with their nulls.
const (
	k1 = `{"mottaker":{"postAdresse":{"navn":"Mottakeretaten","adresse1":"Sjøgata 2","adresse2":null,"adresse3":null,"postNummer":"8006","postSted":"Bodø","land":null},
		"digitalAdresse":{"fodselsNummer":null,"organisasjonsNummer":"974778866"}},"eksponertFor":[{"fodselsNummer":"01859010071"}],"avgivendeSystem":"digisos_avsender",
		"tittel":"Søknad til NAV","konteringsKode":null,"kunDigitalLevering":false,"kryptert":false,"utskriftsKonfigurasjon":{"utskriftMedFarger":true,"tosidig":true},
		"krevNiva4Innlogging":false,"metadataFraAvleverendeSystem":{"saksSekvensNummer":7,"saksAar":2026,"journalAar":0,"journalSekvensNummer":0,"journalPostNummer":0,
		"journalPostType":"I","journalStatus":null,"journalDato":null,"dokumentetsDato":1780000000000,"tittel":null,"saksBehandler":"Ola","ekstraMetadata":[{"key":"a","value":"b"}]},
		"metadataForImport":null,"svarSendesTil":null,"svarPaForsendelse":{"id":"9B45AB9E-e13a-489e-832d-56e836c9a8bc"},
		"dokumenter":[{"filnavn":"Søknad å.pdf","mimeType":"application/pdf","skalSigneres":false,"dokumentType":"T","giroarkSider":[1],"ekskluderesFraUtskrift":false},
		{"filnavn":"soknad.json","mimeType":"application/json","skalSigneres":false,"dokumentType":null,"giroarkSider":null,"ekskluderesFraUtskrift":true}],
		"lenker":[{"urlLenke":"https://nav.test/","urlTekst":"Nav","ledeTekst":null}],"forsendelsesType":"nav.digisos","eksternReferanse":"1100ABC","svarPaForsendelseLink":false,
		"signeringUtloper":null,"signaturType":null}`
	k2 = `{"tittel":"Søknad til NAV","mottaker":{"navn":"Mottakeretaten","digitalId":"974778866","adresselinje1":"Sjøgata 2","adresselinje2":null,"adresselinje3":null,
		"poststed":"Bodø","postnummer":"8006","land":null},"eksponertFor":["01859010071"],"avgivendeSystem":"digisos_avsender","avgivendeSystemAktor":null,"konteringskode":null,
		"kunDigitalLevering":false,"kryptert":false,"utskriftskonfigurasjon":{"utskriftMedFarger":true,"tosidig":true},"krevNiva4Innlogging":false,
		"metadataFraAvleverendeSystem":{"mappeId":null,"saksaar":2026,"sakssekvensnummer":7,"journalposttype":"I","dokumentetsDato":"2026-05-28T22:26:40+02:00","saksbehandler":"Ola",
		"ekstraMetadata":[{"key":"a","value":"b"}]},"metadataForImport":null,"svarSendesTil":null,"svarPaForsendelse":"9b45ab9e-e13a-489e-832d-56e836c9a8bc",
		"dokumenter":[{"filnavn":"Søknad å.pdf","mimeType":"application/pdf","skalSigneres":false,"dokumentType":"T","giroarkSider":[1],"skalEkskluderesFraUtskrift":false,
		"ekstraMetadata":null,"inneholderPersonsensitivInformasjon":false},{"filnavn":"soknad.json","mimeType":"application/json","skalSigneres":null,"dokumentType":null,
		"giroarkSider":null,"skalEkskluderesFraUtskrift":true,"ekstraMetadata":null,"inneholderPersonsensitivInformasjon":true}],"lenker":[{"url":"https://nav.test/","tekst":"Nav","ledetekst":null}],
		"forsendelsestype":"nav.digisos","eksternReferanse":"1100ABC","korrelasjonsid":null,"svarPaForsendelseLink":false,"signeringUtloper":null,"signaturType":null,"taushetsbelagtPost":false}`
	k3 = `{"tittel":"Søknad til NAV","mottaker":{"navn":"Mottakeretaten","digitalId":"974778866","adresse":{"adresselinje1":"Sjøgata 2","adresselinje2":null,"adresselinje3":null,
		"poststed":"Bodø","postnummer":"8006","landkode":"NO"}},"eksponertFor":["01859010071"],"avgivendeSystem":"digisos_avsender","avgivendeSystemAktor":null,"konteringskode":null,
		"kunDigitalLevering":false,"kryptert":false,"utskriftskonfigurasjon":{"tosidig":true},"sikkerhetsniva":"BETYDELIG",
		"metadataFraAvleverendeSystem":{"saksaar":2026,"sakssekvensnummer":7,"journalposttype":"I","dokumentetsDato":"2026-05-28T20:26:40Z","saksbehandler":"Ola",
		"ekstraMetadata":[{"key":"a","value":"b"}]},"metadataForImport":null,"svarSendesTil":null,"svarPaForsendelseId":"9b45ab9e-e13a-489e-832d-56e836c9a8bc",
		"dokumenter":[{"filnavn":"Søknad å.pdf","mimeType":"application/pdf","dokumentType":"T","giroarkSide":1,"skalEkskluderesFraUtskrift":false,
		"ekstraMetadata":null,"inneholderPersonsensitivInformasjon":false},{"filnavn":"soknad.json","mimeType":"application/json","dokumentType":null,
		"giroarkSide":null,"skalEkskluderesFraUtskrift":true,"ekstraMetadata":null,"inneholderPersonsensitivInformasjon":true}],"lenker":[{"url":"https://nav.test/","tekst":"Nav","ledetekst":null}],
		"forsendelsestype":"nav.digisos","eksternReferanse":"1100ABC","korrelasjonsid":null,"kanSvareViaEdialog":false,"taushetsbelagtPost":false}`
)

func filerFra(k string) []del {
	navn, ct1, ct2 := "filer", "application/octet-stream", "application/octet-stream"
	switch k {
	case "K2":
		navn = "filer_0"
	case "K3":
		navn, ct1, ct2 = "filer_0", "application/pdf", "application/json"
	}
	return []del{fildel(navn, "Søknad å.pdf", ct1, "%PDFab"), fildel(strings.Replace(navn, "0", "1", 1), "soknad.json", ct2, `{"a":1}`)}
}

// The three released clients send the same thing, each its own way; one internal
// form comes of it.
func TestKlientenesForsendelser(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		navn, sti, json string
		c               auth.Caller
		farger          bool
	}{
		{"K1", v1 + "/sendForsendelse", k1, v1konto, true},
		{"K2", v2 + "/", k2, kommunen, true}, // its trailing slash
		{"K3", v3 + "/organisasjon", k3, kommunen, false},
	} {
		t.Run(tt.navn, func(t *testing.T) {
			t.Parallel()
			k := nyKlient(t)
			fid := id(t, k.sendHTTP(t, tt.c, tt.sti, tt.json, filerFra(tt.navn)...))
			sett := k.kanaler[levering.KanalSvarInn].sett
			if len(sett) != 1 || sett[0].l.KildeID != fid {
				t.Fatalf("SvarInn got %d", len(sett))
			}
			want := levering.Post{Tittel: "Søknad til NAV", ForsendelseType: "nav.digisos", AvgivendeSystem: "digisos_avsender", Niva: 3, Mottatt: k.Klokke.Now(),
				Avsender: avsender(), Mottaker: tilOrg(), SvarPa: "9b45ab9e-e13a-489e-832d-56e836c9a8bc",
				Lenker: []levering.Lenke{{URL: "https://nav.test/", Tekst: "Nav"}}, EksponertFor: []string{fnrAndre}, Kontakter: []string{"post@kommune.test"},
				Noark: levering.Noark{Saksaar: 2026, Sakssekvensnummer: 7, Journalposttype: "I", DokumentetsDato: time.UnixMilli(1780000000000).UTC(), Saksbehandler: "Ola",
					EkstraMetadata: []levering.Nokkelverdi{{Key: "a", Value: "b"}}},
				Tosidig: true, Farger: tt.farger}
			if d := cmp.Diff(want, sett[0].f.Post); d != "" {
				t.Errorf("the letter (-want +got):\n%s", d)
			}
			a, b := sett[0].f.Filer[0], sett[0].f.Filer[1]
			if !slices.Equal(sett[0].filer, []string{"%PDFab", `{"a":1}`}) || a.Navn != "Søknad å.pdf" || a.DokumentType != "T" || !slices.Equal(a.GiroarkSider, []int{1}) ||
				a.UtenUtskrift || !b.UtenUtskrift || sett[0].f.EksternRef != "1100ABC" {
				t.Errorf("the files: %q %+v %+v", sett[0].filer, a, b)
			}
		})
	}
}

// The answers of each version, byte for byte.
func TestSvarene(t *testing.T) {
	t.Parallel()
	k := nyKlient(t, func(d *Deps, _ *Config) {
		d.Mottakersystemer = func(_ context.Context, orgnr, typ string, niva int) ([]Mottakersystem, error) {
			if orgnr != orgnrMottaker || niva != 0 && niva != 4 || typ != "" && typ != "nav.digisos" {
				return nil, nil
			}
			return []Mottakersystem{{ID: "m1", Navn: "Fagsystem", Orgnr: orgnr, ForsendelseType: "nav.digisos", Niva: 4}, {ID: "m2", Navn: "Arkiv", Orgnr: orgnr}}, nil
		}
	})
	fid := id(t, k.sendHTTP(t, kommunen, v2, k2, filerFra("K2")...))
	startet := id(t, k.kall(t, v1konto, "POST", v1+"/startNyForsendelse", "", nil))
	ukjent := "40000000-0000-4000-8000-000000000001"
	const sha1, sha2 = "59f94e8dbe772fd547f2dd78dcd1a364df3da4bc0ab48010a8f74b10d289bf3b", "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"
	for _, tt := range []struct {
		c         auth.Caller
		metode    string
		sti, body string
		status    int
		want      string
		frem      time.Duration // the clock is moved before the call
	}{
		{c: kommunen, sti: v2 + "?eksternRef=1100ABC", want: `{"forsendelseIds":["ID"]}`},
		{c: kommunen, sti: v2 + "?eksternRef=annet", want: `{"forsendelseIds":[]}`},
		{c: kommunen, sti: v2 + "/metadata?eksternRef=1100ABC", want: `{"forsendelser":[{"id":"ID","dato":"2026-06-10T10:00:00.000+02:00","avgivendeSystem":"digisos_avsender"}]}`},
		{c: kommunen, metode: "POST", sti: v2 + "/status-sok", body: `{"forsendelseIds":["ID","` + ukjent + `"]}`, want: `{"statuser":[{"id":"ID","sisteStatusEndring":"2026-06-10T10:00:00.000+02:00","status":"KLAR_FOR_MOTTAK"}]}`},
		{c: kommunen, metode: "POST", sti: v3 + "/status/sok", body: `{"id":["ID","STARTET"]}`, want: `{"statuser":[{"id":"ID","sisteStatusEndring":"2026-06-10T10:00:00.000+02:00","status":"KLAR_FOR_MOTTAK"},{"id":"STARTET","sisteStatusEndring":"2026-06-10T10:00:00.000+02:00","status":"MOTTATT"}]}`},
		{c: kommunen, sti: "/api/v2/forsendelser/ID/hendelser", want: `{"hendelser":[{"tidspunkt":"2026-06-10T10:00:00.000+02:00","hendelse":"Forsendelsen er mottatt."},{"tidspunkt":"2026-06-10T10:00:00.000+02:00","hendelse":"Metadata er kontrollert, og 2 dokumenter er lagret."},{"tidspunkt":"2026-06-10T10:00:00.000+02:00","hendelse":"Forsendelsen er akseptert og blir ekspedert."},{"tidspunkt":"2026-06-10T10:00:00.000+02:00","hendelse":"Forsendelsen er klar for mottak i mottakersystemet."}]}`},
		{c: kommunen, sti: "/api/v2/forsendelser/ID/signeringshendelser", want: `{"hendelser":[]}`},
		{c: kommunen, sti: "/api/v2/forsendelser/ID/metadata", want: `{"dokumenter":[{"filnavn":"Søknad å.pdf","mimeType":"application/pdf","dokumentType":"T","storrelse":6,"sha256Hash":"SHA1","nedlasningUrl":"https://svarut.test/forsendelse/ID/1","kanSigneres":false,"ekstraMetadata":[],"inneholderPersonsensitivInformasjon":false},{"filnavn":"soknad.json","mimeType":"application/json","dokumentType":"","storrelse":7,"sha256Hash":"SHA2","nedlasningUrl":"https://svarut.test/forsendelse/ID/2","kanSigneres":false,"ekstraMetadata":[],"inneholderPersonsensitivInformasjon":true}]}`},
		{c: kommunen, sti: "/api/v2/forsendelsestyper", want: `{"forsendelsestyper":["nav.digisos","ks.byggesøknad","Geointegrasjon.Matrikkelføring","Geointegrasjon.Matrikkelføringsrespons"]}`},
		{c: kommunen, sti: "/api/v2/mottakersystem?organisasjonsnummer=974778866&forsendelseType=nav.digisos&niva=4", want: `{"mottakersystemer":[{"id":"m1","navn":"Fagsystem","organisasjonsnummer":"974778866","forsendelseType":"nav.digisos","niva":4},{"id":"m2","navn":"Arkiv","organisasjonsnummer":"974778866","forsendelseType":"","niva":0}]}`},
		{c: kommunen, sti: "/api/v2/mottakersystem", want: `{"mottakersystemer":[]}`},

		{c: v1konto, sti: v1 + "/ID/status", want: `{"forsendelsesId":{"id":"ID"},"sisteStatusEndring":1781078400000,"status":"KLAR_FOR_MOTTAK"}`},
		{c: v1konto, sti: v1 + "/STARTET/status", want: `{"forsendelsesId":{"id":"STARTET"},"sisteStatusEndring":1781078400000,"status":"MOTTATT"}`},
		{c: v1konto, metode: "POST", sti: v1 + "/statuser", body: `["ID"]`, want: `{"statuser":[{"forsendelsesId":{"id":"ID"},"sisteStatusEndring":1781078400000,"status":"KLAR_FOR_MOTTAK"}]}`},
		{c: v1konto, sti: v1 + "/ID/historikk", want: `{"hendelsesLogger":[{"tidspunkt":"10.06.2026 10:00:00","hendelse":"Forsendelsen er mottatt."},{"tidspunkt":"10.06.2026 10:00:00","hendelse":"Metadata er kontrollert, og 2 dokumenter er lagret."},{"tidspunkt":"10.06.2026 10:00:00","hendelse":"Forsendelsen er akseptert og blir ekspedert."},{"tidspunkt":"10.06.2026 10:00:00","hendelse":"Forsendelsen er klar for mottak i mottakersystemet."}]}`},
		{c: v1konto, sti: v1 + "/ID/signeringhistorikk", want: `{"forsendelsesId":{"id":"ID"},"logg":[]}`},
		{c: v1konto, sti: v1 + "/ID/dokumentMetadata", want: `{"dokumentMetadata":[{"mimeType":"application/pdf","filnavn":"Søknad å.pdf","kanSigneres":false,"sizeInBytes":6,"sha256hash":"SHA1","dokumentType":"T","nedlasningsUrl":"https://svarut.test/forsendelse/ID/1","signeringsUrl":null,"ekstraMetadata":[]},{"mimeType":"application/json","filnavn":"soknad.json","kanSigneres":false,"sizeInBytes":7,"sha256hash":"SHA2","dokumentType":null,"nedlasningsUrl":"https://svarut.test/forsendelse/ID/2","signeringsUrl":null,"ekstraMetadata":[]}]}`},
		{c: v1konto, sti: v1 + "/forsendelseTyper", want: `{"forsendelseTyper":["nav.digisos","ks.byggesøknad","Geointegrasjon.Matrikkelføring","Geointegrasjon.Matrikkelføringsrespons"]}`},
		{c: v1konto, sti: v1 + "/mottakersystem/974778866", want: `{"treff":[{"organisasjonsNummer":"974778866","forsendelsesType":"nav.digisos","mottakerSystem":"Fagsystem","mottakerId":"m1","niva":4},{"organisasjonsNummer":"974778866","forsendelsesType":null,"mottakerSystem":"Arkiv","mottakerId":"m2","niva":0}]}`},
		{c: v1konto, sti: v1 + "/mottakersystem?organisasjonsNummer=974778866&forsendelsesType=ukjent&niva=3", want: `{"treff":[]}`},
		{c: v1konto, sti: v1 + "/eksternref/1100ABC", want: `{"forsendelseIder":[{"id":"ID"}]}`},

		// Not before the end; then it is read, and the files may go.
		{c: kommunen, metode: "DELETE", sti: "/api/v2/forsendelser/ID/dokumenter", status: 409},
		{c: kommunen, metode: "POST", sti: "/api/v2/forsendelser/ID/lest", body: `{"fnr":"21883610110","tidspunkt":"2026-06-10T09:00:00+02:00","eksterntSystemnavn":"Arkivet"}`, status: 204},
		{c: v1konto, metode: "POST", sti: v1 + "/ID/settLest", body: `{"lestAvFodselsNummer":"21883610110","navnPaEksterntSystem":"Arkivet","datoLest":1781078400000}`, status: 200},
		{c: v1konto, sti: v1 + "/ID/status", want: `{"forsendelsesId":{"id":"ID"},"sisteStatusEndring":1781078400000,"status":"LEST"}`},
		{c: v1konto, metode: "POST", sti: v1 + "/slettFiler", body: `[{"id":"ID"}]`, status: 204},
		{c: kommunen, metode: "DELETE", sti: "/api/v2/forsendelser/ID/dokumenter?slettetype=ORIGINALDOKUMENTER", status: 204},
		{c: kommunen, metode: "DELETE", sti: "/api/v2/forsendelser/ID/dokumenter?slettetype=ALLE", status: 204, frem: time.Hour},
		{c: kommunen, metode: "POST", sti: v3 + "/status/sok", body: `{"id":["ID"]}`, want: `{"statuser":[{"id":"ID","sisteStatusEndring":"2026-06-10T11:00:00.000+02:00","status":"SLETTET"}]}`},
		{c: kommunen, metode: "POST", sti: v2 + "/status-sok", body: `{"forsendelseIds":["ID"]}`, want: `{"statuser":[{"id":"ID","sisteStatusEndring":"2026-06-10T10:00:00.000+02:00","status":"LEST"}]}`},
		{c: kommunen, sti: "/api/v2/forsendelser/ID/metadata", want: `{"dokumenter":[]}`},
		{c: kommunen, sti: v2 + "/metadata?eksternRef=1100ABC", want: `{"forsendelser":[{"id":"ID","dato":"2026-06-10T10:00:00.000+02:00","avgivendeSystem":"digisos_avsender"}]}`},
	} {
		bytt := strings.NewReplacer("STARTET", startet, "SHA1", sha1, "SHA2", sha2, "/ID/", "/"+fid+"/", `"ID"`, `"`+fid+`"`)
		if tt.metode == "" {
			tt.metode = "GET"
		}
		if tt.status == 0 {
			tt.status = 200
		}
		k.Frem(t, tt.frem)
		got := k.kall(t, tt.c, tt.metode, bytt.Replace(tt.sti), "application/json", []byte(bytt.Replace(tt.body)))
		if got.status != tt.status {
			t.Errorf("%s %s: %d, want %d: %s", tt.metode, tt.sti, got.status, tt.status, got.body)
			continue
		}
		if d := cmp.Diff(bytt.Replace(tt.want), got.body); d != "" && tt.status < 400 {
			t.Errorf("%s %s (-want +got):\n%s", tt.metode, tt.sti, d)
		}
	}
}

func TestPublicKey(t *testing.T) {
	t.Parallel()
	k := nyKlient(t)
	_, cert := grunntest.Plattformnokkel(t)
	got := k.get(t, auth.Caller{}, "/forsendelse/publickey/hent")
	if got.status != 200 || !strings.HasPrefix(got.body, "-----BEGIN CERTIFICATE-----") {
		t.Fatalf("%d %q", got.status, got.body)
	}
	// What is encrypted to it is accepted at the highest level, and stored in clear of it.
	var klartekst bytes.Buffer
	w, err := cms.NewWriter(&klartekst, cert)
	must(t, err)
	_, err = w.Write([]byte("%PDFa"))
	must(t, err)
	must(t, w.Close())
	f := `{"tittel":"Hemmelig","mottaker":{"navn":"Kari","digitalId":"21883610110","adresse":{"adresselinje1":"Veien 1","poststed":"Oslo","postnummer":"0151"}},
		"kryptert":true,"sikkerhetsniva":"HOYESTE","dokumenter":[{"filnavn":"a.pdf","mimeType":"application/pdf"}]}`
	fid := id(t, k.sendHTTP(t, kommunen, v3+"/person", f, fildel("x", "a.pdf", "application/pdf", klartekst.String())))
	sett := k.kanaler[levering.KanalAltinn].sett[0]
	if sett.filer[0] != "%PDFa" || sett.f.Post.Niva != 4 || sett.f.Filer[0].Storrelse != 5 {
		t.Errorf("%q, %+v", sett.filer, sett.f.Post)
	}
	if got := k.get(t, person(fnrMottaker, 3), "/forsendelse/"+fid+"/1"); got.status != 403 {
		t.Errorf("downloaded at a low level: %d", got.status)
	}
}

// Who may not, and what he is told.
func TestTilgang(t *testing.T) {
	t.Parallel()
	k := nyKlient(t)
	fid := id(t, k.sendHTTP(t, kommunen, v2, k2, filerFra("K2")...))
	_, digisos := k.tilDigisos(t, digisosForsendelse())
	for _, tt := range []struct {
		c           auth.Caller
		metode, sti string
		body        string
		status      int
	}{
		{naboen, "POST", v2 + "/status-sok", `{"forsendelseIds":["` + fid + `"]}`, 403},
		{naboen, "GET", v2 + "?eksternRef=1100ABC", "", 403},
		{naboen, "GET", "/api/v2/forsendelser/" + fid + "/hendelser", "", 404},
		{naboen, "GET", "/api/v2/forsendelser/" + fid + "/metadata", "", 404},
		{naboen, "POST", "/api/v2/forsendelser/" + fid + "/lest", `{"fnr":"21883610110","tidspunkt":"2026-06-10T09:00:00Z","eksterntSystemnavn":"x"}`, 404},
		{naboen, "DELETE", "/api/v2/forsendelser/" + fid + "/dokumenter", "", 404},
		{kommunen, "GET", "/api/v2/forsendelser/" + digisos + "/metadata", "", 404},
		{kommunen, "GET", "/api/v2/forsendelser/40000000-0000-4000-8000-000000000001/metadata", "", 404},
		{kommunen, "GET", "/api/v2/forsendelser/ikke-en-id/metadata", "", 400},
		{auth.Caller{Slag: auth.Anonym}, "GET", v2 + "?eksternRef=x", "", 401},
		{person(fnrMottaker, 4), "GET", v2 + "?eksternRef=x", "", 403},
		{v1annen, "GET", v1 + "/" + fid + "/status", "", 404},
		{v1annen, "GET", v1 + "/" + fid + "/historikk", "", 404},
		{v1annen, "GET", v1 + "/" + fid + "/dokumentMetadata", "", 404},
		{v1annen, "POST", v1 + "/slettFiler", `[{"id":"` + fid + `"}]`, 404},
		{auth.Caller{}, "GET", v1 + "/forsendelseTyper", "", 401},
		{kommunen, "GET", "/forsendelse/" + fid + "/1", "", 403},
		{auth.Caller{Slag: auth.Anonym}, "GET", "/forsendelse/" + fid + "/1", "", 401},
		{person("18859199774", 4), "GET", "/forsendelse/" + fid + "/1", "", 404},
		{person(fnrAndre, 4), "GET", "/forsendelse/" + fid + "/3", "", 404},
		{person(fnrAndre, 4), "GET", "/forsendelse/" + fid + "/0", "", 404},
		{person(fnrAndre, 4), "GET", "/forsendelse/" + fid + "/x", "", 404},
		{person(fnrAndre, 4), "GET", "/forsendelse/" + fid + "/1", "", 200},
	} {
		got := k.kall(t, tt.c, tt.metode, tt.sti, "application/json", []byte(tt.body))
		if got.status != tt.status {
			t.Errorf("%s %s: %d, want %d: %s", tt.metode, tt.sti, got.status, tt.status, got.body)
		}
		if tt.status == 401 && strings.HasPrefix(tt.sti, "/tjenester/") && got.header.Get("WWW-Authenticate") != `BASIC realm="KS Svarut avsender login"` {
			t.Errorf("challenge %q", got.header.Get("WWW-Authenticate"))
		}
	}
	if got := k.status(t, fid); got != KlarForMottak {
		t.Errorf("somebody changed it: %s", got)
	}
}

// A konto's new password ends the old one, at once or after a while.
func TestPassord(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	ctx := t.Context()
	lag := func(overlapp time.Duration) (p string) {
		t.Helper()
		h.skriv(t, func(tx *store.Tx) (err error) { p, err = h.s.LagPassord(ctx, tx, kontoKommune, overlapp); return err })
		return p
	}
	sjekk := func(p string, want bool) {
		t.Helper()
		id, err := h.s.LoggInn(ctx, "kommunen", p)
		if want != (err == nil) || want && id != kontoKommune || err != nil && !feil.Er(err, feil.Uautentisert) {
			t.Errorf("logged in: %q %v, want %t", id, err, want)
		}
	}
	forste := lag(0)
	sjekk(forste, true)
	sjekk("feil", false)
	andre := lag(time.Hour)
	sjekk(forste, true)
	sjekk(andre, true)
	h.Frem(t, time.Hour)
	sjekk(forste, false)
	sjekk(andre, true)
	tredje := lag(0)
	sjekk(andre, false)
	sjekk(tredje, true)
	if _, err := h.s.LoggInn(ctx, "ukjent", tredje); !feil.Er(err, feil.Uautentisert) {
		t.Errorf("an unknown name: %v", err)
	}
	err := h.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := h.s.OpprettKonto(ctx, tx, Konto{FiksOrgID: orgAnnen, Navn: "kommunen", Adresse: avsender()})
		return err
	})
	if !feil.Er(err, feil.Konflikt) {
		t.Errorf("a name twice: %v", err)
	}
}

// REST v1's way of asking for an id first, and of sending again under it.
func TestEgenID(t *testing.T) {
	t.Parallel()
	k := nyKlient(t)
	fid := id(t, k.kall(t, v1konto, "POST", v1+"/startNyForsendelse", "", nil))
	sti := v1 + "/" + fid + "/sendForsendelse"
	if got := k.sendHTTP(t, v1annen, sti, k1, filerFra("K1")...); got.status != 409 {
		t.Errorf("another account used the id: %d %s", got.status, got.body)
	}
	for range 2 { // the second is the sender who has not heard the first answer
		if got := id(t, k.sendHTTP(t, v1konto, sti, k1, filerFra("K1")...)); got != fid {
			t.Errorf("sent as %s, want %s", got, fid)
		}
	}
	if n := len(k.kanaler[levering.KanalSvarInn].sett); n != 1 {
		t.Errorf("delivered %d times", n)
	}
	annen := strings.Replace(k1, "Søknad til NAV", "Noe annet", 1)
	if got := k.sendHTTP(t, v1konto, sti, annen, filerFra("K1")...); got.status != 409 {
		t.Errorf("something else under the same id: %d", got.status)
	}
	if got := k.sendHTTP(t, v1annen, sti, k1, filerFra("K1")...); got.status != 409 {
		t.Errorf("another account under the same id: %d", got.status)
	}
	egen := "50000000-0000-4000-8000-000000000001"
	if got := id(t, k.sendHTTP(t, v1konto, v1+"/"+egen+"/sendForsendelse", annen, filerFra("K1")...)); got != egen {
		t.Errorf("an id of the sender's own: %s", got)
	}
}

// The receiver's download: audited, and read when he has it all.
func TestNedlasting(t *testing.T) {
	t.Parallel()
	k := nyKlient(t)
	n := brev(tilPerson())
	n.Post.EksponertFor = []string{fnrAndre}
	n.Dokumenter[0].Filnavn = `Vedtak ø.pdf`
	fid := k.maaSende(t, n)
	sti := "/forsendelse/" + fid
	for _, nr := range []string{"/1", "/2"} {
		if got := k.get(t, person(fnrAndre, 3), sti+nr); got.status != 200 {
			t.Fatalf("exposed to: %d %s", got.status, got.body)
		}
		if got := k.kall(t, person(fnrMottaker, 3), "HEAD", sti+nr, "", nil); got.status != 200 {
			t.Fatalf("HEAD: %d", got.status)
		}
	}
	got := k.get(t, person(fnrMottaker, 3), sti+"/1")
	if got.body != innhold[0] || got.header.Get("Content-Type") != "application/pdf" || !strings.Contains(got.header.Get("Content-Disposition"), "filename*=UTF-8''Vedtak%20%C3%B8.pdf") {
		t.Errorf("got %q, %v", got.body, got.header)
	}
	if s := k.status(t, fid); s != Varslet {
		t.Errorf("one of two downloaded: %s", s)
	}
	k.get(t, person(fnrMottaker, 3), sti+"/1")
	k.get(t, person(fnrMottaker, 3), sti+"/2/")
	if s := k.status(t, fid); s != Lest {
		t.Errorf("all downloaded: %s", s)
	}
	if t1 := k.kanaler[levering.KanalAltinn].trukket; !slices.Equal(t1, []string{fid}) {
		t.Errorf("taken back from Altinn: %v", t1)
	}
	hendelser, err := k.revisjon.List(t.Context(), audit.Filter{Gjelder: fnrMottaker})
	must(t, err)
	var handlinger []string
	for _, h := range hendelser {
		handlinger = append(handlinger, h.Handling)
	}
	want := []string{"SVARUT_AKSEPTERT", "SVARUT_LASTET_NED", "SVARUT_LASTET_NED", "SVARUT_LASTET_NED", "SVARUT_LASTET_NED", "SVARUT_LASTET_NED", "SVARUT_LEST"}
	if d := cmp.Diff(want, handlinger); d != "" {
		t.Errorf("audited (-want +got):\n%s", d)
	}
	k.Frem(t, 100*24*time.Hour)
	var igjen int
	must(t, k.DB.Read().QueryRowContext(t.Context(), `SELECT count(*) FROM svarut_nedlastinger`).Scan(&igjen))
	if igjen != 0 {
		t.Errorf("%d notes of downloads outlived the files", igjen)
	}
}
