package bekymringsmelding

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/blob"
	"knutepunkt/internal/svarut/print"
)

func avstemSti(bydel string) string {
	return "/bekymringsmelding/api/v1/avstemming/" + orgBergen + "/" + bydel
}

func (h *hus) avvikI(t testing.TB, bydel string) (ut []string) {
	t.Helper()
	for _, a := range les[[]struct {
		ID string `json:"bekymringsmeldingId"`
	}](t, h.get(t, fag, avstemSti(bydel)+"/avvik"), 200) {
		ut = append(ut, a.ID)
	}
	return ut
}

func (h *hus) finnes(t testing.TB, m Melding) bool {
	t.Helper()
	r, err := h.Blobs.Open(t.Context(), m.asiceBlob, 0)
	if errors.Is(err, blob.ErrIkkeFunnet) {
		return false
	}
	must(t, err)
	must(t, r.Close())
	return true
}

// The lesson of §12: what a system has confirmed and not stored is a gap, its content
// stays, people hear of it each day, and it can be delivered again.
func TestAvstemming(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	tapt, ok := h.send(t, bydelFiksIO), h.send(t, bydelFiksIO)
	for _, id := range []string{tapt, ok} {
		h.svarFra(t, kontoBergen, typeMottatt, h.fiksioID(t, id), nil)
	}
	if got := h.avvikI(t, bydelFiksIO); len(got) != 2 {
		t.Fatalf("gaps %v", got)
	}
	ut := les[Avstemt](t, h.post(t, fag, avstemSti(bydelFiksIO), `{"ider":["`+ok+`","`+strings.ToUpper(ok)+`","`+uuid.NewString()+`","tull"]}`), 200)
	if len(ut.Registrert) != 1 || ut.Registrert[0] != ok || len(ut.Ukjent) != 2 || ut.GjenstaaendeAvvik != 1 || strings.Contains(strings.Join(ut.Ukjent, ""), "tull") {
		t.Errorf("answer %+v", ut)
	}
	if got := h.avvikI(t, bydelFiksIO); len(got) != 1 || got[0] != tapt {
		t.Fatalf("gaps %v", got)
	}
	h.Frem(t, 30*24*time.Hour)
	h = h.omstart(t)
	h.kjor(t)
	m, n := h.melding(t, tapt), h.melding(t, ok)
	if n.Slettet.IsZero() || h.finnes(t, n) || n.FraOrg != "" || n.KontoID != "" {
		t.Errorf("what is reconciled is not deleted: %+v", n)
	}
	if !m.Slettet.IsZero() || !h.finnes(t, m) {
		t.Error("the content of a gap is gone")
	}
	if got := h.epost(t, "kontakt@bergen.test"); len(got) < 20 || !strings.HasPrefix(got[0], "2026-06-11T08:00 Bekymringsmeldinger er levert, men ikke registrert") {
		t.Errorf("told %v", got)
	}
	alle, err := h.Epost.Alle(t.Context())
	must(t, err)
	if tekst := alle[len(alle)-1].Text; !strings.Contains(tekst, tapt) || strings.Contains(tekst, ok) {
		t.Errorf("text %q", tekst)
	}

	// Once more, under the same id.
	for range 2 {
		h.post(t, fag, avstemSti(bydelFiksIO)+"/avvik/"+tapt+"/lever", "").er(t, 204)
		h.kjor(t)
	}
	ko := h.iKoen(t)
	sist := ko[len(ko)-1]
	if hode(sist, headerMelding) != tapt || hode(sist, "melding-id") == h.fiksioID(t, tapt) || len(h.kropp(t, sist)) == 0 {
		t.Error("it was not delivered again, under the same id and in a new message")
	}
	h.vil(t, tapt, "AKSEPTERT SENDT_FAGSYSTEM LEVERT") // as the sender sees it, it is final
	h.svarFra(t, kontoBergen, typeMottatt, hode(sist, "melding-id"), nil)
	if got := h.avvikI(t, bydelFiksIO); len(got) != 1 {
		t.Error("a receipt closed the gap")
	}
	ut = les[Avstemt](t, h.gjor(t, fag, "POST", avstemSti(bydelFiksIO), "text/plain", []byte("\ufeff"+tapt+"\r\n"+ok+"\r\n")), 200)
	if len(ut.Registrert) != 1 || len(ut.TidligereMeldt) != 1 || ut.GjenstaaendeAvvik != 0 {
		t.Errorf("answer %+v", ut)
	}
	h.post(t, fag, avstemSti(bydelFiksIO)+"/avvik/"+tapt+"/lever", "").er(t, 409)
	h.Frem(t, 31*24*time.Hour)
	if m = h.melding(t, tapt); m.Slettet.IsZero() || h.finnes(t, m) {
		t.Error("the content is kept for ever")
	}
	// What is left: id, bydel, type, states, and of the times the days.
	if !m.Innsendt.Equal(oslotid(t, "2026-06-10T00:00")) || !m.Levert.Equal(oslotid(t, "2026-06-10T00:00")) || h.antall(t, "bekymring_hendelse WHERE melding_id = '"+tapt+"' AND tidspunkt % 3600000000 <> 0") != 0 {
		t.Errorf("times %v and %v are left", m.Innsendt, m.Levert)
	}
	if m.Bydelsnavn != "Bydel 01" || m.Type != "OFFENTLIG" || m.Levert.IsZero() || m.asiceBlob != "" || m.pdfBlob != "" {
		t.Errorf("left: %+v", m)
	}
	if hist := h.get(t, operator, adminV2+"/historikk/"+tapt).er(t, 200); !strings.Contains(hist, `"state":"LEVERT"`) || strings.Contains(hist, kontoBergen) {
		t.Errorf("history %s", hist)
	}
	h.lekker(t, kjenneord)
}

// The redelivery goes its whole way: to a letter, when the fagsystem is silent.
func TestLeverPaaNyttTilBrev(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.send(t, bydelSvarInn)
	h.leser(t, "POST", "/kvitterMottak/forsendelse/"+id, "").er(t, 200)
	h.post(t, fag, avstemSti(bydelSvarInn)+"/avvik/"+id+"/lever", "").er(t, 204)
	h.kjor(t)
	if n := len(les[[]any](t, h.leser(t, "GET", liste, ""), 200)); n != 1 {
		t.Fatalf("%d in the list", n)
	}
	h = h.omstart(t)
	h.Frem(t, 49*time.Hour)
	if n := len(h.jobber(t)); n != 1 {
		t.Errorf("%d letters", n)
	}
	h.vil(t, id, "AKSEPTERT SENDT_FAGSYSTEM LEVERT")
}

// To have registered it is more than a receipt: it is delivered, and no letter comes.
func TestRegistrertUtenKvittering(t *testing.T) {
	t.Parallel()
	for _, bydel := range []string{bydelFiksIO, bydelSvarInn, bydelManuell, bydelPrint} {
		h := nyttHus(t)
		id := h.send(t, bydel)
		ut := les[Avstemt](t, h.post(t, fag, avstemSti(bydel), `["`+id+`"]`), 200)
		if len(ut.Registrert) != 1 {
			t.Errorf("%+v", ut)
		}
		h.Frem(t, 72*time.Hour)
		if got := h.tilstander(t, id); !strings.HasSuffix(got, " LEVERT") || bydel != bydelPrint && strings.Contains(got, "PRINT") {
			t.Errorf("states %s", got)
		}
		if len(h.avvikI(t, bydel)) != 0 {
			t.Error("a gap")
		}
	}
}

// A person who has confirmed by hand has said that it is stored: there is no gap.
func TestBekreftetErAvstemt(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.send(t, bydelManuell)
	must(t, h.s.Bekreft(t.Context(), bruker, id))
	if got := h.avvikI(t, bydelManuell); len(got) != 0 {
		t.Errorf("gaps %v", got)
	}
	h.Frem(t, 30*24*time.Hour-time.Minute)
	if !h.finnes(t, h.melding(t, id)) {
		t.Error("deleted too early")
	}
	h.Frem(t, time.Minute)
	if m := h.melding(t, id); m.Slettet.IsZero() {
		t.Error("not deleted")
	}
}

// What is not delivered is never deleted, however old.
func TestUlevertSlettesIkke(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.send(t, bydelPrint)
	h.Frem(t, 400*24*time.Hour)
	if m := h.melding(t, id); !m.Slettet.IsZero() || !h.finnes(t, m) {
		t.Error("deleted")
	}
}

func TestAvstemmingTilgang(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.send(t, bydelFiksIO)
	for _, c := range []struct {
		hvem   auth.Caller
		sti    string
		status int
	}{
		{fag, avstemSti(bydelFiksIO), 200}, {bruker, avstemSti(bydelFiksIO), 200}, {skole, avstemSti(bydelFiksIO), 403}, {melder, avstemSti(bydelFiksIO), 403},
		{anonym, avstemSti(bydelFiksIO), 401}, {portal, avstemSti(bydelFiksIO), 403}, {fag, avstemSti("77"), 403},
		{fag, strings.Replace(avstemSti(bydelFiksIO), orgBergen, orgOslo, 1), 403}, {fag, strings.Replace(avstemSti(bydelFiksIO), orgBergen, "x", 1), 400},
	} {
		if s := h.post(t, c.hvem, c.sti, `["`+uuid.NewString()+`"]`); s.Code != c.status {
			t.Errorf("%s as %s: %d, want %d", c.sti, c.hvem.Slag, s.Code, c.status)
		}
	}
	// Of another bydel it is unknown, and stays as it was.
	if ut := les[Avstemt](t, h.post(t, fag, avstemSti(bydelManuell), `["`+id+`"]`), 200); len(ut.Ukjent) != 1 {
		t.Errorf("%+v", ut)
	}
	h.post(t, fag, avstemSti(bydelManuell)+"/avvik/"+id+"/lever", "").er(t, 404)
	h.post(t, fag, avstemSti(bydelFiksIO)+"/avvik/"+id+"/lever", "").er(t, 409) // not delivered yet
	h.post(t, fag, avstemSti(bydelFiksIO), `[]`).er(t, 400)
	h.post(t, fag, avstemSti(bydelFiksIO), `{`).er(t, 400)
	h.vil(t, id, "AKSEPTERT SENDT_FAGSYSTEM")
}

// To reconcile as a person one must hold the privilege on the bydel itself: an
// administrator who has not taken it cannot make a report disappear.
func TestAvstemmingAvPersoner(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.send(t, bydelManuell)
	h.post(t, admin, avstemSti(bydelManuell), `["`+id+`"]`).er(t, 403)
	h.get(t, admin, avstemSti(bydelManuell)+"/avvik").er(t, 403)
	h.post(t, admin, avstemSti(bydelManuell)+"/avvik/"+id+"/lever", "").er(t, 403)
	h.vil(t, id, "AKSEPTERT SENDT_FAGSYSTEM")
	if ut := les[Avstemt](t, h.post(t, bruker, avstemSti(bydelManuell), `["`+id+`"]`), 200); len(ut.Registrert) != 1 {
		t.Errorf("%+v", ut)
	}
}

// A letter of a redelivery that the printer refuses is printed anew when a person says so;
// to the sender the report stays delivered.
func TestLeverPaaNyttAvvistBrev(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.send(t, bydelPrint)
	sett := map[string]bool{}
	nye := func() (ut []string) { // jobs that were not there before
		t.Helper()
		for _, j := range h.jobber(t) {
			if !sett[j.ID] {
				sett[j.ID] = true
				ut = append(ut, j.ID)
			}
		}
		return ut
	}
	ny := func() string {
		t.Helper()
		ut := nye()
		if len(ut) != 1 {
			t.Fatalf("%d new letters", len(ut))
		}
		return ut[0]
	}
	h.kvitterPrint(t, ny(), print.Levert)
	h.post(t, fag, avstemSti(bydelPrint)+"/avvik/"+id+"/lever", "").er(t, 204)
	h.kjor(t)
	h.kvitterPrint(t, ny(), print.Avvist)
	h.post(t, operator, adminV2+"/send/"+id, "").er(t, 204)
	h.kjor(t)
	igjen := ny()
	h.post(t, operator, adminV2+"/send/"+id, "").er(t, 204) // its letter is under way
	h.kjor(t)
	if ut := nye(); len(ut) != 0 {
		t.Errorf("%d letters more", len(ut))
	}
	h.kvitterPrint(t, igjen, print.Levert)
	h.vil(t, id, "AKSEPTERT SENDT_PRINT LEVERT")
	if got := h.avvikI(t, bydelPrint); len(got) != 1 {
		t.Errorf("gaps %v", got)
	}
}

// The audit log does not say that a receipt counted which came too late.
func TestForSenKvitteringIRevisjonen(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.send(t, bydelManuell)
	h.Frem(t, 49*time.Hour)
	if err := h.s.Bekreft(t.Context(), bruker, id); err == nil {
		t.Fatal("confirmed though a letter has gone")
	}
	for handling, want := range map[string]int{"BEKYMRINGSMELDING_BEKREFTET": 0, "BEKYMRINGSMELDING_BEKREFTET_FOR_SENT": 1} {
		if n := h.antall(t, "audit_hendelser WHERE handling = '"+handling+"'"); n != want {
			t.Errorf("%d of %s", n, handling)
		}
	}
}
