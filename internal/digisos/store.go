package digisos

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/store"
)

// sak is a row of digisos_sak. Times are µs.
type sak struct {
	ID, FiksOrgID, Kommunenummer string
	NavEksternRefID              sql.NullString
	sokerHash                    string
	soker                        []byte
	OppdateringID                string
	oppdateringFiler             string
	Oppdatert, Levert            int64
	Opprettet, SistEndret        int64
	Slettet                      int64
	prove                        int // 0: a case; else a test: proveIGang or proveSlutt
}

// dokument is a file of a forsendelse, as it is sealed.
type dokument struct {
	ID        string `json:"i"`
	Filnavn   string `json:"n"`
	Mimetype  string `json:"m"`
	Storrelse int64  `json:"s"`
}

func (d dokument) info() DokumentInfo { return DokumentInfo{d.Filnavn, d.ID, d.Storrelse} }

func infoer(ds []dokument) []DokumentInfo {
	ut := make([]DokumentInfo, len(ds))
	for i, d := range ds {
		ut[i] = d.info()
	}
	return ut
}

// innhold is the sealed part of a forsendelse.
type innhold struct {
	Hoved               *dokument            `json:"h,omitempty"` // søknad only
	Vedlegg             []dokument           `json:"v"`
	Tilleggsinformasjon *Tilleggsinformasjon `json:"t,omitempty"` // søknad only
}

// filer are all files, the main document first.
func (i innhold) filer() []dokument {
	if i.Hoved == nil {
		return i.Vedlegg
	}
	return append([]dokument{*i.Hoved}, i.Vedlegg...)
}

// forsendelse is a søknad (Nr 0) or an ettersendelse.
type forsendelse struct {
	ID, SakID                              string
	Nr                                     int
	NavEksternRefID, MetadataID, VedleggID string
	Innhold                                innhold
	Sendt                                  int64
}

const sakKolonner = `id, fiks_org_id, kommunenummer, nav_ekstern_ref_id, soker_hash, soker,
	oppdatering_id, oppdatering_filer, oppdatert, levert, opprettet, sist_endret, slettet, prove`

func scanSak(r rad) (s sak, err error) {
	err = r.Scan(&s.ID, &s.FiksOrgID, &s.Kommunenummer, &s.NavEksternRefID, &s.sokerHash, &s.soker,
		&s.OppdateringID, &s.oppdateringFiler, &s.Oppdatert, &s.Levert, &s.Opprettet, &s.SistEndret, &s.Slettet, &s.prove)
	if errors.Is(err, sql.ErrNoRows) {
		return s, feil.Ny(feil.IkkeFunnet, "DigisosId finnes ikke")
	} else if err != nil {
		return s, fmt.Errorf("reading a case: %w", err)
	}
	return s, nil
}

// hentSak finds a case, also a deleted one; feil.IkkeFunnet.
func hentSak(ctx context.Context, q store.Queryer, id string) (sak, error) {
	return scanSak(q.QueryRowContext(ctx, `SELECT `+sakKolonner+` FROM digisos_sak WHERE id = $1`, id))
}

func errSlettet() error { return feil.Ny(feil.Slettet, "DigisosId er slettet") }

// hentEkteSak is hentSak for whom tests do not exist: citizens and NAV.
func hentEkteSak(ctx context.Context, q store.Queryer, id string) (sak, error) {
	k, err := hentSak(ctx, q, id)
	if err == nil && k.prove != 0 {
		return sak{}, feil.Ny(feil.IkkeFunnet, "DigisosId finnes ikke")
	}
	return k, err
}

// settInnSak stores a new case; false when its navEksternRefId is taken, or, of a
// test, when the municipality has another one under way.
func (s *Service) settInnSak(ctx context.Context, tx *store.Tx, k sak) (bool, error) {
	slettes := s.slettes(k.Opprettet)
	if k.prove != 0 {
		slettes = k.Opprettet + s.cfg.Provelevetid.Microseconds()
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO digisos_sak (`+sakKolonner+`, slettes)
		VALUES ($1,$2,$3,$4,$5,$6,'','',0,0,$7,$7,0,$8,$9) ON CONFLICT DO NOTHING`,
		k.ID, k.FiksOrgID, k.Kommunenummer, k.NavEksternRefID, k.sokerHash, k.soker, k.Opprettet, k.prove, slettes)
	if err != nil {
		return false, fmt.Errorf("storing case %s: %w", k.ID, err)
	}
	s.vekk(tx, sletteplikt, &s.nesteSletting, slettes)
	return enRad(res)
}

// slettes is when a case last changed at µs may be deleted.
func (s *Service) slettes(mikros int64) int64 { return mikros + s.cfg.Sakslevetid.Microseconds() }

func enRad(res sql.Result) (bool, error) {
	n, err := res.RowsAffected()
	return n == 1, err
}

// finnNavRef gives the DigisosId that a søknad's reference belongs to, or "".
func finnNavRef(ctx context.Context, q store.Queryer, ref string) (string, error) {
	var id string
	err := q.QueryRowContext(ctx, `SELECT id FROM digisos_sak WHERE nav_ekstern_ref_id = $1`, ref).Scan(&id)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("looking for navEksternRefId: %w", err)
	}
	return id, nil
}

// finnesEttersendelse tells whether the case has an ettersendelse of that reference.
func finnesEttersendelse(ctx context.Context, q store.Queryer, sakID, ref string) (bool, error) {
	var n int
	err := q.QueryRowContext(ctx, `SELECT count(*) FROM digisos_forsendelse
		WHERE sak_id = $1 AND nav_ekstern_ref_id = $2 AND nr > 0`, sakID, ref).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("looking for ettersendelse: %w", err)
	}
	return n > 0, nil
}

// settInnForsendelse stores a søknad (nr 0) or an ettersendelse (the next nr);
// false when the case has an ettersendelse of that reference.
func (s *Service) settInnForsendelse(ctx context.Context, tx *store.Tx, f forsendelse, soknad bool) (bool, error) {
	forseglet, err := s.forsegl(stedForsendelse(f.ID), f.Innhold)
	if err != nil {
		return false, err
	}
	nr := `(SELECT coalesce(max(nr), 0) + 1 FROM digisos_forsendelse WHERE sak_id = $2)`
	if soknad {
		nr = `0`
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO digisos_forsendelse
		(id, sak_id, nr, nav_ekstern_ref_id, metadata_id, vedlegg_id, innhold, sendt)
		VALUES ($1,$2,`+nr+`,$3,$4,$5,$6,$7) ON CONFLICT DO NOTHING`,
		f.ID, f.SakID, f.NavEksternRefID, f.MetadataID, f.VedleggID, forseglet, f.Sendt)
	if err != nil {
		return false, fmt.Errorf("storing forsendelse %s: %w", f.ID, err)
	}
	return enRad(res)
}

const forsendelseKolonner = `id, sak_id, nr, nav_ekstern_ref_id, metadata_id, vedlegg_id, innhold, sendt`

// forsendelser lists by a condition on one argument, case by case in order of arrival.
func (s *Service) forsendelser(ctx context.Context, q store.Queryer, hvor string, arg any) ([]forsendelse, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+forsendelseKolonner+` FROM digisos_forsendelse WHERE `+hvor+` ORDER BY sak_id, nr`, arg)
	if err != nil {
		return nil, fmt.Errorf("reading forsendelser: %w", err)
	}
	defer rows.Close()
	var ut []forsendelse
	for rows.Next() {
		var f forsendelse
		var forseglet []byte
		if err := rows.Scan(&f.ID, &f.SakID, &f.Nr, &f.NavEksternRefID, &f.MetadataID, &f.VedleggID, &forseglet, &f.Sendt); err != nil {
			return nil, fmt.Errorf("reading forsendelser: %w", err)
		}
		if err := s.apne(stedForsendelse(f.ID), forseglet, &f.Innhold); err != nil {
			return nil, fmt.Errorf("forsendelse %s: %w", f.ID, err)
		}
		ut = append(ut, f)
	}
	return ut, rows.Err()
}

// fil is a file that the fagsystem uploaded.
type fil struct {
	SakID string
	DokumentInfo
}

func (s *Service) filer(ctx context.Context, q store.Queryer, hvor string, arg any) ([]fil, error) {
	rows, err := q.QueryContext(ctx, `SELECT dokument_id, sak_id, filnavn, storrelse FROM digisos_fil WHERE `+hvor+` ORDER BY sak_id, nr`, arg)
	if err != nil {
		return nil, fmt.Errorf("reading files: %w", err)
	}
	defer rows.Close()
	var ut []fil
	for rows.Next() {
		var f fil
		var forseglet []byte
		if err := rows.Scan(&f.DokumentlagerDokumentID, &f.SakID, &forseglet, &f.Storrelse); err != nil {
			return nil, fmt.Errorf("reading files: %w", err)
		}
		navn, err := s.Ring.Open(stedFil(f.DokumentlagerDokumentID), forseglet)
		if err != nil {
			return nil, fmt.Errorf("file %s: %w", f.DokumentlagerDokumentID, err)
		}
		f.Filnavn = string(navn)
		ut = append(ut, f)
	}
	return ut, rows.Err()
}

// rorSak moves sistEndret, by at least 1 ms, and with it the end of the case's life;
// a test's stays.
func (s *Service) rorSak(ctx context.Context, tx *store.Tx, id string, naa time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE digisos_sak SET
		sist_endret = CASE WHEN $2 > sist_endret + 1000 THEN $2 ELSE sist_endret + 1000 END,
		slettes = CASE WHEN prove = 0 THEN $3 ELSE slettes END
		WHERE id = $1`, id, store.Micros(naa), s.slettes(store.Micros(naa)))
	if err != nil {
		return fmt.Errorf("moving sistEndret of %s: %w", id, err)
	}
	return nil
}

// skrivHistorikk appends a step of the case.
func (s *Service) skrivHistorikk(ctx context.Context, tx *store.Tx, sakID, tilstand, forsendelseID string) error {
	return s.skrivHistorikkMed(ctx, tx, sakID, tilstand, forsendelseID, "")
}

// skrivHistorikkMed is skrivHistorikk with a text, which is sealed.
func (s *Service) skrivHistorikkMed(ctx context.Context, tx *store.Tx, sakID, tilstand, forsendelseID, tekst string) error {
	var forseglet []byte
	if tekst != "" {
		var err error
		if forseglet, err = s.Ring.Seal(stedHistorikk(sakID), []byte(tekst)); err != nil {
			return fmt.Errorf("sealing the history of %s: %w", sakID, err)
		}
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO digisos_historikk (sak_id, nr, tilstand, tidspunkt, forsendelse_id, tekst)
		VALUES ($1, (SELECT coalesce(max(nr), 0) + 1 FROM digisos_historikk WHERE sak_id = $1), $2, $3, $4, $5)`,
		sakID, tilstand, store.Micros(s.Klokke.Now()), forsendelseID, forseglet)
	if err != nil {
		return fmt.Errorf("writing the history of %s: %w", sakID, err)
	}
	return nil
}

// Historikk lists the steps of a case, oldest first, also after its deletion;
// feil.IkkeFunnet.
func (s *Service) Historikk(ctx context.Context, digisosID string) ([]Historie, error) {
	if _, err := hentSak(ctx, s.DB.Read(), digisosID); err != nil {
		return nil, err
	}
	rows, err := s.DB.Read().QueryContext(ctx, `SELECT tilstand, tidspunkt, forsendelse_id, tekst
		FROM digisos_historikk WHERE sak_id = $1 ORDER BY nr`, digisosID)
	if err != nil {
		return nil, fmt.Errorf("reading the history of %s: %w", digisosID, err)
	}
	defer rows.Close()
	var ut []Historie
	for rows.Next() {
		var h Historie
		var naar int64
		var forseglet []byte
		if err := rows.Scan(&h.State, &naar, &h.ForsendelseID, &forseglet); err != nil {
			return nil, fmt.Errorf("reading the history of %s: %w", digisosID, err)
		}
		h.Hendelsestidspunkt = store.Time(naar)
		if forseglet != nil {
			tekst, err := s.Ring.Open(stedHistorikk(digisosID), forseglet)
			if err != nil {
				return nil, fmt.Errorf("history of %s: %w", digisosID, err)
			}
			h.Tekst = string(tekst)
		}
		ut = append(ut, h)
	}
	return ut, rows.Err()
}

// delt splits a comma-separated column; nil for "".
func delt(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}
