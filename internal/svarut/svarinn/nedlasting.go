package svarinn

import (
	"archive/zip"
	"compress/flate"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"time"
	"unicode/utf8"

	"knutepunkt/cms"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/levering"
)

// nedlasting is a forsendelse that is ready to be sent to its mottakersystem.
type nedlasting struct {
	id      string
	prove   bool
	filer   []levering.Fil
	tid     time.Time         // of the zip's entries
	mottak  *x509.Certificate // to encrypt to
	ferdige func()            // gives back the place; must be called
}

// hent makes a forsendelse of the mottakersystem ready. feil.IkkeFunnet,
// feil.IngenTilgang, feil.Slettet when it has left the queue, and
// feil.Utilgjengelig when the mottakersystem has no certificate or too many
// download at once.
func (s *Service) hent(ctx context.Context, systemID, id string) (nedlasting, error) {
	r, err := egen(ctx, s.DB.Read(), systemID, id)
	if err != nil {
		return nedlasting{}, err
	}
	if r.tilstand != klar {
		return nedlasting{}, forlatt(r.tilstand)
	}
	cert, err := s.sertifikat(ctx, s.DB.Read(), systemID)
	if err != nil {
		return nedlasting{}, err
	}
	if cert == nil {
		return nedlasting{}, feil.Ny(feil.Utilgjengelig, "Mottakersystemet mangler sertifikat. Last opp det offentlige sertifikatet på fanen Service; forsendelsen venter i SvarInn til det er gjort")
	}
	f, err := s.innhold(ctx, r)
	if err != nil {
		return nedlasting{}, err
	}
	if err := s.taPlass(ctx); err != nil {
		return nedlasting{}, err
	}
	return nedlasting{id: r.id, prove: r.prove, filer: f.Filer, tid: f.Post.Mottatt, mottak: cert, ferdige: func() { <-s.plass }}, nil
}

// innhold asks the source for the files.
func (s *Service) innhold(ctx context.Context, r rad) (levering.Forsendelse, error) {
	f, err := s.Levering.Innhold(ctx, r.leveringID, levering.KanalSvarInn)
	switch {
	case errors.Is(err, levering.ErrVent):
		return f, feil.Ny(feil.Utilgjengelig, "Forsendelsens innhold er ikke klart ennå. Prøv igjen senere").Med(err)
	case errors.Is(err, levering.ErrIkkeMulig):
		return f, feil.Ny(feil.Slettet, "Forsendelsens innhold er ikke lenger tilgjengelig").Med(err)
	case err != nil:
		return f, fmt.Errorf("asking for the content of forsendelse %s: %w", r.id, err)
	}
	return f, nil
}

func (s *Service) taPlass(ctx context.Context) error {
	select {
	case s.plass <- struct{}{}:
		return nil
	default:
	}
	venter, slutt := context.WithTimeout(ctx, s.ventePlass)
	defer slutt()
	select {
	case s.plass <- struct{}{}:
		return nil
	case <-venter.Done():
		if err := ctx.Err(); err != nil {
			return err
		}
		return feil.Ny(feil.Utilgjengelig, "For mange laster ned samtidig. Prøv igjen om litt")
	}
}

// skriv writes the zip of all files, encrypted to the mottakersystem. Nothing is
// written to w before the first files have been opened.
func (n nedlasting) skriv(ctx context.Context, w io.Writer) error {
	kryptert, err := cms.NewWriter(w, n.mottak)
	if err != nil {
		return err
	}
	if err := skrivZip(ctx, kryptert, n.filer, n.tid); err != nil {
		return err
	}
	return kryptert.Close()
}

const (
	kopi     = 64 << 10 // bytes read of a file at a time
	flaggUTF = 0x800    // the name is UTF-8 (APPNOTE 4.4.4)

	zipVersjon = 20 // of the format: 2.0 (APPNOTE 4.4.3)
)

// errEndret: a file is not what the source said it was.
var errEndret = errors.New("svarinn: the content of a file does not have the size or checksum it was stored with")

// skrivZip writes files as a flat zip, in order. Files whose checksum is known are
// stored, with size and checksum before the content: Java reads stored entries in
// no other way. Others are deflated (without compression, which costs more than
// it saves) with size and checksum behind.
func skrivZip(ctx context.Context, w io.Writer, filer []levering.Fil, tid time.Time) error {
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.NoCompression) })
	buf := make([]byte, kopi)
	for i, navn := range filnavn(filer) {
		if err := skrivFil(ctx, z, navn, filer[i], tid, buf); err != nil {
			return fmt.Errorf("file %d: %w", i+1, err)
		}
	}
	return z.Close()
}

func skrivFil(ctx context.Context, z *zip.Writer, navn string, f levering.Fil, tid time.Time, buf []byte) error {
	r, err := f.Apne(ctx)
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	defer r.Close()
	h := &zip.FileHeader{Name: navn, Modified: tid, CreatorVersion: zipVersjon, ReaderVersion: zipVersjon}
	h.SetMode(0o644) // as made on Unix: else Info-ZIP's unzip takes the name for DOS's character set, whatever the flag says
	kjent := f.SHA256 != "" && f.Storrelse >= 0 && f.Storrelse < math.MaxUint32
	var ut io.Writer
	if kjent {
		h.Method, h.CRC32 = zip.Store, f.CRC32
		h.CompressedSize64, h.UncompressedSize64 = uint64(f.Storrelse), uint64(f.Storrelse)
		h.SetModTime(tid) //nolint:staticcheck // CreateRaw writes the header as it is
		if len(navn) != utf8.RuneCountInString(navn) {
			h.Flags = flaggUTF
		}
		ut, err = z.CreateRaw(h)
	} else {
		h.Method = zip.Deflate
		ut, err = z.CreateHeader(h)
	}
	if err != nil {
		return err
	}
	sum := crc32.NewIEEE()
	// Hidden behind a plain Writer and Reader, so that the buffer is used.
	n, err := io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(ut, sum)}, struct{ io.Reader }{r}, buf)
	if err != nil {
		return err
	}
	if kjent && (n != f.Storrelse || sum.Sum32() != f.CRC32) {
		return errEndret
	}
	return nil
}
