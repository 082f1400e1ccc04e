package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"knutepunkt/asice"
	"knutepunkt/client"
	"knutepunkt/cms"
)

// Reports of concern: a producer sends them by the API to offices of each kind. One has a
// fagsystem that answers; those of the others are never fetched and end as letters.
const (
	typeMelding        = "no.ks.fiks.bekymringsmelding.offentlig.v1"
	typeMeldingMottatt = "no.ks.fiks.bekymringsmelding.mottatt.v1"
	kildeMelding       = "BEKYMRINGSMELDING"

	meldingSti = "/bekymringsmelding/api/v1/mottak/fagsystem/"

	meldingJSON, meldingPDF = "bekymringsmelding.json", "bekymringsmelding.pdf"
)

// kontor is an office that receives reports.
type kontor struct {
	kommune, bydel string
	svarer         bool // its fagsystem listens
	brev, mottaker *x509.Certificate
}

// rapport is a report, and what became of it. What stands above godtatt is written by the
// sender alone; the rest under the history's lock.
type rapport struct {
	nr          int
	kontor      *kontor
	merke       string
	json        []byte
	pdf         *fil
	kropp       []byte // the request, byte for byte the same each time it is sent
	contentType string
	forsok      int

	id      string // as anybody told it
	godtatt bool
	levert  bool                // the platform said so
	fiksio  map[string]*melding // messages that it came in
	jobb    string              // at the printer's
	printet utfall
}

// rapporthistorie is what was seen of reports, under the history's lock.
type rapporthistorie struct {
	alle     []*rapport
	paaMerke map[string]*rapport
	uavklart []*rapport
}

// kontorer finds the offices with their keys.
func (l *liv) kontorer(ctx context.Context) ([]*kontor, error) {
	alle := []*kontor{{kommune: medFagsystem, bydel: "00", svarer: true}, {kommune: "9904", bydel: "01"}, {kommune: "9904", bydel: "02"}, {kommune: "9904", bydel: "03"}}
	for _, k := range alle {
		var svar struct {
			Print  struct{ Nokkel string } `json:"printOffentligNokkel"`
			FiksIO struct{ Nokkel string } `json:"fiksIOOffentligNokkel"`
		}
		if err := l.svarut(ctx, http.MethodGet, meldingSti+k.kommune+"/"+k.bydel+"/krypteringsnokler", "", nil, &svar); err != nil {
			return nil, fmt.Errorf("fetching the keys of %s %s: %w", k.kommune, k.bydel, err)
		}
		for _, n := range []struct {
			pem string
			til **x509.Certificate
		}{{svar.Print.Nokkel, &k.brev}, {svar.FiksIO.Nokkel, &k.mottaker}} {
			blokk, _ := pem.Decode([]byte(n.pem))
			if blokk == nil {
				return nil, fmt.Errorf("a key of %s %s is not PEM", k.kommune, k.bydel)
			}
			c, err := x509.ParseCertificate(blokk.Bytes)
			if err != nil {
				return nil, err
			}
			*n.til = c
		}
	}
	return alle, nil
}

// nyRapport makes a report with both its parts encrypted.
func (l *liv) nyRapport(rng *rand.Rand, k *kontor, nokkel asice.Key) (*rapport, error) {
	merke, nr := l.h.plant()
	r := &rapport{nr: nr, kontor: k, merke: merke, json: []byte(`{"melding":"` + merke + `"}`),
		pdf: l.h.nyFil(rng, meldingPDF, 500+rng.IntN(60_000), true), fiksio: map[string]*melding{}}
	var kropp bytes.Buffer
	w := multipart.NewWriter(&kropp)
	for _, d := range []struct {
		navn, filnavn string
		til           *x509.Certificate
		skriv         func(io.Writer) error
	}{
		{"bekymringsmelding", meldingPDF, k.brev, func(w io.Writer) error { _, err := io.Copy(w, l.h.innhold(r.pdf)); return err }},
		{"asice", "asice.zip", k.mottaker, func(w io.Writer) error {
			a, err := asice.NewWriter(w, nokkel, asice.WriterOptions{})
			if err != nil {
				return err
			}
			if err := a.Add(meldingJSON, "application/json", bytes.NewReader(r.json)); err != nil {
				return err
			}
			if err := a.Add(meldingPDF, "application/pdf", l.h.innhold(r.pdf)); err != nil {
				return err
			}
			return a.Close()
		}},
	} {
		del, err := w.CreateFormFile(d.navn, d.filnavn)
		if err != nil {
			return nil, err
		}
		c, err := cms.NewWriter(del, d.til)
		if err != nil {
			return nil, err
		}
		if err := d.skriv(c); err != nil {
			return nil, err
		}
		if err := c.Close(); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	r.kropp, r.contentType = kropp.Bytes(), w.FormDataContentType()
	l.h.mu.Lock()
	defer l.h.mu.Unlock()
	l.h.rapporter.alle = append(l.h.rapporter.alle, r)
	l.h.rapporter.paaMerke[merke] = r
	return r, nil
}

// melder makes and sends reports until the platform dies or stopp is closed.
func (l *liv) melder(ctx context.Context, rng *rand.Rand, stopp <-chan struct{}) {
	kontorer, err := l.kontorer(ctx)
	if err != nil {
		if client.Status(err) != 0 {
			l.h.feil("life %d: %v", l.nr, err)
		} else if ctx.Err() == nil {
			l.taus("fetching keys", err)
		}
		return
	}
	nokkel, err := l.signeringsnokkel()
	if err != nil {
		l.h.feil("life %d: %v", l.nr, err)
		return
	}
	for !l.drept.Load() {
		select {
		case <-stopp:
			return
		case <-l.Slutt():
			return
		case <-time.After(time.Duration(rng.IntN(20)) * time.Millisecond):
		}
		r := l.h.taUavklartRapport()
		if r == nil {
			k := kontorer[0]
			if rng.IntN(3) == 0 {
				k = kontorer[1+rng.IntN(3)]
			}
			if r, err = l.nyRapport(rng, k, nokkel); err != nil {
				l.h.feil("making a report: %v", err)
				return
			}
		}
		l.sendRapport(ctx, r)
	}
}

// avklarRapporter sends again what has got no answer, until everything has.
func (l *liv) avklarRapporter(ctx context.Context) {
	for !l.drept.Load() {
		r := l.h.taUavklartRapport()
		if r == nil {
			return
		}
		l.sendRapport(ctx, r)
	}
}

func (l *liv) signeringsnokkel() (asice.Key, error) {
	n, err := l.Nokkel(l.kommune)
	if err != nil {
		return asice.Key{}, err
	}
	data, err := os.ReadFile(filepath.Join(l.Dir, filepath.FromSlash(l.kommune.Fagsystem.Certificate)))
	if err != nil {
		return asice.Key{}, err
	}
	blokk, _ := pem.Decode(data)
	if blokk == nil {
		return asice.Key{}, fmt.Errorf("%s is not PEM", l.kommune.Fagsystem.Certificate)
	}
	c, err := x509.ParseCertificate(blokk.Bytes)
	if err != nil {
		return asice.Key{}, err
	}
	signer, ok := n.Private.(crypto.Signer)
	if !ok {
		return asice.Key{}, fmt.Errorf("the key of %s does not sign", l.kommune.Kommunenummer)
	}
	return asice.Key{Signer: signer, Chain: []*x509.Certificate{c}}, nil
}

// sendRapport sends a report, or sends the same bytes again: it has one id for ever.
func (l *liv) sendRapport(ctx context.Context, r *rapport) {
	r.forsok++
	var svar struct{ UUID string }
	err := l.svarut(ctx, http.MethodPost, meldingSti+l.kommune.FiksOrgID+"/"+r.kontor.kommune+"/"+r.kontor.bydel+"/offentlig",
		r.contentType, bytes.NewReader(r.kropp), &svar)
	switch {
	case err == nil:
		l.h.mu.Lock()
		l.h.kjennRapportLast(r, svar.UUID, "201")
		if !r.godtatt {
			r.godtatt = true
			l.h.tall["godtatt bekymringsmelding"]++
		}
		l.h.mu.Unlock()
	case client.Status(err) != 0:
		l.h.feil("life %d: report %d was refused: %v", l.nr, r.nr, err)
	case ctx.Err() == nil || l.drept.Load():
		l.taus(fmt.Sprintf("report %d", r.nr), err)
		l.h.mu.Lock()
		l.h.rapporter.uavklart = append(l.h.rapporter.uavklart, r)
		l.h.mu.Unlock()
	}
}

func (h *historie) taUavklartRapport() *rapport {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.rapporter.uavklart) == 0 {
		return nil
	}
	r := h.rapporter.uavklart[0]
	h.rapporter.uavklart = h.rapporter.uavklart[1:]
	return r
}

// kjennRapportLast binds a report to its id, or finds that it has another.
func (h *historie) kjennRapportLast(r *rapport, id, hvorfra string) {
	if r.id == "" {
		r.id = id
	}
	if r.id != id {
		h.feilLast("report %d had the id %s and now %s (%s)", r.nr, r.id, id, hvorfra)
	}
}

// mottaMelding takes a report that came over Fiks IO, compares it, and answers.
func (f *fagsystem) mottaMelding(ctx context.Context, m *client.Mottatt) error {
	merke, rolig := f.h.rolig()
	mld, forste := f.h.utdelt(m.MeldingID, m.Resendt)
	if forste && !f.snill && f.rng.IntN(20) == 0 {
		f.h.tell("nack med requeue")
		return errTilbake
	}
	var dokument []byte
	var pdf innhold
	antall := 0
	_, err := m.Filer(ctx, func(navn string, r io.Reader) (err error) {
		antall++
		switch navn {
		case meldingJSON:
			dokument, err = io.ReadAll(r)
		case meldingPDF:
			pdf, err = summer(r)
		}
		return err
	})
	if err != nil {
		if !f.drept.Load() && ctx.Err() == nil {
			f.h.feil("message %s cannot be read: %v", m.MeldingID, err)
		}
		return err
	}
	r := f.h.rapportMed(dokument)
	if r == nil || antall != 2 || !bytes.Equal(dokument, r.json) || pdf != r.pdf.innhold() {
		f.h.feil("message %s with %d files is no report that was sent", m.MeldingID, antall)
		return nil
	}
	f.h.rapportKom(r, m.Headere["bekymringsmelding-id"], m.MeldingID, mld)
	if err := f.svar(ctx, m, typeMeldingMottatt); err != nil {
		return err
	}
	f.h.mu.Lock()
	mld.kvitt = true
	naa, igjen := f.h.klokke.rolig()
	mld.sikker = mld.sikker || rolig && igjen && naa == merke
	f.h.mu.Unlock()
	return nil
}

// rapportMed finds the report that a document is of.
func (h *historie) rapportMed(dokument []byte) *rapport {
	merker := h.merkerI(dokument)
	if len(merker) != 1 {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rapporter.paaMerke[merker[0]]
}

// trykkMelding prints a report: one letter each, with the very PDF that was sent.
func (p *postgang) trykkMelding(ctx context.Context, j jobb) error {
	r := p.h.rapportMedID(j.Referanse)
	if r == nil {
		return nil // its 201 was lost; it is sent again
	}
	if p.h.rapportTrykkes(r, j.ID) {
		fikk, err := p.brevet(j)
		if err != nil {
			return err
		}
		if fikk != r.pdf.innhold() {
			p.h.feil("the letter of report %d has %d bytes of other content than was sent", r.nr, fikk.lengde)
		}
	}
	if j.Status == "KLAR" && (p.snill || p.rng.IntN(100) < 60) {
		p.kvitter(ctx, j, "levert", &r.printet)
	}
	return nil
}

// brevet decrypts the letter of a job.
func (p *postgang) brevet(j jobb) (innhold, error) {
	nokkel, err := p.LesNokkel(j.PrivateKey)
	if err != nil {
		return innhold{}, err
	}
	f, err := os.Open(filepath.Join(p.Dir, filepath.FromSlash(j.PDF)))
	if err != nil {
		return innhold{}, err
	}
	defer f.Close()
	klar, err := cms.NewReader(f, nokkel)
	if err != nil {
		return innhold{}, err
	}
	return summer(klar)
}

func (h *historie) rapportMedID(id string) *rapport {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.rapporter.alle {
		if r.id == id {
			return r
		}
	}
	return nil
}

// manglerRapporter tells which reports are not delivered; straks leaves out what takes
// days. The platform must never say so of one that nobody has.
func (l *liv) manglerRapporter(ctx context.Context, straks bool) (ut []string, err error) {
	l.h.mu.Lock()
	var spor []*rapport
	for _, r := range l.h.rapporter.alle {
		if r.godtatt && !r.levert && (r.kontor.svarer || !straks) {
			spor = append(spor, r)
		}
	}
	l.h.mu.Unlock()
	for _, r := range spor {
		var alle []struct{ Tilstand string }
		if err := l.svarut(ctx, http.MethodGet, meldingSti+l.kommune.FiksOrgID+"/bekymringsmelding/"+r.id+"/status", "", nil, &alle); err != nil {
			if client.Status(err) == 404 {
				l.h.feil("report %d was taken as %s, which the platform does not know", r.nr, r.id)
				continue
			}
			return nil, fmt.Errorf("asking for report %d: %w", r.nr, err)
		}
		var tilstander []string
		for _, t := range alle {
			tilstander = append(tilstander, t.Tilstand)
		}
		if tilstand := strings.Join(tilstander, " "); !l.h.rapportstatus(r, tilstand) {
			ut = append(ut, fmt.Sprintf("report %d (%s) to %s %s: %s", r.nr, r.id, r.kontor.kommune, r.kontor.bydel, tilstand))
		}
	}
	return ut, nil
}

// rapportKom notes that a report came over Fiks IO, under that id and in that message.
func (h *historie) rapportKom(r *rapport, id, meldingID string, m *melding) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kjennRapportLast(r, id, "message "+meldingID)
	if !r.kontor.svarer {
		h.feilLast("report %d came to the wrong office", r.nr)
	}
	if r.fiksio[meldingID] = m; len(r.fiksio) > 1 {
		h.feilLast("report %d came under %d message ids", r.nr, len(r.fiksio))
	}
	m.svart = true
}

// rapportTrykkes notes that the printer has a job of a report; true the first time.
func (h *historie) rapportTrykkes(r *rapport, jobbID string) (ny bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch r.jobb {
	case "":
		r.jobb, ny = jobbID, true
		h.tall["bekymringsmeldinger som brev"]++
	case jobbID:
	default:
		h.feilLast("report %d is printed twice: jobs %s and %s", r.nr, r.jobb, jobbID)
	}
	for id, m := range r.fiksio {
		if m.sikker && ny {
			h.feilLast("report %d is printed (%s), and its fagsystem has answered message %s", r.nr, jobbID, id)
		}
	}
	return ny
}

// rapportstatus notes the states that the platform tells of a report, and whether it is
// delivered.
func (h *historie) rapportstatus(r *rapport, tilstander string) (levert bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	kanskje := r.printet.provd
	for _, m := range r.fiksio {
		kanskje = kanskje || m.svart
	}
	r.levert = strings.HasSuffix(tilstander, "LEVERT")
	if r.levert && !kanskje {
		h.feilLast("report %d (%s) is said to be delivered (%s), and nobody has confirmed it", r.nr, r.id, tilstander)
	}
	if !strings.HasPrefix(tilstander, "AKSEPTERT") {
		h.feilLast("report %d begins with %s", r.nr, tilstander)
	}
	return r.levert
}

// avstem tells that all that was received is registered: then no gap is left, and what the
// platform does not know of has never been.
func (l *liv) avstem(ctx context.Context) error {
	ider := map[string][]string{}
	l.h.mu.Lock()
	for _, r := range l.h.rapporter.alle {
		if r.godtatt {
			k := r.kontor.kommune + "/" + r.kontor.bydel
			ider[k] = append(ider[k], r.id)
		}
	}
	l.h.mu.Unlock()
	for k, alle := range ider {
		nummer, bydel, _ := strings.Cut(k, "/")
		if nummer != medFagsystem {
			continue // another kommune's integrasjon
		}
		for fra := 0; fra < len(alle); fra += 1000 {
			del := alle[fra:min(fra+1000, len(alle))]
			inn, err := json.Marshal(del)
			if err != nil {
				return err
			}
			var svar struct {
				Registrert, TidligereMeldt, Ukjent []string
				GjenstaaendeAvvik                  int
			}
			if err := l.svarut(ctx, http.MethodPost, "/bekymringsmelding/api/v1/avstemming/"+l.kommune.FiksOrgID+"/"+bydel, "application/json", bytes.NewReader(inn), &svar); err != nil {
				return fmt.Errorf("reconciling: %w", err)
			}
			if len(svar.Registrert) != len(del) || len(svar.Ukjent) > 0 || fra+len(del) == len(alle) && svar.GjenstaaendeAvvik != 0 {
				l.h.feil("reconciling %d reports: %d registered, %d told before, %d unknown, %d gaps left", len(del), len(svar.Registrert), len(svar.TidligereMeldt), len(svar.Ukjent), svar.GjenstaaendeAvvik)
			}
			l.h.mu.Lock()
			l.h.tall["avstemt"] += len(svar.Registrert)
			l.h.mu.Unlock()
		}
	}
	return nil
}
