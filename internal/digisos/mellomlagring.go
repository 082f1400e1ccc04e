package digisos

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"knutepunkt/internal/dokumentlager"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/store"
)

// maksMellomlagret bounds how many files lie under one reference, maksFiler how
// many one request has. Both together, with three JSON files, fit into one
// container: what is accepted must be deliverable.
const (
	maksMellomlagret = 1000
	maksFiler        = 900
)

// navnOgType is the sealed part of a mellomlagret file.
type navnOgType struct {
	Filnavn  string `json:"n"`
	Mimetype string `json:"m"`
}

// Mellomlagre lays down files for a søknad or ettersendelse to come, all or
// none: feil.Konflikt when one of the names is taken under the reference. Only
// the files of this call are in the answer.
func (s *Service) Mellomlagre(ctx context.Context, ref string, filer []httpx.Par) (Mellomlagring, error) {
	ut := Mellomlagring{NavEksternRefID: ref}
	if len(filer) == 0 {
		return ut, feil.Ny(feil.Ugyldig, "Forespørselen har ingen filer")
	}
	naa := s.Klokke.Now()
	utloper := store.Micros(naa.Add(s.cfg.MellomlagringTTL))
	err := s.DB.Write(ctx, func(tx *store.Tx) error {
		// What has expired but is not swept yet must not hold its name.
		if err := s.slettMellomlagret(ctx, tx, `nav_ekstern_ref_id = $1 AND utloper <= $2`, ref, store.Micros(naa)); err != nil {
			return err
		}
		var nr int
		if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(nr), 0) FROM digisos_mellomlagret
			WHERE nav_ekstern_ref_id = $1`, ref).Scan(&nr); err != nil {
			return fmt.Errorf("counting mellomlagring: %w", err)
		}
		if nr+len(filer) > maksMellomlagret {
			return feil.Ny(feil.Ugyldig, "Mer enn %d filer i mellomlagringen", maksMellomlagret)
		}
		for i, p := range filer {
			m, err := s.Dokumentlager.Lagre(ctx, tx, p.Ref.(*dokumentlager.Opplasting), dokumentlager.Metadata{
				KontoID: s.mellomlagringKonto(), Dokumentnavn: p.Metadata.Filnavn,
				Mimetype: mimetype(p.Metadata.Mimetype), Sikkerhetsniva: Sikkerhetsniva,
			})
			if err != nil {
				return err
			}
			forseglet, err := s.forsegl(stedMellomlagret(m.ID), navnOgType{p.Metadata.Filnavn, p.Metadata.Mimetype})
			if err != nil {
				return err
			}
			res, err := tx.ExecContext(ctx, `INSERT INTO digisos_mellomlagret
				(dokument_id, nav_ekstern_ref_id, nr, navn_hash, innhold, storrelse, utloper)
				VALUES ($1,$2,$3,$4,$5,$6,$7) ON CONFLICT DO NOTHING`, m.ID, ref, nr+i+1,
				s.Ring.Lookup("digisos.mellomlagret", ref+"/"+p.Metadata.Filnavn), forseglet, p.Metadata.Storrelse, utloper)
			if err != nil {
				return fmt.Errorf("storing mellomlagring: %w", err)
			}
			if ny, err := enRad(res); err != nil {
				return err
			} else if !ny {
				return feil.Ny(feil.Konflikt, "Fil nummer %d har et filnavn som allerede er mellomlagret for navEksternRefId %s", i+1, ref)
			}
			ut.MellomlagringMetadataList = append(ut.MellomlagringMetadataList,
				Mellomlagret{p.Metadata.Filnavn, m.ID, p.Metadata.Storrelse, p.Metadata.Mimetype})
		}
		s.vekk(tx, utlopsplikt, &s.nesteUtlop, utloper)
		return nil
	})
	if err != nil {
		return Mellomlagring{}, err
	}
	return ut, nil
}

// HentMellomlagring lists what lies under a reference, in upload order;
// feil.IkkeFunnet when there is nothing.
func (s *Service) HentMellomlagring(ctx context.Context, ref string) (Mellomlagring, error) {
	filer, err := s.mellomlagrede(ctx, s.DB.Read(), ref)
	if err != nil {
		return Mellomlagring{}, err
	}
	if len(filer) == 0 {
		return Mellomlagring{}, feil.Ny(feil.IkkeFunnet, "Ingenting er mellomlagret for navEksternRefId %s", ref)
	}
	ut := Mellomlagring{NavEksternRefID: ref}
	for _, f := range filer {
		ut.MellomlagringMetadataList = append(ut.MellomlagringMetadataList, Mellomlagret{f.Filnavn, f.ID, f.Storrelse, f.Mimetype})
	}
	return ut, nil
}

// SlettMellomlagring removes one file (dokumentID), or with "" everything,
// under a reference. Nothing there is no error.
func (s *Service) SlettMellomlagring(ctx context.Context, ref, dokumentID string) error {
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		if dokumentID == "" {
			return s.slettMellomlagret(ctx, tx, `nav_ekstern_ref_id = $1`, ref)
		}
		return s.slettMellomlagret(ctx, tx, `nav_ekstern_ref_id = $1 AND dokument_id = $2`, ref, dokumentID)
	})
}

// erMellomlagret tells whether the file lies under the reference; feil.IkkeFunnet.
func (s *Service) erMellomlagret(ctx context.Context, ref, dokumentID string) error {
	var n int
	err := s.DB.Read().QueryRowContext(ctx, `SELECT 1 FROM digisos_mellomlagret
		WHERE dokument_id = $1 AND nav_ekstern_ref_id = $2 AND utloper > $3`,
		dokumentID, ref, store.Micros(s.Klokke.Now())).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return feil.Ny(feil.IkkeFunnet, "Filen finnes ikke i mellomlagringen")
	} else if err != nil {
		return fmt.Errorf("looking for mellomlagring: %w", err)
	}
	return nil
}

func (s *Service) mellomlagrede(ctx context.Context, q store.Queryer, ref string) ([]dokument, error) {
	rows, err := q.QueryContext(ctx, `SELECT dokument_id, innhold, storrelse FROM digisos_mellomlagret
		WHERE nav_ekstern_ref_id = $1 AND utloper > $2 ORDER BY nr`, ref, store.Micros(s.Klokke.Now()))
	if err != nil {
		return nil, fmt.Errorf("reading mellomlagring: %w", err)
	}
	defer rows.Close()
	var ut []dokument
	for rows.Next() {
		var d dokument
		var forseglet []byte
		if err := rows.Scan(&d.ID, &forseglet, &d.Storrelse); err != nil {
			return nil, fmt.Errorf("reading mellomlagring: %w", err)
		}
		var nt navnOgType
		if err := s.apne(stedMellomlagret(d.ID), forseglet, &nt); err != nil {
			return nil, fmt.Errorf("mellomlagret %s: %w", d.ID, err)
		}
		d.Filnavn, d.Mimetype = nt.Filnavn, nt.Mimetype
		ut = append(ut, d)
	}
	return ut, rows.Err()
}

// taMellomlagring empties the reference and gives its files, in upload order,
// which lie in the municipality's konto and may be read by the citizen from now on.
func (s *Service) taMellomlagring(ctx context.Context, tx *store.Tx, ref, kontoID, fnr string) ([]dokument, error) {
	filer, err := s.mellomlagrede(ctx, tx, ref)
	if err != nil || len(filer) == 0 {
		return nil, err
	}
	for _, d := range filer {
		if err := s.Dokumentlager.Flytt(ctx, tx, d.ID, kontoID, store.Time(0), eksponertFor(fnr)); err != nil {
			return nil, fmt.Errorf("taking mellomlagret %s: %w", d.ID, err)
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM digisos_mellomlagret WHERE dokument_id = $1`, d.ID); err != nil {
			return nil, fmt.Errorf("taking mellomlagret %s: %w", d.ID, err)
		}
	}
	return filer, nil
}

// slettMellomlagret removes files and their content by a condition.
func (s *Service) slettMellomlagret(ctx context.Context, tx *store.Tx, hvor string, args ...any) error {
	ider, err := kolonne(ctx, tx, `SELECT dokument_id FROM digisos_mellomlagret WHERE `+hvor, args...)
	if err != nil {
		return fmt.Errorf("listing mellomlagring: %w", err)
	}
	for _, id := range ider {
		if err := s.Dokumentlager.Slett(ctx, tx, id); err != nil {
			return fmt.Errorf("deleting mellomlagret %s: %w", id, err)
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM digisos_mellomlagret WHERE dokument_id = $1`, id); err != nil {
			return fmt.Errorf("deleting mellomlagret %s: %w", id, err)
		}
	}
	return nil
}

// kolonne reads a query's one text column.
func kolonne(ctx context.Context, q store.Queryer, sporring string, args ...any) ([]string, error) {
	rows, err := q.QueryContext(ctx, sporring, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ut []string
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		ut = append(ut, v)
	}
	return ut, rows.Err()
}
