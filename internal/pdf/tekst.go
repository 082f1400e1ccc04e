package pdf

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Tekst is a plain document of ours: a receipt, a report.
type Tekst struct {
	Tittel      string
	Undertittel string // left out when empty, as all below
	Deler       []Del
	Bunntekst   string    // one line at the foot of each page, beside its number
	Laget       time.Time // noted in the file, shown nowhere
	Sprak       Sprak
}

// Del is a part of a Tekst, in the order heading, paragraphs, table.
type Del struct {
	Overskrift string
	Avsnitt    []string // line breaks within are kept
	Tabell     []Rad
}

// Rad is a line of a table: what, and its value, which may have many lines.
type Rad struct{ Navn, Verdi string }

// Skriv writes the document, on as many A4 pages as it takes, and tells how many.
func Skriv(w io.Writer, t Tekst) (sider int, err error) {
	if strings.TrimSpace(t.Tittel) == "" {
		return 0, errTom
	}
	a, err := newArk(t.Tittel, t.Sprak, t.Laget)
	if err != nil {
		return 0, err
	}
	a.font("B", 18)
	a.lines(marg, bredde, t.Tittel)
	if t.Undertittel != "" {
		a.y++
		a.grey(70)
		a.font("", 10.5)
		a.lines(marg, bredde, t.Undertittel)
		a.grey(0)
	}
	a.y += 4
	for _, d := range t.Deler {
		a.part(d)
	}
	sider = a.f.PageCount()
	for side := 1; side <= sider; side++ {
		a.f.SetPage(side)
		a.foot(t.Bunntekst, fmt.Sprintf(a.ord.side, side, sider))
	}
	return sider, a.output(w)
}

func (a *ark) part(d Del) {
	if d.Overskrift != "" {
		a.y += 3
		a.font("B", 13)
		a.room(a.step() + 12) // a heading does not stand alone at the foot
		a.lines(marg, bredde, d.Overskrift)
		a.y += 1.2
	}
	a.font("", 10.5)
	for _, s := range d.Avsnitt {
		a.lines(marg, bredde, s)
		a.y += 2.2
	}
	for _, r := range d.Tabell {
		a.row(r)
	}
	if len(d.Tabell) > 0 {
		a.rule(marg, a.y, bredde)
		a.y += 3
	}
}

// row sets a line of a table. One that is higher than what is left of the page begins on
// the next, if it fits there.
func (a *ark) row(r Rad) {
	const column, gap = 52.0, 4.0
	a.font("", 10)
	values := a.wrap(a.clean(r.Verdi), bredde-column-gap)
	a.font("B", 10)
	names := a.wrap(a.clean(r.Navn), column)
	const padding = 1.1
	high := a.step()*float64(max(len(values), len(names))) + 2*padding
	if high < nederst-marg {
		a.room(high)
	} else {
		a.room(3 * a.step())
	}
	a.rule(marg, a.y, bredde)
	a.y += padding
	for i := range max(len(values), len(names)) {
		a.room(a.step())
		if i < len(names) {
			a.font("B", 10)
			a.line(marg, a.y, names[i])
		}
		if i < len(values) {
			a.font("", 10)
			a.line(marg+column+gap, a.y, values[i])
		}
		a.y += a.step()
	}
	a.y += padding
}

// lines sets text line by line, over as many pages as it takes.
func (a *ark) lines(x, width float64, s string) {
	for _, line := range a.wrap(a.clean(s), width) {
		a.room(a.step())
		a.line(x, a.y, line)
		a.y += a.step()
	}
}

// room begins a new page when there is less than high left of this one.
func (a *ark) room(high float64) {
	if a.y+high > nederst {
		a.f.AddPage()
		a.y = marg
	}
}

func (a *ark) foot(left, right string) {
	const y = arkHoyde - 17
	a.rule(marg, y-1.5, bredde)
	a.grey(70)
	a.font("", 8)
	width := a.f.GetStringWidth(right)
	a.line(arkBredde-marg-width-1, y, right)
	if left = strings.TrimSpace(left); left != "" {
		left = a.clean(strings.Join(strings.Fields(left), " "))
		a.fit(left, "", 8, 6, bredde-width-5)
		a.line(marg, y, a.wrap(left, bredde-width-5)[0])
	}
}
