// Package passord makes and checks the passwords of machines: what is stored of
// one is a digest, and it is compared in constant time.
package passord

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"knutepunkt/internal/feil"
)

const (
	hemmelighet = 32 // bytes of a password we make; 43 characters
	// tilfeldigFra is how long a given password must be to be taken for a
	// machine's secret. Such a one has no need for a slow hash: there is nothing
	// to guess. A shorter one may be a person's choice.
	tilfeldigFra = 32
	// Maks is how long a password can be, in bytes.
	Maks = 1000
	// Argon2id as OWASP recommends it: 19 MiB, two passes, one lane.
	argonMinne, argonGanger, argonNokkel, argonSalt = 19 << 10, 2, 32, 16
)

// ErrFormat is for a stored digest that is none of ours.
var ErrFormat = errors.New("passord: the digest is damaged")

// Nytt makes a password of 43 characters of A–Z a–z 0–9 - _, to be shown once.
func Nytt() (string, error) {
	b := make([]byte, hemmelighet)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("making a password: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// Valider refuses a given password that cannot travel in a header and before a
// space on AMQP: one that is empty, too long, or holds anything but visible
// ASCII; feil.Ugyldig.
func Valider(p string) error {
	if p == "" || len(p) > Maks || strings.ContainsFunc(p, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return feil.Ny(feil.Ugyldig, "Passordet kan bare inneholde synlige ASCII-tegn uten mellomrom")
	}
	return nil
}

// Hasher makes digests and compares with them.
type Hasher struct {
	argon chan struct{} // how many slow hashes are computed at a time
}

// NyHasher makes a Hasher that computes at most two slow hashes at a time.
func NyHasher() *Hasher { return &Hasher{argon: make(chan struct{}, 2)} }

// Digest is what is stored of a password. One of 32 characters or more is taken
// for a random secret and costs a fast hash; a shorter one costs some 30 ms here
// and at each comparison.
func (h *Hasher) Digest(p string) (string, error) {
	if len(p) >= tilfeldigFra {
		return rask(p), nil
	}
	salt := make([]byte, argonSalt)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("making a salt: %w", err)
	}
	return h.langsom(p, salt), nil
}

// Stemmer compares a password with a stored digest in constant time; ErrFormat.
func (h *Hasher) Stemmer(p, digest string) (bool, error) {
	var got string
	switch kind, rest, _ := strings.Cut(digest, ":"); kind {
	case "sha256":
		got = rask(p)
	case "argon2id":
		hexSalt, _, _ := strings.Cut(rest, ":")
		salt, err := hex.DecodeString(hexSalt)
		if err != nil || len(salt) != argonSalt {
			return false, fmt.Errorf("a password's salt: %w", ErrFormat)
		}
		got = h.langsom(p, salt)
	default:
		return false, fmt.Errorf("a password's digest: %w", ErrFormat)
	}
	return subtle.ConstantTimeCompare([]byte(got), []byte(digest)) == 1, nil
}

func rask(p string) string {
	h := sha256.Sum256([]byte(p))
	return "sha256:" + hex.EncodeToString(h[:])
}

func (h *Hasher) langsom(p string, salt []byte) string {
	h.argon <- struct{}{}
	defer func() { <-h.argon }()
	k := argon2.IDKey([]byte(p), salt, argonGanger, argonMinne, 1, argonNokkel)
	return "argon2id:" + hex.EncodeToString(salt) + ":" + hex.EncodeToString(k)
}
