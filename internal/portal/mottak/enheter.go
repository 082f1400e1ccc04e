package mottak

import (
	"context"
	"slices"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/digisos"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/levering"
)

// Avstemming is a service whose receivers tell what they have registered: what is
// delivered and not registered is a gap, which never closes by itself (§12).
type Avstemming interface {
	// Enheter are the person's offices, with their gaps, the oldest first.
	Enheter(ctx context.Context, av auth.Caller) ([]Enhet, error)
	// Registrer records that an office has registered what the ids name. Idempotent.
	// feil.IkkeFunnet for an office that is not the person's.
	Registrer(ctx context.Context, av auth.Caller, enhetID string, ider []string) (Avstemt, error)
	// LeverPaaNytt delivers what a gap names once more. Idempotent while it is on its
	// way. feil.IkkeFunnet, feil.Konflikt when there is no gap.
	LeverPaaNytt(ctx context.Context, av auth.Caller, enhetID, id string) error
}

// Enhet is an office that something is sent to.
type Enhet struct {
	ID       string // UUID
	Navn     string
	Tjeneste string // key of a text: what it is that is sent
	Om       string // key of a text: what happens when it is delivered once more
	// Of what was sent in the last 30 days: how much, how much of it a receipt says is
	// delivered, and how much of it the office has registered.
	Sendt, Bekreftet, Registrert int
	AntallAvvik                  int // all of them
	Avvik                        []Avvik
}

// Avvik is a gap. The texts are keys.
type Avvik struct {
	ID       string // UUID
	Hva      string // what kind it is
	Kanal    string // how it was delivered
	Ref      string // what the receiver's system knows it by, when that is not the id; no key
	Innsendt time.Time
	Levert   time.Time
	PaaVei   bool // it is being delivered once more
}

// Avstemt is the answer to what an office has registered.
type Avstemt struct {
	Registrert, Tidligere int      // closed by this, and before
	Ukjent                []string // ids of nothing that was sent to the office
	Ugyldige              int      // what is no id
	Gjenstaar             int      // gaps
}

// Bekymringsmelding lets the offices of barnevernet reconcile.
func Bekymringsmelding(s *bekymringsmelding.Service) Avstemming { return bekymring{s} }

type bekymring struct{ s *bekymringsmelding.Service }

var kanaler = map[bekymringsmelding.Kanal]string{
	bekymringsmelding.KanalFiksIO: "mottak.kanal.fiksio", bekymringsmelding.KanalSvarInn: "mottak.kanal.svarinn",
	bekymringsmelding.KanalManuell: "mottak.kanal.manuell", bekymringsmelding.KanalPrint: "mottak.kanal.print",
}

// Enheter implements Avstemming.
func (b bekymring) Enheter(ctx context.Context, av auth.Caller) (ut []Enhet, err error) {
	bydeler, err := b.s.MineBydeler(ctx, av)
	if err != nil {
		return nil, err
	}
	for _, bydel := range bydeler {
		tall, err := b.s.Avstemmingstall(ctx, bydel)
		if err != nil {
			return nil, err
		}
		avvik, err := b.s.Avvik(ctx, bydel)
		if err != nil {
			return nil, err
		}
		e := Enhet{ID: bydel.RessursID, Navn: kontor(bydel.Kommunenummer, bydel.Bydelsnummer, bydel.Navn), Tjeneste: "mottak.tjeneste.bekymring", Om: "mottak.lever.om.bekymring",
			Sendt: tall.Sendt, Bekreftet: tall.Bekreftet, Registrert: tall.Registrert, AntallAvvik: tall.Avvik}
		for _, a := range avvik {
			e.Avvik = append(e.Avvik, Avvik{ID: a.ID, Hva: typer[a.Type], Kanal: kanaler[a.Kanal], Innsendt: a.Innsendt, Levert: a.Levert, PaaVei: a.PaaVei})
		}
		ut = append(ut, e)
	}
	return ut, nil
}

func (b bekymring) bydel(ctx context.Context, av auth.Caller, enhetID string) (bekymringsmelding.Bydel, error) {
	mine, err := b.s.MineBydeler(ctx, av)
	if err != nil {
		return bekymringsmelding.Bydel{}, err
	}
	for _, bydel := range mine {
		if bydel.RessursID == enhetID {
			return bydel, nil
		}
	}
	return bekymringsmelding.Bydel{}, ukjentEnhet()
}

func ukjentEnhet() error { return feil.Ny(feil.IkkeFunnet, "Kontoret finnes ikke") }

// Registrer implements Avstemming.
func (b bekymring) Registrer(ctx context.Context, av auth.Caller, enhetID string, ider []string) (ut Avstemt, err error) {
	bydel, err := b.bydel(ctx, av, enhetID)
	if err != nil {
		return ut, err
	}
	svar, err := b.s.RegistrerMottatt(auth.With(ctx, av), bydel, ider)
	if err != nil {
		return ut, err
	}
	ut = Avstemt{Registrert: len(svar.Registrert), Tidligere: len(svar.TidligereMeldt), Gjenstaar: svar.GjenstaaendeAvvik}
	ut.Ukjent, ut.Ugyldige = kjenn(svar.Ukjent)
	return ut, nil
}

// LeverPaaNytt implements Avstemming.
func (b bekymring) LeverPaaNytt(ctx context.Context, av auth.Caller, enhetID, id string) error {
	bydel, err := b.bydel(ctx, av, enhetID)
	if err != nil {
		return err
	}
	return b.s.LeverPaaNytt(auth.With(ctx, av), bydel, id)
}

// Digisos lets municipalities reconcile what they are delivered from NAV, by those who
// administer them.
func Digisos(s *digisos.Service) Avstemming { return digisosene{s} }

type digisosene struct{ s *digisos.Service }

var digisoskanaler = map[string]string{levering.KanalFiksIO: "mottak.kanal.fiksio", levering.KanalSvarUt: "mottak.kanal.svarut"}

// digisostyper are what is sent, as keys.
var digisostyper = map[string]string{digisos.KildeSoknad: "mottak.type.soknad", digisos.KildeEttersendelse: "mottak.type.ettersendelse", digisos.KildeKlage: "mottak.type.klage",
	digisos.KildeKlageEttersendelse: "mottak.type.klagevedlegg", digisos.KildeKlageTrekk: "mottak.type.klagetrekk"}

// kommuner are those that the person reconciles for.
func (d digisosene) kommuner(ctx context.Context, av auth.Caller) ([]digisos.Kommuneavstemming, error) {
	alle, err := d.s.AvstemmingFor(ctx, av)
	return slices.DeleteFunc(alle, func(k digisos.Kommuneavstemming) bool { return !k.Paa }), err
}

// Enheter implements Avstemming.
func (d digisosene) Enheter(ctx context.Context, av auth.Caller) (ut []Enhet, err error) {
	alle, err := d.kommuner(ctx, av)
	if err != nil {
		return nil, err
	}
	for _, k := range alle {
		e := Enhet{ID: k.FiksOrgID, Navn: k.Navn, Tjeneste: "mottak.tjeneste.digisos", Om: "mottak.lever.om.digisos",
			Sendt: k.Sendt, Bekreftet: k.Bekreftet, Registrert: k.Registrert, AntallAvvik: k.AntallAvvik}
		for _, v := range k.Avvik {
			kanal, kjent := digisoskanaler[v.Kanal]
			if !kjent {
				kanal = "mottak.kanal.utenom"
			}
			a := Avvik{ID: v.ID, Hva: digisostyper[v.Kilde], Kanal: kanal, Innsendt: v.Innsendt, Levert: v.Levert, PaaVei: v.PaaVei}
			if v.ID != v.DigisosID { // the fagsystem knows it by its case and NAV's reference
				a.Ref = v.DigisosID + " / " + v.NavEksternRefID
			}
			e.Avvik = append(e.Avvik, a)
		}
		ut = append(ut, e)
	}
	return ut, nil
}

// min checks that the person reconciles for the municipality.
func (d digisosene) min(ctx context.Context, av auth.Caller, enhetID string) error {
	alle, err := d.kommuner(ctx, av)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(alle, func(k digisos.Kommuneavstemming) bool { return k.FiksOrgID == enhetID }) {
		return ukjentEnhet()
	}
	return nil
}

// Registrer implements Avstemming.
func (d digisosene) Registrer(ctx context.Context, av auth.Caller, enhetID string, ider []string) (ut Avstemt, err error) {
	if err := d.min(ctx, av, enhetID); err != nil {
		return ut, err
	}
	svar, err := d.s.RegistrerMottatt(auth.With(ctx, av), enhetID, ider)
	if err != nil {
		return ut, err
	}
	ut = Avstemt{Registrert: len(svar.Registrert), Tidligere: len(svar.TidligereMeldt), Gjenstaar: svar.GjenstaaendeAvvik}
	ut.Ukjent, ut.Ugyldige = kjenn(svar.Ukjent)
	return ut, nil
}

// LeverPaaNytt implements Avstemming.
func (d digisosene) LeverPaaNytt(ctx context.Context, av auth.Caller, enhetID, id string) error {
	if err := d.min(ctx, av, enhetID); err != nil {
		return err
	}
	return d.s.LeverPaaNytt(auth.With(ctx, av), enhetID, id)
}

// kjenn tells what is an id from what is none.
func kjenn(ider []string) (kjente []string, ugyldige int) {
	for _, id := range ider {
		if erID(id) {
			kjente = append(kjente, id)
		} else {
			ugyldige++
		}
	}
	return kjente, ugyldige
}
