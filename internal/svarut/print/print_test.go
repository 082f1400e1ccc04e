package print

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"knutepunkt/cms"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// A letter's ways through print, from the first attempt to the end.
func TestScenarioer(t *testing.T) {
	t.Parallel()
	type ende struct {
		jobber  []Tilstand
		brev    levering.Tilstand
		alarm   bool
		logg    []string // the beginning of each line
		filer   []string // what is left at the supplier's, <id> for the first job's id
		epost   []string
		hentet  int // letters that the supplier has taken
		kildene []levering.Tilstand
	}
	sendt := []levering.Tilstand{levering.Sendt}
	bekreftet := []levering.Tilstand{levering.Sendt, levering.Bekreftet}
	const alarmpost = "post@kommune.example: En forsendelse venter på tilsyn"
	for _, tt := range []struct {
		navn string
		gjor func(t *testing.T, h *hus, id string)
		ende ende
	}{
		{"utlagt", func(t *testing.T, h *hus, id string) {},
			ende{jobber: []Tilstand{Klar}, brev: levering.Sendt, kildene: sendt, filer: []string{"ut/<id>.json", "ut/<id>.pdf.crypt"}}},
		{"hentet", func(t *testing.T, h *hus, id string) {
			h.hentEn(t)
			h.fram(t, 0)
		}, ende{jobber: []Tilstand{Hentet}, brev: levering.Sendt, kildene: sendt, hentet: 1}},
		{"levert", func(t *testing.T, h *hus, id string) {
			h.svar(t, h.kvittering(h.hentEn(t).JobbID, Levert), 1)
			h.fram(t, 0)
		}, ende{jobber: []Tilstand{Levert}, brev: levering.Bekreftet, kildene: bekreftet, hentet: 1,
			logg: []string{"Skrevet ut og postlagt 10.06.2026 kl. 10:00, 4 ark, porto kr 23,50"}}},
		{"levert, og filene ble liggende", func(t *testing.T, h *hus, id string) {
			h.svar(t, h.kvittering(h.siste(t).ID, Levert), 1)
			h.fram(t, 0)
		}, ende{jobber: []Tilstand{Levert}, brev: levering.Bekreftet, kildene: bekreftet, logg: []string{"Skrevet ut"}}},
		{"kvittert to ganger", func(t *testing.T, h *hus, id string) {
			kv := h.kvittering(h.hentEn(t).JobbID, Levert)
			h.svar(t, kv, 1)
			h.svar(t, kv, 2)
			h.fram(t, 0)
			if err := h.Kvitter(t.Context(), kv); err != nil {
				t.Errorf("a third time: %v", err)
			}
		}, ende{jobber: []Tilstand{Levert}, brev: levering.Bekreftet, kildene: bekreftet, hentet: 1, logg: []string{"Skrevet ut"}}},
		{"avvist", func(t *testing.T, h *hus, id string) {
			kv := h.kvittering(h.hentEn(t).JobbID, Avvist)
			h.svar(t, kv, 1)
			h.svar(t, kv, 2)
			h.fram(t, 0)
		}, ende{jobber: []Tilstand{Avvist}, brev: levering.Sendt, alarm: true, kildene: sendt, hentet: 1, epost: []string{alarmpost},
			logg: []string{"Utskriftsleverandøren avviste brevet 10.06.2026 kl. 10:00, feilkode E17: " + hemmeligFeil}}},
		{"avvist, men så levert likevel", func(t *testing.T, h *hus, id string) {
			h.svar(t, h.kvittering(h.hentEn(t).JobbID, Avvist), 9)
			h.svar(t, h.kvittering(h.siste(t).ID, Levert), 10)
			h.fram(t, 0)
		}, ende{jobber: []Tilstand{Levert}, brev: levering.Bekreftet, kildene: bekreftet, hentet: 1, epost: []string{alarmpost},
			logg: []string{"Utskriftsleverandøren avviste", "Skrevet ut"}}},
		{"avvist, så skrevet ut på nytt", func(t *testing.T, h *hus, id string) {
			h.avvis(t)
			ny, err := h.PrintPaaNytt(t.Context(), h.siste(t).ID, "operatør 7")
			if err != nil {
				t.Fatal(err)
			}
			h.kjor(t)
			j := h.hentEn(t)
			if j.JobbID != ny || h.siste(t).BestiltAv != "operatør 7" {
				t.Errorf("the new job is %s, want %s; %+v", j.JobbID, ny, h.siste(t))
			}
			if err := h.Kvitter(t.Context(), h.kvittering(ny, Levert)); err != nil {
				t.Fatal(err)
			}
			h.kjor(t)
		}, ende{jobber: []Tilstand{Avvist, Levert}, brev: levering.Bekreftet, kildene: bekreftet, hentet: 2, epost: []string{alarmpost},
			logg: []string{"Utskriftsleverandøren avviste", "Brevet skrives ut på nytt", "Skrevet ut"}}},
		{"skrevet ut på nytt, men den første var levert likevel", func(t *testing.T, h *hus, id string) {
			h.avvis(t)
			forste := h.siste(t).ID
			if _, err := h.PrintPaaNytt(t.Context(), forste, "operatør 7"); err != nil {
				t.Fatal(err)
			}
			h.kjor(t)
			if err := h.Kvitter(t.Context(), h.kvittering(forste, Levert)); err != nil {
				t.Fatal(err)
			}
			h.kjor(t)
			if j := h.hentJobber(t); len(j) != 0 {
				t.Errorf("the supplier still finds %d jobs", len(j))
			}
		}, ende{jobber: []Tilstand{Levert, Trukket}, brev: levering.Bekreftet, kildene: bekreftet, hentet: 1, epost: []string{alarmpost},
			logg: []string{"Utskriftsleverandøren avviste", "Brevet skrives ut på nytt", "Skrevet ut", "Utskriften er trukket tilbake"}}},
		{"ny utskrift som ikke lar seg lage", func(t *testing.T, h *hus, id string) {
			h.avvis(t)
			h.kildefeil = fmt.Errorf("%w: filene er slettet", levering.ErrIkkeMulig)
			if _, err := h.PrintPaaNytt(t.Context(), h.siste(t).ID, "operatør 7"); err != nil {
				t.Fatal(err)
			}
			h.kjor(t)
			if kv := h.siste(t).Kvittering; kv == nil || !strings.Contains(*kv.Feilmelding, "filene er slettet") {
				t.Errorf("the new job says %+v", kv)
			}
		}, ende{jobber: []Tilstand{Avvist, Avvist}, brev: levering.Sendt, alarm: true, kildene: sendt, hentet: 1, epost: []string{alarmpost, alarmpost},
			logg: []string{"Utskriftsleverandøren avviste", "Brevet skrives ut på nytt"}}},
		{"trukket før henting", func(t *testing.T, h *hus, id string) {
			h.stopp(t, id)
		}, ende{jobber: []Tilstand{Trukket}, brev: levering.Stoppet, kildene: []levering.Tilstand{levering.Sendt, levering.Stoppet},
			logg: []string{"Utskriften er trukket tilbake"}}},
		{"trukket etter henting", func(t *testing.T, h *hus, id string) {
			h.hentEn(t)
			h.fram(t, 0)
			h.stopp(t, id)
		}, ende{jobber: []Tilstand{Hentet}, brev: levering.Stoppet, kildene: []levering.Tilstand{levering.Sendt, levering.Stoppet}, hentet: 1,
			logg: []string{"Utskriftsleverandøren hadde hentet brevet"}}},
		{"trukket etter en henting som ingen har sett", func(t *testing.T, h *hus, id string) {
			h.hentEn(t)
			h.stopp(t, id)
		}, ende{jobber: []Tilstand{Hentet}, brev: levering.Stoppet, kildene: []levering.Tilstand{levering.Sendt, levering.Stoppet}, hentet: 1,
			logg: []string{"Utskriftsleverandøren hadde hentet brevet"}}},
		{"trukket, hentet og levert likevel", func(t *testing.T, h *hus, id string) {
			h.hentEn(t)
			h.stopp(t, id)
			h.svar(t, h.kvittering(h.siste(t).ID, Levert), 1)
			h.fram(t, 0)
		}, ende{jobber: []Tilstand{Levert}, brev: levering.Stoppet, kildene: []levering.Tilstand{levering.Sendt, levering.Stoppet}, hentet: 1,
			logg: []string{"Utskriftsleverandøren hadde hentet brevet", "Skrevet ut"}}},
		{"trukket, og avvist av leverandøren", func(t *testing.T, h *hus, id string) {
			h.stopp(t, id)
			if err := h.Kvitter(t.Context(), h.kvittering(h.siste(t).ID, Avvist)); err != nil {
				t.Fatal(err)
			}
			h.kjor(t)
		}, ende{jobber: []Tilstand{Trukket}, brev: levering.Stoppet, kildene: []levering.Tilstand{levering.Sendt, levering.Stoppet},
			logg: []string{"Utskriften er trukket tilbake", "Utskriftsleverandøren avviste"}}},
		{"kvittering for ukjent jobb", func(t *testing.T, h *hus, id string) {
			kv := h.kvittering("99999999-9999-4999-8999-999999999999", Levert)
			h.svar(t, kv, 1)
			h.fram(t, 0)
			if err := h.Kvitter(t.Context(), kv); !feil.Er(err, feil.IkkeFunnet) {
				t.Errorf("told directly: %v", err)
			}
		}, ende{jobber: []Tilstand{Klar}, brev: levering.Sendt, kildene: sendt,
			filer: []string{"inn/feil/99999999-9999-4999-8999-999999999999.1.json", "ut/<id>.json", "ut/<id>.pdf.crypt"},
			epost: []string{"drift@knutepunkt.example: En kvittering fra utskriftsleverandøren kan ikke leses"}}},
		{"ødelagt kvittering", func(t *testing.T, h *hus, id string) {
			j := h.hentEn(t).JobbID
			h.leggInn(t, j+".1.json", []byte(`{"jobbId":"`+j+`","status":"LEV`))
			h.fram(t, 0)
			h.fram(t, 10*time.Minute)
		}, ende{jobber: []Tilstand{Hentet}, brev: levering.Sendt, alarm: true, kildene: sendt, hentet: 1, filer: []string{"inn/feil/<id>.1.json"},
			epost: []string{alarmpost, "drift@knutepunkt.example: En kvittering fra utskriftsleverandøren kan ikke leses"}}},
		{"avvist etter levert", func(t *testing.T, h *hus, id string) {
			j := h.hentEn(t).JobbID
			h.svar(t, h.kvittering(j, Levert), 1)
			h.svar(t, h.kvittering(j, Avvist), 2)
			h.fram(t, 0)
		}, ende{jobber: []Tilstand{Levert}, brev: levering.Bekreftet, kildene: bekreftet, hentet: 1, filer: []string{"inn/feil/<id>.2.json"},
			logg: []string{"Skrevet ut"}, epost: []string{"drift@knutepunkt.example: En kvittering fra utskriftsleverandøren kan ikke leses"}}},
		{"ingen kvittering på sju dager", func(t *testing.T, h *hus, id string) {
			h.hentEn(t)
			h.fram(t, 7*24*time.Hour-time.Minute)
			if h.levering(t, id).Alarm {
				t.Error("alarm before the time")
			}
			h.fram(t, time.Minute)
		}, ende{jobber: []Tilstand{Hentet}, brev: levering.Sendt, alarm: true, kildene: sendt, hentet: 1, epost: []string{alarmpost}}},
	} {
		t.Run(tt.navn, func(t *testing.T) {
			t.Parallel()
			h := nyttHus(t, func(c *Config) {
				if strings.Contains(tt.navn, "sju dager") {
					c.Poll = 12 * time.Hour
				}
			})
			id := h.opprett(t)
			h.kjor(t)
			forste := h.siste(t)
			tt.gjor(t, h, id)
			alle, tilstander := h.jobber(t)
			l := h.levering(t, id)
			filer := h.filer(t)
			for i := range filer {
				filer[i] = strings.ReplaceAll(filer[i], forste.ID, "<id>")
			}
			hentet := 0
			for navn, n := range h.sett {
				hentet += n
				if n != 1 {
					t.Errorf("the supplier took %s %d times", navn, n)
				}
			}
			got := ende{jobber: tilstander, brev: l.Tilstand, alarm: l.Alarm, filer: filer, epost: h.epost(t), hentet: hentet, kildene: h.tilstand}
			want := tt.ende
			logg := want.logg
			want.logg = nil
			slices.Sort(got.epost)
			slices.Sort(want.epost)
			if d := cmp.Diff(want, got, cmp.AllowUnexported(ende{}), cmp.Transformer("tom", func(s []string) string { return strings.Join(s, "\n") })); d != "" {
				t.Errorf("want -, got +:\n%s", d)
			}
			if len(logg) != len(h.logg) || slices.ContainsFunc(logg, func(s string) bool {
				return !slices.ContainsFunc(h.logg, func(g string) bool { return strings.HasPrefix(g, s) })
			}) {
				t.Errorf("log %q, want the beginnings %q", h.logg, logg)
			}
			for _, j := range alle {
				if j.LeveranseID != forste.ID || j.ForsendelseID != l.KildeID || j.Mottaker.Navn != hemmeligNavn {
					t.Errorf("job %+v", j)
				}
			}
		})
	}
}

// avvis has the supplier fetch and refuse the letter.
func (h *hus) avvis(t *testing.T) {
	t.Helper()
	h.svar(t, h.kvittering(h.hentEn(t).JobbID, Avvist), 1)
	h.fram(t, 0)
}

func (h *hus) stopp(t *testing.T, id string) {
	t.Helper()
	if err := h.lev.Stopp(t.Context(), id, "operatør 7", "feil mottaker"); err != nil {
		t.Fatal(err)
	}
	h.kjor(t)
}

var oppdater = flag.Bool("oppdater", false, "write golden files anew")

// The job file, letter for letter (SvarUt contract §7.1). Ids and checksum, which
// differ from time to time, are replaced when they are what they should be.
func TestJobbfil(t *testing.T) {
	t.Parallel()
	giro := func(s ...int) func(*levering.Fil) {
		return func(f *levering.Fil) { f.GiroarkSider = s }
	}
	for _, tt := range []struct {
		navn  string
		endre func(f *levering.Forsendelse)
		kilde string // of the levering
		sider int
	}{
		{"brev", func(f *levering.Forsendelse) {}, "svarut", 5}, // cover, its blank back, three pages
		{"digisos-utland", func(f *levering.Forsendelse) {
			f.Post.ForsendelseType = "nav.digisos"
			f.Post.Tosidig, f.Post.Farger, f.Post.Konteringskode = false, false, ""
			f.Post.Mottaker = levering.Adresse{Navn: "Anna Svensson", Adresselinje1: "Storgatan 1", Adresselinje2: "c/o Öberg", Postnummer: "111 22", Poststed: "Stockholm", Land: "Sverige"}
			f.Filer = append(f.Filer, fil("soknad.json", []byte("{}"), func(f *levering.Fil) { f.Mimetype, f.UtenUtskrift = "application/json", true }))
		}, "svarut", 4},
		{"bekymringsmelding-giro", func(f *levering.Forsendelse) {
			f.Filer = []levering.Fil{fil("a.pdf", sider(2, "A"), giro(2)), fil("ikke.pdf", []byte("hemmelig"), func(f *levering.Fil) { f.UtenUtskrift = true }),
				fil("b.PDF", sider(3, "B"), giro(1, 3), func(f *levering.Fil) { f.Mimetype = "" })}
		}, "bekymringsmelding.melding", 11}, // cover|, A1|, A2 giro|, B1 giro|, B2|, B3 giro: each giro on a front with an empty back
	} {
		t.Run(tt.navn, func(t *testing.T) {
			t.Parallel()
			h := nyttHus(t)
			tt.endre(&h.brev)
			h.lev.RegistrerKilde(tt.kilde, h)
			id := uuid.NewString()
			h.skriv(t, func(tx *store.Tx) error {
				return h.lev.Opprett(t.Context(), tx, levering.Ny{ID: id, Kilde: tt.kilde, KildeID: uuid.NewString(), FiksOrgID: uuid.NewString(),
					Plan: []levering.Steg{{Kanal: levering.KanalPrint, Frist: time.Hour, Utholdende: true}}})
			})
			h.kjor(t)
			rad, l := h.siste(t), h.levering(t, id)
			j := h.hentEn(t)
			if j.JobbID != l.LeveranseID || j.ForsendelseID != l.KildeID || j.SHA256 != rad.SHA256 || j.AntallSider != rad.AntallSider {
				t.Errorf("job file %+v, row %+v", j.jobbfil, rad)
			}
			if j.AntallSider != tt.sider {
				t.Errorf("%d pages, want %d", j.AntallSider, tt.sider)
			}
			got := strings.NewReplacer(j.JobbID, "<jobb>", j.ForsendelseID, "<forsendelse>", j.SHA256, "<sha256>").Replace(string(j.raa))
			golden := filepath.Join("testdata", "jobb", tt.navn+".json")
			if *oppdater {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("want -, got +:\n%s", d)
			}
		})
	}
}

// A letter of one page is printed on one side, whatever was asked for.
func TestEnsidig(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.brev.Filer = []levering.Fil{fil("a.pdf", sider(1, "A"), func(f *levering.Fil) { f.GiroarkSider = []int{1} })}
	h.opprett(t)
	h.kjor(t)
	if j := h.hentEn(t); j.Tosidig || j.AntallSider != 2 || !slices.Equal(j.GiroarkSider, []int{2}) {
		t.Errorf("%+v", j.jobbfil)
	}
}

// What has nothing to print is a letter all the same: its cover names what the
// receiver has to ask for. The answer goes to where the sender says.
func TestBareForside(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.brev.Filer[0].UtenUtskrift = true
	h.brev.Post.SvarSendesTil = &levering.Adresse{Navn: "Postmottaket", Adresselinje1: "Postboks 1", Postnummer: "0101", Poststed: "Oslo"}
	h.opprett(t)
	h.kjor(t)
	if j := h.hentEn(t); j.AntallSider != 1 || j.Returadresse.Navn != "Postmottaket" {
		t.Errorf("%+v", j.jobbfil)
	}
	json := fil("soknad.json", nil, func(f *levering.Fil) { f.UtenUtskrift, f.Mimetype = true, "application/json" })
	if got := utelatt(append(h.brev.Filer, json)); !slices.Equal(got, []string{h.brev.Filer[0].Navn}) {
		t.Errorf("left out: %v", got)
	}
}

// What cannot be printed is refused at once, with a reason that names nobody.
func TestIkkeMulig(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		navn  string
		endre func(f *levering.Forsendelse)
		grunn string
	}{
		{"bilde", func(f *levering.Forsendelse) { f.Filer[0].Mimetype = "image/png; name=kari.png" }, "fil 1 er ikke PDF"},
		{"ikke PDF likevel", func(f *levering.Forsendelse) {
			f.Filer = append([]levering.Fil{fil("x", nil, func(f *levering.Fil) { f.UtenUtskrift = true })}, fil("y.pdf", []byte("Kari Nordmann")))
		}, "fil 2: filen er ikke en PDF"},
		{"giroark utenfor", func(f *levering.Forsendelse) { f.Filer[0].GiroarkSider = []int{4} }, "fil 1 har giroark på side 4, men bare 3 sider"},
		{"postnummer", func(f *levering.Forsendelse) { f.Post.Mottaker.Postnummer = "15" }, "mottakerens adresse: postnummer må ha 4 siffer"},
		{"dummyadresse", func(f *levering.Forsendelse) {
			f.Post.Mottaker.Postnummer, f.Post.Mottaker.Poststed = "0000", "Ikke send"
		}, "ingen postadresse"},
		{"for stor", func(f *levering.Forsendelse) {
			f.Filer[0].Apne = func(context.Context) (io.ReadCloser, error) {
				return io.NopCloser(io.LimitReader(nuller{}, 2<<20+1)), nil
			}
		}, "større enn 2 MB"},
	} {
		t.Run(tt.navn, func(t *testing.T) {
			t.Parallel()
			h := nyttHus(t, func(c *Config) { c.MaksBytes = 2 << 20 })
			tt.endre(&h.brev)
			id := h.opprett(t)
			h.kjor(t)
			l := h.levering(t, id)
			if !strings.Contains(l.Grunn, tt.grunn) || !l.Oppbrukt() {
				t.Errorf("levering %s, reason %q, want %q", l.Tilstand, l.Grunn, tt.grunn)
			}
			if alle, _ := h.jobber(t); len(alle) != 0 || h.spolt(t) != 0 || len(h.filer(t)) != 0 {
				t.Errorf("left are jobs %v, %d copies, files %v", alle, h.spolt(t), h.filer(t))
			}
		})
	}
}

type nuller struct{}

func (nuller) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Jobs whose time is over are forgotten, others are not.
func TestOppbevaring(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, func(c *Config) { c.Poll = -1 })
	levert, apen := h.opprett(t), h.opprett(t)
	h.kjor(t)
	for _, j := range h.hentJobber(t) {
		if j.JobbID == h.levering(t, levert).LeveranseID {
			if err := h.Kvitter(t.Context(), h.kvittering(j.JobbID, Levert)); err != nil {
				t.Fatal(err)
			}
		}
	}
	h.fram(t, 90*24*time.Hour-time.Minute)
	if alle, _ := h.jobber(t); len(alle) != 2 {
		t.Fatalf("%d jobs before the time", len(alle))
	}
	h.fram(t, 400*24*time.Hour)
	alle, _ := h.jobber(t)
	if len(alle) != 1 || alle[0].LeveranseID != h.levering(t, apen).LeveranseID {
		t.Errorf("left are %+v", alle)
	}
}

func TestSlett(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	for _, hentet := range []bool{false, true} {
		id := h.opprett(t)
		h.kjor(t)
		if hentet {
			h.hentEn(t)
			h.fram(t, 0)
		}
		h.skriv(t, func(tx *store.Tx) error { return h.Slett(t.Context(), tx, h.levering(t, id).KildeID) })
		h.kjor(t)
		if _, tilstander := h.jobber(t); !slices.Equal(tilstander, []Tilstand{Trukket}) || len(h.filer(t)) != 0 {
			t.Errorf("fetched %v: jobs %v, files %v", hentet, tilstander, h.filer(t))
		}
	}
}

// The sandbox looks at what the supplier got, also after the receipt.
func TestFlatMappeSomBeholdes(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, func(c *Config) { c.Ut, c.Inn, c.PDFEndelse, c.Poll, c.Behold = "", "", ".pdf.cms", -1, true })
	h.opprett(t)
	h.kjor(t)
	j := h.siste(t)
	if err := h.Kvitter(t.Context(), h.kvittering(j.ID, Levert)); err != nil {
		t.Fatal(err)
	}
	h.kjor(t)
	want := []string{j.ID + ".json", j.ID + ".pdf.cms"}
	if got := h.filer(t); !slices.Equal(got, want) || j.Jobbfil != want[0] || j.PDF != want[1] {
		t.Errorf("files %v, want %v; the job says %s and %s", got, want, j.Jobbfil, j.PDF)
	}
	if alle, _ := h.jobber(t); alle[0].Tilstand != Levert || *alle[0].Kvittering.AntallArk != 4 {
		t.Errorf("job %+v", alle[0])
	}
}

func TestPrintPaaNyttNektes(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.opprett(t)
	h.kjor(t)
	nektes := func(navn, jobb, av string, kode feil.Kode) {
		t.Helper()
		if _, err := h.PrintPaaNytt(t.Context(), jobb, av); !feil.Er(err, kode) {
			t.Errorf("%s: %v", navn, err)
		}
	}
	forste := h.siste(t).ID
	nektes("not refused", forste, "operatør 7", feil.Konflikt)
	h.avvis(t)
	nektes("nobody asks", forste, "", feil.Ugyldig)
	nektes("unknown", uuid.NewString(), "operatør 7", feil.IkkeFunnet)
	if _, err := h.PrintPaaNytt(t.Context(), forste, "operatør 7"); err != nil {
		t.Fatal(err)
	}
	nektes("done before", forste, "operatør 7", feil.Konflikt)
	h.kjor(t)
	h.avvis(t)
	h.stopp(t, id)
	nektes("stopped", h.siste(t).ID, "operatør 7", feil.Konflikt)
}

func TestNewKrever(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	_, cert := leverandor()
	for navn, cfg := range map[string]Config{
		"certificate": {Ut: "ut", Inn: "inn"},
		"folder":      {Sertifikat: cert, Ut: "ut"},
		"own folder":  {Sertifikat: cert, Ut: "ut", Inn: "ut"},
	} {
		if _, err := New(h.Deps, cfg); err == nil {
			t.Errorf("%s: accepted", navn)
		}
	}
}

// What the channel never had is nothing to it.
func TestUkjent(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.skriv(t, func(tx *store.Tx) error {
		return h.Trekk(t.Context(), tx, levering.Levering{ID: uuid.NewString(), LeveranseID: uuid.NewString()})
	})
	if err := h.Kvitter(t.Context(), Kvittering{}); !feil.Er(err, feil.Ugyldig) {
		t.Errorf("an empty receipt: %v", err)
	}
	if _, err := h.Jobb(t.Context(), uuid.NewString()); !feil.Er(err, feil.IkkeFunnet) {
		t.Errorf("an unknown job: %v", err)
	}
}

// A letter that its maker has encrypted to the supplier goes byte for byte, without a
// cover, and the job file tells whose key it is encrypted to.
func TestFerdigKryptert(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	_, cert := leverandor()
	var b bytes.Buffer
	w, err := cms.NewWriter(&b, cert)
	if err == nil {
		_, err = w.Write([]byte(hemmeligInnhold))
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	h.brev.Filer = []levering.Fil{fil("brev.pdf", b.Bytes(), func(f *levering.Fil) { f.Kryptert = true })}
	h.opprett(t)
	h.kjor(t)
	j := h.siste(t)
	got, err := os.ReadFile(filepath.Join(h.mappe, j.PDF))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, b.Bytes()) {
		t.Error("the letter was changed")
	}
	raa, err := os.ReadFile(filepath.Join(h.mappe, j.Jobbfil))
	if err != nil {
		t.Fatal(err)
	}
	var jf jobbfil
	if err := json.Unmarshal(raa, &jf); err != nil {
		t.Fatal(err)
	}
	if want := (sertifikat{Issuer: cert.Issuer.String(), Serienummer: "4711"}); jf.Sertifikat != want || !jf.Ferdig || jf.AntallSider != 0 || jf.SHA256 != "" || jf.Mottaker.Navn != hemmeligNavn {
		t.Errorf("job file %s", raa)
	}
	if siste, err := h.SisteJobb(t.Context(), j.LeveranseID); err != nil || siste.ID != j.ID {
		t.Errorf("newest job %v %v", siste.ID, err)
	}
	if _, err := h.SisteJobb(t.Context(), "ukjent"); !feil.Er(err, feil.IkkeFunnet) {
		t.Errorf("unknown leveranse: %v", err)
	}
}

// What is no CMS is no letter: trying again would not help.
func TestIkkeKryptert(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.brev.Filer = []levering.Fil{fil("brev.pdf", sider(1, "klartekst"), func(f *levering.Fil) { f.Kryptert = true })}
	id := h.opprett(t)
	h.kjor(t)
	if l := h.levering(t, id); !l.Oppbrukt() || !strings.Contains(l.Grunn, "ikke kryptert") {
		t.Errorf("levering %+v", l)
	}
	if alle, _ := h.jobber(t); len(alle) != 0 {
		t.Errorf("jobs %v", alle)
	}
}
