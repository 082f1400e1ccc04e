package levering

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

// trekkbar is a channel that takes back what it has.
type trekkbar struct {
	kanal
	trukket []string
}

func (k *trekkbar) Trekk(_ context.Context, _ *store.Tx, l Levering) error {
	k.trukket = append(k.trukket, l.LeveranseID)
	return nil
}

// posthus is a house with SvarUt's channels and the plan for a letter.
func posthus(t *testing.T, plan ...Steg) (h *hus, id string, kanaler map[string]*trekkbar) {
	t.Helper()
	h = nyttHus(t, false)
	kanaler = map[string]*trekkbar{}
	for _, navn := range []string{KanalSvarInn, KanalAltinn, KanalPrint} {
		kanaler[navn] = &trekkbar{kanal: kanal{navn: navn, db: h.DB}}
		h.s.RegistrerKanal(kanaler[navn])
	}
	id = uuid.NewString()
	h.skriv(t, func(tx *store.Tx) error {
		return h.s.Opprett(t.Context(), tx, Ny{ID: id, Kilde: "test", KildeID: id, FiksOrgID: uuid.NewString(), Plan: plan})
	})
	h.kjor(t)
	return h, id, kanaler
}

var (
	stegSvarInn = Steg{Kanal: KanalSvarInn, Frist: 8 * time.Hour, Ubegrenset: true, Utholdende: true, GodtaSen: true}
	stegAltinn  = Steg{Kanal: KanalAltinn, Frist: 40 * time.Hour, Virketid: true, Utholdende: true, GodtaSen: true}
	stegPrint   = Steg{Kanal: KanalPrint, Frist: 7 * 24 * time.Hour, Ubegrenset: true, Utholdende: true}
)

func TestUbegrensetVenterUtenEnde(t *testing.T) {
	t.Parallel()
	h, id, _ := posthus(t, stegSvarInn, stegPrint)
	h.fram(t, 100*24*time.Hour)
	l, hist := h.hent(t, id)
	if l.Tilstand != Sendt || l.Kanal != KanalSvarInn || !l.Frist.After(h.Klokke.Now()) || len(hist) != 2 {
		t.Fatalf("after 100 days: %+v, history %v", l, tilstander(hist))
	}
}

func TestVirketidTellerBareVirkedager(t *testing.T) {
	t.Parallel()
	h, id, _ := posthus(t, stegAltinn, stegPrint)
	l, _ := h.hent(t, id)
	if want := klokke.LeggTilVirketid(h.Klokke.Now(), 40*time.Hour); !l.Frist.Equal(want) {
		t.Fatalf("deadline %v, want %v", l.Frist, want)
	}
	h.fram(t, l.Frist.Sub(h.Klokke.Now())-time.Minute)
	if l, _ := h.hent(t, id); l.Kanal != KanalAltinn {
		t.Fatalf("went on to %s before the deadline", l.Kanal)
	}
	h.fram(t, time.Minute)
	if l, _ := h.hent(t, id); l.Kanal != KanalPrint || l.Tilstand != Sendt {
		t.Fatalf("at the deadline: %+v", l)
	}
}

// What is read after all comes off the print queue; what is printed already is
// still told to be read.
func TestSenKvitteringGjelder(t *testing.T) {
	t.Parallel()
	for _, printet := range []bool{false, true} {
		h, id, kanaler := posthus(t, stegAltinn, stegPrint)
		altinn, _ := h.hent(t, id)
		h.fram(t, altinn.Frist.Sub(h.Klokke.Now()))
		brev, _ := h.hent(t, id)
		var trukket []string
		if printet {
			h.bekreft(t, KanalPrint, brev.LeveranseID)
		} else {
			trukket = []string{brev.LeveranseID}
		}
		if !h.bekreft(t, KanalAltinn, altinn.LeveranseID) {
			t.Fatal("the late receipt was not taken")
		}
		l, _ := h.hent(t, id)
		if l.Tilstand != Bekreftet || l.Kanal != KanalAltinn || !cmp.Equal(trukket, kanaler[KanalPrint].trukket) {
			t.Errorf("printed %v: %s by %s, taken back %v", printet, l.Tilstand, l.Kanal, kanaler[KanalPrint].trukket)
		}
	}
}

// A receipt of a former round confirms, and takes back what the same channel has
// in hand anew: the receiver must not get it again under another id.
func TestKvitteringFraTidligereRunde(t *testing.T) {
	t.Parallel()
	h, id, kanaler := posthus(t, stegAltinn)
	forste, _ := h.hent(t, id)
	h.fram(t, forste.Frist.Sub(h.Klokke.Now()))
	pause, _ := h.hent(t, id)
	h.fram(t, pause.Frist.Sub(h.Klokke.Now()))
	andre, _ := h.hent(t, id)
	if andre.Tilstand != Sendt || andre.LeveranseID == forste.LeveranseID {
		t.Fatalf("not sent anew: %+v", andre)
	}
	kanaler[KanalAltinn].trukket = nil
	for range 2 {
		if !h.bekreft(t, KanalAltinn, forste.LeveranseID) {
			t.Fatal("the receipt was not taken")
		}
	}
	l, _ := h.hent(t, id)
	if l.Tilstand != Bekreftet || l.LeveranseID != forste.LeveranseID || !cmp.Equal(kanaler[KanalAltinn].trukket, []string{andre.LeveranseID}) {
		t.Fatalf("%s as %s, taken back %v; want %s back", l.Tilstand, l.LeveranseID, kanaler[KanalAltinn].trukket, andre.LeveranseID)
	}
}

func TestUtenGarantiErSlutt(t *testing.T) {
	t.Parallel()
	siste := stegAltinn
	siste.UtenGaranti = true
	h, id, _ := posthus(t, stegSvarInn, siste)
	l, _ := h.hent(t, id)
	h.feilet(t, KanalSvarInn, l.LeveranseID, IkkeSendt)
	h.kjor(t)
	l, _ = h.hent(t, id)
	h.fram(t, l.Frist.Sub(h.Klokke.Now()))
	slutt, hist := h.hent(t, id)
	if !slutt.Ferdig() || slutt.Tilstand != IkkeLevert || slutt.Alarm || !slutt.Frist.IsZero() {
		t.Fatalf("at the end: %+v, history %v", slutt, tilstander(hist))
	}
	if post, err := h.Epost.Alle(t.Context()); err != nil || len(post) != 0 {
		t.Fatalf("%d e-mails (%v) about what has no guarantee", len(post), err)
	}
	if !h.bekreft(t, KanalAltinn, l.LeveranseID) {
		t.Fatal("read after the end: not taken")
	}
	if l, _ := h.hent(t, id); l.Tilstand != Bekreftet {
		t.Fatalf("read after the end: %s", l.Tilstand)
	}
}

// A channel that is down is tried for as long as it takes; people hear after a day.
func TestUtholdende(t *testing.T) {
	t.Parallel()
	h, id, kanaler := posthus(t, stegAltinn, stegPrint)
	l, _ := h.hent(t, id)
	kanaler[KanalPrint].feil = errors.New("connection refused")
	h.fram(t, l.Frist.Sub(h.Klokke.Now()))
	h.fram(t, 23*time.Hour)
	if l, _ := h.hent(t, id); l.Alarm || l.Oppbrukt() || !l.Frist.After(h.Klokke.Now()) {
		t.Fatalf("before a day: %+v", l)
	}
	h.fram(t, 48*time.Hour)
	l, _ = h.hent(t, id)
	if !l.Frist.After(h.Klokke.Now()) {
		t.Errorf("its deadline %v is over, and it is still tried", l.Frist)
	}
	if !l.Alarm || l.Oppbrukt() || l.Tilstand != TTLTidsavbrudd {
		t.Fatalf("after two days more: %+v", l)
	}
	if post, err := h.Epost.Alle(t.Context()); err != nil || len(post) != 1 {
		t.Fatalf("%d e-mails (%v), want one", len(post), err)
	}
	kanaler[KanalPrint].feil = nil
	h.fram(t, 2*time.Hour)
	if l, _ := h.hent(t, id); l.Tilstand != Sendt || l.Kanal != KanalPrint || l.Alarm {
		t.Fatalf("when the channel is back: %+v", l)
	}
}

// Who was told that a channel is down is told as well when it was the last one.
func TestHefteOgSaaSlutt(t *testing.T) {
	t.Parallel()
	h, id, kanaler := posthus(t, stegAltinn, stegPrint)
	l, _ := h.hent(t, id)
	kanaler[KanalPrint].feil = errors.New("connection refused")
	h.fram(t, l.Frist.Sub(h.Klokke.Now())+48*time.Hour)
	kanaler[KanalPrint].feil = ErrIkkeMulig
	h.fram(t, 2*time.Hour)
	l, _ = h.hent(t, id)
	if !l.Alarm || !l.Oppbrukt() && l.Runde == 1 {
		t.Fatalf("after the refusal: %+v", l)
	}
	post, err := h.Epost.Alle(t.Context())
	if err != nil || len(post) != 2 || !strings.Contains(post[1].Subject, "ikke levert") {
		t.Fatalf("e-mails %+v (%v), want one of the channel and one of the end", post, err)
	}
}

func TestSlaaAlarm(t *testing.T) {
	t.Parallel()
	h, id, _ := posthus(t, stegPrint)
	l, _ := h.hent(t, id)
	for range 2 {
		h.skriv(t, func(tx *store.Tx) error {
			ok, err := h.s.SlaaAlarm(t.Context(), tx, KanalPrint, l.LeveranseID, "avvist av trykkeriet")
			if !ok {
				t.Error("the alarm was not raised")
			}
			return err
		})
	}
	h.kjor(t)
	l, hist := h.hent(t, id)
	post, err := h.Epost.Alle(t.Context())
	if err != nil || len(post) != 1 || !l.Alarm || l.Tilstand != Sendt || hist[len(hist)-1].Grunn != "avvist av trykkeriet" {
		t.Fatalf("%+v, %d e-mails (%v), history %+v", l, len(post), err, hist)
	}
}

func TestStoppTrekkerTilbake(t *testing.T) {
	t.Parallel()
	h, id, kanaler := posthus(t, stegSvarInn, stegPrint)
	l, _ := h.hent(t, id)
	if err := h.s.Stopp(t.Context(), id, "Kari", "levert for hånd"); err != nil {
		t.Fatal(err)
	}
	if want := []string{l.LeveranseID}; !cmp.Equal(want, kanaler[KanalSvarInn].trukket) {
		t.Fatalf("taken back %v, want %v", kanaler[KanalSvarInn].trukket, want)
	}
	h.skriv(t, func(tx *store.Tx) error {
		if ok, err := h.s.BekreftUtenom(t.Context(), tx, id, "lest"); ok || err != nil {
			t.Errorf("confirmed after a person had stopped it: %v %v", ok, err)
		}
		return nil
	})
}

func TestBekreftUtenom(t *testing.T) {
	t.Parallel()
	h, id, kanaler := posthus(t, stegSvarInn, stegPrint)
	h.skriv(t, func(tx *store.Tx) error {
		if ok, err := h.s.BekreftUtenom(t.Context(), tx, id, "merket som lest"); !ok || err != nil {
			t.Errorf("%v %v", ok, err)
		}
		_, err := h.s.BekreftUtenom(t.Context(), tx, uuid.NewString(), "lest")
		if !feil.Er(err, feil.IkkeFunnet) {
			t.Errorf("an unknown levering: %v", err)
		}
		return nil
	})
	l, _ := h.hent(t, id)
	if l.Tilstand != Bekreftet || l.Kanal != KanalUtenom || len(kanaler[KanalSvarInn].trukket) != 1 {
		t.Fatalf("%+v, taken back %v", l, kanaler[KanalSvarInn].trukket)
	}
}

// A channel can ask for time: it is asked again after just that.
func TestVent(t *testing.T) {
	t.Parallel()
	h, id, kanaler := posthus(t, stegAltinn, stegPrint)
	_ = id
	ny := uuid.NewString()
	kanaler[KanalAltinn].feil = Vent(3*time.Minute, "venter på Altinn")
	sett := len(kanaler[KanalAltinn].sett)
	h.skriv(t, func(tx *store.Tx) error {
		return h.s.Opprett(t.Context(), tx, Ny{ID: ny, Kilde: "test", KildeID: ny, FiksOrgID: uuid.NewString(), Plan: []Steg{stegAltinn}})
	})
	h.kjor(t)
	l, _ := h.hent(t, ny)
	if l.NesteSteg != "venter på Altinn" || !l.Frist.Equal(h.Klokke.Now().Add(3*time.Minute)) {
		t.Fatalf("while it waits: %+v", l)
	}
	kanaler[KanalAltinn].feil = nil
	h.fram(t, 3*time.Minute)
	if l, _ := h.hent(t, ny); l.Tilstand != Sendt || len(kanaler[KanalAltinn].sett) != sett+1 {
		t.Fatalf("after the wait: %+v", l)
	}
}

// avslagskilde is a source that keeps what receivers write.
type avslagskilde struct {
	kilde
	hort []string
}

func (k *avslagskilde) Avvist(_ context.Context, _ *store.Tx, l Levering, begrunnelse string) error {
	k.hort = append(k.hort, l.LeveranseID+" "+string(l.Tilstand)+" "+begrunnelse)
	return nil
}

// What a receiver wrote goes to the source once, with the levering as it was;
// the engine keeps its own sentence only, and the plan goes on. A refusal of what
// has moved on is heard by nobody, and a source that does not listen is no fault.
func TestAvvistGirBegrunnelsenTilKilden(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, true)
	k := &avslagskilde{}
	h.s.RegistrerKilde("test", k)
	id := h.opprett(t)
	h.kjor(t)
	forste := h.fiks.sett[0]
	avvis := func() (ok bool) {
		h.skriv(t, func(tx *store.Tx) (err error) {
			ok, err = h.s.Avvist(t.Context(), tx, KanalFiksIO, forste, "avvist", "hemmelig")
			return err
		})
		return ok
	}
	if !avvis() || avvis() {
		t.Error("a refusal counts once")
	}
	h.kjor(t)
	if avvis() {
		t.Error("a refusal counts after another channel has taken over")
	}
	if d := cmp.Diff([]string{forste + " SENDT hemmelig"}, k.hort); d != "" {
		t.Error(d)
	}
	l, historie := h.hent(t, id)
	if l.Kanal != KanalSvarUt || l.Tilstand != Sendt || historie[2].Tilstand != IkkeSendt || historie[2].Grunn != "avvist" {
		t.Errorf("%+v %+v", l, historie)
	}

	h.s.RegistrerKilde("test", h.kilde)
	annen := h.opprett(t)
	h.kjor(t)
	h.skriv(t, func(tx *store.Tx) error {
		ok, err := h.s.Avvist(t.Context(), tx, KanalFiksIO, h.fiks.sett[1], "avvist", "hemmelig")
		if !ok {
			t.Error("not recorded")
		}
		return err
	})
	if l, _ := h.hent(t, annen); l.Tilstand != IkkeSendt {
		t.Errorf("%+v", l)
	}
}

// What a person closes where a channel has it in hand is closed for good.
func TestLukket(t *testing.T) {
	t.Parallel()
	h, id, kanaler := posthus(t, stegSvarInn, stegPrint)
	l, _ := h.hent(t, id)
	for _, want := range []bool{true, false} { // once
		h.skriv(t, func(tx *store.Tx) error {
			ok, err := h.s.Lukket(t.Context(), tx, KanalSvarInn, l.LeveranseID, "lukket for hånd")
			if ok != want {
				t.Errorf("%v, want %v", ok, want)
			}
			return err
		})
	}
	h.fram(t, 1000*time.Hour)
	l, hist := h.hent(t, id)
	if l.Tilstand != Stoppet || l.Alarm || len(hist) != 3 || len(kanaler[KanalPrint].sett) != 0 {
		t.Fatalf("%+v, history %+v", l, hist)
	}
}
