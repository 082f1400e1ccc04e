package svarinn

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// Send done twice, or cut short, is one forsendelse in the queue.
func TestSendErIdempotent(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	k, ctx := h.s.Kanal(), t.Context()
	l := levering.Levering{ID: uuid.NewString(), KildeID: uuid.NewString(), LeveranseID: uuid.NewString()}
	kasta := errors.New("the process died")
	if err := k.Send(ctx, l, brev(byNr), func(*store.Tx) error { return kasta }); !errors.Is(err, kasta) {
		t.Fatal(err)
	}
	if s := h.kall(t, systemBy, "GET", stiListe, ""); s.kropp != "[]" {
		t.Errorf("what was not handed over is listed: %s", s.kropp)
	}
	sendt := 0
	for range 2 {
		must(t, k.Send(ctx, l, brev(byNr), func(*store.Tx) error { sendt++; return nil }))
		h.Klokke.Sett(h.Klokke.Now().Add(time.Hour))
	}
	r, err := hentRad(ctx, h.DB.Read(), l.KildeID)
	if err != nil || sendt != 2 || r.leveranseID != l.LeveranseID || h.Klokke.Now().Sub(r.opprettet) != 2*time.Hour {
		t.Errorf("%+v %v, sendt called %d times: the second hand-over must change nothing", r, err, sendt)
	}
	// A new round puts it at the end of the queue, under a new id.
	ny := l
	ny.LeveranseID = uuid.NewString()
	must(t, k.Send(ctx, ny, brev(byNr), func(*store.Tx) error { return nil }))
	r, err = hentRad(ctx, h.DB.Read(), l.KildeID)
	if err != nil || r.leveranseID != ny.LeveranseID || !r.opprettet.Equal(h.Klokke.Now()) {
		t.Errorf("a new round: %+v %v", r, err)
	}
	if s := h.kall(t, systemBy, "GET", stiListe, ""); strings.Count(s.kropp, `"id"`) != 1 {
		t.Errorf("a new round is listed as %s", s.kropp)
	}
	// The former hand-over is not taken back from the new one.
	must(t, h.DB.Write(ctx, func(tx *store.Tx) error { return k.Trekk(ctx, tx, l) }))
	if s := h.kall(t, systemBy, "GET", stiListe, ""); s.kropp == "[]" {
		t.Error("the former hand-over was taken back, and the new one with it")
	}
	for range 2 {
		must(t, h.DB.Write(ctx, func(tx *store.Tx) error { return k.Trekk(ctx, tx, ny) }))
	}
	if s := h.kall(t, systemBy, "GET", stiListe, ""); s.kropp != "[]" {
		t.Errorf("taken back, and listed: %s", s.kropp)
	}
	must(t, h.DB.Write(ctx, func(tx *store.Tx) error { return k.Trekk(ctx, tx, levering.Levering{KildeID: uuid.NewString()}) }))
}

func TestIngenRute(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	person := brev("")
	person.Post.Mottaker.Fnr = kari.Fnr
	for hva, f := range map[string]levering.Forsendelse{"a person": person, "an organisation without mottakersystem": brev("999999999")} {
		id := h.lever(t, f)
		if l := h.levering(t, id); l.Kanal != levering.KanalAltinn || l.Tilstand != levering.Sendt {
			t.Errorf("%s: %s by %s", hva, l.Tilstand, l.Kanal)
		}
	}
	err := h.s.Kanal().Send(t.Context(), levering.Levering{KildeID: "x"}, brev(byNr), func(*store.Tx) error { return nil })
	if err == nil || errors.Is(err, levering.ErrIkkeMulig) {
		t.Errorf("a forsendelse without a UUID: %v", err)
	}
}

// A permanent failure goes on with Altinn, and a plan that starts anew lists it again.
func TestNyRundeEtterPermanentFeil(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	id := h.lever(t, brev(byNr))
	forste := h.levering(t, id).LeveranseID
	must(t, h.s.MottakFeilet(t.Context(), systemBy, id, "x", true))
	h.kjor(t)
	if diff := cmp.Diff([]string{id}, h.altinn.sendt); diff != "" {
		t.Fatal(diff)
	}
	// Altinn and print refuse it as well.
	for _, kanal := range []string{levering.KanalAltinn, levering.KanalPrint} {
		must(t, h.DB.Write(t.Context(), func(tx *store.Tx) error {
			_, err := h.lev.Feilet(t.Context(), tx, kanal, h.levering(t, id).LeveranseID, levering.IkkeSendt, "avvist")
			return err
		}))
		h.kjor(t)
	}
	must(t, h.lev.ProvIgjen(t.Context(), leveringAv(id), "Kari"))
	h.kjor(t)
	if s := h.kall(t, systemBy, "GET", stiListe, ""); !strings.Contains(s.kropp, id) || h.levering(t, id).LeveranseID == forste {
		t.Errorf("in the new round: %s", s.kropp)
	}
	if s := h.kall(t, systemBy, "POST", stiKvitter+id, ""); s.status != 200 || h.levering(t, id).Tilstand != levering.Bekreftet {
		t.Errorf("acknowledged: %d, %s", s.status, h.levering(t, id).Tilstand)
	}
}

// Acknowledged late, it comes off the print queue.
func TestSenKvitteringTrekkerPrint(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	h.medGrense(24 * time.Hour)
	id := h.lever(t, brev(byNr))
	h.Frem(t, 14*24*time.Hour)
	if l := h.levering(t, id); l.Kanal != levering.KanalPrint {
		t.Fatalf("after two weeks: %s by %s", l.Tilstand, l.Kanal)
	}
	if s := h.kall(t, systemBy, "POST", stiKvitter+id, ""); s.status != 200 {
		t.Fatal(s)
	}
	if l := h.levering(t, id); l.Tilstand != levering.Bekreftet || len(h.print.trukket) != 1 {
		t.Errorf("%s, taken back %v", l.Tilstand, h.print.trukket)
	}
}

func TestForHand(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	ctx := t.Context()
	id := h.lever(t, brev(byNr))
	annen := h.lever(t, brev(byNr))
	h.Frem(t, 3*time.Hour)
	ny := h.lever(t, brev(byNr))
	must(t, h.roller.Gi(ctx, ola.Fnr, byNr, PostArkiv))
	uten := operator
	must(t, h.s.GiTilgang(ctx, kari, systemBy, Person{uten.Fnr, "Uten Rolle"}))
	niva3 := kari
	niva3.Niva = 3
	for hva, av := range map[string]auth.Caller{"the role without a row": ola, "a row without the role": uten, "level 3": niva3} {
		var b bytes.Buffer
		feilkode(t, hva, h.s.LastNed(ctx, av, systemBy, id, &b), feil.IngenTilgang)
		if b.Len() != 0 {
			t.Errorf("%s: %d bytes", hva, b.Len())
		}
	}
	feilkode(t, "by another mottakersystem", h.s.LastNed(ctx, ola, systemNabo, id, io.Discard), feil.IngenTilgang)
	var b bytes.Buffer
	must(t, h.s.LastNed(ctx, kari, systemBy, id, &b))
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil || len(z.File) != 2 || z.File[1].Name != "Søknad æøå.pdf" {
		t.Errorf("%v %v", z, err)
	}
	feilkode(t, "marked by a stranger", h.s.MarkerMottatt(ctx, ola, systemBy, id), feil.IngenTilgang)
	must(t, h.s.MarkerMottatt(ctx, kari, systemBy, strings.ToUpper(id))) // as somebody may write it
	must(t, h.s.MarkerFeilet(ctx, kari, systemBy, annen, "Hører ikke hit"))
	h.kjor(t)
	if l := h.levering(t, id); l.Tilstand != levering.Bekreftet {
		t.Errorf("marked as received: %s", l.Tilstand)
	}
	if l := h.levering(t, annen); l.Kanal != levering.KanalAltinn {
		t.Errorf("marked as failed: by %s", l.Kanal)
	}
	if diff := cmp.Diff([]string{
		id[:8] + " Markert som mottatt av Kari Nordmann", annen[:8] + " Markert som permanent feilet av Kari Nordmann",
		annen[:8] + " Mottakersystemet kan ikke ta imot forsendelsen: Hører ikke hit",
	}, h.logger); diff != "" {
		t.Errorf("the sender's log (-want +got):\n%s", diff)
	}
	is, err := h.s.Innkommende(ctx, kari, systemBy, Filter{})
	must(t, err)
	status := map[string]string{}
	for _, i := range is {
		status[i.ID] = fmt.Sprint(i.Status, " ", i.Advarsel, " ", i.Tittel, " ", i.Avsender, " ", i.Niva)
	}
	if diff := cmp.Diff(map[string]string{
		id: "Lest false Søknad til NAV Digisos 4", annen: "Permanent feilet false Søknad til NAV Digisos 4", ny: "Klar for mottak false Søknad til NAV Digisos 4",
	}, status); diff != "" || is[0].ID != ny {
		t.Errorf("what has come (-want +got):\n%s", diff)
	}
	h.Frem(t, 2*time.Hour)
	for hva, tt := range map[string]struct {
		f    Filter
		want int
	}{"waiting": {Filter{BareKlar: true}, 1}, "before": {Filter{Til: h.Klokke.Now().Add(-3 * time.Hour)}, 2}, "since": {Filter{Fra: h.Klokke.Now().Add(-3 * time.Hour)}, 1}, "one": {Filter{Antall: 1}, 1}} {
		if is, err := h.s.Innkommende(ctx, kari, systemBy, tt.f); err != nil || len(is) != tt.want {
			t.Errorf("%s: %d %v", hva, len(is), err)
		} else if hva == "waiting" && !is[0].Advarsel {
			t.Error("what is overdue has no warning")
		}
	}
	var slag []string
	hs, err := h.s.Hendelser(ctx, kari, systemBy, strings.ToUpper(id))
	must(t, err)
	for _, e := range hs {
		slag = append(slag, e.Slag)
	}
	if diff := cmp.Diff([]string{"KLAR_FOR_MOTTAK", "LASTET_NED_MANUELT", "MOTTATT_MANUELT"}, slag); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	revidert := strings.Join(h.revidert(t), "\n")
	for _, want := range []string{"SVARINN_LASTET_NED " + kari.Fnr + "  " + id, "SVARINN_MARKERT_MOTTATT " + kari.Fnr + "  " + id, "SVARINN_MARKERT_FEILET " + kari.Fnr + "  " + annen} {
		if !strings.Contains(revidert, want) {
			t.Errorf("not audited: %s", want)
		}
	}
	feilkode(t, "what has left", h.s.LastNed(ctx, kari, systemBy, id, io.Discard), feil.Slettet)
}

// A filter reads what it asks for, and not all that ever came.
func TestFilterLeserEtterIndeks(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	for _, tt := range []struct {
		navn   string
		filter Filter
		want   string
	}{
		{"all", Filter{}, "svarinn_innkommet (mottakersystem=? AND opprettet>? AND opprettet<?)"},
		{"between", Filter{Fra: grunntest.Start, Til: h.Klokke.Now()}, "svarinn_innkommet (mottakersystem=? AND opprettet>? AND opprettet<?)"},
		{"waiting", Filter{BareKlar: true}, "svarinn_ko (mottakersystem=? AND opprettet>? AND opprettet<?)"},
	} {
		hvor, args := tt.filter.sporring(systemBy)
		plan := h.Plan(t, `SELECT `+radKolonner+` FROM svarinn_forsendelser `+hvor, args...)
		if !strings.Contains(plan, tt.want) {
			t.Errorf("%s: %s", tt.navn, plan)
		}
	}
}

func TestSlett(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	id := h.lever(t, brev(byNr))
	slett := func() error {
		return h.DB.Write(t.Context(), func(tx *store.Tx) error { return h.s.Slett(t.Context(), tx, id) })
	}
	feilkode(t, "what waits", slett(), feil.Konflikt)
	must(t, h.s.Kvitter(t.Context(), systemBy, id))
	must(t, slett())
	must(t, slett())
	if s := h.kall(t, systemBy, "POST", stiKvitter+id, ""); s.status != 404 {
		t.Errorf("after it is forgotten: %d", s.status)
	}
	if hs, err := h.s.hendelser(t.Context(), h.DB.Read(), id); err != nil || len(hs) != 0 {
		t.Errorf("its history: %v %v", hs, err)
	}
}

// What waits is there after a restart.
func TestOmstart(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	id := h.lever(t, brev(byNr))
	f := h.kilde.f
	must(t, h.DB.Close())
	h = byggHus(t, igjen(t, h))
	h.kilde.f = f
	if s := h.kall(t, systemBy, "GET", stiListe, ""); !strings.Contains(s.kropp, id) {
		t.Errorf("after a restart: %d %s", s.status, s.kropp)
	}
	if s := h.kall(t, systemBy, "GET", stiHent+id, ""); s.status != 200 {
		t.Errorf("after a restart: %d %s", s.status, s.kropp)
	}
	if s := h.kall(t, systemBy, "POST", stiKvitter+id, ""); s.status != 200 || h.levering(t, id).Tilstand != levering.Bekreftet {
		t.Errorf("after a restart: %d", s.status)
	}
}
