package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// sporet is the platform's own trace of a case, or of a letter.
type sporet struct {
	Leveringer []sporlevering
}

type sporlevering struct {
	ID, Kilde, Tilstand, Kanal, NesteSteg, Status string
	Alarm                                         bool
	Frist                                         *time.Time
	Historikk                                     []struct{ Tilstand, Kanal, Grunn string }
}

func (l sporlevering) ferdig() bool { return l.Tilstand == "BEKREFTET" }

// iSvarUt tells whether it is a forsendelse's levering in SvarUt, and not the one
// that SvarUt is a channel of.
func (l sporlevering) iSvarUt() bool { return l.Kilde == "svarut" }

func (l sporlevering) tekst() string {
	var b strings.Builder
	fmt.Fprintf(&b, "levering %s (%s) is %s by %s %s, alarm %t, next %q, deadline %v; history:", l.ID, l.Kilde, l.Tilstand, l.Kanal, l.Status, l.Alarm, l.NesteSteg, l.Frist)
	for _, h := range l.Historikk {
		fmt.Fprintf(&b, " %s %s %s;", h.Tilstand, h.Kanal, h.Grunn)
	}
	return b.String()
}

func (l *liv) spor(ctx context.Context, id string) (ut sporet, err error) {
	err = l.Kall(ctx, http.MethodGet, "/sandbox/spor/"+id, "", &ut)
	return ut, err
}

// sjekkSpor reads the trace of everything that was taken. Each is delivered once by
// each channel at most; what is not at its end has a deadline and a next step, and
// is a letter that the printer has refused.
func (l *liv) sjekkSpor(ctx context.Context) error {
	naa, err := l.Klokken(ctx)
	if err != nil {
		return err
	}
	saker := map[*innsending][]*innsending{} // each søknad with its ettersendelser
	for _, i := range l.h.godtatte(soknad) {
		saker[i] = nil
	}
	for _, i := range l.h.godtatte(ettersendelse) {
		saker[i.sak] = append(saker[i.sak], i)
	}
	for _, i := range l.h.godtatte(brev) {
		saker[i] = nil
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i, ettersendelser := range saker {
		g.Go(func() error {
			id := i.digisosID
			if i.slag == brev {
				id = i.brevID
			}
			s, err := l.spor(ctx, id)
			if err != nil {
				return fmt.Errorf("the trace of %s %s: %w", i.slag, i.ref, err)
			}
			l.h.sjekkSpor(i, ettersendelser, s, naa)
			return nil
		})
	}
	return g.Wait()
}

// sjekkSpor judges one trace, of i and the ettersendelser to it.
func (h *historie) sjekkSpor(i *innsending, ettersendelser []*innsending, s sporet, naa time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ytre, indre := map[string]int{}, 0
	for n, l := range s.Leveringer {
		h.sjekkLeveringLast(i, l, naa)
		if l.iSvarUt() {
			indre++
			h.sjekkIndreLast(i, l)
			continue
		}
		ytre[l.Kilde]++
		if l.Kanal == "SVARUT" && l.Tilstand != "IKKE_SENDT" && (n+1 == len(s.Leveringer) || !s.Leveringer[n+1].iSvarUt()) {
			h.feilLast("%s: %s; and SvarUt has nothing of it", i.ref, l.tekst())
		}
		if n+1 < len(s.Leveringer) && s.Leveringer[n+1].iSvarUt() && l.ferdig() != s.Leveringer[n+1].ferdig() {
			h.feilLast("%s: %s; and in SvarUt %s", i.ref, l.tekst(), s.Leveringer[n+1].tekst())
		}
	}
	switch {
	case i.slag == brev && (indre != 1 || len(ytre) != 0):
		h.feilLast("brev %s has %d leveringer in SvarUt, and others: %v", i.ref, indre, ytre)
	case i.slag == soknad && (ytre["digisos.soknad"] != 1 || ytre["digisos.ettersendelse"] != len(ettersendelser) || len(ytre) > 2):
		h.feilLast("søknad %s with %d ettersendelser has the leveringer %v", i.ref, len(ettersendelser), ytre)
	}
	for _, i := range append(ettersendelser, i) {
		sikkert, kanskje := h.levertLast(i)
		if !kanskje && !i.avvistLast() {
			h.feilLast("%s %s was taken, and no receiver has it", i.slag, i.ref)
		}
		if sikkert {
			h.tall["levert "+string(i.slag)]++
		}
	}
}

// sjekkLeveringLast judges one levering: what every one must be.
func (h *historie) sjekkLeveringLast(i *innsending, l sporlevering, naa time.Time) {
	sendt := map[string]int{}
	for _, o := range l.Historikk {
		if o.Tilstand == "SENDT" && o.Grunn == "" { // an alarm's line has a reason
			if sendt[o.Kanal]++; sendt[o.Kanal] == 2 {
				h.feilLast("%s: sent twice by %s: %s", i.ref, o.Kanal, l.tekst())
			}
		}
	}
	if l.ferdig() {
		return
	}
	switch {
	case l.Tilstand == "STOPPET" || l.Tilstand == "IKKE_LEVERT":
		h.feilLast("%s: given up: %s", i.ref, l.tekst())
	case l.ID == "" || l.NesteSteg == "" || l.Frist == nil || !l.Frist.After(naa):
		h.feilLast("%s: without a deadline or a next step: %s", i.ref, l.tekst())
	case l.iSvarUt() && (l.Kanal != "PRINT" || !l.Alarm):
		h.feilLast("%s: not delivered, and not refused by the printer: %s", i.ref, l.tekst())
	case !l.iSvarUt() && l.Kanal != "SVARUT":
		h.feilLast("%s: not delivered: %s", i.ref, l.tekst())
	default:
		h.tall["ikke levert, med frist og alarm"]++
	}
}

// sjekkIndreLast compares a levering in SvarUt with what its receivers saw. Its id is
// the forsendelse's.
func (h *historie) sjekkIndreLast(i *innsending, l sporlevering) {
	f := h.post.forsendelser[l.ID]
	if f == nil || f.til == nil {
		h.feilLast("%s: no receiver saw it: %s", i.ref, l.tekst())
		return
	}
	if f.til.soknaden() != i {
		h.feilLast("forsendelse %s is of %s in the trace and was of %s", l.ID, i.ref, f.til.ref)
	}
	if _, kanskje := f.levert(); l.ferdig() && !kanskje {
		h.feilLast("%s: nobody has said that it was received: forsendelse %s; %s", i.ref, f.tekst(), l.tekst())
	}
	if sikkert, _ := f.levert(); sikkert && !l.ferdig() {
		h.feilLast("%s: it was received: forsendelse %s; %s", i.ref, f.tekst(), l.tekst())
	}
	if !l.ferdig() && !f.til.avvistLast() {
		h.feilLast("%s: not delivered, and the printer has not refused it: forsendelse %s; %s", i.ref, f.tekst(), l.tekst())
	}
	vil := map[string]bool{"LEST": f.kvittert.provd || f.lest.provd, "PRINTET": f.printet.provd, "SENDT_PRINT": f.jobbID != ""}
	if !vil[l.Status] {
		h.feilLast("%s: the status does not follow from what happened: forsendelse %s; %s", i.ref, f.tekst(), l.tekst())
	}
	for _, id := range f.til.meldinger {
		if h.meldinger[id].sikker {
			h.feilLast("%s %s was confirmed over Fiks IO in time, and sent by SvarUt as well: %s", f.til.slag, f.til.ref, l.tekst())
		}
	}
}
