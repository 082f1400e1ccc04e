package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"knutepunkt/asice"
	"knutepunkt/client"
	"knutepunkt/cms"
)

// receipts are the message types that a fagsystem answers, with the answer
// (Digisos wire contract §2.2). Others are saved and acknowledged only.
var receipts = map[string]string{
	"no.nav.digisos.soknad.v1":        "no.nav.digisos.soknad.mottatt.v1",
	"no.nav.digisos.ettersendelse.v1": "no.nav.digisos.ettersendelse.mottatt.v1",
}

type fagsystemListen struct {
	sandbox, kommune             string
	baseURL, amqp, ca, konto     string
	integrasjonID, tokenURL      string
	keyFiles                     []string
	dir                          string
	plain, once, noAnswer, noAck bool
	nokler                       []cms.Key
	c                            *client.Client
	t                            terminal
}

func fagsystemListenCommand() command {
	return command{
		name: "fagsystem listen", summary: "Receive messages as a fagsystem: decrypt, verify, save, answer, acknowledge",
		help: `
Connects to the platform's AMQP listener as a kommune's fagsystem. Each message is
decrypted, its signature and digests are verified, and its files are saved in
DIR/<melding-id>/, with what is known of the message in DIR/<melding-id>.json.
Then a søknad or ettersendelse is answered with its receipt (mottatt), and the
message is acknowledged. A message that cannot be saved is given back; after three
attempts the platform tells the sender.

The files are saved in the clear: choose a DIR that only you can read.

Against a sandbox everything is found in sandbox.json. Against another platform
give --base-url, --amqp, --konto, --key, --integrasjon-id and --token-url, and in
the environment ` + envPassord + `.

Example:
  knutepunkt fagsystem listen --kommune 9901 --dir mottatt
`,
		setup: func(fs *flag.FlagSet) action {
			var c fagsystemListen
			fs.StringVar(&c.sandbox, "sandbox", "knutepunkt-data", "`PATH` of sandbox.json or its folder; used unless --base-url is given")
			fs.StringVar(&c.kommune, "kommune", "", "`NUMBER` of the kommune in the sandbox; the first by default")
			fs.StringVar(&c.dir, "dir", "mottatt", "`DIR` to save in; made when it is not there")
			fs.StringVar(&c.baseURL, "base-url", "", "`URL` of the platform's APIs, for answers and large messages")
			fs.StringVar(&c.amqp, "amqp", "", "`HOST:PORT` of the AMQP listener; with --base-url")
			fs.StringVar(&c.ca, "ca", "", "`FILE` with the CA certificate of the listener, PEM; by default the system's")
			fs.StringVar(&c.konto, "konto", "", "`UUID` of the Fiks IO konto; with --base-url")
			fs.Func("key", "`FILE` with the konto's private key, PKCS#8 PEM; may be given again for older keys", func(s string) error {
				c.keyFiles = append(c.keyFiles, s)
				return nil
			})
			fs.StringVar(&c.integrasjonID, "integrasjon-id", "", "`UUID` of the integrasjon; with --base-url")
			fs.StringVar(&c.tokenURL, "token-url", "", "`URL` that answers a GET with a Maskinporten token; with --base-url")
			fs.BoolVar(&c.plain, "plain", false, "connect without TLS")
			fs.BoolVar(&c.once, "once", false, "stop after the first message")
			fs.BoolVar(&c.noAnswer, "no-answer", false, "send no receipt, but acknowledge")
			fs.BoolVar(&c.noAck, "no-ack", false, "save one message, give it back unanswered, and stop. It counts as one of three attempts")
			return c.run
		},
	}
}

var errStopped = errors.New("stopped")

func (c *fagsystemListen) run(ctx context.Context, t terminal, _ []string) error {
	c.t = t
	m, err := c.receiver()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return fmt.Errorf("making the folder to save in: %w", err)
	}
	m.Prefetch, m.Navn = 1, "knutepunkt fagsystem listen"
	m.Tilkoblet = func() { fmt.Fprintf(t.err, "Listening on konto %s at %s. Ctrl-C stops.\n", m.KontoID, m.Addr) }
	m.Brutt = func(err error) { fmt.Fprintf(t.err, "The connection was lost (%v); connecting again.\n", err) }
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	err = c.c.Lytt(ctx, m, func(ctx context.Context, m *client.Mottatt) error {
		if context.Cause(ctx) != nil {
			return errStopped
		}
		if err := c.handle(ctx, m); err != nil {
			fmt.Fprintf(t.err, "%s: %v\n", m.MeldingID, err)
			return err
		}
		if c.noAck {
			fmt.Fprintf(t.err, "%s: given back, as --no-ack asks\n", m.MeldingID)
			stop(errStopped)
			return errStopped
		}
		if c.once {
			stop(errStopped)
		}
		return nil
	})
	if ctx.Err() != nil { // stopped by us or by a signal
		return nil
	}
	return err
}

// receiver finds out where to listen and as whom.
func (c *fagsystemListen) receiver() (client.Mottaker, error) {
	if c.baseURL == "" {
		if err := c.fromSandbox(); err != nil {
			return client.Mottaker{}, err
		}
	} else {
		for _, f := range []struct{ name, value string }{
			{"--amqp", c.amqp}, {"--konto", c.konto}, {"--key", strings.Join(c.keyFiles, "")},
			{"--integrasjon-id", c.integrasjonID}, {"--token-url", c.tokenURL}, {envPassord + " in the environment", os.Getenv(envPassord)},
		} {
			if f.value == "" {
				return client.Mottaker{}, usagef("with --base-url also %s is needed", f.name)
			}
		}
		c.c = client.New(client.Config{
			BaseURL: c.baseURL, IntegrasjonID: c.integrasjonID, IntegrasjonPassord: os.Getenv(envPassord),
			Token: client.URLToken(nil, c.tokenURL),
		})
	}
	for _, file := range c.keyFiles {
		key, err := readKey(file)
		if err != nil {
			return client.Mottaker{}, err
		}
		c.nokler = append(c.nokler, key)
	}
	m := client.Mottaker{Addr: c.amqp, KontoID: c.konto, Nokler: c.nokler}
	if !c.plain {
		var err error
		if m.TLS, err = tlsConfig(c.amqp, c.ca); err != nil {
			return m, err
		}
	}
	return m, nil
}

func (c *fagsystemListen) fromSandbox() error {
	s, err := readSandbox(c.sandbox)
	if err != nil {
		return err
	}
	k, err := s.kommune(c.kommune)
	if err != nil {
		return err
	}
	f := k.Fagsystem
	if f.KontoID == "" {
		return usagef("kommune %s has no Fiks IO konto in the sandbox", k.Kommunenummer)
	}
	c.amqp, c.ca, c.konto = s.amqpAddr(c.plain), s.path(s.AMQP.CACertificate), f.KontoID
	if len(c.keyFiles) == 0 {
		c.keyFiles = []string{s.path(f.PrivateKey)}
	}
	c.c = client.New(client.Config{
		BaseURL: s.BaseURL, IntegrasjonID: f.ID, IntegrasjonPassord: f.Passord,
		Token: client.URLToken(nil, s.maskinportenURL(f.Organisasjonsnummer)),
	})
	return nil
}

// handle saves one message and answers it. It may be called again for the same
// message, after a connection was lost before the acknowledgement got through.
func (c *fagsystemListen) handle(ctx context.Context, m *client.Mottatt) error {
	if _, err := uuid.Parse(m.MeldingID); err != nil {
		return errors.New("the melding-id is not a UUID")
	}
	dir := filepath.Join(c.dir, m.MeldingID)
	saved, err := c.save(ctx, m, dir)
	if err != nil {
		return err
	}
	if err := c.describe(m, saved, dir+".json"); err != nil {
		return err
	}
	fmt.Fprintf(c.t.out, "%s  %s  %s\n", m.MeldingID, m.MeldingType, saved.text(dir))
	if answer := receipts[m.MeldingType]; answer != "" && !c.noAnswer && !c.noAck {
		if _, err := m.Svar(ctx, answer); err != nil {
			return fmt.Errorf("answering: %w", err)
		}
	}
	return nil
}

// saved is what became of a payload.
type saved struct {
	Filer  []savedFile `json:"filer"`
	Signer string      `json:"signertAv,omitempty"` // distinguished name; nobody has vouched for it
	before bool        // was here already
}

type savedFile struct {
	Filnavn   string `json:"filnavn"`
	Mimetype  string `json:"mimetype"`
	Storrelse int64  `json:"storrelse"` // bytes
}

func (s saved) text(dir string) string {
	switch {
	case s.before:
		return "saved before in " + dir
	case s.Filer == nil:
		return "no payload"
	}
	return fmt.Sprintf("%d files in %s", len(s.Filer), dir)
}

func (c *fagsystemListen) save(ctx context.Context, m *client.Mottatt, dir string) (saved, error) {
	if !m.HarNyttelast() {
		return saved{}, nil
	}
	if _, err := os.Lstat(dir); err == nil { // Extract is all or nothing, so it is whole
		return saved{before: true}, nil
	}
	encrypted, err := m.Kryptert(ctx)
	if err != nil {
		return saved{}, fmt.Errorf("fetching the payload: %w", err)
	}
	defer encrypted.Close()
	plain, err := cms.NewReader(encrypted, c.nokler...)
	if err != nil {
		return saved{}, fmt.Errorf("decrypting: %w", err)
	}
	report, err := asice.Extract(plain, dir, asice.Options{})
	if err != nil {
		return saved{}, fmt.Errorf("unpacking: %w", err)
	}
	s := saved{Filer: []savedFile{}}
	if signer, ok := report.Signer(); ok {
		s.Signer = signer.Subject()
	}
	for _, f := range report.Files {
		s.Filer = append(s.Filer, savedFile{Filnavn: f.Name, Mimetype: f.MimeType, Storrelse: f.Size})
	}
	return s, nil
}

// describe writes down what is known of a message, beside its files.
func (c *fagsystemListen) describe(m *client.Mottatt, s saved, file string) error {
	if s.before {
		if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	data, err := json.MarshalIndent(struct {
		MeldingID     string            `json:"meldingId"`
		MeldingType   string            `json:"meldingType"`
		Avsender      string            `json:"avsenderKontoId"`
		Mottaker      string            `json:"mottakerKontoId"`
		SvarPaMelding string            `json:"svarPaMelding,omitempty"`
		Headere       map[string]string `json:"headere"`
		Lagret        time.Time         `json:"lagret"`
		saved
	}{m.MeldingID, m.MeldingType, m.AvsenderKontoID, m.MottakerKontoID, m.SvarPaMelding, m.Headere, time.Now().UTC(), s}, "", "  ")
	if err != nil {
		return fmt.Errorf("describing the message: %w", err)
	}
	return writeFile(file, append(data, '\n'))
}

// writeFile writes a file for its owner, whole or not at all, so that it lasts:
// what it describes is acknowledged next.
func writeFile(file string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(file), ".knutepunkt-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), file); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
