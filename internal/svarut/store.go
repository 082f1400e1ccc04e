package svarut

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"time"

	"knutepunkt/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are this room's tables.
func Migrations() store.Migrations {
	return store.Migrations{Room: "svarut", FS: migrations}
}

func stedForsendelse(id string) string { return "svarut.forsendelse:" + id }
func stedHendelse(id string) string    { return "svarut.hendelse:" + id }

const kolonner = `id, konto, status, endret, niva, mottatt, filer_borte, slettet, innhold`

// hent reads a forsendelse whole; feil.IkkeFunnet.
func (s *Service) hent(ctx context.Context, q store.Queryer, id string) (Forsendelse, error) {
	f, err := s.les(q.QueryRowContext(ctx, `SELECT `+kolonner+` FROM svarut_forsendelser WHERE id = $1`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return f, errForsendelse()
	}
	return f, err
}

func (s *Service) les(scan func(...any) error) (Forsendelse, error) {
	var f Forsendelse
	var endret, mottatt, slettet int64
	var forseglet []byte
	err := scan(&f.ID, &f.KontoID, &f.Status, &endret, &f.Niva, &mottatt, &f.FilerBorte, &slettet, &forseglet)
	if err != nil {
		return f, fmt.Errorf("reading a forsendelse: %w", err)
	}
	if err := s.apne(stedForsendelse(f.ID), forseglet, &f.Innhold); err != nil {
		return f, fmt.Errorf("forsendelse %s: %w", f.ID, err)
	}
	f.Endret, f.Mottatt, f.Slettet = store.Time(endret), store.Time(mottatt), store.Time(slettet)
	return f, nil
}

// settInn stores a forsendelse.
func (s *Service) settInn(ctx context.Context, tx *store.Tx, f Forsendelse, duplikat string, melder bool) error {
	innhold, err := s.forsegl(stedForsendelse(f.ID), f.Innhold)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO svarut_forsendelser
		(id, konto, status, endret, niva, ekstern_ref, duplikat, melder, lesefrist, mottatt, slettes, filer_borte, slettet, innhold, prove)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,0,$9,0,0,0,$10,$11)`,
		f.ID, f.KontoID, string(f.Status), store.Micros(f.Endret), f.Niva, s.refHash(f.KontoID, f.EksternRef), duplikat,
		heltall(melder), store.Micros(f.Mottatt), innhold, heltall(f.Post.BareSvarInn > 0))
	if err != nil {
		return fmt.Errorf("storing forsendelse %s: %w", f.ID, err)
	}
	return nil
}

// refHash is how a sender's reference is found among those of its konto; "" for none.
func (s *Service) refHash(kontoID, ref string) string {
	if ref == "" {
		return ""
	}
	return s.Ring.Lookup("svarut.eksternref", kontoID+"/"+ref)
}

// tilstand is what transitions need to know of a forsendelse; nothing of it is sealed.
type tilstand struct {
	id, konto string
	status    Status
	endret    time.Time
	melder    bool
	prove     bool
	lesefrist time.Time
	slettet   time.Time
}

func hentTilstand(ctx context.Context, q store.Queryer, id string) (tilstand, error) {
	t := tilstand{id: id}
	var endret, lesefrist, slettet int64
	err := q.QueryRowContext(ctx, `SELECT konto, status, endret, melder, lesefrist, slettet, prove FROM svarut_forsendelser WHERE id = $1`, id).
		Scan(&t.konto, &t.status, &endret, &t.melder, &lesefrist, &slettet, &t.prove)
	if errors.Is(err, sql.ErrNoRows) {
		return t, errForsendelse()
	} else if err != nil {
		return t, fmt.Errorf("reading the state of forsendelse %s: %w", id, err)
	}
	t.endret, t.lesefrist, t.slettet = store.Time(endret), store.Time(lesefrist), store.Time(slettet)
	return t, nil
}

// skrivHendelse appends to the history.
func (s *Service) skrivHendelse(ctx context.Context, tx *store.Tx, id, tekst string, fritekst bool) error {
	forseglet, err := s.Ring.Seal(stedHendelse(id), []byte(tekst))
	if err != nil {
		return fmt.Errorf("sealing the history of %s: %w", id, err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO svarut_hendelser (forsendelse, nr, tidspunkt, fritekst, tekst)
		SELECT $1, COALESCE(MAX(nr), 0) + 1, $2, $3, $4 FROM svarut_hendelser WHERE forsendelse = $1`,
		id, store.Micros(s.Klokke.Now()), heltall(fritekst), forseglet)
	if err != nil {
		return fmt.Errorf("writing the history of %s: %w", id, err)
	}
	return nil
}

// Hendelser lists the history of a forsendelse, oldest first.
func (s *Service) Hendelser(ctx context.Context, id string) ([]Hendelse, error) {
	rows, err := s.DB.Read().QueryContext(ctx, `SELECT tidspunkt, tekst FROM svarut_hendelser WHERE forsendelse = $1 ORDER BY nr`, id)
	if err != nil {
		return nil, fmt.Errorf("reading the history of %s: %w", id, err)
	}
	defer rows.Close()
	var ut []Hendelse
	for rows.Next() {
		var naar int64
		var forseglet []byte
		if err := rows.Scan(&naar, &forseglet); err != nil {
			return nil, fmt.Errorf("reading the history of %s: %w", id, err)
		}
		tekst, err := s.Ring.Open(stedHendelse(id), forseglet)
		if err != nil {
			return nil, fmt.Errorf("opening the history of %s: %w", id, err)
		}
		ut = append(ut, Hendelse{store.Time(naar), string(tekst)})
	}
	return ut, rows.Err()
}

func heltall(b bool) int {
	if b {
		return 1
	}
	return 0
}
