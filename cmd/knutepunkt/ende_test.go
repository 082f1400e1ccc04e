package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// skriver is a terminal that a test waits on.
type skriver struct {
	mu    sync.Mutex
	tekst strings.Builder
	nytt  chan struct{}
}

func nySkriver() *skriver { return &skriver{nytt: make(chan struct{}, 1)} }

func (s *skriver) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tekst.Write(b)
	select {
	case s.nytt <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (s *skriver) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tekst.String()
}

// vent waits until what was written holds text.
func (s *skriver) vent(t *testing.T, text string, slutt <-chan struct{}) {
	t.Helper()
	frist := time.After(time.Minute)
	for !strings.Contains(s.String(), text) {
		select {
		case <-s.nytt:
		case <-slutt:
			t.Fatalf("it ended before it wrote %q:\n%s", text, s)
		case <-frist:
			t.Fatalf("it did not write %q within a minute:\n%s", text, s)
		}
	}
}

// program is a command that runs until stopp.
type program struct {
	out, err *skriver
	avbryt   context.CancelFunc
	slutt    chan struct{} // closed when it has ended
	code     int           // then
}

func start(t *testing.T, args ...string) *program {
	t.Helper()
	p := &program{out: nySkriver(), err: nySkriver(), slutt: make(chan struct{})}
	var ctx context.Context
	ctx, p.avbryt = context.WithCancel(context.Background())
	go func() {
		defer close(p.slutt)
		p.code = run(ctx, args, p.out, p.err)
	}()
	t.Cleanup(func() { p.stopp() })
	return p
}

// stopp does what Ctrl-C does, and gives the exit code.
func (p *program) stopp() int {
	p.avbryt()
	<-p.slutt
	return p.code
}

func startSandkasse(t *testing.T, dir string) *program {
	t.Helper()
	p := start(t, "sandbox", "--dir", dir, "--http", "127.0.0.1:0", "--amqp", "127.0.0.1:0", "--amqps", "127.0.0.1:0")
	p.out.vent(t, "sandbox.json", p.slutt)
	return p
}

// The whole chain with the tools alone: a sandbox, a søknad from files, a
// fagsystem that receives and answers, a restart, and an audit log that is whole.
func TestFraSoknadTilFagsystem(t *testing.T) {
	t.Parallel()
	ctx, dir, tmp := t.Context(), t.TempDir(), t.TempDir()
	sandkasse := startSandkasse(t, dir)
	s, err := readSandbox(dir)
	if err != nil {
		t.Fatal(err)
	}
	k, err := s.kommune("")
	if err != nil {
		t.Fatal(err)
	}
	svar, err := http.Get(s.BaseURL + "/readyz")
	if err != nil || svar.StatusCode != http.StatusOK {
		t.Fatalf("readyz: %v %v", svar, err)
	}
	_ = svar.Body.Close()

	fnr, err := s.innbygger()
	if err != nil {
		t.Fatal(err)
	}
	soknad := string(shortSoknad(fnr, k.Kommunenummer))
	filer := map[string]string{"soknad.json": soknad, "Soknad.pdf": "%PDF-1.7 søknaden", "Lønnsslipp æøå.pdf": "%PDF-1.7 lønn"}
	for navn, innhold := range filer {
		if err := os.WriteFile(filepath.Join(tmp, navn), []byte(innhold), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	send := []string{"nav", "send", "--sandbox", dir, "--soknad", filepath.Join(tmp, "soknad.json"), "--ref", "ref-1",
		filepath.Join(tmp, "Soknad.pdf"), filepath.Join(tmp, "Lønnsslipp æøå.pdf")}
	code, out, errOut := kjor(ctx, send...)
	if code != 0 || len(strings.TrimSpace(out)) != 36 {
		t.Fatalf("%d %s%s", code, out, errOut)
	}
	digisosID := strings.TrimSpace(out)
	// The same again is refused, naming the first.
	if code, out, errOut := kjor(ctx, send...); code != 1 || out != "" || !strings.Contains(errOut, digisosID) {
		t.Fatalf("sent again: %d %s%s", code, out, errOut)
	}

	mottatt := filepath.Join(tmp, "mottatt")
	lytt := []string{"fagsystem", "listen", "--sandbox", filepath.Join(dir, "sandbox.json"), "--kommune", k.Kommunenummer, "--dir", mottatt}
	// First only looked at, over plain AMQP: it comes again, and is not saved twice.
	code, out, errOut = kjor(ctx, append(lytt, "--no-ack", "--plain")...)
	if code != 0 || !strings.Contains(out, "no.nav.digisos.soknad.v1") || !strings.Contains(errOut, "given back") {
		t.Fatalf("%d %s%s", code, out, errOut)
	}
	code, out, errOut = kjor(ctx, append(lytt, "--once")...)
	if code != 0 || !strings.Contains(out, "saved before") {
		t.Fatalf("%d %s%s", code, out, errOut)
	}
	meldingID := strings.Fields(out)[0]
	for navn, innhold := range filer {
		if got, err := os.ReadFile(filepath.Join(mottatt, meldingID, navn)); err != nil || string(got) != innhold {
			t.Errorf("%s was received as %q, %v", navn, got, err)
		}
	}
	if info, err := os.Stat(filepath.Join(mottatt, meldingID, "Soknad.pdf")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others can read what was received: %v %v", info, err)
	}
	beskrivelse, err := os.ReadFile(filepath.Join(mottatt, meldingID+".json"))
	if err != nil || !strings.Contains(string(beskrivelse), `"signertAv": "CN=`) || !strings.Contains(string(beskrivelse), "Lønnsslipp æøå.pdf") {
		t.Errorf("%s %v", beskrivelse, err)
	}

	// Without a søknad one is made up. It is sent last: two are not promised to come in
	// the order in which they were sent.
	if code, _, errOut := kjor(ctx, "nav", "send", "--sandbox", dir, filepath.Join(tmp, "Soknad.pdf")); code != 0 {
		t.Fatalf("%d %s", code, errOut)
	}

	// Nobody touches the data of a platform that runs.
	if code, _, errOut := kjor(ctx, "audit", "verify", "--dir", dir); code != 1 || !strings.Contains(errOut, "already open") {
		t.Errorf("%d %s", code, errOut)
	}
	if code := sandkasse.stopp(); code != 0 {
		t.Fatalf("the sandbox ended with %d:\n%s", code, sandkasse.err)
	}
	for _, args := range []string{"audit verify", "migrate status", "keys list"} {
		if code, out, errOut := kjor(ctx, append(strings.Fields(args), "--dir", dir)...); code != 0 || strings.Contains(out, "whole: 0 events") {
			t.Errorf("%s: %d %s%s", args, code, out, errOut)
		}
	}

	// It goes on where it was: the reference is still taken.
	igjen := startSandkasse(t, dir)
	if code, _, errOut := kjor(ctx, send...); code != 1 || !strings.Contains(errOut, digisosID) {
		t.Errorf("after a restart: %d %s", code, errOut)
	}
	if code := igjen.stopp(); code != 0 {
		t.Fatalf("the sandbox ended with %d:\n%s", code, igjen.err)
	}
}

// A listener that is stopped while it waits ends well, and one without a listener to
// talk to says so.
func TestLyttStopper(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	startSandkasse(t, dir)
	p := start(t, "fagsystem", "listen", "--sandbox", dir, "--dir", filepath.Join(dir, "mottatt"))
	p.err.vent(t, "Listening on konto", p.slutt)
	if code := p.stopp(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, p.err)
	}
	if code, _, errOut := kjor(t.Context(), "fagsystem", "listen", "--sandbox", dir, "--kommune", "0000"); code != 2 || !strings.Contains(errOut, "no kommune 0000; it has ") {
		t.Errorf("%d %s", code, errOut)
	}
}
