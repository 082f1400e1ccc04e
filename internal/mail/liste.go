package mail

import (
	"context"
	"fmt"

	"knutepunkt/internal/keys"
	"knutepunkt/internal/store"
)

// Liste is the sandbox's Transport: it keeps what is sent, over restarts too.
type Liste struct {
	db   *store.DB
	ring *keys.Ring
}

// NyListe makes a list over the database.
func NyListe(db *store.DB, ring *keys.Ring) *Liste { return &Liste{db: db, ring: ring} }

// Send keeps m, once.
func (l *Liste) Send(ctx context.Context, m Melding) error {
	sealed, err := seal(l.ring, m)
	if err != nil {
		return err
	}
	err = l.db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO epost_liste (id, innhold, opprettet) VALUES ($1, $2, $3)
			ON CONFLICT (id) DO NOTHING`, m.ID, sealed, store.Micros(m.Time))
		return err
	})
	if err != nil {
		return fmt.Errorf("mail: listing: %w", err)
	}
	return nil
}

// Alle gives everything sent, oldest first; never nil.
func (l *Liste) Alle(ctx context.Context) ([]Melding, error) {
	rows, err := l.db.Read().QueryContext(ctx, `SELECT id, innhold FROM epost_liste ORDER BY opprettet, id`)
	if err != nil {
		return nil, fmt.Errorf("mail: reading the list: %w", err)
	}
	defer rows.Close()
	all := []Melding{}
	for rows.Next() {
		var id string
		var sealed []byte
		if err := rows.Scan(&id, &sealed); err != nil {
			return nil, fmt.Errorf("mail: reading the list: %w", err)
		}
		m, err := open(l.ring, id, sealed)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, rows.Err()
}
