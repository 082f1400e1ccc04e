package svarinn

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/passord"
	"knutepunkt/internal/store"
)

// LagPassord makes the service password (shown once, 43 characters). The former
// one is void from then on. The person is logged in on level 4. feil.IngenTilgang,
// feil.IkkeFunnet. Audited.
func (s *Service) LagPassord(ctx context.Context, av auth.Caller, systemID string) (string, error) {
	m, err := s.krev(ctx, av, systemID, 4)
	if err != nil {
		return "", err
	}
	p, err := passord.Nytt()
	if err != nil {
		return "", err
	}
	return p, s.byttPassord(ctx, av, m, p)
}

// SettPassord sets a given password; for seeding the sandbox only. feil.Ugyldig,
// feil.IkkeFunnet. Audited.
func (s *Service) SettPassord(ctx context.Context, av auth.Caller, systemID, p string) error {
	if err := passord.Valider(p); err != nil {
		return err
	}
	m, err := s.Mottakersystem(ctx, systemID)
	if err != nil {
		return err
	}
	return s.byttPassord(ctx, av, m, p)
}

func (s *Service) byttPassord(ctx context.Context, av auth.Caller, m Mottakersystem, p string) error {
	digest, err := s.hasher.Digest(p)
	if err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		if err := oppdater(ctx, tx, m.ID, `passord = $2`, digest); err != nil {
			return err
		}
		return s.revider(ctx, tx, av, m, "MOTTAKERSYSTEM_NYTT_PASSORD", "", m.ID)
	})
}

// LoggInn checks a mottakersystem's user name, which is its id, and password.
// feil.Uautentisert, one and the same for unknown names and wrong passwords.
func (s *Service) LoggInn(ctx context.Context, navn, p string) (string, error) {
	nei := feil.Ny(feil.Uautentisert, "Feil brukernavn eller passord. Brukernavnet er mottakersystemets id, og passordet lages på fanen Service")
	id := strings.ToLower(strings.TrimSpace(navn))
	if !erUUID(id) || len(p) > passord.Maks {
		return "", nei
	}
	digest, err := passordDigest(ctx, s.DB.Read(), id)
	if err != nil {
		return "", err
	}
	if digest == "" {
		return "", nei
	}
	ja, err := s.hasher.Stemmer(p, digest)
	if err != nil {
		return "", err
	}
	if !ja {
		return "", nei
	}
	return id, nil
}

const (
	maksSertifikat = 256 << 10 // bytes as uploaded
	minBits        = 2048
	maksBits       = 16384
)

// SettSertifikat takes the certificate that all from now on is encrypted to, also
// what waits already: PEM or DER, RSA of at least 2048 bits, not expired. The
// person is logged in on level 4. feil.Ugyldig, feil.IngenTilgang, feil.IkkeFunnet. Audited.
func (s *Service) SettSertifikat(ctx context.Context, av auth.Caller, systemID string, fil []byte) (Sertifikat, error) {
	m, err := s.krev(ctx, av, systemID, 4)
	if err != nil {
		return Sertifikat{}, err
	}
	cert, err := lesSertifikat(fil)
	if err != nil {
		return Sertifikat{}, err
	}
	if !s.Klokke.Now().Before(cert.NotAfter) {
		return Sertifikat{}, feil.Ny(feil.Ugyldig, "Sertifikatet er utløpt: det gjaldt til %s", dato(cert.NotAfter))
	}
	forseglet, err := s.Ring.Seal(sertifikatSted(m.ID), cert.Raw)
	if err != nil {
		return Sertifikat{}, err
	}
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		if err := oppdater(ctx, tx, m.ID, `sertifikat = $2, utloper = $3, utlop_varslet = 0, savn_varslet = 0`,
			forseglet, store.Micros(cert.NotAfter)); err != nil {
			return err
		}
		tx.OnCommit(func() { s.Jobber.Wake(plikt) })
		return s.revider(ctx, tx, av, m, "MOTTAKERSYSTEM_NYTT_SERTIFIKAT", "", cert.SerialNumber.String())
	})
	return visning(cert), err
}

func sertifikatSted(systemID string) string { return "svarinn.sertifikat:" + systemID }

func visning(c *x509.Certificate) Sertifikat {
	return Sertifikat{Subject: c.Subject.String(), Serienummer: c.SerialNumber.String(), Utloper: c.NotAfter.UTC()}
}

// lesSertifikat reads exactly one certificate, PEM or DER, that can be encrypted to.
func lesSertifikat(fil []byte) (*x509.Certificate, error) {
	fil = bytes.TrimPrefix(fil, []byte("\xef\xbb\xbf"))
	if len(fil) == 0 || len(fil) > maksSertifikat {
		return nil, feil.Ny(feil.Ugyldig, "Last opp ett X.509-sertifikat, som PEM eller DER")
	}
	der := fil
	if fil[0] != 0x30 { // a SEQUENCE: DER
		blokk, rest := pem.Decode(fil)
		switch {
		case bytes.Contains(fil, []byte("PRIVATE KEY-----")):
			return nil, feil.Ny(feil.Ugyldig, "Filen inneholder en privat nøkkel. Den skal aldri lastes opp: regn den som kompromittert, lag et nytt nøkkelpar og last opp bare sertifikatet")
		case blokk == nil:
			return nil, feil.Ny(feil.Ugyldig, "Filen er verken PEM eller DER: forventet et X.509-sertifikat")
		case blokk.Type != "CERTIFICATE":
			return nil, feil.Ny(feil.Ugyldig, "Filen er ikke et X.509-sertifikat. En offentlig nøkkel alene er ikke nok: den må være i et sertifikat, som kan være egensignert")
		case len(bytes.TrimSpace(rest)) > 0:
			return nil, feil.Ny(feil.Ugyldig, "Filen inneholder mer enn ett sertifikat: last opp bare mottakerens eget")
		}
		der = blokk.Bytes
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, feil.Ny(feil.Ugyldig, "Sertifikatet kan ikke leses som X.509").Med(err)
	}
	nokkel, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, feil.Ny(feil.Ugyldig, "Sertifikatet har en %s-nøkkel: bare RSA støttes", c.PublicKeyAlgorithm)
	}
	if bits := nokkel.N.BitLen(); bits < minBits || bits > maksBits {
		return nil, feil.Ny(feil.Ugyldig, "Sertifikatets RSA-nøkkel er på %d bit: det må være %d–%d", bits, minBits, maksBits)
	}
	return c, nil
}

// Varsles lists the addresses for alerts. feil.IngenTilgang, feil.IkkeFunnet.
func (s *Service) Varsles(ctx context.Context, av auth.Caller, systemID string) ([]string, error) {
	if _, err := s.krev(ctx, av, systemID, 0); err != nil {
		return nil, err
	}
	return s.varsles(ctx, s.DB.Read(), systemID)
}

// SettVarsles sets the addresses for alerts, separated by semicolons.
// feil.Ugyldig, feil.IngenTilgang, feil.IkkeFunnet. Audited.
func (s *Service) SettVarsles(ctx context.Context, av auth.Caller, systemID, adresser string) error {
	liste, err := Adresser(adresser)
	if err != nil {
		return err
	}
	m, err := s.krev(ctx, av, systemID, 0)
	if err != nil {
		return err
	}
	b, err := json.Marshal(liste)
	if err != nil {
		return fmt.Errorf("encoding addresses: %w", err)
	}
	forseglet, err := s.Ring.Seal(varslesSted(m.ID), b)
	if err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		if err := oppdater(ctx, tx, m.ID, `varsles = $2`, forseglet); err != nil {
			return err
		}
		return s.revider(ctx, tx, av, m, "MOTTAKERSYSTEM_VARSLING_ENDRET", "", fmt.Sprint(len(liste)))
	})
}

func varslesSted(systemID string) string { return "svarinn.varsles:" + systemID }
