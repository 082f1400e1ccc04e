package forvaltning_test

import (
	"regexp"
	"strings"
	"testing"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/portal/portaltest"
	"knutepunkt/internal/store"
)

// nyBruker is a synthetic person whom nobody has given anything.
const nyBruker = "01818110185"

var brukerlenke = regexp.MustCompile(`href="(/forvaltning/[0-9a-f-]+/brukere/[A-Za-z0-9_-]{43})">([^<]*)`)

// brukersider are the addresses of the persons on the list, by name.
func brukersider(s portaltest.SvarSide) map[string]string {
	ut := map[string]string{}
	for _, m := range brukerlenke.FindAllStringSubmatch(s.HTML, -1) {
		ut[m[2]] = m[1]
	}
	return ut
}

func TestBrukere(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Dokumentlager(t, portaltest.OrgSkog)
	n := h.Som(t, portaltest.Alene)
	base := "/forvaltning/" + portaltest.OrgSkog + "/brukere"
	har := func(fnr, ressurs string) bool {
		ja, err := h.Org.Har(t.Context(), fnr, auth.Admin, ressurs)
		portaltest.Must(t, err)
		return ja
	}
	dok, err := h.Org.TjenesteRessurs(t.Context(), portaltest.OrgSkog, organisasjon.TypeDokumentlager)
	portaltest.Must(t, err)
	alt, ene := auth.Admin+":"+portaltest.OrgSkog, auth.Admin+":"+dok

	// Two administer it, and neither has a name yet.
	s := n.Get(t, base).Er(t, 200, "Navn ikke registrert", "058668 •••••", "Administrere hele organisasjonen")
	if strings.Contains(s.HTML, portaltest.Alene) || strings.Contains(s.HTML, "Bare én person") {
		t.Error(s.HTML)
	}
	for _, f := range []struct{ fnr, navn, rolle, sier string }{
		{"", "Nils Nyansatt", alt, "Skriv inn fødselsnummeret"}, {"0181811018", "Nils Nyansatt", alt, "må ha 11 siffer. Du skrev 10."},
		{"01818110158", "Nils Nyansatt", alt, "Fødselsnummeret er ikke riktig"}, {nyBruker, "N", alt, "minst to tegn"}, {nyBruker, "Nils Nyansatt", "", "Velg minst én ting"},
	} {
		par := []string{"fnr", f.fnr, "navn", f.navn, "epost", "nils@skogby.test"}
		if f.rolle != "" {
			par = append(par, "rolle", f.rolle)
		}
		n.Post(t, base+"/ny", par...).Er(t, 422, f.sier, "nils@skogby.test")
	}
	if har(nyBruker, dok) {
		t.Fatal("a form with faults gave something")
	}
	for range 2 { // twice is once
		n.Post(t, base+"/ny", "fnr", "018181 10185", "navn", "Nils  Nyansatt", "epost", "nils@skogby.test", "rolle", ene).Til(t, base+"?lagret=1")
	}
	if !har(nyBruker, dok) || har(nyBruker, portaltest.OrgSkog) {
		t.Error("the new person may not do what was ticked, or more")
	}
	nils := brukersider(n.Get(t, base).Er(t, 200, "Nils Nyansatt"))["Nils Nyansatt"]
	side := n.Get(t, nils).Er(t, 200, "018181 •••••", "nils@skogby.test")

	// Somebody else changes him meanwhile: nothing is overwritten.
	annen := h.Som(t, portaltest.Admin)
	annen.Post(t, nils, "versjon", annen.Get(t, nils).Skjult(t, "versjon"), "navn", "Nils Hansen", "rolle", ene).Til(t, base+"?lagret=1")
	k := n.Post(t, nils, "versjon", side.Skjult(t, "versjon"), "navn", "Nils Olsen", "rolle", alt).Er(t, 409, "Nils Hansen", "Nils Olsen", "Noen andre har endret")
	if har(nyBruker, portaltest.OrgSkog) {
		t.Error("the older page won")
	}
	n.Post(t, nils, "versjon", k.Skjult(t, "versjon"), "navn", "Nils Olsen", "rolle", alt).Til(t, base+"?lagret=1")
	if !har(nyBruker, portaltest.OrgSkog) {
		t.Error("what was sent after looking again was not stored")
	}
	// Faults keep what was written, and the version.
	f := n.Post(t, nils, "versjon", n.Get(t, nils).Skjult(t, "versjon"), "navn", "Nils Olsen", "telefon", "ring meg", "rolle", alt).Er(t, 422, "ring meg", "bare ha siffer")
	n.Post(t, nils, "versjon", f.Skjult(t, "versjon"), "navn", "Nils Olsen").Til(t, base+"?lagret=1")
	if har(nyBruker, portaltest.OrgSkog) {
		t.Error("what was unticked is still held")
	}
	n.Get(t, nils).Er(t, 404) // gone from the list
}

// The last administrator stays; whoever takes the own access away is out at once.
func TestSisteAdministrator(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Skriv(t, func(tx *store.Tx) error {
		return h.Org.TrekkTilgang(t.Context(), tx, auth.Caller{}, portaltest.Admin, auth.Admin, portaltest.OrgSkog)
	})
	n := h.Som(t, portaltest.Alene)
	base := "/forvaltning/" + portaltest.OrgSkog + "/brukere"
	meg := brukersider(n.Get(t, base).Er(t, 200, "Bare én person er administrator"))["Navn ikke registrert"]
	side := n.Get(t, meg).Er(t, 200, "Dette er deg")
	n.Post(t, meg, "versjon", side.Skjult(t, "versjon"), "navn", "Anne Alene").Er(t, 422, "Organisasjonen må ha minst én administrator", "Anne Alene")
	alt := auth.Admin + ":" + portaltest.OrgSkog
	n.Post(t, base+"/ny", "fnr", nyBruker, "navn", "Nils Nyansatt", "rolle", alt).Til(t, base+"?lagret=1")
	n.Post(t, meg, "versjon", n.Get(t, meg).Skjult(t, "versjon"), "navn", "Anne Alene").Til(t, "/forvaltning")
	n.Get(t, base).Er(t, 404)
	h.Som(t, nyBruker).Get(t, base).Er(t, 200, "Nils Nyansatt")
}

// Nobody comes to a person of another organisation by the address of one.
func TestAndresBrukere(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	n := h.Som(t, portaltest.Admin)
	test, skog := "/forvaltning/"+portaltest.OrgTest+"/brukere", "/forvaltning/"+portaltest.OrgSkog+"/brukere"
	for _, sti := range brukersider(n.Get(t, test).Er(t, 200)) {
		n.Get(t, sti).Er(t, 200)
		n.Get(t, strings.Replace(sti, test, skog, 1)).Er(t, 404)
		h.Som(t, portaltest.Alene).Get(t, sti).Er(t, 404)
	}
	n.Get(t, test+"/finnes-ikke").Er(t, 404)
}

// A form that was sent after the login had run out comes back filled in.
func TestBrukerOverlever(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	n := h.Som(t, portaltest.Alene)
	sti := "/forvaltning/" + portaltest.OrgSkog + "/brukere/ny"
	h.Klokke.Sett(h.Klokke.Now().Add(portal.Ledig))
	n.Post(t, sti, "fnr", nyBruker, "navn", "Nils Nyansatt").Til(t, "/logg-inn?til="+sti)
	n.LoggInn(t, portaltest.Alene, 4, sti).Til(t, sti)
	n.Get(t, sti).Er(t, 200, "Nils Nyansatt", nyBruker)
}

func TestIntegrasjonsendring(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	id, passord := h.Fagsystem(t, portaltest.OrgTest, "Fagsystem")
	n, annen := h.Som(t, portaltest.Admin), h.Som(t, portaltest.Admin2)
	sti := "/forvaltning/" + portaltest.OrgTest + "/integrasjoner/" + id
	n.Get(t, sti).Er(t, 200, sti+"/endre")
	side := n.Get(t, sti+"/endre").Er(t, 200, `value="Fagsystem"`)
	n.Post(t, sti+"/endre", "versjon", side.Skjult(t, "versjon"), "navn", "", "orgnr", "310000249").Er(t, 422, "310000249")
	annen.Post(t, sti+"/endre", "versjon", side.Skjult(t, "versjon"), "navn", "Fagsystem sosial", "beskrivelse", "Drives her", "orgnr", portaltest.OrgnrT).Til(t, sti+"?lagret=1")
	k := n.Post(t, sti+"/endre", "versjon", side.Skjult(t, "versjon"), "navn", "Mitt fagsystem", "orgnr", portaltest.OrgnrS).Er(t, 409, "Fagsystem sosial", "Mitt fagsystem")
	h.Slipper(t, true, id, passord)
	n.Post(t, sti+"/endre", "versjon", k.Skjult(t, "versjon"), "navn", "Mitt fagsystem", "orgnr", portaltest.OrgnrS).Til(t, sti+"?lagret=1")
	i, err := h.Org.Integrasjon(t.Context(), id)
	portaltest.Must(t, err)
	if i.Navn != "Mitt fagsystem" || i.AutorisertOrgnr != portaltest.OrgnrS || i.Beskrivelse != "" {
		t.Errorf("%+v", i)
	}
	n.Post(t, sti+"/endre", "versjon", "x", "navn", "Mitt fagsystem", "orgnr", portaltest.OrgnrS).Er(t, 409)
	h.Som(t, portaltest.Alene).Get(t, sti+"/endre").Er(t, 404)
}
