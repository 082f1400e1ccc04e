package bekymringsmelding

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

// Bydeler lists a municipality's bydeler that can receive, by number: none when it has
// not activated the service. One of them is the standardMottaker.
func (s *Service) Bydeler(ctx context.Context, kommunenummer string) ([]Bydel, error) {
	return s.lesBydeler(ctx, s.DB.Read(), `WHERE kommunenummer = $1 AND deaktivert = 0 ORDER BY bydelsnummer`, kommunenummer)
}

// Bydel finds a bydel that can receive; feil.IkkeFunnet also for a deactivated one.
func (s *Service) Bydel(ctx context.Context, kommunenummer, bydelsnummer string) (Bydel, error) {
	return s.enBydel(ctx, s.DB.Read(), `WHERE kommunenummer = $1 AND bydelsnummer = $2 AND deaktivert = 0`, kommunenummer, bydelsnummer)
}

// BydelMedRessurs finds a bydel, also a deactivated one; feil.IkkeFunnet.
func (s *Service) BydelMedRessurs(ctx context.Context, ressursID string) (Bydel, error) {
	return s.enBydel(ctx, s.DB.Read(), `WHERE ressurs_id = $1`, ressursID)
}

// BydelMedIntegrasjon finds the bydel whose SvarInn user the integrasjon is; feil.IkkeFunnet.
func (s *Service) BydelMedIntegrasjon(ctx context.Context, integrasjonID string) (Bydel, error) {
	if integrasjonID == "" {
		return Bydel{}, feil.Ny(feil.IkkeFunnet, "Bydelen finnes ikke")
	}
	return s.enBydel(ctx, s.DB.Read(), `WHERE integrasjon_id = $1`, integrasjonID)
}

// BydelerI lists an organisation's bydeler, also the deactivated, by number.
func (s *Service) BydelerI(ctx context.Context, fiksOrgID string) ([]Bydel, error) {
	return s.lesBydeler(ctx, s.DB.Read(), `WHERE fiks_org = $1 ORDER BY bydelsnummer`, fiksOrgID)
}

// SokBydeler lists the bydeler whose name has sok in it, or whose fiksOrgId or
// ressursId it is ("": all), in an organisation ("": all), by municipality and number.
func (s *Service) SokBydeler(ctx context.Context, fiksOrgID, sok string) ([]Bydel, error) {
	alle, err := s.lesBydeler(ctx, s.DB.Read(), `WHERE $1 = '' OR fiks_org = $1 ORDER BY kommunenummer, bydelsnummer`, fiksOrgID)
	if err != nil {
		return nil, err
	}
	sok = strings.ToLower(strings.TrimSpace(sok))
	return slices.DeleteFunc(alle, func(b Bydel) bool {
		return !strings.Contains(strings.ToLower(b.Navn), sok) && b.FiksOrgID != sok && b.RessursID != sok
	}), nil
}

// egenBydelI finds an organisation's bydel; feil.IkkeFunnet also for another's.
func (s *Service) egenBydelI(ctx context.Context, q store.Queryer, fiksOrgID, ressursID string) (Bydel, error) {
	return s.enBydel(ctx, q, `WHERE fiks_org = $1 AND ressurs_id = $2`, fiksOrgID, ressursID)
}

// OpprettBydel makes a receiving office of a municipality, with its ressurs and what
// its channel needs, and takes the service into use. The first one becomes the
// standardMottaker. feil.Ugyldig (KodeBydelsnummerOpptatt when the number is taken),
// feil.IkkeFunnet for the organisation. Audited.
func (s *Service) OpprettBydel(ctx context.Context, fiksOrgID string, n NyBydel) (Bydel, error) {
	org, err := s.Organisasjon.Organisasjon(ctx, fiksOrgID)
	if err != nil {
		return Bydel{}, err
	}
	if !kommuneForm.MatchString(org.Kommunenummer) {
		return Bydel{}, feil.Ny(feil.Ugyldig, "Organisasjonen har ikke noe kommunenummer, og kan derfor ikke ha bydeler")
	}
	b := Bydel{RessursID: cmp.Or(n.RessursID, uuid.NewString()), FiksOrgID: org.ID, Kommunenummer: org.Kommunenummer,
		Bydelsnummer: n.Bydelsnummer, Navn: strings.TrimSpace(n.Navn), Adresse: n.Adresse, Kontakter: n.Kontakter, Telefon: n.Telefon}
	k, err := s.forberedKonto(ctx, org, b, n.Konto)
	if err != nil {
		return Bydel{}, err
	}
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		if err := s.brukKonto(ctx, tx, &b, k); err != nil {
			return err
		}
		if err := b.Validate(); err != nil {
			return err
		}
		if err := s.settInnBydel(ctx, tx, &b); err != nil {
			return err
		}
		tjeneste, err := s.Organisasjon.TaIBruk(ctx, tx, org.ID, organisasjon.TypeBekymringsmelding)
		if err != nil {
			return fmt.Errorf("taking Bekymringsmelding into use: %w", err)
		}
		if err := s.Organisasjon.OpprettRessurs(ctx, tx, organisasjon.Ressurs{ID: b.RessursID, Forelder: tjeneste, Type: organisasjon.TypeBydel, Navn: b.Navn}); err != nil {
			return err
		}
		har, err := harStandard(ctx, tx, org.ID)
		if err != nil {
			return err
		}
		if !har || n.StandardMottaker {
			if err := s.blirStandard(ctx, tx, &b); err != nil {
				return err
			}
		}
		return s.loggBydel(ctx, tx, b, "BYDEL_OPPRETTET", b.Bydelsnummer+","+string(b.Kanal))
	})
	return b, err
}

// endreBydel changes a bydel that is still of a version (0: whichever), and audits it.
func (s *Service) endreBydel(ctx context.Context, fiksOrgID, ressursID string, versjon int64, handling string, fn func(tx *store.Tx, b *Bydel) error) (b Bydel, err error) {
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		if b, err = s.egenBydelI(ctx, tx, fiksOrgID, ressursID); err != nil {
			return err
		}
		if versjon != 0 && versjon != b.Versjon {
			return bydelEndret()
		}
		navn := b.Navn
		if err := fn(tx, &b); err != nil {
			return err
		}
		if err := b.Validate(); err != nil {
			return err
		}
		if b.Navn != navn {
			if err := s.Organisasjon.GiNavn(ctx, tx, b.RessursID, b.Navn); err != nil {
				return err
			}
		}
		if err := s.lagreBydel(ctx, tx, &b); err != nil {
			return err
		}
		return s.loggBydel(ctx, tx, b, handling, string(b.Kanal))
	})
	return b, err
}

func bydelEndret() error {
	return feil.Ny(feil.Konflikt, "Bydelen er endret av noen andre i mellomtiden. Hent den på nytt, og prøv igjen")
}

// EndreBydelNavn gives a bydel another number and name ("": as it is). versjon is the
// one that the change was decided from (0: whichever). feil.Ugyldig, feil.IkkeFunnet,
// feil.Konflikt. Audited.
func (s *Service) EndreBydelNavn(ctx context.Context, fiksOrgID, ressursID string, versjon int64, nummer, navn string) (Bydel, error) {
	return s.endreBydel(ctx, fiksOrgID, ressursID, versjon, "BYDEL_ENDRET", func(_ *store.Tx, b *Bydel) error {
		b.Bydelsnummer, b.Navn = cmp.Or(nummer, b.Bydelsnummer), cmp.Or(strings.TrimSpace(navn), b.Navn)
		return nil
	})
}

// EndreBydelAdresse sets where a bydel's letters go; as EndreBydelNavn.
func (s *Service) EndreBydelAdresse(ctx context.Context, fiksOrgID, ressursID string, versjon int64, a Postadresse) (Bydel, error) {
	return s.endreBydel(ctx, fiksOrgID, ressursID, versjon, "BYDEL_ADRESSE_ENDRET", func(_ *store.Tx, b *Bydel) error {
		b.Adresse = a
		return nil
	})
}

// EndreBydelKontakter sets whom the platform writes to about a bydel; as EndreBydelNavn.
func (s *Service) EndreBydelKontakter(ctx context.Context, fiksOrgID, ressursID string, versjon int64, eposter []string) (Bydel, error) {
	return s.endreBydel(ctx, fiksOrgID, ressursID, versjon, "BYDEL_KONTAKTER_ENDRET", func(_ *store.Tx, b *Bydel) error {
		b.Kontakter = eposter
		return nil
	})
}

// EndreBydelKonto sets how a bydel gets its reports from now on: what was sent before
// stays with the channel that it was sent by (§6). As EndreBydelNavn; feil.Ugyldig also
// for a key that nothing can be encrypted to.
func (s *Service) EndreBydelKonto(ctx context.Context, fiksOrgID, ressursID string, versjon int64, m Mottakskonto) (Bydel, error) {
	k, err := s.forberedEndring(ctx, fiksOrgID, ressursID, m)
	if err != nil {
		return Bydel{}, err
	}
	return s.endreBydel(ctx, fiksOrgID, ressursID, versjon, "BYDEL_KONTO_ENDRET", func(tx *store.Tx, b *Bydel) error {
		return s.brukKonto(ctx, tx, b, k)
	})
}

// ErstattBydel replaces all that is configured of a bydel but whether it is active; it
// can become the standardMottaker and not stop being it. As EndreBydelKonto.
func (s *Service) ErstattBydel(ctx context.Context, fiksOrgID, ressursID string, versjon int64, n NyBydel) (Bydel, error) {
	k, err := s.forberedEndring(ctx, fiksOrgID, ressursID, n.Konto)
	if err != nil {
		return Bydel{}, err
	}
	return s.endreBydel(ctx, fiksOrgID, ressursID, versjon, "BYDEL_ENDRET", func(tx *store.Tx, b *Bydel) error {
		b.Bydelsnummer, b.Navn, b.Adresse, b.Kontakter, b.Telefon = n.Bydelsnummer, strings.TrimSpace(n.Navn), n.Adresse, n.Kontakter, n.Telefon
		if n.StandardMottaker && !b.StandardMottaker {
			if err := s.blirStandard(ctx, tx, b); err != nil {
				return err
			}
		}
		return s.brukKonto(ctx, tx, b, k)
	})
}

// SettBydelerAktive activates or deactivates bydeler of an organisation, all or none.
// A deactivated one gets nothing new; what it was sent before is still delivered and
// answered. feil.IkkeFunnet; feil.Ugyldig (KodeStandardmottaker) when others would be
// left without a standardMottaker. Audited.
func (s *Service) SettBydelerAktive(ctx context.Context, fiksOrgID string, ressursIDer []string, aktiv bool) error {
	handling := map[bool]string{true: "BYDEL_AKTIVERT", false: "BYDEL_DEAKTIVERT"}[aktiv]
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		for _, id := range ressursIDer {
			b, err := s.egenBydelI(ctx, tx, fiksOrgID, id)
			if err != nil {
				return err
			}
			if b.Deaktivert == !aktiv {
				continue
			}
			b.Deaktivert = !aktiv
			if err := s.lagreBydel(ctx, tx, &b); err != nil {
				return err
			}
			if err := s.loggBydel(ctx, tx, b, handling, ""); err != nil {
				return err
			}
		}
		har, err := harStandard(ctx, tx, fiksOrgID)
		if err != nil || har {
			return err
		}
		aktive, err := s.lesBydeler(ctx, tx, `WHERE fiks_org = $1 AND deaktivert = 0 ORDER BY bydelsnummer`, fiksOrgID)
		if err != nil || len(aktive) == 0 {
			return err
		}
		if !aktiv {
			return medKode(feil.Ny(feil.Ugyldig, "Bydelen er standardmottaker, og kommunen har andre aktive bydeler. Velg en annen standardmottaker først"), KodeStandardmottaker)
		}
		return s.blirStandard(ctx, tx, &aktive[0]) // the one before is deactivated
	})
}

// SettStandardMottaker makes a bydel the one that gets what nobody knows the right bydel
// of; the one before stops being it. feil.IkkeFunnet, feil.Ugyldig for a deactivated
// one. Audited.
func (s *Service) SettStandardMottaker(ctx context.Context, fiksOrgID, ressursID string) error {
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		b, err := s.egenBydelI(ctx, tx, fiksOrgID, ressursID)
		switch {
		case err != nil:
			return err
		case b.Deaktivert:
			return medKode(feil.Ny(feil.Ugyldig, "Bydelen er deaktivert. Aktiver den først"), KodeStandardmottaker)
		case b.StandardMottaker:
			return nil
		}
		return s.blirStandard(ctx, tx, &b)
	})
}

// harStandard tells whether an organisation has an active standardMottaker.
func harStandard(ctx context.Context, tx *store.Tx, fiksOrgID string) (bool, error) {
	var n int
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM bekymring_bydel WHERE fiks_org = $1 AND standard = 1 AND deaktivert = 0`, fiksOrgID).Scan(&n); err != nil {
		return false, fmt.Errorf("looking for the standardMottaker of %s: %w", fiksOrgID, err)
	}
	return n > 0, nil
}

// blirStandard makes a stored bydel the standardMottaker, and none other.
func (s *Service) blirStandard(ctx context.Context, tx *store.Tx, b *Bydel) error {
	if _, err := tx.ExecContext(ctx, `UPDATE bekymring_bydel SET standard = 0, versjon = versjon + 1 WHERE fiks_org = $1 AND standard = 1 AND ressurs_id <> $2`,
		b.FiksOrgID, b.RessursID); err != nil {
		return fmt.Errorf("setting the standardMottaker of %s: %w", b.FiksOrgID, err)
	}
	if _, err := tx.ExecContext(ctx, `UPDATE bekymring_bydel SET standard = 1, versjon = versjon + 1 WHERE ressurs_id = $1`, b.RessursID); err != nil {
		return fmt.Errorf("setting the standardMottaker of %s: %w", b.FiksOrgID, err)
	}
	b.StandardMottaker, b.Versjon = true, b.Versjon+1
	return s.loggBydel(ctx, tx, *b, "BYDEL_STANDARDMOTTAKER", "")
}

func (s *Service) loggBydel(ctx context.Context, tx *store.Tx, b Bydel, handling, payload string) error {
	return s.logg(ctx, tx, audit.Hendelse{Principal: auth.From(ctx), FiksOrg: b.FiksOrgID, Underressurs: b.RessursID, Handling: handling, Payload: payload})
}

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
