package organisasjon

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/passord"
	"knutepunkt/internal/store"
)

// LagPassord makes a new password (shown once, 43 characters of A–Z a–z 0–9 - _).
// The former one stays valid for overlapp (0: it ends at once); those before it
// end now. feil.IkkeFunnet. Audited.
func (s *Service) LagPassord(ctx context.Context, tx *store.Tx, integrasjonID string, overlapp time.Duration) (string, error) {
	p, err := passord.Nytt()
	if err != nil {
		return "", err
	}
	return p, s.byttPassord(ctx, tx, integrasjonID, p, overlapp)
}

// PassordTid is when a password was made, and when it ends.
type PassordTid struct {
	Opprettet time.Time
	GyldigTil time.Time // zero: until it is replaced
}

// Passord tells of an integrasjon's passwords that are valid, the newest first;
// never what they are. q may be the transaction that goes on to change them.
func (s *Service) Passord(ctx context.Context, q store.Queryer, integrasjonID string) ([]PassordTid, error) {
	rows, err := q.QueryContext(ctx, `SELECT opprettet, gyldig_til FROM integrasjon_passord
		WHERE integrasjon = $1 AND (gyldig_til = 0 OR gyldig_til > $2) ORDER BY opprettet DESC, gyldig_til`,
		integrasjonID, store.Micros(s.klokke.Now()))
	if err != nil {
		return nil, fmt.Errorf("reading of passwords: %w", err)
	}
	defer rows.Close()
	var ut []PassordTid
	for rows.Next() {
		var opprettet, til int64
		if err := rows.Scan(&opprettet, &til); err != nil {
			return nil, fmt.Errorf("reading of passwords: %w", err)
		}
		ut = append(ut, PassordTid{store.Time(opprettet), store.Time(til)})
	}
	return ut, rows.Err()
}

// SettPassord sets a given password; for seeding the sandbox only. A short one
// costs a slow hash at each log-in that is not remembered; feil.Ugyldig for one
// that passord.Valider refuses.
func (s *Service) SettPassord(ctx context.Context, tx *store.Tx, integrasjonID, p string) error {
	if err := passord.Valider(p); err != nil {
		return err
	}
	return s.byttPassord(ctx, tx, integrasjonID, p, 0)
}

func (s *Service) byttPassord(ctx context.Context, tx *store.Tx, integrasjonID, p string, overlapp time.Duration) error {
	i, err := enIntegrasjon(ctx, tx, integrasjonID)
	if err != nil {
		return err
	}
	digest, err := s.hasher.Digest(p)
	if err != nil {
		return err
	}
	if err := byttPassord(ctx, tx, integrasjonID, digest, s.klokke.Now(), overlapp); err != nil {
		return fmt.Errorf("storing a password: %w", err)
	}
	tx.OnCommit(s.innlogget.clear)
	return s.logg(ctx, tx, audit.Hendelse{Principal: auth.From(ctx), FiksOrg: i.FiksOrgID, Handling: "INTEGRASJON_NYTT_PASSORD", Payload: integrasjonID})
}

// innlogging is a log-in that was verified.
type innlogging struct {
	auth.Autentisert
	gyldigTil time.Time // when that password ends; zero: not known to end
}

// Autentiser implements auth.Integrasjoner. What was verified is remembered for
// cacheTid, by hash; a new password, or a deletion, ends that at once.
func (s *Service) Autentiser(ctx context.Context, integrasjonID, pass string) (auth.Autentisert, error) {
	now := s.klokke.Now()
	integrasjonID = strings.ToLower(integrasjonID)
	nokkel := sha256.Sum256([]byte(integrasjonID + "\x00" + pass))
	inn, gen, ok := s.innlogget.get(nokkel, now)
	if ok && (inn.gyldigTil.IsZero() || now.Before(inn.gyldigTil)) {
		return inn.Autentisert, nil
	}
	nei := feil.Ny(feil.Uautentisert, "Ikke autentisert")
	if !erUUID(integrasjonID) || pass == "" || len(pass) > passord.Maks {
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
		ja, err := s.hasher.Stemmer(pass, k.digest)
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

// LagPassordFra is LagPassord for whoever looked at the integrasjon before
// deciding; feil.Konflikt when somebody has changed it, or its password, since.
func (s *Service) LagPassordFra(ctx context.Context, tx *store.Tx, integrasjonID string, versjon int64, overlapp time.Duration) (string, error) {
	if _, err := s.fraVersjon(ctx, tx, integrasjonID, versjon); err != nil {
		return "", err
	}
	return s.LagPassord(ctx, tx, integrasjonID, overlapp)
}

// PassordUtlop is a password of an integrasjon that was replaced, and when it ends.
type PassordUtlop struct {
	IntegrasjonID, FiksOrgID, Navn string // FiksOrgID "" for a global one
	GyldigTil                      time.Time
}

// PassordUtlop lists the passwords that end, of an organisation's integrasjoner or
// of all for "": those that live on for a while beside their successor. Those that
// ended more than etter ago are left out.
func (s *Service) PassordUtlop(ctx context.Context, fiksOrgID string, etter time.Duration) ([]PassordUtlop, error) {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT i.id, i.fiks_org, i.navn, p.gyldig_til
		FROM integrasjon_passord p JOIN integrasjoner i ON i.id = p.integrasjon
		WHERE p.gyldig_til > $1 AND i.slettet = 0 AND ($2 = '' OR i.fiks_org = $2) ORDER BY p.gyldig_til, i.id`,
		store.Micros(s.klokke.Now().Add(-etter)), fiksOrgID)
	if err != nil {
		return nil, fmt.Errorf("finding passwords that end: %w", err)
	}
	defer rows.Close()
	var ut []PassordUtlop
	for rows.Next() {
		var p PassordUtlop
		var til int64
		if err := rows.Scan(&p.IntegrasjonID, &p.FiksOrgID, &p.Navn, &til); err != nil {
			return nil, fmt.Errorf("finding passwords that end: %w", err)
		}
		p.GyldigTil = store.Time(til)
		ut = append(ut, p)
	}
	return ut, rows.Err()
}
