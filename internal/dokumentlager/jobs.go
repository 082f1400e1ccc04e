package dokumentlager

import (
	"context"
	"fmt"
	"time"

	"knutepunkt/internal/store"
)

const (
	utlopDuty  = "dokumentlager.utlop"
	utlopBunke = 100 // documents expired in one transaction
)

// nesteUtlop tells when the next document expires.
func (s *Service) nesteUtlop(ctx context.Context) (time.Time, error) {
	var til int64
	err := s.db.Read().QueryRowContext(ctx, `SELECT COALESCE(MIN(tilgjengelig_til), 0) FROM dokumenter
		WHERE slettet = 0 AND tilgjengelig_til > 0`).Scan(&til)
	if err != nil {
		return time.Time{}, fmt.Errorf("finding the next document to expire: %w", err)
	}
	return store.Time(til), nil
}

// utlop deletes the content of every document whose time is over.
func (s *Service) utlop(ctx context.Context, naa time.Time) error {
	for {
		ids, err := utloper(ctx, s.db.Read(), naa, utlopBunke)
		if err != nil || len(ids) == 0 {
			return err
		}
		err = s.db.Write(ctx, func(tx *store.Tx) error {
			for _, id := range ids {
				if err := s.Slett(ctx, tx, id); err != nil {
					return err
				}
				if err := skrivHendelse(ctx, tx, id, Hendelse{Tidspunkt: naa, Melding: "Utløpt", Aktor: "PLATTFORM"}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("expiring documents: %w", err)
		}
	}
}
