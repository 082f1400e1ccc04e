package organisasjon_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"knutepunkt/api/apitest"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

// Persons of the scenario tables.
const (
	adminA = "01410112341" // ADMIN on A
	adminB = "02410112342" // ADMIN on B
	tjenA  = "03410112343" // ADMIN on A's Digisos alone
	rotbr  = "04410112344" // ROOT
	borger = "05410112345" // nothing
)

// tjener is the HTTP face behind the real guard: organisation A with Digisos in
// use, B with nothing, and integrasjoner.
type tjener struct {
	*bundle
	a, b, dig                string // organisations, and A's Digisos
	fag, maskinA, maskinB, g string // A's with DIGISOS_OPPDATER, A's and B's with ADMIN, and a global one
	transport                http.RoundTripper
}

// hvem are the callers by name; "" has no credentials.
func (s *tjener) hvem(navn string) (auth.Caller, error) {
	person := func(fnr string, niva int) (auth.Caller, error) {
		return auth.Caller{Slag: auth.Person, Fnr: fnr, Niva: niva}, nil
	}
	maskin := func(id string) (auth.Caller, error) {
		return auth.Caller{Slag: auth.Integrasjon, IntegrasjonID: id}, nil
	}
	switch navn {
	case "":
		return auth.Caller{Slag: auth.Anonym}, nil
	case "adminA", "adminB", "tjenA", "rot", "borger":
		return person(map[string]string{"adminA": adminA, "adminB": adminB, "tjenA": tjenA, "rot": rotbr, "borger": borger}[navn], 4)
	case "niva3":
		return person(adminA, 3)
	case "innbygger":
		return auth.Caller{Slag: auth.IntegrasjonPerson, IntegrasjonID: s.fag, Fnr: adminA, Niva: 4}, nil
	case "fag":
		return maskin(s.fag)
	case "maskinA":
		return maskin(s.maskinA)
	case "maskinB":
		return maskin(s.maskinB)
	}
	return auth.Caller{}, feil.Ny(feil.Uautentisert, "Ikke autentisert")
}

type kilde struct{ s *tjener }

func (k kilde) Request(r *http.Request) (auth.Caller, error) {
	return k.s.hvem(r.Header.Get("Authorization"))
}

func nyTjener(t testing.TB) *tjener {
	t.Helper()
	s := &tjener{bundle: setup(t)}
	s.a = s.org.ID
	ny := func(ctx context.Context, tx *store.Tx, i organisasjon.Integrasjon) string {
		i.AutorisertOrgnr = orgnr
		i, err := s.s().OpprettIntegrasjon(ctx, tx, i)
		if err != nil {
			t.Fatal(err)
		}
		return i.ID
	}
	s.write(t, func(ctx context.Context, tx *store.Tx) error {
		b, err := s.s().OpprettOrganisasjon(ctx, tx, organisasjon.Organisasjon{Navn: "Andreby kommune", Type: "KOMMUNE", Kommunenummer: "3003", Orgnr: "910753614"})
		if err != nil {
			return err
		}
		s.b = b.ID
		if s.dig, err = s.s().TaIBruk(ctx, tx, s.a, organisasjon.TypeDigisos); err != nil {
			return err
		}
		s.fag = s.inte.ID
		s.maskinA = ny(ctx, tx, organisasjon.Integrasjon{FiksOrgID: s.a, Navn: "Utrulling"})
		s.maskinB = ny(ctx, tx, organisasjon.Integrasjon{FiksOrgID: s.b, Navn: "Utrulling"})
		s.g = ny(ctx, tx, organisasjon.Integrasjon{Navn: "Sky", Global: true, Kode: "SKY", ForespurtePrivilegier: []string{auth.DigisosOppdater, auth.FiksIOKonto}})
		return nil
	})
	s.gi(t, s.fag, auth.DigisosOppdater, s.dig)
	s.gi(t, s.maskinA, auth.Admin, s.a)
	s.gi(t, s.maskinB, auth.Admin, s.b)
	s.gi(t, adminA, auth.Admin, s.a)
	s.gi(t, adminB, auth.Admin, s.b)
	s.gi(t, tjenA, auth.Admin, s.dig)
	s.gi(t, rotbr, auth.Rot, organisasjon.RotID)
	ro := &httpx.Router{Klokke: s.Klokke, Log: slog.New(slog.DiscardHandler)}
	if err := auth.Guard(ro, kilde{s}, s.s(), s.s().HTTP().Routes()); err != nil {
		t.Fatal(err)
	}
	s.transport = apitest.Transport(t, apitest.Handler(ro))
	return s
}

func (s *tjener) gi(t testing.TB, aktor, privilegium, ressurs string) {
	t.Helper()
	s.write(t, func(ctx context.Context, tx *store.Tx) error {
		return s.s().GiTilgang(ctx, tx, auth.Caller{}, aktor, privilegium, ressurs)
	})
}

// fyll puts ids into {a}, {b}, {dig}, {fag}, {maskinA}, {maskinB}, {g}, {rot} and {adminA}….
func (s *tjener) fyll(tekst string, mer ...string) string {
	return strings.NewReplacer(append([]string{"{a}", s.a, "{b}", s.b, "{dig}", s.dig, "{fag}", s.fag, "{maskinA}", s.maskinA, "{maskinB}", s.maskinB,
		"{g}", s.g, "{rot}", organisasjon.RotID, "{ukjent}", ukjent, "{adminA}", adminA, "{adminB}", adminB, "{tjenA}", tjenA, "{borger}", borger,
		"{k}", "/konfigurasjon/api/v1", "{q}", "/autorisasjon-query/api/v1/autorisasjon", "{u}", "/autorisasjon-update/api/v1"}, mer...)...).Replace(tekst)
}

// kall makes a request, "METHOD /path" and a JSON body ("": none), with If-Match
// when one is given.
func (s *tjener) kall(t testing.TB, hvem, hva, kropp string, ifMatch ...string) (int, string, http.Header) {
	t.Helper()
	metode, sti, _ := strings.Cut(s.fyll(hva), " ")
	r, err := http.NewRequestWithContext(t.Context(), metode, "http://hus.test"+sti, strings.NewReader(s.fyll(kropp)))
	if err != nil {
		t.Fatal(err)
	}
	if kropp != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if hvem != "" {
		r.Header.Set("Authorization", hvem)
		r.Header.Set("IntegrasjonId", "x")
		r.Header.Set("IntegrasjonPassord", "x")
	}
	for _, v := range ifMatch {
		r.Header.Set("If-Match", v)
	}
	resp, err := s.transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	svar, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(svar), resp.Header
}

// vil makes a request that must be answered so, and gives the body.
func (s *tjener) vil(t testing.TB, hvem, hva, kropp string, status int, ifMatch ...string) string {
	t.Helper()
	got, svar, _ := s.kall(t, hvem, hva, kropp, ifMatch...)
	if got != status {
		t.Fatalf("%s by %q: %d %s, want %d", hva, hvem, got, svar, status)
	}
	return svar
}

// Who may do what: every endpoint, every kind of caller.
func TestHvemSomHelst(t *testing.T) {
	t.Parallel()
	s := nyTjener(t)
	kolonner := []string{"", "feil", "niva3", "innbygger", "borger", "adminB", "maskinB", "rot", "tjenA", "fag", "maskinA", "adminA"}
	// {i} is a new integrasjon of A, and {e} a new ressurs of A's own, in every cell.
	const (
		lokal       = `{"autorisertOrgnr":"991825827","navn":"Ny","fiksOrganisasjonUuid":"{a}"}`
		global      = `{"autorisertOrgnr":"991825827","navn":"Ny","kode":"KODE_{n}"}`
		gi          = `{"aktor":"{i}","privilegium":"DIGISOS_OPPDATER"}`
		giP         = `{"aktor":"06410112346","privilegium":"ADMIN"}`
		personKropp = `{"fnr":"{borger}","navn":"Kari Test"}`
	)
	provd := map[string]bool{}
	for _, rad := range []struct {
		hva, kropp string
		want       [12]int
	}{
		// columns:                                        nobody bad  niva3 innb borg admB masB rot  tjenA fag  masA admA
		{"GET {k}/integrasjoner/autentisering", "", [12]int{401, 401, 403, 200, 403, 403, 200, 403, 403, 200, 200, 403}},
		{"POST {k}/integrasjoner", lokal, [12]int{401, 401, 403, 403, 404, 404, 404, 404, 404, 404, 200, 200}},
		{"POST {k}/integrasjoner", global, [12]int{401, 401, 403, 403, 403, 403, 403, 200, 403, 403, 403, 403}},
		{"GET {k}/integrasjoner/{i}", "", [12]int{401, 401, 403, 403, 404, 404, 404, 404, 404, 404, 200, 200}},
		{"GET {k}/integrasjoner/{fag}", "", [12]int{401, 401, 403, 403, 404, 404, 404, 404, 404, 200, 200, 200}},
		{"GET {k}/integrasjoner/{g}", "", [12]int{401, 401, 403, 403, 404, 200, 200, 200, 200, 404, 200, 200}},
		{"GET {k}/integrasjoner/{ukjent}", "", [12]int{401, 401, 403, 403, 404, 404, 404, 404, 404, 404, 404, 404}},
		{"PATCH {k}/integrasjoner/{i}", `{"navn":"Nytt"}`, [12]int{401, 401, 403, 403, 404, 404, 404, 404, 404, 404, 200, 200}},
		{"PATCH {k}/integrasjoner/{fag}", `{"navn":"Nytt"}`, [12]int{401, 401, 403, 403, 404, 404, 404, 404, 404, 404, 200, 200}},
		{"PATCH {k}/integrasjoner/{g}", `{"navn":"Nytt"}`, [12]int{401, 401, 403, 403, 404, 403, 403, 200, 403, 404, 403, 403}},
		{"DELETE {k}/integrasjoner/{i}", "", [12]int{401, 401, 403, 403, 404, 404, 404, 404, 404, 404, 200, 200}},
		{"POST {k}/integrasjoner/{i}/lagPassord", "", [12]int{401, 401, 403, 403, 404, 404, 404, 404, 404, 404, 200, 200}},
		{"POST {k}/integrasjoner/{fag}/lagPassord", "", [12]int{401, 401, 403, 403, 404, 404, 404, 404, 404, 404, 200, 200}},
		{"POST {k}/integrasjoner/{g}/lagPassord", "", [12]int{401, 401, 403, 403, 404, 403, 403, 200, 403, 404, 403, 403}},
		{"PUT {k}/integrasjoner/{i}/tilknyttede-ressurser/{dig}", "", [12]int{401, 401, 403, 403, 404, 404, 404, 404, 200, 404, 200, 200}},
		{"PUT {k}/integrasjoner/{maskinB}/tilknyttede-ressurser/{dig}", "", [12]int{401, 401, 403, 403, 404, 404, 404, 404, 404, 404, 404, 404}},
		{"DELETE {k}/integrasjoner/{i}/tilknyttede-ressurser/{dig}", "", [12]int{401, 401, 403, 403, 404, 404, 404, 404, 200, 404, 200, 200}},
		{"PUT {k}/integrasjoner/{i}/tilknyttede-ressurser/{dig}/tilganger?privilegier=DIGISOS_OPPDATER", "", [12]int{401, 401, 403, 403, 404, 404, 404, 404, 200, 404, 200, 200}},
		{"DELETE {k}/integrasjoner/{i}/tilknyttede-ressurser/{dig}/tilganger", "", [12]int{401, 401, 403, 403, 404, 404, 404, 404, 200, 404, 200, 200}},

		{"GET {k}/organisasjoner?orgId={a}", "", [12]int{401, 401, 403, 403, 200, 200, 200, 200, 200, 200, 200, 200}}, // what is in it: TestSynlige
		{"POST {k}/organisasjoner", `{"ids":["{a}"]}`, [12]int{401, 401, 403, 403, 200, 200, 200, 200, 200, 200, 200, 200}},
		{"GET {k}/organisasjoner/synlige", "", [12]int{401, 401, 403, 403, 200, 200, 200, 200, 200, 200, 200, 200}},
		{"GET {k}/organisasjoner/info?kommunenr=3002", "", [12]int{401, 401, 403, 403, 404, 404, 404, 200, 200, 200, 200, 200}},
		{"GET {k}/organisasjoner/info/{a}", "", [12]int{401, 401, 403, 403, 404, 404, 404, 200, 200, 200, 200, 200}},
		{"GET {k}/organisasjoner/kontaktinformasjon", "", [12]int{401, 401, 403, 403, 200, 200, 200, 200, 200, 200, 200, 200}},
		{"GET {k}/organisasjoner/{a}/kontaktinformasjon", "", [12]int{401, 401, 403, 403, 404, 404, 404, 200, 200, 200, 200, 200}},
		{"GET {k}/organisasjoner/{a}/integrasjoner", "", [12]int{401, 401, 403, 403, 404, 404, 404, 404, 404, 404, 200, 200}},
		{"GET {k}/organisasjoner/{a}/integrasjoner/DIGISOS", "", [12]int{401, 401, 403, 403, 404, 404, 404, 404, 404, 404, 200, 200}},
		{"GET {k}/organisasjoner/{a}/tjenester", "", [12]int{401, 401, 403, 403, 404, 404, 404, 404, 404, 404, 200, 200}},
		{"GET {k}/organisasjoner/{ukjent}/tjenester", "", [12]int{401, 401, 403, 403, 404, 404, 404, 404, 404, 404, 404, 404}},
		{"GET {k}/organisasjoner/{a}/tjenester/DIGISOS", "", [12]int{401, 401, 403, 403, 404, 404, 404, 404, 404, 404, 200, 200}},
		{"PATCH {k}/organisasjoner/{a}/tjenester/DIGISOS", `{"kode":"DIGISOS","nyStatusSentralisertBrukerstyring":false}`, [12]int{401, 401, 403, 403, 404, 404, 404, 404, 404, 404, 200, 200}},
		{"POST {k}/organisasjoner/{a}/tjenester/FIKS_IO/initialiser", "", [12]int{401, 401, 403, 403, 404, 404, 404, 404, 404, 404, 200, 200}},
		{"POST {k}/organisasjoner/{a}/tjenester/DIGISOS/konfigurer", "", [12]int{401, 401, 403, 403, 404, 404, 404, 404, 404, 404, 200, 200}},

		// A service's administrator passes the guard, and has no organisation's register.
		{"POST {k}/personer", personKropp, [12]int{401, 401, 403, 403, 403, 200, 403, 403, 403, 403, 403, 200}},
		{"POST {k}/personer", `{"fnr":"{borger}","navn":"Kari Test","fiksOrgId":"{a}"}`, [12]int{401, 401, 403, 403, 403, 404, 403, 403, 404, 403, 403, 200}},
		{"POST {k}/personer/list", `{"fnrs":["{borger}"]}`, [12]int{401, 401, 403, 403, 403, 200, 403, 403, 403, 403, 403, 200}},
		{"PATCH {k}/personer/oppdater", `{"fnr":"{borger}","tittel":"Sjef"}`, [12]int{401, 401, 403, 403, 403, 200, 403, 403, 403, 403, 403, 200}},

		{"GET {k}/privilegier/TJENESTE_DIGISOS", "", [12]int{401, 401, 403, 403, 200, 200, 200, 200, 200, 200, 200, 200}},
		{"GET {k}/tjenester", "", [12]int{401, 401, 403, 403, 200, 200, 200, 200, 200, 200, 200, 200}},
		{"GET {k}/root/organisasjoner", "", [12]int{401, 401, 403, 403, 403, 403, 403, 200, 403, 403, 403, 403}},
		{"POST {k}/root/organisasjoner", `{"navn":"Nyby {n}","type":"KOMMUNE","avtaleadminFnr":"{borger}"}`, [12]int{401, 401, 403, 403, 403, 403, 403, 200, 403, 403, 403, 403}},
		{"GET {k}/root/integrasjoner", "", [12]int{401, 401, 403, 403, 403, 403, 403, 200, 403, 403, 403, 403}},
		{"PATCH {k}/root/integrasjoner/{i}", `{"tags":["DIGISOS"]}`, [12]int{401, 401, 403, 403, 403, 403, 403, 200, 403, 403, 403, 403}},
		{"GET {k}/root/privilegier", "", [12]int{401, 401, 403, 403, 403, 403, 403, 200, 403, 403, 403, 403}},
		{"GET {k}/root/tjenester", "", [12]int{401, 401, 403, 403, 403, 403, 403, 200, 403, 403, 403, 403}},
		{"GET {k}/root/tjenester/DIGISOS", "", [12]int{401, 401, 403, 403, 403, 403, 403, 200, 403, 403, 403, 403}},

		{"GET {q}/isAutorisert?privilegium=ADMIN&ressurs={dig}", "", [12]int{401, 401, 403, 403, 200, 200, 200, 200, 200, 200, 200, 200}},
		{"GET {q}/isAutorisert?privilegium=ADMIN&ressurs={dig}&aktor={i}", "", [12]int{401, 401, 403, 403, 404, 404, 404, 404, 200, 404, 200, 200}},
		{"GET {q}/autorisasjoner?forelderRessurs={dig}", "", [12]int{401, 401, 403, 403, 200, 200, 200, 200, 200, 200, 200, 200}},
		{"GET {q}/autorisasjoner?forelderRessurs={dig}&aktor={i}", "", [12]int{401, 401, 403, 403, 404, 404, 404, 404, 200, 404, 200, 200}},
		{"GET {q}/autorisasjoner?aktor={i}", "", [12]int{401, 401, 403, 403, 404, 404, 404, 404, 404, 404, 404, 404}},
		{"GET {q}/synlige", "", [12]int{401, 401, 403, 403, 200, 200, 200, 200, 200, 200, 200, 200}},
		{"GET {q}/ressurser?type=TJENESTE_DIGISOS", "", [12]int{401, 401, 403, 403, 200, 200, 200, 200, 200, 200, 200, 200}},
		{"POST {q}/ressurser/oversikt", `{"ressurser":["{dig}"],"privilegium":"ADMIN"}`, [12]int{401, 401, 403, 403, 404, 404, 404, 404, 200, 404, 200, 200}},
		{"GET {q}/ressurser/{dig}", "", [12]int{401, 401, 403, 403, 404, 404, 404, 200, 200, 200, 200, 200}},
		{"GET {q}/ressurser/{a}", "", [12]int{401, 401, 403, 403, 404, 404, 404, 200, 404, 404, 200, 200}},
		{"GET {q}/ressurser/{dig}/tilganger", "", [12]int{401, 401, 403, 403, 404, 404, 404, 404, 200, 404, 200, 200}},
		{"GET {q}/{dig}/barn", "", [12]int{401, 401, 403, 403, 404, 404, 404, 200, 200, 200, 200, 200}},
		{"GET {q}/{dig}/isLeaf", "", [12]int{401, 401, 403, 403, 404, 404, 404, 200, 200, 200, 200, 200}},
		{"GET {q}/typeTilganger", "", [12]int{401, 401, 403, 403, 403, 403, 403, 200, 403, 403, 403, 403}},

		{"POST {u}/ressurs", `{"forelderRessurs":"{a}","type":"ARKIV","navn":"Byarkivet"}`, [12]int{401, 401, 403, 403, 404, 404, 404, 404, 404, 404, 201, 201}},
		{"PATCH {u}/ressurs/{e}", `{"navn":"Bymuseet"}`, [12]int{401, 401, 403, 403, 404, 404, 404, 404, 404, 404, 200, 200}},
		{"PATCH {u}/ressurs/{e}/flytt", `{"nyForeldreRessurs":"{dig}"}`, [12]int{401, 401, 403, 403, 404, 404, 404, 404, 404, 404, 200, 200}},
		{"PATCH {u}/ressurs/{e}/flytt", `{"nyForeldreRessurs":"{b}"}`, [12]int{401, 401, 403, 403, 404, 404, 404, 404, 404, 404, 404, 404}},
		{"POST {u}/ressurs/{dig}/tilganger", gi, [12]int{401, 401, 403, 403, 404, 404, 404, 404, 200, 404, 200, 200}},
		{"POST {u}/ressurs/{dig}/tilganger", giP, [12]int{401, 401, 403, 403, 404, 404, 404, 404, 200, 404, 403, 200}},
		{"POST {u}/ressurs/bulk/{dig}/tilganger", `{"requests":[` + gi + `]}`, [12]int{401, 401, 403, 403, 404, 404, 404, 404, 200, 404, 200, 200}},
		{"DELETE {u}/ressurs/{dig}/tilganger?aktor={i}&privilegium=DIGISOS_OPPDATER", "", [12]int{401, 401, 403, 403, 404, 404, 404, 404, 200, 404, 200, 200}},
		{"POST {u}/ressurs/{dig}/tilganger/delete", giP, [12]int{401, 401, 403, 403, 404, 404, 404, 404, 200, 404, 403, 200}},
		{"POST {u}/typeTilganger/TJENESTE_DIGISOS/tilganger", `{"aktor":"{i}","privilegium":"DIGISOS_NAV"}`, [12]int{401, 401, 403, 403, 403, 403, 403, 200, 403, 403, 403, 403}},
		{"POST {u}/typeTilganger/TJENESTE_DIGISOS/tilganger/delete", `{"aktor":"{i}","privilegium":"DIGISOS_NAV"}`, [12]int{401, 401, 403, 403, 403, 403, 403, 200, 403, 403, 403, 403}},
		{"GET {u}/privilegier", "", [12]int{401, 401, 403, 403, 200, 200, 200, 200, 200, 200, 200, 200}},
		{"GET {u}/privilegier/TJENESTE_DIGISOS", "", [12]int{401, 401, 403, 403, 200, 200, 200, 200, 200, 200, 200, 200}},
	} {
		for i, hvem := range kolonner {
			var in organisasjon.Integrasjon
			var e organisasjon.Ressurs
			if alt := rad.hva + rad.kropp; strings.Contains(alt, "{i}") || strings.Contains(alt, "{e}") {
				s.write(t, func(ctx context.Context, tx *store.Tx) (err error) {
					in, err = s.s().OpprettIntegrasjon(ctx, tx, organisasjon.Integrasjon{FiksOrgID: s.a, AutorisertOrgnr: orgnr, Navn: "Fersk"})
					if err == nil && strings.Contains(rad.hva, "{e}") {
						e, err = s.s().NyEgenRessurs(ctx, tx, s.a, "ARKIV", "Fersk")
					}
					return err
				})
			}
			mer := []string{"{i}", in.ID, "{e}", e.ID, "{n}", fmt.Sprintf("%c%d", 'A'+i, len(provd))}
			got, svar, _ := s.kall(t, hvem, s.fyll(rad.hva, mer...), s.fyll(rad.kropp, mer...))
			if got != rad.want[i] {
				t.Errorf("%s %s by %q: %d, want %d: %s", rad.hva, rad.kropp, hvem, got, rad.want[i], svar)
			}
			if got == 404 && !ikkeFunnet.MatchString(svar) {
				t.Errorf("%s by %q: the 404 tells more than that it does not exist: %s", rad.hva, hvem, svar)
			}
		}
		provd[ruten(s.fyll(rad.hva, "{i}", ukjent, "{e}", ukjent))] = true
	}
	for _, rt := range s.s().HTTP().Routes() {
		if !provd[ruten(rt.Pattern)] {
			t.Errorf("%s is in no row", rt.Pattern)
		}
	}
}

// ikkeFunnet is what is told of what there is none of, and of what others have.
var ikkeFunnet = regexp.MustCompile(`"message":"(Organisasjonen|Ressursen|Integrasjonen) finnes ikke"`)

func (s *tjener) s() *organisasjon.Service { return s.bundle.s }

// ruten makes paths and patterns alike: every segment that is an id, a code or a
// parameter is *.
func ruten(hva string) string {
	metode, sti, _ := strings.Cut(hva, " ")
	sti, _, _ = strings.Cut(sti, "?")
	deler := strings.Split(sti, "/")
	for i, d := range deler {
		if strings.HasPrefix(d, "{") || len(d) == 36 || d != "" && strings.Trim(d, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == "" {
			deler[i] = "*"
		}
	}
	return metode + " " + strings.Join(deler, "/")
}
