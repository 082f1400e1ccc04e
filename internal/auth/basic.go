package auth

import (
	"context"
	"fmt"
	"net/http"
	"unicode/utf8"
)

// maksBasic bounds a name and a password, in bytes.
const maksBasic = 1000

// Basic is a Kilde for accounts that log in by HTTP Basic (RFC 7617).
type Basic struct {
	Realm string
	Slag  Slag // Mottakersystem or Avsender
	// Sjekk gives the id of the account with that name and password;
	// feil.Uautentisert, one and the same for unknown names and wrong passwords.
	Sjekk func(ctx context.Context, navn, passord string) (kontoID string, err error)
}

var _ Kilde = Basic{}

// Request implements Kilde. feil.Uautentisert for credentials of another kind.
func (b Basic) Request(r *http.Request) (Caller, error) {
	if len(r.Header.Values("Authorization")) == 0 {
		return Caller{Slag: Anonym}, nil
	}
	navn, p, ok := r.BasicAuth()
	navn, p = utf8Fra(navn), utf8Fra(p)
	if !ok || navn == "" || p == "" || len(navn) > maksBasic || len(p) > maksBasic || len(r.Header.Values("Authorization")) > 1 {
		return Caller{}, uautentisert("no credentials for HTTP Basic")
	}
	id, err := b.Sjekk(r.Context(), navn, p)
	if err != nil {
		return Caller{}, err
	}
	return Caller{Slag: b.Slag, KontoID: id}, nil
}

// utf8Fra reads what is not UTF-8 as ISO 8859-1: RFC 7617 leaves the character set
// open, and Java's clients write that one.
func utf8Fra(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	tegn := make([]rune, len(s))
	for i := range len(s) {
		tegn[i] = rune(s[i])
	}
	return string(tegn)
}

// Utfordring implements Utfordrer.
func (b Basic) Utfordring() string { return fmt.Sprintf("BASIC realm=%q", b.Realm) }
