package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"knutepunkt/client"
)

const envSvarInn = "KNUTEPUNKT_SVARINN_PASSORD"

type svarinnFetch struct {
	sandbox, kommune string
	baseURL, bruker  string
	keyFiles         []string
	dir              string
	every            time.Duration
	noAck            bool

	t      terminal
	s      *client.SvarInn
	passed *progress
}

func svarinnFetchCommand() command {
	return command{
		name: "svarinn fetch", summary: "Fetch from SvarInn as a mottakersystem: decrypt, verify, save, acknowledge",
		help: `
Lists what waits in SvarInn, oldest first. Each forsendelse is downloaded, decrypted
and compared with its checksums, and its files are saved in DIR/<id>/, with what
SvarInn said of it in DIR/<id>.json. Only then is it acknowledged (kvitterMottak).
One that cannot be saved stays in SvarInn, which is told so (mottakFeilet, not for
good), and the others are fetched all the same; the exit code is 1 then.

The files are saved in the clear: choose a DIR that only you can read.

Against a sandbox everything is found in sandbox.json. Against another platform
give --base-url, --user and --key, and in the environment ` + envSvarInn + `.

Example:
  knutepunkt svarinn fetch --kommune 9902 --dir mottatt
  knutepunkt svarinn fetch --kommune 9902 --every 15m
`,
		setup: func(fs *flag.FlagSet) action {
			var c svarinnFetch
			fs.StringVar(&c.sandbox, "sandbox", "knutepunkt-data", "`PATH` of sandbox.json or its folder; used unless --base-url is given")
			fs.StringVar(&c.kommune, "kommune", "", "`NUMBER` of the kommune in the sandbox; the first with SvarInn by default")
			fs.StringVar(&c.dir, "dir", "mottatt", "`DIR` to save in; made when it is not there")
			fs.StringVar(&c.baseURL, "base-url", "", "`URL` of SvarInn, with "+client.SvarInnPrefiks+" at its end")
			fs.StringVar(&c.bruker, "user", "", "`ID` of the mottakersystem; with --base-url")
			fs.Func("key", "`FILE` with the mottakersystem's private key, PKCS#8 PEM; may be given again for older keys", func(s string) error {
				c.keyFiles = append(c.keyFiles, s)
				return nil
			})
			fs.DurationVar(&c.every, "every", 0, "fetch again after each `DURATION`, such as 15m, until stopped")
			fs.BoolVar(&c.noAck, "no-ack", false, "save, but acknowledge nothing: it is listed again")
			return c.run
		},
	}
}

func (c *svarinnFetch) run(ctx context.Context, t terminal, _ []string) error {
	c.t = t
	if c.every < 0 || c.every > 0 && c.every < time.Second {
		return usagef("--every is at least a second")
	}
	if err := c.connect(); err != nil {
		return err
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return fmt.Errorf("making the folder to save in: %w", err)
	}
	for {
		err := c.fetch(ctx)
		if c.every == 0 || client.Status(err) == 401 || client.Status(err) == 403 {
			return err
		}
		if err != nil && ctx.Err() == nil {
			fmt.Fprintf(t.err, "%v; trying again in %s\n", err, c.every)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(c.every):
		}
	}
}

// connect finds out where to fetch and as whom.
func (c *svarinnFetch) connect() error {
	cfg := client.SvarInnConfig{BaseURL: c.baseURL, Brukernavn: c.bruker, Passord: os.Getenv(envSvarInn),
		Lest: func(n int) { c.passed.add(n) }}
	if c.baseURL == "" {
		s, err := readSandbox(c.sandbox)
		if err != nil {
			return err
		}
		k, err := s.svarinnKommune(c.kommune)
		if err != nil {
			return err
		}
		inn := k.Fagsystem.SvarInn
		cfg.BaseURL, cfg.Brukernavn, cfg.Passord = s.BaseURL+client.SvarInnPrefiks, inn.Brukernavn, inn.Passord
		if len(c.keyFiles) == 0 {
			c.keyFiles = []string{s.path(inn.PrivateKey)}
		}
	}
	switch {
	case cfg.Brukernavn == "" || cfg.Passord == "":
		return usagef("with --base-url also --user is needed, and %s in the environment", envSvarInn)
	case len(c.keyFiles) == 0:
		return usagef("with --base-url also --key is needed")
	}
	for _, file := range c.keyFiles {
		key, err := readKey(file)
		if err != nil {
			return err
		}
		cfg.Nokler = append(cfg.Nokler, key)
	}
	c.s = client.NySvarInn(cfg)
	return nil
}

// fetch takes all that waits, a page at a time.
func (c *svarinnFetch) fetch(ctx context.Context) error {
	seen, failed := map[string]bool{}, 0
	for {
		waiting, err := c.s.Nye(ctx)
		if err != nil {
			return fmt.Errorf("listing: %w", err)
		}
		fresh := 0
		for _, f := range waiting {
			if seen[f.ID] {
				continue
			}
			seen[f.ID] = true
			fresh++
			if err := c.take(ctx, f); err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				failed++
				fmt.Fprintf(c.t.err, "%s: %v\n", f.ID, err)
			}
		}
		if fresh == 0 {
			break
		}
	}
	switch {
	case failed > 0:
		return fmt.Errorf("%d of %d could not be received; they stay in SvarInn", failed, len(seen))
	case len(seen) == 0:
		fmt.Fprintln(c.t.err, "Nothing waits.")
	}
	return nil
}

// take receives one forsendelse. It may have been saved before, when the
// acknowledgement did not get through.
func (c *svarinnFetch) take(ctx context.Context, f client.SvarInnForsendelse) error {
	if _, err := uuid.Parse(f.ID); err != nil {
		return errors.New("the id is not a UUID")
	}
	dir := filepath.Join(c.dir, f.ID)
	text := fmt.Sprintf("%d files in %s", len(f.Filmetadata), dir)
	c.passed = &progress{out: c.t.err, start: time.Now()}
	for _, fil := range f.Filmetadata {
		c.passed.total.Add(fil.Size)
	}
	err := c.s.Lagre(ctx, f, dir)
	switch {
	case errors.Is(err, fs.ErrExist):
		text = "saved before in " + dir
	case err != nil && ctx.Err() != nil:
		return err
	case err != nil:
		const melding = "Mottakersystemet kunne ikke dekryptere eller lagre forsendelsen"
		return errors.Join(err, c.s.MottakFeilet(ctx, f.ID, melding, false))
	}
	c.passed.done()
	if err := writeFile(dir+".json", append(f.Raa, '\n')); err != nil {
		return fmt.Errorf("describing the forsendelse: %w", err)
	}
	fmt.Fprintf(c.t.out, "%s  %s  %s\n", f.ID, cmp.Or(f.ForsendelseType, "no type"), text)
	if c.noAck {
		return nil
	}
	if err := c.s.Kvitter(ctx, f.ID); err != nil {
		return fmt.Errorf("acknowledging: %w", err)
	}
	return nil
}
