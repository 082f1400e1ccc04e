package organisasjon_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

const (
	fnr     = "47906701517"
	annen   = "57866701518"
	orgnr   = "991825827"
	ukjent  = "99999999-9999-4999-8999-999999999999"
	kommune = "3002"
)

type bundle struct {
	*grunntest.Grunn
	s     *organisasjon.Service
	audit *audit.Service
	org   organisasjon.Organisasjon
	inte  organisasjon.Integrasjon
}

// setup gives one organisation with Digisos and one integrasjon.
func setup(t testing.TB) *bundle {
	t.Helper()
	g := grunntest.Ny(t, audit.Migrations(), organisasjon.Migrations())
	b := &bundle{Grunn: g, audit: audit.NewService(g.DB, g.Ring, g.Klokke)}
	b.s = organisasjon.New(g.DB, g.Ring, g.Klokke, b.audit)
	b.write(t, func(ctx context.Context, tx *store.Tx) (err error) {
		b.org, err = b.s.OpprettOrganisasjon(ctx, tx, organisasjon.Organisasjon{
			Navn: "Testby kommune", Type: "KOMMUNE", Kommunenummer: kommune, Orgnr: orgnr, Epost: []string{"a@testby.no"}})
		if err != nil {
			return err
		}
		b.inte, err = b.s.OpprettIntegrasjon(ctx, tx, organisasjon.Integrasjon{FiksOrgID: b.org.ID, AutorisertOrgnr: orgnr, Navn: "Fagsystem"})
		return err
	})
	return b
}

func (b *bundle) try(t testing.TB, fn func(ctx context.Context, tx *store.Tx) error) error {
	t.Helper()
	return b.DB.Write(t.Context(), func(tx *store.Tx) error { return fn(t.Context(), tx) })
}

func (b *bundle) write(t testing.TB, fn func(ctx context.Context, tx *store.Tx) error) {
	t.Helper()
	if err := b.try(t, fn); err != nil {
		t.Fatal(err)
	}
}

func (b *bundle) har(t testing.TB, want bool, aktor, privilegium, ressurs string) {
	t.Helper()
	got, err := b.s.Har(t.Context(), aktor, privilegium, ressurs)
	if err != nil || got != want {
		t.Errorf("Har(%s, %s, %s) = %v, %v; want %v", aktor, privilegium, ressurs, got, err, want)
	}
}

func TestOrganisasjon(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	for name, find := range map[string]func() (organisasjon.Organisasjon, error){
		"id":      func() (organisasjon.Organisasjon, error) { return b.s.Organisasjon(ctx, b.org.ID) },
		"kommune": func() (organisasjon.Organisasjon, error) { return b.s.Kommune(ctx, kommune) },
	} {
		got, err := find()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b.org, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, nr := range []string{"", "9999"} {
		if _, err := b.s.Kommune(ctx, nr); !feil.Er(err, feil.IkkeFunnet) {
			t.Errorf("Kommune(%q): %v", nr, err)
		}
	}
	if _, err := b.s.Organisasjon(ctx, ukjent); !feil.Er(err, feil.IkkeFunnet) {
		t.Errorf("unknown id: %v", err)
	}
	alle, err := b.s.Organisasjoner(ctx)
	if err != nil || len(alle) != 1 {
		t.Errorf("Organisasjoner: %v, %v", alle, err)
	}
	r, err := b.s.Ressurs(ctx, b.org.ID)
	want := organisasjon.Ressurs{ID: b.org.ID, Forelder: organisasjon.RotID, Type: organisasjon.TypeOrganisasjon, Navn: "Testby kommune"}
	if err != nil || r != want {
		t.Errorf("its ressurs: %+v, %v", r, err)
	}
	if rot, err := b.s.Ressurs(ctx, organisasjon.RotID); err != nil || rot.Type != organisasjon.TypeRot {
		t.Errorf("the root: %+v, %v", rot, err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	type org = organisasjon.Organisasjon
	type inte = organisasjon.Integrasjon
	orgs := map[string]struct {
		o    org
		kode feil.Kode
	}{
		"kommunenummer taken": {org{Navn: "By to", Type: "KOMMUNE", Kommunenummer: kommune}, feil.Konflikt},
		"org.nr taken":        {org{Navn: "By to", Type: "KOMMUNE", Orgnr: orgnr}, feil.Konflikt},
		"id taken":            {org{ID: b.org.ID, Navn: "By to", Type: "KOMMUNE"}, feil.Konflikt},
		"bad id":              {org{ID: "x", Navn: "By to", Type: "KOMMUNE"}, feil.Ugyldig},
		"bad type":            {org{Navn: "By to", Type: "UKJENT"}, feil.Ugyldig},
		"bad name":            {org{Navn: "By <to>", Type: "KOMMUNE"}, feil.Ugyldig},
		"space last":          {org{Navn: "By to ", Type: "KOMMUNE"}, feil.Ugyldig},
		"bad kommunenummer":   {org{Navn: "By to", Type: "KOMMUNE", Kommunenummer: "12"}, feil.Ugyldig},
		"bad org.nr":          {org{Navn: "By to", Type: "KOMMUNE", Orgnr: "12"}, feil.Ugyldig},
	}
	for name, tt := range orgs {
		err := b.try(t, func(ctx context.Context, tx *store.Tx) error {
			_, err := b.s.OpprettOrganisasjon(ctx, tx, tt.o)
			return err
		})
		if !feil.Er(err, tt.kode) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ints := map[string]struct {
		i    inte
		kode feil.Kode
	}{
		"unknown organisation":    {inte{FiksOrgID: ukjent, AutorisertOrgnr: orgnr, Navn: "A"}, feil.IkkeFunnet},
		"id taken":                {inte{ID: b.inte.ID, FiksOrgID: b.org.ID, AutorisertOrgnr: orgnr, Navn: "A"}, feil.Konflikt},
		"bad org.nr":              {inte{FiksOrgID: b.org.ID, AutorisertOrgnr: "1", Navn: "A"}, feil.Ugyldig},
		"bad name":                {inte{FiksOrgID: b.org.ID, AutorisertOrgnr: orgnr, Navn: "A\n"}, feil.Ugyldig},
		"global of somebody":      {inte{FiksOrgID: b.org.ID, Global: true, Kode: "A", AutorisertOrgnr: orgnr, Navn: "A"}, feil.Ugyldig},
		"global without code":     {inte{Global: true, AutorisertOrgnr: orgnr, Navn: "A"}, feil.Ugyldig},
		"local with code":         {inte{FiksOrgID: b.org.ID, Kode: "A", AutorisertOrgnr: orgnr, Navn: "A"}, feil.Ugyldig},
		"local of nobody":         {inte{AutorisertOrgnr: orgnr, Navn: "A"}, feil.Ugyldig},
		"a privilege in no shape": {inte{Global: true, Kode: "A", ForespurtePrivilegier: []string{"a b"}, AutorisertOrgnr: orgnr, Navn: "A"}, feil.Ugyldig},
	}
	for name, tt := range ints {
		err := b.try(t, func(ctx context.Context, tx *store.Tx) error {
			_, err := b.s.OpprettIntegrasjon(ctx, tx, tt.i)
			return err
		})
		if !feil.Er(err, tt.kode) {
			t.Errorf("%s: %v", name, err)
		}
	}
	others := map[string]struct {
		fn   func(ctx context.Context, tx *store.Tx) error
		kode feil.Kode
	}{
		"ressurs below nothing": {func(ctx context.Context, tx *store.Tx) error {
			return b.s.OpprettRessurs(ctx, tx, organisasjon.Ressurs{ID: ukjent, Forelder: ukjent, Type: "A"})
		}, feil.IkkeFunnet},
		"ressurs taken": {func(ctx context.Context, tx *store.Tx) error {
			return b.s.OpprettRessurs(ctx, tx, organisasjon.Ressurs{ID: b.org.ID, Forelder: organisasjon.RotID, Type: "A"})
		}, feil.Konflikt},
		"service of nobody": {func(ctx context.Context, tx *store.Tx) error {
			_, err := b.s.TaIBruk(ctx, tx, ukjent, organisasjon.TypeDigisos)
			return err
		}, feil.IkkeFunnet},
		"service of the root": {func(ctx context.Context, tx *store.Tx) error {
			_, err := b.s.TaIBruk(ctx, tx, organisasjon.RotID, organisasjon.TypeDigisos)
			return err
		}, feil.IkkeFunnet},
		"no service": {func(ctx context.Context, tx *store.Tx) error {
			_, err := b.s.TaIBruk(ctx, tx, b.org.ID, "X")
			return err
		}, feil.Ugyldig},
		"grant on nothing": {func(ctx context.Context, tx *store.Tx) error {
			return b.s.GiTilgang(ctx, tx, auth.Caller{}, b.inte.ID, auth.DigisosOppdater, ukjent)
		}, feil.IkkeFunnet},
		"grant to nobody": {func(ctx context.Context, tx *store.Tx) error {
			return b.s.GiTilgang(ctx, tx, auth.Caller{}, ukjent, auth.DigisosOppdater, b.org.ID)
		}, feil.IkkeFunnet},
		"grant to a name": {func(ctx context.Context, tx *store.Tx) error {
			return b.s.GiTilgang(ctx, tx, auth.Caller{}, "Kari", auth.DigisosOppdater, b.org.ID)
		}, feil.Ugyldig},
		"grant of no privilege": {func(ctx context.Context, tx *store.Tx) error {
			return b.s.GiTilgang(ctx, tx, auth.Caller{}, fnr, "all of it", b.org.ID)
		}, feil.Ugyldig},
		"password of nobody": {func(ctx context.Context, tx *store.Tx) error {
			_, err := b.s.LagPassord(ctx, tx, ukjent, 0)
			return err
		}, feil.IkkeFunnet},
		"password with a space": {func(ctx context.Context, tx *store.Tx) error {
			return b.s.SettPassord(ctx, tx, b.inte.ID, "a b")
		}, feil.Ugyldig},
		"deleting nobody": {func(ctx context.Context, tx *store.Tx) error {
			return b.s.SlettIntegrasjon(ctx, tx, auth.Caller{}, ukjent)
		}, feil.IkkeFunnet},
	}
	for name, tt := range others {
		if err := b.try(t, tt.fn); !feil.Er(err, tt.kode) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTaIBruk(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if _, err := b.s.TjenesteRessurs(t.Context(), b.org.ID, organisasjon.TypeDigisos); !feil.Er(err, feil.IkkeFunnet) {
		t.Errorf("not in use: %v", err)
	}
	var ids [2]string
	for i := range ids {
		b.write(t, func(ctx context.Context, tx *store.Tx) (err error) {
			ids[i], err = b.s.TaIBruk(ctx, tx, b.org.ID, organisasjon.TypeDigisos)
			return err
		})
	}
	got, err := b.s.TjenesteRessurs(t.Context(), b.org.ID, organisasjon.TypeDigisos)
	if err != nil || ids[0] != ids[1] || got != ids[0] {
		t.Errorf("%v, %s, %v", ids, got, err)
	}
	barn, err := b.s.Barn(t.Context(), b.org.ID, "")
	if err != nil || len(barn) != 1 || barn[0].ID != got {
		t.Errorf("Barn: %+v, %v", barn, err)
	}
}

// The rules of who may what, as a table (auth contract §10).
func TestHar(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var digisos, fiksio, konto, nabo, naboDigisos string
	b.write(t, func(ctx context.Context, tx *store.Tx) (err error) {
		if digisos, err = b.s.TaIBruk(ctx, tx, b.org.ID, organisasjon.TypeDigisos); err != nil {
			return err
		}
		if fiksio, err = b.s.TaIBruk(ctx, tx, b.org.ID, organisasjon.TypeFiksIO); err != nil {
			return err
		}
		konto = "c0000000-0000-4000-8000-000000000001"
		if err = b.s.OpprettRessurs(ctx, tx, organisasjon.Ressurs{ID: konto, Forelder: fiksio, Type: organisasjon.TypeFiksIOKonto, Navn: "Konto"}); err != nil {
			return err
		}
		o, err := b.s.OpprettOrganisasjon(ctx, tx, organisasjon.Organisasjon{Navn: "Naboby", Type: "KOMMUNE"})
		if err != nil {
			return err
		}
		nabo = o.ID
		if naboDigisos, err = b.s.TaIBruk(ctx, tx, nabo, organisasjon.TypeDigisos); err != nil {
			return err
		}
		gi := func(aktor, p, r string) {
			if err == nil {
				err = b.s.GiTilgang(ctx, tx, auth.Caller{}, aktor, p, r)
			}
		}
		gi(b.inte.ID, auth.DigisosOppdater, digisos)
		gi(b.inte.ID, auth.FiksIOKonto, fiksio)
		gi(b.inte.ID, auth.Admin, b.org.ID)
		gi(fnr, auth.Admin, b.org.ID)
		gi(annen, auth.DigisosOppdater, nabo)
		if err == nil {
			err = b.s.GiTypeTilgang(ctx, tx, auth.Caller{}, b.inte.ID, auth.DigisosNAV, organisasjon.TypeDigisos)
		}
		return err
	})
	tests := []struct {
		what                        string
		aktor, privilegium, ressurs string
		want                        bool
	}{
		{"direct", b.inte.ID, auth.DigisosOppdater, digisos, true},
		{"not upward", b.inte.ID, auth.DigisosOppdater, b.org.ID, false},
		{"not sideways", b.inte.ID, auth.DigisosOppdater, fiksio, false},
		{"not the neighbour's", b.inte.ID, auth.DigisosOppdater, naboDigisos, false},
		{"inherited", b.inte.ID, auth.FiksIOKonto, konto, true},
		{"by type", b.inte.ID, auth.DigisosNAV, naboDigisos, true},
		{"by type, other type", b.inte.ID, auth.DigisosNAV, fiksio, false},
		{"ADMIN implies nothing for machines", b.inte.ID, "AUDIT_SOK", b.org.ID, false},
		{"ADMIN itself", b.inte.ID, auth.Admin, konto, true},
		{"ADMIN of a person", fnr, auth.FiksIOKonto, konto, true},
		{"ADMIN of a person, neighbour", fnr, auth.DigisosOppdater, naboDigisos, false},
		{"ADMIN is not ROOT", fnr, auth.Rot, b.org.ID, false},
		{"ADMIN is not on the root", fnr, auth.Admin, organisasjon.RotID, false},
		{"person inherits", annen, auth.DigisosOppdater, naboDigisos, true},
		{"person has no more", annen, auth.Admin, naboDigisos, false},
		{"unknown ressurs", fnr, auth.Admin, ukjent, false},
		{"nobody", "", auth.Admin, b.org.ID, false},
		{"garbage", "' OR 1=1 --", auth.Admin, b.org.ID, false},
		{"unknown integrasjon", ukjent, auth.Admin, b.org.ID, false},
	}
	for range 2 { // from the database, then remembered
		for _, tt := range tests {
			t.Run(tt.what, func(t *testing.T) { b.har(t, tt.want, tt.aktor, tt.privilegium, tt.ressurs) })
		}
	}
	for _, tt := range []struct {
		aktor, privilegium string
		want               bool
	}{
		{b.inte.ID, auth.DigisosOppdater, true}, {b.inte.ID, auth.DigisosNAV, true}, {b.inte.ID, auth.Rot, false},
		{fnr, auth.DigisosOppdater, true}, {fnr, auth.Rot, false}, {annen, auth.Admin, false}, {ukjent, auth.Admin, false},
	} {
		if got, err := b.s.HarNoen(t.Context(), tt.aktor, tt.privilegium); err != nil || got != tt.want {
			t.Errorf("HarNoen(%s, %s) = %v, %v", tt.aktor, tt.privilegium, got, err)
		}
	}
	got, err := b.s.Tilganger(t.Context(), b.org.ID)
	want := []organisasjon.Tilgang{{Aktor: b.inte.ID, Privilegium: auth.Admin, Ressurs: b.org.ID}, {Aktor: fnr, Privilegium: auth.Admin, Ressurs: b.org.ID}}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.SortSlices(func(a, b organisasjon.Tilgang) bool { return a.Aktor < b.Aktor })); diff != "" {
		t.Errorf("Tilganger (-want +got):\n%s", diff)
	}
}

// What is remembered ends with the commit that changes it, and not before.
func TestGrantsCountFromTheCommit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	av := auth.Caller{Slag: auth.Person, Fnr: annen}
	b.har(t, false, fnr, auth.Admin, b.org.ID)
	gi := func(ctx context.Context, tx *store.Tx) error {
		return b.s.GiTilgang(ctx, tx, av, fnr, auth.Admin, b.org.ID)
	}
	rull := fmt.Errorf("rolled back")
	if err := b.try(t, func(ctx context.Context, tx *store.Tx) error {
		if err := gi(ctx, tx); err != nil {
			return err
		}
		return rull
	}); err != rull {
		t.Fatal(err)
	}
	b.har(t, false, fnr, auth.Admin, b.org.ID)
	b.write(t, gi)
	b.har(t, true, fnr, auth.Admin, b.org.ID)
	b.write(t, gi) // again: nothing new, nothing audited
	trekk := func(ctx context.Context, tx *store.Tx) error {
		return b.s.TrekkTilgang(ctx, tx, av, fnr, auth.Admin, b.org.ID)
	}
	b.write(t, trekk)
	b.har(t, false, fnr, auth.Admin, b.org.ID)
	b.write(t, trekk)

	typer := func(gi bool) func(ctx context.Context, tx *store.Tx) error {
		return func(ctx context.Context, tx *store.Tx) error {
			if gi {
				return b.s.GiTypeTilgang(ctx, tx, av, b.inte.ID, auth.DigisosNAV, organisasjon.TypeOrganisasjon)
			}
			return b.s.TrekkTypeTilgang(ctx, tx, av, b.inte.ID, auth.DigisosNAV, organisasjon.TypeOrganisasjon)
		}
	}
	b.har(t, false, b.inte.ID, auth.DigisosNAV, b.org.ID)
	b.write(t, typer(true))
	b.har(t, true, b.inte.ID, auth.DigisosNAV, b.org.ID)
	b.write(t, typer(false))
	b.har(t, false, b.inte.ID, auth.DigisosNAV, b.org.ID)

	hendelser, err := b.audit.List(t.Context(), audit.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, h := range hendelser {
		got = append(got, strings.Join([]string{h.Handling, h.FiksOrg, h.Gjelder, h.Principal.Fnr, h.Payload}, " "))
	}
	want := []string{
		"INTEGRASJON_OPPRETTET " + b.org.ID + "   " + b.inte.ID,
		"TILGANG_GITT " + b.org.ID + " " + fnr + " " + annen + " ADMIN",
		"TILGANG_TRUKKET " + b.org.ID + " " + fnr + " " + annen + " ADMIN",
		"TYPETILGANG_GITT   " + annen + " DIGISOS_NAV," + b.inte.ID,
		"TYPETILGANG_TRUKKET   " + annen + " DIGISOS_NAV," + b.inte.ID,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}

func (b *bundle) login(t testing.TB, want bool, id, passord string) {
	t.Helper()
	got, err := b.s.Autentiser(t.Context(), id, passord)
	switch {
	case want && (err != nil || got != auth.Autentisert{IntegrasjonID: strings.ToLower(id), AutorisertOrgnr: orgnr}):
		t.Errorf("login failed: %+v, %v", got, err)
	case !want && (!feil.Er(err, feil.Uautentisert) || err.Error() != "Ikke autentisert"):
		t.Errorf("login: %+v, %v; want the uniform refusal", got, err)
	}
}

func (b *bundle) nytt(t testing.TB, overlapp time.Duration) (p string) {
	t.Helper()
	b.write(t, func(ctx context.Context, tx *store.Tx) (err error) {
		p, err = b.s.LagPassord(ctx, tx, b.inte.ID, overlapp)
		return err
	})
	return p
}

func TestPassord(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.login(t, false, b.inte.ID, "")
	b.login(t, false, b.inte.ID, "x")
	p1 := b.nytt(t, 0)
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`).MatchString(p1) {
		t.Errorf("password %q", p1)
	}
	for range 2 {
		b.login(t, true, b.inte.ID, p1)
		b.login(t, true, strings.ToUpper(b.inte.ID), p1)
		b.login(t, false, b.inte.ID, p1+"x")
		b.login(t, false, b.inte.ID, "")
		b.login(t, false, ukjent, p1)
		b.login(t, false, "garbage", p1)
		b.login(t, false, b.inte.ID, strings.Repeat("x", 1<<20))
	}

	// Two valid at a time, the former one until its time; never three.
	p2 := b.nytt(t, time.Hour)
	b.login(t, true, b.inte.ID, p1)
	b.login(t, true, b.inte.ID, p2)
	p3 := b.nytt(t, time.Hour)
	b.login(t, false, b.inte.ID, p1)
	b.login(t, true, b.inte.ID, p2)
	b.login(t, true, b.inte.ID, p3)
	b.Klokke.Sett(b.Klokke.Now().Add(time.Hour - time.Second))
	b.login(t, true, b.inte.ID, p2)
	b.Klokke.Sett(b.Klokke.Now().Add(time.Second)) // remembered a second ago, but its time is up
	b.login(t, false, b.inte.ID, p2)
	b.login(t, true, b.inte.ID, p3)

	p4 := b.nytt(t, 0)
	b.login(t, false, b.inte.ID, p3)
	b.login(t, true, b.inte.ID, p4)

	for _, given := range []string{"kort", strings.Repeat("langt", 10)} {
		b.write(t, func(ctx context.Context, tx *store.Tx) error { return b.s.SettPassord(ctx, tx, b.inte.ID, given) })
		b.login(t, true, b.inte.ID, given)
		b.login(t, true, b.inte.ID, given)
		b.login(t, false, b.inte.ID, given+"x")
		b.login(t, false, b.inte.ID, p4)
	}
}

func TestSlettIntegrasjon(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.nytt(t, 0)
	b.write(t, func(ctx context.Context, tx *store.Tx) error {
		return b.s.GiTilgang(ctx, tx, auth.Caller{}, b.inte.ID, auth.DigisosOppdater, b.org.ID)
	})
	b.login(t, true, b.inte.ID, p)
	b.har(t, true, b.inte.ID, auth.DigisosOppdater, b.org.ID)
	b.write(t, func(ctx context.Context, tx *store.Tx) error {
		return b.s.SlettIntegrasjon(ctx, tx, auth.Caller{}, b.inte.ID)
	})
	b.login(t, false, b.inte.ID, p)
	b.har(t, false, b.inte.ID, auth.DigisosOppdater, b.org.ID)
	if _, err := b.s.Integrasjon(t.Context(), b.inte.ID); !feil.Er(err, feil.IkkeFunnet) {
		t.Errorf("a deleted one is found: %v", err)
	}
}

func TestIntegrasjoner(t *testing.T) {
	t.Parallel()
	b := setup(t)
	global := organisasjon.Integrasjon{AutorisertOrgnr: "910753614", Navn: "Sky", Global: true, Kode: "SKY", ForespurtePrivilegier: []string{auth.DigisosOppdater}}
	b.write(t, func(ctx context.Context, tx *store.Tx) (err error) {
		global, err = b.s.OpprettIntegrasjon(ctx, tx, global)
		return err
	})
	got, err := b.s.Integrasjoner(t.Context(), b.org.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]organisasjon.Integrasjon{b.inte, global}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got, err = b.s.Integrasjoner(t.Context(), ukjent)
	if err != nil || len(got) != 1 || got[0].ID != global.ID {
		t.Errorf("of somebody else: %+v, %v", got, err)
	}
}

// A copy of the database shows neither a fødselsnummer nor a password.
func TestNothingReadableAtRest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.nytt(t, 0)
	const given = "mellomlangt-passord"
	b.write(t, func(ctx context.Context, tx *store.Tx) error {
		if err := b.s.SettPassord(ctx, tx, b.inte.ID, given); err != nil {
			return err
		}
		if err := b.s.GiTypeTilgang(ctx, tx, auth.Caller{Slag: auth.Person, Fnr: annen}, fnr, auth.Rot, organisasjon.TypeRot); err != nil {
			return err
		}
		return b.s.GiTilgang(ctx, tx, auth.Caller{Slag: auth.Person, Fnr: annen}, fnr, auth.Admin, b.org.ID)
	})
	b.usynlig(t, fnr, annen, p, given)
}

// usynlig fails when the database's files show any of the secrets.
func (b *bundle) usynlig(t testing.TB, hemmelig ...string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(b.Dir, "knutepunkt.db*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	found := false
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		found = found || bytes.Contains(raw, []byte(b.org.ID))
		for _, secret := range hemmelig {
			if bytes.Contains(raw, []byte(secret)) {
				t.Errorf("%s shows %q", filepath.Base(f), secret)
			}
		}
	}
	if !found {
		t.Error("the search looks in the wrong place: not even the organisation is there")
	}
}

// Under load, a look-up never answers with what a finished write has changed.
func TestRevocationIsSeenAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if _, err := b.s.Har(t.Context(), fnr, auth.Admin, b.org.ID); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	for range 30 {
		b.write(t, func(ctx context.Context, tx *store.Tx) error {
			return b.s.GiTilgang(ctx, tx, auth.Caller{}, fnr, auth.Admin, b.org.ID)
		})
		b.har(t, true, fnr, auth.Admin, b.org.ID)
		b.write(t, func(ctx context.Context, tx *store.Tx) error {
			return b.s.TrekkTilgang(ctx, tx, auth.Caller{}, fnr, auth.Admin, b.org.ID)
		})
		b.har(t, false, fnr, auth.Admin, b.org.ID)
	}
	close(stop)
	wg.Wait()
}

func BenchmarkInntak(b *testing.B) {
	x := setup(b)
	p := x.nytt(b, 0)
	for b.Loop() {
		if _, err := x.s.Autentiser(b.Context(), x.inte.ID, p); err != nil {
			b.Fatal(err)
		}
		if _, err := x.s.Har(b.Context(), x.inte.ID, auth.DigisosOppdater, x.org.ID); err != nil {
			b.Fatal(err)
		}
	}
}

// What an administrator's page asks for: whose organisations, which passwords,
// which grants.
func TestForAdministratorer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	var to organisasjon.Organisasjon
	b.write(t, func(ctx context.Context, tx *store.Tx) (err error) {
		to, err = b.s.OpprettOrganisasjon(ctx, tx, organisasjon.Organisasjon{Navn: "Annen kommune", Type: "KOMMUNE"})
		return err
	})
	med := func(want ...string) {
		t.Helper()
		os, err := b.s.OrganisasjonerMed(ctx, fnr, auth.Admin)
		var got []string
		for _, o := range os {
			got = append(got, o.ID)
		}
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%v %s", err, d)
		}
	}
	gi := func(aktor, privilegium, ressurs string) {
		t.Helper()
		b.write(t, func(ctx context.Context, tx *store.Tx) error {
			return b.s.GiTilgang(ctx, tx, auth.Caller{}, aktor, privilegium, ressurs)
		})
	}
	med()
	gi(annen, auth.Admin, b.org.ID)
	gi(fnr, auth.DigisosOppdater, b.org.ID)
	med()
	gi(fnr, auth.Admin, to.ID)
	med(to.ID)
	gi(fnr, auth.Admin, b.org.ID)
	med(to.ID, b.org.ID) // by name
	b.write(t, func(ctx context.Context, tx *store.Tx) error {
		return errors.Join(b.s.TrekkTilgang(ctx, tx, auth.Caller{}, fnr, auth.Admin, to.ID),
			b.s.TrekkTilgang(ctx, tx, auth.Caller{}, fnr, auth.Admin, b.org.ID),
			b.s.GiTilgang(ctx, tx, auth.Caller{}, fnr, auth.Admin, organisasjon.RotID))
	})
	if os, err := b.s.OrganisasjonerMed(ctx, fnr, auth.Admin); err != nil || len(os) != 2 {
		t.Errorf("from the root: %v %v", os, err)
	}
	if os, err := b.s.OrganisasjonerMed(ctx, "ingen", auth.Admin); err != nil || os != nil {
		t.Errorf("nobody: %v %v", os, err)
	}

	passord := func(want ...time.Duration) { // ages
		t.Helper()
		ps, err := b.s.Passord(ctx, b.DB.Read(), b.inte.ID)
		var got []time.Duration
		for _, p := range ps {
			got = append(got, b.Klokke.Now().Sub(p.Opprettet))
		}
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%v %s", err, d)
		}
	}
	lag := func(overlapp time.Duration) {
		t.Helper()
		b.write(t, func(ctx context.Context, tx *store.Tx) error {
			_, err := b.s.LagPassord(ctx, tx, b.inte.ID, overlapp)
			return err
		})
	}
	passord()
	lag(0)
	passord(0)
	b.Klokke.Sett(b.Klokke.Now().Add(time.Hour))
	lag(24 * time.Hour)
	passord(0, time.Hour)
	ps, err := b.s.Passord(ctx, b.DB.Read(), b.inte.ID)
	if err != nil || !ps[0].GyldigTil.IsZero() || !ps[1].GyldigTil.Equal(b.Klokke.Now().Add(24*time.Hour)) {
		t.Errorf("%v %v", ps, err)
	}
	b.Klokke.Sett(b.Klokke.Now().Add(24 * time.Hour))
	passord(24 * time.Hour) // the older one has ended

	gi(b.inte.ID, auth.DigisosOppdater, b.org.ID)
	ts, err := b.s.TilgangerFor(ctx, b.DB.Read(), b.inte.ID)
	if d := cmp.Diff([]organisasjon.Tilgang{{Aktor: b.inte.ID, Privilegium: auth.DigisosOppdater, Ressurs: b.org.ID}}, ts); err != nil || d != "" {
		t.Errorf("%v %s", err, d)
	}
}
