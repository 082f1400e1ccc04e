package app

import (
	"context"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/sandbox/utsteder"
	"knutepunkt/internal/store"
	"knutepunkt/internal/svarut"
	"knutepunkt/internal/svarut/svarinn"
)

var oppdater = flag.Bool("oppdater", false, "write docs/tilgang.md anew from the authorisation table")

const tabellfil = "../../docs/tilgang.md"

const tabellhode = `# Who may use what

The authorisation table, printed from the running platform's routes; a test keeps this
page and the code the same (` + "`go test ./internal/app -run Tabell -oppdater`" + ` writes it anew).
Whoever no row names is refused: no or invalid credentials give 401, another kind of
caller, too low a login level or a missing privilege gives 403. «Nivå» is the lowest
login level of persons.

`

// The page of the table is true.
func TestTabellErDokumentert(t *testing.T) {
	t.Parallel()
	a := nyApp(t, t.TempDir())
	t.Cleanup(func() { _ = a.DB.Close() })
	want := tabellhode + auth.TabellMarkdown(a.Routes())
	if *oppdater {
		if err := os.WriteFile(tabellfil, []byte(want), 0o644); err != nil { //nolint:gosec // a page of the documentation
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(tabellfil)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Errorf("docs/tilgang.md is not the table of the code (-code +page):\n%s", d)
	}
}

// Every route is tried by every kind of caller, none of whom holds a privilege:
// the answer must be what the table says.
func TestTabellHolder(t *testing.T) {
	t.Parallel()
	a := nyApp(t, t.TempDir())
	t.Cleanup(func() { _ = a.DB.Close() })
	u, err := utsteder.New(utsteder.Config{BaseURL: "http://sandbox.example", Klokke: a.cfg.Klokke})
	if err != nil {
		t.Fatal(err)
	}
	if a.Auth, err = auth.New(auth.Config{Utstedere: u.Utstedere(), Integrasjoner: a.Org, Klokke: a.cfg.Klokke}); err != nil {
		t.Fatal(err)
	}
	ruter := a.ruter
	a.ruter = nil
	if err := a.byggHTTP(t.Context()); err != nil { // again, with the issuer we hold
		t.Fatal(err)
	}
	if len(ruter) != len(a.ruter) {
		t.Fatalf("%d routes, then %d", len(ruter), len(a.ruter))
	}

	const orgnr, passord = "910753614", "et-passord-som-er-langt-nok-til-alt"
	var integrasjon organisasjon.Integrasjon
	var konto svarut.Konto
	err = a.DB.Write(t.Context(), func(tx *store.Tx) error {
		o, err := a.Org.OpprettOrganisasjon(t.Context(), tx, organisasjon.Organisasjon{Navn: "Testkommune", Type: "KOMMUNE"})
		if err != nil {
			return err
		}
		if err := a.Org.GodtaAlle(t.Context(), tx, o.ID); err != nil {
			return err
		}
		integrasjon, err = a.Org.OpprettIntegrasjon(t.Context(), tx, organisasjon.Integrasjon{FiksOrgID: o.ID, AutorisertOrgnr: orgnr, Navn: "Uten rettigheter"})
		if err != nil {
			return err
		}
		konto, err = a.SvarUt.OpprettKonto(t.Context(), tx, svarut.Konto{FiksOrgID: o.ID, Navn: "Testavsender", Kontakter: []string{"post@example.org"},
			Adresse: levering.Adresse{Navn: "Testkommune", Orgnr: orgnr, Adresselinje1: "Gata 1", Postnummer: "0151", Poststed: "Oslo"}})
		if err != nil {
			return err
		}
		return errors.Join(a.Org.SettPassord(t.Context(), tx, integrasjon.ID, passord), a.SvarUt.SettPassord(t.Context(), tx, konto.ID, passord))
	})
	if err != nil {
		t.Fatal(err)
	}
	system, err := a.SvarInn.Opprett(t.Context(), auth.Caller{Slag: auth.Anonym}, svarinn.Ny{FiksOrgID: konto.FiksOrgID, Navn: "Testsystem",
		Person: svarinn.Person{Fnr: "13889812345", Navn: "Kari Test"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.SvarInn.SettPassord(t.Context(), auth.Caller{Slag: auth.Person, Fnr: "13889812345", Niva: 4}, system.ID, passord); err != nil {
		t.Fatal(err)
	}
	token := func(s string, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	maskin := token(u.Maskinporten(orgnr))
	annenOrg := token(u.Maskinporten("974652382"))
	borger := token(u.IDPorten("13889812345", "idporten-loa-high", orgnr))
	lavt := token(u.IDPorten("13889812345", "idporten-loa-substantial", orgnr))
	type hvem struct {
		navn    string
		slag    auth.Slag // as the table sees them; 0: credentials that do not hold
		niva    int
		token   string
		passord string
		basic   string // user name for HTTP Basic, with passord
	}
	alle := []hvem{
		{"nobody", auth.Anonym, 0, "", "", ""},
		{"a token that is none", 0, 0, "abc.def.ghi", passord, ""},
		{"a wrong password", 0, 0, maskin, passord + "x", ""},
		{"another organisation's token", 0, 0, annenOrg, passord, ""},
		{"an integrasjon", auth.Integrasjon, 0, maskin, passord, ""},
		{"a citizen through an integrasjon", auth.IntegrasjonPerson, 4, borger, passord, ""},
		{"a citizen through an integrasjon, level 3", auth.IntegrasjonPerson, 3, lavt, passord, ""},
		{"a person", auth.Person, 4, borger, "", ""},
		{"a person, level 3", auth.Person, 3, lavt, "", ""},
		{"a mottakersystem", auth.Mottakersystem, 0, "", passord, system.ID},
		{"a mottakersystem, wrong password", 0, 0, "", passord + "x", system.ID},
		{"an avsender", auth.Avsender, 0, "", passord, konto.Navn},
		{"an avsender, wrong password", 0, 0, "", passord + "x", konto.Navn},
	}
	parameter := regexp.MustCompile(`\{[a-zA-Z.]+\}`)
	provd := 0
	for _, rt := range a.ruter {
		metode, sti, _ := strings.Cut(rt.Pattern, " ")
		sti = parameter.ReplaceAllStringFunc(sti, func(p string) string {
			if strings.Contains(strings.ToLower(p), "kommunenummer") {
				return "9999"
			}
			return uuid.NewString()
		})
		for _, h := range alle {
			r := httptest.NewRequest(metode, sti, strings.NewReader("{}")).WithContext(context.WithoutCancel(t.Context()))
			if h.token != "" {
				r.Header.Set("Authorization", "bearer "+h.token)
			}
			if h.basic != "" {
				r.SetBasicAuth(h.basic, h.passord)
			} else if h.passord != "" {
				r.Header.Set("IntegrasjonId", integrasjon.ID)
				r.Header.Set("IntegrasjonPassord", h.passord)
			}
			w := httptest.NewRecorder()
			a.handler.ServeHTTP(w, r)
			provd++
			tg := rt.Tilgang
			// Accounts and tokens log in at doors of their own: at the other one
			// their credentials are no credentials.
			if innlogging := h.slag & (auth.Mottakersystem | auth.Avsender); innlogging != tg.Slag&(auth.Mottakersystem|auth.Avsender) && h.slag != auth.Anonym {
				h.slag = 0
			}
			switch {
			case rt.Feilside != nil && tg.Slag&auth.Anonym == 0:
				// A page: no token is a login there, whosever it is.
				if w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/logg-inn?") {
					t.Errorf("%s by %s: %d to %q, want the way to log in", rt.Pattern, h.navn, w.Code, w.Header().Get("Location"))
				}
			case rt.Feilside != nil:
				if w.Code == http.StatusUnauthorized || w.Code == http.StatusForbidden {
					t.Errorf("%s by %s: %d, but it is open to all", rt.Pattern, h.navn, w.Code)
				}
			case tg.Slag == auth.Anonym:
				if w.Code == http.StatusUnauthorized || w.Code == http.StatusForbidden {
					t.Errorf("%s by %s: %d, but it is open to all", rt.Pattern, h.navn, w.Code)
				}
			case h.slag == 0 || h.slag == auth.Anonym && tg.Slag&auth.Anonym == 0:
				if w.Code != http.StatusUnauthorized {
					t.Errorf("%s by %s: %d, want 401", rt.Pattern, h.navn, w.Code)
				}
			case tg.Slag&h.slag == 0, h.niva != 0 && h.niva < tg.Niva, tg.Privilegium != "":
				if w.Code != http.StatusForbidden && !(w.Code == http.StatusNotFound && tg.Ressurs != nil) {
					t.Errorf("%s by %s: %d, want 403", rt.Pattern, h.navn, w.Code)
				}
			case w.Code == http.StatusUnauthorized:
				t.Errorf("%s by %s: 401, but the table lets them come", rt.Pattern, h.navn)
			}
		}
	}
	if provd < 500 {
		t.Fatalf("only %d cells were tried", provd)
	}
	t.Logf("%d cells tried", provd)
}
