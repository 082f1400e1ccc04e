package digisos

import (
	"context"
	"errors"
	"fmt"

	"knutepunkt/internal/digisos/filformat"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

const klageKolonner = `id, sak_id, klage_id, nr, kilde, vedtak_id, nav_ekstern_ref_id, metadata_id, vedlegg_id, innhold, sendt`

// klagedeler lists by a condition on one argument, in order of arrival: a klage
// before what belongs to it.
func (s *Service) klagedeler(ctx context.Context, q store.Queryer, hvor string, arg any) ([]klagedel, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+klageKolonner+` FROM digisos_klage WHERE `+hvor+` ORDER BY sendt, nr, id`, arg)
	if err != nil {
		return nil, fmt.Errorf("reading klager: %w", err)
	}
	defer rows.Close()
	var ut []klagedel
	for rows.Next() {
		var d klagedel
		var forseglet []byte
		if err := rows.Scan(&d.ID, &d.SakID, &d.KlageID, &d.Nr, &d.Kilde, &d.VedtakID, &d.NavEksternRefID, &d.MetadataID, &d.VedleggID, &forseglet, &d.Sendt); err != nil {
			return nil, fmt.Errorf("reading klager: %w", err)
		}
		if err := s.apne(stedKlage(d.ID), forseglet, &d.Innhold); err != nil {
			return nil, fmt.Errorf("klage %s: %w", d.ID, err)
		}
		ut = append(ut, d)
	}
	return ut, rows.Err()
}

// settInnKlagedel stores a part with the next nr of its klage; false when the case
// has one of that reference.
func (s *Service) settInnKlagedel(ctx context.Context, tx *store.Tx, d klagedel) (bool, error) {
	forseglet, err := s.forsegl(stedKlage(d.ID), d.Innhold)
	if err != nil {
		return false, err
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO digisos_klage (`+klageKolonner+`)
		VALUES ($1,$2,$3,(SELECT coalesce(max(nr) + 1, 0) FROM digisos_klage WHERE sak_id = $2 AND klage_id = $3),$4,$5,$6,$7,$8,$9,$10)
		ON CONFLICT DO NOTHING`,
		d.ID, d.SakID, d.KlageID, d.Kilde, d.VedtakID, d.NavEksternRefID, d.MetadataID, d.VedleggID, forseglet, d.Sendt)
	if err != nil {
		return false, fmt.Errorf("storing klage %s: %w", d.ID, err)
	}
	return enRad(res)
}

func (s *Service) hentKlagedel(ctx context.Context, q store.Queryer, id string) (klagedel, error) {
	ds, err := s.klagedeler(ctx, q, `id = $1`, id)
	if err == nil && len(ds) == 0 {
		err = feil.Ny(feil.IkkeFunnet, "Klagen finnes ikke")
	}
	if err != nil {
		return klagedel{}, err
	}
	return ds[0], nil
}

// klagekilde is this room as a source of the delivery engine for klager and what
// belongs to them.
type klagekilde struct{ s *Service }

// Forsendelse implements levering.Kilde. A klage does not wait for the søknad;
// what belongs to a klage waits for it, and answers it.
func (k klagekilde) Forsendelse(ctx context.Context, l levering.Levering, kanal string) (levering.Forsendelse, error) {
	s, ut := k.s, levering.Forsendelse{}
	if kanal != levering.KanalSvarUt {
		return ut, fmt.Errorf("%w: klager sendes bare med SvarUt", levering.ErrIkkeMulig)
	}
	d, err := s.hentKlagedel(ctx, s.DB.Read(), l.KildeID)
	if err != nil {
		return ut, err
	}
	sak, err := hentSak(ctx, s.DB.Read(), d.SakID)
	if err != nil {
		return ut, err
	}
	soknad, err := s.soknadLeveranse(ctx, sak)
	if err != nil && !errors.Is(err, levering.ErrVent) {
		return ut, err
	}
	svarPa := soknad
	if d.Kilde != KildeKlage {
		if svarPa, err = s.klageLeveranse(ctx, d); err != nil {
			return ut, err
		}
	}
	m := filformat.Metadata{EksternRef: d.NavEksternRefID, DigisosID: d.SakID, SoknadLeveranseID: soknad, KlageID: d.KlageID}
	metadata, err := m.Klage()
	if err != nil {
		return ut, err
	}
	slag := slagAv(d.Kilde)
	ut.EksternRef = sak.ID
	ut.Filer = s.leveringsfiler(d.forsendelse, slag, metadata, kanal)
	ut.Post, err = s.post(ctx, sak, d.forsendelse, slag, svarPa)
	return ut, err
}

// klageLeveranse is how the klage that d belongs to was sent; nil when a person
// closed its delivery. ErrVent when it is not on its way yet.
func (s *Service) klageLeveranse(ctx context.Context, d klagedel) (*filformat.LeveranseID, error) {
	var id string
	err := s.DB.Read().QueryRowContext(ctx, `SELECT id FROM digisos_klage WHERE sak_id = $1 AND klage_id = $2 AND nr = 0`, d.SakID, d.KlageID).Scan(&id)
	if err != nil {
		return nil, fmt.Errorf("finding the klage of %s: %w", d.ID, err)
	}
	l, _, err := s.Levering.Hent(ctx, s.DB.Read(), id)
	if err != nil {
		return nil, fmt.Errorf("delivery of the klage: %w", err)
	}
	if l.Kanal == levering.KanalUtenom { // the municipality told that it has it
		if l.Kanal, l.LeveranseID, err = utlevertMed(ctx, s.DB.Read(), id); err != nil {
			return nil, err
		}
	}
	switch {
	case underveis(l) && l.Kanal == levering.KanalSvarUt:
		return &filformat.LeveranseID{SendtKanal: l.Kanal, ID: l.LeveranseID}, nil
	case l.Ferdig():
		return nil, nil
	}
	return nil, fmt.Errorf("klagen er ikke sendt ennå: %w", levering.ErrVent)
}

// Endret implements levering.Kilde: it writes the history, and sends off what
// waited for the klage.
func (k klagekilde) Endret(ctx context.Context, tx *store.Tx, l levering.Levering) error {
	s := k.s
	var sakID, klageID string
	err := tx.QueryRowContext(ctx, `SELECT sak_id, klage_id FROM digisos_klage WHERE id = $1`, l.KildeID).Scan(&sakID, &klageID)
	if err != nil {
		return fmt.Errorf("finding klage %s: %w", l.KildeID, err)
	}
	if tilstand := slagAv(l.Kilde).tilstand(l); tilstand != "" {
		if err := s.skrivHistorikk(ctx, tx, sakID, tilstand, l.KildeID); err != nil {
			return err
		}
	}
	if err := s.levert(ctx, tx, l, sakID); err != nil {
		return err
	}
	if l.Kilde != KildeKlage || !underveis(l) && !l.Ferdig() {
		return nil
	}
	ventende, err := kolonne(ctx, tx, `SELECT id FROM digisos_klage WHERE sak_id = $1 AND klage_id = $2 AND nr > 0 ORDER BY nr`, sakID, klageID)
	if err != nil {
		return fmt.Errorf("listing what belongs to klage %s: %w", l.KildeID, err)
	}
	return s.dytt(ctx, tx, ventende)
}

// Kontakter implements levering.Kilde.
func (k klagekilde) Kontakter(ctx context.Context, l levering.Levering) ([]string, error) {
	return k.s.kontakter(ctx, k.s.DB.Read(), l.FiksOrgID)
}
