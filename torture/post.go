package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"knutepunkt/client"
	"knutepunkt/cms"
)

// postgang is the world outside in one life: people who read in Altinn, and the
// printer.
type postgang struct {
	*liv
	rng   *rand.Rand
	snill bool // prints everything at once, and refuses nothing
	// What was opened in this life.
	sett map[string]bool
}

// gaa reads and prints until ctx ends or the platform dies.
func (p *postgang) gaa(ctx context.Context) {
	for ctx.Err() == nil && !p.drept.Load() {
		p.runde(ctx)
		sov(ctx, 50*time.Millisecond)
	}
}

func (p *postgang) runde(ctx context.Context) {
	if err := p.altinn(ctx); err != nil && ctx.Err() == nil {
		p.taus("looking into Altinn", err)
	}
	if err := p.trykkeri(ctx); err != nil && ctx.Err() == nil {
		p.taus("asking for print jobs", err)
	}
}

// brevIAltinn is a letter in an inbox.
type brevIAltinn struct {
	ID, Mottaker, Tittel, Referanse string
	Vedlegg                         []struct{ Filnavn, URL string }
}

func (p *postgang) altinn(ctx context.Context) error {
	p.h.mu.Lock()
	kjente := make(map[string]bool, len(p.h.post.altinn))
	for id := range p.h.post.altinn {
		kjente[id] = true
	}
	p.h.mu.Unlock()
	var alle []brevIAltinn
	if err := p.Kall(ctx, http.MethodGet, "/sandbox/altinn", "", &alle); err != nil {
		return err
	}
	for _, b := range alle {
		delete(kjente, b.ID)
		f := p.h.iAltinn(b.ID, b.Referanse)
		if !f.altinnSjekket { // read and written here alone
			if err := p.apne(ctx, b); err != nil {
				return err
			}
			f.altinnSjekket = true
		}
		if f.leseglad && !f.lest.gjort && (p.snill || p.rng.IntN(8) == 0) {
			err := p.h.gjor(&f.lest, "lest i Altinn", func() error { return p.Kall(ctx, http.MethodPost, "/sandbox/altinn/"+b.ID+"/lest", "", nil) })
			if err != nil {
				p.feilet(ctx, "reading "+b.ID+" in Altinn", err)
			}
		}
	}
	for id := range kjente {
		p.h.feil("life %d: letter %s is no longer in Altinn", p.nr, id)
	}
	return nil
}

// apne compares a letter's attachments with what was sent.
func (p *postgang) apne(ctx context.Context, b brevIAltinn) error {
	filer := map[string]innhold{}
	var meta metadata
	for _, v := range b.Vedlegg {
		data, err := p.vedlegg(ctx, v.URL)
		if err != nil {
			return err
		}
		if v.Filnavn != "vedlegg.zip" { // what Altinn does not take by itself
			if filer[v.Filnavn], err = meta.les(v.Filnavn, bytes.NewReader(data)); err != nil {
				p.h.feil("letter %s: %s cannot be read: %v", b.ID, v.Filnavn, err)
			}
			continue
		}
		if err := pakkUt(data, filer); err != nil {
			p.h.feil("letter %s: its zip cannot be read: %v", b.ID, err)
		}
	}
	i := p.h.medRef(meta.EksternRef)
	if _, digisos := filer[metadatafil]; !digisos {
		p.h.mu.Lock()
		i = p.h.post.brev[b.Tittel]
		p.h.mu.Unlock()
	}
	hvor := "letter " + b.ID + " in Altinn"
	switch {
	case i == nil:
		p.h.feil("%s (%s) was never sent", hvor, b.Referanse)
		return nil
	case p.orgnr[i.kommune] != b.Mottaker:
		p.h.feil("%s of %s %s came to %s", hvor, i.slag, i.ref, b.Mottaker)
	}
	p.h.sammenlign(hvor, i, meta, filer)
	p.h.tilhorer(b.Referanse, i, "Altinn")
	return nil
}

func (p *postgang) vedlegg(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := p.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, &client.Error{Status: resp.StatusCode, Message: "an attachment in Altinn"}
	}
	return io.ReadAll(resp.Body)
}

func pakkUt(data []byte, filer map[string]innhold) error {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			return err
		}
		filer[f.Name], err = summer(r)
		if err := errors.Join(err, r.Close()); err != nil {
			return err
		}
	}
	return nil
}

// jobb is a letter at the printer's.
type jobb struct {
	ID, Status, Kilde, Referanse, Job, PDF, PrivateKey string
}

func (p *postgang) trykkeri(ctx context.Context) error {
	var jobber []jobb
	if err := p.Kall(ctx, http.MethodGet, "/sandbox/print", "", &jobber); err != nil {
		return err
	}
	mappe, err := p.mappen(jobber)
	if err != nil {
		p.h.feil("life %d: the print folder: %v", p.nr, err)
	}
	for _, j := range append(jobber, mappe...) {
		if j.Kilde == kildeMelding {
			if err := p.trykkMelding(ctx, j); err != nil && !errors.Is(err, fs.ErrNotExist) {
				p.h.feil("life %d: print job %s: %v", p.nr, j.ID, err)
			}
			continue
		}
		f := p.h.paaTrykk(j.ID, j.Referanse, j.Status)
		if !p.sett[j.ID] {
			klar, err := p.les(j, f)
			switch {
			case errors.Is(err, fs.ErrNotExist) && f.lest.provd:
				continue // taken back, since the letter was read
			case err != nil:
				p.h.feil("life %d: print job %s: %v", p.nr, j.ID, err)
			case !klar:
				continue
			}
			p.sett[j.ID] = true
		}
		switch j.Status {
		case "KLAR":
			p.skriv(ctx, j, f)
		case "AVVIST":
			if !f.avvist.provd {
				p.h.feil("life %d: print job %s is AVVIST, and nobody said so", p.nr, j.ID)
			}
			if !f.blirAvvist && (p.snill || p.rng.IntN(4) == 0) { // it was printed after all
				p.kvitter(ctx, j, "levert", &f.printet)
			}
		case "LEVERT":
			if !f.printet.provd {
				p.h.feil("life %d: print job %s is LEVERT, and nobody said so", p.nr, j.ID)
			}
		}
	}
	return nil
}

// mappen are the jobs that lie in the printer's folder and are not listed: the
// platform may not have noted yet that it has shown them, or that they are to be
// taken back.
func (p *postgang) mappen(listet []jobb) (ut []jobb, err error) {
	kjent := map[string]bool{}
	for _, j := range listet {
		kjent[j.ID] = true
	}
	filer, err := filepath.Glob(filepath.Join(p.Dir, "print", "*.json"))
	if err != nil {
		return nil, err
	}
	for _, fil := range filer {
		id := strings.TrimSuffix(filepath.Base(fil), ".json")
		if kjent[id] {
			continue
		}
		data, err := os.ReadFile(fil)
		if errors.Is(err, fs.ErrNotExist) {
			continue // taken back
		}
		var ordre struct{ ForsendelseID, Kilde string }
		if err == nil {
			err = json.Unmarshal(data, &ordre)
		}
		if err != nil {
			return ut, fmt.Errorf("job %s: %w", id, err)
		}
		ut = append(ut, jobb{ID: id, Status: "KLAR", Kilde: ordre.Kilde, Referanse: ordre.ForsendelseID,
			Job: "print/" + id + ".json", PDF: "print/" + id + ".pdf.cms", PrivateKey: "keys/print.key.pem"})
		p.h.tell("funnet i trykkeriets mappe")
	}
	return ut, nil
}

// skriv prints a letter, refuses it, or lets it lie.
func (p *postgang) skriv(ctx context.Context, j jobb, f *forsendelse) {
	switch n := p.rng.IntN(100); {
	case p.snill, n < 60:
		p.kvitter(ctx, j, "levert", &f.printet)
	case n < 80:
		p.kvitter(ctx, j, "avvist", &f.avvist)
	}
}

func (p *postgang) kvitter(ctx context.Context, j jobb, hva string, u *utfall) {
	err := p.h.gjor(u, "trykkeriet: "+hva, func() error { return p.Kall(ctx, http.MethodPost, "/sandbox/print/"+j.ID+"/"+hva, "", nil) })
	if err != nil {
		p.feilet(ctx, "telling that print job "+j.ID+" is "+hva, err)
	}
}

// les decrypts a letter, and compares it with its order and with what was sent;
// false when it is not known yet whose it is.
func (p *postgang) les(j jobb, f *forsendelse) (bool, error) {
	data, err := os.ReadFile(filepath.Join(p.Dir, filepath.FromSlash(j.Job)))
	if err != nil {
		return false, err
	}
	var ordre struct {
		JobbID        string `json:"jobbId"`
		ForsendelseID string `json:"forsendelseId"`
		Kilde         string `json:"kilde"`
		SHA256        string `json:"sha256"`
	}
	if err := json.Unmarshal(data, &ordre); err != nil {
		return false, err
	}
	nokkel, err := p.LesNokkel(j.PrivateKey)
	if err != nil {
		return false, err
	}
	kryptert, err := os.Open(filepath.Join(p.Dir, filepath.FromSlash(j.PDF)))
	if err != nil {
		return false, err
	}
	defer kryptert.Close()
	r, err := cms.NewReader(kryptert, nokkel)
	if err != nil {
		return false, err
	}
	pdf, err := io.ReadAll(r)
	if err != nil {
		return false, err
	}
	s := sha256.Sum256(pdf)
	sum := hex.EncodeToString(s[:])
	if sum != ordre.SHA256 || ordre.JobbID != j.ID || ordre.ForsendelseID != j.Referanse || ordre.Kilde != j.Kilde || !bytes.HasPrefix(pdf, []byte("%PDF-")) {
		return false, fmt.Errorf("the letter of %d bytes (%s) is not the one of its order %+v", len(pdf), sum, ordre)
	}
	p.h.jobbinnhold(f, sum)
	return p.h.sjekkUtskrift(j, f, pdf)
}

// sjekkUtskrift: a printed letter has what shall be printed, and nothing of another's.
func (h *historie) sjekkUtskrift(j jobb, f *forsendelse, pdf []byte) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := f.til
	for _, m := range h.merkerI(pdf) {
		eier := h.post.merker[m]
		if i == nil {
			i = eier
		}
		if eier != i || eier == nil {
			return false, fmt.Errorf("the letter holds a file of another forsendelse (%s)", m)
		}
	}
	if i == nil {
		return false, nil // a cover alone: Altinn will tell whose it is
	}
	kilde := "DIGISOS"
	if i.slag == brev {
		kilde = "SVARUT"
	}
	if j.Kilde != kilde {
		return false, fmt.Errorf("its kilde is %s and it is of %s %s", j.Kilde, i.slag, i.ref)
	}
	for _, fil := range i.skrives() {
		strom, err := io.ReadAll(h.strom(fil))
		if err != nil || !bytes.Contains(pdf, strom) {
			return false, fmt.Errorf("the letter of %s lacks %s", i.ref, fil.navn)
		}
	}
	return f.til != nil, nil
}

// merkerI finds the markers in a text.
func (h *historie) merkerI(data []byte) (ut []string) {
	for {
		n := bytes.Index(data, []byte(h.merke+"-"))
		if n < 0 {
			return ut
		}
		data = data[n:]
		slutt := len(h.merke) + 1
		for slutt < len(data) && data[slutt] >= '0' && data[slutt] <= '9' {
			slutt++
		}
		if slutt < len(data) && data[slutt] == '-' {
			ut = append(ut, string(data[:slutt+1]))
		}
		data = data[min(slutt, len(data)):]
	}
}

// tekst is what a violation says of a forsendelse.
func (f *forsendelse) tekst() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (acknowledged %t/%t, refused %t/%t, read %t/%t, printed %t/%t, refused by the printer %t/%t)", f.id,
		f.kvittert.provd, f.kvittert.gjort, f.permanent.provd, f.permanent.gjort, f.lest.provd, f.lest.gjort,
		f.printet.provd, f.printet.gjort, f.avvist.provd, f.avvist.gjort)
	return b.String()
}
