package digisos

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

// Reconciliation is our own (decision 20): a receipt says that a fagsystem has stored
// something, and one said so of what it had failed to store. So the municipality tells
// what it has registered, one by one, and what is delivered and not registered is a
// gap, which never closes by itself. It is off until the municipality turns it on.

const (
	maksAvvik      = 1000                // gaps that are listed, the oldest
	maksKommuner   = 1000                // municipalities of one person that are looked at
	avstemmingstid = 30 * 24 * time.Hour // what the numbers are of
)

// Avstemt is the answer to what a municipality has registered.
type Avstemt struct {
	Registrert        []string `json:"registrert"`        // closed by this, as they were told
	TidligereMeldt    []string `json:"tidligereMeldt"`    // closed before
	Ukjent            []string `json:"ukjent"`            // not sent to this municipality, not one alone, or no id
	GjenstaaendeAvvik int      `json:"gjenstaaendeAvvik"` // delivered and not registered
}

// Avvik is a gap: a søknad, an ettersendelse or a klage that is delivered and not registered.
type Avvik struct {
	ID              string // UUID; of a søknad the DigisosId
	DigisosID       string // of its case
	Kilde           string // what it is: KildeSoknad, …
	NavEksternRefID string
	Kanal           string // that it went by last: levering.KanalFiksIO or KanalSvarUt
	LeveranseID     string // of the message over Fiks IO, or of the forsendelse in SvarUt
	Innsendt        time.Time
	Levert          time.Time // the first time
	// PaaVei: it is being delivered once more.
	PaaVei bool
}

// Avstemmingsoppsett is whether a municipality reconciles: what is delivered from Fra on.
type Avstemmingsoppsett struct {
	Paa bool
	Fra time.Time // the beginning of a day in Oslo; zero: it never was on
}

// Kommuneavstemming is how a municipality stands. The numbers are of what was sent in
// the last 30 days; the gaps are all.
type Kommuneavstemming struct {
	FiksOrgID, Kommunenummer, Navn string
	Avstemmingsoppsett
	Sendt       int // to the fagsystem, by whatever channel
	Bekreftet   int // of these: delivered
	Registrert  int // of these: the municipality has told, or shown, that it has it
	AntallAvvik int
	Avvik       []Avvik // at most 1000, the oldest first
}

// RegistrerMottatt records what the municipality has in its fagsystem; ider are such as
// finnInnsendt knows. What is registered is delivered, whatever receipt came.
// Idempotent; audited.
func (s *Service) RegistrerMottatt(ctx context.Context, fiksOrgID string, ider []string) (ut Avstemt, err error) {
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		ut = Avstemt{Registrert: []string{}, TidligereMeldt: []string{}, Ukjent: []string{}}
		sett := map[string]bool{}
		var nye []string
		for _, raa := range ider {
			i, ok, err := finnInnsendt(ctx, tx, fiksOrgID, raa)
			if err != nil {
				return err
			}
			if !ok {
				if raa = reflektert(raa); !sett[raa] || raa == ugyldigID {
					ut.Ukjent = append(ut.Ukjent, raa)
				}
				sett[raa] = true
				continue
			}
			if sett[i.id] {
				continue
			}
			sett[i.id] = true
			ny, err := s.registrer(ctx, tx, i)
			if err != nil {
				return err
			}
			if !ny {
				ut.TidligereMeldt = append(ut.TidligereMeldt, raa)
				continue
			}
			ut.Registrert, nye = append(ut.Registrert, raa), append(nye, i.id)
		}
		if ut.GjenstaaendeAvvik, err = antallAvvik(ctx, tx, `u.fiks_org_id = $1`, fiksOrgID); err != nil {
			return err
		}
		return s.logg(ctx, tx, audit.Hendelse{FiksOrg: fiksOrgID, Handling: "DIGISOS_AVSTEMT", Payload: strings.Join(nye, ",")})
	})
	return ut, err
}

const ugyldigID = "(ugyldig id)"

// reflektert is what is told of an id that nothing is known by: whatever it is, only a
// UUID comes back.
func reflektert(raa string) string {
	if u, err := uuid.Parse(raa); err == nil && len(raa) == 36 {
		return u.String()
	}
	return ugyldigID
}

// registrer closes the gap of one; false when it was closed before.
func (s *Service) registrer(ctx context.Context, tx *store.Tx, i innsendt) (bool, error) {
	ny, err := s.merkRegistrert(ctx, tx, i, vedMelding)
	if err != nil || !ny {
		return false, err
	}
	l, err := s.Levering.ForKilde(ctx, tx, i.kilde, i.id)
	if err != nil {
		return false, fmt.Errorf("delivery of %s: %w", i.id, err)
	}
	switch l.Tilstand {
	case levering.Bekreftet:
	case levering.Stoppet: // a person has closed it, and yet it came
		l.Tilstand, l.Kanal = levering.Bekreftet, levering.KanalUtenom
		err = s.levert(ctx, tx, l, i.sakID)
	default:
		_, err = s.Levering.BekreftUtenom(ctx, tx, l.ID, "registrert av kommunen")
	}
	if err != nil {
		return false, fmt.Errorf("delivery of %s: %w", i.id, err)
	}
	return true, nil
}

// levert keeps that something is with a channel or delivered, and tells NAV of a søknad.
func (s *Service) levert(ctx context.Context, tx *store.Tx, l levering.Levering, sakID string) error {
	if err := s.noterLevering(ctx, tx, l, sakID); err != nil {
		return err
	}
	if l.Kilde != KildeSoknad || l.Tilstand != levering.Bekreftet {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `UPDATE digisos_sak SET levert = $2 WHERE id = $1 AND levert = 0`, sakID, store.Micros(s.Klokke.Now())); err != nil {
		return fmt.Errorf("confirming %s: %w", sakID, err)
	}
	return nil
}

// fagsystemetHar registers the søknad of a case that the fagsystem has done something
// to: who does has it. Of what was sent in later that tells nothing, and it is no
// receipt: a delivery that is under way goes on.
func (s *Service) fagsystemetHar(ctx context.Context, tx *store.Tx, k sak, ved string) error {
	if k.prove != 0 || !k.NavEksternRefID.Valid {
		return nil
	}
	_, err := s.merkRegistrert(ctx, tx, innsendt{k.ID, k.ID, k.FiksOrgID, KildeSoknad}, ved)
	return err
}

// Avvik lists the gaps of a municipality, the oldest first, at most 1000.
func (s *Service) Avvik(ctx context.Context, fiksOrgID string) ([]Avvik, error) {
	q := s.DB.Read()
	alle, err := s.lesAvvik(ctx, q, fiksOrgID, s.Klokke.Now(), maksAvvik)
	if err != nil {
		return nil, err
	}
	for i, a := range alle {
		l, err := s.Levering.ForKilde(ctx, q, a.Kilde, a.ID)
		if err != nil {
			return nil, fmt.Errorf("delivery of %s: %w", a.ID, err)
		}
		alle[i].PaaVei = !l.Ferdig()
	}
	return alle, nil
}

// LeverPaaNytt delivers what a gap names once more, from the stored copy: by the channel
// that it was sent with first, and on as ever. Idempotent while it is on its way;
// audited. feil.IkkeFunnet, feil.Konflikt when there is no gap.
func (s *Service) LeverPaaNytt(ctx context.Context, fiksOrgID, id string) error {
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		i, ok, err := enInnsendt(ctx, tx, "id", fiksOrgID, id)
		if err != nil {
			return err
		}
		if !ok {
			return feil.Ny(feil.IkkeFunnet, "Forsendelsen finnes ikke")
		}
		if n, err := antallAvvik(ctx, tx, `u.id = $1`, i.id); err != nil {
			return err
		} else if n == 0 {
			return feil.Ny(feil.Konflikt, "Forsendelsen er ikke et avvik: den er registrert, eller ikke levert ennå")
		}
		l, err := s.Levering.ForKilde(ctx, tx, i.kilde, i.id)
		if err != nil {
			return fmt.Errorf("delivery of %s: %w", i.id, err)
		}
		if !l.Ferdig() {
			return nil
		}
		if err := s.Levering.LeverPaaNytt(ctx, tx, l.ID, "mottakeren"); err != nil {
			return err
		}
		return s.logg(ctx, tx, audit.Hendelse{FiksOrg: fiksOrgID, Underressurs: i.sakID, Handling: "DIGISOS_LEVERES_PAA_NYTT", Payload: i.id})
	})
}

// Avstemmingsoppsett tells whether a municipality reconciles; feil.IkkeFunnet without configuration.
func (s *Service) Avstemmingsoppsett(ctx context.Context, fiksOrgID string) (Avstemmingsoppsett, error) {
	k, err := s.lesKonfigurasjon(ctx, s.DB.Read(), "fiks_org_id", fiksOrgID)
	if err == nil && k.Slettet {
		err = errIngenKonfigurasjon()
	}
	return k.Avstemming, err
}

// SettAvstemmingsoppsett turns reconciliation on or off and gives how it then is. Turned
// on, what is delivered from the day of o.Fra counts; zero: as before, or from today when it
// never was on. Audited. feil.IkkeFunnet without configuration, feil.Ugyldig for a day to
// come, feil.Konflikt when a later day would close gaps.
func (s *Service) SettAvstemmingsoppsett(ctx context.Context, fiksOrgID string, o Avstemmingsoppsett) (Avstemmingsoppsett, error) {
	err := s.DB.Write(ctx, func(tx *store.Tx) error {
		k, err := s.lesKonfigurasjon(ctx, tx, "fiks_org_id", fiksOrgID)
		if err == nil && k.Slettet {
			err = errIngenKonfigurasjon()
		}
		if err != nil {
			return err
		}
		naa := s.Klokke.Now()
		switch {
		case o.Fra.After(naa):
			return feil.Ny(feil.Ugyldig, "fra kan ikke være fram i tid")
		case !o.Fra.IsZero():
			o.Fra = klokke.Dagen(o.Fra)
		case !o.Paa || !k.Avstemming.Fra.IsZero(): // what was a gap when it was turned off is one again
			o.Fra = k.Avstemming.Fra
		default:
			o.Fra = klokke.Dagen(naa)
		}
		if o.Paa == k.Avstemming.Paa && o.Fra.Equal(k.Avstemming.Fra) {
			return nil
		}
		aapne, err := antallAvvik(ctx, tx, `u.fiks_org_id = $1`, fiksOrgID)
		if err != nil {
			return err
		}
		if o.Paa {
			n, err := antallAvvik(ctx, tx, `u.fiks_org_id = $1 AND u.levert < $2`, fiksOrgID, store.Micros(o.Fra))
			if err != nil {
				return err
			}
			if n > 0 {
				return feil.Ny(feil.Konflikt, "%d forsendelser ble levert før den dagen og er ikke meldt registrert. Meld dem først, eller slå av avstemmingen", n)
			}
		}
		if _, err := tx.ExecContext(ctx, `UPDATE digisos_konfigurasjon SET avstemming_paa = $2, avstemming_fra = $3 WHERE fiks_org_id = $1`,
			fiksOrgID, heltall(o.Paa), store.Micros(o.Fra)); err != nil {
			return fmt.Errorf("storing how %s reconciles: %w", fiksOrgID, err)
		}
		h := audit.Hendelse{FiksOrg: fiksOrgID, Handling: "DIGISOS_AVSTEMMING_SLAATT_AV", Payload: fmt.Sprintf("%d avvik", aapne)}
		if o.Paa {
			h.Handling, h.Payload = "DIGISOS_AVSTEMMING_SLAATT_PAA", dato(o.Fra)
		}
		return s.logg(ctx, tx, h)
	})
	return o, err
}

func dato(t time.Time) string { return klokke.Oslo(t).Format(time.DateOnly) }

func heltall(b bool) int {
	if b {
		return 1
	}
	return 0
}

// AvstemmingFor gives the municipalities whose deliveries the person may reconcile, by
// number, with how each stands; none below level 4.
func (s *Service) AvstemmingFor(ctx context.Context, av auth.Caller) ([]Kommuneavstemming, error) {
	if av.Slag != auth.Person || av.Fnr == "" || av.Niva < Sikkerhetsniva {
		return nil, nil
	}
	holdt, err := s.Organisasjon.Holdte(ctx, organisasjon.Sok{Aktor: av.Fnr, Privilegier: []string{auth.DigisosOppdater}, Admin: true,
		Type: organisasjon.TypeDigisos, Under: organisasjon.RotID, Arv: true, Typer: true, Maks: maksKommuner})
	if err != nil {
		return nil, fmt.Errorf("finding a person's municipalities: %w", err)
	}
	var orger []string
	for _, h := range holdt {
		orger = append(orger, h.Forelder)
	}
	slices.Sort(orger)
	var ut []Kommuneavstemming
	for _, org := range slices.Compact(orger) {
		k, err := s.kommuneavstemming(ctx, org)
		if feil.Er(err, feil.IkkeFunnet) { // it takes no søknader
			continue
		} else if err != nil {
			return nil, err
		}
		ut = append(ut, k)
	}
	slices.SortFunc(ut, func(a, b Kommuneavstemming) int { return strings.Compare(a.Kommunenummer, b.Kommunenummer) })
	return ut, nil
}

func (s *Service) kommuneavstemming(ctx context.Context, fiksOrgID string) (k Kommuneavstemming, err error) {
	q := s.DB.Read()
	konf, err := s.lesKonfigurasjon(ctx, q, "fiks_org_id", fiksOrgID)
	if err == nil && konf.Slettet {
		err = errIngenKonfigurasjon()
	}
	if err != nil {
		return k, err
	}
	org, err := s.Organisasjon.Organisasjon(ctx, fiksOrgID)
	if err != nil {
		return k, err
	}
	k = Kommuneavstemming{FiksOrgID: fiksOrgID, Kommunenummer: konf.Kommunenummer, Navn: org.Navn, Avstemmingsoppsett: konf.Avstemming}
	if err := q.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(CASE WHEN levert > 0 THEN 1 ELSE 0 END), 0),
			coalesce(sum(CASE WHEN registrert > 0 THEN 1 ELSE 0 END), 0) FROM digisos_utlevert WHERE fiks_org_id = $1 AND sendt >= $2`,
		fiksOrgID, store.Micros(s.Klokke.Now().Add(-avstemmingstid))).Scan(&k.Sendt, &k.Bekreftet, &k.Registrert); err != nil {
		return k, fmt.Errorf("counting the deliveries of %s: %w", fiksOrgID, err)
	}
	if k.AntallAvvik, err = antallAvvik(ctx, q, `u.fiks_org_id = $1`, fiksOrgID); err != nil {
		return k, err
	}
	k.Avvik, err = s.Avvik(ctx, fiksOrgID)
	return k, err
}
