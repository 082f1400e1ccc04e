package forvaltning_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/portal/portaltest"
	"knutepunkt/internal/store"
	"knutepunkt/internal/svarut/svarinn"
)

// svarinnTilstander lays mottakersystemer in different states into a house, and
// lists their pages.
func svarinnTilstander(t *testing.T, h *portaltest.Hus) []portaltest.Tilstand {
	t.Helper()
	_, tomt := mottakersystem(t, h, portaltest.OrgTest, "NAV Testby, nytt", portaltest.Admin)
	id, sti := mottakersystem(t, h, portaltest.OrgTest, "NAV Testby – Digisos", portaltest.Admin)
	annet, _ := mottakersystem(t, h, portaltest.OrgSkog, "Skogby arkiv og interkommunalt dokumentsenter", portaltest.Alene)
	av := caller(portaltest.Admin)
	portaltest.Must(t, h.Inn.GiTilgang(t.Context(), av, id, svarinn.Person{Fnr: ny1, Navn: "Kari Li Nordmann-Langtnavn"}))
	for _, x := range []struct{ hvem, hvor string }{{portaltest.Admin, id}, {portaltest.Alene, annet}} {
		postArkiv(t, h, x.hvem, portaltest.OrgnrT)
		r := svarinn.Rad{Orgnr: portaltest.OrgnrT}
		if x.hvor == id {
			r.ForsendelseType = "nav.digisos"
		}
		_, err := h.Inn.GiOrganisasjoner(t.Context(), caller(x.hvem), x.hvor, []svarinn.Rad{r})
		portaltest.Must(t, err)
	}
	portaltest.Must(t, h.Inn.SettVarsles(t.Context(), av, id, "post@testby.test; vakt@testby.test"))
	_, err := h.Inn.SettSertifikat(t.Context(), av, id, []byte(sertifikat(t, grunntest.Start.AddDate(0, 0, 42))))
	portaltest.Must(t, err)
	h.Skriv(t, func(tx *store.Tx) error {
		_, err := tx.ExecContext(t.Context(), `INSERT INTO svarinn_forsendelser (id, levering_id, leveranse_id, mottakersystem, tilstand, innhold, opprettet, endret) VALUES ('1', '', '', $1, 'KLAR', '', 0, 0)`, id)
		return err
	})
	ts, err := h.Inn.TilgangerMedRoller(t.Context(), av, id)
	portaltest.Must(t, err)
	siste, err := h.Inn.TilgangerMedRoller(t.Context(), av, filepath.Base(tomt))
	portaltest.Must(t, err)
	test, skog := "/forvaltning/"+portaltest.OrgTest, "/forvaltning/"+portaltest.OrgSkog
	_, gjest := mottakersystem(t, h, portaltest.OrgTest, "NAV Testby, for andre", portaltest.Innbyg)
	h.Skriv(t, func(tx *store.Tx) error { // an organisation that has none
		return h.Org.GiTilgang(t.Context(), tx, auth.Caller{}, portaltest.Admin, auth.Admin, portaltest.OrgNAV)
	})
	// send does something to the form and sends it, and waits for what the answer has.
	send := func(gjor, til string) func(*portaltest.Vindu) {
		return func(f *portaltest.Vindu) {
			portaltest.JS[any](f, gjor+`;document.querySelector("main form button[type=submit]").click()`)
			f.VenterPaa(til)
		}
	}
	const feil, konflikt = `document.querySelector(".ds-error-summary") !== null`, `document.querySelector("main .ds-alert[role=status]") !== null`
	return []portaltest.Tilstand{
		portaltest.Som("svarinn", portaltest.Admin, test+"/svarinn", 200, nil),
		portaltest.Som("svarinn-ingen", portaltest.Admin, "/forvaltning/"+portaltest.OrgNAV+"/svarinn", 200, nil),
		portaltest.Som("svarinn-ny-feil", portaltest.Admin, skog+"/svarinn/ny", 200, send(`0`, feil)),
		portaltest.Som("svarinn-tilganger", portaltest.Admin, sti+"/tilganger?lagret=1", 200, nil),
		portaltest.Som("svarinn-tilganger-feil", portaltest.Admin, tomt+"/tilganger", 200, send(`0`, feil)),
		portaltest.Som("svarinn-tilganger-gjest", portaltest.Innbyg, gjest+"/tilganger", 200, nil),
		portaltest.Som("svarinn-velg", portaltest.Innbyg, "/forvaltning", 200, nil),
		portaltest.Som("svarinn-fjern", portaltest.Admin, sti+"/tilganger/"+ts[1].ID+"/fjern", 200, nil),
		portaltest.Som("svarinn-fjern-siste", portaltest.Admin, tomt+"/tilganger/"+siste[0].ID+"/fjern", 200, nil),
		portaltest.Som("svarinn-organisasjoner", portaltest.Admin, sti+"/organisasjoner", 200, nil),
		portaltest.Som("svarinn-organisasjoner-feil", portaltest.Admin, tomt+"/organisasjoner", 200, send(`0`, feil)),
		portaltest.Som("svarinn-organisasjon-fjern", portaltest.Admin, sti+"/organisasjoner/310000248,nav.digisos,alle/fjern", 200, nil),
		portaltest.Som("svarinn-service", portaltest.Admin, sti+"/service?lagret=1", 200, nil),
		portaltest.Som("svarinn-service-feil", portaltest.Admin, tomt+"/service", 200, send(`0`, feil)),
		portaltest.Som("svarinn-service-konflikt", portaltest.Admin, sti+"/service", 200, send("document.querySelector('[name=versjon]').value = 'eldre'; document.querySelector('#pem').value = `"+sertifikat(t, grunntest.Start.AddDate(1, 0, 0))+"`", konflikt)),
		portaltest.Som("svarinn-passord", portaltest.Admin, sti+"/service/passord", 200, nil),
		portaltest.Som("svarinn-passord-vist", portaltest.Admin, tomt+"/service/passord", 200, send(`0`, `document.querySelector("#passord") !== null`)),
		portaltest.Som("svarinn-administrasjon", portaltest.Admin, sti+"/administrasjon?test=1", 200, nil),
		portaltest.Som("svarinn-administrasjon-feil", portaltest.Admin, tomt+"/administrasjon", 200, send(`0`, feil)),
		portaltest.Som("svarinn-administrasjon-konflikt", portaltest.Admin, sti+"/administrasjon", 200, send(`document.querySelector("[name=versjon]").value = "eldre"; document.querySelector("#epost").value = "ny@testby.test"`, konflikt)),
	}
}

// Every page of SvarInn in every state can be used by everybody.
func TestNettleserSvarInn(t *testing.T) {
	t.Parallel()
	h := portaltest.HusMedNett(t)
	portaltest.Proev(t, h, svarinnTilstander(t, h))
}

// With nothing but the keyboard: a mottakersystem from nothing to a test alert.
func TestNettleserSvarInnBareTastatur(t *testing.T) {
	t.Parallel()
	ctx := portaltest.Chromium(t)
	h := portaltest.HusMedNett(t)
	postArkiv(t, h, portaltest.Alene, portaltest.OrgnrS)
	f := h.NyttVindu(ctx, t, portaltest.Alene)
	f.Skjerm(1280, 900, false)
	base := "/forvaltning/" + portaltest.OrgSkog
	f.Gaa(base + "/tjenester")
	f.TabTil("a:SvarInn")
	f.EnterTil(base + "/svarinn")
	f.TabTil("a:Nytt mottakersystem")
	f.EnterTil(base + "/svarinn/ny")
	id := portaltest.JS[string](f, `document.querySelector("[name=id]").value`)
	sti := base + "/svarinn/" + id
	f.TabTil("#navn")
	f.Tast("NAV Skogby")
	f.Tast(kb.Enter) // one's own name is missing: the summary has the focus, and leads there
	f.VenterPaa(`document.activeElement.matches(".ds-error-summary")`)
	f.TabTil("a:Skriv navnet ditt")
	f.Tast(kb.Enter)
	f.VenterPaa(`document.activeElement.id === "person"`)
	f.Tast("Alene Admin")
	f.EnterTil(sti + "/tilganger")
	f.TabTil("#navn")
	f.Tast("Kari Li")
	f.TabTil("#fnr")
	f.Tast(ny1)
	f.Tast(kb.Enter)
	f.VenterPaa(`document.body.textContent.includes("Personen har fått tilgang.")`)
	f.TabTil("a:Organisasjoner")
	f.EnterTil(sti + "/organisasjoner")
	f.TabTil("#orgnr")
	f.Tast(portaltest.OrgnrS)
	f.Tast(kb.Enter) // nav.digisos and all levels are chosen beforehand
	f.VenterPaa(`document.body.textContent.includes("Organisasjonsnummeret er registrert.")`)
	f.TabTil("a:Service")
	f.EnterTil(sti + "/service")
	f.TabTil("a:Lag passord")
	f.EnterTil(sti + "/service/passord")
	f.TabTil("button:Lag passord")
	f.Tast(kb.Enter)
	f.VenterPaa(`document.querySelector("#passord") !== null`)
	passord := portaltest.JS[string](f, `document.querySelector("#passord").textContent`)
	f.TabTil("button:Kopier passordet") // the script shows it
	f.TabTil("a:Jeg har lagret passordet")
	f.EnterTil(sti + "/service")
	f.TabTil("#fil")
	f.TabTil("#pem")
	f.Tast(strings.ReplaceAll(sertifikat(t, grunntest.Start.AddDate(1, 0, 0)), "\n", "\r"))
	f.TabTil("button:Last opp")
	f.Tast(kb.Enter)
	f.VenterPaa(`document.body.textContent.includes("Den nye nøkkelen er i bruk fra nå av.")`)
	f.TabTil("a:Administrasjon")
	f.EnterTil(sti + "/administrasjon")
	f.TabTil("#epost")
	f.Tast("post@skogby.test; vakt@skogby.test")
	f.TabTil("button:Lagre")
	f.Tast(kb.Enter)
	f.VenterPaa(`document.body.textContent.includes("Endringen er lagret.")`)
	f.TabTil("button:Send testvarsel")
	f.Tast(kb.Enter)
	f.VenterPaa(`document.body.textContent.includes("Testvarsel sendt")`)
	f.Rolig()

	st, err := h.Inn.StandFor(t.Context(), caller(portaltest.Alene), id)
	if err != nil || st.Personer != 2 || st.Rader != 1 || st.Varsles != 2 || st.Sertifikat == nil {
		t.Errorf("%+v %v", st, err)
	}
	if _, err := h.Inn.LoggInn(t.Context(), id, passord); err != nil {
		t.Error(err)
	}
}

// The main things without a script, on a narrow screen: a file is chosen and
// uploaded, a password made, a person removed.
func TestNettleserSvarInnUtenJavaScript(t *testing.T) {
	t.Parallel()
	ctx := portaltest.Chromium(t)
	h := portaltest.HusMedNett(t)
	id, sti := mottakersystem(t, h, portaltest.OrgTest, "NAV Testby", portaltest.Admin)
	portaltest.Must(t, h.Inn.GiTilgang(t.Context(), caller(portaltest.Admin), id, svarinn.Person{Fnr: ny1, Navn: "Kari Li"}))
	fil := filepath.Join(t.TempDir(), "fagsystem.pem")
	portaltest.Must(t, os.WriteFile(fil, []byte(sertifikat(t, grunntest.Start.AddDate(1, 0, 0))), 0o600))
	f := h.NyttVindu(ctx, t, portaltest.Admin)
	f.Kjor(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	f.UtenSkript = true
	f.Skjerm(320, 800, false)
	f.Gaa(sti + "/service")
	f.Kjor(chromedp.SetUploadFiles(chromedp.CSS("#fil"), []string{fil}), chromedp.Click(chromedp.CSS(`main form .ds-button[type=submit]`)))
	f.VenterPaa(`document.body.textContent.includes("Den nye nøkkelen er i bruk fra nå av.")`)
	f.Kjor(chromedp.Click(chromedp.CSS(`main a.ds-button`)))
	f.Venter(sti + "/service/passord")
	f.Kjor(chromedp.Click(chromedp.CSS(`main form .ds-button[type=submit]`)))
	f.VenterPaa(`document.querySelector("#passord") !== null`)
	passord := portaltest.JS[string](f, `document.querySelector("#passord").textContent`)
	if _, err := h.Inn.LoggInn(t.Context(), id, passord); err != nil {
		t.Error(err)
	}
	f.Gaa(sti + fjernlenker(h.Som(t, portaltest.Admin).Get(t, sti+"/tilganger"))["Kari Li"])
	f.VenterPaa(`document.body.textContent.includes("Vil du fjerne tilgangen til Kari Li?")`)
	f.Kjor(chromedp.Click(chromedp.CSS(`main form .ds-button[type=submit]`)))
	f.VenterPaa(`document.body.textContent.includes("Tilgangen er fjernet.")`)
	m, err := h.Inn.StandFor(t.Context(), caller(portaltest.Admin), id)
	if err != nil || m.Sertifikat == nil || m.Personer != 1 {
		t.Errorf("%+v %v", m, err)
	}
	f.Rolig()
}
