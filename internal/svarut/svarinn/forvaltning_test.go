package svarinn

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/store"
)

// An administrator makes a mottakersystem for their own organisation, with
// themselves as the first who has access, and nobody else does.
func TestOpprettEget(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.organisasjoner(t)
	ctx := t.Context()
	must(t, h.DB.Write(ctx, func(tx *store.Tx) error { return h.org.GiTilgang(ctx, tx, operator, kari.Fnr, auth.Admin, orgBy) }))
	ny := Ny{FiksOrgID: orgBy, Navn: "NAV Testby", Person: Person{Fnr: ola.Fnr, Navn: "Kari Nordmann"}} // the number is not hers
	lav, maskin := kari, auth.Caller{Slag: auth.IntegrasjonPerson, Fnr: kari.Fnr, Niva: 4}
	lav.Niva = 3
	nabo := ny
	nabo.FiksOrgID = orgNabo
	for hva, tt := range map[string]struct {
		av auth.Caller
		n  Ny
	}{
		"level 3": {lav, ny}, "through a machine": {maskin, ny}, "nobody": {auth.Caller{Slag: auth.Anonym}, ny},
		"no administrator": {ola, ny}, "another organisation": {kari, nabo},
	} {
		_, err := h.s.OpprettEget(ctx, tt.av, tt.n)
		feilkode(t, hva, err, feil.IngenTilgang)
	}
	m, err := h.s.OpprettEget(ctx, kari, ny)
	must(t, err)
	ps, err := h.s.Tilganger(ctx, kari, m.ID)
	if err != nil || !slices.Equal(ps, []Person{{Fnr: kari.Fnr, Navn: "Kari Nordmann"}}) {
		t.Errorf("%v %v", ps, err)
	}
	_, err = h.s.OpprettEget(ctx, kari, ny)
	feilkode(t, "the name is taken", err, feil.Konflikt)
	hendelser, err := h.audit.List(ctx, audit.Filter{FiksOrg: orgBy})
	must(t, err)
	if !slices.ContainsFunc(hendelser, func(x audit.Hendelse) bool {
		return x.Handling == "MOTTAKERSYSTEM_OPPRETTET" && x.Principal.Fnr == kari.Fnr
	}) {
		t.Errorf("not audited: %+v", hendelser)
	}
	for i := range maksSystemer - 1 {
		ny.Navn = strings.Repeat("x", i+1)
		_, err := h.s.OpprettEget(ctx, kari, ny)
		must(t, err)
	}
	ny.Navn = "En for mye"
	_, err = h.s.OpprettEget(ctx, kari, ny)
	feilkode(t, "too many", err, feil.ForMange)
}

func TestStand(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	ctx := t.Context()
	st, err := h.s.Stand(ctx, orgBy)
	if err != nil || len(st) != 1 || st[0].ID != systemBy || st[0].Personer != 1 || st[0].Rader != 1 || st[0].Varsles != 2 || st[0].Forfalt != 0 || st[0].Sertifikat == nil {
		t.Fatalf("%+v %v", st, err)
	}
	h.lever(t, brev(byNr))
	h.Frem(t, varselEtter-time.Second)
	for _, want := range []int{0, 1} {
		s, err := h.s.StandFor(ctx, kari, systemBy)
		if err != nil || s.Forfalt != want {
			t.Errorf("%d overdue, want %d (%v)", s.Forfalt, want, err)
		}
		h.Frem(t, time.Second)
	}
	_, err = h.s.StandFor(ctx, ola, systemBy)
	feilkode(t, "another's", err, feil.IngenTilgang)
	if ms, err := h.s.Mine(ctx, kari.Fnr); err != nil || len(ms) != 1 || ms[0].ID != systemBy {
		t.Errorf("%v %v", ms, err)
	}
	if ms, err := h.s.Mine(ctx, operator.Fnr); err != nil || len(ms) != 0 {
		t.Errorf("%v %v", ms, err)
	}
}

// nedeRoller is a source of roles that does not answer.
type nedeRoller struct{ kall int }

func (n *nedeRoller) HarRolle(context.Context, string, string, string) (bool, error) {
	n.kall++
	return false, errors.New("down")
}

func TestTilgangerMedRoller(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	ctx := t.Context()
	h.Frem(t, time.Second)
	must(t, h.s.GiTilgang(ctx, kari, systemBy, Person{operator.Fnr, "Per Olsen"}))
	ts, err := h.s.TilgangerMedRoller(ctx, kari, systemBy)
	if err != nil || len(ts) != 2 || len(ts[0].Mangler) != 0 || !slices.Equal(ts[1].Mangler, []string{byNr}) || ts[0].Ukjent || ts[1].Ukjent {
		t.Fatalf("%+v %v", ts, err)
	}
	if ts[0].ID == ts[1].ID || strings.Contains(ts[0].ID, kari.Fnr) || ts[0].ID == h.s.personNokkel(kari.Fnr) {
		t.Errorf("ids %s, %s", ts[0].ID, ts[1].ID)
	}
	// Who asks for many is not served by asking another service without end, nor again
	// once it is down.
	nede := &nedeRoller{}
	h.s.Roller = nede
	ts, err = h.s.TilgangerMedRoller(ctx, kari, systemBy)
	if err != nil || !ts[0].Ukjent || !ts[1].Ukjent || nede.kall != 1 {
		t.Errorf("%+v %v, %d calls", ts, err, nede.kall)
	}
}

func TestSendTest(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	ctx := t.Context()
	n, err := h.s.SendTest(ctx, kari, systemBy)
	if err != nil || n != 2 {
		t.Fatalf("%d %v", n, err)
	}
	h.Frem(t, testPause-time.Second)
	_, err = h.s.SendTest(ctx, kari, systemBy) // the same one
	must(t, err)
	antall, siste := h.brevTil(t)
	if antall != 1 || siste.Subject != "SvarInn: testvarsel for NAV Testby" || !strings.Contains(siste.Text, "Dette er en test") {
		t.Errorf("%d: %+v", antall, siste)
	}
	h.Frem(t, time.Second)
	_, err = h.s.SendTest(ctx, kari, systemBy)
	must(t, err)
	h.Frem(t, time.Second)
	if antall, _ := h.brevTil(t); antall != 2 {
		t.Errorf("%d e-mails", antall)
	}
	_, err = h.s.SendTest(ctx, ola, systemBy)
	feilkode(t, "another's", err, feil.IngenTilgang)
	must(t, h.DB.Write(ctx, func(tx *store.Tx) error { return oppdater(ctx, tx, systemBy, `varsles = NULL`) }))
	h.Frem(t, time.Hour)
	_, err = h.s.SendTest(ctx, kari, systemBy)
	feilkode(t, "nobody to send to", err, feil.Konflikt)
}

// What was changed by somebody else meanwhile is not written over.
func TestEndringFra(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	ctx := t.Context()
	m, err := h.s.Mottakersystem(ctx, systemBy)
	must(t, err)

	nytt, err := h.s.LagPassordFra(ctx, kari, systemBy, m.PassordVersjon)
	must(t, err)
	_, err = h.s.LagPassordFra(ctx, kari, systemBy, m.PassordVersjon)
	feilkode(t, "the password from what was", err, feil.Konflikt)
	if _, err := h.s.LoggInn(ctx, systemBy, nytt); err != nil {
		t.Errorf("the password that was shown: %v", err)
	}

	_, en := nyttPar(2048, grunntest.Start.AddDate(1, 0, 0))
	_, to := nyttPar(2048, grunntest.Start.AddDate(2, 0, 0))
	for range 2 { // sent twice it is one change
		_, err = h.s.SettSertifikatFra(ctx, kari, systemBy, m.Sertifikat.Fingeravtrykk, en.Raw)
		must(t, err)
	}
	_, err = h.s.SettSertifikatFra(ctx, kari, systemBy, m.Sertifikat.Fingeravtrykk, to.Raw)
	feilkode(t, "the certificate from what was", err, feil.Konflikt)
	if m, err := h.s.Mottakersystem(ctx, systemBy); err != nil || *m.Sertifikat != visning(en) {
		t.Errorf("%+v %v", m.Sertifikat, err)
	}

	var (
		foer = []string{"post@" + byNr + ".example", "vakt@" + byNr + ".example"}
		naa  = "a@b.example"
	)
	for range 2 {
		must(t, h.s.SettVarslesFra(ctx, kari, systemBy, foer, naa))
	}
	feilkode(t, "the addresses from what was", h.s.SettVarslesFra(ctx, kari, systemBy, foer, "c@d.example"), feil.Konflikt)
	if got, err := h.s.Varsles(ctx, kari, systemBy); err != nil || !slices.Equal(got, []string{naa}) {
		t.Errorf("%v %v", got, err)
	}
}

// Each file that is no certificate is told apart from the others.
func TestSertifikatfeil(t *testing.T) {
	t.Parallel()
	k, c := nokkelpar()
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	must(t, err)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	sec1, err := x509.MarshalECPrivateKey(ec)
	must(t, err)
	spki, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
	must(t, err)
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "x"}}, k)
	must(t, err)
	der := func(v any) []byte {
		t.Helper()
		b, err := asn1.Marshal(v)
		must(t, err)
		return b
	}
	type innhold struct {
		Type asn1.ObjectIdentifier
		Data asn1.RawValue
	}
	data := asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: der([]byte("x"))}
	p7 := der(innhold{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}, data})
	pfx := der(struct {
		Versjon int
		Innhold innhold
	}{3, innhold{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}, data}})
	kryptert := der(struct {
		Algoritme pkix.AlgorithmIdentifier
		Data      []byte
	}{pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}}, []byte("xxxx")})
	som := func(typ string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der}) }
	for hva, tt := range map[string]struct {
		fil  []byte
		want Sertifikatfeil
	}{
		"nothing": {nil, SertifikatMangler}, "blank": {[]byte(" \r\n"), SertifikatMangler}, "text": {[]byte("hei"), SertifikatUkjent},
		"cut PEM": {pemAv(c)[:200], SertifikatUkjent}, "cut DER": {c.Raw[:100], SertifikatUleselig}, "PEM of nothing": {som("CERTIFICATE", []byte("x")), SertifikatUleselig},
		"PKCS #8": {som("PRIVATE KEY", pkcs8), SertifikatPrivat}, "PKCS #8 in DER": {pkcs8, SertifikatPrivat},
		"PKCS #1 in DER": {x509.MarshalPKCS1PrivateKey(k), SertifikatPrivat}, "SEC 1 in DER": {sec1, SertifikatPrivat},
		"encrypted": {som("ENCRYPTED PRIVATE KEY", kryptert), SertifikatPrivat}, "encrypted in DER": {kryptert, SertifikatPrivat},
		"under a wrong name": {som("CERTIFICATE", pkcs8), SertifikatPrivat}, "beside a certificate": {append(pemAv(c), som("PRIVATE KEY", pkcs8)...), SertifikatPrivat},
		"PuTTY":    {[]byte("PuTTY-User-Key-File-3: ssh-rsa\n"), SertifikatPrivat},
		"PKCS #12": {pfx, SertifikatLager}, "Java": {[]byte("\xfe\xed\xfe\xed\x00\x00\x00\x02"), SertifikatLager},
		"a public key": {som("PUBLIC KEY", spki), SertifikatBareKey}, "a public key in DER": {x509.MarshalPKCS1PublicKey(&k.PublicKey), SertifikatBareKey},
		"two": {append(pemAv(c), pemAv(c)...), SertifikatKjede}, "PKCS #7": {p7, SertifikatKjede}, "PKCS #7 as PEM": {som("PKCS7", p7), SertifikatKjede},
		"a request": {som("CERTIFICATE REQUEST", csr), SertifikatBestilt}, "EC": {pemAv(sertifikatFor(&ec.PublicKey, k, grunntest.Start.AddDate(1, 0, 0))), SertifikatIkkeRSA},
	} {
		_, err := lesSertifikat(tt.fil)
		if grunn, _ := errors.AsType[Sertifikatfeil](err); grunn != tt.want || !feil.Er(err, feil.Ugyldig) {
			t.Errorf("%s: %v, want %s", hva, err, tt.want)
		}
	}
}

// Whatever is uploaded, it is a certificate that can be encrypted to, or refused
// for a reason that is one of ours.
func FuzzSertifikat(f *testing.F) {
	// A stored key: to make one takes a fuzzing process seconds.
	raa, err := os.ReadFile("../../sandbox/nokler/svarinn-9901.pem")
	must(f, err)
	for rest := raa; ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		f.Add(b.Bytes)
		f.Add(pem.EncodeToMemory(b))
	}
	f.Add(raa)
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n"))
	f.Add([]byte{0x30, 0x80, 0x02, 0x01, 0x03})
	f.Fuzz(func(t *testing.T, fil []byte) {
		c, err := lesSertifikat(fil)
		if err == nil {
			if b := c.PublicKey.(interface{ Size() int }).Size() * 8; b < minBits || b > maksBits+7 {
				t.Errorf("%d bits passed", b)
			}
			return
		}
		if grunn, ok := errors.AsType[Sertifikatfeil](err); !ok || grunn == "" || !feil.Er(err, feil.Ugyldig) {
			t.Errorf("%v", err)
		}
	})
}
