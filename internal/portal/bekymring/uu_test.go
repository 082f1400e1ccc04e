package bekymring_test

import (
	"strings"
	"testing"

	"knutepunkt/internal/portal/portaltest"
)

// tomt sends a step with nothing in it.
func tomt(f *portaltest.Vindu) {
	portaltest.JS[any](f, `document.documentElement.dataset.forrige = "1";
		for (const e of document.querySelectorAll("main input[type=text], textarea")) e.value = "";
		for (const e of document.querySelectorAll("main input[type=radio]")) e.checked = false;
		document.querySelector("main form button[type=submit]").click()`)
	f.VenterPaa(`document.documentElement.dataset.forrige === undefined && document.querySelector(".ds-error-summary") !== null`)
}

// Every page in every state can be used by everybody.
func TestNettleserAlleSider(t *testing.T) {
	t.Parallel()
	h := portaltest.HusMedNett(t)
	h.Bydeler(t)
	kvitteringer := map[string]string{}
	const melder, tom = portaltest.Admin, portaltest.Innbyg // one who has written all, and one who begins
	for _, sti := range []string{"privat", "offentlig"} {
		alle := map[string][]svar{"privat": privatSvar, "offentlig": offentligSvar}[sti]
		// Sent by another person, so that the receipt is there too.
		n := h.Som(t, portaltest.Admin2)
		n.Post(t, "/"+sti+"/til/9901/01")
		s := fyll(t, n, sti, alle)
		send(t, n, sti, s)
		kvitteringer[sti] = "/" + sti + "/kvittering/" + s.Skjult(t, "nokkel")
		n = h.Som(t, melder)
		n.Post(t, "/"+sti+"/til/9901/01")
		fyll(t, n, sti, alle)
		h.Som(t, tom).Post(t, "/"+sti+"/til/9901/01")
	}
	lang := strings.Repeat("Langtordutenmellomrom", 9)
	n := h.Som(t, portaltest.Alene)
	n.Post(t, "/privat/til/9901/01")
	fyll(t, n, "privat", []svar{{"om-deg", []string{"adresse", lang}}, {"om-barna", []string{"barn-antall", "2", "barn1-navn", lang, "barn2-navn", lang}},
		{"bekymringen", []string{"melding", strings.Repeat(lang+"\n", 40)}}})
	tilstander := []portaltest.Tilstand{
		portaltest.Som("bekymring", "", "/bekymring", 200, nil),
		portaltest.Som("bekymring-kommune", "", "/privat/kommune", 200, nil),
		portaltest.Som("bekymring-kommune-feil", "", "/privat/kommune", 200, tomt),
		portaltest.Som("bekymring-bydel", "", "/privat/kommune/9901", 200, nil),
		portaltest.Som("bekymring-bydel-feil", "", "/offentlig/kommune/9901", 200, tomt),
		portaltest.Som("bekymring-ikke-tilknyttet", "", "/privat/kommune/9902", 200, nil),
		portaltest.Som("bekymring-lang", portaltest.Alene, "/privat/steg/se-over", 200, nil),
		portaltest.Som("bekymring-flere-barn", portaltest.Alene, "/privat/steg/om-barna", 200, nil),
		portaltest.Som("bekymring-404", "", "/bekymring/finnes/ikke", 404, nil),
	}
	for _, sti := range []string{"privat", "offentlig"} {
		b := "bekymring-" + sti
		tilstander = append(tilstander,
			portaltest.Som(b, "", "/"+sti, 200, nil),
			portaltest.Som(b+"-paabegynt", melder, "/"+sti, 200, nil),
			portaltest.Som(b+"-start", tom, "/"+sti+"/til/9901/vet-ikke", 200, nil),
			portaltest.Som(b+"-start-bytt", melder, "/"+sti+"/til/9901/02", 200, nil),
			portaltest.Som(b+"-senere", melder, "/"+sti+"/senere", 200, nil),
			portaltest.Som(b+"-slett", melder, "/"+sti+"/slett", 200, nil),
			portaltest.Som(b+"-slettet", "", "/"+sti+"/slettet", 200, nil),
			portaltest.Som(b+"-se-over", melder, "/"+sti+"/steg/se-over", 200, nil),
			portaltest.Som(b+"-kvittering", portaltest.Admin2, kvitteringer[sti], 200, nil),
			portaltest.Som(b+"-kvittering-stoppet", portaltest.Admin2, kvitteringer[sti]+"?stopp=1", 200, nil),
		)
		for _, s := range map[string][]svar{"privat": privatSvar, "offentlig": offentligSvar}[sti] {
			tilstander = append(tilstander, portaltest.Som(b+"-"+s.steg, melder, "/"+sti+"/steg/"+s.steg, 200, nil))
			if s.steg != "tolk-og-instanser" && !(sti == "privat" && s.steg == "om-deg") { // nothing is demanded there
				tilstander = append(tilstander, portaltest.Som(b+"-"+s.steg+"-feil", tom, "/"+sti+"/steg/"+s.steg, 200, tomt))
			}
		}
	}
	portaltest.Proev(t, h, tilstander)
}
