package sandbox

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Beskrivelse is sandbox.json: all that a test needs to know of a running
// sandbox. Its shape is a contract. Paths are relative to the folder it lies in.
type Beskrivelse struct {
	Version      int          `json:"version"`
	BaseURL      string       `json:"baseUrl"`
	AMQP         AMQP         `json:"amqp"`
	Maskinporten Maskinporten `json:"maskinporten"`
	IDPorten     IDPorten     `json:"idporten"`
	Tokens       Tokens       `json:"tokens"`
	NAV          Integrasjon  `json:"nav"`
	Kommuner     []Kommune    `json:"kommuner"`
	Personer     []Testperson `json:"personer"`
}

// AMQP is where the broker is. CACertificate signs the certificate of TLSPort.
type AMQP struct {
	Host          string `json:"host"`
	Port          int    `json:"port"`
	TLSPort       int    `json:"tlsPort"`
	Vhost         string `json:"vhost"`
	CACertificate string `json:"caCertificate"`
}

// Maskinporten is the organisations' issuer.
type Maskinporten struct {
	Issuer        string `json:"issuer"`
	TokenEndpoint string `json:"tokenEndpoint"`
}

// IDPorten is the persons' issuer.
type IDPorten struct {
	Issuer                string `json:"issuer"`
	AuthorizationEndpoint string `json:"authorizationEndpoint"`
	TokenEndpoint         string `json:"tokenEndpoint"`
}

// Tokens are URLs with {orgno}, {scope}, {pid} and {acr} to be filled in, which
// answer a bare JWT.
type Tokens struct {
	Maskinporten string `json:"maskinporten"`
	IDPorten     string `json:"idporten"`
}

// Integrasjon is a machine client's credentials.
type Integrasjon struct {
	Organisasjonsnummer string `json:"organisasjonsnummer"` // whose token must come with it
	IntegrasjonID       string `json:"integrasjonId"`
	IntegrasjonPassord  string `json:"integrasjonPassord"`
}

// Kommune is a municipality.
type Kommune struct {
	Kommunenummer       string    `json:"kommunenummer"`
	Navn                string    `json:"navn"`
	FiksOrgID           string    `json:"fiksOrgId"`
	Organisasjonsnummer string    `json:"organisasjonsnummer"`
	DigisosKanal        string    `json:"digisosKanal"` // FIKS_IO or SVARUT
	Fagsystem           Fagsystem `json:"fagsystem"`
	Bydeler             []Bydel   `json:"bydeler"`
}

// Fagsystem is what a municipality's case system logs in and decrypts with.
type Fagsystem struct {
	Integrasjon
	FiksIOKontoID string   `json:"fiksIOKontoId"`
	PrivateKey    string   `json:"privateKey"`
	Certificate   string   `json:"certificate"`
	SvarInn       *SvarInn `json:"svarinn"` // nil: it has none
	SvarUt        *SvarUt  `json:"svarut"`  // nil: it has none
}

// SvarInn is a receiving system of SvarInn.
type SvarInn struct {
	Brukernavn  string `json:"brukernavn"`
	Passord     string `json:"passord"`
	PrivateKey  string `json:"privateKey"`
	Certificate string `json:"certificate"`
}

// SvarUt is a sending system of SvarUt.
type SvarUt struct {
	KontoID    string `json:"kontoId"`
	Brukernavn string `json:"brukernavn"`
	Passord    string `json:"passord"`
}

// Bydel is a part of a municipality that receives bekymringsmeldinger.
type Bydel struct {
	Bydelsnummer  string `json:"bydelsnummer"`
	Navn          string `json:"navn"`
	RessursID     string `json:"ressursId"`
	Mottakerkanal string `json:"mottakerkanal"` // FIKS_IO, SVARINN or MANUELL_MOTTAK
}

// Testperson is a synthetic person.
type Testperson struct {
	Fnr    string   `json:"fnr"`
	Navn   string   `json:"navn"`
	Roller []string `json:"roller"` // INNBYGGER, ADMINISTRATOR
}

// beskriv describes the sandbox at base, with its broker at host.
func beskriv(base, host string, port, tlsPort int) Beskrivelse {
	b := Beskrivelse{
		Version: 1, BaseURL: base,
		AMQP:         AMQP{Host: host, Port: port, TLSPort: tlsPort, Vhost: "/", CACertificate: caFil},
		Maskinporten: Maskinporten{Issuer: base + "/maskinporten/", TokenEndpoint: base + "/maskinporten/token"},
		IDPorten: IDPorten{Issuer: base + "/idporten", AuthorizationEndpoint: base + "/idporten/authorize",
			TokenEndpoint: base + "/idporten/token"},
		Tokens: Tokens{Maskinporten: base + "/sandbox/token/maskinporten?orgno={orgno}&scope={scope}",
			IDPorten: base + "/sandbox/token/idporten?pid={pid}&acr={acr}&orgno={orgno}"},
		NAV:      Integrasjon{orgnrNAV, integrasjonNAV, passord("nav")},
		Personer: personer,
	}
	for _, k := range kommuner {
		ut := Kommune{Kommunenummer: k.Nummer, Navn: k.Navn, FiksOrgID: k.orgID(), Organisasjonsnummer: k.Orgnr,
			DigisosKanal: k.kanal(), Bydeler: []Bydel{},
			Fagsystem: Fagsystem{Integrasjon: Integrasjon{k.Fagsystem, k.integrasjonID(), passord(k.Nummer)},
				FiksIOKontoID: k.kontoID(), PrivateKey: nokkelfil(k.Nummer).key(), Certificate: nokkelfil(k.Nummer).cert()}}
		if k.harSvarInn() {
			n := k.svarinnNokkel()
			ut.Fagsystem.SvarInn = &SvarInn{k.mottakersystemID(), passord("svarinn-" + k.Nummer), n.key(), n.cert()}
		}
		if k.harSvarUt() {
			ut.Fagsystem.SvarUt = &SvarUt{k.svarutKontoID(), k.svarutBruker(), passord("svarut-" + k.Nummer)}
		}
		for _, b := range k.Bydeler {
			b.RessursID = k.bydelID(b.Bydelsnummer)
			ut.Bydeler = append(ut.Bydeler, b)
		}
		b.Kommuner = append(b.Kommuner, ut)
	}
	return b
}

// skriv writes sandbox.json: a reader sees the old one or the whole new one.
func (b Beskrivelse) skriv(dir string) error {
	data, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	return skrivFil(filepath.Join(dir, "sandbox.json"), append(data, '\n'))
}

// skrivFil replaces a file whole.
func skrivFil(fil string, data []byte) error {
	tmp := fil + ".tmp"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("sandbox: writing %s: %w", filepath.Base(fil), err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp, fil)
	}
	if err != nil {
		return fmt.Errorf("sandbox: writing %s: %w", filepath.Base(fil), err)
	}
	return nil
}
