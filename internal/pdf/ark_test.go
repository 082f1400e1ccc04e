package pdf

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

func etBrev() Brev {
	return Brev{
		Mottaker: Adresse{
			Navn: "Áile Kárášjohka Ŋuorjj", Adresselinje1: "c/o Bjørg Åsæter", Adresselinje2: "Storgata 12 B",
			Postnummer: "9730", Poststed: "Kárášjohka", Land: "Norge",
		},
		Retur:      Adresse{Navn: "Sandnes kommune", Adresselinje1: "Postboks 583", Postnummer: "4302", Poststed: "Sandnes"},
		Tittel:     "Vedtak om økonomisk stønad til livsopphold",
		Dato:       time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC),
		Referanse:  "2026/1234-5",
		Dokumenter: []string{"Vedtak", "Orientering om klageadgang", "Giro"},
		Utelatt:    []string{"lønnslipp.jpg"},
	}
}

// langtBrev has too much of everything.
func langtBrev() Brev {
	b := etBrev()
	b.Mottaker = Adresse{
		Navn:          "Stiftelsen for fremme av nordnorsk kystkultur og kystnæringer i Finnmark og Nord-Troms",
		Adresselinje1: "Ved avdelingsleder Åse-Märtha Øystein Ærlighet von Lütjenbüttel-Çelik", Adresselinje2: "Kystveien 123 B",
		Adresselinje3: "Postboks 9999", Postnummer: "9790", Poststed: "Kjøllefjord", Land: "Sverige",
	}
	b.Retur.Navn = "Interkommunalt selskap for barnevern, sosialtjeneste og NAV i Nord-Gudbrandsdalen"
	b.Retur.Poststed = "Returstad"
	b.Tittel = strings.Repeat("Svært lang tittel om forvaltningsvedtaksbehandlingsrutiner ", 6) + strings.Repeat("x", 300)
	b.Dokumenter = nil
	for i := range 60 {
		b.Dokumenter = append(b.Dokumenter, strings.Repeat("Dokument ", 1+i%40))
	}
	b.Sprak = Nynorsk
	return b
}

// settOrd is a word as poppler sees it on the page, in mm.
type settOrd struct {
	ord            string
	x1, y1, x2, y2 float64
}

func settOrdPaa(t *testing.T, fil string) (ut []settOrd) {
	t.Helper()
	re := regexp.MustCompile(`<word xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">(.*)</word>`)
	for _, m := range re.FindAllStringSubmatch(peer(t, "pdftotext", "-bbox", fil, "-"), -1) {
		var n [4]float64
		for i := range n {
			n[i], _ = strconv.ParseFloat(m[i+1], 64)
			n[i] /= mm
		}
		ut = append(ut, settOrd{m[5], n[0], n[1], n[2], n[3]})
	}
	return ut
}

// Where things are on the cover, as poppler sees them.
func TestForside(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		navn   string
		brev   Brev
		vindu  []string // words that must be seen in the window
		utenom []string // words that must not be near it
	}{
		{"plain", etBrev(), []string{"Áile", "Kárášjohka", "Ŋuorjj", "Bjørg", "Åsæter", "9730"}, []string{"Vedtak", "Orientering", "2026/1234-5", "27.11.2026", "lønnslipp.jpg"}},
		{"too much", langtBrev(), []string{"Stiftelsen", "Nord-Troms", "Lütjenbüttel-Çelik", "9790", "Kjøllefjord", "Sverige", "Returstad"}, []string{"Svært", "Dokument"}},
		{"bare", Brev{Mottaker: Adresse{Navn: "Kari"}, Tittel: "Brev", Dato: etBrev().Dato, Sprak: Engelsk}, []string{"Kari"}, []string{"Brev", "November"}},
	} {
		t.Run(tt.navn, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			if err := Forside(&b, tt.brev); err != nil {
				t.Fatal(err)
			}
			info, err := Ny(1).Sjekk(t.Context(), bytes.NewReader(b.Bytes()))
			if err != nil || info.Sider != 1 || math.Abs(info.Bredde-210) > 0.1 || math.Abs(info.Hoyde-297) > 0.1 {
				t.Fatalf("%v, %+v, want one A4 page", err, info)
			}
			fil := tempFile(t, b.Bytes())
			seen := map[string]bool{}
			for _, o := range settOrdPaa(t, fil) {
				if o.x1 < 18 || o.x2 > 210-18 || o.y1 < 10 || o.y2 > 297-10 {
					t.Errorf("%q is in the margin: %.1f–%.1f, %.1f–%.1f mm", o.ord, o.x1, o.x2, o.y1, o.y2)
				}
				if o.y2 > 44 && o.y1 < 79 { // the height of the window of a C5 envelope
					if seen[o.ord] = true; o.y1 < 44 || o.y2 > 79 || o.x2 > 15+100 {
						t.Errorf("%q is seen in part: %.1f–%.1f, %.1f–%.1f mm", o.ord, o.x1, o.x2, o.y1, o.y2)
					}
				}
			}
			for _, o := range tt.vindu {
				if !seen[o] {
					t.Errorf("%q is not in the window", o)
				}
			}
			text := peer(t, "pdftotext", fil, "-")
			for _, o := range tt.utenom {
				if seen[o] || !strings.Contains(text, o) {
					t.Errorf("%q is in the window, or nowhere", o)
				}
			}
			if out := peer(t, "qpdf", "--check", fil); !strings.Contains(out, "No syntax or stream encoding errors") {
				t.Errorf("qpdf: %s", out)
			}
			for line := range strings.Lines(peer(t, "pdffonts", fil)) {
				if strings.Contains(line, "noto") && !strings.Contains(line, " yes ") {
					t.Errorf("a font is not embedded: %s", line)
				}
			}
		})
	}
	if err := Forside(&bytes.Buffer{}, Brev{}); err == nil {
		t.Error("a letter without a title was written")
	}
}

func TestSkriv(t *testing.T) {
	t.Parallel()
	lang := strings.Repeat("Lang beskrivelse av situasjonen. ", 400)
	doc := Tekst{
		Tittel: "Kvittering", Undertittel: "Sendt 27.11.2026", Bunntekst: "Referanse 17", Laget: etBrev().Dato,
		Deler: []Del{
			{Avsnitt: []string{"Første\nandre linje", "A\u030angström og Україна, Ωμέγα, 🙂\x00\xff slutt"}},
			{Overskrift: "Opplysninger", Tabell: []Rad{{"Navn", "Áile Øvreås"}, {strings.Repeat("Navn", 40), "kort"}, {"Forklaring", lang}}},
			{Overskrift: "Mer", Avsnitt: []string{strings.Repeat("z", 3000), lang}},
		},
	}
	var b, igjen bytes.Buffer
	sider, err := Skriv(&b, doc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Skriv(&igjen, doc); err != nil || !bytes.Equal(b.Bytes(), igjen.Bytes()) {
		t.Errorf("%v, or the same document gave other bytes", err)
	}
	info, err := Ny(1).Sjekk(t.Context(), bytes.NewReader(b.Bytes()))
	if err != nil || info.Sider != sider || sider < 5 {
		t.Errorf("%v, %d pages, said %d", err, info.Sider, sider)
	}
	if _, err := Skriv(&igjen, Tekst{}); err == nil {
		t.Error("a document without a title was written")
	}

	fil := tempFile(t, b.Bytes())
	if out := peer(t, "qpdf", "--check", fil); !strings.Contains(out, "No syntax or stream encoding errors") {
		t.Errorf("qpdf: %s", out)
	}
	text := peer(t, "pdftotext", "-layout", fil, "-")
	for _, want := range []string{
		"Kvittering", "Sendt 27.11.2026", "Første\n", "andre linje", "Ångström og Україна, Ωμέγα, \ufffd\ufffd slutt",
		"Opplysninger", "Áile Øvreås", "Mer", "Side 1 av " + fmt.Sprint(sider), fmt.Sprintf("Side %d av %d", sider, sider),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the text", want)
		}
	}
	if n := strings.Count(text, "Referanse 17"); n != sider {
		t.Errorf("the foot is on %d pages of %d", n, sider)
	}
	if n := strings.Count(text, "situasjonen."); n != 800 {
		t.Errorf("%d of 800 sentences are there", n)
	}
	if n := strings.Count(text, "z"); n != 3000 {
		t.Errorf("%d of 3000 letters are there", n)
	}
	for _, o := range settOrdPaa(t, fil) {
		if o.x1 < 18 || o.x2 > 210-18 || o.y2 > 297-8 {
			t.Errorf("%.30q is in the margin: %.1f–%.1f, to %.1f mm", o.ord, o.x1, o.x2, o.y2)
		}
	}
}

// The letters that Norway writes with are in both fonts.
func TestBokstaver(t *testing.T) {
	t.Parallel()
	const alle = "æøåÆØÅ áčđŋšŧžÁČĐŊŠŦŽ âêîôûëïöüäñàèéìòóúßðþý ǧǥǩʒǯ «»–—“”’…•·€§°½"
	a, err := newArk("x", Bokmal, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if got := a.clean(alle); got != alle {
		t.Errorf("the font lacks some: %q", got)
	}
	var b bytes.Buffer
	if _, err := Skriv(&b, Tekst{Tittel: alle, Deler: []Del{{Avsnitt: []string{alle}}}}); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(peer(t, "pdftotext", tempFile(t, b.Bytes()), "-")), " ")
	if n := strings.Count(text, alle); n != 2 {
		t.Errorf("poppler reads %q", text)
	}
}

func FuzzSkriv(f *testing.F) {
	f.Add("Tittel", "Tekst\nlinje", "🙂\xff\u0301")
	f.Fuzz(func(t *testing.T, tittel, avsnitt, verdi string) {
		if strings.TrimSpace(tittel) == "" || len(tittel)+len(avsnitt)+len(verdi) > 5000 {
			return
		}
		var b bytes.Buffer
		sider, err := Skriv(&b, Tekst{Tittel: tittel, Bunntekst: verdi, Deler: []Del{{Overskrift: verdi, Avsnitt: []string{avsnitt}, Tabell: []Rad{{avsnitt, verdi}}}}})
		if err != nil {
			t.Fatal(err)
		}
		if info, err := Ny(1).Sjekk(t.Context(), bytes.NewReader(b.Bytes())); err != nil || info.Sider != sider {
			t.Fatalf("%v, %d pages, said %d", err, info.Sider, sider)
		}
		if err := Forside(&b, Brev{Tittel: tittel, Mottaker: Adresse{Navn: avsnitt, Land: verdi}, Retur: Adresse{Navn: verdi}, Referanse: avsnitt, Dokumenter: []string{avsnitt, verdi}}); err != nil {
			t.Fatal(err)
		}
	})
}
