package forvaltning_test

import (
	"strings"
	"testing"
	"time"

	"knutepunkt/internal/portal/forvaltning"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal/portaltest"
	"knutepunkt/internal/store"
)

func TestIntegrasjon(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Dokumentlager(t, portaltest.OrgTest)
	h.Konfigurer(t)
	n := h.Som(t, portaltest.Admin)
	base := "/forvaltning/" + portaltest.OrgTest + "/integrasjoner"
	n.Get(t, base).Er(t, 200, "Organisasjonen har ingen integrasjoner ennå")
	skjema := n.Get(t, base+"/ny").Er(t, 200)
	felt := []string{"id", skjema.Skjult(t, "id"), "navn", "Fagsystem sosial", "beskrivelse", "Drives av\nleverandøren", "orgnr", "310 000 248"}
	n.Post(t, base+"/ny", "id", felt[1], "navn", "Fag<system>", "orgnr", "1").Er(t, 422, "kan ikke inneholde tegnet «&lt;»", "Du må rette 2 feil", felt[1])
	svar := n.Post(t, base+"/ny", felt...).Er(t, 200, "Passordet vises bare nå", "Jeg har lagret passordet")
	id, passord := svar.Paalogging(t)
	h.Slipper(t, true, id, passord)
	if svar.Header.Get("Cache-Control") != "no-store" {
		t.Error("the password may be kept by a cache")
	}
	// Sent twice (a double click, a reload): one integrasjon, whose password is not shown again.
	igjen := n.Post(t, base+"/ny", felt...).Er(t, 409, "allerede laget", `href="`+base+"/"+id+`"`)
	if portaltest.PassordRE.MatchString(igjen.HTML) || h.Antall(t, "integrasjoner") != 1 {
		t.Error("sent twice, it made two")
	}
	h.Slipper(t, true, id, passord)
	side := n.Get(t, base+"/"+id).Er(t, 200, "Drives av", portaltest.OrgnrT, "Passordet ble laget", "Kan oppdatere status og filer for Digisos-søknader")
	for _, s := range []portaltest.SvarSide{side, n.Get(t, base).Er(t, 200, "Fagsystem sosial", "Ingen tilganger", "10. juni 2026")} {
		if strings.Contains(s.HTML, passord) {
			t.Error("the password is shown again")
		}
	}
	n.Post(t, base+"/ny", "id", "tull", "navn", "x", "orgnr", portaltest.OrgnrT).Er(t, 400)

	n.Get(t, base+"/"+id+"/slett").Er(t, 200, "Vil du slette «Fagsystem sosial»?")
	h.Slipper(t, true, id, passord)
	n.Post(t, base+"/"+id+"/slett").Til(t, base+"?slettet=1")
	h.Slipper(t, false, id, passord)
	n.Get(t, base+"?slettet=1").Er(t, 200, "Integrasjonen er slettet")
	n.Get(t, base+"/"+id).Er(t, 404)
}

// A new password, with the old one beside it for as long as was chosen.
func TestNyttPassord(t *testing.T) {
	t.Parallel()
	for valg, varer := range forvaltning.Overlapp {
		h := portaltest.NyttHus(t)
		n := h.Som(t, portaltest.Admin)
		id, gammelt := h.Fagsystem(t, portaltest.OrgTest, "Fagsystem")
		sti := "/forvaltning/" + portaltest.OrgTest + "/integrasjoner/" + id
		h.Klokke.Sett(h.Klokke.Now().Add(time.Minute))
		n.Post(t, sti+"/passord", "overlapp", "evig").Er(t, 422, "Velg hvor lenge det gamle passordet skal virke")
		versjon := n.Get(t, sti+"/passord").Er(t, 200).Skjult(t, "versjon")
		_, nytt := n.Post(t, sti+"/passord", "overlapp", valg, "versjon", versjon).Er(t, 200, "Nytt passord er laget", "Det gamle passordet slutter å virke").Paalogging(t)
		// Again with the same form: nothing is changed.
		n.Post(t, sti+"/passord", "overlapp", valg, "versjon", versjon).Er(t, 409, "Passordet er nettopp byttet")
		h.Slipper(t, true, id, nytt)
		h.Slipper(t, varer > 0, id, gammelt)
		if varer > 0 {
			h.Klokke.Sett(h.Klokke.Now().Add(varer - time.Second))
			h.Slipper(t, true, id, gammelt)
			h.Klokke.Sett(h.Klokke.Now().Add(time.Second))
			h.Slipper(t, false, id, gammelt)
		}
		h.Slipper(t, true, id, nytt)
	}
}

// Two administrators change the password at once: one of the two passwords that
// are shown would not work, so only one is.
func TestNyttPassordToSamtidig(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	en, to := h.Som(t, portaltest.Admin), h.Som(t, portaltest.Admin2)
	id, _ := h.Fagsystem(t, portaltest.OrgTest, "Fagsystem")
	h.Klokke.Sett(h.Klokke.Now().Add(time.Minute))
	sti := "/forvaltning/" + portaltest.OrgTest + "/integrasjoner/" + id + "/passord"
	v1, v2 := en.Get(t, sti).Skjult(t, "versjon"), to.Get(t, sti).Skjult(t, "versjon")
	_, passord := en.Post(t, sti, "overlapp", "ingen", "versjon", v1).Er(t, 200).Paalogging(t)
	to.Post(t, sti, "overlapp", "ingen", "versjon", v2).Er(t, 409, "Passordet er nettopp byttet")
	h.Slipper(t, true, id, passord)
}

func TestTilganger(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Dokumentlager(t, portaltest.OrgTest)
	h.Konfigurer(t)
	en, to := h.Som(t, portaltest.Admin), h.Som(t, portaltest.Admin2)
	id, _ := h.Fagsystem(t, portaltest.OrgTest, "Fagsystem")
	sti := "/forvaltning/" + portaltest.OrgTest + "/integrasjoner/" + id
	ressurs, err := h.Org.TjenesteRessurs(t.Context(), portaltest.OrgTest, organisasjon.TypeDigisos)
	portaltest.Must(t, err)
	har := func(digisos, fiksio bool) {
		t.Helper()
		for _, x := range []struct {
			want        bool
			priv, paaHv string
		}{{digisos, auth.DigisosOppdater, ressurs}, {fiksio, auth.FiksIOKonto, portaltest.Konto}} {
			if got, err := h.Org.Har(t.Context(), id, x.priv, x.paaHv); err != nil || got != x.want {
				t.Errorf("%s: %t %v", x.priv, got, err)
			}
		}
	}
	d, f := auth.DigisosOppdater+":"+ressurs, auth.FiksIOKonto+":"+portaltest.Konto
	v := en.Get(t, sti).Er(t, 200).Skjult(t, "versjon")
	eldre := to.Get(t, sti).Skjult(t, "versjon")
	en.Post(t, sti, "versjon", v, "tilgang", d).Til(t, sti+"?lagret=1")
	har(true, false)
	// The other one wanted something else, from what was before.
	s := to.Post(t, sti, "versjon", eldre, "tilgang", f).Er(t, 409, "Noen andre har endret dette")
	har(true, false)
	to.Post(t, sti, "versjon", s.Skjult(t, "versjon"), "tilgang", d, "tilgang", f).Til(t, sti+"?lagret=1")
	har(true, true)
	s = to.Get(t, sti+"?lagret=1").Er(t, 200, "Endringen er lagret.")
	if strings.Count(s.HTML, " checked") != 2 {
		t.Error(s.HTML)
	}
	to.Get(t, "/forvaltning/"+portaltest.OrgTest+"/digisos").Er(t, 200, `href="`+sti+`"`)
	// A sender's account in SvarUt comes with its service.
	const svarut = "00000000-0000-4000-9000-000000000302"
	h.Skriv(t, func(tx *store.Tx) error {
		tjeneste, err := h.Org.TaIBruk(t.Context(), tx, portaltest.OrgTest, organisasjon.TypeSvarUt)
		if err != nil {
			return err
		}
		return h.Org.OpprettRessurs(t.Context(), tx, organisasjon.Ressurs{ID: svarut, Forelder: tjeneste, Type: organisasjon.TypeSvarUtKonto, Navn: "Postmottak"})
	})
	s = to.Get(t, sti).Er(t, 200, "Kan sende forsendelser med SvarUt", "Konto: Postmottak")
	to.Post(t, sti, "versjon", s.Skjult(t, "versjon"), "tilgang", d, "tilgang", f, "tilgang", auth.SvarUtKonto+":"+svarut).Til(t, sti+"?lagret=1")
	if ja, err := h.Org.Har(t.Context(), id, auth.SvarUtKonto, svarut); err != nil || !ja {
		t.Errorf("%t %v", ja, err)
	}
	s = to.Get(t, sti)
	// Nothing can be had by naming it: only what the page offers.
	to.Post(t, sti, "versjon", s.Skjult(t, "versjon"), "tilgang", auth.Admin+":"+portaltest.OrgTest, "tilgang", auth.DigisosNAV+":"+ressurs).Til(t, sti+"?lagret=1")
	har(false, false)
	if ts, err := h.Org.TilgangerFor(t.Context(), h.DB.Read(), id); err != nil || len(ts) != 0 {
		t.Errorf("%v %v", ts, err)
	}
}

// An integrasjon of another organisation does not exist here; a global one can
// be given access, and nothing else.
func TestAndresIntegrasjoner(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Dokumentlager(t, portaltest.OrgTest)
	h.Konfigurer(t)
	n := h.Som(t, portaltest.Admin)
	andres, passord := h.Fagsystem(t, portaltest.OrgSkog, "Skogbys")
	var global string
	h.Skriv(t, func(tx *store.Tx) error {
		i, err := h.Org.OpprettIntegrasjon(t.Context(), tx, organisasjon.Integrasjon{Global: true, Kode: "SKY", AutorisertOrgnr: portaltest.OrgnrS, Navn: "Skyleverandør"})
		global = i.ID
		return err
	})
	base := "/forvaltning/" + portaltest.OrgTest + "/integrasjoner/"
	for _, u := range []string{"", "/passord", "/slett"} {
		n.Get(t, base+andres+u).Er(t, 404)
		n.Post(t, base+andres+u, "overlapp", "ingen").Er(t, 404)
	}
	h.Slipper(t, true, andres, passord)
	n.Get(t, base+"tull").Er(t, 404)
	if s := n.Get(t, base[:len(base)-1]).Er(t, 200, "Skyleverandør (felles for alle)"); strings.Contains(s.HTML, "Skogbys") {
		t.Error("another organisation's is listed")
	}
	s := n.Get(t, base+global).Er(t, 200)
	if strings.Contains(s.HTML, "/passord") || strings.Contains(s.HTML, "/slett") {
		t.Error("a global one can be changed by an organisation")
	}
	for _, u := range []string{"/passord", "/slett"} {
		n.Get(t, base+global+u).Er(t, 404)
		n.Post(t, base+global+u, "overlapp", "ingen").Er(t, 404)
	}
	n.Post(t, base+global, "versjon", s.Skjult(t, "versjon"), "tilgang", auth.FiksIOKonto+":"+portaltest.Konto).Til(t, base+global+"?lagret=1")
	// The id of another's integrasjon in a form makes nothing, and tells nothing of it.
	svar := n.Post(t, base+"ny", "id", andres, "navn", "Min", "orgnr", portaltest.OrgnrT).Er(t, 409)
	if strings.Contains(svar.HTML, andres) || portaltest.PassordRE.MatchString(svar.HTML) {
		t.Error(svar.HTML)
	}
	h.Slipper(t, true, andres, passord)
}
