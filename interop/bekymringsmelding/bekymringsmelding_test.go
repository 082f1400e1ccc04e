// Package bekymringsmelding_test has producers and consumers of bekymringsmeldinger
// that exist, or their behaviour on the libraries that they are released on, play
// against a sandbox.
//
// The producer is KS's fiks-bekymringsmelding-produsent-klient, 2.0.1 (Jakarta, Java 17)
// and 1.0.1 (javax, Java 8). Maven Central has neither: asked for them, it answers that
// they could not be found. So what they do on the wire (§16) is done by a program of our
// own (produsent) with the parts that they are made of, as released: Jersey 3.1.8 and
// 2.35 with the Jackson that they come with, which refuses unknown members,
// fiks-io-asice-handler 2.2.0 and 1.1.0 with its kryptering, and maskinporten-client
// 3.3.1 and 1.2.0.
//
// The consumers are KS's example (konsument), on the released fiks-io-klient-java 3.5.0
// and 1.3.0, and the Go program of Trondheim kommune (trondheim_test.go).
package bekymringsmelding_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"knutepunkt/internal/klokke"
	"knutepunkt/internal/sandbox"
)

// produsenter are the two generations of the producer.
var produsenter = map[string]string{"2.0.1 jakarta": "produsent/jakarta", "1.0.1 javax": "produsent/javax"}

// rapport is a report with its files.
type rapport struct {
	pdf, json       []byte
	pdfFil, jsonFil string
}

func nyRapport(t *testing.T, storrelse int) rapport {
	t.Helper()
	r := rapport{pdf: append([]byte("%PDF-1.7\n"), make([]byte, storrelse)...)}
	_, _ = rand.Read(r.pdf[9:])
	r.json = []byte(`{"melding":{"melding":"Blåbær – ` + uuid.NewString() + `"}}`)
	r.pdfFil, r.jsonFil = skriv(t, "melding.pdf", r.pdf), skriv(t, "melding.json", r.json)
	return r
}

// produsent is the running producer of a kommune.
type produsent struct {
	*java
	h *hus
}

func (h *hus) produsent(t *testing.T, modul string) produsent {
	t.Helper()
	f := h.fra.Fagsystem
	return produsent{startJava(t, modul, "Produsent", map[string]string{
		"baseUrl": h.b.BaseURL, "tokenEndpoint": h.b.Maskinporten.TokenEndpoint, "audience": h.b.Maskinporten.Issuer, "key": h.key, "certificate": h.cert,
		"fiksOrgId": h.fra.FiksOrgID, "integrasjonId": f.IntegrasjonID, "integrasjonPassord": f.IntegrasjonPassord,
	}), h}
}

// send encrypts and sends a report; bydel "" is the kommune's standardMottaker.
func (p produsent) send(t *testing.T, versjon, kommune, bydel string, r rapport) (id string) {
	t.Helper()
	var svar struct{ UUID string }
	p.gjor(t, "krypterOgSend", map[string]string{"versjon": versjon, "kommunenummer": kommune, "bydelsnummer": bydel, "pdf": r.pdfFil, "json": r.jsonFil}, &svar)
	if uuid.Validate(svar.UUID) != nil {
		t.Fatalf("id %q", svar.UUID)
	}
	return svar.UUID
}

// mot turns the producer to a server, with a client that sends in chunks or not.
func (p produsent) mot(t *testing.T, baseURL string, iBolker bool) {
	t.Helper()
	c := map[string]string{"baseUrl": baseURL}
	if iBolker {
		c["iBolker"] = "ja"
	}
	p.gjor(t, "mot", c, nil)
}

// hendelse is an event as the producer has parsed it.
type hendelse struct {
	BekymringsmeldingID string `json:"bekymringsmeldingId"`
	Tidspunkt           string `json:"tidspunkt"`
	Tilstand            string `json:"tilstand"`
	Beskrivelse         string `json:"beskrivelse"`
}

func (p produsent) status(t *testing.T, id string) []hendelse {
	t.Helper()
	var svar struct{ Status []hendelse }
	p.gjor(t, "status", map[string]string{"id": id}, &svar)
	return svar.Status
}

// venter asks for the status until its states are those that are waited for, in order,
// and gives them as the producer has them.
func (p produsent) venter(t *testing.T, id, tilstander string) []hendelse {
	t.Helper()
	ctx, avbryt := context.WithTimeout(t.Context(), 20*time.Second)
	defer avbryt()
	tikk := time.NewTicker(50 * time.Millisecond)
	defer tikk.Stop()
	for {
		alle := p.status(t, id)
		var navn []string
		for _, h := range alle {
			navn = append(navn, h.Tilstand)
		}
		naa := strings.Join(navn, " ")
		if naa == tilstander {
			return alle
		}
		if !strings.HasPrefix(tilstander, naa) {
			t.Fatalf("states %s, want %s", naa, tilstander)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("states %s, want %s", naa, tilstander)
		case <-tikk.C:
		}
	}
}

const (
	levert  = "AKSEPTERT SENDT_FAGSYSTEM LEVERT"
	tilPost = "AKSEPTERT SENDT_FAGSYSTEM AVVIST_FAGSYSTEM SENDT_PRINT"
)

func TestBekymringsmelding(t *testing.T) {
	t.Parallel()
	bygg(t)
	h := start(t)
	for navn, modul := range produsenter {
		t.Run(navn, func(t *testing.T) {
			p := h.produsent(t, modul)
			t.Run("ordlyd", p.ordlyd)
			t.Run("bydeler", p.bydeler)
			t.Run("nøkler", p.nokler)
			t.Run("Trondheim", p.tilTrondheim)
			t.Run("Trondheim med feil nøkkel", p.tilFeilNokkel)
			t.Run("størrelse", p.storrelse)
			t.Run("eksempelet 3.5.0", func(t *testing.T) { p.tilEksempelet(t, "konsument") })
			t.Run("eksempelet 1.3.0", func(t *testing.T) { p.tilEksempelet(t, "konsument13") })
		})
	}
}

// ordlyd: what is sent looks as §16 tells of the released client.
func (p produsent) ordlyd(t *testing.T) {
	type del struct{ Navn, Filnavn, Type string }
	type ordlyd struct {
		Sti, Accept, Koding, Type string
		Integrasjon               string
		Deler                     []del
	}
	mot, err := url.Parse(p.h.b.BaseURL)
	if err != nil {
		t.Fatal(err)
	}
	plattform := httputil.NewSingleHostReverseProxy(mot)
	fikk := make(chan ordlyd, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			plattform.ServeHTTP(w, r)
			return
		}
		ct, par, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || !strings.HasPrefix(par["boundary"], "Boundary_") || !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ey") {
			t.Errorf("headers %v: %v", r.Header, err)
		}
		o := ordlyd{r.URL.Path, r.Header.Get("Accept"), strings.Join(r.TransferEncoding, " "), ct, r.Header.Get("IntegrasjonId") + " " + r.Header.Get("IntegrasjonPassord"), nil}
		deler := multipart.NewReader(r.Body, par["boundary"])
		for {
			d, err := deler.NextRawPart()
			if err != nil {
				break
			}
			o.Deler = append(o.Deler, del{d.FormName(), d.FileName(), d.Header.Get("Content-Type")})
			innhold, err := io.ReadAll(d)
			if err != nil || !bytes.HasPrefix(innhold, []byte{0x30, 0x80}) { // a sequence of indefinite length
				t.Errorf("%s begins with %x: %v", d.FormName(), innhold[:min(8, len(innhold))], err)
			}
		}
		fikk <- o
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"uuid":"`+uuid.NewString()+`"}`)
	}))
	defer s.Close()
	defer p.mot(t, p.h.b.BaseURL, false)
	f := p.h.fra.Fagsystem
	for _, iBolker := range []bool{false, true} {
		p.mot(t, s.URL, iBolker)
		p.send(t, "v1", kommuneTrondheim, "", nyRapport(t, 50_000))
		vil := ordlyd{"/bekymringsmelding/api/v1/mottak/fagsystem/" + p.h.fra.FiksOrgID + "/9901/00/offentlig", "application/json", "", "multipart/form-data",
			f.IntegrasjonID + " " + f.IntegrasjonPassord,
			[]del{{"bekymringsmelding", "bekymringsmelding.pdf", "application/octet-stream"}, {"asice", "asice.zip", "application/octet-stream"}}}
		if iBolker {
			vil.Koding = "chunked"
		}
		if diff := gocmp.Diff(vil, <-fikk); diff != "" {
			t.Error(diff)
		}
	}
}

// bydeler: what the client has parsed is what the sandbox has.
func (p produsent) bydeler(t *testing.T) {
	type bydel struct {
		Bydelsnummer, Bydelsnavn string
		StandardMottaker         bool
	}
	for _, nr := range []string{kommuneTrondheim, kommuneEksempel} {
		var svar struct{ Bydeler []bydel }
		p.gjor(t, "bydeler", map[string]string{"kommunenummer": nr}, &svar)
		var vil []bydel
		for i, b := range p.h.kommune(t, nr).Bydeler {
			vil = append(vil, bydel{b.Bydelsnummer, b.Navn, i == 0})
		}
		if diff := gocmp.Diff(vil, svar.Bydeler); diff != "" {
			t.Errorf("kommune %s: %s", nr, diff)
		}
	}
	var svar struct{ Bydeler []bydel }
	p.gjor(t, "bydeler", map[string]string{"kommunenummer": "9902"}, &svar)
	if svar.Bydeler == nil || len(svar.Bydeler) != 0 {
		t.Errorf("a kommune without the service: %v, want an empty list", svar.Bydeler)
	}
	// The client is as strict as it is said to be: the shape of version 2 is too much.
	feil := p.prov(t, "bydeler", map[string]string{"versjon": "v2", "kommunenummer": kommuneTrondheim}, nil)
	if !strings.Contains(feil, "UnrecognizedPropertyException") || !strings.Contains(feil, `"stottetVersjon"`) {
		t.Errorf("version 2's shape: %q", feil)
	}
}

// nokler: the certificates are the receiver's and the printer's, and so is what is told of them.
func (p produsent) nokler(t *testing.T) {
	type nokkel struct{ Nokkel, ValidFrom, ValidTo, Serial, SubjectDN, IssuerDN, Sertifikat string }
	var svar struct{ Print, FiksIO nokkel }
	p.gjor(t, "nokler", map[string]string{"kommunenummer": kommuneTrondheim, "bydelsnummer": bydelTrondheim}, &svar)
	for fil, fikk := range map[string]nokkel{p.h.fra.Fagsystem.Certificate: svar.FiksIO, "keys/print.cert.pem": svar.Print} {
		blokk, _ := pem.Decode(lesFil(t, p.h.sti(fil)))
		c, err := x509.ParseCertificate(blokk.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		vil := nokkel{string(pem.EncodeToMemory(blokk)), lokaltid(c.NotBefore), lokaltid(c.NotAfter), c.SerialNumber.String(),
			c.Subject.String(), c.Issuer.String(), base64.StdEncoding.EncodeToString(c.Raw)}
		if diff := gocmp.Diff(vil, fikk); diff != "" {
			t.Errorf("%s: %s", fil, diff)
		}
	}
	feil := p.prov(t, "nokler", map[string]string{"versjon": "v2", "kommunenummer": kommuneTrondheim, "bydelsnummer": bydelTrondheim}, nil)
	if !strings.Contains(feil, "UnrecognizedPropertyException") || !strings.Contains(feil, `"gyldig"`) {
		t.Errorf("version 2's shape: %q", feil)
	}
}

// lokaltid is Norwegian time as Java's LocalDateTime prints it.
func lokaltid(t time.Time) string {
	if t = klokke.Oslo(t); t.Second() == 0 {
		return t.Format("2006-01-02T15:04")
	}
	return t.Format("2006-01-02T15:04:05")
}

// tilTrondheim: to the standardMottaker; stored as it was sent, and delivered.
func (p produsent) tilTrondheim(t *testing.T) {
	c, stopp := p.h.lyttTrondheim(t, p.h.fra, "")
	defer stopp()
	r := nyRapport(t, 200_000)
	for_ := time.Now()
	id := p.send(t, "v1", kommuneTrondheim, "", r)
	m := c.neste(t)
	if m.feil != nil {
		t.Fatal(m.feil)
	}
	c.harLagret(t, m.meldingID, r)
	p.erSomServeren(t, id, p.venter(t, id, levert), for_)
}

// erSomServeren holds that the parsed events are those that the server tells of, of
// this report and of now.
func (p produsent) erSomServeren(t *testing.T, id string, fikk []hendelse, siden time.Time) {
	t.Helper()
	var vil []hendelse
	les(t, p.h.kall(t, 200, "GET", "/bekymringsmelding/api/v1/mottak/fagsystem/"+p.h.fra.FiksOrgID+"/bekymringsmelding/"+id+"/status",
		p.h.integrasjon(t, p.h.fra.Fagsystem), nil), &vil)
	for i := range vil {
		naar, err := time.ParseInLocation("2006-01-02T15:04:05.000", vil[i].Tidspunkt, klokke.Sone())
		if err != nil || naar.Before(siden.Add(-time.Second)) || naar.After(time.Now().Add(time.Second)) || vil[i].BekymringsmeldingID != id {
			t.Errorf("event %+v: %v", vil[i], err)
		}
		vil[i].Tidspunkt = naar.String()
	}
	fikk = slices.Clone(fikk)
	for i := range fikk {
		fikk[i].Tidspunkt = javatid(t, fikk[i].Tidspunkt).String()
	}
	if diff := gocmp.Diff(vil, fikk); diff != "" {
		t.Error(diff)
	}
}

// javatid reads what LocalDateTime prints: it leaves out what is zero at the end.
func javatid(t *testing.T, s string) time.Time {
	t.Helper()
	for _, form := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if naar, err := time.ParseInLocation(form, s, klokke.Sone()); err == nil {
			return naar
		}
	}
	t.Fatalf("time %q", s)
	return time.Time{}
}

// tilFeilNokkel: what the consumer cannot open becomes a letter, which has the PDF.
func (p produsent) tilFeilNokkel(t *testing.T) {
	c, stopp := p.h.lyttTrondheim(t, p.h.fra, p.h.key)
	defer stopp()
	r := nyRapport(t, 10_000)
	id := p.send(t, "v1", kommuneTrondheim, bydelTrondheim, r)
	if m := c.neste(t); m.feil == nil {
		t.Fatal("it was opened with another's key")
	}
	p.venter(t, id, tilPost)
	p.postlagt(t, id, r)
}

// postlagt has the print supplier tell that the one letter of a report is posted.
func (p produsent) postlagt(t *testing.T, id string, r rapport) {
	t.Helper()
	b := p.h.brevet(t, id, r.pdf)
	p.h.kall(t, 204, "POST", "/sandbox/print/"+b.ID+"/levert", nil, nil)
	p.venter(t, id, tilPost+" LEVERT")
}

// storrelse: both parts together may have 5 MiB, and not a byte more, also in chunks.
func (p produsent) storrelse(t *testing.T) {
	defer p.mot(t, p.h.b.BaseURL, false)
	c, stopp := p.h.lyttTrondheim(t, p.h.fra, "")
	defer stopp()
	r := nyRapport(t, 4_000_000)
	asice := p.h.kryptert(t, p.h.sti(p.h.fra.Fagsystem.Certificate), zipet(t, r))
	pdf := p.h.kryptert(t, p.h.sti("keys/print.cert.pem"), r.pdf[:1000])
	const grense = 5_242_880
	fyll := func(over int) string { // bytes after the message mean nothing
		return skriv(t, "pdf.cms", append(bytes.Clone(pdf), make([]byte, grense+over-len(asice)-len(pdf))...))
	}
	del := map[string]string{"kommunenummer": kommuneTrondheim, "bydelsnummer": bydelTrondheim, "asice": skriv(t, "asice.cms", asice)}
	for _, iBolker := range []bool{false, true} {
		p.mot(t, p.h.b.BaseURL, iBolker)
		antall := p.h.antall(t)
		del["pdf"] = fyll(1)
		feil := p.prov(t, "send", del, nil)
		// The client looks at no status: it fails on the body of the refusal, so it has heard it.
		if !strings.Contains(feil, "UnrecognizedPropertyException") || p.h.antall(t) != antall {
			t.Errorf("a byte too many: %q, %d reports", feil, p.h.antall(t)-antall)
		}
	}
	del["pdf"] = fyll(0)
	var svar, igjen struct{ UUID string }
	p.gjor(t, "send", del, &svar) // in chunks
	p.mot(t, p.h.b.BaseURL, false)
	p.gjor(t, "send", del, &igjen)
	if svar != igjen || svar.UUID == "" {
		t.Errorf("the very same bytes are %q and %q", svar, igjen)
	}
	m := c.neste(t)
	if m.feil != nil {
		t.Fatal(m.feil)
	}
	c.harLagret(t, m.meldingID, r)
	p.venter(t, svar.UUID, levert)
}

// konsument is KS's example, running.
type konsument struct {
	*java
	dir string
}

func (h *hus) konsument(t *testing.T, modul string, k sandbox.Kommune) konsument {
	t.Helper()
	base, err := url.Parse(h.b.BaseURL)
	if err != nil {
		t.Fatal(err)
	}
	key, cert := virksomhetssertifikat(t, k.Fagsystem.Organisasjonsnummer)
	c := konsument{dir: t.TempDir()}
	c.java = startJava(t, modul, "Konsument", map[string]string{
		"host": base.Hostname(), "port": base.Port(), "amqpHost": h.b.AMQP.Host, "amqpPort": strconv.Itoa(h.b.AMQP.TLSPort), "ca": h.sti(h.b.AMQP.CACertificate),
		"issuer": h.b.Maskinporten.Issuer, "tokenEndpoint": h.b.Maskinporten.TokenEndpoint, "key": key, "certificate": cert, "dir": c.dir,
		"integrasjonId": k.Fagsystem.IntegrasjonID, "integrasjonPassord": k.Fagsystem.IntegrasjonPassord,
		"kontoId": k.Fagsystem.FiksIOKontoID, "privateKey": h.sti(k.Fagsystem.PrivateKey),
	})
	if k := c.neste(t); k.Type != "klar" {
		t.Fatalf("%+v", k)
	}
	return c
}

// mottatt is what the example says of a message.
type mottatt struct{ Type, MeldingID, Svar string }

func (c konsument) neste(t *testing.T) (m mottatt) {
	t.Helper()
	c.les(t, &m)
	return m
}

// tilEksempelet: both types of version 1 are stored and answered; version 2 it does not
// know, and it answers with feilet before it refuses the message.
func (p produsent) tilEksempelet(t *testing.T, modul string) {
	c := p.h.konsument(t, modul, p.h.kommune(t, kommuneEksempel))
	for _, typ := range []string{"offentlig", "privat"} {
		r := nyRapport(t, 100_000)
		var id string
		if typ == "privat" {
			id = p.h.sendPrivat(t, r)
		} else {
			id = p.send(t, "v1", kommuneEksempel, bydelEksempel, r)
		}
		m := c.neste(t)
		if m.Type != "no.ks.fiks.bekymringsmelding."+typ+".v1" || m.Svar != "mottatt" {
			t.Fatalf("%+v", m)
		}
		for navn, vil := range map[string][]byte{"bekymringsmelding.pdf": r.pdf, "bekymringsmelding.json": r.json} {
			if !bytes.Equal(lesFil(t, filepath.Join(c.dir, m.MeldingID, navn)), vil) {
				t.Errorf("%s: %s came out otherwise than it went in", typ, navn)
			}
		}
		p.venter(t, id, levert)
	}

	r := nyRapport(t, 1000)
	id := p.send(t, "v2", kommuneEksempel, bydelEksempel, r)
	m := c.neste(t)
	if m.Type != "no.ks.fiks.bekymringsmelding.offentlig.v2" || m.Svar != "feilet" {
		t.Fatalf("%+v", m)
	}
	alle := p.venter(t, id, tilPost)
	if !strings.Contains(alle[2].Beskrivelse, "Ukjent meldingstype") {
		t.Errorf("why it was refused: %q", alle[2].Beskrivelse)
	}
	p.postlagt(t, id, r)
}
