package svarinn

import (
	"context"
	"fmt"

	"knutepunkt/internal/store"
	"knutepunkt/internal/utlop"
)

// Sertifikatutlop hands in the certificates of the mottakersystemer of an organisation, or
// of all for "": utlop.Kilde.
func (s *Service) Sertifikatutlop(ctx context.Context, fiksOrgID string) ([]utlop.Post, error) {
	rows, err := s.DB.Read().QueryContext(ctx, `SELECT id, fiks_org, navn, utloper FROM svarinn_mottakersystemer
		WHERE utloper <> 0 AND ($1 = '' OR fiks_org = $1)`, fiksOrgID)
	if err != nil {
		return nil, fmt.Errorf("reading certificates of mottakersystemer: %w", err)
	}
	defer rows.Close()
	var ut []utlop.Post
	for rows.Next() {
		p := utlop.Post{Slag: utlop.SvarInnSertifikat}
		var utloper int64
		if err := rows.Scan(&p.ID, &p.FiksOrgID, &p.Navn, &utloper); err != nil {
			return nil, fmt.Errorf("reading certificates of mottakersystemer: %w", err)
		}
		p.Utloper = store.Time(utloper)
		ut = append(ut, p)
	}
	return ut, rows.Err()
}
