package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"knutepunkt/bench/sandkasse"
	"knutepunkt/client"
	"knutepunkt/cms"
)

// last is the load on one platform. The bodies are made beforehand, so that
// sending costs next to nothing on the cores that the platform needs.
type last struct {
	*sandkasse.Sandkasse
	kommune *sandkasse.Kommune
	url     string // without the reference
	header  http.Header
	kropper [][]byte
	nr      atomic.Int64
}

const ulikeKropper = 8

func nyLast(ctx context.Context, s *sandkasse.Sandkasse, o oppsett) (*last, error) {
	l := &last{Sandkasse: s}
	var err error
	if l.kommune, err = s.FiksIOKommune(); err != nil {
		return nil, err
	}
	for i := range s.Kommuner {
		if s.Kommuner[i].Kommunenummer == o.kommune {
			l.kommune = &s.Kommuner[i]
		}
	}
	folk := s.Innbyggere()
	if len(folk) == 0 {
		return nil, fmt.Errorf("sandbox.json has no citizens")
	}
	fnr := folk[0].Fnr
	token, err := client.URLToken(s.HTTP, s.PersonTokenURL(fnr))(ctx)
	if err != nil {
		return nil, err
	}
	cert, err := s.SomNAV().PublicKey(ctx)
	if err != nil {
		return nil, err
	}
	if n := cert.PublicKey.(interface{ Size() int }).Size() * 8; n != 3072 {
		return nil, fmt.Errorf("the platform's key has %d bits: the limit is measured with 3072", n)
	}
	l.url = s.BaseURL + "/digisos/api/v2/soknader/" + l.kommune.Kommunenummer + "/"
	var grense string
	for range ulikeKropper {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		if grense == "" {
			grense = w.Boundary()
		} else if err := w.SetBoundary(grense); err != nil {
			return nil, err
		}
		for _, d := range [][2]string{{"tilleggsinformasjonJson", "{}"}, {"soknadJson", soknad(fnr, l.kommune.Kommunenummer)}, {"vedleggJson", `{"vedlegg":[]}`}} {
			if err := del(w, d[0], "", "application/json", []byte(d[1])); err != nil {
				return nil, err
			}
		}
		for i, navn := range []string{"Soknad.pdf", "Soknad-juridisk.pdf", "Brukerkvittering.pdf"} {
			innhold := make([]byte, filstorrelse)
			_, _ = rand.Read(innhold)
			var kryptert bytes.Buffer
			k, err := cms.NewWriter(&kryptert, cert)
			if err != nil {
				return nil, err
			}
			if _, err := k.Write(innhold); err != nil {
				return nil, err
			}
			if err := k.Close(); err != nil {
				return nil, err
			}
			meta := fmt.Sprintf(`{"filnavn":"%s","mimetype":"application/pdf","storrelse":%d}`, navn, filstorrelse)
			if err := del(w, "metadata"+strconv.Itoa(i), "", "text/plain", []byte(meta)); err != nil {
				return nil, err
			}
			if err := del(w, navn, navn, "application/octet-stream", kryptert.Bytes()); err != nil {
				return nil, err
			}
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		l.kropper = append(l.kropper, b.Bytes())
		l.header = http.Header{"Authorization": {"Bearer " + token}, "Integrasjonid": {s.NAV.ID},
			"Integrasjonpassord": {s.NAV.Passord}, "Content-Type": {w.FormDataContentType()}}
	}
	return l, nil
}

func del(w *multipart.Writer, navn, filnavn, ct string, innhold []byte) error {
	cd := `form-data; name="` + navn + `"`
	if filnavn != "" {
		cd += `; filename="` + filnavn + `"`
	}
	p, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {cd}, "Content-Type": {ct}})
	if err != nil {
		return err
	}
	_, err = p.Write(innhold)
	return err
}

// soknad is a soknad.json of a realistic size, some 15 kB.
func soknad(fnr, kommunenummer string) string {
	utgift := `{"kilde":"bruker","type":"annen","tittel":"En utgift som er beskrevet med noen ord","belop":100,"overstyrtAvBruker":false}`
	return `{"version":"1.0.11","data":{"personalia":{"personIdentifikator":{"kilde":"system","verdi":"` + fnr + `"},` +
		`"navn":{"kilde":"system","fornavn":"Kari","mellomnavn":"","etternavn":"Prøve"},"kontonummer":{"kilde":"bruker"}},` +
		`"begrunnelse":{"kilde":"bruker","hvaSokesOm":"Strøm"},"okonomi":{"opplysninger":{"utbetaling":[],"utgift":[` +
		strings.Repeat(utgift+",", 99) + utgift + `]}}},` +
		`"mottaker":{"kommunenummer":"` + kommunenummer + `"},"driftsinformasjon":{"inntektFraSkatteetatenFeilet":false},"kompatibilitet":[]}`
}

// send sends one søknad under a new reference and waits for its 202.
func (l *last) send(ctx context.Context) (ref string, err error) {
	nr := l.nr.Add(1)
	ref = "b" + strconv.FormatInt(nr, 10)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url+ref, bytes.NewReader(l.kropper[nr%ulikeKropper]))
	if err != nil {
		return "", err
	}
	req.Header = l.header
	resp, err := l.HTTP.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	svar, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusAccepted {
		return "", fmt.Errorf("søknad %s: %d %s", ref, resp.StatusCode, svar)
	}
	return ref, nil
}

// lukket keeps that many clients busy for the time, and gives how long each
// søknad took.
func (l *last) lukket(ctx context.Context, klienter int, tid time.Duration) ([]time.Duration, error) {
	var mu sync.Mutex
	var alle []time.Duration
	var forste error
	var wg sync.WaitGroup
	slutt := time.Now().Add(tid)
	for range klienter {
		wg.Go(func() {
			var mine []time.Duration
			var err error
			for err == nil && time.Now().Before(slutt) {
				t := time.Now()
				if _, err = l.send(ctx); err == nil {
					mine = append(mine, time.Since(t))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			alle = append(alle, mine...)
			if forste == nil {
				forste = err
			}
		})
	}
	wg.Wait()
	return alle, forste
}

// aapen sends at fixed times; svart is told each reference that was taken.
func (l *last) aapen(ctx context.Context, rate float64, tid time.Duration, svart func(ref string)) ([]time.Duration, error) {
	var mu sync.Mutex
	var alle []time.Duration
	var forste error
	var wg sync.WaitGroup
	start := time.Now()
	for n := range int(rate * tid.Seconds()) {
		naar := start.Add(time.Duration(float64(n) / rate * float64(time.Second)))
		time.Sleep(time.Until(naar))
		wg.Go(func() {
			ref, err := l.send(ctx)
			tok := time.Since(naar)
			if err == nil && svart != nil {
				svart(ref)
			}
			mu.Lock()
			defer mu.Unlock()
			alle = append(alle, tok)
			if forste == nil {
				forste = err
			}
		})
	}
	wg.Wait()
	return alle, forste
}

// mottak is a waiting consumer that notes when each søknad's message came.
type mottak struct {
	mu     sync.Mutex
	kom    map[string]time.Time
	ferdig func()
}

func (m *mottak) kopi() map[string]time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.kom)
}

func (l *last) konsument(ctx context.Context) (*mottak, error) {
	nokkel, err := l.Nokkel(l.kommune)
	if err != nil {
		return nil, err
	}
	m := &mottak{kom: map[string]time.Time{}}
	klar := make(chan struct{})
	var en sync.Once
	var wg sync.WaitGroup
	m.ferdig = wg.Wait
	wg.Go(func() {
		_ = l.SomFagsystem(l.kommune).Lytt(ctx, client.Mottaker{Addr: l.AMQPAddr(), KontoID: l.kommune.Fagsystem.KontoID,
			Nokler: []cms.Key{nokkel}, Prefetch: 100, Navn: "inntak", Tilkoblet: func() { en.Do(func() { close(klar) }) },
		}, func(ctx context.Context, b *client.Mottatt) error {
			naa := time.Now()
			var meta struct {
				EksternRef string `json:"eksternRef"`
			}
			_, err := b.Filer(ctx, func(navn string, r io.Reader) error {
				if navn != "forsendelseMetadata.json" {
					_, err := io.Copy(io.Discard, r)
					return err
				}
				return json.NewDecoder(r).Decode(&meta)
			})
			if err != nil {
				return err
			}
			m.mu.Lock()
			m.kom[meta.EksternRef] = naa
			m.mu.Unlock()
			return nil
		})
	})
	select {
	case <-klar:
		return m, nil
	case <-time.After(10 * time.Second):
		return nil, fmt.Errorf("the consumer was not connected within 10 s")
	}
}

// varmOpp sends some søknader and waits for their messages; it gives how many.
func (l *last) varmOpp(ctx context.Context, m *mottak) (int, error) {
	const antall = 5
	for n := range antall {
		if _, err := l.send(ctx); err != nil {
			return 0, err
		}
		slutt := time.Now().Add(10 * time.Second)
		for len(m.kopi()) <= n {
			if time.Now().After(slutt) {
				return 0, fmt.Errorf("a søknad did not come to the consumer within 10 s")
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	return antall, nil
}

// cpuTid is the processor time that a process has used (Linux; 0 elsewhere).
func cpuTid(pid int) time.Duration {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, etter, _ := strings.Cut(string(data), ") ")
	felt := strings.Fields(etter)
	if len(felt) < 13 {
		return 0
	}
	return tikk(felt[11:13]) // utime and stime
}

// maskinTid is the processor time that everybody on the machine has used.
func maskinTid() time.Duration {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	felt := strings.Fields(string(data))
	if len(felt) < 9 {
		return 0
	}
	return tikk(felt[1:4]) + tikk(felt[6:9]) // all but idle and iowait
}

// tikk adds up times in hundredths of a second.
func tikk(felt []string) time.Duration {
	var sum int64
	for _, f := range felt {
		n, _ := strconv.ParseInt(f, 10, 64)
		sum += n
	}
	return time.Duration(sum) * 10 * time.Millisecond
}
