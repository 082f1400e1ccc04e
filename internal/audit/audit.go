// Package audit is the append-only, hash-chained log of security-relevant
// events: who did what with which service, when. It is written in the same
// transaction as the action, and tampering with one byte is found by Verify.
package audit

import (
	"time"

	"knutepunkt/internal/auth"
)

// Hendelse is one event (audit contract C1). The whole event is stored sealed;
// of what callers write only keyed hashes of
// Gjelder and RequestID can be searched for.
type Hendelse struct {
	Seq          int64     // set by Logg, 1, 2, 3 …
	Tidspunkt    time.Time // set by Logg
	Principal    auth.Caller
	OnBehalfOf   string // org.nr or fnr acted for
	Gjelder      string // fnr of the citizen concerned; "" when none
	FiksOrg      string // UUID of the organisation concerned
	Tjeneste     string // TJENESTE_DIGISOS, …
	Underressurs string // UUID, for example the DigisosId
	Handling     string // NAV_HENT_SOKNAD, …
	Payload      string // ids of what was returned, comma-separated
	RequestID    string // sporingsId
}

// Filter selects events; empty fields select all.
type Filter struct {
	FiksOrg   string
	RequestID string
	Gjelder   string // fnr
	EtterSeq  int64  // events after this one
	Antall    int    // at most; 0 = 100
}

// Resultat is what Verify found.
type Resultat struct {
	Antall int64 // events checked
	// Brudd is the seq of the first event that is not as it was written, or is
	// missing; 0 when the chain is whole.
	Brudd int64
	Grunn string // what is wrong there
}
