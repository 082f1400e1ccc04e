package skjema

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// MaksForesporsel bounds a request, in bytes.
const MaksForesporsel = 1 << 20

// LesPrivat reads a request of the skjema API (§5): the document but for the
// reporter's name, the time and the channel, which the server adds. *Ugyldig names the
// members as the request has them. Members that are not known are passed over; of the
// reporter's number V1 demands the form, and nothing is kept.
func LesPrivat(v Versjon, r io.Reader) (p Privat, err error) {
	rot, err := lesRot(r)
	if err != nil {
		return p, err
	}
	p.Mottak = rot.mottak()
	melder := rot.objekt("melder", true)
	if fnr := melder.tekst("fnr"); v == V1 && !fnrForm.MatchString(fnr) {
		melder.feil("fnr", RegelFnr)
	}
	p.PrivatMelder.Telefonnummer = melder.tekst("telefonnummer")
	if adresse := melder.objekt("adresse", false); adresse.m != nil {
		a := adresse.adresse()
		p.PrivatMelder.Adresse = &a
	}
	for _, b := range rot.liste("barn", MaksBarn) {
		p.PrivatBarn = append(p.PrivatBarn, PrivatBarn{
			Personnavn:  b.tekst("personnavn"),
			AntattAlder: b.tekst("antattAlder"),
			Adresse:     b.objekt("adresse", true).adresse(),
			Relasjon:    b.tekst("relasjon"),
		})
	}
	p.Melding = rot.tekst("melding")
	return p, rot.ferdig(p.Rens())
}

// LesOffentlig reads a request of the skjema API, as LesPrivat does. Nothing that a
// person wrote is left out of it for V1, which has no member for the views of others:
// Dokument adds them to the concern.
func LesOffentlig(_ Versjon, r io.Reader) (o Offentlig, err error) {
	rot, err := lesRot(r)
	if err != nil {
		return o, err
	}
	o.Mottak = rot.mottak()
	melder := rot.objekt("melder", true)
	virksomhet := melder.objekt("virksomhet", true)
	o.OffentligMelder = OffentligMelder{
		Rolle:         melder.tekst("rolle"),
		Telefonnummer: melder.tekst("telefonnummer"),
		Epost:         melder.tekst("epost"),
		Virksomhet: Virksomhet{
			Orgnr:   virksomhet.tekst("orgnr"),
			Navn:    virksomhet.tekst("navn"),
			Adresse: virksomhet.objekt("adresse", true).adresse(),
		},
	}
	for _, b := range rot.liste("barn", MaksBarn) {
		barn := OffentligBarn{
			Ufoedt:         b.jaNei("ufoedt"),
			Fnr:            b.tekst("fnr"),
			Personnavn:     b.tekst("personnavn"),
			Telefonnummer:  b.tekst("telefonnummer"),
			Adresse:        b.objekt("adresse", true).adresse(),
			Orientert:      b.jaNei("orientert"),
			OrientertGrunn: b.tekst("orientertGrunn"),
		}
		if enLinje(barn.Fnr) == "" { // a document may have it so, a request not
			b.feil("fnr", RegelKrevd)
		}
		o.OffentligBarn = append(o.OffentligBarn, barn)
	}
	for _, f := range rot.liste("foresatte", MaksForesatte) {
		o.Foresatte = append(o.Foresatte, Foresatt{
			Personnavn:     f.tekst("personnavn"),
			Telefonnummer:  f.tekst("telefonnummer"),
			Orientert:      f.jaNei("orientert"),
			OrientertGrunn: f.tekst("orientertGrunn"),
		})
	}
	o.BehovForTolk = rot.tekst("behovForTolk")
	melding := rot.objekt("melding", true)
	o.Melding = OffentligMelding{
		Melding:          melding.tekst("melding"),
		Historie:         melding.tekst("historie"),
		AndreSynspunkter: melding.tekst("andreSynspunkter"),
	}
	o.AndreHjelpeinstanser = rot.tekst("andreHjelpeinstanser")
	return o, rot.ferdig(o.Rens())
}

// objekt is an object of a request, and where it stands. One that is missing has no
// members; what is told of it covers them.
type objekt struct {
	u   *Ugyldig
	sti string // ends with a dot, but for the root
	m   map[string]any
}

func lesRot(r io.Reader) (objekt, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaksForesporsel+1))
	if err != nil {
		return objekt{}, fmt.Errorf("skjema: reading a request: %w", err)
	}
	if len(b) > MaksForesporsel {
		return objekt{}, ugyldig("", RegelStor)
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return objekt{}, ugyldig("", RegelJSON)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return objekt{}, ugyldig("", RegelType)
	}
	return objekt{u: &Ugyldig{}, m: m}, nil
}

func (o objekt) feil(navn string, r Regel) {
	if felt := o.sti + navn; !o.u.dekker(felt) {
		o.u.legg(felt, r, 0)
	}
}

// verdi is a member of a type; null is as missing. Of the wrong type it is a fault.
func verdi[T any](o objekt, navn string) (v T, finnes bool) {
	if o.m[navn] == nil {
		return v, false
	}
	v, ok := o.m[navn].(T)
	if !ok {
		o.feil(navn, RegelType)
	}
	return v, ok
}

func (o objekt) tekst(navn string) string {
	s, _ := verdi[string](o, navn)
	return s
}

// jaNei must be there: what nobody has said is not a no.
func (o objekt) jaNei(navn string) bool {
	ja, finnes := verdi[bool](o, navn)
	if !finnes {
		o.feil(navn, RegelKrevd)
	}
	return ja
}

func (o objekt) objekt(navn string, krevd bool) objekt {
	m, finnes := verdi[map[string]any](o, navn)
	if !finnes && krevd {
		o.feil(navn, RegelKrevd)
	}
	return objekt{o.u, o.sti + navn + ".", m}
}

// liste has at most maks objects.
func (o objekt) liste(navn string, maks int) (ut []objekt) {
	alle, _ := verdi[[]any](o, navn)
	if len(alle) > maks {
		o.u.legg(o.sti+navn, RegelFlere, maks)
		return nil
	}
	for i, v := range alle {
		sti := fmt.Sprintf("%s%s.%d", o.sti, navn, i)
		m, ok := v.(map[string]any)
		if !ok {
			o.u.legg(sti, RegelType, 0)
		}
		ut = append(ut, objekt{o.u, sti + ".", m})
	}
	return ut
}

func (o objekt) mottak() Mottak {
	return Mottak{o.tekst("kommunenummer"), o.tekst("kommunenavn"), o.tekst("bydelsnummer"), o.tekst("bydelsnavn")}
}

func (o objekt) adresse() Adresse {
	return Adresse{o.tekst("adresselinje1"), o.tekst("adresselinje2"), o.tekst("adresselinje3"), o.tekst("postnummer"), o.tekst("poststed")}
}

// ferdig adds the faults of the document, by the names of the request, to those of the
// request itself.
func (o objekt) ferdig(err error) error {
	if u, ok := errors.AsType[*Ugyldig](err); ok {
		for _, f := range u.Feil {
			forst, rest, _ := strings.Cut(f.Felt, ".")
			switch forst {
			case "privatMelder", "offentligMelder":
				f.Felt = "melder." + rest
			case "privatBarn", "offentligBarn":
				f.Felt = strings.TrimSuffix("barn."+rest, ".")
			}
			if !o.u.dekker(f.Felt) {
				o.u.Feil = append(o.u.Feil, f)
			}
		}
	}
	return o.u.feil()
}
