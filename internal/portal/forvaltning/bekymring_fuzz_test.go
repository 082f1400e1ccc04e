package forvaltning_test

import (
	"net/url"
	"testing"

	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/portal/forvaltning"
)

// Whatever a browser sends as a new office, what passes is what the service takes.
func FuzzBydel(f *testing.F) {
	f.Add("nummer=0+1&navn=Sentrum&telefon=%2B47+99-01&kontakter=a%40b.no%3B+c%40d.no&adressenavn=Barnevernet&adresse1=Gata+1&postnr=9901&poststed=x&kanal=brev")
	f.Add("nummer=00&navn=a%c2%85b%00&telefon=1--2&kontakter=%22a%22%40b.no+.a%40b.no+a%40b.n0&adressenavn=%ff&adresse1=%7f&adresse2=%0d%0a&postnr=%d9%a1%d9%a2%d9%a3%d9%a4&poststed=%e2%80%a8&kanal=manuelt")
	f.Add("nummer=99&navn=N&kontakter=" + "a@b.no+c@d.example.no" + "&adressenavn=B&adresse1=G&postnr=0001&poststed=P&kanal=fiks-io")
	f.Fuzz(func(t *testing.T, kropp string) {
		inn, err := url.ParseQuery(kropp)
		if err != nil {
			return
		}
		te := portal.Tolk(func(n string, _ ...any) string { return n })
		defs := forvaltning.NyBydelFelt(te)
		v := portal.Rens(defs, inn)
		if len(portal.LesSkjema(te, defs, v, true).Feil) > 0 {
			return
		}
		b := bekymringsmelding.Bydel{Bydelsnummer: v.Get("nummer"), Navn: v.Get("navn"), Telefon: v.Get("telefon"), Kontakter: portal.Adresser(v.Get("kontakter")),
			Adresse: forvaltning.Bydeladresse(v), Kanal: bekymringsmelding.KanalPrint, Fagsystem: bekymringsmelding.FagsystemUkjent, StottetVersjon: skjema.V2}
		if err := b.Validate(); err != nil {
			t.Errorf("%q passed: %v", kropp, err)
		}
	})
}
