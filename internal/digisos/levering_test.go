package digisos

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"knutepunkt/asice"
	"knutepunkt/cms"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// By Fiks IO: the files of §2.2 under NAV's names, to the municipality's konto,
// and levertFagsystem once the fagsystem has confirmed.
func TestLeveringFiksIO(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.mellomlagre(t, "110000001", "lønn.pdf")
	id := h.nySoknad(t, kari, "110000001")
	h.lever(t)
	if len(h.fiksIO.sett) != 1 || len(h.svarUt.sett) != 0 {
		t.Fatalf("%d by Fiks IO, %d by SvarUt", len(h.fiksIO.sett), len(h.svarUt.sett))
	}
	s := h.fiksIO.sett[0]
	if d := cmp.Diff([]string{"soknad.json", "vedlegg.json", "Soknad.pdf", "Soknad-juridisk.pdf", "Brukerkvittering.pdf", "lønn.pdf", "forsendelseMetadata.json"}, s.navn); d != "" {
		t.Error(d)
	}
	for navn, want := range map[string]string{
		"soknad.json": soknadJSON(kari), "vedlegg.json": vedleggJSON, "Soknad.pdf": "%PDF Soknad.pdf", "lønn.pdf": "lønn.pdf",
		"forsendelseMetadata.json": `{"eksternRef":"110000001","digisosId":"` + id + `"}`,
	} {
		if s.filer[navn] != want {
			t.Errorf("%s: %q", navn, s.filer[navn])
		}
	}
	want := levering.FiksIO{MottakerKontoID: kontoOslo, Protokoll: "no.nav.digisos.fagsystem.v1",
		Meldingstype: "no.nav.digisos.soknad.v1", Mottatt: "no.nav.digisos.soknad.mottatt.v1"}
	if d := cmp.Diff(want, s.f.FiksIO); d != "" || s.f.EksternRef != id {
		t.Errorf("%s %s", s.f.EksternRef, d)
	}
	status := func() string {
		return h.post(t, nav, "/digisos/api/v1/nav/soknader/status?sporingsId=1", `{"digisosIdListe":["`+ukjentID+`","`+id+`","`+id+`"]}`).er(t, 200)
	}
	if got := status(); got != `{"statusListe":[{"digisosId":"`+id+`","levertFagsystem":false}]}` {
		t.Error(got)
	}
	h.bekreft(t, h.fiksIO)
	if got := status(); got != `{"statusListe":[{"digisosId":"`+id+`","levertFagsystem":true}]}` {
		t.Error(got)
	}
	if got := h.tilstander(t, id); got != "AKSEPTERT_FIKS SENDT_FIKS_IO" {
		t.Error(got)
	}
}

// No receipt within the deadline: SvarUt, with the order of files that importers there know.
func TestLeveringFallerTilSvarUt(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "110000001")
	h.lever(t)
	h.Frem(t, 23*time.Hour)
	if len(h.svarUt.sett) != 0 {
		t.Fatal("too early")
	}
	h.Frem(t, 2*time.Hour)
	if len(h.svarUt.sett) != 1 {
		t.Fatal("not sent by SvarUt")
	}
	s := h.svarUt.sett[0]
	if d := cmp.Diff([]string{"soknad.json", "Soknad.pdf", "vedlegg.json", "Soknad-juridisk.pdf", "Brukerkvittering.pdf", "forsendelseMetadata.json"}, s.navn); d != "" {
		t.Error(d)
	}
	if s.f.EksternRef != id {
		t.Error(s.f.EksternRef)
	}
	h.bekreft(t, h.svarUt)
	if got := h.tilstander(t, id); got != "AKSEPTERT_FIKS SENDT_FIKS_IO SENDT_SVARUT" {
		t.Error(got)
	}
	st, err := h.s.NavStatus(t.Context(), []string{id}, "1")
	must(t, err)
	if !st[0].LevertFagsystem {
		t.Error("BEKREFTET by SvarUt counts too")
	}
}

// The channel is chosen from the configuration when it is sent, not only when it
// was accepted; and a konto that cannot take Digisos is passed over at once.
func TestKanalvalg(t *testing.T) {
	t.Parallel()
	for navn, endre := range map[string]func(t *testing.T, h *hus){
		"ikke Fiks IO": func(t *testing.T, h *hus) {
			h.settKonfig(t, func(k *KommuneKonfigurasjon) { k.BrukerFiksIO = false })
		},
		"konto uten protokoll": func(t *testing.T, h *hus) { h.fjernAdresser(t, kontoOslo) },
	} {
		t.Run(navn, func(t *testing.T) {
			t.Parallel()
			h := nyttHus(t)
			h.nySoknad(t, kari, "110000001")
			endre(t, h)
			h.lever(t)
			if len(h.fiksIO.sett) != 0 || len(h.svarUt.sett) != 1 {
				t.Errorf("%d by Fiks IO, %d by SvarUt", len(h.fiksIO.sett), len(h.svarUt.sett))
			}
		})
	}
}

// A configuration stays as long as something is under way: its contacts are told
// when a delivery fails.
func TestKonfigurasjonBlirTilAltErLevert(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.nySoknad(t, kari, "110000001")
	h.lever(t)
	if _, err := h.s.SlettKonfigurasjon(t.Context(), orgOslo); !feil.Er(err, feil.Ugyldig) {
		t.Fatalf("deleted while a søknad is under way: %v", err)
	}
	h.bekreft(t, h.fiksIO)
	if _, err := h.s.SlettKonfigurasjon(t.Context(), orgOslo); err != nil {
		t.Fatal(err)
	}
}

func (h *hus) fjernAdresser(t testing.TB, kontoID string) {
	t.Helper()
	as, err := h.fio.Adresser(t.Context(), kontoID)
	must(t, err)
	for _, a := range as {
		must(t, h.fio.SlettAdresse(t.Context(), kontoID, a.ID))
	}
}

// An active address of the NAV office wins over the municipality's konto, but
// only when its konto is the municipality's (or its konto's owner's) own.
func TestNAVEnhetensKonto(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		eier, want string
	}{
		{orgOslo, "00000000-0000-4000-9000-000000000315"},
		{orgBergen, kontoOslo},
	} {
		h := nyttHus(t)
		h.kontoOgAdresse(t, "00000000-0000-4000-9000-000000000315", tt.eier, fiksio.Identifikator{Type: "NAVENHET_ID", Verdi: "0315"})
		id := h.nySoknad(t, kari, "110000001")
		h.lever(t)
		h.ettersend(t, kari, id, "1100000010001", "a.pdf").er(t, 202)
		h.lever(t)
		if len(h.fiksIO.sett) != 2 {
			t.Fatal("not sent")
		}
		for _, s := range h.fiksIO.sett {
			if s.f.FiksIO.MottakerKontoID != tt.want {
				t.Errorf("sent to %s", s.f.FiksIO.MottakerKontoID)
			}
		}
	}
}

// An ettersendelse waits until its søknad is on its way, then goes at once and
// refers to it by the channel and id that counted.
func TestEttersendelseVenterPaaSoknaden(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.fiksIO.feil, h.svarUt.feil = errors.New("nede"), errors.New("nede")
	id := h.nySoknad(t, kari, "110000001")
	h.ettersend(t, kari, id, "1100000010001", "a.pdf", "ettersendelse.pdf").er(t, 202)
	h.lever(t)
	h.fiksIO.mu.Lock()
	h.fiksIO.feil = nil
	h.fiksIO.mu.Unlock()
	if len(h.fiksIO.sett) != 0 {
		t.Fatal("sent while the channel was down")
	}
	h.Frem(t, 5*time.Second) // the søknad's retry; the ettersendelse's own wait is an hour
	if len(h.fiksIO.sett) != 2 {
		t.Fatalf("%d sent", len(h.fiksIO.sett))
	}
	soknad, etter := h.fiksIO.sett[0], h.fiksIO.sett[1]
	if soknad.l.Kilde != KildeSoknad || etter.l.Kilde != KildeEttersendelse {
		t.Errorf("%s before %s", soknad.l.Kilde, etter.l.Kilde)
	}
	if d := cmp.Diff([]string{"vedlegg.json", "a.pdf", "ettersendelse.pdf", "forsendelseMetadata.json"}, etter.navn); d != "" {
		t.Error(d)
	}
	want := fmt.Sprintf(`{"eksternRef":"1100000010001","digisosId":"%s","soknadLeveranseId":{"sendtKanal":"FIKS_IO","id":"%s"}}`, id, soknad.l.LeveranseID)
	if got := etter.filer["forsendelseMetadata.json"]; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if etter.f.FiksIO.Meldingstype != "no.nav.digisos.ettersendelse.v1" || etter.f.FiksIO.Mottatt != "no.nav.digisos.ettersendelse.mottatt.v1" {
		t.Errorf("%+v", etter.f.FiksIO)
	}
	if got := h.tilstander(t, id); got != "AKSEPTERT_FIKS AKSEPTERT_FIKS_ETTERSENDELSE SENDT_FIKS_IO SENDT_FIKS_IO_ETTERSENDELSE" {
		t.Error(got)
	}
}

// After a fallback the final channel counts.
func TestEttersendelseEtterFallback(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "110000001")
	h.lever(t)
	h.Frem(t, 25*time.Hour)
	h.ettersend(t, kari, id, "1100000010001", "a.pdf").er(t, 202)
	h.lever(t)
	want := fmt.Sprintf(`"soknadLeveranseId":{"sendtKanal":"SVARUT","id":"%s"}`, h.svarUt.sett[0].l.LeveranseID)
	if got := h.fiksIO.sett[1].filer["forsendelseMetadata.json"]; !strings.Contains(got, want) {
		t.Error(got)
	}
}

// A case made by the municipality has no søknad: SvarUt only, without the reference.
func TestEttersendelsePaaPapirsoknad(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := les[string](t, h.post(t, fagOslo, "/digisos/api/v1/"+orgOslo+"/ny?sokerFnr="+kari, ""), 200)
	h.ettersend(t, kari, id, id+"0001", "a.pdf").er(t, 202)
	h.lever(t)
	if len(h.fiksIO.sett) != 0 || len(h.svarUt.sett) != 1 {
		t.Fatalf("%d by Fiks IO, %d by SvarUt", len(h.fiksIO.sett), len(h.svarUt.sett))
	}
	s := h.svarUt.sett[0]
	if got, want := s.filer["forsendelseMetadata.json"], fmt.Sprintf(`{"eksternRef":"%s0001","digisosId":"%s"}`, id, id); got != want {
		t.Error(got)
	}
	if d := cmp.Diff([]string{"a.pdf", "vedlegg.json", "forsendelseMetadata.json"}, s.navn); d != "" {
		t.Error(d)
	}
}

// A søknad that a person closed is nothing to wait for.
func TestEttersendelseNarSoknadenErStoppet(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.fiksIO.feil, h.svarUt.feil = levering.ErrIkkeMulig, levering.ErrIkkeMulig
	id := h.nySoknad(t, kari, "110000001")
	h.ettersend(t, kari, id, "1100000010001", "a.pdf").er(t, 202)
	h.lever(t)
	h.svarUt.feil = nil
	must(t, h.lev.Stopp(t.Context(), id, "Kari Drift", "sendt på papir"))
	h.lever(t)
	if len(h.svarUt.sett) != 1 || h.svarUt.sett[0].l.Kilde != KildeEttersendelse {
		t.Errorf("%+v", h.svarUt.sett)
	}
}

// When no channel is left the municipality's technical contact is told, without personal data.
func TestVarsel(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.fiksIO.feil, h.svarUt.feil = levering.ErrIkkeMulig, levering.ErrIkkeMulig
	h.nySoknad(t, kari, "110000001")
	h.lever(t)
	m, err := h.Epost.Alle(t.Context())
	must(t, err)
	if len(m) != 1 || m[0].To[0] != "teknisk@oslo.test" || strings.Contains(m[0].Text, kari) {
		t.Errorf("%+v", m)
	}
}

func TestFeiletSvarUtIHistorikken(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.settKonfig(t, func(k *KommuneKonfigurasjon) { k.BrukerFiksIO = false })
	id := h.nySoknad(t, kari, "110000001")
	h.lever(t)
	h.write(t, func(tx *store.Tx) error {
		_, err := h.lev.Feilet(t.Context(), tx, levering.KanalSvarUt, h.svarUt.sett[0].l.LeveranseID, levering.SvarUtFeil, "avvist")
		return err
	})
	if got := h.tilstander(t, id); got != "AKSEPTERT_FIKS SENDT_SVARUT FEILET_SVARUT" {
		t.Error(got)
	}
}

// File names in a delivery are unique, also on disks that see no difference
// between a and A, and fit for the container, whatever citizens call their
// files; our own three keep theirs, and so does the first of a name.
func TestUnikeFilnavn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		navn := rapid.SliceOf(rapid.OneOf(rapid.StringN(1, 20, 250), rapid.SampledFrom([]string{
			"a.pdf", "A.PDF", "a:b?.pdf", strings.Repeat("å", 127) + ".pdf", strings.Repeat("a", 250) + ".pdf", "a-2.pdf", "a-3.pdf", "a", ".pdf", "vedlegg.json", "soknad.json", "forsendelseMetadata.json", "mimetype", "META-INF",
		}))).Draw(t, "navn")
		f := forsendelse{MetadataID: "m", VedleggID: "v"}
		for _, n := range navn {
			f.Innhold.Vedlegg = append(f.Innhold.Vedlegg, dokument{Filnavn: n})
		}
		kanal := rapid.SampledFrom([]string{levering.KanalFiksIO, levering.KanalSvarUt}).Draw(t, "kanal")
		filer := (&Service{}).leveringsfiler(f, slagAv(KildeSoknad), nil, kanal)
		if len(filer) != len(navn)+3 {
			t.Fatalf("%d files of %d", len(filer), len(navn))
		}
		sett, eksakt := map[string]bool{}, map[string]bool{}
		for _, fil := range filer {
			if err := asice.CheckName(fil.Navn); err != nil || sett[strings.ToLower(fil.Navn)] {
				t.Fatalf("%q is not fit: %v", fil.Navn, err)
			}
			if kanal == levering.KanalSvarUt && (strings.ContainsAny(fil.Navn, `*:"\/<>|?`) || utf8.RuneCountInString(fil.Navn) > 226) {
				t.Fatalf("SvarUt refuses %q", fil.Navn)
			}
			sett[strings.ToLower(fil.Navn)], eksakt[fil.Navn] = true, true
		}
		for _, n := range append(navn, "vedlegg.json", "soknad.json", "forsendelseMetadata.json") {
			egnet := asice.CheckName(n) == nil && (kanal == levering.KanalFiksIO || svarUtNavn(n) == n)
			if egnet && !sett[strings.ToLower(n)] {
				t.Fatalf("%q is gone", n)
			}
		}
		if !eksakt["vedlegg.json"] || !eksakt["soknad.json"] || !eksakt["forsendelseMetadata.json"] {
			t.Fatal("our own names are taken")
		}
	})
}

// The whole way with the real Fiks IO: what the fagsystem unpacks is what NAV
// sent, and its receipt makes the søknad delivered.
func TestGjennomFiksIO(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	key, _ := grunntest.Plattformnokkel(t)
	mal := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: grunntest.Start.Add(-time.Hour), NotAfter: grunntest.Start.AddDate(1, 0, 0)}
	cert, err := x509.CreateCertificate(rand.Reader, mal, mal, &key.PublicKey, key)
	must(t, err)
	const fagsystem = "00000000-0000-4000-9000-000000000315"
	h.write(t, func(tx *store.Tx) error {
		plattform, err := h.fio.SikrePlattformkonto(t.Context(), tx, orgNAV)
		if err != nil {
			return err
		}
		h.lev.RegistrerKanal(fiksio.NyKanal(h.fio, h.lev, plattform.ID))
		if _, err := h.fio.OpprettKonto(t.Context(), tx, fiksio.Konto{ID: fagsystem, FiksOrgID: orgOslo, Navn: "Fagsystem", Aktiv: true, Intern: true, Sertifikat: cert}); err != nil {
			return err
		}
		_, err = h.fio.OpprettAdresse(t.Context(), tx, fiksio.Adresse{KontoID: fagsystem, Beskrivelse: "NAV Frogner", Aktiv: true,
			Identifikatorer: []fiksio.Identifikator{{Type: "NAVENHET_ID", Verdi: "0315"}}, Protokoller: []string{Protokoll}, Nivaer: []int{4}})
		return err
	})
	got := map[string]string{}
	h.fio.Lytt(fagsystem, func(ctx context.Context, tx *store.Tx, m fiksio.Melding) error {
		kryptert, err := h.fio.Apne(ctx, m)
		if err != nil {
			return err
		}
		defer kryptert.Close()
		klart, err := cms.NewReader(kryptert, cms.Key{Private: key})
		if err != nil {
			return err
		}
		if _, err := asice.Read(klart, asice.Options{}, func(navn string, r io.Reader) error {
			b, err := io.ReadAll(r)
			got[m.Type+" "+navn] = string(b)
			return err
		}); err != nil {
			return err
		}
		svar := map[string]string{TypeSoknad: TypeSoknadMottatt, TypeEttersendelse: TypeEttersendelseMottatt}
		_, err = h.fio.Send(ctx, tx, fiksio.Utgaaende{AvsenderKontoID: fagsystem, MottakerKontoID: m.AvsenderKontoID,
			Type: svar[m.Type], SvarPaMelding: m.MeldingID}, nil)
		return err
	})
	h.mellomlagre(t, "110000001", "vedlegg.json")
	id := h.nySoknad(t, kari, "110000001")
	h.ettersend(t, kari, id, "1100000010001", "ettersendelse.pdf").er(t, 202)
	h.lever(t)
	l, err := h.lev.ForKilde(t.Context(), h.DB.Read(), KildeSoknad, id)
	must(t, err)
	want := map[string]string{
		TypeSoknad + " soknad.json": soknadJSON(kari), TypeSoknad + " vedlegg.json": vedleggJSON,
		TypeSoknad + " Soknad.pdf": "%PDF Soknad.pdf", TypeSoknad + " Soknad-juridisk.pdf": "%PDF Soknad-juridisk.pdf",
		TypeSoknad + " Brukerkvittering.pdf": "%PDF Brukerkvittering.pdf", TypeSoknad + " vedlegg-2.json": "vedlegg.json",
		TypeSoknad + " forsendelseMetadata.json": `{"eksternRef":"110000001","digisosId":"` + id + `"}`,
		TypeEttersendelse + " vedlegg.json":      `{"vedlegg":[]}`, TypeEttersendelse + " ettersendelse.pdf": "%PDF",
		TypeEttersendelse + " forsendelseMetadata.json": fmt.Sprintf(
			`{"eksternRef":"1100000010001","digisosId":"%s","soknadLeveranseId":{"sendtKanal":"FIKS_IO","id":"%s"}}`, id, l.LeveranseID),
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	st, err := h.s.NavStatus(t.Context(), []string{id}, "1")
	must(t, err)
	if !st[0].LevertFagsystem || l.Tilstand != levering.Bekreftet {
		t.Errorf("%+v %s", st, l.Tilstand)
	}
}
