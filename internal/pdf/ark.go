package pdf

import (
	_ "embed" // the fonts
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-pdf/fpdf"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/text/unicode/norm"
)

// Noto Sans covers Latin with the Sámi letters, Greek and Cyrillic; its licence lies beside it.
var (
	//go:embed fonter/NotoSans-Regular.ttf
	regular []byte
	//go:embed fonter/NotoSans-Bold.ttf
	bold []byte
)

// Sprak is the language of the fixed words on a page; the zero value is bokmål.
type Sprak int

// The languages.
const (
	Bokmal Sprak = iota
	Nynorsk
	Engelsk
)

// ord are the fixed words in one language.
type ord struct{ kode, dato, referanse, dokumenter, utelatt, flere, side, datoform string }

func (s Sprak) ord() ord {
	switch s {
	case Nynorsk:
		return ord{"nn-NO", "Dato", "Referanse", "Dokument i brevet", "Følgjer ikkje med på papir", "og %d til", "Side %d av %d", "02.01.2006"}
	case Engelsk:
		return ord{"en", "Date", "Reference", "Documents in this letter", "Not included on paper", "and %d more", "Page %d of %d", "2 January 2006"}
	default:
		return ord{"nb-NO", "Dato", "Referanse", "Dokumenter i brevet", "Følger ikke med på papir", "og %d til", "Side %d av %d", "02.01.2006"}
	}
}

// Margins and sizes in mm. What is printed keeps 18 mm free on the left for punching (print rules, SvarUt
// contract §7.1).
const (
	arkBredde  = 210.0
	arkHoyde   = 297.0
	marg       = 20.0
	bredde     = arkBredde - 2*marg
	nederst    = arkHoyde - 25
	punkt      = 25.4 / 72 // mm
	linjehoyde = 1.42      // of the size of the letters
)

// ark is a document of ours in the making: A4 sheets, portrait.
type ark struct {
	f      *fpdf.Fpdf
	ord    ord
	glyphs *sfnt.Font
	buf    sfnt.Buffer
	y      float64
	points float64
}

func newArk(tittel string, sprak Sprak, laget time.Time) (*ark, error) {
	glyphs, err := sfnt.Parse(regular)
	if err != nil {
		return nil, err
	}
	a := &ark{f: fpdf.New("P", "mm", "A4", ""), ord: sprak.ord(), glyphs: glyphs, y: marg}
	a.f.AddUTF8FontFromBytes("noto", "", regular)
	a.f.AddUTF8FontFromBytes("noto", "B", bold)
	a.f.SetMargins(marg, marg, marg)
	a.f.SetCellMargin(0)
	a.f.SetAutoPageBreak(false, 0)
	a.f.SetCatalogSort(true) // the same input gives the same bytes
	a.f.SetCreationDate(laget)
	a.f.SetModificationDate(laget)
	a.f.SetProducer("Knutepunkt", true)
	a.f.SetTitle(a.clean(tittel), true)
	a.f.SetLang(a.ord.kode)
	a.f.AddPage()
	return a, a.f.Error()
}

func (a *ark) output(w io.Writer) error {
	if err := a.f.Output(w); err != nil {
		return fmt.Errorf("write PDF: %w", err)
	}
	return nil
}

// clean makes text fit to be set: composed letters, and a sign in place of each that
// the font lacks. Line breaks stay.
func (a *ark) clean(s string) string {
	s = norm.NFC.String(strings.ToValidUTF8(s, "\ufffd"))
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\t", "    ", "\u2028", "\n", "\u2029", "\n").Replace(s)
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u00ad' || r >= '\u200b' && r <= '\u200f' || r == '\ufeff' || r == '\ufe0f':
			return -1 // signs that are not seen
		case r > 0xffff:
			return '\ufffd'
		}
		if i, err := a.glyphs.GlyphIndex(&a.buf, r); err != nil || i == 0 {
			return '\ufffd'
		}
		return r
	}, s)
}

func (a *ark) font(style string, points float64) {
	a.points = points
	a.f.SetFont("noto", style, points)
}

func (a *ark) grey(level int) { a.f.SetTextColor(level, level, level) }

// step is the height of a line in the current size.
func (a *ark) step() float64 { return a.points * punkt * linjehoyde }

// line sets one line with its top at y.
func (a *ark) line(x, y float64, s string) {
	a.f.SetXY(x, y)
	a.f.CellFormat(0, a.step(), s, "", 0, "L", false, 0, "")
}

// rule draws a hairline.
func (a *ark) rule(x, y, width float64) {
	a.f.SetDrawColor(150, 150, 150)
	a.f.SetLineWidth(0.2)
	a.f.Line(x, y, x+width, y)
}

// wrap breaks text into lines no wider than width in the current size: between words, and
// within those that are wider than a line.
func (a *ark) wrap(s string, width float64) []string {
	var lines []string
	for part := range strings.SplitSeq(s, "\n") {
		var line string
		var used float64
		space := a.f.GetStringWidth(" ")
		for word := range strings.FieldsFuncSeq(part, func(r rune) bool { return r == ' ' }) {
			w := a.f.GetStringWidth(word)
			if line != "" && used+space+w <= width {
				line, used = line+" "+word, used+space+w
				continue
			}
			if line != "" {
				lines = append(lines, line)
			}
			for w > width {
				n := a.fits(word, width)
				lines, word = append(lines, word[:n]), word[n:]
				w = a.f.GetStringWidth(word)
			}
			line, used = word, w
		}
		lines = append(lines, line)
	}
	return lines
}

// fits tells how many bytes of a word fit in width; at least one letter.
func (a *ark) fits(word string, width float64) int {
	var used float64
	for i, r := range word {
		used += a.f.GetStringWidth(string(r))
		if used > width && i > 0 {
			return i
		}
	}
	_, n := utf8.DecodeRuneInString(word)
	return n
}

// fit sets the largest size, from points down to least, in which a line is no wider than width.
func (a *ark) fit(s, style string, points, least, width float64) {
	for a.font(style, points); points > least && a.f.GetStringWidth(s) > width; a.font(style, points) {
		points -= 0.5
	}
}

var errTom = errors.New("pdf: a document of ours needs a title")
