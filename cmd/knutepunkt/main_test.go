package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"knutepunkt/internal/app"
	"knutepunkt/internal/audit"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

// kjor runs the program in this process.
func kjor(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(ctx, args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestArguments(t *testing.T) {
	t.Parallel()
	tom := t.TempDir()
	fil := filepath.Join(tom, "fil.json")
	if err := os.WriteFile(fil, []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args        string
		code        int
		out, errOut string // parts of what is written
	}{
		{"", 2, "", "Commands:"},
		{"--help", 0, "knutepunkt sandbox --demo", ""},
		{"help", 0, "nav send", ""},
		{"help nav send", 0, "--soknad", ""},
		{"tull", 2, "", "no command «tull»"},
		{"version", 0, "\n", ""},
		{"--version", 0, "\n", ""},
		{"version ekstra", 2, "", "unexpected argument «ekstra»"},
		{"nav", 2, "", "nav send"},
		{"nav --help", 0, "nav send", ""},
		{"keys tull", 2, "", "keys rotate"},
		{"audit verify --tull", 2, "", "flag provided but not defined"},

		{"serve --config x", 2, "", "not in this edition yet"},
		{"config check", 2, "", "not in this edition yet"},
		{"svarinn fetch --sandbox /nowhere", 1, "", "is the sandbox started?"},
		{"svarinn fetch --base-url http://127.0.0.1", 2, "", "--user is needed"},
		{"svarinn fetch --every 1ms", 2, "", "at least a second"},
		{"conform --target x", 2, "", "not in this edition yet"},

		{"nav send", 2, "", "main document is missing"},
		{"nav send a.pdf --base-url http://127.0.0.1:1", 2, "", "--soknad is needed"},
		{"nav send --soknad " + fil, 2, "", "main document is missing"},
		{"nav send a.pdf --soknad " + fil + " --sandbox " + tom, 1, "", "is the sandbox started?"},
		{"nav send --soknad " + fil + " --base-url http://127.0.0.1:1 a.pdf", 2, "", "KNUTEPUNKT_TOKEN"},
		{"fagsystem listen --sandbox " + tom, 1, "", "is the sandbox started?"},
		{"fagsystem listen --base-url http://127.0.0.1:1", 2, "", "--amqp"},

		{"audit verify --dir " + tom, 1, "", "not the data folder"},
		{"keys list --dir " + tom, 1, "", "not the data folder"},
		{"keys rotate --dir " + tom, 2, "", "--purpose must be"},
		{"keys rotate --purpose noe --dir " + tom, 2, "", "--purpose must be"},
		{"keys export-certificate --purpose data --dir " + tom, 2, "", "--purpose must be"},
		{"migrate up --dir " + tom, 1, "", "not the data folder"},
		{"migrate status --dir " + tom, 1, "", "not the data folder"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			code, out, errOut := kjor(t.Context(), strings.Fields(tt.args)...)
			if code != tt.code || !strings.Contains(out, tt.out) || !strings.Contains(errOut, tt.errOut) {
				t.Errorf("exit code %d, want %d\nstdout: %s\nstderr: %s", code, tt.code, out, errOut)
			}
			if code != 0 && out != "" {
				t.Errorf("a failure wrote to stdout: %s", out)
			}
		})
	}
	if filer, err := os.ReadDir(tom); err != nil || len(filer) != 1 {
		t.Errorf("refused commands left files behind: %v %v", filer, err)
	}
}

// Each command explains itself, and shows how it is called.
func TestHelp(t *testing.T) {
	t.Parallel()
	for _, c := range commands() {
		code, out, errOut := kjor(t.Context(), append(strings.Fields(c.name), "--help")...)
		if code != 0 || errOut != "" || !strings.Contains(out, "Example:\n  knutepunkt "+c.name) {
			t.Errorf("%s --help: exit code %d\n%s%s", c.name, code, out, errOut)
		}
		fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
		c.setup(fs)
		fs.VisitAll(func(f *flag.Flag) {
			if !strings.Contains(out, "--"+f.Name) || f.Usage == "" {
				t.Errorf("%s does not explain --%s", c.name, f.Name)
			}
		})
		for _, name := range notYet {
			if strings.HasPrefix(c.name, name+" ") || c.name == name {
				t.Errorf("%s is both there and not there", name)
			}
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ args, x, rest string }{
		{"--x 1 a b", "1", "a b"},
		{"a --x 1 b", "1", "a b"},
		{"a b --x=1", "1", "a b"},
		{"a -- --x b", "", "a --x b"},
		{"-- -a", "", "-a"},
		{"--x -- a", "--", "a"},
	} {
		fs := flag.NewFlagSet("", flag.ContinueOnError)
		x := fs.String("x", "", "")
		rest, err := parse(fs, strings.Fields(tt.args))
		if err != nil || *x != tt.x || strings.Join(rest, " ") != tt.rest {
			t.Errorf("%s: x=%q rest=%q %v", tt.args, *x, rest, err)
		}
	}
}

// mappe makes a platform's data folder with n audit events in it.
func mappe(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	master, err := keys.LoadOrCreateMaster(filepath.Join(dir, masterFile))
	if err != nil {
		t.Fatal(err)
	}
	db, ring, err := app.Grunnlag(t.Context(), dir, master, klokke.System{})
	if err != nil {
		t.Fatal(err)
	}
	log := audit.NewService(db, ring, klokke.System{})
	for range n {
		err := db.Write(t.Context(), func(tx *store.Tx) error {
			return log.Logg(t.Context(), tx, audit.Hendelse{Handling: "X"})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func endre(t *testing.T, dir, sql string) {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(dir, "knutepunkt.db"))
	if err != nil {
		t.Fatal(err)
	}
	err = db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.ExecContext(t.Context(), sql)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAuditVerify(t *testing.T) {
	t.Parallel()
	dir := mappe(t, 3)
	if code, out, errOut := kjor(t.Context(), "audit", "verify", "--dir", dir); code != 0 || !strings.Contains(out, "whole: 3 events") {
		t.Fatalf("%d %s%s", code, out, errOut)
	}
	endre(t, dir, `UPDATE audit_hendelser SET handling = 'Y' WHERE seq = 2`)
	if code, out, errOut := kjor(t.Context(), "audit", "verify", "--dir", dir); code != 1 || !strings.Contains(errOut, "BROKEN at event 2") {
		t.Fatalf("%d %s%s", code, out, errOut)
	}
}

// A folder that a running platform holds is left alone.
func TestOpptattMappe(t *testing.T) {
	t.Parallel()
	dir := mappe(t, 0)
	db, err := store.Open(t.Context(), filepath.Join(dir, "knutepunkt.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, args := range []string{"audit verify", "keys list", "migrate up"} {
		if code, _, errOut := kjor(t.Context(), append(strings.Fields(args), "--dir", dir)...); code != 1 || !strings.Contains(errOut, "already open") {
			t.Errorf("%s: %d %s", args, code, errOut)
		}
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	dir := mappe(t, 0)
	sertifikat := func() string {
		code, out, errOut := kjor(t.Context(), "keys", "export-certificate", "--dir", dir)
		if code != 0 || !strings.HasPrefix(out, "-----BEGIN CERTIFICATE-----") {
			t.Fatalf("%d %s%s", code, out, errOut)
		}
		return out
	}
	forst := sertifikat()
	if sertifikat() != forst {
		t.Error("the certificate is another one each time")
	}
	for _, purpose := range []string{"dokumentlager", "data"} {
		if code, _, errOut := kjor(t.Context(), "keys", "rotate", "--purpose", purpose, "--dir", dir); code != 0 {
			t.Fatalf("%s: %d %s", purpose, code, errOut)
		}
	}
	if sertifikat() == forst {
		t.Error("the certificate is the same after rotation")
	}
	_, out, _ := kjor(t.Context(), "keys", "list", "--dir", dir)
	for _, want := range []struct {
		purpose, use string
		n            int
	}{{"data", "current", 1}, {"data", "reading", 1}, {"dokumentlager", "current", 1}, {"dokumentlager", "reading", 1}} {
		n := 0
		for line := range strings.Lines(out) {
			if f := strings.Fields(line); len(f) == 5 && f[0] == want.purpose && f[2] == want.use {
				n++
			}
		}
		if n != want.n {
			t.Errorf("%d keys for %s in use for %s, want %d:\n%s", n, want.purpose, want.use, want.n, out)
		}
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	dir := mappe(t, 0)
	if code, out, errOut := kjor(t.Context(), "migrate", "status", "--dir", dir); code != 0 || !strings.Contains(out, "audit") {
		t.Fatalf("%d %s%s", code, out, errOut)
	}
	endre(t, dir, `DROP TABLE audit_hendelser`)
	endre(t, dir, `DROP TABLE audit_hode`)
	endre(t, dir, `DROP TABLE goose_audit`)
	if code, _, errOut := kjor(t.Context(), "migrate", "status", "--dir", dir); code != 1 || !strings.Contains(errOut, "behind: audit.") {
		t.Fatalf("%d %s", code, errOut)
	}
	for range 2 {
		if code, _, errOut := kjor(t.Context(), "migrate", "up", "--dir", dir); code != 0 {
			t.Fatalf("%d %s", code, errOut)
		}
	}
	if code, _, errOut := kjor(t.Context(), "audit", "verify", "--dir", dir); code != 0 {
		t.Fatalf("%d %s", code, errOut)
	}
}

// Uploads that take their time are told of, short ones are not.
func TestProgress(t *testing.T) {
	t.Parallel()
	fil := filepath.Join(t.TempDir(), "stor.pdf")
	if err := os.WriteFile(fil, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		since time.Duration
		want  string
	}{{0, ""}, {time.Minute, "100 %"}} {
		var out bytes.Buffer
		p := progress{out: &out, start: time.Now().Add(-tt.since)}
		f, err := p.file(fil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := f.Apne()
		if err != nil {
			t.Fatal(err)
		}
		var til bytes.Buffer
		if n, err := til.ReadFrom(r); err != nil || n != f.Storrelse || f.Mimetype != "application/pdf" || f.Navn != "stor.pdf" {
			t.Fatalf("%d of %+v, %v", n, f, err)
		}
		_ = r.Close()
		p.done()
		if tt.want == "" && out.Len() > 0 || !strings.Contains(out.String(), tt.want) {
			t.Errorf("after %s: %q", tt.since, &out)
		}
	}
}
