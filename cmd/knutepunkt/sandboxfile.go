package main

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"knutepunkt/cms"
)

// sandboxFile is the part of sandbox.json that the tools need.
type sandboxFile struct {
	BaseURL string `json:"baseUrl"`
	AMQP    struct {
		Host          string `json:"host"`
		Port          int    `json:"port"`
		TLSPort       int    `json:"tlsPort"`
		CACertificate string `json:"caCertificate"`
	} `json:"amqp"`
	Tokens struct {
		Maskinporten string `json:"maskinporten"`
		IDPorten     string `json:"idporten"`
	} `json:"tokens"`
	NAV      integrasjon      `json:"nav"`
	Kommuner []sandboxKommune `json:"kommuner"`
	Personer []struct {
		Fnr    string   `json:"fnr"`
		Roller []string `json:"roller"`
	} `json:"personer"`

	dir string // that the paths in it are relative to
}

type integrasjon struct {
	Organisasjonsnummer string `json:"organisasjonsnummer"`
	ID                  string `json:"integrasjonId"`
	Passord             string `json:"integrasjonPassord"`
}

type sandboxKommune struct {
	Kommunenummer string `json:"kommunenummer"`
	Navn          string `json:"navn"`
	Fagsystem     struct {
		integrasjon
		KontoID     string `json:"fiksIOKontoId"`
		PrivateKey  string `json:"privateKey"`
		Certificate string `json:"certificate"`
		SvarInn     *struct {
			Brukernavn string `json:"brukernavn"`
			Passord    string `json:"passord"`
			PrivateKey string `json:"privateKey"`
		} `json:"svarinn"`
	} `json:"fagsystem"`
}

// readSandbox reads sandbox.json; path may also be the folder that it lies in.
func readSandbox(path string) (*sandboxFile, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, "sandbox.json")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the sandbox's description (is the sandbox started?): %w", err)
	}
	s := &sandboxFile{dir: filepath.Dir(path)}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return s, nil
}

// kommune finds a municipality by number; "" is the first with a Fiks IO konto.
func (s *sandboxFile) kommune(nummer string) (*sandboxKommune, error) {
	var numre []string
	for i := range s.Kommuner {
		k := &s.Kommuner[i]
		if k.Kommunenummer == nummer || nummer == "" && k.Fagsystem.KontoID != "" {
			return k, nil
		}
		numre = append(numre, k.Kommunenummer+" "+k.Navn)
	}
	return nil, usagef("the sandbox has no kommune %s; it has %s", nummer, strings.Join(numre, ", "))
}

// svarinnKommune finds a municipality with SvarInn by number; "" is the first one.
func (s *sandboxFile) svarinnKommune(nummer string) (*sandboxKommune, error) {
	var numre []string
	for i := range s.Kommuner {
		k := &s.Kommuner[i]
		if k.Fagsystem.SvarInn == nil {
			continue
		}
		if k.Kommunenummer == nummer || nummer == "" {
			return k, nil
		}
		numre = append(numre, k.Kommunenummer+" "+k.Navn)
	}
	return nil, usagef("the sandbox has no kommune %s with SvarInn; it has %s", nummer, strings.Join(numre, ", "))
}

// innbygger is the fødselsnummer of the first citizen.
func (s *sandboxFile) innbygger() (string, error) {
	for _, p := range s.Personer {
		if slices.Contains(p.Roller, "INNBYGGER") {
			return p.Fnr, nil
		}
	}
	return "", usagef("the sandbox has no citizen; give --fnr")
}

// maskinportenURL is where a token for the organisation is fetched.
func (s *sandboxFile) maskinportenURL(orgnr string) string {
	return strings.NewReplacer("{orgno}", url.QueryEscape(orgnr), "{scope}", "ks:fiks").Replace(s.Tokens.Maskinporten)
}

// idportenURL is where a citizen's token for the organisation's client is fetched.
func (s *sandboxFile) idportenURL(fnr, orgnr string) string {
	return strings.NewReplacer("{pid}", url.QueryEscape(fnr), "{acr}", "idporten-loa-high", "{orgno}", url.QueryEscape(orgnr)).
		Replace(s.Tokens.IDPorten)
}

// amqpAddr is the address of the listener.
func (s *sandboxFile) amqpAddr(plain bool) string {
	port := s.AMQP.TLSPort
	if plain {
		port = s.AMQP.Port
	}
	return net.JoinHostPort(s.AMQP.Host, strconv.Itoa(port))
}

func (s *sandboxFile) path(rel string) string { return filepath.Join(s.dir, filepath.FromSlash(rel)) }

// tlsConfig trusts the certificates in file, or the system's when file is "".
func tlsConfig(addr, file string) (*tls.Config, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, usagef("%v", err)
	}
	cfg := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if file == "" {
		return cfg, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the CA certificate: %w", err)
	}
	cfg.RootCAs = x509.NewCertPool()
	if !cfg.RootCAs.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", file)
	}
	return cfg, nil
}

// readKey reads an RSA private key (PKCS#8 PEM).
func readKey(file string) (cms.Key, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return cms.Key{}, fmt.Errorf("reading the private key: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return cms.Key{}, fmt.Errorf("%s is not PEM", file)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return cms.Key{}, fmt.Errorf("%s: %w", file, err)
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return cms.Key{}, fmt.Errorf("%s is not an RSA key", file)
	}
	return cms.Key{Private: private}, nil
}
