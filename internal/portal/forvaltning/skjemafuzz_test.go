package forvaltning_test

import (
	"net/url"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/portal/forvaltning"
	"knutepunkt/internal/portal/portaltest"
)

// Whatever a browser sends in a form, what passes is what Digisos takes.
func FuzzSkjema(f *testing.F) {
	f.Add("kanal=svarinn&navn=NAV+Testby&orgnr=310+000+248&postnr=9901&poststed=Testby&ansvarlig=x&nks=ja&oppdateringer=nei&fagansvarlig=a%40b.no&teknisk=a%40b.no%3B+c%40d.no&aktivt=ja")
	f.Add("kanal=&navn=%00%ff&orgnr=%C2%A0310000248&fagansvarlig=%22a%22%40b.no&teknisk=a%40b.no%0d%0aBcc:x%40y.no")
	f.Add("navn=" + strings.Repeat("%C3%B8", 100))
	f.Fuzz(func(t *testing.T, kropp string) {
		inn, err := url.ParseQuery(kropp)
		if err != nil {
			return
		}
		te := portal.Tolk(func(n string, _ ...any) string { return n })
		alle := forvaltning.StegFelt(te, []portal.Valg{{Verdi: forvaltning.UtenFiksIO}})
		samlet, holder := url.Values{}, true
		for _, s := range alle {
			v := portal.Rens(s, inn)
			for navn, verdier := range v {
				for _, x := range verdier {
					if !utf8.ValidString(x) || strings.TrimSpace(x) != x {
						t.Errorf("%s is kept as %q", navn, x)
					}
				}
				samlet[navn] = verdier
			}
			sk := portal.LesSkjema(te, s, v, true)
			holder = holder && len(sk.Feil) == 0
			if igjen := portal.LesSkjema(te, s, portal.Rens(s, v), true); len(igjen.Feil) != len(sk.Feil) {
				t.Errorf("cleaned twice, the form has other faults: %v, %v", sk.Feil, igjen.Feil)
			}
		}
		k := forvaltning.FraFelt(portaltest.Konfig(), samlet)
		if holder {
			if err := k.Validate(); err != nil {
				t.Errorf("%q passed: %v", kropp, err)
			}
		}
	})
}

// Whatever a browser sends as an address, what passes is what Fiks IO takes, and
// is shown again as it was.
func FuzzAdresse(f *testing.F) {
	f.Add("beskrivelse=Digisos&orgnr=310+000+248%0d%0a310000310&navenhet=0219,0220&protokoll=no.nav.digisos.fagsystem.v1&niva=4&niva=3&aktiv=ja")
	f.Add("beskrivelse=%3cb%3e&orgnr=%00%ff&navenhet=%C2%A00219;;&protokoll=x&niva=5&aktiv=nei")
	f.Add("navenhet=" + strings.Repeat("1", 21) + "&aktiv=ja&aktiv=nei")
	f.Fuzz(func(t *testing.T, kropp string) {
		inn, err := url.ParseQuery(kropp)
		if err != nil {
			return
		}
		te := portal.Tolk(func(n string, _ ...any) string { return n })
		defs := forvaltning.Adressefelt(te, fiksio.Adresse{})
		v := portal.Rens(defs, inn)
		if len(forvaltning.SjekkKontoadresse(te, defs, v).Feil) > 0 {
			return
		}
		a := forvaltning.FraAdressesvar(defs, fiksio.Adresse{}, v)
		if err := a.Validate(); err != nil {
			t.Errorf("%q passed: %v", kropp, err)
		}
		if a.Aktiv && !a.Gyldig() {
			t.Errorf("%q is active and incomplete", kropp)
		}
		if igjen := forvaltning.FraAdressesvar(defs, fiksio.Adresse{}, forvaltning.Adressesvar(a)); !reflect.DeepEqual(a, igjen) {
			t.Errorf("%+v is shown as %+v", a, igjen)
		}
	})
}
