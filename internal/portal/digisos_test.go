package portal

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/digisos"
	"knutepunkt/internal/feil"
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

var stegene = []string{"kanal", "svarinn", "behandlingsansvarlig", "nav-kontaktsenter", "saksoppdateringer", "kontakt", "soknadsmottak", seOver}

// The wizard in both ways, as seed 002 goes through it.
func TestVeiviser(t *testing.T) {
	t.Parallel()
	for _, kanal := range []string{konto, utenFiksIO} {
		h := nyttHus(t)
		h.dokumentlager(t, orgTest)
		n := h.som(t, admin)
		base := "/forvaltning/" + orgTest + "/digisos"
		n.get(t, base).er(t, 200, "Start veiviser", `href="`+base+`/veiviser/kanal"`)
		svar := svarPaa(kanal)
		for i, s := range stegene[:7] {
			n.get(t, base+"/veiviser/"+s).er(t, 200, "Gå videre", `aria-current="step"`)
			n.post(t, base+"/veiviser/"+s, svar[s]...).til(t, base+"/veiviser/"+stegene[i+1])
		}
		if _, err := h.dig.Konfigurasjon(t.Context(), orgTest); !feil.Er(err, feil.IkkeFunnet) {
			t.Fatalf("configured before the last step: %v", err)
		}
		n.get(t, base+"/veiviser/se-over").er(t, 200, "NAV Testby", "310000248", "fag@testby.test; fag2@testby.test", "Lagre og fullfør", "Endre Kontaktinformasjon")
		n.post(t, base+"/veiviser/se-over", "handling", "fullfor").til(t, base+"/ferdig")
		n.get(t, base+"/ferdig").er(t, 200, "Digisos er satt opp", "Kommunen kan ta imot søknader")
		want := digisos.KommuneKonfigurasjon{Aktivert: true, NksTilgang: true, OrganisasjonsnummerSvarUt: orgnrT, Behandlingsansvarlig: "Testby kommune",
			Postadresse:     digisos.Postadresse{Navn: "NAV Testby", Adresselinje1: "Storgata 1", Postnummer: "9901", Poststed: "Testby"},
			Kontaktpersoner: digisos.Kontakter{FagansvarligEpost: []string{"fag@testby.test", "fag2@testby.test"}, TekniskAnsvarligEpost: []string{"teknisk@testby.test"}}}
		if kanal == konto {
			want.BrukerFiksIO, want.FiksIOKontoID = true, konto
		}
		got, err := h.dig.Konfigurasjon(t.Context(), orgTest)
		must(t, err)
		if d := cmp.Diff(want, got.KommuneKonfigurasjon); d != "" {
			t.Error(d)
		}
		if h.antall(t, "portal_utkast") != 0 {
			t.Error("the draft is still there")
		}
		// The last button pressed twice, and the wizard afterwards: to what is set up.
		n.post(t, base+"/veiviser/se-over", "handling", "fullfor").til(t, base)
		n.get(t, base+"/veiviser/kanal").til(t, base)
		n.get(t, base).er(t, 200, "Leveringskanal")
	}
}

// What is wrong is said at the field and at the top; what was written stays.
func TestVeiviserFeil(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.dokumentlager(t, orgTest)
	n := h.som(t, admin)
	base := "/forvaltning/" + orgTest + "/digisos/veiviser/"
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
		n.post(t, base+tt.steg, tt.felt...).er(t, 422, tt.vises...)
	}
	n.get(t, base+"finnesikke").er(t, 404)
	n.post(t, base+"finnesikke").er(t, 404)
	// Nothing can be finished, and the review leads to what is missing.
	n.get(t, base+"se-over").til(t, base+"kanal")
	n.post(t, base+"se-over", "handling", "fullfor").til(t, base+"kanal")
}

// The draft is there tomorrow, only for whoever wrote it, and not for ever.
func TestUtkast(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.dokumentlager(t, orgTest)
	n := h.som(t, admin)
	side := "/forvaltning/" + orgTest + "/digisos"
	base := side + "/veiviser/"
	svar := svarPaa(utenFiksIO)
	n.post(t, base+"kanal", svar["kanal"]...).til(t, base+"svarinn")
	n.post(t, base+"svarinn", append([]string{"handling", "senere"}, svar["svarinn"]...)...).til(t, side)
	n.get(t, side).er(t, 200, "Fortsett der du slapp", "Lagret som utkast 10. juni 2026 kl. 10.00.", "Det slettes 24. juni 2026")
	n.get(t, base+"svarinn").er(t, 200, `value="NAV Testby"`)
	if s := h.som(t, admin2).get(t, base+"svarinn").er(t, 200); strings.Contains(s.html, "NAV Testby") {
		t.Error("one administrator's draft is another's")
	}
	h.Frem(t, 13*24*time.Hour)
	n = h.som(t, admin)
	n.get(t, base+"se-over").til(t, base+"behandlingsansvarlig") // the first that is missing
	// An answer that no longer holds is asked for again.
	n.post(t, base+"kanal", "kanal", "tull").er(t, 422)
	n.get(t, base+"se-over").til(t, base+"kanal")
	n.post(t, base+"kanal", "handling", "slett").til(t, side+"?slettet=1")
	n.get(t, side+"?slettet=1").er(t, 200, "Utkastet er slettet", "Start veiviser")
	n.post(t, base+"kanal", svar["kanal"]...).til(t, base+"svarinn")
	h.Frem(t, Utkasttid+2*time.Hour)
	if h.antall(t, "portal_utkast") != 0 {
		t.Error("the draft outlived its time")
	}
}

// Two administrators run the wizard at once: the second is told, and nothing
// of the first is written over.
func TestVeiviserToSamtidig(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.dokumentlager(t, orgTest)
	en, to := h.som(t, admin), h.som(t, admin2)
	side := "/forvaltning/" + orgTest + "/digisos"
	fyll := func(n *nettleser, ansvarlig string) {
		for s, felt := range svarPaa(konto) {
			if s == "behandlingsansvarlig" {
				felt = []string{"ansvarlig", ansvarlig}
			}
			n.post(t, side+"/veiviser/"+s, felt...).er(t, 303)
		}
	}
	fyll(en, "Den første kommune")
	fyll(to, "Den andre kommune")
	en.post(t, side+"/veiviser/se-over", "handling", "fullfor").til(t, side+"/ferdig")
	to.post(t, side+"/veiviser/kontakt", svarPaa(konto)["kontakt"]...).er(t, 409, "Noen andre kom først")
	to.post(t, side+"/veiviser/se-over", "handling", "fullfor").er(t, 409, "Svarene dine er ikke brukt", `href="`+side+`"`)
	if k, err := h.dig.Konfigurasjon(t.Context(), orgTest); err != nil || k.Behandlingsansvarlig != "Den første kommune" {
		t.Errorf("%+v %v", k, err)
	}
}

// A konto that stops taking Digisos between the first step and the last.
func TestVeiviserKontoForsvinner(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.dokumentlager(t, orgTest)
	n := h.som(t, admin)
	base := "/forvaltning/" + orgTest + "/digisos/veiviser/"
	for s, felt := range svarPaa(konto) {
		n.post(t, base+s, felt...).er(t, 303)
	}
	as, err := h.fio.Adresser(t.Context(), konto)
	must(t, err)
	must(t, h.fio.SlettAdresse(t.Context(), konto, as[0].ID))
	n.post(t, base+"se-over", "handling", "fullfor").til(t, base+"kanal")
	n.get(t, base+"kanal").er(t, 200, "ingen Fiks IO-konto som tar imot Digisos")
}

// Later changes touch what they are about, and nothing else.
func TestEndring(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.dokumentlager(t, orgTest)
	h.konfigurer(t)
	n := h.som(t, admin)
	side := "/forvaltning/" + orgTest + "/digisos"
	n.get(t, side).er(t, 200, "NAV Testby", "Ja", "Støtter oppdateringer", "ingen integrasjon har tilgang", "Fiks IO-kontoen kan ikke ta imot")
	want := konfig()
	for _, tt := range []struct {
		steg  string
		felt  []string
		endre func(k *digisos.KommuneKonfigurasjon)
	}{
		{"endre/kanal", []string{"kanal", utenFiksIO}, func(k *digisos.KommuneKonfigurasjon) { k.BrukerFiksIO, k.FiksIOKontoID = false, "" }},
		{"endre/kanal", []string{"kanal", konto}, func(k *digisos.KommuneKonfigurasjon) { k.BrukerFiksIO, k.FiksIOKontoID = true, konto }},
		{"endre/svarinn", []string{"navn", "NAV Ny", "orgnr", orgnrS, "adresse1", "", "adresse2", "", "postnr", "9902", "poststed", "Ny"},
			func(k *digisos.KommuneKonfigurasjon) { // what no field asks for stays
				k.Postadresse, k.OrganisasjonsnummerSvarUt = digisos.Postadresse{Navn: "NAV Ny", Adresselinje3: "Bakgården", Postnummer: "9902", Poststed: "Ny"}, orgnrS
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
		versjon := n.get(t, side+"/"+tt.steg).er(t, 200).skjult(t, "versjon")
		n.post(t, side+"/"+tt.steg, append([]string{"versjon", versjon}, tt.felt...)...).til(t, side+"?lagret=1")
		tt.endre(&want)
		got, err := h.dig.Konfigurasjon(t.Context(), orgTest)
		must(t, err)
		if d := cmp.Diff(want, got.KommuneKonfigurasjon); d != "" {
			t.Errorf("%s: %s", tt.steg, d)
		}
	}
	n.get(t, side+"?lagret=1").er(t, 200, "Endringen er lagret.", "Kommunen tar ikke imot søknader ennå", "Saksoppdateringer er midlertidig stengt")
	n.get(t, "/forvaltning/"+orgTest+"/tjenester").er(t, 200, "Følg med")
	n.post(t, side+"/endre/svarinn", "versjon", "x", "navn", "").er(t, 422, "Skriv navnet på organisasjonen")
	n.get(t, side+"/endre/finnesikke").er(t, 404)
	h.som(t, alene).get(t, "/forvaltning/"+orgSkog+"/digisos/endre/kanal").er(t, 404) // nothing is set up there
}

// Two administrators change at once, also different things: the second sees
// what the first one stored beside the own answers, and decides.
func TestEndringToSamtidig(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.dokumentlager(t, orgTest)
	h.konfigurer(t)
	en, to := h.som(t, admin), h.som(t, admin2)
	side := "/forvaltning/" + orgTest + "/digisos"
	v1 := en.get(t, side+"/endre/behandlingsansvarlig").skjult(t, "versjon")
	v2 := to.get(t, side+"/endre/behandlingsansvarlig").skjult(t, "versjon")
	en.post(t, side+"/endre/behandlingsansvarlig", "versjon", v1, "ansvarlig", "Fra den ene").til(t, side+"?lagret=1")
	for _, v := range []string{v2, "", "tull"} {
		s := to.post(t, side+"/endre/behandlingsansvarlig", "versjon", v, "ansvarlig", "Fra den andre").er(t, 409,
			"Noen andre har endret dette siden du åpnet siden", "Fra den ene", `value="Fra den andre"`)
		v2 = s.skjult(t, "versjon")
	}
	if k, err := h.dig.Konfigurasjon(t.Context(), orgTest); err != nil || k.Behandlingsansvarlig != "Fra den ene" {
		t.Fatalf("%+v %v", k, err)
	}
	to.post(t, side+"/endre/behandlingsansvarlig", "versjon", v2, "ansvarlig", "Fra den andre").til(t, side+"?lagret=1")
	// An error in between does not turn the old version into a new one.
	v := en.get(t, side+"/stenging").skjult(t, "versjon")
	to.post(t, side+"/stenging", "versjon", to.get(t, side+"/stenging").skjult(t, "versjon"), "stengtmottak", "ja", "stengtoppdateringer", "nei").til(t, side+"?lagret=1")
	v = en.post(t, side+"/stenging", "versjon", v).er(t, 422, "Velg om mottaket").skjult(t, "versjon")
	en.post(t, side+"/stenging", "versjon", v, "stengtmottak", "nei", "stengtoppdateringer", "nei").er(t, 409)
	if k, err := h.dig.Konfigurasjon(t.Context(), orgTest); err != nil || !k.MidlertidigDeaktivertMottak {
		t.Errorf("%+v %v", k, err)
	}
}

// A change whose login ran out keeps the version that it was made from.
func TestEndringOverlever(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.dokumentlager(t, orgTest)
	h.konfigurer(t)
	n := h.som(t, admin)
	sti := "/forvaltning/" + orgTest + "/digisos/endre/behandlingsansvarlig"
	v := n.get(t, sti).skjult(t, "versjon")
	h.Klokke.Sett(h.Klokke.Now().Add(Ledig))
	n.post(t, sti, "versjon", v, "ansvarlig", "Nytt navn").til(t, "/logg-inn?til="+sti)
	n.loggInn(t, admin, 4, sti).til(t, sti)
	s := n.get(t, sti).er(t, 200, `value="Nytt navn"`, "Du ble logget ut før skjemaet ble lagret")
	if s.skjult(t, "versjon") != v {
		t.Error("another version")
	}
	n.post(t, sti, "versjon", v, "ansvarlig", "Nytt navn").til(t, "/forvaltning/"+orgTest+"/digisos?lagret=1")
}
