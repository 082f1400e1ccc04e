package bekymringsmelding

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

// Ventende is a report that waits to be fetched by hand (§8).
type Ventende struct {
	ID, FiksOrgID, RessursID, Kommunenummer, Bydelsnummer, Bydelsnavn string
	Type                                                              skjema.Type
	Innsendt, Frist                                                   time.Time // Frist: then it goes as a letter
	Siden                                                             time.Time // when it was laid here
	PaaNytt                                                           bool      // it was delivered before, and comes once more after a gap
	LastetNed                                                         time.Time // first download; zero: none
}

// mottaksniva is the login level for reading reports.
const mottaksniva = 4

// maksBydeler bounds how many bydeler of one person are looked at.
const maksBydeler = 1000

// mineBydeler are the bydeler whose reports the person may read: those on which the
// privilege was given, by itself. An administrator gives it, also to himself, and that
// is audited; being one is not enough to read.
func (s *Service) mineBydeler(ctx context.Context, av auth.Caller) ([]string, error) {
	if av.Slag != auth.Person || av.Fnr == "" || av.Niva < mottaksniva {
		return nil, nil
	}
	holdt, err := s.Organisasjon.Holdte(ctx, organisasjon.Sok{Aktor: av.Fnr, Privilegier: []string{auth.BekymringMottak},
		Type: organisasjon.TypeBydel, Under: organisasjon.RotID, Arv: true, Maks: maksBydeler})
	if err != nil {
		return nil, fmt.Errorf("finding a person's bydeler: %w", err)
	}
	var ut []string
	for _, h := range holdt {
		ut = append(ut, h.ID)
	}
	slices.Sort(ut)
	return slices.Compact(ut), nil
}

// MineBydeler are the offices whose reports the person may read, also deactivated
// ones, by municipality and number.
func (s *Service) MineBydeler(ctx context.Context, av auth.Caller) ([]Bydel, error) {
	mine, err := s.mineBydeler(ctx, av)
	if err != nil {
		return nil, err
	}
	var ut []Bydel
	for _, id := range mine {
		b, err := s.BydelMedRessurs(ctx, id)
		if feil.Er(err, feil.IkkeFunnet) { // a ressurs without an office receives nothing
			continue
		} else if err != nil {
			return nil, err
		}
		ut = append(ut, b)
	}
	slices.SortFunc(ut, func(a, b Bydel) int {
		return strings.Compare(a.Kommunenummer+a.Bydelsnummer, b.Kommunenummer+b.Bydelsnummer)
	})
	return ut, nil
}

// Venter lists what waits for the person to be fetched by hand, the oldest first, in
// an organisation ("" for all). Only what was sent while MANUELL_MOTTAK was the
// bydel's channel is there (§8).
func (s *Service) Venter(ctx context.Context, av auth.Caller, fiksOrgID string) ([]Ventende, error) {
	bydeler, err := s.mineBydeler(ctx, av)
	if err != nil {
		return nil, err
	}
	var ut []Ventende
	for _, ressurs := range bydeler {
		koen, err := s.koen(ctx, s.DB.Read(), `WHERE ressurs_id = $1 AND tilstand = 'VENTER' AND kanal = 'MANUELL_MOTTAK' ORDER BY opprettet, melding_id`, ressurs)
		if err != nil {
			return nil, err
		}
		for _, k := range koen {
			if fiksOrgID != "" && k.fiksOrg != fiksOrgID {
				continue
			}
			m, err := hentMelding(ctx, s.DB.Read(), k.meldingID)
			if err != nil {
				return nil, err
			}
			l, _, err := s.Levering.Hent(ctx, s.DB.Read(), m.ID)
			if err != nil {
				return nil, fmt.Errorf("delivery of %s: %w", m.ID, err)
			}
			ut = append(ut, Ventende{ID: m.ID, FiksOrgID: m.FiksOrgID, RessursID: m.RessursID, Kommunenummer: m.Kommunenummer,
				Bydelsnummer: m.Bydelsnummer, Bydelsnavn: m.Bydelsnavn, Type: m.Type, Innsendt: m.Innsendt, Frist: l.Frist,
				Siden: k.opprettet, PaaNytt: m.Tilstand == Levert, LastetNed: k.lastetNed})
		}
	}
	slices.SortStableFunc(ut, func(a, b Ventende) int { return a.Innsendt.Compare(b.Innsendt) })
	return ut, nil
}

// kanLese finds a report of manual reception that the person may read; feil.IkkeFunnet,
// one and the same for what is not there and what is another's.
func (s *Service) kanLese(ctx context.Context, q store.Queryer, mine []string, id string) (iKo, error) {
	k, err := s.hentIKo(ctx, q, strings.ToLower(id))
	if err != nil {
		return k, err
	}
	if k.kanal != KanalManuell || !slices.Contains(mine, k.ressursID) {
		return k, ukjentMelding()
	}
	return k, nil
}

// Nedlasting is a report's PDF that is ready to be sent to a person.
type Nedlasting struct {
	Filnavn   string
	Storrelse int64 // bytes
	// Skriv streams the PDF, and audits that it was given. It may be called once.
	Skriv func(ctx context.Context, w io.Writer) error
}

// LastNed makes the PDF of a report ready, for a person of the bydel. It confirms
// nothing. feil.IkkeFunnet, feil.Slettet when it does not wait any more.
func (s *Service) LastNed(ctx context.Context, av auth.Caller, id string) (Nedlasting, error) {
	mine, err := s.mineBydeler(ctx, av)
	if err != nil {
		return Nedlasting{}, err
	}
	k, err := s.kanLese(ctx, s.DB.Read(), mine, id)
	if err != nil {
		return Nedlasting{}, err
	}
	m, err := hentMelding(ctx, s.DB.Read(), k.meldingID)
	if err != nil {
		return Nedlasting{}, err
	}
	if k.tilstand != koVenter || !m.Slettet.IsZero() {
		return Nedlasting{}, feil.Ny(feil.Slettet, "Meldingen venter ikke lenger på å bli hentet her")
	}
	return Nedlasting{Filnavn: "bekymringsmelding-" + m.ID + ".pdf", Storrelse: k.dokument.Storrelse,
		Skriv: func(ctx context.Context, w io.Writer) error {
			slipp, err := taPlass(ctx, s.hentes)
			if err != nil {
				return err
			}
			defer slipp()
			if err := s.lastetNed(ctx, k, av); err != nil { // before the first byte: what was read is never unaudited
				return err
			}
			return s.skrivPDF(ctx, m.asiceBlob, k.dokument, w)
		}}, nil
}

// Bekreft records that a person of the bydel has stored the report safely: it is
// delivered and reconciled. Idempotent, audited. feil.IkkeFunnet, feil.Konflikt when
// it has gone as a letter.
func (s *Service) Bekreft(ctx context.Context, av auth.Caller, id string) error {
	mine, err := s.mineBydeler(ctx, av)
	if err != nil {
		return err
	}
	sent := false
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		k, err := s.kanLese(ctx, tx, mine, id)
		if err != nil {
			return err
		}
		ok, err := s.kvitter(ctx, tx, k)
		if err != nil {
			return err
		}
		sent = !ok
		return s.logg(ctx, tx, audit.Hendelse{Principal: av, Handling: forSent("BEKYMRINGSMELDING_BEKREFTET", ok), FiksOrg: k.fiksOrg, Underressurs: k.meldingID})
	})
	if err == nil && sent {
		return feil.Ny(feil.Konflikt, "Meldingen er sendt som brev, fordi den ikke ble bekreftet innen fristen. Brevet kommer i posten")
	}
	return err
}

// SendTilPrint has a report sent as a letter instead, as a person of the bydel asks.
// Idempotent, audited. feil.IkkeFunnet, feil.Konflikt when it is confirmed.
func (s *Service) SendTilPrint(ctx context.Context, av auth.Caller, id string) error {
	mine, err := s.mineBydeler(ctx, av)
	if err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		k, err := s.kanLese(ctx, tx, mine, id)
		if err != nil {
			return err
		}
		switch k.tilstand {
		case koKvittert:
			return feil.Ny(feil.Konflikt, "Meldingen er bekreftet mottatt og sendes ikke som brev")
		case koVenter:
		default:
			return nil
		}
		if _, err := s.Levering.GaVidere(ctx, tx, k.meldingID, "Mottakeren ba om å få meldingen som brev"); err != nil {
			return err
		}
		return s.logg(ctx, tx, audit.Hendelse{Principal: av, Handling: "BEKYMRINGSMELDING_SENDT_TIL_PRINT", FiksOrg: k.fiksOrg, Underressurs: k.meldingID})
	})
}

// Kvittering is what a sender is shown of a report.
type Kvittering struct {
	Melding
	Hendelser []Hendelse // its states, oldest first
	Levering  levering.Levering
}

// Kvittering finds a report with its states; feil.IkkeFunnet. Whoever calls decides
// who may see it: the id is what only its sender has.
func (s *Service) Kvittering(ctx context.Context, id string) (Kvittering, error) {
	m, err := hentMelding(ctx, s.DB.Read(), strings.ToLower(id))
	if err != nil {
		return Kvittering{}, err
	}
	alle, err := s.hendelser(ctx, s.DB.Read(), m.ID)
	if err != nil {
		return Kvittering{}, err
	}
	ut := Kvittering{Melding: m}
	for _, h := range alle {
		if h.Offentlig {
			h.Fritekst = ""
			ut.Hendelser = append(ut.Hendelser, h)
		}
	}
	ut.Levering, err = s.Levering.ForKilde(ctx, s.DB.Read(), Kilde, m.ID)
	return ut, err
}
