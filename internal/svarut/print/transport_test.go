package print

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"knutepunkt/internal/levering"
)

// What every transport promises.
func provTransport(t *testing.T, tr Transport) {
	t.Helper()
	f, err := tr.Koble(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	les := func(navn, want string) {
		t.Helper()
		if b, err := f.Les(navn, 1<<20); err != nil || string(b) != want {
			t.Errorf("%s holds %d bytes (%v), want %d", navn, len(b), err, len(want))
		}
	}
	stor := strings.Repeat("0123456789abcdef", 200_000/16)
	must(f.Mappe("inn/feil"))
	must(f.Mappe("inn/feil"))
	must(f.Skriv("inn/a.json", strings.NewReader("første")))
	must(f.Skriv("inn/a.json", strings.NewReader("ny"))) // shorter: nothing of the old is left
	les("inn/a.json", "ny")
	must(f.Skriv("b.bin", strings.NewReader(stor)))
	les("b.bin", stor)
	if b, err := f.Les("b.bin", 1000); err != nil || len(b) != 1001 {
		t.Errorf("a file above the bound: %d bytes, %v", len(b), err)
	}
	must(f.Flytt("b.bin", "inn/c.json"))
	must(f.Flytt("inn/c.json", "inn/a.json")) // replaces
	les("inn/a.json", stor)
	must(f.Skriv("inn/d.json.tmp", strings.NewReader("x")))
	must(f.Skriv("rot.json", strings.NewReader("x")))
	for mappe, want := range map[string][]string{"inn": {"a.json"}, "": {"rot.json"}, "inn/feil": nil} {
		if got, err := f.List(mappe, ".json", 10); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q lists %v (%v), want %v", mappe, got, err, want)
		}
	}
	must(f.Skriv("inn/e.json", strings.NewReader("x")))
	if got, err := f.List("inn", ".json", 1); err != nil || len(got) != 1 {
		t.Errorf("listing one of two: %v, %v", got, err)
	}
	must(f.Slett("inn/a.json"))
	must(f.Slett("inn/a.json"))
	for navn, err := range map[string]error{
		"Flytt": f.Flytt("inn/a.json", "inn/b.json"),
		"Les":   func() error { _, err := f.Les("inn/a.json", 1); return err }(),
		"List":  func() error { _, err := f.List("borte", "", 1); return err }(),
	} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s of what is not there: %v", navn, err)
		}
	}
	if err := f.Skriv("inn/f.json", io.MultiReader(strings.NewReader("halv"), feilleser{})); !errors.Is(err, errBrudd) {
		t.Errorf("writing what cannot be read: %v", err)
	}
}

type feilleser struct{}

func (feilleser) Read([]byte) (int, error) { return 0, errBrudd }

func TestFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	provTransport(t, Folder(dir))
	f, err := Folder(dir).Koble(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Skriv("../ute", strings.NewReader("x")); err == nil {
		t.Error("a name leads out of the folder")
	}
	if _, err := Folder(filepath.Join(dir, "borte")).Koble(t.Context()); err == nil {
		t.Error("a folder that is not there was opened")
	}
}

// sshd is Debian's OpenSSH server on a port of its own, which lets one key in.
type sshd struct {
	adresse, bruker string
	privat          []byte // the user's key
	vert            string // the server's public key
	rot             string
}

func nokkelpar(t *testing.T) (privat []byte, offentlig string) {
	t.Helper()
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(priv, "")
	if err != nil {
		t.Fatal(err)
	}
	p, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(block), string(ssh.MarshalAuthorizedKey(p))
}

// linjer collects what a server says.
type linjer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *linjer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *linjer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func startSSHD(t *testing.T) sshd {
	t.Helper()
	const program = "/usr/sbin/sshd" // it wants to be started by its whole name
	if _, err := os.Stat(program); err != nil {
		if os.Getenv("KNUTEPUNKT_REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	if os.Getuid() == 0 { // where it would lock up its helper
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	eier, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := sshd{bruker: eier.Username, rot: filepath.Join(dir, "rot")}
	if err := os.Mkdir(s.rot, 0o700); err != nil {
		t.Fatal(err)
	}
	vertPrivat, vert := nokkelpar(t)
	privat, offentlig := nokkelpar(t)
	s.privat, s.vert = privat, vert
	skriv := func(navn string, b []byte) string {
		sti := filepath.Join(dir, navn)
		if err := os.WriteFile(sti, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return sti
	}
	vertsfil, nokler := skriv("vert", vertPrivat), skriv("nokler", []byte(offentlig))
	for range 5 { // another program may take the port meanwhile
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s.adresse = l.Addr().String()
		_ = l.Close()
		_, port, _ := net.SplitHostPort(s.adresse)
		cfg := skriv("sshd_config", fmt.Appendf(nil, "Port %s\nListenAddress 127.0.0.1\nHostKey %s\nAuthorizedKeysFile %s\nStrictModes no\n"+
			"PidFile none\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n", port, vertsfil, nokler))
		if startet(t, program, cfg) {
			return s
		}
	}
	t.Fatal("sshd does not start")
	return s
}

// startet starts the server and waits until it listens; false when it ends instead.
func startet(t *testing.T, program, cfg string) bool {
	t.Helper()
	ut := &linjer{}
	pr, pw := io.Pipe()
	cmd := exec.Command(program, "-D", "-e", "-f", cfg)
	cmd.Stderr = io.MultiWriter(ut, pw)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lytter := make(chan bool, 1)
	go func() {
		b, sa := make([]byte, 4096), ""
		for {
			n, err := pr.Read(b)
			if sa += string(b[:n]); strings.Contains(sa, "Server listening") {
				lytter <- true
				_, _ = io.Copy(io.Discard, pr)
				return
			}
			if err != nil {
				lytter <- false
				return
			}
		}
	}()
	slutt := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		_ = pw.Close()
		close(slutt)
	}()
	ok := <-lytter
	if !ok {
		<-slutt
		t.Logf("sshd: %s", ut)
		return false
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-slutt
		if t.Failed() {
			t.Logf("sshd: %s", ut)
		}
	})
	return true
}

func (s sshd) transport(t *testing.T) *SFTP {
	t.Helper()
	tr, err := NySFTP(s.adresse, s.bruker, s.privat, s.vert, s.rot)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestSFTP(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	t.Run("som en mappe", func(t *testing.T) { provTransport(t, s.transport(t)) })

	t.Run("et brev fram og tilbake", func(t *testing.T) {
		h := nyttHus(t)
		h.transport.Transport = s.transport(t)
		h.mappe = s.rot
		id := h.opprett(t)
		h.kjor(t)
		j := h.hentEn(t)
		h.svar(t, h.kvittering(j.JobbID, Levert), 1)
		h.fram(t, 0)
		if l := h.levering(t, id); l.Tilstand != levering.Bekreftet {
			t.Errorf("levering %s", l.Tilstand)
		}
		if f, err := os.ReadDir(filepath.Join(s.rot, "inn")); err != nil || slices.ContainsFunc(f, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), j.JobbID) }) {
			t.Errorf("the receipt is left: %v, %v", f, err)
		}
	})

	t.Run("trekk", func(t *testing.T) {
		h := nyttHus(t)
		h.transport.Transport = s.transport(t)
		h.mappe = s.rot
		id := h.opprett(t)
		h.kjor(t)
		h.stopp(t, id)
		if j := h.siste(t); j.Tilstand != Trukket || len(h.hentJobber(t)) != 0 {
			t.Errorf("the job is %s", j.Tilstand)
		}
	})

	_, annenVert := nokkelpar(t)
	fremmed, _ := nokkelpar(t)
	for navn, endre := range map[string]func(s *sshd){
		"en annen server":   func(s *sshd) { s.vert = annenVert },
		"en fremmed nøkkel": func(s *sshd) { s.privat = fremmed },
		"ingen server":      func(s *sshd) { s.adresse = "127.0.0.1:1" },
	} {
		t.Run(navn, func(t *testing.T) {
			feil := s
			endre(&feil)
			if f, err := feil.transport(t).Koble(t.Context()); err == nil {
				_ = f.Close()
				t.Error("connected")
			}
		})
	}

	t.Run("avbrutt", func(t *testing.T) {
		ctx, avbryt := context.WithCancel(t.Context())
		f, err := s.transport(t).Koble(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		avbryt()
		// The connection is closed by another goroutine: the call that waits for it ends.
		for err == nil {
			_, err = f.List("", "", 1)
		}
	})
}

// A server that says nothing holds nobody for long.
func TestSFTPStillhet(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	privat, vert := nokkelpar(t)
	tr, err := NySFTP(l.Addr().String(), "x", privat, vert, "")
	if err != nil {
		t.Fatal(err)
	}
	tr.stillhet = 20 * time.Millisecond
	if _, err := tr.Koble(t.Context()); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a silent server: %v", err)
	}
	tr.stillhet = time.Hour
	ctx, avbryt := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer avbryt()
	if _, err := tr.Koble(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a silent server, and a caller who gives up: %v", err)
	}
}

func TestNySFTPNekter(t *testing.T) {
	t.Parallel()
	privat, vert := nokkelpar(t)
	for navn, f := range map[string]func() (*SFTP, error){
		"port":       func() (*SFTP, error) { return NySFTP("print.example", "x", privat, vert, "") },
		"key":        func() (*SFTP, error) { return NySFTP("print.example:22", "x", []byte("hemmelig"), vert, "") },
		"server key": func() (*SFTP, error) { return NySFTP("print.example:22", "x", privat, "ssh-ed25519 AAAA", "") },
	} {
		if _, err := f(); err == nil || strings.Contains(err.Error(), "hemmelig") {
			t.Errorf("%s: %v", navn, err)
		}
	}
}
