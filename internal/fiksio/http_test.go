package fiksio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"knutepunkt/api/apitest"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

// Callers of the scenario tables.
const (
	admin     = "01410112345" // ADMIN on orgA
	rotbruker = "02410112345" // ROOT
	borger    = "03410112345" // nothing
)

// kilde reads the caller from a header of the test.
type kilde struct{}

func (kilde) Request(r *http.Request) (auth.Caller, error) {
	a := r.Header.Get("Authorization")
	switch {
	case a == "":
		return auth.Caller{Slag: auth.Anonym}, nil
	case a == "feil":
		return auth.Caller{}, feil.Ny(feil.Uautentisert, "Ikke autentisert")
	case len(a) == 11:
		return auth.Caller{Slag: auth.Person, Fnr: a, Niva: 4}, nil
	default:
		return auth.Caller{Slag: auth.Integrasjon, IntegrasjonID: a}, nil
	}
}

// tjener is the HTTP face behind the real guard.
type tjener struct {
	*hus
	transport http.RoundTripper // checks each exchange against the OpenAPI document
}

func nyTjener(t testing.TB) *tjener {
	t.Helper()
	h := nyttHus(t)
	ro := &httpx.Router{Klokke: h.Service.Klokke, Log: slog.New(slog.DiscardHandler)}
	if err := auth.Guard(ro, kilde{}, h.org, h.HTTP().Routes()); err != nil {
		t.Fatal(err)
	}
	h.gi(t, admin, auth.Admin, orgA)
	h.gi(t, rotbruker, auth.Rot, organisasjon.RotID)
	return &tjener{h, apitest.Transport(t, apitest.Handler(ro))}
}

// kall makes a request with a JSON body ("": none) and gives status and body.
func (s *tjener) kall(t testing.TB, hvem, metode, sti, kropp string) (int, string) {
	t.Helper()
	return s.kallMed(t, hvem, metode, sti, "application/json", strings.NewReader(kropp))
}

func (s *tjener) kallMed(t testing.TB, hvem, metode, sti, mediatype string, kropp io.Reader) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), metode, "http://hus.test"+sti, kropp)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", mediatype)
	if hvem != "" {
		r.Header.Set("Authorization", hvem)
		r.Header.Set("IntegrasjonId", "x")
		r.Header.Set("IntegrasjonPassord", "x")
	}
	resp, err := s.transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	svar, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(svar)
}

// form builds the multipart body of send. Parts are raw: headers, blank line, content.
func form(deler ...string) (mediatype string, kropp io.Reader) {
	const grense = "b5e1f3c0"
	var b bytes.Buffer
	for _, d := range deler {
		fmt.Fprintf(&b, "--%s\r\n%s\r\n", grense, d)
	}
	fmt.Fprintf(&b, "--%s--\r\n", grense)
	return `multipart/form-data; boundary="` + grense + `"`, &b
}

const (
	javaMetadata = "Content-Disposition: form-data; name=\"metadata\"\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n"
	javaData     = "Content-Disposition: form-data; name=\"data\"; filename=\"7d5c32a8-1c3e-4b1f-9d0a-2f1f6f0f6f11\"\r\nContent-Type: application/octet-stream\r\n\r\n"
	netMetadata  = "Content-Type: application/json; charset=utf-8\r\nContent-Disposition: form-data; name=metadata\r\n\r\n"
	netData      = "Content-Disposition: form-data; name=data; filename=7d5c32a8-1c3e-4b1f-9d0a-2f1f6f0f6f11; filename*=utf-8''7d5c32a8-1c3e-4b1f-9d0a-2f1f6f0f6f11\r\n\r\n"
)

func TestSend(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	fra, til := s.konto(t), s.konto(t, func(k *Konto) { k.FiksOrgID = orgB })
	kresen := s.konto(t, func(k *Konto) { k.KunAksepterte = true })
	s.gi(t, integrasjon, auth.FiksIOKonto, fra.ID)
	meta := func(endre ...string) string {
		m := fmt.Sprintf(`{"avsenderKontoId":"%s","mottakerKontoId":"%s","meldingType":"no.ks.fiks.test.v1","svarPaMelding":null,"ttl":null,"headere":null}`, fra.ID, til.ID)
		return strings.NewReplacer(endre...).Replace(m)
	}
	for _, test := range []struct {
		navn, hvem string
		deler      []string
		want       int
		tekst      string // of message; for 202: the rest of the answer after meldingId
	}{
		{navn: "java med nyttelast", hvem: integrasjon, deler: []string{javaMetadata + meta(), javaData + "innhold"}, want: 202,
			tekst: `,"meldingType":"no.ks.fiks.test.v1","avsenderKontoId":"` + fra.ID + `","mottakerKontoId":"` + til.ID + `","ttl":604800000,"dokumentlagerId":null,"svarPaMelding":null,"headere":{}}`},
		{navn: "dotnet med nyttelast", hvem: integrasjon, deler: []string{netMetadata + meta(`"ttl":null`, `"ttl":172800000`, `"headere":null`, `"headere":{"klientMeldingId":"a"}`), netData + "innhold"}, want: 202,
			tekst: `,"meldingType":"no.ks.fiks.test.v1","avsenderKontoId":"` + fra.ID + `","mottakerKontoId":"` + til.ID + `","ttl":172800000,"dokumentlagerId":null,"svarPaMelding":null,"headere":{"klientMeldingId":"a"}}`},
		{navn: "svar uten nyttelast", hvem: integrasjon, deler: []string{javaMetadata + meta(`"svarPaMelding":null`, `"svarPaMelding":"874F23B3-8022-4b57-b639-8c80fb270c9f"`)}, want: 202,
			tekst: `,"meldingType":"no.ks.fiks.test.v1","avsenderKontoId":"` + fra.ID + `","mottakerKontoId":"` + til.ID + `","ttl":604800000,"dokumentlagerId":null,"svarPaMelding":"874f23b3-8022-4b57-b639-8c80fb270c9f","headere":{}}`},
		{navn: "uten token", deler: []string{javaMetadata + meta()}, want: 401, tekst: "Ikke autentisert"},
		{navn: "feil token", hvem: "feil", deler: []string{javaMetadata + meta()}, want: 401, tekst: "Ikke autentisert"},
		{navn: "person", hvem: admin, deler: []string{javaMetadata + meta()}, want: 403, tekst: "Mangler tilgang"},
		{navn: "uten tilgang til avsender", hvem: annenIntegrasjon, deler: []string{javaMetadata + meta()}, want: 403, tekst: "Mangler tilgang: SVARINN_KONTO kreves"},
		{navn: "ukjent avsender", hvem: integrasjon, deler: []string{javaMetadata + meta(fra.ID, uuid.NewString())}, want: 403, tekst: "Mangler tilgang: SVARINN_KONTO kreves"},
		{navn: "ukjent mottaker", hvem: integrasjon, deler: []string{javaMetadata + meta(til.ID, "874f23b3-8022-4b57-b639-8c80fb270c9f")}, want: 400,
			tekst: "Mottakerkontoen 874f23b3-8022-4b57-b639-8c80fb270c9f finnes ikke"},
		{navn: "ikke akseptert", hvem: integrasjon, deler: []string{javaMetadata + meta(til.ID, kresen.ID)}, want: 403,
			tekst: "Mottakerkontoen " + kresen.ID + " godtar ikke meldinger fra avsenderkontoen " + fra.ID},
		{navn: "ttl 0", hvem: integrasjon, deler: []string{javaMetadata + meta(`"ttl":null`, `"ttl":0`)}, want: 400, tekst: "ttl må være minst 1000 og høyst 316224000000 millisekunder"},
		{navn: "ttl som renner over", hvem: integrasjon, deler: []string{javaMetadata + meta(`"ttl":null`, `"ttl":9223372036854775807`)}, want: 400, tekst: "ttl må være minst 1000 og høyst 316224000000 millisekunder"},
		{navn: "mottaker er ingen uuid", hvem: integrasjon, deler: []string{javaMetadata + meta(til.ID, "x")}, want: 400, tekst: "avsenderKontoId og mottakerKontoId må være UUID-er"},
		{navn: "ikke json", hvem: integrasjon, deler: []string{javaMetadata + "{"}, want: 400, tekst: "Ugyldig input: ikke gyldig JSON"},
		{navn: "data først", hvem: integrasjon, deler: []string{javaData + "x", javaMetadata + meta()}, want: 400, tekst: "Den første delen må hete metadata"},
		{navn: "annen del", hvem: integrasjon, deler: []string{javaMetadata + meta(), "Content-Disposition: form-data; name=\"annet\"\r\n\r\nx"}, want: 400, tekst: "Den andre delen må hete data"},
		{navn: "tre deler", hvem: integrasjon, deler: []string{javaMetadata + meta(), javaData + "x", javaData + "y"}, want: 400,
			tekst: "Forespørselen er avkortet, eller har flere deler enn metadata og data"},
		{navn: "ingen deler", hvem: integrasjon, want: 400, tekst: "Forespørselen har ingen del metadata"},
	} {
		t.Run(test.navn, func(t *testing.T) {
			fore := len(s.ko(t, til))
			mediatype, kropp := form(test.deler...)
			status, svar := s.kallMed(t, test.hvem, "POST", "/fiks-io/api/v1/send", mediatype, kropp)
			if status != test.want {
				t.Fatalf("status %d: %s", status, svar)
			}
			if status == 202 {
				if want := `{"meldingId":"`; !strings.HasPrefix(svar, want) || svar[len(want)+37:] != test.tekst {
					t.Errorf("answer %s", svar)
				}
				if len(s.ko(t, til)) != fore+1 {
					t.Error("202, but nothing in the queue")
				}
				return
			}
			if m := melding(t, svar); m != test.tekst {
				t.Errorf("message %q", m)
			}
			if len(s.ko(t, til)) != fore {
				t.Error("refused, but in the queue")
			}
		})
	}
	t.Run("avkortet", func(t *testing.T) {
		mediatype, kropp := form(javaMetadata+meta(), javaData+strings.Repeat("x", 300<<10))
		hel, _ := io.ReadAll(kropp)
		for _, n := range []int{len(hel) - 20, 200 << 10, 300} {
			if status, svar := s.kallMed(t, integrasjon, "POST", "/fiks-io/api/v1/send", mediatype, bytes.NewReader(hel[:n])); status != 400 {
				t.Errorf("%d of %d bytes: %d %s", n, len(hel), status, svar)
			}
		}
	})
	t.Run("ikke multipart", func(t *testing.T) {
		status, svar := s.kall(t, integrasjon, "POST", "/fiks-io/api/v1/send", "{}")
		if status != 400 || melding(t, svar) != "Forespørselen må være multipart/form-data med delene metadata og data" {
			t.Error(status, svar)
		}
	})
	t.Run("stor", func(t *testing.T) {
		inn := monster(MaxInline + 1)
		mediatype, kropp := form(netMetadata+meta(), netData+string(inn))
		status, svar := s.kallMed(t, integrasjon, "POST", "/fiks-io/api/v1/send/", mediatype, kropp)
		var ut struct{ DokumentlagerID string }
		if err := json.Unmarshal([]byte(svar), &ut); err != nil || status != 202 || !erUUID(ut.DokumentlagerID) {
			t.Fatal(status, svar)
		}
	})
}

// melding takes the text out of an error body.
func melding(t testing.TB, svar string) string {
	t.Helper()
	var f httpx.Feilmelding
	if err := json.Unmarshal([]byte(svar), &f); err != nil {
		t.Fatalf("%s: %v", svar, err)
	}
	return f.Message
}

// TestTilgangstabell tries each route as each kind of caller: those who may come get past
// the guard (whatever the handler then says), the others do not.
func TestTilgangstabell(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	k, fremmed := s.konto(t), s.konto(t, func(k *Konto) { k.FiksOrgID = orgB })
	s.gi(t, integrasjon, auth.FiksIOKonto, k.ID)
	a := Adresse{KontoID: k.ID, Beskrivelse: "x"}
	s.skriv(t, func(tx *store.Tx) (err error) {
		a, err = s.OpprettAdresse(t.Context(), tx, a)
		return err
	})
	hvem := []string{"", "feil", integrasjon, annenIntegrasjon, admin, rotbruker, borger}
	// One digit per caller: 0 = not in (401 or 403), 1 = in.
	inne := map[string]string{
		"katalog":   "0011111",
		"nøkkel":    "1011111",
		"konto":     "0010100",
		"slett":     "0000100",
		"i kroppen": "0011111", // past the guard; the handler decides
		"rot":       "0000010",
		"manuell":   "0010100",
		"send":      "0011000",
	}
	slag := func(p string) string {
		switch {
		case strings.HasPrefix(p, "GET /fiks-io/katalog") && strings.HasSuffix(p, "offentligNokkel"):
			return "nøkkel"
		case strings.Contains(p, "/katalog/"), strings.Contains(p, "katalog/api"):
			return "katalog"
		case strings.Contains(p, "/root/"):
			return "rot"
		case strings.HasSuffix(p, "/send"):
			return "send"
		case strings.Contains(p, "/manuell/"):
			return "manuell"
		case p == "DELETE /fiks-io/konto/api/v1/kontoer/{kontoId}":
			return "slett"
		case strings.HasSuffix(p, "/v1/kontoer"), strings.HasSuffix(p, "/kontosok"), strings.HasSuffix(p, "/validerMelding"):
			return "i kroppen"
		}
		return "konto"
	}
	var sist []auth.Route // deletion of the konto comes last
	ruter := s.HTTP().Routes()
	for i, rt := range ruter {
		if slag(rt.Pattern) == "slett" {
			sist = append(sist, rt)
			ruter = append(ruter[:i:i], ruter[i+1:]...)
			break
		}
	}
	for _, rt := range append(ruter, sist...) {
		metode, sti, _ := strings.Cut(rt.Pattern, " ")
		sti = strings.NewReplacer("{kontoId}", k.ID, "{adresseId}", a.ID, "{avsenderKontoId}", k.ID, "{navn}", ProtokollDigisos).Replace(sti)
		got := ""
		for _, h := range hvem {
			status, svar := s.kall(t, h, metode, sti, "{}")
			switch {
			case status == 401 || status == 403 && !strings.Contains(svar, "kreves"):
				got += "0"
			default:
				got += "1"
			}
			if status >= 500 {
				t.Errorf("%s as %q: %d %s", rt.Pattern, h, status, svar)
			}
		}
		if want := inne[slag(rt.Pattern)]; got != want {
			t.Errorf("%s: let in %s, want %s", rt.Pattern, got, want)
		}
		if strings.Contains(rt.Pattern, "{kontoId}") && (slag(rt.Pattern) == "konto" || slag(rt.Pattern) == "manuell" || slag(rt.Pattern) == "slett") {
			for _, h := range []string{integrasjon, admin} {
				if status, _ := s.kall(t, h, metode, strings.ReplaceAll(sti, k.ID, fremmed.ID), "{}"); status != 403 {
					t.Errorf("%s on another organisation's konto as %s: %d", rt.Pattern, h, status)
				}
			}
		}
	}
}

func TestKatalog(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	k := s.konto(t)
	uten := s.konto(t, func(k *Konto) { k.Sertifikat = nil })
	a := s.adresse(t, k, "ORG_NO.123456789", "NAVENHET_ID.0219")
	fra := s.konto(t)
	s.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: k.ID}, nil)
	status := func(k Konto, gyldig bool, antall int, grunn string) string {
		return fmt.Sprintf(`{"gyldigAvsender":true,"gyldigMottaker":%v,"antallKonsumenter":0,"antallUavhentedeMeldinger":%d,"melding":%s}`, gyldig, antall, grunn)
	}
	vis := func(k Konto, st string) string {
		return `{"fiksOrgId":"` + orgA + `","fiksOrgNavn":"Bergen kommune","organisasjonsnummer":"964338531","kommunenummer":"4601","kontoId":"` +
			k.ID + `","kontoNavn":"Bergen kommune","status":` + st + `}`
	}
	nokkel := `{"nokkel":` + tekst(pemAv("CERTIFICATE", k.Sertifikat)) + `,"validFrom":"2025-06-10T08:00:00Z","validTo":"2028-06-10T08:00:00Z","serial":"4711",` +
		`"subjectDN":"CN=Bergen kommune,C=NO","issuerDN":"CN=Bergen kommune,C=NO","valid":true,"statusMessage":"Sertifikatet er gyldig"}`
	const rot = "/fiks-io/katalog/api/v1"
	for _, test := range []struct {
		navn, metode, sti, kropp string
		want                     int
		svar                     string
	}{
		{"oppslag", "GET", rot + "/lookup?identifikator=ORG_NO.123456789&meldingProtokoll=no.nav.digisos.fagsystem.v1&sikkerhetsniva=4", "", 200, vis(k, status(k, true, 1, "null"))},
		{"oppslag på navenhet, skråstrek sist", "GET", rot + "/lookup/?identifikator=NAVENHET_ID.0219&meldingProtokoll=no.nav.digisos.fagsystem.v1&sikkerhetsniva=3", "", 200, vis(k, status(k, true, 1, "null"))},
		{"oppslag på annet nivå", "GET", rot + "/lookup?identifikator=ORG_NO.123456789&meldingProtokoll=no.nav.digisos.fagsystem.v1&sikkerhetsniva=2", "", 404,
			"Fant ingen konto for ORG_NO.123456789 med protokoll no.nav.digisos.fagsystem.v1 på sikkerhetsnivå 2"},
		{"oppslag med feil identifikator", "GET", rot + "/lookup?identifikator=orgno&meldingProtokoll=a&sikkerhetsniva=4", "", 400, "identifikator må ha formen TYPE.siffer, for eksempel ORG_NO.123456789"},
		{"oppslag uten protokoll", "GET", rot + "/lookup?identifikator=ORG_NO.1&sikkerhetsniva=4", "", 400, "meldingProtokoll må bestå av bokstaver, siffer og punktum"},
		{"oppslag uten nivå", "GET", rot + "/lookup?identifikator=ORG_NO.1&meldingProtokoll=a", "", 400, "sikkerhetsniva må være et heltall fra 1 til 4"},
		{"oppslag på nivå 5", "GET", rot + "/lookup?identifikator=ORG_NO.1&meldingProtokoll=a&sikkerhetsniva=5", "", 400, "sikkerhetsniva må være fra 1 til 4"},
		{"konto", "GET", rot + "/kontoer/" + uten.ID, "", 200, vis(uten, status(uten, false, 0, `"Kontoen har ingen offentlig nøkkel"`))},
		{"konto med stor id", "GET", rot + "/kontoer/" + strings.ToUpper(k.ID), "", 200, vis(k, status(k, true, 1, "null"))},
		{"ukjent konto", "GET", rot + "/kontoer/874f23b3-8022-4b57-b639-8c80fb270c9f", "", 404, "Fant ingen Fiks IO-konto med id 874f23b3-8022-4b57-b639-8c80fb270c9f"},
		{"tull som konto", "GET", rot + "/kontoer/01410112345", "", 404, "Fant ingen Fiks IO-konto med id (ugyldig id)"},
		{"status", "GET", rot + "/kontoer/" + k.ID + "/status", "", 200, status(k, true, 1, "null")},
		{"nøkkel", "GET", rot + "/kontoer/" + k.ID + "/offentligNokkel", "", 200, nokkel},
		{"ingen nøkkel", "GET", rot + "/kontoer/" + uten.ID + "/offentligNokkel", "", 404, "Kontoen har ingen offentlig nøkkel"},
		{"like adresser", "POST", rot + "/matchendeAdresser", `{"identifikator":[{"identifikatorType":"ORG_NO","identifikator":"123456789"},{"identifikatorType":"ORG_NO","identifikator":"987654321"}],"meldingType":["no.nav.digisos.fagsystem.v1","a.b"],"sikkerhetsnivaer":[4,1]}`, 200,
			`[{"fiksOrgId":"` + orgA + `","kontoId":"` + k.ID + `","adresseId":"` + a.ID + `","identifikatorMatch":["ORG_NO.123456789"],"meldingTypeMatch":["no.nav.digisos.fagsystem.v1"],"nivaMatch":[4]}]`},
		{"like adresser uten seg selv", "POST", rot + "/matchendeAdresser", `{"adresseId":"` + a.ID + `","identifikator":[{"identifikatorType":"ORG_NO","identifikator":"123456789"}],"meldingType":["no.nav.digisos.fagsystem.v1"],"sikkerhetsnivaer":[4]}`, 200, `[]`},
		{"like adresser uten alt", "POST", rot + "/matchendeAdresser", `{"identifikator":[],"meldingType":["a"],"sikkerhetsnivaer":[4]}`, 400, "identifikator, meldingType og sikkerhetsnivaer må være satt"},
	} {
		t.Run(test.navn, func(t *testing.T) {
			got, svar := s.kall(t, integrasjon, test.metode, test.sti, test.kropp)
			if got >= 400 {
				svar = melding(t, svar)
			}
			if got != test.want {
				t.Fatalf("status %d: %s", got, svar)
			}
			if diff := cmp.Diff(test.svar, svar); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	t.Run("nøkkel utløper", func(t *testing.T) {
		s.Frem(t, 3*365*24*time.Hour)
		_, svar := s.kall(t, "", "GET", rot+"/kontoer/"+k.ID+"/offentligNokkel", "")
		if !strings.HasSuffix(svar, `"valid":false,"statusMessage":"Sertifikatet utløp 2028-06-10T08:00:00Z"}`) {
			t.Error(svar)
		}
	})
}

func tekst(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// adresse makes an active Digisos address on levels 3 and 4.
func (h *hus) adresse(t testing.TB, k Konto, identifikatorer ...string) Adresse {
	t.Helper()
	a := Adresse{KontoID: k.ID, Beskrivelse: "Digisos", Aktiv: true, Protokoller: []string{ProtokollDigisos}, Nivaer: []int{3, 4}}
	for _, i := range identifikatorer {
		typ, verdi, _ := strings.Cut(i, ".")
		a.Identifikatorer = append(a.Identifikatorer, Identifikator{typ, verdi})
	}
	h.skriv(t, func(tx *store.Tx) (err error) {
		a, err = h.OpprettAdresse(t.Context(), tx, a)
		return err
	})
	return a
}

func TestProtokollkatalog(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	for _, sti := range []string{"/fiks-io/meldingsprotokollkatalog/api/v1/meldingsprotokoller/", "/fiks-io/meldingstypekatalog/api/v1/meldingsgrupper"} {
		_, alle := s.kall(t, integrasjon, "GET", sti, "")
		var ps []map[string]string
		if err := json.Unmarshal([]byte(alle), &ps); err != nil || len(ps) != 2 || len(ps[0]) != 3 {
			t.Error(alle, err)
		}
		_, en := s.kall(t, integrasjon, "GET", strings.TrimSuffix(sti, "/")+"/no.nav.digisos.fagsystem.v1", "")
		if !strings.HasPrefix(en, `{"navn":"no.nav.digisos.fagsystem.v1","beskrivelse":"Digisos fagsystem`) {
			t.Error(en)
		}
		if status, svar := s.kall(t, integrasjon, "GET", strings.TrimSuffix(sti, "/")+"/x", ""); status != 404 || melding(t, svar) != "Ukjent meldingsprotokoll" {
			t.Error(status, svar)
		}
	}
}

func TestManuell(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	fra, k := s.konto(t), s.konto(t)
	s.gi(t, integrasjon, auth.FiksIOKonto, k.ID)
	rot := "/fiks-io/manuell/api/v1/kontoer/" + k.ID + "/meldinger"
	vent := func(metode, sti, kropp string, status int, svar string) {
		t.Helper()
		got, b := s.kall(t, integrasjon, metode, rot+sti, kropp)
		if got >= 400 {
			b = melding(t, b)
		}
		if got != status || b != svar {
			t.Errorf("%s %s: %d %s, want %d %s", metode, sti, got, b, status, svar)
		}
	}
	vent("GET", "/antall", "", 200, "0")
	vent("GET", "/neste/metadata", "", 204, "")
	vent("GET", "/neste/ack", "", 204, "")
	vent("GET", "/neste/data", "", 404, "Køen er tom")

	a := s.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: k.ID, Type: "a", TTL: time.Hour, Headere: map[string]string{"klientKorrelasjonsId": "kor"}}, []byte("innhold"))
	b := s.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: k.ID, Type: "b", SvarPaMelding: a.MeldingID}, nil)
	c := s.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: k.ID, Type: "c"}, monster(MaxInline+1))
	vis := func(m Melding) string {
		svar := "null"
		if m.SvarPaMelding != "" {
			svar = `"` + m.SvarPaMelding + `"`
		}
		return fmt.Sprintf(`{"meldingId":"%s","meldingType":"%s","avsenderKontoId":"%s","mottakerKontoId":"%s","ttl":%d,"deliveryTag":%d,"svarPaMelding":%s}`,
			m.MeldingID, m.Type, fra.ID, k.ID, m.TTL.Milliseconds(), m.Seq, svar)
	}
	vent("GET", "/antall/", "", 200, "3")
	vent("GET", "/neste/metadata", "", 200, vis(a))
	vent("GET", "/neste/metadata", "", 200, vis(a))
	vent("GET", "/neste/data", "", 200, "innhold")
	vent("HEAD", "/neste/ack", "", 405, "Metoden er ikke tillatt for denne ressursen")
	vent("POST", "/neste/svarOgAck", `{"meldingType":"svar","ttl":10}`, 400, "ttl må være minst 1000 og høyst 316224000000 millisekunder")
	vent("POST", "/neste/svarOgAck", `{}`, 400, "meldingType må være 1 til 255 byte tekst uten mellomrom")
	vent("POST", "/neste/svarOgAck", `{"meldingType":"svar","ttl":5000}`, 200, vis(a))
	svar := s.ko(t, fra)
	if len(svar) != 1 || svar[0].SvarPaMelding != a.MeldingID || svar[0].Type != "svar" || svar[0].HarNyttelast || svar[0].TTL != 5*time.Second ||
		svar[0].Headere["klientKorrelasjonsId"] != "kor" || svar[0].AvsenderKontoID != k.ID {
		t.Errorf("the reply: %+v", svar)
	}
	vent("GET", "/neste/data", "", 404, "Meldingen har ingen nyttelast")
	vent("GET", "/neste/ack", "", 200, vis(b))
	vent("GET", "/neste/data", "", 200, string(monster(MaxInline+1)))
	vent("GET", "/neste/nac", "", 200, vis(c))
	if !strings.Contains(s.logg.String(), c.MeldingID) {
		t.Error("the log does not tell of the rejected message")
	}
	vent("GET", "/neste/metadata", "", 204, "")

	// What an AMQP consumer holds is not there for the hand.
	_, addr, _, _ := s.lytt(t, s.Broker(innlogging{}))
	kons := s.konsument(t, addr, k)
	s.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: k.ID, Type: "d"}, nil)
	kons.neste()
	vent("GET", "/neste/ack", "", 204, "")
	vent("GET", "/antall", "", 200, "1")
}
