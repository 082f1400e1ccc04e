package forvaltning_test

import (
	"strings"
	"testing"
	"time"

	"knutepunkt/internal/portal/forvaltning"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/digisos"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/portal/portaltest"
)

// svarPaa are right answers to each step, by its name.
func svarPaa(kanal string) map[string][]string {
	return map[string][]string{
		"kanal":                {"kanal", kanal},
		"svarinn":              {"navn", " NAV  Testby ", "orgnr", "310 000 248", "adresse1", "Storgata 1", "adresse2", "", "postnr", "9901", "poststed", "Testby"},
		"behandlingsansvarlig": {"ansvarlig", "Testby kommune"},
		"nav-kontaktsenter":    {"nks", "ja"},
		"saksoppdateringer":    {"oppdateringer", "nei"},
		"kontakt":              {"fagansvarlig", "fag@testby.test; fag2@testby.test", "teknisk", "teknisk@testby.test\r\n"},
		"soknadsmottak":        {"aktivt", "ja"},
	}
}

var stegene = []string{"kanal", "svarinn", "behandlingsansvarlig", "nav-kontaktsenter", "saksoppdateringer", "kontakt", "soknadsmottak", forvaltning.SeOver}

// The wizard in both ways, as seed 002 goes through it.
func TestVeiviser(t *testing.T) {
	t.Parallel()
	for _, kanal := range []string{portaltest.Konto, forvaltning.UtenFiksIO} {
		h := portaltest.NyttHus(t)
		h.Dokumentlager(t, portaltest.OrgTest)
		n := h.Som(t, portaltest.Admin)
		base := "/forvaltning/" + portaltest.OrgTest + "/digisos"
		n.Get(t, base).Er(t, 200, "Start veiviser", `href="`+base+`/veiviser/kanal"`)
		svar := svarPaa(kanal)
		for i, s := range stegene[:7] {
			n.Get(t, base+"/veiviser/"+s).Er(t, 200, "Gå videre", `aria-current="step"`)
			n.Post(t, base+"/veiviser/"+s, svar[s]...).Til(t, base+"/veiviser/"+stegene[i+1])
		}
		if _, err := h.Dig.Konfigurasjon(t.Context(), portaltest.OrgTest); !feil.Er(err, feil.IkkeFunnet) {
			t.Fatalf("configured before the last step: %v", err)
		}
		n.Get(t, base+"/veiviser/se-over").Er(t, 200, "NAV Testby", "310000248", "fag@testby.test; fag2@testby.test", "Lagre og fullfør", "Endre Kontaktinformasjon")
		n.Post(t, base+"/veiviser/se-over", "handling", "fullfor").Til(t, base+"/ferdig")
		n.Get(t, base+"/ferdig").Er(t, 200, "Digisos er satt opp", "Kommunen kan ta imot søknader")
		want := digisos.KommuneKonfigurasjon{Aktivert: true, NksTilgang: true, OrganisasjonsnummerSvarUt: portaltest.OrgnrT, Behandlingsansvarlig: "Testby kommune",
			Postadresse:     digisos.Postadresse{Navn: "NAV Testby", Adresselinje1: "Storgata 1", Postnummer: "9901", Poststed: "Testby"},
			Kontaktpersoner: digisos.Kontakter{FagansvarligEpost: []string{"fag@testby.test", "fag2@testby.test"}, TekniskAnsvarligEpost: []string{"teknisk@testby.test"}}}
		if kanal == portaltest.Konto {
			want.BrukerFiksIO, want.FiksIOKontoID = true, portaltest.Konto
		}
		got, err := h.Dig.Konfigurasjon(t.Context(), portaltest.OrgTest)
		portaltest.Must(t, err)
		if d := cmp.Diff(want, got.KommuneKonfigurasjon); d != "" {
			t.Error(d)
		}
		if h.Antall(t, "portal_utkast") != 0 {
			t.Error("the draft is still there")
		}
		// The last button pressed twice, and the wizard afterwards: to what is set up.
		n.Post(t, base+"/veiviser/se-over", "handling", "fullfor").Til(t, base)
		n.Get(t, base+"/veiviser/kanal").Til(t, base)
		n.Get(t, base).Er(t, 200, "Leveringskanal")
	}
}

// What is wrong is said at the field and at the top; what was written stays.
func TestVeiviserFeil(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Dokumentlager(t, portaltest.OrgTest)
	n := h.Som(t, portaltest.Admin)
	base := "/forvaltning/" + portaltest.OrgTest + "/digisos/veiviser/"
	for _, tt := range []struct {
		steg  string
		felt  []string
		vises []string
	}{
		{"kanal", nil, []string{"Du må rette én feil", "Velg hvordan søknadene skal leveres", `href="#kanal"`}},
		{"kanal", []string{"kanal", "00000000-0000-4000-8000-00000000ffff"}, []string{"Velg hvordan"}},
		{"svarinn", []string{"navn", "<b>NAV", "orgnr", "12345678", "postnr", "123", "poststed", ""},
			[]string{"Du må rette 3 feil", "må ha 9 siffer. Du skrev 8.", "Postnummeret må ha 4 siffer", "Skriv poststedet", `value="&lt;b&gt;NAV"`, `value="12345678"`,
				`aria-describedby="orgnr-feil orgnr-hjelp" aria-invalid="true"`, "<title>Feil: "}},
		{"svarinn", []string{"navn", strings.Repeat("ø", 101), "orgnr", "310000249", "postnr", "9901", "poststed", "Testby"},
			[]string{"kan ha høyst 100 tegn", "Organisasjonsnummeret finnes ikke. Sjekk sifrene."}},
		{"behandlingsansvarlig", []string{"ansvarlig", "  "}, []string{"Skriv kommunens navn"}},
		{"nav-kontaktsenter", []string{"nks", "kanskje"}, []string{"Velg om NAV Kontaktsenter kan hente søknader"}},
		{"kontakt", []string{"fagansvarlig", "a@b.no\nikke en adresse", "teknisk", "a@b"}, []string{"E-postadressen «ikke» er ikke riktig skrevet", "E-postadressen «a@b»"}},
		{"kontakt", []string{"fagansvarlig", "Kari <a@b.no>", "teknisk", ";,"}, []string{"E-postadressen «Kari»", "Skriv minst én e-postadresse"}},
		{"kontakt", []string{"fagansvarlig", strings.Repeat("a@b.no ", 101), "teknisk", "a@b.no"}, []string{"Skriv høyst 100 e-postadresser"}},
		{"soknadsmottak", nil, []string{"Velg om mottaket skal være aktivt"}},
	} {
		n.Post(t, base+tt.steg, tt.felt...).Er(t, 422, tt.vises...)
	}
	n.Get(t, base+"finnesikke").Er(t, 404)
	n.Post(t, base+"finnesikke").Er(t, 404)
	// Nothing can be finished, and the review leads to what is missing.
	n.Get(t, base+"se-over").Til(t, base+"kanal")
	n.Post(t, base+"se-over", "handling", "fullfor").Til(t, base+"kanal")
}

// The draft is there tomorrow, only for whoever wrote it, and not for ever.
func TestUtkast(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Dokumentlager(t, portaltest.OrgTest)
	n := h.Som(t, portaltest.Admin)
	side := "/forvaltning/" + portaltest.OrgTest + "/digisos"
	base := side + "/veiviser/"
	svar := svarPaa(forvaltning.UtenFiksIO)
	n.Post(t, base+"kanal", svar["kanal"]...).Til(t, base+"svarinn")
	n.Post(t, base+"svarinn", append([]string{"handling", "senere"}, svar["svarinn"]...)...).Til(t, side)
	n.Get(t, side).Er(t, 200, "Fortsett der du slapp", "Lagret som utkast 10. juni 2026 kl. 10.00.", "Det slettes 24. juni 2026")
	n.Get(t, base+"svarinn").Er(t, 200, `value="NAV Testby"`)
	if s := h.Som(t, portaltest.Admin2).Get(t, base+"svarinn").Er(t, 200); strings.Contains(s.HTML, "NAV Testby") {
		t.Error("one administrator's draft is another's")
	}
	h.Frem(t, 13*24*time.Hour)
	n = h.Som(t, portaltest.Admin)
	n.Get(t, base+"se-over").Til(t, base+"behandlingsansvarlig") // the first that is missing
	// An answer that no longer holds is asked for again.
	n.Post(t, base+"kanal", "kanal", "tull").Er(t, 422)
	n.Get(t, base+"se-over").Til(t, base+"kanal")
	n.Post(t, base+"kanal", "handling", "slett").Til(t, side+"?slettet=1")
	n.Get(t, side+"?slettet=1").Er(t, 200, "Utkastet er slettet", "Start veiviser")
	n.Post(t, base+"kanal", svar["kanal"]...).Til(t, base+"svarinn")
	h.Frem(t, portal.Utkasttid+2*time.Hour)
	if h.Antall(t, "portal_utkast") != 0 {
		t.Error("the draft outlived its time")
	}
}

// Two administrators run the wizard at once: the second is told, and nothing
// of the first is written over.
func TestVeiviserToSamtidig(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Dokumentlager(t, portaltest.OrgTest)
	en, to := h.Som(t, portaltest.Admin), h.Som(t, portaltest.Admin2)
	side := "/forvaltning/" + portaltest.OrgTest + "/digisos"
	fyll := func(n *portaltest.Nettleser, ansvarlig string) {
		for s, felt := range svarPaa(portaltest.Konto) {
			if s == "behandlingsansvarlig" {
				felt = []string{"ansvarlig", ansvarlig}
			}
			n.Post(t, side+"/veiviser/"+s, felt...).Er(t, 303)
		}
	}
	fyll(en, "Den første kommune")
	fyll(to, "Den andre kommune")
	en.Post(t, side+"/veiviser/se-over", "handling", "fullfor").Til(t, side+"/ferdig")
	to.Post(t, side+"/veiviser/kontakt", svarPaa(portaltest.Konto)["kontakt"]...).Er(t, 409, "Noen andre kom først")
	to.Post(t, side+"/veiviser/se-over", "handling", "fullfor").Er(t, 409, "Svarene dine er ikke brukt", `href="`+side+`"`)
	if k, err := h.Dig.Konfigurasjon(t.Context(), portaltest.OrgTest); err != nil || k.Behandlingsansvarlig != "Den første kommune" {
		t.Errorf("%+v %v", k, err)
	}
}

// A konto that stops taking Digisos between the first step and the last.
func TestVeiviserKontoForsvinner(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Dokumentlager(t, portaltest.OrgTest)
	n := h.Som(t, portaltest.Admin)
	base := "/forvaltning/" + portaltest.OrgTest + "/digisos/veiviser/"
	for s, felt := range svarPaa(portaltest.Konto) {
		n.Post(t, base+s, felt...).Er(t, 303)
	}
	as, err := h.Fio.Adresser(t.Context(), portaltest.Konto)
	portaltest.Must(t, err)
	portaltest.Must(t, h.Fio.SlettAdresse(t.Context(), portaltest.Konto, as[0].ID))
	n.Post(t, base+"se-over", "handling", "fullfor").Til(t, base+"kanal")
	n.Get(t, base+"kanal").Er(t, 200, "ingen Fiks IO-konto som tar imot Digisos")
}

// Later changes touch what they are about, and nothing else.
func TestEndring(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Dokumentlager(t, portaltest.OrgTest)
	h.Konfigurer(t)
	n := h.Som(t, portaltest.Admin)
	side := "/forvaltning/" + portaltest.OrgTest + "/digisos"
	n.Get(t, side).Er(t, 200, "NAV Testby", "Ja", "Støtter oppdateringer", "ingen integrasjon har tilgang", "Fiks IO-kontoen kan ikke ta imot")
	want := portaltest.Konfig()
	for _, tt := range []struct {
		steg  string
		felt  []string
		endre func(k *digisos.KommuneKonfigurasjon)
	}{
		{"endre/kanal", []string{"kanal", forvaltning.UtenFiksIO}, func(k *digisos.KommuneKonfigurasjon) { k.BrukerFiksIO, k.FiksIOKontoID = false, "" }},
		{"endre/kanal", []string{"kanal", portaltest.Konto}, func(k *digisos.KommuneKonfigurasjon) { k.BrukerFiksIO, k.FiksIOKontoID = true, portaltest.Konto }},
		{"endre/svarinn", []string{"navn", "NAV Ny", "orgnr", portaltest.OrgnrS, "adresse1", "", "adresse2", "", "postnr", "9902", "poststed", "Ny"},
			func(k *digisos.KommuneKonfigurasjon) { // what no field asks for stays
				k.Postadresse, k.OrganisasjonsnummerSvarUt = digisos.Postadresse{Navn: "NAV Ny", Adresselinje3: "Bakgården", Postnummer: "9902", Poststed: "Ny"}, portaltest.OrgnrS
			}},
		{"endre/nav-kontaktsenter", []string{"nks", "nei"}, func(k *digisos.KommuneKonfigurasjon) { k.NksTilgang = false }},
		{"endre/saksoppdateringer", []string{"oppdateringer", "nei"}, func(k *digisos.KommuneKonfigurasjon) { k.StotterOppdateringer = false }},
		{"endre/soknadsmottak", []string{"aktivt", "nei"}, func(k *digisos.KommuneKonfigurasjon) { k.Aktivert = false }},
		{"endre/kontakt", []string{"fagansvarlig", "ny@testby.test", "teknisk", "a@testby.test b@testby.test"}, func(k *digisos.KommuneKonfigurasjon) {
			k.Kontaktpersoner = digisos.Kontakter{FagansvarligEpost: []string{"ny@testby.test"}, TekniskAnsvarligEpost: []string{"a@testby.test", "b@testby.test"}}
		}},
		{"stenging", []string{"stengtmottak", "ja", "stengtoppdateringer", "nei"}, func(k *digisos.KommuneKonfigurasjon) { k.MidlertidigDeaktivertMottak = true }},
		{"stenging", []string{"stengtmottak", "nei", "stengtoppdateringer", "ja"}, func(k *digisos.KommuneKonfigurasjon) {
			k.MidlertidigDeaktivertMottak, k.MidlertidigDeaktivertOppdateringer = false, true
		}},
	} {
		versjon := n.Get(t, side+"/"+tt.steg).Er(t, 200).Skjult(t, "versjon")
		n.Post(t, side+"/"+tt.steg, append([]string{"versjon", versjon}, tt.felt...)...).Til(t, side+"?lagret=1")
		tt.endre(&want)
		got, err := h.Dig.Konfigurasjon(t.Context(), portaltest.OrgTest)
		portaltest.Must(t, err)
		if d := cmp.Diff(want, got.KommuneKonfigurasjon); d != "" {
			t.Errorf("%s: %s", tt.steg, d)
		}
	}
	n.Get(t, side+"?lagret=1").Er(t, 200, "Endringen er lagret.", "Kommunen tar ikke imot søknader ennå", "Saksoppdateringer er midlertidig stengt")
	n.Get(t, "/forvaltning/"+portaltest.OrgTest+"/tjenester").Er(t, 200, "Følg med")
	n.Post(t, side+"/endre/svarinn", "versjon", "x", "navn", "").Er(t, 422, "Skriv navnet på organisasjonen")
	n.Get(t, side+"/endre/finnesikke").Er(t, 404)
	h.Som(t, portaltest.Alene).Get(t, "/forvaltning/"+portaltest.OrgSkog+"/digisos/endre/kanal").Er(t, 404) // nothing is set up there
}

// Two administrators change at once, also different things: the second sees
// what the first one stored beside the own answers, and decides.
func TestEndringToSamtidig(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Dokumentlager(t, portaltest.OrgTest)
	h.Konfigurer(t)
	en, to := h.Som(t, portaltest.Admin), h.Som(t, portaltest.Admin2)
	side := "/forvaltning/" + portaltest.OrgTest + "/digisos"
	v1 := en.Get(t, side+"/endre/behandlingsansvarlig").Skjult(t, "versjon")
	v2 := to.Get(t, side+"/endre/behandlingsansvarlig").Skjult(t, "versjon")
	en.Post(t, side+"/endre/behandlingsansvarlig", "versjon", v1, "ansvarlig", "Fra den ene").Til(t, side+"?lagret=1")
	for _, v := range []string{v2, "", "tull"} {
		s := to.Post(t, side+"/endre/behandlingsansvarlig", "versjon", v, "ansvarlig", "Fra den andre").Er(t, 409,
			"Noen andre har endret dette siden du åpnet siden", "Fra den ene", `value="Fra den andre"`)
		v2 = s.Skjult(t, "versjon")
	}
	if k, err := h.Dig.Konfigurasjon(t.Context(), portaltest.OrgTest); err != nil || k.Behandlingsansvarlig != "Fra den ene" {
		t.Fatalf("%+v %v", k, err)
	}
	to.Post(t, side+"/endre/behandlingsansvarlig", "versjon", v2, "ansvarlig", "Fra den andre").Til(t, side+"?lagret=1")
	// An error in between does not turn the old version into a new one.
	v := en.Get(t, side+"/stenging").Skjult(t, "versjon")
	to.Post(t, side+"/stenging", "versjon", to.Get(t, side+"/stenging").Skjult(t, "versjon"), "stengtmottak", "ja", "stengtoppdateringer", "nei").Til(t, side+"?lagret=1")
	v = en.Post(t, side+"/stenging", "versjon", v).Er(t, 422, "Velg om mottaket").Skjult(t, "versjon")
	en.Post(t, side+"/stenging", "versjon", v, "stengtmottak", "nei", "stengtoppdateringer", "nei").Er(t, 409)
	if k, err := h.Dig.Konfigurasjon(t.Context(), portaltest.OrgTest); err != nil || !k.MidlertidigDeaktivertMottak {
		t.Errorf("%+v %v", k, err)
	}
}

// A change whose login ran out keeps the version that it was made from.
func TestEndringOverlever(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Dokumentlager(t, portaltest.OrgTest)
	h.Konfigurer(t)
	n := h.Som(t, portaltest.Admin)
	sti := "/forvaltning/" + portaltest.OrgTest + "/digisos/endre/behandlingsansvarlig"
	v := n.Get(t, sti).Skjult(t, "versjon")
	h.Klokke.Sett(h.Klokke.Now().Add(portal.Ledig))
	n.Post(t, sti, "versjon", v, "ansvarlig", "Nytt navn").Til(t, "/logg-inn?til="+sti)
	n.LoggInn(t, portaltest.Admin, 4, sti).Til(t, sti)
	s := n.Get(t, sti).Er(t, 200, `value="Nytt navn"`, "Du ble logget ut før skjemaet ble lagret")
	if s.Skjult(t, "versjon") != v {
		t.Error("another version")
	}
	n.Post(t, sti, "versjon", v, "ansvarlig", "Nytt navn").Til(t, "/forvaltning/"+portaltest.OrgTest+"/digisos?lagret=1")
}

// Reconciliation is off, is turned on with a day to count from, and off again.
func TestAvstemmingPaaOgAv(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Dokumentlager(t, portaltest.OrgTest)
	h.Konfigurer(t)
	n := h.Som(t, portaltest.Admin)
	side := "/forvaltning/" + portaltest.OrgTest + "/digisos"
	n.Get(t, side).Er(t, 200, `href="`+side+`/avstemming"`)
	n.Get(t, side+"/avstemming").Er(t, 200, "Vil dere avstemme")
	n.Post(t, side+"/avstemming").Er(t, 422, "Velg om dere vil avstemme")
	n.Post(t, side+"/avstemming", "avstemming", "ja").Til(t, side+"?lagret=1")
	n.Get(t, side+"/avstemming").Er(t, 200, "Avstemming har vært på siden 10. juni 2026", `href="/mottak/avstemming"`)
	n.Get(t, "/mottak/avstemming").Til(t, "/mottak/avstemming/"+portaltest.OrgTest)
	n.Get(t, "/mottak/avstemming/"+portaltest.OrgTest).Er(t, 200, "Søknader og ettersendelser fra Digisos")
	n.Post(t, side+"/avstemming", "avstemming", "nei").Til(t, side+"?lagret=1")
	n.Get(t, "/mottak/avstemming/"+portaltest.OrgTest).Er(t, 404)
	h.Som(t, portaltest.Innbyg).Get(t, side+"/avstemming").Er(t, 404)
}
