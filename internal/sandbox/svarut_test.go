package sandbox_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"knutepunkt/client"
	"knutepunkt/cms"
	"knutepunkt/internal/pdf"
	"knutepunkt/internal/sandbox"
)

// The second act of the demo, which checks each step itself: a fagsystem that
// never answers, an inbox that nobody opens, and at last a letter on paper.
func TestDemoensBrev(t *testing.T) {
	t.Parallel()
	k := start(t, t.TempDir())
	var out bytes.Buffer
	err := sandbox.Demo(t.Context(), &out, sandbox.DemoConfig{Beskrivelse: k.b, Dir: k.dir, Kommune: "9901", Stille: "9903", HTTP: k.client})
	t.Log(out.String())
	if err != nil {
		t.Fatal(err)
	}
	_, sist, _ := strings.Cut(out.String()[strings.LastIndex(out.String(), "/sandbox/spor/"):], "/spor/")
	s := k.svarutSpor(t, sist[:36])
	if s.Status != "PRINTET" || !strings.Contains(strings.Join(s.tekster(), " | "), "Altinn") {
		t.Errorf("%+v", s)
	}
}

// iSvarUt is a forsendelse as the trace has it.
type iSvarUt struct {
	ID, Tilstand, Kanal, Status string
	Alarm                       bool
	Frist                       *time.Time
	Hendelser                   []struct{ Tekst string }
}

func (s iSvarUt) tekster() (ut []string) {
	for _, h := range s.Hendelser {
		ut = append(ut, h.Tekst)
	}
	return ut
}

func (k *kasse) svarutSpor(t *testing.T, digisosID string) iSvarUt {
	t.Helper()
	status, svar := k.kall(t, k.client, "GET", "/sandbox/spor/"+digisosID, "", "Accept", "application/json")
	var s struct{ Leveringer []iSvarUt }
	if err := json.Unmarshal([]byte(svar), &s); err != nil || status != 200 {
		t.Fatal(status, svar, err)
	}
	i := slices.IndexFunc(s.Leveringer, func(l iSvarUt) bool { return l.Status != "" })
	if i < 0 {
		t.Fatalf("nothing is in SvarUt: %s", svar)
	}
	return s.Leveringer[i]
}

// printet lists the letters at the printer's.
func (k *kasse) printet(t *testing.T) (ut []struct{ ID, Status, Referanse string }) {
	t.Helper()
	status, svar := k.kall(t, k.client, "GET", "/sandbox/print", "")
	if err := json.Unmarshal([]byte(svar), &ut); err != nil || status != 200 {
		t.Fatal(status, svar, err)
	}
	return ut
}

func (k *kasse) fram(t *testing.T, d string) {
	t.Helper()
	if status, svar := k.kall(t, k.client, "POST", "/sandbox/clock", `{"advance": "`+d+`"}`); status != 200 {
		t.Fatal(status, svar)
	}
}

// A kommune without Fiks IO: its mottakersystem fetches, and only the
// acknowledgement makes the søknad delivered.
func TestSvarInnHenting(t *testing.T) {
	t.Parallel()
	k := start(t, t.TempDir())
	ref := "svarinn-1"
	id, err := k.send(t, k.b.Personer[2].Fnr, "9902", ref)
	if err != nil {
		t.Fatal(err)
	}
	k.fram(t, "1s") // what is due is done when this answers
	inn := k.svarinn(t, "9902")
	nye, err := inn.Nye(t.Context())
	if err != nil || len(nye) != 1 || nye[0].EksternRef != id || nye[0].ForsendelseType != "nav.digisos" || nye[0].Niva != "4" {
		t.Fatalf("%+v %v", nye, err)
	}
	// A forsendelse has a trace of its own, as has one that came by SvarUt's API.
	if got := k.svarutSpor(t, nye[0].ID); got.ID != nye[0].ID || got.Status != "KLAR_FOR_MOTTAK" {
		t.Errorf("the forsendelse's trace: %+v", got)
	}
	dir := filepath.Join(t.TempDir(), "f")
	if err := inn.Lagre(t.Context(), nye[0], dir); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "forsendelseMetadata.json"))
	if want := fmt.Sprintf(`{"eksternRef":%q,"digisosId":%q}`, ref, id); err != nil || string(data) != want {
		t.Errorf("%s, want %s (%v)", data, want, err)
	}
	nav := k.klient(t, k.b.NAV)
	for _, levert := range []bool{false, true} {
		if levert {
			if err := inn.Kvitter(t.Context(), nye[0].ID); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := nav.LevertFagsystem(t.Context(), "sporing", id); err != nil || got[id] != levert {
			t.Errorf("levertFagsystem %v %v, want %v", got, err, levert)
		}
	}
	if nye, err := inn.Nye(t.Context()); err != nil || len(nye) != 0 {
		t.Errorf("after the acknowledgement: %+v %v", nye, err)
	}
	// Another kommune's system sees nothing of it.
	if err := k.svarinn(t, "9901").Kvitter(t.Context(), nye[0].ID); client.Status(err) != 403 {
		t.Errorf("acknowledged by another: %v", err)
	}
}

func (k *kasse) svarinn(t *testing.T, kommune string) *client.SvarInn {
	t.Helper()
	f := k.kommune(t, kommune).Fagsystem.SvarInn
	data, err := os.ReadFile(filepath.Join(k.dir, f.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return client.NySvarInn(client.SvarInnConfig{BaseURL: k.b.BaseURL + client.SvarInnPrefiks, Brukernavn: f.Brukernavn, Passord: f.Passord,
		Nokler: []cms.Key{{Private: key.(*rsa.PrivateKey)}}, HTTP: k.client})
}

// ettBrev brings a søknad for the silent kommune to the printer's.
func (k *kasse) ettBrev(t *testing.T, ref string) (id string) {
	t.Helper()
	n := len(k.printet(t))
	id = k.tilStille(t, ref)
	k.fram(t, "240h")
	if got := k.svarutSpor(t, id); got.Status != "SENDT_PRINT" || len(k.printet(t)) != n+1 {
		t.Fatalf("after ten days: %+v", got)
	}
	return id
}

// tilStille sends a søknad that can be printed to the silent kommune.
func (k *kasse) tilStille(t *testing.T, ref string) (id string) {
	t.Helper()
	fnr := k.b.Personer[1].Fnr
	cert, err := k.klient(t, k.b.NAV).PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var brev bytes.Buffer
	if _, err := pdf.Skriv(&brev, pdf.Tekst{Tittel: "Søknad"}); err != nil {
		t.Fatal(err)
	}
	s := soknad(fnr)
	s.Filer[0].Storrelse = int64(brev.Len())
	s.Filer[0].Apne = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(brev.Bytes())), nil }
	if id, err = k.borger(t, fnr).SendSoknad(t.Context(), cert, "9903", ref, s); err != nil {
		t.Fatal(err)
	}
	return id
}

// A letter that is still being made is not with the printer: the files of those that
// are named are there.
func TestPrintViserDetSomLigger(t *testing.T) {
	t.Parallel()
	k := start(t, t.TempDir())
	mappe := filepath.Join(k.dir, "print")
	if err := os.Rename(mappe, mappe+".borte"); err != nil {
		t.Fatal(err)
	}
	id := k.tilStille(t, "brev-1")
	k.fram(t, "240h")
	if left := k.printet(t); len(left) != 0 {
		t.Errorf("with no folder to write to the printer has %+v", left)
	}
	if err := os.Rename(mappe+".borte", mappe); err != nil {
		t.Fatal(err)
	}
	k.fram(t, "2h")
	if left := k.printet(t); len(left) != 1 {
		t.Errorf("with the folder back the printer has %+v, the letter is %+v", left, k.svarutSpor(t, id))
	}
}

// What is read in Altinn after all is not printed; a refused letter needs a
// person; and what the printer has posted is delivered.
func TestBrevetsSkjebner(t *testing.T) {
	t.Parallel()
	k := start(t, t.TempDir())

	lest := k.ettBrev(t, "brev-1")
	_, svar := k.kall(t, k.client, "GET", "/sandbox/altinn", "")
	var innboks []struct{ ID string }
	if err := json.Unmarshal([]byte(svar), &innboks); err != nil || len(innboks) != 1 {
		t.Fatal(svar, err)
	}
	if status, svar := k.kall(t, k.client, "POST", "/sandbox/altinn/"+innboks[0].ID+"/lest", ""); status != 204 {
		t.Fatal(status, svar)
	}
	k.fram(t, "25h")
	if got := k.svarutSpor(t, lest); got.Status != "LEST" || got.Kanal != "ALTINN" {
		t.Errorf("read in Altinn while the letter waited: %+v", got)
	}
	if left := k.printet(t); len(left) != 0 {
		t.Errorf("the printer still has %+v", left)
	}

	avvist := k.ettBrev(t, "brev-2")
	jobb := k.printet(t)[0]
	for range 2 { // the second time it is known
		if status, svar := k.kall(t, k.client, "POST", "/sandbox/print/"+jobb.ID+"/avvist", ""); status != 204 {
			t.Fatal(status, svar)
		}
	}
	k.fram(t, "1s") // the e-mail goes
	if got := k.svarutSpor(t, avvist); got.Status != "SENDT_PRINT" || !got.Alarm {
		t.Errorf("refused by the printer: %+v", got)
	}
	if _, svar := k.kall(t, k.client, "GET", "/sandbox/mail", ""); strings.Count(svar, "har avvist brevet") != 1 {
		t.Errorf("the contacts were to be told once: %s", svar)
	}

	printet := k.ettBrev(t, "brev-3")
	alle := k.printet(t)
	if status, svar := k.kall(t, k.client, "POST", "/sandbox/print/"+alle[len(alle)-1].ID+"/levert", ""); status != 204 {
		t.Fatal(status, svar)
	}
	if got := k.svarutSpor(t, printet); got.Status != "PRINTET" {
		t.Errorf("printed: %+v", got)
	}
	if got, err := k.klient(t, k.b.NAV).LevertFagsystem(t.Context(), "sporing", lest, avvist, printet); err != nil || !got[lest] || got[avvist] || !got[printet] {
		t.Errorf("levertFagsystem: %v %v", got, err)
	}
}

// A letter that the printer cannot be given yet is not at the printer's.
func TestPrintenUtenMappe(t *testing.T) {
	t.Parallel()
	k := start(t, t.TempDir())
	id, err := k.send(t, k.b.Personer[1].Fnr, "9903", "uten-mappe")
	if err != nil {
		t.Fatal(err)
	}
	mappe := filepath.Join(k.dir, "print")
	if err := os.Rename(mappe, mappe+"-borte"); err != nil {
		t.Fatal(err)
	}
	k.fram(t, "24h30m")
	s := k.svarutSpor(t, id)
	if s.Status != "VARSLET" || s.Frist == nil {
		t.Fatalf("after a day: %+v", s)
	}
	k.fram(t, (s.Frist.Sub(k.klokke(t)) + time.Minute).String())
	if jobber := k.printet(t); len(jobber) != 0 {
		t.Errorf("without a folder: %+v", jobber)
	}
	if err := os.Rename(mappe+"-borte", mappe); err != nil {
		t.Fatal(err)
	}
	k.fram(t, "2m")
	if jobber := k.printet(t); len(jobber) != 1 || jobber[0].Status != "KLAR" || k.svarutSpor(t, id).Status != "SENDT_PRINT" {
		t.Errorf("with the folder back: %+v", jobber)
	}
}
