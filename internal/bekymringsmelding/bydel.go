package bekymringsmelding

import (
	"context"
	"crypto/x509"
	"knutepunkt/internal/levering"

	"knutepunkt/internal/bekymringsmelding/skjema"
)

type Kanal string

const (
	KanalFiksIO  Kanal = "FIKS_IO"
	KanalSvarInn Kanal = "SVARINN"
	KanalManuell Kanal = "MANUELL_MOTTAK"
	KanalPrint   Kanal = "PRINT"
)

type Bydel struct {
	RessursID, FiksOrgID, Kommunenummer, Bydelsnummer, Navn string
	StandardMottaker, Deaktivert                            bool
	StottetVersjon                                          skjema.Versjon
	Fagsystem                                               string
	Kanal                                                   Kanal
	FiksIOKontoID, IntegrasjonID, Orgnr                     string
	Sertifikat                                              []byte
	Adresse                                                 Postadresse
	Kontakter, VarselEposter                                []string
	Zip                                                     bool
	Versjon                                                 int64
}

type Postadresse struct {
	Navn, Adresselinje1, Adresselinje2, Adresselinje3, Postnummer, Poststed string
}

type Nokkelpar struct{ Print, Mottaker *x509.Certificate }

func (s *Service) Bydeler(ctx context.Context, kommunenummer string) ([]Bydel, error) {
	return nil, nil
}
func (s *Service) Bydel(ctx context.Context, kommunenummer, bydelsnummer string) (Bydel, error) {
	return Bydel{}, nil
}
func (s *Service) BydelMedRessurs(ctx context.Context, ressursID string) (Bydel, error) {
	return Bydel{}, nil
}
func (s *Service) BydelerI(ctx context.Context, fiksOrgID string) ([]Bydel, error) { return nil, nil }
func (s *Service) Nokler(ctx context.Context, b Bydel) (Nokkelpar, error)          { return Nokkelpar{}, nil }

func (b Bydel) postadresse() levering.Adresse {
	a := b.Adresse
	return levering.Adresse{Navn: a.Navn, Orgnr: b.Orgnr, Adresselinje1: a.Adresselinje1, Adresselinje2: a.Adresselinje2, Adresselinje3: a.Adresselinje3,
		Postnummer: a.Postnummer, Poststed: a.Poststed}
}
