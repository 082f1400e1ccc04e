package digisos

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/dokumentlager"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

func avstemSti(org string) string { return "/digisos/api/v1/avstemming/" + org }

const fagansvarlig = "fag@oslo.test"

// avstemmer turns reconciliation on in Oslo, as its administrator does.
func (h *hus) avstemmer(t testing.TB, kropp string) string {
	t.Helper()
	return h.gjor(t, adminOs, http.MethodPut, avstemSti(orgOslo)+"/oppsett", "application/json", []byte(kropp)).er(t, 200)
}

// omstart is the house after a restart of the platform.
func (h *hus) omstart(t testing.TB) *hus {
	t.Helper()
	h.Blobs.Wait()
	must(t, h.DB.Close())
	return byggHus(t, grunntest.Aapne(t, h.Dir, h.Grunn.Klokke, audit.Migrations(), organisasjon.Migrations(), dokumentlager.Migrations(),
		levering.Migrations(), fiksio.Migrations(), Migrations()))
}

// kvitter has the receiver confirm all that the channel has sent.
func (h *hus) kvitter(t testing.TB, k *kanal) {
	t.Helper()
	for _, s := range k.sett {
		h.write(t, func(tx *store.Tx) error {
			_, err := h.lev.Bekreft(t.Context(), tx, k.navn, s.l.LeveranseID)
			return err
		})
	}
}

// levert is a søknad that the fagsystem has acknowledged.
func (h *hus) levert(t testing.TB, fnr, ref string) string {
	t.Helper()
	id := h.nySoknad(t, fnr, ref)
	h.lever(t)
	h.kvitter(t, h.fiksIO)
	return id
}

type avvikWire struct {
	ID              string `json:"id"`
	DigisosID       string `json:"digisosId"`
	Type            string `json:"type"`
	NavEksternRefID string `json:"navEksternRefId"`
	LeveranseID     string `json:"leveranseId"`
	Kanal           string `json:"kanal"`
	PaaVei          bool   `json:"leveresPaaNytt"`
}

func (h *hus) avvik(t testing.TB) []avvikWire {
	t.Helper()
	return les[[]avvikWire](t, h.get(t, fagOslo, avstemSti(orgOslo)+"/avvik"), 200)
}

func (h *hus) avviksider(t testing.TB) (ut []string) {
	t.Helper()
	for _, a := range h.avvik(t) {
		ut = append(ut, a.ID)
	}
	return ut
}

func (h *hus) meld(t testing.TB, ider ...string) Avstemt {
	t.Helper()
	return les[Avstemt](t, h.post(t, fagOslo, avstemSti(orgOslo), `{"ider":["`+strings.Join(ider, `","`)+`"]}`), 200)
}

// varsler are the e-mails of gaps to a contact: when, and the text.
func (h *hus) varsler(t testing.TB, til string) (ut [][2]string) {
	t.Helper()
	alle, err := h.Epost.Alle(t.Context())
	must(t, err)
	for _, m := range alle {
		if m.Subject == "Søknader fra Fiks Digisos er levert, men ikke registrert" && slices.Equal(m.To, []string{til}) {
			ut = append(ut, [2]string{klokke.Oslo(m.Time).Format("2006-01-02T15:04"), m.Text})
		}
	}
	return ut
}

// avstemtLogg is "handling payload" of what was done about reconciliation, the oldest first.
func (h *hus) avstemtLogg(t testing.TB) (ut []string) {
	t.Helper()
	hs, err := h.revisjon.List(t.Context(), audit.Filter{FiksOrg: orgOslo})
	must(t, err)
	for _, e := range hs {
		if strings.Contains(e.Handling, "AVSTEM") || strings.Contains(e.Handling, "PAA_NYTT") {
			ut = append(ut, strings.TrimSpace(e.Handling+" "+e.Payload))
		}
	}
	return ut
}

// The incident: a fagsystem acknowledges nine søknader and stores six. Within a day the
// municipality is told which three, has them once more, and then there are no gaps. The
// platform is taken down in between.
func TestAvstemmingHendelsen(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	if got := h.avstemmer(t, `{"paa":true}`); got != `{"paa":true,"fra":"2026-06-10"}` {
		t.Fatal(got)
	}
	h.Frem(t, time.Hour)
	var alle []string
	for i := range 9 {
		alle = append(alle, h.nySoknad(t, kari, fmt.Sprintf("11000%d", i)))
	}
	h.lever(t)
	h.kvitter(t, h.fiksIO)
	lagret, tapt := alle[:6], slices.Clone(alle[6:])
	if ut := h.meld(t, lagret...); len(ut.Registrert) != 6 || ut.GjenstaaendeAvvik != 3 || len(ut.Ukjent)+len(ut.TidligereMeldt) != 0 {
		t.Errorf("%+v", ut)
	}
	slices.Sort(tapt)
	if got := h.avviksider(t); !slices.Equal(slices.Sorted(slices.Values(got)), tapt) {
		t.Fatalf("gaps %v", got)
	}

	h = h.omstart(t)
	h.Frem(t, 23*time.Hour)
	must(t, h.s.varsleAvvik(t.Context(), h.Grunn.Klokke.Now())) // of another process: once in a cluster
	varsler := h.varsler(t, fagansvarlig)
	if len(varsler) != 1 || varsler[0][0] != "2026-06-11T08:00" || !slices.Equal(h.varsler(t, "teknisk@oslo.test"), varsler) {
		t.Fatalf("told %v", varsler)
	}
	for i, id := range alle {
		if strings.Contains(varsler[0][1], id) != (i >= 6) {
			t.Errorf("%s in %s", id, varsler[0][1])
		}
	}
	for _, hemmelig := range []string{kari, "Kari", "Prøve", "Strøm", "Soknad.pdf"} {
		if strings.Contains(varsler[0][1], hemmelig) {
			t.Errorf("%q in an e-mail", hemmelig)
		}
	}
	if !strings.Contains(varsler[0][1], "3 forsendelser") || !strings.Contains(varsler[0][1], "under ett døgn siden") {
		t.Error(varsler[0][1])
	}

	for range 2 { // twice is once
		for _, id := range tapt {
			h.post(t, fagOslo, avstemSti(orgOslo)+"/avvik/"+id+"/lever", "").er(t, 204)
		}
		h.lever(t)
	}
	var igjen []string
	for _, s := range h.fiksIO.sett { // of this house, since the restart
		igjen = append(igjen, s.f.EksternRef)
		if s.filer["soknad.json"] != soknadJSON(kari) || s.l.Runde != 2 {
			t.Errorf("%+v", s.l)
		}
	}
	slices.Sort(igjen)
	if !slices.Equal(igjen, tapt) || len(h.svarUt.sett) != 0 {
		t.Errorf("delivered anew %v, %d by SvarUt", igjen, len(h.svarUt.sett))
	}
	for _, a := range h.avvik(t) {
		if !a.PaaVei {
			t.Errorf("%+v", a)
		}
	}
	h.kvitter(t, h.fiksIO)
	if got := h.avvik(t); len(got) != 3 || got[0].PaaVei {
		t.Errorf("a receipt is a proof: %+v", got)
	}
	ut := les[Avstemt](t, h.gjor(t, fagOslo, "POST", avstemSti(orgOslo), "text/plain", []byte("\ufeff"+strings.Join(tapt, "\r\n")+"\r\n"+strings.ToUpper(lagret[0])+"\r\n")), 200)
	if len(ut.Registrert) != 3 || len(ut.TidligereMeldt) != 1 || ut.GjenstaaendeAvvik != 0 {
		t.Errorf("%+v", ut)
	}
	h.post(t, fagOslo, avstemSti(orgOslo)+"/avvik/"+tapt[0]+"/lever", "").er(t, 409)
	h.Frem(t, 48*time.Hour)
	if got := h.avviksider(t); len(got) != 0 || len(h.varsler(t, fagansvarlig)) != 1 || len(h.svarUt.sett) != 0 {
		t.Errorf("gaps %v, told %d times, %d by SvarUt", got, len(h.varsler(t, fagansvarlig)), len(h.svarUt.sett))
	}
	want := []string{"DIGISOS_AVSTEMMING_SLAATT_PAA 2026-06-10", "DIGISOS_AVSTEMT " + strings.Join(lagret, ","),
		"DIGISOS_LEVERES_PAA_NYTT " + tapt[0], "DIGISOS_LEVERES_PAA_NYTT " + tapt[1], "DIGISOS_LEVERES_PAA_NYTT " + tapt[2],
		"DIGISOS_AVSTEMT " + strings.Join(tapt, ",")}
	if d := cmp.Diff(want, h.avstemtLogg(t)); d != "" {
		t.Error(d)
	}
}

// A redelivery that nobody answers falls back as ever; a receipt of before does not end it.
func TestAvstemmingFallerTilbake(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.avstemmer(t, `{"paa":true}`)
	id := h.levert(t, kari, "1")
	h.post(t, fagOslo, avstemSti(orgOslo)+"/avvik/"+id+"/lever", "").er(t, 204)
	h.lever(t)
	if len(h.fiksIO.sett) != 2 || h.fiksIO.sett[0].l.LeveranseID == h.fiksIO.sett[1].l.LeveranseID {
		t.Fatalf("%d by Fiks IO", len(h.fiksIO.sett))
	}
	h.write(t, func(tx *store.Tx) error {
		_, err := h.lev.Bekreft(t.Context(), tx, levering.KanalFiksIO, h.fiksIO.sett[0].l.LeveranseID)
		return err
	})
	h.Frem(t, 25*time.Hour)
	if len(h.svarUt.sett) != 1 {
		t.Fatalf("%d by SvarUt", len(h.svarUt.sett))
	}
	h.bekreft(t, h.svarUt)
	if got := h.avvik(t); len(got) != 1 || got[0].Kanal != "SVARUT" || got[0].LeveranseID != h.svarUt.sett[0].l.LeveranseID {
		t.Fatalf("%+v", got)
	}
	// It is known by each id that it came under; here the first.
	if ut := h.meld(t, h.fiksIO.sett[0].l.LeveranseID); len(ut.Registrert) != 1 || ut.GjenstaaendeAvvik != 0 {
		t.Errorf("%+v", ut)
	}
}

// Over the real Fiks IO the søknad lies in the queue once more, as another message.
func TestAvstemmingFiksIO(t *testing.T) {
	t.Parallel()
	f := nyttFagsystem(t)
	f.avstemmer(t, `{"paa":true}`)
	f.id = f.nySoknad(t, kari, "1")
	f.lever(t)
	forst, _ := f.levering(t)
	f.svarPa(t, forst.LeveranseID, TypeSoknadMottatt, "")
	f.post(t, adminOs, avstemSti(orgOslo)+"/avvik/"+f.id+"/lever", "").er(t, 204)
	f.lever(t)
	igjen, _ := f.levering(t)
	f.svarPa(t, forst.LeveranseID, TypeSoknadMottatt, "") // of the message of before
	if naa, _ := f.levering(t); igjen.LeveranseID == forst.LeveranseID || igjen.Kanal != levering.KanalFiksIO || naa.Tilstand != levering.Sendt {
		t.Fatalf("first %+v, again %+v", forst, naa)
	}
	ms, err := f.broker().Ready(t.Context(), fiksio.Ko(kontoFag), 0, 10)
	if err != nil || len(ms) != 2 {
		t.Errorf("%d messages, %v", len(ms), err)
	}
	f.svarPa(t, igjen.LeveranseID, TypeSoknadMottatt, "")
	if naa, _ := f.levering(t); naa.Tilstand != levering.Bekreftet || len(f.avviksider(t)) != 1 || len(f.svarUt.sett) != 0 {
		t.Errorf("%+v", naa)
	}
}

// Each way that a fagsystem can name something, and what it cannot name.
func TestAvstemmingIder(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.avstemmer(t, `{"paa":true}`)
	a, b := h.levert(t, kari, "11A"), h.levert(t, kari, "11B")
	for sak, ref := range map[string]string{a: "felles", b: "felles"} {
		h.ettersend(t, kari, sak, ref, "a.pdf").er(t, 202)
	}
	h.ettersend(t, kari, a, "11A0001", "a.pdf").er(t, 202)
	h.klag(t, a)
	h.lever(t)
	h.kvitter(t, h.fiksIO)
	h.kvitter(t, h.svarUt)
	avvik := h.avvik(t)
	typer := map[string]int{}
	for _, x := range avvik {
		typer[x.Type]++
	}
	if d := cmp.Diff(map[string]int{"SOKNAD": 2, "ETTERSENDELSE": 3, "KLAGE": 1}, typer); d != "" {
		t.Fatal(d)
	}
	i := slices.IndexFunc(avvik, func(x avvikWire) bool { return x.NavEksternRefID == "felles" })
	k := slices.IndexFunc(avvik, func(x avvikWire) bool { return x.Type == "KLAGE" })
	ukjent := uuid.NewString()
	ut := h.meld(t, "11B", "felles", "11A0001", avvik[i].LeveranseID, avvik[k].ID, ukjent, strings.ToUpper(ukjent), kari, "tull og tøys", b)
	want := Avstemt{Registrert: []string{"11B", "11A0001", avvik[i].LeveranseID, avvik[k].ID}, TidligereMeldt: []string{},
		Ukjent: []string{ugyldigID, ukjent, ugyldigID, ugyldigID}, GjenstaaendeAvvik: 2}
	if d := cmp.Diff(want, ut); d != "" {
		t.Error(d)
	}
	// The DigisosId of a case is its søknad, and not what came later.
	if ut := h.meld(t, a); len(ut.Registrert) != 1 || ut.GjenstaaendeAvvik != 1 {
		t.Errorf("%+v", ut)
	}
}

// To have registered it is more than a receipt: it is delivered, nothing more is sent,
// and what comes later still refers to it as it went.
func TestRegistrertUtenKvittering(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "1")
	h.lever(t)
	if ut := h.meld(t, id); len(ut.Registrert) != 1 {
		t.Fatalf("%+v", ut)
	}
	h.Frem(t, 48*time.Hour)
	st, err := h.s.NavStatus(t.Context(), []string{id}, "1")
	must(t, err)
	if !st[0].LevertFagsystem || len(h.svarUt.sett) != 0 {
		t.Errorf("levert %t, %d by SvarUt", st[0].LevertFagsystem, len(h.svarUt.sett))
	}
	h.ettersend(t, kari, id, "10001", "a.pdf").er(t, 202)
	h.lever(t)
	if len(h.fiksIO.sett) != 2 || !strings.Contains(h.fiksIO.sett[1].filer["forsendelseMetadata.json"], h.fiksIO.sett[0].l.LeveranseID) {
		t.Error("the ettersendelse does not refer to its søknad")
	}
}

// A person has closed the delivery, and yet it came.
func TestStoppetOgRegistrert(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.avstemmer(t, `{"paa":true}`)
	id := h.nySoknad(t, kari, "1")
	h.lever(t)
	must(t, h.lev.Stopp(t.Context(), id, "operator", "ved en feil"))
	if got := h.avviksider(t); len(got) != 0 {
		t.Errorf("gaps %v", got)
	}
	h.meld(t, id)
	st, err := h.s.NavStatus(t.Context(), []string{id}, "1")
	must(t, err)
	if !st[0].LevertFagsystem || len(h.avviksider(t)) != 0 {
		t.Error("not delivered, or a gap")
	}
}

// The fagsystem's own act on a case shows that it has the søknad, and nothing of what
// came later; a redelivery that was stopped can be asked for again.
func TestFagsystemetHar(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.avstemmer(t, `{"paa":true}`)
	a, b, c := h.levert(t, kari, "1"), h.levert(t, kari, "2"), h.levert(t, kari, "3")
	h.ettersend(t, kari, a, "10001", "a.pdf").er(t, 202)
	h.lever(t)
	h.kvitter(t, h.fiksIO)
	h.oppdater(t, a, `{"tull":1}`).er(t, 400) // nothing was done
	if got := h.avviksider(t); len(got) != 4 {
		t.Fatalf("gaps %v", got)
	}
	h.oppdater(t, a, sokerJSON("")).er(t, 202)
	h.lastOpp(t, b, "brev.pdf")
	got := h.avvik(t)
	if len(got) != 2 || got[0].ID != c && got[1].ID != c || got[0].Type != "ETTERSENDELSE" && got[1].Type != "ETTERSENDELSE" {
		t.Errorf("gaps %+v", got)
	}
	if ut := h.meld(t, a, b); len(ut.TidligereMeldt) != 2 {
		t.Errorf("%+v", ut)
	}
	for range 2 {
		h.post(t, fagOslo, avstemSti(orgOslo)+"/avvik/"+c+"/lever", "").er(t, 204)
		h.lever(t)
		must(t, h.lev.Stopp(t.Context(), c, "operator", "mottakeren er nede"))
	}
	if n := len(h.fiksIO.sett); n != 6 { // three søknader, an ettersendelse, and twice anew
		t.Errorf("%d sent", n)
	}
	// A case on paper has no søknad of NAV's.
	papir := les[string](t, h.post(t, fagOslo, "/digisos/api/v1/"+orgOslo+"/ny?sokerFnr="+ola, ""), 200)
	h.oppdater(t, papir, sokerJSON("")).er(t, 202)
	if n := h.antall(t, `digisos_utlevert WHERE sak_id = $1`, papir); n != 0 {
		t.Errorf("%d rows", n)
	}
}

// Off, which it is until it is turned on: no gaps, no e-mail, and nothing from before
// that day counts. What is told is remembered all the same.
func TestAvstemmingAv(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	if got := h.get(t, fagOslo, avstemSti(orgOslo)+"/oppsett").er(t, 200); got != `{"paa":false}` {
		t.Error(got)
	}
	forst, meldt := h.levert(t, kari, "1"), h.levert(t, kari, "2")
	if ut := h.meld(t, meldt); len(ut.Registrert) != 1 || ut.GjenstaaendeAvvik != 0 {
		t.Errorf("%+v", ut)
	}
	h.post(t, fagOslo, avstemSti(orgOslo)+"/avvik/"+forst+"/lever", "").er(t, 409)
	h.Frem(t, 72*time.Hour)
	if len(h.avvik(t)) != 0 || len(h.varsler(t, fagansvarlig)) != 0 {
		t.Error("told while it is off")
	}
	for kropp, want := range map[string]int{
		`{"fra":"2026-06-10"}`: 400, `{"paa":true,"fra":"10.06.2026"}`: 400, `{"paa":true,"fra":"2026-06-14"}`: 400, `{"paa":"ja"}`: 400, `{"paa":true,"fra":"0001-01-01"}`: 400,
	} {
		h.gjor(t, adminOs, http.MethodPut, avstemSti(orgOslo)+"/oppsett", "application/json", []byte(kropp)).er(t, want)
	}
	for range 2 { // twice is once
		if got := h.avstemmer(t, `{"paa":true}`); got != `{"paa":true,"fra":"2026-06-13"}` {
			t.Error(got)
		}
	}
	siden := h.levert(t, kari, "3")
	if got := h.avviksider(t); len(got) != 1 || got[0] != siden {
		t.Errorf("gaps %v", got)
	}
	// Further back, all that is not told counts; and forward only when that closes nothing.
	h.avstemmer(t, `{"paa":true,"fra":"2026-06-01"}`)
	if got := h.avviksider(t); len(got) != 2 || got[0] != forst {
		t.Errorf("gaps %v", got)
	}
	h.gjor(t, adminOs, http.MethodPut, avstemSti(orgOslo)+"/oppsett", "application/json", []byte(`{"paa":true,"fra":"2026-06-13"}`)).er(t, 409)
	h.Frem(t, 24*time.Hour)
	if n := len(h.varsler(t, fagansvarlig)); n != 2 { // of the old one at once, and the next morning
		t.Errorf("told %d times", n)
	}
	_, err := h.s.SlettKonfigurasjon(t.Context(), orgOslo)
	if !feil.Er(err, feil.Ugyldig) || !strings.Contains(err.Error(), "ikke meldt registrert") {
		t.Errorf("deleted with gaps: %v", err)
	}
	if got := h.avstemmer(t, `{"paa":false}`); got != `{"paa":false,"fra":"2026-06-01"}` {
		t.Error(got)
	}
	h.Frem(t, 72*time.Hour)
	if len(h.avvik(t)) != 0 || len(h.varsler(t, fagansvarlig)) != 2 {
		t.Error("told while it is off")
	}
	want := []string{"DIGISOS_AVSTEMT " + meldt, "DIGISOS_AVSTEMMING_SLAATT_PAA 2026-06-13", "DIGISOS_AVSTEMMING_SLAATT_PAA 2026-06-01", "DIGISOS_AVSTEMMING_SLAATT_AV 2 avvik"}
	if d := cmp.Diff(want, h.avstemtLogg(t)); d != "" {
		t.Error(d)
	}
}

// The content stays while a gap is open, however old; then it goes as all else does.
func TestAvvikHolderInnholdet(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, Config{Sakslevetid: 20 * 24 * time.Hour})
	h.avstemmer(t, `{"paa":true}`)
	tapt, ok := h.levert(t, kari, "1"), h.levert(t, kari, "2")
	h.meld(t, ok)
	h.Frem(t, 40*24*time.Hour)
	h.get(t, innbygger(kari), "/digisos/api/v1/soknader/"+ok).er(t, 410)
	h.sak(t, kari, tapt)
	h.post(t, fagOslo, avstemSti(orgOslo)+"/avvik/"+tapt+"/lever", "").er(t, 204)
	h.lever(t)
	if s := h.fiksIO.sett[len(h.fiksIO.sett)-1]; s.f.EksternRef != tapt || s.filer["soknad.json"] != soknadJSON(kari) {
		t.Error("not delivered again")
	}
	h.meld(t, tapt)
	h.Frem(t, 24*time.Hour)
	h.get(t, innbygger(kari), "/digisos/api/v1/soknader/"+tapt).er(t, 410)
	if n := h.antall(t, "digisos_utlevert") + h.antall(t, "digisos_leveranse"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	if ut := h.meld(t, tapt); len(ut.Ukjent) != 1 {
		t.Errorf("%+v", ut)
	}
}

// A test of the set-up is never a gap, and is known by no id.
func TestProveAvstemmesIkke(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.avstemmer(t, `{"paa":true}`)
	id := h.prov(t, orgOslo)
	h.lever(t)
	h.kvitter(t, h.fiksIO)
	h.oppdater(t, id, sokerJSON("")).er(t, 202)
	if ut := h.meld(t, id, ProveRef+id, h.fiksIO.sett[0].l.LeveranseID); len(ut.Ukjent) != 3 || len(h.avvik(t)) != 0 || h.antall(t, "digisos_utlevert") != 0 {
		t.Errorf("%+v", ut)
	}
}

// Another municipality's is unknown, and stays as it was.
func TestAvstemmingAndres(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.avstemmer(t, `{"paa":true}`)
	id := h.levert(t, kari, "1")
	for _, c := range []struct {
		hvem   auth.Caller
		org    string
		status int
	}{{fagOslo, orgOslo, 200}, {adminOs, orgOslo, 200}, {fagBerg, orgOslo, 403}, {fagOslo, orgBergen, 403}, {nav, orgOslo, 403}, {innbygger(kari), orgOslo, 403}, {anonym, orgOslo, 401}, {fagOslo, orgNAV, 403}, {fagOslo, "x", 400}} {
		if s := h.get(t, c.hvem, avstemSti(c.org)+"/avvik"); s.Code != c.status {
			t.Errorf("%s as %s: %d", c.org, c.hvem.Slag, s.Code)
		}
	}
	ut := les[Avstemt](t, h.post(t, fagBerg, avstemSti(orgBergen), `["`+id+`","1","`+h.fiksIO.sett[0].l.LeveranseID+`"]`), 200)
	if len(ut.Ukjent) != 3 || len(ut.Registrert) != 0 {
		t.Errorf("%+v", ut)
	}
	h.post(t, fagBerg, avstemSti(orgBergen)+"/avvik/"+id+"/lever", "").er(t, 404)
	h.post(t, fagOslo, avstemSti(orgOslo)+"/avvik/"+ukjentID+"/lever", "").er(t, 404)
	h.post(t, fagOslo, avstemSti(orgOslo)+"/avvik/x/lever", "").er(t, 400)
	h.post(t, fagOslo, avstemSti(orgOslo), `[]`).er(t, 400)
	h.gjor(t, fagOslo, http.MethodPut, avstemSti(orgOslo)+"/oppsett", "application/json", []byte(`{"paa":false}`)).er(t, 403) // what is controlled
	if got := h.avviksider(t); len(got) != 1 {
		t.Errorf("gaps %v", got)
	}
}

// What a person may reconcile, for the pages.
func TestAvstemmingFor(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.avstemmer(t, `{"paa":true}`)
	h.write(t, func(tx *store.Tx) error {
		return h.org.GiTilgang(t.Context(), tx, adminOs, adminOs.Fnr, auth.Admin, orgOslo)
	})
	gammel := h.levert(t, kari, "1")
	h.Frem(t, 31*24*time.Hour)
	ny := h.levert(t, kari, "2")
	h.nySoknad(t, kari, "3")
	h.lever(t)
	h.meld(t, ny)
	alle, err := h.s.AvstemmingFor(t.Context(), adminOs)
	must(t, err)
	if len(alle) != 1 {
		t.Fatalf("%+v", alle)
	}
	k := alle[0]
	if k.FiksOrgID != orgOslo || k.Navn != "Oslo" || k.Kommunenummer != "0301" || !k.Paa || dato(k.Fra) != "2026-06-10" ||
		k.Sendt != 2 || k.Bekreftet != 1 || k.Registrert != 1 || k.AntallAvvik != 1 || len(k.Avvik) != 1 || k.Avvik[0].ID != gammel {
		t.Errorf("%+v", k)
	}
	lav := adminOs
	lav.Niva = 3
	for _, hvem := range []auth.Caller{lav, fagOslo, {Slag: auth.Person, Fnr: kari, Niva: 4}} {
		if alle, err := h.s.AvstemmingFor(t.Context(), hvem); err != nil || len(alle) != 0 {
			t.Errorf("%+v, %v", alle, err)
		}
	}
}

// The duty and the list are held to their index.
func TestAvvikErIndeksert(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	if plan := h.Plan(t, `SELECT count(*) `+apneAvvik+` AND u.fiks_org_id = $1`, orgOslo); !strings.Contains(plan, "digisos_utlevert_apen") {
		t.Error(plan)
	}
}
