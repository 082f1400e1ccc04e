package bekymring_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"knutepunkt/internal/pdf/pdftest"
	"knutepunkt/internal/portal/portaltest"
)

// skrevet is what people write, and what they do not.
var skrevet = rapid.OneOf(
	rapid.StringOfN(rapid.RuneFrom([]rune("aæøåÁđŋ \n\r\t\v\f+-.@0123456789\"<&\\\u0085\u2028\u2029\u00a0\ufeff\u200b😀\x00\x1b\ufffd")), 0, 40, -1),
	rapid.StringOfN(rapid.Rune(), 0, 30, -1),
	rapid.SampledFrom([]string{"", " ", "12345678", "+47 12-34", "a@b.no", "a+b@c.no", "9901", "310000248", portaltest.Admin, "ja", "nei", "\xff\xfe",
		strings.Repeat("lang ", 190), strings.Repeat("\r\n", 900), strings.Repeat("😀", 1100)}),
)

// ettEller is mostly what is asked for, and now and then anything.
func ettEller(navn string, riktig ...string) func(*rapid.T) string {
	return func(rt *rapid.T) string {
		if rapid.IntRange(0, 7).Draw(rt, navn+" er noe annet") == 0 {
			return skrevet.Draw(rt, navn)
		}
		return rapid.SampledFrom(riktig).Draw(rt, navn)
	}
}

// svarene are the fields of a form's steps, drawn.
func svarene(rt *rapid.T, sti string) (ut []struct {
	steg string
	felt url.Values
}) {
	legg := func(steg string, felt url.Values) {
		ut = append(ut, struct {
			steg string
			felt url.Values
		}{steg, felt})
	}
	ett := func(felt url.Values, navn string, riktig ...string) { felt.Set(navn, ettEller(navn, riktig...)(rt)) }
	adr := func(felt url.Values, for_ string) {
		ett(felt, for_+"adresse", "Storgata 1", "Ved\r\nskolen")
		ett(felt, for_+"postnr", "", "9901")
		ett(felt, for_+"poststed", "", "Sápmi")
	}
	deg := url.Values{}
	ett(deg, "telefon", "+47 12-34", "12345678")
	adr(deg, "")
	antall := rapid.SampledFrom([]int{1, 1, 2, 5, 50}).Draw(rt, "barn")
	barn := url.Values{"barn-antall": {fmt.Sprint(antall)}}
	for nr := 1; nr <= antall; nr++ {
		f := fmt.Sprintf("barn%d-", nr)
		if antall > 5 { // as many as there can be, all alike
			barn.Set(f+"navn", "Barn")
			barn.Set(f+"orientert", "ja")
			continue
		}
		ett(barn, f+"navn", "Lise", "Per\nPål")
		adr(barn, f)
		if sti == "privat" {
			ett(barn, f+"alder", "", "fem")
			ett(barn, f+"relasjon", "", "nabo")
			continue
		}
		ett(barn, f+"ufoedt", "", "", "ja")
		ett(barn, f+"fnr", "", "1.1.2012", "i mars")
		ett(barn, f+"telefon", "", "12345678")
		ett(barn, f+"orientert", "ja", "nei")
		ett(barn, f+"grunn", "For lite", "a\r\n\u2028b")
	}
	sak := url.Values{}
	ett(sak, "melding", "Gråter.\r\n\r\nHver natt.", "\u2028x\v\fy")
	if sti == "privat" {
		legg("om-deg", deg)
		legg("om-barna", barn)
		legg("bekymringen", sak)
		return ut
	}
	ett(deg, "rolle", "Lærer", "Lege\u0085vikar")
	ett(deg, "epost", "lærer@skole.no")
	ett(deg, "orgnr", "", "310 000 248")
	ett(deg, "virksomhet", "Skolen")
	foreldre := url.Values{"forelder-antall": {rapid.SampledFrom([]string{"1", "2", "3", "x", ""}).Draw(rt, "foreldre")}}
	ett(foreldre, "forelder-ukjent", "", "", "ja")
	for _, f := range []string{"forelder1-", "forelder2-"} {
		if foreldre.Get("forelder-ukjent") == "ja" {
			continue
		}
		ett(foreldre, f+"navn", "Far", "Mor\r\nMor")
		ett(foreldre, f+"telefon", "", "ukjent nummer")
		ett(foreldre, f+"orientert", "ja", "nei")
		ett(foreldre, f+"grunn", "Vold", "a\nb")
	}
	tolk := url.Values{}
	ett(tolk, "tolk", "", "Somali\r\nog arabisk")
	ett(tolk, "instanser", "", "PPT")
	ett(sak, "historie", "Lenge", "a\r\rb")
	ett(sak, "synspunkter", "", "Farmor er enig")
	legg("om-deg", deg)
	legg("om-barna", barn)
	legg("om-foreldrene", foreldre)
	legg("tolk-og-instanser", tolk)
	legg("bekymringen", sak)
	return ut
}

// lestPDF is a document's texts with its PDF.
type lestPDF struct {
	dokument string
	pdf      []byte
}

const maksLest = 40 // PDFs that are read

// ikkeTekst are the fields whose values are no words of their own, and those that the page
// did not ask for.
func ikkeTekst(navn, bydel string) bool {
	return strings.HasSuffix(navn, "antall") || navn == "handling" || navn == "synspunkter" && bydel == portaltest.BydelV1 ||
		strings.HasPrefix(navn, "forelder2-") || strings.HasSuffix(navn, "ufoedt") || strings.HasSuffix(navn, "ukjent") || strings.HasSuffix(navn, "orientert")
}

// ordene are the parts of a text in which nothing is folded, escaped or drawn otherwise.
func ordene(s string) []string {
	return strings.FieldsFunc(s, func(c rune) bool { return c > 'z' || c < '0' || c > '9' && c < 'A' || c > 'Z' && c < 'a' })
}

// utenMerker is a text without the marks on its letters: who reads a PDF puts letter and
// mark together in ways of his own.
func utenMerker(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.Is(unicode.Mn, c) {
			return -1
		}
		return c
	}, norm.NFD.String(s))
}

// tekstene are all texts of a document but its time, which the PDF has in another form.
func tekstene(d any) (ut string) {
	switch d := d.(type) {
	case map[string]any:
		for navn, v := range d {
			if navn != "sendingstidspunkt" {
				ut += tekstene(v)
			}
		}
	case []any:
		for _, v := range d {
			ut += tekstene(v)
		}
	case string:
		ut = d + "\n"
	}
	return ut
}

// Whatever is written, the page tells at a field what is to be put right, and has what
// was written; or a document is sent that the schema takes, with all that was written in
// it, and in its PDF.
func TestHvaSomHelstSkrives(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Bydeler(t)
	n := h.Som(t, portaltest.Admin)
	antallSendt, antallFeil := 0, 0
	var sendte []lestPDF
	rapid.Check(t, func(rt *rapid.T) {
		sti := rapid.SampledFrom([]string{"privat", "offentlig"}).Draw(rt, "skjema")
		bydel := rapid.SampledFrom([]string{portaltest.BydelV1, portaltest.BydelV2}).Draw(rt, "bydel")
		n.Post(t, "/"+sti+"/til/9901/"+bydel, "handling", "forfra").Til(t, "/"+sti+"/steg/om-deg")
		hele := true
		alle := svarene(rt, sti)
		for _, s := range alle {
			s.felt.Set("handling", "neste")
			svar := n.Be(t, "POST", "/"+sti+"/steg/"+s.steg, s.felt)
			switch svar.StatusCode {
			case 303:
			case 422:
				hele = false
				antallFeil++
				if !strings.Contains(svar.HTML, "ds-error-summary") || !strings.Contains(svar.HTML, "ds-validation-message") {
					rt.Fatalf("%s says not what is wrong:\n%s", s.steg, svar.HTML)
				}
			default:
				rt.Fatalf("%s: %d\n%s", s.steg, svar.StatusCode, svar.HTML)
			}
			// Every word of it is there when one comes back.
			igjen := html.UnescapeString(n.Get(t, "/"+sti+"/steg/"+s.steg).Er(t, 200).HTML)
			for navn, v := range s.felt {
				if ikkeTekst(navn, bydel) {
					continue
				}
				for _, ord := range ordene(v[0]) {
					if !strings.Contains(igjen, ord) {
						rt.Fatalf("%q of %s is lost", ord, navn)
					}
				}
			}
		}
		over := n.Get(t, "/"+sti+"/steg/se-over")
		if !hele {
			if over.StatusCode != 303 {
				rt.Fatalf("the review can be come to with faults: %d", over.StatusCode)
			}
			return
		}
		svar := send(t, n, sti, over.Er(t, 200))
		if svar.StatusCode != 303 {
			rt.Fatalf("what has no fault is not sent: %d\n%s", svar.StatusCode, svar.HTML)
		}
		antallSendt++
		kvittering := svar.Header.Get("Location")
		_, _, b := dokumentet(t, h, referanse(t, n.Get(t, kvittering).Er(t, 200)))
		var d any
		portaltest.Must(t, json.Unmarshal(b, &d))
		dokument := tekstene(d)
		for _, s := range alle {
			for navn, v := range s.felt {
				if ikkeTekst(navn, bydel) {
					continue
				}
				for _, ord := range ordene(v[0]) {
					if !strings.Contains(dokument, ord) {
						rt.Fatalf("%q of %s is not in the document:\n%s", ord, navn, b)
					}
				}
			}
		}
		if len(sendte) < maksLest {
			sendte = append(sendte, lestPDF{dokument, []byte(n.Get(t, kvittering+"/pdf").Er(t, 200).HTML)})
		}
	})
	for _, s := range sendte {
		tekst := utenMerker(strings.Join(strings.Fields(pdftest.Tekst(t, s.pdf, pdftest.Innhold()...)), ""))
		for _, ord := range ordene(utenMerker(s.dokument)) {
			if !strings.Contains(tekst, ord) {
				t.Errorf("%q of the document is not in the PDF:\n%s", ord, tekst)
			}
		}
	}
	t.Logf("%d were sent, %d had faults", antallSendt, antallFeil)
	if antallSendt == 0 || antallFeil == 0 {
		t.Errorf("%d were sent and %d had faults: nothing was tried", antallSendt, antallFeil)
	}
}
