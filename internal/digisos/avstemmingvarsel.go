package digisos

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

const (
	avvikPlikt = "digisos.avvik" // tells of what is delivered and not registered
	visteAvvik = 50              // gaps in one e-mail, the oldest
)

// avvikTimer is the hour of the day, in Oslo, at which people are told of gaps.
var avvikTimer = []int{8}

// nesteAvvik: the hour of the day after the last time, when there is a gap old enough.
func (s *Service) nesteAvvik(ctx context.Context) (time.Time, error) {
	var eldste int64
	if err := s.DB.Read().QueryRowContext(ctx, `SELECT coalesce(min(u.levert), 0) `+apneAvvik).Scan(&eldste); err != nil {
		return time.Time{}, fmt.Errorf("asking for the oldest gap: %w", err)
	}
	if eldste == 0 {
		return time.Time{}, nil
	}
	fra := store.Time(eldste).Add(s.cfg.AvvikEtter)
	sist, err := sistKjort(ctx, s.DB.Read(), avvikPlikt)
	if sist.After(fra) {
		fra = sist
	}
	return klokke.NesteKlokkeslett(fra, avvikTimer), err
}

func sistKjort(ctx context.Context, q store.Queryer, navn string) (time.Time, error) {
	var sist int64
	err := q.QueryRowContext(ctx, `SELECT sist FROM digisos_plikt WHERE navn = $1`, navn).Scan(&sist)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, fmt.Errorf("asking when %s ran: %w", navn, err)
	}
	return store.Time(sist), nil
}

type epost struct {
	til         []string
	emne, tekst string
}

// varsleAvvik tells the contacts of each municipality with gaps, once a day: which, and
// how old. Ids and references name nobody.
func (s *Service) varsleAvvik(ctx context.Context, naa time.Time) error {
	kl := klokke.SisteKlokkeslett(naa, avvikTimer)
	til := kl.Add(-s.cfg.AvvikEtter)
	orger, err := kolonne(ctx, s.DB.Read(), `SELECT DISTINCT u.fiks_org_id `+apneAvvik+` AND u.levert <= $1 ORDER BY u.fiks_org_id`, store.Micros(til))
	if err != nil {
		return fmt.Errorf("listing municipalities with gaps: %w", err)
	}
	var brev []epost
	for _, org := range orger {
		e, err := s.avviksvarsel(ctx, org, til, kl)
		if err != nil {
			return err
		}
		brev = append(brev, e)
	}
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		sist, err := sistKjort(ctx, tx, avvikPlikt)
		if err != nil || !sist.Before(kl) { // another process has told
			return err
		}
		for _, e := range brev {
			if s.Mail == nil || len(e.til) == 0 {
				continue
			}
			if err := s.Mail.Send(ctx, tx, e.til, e.emne, e.tekst); err != nil {
				return fmt.Errorf("telling of gaps: %w", err)
			}
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO digisos_plikt (navn, sist) VALUES ($1, $2)
			ON CONFLICT (navn) DO UPDATE SET sist = excluded.sist`, avvikPlikt, store.Micros(kl)); err != nil {
			return fmt.Errorf("noting that %s ran: %w", avvikPlikt, err)
		}
		return nil
	})
}

// avviksvarsel is the e-mail to a municipality's contacts, both those of the subject and
// the technical ones: the ones look in the fagsystem, the others at why.
func (s *Service) avviksvarsel(ctx context.Context, fiksOrgID string, til, kl time.Time) (epost, error) {
	q := s.DB.Read()
	konf, err := s.lesKonfigurasjon(ctx, q, "fiks_org_id", fiksOrgID)
	if err != nil {
		return epost{}, err
	}
	antall, err := antallAvvik(ctx, q, `u.fiks_org_id = $1 AND u.levert <= $2`, fiksOrgID, store.Micros(til))
	if err != nil {
		return epost{}, err
	}
	alle, err := s.lesAvvik(ctx, q, fiksOrgID, til, visteAvvik)
	if err != nil {
		return epost{}, err
	}
	var b strings.Builder
	hva := "1 forsendelse"
	if antall != 1 {
		hva = fmt.Sprintf("%d forsendelser", antall)
	}
	fmt.Fprintf(&b, "%s fra Fiks Digisos til kommune %s er levert, men dere har ikke meldt at det er registrert i fagsystemet:\n\n", hva, konf.Kommunenummer)
	for _, a := range alle {
		fmt.Fprintf(&b, "%s, DigisosId %s, referanse fra NAV %s, levert for %s siden\n", slagAv(a.Kilde).navn, a.DigisosID, a.NavEksternRefID, dogn(kl.Sub(a.Levert)))
	}
	if antall > len(alle) {
		fmt.Fprintf(&b, "… og %d til\n", antall-len(alle))
	}
	b.WriteString("\nFinn dem i fagsystemet og meld dem registrert, eller be om å få dem levert på nytt. Innholdet er lagret kryptert til det er gjort.\n")
	mottakere := append(slices.Clone(konf.Kontaktpersoner.FagansvarligEpost), konf.Kontaktpersoner.TekniskAnsvarligEpost...)
	slices.Sort(mottakere)
	return epost{slices.Compact(mottakere), "Søknader fra Fiks Digisos er levert, men ikke registrert", b.String()}, nil
}

func dogn(d time.Duration) string {
	if n := int(d / (24 * time.Hour)); n > 0 {
		return fmt.Sprintf("%d døgn", n)
	}
	return "under ett døgn"
}
