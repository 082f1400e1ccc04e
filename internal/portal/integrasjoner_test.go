package portal

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

var (
	passordRE = regexp.MustCompile(`<code class="p-hemmelig" id="passord">([A-Za-z0-9_-]{43})</code>`)
	idRE      = regexp.MustCompile(`<code id="integrasjonsid">([0-9a-f-]{36})</code>`)
)

// paalogging reads the id and the password that a page shows.
func (s svarSide) paalogging(t testing.TB) (id, passord string) {
	t.Helper()
	p, i := passordRE.FindStringSubmatch(s.html), idRE.FindStringSubmatch(s.html)
	if p == nil || i == nil {
		t.Fatalf("no password on the page:\n%s", s.html)
	}
	return i[1], p[1]
}

// slipper tells whether an id and a password let one in.
func (h *hus) slipper(t testing.TB, want bool, id, passord string) {
	t.Helper()
	_, err := h.org.Autentiser(t.Context(), id, passord)
	if (err == nil) != want || err != nil && !feil.Er(err, feil.Uautentisert) {
		t.Errorf("logging in: %v, want %t", err, want)
	}
}

func TestIntegrasjon(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.dokumentlager(t, orgTest)
	h.konfigurer(t)
	n := h.som(t, admin)
	base := "/forvaltning/" + orgTest + "/integrasjoner"
	n.get(t, base).er(t, 200, "Organisasjonen har ingen integrasjoner ennå")
	skjema := n.get(t, base+"/ny").er(t, 200)
	felt := []string{"id", skjema.skjult(t, "id"), "navn", "Fagsystem sosial", "beskrivelse", "Drives av\nleverandøren", "orgnr", "310 000 248"}
	n.post(t, base+"/ny", "id", felt[1], "navn", "Fag<system>", "orgnr", "1").er(t, 422, "kan ikke inneholde tegnet «&lt;»", "Du må rette 2 feil", felt[1])
	svar := n.post(t, base+"/ny", felt...).er(t, 200, "Passordet vises bare nå", "Jeg har lagret passordet")
	id, passord := svar.paalogging(t)
	h.slipper(t, true, id, passord)
	if svar.Header.Get("Cache-Control") != "no-store" {
		t.Error("the password may be kept by a cache")
	}
	// Sent twice (a double click, a reload): one integrasjon, whose password is not shown again.
	igjen := n.post(t, base+"/ny", felt...).er(t, 409, "allerede laget", `href="`+base+"/"+id+`"`)
	if passordRE.MatchString(igjen.html) || h.antall(t, "integrasjoner") != 1 {
		t.Error("sent twice, it made two")
	}
	h.slipper(t, true, id, passord)
	side := n.get(t, base+"/"+id).er(t, 200, "Drives av", orgnrT, "Passordet ble laget", "Kan oppdatere status og filer for Digisos-søknader")
	for _, s := range []svarSide{side, n.get(t, base).er(t, 200, "Fagsystem sosial", "Ingen tilganger", "10. juni 2026")} {
		if strings.Contains(s.html, passord) {
			t.Error("the password is shown again")
		}
	}
	n.post(t, base+"/ny", "id", "tull", "navn", "x", "orgnr", orgnrT).er(t, 400)

	n.get(t, base+"/"+id+"/slett").er(t, 200, "Vil du slette «Fagsystem sosial»?")
	h.slipper(t, true, id, passord)
	n.post(t, base+"/"+id+"/slett").til(t, base+"?slettet=1")
	h.slipper(t, false, id, passord)
	n.get(t, base+"?slettet=1").er(t, 200, "Integrasjonen er slettet")
	n.get(t, base+"/"+id).er(t, 404)
}

// A new password, with the old one beside it for as long as was chosen.
func TestNyttPassord(t *testing.T) {
	t.Parallel()
	for valg, varer := range overlapp {
		h := nyttHus(t)
		n := h.som(t, admin)
		id, gammelt := h.fagsystem(t, orgTest, "Fagsystem")
		sti := "/forvaltning/" + orgTest + "/integrasjoner/" + id
		h.Klokke.Sett(h.Klokke.Now().Add(time.Minute))
		n.post(t, sti+"/passord", "overlapp", "evig").er(t, 422, "Velg hvor lenge det gamle passordet skal virke")
		versjon := n.get(t, sti+"/passord").er(t, 200).skjult(t, "versjon")
		_, nytt := n.post(t, sti+"/passord", "overlapp", valg, "versjon", versjon).er(t, 200, "Nytt passord er laget", "Det gamle passordet slutter å virke").paalogging(t)
		// Again with the same form: nothing is changed.
		n.post(t, sti+"/passord", "overlapp", valg, "versjon", versjon).er(t, 409, "Passordet er nettopp byttet")
		h.slipper(t, true, id, nytt)
		h.slipper(t, varer > 0, id, gammelt)
		if varer > 0 {
			h.Klokke.Sett(h.Klokke.Now().Add(varer - time.Second))
			h.slipper(t, true, id, gammelt)
			h.Klokke.Sett(h.Klokke.Now().Add(time.Second))
			h.slipper(t, false, id, gammelt)
		}
		h.slipper(t, true, id, nytt)
	}
}

// Two administrators change the password at once: one of the two passwords that
// are shown would not work, so only one is.
func TestNyttPassordToSamtidig(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	en, to := h.som(t, admin), h.som(t, admin2)
	id, _ := h.fagsystem(t, orgTest, "Fagsystem")
	h.Klokke.Sett(h.Klokke.Now().Add(time.Minute))
	sti := "/forvaltning/" + orgTest + "/integrasjoner/" + id + "/passord"
	v1, v2 := en.get(t, sti).skjult(t, "versjon"), to.get(t, sti).skjult(t, "versjon")
	_, passord := en.post(t, sti, "overlapp", "ingen", "versjon", v1).er(t, 200).paalogging(t)
	to.post(t, sti, "overlapp", "ingen", "versjon", v2).er(t, 409, "Passordet er nettopp byttet")
	h.slipper(t, true, id, passord)
}

func TestTilganger(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.dokumentlager(t, orgTest)
	h.konfigurer(t)
	en, to := h.som(t, admin), h.som(t, admin2)
	id, _ := h.fagsystem(t, orgTest, "Fagsystem")
	sti := "/forvaltning/" + orgTest + "/integrasjoner/" + id
	ressurs, err := h.org.TjenesteRessurs(t.Context(), orgTest, organisasjon.TypeDigisos)
	must(t, err)
	har := func(digisos, fiksio bool) {
		t.Helper()
		for _, x := range []struct {
			want        bool
			priv, paaHv string
		}{{digisos, auth.DigisosOppdater, ressurs}, {fiksio, auth.FiksIOKonto, konto}} {
			if got, err := h.org.Har(t.Context(), id, x.priv, x.paaHv); err != nil || got != x.want {
				t.Errorf("%s: %t %v", x.priv, got, err)
			}
		}
	}
	d, f := auth.DigisosOppdater+":"+ressurs, auth.FiksIOKonto+":"+konto
	v := en.get(t, sti).er(t, 200).skjult(t, "versjon")
	eldre := to.get(t, sti).skjult(t, "versjon")
	en.post(t, sti, "versjon", v, "tilgang", d).til(t, sti+"?lagret=1")
	har(true, false)
	// The other one wanted something else, from what was before.
	s := to.post(t, sti, "versjon", eldre, "tilgang", f).er(t, 409, "Noen andre har endret dette")
	har(true, false)
	to.post(t, sti, "versjon", s.skjult(t, "versjon"), "tilgang", d, "tilgang", f).til(t, sti+"?lagret=1")
	har(true, true)
	s = to.get(t, sti+"?lagret=1").er(t, 200, "Endringen er lagret.")
	if strings.Count(s.html, " checked") != 2 {
		t.Error(s.html)
	}
	to.get(t, "/forvaltning/"+orgTest+"/digisos").er(t, 200, `href="`+sti+`"`)
	// A sender's account in SvarUt comes with its service.
	const svarut = "00000000-0000-4000-9000-000000000302"
	h.skriv(t, func(tx *store.Tx) error {
		tjeneste, err := h.org.TaIBruk(t.Context(), tx, orgTest, organisasjon.TypeSvarUt)
		if err != nil {
			return err
		}
		return h.org.OpprettRessurs(t.Context(), tx, organisasjon.Ressurs{ID: svarut, Forelder: tjeneste, Type: organisasjon.TypeSvarUtKonto, Navn: "Postmottak"})
	})
	s = to.get(t, sti).er(t, 200, "Kan sende forsendelser med SvarUt", "Konto: Postmottak")
	to.post(t, sti, "versjon", s.skjult(t, "versjon"), "tilgang", d, "tilgang", f, "tilgang", auth.SvarUtKonto+":"+svarut).til(t, sti+"?lagret=1")
	if ja, err := h.org.Har(t.Context(), id, auth.SvarUtKonto, svarut); err != nil || !ja {
		t.Errorf("%t %v", ja, err)
	}
	s = to.get(t, sti)
	// Nothing can be had by naming it: only what the page offers.
	to.post(t, sti, "versjon", s.skjult(t, "versjon"), "tilgang", auth.Admin+":"+orgTest, "tilgang", auth.DigisosNAV+":"+ressurs).til(t, sti+"?lagret=1")
	har(false, false)
	if ts, err := h.org.TilgangerFor(t.Context(), h.DB.Read(), id); err != nil || len(ts) != 0 {
		t.Errorf("%v %v", ts, err)
	}
}

// An integrasjon of another organisation does not exist here; a global one can
// be given access, and nothing else.
func TestAndresIntegrasjoner(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.dokumentlager(t, orgTest)
	h.konfigurer(t)
	n := h.som(t, admin)
	andres, passord := h.fagsystem(t, orgSkog, "Skogbys")
	var global string
	h.skriv(t, func(tx *store.Tx) error {
		i, err := h.org.OpprettIntegrasjon(t.Context(), tx, organisasjon.Integrasjon{Global: true, Kode: "SKY", AutorisertOrgnr: orgnrS, Navn: "Skyleverandør"})
		global = i.ID
		return err
	})
	base := "/forvaltning/" + orgTest + "/integrasjoner/"
	for _, u := range []string{"", "/passord", "/slett"} {
		n.get(t, base+andres+u).er(t, 404)
		n.post(t, base+andres+u, "overlapp", "ingen").er(t, 404)
	}
	h.slipper(t, true, andres, passord)
	n.get(t, base+"tull").er(t, 404)
	if s := n.get(t, base[:len(base)-1]).er(t, 200, "Skyleverandør (felles for alle)"); strings.Contains(s.html, "Skogbys") {
		t.Error("another organisation's is listed")
	}
	s := n.get(t, base+global).er(t, 200)
	if strings.Contains(s.html, "/passord") || strings.Contains(s.html, "/slett") {
		t.Error("a global one can be changed by an organisation")
	}
	for _, u := range []string{"/passord", "/slett"} {
		n.get(t, base+global+u).er(t, 404)
		n.post(t, base+global+u, "overlapp", "ingen").er(t, 404)
	}
	n.post(t, base+global, "versjon", s.skjult(t, "versjon"), "tilgang", auth.FiksIOKonto+":"+konto).til(t, base+global+"?lagret=1")
	// The id of another's integrasjon in a form makes nothing, and tells nothing of it.
	svar := n.post(t, base+"ny", "id", andres, "navn", "Min", "orgnr", orgnrT).er(t, 409)
	if strings.Contains(svar.html, andres) || passordRE.MatchString(svar.html) {
		t.Error(svar.html)
	}
	h.slipper(t, true, andres, passord)
}
