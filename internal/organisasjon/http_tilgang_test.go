package organisasjon_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

// nyRessurs makes one of any type, as the platform's services do.
func (s *tjener) nyRessurs(t testing.TB, forelder, typ, navn string) string {
	t.Helper()
	r := organisasjon.Ressurs{ID: fmt.Sprintf("c0000000-0000-4000-8000-%012d", len(navn)), Forelder: forelder, Type: typ, Navn: navn}
	s.write(t, func(ctx context.Context, tx *store.Tx) error { return s.s().OpprettRessurs(ctx, tx, r) })
	return r.ID
}

// The rules for what an administrator may give, to whom, and where.
func TestReglerForTilganger(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	var fiksio string
	s.write(t, func(ctx context.Context, tx *store.Tx) (err error) {
		fiksio, err = s.s().TaIBruk(ctx, tx, s.a, organisasjon.TypeFiksIO)
		return err
	})
	konto := s.nyRessurs(t, fiksio, organisasjon.TypeFiksIOKonto, "Konto")
	var egen string
	s.write(t, func(ctx context.Context, tx *store.Tx) error {
		r, err := s.s().NyEgenRessurs(ctx, tx, s.a, "ARKIV", "Byarkivet")
		egen = r.ID
		return err
	})
	// ROOT alone administers nothing; this one does.
	s.gi(t, rotbr, auth.Admin, s.a)
	const alt = "Privilegiet"
	for _, x := range []struct {
		navn, hvem, ressurs, aktor, privilegium string
		want                                    int
		tekst                                   string
	}{
		{"the usual", "adminA", s.dig, s.fag, "DIGISOS_OPPDATER", 200, ""},
		{"in capitals", "adminA", s.dig, strings.ToUpper(s.fag), "DIGISOS_OPPDATER", 200, ""},
		{"to a global one", "adminA", s.dig, s.g, "DIGISOS_OPPDATER", 200, ""},
		{"to the neighbour's", "adminA", s.dig, s.maskinB, "DIGISOS_OPPDATER", 404, "Integrasjonen finnes ikke"},
		{"to one that is none", "adminA", s.dig, ukjent, "DIGISOS_OPPDATER", 404, "Integrasjonen finnes ikke"},
		{"to an address", "adminA", s.dig, "kari", "DIGISOS_OPPDATER", 400, "integrasjon (UUID) eller et fødselsnummer"},
		{"to nobody", "adminA", s.dig, "", "DIGISOS_OPPDATER", 400, "integrasjon (UUID) eller et fødselsnummer"},
		{"to a person who cannot hold it", "adminA", s.dig, borger, "DIGISOS_OPPDATER", 400, "aktører av typen PERSON"},
		{"on another type", "adminA", s.a, s.fag, "DIGISOS_OPPDATER", 400, "på en ressurs av typen TJENESTE_DIGISOS, ikke FIKS_ORGANISASJON"},
		{"what only NAV has", "adminA", s.dig, s.fag, "DIGISOS_NAV", 403, "bare av plattformens operatør"},
		{"by an operator", "rot", s.dig, s.fag, "DIGISOS_NAV", 200, ""},
		{"ROOT on the own organisation", "adminA", s.a, adminA, "ROOT", 403, "bare av plattformens operatør"},
		{"ROOT there, by an operator", "rot", s.a, adminA, "ROOT", 400, "på en ressurs av typen ROOT"},
		{"what there is none of", "adminA", s.dig, s.fag, "DIGISOS_ALT", 400, "/konfigurasjon/api/v1/privilegier/TJENESTE_DIGISOS"},
		{"no name", "adminA", s.dig, s.fag, "alt mulig", 400, "ikke et gyldig navn"},
		{"on a konto", "adminA", konto, s.fag, "SVARINN_KONTO", 200, ""},
		{"to a person on a konto", "adminA", konto, borger, "SVARINN_KONTO", 200, ""},
		{"on all kontoer", "adminA", fiksio, s.fag, "SVARINN_KONTO", 200, ""},
		{"own type, own privilege", "adminA", egen, s.fag, "ARKIV_LES", 200, ""},
		{"own type, the platform's privilege", "adminA", egen, s.fag, "DIGISOS_OPPDATER", 400, alt},
		{"own type, NAV's privilege", "adminA", egen, s.fag, "DIGISOS_NAV", 403, alt},
		{"administrator of all", "adminA", s.a, borger, "ADMIN", 200, ""},
		{"administrator of a service", "tjenA", s.dig, borger, "ADMIN", 200, ""},
		{"a machine that administers", "adminA", s.dig, s.fag, "ADMIN", 200, ""},
		{"a machine gives to a machine", "maskinA", s.dig, s.fag, "DIGISOS_OPPDATER", 200, ""},
		{"a machine makes an administrator", "maskinA", s.dig, s.fag, "ADMIN", 403, "En administrator må gjøre det selv"},
		{"a machine gives to a person", "maskinA", konto, borger, "SVARINN_KONTO", 403, "En administrator må gjøre det selv"},
	} {
		svar := s.vil(t, x.hvem, "POST {u}/ressurs/"+x.ressurs+"/tilganger", fmt.Sprintf(`{"aktor":%q,"privilegium":%q}`, x.aktor, x.privilegium), x.want)
		if x.want == 200 {
			x.tekst = fmt.Sprintf(`{"aktor":%q,"privilegium":%q,"ressurs":%q}`, strings.ToLower(x.aktor), x.privilegium, x.ressurs)
			s.har(t, true, strings.ToLower(x.aktor), x.privilegium, x.ressurs)
		}
		if !strings.Contains(svar, x.tekst) {
			t.Errorf("%s: %s, want %q", x.navn, svar, x.tekst)
		}
	}
	s.har(t, false, s.maskinB, auth.DigisosOppdater, s.dig)

	// Several at once are given all, or none.
	bulk := func(aktor string) string {
		return `{"requests":[{"aktor":"{maskinA}","privilegium":"DIGISOS_OPPDATER"},{"aktor":"` + aktor + `","privilegium":"DIGISOS_OPPDATER"}]}`
	}
	s.vil(t, "adminA", "POST {u}/ressurs/bulk/{dig}/tilganger", bulk("{maskinB}"), 404)
	s.har(t, false, s.maskinA, auth.DigisosOppdater, s.dig)
	s.lik(t, s.vil(t, "adminA", "POST {u}/ressurs/bulk/{dig}/tilganger", bulk("{fag}"), 200), `{"tilgangerGitt":[`+
		`{"aktor":"{maskinA}","privilegium":"DIGISOS_OPPDATER","ressurs":"{dig}"},{"aktor":"{fag}","privilegium":"DIGISOS_OPPDATER","ressurs":"{dig}"}]}`)
	s.vil(t, "adminA", "POST {u}/ressurs/bulk/{dig}/tilganger", `{"requests":[]}`, 400)
}

func TestTrekk(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	slett := "POST {u}/ressurs/{a}/tilganger/delete"
	// The last administrator stays.
	if svar := s.vil(t, "adminA", slett, `{"aktor":"{adminA}","privilegium":"ADMIN"}`, 409); !strings.Contains(svar, "Gi ADMIN til en annen først") {
		t.Error(svar)
	}
	s.har(t, true, adminA, auth.Admin, s.a)
	s.vil(t, "adminA", slett, `{"aktor":"{borger}","privilegium":"ADMIN"}`, 200) // who is none anyhow
	s.vil(t, "maskinA", slett, `{"aktor":"{adminA}","privilegium":"ADMIN"}`, 403)
	s.vil(t, "maskinA", slett, `{"aktor":"{maskinA}","privilegium":"ADMIN"}`, 403)
	s.vil(t, "adminA", "POST {u}/ressurs/{a}/tilganger", `{"aktor":"{borger}","privilegium":"ADMIN"}`, 200)
	s.vil(t, "adminA", slett, `{"aktor":"{adminA}","privilegium":"ADMIN"}`, 200)
	s.har(t, false, adminA, auth.Admin, s.a)
	s.vil(t, "adminA", slett, `{"aktor":"{borger}","privilegium":"ADMIN"}`, 404)
	s.vil(t, "borger", slett, `{"aktor":"{maskinA}","privilegium":"ADMIN"}`, 200)
	s.vil(t, "maskinA", "GET {k}/organisasjoner/{a}/tjenester", "", 404)

	// A fødselsnummer does not belong in an address.
	for _, hva := range []string{
		"DELETE {u}/ressurs/{a}/tilganger?aktor={borger}&privilegium=ADMIN", "DELETE {u}/ressurs/{a}/tilganger",
		"GET {q}/ressurser/{a}/tilganger?aktor={borger}x", "GET {q}/isAutorisert?aktor={adminA}&privilegium=ADMIN&ressurs={a}",
	} {
		if svar := s.vil(t, "borger", hva, "", 400); !strings.Contains(svar, "fødselsnumre hører ikke hjemme i adresser") {
			t.Error(svar)
		}
	}
	s.vil(t, "borger", slett, `{"aktor":"{fag}"}`, 400)
	s.vil(t, "borger", slett, `{"aktor":"tull","privilegium":"ADMIN"}`, 400)
	s.har(t, true, borger, auth.Admin, s.a)
}

func TestTypeTilganger(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	const nav = `{"aktor":"{maskinB}","privilegium":"DIGISOS_NAV"}`
	s.lik(t, s.vil(t, "rot", "POST {u}/typeTilganger/TJENESTE_DIGISOS/tilganger", nav, 200), `{"aktor":"{maskinB}","privilegium":"DIGISOS_NAV","ressursType":"TJENESTE_DIGISOS"}`)
	s.vil(t, "rot", "POST {u}/typeTilganger/ROOT/tilganger", `{"aktor":"{borger}","privilegium":"ROOT"}`, 200)
	s.har(t, true, s.maskinB, auth.DigisosNAV, s.dig)
	s.har(t, true, borger, auth.Rot, organisasjon.RotID)
	s.lik(t, s.vil(t, "borger", "GET {q}/typeTilganger", "", 200), `[{"aktor":"{borger}","privilegium":"ROOT","ressursType":"ROOT"},`+
		`{"aktor":"{maskinB}","privilegium":"DIGISOS_NAV","ressursType":"TJENESTE_DIGISOS"}]`)
	s.vil(t, "rot", "POST {u}/typeTilganger/ROOT/tilganger/delete", `{"aktor":"{borger}","privilegium":"ROOT"}`, 200)
	s.vil(t, "borger", "GET {q}/typeTilganger", "", 403)
	s.vil(t, "rot", "POST {u}/typeTilganger/FIKS_ORGANISASJON/tilganger", nav, 400)
	s.vil(t, "rot", "POST {u}/typeTilganger/TJENESTE_DIGISOS/tilganger", `{"aktor":"{ukjent}","privilegium":"DIGISOS_NAV"}`, 404)
}

// Who may what, as it is asked.
func TestOppslag(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	var fiksio string
	s.write(t, func(ctx context.Context, tx *store.Tx) (err error) {
		fiksio, err = s.s().TaIBruk(ctx, tx, s.a, organisasjon.TypeFiksIO)
		return err
	})
	konto := s.nyRessurs(t, fiksio, organisasjon.TypeFiksIOKonto, "Konto")
	annen := s.nyRessurs(t, fiksio, organisasjon.TypeFiksIOKonto, "Annen konto")
	mer := []string{"{fiksio}", fiksio, "{konto}", konto, "{annen}", annen}
	s.gi(t, s.fag, auth.FiksIOKonto, fiksio)
	s.write(t, func(ctx context.Context, tx *store.Tx) error {
		return s.s().GiTypeTilgang(ctx, tx, auth.Caller{}, s.maskinB, auth.DigisosNAV, organisasjon.TypeDigisos)
	})
	const (
		rotSti = `{"id":"{rot}","type":"ROOT","navn":"ROOT"}`
		aSti   = rotSti + `,{"id":"{a}","type":"FIKS_ORGANISASJON","navn":"Testby kommune"}`
		digSti = aSti + `,{"id":"{dig}","type":"TJENESTE_DIGISOS","navn":"TJENESTE_DIGISOS"}`
		ioSti  = aSti + `,{"id":"{fiksio}","type":"TJENESTE_SVARINN","navn":"TJENESTE_SVARINN"}`

		paaDig  = `{"aktor":"{fag}","privilegium":"DIGISOS_OPPDATER","privilegiumNiva":2,"ressurs":"{dig}","ressursNiva":2,"ressursNavn":"TJENESTE_DIGISOS","type":"TJENESTE_DIGISOS","path":[` + digSti + `]}`
		paaIO   = `{"aktor":"{fag}","privilegium":"SVARINN_KONTO","privilegiumNiva":2,"ressurs":"{fiksio}","ressursNiva":2,"ressursNavn":"TJENESTE_SVARINN","type":"TJENESTE_SVARINN","path":[` + ioSti + `]}`
		paaAnn  = `{"aktor":"{fag}","privilegium":"SVARINN_KONTO","privilegiumNiva":2,"ressurs":"{annen}","ressursNiva":3,"ressursNavn":"Annen konto","type":"TJENESTE_SVARINN_KONTO","path":[` + ioSti + `,{"id":"{annen}","type":"TJENESTE_SVARINN_KONTO","navn":"Annen konto"}]}`
		paaKont = `{"aktor":"{fag}","privilegium":"SVARINN_KONTO","privilegiumNiva":2,"ressurs":"{konto}","ressursNiva":3,"ressursNavn":"Konto","type":"TJENESTE_SVARINN_KONTO","path":[` + ioSti + `,{"id":"{konto}","type":"TJENESTE_SVARINN_KONTO","navn":"Konto"}]}`
		digKort = `{"id":"{dig}","type":"TJENESTE_DIGISOS","navn":"TJENESTE_DIGISOS"}`
		kontoer = `{"id":"{annen}","type":"TJENESTE_SVARINN_KONTO","navn":"Annen konto"},{"id":"{konto}","type":"TJENESTE_SVARINN_KONTO","navn":"Konto"}`
		ioKort  = `{"id":"{fiksio}","type":"TJENESTE_SVARINN","navn":"TJENESTE_SVARINN"}`
	)
	for _, x := range []struct{ hvem, hva, want string }{
		{"fag", "GET {q}/isAutorisert?privilegium=DIGISOS_OPPDATER&ressurs={dig}", "true"},
		{"fag", "GET {q}/isAutorisert?privilegium=SVARINN_KONTO&ressurs={konto}", "true"},
		{"fag", "GET {q}/isAutorisert?privilegium=ADMIN&ressurs={dig}&aktor={fag}", "false"},
		{"fag", "GET {q}/isAutorisert?privilegium=ADMIN&ressurs={ukjent}", "false"},
		{"adminA", "GET {q}/isAutorisert?privilegium=SVARINN_KONTO&ressurs={konto}&aktor={fag}", "true"},
		{"adminA", "GET {q}/isAutorisert?privilegium=SVARINN_KONTO&ressurs={konto}", "true"}, // by ADMIN
		{"maskinA", "GET {q}/isAutorisert?privilegium=SVARINN_KONTO&ressurs={konto}", "false"},
		{"maskinB", "GET {q}/isAutorisert?privilegium=DIGISOS_NAV&ressurs={dig}", "true"},

		{"fag", "GET {q}/autorisasjoner", `[` + paaDig + `,` + paaIO + `]`},
		{"fag", "GET {q}/autorisasjoner?privilegium=SVARINN_KONTO&arvPrivilegier=true", `[` + paaIO + `,` + paaAnn + `,` + paaKont + `]`},
		{"fag", "GET {q}/autorisasjoner?type=TJENESTE_SVARINN_KONTO&arvPrivilegier=true", `[` + paaAnn + `,` + paaKont + `]`},
		{"fag", "GET {q}/autorisasjoner?type=TJENESTE_SVARINN_KONTO", `[]`},
		{"fag", "GET {q}/autorisasjoner?arvPrivilegier=true&maksDybde=2", `[` + paaDig + `,` + paaIO + `]`},
		{"fag", "GET {q}/autorisasjoner?arvPrivilegier=true&maksDybde=1&forelderRessurs={fiksio}", `[` + paaIO + `,` + paaAnn + `,` + paaKont + `]`},
		{"fag", "GET {q}/autorisasjoner?arvPrivilegier=true&maksDybde=0&forelderRessurs={fiksio}", `[` + paaIO + `]`},
		{"fag", "GET {q}/autorisasjoner?forelderRessurs={b}", `[]`},
		{"fag", "GET {q}/autorisasjoner?forelderRessurs={ukjent}", `[]`},
		{"adminA", "GET {q}/autorisasjoner?forelderRessurs={a}&aktor={fag}", `[` + paaDig + `,` + paaIO + `]`},
		{"borger", "GET {q}/autorisasjoner", `[]`},

		{"fag", "GET {q}/synlige", `{"ressurser":[` + digKort + `,` + ioKort + `,` + kontoer + `]}`},
		{"fag", "GET {q}/synlige?privilegier=DIGISOS_OPPDATER", `{"ressurser":[` + digKort + `]}`},
		{"fag", "GET {q}/synlige?privilegier=DIGISOS_OPPDATER&privilegier=SVARINN_KONTO&ressursType=TJENESTE_SVARINN_KONTO", `{"ressurser":[` + kontoer + `]}`},
		{"fag", "GET {q}/synlige?parent={dig}", `{"ressurser":[` + digKort + `]}`},
		{"adminA", "GET {q}/synlige?parent={fiksio}&privilegier=SVARINN_KONTO", `{"ressurser":[` + ioKort + `,` + kontoer + `]}`},
		{"maskinA", "GET {q}/synlige?privilegier=SVARINN_KONTO", `{"ressurser":[]}`}, // its ADMIN implies nothing
		{"maskinB", "GET {q}/synlige?ressursType=TJENESTE_DIGISOS", `{"ressurser":[` + digKort + `]}`},
		{"adminB", "GET {q}/synlige?parent={a}", `{"ressurser":[]}`},

		{"adminA", "GET {q}/ressurser?type=TJENESTE_DIGISOS", `[{"id":"{dig}","forelder":"{a}","type":"TJENESTE_DIGISOS","navn":"TJENESTE_DIGISOS"}]`},
		{"adminB", "GET {q}/ressurser?type=TJENESTE_DIGISOS", `[]`},
		{"fag", "GET {q}/ressurser/{konto}", `{"id":"{konto}","forelder":"{fiksio}","type":"TJENESTE_SVARINN_KONTO","navn":"Konto"}`},
		{"rot", "GET {q}/ressurser/{rot}", `{"id":"{rot}","forelder":null,"type":"ROOT","navn":"ROOT"}`},
		{"fag", "GET {q}/{dig}/isLeaf", "true"},
		{"fag", "GET {q}/{fiksio}/isLeaf", "false"},
		{"fag", "GET {q}/{dig}/barn", "[]"},
		{"adminA", "GET {q}/{a}/barn?type=TJENESTE_DIGISOS", `[{"id":"{dig}","forelder":"{a}","type":"TJENESTE_DIGISOS","navn":"TJENESTE_DIGISOS"}]`},

		// Persons are told of persons, machines of machines.
		{"adminA", "GET {q}/ressurser/{dig}/tilganger", `[{"aktor":"{tjenA}","privilegium":"ADMIN"},{"aktor":"{fag}","privilegium":"DIGISOS_OPPDATER"}]`},
		{"maskinA", "GET {q}/ressurser/{dig}/tilganger", `[{"aktor":"{fag}","privilegium":"DIGISOS_OPPDATER"}]`},
		{"adminA", "GET {q}/ressurser/{a}/tilganger?aktor={maskinA}", `[{"aktor":"{maskinA}","privilegium":"ADMIN"}]`},
	} {
		s.lik(t, s.vil(t, x.hvem, s.fyll(x.hva, mer...), "", 200), x.want, mer...)
	}
	s.lik(t, s.vil(t, "adminA", "POST {q}/ressurser/oversikt", `{"ressurser":["{a}","{dig}"],"privilegium":"ADMIN"}`, 200),
		`{"type":"","ressurser":[{"ressurs":"{a}","privilegium":"ADMIN","antallPersoner":1,"antallIntegrasjoner":1,"antallEksterneBrukere":0,"antallEksterneGrupper":0,"antallTotalt":2},`+
			`{"ressurs":"{dig}","privilegium":"ADMIN","antallPersoner":1,"antallIntegrasjoner":0,"antallEksterneBrukere":0,"antallEksterneGrupper":0,"antallTotalt":1}]}`)
	s.lik(t, s.vil(t, "adminA", "POST {q}/ressurser/oversikt", `{"ressurser":["{a}"],"privilegium":"ADMIN","ressursType":"FIKS_ORGANISASJON","ekskluderAktorer":["{adminA}"]}`, 200),
		`{"type":"FIKS_ORGANISASJON","ressurser":[{"ressurs":"{a}","privilegium":"ADMIN","antallPersoner":0,"antallIntegrasjoner":1,"antallEksterneBrukere":0,"antallEksterneGrupper":0,"antallTotalt":1}]}`)
	for _, hva := range []string{
		"GET {q}/isAutorisert?ressurs={a}", "GET {q}/isAutorisert?privilegium=ADMIN", "GET {q}/isAutorisert?privilegium=ADMIN&ressurs=tull",
		"GET {q}/autorisasjoner?forelderRessurs=tull", "GET {q}/autorisasjoner?maksDybde=-1", "GET {q}/autorisasjoner?arvPrivilegier=kanskje",
		"GET {q}/synlige?parent=tull", "GET {q}/ressurser", "GET {q}/synlige?" + mangeNavn(),
	} {
		s.vil(t, "adminA", hva, "", 400)
	}
	s.vil(t, "adminA", "POST {q}/ressurser/oversikt", `{"ressurser":["{dig}"],"privilegium":"ADMIN","ressursType":"ROOT"}`, 400)
	s.vil(t, "adminA", "POST {q}/ressurser/oversikt", `{"ressurser":["{dig}","{b}"],"privilegium":"ADMIN"}`, 404)
}

func mangeNavn() string {
	var b strings.Builder
	for i := range 101 {
		fmt.Fprintf(&b, "&privilegier=P%d", i)
	}
	return b.String()
}

func TestEgneRessurser(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	ny := func(forelder, typ string, status int) (id, svar string) {
		t.Helper()
		svar = s.vil(t, "adminA", "POST {u}/ressurs", `{"forelderRessurs":"`+forelder+`","type":"`+typ+`","navn":"Byarkivet"}`, status)
		var ut struct{ ID string }
		if err := json.Unmarshal([]byte(svar), &ut); err != nil {
			t.Fatal(err)
		}
		return ut.ID, svar
	}
	en, svar := ny(s.a, "ARKIV", 201)
	s.lik(t, svar, `{"id":"{en}","forelder":"{a}","type":"ARKIV","navn":"Byarkivet"}`, "{en}", en)
	for _, typ := range []string{"TJENESTE_DIGISOS", "TJENESTE_NOE", "FIKS_ORGANISASJON", "ROOT", "arkiv", ""} {
		if _, svar := ny(s.a, typ, 400); !strings.Contains(svar, "lages av plattformens egne tjenester") {
			t.Error(svar)
		}
	}
	s.vil(t, "adminA", "PATCH {u}/ressurs/{dig}", `{"navn":"Mitt"}`, 400) // the platform's
	s.vil(t, "adminA", "PATCH {u}/ressurs/{dig}/flytt", `{"nyForeldreRessurs":"`+en+`"}`, 400)
	s.vil(t, "adminA", "PATCH {u}/ressurs/"+en, `{"navn":""}`, 400)
	s.lik(t, s.vil(t, "adminA", "PATCH {u}/ressurs/"+en, `{"navn":"Museet"}`, 200), `{"id":"{en}","forelder":"{a}","type":"ARKIV","navn":"Museet"}`, "{en}", en)

	// What is inherited follows the move, at once.
	to, _ := ny(en, "ARKIV", 201)
	tre, _ := ny(to, "HYLLE", 201)
	s.vil(t, "adminA", "POST {u}/ressurs/"+en+"/tilganger", `{"aktor":"{fag}","privilegium":"ARKIV_LES"}`, 200)
	s.har(t, true, s.fag, "ARKIV_LES", tre)
	for _, til := range []string{to, tre, en} {
		if til == en {
			s.vil(t, "adminA", "PATCH {u}/ressurs/"+to+"/flytt", `{"nyForeldreRessurs":"`+to+`"}`, 400)
			continue
		}
		s.vil(t, "adminA", "PATCH {u}/ressurs/"+en+"/flytt", `{"nyForeldreRessurs":"`+til+`"}`, 400) // below itself
	}
	s.vil(t, "adminA", "PATCH {u}/ressurs/"+to+"/flytt", `{"nyForeldreRessurs":"{a}"}`, 200)
	s.har(t, false, s.fag, "ARKIV_LES", tre)
	s.gi(t, adminA, auth.Admin, s.b)
	if svar := s.vil(t, "adminA", "PATCH {u}/ressurs/"+to+"/flytt", `{"nyForeldreRessurs":"{b}"}`, 400); !strings.Contains(svar, "innenfor organisasjonen") {
		t.Error(svar)
	}

	// The tree has a bottom: ten levels, the root and the organisation counted in.
	dyp := s.a
	for range 8 {
		dyp, _ = ny(dyp, "ARKIV", 201)
	}
	ny(dyp, "ARKIV", 409)
	s.vil(t, "adminA", "PATCH {u}/ressurs/"+to+"/flytt", `{"nyForeldreRessurs":"`+dyp+`"}`, 409)
}

func TestPrivilegiekatalogen(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	const admin = `{"navn":"ADMIN","visningsnavn":"Administrator","beskrivelse":"Kan administrere ressursen og alt under den. For personer følger alle andre privilegier med.",` +
		`"hjelpetekst":null,"ressursType":"{typ}","aktorer":["PERSON","INTEGRASJON"]}`
	dig := `{"privilegier":[` + admin + `,{"navn":"DIGISOS_OPPDATER","visningsnavn":"Kan oppdatere status og filer for Digisos-søknader","beskrivelse":"For kommunens fagsystem.",` +
		`"hjelpetekst":null,"ressursType":"TJENESTE_DIGISOS","aktorer":["INTEGRASJON"]},` +
		`{"navn":"DIGISOS_NAV","visningsnavn":"Kan sende og lese Digisos-søknader","beskrivelse":"For NAV. Gis av plattformens operatør.","hjelpetekst":null,"ressursType":"TJENESTE_DIGISOS","aktorer":["INTEGRASJON"]}]}`
	for _, hva := range []string{"GET {k}/privilegier/", "GET {u}/privilegier/"} {
		s.lik(t, s.vil(t, "fag", hva+"TJENESTE_DIGISOS", "", 200), dig, "{typ}", "TJENESTE_DIGISOS")
		s.lik(t, s.vil(t, "fag", hva+"FIKS_ORGANISASJON", "", 200), `{"privilegier":[`+admin+`]}`, "{typ}", "FIKS_ORGANISASJON")
		s.vil(t, "fag", hva+"TJENESTE_TULL", "", 404)
	}
	var flat struct {
		Privilegier []struct{ Navn, RessursType string }
	}
	if err := json.Unmarshal([]byte(s.vil(t, "fag", "GET {u}/privilegier", "", 200)), &flat); err != nil {
		t.Fatal(err)
	}
	var kart map[string][]struct{ Navn string }
	if err := json.Unmarshal([]byte(s.vil(t, "rot", "GET {k}/root/privilegier", "", 200)), &kart); err != nil {
		t.Fatal(err)
	}
	a, b := map[string]bool{}, map[string]bool{}
	for _, p := range flat.Privilegier {
		a[p.RessursType+" "+p.Navn] = true
	}
	for typ, ps := range kart {
		for _, p := range ps {
			b[typ+" "+p.Navn] = true
		}
	}
	if d := cmp.Diff(a, b); d != "" || !a["TJENESTE_SVARINN SVARINN_KONTO"] || !a["ROOT ROOT"] {
		t.Errorf("%s %v", d, a)
	}
}
