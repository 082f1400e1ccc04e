package organisasjon

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/store"
)

const (
	hemmelighet = 32 // bytes of a password we make; 43 characters
	// tilfeldigFra is how long a given password must be to be taken for a
	// machine's secret. Such a one has no need for a slow hash: there is nothing
	// to guess. A shorter one may be a person's choice.
	tilfeldigFra = 32
	maksPassord  = 1000
	// Argon2id as OWASP recommends it: 19 MiB, two passes, one lane.
	argonMinne, argonGanger, argonNokkel, argonSalt = 19 << 10, 2, 32, 16
)

// LagPassord makes a new password (shown once, 43 characters of A–Z a–z 0–9 - _).
// The former one stays valid for overlapp (0: it ends at once); those before it
// end now. feil.IkkeFunnet. Audited.
func (s *Service) LagPassord(ctx context.Context, tx *store.Tx, integrasjonID string, overlapp time.Duration) (string, error) {
	b := make([]byte, hemmelighet)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("making a password: %w", err)
	}
	p := base64.RawURLEncoding.EncodeToString(b)
	return p, s.byttPassord(ctx, tx, integrasjonID, sha256Digest(p), overlapp)
}

// SettPassord sets a given password; for seeding the sandbox only. One of 32
// characters or more is taken for a random secret; a shorter one costs a slow
// hash (some 30 ms) here and at each log-in that is not remembered. It holds no
// spaces or control characters, since it travels in a header and before a space
// on AMQP; feil.Ugyldig.
func (s *Service) SettPassord(ctx context.Context, tx *store.Tx, integrasjonID, passord string) error {
	if passord == "" || len(passord) > maksPassord || strings.ContainsFunc(passord, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return feil.Ny(feil.Ugyldig, "Passordet kan bare inneholde synlige ASCII-tegn uten mellomrom")
	}
	digest := sha256Digest(passord)
	if len(passord) < tilfeldigFra {
		salt := make([]byte, argonSalt)
		if _, err := rand.Read(salt); err != nil {
			return fmt.Errorf("making a salt: %w", err)
		}
		digest = s.argonDigest(passord, salt)
	}
	return s.byttPassord(ctx, tx, integrasjonID, digest, 0)
}

func (s *Service) byttPassord(ctx context.Context, tx *store.Tx, integrasjonID, digest string, overlapp time.Duration) error {
	i, err := enIntegrasjon(ctx, tx, integrasjonID)
	if err != nil {
		return err
	}
	if err := byttPassord(ctx, tx, integrasjonID, digest, s.klokke.Now(), overlapp); err != nil {
		return fmt.Errorf("storing a password: %w", err)
	}
	tx.OnCommit(s.innlogget.clear)
	return s.logg(ctx, tx, audit.Hendelse{Principal: auth.From(ctx), FiksOrg: i.FiksOrgID, Handling: "INTEGRASJON_NYTT_PASSORD", Payload: integrasjonID})
}

func sha256Digest(passord string) string {
	h := sha256.Sum256([]byte(passord))
	return "sha256:" + hex.EncodeToString(h[:])
}

func (s *Service) argonDigest(passord string, salt []byte) string {
	s.argon <- struct{}{}
	defer func() { <-s.argon }()
	h := argon2.IDKey([]byte(passord), salt, argonGanger, argonMinne, 1, argonNokkel)
	return "argon2id:" + hex.EncodeToString(salt) + ":" + hex.EncodeToString(h)
}

// stemmer compares a password with what was stored, in constant time.
func (s *Service) stemmer(passord, digest string) (bool, error) {
	var got string
	switch kind, rest, _ := strings.Cut(digest, ":"); kind {
	case "sha256":
		got = sha256Digest(passord)
	case "argon2id":
		hexSalt, _, _ := strings.Cut(rest, ":")
		salt, err := hex.DecodeString(hexSalt)
		if err != nil || len(salt) != argonSalt {
			return false, fmt.Errorf("a password's salt: %w", errCorrupt)
		}
		got = s.argonDigest(passord, salt)
	default:
		return false, fmt.Errorf("a password's digest: %w", errCorrupt)
	}
	return subtle.ConstantTimeCompare([]byte(got), []byte(digest)) == 1, nil
}

// innlogging is a log-in that was verified.
type innlogging struct {
	auth.Autentisert
	gyldigTil time.Time // when that password ends; zero: not known to end
}

// Autentiser implements auth.Integrasjoner. What was verified is remembered for
// cacheTid, by hash; a new password, or a deletion, ends that at once.
func (s *Service) Autentiser(ctx context.Context, integrasjonID, passord string) (auth.Autentisert, error) {
	now := s.klokke.Now()
	integrasjonID = strings.ToLower(integrasjonID)
	nokkel := sha256.Sum256([]byte(integrasjonID + "\x00" + passord))
	inn, gen, ok := s.innlogget.get(nokkel, now)
	if ok && (inn.gyldigTil.IsZero() || now.Before(inn.gyldigTil)) {
		return inn.Autentisert, nil
	}
	nei := feil.Ny(feil.Uautentisert, "Ikke autentisert")
	if !erUUID(integrasjonID) || passord == "" || len(passord) > maksPassord {
		return auth.Autentisert{}, nei
	}
	kandidater, err := passordFor(ctx, s.db.Read(), integrasjonID)
	if err != nil {
		return auth.Autentisert{}, fmt.Errorf("reading passwords: %w", err)
	}
	for _, k := range kandidater {
		if !k.gyldigTil.IsZero() && !now.Before(k.gyldigTil) {
			continue
		}
		ja, err := s.stemmer(passord, k.digest)
		if err != nil {
			return auth.Autentisert{}, err
		}
		if ja {
			inn = innlogging{auth.Autentisert{IntegrasjonID: integrasjonID, AutorisertOrgnr: k.orgnr}, k.gyldigTil}
			s.innlogget.put(nokkel, gen, inn, now.Add(cacheTid))
			return inn.Autentisert, nil
		}
	}
	return auth.Autentisert{}, nei
}
