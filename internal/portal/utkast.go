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
// on with.
const Utkasttid = 14 * 24 * time.Hour

// Utkast is such a form so far. It is its person's own.
type Utkast struct {
	Felt   url.Values `json:"felt"`
	Ferdig []string   `json:"ferdig"` // the steps that have been answered
	Endret time.Time
}

func (p *Portal) utkastSted(fnr, skjema, gjelder string) string {
	return "portal.utkast:" + p.personNokkel(fnr) + ":" + skjema + ":" + gjelder
}

// Utkast finds a draft; ok is false when there is none.
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
	if err := p.apne(p.utkastSted(fnr, skjema, gjelder), innhold, &u); err != nil {
		return u, false, fmt.Errorf("a draft: %w", err)
	}
	u.Endret = store.Time(endret)
	return u, true, nil
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
