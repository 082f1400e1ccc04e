package bekymringsmelding

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// Reconciliation is our own: a receipt says that a system has stored a report, and one
// system said so of reports that it had failed to store (§12). So the office tells
// which reports it has registered, one by one, and what is delivered and not
// registered is a gap, which never closes by itself.

const (
	maksAvstemming = 1 << 20 // bytes of a request
	maksAvvik      = 1000    // gaps that are listed, the oldest
)

// Avstemt is the answer to what an office has registered.
type Avstemt struct {
	Registrert        []string `json:"registrert"`        // closed by this
	TidligereMeldt    []string `json:"tidligereMeldt"`    // closed before
	Ukjent            []string `json:"ukjent"`            // not sent to this bydel, or no id
	GjenstaaendeAvvik int      `json:"gjenstaaendeAvvik"` // delivered and not registered
}

// Avvik is a gap: a report that is delivered and not registered.
type Avvik struct {
	ID       string
	Type     skjema.Type
	Innsendt time.Time
	Levert   time.Time
	Kanal    Kanal // that it was delivered by
	// PaaVei: it is being delivered once more.
	PaaVei bool
}

func (s *Service) avstemmingRuter() []auth.Route {
	t := auth.Tilgang{Slag: auth.Integrasjon | auth.Person, Niva: mottaksniva, Privilegium: auth.BekymringMottak, Ressurs: s.bydelsRessurs}
	const sti = "/bekymringsmelding/api/v1/avstemming/{fiksOrgId}/{bydelsnummer}"
	return []auth.Route{
		{Pattern: "POST " + sti, Tilgang: t, Handler: s.postAvstemming, MaxBody: maksAvstemming},
		{Pattern: "GET " + sti + "/avvik", Tilgang: t, Handler: s.getAvvik},
		{Pattern: "POST " + sti + "/avvik/{bekymringsmeldingId}/lever", Tilgang: t, Handler: s.postLeverPaaNytt},
	}
}

// egenBydel finds a bydel of an organisation, also one that is deactivated: what it
// has received is still to be reconciled.
func (s *Service) egenBydel(ctx context.Context, r *http.Request) (Bydel, error) {
	org, err := uuidFra("fiksOrgId", r.PathValue("fiksOrgId"))
	if err != nil {
		return Bydel{}, err
	}
	alle, err := s.BydelerI(ctx, org)
	if err != nil && !feil.Er(err, feil.IkkeFunnet) {
		return Bydel{}, err
	}
	for _, b := range alle {
		if b.Bydelsnummer == r.PathValue("bydelsnummer") {
			return b, nil
		}
	}
	return Bydel{}, feil.Ny(feil.IkkeFunnet, "Bydelen finnes ikke")
}

// bydelsRessurs: a bydel that is not there looks like one that the caller has no right to.
// A person must hold the privilege on the bydel itself, as where reports are read: an
// administrator gives it to himself first, and that is in the log.
func (s *Service) bydelsRessurs(ctx context.Context, r *http.Request) (string, error) {
	b, err := s.egenBydel(ctx, r)
	if err == nil && auth.From(ctx).Slag == auth.Person {
		var mine []string
		if mine, err = s.mineBydeler(ctx, auth.From(ctx)); err == nil && !slices.Contains(mine, b.RessursID) {
			err = feil.Ny(feil.IkkeFunnet, "Bydelen finnes ikke")
		}
	}
	if feil.Er(err, feil.IkkeFunnet) {
		return "", feil.Ny(feil.IngenTilgang, "Ingen tilgang")
	}
	return b.RessursID, err
}

// postAvstemming takes the ids as JSON (an array, or an object with ider) or as text,
// one on each line.
func (s *Service) postAvstemming(w http.ResponseWriter, r *http.Request) error {
	b, err := s.egenBydel(r.Context(), r)
	if err != nil {
		return err
	}
	ider, err := httpx.Ider(r)
	if err != nil {
		return err
	}
	ut, err := s.RegistrerMottatt(r.Context(), b, ider)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

// RegistrerMottatt records which reports the bydel has registered in its system. What
// is registered is delivered, whatever receipt came. Idempotent; audited.
func (s *Service) RegistrerMottatt(ctx context.Context, b Bydel, ider []string) (ut Avstemt, err error) {
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		ut = Avstemt{Registrert: []string{}, TidligereMeldt: []string{}, Ukjent: []string{}}
		sett := map[string]bool{}
		for _, raa := range ider {
			u, err := uuid.Parse(raa)
			if err != nil || len(raa) != 36 {
				ut.Ukjent = append(ut.Ukjent, "(ugyldig id)") // whatever it is, it is not to be reflected
				continue
			}
			id := u.String()
			if sett[id] {
				continue
			}
			sett[id] = true
			m, err := hentMelding(ctx, tx, id)
			if feil.Er(err, feil.IkkeFunnet) || err == nil && m.RessursID != b.RessursID {
				ut.Ukjent = append(ut.Ukjent, id)
				continue
			} else if err != nil {
				return err
			}
			ny, err := s.registrert(ctx, tx, m)
			if err != nil {
				return err
			}
			if ny {
				ut.Registrert = append(ut.Registrert, id)
			} else {
				ut.TidligereMeldt = append(ut.TidligereMeldt, id)
			}
		}
		if ut.GjenstaaendeAvvik, err = antallAvvik(ctx, tx, b.RessursID); err != nil {
			return err
		}
		return s.logg(ctx, tx, audit.Hendelse{Principal: auth.From(ctx), Handling: "BEKYMRINGSMELDING_AVSTEMT", FiksOrg: b.FiksOrgID,
			Underressurs: b.RessursID, Payload: strings.Join(ut.Registrert, ",")})
	})
	return ut, err
}

// registrert closes the gap of one report; false when it was closed before.
func (s *Service) registrert(ctx context.Context, tx *store.Tx, m Melding) (bool, error) {
	l, err := s.Levering.ForKilde(ctx, tx, Kilde, m.ID)
	if err != nil {
		return false, fmt.Errorf("delivery of %s: %w", m.ID, err)
	}
	var n int
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM bekymring_avstemt WHERE melding_id = $1`, m.ID).Scan(&n); err != nil {
		return false, fmt.Errorf("reconciling %s: %w", m.ID, err)
	}
	if n > 0 {
		return false, nil
	}
	switch l.Tilstand {
	case levering.Bekreftet:
	case levering.Stoppet: // an operator has closed it, and yet it came
		l.Kanal = levering.KanalUtenom
		err = s.levert(ctx, tx, m, l)
	default:
		_, err = s.Levering.BekreftUtenom(ctx, tx, l.ID, "registrert av mottakeren")
	}
	if err != nil {
		return false, fmt.Errorf("delivery of %s: %w", m.ID, err)
	}
	return true, s.merkAvstemt(ctx, tx, m.ID)
}

// merkAvstemt records that the receiver has a report, with the day.
func (s *Service) merkAvstemt(ctx context.Context, tx *store.Tx, id string) error {
	if _, err := tx.ExecContext(ctx, `INSERT INTO bekymring_avstemt (melding_id, tidspunkt) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
		id, store.Micros(klokke.Dagen(s.Klokke.Now()))); err != nil {
		return fmt.Errorf("reconciling %s: %w", id, err)
	}
	tx.OnCommit(func() { s.Jobber.Wake(slettePlikt) })
	return nil
}

// Avvik lists the gaps of a bydel, the oldest first, at most 1000.
func (s *Service) Avvik(ctx context.Context, b Bydel) ([]Avvik, error) {
	return s.avvik(ctx, s.DB.Read(), b.RessursID)
}

const ikkeAvstemt = `tilstand = 'LEVERT' AND slettet = 0 AND NOT EXISTS (SELECT 1 FROM bekymring_avstemt a WHERE a.melding_id = bekymring_melding.id)`

func (s *Service) avvik(ctx context.Context, q store.Queryer, ressursID string) ([]Avvik, error) {
	alle, err := meldinger(ctx, q, `WHERE ressurs_id = $1 AND levert > 0 AND `+ikkeAvstemt+` ORDER BY levert, id LIMIT $2 + 0`, ressursID, maksAvvik)
	if err != nil {
		return nil, err
	}
	var ut []Avvik
	for _, m := range alle {
		l, err := s.Levering.ForKilde(ctx, q, Kilde, m.ID)
		if err != nil {
			return nil, fmt.Errorf("delivery of %s: %w", m.ID, err)
		}
		ut = append(ut, Avvik{ID: m.ID, Type: m.Type, Innsendt: m.Innsendt, Levert: m.Levert, Kanal: m.NaaKanal, PaaVei: !l.Ferdig()})
	}
	return ut, nil
}

func (s *Service) getAvvik(w http.ResponseWriter, r *http.Request) error {
	b, err := s.egenBydel(r.Context(), r)
	if err != nil {
		return err
	}
	alle, err := s.Avvik(r.Context(), b)
	if err != nil {
		return err
	}
	type avvik struct {
		ID       string      `json:"bekymringsmeldingId"`
		Type     skjema.Type `json:"skjemaType"`
		Innsendt string      `json:"innsendt"` // the day
		Levert   string      `json:"levert"`   // the day
		Kanal    Kanal       `json:"kanal"`
		PaaVei   bool        `json:"leveresPaaNytt"`
	}
	ut := []avvik{}
	for _, a := range alle {
		ut = append(ut, avvik{a.ID, a.Type, dato(a.Innsendt), dato(a.Levert), a.Kanal, a.PaaVei})
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

func dato(t time.Time) string { return klokke.Oslo(t).Format(time.DateOnly) }

func (s *Service) postLeverPaaNytt(w http.ResponseWriter, r *http.Request) error {
	b, err := s.egenBydel(r.Context(), r)
	if err != nil {
		return err
	}
	id, err := uuidFra("bekymringsmeldingId", r.PathValue("bekymringsmeldingId"))
	if err != nil {
		return err
	}
	if err := s.LeverPaaNytt(r.Context(), b, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// LeverPaaNytt delivers a report of a gap once more, under its id: by the channel that
// it was sent with, and then as a letter. Idempotent while it is on its way; audited.
// feil.IkkeFunnet, feil.Konflikt when there is no gap.
func (s *Service) LeverPaaNytt(ctx context.Context, b Bydel, id string) error {
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		m, err := hentMelding(ctx, tx, id)
		if err != nil {
			return err
		}
		if m.RessursID != b.RessursID {
			return ukjentMelding()
		}
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM bekymring_melding WHERE id = $1 AND `+ikkeAvstemt, m.ID).Scan(&n); err != nil {
			return fmt.Errorf("looking for a gap: %w", err)
		}
		if n == 0 {
			return feil.Ny(feil.Konflikt, "Meldingen er ikke et avvik: den er registrert, eller ikke levert ennå")
		}
		l, err := s.Levering.ForKilde(ctx, tx, Kilde, m.ID)
		if err != nil {
			return fmt.Errorf("delivery of %s: %w", m.ID, err)
		}
		if !l.Ferdig() {
			return nil
		}
		m.digitalRunde = l.Runde + 1
		if err := lagreTilstand(ctx, tx, m); err != nil {
			return err
		}
		if err := s.Levering.LeverPaaNytt(ctx, tx, l.ID, "mottakeren"); err != nil {
			return err
		}
		return s.logg(ctx, tx, audit.Hendelse{Principal: auth.From(ctx), Handling: "BEKYMRINGSMELDING_LEVERES_PAA_NYTT", FiksOrg: m.FiksOrgID, Underressurs: m.ID})
	})
}

// nesteAvvik: the hour of the day after the last time, when there is a gap old enough.
func (s *Service) nesteAvvik(ctx context.Context) (time.Time, error) {
	eldste, err := s.tid(ctx, `SELECT coalesce(min(levert), 0) FROM bekymring_melding WHERE levert > 0 AND `+ikkeAvstemt)
	if err != nil || eldste.IsZero() {
		return time.Time{}, err
	}
	sist, err := sistKjort(ctx, s.DB.Read(), avvikPlikt)
	return klokke.NesteKlokkeslett(senest(sist, eldste.Add(s.cfg.AvvikEtter)), []int{avvikTime}), err
}

// varsleAvvik tells the contacts of each bydel with gaps, once a day: which, and how
// old. An id names nobody.
func (s *Service) varsleAvvik(ctx context.Context, naa time.Time) error {
	kl := klokke.SisteKlokkeslett(naa, []int{avvikTime})
	alle, err := meldinger(ctx, s.DB.Read(), `WHERE levert > 0 AND levert <= $1 AND `+ikkeAvstemt+` ORDER BY ressurs_id, levert, id`,
		store.Micros(kl.Add(-s.cfg.AvvikEtter)))
	if err != nil {
		return err
	}
	var brev []epost
	for len(alle) > 0 {
		n := 1
		for n < len(alle) && alle[n].RessursID == alle[0].RessursID {
			n++
		}
		til, err := kilde{s}.kontakter(ctx, alle[0])
		if err != nil {
			return err
		}
		brev = append(brev, epost{til, "Bekymringsmeldinger er levert, men ikke registrert", avvikstekst(alle[:n], kl)})
		alle = alle[n:]
	}
	return s.sendPaaKlokka(ctx, avvikPlikt, kl, brev)
}

const visteAvvik = 50

func avvikstekst(alle []Melding, naa time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s til %s er levert, men dere har ikke meldt at det er registrert i fagsystemet:\n\n", antall(len(alle)), alle[0].Bydelsnavn)
	for i, m := range alle {
		if i == visteAvvik {
			fmt.Fprintf(&b, "… og %d til\n", len(alle)-visteAvvik)
			break
		}
		fmt.Fprintf(&b, "%s, levert for %d dager siden\n", m.ID, int(naa.Sub(m.Levert).Hours()/24))
	}
	b.WriteString("\nFinn dem i fagsystemet og meld dem registrert, eller be om å få dem levert på nytt. Innholdet er lagret kryptert til det er gjort.\n")
	return b.String()
}
