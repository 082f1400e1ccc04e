package pdf

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"knutepunkt/internal/feil"
)

func enMelding() Tagget {
	return Tagget{
		Tittel: "Bekymringsmelding til barnevernet", Laget: time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC),
		Adresse:   []string{"Kárášjohka kommune", "Barneverntjenesten", "Rádjeluodda 17", "9730 Kárášjohka"},
		Topptekst: "Referanse 17", Innhold: []Blokk{
			Avsnitt{"Sendt 27.11.2026"},
			Overskrift{2, "Barn"},
			Overskrift{3, "Barn 1"},
			Sporsmal{"Hva heter barnet?", "Áile Ŋuorjj"},
			Sporsmal{"Hva er du bekymret for?", "Første linje\nandre linje\n\n  \r\nNytt avsnitt"},
			Sporsmal{"Noe mer?", ""},
			Overskrift{2, "Melder"},
			Sporsmal{"Hvem er du?", "Nabo"},
			Overskrift{6, "For dypt"},
			Overskrift{-1, " \u200b"},
			Avsnitt{"Slutt"},
		},
	}
}

func skrivTagget(t interface {
	Helper()
	Fatal(...any)
}, d Tagget) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := d.Skriv(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTaggetStruktur(t *testing.T) {
	t.Parallel()
	got, err := lesTagget(skrivTagget(t, enMelding()))
	if err != nil {
		t.Fatal(err)
	}
	want := []lestElement{
		{"P", "Kárášjohka kommune Barneverntjenesten Rádjeluodda 17 9730 Kárášjohka", 1},
		{"H1", "Bekymringsmelding til barnevernet", 1},
		{"P", "Sendt 27.11.2026", 1},
		{"H2", "Barn", 1},
		{"H3", "Barn 1", 1},
		{"H4", "Hva heter barnet?", 1},
		{"P", "Áile Ŋuorjj", 1},
		{"H4", "Hva er du bekymret for?", 1},
		{"P", "Første linje andre linje", 1},
		{"P", "Nytt avsnitt", 1},
		{"H4", "Noe mer?", 1},
		{"H2", "Melder", 1},
		{"H3", "Hvem er du?", 1},
		{"P", "Nabo", 1},
		{"H3", "For dypt", 1},
		{"P", "Slutt", 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// One answer over many pages is one element, whole; poppler sees it where it should be.
func TestTaggetLang(t *testing.T) {
	t.Parallel()
	var svar strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&svar, "Setning nummer %d er her. ", i)
	}
	d := enMelding()
	d.Sprak = Nynorsk
	d.Topptekst = strings.Repeat("Svært lang topptekst ", 30)
	d.Innhold = append(d.Innhold, Sporsmal{"Langt?", svar.String()}, Sporsmal{"Ord?", strings.Repeat("å", 10_000)})
	for i := range 300 {
		d.Innhold = append(d.Innhold, Sporsmal{fmt.Sprintf("Spørsmål %d?", i), "Kort svar.\nTo linjer."})
	}
	fil := skrivTagget(t, d)
	if !bytes.Equal(fil, skrivTagget(t, d)) {
		t.Error("the same document gave other bytes")
	}
	les, err := lesTagget(fil)
	if err != nil {
		t.Fatal(err)
	}
	lang, ord := les[17], les[19]
	if lang.Tekst != strings.TrimSpace(svar.String()) || lang.Sider < 15 {
		t.Errorf("the long answer is on %d pages, or not whole", lang.Sider)
	}
	if ord.Tekst != strings.Repeat("å", 10_000) || ord.Sider < 2 {
		t.Errorf("the long word is on %d pages, or not whole", ord.Sider)
	}
	info, err := Ny(1).Sjekk(t.Context(), bytes.NewReader(fil))
	if err != nil || math.Abs(info.Bredde-210) > 0.1 || math.Abs(info.Hoyde-297) > 0.1 {
		t.Fatalf("%v, %+v, want A4", err, info)
	}

	path := tempFile(t, fil)
	if out := peer(t, "qpdf", "--check", path); !strings.Contains(out, "No syntax or stream encoding errors") {
		t.Errorf("qpdf: %s", out)
	}
	if out := peer(t, "pdfinfo", path); !regexp.MustCompile(`Title: +Bekymringsmelding til barnevernet\n`).MatchString(out) ||
		!regexp.MustCompile(`Tagged: +yes`).MatchString(out) || !strings.Contains(out, "Fri Nov 27 12:00:00 2026") {
		t.Errorf("pdfinfo: %s", out)
	}
	for line := range strings.Lines(peer(t, "pdffonts", path)) {
		if strings.Contains(line, "Noto") && !strings.Contains(line, " yes yes yes ") {
			t.Errorf("a font is not embedded, cut to what is used and readable: %s", line)
		}
	}
	sider := strings.Split(strings.TrimSuffix(peer(t, "pdftotext", "-layout", path, "-"), "\f"), "\f")
	merged, _ := slaaSammen(t, dokumenter(fil), true)
	if peer(t, "pdftotext", "-layout", tempFile(t, merged), "-") != peer(t, "pdftotext", "-layout", path, "-") {
		t.Error("it reads otherwise when it is merged for print")
	}
	if len(sider) != info.Sider {
		t.Errorf("poppler sees %d pages of %d", len(sider), info.Sider)
	}
	for i, s := range sider {
		linjer := strings.Split(strings.TrimSpace(s), "\n")
		if foot := strings.TrimSpace(linjer[len(linjer)-1]); foot != fmt.Sprintf("Side %d av %d", i+1, info.Sider) {
			t.Errorf("the foot of page %d is %q", i+1, foot)
		}
		if !strings.HasPrefix(linjer[0], "Svært lang topptekst") {
			t.Errorf("the head of page %d is %q", i+1, linjer[0])
		}
		linjer = strings.Split(strings.TrimSpace(strings.Join(linjer[:len(linjer)-1], "\n")), "\n")
		if last := strings.TrimSpace(linjer[len(linjer)-1]); strings.HasSuffix(last, "?") {
			t.Errorf("the heading %q stands alone at the foot of page %d", last, i+1)
		}
	}
	for _, o := range settOrdPaa(t, path) {
		if o.x1 < 18 || o.x2 > 210-18 || o.y1 < 10 || o.y2 > 297-8 {
			t.Errorf("%.30q is in the margin: %.1f–%.1f, %.1f–%.1f mm", o.ord, o.x1, o.x2, o.y1, o.y2)
		}
	}
}

// The window of the envelope shows the address, whole, and nothing else.
func TestTaggetVindu(t *testing.T) {
	t.Parallel()
	trang := enMelding()
	trang.Adresse = []string{
		"Interkommunal barneverntjeneste for Nordkapp, Porsanger, Lebesby og Gamvik kommuner i Finnmark", "Avdeling mottak\nog undersøkelse",
		"Postboks 403", "Øvre gate 12 B", "3. etasje", "9751 Honningsvåg",
	}
	for navn, d := range map[string]Tagget{"plain": enMelding(), "tight": trang} {
		t.Run(navn, func(t *testing.T) {
			t.Parallel()
			d.Innhold = append(d.Innhold, Avsnitt{strings.Repeat("mer tekst ", 3000)})
			var vindu []string
			for i, side := range strings.SplitAfter(peer(t, "pdftotext", "-bbox", tempFile(t, skrivTagget(t, d)), "-"), "</page>") {
				for _, m := range regexp.MustCompile(`yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">(.*)</word>`).FindAllStringSubmatch(side, -1) {
					y1, _ := strconv.ParseFloat(m[1], 64)
					x2, _ := strconv.ParseFloat(m[2], 64)
					y2, _ := strconv.ParseFloat(m[3], 64)
					if i > 0 || y2 < 44*mm || y1 > 79*mm {
						continue
					}
					if vindu = append(vindu, m[4]); y1 < 44*mm || y2 > 79*mm || x2 > 115*mm {
						t.Errorf("%q is seen in part", m[4])
					}
				}
			}
			if got, want := strings.Join(vindu, " "), strings.Join(strings.Fields(strings.Join(d.Adresse, " ")), " "); got != want {
				t.Errorf("the window shows %q, want %q", got, want)
			}
		})
	}
}

func TestTaggetFeil(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		navn    string
		endre   func(*Tagget)
		melding string
	}{
		{"too many pages", func(d *Tagget) { d.Innhold = []Blokk{Avsnitt{strings.Repeat("a\n", 400_000)}} }, "inntil 5000 sider"},
		{"too many lines of address", func(d *Tagget) { d.Adresse = strings.Split(strings.Repeat("linje,", 14), ",") }, "adressen er for lang"},
		{"an address without end", func(d *Tagget) { d.Adresse = []string{strings.Repeat("x", 5000)} }, "adressen er for lang"},
	} {
		t.Run(tt.navn, func(t *testing.T) {
			t.Parallel()
			d := enMelding()
			tt.endre(&d)
			if err := d.Skriv(io.Discard); !feil.Er(err, feil.Ugyldig) || !strings.Contains(err.Error(), tt.melding) {
				t.Errorf("got %v, want feil.Ugyldig with %q", err, tt.melding)
			}
		})
	}
	for _, tittel := range []string{"", " \n", "\u200b\x00"} {
		if err := (Tagget{Tittel: tittel}).Skriv(io.Discard); err == nil {
			t.Errorf("a document with the title %q was written", tittel)
		}
	}
	if err := enMelding().Skriv(fullDisk{}); !strings.Contains(fmt.Sprint(err), "write tagged PDF") || feil.KodeAv(err) != feil.Intern {
		t.Errorf("a full disk gave %v", err)
	}
}

// Texts of all kinds, and what stands for them.
var tekstbiter = []struct{ inn, ut string }{
	{"a", "a"}, {"barnet", "barnet"}, {"æøåÆØÅ", "æøåÆØÅ"}, {"čđŋšŧžÁ", "čđŋšŧžÁ"}, {"Ωμέγα", "Ωμέγα"}, {"Україна", "Україна"},
	{"«–—…»", "«–—…»"}, {"<&>()\\/%", "<&>()\\/%"}, {"1234,50", "1234,50"}, {strings.Repeat("w", 150), strings.Repeat("w", 150)},
	{"A\u030a", "Å"}, {"s\u030c", "š"}, {"e\u0323\u0302", "ệ"}, {"\u2126", "Ω"}, {"\uff21", "A"}, {"\U0001d400", "A"}, {"\u338f", "kg"},
	{"□", "□"}, {"\U0001f642", "□"}, {"字", "□"}, {"شكرا", "□□□□"}, {"\ue000", "□"}, {"\ufffd", "□"}, {"\U0010ffff", "□"},
	{"x\xffy", "x□y"}, {"x\xed\xa0\xbdy", "x□y"}, {"\U0001f468\u200d\U0001f469", "□□"},
	{"\x00", ""}, {"\x1b", ""}, {"\u202e", ""}, {"\u2067", ""}, {"\u200b", ""}, {"\ufeff", ""}, {"\ufe0f", ""}, {"\u00ad", ""}, {"\u034f", ""},
	{" ", " "}, {"   ", " "}, {"\t", " "}, {"\n", " "}, {"\r\n", " "}, {"\u2028", " "}, {"\n\n", " "}, {"\u3000", " "}, {"\u00a0", " "}, {"\u0085", " "},
}

func utenRom(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

// Nothing that was written is lost, whatever it is: poppler finds it, and so does who reads by
// the structure.
func TestTaggetTekst(t *testing.T) {
	t.Parallel()
	path := tempFile(t, nil)
	rapid.Check(t, func(rt *rapid.T) {
		tekst := func(navn string) (inn, ut string) {
			for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(tekstbiter)-1), 0, 40).Draw(rt, navn) {
				inn, ut = inn+tekstbiter[i].inn, ut+tekstbiter[i].ut
			}
			return inn, norm.NFC.String(ut)
		}
		d, want := Tagget{Tittel: "Tittel", Laget: enMelding().Laget}, "Tittel"
		for range rapid.IntRange(1, 12).Draw(rt, "antall") {
			q, qUt := tekst("spørsmål")
			a, aUt := tekst("svar")
			d.Innhold = append(d.Innhold, Sporsmal{q, a})
			want += qUt + aUt
		}
		fil := skrivTagget(rt, d)
		les, err := lesTagget(fil)
		if err != nil {
			rt.Fatal(err)
		}
		var alt strings.Builder
		for _, e := range les {
			alt.WriteString(e.Tekst)
		}
		want = utenRom(want)
		if got := utenRom(alt.String()); got != want {
			rt.Fatalf("the structure has %q, want %q", got, want)
		}
		if err := os.WriteFile(path, fil, 0o600); err != nil {
			rt.Fatal(err)
		}
		// between head and foot
		if got := utenRom(peer(t, "pdftotext", "-raw", "-x", "0", "-y", "50", "-W", "600", "-H", "730", path, "-")); got != want {
			rt.Fatalf("poppler reads %q, want %q", got, want)
		}
	})
}

// A long document does not stay in memory.
func TestTaggetMinne(t *testing.T) { // not parallel: it measures memory
	d := enMelding()
	svar := strings.Repeat("Dette er en lang forklaring på det som er hendt. ", 200)
	for range 300 { // 3 MB, some 700 pages
		d.Innhold = append(d.Innhold, Sporsmal{"Hva?", svar})
	}
	peak := peakMemory(t, func() {
		if err := d.Skriv(io.Discard); err != nil {
			t.Error(err)
		}
	})
	t.Logf("the heap grew by %d KB", peak>>10)
	if peak > 20<<20 {
		t.Errorf("the heap grew by %d MB", peak>>20)
	}
}

func FuzzTagget(f *testing.F) {
	f.Add("Tittel", "Adresse", "Spørsmål", "Svar\n\nmer", 2)
	f.Add("🙂", "\xff\u0301", strings.Repeat("\u0301", 9000), strings.Repeat("å", 2000), 9)
	f.Add("A\u030a", "", "\ue000\u2028", "x\u00a0\u00a0y", -1)
	f.Fuzz(func(t *testing.T, tittel, adresse, a, b string, nivaa int) {
		if len(tittel)+len(adresse)+len(a)+len(b) > 30_000 {
			return
		}
		d := Tagget{Tittel: tittel, Adresse: []string{adresse}, Topptekst: b, Innhold: []Blokk{Avsnitt{a}, Overskrift{nivaa, b}, Sporsmal{a, b}, Overskrift{nivaa + 1, a}}}
		var fil bytes.Buffer
		if err := d.Skriv(&fil); err != nil {
			if !feil.Er(err, feil.Ugyldig) && err != errTom {
				t.Fatal(err)
			}
			return
		}
		if _, err := Ny(1).Sjekk(t.Context(), bytes.NewReader(fil.Bytes())); err != nil {
			t.Fatal(err)
		}
		les, err := lesTagget(fil.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		vanlig, err := newSkrift("", regular)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for _, e := range les {
			got.WriteString(e.Tekst)
		}
		var want strings.Builder // both fonts have the same letters
		for _, s := range []string{adresse, tittel, a, b, a, b, a} {
			want.WriteString(vanlig.rens(s))
		}
		if utenRom(got.String()) != utenRom(want.String()) {
			t.Fatalf("reads %q, want %q", got.String(), want.String())
		}
	})
}
