package sandbox_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"knutepunkt/client"
	"knutepunkt/cms"
	"knutepunkt/internal/digisos"
	"knutepunkt/internal/portal/portaltest"
	"knutepunkt/internal/sandbox"
)

// The municipality that has set up nothing, as its administrator knows it.
const (
	nyKommune = "9906"
	nyNavn    = "Nyvik kommune"
	nyOrgnr   = "310000590"
)

// nyttNokkelpar is a key as a fagsystem's supplier makes it, with its certificate
// in PEM.
func nyttNokkelpar(t *testing.T) (*rsa.PrivateKey, string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	mal := x509.Certificate{SerialNumber: big.NewInt(4711), Subject: pkix.Name{CommonName: "Nyvik fagsystem"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(2, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, &mal, &mal, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func administrator(t *testing.T, k *kasse) string {
	t.Helper()
	for _, p := range k.b.Personer {
		if p.Roller[0] == "ADMINISTRATOR" {
			return p.Fnr
		}
	}
	t.Fatal("no administrator")
	return ""
}

// oppsett is an administrator with no help who sets the new municipality up, with
// what must be written down on the way.
type oppsett struct {
	*portaltest.Reisende
	bilde func(navn string)
}

// begynn logs in and comes to the municipality's services.
func (o oppsett) begynn(admin string) {
	o.Gaa("/")
	o.Trykk("Logg inn: Forvaltning")
	o.LoggInn(admin)
	o.Trykk(nyNavn)
	o.Ser("Tjenester")
}

// avtaler accepts the hovedavtale and the annexes of services.
func (o oppsett) avtaler(vedlegg ...string) {
	o.bilde("kommune-tjenester-forst")
	o.Trykk("Avtaler")
	for i, v := range append([]string{"Hovedavtale"}, vedlegg...) {
		o.Trykk(v)
		o.Skriv("navn", "Berit Administrator")
		o.Velg("Jeg har lest avtalen, og har fullmakt til å godta den på vegne av " + nyNavn)
		if i == 0 {
			o.bilde("kommune-avtale")
		}
		o.Trykk("Godta avtalen")
		o.Ser("Avtalen er godtatt")
	}
	o.bilde("kommune-avtaler")
}

// om tells who the organisation is.
func (o oppsett) om() {
	o.Trykk("Om organisasjonen")
	o.Velg("EHF")
	o.Skriv("referanse", "4711")
	o.Skriv("endepunkt", nyOrgnr)
	o.Skriv("fagepost", "fag@nyvik.test")
	o.Skriv("tekniskepost", "it@nyvik.test")
	o.Trykk("Lagre")
	o.bilde("kommune-oppsett")
}

// fiksIO makes a konto with its key and its address.
func (o oppsett) fiksIO(sertifikat string) (kontoID string) {
	o.Trykk("Tjenester")
	o.Trykk("Ta i bruk: Fiks IO")
	o.Trykk("Fiks IO-kontoer")
	o.Trykk("Ny konto")
	o.Skriv("navn", "Nyvik fagsystem sosial")
	o.Trykk("Lag kontoen")
	sti := portaltest.JS[string](o.Vindu, "location.pathname")
	kontoID = regexp.MustCompile("kontoer/([0-9a-f-]{36})").FindStringSubmatch(sti)[1]
	o.Trykk("Nøkkel")
	o.Lim("tekst", sertifikat)
	o.Trykk("Sjekk sertifikatet")
	o.Ser("CN=Nyvik fagsystem", "4711")
	o.bilde("kommune-konto-nokkel")
	o.Trykk("Ta nøkkelen i bruk")
	o.Trykk("Adresser")
	o.Trykk("Ny adresse")
	o.Skriv("beskrivelse", "Digisos")
	o.Skriv("orgnr", nyOrgnr)
	o.Velg("no.nav.digisos.fagsystem.v1")
	o.Velg("Nivå 4 (høyt)")
	o.Velg("Aktiv")
	o.Trykk("Lag adressen")
	o.Ser("Adressen er laget")
	o.bilde("kommune-konto-adresser")
	return kontoID
}

// integrasjon makes the fagsystem's, and gives it what it needs.
func (o oppsett) integrasjon() (id, passord string) {
	o.Trykk("Integrasjoner")
	o.Trykk("Ny integrasjon")
	o.Skriv("navn", "Fagsystem sosial")
	o.Skriv("orgnr", nyOrgnr)
	o.Trykk("Lag integrasjonen")
	id, passord = o.Les("#integrasjonsid"), o.Les("#passord")
	o.bilde("kommune-integrasjon-passord")
	o.Trykk("Jeg har lagret passordet")
	o.Velg("Kan oppdatere status og filer for Digisos-søknader")
	o.Velg("Kan sende og hente meldinger i Fiks IO")
	o.Trykk("Lagre tilganger")
	o.bilde("kommune-integrasjon")
	return id, passord
}

// svarInn makes the mottakersystem and goes through its four tabs.
func (o oppsett) svarInn(sertifikat string) (bruker, passord string) {
	o.Trykk("SvarInn")
	o.Ser("Ingen mottakersystem er opprettet")
	o.Trykk("Nytt mottakersystem")
	o.Skriv("navn", "NAV Nyvik – Digisos")
	o.Skriv("person", "Berit Administrator")
	o.Trykk("Opprett mottakersystemet")
	o.bilde("kommune-svarinn-tilganger")
	o.Skriv("navn", "Kari Kollega")
	o.Skriv("fnr", "01818110185")
	o.Trykk("Gi tilgang")
	o.Trykk("Organisasjoner")
	o.Skriv("orgnr", nyOrgnr)
	o.Velg("nav.digisos")
	o.Velg("Alle nivåer")
	o.Trykk("Registrer nummeret")
	o.bilde("kommune-svarinn-organisasjoner")
	o.Trykk("Service")
	o.Trykk("Lag passord")
	o.Trykk("Lag passord")
	bruker, passord = o.Les("#brukernavn"), o.Les("#passord")
	o.Trykk("Jeg har lagret passordet")
	o.Lim("pem", sertifikat)
	o.Trykk("Last opp")
	o.Ser("Den nye nøkkelen er i bruk")
	o.bilde("kommune-svarinn-service")
	o.Trykk("Administrasjon")
	o.Skriv("epost", "post@nyvik.test; it@nyvik.test")
	o.Trykk("Lagre")
	o.Trykk("Send testvarsel")
	o.Ser("Testvarsel sendt")
	o.bilde("kommune-svarinn-administrasjon")
	return bruker, passord
}

// digisos goes through the wizard; kanal are the words of its first choice.
// A Fiks IO konto has brought the dokumentlager with it.
func (o oppsett) digisos(kanal string, fiksIO bool) {
	o.Trykk("Tjenester")
	if !fiksIO {
		o.Trykk("Ta i bruk: Dokumentlager")
	}
	o.Trykk("Ta i bruk: Digisos")
	o.Trykk("Start veiviser")
	o.bilde("kommune-veiviser-kanal")
	o.Velg(kanal)
	o.Trykk("Gå videre")
	o.Skriv("navn", "NAV Nyvik")
	o.Skriv("orgnr", nyOrgnr)
	o.Skriv("adresse1", "Rådhusplassen 1")
	o.Skriv("postnr", "9906")
	o.Skriv("poststed", "Nyvik")
	o.Trykk("Gå videre")
	o.Trykk("Gå videre") // the municipality's own name is proposed
	o.Velg("Ja")
	o.Trykk("Gå videre")
	if fiksIO {
		o.Velg("Støtter oppdateringer")
	} else {
		o.Velg("Støtter ikke oppdateringer")
	}
	o.Trykk("Gå videre")
	o.Skriv("fagansvarlig", "fag@nyvik.test")
	o.Skriv("teknisk", "it@nyvik.test")
	o.Trykk("Gå videre")
	o.Velg("Aktivt nå")
	o.Trykk("Gå videre")
	o.bilde("kommune-veiviser-seover")
	o.Trykk("Lagre og fullfør")
	o.Ser("Digisos er satt opp")
	o.bilde("kommune-veiviser-ferdig")
}

// Without Fiks IO: from the start page to a søknad that the fagsystem has fetched
// and opened with its own key.
func TestNettleserOppsettMedSvarInn(t *testing.T) {
	t.Parallel()
	for navn, tastatur := range map[string]bool{"tastatur": true, "uten JavaScript": false} {
		t.Run(navn, func(t *testing.T) {
			t.Parallel()
			k := start(t, t.TempDir())
			o := nyttOppsett(t, k, tastatur)
			key, sertifikat := nyttNokkelpar(t)
			o.begynn(administrator(t, k))
			o.avtaler("Tjenestevedlegg: Fiks dokumentlager", "Tjenestevedlegg: SvarInn", "Tjenestevedlegg: Fiks Digisos")
			o.om()
			bruker, passord := o.svarInn(sertifikat)
			o.digisos("Ikke bruk Fiks IO", false)
			o.Rolig()

			id, err := k.send(t, k.b.Personer[0].Fnr, nyKommune, "oppsett-svarinn")
			if err != nil {
				t.Fatal(err)
			}
			k.fram(t, "1m")
			s := client.NySvarInn(client.SvarInnConfig{BaseURL: k.b.BaseURL + client.SvarInnPrefiks, Brukernavn: bruker, Passord: passord,
				Nokler: []cms.Key{{Private: key}}, HTTP: k.client})
			nye, err := s.Nye(t.Context())
			if err != nil || len(nye) != 1 || nye[0].EksternRef != id {
				t.Fatalf("%+v %v", nye, err)
			}
			mappe := filepath.Join(t.TempDir(), "mottatt")
			if err := s.Lagre(t.Context(), nye[0], mappe); err != nil {
				t.Fatal(err)
			}
			if b, err := os.ReadFile(filepath.Join(mappe, "Soknad.pdf")); err != nil || !strings.HasPrefix(string(b), "%PDF") {
				t.Errorf("%q %v", b, err)
			}
			if err := s.Kvitter(t.Context(), nye[0].ID); err != nil {
				t.Fatal(err)
			}
			if levert, err := k.klient(t, k.b.NAV).LevertFagsystem(t.Context(), "oppsett", id); err != nil || !levert[id] {
				t.Errorf("delivered: %v %v", levert, err)
			}
		})
	}
}

// With Fiks IO: from the start page to the demo, whose søknad goes to the new
// municipality's fagsystem and whose case comes back; and the set-up tried on the
// page meanwhile.
func TestNettleserOppsettMedFiksIO(t *testing.T) {
	t.Parallel()
	for navn, tastatur := range map[string]bool{"tastatur": true, "uten JavaScript": false} {
		t.Run(navn, func(t *testing.T) {
			t.Parallel()
			k := start(t, t.TempDir())
			o := nyttOppsett(t, k, tastatur)
			key, sertifikat := nyttNokkelpar(t)
			o.begynn(administrator(t, k))
			o.avtaler("Tjenestevedlegg: Fiks dokumentlager", "Tjenestevedlegg: Fiks IO", "Tjenestevedlegg: Fiks Digisos")
			o.om()
			kontoID := o.fiksIO(sertifikat)
			o.digisos("Bruk Fiks IO", true)
			id, passord := o.integrasjon()

			// What the fagsystem's supplier is given.
			der, err := x509.MarshalPKCS8PrivateKey(key)
			if err != nil {
				t.Fatal(err)
			}
			for fil, b := range map[string][]byte{"keys/ny.key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), "keys/ny.cert.pem": []byte(sertifikat)} {
				if err := os.WriteFile(filepath.Join(k.dir, fil), b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			ny := sandbox.Kommune{Kommunenummer: nyKommune, Navn: "Nyvik", Organisasjonsnummer: nyOrgnr, DigisosKanal: "FIKS_IO",
				FiksOrgID: regexp.MustCompile("forvaltning/([0-9a-f-]{36})").FindStringSubmatch(portaltest.JS[string](o.Vindu, "location.pathname"))[1]}
			ny.Fagsystem = sandbox.Fagsystem{Integrasjon: sandbox.Integrasjon{Organisasjonsnummer: nyOrgnr, IntegrasjonID: id, IntegrasjonPassord: passord},
				FiksIOKontoID: kontoID, PrivateKey: "keys/ny.key.pem", Certificate: "keys/ny.cert.pem"}

			// Prøv oppsettet: a fagsystem that takes what comes.
			o.Trykk("Tjenester")
			o.Trykk("Oppsett: Digisos")
			o.Trykk("Prøv oppsettet")
			ctx, ferdig := context.WithCancel(t.Context())
			slutt := make(chan error, 1)
			klar := make(chan struct{})
			go func() {
				slutt <- k.klient(t, ny.Fagsystem.Integrasjon).Lytt(ctx, client.Mottaker{Addr: net.JoinHostPort(k.b.AMQP.Host, strconv.Itoa(k.b.AMQP.Port)),
					KontoID: kontoID, Nokler: []cms.Key{{Private: key}}, Prefetch: 1, Tilkoblet: sync.OnceFunc(func() { close(klar) })},
					func(ctx context.Context, m *client.Mottatt) error {
						_, err := m.Svar(ctx, digisos.TypeSoknadMottatt)
						return err
					})
			}()
			<-klar
			o.Trykk("Send testsøknad")
			o.VenterPaaTekst("Oppsettet virker")
			o.bilde("kommune-prov")
			ferdig()
			<-slutt
			o.Rolig()

			// The demo's søknad.
			b := k.b
			b.Kommuner = append(slices.Clone(b.Kommuner), ny)
			var ut bytes.Buffer
			if err := sandbox.Demo(t.Context(), &ut, sandbox.DemoConfig{Beskrivelse: b, Dir: k.dir, Kommune: nyKommune, HTTP: k.client}); err != nil || !strings.HasSuffix(ut.String(), "Ferdig\n") {
				t.Errorf("%v\n%s", err, &ut)
			}
		})
	}
}

// nyttOppsett opens the browser. The pictures of the guide are of the journey with
// the keyboard.
func nyttOppsett(t *testing.T, k *kasse, tastatur bool) oppsett {
	t.Helper()
	r := portaltest.NyReisende(portaltest.Chromium(t), t, k.b.BaseURL, tastatur)
	return oppsett{r, func(navn string) {
		t.Helper()
		if tastatur {
			r.Bilde(navn)
		}
	}}
}

var guidensBilder = regexp.MustCompile(`\]\(bilder/([a-z-]+)\.png\)`)

// Every picture of the guides is there, is one that the journeys or the tests of the pages
// take, and none is left over: KNUTEPUNKT_BILDER=docs/guides/bilder takes them anew.
func TestGuidensBilder(t *testing.T) {
	t.Parallel()
	rot := filepath.Join("..", "..", "docs", "guides")
	guider, err := filepath.Glob(filepath.Join(rot, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	tester, err := filepath.Glob(filepath.Join("..", "portal", "*", "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var tas []byte
	for _, f := range append(tester, "oppsett_test.go") {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		tas = append(tas, b...)
	}
	vist := map[string]bool{}
	for _, g := range guider {
		guide, err := os.ReadFile(g)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range guidensBilder.FindAllSubmatch(guide, -1) {
			navn := string(m[1])
			vist[navn+".png"] = true
			if !bytes.Contains(tas, []byte(`bilde("`+navn+`")`)) && !bytes.Contains(tas, []byte(`om("`+strings.TrimSuffix(navn, "-lys")+`"`)) {
				t.Errorf("nothing takes %s", navn)
			}
		}
	}
	filer, err := os.ReadDir(filepath.Join(rot, "bilder"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range filer {
		if !vist[f.Name()] {
			t.Errorf("%s is not in the guide", f.Name())
		}
		delete(vist, f.Name())
	}
	for navn := range vist {
		t.Errorf("%s is missing", navn)
	}
}
