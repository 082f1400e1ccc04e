package svarut

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/uuid"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/dokumentlager"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

const (
	orgPlattform = "00000000-0000-4000-8000-000000000001"
	orgKommune   = "00000000-0000-4000-8000-000000000002"
	orgAnnen     = "00000000-0000-4000-8000-000000000003"
	kontoKommune = "10000000-0000-4000-8000-000000000001"
	kontoAnnen   = "10000000-0000-4000-8000-000000000002"

	orgnrMottaker = "974778866"
	orgnrAvsender = "958935420"
	fnrMottaker   = "21883610110" // synthetic
	fnrAndre      = "01859010071" // synthetic
)

// kanalDobbel is a channel that records what it is given.
type kanalDobbel struct {
	navn    string
	db      *store.DB
	feil    error
	sett    []sending
	trukket []string
}

type sending struct {
	l     levering.Levering
	f     levering.Forsendelse
	filer []string
}

func (k *kanalDobbel) Navn() string { return k.navn }

func (k *kanalDobbel) Send(ctx context.Context, l levering.Levering, f levering.Forsendelse, sendt func(tx *store.Tx) error) error {
	if k.feil != nil {
		return k.feil
	}
	s := sending{l: l, f: f}
	for _, fil := range f.Filer {
		r, err := fil.Apne(ctx)
		if err != nil {
			return err
		}
		b, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil {
			return err
		}
		s.filer = append(s.filer, string(b))
	}
	if err := k.db.Write(ctx, sendt); err != nil {
		return err
	}
	k.sett = append(k.sett, s)
	return nil
}

func (k *kanalDobbel) Trekk(_ context.Context, _ *store.Tx, l levering.Levering) error {
	k.trukket = append(k.trukket, l.KildeID)
	return nil
}

// digisosDobbel is a source whose leveringer go by SvarUt.
type digisosDobbel struct {
	f     levering.Forsendelse
	hendt []levering.Tilstand
}

func (d *digisosDobbel) Forsendelse(context.Context, levering.Levering, string) (levering.Forsendelse, error) {
	return d.f, nil
}

func (d *digisosDobbel) Endret(_ context.Context, _ *store.Tx, l levering.Levering) error {
	d.hendt = append(d.hendt, l.Tilstand)
	return nil
}

func (d *digisosDobbel) Kontakter(context.Context, levering.Levering) ([]string, error) {
	return []string{"teknisk@kommune.test"}, nil
}

type hus struct {
	*grunntest.Grunn
	s        *Service
	lev      *levering.Service
	org      *organisasjon.Service
	dok      *dokumentlager.Service
	revisjon *audit.Service
	kanaler  map[string]*kanalDobbel
	digisos  *digisosDobbel
	log      *slog.Logger
}

func nyttHus(t testing.TB, endre ...func(*Deps, *Config)) *hus {
	t.Helper()
	g := grunntest.Ny(t, audit.Migrations(), organisasjon.Migrations(), dokumentlager.Migrations(), levering.Migrations(), Migrations())
	h := &hus{Grunn: g, kanaler: map[string]*kanalDobbel{}, digisos: &digisosDobbel{}}
	h.log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	h.revisjon = audit.NewService(g.DB, g.Ring, g.Klokke)
	h.org = organisasjon.New(g.DB, g.Ring, g.Klokke, h.revisjon)
	h.dok = dokumentlager.NewService(g.DB, g.Ring, g.Blobs, g.Klokke, g.Jobs, h.org)
	h.lev = levering.NewService(g.DB, g.Klokke, g.Jobs, g.Mail, h.log, levering.Config{})
	for _, navn := range []string{levering.KanalSvarInn, levering.KanalAltinn, levering.KanalPrint} {
		h.kanaler[navn] = &kanalDobbel{navn: navn, db: g.DB}
		h.lev.RegistrerKanal(h.kanaler[navn])
	}
	d := Deps{DB: g.DB, Ring: g.Ring, Klokke: g.Klokke, Jobber: g.Jobs, Organisasjon: h.org, Dokumentlager: h.dok,
		Levering: h.lev, Audit: h.revisjon, Tilgang: h.org, Log: h.log, SjekkPDF: provPDF}
	cfg := Config{PlattformOrgID: orgPlattform, BaseURL: "https://svarut.test"}
	for _, e := range endre {
		e(&d, &cfg)
	}
	var err error
	h.s, err = New(d, cfg)
	must(t, err)
	h.lev.RegistrerKanal(h.s.Kanal())
	h.lev.RegistrerKilde("digisos", h.digisos)
	for _, o := range []organisasjon.Organisasjon{
		{ID: orgPlattform, Navn: "Knutepunkt", Type: "LEVERANDOR"},
		{ID: orgKommune, Navn: "Kommunen", Type: "KOMMUNE", Kommunenummer: "0301", Orgnr: orgnrAvsender},
		{ID: orgAnnen, Navn: "Nabokommunen", Type: "KOMMUNE", Kommunenummer: "4601", Orgnr: "964338531"},
	} {
		h.skriv(t, func(tx *store.Tx) error { _, err := h.org.OpprettOrganisasjon(t.Context(), tx, o); return err })
	}
	must(t, h.s.Klargjor(t.Context()))
	must(t, h.s.Klargjor(t.Context())) // idempotent
	h.skriv(t, func(tx *store.Tx) error {
		_, err := h.s.OpprettKonto(t.Context(), tx, Konto{ID: kontoKommune, FiksOrgID: orgKommune, Navn: "kommunen", Adresse: avsender(),
			Kontakter: []string{"post@kommune.test"}})
		if err != nil {
			return err
		}
		_, err = h.s.OpprettKonto(t.Context(), tx, Konto{ID: kontoAnnen, FiksOrgID: orgAnnen, Navn: "naboen", Adresse: avsender()})
		return err
	})
	return h
}

// provPDF counts the pages of the test's PDFs: «%PDF» and a letter for each.
func provPDF(_ context.Context, f Fil) (int, error) {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
	if err != nil {
		return 0, err
	}
	rest, ok := strings.CutPrefix(string(b), "%PDF")
	if !ok {
		return 0, feil.Ny(feil.Ugyldig, "filen er ikke en PDF")
	}
	return len(rest), nil
}

func avsender() levering.Adresse {
	return levering.Adresse{Navn: "Avsenderkommunen", Orgnr: orgnrAvsender, Adresselinje1: "Rådhusgata 1", Postnummer: "0151", Poststed: "Oslo"}
}

func tilOrg() levering.Adresse {
	return levering.Adresse{Navn: "Mottakeretaten", Orgnr: orgnrMottaker, Adresselinje1: "Sjøgata 2", Postnummer: "8006", Poststed: "Bodø"}
}

func tilPerson() levering.Adresse {
	return levering.Adresse{Navn: "Kari Hemmelig", Fnr: fnrMottaker, Adresselinje1: "Granveien 3", Postnummer: "7010", Poststed: "Trondheim"}
}

func brev(til levering.Adresse) Ny {
	return Ny{Innhold: Innhold{
		Post: levering.Post{Tittel: "Vedtak om noe hemmelig", Mottaker: til, Niva: 3}, EksternRef: "sak-2026-17",
		Dokumenter: []Dokument{
			{Filnavn: "Vedtak.pdf", Mimetype: "application/pdf"},
			{Filnavn: "data.json", Mimetype: "application/json", UtenUtskrift: true},
		},
	}}
}

var innhold = []string{"%PDFx", `{"a":1}`}

// send takes a forsendelse in, and lets what is due be done.
func (h *hus) send(t testing.TB, n Ny, filer ...string) (string, error) {
	t.Helper()
	ctx := auth.With(t.Context(), auth.Caller{Slag: auth.Avsender, KontoID: kontoKommune})
	m, err := h.s.TaImot(ctx, kontoKommune, n)
	if err != nil {
		return "", err
	}
	defer m.Forkast()
	if filer == nil {
		filer = innhold
	}
	for i, fil := range filer {
		navn := "en til.pdf"
		if i < len(n.Dokumenter) {
			navn = n.Dokumenter[i].Filnavn
		}
		if err := m.Dokument(ctx, navn, bytes.NewReader([]byte(fil))); err != nil {
			return "", err
		}
	}
	id, err := m.Aksepter(ctx)
	h.kjor(t)
	return id, err
}

func (h *hus) maaSende(t testing.TB, n Ny) string {
	t.Helper()
	id, err := h.send(t, n)
	must(t, err)
	return id
}

// tilDigisos sends by SvarUt as Digisos does, and gives outer id and forsendelse.
func (h *hus) tilDigisos(t testing.TB, f levering.Forsendelse) (ytre, id string) {
	t.Helper()
	h.digisos.f = f
	ytre = uuid.NewString()
	h.skriv(t, func(tx *store.Tx) error {
		return h.lev.Opprett(t.Context(), tx, levering.Ny{ID: ytre, Kilde: "digisos", KildeID: ytre, FiksOrgID: orgKommune,
			Plan: []levering.Steg{{Kanal: levering.KanalSvarUt, Frist: 1, Ubegrenset: true}}})
	})
	h.kjor(t)
	l, _, err := h.lev.Hent(t.Context(), h.DB.Read(), ytre)
	must(t, err)
	return ytre, l.LeveranseID
}

func (h *hus) kjor(t testing.TB) {
	t.Helper()
	must(t, h.Jobs.RunDue(t.Context()))
}

func (h *hus) skriv(t testing.TB, fn func(tx *store.Tx) error) {
	t.Helper()
	must(t, h.DB.Write(t.Context(), fn))
}

func (h *hus) levering(t testing.TB, id string) levering.Levering {
	t.Helper()
	l, _, err := h.lev.Hent(t.Context(), h.DB.Read(), id)
	must(t, err)
	return l
}

func (h *hus) status(t testing.TB, id string) Status {
	t.Helper()
	f, err := h.s.Hent(t.Context(), id)
	must(t, err)
	return f.Status
}

func (h *hus) historie(t testing.TB, id string) string {
	t.Helper()
	hs, err := h.s.Hendelser(t.Context(), id)
	must(t, err)
	var b strings.Builder
	for _, e := range hs {
		b.WriteString(e.Tekst + "\n")
	}
	return b.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
