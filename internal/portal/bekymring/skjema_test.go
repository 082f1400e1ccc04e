package bekymring_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/portal/portaltest"
)

// What is wrong with an answer is told at its field, and what was written stays.
func TestFeilISkjema(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Bydeler(t)
	n := begynn(t, h, "offentlig", portaltest.BydelV2)
	begynn(t, h, "privat", portaltest.BydelV2)
	for _, x := range []struct {
		navn, steg string
		felt       []string
		want       []string
	}{
		{"nothing", "offentlig/steg/om-deg", nil, []string{"Feil:", "Skriv stillingen", "Skriv telefonnummeret", "Skriv e-postadressen", "Skriv navnet på virksomheten", "Skriv adressen"}},
		{"plus in the address", "offentlig/steg/om-deg", []string{"epost", "kari+jobb@skole.no"}, []string{"kan ikke inneholde tegnet &#43;", "kari&#43;jobb@skole.no"}},
		{"no e-mail address", "offentlig/steg/om-deg", []string{"epost", "kari"}, []string{"gyldig e-postadresse", `value="kari"`}},
		{"no telephone", "offentlig/steg/om-deg", []string{"telefon", "ring meg"}, []string{"telefonnummeret med bare siffer", "ring meg"}},
		{"orgnr", "offentlig/steg/om-deg", []string{"orgnr", "310000249"}, []string{"Organisasjonsnummeret finnes ikke"}},
		{"two children without names", "offentlig/steg/om-barna", []string{"barn-antall", "2"}, []string{"Skriv navnet til barn 1", "Skriv navnet til barn 2", "Velg om barn 2 vet"}},
		{"nine digits", "offentlig/steg/om-barna", []string{"barn1-fnr", "010112 345"}, []string{"barn 1 må ha 11 siffer", "Du skrev 9.", "010112 345"}},
		{"wrong digits", "offentlig/steg/om-barna", []string{"barn1-fnr", "01010112345"}, []string{"barn 1 er ikke riktig"}},
		{"no reason", "offentlig/steg/om-barna", []string{"barn1-navn", "Lise", "barn1-orientert", "nei"}, []string{"Fortell hvorfor du svarte nei for nummer 1"}},
		{"unborn with a number", "offentlig/steg/om-barna", []string{"barn1-ufoedt", "ja", "barn1-fnr", portaltest.Admin}, []string{"har ikke fødselsnummer"}},
		{"guardians known and unknown", "offentlig/steg/om-foreldrene", []string{"forelder-ukjent", "ja", "forelder1-navn", "Far"}, []string{"tøm feltet for forelder 1", `value="Far"`}},
		{"too long", "offentlig/steg/bekymringen", []string{"melding", strings.Repeat("å", 20_001), "historie", "x"}, []string{"høyst 20000 tegn", strings.Repeat("å", 20_001)}},
		{"a postcode without an address", "privat/steg/om-deg", []string{"postnr", "9901"}, []string{"Skriv adressen", `value="9901"`}},
		{"nothing but what cannot be seen", "privat/steg/bekymringen", []string{"melding", "\x00\x01 \u0085\r\n"}, []string{"Skriv hva du er bekymret for"}},
	} {
		s := n.Post(t, "/"+x.steg, append(x.felt, "handling", "neste")...)
		if s.Er(t, 422, x.want...); t.Failed() {
			t.Fatal(x.navn)
		}
		if !strings.Contains(s.HTML, "autofocus") || !strings.Contains(s.HTML, `aria-invalid="true"`) {
			t.Errorf("%s: the summary or the field does not say it", x.navn)
		}
		if felt := ulike(x.felt); felt != "" { // and it is there when one comes back
			n.Get(t, "/"+x.steg).Er(t, 200, felt)
		}
	}
	n.Get(t, "/offentlig/steg/finnes-ikke").Er(t, 404)
	n.Post(t, "/offentlig/steg/finnes-ikke").Er(t, 404)
}

// ulike is a value that can be looked for as it stands.
func ulike(felt []string) string {
	if len(felt) > 0 && !strings.ContainsAny(felt[1], "+\x00") {
		return felt[1]
	}
	return ""
}

// Children are added and taken away, and what is written of the others stays.
func TestFlereBarn(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Bydeler(t)
	n := begynn(t, h, "privat", portaltest.BydelV2)
	const steg = "/privat/steg/om-barna"
	n.Post(t, steg, "barn-antall", "1", "barn1-navn", "Første", "handling", "legg-til").Til(t, steg+"#barn2-navn")
	n.Post(t, steg, "barn-antall", "2", "barn1-navn", "Første", "barn2-navn", "Andre", "barn2-alder", "to", "handling", "legg-til").Til(t, steg+"#barn3-navn")
	n.Post(t, steg, "barn-antall", "3", "barn1-navn", "Første", "barn2-navn", "Andre", "barn2-alder", "to", "barn3-navn", "Tredje", "barn3-relasjon", "tante", "handling", "fjern-2").Til(t, steg+"#barn2-navn")
	s := n.Get(t, steg).Er(t, 200, "Første", "Tredje", "tante", "Fjern Barn 1", "Fjern Barn 2")
	if strings.Contains(s.HTML, "Andre<") || strings.Contains(s.HTML, `value="Andre"`) || strings.Contains(s.HTML, `value="to"`) || strings.Contains(s.HTML, "Barn 3") {
		t.Error("the second child is still there")
	}
	// Return in a field goes on, and takes nobody away.
	if strings.Index(s.HTML, `<button type="submit" tabindex="-1"`) > strings.Index(s.HTML, `value="fjern-1"`) {
		t.Error("the first button of the form is one that takes away")
	}
	for _, x := range []string{"fjern-9", "fjern-0", "fjern--1", "fjern-x", "fjern-1-"} {
		n.Post(t, steg, "barn-antall", "1", "barn1-navn", "Første", "handling", x)
		n.Get(t, steg).Er(t, 200, "Første")
	}
	n.Post(t, steg, "barn-antall", "50", "handling", "legg-til").Er(t, 422) // there are no more
	n.Post(t, steg, "barn-antall", "999999999", "handling", "neste").Er(t, 422)
	if s := n.Get(t, steg).Er(t, 200, "Barn 50"); strings.Contains(s.HTML, "Barn 51") || strings.Contains(s.HTML, "Legg til et barn") {
		t.Error("more children than a document takes")
	}

	// Guardians: two at most.
	n = begynn(t, h, "offentlig", portaltest.BydelV2)
	const foreldre = "/offentlig/steg/om-foreldrene"
	n.Post(t, foreldre, "forelder-antall", "1", "handling", "legg-til").Til(t, foreldre+"#forelder2-navn")
	if s := n.Get(t, foreldre).Er(t, 200, "Forelder 2"); strings.Contains(s.HTML, "Legg til en forelder") {
		t.Error("there is room for a third")
	}
}

// Unborn children and unknown guardians come to the receiver as such.
func TestUfoedtOgUkjent(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Bydeler(t)
	n := begynn(t, h, "offentlig", portaltest.BydelV2)
	fyll(t, n, "offentlig", []svar{offentligSvar[0],
		{"om-barna", []string{"barn-antall", "2", "barn1-ufoedt", "ja", "barn1-fnr", "termin i mars", "barn2-navn", "Storebror", "barn2-orientert", "ja"}},
		{"om-foreldrene", []string{"forelder-ukjent", "ja"}}, {"tolk-og-instanser", nil}, {"bekymringen", []string{"melding", "x", "historie", "y"}}})
	d := sendt(t, h, n, "offentlig")
	for _, x := range []struct {
		sti  []any
		want any
	}{
		{[]any{"offentligBarn", 0, "ufoedt"}, true}, {[]any{"offentligBarn", 0, "personnavn"}, "Ufødt barn"}, {[]any{"offentligBarn", 0, "fnr"}, "termin i mars"},
		{[]any{"offentligBarn", 0, "orientert"}, false}, {[]any{"offentligBarn", 1, "fnr"}, ""}, {[]any{"offentligBarn", 1, "orientert"}, true},
		{[]any{"foresatte", 0, "personnavn"}, "Ukjent"}, {[]any{"foresatte", 0, "orientert"}, false}, {[]any{"behovForTolk"}, nil},
	} {
		if got := i(t, d, x.sti...); got != x.want {
			t.Errorf("%v is %v, want %v", x.sti, got, x.want)
		}
	}
	if got := len(i(t, d, "foresatte").([]any)); got != 1 {
		t.Errorf("%d guardians", got)
	}
}

// A login that is lost on the way costs nothing that is written, and gives it to nobody else.
func TestTaptInnlogging(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Bydeler(t)
	n := begynn(t, h, "privat", portaltest.BydelV2)
	const steg = "/privat/steg/bekymringen"
	h.Klokke.Sett(h.Klokke.Now().Add(portal.Ledig + time.Minute))
	n.Post(t, steg, "melding", "Skrevet for sent "+strings.Repeat("ø", 15_000), "handling", "neste").Til(t, "/logg-inn?til="+steg)
	annen := h.Nettleser()
	annen.Kaker["sesjon"] = n.Kaker["sesjon"]
	annen.LoggInn(t, portaltest.Admin2, 4, "/privat")
	if s := annen.Get(t, steg); strings.Contains(s.HTML, "Skrevet for sent") {
		t.Error("another person sees it")
	}
	// The first to log in has taken the session: what was kept is gone with it, so once more.
	n = begynn(t, h, "privat", portaltest.BydelV2)
	h.Klokke.Sett(h.Klokke.Now().Add(portal.Ledig + time.Minute))
	n.Post(t, steg, "melding", "Skrevet for sent "+strings.Repeat("ø", 15_000), "handling", "neste").Til(t, "/logg-inn?til="+steg)
	n.LoggInn(t, portaltest.Admin, 4, steg).Til(t, steg)
	n.Get(t, steg).Er(t, 200, "Skrevet for sent ø", "Du ble logget ut før siden ble lagret")
}

// Only who is logged in at the highest level writes, and each sees but what is his own.
func TestHvemSerHva(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Bydeler(t)
	begynn(t, h, "privat", portaltest.BydelV2).Post(t, "/privat/steg/bekymringen", "melding", "Bare mitt", "handling", "neste")
	ukjent := h.Nettleser()
	lav := h.Nettleser()
	lav.LoggInn(t, portaltest.Admin, 3, "/privat")
	annen := h.Som(t, portaltest.Admin2)
	for _, sti := range []string{"/privat/til/9901/01", "/privat/steg/om-deg", "/privat/steg/bekymringen", "/privat/steg/se-over", "/privat/senere", "/privat/slett", "/privat/kvittering/x", "/privat/kvittering/x/pdf"} {
		ukjent.Get(t, sti).Til(t, "/logg-inn?til="+sti)
		lav.Get(t, sti).Til(t, "/logg-inn?til="+sti+"&niva=4")
		if s := annen.Get(t, sti); strings.Contains(s.HTML, "Bare mitt") {
			t.Errorf("%s shows another's words", sti)
		}
	}
	annen.Get(t, "/privat/steg/bekymringen").Til(t, "/privat")
	for _, sti := range []string{"/privat/finnes/ikke", "/offentlig/x", "/bekymring/x", "/privat/kommune/0000", "/privat/til/9902/01", "/privat/til/9901/77"} {
		annen.Get(t, sti).Er(t, 404)
	}
	annen.Post(t, "/privat/til/9901/77").Er(t, 404)
	annen.Origin = "https://ond.test"
	annen.Post(t, "/privat/til/9901/01").Er(t, 403)
}

// A municipality that does not receive here tells how it is reached; one with one bydel
// asks for none; one that stops receiving costs nothing that is written.
func TestMottakere(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Bydeler(t)
	n := h.Nettleser()
	n.Post(t, "/privat/kommune", "kommune", "9902").Til(t, "/privat/kommune/9902")
	n.Get(t, "/privat/kommune/9902").Er(t, 200, "Skogby kommune tar ikke imot meldinger", "Ring kommunen", "barnevernvakten")
	n.Post(t, "/privat/kommune", "kommune", "annen").Til(t, "/privat/kommune/annen")
	n.Get(t, "/privat/kommune/annen").Er(t, 200, "Slik når du barnevernstjenesten")
	n.Post(t, "/privat/kommune/9902", "bydel", "01").Til(t, "/privat/kommune/9902")
	n = begynn(t, h, "privat", portaltest.BydelV1)
	s := fyll(t, n, "privat", privatSvar)

	ctx := auth.With(t.Context(), auth.Caller{Slag: auth.Person, Fnr: portaltest.Admin, Niva: 4})
	nord, err := h.Bek.Bydel(ctx, "9901", portaltest.BydelV1)
	portaltest.Must(t, err)
	portaltest.Must(t, h.Bek.SettBydelerAktive(ctx, portaltest.OrgTest, []string{nord.RessursID}, false))
	send(t, n, "privat", s).Er(t, 422, "tar ikke lenger imot", "Jeg hører gråt")
	n.Get(t, "/privat/steg/se-over").Til(t, "/privat/kommune")
	n.Get(t, "/privat/kommune/9901").Til(t, "/privat/til/9901/01")
	n.Get(t, "/privat/til/9901/01").Er(t, 200, "i stedet for den du valgte før", "Barnevernstjenesten i Testby kommune<")
	n.Post(t, "/privat/til/9901/01").Til(t, "/privat/steg/se-over")
	sendt(t, h, n, "privat")
}

// What is sent is what was looked over, once, however often the button is pressed.
func TestSendesEnGang(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Bydeler(t)
	n := begynn(t, h, "privat", portaltest.BydelV2)
	s := fyll(t, n, "privat", privatSvar)
	n.Post(t, "/privat/steg/bekymringen", "melding", "Endret i et annet vindu", "handling", "neste").Til(t, "/privat/steg/se-over")
	send(t, n, "privat", s).Er(t, 409, "er endret siden du så over", "Endret i et annet vindu")
	n.Post(t, "/privat/steg/se-over").Er(t, 409)
	if got := h.Antall(t, "bekymring_melding"); got != 0 {
		t.Fatalf("%d reports", got)
	}
	s = n.Get(t, "/privat/steg/se-over").Er(t, 200)
	var venter sync.WaitGroup
	for range 8 {
		n := &portaltest.Nettleser{H: h, Kaker: map[string]string{"sesjon": n.Kaker["sesjon"]}}
		venter.Go(func() { send(t, n, "privat", s).Til(t, "/privat/kvittering/"+s.Skjult(t, "nokkel")) })
	}
	venter.Wait()
	if got := h.Antall(t, "bekymring_melding"); got != 1 {
		t.Errorf("%d reports", got)
	}
	// The receipt can be taken away, and the report is sent all the same.
	n.Post(t, "/privat/kvittering/"+s.Skjult(t, "nokkel")).Til(t, "/privat/slettet")
	n.Get(t, "/privat/kvittering/"+s.Skjult(t, "nokkel")).Er(t, 404)
	send(t, n, "privat", s).Til(t, "/privat/slettet")
	if got := h.Antall(t, "portal_utkast"); got != 0 {
		t.Errorf("%d drafts are left", got)
	}
}

// When it cannot be sent, the page says so, keeps all that is written, and the next try sends it.
func TestSendingSomFeiler(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Bydeler(t)
	n := begynn(t, h, "privat", portaltest.BydelV2)
	s := fyll(t, n, "privat", privatSvar)
	h.Utfor(t, `ALTER TABLE bekymring_hendelse RENAME TO borte`)
	send(t, n, "privat", s).Er(t, 503, "Vi fikk ikke sendt meldingen nå", "99 01 00 01", "Jeg hører gråt")
	h.Utfor(t, `ALTER TABLE borte RENAME TO bekymring_hendelse`)
	sendt(t, h, n, "privat")
	if got := h.Antall(t, "bekymring_melding"); got != 1 {
		t.Errorf("%d reports", got)
	}
}

// A draft waits a day, says so, and can be taken away before.
func TestUtkast(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Bydeler(t)
	n := begynn(t, h, "privat", portaltest.BydelV2)
	n.Post(t, "/privat/steg/bekymringen", "melding", "Halvferdig", "handling", "senere").Til(t, "/privat/senere")
	n.Get(t, "/privat/senere").Er(t, 200, "lagret, men ikke sendt", "slettes")
	n.Post(t, "/privat/steg/bekymringen", "melding", "Halvferdig igjen", "handling", "slett").Til(t, "/privat/slett")
	n.Get(t, "/privat/slett").Er(t, 200, "Vil du slette meldingen?")
	n.Get(t, "/privat/steg/bekymringen").Er(t, 200, "Halvferdig igjen")
	n.Post(t, "/privat/slett").Til(t, "/privat/slettet")
	n.Get(t, "/privat/slettet").Er(t, 200, "er slettet")
	n.Get(t, "/privat/steg/bekymringen").Til(t, "/privat")
	n.Get(t, "/privat/senere").Til(t, "/privat")
	if got := h.Antall(t, "portal_utkast"); got != 0 {
		t.Errorf("%d drafts are left", got)
	}
	// What comes after that is kept, and asks for its receiver.
	n.Post(t, "/privat/steg/om-deg", "telefon", "1", "handling", "neste").Til(t, "/privat/kommune")
	n.Post(t, "/privat/til/9901/01", "handling", "forfra").Til(t, "/privat/steg/om-deg")
	n.Post(t, "/privat/steg/bekymringen", "melding", "Gammelt", "handling", "forrige").Til(t, "/privat/steg/om-barna")
	// Not swept yet, but over.
	h.Klokke.Sett(h.Klokke.Now().Add(24 * time.Hour))
	n = h.Som(t, portaltest.Admin)
	n.Get(t, "/privat/steg/bekymringen").Til(t, "/privat")
	portaltest.Must(t, h.Jobs.AdvanceTo(t.Context(), h.Klokke.Now().Add(time.Hour), h.Klokke.Sett))
	if got := h.Antall(t, "portal_utkast"); got != 0 {
		t.Errorf("%d drafts are left", got)
	}
}

// All pages in all languages say what they say in that language.
func TestSpraakene(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Bydeler(t)
	for sprak, ord := range map[string][3]string{"nn": {"Viss det hastar", "Om barna", "Meldinga er send"}, "en": {"If it is urgent", "About the children", "The report has been sent"}} {
		n := begynn(t, h, "privat", portaltest.BydelV2)
		n.Get(t, "/privat?sprak="+sprak).Til(t, "/privat")
		n.Get(t, "/privat").Er(t, 200, ord[0], fmt.Sprintf(`<html lang=%q`, sprak))
		n.Get(t, "/privat/steg/om-barna").Er(t, 200, ord[1])
		s := fyll(t, n, "privat", privatSvar)
		n.Get(t, send(t, n, "privat", s).Er(t, 303).Header.Get("Location")).Er(t, 200, ord[2])
	}
}

// What a script stores while one writes is the draft's own and nobody else's: not of a tab
// that another person left open, not of what was sent, deleted or begun anew since.
func TestLagrerSelvBareSitt(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Bydeler(t)
	n := begynn(t, h, "privat", portaltest.BydelV2)
	const steg = "/privat/steg/bekymringen"
	skjult := func(n *portaltest.Nettleser) []string {
		t.Helper()
		s := n.Get(t, steg).Er(t, 200)
		return []string{"hvem", s.Skjult(t, "hvem"), "nokkel", s.Skjult(t, "nokkel")}
	}
	mitt := skjult(n)
	lagre := func(n *portaltest.Nettleser, felt []string, tekst string) portaltest.SvarSide {
		t.Helper()
		return n.Post(t, steg, append(append([]string{}, felt...), "handling", "lagre", "melding", tekst)...)
	}
	lagre(n, mitt, "Under skriving").Er(t, 200, "Lagret 10. juni 2026", `"gjenstaar":1800`)
	n.Get(t, steg).Er(t, 200, "Under skriving")

	// Another person, on the same machine: neither by the script nor by the button.
	annen := h.Som(t, portaltest.Admin2)
	annen.Post(t, "/privat/til/9901/01").Til(t, "/privat/steg/om-deg")
	lagre(annen, mitt, "Under skriving").Er(t, 409)
	annen.Post(t, steg, append(mitt, "handling", "neste", "melding", "Under skriving")...).Er(t, 409)
	if s := annen.Get(t, steg).Er(t, 200); strings.Contains(s.HTML, "Under skriving") {
		t.Error("it is in another's draft")
	}
	for navn, felt := range map[string][]string{"without marks": nil, "without a key": mitt[:2], "with another key": {"hvem", mitt[1], "nokkel", "x"}} {
		if s := lagre(n, felt, "Nei"); s.StatusCode != 409 {
			t.Errorf("%s: %d", navn, s.StatusCode)
		}
	}
	// Begun anew, and deleted.
	n.Post(t, "/privat/til/9901/01", "handling", "forfra").Til(t, "/privat/steg/om-deg")
	lagre(n, mitt, "Gammelt").Er(t, 409)
	n.Post(t, "/privat/slett").Til(t, "/privat/slettet")
	lagre(n, mitt, "Gammelt").Er(t, 409)
	if got := h.Antall(t, "portal_utkast"); got != 1 { // the other person's
		t.Errorf("%d drafts", got)
	}
}

// What was written after a report was sent is not taken for it, though it has its key.
func TestSkrevetEtterSending(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Bydeler(t)
	n := begynn(t, h, "privat", portaltest.BydelV2)
	s := fyll(t, n, "privat", privatSvar)
	gammelt, _, err := h.P.Utkast(t.Context(), portaltest.Admin, "bekymring", "privat")
	portaltest.Must(t, err)
	send(t, n, "privat", s)
	gammelt.Felt.Set("melding", "Noe helt annet") // as a tab that came too late
	portaltest.Must(t, h.P.LagreUtkast(t.Context(), portaltest.Admin, "bekymring", "privat", gammelt))
	s = n.Get(t, "/privat/steg/se-over").Er(t, 200, "Noe helt annet")
	send(t, n, "privat", s).Er(t, 409, "er endret siden du så over", "Noe helt annet")
	sendt(t, h, n, "privat")
	if got := h.Antall(t, "bekymring_melding"); got != 2 {
		t.Errorf("%d reports", got)
	}
}

// A failure after the report was stored leaves one report with one receipt, whose PDF is
// what the receiver has.
func TestFeilEtterSending(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Bydeler(t)
	n := begynn(t, h, "privat", portaltest.BydelV2)
	s := fyll(t, n, "privat", privatSvar)
	// The receipt cannot be stored the first time; the report is.
	h.Utfor(t, `CREATE TRIGGER stopp BEFORE DELETE ON portal_utkast BEGIN SELECT RAISE(ABORT, 'no'); END`)
	send(t, n, "privat", s).Er(t, 503)
	h.Utfor(t, `DROP TRIGGER stopp`)
	if got := h.Antall(t, "bekymring_melding"); got != 1 {
		t.Fatalf("%d reports", got)
	}
	h.Klokke.Sett(h.Klokke.Now().Add(5 * time.Minute))
	s = n.Get(t, "/privat/steg/se-over").Er(t, 200)
	send(t, n, "privat", s).Til(t, "/privat/kvittering/"+s.Skjult(t, "nokkel"))
	k := n.Get(t, "/privat/kvittering/"+s.Skjult(t, "nokkel")).Er(t, 200, "10. juni 2026 kl. 10.00")
	if got := h.Antall(t, "bekymring_melding"); got != 1 {
		t.Errorf("%d reports", got)
	}
	pdf := n.Get(t, "/privat/kvittering/"+s.Skjult(t, "nokkel")+"/pdf").Er(t, 200)
	if fikk := fil(t, h, referanse(t, k), "bekymringsmelding.pdf"); pdf.HTML != string(fikk) {
		t.Error("the receipt's PDF is not the receiver's")
	}
}
