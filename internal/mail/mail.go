// Package mail sends e-mail to registered contacts: durably (through a job),
// by SMTP in production, into a list that can be read in the sandbox.
package mail

import (
	"context"
	"errors"
	"time"

	"knutepunkt/internal/jobs"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

var errNotBuilt = errors.New("not built")

// Melding is one e-mail. It never contains a fødselsnummer or case content:
// ids and what to do only.
type Melding struct {
	ID      string // UUID, set by Send; the Message-ID is made of it
	Time    time.Time
	From    string
	To      []string
	Subject string
	Text    string
}

// Transport hands one e-mail on, by SMTP or into the sandbox's list.
type Transport interface {
	Send(ctx context.Context, m Melding) error
}

// Service queues e-mail in the caller's transaction and sends it by a job.
type Service struct{}

// NewService registers the sending job with the engine.
func NewService(db *store.DB, ring *keys.Ring, k klokke.Klokke, engine *jobs.Engine, t Transport, from string) *Service {
	return nil
}

// Send queues an e-mail in tx. No receiver = nothing is sent, nil.
func (s *Service) Send(ctx context.Context, tx *store.Tx, to []string, subject, text string) error {
	return errNotBuilt
}
