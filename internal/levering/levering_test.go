package levering

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/jobs"
	"knutepunkt/internal/store"
)

// kilde is a source whose answers the test chooses.
type kilde struct {
	forsendelse func(l Levering, kanal string) (Forsendelse, error)
	sett        []Tilstand // what Endret was told, in order
	endret      error      // what Endret answers
}

func (k *kilde) Forsendelse(_ context.Context, l Levering, kanal string) (Forsendelse, error) {
	if k.forsendelse == nil {
		return Forsendelse{}, nil
	}
	return k.forsendelse(l, kanal)
}

func (k *kilde) Endret(_ context.Context, _ *store.Tx, l Levering) error {
	k.sett = append(k.sett, l.Tilstand)
	return k.endret
}

func (k *kilde) Kontakter(context.Context, Levering) ([]string, error) {
	return []string{"teknisk@kommune.example"}, nil
}

// kanal is a channel that hands over at once, or fails as told.
type kanal struct {
	navn string
	db   *store.DB
	feil error
	sett []string // the leveranse-ids that were handed over
}

func (k *kanal) Navn() string { return k.navn }

func (k *kanal) Send(ctx context.Context, l Levering, _ Forsendelse, sendt func(*store.Tx) error) error {
	if k.feil != nil {
		return k.feil
	}
	return k.db.Write(ctx, func(tx *store.Tx) error {
		k.sett = append(k.sett, l.LeveranseID)
		return sendt(tx)
	})
}

type hus struct {
	*grunntest.Grunn
	s     *Service
	kilde *kilde
	fiks  *kanal
	svar  *kanal // nil: not set up
}

func nyttHus(t *testing.T, medSvarUt bool) *hus {
	t.Helper()
	g := grunntest.Ny(t, Migrations())
	h := &hus{Grunn: g, kilde: &kilde{}, fiks: &kanal{navn: KanalFiksIO, db: g.DB}}
	h.s = NewService(g.DB, g.Klokke, g.Jobs, g.Mail, slog.New(slog.NewTextHandler(t.Output(), nil)), Config{})
	h.s.RegistrerKilde("test", h.kilde)
	h.s.RegistrerKanal(h.fiks)
	if medSvarUt {
		h.svar = &kanal{navn: KanalSvarUt, db: g.DB}
		h.s.RegistrerKanal(h.svar)
	}
	return h
}

func (h *hus) skriv(t *testing.T, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := h.DB.Write(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func (h *hus) opprett(t *testing.T) string {
	t.Helper()
	id := uuid.NewString()
	h.skriv(t, func(tx *store.Tx) error {
		return h.s.Opprett(t.Context(), tx, Ny{ID: id, Kilde: "test", KildeID: id, FiksOrgID: uuid.NewString(),
			Plan: []Steg{{Kanal: KanalFiksIO, Frist: 24 * time.Hour}, {Kanal: KanalSvarUt, Frist: 48 * time.Hour}}})
	})
	return id
}

// kjor does all that is due now.
func (h *hus) kjor(t *testing.T) {
	t.Helper()
	if err := h.Jobs.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// fram moves the clock, letting everything fire at its time.
func (h *hus) fram(t *testing.T, d time.Duration) {
	t.Helper()
	if err := h.Jobs.AdvanceTo(t.Context(), h.Klokke.Now().Add(d), h.Klokke.Sett); err != nil {
		t.Fatal(err)
	}
}

func (h *hus) hent(t *testing.T, id string) (Levering, []Historie) {
	t.Helper()
	l, hist, err := h.s.Hent(t.Context(), h.DB.Read(), id)
	if err != nil {
		t.Fatal(err)
	}
	if !l.Ferdig() && (l.FiksOrgID == "" || l.Frist.IsZero() || l.NesteSteg == "") {
		t.Errorf("levering in %s has owner %q, deadline %v and next step %q: each must be set until the end",
			l.Tilstand, l.FiksOrgID, l.Frist, l.NesteSteg)
	}
	return l, hist
}

func tilstander(h []Historie) []Tilstand {
	var ut []Tilstand
	for _, e := range h {
		ut = append(ut, e.Tilstand)
	}
	return ut
}

func (h *hus) bekreft(t *testing.T, kanal, id string) (ok bool) {
	t.Helper()
	h.skriv(t, func(tx *store.Tx) (err error) {
		ok, err = h.s.Bekreft(t.Context(), tx, kanal, id)
		return err
	})
	return ok
}

func (h *hus) feilet(t *testing.T, kanal, id string, tilstand Tilstand) (ok bool) {
	t.Helper()
	h.skriv(t, func(tx *store.Tx) (err error) {
		ok, err = h.s.Feilet(t.Context(), tx, kanal, id, tilstand, "fordi")
		return err
	})
	return ok
}

func TestBekreftet(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, false)
	id := h.opprett(t)
	h.kjor(t)
	l, _ := h.hent(t, id)
	if l.Tilstand != Sendt || l.Kanal != KanalFiksIO || !l.Frist.Equal(h.Klokke.Now().Add(24*time.Hour+10*time.Minute)) {
		t.Fatalf("after sending: %+v", l)
	}
	if got := []string{l.LeveranseID}; !cmp.Equal(got, h.fiks.sett) {
		t.Fatalf("handed over %v, stored %v: the id must be chosen before sending", h.fiks.sett, got)
	}
	for range 2 { // a receipt twice changes nothing more
		if !h.bekreft(t, KanalFiksIO, l.LeveranseID) {
			t.Fatal("the receipt was not taken")
		}
	}
	l, hist := h.hent(t, id)
	if want := []Tilstand{IkkeSendt, Sendt, Bekreftet}; !cmp.Equal(want, tilstander(hist)) || l.Tilstand != Bekreftet {
		t.Fatalf("history %v", tilstander(hist))
	}
	if want := []Tilstand{Sendt, Bekreftet}; !cmp.Equal(want, h.kilde.sett) {
		t.Fatalf("the source heard of %v", h.kilde.sett)
	}
	h.fram(t, 100*time.Hour)
	if l, _ := h.hent(t, id); l.Tilstand != Bekreftet {
		t.Fatalf("a confirmed levering moved to %s", l.Tilstand)
	}
}

func TestFeilGarVidereIPlanen(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		navn string
		tils Tilstand
		feil func(t *testing.T, h *hus, id string)
	}{
		{"kvittering om tidsavbrudd", TTLTidsavbrudd, func(t *testing.T, h *hus, id string) { h.feilet(t, KanalFiksIO, id, TTLTidsavbrudd) }},
		{"tre mislykkede leveringer", MaxRetriesavbrudd, func(t *testing.T, h *hus, id string) { h.feilet(t, KanalFiksIO, id, MaxRetriesavbrudd) }},
		{"avvist av mottaker", IkkeSendt, func(t *testing.T, h *hus, id string) { h.feilet(t, KanalFiksIO, id, IkkeSendt) }},
		{"egen frist", TTLTidsavbrudd, func(t *testing.T, h *hus, _ string) { h.fram(t, 24*time.Hour+10*time.Minute) }},
	} {
		t.Run(tt.navn, func(t *testing.T) {
			t.Parallel()
			h := nyttHus(t, true)
			id := h.opprett(t)
			h.kjor(t)
			forste, _ := h.hent(t, id)
			tt.feil(t, h, forste.LeveranseID)
			h.kjor(t)
			l, hist := h.hent(t, id)
			if want := []Tilstand{IkkeSendt, Sendt, tt.tils, Sendt}; !cmp.Equal(want, tilstander(hist)) {
				t.Fatalf("history %v, want %v", tilstander(hist), want)
			}
			if l.Kanal != KanalSvarUt || l.LeveranseID == forste.LeveranseID {
				t.Fatalf("went on by %s under %s", l.Kanal, l.LeveranseID)
			}
			// The old channel's receipt comes late: noted, and nothing moves.
			if h.bekreft(t, KanalFiksIO, forste.LeveranseID) || h.feilet(t, KanalFiksIO, forste.LeveranseID, TTLTidsavbrudd) {
				t.Fatal("a late receipt was taken")
			}
			etter, _ := h.hent(t, id)
			if etter.Tilstand != Sendt || etter.Kanal != KanalSvarUt {
				t.Fatalf("a late receipt moved the levering to %s by %s", etter.Tilstand, etter.Kanal)
			}
			if !h.bekreft(t, KanalSvarUt, l.LeveranseID) {
				t.Fatal("the receipt of the second channel was not taken")
			}
		})
	}
}

func TestIngenKanalIgjen(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, false) // SvarUt is in the plan but not set up
	id := h.opprett(t)
	h.kjor(t)
	l, _ := h.hent(t, id)
	h.feilet(t, KanalFiksIO, l.LeveranseID, MaxRetriesavbrudd)
	h.kjor(t)
	l, _ = h.hent(t, id)
	if !l.Alarm || !l.Oppbrukt() || l.Ferdig() {
		t.Fatalf("exhausted levering: %+v", l)
	}
	alarmer, err := h.s.Alarmer(t.Context(), 10)
	if err != nil || len(alarmer) != 1 || alarmer[0].ID != id {
		t.Fatalf("Alarmer: %v %v", alarmer, err)
	}
	post, err := h.Epost.Alle(t.Context())
	if err != nil || len(post) != 1 {
		t.Fatalf("%d e-mails (%v), want the one alarm", len(post), err)
	}
	if !strings.Contains(post[0].Text, id) {
		t.Errorf("the alarm does not name the levering: %q", post[0].Text)
	}
	// It is tried again by itself, and people are not told twice.
	h.fram(t, time.Hour)
	l, _ = h.hent(t, id)
	if l.Tilstand != Sendt || l.Runde != 2 || len(h.fiks.sett) != 2 || h.fiks.sett[0] == h.fiks.sett[1] {
		t.Fatalf("after the pause: %+v, handed over %v", l, h.fiks.sett)
	}
	if !l.Alarm {
		t.Error("the alarm was taken back before delivery")
	}
	if post, _ := h.Epost.Alle(t.Context()); len(post) != 1 {
		t.Errorf("%d e-mails, want still one", len(post))
	}
	h.bekreft(t, KanalFiksIO, l.LeveranseID)
	if l, _ = h.hent(t, id); l.Alarm || l.Tilstand != Bekreftet {
		t.Fatalf("after the receipt: %+v", l)
	}
}

// A receipt that comes after the channel was given up, when no other channel has
// taken over, still proves that the receiver has it.
func TestSenKvitteringUtenAnnenKanal(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, false)
	id := h.opprett(t)
	h.kjor(t)
	forste, _ := h.hent(t, id)
	h.fram(t, 25*time.Hour)
	if l, _ := h.hent(t, id); !l.Alarm {
		t.Fatalf("not exhausted: %+v", l)
	}
	if !h.bekreft(t, KanalFiksIO, forste.LeveranseID) {
		t.Fatal("the late receipt was not taken")
	}
	if l, _ := h.hent(t, id); l.Tilstand != Bekreftet || l.LeveranseID != forste.LeveranseID {
		t.Fatalf("after the late receipt: %+v", l)
	}
}

func TestKanalSomFeiler(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, true)
	h.fiks.feil = errors.New("broker away")
	id := h.opprett(t)
	h.fram(t, 30*time.Second) // eight attempts take a minute at the least
	if l, _ := h.hent(t, id); l.Tilstand != IkkeSendt || l.Steg != 0 {
		t.Fatalf("gave the channel up too early: %+v", l)
	}
	h.fram(t, time.Hour)
	l, hist := h.hent(t, id)
	if want := []Tilstand{IkkeSendt, MaxRetriesavbrudd, Sendt}; !cmp.Equal(want, tilstander(hist)) || l.Kanal != KanalSvarUt {
		t.Fatalf("history %v", tilstander(hist))
	}
	for _, e := range hist {
		if strings.Contains(e.Grunn, "broker away") {
			t.Errorf("an internal error text is in the history: %q", e.Grunn)
		}
	}
}

func TestVenterOgDyttes(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, true)
	klar := false
	h.kilde.forsendelse = func(Levering, string) (Forsendelse, error) {
		if !klar {
			return Forsendelse{}, fmt.Errorf("på søknaden: %w", ErrVent)
		}
		return Forsendelse{}, nil
	}
	id := h.opprett(t)
	h.kjor(t)
	h.fram(t, 30*time.Hour)
	l, hist := h.hent(t, id)
	if l.Tilstand != IkkeSendt || len(hist) != 1 {
		t.Fatalf("a waiting levering moved: %v", tilstander(hist))
	}
	klar = true
	h.skriv(t, func(tx *store.Tx) error { return h.s.Dytt(t.Context(), tx, id) })
	h.kjor(t)
	if l, _ = h.hent(t, id); l.Tilstand != Sendt {
		t.Fatalf("after Dytt: %s", l.Tilstand)
	}
}

func TestUmuligKanalHoppesOver(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, true)
	h.kilde.forsendelse = func(_ Levering, kanal string) (Forsendelse, error) {
		if kanal == KanalFiksIO {
			return Forsendelse{}, fmt.Errorf("kontoen mangler sertifikat: %w", ErrIkkeMulig)
		}
		return Forsendelse{}, nil
	}
	id := h.opprett(t)
	h.kjor(t)
	if l, _ := h.hent(t, id); l.Tilstand != Sendt || l.Kanal != KanalSvarUt {
		t.Fatalf("%+v", l)
	}
}

func TestProvIgjenOgStopp(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, false)
	ctx := t.Context()
	id := h.opprett(t)
	h.kjor(t)
	if err := h.s.ProvIgjen(ctx, id, "Kari"); !feil.Er(err, feil.Konflikt) {
		t.Fatalf("retry while a receipt is awaited: %v", err)
	}
	h.fram(t, 25*time.Hour)
	if err := h.s.ProvIgjen(ctx, id, "Kari"); err != nil {
		t.Fatal(err)
	}
	h.kjor(t)
	if l, _ := h.hent(t, id); l.Tilstand != Sendt || l.Runde != 2 {
		t.Fatalf("after the retry: %+v", l)
	}
	if err := h.s.Stopp(ctx, id, "Kari", ""); !feil.Er(err, feil.Ugyldig) {
		t.Fatalf("stopped without a reason: %v", err)
	}
	if err := h.s.Stopp(ctx, id, "Kari", "levert på papir"); err != nil {
		t.Fatal(err)
	}
	l, hist := h.hent(t, id)
	if siste := hist[len(hist)-1]; l.Tilstand != Stoppet || !strings.Contains(siste.Grunn, "Kari") || !strings.Contains(siste.Grunn, "papir") {
		t.Fatalf("%+v %+v", l, siste)
	}
	h.fram(t, 1000*time.Hour)
	if l, _ := h.hent(t, id); l.Tilstand != Stoppet {
		t.Fatalf("a closed levering moved to %s", l.Tilstand)
	}
	for _, err := range []error{h.s.Stopp(ctx, id, "Kari", "igjen"), h.s.ProvIgjen(ctx, id, "Kari")} {
		if !feil.Er(err, feil.Konflikt) {
			t.Errorf("after the end: %v", err)
		}
	}
}

// A source that fails in Endret takes the whole transition back with it.
func TestOvergangErEnTransaksjon(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, false)
	id := h.opprett(t)
	h.kjor(t)
	l, _ := h.hent(t, id)
	h.kilde.endret = errors.New("disk full")
	err := h.DB.Write(t.Context(), func(tx *store.Tx) error {
		_, err := h.s.Bekreft(t.Context(), tx, KanalFiksIO, l.LeveranseID)
		return err
	})
	if err == nil {
		t.Fatal("the failure was swallowed")
	}
	if etter, hist := h.hent(t, id); etter.Tilstand != Sendt || len(hist) != 2 {
		t.Fatalf("half a transition is left: %s %v", etter.Tilstand, tilstander(hist))
	}
}

// What is waited for can come while the source is being asked: the push that
// tells of it is not lost.
func TestDyttMensDetSporres(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, false)
	spurt := 0
	h.kilde.forsendelse = func(l Levering, _ string) (Forsendelse, error) {
		if spurt++; spurt > 1 {
			return Forsendelse{}, nil
		}
		h.skriv(t, func(tx *store.Tx) error { return h.s.Dytt(t.Context(), tx, l.ID) })
		return Forsendelse{}, fmt.Errorf("søknaden er ikke sendt: %w", ErrVent)
	}
	id := h.opprett(t)
	h.kjor(t)
	if l, _ := h.hent(t, id); l.Tilstand != Sendt {
		t.Errorf("%s after %d questions, next at %s", l.Tilstand, spurt, l.Frist)
	}
}

// stille is a channel that hands over when it is let to.
type stille struct {
	kanal
	begynt, slipp chan struct{}
}

func (k *stille) Send(ctx context.Context, l Levering, f Forsendelse, sendt func(*store.Tx) error) error {
	k.begynt <- struct{}{}
	select {
	case <-k.slipp:
	case <-ctx.Done():
		return ctx.Err()
	}
	return k.kanal.Send(ctx, l, f, sendt)
}

// melder tells of each transition.
type melder struct {
	kilde
	endret chan Levering
}

func (m *melder) Endret(_ context.Context, tx *store.Tx, l Levering) error {
	tx.OnCommit(func() { m.endret <- l })
	return nil
}

// Deadlines do not wait for large forsendelser that are being packed.
func TestFristVenterIkkePaaSending(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, false)
	k := &stille{kanal: kanal{navn: KanalFiksIO, db: h.DB}, begynt: make(chan struct{}, 9), slipp: make(chan struct{}, 9)}
	m := &melder{endret: make(chan Levering, 99)}
	h.s.RegistrerKanal(k)
	h.s.RegistrerKilde("test", m)
	if err := h.Jobs.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		close(k.slipp)
		if err := h.Jobs.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	til := func(id string, tilstand Tilstand) {
		t.Helper()
		for {
			select {
			case l := <-m.endret:
				if l.ID == id && l.Tilstand == tilstand {
					return
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("%s was not reached", tilstand)
			}
		}
	}
	venter := h.opprett(t)
	k.slipp <- struct{}{}
	til(venter, Sendt)
	<-k.begynt
	for range 2 {
		h.opprett(t)
		<-k.begynt
	}
	h.Klokke.Sett(h.Klokke.Now().Add(25 * time.Hour))
	// The engine looks at a clock that was moved when it is woken.
	h.Jobs.Wake(plikt)
	til(venter, TTLTidsavbrudd)
}

// Under pressure a hand-over lets requests go first, but not for ever.
func TestSlipperAndreFram(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		navn      string
		alder     time.Duration
		trykk     int // looks at which others wait
		vilSporre int
	}{
		{"til trykket er over", 0, 3, 4},
		{"men ikke lenger enn grensen", slippTid - 3*slippBlik, 1 << 30, 3},
		{"og ikke etter den", slippTid, 1 << 30, 0},
	} {
		t.Run(tt.navn, func(t *testing.T) {
			t.Parallel()
			h := nyttHus(t, false)
			spurt := 0
			h.s.cfg.Opptatt = func() bool { spurt++; return spurt <= tt.trykk }
			id := h.opprett(t)
			h.Klokke.Sett(h.Klokke.Now().Add(tt.alder))
			h.kjor(t)
			if l, _ := h.hent(t, id); l.Tilstand != Sendt {
				t.Fatalf("not sent: %s", l.Tilstand)
			}
			if spurt != tt.vilSporre {
				t.Errorf("looked %d times whether others wait, want %d", spurt, tt.vilSporre)
			}
		})
	}
}

// A channel whose other end hangs holds up its own, and no other.
func TestKanalSomHengerStopperIkkeAndre(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, false)
	m := &melder{endret: make(chan Levering, 99)}
	h.s.RegistrerKilde("test", m)
	var kanaler []*stille
	for _, navn := range []string{KanalAltinn, KanalPrint} {
		k := &stille{kanal: kanal{navn: navn, db: h.DB}, begynt: make(chan struct{}, 9), slipp: make(chan struct{})}
		h.s.RegistrerKanal(k)
		kanaler = append(kanaler, k)
	}
	if err := h.Jobs.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, k := range kanaler {
			close(k.slipp)
		}
		if err := h.Jobs.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	for _, k := range kanaler {
		for range 9 {
			id := uuid.NewString()
			h.skriv(t, func(tx *store.Tx) error {
				return h.s.Opprett(t.Context(), tx, Ny{ID: id, Kilde: "test", KildeID: id, FiksOrgID: uuid.NewString(), Plan: []Steg{{Kanal: k.navn, Frist: time.Hour}}})
			})
		}
		select {
		case <-k.begynt:
		case <-time.After(20 * time.Second):
			t.Fatalf("%s was never tried: it waits for another channel", k.navn)
		}
	}
	id := h.opprett(t)
	select {
	case l := <-m.endret:
		if l.ID != id || l.Tilstand != Sendt {
			t.Fatalf("%s by %s", l.Tilstand, l.Kanal)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("nothing is sent while other channels hang")
	}
}

// What was enqueued for another step, or by an older version, goes where it belongs.
func TestJobbAvAnnetSlag(t *testing.T) {
	t.Parallel()
	h, id, kanaler := posthus(t, stegPrint)
	l, _ := h.hent(t, id)
	h.feilet(t, KanalPrint, l.LeveranseID, IkkeSendt)
	kanaler[KanalPrint].sett = nil
	if err := h.s.ProvIgjen(t.Context(), id, "Kari"); err != nil {
		t.Fatal(err)
	}
	h.skriv(t, func(tx *store.Tx) error {
		if err := h.Jobs.Cancel(t.Context(), tx, slag(Levering{Plan: []Steg{stegPrint}}), id); err != nil {
			return err
		}
		return h.Jobs.Enqueue(t.Context(), tx, jobs.Spec{Kind: jobbKind, Key: id, Arg: id})
	})
	h.kjor(t)
	if l, _ := h.hent(t, id); l.Tilstand != Sendt || len(kanaler[KanalPrint].sett) != 1 {
		t.Fatalf("%s, handed over %d times", l.Tilstand, len(kanaler[KanalPrint].sett))
	}
}

// sidekilde is a source that hears also of what makes no transition.
type sidekilde struct {
	*kilde
	sent, avslag []string
}

func (k *sidekilde) SenKvittering(_ context.Context, _ *store.Tx, _ Levering, kanal, leveranseID string) error {
	k.sent = append(k.sent, kanal+" "+leveranseID)
	return nil
}

func (k *sidekilde) Avslatt(_ context.Context, _ *store.Tx, _ Levering, grunn string) error {
	k.avslag = append(k.avslag, grunn)
	return nil
}

// A source that wants to, hears of late receipts, and of refusals that a channel
// keeps; neither moves the levering.
func TestSidelytter(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, true)
	k := &sidekilde{kilde: h.kilde}
	h.s.RegistrerKilde("test", k)
	id := h.opprett(t)
	h.kjor(t)
	forste, _ := h.hent(t, id)
	h.fram(t, 25*time.Hour) // the plan has gone on
	andre, _ := h.hent(t, id)
	h.skriv(t, func(tx *store.Tx) error {
		if ok, err := h.s.Bekreft(t.Context(), tx, KanalFiksIO, forste.LeveranseID); ok || err != nil {
			t.Errorf("a late receipt counts: %v %v", ok, err)
		}
		if ok, err := h.s.Avslatt(t.Context(), tx, KanalFiksIO, forste.LeveranseID, "gammelt"); ok || err != nil {
			t.Errorf("a channel that has nothing was refused: %v %v", ok, err)
		}
		for range 2 {
			if ok, err := h.s.Avslatt(t.Context(), tx, KanalSvarUt, andre.LeveranseID, "avslått der"); !ok || err != nil {
				t.Errorf("the refusal is not known: %v %v", ok, err)
			}
		}
		return nil
	})
	naa, _ := h.hent(t, id)
	if !naa.Alarm || naa.Tilstand != Sendt || naa.Kanal != KanalSvarUt {
		t.Errorf("levering %+v", naa)
	}
	if d := cmp.Diff([]string{KanalFiksIO + " " + forste.LeveranseID}, k.sent) + cmp.Diff([]string{"avslått der", "avslått der"}, k.avslag); d != "" {
		t.Error(d)
	}
}

// A step can wait in working days, and be left when a person says so; what is
// confirmed can be delivered once more.
func TestVirkedagerVidereOgPaaNytt(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, true)
	id := uuid.NewString()
	ny := Ny{ID: id, Kilde: "test", KildeID: id, FiksOrgID: uuid.NewString(),
		Plan: []Steg{{Kanal: KanalFiksIO, Virkedager: 2}, {Kanal: KanalSvarUt, Frist: time.Hour}}}
	h.skriv(t, func(tx *store.Tx) error { return h.s.Opprett(t.Context(), tx, ny) })
	h.kjor(t)
	l, _ := h.hent(t, id)
	if want := h.Klokke.Now().Add(48 * time.Hour); !l.Frist.Equal(want) { // Wednesday to Friday
		t.Errorf("deadline %s, want %s", l.Frist, want)
	}
	videre := func() (ok bool) {
		h.skriv(t, func(tx *store.Tx) (err error) {
			ok, err = h.s.GaVidere(t.Context(), tx, id, "noen ba om det")
			return err
		})
		h.kjor(t)
		return ok
	}
	if !videre() {
		t.Error("not left")
	}
	l, hist := h.hent(t, id)
	if l.Kanal != KanalSvarUt || l.Tilstand != Sendt || hist[2].Grunn != "noen ba om det" {
		t.Errorf("levering %+v, history %v", l, hist)
	}
	if videre() {
		t.Error("left the last channel")
	}
	paaNytt := func() error {
		return h.DB.Write(t.Context(), func(tx *store.Tx) error { return h.s.LeverPaaNytt(t.Context(), tx, id, "noen") })
	}
	if err := paaNytt(); !feil.Er(err, feil.Konflikt) {
		t.Errorf("delivered anew what is on its way: %v", err)
	}
	h.skriv(t, func(tx *store.Tx) error {
		_, err := h.s.Bekreft(t.Context(), tx, KanalSvarUt, l.LeveranseID)
		return err
	})
	if err := paaNytt(); err != nil {
		t.Fatal(err)
	}
	h.kjor(t)
	igjen, _ := h.hent(t, id)
	if igjen.Kanal != KanalFiksIO || igjen.Tilstand != Sendt || igjen.Runde != 2 || igjen.LeveranseID == l.LeveranseID {
		t.Errorf("levering %+v", igjen)
	}
	// The receipt of before, once more, is none of this one; and that counts.
	for _, c := range []struct {
		kanal, id string
		want      bool
	}{{KanalSvarUt, l.LeveranseID, false}, {KanalFiksIO, igjen.LeveranseID, true}, {KanalSvarUt, l.LeveranseID, false}} {
		h.skriv(t, func(tx *store.Tx) error {
			ok, err := h.s.Bekreft(t.Context(), tx, c.kanal, c.id)
			if ok != c.want {
				t.Errorf("%s %s: %t", c.kanal, c.id, ok)
			}
			return err
		})
	}
	if naa, _ := h.hent(t, id); naa.Tilstand != Bekreftet || naa.Kanal != KanalFiksIO || naa.LeveranseID != igjen.LeveranseID {
		t.Errorf("levering %+v", naa)
	}
}
