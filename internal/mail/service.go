package mail

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"knutepunkt/internal/jobs"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

const kindSend = "mail.send"

// Service queues e-mail in the caller's transaction and sends it by a job.
type Service struct {
	db        *store.DB
	ring      *keys.Ring
	k         klokke.Klokke
	engine    *jobs.Engine
	transport Transport
	from      string
}

// NewService registers the sending job with the engine.
func NewService(db *store.DB, ring *keys.Ring, k klokke.Klokke, engine *jobs.Engine, t Transport, from string) *Service {
	s := &Service{db: db, ring: ring, k: k, engine: engine, transport: t, from: from}
	engine.Handle(kindSend, jobs.Options{MaxAttempts: 20, Concurrency: 2}, s.send)
	return s
}

// Send queues an e-mail in tx. No receiver = nothing is sent, nil. Each
// receiver gets a message of their own, so that one bad address cannot keep the
// others from being told, and nobody sees who else was.
func (s *Service) Send(ctx context.Context, tx *store.Tx, to []string, subject, text string) error {
	seen := map[string]bool{}
	for _, address := range to {
		address = strings.TrimSpace(address)
		if address == "" || seen[strings.ToLower(address)] {
			continue
		}
		seen[strings.ToLower(address)] = true
		m := Melding{ID: uuid.NewString(), Time: s.k.Now(), From: s.from, To: []string{address},
			Subject: strings.Join(strings.Fields(subject), " "), Text: text}
		sealed, err := seal(s.ring, m)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO epost (id, innhold, opprettet) VALUES ($1, $2, $3)`,
			m.ID, sealed, store.Micros(m.Time)); err != nil {
			return fmt.Errorf("mail: queueing: %w", err)
		}
		if err := s.engine.Enqueue(ctx, tx, jobs.Spec{Kind: kindSend, Arg: m.ID}); err != nil {
			return fmt.Errorf("mail: queueing: %w", err)
		}
	}
	return nil
}

// send is the worker. A message that is gone was sent by an earlier run.
func (s *Service) send(ctx context.Context, job jobs.Job) error {
	var sealed []byte
	err := s.db.Read().QueryRowContext(ctx, `SELECT innhold FROM epost WHERE id = $1`, job.Arg).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("mail: reading: %w", err)
	}
	m, err := open(s.ring, job.Arg, sealed)
	if err != nil {
		return err
	}
	if err := s.transport.Send(ctx, m); err != nil {
		return fmt.Errorf("mail: sending: %w", err)
	}
	return s.db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM epost WHERE id = $1`, m.ID)
		return err
	})
}

func seal(ring *keys.Ring, m Melding) ([]byte, error) {
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("mail: encoding: %w", err)
	}
	return ring.Seal("mail.melding:"+m.ID, b)
}

func open(ring *keys.Ring, id string, sealed []byte) (m Melding, err error) {
	b, err := ring.Open("mail.melding:"+id, sealed)
	if err != nil {
		return m, fmt.Errorf("mail: message %s: %w", id, err)
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("mail: message %s: %w", id, err)
	}
	return m, nil
}
