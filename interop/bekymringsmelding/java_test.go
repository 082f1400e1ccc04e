package bekymringsmelding_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// krev skips the test if a program is absent, unless peers are required.
func krev(t *testing.T, programmer ...string) {
	t.Helper()
	for _, p := range programmer {
		if _, err := exec.LookPath(p); err != nil {
			if os.Getenv("KNUTEPUNKT_REQUIRE_PEERS") == "1" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
}

// bygg compiles the Java programs, each on its own generation of the libraries.
func bygg(t *testing.T) {
	t.Helper()
	krev(t, "java", "mvn", "openssl")
	ut, err := exec.CommandContext(t.Context(), "mvn", "-q", "-B", "compile").CombinedOutput()
	if err == nil {
		return
	}
	utenNett := regexp.MustCompile(`Could not (resolve|transfer|find artifact)|ResolutionException`).Match(ut)
	if utenNett && os.Getenv("KNUTEPUNKT_REQUIRE_PEERS") != "1" {
		t.Skipf("the jars cannot be had: %s", ut)
	}
	t.Fatalf("mvn: %v\n%s", err, ut)
}

// java is a running Java program that says something on each line.
type java struct {
	inn io.WriteCloser
	ut  <-chan string
}

// maksVent is how long a line is waited for.
const maksVent = 30 * time.Second

// startJava starts the class of a module with a file of JSON as its argument. It is
// ended, with a failure if it goes badly, at the end of the test.
func startJava(t *testing.T, modul, class string, oppdrag any) *java {
	t.Helper()
	arg, err := json.Marshal(oppdrag)
	if err != nil {
		t.Fatal(err)
	}
	sti := string(lesFil(t, filepath.Join(modul, "target", "classpath")))
	cmd := exec.Command("java", "-Dfile.encoding=UTF-8", "-Xmx256m", "-cp",
		filepath.Join(modul, "target", "classes")+string(os.PathListSeparator)+strings.TrimSpace(sti), class, skriv(t, "oppdrag.json", arg))
	feil := skriv(t, "stderr", nil)
	til, err := os.Create(feil)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = til
	j := &java{}
	if j.inn, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	ut, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	linjer := make(chan string, 1000)
	j.ut = linjer
	go func() {
		defer close(linjer)
		s := bufio.NewScanner(ut)
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			linjer <- s.Text()
		}
	}()
	t.Cleanup(func() {
		_ = j.inn.Close()
		for range linjer { // until it has closed its end
		}
		err := cmd.Wait()
		_ = til.Close()
		if err != nil || t.Failed() {
			t.Errorf("%s %s: %v\n%s", modul, class, err, lesFil(t, feil))
		}
	})
	return j
}

// les reads a line that the program says; one that is no JSON is a library's.
func (j *java) les(t *testing.T, inn any) {
	t.Helper()
	frist := time.After(maksVent)
	for {
		select {
		case linje, ok := <-j.ut:
			switch {
			case !ok:
				t.Fatal("java ended")
			case !strings.HasPrefix(linje, "{"):
				t.Log(linje)
				continue
			}
			if err := json.Unmarshal([]byte(linje), inn); err != nil {
				t.Fatalf("%v in %s", err, linje)
			}
			return
		case <-frist:
			t.Fatal("java says nothing")
		}
	}
}

// feilsvar is the answer to a command that failed: the chain of exceptions.
type feilsvar struct{ Feil string }

// prov has the program carry out a command, which may fail.
func (j *java) prov(t *testing.T, gjor string, c map[string]string, inn any) (feil string) {
	t.Helper()
	kommando := map[string]string{"gjor": gjor}
	for k, v := range c {
		kommando[k] = v
	}
	linje, err := json.Marshal(kommando)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(j.inn, "%s\n", linje)
	var svar json.RawMessage
	j.les(t, &svar)
	var f feilsvar
	if err := json.Unmarshal(svar, &f); err != nil {
		t.Fatal(err)
	}
	if f.Feil == "" && inn != nil {
		if err := json.Unmarshal(svar, inn); err != nil {
			t.Fatalf("%v in %s", err, svar)
		}
	}
	return f.Feil
}

func (j *java) gjor(t *testing.T, hva string, c map[string]string, inn any) {
	t.Helper()
	if feil := j.prov(t, hva, c, inn); feil != "" {
		t.Fatalf("%s %v: %s", hva, c, feil)
	}
}

// kjor runs a program and gives what it prints.
func kjor(t *testing.T, program string, arg ...string) {
	t.Helper()
	if ut, err := exec.CommandContext(t.Context(), program, arg...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", program, arg, err, ut)
	}
}

func lesFil(t *testing.T, navn string) []byte {
	t.Helper()
	b, err := os.ReadFile(navn)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func skriv(t *testing.T, navn string, data []byte) string {
	t.Helper()
	sti := filepath.Join(t.TempDir(), navn)
	if err := os.WriteFile(sti, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return sti
}
