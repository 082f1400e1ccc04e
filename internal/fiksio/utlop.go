package fiksio

import (
	"context"
	"crypto/x509"
	"fmt"

	"knutepunkt/internal/utlop"
)

// Sertifikatutlop hands in the certificates of the kontoer of an organisation, or of all for
// "": utlop.Kilde. The platform's own konto has that of the platform's key, which
// is handed in with it.
func (s *Service) Sertifikatutlop(ctx context.Context, fiksOrgID string) ([]utlop.Post, error) {
	ks, err := s.Kontoer(ctx, fiksOrgID)
	if err != nil {
		return nil, err
	}
	var ut []utlop.Post
	for _, k := range ks {
		if k.Sertifikat == nil || k.Intern {
			continue
		}
		c, err := x509.ParseCertificate(k.Sertifikat)
		if err != nil {
			return nil, fmt.Errorf("reading the certificate of konto %s: %w", k.ID, err)
		}
		ut = append(ut, utlop.Post{Slag: utlop.FiksIOSertifikat, ID: k.ID, FiksOrgID: k.FiksOrgID, Navn: k.Navn, Utloper: c.NotAfter})
	}
	return ut, nil
}
