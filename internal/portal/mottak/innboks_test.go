package mottak_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/portal/portaltest"
)

// The prescribed way: see, download, put it where it belongs, confirm.
func TestManueltMottak(t *testing.T) {
	t.Parallel()
	h, _ := hus(t)
	n := h.Som(t, kari)
	n.Get(t, "/mottak").Er(t, 200, "Ingenting venter på deg", "kl. 9, 12 og 15")
	n.Get(t, "/mottak/hentet").Er(t, 200, "Ingenting er hentet de siste 30 dagene")
	n.Get(t, "/").Er(t, 200, "Motta meldinger", `href="/mottak"`)
	id := h.Bekymring(t, portaltest.BydelV2, hemmelig)
	h.Frem(t, time.Minute)
	senere := h.Bekymring(t, portaltest.BydelV2, hemmelig)
	h.Bekymring(t, portaltest.BydelV1, hemmelig) // another office's
	her := "/mottak/meldinger/" + id

	// Wednesday 10 June at 10.00 is when the clock of the house starts.
	s := n.Get(t, "/mottak").Er(t, 200, id, senere, "Bekymringsmelding fra privatperson", "Sentrum (9901-01)", "Sendes som brev fredag 12. juni kl. 10<", ">Ny<")
	if strings.Index(s.HTML, id) > strings.Index(s.HTML, senere) || strings.Count(s.HTML, `<li class="ds-card">`) != 2 {
		t.Error("not the oldest first, or not two")
	}
	uten(t, s, "Advarsel", "Nord", "Lise", hemmelig)
	s = n.Get(t, her).Er(t, 200, id, "Slik gjør du", "Slett filen fra maskinen din", "Sendes som brev fredag 12. juni kl. 10", `href="`+her+`/pdf"`, `href="`+her+`/bekreft"`, `href="`+her+`/brev"`)
	uten(t, s, "Lise", hemmelig, "Lastet ned")
	n.Get(t, her+"/bekreft").Er(t, 200, "Ingen har lastet ned denne meldingen her ennå")

	for range 2 {
		p := n.Get(t, her+"/pdf").Er(t, 200)
		if !strings.HasPrefix(p.HTML, "%PDF-") || !bytes.HasSuffix([]byte(strings.TrimSpace(p.HTML)), []byte("%%EOF")) {
			t.Errorf("not a whole PDF: %d bytes", len(p.HTML))
		}
		for navn, want := range map[string]string{"Content-Type": "application/pdf", "Content-Disposition": `attachment; filename="bekymringsmelding-` + id + `.pdf"`, "Cache-Control": "no-store"} {
			if got := p.Header.Get(navn); got != want {
				t.Errorf("%s is %q", navn, got)
			}
		}
	}
	n.Get(t, "/mottak").Er(t, 200, id, ">Lastet ned<") // it confirms nothing
	n.Get(t, her).Er(t, 200, "Lastet ned første gang", "Slik gjør du")
	tilstander(t, h, id, "AKSEPTERT SENDT_FAGSYSTEM")

	n.Post(t, her+"/bekreft").Er(t, 422, "Feil:", "Kryss av for at meldingen ligger i fagsystemet", `href="#lagret"`)
	tilstander(t, h, id, "AKSEPTERT SENDT_FAGSYSTEM")
	for range 2 {
		n.Post(t, her+"/bekreft", "lagret", "ja").Til(t, her+"/bekreftet")
		n.Get(t, her+"/bekreftet").Er(t, 200, "Meldingen er bekreftet mottatt", id)
	}
	tilstander(t, h, id, levert)
	uten(t, n.Get(t, "/mottak").Er(t, 200, senere), id)
	n.Get(t, her+"/pdf").Til(t, her)
	uten(t, n.Get(t, her).Er(t, 200, "Meldingen er bekreftet mottatt", "Levert"), "/pdf", "Slik gjør du")
	n.Get(t, her+"/bekreft").Er(t, 200, "Meldingen venter ikke lenger")
	n.Get(t, her+"/brev").Er(t, 200, "Meldingen venter ikke lenger")
	n.Get(t, her+"/brevet").Til(t, her)
	n.Post(t, her+"/brev").Er(t, 409, "Meldingen venter ikke lenger", "bekreftet mottatt")
	n.Get(t, "/mottak/hentet").Er(t, 200, id, "Bekreftet mottatt", `href="`+her+`"`)
	vilRevidert(t, h, kari, id, "LASTET_NED", "LASTET_NED", "BEKREFTET", "BEKREFTET")
	for _, x := range []string{hemmelig, "Lise", kari} {
		if strings.Contains(h.Logg.B.String(), x) {
			t.Errorf("%q is in the log", x)
		}
	}
}

// What nobody confirms goes as a letter after two working days, and the page tells so.
func TestFristen(t *testing.T) {
	t.Parallel()
	h, _ := hus(t)
	til(t, h, "2026-06-12T15:00") // a Friday
	id := h.Bekymring(t, portaltest.BydelV2, hemmelig)
	n, her := h.Som(t, kari), "/mottak/meldinger/"+id
	n.Get(t, her+"/pdf").Er(t, 200)
	n.Get(t, "/mottak").Er(t, 200, "Sendes som brev tirsdag 16. juni kl. 15<")
	h.Frem(t, 2*time.Hour-time.Minute)
	uten(t, h.Som(t, kari).Get(t, "/mottak"), "Advarsel")
	h.Frem(t, time.Minute)
	h.Som(t, kari).Get(t, "/mottak").Er(t, 200, ">Advarsel<", "har ventet i over to timer")
	til(t, h, "2026-06-16T14:59")
	h.Som(t, kari).Get(t, "/mottak").Er(t, 200, id)
	til(t, h, "2026-06-16T15:00")
	tilstander(t, h, id, brev)
	n = h.Som(t, kari)
	uten(t, n.Get(t, "/mottak").Er(t, 200), id)
	n.Get(t, her).Er(t, 200, "Meldingen går som brev", "Sendt som brev")
	n.Get(t, her+"/bekreft").Er(t, 200, "Meldingen venter ikke lenger", "ikke ble bekreftet innen fristen")
	n.Post(t, her+"/bekreft", "lagret", "ja").Er(t, 409, "Meldingen venter ikke lenger", "Brevet kommer i posten")
	n.Get(t, her+"/bekreftet").Til(t, her)
	tilstander(t, h, id, brev)
	n.Get(t, "/mottak/hentet").Er(t, 200, id, "Sendt som brev")
}

func TestSendSomBrev(t *testing.T) {
	t.Parallel()
	h, k := hus(t)
	id := h.Bekymring(t, portaltest.BydelV2, hemmelig)
	n, her := h.Som(t, kari), "/mottak/meldinger/"+id
	n.Get(t, her+"/brev").Er(t, 200, "Send som brev i stedet", "Det tar noen dager", "Gjør du ingenting: Sendes som brev fredag 12. juni kl. 10.")
	for range 2 {
		n.Post(t, her+"/brev").Til(t, her+"/brevet")
		n.Get(t, her+"/brevet").Er(t, 200, "Meldingen sendes som brev")
	}
	portaltest.Must(t, h.Jobs.RunDue(t.Context()))
	tilstander(t, h, id, brev)
	jobber, err := k.Jobber(t.Context(), 10)
	portaltest.Must(t, err)
	if len(jobber) != 1 {
		t.Errorf("%d letters", len(jobber))
	}
	vilRevidert(t, h, kari, id, "SENDT_TIL_PRINT")
}

// Two who work at once: who comes first has decided, and the other is told.
func TestToSamtidig(t *testing.T) {
	t.Parallel()
	h, _ := hus(t)
	a, b := h.Som(t, kari), h.Som(t, ola)
	begge, forst := h.Bekymring(t, portaltest.BydelV2, hemmelig), h.Bekymring(t, portaltest.BydelV2, hemmelig)
	for _, n := range []*portaltest.Nettleser{a, b} {
		n.Get(t, "/mottak/meldinger/"+begge+"/bekreft").Er(t, 200, "Er meldingen lagret?")
	}
	a.Post(t, "/mottak/meldinger/"+begge+"/bekreft", "lagret", "ja").Til(t, "/mottak/meldinger/"+begge+"/bekreftet")
	b.Post(t, "/mottak/meldinger/"+begge+"/bekreft", "lagret", "ja").Til(t, "/mottak/meldinger/"+begge+"/bekreftet")
	b.Post(t, "/mottak/meldinger/"+begge+"/brev").Er(t, 409, "er bekreftet mottatt")
	a.Post(t, "/mottak/meldinger/"+forst+"/brev").Til(t, "/mottak/meldinger/"+forst+"/brevet")
	portaltest.Must(t, h.Jobs.RunDue(t.Context()))
	b.Post(t, "/mottak/meldinger/"+forst+"/bekreft", "lagret", "ja").Er(t, 409, "Meldingen går som brev")
	tilstander(t, h, begge, levert)
	tilstander(t, h, forst, brev)
	// While no letter is made yet, the word of who has it in the fagsystem counts.
	siste := h.Bekymring(t, portaltest.BydelV2, hemmelig)
	a.Post(t, "/mottak/meldinger/"+siste+"/brev").Til(t, "/mottak/meldinger/"+siste+"/brevet")
	b.Post(t, "/mottak/meldinger/"+siste+"/bekreft").Er(t, 409, "Meldingen går som brev")
	b.Post(t, "/mottak/meldinger/"+siste+"/bekreft", "lagret", "ja").Til(t, "/mottak/meldinger/"+siste+"/bekreftet")
	b.Get(t, "/mottak/meldinger/"+siste+"/bekreftet").Er(t, 200, "Meldingen er bekreftet mottatt")
	portaltest.Must(t, h.Jobs.RunDue(t.Context()))
	tilstander(t, h, siste, levert)
}

// A form that is sent after the login has run out is there again.
func TestUtlopt(t *testing.T) {
	t.Parallel()
	h, _ := hus(t)
	id := h.Bekymring(t, portaltest.BydelV2, hemmelig)
	her := "/mottak/meldinger/" + id + "/bekreft"
	n := h.Som(t, kari)
	n.Get(t, her).Er(t, 200)
	h.Klokke.Sett(h.Klokke.Now().Add(31 * time.Minute))
	n.Post(t, her, "lagret", "ja").Til(t, "/logg-inn?til="+her)
	tilstander(t, h, id, "AKSEPTERT SENDT_FAGSYSTEM")
	n.LoggInn(t, kari, 4, her)
	n.Get(t, her).Er(t, 200, `value="ja" checked`)
	n.Post(t, her, "lagret", "ja").Til(t, strings.TrimSuffix(her, "bekreft")+"bekreftet")
}

// What was sent while the office had another channel is not fetched here, and the list
// says why; what was sent for manual reception stays here when the channel is changed.
func TestAnnenKanal(t *testing.T) {
	t.Parallel()
	h, _ := hus(t)
	forst := h.Bekymring(t, portaltest.BydelV2, hemmelig)
	bytt(t, h, bekymringsmelding.KanalPrint, bekymringsmelding.FagsystemUkjent)
	annen := h.Bekymring(t, portaltest.BydelV2, hemmelig)
	bytt(t, h, bekymringsmelding.KanalManuell, bekymringsmelding.FagsystemManuell)
	n := h.Som(t, kari)
	uten(t, n.Get(t, "/mottak").Er(t, 200, forst), annen)
	uten(t, n.Get(t, "/mottak/hentet").Er(t, 200, annen, "Annen kanal", "tok imot på en annen måte"), forst, `href="/mottak/meldinger/`+annen)
	for _, sti := range []string{"", "/pdf", "/bekreft", "/brev"} {
		n.Get(t, "/mottak/meldinger/"+annen+sti).Er(t, 404)
	}
}
