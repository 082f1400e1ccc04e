package svarut

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// What can happen to a forsendelse, as a channel or a person makes it.
func (h *hus) hend(t testing.TB, id, hva string) {
	t.Helper()
	ctx := t.Context()
	l := h.levering(t, id)
	motta := func(kanal string) { // of the last hand-over by that channel
		t.Helper()
		sett := filtrer(h.kanaler[kanal].sett, id)
		h.skriv(t, func(tx *store.Tx) error {
			_, err := h.lev.Bekreft(ctx, tx, kanal, sett[len(sett)-1].l.LeveranseID)
			return err
		})
	}
	switch hva {
	case "kvitter SvarInn":
		motta(levering.KanalSvarInn)
	case "les i Altinn":
		motta(levering.KanalAltinn)
	case "printet":
		motta(levering.KanalPrint)
	case "avslå":
		h.skriv(t, func(tx *store.Tx) error {
			_, err := h.lev.Feilet(ctx, tx, l.Kanal, l.LeveranseID, levering.IkkeSendt, "mottakeren avviste")
			return err
		})
	case "vent til fristen":
		h.Frem(t, l.Frist.Sub(h.Klokke.Now()))
	case "vent 100 døgn":
		h.Frem(t, 100*24*time.Hour)
	case "lukk for hånd":
		must(t, h.lev.Stopp(ctx, id, "Kari", "levert på møtet"))
	case "avsender sier lest":
		must(t, h.s.SettLest(auth.With(ctx, auth.Caller{Slag: auth.Avsender, KontoID: kontoKommune}), id, LestAv{Fnr: fnrMottaker, System: "Arkivet", Naar: h.Klokke.Now()}))
	case "trykkeriet avviser":
		h.skriv(t, func(tx *store.Tx) error {
			_, err := h.lev.SlaaAlarm(ctx, tx, levering.KanalPrint, l.LeveranseID, "avvist av trykkeriet")
			return err
		})
	default:
		t.Fatalf("what is %q?", hva)
	}
	h.kjor(t)
}

// Every way through §5. umulig are channels that cannot take it.
func TestTilstander(t *testing.T) {
	t.Parallel()
	const (
		svarinn, altinn, print = levering.KanalSvarInn, levering.KanalAltinn, levering.KanalPrint
	)
	uten := func(a levering.Adresse) levering.Adresse { a.Fnr, a.Orgnr = "", ""; return a }
	for _, tt := range []struct {
		navn    string
		til     levering.Adresse
		digital bool
		umulig  []string
		hendt   []string
		want    []Status // at first, then after each event
		trukket []string // the channels that it was taken back from when it left them
	}{
		{navn: "kvittert i SvarInn", til: tilOrg(), hendt: []string{"kvitter SvarInn"}, want: []Status{KlarForMottak, Lest}},
		{navn: "venter i SvarInn uten ende", til: tilOrg(), hendt: []string{"vent 100 døgn", "kvitter SvarInn"}, want: []Status{KlarForMottak, KlarForMottak, Lest}},
		{navn: "mottakersystemet feiler for godt", til: tilOrg(), hendt: []string{"avslå", "les i Altinn"}, want: []Status{KlarForMottak, Varslet, Lest}, trukket: []string{svarinn}},
		{navn: "uten mottakersystem", til: tilOrg(), umulig: []string{svarinn}, hendt: []string{"vent til fristen", "printet"}, want: []Status{Varslet, SendtPrint, Printet}, trukket: []string{altinn}},
		{navn: "uten mottakersystem og Altinn", til: tilOrg(), umulig: []string{svarinn, altinn}, hendt: []string{"printet"}, want: []Status{SendtPrint, Printet}},
		{navn: "sen kvittering fra SvarInn", til: tilOrg(), hendt: []string{"avslå", "kvitter SvarInn"}, want: []Status{KlarForMottak, Varslet, Lest}, trukket: []string{altinn, svarinn}},
		{navn: "person leser i Altinn", til: tilPerson(), hendt: []string{"les i Altinn"}, want: []Status{Varslet, Lest}},
		{navn: "person leser ikke", til: tilPerson(), hendt: []string{"vent til fristen", "printet"}, want: []Status{Varslet, SendtPrint, Printet}, trukket: []string{altinn}},
		{navn: "person leser etter at brevet er sendt", til: tilPerson(), hendt: []string{"vent til fristen", "les i Altinn"}, want: []Status{Varslet, SendtPrint, Lest}, trukket: []string{altinn, print}},
		{navn: "person leser etter at brevet er printet", til: tilPerson(), hendt: []string{"vent til fristen", "printet", "les i Altinn"}, want: []Status{Varslet, SendtPrint, Printet, Lest}, trukket: []string{altinn}},
		{navn: "person er reservert", til: tilPerson(), umulig: []string{altinn}, want: []Status{SendtPrint}},
		{navn: "bare post", til: uten(tilPerson()), hendt: []string{"vent 100 døgn", "printet"}, want: []Status{SendtPrint, SendtPrint, Printet}},
		{navn: "trykkeriet avviser, lukket for hånd", til: uten(tilPerson()), hendt: []string{"trykkeriet avviser", "lukk for hånd"}, want: []Status{SendtPrint, SendtPrint, ManueltHandtert}, trukket: []string{print}},
		{navn: "ingen kanal kan", til: tilPerson(), umulig: []string{altinn, print}, want: []Status{Akseptert}},
		{navn: "kun digital ulest", til: tilPerson(), digital: true, hendt: []string{"vent til fristen", "les i Altinn"}, want: []Status{Varslet, SendtDigitalt, Lest}, trukket: []string{altinn}},
		{navn: "kun digital ulest, avsender sier lest", til: tilPerson(), digital: true, hendt: []string{"vent til fristen", "avsender sier lest"}, want: []Status{Varslet, SendtDigitalt, Lest}, trukket: []string{altinn}},
		{navn: "kun digital og reservert", til: tilPerson(), digital: true, umulig: []string{altinn}, want: []Status{IkkeLevert}},
		{navn: "kun digital, avslått etter varsel", til: tilPerson(), digital: true, hendt: []string{"avslå"}, want: []Status{Varslet, IkkeLevert}, trukket: []string{altinn}},
		{navn: "kun digital til organisasjon, feilet og reservert", til: tilOrg(), digital: true, umulig: []string{altinn}, hendt: []string{"avslå", "avsender sier lest"}, want: []Status{KlarForMottak, IkkeLevert, Lest}, trukket: []string{svarinn}},
		{navn: "lukket for hånd i SvarInn", til: tilOrg(), hendt: []string{"lukk for hånd", "kvitter SvarInn"}, want: []Status{KlarForMottak, ManueltHandtert, ManueltHandtert}, trukket: []string{svarinn}},
		{navn: "lukket for hånd, så lest", til: tilOrg(), hendt: []string{"lukk for hånd", "avsender sier lest"}, want: []Status{KlarForMottak, ManueltHandtert, Lest}, trukket: []string{svarinn}},
		{navn: "avsender sier lest", til: tilOrg(), hendt: []string{"avsender sier lest", "avsender sier lest"}, want: []Status{KlarForMottak, Lest, Lest}, trukket: []string{svarinn}},
		{navn: "avsender sier lest etter printet", til: uten(tilPerson()), hendt: []string{"printet", "avsender sier lest"}, want: []Status{SendtPrint, Printet, Lest}},
		{navn: "avsender sier lest mens brevet er hos trykkeriet", til: uten(tilPerson()), hendt: []string{"avsender sier lest"}, want: []Status{SendtPrint, Lest}, trukket: []string{print}},
	} {
		t.Run(tt.navn, func(t *testing.T) {
			t.Parallel()
			h := nyttHus(t)
			for _, k := range tt.umulig {
				h.kanaler[k].feil = levering.ErrIkkeMulig
			}
			n := brev(tt.til)
			n.Post.KunDigital = tt.digital
			id := h.maaSende(t, n)
			got := []Status{h.status(t, id)}
			for _, hva := range tt.hendt {
				h.hend(t, id, hva)
				got = append(got, h.status(t, id))
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("statuses (-want +got):\n%s\n%s", d, h.historie(t, id))
			}
			var trukket []string
			for navn, k := range h.kanaler {
				for range k.trukket {
					trukket = append(trukket, navn)
				}
			}
			slices.Sort(trukket)
			if d := cmp.Diff(tt.trukket, trukket); d != "" {
				t.Errorf("taken back from (-want +got):\n%s", d)
			}
		})
	}
}

// A queue limit sends on what nobody fetches, when the installation has one.
func TestSvarInnMedGrense(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, func(_ *Deps, c *Config) { c.SvarInnGrense = 24 * time.Hour })
	id := h.maaSende(t, brev(tilOrg()))
	h.Frem(t, 24*time.Hour-time.Minute)
	if got := h.status(t, id); got != KlarForMottak {
		t.Fatalf("before the limit: %s", got)
	}
	h.Frem(t, time.Hour)
	if got := h.status(t, id); got != Varslet {
		t.Fatalf("after the limit: %s", got)
	}
	if hist := h.historie(t, id); !strings.Contains(hist, "ikke hentet av mottakersystemet") {
		t.Errorf("history:\n%s", hist)
	}
}

func TestHistorieIOrd(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.maaSende(t, brev(tilOrg()))
	h.hend(t, id, "avslå")
	h.hend(t, id, "vent til fristen")
	h.hend(t, id, "printet")
	want := `Forsendelsen er mottatt.
Metadata er kontrollert, og 2 dokumenter er lagret.
Forsendelsen er akseptert og blir ekspedert.
Forsendelsen er klar for mottak i mottakersystemet.
Mottakersystemet kunne ikke ta imot forsendelsen. Den sendes med Altinn.
Forsendelsen ligger i mottakers innboks i Altinn, og mottaker er varslet. Lesefristen er 12.06.2026 kl. 02:00.
Lesefristen i Altinn er ute uten at forsendelsen er åpnet. Den sendes med post.
Forsendelsen er sendt til utskrift.
Brevet er skrevet ut og levert til posten.
`
	if d := cmp.Diff(want, h.historie(t, id)); d != "" {
		t.Errorf("history (-want +got):\n%s", d)
	}
}

// The channels get what the sender sent, with sizes and checksums, at each attempt.
func TestKanalenFaarAlt(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	n := brev(tilOrg())
	n.Post.Lenker = []levering.Lenke{{URL: "https://eksempel.test/", Tekst: "Les mer"}}
	n.Dokumenter[0].GiroarkSider = []int{1}
	id := h.maaSende(t, n)
	got := h.kanaler[levering.KanalSvarInn].sett[0]
	if d := cmp.Diff(innhold, got.filer); d != "" {
		t.Errorf("files (-want +got):\n%s", d)
	}
	if got.l.KildeID != id || got.f.EksternRef != "sak-2026-17" || got.f.Post.Avsender != avsender() || got.f.Post.Mottaker != tilOrg() ||
		!got.f.Post.Mottatt.Equal(grunnStart(h)) || !slices.Equal(got.f.Post.Kontakter, []string{"post@kommune.test"}) || len(got.f.Post.Lenker) != 1 {
		t.Errorf("the channel got %+v", got.f.Post)
	}
	a, b := got.f.Filer[0], got.f.Filer[1]
	if a.UtenUtskrift || a.Storrelse != 5 || !slices.Equal(a.GiroarkSider, []int{1}) || !b.UtenUtskrift ||
		b.SHA256 != "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862" || b.CRC32 != 0x561bacaf {
		t.Errorf("files: %+v\n%+v", a, b)
	}
	inn, err := h.lev.Innhold(t.Context(), id, levering.KanalSvarInn)
	if err != nil || len(inn.Filer) != 2 {
		t.Errorf("asked later: %d files, %v", len(inn.Filer), err)
	}
}

func grunnStart(h *hus) time.Time { return h.Klokke.Now() }

// A contact of the konto hears of what no channel can deliver.
func TestIngenKanalVarsler(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.kanaler[levering.KanalAltinn].feil, h.kanaler[levering.KanalPrint].feil = levering.ErrIkkeMulig, levering.ErrIkkeMulig
	h.maaSende(t, brev(tilPerson()))
	post, err := h.Epost.Alle(t.Context())
	if err != nil || len(post) != 1 || !slices.Contains(post[0].To, "post@kommune.test") {
		t.Fatalf("%+v (%v)", post, err)
	}
}

func digisosForsendelse() levering.Forsendelse {
	fil := func(navn, mimetype, innhold string) levering.Fil {
		return levering.Fil{Navn: navn, Mimetype: mimetype, Apne: func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(innhold)), nil
		}}
	}
	return levering.Forsendelse{EksternRef: "digisos-id", Post: levering.Post{Tittel: "Søknad", Mottaker: tilOrg(), Niva: 4, Kontakter: []string{"nav@kommune.test"}},
		Filer: []levering.Fil{
			fil("soknad.json", "application/json", "{}"), fil("soknad.pdf", "application/pdf", "%PDFxy"),
			fil("bilde.jpg", "image/jpeg", "jpeg"), fil("defekt.pdf", "application/pdf", "ikke pdf"), fil("merkelig?.pdf", "application/pdf", "%PDFz"),
		}}
}

// What Digisos sends becomes one forsendelse with its id, and none of the limits
// for senders stops it.
func TestDigisosOverSvarUt(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	ytre, id := h.tilDigisos(t, digisosForsendelse())
	f, err := h.s.Hent(t.Context(), id)
	must(t, err)
	if f.Status != KlarForMottak || f.Niva != 4 || f.KontoID != h.s.PlattformKonto() || f.Post.Avsender.Navn != "Knutepunkt" {
		t.Fatalf("%+v", f)
	}
	var uten []bool
	for _, d := range f.Dokumenter {
		uten = append(uten, d.UtenUtskrift)
	}
	if d := cmp.Diff([]bool{true, false, true, true, false}, uten); d != "" {
		t.Errorf("not printed (-want +got):\n%s", d)
	}
	if got := h.kanaler[levering.KanalSvarInn].sett[0]; got.filer[3] != "ikke pdf" || got.l.FiksOrgID != orgKommune || !slices.Equal(got.f.Post.Kontakter, []string{"nav@kommune.test"}) {
		t.Errorf("%+v", got)
	}
	if l := h.levering(t, ytre); l.Tilstand != levering.Sendt || l.Kanal != levering.KanalSvarUt {
		t.Fatalf("the outer levering: %+v", l)
	}
	ider, err := h.s.MedEksternRef(t.Context(), h.s.PlattformKonto(), "digisos-id")
	if err != nil || len(ider) != 1 || ider[0].ID != id {
		t.Errorf("by reference: %+v %v", ider, err)
	}
}

// The outer levering hears what became of the inner one.
func TestDigisosHorerUtfallet(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		navn  string
		hendt []string
		ytre  levering.Tilstand
		grunn string
	}{
		{"lest", []string{"kvitter SvarInn"}, levering.Bekreftet, ""},
		{"printet", []string{"avslå", "vent til fristen", "printet"}, levering.Bekreftet, ""},
		{"printet og så lest", []string{"avslå", "vent til fristen", "printet", "les i Altinn"}, levering.Bekreftet, ""},
		{"lukket for hånd", []string{"lukk for hånd"}, levering.Stoppet, "lukket for hånd i SvarUt"},
		{"venter", nil, levering.Sendt, ""},
	} {
		t.Run(tt.navn, func(t *testing.T) {
			t.Parallel()
			h := nyttHus(t)
			ytre, id := h.tilDigisos(t, digisosForsendelse())
			for _, hva := range tt.hendt {
				h.hend(t, id, hva)
			}
			l := h.levering(t, ytre)
			if l.Tilstand != tt.ytre || l.Grunn != tt.grunn {
				t.Errorf("outer levering %s (%s), want %s (%s)\n%s", l.Tilstand, l.Grunn, tt.ytre, tt.grunn, h.historie(t, id))
			}
		})
	}
}

// A person who stops the outer levering stops the inner one, which tells nobody.
func TestDigisosStoppet(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	ytre, id := h.tilDigisos(t, digisosForsendelse())
	must(t, h.lev.Stopp(t.Context(), ytre, "Kari", "levert på papir"))
	h.kjor(t)
	if got := h.status(t, id); got != ManueltHandtert {
		t.Errorf("the forsendelse is %s", got)
	}
	if l := h.levering(t, ytre); l.Tilstand != levering.Stoppet || l.Grunn != "levert på papir" {
		t.Errorf("the outer levering: %+v", l)
	}
	if got := h.kanaler[levering.KanalSvarInn].trukket; !slices.Equal(got, []string{id}) {
		t.Errorf("taken back from SvarInn: %v", got)
	}
	want := []levering.Tilstand{levering.Sendt, levering.Stoppet}
	if d := cmp.Diff(want, h.digisos.hendt); d != "" {
		t.Errorf("the source heard (-want +got):\n%s", d)
	}
}

// A crash after the hand-over was stored repeats the sending: one forsendelse.
func TestKanalErIdempotent(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	ytre, id := h.tilDigisos(t, digisosForsendelse())
	l := h.levering(t, ytre)
	if l.LeveranseID != id {
		t.Fatal("the forsendelse has another id than the leveranse")
	}
	kalt := 0
	must(t, h.s.Kanal().Send(t.Context(), l, digisosForsendelse(), func(*store.Tx) error { kalt++; return nil }))
	var n int
	must(t, h.DB.Read().QueryRowContext(t.Context(), `SELECT count(*) FROM svarut_forsendelser`).Scan(&n))
	if n != 1 || kalt != 1 {
		t.Errorf("%d forsendelser, sendt called %d times", n, kalt)
	}
	feilet := errors.New("the disk is full")
	l.LeveranseID = "20000000-0000-4000-8000-000000000009"
	if err := h.s.Kanal().Send(t.Context(), l, digisosForsendelse(), func(*store.Tx) error { return feilet }); !errors.Is(err, feilet) {
		t.Errorf("got %v", err)
	}
	must(t, h.DB.Read().QueryRowContext(t.Context(), `SELECT count(*) FROM svarut_forsendelser`).Scan(&n))
	if n != 1 {
		t.Errorf("%d forsendelser after a hand-over that failed", n)
	}
}

// A file is read at random as it was written.
func TestFilLesesHvorSomHelst(t *testing.T) {
	t.Parallel()
	want := bytes.Repeat([]byte("0123456789abcdef"), 3*blokk/16+7)
	apnet := 0
	f := nyFil(int64(len(want)), func(offset int64) (io.ReadCloser, error) {
		apnet++
		return io.NopCloser(bytes.NewReader(want[offset:])), nil
	})
	defer f.Lukk()
	got := make([]byte, len(want))
	for i := 0; i < len(want); i += 1000 {
		if _, err := f.ReadAt(got[i:min(i+1000, len(want))], int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, want) || apnet != 1 {
		t.Errorf("read forward: equal %t, opened %d times", bytes.Equal(got, want), apnet)
	}
	b := make([]byte, 100)
	n, err := f.ReadAt(b, int64(len(want)-10))
	if n != 10 || !errors.Is(err, io.EOF) || !bytes.Equal(b[:10], want[len(want)-10:]) {
		t.Errorf("at the end: %d bytes, %v", n, err)
	}
	if n, err := f.ReadAt(b, blokk-50); n != 100 || err != nil || !bytes.Equal(b, want[blokk-50:blokk+50]) {
		t.Errorf("over a border: %d bytes, %v", n, err)
	}
}
