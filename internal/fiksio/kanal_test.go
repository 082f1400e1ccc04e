package fiksio

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"knutepunkt/asice"
	"knutepunkt/cms"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// leverer is the house with the delivery engine and this channel plugged in.
type leverer struct {
	*hus
	lev        *levering.Service
	plattform  Konto
	fagsystem  Konto
	forsendes  levering.Forsendelse
	tilstander []levering.Tilstand
	// begrunnelser are what refusals said, as the source heard it.
	begrunnelser []string
}

func (l *leverer) Avvist(_ context.Context, _ *store.Tx, _ levering.Levering, begrunnelse string) error {
	l.begrunnelser = append(l.begrunnelser, begrunnelse)
	return nil
}

func (l *leverer) Forsendelse(context.Context, levering.Levering, string) (levering.Forsendelse, error) {
	return l.forsendes, nil
}

func (l *leverer) Endret(_ context.Context, _ *store.Tx, lv levering.Levering) error {
	l.tilstander = append(l.tilstander, lv.Tilstand)
	return nil
}

func (l *leverer) Kontakter(context.Context, levering.Levering) ([]string, error) { return nil, nil }

func fil(navn, innhold string) levering.Fil {
	return levering.Fil{Navn: navn, Mimetype: "application/json", Apne: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(innhold)), nil
	}}
}

func nyLeverer(t testing.TB, endre ...func(*Konto)) *leverer {
	t.Helper()
	g := apneHusMed(t, t.TempDir(), klokke.NyManuell(grunntest.Start), levering.Migrations())
	l := &leverer{hus: g}
	l.skriv(t, func(tx *store.Tx) (err error) {
		l.plattform, err = l.SikrePlattformkonto(t.Context(), tx, orgB)
		return err
	})
	l.fagsystem = l.konto(t, endre...)
	l.adresse(t, l.fagsystem, "ORG_NO.123456789")
	l.lev = levering.NewService(l.Service.DB, l.Service.Klokke, l.Grunn.Jobs, l.Mail, slog.New(slog.DiscardHandler), levering.Config{})
	l.lev.RegistrerKilde("test", l)
	l.lev.RegistrerKanal(NyKanal(l.Service, l.lev, l.plattform.ID))
	l.forsendes = levering.Forsendelse{Filer: []levering.Fil{fil("soknad.json", `{"a":1}`), fil("vedlegg æøå.pdf", "pdf")},
		FiksIO: levering.FiksIO{MottakerKontoID: l.fagsystem.ID, Protokoll: ProtokollDigisos, Meldingstype: "no.nav.digisos.soknad.v1", Mottatt: "no.nav.digisos.soknad.mottatt.v1"}}
	return l
}

// lever makes a levering and lets it start.
func (l *leverer) lever(t testing.TB) string {
	t.Helper()
	id := uuid.NewString()
	l.skriv(t, func(tx *store.Tx) error {
		return l.lev.Opprett(t.Context(), tx, levering.Ny{ID: id, Kilde: "test", KildeID: id, FiksOrgID: orgA,
			Plan: []levering.Steg{{Kanal: levering.KanalFiksIO, Frist: 24 * time.Hour}}})
	})
	l.Frem(t, 0)
	return id
}

func (l *leverer) hent(t testing.TB, id string) levering.Levering {
	t.Helper()
	lv, _, err := l.lev.Hent(t.Context(), l.Service.DB.Read(), id)
	if err != nil {
		t.Fatal(err)
	}
	return lv
}

func (l *leverer) svar(t testing.TB, fra Konto, typ, til string) {
	t.Helper()
	l.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: l.plattform.ID, Type: typ, SvarPaMelding: til}, nil)
	l.Frem(t, 0)
}

// A receipt that was accepted and not read when the platform went away counts, though
// it comes back after the deadline.
func TestKvitteringLestEtterOpphold(t *testing.T) {
	t.Parallel()
	l := nyLeverer(t)
	id := l.lever(t)
	l.send(t, Utgaaende{AvsenderKontoID: l.fagsystem.ID, MottakerKontoID: l.plattform.ID, Type: l.forsendes.FiksIO.Mottatt, SvarPaMelding: l.hent(t, id).LeveranseID}, nil)
	l.Grunn.Klokke.Sett(l.Grunn.Klokke.Now().Add(48 * time.Hour)) // nothing has run
	if err := l.lev.Frister(t.Context(), l.Grunn.Klokke.Now()); err != nil {
		t.Fatal(err)
	}
	if lv := l.hent(t, id); lv.Tilstand != levering.Bekreftet {
		t.Errorf("%+v", lv)
	}
}

func TestKanalLeverer(t *testing.T) {
	t.Parallel()
	l := nyLeverer(t)
	id := l.lever(t)
	lv := l.hent(t, id)
	ms := l.ko(t, l.fagsystem)
	if lv.Tilstand != levering.Sendt || len(ms) != 1 {
		t.Fatalf("%s, %d messages", lv.Tilstand, len(ms))
	}
	m := ms[0]
	if m.MeldingID != lv.LeveranseID || m.Type != "no.nav.digisos.soknad.v1" || m.AvsenderKontoID != l.plattform.ID || m.TTL != 24*time.Hour ||
		m.AvsenderNavn != "Knutepunkt" || m.Headere["klientMeldingId"] != lv.LeveranseID {
		t.Errorf("%+v", m)
	}
	// The fagsystem opens it with its own key.
	nokkel, cert := mottaker()
	klar, err := cms.NewReader(bytes.NewReader(l.les(t, m)), cms.Key{Private: nokkel, Certificate: cert})
	if err != nil {
		t.Fatal(err)
	}
	filer := map[string]string{}
	rapport, err := asice.Read(klar, asice.Options{Strict: true}, func(navn string, r io.Reader) error {
		b, err := io.ReadAll(r)
		filer[navn] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"soknad.json": `{"a":1}`, "vedlegg æøå.pdf": "pdf"}, filer); diff != "" {
		t.Error(diff)
	}
	_, plattform := grunntest.Plattformnokkel(t)
	if sig, ok := rapport.Signer(); !ok || !sig.Certificate.Equal(plattform) {
		t.Error("not signed with the platform's key")
	}
	l.svar(t, l.fagsystem, "no.nav.digisos.soknad.mottatt.v1", m.MeldingID)
	if lv = l.hent(t, id); lv.Tilstand != levering.Bekreftet {
		t.Errorf("after the receipt: %s", lv.Tilstand)
	}
	l.svar(t, l.fagsystem, "no.nav.digisos.soknad.mottatt.v1", m.MeldingID)
	if n := len(l.ko(t, l.plattform)); n != 0 {
		t.Errorf("%d messages left with the platform", n)
	}
	if diff := cmp.Diff([]levering.Tilstand{levering.Sendt, levering.Bekreftet}, l.tilstander); diff != "" {
		t.Error(diff)
	}
}

func TestKanalLeserSvar(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		navn string
		gjor func(t *testing.T, l *leverer, meldingID string)
		want levering.Tilstand // the last one that the source heard of
		logg string
	}{
		{"avslag", func(t *testing.T, l *leverer, id string) {
			l.svar(t, l.fagsystem, "no.ks.fiks.kvittering.ugyldigforespørsel.v1", id)
		}, levering.IkkeSendt, ""},
		{"kvittering av feil type", func(t *testing.T, l *leverer, id string) {
			l.svar(t, l.fagsystem, "no.nav.digisos.ettersendelse.mottatt.v1", id)
		}, levering.IkkeSendt, ""},
		{"tidsavbrudd", func(t *testing.T, l *leverer, _ string) { l.Frem(t, 24*time.Hour) }, levering.TTLTidsavbrudd, ""},
		{"tre forsøk", func(t *testing.T, l *leverer, _ string) {
			_, addr, _, _ := l.lytt(t, l.Broker(innlogging{}))
			k := l.konsument(t, addr, l.fagsystem)
			for range MaxForsok {
				_ = k.neste().Nack(false, true)
			}
			eventuelt(t, "serverfeil", func() bool { return len(l.ko(t, l.plattform)) == 1 })
			l.Frem(t, 0)
		}, levering.MaxRetriesavbrudd, ""},
		{"falskt tidsavbrudd fra mottakeren er et avslag", func(t *testing.T, l *leverer, id string) {
			l.svar(t, l.fagsystem, TypeTidsavbrudd, id)
		}, levering.IkkeSendt, ""},
		{"fra en annen konto", func(t *testing.T, l *leverer, id string) {
			l.svar(t, l.konto(t), "no.nav.digisos.soknad.mottatt.v1", id)
		}, levering.Sendt, "it is not from the konto that the message was sent to"},
		{"ukjent melding", func(t *testing.T, l *leverer, _ string) {
			l.svar(t, l.fagsystem, "no.nav.digisos.soknad.mottatt.v1", uuid.NewString())
		}, levering.Sendt, "the platform sent no such message"},
		{"ikke noe svar", func(t *testing.T, l *leverer, _ string) {
			l.svar(t, l.fagsystem, "no.nav.digisos.soknad.mottatt.v1", "")
		}, levering.Sendt, "it is no reply"},
	} {
		t.Run(test.navn, func(t *testing.T) {
			t.Parallel()
			l := nyLeverer(t)
			lv := l.hent(t, l.lever(t))
			test.gjor(t, l, lv.LeveranseID)
			if got := l.tilstander[len(l.tilstander)-1]; got != test.want && !(len(l.tilstander) > 1 && l.tilstander[1] == test.want) {
				t.Errorf("the source heard %v, want %s", l.tilstander, test.want)
			}
			if n := len(l.ko(t, l.plattform)); n != 0 {
				t.Errorf("%d messages left with the platform", n)
			}
			if !strings.Contains(l.logg.String(), test.logg) {
				t.Errorf("the log: %s", l.logg)
			}
		})
	}
}

func TestKanalKanIkkeBrukes(t *testing.T) {
	t.Parallel()
	gammel, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		navn  string
		konto func(*Konto)
		gjor  func(t *testing.T, l *leverer)
		want  string
	}{
		{"finnes ikke", nil, func(_ *testing.T, l *leverer) { l.forsendes.FiksIO.MottakerKontoID = uuid.NewString() }, "finnes ikke"},
		{"ikke aktiv", func(k *Konto) { k.Aktiv = false }, nil, "Kontoen er ikke aktiv"},
		{"uten nøkkel", func(k *Konto) { k.Sertifikat = nil }, nil, "Kontoen har ingen offentlig nøkkel"},
		{"utløpt nøkkel", func(k *Konto) {
			k.Sertifikat = lagSertifikat(gammel, grunntest.Start.AddDate(-1, 0, 0), grunntest.Start.Add(time.Hour)).Raw
		}, func(t *testing.T, l *leverer) { l.Frem(t, 2*time.Hour) }, "Sertifikatet utløp 2026-06-10T09:00:00Z"},
		{"annen protokoll", nil, func(_ *testing.T, l *leverer) { l.forsendes.FiksIO.Protokoll = "no.ks.annen.v1" }, "støtter ikke protokollen no.ks.annen.v1"},
		{"ikke akseptert", func(k *Konto) { k.KunAksepterte = true }, nil, "godtar ikke meldinger fra avsenderkontoen"},
	} {
		t.Run(test.navn, func(t *testing.T) {
			t.Parallel()
			endre := []func(*Konto){}
			if test.konto != nil {
				endre = append(endre, test.konto)
			}
			l := nyLeverer(t, endre...)
			if test.gjor != nil {
				test.gjor(t, l)
			}
			k := &Kanal{s: l.Service, kvitter: l.lev, kontoID: l.plattform.ID}
			err := k.Send(t.Context(), levering.Levering{LeveranseID: uuid.NewString()}, l.forsendes, func(*store.Tx) error {
				t.Error("said to be sent")
				return nil
			})
			if !errors.Is(err, levering.ErrIkkeMulig) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v", err)
			}
			if len(l.ko(t, l.fagsystem)) != 0 {
				t.Error("sent all the same")
			}
		})
	}
}

// What a mottaker writes when it refuses may hold personal data. It reaches the
// source and nothing else: the delivery has a sentence of ours, and neither the
// database nor the log can be read.
func TestKanalGirBegrunnelsenBareTilKilden(t *testing.T) {
	t.Parallel()
	const ord = "Hemmelig Nordmann 01870112345"
	for _, test := range []struct {
		navn, typ, fil, innhold string
		grunn, begrunnelse      string
	}{
		{"feilmelding i JSON", ugyldigForesporsel[0], "feilmelding.json", `{"errorId":"1","feilmelding":"Søker ` + ord + ` finnes ikke","correlationId":"2"}`,
			"Mottakeren avviste meldingen som ugyldig", "Søker " + ord + " finnes ikke"},
		{"gammel skrivemåte, ren tekst", ugyldigForesporsel[1], "feil.txt", ord, "Mottakeren avviste meldingen som ugyldig", ord},
		{"feil kvittering", "no.nav.digisos.ettersendelse.mottatt.v1", "x", ord,
			"Mottakeren svarte med no.nav.digisos.ettersendelse.mottatt.v1, som ikke er kvitteringen på det den fikk", ord},
		{"ukjent type med innhold i navnet", "avvist.Hemmelig.Nordmann.01870112345", "x", "fordi",
			"Mottakeren svarte med en ukjent meldingstype", "avvist.Hemmelig.Nordmann.01870112345\nfordi"},
		{"uten innhold", ugyldigForesporsel[0], "", "", "Mottakeren avviste meldingen som ugyldig", ""},
		{"ikke tekst", ugyldigForesporsel[0], "x", "\xff\xfe", "Mottakeren avviste meldingen som ugyldig", ""},
		{"større enn en begrunnelse kan være", ugyldigForesporsel[0], "x", strings.Repeat(ord, 10_000), "Mottakeren avviste meldingen som ugyldig", ""},
	} {
		t.Run(test.navn, func(t *testing.T) {
			t.Parallel()
			l := nyLeverer(t)
			id := l.lever(t)
			m := l.ko(t, l.fagsystem)[0]
			var svar []byte
			if test.fil != "" {
				svar = pakk(t, fil(test.fil, test.innhold))
			}
			l.send(t, Utgaaende{AvsenderKontoID: l.fagsystem.ID, MottakerKontoID: l.plattform.ID, Type: test.typ, SvarPaMelding: m.MeldingID}, svar)
			l.Frem(t, 0)
			if d := cmp.Diff([]string{test.begrunnelse}, l.begrunnelser); d != "" {
				t.Error(d)
			}
			_, historie, err := l.lev.Hent(t.Context(), l.Service.DB.Read(), id)
			if err != nil {
				t.Fatal(err)
			}
			if h := historie[len(historie)-1]; h.Tilstand != levering.IkkeSendt || h.Grunn != test.grunn {
				t.Errorf("%+v", h)
			}
			if n := len(l.ko(t, l.plattform)); n != 0 {
				t.Errorf("%d messages left with the platform", n)
			}
			if strings.Contains(l.logg.String(), "Nordmann") {
				t.Errorf("the log: %s", l.logg)
			}
			if !strings.Contains(test.typ, "Nordmann") { // a queue itself has its types in clear
				ikkeLesbart(t, l.Dir, "Nordmann")
			}
		})
	}
}

// ikkeLesbart searches the database files, with the log of what was removed.
func ikkeLesbart(t *testing.T, dir, ord string) {
	t.Helper()
	filer, err := filepath.Glob(filepath.Join(dir, "knutepunkt.db*"))
	if err != nil || len(filer) == 0 {
		t.Fatal(filer, err)
	}
	for _, f := range filer {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(ord)) {
			t.Errorf("%q is readable in %s", ord, filepath.Base(f))
		}
	}
}

// pakk is a reply's payload, encrypted to the platform.
func pakk(t *testing.T, filer ...levering.Fil) []byte {
	t.Helper()
	key, cert := grunntest.Plattformnokkel(t)
	var b bytes.Buffer
	if err := skrivPakke(t.Context(), &b, filer, cert, keys.Platformnokkel{Key: key, Certificate: cert}, grunntest.Start); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func FuzzFeilmelding(f *testing.F) {
	for _, s := range []string{`{"feilmelding":"x"}`, `{"feilmelding":1}`, "ren tekst", "\xff", `"`, "a\x00b", strings.Repeat("å", maksBegrunnelse)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if s := feilmelding(b); len(s) > maksBegrunnelse || !utf8.ValidString(s) || strings.Contains(s, "\x00") {
			t.Errorf("%q", s)
		}
	})
}

// A forsendelse that no container can hold is not tried again and again: the
// plan goes on at once.
func TestKanalUpakkelig(t *testing.T) {
	t.Parallel()
	for hva, filer := range map[string][]levering.Fil{
		"a bad name":       {fil("a/b", "x")},
		"no media type":    {{Navn: "a", Mimetype: "a,b", Apne: fil("a", "x").Apne}},
		"two of one name":  {fil("a", "x"), fil("a", "y")},
		"nothing in it":    nil,
		"a file too large": {{Navn: "a", Mimetype: "a/b", Apne: func(context.Context) (io.ReadCloser, error) { return nil, feil.Ny(feil.ForStor, "for stor") }}},
	} {
		t.Run(hva, func(t *testing.T) {
			t.Parallel()
			l := nyLeverer(t)
			l.forsendes.Filer = filer
			if lv := l.hent(t, l.lever(t)); !lv.Oppbrukt() || !lv.Alarm {
				t.Errorf("%s, step %d, alarm %v", lv.Tilstand, lv.Steg, lv.Alarm)
			}
		})
	}
}

func TestKanalSenderEnGang(t *testing.T) {
	t.Parallel()
	l := nyLeverer(t)
	k := &Kanal{s: l.Service, kvitter: l.lev, kontoID: l.plattform.ID}
	lv := levering.Levering{LeveranseID: uuid.NewString()}
	mislykket := errors.New("the database went away")
	if err := k.Send(t.Context(), lv, l.forsendes, func(*store.Tx) error { return mislykket }); !errors.Is(err, mislykket) {
		t.Fatal(err)
	}
	if len(l.ko(t, l.fagsystem)) != 0 {
		t.Error("sent, though the hand-over was not stored")
	}
	sendt := 0
	for range 2 {
		if err := k.Send(t.Context(), lv, l.forsendes, func(*store.Tx) error { sendt++; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(l.ko(t, l.fagsystem)); n != 1 || sendt != 2 {
		t.Errorf("%d messages, sendt called %d times", n, sendt)
	}
	borte := l.forsendes
	borte.Filer = append(borte.Filer, levering.Fil{Navn: "borte.pdf", Mimetype: "application/pdf", Apne: func(context.Context) (io.ReadCloser, error) { return nil, io.ErrUnexpectedEOF }})
	if err := k.Send(t.Context(), levering.Levering{LeveranseID: uuid.NewString()}, borte, nil); !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, levering.ErrIkkeMulig) {
		t.Errorf("a file that cannot be opened: %v", err)
	}
}

func TestKanalMedStorFilHolderMinnetBegrenset(t *testing.T) {
	l := nyLeverer(t)
	m := &maler{igjen: 128 << 20, fore: minneBruk()}
	l.forsendes.Filer = append(l.forsendes.Filer, levering.Fil{Navn: "stor.bin", Mimetype: "application/octet-stream",
		Apne: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(m), nil }})
	l.lever(t)
	ms := l.ko(t, l.fagsystem)
	if len(ms) != 1 || m.igjen != 0 {
		t.Fatalf("%d messages, %d bytes left", len(ms), m.igjen)
	}
	if m.vekst > 24<<20 {
		t.Errorf("memory grew by %d MiB on the way", m.vekst>>20)
	}
}

func TestSikrePlattformkontoErIdempotent(t *testing.T) {
	t.Parallel()
	l := nyLeverer(t)
	l.skriv(t, func(tx *store.Tx) error {
		k, err := l.SikrePlattformkonto(t.Context(), tx, orgB)
		if k.ID != l.plattform.ID || !k.Intern {
			t.Errorf("%+v, want %s", k, l.plattform.ID)
		}
		return err
	})
	if ks, err := l.Kontoer(t.Context(), orgB); err != nil || len(ks) != 1 {
		t.Error(len(ks), err)
	}
	if err := l.SlettKonto(t.Context(), l.plattform.ID, ""); err == nil {
		t.Error("the platform's konto was deleted")
	}
}

// Receipts reach the platform whatever an administrator of its organisation
// tries: a lost one would send the same søknad out by the next channel too.
func TestPlattformkontoErSinEgen(t *testing.T) {
	t.Parallel()
	l := nyLeverer(t)
	id := l.lever(t)
	m := l.ko(t, l.fagsystem)[0]
	for hva, fn := range map[string]func() error{
		"deactivate": func() error { _, err := l.SettAktiv(t.Context(), l.plattform.ID, false, ""); return err },
		"close":      func() error { return l.SettKunAksepterte(t.Context(), l.plattform.ID, true, "") },
		"keyless":    func() error { return l.FjernSertifikat(t.Context(), l.plattform.ID, "") },
	} {
		if err := fn(); !feil.Er(err, feil.Konflikt) {
			t.Errorf("%s: %v", hva, err)
		}
	}
	l.send(t, Utgaaende{AvsenderKontoID: l.fagsystem.ID, MottakerKontoID: l.plattform.ID, Type: "no.nav.digisos.soknad.mottatt.v1", SvarPaMelding: m.MeldingID}, nil)
	if n, ok, err := l.Neste(t.Context(), l.plattform.ID); ok || !feil.Er(err, feil.IngenTilgang) {
		t.Errorf("the receipt was handed out by hand: %+v, %v", n.MeldingID, err)
	}
	l.Frem(t, 0)
	if lv := l.hent(t, id); lv.Tilstand != levering.Bekreftet {
		t.Errorf("in the end: %s", lv.Tilstand)
	}
}

// What its maker has encrypted goes as it is, with its headers in both forms, and only
// the replies of its protocol count.
func TestKanalFerdigKryptert(t *testing.T) {
	t.Parallel()
	l := nyLeverer(t)
	const kropp = "kryptert av avsenderen"
	l.forsendes = levering.Forsendelse{
		Filer: []levering.Fil{{Navn: "x.zip", Kryptert: true, Apne: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(kropp)), nil }}},
		FiksIO: levering.FiksIO{MottakerKontoID: l.fagsystem.ID, Protokoll: ProtokollDigisos, Meldingstype: "min.type.v1", Mottatt: "min.mottatt.v1",
			Avvist: []string{"min.feilet.v1", ugyldigForesporsel[0]}, Headere: map[string]string{"min-id": "17"}},
	}
	for _, c := range []struct {
		typ  string
		want levering.Tilstand
	}{
		{"noe.annet.v1", levering.Sendt}, {"min.mottatt.v1", levering.Bekreftet},
		{"min.feilet.v1", levering.IkkeSendt}, {ugyldigForesporsel[0], levering.IkkeSendt},
	} {
		id := l.lever(t)
		ko := l.ko(t, l.fagsystem)
		m := ko[len(ko)-1]
		if string(l.les(t, m)) != kropp {
			t.Error("the body was changed")
		}
		got := map[string]string{}
		for _, h := range amqpMelding(Ko(l.fagsystem.ID), m).Headers {
			got[h.Name] = h.Value
		}
		if got["min-id"] != "17" || got["egendefinert-header.min-id"] != "17" || got["melding-id"] != l.hent(t, id).LeveranseID {
			t.Errorf("headers %v", got)
		}
		l.svar(t, l.fagsystem, c.typ, m.MeldingID)
		if lv := l.hent(t, id); lv.Tilstand != c.want {
			t.Errorf("%s: %s, want %s", c.typ, lv.Tilstand, c.want)
		}
	}
}
