package bekymring

import (
	"errors"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"time"

	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/portal"
)

// What stands for what is not known, or cannot be. The receiver reads it, so it is
// bokmål whatever the language of the pages.
const (
	ukjent      = "Ukjent"
	ufoedt      = "Ufødt barn"
	ikkeFoedt   = "Barnet er ikke født."
	ukjentGrunn = "Melderen vet ikke hvem foreldrene er."
)

func (m mottaker) mottak() skjema.Mottak {
	return skjema.Mottak{Kommunenummer: m.Kommunenummer, Kommunenavn: m.Kommune, Bydelsnummer: m.Bydelsnummer, Bydelsnavn: m.Bydel.Navn}
}

func eller(s, ellers string) string {
	if s == "" {
		return ellers
	}
	return s
}

func adresse(v url.Values, for_ string) skjema.Adresse {
	return skjema.Adresse{Adresselinje1: v.Get(for_ + "adresse"), Postnummer: v.Get(for_ + "postnr"), Poststed: v.Get(for_ + "poststed")}
}

// utfylt are the answers with what stands for those that are not known, as the document
// has them and the review shows them.
func utfylt(typ skjema.Type, v url.Values) url.Values {
	ut := maps.Clone(v)
	ellers := func(felt, verdi string) { ut.Set(felt, eller(v.Get(felt), verdi)) }
	barn := privatSteg[1] // of both forms
	for nr := 1; nr <= barn.antall(v); nr++ {
		f := barn.prefiks(nr)
		ellers(f+"adresse", ukjent)
		if v.Get(f+"ufoedt") == kryss {
			ellers(f+"navn", ufoedt)
			ellers(f+"grunn", ikkeFoedt)
			ut.Set(f+"orientert", "nei")
		}
	}
	if typ == skjema.TypeOffentlig && v.Get("forelder-ukjent") == kryss {
		ut.Set("forelder-antall", "1")
		ut.Set("forelder1-navn", ukjent)
		ut.Set("forelder1-orientert", "nei")
		ut.Set("forelder1-grunn", ukjentGrunn)
	}
	return ut
}

// privat is the document of the answers so far.
func privat(m mottaker, v url.Values) skjema.Privat {
	v = utfylt(skjema.TypePrivat, v)
	a := adresse(v, "")
	p := skjema.Privat{Mottak: m.mottak(), PrivatMelder: skjema.PrivatMelder{Telefonnummer: v.Get("telefon"), Adresse: &a}, Melding: v.Get("melding")}
	barn := privatSteg[1]
	for nr := 1; nr <= barn.antall(v); nr++ {
		f := barn.prefiks(nr)
		p.PrivatBarn = append(p.PrivatBarn, skjema.PrivatBarn{Personnavn: v.Get(f + "navn"), AntattAlder: v.Get(f + "alder"),
			Adresse: adresse(v, f), Relasjon: v.Get(f + "relasjon")})
	}
	return p
}

// offentlig is the document of the answers so far.
func offentlig(m mottaker, v url.Values) skjema.Offentlig {
	v = utfylt(skjema.TypeOffentlig, v)
	o := skjema.Offentlig{Mottak: m.mottak(), BehovForTolk: v.Get("tolk"), AndreHjelpeinstanser: v.Get("instanser"),
		OffentligMelder: skjema.OffentligMelder{Rolle: v.Get("rolle"), Telefonnummer: v.Get("telefon"), Epost: v.Get("epost"),
			Virksomhet: skjema.Virksomhet{Orgnr: v.Get("orgnr"), Navn: v.Get("virksomhet"), Adresse: adresse(v, "")}},
		Melding: skjema.OffentligMelding{Melding: v.Get("melding"), Historie: v.Get("historie"), AndreSynspunkter: v.Get("synspunkter")}}
	barn, foreldre := offentligSteg[1], offentligSteg[2]
	for nr := 1; nr <= barn.antall(v); nr++ {
		f := barn.prefiks(nr)
		o.OffentligBarn = append(o.OffentligBarn, skjema.OffentligBarn{Ufoedt: v.Get(f+"ufoedt") == kryss, Fnr: v.Get(f + "fnr"),
			Personnavn: v.Get(f + "navn"), Telefonnummer: v.Get(f + "telefon"), Adresse: adresse(v, f),
			Orientert: v.Get(f+"orientert") == "ja", OrientertGrunn: v.Get(f + "grunn")})
	}
	for nr := 1; nr <= foreldre.antall(v); nr++ {
		f := foreldre.prefiks(nr)
		o.Foresatte = append(o.Foresatte, skjema.Foresatt{Personnavn: v.Get(f + "navn"), Telefonnummer: v.Get(f + "telefon"),
			Orientert: v.Get(f+"orientert") == "ja", OrientertGrunn: v.Get(f + "grunn")})
	}
	return o
}

// lag makes the document when it is sent, with what the server sets.
func lag(typ skjema.Type, m mottaker, v url.Values) func(navn string, sendt time.Time, kanal string) bekymringsmelding.Dokument {
	return func(navn string, sendt time.Time, kanal string) bekymringsmelding.Dokument {
		if typ == skjema.TypePrivat {
			p := privat(m, v)
			_ = p.Rens() // the schema judges what comes of it
			p.PrivatMelder.Personnavn, p.Sendingstidspunkt, p.Leveringskanal = navn, skjema.Tidspunkt(sendt), kanal
			return p
		}
		o := offentlig(m, v)
		_ = o.Rens()
		o.OffentligMelder.Personnavn, o.Sendingstidspunkt, o.Leveringskanal = navn, skjema.Tidspunkt(sendt), kanal
		return o
	}
}

// skjemafeil tells of a step's fields what the document would not take, in what the
// pages themselves have not found fault with.
func skjemafeil(typ skjema.Type, m mottaker, v url.Values, spraak string, gs []*gruppe) {
	var err error
	if typ == skjema.TypePrivat {
		p := privat(m, v)
		err = p.Rens()
	} else {
		o := offentlig(m, v)
		err = o.Rens()
	}
	u, ja := errors.AsType[*skjema.Ugyldig](err)
	if !ja {
		return
	}
	for _, f := range u.Feil {
		navn := feltnavn(f.Felt)
		for _, g := range gs {
			tekst := f.Paa(spraak)
			if g.Tittel != "" {
				tekst = g.Tittel + ": " + tekst
			}
			g.si(navn, tekst)
		}
	}
}

var feltnavnene = map[string]string{
	"personnavn": "navn", "telefonnummer": "telefon", "antattAlder": "alder", "relasjon": "relasjon", "orientertGrunn": "grunn", "fnr": "fnr",
	"adresselinje1": "adresse", "postnummer": "postnr", "poststed": "poststed", "rolle": "rolle", "epost": "epost", "orgnr": "orgnr",
	"navn": "virksomhet", "melding": "melding", "historie": "historie", "andreSynspunkter": "synspunkter", "behovForTolk": "tolk", "andreHjelpeinstanser": "instanser",
}

// feltnavn is the field that a member of the document is filled in by; "" when none is.
func feltnavn(medlem string) string {
	deler := strings.Split(medlem, ".")
	siste := feltnavnene[deler[len(deler)-1]]
	grupper := map[string]string{"privatBarn": "barn", "offentligBarn": "barn", "foresatte": "forelder"}
	if g := grupper[deler[0]]; g != "" && len(deler) > 2 && siste != "" {
		if nr, err := strconv.Atoi(deler[1]); err == nil {
			return g + strconv.Itoa(nr+1) + "-" + siste
		}
	}
	return siste
}

// svarene are the answers of a step for the review: one list for each child or guardian.
func svarene(t portal.Tolk, s steg, v url.Values, adresse string) (ut []portal.Gruppe) {
	for _, g := range s.grupper(t, v, false) {
		gr := portal.Gruppe{Tittel: t(s.tittel), URL: adresse}
		if g.Tittel != "" {
			gr.Tittel, gr.URL = g.Tittel, adresse+"#"+g.Forst
		} else if s.gruppe != "" {
			continue // what its box stands for is among the others
		}
		gr.Endre = t("bek.endre", "hva", gr.Tittel)
		for _, f := range g.Felt {
			gr.Svar = append(gr.Svar, svaret(t, f.Etikett, f.Slag, f.Verdi, f.Valg))
		}
		ut = append(ut, gr)
	}
	return ut
}

func svaret(t portal.Tolk, navn, slag, verdi string, valg []portal.Valg) portal.Svar {
	ut := portal.Svar{Navn: navn, Verdi: verdi}
	if slag == "valg" || slag == "kryss" {
		ut.Verdi = ""
		for _, o := range valg {
			if o.Valgt && o.Verdi != "" {
				ut.Verdi = o.Etikett
			}
		}
		if slag == "kryss" && ut.Verdi == "" {
			ut.Verdi = t("nei")
		}
	}
	ut.Verdi = eller(ut.Verdi, t("bek.ikkeoppgitt"))
	return ut
}
