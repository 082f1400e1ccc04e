package bekymringsmelding

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/jobs"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

// The room's duties.
const (
	paaminnelsePlikt = "bekymringsmelding.paaminnelse" // reminds of what waits to be fetched by hand
	ikkeSendtPlikt   = "bekymringsmelding.ikkesendt"   // tells of what could not be handed to its channel
	avvikPlikt       = "bekymringsmelding.avvik"       // tells of what is delivered and not registered
	slettePlikt      = "bekymringsmelding.sletting"    // deletes the content of what is reconciled
	pliktAntall      = 200                             // rows of one transaction
)

// paaminnelser are the hours of the day, in Oslo, at which people are reminded (§8),
// and avvikTime is the hour at which they are told of gaps.
var paaminnelser = []int{9, 12, 15}

const avvikTime = 8

func (s *Service) registrerPlikter() {
	s.Jobber.AddDuty(jobs.Duty{Name: paaminnelsePlikt, Next: s.nestePaaminnelse, RunOnce: s.paaminn})
	s.Jobber.AddDuty(jobs.Duty{Name: ikkeSendtPlikt, Next: s.nesteIkkeSendt, RunOnce: s.varsleIkkeSendt})
	s.Jobber.AddDuty(jobs.Duty{Name: avvikPlikt, Next: s.nesteAvvik, RunOnce: s.varsleAvvik})
	s.Jobber.AddDuty(jobs.Duty{Name: slettePlikt, Next: s.nesteSletting, RunOnce: s.slettGamle})
}

func sistKjort(ctx context.Context, q store.Queryer, navn string) (time.Time, error) {
	var sist int64
	err := q.QueryRowContext(ctx, `SELECT sist FROM bekymring_plikt WHERE navn = $1`, navn).Scan(&sist)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, fmt.Errorf("asking when %s ran: %w", navn, err)
	}
	return store.Time(sist), nil
}

func settKjort(ctx context.Context, tx *store.Tx, navn string, sist time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO bekymring_plikt (navn, sist) VALUES ($1, $2)
		ON CONFLICT (navn) DO UPDATE SET sist = excluded.sist`, navn, store.Micros(sist))
	if err != nil {
		return fmt.Errorf("noting that %s ran: %w", navn, err)
	}
	return nil
}

func (s *Service) tid(ctx context.Context, sporring string, args ...any) (time.Time, error) {
	var naar int64
	if err := s.DB.Read().QueryRowContext(ctx, sporring, args...).Scan(&naar); err != nil {
		return time.Time{}, fmt.Errorf("asking when something is due: %w", err)
	}
	return store.Time(naar), nil
}

// senest is the later of the two.
func senest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

const manuelleVenter = `FROM bekymring_ko WHERE tilstand = 'VENTER' AND kanal = 'MANUELL_MOTTAK'`

// nestePaaminnelse: the first of the hours after the last reminder, and after the
// oldest report that waits came.
func (s *Service) nestePaaminnelse(ctx context.Context) (time.Time, error) {
	eldste, err := s.tid(ctx, `SELECT coalesce(min(opprettet), 0) `+manuelleVenter)
	if err != nil || eldste.IsZero() {
		return time.Time{}, err
	}
	sist, err := sistKjort(ctx, s.DB.Read(), paaminnelsePlikt)
	return klokke.NesteKlokkeslett(senest(sist, eldste), paaminnelser), err
}

// paaminn reminds each bydel that has reports waiting to be fetched by hand: how many,
// and nothing of whom (§8). After a time away there is one reminder, not one for each
// hour that was missed.
func (s *Service) paaminn(ctx context.Context, naa time.Time) error {
	kl := klokke.SisteKlokkeslett(naa, paaminnelser)
	type bydel struct {
		ressurs string
		antall  int
	}
	var bydeler []bydel
	rows, err := s.DB.Read().QueryContext(ctx, `SELECT ressurs_id, count(*) `+manuelleVenter+` AND opprettet < $1 GROUP BY ressurs_id ORDER BY ressurs_id`, store.Micros(kl))
	if err != nil {
		return fmt.Errorf("listing what waits: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var b bydel
		if err := rows.Scan(&b.ressurs, &b.antall); err != nil {
			return fmt.Errorf("listing what waits: %w", err)
		}
		bydeler = append(bydeler, b)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("listing what waits: %w", err)
	}
	var brev []epost
	for _, b := range bydeler {
		bydel, err := s.BydelMedRessurs(ctx, b.ressurs)
		if feil.Er(err, feil.IkkeFunnet) {
			continue
		} else if err != nil {
			return err
		}
		brev = append(brev, epost{bydel.VarselEposter, "Bekymringsmeldinger venter på å bli hentet", fmt.Sprintf(
			"%s i kommune %s (bydel %s) har %s som ikke er bekreftet mottatt.\n\nLogg inn på %s, last ned, lagre i fagsystemet og bekreft. "+
				"Det som ikke bekreftes innen %d virkedager, sendes som brev.\n",
			bydel.Navn, bydel.Kommunenummer, bydel.Bydelsnummer, antall(b.antall), s.cfg.BaseURL, s.cfg.Virkedager)})
	}
	return s.sendPaaKlokka(ctx, paaminnelsePlikt, kl, brev)
}

func antall(n int) string {
	if n == 1 {
		return "1 bekymringsmelding"
	}
	return fmt.Sprintf("%d bekymringsmeldinger", n)
}

type epost struct {
	til         []string
	emne, tekst string
}

// sendPaaKlokka sends what is to be told at an hour, once in a cluster.
func (s *Service) sendPaaKlokka(ctx context.Context, plikt string, kl time.Time, brev []epost) error {
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		sist, err := sistKjort(ctx, tx, plikt)
		if err != nil || !sist.Before(kl) {
			return err
		}
		for _, b := range brev {
			if err := s.epost(ctx, tx, b); err != nil {
				return err
			}
		}
		return settKjort(ctx, tx, plikt, kl)
	})
}

func (s *Service) epost(ctx context.Context, tx *store.Tx, b epost) error {
	if s.Mail == nil || len(b.til) == 0 {
		return nil
	}
	if err := s.Mail.Send(ctx, tx, b.til, b.emne, b.tekst); err != nil {
		return fmt.Errorf("telling by e-mail: %w", err)
	}
	return nil
}

// nesteIkkeSendt is when the oldest report that is not handed to its channel has
// waited for too long (§13).
func (s *Service) nesteIkkeSendt(ctx context.Context) (time.Time, error) {
	t, err := s.tid(ctx, `SELECT coalesce(min(innsendt), 0) FROM bekymring_melding WHERE tilstand = 'AKSEPTERT' AND varslet = 0`)
	if err != nil || t.IsZero() {
		return t, err
	}
	return t.Add(s.cfg.IkkeSendt), nil
}

// varsleIkkeSendt tells the contacts of the bydel, once for each report.
func (s *Service) varsleIkkeSendt(ctx context.Context, naa time.Time) error {
	alle, err := meldinger(ctx, s.DB.Read(), `WHERE tilstand = 'AKSEPTERT' AND varslet = 0 AND innsendt <= $1 ORDER BY innsendt LIMIT $2 + 0`,
		store.Micros(naa.Add(-s.cfg.IkkeSendt)), pliktAntall)
	if err != nil {
		return err
	}
	for _, m := range alle {
		til, err := kilde{s}.kontakter(ctx, m)
		if err != nil {
			return err
		}
		s.Log.WarnContext(ctx, "a report cannot be handed to its channel", "melding", m.ID, "kanal", m.Kanal, "fiksOrg", m.FiksOrgID)
		err = s.DB.Write(ctx, func(tx *store.Tx) error {
			res, err := tx.ExecContext(ctx, `UPDATE bekymring_melding SET varslet = 1 WHERE id = $1 AND varslet = 0`, m.ID)
			if err != nil {
				return fmt.Errorf("noting that %s was told of: %w", m.ID, err)
			}
			if n, err := res.RowsAffected(); err != nil || n == 0 {
				return err
			}
			return s.epost(ctx, tx, epost{til, "En bekymringsmelding er ikke sendt", fmt.Sprintf(
				"Bekymringsmelding %s til %s kunne ikke overføres med %s ennå. Den er lagret og går ikke tapt: det prøves igjen.\n\n%s",
				m.ID, m.Bydelsnavn, m.Kanal, s.raad(m.Kanal))})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// raad is what people can do about a channel that is broken.
func (s *Service) raad(k Kanal) string {
	switch k {
	case KanalFiksIO:
		return fmt.Sprintf("Sjekk at Fiks IO-kontoen er aktiv og har et gyldig sertifikat. Etter %d timer sendes meldingen som brev.\n", int(s.cfg.FiksIOFrist.Hours()))
	case KanalPrint:
		return "Sjekk bydelens postadresse.\n"
	}
	return fmt.Sprintf("Ta kontakt med den som drifter plattformen. Etter %d timer sendes meldingen som brev.\n", int(2*s.cfg.FiksIOFrist.Hours()))
}

// nesteSletting is when the oldest reconciled report has had its time.
func (s *Service) nesteSletting(ctx context.Context) (time.Time, error) {
	t, err := s.tid(ctx, `SELECT coalesce(min(`+oppbevartFra+`), 0) `+oppbevarte)
	if err != nil || t.IsZero() {
		return t, err
	}
	return t.Add(s.cfg.Oppbevaring), nil
}

// What is delivered and reconciled, and since when.
const (
	oppbevarte   = `FROM bekymring_melding m JOIN bekymring_avstemt a ON a.melding_id = m.id WHERE m.levert > 0 AND m.slettet = 0 AND m.tilstand = 'LEVERT'`
	oppbevartFra = `CASE WHEN m.levert > a.tidspunkt THEN m.levert ELSE a.tidspunkt END`
)

// slettGamle deletes the content of reports whose time is over, counted from
// reconciled delivery (§14.5). What is not reconciled stays.
func (s *Service) slettGamle(ctx context.Context, naa time.Time) error {
	for {
		ider, err := ider(ctx, s.DB.Read(), `SELECT m.id `+oppbevarte+` AND `+oppbevartFra+` <= $1 ORDER BY m.levert, m.id LIMIT $2 + 0`,
			store.Micros(naa.Add(-s.cfg.Oppbevaring)), pliktAntall)
		if err != nil {
			return err
		}
		for _, id := range ider {
			if err := s.DB.Write(ctx, func(tx *store.Tx) error { return s.slett(ctx, tx, id) }); err != nil {
				return fmt.Errorf("deleting the content of %s: %w", id, err)
			}
		}
		if len(ider) < pliktAntall {
			return nil
		}
	}
}

// slett leaves of a report its id, bydel, type, states and the days of its times.
func (s *Service) slett(ctx context.Context, tx *store.Tx, id string) error {
	m, err := hentMelding(ctx, tx, id)
	if err != nil || !m.Slettet.IsZero() || m.Tilstand != Levert {
		return err
	}
	for _, b := range []string{m.pdfBlob, m.asiceBlob} {
		if err := s.Blobs.Delete(ctx, tx, b); err != nil {
			return err
		}
	}
	if s.Print != nil {
		if err := s.Print.Slett(ctx, tx, id); err != nil {
			return err
		}
	}
	alle, err := s.hendelser(ctx, tx, id)
	if err != nil {
		return err
	}
	type sporring struct {
		sql  string
		args []any
	}
	sporringer := []sporring{
		{`UPDATE bekymring_melding SET innsending = NULL, fra_org = '', konto_id = '', integrasjon_id = '', pdf_blob = '', asice_blob = '',
			innsendt = $2, levert = $3, slettet = $4 WHERE id = $1`,
			[]any{id, store.Micros(klokke.Dagen(m.Innsendt)), store.Micros(klokke.Dagen(m.Levert)), store.Micros(s.Klokke.Now())}},
		{`UPDATE bekymring_hendelse SET fritekst = NULL, fiksio_id = '', konto_id = '' WHERE melding_id = $1`, []any{id}},
		{`DELETE FROM bekymring_ko WHERE melding_id = $1`, []any{id}},
	}
	for _, h := range alle {
		sporringer = append(sporringer, sporring{`UPDATE bekymring_hendelse SET tidspunkt = $3 WHERE melding_id = $1 AND tidspunkt = $2`,
			[]any{id, store.Micros(h.Tidspunkt), store.Micros(klokke.Dagen(h.Tidspunkt))}})
	}
	for _, q := range sporringer {
		if _, err := tx.ExecContext(ctx, q.sql, q.args...); err != nil {
			return fmt.Errorf("deleting the content: %w", err)
		}
	}
	return nil
}

// ider reads one column of ids.
func ider(ctx context.Context, q store.Queryer, sporring string, args ...any) (ut []string, err error) {
	rows, err := q.QueryContext(ctx, sporring, args...)
	if err != nil {
		return nil, fmt.Errorf("listing reports: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("listing reports: %w", err)
		}
		ut = append(ut, id)
	}
	return ut, rows.Err()
}
