package organisasjon_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/organisasjon"
)

// Which organisations each kind of caller sees, by every way to ask.
func TestSynlige(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	s.gi(t, "07410112347", auth.Admin, organisasjon.RotID)
	for _, x := range []struct{ hvem, want string }{
		{"borger", ""}, {"adminA", "{a}"}, {"adminB", "{b}"}, {"tjenA", "{a}"}, {"rot", "{b} {a}"}, {"fag", "{a}"}, {"maskinB", "{b}"},
	} {
		alle := `{"ids":["{a}","{b}","{ukjent}"],"kommunenr":["3002","9999"]}`
		for hva, kropp := range map[string]string{
			"GET {k}/organisasjoner/synlige":                            "",
			"GET {k}/organisasjoner?orgId={a}&orgId={b}&kommunenr=3003": "",
			"GET {k}/organisasjoner?kommunenr=3002&kommunenr=3003":      "",
			"POST {k}/organisasjoner":                                   alle,
			"GET {k}/organisasjoner/kontaktinformasjon":                 "",
		} {
			svar := s.vil(t, x.hvem, hva, kropp, 200)
			var ut []struct{ UUID, FiksOrganisasjonID string }
			var liste struct{ Organisasjoner *json.RawMessage }
			if json.Unmarshal([]byte(svar), &liste) == nil {
				svar = string(*liste.Organisasjoner)
			}
			if err := json.Unmarshal([]byte(svar), &ut); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, o := range ut {
				got = append(got, o.UUID+o.FiksOrganisasjonID)
			}
			if d := cmp.Diff(s.fyll(x.want), strings.Join(got, " ")); d != "" {
				t.Errorf("%s by %s: %s", hva, x.hvem, d)
			}
		}
	}
	s.lik(t, s.vil(t, "adminA", "GET {k}/organisasjoner", "", 200), "[]")
	s.vil(t, "adminA", "GET {k}/organisasjoner/info?kommunenr=3", "", 400)
	var mange strings.Builder
	for i := range 101 {
		fmt.Fprintf(&mange, "&orgId=11111111-1111-4111-8111-%012d", i)
	}
	if svar := s.vil(t, "adminA", "GET {k}/organisasjoner?"+mange.String(), "", 400); !strings.Contains(svar, "Bruk POST til samme sted") {
		t.Error(svar)
	}
	s.vil(t, "adminA", "POST {k}/organisasjoner", `{"ids":["{a}"`+strings.Repeat(`,"{a}"`, 5000)+`]}`, 400)
}

func TestOrganisasjonPaaTraaden(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	org := `{"uuid":"{a}","navn":"Testby kommune","type":"KOMMUNE","intern":false,"kommunenr":"3002","orgnr":"991825827","epost":["a@testby.no"],` +
		`"innbyggerkontaktEpost":null,"avtaleadminFnr":null,"synlig":true,"konfigurert":false,"harHovedavtale":false,"digifinMedlem":"UKJENT","hovedavtaleInngaaelse":null}`
	info := `{"uuid":"{a}","type":"KOMMUNE","intern":false,"kommunenr":"3002","epost":["a@testby.no"],"innbyggerkontaktEpost":null,"synlig":true,"konfigurert":false,"orgNr":"991825827"}`
	kontakt := `{"fiksOrganisasjonId":"{a}","navn":"Testby kommune","epost":["a@testby.no"],"kommunenr":"3002"}`
	for hva, want := range map[string]string{
		"GET {k}/organisasjoner?orgId={a}":              "[" + org + "]",
		"GET {k}/organisasjoner/info/{a}":               info,
		"GET {k}/organisasjoner/info?kommunenr=3002":    info,
		"GET {k}/organisasjoner/{a}/kontaktinformasjon": kontakt,
		"GET {k}/organisasjoner/kontaktinformasjon":     `{"organisasjoner":[` + kontakt + `]}`,
	} {
		s.lik(t, s.vil(t, "adminA", hva, "", 200), want)
	}
}

func TestTjenester(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	alle := []string{"DIGISOS", "DOKUMENTLAGER", "FIKS_IO", "SVARUT"}
	status := func(hvem, org string, want ...string) {
		t.Helper()
		var ut []struct {
			Kode                      string
			Initialisert, Konfigurert bool
		}
		if err := json.Unmarshal([]byte(s.vil(t, hvem, "GET {k}/organisasjoner/"+org+"/tjenester", "", 200)), &ut); err != nil {
			t.Fatal(err)
		}
		var koder, got []string
		for _, x := range ut {
			koder = append(koder, x.Kode)
			if x.Initialisert {
				got = append(got, x.Kode)
			}
			if x.Konfigurert {
				got = append(got, x.Kode+"!")
			}
		}
		if d := cmp.Diff(alle, koder) + cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
	tj := "{k}/organisasjoner/{b}/tjenester/"
	status("adminB", "{b}")
	for _, x := range []struct{ hva, tekst string }{
		{"DIGISOS/initialiser", "POST …/tjenester/DOKUMENTLAGER/initialiser"},
		{"FIKS_IO/konfigurer", "POST …/tjenester/FIKS_IO/initialiser"},
	} {
		if svar := s.vil(t, "adminB", "POST "+tj+x.hva, "", 409); !strings.Contains(svar, x.tekst) {
			t.Error(svar)
		}
	}
	s.vil(t, "adminB", "POST "+tj+"TULL/initialiser", "", 404)
	s.vil(t, "adminB", "GET "+tj+"digisos", "", 404)
	en := s.vil(t, "adminB", "POST "+tj+"DOKUMENTLAGER/initialiser", "", 200)
	if to := s.vil(t, "adminB", "POST "+tj+"DOKUMENTLAGER/initialiser", "", 200); en != to {
		t.Errorf("%s, then %s", en, to)
	}
	dig := s.vil(t, "adminB", "POST "+tj+"DIGISOS/initialiser", "", 200)
	status("adminB", "{b}", "DIGISOS", "DOKUMENTLAGER")
	id, err := s.s().TjenesteRessurs(t.Context(), s.b, organisasjon.TypeDigisos)
	if err != nil {
		t.Fatal(err)
	}
	s.lik(t, dig, `{"ressursId":"`+id+`"}`)
	s.lik(t, s.vil(t, "adminB", "POST "+tj+"DIGISOS/konfigurer", "", 200), `{"kode":"DIGISOS","ressursType":"TJENESTE_DIGISOS","navn":"Fiks Digisos",`+
		`"beskrivelse":"Søknader om økonomisk sosialhjelp fra NAV til kommunens fagsystem, og saken tilbake til innbyggeren.","lesmer":null,`+
		`"initialisert":true,"konfigurert":true,"signeringStatus":"TRENGER_IKKE_SIGNERE",`+
		`"tilgjengeligFor":["KOMMUNE","FYLKESKOMMUNE","KOMMUNAL_VIRKSOMHET","KOMMUNAL_VIRKSOMHET_IKS","STATLIG_VIRKSOMHET","LEVERANDOR","PRIVAT_VIRKSOMHET"],`+
		`"sentralisertBrukerstyringAktiv":false}`)
	status("adminB", "{b}", "DIGISOS", "DIGISOS!", "DOKUMENTLAGER")
	status("adminA", "{a}", "DIGISOS")

	s.vil(t, "adminB", "PATCH "+tj+"DIGISOS", `{"nyStatusSentralisertBrukerstyring":true}`, 501)
	s.vil(t, "adminB", "PATCH "+tj+"DIGISOS", `{"kode":"FIKS_IO","nyStatusSentralisertBrukerstyring":false}`, 400)
	s.vil(t, "adminB", "PATCH "+tj+"DIGISOS", `{}`, 400)
	for _, hva := range []string{"{k}/tjenester", "{k}/root/tjenester"} {
		if svar := s.vil(t, "rot", "GET "+hva, "", 200); !strings.HasPrefix(svar, `{"tjenester":[{"kode":"DIGISOS","navn":"Fiks Digisos","beskrivelse":`) {
			t.Error(svar)
		}
	}
	s.vil(t, "rot", "GET {k}/root/tjenester/TULL", "", 404)
}

func TestNyOrganisasjon(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	const ny = `{"navn":"Nyby kommune","type":"KOMMUNE","kommunenr":"3004","orgnr":"974652382","epost":["post@nyby.no"],"avtaleadminFnr":"{borger}"}`
	var o struct{ UUID string }
	if err := json.Unmarshal([]byte(s.vil(t, "rot", "POST {k}/root/organisasjoner", ny, 200)), &o); err != nil {
		t.Fatal(err)
	}
	s.har(t, true, borger, auth.Admin, o.UUID)
	s.vil(t, "borger", "GET {k}/organisasjoner/"+o.UUID+"/tjenester", "", 200)
	s.vil(t, "rot", "POST {k}/root/organisasjoner", ny, 409)
	for _, feil := range []string{`"type":"KOMMUNE"|"type":"UKJENT"`, `"avtaleadminFnr":"{borger}"|"avtaleadminFnr":""`, `"post@nyby.no"|"nyby"`, `3004|304`, `Nyby kommune|N`} {
		fra, til, _ := strings.Cut(feil, "|")
		s.vil(t, "rot", "POST {k}/root/organisasjoner", strings.Replace(ny, fra, til, 1), 400)
	}
}

// Each organisation has its own register of persons.
func TestPersoner(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	const begge = "08410112348"
	s.gi(t, begge, auth.Admin, s.a)
	s.gi(t, begge, auth.Admin, s.b)
	list := func(hvem, kropp, want string) {
		t.Helper()
		s.lik(t, s.vil(t, hvem, "POST {k}/personer/list", kropp, 200), want)
	}
	const kari, ola = `{"fnr":"{borger}","navn":"Kari Test","tittel":null,"telefon":null,"epost":null,"versjon":1}`, `{"fnr":"{borger}","navn":"Ola Annen","tittel":null,"telefon":null,"epost":null,"versjon":1}`
	list("adminA", `{"fnrs":["{borger}"]}`, "[]")
	s.lik(t, s.vil(t, "adminA", "POST {k}/personer", `{"fnr":"{borger}","navn":"Kari Test"}`, 200), kari)
	// Again, and another name: what stands there stays.
	s.lik(t, s.vil(t, "adminA", "POST {k}/personer", `{"fnr":"{borger}","navn":"Feil Navn"}`, 200), kari)
	list("adminA", `{"fnrs":["{borger}","{adminA}","{borger}"]}`, "["+kari+"]") // unknown ones are left out
	list("adminB", `{"fnrs":["{borger}"]}`, "[]")
	s.vil(t, "adminB", "PATCH {k}/personer/oppdater", `{"fnr":"{borger}","navn":"Overtatt"}`, 404)
	s.lik(t, s.vil(t, "adminB", "POST {k}/personer", `{"fnr":"{borger}","navn":"Ola Annen"}`, 200), ola)
	list("adminA", `{"fnrs":["{borger}"]}`, "["+kari+"]")
	list("adminA", `{"fnrs":["{borger}"],"fiksOrgId":"{a}"}`, "["+kari+"]")
	s.vil(t, "adminA", "POST {k}/personer/list", `{"fnrs":["{borger}"],"fiksOrgId":"{b}"}`, 404)

	// Only what is set changes, from the version that was seen.
	nytt := strings.NewReplacer(`"tittel":null`, `"tittel":"Sjef"`, `"telefon":null`, `"telefon":"+47 22 22 22 22"`, `"epost":null`, `"epost":"k@testby.no"`, `"versjon":1`, `"versjon":2`).Replace(kari)
	s.lik(t, s.vil(t, "adminA", "PATCH {k}/personer/oppdater", `{"fnr":"{borger}","tittel":"Sjef","telefon":"+47 22 22 22 22","epost":"k@testby.no","versjon":1}`, 200), nytt)
	s.vil(t, "adminA", "PATCH {k}/personer/oppdater", `{"fnr":"{borger}","tittel":"Annet","versjon":1}`, 409)
	list("adminA", `{"fnrs":["{borger}"]}`, "["+nytt+"]")
	list("adminB", `{"fnrs":["{borger}"]}`, "["+ola+"]")

	for _, kropp := range []string{
		`{"fnr":"0541011234","navn":"Kari"}`, `{"fnr":"{borger}","navn":"K"}`, `{"fnr":"{borger}"}`, `{"fnr":"{a}","navn":"Kari"}`, `{"fnr":"{borger}","navn":" Kari"}`,
		`{"fnr":"{borger}","navn":"` + strings.Repeat("ø", 451) + `"}`, `{"fnr":"{borger}","navn":"Ka\nri"}`,
	} {
		s.vil(t, "adminA", "POST {k}/personer", kropp, 400)
	}
	for _, kropp := range []string{`"telefon":"ring meg"`, `"epost":"kari"`, `"tittel":"` + strings.Repeat("x", 201) + `"`} {
		s.vil(t, "adminA", "PATCH {k}/personer/oppdater", `{"fnr":"{borger}",`+kropp+`}`, 400)
	}
	if svar := s.vil(t, "adminA", "POST {k}/personer/list", `{"fnrs":["123"]}`, 400); strings.Contains(svar, "123") && !strings.Contains(svar, "11 sifre") {
		t.Error(svar)
	}
	s.vil(t, "adminA", "POST {k}/personer/list", `{"fnrs":["{borger}"`+strings.Repeat(`,"{borger}"`, 1000)+`]}`, 400)
}

// Who administers several organisations writes in all their registers, or in the
// one that is named.
func TestPersonerIFlere(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	s.gi(t, adminA, auth.Admin, s.b)
	s.vil(t, "adminA", "POST {k}/personer", `{"fnr":"{borger}","navn":"Kari Test","fiksOrgId":"{a}"}`, 200)
	s.lik(t, s.vil(t, "adminB", "POST {k}/personer/list", `{"fnrs":["{borger}"]}`, 200), "[]")
	s.vil(t, "adminA", "POST {k}/personer", `{"fnr":"{borger}","navn":"Kari Test"}`, 200)
	s.vil(t, "adminB", "PATCH {k}/personer/oppdater", `{"fnr":"{borger}","navn":"Kari B"}`, 200)
	// Of several the one changed most often is shown, and a change makes them alike.
	const b, felles = `[{"fnr":"{borger}","navn":"Kari B","tittel":null,"telefon":null,"epost":null,"versjon":2}]`, `[{"fnr":"{borger}","navn":"Kari C","tittel":null,"telefon":null,"epost":null,"versjon":3}]`
	s.lik(t, s.vil(t, "adminA", "POST {k}/personer/list", `{"fnrs":["{borger}"]}`, 200), b)
	s.vil(t, "adminA", "PATCH {k}/personer/oppdater", `{"fnr":"{borger}","navn":"Kari C","versjon":2}`, 200)
	for _, x := range []string{`{"fnrs":["{borger}"],"fiksOrgId":"{a}"}`, `{"fnrs":["{borger}"],"fiksOrgId":"{b}"}`} {
		s.lik(t, s.vil(t, "adminA", "POST {k}/personer/list", x, 200), felles)
	}
}
