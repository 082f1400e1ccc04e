package print

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"path"
	"strconv"
	"strings"

	"knutepunkt/cms"
	"knutepunkt/internal/blob"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/pdf"
	"knutepunkt/internal/store"
)

// errEndret: the job was taken back while its letter was made.
var errEndret = errors.New("print: the job has moved on")

// filnavn are the names of a job's files with the transport. The passing ones are
// of one attempt: another that is still at work elsewhere writes to its own.
type filnavn struct{ jobb, jobbTmp, trukket, pdf, pdfTmp string }

func (k *Kanal) navn(j Jobb) filnavn {
	rot := path.Join(k.cfg.Ut, j.ID)
	tmp := fmt.Sprintf(".%d.tmp", j.forsok)
	return filnavn{rot + ".json", rot + ".json" + tmp, rot + ".json.trukket", rot + k.cfg.PDFEndelse, rot + k.cfg.PDFEndelse + tmp}
}

// ryddForsok removes what attempts before j's have left under their passing names.
func (k *Kanal) ryddForsok(m Forbindelse, j Jobb) error {
	if j.forsok <= 1 {
		return nil
	}
	navn, err := m.List(k.cfg.Ut, ".tmp", maksUtlagt)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking for what is left of a job: %w", err)
	}
	var gamle []string
	for _, n := range navn {
		rot := strings.TrimSuffix(n, ".tmp")
		nr, err := strconv.Atoi(rot[strings.LastIndexByte(rot, '.')+1:])
		if strings.HasPrefix(n, j.ID+".") && err == nil && nr < j.forsok {
			gamle = append(gamle, path.Join(k.cfg.Ut, n))
		}
	}
	return slettAlle(m, gamle)
}

func (f filnavn) alle() []string { return []string{f.jobb, f.jobbTmp, f.pdf, f.pdfTmp, f.trukket} }

// brev is a letter that is ready to be merged.
type brev struct {
	dokumenter []pdf.Dokument
	spol       *spol
	forsok     int
	tosidig    bool
	ferdig     *ferdig // nil: it is made here
}

// ferdig is a letter that its maker has encrypted to the supplier. What it holds
// is not known here: it goes as it is, without cover page.
type ferdig struct {
	sertifikat sertifikat // whose key it is encrypted to
	sha256     string     // of the PDF in clear; "" when its maker did not tell
}

// forbered copies the files of a letter to where they can be read at any place,
// stores the job with them, and looks whether they can be printed. The brev is to be
// closed. levering.ErrIkkeMulig, with a reason that names nobody, when there is no
// letter in it.
func (k *Kanal) forbered(ctx context.Context, j *Jobb, f levering.Forsendelse) (_ *brev, err error) {
	if err := sendbar(f.Post.Mottaker); err != nil {
		return nil, err
	}
	skrives, nr, err := f.Filer, []int{1}, error(nil)
	kryptert := len(f.Filer) == 1 && f.Filer[0].Kryptert
	if !kryptert {
		skrives, nr, err = utskrift(f.Filer)
	}
	if err != nil {
		return nil, err
	}
	b := &brev{spol: &spol{k: k, jobbID: j.ID}}
	defer func() {
		if err != nil {
			b.lukk(ctx)
		}
	}()
	for i, fil := range skrives {
		if err := b.spol.kopier(ctx, fil); errors.Is(err, levering.ErrIkkeMulig) {
			return nil, err
		} else if err != nil {
			return nil, fmt.Errorf("copying file %d of a letter: %w", nr[i], err)
		}
	}
	if err := k.DB.Write(ctx, func(tx *store.Tx) error { return k.lagreSpol(ctx, tx, j, b.spol) }); err != nil {
		return nil, err
	}
	b.forsok = j.forsok
	if kryptert {
		s, err := sertifikatAv(io.NewSectionReader(b.spol.fil(ctx, 0), 0, b.spol.skrivere[0].Size()))
		if err != nil {
			return nil, fmt.Errorf("%w: brevet er ikke kryptert som CMS til en leverandør", levering.ErrIkkeMulig)
		}
		b.ferdig = &ferdig{sertifikat: s, sha256: f.Filer[0].SHA256}
		b.tosidig = f.Post.Tosidig
		return b, nil
	}
	sider := 0
	forside, err := k.forside(*j, f)
	if err != nil {
		return nil, err
	}
	b.dokumenter = append(b.dokumenter, pdf.Dokument{Fil: bytes.NewReader(forside)})
	for i, fil := range skrives {
		spolt := b.spol.fil(ctx, i)
		info, err := k.trykkeri.Sjekk(ctx, spolt)
		if err != nil {
			return nil, uskrivbar(fmt.Sprintf("fil %d", nr[i]), err)
		}
		for _, g := range fil.GiroarkSider {
			if g < 1 || g > info.Sider {
				return nil, fmt.Errorf("%w: fil %d har giroark på side %d, men bare %d sider", levering.ErrIkkeMulig, nr[i], g, info.Sider)
			}
		}
		sider += info.Sider
		b.dokumenter = append(b.dokumenter, pdf.Dokument{Fil: spolt, Giroark: fil.GiroarkSider})
	}
	b.tosidig = f.Post.Tosidig && sider > 1 // a letter of one page is always on one side (SvarUt contract §5)
	return b, nil
}

// sendbar tells whether a letter can reach a.
func sendbar(a levering.Adresse) error {
	if err := ValiderAdresse(a); err != nil {
		return uskrivbar("mottakerens adresse", err)
	}
	if kode, _ := landkode(a.Land); kode == norge && strings.TrimSpace(a.Postnummer) == ingenPost {
		return fmt.Errorf("%w: mottakeren har ingen postadresse (postnummer %s)", levering.ErrIkkeMulig, ingenPost)
	}
	return nil
}

// utskrift are the files that are printed, and their numbers in the forsendelse
// from 1. There may be none: then the cover tells what could not be printed.
func utskrift(filer []levering.Fil) (ut []levering.Fil, nr []int, err error) {
	for i, f := range filer {
		if f.UtenUtskrift {
			continue
		}
		if !erPDF(f) {
			return nil, nil, fmt.Errorf("%w: fil %d er ikke PDF og kan ikke skrives ut", levering.ErrIkkeMulig, i+1)
		}
		ut, nr = append(ut, f), append(nr, i+1)
	}
	return ut, nr, nil
}

// utelatt names what the receiver does not get on paper. JSON is the machine's
// copy of what is printed.
func utelatt(filer []levering.Fil) (ut []string) {
	for _, f := range filer {
		if typ, _, _ := mime.ParseMediaType(f.Mimetype); f.UtenUtskrift && typ != "application/json" {
			ut = append(ut, f.Navn)
		}
	}
	return ut
}

// retur is who the letter is from, and where it goes when it finds no receiver
// (SvarUt contract §3.1).
func retur(p levering.Post) levering.Adresse {
	if p.SvarSendesTil != nil && !tom(p.SvarSendesTil.Poststed) {
		return *p.SvarSendesTil
	}
	return p.Avsender
}

// erPDF goes by what the sender says; Sjekk reads.
func erPDF(f levering.Fil) bool {
	typ, _, err := mime.ParseMediaType(f.Mimetype)
	if err != nil || typ == "application/octet-stream" {
		return strings.EqualFold(path.Ext(f.Navn), ".pdf")
	}
	return typ == "application/pdf"
}

// uskrivbar makes a refusal one that trying again cannot cure.
func uskrivbar(hva string, err error) error {
	if f, ok := errors.AsType[*feil.Feil](err); ok && f.Kode == feil.Ugyldig {
		return fmt.Errorf("%w: %s: %s", levering.ErrIkkeMulig, hva, f.Melding)
	}
	return fmt.Errorf("%s: %w", hva, err)
}

func (k *Kanal) forside(j Jobb, f levering.Forsendelse) ([]byte, error) {
	var b bytes.Buffer
	p := f.Post
	tittel := p.Tittel
	if tom(tittel) {
		tittel = "Brev"
	}
	err := pdf.Forside(&b, pdf.Brev{Mottaker: forsideAdresse(p.Mottaker), Retur: forsideAdresse(retur(p)), Tittel: tittel,
		Dato: klokke.Oslo(k.Klokke.Now()), Referanse: j.ForsendelseID, Utelatt: utelatt(f.Filer)})
	if err != nil {
		return nil, fmt.Errorf("making a cover page: %w", err)
	}
	return b.Bytes(), nil
}

func forsideAdresse(a levering.Adresse) pdf.Adresse {
	return pdf.Adresse{Navn: a.Navn, Adresselinje1: a.Adresselinje1, Adresselinje2: a.Adresselinje2, Adresselinje3: a.Adresselinje3,
		Postnummer: a.Postnummer, Poststed: a.Poststed, Land: landPaaBrev(a.Land)}
}

// skriv merges the letter to the supplier as a stream, encrypted, and puts the job
// file beside it under a name that the supplier does not look at. Then the job is
// LeggesUt. errEndret when it was taken back meanwhile, or another attempt began; the
// files of this one are gone then.
func (k *Kanal) skriv(ctx context.Context, m Forbindelse, j *Jobb, f levering.Forsendelse, b *brev) error {
	n := k.navn(*j)
	if k.cfg.Ut != "" {
		if err := m.Mappe(k.cfg.Ut); err != nil {
			return fmt.Errorf("making the supplier's folder: %w", err)
		}
	}
	if err := k.ryddForsok(m, *j); err != nil {
		return err
	}
	res, sum, err := k.flett(ctx, m, n.pdfTmp, b)
	if err != nil {
		_ = m.Slett(n.pdfTmp) // where the connection still works
		return err
	}
	fil, err := jobbfil{JobbID: j.ID, ForsendelseID: j.ForsendelseID, Kilde: j.Kilde, Opprettet: j.Opprettet,
		Mottaker: j.Mottaker, Returadresse: tilAdresse(retur(f.Post)), Tosidig: b.tosidig, Farger: f.Post.Farger,
		GiroarkSider: res.Giroark, AntallSider: res.Sider, Konteringskode: ellerNil(f.Post.Konteringskode), SHA256: sum,
		Ferdig: b.ferdig != nil, Sertifikat: b.sertifikat(k.cfg.Sertifikat),
	}.encode()
	if err != nil {
		return err
	}
	if err := m.Skriv(n.jobbTmp, bytes.NewReader(fil)); err != nil {
		return fmt.Errorf("writing the job file: %w", err)
	}
	err = k.DB.Write(ctx, func(tx *store.Tx) error {
		naa, err := k.hent(ctx, tx, j.ID)
		if err != nil {
			return err
		}
		if naa.Tilstand != Bygges || naa.forsok != j.forsok {
			return errEndret
		}
		naa.Tilstand, naa.AntallSider, naa.SHA256 = LeggesUt, res.Sider, sum
		naa.Endret = k.Klokke.Now()
		naa.utlagt = naa.Endret
		*j = naa
		return k.lagre(ctx, tx, naa)
	})
	if errors.Is(err, errEndret) || feil.Er(err, feil.IkkeFunnet) {
		return errors.Join(errEndret, slettAlle(m, []string{n.jobbTmp, n.pdfTmp}))
	}
	return err
}

func slettAlle(m Forbindelse, navn []string) error {
	for _, n := range navn {
		if err := m.Slett(n); err != nil {
			return fmt.Errorf("removing a job's file: %w", err)
		}
	}
	return nil
}

func ellerNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// flett streams the merged letter, encrypted to the supplier, to the file of that name.
func (k *Kanal) flett(ctx context.Context, m Forbindelse, navn string, b *brev) (res pdf.Resultat, sum string, err error) {
	if b.ferdig != nil {
		fil := b.spol.fil(ctx, 0)
		if err := m.Skriv(navn, io.NewSectionReader(fil, 0, fil.Size())); err != nil {
			return res, "", fmt.Errorf("writing the letter to the supplier: %w", err)
		}
		return res, b.ferdig.sha256, nil
	}
	pr, pw := io.Pipe()
	ferdig := make(chan struct{})
	var laget error
	go func() {
		defer close(ferdig)
		h := sha256.New()
		laget = func() error {
			kryptert, err := cms.NewWriter(pw, k.cfg.Sertifikat)
			if err != nil {
				return err
			}
			if res, err = k.trykkeri.SlaaSammen(ctx, io.MultiWriter(h, kryptert), b.dokumenter, b.tosidig); err != nil {
				return err
			}
			return kryptert.Close()
		}()
		sum = hex.EncodeToString(h.Sum(nil))
		pw.CloseWithError(laget)
	}()
	err = m.Skriv(navn, pr)
	pr.CloseWithError(errors.Join(err, io.ErrClosedPipe))
	<-ferdig
	switch {
	case laget != nil && (err == nil || errors.Is(err, laget)): // else it only heard that nobody reads
		return res, "", uskrivbar("brevet", laget)
	case err != nil:
		return res, "", fmt.Errorf("writing the letter to the supplier: %w", err)
	}
	return res, sum, nil
}

// sertifikat names the key that the letter is encrypted to, of til when it is made here.
func (b *brev) sertifikat(til *x509.Certificate) sertifikat {
	if b.ferdig != nil {
		return b.ferdig.sertifikat
	}
	return sertifikat{Issuer: til.Issuer.String(), Serienummer: til.SerialNumber.String()}
}

// sertifikatAv reads whom a letter is encrypted to. Named by a key identifier, the
// recipient has no issuer: the identifier stands for the serial number, in hex.
func sertifikatAv(r io.Reader) (sertifikat, error) {
	h, err := cms.Inspect(r)
	if err != nil {
		return sertifikat{}, err
	}
	if len(h.Recipients) == 0 {
		return sertifikat{}, errors.New("no recipient")
	}
	til := h.Recipients[0]
	if til.Serial == nil {
		return sertifikat{Serienummer: hex.EncodeToString(til.SubjectKeyID)}, nil
	}
	var navn pkix.RDNSequence
	if rest, err := asn1.Unmarshal(til.Issuer, &navn); err != nil || len(rest) > 0 {
		return sertifikat{}, errors.New("the issuer's name cannot be read")
	}
	return sertifikat{Issuer: navn.String(), Serienummer: til.Serial.String()}, nil
}

// spol are the copies of a letter's files, sealed as blobs until it is merged.
type spol struct {
	k        *Kanal
	jobbID   string
	skrivere []*blob.Writer
	bytes    int64
	lagret   bool
	blokker  blokklager
	apne     []*spolfil
}

func (s *spol) kopier(ctx context.Context, f levering.Fil) error {
	r, err := f.Apne(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	w := s.k.Blobs.Create(ctx)
	s.skrivere = append(s.skrivere, w)
	n, err := io.Copy(w, io.LimitReader(r, s.k.cfg.MaksBytes-s.bytes+1))
	if err != nil {
		return err
	}
	if s.bytes += n; s.bytes > s.k.cfg.MaksBytes {
		return fmt.Errorf("%w: filene som skal skrives ut, er større enn %d MB til sammen", levering.ErrIkkeMulig, s.k.cfg.MaksBytes>>20)
	}
	return w.Close()
}

// lagreSpol makes the job and the copies of its files exist, in place of what an
// attempt before left.
func (k *Kanal) lagreSpol(ctx context.Context, tx *store.Tx, j *Jobb, s *spol) error {
	naa, err := k.hent(ctx, tx, j.ID)
	switch {
	case feil.Er(err, feil.IkkeFunnet) && j.nr == 1:
		j.forsok = 1
		err = k.settInn(ctx, tx, *j)
	case err == nil && naa.Tilstand != Bygges:
		err = errEndret
	case err == nil:
		naa.forsok++
		*j = naa
		err = errors.Join(k.lagre(ctx, tx, naa), k.tomSpol(ctx, tx, j.ID))
	}
	if err != nil {
		return err
	}
	for _, w := range s.skrivere {
		if err := w.Commit(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO print_spol (jobb_id, blob_id) VALUES ($1, $2)`, j.ID, w.ID()); err != nil {
			return fmt.Errorf("storing the spool of print job %s: %w", j.ID, err)
		}
	}
	tx.OnCommit(func() { s.lagret = true })
	return nil
}

// lukk removes the copies. What it cannot remove, the next attempt or the job's end does.
func (b *brev) lukk(ctx context.Context) {
	for _, f := range b.spol.apne {
		f.lukk()
	}
	for _, w := range b.spol.skrivere {
		w.Discard()
	}
	if !b.spol.lagret {
		return
	}
	ctx = context.WithoutCancel(ctx)
	k := b.spol.k
	err := k.DB.Write(ctx, func(tx *store.Tx) error {
		naa, err := k.hent(ctx, tx, b.spol.jobbID)
		if feil.Er(err, feil.IkkeFunnet) || err == nil && naa.forsok != b.forsok {
			return nil // gone with the job; or another attempt has them
		} else if err != nil {
			return err
		}
		return k.tomSpol(ctx, tx, naa.ID)
	})
	if err != nil {
		k.Log.WarnContext(ctx, "copies of a letter's files were not removed", "jobb", b.spol.jobbID, "err", err)
	}
}

func (s *spol) fil(ctx context.Context, i int) *spolfil {
	w := s.skrivere[i]
	f := &spolfil{ctx: ctx, blobs: s.k.Blobs, id: w.ID(), size: w.Size(), blokker: &s.blokker}
	s.apne = append(s.apne, f)
	return f
}
