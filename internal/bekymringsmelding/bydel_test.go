package bekymringsmelding

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

func egensignert(t testing.TB, bits int, slutt int) *x509.Certificate {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	must(t, err)
	mal := &x509.Certificate{SerialNumber: big.NewInt(7), NotBefore: grunntest.Start.AddDate(-3, 0, 0), NotAfter: grunntest.Start.AddDate(slutt, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, mal, mal, key.Public(), key)
	must(t, err)
	c, err := x509.ParseCertificate(der)
	must(t, err)
	return c
}

func utloptSertifikat(t testing.TB) *x509.Certificate { t.Helper(); return egensignert(t, 2048, -1) }
func kortSertifikat(t testing.TB) *x509.Certificate   { t.Helper(); return egensignert(t, 1024, 1) }

// standard is the number of the active standardMottaker of Oslo; "" when none.
func (h *hus) standard(t testing.TB, org string) string {
	t.Helper()
	alle, err := h.s.BydelerI(t.Context(), org)
	must(t, err)
	var ut, aktive []string
	for _, b := range alle {
		if b.Deaktivert {
			continue
		}
		aktive = append(aktive, b.Bydelsnummer)
		if b.StandardMottaker {
			ut = append(ut, b.Bydelsnummer)
		}
	}
	if len(aktive) > 0 && len(ut) != 1 {
		t.Errorf("active %v and standard %v: there must be one", aktive, ut)
	}
	return strings.Join(ut, ",")
}

// Exactly one standardMottaker among those that can receive, whatever is done.
func TestStandardMottaker(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	ctx := auth.With(t.Context(), operator)
	ider := map[string]string{}
	ny := func(nr string) { ider[nr] = h.nyBydel(t, orgOslo, nr, "Bydel "+nr).RessursID }
	aktive := func(ja bool, nr ...string) error {
		var r []string
		for _, n := range nr {
			r = append(r, ider[n])
		}
		return h.s.SettBydelerAktive(ctx, orgOslo, r, ja)
	}
	for _, steg := range []struct {
		hva   string
		gjor  func() error
		kode  string // of the refusal
		igjen string
	}{
		{"den første blir det", func() error { ny("01"); return nil }, "", "01"},
		{"den neste blir det ikke", func() error { ny("02"); return nil }, "", "01"},
		{"den kan ikke slutte så lenge det er andre", func() error { return aktive(false, "01") }, KodeStandardmottaker, "01"},
		{"en annen overtar", func() error { return h.s.SettStandardMottaker(ctx, orgOslo, ider["02"]) }, "", "02"},
		{"en gang til", func() error { return h.s.SettStandardMottaker(ctx, orgOslo, ider["02"]) }, "", "02"},
		{"den andre kan deaktiveres", func() error { return aktive(false, "01") }, "", "02"},
		{"en deaktivert kan ikke bli det", func() error { return h.s.SettStandardMottaker(ctx, orgOslo, ider["01"]) }, KodeStandardmottaker, "02"},
		{"den siste kan deaktiveres", func() error { return aktive(false, "02") }, "", ""},
		{"den som aktiveres blir det", func() error { return aktive(true, "01") }, "", "01"},
		{"den gamle blir det ikke igjen", func() error { return aktive(true, "02") }, "", "01"},
		{"alle på én gang", func() error { return aktive(false, "01", "02") }, "", ""},
		{"alle på, den gamle er det", func() error { return aktive(true, "02", "01") }, "", "01"},
		{"alt eller intet", func() error { return aktive(false, "02", "99") }, "", "01"},
	} {
		err := steg.gjor()
		f, _ := err.(*feil.Feil)
		if steg.kode != "" && (f == nil || f.ErrorCode != steg.kode || f.Kode != feil.Ugyldig) || steg.kode == "" && err != nil && !feil.Er(err, feil.IkkeFunnet) {
			t.Errorf("%s: %v", steg.hva, err)
		}
		if got := h.standard(t, orgOslo); got != steg.igjen {
			t.Errorf("%s: standardMottaker %q, want %q", steg.hva, got, steg.igjen)
		}
	}
	if aktive, err := h.s.Bydeler(ctx, "0301"); err != nil || len(aktive) != 2 {
		t.Errorf("%v %v: the call that names one unknown changed something", aktive, err)
	}
}

// Two nodes, or two administrators at once, do not leave two of them.
func TestStandardMottakerSamtidig(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	ctx := auth.With(t.Context(), operator)
	var wg sync.WaitGroup
	for _, nr := range []string{bydelFiksIO, bydelSvarInn, bydelManuell, bydelPrint} {
		wg.Go(func() { _ = h.s.SettStandardMottaker(ctx, orgBergen, ressursTil(nr)) })
	}
	wg.Wait()
	h.standard(t, orgBergen)
}

func TestBydelsnummerErOpptatt(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	ctx := auth.With(t.Context(), operator)
	b := h.nyBydel(t, orgOslo, "01", "Gamle Oslo")
	h.nyBydel(t, orgOslo, "02", "Grünerløkka")
	must(t, h.s.SettStandardMottaker(ctx, orgOslo, b.RessursID))
	alle, err := h.s.BydelerI(ctx, orgOslo)
	must(t, err)
	must(t, h.s.SettBydelerAktive(ctx, orgOslo, []string{alle[1].RessursID}, false)) // a deactivated one keeps its number
	_, err1 := h.s.EndreBydelNavn(ctx, orgOslo, b.RessursID, 0, "02", "")
	_, err2 := h.s.OpprettBydel(ctx, orgOslo, NyBydel{Bydelsnummer: "02", Navn: "X", Adresse: adressen, Kontakter: []string{"a@b.no"},
		Konto: Mottakskonto{Kanal: KanalPrint, Fagsystem: FagsystemUkjent}})
	for _, err := range []error{err1, err2} {
		if f, _ := err.(*feil.Feil); f == nil || f.Kode != feil.Ugyldig || f.ErrorCode != KodeBydelsnummerOpptatt {
			t.Errorf("%v", err)
		}
	}
	// Another municipality has numbers of its own.
	if _, err := h.s.Bydel(ctx, "4601", "01"); err != nil {
		t.Error(err)
	}
}

// The ressurs lies below the service, which is taken into use; privileges on the service
// are inherited.
func TestBydelensRessurs(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	if _, err := h.org.TjenesteRessurs(t.Context(), orgOslo, organisasjon.TypeBekymringsmelding); !feil.Er(err, feil.IkkeFunnet) {
		t.Fatalf("the service is in use before: %v", err)
	}
	b := h.nyBydel(t, orgOslo, "01", "Gamle Oslo")
	tjeneste, err := h.org.TjenesteRessurs(t.Context(), orgOslo, organisasjon.TypeBekymringsmelding)
	must(t, err)
	r, err := h.org.Ressurs(t.Context(), b.RessursID)
	must(t, err)
	if r.Forelder != tjeneste || r.Type != organisasjon.TypeBydel || r.Navn != "Gamle Oslo" {
		t.Errorf("%+v", r)
	}
	_, err = h.s.EndreBydelNavn(t.Context(), orgOslo, b.RessursID, 0, "", "Gamlebyen")
	must(t, err)
	if r, err = h.org.Ressurs(t.Context(), b.RessursID); err != nil || r.Navn != "Gamlebyen" {
		t.Errorf("privileges are given on %q: %v", r.Navn, err)
	}
	if _, err := h.s.OpprettBydel(t.Context(), orgSkole, NyBydel{}); !feil.Er(err, feil.Ugyldig) || !strings.Contains(err.Error(), "kommunenummer") {
		t.Errorf("an organisation that is no municipality: %v", err)
	}
	if _, err := h.s.OpprettBydel(t.Context(), "00000000-0000-4000-8000-00000000ffff", NyBydel{}); !feil.Er(err, feil.IkkeFunnet) {
		t.Errorf("an unknown organisation: %v", err)
	}
}

func fiksIOKonto() Mottakskonto {
	return Mottakskonto{Kanal: KanalFiksIO, Fagsystem: "VISMA_FAMILIA", StottetVersjon: skjema.V2, Sertifikat: pemAv(fagsystem().cert)}
}

func svarInnKonto() Mottakskonto {
	return Mottakskonto{Kanal: KanalSvarInn, Fagsystem: FagsystemUkjent, Sertifikat: pemAv(mottaker().cert), Orgnr: "974778866", Zip: true}
}

func manuellKonto() Mottakskonto {
	return Mottakskonto{Kanal: KanalManuell, Fagsystem: FagsystemManuell, VarselEposter: []string{"vakt@oslo.test"}}
}

// A bydel with Fiks IO gets a konto that can receive, with the protocol and an integrasjon.
func TestKontoMedFiksIO(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	ctx := auth.With(t.Context(), admin)
	b := h.nyBydel(t, orgOslo, "01", "Gamle Oslo")
	if b.FiksIOKontoID != "" || b.IntegrasjonID != "" || b.StottetVersjon != skjema.V1 {
		t.Errorf("%+v", b)
	}
	b, err := h.s.EndreBydelKonto(ctx, orgOslo, b.RessursID, b.Versjon, fiksIOKonto())
	must(t, err)
	konto, err := h.fio.Konto(ctx, b.FiksIOKontoID)
	must(t, err)
	st, err := h.fio.Status(ctx, konto)
	must(t, err)
	if !konto.Aktiv || konto.FiksOrgID != orgOslo || !slices.Equal(konto.Sertifikat, fagsystem().cert.Raw) || !st.GyldigMottaker || b.StottetVersjon != skjema.V2 {
		t.Errorf("%+v %+v %+v", konto, st, b)
	}
	if ja, err := h.fio.StotterProtokoll(ctx, konto.ID, fiksio.ProtokollBekymringsmelding); err != nil || !ja {
		t.Errorf("the protocol is not supported: %v", err)
	}
	if k, err := h.fio.SlaOpp(ctx, "ORG_NO.958935420", fiksio.ProtokollBekymringsmelding, 4); err != nil || k.ID != konto.ID {
		t.Errorf("looked up: %v %v", k.ID, err)
	}
	// The platform sends to it, and nobody else: what a stranger sends could pass for a report.
	for avsender, want := range map[string]int{h.konto: 0, kontoBergen: 1} {
		grunner, err := h.fio.ValiderMelding(ctx, konto.ID, avsender, typePrefiks+"offentlig.v1", true)
		must(t, err)
		if len(grunner) != want || want > 0 && grunner[0].ErrorCode != fiksio.KodeIkkeAkseptert {
			t.Errorf("from %s: %v", avsender, grunner)
		}
	}
	egne, err := h.s.kontoensIntegrasjoner(ctx, b)
	must(t, err)
	if len(egne) != 1 {
		t.Fatalf("integrasjoner %v", egne)
	}
	if ja, err := h.org.Har(ctx, egne[0], auth.FiksIOKonto, konto.ID); err != nil || !ja {
		t.Errorf("it may not use the konto: %v", err)
	}

	// A second bydel of the organisation: a konto of its own, which is not in the way.
	andre, err := h.s.OpprettBydel(ctx, orgOslo, NyBydel{Bydelsnummer: "02", Navn: "Grünerløkka", Adresse: adressen, Kontakter: []string{"a@b.no"}, Konto: fiksIOKonto()})
	must(t, err)
	if andre.FiksIOKontoID == b.FiksIOKontoID || andre.FiksIOKontoID == "" {
		t.Errorf("konto %q", andre.FiksIOKontoID)
	}
	for _, bydel := range []Bydel{b, andre} { // each can be sent to
		if grunn, err := h.s.kontofeil(ctx, bydel.FiksIOKontoID); err != nil || grunn != "" {
			t.Errorf("%s: %s %v", bydel.Navn, grunn, err)
		}
	}

	// A new key is the konto's, and the one before is remembered for those under way.
	k := fiksIOKonto()
	k.Sertifikat, k.StottetVersjon = pemAv(fremmed().cert), ""
	b, err = h.s.EndreBydelKonto(ctx, orgOslo, b.RessursID, b.Versjon, k)
	must(t, err)
	if b.FiksIOKontoID != konto.ID || b.StottetVersjon != skjema.V2 {
		t.Errorf("%+v", b)
	}
	par, err := h.s.Nokler(ctx, b)
	must(t, err)
	if !par.Mottaker.Equal(fremmed().cert) {
		t.Error("the old key is handed out")
	}
	if c, _, err := h.fio.ForrigeSertifikat(ctx, konto.ID); err != nil || !c.Equal(fagsystem().cert) {
		t.Errorf("the key before: %v", err)
	}
	// Without a key the one that is there stays.
	k.Sertifikat = nil
	b, err = h.s.EndreBydelKonto(ctx, orgOslo, b.RessursID, b.Versjon, k)
	must(t, err)
	if par, err = h.s.Nokler(ctx, b); err != nil || !par.Mottaker.Equal(fremmed().cert) {
		t.Errorf("%v", err)
	}

	// To another channel and back: the same konto.
	b, err = h.s.EndreBydelKonto(ctx, orgOslo, b.RessursID, 0, manuellKonto())
	must(t, err)
	if b.FiksIOKontoID != konto.ID || b.Kanal != KanalManuell || !slices.Equal(b.VarselEposter, []string{"vakt@oslo.test"}) {
		t.Errorf("%+v", b)
	}
	b, err = h.s.EndreBydelKonto(ctx, orgOslo, b.RessursID, 0, k)
	must(t, err)
	if b.FiksIOKontoID != konto.ID || b.Kanal != KanalFiksIO {
		t.Errorf("%+v", b)
	}
	// A konto that was deleted at Fiks IO is made anew, and needs a key.
	must(t, h.fio.SlettKonto(ctx, konto.ID, ""))
	if _, err := h.s.EndreBydelKonto(ctx, orgOslo, b.RessursID, 0, k); !feil.Er(err, feil.Ugyldig) {
		t.Errorf("without a key: %v", err)
	}
	b, err = h.s.EndreBydelKonto(ctx, orgOslo, b.RessursID, 0, fiksIOKonto())
	must(t, err)
	if b.FiksIOKontoID == konto.ID || b.FiksIOKontoID == "" {
		t.Errorf("konto %q", b.FiksIOKontoID)
	}
}

// Another's integrasjon may use a bydel's konto, and its password is not for the bydel's
// administrators to change; one that merely administers the konto is not shown.
func TestPassordTilAndresIntegrasjon(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	ctx := auth.With(t.Context(), admin)
	h.write(t, func(tx *store.Tx) error {
		if err := h.org.GiTilgang(ctx, tx, operator, integrasjonSkole, auth.FiksIOKonto, kontoBergen); err != nil {
			return err
		}
		return h.org.GiTilgang(ctx, tx, operator, integrasjonFag, auth.Admin, kontoBergen)
	})
	b, err := h.s.BydelMedRessurs(ctx, ressursTil(bydelFiksIO))
	must(t, err)
	alle, err := h.s.kontoensIntegrasjoner(ctx, b)
	must(t, err)
	if len(alle) != 2 || !slices.Contains(alle, integrasjonSkole) || slices.Contains(alle, integrasjonFag) {
		t.Errorf("%v may use the konto", alle)
	}
	for _, id := range []string{integrasjonSkole, integrasjonFag} {
		if _, err := h.s.LagBydelPassord(ctx, orgBergen, b.RessursID, id, KanalFiksIO); !feil.Er(err, feil.IkkeFunnet) {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// A konto of the organisation's can be used; another's and the platform's cannot.
func TestEksisterendeKonto(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	ctx := auth.With(t.Context(), admin)
	b, err := h.s.BydelMedRessurs(ctx, ressursTil(bydelManuell))
	must(t, err)
	k := fiksIOKonto()
	k.Sertifikat, k.FiksIOKontoID = nil, h.nyKonto(t)
	b, err = h.s.EndreBydelKonto(ctx, orgBergen, b.RessursID, 0, k)
	must(t, err)
	if b.FiksIOKontoID != k.FiksIOKontoID {
		t.Errorf("konto %s, want %s", b.FiksIOKontoID, k.FiksIOKontoID)
	}
	oslo := h.nyBydel(t, orgOslo, "01", "Gamle Oslo")
	for _, id := range []string{k.FiksIOKontoID, h.konto} {
		k.FiksIOKontoID = id
		if _, err := h.s.EndreBydelKonto(ctx, orgOslo, oslo.RessursID, 0, k); !feil.Er(err, feil.Ugyldig) {
			t.Errorf("another's konto: %v", err)
		}
	}
	h.write(t, func(tx *store.Tx) error { // the platform's own, though of the same organisation
		intern, err := h.fio.SikrePlattformkonto(ctx, tx, orgOslo)
		k.FiksIOKontoID = intern.ID
		return err
	})
	if _, err := h.s.EndreBydelKonto(ctx, orgOslo, oslo.RessursID, 0, k); !feil.Er(err, feil.Ugyldig) {
		t.Errorf("the platform's konto: %v", err)
	}
	s := svarInnKonto()
	s.IntegrasjonID = integrasjonSkole
	if _, err := h.s.EndreBydelKonto(ctx, orgOslo, oslo.RessursID, 0, s); !feil.Er(err, feil.Ugyldig) {
		t.Errorf("another's integrasjon: %v", err)
	}
	s.IntegrasjonID = integrasjonSvarInn // in use by another bydel
	if _, err := h.s.EndreBydelKonto(ctx, orgBergen, b.RessursID, 0, s); !feil.Er(err, feil.Ugyldig) {
		t.Errorf("an integrasjon that is in use: %v", err)
	}
}

// With SvarInn there is a user with a password that logs in; the password before goes on.
func TestKontoMedSvarInn(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	ctx := auth.With(t.Context(), admin)
	b, err := h.s.OpprettBydel(ctx, orgOslo, NyBydel{Bydelsnummer: "00", Navn: "Oslo", Adresse: adressen, Kontakter: []string{"a@b.no"}, Konto: svarInnKonto()})
	must(t, err)
	i, err := h.org.Integrasjon(ctx, b.IntegrasjonID)
	must(t, err)
	if i.FiksOrgID != orgOslo || i.AutorisertOrgnr != "974778866" || i.Global || !b.Zip || !slices.Equal(b.Sertifikat, pemAv(mottaker().cert)) {
		t.Errorf("%+v %+v", i, b)
	}
	ett, err := h.s.LagBydelPassord(ctx, orgOslo, b.RessursID, b.IntegrasjonID, KanalSvarInn)
	must(t, err)
	to, err := h.s.LagBydelPassord(ctx, orgOslo, b.RessursID, b.IntegrasjonID, KanalSvarInn)
	must(t, err)
	for _, p := range []string{ett, to} {
		if id, err := h.s.loggInn(ctx, b.IntegrasjonID, p); err != nil || id != b.IntegrasjonID {
			t.Errorf("logging in: %q %v", id, err)
		}
	}
	h.Frem(t, passordOverlapp)
	if _, err := h.s.loggInn(ctx, b.IntegrasjonID, ett); err == nil {
		t.Error("the password before goes on for more than a day")
	}
	if _, err := h.s.loggInn(ctx, b.IntegrasjonID, to); err != nil {
		t.Error(err)
	}
	for _, tt := range []struct {
		org, ressurs, integrasjon string
		kanal                     Kanal
	}{
		{orgOslo, b.RessursID, b.IntegrasjonID, KanalFiksIO},
		{orgOslo, b.RessursID, integrasjonSvarInn, KanalSvarInn},
		{orgBergen, ressursTil(bydelSvarInn), integrasjonSkole, KanalSvarInn},
		{orgBergen, ressursTil(bydelSvarInn), b.IntegrasjonID, KanalSvarInn},
		{orgBergen, b.RessursID, b.IntegrasjonID, KanalSvarInn},
		{orgBergen, ressursTil(bydelSvarInn), "00000000-0000-4000-8000-00000000ffff", KanalSvarInn},
	} {
		if _, err := h.s.LagBydelPassord(ctx, tt.org, tt.ressurs, tt.integrasjon, tt.kanal); !feil.Er(err, feil.IkkeFunnet) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
	// Another org.nr is the same user's.
	k := svarInnKonto()
	k.Orgnr, k.Sertifikat = "", nil
	ny, err := h.s.EndreBydelKonto(ctx, orgOslo, b.RessursID, 0, k)
	must(t, err)
	if i, err = h.org.Integrasjon(ctx, ny.IntegrasjonID); err != nil || ny.IntegrasjonID != b.IntegrasjonID || i.AutorisertOrgnr != "958935420" || !slices.Equal(ny.Sertifikat, b.Sertifikat) {
		t.Errorf("%v %+v %+v", err, i, ny)
	}
	if got, err := h.s.BydelMedIntegrasjon(ctx, b.IntegrasjonID); err != nil || got.RessursID != b.RessursID {
		t.Errorf("%v %v", got.RessursID, err)
	}
	if _, err := h.s.BydelMedIntegrasjon(ctx, ""); !feil.Er(err, feil.IkkeFunnet) {
		t.Errorf("the bydel of no integrasjon: %v", err)
	}
}

// Who decided from an older version is told, and nothing is written over.
func TestBydelEndretAvAndre(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	ctx := auth.With(t.Context(), admin)
	b := h.nyBydel(t, orgOslo, "01", "Gamle Oslo")
	ny, err := h.s.EndreBydelNavn(ctx, orgOslo, b.RessursID, b.Versjon, "", "Gamlebyen")
	must(t, err)
	if ny.Versjon != b.Versjon+1 || ny.Navn != "Gamlebyen" || ny.Bydelsnummer != "01" {
		t.Errorf("%+v", ny)
	}
	_, e1 := h.s.EndreBydelNavn(ctx, orgOslo, b.RessursID, b.Versjon, "", "X")
	_, e2 := h.s.EndreBydelAdresse(ctx, orgOslo, b.RessursID, b.Versjon, adressen)
	_, e3 := h.s.EndreBydelKontakter(ctx, orgOslo, b.RessursID, b.Versjon, []string{"x@y.no"})
	_, e4 := h.s.EndreBydelKonto(ctx, orgOslo, b.RessursID, b.Versjon, fiksIOKonto())
	_, e5 := h.s.ErstattBydel(ctx, orgOslo, b.RessursID, -1, NyBydel{Konto: manuellKonto()})
	for i, err := range []error{e1, e2, e3, e4, e5} {
		if !feil.Er(err, feil.Konflikt) {
			t.Errorf("change %d: %v", i+1, err)
		}
	}
	naa, err := h.s.BydelMedRessurs(ctx, b.RessursID)
	must(t, err)
	if naa.Versjon != ny.Versjon || naa.Navn != "Gamlebyen" || naa.FiksIOKontoID != "" {
		t.Errorf("%+v", naa)
	}
	if ks, err := h.fio.Kontoer(ctx, orgOslo); err != nil || len(ks) != 0 {
		t.Errorf("a konto was left behind: %v %v", ks, err)
	}
	h.write(t, func(tx *store.Tx) error { // two nodes have read the same one
		if err := h.s.lagreBydel(ctx, tx, &b); !feil.Er(err, feil.Konflikt) {
			t.Errorf("stored over another's change: %v", err)
		}
		return nil
	})
	// Another's bydel is not there.
	if _, err := h.s.EndreBydelNavn(ctx, orgBergen, b.RessursID, 0, "", "X"); !feil.Er(err, feil.IkkeFunnet) {
		t.Errorf("another's: %v", err)
	}
}

// Addresses and e-mail cannot be read at rest, and each change is in the audit log.
func TestBydelIHvileOgRevisjon(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	ctx := auth.With(t.Context(), admin)
	b, err := h.s.OpprettBydel(ctx, orgOslo, NyBydel{Bydelsnummer: "01", Navn: "Gamle Oslo", Telefon: "+47 98765432",
		Adresse:   Postadresse{Navn: "Hemmelig kontor", Adresselinje1: "Skjulestien 17", Postnummer: "0123", Poststed: "OSLO"},
		Kontakter: []string{"kari.kontakt@oslo.test"}, Konto: manuellKonto()})
	must(t, err)
	_, err = h.s.EndreBydelNavn(ctx, orgOslo, b.RessursID, 0, "05", "Frogner")
	must(t, err)
	_, err = h.s.EndreBydelAdresse(ctx, orgOslo, b.RessursID, 0, Postadresse{Navn: "Annet kontor", Adresselinje1: "Gjemmegata 3", Postnummer: "0124", Poststed: "OSLO"})
	must(t, err)
	_, err = h.s.EndreBydelKontakter(ctx, orgOslo, b.RessursID, 0, []string{"per.kontakt@oslo.test", "ny@oslo.test"})
	must(t, err)
	_, err = h.s.EndreBydelKonto(ctx, orgOslo, b.RessursID, 0, svarInnKonto())
	must(t, err)
	must(t, h.s.SettBydelerAktive(ctx, orgOslo, []string{b.RessursID}, false))
	must(t, h.s.SettBydelerAktive(ctx, orgOslo, []string{b.RessursID}, false)) // nothing new
	must(t, h.s.SettBydelerAktive(ctx, orgOslo, []string{b.RessursID}, true))
	b, err = h.s.BydelMedRessurs(ctx, b.RessursID)
	must(t, err)
	_, err = h.s.LagBydelPassord(ctx, orgOslo, b.RessursID, b.IntegrasjonID, KanalSvarInn)
	must(t, err)
	if b.Bydelsnummer != "05" || b.Navn != "Frogner" || b.Adresse.Adresselinje1 != "Gjemmegata 3" || len(b.Kontakter) != 2 || b.Telefon != "+47 98765432" {
		t.Errorf("%+v", b)
	}
	var handlinger []string
	alle, err := h.revisjon.List(ctx, audit.Filter{FiksOrg: orgOslo, Antall: 100})
	must(t, err)
	for _, e := range alle {
		if e.Underressurs == b.RessursID && strings.HasPrefix(e.Handling, "BYDEL_") {
			handlinger = append(handlinger, e.Handling)
			if e.Principal.Fnr != fnrAdmin || e.Tjeneste != organisasjon.TypeBekymringsmelding {
				t.Errorf("%s by %s", e.Handling, e.Principal.Slag)
			}
		}
	}
	if got, want := strings.Join(handlinger, " "), "BYDEL_STANDARDMOTTAKER BYDEL_OPPRETTET BYDEL_ENDRET BYDEL_ADRESSE_ENDRET BYDEL_KONTAKTER_ENDRET BYDEL_KONTO_ENDRET "+
		"BYDEL_DEAKTIVERT BYDEL_AKTIVERT BYDEL_PASSORD_LAGET"; got != want {
		t.Errorf("audit:\n got %s\nwant %s", got, want)
	}
	h.lekker(t, "kari.kontakt", "per.kontakt", "Skjulestien", "Gjemmegata", "vakt@oslo", "98765432", "Hemmelig kontor")
}

// Each rule of a bydel's own fields.
func TestBydelValidate(t *testing.T) {
	t.Parallel()
	god := Bydel{Bydelsnummer: "01", Navn: "Årstad", StottetVersjon: skjema.V1, Fagsystem: FagsystemManuell, Kanal: KanalManuell, Adresse: adressen,
		Kontakter: []string{"Bjørn.Ås+x@barn-evern.kommune.no"}, VarselEposter: []string{"a@b.no"}, Telefon: "+47 55 56-70 00", Orgnr: "964338531"}
	must(t, god.Validate())
	lang := strings.Repeat("a", 101)
	for navn, fn := range map[string]func(*Bydel){
		"nummer med ett siffer": func(b *Bydel) { b.Bydelsnummer = "1" },
		"nummer med tre":        func(b *Bydel) { b.Bydelsnummer = "001" },
		"uten navn":             func(b *Bydel) { b.Navn = " " },
		"navn på to linjer":     func(b *Bydel) { b.Navn = "a\nb" },
		"langt navn":            func(b *Bydel) { b.Navn = lang },
		"versjon":               func(b *Bydel) { b.StottetVersjon = "V3" },
		"fagsystem":             func(b *Bydel) { b.Fagsystem = "EXCEL" },
		"orgnr":                 func(b *Bydel) { b.Orgnr = "123" },
		"telefon":               func(b *Bydel) { b.Telefon = "ring meg" },
		"uten kontakt":          func(b *Bydel) { b.Kontakter = nil },
		"epost uten @":          func(b *Bydel) { b.Kontakter = []string{"a.b.no"} },
		"epost med linjeskift":  func(b *Bydel) { b.Kontakter = []string{"a@b.no\nBcc: c@d.no"} },
		"for mange":             func(b *Bydel) { b.Kontakter = slices.Repeat([]string{"a@b.no"}, 101) },
		"ingen å varsle":        func(b *Bydel) { b.VarselEposter = nil },
		"varsel uten form":      func(b *Bydel) { b.VarselEposter = []string{"x"} },
		"uten mottaker":         func(b *Bydel) { b.Adresse.Navn = "" },
		"uten gate":             func(b *Bydel) { b.Adresse.Adresselinje1 = "" },
		"lang linje 2":          func(b *Bydel) { b.Adresse.Adresselinje2 = lang },
		"styretegn i linje 3":   func(b *Bydel) { b.Adresse.Adresselinje3 = "a\x00b" },
		"postnummer":            func(b *Bydel) { b.Adresse.Postnummer = "514" },
		"uten poststed":         func(b *Bydel) { b.Adresse.Poststed = "" },
	} {
		b := god
		fn(&b)
		if err := b.Validate(); !feil.Er(err, feil.Ugyldig) {
			t.Errorf("%s: %v", navn, err)
		}
	}
}

func TestMottakskontoValidate(t *testing.T) {
	t.Parallel()
	for _, k := range []Mottakskonto{fiksIOKonto(), svarInnKonto(), manuellKonto(), {Kanal: KanalPrint, Fagsystem: FagsystemUkjent}} {
		must(t, k.Validate())
	}
	for _, k := range []Mottakskonto{{}, {Kanal: "FAKS", Fagsystem: FagsystemUkjent}, {Kanal: KanalManuell, Fagsystem: FagsystemUkjent},
		{Kanal: KanalFiksIO, Fagsystem: FagsystemManuell}, {Kanal: KanalFiksIO, Fagsystem: "X"}, {Kanal: KanalFiksIO, Fagsystem: FagsystemUkjent, StottetVersjon: "V9"}} {
		if err := k.Validate(); !feil.Er(err, feil.Ugyldig) {
			t.Errorf("%+v: %v", k, err)
		}
	}
}

// A report stays with the channel that it was sent by when its bydel gets another (§6).
func TestMeldingBlirIKanalen(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	ctx := auth.With(t.Context(), admin)
	id := h.send(t, bydelManuell)
	b, err := h.s.EndreBydelKonto(ctx, orgBergen, ressursTil(bydelManuell), 0, fiksIOKonto())
	must(t, err)
	if alle, err := h.s.Venter(ctx, bruker, orgBergen); err != nil || len(alle) != 1 || alle[0].ID != id {
		t.Errorf("%v %v", alle, err)
	}
	if m := h.melding(t, id); m.Kanal != KanalManuell {
		t.Errorf("%s", m.Kanal)
	}
	ny := h.sendTil(t, bydelManuell, fagsystem().cert)
	if m := h.melding(t, ny); m.Kanal != KanalFiksIO || m.KontoID != b.FiksIOKontoID {
		t.Errorf("%+v", m)
	}
	if alle, err := h.s.Venter(ctx, bruker, orgBergen); err != nil || len(alle) != 1 {
		t.Errorf("%v %v", alle, err)
	}
}

// sendTil sends a report that is encrypted to a certificate.
func (h *hus) sendTil(t testing.TB, bydel string, til *x509.Certificate) string {
	t.Helper()
	ct, body := skjemaKropp(del{delPDF, kryptert(t, trykkeri().cert, []byte(pdfen))}, del{delAsice, kryptert(t, til, container(t, pdfen))})
	v := les[uuidSvar](t, h.gjor(t, skole, "POST", mottakSti(bydel), ct, body), 201)
	h.kjor(t)
	return v.UUID
}

// The look-ups that every report asks are answered by an index.
func TestBydelOppslagHarIndeks(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	for q, args := range map[string][]any{
		`SELECT navn FROM bekymring_bydel WHERE kommunenummer = $1 AND bydelsnummer = $2 AND deaktivert = 0`: {"4601", "01"},
		`SELECT navn FROM bekymring_bydel WHERE ressurs_id = $1`:                                             {"x"},
		`SELECT navn FROM bekymring_bydel WHERE fiks_org = $1 ORDER BY bydelsnummer`:                         {"x"},
	} {
		if plan := h.Plan(t, q, args...); !strings.Contains(plan, "USING") || strings.Contains(plan, "SCAN") {
			t.Errorf("%s:\n%s", q, plan)
		}
	}
}
