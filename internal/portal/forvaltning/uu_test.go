package forvaltning_test

import (
	"net/url"
	"testing"
	"time"

	"knutepunkt/internal/portal/forvaltning"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/portal/portaltest"
	"knutepunkt/internal/store"
)

// tilstander lays everything that pages show into a house, and lists the pages.
func tilstander(t *testing.T, h *portaltest.Hus) []portaltest.Tilstand {
	t.Helper()
	h.Dokumentlager(t, portaltest.OrgTest)
	h.Dokumentlager(t, portaltest.OrgSkog)
	k := portaltest.Konfig()
	k.MidlertidigDeaktivertMottak = true
	portaltest.Must(t, h.Dig.OpprettKonfigurasjon(auth.With(t.Context(), auth.Caller{Slag: auth.Person, Fnr: portaltest.Admin}), portaltest.OrgTest, k))
	id, _ := h.Fagsystem(t, portaltest.OrgTest, "Fagsystem sosial")
	uten, _ := h.Fagsystem(t, portaltest.OrgTest, "Arkiv/kopi, test")
	ressurs, err := h.Org.TjenesteRessurs(t.Context(), portaltest.OrgTest, organisasjon.TypeDigisos)
	portaltest.Must(t, err)
	h.Skriv(t, func(tx *store.Tx) error {
		if err := h.Org.GiTilgang(t.Context(), tx, auth.Caller{}, id, auth.DigisosOppdater, ressurs); err != nil {
			return err
		}
		_, err := h.Org.LagPassord(t.Context(), tx, id, 24*time.Hour)
		return err
	})
	u := portal.Utkast{Felt: url.Values{"kanal": {forvaltning.UtenFiksIO}, "navn": {"NAV Skogby"}, "orgnr": {portaltest.OrgnrS}, "adresse1": {"Postboks 1"}, "postnr": {"9902"}, "poststed": {"Skogby"},
		"ansvarlig": {"Skogby kommune"}, "nks": {"ja"}, "oppdateringer": {"ja"}, "fagansvarlig": {"fag@skogby.test"}, "teknisk": {"a@skogby.test\nb@skogby.test"}, "aktivt": {"nei"}},
		Ferdig: []string{"kanal", "svarinn", "behandlingsansvarlig", "nav-kontaktsenter", "saksoppdateringer", "kontakt", "soknadsmottak"}}
	portaltest.Must(t, h.P.LagreUtkast(t.Context(), portaltest.Admin, "digisos", portaltest.OrgSkog, u))
	test, skog := "/forvaltning/"+portaltest.OrgTest, "/forvaltning/"+portaltest.OrgSkog
	return []portaltest.Tilstand{
		portaltest.Som("hjem", "", "/", 200, nil),
		portaltest.Som("hjem-innlogget", portaltest.Admin, "/", 200, nil),
		portaltest.Som("om", "", "/om", 200, nil),
		portaltest.Som("logginn", "", "/logg-inn?til=/forvaltning", 200, nil),
		portaltest.Som("logginn-avbrutt", "", "/logg-inn/svar", 400, nil),
		portaltest.Som("logget-ut", "", "/logget-ut", 200, nil),
		portaltest.Som("feil-403", "", "/prove/403", 403, nil),
		portaltest.Som("feil-404", portaltest.Admin, "/forvaltning/finnes/ikke", 404, nil),
		portaltest.Som("feil-410", "", "/prove/410", 410, nil),
		portaltest.Som("feil-500", "", "/prove/500", 500, nil),
		portaltest.Som("velgorg", portaltest.Admin, "/forvaltning", 200, nil),
		portaltest.Som("velgorg-ingen", portaltest.Innbyg, "/forvaltning", 200, nil),
		portaltest.Som("tjenester", portaltest.Admin, test+"/tjenester", 200, nil),
		portaltest.Som("forutsetninger", portaltest.Admin2, test+"/digisos", 200, nil),
		portaltest.Som("forutsetninger-utkast", portaltest.Admin, skog+"/digisos", 200, nil),
		portaltest.Som("forutsetninger-ny", portaltest.Alene, skog+"/digisos", 200, nil),
		portaltest.Som("steg-kanal", portaltest.Alene, skog+"/digisos/veiviser/kanal", 200, nil),
		portaltest.Som("steg-svarinn", portaltest.Admin, skog+"/digisos/veiviser/svarinn", 200, nil),
		portaltest.Som("steg-svarinn-feil", portaltest.Alene, skog+"/digisos/veiviser/svarinn", 200, portaltest.Send(true)),
		portaltest.Som("steg-kontakt-feil", portaltest.Alene, skog+"/digisos/veiviser/kontakt", 200, portaltest.Send(true)),
		portaltest.Som("steg-nks-feil", portaltest.Alene, skog+"/digisos/veiviser/nav-kontaktsenter", 200, portaltest.Send(true)),
		portaltest.Som("seover", portaltest.Admin, skog+"/digisos/veiviser/se-over", 200, nil),
		portaltest.Som("digisos", portaltest.Admin, test+"/digisos", 200, nil),
		portaltest.Som("endre", portaltest.Admin, test+"/digisos/endre/kanal", 200, nil),
		portaltest.Som("stenging", portaltest.Admin, test+"/digisos/stenging", 200, nil),
		portaltest.Som("avstemming", portaltest.Admin, test+"/digisos/avstemming", 200, nil),
		portaltest.Som("endre-konflikt", portaltest.Admin, test+"/digisos/endre/behandlingsansvarlig", 200, func(f *portaltest.Vindu) {
			portaltest.JS[any](f, `document.querySelector("[name=versjon]").value = "eldre"`)
			portaltest.JS[any](f, `document.querySelector("main form button[type=submit]").click()`)
			f.VenterPaa(`document.querySelector("main .ds-alert") !== null`)
		}),
		portaltest.Som("ferdig", portaltest.Admin, test+"/digisos/ferdig", 200, nil),
		portaltest.Som("integrasjoner", portaltest.Admin, test+"/integrasjoner", 200, nil),
		portaltest.Som("integrasjoner-ingen", portaltest.Admin, skog+"/integrasjoner", 200, nil),
		portaltest.Som("integrasjon-ny-feil", portaltest.Admin, test+"/integrasjoner/ny", 200, portaltest.Send(true)),
		portaltest.Som("integrasjon", portaltest.Admin, test+"/integrasjoner/"+id, 200, nil),
		portaltest.Som("passord-nytt", portaltest.Admin, test+"/integrasjoner/"+id+"/passord", 200, nil),
		portaltest.Som("passord-vist", portaltest.Admin, test+"/integrasjoner/"+uten+"/passord", 200, func(f *portaltest.Vindu) {
			portaltest.JS[any](f, `document.querySelector("main form button[type=submit]").click()`)
			f.VenterPaa(`document.querySelector("#passord, main .ds-alert, h1") !== null && document.readyState === "complete"`)
		}),
		portaltest.Som("integrasjon-endre", portaltest.Admin, test+"/integrasjoner/"+id+"/endre", 200, nil),
		portaltest.Som("brukere", portaltest.Admin, test+"/brukere", 200, nil),
		portaltest.Som("bruker", portaltest.Admin, test+"/brukere", 200, func(f *portaltest.Vindu) {
			portaltest.JS[any](f, `document.querySelector("main table a").click()`)
			f.VenterPaa(`document.querySelector("#navn") !== null`)
		}),
		portaltest.Som("bruker-ny-feil", portaltest.Admin, test+"/brukere/ny", 200, portaltest.Send(true)),
		portaltest.Som("slett", portaltest.Admin, test+"/integrasjoner/"+id+"/slett", 200, nil),
	}
}

// Every page in every state can be used by everybody.
func TestNettleserAlleSider(t *testing.T) {
	t.Parallel()
	h := portaltest.HusMedNett(t)
	portaltest.Proev(t, h, tilstander(t, h))
}
