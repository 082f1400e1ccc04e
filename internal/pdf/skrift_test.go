package pdf

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// Each letter of the fonts looks in an extract as it does in the whole font.
func TestUtdrag(t *testing.T) {
	t.Parallel()
	for navn, data := range map[string][]byte{"Regular": regular, "Bold": bold} {
		t.Run(navn, func(t *testing.T) {
			t.Parallel()
			s, err := newSkrift(navn, data)
			if err != nil {
				t.Fatal(err)
			}
			s.nummer(mangler)
			for r := rune(0xffff); r > 0; r -= 3 { // not in the order of the font
				if s.har(r) {
					s.nummer(r)
				}
			}
			fil, err := s.utdrag()
			if err != nil {
				t.Fatal(err)
			}
			tabeller := map[string][]byte{} // what sfnt asks for, and PDF does not
			for _, tag := range []string{"cmap", "name", "OS/2", "post"} {
				tabeller[tag] = s.tabeller[tag]
			}
			for tag, tabell := range sfntTabeller(fil) {
				tabeller[tag] = tabell
			}
			font, err := sfnt.Parse(sfntFil(tabeller))
			if err != nil {
				t.Fatal(err)
			}
			if len(s.tegn) < 800 {
				t.Fatalf("only %d letters", len(s.tegn))
			}
			var buf, igjen sfnt.Buffer
			em := fixed.I(s.enhet)
			for nr, gammel := range s.glyfer {
				want, err := s.font.LoadGlyph(&igjen, sfnt.GlyphIndex(gammel), em, nil)
				if err != nil {
					t.Fatal(err)
				}
				got, err := font.LoadGlyph(&buf, sfnt.GlyphIndex(nr), em, nil)
				if err != nil || !cmp.Equal(want, got) {
					t.Errorf("%q looks otherwise, or not at all: %v", s.tegn[nr], err)
				}
				b, err := s.font.GlyphAdvance(&igjen, sfnt.GlyphIndex(gammel), em, 0)
				if n, _ := s.fremrykk(gammel); err != nil || b != fixed.I(int(n)) {
					t.Errorf("%q is %d wide, want %v", s.tegn[nr], n, b)
				}
			}
		})
	}
}

// White is white, and the curve goes from none to all.
func TestSRGB(t *testing.T) {
	t.Parallel()
	p := sRGB()
	if n := int(p[0])<<24 | int(p[1])<<16 | int(p[2])<<8 | int(p[3]); n != len(p) {
		t.Errorf("says %d bytes, has %d", n, len(p))
	}
	tagg := func(navn string) []byte {
		for i := range int(p[131]) {
			rad := p[132+12*i:]
			if string(rad[:4]) == navn {
				at, n := int(rad[6])<<8|int(rad[7]), int(rad[10])<<8|int(rad[11])
				return p[at : at+n]
			}
		}
		t.Fatalf("no %s", navn)
		return nil
	}
	for i := range 3 {
		xyz := func(navn string) int {
			b := tagg(navn)[8+4*i:]
			return int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		}
		if sum := xyz("rXYZ") + xyz("gXYZ") + xyz("bXYZ"); sum-xyz("wtpt") > 32 || sum-xyz("wtpt") < -32 {
			t.Errorf("the colours make %d of the light that is %d", sum, xyz("wtpt"))
		}
	}
	kurve := tagg("gTRC")[12:]
	last := -1
	for i := 0; i < len(kurve); i += 2 {
		n := int(kurve[i])<<8 | int(kurve[i+1])
		if n < last || i == 0 && n != 0 {
			t.Fatalf("the curve falls at %d", i/2)
		}
		last = n
	}
	if last != 0xffff {
		t.Errorf("the curve ends at %d", last)
	}
}
