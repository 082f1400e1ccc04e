// Package pdftest has others read PDFs for tests.
package pdftest

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// Tekst is what poppler's pdftotext reads of a PDF, with its options. Without the program
// the test is skipped, unless KNUTEPUNKT_REQUIRE_PEERS is 1.
func Tekst(t testing.TB, pdf []byte, valg ...string) string {
	t.Helper()
	if _, err := exec.LookPath("pdftotext"); err != nil {
		if os.Getenv("KNUTEPUNKT_REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip("the PDF is not read: ", err)
	}
	cmd := exec.CommandContext(t.Context(), "pdftotext", append(valg, "-", "-")...) //nolint:gosec // a fixed program, and options of the test
	cmd.Stdin = bytes.NewReader(pdf)
	ut, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(ut)
}

// Innhold are the options that leave out head and foot of the pages that we write, so that
// nothing stands in the middle of a word which goes on over a page.
func Innhold() []string {
	return []string{"-raw", "-x", "0", "-y", "50", "-W", "600", "-H", "730"}
}
