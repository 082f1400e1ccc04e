package bekymringsmelding

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"

	"knutepunkt/internal/auth"
)

// Whoever has no part in a report cannot tell it from one that does not exist: not by the
// status, not by the words, not by the size of the answer.
func TestFremmedOgFinnesIkkeErLike(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.skoleForOslo(t)
	annen := auth.Caller{Slag: auth.Person, Fnr: fnrMelder, Niva: 4}
	ider := map[string]string{bydelFiksIO: h.send(t, bydelFiksIO), bydelSvarInn: h.send(t, bydelSvarInn), bydelManuell: h.send(t, bydelManuell)}
	for _, c := range []struct {
		caller     auth.Caller
		bydel      string
		metode     string
		sti, kropp string
	}{
		{skole, bydelFiksIO, "GET", "/bekymringsmelding/api/v1/mottak/fagsystem/" + orgOslo + "/bekymringsmelding/{id}/status", ""},
		{skole, bydelFiksIO, "GET", "/bekymringsmelding/api/v2/mottak/fagsystem/" + orgOslo + "/bekymringsmelding/{id}/status", ""},
		{annen, bydelFiksIO, "GET", adminV1 + "/historikk/{id}", ""},
		{annen, bydelFiksIO, "GET", adminV2 + "/historikk/{id}", ""},
		{annen, bydelFiksIO, "PUT", adminV2 + "/status/{id}/LEVERT", ""},
		{annen, bydelFiksIO, "POST", adminV2 + "/send/{id}", ""},
		{fag, bydelManuell, "POST", avstemSti(bydelFiksIO) + "/avvik/{id}/lever", ""},
		{fag, bydelManuell, "POST", avstemSti(bydelFiksIO), `["{id}"]`},
	} {
		er := h.gjor(t, c.caller, c.metode, strings.ReplaceAll(c.sti, "{id}", ider[c.bydel]), "application/json", []byte(strings.ReplaceAll(c.kropp, "{id}", ider[c.bydel])))
		tull := uuid.NewString()
		ikke := h.gjor(t, c.caller, c.metode, strings.ReplaceAll(c.sti, "{id}", tull), "application/json", []byte(strings.ReplaceAll(c.kropp, "{id}", tull)))
		if a, b := likt404(er, ider[c.bydel]), likt404(ikke, tull); er.Code != ikke.Code || a != b || len(er.Body.String()) != len(ikke.Body.String()) {
			t.Errorf("%s %s tells that it exists:\n%d %s\n%d %s", c.metode, c.sti, er.Code, a, ikke.Code, b)
		}
	}
	// By SvarInn and by hand too.
	for _, sti := range []string{"GET /forsendelse/", "POST /kvitterMottak/forsendelse/", "POST /mottakFeilet/forsendelse/"} {
		metode, sti, _ := strings.Cut(sti, " ")
		tull := uuid.NewString()
		er, ikke := h.leser(t, metode, sti+ider[bydelFiksIO], ""), h.leser(t, metode, sti+tull, "")
		if a, b := likt404(er, ider[bydelFiksIO]), likt404(ikke, tull); er.Code != 404 || a != b {
			t.Errorf("%s tells that it exists: %d %s, %d %s", sti, er.Code, a, ikke.Code, b)
		}
	}
	for navn, gjor := range map[string]func(id string) error{
		"LastNed":      func(id string) error { _, err := h.s.LastNed(t.Context(), admin, id); return err },
		"Bekreft":      func(id string) error { return h.s.Bekreft(t.Context(), admin, id) },
		"SendTilPrint": func(id string) error { return h.s.SendTilPrint(t.Context(), admin, id) },
	} {
		if er, ikke := gjor(ider[bydelManuell]), gjor(uuid.NewString()); er == nil || ikke == nil || er.Error() != ikke.Error() {
			t.Errorf("%s tells that it exists: %v, %v", navn, er, ikke)
		}
	}
}

var vekslende = regexp.MustCompile(`"(errorId|timestamp|path)":("[^"]*"|\d+)`)

// likt404 is an answer without what differs in each.
func likt404(s svar, id string) string {
	return vekslende.ReplaceAllString(strings.ReplaceAll(s.Body.String(), id, "ID"), "")
}

// What everybody may look up is the same before and after a report.
func TestOppslagSierIngenting(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	les := func() (ut string) {
		for _, v := range []string{"v1", "v2"} {
			for _, sti := range []string{"", "/4601", "/4601/bydeler", "/4601/bydeler/" + bydelFiksIO} {
				ut += h.get(t, anonym, "/bekymringsmelding/api/"+v+"/kommuner"+sti).er(t, 200)
			}
		}
		return ut
	}
	foer := les()
	h.send(t, bydelFiksIO)
	h.kjor(t)
	if les() != foer {
		t.Error("a report can be seen in the look-up")
	}
}
