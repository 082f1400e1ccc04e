package sandbox_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"knutepunkt/client"
	"knutepunkt/cms"
	"knutepunkt/internal/portal/portaltest"
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
func (o oppsett) digisos(kanal string, oppdateringer bool) {
	o.Trykk("Tjenester")
	o.Trykk("Ta i bruk: Dokumentlager")
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
	if oppdateringer {
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
