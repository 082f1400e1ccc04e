// Package feil is the one vocabulary of errors that reach a caller. A service
// returns one of these kinds; each face (HTTP, AMQP, pages) maps a kind to its
// own wire form in one place. Everything that is not a *Feil is an internal
// error: it is logged under an errorId and never shown.
package feil

import (
	"errors"
	"fmt"
)

// Kode is the kind of an error, independent of any wire.
type Kode int

// The kinds. The comment names the HTTP status that httpx gives them.
const (
	Intern            Kode = iota // 500: unexpected; the text stays in the log
	Ugyldig                       // 400: the request breaks the contract
	Uautentisert                  // 401: no, expired or wrong credentials
	IngenTilgang                  // 403: known caller without the right
	IkkeFunnet                    // 404: no such thing
	Konflikt                      // 409: taken, or changed by somebody else
	Slettet                       // 410: existed, is deleted
	ForStor                       // 413: above a size limit
	FeilMediatype                 // 415: wrong Content-Type
	ForMange                      // 429: rate limit
	Utilgjengelig                 // 503: a dependency is down; may be retried
	IkkeBygget                    // 501: named by the contract, not offered by this build
	MetodeIkkeTillatt             // 405: the path exists, the method does not
)

// Feil is an error for a person: what is wrong, where, and what to do.
// Melding never contains a fødselsnummer, a name or a secret.
type Feil struct {
	Kode      Kode
	Melding   string // shown to the caller, in Norwegian
	ErrorCode string // optional machine code, e.g. "INNSYN.IKKE_AUTORISERT"
	ErrorJSON any    // optional details for ErrorCode, encoded as a JSON object
	Err       error  // the cause, for the log only
}

// Error returns the message and the cause; for the log, never for a caller.
func (f *Feil) Error() string {
	if f.Err != nil {
		return f.Melding + ": " + f.Err.Error()
	}
	return f.Melding
}

// Unwrap gives the cause.
func (f *Feil) Unwrap() error { return f.Err }

// Ny makes an error of the given kind. A %w in format becomes part of the
// shown message; use Med to attach a cause that must stay in the log.
func Ny(kode Kode, format string, args ...any) *Feil {
	return &Feil{Kode: kode, Melding: fmt.Sprintf(format, args...)}
}

// Med attaches a cause that is logged and never shown.
func (f *Feil) Med(err error) *Feil {
	f.Err = err
	return f
}

// KodeAv tells the kind of err; Intern for everything that is not a *Feil.
func KodeAv(err error) Kode {
	if f, ok := errors.AsType[*Feil](err); ok {
		return f.Kode
	}
	return Intern
}

// Er tells whether err is of the given kind.
func Er(err error, kode Kode) bool { return err != nil && KodeAv(err) == kode }
