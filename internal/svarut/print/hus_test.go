package print

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"knutepunkt/cms"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/pdf"
	"knutepunkt/internal/store"
)

// leverandor is the supplier's key with its certificate.
var leverandor = sync.OnceValues(func() (*rsa.PrivateKey, *x509.Certificate) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	mal := &x509.Certificate{SerialNumber: big.NewInt(4711), Subject: pkix.Name{CommonName: "Utskrift AS", Country: []string{"NO"}},
		NotBefore: grunntest.Start.AddDate(-1, 0, 0), NotAfter: grunntest.Start.AddDate(2, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, mal, mal, key.Public(), key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return key, cert
})

// sider is a PDF of n pages, each with the text and its number.
func sider(n int, tekst string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n")
	offsets := []int{0}
	add := func(format string, args ...any) {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n", len(offsets)-1)
		fmt.Fprintf(&b, format, args...)
		b.WriteString("\nendobj\n")
	}
	var kids []string
	for i := range n {
		kids = append(kids, fmt.Sprintf("%d 0 R", 4+2*i))
	}
	add("<</Type/Catalog/Pages 2 0 R>>")
	add("<</Type/Pages/Count %d/Kids[%s]>>", n, strings.Join(kids, " "))
	add("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
	for i := range n {
		innhold := fmt.Sprintf("BT /F 24 Tf 100 700 Td (%s %d) Tj ET", tekst, i+1)
		add("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R/Resources<</Font<</F 3 0 R>>>>>>", 5+2*i)
		add("<</Length %d>>\nstream\n%s\nendstream", len(innhold), innhold)
	}
	at := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets))
	for _, o := range offsets[1:] {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(offsets), at)
	return b.Bytes()
}

func fil(navn string, b []byte, endre ...func(*levering.Fil)) levering.Fil {
	f := levering.Fil{Navn: navn, Mimetype: "application/pdf", Storrelse: int64(len(b)),
		Apne: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
	for _, fn := range endre {
		fn(&f)
	}
	return f
}

// Words that are nowhere to be read at rest.
const (
	hemmeligNavn    = "Kari Hemmelig Nordmann"
	hemmeligGate    = "Skjulveien 17"
	hemmeligTittel  = "Vedtak om skjult bistand"
	hemmeligInnhold = "Innholdet i selve brevet"
	hemmeligFeil    = "Adressaten Kari er ukjent"
)

func etBrev() levering.Forsendelse {
	return levering.Forsendelse{
		Filer: []levering.Fil{fil("vedtak.pdf", sider(3, hemmeligInnhold))},
		Post: levering.Post{Tittel: hemmeligTittel, Niva: 4, Tosidig: true, Farger: true, Konteringskode: "4601-17",
			Avsender: levering.Adresse{Navn: "Bergen kommune", Adresselinje1: "Postboks 7700", Postnummer: "5020", Poststed: "BERGEN"},
			Mottaker: levering.Adresse{Navn: hemmeligNavn, Fnr: "01410112345", Adresselinje1: hemmeligGate, Postnummer: "0151", Poststed: "OSLO"}},
	}
}

// hus is the house up to this room, with a source of letters.
type hus struct {
	*grunntest.Grunn
	*Kanal
	lev       *levering.Service
	mappe     string // of the supplier
	transport *proxy
	brev      levering.Forsendelse
	kildefeil error
	logg      []string       // the sender's log
	sett      map[string]int // how often the supplier has seen each job file
	tilstand  []levering.Tilstand
	linjer    *bytes.Buffer // what is logged
	sendt     func() error  // before levering takes a job over
	igjen     func() error  // does the last Send once more
}

func (h *hus) Forsendelse(context.Context, levering.Levering, string) (levering.Forsendelse, error) {
	return h.brev, h.kildefeil
}

func (h *hus) Endret(_ context.Context, _ *store.Tx, l levering.Levering) error {
	h.tilstand = append(h.tilstand, l.Tilstand)
	return nil
}

func (h *hus) Kontakter(context.Context, levering.Levering) ([]string, error) {
	return []string{"post@kommune.example"}, nil
}

// Send is the channel's, in which the last step can be made to fail.
func (h *hus) Send(ctx context.Context, l levering.Levering, f levering.Forsendelse, sendt func(*store.Tx) error) error {
	h.igjen = func() error { return h.Kanal.Send(ctx, l, f, sendt) }
	return h.Kanal.Send(ctx, l, f, func(tx *store.Tx) error {
		if h.sendt != nil {
			if err := h.sendt(); err != nil {
				return err
			}
		}
		return sendt(tx)
	})
}

func nyttHus(t *testing.T, endre ...func(*Config)) *hus {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "print"), 0o700); err != nil {
		t.Fatal(err)
	}
	return apneHus(t, dir, klokke.NyManuell(grunntest.Start), endre...)
}

func apneHus(t *testing.T, dir string, k *klokke.Manuell, endre ...func(*Config)) *hus {
	t.Helper()
	h := &hus{mappe: filepath.Join(dir, "print"), brev: etBrev(), sett: map[string]int{}, linjer: &bytes.Buffer{}}
	h.Grunn = grunntest.Aapne(t, dir, k, levering.Migrations(), Migrations())
	log := slog.New(slog.NewTextHandler(io.MultiWriter(h.linjer, t.Output()), nil))
	h.lev = levering.NewService(h.Grunn.DB, k, h.Grunn.Jobs, h.Mail, log, levering.Config{})
	h.lev.RegistrerKilde("svarut", h)
	h.transport = &proxy{Transport: Folder(h.mappe)}
	_, cert := leverandor()
	cfg := Config{Sertifikat: cert, Ut: "ut", Inn: "inn", Driftsvarsel: []string{"drift@knutepunkt.example"}}
	for _, fn := range endre {
		fn(&cfg)
	}
	var err error
	h.Kanal, err = New(Deps{DB: h.Grunn.DB, Ring: h.Grunn.Ring, Blobs: h.Grunn.Blobs, Klokke: k, Jobs: h.Grunn.Jobs, Levering: h.lev,
		Transport: h.transport, Varsler: h.Mail, Log: log, Logg: func(_ context.Context, _ *store.Tx, forsendelseID, tekst string) error {
			h.logg = append(h.logg, tekst)
			return nil
		}}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	h.lev.RegistrerKanal(h)
	return h
}

func (h *hus) skriv(t *testing.T, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := h.Grunn.DB.Write(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// opprett makes a letter that is to be printed; nothing is done yet.
func (h *hus) opprett(t *testing.T) (leveringID string) {
	t.Helper()
	id := uuid.NewString()
	h.skriv(t, func(tx *store.Tx) error {
		return h.lev.Opprett(t.Context(), tx, levering.Ny{ID: id, Kilde: "svarut", KildeID: uuid.NewString(), FiksOrgID: uuid.NewString(),
			Plan: []levering.Steg{{Kanal: levering.KanalPrint, Frist: 7 * 24 * time.Hour, Ubegrenset: true, Utholdende: true}}})
	})
	return id
}

// kjor does all that is due now.
func (h *hus) kjor(t *testing.T) {
	t.Helper()
	if err := h.Grunn.Jobs.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// fram moves the clock, as far as it takes for the supplier's folder to be looked at
// twice when d is 0.
func (h *hus) fram(t *testing.T, d time.Duration) {
	t.Helper()
	if d == 0 {
		d = 3 * time.Minute
	}
	h.Frem(t, d)
}

func (h *hus) levering(t *testing.T, id string) levering.Levering {
	t.Helper()
	l, _, err := h.lev.Hent(t.Context(), h.Grunn.DB.Read(), id)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// jobber are the states of all jobs, in the order of their making.
func (h *hus) jobber(t *testing.T) (alle []Jobb, tilstander []Tilstand) {
	t.Helper()
	alle, err := h.Jobber(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range alle {
		tilstander = append(tilstander, j.Tilstand)
	}
	return alle, tilstander
}

func (h *hus) siste(t *testing.T) Jobb {
	t.Helper()
	alle, _ := h.jobber(t)
	if len(alle) == 0 {
		t.Fatal("no job")
	}
	return alle[len(alle)-1]
}

// hentet is a job that the supplier has taken.
type hentet struct {
	jobbfil
	raa []byte // the job file
	pdf []byte // in clear
}

// hent takes what lies ready as the supplier does: the job files, the PDFs they
// stand for, and then both are gone.
func (h *hus) hentJobber(t *testing.T) (ut []hentet) {
	t.Helper()
	filer, err := filepath.Glob(filepath.Join(h.mappe, "ut", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range filer {
		raa, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		h.sett[filepath.Base(f)]++
		j := hentet{raa: raa, pdf: apnePDF(t, strings.TrimSuffix(f, ".json")+".pdf.crypt")}
		if err := json.Unmarshal(raa, &j.jobbfil); err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(j.pdf); hex.EncodeToString(sum[:]) != j.SHA256 {
			t.Errorf("the letter's checksum is not that of the job file")
		}
		info, err := pdf.Ny(1).Sjekk(t.Context(), bytes.NewReader(j.pdf))
		if err != nil || info.Sider != j.AntallSider {
			t.Errorf("the letter has %d pages (%v), the job file says %d", info.Sider, err, j.AntallSider)
		}
		for _, f := range []string{f, strings.TrimSuffix(f, ".json") + ".pdf.crypt"} {
			if err := os.Remove(f); err != nil {
				t.Fatal(err)
			}
		}
		ut = append(ut, j)
	}
	return ut
}

func (h *hus) hentEn(t *testing.T) hentet {
	t.Helper()
	j := h.hentJobber(t)
	if len(j) != 1 {
		t.Fatalf("the supplier finds %d jobs, want 1", len(j))
	}
	return j[0]
}

func apnePDF(t *testing.T, navn string) []byte {
	t.Helper()
	f, err := os.Open(navn)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	key, cert := leverandor()
	r, err := cms.NewReader(f, cms.Key{Private: key, Certificate: cert})
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (h *hus) kvittering(j string, status Tilstand) Kvittering {
	kv := Kvittering{JobbID: j, Status: status, Tidspunkt: h.Grunn.Klokke.Now()}
	if status == Avvist {
		kode, tekst := "E17", hemmeligFeil
		kv.Feilkode, kv.Feilmelding = &kode, &tekst
	} else {
		ark := 4
		kv.AntallArk, kv.Porto = &ark, "23.50"
	}
	return kv
}

// svar leaves a receipt's file, as the supplier does.
func (h *hus) svar(t *testing.T, kv Kvittering, nr int) {
	t.Helper()
	b, err := json.Marshal(kv)
	if err != nil {
		t.Fatal(err)
	}
	h.leggInn(t, fmt.Sprintf("%s.%d.json", kv.JobbID, nr), b)
}

func (h *hus) leggInn(t *testing.T, navn string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(h.mappe, "inn"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.mappe, "inn", navn), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// filer lists all files of the supplier's folder.
func (h *hus) filer(t *testing.T) (ut []string) {
	t.Helper()
	err := filepath.WalkDir(h.mappe, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(h.mappe, p)
			ut = append(ut, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(ut)
	return ut
}

func (h *hus) epost(t *testing.T) (ut []string) {
	t.Helper()
	alle, err := h.Epost.Alle(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range alle {
		ut = append(ut, strings.Join(e.To, ",")+": "+e.Subject)
	}
	return ut
}

// proxy is a transport whose calls can be made to fail, before or after they were done.
type proxy struct {
	Transport
	nede     bool
	evig     bool                        // it was opened without a time limit
	foer     func(op, navn string) error // before the call
	etterpaa func(op, navn string) error // after it was done
}

var errBrudd = errors.New("connection reset")

func (p *proxy) Koble(ctx context.Context) (Forbindelse, error) {
	if p.nede {
		return nil, errBrudd
	}
	f, err := p.Transport.Koble(ctx)
	if err != nil {
		return nil, err
	}
	if _, ok := ctx.Deadline(); !ok {
		p.evig = true
	}
	return &proxyForbindelse{Forbindelse: f, p: p}, nil
}

type proxyForbindelse struct {
	Forbindelse
	p *proxy
}

func (f *proxyForbindelse) rundt(op, navn string, fn func() error) error {
	if f.p.foer != nil {
		if err := f.p.foer(op, navn); err != nil {
			return err
		}
	}
	if err := fn(); err != nil {
		return err
	}
	if f.p.etterpaa != nil {
		return f.p.etterpaa(op, navn)
	}
	return nil
}

func (f *proxyForbindelse) Skriv(navn string, r io.Reader) error {
	return f.rundt("skriv", navn, func() error { return f.Forbindelse.Skriv(navn, r) })
}

func (f *proxyForbindelse) Flytt(fra, til string) error {
	return f.rundt("flytt", til, func() error { return f.Forbindelse.Flytt(fra, til) })
}

func (f *proxyForbindelse) Slett(navn string) error {
	return f.rundt("slett", navn, func() error { return f.Forbindelse.Slett(navn) })
}
