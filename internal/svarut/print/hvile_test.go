package print

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"knutepunkt/internal/levering"
)

// No copy of the database, the blobs or the supplier's folder tells what is in a
// letter or whom it is to, at any moment: while it is built, when it lies there, and
// after a refusal. Only the job file holds the address, while it lies there.
func TestIngentingLesbart(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	stor := append(bytes.Repeat([]byte("%"+hemmeligInnhold+"\n"), 20_000), []byte("\n")...) // a file of its own in the blob folder
	brev := sider(3, hemmeligInnhold)
	h.brev.Filer = append(h.brev.Filer, fil("stor.pdf", append(brev[:len(brev):len(brev)], stor...)))
	sett := 0
	se := func(naar string) {
		sett++
		filer := 0
		err := filepath.WalkDir(h.Dir, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			filer++
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			rel, _ := filepath.Rel(h.Dir, p)
			jobbfil := strings.HasPrefix(filepath.ToSlash(rel), "print/ut/") && (strings.HasSuffix(rel, ".json") || strings.HasSuffix(rel, ".tmp") && strings.Contains(rel, ".json."))
			if kvittering := strings.HasPrefix(filepath.ToSlash(rel), "print/inn/"); kvittering && strings.HasPrefix(naar, "before slett") {
				return nil // the supplier's own file, which is being removed
			}
			for _, ord := range []string{hemmeligNavn, hemmeligGate, hemmeligTittel, hemmeligInnhold, hemmeligFeil, "01410112345", "vedtak.pdf", "%PDF"} {
				if bytes.Contains(b, []byte(ord)) && (!jobbfil || ord != hemmeligNavn && ord != hemmeligGate) {
					t.Errorf("%s: %q can be read in %s", naar, ord, rel)
				}
			}
			return nil
		})
		if err != nil || filer < 2 {
			t.Fatalf("%s: looked at %d files (%v)", naar, filer, err)
		}
	}
	h.transport.foer = func(op, navn string) error {
		se("before " + op + " " + filepath.Ext(navn))
		return nil
	}
	h.transport.etterpaa = func(op, navn string) error {
		se("after " + op + " " + filepath.Ext(navn))
		return nil
	}
	h.opprett(t)
	h.kjor(t)
	if n := h.spolt(t); n != 0 {
		t.Errorf("%d copies are left", n)
	}
	se("when it lies there")
	if sett < 5 {
		t.Fatalf("looked %d times", sett)
	}
	h.avvis(t)
	se("after a refusal")
	for _, ord := range []string{hemmeligNavn, hemmeligTittel, hemmeligFeil, "vedtak.pdf"} {
		if strings.Contains(h.linjer.String(), ord) {
			t.Errorf("%q is in the log", ord)
		}
	}
	l, hist, err := h.lev.Hent(t.Context(), h.Grunn.DB.Read(), h.siste(t).leveringID)
	if err != nil || strings.Contains(l.Grunn, "Kari") {
		t.Errorf("levering says %q (%v)", l.Grunn, err)
	}
	for _, e := range hist {
		if strings.Contains(e.Grunn, "Kari") {
			t.Errorf("the history says %q", e.Grunn)
		}
	}
}

// peer runs a program of others and gives what it prints; without it the test is
// skipped, unless peers are required.
func peer(t *testing.T, program string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("KNUTEPUNKT_REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	ut, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", program, err, ut)
	}
	return string(ut)
}

// OpenSSL opens the letter, qpdf and poppler read it, and it is what the job file says.
func TestLeverandorensVerktoy(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.brev.Filer = []levering.Fil{fil("a.pdf", sider(1, "Foerste")), fil("b.pdf", sider(2, "Andre"))}
	h.opprett(t)
	h.kjor(t)
	j := h.siste(t)
	key, _ := leverandor()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	nokkel, klar := filepath.Join(h.Dir, "nokkel.pem"), filepath.Join(h.Dir, "klar.pdf")
	if err := os.WriteFile(nokkel, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	peer(t, "openssl", "cms", "-decrypt", "-inform", "DER", "-in", filepath.Join(h.mappe, j.PDF), "-inkey", nokkel, "-out", klar)
	b, err := os.ReadFile(klar)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != h.hentEn(t).SHA256 {
		t.Error("the checksum differs")
	}
	if ut := peer(t, "qpdf", "--check", klar); !strings.Contains(ut, "No syntax or stream encoding errors") {
		t.Errorf("qpdf: %s", ut)
	}
	sider := regexp.MustCompile(`Pages:\s+(\d+)`).FindStringSubmatch(peer(t, "pdfinfo", klar))
	if sider == nil || sider[1] != strconv.Itoa(j.AntallSider) || j.AntallSider != 6 {
		t.Errorf("pdfinfo counts %v pages, the job file %d", sider, j.AntallSider)
	}
	tekst := strings.Split(peer(t, "pdftotext", "-layout", klar, "-"), "\f")
	for side, ord := range map[int][]string{0: {hemmeligNavn, hemmeligGate, "0151 OSLO", "Bergen kommune", "Postboks 7700", hemmeligTittel, j.ForsendelseID}, 2: {"Foerste 1"}, 4: {"Andre 1"}, 5: {"Andre 2"}} {
		for _, o := range ord {
			if side >= len(tekst) || !strings.Contains(tekst[side], o) {
				t.Errorf("page %d does not show %q", side+1, o)
			}
		}
	}
}
