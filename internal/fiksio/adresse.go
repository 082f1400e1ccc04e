package fiksio

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/store"
)

// SlaOpp finds the one active konto with an active address for identifikator
// ("ORG_NO.123456789"), protokoll and nivå; feil.IkkeFunnet.
func (s *Service) SlaOpp(ctx context.Context, identifikator, protokoll string, niva int) (Konto, error) {
	if !reIdentifikator.MatchString(identifikator) {
		return Konto{}, feil.Ny(feil.Ugyldig, "identifikator må ha formen TYPE.siffer, for eksempel ORG_NO.123456789")
	}
	if !reProtokoll.MatchString(protokoll) {
		return Konto{}, feil.Ny(feil.Ugyldig, "meldingProtokoll må bestå av bokstaver, siffer og punktum")
	}
	if niva < 1 || niva > 4 {
		return Konto{}, feil.Ny(feil.Ugyldig, "sikkerhetsniva må være fra 1 til 4")
	}
	as, err := s.kandidater(ctx, s.DB.Read(), identifikator)
	if err != nil {
		return Konto{}, err
	}
	for _, a := range as {
		if slices.Contains(a.Protokoller, protokoll) && slices.Contains(a.Nivaer, niva) {
			return s.Konto(ctx, a.KontoID)
		}
	}
	return Konto{}, feil.Ny(feil.IkkeFunnet, "Fant ingen konto for %s med protokoll %s på sikkerhetsnivå %d", kort(identifikator), kort(protokoll), niva)
}

// kort keeps text that came from outside short enough to be repeated in a message.
func kort(s string) string {
	if r := []rune(s); len(r) > 120 {
		return string(r[:120]) + "…"
	}
	return s
}

// StotterProtokoll tells whether an active address of the konto carries the protocol.
func (s *Service) StotterProtokoll(ctx context.Context, kontoID, protokoll string) (bool, error) {
	as, err := s.adresser(ctx, s.DB.Read(), kontoID)
	if err != nil {
		return false, err
	}
	for _, a := range as {
		if a.Aktiv && slices.Contains(a.Protokoller, protokoll) {
			return true, nil
		}
	}
	return false, nil
}

// Adressetreff is where a wanted address meets an existing one (contract §3).
type Adressetreff struct {
	Konto   Konto
	Adresse Adresse
	// What both have.
	Identifikatorer []Identifikator
	Protokoller     []string
	Nivaer          []int
}

// Matchende lists active addresses, other than a.ID, that share an identifikator, a
// protokoll and a nivå with a.
func (s *Service) Matchende(ctx context.Context, a Adresse) ([]Adressetreff, error) {
	sett := map[string]bool{}
	var treff []Adressetreff
	for _, i := range a.Identifikatorer {
		as, err := s.kandidater(ctx, s.DB.Read(), i.String())
		if err != nil {
			return nil, err
		}
		for _, b := range as {
			if b.ID == a.ID || sett[b.ID] {
				continue
			}
			sett[b.ID] = true
			t := Adressetreff{Adresse: b, Identifikatorer: felles(a.Identifikatorer, b.Identifikatorer),
				Protokoller: felles(a.Protokoller, b.Protokoller), Nivaer: felles(a.Nivaer, b.Nivaer)}
			if len(t.Protokoller) == 0 || len(t.Nivaer) == 0 {
				continue
			}
			if t.Konto, err = s.Konto(ctx, b.KontoID); err != nil {
				return nil, err
			}
			treff = append(treff, t)
		}
	}
	return treff, nil
}

func felles[T comparable](a, b []T) []T {
	ut := []T{}
	for _, v := range b {
		if slices.Contains(a, v) {
			ut = append(ut, v)
		}
	}
	return ut
}

// OpprettAdresse makes an address, and activates it when a.Aktiv; feil.Ugyldig on conflict.
func (s *Service) OpprettAdresse(ctx context.Context, tx *store.Tx, a Adresse) (Adresse, error) {
	if err := a.Validate(); err != nil {
		return Adresse{}, err
	}
	if _, err := s.hentKonto(ctx, tx, a.KontoID); err != nil {
		return Adresse{}, err
	}
	if a.ID == "" {
		a.ID = uuid.NewString()
	}
	a.Opprettet = s.Klokke.Now()
	a.SistEndret, a.SistEndretAv = a.Opprettet, a.OpprettetAv
	if err := s.settInnAdresse(ctx, tx, a); err != nil {
		return Adresse{}, err
	}
	return a, s.sjekkAdresse(ctx, tx, a)
}

// EndreAdresse lets fn change an address in one transaction and checks the
// result: feil.Ugyldig (with an [AdresseKonflikt] as its cause when it overlaps
// another active one), feil.IkkeFunnet.
func (s *Service) EndreAdresse(ctx context.Context, kontoID, id, av string, fn func(a *Adresse) error) (Adresse, error) {
	var a Adresse
	err := s.DB.Write(ctx, func(tx *store.Tx) error {
		if _, err := s.hentKonto(ctx, tx, kontoID); err != nil {
			return err
		}
		var err error
		if a, err = s.hentAdresse(ctx, tx, kontoID, id); err != nil {
			return err
		}
		if err := fn(&a); err != nil {
			return err
		}
		if err := a.Validate(); err != nil {
			return err
		}
		a.SistEndret, a.SistEndretAv = s.Klokke.Now(), av
		if err := s.lagreAdresse(ctx, tx, a); err != nil {
			return err
		}
		if a, err = s.hentAdresse(ctx, tx, kontoID, id); err != nil {
			return err
		}
		return s.sjekkAdresse(ctx, tx, a)
	})
	return a, err
}

// SlettAdresse deletes an address; feil.IkkeFunnet.
func (s *Service) SlettAdresse(ctx context.Context, kontoID, id string) error {
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		if _, err := s.hentAdresse(ctx, tx, kontoID, id); err != nil {
			return err
		}
		return s.slettAdresse(ctx, tx, id)
	})
}

// Adresser lists a konto's addresses, oldest first; feil.IkkeFunnet for an unknown konto.
func (s *Service) Adresser(ctx context.Context, kontoID string) ([]Adresse, error) {
	if _, err := s.Konto(ctx, kontoID); err != nil {
		return nil, err
	}
	return s.adresser(ctx, s.DB.Read(), kontoID)
}

// AdresseKonflikt is the address that another one overlaps; the wire's
// AdresseKonfliktApiModel.
type AdresseKonflikt struct {
	FiksOrgID           string   `json:"fiksOrgId"`
	FiksOrgVisningsnavn string   `json:"fiksOrgVisningsnavn"`
	KontoID             string   `json:"kontoId"`
	KontoNavn           string   `json:"kontoNavn"`
	AdresseID           string   `json:"adresseId"`
	Beskrivelse         string   `json:"beskrivelse"`
	Identifikatorer     []string `json:"identifikatorer"`
	Protokoller         []string `json:"meldingsprotokoller"`
	Nivaer              []int    `json:"sikkerhetsnivaer"`
}

// Error is for the log.
func (k *AdresseKonflikt) Error() string { return "overlaps address " + k.AdresseID }

// KodeAdressekonflikt is the errorCode of an overlap.
const KodeAdressekonflikt = "FIKSIO.ADRESSEKONFLIKT"

// sjekkAdresse holds the rules of an address that is active.
func (s *Service) sjekkAdresse(ctx context.Context, tx *store.Tx, a Adresse) error {
	if !a.Aktiv {
		return nil
	}
	if !a.Gyldig() {
		return feil.Ny(feil.Ugyldig, "En aktiv adresse må ha minst én identifikator, én meldingsprotokoll og ett sikkerhetsnivå")
	}
	andre, err := s.overlappende(ctx, tx, a.ID)
	if err != nil || len(andre) == 0 {
		return err
	}
	b := andre[0]
	k, err := s.hentKonto(ctx, tx, b.KontoID)
	if err != nil {
		return err
	}
	konflikt := &AdresseKonflikt{FiksOrgID: k.FiksOrgID, FiksOrgVisningsnavn: s.orgNavn(ctx, k.FiksOrgID),
		KontoID: k.ID, KontoNavn: k.Navn, AdresseID: b.ID, Beskrivelse: b.Beskrivelse,
		Identifikatorer: tekster(felles(a.Identifikatorer, b.Identifikatorer)),
		Protokoller:     felles(a.Protokoller, b.Protokoller), Nivaer: felles(a.Nivaer, b.Nivaer)}
	f := feil.Ny(feil.Ugyldig, "Adressen overlapper med en annen aktiv adresse").Med(konflikt)
	f.ErrorCode, f.ErrorJSON = KodeAdressekonflikt, konflikt
	return f
}

func tekster(is []Identifikator) []string {
	ut := make([]string, 0, len(is))
	for _, i := range is {
		ut = append(ut, i.String())
	}
	return ut
}
