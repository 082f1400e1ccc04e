package sandbox

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"embed"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"knutepunkt/client"
	"knutepunkt/cms"
	"knutepunkt/internal/digisos"
)

//go:embed demo/*.json
var demofiler embed.FS

// demofrist bounds each wait of the demo.
const demofrist = 30 * time.Second

// DemoConfig is what Demo plays with.
type DemoConfig struct {
	Beskrivelse Beskrivelse
	Dir         string // that the paths of Beskrivelse are relative to
	Kommune     string // kommunenummer; its konto must be empty, since the demo consumes it
	// Stille is the kommunenummer of a fagsystem that never answers, for the
	// second act, which moves the clock by days; "" leaves it out.
	Stille string
	HTTP   *http.Client // nil: the SDK's default
}

// Demo plays a case on this sandbox, in the first municipality whose fagsystem
// has nothing waiting: what others have sent is not consumed for them.
func (s *Sandbox) Demo(ctx context.Context, out io.Writer) error {
	for _, k := range kommuner {
		if !k.FiksIO {
			continue
		}
		konto, err := s.App.FiksIO.Konto(ctx, k.kontoID())
		if err != nil {
			return fmt.Errorf("finding the konto of %s: %w", k.Navn, err)
		}
		st, err := s.App.FiksIO.Status(ctx, konto)
		if err != nil {
			return fmt.Errorf("the konto of %s: %w", k.Navn, err)
		}
		if st.AntallUavhentedeMeldinger == 0 && st.AntallKonsumenter == 0 {
			cfg := DemoConfig{Beskrivelse: s.beskrivelse, Dir: s.dir, Kommune: k.Nummer}
			if venter, err := s.noeVenter(ctx); err != nil {
				return err
			} else if !venter {
				cfg.Stille = tausKommune
			}
			return Demo(ctx, out, cfg)
		}
	}
	return errors.New("every fagsystem has messages waiting; start with an empty --dir to see the demo")
}

// noeVenter tells whether anything is on its way: then the clock is left alone,
// since it would let what others have sent expire.
func (s *Sandbox) noeVenter(ctx context.Context) (bool, error) {
	for _, k := range kommuner {
		n, err := s.App.Levering.Uferdige(ctx, s.App.DB.Read(), k.orgID())
		if err != nil || n > 0 {
			return n > 0, err
		}
	}
	return false, nil
}

// demo is one play.
type demo struct {
	DemoConfig
	out     io.Writer
	steg    int
	begynte time.Time

	kommune Kommune
	person  Testperson
	ref     string // navEksternRefId
	nav     *client.Client
	borger  *client.Client // NAV, with the citizen logged in
	fag     *client.Client
	cert    *x509.Certificate // the platform's

	id      string            // DigisosId
	sendt   map[string][]byte // what was sent, by file name
	mottatt chan error
	vedtak  []byte
	fil     string // dokumentlager id of the vedtak
}

// Demo plays a complete case through the public APIs, as NAV, the citizen and
// the fagsystem would, and tells on out what each step proved. It stops at the
// first step that is not as it should be.
func Demo(ctx context.Context, out io.Writer, cfg DemoConfig) error {
	d := nyDemo(out, cfg)
	if err := d.velg(cfg.Kommune); err != nil {
		return err
	}
	ctx, stopp := context.WithCancel(ctx)
	defer stopp()
	fmt.Fprintf(out, "\nEn sak fra søknad til vedtak i %s kommune:\n\n", d.kommune.Navn)
	err := d.spill(ctx, []demosteg{
		{"NAV lister kommunene", d.listKommuner},
		{"NAV henter plattformens offentlige nøkkel", d.hentNokkel},
		{"Fagsystemet kobler seg til over AMQP", d.lytt},
		{"NAV laster opp et vedlegg for innbyggeren, på forhånd", d.mellomlagre},
		{"Innbyggeren sender søknaden", d.send},
		{"Fagsystemet mottar, dekrypterer, kontrollerer og kvitterer", d.motta},
		{"NAV ser at søknaden er levert", d.levert},
		{"Fagsystemet laster opp et vedtak", d.lastOpp},
		{"Fagsystemet oppdaterer saken", d.oppdater},
		{"Innbyggeren leser saken og vedtaket", d.lesSak},
		{"NAV leser saken", d.navLeser},
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nSpor av saken: %s/sandbox/spor/%s\n", cfg.Beskrivelse.BaseURL, d.id)
	if cfg.Stille == "" {
		fmt.Fprintln(out, "Ferdig")
		return nil
	}
	andre := nyDemo(out, cfg)
	if err := andre.velg(cfg.Stille); err != nil {
		return err
	}
	andre.steg = d.steg
	if err := andre.brev(ctx); err != nil {
		return err
	}
	fmt.Fprintln(out, "Ferdig")
	return nil
}

func nyDemo(out io.Writer, cfg DemoConfig) *demo {
	return &demo{DemoConfig: cfg, out: out, person: cfg.Beskrivelse.Personer[0], ref: "demo-" + rand.Text()[:12], sendt: map[string][]byte{}}
}

// velg finds the kommune that the act is played with.
func (d *demo) velg(nummer string) error {
	i := slices.IndexFunc(d.Beskrivelse.Kommuner, func(k Kommune) bool { return k.Kommunenummer == nummer })
	if i < 0 {
		return fmt.Errorf("the sandbox has no kommune %s", nummer)
	}
	d.kommune = d.Beskrivelse.Kommuner[i]
	d.klienter()
	return nil
}

// demosteg is a step, which gives in words what it proved.
type demosteg struct {
	hva  string
	gjor func(context.Context) (string, error)
}

func (d *demo) spill(ctx context.Context, stegene []demosteg) error {
	for _, s := range stegene {
		d.steg++
		d.begynte = time.Now()
		bevist, err := s.gjor(ctx)
		if err != nil {
			return fmt.Errorf("step %d, %s: %w", d.steg, s.hva, err)
		}
		fmt.Fprintf(d.out, "%2d. %s (%d ms)\n    %s\n", d.steg, s.hva, time.Since(d.begynte).Milliseconds(), bevist)
	}
	return nil
}

func (d *demo) klienter() {
	b := d.Beskrivelse
	ny := func(i Integrasjon) *client.Client {
		return client.New(client.Config{BaseURL: b.BaseURL, IntegrasjonID: i.IntegrasjonID, IntegrasjonPassord: i.IntegrasjonPassord, HTTP: d.HTTP,
			Token: client.URLToken(d.HTTP, fyll(b.Tokens.Maskinporten, "{orgno}", i.Organisasjonsnummer, "{scope}", "ks:fiks"))})
	}
	d.nav, d.fag = ny(b.NAV), ny(d.kommune.Fagsystem.Integrasjon)
	d.borger = d.nav.SomPerson(client.URLToken(d.HTTP, fyll(b.Tokens.IDPorten,
		"{pid}", d.person.Fnr, "{acr}", "idporten-loa-high", "{orgno}", b.NAV.Organisasjonsnummer)))
}

// fyll fills in a URL's places.
func fyll(mal string, par ...string) string {
	for i := 1; i < len(par); i += 2 {
		par[i] = url.QueryEscape(par[i])
	}
	return strings.NewReplacer(par...).Replace(mal)
}

func (d *demo) listKommuner(ctx context.Context) (string, error) {
	alle, err := d.nav.Kommuner(ctx)
	if err != nil {
		return "", err
	}
	for _, k := range alle {
		if k.Kommunenummer == d.kommune.Kommunenummer && k.KanMottaSoknader {
			return fmt.Sprintf("%d kommuner; %s %s kan motta søknader", len(alle), k.Kommunenummer, d.kommune.Navn), nil
		}
	}
	return "", errors.New("the kommune does not take søknader")
}

func (d *demo) hentNokkel(ctx context.Context) (_ string, err error) {
	if d.cert, err = d.nav.PublicKey(ctx); err != nil {
		return "", err
	}
	pub, ok := d.cert.PublicKey.(*rsa.PublicKey)
	if !ok {
		return "", errors.New("the platform's key is not RSA")
	}
	return fmt.Sprintf("RSA %d bit, gyldig til %s", pub.N.BitLen(), d.cert.NotAfter.Format(time.DateOnly)), nil
}

// fil is a PDF to send, remembered so that what arrives can be compared.
func (d *demo) pdf(navn, tekst string) client.Fil {
	data := lagPDF(tekst)
	d.sendt[navn] = data
	return demofil(navn, data)
}

func demofil(navn string, data []byte) client.Fil {
	return client.Fil{Navn: navn, Mimetype: "application/pdf", Storrelse: int64(len(data)),
		Apne: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
}

func (d *demo) mellomlagre(ctx context.Context) (string, error) {
	f := d.pdf("lonnslipp.pdf", "Lønnslipp for mars")
	if err := d.nav.Mellomlagre(ctx, d.cert, d.ref, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s: %d byte, kryptert på vei inn, sha256 %s", f.Navn, f.Storrelse, kort(d.sendt[f.Navn])), nil
}

func (d *demo) send(ctx context.Context) (string, error) {
	fornavn, etternavn, _ := strings.Cut(d.person.Navn, " ")
	soknad, err := demoJSON("soknad", "{fnr}", d.person.Fnr, "{fornavn}", fornavn, "{etternavn}", etternavn,
		"{kommunenummer}", d.kommune.Kommunenummer, "{kommune}", d.kommune.Navn)
	if err != nil {
		return "", err
	}
	sum := sha512.Sum512(d.sendt["lonnslipp.pdf"])
	vedlegg, err := demoJSON("vedlegg", "{sha512}", hex.EncodeToString(sum[:]))
	if err != nil {
		return "", err
	}
	d.sendt["soknad.json"], d.sendt["vedlegg.json"] = soknad, vedlegg
	filer := []client.Fil{d.pdf("Soknad.pdf", "Søknad om økonomisk sosialhjelp"), d.pdf("Soknad-juridisk.pdf", "Søknaden slik den ble sendt, juridisk kopi")}
	d.id, err = d.borger.SendSoknad(ctx, d.cert, d.kommune.Kommunenummer, d.ref,
		client.Soknad{SoknadJSON: soknad, VedleggJSON: vedlegg, Enhetsnummer: d.kommune.Kommunenummer, Filer: filer})
	if err != nil {
		return "", err
	}
	// The same again must give the same: the platform tells the id that it has.
	_, err = d.borger.SendSoknad(ctx, d.cert, d.kommune.Kommunenummer, d.ref,
		client.Soknad{SoknadJSON: soknad, VedleggJSON: vedlegg, Filer: filer})
	if err == nil || client.Status(err) != http.StatusBadRequest || !strings.Contains(err.Error(), d.id) {
		return "", fmt.Errorf("sending it again was not refused with the id: %w", err)
	}
	return fmt.Sprintf("DigisosId %s; sendt om igjen gir den samme id-en", d.id), nil
}

func demoJSON(navn string, par ...string) ([]byte, error) {
	data, err := demofiler.ReadFile("demo/" + navn + ".json")
	if err != nil {
		return nil, err
	}
	for i := 1; i < len(par); i += 2 {
		sitert, err := json.Marshal(par[i])
		if err != nil {
			return nil, err
		}
		par[i] = string(sitert[1 : len(sitert)-1])
	}
	return []byte(strings.NewReplacer(par...).Replace(string(data))), nil
}

// lytt begins to receive. The first message must be the demo's own.
func (d *demo) lytt(ctx context.Context) (string, error) {
	key, err := lesPrivat(filepath.Join(d.Dir, filepath.FromSlash(d.kommune.Fagsystem.PrivateKey)))
	if err != nil {
		return "", err
	}
	d.mottatt = make(chan error, 1)
	klar := make(chan struct{}, 1)
	lctx, ferdig := context.WithCancel(ctx)
	go func() {
		defer ferdig()
		err := d.fag.Lytt(lctx, client.Mottaker{
			Addr:    net.JoinHostPort(d.Beskrivelse.AMQP.Host, strconv.Itoa(d.Beskrivelse.AMQP.Port)),
			KontoID: d.kommune.Fagsystem.FiksIOKontoID, Nokler: []cms.Key{{Private: key}}, Prefetch: 1, Navn: "knutepunkt demo",
			Tilkoblet: func() { klar <- struct{}{} },
		}, func(ctx context.Context, m *client.Mottatt) error {
			err := d.behandle(ctx, m)
			select {
			case d.mottatt <- err:
			default: // told already
			}
			if err == nil {
				// Lytt acknowledges when this returns, and ends at the next turn.
				time.AfterFunc(200*time.Millisecond, ferdig)
			}
			return err
		})
		select {
		case d.mottatt <- err:
		default:
		}
	}()
	select {
	case <-klar:
		return fmt.Sprintf("konto %s, bruker integrasjon-id, passord og Maskinporten-token", d.kommune.Fagsystem.FiksIOKontoID), nil
	case err := <-d.mottatt:
		return "", err
	case <-time.After(demofrist):
		return "", errors.New("the AMQP consumer did not get ready")
	}
}

func lesPrivat(fil string) (*rsa.PrivateKey, error) {
	data, err := os.ReadFile(fil)
	if err != nil {
		return nil, fmt.Errorf("reading the fagsystem's key: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("the fagsystem's key is not PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("reading the fagsystem's key: %w", err)
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("the fagsystem's key is not RSA")
	}
	return private, nil
}

// behandle is what a fagsystem does with a message: it may trust what it has
// got only when all of it has been verified, and only then does it answer.
func (d *demo) behandle(ctx context.Context, m *client.Mottatt) error {
	if m.MeldingType != digisos.TypeSoknad {
		return fmt.Errorf("expected a søknad, got %s", m.MeldingType)
	}
	fikk := map[string][32]byte{}
	rapport, err := m.Filer(ctx, func(navn string, r io.Reader) error {
		h := sha256.New()
		_, err := io.Copy(h, r)
		fikk[navn] = [32]byte(h.Sum(nil))
		return err
	})
	if err != nil {
		return err
	}
	if len(rapport.Signatures) == 0 {
		return errors.New("the container is not signed")
	}
	for navn, data := range d.sendt {
		if fikk[navn] != sha256.Sum256(data) {
			return fmt.Errorf("%s did not arrive as it was sent; got %v", navn, slices.Sorted(maps.Keys(fikk)))
		}
	}
	_, err = m.Svar(ctx, digisos.TypeSoknadMottatt)
	return err
}

func (d *demo) motta(ctx context.Context) (string, error) {
	select {
	case err := <-d.mottatt:
		if err != nil {
			return "", err
		}
	case <-ctx.Done():
		return "", ctx.Err()
	case <-time.After(demofrist):
		return "", errors.New("the message did not come")
	}
	sum := 0
	for _, data := range d.sendt {
		sum += len(data)
	}
	return fmt.Sprintf("ASiC-E dekryptert, signatur gyldig, %d filer på %d byte er bit for bit som sendt; svarte %s",
		len(d.sendt), sum, digisos.TypeSoknadMottatt), nil
}

// levert waits until the receipt has been recorded, which happens in the background.
func (d *demo) levert(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, demofrist)
	defer cancel()
	for {
		status, err := d.nav.LevertFagsystem(ctx, d.ref, d.id)
		if err != nil {
			return "", err
		}
		if status[d.id] {
			return "levertFagsystem: true", nil
		}
		if !vent(ctx, 20*time.Millisecond) {
			return "", errors.New("the receipt was not recorded")
		}
	}
}

func (d *demo) lastOpp(ctx context.Context) (string, error) {
	d.vedtak = lagPDF("Vedtak: søknaden er innvilget")
	filer, err := d.fag.LastOpp(ctx, d.cert, d.kommune.FiksOrgID, d.id, demofil("vedtak.pdf", d.vedtak))
	if err != nil {
		return "", err
	}
	if len(filer) != 1 {
		return "", fmt.Errorf("%d files came back", len(filer))
	}
	d.fil = filer[0].DokumentlagerDokumentID
	return fmt.Sprintf("vedtak.pdf: %d byte, dokument %s, sha256 %s", len(d.vedtak), d.fil, kort(d.vedtak)), nil
}

func (d *demo) oppdater(ctx context.Context) (string, error) {
	soker, err := demoJSON("digisos-soker", "{tid}", time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), "{vedtak}", d.fil)
	if err != nil {
		return "", err
	}
	if err := d.fag.OppdaterSak(ctx, d.kommune.FiksOrgID, d.id, soker); err != nil {
		return "", err
	}
	return "digisos-soker.json: mottatt, under behandling, vedtak fattet", nil
}

func (d *demo) lesSak(ctx context.Context) (string, error) {
	sak, err := d.borger.Soknad(ctx, d.id)
	if err != nil {
		return "", err
	}
	if sak.DigisosSoker == nil || sak.OriginalSoknadNAV == nil || len(sak.DigisosSoker.Dokumenter) != 1 {
		return "", errors.New("the case does not show what was done with it")
	}
	r, err := d.borger.Dokument(ctx, d.id, sak.DigisosSoker.Dokumenter[0].DokumentlagerDokumentID)
	if err != nil {
		return "", err
	}
	defer r.Close()
	lest, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err != nil {
		return "", err
	}
	if !bytes.Equal(lest, d.vedtak) {
		return "", errors.New("the vedtak is not as it was uploaded")
	}
	return fmt.Sprintf("søknad med %d vedlegg; vedtak.pdf på %d byte er bit for bit som lastet opp, sha256 %s",
		len(sak.OriginalSoknadNAV.Vedlegg), len(lest), kort(lest)), nil
}

func (d *demo) navLeser(ctx context.Context) (string, error) {
	sak, err := d.nav.NAVSoknad(ctx, d.id, d.ref)
	if err != nil {
		return "", err
	}
	if sak.DigisosSoker == nil {
		return "", errors.New("NAV does not see the update")
	}
	r, err := d.nav.NAVDokument(ctx, d.id, sak.DigisosSoker.Metadata, d.ref)
	if err != nil {
		return "", err
	}
	defer r.Close()
	n, err := io.Copy(io.Discard, io.LimitReader(r, 1<<20))
	if err != nil {
		return "", err
	}
	if r, err := d.nav.NAVDokument(ctx, d.id, d.fil, d.ref); err == nil {
		r.Close()
		return "", errors.New("NAV could read the vedtak itself")
	} else if client.Status(err) != http.StatusForbidden {
		return "", err
	}
	return fmt.Sprintf("digisos-soker.json på %d byte; selve vedtaket får NAV ikke lese (403); oppslagene er i revisjonsloggen med sporingsId %s", n, d.ref), nil
}

func kort(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8]) + "…"
}

// lagPDF makes a one-page PDF 1.4 with a line of text.
func lagPDF(tekst string) []byte {
	var linje strings.Builder // WinAnsi: Latin-1 for the letters that we use
	for _, r := range tekst {
		switch {
		case r == '(' || r == ')' || r == '\\':
			fmt.Fprintf(&linje, "\\%c", r)
		case r < 256:
			linje.WriteByte(byte(r))
		default:
			linje.WriteByte('?')
		}
	}
	innhold := "BT /F1 18 Tf 72 760 Td (" + linje.String() + ") Tj ET"
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
	var start []int
	for i, o := range []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R /Resources << /Font << /F1 4 0 R >> >> >>",
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(innhold), innhold),
	} {
		start = append(start, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(start)+1)
	for _, s := range start {
		fmt.Fprintf(&b, "%010d 00000 n \n", s)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(start)+1, xref)
	return b.Bytes()
}
