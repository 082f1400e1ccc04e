package fiksio

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"math/big"
	"mime/multipart"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/store"
)

// TestKontoensLiv walks through the konto API as an administrator and as the
// integrasjon that was given the konto.
func TestKontoensLiv(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	const kontoer = "/fiks-io/konto/api/v1/kontoer"
	cert := tekst(pemAv("CERTIFICATE", mottakerSertifikat(t).Raw))
	status, svar := s.kall(t, admin, "POST", kontoer, `{"konto":{"fiksOrgId":"`+orgA+`","navn":"Barnevern Nord"},"offentligNokkel":`+cert+`,"skalAktiveres":true}`)
	if status != 201 {
		t.Fatal(status, svar)
	}
	var k visbarKonto
	if err := json.Unmarshal([]byte(svar), &k); err != nil {
		t.Fatal(err)
	}
	if !k.Aktiv || !k.Status.GyldigMottaker || k.FiksOrgNavn != "Bergen kommune" || k.OpprettetAvFnr == nil || *k.OpprettetAvFnr != admin || k.OffentligNokkel == nil || !erUUID(k.DokumentlagerKontoID) {
		t.Errorf("%s", svar)
	}
	s.gi(t, integrasjon, auth.FiksIOKonto, k.KontoID)
	id := regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	var adresse string
	rot := kontoer + "/" + k.KontoID
	for _, steg := range []struct {
		navn, hvem, metode, sti, kropp string
		want                           int
		svar                           string // of the answer, ids and fnr left out; or the error's message
	}{
		{"opprett uten rett", integrasjon, "POST", kontoer, `{"konto":{"fiksOrgId":"` + orgA + `","navn":"X Y"}}`, 403, "Mangler tilgang: ADMIN kreves"},
		{"opprett i fremmed organisasjon", admin, "POST", kontoer, `{"konto":{"fiksOrgId":"` + orgB + `","navn":"X Y"}}`, 403, "Mangler tilgang: ADMIN kreves"},
		{"opprett under fremmed ressurs", admin, "POST", kontoer, `{"konto":{"fiksOrgId":"` + orgA + `","navn":"X Y"},"forelderresurs":"` + orgB + `"}`, 403, "Mangler tilgang: ADMIN kreves"},
		{"opprett uten konto", admin, "POST", kontoer, `{}`, 400, "konto med fiksOrgId (UUID) og navn må være satt"},
		{"opprett med dårlig navn", admin, "POST", kontoer, `{"konto":{"fiksOrgId":"` + orgA + `","navn":" <b>"}}`, 400, "Kontonavnet må ha 2 til 200 tegn: bokstaver, siffer og vanlige skilletegn, uten mellomrom først og sist"},
		{"nytt navn", integrasjon, "PUT", rot + "/kontoNavn", `{"kontoNavn":"Barnevern Sør"}`, 204, ""},
		{"nytt navn, eldre variant", admin, "PUT", rot, `{"navn":"Barnevern Vest"}`, 204, ""},
		{"tomt navn", admin, "PUT", rot + "/kontoNavn", `{}`, 400, "Kontonavnet må ha 2 til 200 tegn: bokstaver, siffer og vanlige skilletegn, uten mellomrom først og sist"},
		{"slett nøkkel", integrasjon, "DELETE", rot + "/offentligNokkel", ``, 204, ""},
		{"ingen nøkkel", integrasjon, "GET", rot + "/offentligNokkel", ``, 404, "Kontoen har ingen offentlig nøkkel"},
		{"ny nøkkel", integrasjon, "PUT", rot + "/offentligNokkel", `{"pem":` + cert + `}`, 201, "*"},
		{"ny nøkkel, eldre sti", integrasjon, "PUT", rot + "/offentligNokkelString", `{"pem":` + cert + `}`, 201, "*"},
		{"privat nøkkel", integrasjon, "PUT", rot + "/offentligNokkel", `{"pem":` + tekst(pemAv("PRIVATE KEY", []byte("x"))) + `}`, 400,
			"Filen inneholder en privat nøkkel. Den skal aldri lastes opp: regn den som kompromittert, lag et nytt nøkkelpar og last opp bare sertifikatet"},

		{"ny adresse", integrasjon, "POST", rot + "/adresser", `{"beskrivelse":"Digisos"}`, 201,
			`"aktiv":false,"gyldig":false,"identifikatorer":[],"meldingsprotokoller":[],"sikkerhetsnivaer":[],"beskrivelse":"Digisos"}`},
		{"adresse uten beskrivelse", integrasjon, "POST", rot + "/adresser", `{}`, 400, "beskrivelse må være 1 til 500 tegn av bokstaver, siffer, mellomrom og _ . , / -"},
		{"aktiver for tidlig", integrasjon, "PUT", rot + "/adresser/A/aktiver", ``, 400, "En aktiv adresse må ha minst én identifikator, én meldingsprotokoll og ett sikkerhetsnivå"},
		{"identifikatorer", integrasjon, "POST", rot + "/adresser/A/identifikatorer", `[{"identifikatorType":"ORG_NO","identifikator":"123456789"},{"identifikatorType":"NAVENHET_ID","identifikator":"0219"}]`, 200,
			`"aktiv":false,"gyldig":false,"identifikatorer":["NAVENHET_ID.0219","ORG_NO.123456789"],"meldingsprotokoller":[],"sikkerhetsnivaer":[],"beskrivelse":"Digisos"}`},
		{"samme to ganger", integrasjon, "POST", rot + "/adresser/A/identifikatorer", `[{"identifikatorType":"ORG_NO","identifikator":"123456789"},{"identifikatorType":"ORG_NO","identifikator":"123456789"}]`, 400, "Listen har samme element to ganger"},
		{"tom liste", integrasjon, "POST", rot + "/adresser/A/identifikatorer", `[]`, 400, "Listen må ha fra 1 til 1000 elementer"},
		{"feil type", integrasjon, "POST", rot + "/adresser/A/identifikatorer", `[{"identifikatorType":"FNR","identifikator":"1"}]`, 400, "identifikatorType må være ORG_NO eller NAVENHET_ID"},
		{"kort orgnr", integrasjon, "POST", rot + "/adresser/A/identifikatorer", `[{"identifikatorType":"ORG_NO","identifikator":"1"}]`, 400, "identifikator av type ORG_NO må ha 9 siffer"},
		{"ikke siffer", integrasjon, "POST", rot + "/adresser/A/identifikatorer", `[{"identifikatorType":"NAVENHET_ID","identifikator":"x"}]`, 400, "identifikator må bestå av 1 til 20 siffer"},
		{"fjern identifikator", integrasjon, "POST", rot + "/adresser/A/identifikatorer/fjern", `[{"identifikatorType":"NAVENHET_ID","identifikator":"0219"}]`, 200,
			`"aktiv":false,"gyldig":false,"identifikatorer":["ORG_NO.123456789"],"meldingsprotokoller":[],"sikkerhetsnivaer":[],"beskrivelse":"Digisos"}`},
		{"protokoll", integrasjon, "POST", rot + "/adresser/A/meldingsprotokoller", `[{"meldingsprotokoll":"a.b"},{"meldingsprotokoll":"no.ks.c"}]`, 200, "*"},
		{"dårlig protokoll", integrasjon, "POST", rot + "/adresser/A/meldingsprotokoller", `[{"meldingsprotokoll":"a b"}]`, 400, "meldingsprotokoll må bestå av bokstaver, siffer og punktum"},
		{"fjern protokoll", integrasjon, "POST", rot + "/adresser/A/meldingsprotokoller/fjern", `[{"meldingsprotokoll":"a.b"}]`, 200, "*"},
		{"nivå", integrasjon, "POST", rot + "/adresser/A/sikkerhetsnivaer", `[{"sikkerhetsniva":4},{"sikkerhetsniva":2}]`, 200, "*"},
		{"nivå 5", integrasjon, "POST", rot + "/adresser/A/sikkerhetsnivaer", `[{"sikkerhetsniva":5}]`, 400, "sikkerhetsniva må være fra 1 til 4"},
		{"fjern nivå", integrasjon, "POST", rot + "/adresser/A/sikkerhetsnivaer/fjern", `[{"sikkerhetsniva":2}]`, 200,
			`"aktiv":false,"gyldig":true,"identifikatorer":["ORG_NO.123456789"],"meldingsprotokoller":["no.ks.c"],"sikkerhetsnivaer":[4],"beskrivelse":"Digisos"}`},
		{"aktiver", integrasjon, "PUT", rot + "/adresser/A/aktiver", ``, 200, "*"},
		{"fjern det siste fra en aktiv", integrasjon, "POST", rot + "/adresser/A/sikkerhetsnivaer/fjern", `[{"sikkerhetsniva":4}]`, 400, "En aktiv adresse må ha minst én identifikator, én meldingsprotokoll og ett sikkerhetsnivå"},
		{"ny beskrivelse", integrasjon, "PUT", rot + "/adresser/A/beskrivelse", `{"beskrivelse":"Ny, og bedre"}`, 200,
			`"aktiv":true,"gyldig":true,"identifikatorer":["ORG_NO.123456789"],"meldingsprotokoller":["no.ks.c"],"sikkerhetsnivaer":[4],"beskrivelse":"Ny, og bedre"}`},
		{"finnes ved oppslag", integrasjon, "GET", "/fiks-io/katalog/api/v1/lookup?identifikator=ORG_NO.123456789&meldingProtokoll=no.ks.c&sikkerhetsniva=4", ``, 200, "*"},
		{"deaktiver konto", admin, "PUT", rot + "/deaktiver", ``, 200, "*"},
		{"finnes ikke når kontoen er inaktiv", integrasjon, "GET", "/fiks-io/katalog/api/v1/lookup?identifikator=ORG_NO.123456789&meldingProtokoll=no.ks.c&sikkerhetsniva=4", ``, 404, "Fant ingen konto for ORG_NO.123456789 med protokoll no.ks.c på sikkerhetsnivå 4"},
		{"aktiver konto", admin, "PUT", rot + "/aktiver", ``, 200, "*"},
		{"deaktiver", integrasjon, "PUT", rot + "/adresser/A/deaktiver", ``, 200, "*"},
		{"finnes ikke når adressen er inaktiv", integrasjon, "GET", "/fiks-io/katalog/api/v1/lookup?identifikator=ORG_NO.123456789&meldingProtokoll=no.ks.c&sikkerhetsniva=4", ``, 404, "Fant ingen konto for ORG_NO.123456789 med protokoll no.ks.c på sikkerhetsnivå 4"},
		{"slett adresse", integrasjon, "DELETE", rot + "/adresser/A", ``, 204, ""},
		{"slett den igjen", integrasjon, "DELETE", rot + "/adresser/A", ``, 404, "Kontoen har ingen adresse med id ID"},
		{"ingen adresser", integrasjon, "GET", rot + "/adresser", ``, 200, "[]"},

		{"ingen avsendere", integrasjon, "GET", rot + "/aksepterteAvsendere", ``, 200, `{"avsendere":[],"aktivert":false}`},
		{"ukjent avsender", integrasjon, "POST", rot + "/aksepterteAvsendere", `{"kontoId":"874f23b3-8022-4b57-b639-8c80fb270c9f"}`, 400, "Avsenderkontoen ID finnes ikke"},
		{"avsender uten id", integrasjon, "POST", rot + "/aksepterteAvsendere", `{}`, 400, "kontoId må være en UUID"},
		{"avsender", integrasjon, "POST", rot + "/aksepterteAvsendere", `{"kontoId":"` + k.KontoID + `"}`, 204, ""},
		{"aktiver listen", integrasjon, "PUT", rot + "/aksepterteAvsendere/aktiver", ``, 204, ""},
		{"listen", integrasjon, "GET", rot + "/aksepterteAvsendere", ``, 200, `{"avsendere":[{"kontoId":"ID","kontoNavn":"Barnevern Vest","fiksOrgNavn":"Bergen kommune"}],"aktivert":true}`},
		{"fjern avsender", integrasjon, "DELETE", rot + "/aksepterteAvsendere/" + k.KontoID, ``, 204, ""},
		{"deaktiver listen", integrasjon, "PUT", rot + "/aksepterteAvsendere/deaktiver", ``, 204, ""},

		{"gyldig melding", integrasjon, "POST", rot + "/validerMelding", `{"avsenderKontoId":"` + k.KontoID + `","meldingsType":"a","harPayload":true}`, 204, ""},
		{"søk", admin, "GET", "/fiks-io/konto/api/v1/kontosok?fiksOrgId=" + orgA + "&aktiv=false", ``, 200, "[]"},
		{"søk uten rett", annenIntegrasjon, "GET", "/fiks-io/konto/api/v1/kontosok?fiksOrgId=" + orgA, ``, 200, "[]"},
		{"søk uten organisasjon", admin, "GET", "/fiks-io/konto/api/v1/kontosok", ``, 400, "fiksOrgId må være en UUID"},
		{"søk med dårlig aktiv", admin, "GET", "/fiks-io/konto/api/v1/kontosok?fiksOrgId=" + orgA + "&aktiv=kanskje", ``, 400, "aktiv må være true eller false"},
		{"rotens kø", rotbruker, "PUT", "/fiks-io/root/api/v1/kontoer/" + k.KontoID + "/queue", ``, 200, `{"queueExists":true,"queueName":"fiksio.konto.ID","ventendeMeldinger":0,"antallKonsumenter":0}`},
		{"rotens ukjente kø", rotbruker, "GET", "/fiks-io/root/api/v1/kontoer/874f23b3-8022-4b57-b639-8c80fb270c9f/queue", ``, 404, "Fant ingen Fiks IO-konto med id ID"},
		{"slett konto", admin, "DELETE", rot, ``, 204, ""},
		{"borte", admin, "GET", rot, ``, 404, "Fant ingen Fiks IO-konto med id ID"},
	} {
		status, svar := s.kall(t, steg.hvem, steg.metode, strings.ReplaceAll(steg.sti, "/A", "/"+adresse), steg.kropp)
		if status != steg.want {
			t.Fatalf("%s: %d %s", steg.navn, status, svar)
		}
		if steg.navn == "ny adresse" {
			adresse = strings.Split(strings.Split(svar, `"adresseId":"`)[1], `"`)[0]
		}
		if status >= 400 {
			svar = melding(t, svar)
		}
		svar = id.ReplaceAllString(svar, "ID")
		if i := strings.Index(svar, `"aktiv":`); i > 0 && strings.HasPrefix(svar, `{"fiksOrgId"`) {
			svar = svar[i:]
		}
		if steg.svar != "*" && svar != steg.svar {
			t.Errorf("%s: %s", steg.navn, cmp.Diff(steg.svar, svar))
		}
	}
}

// TestAdressekonflikt: two active addresses overlap when all three parts meet.
func TestAdressekonflikt(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	k, annen := s.konto(t), s.konto(t, func(k *Konto) { k.FiksOrgID, k.Navn = orgB, "Fremmed konto" })
	fins := s.adresse(t, annen, "ORG_NO.123456789", "NAVENHET_ID.0219")
	for _, test := range []struct {
		navn     string
		ident    Identifikator
		prot     string
		niva     int
		konflikt bool
	}{
		{"alt likt", Identifikator{"ORG_NO", "123456789"}, ProtokollDigisos, 4, true},
		{"annen identifikator", Identifikator{"ORG_NO", "123456780"}, ProtokollDigisos, 4, false},
		{"annen type", Identifikator{"NAVENHET_ID", "123456789"}, ProtokollDigisos, 4, false},
		{"annen protokoll", Identifikator{"ORG_NO", "123456789"}, "a", 4, false},
		{"annet nivå", Identifikator{"ORG_NO", "123456789"}, ProtokollDigisos, 2, false},
	} {
		a := Adresse{KontoID: k.ID, Beskrivelse: "ny", Identifikatorer: []Identifikator{test.ident}, Protokoller: []string{test.prot, "felles"}, Nivaer: []int{test.niva, 1}}
		s.skriv(t, func(tx *store.Tx) (err error) {
			a, err = s.OpprettAdresse(t.Context(), tx, a)
			return err
		})
		status, svar := s.kall(t, admin, "PUT", "/fiks-io/konto/api/v1/kontoer/"+k.ID+"/adresser/"+a.ID+"/aktiver", "")
		want := 200
		if test.konflikt {
			want = 400
			if w := `{"fiksOrgId":"` + orgB + `","fiksOrgVisningsnavn":"Leverandor AS","kontoId":"` + annen.ID + `","kontoNavn":"Fremmed konto","adresseId":"` + fins.ID +
				`","beskrivelse":"Digisos","identifikatorer":["ORG_NO.123456789"],"meldingsprotokoller":["no.nav.digisos.fagsystem.v1"],"sikkerhetsnivaer":[4]}`; svar != w {
				t.Errorf("%s: %s", test.navn, cmp.Diff(w, svar))
			}
		}
		if status != want {
			t.Errorf("%s: %d %s", test.navn, status, svar)
		}
		as, err := s.Adresser(t.Context(), k.ID)
		if err != nil || as[0].Aktiv == test.konflikt {
			t.Errorf("%s: active %v, %v", test.navn, as[0].Aktiv, err)
		}
		if err := s.SlettAdresse(t.Context(), k.ID, a.ID); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOffentligNokkel holds every reason why a key is refused, over all ways in.
func TestOffentligNokkel(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	k := s.konto(t)
	nokkel, cert := mottaker()
	god := pemAv("CERTIFICATE", cert.Raw)
	svak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecMal := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: grunntest.Start.AddDate(1, 0, 0)}
	ecDER, err := x509.CreateCertificate(rand.Reader, ecMal, ecMal, ec.Public(), ec)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := x509.MarshalPKIXPublicKey(nokkel.Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ navn, pem, want string }{
		{"god", god, ""},
		{"god med BOM og luft", "\ufeff\r\n " + god + "\r\n\r\n", ""},
		{"god med X509", strings.ReplaceAll(god, "CERTIFICATE", "X509 CERTIFICATE"), ""},
		{"tom", "", "Offentlig nøkkel mangler: forventet ett X.509-sertifikat i PEM-format"},
		{"ikke pem", "hei", "Offentlig nøkkel er ikke i PEM-format: forventet -----BEGIN CERTIFICATE-----"},
		{"noe etter", god + "hei", "Det står noe etter sertifikatet som ikke er PEM"},
		{"to", god + god, "Filen inneholder flere sertifikater: last opp bare mottakerens eget"},
		{"privat nøkkel etter", god + pemAv("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(nokkel)),
			"Filen inneholder en privat nøkkel. Den skal aldri lastes opp: regn den som kompromittert, lag et nytt nøkkelpar og last opp bare sertifikatet"},
		{"bare offentlig nøkkel", pemAv("PUBLIC KEY", pub), "PEM-typen «PUBLIC KEY» er ikke et X.509-sertifikat: forventet CERTIFICATE"},
		{"ødelagt", pemAv("CERTIFICATE", cert.Raw[:100]), "Sertifikatet kan ikke leses som X.509"},
		{"EC", pemAv("CERTIFICATE", ecDER), "Sertifikatet har en ECDSA-nøkkel: bare RSA støttes"},
		{"svak", pemAv("CERTIFICATE", lagSertifikat(svak, grunntest.Start, grunntest.Start.AddDate(1, 0, 0)).Raw), "Sertifikatets RSA-nøkkel er på 1024 bit: minst 2048 kreves"},
		{"utløpt", pemAv("CERTIFICATE", lagSertifikat(nokkel, grunntest.Start.AddDate(-2, 0, 0), grunntest.Start).Raw), "Sertifikatet utløp 2026-06-10T08:00:00Z"},
	} {
		t.Run(test.navn, func(t *testing.T) {
			sti := "/fiks-io/konto/api/v1/kontoer/" + k.ID + "/offentligNokkel"
			sjekk := func(hvordan string, status int, svar string) {
				t.Helper()
				if test.want == "" && status == 201 && strings.Contains(svar, `"valid":true`) {
					return
				}
				if status != 400 || melding(t, svar) != test.want {
					t.Errorf("%s: %d %s", hvordan, status, svar)
				}
			}
			status, svar := s.kall(t, admin, "PUT", sti, `{"pem":`+tekst(test.pem)+`}`)
			sjekk("json", status, svar)
			var b bytes.Buffer
			w := multipart.NewWriter(&b)
			fil, _ := w.CreateFormFile("file", "cert.pem")
			_, _ = fil.Write([]byte(test.pem))
			w.Close()
			status, svar = s.kallMed(t, admin, "PUT", sti, w.FormDataContentType(), &b)
			sjekk("multipart", status, svar)

			status, svar = s.verifiser(t, test.pem, "PEM", "")
			var ut struct {
				Gyldig          bool
				Melding         string
				OffentligNokkel *string
			}
			if test.navn == "tom" {
				if status != 400 || melding(t, svar) != "Delen file mangler" {
					t.Error(status, svar)
				}
				return
			}
			if err := json.Unmarshal([]byte(svar), &ut); err != nil || status != 200 || ut.Gyldig != (test.want == "") || !ut.Gyldig && ut.Melding != test.want {
				t.Errorf("verifiser: %d %s", status, svar)
			}
		})
	}
}

func (s *tjener) verifiser(t testing.TB, fil, format, passord string) (int, string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if fil != "" {
		del, _ := w.CreateFormFile("file", "x")
		_, _ = del.Write([]byte(fil))
	}
	_ = w.WriteField("format", format)
	_ = w.WriteField("passord", passord)
	w.Close()
	return s.kallMed(t, admin, "POST", "/fiks-io/katalog/api/v1/sertifikat/verifiser", w.FormDataContentType(), &b)
}

// TestVerifiserP12 lets OpenSSL make the key store.
func TestVerifiserP12(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("KNUTEPUNKT_REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	s := nyTjener(t)
	nokkel, cert := mottaker()
	dir := t.TempDir()
	skriv := func(navn, innhold string) string {
		p := filepath.Join(dir, navn)
		if err := os.WriteFile(p, []byte(innhold), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	k, c := skriv("k.pem", pemAv("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(nokkel))), skriv("c.pem", pemAv("CERTIFICATE", cert.Raw))
	lag := func(args ...string) string {
		ut := filepath.Join(dir, "ut.p12")
		if b, err := exec.CommandContext(t.Context(), openssl, append([]string{"pkcs12", "-export", "-inkey", k, "-in", c, "-passout", "pass:hemmelig", "-out", ut}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		b, err := os.ReadFile(ut)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	gammel := lag("-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1")
	ny := lag()
	god := `{"gyldig":true,"melding":"Sertifikatet er gyldig","offentligNokkel":` + tekst(pemAv("CERTIFICATE", cert.Raw)) + `}`
	for _, test := range []struct{ navn, fil, passord, want string }{
		{"3DES", gammel, "hemmelig", god},
		{"feil passord", gammel, "feil", `{"gyldig":false,"melding":"Feil passord for P12-filen","offentligNokkel":null}`},
		{"AES", ny, "hemmelig", `{"gyldig":false,"melding":"P12-filen kan ikke leses. Nøkkellagre som er kryptert med AES (PBES2) støttes ikke: eksporter sertifikatet som PEM","offentligNokkel":null}`},
		{"tull", "x", "hemmelig", `{"gyldig":false,"melding":"P12-filen kan ikke leses. Nøkkellagre som er kryptert med AES (PBES2) støttes ikke: eksporter sertifikatet som PEM","offentligNokkel":null}`},
	} {
		if status, svar := s.verifiser(t, test.fil, "P12", test.passord); status != 200 || svar != test.want {
			t.Errorf("%s: %d %s", test.navn, status, svar)
		}
	}
	if status, svar := s.verifiser(t, "x", "JKS", ""); status != 400 || melding(t, svar) != "format må være PEM eller P12" {
		t.Error(status, svar)
	}
	if status, svar := s.verifiser(t, strings.Repeat("x", maxPEM+1), "PEM", ""); status != 413 {
		t.Error(status, svar)
	}
}

func TestValiderMelding(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	fra, til := s.konto(t), s.konto(t, func(k *Konto) { k.KunAksepterte, k.Sertifikat = true, nil })
	s.gi(t, integrasjon, auth.FiksIOKonto, fra.ID)
	sti := "/fiks-io/konto/api/v1/kontoer/" + til.ID + "/validerMelding"
	kropp := `{"avsenderKontoId":"` + fra.ID + `","meldingsType":"","harPayload":true}`
	status, svar := s.kall(t, integrasjon, "POST", sti, kropp)
	var fs []struct {
		Status         int
		Message, Path  string
		Timestamp      int64
		ErrorCode      *string
		ErrorID, Error string
	}
	if err := json.Unmarshal([]byte(svar), &fs); err != nil || status != 400 {
		t.Fatal(status, svar)
	}
	var got []string
	for _, f := range fs {
		got = append(got, f.Message)
		if f.Status != 400 || f.Path != sti || f.Error != "Bad Request" || !erUUID(f.ErrorID) || f.Timestamp != grunntest.Start.UnixMilli() {
			t.Errorf("%+v", f)
		}
	}
	if diff := cmp.Diff([]string{
		"Mottakerkontoen " + til.ID + " godtar ikke meldinger fra avsenderkontoen " + fra.ID,
		"meldingType må være 1 til 255 byte tekst uten mellomrom",
		"Mottakerkontoen kan ikke ta imot nyttelast: Kontoen har ingen offentlig nøkkel",
	}, got); diff != "" {
		t.Error(diff)
	}
	if status, svar := s.kall(t, annenIntegrasjon, "POST", sti, kropp); status != 403 || melding(t, svar) != "Mangler tilgang: SVARINN_KONTO kreves" {
		t.Error(status, svar)
	}
}

func FuzzLesPEM(f *testing.F) {
	_, cert := mottaker()
	f.Add([]byte(pemAv("CERTIFICATE", cert.Raw)))
	f.Add([]byte(pemAv("PRIVATE KEY", []byte("x"))))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		der, err := lesPEM(b)
		if err == nil && bytes.Contains(b, []byte("PRIVATE KEY-----\n")) && bytes.HasPrefix(bytes.TrimSpace(b), []byte("-----BEGIN PRIVATE KEY")) {
			t.Errorf("a private key was taken")
		}
		if err == nil {
			if c, err := sjekkSertifikat(der, time.Time{}); err == nil && c == nil {
				t.Error("no certificate and no error")
			}
		}
	})
}
