package svarinn

import (
	"context"
	"fmt"
	"time"

	"knutepunkt/internal/store"
)

// Spor is how far a test of a set-up (levering.Post.BareSvarInn) has come with its
// mottakersystem. What has not happened is zero.
type Spor struct {
	Klar      time.Time // put into the queue
	Listet    time.Time // first seen in a list that the mottakersystem fetched
	LastetNed time.Time
	Kvittert  time.Time
	Feilet    time.Time // the mottakersystem said that it can never take it
	// Feilmelding is what it said last of why it could not take the test, for good or
	// for now.
	Feilmelding string
}

// Spor reads the trace of a forsendelse; all zero for one that never came here.
func (s *Service) Spor(ctx context.Context, id string) (Spor, error) {
	var ut Spor
	rows, err := s.DB.Read().QueryContext(ctx, `SELECT nr, tidspunkt, slag, tekst FROM svarinn_hendelser WHERE forsendelse = $1 ORDER BY nr`, id)
	if err != nil {
		return ut, fmt.Errorf("reading the trace of %s: %w", id, err)
	}
	defer rows.Close()
	til := map[string]*time.Time{
		hendelseKlar: &ut.Klar, hendelseListet: &ut.Listet, hendelseHentet: &ut.LastetNed, hendelseLastetNed: &ut.LastetNed,
		hendelseKvittert: &ut.Kvittert, hendelseManMottatt: &ut.Kvittert, hendelsePermanent: &ut.Feilet, hendelseManFeilet: &ut.Feilet,
	}
	for rows.Next() {
		var nr int
		var naar int64
		var slag string
		var tekst []byte
		if err := rows.Scan(&nr, &naar, &slag, &tekst); err != nil {
			return ut, fmt.Errorf("reading the trace of %s: %w", id, err)
		}
		if t := til[slag]; t != nil && t.IsZero() {
			*t = store.Time(naar)
		}
		if len(tekst) > 0 {
			klar, err := s.Ring.Open(hendelseSted(id, nr), tekst)
			if err != nil {
				return ut, fmt.Errorf("trace of %s: %w", id, err)
			}
			ut.Feilmelding = string(klar)
		}
	}
	return ut, rows.Err()
}

// merkProve notes, once for each, that something happened to tests. The receiver
// has been answered: a fault here is told in the log alone.
func (s *Service) merkProve(ctx context.Context, slag string, ider ...string) {
	if len(ider) == 0 {
		return
	}
	// The receiver may have hung up; what it got it has.
	ctx, slutt := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer slutt()
	for _, id := range ider {
		finnes, err := harHendelse(ctx, s.DB.Read(), id, slag) // those who ask for the list each second write once
		if err == nil && !finnes {
			err = s.DB.Write(ctx, func(tx *store.Tx) error {
				if finnes, err := harHendelse(ctx, tx, id, slag); err != nil || finnes {
					return err
				}
				return s.noter(ctx, tx, id, slag, "")
			})
		}
		if err != nil {
			s.Log.WarnContext(ctx, "what happened to a test could not be noted", "forsendelse", id, "hendelse", slag, "err", err)
		}
	}
}

func harHendelse(ctx context.Context, q store.Queryer, id, slag string) (ja bool, err error) {
	err = q.QueryRowContext(ctx, `SELECT COUNT(*) > 0 FROM svarinn_hendelser WHERE forsendelse = $1 AND slag = $2`, id, slag).Scan(&ja)
	if err != nil {
		return false, fmt.Errorf("reading the history of %s: %w", id, err)
	}
	return ja, nil
}
