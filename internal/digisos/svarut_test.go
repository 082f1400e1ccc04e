package digisos

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// What SvarUt gets beside the files is what NAV itself sent until 2024 (§2.3), to
// the NAV office of the configuration, and never without print as a way out.
func TestPostTilSvarUt(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.settKonfig(t, func(k *KommuneKonfigurasjon) {
		k.BrukerFiksIO = false
		k.Postadresse.Adresselinje2, k.Postadresse.Land = "Oppgang B", "Norge"
	})
	id := h.nySoknad(t, kari, "110000001")
	h.lever(t)
	h.Frem(t, time.Hour)
	h.ettersend(t, kari, id, "1100000010001", "a.pdf", "ettersendelse.pdf").er(t, 202)
	h.lever(t)
	if len(h.svarUt.sett) != 2 {
		t.Fatalf("%d by SvarUt", len(h.svarUt.sett))
	}
	want := levering.Post{
		Tittel: "Søknad til NAV", ForsendelseType: "nav.digisos", AvgivendeSystem: "digisos_avsender", Niva: 4,
		Mottatt:  grunntest.Start,
		Avsender: levering.Adresse{Navn: "NAV", Orgnr: "889640782", Adresselinje1: "Postboks 354", Postnummer: "8601", Poststed: "Mo i Rana"},
		Mottaker: levering.Adresse{Navn: "NAV Frogner", Orgnr: "974778866", Adresselinje1: "Sørkedalsveien 1", Adresselinje2: "Oppgang B",
			Postnummer: "0369", Poststed: "Oslo", Land: "Norge"},
		Noark:     levering.Noark{DokumentetsDato: klokke.Oslo(grunntest.Start)},
		Kontakter: []string{"teknisk@oslo.test"}, Tosidig: true, Farger: true,
	}
	if d := cmp.Diff(want, h.svarUt.sett[0].f.Post); d != "" {
		t.Error(d)
	}
	want.Tittel, want.SvarPa = "Ettersendelse til NAV", h.svarUt.sett[0].l.LeveranseID
	want.Mottatt = grunntest.Start.Add(time.Hour)
	want.Noark.DokumentetsDato = klokke.Oslo(want.Mottatt)
	if d := cmp.Diff(want, h.svarUt.sett[1].f.Post); d != "" {
		t.Error(d)
	}
	wantPlan := []levering.Steg{{Kanal: levering.KanalSvarUt, Frist: 24 * time.Hour, Ubegrenset: true}}
	if d := cmp.Diff(wantPlan, h.svarUt.sett[0].l.Plan); d != "" {
		t.Error(d)
	}
}

// An ettersendelse answers its søknad in SvarUt only when that went there.
func TestEttersendelseSvarerBareSoknadISvarUt(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "110000001")
	h.lever(t)
	h.settKonfig(t, func(k *KommuneKonfigurasjon) { k.BrukerFiksIO = false })
	h.ettersend(t, kari, id, "1100000010001", "a.pdf").er(t, 202)
	h.lever(t)
	s := h.svarUt.sett[0]
	if want := `"sendtKanal":"FIKS_IO"`; s.f.Post.SvarPa != "" || !strings.Contains(s.filer["forsendelseMetadata.json"], want) {
		t.Errorf("%q %s", s.f.Post.SvarPa, s.filer["forsendelseMetadata.json"])
	}
}

// Order, names and print of §2.3, also when a citizen's file is called as one of
// NAV's, and where SvarUt takes a name less than NAV does.
func TestFilerTilSvarUt(t *testing.T) {
	t.Parallel()
	doks := func(navn ...string) (ut []dokument) {
		for _, n := range navn {
			ut = append(ut, dokument{ID: "id:" + n, Filnavn: n, Mimetype: "application/pdf"})
		}
		return ut
	}
	hoved := func(navn, mimetype string) *dokument {
		return &dokument{Filnavn: navn, Mimetype: mimetype}
	}
	for navn, tt := range map[string]struct {
		kilde    string
		innhold  innhold
		want     []string
		utskrift []string
	}{
		"søknad": {KildeSoknad, innhold{Hoved: hoved("Soknad.pdf", "application/pdf"), Vedlegg: doks("Soknad-juridisk.pdf", "Brukerkvittering.pdf", "lønn.pdf", "bilde.jpg")},
			[]string{"soknad.json", "Soknad.pdf", "vedlegg.json", "Soknad-juridisk.pdf", "Brukerkvittering.pdf", "lønn.pdf", "bilde.jpg", "forsendelseMetadata.json"},
			[]string{"Soknad.pdf", "Soknad-juridisk.pdf"}},
		"søknad i annen rekkefølge, og borgerens navn som NAVs": {KildeSoknad, innhold{Hoved: hoved("soknad.pdf", "application/pdf"), Vedlegg: doks("lønn.pdf", "BRUKERKVITTERING.pdf", "soknad-juridisk.pdf", "Soknad-juridisk.pdf", "vedlegg.json", "a:b.pdf")},
			[]string{"soknad.json", "soknad.pdf", "vedlegg.json", "soknad-juridisk.pdf", "BRUKERKVITTERING.pdf", "lønn.pdf", "Soknad-juridisk-2.pdf", "vedlegg-2.json", "a_b.pdf", "forsendelseMetadata.json"},
			[]string{"soknad.pdf", "soknad-juridisk.pdf"}},
		"søknad som ikke er PDF": {KildeSoknad, innhold{Hoved: hoved("brev.odt", "application/vnd.oasis.opendocument.text")},
			[]string{"soknad.json", "brev.odt", "vedlegg.json", "forsendelseMetadata.json"}, nil},
		"ettersendelse": {KildeEttersendelse, innhold{Vedlegg: doks("a.pdf", "Brukerkvittering.pdf", "ettersendelse.pdf")},
			[]string{"ettersendelse.pdf", "vedlegg.json", "Brukerkvittering.pdf", "a.pdf", "forsendelseMetadata.json"}, []string{"ettersendelse.pdf"}},
		"ettersendelse, borgerens fil heter som NAVs": {KildeEttersendelse, innhold{Vedlegg: doks("ettersendelse.pdf", "Soknad-juridisk.pdf", "Ettersendelse.pdf")},
			[]string{"Ettersendelse.pdf", "vedlegg.json", "ettersendelse-2.pdf", "Soknad-juridisk.pdf", "forsendelseMetadata.json"}, []string{"Ettersendelse.pdf"}},
		"ettersendelse uten NAVs": {KildeEttersendelse, innhold{Vedlegg: doks("a.pdf", "b.pdf")},
			[]string{"a.pdf", "vedlegg.json", "b.pdf", "forsendelseMetadata.json"}, nil},
		"klage": {KildeKlage, innhold{Hoved: hoved("klage.pdf", "application/pdf"), Vedlegg: doks("soknad-juridisk.pdf", "klage.json")},
			[]string{"klage.json", "klage.pdf", "vedlegg.json", "soknad-juridisk.pdf", "klage-2.json", "forsendelseMetadata.json"}, []string{"klage.pdf"}},
		"ettersendelse til klage": {KildeKlageEttersendelse, innhold{Vedlegg: doks("ettersendelse.pdf")},
			[]string{"ettersendelse.pdf", "vedlegg.json", "forsendelseMetadata.json"}, nil},
	} {
		f := forsendelse{VedleggID: "v", Innhold: tt.innhold}
		if slagAv(tt.kilde).json != "" {
			f.MetadataID = "m"
		}
		s := sending{f: levering.Forsendelse{Filer: (&Service{}).leveringsfiler(f, slagAv(tt.kilde), nil, levering.KanalSvarUt)}}
		var got []string
		for _, fil := range s.f.Filer {
			got = append(got, fil.Navn)
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: %s", navn, d)
		}
		if d := cmp.Diff(tt.utskrift, s.utskrift()); d != "" {
			t.Errorf("%s: %s", navn, d)
		}
	}
}

// A municipality that has not said where SvarUt is to deliver is an alarm with
// the reason, not an attempt without end.
func TestUtenMottakerISvarUt(t *testing.T) {
	t.Parallel()
	for mangler, endre := range map[string]func(*KommuneKonfigurasjon){
		"organisasjonsnummerSvarUt": func(k *KommuneKonfigurasjon) { k.OrganisasjonsnummerSvarUt = "" },
		"postadresse.navn":          func(k *KommuneKonfigurasjon) { k.Postadresse.Navn = "" },
		"postadresse.postnummer":    func(k *KommuneKonfigurasjon) { k.Postadresse.Postnummer = " " },
		"postadresse.poststed":      func(k *KommuneKonfigurasjon) { k.Postadresse.Poststed = "" },
	} {
		t.Run(mangler, func(t *testing.T) {
			t.Parallel()
			h := nyttHus(t)
			h.settKonfig(t, func(k *KommuneKonfigurasjon) { k.BrukerFiksIO = false })
			id := h.nySoknad(t, kari, "110000001")
			k := konfig() // stored without being checked, as before there was a check
			endre(&k)
			forseglet, err := h.s.forseglKonfigurasjon(orgOslo, k)
			must(t, err)
			h.write(t, func(tx *store.Tx) error { return h.s.settKonfigurasjon(t.Context(), tx, orgOslo, forseglet) })
			h.lever(t)
			l, _, err := h.lev.Hent(t.Context(), h.DB.Read(), id)
			must(t, err)
			if !l.Alarm || len(h.svarUt.sett) != 0 || !strings.Contains(l.Grunn, "mangler "+mangler) {
				t.Errorf("%+v", l)
			}
			m, err := h.Epost.Alle(t.Context())
			must(t, err)
			if len(m) != 1 || !strings.Contains(m[0].Text, mangler) {
				t.Errorf("%+v", m)
			}
		})
	}
}
