package digisos

import (
	"slices"
	"strings"
	"testing"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

const avstemSti = "/digisos/api/v1/avstemming/" + orgOslo

// avstemmer turns reconciliation on for Oslo.
func (h *hus) avstemmer(t testing.TB) {
	t.Helper()
	h.gjor(t, adminOs, "PUT", "/digisos/api/v1/konfigurasjon/"+orgOslo+"/avstemming", "application/json", []byte(`{"paa":true}`)).er(t, 200)
}

// avvikene are the ids of Oslo's gaps.
func (h *hus) avvikene(t testing.TB) (ut []string) {
	t.Helper()
	for _, a := range les[[]struct{ ID string }](t, h.get(t, fagOslo, avstemSti+"/avvik"), 200) {
		ut = append(ut, a.ID)
	}
	return ut
}

func (h *hus) meld(t testing.TB, ider ...string) Avstemt {
	t.Helper()
	return les[Avstemt](t, h.gjor(t, fagOslo, "POST", avstemSti, "text/plain", []byte(strings.Join(ider, "\r\n"))), 200)
}

// levert sends, has the channel take it, and confirms it.
func (h *hus) levert(t testing.TB, fnr, ref string) string {
	t.Helper()
	id := h.nySoknad(t, fnr, ref)
	h.lever(t)
	h.bekreft(t, h.fiksIO)
	return id
}

func (h *hus) epost(t testing.TB) (ut []string) {
	t.Helper()
	alle, err := h.Epost.Alle(t.Context())
	must(t, err)
	for _, m := range alle {
		if strings.Contains(m.Subject, "ikke registrert") {
			ut = append(ut, strings.Join(m.To, ",")+"\n"+m.Text)
		}
	}
	return ut
}

// A fagsystem acknowledges nine søknader and has lost three: within a day the municipality
// knows which, has them delivered again, and each gap stays until it says that it has it.
func TestAvstemming(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.avstemmer(t)
	var alle, tapt, har []string
	for nr := range 9 {
		id := h.levert(t, kari, "11000000"+string(rune('0'+nr)))
		if alle = append(alle, id); nr%3 == 2 {
			tapt = append(tapt, id)
		} else {
			har = append(har, id)
		}
	}
	slices.Sort(tapt)
	if ut := h.meld(t, har...); len(ut.Registrert) != 6 || ut.GjenstaaendeAvvik != 3 {
		t.Errorf("%+v", ut)
	}
	if got := h.avvikene(t); !slices.Equal(slices.Sorted(slices.Values(got)), tapt) {
		t.Fatalf("gaps %v, want %v", got, tapt)
	}
	h.Frem(t, 24*time.Hour)
	brev := slices.Sorted(slices.Values(h.epost(t))) // one to each
	if len(brev) != 2 || !strings.HasPrefix(brev[0], "fag@oslo.test\n") || !strings.HasPrefix(brev[1], "teknisk@oslo.test\n") || strings.Contains(brev[0], kari) {
		t.Fatalf("told %q", brev)
	}
	for _, id := range alle {
		if strings.Contains(brev[0], id) != slices.Contains(tapt, id) {
			t.Errorf("%s is or is not in the e-mail", id)
		}
	}
	sendt := len(h.fiksIO.sett)
	for _, id := range tapt {
		for range 2 {
			h.post(t, fagOslo, avstemSti+"/avvik/"+id+"/lever", "").er(t, 204)
		}
		h.lever(t)
		h.bekreft(t, h.fiksIO)
	}
	igjen := h.fiksIO.sett[sendt:]
	if len(igjen) != 3 || igjen[0].l.KildeID != tapt[0] || len(igjen[0].filer) < 5 {
		t.Errorf("%d came again", len(igjen))
	}
	if got := h.avvikene(t); len(got) != 3 {
		t.Errorf("a receipt closed a gap: %v", got)
	}
	if got := h.post(t, nav, "/digisos/api/v1/nav/soknader/status?sporingsId=x", `{"digisosIdListe":["`+tapt[0]+`"]}`).er(t, 200); !strings.Contains(got, `"levertFagsystem":true`) {
		t.Errorf("to NAV it is %s", got)
	}
	if ut := h.meld(t, tapt...); len(ut.Registrert) != 3 || ut.GjenstaaendeAvvik != 0 {
		t.Errorf("%+v", ut)
	}
	if ut := h.meld(t, alle...); len(ut.TidligereMeldt) != 9 {
		t.Errorf("%+v", ut)
	}
	h.post(t, fagOslo, avstemSti+"/avvik/"+tapt[0]+"/lever", "").er(t, 409)
	h.Frem(t, 48*time.Hour)
	if got := len(h.epost(t)); got != 2 {
		t.Errorf("told %d times", got)
	}
	for _, want := range []string{"DIGISOS_AVSTEMMING_PAA", "DIGISOS_AVSTEMT", "DIGISOS_LEVERES_PAA_NYTT"} {
		if !slices.Contains(h.handlinger(t), want) {
			t.Errorf("%s is not in the audit log", want)
		}
	}
}

// handlinger are what the audit log tells of.
func (h *hus) handlinger(t testing.TB) []string {
	t.Helper()
	var ut []string
	must(t, h.DB.Write(t.Context(), func(tx *store.Tx) (err error) {
		ut, err = kolonne(t.Context(), tx, `SELECT handling FROM audit_hendelser`)
		return err
	}))
	return ut
}

// An ettersendelse is told of by its own reference; a fagsystem that writes on the case has
// the søknad, and that proves nothing of the ettersendelse.
func TestAvstemmingAvEttersendelser(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.avstemmer(t)
	id := h.levert(t, kari, "110000001")
	h.ettersend(t, kari, id, "110000001-0001", "a.pdf").er(t, 202)
	h.lever(t)
	h.bekreft(t, h.fiksIO)
	if got := h.avvikene(t); len(got) != 2 {
		t.Fatalf("gaps %v", got)
	}
	h.oppdater(t, id, sokerJSON("")).er(t, 202)
	avvik := les[[]struct{ ID, DigisosID, NavEksternRefID, Type string }](t, h.get(t, fagOslo, avstemSti+"/avvik"), 200)
	if len(avvik) != 1 || avvik[0].DigisosID != id || avvik[0].NavEksternRefID != "110000001-0001" || avvik[0].Type != "ETTERSENDELSE" || avvik[0].ID == id {
		t.Fatalf("gaps %+v", avvik)
	}
	h.post(t, fagOslo, avstemSti+"/avvik/"+avvik[0].ID+"/lever", "").er(t, 204)
	h.lever(t)
	if sist := h.fiksIO.sett[len(h.fiksIO.sett)-1]; sist.l.KildeID != avvik[0].ID {
		t.Errorf("delivered again: %s", sist.l.KildeID)
	}
	if ut := h.meld(t, strings.ToUpper(id)+"/110000001-0001"); !slices.Equal(ut.Registrert, []string{id + "/110000001-0001"}) || ut.GjenstaaendeAvvik != 0 {
		t.Errorf("%+v", ut)
	}
	if l, _, err := h.lev.Hent(t.Context(), h.DB.Read(), avvik[0].ID); err != nil || l.Tilstand != levering.Bekreftet {
		t.Errorf("what is registered is still on its way: %v %v", l.Tilstand, err)
	}
}

// What is no id, another's, a test or gone is unknown, and none of it is reflected.
func TestAvstemmingUkjente(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.get(t, fagOslo, avstemSti+"/avvik").er(t, 409)
	h.gjor(t, fagOslo, "POST", avstemSti, "text/plain", []byte(ukjentID)).er(t, 409)
	h.avstemmer(t)
	annens := les[string](t, h.send(t, innbygger(ola), "/digisos/api/v2/soknader/4601/110000009", soknadDeler(t, ola)...), 202)
	prove := h.prov(t, orgOslo)
	ut := h.meld(t, annens, prove, ukjentID, ukjentID+"/x", "tull", "<b>", ukjentID+"/../x", ukjentID+"/")
	if len(ut.Registrert)+len(ut.TidligereMeldt) != 0 || len(ut.Ukjent) != 8 || strings.Contains(strings.Join(ut.Ukjent, ""), "tull") || strings.Contains(strings.Join(ut.Ukjent, ""), "..") {
		t.Errorf("%+v", ut)
	}
	h.lever(t)
	h.bekreft(t, h.fiksIO)
	if got := h.avvikene(t); len(got) != 0 {
		t.Errorf("a test is a gap: %v", got)
	}
	h.post(t, fagOslo, avstemSti+"/avvik/"+annens+"/lever", "").er(t, 404)
	h.post(t, fagBerg, avstemSti+"/avvik/"+annens+"/lever", "").er(t, 403)
	h.post(t, fagOslo, avstemSti+"/avvik/tull/lever", "").er(t, 400)
}

// It is off until a municipality turns it on: then what is delivered from then on counts,
// and what is a gap when it is turned off is one again when it is turned on.
func TestAvstemmingPaaOgAv(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	konf := "/digisos/api/v1/konfigurasjon/" + orgOslo + "/avstemming"
	if got := h.get(t, adminOs, konf).er(t, 200); strings.TrimSpace(got) != `{"paa":false,"fra":null}` {
		t.Errorf("%s", got)
	}
	h.levert(t, kari, "110000001")
	h.Frem(t, 48*time.Hour)
	if got := h.epost(t); len(got) != 0 {
		t.Errorf("told %q", got)
	}
	h.avstemmer(t)
	h.avstemmer(t)
	if got := h.avvikene(t); len(got) != 0 {
		t.Errorf("what was delivered before counts: %v", got)
	}
	id := h.levert(t, kari, "110000002")
	av := func() {
		t.Helper()
		h.gjor(t, adminOs, "PUT", konf, "application/json", []byte(`{"paa":false}`)).er(t, 200)
	}
	av()
	h.Frem(t, 48*time.Hour)
	if got := h.epost(t); len(got) != 0 {
		t.Errorf("told %q", got)
	}
	h.avstemmer(t)
	if got := h.avvikene(t); !slices.Equal(got, []string{id}) {
		t.Errorf("gaps %v", got)
	}
	h.gjor(t, adminOs, "PUT", "/digisos/api/v1/konfigurasjon/"+orgBergen+"/avstemming", "application/json", []byte(`{"paa":true}`)).er(t, 403)
}

// What is registered is delivered, whatever receipt came: nothing is sent any more.
func TestAvstemtUtenKvittering(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.avstemmer(t)
	id := h.nySoknad(t, kari, "110000001")
	h.lever(t)
	if ut := h.meld(t, id); len(ut.Registrert) != 1 || ut.GjenstaaendeAvvik != 0 {
		t.Errorf("%+v", ut)
	}
	h.Frem(t, 72*time.Hour)
	if len(h.svarUt.sett) != 0 {
		t.Error("it went by SvarUt as well")
	}
	if got := h.avvikene(t); len(got) != 0 {
		t.Errorf("gaps %v", got)
	}
}

// The content of a gap stays beyond a case's life, and goes when the gap is closed.
func TestAvvikBeholdes(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, Config{Sakslevetid: 48 * time.Hour})
	h.avstemmer(t)
	id := h.levert(t, kari, "110000001")
	h.Frem(t, 10*24*time.Hour)
	h.get(t, innbygger(kari), "/digisos/api/v1/soknader/"+id).er(t, 200)
	if got := h.tilstander(t, id); strings.Contains(got, DigisosSlettetFeilet) {
		t.Errorf("the history has %s", got)
	}
	h.meld(t, id)
	h.Frem(t, 3*24*time.Hour)
	h.get(t, innbygger(kari), "/digisos/api/v1/soknader/"+id).er(t, 410)
	if n := h.antall(t, "digisos_overlevert"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

// Who administers a municipality that reconciles sees how it stands, and nobody else does.
func TestMineAvstemminger(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	ctx := t.Context()
	h.write(t, func(tx *store.Tx) error { return h.org.GiTilgang(ctx, tx, adminOs, adminOs.Fnr, auth.Admin, orgOslo) })
	mine := func(av auth.Caller) []Avstemming {
		t.Helper()
		ut, err := h.s.MineAvstemminger(ctx, av)
		must(t, err)
		return ut
	}
	if got := mine(adminOs); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	h.avstemmer(t)
	id := h.levert(t, kari, "110000001")
	h.nySoknad(t, kari, "110000002")
	h.lever(t)
	h.meld(t, h.levert(t, kari, "110000003"))
	got := mine(adminOs)
	if len(got) != 1 || got[0].Organisasjon.ID != orgOslo || got[0].Sendt != 3 || got[0].Bekreftet != 2 || got[0].Registrert != 1 || got[0].AntallAvvik != 1 ||
		len(got[0].Avvik) != 1 || got[0].Avvik[0].ID != id || got[0].Avvik[0].Kanal != levering.KanalFiksIO {
		t.Errorf("%+v", got)
	}
	lav := adminOs
	lav.Niva = 3
	for navn, av := range map[string]auth.Caller{"level 3": lav, "another": {Slag: auth.Person, Fnr: kari, Niva: 4}, "nobody": anonym} {
		if got := mine(av); len(got) != 0 {
			t.Errorf("%s sees %+v", navn, got)
		}
	}
}
