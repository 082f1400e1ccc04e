package organisasjon_test

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

// lik compares a body with what it must be, byte by byte; {…} are ids.
func (s *tjener) lik(t testing.TB, got, want string, mer ...string) {
	t.Helper()
	if d := cmp.Diff(s.fyll(want, mer...), got); d != "" {
		t.Errorf("the body (-want +got):\n%s", d)
	}
}

// nyIntegrasjon makes one by the API and gives its id.
func (s *tjener) nyIntegrasjon(t testing.TB) string {
	t.Helper()
	var ut struct{ UUID string }
	svar := s.vil(t, "adminA", "POST {k}/integrasjoner", `{"autorisertOrgnr":"991825827","navn":"Sosial_1.2/a-b","fiksOrganisasjonUuid":"{a}"}`, 200)
	if err := json.Unmarshal([]byte(svar), &ut); err != nil || len(ut.UUID) != 36 {
		t.Fatal(svar, err)
	}
	return ut.UUID
}

func TestIntegrasjonPaaTraaden(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	s.Klokke.Sett(time.Date(2026, 6, 10, 22, 30, 0, 0, time.UTC)) // after midnight in Oslo
	id := s.nyIntegrasjon(t)
	const form = `{"uuid":"{i}","autorisertOrgnr":"991825827","navn":"Sosial_1.2/a-b","beskrivelse":null,"kode":null,"global":false,"forespurtePrivilegier":[],` +
		`"fiksOrganisasjonUuid":"{a}","fiksOrganisasjonNavn":"Testby kommune","opprettet":"2026-06-11","tags":[],"tilknyttedeRessurser":[]}`
	s.lik(t, s.vil(t, "adminA", "GET {k}/integrasjoner/"+id, "", 200), form, "{i}", id)
	// Only what is set changes; null is not set; and ids may be in capitals.
	s.lik(t, s.vil(t, "adminA", "PATCH {k}/integrasjoner/"+strings.ToUpper(id), `{"beskrivelse":"Ny","navn":null,"uuid":"x","global":true}`, 200),
		strings.Replace(form, `"beskrivelse":null`, `"beskrivelse":"Ny"`, 1), "{i}", id)
	if svar := s.vil(t, "adminA", "POST {k}/integrasjoner/"+id+"/lagPassord", "", 200); !regexp.MustCompile(`^\{"passord":"[A-Za-z0-9_-]{43}"\}$`).MatchString(svar) {
		t.Error(svar)
	}
	_, _, h := s.kall(t, "adminA", "POST {k}/integrasjoner/"+id+"/lagPassord", "")
	if h.Get("Cache-Control") != "no-store" {
		t.Error("a password may be kept by caches")
	}
	s.lik(t, s.vil(t, "fag", "GET {k}/integrasjoner/autentisering", "", 200), "true")
	if svar := s.vil(t, "adminA", "DELETE {k}/integrasjoner/"+id, "", 200); svar != "" {
		t.Error(svar)
	}
	s.vil(t, "adminA", "GET {k}/integrasjoner/"+id, "", 404)
	s.vil(t, "adminA", "DELETE {k}/integrasjoner/"+id, "", 404)
}

func TestUgyldigIntegrasjon(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	for _, x := range []struct {
		hva, kropp string
		want       int
		tekst      string
	}{
		{"POST {k}/integrasjoner", `{"autorisertOrgnr":"99182582","navn":"A","fiksOrganisasjonUuid":"{a}"}`, 400, "autorisertOrgnr må ha 9 sifre"},
		{"POST {k}/integrasjoner", `{"autorisertOrgnr":"991825827","navn":"A&B","fiksOrganisasjonUuid":"{a}"}`, 400, "navn må ha 1–200 tegn"},
		{"POST {k}/integrasjoner", `{"autorisertOrgnr":"991825827","fiksOrganisasjonUuid":"{a}"}`, 400, "navn må ha 1–200 tegn"},
		{"POST {k}/integrasjoner", `{"autorisertOrgnr":"991825827","navn":"A","fiksOrganisasjonUuid":"tull"}`, 404, "Organisasjonen finnes ikke"},
		{"POST {k}/integrasjoner", `{"autorisertOrgnr":"991825827","navn":"A","fiksOrganisasjonUuid":"{dig}"}`, 404, "Organisasjonen finnes ikke"},
		{"POST {k}/integrasjoner", `{"autorisertOrgnr":"991825827","navn":"A","fiksOrganisasjonUuid":"{a}","kode":"K"}`, 400, "En lokal integrasjon har"},
		{"POST {k}/integrasjoner", `{"autorisertOrgnr":"991825827","navn":"A"}`, 403, "Oppgi fiksOrganisasjonUuid"},
		{"POST {k}/integrasjoner", `{"autorisertOrgnr":991825827}`, 400, "feltet autorisertOrgnr har feil type"},
		{"POST {k}/integrasjoner", `[]`, 400, "ikke gyldig JSON"},
		{"POST {k}/integrasjoner", ``, 400, "JSON mangler"},
		{"POST {k}/integrasjoner", `{"navn":"` + strings.Repeat("a", 1<<20) + `"}`, 413, "for stor"},
		{"PATCH {k}/integrasjoner/{fag}", `{"navn":""}`, 400, "navn må ha 1–200 tegn"},
		{"PATCH {k}/integrasjoner/{fag}", `{"autorisertOrgnr":""}`, 400, "autorisertOrgnr må ha 9 sifre"},
		{"PATCH {k}/integrasjoner/{fag}", `{"beskrivelse":"` + strings.Repeat("ø", 4001) + `"}`, 400, "høyst 4000 tegn"},
		{"POST {k}/integrasjoner/{fag}/lagPassord?overlappTimer=169", "", 400, "fra 0 til 168"},
		{"POST {k}/integrasjoner/{fag}/lagPassord?overlappTimer=-1", "", 400, "fra 0 til 168"},
		{"POST {k}/integrasjoner/{fag}/lagPassord?overlappTimer=1d", "", 400, "fra 0 til 168"},
		{"DELETE {k}/integrasjoner/{g}", "", 403, "DELETE …/tilknyttede-ressurser/{ressursId}/tilganger"},
	} {
		if svar := s.vil(t, "adminA", x.hva, x.kropp, x.want); !strings.Contains(svar, x.tekst) {
			t.Errorf("%s: %s; want %q", x.hva, svar, x.tekst)
		}
	}
}

// Two administrators: what one has decided from is what it changes, or it is told.
func TestSamtidigeAdministratorer(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	id := s.nyIntegrasjon(t)
	en := "{k}/integrasjoner/" + id
	tag := func(hva, kropp string, ifMatch ...string) string {
		t.Helper()
		status, svar, h := s.kall(t, "adminA", hva, kropp, ifMatch...)
		if status != 200 || h.Get("ETag") == "" {
			t.Fatalf("%s: %d %s %q", hva, status, svar, h.Get("ETag"))
		}
		return h.Get("ETag")
	}
	sett := tag("GET "+en, "")
	etter := tag("PATCH "+en, `{"navn":"En"}`, sett)
	if sett == etter || etter != tag("GET "+en, "") {
		t.Errorf("%s, then %s", sett, etter)
	}
	for _, gammel := range []string{sett, `"0"`, `"-1"`, `W/` + etter, `tull`, `"99999999999999999999"`, `"01"`, sett + ", " + etter} {
		for hva, kropp := range map[string]string{"PATCH " + en: `{"navn":"To"}`, "POST " + en + "/lagPassord": "", "DELETE " + en: ""} {
			if svar := s.vil(t, "adminA", hva, kropp, 409, gammel); !strings.Contains(svar, "Hent det på nytt, og prøv igjen") {
				t.Error(svar)
			}
		}
		s.vil(t, "rot", "PATCH {k}/root/integrasjoner/"+id, `{"tags":["DIGISOS"]}`, 409, gammel)
	}
	if svar := s.vil(t, "adminA", "GET "+en, "", 200); !strings.Contains(svar, `"navn":"En"`) || !strings.Contains(svar, `"tags":[]`) {
		t.Error(svar)
	}
	// Back to what it was is also a change.
	tag("PATCH "+en, `{"navn":"To"}`, etter)
	tilbake := tag("PATCH "+en, `{"navn":"En"}`, "*")
	s.vil(t, "adminA", "PATCH "+en, `{"navn":"Tre"}`, 409, etter)

	// Of two that rotate the password at once, one does: the password that goes on
	// is the one that is in use.
	forst := tag("POST "+en+"/lagPassord?overlappTimer=24", "", tilbake)
	s.vil(t, "adminA", "POST "+en+"/lagPassord?overlappTimer=24", "", 409, tilbake)
	tag("POST "+en+"/lagPassord?overlappTimer=24", "", forst)

	// Without a version everybody's change is made.
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if status, svar, _ := s.kall(t, "adminA", "PATCH "+en, `{"navn":"Samtidig"}`); status != 200 {
				t.Errorf("%d %s", status, svar)
			}
		})
	}
	var mu sync.Mutex
	vunnet := 0
	wg.Wait()
	sett = tag("GET "+en, "")
	for range 8 {
		wg.Go(func() {
			status, _, _ := s.kall(t, "adminA", "PATCH "+en, `{"navn":"Samtidig"}`, sett)
			mu.Lock()
			defer mu.Unlock()
			if status == 200 {
				vunnet++
			} else if status != 409 {
				t.Errorf("%d", status)
			}
		})
	}
	wg.Wait()
	if vunnet != 1 {
		t.Errorf("%d of 8 changed the same version", vunnet)
	}
}

// A password that goes on does so for that long; whose token comes with the
// integrasjon changes at once; a deleted one is refused at once.
func TestPassordGjennomAPI(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	id := s.nyIntegrasjon(t)
	lag := func(q string) string {
		t.Helper()
		var ut struct{ Passord string }
		if err := json.Unmarshal([]byte(s.vil(t, "adminA", "POST {k}/integrasjoner/"+id+"/lagPassord"+q, "", 200)), &ut); err != nil {
			t.Fatal(err)
		}
		return ut.Passord
	}
	p1 := lag("")
	s.login(t, true, id, p1)
	p2 := lag("?overlappTimer=1")
	s.login(t, true, id, p1)
	s.login(t, true, id, p2)
	s.Klokke.Sett(s.Klokke.Now().Add(time.Hour))
	s.login(t, false, id, p1)
	s.login(t, true, id, p2)
	p3 := lag("")
	s.login(t, false, id, p2)
	s.login(t, true, id, p3)
	s.vil(t, "adminA", "PATCH {k}/integrasjoner/"+id, `{"autorisertOrgnr":"910753614"}`, 200)
	if got, err := s.s().Autentiser(t.Context(), id, p3); err != nil || got.AutorisertOrgnr != "910753614" {
		t.Errorf("the former organisation's token still goes with it: %+v, %v", got, err)
	}
	s.vil(t, "adminA", "DELETE {k}/integrasjoner/"+id, "", 200)
	s.login(t, false, id, p3)
}

func TestTilknyttedeRessurser(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	id := s.nyIntegrasjon(t)
	til := "{k}/integrasjoner/" + id + "/tilknyttede-ressurser/{dig}"
	tilknyttet := func(want string) {
		t.Helper()
		for _, hva := range []string{"GET {k}/integrasjoner/" + id, "GET {k}/organisasjoner/{a}/integrasjoner?integrasjonId=" + id} {
			if svar := s.vil(t, "adminA", hva, "", 200); !strings.Contains(svar, s.fyll(`"tilknyttedeRessurser":`+want)) {
				t.Errorf("%s: %s, want %s", hva, svar, want)
			}
		}
	}
	for range 2 {
		s.vil(t, "adminA", "PUT "+til, "", 200)
	}
	tilknyttet(`["{dig}"]`)
	s.har(t, false, id, auth.DigisosOppdater, s.dig)
	s.vil(t, "adminA", "PUT "+til+"/tilganger", "", 400) // none is named
	s.vil(t, "adminA", "PUT "+til+"/tilganger?privilegier=DIGISOS_OPPDATER&privilegier=DIGISOS_NAV", "", 403)
	s.har(t, false, id, auth.DigisosOppdater, s.dig) // all or nothing
	s.vil(t, "adminA", "PUT "+til+"/tilganger?privilegier=DIGISOS_OPPDATER&privilegier=ADMIN", "", 200)
	s.har(t, true, id, auth.DigisosOppdater, s.dig)
	s.vil(t, "maskinA", "DELETE "+til+"/tilganger", "", 403) // there is an ADMIN among them
	s.vil(t, "adminA", "DELETE "+til, "", 200)
	tilknyttet(`[]`)
	s.har(t, true, id, auth.DigisosOppdater, s.dig)
	s.vil(t, "adminA", "DELETE "+til+"/tilganger", "", 200)
	s.har(t, false, id, auth.DigisosOppdater, s.dig)
	s.har(t, false, id, auth.Admin, s.dig)

	// A global one is given what it asks for that fits, whatever is named.
	g := "{k}/integrasjoner/{g}/tilknyttede-ressurser/"
	s.vil(t, "adminA", "PUT "+g+"{dig}/tilganger?privilegier=ADMIN", "", 200)
	s.har(t, true, s.g, auth.DigisosOppdater, s.dig)
	s.har(t, false, s.g, auth.Admin, s.dig)
	s.har(t, false, s.g, auth.FiksIOKonto, s.dig)
	s.vil(t, "adminA", "PUT "+g+"{a}/tilganger", "", 400) // it asks for nothing there
	// What it may in one organisation is not told to another.
	if svar := s.vil(t, "adminA", "GET {k}/integrasjoner/{g}", "", 200); !strings.Contains(svar, s.dig) {
		t.Error(svar)
	}
	for _, hva := range []string{"GET {k}/integrasjoner/{g}", "GET {k}/organisasjoner/{b}/integrasjoner"} {
		if svar := s.vil(t, "adminB", hva, "", 200); strings.Contains(svar, s.dig) {
			t.Errorf("%s: %s", hva, svar)
		}
	}
	s.vil(t, "rot", "DELETE {k}/integrasjoner/{g}", "", 200)
	s.har(t, false, s.g, auth.DigisosOppdater, s.dig)
	var igjen int
	if err := s.DB.Read().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM integrasjon_ressurser WHERE integrasjon = $1`, s.g).Scan(&igjen); err != nil || igjen != 0 {
		t.Errorf("%d associations of a deleted one, %v", igjen, err)
	}
}

func TestOrganisasjonensIntegrasjoner(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	s.vil(t, "rot", "PATCH {k}/root/integrasjoner/{g}", `{"tags":["DIGISOS"]}`, 200)
	s.vil(t, "rot", "PATCH {k}/root/integrasjoner/{fag}", `{"tags":["DIGISOS","FIKS_IO"]}`, 200)
	for _, x := range []struct{ hva, want string }{
		{"GET {k}/organisasjoner/{a}/integrasjoner", "{fag} {g} {maskinA}"},
		{"GET {k}/organisasjoner/{a}/integrasjoner?integrasjonKode=SKY", "{g}"},
		{"GET {k}/organisasjoner/{a}/integrasjoner?integrasjonId={maskinA}&integrasjonId={maskinB}", "{maskinA}"},
		{"GET {k}/organisasjoner/{a}/integrasjoner?integrasjonId={maskinA}&integrasjonKode=SKY", "{g} {maskinA}"},
		{"GET {k}/organisasjoner/{a}/integrasjoner/DIGISOS", "{fag} {g}"},
		{"GET {k}/organisasjoner/{a}/integrasjoner/FIKS_IO", "{fag}"},
		{"GET {k}/organisasjoner/{a}/integrasjoner/SVARUT", ""},
	} {
		var ut []struct{ UUID string }
		if err := json.Unmarshal([]byte(s.vil(t, "adminA", x.hva, "", 200)), &ut); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, i := range ut {
			got = append(got, i.UUID)
		}
		if d := cmp.Diff(s.fyll(x.want), strings.Join(got, " ")); d != "" {
			t.Errorf("%s: %s", x.hva, d)
		}
	}
	// From local to global, and never back.
	s.vil(t, "rot", "PATCH {k}/root/integrasjoner/{fag}", `{"global":true}`, 400) // it needs a code
	s.vil(t, "rot", "PATCH {k}/root/integrasjoner/{fag}", `{"global":true,"kode":"SKY"}`, 409)
	s.vil(t, "rot", "PATCH {k}/root/integrasjoner/{fag}", `{"global":true,"kode":"FAG"}`, 200)
	s.vil(t, "rot", "PATCH {k}/root/integrasjoner/{fag}", `{"global":false}`, 400)
	s.vil(t, "adminA", "PATCH {k}/integrasjoner/{fag}", `{"navn":"Min"}`, 403)
}

// Each change is in the audit log, with who made it.
func TestEndringerRevideres(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	foer, err := s.audit.List(t.Context(), audit.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	id := s.nyIntegrasjon(t)
	en := "{k}/integrasjoner/" + id
	for _, hva := range []string{
		"PATCH " + en + ` {"navn":"Ny"}`,
		"POST " + en + "/lagPassord ",
		"PUT " + en + "/tilknyttede-ressurser/{dig}/tilganger?privilegier=DIGISOS_OPPDATER ",
		"DELETE " + en + "/tilknyttede-ressurser/{dig}/tilganger ",
		"DELETE " + en + " ",
		"POST {k}/organisasjoner/{a}/tjenester/FIKS_IO/initialiser ",
		"POST {k}/organisasjoner/{a}/tjenester/FIKS_IO/initialiser ", // the same again is no change
		"POST {k}/organisasjoner/{a}/tjenester/FIKS_IO/konfigurer ",
		`POST {k}/personer {"fnr":"{borger}","navn":"Kari Test"}`,
		`PATCH {k}/personer/oppdater {"fnr":"{borger}","tittel":"Sjef"}`,
		`POST {u}/ressurs/{a}/tilganger {"aktor":"{borger}","privilegium":"ADMIN"}`,
		`POST {u}/ressurs/{a}/tilganger/delete {"aktor":"{borger}","privilegium":"ADMIN"}`,
	} {
		deler := strings.SplitN(hva, " ", 3)
		s.vil(t, "adminA", deler[0]+" "+deler[1], deler[2], 200)
	}
	alle, err := s.audit.List(t.Context(), audit.Filter{EtterSeq: foer[len(foer)-1].Seq})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, h := range alle {
		if h.Principal.Fnr != adminA || h.FiksOrg != s.a {
			t.Errorf("%s: by %+v in %s", h.Handling, h.Principal, h.FiksOrg)
		}
		got = append(got, strings.TrimSpace(h.Handling+" "+h.Gjelder))
	}
	want := []string{"INTEGRASJON_OPPRETTET", "INTEGRASJON_ENDRET", "INTEGRASJON_NYTT_PASSORD", "RESSURS_TILKNYTTET", "TILGANG_GITT",
		"RESSURS_FRAKOBLET", "TILGANG_TRUKKET", "INTEGRASJON_SLETTET", "TJENESTE_TATT_I_BRUK", "TJENESTE_KONFIGURERT",
		"PERSON_REGISTRERT " + borger, "PERSON_ENDRET " + borger, "TILGANG_GITT " + borger, "TILGANG_TRUKKET " + borger}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// What is written by the API is as unreadable at rest as the rest.
func TestPersonerErForseglet(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	s.vil(t, "adminA", "POST {k}/personer", `{"fnr":"{borger}","navn":"Kari Hemmelig"}`, 200)
	s.vil(t, "adminA", "PATCH {k}/personer/oppdater", `{"fnr":"{borger}","epost":"kari@hemmelig.no"}`, 200)
	s.usynlig(t, borger, "Kari Hemmelig", "kari@hemmelig.no")
}

func TestVersjonFraService(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if err := b.try(t, func(ctx context.Context, tx *store.Tx) error {
		_, err := b.s.EndreIntegrasjon(ctx, tx, b.inte.ID, b.inte.Versjon, func(i *organisasjon.Integrasjon) {
			i.ID, i.Navn, i.Versjon = ukjent, "Nytt", 99 // what is not its to change stays
		})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	want := b.inte
	want.Navn, want.Versjon = "Nytt", 2
	got, err := b.s.Integrasjon(t.Context(), b.inte.ID)
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v %s", err, d)
	}
}
