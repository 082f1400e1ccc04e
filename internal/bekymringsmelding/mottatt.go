package bekymringsmelding

import (
	"context"
	"fmt"
	"slices"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// Stand is where a report of manual reception is, as its office sees it.
type Stand string

// The stands.
const (
	StandVenter     Stand = "VENTER"     // to be fetched by hand
	StandBekreftet  Stand = "BEKREFTET"  // a person has confirmed that it is in the fagsystem
	StandRegistrert Stand = "REGISTRERT" // it was told in the reconciliation, without having been confirmed
	StandBrev       Stand = "BREV"       // it goes or went as a letter
	StandAnnen      Stand = "ANNEN"      // sent while the office had another channel: never here (§8)
)

// Mottatt is a report as its office sees it: never what it says.
type Mottatt struct {
	Melding
	Stand     Stand
	Siden     time.Time // when it came to this stand
	Frist     time.Time // StandVenter: then it goes as a letter
	PaaNytt   bool      // it was delivered before, and came once more after a gap
	LastetNed time.Time // first download of this delivery; zero: none
	// Hendelser are its states as the sender sees them, oldest first.
	Hendelser []Hendelse
}

// Mottatt finds a report that was sent for manual reception, for a person of its
// office, whether it waits or not. feil.IkkeFunnet.
func (s *Service) Mottatt(ctx context.Context, av auth.Caller, id string) (Mottatt, error) {
	mine, err := s.mineBydeler(ctx, av)
	if err != nil {
		return Mottatt{}, err
	}
	k, err := s.kanLese(ctx, s.DB.Read(), mine, id)
	if err != nil {
		return Mottatt{}, err
	}
	m, err := hentMelding(ctx, s.DB.Read(), k.meldingID)
	if err != nil {
		return Mottatt{}, err
	}
	return s.somMottatt(ctx, m)
}

const (
	// mottattDager is how far back offices see what does not wait any more.
	mottattDager = 30
	// maksMottatte bounds how many reports of an office are listed.
	maksMottatte = 200
)

// Hentede lists what does not wait any more in the person's offices, the newest first:
// of the last 30 days, and what is a letter that is not delivered yet; at most 200 of
// each office. What was sent while the office had another channel is among it, as
// StandAnnen.
func (s *Service) Hentede(ctx context.Context, av auth.Caller) ([]Mottatt, error) {
	bydeler, err := s.MineBydeler(ctx, av)
	if err != nil {
		return nil, err
	}
	fra := store.Micros(s.mottattFra())
	var ut []Mottatt
	for _, b := range bydeler {
		alle, err := meldinger(ctx, s.DB.Read(), `WHERE fiks_org = $1 AND ressurs_id = $2 AND (innsendt >= $3 OR levert >= $3 OR levert = 0)
			AND (kanal <> 'MANUELL_MOTTAK' OR tilstand <> 'AKSEPTERT')
			AND NOT EXISTS (SELECT 1 FROM bekymring_ko k WHERE k.melding_id = bekymring_melding.id AND k.kanal = 'MANUELL_MOTTAK' AND k.tilstand = 'VENTER')
			ORDER BY innsendt DESC, id LIMIT $4 + 0`, b.FiksOrgID, b.RessursID, fra, maksMottatte)
		if err != nil {
			return nil, err
		}
		for _, m := range alle {
			r, err := s.somMottatt(ctx, m)
			if err != nil {
				return nil, err
			}
			ut = append(ut, r)
		}
	}
	slices.SortStableFunc(ut, func(a, b Mottatt) int { return b.Siden.Compare(a.Siden) })
	return ut, nil
}

func (s *Service) mottattFra() time.Time { return s.Klokke.Now().AddDate(0, 0, -mottattDager) }

// somMottatt adds to a report what its office sees.
func (s *Service) somMottatt(ctx context.Context, m Melding) (Mottatt, error) {
	ut := Mottatt{Melding: m, Stand: StandAnnen, Siden: m.Innsendt}
	alle, err := s.hendelser(ctx, s.DB.Read(), m.ID)
	if err != nil {
		return ut, err
	}
	for _, h := range alle {
		if h.Offentlig {
			h.Fritekst = ""
			ut.Hendelser = append(ut.Hendelser, h)
			ut.Siden = h.Tidspunkt
		}
	}
	if m.Kanal != KanalManuell {
		return ut, nil
	}
	l, err := s.Levering.ForKilde(ctx, s.DB.Read(), Kilde, m.ID)
	if err != nil {
		return ut, fmt.Errorf("delivery of %s: %w", m.ID, err)
	}
	k, err := s.hentIKo(ctx, s.DB.Read(), m.ID)
	if err != nil && !feil.Er(err, feil.IkkeFunnet) {
		return ut, err
	}
	ut.LastetNed, ut.PaaNytt = k.lastetNed, l.Runde > 1 && l.Runde == m.digitalRunde
	switch {
	case k.tilstand == koVenter:
		ut.Stand, ut.Siden, ut.Frist = StandVenter, k.opprettet, l.Frist
	case l.Tilstand == levering.Bekreftet && l.Kanal == levering.KanalUtenom:
		ut.Stand, ut.Siden = StandRegistrert, m.Levert
	case l.Tilstand == levering.Bekreftet && l.Kanal == kanalManuell: // also after the deadline, before there was a letter
		ut.Stand, ut.Siden = StandBekreftet, m.Levert
	default:
		ut.Stand = StandBrev
	}
	return ut, nil
}

// Avstemmingstall are the reports of an office: those of the last 30 days, and all
// gaps, however old.
type Avstemmingstall struct {
	Sendt      int // to the office, by whatever channel
	Bekreftet  int // of these: a receipt says that they are delivered
	Registrert int // of these: the office has told that they are in the fagsystem
	Avvik      int // delivered and not registered
}

// Avstemmingstall counts what there is to reconcile in an office (§12).
func (s *Service) Avstemmingstall(ctx context.Context, b Bydel) (t Avstemmingstall, err error) {
	q, fra := s.DB.Read(), store.Micros(s.mottattFra())
	if err := q.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(CASE WHEN levert > 0 THEN 1 ELSE 0 END), 0),
			coalesce(sum(CASE WHEN EXISTS (SELECT 1 FROM bekymring_avstemt a WHERE a.melding_id = bekymring_melding.id) THEN 1 ELSE 0 END), 0)
			FROM bekymring_melding WHERE fiks_org = $1 AND innsendt >= $2 AND ressurs_id = $3`, b.FiksOrgID, fra, b.RessursID).
		Scan(&t.Sendt, &t.Bekreftet, &t.Registrert); err != nil {
		return t, fmt.Errorf("counting the reports of an office: %w", err)
	}
	if t.Avvik, err = antallAvvik(ctx, q, b.RessursID); err != nil {
		return t, err
	}
	return t, nil
}

func antallAvvik(ctx context.Context, q store.Queryer, ressursID string) (n int, err error) {
	if err := q.QueryRowContext(ctx, `SELECT count(*) FROM bekymring_melding WHERE ressurs_id = $1 AND levert > 0 AND `+ikkeAvstemt, ressursID).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting gaps: %w", err)
	}
	return n, nil
}
