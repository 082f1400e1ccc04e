package portal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	"knutepunkt/internal/store"
)

// Utkasttid is how long a form that is filled in step by step waits to be gone
// on with, unless its portal gives it a shorter time (Del.Utkasttid).
const Utkasttid = 14 * 24 * time.Hour

// Utkast is such a form so far. It is its person's own.
type Utkast struct {
	Felt   url.Values `json:"felt"`
	Ferdig []string   `json:"ferdig"` // the steps that have been answered
	Endret time.Time
	lest   []byte // as it lay, sealed: never the same twice
}

func (p *Portal) utkastSted(fnr, skjema, gjelder string) string {
	return "portal.utkast:" + p.personNokkel(fnr) + ":" + skjema + ":" + gjelder
}

// utkasttid is how long drafts of a form wait.
func (p *Portal) utkasttid(skjema string) time.Duration {
	if liv, kort := p.liv[skjema]; kort {
		return liv
	}
	return Utkasttid
}

// Utkast finds a draft; ok is false when there is none, or its time is over.
func (p *Portal) Utkast(ctx context.Context, fnr, skjema, gjelder string) (u Utkast, ok bool, err error) {
	u.Felt = url.Values{}
	var innhold []byte
	var endret int64
	err = p.DB.Read().QueryRowContext(ctx, `SELECT innhold, endret FROM portal_utkast WHERE person = $1 AND skjema = $2 AND gjelder = $3`,
		p.personNokkel(fnr), skjema, gjelder).Scan(&innhold, &endret)
	if errors.Is(err, sql.ErrNoRows) {
		return u, false, nil
	} else if err != nil {
		return u, false, fmt.Errorf("reading a draft: %w", err)
	}
	if !p.Klokke.Now().Before(store.Time(endret).Add(p.utkasttid(skjema))) { // not swept yet
		return u, false, nil
	}
	if err := p.apne(p.utkastSted(fnr, skjema, gjelder), innhold, &u); err != nil {
		return u, false, fmt.Errorf("a draft: %w", err)
	}
	u.Endret, u.lest = store.Time(endret), innhold
	return u, true, nil
}

// EndreUtkast is LagreUtkast for who has not asked to store: a script, while one writes. It
// stores only in place of the draft that u was read as; false when that is another one now,
// or gone: what was sent, deleted or stored since is not undone.
func (p *Portal) EndreUtkast(ctx context.Context, fnr, skjema, gjelder string, u Utkast) (bool, error) {
	innhold, err := p.forsegl(p.utkastSted(fnr, skjema, gjelder), u)
	if err != nil {
		return false, err
	}
	var n int64
	err = p.DB.Write(ctx, func(tx *store.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE portal_utkast SET innhold = $4, endret = $5 WHERE person = $1 AND skjema = $2 AND gjelder = $3 AND innhold = $6`,
			p.personNokkel(fnr), skjema, gjelder, innhold, store.Micros(p.Klokke.Now()), u.lest)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	if err != nil {
		return false, fmt.Errorf("storing a draft: %w", err)
	}
	return n == 1, nil
}

// LagreUtkast stores a person's draft of a form about something, sealed; it waits for Utkasttid.
func (p *Portal) LagreUtkast(ctx context.Context, fnr, skjema, gjelder string, u Utkast) error {
	innhold, err := p.forsegl(p.utkastSted(fnr, skjema, gjelder), u)
	if err != nil {
		return err
	}
	err = p.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO portal_utkast (person, skjema, gjelder, innhold, endret) VALUES ($1,$2,$3,$4,$5)
			ON CONFLICT (person, skjema, gjelder) DO UPDATE SET innhold = excluded.innhold, endret = excluded.endret`,
			p.personNokkel(fnr), skjema, gjelder, innhold, store.Micros(p.Klokke.Now()))
		return err
	})
	if err != nil {
		return fmt.Errorf("storing a draft: %w", err)
	}
	return nil
}

// SlettUtkast deletes a draft; none is no error.
func (p *Portal) SlettUtkast(ctx context.Context, fnr, skjema, gjelder string) error {
	err := p.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM portal_utkast WHERE person = $1 AND skjema = $2 AND gjelder = $3`,
			p.personNokkel(fnr), skjema, gjelder)
		return err
	})
	if err != nil {
		return fmt.Errorf("deleting a draft: %w", err)
	}
	return nil
}

// FraUtkast is what a draft has become: a draft of another kind, about something else.
type FraUtkast struct {
	Skjema, Gjelder string
	Utkast          Utkast
}

// FullforUtkast deletes a draft and stores what has become of it, both or neither. What
// is there already stays as it is: whoever comes first has written it.
func (p *Portal) FullforUtkast(ctx context.Context, fnr, skjema, gjelder string, nye ...FraUtkast) error {
	var innhold [][]byte
	for _, n := range nye {
		b, err := p.forsegl(p.utkastSted(fnr, n.Skjema, n.Gjelder), n.Utkast)
		if err != nil {
			return err
		}
		innhold = append(innhold, b)
	}
	person := p.personNokkel(fnr)
	err := p.DB.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM portal_utkast WHERE person = $1 AND skjema = $2 AND gjelder = $3`, person, skjema, gjelder); err != nil {
			return err
		}
		for i, n := range nye {
			if _, err := tx.ExecContext(ctx, `INSERT INTO portal_utkast (person, skjema, gjelder, innhold, endret) VALUES ($1,$2,$3,$4,$5)
				ON CONFLICT (person, skjema, gjelder) DO NOTHING`, person, n.Skjema, n.Gjelder, innhold[i], store.Micros(p.Klokke.Now())); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("finishing a draft: %w", err)
	}
	return nil
}
