package svarinn

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

func TestOpprett(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.organisasjoner(t)
	ctx := t.Context()
	hvem := Person{Fnr: kari.Fnr, Navn: "Kari Nordmann"}
	m, err := h.s.Opprett(ctx, operator, Ny{FiksOrgID: orgBy, Navn: "NAV Testby", Person: hvem})
	must(t, err)
	r, err := h.org.Ressurs(ctx, m.ID)
	if err != nil || r.Type != organisasjon.TypeMottakersystem || r.Forelder != orgBy || r.Navn != "NAV Testby" {
		t.Errorf("its ressurs: %+v %v", r, err)
	}
	got, err := h.s.Mottakersystem(ctx, m.ID)
	if err != nil || !cmp.Equal(m, got) || got.HarPassord || got.Sertifikat != nil {
		t.Errorf("found again: %+v %v", got, err)
	}
	for hva, tt := range map[string]struct {
		n    Ny
		kode feil.Kode
	}{
		"the name is taken":     {Ny{FiksOrgID: orgNabo, Navn: "nav testby", Person: hvem}, feil.Konflikt},
		"the id is taken":       {Ny{ID: m.ID, FiksOrgID: orgBy, Navn: "Annet", Person: hvem}, feil.Konflikt},
		"no name":               {Ny{FiksOrgID: orgBy, Person: hvem}, feil.Ugyldig},
		"two lines":             {Ny{FiksOrgID: orgBy, Navn: "a\nb", Person: hvem}, feil.Ugyldig},
		"no organisation":       {Ny{FiksOrgID: uuid.NewString(), Navn: "Annet", Person: hvem}, feil.IkkeFunnet},
		"under no organisation": {Ny{FiksOrgID: m.ID, Navn: "Annet", Person: hvem}, feil.IkkeFunnet},
		"bad id":                {Ny{ID: "x", FiksOrgID: orgBy, Navn: "Annet", Person: hvem}, feil.Ugyldig},
		"nobody":                {Ny{FiksOrgID: orgBy, Navn: "Annet"}, feil.Ugyldig},
		"a short fnr":           {Ny{FiksOrgID: orgBy, Navn: "Annet", Person: Person{"123", "Kari"}}, feil.Ugyldig},
		"a person without name": {Ny{FiksOrgID: orgBy, Navn: "Annet", Person: Person{Fnr: kari.Fnr}}, feil.Ugyldig},
	} {
		_, err := h.s.Opprett(ctx, operator, tt.n)
		feilkode(t, hva, err, tt.kode)
	}
	alle, err := h.s.Alle(ctx, "")
	if err != nil || len(alle) != 1 {
		t.Errorf("after the refusals there are %d (%v)", len(alle), err)
	}
	if _, err := h.org.Ressurs(ctx, m.ID); err != nil {
		t.Error(err)
	}
}

// Who may configure: the persons of the tab, and administrators of the organisation.
func TestHvemSomForvalter(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	ctx := t.Context()
	must(t, h.DB.Write(ctx, func(tx *store.Tx) error {
		return h.org.GiTilgang(ctx, tx, operator, operator.Fnr, auth.Admin, orgBy)
	}))
	niva3 := kari
	niva3.Niva = 3
	maskin := auth.Caller{Slag: auth.Integrasjon, IntegrasjonID: uuid.NewString()}
	system := auth.Caller{Slag: auth.Mottakersystem, KontoID: systemBy}
	_, cert := nokkelpar()
	for hva, kall := range map[string]func(av auth.Caller) error{
		"Tilganger":        func(av auth.Caller) error { _, err := h.s.Tilganger(ctx, av, systemBy); return err },
		"GiTilgang":        func(av auth.Caller) error { return h.s.GiTilgang(ctx, av, systemBy, Person{kari.Fnr, "Kari Nordmann"}) },
		"Organisasjoner":   func(av auth.Caller) error { _, err := h.s.Organisasjoner(ctx, av, systemBy); return err },
		"Andre":            func(av auth.Caller) error { _, err := h.s.Andre(ctx, av, systemBy); return err },
		"Varsles":          func(av auth.Caller) error { _, err := h.s.Varsles(ctx, av, systemBy); return err },
		"SettVarsles":      func(av auth.Caller) error { return h.s.SettVarsles(ctx, av, systemBy, "a@b.example") },
		"LagPassord 4":     func(av auth.Caller) error { _, err := h.s.LagPassord(ctx, av, systemBy); return err },
		"SettSertifikat 4": func(av auth.Caller) error { _, err := h.s.SettSertifikat(ctx, av, systemBy, cert.Raw); return err },
		"Innkommende":      func(av auth.Caller) error { _, err := h.s.Innkommende(ctx, av, systemBy, Filter{}); return err },
	} {
		for hvem, tt := range map[string]struct {
			av auth.Caller
			ja bool
		}{
			"a person of it": {kari, true}, "an administrator": {operator, true}, "another's": {ola, false}, "nobody": {auth.Caller{Slag: auth.Anonym}, false},
			"a machine": {maskin, false}, "the mottakersystem itself": {system, false}, "level 3": {niva3, !strings.HasSuffix(hva, "4")},
		} {
			err := kall(tt.av)
			if tt.ja && err != nil || !tt.ja && !feil.Er(err, feil.IngenTilgang) {
				t.Errorf("%s by %s: %v", hva, hvem, err)
			}
		}
	}
	_, err := h.s.Tilganger(ctx, kari, uuid.NewString())
	feilkode(t, "an unknown mottakersystem", err, feil.IkkeFunnet)
}

func TestTilganger(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	ctx := t.Context()
	feilkode(t, "the last one goes", h.s.TrekkTilgang(ctx, kari, systemBy, kari.Fnr), feil.Konflikt)
	h.Frem(t, time.Second)
	must(t, h.s.GiTilgang(ctx, kari, systemBy, Person{operator.Fnr, "Per Hansen"}))
	must(t, h.s.GiTilgang(ctx, kari, systemBy, Person{operator.Fnr, "Per Olsen"}))
	ps, err := h.s.Tilganger(ctx, operator, systemBy)
	must(t, err)
	if diff := cmp.Diff([]Person{{kari.Fnr, "Kari Nordmann"}, {operator.Fnr, "Per Olsen"}}, ps); diff != "" {
		t.Error(diff)
	}
	feilkode(t, "one who is not there", h.s.TrekkTilgang(ctx, kari, systemBy, ola.Fnr), feil.IkkeFunnet)
	must(t, h.s.TrekkTilgang(ctx, operator, systemBy, kari.Fnr))
	_, err = h.s.Tilganger(ctx, kari, systemBy)
	feilkode(t, "one who was taken away", err, feil.IngenTilgang)
	feilkode(t, "a bad person", h.s.GiTilgang(ctx, operator, systemBy, Person{"x", "y"}), feil.Ugyldig)
}

func TestRuting(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	ctx := t.Context()
	for _, c := range []auth.Caller{kari, ola} {
		for _, nr := range []string{byNr, naboNr} {
			must(t, h.roller.Gi(ctx, c.Fnr, nr, PostArkiv))
		}
	}
	// byNr: systemBy takes all; systemNabo what is of Digisos, and level 3.
	andre, err := h.s.GiOrganisasjoner(ctx, ola, systemNabo, []Rad{{byNr, "nav.digisos", 0}, {byNr, "", 3}})
	must(t, err)
	if diff := cmp.Diff([]Ruting{{Rad{byNr, "", 0}, systemBy, "NAV Testby"}}, andre); diff != "" {
		t.Errorf("the other mottakersystemer (-want +got):\n%s", diff)
	}
	_, err = h.s.GiOrganisasjoner(ctx, kari, systemBy, []Rad{{byNr, "nav.digisos", 4}})
	must(t, err)
	alt := Rad{byNr, "", 0}
	for _, tt := range []struct {
		orgnr, typ string
		niva       int
		system     string
		rad        Rad
	}{
		{byNr, "", 4, systemBy, alt},
		{byNr, "ks.byggesøknad", 4, systemBy, alt},
		{byNr, "noe.ukjent", 4, systemBy, alt},
		{byNr, "", 3, systemNabo, Rad{byNr, "", 3}},
		{byNr, "ks.byggesøknad", 3, systemNabo, Rad{byNr, "", 3}},
		{byNr, "nav.digisos", 3, systemNabo, Rad{byNr, "nav.digisos", 0}}, // the type goes before the level
		{byNr, "nav.digisos", 4, systemBy, Rad{byNr, "nav.digisos", 4}},   // both go before one
		{byNr, "NAV.digisos", 4, systemBy, alt},                           // types are letter for letter
		{naboNr, "nav.digisos", 4, systemNabo, Rad{naboNr, "", 0}},
		{"999999999", "", 4, "", Rad{}},
		{"", "", 4, "", Rad{}},
	} {
		r, ok, err := h.s.Rute(ctx, h.DB.Read(), tt.orgnr, tt.typ, tt.niva)
		if err != nil || ok != (tt.system != "") || r.ID != tt.system || r.Rad != tt.rad {
			t.Errorf("Rute(%s, %s, %d) = %+v, %v, %v; want %s", tt.orgnr, tt.typ, tt.niva, r, ok, err, tt.system)
		}
		if liste, err := h.s.Mottakersystemer(ctx, tt.orgnr, tt.typ, tt.niva); err != nil || ok && tt.typ != "" && (len(liste) == 0 || liste[0].ID != tt.system) {
			t.Errorf("Mottakersystemer(%s, %s, %d) = %+v, %v", tt.orgnr, tt.typ, tt.niva, liste, err)
		}
	}
	liste, err := h.s.Mottakersystemer(ctx, byNr, "", 0)
	must(t, err)
	if diff := cmp.Diff([]Ruting{
		{Rad{byNr, "nav.digisos", 4}, systemBy, "NAV Testby"}, {Rad{byNr, "nav.digisos", 0}, systemNabo, "NAV Naboby"},
		{Rad{byNr, "", 3}, systemNabo, "NAV Naboby"}, {Rad{byNr, "", 0}, systemBy, "NAV Testby"},
	}, liste); diff != "" {
		t.Errorf("all of an org.nr (-want +got):\n%s", diff)
	}
	if liste, err := h.s.Mottakersystemer(ctx, "", "", 0); err != nil || len(liste) != 5 {
		t.Errorf("all: %v %v", liste, err)
	}
	if liste, err := h.s.Mottakersystemer(ctx, "", "ks.byggesøknad", 4); err != nil || len(liste) != 2 {
		t.Errorf("all that take a type on level 4: %v %v", liste, err)
	}
	if liste, err := h.s.Andre(ctx, kari, systemBy); err != nil || len(liste) != 2 {
		t.Errorf("conflicts: %v %v", liste, err)
	}
	// What is sent comes where it belongs.
	til := func(typ string, niva int) string {
		f := brev(byNr)
		f.Post.ForsendelseType, f.Post.Niva = typ, niva
		return h.lever(t, f)
	}
	a, b, c := til("nav.digisos", 3), til("", 4), til("", 3)
	for system, ids := range map[string][3]bool{systemBy: {false, true, false}, systemNabo: {true, false, true}} {
		s := h.kall(t, system, "GET", stiListe, "").kropp
		if got := [3]bool{strings.Contains(s, a), strings.Contains(s, b), strings.Contains(s, c)}; got != ids {
			t.Errorf("%s lists %v, want %v", system, got, ids)
		}
	}
	// A row that goes takes nothing that waits with it.
	must(t, h.s.FjernOrganisasjon(ctx, ola, systemNabo, Rad{byNr, "nav.digisos", 0}))
	if s := h.kall(t, systemNabo, "GET", stiListe, "").kropp; !strings.Contains(s, a) {
		t.Error("what waited is gone with its row")
	}
	if r, _, err := h.s.Rute(ctx, h.DB.Read(), byNr, "nav.digisos", 3); err != nil || r.Niva != 3 || r.ID != systemNabo {
		t.Errorf("without the row: %+v %v", r, err)
	}
}

func TestOrganisasjonerAvvises(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	ctx := t.Context()
	must(t, h.roller.Gi(ctx, ola.Fnr, byNr, PostArkiv))
	must(t, h.roller.Gi(ctx, kari.Fnr, byNr, "annen rolle"))
	for hva, tt := range map[string]struct {
		av    auth.Caller
		s     string
		rader []Rad
		kode  feil.Kode
	}{
		"another's row":              {ola, systemNabo, []Rad{{naboNr, "nav.digisos", 0}, {byNr, "", 0}}, feil.Konflikt},
		"no role":                    {kari, systemBy, []Rad{{naboNr, "nav.digisos", 0}}, feil.IngenTilgang},
		"not on Tilganger":           {ola, systemBy, []Rad{{byNr, "nav.digisos", 0}}, feil.IngenTilgang},
		"nothing":                    {kari, systemBy, nil, feil.Ugyldig},
		"too many":                   {kari, systemBy, make([]Rad, maksRader+1), feil.Ugyldig},
		"a short org.nr":             {kari, systemBy, []Rad{{"123", "", 0}}, feil.Ugyldig},
		"a type nobody can route by": {kari, systemBy, []Rad{{byNr, "noe.ukjent", 0}}, feil.Ugyldig},
		"level 5":                    {kari, systemBy, []Rad{{byNr, "", 5}}, feil.Ugyldig},
	} {
		_, err := h.s.GiOrganisasjoner(ctx, tt.av, tt.s, tt.rader)
		feilkode(t, hva, err, tt.kode)
	}
	rs, err := h.s.Organisasjoner(ctx, ola, systemNabo)
	if err != nil || len(rs) != 1 {
		t.Errorf("all or none: %v %v", rs, err)
	}
	antall := len(h.revidert(t))
	if _, err := h.s.GiOrganisasjoner(ctx, kari, systemBy, []Rad{{Orgnr: byNr}}); err != nil || len(h.revidert(t)) != antall {
		t.Errorf("the same row again: %v", err)
	}
	feilkode(t, "a row that is not there", h.s.FjernOrganisasjon(ctx, kari, systemBy, Rad{byNr, "nav.digisos", 0}), feil.IkkeFunnet)
	feilkode(t, "another's row goes", h.s.FjernOrganisasjon(ctx, ola, systemNabo, Rad{Orgnr: byNr}), feil.IkkeFunnet)
	must(t, h.roller.Trekk(ctx, kari.Fnr, byNr, PostArkiv))
	feilkode(t, "without the role", h.s.FjernOrganisasjon(ctx, kari, systemBy, Rad{Orgnr: byNr}), feil.IngenTilgang)
}

func (h *hus) revidert(t testing.TB) []string {
	t.Helper()
	hs, err := h.audit.List(t.Context(), audit.Filter{Antall: 1000})
	must(t, err)
	var ut []string
	for _, e := range hs {
		ut = append(ut, strings.TrimSpace(strings.Join([]string{e.Handling, e.Principal.Fnr, e.Gjelder, e.Payload}, " ")))
	}
	return ut
}

func TestEndringerRevideres(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.organisasjoner(t)
	ctx := t.Context()
	m, err := h.s.Opprett(ctx, operator, Ny{FiksOrgID: orgBy, Navn: "NAV Testby", Person: Person{kari.Fnr, "Kari Nordmann"}})
	must(t, err)
	must(t, h.roller.Gi(ctx, kari.Fnr, byNr, PostArkiv))
	_, err = h.s.GiOrganisasjoner(ctx, kari, m.ID, []Rad{{byNr, "nav.digisos", 4}})
	must(t, err)
	must(t, h.s.FjernOrganisasjon(ctx, kari, m.ID, Rad{byNr, "nav.digisos", 4}))
	must(t, h.s.GiTilgang(ctx, kari, m.ID, Person{ola.Fnr, "Ola"}))
	must(t, h.s.TrekkTilgang(ctx, kari, m.ID, ola.Fnr))
	_, err = h.s.LagPassord(ctx, kari, m.ID)
	must(t, err)
	_, cert := nokkelpar()
	_, err = h.s.SettSertifikat(ctx, kari, m.ID, cert.Raw)
	must(t, err)
	must(t, h.s.SettVarsles(ctx, kari, m.ID, "a@b.example;c@d.example"))
	k := kari.Fnr
	if diff := cmp.Diff([]string{
		"MOTTAKERSYSTEM_OPPRETTET " + operator.Fnr + " " + k + " NAV Testby",
		"MOTTAKERSYSTEM_ORGANISASJON_GITT " + k + "  " + byNr + ",nav.digisos,4",
		"MOTTAKERSYSTEM_ORGANISASJON_FJERNET " + k + "  " + byNr + ",nav.digisos,4",
		"MOTTAKERSYSTEM_TILGANG_GITT " + k + " " + ola.Fnr,
		"MOTTAKERSYSTEM_TILGANG_TRUKKET " + k + " " + ola.Fnr,
		"MOTTAKERSYSTEM_NYTT_PASSORD " + k + "  " + m.ID,
		"MOTTAKERSYSTEM_NYTT_SERTIFIKAT " + k + "  " + cert.SerialNumber.String(),
		"MOTTAKERSYSTEM_VARSLING_ENDRET " + k + "  2",
	}, h.revidert(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPassord(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	ctx := t.Context()
	inn := func(navn, p string) bool {
		t.Helper()
		id, err := h.s.LoggInn(ctx, navn, p)
		if err != nil && (!feil.Er(err, feil.Uautentisert) || id != "") {
			t.Errorf("%v %s", err, id)
		}
		return err == nil && id == systemBy
	}
	p1, err := h.s.LagPassord(ctx, kari, systemBy)
	must(t, err)
	if len(p1) != 43 || inn(systemBy, passordBy) || !inn(systemBy, p1) || !inn(" "+strings.ToUpper(systemBy), p1) {
		t.Errorf("the first password %q", p1)
	}
	p2, err := h.s.LagPassord(ctx, kari, systemBy)
	must(t, err)
	if p1 == p2 || inn(systemBy, p1) || !inn(systemBy, p2) || inn(systemNabo, p2) || inn(systemBy, "") || inn("", p2) {
		t.Error("a new password voids the former one")
	}
	must(t, h.s.SettPassord(ctx, operator, systemBy, "kort"))
	if !inn(systemBy, "kort") || inn(systemBy, p2) {
		t.Error("a given password")
	}
	feilkode(t, "a bad given password", h.s.SettPassord(ctx, operator, systemBy, "to ord"), feil.Ugyldig)
	feilkode(t, "of nobody", h.s.SettPassord(ctx, operator, uuid.NewString(), "kort"), feil.IkkeFunnet)
	if m, err := h.s.Mottakersystem(ctx, systemBy); err != nil || !m.HarPassord {
		t.Errorf("%+v %v", m, err)
	}
}

func TestSertifikat(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	ctx := t.Context()
	k, c := nyttPar(2048, time.Date(2099, 1, 2, 3, 4, 5, 0, time.UTC))
	want := Sertifikat{Subject: "CN=Fagsystem,O=Testby", Serienummer: c.SerialNumber.String(), Utloper: c.NotAfter, Fingeravtrykk: visning(c).Fingeravtrykk}
	kort, _ := nyttPar(1024, grunntest.Start.AddDate(1, 0, 0))
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	must(t, err)
	spki, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
	must(t, err)
	nokkel := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	for hva, fil := range map[string][]byte{
		"PEM": pemAv(c), "DER": c.Raw, "PEM with text around": append([]byte("\xef\xbb\xbfBag Attributes\n"), append(pemAv(c), "\n \n"...)...),
	} {
		got, err := h.s.SettSertifikat(ctx, kari, systemBy, fil)
		if err != nil || got != want {
			t.Errorf("%s: %+v %v", hva, got, err)
		}
		if m, err := h.s.Mottakersystem(ctx, systemBy); err != nil || m.Sertifikat == nil || *m.Sertifikat != want {
			t.Errorf("%s, shown: %+v %v", hva, m, err)
		}
	}
	for hva, fil := range map[string][]byte{
		"nothing": nil, "text": []byte("hei"), "cut DER": c.Raw[:100], "cut PEM": pemAv(c)[:200], "too large": bytes.Repeat([]byte("x"), maksSertifikat+1),
		"1024 bits":         pemAv(sertifikatFor(&kort.PublicKey, k, grunntest.Start.AddDate(1, 0, 0))),
		"an EC key":         pemAv(sertifikatFor(&ec.PublicKey, k, grunntest.Start.AddDate(1, 0, 0))),
		"expired":           pemAv(sertifikatFor(&k.PublicKey, k, grunntest.Start)),
		"a private key":     nokkel,
		"certificate + key": append(pemAv(c), nokkel...),
		"two certificates":  append(pemAv(c), pemAv(c)...),
		"a bare public key": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}),
		"DER and more":      append(bytes.Clone(c.Raw), 0),
	} {
		_, err := h.s.SettSertifikat(ctx, kari, systemBy, fil)
		feilkode(t, hva, err, feil.Ugyldig)
	}
}

func TestAdresser(t *testing.T) {
	t.Parallel()
	for inn, want := range map[string]string{
		"a@b.no":                               "a@b.no",
		" a@b.no ;c@d.no; ":                    "a@b.no c@d.no",
		"a@b.no;A@B.no;;c@d.no":                "a@b.no c@d.no",
		"postmottak+svar.inn@nav-testby.no;":   "postmottak+svar.inn@nav-testby.no",
		"":                                     "!",
		" ; ":                                  "!",
		"a@b.no, c@d.no":                       "!",
		"a@b.no c@d.no":                        "!",
		"Kari <a@b.no>":                        "!",
		"<a@b.no>":                             "!",
		"a":                                    "!",
		"a@":                                   "!",
		"@b.no":                                "!",
		"a@b.no;c@d.no\r\nBcc: x@y.no":         "!",
		`"a b"@c.no`:                           "!",
		"blåbær@c.no":                          "!",
		strings.Repeat("a", 250) + "@b.no":     "!",
		strings.Repeat("a@b.no;", 100):         "a@b.no",
		strings.Repeat("x", 0) + mange(51, ""): "!",
	} {
		got, err := Adresser(inn)
		if want == "!" && !feil.Er(err, feil.Ugyldig) || want != "!" && (err != nil || strings.Join(got, " ") != want) {
			t.Errorf("%.60q: %v %v, want %s", inn, got, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), "b.no") || strings.Contains(err.Error(), "Kari")) {
			t.Errorf("the error repeats an address: %v", err)
		}
	}
}

func mange(n int, s string) string {
	for i := range n {
		s += string(rune('a'+i%26)) + string(rune('a'+i/26)) + "@b.example;"
	}
	return s
}

// A copy of the database shows nothing of persons, addresses, titles or what
// receivers write.
func TestIngentingLesbart(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	ctx := t.Context()
	f := full()
	f.Post.Tittel = "Tittelen er hemmelig"
	id := h.lever(t, f)
	if s := h.kall(t, systemBy, "POST", stiFeilet+id, `{"feilmelding":"Peder Aas finnes ikke","permanent":false}`); s.status != 200 {
		t.Fatal(s)
	}
	must(t, h.s.MarkerMottatt(ctx, kari, systemBy, id))
	must(t, h.s.GiTilgang(ctx, kari, systemBy, Person{operator.Fnr, "Navn Navnesen"}))
	filer, err := filepath.Glob(filepath.Join(h.Dir, "*"))
	must(t, err)
	funnet := false
	for _, fil := range filer {
		raa, err := os.ReadFile(fil)
		if errors.Is(err, os.ErrNotExist) || err != nil && strings.Contains(err.Error(), "is a directory") {
			continue
		}
		must(t, err)
		funnet = funnet || bytes.Contains(raa, []byte(id))
		for _, hemmelig := range []string{kari.Fnr, operator.Fnr, "Nordmann", "Navnesen", "hemmelig", "Peder Aas", "soknad.json", "Svar AS", "Svargata",
			"110004PCC", "post@" + byNr, passordBy, "Digisos,"} {
			if bytes.Contains(raa, []byte(hemmelig)) {
				t.Errorf("%s shows %q", filepath.Base(fil), hemmelig)
			}
		}
	}
	if !funnet {
		t.Error("the search looks in the wrong place: not even the forsendelse's id is there")
	}
	for _, hemmelig := range []string{kari.Fnr, "Nordmann", "hemmelig", "Peder", "soknad.json", passordBy} {
		if strings.Contains(h.logg.String(), hemmelig) {
			t.Errorf("the log shows %q", hemmelig)
		}
	}
}

func TestNewAvviser(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	for _, url := range []string{"", "svarut.no", "https://svarut.no/"} {
		if _, err := New(h.s.Deps, Config{BaseURL: url}); err == nil {
			t.Errorf("BaseURL %q was taken", url)
		}
	}
	if _, err := New(Deps{}, Config{BaseURL: basis}); err == nil {
		t.Error("made without anything below")
	}
}
