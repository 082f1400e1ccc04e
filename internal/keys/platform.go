package keys

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

// Formaal names what a platform key is for.
type Formaal string

// The purposes of platform keys.
const (
	Dokumentlager Formaal = "dokumentlager" // what others encrypt uploads to
	Signering     Formaal = "signering"     // what our ASiC-E containers are signed with
	// What reports of concern are encrypted to for offices that the platform hands them
	// over to itself: by SvarInn, and by hand.
	Bekymringsmelding Formaal = "bekymringsmelding"
	// What letters are encrypted to while there is no print supplier.
	Brev Formaal = "brev"
)

// Formaalene are all purposes of platform keys.
func Formaalene() []Formaal {
	return []Formaal{Dokumentlager, Signering, Bekymringsmelding, Brev}
}

const (
	rsaBits       = 3072
	gyldigAar     = 10
	gyldigeNokler = 2 // the current key and the one before it
)

// Platformnokkel is one RSA key with its certificate.
type Platformnokkel struct {
	ID          string
	Formaal     Formaal
	Key         *rsa.PrivateKey
	Certificate *x509.Certificate
}

// Platform gives the keys of a purpose, the current one first, the one before it
// (still valid for reading) after it; a first key is made (RSA-3072, ten years,
// self-signed) where there is none, which takes up to a second or so. The
// result is cached until RotatePlatform; do not change it.
func (r *Ring) Platform(ctx context.Context, formaal Formaal) ([]Platformnokkel, error) {
	p := r.platform[formaal]
	if p == nil {
		return nil, fmt.Errorf("keys: unknown purpose %q", formaal)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.keys) > 0 && r.k.Now().Before(p.keys[0].Certificate.NotAfter) {
		return p.keys, nil
	}
	ks, err := r.loadPlatform(ctx, r.db.Read(), formaal)
	if err != nil {
		return nil, err
	}
	if len(ks) == 0 {
		key, cert, err := NyPlattformnokkel(r.k, formaal)
		if err != nil {
			return nil, err
		}
		// Another node may have been quicker: its key counts.
		if ks, err = r.storePlatform(ctx, formaal, key, cert, false); err != nil {
			return nil, err
		}
	}
	p.keys = ks
	return ks, nil
}

// RotatePlatform makes a new current key for the purpose.
func (r *Ring) RotatePlatform(ctx context.Context, formaal Formaal) (Platformnokkel, error) {
	key, cert, err := NyPlattformnokkel(r.k, formaal)
	if err != nil {
		return Platformnokkel{}, err
	}
	return r.ImportPlatform(ctx, formaal, key, cert)
}

// ImportPlatform makes key, with its certificate, the current key of the
// purpose: a key that was issued elsewhere, or a fixed one in tests and the
// sandbox, which then need not wait for one to be made.
func (r *Ring) ImportPlatform(ctx context.Context, formaal Formaal, key *rsa.PrivateKey, cert *x509.Certificate) (Platformnokkel, error) {
	if pub, ok := cert.PublicKey.(*rsa.PublicKey); !ok || !pub.Equal(&key.PublicKey) {
		return Platformnokkel{}, errors.New("keys: the certificate is not of this RSA key")
	}
	p := r.platform[formaal]
	if p == nil {
		return Platformnokkel{}, fmt.Errorf("keys: unknown purpose %q", formaal)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	ks, err := r.storePlatform(ctx, formaal, key, cert, true)
	if err != nil {
		return Platformnokkel{}, err
	}
	if len(ks) == 0 || !ks[0].Certificate.Equal(cert) {
		return Platformnokkel{}, errors.New("keys: the certificate has expired")
	}
	p.keys = ks
	return ks[0], nil
}

// storePlatform adds a key, unless there is a valid one already and replace is
// false, and gives all valid ones.
func (r *Ring) storePlatform(ctx context.Context, formaal Formaal, key *rsa.PrivateKey, cert *x509.Certificate, replace bool) (ks []Platformnokkel, err error) {
	id := uuid.NewString()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("keys: encoding platform key: %w", err)
	}
	sealed, err := r.Seal(platformContext(formaal, id), der)
	if err != nil {
		return nil, err
	}
	err = r.db.Write(ctx, func(tx *store.Tx) error {
		if !replace {
			if ks, err = r.loadPlatform(ctx, tx, formaal); err != nil || len(ks) > 0 {
				return err
			}
		}
		// The newest is the current one, also when the clock was moved back.
		if _, err := tx.ExecContext(ctx, `INSERT INTO plattformnokkel (id, formaal, opprettet, nokkel, sertifikat)
			SELECT $1, $2, CASE WHEN COALESCE(MAX(opprettet), 0) >= $3 THEN MAX(opprettet) + 1 ELSE $3 END, $4, $5
			FROM plattformnokkel WHERE formaal = $2`,
			id, string(formaal), store.Micros(r.k.Now()), sealed, cert.Raw); err != nil {
			return err
		}
		ks, err = r.loadPlatform(ctx, tx, formaal)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("keys: storing platform key: %w", err)
	}
	return ks, nil
}

func platformContext(formaal Formaal, id string) string {
	return "keys.plattformnokkel." + string(formaal) + ":" + id
}

// loadPlatform reads the valid keys of a purpose, newest first.
func (r *Ring) loadPlatform(ctx context.Context, q store.Queryer, formaal Formaal) ([]Platformnokkel, error) {
	rows, err := q.QueryContext(ctx, `SELECT id, nokkel, sertifikat FROM plattformnokkel
		WHERE formaal = $1 ORDER BY opprettet DESC LIMIT $2`, string(formaal), gyldigeNokler)
	if err != nil {
		return nil, fmt.Errorf("keys: loading platform keys: %w", err)
	}
	defer rows.Close()
	var ks []Platformnokkel
	for rows.Next() {
		p := Platformnokkel{Formaal: formaal}
		var sealed, der []byte
		if err := rows.Scan(&p.ID, &sealed, &der); err != nil {
			return nil, fmt.Errorf("keys: loading platform keys: %w", err)
		}
		plain, err := r.Open(platformContext(formaal, p.ID), sealed)
		if err != nil {
			return nil, fmt.Errorf("keys: platform key %s: %w", p.ID, err)
		}
		parsed, err := x509.ParsePKCS8PrivateKey(plain)
		if err != nil {
			return nil, fmt.Errorf("keys: platform key %s: %w", p.ID, err)
		}
		var ok bool
		if p.Key, ok = parsed.(*rsa.PrivateKey); !ok {
			return nil, fmt.Errorf("keys: platform key %s is not an RSA key", p.ID)
		}
		if p.Certificate, err = x509.ParseCertificate(der); err != nil {
			return nil, fmt.Errorf("keys: platform key %s: %w", p.ID, err)
		}
		if r.k.Now().Before(p.Certificate.NotAfter) {
			ks = append(ks, p)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("keys: loading platform keys: %w", err)
	}
	return ks, nil
}

// NyPlattformnokkel makes an RSA-3072 key and a self-signed certificate for the
// purpose, valid for ten years from k's now, without storing them.
func NyPlattformnokkel(k klokke.Klokke, formaal Formaal) (*rsa.PrivateKey, *x509.Certificate, error) {
	cn, usage := "Knutepunkt Dokumentlager", x509.KeyUsageKeyEncipherment
	switch formaal {
	case Dokumentlager:
	case Signering:
		cn, usage = "Knutepunkt Signering", x509.KeyUsageDigitalSignature
	case Bekymringsmelding:
		cn = "Knutepunkt Bekymringsmelding"
	case Brev:
		cn = "Knutepunkt Brev"
	default:
		return nil, nil, fmt.Errorf("keys: unknown purpose %q", formaal)
	}
	key, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return nil, nil, fmt.Errorf("keys: making a platform key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, fmt.Errorf("keys: making a platform key: %w", err)
	}
	now := k.Now().Truncate(time.Second)
	template := &x509.Certificate{
		SerialNumber:          serial.Add(serial, big.NewInt(1)), // RFC 5280 §4.1.2.2: positive
		Subject:               pkix.Name{CommonName: cn, Organization: []string{"Knutepunkt"}, Country: []string{"NO"}},
		NotBefore:             now,
		NotAfter:              now.AddDate(gyldigAar, 0, 0),
		SignatureAlgorithm:    x509.SHA256WithRSA,
		KeyUsage:              usage,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, fmt.Errorf("keys: making a platform certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, fmt.Errorf("keys: making a platform certificate: %w", err)
	}
	return key, cert, nil
}
