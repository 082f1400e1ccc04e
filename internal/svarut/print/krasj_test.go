package print

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// A transport that is down holds the letter up and loses nothing.
func TestTransportNede(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, func(c *Config) { c.Poll = -1 })
	h.transport.nede = true
	id := h.opprett(t)
	h.fram(t, 5*time.Hour)
	if _, tilstander := h.jobber(t); !slices.Equal(tilstander, []Tilstand{Bygges}) {
		t.Fatalf("while it is down: %v", tilstander)
	}
	if l := h.levering(t, id); l.Alarm || l.Oppbrukt() {
		t.Fatalf("before a day: %+v", l)
	}
	h.fram(t, 24*time.Hour)
	if !h.levering(t, id).Alarm {
		t.Error("nobody is told after a day")
	}
	if n := h.spolt(t); n != 0 {
		t.Errorf("%d copies of files lie between the attempts", n)
	}
	h.transport.nede = false
	h.fram(t, 2*time.Hour)
	h.hentEn(t)
	if l := h.levering(t, id); l.Tilstand != levering.Sendt || l.Alarm {
		t.Errorf("up again: %s, alarm %v", l.Tilstand, l.Alarm)
	}
}

func (h *hus) spolt(t *testing.T) (n int) {
	t.Helper()
	if err := h.Grunn.DB.Read().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM print_spol`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Whatever call to the supplier fails, before or after it was done, and whether the
// supplier fetches at once or not: the letter is seen once, under one id.
func TestHverFeilEttBrev(t *testing.T) {
	t.Parallel()
	for _, straks := range []bool{false, true} {
		for _, etter := range []bool{false, true} {
			for nr := range 5 {
				t.Run(fmt.Sprintf("hentes straks %v, etter %v, kall %d", straks, etter, nr), func(t *testing.T) {
					t.Parallel()
					h := nyttHus(t)
					kall := 0
					var brudd string
					bryt := func(op, navn string) error {
						if kall++; kall == nr+1 {
							brudd = op + " " + filepath.Ext(navn)
							return errBrudd
						}
						return nil
					}
					if !etter {
						h.transport.foer = bryt
					}
					h.transport.etterpaa = func(op, navn string) error {
						if straks && op == "flytt" && filepath.Ext(navn) == ".json" {
							h.hentJobber(t)
						}
						if etter {
							return bryt(op, navn)
						}
						return nil
					}
					id := h.opprett(t)
					h.fram(t, 0)
					h.hentJobber(t)
					h.fram(t, 0)
					if nr < 4 && brudd == "" {
						t.Fatal("no call failed")
					}
					forste := h.siste(t)
					if len(h.sett) != 1 || h.sett[forste.ID+".json"] != 1 || forste.Tilstand != Hentet {
						t.Errorf("%q failed: the supplier saw %v; the job %s is %s", brudd, h.sett, forste.ID, forste.Tilstand)
					}
					if l := h.levering(t, id); l.Tilstand != levering.Sendt || l.LeveranseID != forste.ID {
						t.Errorf("%q failed: levering %s", brudd, l.Tilstand)
					}
					if f := h.filer(t); len(f) != 0 {
						t.Errorf("%q failed: left behind are %v", brudd, f)
					}
					if n := h.spolt(t); n != 0 {
						t.Errorf("%q failed: %d copies of files are left", brudd, n)
					}
				})
			}
		}
	}
}

// Two processes make the same letter, as when one was thought dead: wherever the
// first is when the second does all of it, the supplier sees the letter once, and
// what it sees is whole.
func TestToOmSammeBrev(t *testing.T) {
	t.Parallel()
	for _, straks := range []bool{false, true} {
		for nr := range 4 {
			t.Run(fmt.Sprintf("hentes straks %v, etter kall %d", straks, nr), func(t *testing.T) {
				t.Parallel()
				h := nyttHus(t, func(c *Config) { c.Samtidige = 2 })
				kall := 0
				h.transport.etterpaa = func(string, string) error {
					if kall++; kall != nr+1 {
						return nil
					}
					if err := h.igjen(); err != nil {
						t.Errorf("the second: %v", err)
					}
					if straks {
						h.hentJobber(t)
					}
					return nil
				}
				id := h.opprett(t)
				h.fram(t, 0)
				h.hentJobber(t)
				h.fram(t, 0)
				j := h.siste(t)
				if kall <= nr || len(h.sett) != 1 || h.sett[j.ID+".json"] != 1 || j.Tilstand != Hentet {
					t.Errorf("after %d calls the supplier saw %v; the job is %s", kall, h.sett, j.Tilstand)
				}
				if l := h.levering(t, id); l.Tilstand != levering.Sendt || l.LeveranseID != j.ID {
					t.Errorf("levering %s", l.Tilstand)
				}
				if f := h.filer(t); len(f) != 0 {
					t.Errorf("left behind are %v", f)
				}
				if n := h.spolt(t); n != 0 {
					t.Errorf("%d copies of files are left", n)
				}
			})
		}
	}
}

// What a process left that died twice while it wrote is gone when the letter is out.
func TestResterAvForsok(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	feil := 3
	h.transport.foer = func(op, navn string) error {
		if feil > 0 && (op == "slett" || op == "flytt" || strings.Contains(navn, ".json")) {
			feil--
			return errBrudd
		}
		return nil
	}
	h.opprett(t)
	h.fram(t, 0)
	h.hentEn(t)
	if f := h.filer(t); feil > 0 || len(f) != 0 {
		t.Errorf("left behind are %v", f)
	}
}

// The process dies just before or after the supplier is shown the job, and the
// supplier fetches and answers, or a person stops the letter, before another process
// starts: one job, and the answer counts.
func TestStoppForCommit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		navn   string
		mellom func(t *testing.T, h *hus, id string)
		jobb   Tilstand
		brev   levering.Tilstand
	}{
		{"ingenting", func(*testing.T, *hus, string) {}, Klar, levering.Sendt},
		{"ikke vist", func(*testing.T, *hus, string) {}, Klar, levering.Sendt},
		{"ikke vist, og så stoppet av en person", func(t *testing.T, h *hus, id string) {
			if err := h.lev.Stopp(t.Context(), id, "operatør 7", "feil mottaker"); err != nil {
				t.Fatal(err)
			}
		}, Trukket, levering.Stoppet},
		{"hentet", func(t *testing.T, h *hus, _ string) { h.hentEn(t) }, Hentet, levering.Sendt},
		{"levert", func(t *testing.T, h *hus, _ string) {
			if err := h.Kvitter(t.Context(), h.kvittering(h.hentEn(t).JobbID, Levert)); err != nil {
				t.Fatal(err)
			}
		}, Levert, levering.Bekreftet},
		{"avvist", func(t *testing.T, h *hus, _ string) {
			if err := h.Kvitter(t.Context(), h.kvittering(h.hentEn(t).JobbID, Avvist)); err != nil {
				t.Fatal(err)
			}
		}, Avvist, levering.Sendt},
		{"stoppet av en person", func(t *testing.T, h *hus, id string) {
			if err := h.lev.Stopp(t.Context(), id, "operatør 7", "feil mottaker"); err != nil {
				t.Fatal(err)
			}
		}, Trukket, levering.Stoppet},
		{"hentet, og så stoppet av en person", func(t *testing.T, h *hus, id string) {
			h.hentEn(t)
			if err := h.lev.Stopp(t.Context(), id, "operatør 7", "feil mottaker"); err != nil {
				t.Fatal(err)
			}
		}, Hentet, levering.Stoppet},
	} {
		t.Run(tt.navn, func(t *testing.T) {
			t.Parallel()
			dir, k := t.TempDir(), klokke.NyManuell(grunntest.Start)
			if err := os.Mkdir(filepath.Join(dir, "print"), 0o700); err != nil {
				t.Fatal(err)
			}
			h := apneHus(t, dir, k)
			h.sendt = func() error { return errBrudd }
			if strings.HasPrefix(tt.navn, "ikke vist") {
				h.transport.foer = func(op, navn string) error {
					if op == "flytt" && filepath.Ext(navn) == ".json" {
						return errBrudd
					}
					return nil
				}
			}
			id := h.opprett(t)
			h.kjor(t)
			if j := h.siste(t); j.Tilstand != LeggesUt {
				t.Fatalf("at the crash: %s", j.Tilstand)
			}
			tt.mellom(t, h, id)
			sett := h.sett
			// The process has died here; another one starts on what is on disk.
			_ = h.Grunn.DB.Close()
			h = apneHus(t, dir, k)
			h.sett = sett
			h.fram(t, 4*time.Hour)
			alle, _ := h.jobber(t)
			if len(alle) != 1 || alle[0].Tilstand != tt.jobb {
				t.Errorf("jobs %+v, want one that is %s", alle, tt.jobb)
			}
			if l := h.levering(t, id); l.Tilstand != tt.brev || l.Alarm != (tt.jobb == Avvist) {
				t.Errorf("levering %s, alarm %v, want %s", l.Tilstand, l.Alarm, tt.brev)
			}
			for navn, n := range h.sett {
				if n != 1 {
					t.Errorf("the supplier saw %s %d times", navn, n)
				}
			}
			if tt.jobb != Klar {
				if f := h.filer(t); len(f) != 0 {
					t.Errorf("left behind are %v", f)
				}
			}
		})
	}
}

// A job that is taken back while calls to the supplier fail, and while it fetches,
// is either taken back or fetched, and the row says which.
func TestTrekkUnderFeil(t *testing.T) {
	t.Parallel()
	for nr := range 6 {
		for _, etter := range []bool{false, true} {
			for _, hentes := range []int{-1, 0, 1} {
				t.Run(fmt.Sprintf("etter %v, kall %d, hentes ved %d", etter, nr, hentes), func(t *testing.T) {
					t.Parallel()
					h := nyttHus(t)
					id := h.opprett(t)
					h.kjor(t)
					kall := 0
					h.transport.foer = func(string, string) error {
						if kall == hentes {
							h.hentJobber(t)
						}
						if kall++; !etter && kall == nr+1 {
							return errBrudd
						}
						return nil
					}
					h.transport.etterpaa = func(string, string) error {
						if etter && kall == nr+1 {
							return errBrudd
						}
						return nil
					}
					h.stopp(t, id)
					h.fram(t, 0)
					want := Trukket
					if len(h.sett) > 0 {
						want = Hentet
					}
					if j := h.siste(t); j.Tilstand != want || len(h.logg) != 1 {
						t.Errorf("the job is %s, want %s; log %q", j.Tilstand, want, h.logg)
					}
					if f := h.filer(t); len(f) != 0 {
						t.Errorf("left behind are %v", f)
					}
				})
			}
		}
	}
}

// A new print is as safe as the first against calls that fail.
func TestPaaNyttMedFeil(t *testing.T) {
	t.Parallel()
	for nr := range 5 {
		t.Run(fmt.Sprint("kall ", nr), func(t *testing.T) {
			t.Parallel()
			h := nyttHus(t)
			h.opprett(t)
			h.kjor(t)
			h.avvis(t)
			kall := 0
			h.transport.etterpaa = func(op, navn string) error {
				if op == "flytt" && filepath.Ext(navn) == ".json" && !strings.HasPrefix(navn, "inn/") {
					h.hentJobber(t)
				}
				if kall++; kall == nr+1 {
					return errBrudd
				}
				return nil
			}
			ny, err := h.PrintPaaNytt(t.Context(), h.siste(t).ID, "operatør 7")
			if err != nil {
				t.Fatal(err)
			}
			h.fram(t, 0)
			if h.sett[ny+".json"] != 1 || h.siste(t).Tilstand != Hentet {
				t.Errorf("the supplier saw %v; the new job is %s", h.sett, h.siste(t).Tilstand)
			}
		})
	}
}

// A transport folder that is not there is no empty one.
func TestMappeMangler(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.opprett(t)
	h.kjor(t)
	if err := os.Rename(h.mappe, h.mappe+".borte"); err != nil {
		t.Fatal(err)
	}
	h.fram(t, 10*time.Minute)
	if j := h.siste(t); j.Tilstand != Klar {
		t.Errorf("the job is %s while the folder is away", j.Tilstand)
	}
}

// A server that answers nothing and keeps its connection alive holds nothing up for
// ever: whatever is done with it has a time limit.
func TestIngenVenterEvig(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.opprett(t)
	h.fram(t, 0) // hands over, and looks for receipts
	h.avvis(t)
	if _, err := h.PrintPaaNytt(t.Context(), h.siste(t).ID, "operatør 7"); err != nil {
		t.Fatal(err)
	}
	h.fram(t, 0)
	h.stopp(t, id)
	h.fram(t, 0)
	if j := h.siste(t); j.Tilstand != Trukket {
		t.Errorf("the job is %s", j.Tilstand)
	}
	if h.transport.evig {
		t.Error("the transport was used without a time limit")
	}
}

// A letter that the supplier takes its time to receive keeps no other waiting.
func TestLangsomLeverandor(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, func(c *Config) { c.Samtidige = 2 })
	h.brev.Filer = []levering.Fil{fil("stor.pdf", sider(1, strings.Repeat("x", 2<<20)))} // more than is buffered on the way
	var annet string
	h.transport.foer = func(op, navn string) error {
		if op != "skriv" || annet != "" {
			return nil
		}
		annet = uuid.NewString()
		ctx, stopp := context.WithTimeout(t.Context(), 20*time.Second)
		defer stopp()
		return h.Kanal.Send(ctx, levering.Levering{ID: uuid.NewString(), Kilde: "svarut", KildeID: uuid.NewString(), LeveranseID: annet}, etBrev(),
			func(*store.Tx) error { return nil })
	}
	id := h.opprett(t)
	h.kjor(t)
	if j, err := h.Jobb(t.Context(), annet); err != nil || j.Tilstand != Klar {
		t.Errorf("the other is %s (%v)", j.Tilstand, err)
	}
	if l := h.levering(t, id); l.Tilstand != levering.Sendt {
		t.Errorf("the slow one is %s", l.Tilstand)
	}
}
