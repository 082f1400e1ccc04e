// Command inntak measures how fast søknader are taken in, against what the
// machine could do at most in the same run, so that only the ratio counts.
//
// A sandbox is started as a process of its own, and gets søknader (v2) with three
// PDFs each, encrypted in advance. Measured are
//
//	intake    202 answers per second at full load; each means that the søknad is on
//	          disk. The most there can be is set by the three RSA-3072 OAEP
//	          decryptions and the AES-CBC of the files that each takes: those alone, on
//	          all cores, are the limit. Bar: 0.70 of it.
//	half      answer times at half of that load, from when each request was due.
//	          Bar: p99 below 250 ms.
//	drain     everything that was accepted reaches the fagsystem's queue, each once.
//	deliver   from the 202 answer until a waiting consumer has the message, one
//	          søknad at a time. Bars: p50 below 50 ms, p99 below 250 ms.
//
// It exits with 1 when a bar is missed.
package main

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/uuid"

	"knutepunkt/client"
	"knutepunkt/cms"
	"knutepunkt/internal/sandbox"
)

const (
	minRatio     = 0.70
	maxHalfP99   = 250 * time.Millisecond
	maxDelivP50  = 50 * time.Millisecond
	maxDelivP99  = 250 * time.Millisecond
	filesEach    = 3
	prepared     = 32 // different bodies that are sent in turn
	limitSeconds = 4
)

func main() {
	var b bench
	flag.IntVar(&b.size, "size", 100_000, "bytes of each of the three files")
	flag.IntVar(&b.clients, "clients", 16, "concurrent requests at full load")
	flag.DurationVar(&b.duration, "duration", 10*time.Second, "length of the intake and half phases")
	flag.IntVar(&b.deliveries, "deliveries", 200, "søknader in the deliver phase")
	flag.StringVar(&b.dir, "dir", os.TempDir(), "where the sandbox's data are made; should be a disk, not memory")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ok, err := b.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/inntak:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

type bench struct {
	size, clients, deliveries int
	duration                  time.Duration
	dir                       string

	s       sandbox.Beskrivelse
	kommune sandbox.Kommune
	data    string // the sandbox's folder
	token   client.TokenSource
	hc      *http.Client
	bodies  [][]byte
	types   []string
	sent    atomic.Int64 // accepted with 202
	missed  bool
}

func (b *bench) run(ctx context.Context) (bool, error) {
	dir, err := os.MkdirTemp(b.dir, "bench-inntak-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	limit1, err := limit(b.size)
	if err != nil {
		return false, err
	}
	stop, err := b.start(ctx, dir)
	if err != nil {
		return false, err
	}
	defer stop()
	if err := b.prepare(ctx); err != nil {
		return false, err
	}
	rate, err := b.intake(ctx)
	if err != nil {
		return false, err
	}
	if err := b.half(ctx, rate/2); err != nil {
		return false, err
	}
	if err := b.deliver(ctx); err != nil {
		return false, err
	}
	stop()
	limit2, err := limit(b.size) // again: the machine may have changed its mind
	if err != nil {
		return false, err
	}
	most := (limit1 + limit2) / 2
	fmt.Printf("limit     %.0f/s (%.0f before, %.0f after) on %d cores\n", most, limit1, limit2, runtime.GOMAXPROCS(0))
	opensslSpeed(ctx)
	fmt.Printf("ratio     intake/limit = %.2f%s\n", rate/most, b.bar(rate/most >= minRatio, fmt.Sprintf("%.2f", minRatio)))
	return !b.missed, nil
}

func (b *bench) bar(ok bool, bar string) string {
	if ok {
		return "   (bar " + bar + ": reached)"
	}
	b.missed = true
	return "   (bar " + bar + ": MISSED)"
}

// limit is how many times per second all cores can do what no intake can do
// without: unwrap three keys and decrypt three files.
func limit(size int) (float64, error) {
	key, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		return 0, err
	}
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &key.PublicKey, make([]byte, 32), nil)
	if err != nil {
		return 0, err
	}
	var done atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	var failure atomic.Pointer[error]
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			data := make([]byte, (size/aes.BlockSize+1)*aes.BlockSize)
			for time.Since(start) < limitSeconds*time.Second {
				for range filesEach {
					k, err := rsa.DecryptOAEP(sha256.New(), nil, key, wrapped, nil)
					if err != nil {
						failure.Store(&err)
						return
					}
					block, err := aes.NewCipher(k)
					if err != nil {
						failure.Store(&err)
						return
					}
					cipher.NewCBCDecrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(data, data)
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	if err := failure.Load(); err != nil {
		return 0, *err
	}
	return float64(done.Load()) / time.Since(start).Seconds(), nil
}

// opensslSpeed shows what another library makes of the same machine.
func opensslSpeed(ctx context.Context) {
	out, err := exec.CommandContext(ctx, "openssl", "speed", "-seconds", "2", "-multi", strconv.Itoa(runtime.GOMAXPROCS(0)), "rsa3072").Output()
	if err != nil {
		return // for information only
	}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) >= 6 && f[0] == "rsa" && f[1] == "3072" {
			if perSecond, err := strconv.ParseFloat(f[5], 64); err == nil {
				fmt.Printf("          openssl speed rsa3072: %.0f private operations/s, which is %.0f times three\n", perSecond, perSecond/filesEach)
			}
		}
	}
}

// start builds the program and runs a sandbox in dir.
func (b *bench) start(ctx context.Context, dir string) (stop func(), err error) {
	program := filepath.Join(dir, "knutepunkt")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/knutepunkt")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building: %w\n%s", err, out)
	}
	b.data = filepath.Join(dir, "data")
	cmd := exec.CommandContext(ctx, program, "sandbox", "--dir", b.data, "--http", "127.0.0.1:0", "--amqp", "127.0.0.1:0", "--amqps", "127.0.0.1:0")
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	deadline := time.Now().Add(20 * time.Second)
	for {
		if err = b.ready(); err == nil {
			return stop, nil
		}
		if time.Now().After(deadline) {
			stop()
			return nil, fmt.Errorf("the sandbox did not come up: %w", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (b *bench) ready() error {
	data, err := os.ReadFile(filepath.Join(b.data, "sandbox.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &b.s); err != nil {
		return err
	}
	resp, err := http.Get(b.s.BaseURL + "/readyz")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("readyz answers %d", resp.StatusCode)
	}
	return nil
}

// prepare makes the bodies that are sent.
func (b *bench) prepare(ctx context.Context) error {
	i := slices.IndexFunc(b.s.Kommuner, func(k sandbox.Kommune) bool { return k.DigisosKanal == "FIKS_IO" })
	if i < 0 {
		return errors.New("the sandbox has no kommune on Fiks IO")
	}
	b.kommune = b.s.Kommuner[i]
	fnr := b.s.Personer[0].Fnr
	b.token = client.URLToken(nil, strings.NewReplacer("{pid}", fnr, "{acr}", "idporten-loa-high", "{orgno}", b.s.NAV.Organisasjonsnummer).Replace(b.s.Tokens.IDPorten))
	b.hc = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}, Timeout: time.Minute}
	cert, err := client.New(client.Config{BaseURL: b.s.BaseURL, IntegrasjonID: b.s.NAV.IntegrasjonID,
		IntegrasjonPassord: b.s.NAV.IntegrasjonPassord, Token: b.token, HTTP: b.hc}).PublicKey(ctx)
	if err != nil {
		return err
	}
	soknad := strings.NewReplacer("FNR", fnr, "KNR", b.kommune.Kommunenummer).Replace(`{"version":"1.0.11","data":{` +
		`"personalia":{"personIdentifikator":{"kilde":"system","verdi":"FNR"},"navn":{"kilde":"system","fornavn":"Kari","mellomnavn":"","etternavn":"Prøve"},"kontonummer":{"kilde":"bruker"}},` +
		`"begrunnelse":{"kilde":"bruker","hvaSokesOm":"Strøm"},"okonomi":{"opplysninger":{"utbetaling":[]}}},` +
		`"mottaker":{"kommunenummer":"KNR","enhetsnummer":"0315"},"driftsinformasjon":{"inntektFraSkatteetatenFeilet":false},"kompatibilitet":[]}`)
	for range prepared {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		part := func(name, contentType, content string) error {
			p, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + name + `"`}, "Content-Type": {contentType}})
			if err == nil {
				_, err = io.WriteString(p, content)
			}
			return err
		}
		errs := []error{part("tilleggsinformasjonJson", "application/json", `{}`), part("soknadJson", "application/json", soknad),
			part("vedleggJson", "application/json", `{"vedlegg":[]}`)}
		for i, name := range []string{"Soknad.pdf", "Soknad-juridisk.pdf", "Brukerkvittering.pdf"} {
			content := make([]byte, b.size)
			rand.Read(content)
			copy(content, "%PDF-1.7\n")
			var encrypted bytes.Buffer
			k, err := cms.NewWriter(&encrypted, cert)
			if err != nil {
				return err
			}
			_, err = k.Write(content)
			errs = append(errs, err, k.Close(),
				part("metadata:"+strconv.Itoa(i), "application/json", fmt.Sprintf(`{"filnavn":%q,"mimetype":"application/pdf","storrelse":%d}`, name, b.size)))
			p, err := w.CreatePart(textproto.MIMEHeader{
				"Content-Disposition": {fmt.Sprintf(`form-data; name="dokument:%d"; filename=%q`, i, name)}, "Content-Type": {"application/octet-stream"}})
			if err != nil {
				return err
			}
			_, err = p.Write(encrypted.Bytes())
			errs = append(errs, err)
		}
		if err := errors.Join(append(errs, w.Close())...); err != nil {
			return err
		}
		b.bodies, b.types = append(b.bodies, body.Bytes()), append(b.types, w.FormDataContentType())
	}
	return nil
}

// send sends the nth søknad and returns when it is accepted.
func (b *bench) send(ctx context.Context, n int) error {
	token, err := b.token(ctx)
	if err != nil {
		return err
	}
	n %= prepared
	req, err := http.NewRequestWithContext(ctx, http.MethodPost,
		b.s.BaseURL+"/digisos/api/v2/soknader/"+b.kommune.Kommunenummer+"/"+uuid.NewString(), bytes.NewReader(b.bodies[n]))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("IntegrasjonId", b.s.NAV.IntegrasjonID)
	req.Header.Set("IntegrasjonPassord", b.s.NAV.IntegrasjonPassord)
	req.Header.Set("Content-Type", b.types[n])
	resp, err := b.hc.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusAccepted {
		return fmt.Errorf("%s: %s", resp.Status, body)
	}
	b.sent.Add(1)
	return nil
}

// intake sends as fast as it goes.
func (b *bench) intake(ctx context.Context) (rate float64, err error) {
	for i := range b.clients { // connections, statements and caches are warm before we measure
		if err := b.send(ctx, i); err != nil {
			return 0, err
		}
	}
	var mu sync.Mutex
	var times []time.Duration
	var errs []error
	var n atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for range b.clients {
		wg.Go(func() {
			for time.Since(start) < b.duration && ctx.Err() == nil {
				began := time.Now()
				err := b.send(ctx, int(n.Add(1)))
				took := time.Since(began)
				mu.Lock()
				if times = append(times, took); err != nil {
					errs = append(errs, err)
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(start)
	if err := errors.Join(errs...); err != nil {
		return 0, err
	}
	rate = float64(len(times)) / elapsed.Seconds()
	fmt.Printf("intake    %.0f/s, %d clients, p50 %s, p99 %s\n", rate, b.clients, quantile(times, .5), quantile(times, .99))
	return rate, nil
}

// half sends at a fixed rate, whether answers come or not.
func (b *bench) half(ctx context.Context, rate float64) error {
	total := int(rate * b.duration.Seconds())
	times := make([]time.Duration, total)
	errs := make([]error, total)
	var wg sync.WaitGroup
	start := time.Now()
	for i := range total {
		due := start.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		time.Sleep(time.Until(due))
		wg.Go(func() {
			errs[i] = b.send(ctx, i)
			times[i] = time.Since(due)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	p99 := quantile(times, .99)
	fmt.Printf("half      %.0f/s, p50 %s, p99 %s%s\n", rate, quantile(times, .5), p99, b.bar(p99 < maxHalfP99, "p99 "+maxHalfP99.String()))
	return nil
}

// deliver drains the fagsystem's queue, and then times one søknad after the other.
func (b *bench) deliver(ctx context.Context) error {
	f := b.kommune.Fagsystem
	c := client.New(client.Config{BaseURL: b.s.BaseURL, IntegrasjonID: f.IntegrasjonID, IntegrasjonPassord: f.IntegrasjonPassord,
		Token: client.URLToken(nil, strings.NewReplacer("{orgno}", f.Organisasjonsnummer, "{scope}", "ks:fiks").Replace(b.s.Tokens.Maskinporten))})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	arrived := make(chan string, 1024)
	ended := make(chan error, 1)
	go func() {
		ended <- c.Lytt(ctx, client.Mottaker{Addr: net.JoinHostPort(b.s.AMQP.Host, strconv.Itoa(b.s.AMQP.Port)), KontoID: f.FiksIOKontoID, Prefetch: 100},
			func(_ context.Context, m *client.Mottatt) error {
				if m.MeldingType == "no.nav.digisos.soknad.v1" {
					arrived <- m.MeldingID
				}
				return nil
			})
	}()
	seen := map[string]bool{}
	next := func(patience time.Duration) error {
		select {
		case id := <-arrived:
			if seen[id] {
				return fmt.Errorf("message %s came twice", id)
			}
			seen[id] = true
			return nil
		case err := <-ended:
			return fmt.Errorf("the consumer ended: %w", err)
		case <-time.After(patience):
			return fmt.Errorf("%d were accepted, only %d have come, and nothing more within %s", b.sent.Load(), len(seen), patience)
		}
	}
	start := time.Now()
	for int64(len(seen)) < b.sent.Load() {
		if err := next(time.Minute); err != nil {
			return err
		}
	}
	fmt.Printf("drain     all %d delivered, each once, %s after the last answer\n", len(seen), time.Since(start).Round(time.Millisecond))
	var times []time.Duration
	for i := range b.deliveries {
		if err := b.send(ctx, i); err != nil {
			return err
		}
		answered := time.Now()
		if err := next(time.Minute); err != nil {
			return err
		}
		times = append(times, time.Since(answered))
	}
	p50, p99 := quantile(times, .5), quantile(times, .99)
	fmt.Printf("deliver   %d one by one, p50 %s, p99 %s%s\n", len(times), p50, p99,
		b.bar(p50 < maxDelivP50 && p99 < maxDelivP99, "p50 "+maxDelivP50.String()+", p99 "+maxDelivP99.String()))
	return nil
}

func quantile(times []time.Duration, q float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	times = slices.Sorted(slices.Values(times))
	return times[min(int(q*float64(len(times))), len(times)-1)].Round(100 * time.Microsecond)
}
