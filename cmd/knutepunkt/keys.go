package main

import (
	"context"
	"encoding/pem"
	"flag"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"knutepunkt/internal/keys"
	"knutepunkt/internal/store"
)

func keysListCommand() command {
	return command{
		name: "keys list", summary: "List the keys that data are encrypted with, never the keys themselves",
		help: "Example:\n  knutepunkt keys list --dir knutepunkt-data\n",
		setup: func(fs *flag.FlagSet) action {
			dir := dirFlag(fs)
			return func(ctx context.Context, t terminal, _ []string) error {
				return withRing(ctx, *dir, func(_ *store.DB, ring *keys.Ring) error { return keysList(ctx, t, ring) })
			}
		},
	}
}

func keysList(ctx context.Context, t terminal, ring *keys.Ring) error {
	list, err := ring.List(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PURPOSE\tID\tUSE\tMADE\tEXPIRES")
	for _, k := range list {
		use := "reading"
		if k.Gjeldende {
			use = "current"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", k.Formaal, k.ID, use, date(k.Opprettet), date(k.Utloper))
	}
	return w.Flush()
}

func date(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.DateOnly)
}

func keysRotateCommand() command {
	return command{
		name: "keys rotate", summary: "Make a new current key; older ones stay for reading",
		help: `
Makes a new current key of a platform that is stopped. Of "data" all older keys are
kept. Of "dokumentlager" (what others encrypt uploads to), "signering",
"bekymringsmelding" (what reports of concern are encrypted to) and "brev" (letters,
while there is no print supplier) only the one before it stays valid: do not rotate
again until all senders have fetched the new certificate.

Example:
  knutepunkt keys rotate --purpose dokumentlager
`,
		setup: func(fs *flag.FlagSet) action {
			dir := dirFlag(fs)
			purpose := fs.String("purpose", "", "`PURPOSE` of the key: data, dokumentlager, signering, bekymringsmelding or brev")
			return func(ctx context.Context, t terminal, _ []string) error {
				if *purpose != "data" && !isPlatformPurpose(*purpose) {
					return usagef("--purpose must be data, dokumentlager, signering, bekymringsmelding or brev")
				}
				return withRing(ctx, *dir, func(_ *store.DB, ring *keys.Ring) (err error) {
					if *purpose == "data" {
						err = ring.Rotate(ctx)
					} else {
						_, err = ring.RotatePlatform(ctx, keys.Formaal(*purpose))
					}
					if err == nil {
						fmt.Fprintf(t.out, "There is a new current key for %s.\n", *purpose)
					}
					return err
				})
			}
		},
	}
}

func isPlatformPurpose(s string) bool {
	return slices.Contains(keys.Formaalene(), keys.Formaal(s))
}

func keysExportCommand() command {
	return command{
		name: "keys export-certificate", summary: "Print the current certificate of a purpose, in PEM",
		help: "Example:\n  knutepunkt keys export-certificate --purpose dokumentlager > dokumentlager.pem\n",
		setup: func(fs *flag.FlagSet) action {
			dir := dirFlag(fs)
			purpose := fs.String("purpose", string(keys.Dokumentlager), "`PURPOSE` of the key: dokumentlager, signering, bekymringsmelding or brev")
			return func(ctx context.Context, t terminal, _ []string) error {
				if !isPlatformPurpose(*purpose) {
					return usagef("--purpose must be dokumentlager, signering, bekymringsmelding or brev")
				}
				return withRing(ctx, *dir, func(_ *store.DB, ring *keys.Ring) error {
					ks, err := ring.Platform(ctx, keys.Formaal(*purpose))
					if err != nil {
						return err
					}
					return pem.Encode(t.out, &pem.Block{Type: "CERTIFICATE", Bytes: ks[0].Certificate.Raw})
				})
			}
		},
	}
}
