package bekymring_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"knutepunkt/internal/portal/portaltest"
)

// svar are the answers of the steps of a form, in order.
type svar struct {
	steg string
	felt []string
}

var privatSvar = []svar{
	{"om-deg", []string{"telefon", "+47 99 88 77 66", "adresse", "Melderveien 1", "postnr", "99 01", "poststed", "Testby"}},
	{"om-barna", []string{"barn-antall", "1", "barn1-navn", "Lise Barn", "barn1-alder", "ca. 6 år", "barn1-relasjon", "nabo"}},
	{"bekymringen", []string{"melding", "Jeg hører gråt\r\nhver natt."}},
}

var offentligSvar = []svar{
	{"om-deg", []string{"rolle", "Kontaktlærer", "telefon", "12345678", "epost", "kari.lærer@skole.no", "orgnr", "310 000 248", "virksomhet", "Testby skole",
		"adresse", "Skoleveien 1", "postnr", "9901", "poststed", "Testby"}},
	{"om-barna", []string{"barn-antall", "1", "barn1-navn", "Lise Barn", "barn1-fnr", "010112", "barn1-orientert", "nei", "barn1-grunn", "For lite\r\nbarn"}},
	{"om-foreldrene", []string{"forelder-antall", "1", "forelder1-navn", "Far Barn", "forelder1-orientert", "ja"}},
	{"tolk-og-instanser", []string{"tolk", "Far, somali"}},
	{"bekymringen", []string{"melding", "Kommer uten mat.", "historie", "Et halvt år.", "synspunkter", "Farmor er enig."}},
}

// begynn chooses a receiver, logs in and begins.
func begynn(t testing.TB, h *portaltest.Hus, sti, bydel string) *portaltest.Nettleser {
	t.Helper()
	n := h.Som(t, portaltest.Admin)
	n.Post(t, "/"+sti+"/til/9901/"+bydel).Til(t, "/"+sti+"/steg/om-deg")
	return n
}

// fyll answers the steps, and gives the review.
func fyll(t testing.TB, n *portaltest.Nettleser, sti string, alle []svar) portaltest.SvarSide {
	t.Helper()
	for i, s := range alle {
		neste := "se-over"
		if i+1 < len(alle) {
			neste = alle[i+1].steg
		}
		n.Post(t, "/"+sti+"/steg/"+s.steg, s.felt...).Til(t, "/"+sti+"/steg/"+neste)
	}
	return n.Get(t, "/"+sti+"/steg/se-over").Er(t, 200)
}

// send presses the last button of a review.
func send(t testing.TB, n *portaltest.Nettleser, sti string, s portaltest.SvarSide) portaltest.SvarSide {
	t.Helper()
	return n.Post(t, "/"+sti+"/steg/se-over", "nokkel", s.Skjult(t, "nokkel"), "avtrykk", s.Skjult(t, "avtrykk"))
}

// From the start page to the receipt, as a private person.
func TestPrivat(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Bydeler(t)
	n := h.Nettleser()
	n.Get(t, "/").Er(t, 200, `href="/bekymring"`)
	n.Get(t, "/bekymring").Er(t, 200, `href="/privat"`, `href="/offentlig"`, "112", "116 111", "Forlat siden raskt")
	s := n.Get(t, "/privat").Er(t, 200, "Hvis det haster", "barnevernvakten", "Kan jeg være anonym?", "innen én uke", "innen tre uker")
	if strings.Index(s.HTML, "Hvis det haster") > strings.Index(s.HTML, "Når bør du melde fra?") {
		t.Error("what to do when it is urgent does not come first")
	}
	n.Get(t, "/privat/kommune").Er(t, 200, "Testby kommune", "Skogby kommune", "Kommunen står ikke her")
	n.Post(t, "/privat/kommune").Er(t, 422, "Velg kommunen der barnet bor")
	n.Post(t, "/privat/kommune", "kommune", "9901").Til(t, "/privat/kommune/9901")
	n.Get(t, "/privat/kommune/9901").Er(t, 200, "Sentrum", "Nord", "Jeg vet ikke")
	n.Post(t, "/privat/kommune/9901").Er(t, 422, "Velg bydelen")
	n.Post(t, "/privat/kommune/9901", "bydel", "vet-ikke").Til(t, "/privat/til/9901/vet-ikke")
	n.Get(t, "/privat/til/9901/vet-ikke").Til(t, "/logg-inn?til=/privat/til/9901/vet-ikke")
	n.LoggInn(t, portaltest.Admin, 4, "/privat/til/9901/vet-ikke").Til(t, "/privat/til/9901/vet-ikke")
	n.Get(t, "/privat/til/9901/vet-ikke").Er(t, 200, "Barnevernstjenesten i Testby kommune, Sentrum", "Berit Administrator", "Testby kommune er behandlingsansvarlig")
	n.Post(t, "/privat/til/9901/vet-ikke").Til(t, "/privat/steg/om-deg")
	n.Get(t, "/privat/steg/om-deg").Er(t, 200, "Berit Administrator", "slettes")
	n.Get(t, "/privat/steg/se-over").Til(t, "/privat/steg/om-deg")
	n.Get(t, "/privat").Er(t, 200, "Du har en melding som ikke er sendt")
	s = fyll(t, n, "privat", privatSvar)
	s.Er(t, 200, "47 99 88 77 66", "9901", "Lise Barn", "ca. 6 år", "Jeg hører gråt\nhver natt.", "Ikke oppgitt", "Sentrum", `href="/privat/steg/om-barna#barn1-navn"`)

	send(t, n, "privat", s).Til(t, "/privat/kvittering/"+s.Skjult(t, "nokkel"))
	kvittering := "/privat/kvittering/" + s.Skjult(t, "nokkel")
	k := n.Get(t, kvittering).Er(t, 200, "Meldingen er sendt", "Sentrum", "Meldingen er sendt inn", "data-hent", `http-equiv="refresh"`, "Referanse", "Kvitteringen slettes")
	if strings.Contains(k.HTML, "21 dager") {
		t.Error("a private person is told of 21 days")
	}
	// Sent again, from two pages: the same receipt, and one report.
	send(t, n, "privat", s).Til(t, kvittering)
	if got := h.Antall(t, "bekymring_melding"); got != 1 {
		t.Errorf("%d reports", got)
	}
	n.Get(t, "/privat/steg/se-over").Til(t, "/privat")
	if pdf := n.Get(t, kvittering+"/pdf").Er(t, 200); !strings.HasPrefix(pdf.HTML, "%PDF-") || pdf.Header.Get("Content-Type") != "application/pdf" ||
		!strings.Contains(pdf.Header.Get("Content-Disposition"), "attachment") || pdf.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", pdf.Header)
	}
	portaltest.Must(t, h.Jobs.RunDue(t.Context()))
	n.Get(t, kvittering).Er(t, 200, "Sendt til barnevernstjenesten")
	if s := n.Get(t, kvittering+"?stopp=1").Er(t, 200, "Siden oppdaterer seg ikke selv"); strings.Contains(s.HTML, "data-hent=") || strings.Contains(s.HTML, `http-equiv="refresh"`) {
		t.Error("it goes on fetching")
	}
	// Nobody else has it, and after a day nobody at all.
	annen := h.Som(t, portaltest.Admin2)
	annen.Get(t, kvittering).Er(t, 404)
	annen.Get(t, kvittering+"/pdf").Er(t, 404)
	n.Get(t, "/offentlig"+strings.TrimPrefix(kvittering, "/privat")).Er(t, 404)
	portaltest.Must(t, h.Jobs.AdvanceTo(t.Context(), h.Klokke.Now().Add(25*time.Hour), h.Klokke.Sett))
	n = h.Som(t, portaltest.Admin)
	n.Get(t, kvittering).Er(t, 404)
	n.Get(t, kvittering+"/pdf").Er(t, 404)
	if got := h.Antall(t, "portal_utkast"); got != 0 {
		t.Errorf("%d drafts are left", got)
	}
}

// As a public employee, in both versions of the document: the views of others are asked
// for where the receiver has room for them.
func TestOffentlig(t *testing.T) {
	t.Parallel()
	for bydel, harSynspunkter := range map[string]bool{portaltest.BydelV2: true, portaltest.BydelV1: false} {
		h := portaltest.NyttHus(t)
		h.Bydeler(t)
		n := begynn(t, h, "offentlig", bydel)
		n.Get(t, "/offentlig").Er(t, 200, "barnevernsloven § 13-2", "Hvis det haster")
		alle := offentligSvar
		if !harSynspunkter {
			alle = append([]svar(nil), offentligSvar...)
			alle[4] = svar{"bekymringen", alle[4].felt[:4]}
		}
		s := fyll(t, n, "offentlig", alle)
		s.Er(t, 200, "kari.lærer@skole.no", "310000248", "Far Barn", "somali", "Et halvt år.", "010112")
		if got := strings.Contains(n.Get(t, "/offentlig/steg/bekymringen").HTML, `name="synspunkter"`); got != harSynspunkter {
			t.Errorf("%s: the views of others are asked for: %t", bydel, got)
		}
		d := sendt(t, h, n, "offentlig")
		n.Get(t, "/offentlig/kvittering/"+s.Skjult(t, "nokkel")).Er(t, 200, "innen 21 dager")
		if _, har := i(t, d, "melding").(map[string]any)["andreSynspunkter"]; har != harSynspunkter {
			t.Errorf("%s: the views of others are in the document: %t", bydel, har)
		}
		for _, x := range []struct {
			sti  []any
			want any
		}{
			{[]any{"offentligMelder", "personnavn"}, "Berit Administrator"}, {[]any{"bydelsnummer"}, bydel}, {[]any{"kommunenavn"}, "Testby kommune"},
			{[]any{"offentligBarn", 0, "orientertGrunn"}, "For lite barn"}, {[]any{"offentligBarn", 0, "adresse", "adresselinje1"}, "Ukjent"},
			{[]any{"offentligBarn", 0, "telefonnummer"}, nil}, {[]any{"foresatte", 0, "personnavn"}, "Far Barn"}, {[]any{"foresatte", 0, "orientert"}, true},
		} {
			if got := i(t, d, x.sti...); got != x.want {
				t.Errorf("%v is %v, want %v", x.sti, got, x.want)
			}
		}
	}
}

// Nothing of what is written can be read where it lies, at any time.
func TestIngentingLesbart(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Bydeler(t)
	n := begynn(t, h, "privat", portaltest.BydelV2)
	const ord = "Kjenneordet-ingen-skal-lese"
	s := fyll(t, n, "privat", []svar{privatSvar[0], {"om-barna", []string{"barn1-navn", ord + "-navn"}}, {"bekymringen", []string{"melding", ord}}})
	ord2 := [][]byte{[]byte(ord), []byte("Melderveien"), []byte(portaltest.Admin)}
	lett := func(naar string) {
		t.Helper()
		lekker(t, h, naar, ord2)
	}
	lett("as a draft")
	send(t, n, "privat", s)
	n.Get(t, "/privat/kvittering/"+s.Skjult(t, "nokkel")+"/pdf").Er(t, 200)
	lett("sent")
	for _, o := range ord2 {
		if bytes.Contains([]byte(h.Logg.B.String()), o) {
			t.Errorf("%s is in the log", o)
		}
	}
	if h.Logg.B.Len() == 0 {
		t.Error("nothing was logged, so nothing was looked at")
	}
}
