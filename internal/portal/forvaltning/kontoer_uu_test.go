package forvaltning_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/digisos"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal/portaltest"
	"knutepunkt/internal/store"
)

// kontotilstander lays everything that the pages of kontoer show into a house,
// and lists the pages.
func kontotilstander(t *testing.T, h *portaltest.Hus) []portaltest.Tilstand {
	t.Helper()
	h.Leverer(t)
	h.Dokumentlager(t, portaltest.OrgSkog)
	a := kontoadresse(t, h)
	_, err := h.Fio.SettSertifikat(t.Context(), portaltest.Konto, kontosertifikat(t, 2048, grunntest.Start.AddDate(-1, 0, 0), grunntest.Start.AddDate(0, 0, 30)), "")
	portaltest.Must(t, err)
	kontomelding(t, h)
	tom := annenKonto(t, h, portaltest.OrgTest, "Barnevern Testby med et svært langt navn som må brytes", func(a *fiksio.Adresse) {
		a.Aktiv, a.Protokoller = false, []string{"no.egen.protokoll.med.et.svaert.langt.navn.som.ikke.kan.brytes.v1"}
	})
	_, err = h.Fio.SettAktiv(t.Context(), tom.ID, false, "")
	portaltest.Must(t, err)
	portaltest.Must(t, h.Fio.SettKunAksepterte(t.Context(), tom.ID, true, ""))
	portaltest.Must(t, h.Fio.LeggTilAvsender(t.Context(), portaltest.Konto, tom.ID, ""))
	id, _ := h.Fagsystem(t, portaltest.OrgTest, "Fagsystem sosial")
	h.Skriv(t, func(tx *store.Tx) error {
		if _, err := h.Org.TaIBruk(t.Context(), tx, portaltest.OrgNAV, organisasjon.TypeFiksIO); err != nil {
			return err
		}
		if err := h.Org.GiTilgang(t.Context(), tx, auth.Caller{}, portaltest.Admin2, auth.Admin, portaltest.OrgNAV); err != nil {
			return err
		}
		return h.Org.GiTilgang(t.Context(), tx, auth.Caller{}, id, auth.FiksIOKonto, portaltest.Konto)
	})
	plattform, err := h.Fio.Plattformkontoer(t.Context())
	portaltest.Must(t, err)
	trykk := func(vent string, foer string) func(*portaltest.Vindu) {
		return func(f *portaltest.Vindu) {
			portaltest.JS[any](f, foer+`; document.querySelector("main form button[type=submit]").click()`)
			f.VenterPaa(vent)
		}
	}
	nyTekst := func(pem string) string { return `document.querySelector("#tekst").value = ` + "`" + pem + "`" }
	som, her := portaltest.Som, kontoBase+"/"+tom.ID
	return []portaltest.Tilstand{
		som("tjenester-kontoer", portaltest.Admin, "/forvaltning/"+portaltest.OrgTest+"/tjenester", 200, nil),
		som("kontoer", portaltest.Admin, kontoBase, 200, nil),
		som("kontoer-ikkeibruk", portaltest.Admin, "/forvaltning/"+portaltest.OrgSkog+"/kontoer", 200, nil),
		som("kontoer-plattform", portaltest.Admin2, "/forvaltning/"+portaltest.OrgNAV+"/kontoer/"+plattform[0].ID, 200, nil),
		som("konto-ny-feil", portaltest.Admin, kontoBase+"/ny", 200, portaltest.Send(true)),
		som("konto", portaltest.Admin, kontoHer, 200, nil),
		som("konto-inaktiv", portaltest.Admin, her, 200, nil),
		som("konto-navn-konflikt", portaltest.Admin, kontoHer+"/navn", 200, trykk(`document.querySelector("main .ds-alert") !== null`, `document.querySelector("[name=versjon]").value = "eldre"; document.querySelector("#navn").value = "Nytt"`)),
		som("konto-slett", portaltest.Admin, kontoHer+"/slett", 200, nil),
		som("konto-nokkel", portaltest.Admin, kontoHer+"/nokkel", 200, nil),
		som("konto-nokkel-ingen", portaltest.Admin, her+"/nokkel", 200, nil),
		som("konto-nokkel-feil", portaltest.Admin, kontoHer+"/nokkel", 200, trykk(`document.querySelector(".ds-error-summary") !== null`, nyTekst("tull"))),
		som("konto-nokkel-seover", portaltest.Admin, kontoHer+"/nokkel", 200, trykk(`document.querySelector("[name=sertifikat]") !== null`, nyTekst(string(portaltest.Sertifikat(t))))),
		som("konto-adresser", portaltest.Admin, kontoHer+"/adresser", 200, nil),
		som("konto-adresse", portaltest.Admin, kontoHer+"/adresser/"+a.ID, 200, nil),
		som("konto-adresse-feil", portaltest.Admin, kontoHer+"/adresser/ny", 200, portaltest.Send(true)),
		som("konto-adresse-konflikt", portaltest.Admin, kontoHer+"/adresser/"+a.ID, 200, trykk(`document.querySelector("main .ds-alert") !== null`, `document.querySelector("[name=versjon]").value = "eldre"; document.querySelector("#beskrivelse").value = "Ny"`)),
		som("konto-adresse-overlapp", portaltest.Admin, her+"/adresser/ny", 200, trykk(`document.querySelector(".ds-error-summary") !== null`,
			`document.querySelector("#beskrivelse").value = "Ny"; document.querySelector("[value='`+digisos.Protokoll+`']").checked = true`)),
		som("konto-adresse-slett", portaltest.Admin, kontoHer+"/adresser/"+a.ID+"/slett", 200, nil),
		som("konto-protokoller", portaltest.Admin, her+"/protokoller", 200, nil),
		som("konto-tilganger", portaltest.Admin, kontoHer+"/tilganger", 200, nil),
		som("konto-tilganger-ingen", portaltest.Admin, her+"/tilganger", 200, nil),
		som("konto-avsendere", portaltest.Admin, kontoHer+"/avsendere", 200, nil),
		som("konto-avsendere-tom-feil", portaltest.Admin, her+"/avsendere", 200, func(f *portaltest.Vindu) {
			portaltest.JS[any](f, `document.querySelector("#avsender").form.querySelector("button").click()`)
			f.VenterPaa(`document.querySelector(".ds-error-summary") !== null`)
		}),
		som("steg-kanal-kontoer", portaltest.Alene, "/forvaltning/"+portaltest.OrgSkog+"/digisos/veiviser/kanal", 200, nil),
	}
}

// Every page of kontoer in every state can be used by everybody.
func TestNettleserKontosider(t *testing.T) {
	t.Parallel()
	h := portaltest.HusMedNett(t)
	portaltest.Proev(t, h, kontotilstander(t, h))
}

// With nothing but the keyboard: a new konto with its key and its address.
func TestNettleserKontoTastatur(t *testing.T) {
	t.Parallel()
	ctx := portaltest.Chromium(t)
	h := portaltest.HusMedNett(t)
	f := h.NyttVindu(ctx, t, portaltest.Admin)
	f.Skjerm(1280, 900, false)
	f.Gaa("/forvaltning/" + portaltest.OrgTest + "/tjenester")
	f.TabTil("a:Se kontoene: Fiks IO")
	f.EnterTil(kontoBase)
	f.TabTil("a:Ny konto")
	f.EnterTil(kontoBase + "/ny")
	f.TabTil("#navn")
	f.Tast(kb.Enter) // nothing written
	f.VenterPaa(`document.activeElement.matches(".ds-error-summary")`)
	f.TabTil("a:Skriv et navn på kontoen")
	f.Tast(kb.Enter)
	f.VenterPaa(`document.activeElement.id === "navn"`)
	f.Tast("Barnevern Testby")
	id := portaltest.JS[string](f, `document.querySelector("[name=id]").value`)
	her := kontoBase + "/" + id
	f.EnterTil(her)
	f.TabTil("a:Nøkkel")
	f.EnterTil(her + "/nokkel")
	f.TabTil("#tekst")
	// Pasted, as one would: typing it letter by letter takes long.
	portaltest.JS[any](f, `document.execCommand("insertText", false, `+"`"+string(portaltest.Sertifikat(t))+"`"+`)`)
	f.TabTil("button:Sjekk sertifikatet")
	f.Tast(kb.Enter)
	f.VenterPaa(`document.querySelector("[name=sertifikat]") !== null`)
	f.TabTil("button:Ta nøkkelen i bruk")
	f.Tast(kb.Enter)
	f.VenterPaa(`document.querySelector("[role=status]") !== null`)
	if enKonto(t, h, id).Sertifikat == nil {
		t.Fatal("no key")
	}
	f.TabTil("a:Adresser")
	f.EnterTil(her + "/adresser")
	f.TabTil("a:Ny adresse")
	f.EnterTil(her + "/adresser/ny")
	f.TabTil("#beskrivelse")
	f.Tast("Barnevern")
	f.TabTil("#protokoll-b")
	f.Kryss()
	f.TabTil("button:Lag adressen")
	f.EnterTil(her + "/adresser")
	if k, err := h.Fio.SlaOpp(t.Context(), "ORG_NO."+portaltest.OrgnrT, fiksio.ProtokollBekymringsmelding, 4); err != nil || k.ID != id {
		t.Errorf("%+v %v", k, err)
	}
	f.Rolig()
}

// Without a script, on a narrow screen: a key from a file, and a konto deleted.
func TestNettleserKontoUtenJavaScript(t *testing.T) {
	t.Parallel()
	ctx := portaltest.Chromium(t)
	h := portaltest.HusMedNett(t)
	f := h.NyttVindu(ctx, t, portaltest.Admin)
	f.Kjor(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	f.UtenSkript = true
	f.Skjerm(320, 800, false)
	fil := func(navn string, innhold []byte) string {
		sti := filepath.Join(t.TempDir(), navn)
		portaltest.Must(t, os.WriteFile(sti, innhold, 0o600))
		return sti
	}
	velg := func(sti string) {
		t.Helper()
		f.Kjor(chromedp.SetUploadFiles(chromedp.CSS("#fil"), []string{sti}))
		f.Kjor(chromedp.Click(chromedp.CSS(`main form .ds-button[type=submit]`)))
	}
	f.Gaa(kontoHer + "/nokkel")
	velg(fil("utlopt.pem", kontosertifikat(t, 2048, grunntest.Start.AddDate(-2, 0, 0), grunntest.Start.Add(-time.Hour))))
	f.VenterPaa(`document.querySelector("#fil-feil") !== null`)
	velg(fil("god.pem", portaltest.Sertifikat(t)))
	f.VenterPaa(`document.querySelector("[name=sertifikat]") !== null`)
	f.Bilde("uten-js-nokkel")
	f.Kjor(chromedp.Click(chromedp.CSS(`main form .ds-button[type=submit]`)))
	f.VenterPaa(`document.querySelector("main [role=status]") !== null`)
	if enKonto(t, h, portaltest.Konto).Sertifikat == nil {
		t.Error("no key")
	}
	f.Gaa(kontoHer)
	f.Kjor(chromedp.Click(chromedp.CSS(`main a[href$="/slett"]`)))
	f.Venter(kontoHer + "/slett")
	f.Kjor(chromedp.Click(chromedp.CSS(`main form .ds-button[type=submit]`)))
	f.Venter(kontoBase)
	if ks, err := h.Fio.Kontoer(t.Context(), portaltest.OrgTest); err != nil || len(ks) != 0 {
		t.Errorf("%v %v", ks, err)
	}
	f.Rolig()
}
