// The program minne measures the platform's memory and start: it sends a large
// attachment, generated as a stream, through mellomlagring and a søknad, has the
// fagsystem and the citizen download it, and watches the server's resident memory
// all the time.
//
//	go run ./bench/minne [-size BYTES] [-dir DIR]
//
// It exits with 1 when a bar is missed.
package main

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"hash"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"knutepunkt/bench/sandkasse"
	"knutepunkt/client"
	"knutepunkt/cms"
)

// The bars.
const (
	maksMinne  = 256 << 20 // bytes, at any time
	maksLedig  = 100 << 20 // bytes, five seconds after the start
	maksKlar   = 2 * time.Second
	ledigEtter = 5 * time.Second
)

func main() {
	log.SetFlags(0)
	storrelse := flag.Int64("size", 2<<30, "bytes of the attachment")
	dir := flag.String("dir", os.TempDir(), "where the platform's folder is made; needs three times the size")
	flag.Parse()
	ctx, slutt := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	mappe, err := os.MkdirTemp(*dir, "bench-minne-")
	if err != nil {
		log.Fatal(err)
	}
	ok, err := bench(ctx, mappe, *storrelse)
	slutt()
	_ = os.RemoveAll(mappe)
	if err != nil {
		log.Fatal(err)
	}
	if !ok {
		log.Fatal("a bar is missed")
	}
}

// strom is n bytes that look random and are the same each time.
func strom(n int64) io.Reader {
	blokk, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		panic(err) // cannot happen: the key's length is right
	}
	return io.LimitReader(cipher.StreamReader{S: cipher.NewCTR(blokk, make([]byte, 16)), R: nuller{}}, n)
}

type nuller struct{}

func (nuller) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

type resultat struct {
	ok bool
}

func (r *resultat) bar(hva string, holdt bool, format string, arg ...any) {
	utfall := "ok"
	if !holdt {
		utfall, r.ok = "MISSED", false
	}
	fmt.Printf("%-44s %-44s %s\n", hva, fmt.Sprintf(format, arg...), utfall)
}

func mb(n int64) float64 { return float64(n) / (1 << 20) }

func bench(ctx context.Context, dir string, storrelse int64) (bool, error) {
	binar := filepath.Join(dir, "knutepunkt")
	if err := sandkasse.Bygg(ctx, binar); err != nil {
		return false, err
	}
	data := filepath.Join(dir, "data")
	r := &resultat{ok: true}
	var logg bytes.Buffer
	s, err := sandkasse.Start(ctx, binar, data, &logg)
	if err != nil {
		return false, fmt.Errorf("%w\n%s", err, logg.Bytes())
	}
	defer s.Drep()
	r.bar("ready on an empty folder", s.Klar < maksKlar, "%.2f s after exec, bar < %s", s.Klar.Seconds(), maksKlar)
	time.Sleep(ledigEtter)
	naa, _, err := s.RSS()
	if err != nil {
		return false, err
	}
	r.bar("idle memory", naa < maksLedig, "%.0f MiB, bar < %.0f", mb(naa), mb(maksLedig))

	if err := stor(ctx, s, storrelse, r); err != nil {
		return false, err
	}
	kode, err := s.Stopp(30 * time.Second)
	if err != nil || kode != 0 {
		return false, fmt.Errorf("it exited with %d (%v)\n%s", kode, err, logg.Bytes())
	}
	s2, err := sandkasse.Start(ctx, binar, data, &logg)
	if err != nil {
		return false, err
	}
	defer s2.Drep()
	r.bar("ready again on the same folder", s2.Klar < maksKlar, "%.2f s after exec, bar < %s", s2.Klar.Seconds(), maksKlar)
	return r.ok, nil
}

// stor takes the large file the whole way.
func stor(ctx context.Context, s *sandkasse.Sandkasse, storrelse int64, r *resultat) error {
	kommune, err := s.FiksIOKommune()
	if err != nil {
		return err
	}
	folk := s.Innbyggere()
	if len(folk) == 0 {
		return errors.New("sandbox.json has no citizens")
	}
	nav, innbygger, fag := s.SomNAV(), s.SomInnbygger(folk[0].Fnr), s.SomFagsystem(kommune)
	cert, err := nav.PublicKey(ctx)
	if err != nil {
		return err
	}
	vil := sha256.New()
	if _, err := io.Copy(vil, strom(storrelse)); err != nil {
		return err
	}
	ledd := func(navn string, fn func() error) error {
		t := time.Now()
		if err := fn(); err != nil {
			return fmt.Errorf("%s: %w", navn, err)
		}
		_, topp, err := s.RSS()
		brukt := time.Since(t)
		r.bar("peak memory after: "+navn, topp < maksMinne, "%.0f MiB, bar < %.0f (%.0f MB/s)", mb(topp), mb(maksMinne),
			float64(storrelse)/1e6/brukt.Seconds())
		return err
	}
	const navn = "stort vedlegg.bin"
	fil := func(n int64, navn string) client.Fil {
		return client.Fil{Navn: navn, Mimetype: "application/octet-stream", Storrelse: n,
			Apne: func() (io.ReadCloser, error) { return io.NopCloser(strom(n)), nil }}
	}
	if err := ledd("mellomlagring", func() error { return nav.Mellomlagre(ctx, cert, "stor", fil(storrelse, navn)) }); err != nil {
		return err
	}
	var id string
	if err := ledd("søknad and delivery", func() error {
		if id, err = innbygger.SendSoknad(ctx, cert, kommune.Kommunenummer, "stor", soknad(folk[0].Fnr, fil(1000, "Soknad.pdf"))); err != nil {
			return err
		}
		return hentSomFagsystem(ctx, s, fag, kommune, navn, vil)
	}); err != nil {
		return err
	}
	return ledd("the citizen's download", func() error { return hentSomInnbygger(ctx, innbygger, id, navn, vil) })
}

func soknad(fnr string, f client.Fil) client.Soknad {
	return client.Soknad{VedleggJSON: []byte(`{"vedlegg":[]}`), Filer: []client.Fil{f}, SoknadJSON: []byte(
		`{"version":"1.0.11","data":{"personalia":{"personIdentifikator":{"kilde":"system","verdi":"` + fnr + `"},` +
			`"navn":{"kilde":"system","fornavn":"Kari","mellomnavn":"","etternavn":"Prøve"},"kontonummer":{"kilde":"bruker"}},` +
			`"begrunnelse":{"kilde":"bruker","hvaSokesOm":"Strøm"},"okonomi":{"opplysninger":{"utbetaling":[]}}},` +
			`"mottaker":{},"driftsinformasjon":{"inntektFraSkatteetatenFeilet":false},"kompatibilitet":[]}`)}
}

func lik(navn string, r io.Reader, vil hash.Hash) error {
	fikk := sha256.New()
	if _, err := io.Copy(fikk, r); err != nil {
		return err
	}
	if !bytes.Equal(fikk.Sum(nil), vil.Sum(nil)) {
		return fmt.Errorf("%s has other content than was sent", navn)
	}
	return nil
}

// hentSomFagsystem waits for the message, which must come by reference, and reads
// the file out of its container.
func hentSomFagsystem(ctx context.Context, s *sandkasse.Sandkasse, fag *client.Client, kommune *sandkasse.Kommune, navn string, vil hash.Hash) error {
	nokkel, err := s.Nokkel(kommune)
	if err != nil {
		return err
	}
	ctx, avbryt := context.WithTimeout(ctx, 30*time.Minute)
	defer avbryt()
	funnet := false
	err = fag.Lytt(ctx, client.Mottaker{Addr: s.AMQPAddr(), KontoID: kommune.Fagsystem.KontoID, Nokler: []cms.Key{nokkel}, Navn: "minne"},
		func(ctx context.Context, m *client.Mottatt) error {
			defer avbryt()
			if m.DokumentlagerID == "" {
				return errors.New("the message came inline, not by reference")
			}
			_, err := m.Filer(ctx, func(n string, r io.Reader) error {
				if n != navn {
					_, err := io.Copy(io.Discard, r)
					return err
				}
				funnet = true
				return lik(n, r, vil)
			})
			if err != nil {
				log.Print(err)
				funnet = false
			}
			return err
		})
	if !funnet {
		return fmt.Errorf("the fagsystem did not get the file: %w", err)
	}
	return nil
}

func hentSomInnbygger(ctx context.Context, innbygger *client.Client, id, navn string, vil hash.Hash) error {
	sak, err := innbygger.Soknad(ctx, id)
	if err != nil {
		return err
	}
	for _, d := range sak.OriginalSoknadNAV.Vedlegg {
		if d.Filnavn != navn {
			continue
		}
		r, err := innbygger.Dokument(ctx, id, d.DokumentlagerDokumentID)
		if err != nil {
			return err
		}
		defer r.Close()
		return lik(navn, r, vil)
	}
	return fmt.Errorf("case %s does not list %s", id, navn)
}
