package utlop_test

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/jobs"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/mail"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
	"knutepunkt/internal/utlop"
)

const (
	orgA      = "aaaaaaaa-0000-4000-8000-000000000001"
	orgB      = "bbbbbbbb-0000-4000-8000-000000000002"
	plattform = "cccccccc-0000-4000-8000-000000000003"
)

type hus struct {
	*grunntest.Grunn
	org    *organisasjon.Service
	s      *utlop.Service
	poster []utlop.Post // what the source of the test hands in
	nede   error        // the source's error
}

func nyttHus(t testing.TB) *hus {
	t.Helper()
	h := aapne(t, t.TempDir(), klokke.NyManuell(grunntest.Start))
	h.skriv(t, func(ctx context.Context, tx *store.Tx) error {
		for _, o := range []organisasjon.Organisasjon{
			{ID: orgA, Navn: "Aby kommune", Type: "KOMMUNE", Epost: []string{"post@a.test"}},
			{ID: orgB, Navn: "Beby kommune", Type: "KOMMUNE", Epost: []string{"post@b.test"}},
			{ID: plattform, Navn: "Knutepunkt", Type: "LEVERANDOR"},
		} {
			if _, err := h.org.OpprettOrganisasjon(ctx, tx, o); err != nil {
				return err
			}
		}
		return nil
	})
	h.kjor(t)
	return h
}

// aapne builds the house in a folder that may have been used before.
func aapne(t testing.TB, dir string, k *klokke.Manuell) *hus {
	t.Helper()
	h := &hus{Grunn: grunntest.Aapne(t, dir, k, audit.Migrations(), organisasjon.Migrations(), utlop.Migrations())}
	h.org = organisasjon.New(h.DB, h.Ring, k, audit.NewService(h.DB, h.Ring, k))
	var err error
	h.s, err = utlop.New(utlop.Deps{DB: h.DB, Klokke: k, Jobber: h.Jobs, Organisasjon: h.org, Varsler: h.Mail,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil))},
		utlop.Config{PlattformOrgID: plattform, DriftEpost: []string{"drift@plattform.test"}, BaseURL: "https://fiks.test"})
	if err != nil {
		t.Fatal(err)
	}
	h.s.Registrer(func(_ context.Context, org string) (ut []utlop.Post, err error) {
		for _, p := range h.poster {
			if org == "" || p.FiksOrgID == org {
				ut = append(ut, p)
			}
		}
		return ut, h.nede
	})
	return h
}

func (h *hus) skriv(t testing.TB, fn func(ctx context.Context, tx *store.Tx) error) {
	t.Helper()
	if err := h.DB.Write(t.Context(), func(tx *store.Tx) error { return fn(t.Context(), tx) }); err != nil {
		t.Fatal(err)
	}
}

func (h *hus) kjor(t testing.TB) {
	t.Helper()
	if err := h.Jobs.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// til moves the clock to a time in Oslo.
func (h *hus) til(t testing.TB, tid string) {
	t.Helper()
	h.Frem(t, oslo(t, tid).Sub(h.Klokke.Now()))
}

func oslo(t testing.TB, tid string) time.Time {
	t.Helper()
	v, err := time.ParseInLocation("2006-01-02 15:04", tid, klokke.Sone())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// post is what was sent, "time to: subject".
func (h *hus) post(t testing.TB) (ut []string) {
	t.Helper()
	for _, m := range h.brev(t) {
		ut = append(ut, klokke.Oslo(m.Time).Format("02.01. 15:04 ")+m.To[0]+": "+m.Subject)
	}
	return ut
}

func (h *hus) brev(t testing.TB) []mail.Melding {
	t.Helper()
	alle, err := h.Epost.Alle(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(alle, func(a, b mail.Melding) int { return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.To[0], b.To[0])) })
	return alle
}

func (h *hus) vil(t testing.TB, want ...string) {
	t.Helper()
	if d := gocmp.Diff(want, h.post(t)); d != "" {
		t.Errorf("e-mails (-want +got):\n%s", d)
	}
}

func sertifikat(t testing.TB, id, org, utloper string) utlop.Post {
	t.Helper()
	return utlop.Post{Slag: utlop.FiksIOSertifikat, ID: id, FiksOrgID: org, Navn: "Konto " + id, Utloper: oslo(t, utloper)}
}

// Every step, at eight in the morning of its day, over both changes of the clock.
func TestTrinn(t *testing.T) {
	t.Parallel()
	h := nyttHus(t) // 10.06.2026 10:00
	const emne = "post@a.test: Fiks: et sertifikat eller passord "
	h.poster = []utlop.Post{sertifikat(t, "1", orgA, "2026-12-01 10:30")}
	var want []string
	for _, tt := range []struct{ rett, dag, emne string }{
		{"2026-10-02 07:59", "02.10. 08:00", "utløper om 60 dager"},
		{"2026-11-01 07:59", "01.11. 08:00", "utløper om 30 dager"},
		{"2026-11-17 07:59", "17.11. 08:00", "utløper om 14 dager"},
		{"2026-11-24 07:59", "24.11. 08:00", "utløper om 7 dager"},
		{"2026-11-30 07:59", "30.11. 08:00", "utløper i morgen"},
		{"2026-12-01 07:59", "01.12. 08:00", "utløper i dag"},
	} {
		h.til(t, tt.rett)
		h.vil(t, want...)
		want = append(want, tt.dag+" "+emne+tt.emne+", 01.12.2026 kl. 10:30")
		h.Frem(t, time.Minute)
		h.vil(t, want...)
	}
	h.til(t, "2027-06-01 12:00")
	h.vil(t, want...) // nothing after its end
	us, err := h.s.Utlop(t.Context(), orgA)
	if err != nil || len(us) != 1 || !us[0].Utlopt || us[0].Dager != -182 {
		t.Errorf("it stays visible: %+v, %v", us, err)
	}
	if tekst := h.brev(t)[0].Text; !strings.Contains(tekst, "«Konto 1» utløper om 60 dager, 01.12.2026 kl. 10:30.") ||
		!strings.Contains(tekst, "https://fiks.test/forvaltning/"+orgA) || !strings.Contains(tekst, "private nøkkelen i fagsystemet") {
		t.Error(tekst)
	}
}

// One e-mail per organisation and day, whatever ends; each organisation its own.
func TestSamlet(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.poster = []utlop.Post{
		sertifikat(t, "1", orgA, "2026-06-25 10:00"), sertifikat(t, "2", orgA, "2026-07-11 23:59"), sertifikat(t, "3", orgA, "2026-06-01 10:00"),
		sertifikat(t, "4", orgB, "2026-06-25 00:00"), sertifikat(t, "5", orgB, "2026-08-11 00:00"), // not yet on the 11th
		{Slag: utlop.Plattformnokkel, ID: "signering", Navn: "signering", Utloper: oslo(t, "2026-06-12 07:00")},
	}
	h.til(t, "2026-06-11 08:00")
	h.vil(t,
		"11.06. 08:00 drift@plattform.test: Fiks: et sertifikat eller passord utløper i morgen, 12.06.2026 kl. 07:00",
		"11.06. 08:00 post@a.test: Fiks: 3 sertifikater eller passord utløper eller har utløpt",
		"11.06. 08:00 post@b.test: Fiks: et sertifikat eller passord utløper om 14 dager, 25.06.2026 kl. 00:00")
	for _, m := range h.brev(t) {
		if m.To[0] == "post@a.test" && (!strings.Contains(m.Text, "«Konto 3» utløp 01.06.2026") || strings.Contains(m.Text, "Konto 4")) {
			t.Error(m.Text)
		}
	}
	us, err := h.s.Utlop(t.Context(), orgA)
	if err != nil || len(us) != 3 || us[0].ID != "3" || !us[0].Utlopt || us[1].ID != "1" || us[1].Dager != 14 || us[2].Utlopt {
		t.Errorf("%+v, %v", us, err)
	}
	if us, err := h.s.Utlop(t.Context(), orgB); err != nil || len(us) != 1 || us[0].ID != "4" {
		t.Errorf("60 days and no further: %+v, %v", us, err)
	}
	if us, err := h.s.Utlop(t.Context(), plattform); err != nil || len(us) != 1 || us[0].ID != "signering" {
		t.Errorf("of the platform: %+v, %v", us, err)
	}
	if _, err := h.s.Utlop(t.Context(), "dddddddd-0000-4000-8000-000000000004"); !feil.Er(err, feil.IkkeFunnet) {
		t.Errorf("of nobody: %v", err)
	}
	h.poster = append(h.poster, sertifikat(t, "6", orgA, "2026-06-14 12:00")) // uploaded the same day
	h.til(t, "2026-06-11 23:00")
	if n := len(h.post(t)); n != 3 {
		t.Errorf("a second one on the same day: %d", n)
	}
	h.til(t, "2026-06-12 08:00")
	const emne = ".test: Fiks: et sertifikat eller passord "
	if d := gocmp.Diff([]string{"12.06. 08:00 drift@plattform" + emne + "utløp 12.06.2026 kl. 07:00", "12.06. 08:00 post@a" + emne + "utløper om 2 dager, 14.06.2026 kl. 12:00",
		"12.06. 08:00 post@b" + emne + "utløper om 60 dager, 11.08.2026 kl. 00:00"}, h.post(t)[3:]); d != "" {
		t.Error(d)
	}
}

// Renewed: no more of the old end, and all steps of the new one.
func TestFornyet(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.poster = []utlop.Post{sertifikat(t, "1", orgA, "2026-07-11 10:00")}
	h.til(t, "2026-06-20 12:00")
	if n := len(h.post(t)); n != 1 {
		t.Fatalf("%d", n)
	}
	h.poster[0].Utloper = oslo(t, "2026-12-01 10:00")
	h.til(t, "2026-10-01 12:00")
	if n := len(h.post(t)); n != 1 {
		t.Errorf("told of what was renewed: %q", h.post(t))
	}
	if us, err := h.s.Utlop(t.Context(), orgA); err != nil || len(us) != 0 {
		t.Errorf("%+v, %v", us, err)
	}
	h.til(t, "2026-10-02 08:00")
	if n := len(h.post(t)); n != 2 {
		t.Errorf("the new end: %q", h.post(t))
	}
	h.poster = nil // deleted
	h.til(t, "2026-12-24 08:00")
	if n := len(h.post(t)); n != 2 {
		t.Errorf("told of what is no more: %q", h.post(t))
	}
}

// Restarts tell nobody twice; what a long stop has missed is told of once, by the
// nearest step, and not by night.
func TestOmstart(t *testing.T) {
	t.Parallel()
	dir, k := t.TempDir(), klokke.NyManuell(grunntest.Start)
	poster := []utlop.Post{sertifikat(t, "1", orgA, "2026-07-10 10:00")}
	start := func() *hus {
		h := aapne(t, dir, k)
		h.poster = poster
		h.kjor(t)
		return h
	}
	h := start()
	h.skriv(t, func(ctx context.Context, tx *store.Tx) error {
		_, err := h.org.OpprettOrganisasjon(ctx, tx, organisasjon.Organisasjon{ID: orgA, Navn: "Aby kommune", Type: "KOMMUNE", Epost: []string{"post@a.test"}})
		return err
	})
	stopp := func() {
		if err := h.DB.Close(); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{}
	for _, tt := range []struct{ naa, emne string }{
		{"2026-06-10 12:00", ""}, // not yet eight since the first start
		{"2026-06-11 09:00", "11.06. 09:00 post@a.test: Fiks: et sertifikat eller passord utløper om 29 dager, 10.07.2026 kl. 10:00"},
		{"2026-06-11 09:01", ""},
		{"2026-06-12 12:00", ""},
		{"2026-07-05 03:00", ""}, // 14 and 7 were missed, and it is night
		{"2026-07-05 08:00", "05.07. 08:00 post@a.test: Fiks: et sertifikat eller passord utløper om 5 dager, 10.07.2026 kl. 10:00"},
		{"2026-07-05 20:00", ""},
		{"2026-08-20 13:00", "20.08. 13:00 post@a.test: Fiks: et sertifikat eller passord utløp 10.07.2026 kl. 10:00"},
		{"2026-08-21 13:00", ""},
	} {
		stopp()
		k.Sett(oslo(t, tt.naa))
		h = start()
		if tt.emne != "" {
			want = append(want, tt.emne)
		}
		if d := gocmp.Diff(want, append([]string{}, h.post(t)...)); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.naa, d)
		}
	}
}

// svikt is a mail server that is down for a while.
type svikt struct {
	mail.Transport
	nede   atomic.Bool
	forsok atomic.Int64
}

func (s *svikt) Send(ctx context.Context, m mail.Melding) error {
	s.forsok.Add(1)
	if s.nede.Load() {
		return errors.New("connection refused")
	}
	return s.Transport.Send(ctx, m)
}

// While the mail server is down the e-mail waits; it comes once.
func TestSMTPNede(t *testing.T) {
	t.Parallel()
	g := grunntest.Ny(t, audit.Migrations(), organisasjon.Migrations(), utlop.Migrations())
	org := organisasjon.New(g.DB, g.Ring, g.Klokke, audit.NewService(g.DB, g.Ring, g.Klokke))
	motor := &hus{Grunn: g}
	// An engine of its own: the ground's has its worker for e-mail already.
	transport := &svikt{Transport: g.Epost}
	transport.nede.Store(true)
	g.Jobs = jobs.New(g.DB, g.Klokke, slog.New(slog.DiscardHandler))
	post := mail.NewService(g.DB, g.Ring, g.Klokke, g.Jobs, transport, "x@y.test")
	s, err := utlop.New(utlop.Deps{DB: g.DB, Klokke: g.Klokke, Jobber: g.Jobs, Organisasjon: org, Varsler: post, Log: slog.New(slog.DiscardHandler)},
		utlop.Config{PlattformOrgID: plattform})
	if err != nil {
		t.Fatal(err)
	}
	motor.skriv(t, func(ctx context.Context, tx *store.Tx) error {
		_, err := org.OpprettOrganisasjon(ctx, tx, organisasjon.Organisasjon{ID: orgA, Navn: "Aby kommune", Type: "KOMMUNE", Epost: []string{"post@a.test"}})
		return err
	})
	s.Registrer(func(context.Context, string) ([]utlop.Post, error) {
		return []utlop.Post{sertifikat(t, "1", orgA, "2026-06-25 10:00")}, nil
	})
	motor.kjor(t)
	motor.til(t, "2026-06-11 10:00")
	motor.vil(t)
	if n := transport.forsok.Load(); n < 2 {
		t.Fatalf("it was tried %d times", n)
	}
	transport.nede.Store(false)
	motor.til(t, "2026-06-12 12:00")
	motor.vil(t, "11.06. 08:00 post@a.test: Fiks: et sertifikat eller passord utløper om 14 dager, 25.06.2026 kl. 10:00")
}

// A source that is down costs the others nothing; when it is back its own are told of.
func TestKildeNede(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.nede = errors.New("no answer")
	h.s.Registrer(func(context.Context, string) ([]utlop.Post, error) {
		return []utlop.Post{sertifikat(t, "9", orgB, "2026-06-25 10:00")}, nil
	})
	h.til(t, "2026-06-11 12:00")
	h.vil(t, "11.06. 08:00 post@b.test: Fiks: et sertifikat eller passord utløper om 14 dager, 25.06.2026 kl. 10:00")
	if _, err := h.s.Utlop(t.Context(), orgB); err == nil {
		t.Error("a list that may be wanting is given as whole")
	}
	h.nede, h.poster = nil, []utlop.Post{sertifikat(t, "1", orgA, "2026-06-25 10:00")}
	h.til(t, "2026-06-11 14:00")
	if got := h.post(t); len(got) != 2 || !strings.Contains(got[1], "post@a.test") {
		t.Errorf("%q", got)
	}
}

// The technical contact, else the administrators, else the organisation; nobody
// is no reason to forget it.
func TestHvem(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	const fnr = "01410112341"
	av := auth.Caller{Slag: auth.Person, Fnr: fnr, Niva: 4}
	h.poster = []utlop.Post{sertifikat(t, "1", plattform, "2026-08-15 10:00"), sertifikat(t, "2", orgA, "2026-08-15 10:00"), sertifikat(t, "3", orgB, "2026-08-15 10:00")}
	h.skriv(t, func(ctx context.Context, tx *store.Tx) error {
		for _, org := range []string{orgA, orgB} {
			if err := h.org.GiTilgang(ctx, tx, auth.Caller{}, fnr, auth.Admin, org); err != nil {
				return err
			}
			if _, err := h.org.RegistrerPerson(ctx, tx, []string{org}, organisasjon.Person{Fnr: fnr, Navn: "Kari Admin", Epost: "kari@" + org[:1] + ".test"}); err != nil {
				return err
			}
		}
		_, err := h.org.LagreOppsett(ctx, tx, av, orgB, organisasjon.Oppsett{Navn: "Beby kommune",
			Faktura: organisasjon.Faktura{EHF: true, EndepunktID: "991825827", Referanse: "42"},
			Fag:     organisasjon.Kontakt{Epost: []string{"fag@b.test"}}, Teknisk: organisasjon.Kontakt{Epost: []string{"teknisk@b.test", "vakt@b.test"}}})
		return err
	})
	h.til(t, "2026-06-16 08:00")
	var til []string
	for _, m := range h.brev(t) {
		til = append(til, m.To[0])
	}
	slices.Sort(til)
	if d := gocmp.Diff([]string{"drift@plattform.test", "kari@a.test", "teknisk@b.test", "vakt@b.test"}, til); d != "" {
		t.Error(d)
	}
}

func TestIngenAaVarsle(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	const tom = "dddddddd-0000-4000-8000-000000000004"
	h.skriv(t, func(ctx context.Context, tx *store.Tx) error {
		_, err := h.org.OpprettOrganisasjon(ctx, tx, organisasjon.Organisasjon{ID: tom, Navn: "Tomby", Type: "KOMMUNE"})
		return err
	})
	h.poster = []utlop.Post{sertifikat(t, "1", tom, "2026-06-25 10:00")}
	h.til(t, "2026-06-12 12:00")
	h.vil(t)
	h.skriv(t, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE organisasjoner SET epost = '["ny@tom.test"]' WHERE id = $1`, tom)
		return err
	})
	h.til(t, "2026-06-13 08:00")
	h.vil(t, "13.06. 08:00 ny@tom.test: Fiks: et sertifikat eller passord utløper om 12 dager, 25.06.2026 kl. 10:00")
}

// The old password in a rotation is told of; one that is replaced at once is not.
func TestPassordIRotasjon(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	var id string
	h.skriv(t, func(ctx context.Context, tx *store.Tx) error {
		i, err := h.org.OpprettIntegrasjon(ctx, tx, organisasjon.Integrasjon{FiksOrgID: orgA, AutorisertOrgnr: "991825827", Navn: "Fagsystem"})
		if err != nil {
			return err
		}
		id = i.ID
		for _, overlapp := range []time.Duration{0, 0, 3 * 24 * time.Hour} { // ends on the 13th at 10:00
			if _, err := h.org.LagPassord(ctx, tx, id, overlapp); err != nil {
				return err
			}
		}
		return nil
	})
	if us, err := h.s.Utlop(t.Context(), orgA); err != nil || len(us) != 1 || us[0].ID != id || us[0].Slag != utlop.Passord || us[0].Dager != 3 {
		t.Errorf("%+v, %v", us, err)
	}
	h.til(t, "2026-06-20 12:00")
	const emne = " post@a.test: Fiks: et sertifikat eller passord "
	h.vil(t, "11.06. 08:00"+emne+"utløper om 2 dager, 13.06.2026 kl. 10:00", "12.06. 08:00"+emne+"utløper i morgen, 13.06.2026 kl. 10:00",
		"13.06. 08:00"+emne+"utløper i dag, 13.06.2026 kl. 10:00")
	h.til(t, "2026-07-14 12:00")
	if us, err := h.s.Utlop(t.Context(), orgA); err != nil || len(us) != 0 {
		t.Errorf("long after a rotation: %+v, %v", us, err)
	}
}
