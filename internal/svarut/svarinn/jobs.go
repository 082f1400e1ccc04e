package svarinn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

const (
	plikt = "svarinn.varsel" // duty: alerts

	// varselEtter is how long a forsendelse may wait before people are told.
	varselEtter = 2 * time.Hour
	// varselPause is between an alert and the next first one: receivers that are
	// always a little late are not told of each forsendelse.
	varselPause = time.Hour
)

// varselTimer are the hours in Oslo at which people are told again.
var varselTimer = []int{8, 12, 16}

// utlopDager are the days before a certificate expires at which people are told.
var utlopDager = []int{30, 7, 1}

// nesteTime is the first of varselTimer after t.
func nesteTime(t time.Time) time.Time {
	o := klokke.Oslo(t)
	for dag := 0; ; dag++ {
		for _, kl := range varselTimer {
			if v := time.Date(o.Year(), o.Month(), o.Day()+dag, kl, 0, 0, 0, klokke.Sone()); v.After(t) {
				return v.UTC()
			}
		}
	}
}

// varselstand is what decides when a mottakersystem's people are told.
type varselstand struct {
	id, fiksOrg, navn string
	eldste            time.Time // of those that wait; zero: none does
	varslet           time.Time // last alert
	apent             bool      // something has been overdue ever since
	utloper           time.Time // of the certificate; zero: there is none
	utlopVarslet      int       // days of the last warning; 0: none
}

// neste is when they are told of what is overdue: two hours after the oldest came,
// then at the hours of the day; zero when nothing waits.
func (v varselstand) neste() time.Time {
	switch {
	case v.apent:
		return nesteTime(v.varslet)
	case v.eldste.IsZero():
		return time.Time{}
	}
	t := v.eldste.Add(varselEtter)
	if pause := v.varslet.Add(varselPause); !v.varslet.IsZero() && pause.After(t) {
		t = pause
	}
	return t
}

// nesteUtlop is when they are told that the certificate expires, and for which of
// utlopDager; zero when they have been.
func (v varselstand) nesteUtlop() (t time.Time, dager int) {
	if v.utloper.IsZero() {
		return time.Time{}, 0
	}
	for _, d := range utlopDager {
		if v.utlopVarslet == 0 || d < v.utlopVarslet {
			return v.utloper.Add(-time.Duration(d) * 24 * time.Hour), d
		}
	}
	return time.Time{}, 0
}

// nesteVarsel tells when somebody is to be told of something next.
func (s *Service) nesteVarsel(ctx context.Context) (neste time.Time, err error) {
	vs, err := varselstander(ctx, s.DB.Read(), ``)
	if err != nil {
		return time.Time{}, err
	}
	for _, v := range vs {
		utlop, _ := v.nesteUtlop()
		for _, t := range []time.Time{v.neste(), utlop} {
			if !t.IsZero() && (neste.IsZero() || t.Before(neste)) {
				neste = t
			}
		}
	}
	return neste, nil
}

// Varsle tells the people of each mottakersystem, in one e-mail, what is overdue
// at naa, and in another that its certificate expires. Idempotent: the alert and
// the note that it was given are one transaction.
func (s *Service) Varsle(ctx context.Context, naa time.Time) error {
	vs, err := varselstander(ctx, s.DB.Read(), ``)
	if err != nil {
		return err
	}
	var feilet []error // of single mottakersystemer; the others are told
	for _, v := range vs {
		if !v.skal(naa) {
			continue
		}
		err := s.DB.Write(ctx, func(tx *store.Tx) error {
			vs, err := varselstander(ctx, tx, `WHERE m.id = $1`, v.id)
			if err != nil || len(vs) == 0 {
				return err
			}
			return s.varsle(ctx, tx, vs[0], naa)
		})
		if err != nil {
			feilet = append(feilet, fmt.Errorf("telling of mottakersystem %s: %w", v.id, err))
		}
	}
	return errors.Join(feilet...)
}

// skal tells whether anything is due at naa.
func (v varselstand) skal(naa time.Time) bool {
	neste := v.neste()
	utlop, _ := v.nesteUtlop()
	return !neste.IsZero() && !naa.Before(neste) || !utlop.IsZero() && !naa.Before(utlop)
}

func (s *Service) varsle(ctx context.Context, tx *store.Tx, v varselstand, naa time.Time) error {
	if t := v.neste(); !t.IsZero() && !naa.Before(t) {
		if err := s.varsleForfalt(ctx, tx, v, naa); err != nil {
			return err
		}
	}
	dager := 0
	for t, d := v.nesteUtlop(); !t.IsZero() && !naa.Before(t); t, d = v.nesteUtlop() { // the nearest of those that have passed
		dager, v.utlopVarslet = d, d
	}
	if dager == 0 {
		return nil
	}
	if err := oppdater(ctx, tx, v.id, `utlop_varslet = $2`, dager); err != nil {
		return err
	}
	if egne, err := s.varsles(ctx, tx, v.id); err != nil || len(egne) == 0 {
		return err // its organisation is told of all that expires, by the room utlop
	}
	ord := "utløper"
	if !naa.Before(v.utloper) {
		ord = "er utløpt:"
	}
	return s.send(ctx, tx, v, fmt.Sprintf("SvarInn: sertifikatet for %s %s %s", v.navn, ord, dato(v.utloper)),
		fmt.Sprintf("Sertifikatet for mottakersystemet «%s» i SvarInn gjelder til %s.\n\n"+
			"Last opp et nytt på fanen Service, og legg inn den tilhørende private nøkkelen i fagsystemet. "+
			"Forsendelser som venter, krypteres med det sertifikatet som ligger der når de hentes.\n",
			v.navn, klokke.Oslo(v.utloper).Format("02.01.2006 kl. 15:04")))
}

func (s *Service) varsleForfalt(ctx context.Context, tx *store.Tx, v varselstand, naa time.Time) error {
	antall, err := antallFor(ctx, tx, v.id, naa.Add(-varselEtter))
	if err != nil {
		return err
	}
	if antall == 0 {
		return oppdater(ctx, tx, v.id, `varsel_apent = 0`)
	}
	if err := oppdater(ctx, tx, v.id, `varslet = $2, varsel_apent = 1`, store.Micros(naa)); err != nil {
		return err
	}
	uten := ""
	if v.utloper.IsZero() {
		uten = "Mottakersystemet mangler sertifikat, og kan ikke hente noe før det offentlige sertifikatet er lastet opp på fanen Service.\n\n"
	}
	return s.send(ctx, tx, v, fmt.Sprintf("SvarInn: %s er ikke hentet av %s", ordAntall(antall), v.navn),
		fmt.Sprintf("%s har ventet i SvarInn i mer enn to timer uten at mottakersystemet «%s» har kvittert for mottak.\n\n%s"+
			"Kontroller at fagsystemet henter fra SvarInn. Forsendelsene går ikke tapt, og kan lastes ned for hånd av dem som "+
			"står på fanen Tilganger og har rollen Post/arkiv.\n", ordAntall(antall), v.navn, uten))
}

// varsleSavn tells once that forsendelser have begun to wait for a certificate.
func (s *Service) varsleSavn(ctx context.Context, tx *store.Tx, systemID string) error {
	var v varselstand
	var savn bool
	err := tx.QueryRowContext(ctx, `SELECT id, fiks_org, navn, sertifikat IS NULL AND savn_varslet = 0 FROM svarinn_mottakersystemer WHERE id = $1`,
		systemID).Scan(&v.id, &v.fiksOrg, &v.navn, &savn)
	if err != nil {
		return fmt.Errorf("reading mottakersystem %s: %w", systemID, err)
	}
	if !savn {
		return nil
	}
	if err := oppdater(ctx, tx, v.id, `savn_varslet = 1`); err != nil {
		return err
	}
	return s.send(ctx, tx, v, fmt.Sprintf("SvarInn: %s mangler sertifikat", v.navn),
		fmt.Sprintf("Det har kommet en forsendelse til mottakersystemet «%s» i SvarInn, men det mangler sertifikat. "+
			"Den venter, og kan ikke hentes før det offentlige sertifikatet er lastet opp på fanen Service.\n", v.navn))
}

// send queues an e-mail to the addresses of a mottakersystem, or to those of its
// organisation when it has none.
func (s *Service) send(ctx context.Context, tx *store.Tx, v varselstand, emne, tekst string) error {
	til, err := s.varsles(ctx, tx, v.id)
	if err != nil {
		return err
	}
	if len(til) == 0 {
		o, err := s.Organisasjon.Organisasjon(ctx, v.fiksOrg)
		if err != nil {
			return err
		}
		til = o.Epost
	}
	if len(til) == 0 {
		s.Log.ErrorContext(ctx, "nobody is registered for alerts", "mottakersystem", v.id, "fiksOrg", v.fiksOrg)
		return nil
	}
	if err := s.Varsler.Send(ctx, tx, til, emne, tekst); err != nil {
		return fmt.Errorf("queueing an alert: %w", err)
	}
	return nil
}

// varselstander reads all mottakersystemer, or those of rest.
func varselstander(ctx context.Context, q store.Queryer, rest string, args ...any) ([]varselstand, error) {
	rows, err := q.QueryContext(ctx, `SELECT m.id, m.fiks_org, m.navn, m.varslet, m.varsel_apent, m.utloper, m.utlop_varslet,
		(SELECT COALESCE(MIN(f.opprettet), 0) FROM svarinn_forsendelser f WHERE f.mottakersystem = m.id AND f.tilstand = 'KLAR')
		FROM svarinn_mottakersystemer m `+rest, args...)
	if err != nil {
		return nil, fmt.Errorf("reading what is overdue: %w", err)
	}
	defer rows.Close()
	var ut []varselstand
	for rows.Next() {
		var v varselstand
		var varslet, utloper, eldste int64
		if err := rows.Scan(&v.id, &v.fiksOrg, &v.navn, &varslet, &v.apent, &utloper, &v.utlopVarslet, &eldste); err != nil {
			return nil, fmt.Errorf("reading what is overdue: %w", err)
		}
		v.varslet, v.utloper, v.eldste = store.Time(varslet), store.Time(utloper), store.Time(eldste)
		ut = append(ut, v)
	}
	return ut, rows.Err()
}

func ordAntall(n int) string {
	if n == 1 {
		return "1 forsendelse"
	}
	return fmt.Sprintf("%d forsendelser", n)
}

func dato(t time.Time) string { return klokke.Oslo(t).Format("02.01.2006") }
