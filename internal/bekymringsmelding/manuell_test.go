package bekymringsmelding

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/store"
)

// The prescribed way: see, download, store, confirm. A download confirms nothing.
func TestManueltMottak(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.send(t, bydelManuell)
	h.send(t, bydelFiksIO) // is not here
	venter, err := h.s.Venter(t.Context(), bruker, orgBergen)
	must(t, err)
	if len(venter) != 1 || venter[0].ID != id || !venter[0].Frist.Equal(oslotid(t, "2026-06-12T10:00")) || !venter[0].LastetNed.IsZero() {
		t.Fatalf("waiting: %+v", venter)
	}
	for range 2 {
		n, err := h.s.LastNed(t.Context(), bruker, id)
		must(t, err)
		var b bytes.Buffer
		must(t, n.Skriv(t.Context(), &b))
		if b.String() != pdfen || n.Storrelse != int64(len(pdfen)) || !strings.Contains(n.Filnavn, id) {
			t.Errorf("downloaded %q of %d bytes as %s", b.String(), n.Storrelse, n.Filnavn)
		}
	}
	h.vil(t, id, "AKSEPTERT SENDT_FAGSYSTEM")
	must(t, h.s.Bekreft(t.Context(), bruker, id))
	h.vil(t, id, "AKSEPTERT SENDT_FAGSYSTEM LEVERT")
	if venter, err = h.s.Venter(t.Context(), bruker, ""); err != nil || len(venter) != 0 {
		t.Errorf("still waiting: %v %v", venter, err)
	}
	if _, err := h.s.LastNed(t.Context(), bruker, id); !feil.Er(err, feil.Slettet) {
		t.Errorf("downloaded after it was confirmed: %v", err)
	}
	if err := h.s.SendTilPrint(t.Context(), bruker, id); !feil.Er(err, feil.Konflikt) {
		t.Errorf("a letter of what is confirmed: %v", err)
	}
	sett := map[string]int{}
	revidert, err := h.revisjon.List(t.Context(), audit.Filter{FiksOrg: orgBergen})
	must(t, err)
	for _, e := range revidert {
		if e.Underressurs == id && e.Principal.Fnr == fnrBruker {
			sett[e.Handling]++
		}
	}
	if sett["BEKYMRINGSMELDING_LASTET_NED"] != 2 || sett["BEKYMRINGSMELDING_BEKREFTET"] != 1 {
		t.Errorf("audited %v", sett)
	}
	h.lekker(t, kjenneord, fnrBruker)
}

// Only those to whom a bydel's reports were given read them, logged in on level 4: an
// administrator is not one of them by being one.
func TestHvemSomLeser(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.send(t, bydelManuell)
	for navn, c := range map[string]auth.Caller{"administrator": admin, "operatør": operator, "en annen": melder, "anonym": anonym, "integrasjon": fag,
		"lavt nivå": {Slag: auth.Person, Fnr: fnrBruker, Niva: 3}} {
		if v, err := h.s.Venter(t.Context(), c, ""); err != nil || len(v) != 0 {
			t.Errorf("%s sees %v %v", navn, v, err)
		}
		_, err := h.s.LastNed(t.Context(), c, id)
		for _, err := range []error{err, h.s.Bekreft(t.Context(), c, id), h.s.SendTilPrint(t.Context(), c, id)} {
			if !feil.Er(err, feil.IkkeFunnet) {
				t.Errorf("%s: %v", navn, err)
			}
		}
	}
	h.vil(t, id, "AKSEPTERT SENDT_FAGSYSTEM")
	h.write(t, func(tx *store.Tx) error {
		return h.org.GiTilgang(t.Context(), tx, operator, fnrAdmin, auth.BekymringMottak, ressursTil(bydelManuell))
	})
	if v, err := h.s.Venter(t.Context(), admin, ""); err != nil || len(v) != 1 {
		t.Errorf("to whom it was given: %v %v", v, err)
	}
}

// A letter when a person asks for one, and when the confirmation comes too late.
func TestManueltTilPrint(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id, sen := h.send(t, bydelManuell), h.send(t, bydelManuell)
	for range 2 {
		must(t, h.s.SendTilPrint(t.Context(), bruker, id))
		h.kjor(t)
	}
	h.vil(t, id, "AKSEPTERT SENDT_FAGSYSTEM SENDT_PRINT")
	h.Frem(t, 49*time.Hour)
	h.vil(t, sen, "AKSEPTERT SENDT_FAGSYSTEM SENDT_PRINT")
	if err := h.s.Bekreft(t.Context(), bruker, sen); !feil.Er(err, feil.Konflikt) {
		t.Errorf("confirmed too late: %v", err)
	}
	h.vil(t, sen, "AKSEPTERT SENDT_FAGSYSTEM SENDT_PRINT")
	if n := len(h.jobber(t)); n != 2 {
		t.Errorf("%d letters", n)
	}
	hist := h.get(t, operator, "/bekymringsmelding/api/v1/admin/historikk/"+sen).er(t, 200)
	if !strings.Contains(hist, "bekreftet etter fristen") {
		t.Errorf("the late confirmation is not in the history: %s", hist)
	}
}

// Reminders come at 09, 12 and 15 each day while something waits, once each, also over
// a restart and over the change of the clock, and say nothing of anybody.
func TestPaaminnelser(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.tilTid(t, "2026-06-12T10:30") // a Friday
	id := h.send(t, bydelManuell)
	h.send(t, bydelManuell)
	h.tilTid(t, "2026-06-12T11:59")
	h.tilTid(t, "2026-06-12T13:00")
	h = h.omstart(t)
	h.kjor(t)
	h.tilTid(t, "2026-06-13T09:00")
	h.tilTid(t, "2026-06-13T12:30")
	must(t, h.s.SendTilPrint(t.Context(), bruker, id))
	h.tilTid(t, "2026-06-13T20:00")
	emne := " Bekymringsmeldinger venter på å bli hentet"
	want := []string{"2026-06-12T12:00" + emne, "2026-06-12T15:00" + emne, "2026-06-13T09:00" + emne, "2026-06-13T12:00" + emne, "2026-06-13T15:00" + emne}
	if got := h.epost(t, "varsel@bergen.test"); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	alle, err := h.Epost.Alle(t.Context())
	must(t, err)
	for i, m := range alle {
		tekst := "2 bekymringsmeldinger"
		if i == len(alle)-1 {
			tekst = "1 bekymringsmelding som"
		}
		if !strings.Contains(m.Text, tekst) || strings.Contains(m.Text, id) {
			t.Errorf("text %q", m.Text)
		}
	}
	h.tilTid(t, "2026-06-16T10:31") // both are letters now
	n := len(h.epost(t, "varsel@bergen.test"))
	h.tilTid(t, "2026-06-20T00:00")
	if got := len(h.epost(t, "varsel@bergen.test")); got != n {
		t.Error("reminded of nothing")
	}
}

// After some days away there is one reminder, not one for each hour that was missed.
func TestPaaminnelseEtterFravaer(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.send(t, bydelManuell)
	h.Klokke.Sett(oslotid(t, "2026-06-12T09:30"))
	h = h.omstart(t)
	h.kjor(t)
	if got := h.epost(t, "varsel@bergen.test"); len(got) != 1 || !strings.HasPrefix(got[0], "2026-06-12T09:30") {
		t.Errorf("reminded %v", got)
	}
}
