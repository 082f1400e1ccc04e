package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"mime"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"knutepunkt/client"
)

// Secrets come from the environment: arguments can be seen by every user of the machine.
const (
	envPassord = "KNUTEPUNKT_INTEGRASJON_PASSORD"
	envToken   = "KNUTEPUNKT_TOKEN"
)

type navSend struct {
	sandbox, baseURL, integrasjonID string
	kommune, fnr, ref, enhet        string
	soknad, vedlegg                 string
}

func navSendCommand() command {
	return command{
		name: "nav send", args: "FILE...", summary: "Send a søknad from files, as NAV does",
		help: `
Sends a søknad (Fiks Digisos, v2) through the public API, each FILE encrypted on
the way; the main document comes first. Prints the DigisosId.

Against a sandbox everything is found in sandbox.json, and without --soknad a short
one is made up for one of its citizens. Against another platform give --soknad,
--base-url and --integrasjon-id, and in the environment ` + envPassord + `
and ` + envToken + ` (the citizen's ID-porten token).

Example:
  knutepunkt nav send Soknad.pdf
  knutepunkt nav send --kommune 9901 --soknad soknad.json --vedlegg vedlegg.json Soknad.pdf lonnslipp.pdf
`,
		setup: func(fs *flag.FlagSet) action {
			var c navSend
			fs.StringVar(&c.sandbox, "sandbox", "knutepunkt-data", "`PATH` of sandbox.json or its folder; used unless --base-url is given")
			fs.StringVar(&c.baseURL, "base-url", "", "`URL` of the platform's APIs")
			fs.StringVar(&c.integrasjonID, "integrasjon-id", "", "`UUID` of the integrasjon that sends; with --base-url")
			fs.StringVar(&c.kommune, "kommune", "", "`NUMBER` of the receiving kommune; in a sandbox the first by default")
			fs.StringVar(&c.fnr, "fnr", "", "the applicant's synthetic `FNR`; in a sandbox taken from the søknad by default")
			fs.StringVar(&c.soknad, "soknad", "", "`FILE` with soknad.json; in a sandbox a short one is made up by default")
			fs.StringVar(&c.vedlegg, "vedlegg", "", "`FILE` with vedlegg.json; by default one that lists nothing")
			fs.StringVar(&c.ref, "ref", "", "navEksternRefId, the sender's own `REFERENCE`; a new one by default. The same again is refused, never stored twice")
			fs.StringVar(&c.enhet, "enhet", "", "`NUMBER` of the NAV office")
			return c.run
		},
	}
}

func (c *navSend) run(ctx context.Context, t terminal, args []string) error {
	switch {
	case c.soknad == "" && c.baseURL != "":
		return usagef("with --base-url also --soknad is needed")
	case len(args) == 0:
		return usagef("no file to send: the søknad's main document is missing")
	}
	var soknadJSON []byte
	var err error
	if c.soknad != "" {
		if soknadJSON, err = os.ReadFile(c.soknad); err != nil {
			return fmt.Errorf("reading the søknad: %w", err)
		}
	}
	vedleggJSON := []byte(`{"vedlegg":[]}`)
	if c.vedlegg != "" {
		if vedleggJSON, err = os.ReadFile(c.vedlegg); err != nil {
			return fmt.Errorf("reading the list of attachments: %w", err)
		}
	}
	cl, err := c.client(soknadJSON)
	if err != nil {
		return err
	}
	if soknadJSON == nil {
		soknadJSON = shortSoknad(c.fnr, c.kommune)
	}
	if c.ref == "" {
		c.ref = uuid.NewString()
	}
	p := progress{out: t.err, start: time.Now()}
	s := client.Soknad{SoknadJSON: soknadJSON, VedleggJSON: vedleggJSON, Enhetsnummer: c.enhet}
	for _, path := range args {
		fil, err := p.file(path)
		if err != nil {
			return err
		}
		s.Filer = append(s.Filer, fil)
	}
	cert, err := cl.PublicKey(ctx)
	if err != nil {
		return fmt.Errorf("fetching the key to encrypt to: %w", err)
	}
	id, err := cl.SendSoknad(ctx, cert, c.kommune, c.ref, s)
	if err != nil {
		return fmt.Errorf("sending (reference %s): %w", c.ref, err)
	}
	p.done()
	fmt.Fprintln(t.out, id)
	return nil
}

// client finds out whom to call and as whom, and in a sandbox fills in kommune
// and applicant; soknadJSON may be nil.
func (c *navSend) client(soknadJSON []byte) (*client.Client, error) {
	if c.baseURL != "" {
		passord, token := os.Getenv(envPassord), os.Getenv(envToken)
		if c.kommune == "" || c.integrasjonID == "" || passord == "" || token == "" {
			return nil, usagef("with --base-url also --kommune, --integrasjon-id, and %s and %s in the environment are needed", envPassord, envToken)
		}
		return client.New(client.Config{
			BaseURL: c.baseURL, IntegrasjonID: c.integrasjonID, IntegrasjonPassord: passord, Token: client.StaticToken(token),
		}), nil
	}
	s, err := readSandbox(c.sandbox)
	if err != nil {
		return nil, err
	}
	k, err := s.kommune(c.kommune)
	if err != nil {
		return nil, err
	}
	c.kommune = k.Kommunenummer
	if c.fnr == "" {
		if soknadJSON == nil {
			c.fnr, err = s.innbygger()
		} else {
			c.fnr, err = applicant(soknadJSON)
		}
		if err != nil {
			return nil, err
		}
	}
	return client.New(client.Config{
		BaseURL: s.BaseURL, IntegrasjonID: s.NAV.ID, IntegrasjonPassord: s.NAV.Passord,
		Token: client.URLToken(nil, s.idportenURL(c.fnr, s.NAV.Organisasjonsnummer)),
	}), nil
}

// shortSoknad is the least that NAV's schema takes for a søknad.
func shortSoknad(fnr, kommune string) []byte {
	return []byte(strings.NewReplacer("FNR", fnr, "KOMMUNE", kommune).Replace(`{"version":"1.0.11","data":{` +
		`"personalia":{"personIdentifikator":{"kilde":"system","verdi":"FNR"},` +
		`"navn":{"kilde":"system","fornavn":"Kari","mellomnavn":"","etternavn":"Prøve"},"kontonummer":{"kilde":"bruker"}},` +
		`"begrunnelse":{"kilde":"bruker","hvaSokesOm":"Strøm","hvorforSoke":"Prøve av knutepunkt nav send"},` +
		`"okonomi":{"opplysninger":{"utbetaling":[]}}},"mottaker":{"kommunenummer":"KOMMUNE","enhetsnummer":"0001"},` +
		`"driftsinformasjon":{"inntektFraSkatteetatenFeilet":false},"kompatibilitet":[]}`))
}

// applicant reads who applies from soknad.json.
func applicant(soknadJSON []byte) (string, error) {
	var s struct {
		Data struct {
			Personalia struct {
				PersonIdentifikator struct {
					Verdi string `json:"verdi"`
				} `json:"personIdentifikator"`
			} `json:"personalia"`
		} `json:"data"`
	}
	if err := json.Unmarshal(soknadJSON, &s); err != nil {
		return "", fmt.Errorf("the søknad is not JSON: %w", err)
	}
	fnr := s.Data.Personalia.PersonIdentifikator.Verdi
	if fnr == "" {
		return "", usagef("the søknad does not say who applies (data.personalia.personIdentifikator.verdi); give --fnr")
	}
	return fnr, nil
}

// progress tells of uploads that take their time, once a second.
type progress struct {
	out         io.Writer
	start       time.Time
	total, sent atomic.Int64 // bytes of plaintext
	told        atomic.Int64 // ns after start
}

// file makes an upload of the file at path whose reading is counted.
func (p *progress) file(path string) (client.Fil, error) {
	info, err := os.Stat(path)
	if err != nil {
		return client.Fil{}, fmt.Errorf("looking at a file to send: %w", err)
	}
	if !info.Mode().IsRegular() {
		return client.Fil{}, usagef("%s is not a file", path)
	}
	mimetype := mime.TypeByExtension(filepath.Ext(path))
	if mimetype == "" {
		mimetype = "application/octet-stream"
	}
	p.total.Add(info.Size())
	return client.Fil{
		Navn: filepath.Base(path), Mimetype: mimetype, Storrelse: info.Size(),
		Apne: func() (io.ReadCloser, error) {
			f, err := os.Open(path)
			if err != nil {
				return nil, err
			}
			return &counted{File: f, p: p}, nil
		},
	}, nil
}

type counted struct {
	*os.File
	p *progress
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.File.Read(b)
	c.p.add(n)
	return n, err
}

// WriteTo is hidden, so that io.Copy goes through Read.
func (c *counted) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{c})
}

func (p *progress) add(n int) {
	sent := p.sent.Add(int64(n))
	elapsed, told := time.Since(p.start), p.told.Load()
	if int64(elapsed)-told < int64(time.Second) || !p.told.CompareAndSwap(told, int64(elapsed)) {
		return
	}
	total := max(p.total.Load(), 1)
	fmt.Fprintf(p.out, "%3d %%  %d of %d MB, %.1f MB/s\n", sent*100/total, sent>>20, total>>20,
		float64(sent)/(1<<20)/elapsed.Seconds())
}

// done ends what add began.
func (p *progress) done() {
	if p.told.Load() > 0 {
		fmt.Fprintf(p.out, "100 %%  done in %s\n", time.Since(p.start).Round(time.Second/10))
	}
}
