package svarut_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
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

// java is the running Java program, with the libraries of others in it.
type java struct {
	t   *testing.T
	inn io.Writer
	ut  *bufio.Scanner
}

func startJava(t *testing.T) *java {
	t.Helper()
	bygg := exec.CommandContext(t.Context(), "mvn", "-q", "-B", "compile", "dependency:build-classpath")
	if ut, err := bygg.CombinedOutput(); err != nil {
		utenNett := regexp.MustCompile(`Could not (resolve|transfer|find artifact)|ResolutionException`).Match(ut)
		if utenNett && os.Getenv("KNUTEPUNKT_REQUIRE_PEERS") != "1" {
			t.Skipf("the jars cannot be had: %s", ut)
		}
		t.Fatalf("mvn: %v\n%s", err, ut)
	}
	sti, err := os.ReadFile("target/classpath")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("java", "-Dfile.encoding=UTF-8", "-Xmx256m", "-cp", "target/classes"+string(os.PathListSeparator)+strings.TrimSpace(string(sti)), "Motpart")
	cmd.Stderr = os.Stderr
	inn, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	ut, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = inn.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("java: %v", err)
		}
	})
	j := &java{t: t, inn: inn, ut: bufio.NewScanner(ut)}
	j.ut.Buffer(nil, 1<<20)
	return j
}

type javasvar struct {
	Feil    string
	Status  int
	Type    string
	Kropp   string
	Filnavn string
	Navn    []string
}

// prov has the Java program carry out a command.
func (j *java) prov(gjor string, c map[string]any) (svar javasvar) {
	c["gjor"] = gjor
	b, err := json.Marshal(c)
	if err != nil {
		j.t.Fatal(err)
	}
	fmt.Fprintf(j.inn, "%s\n", b)
	if !j.ut.Scan() {
		j.t.Fatalf("java ended: %v", j.ut.Err())
	}
	if err := json.Unmarshal(j.ut.Bytes(), &svar); err != nil {
		j.t.Fatalf("%v in %s", err, j.ut.Text())
	}
	return svar
}

func (j *java) gjor(t *testing.T, hva string, c map[string]any) javasvar {
	t.Helper()
	svar := j.prov(hva, c)
	if svar.Feil != "" {
		t.Fatalf("%s: %s", hva, svar.Feil)
	}
	return svar
}

// kjor runs a program and gives what it prints.
func kjor(t *testing.T, program string, arg ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, arg...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	ut, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", program, arg, err, ut)
	}
	return string(ut)
}

// curlsvar is an answer as curl got it.
type curlsvar struct {
	status int
	hoder  string // of all answers, when there were several
	kropp  []byte
}

func curl(t *testing.T, arg ...string) curlsvar {
	t.Helper()
	dir := t.TempDir()
	kropp, hoder := filepath.Join(dir, "kropp"), filepath.Join(dir, "hoder")
	ut := kjor(t, "curl", append([]string{"-sS", "--max-time", "60", "-o", kropp, "-D", hoder, "-w", "%{http_code}"}, arg...)...)
	status, err := strconv.Atoi(ut)
	if err != nil {
		t.Fatalf("curl printed %q", ut)
	}
	svar := curlsvar{status: status}
	if b, err := os.ReadFile(hoder); err == nil {
		svar.hoder = string(b)
	}
	if b, err := os.ReadFile(kropp); err == nil { // there is none when the body is empty
		svar.kropp = b
	}
	return svar
}

// hode gives a header of the last answer.
func (s curlsvar) hode(navn string) string {
	var ut string
	for linje := range strings.Lines(s.hoder) {
		if n, v, ok := strings.Cut(linje, ":"); ok && strings.EqualFold(n, navn) {
			ut = strings.TrimSpace(v)
		}
	}
	return ut
}

// les decodes JSON that must have come with the status.
func (s curlsvar) les(t *testing.T, status int, inn any) {
	t.Helper()
	if s.status != status {
		t.Fatalf("%d, want %d: %s", s.status, status, s.kropp)
	}
	if inn == nil {
		return
	}
	if err := json.Unmarshal(s.kropp, inn); err != nil {
		t.Fatalf("%v in %s", err, s.kropp)
	}
}

// krypter encrypts with OpenSSL as senders may: "oaep" in the form that a stream
// takes (BER), "pkcs1" in DER, as .NET does.
func krypter(t *testing.T, slag, cert, fil string) string {
	t.Helper()
	ut := filepath.Join(t.TempDir(), "kryptert")
	arg := []string{"cms", "-encrypt", "-binary", "-aes-256-cbc", "-outform", "DER", "-in", fil, "-out", ut, "-recip", cert}
	if slag == "oaep" {
		arg = append(arg, "-stream", "-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256", "-keyopt", "rsa_mgf1_md:sha256")
	}
	kjor(t, "openssl", arg...)
	return ut
}

// dekrypter opens a message with OpenSSL and with KS's library, which must agree,
// and gives the file.
func (h *hus) dekrypter(t *testing.T, fil, nokkel string) string {
	t.Helper()
	dir := t.TempDir()
	a, b := filepath.Join(dir, "openssl"), filepath.Join(dir, "ks")
	kjor(t, "openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", fil, "-inkey", nokkel, "-out", a)
	h.java.gjor(t, "dekrypter", map[string]any{"inn": fil, "ut": b, "nokkel": nokkel})
	if !bytes.Equal(lesFil(t, a), lesFil(t, b)) {
		t.Error("OpenSSL and KS's library do not read the same out of it")
	}
	return a
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

// lagPDF is a PDF with a line of text on each page, written anew by qpdf with the
// options given.
func lagPDF(t *testing.T, tekst string, sider int, qpdf ...string) string {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	var steder []int
	obj := func(format string, arg ...any) {
		steder = append(steder, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", len(steder), fmt.Sprintf(format, arg...))
	}
	var barn strings.Builder
	for i := range sider {
		fmt.Fprintf(&barn, "%d 0 R ", 4+2*i)
	}
	obj("<</Type/Catalog/Pages 2 0 R>>")
	obj("<</Type/Pages/Kids[%s]/Count %d/MediaBox[0 0 595 842]/Resources<</Font<</F 3 0 R>>>>>>", barn.String(), sider)
	obj("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
	for i := range sider {
		innhold := fmt.Sprintf("BT /F 20 Tf 90 700 Td (%s side %d) Tj ET", tekst, i+1)
		obj("<</Type/Page/Parent 2 0 R/Contents %d 0 R>>", 5+2*i)
		obj("<</Length %d>>stream\n%s\nendstream", len(innhold), innhold)
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(steder)+1)
	for _, s := range steder {
		fmt.Fprintf(&b, "%010d 00000 n \n", s)
	}
	fmt.Fprintf(&b, "trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(steder)+1, xref)
	ut := filepath.Join(t.TempDir(), "ut.pdf")
	kjor(t, "qpdf", append(qpdf, skriv(t, "inn.pdf", b.Bytes()), ut)...)
	return ut
}
