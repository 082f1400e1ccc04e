package bekymringsmelding

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

// Bydeler lists a municipality's bydeler that can receive, by number: none when it has
// not activated the service. One of them is the standardMottaker.
func (s *Service) Bydeler(ctx context.Context, kommunenummer string) ([]Bydel, error) {
	return s.lesBydeler(ctx, s.DB.Read(), `WHERE kommunenummer = $1 AND deaktivert = 0 ORDER BY bydelsnummer`, kommunenummer)
}

// Bydel finds a bydel that can receive; feil.IkkeFunnet also for a deactivated one.
func (s *Service) Bydel(ctx context.Context, kommunenummer, bydelsnummer string) (Bydel, error) {
	return s.enBydel(ctx, s.DB.Read(), `WHERE kommunenummer = $1 AND bydelsnummer = $2 AND deaktivert = 0`, kommunenummer, bydelsnummer)
}

// BydelMedRessurs finds a bydel, also a deactivated one; feil.IkkeFunnet.
func (s *Service) BydelMedRessurs(ctx context.Context, ressursID string) (Bydel, error) {
	return s.enBydel(ctx, s.DB.Read(), `WHERE ressurs_id = $1`, ressursID)
}

// BydelMedIntegrasjon finds the bydel whose SvarInn user the integrasjon is; feil.IkkeFunnet.
func (s *Service) BydelMedIntegrasjon(ctx context.Context, integrasjonID string) (Bydel, error) {
	if integrasjonID == "" {
		return Bydel{}, feil.Ny(feil.IkkeFunnet, "Bydelen finnes ikke")
	}
	return s.enBydel(ctx, s.DB.Read(), `WHERE integrasjon_id = $1`, integrasjonID)
}

// BydelerI lists an organisation's bydeler, also the deactivated, by number.
func (s *Service) BydelerI(ctx context.Context, fiksOrgID string) ([]Bydel, error) {
	return s.lesBydeler(ctx, s.DB.Read(), `WHERE fiks_org = $1 ORDER BY bydelsnummer`, fiksOrgID)
}

// SokBydeler lists the bydeler whose name has sok in it, or whose fiksOrgId or
// ressursId it is ("": all), in an organisation ("": all), by municipality and number.
func (s *Service) SokBydeler(ctx context.Context, fiksOrgID, sok string) ([]Bydel, error) {
	alle, err := s.lesBydeler(ctx, s.DB.Read(), `WHERE $1 = '' OR fiks_org = $1 ORDER BY kommunenummer, bydelsnummer`, fiksOrgID)
	if err != nil {
		return nil, err
	}
	sok = strings.ToLower(strings.TrimSpace(sok))
	return slices.DeleteFunc(alle, func(b Bydel) bool {
		return !strings.Contains(strings.ToLower(b.Navn), sok) && b.FiksOrgID != sok && b.RessursID != sok
	}), nil
}

// egenBydelI finds an organisation's bydel; feil.IkkeFunnet also for another's.
func (s *Service) egenBydelI(ctx context.Context, q store.Queryer, fiksOrgID, ressursID string) (Bydel, error) {
	return s.enBydel(ctx, q, `WHERE fiks_org = $1 AND ressurs_id = $2`, fiksOrgID, ressursID)
}

// OpprettBydel makes a receiving office of a municipality, with its ressurs and what
// its channel needs, and takes the service into use. The first one becomes the
// standardMottaker. feil.Ugyldig (KodeBydelsnummerOpptatt when the number is taken),
// feil.IkkeFunnet for the organisation. Audited.
func (s *Service) OpprettBydel(ctx context.Context, fiksOrgID string, n NyBydel) (Bydel, error) {
	org, err := s.Organisasjon.Organisasjon(ctx, fiksOrgID)
	if err != nil {
		return Bydel{}, err
	}
	if !kommuneForm.MatchString(org.Kommunenummer) {
		return Bydel{}, feil.Ny(feil.Ugyldig, "Organisasjonen har ikke noe kommunenummer, og kan derfor ikke ha bydeler")
	}
	b := Bydel{RessursID: cmp.Or(n.RessursID, uuid.NewString()), FiksOrgID: org.ID, Kommunenummer: org.Kommunenummer,
		Bydelsnummer: n.Bydelsnummer, Navn: strings.TrimSpace(n.Navn), Adresse: n.Adresse, Kontakter: n.Kontakter, Telefon: n.Telefon}
	k, err := s.forberedKonto(ctx, org, b, n.Konto)
	if err != nil {
		return Bydel{}, err
	}
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		if err := s.brukKonto(ctx, tx, &b, k); err != nil {
			return err
		}
		if err := b.Validate(); err != nil {
			return err
		}
		if err := s.settInnBydel(ctx, tx, &b); err != nil {
			return err
		}
		tjeneste, err := s.Organisasjon.TaIBruk(ctx, tx, org.ID, organisasjon.TypeBekymringsmelding)
		if err != nil {
			return fmt.Errorf("taking Bekymringsmelding into use: %w", err)
		}
		if err := s.Organisasjon.OpprettRessurs(ctx, tx, organisasjon.Ressurs{ID: b.RessursID, Forelder: tjeneste, Type: organisasjon.TypeBydel, Navn: b.Navn}); err != nil {
			return err
		}
		har, err := harStandard(ctx, tx, org.ID)
		if err != nil {
			return err
		}
		if !har || n.StandardMottaker {
			if err := s.blirStandard(ctx, tx, &b); err != nil {
				return err
			}
		}
		return s.loggBydel(ctx, tx, b, "BYDEL_OPPRETTET", b.Bydelsnummer+","+string(b.Kanal))
	})
	return b, err
}

// endreBydel changes a bydel that is still of a version (0: whichever), and audits it.
func (s *Service) endreBydel(ctx context.Context, fiksOrgID, ressursID string, versjon int64, handling string, fn func(tx *store.Tx, b *Bydel) error) (b Bydel, err error) {
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		if b, err = s.egenBydelI(ctx, tx, fiksOrgID, ressursID); err != nil {
			return err
		}
		if versjon != 0 && versjon != b.Versjon {
			return bydelEndret()
		}
		navn := b.Navn
		if err := fn(tx, &b); err != nil {
			return err
		}
		if err := b.Validate(); err != nil {
			return err
		}
		if b.Navn != navn {
			if err := s.Organisasjon.GiNavn(ctx, tx, b.RessursID, b.Navn); err != nil {
				return err
			}
		}
		if err := s.lagreBydel(ctx, tx, &b); err != nil {
			return err
		}
		return s.loggBydel(ctx, tx, b, handling, string(b.Kanal))
	})
	return b, err
}

func bydelEndret() error {
	return feil.Ny(feil.Konflikt, "Bydelen er endret av noen andre i mellomtiden. Hent den på nytt, og prøv igjen")
}

// EndreBydelNavn gives a bydel another number and name ("": as it is). versjon is the
// one that the change was decided from (0: whichever). feil.Ugyldig, feil.IkkeFunnet,
// feil.Konflikt. Audited.
func (s *Service) EndreBydelNavn(ctx context.Context, fiksOrgID, ressursID string, versjon int64, nummer, navn string) (Bydel, error) {
	return s.endreBydel(ctx, fiksOrgID, ressursID, versjon, "BYDEL_ENDRET", func(_ *store.Tx, b *Bydel) error {
		b.Bydelsnummer, b.Navn = cmp.Or(nummer, b.Bydelsnummer), cmp.Or(strings.TrimSpace(navn), b.Navn)
		return nil
	})
}

// EndreBydelAdresse sets where a bydel's letters go; as EndreBydelNavn.
func (s *Service) EndreBydelAdresse(ctx context.Context, fiksOrgID, ressursID string, versjon int64, a Postadresse) (Bydel, error) {
	return s.endreBydel(ctx, fiksOrgID, ressursID, versjon, "BYDEL_ADRESSE_ENDRET", func(_ *store.Tx, b *Bydel) error {
		b.Adresse = a
		return nil
	})
}

// EndreBydelKontakter sets whom the platform writes to about a bydel; as EndreBydelNavn.
func (s *Service) EndreBydelKontakter(ctx context.Context, fiksOrgID, ressursID string, versjon int64, eposter []string) (Bydel, error) {
	return s.endreBydel(ctx, fiksOrgID, ressursID, versjon, "BYDEL_KONTAKTER_ENDRET", func(_ *store.Tx, b *Bydel) error {
		b.Kontakter = eposter
		return nil
	})
}

// EndreBydelKontaktinformasjon is EndreBydelKontakter with the telephone number, which v2
// of the API does not know ("": none).
func (s *Service) EndreBydelKontaktinformasjon(ctx context.Context, fiksOrgID, ressursID string, versjon int64, eposter []string, telefon string) (Bydel, error) {
	return s.endreBydel(ctx, fiksOrgID, ressursID, versjon, "BYDEL_KONTAKTER_ENDRET", func(_ *store.Tx, b *Bydel) error {
		b.Kontakter, b.Telefon = eposter, telefon
		return nil
	})
}

// EndreBydelKonto sets how a bydel gets its reports from now on: what was sent before
// stays with the channel that it was sent by (§6). As EndreBydelNavn; feil.Ugyldig also
// for a key that nothing can be encrypted to.
func (s *Service) EndreBydelKonto(ctx context.Context, fiksOrgID, ressursID string, versjon int64, m Mottakskonto) (Bydel, error) {
	k, err := s.forberedEndring(ctx, fiksOrgID, ressursID, m)
	if err != nil {
		return Bydel{}, err
	}
	return s.endreBydel(ctx, fiksOrgID, ressursID, versjon, "BYDEL_KONTO_ENDRET", func(tx *store.Tx, b *Bydel) error {
		return s.brukKonto(ctx, tx, b, k)
	})
}

// ErstattBydel replaces all that is configured of a bydel but whether it is active; it
// can become the standardMottaker and not stop being it. As EndreBydelKonto.
func (s *Service) ErstattBydel(ctx context.Context, fiksOrgID, ressursID string, versjon int64, n NyBydel) (Bydel, error) {
	k, err := s.forberedEndring(ctx, fiksOrgID, ressursID, n.Konto)
	if err != nil {
		return Bydel{}, err
	}
	return s.endreBydel(ctx, fiksOrgID, ressursID, versjon, "BYDEL_ENDRET", func(tx *store.Tx, b *Bydel) error {
		b.Bydelsnummer, b.Navn, b.Adresse, b.Kontakter, b.Telefon = n.Bydelsnummer, strings.TrimSpace(n.Navn), n.Adresse, n.Kontakter, n.Telefon
		if n.StandardMottaker && !b.StandardMottaker {
			if err := s.blirStandard(ctx, tx, b); err != nil {
				return err
			}
		}
		return s.brukKonto(ctx, tx, b, k)
	})
}

// SettBydelerAktive activates or deactivates bydeler of an organisation, all or none.
// A deactivated one gets nothing new; what it was sent before is still delivered and
// answered. feil.IkkeFunnet; feil.Ugyldig (KodeStandardmottaker) when others would be
// left without a standardMottaker. Audited.
func (s *Service) SettBydelerAktive(ctx context.Context, fiksOrgID string, ressursIDer []string, aktiv bool) error {
	handling := map[bool]string{true: "BYDEL_AKTIVERT", false: "BYDEL_DEAKTIVERT"}[aktiv]
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		for _, id := range ressursIDer {
			b, err := s.egenBydelI(ctx, tx, fiksOrgID, id)
			if err != nil {
				return err
			}
			if b.Deaktivert == !aktiv {
				continue
			}
			b.Deaktivert = !aktiv
			if err := s.lagreBydel(ctx, tx, &b); err != nil {
				return err
			}
			if err := s.loggBydel(ctx, tx, b, handling, ""); err != nil {
				return err
			}
		}
		har, err := harStandard(ctx, tx, fiksOrgID)
		if err != nil || har {
			return err
		}
		aktive, err := s.lesBydeler(ctx, tx, `WHERE fiks_org = $1 AND deaktivert = 0 ORDER BY bydelsnummer`, fiksOrgID)
		if err != nil || len(aktive) == 0 {
			return err
		}
		if !aktiv {
			return medKode(feil.Ny(feil.Ugyldig, "Bydelen er standardmottaker, og kommunen har andre aktive bydeler. Velg en annen standardmottaker først"), KodeStandardmottaker)
		}
		return s.blirStandard(ctx, tx, &aktive[0]) // the one before is deactivated
	})
}

// SettStandardMottaker makes a bydel the one that gets what nobody knows the right bydel
// of; the one before stops being it. feil.IkkeFunnet, feil.Ugyldig for a deactivated
// one. Audited.
func (s *Service) SettStandardMottaker(ctx context.Context, fiksOrgID, ressursID string) error {
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		b, err := s.egenBydelI(ctx, tx, fiksOrgID, ressursID)
		switch {
		case err != nil:
			return err
		case b.Deaktivert:
			return medKode(feil.Ny(feil.Ugyldig, "Bydelen er deaktivert. Aktiver den først"), KodeStandardmottaker)
		case b.StandardMottaker:
			return nil
		}
		return s.blirStandard(ctx, tx, &b)
	})
}

// harStandard tells whether an organisation has an active standardMottaker.
func harStandard(ctx context.Context, tx *store.Tx, fiksOrgID string) (bool, error) {
	var n int
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM bekymring_bydel WHERE fiks_org = $1 AND standard = 1 AND deaktivert = 0`, fiksOrgID).Scan(&n); err != nil {
		return false, fmt.Errorf("looking for the standardMottaker of %s: %w", fiksOrgID, err)
	}
	return n > 0, nil
}

// blirStandard makes a stored bydel the standardMottaker, and none other.
func (s *Service) blirStandard(ctx context.Context, tx *store.Tx, b *Bydel) error {
	if _, err := tx.ExecContext(ctx, `UPDATE bekymring_bydel SET standard = 0, versjon = versjon + 1 WHERE fiks_org = $1 AND standard = 1 AND ressurs_id <> $2`,
		b.FiksOrgID, b.RessursID); err != nil {
		return fmt.Errorf("setting the standardMottaker of %s: %w", b.FiksOrgID, err)
	}
	if _, err := tx.ExecContext(ctx, `UPDATE bekymring_bydel SET standard = 1, versjon = versjon + 1 WHERE ressurs_id = $1`, b.RessursID); err != nil {
		return fmt.Errorf("setting the standardMottaker of %s: %w", b.FiksOrgID, err)
	}
	b.StandardMottaker, b.Versjon = true, b.Versjon+1
	return s.loggBydel(ctx, tx, *b, "BYDEL_STANDARDMOTTAKER", "")
}

func (s *Service) loggBydel(ctx context.Context, tx *store.Tx, b Bydel, handling, payload string) error {
	return s.logg(ctx, tx, audit.Hendelse{Principal: auth.From(ctx), FiksOrg: b.FiksOrgID, Underressurs: b.RessursID, Handling: handling, Payload: payload})
}
