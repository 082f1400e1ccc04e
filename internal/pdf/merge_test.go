package pdf

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"knutepunkt/internal/feil"
)

// skjema is a page with a form field that shows "fylt ut" or is to be drawn anew.
func skjema(tegnes bool) []byte {
	p := newPDF()
	form := ""
	ap := "/AP<</N 5 0 R>>"
	if tegnes {
		form, ap = "/NeedAppearances true/DA(/F 12 Tf 0 g)/DR<</Font<</F 6 0 R>>>>", ""
	}
	p.add("<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]%s>>>>", form)
	p.add("<</Type/Pages/Count 1/Kids[3 0 R]>>")
	p.add("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Annots[4 0 R]>>")
	p.add("<</Type/Annot/Subtype/Widget/FT/Tx/T(navn)/V(fylt ut)/F 4/Rect[50 700 300 730]/P 3 0 R/DA(/F 12 Tf 0 g)%s>>", ap)
	p.stream("/Type/XObject/Subtype/Form/BBox[0 0 250 30]/Resources<</Font<</F 6 0 R>>>>", []byte("BT /F 12 Tf 5 8 Td (fylt ut) Tj ET"))
	p.add("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
	return p.done("")
}

// lag is a page with a layer that is shown and one that is hidden.
func lag() []byte {
	p := newPDF()
	p.add("<</Type/Catalog/Pages 2 0 R/OCProperties<</OCGs[5 0 R 6 0 R]/D<</BaseState/OFF/ON[5 0 R]>>>>>>")
	p.add("<</Type/Pages/Count 1/Kids[3 0 R]>>")
	p.add("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Properties<</A 5 0 R/B 6 0 R>>/Font<</F 7 0 R>>>>>>")
	p.stream("", []byte("/OC /A BDC BT /F 24 Tf 50 700 Td (synlig) Tj ET EMC /OC /B BDC BT /F 24 Tf 50 600 Td (skjult) Tj ET EMC"))
	p.add("<</Type/OCG/Name(A)>>")
	p.add("<</Type/OCG/Name(B)>>")
	p.add("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
	return p.done("")
}

// nullet is a page with attributes that are null, which it takes from above.
func nullet() []byte {
	p := newPDF()
	p.add("<</Type/Catalog/Pages 2 0 R>>")
	p.add("<</Type/Pages/Count 1/Kids[3 0 R]/MediaBox[0 0 595 842]/Resources<</Font<</F 5 0 R>>>>>>")
	p.add("<</Type/Page/Parent 2 0 R/MediaBox null/Resources null/Contents 4 0 R>>")
	p.stream("", []byte("BT /F 24 Tf 50 700 Td (nullet) Tj ET"))
	p.add("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
	return p.done("")
}

// bilde is a page with a picture of so many bytes that do not get smaller.
func bilde(n int, seed byte) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(data)
	p := enSide("/Contents 4 0 R/Resources<</XObject<</I 5 0 R>>>>")
	p.stream("", []byte("q 500 0 0 500 0 0 cm /I Do Q"))
	p.stream(fmt.Sprintf("/Type/XObject/Subtype/Image/Width 256/Height %d/BitsPerComponent 8/ColorSpace/DeviceGray", n/256), data)
	return p.done("")
}

func dokumenter(filer ...[]byte) []Dokument {
	var ut []Dokument
	for _, f := range filer {
		ut = append(ut, Dokument{Fil: bytes.NewReader(f)})
	}
	return ut
}

func slaaSammen(t *testing.T, docs []Dokument, tosidig bool) ([]byte, Resultat) {
	t.Helper()
	var b bytes.Buffer
	res, err := Ny(1).SlaaSammen(t.Context(), &b, docs, tosidig)
	if err != nil {
		t.Fatal(err)
	}
	info, err := Ny(1).Sjekk(t.Context(), bytes.NewReader(b.Bytes()))
	if err != nil || info.Sider != res.Sider {
		t.Fatalf("the merged file: %v, %d pages, want %d", err, info.Sider, res.Sider)
	}
	return b.Bytes(), res
}

// Where pages land, as poppler reads them: "" is a blank page.
func TestSlaaSammen(t *testing.T) {
	t.Parallel()
	a1, a2, a3, b1, b2 := sider("A", 1), sider("A", 2), sider("A", 3), sider("B", 1), sider("B", 2)
	for _, tt := range []struct {
		navn    string
		filer   [][]byte
		slips   [][]int
		tosidig bool
		want    []string
		start   []int
		giro    []int
	}{
		{"one page", [][]byte{a1}, nil, true, []string{"A1"}, []int{1}, nil},
		{"one-sided", [][]byte{a1, b2}, [][]int{{1}, {2}}, false, []string{"A1", "B1", "B2"}, []int{1, 2}, []int{1, 3}},
		{"each on a front", [][]byte{a1, b1, a2, b1}, nil, true,
			[]string{"A1", "", "B1", "", "A1", "A2", "B1"}, []int{1, 3, 5, 7}, nil},
		{"a slip on a front", [][]byte{a3}, [][]int{{1}}, true, []string{"A1", "", "A2", "A3"}, []int{1}, []int{1}},
		{"a slip that would be on a back", [][]byte{a3}, [][]int{{2}}, true, []string{"A1", "", "A2", "", "A3"}, []int{1}, []int{3}},
		{"a slip at the end", [][]byte{a3, b1}, [][]int{{3}}, true, []string{"A1", "A2", "A3", "", "B1"}, []int{1, 5}, []int{3}},
		{"slips alone", [][]byte{a2, b1}, [][]int{{1, 2}}, true, []string{"A1", "", "A2", "", "B1"}, []int{1, 5}, []int{1, 3}},
		{"object streams", [][]byte{pakket(), a1}, nil, false, []string{"pakket", "A1"}, []int{1, 2}, nil},
		{"an attribute that is null", [][]byte{nullet()}, nil, false, []string{"nullet"}, []int{1}, nil},
		{"a table and a stream", [][]byte{blandet()}, nil, false, []string{"blandet"}, []int{1}, nil},
		{"layers", [][]byte{lag(), a1}, nil, false, []string{"synlig", "A1"}, []int{1, 2}, nil},
		{"a filled form", [][]byte{a1, skjema(false)}, nil, false, []string{"A1", "fylt ut"}, []int{1, 2}, nil},
		{"a form to be drawn anew", [][]byte{a1, skjema(true)}, nil, false, []string{"A1", "fylt ut"}, []int{1, 2}, nil},
		{"two forms", [][]byte{skjema(true), a1, skjema(true)}, nil, false, []string{"fylt ut", "A1", "fylt ut"}, []int{1, 2, 3}, nil},
	} {
		t.Run(tt.navn, func(t *testing.T) {
			t.Parallel()
			docs := dokumenter(tt.filer...)
			for i, s := range tt.slips {
				docs[i].Giroark = s
			}
			merged, res := slaaSammen(t, docs, tt.tosidig)
			if res.Sider != len(tt.want) || !slices.Equal(res.Start, tt.start) || !slices.Equal(res.Giroark, tt.giro) {
				t.Errorf("got %+v, want %d pages, starts %v, slips %v", res, len(tt.want), tt.start, tt.giro)
			}
			fil := tempFile(t, merged)
			if out := peer(t, "qpdf", "--check", fil); !strings.Contains(out, "No syntax or stream encoding errors") {
				t.Errorf("qpdf: %s", out)
			}
			got := strings.Split(strings.TrimSuffix(peer(t, "pdftotext", "-layout", fil, "-"), "\f"), "\f")
			for i := range got {
				got[i] = strings.TrimSpace(got[i])
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("poppler reads %q, want %q", got, tt.want)
			}
		})
	}
}

// A page looks in the merged file as it did before, to the last dot.
func TestSlaaSammenUroert(t *testing.T) {
	t.Parallel()
	var forside bytes.Buffer
	if err := Forside(&forside, etBrev()); err != nil {
		t.Fatal(err)
	}
	filer := [][]byte{forside.Bytes(), sider("A", 2), pakket(), bilde(1<<16, 1), skjema(false), lag()}
	merged, res := slaaSammen(t, dokumenter(filer...), false)
	tegn := func(fil []byte, side int) string {
		n := fmt.Sprint(side)
		return peer(t, "pdftoppm", "-r", "40", "-gray", "-f", n, "-l", n, tempFile(t, fil))
	}
	for i, fil := range filer {
		if got, want := tegn(merged, res.Start[i]), tegn(fil, 1); got != want {
			t.Errorf("document %d looks otherwise", i+1)
		}
	}
	var sizes []string
	for _, m := range regexp.MustCompile(`size: +([\d.]+ x [\d.]+)`).FindAllStringSubmatch(peer(t, "pdfinfo", "-f", "1", "-l", "99", tempFile(t, merged)), -1) {
		sizes = append(sizes, m[1])
	}
	if want := []string{"595.28 x 841.89", "595.276 x 841.89", "595.276 x 841.89", "595 x 842", "595.276 x 841.89", "595 x 842", "595 x 842"}; !slices.Equal(sizes, want) {
		t.Errorf("sizes are %q, want %q", sizes, want)
	}
}

func TestSlaaSammenAvviser(t *testing.T) {
	t.Parallel()
	hel := sider("A", 2)
	for _, tt := range []struct {
		navn    string
		docs    []Dokument
		melding string
	}{
		{"nothing", nil, "ingen sider"},
		{"one that is broken", dokumenter(hel, hel[:200]), "dokument 2: PDF-filen er ødelagt"},
		{"a slip that is not there", []Dokument{{Fil: bytes.NewReader(hel), Giroark: []int{3}}}, "giroark er side 3, men dokumentet har 2 sider"},
	} {
		t.Run(tt.navn, func(t *testing.T) {
			t.Parallel()
			_, err := Ny(1).SlaaSammen(t.Context(), io.Discard, tt.docs, true)
			if !feil.Er(err, feil.Ugyldig) || !strings.Contains(err.Error(), tt.melding) {
				t.Errorf("got %v, want feil.Ugyldig with %q", err, tt.melding)
			}
		})
	}
	_, err := Ny(1).SlaaSammen(t.Context(), fullDisk{}, dokumenter(bilde(1<<20, 1)), false)
	if err == nil || feil.KodeAv(err) != feil.Intern {
		t.Errorf("a full disk gave %v", err)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, os.ErrClosed }

// Memory does not grow with the size of the documents.
func TestSlaaSammenMinne(t *testing.T) { // not parallel: it measures memory
	dir := t.TempDir()
	var docs []Dokument
	for i := range 10 {
		name := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(name, bilde(3<<20, byte(i)), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, Dokument{Fil: io.NewSectionReader(f, 0, info.Size())})
	}
	out, err := os.Create(filepath.Join(dir, "ut"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	peak := peakMemory(t, func() {
		if _, err := Ny(1).SlaaSammen(t.Context(), out, docs, true); err != nil {
			t.Error(err)
		}
	})
	t.Logf("the heap grew by %d KB", peak>>10)
	if peak > 8<<20 {
		t.Errorf("the heap grew by %d MB", peak>>20)
	}
}
