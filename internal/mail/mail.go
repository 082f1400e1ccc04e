// Package mail sends e-mail to registered contacts: durably (through a job),
// by SMTP in production, into a list that can be read in the sandbox.
package mail

import (
	"context"
	"embed"
	"time"

	"knutepunkt/internal/store"
)

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

// Transport hands one e-mail on, by SMTP or into the sandbox's list. It may be
// called again for the same ID. Its errors carry no addresses.
type Transport interface {
	Send(ctx context.Context, m Melding) error
}

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this room.
func Migrations() store.Migrations {
	return store.Migrations{Room: "mail", FS: migrations}
}
