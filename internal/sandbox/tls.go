package sandbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	caFil      = "ca.pem"
	caNokkel   = "keys/ca.key.pem"
	caLevetid  = 10 * 365 * 24 * time.Hour
	tlsLevetid = 365 * 24 * time.Hour
)

// tlsConfig gives the AMQPS listener's configuration: a certificate for
// localhost and the loopback addresses, made anew at each start and signed by the CA
// of this folder. The CA is made at the first start, on this machine, so that
// whoever comes to trust it trusts nobody else's sandbox. Certificates are for
// clients, so their times are the machine's, whatever the sandbox's clock says.
func tlsConfig(dir string) (*tls.Config, error) {
	now := time.Now()
	ca, caKey, err := lesCA(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && now.Add(tlsLevetid).After(ca.NotAfter) {
		ca, caKey, err = nyCA(dir, now)
	}
	if err != nil {
		return nil, fmt.Errorf("sandbox: the AMQPS authority: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serienummer(), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(tlsLevetid),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1).To4(), net.IPv6loopback},
	}, ca, &key.PublicKey, caKey)
	if err != nil {
		return nil, fmt.Errorf("sandbox: making the AMQPS certificate: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der, ca.Raw}, PrivateKey: key}}}, nil
}

func lesCA(dir string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	crt, err1 := os.ReadFile(filepath.Join(dir, caFil))
	keyPEM, err2 := os.ReadFile(filepath.Join(dir, caNokkel))
	if err := errors.Join(err1, err2); err != nil {
		return nil, nil, err
	}
	cb, _ := pem.Decode(crt)
	kb, _ := pem.Decode(keyPEM)
	if cb == nil || kb == nil {
		return nil, nil, fmt.Errorf("%s or %s is not PEM; delete both to have new ones made", caFil, caNokkel)
	}
	ca, err1 := x509.ParseCertificate(cb.Bytes)
	key, err2 := x509.ParsePKCS8PrivateKey(kb.Bytes)
	if err := errors.Join(err1, err2); err != nil {
		return nil, nil, err
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok || !ec.PublicKey.Equal(ca.PublicKey) {
		return nil, nil, fmt.Errorf("%s and %s do not belong together; delete both to have new ones made", caFil, caNokkel)
	}
	return ca, ec, nil
}

func nyCA(dir string, now time.Time) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	t := &x509.Certificate{
		SerialNumber: serienummer(), Subject: pkix.Name{CommonName: "Knutepunkt sandkasse CA", Organization: []string{"Knutepunkt"}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(caLevetid), IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		// Whoever puts the CA among those they trust trusts it for this machine only.
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: []string{"localhost"},
		PermittedIPRanges: []*net.IPNet{{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)}, {IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)}},
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	p8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	// The key first: a certificate without it would be taken for damage.
	if err := skrivFil(filepath.Join(dir, caNokkel), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: p8})); err != nil {
		return nil, nil, err
	}
	if err := skrivFil(filepath.Join(dir, caFil), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})); err != nil {
		return nil, nil, err
	}
	ca, err := x509.ParseCertificate(der)
	return ca, key, err
}

func serienummer() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // cannot happen: the random source never fails
	}
	return n.Add(n, big.NewInt(1))
}
