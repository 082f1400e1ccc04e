package pdf

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Adresse is a postal address, as the print order has it (SvarUt contract §7.1).
type Adresse struct {
	Navn, Adresselinje1, Adresselinje2, Adresselinje3 string
	Postnummer, Poststed, Land                        string // Land is left out for Norway
}

// linjer are the lines of an address that are not empty.
func (a Adresse) linjer() []string {
	land := strings.TrimSpace(a.Land)
	switch strings.ToLower(land) {
	case "no", "nor", "norge", "noreg", "norway":
		land = ""
	}
	var ut []string
	for _, s := range []string{a.Navn, a.Adresselinje1, a.Adresselinje2, a.Adresselinje3, a.Postnummer + " " + a.Poststed, land} {
		if s = strings.Join(strings.Fields(s), " "); s != "" {
			ut = append(ut, s)
		}
	}
	return ut
}

// Brev is what stands on the cover page of a letter.
type Brev struct {
	Mottaker   Adresse
	Retur      Adresse // the sender, and where the letter goes when it finds no receiver
	Tittel     string
	Dato       time.Time // in the zone that is to be shown
	Referanse  string    // left out when empty
	Dokumenter []string  // titles of what follows; left out when empty
	Utelatt    []string  // what belongs to the letter and does not follow on paper; left out when empty
	Sprak      Sprak
}

// The window of an envelope, in mm from the corner of the sheet: what Norwegian C5 and
// EC4 envelopes show of a folded A4. Those for a third of a sheet show less at the
// bottom, which is room enough for an address of four lines.
const (
	vinduTopp   = 44.0
	vinduBunn   = 79.0
	vinduBredde = 90.0 // from the margin
)

// Forside writes the cover of a letter: one A4 page, portrait, with the address of the
// receiver and a line with that of the sender where the window of an envelope is, the
// left 18 mm free. It is as good in an envelope without a window. Lines that are too
// long get smaller letters, and then become two.
func Forside(w io.Writer, b Brev) error {
	if strings.TrimSpace(b.Tittel) == "" {
		return errTom
	}
	a, err := newArk(b.Tittel, b.Sprak, b.Dato)
	if err != nil {
		return err
	}
	a.sender(b)
	a.window(b)
	a.title(b)
	return a.output(w)
}

// sender sets who sends on the left, date and reference on the right.
func (a *ark) sender(b Brev) {
	const width = 92.0
	y := 14.0
	for i, s := range b.Retur.linjer() {
		s = a.clean(s)
		if i == 0 {
			a.grey(0)
			a.fit(s, "B", 12, 8, width)
		} else {
			a.grey(70)
			a.fit(s, "", 8.5, 6.5, width)
		}
		for _, line := range a.wrap(s, width) {
			if y+a.step() > vinduTopp-1 {
				break // the window comes
			}
			a.line(marg, y, line)
			y += a.step()
		}
		if i == 0 {
			y += 0.8
		}
	}
	const x, column = 135.0, arkBredde - marg - 135
	y = 14.6
	for _, f := range [][2]string{{a.ord.dato, b.Dato.Format(a.ord.datoform)}, {a.ord.referanse, b.Referanse}} {
		value := a.clean(strings.ReplaceAll(f[1], "\n", " "))
		if value == "" {
			continue
		}
		a.grey(90)
		a.font("", 7.5)
		a.line(x, y, f[0])
		y += a.step()
		a.grey(0)
		a.fit(value, "", 9.5, 7, column)
		for i, line := range a.wrap(value, column) {
			if i == 3 {
				break
			}
			a.line(x, y, line)
			y += a.step()
		}
		y += 1.6
	}
}

// window sets the two addresses that the window shows.
func (a *ark) window(b Brev) {
	retur := a.clean(strings.Join(b.Retur.linjer(), " · "))
	y := vinduTopp + 2.5
	if retur != "" {
		a.grey(70)
		a.fit(retur, "", 6.5, 5, vinduBredde)
		for i, line := range a.wrap(retur, vinduBredde) {
			if i == 2 {
				break
			}
			a.line(marg, y, line)
			y += a.step()
		}
		a.rule(marg, y+0.2, vinduBredde)
	}
	y += 2
	type set struct {
		text   string
		points float64
	}
	var lines []set
	for _, s := range b.Mottaker.linjer() {
		s = a.clean(s)
		a.fit(s, "", 10.5, 8, vinduBredde)
		for _, line := range a.wrap(s, vinduBredde) {
			lines = append(lines, set{line, a.points})
		}
	}
	a.grey(0)
	room := (vinduBunn - 2 - y) / float64(max(1, len(lines)))
	for _, l := range lines {
		a.font("", min(l.points, room/punkt/1.1))
		a.line(marg, y, l.text)
		y += min(4.8, room)
	}
}

// title sets what the letter is about, and what is in it.
func (a *ark) title(b Brev) {
	a.grey(0)
	tittel := a.clean(strings.Join(strings.Fields(b.Tittel), " "))
	var lines []string
	for points := 20.0; ; points-- {
		a.font("B", points)
		if lines = a.wrap(tittel, bredde); len(lines) <= 3 || points <= 12 {
			break
		}
	}
	if len(lines) > 8 {
		lines = append(lines[:8], "…")
	}
	y := 102.0
	for _, line := range lines {
		a.line(marg, y, line)
		y += a.step() * 0.92
	}
	y = a.list(y, a.ord.dokumenter, b.Dokumenter)
	a.list(y, a.ord.utelatt, b.Utelatt)
}

// list sets a numbered list from y down, as far as there is room, and gives the
// place below it.
func (a *ark) list(y float64, heading string, entries []string) float64 {
	if len(entries) == 0 || y > nederst-30 {
		return y
	}
	y += 7
	a.rule(marg, y, bredde)
	y += 5
	a.font("B", 10)
	a.line(marg, y, heading)
	y += a.step() + 1.5
	a.font("", 10)
	for i, entry := range entries {
		lines := a.wrap(a.clean(strings.Join(strings.Fields(entry), " ")), bredde-9)
		if y+a.step()*float64(min(3, len(lines))+1) > nederst {
			a.line(marg+9, y, fmt.Sprintf(a.ord.flere, len(entries)-i))
			return nederst
		}
		a.grey(90)
		a.line(marg, y, fmt.Sprintf("%d.", i+1))
		a.grey(0)
		for n, line := range lines {
			if n == 3 {
				break
			}
			a.line(marg+9, y, line)
			y += a.step()
		}
		y += 0.8
	}
	return y
}
