//go:build linux

// The program svarinn measures SvarInn as a mottakersystem meets it, over HTTP from
// a process of its own:
//
//   - how long a list takes with very many forsendelser waiting, in time and in
//     the server's memory;
//   - the download of one very large forsendelse, as the ratio ours/openssl of the
//     throughput, where openssl encrypts the same zip from file to file, and the
//     server's largest resident memory meanwhile.
//
// It prints each figure with its bar, and exits with 1 if one is missed:
//
//	go run ./bench/svarinn [-waiting N] [-size BYTES] [-rounds N] [-dir DIR]
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"knutepunkt/cms"
)

// The bars.
const (
	maksListe  = time.Second
	maksMinne  = 256 << 20 // bytes
	minsteFart = 0.8       // of openssl's
)

func main() {
	log.SetFlags(0)
	venter := flag.Int("waiting", 10_000, "forsendelser that wait while the list is measured")
	storrelse := flag.Int64("size", 1<<30, "bytes of the large forsendelse")
	runder := flag.Int("rounds", 5, "downloads, and runs of openssl")
	dir := flag.String("dir", os.TempDir(), "where the files are made; needs five times the size")
	barn := flag.String("child", "", "seed or serve; used by the program itself")
	flag.Parse()
	ctx, slutt := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ok, err := kjor(ctx, *barn, *dir, *venter, *storrelse, max(*runder, 3))
	slutt()
	if err != nil {
		log.Fatal(err)
	}
	if !ok {
		log.Fatal("a bar is missed")
	}
}

func kjor(ctx context.Context, barn, dir string, venter int, storrelse int64, runder int) (bool, error) {
	switch barn {
	case "seed":
		return true, seed(ctx, dir, venter, storrelse)
	case "serve":
		return true, serve(ctx, dir)
	}
	mappe, err := os.MkdirTemp(dir, "bench-svarinn-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(mappe)
	self, err := os.Executable()
	if err != nil {
		return false, err
	}
	b := &benk{self: self, dir: mappe, ok: true}
	if err := b.liste(ctx, venter); err != nil {
		return false, fmt.Errorf("the list: %w", err)
	}
	if err := b.nedlasting(ctx, storrelse, runder); err != nil {
		return false, fmt.Errorf("the download: %w", err)
	}
	return b.ok, nil
}

type benk struct {
	self, dir string
	ok        bool
}

func (b *benk) bar(hva string, holdt bool, format string, arg ...any) {
	utfall := "met"
	if !holdt {
		utfall, b.ok = "MISSED", false
	}
	fmt.Printf("%s: %s: %s\n", hva, fmt.Sprintf(format, arg...), utfall)
}

// tjener is a server process on a seeded folder.
type tjener struct {
	cmd  *exec.Cmd
	url  string
	slut func() (maxrss int64, err error)
}

// start seeds a folder in one process and serves it in another.
func (b *benk) start(ctx context.Context, navn string, venter int, storrelse int64) (*tjener, error) {
	dir := filepath.Join(b.dir, navn)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	if out, err := exec.CommandContext(ctx, b.self, "-child", "seed", "-dir", dir, "-waiting", fmt.Sprint(venter), "-size", fmt.Sprint(storrelse)).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("seeding: %w\n%s", err, out)
	}
	cmd := exec.CommandContext(ctx, b.self, "-child", "serve", "-dir", dir)
	cmd.Stderr = os.Stderr
	ut, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	linje, err := bufio.NewReader(ut).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the server did not start: %w", err), cmd.Process.Kill(), cmd.Wait())
	}
	return &tjener{cmd: cmd, url: strings.TrimSpace(linje), slut: func() (int64, error) {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return 0, err
		}
		err := cmd.Wait()
		return cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10, err
	}}, nil
}

// hent asks for path and writes the answer to w.
func (t *tjener) hent(ctx context.Context, path string, w io.Writer) (int64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url+path, nil)
	if err != nil {
		return 0, err
	}
	r.SetBasicAuth(systemID, passord)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s answered %s", path, resp.Status)
	}
	return io.Copy(w, resp.Body)
}

const (
	stiListe = "/tjenester/svarinn/mottaker/hentNyeForsendelser"
	stiHent  = "/tjenester/svarinn/forsendelse/"
)

func (b *benk) liste(ctx context.Context, venter int) error {
	t, err := b.start(ctx, "liste", venter, 0)
	if err != nil {
		return err
	}
	var tider []time.Duration
	var kropp bytes.Buffer
	for range 20 {
		kropp.Reset()
		fra := time.Now()
		if _, err := t.hent(ctx, stiListe, &kropp); err != nil {
			return err
		}
		tider = append(tider, time.Since(fra))
	}
	var liste []json.RawMessage
	if err := json.Unmarshal(kropp.Bytes(), &liste); err != nil {
		return err
	}
	minne, err := t.slut()
	if err != nil {
		return err
	}
	verst := slices.Max(tider)
	slices.Sort(tider)
	fmt.Printf("list: %d of %d waiting, %d KiB\n", len(liste), venter, kropp.Len()>>10)
	b.bar("list, time", verst < maksListe && len(liste) == min(500, venter), "median %.1f ms, worst of %d %.1f ms, bar %s",
		ms(tider[len(tider)/2]), len(tider), ms(verst), maksListe)
	b.bar("list, memory", minne < maksMinne, "%.0f MiB, bar %d", mib(minne), maksMinne>>20)
	return nil
}

func (b *benk) nedlasting(ctx context.Context, storrelse int64, runder int) error {
	t, err := b.start(ctx, "nedlasting", 0, storrelse)
	if err != nil {
		return err
	}
	vaar, deres, zip := filepath.Join(b.dir, "ours"), filepath.Join(b.dir, "openssl"), filepath.Join(b.dir, "plain.zip")
	last := func() error {
		return tilFil(vaar, func(w io.Writer) error { _, err := t.hent(ctx, stiHent+storID, w); return err })
	}
	if err := last(); err != nil {
		return err
	}
	if err := dekrypter(vaar, zip, filepath.Join(b.dir, "nedlasting", nokkelfil)); err != nil {
		return err
	}
	var a, o []time.Duration
	for range runder {
		fra := time.Now()
		if err := last(); err != nil {
			return err
		}
		a = append(a, time.Since(fra))
		if err := os.Remove(deres); err != nil && !os.IsNotExist(err) {
			return err
		}
		fra = time.Now()
		ut, err := exec.CommandContext(ctx, "openssl", "cms", "-encrypt", "-stream", "-binary", "-aes-256-cbc", "-outform", "DER", "-in", zip, "-out", deres,
			"-recip", filepath.Join(b.dir, "nedlasting", sertifikatfil), "-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256",
			"-keyopt", "rsa_mgf1_md:sha256").CombinedOutput()
		if err != nil {
			return fmt.Errorf("openssl: %w\n%s", err, ut)
		}
		o = append(o, time.Since(fra))
	}
	minne, err := t.slut()
	if err != nil {
		return err
	}
	slices.Sort(a)
	slices.Sort(o)
	m, n := a[len(a)/2], o[len(o)/2]
	fart := n.Seconds() / m.Seconds()
	fmt.Printf("download: zip of %d MiB, %d rounds, medians\n", storrelse>>20, runder)
	b.bar("download, throughput", fart >= minsteFart, "ours/openssl %.2f (%.0f MiB/s / %.0f MiB/s), bar %.2f", fart,
		mib(storrelse)/m.Seconds(), mib(storrelse)/n.Seconds(), minsteFart)
	b.bar("download, memory", minne < maksMinne, "%.0f MiB, bar %d", mib(minne), maksMinne>>20)
	return nil
}

// tilFil makes a file anew: overwriting would free the pages of the one before.
func tilFil(navn string, skriv func(io.Writer) error) error {
	if err := os.Remove(navn); err != nil && !os.IsNotExist(err) {
		return err
	}
	f, err := os.Create(navn)
	if err != nil {
		return err
	}
	return errors.Join(skriv(f), f.Close())
}

func dekrypter(fra, til, nokkel string) error {
	k, err := lesNokkel(nokkel)
	if err != nil {
		return err
	}
	f, err := os.Open(fra)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := cms.NewReader(f, cms.Key{Private: k})
	if err != nil {
		return err
	}
	return tilFil(til, func(w io.Writer) error { _, err := io.Copy(w, r); return err })
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
func mib(n int64) float64        { return float64(n) / (1 << 20) }
