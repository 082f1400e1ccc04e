package forvaltning_test

import (
	"regexp"
	"strings"
	"testing"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/portal/portaltest"
)

// bydelTilstander lays offices in different states into a house, and lists their pages.
func bydelTilstander(t *testing.T, h *portaltest.Hus) []portaltest.Tilstand {
	t.Helper()
	h.Bydeler(t)
	ctx := auth.With(t.Context(), caller(portaltest.Admin))
	base := "/forvaltning/" + portaltest.OrgTest + "/bekymringsmelding"
	ny := func(nummer, navn string, k bekymringsmelding.Mottakskonto) string {
		k.StottetVersjon = skjema.V2
		b, err := h.Bek.OpprettBydel(ctx, portaltest.OrgTest, bekymringsmelding.NyBydel{Bydelsnummer: nummer, Navn: navn, Kontakter: []string{"barnevern@testby.test"},
			Adresse: bekymringsmelding.Postadresse{Navn: "Barnevernet", Adresselinje1: "Storgata 1", Postnummer: "9901", Poststed: "TESTBY"}, Konto: k})
		portaltest.Must(t, err)
		return base + "/" + b.RessursID
	}
	pem := sertifikat(t, grunntest.Start.AddDate(0, 0, 42))
	svarinn := ny("03", "Barnevernstjenesten i Testby øst og Skogbyfjellene interkommunale samarbeid", bekymringsmelding.Mottakskonto{Kanal: bekymringsmelding.KanalSvarInn,
		Fagsystem: bekymringsmelding.FagsystemUkjent, Sertifikat: []byte(pem)})
	fiksio := ny("04", "Vest", bekymringsmelding.Mottakskonto{Kanal: bekymringsmelding.KanalFiksIO, Fagsystem: "VISMA_FAMILIA", Sertifikat: []byte(pem)})
	brev := ny("05", "Sør", bekymringsmelding.Mottakskonto{Kanal: bekymringsmelding.KanalPrint, Fagsystem: bekymringsmelding.FagsystemUkjent})
	portaltest.Must(t, h.Bek.SettBydelerAktive(ctx, portaltest.OrgTest, []string{brev[len(base)+1:]}, false))
	alle, err := h.Bek.BydelerI(t.Context(), portaltest.OrgTest)
	portaltest.Must(t, err)
	forste, andre := base+"/"+alle[0].RessursID, base+"/"+alle[1].RessursID
	h.Som(t, portaltest.Admin).Post(t, forste+"/tilganger", "navn", "Kari Li Nordmann-Langtnavn", "fnr", ny1).Til(t, forste+"/tilganger?lagret=1")
	n := h.Som(t, portaltest.Alene) // her draft is for SvarInn
	n.Post(t, bydelsider+"/ny", kontorsvar("svarinn")...).Til(t, bydelsider+"/ny/mottak")
	sendFil(t, n, bydelsider+"/ny/mottak", pem, "fagsystem", "UKJENT", "utgave", "V2", "orgnr", "", "pakke", "pdf").Til(t, bydelsider+"/ny/se-over")
	nyTest := base + "/ny" // the administrator's is for Fiks IO
	h.Som(t, portaltest.Admin).Post(t, nyTest, kontorsvar("fiks-io", "nummer", "06")...).Til(t, nyTest+"/mottak")
	fjern := regexp.MustCompile(regexp.QuoteMeta(forste) + `/tilganger/[^/"]+/fjern`).FindString(h.Som(t, portaltest.Admin).Get(t, forste+"/tilganger").HTML)

	send := func(gjor, til string) func(*portaltest.Vindu) {
		return func(f *portaltest.Vindu) {
			portaltest.JS[any](f, gjor+`;document.querySelector("main form button[type=submit]").click()`)
			f.VenterPaa(til)
		}
	}
	const feil, konflikt = `document.querySelector(".ds-error-summary") !== null`, `document.querySelector("main .ds-alert[role=status]") !== null`
	const eldre = `document.querySelector("[name=versjon]").value = "99"; document.querySelector("main form input[type=text], main form textarea").value = `
	som := portaltest.Som
	return []portaltest.Tilstand{
		som("bydel-liste", portaltest.Admin, base, 200, nil),
		som("bydel-ingen", portaltest.Alene, bydelsider, 200, nil),
		som("bydel-ny", portaltest.Alene, bydelsider+"/ny", 200, nil),
		som("bydel-ny-feil", portaltest.Admin, nyTest, 200, portaltest.Send(true)),
		som("bydel-ny-svarinn", portaltest.Alene, bydelsider+"/ny/mottak", 200, nil),
		som("bydel-ny-seover", portaltest.Alene, bydelsider+"/ny/se-over", 200, nil),
		som("bydel-manuell", portaltest.Admin, forste+"?gjort=ny", 200, nil),
		som("bydel-manuell-ingen", portaltest.Admin, andre, 200, nil),
		som("bydel-svarinn", portaltest.Admin, svarinn, 200, nil),
		som("bydel-fiksio", portaltest.Admin, fiksio, 200, nil),
		som("bydel-deaktivert", portaltest.Admin, brev, 200, nil),
		som("bydel-kontor-feil", portaltest.Admin, forste+"/endre/kontor", 200, portaltest.Send(true)),
		som("bydel-kontakt-konflikt", portaltest.Admin, forste+"/endre/kontakt", 200, send(eldre+`"99 99 99 99"`, konflikt)),
		som("bydel-kanaler", portaltest.Admin, forste+"/mottak", 200, nil),
		som("bydel-mottak-fiksio-feil", portaltest.Admin, forste+"/mottak/fiks-io", 200, portaltest.Send(false)),
		som("bydel-mottak-svarinn-privat", portaltest.Admin, svarinn+"/mottak/svarinn", 200, send("document.querySelector('#sertifikat').value = '-----BEGIN PRIVATE KEY-----'", feil)),
		som("bydel-mottak-manuelt-konflikt", portaltest.Admin, forste+"/mottak/manuelt", 200, send(eldre+`"ny@testby.test"`, konflikt)),
		som("bydel-mottak-brev", portaltest.Admin, forste+"/mottak/brev", 200, nil),
		som("bydel-standard", portaltest.Admin, andre+"/standard", 200, nil),
		som("bydel-deaktiver", portaltest.Admin, andre+"/aktiv", 200, nil),
		som("bydel-deaktiver-standard", portaltest.Admin, forste+"/aktiv", 200, nil),
		som("bydel-tilganger", portaltest.Admin, forste+"/tilganger?lagret=1", 200, nil),
		som("bydel-tilganger-feil", portaltest.Admin, andre+"/tilganger", 200, send(`0`, feil)),
		som("bydel-tilgang-fjern", portaltest.Admin, fjern, 200, nil),
	}
}

// Every page of the offices in every state can be used by everybody.
func TestNettleserBydel(t *testing.T) {
	t.Parallel()
	h := portaltest.HusMedNett(t)
	portaltest.Proev(t, h, bydelTilstander(t, h))
}

// bydelreise is the whole way of a municipality that has nothing: one office with manual
// reception, one person with access.
func bydelreise(t *testing.T, tastatur bool) {
	t.Helper()
	ctx := portaltest.Chromium(t)
	h := portaltest.HusMedNett(t)
	r := portaltest.NyReisende(ctx, t, h.Base, tastatur)
	r.Gaa("/forvaltning/" + portaltest.OrgSkog + "/tjenester")
	r.Trykk("Logg inn")
	r.LoggInn(portaltest.Alene)
	if !tastatur {
		r.Skjerm(320, 800, false)
	}
	r.Trykk("Bekymringsmelding")
	r.Ser("Kommunen vises ikke i portalen ennå", "Hva er et kontor?")
	r.Trykk("Nytt kontor")
	r.Skriv("navn", "Barnevernet i Skogby")
	r.Skriv("telefon", "99 02 00 00")
	r.Velg("Manuelt mottak")
	r.Trykk("Gå videre")
	r.Ser("Du må rette", "Skriv minst én e-postadresse vi kan kontakte") // and what was written is there
	r.Skriv("kontakter", "barnevern@skogby.test")
	r.Skriv("adressenavn", "Barnevernet i Skogby")
	r.Skriv("adresse1", "Storgata 1")
	r.Skriv("postnr", "9902")
	r.Skriv("poststed", "SKOGBY")
	r.Trykk("Gå videre")
	r.Ser("kl. 9, 12 og 15")
	r.Skriv("varsler", "vakt@skogby.test")
	r.Trykk("Gå videre")
	r.Ser("kommunen blir synlig i portalen", "vakt@skogby.test", "Manuelt mottak")
	r.Trykk("Opprett kontoret")
	r.Ser("Kontoret er opprettet", "Ingen kan hente meldingene")
	r.Trykk("Gi eller fjern tilgang")
	r.Ser("En administrator kan ikke lese meldingene ved å være administrator")
	r.Skriv("navn", "Kari Li")
	r.Skriv("fnr", ny1)
	r.Trykk("Gi tilgang")
	r.Ser("Personen har fått tilgang.", "Kari Li")
	r.Rolig()

	if got := kommunenI(t, h, "9902"); got != "[{00 Barnevernet i Skogby}]" {
		t.Errorf("the API lists %s", got)
	}
	alle, err := h.Bek.BydelerI(t.Context(), portaltest.OrgSkog)
	portaltest.Must(t, err)
	if ja, err := h.Org.Har(t.Context(), ny1, auth.BekymringMottak, alle[0].RessursID); err != nil || !ja || strings.Join(alle[0].VarselEposter, " ") != "vakt@skogby.test" {
		t.Errorf("%t %v %+v", ja, err, alle)
	}
}

func TestNettleserBydelBareTastatur(t *testing.T) {
	t.Parallel()
	bydelreise(t, true)
}

func TestNettleserBydelUtenJavaScript(t *testing.T) {
	t.Parallel()
	bydelreise(t, false)
}
