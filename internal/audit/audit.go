// Package audit is the append-only, hash-chained log of security-relevant
// events: who did what with which service, when. It is written in the same
// transaction as the action, and tampering with one byte is found by Verify.
package audit

import (
	"time"

	"knutepunkt/internal/auth"
)

// Hendelse is one event (audit contract C1). Fnr and OnBehalfOf are stored
// sealed; Payload and the rest hold ids and words, never personal data.
type Hendelse struct {
	Seq          int64 // set by Logg
	Tidspunkt    time.Time
	Principal    auth.Caller
	OnBehalfOf   string // org.nr or fnr acted for
	Gjelder      string // fnr of the citizen concerned, sealed; "" when none
	FiksOrg      string // UUID of the organisation concerned
	Tjeneste     string // TJENESTE_DIGISOS, …
	Underressurs string // UUID, for example the DigisosId
	Handling     string // NAV_HENT_SOKNAD, …
	Payload      string // ids of what was returned, comma-separated
	RequestID    string // sporingsId
}
