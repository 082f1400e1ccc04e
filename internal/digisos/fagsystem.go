package digisos

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/store"
)

// NySak makes a case that no søknad from NAV stands behind (a søknad on paper);
// each call makes a new one. feil.Ugyldig when the fnr is not 11 digits or the
// organisation does not use Digisos.
func (s *Service) NySak(ctx context.Context, fiksOrgID, sokerFnr string) (digisosID string, err error) {
	if !fnrForm.MatchString(sokerFnr) {
		return "", feil.Ny(feil.Ugyldig, "sokerFnr må ha 11 siffer")
	}
	konf, err := s.bruker(ctx, fiksOrgID)
	if err != nil {
		return "", err
	}
	k := sak{
		ID: uuid.NewString(), FiksOrgID: fiksOrgID, Kommunenummer: konf.Kommunenummer,
		sokerHash: s.sokerHash(sokerFnr), Opprettet: store.Micros(s.Klokke.Now()),
	}
	if k.soker, err = s.Ring.Seal(stedSoker(k.ID), []byte(sokerFnr)); err != nil {
		return "", fmt.Errorf("sealing soker: %w", err)
	}
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		if _, err := s.settInnSak(ctx, tx, k); err != nil {
			return err
		}
		return s.notert(ctx, tx, k, sokerFnr, OpprettetSakKommune, "")
	})
	return k.ID, err
}

// bruker finds the configuration of an organisation that uses Digisos; feil.Ugyldig.
func (s *Service) bruker(ctx context.Context, fiksOrgID string) (konfigurasjon, error) {
	konf, err := s.lesKonfigurasjon(ctx, s.DB.Read(), "fiks_org_id", fiksOrgID)
	if feil.Er(err, feil.IkkeFunnet) || err == nil && konf.Slettet {
		return konf, feil.Ny(feil.Ugyldig, "Organisasjonen bruker ikke Fiks Digisos")
	}
	return konf, err
}

// kommunensSak finds a case of the organisation: feil.IkkeFunnet,
// feil.IngenTilgang when it is another's, feil.Slettet.
func kommunensSak(ctx context.Context, q store.Queryer, fiksOrgID, digisosID string) (sak, error) {
	k, err := hentSak(ctx, q, digisosID)
	switch {
	case err != nil:
		return k, err
	case k.FiksOrgID != fiksOrgID:
		return k, feil.Ny(feil.IngenTilgang, "Saken tilhører en annen organisasjon")
	case k.Slettet != 0:
		return k, errSlettet()
	}
	return k, nil
}

// notert writes history and audit event of what a fagsystem did to a case.
func (s *Service) notert(ctx context.Context, tx *store.Tx, k sak, fnr, tilstand, payload string) error {
	if err := s.skrivHistorikk(ctx, tx, k.ID, tilstand, ""); err != nil {
		return err
	}
	return s.logg(ctx, tx, audit.Hendelse{
		Handling: "DIGISOS_" + tilstand, FiksOrg: k.FiksOrgID, Underressurs: k.ID, Gjelder: fnr, Payload: payload,
	})
}

// endre runs fn on a case of the organisation and moves sistEndret, all in one
// transaction, with history and audit event. fn gives the ids for the event.
func (s *Service) endre(ctx context.Context, fiksOrgID, digisosID, tilstand string, fn func(tx *store.Tx, k sak, fnr string) (payload string, err error)) error {
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		k, err := kommunensSak(ctx, tx, fiksOrgID, digisosID)
		if err != nil {
			return err
		}
		fnr, err := s.fnr(k)
		if err != nil {
			return err
		}
		payload, err := fn(tx, k, fnr)
		if err != nil {
			return err
		}
		if err := s.rorSak(ctx, tx, k.ID, s.Klokke.Now()); err != nil {
			return err
		}
		return s.notert(ctx, tx, k, fnr, tilstand, payload)
	})
}

// OppdaterSak replaces what the fagsystem has told of a case with a new
// digisos-soker.json, kept byte for byte. Each file of dokumentlager that it
// refers to must have been uploaded to the case. feil.Ugyldig, and as kommunensSak.
func (s *Service) OppdaterSak(ctx context.Context, fiksOrgID, digisosID string, soker []byte) error {
	if _, err := kommunensSak(ctx, s.DB.Read(), fiksOrgID, digisosID); err != nil {
		return err
	}
	konf, err := s.bruker(ctx, fiksOrgID)
	if err != nil {
		return err
	}
	if !konf.StotterOppdateringer {
		return feil.Ny(feil.Ugyldig, "Kommunen er ikke satt opp med saksoppdateringer (stotterOppdateringer)")
	}
	referanser, err := s.skjemaer.DigisosSoker(soker)
	if err != nil {
		return err
	}
	dok, err := s.mottaJSON(ctx, soker)
	if err != nil {
		return err
	}
	defer dok.Forkast()
	return s.endre(ctx, fiksOrgID, digisosID, OppdatertSakKommune, func(tx *store.Tx, k sak, _ string) (string, error) {
		egne, err := kolonne(ctx, tx, `SELECT dokument_id FROM digisos_fil WHERE sak_id = $1`, k.ID)
		if err != nil {
			return "", fmt.Errorf("reading files of %s: %w", k.ID, err)
		}
		for _, id := range referanser {
			if !slices.Contains(egne, id) {
				return "", feil.Ny(feil.Ugyldig, "Saksoppdateringen viser til filen %s, som ikke er lastet opp til DigisosId %s", id, k.ID)
			}
		}
		id, err := s.lagreJSON(ctx, tx, dok, konf.KontoID, k.ID, "digisos-soker.json")
		if err != nil {
			return "", err
		}
		if err := s.settOppdatering(ctx, tx, k, id, referanser); err != nil {
			return "", err
		}
		return id, s.fagsystemetHar(ctx, tx, k, vedSaksoppdatering)
	})
}

// settOppdatering puts another digisos-soker.json (or none, "") in place of the
// present one, whose content is deleted.
func (s *Service) settOppdatering(ctx context.Context, tx *store.Tx, k sak, id string, referanser []string) error {
	if k.OppdateringID != "" {
		if err := s.Dokumentlager.Slett(ctx, tx, k.OppdateringID); err != nil {
			return fmt.Errorf("deleting the former update of %s: %w", k.ID, err)
		}
	}
	// At least 1 ms after the former one: clients tell versions apart by it.
	naar := max(store.Micros(s.Klokke.Now()), k.Oppdatert+1000)
	if _, err := tx.ExecContext(ctx, `UPDATE digisos_sak SET oppdatering_id = $2, oppdatering_filer = $3, oppdatert = $4
		WHERE id = $1`, k.ID, id, strings.Join(referanser, ","), naar); err != nil {
		return fmt.Errorf("updating case %s: %w", k.ID, err)
	}
	return nil
}

// SlettOppdatering takes the fagsystem's updates of a case away; its files stay.
// Nothing there is no error.
func (s *Service) SlettOppdatering(ctx context.Context, fiksOrgID, digisosID string) error {
	return s.endre(ctx, fiksOrgID, digisosID, SlettetOppdateringerKommune, func(tx *store.Tx, k sak, _ string) (string, error) {
		return k.OppdateringID, s.settOppdatering(ctx, tx, k, "", nil)
	})
}

// LastOppFiler stores files of the fagsystem on a case, open to the citizen, and
// gives them in upload order.
func (s *Service) LastOppFiler(ctx context.Context, fiksOrgID, digisosID string, filer []httpx.Par) ([]DokumentInfo, error) {
	if len(filer) == 0 {
		return nil, feil.Ny(feil.Ugyldig, "Forespørselen har ingen filer")
	}
	konf, err := s.bruker(ctx, fiksOrgID)
	if err != nil {
		return nil, err
	}
	var ut []DokumentInfo
	err = s.endre(ctx, fiksOrgID, digisosID, LastetOppFilerKommune, func(tx *store.Tx, k sak, fnr string) (string, error) {
		dokumenter, err := s.lagreFiler(ctx, tx, filer, konf.KontoID, k.ID, fnr)
		if err != nil {
			return "", err
		}
		var ider []string
		for _, d := range dokumenter {
			forseglet, err := s.Ring.Seal(stedFil(d.ID), []byte(d.Filnavn))
			if err != nil {
				return "", fmt.Errorf("sealing a file name: %w", err)
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO digisos_fil (dokument_id, sak_id, nr, filnavn, storrelse)
				VALUES ($1, $2, (SELECT coalesce(max(nr), 0) + 1 FROM digisos_fil WHERE sak_id = $2), $3, $4)`,
				d.ID, k.ID, forseglet, d.Storrelse); err != nil {
				return "", fmt.Errorf("storing a file of %s: %w", k.ID, err)
			}
			ider = append(ider, d.ID)
		}
		ut = infoer(dokumenter)
		return strings.Join(ider, ","), s.fagsystemetHar(ctx, tx, k, vedFiler)
	})
	return ut, err
}

// Filer lists the files that the fagsystem has uploaded to a case, in upload order.
func (s *Service) Filer(ctx context.Context, fiksOrgID, digisosID string) ([]DokumentInfo, error) {
	if _, err := kommunensSak(ctx, s.DB.Read(), fiksOrgID, digisosID); err != nil {
		return nil, err
	}
	filer, err := s.filer(ctx, s.DB.Read(), `sak_id = $1`, digisosID)
	return lest{filer: filer}.dokumentInfo(), err
}

// SlettFiler deletes files of the fagsystem, all or none: feil.Ugyldig for one
// that the present update refers to, or that is not a file of the case.
func (s *Service) SlettFiler(ctx context.Context, fiksOrgID, digisosID string, ider []string) error {
	return s.endre(ctx, fiksOrgID, digisosID, SlettetFilerKommune, func(tx *store.Tx, k sak, _ string) (string, error) {
		iBruk := delt(k.oppdateringFiler)
		for _, id := range ider {
			if slices.Contains(iBruk, id) {
				return "", feil.Ny(feil.Ugyldig, "Filen %s er i bruk i den siste saksoppdateringen", id)
			}
			res, err := tx.ExecContext(ctx, `DELETE FROM digisos_fil WHERE dokument_id = $1 AND sak_id = $2`, id, k.ID)
			if err != nil {
				return "", fmt.Errorf("deleting a file of %s: %w", k.ID, err)
			}
			if fantes, err := enRad(res); err != nil {
				return "", err
			} else if !fantes {
				return "", feil.Ny(feil.Ugyldig, "Filen %s er ikke lastet opp til DigisosId %s", id, k.ID)
			}
			if err := s.Dokumentlager.Slett(ctx, tx, id); err != nil {
				return "", fmt.Errorf("deleting file %s: %w", id, err)
			}
		}
		return strings.Join(ider, ","), nil
	})
}
