package bekymringsmelding

import (
	"context"
	"slices"
	"testing"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/store"
)

// stand is how a person's office sees a report that was sent for manual reception.
func (h *hus) stand(t testing.TB, id string) Mottatt {
	t.Helper()
	m, err := h.s.Mottatt(t.Context(), bruker, id)
	must(t, err)
	return m
}

// An office sees where each report is, also when it does not wait any more.
func TestMottatt(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	bekreftet, brev, registrert, venter, annen := h.send(t, bydelManuell), h.send(t, bydelManuell), h.send(t, bydelManuell), h.send(t, bydelManuell), h.send(t, bydelFiksIO)
	if m := h.stand(t, venter); m.Stand != StandVenter || !m.Frist.Equal(oslotid(t, "2026-06-12T10:00")) || len(m.Hendelser) != 2 || m.PaaNytt {
		t.Errorf("waiting: %+v", m)
	}
	must(t, h.s.Bekreft(t.Context(), bruker, bekreftet))
	must(t, h.s.SendTilPrint(t.Context(), bruker, brev))
	if m := h.stand(t, brev); m.Stand != StandBrev { // also before it is handed over
		t.Errorf("on its way to be a letter: %+v", m)
	}
	h.kjor(t)
	b, err := h.s.Bydel(t.Context(), "4601", bydelManuell)
	must(t, err)
	_, err = h.s.RegistrerMottatt(auth.With(t.Context(), bruker), b, []string{registrert})
	must(t, err)
	got := map[string]Stand{}
	alle, err := h.s.Hentede(t.Context(), bruker)
	must(t, err)
	for _, m := range alle {
		got[m.ID] = m.Stand
	}
	for id, want := range map[string]Stand{bekreftet: StandBekreftet, brev: StandBrev, registrert: StandRegistrert, annen: StandAnnen} {
		if got[id] != want {
			t.Errorf("%s is %q, want %q", id, got[id], want)
		}
		if id == annen { // it never was in the hands of a person
			if _, err := h.s.Mottatt(t.Context(), bruker, id); !feil.Er(err, feil.IkkeFunnet) {
				t.Errorf("another channel's: %v", err)
			}
		} else if m := h.stand(t, id); m.Stand != want {
			t.Errorf("%s alone is %q, want %q", id, m.Stand, want)
		}
	}
	if _, der := got[venter]; der || len(got) != 4 {
		t.Errorf("listed: %v", got)
	}
	for navn, c := range map[string]auth.Caller{"administrator": admin, "en annen": melder, "anonym": anonym, "integrasjon": fag, "lavt nivå": {Slag: auth.Person, Fnr: fnrBruker, Niva: 3}} {
		if v, err := h.s.Hentede(t.Context(), c); err != nil || len(v) != 0 {
			t.Errorf("%s sees %v %v", navn, v, err)
		}
		if v, err := h.s.MineBydeler(t.Context(), c); err != nil || len(v) != 0 {
			t.Errorf("%s has %v %v", navn, v, err)
		}
		if _, err := h.s.Mottatt(t.Context(), c, bekreftet); !feil.Er(err, feil.IkkeFunnet) {
			t.Errorf("%s: %v", navn, err)
		}
	}
	h.Frem(t, 31*24*time.Hour) // the letter has no receipt yet, and stays in sight
	alle, err = h.s.Hentede(t.Context(), bruker)
	must(t, err)
	for _, m := range alle {
		if m.Tilstand != SendtPrint || !m.Levert.IsZero() {
			t.Errorf("after 31 days: %+v", m)
		}
	}
	if len(alle) != 3 { // brev, and those that nobody fetched
		t.Errorf("%d after 31 days", len(alle))
	}
	// What came late is there for 30 days from then.
	_, err = h.s.RegistrerMottatt(auth.With(t.Context(), bruker), b, []string{venter})
	must(t, err)
	h.Frem(t, 24*time.Hour)
	alle, err = h.s.Hentede(t.Context(), bruker)
	must(t, err)
	if i := slices.IndexFunc(alle, func(m Mottatt) bool { return m.ID == venter }); i < 0 || alle[i].Stand != StandRegistrert {
		t.Errorf("delivered the day before: %+v", alle)
	}
	if m := h.slettetStand(t, bekreftet); m.Slettet.IsZero() {
		t.Errorf("not deleted: %+v", m)
	}
}

// slettetStand is what is left of a report whose content is deleted.
func (h *hus) slettetStand(t testing.TB, id string) Mottatt {
	t.Helper()
	m, err := h.s.somMottatt(context.WithoutCancel(t.Context()), h.melding(t, id))
	must(t, err)
	if m.Stand != StandBekreftet {
		t.Errorf("after deletion it is %q", m.Stand)
	}
	return m
}

// The counts are of 30 days, the gaps of all time; a report that comes once more is
// waiting, and still a gap.
func TestAvstemmingstall(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	b, err := h.s.Bydel(t.Context(), "4601", bydelManuell)
	must(t, err)
	vil := func(want Avstemmingstall) {
		t.Helper()
		got, err := h.s.Avstemmingstall(t.Context(), b)
		must(t, err)
		if got != want {
			t.Errorf("counted %+v, want %+v", got, want)
		}
	}
	vil(Avstemmingstall{})
	hull, ok := h.send(t, bydelManuell), h.send(t, bydelManuell)
	h.send(t, bydelManuell)
	h.send(t, bydelFiksIO)
	must(t, h.s.Bekreft(t.Context(), bruker, ok))
	must(t, h.s.SendTilPrint(t.Context(), bruker, hull))
	h.kjor(t)
	l, err := h.lev.ForKilde(t.Context(), h.DB.Read(), Kilde, hull)
	must(t, err)
	h.write(t, func(tx *store.Tx) error {
		_, err := h.lev.Bekreft(t.Context(), tx, "PRINT", l.LeveranseID)
		return err
	})
	vil(Avstemmingstall{Sendt: 3, Bekreftet: 2, Registrert: 1, Avvik: 1})
	must(t, h.s.LeverPaaNytt(auth.With(t.Context(), bruker), b, hull))
	h.kjor(t)
	if m := h.stand(t, hull); m.Stand != StandVenter || !m.PaaNytt || !m.Siden.Equal(h.Klokke.Now()) {
		t.Errorf("once more: %+v", m)
	}
	vil(Avstemmingstall{Sendt: 3, Bekreftet: 2, Registrert: 1, Avvik: 1})
	h.Frem(t, 31*24*time.Hour)
	vil(Avstemmingstall{Avvik: 1})
}
