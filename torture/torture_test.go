package main

import (
	"bytes"
	"crypto/sha512"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// A short run of the program: five kills under load, the clock moved in two of them.
func TestTortur(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("kills a running platform five times")
	}
	brudd, err := kjor(t.Context(), oppsett{runder: 5, sendere: 4, fro: 1, dir: t.TempDir(), ut: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range brudd {
		t.Error(b)
	}
}

// Each kind of file is whole where it is looked for: in itself, and in a letter.
func TestFiler(t *testing.T) {
	t.Parallel()
	h := nyHistorie(1)
	rng := rand.New(rand.NewPCG(1, 1))
	for _, pdf := range []bool{false, true} {
		for _, lengde := range []int{0, 200, 3 << 20} {
			f := h.nyFil(rng, "", lengde, pdf)
			data, err := io.ReadAll(h.innhold(f))
			if err != nil || int64(len(data)) != f.lengde || sha512.Sum512(data) != f.sum {
				t.Fatalf("%d bytes, PDF %t: %d bytes, and %d said (%v)", lengde, pdf, len(data), f.lengde, err)
			}
			strom, _ := io.ReadAll(h.strom(f))
			if !bytes.Contains(data, strom) || !slices.Equal(h.merkerI(data), []string{f.merke, f.merke}) {
				t.Errorf("%d bytes, PDF %t: not found again", lengde, pdf)
			}
			if bytes.HasPrefix(data, []byte("%PDF")) != pdf {
				t.Errorf("%d bytes, PDF %t", lengde, pdf)
			}
		}
	}
}

// And it must see what it is there to see.
func TestDommerSer(t *testing.T) {
	t.Parallel()
	ny := func(h *historie, ref string) *innsending {
		i := &innsending{slag: soknad, ref: ref, kommune: medSvarInn}
		h.registrer(i)
		return i
	}
	naa := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	senere := naa.Add(time.Hour)
	type historikk = []struct{ Tilstand, Kanal, Grunn string }
	// spor is a trace of a søknad that went by SvarUt as forsendelse f.
	spor := func(endre func(ytre, indre *sporlevering)) sporet {
		ytre := sporlevering{ID: "l", Kilde: "digisos.soknad", Tilstand: "BEKREFTET", Kanal: "SVARUT", Historikk: historikk{{"SENDT", "SVARUT", ""}}}
		indre := sporlevering{ID: "f", Kilde: "svarut", Tilstand: "BEKREFTET", Kanal: "SVARINN", Status: "LEST", Historikk: historikk{{"SENDT", "SVARINN", ""}}}
		endre(&ytre, &indre)
		return sporet{[]sporlevering{ytre, indre}}
	}
	hentet := func(h *historie) *innsending {
		i := ny(h, "a")
		h.svar(i, "1", "202")
		h.tilhorer("f", i, "SvarInn")
		_ = h.gjor(&h.forsendelseLast("f").kvittert, "", func() error { return nil })
		return i
	}
	rapporten := func() *rapport { return &rapport{kontor: &kontor{svarer: true}, fiksio: map[string]*melding{}} }
	for navn, tt := range map[string]struct {
		gjor func(h *historie)
		vil  string // part of the one violation; "" = none
	}{
		"all is well": {func(h *historie) {
			i := ny(h, "a")
			h.svar(i, "1", "202")
			h.svar(i, "1", "duplicate")
			m, _ := h.utdelt("m", false)
			h.lest("m", m, i, "1")
			m, _ = h.utdelt("m", true)
			h.lest("m", m, i, "1")
			h.tilhorer("f", i, "SvarInn")
			h.tilhorer("f", i, "Altinn")
			for range 2 {
				h.jobbinnhold(h.paaTrykk("j", "f", "KLAR"), "sum")
				h.iAltinn("b", "f")
				h.stilt(naa, "")
			}
		}, ""},
		"a report under two ids": {func(h *historie) {
			r := rapporten()
			h.kjennRapportLast(r, "1", "201")
			h.kjennRapportLast(r, "2", "201")
		}, "had the id 1 and now 2"},
		"a report in two messages": {func(h *historie) {
			r := rapporten()
			h.rapportKom(r, "1", "m", &melding{})
			h.rapportKom(r, "1", "n", &melding{})
		}, "came under 2 message ids"},
		"a report in two letters": {func(h *historie) {
			r := rapporten()
			h.rapportTrykkes(r, "j")
			h.rapportTrykkes(r, "k")
		}, "printed twice"},
		"a letter of a report that was answered": {func(h *historie) {
			r := rapporten()
			h.rapportKom(r, "1", "m", &melding{sikker: true})
			h.rapportTrykkes(r, "j")
		}, "has answered message m"},
		"a report that nobody has": {func(h *historie) {
			h.rapportstatus(rapporten(), "AKSEPTERT SENDT_PRINT LEVERT")
		}, "nobody has confirmed"},
		"another id for the same reference": {func(h *historie) {
			i := ny(h, "a")
			h.svar(i, "1", "202")
			h.svar(i, "2", "duplicate")
		}, "had DigisosId 1 and now 2"},
		"one id for two references": {func(h *historie) {
			h.svar(ny(h, "a"), "1", "202")
			h.svar(ny(h, "b"), "1", "202")
		}, "belongs to both a and b"},
		"the fagsystem sees another id": {func(h *historie) {
			i := ny(h, "a")
			m, _ := h.utdelt("m", false)
			h.lest("m", m, i, "1")
			h.svar(i, "2", "202")
		}, "had DigisosId 1 and now 2"},
		"twice under two message ids": {func(h *historie) {
			i := ny(h, "a")
			for _, id := range []string{"m", "n"} {
				m, _ := h.utdelt(id, false)
				h.lest(id, m, i, "1")
			}
		}, "came under 2 message ids"},
		"a redelivery that is not marked": {func(h *historie) {
			h.utdelt("m", false)
			h.utdelt("m", false)
		}, "without the mark"},
		"a message that changes": {func(h *historie) {
			a, b := ny(h, "a"), ny(h, "b")
			m, _ := h.utdelt("m", false)
			h.lest("m", m, a, "1")
			h.lest("m", m, b, "2")
		}, "message m changed"},
		"twice under two forsendelse ids": {func(h *historie) {
			i := ny(h, "a")
			h.tilhorer("f", i, "SvarInn")
			h.tilhorer("g", i, "Altinn")
		}, "came under 2 forsendelse ids"},
		"a forsendelse that changes": {func(h *historie) {
			h.tilhorer("f", ny(h, "a"), "SvarInn")
			h.tilhorer("f", ny(h, "b"), "Altinn")
		}, "forsendelse f was a and is now b"},
		"a brev under another id than was told": {func(h *historie) {
			i := &innsending{slag: brev, ref: "b"}
			h.svar(i, "f", "200")
			h.tilhorer("g", i, "SvarInn")
		}, "had the id f and now g"},
		"twice in the inbox": {func(h *historie) {
			h.iAltinn("b", "f")
			h.iAltinn("c", "f")
		}, "came to Altinn twice"},
		"printed twice": {func(h *historie) {
			h.paaTrykk("j", "f", "KLAR")
			h.paaTrykk("k", "f", "KLAR")
		}, "is printed twice"},
		"a print job that changes": {func(h *historie) {
			h.jobbinnhold(h.paaTrykk("j", "f", "KLAR"), "sum")
			h.jobbinnhold(h.paaTrykk("j", "f", "KLAR"), "another")
		}, "changed its letter"},
		"a clock that goes back": {func(h *historie) {
			h.stilt(senere, "")
			h.stilt(naa, "")
		}, "and was at"},
		"an ettersendelse to another's søknad": {func(h *historie) {
			a, b := ny(h, "a"), ny(h, "b")
			h.tilhorer("f", b, "SvarInn")
			h.henvisLast(henvisning{&innsending{slag: ettersendelse, ref: "e", sak: a}, "SVARUT", "f"})
			h.sjekkHenvisninger()
		}, "names forsendelse f"},
		"a trace where all is well": {func(h *historie) {
			h.sjekkSpor(hentet(h), nil, spor(func(_, _ *sporlevering) {}), naa)
		}, ""},
		"sent twice by one channel": {func(h *historie) {
			h.sjekkSpor(hentet(h), nil, spor(func(ytre, _ *sporlevering) {
				ytre.Historikk = append(ytre.Historikk, ytre.Historikk[0])
			}), naa)
		}, "sent twice by SVARUT"},
		"confirmed over Fiks IO and sent by SvarUt": {func(h *historie) {
			i := hentet(h)
			m, _ := h.utdelt("m", false)
			h.lest("m", m, i, "1")
			m.sikker = true
			h.sjekkSpor(i, nil, spor(func(_, _ *sporlevering) {}), naa)
		}, "and sent by SvarUt as well"},
		"delivered, and nobody said so": {func(h *historie) {
			i := hentet(h)
			*h.forsendelseLast("f") = forsendelse{id: "f", til: i, jobbID: "j"}
			m, _ := h.utdelt("m", false)
			h.lest("m", m, i, "1")
			m.svart = true
			h.sjekkSpor(i, nil, spor(func(_, indre *sporlevering) { indre.Status = "SENDT_PRINT" }), naa)
		}, "nobody has said that it was received"},
		"lost": {func(h *historie) {
			i := ny(h, "a")
			h.svar(i, "1", "202")
			h.sjekkSpor(i, nil, sporet{[]sporlevering{{ID: "l", Kilde: "digisos.soknad", Tilstand: "BEKREFTET", Kanal: "FIKS_IO"}}}, naa)
		}, "no receiver has it"},
		"without a next step": {func(h *historie) {
			i := hentet(h)
			*h.forsendelseLast("f") = forsendelse{id: "f", til: i, blirAvvist: true, jobbID: "j", jobbStatus: "AVVIST", avvist: utfall{true, true}}
			h.sjekkSpor(i, nil, spor(func(ytre, indre *sporlevering) {
				ytre.Tilstand, ytre.Frist, ytre.NesteSteg = "SENDT", &senere, "venter"
				indre.Tilstand, indre.Kanal, indre.Status, indre.Alarm, indre.Frist = "SENDT", "PRINT", "SENDT_PRINT", true, &senere
			}), naa)
		}, "without a deadline or a next step"},
		"past its deadline": {func(h *historie) {
			i := hentet(h)
			*h.forsendelseLast("f") = forsendelse{id: "f", til: i, blirAvvist: true, jobbID: "j", jobbStatus: "AVVIST", avvist: utfall{true, true}}
			h.sjekkSpor(i, nil, spor(func(ytre, indre *sporlevering) {
				ytre.Tilstand, ytre.Frist, ytre.NesteSteg = "SENDT", &naa, "venter"
				indre.Tilstand, indre.Kanal, indre.Status, indre.Alarm, indre.Frist, indre.NesteSteg = "SENDT", "PRINT", "SENDT_PRINT", true, &senere, "venter"
			}), naa)
		}, "without a deadline or a next step"},
	} {
		h := nyHistorie(1)
		tt.gjor(h)
		if got := strings.Join(h.brudd, "; "); (tt.vil == "") != (got == "") || !strings.Contains(got, tt.vil) || len(h.brudd) > 1 {
			t.Errorf("%s: %q, want %q", navn, got, tt.vil)
		}
	}
}
