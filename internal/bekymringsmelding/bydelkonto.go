package bekymringsmelding

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

// kontovalg is a Mottakskonto that has been checked, with all that a transaction is not
// to wait for.
type kontovalg struct {
	Mottakskonto
	org         organisasjon.Organisasjon
	sertifikat  *x509.Certificate // nil: the one that is there
	kontoFins   bool              // FiksIOKontoID is one of the organisation's
	integrasjon *organisasjon.Integrasjon
	adresse     bool // nobody else is found by the organisation's number for this protocol
}

func (s *Service) forberedEndring(ctx context.Context, fiksOrgID, ressursID string, m Mottakskonto) (kontovalg, error) {
	org, err := s.Organisasjon.Organisasjon(ctx, fiksOrgID)
	if err != nil {
		return kontovalg{}, err
	}
	b, err := s.egenBydelI(ctx, s.DB.Read(), fiksOrgID, ressursID)
	if err != nil {
		return kontovalg{}, err
	}
	return s.forberedKonto(ctx, org, b, m)
}

// forberedKonto checks what is to be used, and reads the uploaded key: a private one is
// refused and stored nowhere.
func (s *Service) forberedKonto(ctx context.Context, org organisasjon.Organisasjon, b Bydel, m Mottakskonto) (kontovalg, error) {
	k := kontovalg{Mottakskonto: m, org: org}
	if err := m.Validate(); err != nil {
		return k, err
	}
	var err error
	if len(m.Sertifikat) > 0 {
		if k.sertifikat, err = fiksio.LesSertifikat(m.Sertifikat, s.Klokke.Now()); err != nil {
			return k, err
		}
	}
	switch m.Kanal {
	case KanalFiksIO:
		err = s.forberedFiksIO(ctx, b, &k)
	case KanalSvarInn:
		err = s.forberedSvarInn(ctx, b, &k)
	}
	return k, err
}

func manglerNokkel() error {
	return feil.Ny(feil.Ugyldig, "offentligNokkel mangler: last opp ett X.509-sertifikat som PEM")
}

func (s *Service) forberedFiksIO(ctx context.Context, b Bydel, k *kontovalg) error {
	k.FiksIOKontoID = cmp.Or(k.FiksIOKontoID, b.FiksIOKontoID)
	if k.FiksIOKontoID != "" {
		konto, err := s.FiksIO.Konto(ctx, k.FiksIOKontoID)
		switch {
		case err == nil && (konto.FiksOrgID != k.org.ID || konto.Intern):
			return feil.Ny(feil.Ugyldig, "Fiks IO-kontoen tilhører ikke organisasjonen")
		case err == nil:
			k.kontoFins = true
			if konto.Sertifikat != nil {
				return nil
			}
		case !feil.Er(err, feil.IkkeFunnet):
			return fmt.Errorf("finding the Fiks IO konto: %w", err)
		case k.FiksIOKontoID == b.FiksIOKontoID:
			k.FiksIOKontoID = "" // it has been deleted, and its id is not used again
		}
	}
	if k.sertifikat == nil {
		return manglerNokkel()
	}
	if k.kontoFins || k.org.Orgnr == "" {
		return nil
	}
	_, err := s.FiksIO.SlaOpp(ctx, "ORG_NO."+k.org.Orgnr, fiksio.ProtokollBekymringsmelding, mottaksniva)
	if k.adresse = feil.Er(err, feil.IkkeFunnet); !k.adresse && err != nil {
		return fmt.Errorf("looking up the organisation's Fiks IO konto: %w", err)
	}
	return nil
}

func (s *Service) forberedSvarInn(ctx context.Context, b Bydel, k *kontovalg) error {
	if k.sertifikat == nil && len(b.Sertifikat) == 0 {
		return manglerNokkel()
	}
	if cmp.Or(k.Orgnr, k.org.Orgnr) == "" {
		return feil.Ny(feil.Ugyldig, "orgnr mangler, og organisasjonen har ikke noe")
	}
	if k.Orgnr != "" && !orgnrForm.MatchString(k.Orgnr) {
		return feil.Ny(feil.Ugyldig, "orgnr må ha 9 siffer")
	}
	k.IntegrasjonID = cmp.Or(k.IntegrasjonID, b.IntegrasjonID)
	if k.IntegrasjonID == "" {
		return nil
	}
	i, err := s.Organisasjon.Integrasjon(ctx, k.IntegrasjonID)
	switch {
	case err == nil && i.FiksOrgID != k.org.ID:
		return feil.Ny(feil.Ugyldig, "Integrasjonen tilhører ikke organisasjonen")
	case err == nil:
		k.integrasjon = &i
	case !feil.Er(err, feil.IkkeFunnet):
		return err
	case k.IntegrasjonID == b.IntegrasjonID:
		k.IntegrasjonID = "" // it has been deleted, and its id is not used again
	}
	return nil
}

// brukKonto makes what the channel needs, and puts it on the bydel.
func (s *Service) brukKonto(ctx context.Context, tx *store.Tx, b *Bydel, k kontovalg) error {
	b.Kanal, b.Fagsystem = k.Kanal, k.Fagsystem
	b.StottetVersjon = cmp.Or(k.StottetVersjon, b.StottetVersjon, skjema.V1)
	b.VarselEposter = k.VarselEposter
	switch k.Kanal {
	case KanalFiksIO:
		return s.brukFiksIO(ctx, tx, b, k)
	case KanalSvarInn:
		return s.brukSvarInn(ctx, tx, b, k)
	default:
		return nil
	}
}

// merkelapp is on the integrasjoner that this room makes: the code of the service.
const merkelapp = "BEKYMRINGSMELDING"

func (s *Service) brukFiksIO(ctx context.Context, tx *store.Tx, b *Bydel, k kontovalg) error {
	if k.kontoFins {
		b.FiksIOKontoID = k.FiksIOKontoID
		if k.sertifikat == nil {
			return nil
		}
		return s.FiksIO.BytSertifikat(ctx, tx, b.FiksIOKontoID, k.sertifikat, auth.From(ctx).Aktor())
	}
	navn := "Bekymringsmelding bydel " + b.Bydelsnummer
	konto, err := s.FiksIO.OpprettKonto(ctx, tx, fiksio.Konto{ID: k.FiksIOKontoID, FiksOrgID: b.FiksOrgID, Navn: navn,
		Aktiv: true, Sertifikat: k.sertifikat.Raw, OpprettetAv: auth.From(ctx).Aktor()})
	if err != nil {
		return fmt.Errorf("making the Fiks IO konto: %w", err)
	}
	b.FiksIOKontoID = konto.ID
	// Else anybody with a konto could send what looks like a report.
	if err := s.FiksIO.BareFraPlattformen(ctx, tx, konto.ID, auth.From(ctx).Aktor()); err != nil {
		return fmt.Errorf("letting the platform alone send to the Fiks IO konto: %w", err)
	}
	a := fiksio.Adresse{KontoID: konto.ID, Beskrivelse: navn, Aktiv: k.adresse, Protokoller: []string{fiksio.ProtokollBekymringsmelding},
		Nivaer: []int{mottaksniva}, OpprettetAv: auth.From(ctx).Aktor()}
	if k.org.Orgnr != "" {
		a.Identifikatorer = []fiksio.Identifikator{{Type: "ORG_NO", Verdi: k.org.Orgnr}}
	}
	if _, err := s.FiksIO.OpprettAdresse(ctx, tx, a); err != nil {
		return fmt.Errorf("making the address of the Fiks IO konto: %w", err)
	}
	if k.org.Orgnr == "" {
		return nil // who runs the fagsystem is given the privilege by hand
	}
	i, err := s.Organisasjon.OpprettIntegrasjon(ctx, tx, organisasjon.Integrasjon{FiksOrgID: b.FiksOrgID, AutorisertOrgnr: k.org.Orgnr,
		Navn: "Fiks IO bekymringsmelding bydel " + b.Bydelsnummer, Tags: []string{merkelapp}})
	if err != nil {
		return fmt.Errorf("making the integrasjon of the Fiks IO konto: %w", err)
	}
	return s.Organisasjon.GiTilgang(ctx, tx, auth.From(ctx), i.ID, auth.FiksIOKonto, konto.ID)
}

func (s *Service) brukSvarInn(ctx context.Context, tx *store.Tx, b *Bydel, k kontovalg) error {
	b.Orgnr, b.Zip = k.Orgnr, k.Zip
	if k.sertifikat != nil {
		b.Sertifikat = tilPEM(k.sertifikat)
	}
	orgnr := cmp.Or(k.Orgnr, k.org.Orgnr)
	if k.integrasjon != nil {
		b.IntegrasjonID = k.integrasjon.ID
		if k.integrasjon.AutorisertOrgnr == orgnr {
			return nil
		}
		_, err := s.Organisasjon.EndreIntegrasjon(ctx, tx, b.IntegrasjonID, 0, func(i *organisasjon.Integrasjon) { i.AutorisertOrgnr = orgnr })
		return err
	}
	i, err := s.Organisasjon.OpprettIntegrasjon(ctx, tx, organisasjon.Integrasjon{ID: k.IntegrasjonID, FiksOrgID: b.FiksOrgID, AutorisertOrgnr: orgnr,
		Navn: "SvarInn bekymringsmelding bydel " + b.Bydelsnummer, Tags: []string{merkelapp}})
	if err != nil {
		return fmt.Errorf("making the integrasjon of SvarInn: %w", err)
	}
	b.IntegrasjonID = i.ID
	return nil
}

func tilPEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// passordOverlapp is how long the password before goes on, so that a system can be
// given the new one without missing anything.
const passordOverlapp = 24 * time.Hour

// LagBydelPassord makes a new password of an integrasjon of the bydel's, which is shown
// once; the one before goes on for a day. kanal is KanalSvarInn for the bydel's SvarInn
// user, KanalFiksIO for one that may use its Fiks IO konto. feil.IkkeFunnet for one that
// is not the bydel's. Audited.
func (s *Service) LagBydelPassord(ctx context.Context, fiksOrgID, ressursID, integrasjonID string, kanal Kanal) (passord string, err error) {
	b, err := s.egenBydelI(ctx, s.DB.Read(), fiksOrgID, ressursID)
	if err != nil {
		return "", err
	}
	egne := []string{b.IntegrasjonID}
	if kanal == KanalFiksIO {
		if egne, err = s.kontoensIntegrasjoner(ctx, b); err != nil {
			return "", err
		}
	}
	i, err := s.Organisasjon.Integrasjon(ctx, integrasjonID)
	if err == nil && (i.FiksOrgID != fiksOrgID || !slices.Contains(egne, i.ID)) || feil.Er(err, feil.IkkeFunnet) {
		return "", feil.Ny(feil.IkkeFunnet, "Bydelen har ingen slik integrasjon")
	} else if err != nil {
		return "", err
	}
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		if passord, err = s.Organisasjon.LagPassord(ctx, tx, i.ID, passordOverlapp); err != nil {
			return err
		}
		return s.loggBydel(ctx, tx, b, "BYDEL_PASSORD_LAGET", i.ID)
	})
	return passord, err
}

// kontoensIntegrasjoner are those that may use the bydel's Fiks IO konto.
func (s *Service) kontoensIntegrasjoner(ctx context.Context, b Bydel) ([]string, error) {
	ut := []string{}
	if b.FiksIOKontoID == "" {
		return ut, nil
	}
	alle, err := s.Organisasjon.Tilganger(ctx, b.FiksIOKontoID)
	if err != nil {
		return nil, fmt.Errorf("finding who may use konto %s: %w", b.FiksIOKontoID, err)
	}
	for _, t := range alle {
		if _, err := uuid.Parse(t.Aktor); err == nil && t.Privilegium == auth.FiksIOKonto {
			ut = append(ut, t.Aktor)
		}
	}
	return ut, nil
}
