package pdf

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/image/font/sfnt"
	"golang.org/x/text/unicode/norm"
)

// mangler stands for what a font lacks. The box is drawn as the font itself draws what it
// lacks, but as a letter of its own, so that nothing refers to the glyph .notdef.
const mangler = '□'

// skrift is a TrueType font that one document is set with: what is used of it gets a
// number, in order, and only that comes in the file.
type skrift struct {
	navn     string
	font     *sfnt.Font
	buf      sfnt.Buffer
	tabeller map[string][]byte
	enhet    int // of the font, in the size of the letters

	nr      map[rune]int
	tegn    []rune   // by number; 0 is .notdef
	glyfer  []uint16 // by number: the glyph in the whole font
	bredder []int    // by number
}

func newSkrift(navn string, data []byte) (*skrift, error) {
	font, err := sfnt.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("font %s: %w", navn, err)
	}
	s := &skrift{navn: navn, font: font, tabeller: sfntTabeller(data), enhet: int(font.UnitsPerEm()),
		nr: map[rune]int{}, tegn: []rune{0}, glyfer: []uint16{0}}
	for _, tag := range []string{"glyf", "head", "hhea", "hmtx", "loca", "maxp"} {
		if s.tabeller[tag] == nil {
			return nil, fmt.Errorf("font %s has no %s", navn, tag)
		}
	}
	b, _ := s.fremrykk(0)
	s.bredder = []int{int(b)}
	return s, nil
}

func (s *skrift) glyf(r rune) uint16 {
	if r == mangler {
		return 0
	}
	i, err := s.font.GlyphIndex(&s.buf, r)
	if err != nil {
		return 0
	}
	return uint16(i)
}

// har tells whether a letter can be shown. What private use means, no reader knows.
func (s *skrift) har(r rune) bool { return !unicode.Is(unicode.Co, r) && s.glyf(r) != 0 }

// nummer is the number of a letter that is shown.
func (s *skrift) nummer(r rune) int {
	nr, ok := s.nr[r]
	if !ok {
		nr = len(s.tegn)
		glyf := s.glyf(r)
		b, _ := s.fremrykk(glyf)
		s.nr[r], s.tegn, s.glyfer, s.bredder = nr, append(s.tegn, r), append(s.glyfer, glyf), append(s.bredder, int(b))
	}
	return nr
}

// fremrykk is the hmtx entry of a glyph: how far it moves on, and its left bearing.
func (s *skrift) fremrykk(glyf uint16) (bredde, venstre uint16) {
	lange := int(binary.BigEndian.Uint16(s.tabeller["hhea"][34:]))
	hmtx, g := s.tabeller["hmtx"], int(glyf)
	last := min(g, lange-1)
	bredde = binary.BigEndian.Uint16(hmtx[4*last:])
	if g < lange {
		return bredde, binary.BigEndian.Uint16(hmtx[4*g+2:])
	}
	return bredde, binary.BigEndian.Uint16(hmtx[4*lange+2*(g-lange):])
}

// bredde is the width of text in the units of the font.
func (s *skrift) bredde(text string) (n int) {
	for _, r := range text {
		n += s.bredder[s.nummer(r)]
	}
	return n
}

// rens makes text fit to be set: composed letters, what is not seen left out, and mangler
// for each letter that the font lacks and that does not come apart into letters that it
// has. Line breaks stay.
func (s *skrift) rens(text string) string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\v", "\n", "\f", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").
		Replace(strings.ToValidUTF8(text, string(utf8.RuneError)))
	var ut strings.Builder
	for _, r := range norm.NFC.String(text) {
		switch {
		case r == '\n':
			ut.WriteByte('\n')
		case r == '\t':
			ut.WriteByte(' ')
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Variation_Selector), r == '\u034f':
		case r == utf8.RuneError:
			ut.WriteRune(mangler)
		case r == '\u00a0', r == '\u202f', r == '\u2007':
			ut.WriteRune('\u00a0')
		case unicode.Is(unicode.Zs, r):
			ut.WriteByte(' ')
		case s.har(r):
			ut.WriteRune(r)
		default:
			ut.WriteString(s.erstatning(r))
		}
	}
	return ut.String()
}

// erstatning is what stands for a letter that the font lacks.
func (s *skrift) erstatning(r rune) string {
	for _, form := range []norm.Form{norm.NFD, norm.NFKD} {
		deler := form.String(string(r))
		if !strings.ContainsFunc(deler, func(r rune) bool { return !s.har(r) }) {
			return deler
		}
	}
	return string(mangler)
}

// linjer breaks a paragraph that rens has been over into lines no wider than bredde units:
// between words, and within those that are wider than a line. A line that is broken at a
// space ends with one, so that words stay apart for those who do not see the page.
func (s *skrift) linjer(text string, bredde int) iter.Seq[string] {
	return func(yield func(string) bool) {
		linje, brukt := "", 0
		mellom := s.bredde(" ")
		for del := range strings.SplitSeq(text, "\n") {
			ny := true // the next word begins a line
			for ord := range strings.FieldsFuncSeq(del, func(r rune) bool { return r == ' ' }) {
				n := s.bredde(ord)
				if !ny && brukt+mellom+n <= bredde {
					linje, brukt = linje+" "+ord, brukt+mellom+n
					continue
				}
				if linje != "" && !yield(linje+" ") {
					return
				}
				for n > bredde {
					til, b := s.plass(ord, bredde)
					if til == len(ord) {
						break
					}
					if !yield(ord[:til]) {
						return
					}
					ord, n = ord[til:], n-b
				}
				linje, brukt, ny = ord, n, false
			}
		}
		if linje != "" {
			yield(linje)
		}
	}
}

// plass tells how many bytes of a word that is too wide fit in bredde, and how wide they are: at
// least one letter, with the marks that belong to it.
func (s *skrift) plass(ord string, bredde int) (til, brukt int) {
	n := 0
	for i, r := range ord {
		if !unicode.Is(unicode.M, r) {
			til, brukt = i, n
		}
		if n += s.bredder[s.nummer(r)]; n > bredde && til > 0 {
			return til, brukt
		}
	}
	return len(ord), n
}

// maksStreng is the most letters of one string: PDF/A ends strings at 32767 bytes.
const maksStreng = 4000

// enheter are so many mm in letters of that size.
func (s *skrift) enheter(mm, punkter float64) int {
	return int(mm / (punkter * punkt) * float64(s.enhet))
}

func (s *skrift) mm(enheter int, punkter float64) float64 {
	return float64(enheter) * punkter * punkt / float64(s.enhet)
}

// sett writes the operators that show a line steg mm high with its top at y, within BT and ET.
func (s *skrift) sett(b *bytes.Buffer, navn string, punkter, x, y, steg float64, linje string) {
	grunn := arkHoyde - y - steg/2 - 0.3*punkter*punkt
	fmt.Fprintf(b, "/%s %.2f Tf\n1 0 0 1 %.2f %.2f Tm\n<", navn, punkter, x/punkt, grunn/punkt)
	const siffer = "0123456789ABCDEF"
	n := 0
	for _, r := range linje {
		if n++; n%maksStreng == 0 {
			b.WriteString("> Tj\n<")
		}
		nr := s.nummer(r)
		b.Write([]byte{siffer[nr>>12], siffer[nr>>8&15], siffer[nr>>4&15], siffer[nr&15]})
	}
	b.WriteString("> Tj\n")
}

// utdrag is a font file with what is used, by its number, and .notdef.
func (s *skrift) utdrag() ([]byte, error) {
	loca, lange := s.tabeller["loca"], s.tabeller["head"][51] == 1
	sted := func(g int) int {
		if lange {
			return int(binary.BigEndian.Uint32(loca[4*g:]))
		}
		return 2 * int(binary.BigEndian.Uint16(loca[2*g:]))
	}
	glyfer := slices.Clone(s.glyfer)
	deler := map[uint16]uint16{} // parts of others: glyph to number
	for nr, g := range glyfer[1:] {
		deler[g] = uint16(nr + 1)
	}
	var glyf, nyLoca, hmtx []byte
	for i := 0; i < len(glyfer); i++ {
		nyLoca = binary.BigEndian.AppendUint32(nyLoca, uint32(len(glyf)))
		b, v := s.fremrykk(glyfer[i])
		hmtx = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(hmtx, b), v)
		g := slices.Clone(s.tabeller["glyf"][sted(int(glyfer[i])):sted(int(glyfer[i])+1)])
		for at := range komponenter(g) {
			del := binary.BigEndian.Uint16(g[at:])
			nr, ok := deler[del]
			if !ok {
				nr = uint16(len(glyfer))
				deler[del], glyfer = nr, append(glyfer, del)
			}
			binary.BigEndian.PutUint16(g[at:], nr)
		}
		glyf = append(glyf, g...)
		glyf = append(glyf, make([]byte, -len(glyf)&3)...)
	}
	nyLoca = binary.BigEndian.AppendUint32(nyLoca, uint32(len(glyf)))
	if len(glyfer) > 0xffff {
		return nil, errors.New("pdf: too many letters for one font")
	}
	antall := uint16(len(glyfer))
	ut := map[string][]byte{"glyf": glyf, "loca": nyLoca, "hmtx": hmtx}
	for _, tag := range []string{"cvt ", "fpgm", "head", "hhea", "maxp", "prep"} {
		if t := s.tabeller[tag]; t != nil {
			ut[tag] = slices.Clone(t)
		}
	}
	binary.BigEndian.PutUint32(ut["head"][8:], 0)  // the checksum of the file, below
	binary.BigEndian.PutUint16(ut["head"][50:], 1) // loca is long
	binary.BigEndian.PutUint16(ut["hhea"][34:], antall)
	binary.BigEndian.PutUint16(ut["maxp"][4:], antall)
	return sfntFil(ut), nil
}

// komponenter gives where in a glyph the numbers of other glyphs stand that it is made of.
func komponenter(g []byte) iter.Seq[int] {
	const (
		ord, skala, flere, toSkalaer, matrise = 1, 8, 0x20, 0x40, 0x80
	)
	return func(yield func(int) bool) {
		if len(g) < 10 || g[0] < 0x80 {
			return // drawn by itself
		}
		for at, flagg := 10, uint16(flere); flagg&flere != 0; {
			flagg = binary.BigEndian.Uint16(g[at:])
			if !yield(at + 2) {
				return
			}
			at += 6
			if flagg&ord != 0 {
				at += 2
			}
			switch {
			case flagg&skala != 0:
				at += 2
			case flagg&toSkalaer != 0:
				at += 4
			case flagg&matrise != 0:
				at += 8
			}
		}
	}
}

// sfntTabeller are the tables of a font file.
func sfntTabeller(fil []byte) map[string][]byte {
	ut := map[string][]byte{}
	for i := range int(binary.BigEndian.Uint16(fil[4:])) {
		rad := fil[12+16*i:]
		at, n := binary.BigEndian.Uint32(rad[8:]), binary.BigEndian.Uint32(rad[12:])
		ut[string(rad[:4])] = fil[at : at+n]
	}
	return ut
}

// sfntFil puts tables together to a font file, with checksums.
func sfntFil(tabeller map[string][]byte) []byte {
	sum := func(b []byte) (n uint32) {
		for ; len(b) >= 4; b = b[4:] {
			n += binary.BigEndian.Uint32(b)
		}
		return n
	}
	n := len(tabeller)
	trinn := 0
	for 2<<trinn <= n {
		trinn++
	}
	hode := []byte{0, 1, 0, 0}
	for _, v := range []int{n, 16 << trinn, trinn, 16*n - 16<<trinn} {
		hode = binary.BigEndian.AppendUint16(hode, uint16(v))
	}
	var kropp []byte
	headAt := 0
	for _, tag := range slices.Sorted(maps.Keys(tabeller)) {
		at := 12 + 16*n + len(kropp)
		if tag == "head" {
			headAt = at
		}
		kropp = append(kropp, tabeller[tag]...)
		kropp = append(kropp, make([]byte, -len(kropp)&3)...)
		hode = append(hode, tag...)
		for _, v := range []uint32{sum(kropp[at-12-16*n:]), uint32(at), uint32(len(tabeller[tag]))} {
			hode = binary.BigEndian.AppendUint32(hode, v)
		}
	}
	fil := append(hode, kropp...)
	binary.BigEndian.PutUint32(fil[headAt+8:], 0xb1b0afba-sum(fil))
	return fil
}

// skriv writes the font as object nr, and what belongs to it.
func (s *skrift) skriv(w *writer, nr int) error {
	fil, err := s.utdrag()
	if err != nil {
		return fmt.Errorf("font %s: %w", s.navn, err)
	}
	promille := func(n int) int { // of the size of the letters, as PDF counts
		return (n*2000 + s.enhet) / (2 * s.enhet)
	}
	tall := func(tabell string, at int) int {
		return promille(int(int16(binary.BigEndian.Uint16(s.tabeller[tabell][at:]))))
	}
	sum := sha256.Sum256(fil)
	var merke [6]byte // no two extracts of a font have one name
	for i := range merke {
		merke[i] = 'A' + sum[i]%26
	}
	navn := string(merke[:]) + "+" + s.navn
	cid, beskrivelse, filNr, unicodeNr := w.number(), w.number(), w.number(), w.number()
	w.dict(nr, "/Type/Font/Subtype/Type0/BaseFont/%s/Encoding/Identity-H/DescendantFonts[%d 0 R]/ToUnicode %d 0 R", navn, cid, unicodeNr)
	var bredder strings.Builder
	for _, b := range s.bredder {
		fmt.Fprintf(&bredder, "%d ", promille(b))
	}
	w.dict(cid, "/Type/Font/Subtype/CIDFontType2/BaseFont/%s/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"+
		"/FontDescriptor %d 0 R/CIDToGIDMap/Identity/W[0[%s]]", navn, beskrivelse, strings.TrimSpace(bredder.String()))
	w.dict(beskrivelse, "/Type/FontDescriptor/FontName/%s/Flags 4/FontBBox[%d %d %d %d]/ItalicAngle 0/Ascent %d/Descent %d/CapHeight 714/StemV 80/FontFile2 %d 0 R",
		navn, tall("head", 36), tall("head", 38), tall("head", 40), tall("head", 42), tall("hhea", 4), tall("hhea", 6), filNr)
	w.deflated(filNr, fmt.Sprintf("/Length1 %d", len(fil)), fil)
	w.deflated(unicodeNr, "", s.tilUnicode())
	return nil
}

// tilUnicode is the CMap that tells which letters the numbers stand for.
func (s *skrift) tilUnicode() []byte {
	var b bytes.Buffer
	b.WriteString("/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n" +
		"/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n" +
		"1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n")
	for i := 1; i < len(s.tegn); i += 100 {
		til := min(i+100, len(s.tegn))
		fmt.Fprintf(&b, "%d beginbfchar\n", til-i)
		for nr := i; nr < til; nr++ {
			fmt.Fprintf(&b, "<%04X> <", nr)
			for _, u := range utf16.Encode(s.tegn[nr : nr+1]) {
				fmt.Fprintf(&b, "%04X", u)
			}
			b.WriteString(">\n")
		}
		b.WriteString("endbfchar\n")
	}
	b.WriteString("endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n")
	return b.Bytes()
}
