package altinn

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/levering"
)

func TestSomVedlegg(t *testing.T) {
	t.Parallel()
	mange := func(n int) (ut []levering.Fil) {
		for i := range n {
			ut = append(ut, fil(fmt.Sprintf("%03d.pdf", i), fmt.Sprint(i)))
		}
		return ut
	}
	for navn, tt := range map[string]struct {
		filer []levering.Fil
		egne  int      // attachments beside the zip
		zip   string   // its name; "" for none
		iZip  []string // what it holds
	}{
		"none":                  {nil, 0, "", nil},
		"a hundred":             {mange(100), 100, "", nil},
		"one too many":          {mange(101), 99, "vedlegg.zip", []string{"099.pdf", "100.pdf"}},
		"a kind Altinn refuses": {[]levering.Fil{fil("a.PDF", "x"), fil("b.tiff", "y"), fil("c", "z")}, 1, "vedlegg.zip", []string{"b.tiff", "c"}},
		"empty":                 {[]levering.Fil{fil("a.txt", ""), fil("vedlegg.ZIP", "x")}, 1, "vedlegg-2.zip", []string{"a.txt"}},
		"both":                  {append(mange(100), fil("a.eml", "x")), 99, "vedlegg.zip", []string{"a.eml", "099.pdf"}},
	} {
		t.Run(navn, func(t *testing.T) {
			t.Parallel()
			alle := somVedlegg(tt.filer)
			egne := len(alle)
			if tt.zip != "" {
				egne--
			}
			if egne != tt.egne || len(alle) > maksVedlegg {
				t.Fatalf("%d attachments beside the zip, want %d", egne, tt.egne)
			}
			if tt.zip == "" {
				return
			}
			siste := alle[len(alle)-1]
			if siste.navn != tt.zip {
				t.Errorf("the zip is called %q", siste.navn)
			}
			var b [2]bytes.Buffer
			for i := range b {
				if err := siste.skriv(t.Context(), &b[i]); err != nil {
					t.Fatal(err)
				}
			}
			sum, n, err := siste.mal(t.Context())
			if !bytes.Equal(b[0].Bytes(), b[1].Bytes()) || n != int64(b[0].Len()) || len(sum) != 32 || err != nil {
				t.Fatalf("two readings differ: %d, %d and %d bytes (%v)", b[0].Len(), b[1].Len(), n, err)
			}
			z, err := zip.NewReader(bytes.NewReader(b[0].Bytes()), int64(b[0].Len()))
			if err != nil {
				t.Fatal(err)
			}
			var iZip []string
			for _, f := range z.File {
				iZip = append(iZip, f.Name)
				if f.CreatorVersion>>8 != 3 || f.Mode() != 0o644 {
					t.Errorf("%s is not as made on Unix (%#x, %s): unzip would garble a name in Norwegian", f.Name, f.CreatorVersion, f.Mode())
				}
			}
			if !cmp.Equal(tt.iZip, iZip) {
				t.Errorf("the zip holds %q, want %q", iZip, tt.iZip)
			}
		})
	}
}

// A letter with a file that Altinn does not take arrives, with the file.
func TestZipKommerFram(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, nil, nil)
	h.kilde.f = brev(fil("brev.pdf", "innhold"), fil("bilde.tiff", "bilde"))
	_, s := h.iInnboksen(t)
	b := h.innhold(t, s.ID, 2)
	z, err := zip.NewReader(strings.NewReader(b), int64(len(b)))
	if err != nil || len(z.File) != 1 {
		t.Fatalf("%+v: %v", s, err)
	}
	r, err := z.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != "bilde" {
		t.Fatalf("%q: %v", got, err)
	}
}

func TestRen(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"Vedtak om økonomisk stønad":   "Vedtak om økonomisk stønad",
		"# Overskrift":                 "Overskrift",
		"1. Første - andre":            "Første - andre",
		"<script>x</script>":           "script x /script",
		"a_b *c* `d` [e](f)":           "a b c d e (f)",
		"to\nlinjer\x00og\tmer":        "to linjer og mer",
		"Barn & unge":                  "Barn og unge",
		"- punkt":                      "punkt",
		"2026-1234 svar":               "2026-1234 svar",
		"\xff\xfe":                     "",
		strings.Repeat("a", 300):       strings.Repeat("a", 254) + "…",
		strings.Repeat("😀", 200):       strings.Repeat("😀", 127) + "…",
		strings.Repeat("a", 254) + "b": strings.Repeat("a", 254) + "b",
		strings.Repeat("a", 253) + "😀": strings.Repeat("a", 253) + "😀",
	} {
		if got := ren(s, 255); got != want || lengde(got) > 255 {
			t.Errorf("%q became %q, want %q", s, got, want)
		}
	}
}

func FuzzRen(f *testing.F) {
	for _, s := range []string{"a", "# x", "<b>", "😀", "\xff", "1) 2. - x"} {
		f.Add(s, 10)
	}
	f.Fuzz(func(t *testing.T, s string, maks int) {
		if maks < 1 || maks > 1000 {
			return
		}
		got := ren(s, maks)
		if lengde(got) > maks || !utf8.ValidString(got) || strings.ContainsAny(got, "<>*_`[]\r\n\x00") || got != strings.TrimSpace(got) {
			t.Errorf("ren(%q, %d) = %q", s, maks, got)
		}
	})
}
