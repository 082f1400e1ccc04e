package bekymringsmelding

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"strings"
	"testing"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
)

func nokkelSti(v, kommune, bydel string) string {
	return bmSti + v + "/mottak/fagsystem/" + kommune + "/" + bydel + "/krypteringsnokler"
}

// gull is a key on the wire, member by member.
func gull(t testing.TB, c *x509.Certificate, gyldig string) string {
	t.Helper()
	m, err := json.Marshal(string(pemAv(c)))
	must(t, err)
	return `{"nokkel":` + string(m) + `,"validFrom":"` + c.NotBefore.In(klokke.Sone()).Format("2006-01-02T15:04:05") +
		`","validTo":"` + c.NotAfter.In(klokke.Sone()).Format("2006-01-02T15:04:05") + `","serial":"` + c.SerialNumber.String() +
		`","subjectDN":"` + c.Subject.String() + `","issuerDN":"` + c.Issuer.String() + `"` + gyldig + `}`
}

// gyldig is the member that tells whether a certificate is valid when the house begins.
func gyldig(c *x509.Certificate) string {
	if grunntest.Start.Before(c.NotBefore) || !grunntest.Start.Before(c.NotAfter) {
		return `,"gyldig":false`
	}
	return `,"gyldig":true`
}

// ulikt tells where two texts part.
func ulikt(got, want string) string {
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	utdrag := func(s string) string { return s[max(0, i-60):min(len(s), i+100)] }
	return "\n got …" + utdrag(got) + "\nwant …" + utdrag(want)
}

func TestKrypteringsnokler(t *testing.T) {
	t.Parallel()
	if !grunntest.Start.Before(plattform(t).NotBefore) {
		t.Fatal("the platform's test key is valid: nothing here is gyldig=false")
	}
	for _, medGyldig := range []bool{false, true} {
		h := nyttHus(t, func(c *Config) { c.Gyldig = medGyldig })
		for bydel, mottakers := range map[string]*x509.Certificate{
			bydelFiksIO: fagsystem().cert, bydelSvarInn: plattform(t), bydelManuell: plattform(t), bydelPrint: plattform(t),
		} {
			for _, v := range []string{"v1", "v2"} {
				p, m := "", "" // the member is not there
				if v == "v2" || medGyldig {
					p, m = gyldig(trykkeri().cert), gyldig(mottakers)
				}
				want := `{"printOffentligNokkel":` + gull(t, trykkeri().cert, p) + `,"fiksIOOffentligNokkel":` + gull(t, mottakers, m) + `}`
				if got := h.get(t, skole, nokkelSti(v, "4601", bydel)).er(t, 200); got != want {
					t.Errorf("%s, bydel %s: %s", v, bydel, ulikt(got, want))
				}
			}
		}
	}
}

// Times are of Oslo, winter and summer, whatever zone the certificate is in.
func TestNokkeltidErNorsk(t *testing.T) {
	t.Parallel()
	n := visNokkel(&x509.Certificate{NotBefore: oslotid(t, "2026-01-15T12:00").UTC(), NotAfter: oslotid(t, "2026-07-15T12:00").UTC(), SerialNumber: fremmed().cert.SerialNumber})
	if n.ValidFrom != "2026-01-15T12:00:00" || n.ValidTo != "2026-07-15T12:00:00" {
		t.Errorf("%s to %s", n.ValidFrom, n.ValidTo)
	}
}

func TestKrypteringsnoklerSomIkkeFinnes(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.endreBydel(t, bydelManuell, func(b *Bydel) { b.Deaktivert = true })
	for _, tt := range []struct {
		kommune, bydel string
		status         int
		kode           string
	}{
		{"4601", bydelManuell, 404, KodeBydelIkkeAktiv}, {"4601", "77", 404, KodeBydelIkkeAktiv}, {"1111", "00", 404, KodeBydelIkkeAktiv},
		{"460", "01", 400, ""}, {"4601", "1", 400, ""},
	} {
		for _, v := range []string{"v1", "v2"} {
			if kode := h.get(t, skole, nokkelSti(v, tt.kommune, tt.bydel)).kode(t, tt.status); kode != tt.kode {
				t.Errorf("%s %s/%s: errorCode %q, want %q", v, tt.kommune, tt.bydel, kode, tt.kode)
			}
		}
	}
	for _, c := range []auth.Caller{anonym, melder, portal} {
		if got := h.get(t, c, nokkelSti("v1", "4601", bydelFiksIO)).Code; got != 401 && got != 403 {
			t.Errorf("%s: %d", c.Slag, got)
		}
	}
	must(t, h.fio.FjernSertifikat(t.Context(), kontoBergen, ""))
	s := h.get(t, skole, nokkelSti("v1", "4601", bydelFiksIO))
	s.er(t, 503)
	if s.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

// A key of the platform that is replaced is still accepted, and what is encrypted to it
// can be read: two are valid at a time.
func TestByttAvPlattformensNokkel(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	ct, forrige := skjemaKropp(h.deler(t, bydelSvarInn)...)
	ny := nyNokkel("Knutepunkt", 815)
	_, err := h.Ring.ImportPlatform(t.Context(), keys.Bekymringsmelding, ny.key, ny.cert)
	must(t, err)
	if got := h.get(t, skole, nokkelSti("v1", "4601", bydelSvarInn)).er(t, 200); !strings.Contains(got, gull(t, ny.cert, "")) {
		t.Error("the new key is not handed out")
	}
	les[uuidSvar](t, h.gjor(t, skole, "POST", mottakSti(bydelSvarInn), ct, forrige), 201)
	ct, naa := skjemaKropp(del{delPDF, kryptert(t, trykkeri().cert, []byte(pdfen))}, del{delAsice, kryptert(t, ny.cert, container(t, pdfen))})
	les[uuidSvar](t, h.gjor(t, skole, "POST", mottakSti(bydelSvarInn), ct, naa), 201)
	h.kjor(t)
	var n int
	must(t, h.DB.Read().QueryRowContext(t.Context(), `SELECT count(*) FROM bekymring_ko WHERE tilstand = 'VENTER' AND kanal = 'SVARINN'`).Scan(&n))
	if n != 2 {
		t.Errorf("%d reports wait to be fetched, want 2", n)
	}
	// A third one ends the first.
	tredje := nyNokkel("Knutepunkt", 816)
	_, err = h.Ring.ImportPlatform(t.Context(), keys.Bekymringsmelding, tredje.key, tredje.cert)
	must(t, err)
	h.gjor(t, skole, "POST", mottakSti(bydelSvarInn), ct, bytes.ReplaceAll(forrige, []byte("x.bin"), []byte("y.bin"))).er(t, 400)
}

// Without a print supplier letters are encrypted to a key of the platform's, and to the
// supplier's when there is one.
func TestUtenPrintleverandor(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, func(c *Config) { c.PrintSertifikat = nil })
	if got := h.get(t, skole, nokkelSti("v1", "4601", bydelFiksIO)).er(t, 200); !strings.Contains(got, `{"printOffentligNokkel":`+gull(t, plattform(t), "")) {
		t.Errorf("keys %s", got)
	}
	ct, body := skjemaKropp(del{delPDF, kryptert(t, plattform(t), []byte(pdfen))}, del{delAsice, kryptert(t, fagsystem().cert, container(t, pdfen))})
	id := les[uuidSvar](t, h.gjor(t, skole, "POST", mottakSti(bydelFiksIO), ct, body), 201).UUID
	brev := func() (io.ReadCloser, error) {
		f, err := kilde{h.s}.Forsendelse(t.Context(), levering.Levering{KildeID: id}, levering.KanalPrint)
		must(t, err)
		return f.Filer[0].Apne(t.Context())
	}
	if r, err := brev(); err == nil {
		_ = r.Close()
		t.Error("a letter is given to nobody")
	}
	h.lekker(t, kjenneord)
	h.s.cfg.PrintSertifikat = trykkeri().cert // as after a restart with a supplier
	r, err := brev()
	must(t, err)
	defer r.Close()
	if got := dekryptert(t, trykkeri(), r); string(got) != pdfen {
		t.Errorf("the supplier reads %q", got)
	}
	h.lekker(t, kjenneord)
}

// What the supplier can open already goes byte for byte.
func TestBrevGaarSomDetErTilLeverandoren(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	deler := h.deler(t, bydelFiksIO)
	ct, body := skjemaKropp(deler...)
	id := les[uuidSvar](t, h.gjor(t, skole, "POST", mottakSti(bydelFiksIO), ct, body), 201).UUID
	f, err := kilde{h.s}.Forsendelse(t.Context(), levering.Levering{KildeID: id}, levering.KanalPrint)
	must(t, err)
	r, err := f.Filer[0].Apne(t.Context())
	must(t, err)
	defer r.Close()
	got, err := io.ReadAll(r)
	must(t, err)
	if !bytes.Equal(got, deler[0].innhold) {
		t.Error("it was changed on the way")
	}
}

// Keys that nothing is to be encrypted to are refused, and stored nowhere.
func TestOpplastetNokkel(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	ctx := auth.With(t.Context(), admin)
	hemmelig := "-----BEGIN PRIVATE KEY-----\nSGVtbWVsaWctbsO4a2tlbA==\n-----END PRIVATE KEY-----\n"
	for navn, tt := range map[string]struct{ nokkel, feil string }{
		"ingen":         {"", "mangler"},
		"ikke PEM":      {"hei", "PEM"},
		"privat":        {hemmelig, "privat nøkkel"},
		"privat bak":    {string(pemAv(fagsystem().cert)) + hemmelig, "privat nøkkel"},
		"to":            {string(pemAv(fagsystem().cert)) + string(pemAv(mottaker().cert)), "flere"},
		"bare nøkkelen": {string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: fagsystem().cert.RawSubjectPublicKeyInfo})), "ikke et X.509"},
		"utløpt":        {string(pemAv(utloptSertifikat(t))), "utløp"},
		"kort":          {string(pemAv(kortSertifikat(t))), "minst 2048"},
		"tull":          {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "kan ikke leses"},
	} {
		for _, k := range []Kanal{KanalFiksIO, KanalSvarInn} {
			_, err := h.s.OpprettBydel(ctx, orgBergen, NyBydel{Bydelsnummer: "50", Navn: "Ny", Adresse: adressen, Kontakter: []string{"a@b.no"},
				Konto: Mottakskonto{Kanal: k, Fagsystem: FagsystemUkjent, Sertifikat: []byte(tt.nokkel)}})
			if err == nil || !strings.Contains(err.Error(), tt.feil) || strings.Contains(err.Error(), "SGVt") {
				t.Errorf("%s, %s: %v", navn, k, err)
			}
		}
	}
	if _, err := h.s.Bydel(ctx, "4601", "50"); err == nil {
		t.Error("a refused bydel is there")
	}
	h.lekker(t, "SGVtbWVsaWctbsO4a2tlbA", "Hemmelig-nøkkel")
}

func FuzzKontoInn(f *testing.F) {
	f.Add(`{"fagsystem":"UKJENT","fiksioKonto":{"offentligNokkel":{"nokkel":"-----BEGIN CERTIFICATE-----"}}}`)
	f.Add(`{"fagsystem":"MANUELL_MOTTAK","manuellMottakKonto":{"varselEposter":["a@b.no"]},"stottetVersjon":"V2"}`)
	f.Add(`{"svarinnKonto":{"orgnr":"","offentligNokkel":"x","zip":true}}`)
	f.Fuzz(func(t *testing.T, s string) {
		var inn kontoInnV2
		if json.Unmarshal([]byte(s), &inn) != nil {
			return
		}
		m, err := inn.mottakskonto()
		if err != nil || m.Validate() != nil {
			return
		}
		if m.Kanal == KanalPrint || (m.Kanal == KanalManuell) != (m.Fagsystem == FagsystemManuell) || m.StottetVersjon != "" && m.StottetVersjon != skjema.V1 && m.StottetVersjon != skjema.V2 {
			t.Errorf("%s: %+v", s, m)
		}
		if _, err := fiksio.LesSertifikat(m.Sertifikat, grunntest.Start); err == nil && m.Kanal == KanalManuell {
			t.Error("manual reception with a key")
		}
	})
}
