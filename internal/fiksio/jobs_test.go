package fiksio

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	client "github.com/rabbitmq/amqp091-go"

	"knutepunkt/internal/fiksio/amqp"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

// typer are the types of what waits in a queue.
func (h *hus) typer(t testing.TB, k Konto) []string {
	t.Helper()
	ut := []string{}
	for _, m := range h.ko(t, k) {
		ut = append(ut, m.Type)
	}
	return ut
}

func TestTidsavbruddErPunktligOgKommerEnGang(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	fra, til := h.konto(t), h.konto(t, func(k *Konto) { k.Navn = "Voss herad" })
	h.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID, Type: "blir.staende"}, nil)
	m := h.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID, TTL: time.Second,
		Headere: map[string]string{"klientMeldingId": "a", "klientKorrelasjonsId": "b", "klientKorrelasjonId": "b", "annet": "c"}}, []byte("innhold"))

	h.Frem(t, 999*time.Millisecond)
	if got := h.typer(t, fra); len(got) != 0 {
		t.Fatalf("before its time: %v", got)
	}
	h.Frem(t, time.Millisecond)
	if diff := cmp.Diff([]string{"blir.staende"}, h.typer(t, til)); diff != "" {
		t.Errorf("mottaker's queue (-want +got)\n%s", diff)
	}
	svar := h.ko(t, fra)
	if len(svar) != 1 {
		t.Fatalf("%d messages to the sender, want 1", len(svar))
	}
	got := amqpMelding(Ko(fra.ID), svar[0])
	want := []amqp.Header{
		{Name: "melding-id", Value: svar[0].MeldingID}, {Name: "type", Value: "no.ks.fiks.kvittering.tidsavbrudd"},
		{Name: "avsender-id", Value: til.ID}, {Name: "avsender-navn", Value: "Voss herad"},
		{Name: "svar-til", Value: m.MeldingID}, {Name: "svar-til-type", Value: m.Type},
		{Name: "egendefinert-header.klientKorrelasjonId", Value: "b"},
		{Name: "egendefinert-header.klientKorrelasjonsId", Value: "b"},
		{Name: "egendefinert-header.klientMeldingId", Value: "a"},
	}
	if diff := cmp.Diff(want, got.Headers); diff != "" {
		t.Errorf("headers (-want +got)\n%s", diff)
	}
	if got.Size != 0 || got.Expiration != "604800000" || svar[0].MeldingID == m.MeldingID {
		t.Errorf("size %d, expiration %s, id %s", got.Size, got.Expiration, svar[0].MeldingID)
	}

	// Everything expires in the end, and nobody is told about a system message.
	h.Frem(t, 8*24*time.Hour)
	if diff := cmp.Diff([][]string{{"no.ks.fiks.kvittering.tidsavbrudd"}, {}}, [][]string{h.typer(t, fra), h.typer(t, til)}); diff != "" {
		t.Errorf("after the first message expired too (-want +got)\n%s", diff)
	}
	h.Frem(t, 30*24*time.Hour)
	if n := len(h.ko(t, fra)) + len(h.ko(t, til)); n != 0 {
		t.Errorf("%d messages left", n)
	}
	if !strings.Contains(h.logg.String(), "system message removed undelivered") {
		t.Error("the log does not tell of the expired system message")
	}
}

func TestHodeBare(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, func(d *Deps) { d.HodeBare = true })
	fra, til := h.konto(t), h.konto(t)
	forst := h.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID, TTL: time.Hour, Type: "forst"}, nil)
	h.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID, TTL: time.Second, Type: "bak"}, nil)
	h.Frem(t, time.Minute)
	if diff := cmp.Diff([]string{"forst", "bak"}, h.typer(t, til)); diff != "" {
		t.Errorf("the one behind must wait (-want +got)\n%s", diff)
	}
	if err := h.Broker(innlogging{}).Ack(t.Context(), []amqp.Ref{{Queue: Ko(til.ID), Seq: forst.Seq}}); err != nil {
		t.Fatal(err)
	}
	h.Frem(t, 0)
	if diff := cmp.Diff([][]string{{}, {TypeTidsavbrudd}}, [][]string{h.typer(t, til), h.typer(t, fra)}); diff != "" {
		t.Errorf("at the head (-want +got)\n%s", diff)
	}
}

func TestAvsenderSomErBorte(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	fra, til := h.konto(t), h.konto(t)
	h.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID, TTL: time.Second}, nil)
	if err := h.SlettKonto(t.Context(), fra.ID, ""); err != nil {
		t.Fatal(err)
	}
	h.Frem(t, time.Minute)
	if n := len(h.ko(t, til)) + len(h.ko(t, fra)); n != 0 {
		t.Errorf("%d messages left", n)
	}
	if !strings.Contains(h.logg.String(), "its sender is gone") {
		t.Error("the log does not tell")
	}
}

func TestSlettetKontoGirTidsavbruddStraks(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	fra, til := h.konto(t), h.konto(t)
	for range 3 {
		h.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID}, make([]byte, maksIRad+1))
	}
	if err := h.SlettKonto(t.Context(), til.ID, ""); err != nil {
		t.Fatal(err)
	}
	h.Frem(t, 0)
	if diff := cmp.Diff([]string{TypeTidsavbrudd, TypeTidsavbrudd, TypeTidsavbrudd}, h.typer(t, fra)); diff != "" {
		t.Error(diff)
	}
	var n int
	if err := h.Service.DB.Read().QueryRowContext(t.Context(), `SELECT (SELECT COUNT(*) FROM fiksio_kropp) + (SELECT COUNT(*) FROM blobs)`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d bodies left, %v", n, err)
	}
}

// konsument is a client of RabbitMQ's that consumes a queue.
type konsument struct {
	t  testing.TB
	c  *client.Connection
	ds <-chan client.Delivery
}

func (h *hus) konsument(t testing.TB, addr string, k Konto) *konsument {
	t.Helper()
	h.gi(t, integrasjon, "SVARINN_KONTO", k.ID)
	c, err := client.DialConfig("amqp://"+addr, client.Config{Vhost: "/",
		SASL: []client.Authentication{&client.PlainAuth{Username: integrasjon, Password: "passord token"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	ch, err := c.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if err := ch.Qos(10, 0, false); err != nil {
		t.Fatal(err)
	}
	ds, err := ch.Consume(Ko(k.ID), "", false, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &konsument{t, c, ds}
}

func (k *konsument) neste() client.Delivery {
	k.t.Helper()
	select {
	case d, ok := <-k.ds:
		if !ok {
			k.t.Fatal("the connection is closed")
		}
		return d
	case <-time.After(10 * time.Second):
		k.t.Fatal("nothing came")
	}
	return client.Delivery{}
}

// eventuelt waits until ok answers true.
func eventuelt(t testing.TB, hva string, ok func() bool) {
	t.Helper()
	for frist := time.Now().Add(10 * time.Second); !ok(); <-time.After(2 * time.Millisecond) {
		if time.Now().After(frist) {
			t.Fatal("never: ", hva)
		}
	}
}

func TestLevertMeldingUtloperIkkeForDenKommerTilbake(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	_, addr, _, _ := h.lytt(t, h.Broker(innlogging{}))
	fra, til := h.konto(t), h.konto(t)
	k := h.konsument(t, addr, til)
	h.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID, TTL: time.Second, Type: "holdt"}, []byte("x"))
	d := k.neste()
	h.Frem(t, time.Hour)
	if n := len(h.ko(t, fra)); n != 0 {
		t.Fatal("a message that a consumer holds expired")
	}
	_ = d
	k.c.Close()
	eventuelt(t, "tidsavbrudd after the connection was lost", func() bool { return len(h.ko(t, fra)) == 1 })
	if diff := cmp.Diff([][]string{{TypeTidsavbrudd}, {}}, [][]string{h.typer(t, fra), h.typer(t, til)}); diff != "" {
		t.Error(diff)
	}
}

func TestTreForsokGirServerfeil(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		navn string
		feil func(k *konsument, d client.Delivery)
	}{
		{"nack med requeue", func(_ *konsument, d client.Delivery) { _ = d.Nack(false, true) }},
		{"mistet forbindelse", func(k *konsument, _ client.Delivery) { k.c.Close() }},
	} {
		t.Run(test.navn, func(t *testing.T) {
			t.Parallel()
			h := nyttHus(t)
			_, addr, _, _ := h.lytt(t, h.Broker(innlogging{}))
			fra, til := h.konto(t), h.konto(t)
			m := h.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID, Headere: map[string]string{"klientMeldingId": "a"}}, []byte("x"))
			for i := range MaxForsok {
				k := h.konsument(t, addr, til)
				d := k.neste()
				if d.Redelivered != (i > 0) {
					t.Errorf("delivery %d: redelivered %v", i+1, d.Redelivered)
				}
				test.feil(k, d)
				k.c.Close()
				eventuelt(t, "the attempt is counted", func() bool {
					ms := h.ko(t, til)
					return len(ms) == 0 || ms[0].Forsok == i+1
				})
			}
			svar := h.ko(t, fra)
			if len(svar) != 1 || svar[0].Type != TypeServerfeil || svar[0].SvarPaMelding != m.MeldingID || svar[0].SvarTilType != m.Type ||
				svar[0].HarNyttelast || svar[0].Headere["klientMeldingId"] != "a" || len(h.ko(t, til)) != 0 {
				t.Errorf("the sender got %+v", svar)
			}
		})
	}
}

func TestNackUtenRequeueErStilleMenSynlig(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	_, addr, _, _ := h.lytt(t, h.Broker(innlogging{}))
	fra, til := h.konto(t), h.konto(t)
	k := h.konsument(t, addr, til)
	m := h.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID}, nil)
	if err := k.neste().Nack(false, false); err != nil {
		t.Fatal(err)
	}
	eventuelt(t, "removed", func() bool { return len(h.ko(t, til)) == 0 })
	h.Frem(t, 30*24*time.Hour)
	if n := len(h.ko(t, fra)); n != 0 {
		t.Errorf("the sender was told: %d", n)
	}
	if l := h.logg.String(); !strings.Contains(l, "message rejected by its receiver") || !strings.Contains(l, m.MeldingID) {
		t.Errorf("the log does not tell: %s", l)
	}
}

// One message that the listener cannot take holds up none behind it, and is tried again.
func TestInternKonsumentTarIRekkefolgeOgProverIgjen(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	fra, intern := h.konto(t), h.konto(t, func(k *Konto) { k.Intern = true })
	var sett []string
	feiler := 2
	h.Lytt(intern.ID, func(_ context.Context, tx *store.Tx, m Melding) error {
		if m.Type == "b" && feiler > 0 {
			feiler--
			return errors.New("not now")
		}
		tx.OnCommit(func() { sett = append(sett, m.Type+" "+m.Headere["nr"]) })
		return nil
	})
	for _, typ := range []string{"a", "b", "c"} {
		h.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: intern.ID, Type: typ, Headere: map[string]string{"nr": typ}}, nil)
	}
	h.Frem(t, 0)
	if diff := cmp.Diff([]string{"a a", "c c"}, sett); diff != "" {
		t.Errorf("while the second fails (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"b"}, h.typer(t, intern)); diff != "" {
		t.Errorf("what waits (-want +got)\n%s", diff)
	}
	h.Frem(t, time.Minute)
	if diff := cmp.Diff([]string{"a a", "c c", "b b"}, sett); diff != "" {
		t.Errorf("in the end (-want +got)\n%s", diff)
	}
	if n := len(h.ko(t, intern)); n != 0 {
		t.Errorf("%d messages left", n)
	}
}

// What a crash cut off may have been handed out: the mark on it must not be missing.
func TestEtterOppstartKanAltVaereUtlevert(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := apneHus(t, dir, klokke.NyManuell(grunntest.Start))
	fra, til := h.konto(t), h.konto(t)
	h.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID}, []byte("gammel"))
	kopi := t.TempDir()
	if err := os.CopyFS(kopi, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	h2 := apneHus(t, kopi, klokke.NyManuell(grunntest.Start.Add(time.Second)))
	h2.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID}, []byte("ny"))
	ms, err := h2.Broker(innlogging{}).Ready(t.Context(), Ko(til.ID), 0, 10)
	if err != nil || len(ms) != 2 {
		t.Fatalf("%d messages, %v", len(ms), err)
	}
	if !ms[0].Redelivered || ms[1].Redelivered {
		t.Errorf("redelivered: %v from before the start, %v from after it; want true, false", ms[0].Redelivered, ms[1].Redelivered)
	}
}

// TestKrasjbildeHarAltSomErMottatt copies the database while it is open, as a crash
// would leave it, and goes on from the copy.
func TestKrasjbildeHarAltSomErMottatt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := apneHus(t, dir, klokke.NyManuell(grunntest.Start))
	fra, til := h.konto(t), h.konto(t)
	liten := h.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID, TTL: time.Hour}, []byte("liten"))
	stor := strings.Repeat("stor", 300<<10)
	h.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID, TTL: time.Hour}, []byte(stor))
	kvittert := h.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID}, nil)
	b := h.Broker(innlogging{})
	if err := b.Ack(t.Context(), []amqp.Ref{{Queue: Ko(til.ID), Seq: kvittert.Seq}}); err != nil {
		t.Fatal(err)
	}
	if err := b.Delivered(t.Context(), []amqp.Ref{{Queue: Ko(til.ID), Seq: liten.Seq}}); err != nil {
		t.Fatal(err)
	}
	kopi := t.TempDir()
	if err := os.CopyFS(kopi, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(kopi, "knutepunkt.db")); err != nil {
		t.Fatal(err)
	}

	h2 := apneHus(t, kopi, klokke.NyManuell(grunntest.Start))
	ms, err := h2.Broker(innlogging{}).Ready(t.Context(), Ko(til.ID), 0, 10)
	if err != nil || len(ms) != 2 {
		t.Fatalf("%d messages, %v", len(ms), err)
	}
	if !ms[0].Redelivered || ms[1].Redelivered || string(ms[0].Body) != "liten" {
		t.Errorf("redelivered %v %v, body %q", ms[0].Redelivered, ms[1].Redelivered, ms[0].Body)
	}
	til2, err := h2.Konto(t.Context(), til.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(h2.les(t, h2.ko(t, til2)[1])); got != stor {
		t.Errorf("the large payload has %d bytes", len(got))
	}
	// A message that was delivered before the crash is held by nobody now.
	h2.Frem(t, time.Hour)
	if got := h2.typer(t, fra); len(got) != 2 {
		t.Errorf("to the sender: %v", got)
	}
	// Numbers are never given out again.
	if m := h2.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID, MeldingID: uuid.NewString()}, nil); m.Seq != 4 {
		t.Errorf("the next number is %d", m.Seq)
	}
}

func TestDeaktivertKontoKoblerFra(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	b := h.Broker(innlogging{})
	_, addr, _, _ := h.lytt(t, b)
	k := h.konto(t)
	kons := h.konsument(t, addr, k)
	eventuelt(t, "one consumer", func() bool {
		st, err := h.Status(t.Context(), k)
		return err == nil && st.AntallKonsumenter == 1
	})
	lukket := kons.c.NotifyClose(make(chan *client.Error, 1))
	if _, err := h.SettAktiv(t.Context(), k.ID, false, ""); err != nil {
		t.Fatal(err)
	}
	if e := <-lukket; e == nil || e.Code != 320 {
		t.Errorf("closed with %v, want 320", e)
	}
	err := b.MayConsume(t.Context(), amqp.User{Name: integrasjon}, Ko(k.ID))
	if !errors.Is(err, amqp.ErrNoQueue) {
		t.Errorf("consuming afterwards: %v", err)
	}
}

// TestSkadetMeldingStopperIkkeKoen: what was damaged at rest is told to its sender, and
// what is behind it is delivered.
func TestSkadetMeldingStopperIkkeKoen(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	fra, til := h.konto(t), h.konto(t)
	intern := h.konto(t, func(k *Konto) { k.Intern = true })
	h.Lytt(intern.ID, func(_ context.Context, _ *store.Tx, m Melding) error {
		t.Errorf("the listener got %s", m.Type)
		return nil
	})
	for _, k := range []Konto{til, intern} {
		m := h.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: k.ID, Type: "skadet"}, []byte("x"))
		h.skriv(t, func(tx *store.Tx) error {
			_, err := tx.ExecContext(t.Context(), `UPDATE fiksio_melding SET innhold = $2 WHERE id = $1`, m.id, []byte("tull"))
			return err
		})
		h.minne.glem(Ko(k.ID))
	}
	h.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID, Type: "hel"}, nil)
	_, addr, _, _ := h.lytt(t, h.Broker(innlogging{}))
	if d := h.konsument(t, addr, til).neste(); d.Headers["type"] != "hel" {
		t.Errorf("got %v", d.Headers)
	}
	h.Frem(t, 0)
	eventuelt(t, "serverfeil for both", func() bool { return len(h.ko(t, fra)) == 2 })
	if diff := cmp.Diff([]string{TypeServerfeil, TypeServerfeil}, h.typer(t, fra)); diff != "" {
		t.Error(diff)
	}
}

// iVeien runs fn once when something is to be withdrawn: in the middle of the duty.
type iVeien struct {
	ingenKringkaster
	fn func()
}

func (v *iVeien) Withdraw(ko string, seqs []int64, remove func([]int64) error) error {
	if fn := v.fn; fn != nil {
		v.fn = nil
		fn()
	}
	return v.ingenKringkaster.Withdraw(ko, seqs, remove)
}

// A konto that is deleted while the duty is at work does not keep its messages:
// their senders are told at once, not when something else expires.
func TestSlettetMensUtlopKjorer(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	fra, til, slettes := h.konto(t), h.konto(t), h.konto(t)
	h.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID, TTL: time.Hour}, nil)
	h.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: slettes.ID}, nil)
	h.Koble(&iVeien{fn: func() {
		if err := h.SlettKonto(t.Context(), slettes.ID, ""); err != nil {
			t.Error(err)
		}
	}})
	h.Frem(t, time.Hour)
	if got := h.typer(t, fra); len(got) != 2 {
		t.Errorf("the sender was told %v", got)
	}
}

// holder is a listener whose consumers hold the first n messages of every queue.
type holder struct {
	ingenKringkaster
	n int64
}

func (h holder) Held(string) (seqs []int64) {
	for seq := range h.n {
		seqs = append(seqs, seq+1)
	}
	return seqs
}

// Looking for the next message by hand does not read all that consumers hold,
// and goes past what has expired.
func TestNesteBakMangeHoldte(t *testing.T) { // not beside others: allocations are counted of all
	h := nyttHus(t)
	fra, til := h.konto(t), h.konto(t)
	const antall = 2000
	h.skriv(t, func(tx *store.Tx) error {
		for range antall {
			u := Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID, Type: "holdt"}
			if _, err := h.Send(t.Context(), tx, u, &Nyttelast{storrelse: maksIRad, kropp: make([]byte, maksIRad)}); err != nil {
				return err
			}
		}
		return nil
	})
	h.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID, Type: "utløpt", TTL: time.Hour}, nil)
	h.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID, Type: "neste"}, nil)
	h.Klokke.Sett(grunntest.Start.Add(2 * time.Hour)) // the duty has not run
	h.Koble(holder{n: antall})
	var foer, etter runtime.MemStats
	runtime.ReadMemStats(&foer)
	m, ok, err := h.Neste(t.Context(), til.ID)
	runtime.ReadMemStats(&etter)
	if err != nil || !ok || m.Type != "neste" {
		t.Fatalf("%q, %v, %v", m.Type, ok, err)
	}
	if brukt := etter.TotalAlloc - foer.TotalAlloc; brukt > antall*maksIRad/4 {
		t.Errorf("%d bytes were allocated for one message", brukt)
	}
}
