package altinn

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/levering"
	inn "knutepunkt/internal/sandbox/altinn"
	"knutepunkt/internal/store"
)

func TestLest(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, nil, nil)
	h.kilde.f = brev(fil("brev.pdf", "innhold"), fil("soknad.json", "{}"))
	id, s := h.iInnboksen(t)
	if s.Mottaker != fnr || s.Tittel != tittel || s.Referanse != id || len(s.Vedlegg) != 2 || h.innhold(t, s.ID, 1) != "innhold" || h.innhold(t, s.ID, 2) != "{}" {
		t.Fatalf("in the inbox: %+v", s)
	}
	h.Frem(t, 20*time.Minute)
	if l := h.hent(t, id); l.Tilstand != levering.Sendt {
		t.Fatalf("unread: %s", l.Tilstand)
	}
	h.lest(t, s.ID)
	h.Frem(t, 15*time.Minute)
	if l := h.hent(t, id); l.Tilstand != levering.Bekreftet || l.Kanal != levering.KanalAltinn {
		t.Fatalf("read: %s by %s", l.Tilstand, l.Kanal)
	}
	kall := h.nett.antall("details")
	h.Frem(t, 30*24*time.Hour)
	if h.nett.antall("details") != kall || len(h.papir.skrevet) != 0 {
		t.Errorf("after it was read: %d more looks, %d letters on paper", h.nett.antall("details")-kall, len(h.papir.skrevet))
	}
	if want := []string{"Brevet ligger i mottakerens innboks i Altinn, og mottakeren er varslet.", "Lest i Altinn."}; !cmp.Equal(want, h.linjer) {
		t.Errorf("the sender is told %q", h.linjer)
	}
}

// An event tells at once.
func TestSeEtter(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, nil, nil)
	id, s := h.iInnboksen(t)
	h.lest(t, s.ID)
	if err := h.k.SeEtter(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	if err := h.Jobs.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l := h.hent(t, id); l.Tilstand != levering.Bekreftet {
		t.Fatalf("after the event: %s", l.Tilstand)
	}
}

func TestFrister(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		navn   string
		forMin time.Duration // when it is read, before the deadline
		papir  int
		trukne int
	}{
		{"read in the last minutes", 2 * time.Minute, 0, 0},
		{"read a day late", -24 * time.Hour, 1, 1},
		{"read two months late", -60 * 24 * time.Hour, 1, 1},
	} {
		t.Run(tt.navn, func(t *testing.T) {
			t.Parallel()
			h := nyttHus(t, nil, nil)
			id, s := h.iInnboksen(t)
			h.tilFrist(t, id, min(tt.forMin, stegFrist))
			h.lest(t, s.ID)
			if tt.forMin > 0 {
				h.tilFrist(t, id, 0)
			} else {
				if l := h.hent(t, id); l.Kanal != levering.KanalPrint || len(h.papir.skrevet) != 1 {
					t.Fatalf("unread after the deadline: %s by %s", l.Tilstand, l.Kanal)
				}
				h.Frem(t, 24*time.Hour)
			}
			l := h.hent(t, id)
			if l.Tilstand != levering.Bekreftet || l.Kanal != levering.KanalAltinn || len(h.papir.skrevet) != tt.papir || len(h.papir.trukne) != tt.trukne {
				t.Errorf("%s by %s, %d on paper, %d taken back", l.Tilstand, l.Kanal, len(h.papir.skrevet), len(h.papir.trukne))
			}
		})
	}
}

// After three months nothing is looked at, and nothing is left.
func TestGlemmes(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, nil, nil)
	h.iInnboksen(t)
	h.Frem(t, levetid+time.Hour)
	kall := h.nett.antall("details")
	if kall > 400 { // some 160 before the deadline, 24 the day after, then daily
		t.Errorf("%d looks at one letter", kall)
	}
	h.Frem(t, 30*24*time.Hour)
	if n := h.nett.antall("details"); n != kall {
		t.Errorf("%d looks after the end", n-kall)
	}
	for _, tabell := range []string{"altinn_melding", "altinn_vedlegg"} {
		var n int
		if err := h.DB.Read().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM `+tabell).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s holds %d rows (%v)", tabell, n, err)
		}
	}
}

func TestAvvist(t *testing.T) {
	t.Parallel()
	org := brev(fil("brev.pdf", "innhold"))
	org.Post.Mottaker = levering.Adresse{Navn: "Prøve AS", Orgnr: orgnr}
	taushet := org
	taushet.Post.Taushetsbelagt = true
	uten := brev(fil("brev.pdf", "innhold"))
	uten.Post.Mottaker = levering.Adresse{Navn: "Noen"}
	virus := brev(fil("brev.pdf", "a EICAR-STANDARD-ANTIVIRUS-TEST-FILE b"))
	avvis := func(t *testing.T, h *hus) {
		if err := h.altinn.Avvis(true); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		navn   string
		f      levering.Forsendelse
		ordne  func(t *testing.T, h *hus)
		altinn func(*inn.Config)
		cfg    func(*Config)
		grunn  string
		nye    int // correspondences that were asked for
	}{
		{"the person is reserved", brev(fil("brev.pdf", "x")), avvis, nil, nil, "Mottakeren har reservert seg mot digital post", 1},
		{"nobody has the roles", org, avvis, nil, nil, "Mottakeren har ingen med rollene som kreves for å lese posten i Altinn", 1},
		{"unknown to Altinn", org, nil, func(c *inn.Config) { c.Finnes = func(string) bool { return false } }, nil, "Altinn kjenner ikke mottakeren", 1},
		{"the virus scan", virus, nil, nil, nil, "Altinn avviste et vedlegg i viruskontrollen", 0},
		{"too large", brev(fil("brev.pdf", strings.Repeat("x", 11))), nil, func(c *inn.Config) { c.MaksVedlegg = 10 }, nil, "Altinn godtar ikke innholdet i forsendelsen", 0},
		{"no confidential service", taushet, nil, nil, func(c *Config) { c.ResourceIDKonfidensiell = "" }, "Altinn er ikke satt opp for taushetsbelagt post", 0},
		{"nobody to send it to", uten, nil, nil, nil, "Mottakeren har verken organisasjonsnummer eller fødselsnummer", 0},
	} {
		t.Run(tt.navn, func(t *testing.T) {
			t.Parallel()
			h := nyttHus(t, tt.cfg, tt.altinn)
			h.kilde.f = tt.f
			if tt.ordne != nil {
				tt.ordne(t, h)
			}
			id := h.opprett(t)
			h.Frem(t, 10*time.Minute)
			l := h.hent(t, id)
			if l.Kanal != levering.KanalPrint || l.Tilstand != levering.Sendt || len(h.papir.skrevet) != 1 {
				t.Fatalf("%s by %q: %s", l.Tilstand, l.Kanal, l.NesteSteg)
			}
			_, hist, err := h.levering.Hent(t.Context(), h.DB.Read(), id)
			if err != nil || !strings.HasSuffix(hist[len(hist)-2].Grunn, ": "+tt.grunn) {
				t.Errorf("the reason is %q (%v)", hist[len(hist)-2].Grunn, err)
			}
			if n := h.nett.antall("POST /correspondence/api/v1/correspondence"); n != tt.nye {
				t.Errorf("%d correspondences were asked for, want %d", n, tt.nye)
			}
			if len(h.altinn.Liste()) != 0 {
				t.Error("and it is in an inbox")
			}
		})
	}
}

// A refusal that was noted is the answer when the engine asks again.
func TestAvslagHuskes(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, nil, nil)
	if err := h.altinn.Avvis(true); err != nil {
		t.Fatal(err)
	}
	l := levering.Levering{ID: "x", KildeID: "forsendelse", LeveranseID: "11111111-2222-4333-8444-555555555555"}
	sendt := func(*store.Tx) error { t.Error("sent"); return nil }
	for range 10 {
		if err := h.k.Send(t.Context(), l, h.kilde.f, sendt); strings.Contains(fmt.Sprint(err), levering.ErrIkkeMulig.Error()) {
			break
		}
		h.Klokke.Sett(h.Klokke.Now().Add(time.Minute))
	}
	kall := h.nett.antall("")
	err := h.k.Send(t.Context(), l, h.kilde.f, sendt)
	if !strings.Contains(fmt.Sprint(err), "Mottakeren har reservert seg") || h.nett.antall("") != kall {
		t.Fatalf("asked again: %v, %d more calls", err, h.nett.antall("")-kall)
	}
}

// What happens to a letter in the inbox other than that it is read.
func TestEtterPublisering(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]string{
		"Reserved": "PRINT", "Failed": "PRINT", "PurgedByRecipient": "PRINT", "PurgedByAltinn": "PRINT",
		"Confirmed": "", "AttachmentsDownloaded": "", "Replied": "",
		"Fetched": "ALTINN", "Archived": "ALTINN", "Forwarded": "ALTINN", "SomethingNew": "ALTINN",
	} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			h := nyttHus(t, nil, nil)
			id, s := h.iInnboksen(t)
			if err := h.altinn.SettStatus(t.Context(), s.ID, status); err != nil {
				t.Fatal(err)
			}
			h.Frem(t, 16*time.Minute)
			l := h.hent(t, id)
			if want == "" && l.Tilstand != levering.Bekreftet || want != "" && (l.Kanal != want || l.Tilstand != levering.Sendt) {
				t.Fatalf("%s by %s: %s", l.Tilstand, l.Kanal, l.NesteSteg)
			}
		})
	}
}

// Read, and deleted before we look: it was read.
func TestLestOgSlettet(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, nil, nil)
	id, s := h.iInnboksen(t)
	h.lest(t, s.ID)
	if err := h.altinn.SettStatus(t.Context(), s.ID, "PurgedByRecipient"); err != nil {
		t.Fatal(err)
	}
	h.Frem(t, 16*time.Minute)
	if l := h.hent(t, id); l.Tilstand != levering.Bekreftet {
		t.Fatalf("%s by %s", l.Tilstand, l.Kanal)
	}
}

// Failed before it was ever in the inbox.
func TestFeiletForPublisering(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, nil, func(c *inn.Config) { c.Publisertid = time.Hour })
	id := h.opprett(t)
	h.Frem(t, 2*time.Minute)
	var melding string
	if err := h.DB.Read().QueryRowContext(t.Context(), `SELECT melding_id FROM altinn_melding`).Scan(&melding); err != nil || melding == "" {
		t.Fatalf("correspondence %q: %v", melding, err)
	}
	if err := h.altinn.SettStatus(t.Context(), melding, "Failed"); err != nil {
		t.Fatal(err)
	}
	h.Frem(t, 6*time.Minute)
	if l := h.hent(t, id); l.Kanal != levering.KanalPrint {
		t.Fatalf("%s by %q: %s", l.Tilstand, l.Kanal, l.NesteSteg)
	}
}

// Altinn away for two days: people are told, and it goes on when it is back.
func TestUteAvRekkevidde(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, nil, nil)
	h.nett.sett(func(n *nett) { n.for_ = nede })
	id := h.opprett(t)
	h.Frem(t, 48*time.Hour)
	if l := h.hent(t, id); l.Tilstand != levering.IkkeSendt || !l.Alarm || len(h.papir.skrevet) != 0 {
		t.Fatalf("while Altinn is away: %+v", l)
	}
	h.nett.sett(func(n *nett) { n.for_ = nil })
	h.Frem(t, 2*time.Hour)
	if l := h.hent(t, id); l.Tilstand != levering.Sendt || l.Kanal != levering.KanalAltinn || l.Alarm || len(h.altinn.Liste()) != 1 {
		t.Fatalf("when it is back: %+v, %d in the inbox", l, len(h.altinn.Liste()))
	}
}

// One that Altinn never finishes with is a fault, of which people are told.
func TestBlirAldriFerdig(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, nil, func(c *inn.Config) { c.Skanntid = 100 * time.Hour })
	id := h.opprett(t)
	h.Frem(t, time.Hour)
	if l := h.hent(t, id); l.Alarm || l.NesteSteg != "venter på viruskontroll i Altinn" {
		t.Fatalf("after an hour: %+v", l)
	}
	if n := h.nett.antall("GET /correspondence/api/v1/attachment"); n > 25 {
		t.Errorf("%d looks in an hour", n)
	}
	h.Frem(t, 30*time.Hour)
	if l := h.hent(t, id); !l.Alarm || l.Steg != 0 {
		t.Fatalf("after a day: %+v", l)
	}
	h.Frem(t, 80*time.Hour)
	if l := h.hent(t, id); l.Tilstand != levering.Sendt || len(h.altinn.Liste()) != 1 || h.nett.antall("upload") != 1 {
		t.Fatalf("in the end: %+v, %d uploads", l, h.nett.antall("upload"))
	}
}

// Whichever call is lost, before or after Altinn has done its work, the receiver
// gets one letter, whole, and it is read as one.
func TestHvertKallKanTapes(t *testing.T) {
	t.Parallel()
	kjor := func(t *testing.T, brudd func(n *nett)) *hus {
		h := nyttHus(t, nil, nil)
		h.kilde.f = brev(fil("a.pdf", "innhold a"), fil("b.pdf", "innhold b"))
		h.nett.sett(brudd)
		id := h.opprett(t)
		h.Frem(t, 10*time.Minute)
		alle := h.altinn.Liste()
		if len(alle) != 1 || h.hent(t, id).Tilstand != levering.Sendt {
			t.Fatalf("%d in the inbox, and the levering is %s: %s", len(alle), h.hent(t, id).Tilstand, h.hent(t, id).NesteSteg)
		}
		if a, b := h.innhold(t, alle[0].ID, 1), h.innhold(t, alle[0].ID, 2); a != "innhold a" || b != "innhold b" {
			t.Fatalf("the receiver finds %q and %q", a, b)
		}
		h.lest(t, alle[0].ID)
		h.Frem(t, 16*time.Minute)
		if l := h.hent(t, id); l.Tilstand != levering.Bekreftet || len(h.papir.skrevet) != 0 {
			t.Fatalf("read: %s, %d on paper", l.Tilstand, len(h.papir.skrevet))
		}
		return h
	}
	hel := kjor(t, func(*nett) {})
	hel.nett.mu.Lock()
	kall := slices.Clone(hel.nett.kall)
	hel.nett.mu.Unlock()
	if n := hel.nett.antall("POST /correspondence"); n != 5 {
		t.Fatalf("an undisturbed letter takes %d calls that make something: %q", n, kall)
	}
	for nr, hva := range kall {
		ett := func(n int, _ string) error {
			if n == nr+1 {
				return errNede
			}
			return nil
		}
		t.Run(fmt.Sprintf("%d %s/not made", nr+1, strings.ReplaceAll(hva, "/", "_")), func(t *testing.T) {
			t.Parallel()
			h := kjor(t, func(n *nett) { n.for_ = ett })
			if n := h.nett.antall("upload"); n > 3 {
				t.Errorf("%d uploads of two files", n)
			}
		})
		t.Run(fmt.Sprintf("%d %s/answer lost", nr+1, strings.ReplaceAll(hva, "/", "_")), func(t *testing.T) {
			t.Parallel()
			h := kjor(t, func(n *nett) { n.etter = ett })
			if n := h.nett.antall("upload"); n > 2 {
				t.Errorf("%d uploads of two files", n)
			}
		})
	}
}

// A crash loses what was not committed: the row is as it was before the call.
func TestKrasjMellomKallOgNotat(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, nil, nil)
	id := h.opprett(t)
	h.Frem(t, 70*time.Second)
	if n := h.nett.antall("POST /correspondence/api/v1/correspondence"); n != 1 {
		t.Fatalf("%d correspondences were asked for", n)
	}
	for _, stmt := range []string{`UPDATE altinn_melding SET melding_id = ''`, `UPDATE altinn_vedlegg SET lastet_opp = 0, publisert = 0`} {
		err := h.DB.Write(t.Context(), func(tx *store.Tx) error {
			if _, err := tx.ExecContext(t.Context(), stmt); err != nil {
				return err
			}
			return h.levering.Dytt(t.Context(), tx, id)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	h.Frem(t, 10*time.Minute)
	if l := h.hent(t, id); l.Tilstand != levering.Sendt || len(h.altinn.Liste()) != 1 || h.nett.antall("upload") != 1 {
		t.Fatalf("%s: %s; %d in the inbox, %d uploads", l.Tilstand, l.NesteSteg, len(h.altinn.Liste()), h.nett.antall("upload"))
	}
}

// A link is no letter: reading it in Altinn is no receipt.
func TestLenke(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, func(c *Config) { c.Lenke = true }, nil)
	id, s := h.iInnboksen(t)
	if len(s.Vedlegg) != 0 || h.nett.antall("attachment") != 0 {
		t.Fatalf("a link with attachments: %+v", s)
	}
	h.lest(t, s.ID)
	h.Frem(t, time.Hour)
	if l := h.hent(t, id); l.Tilstand != levering.Sendt || l.Kanal != levering.KanalAltinn {
		t.Fatalf("after the link was read: %s by %s", l.Tilstand, l.Kanal)
	}
	if err := h.altinn.SettStatus(t.Context(), s.ID, "PurgedByRecipient"); err != nil {
		t.Fatal(err)
	}
	h.Frem(t, time.Hour)
	if l := h.hent(t, id); l.Kanal != levering.KanalPrint {
		t.Fatalf("after the link was deleted: %s by %s", l.Tilstand, l.Kanal)
	}
}

// fyll puts n letters into the table that all are to be looked at now.
func (h *hus) fyll(t *testing.T, n int) {
	t.Helper()
	naa := h.Klokke.Now()
	err := h.DB.Write(t.Context(), func(tx *store.Tx) error {
		for i := range n {
			id := fmt.Sprintf("%08d-0000-4000-8000-000000000000", i)
			err := lagre(t.Context(), tx, rad{LeveranseID: id, MeldingID: id, ForsendelseID: id, Tilstand: sendt,
				Frist: naa.Add(40 * time.Hour), Neste: naa, Slutt: naa.Add(levetid)})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (h *hus) forfalte(t *testing.T) int {
	t.Helper()
	alle, err := forfalte(t.Context(), h.DB.Read(), h.Klokke.Now(), 10_000)
	if err != nil {
		t.Fatal(err)
	}
	return len(alle)
}

func TestBundetKjoring(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, nil, nil)
	h.fyll(t, bunt+20) // none of which Altinn knows; that stops no run
	if err := h.k.seEtterForfalte(t.Context(), h.Klokke.Now()); err != nil {
		t.Fatal(err)
	}
	if n := h.nett.antall("details"); n != bunt || h.forfalte(t) != 20 || len(h.linjer) != 0 {
		t.Fatalf("a run looked at %d letters, %d are left, and senders are told %q", n, h.forfalte(t), h.linjer)
	}
}

// With Altinn away a run gives up after a few calls, and all are looked at later.
func TestKjoringUtenSvar(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, nil, nil)
	h.fyll(t, bunt)
	h.nett.sett(func(n *nett) { n.for_ = nede })
	if err := h.k.seEtterForfalte(t.Context(), h.Klokke.Now()); err != nil {
		t.Fatal(err)
	}
	if n := h.nett.antall(""); n > oppgi+samtidige || h.forfalte(t) != 0 {
		t.Fatalf("%d calls, %d letters still due", n, h.forfalte(t))
	}
	naeste, err := h.k.nesteSyn(t.Context())
	if err != nil || naeste.Sub(h.Klokke.Now()) != etterFeil {
		t.Fatalf("next look after %s (%v)", naeste.Sub(h.Klokke.Now()), err)
	}
}

// A look that fails just before the deadline is repeated before it.
func TestUteForFristen(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, nil, nil)
	id, s := h.iInnboksen(t)
	h.tilFrist(t, id, 20*time.Minute)
	h.lest(t, s.ID)
	h.nett.sett(func(n *nett) { n.for_ = nede })
	h.tilFrist(t, id, 2*time.Minute)
	h.nett.sett(func(n *nett) { n.for_ = nil })
	h.tilFrist(t, id, 0)
	if l := h.hent(t, id); l.Tilstand != levering.Bekreftet || len(h.papir.skrevet) != 0 {
		t.Fatalf("%s by %s, %d on paper", l.Tilstand, l.Kanal, len(h.papir.skrevet))
	}
}

// A pause after a fault never passes the last look before the deadline.
func TestPauseForbiFristen(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, nil, nil)
	h.nett.sett(func(n *nett) { n.for_ = nede })
	naa := h.Klokke.Now()
	r := rad{LeveranseID: "a", MeldingID: "a", Tilstand: sendt, Frist: naa.Add(90 * time.Second), Neste: naa, Slutt: naa.Add(levetid)}
	if err := h.k.skriv(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := h.k.seEtterForfalte(t.Context(), naa); err != nil {
		t.Fatal(err)
	}
	if neste, err := h.k.nesteSyn(t.Context()); err != nil || !neste.Equal(r.Frist.Add(-forFrist)) {
		t.Fatalf("next look %s before the deadline (%v)", r.Frist.Sub(neste), err)
	}
}

// An upload that breaks off in the middle is no virus: the file is sent anew.
func TestAvbruttOpplasting(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, nil, nil)
	innhold := strings.Repeat("innhold ", 100_000)
	f, apnet := fil("brev.pdf", innhold), 0
	hel := f.Apne
	f.Apne = func(ctx context.Context) (io.ReadCloser, error) {
		if apnet++; apnet == 2 { // the first reading is for the checksum
			return io.NopCloser(io.MultiReader(strings.NewReader(innhold[:400_000]), iotest.ErrReader(errNede))), nil
		}
		return hel(ctx)
	}
	h.kilde.f = brev(f)
	id := h.opprett(t)
	h.Frem(t, 3*time.Hour)
	alle := h.altinn.Liste()
	if l := h.hent(t, id); l.Tilstand != levering.Sendt || l.Kanal != levering.KanalAltinn || len(alle) != 1 {
		t.Fatalf("%s by %q: %s", l.Tilstand, l.Kanal, l.NesteSteg)
	}
	if got := h.innhold(t, alle[0].ID, 1); got != innhold || h.nett.antall("upload") != 2 {
		t.Errorf("%d bytes arrived in %d uploads", len(got), h.nett.antall("upload"))
	}
}

// Neither logs nor URLs nor tables tell whose letter it is or what is in it.
func TestIngenPersonopplysninger(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, nil, nil)
	_, s := h.iInnboksen(t)
	h.lest(t, s.ID)
	h.Frem(t, time.Hour)
	if err := h.altinn.Avvis(true); err != nil {
		t.Fatal(err)
	}
	h.opprett(t)
	h.Frem(t, 10*time.Minute)
	h.nett.sett(func(n *nett) { n.for_ = nede })
	h.opprett(t)
	h.Frem(t, 30*time.Hour)

	steder := map[string]string{"the log": h.logg.String(), "URLs": strings.Join(h.nett.urler, " "), "what senders are told": strings.Join(h.linjer, " ")}
	for _, f := range []string{"knutepunkt.db", "knutepunkt.db-wal"} {
		b, err := os.ReadFile(filepath.Join(h.Dir, f))
		if err != nil {
			t.Fatal(err)
		}
		steder[f] = string(b)
	}
	for sted, tekst := range steder {
		if tekst == "" {
			t.Errorf("%s: nothing to look through", sted)
		}
		for _, leter := range []string{fnr, "økonomisk", "Prøvesen", "brev.pdf"} {
			if strings.Contains(tekst, leter) {
				t.Errorf("%s: %q", sted, leter)
			}
		}
	}
}
