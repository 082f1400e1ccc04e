// Package sandkasse starts `knutepunkt sandbox` as a process of its own and tells
// where it is, for programs that judge the platform from outside: by its ports,
// its sandbox.json and its exit code, and by nothing else.
package sandkasse

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"knutepunkt/client"
	"knutepunkt/cms"
)

// Bygg compiles the program to the file binar; it must run inside the module.
func Bygg(ctx context.Context, binar string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binar, "knutepunkt/cmd/knutepunkt")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if ut, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the program: %w\n%s", err, ut)
	}
	return nil
}

// Integrasjon is what a client identifies itself with.
type Integrasjon struct {
	Organisasjonsnummer string `json:"organisasjonsnummer"`
	ID                  string `json:"integrasjonId"`
	Passord             string `json:"integrasjonPassord"`
}

// Kommune is a municipality of the sandbox.
type Kommune struct {
	Kommunenummer       string `json:"kommunenummer"`
	Navn                string `json:"navn"`
	FiksOrgID           string `json:"fiksOrgId"`
	Organisasjonsnummer string `json:"organisasjonsnummer"`
	DigisosKanal        string `json:"digisosKanal"`
	Fagsystem           struct {
		Integrasjon
		KontoID     string   `json:"fiksIOKontoId"`
		PrivateKey  string   `json:"privateKey"`
		Certificate string   `json:"certificate"`
		SvarInn     *SvarInn `json:"svarinn"` // nil: it fetches nothing
		SvarUt      *SvarUt  `json:"svarut"`  // nil: it sends nothing
	} `json:"fagsystem"`
}

// SvarInn is what a municipality's mottakersystem fetches with.
type SvarInn struct {
	Brukernavn string `json:"brukernavn"`
	Passord    string `json:"passord"`
	PrivateKey string `json:"privateKey"`
}

// SvarUt is what a municipality sends letters with.
type SvarUt struct {
	KontoID    string `json:"kontoId"`
	Brukernavn string `json:"brukernavn"`
	Passord    string `json:"passord"`
}

// Person is one of the sandbox's people.
type Person struct {
	Fnr    string   `json:"fnr"`
	Navn   string   `json:"navn"`
	Roller []string `json:"roller"`
}

// Beskrivelse is the part of sandbox.json that is needed here.
type Beskrivelse struct {
	BaseURL string `json:"baseUrl"`
	AMQP    struct {
		Host string `json:"host"`
		Port int    `json:"port"`
	} `json:"amqp"`
	Tokens struct {
		Maskinporten string `json:"maskinporten"`
		IDPorten     string `json:"idporten"`
	} `json:"tokens"`
	NAV      Integrasjon `json:"nav"`
	Kommuner []Kommune   `json:"kommuner"`
	Personer []Person    `json:"personer"`
}

// Sandkasse is one life of a sandbox.
type Sandkasse struct {
	Beskrivelse
	Dir  string
	Klar time.Duration // from exec until /readyz answered 200
	HTTP *http.Client  // its connections die with this life

	cmd    *exec.Cmd
	slutt  chan struct{} // closed when the process has ended
	utfall error         // of the process, once slutt is closed
}

const klarFrist = 30 * time.Second

// Start starts the binary on dir, on free ports, and returns when it is ready. Its
// output goes to logg. What it is given in kommando runs instead of
// "BINAR sandbox", with the same flags after it.
func Start(ctx context.Context, binar, dir string, logg io.Writer, kommando ...string) (*Sandkasse, error) {
	forrige, err := os.Stat(filepath.Join(dir, "sandbox.json")) // of the life before, if there was one
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	start := time.Now()
	s, err := begynn(binar, dir, logg, kommando)
	if err != nil {
		return nil, err
	}
	if err := s.ventKlar(ctx, forrige); err != nil {
		_ = s.Drep()
		return nil, err
	}
	s.Klar = time.Since(start)
	return s, nil
}

// AvbrytStart starts the binary on dir and kills it after the time, ready or not.
func AvbrytStart(binar, dir string, logg io.Writer, etter time.Duration) error {
	s, err := begynn(binar, dir, logg, nil)
	if err != nil {
		return err
	}
	select {
	case <-s.slutt:
		return fmt.Errorf("the sandbox ended before it was killed: %v", s.utfall)
	case <-time.After(etter):
		return s.Drep()
	}
}

func begynn(binar, dir string, logg io.Writer, kommando []string) (*Sandkasse, error) {
	if len(kommando) == 0 {
		kommando = []string{binar, "sandbox"}
	}
	arg := append(kommando[1:len(kommando):len(kommando)], "--dir", dir,
		"--http", "127.0.0.1:0", "--amqp", "127.0.0.1:0", "--amqps", "127.0.0.1:0")
	s := &Sandkasse{Dir: dir, cmd: exec.Command(kommando[0], arg...), slutt: make(chan struct{})}
	s.cmd.Stdout, s.cmd.Stderr = logg, logg
	s.HTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, ResponseHeaderTimeout: time.Minute}}
	dorMedForelder(s.cmd)
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the sandbox: %w", err)
	}
	go func() {
		s.utfall = s.cmd.Wait()
		close(s.slutt)
	}()
	return s, nil
}

// ventKlar waits for the sandbox.json of this life, then for /readyz.
func (s *Sandkasse) ventKlar(ctx context.Context, forrige fs.FileInfo) error {
	ctx, avbryt := context.WithTimeout(ctx, klarFrist)
	defer avbryt()
	fil := filepath.Join(s.Dir, "sandbox.json")
	tikk := time.NewTicker(3 * time.Millisecond)
	defer tikk.Stop()
	for {
		select {
		case <-s.slutt:
			return fmt.Errorf("the sandbox ended before it was ready: %v", s.utfall)
		case <-ctx.Done():
			return fmt.Errorf("the sandbox was not ready within %s", klarFrist)
		case <-tikk.C:
		}
		if s.BaseURL == "" {
			info, err := os.Stat(fil)
			if err != nil || forrige != nil && os.SameFile(info, forrige) && info.ModTime().Equal(forrige.ModTime()) {
				continue
			}
			data, err := os.ReadFile(fil)
			if err != nil {
				return err
			}
			if err := json.Unmarshal(data, &s.Beskrivelse); err != nil {
				return fmt.Errorf("sandbox.json is not whole: %w", err)
			}
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.BaseURL+"/readyz", nil)
		if err != nil {
			return err
		}
		resp, err := s.HTTP.Do(req)
		if err != nil {
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
	}
}

// PID is the process id.
func (s *Sandkasse) PID() int { return s.cmd.Process.Pid }

// Slutt is closed when the process has ended, for whatever reason.
func (s *Sandkasse) Slutt() <-chan struct{} { return s.slutt }

// Drep ends the process as a power cut would, and returns when it is gone.
func (s *Sandkasse) Drep() error {
	err := s.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	<-s.slutt
	s.HTTP.CloseIdleConnections()
	return err
}

// Stopp asks the process to end and gives its exit code; after the time it is killed.
func (s *Sandkasse) Stopp(frist time.Duration) (kode int, err error) {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return -1, err
	}
	s.HTTP.CloseIdleConnections()
	select {
	case <-s.slutt:
		return s.cmd.ProcessState.ExitCode(), nil
	case <-time.After(frist):
		_ = s.Drep()
		return -1, fmt.Errorf("the sandbox did not stop within %s", frist)
	}
}

func (s *Sandkasse) klient(i Integrasjon, token client.TokenSource) *client.Client {
	return client.New(client.Config{BaseURL: s.BaseURL, IntegrasjonID: i.ID, IntegrasjonPassord: i.Passord, Token: token, HTTP: s.HTTP})
}

// TokenURL is where an organisation's token is fetched.
func (s *Sandkasse) TokenURL(orgnr string) string {
	return strings.NewReplacer("{orgno}", url.QueryEscape(orgnr), "{scope}", url.QueryEscape("ks:fiks")).Replace(s.Tokens.Maskinporten)
}

// PersonTokenURL is where a citizen's token for NAV is fetched.
func (s *Sandkasse) PersonTokenURL(fnr string) string {
	return strings.NewReplacer("{pid}", url.QueryEscape(fnr), "{acr}", "idporten-loa-high",
		"{orgno}", url.QueryEscape(s.Beskrivelse.NAV.Organisasjonsnummer)).Replace(s.Tokens.IDPorten)
}

// SomNAV is a client of NAV's integrasjon.
func (s *Sandkasse) SomNAV() *client.Client {
	return s.klient(s.NAV, client.URLToken(s.HTTP, s.TokenURL(s.NAV.Organisasjonsnummer)))
}

// SomInnbygger is a client of a citizen at NAV.
func (s *Sandkasse) SomInnbygger(fnr string) *client.Client {
	return s.klient(s.NAV, client.URLToken(s.HTTP, s.PersonTokenURL(fnr)))
}

// SomFagsystem is a client of a municipality's case system.
func (s *Sandkasse) SomFagsystem(k *Kommune) *client.Client {
	return s.klient(k.Fagsystem.Integrasjon, client.URLToken(s.HTTP, s.TokenURL(k.Fagsystem.Organisasjonsnummer)))
}

// AMQPAddr is the address of the plain AMQP listener.
func (s *Sandkasse) AMQPAddr() string {
	return net.JoinHostPort(s.AMQP.Host, strconv.Itoa(s.AMQP.Port))
}

// FiksIOKommune is the first municipality with Fiks IO.
func (s *Sandkasse) FiksIOKommune() (*Kommune, error) {
	for i := range s.Kommuner {
		if s.Kommuner[i].DigisosKanal == "FIKS_IO" && s.Kommuner[i].Fagsystem.KontoID != "" {
			return &s.Kommuner[i], nil
		}
	}
	return nil, errors.New("sandbox.json has no kommune with digisosKanal FIKS_IO")
}

// Kommune is the municipality with that number.
func (s *Sandkasse) Kommune(nummer string) (*Kommune, error) {
	for i := range s.Kommuner {
		if s.Kommuner[i].Kommunenummer == nummer {
			return &s.Kommuner[i], nil
		}
	}
	return nil, fmt.Errorf("sandbox.json has no kommune %s", nummer)
}

// SomMottakersystem is a client that fetches from SvarInn for the municipality.
func (s *Sandkasse) SomMottakersystem(k *Kommune) (*client.SvarInn, error) {
	inn := k.Fagsystem.SvarInn
	if inn == nil {
		return nil, fmt.Errorf("kommune %s has no SvarInn", k.Kommunenummer)
	}
	nokkel, err := s.LesNokkel(inn.PrivateKey)
	if err != nil {
		return nil, err
	}
	return client.NySvarInn(client.SvarInnConfig{BaseURL: s.BaseURL + client.SvarInnPrefiks, Brukernavn: inn.Brukernavn, Passord: inn.Passord,
		Nokler: []cms.Key{nokkel}, HTTP: s.HTTP}), nil
}

// Innbyggere are the people who are citizens and nothing else.
func (s *Sandkasse) Innbyggere() []Person {
	var ut []Person
	for _, p := range s.Personer {
		if len(p.Roller) == 1 && p.Roller[0] == "INNBYGGER" {
			ut = append(ut, p)
		}
	}
	return ut
}

// Nokkel reads the private key that the municipality's messages are encrypted to.
func (s *Sandkasse) Nokkel(k *Kommune) (cms.Key, error) { return s.LesNokkel(k.Fagsystem.PrivateKey) }

// LesNokkel reads a private key by its name relative to the sandbox's folder.
func (s *Sandkasse) LesNokkel(navn string) (cms.Key, error) {
	data, err := os.ReadFile(filepath.Join(s.Dir, filepath.FromSlash(navn)))
	if err != nil {
		return cms.Key{}, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return cms.Key{}, fmt.Errorf("%s is not PEM", navn)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return cms.Key{}, err
	}
	privat, ok := key.(*rsa.PrivateKey)
	if !ok {
		return cms.Key{}, fmt.Errorf("%s is not an RSA key", navn)
	}
	return cms.Key{Private: privat}, nil
}

// FlyttKlokken moves the platform's clock; every deadline that falls due has fired
// when it returns. A refusal is a *client.Error.
func (s *Sandkasse) FlyttKlokken(ctx context.Context, fram time.Duration) error {
	return s.Kall(ctx, http.MethodPost, "/sandbox/clock", `{"advance":"`+fram.String()+`"}`, nil)
}

// Klokken is where the platform's clock stands.
func (s *Sandkasse) Klokken(ctx context.Context) (time.Time, error) {
	var svar struct {
		Time time.Time `json:"time"`
	}
	return svar.Time, s.Kall(ctx, http.MethodGet, "/sandbox/clock", "", &svar)
}

const maksSvar = 64 << 20 // bytes of an answer

// Kall calls one of the sandbox's own endpoints with inn ("": no body) and decodes
// its answer into ut (nil: ignored). A refusal is a *client.Error.
func (s *Sandkasse) Kall(ctx context.Context, metode, sti, inn string, ut any) error {
	req, err := http.NewRequestWithContext(ctx, metode, s.BaseURL+sti, strings.NewReader(inn))
	if err != nil {
		return err
	}
	if inn != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	return s.Gjor(req, ut)
}

// Gjor makes any request, and decodes the answer as Kall does.
func (s *Sandkasse) Gjor(req *http.Request, ut any) error {
	resp, err := s.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maksSvar))
	switch {
	case resp.StatusCode >= 300:
		return &client.Error{Status: resp.StatusCode, Title: http.StatusText(resp.StatusCode), Message: string(data[:min(len(data), 1<<10)])}
	case err != nil:
		return fmt.Errorf("reading the answer to %s %s: %w", req.Method, req.URL.Path, err)
	case ut == nil:
		return nil
	}
	if err := json.Unmarshal(data, ut); err != nil {
		return fmt.Errorf("decoding the answer to %s %s: %w", req.Method, req.URL.Path, err)
	}
	return nil
}

// RSS is the resident memory of the process and its peak so far, in bytes (Linux).
func (s *Sandkasse) RSS() (naa, topp int64, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID()))
	if err != nil {
		return 0, 0, err
	}
	for linje := range strings.Lines(string(data)) {
		felt := strings.Fields(linje)
		if len(felt) < 2 {
			continue
		}
		kb, _ := strconv.ParseInt(felt[1], 10, 64)
		switch felt[0] {
		case "VmRSS:":
			naa = kb << 10
		case "VmHWM:":
			topp = kb << 10
		}
	}
	return naa, topp, nil
}
