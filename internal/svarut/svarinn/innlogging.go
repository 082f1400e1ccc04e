package svarinn

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/passord"
	"knutepunkt/internal/store"
)

// LagPassord makes the service password (shown once, 43 characters). The former
// one is void from then on. The person is logged in on level 4. feil.IngenTilgang,
// feil.IkkeFunnet. Audited.
func (s *Service) LagPassord(ctx context.Context, av auth.Caller, systemID string) (string, error) {
	return s.lagPassord(ctx, av, systemID, nil)
}

// LagPassordFra is LagPassord for whoever saw the password of that version
// (Mottakersystem.PassordVersjon) in use. feil.Konflikt when it is another one now:
// of two that are made at once, only one would hold.
func (s *Service) LagPassordFra(ctx context.Context, av auth.Caller, systemID, fra string) (string, error) {
	return s.lagPassord(ctx, av, systemID, &fra)
}

func (s *Service) lagPassord(ctx context.Context, av auth.Caller, systemID string, fra *string) (string, error) {
	m, err := s.krev(ctx, av, systemID, 4)
	if err != nil {
		return "", err
	}
	p, err := passord.Nytt()
	if err != nil {
		return "", err
	}
	if err := s.byttPassord(ctx, av, m, p, fra); err != nil {
		return "", err
	}
	return p, nil
}

// passordVersjon stands for a password where its digest must not.
func passordVersjon(digest string) string {
	if digest == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(digest))
	return hex.EncodeToString(sum[:16])
}

// SettPassord sets a given password; for seeding the sandbox only. feil.Ugyldig,
// feil.IkkeFunnet. Audited.
func (s *Service) SettPassord(ctx context.Context, av auth.Caller, systemID, p string) error {
	if err := passord.Valider(p); err != nil {
		return err
	}
	m, err := s.Mottakersystem(ctx, systemID)
	if err != nil {
		return err
	}
	return s.byttPassord(ctx, av, m, p, nil)
}

func (s *Service) byttPassord(ctx context.Context, av auth.Caller, m Mottakersystem, p string, fra *string) error {
	digest, err := s.hasher.Digest(p)
	if err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		if fra != nil {
			gammelt, err := passordDigest(ctx, tx, m.ID)
			if err != nil {
				return err
			}
			if passordVersjon(gammelt) != *fra {
				return feil.Ny(feil.Konflikt, "Passordet er nettopp byttet")
			}
		}
		if err := oppdater(ctx, tx, m.ID, `passord = $2`, digest); err != nil {
			return err
		}
		return s.revider(ctx, tx, av, m, "MOTTAKERSYSTEM_NYTT_PASSORD", "", m.ID)
	})
}

// LoggInn checks a mottakersystem's user name, which is its id, and password.
// feil.Uautentisert, one and the same for unknown names and wrong passwords.
func (s *Service) LoggInn(ctx context.Context, navn, p string) (string, error) {
	nei := feil.Ny(feil.Uautentisert, "Feil brukernavn eller passord. Brukernavnet er mottakersystemets id, og passordet lages på fanen Service")
	id := strings.ToLower(strings.TrimSpace(navn))
	if !erUUID(id) || len(p) > passord.Maks {
		return "", nei
	}
	digest, err := passordDigest(ctx, s.DB.Read(), id)
	if err != nil {
		return "", err
	}
	if digest == "" {
		return "", nei
	}
	ja, err := s.hasher.Stemmer(p, digest)
	if err != nil {
		return "", err
	}
	if !ja {
		return "", nei
	}
	return id, nil
}

// Varsles lists the addresses for alerts. feil.IngenTilgang, feil.IkkeFunnet.
func (s *Service) Varsles(ctx context.Context, av auth.Caller, systemID string) ([]string, error) {
	if _, err := s.krev(ctx, av, systemID, 0); err != nil {
		return nil, err
	}
	return s.varsles(ctx, s.DB.Read(), systemID)
}

// SettVarsles sets the addresses for alerts, separated by semicolons.
// feil.Ugyldig, feil.IngenTilgang, feil.IkkeFunnet. Audited.
func (s *Service) SettVarsles(ctx context.Context, av auth.Caller, systemID, adresser string) error {
	return s.settVarsles(ctx, av, systemID, nil, adresser)
}

// SettVarslesFra is SettVarsles for whoever saw the addresses fra. feil.Konflikt
// when they are others now, unless they are those that are sent.
func (s *Service) SettVarslesFra(ctx context.Context, av auth.Caller, systemID string, fra []string, adresser string) error {
	return s.settVarsles(ctx, av, systemID, &fra, adresser)
}

func (s *Service) settVarsles(ctx context.Context, av auth.Caller, systemID string, fra *[]string, adresser string) error {
	liste, err := Adresser(adresser)
	if err != nil {
		return err
	}
	m, err := s.krev(ctx, av, systemID, 0)
	if err != nil {
		return err
	}
	b, err := json.Marshal(liste)
	if err != nil {
		return fmt.Errorf("encoding addresses: %w", err)
	}
	forseglet, err := s.Ring.Seal(varslesSted(m.ID), b)
	if err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		if fra != nil {
			naa, err := s.varsles(ctx, tx, m.ID)
			switch {
			case err != nil:
				return err
			case slices.Equal(naa, liste): // sent twice
				return nil
			case !slices.Equal(naa, *fra):
				return feil.Ny(feil.Konflikt, "Adressene er endret av noen andre i mellomtiden")
			}
		}
		if err := oppdater(ctx, tx, m.ID, `varsles = $2`, forseglet); err != nil {
			return err
		}
		return s.revider(ctx, tx, av, m, "MOTTAKERSYSTEM_VARSLING_ENDRET", "", fmt.Sprint(len(liste)))
	})
}

func varslesSted(systemID string) string { return "svarinn.varsles:" + systemID }
