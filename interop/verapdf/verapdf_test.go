// Package verapdf_test has veraPDF, the validator that the PDF Association stands behind,
// judge the tagged documents of internal/pdf and the reports made with it. Maven fetches it; see pom.xml.
package verapdf_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/pdf"
)

// hent has Maven fetch veraPDF, once.
var hent = sync.OnceValue(func() error {
	for _, program := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(program); err != nil {
			return err
		}
	}
	if out, err := exec.Command("mvn", "-q", "-B", "compile").CombinedOutput(); err != nil {
		return fmt.Errorf("mvn compile: %w\n%s", err, out)
	}
	return nil
})

// dom is what veraPDF says of one file.
type dom struct {
	Navn      string `xml:"item>name"`
	Unntak    string `xml:"taskException>exceptionMessage"`
	Rapporter []struct {
		Godkjent bool   `xml:"isCompliant,attr"`
		Profil   string `xml:"profileName,attr"`
		Detaljer struct {
			Regler int `xml:"passedRules,attr"`
			Brutt  int `xml:"failedRules,attr"`
			Proevd int `xml:"passedChecks,attr"`
			Feilet int `xml:"failedChecks,attr"`
			Brudd  []struct {
				Punkt       string `xml:"clause,attr"`
				Beskrivelse string `xml:"description"`
				Sted        string `xml:"check>context"`
			} `xml:"rule"`
		} `xml:"details"`
	} `xml:"validationReport"`
}

// doem has veraPDF judge files against a flavour, ua1 or 2a.
func doem(t *testing.T, smak string, filer ...string) []dom {
	t.Helper()
	if err := hent(); err != nil {
		if os.Getenv("KNUTEPUNKT_REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	args := append([]string{"-Xmx1g", "-Djava.awt.headless=true", "-cp", "target/lib/*", "org.verapdf.apps.GreenfieldCliWrapper", "-f", smak, "--format", "xml"}, filer...)
	cmd := exec.CommandContext(t.Context(), "java", args...)
	var ut, feil bytes.Buffer
	cmd.Stdout, cmd.Stderr = &ut, &feil
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() != 1) { // 1: a file failed
		t.Fatalf("veraPDF: %v\n%s", err, feil.String())
	}
	var rapport struct {
		Jobber []dom `xml:"jobs>job"`
	}
	if err := xml.Unmarshal(ut.Bytes(), &rapport); err != nil || len(rapport.Jobber) != len(filer) {
		t.Fatalf("veraPDF judged %d of %d files: %v\n%s%s", len(rapport.Jobber), len(filer), err, ut.String(), feil.String())
	}
	return rapport.Jobber
}

func melding() pdf.Tagget {
	return pdf.Tagget{
		Tittel: "Bekymringsmelding til barnevernet", Laget: time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC), Topptekst: "Referanse 17",
		Adresse: []string{"Kárášjohka kommune", "Barneverntjenesten", "Rádjeluodda 17", "9730 Kárášjohka"},
		Innhold: []pdf.Blokk{
			pdf.Avsnitt{Tekst: "Sendt 27.11.2026"},
			pdf.Overskrift{Niva: 2, Tekst: "Barn"},
			pdf.Sporsmal{Sporsmal: "Hva heter barnet?", Svar: "Áile Ŋuorjj"},
			pdf.Sporsmal{Sporsmal: "Hva er du bekymret for?", Svar: "Første linje\nandre linje\n\nNytt avsnitt"},
		},
	}
}

// alleTegn are letters of all scripts but the largest, and what is no letter too.
func alleTegn() string {
	var b strings.Builder
	for _, fra := range [][2]rune{{0, 0x33ff}, {0xa640, 0xac00}, {0xd7b0, 0xffff}, {0x1d400, 0x1d7ff}, {0x1f000, 0x1faff}} {
		for r := fra[0]; r <= fra[1]; r++ {
			b.WriteRune(r)
			if r%64 == 63 {
				b.WriteByte('\n')
			}
		}
	}
	return b.String() + "\xff\xed\xa0\x80\U000e0041\U0010ffff"
}

func TestTagget(t *testing.T) {
	t.Parallel()
	lang := melding()
	for i := range 60 {
		lang.Innhold = append(lang.Innhold, pdf.Sporsmal{Sporsmal: fmt.Sprintf("Spørsmål %d?", i), Svar: strings.Repeat("En forklaring som er nokså lang. ", 40*(i%9+1))})
	}
	lang.Innhold = append(lang.Innhold, pdf.Avsnitt{Tekst: strings.Repeat("ett avsnitt over mange sider ", 3000)}, pdf.Avsnitt{Tekst: strings.Repeat("å", 20_000)})
	overskrifter := melding()
	for i := range 300 {
		overskrifter.Innhold = append(overskrifter.Innhold, pdf.Overskrift{Niva: i*7%11 - 1, Tekst: fmt.Sprintf("Overskrift %d", i)})
	}
	rart := melding()
	rart.Tittel = "\x00🙂 <&>\"' (A\u030a) \ue000\ufffe" + strings.Repeat(" svært lang tittel", 2000)
	rart.Topptekst, rart.Sprak = "\u202e🙂\x1b", pdf.Nynorsk
	rart.Innhold = append(rart.Innhold, pdf.Avsnitt{Tekst: alleTegn()}, pdf.Sporsmal{Sporsmal: alleTegn()[:5000], Svar: "x" + strings.Repeat("\u0301", 50_000)})

	docs := map[string]func(io.Writer) error{
		"kort": melding().Skriv, "bare tittel": pdf.Tagget{Tittel: "Tittel"}.Skriv, "engelsk": pdf.Tagget{Tittel: "Title", Sprak: pdf.Engelsk, Innhold: []pdf.Blokk{pdf.Sporsmal{}}}.Skriv,
		"lang": lang.Skriv, "overskrifter": overskrifter.Skriv, "rart": rart.Skriv,
		"privat melder": func(w io.Writer) error {
			p := skjema.Privat{PrivatBarn: make([]skjema.PrivatBarn, 3), Melding: "Hører gråt.\n\nHver kveld."}
			return p.PDF(w, skjema.PDFInfo{Referanse: "17", Spraak: "nn", Mottaker: melding().Adresse})
		},
		"offentlig melder": func(w io.Writer) error {
			o := skjema.Offentlig{OffentligBarn: make([]skjema.OffentligBarn, skjema.MaksBarn), Foresatte: make([]skjema.Foresatt, 2), BehovForTolk: "Áile snakker samisk"}
			return o.PDF(w, skjema.PDFInfo{Referanse: "17", Sendt: time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC), Mottaker: melding().Adresse})
		},
	}
	dir := t.TempDir()
	var filer []string
	for navn, skriv := range docs {
		var b bytes.Buffer
		if err := skriv(&b); err != nil {
			t.Fatal(err)
		}
		filer = append(filer, filepath.Join(dir, navn+".pdf"))
		if err := os.WriteFile(filer[len(filer)-1], b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for smak, profil := range map[string]string{"ua1": "PDF/UA-1", "2a": "PDF/A-2A"} {
		for _, d := range doem(t, smak, filer...) {
			navn := smak + ", " + filepath.Base(d.Navn)
			if len(d.Rapporter) != 1 {
				t.Errorf("%s: not judged: %s", navn, d.Unntak)
				continue
			}
			r := d.Rapporter[0]
			if !r.Godkjent || r.Detaljer.Brutt > 0 || r.Detaljer.Feilet > 0 || r.Detaljer.Proevd < 100 || !strings.HasPrefix(r.Profil, profil) {
				t.Errorf("%s: %+v", navn, r)
			}
			t.Logf("%s: %s, %d rules held, %d broken, %d checks", navn, r.Profil, r.Detaljer.Regler, r.Detaljer.Brutt, r.Detaljer.Proevd)
		}
	}
}

// The judge says no, and why, when a document lacks what it has to have.
func TestDommerenSierNei(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := melding().Skriv(&b); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	type prove struct {
		navn, fra, til string // of one length, so that the rest stands where it stood
		punkt          string // of the standard
	}
	for smak, prover := range map[string][]prove{
		"ua1": {
			{"no language", "/Lang(nb-NO)", "/Lxng(nb-NO)", "7.2"},
			{"no title shown", "/DisplayDocTitle true", "/DisplayDocTitle null", "7.1"},
			{"does not say it is PDF-UA", "<pdfuaid:part>1<", "<pdfuaid:part>7<", "5"},
			{"a heading that is too deep", "/S/H3", "/S/H5", "7.4.2"},
		},
		"2a": {
			{"not marked", "/Marked true", "/Marked null", "6.7.2.2"},
			{"no structure", "/StructTreeRoot ", "/StrxctTreeRoot ", "6.7.3.3"},
			{"no profile of colours", "/OutputIntents", "/OxtputIntents", "6.2.4.3"},
			{"a font that is not there", "/FontFile2", "/FxntFile2", "6.2.11.4.1"},
			{"letters that no one can read", "/ToUnicode", "/TxUnicode", "6.2.11.7.2"},
			{"other widths than the font", "/W[0[", "/W[7[", "6.2.11.5"},
			{"does not say it is PDF-A-2a", "<pdfaid:conformance>A<", "<pdfaid:conformance>X<", "6.6.4"},
		},
	} {
		var filer []string
		for _, p := range prover {
			skadd := bytes.ReplaceAll(b.Bytes(), []byte(p.fra), []byte(p.til))
			if bytes.Equal(skadd, b.Bytes()) || len(p.fra) != len(p.til) {
				t.Fatalf("%q is not there, or not as long as %q", p.fra, p.til)
			}
			filer = append(filer, filepath.Join(dir, p.navn+".pdf"))
			if err := os.WriteFile(filer[len(filer)-1], skadd, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for i, d := range doem(t, smak, filer...) {
			p := prover[i]
			if d.Navn != filer[i] || len(d.Rapporter) != 1 || d.Rapporter[0].Godkjent {
				t.Errorf("%s: judged as %+v", p.navn, d)
				continue
			}
			var punkter []string
			for _, brudd := range d.Rapporter[0].Detaljer.Brudd {
				punkter = append(punkter, brudd.Punkt)
			}
			if !slices.Contains(punkter, p.punkt) {
				t.Errorf("%s: fails on %v, want %s", p.navn, punkter, p.punkt)
			}
		}
	}
}
