// The program inntak measures how fast søknader are taken in, against what the
// machine could do at best. It starts the sandbox as a process of its own and
// loads it as NAV does: v2 søknader of three PDFs of 100 kB each, encrypted to the
// platform's RSA-3072 key, each durable before its 202. The limit is the same
// decryptions alone (three RSA-OAEP and three times 100 kB of AES-256-CBC, Go's
// crypto) on all cores, measured in turn with it in the same run.
//
//	go run ./bench/inntak [-rounds N] [-seconds N] [-clients N] [-cpuprofile FILE]
//
// It prints the ratio of the medians with its spread, the latency of the 202 at
// half that rate, and the time from the 202 to basic.deliver at a waiting
// consumer; and exits with 1 when a bar is missed.
package main

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"knutepunkt/bench/sandkasse"
	"knutepunkt/internal/sandbox"
)

// The bars.
const (
	minForhold    = 0.70
	maksP99       = 250 * time.Millisecond // of the 202 at half the rate
	maksLevertP50 = 50 * time.Millisecond  // from the 202 to basic.deliver
	maksLevertP99 = 250 * time.Millisecond
)

const filstorrelse = 100_000 // bytes of plaintext, of each of the three files

type oppsett struct {
	runder, klienter int
	tid              time.Duration // of each measurement
	dir              string        // where the platforms' folders are made
	binar            string
	profil           string
	kommune          string
}

func main() {
	log.SetFlags(0)
	o := oppsett{}
	sekunder := flag.Int("seconds", 20, "length of each measurement of the intake")
	flag.IntVar(&o.runder, "rounds", 3, "measurements of limit and intake, in turn")
	flag.IntVar(&o.klienter, "clients", 24, "concurrent senders: enough to keep the processors busy while others wait for a commit")
	flag.StringVar(&o.dir, "dir", "", "where the platforms' folders are made; needs some GB")
	flag.StringVar(&o.profil, "cpuprofile", "", "write a CPU profile of the server's last intake round to `FILE`")
	flag.StringVar(&o.kommune, "kommune", "", "kommunenummer to send to; by default the first with Fiks IO")
	barn := flag.String("child", "", "serve, with a CPU profile to the file, as the rest of the arguments say; used by the program itself")
	flag.Parse()
	if *barn != "" {
		if err := server(*barn, flag.Args()); err != nil {
			log.Fatal(err)
		}
		return
	}
	o.tid = time.Duration(*sekunder) * time.Second
	dir, err := os.MkdirTemp(o.dir, "bench-inntak-")
	if err != nil {
		log.Fatal(err)
	}
	o.dir = dir
	ctx, slutt := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ok, err := bench(ctx, o)
	slutt()
	_ = os.RemoveAll(dir)
	if err != nil {
		log.Fatal(err)
	}
	if !ok {
		log.Fatal("a bar is missed")
	}
}

// server is the measured process when a profile is wanted.
func server(profil string, args []string) error {
	var cfg sandbox.Config
	fs := flag.NewFlagSet("server", flag.ExitOnError)
	fs.StringVar(&cfg.Dir, "dir", "", "")
	fs.StringVar(&cfg.HTTP, "http", "", "")
	fs.StringVar(&cfg.AMQP, "amqp", "", "")
	fs.StringVar(&cfg.AMQPS, "amqps", "", "")
	_ = fs.Parse(args)
	cfg.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	f, err := os.Create(profil)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	ctx, slutt := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer slutt()
	return sandbox.Run(ctx, cfg)
}

func bench(ctx context.Context, o oppsett) (ok bool, err error) {
	o.binar = filepath.Join(o.dir, "knutepunkt")
	if err := sandkasse.Bygg(ctx, o.binar); err != nil {
		return false, err
	}
	opensslSpeed(ctx)
	nokkel, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		return false, err
	}
	var grense, inntak, perKjerne []float64
	andre := 0.0
	for r := range o.runder {
		g, gCPU, err := maalGrense(nokkel, max(o.tid/4, 2*time.Second))
		if err != nil {
			return false, err
		}
		profil := ""
		if r == o.runder-1 {
			profil = o.profil
		}
		m, err := maalInntak(ctx, o, profil)
		if err != nil {
			return false, err
		}
		grense, inntak = append(grense, g), append(inntak, m.rate)
		perKjerne = append(perKjerne, m.rate/(m.serverCPU+m.klientCPU)/gCPU)
		andre = max(andre, m.andreCPU)
		fmt.Printf("round %d: limit %6.1f/s, intake %6.1f/s (%.2f; %.2f per core-second), 202 after p50 %s p99 %s; of %d cores the server used %.2f, the load client %.2f, others %.2f\n",
			r+1, g, m.rate, m.rate/g, perKjerne[r], ms(m.svar, 50), ms(m.svar, 99), runtime.NumCPU(), m.serverCPU, m.klientCPU, m.andreCPU)
	}
	if andre > 0.2 {
		fmt.Printf("others used up to %.2f cores meanwhile: trust the ratio per core-second (median %.2f), and no latency\n", andre, median(perKjerne))
	}
	forhold := median(inntak) / median(grense)
	ok = true
	bar := func(hva string, holdt bool, format string, arg ...any) {
		utfall := "ok"
		if !holdt {
			utfall, ok = "MISSED", false
		}
		fmt.Printf("%-44s %-60s %s\n", hva, fmt.Sprintf(format, arg...), utfall)
	}
	var alle []float64
	for i := range inntak {
		alle = append(alle, inntak[i]/grense[i])
	}
	bar("intake against the decryptions alone", forhold >= minForhold, "%.2f (%.1f of %.1f/s; rounds %.2f to %.2f), bar ≥ %.2f",
		forhold, median(inntak), median(grense), slices.Min(alle), slices.Max(alle), minForhold)

	halv, err := maalHalvRate(ctx, o, median(inntak)/2)
	if err != nil {
		return false, err
	}
	bar("202 at half that rate, from its schedule", prosentil(halv, 99) < maksP99, "p50 %s, p99 %s, slowest %s of %d, bar p99 < %s",
		ms(halv, 50), ms(halv, 99), ms(halv, 100), len(halv), maksP99)

	levert, err := maalLevering(ctx, o)
	if err != nil {
		return false, err
	}
	bar("from 202 to basic.deliver at 10/s", prosentil(levert, 50) < maksLevertP50 && prosentil(levert, 99) < maksLevertP99,
		"p50 %s, p99 %s, slowest %s of %d, bars < %s, < %s", ms(levert, 50), ms(levert, 99), ms(levert, 100), len(levert), maksLevertP50, maksLevertP99)
	return ok, nil
}

// opensslSpeed is for the reader only: what the same key size costs elsewhere.
func opensslSpeed(ctx context.Context) {
	ut, err := exec.CommandContext(ctx, "openssl", "speed", "-seconds", "2", "-multi", fmt.Sprint(runtime.NumCPU()), "rsa3072").Output()
	if err != nil {
		return
	}
	for linje := range strings.Lines(string(ut)) {
		if strings.HasPrefix(linje, "rsa") {
			fmt.Printf("for information, openssl speed on %d cores: %s", runtime.NumCPU(), linje)
		}
	}
}

// maalGrense is how many times a second all cores do a søknad's decryptions, and
// how many times in a second of one core's time.
func maalGrense(nokkel *rsa.PrivateKey, tid time.Duration) (rate, perKjerne float64, err error) {
	innhold := make([]byte, 32)
	_, _ = rand.Read(innhold)
	hemmelig, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &nokkel.PublicKey, innhold, nil)
	if err != nil {
		return 0, 0, err
	}
	kryptert := make([]byte, (filstorrelse/aes.BlockSize+1)*aes.BlockSize)
	var antall atomic.Int64
	var wg sync.WaitGroup
	start, cpu := time.Now(), cpuTid(os.Getpid())
	for range runtime.NumCPU() {
		wg.Go(func() {
			klart := make([]byte, len(kryptert))
			for time.Since(start) < tid {
				for range 3 {
					key, err := rsa.DecryptOAEP(sha256.New(), nil, nokkel, hemmelig, nil)
					if err != nil {
						panic(err) // cannot happen: it was encrypted above
					}
					blokk, err := aes.NewCipher(key)
					if err != nil {
						panic(err)
					}
					cipher.NewCBCDecrypter(blokk, key[:aes.BlockSize]).CryptBlocks(klart, kryptert)
				}
				antall.Add(1)
			}
		})
	}
	wg.Wait()
	n := float64(antall.Load())
	return n / time.Since(start).Seconds(), n / (cpuTid(os.Getpid()) - cpu).Seconds(), nil
}

// start starts a platform on an empty folder.
func start(ctx context.Context, o oppsett, profil string) (*last, func() error, error) {
	dir, err := os.MkdirTemp(o.dir, "data-")
	if err != nil {
		return nil, nil, err
	}
	var kommando []string
	if profil != "" {
		selv, err := os.Executable()
		if err != nil {
			return nil, nil, err
		}
		kommando = []string{selv, "-child", profil, "--"}
	}
	var logg bytes.Buffer
	s, err := sandkasse.Start(ctx, o.binar, dir, &logg, kommando...)
	if err != nil {
		return nil, nil, fmt.Errorf("%w\n%s", err, logg.Bytes())
	}
	stopp := func() error {
		_, err := s.Stopp(30 * time.Second)
		return errors.Join(err, os.RemoveAll(dir))
	}
	l, err := nyLast(ctx, s, o)
	if err != nil {
		return nil, nil, errors.Join(err, stopp())
	}
	return l, stopp, nil
}

type maaling struct {
	rate                 float64 // søknader a second
	svar                 []time.Duration
	serverCPU, klientCPU float64 // cores used
	andreCPU             float64 // by everything else on the machine
}

// maalInntak is the closed loop: each client sends its next søknad when the last
// one was answered.
func maalInntak(ctx context.Context, o oppsett, profil string) (m maaling, err error) {
	l, stopp, err := start(ctx, o, profil)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, stopp()) }()
	if _, err := l.lukket(ctx, o.klienter, o.tid/10+time.Second); err != nil { // warm-up
		return m, err
	}
	server, klient, maskin := cpuTid(l.PID()), cpuTid(os.Getpid()), maskinTid()
	t := time.Now()
	m.svar, err = l.lukket(ctx, o.klienter, o.tid)
	if err != nil {
		return m, err
	}
	brukt := time.Since(t)
	m.rate = float64(len(m.svar)) / brukt.Seconds()
	m.serverCPU = (cpuTid(l.PID()) - server).Seconds() / brukt.Seconds()
	m.klientCPU = (cpuTid(os.Getpid()) - klient).Seconds() / brukt.Seconds()
	m.andreCPU = max(0, (maskinTid()-maskin).Seconds()/brukt.Seconds()-m.serverCPU-m.klientCPU)
	return m, nil
}

// maalHalvRate is the open loop: søknader are due at fixed times, whether or not
// the ones before were answered, and each is timed from when it was due.
func maalHalvRate(ctx context.Context, o oppsett, rate float64) (svar []time.Duration, err error) {
	l, stopp, err := start(ctx, o, "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stopp()) }()
	if _, err := l.lukket(ctx, 2, time.Second); err != nil {
		return nil, err
	}
	return l.aapen(ctx, rate, o.tid, nil)
}

// maalLevering is the time from the 202 until the message is at a consumer that
// waits, at a modest rate.
func maalLevering(ctx context.Context, o oppsett) (tider []time.Duration, err error) {
	l, stopp, err := start(ctx, o, "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stopp()) }()
	konsCtx, avbryt := context.WithCancel(ctx)
	k, err := l.konsument(konsCtx)
	if err != nil {
		avbryt()
		return nil, err
	}
	defer k.ferdig()
	defer avbryt()
	varm, err := l.varmOpp(ctx, k) // the first messages find cold caches
	if err != nil {
		return nil, err
	}
	svart := map[string]time.Time{}
	var mu sync.Mutex
	if _, err := l.aapen(ctx, 10, o.tid, func(ref string) {
		naa := time.Now()
		mu.Lock()
		svart[ref] = naa
		mu.Unlock()
	}); err != nil {
		return nil, err
	}
	frist := time.After(20 * time.Second)
	for len(k.kopi()) < len(svart)+varm {
		select {
		case <-frist:
			return nil, fmt.Errorf("%d of %d søknader came to the consumer", len(k.kopi())-varm, len(svart))
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	kom := k.kopi()
	for ref, t := range svart {
		ved, ok := kom[ref]
		if !ok {
			return nil, fmt.Errorf("søknad %s did not come to the consumer", ref)
		}
		tider = append(tider, max(0, ved.Sub(t))) // the message may overtake the answer
	}
	return tider, nil
}

func median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return (v[len(v)/2] + v[(len(v)-1)/2]) / 2
}

// prosentil is the value that p of 100 are at or below.
func prosentil(v []time.Duration, p int) time.Duration {
	if len(v) == 0 {
		return 0
	}
	v = slices.Clone(v)
	slices.Sort(v)
	return v[max(0, (len(v)*p+99)/100-1)]
}

func ms(v []time.Duration, p int) string {
	return fmt.Sprintf("%.1f ms", float64(prosentil(v, p))/float64(time.Millisecond))
}
