package fiksio

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/jobs"
	"knutepunkt/internal/store"
)

const (
	plikt  = "fiksio.utlop"  // duty: expiry of messages
	intern = "fiksio.intern" // job: messages of an internal konto; key and argument are its id

	utlopBunt = 500         // messages looked at in one go
	seIgjen   = time.Minute // how soon an expired message is looked at again that a consumer holds
)

func (s *Service) registrerJobber() {
	s.Jobs.AddDuty(jobs.Duty{Name: plikt, Next: s.nesteUtlop, RunOnce: s.Utlop})
	s.Jobs.Handle(intern, jobs.Options{
		MaxAttempts: 1 << 30, // the messages have a time to live of their own
		Backoff: func(forsok int) time.Duration {
			return min(time.Second<<min(forsok-1, 10), 5*time.Minute)
		},
		// A new message can be enqueued while the former is worked on.
		Concurrency: 8,
	}, s.konsumerIntern)
}

func internJobb(kontoID string) jobs.Spec {
	return jobs.Spec{Kind: intern, Key: kontoID, Arg: kontoID}
}

// maksForbi bounds how many messages the listener could not take are passed over.
const maksForbi = 100

// konsumerIntern hands the messages of an internal konto to its listener, in
// order, each in the transaction that removes it. One that the listener cannot
// take stays, is passed over so that it does not hold up those behind it, and is
// tried again with the job.
func (s *Service) konsumerIntern(ctx context.Context, j jobs.Job) error {
	fn := s.lytter(j.Arg)
	if fn == nil {
		return fmt.Errorf("fiksio: nobody listens on internal konto %s", j.Arg)
	}
	lasI, _ := s.internLas.LoadOrStore(j.Arg, &sync.Mutex{})
	las := lasI.(*sync.Mutex)
	las.Lock()
	defer las.Unlock()
	var forbi []error // one for each message passed over
	for len(forbi) < maksForbi {
		if err := ctx.Err(); err != nil {
			return err
		}
		tom, tatt := false, false
		err := s.DB.Write(ctx, func(tx *store.Tx) error {
			k, err := s.hentKonto(ctx, tx, j.Arg)
			if err != nil {
				return err
			}
			ms, err := s.forste(ctx, tx, k, len(forbi)+1)
			if err != nil {
				return err
			}
			if tom = len(ms) <= len(forbi); tom {
				return nil
			}
			m := ms[len(forbi)]
			tatt = true
			if m.skadet {
				err = s.systemmelding(ctx, tx, m, TypeServerfeil)
			} else {
				err = fn(ctx, tx, m)
			}
			if err != nil {
				return fmt.Errorf("message %s of type %s: %w", m.MeldingID, m.Type, err)
			}
			return s.fjern(ctx, tx, []int64{m.id})
		})
		switch {
		case err != nil && tatt:
			forbi = append(forbi, err)
		case err != nil:
			return err
		case tom:
			return errors.Join(forbi...)
		}
	}
	return errors.Join(forbi...)
}

// utlopstid is what the duty remembers between its runs.
type utlopstid struct {
	mu    sync.Mutex
	sist  int64     // everything that expires until then (µs) was looked at
	igjen time.Time // when to look again at what consumers held; zero: not needed
	neste int64     // what Next answered (µs); 0: not known
	runde int64     // counts what makes a running Next's answer worthless
	nullt int64     // counts what makes a running Utlop's sist worthless
}

func (u *utlopstid) nullstill() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.sist, u.neste = 0, 0
	u.runde++
	u.nullt++
}

// meldUtlop hears of each new message, at commit.
func (s *Service) meldUtlop(utloper time.Time) {
	us := store.Micros(utloper)
	u := &s.utlop
	u.mu.Lock()
	u.runde++
	if us <= u.sist { // the clock was moved between its writing and its commit
		u.sist = us - 1
	}
	vekk := u.neste == 0 || us < u.neste
	if vekk {
		u.neste = us
	}
	u.mu.Unlock()
	if vekk {
		s.Jobs.Wake(plikt)
	}
}

// nesteUtlop tells when a message expires next.
func (s *Service) nesteUtlop(ctx context.Context) (time.Time, error) {
	u := &s.utlop
	u.mu.Lock()
	sist, igjen, runde := u.sist, u.igjen, u.runde
	u.neste = 0
	u.mu.Unlock()

	var us sql.NullInt64
	var err error
	if s.HodeBare {
		us, err = s.nesteHode(ctx)
	} else {
		err = s.DB.Read().QueryRowContext(ctx, `SELECT MIN(utloper) FROM fiksio_melding WHERE utloper > $1`, sist).Scan(&us)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("finding the next expiry: %w", err)
	}
	t := store.Time(us.Int64)
	if !igjen.IsZero() && (t.IsZero() || igjen.Before(t)) {
		t = igjen
	}
	neste := store.Micros(t)
	if neste == 0 {
		neste = 1<<63 - 1 // nothing waits: any message is earlier
	}
	u.mu.Lock()
	if u.runde == runde {
		u.neste = neste
	}
	u.mu.Unlock()
	return t, nil
}

// Utlop removes the messages that have expired at now and tells their senders.
// Messages that a consumer holds are left alone until they come back. Idempotent.
func (s *Service) Utlop(ctx context.Context, now time.Time) error {
	naa := store.Micros(now)
	u := &s.utlop
	u.mu.Lock()
	nullt := u.nullt
	u.mu.Unlock()
	holdt := false
	var feilet []error // of single queues; the others go on
	finn := s.utlopte
	if s.HodeBare {
		finn = s.utlopteHoder
	}
	var fraUtloper, fraID int64
	for {
		bunt, err := finn(ctx, naa, fraUtloper, fraID)
		if err != nil {
			return err
		}
		for _, ko := range etterKo(bunt) {
			igjen, err := s.utlopKo(ctx, ko, naa)
			if err != nil {
				feilet = append(feilet, err)
			}
			holdt = holdt || igjen
		}
		if len(bunt) < utlopBunt {
			break
		}
		siste := bunt[len(bunt)-1]
		fraUtloper, fraID = siste.utloper, siste.id
	}
	if err := s.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM fiksio_egen WHERE opprettet < $1 AND utloper < $2`, store.Micros(now.Add(-egenLevetid)), naa)
		return err
	}); err != nil {
		return fmt.Errorf("forgetting old ids: %w", err)
	}
	if len(feilet) > 0 {
		return errors.Join(feilet...)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.igjen = time.Time{}
	if holdt {
		u.igjen = now.Add(seIgjen)
	}
	if u.nullt == nullt { // else something expired that was not looked at
		u.sist = max(u.sist, naa)
	}
	return nil
}

// utlopt is the key of a row and when it expires (µs).
type utlopt struct{ id, utloper int64 }

// etterKo splits rows by queue, each in order.
func etterKo(alle []utlopt) [][]int64 {
	ids := make([]int64, 0, len(alle))
	for _, u := range alle {
		ids = append(ids, u.id)
	}
	slices.SortStableFunc(ids, func(a, b int64) int { return cmp.Compare(a>>seqBits, b>>seqBits) })
	var ut [][]int64
	for i := 0; i < len(ids); {
		j := i + 1
		for j < len(ids) && ids[j]>>seqBits == ids[i]>>seqBits {
			j++
		}
		ut = append(ut, ids[i:j])
		i = j
	}
	return ut
}

// utlopte lists what has expired, by time, after the place (utloper, id).
func (s *Service) utlopte(ctx context.Context, naa, utloper, id int64) ([]utlopt, error) {
	return lesUtlopte(ctx, s.DB.Read(), `SELECT id, utloper FROM fiksio_melding
		WHERE utloper <= $1 AND (utloper > $2 OR (utloper = $2 AND id > $3)) ORDER BY utloper, id LIMIT $4`,
		naa, utloper, id, utlopBunt)
}

func lesUtlopte(ctx context.Context, q store.Queryer, query string, args ...any) ([]utlopt, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("finding expired messages: %w", err)
	}
	defer rows.Close()
	var ut []utlopt
	for rows.Next() {
		var u utlopt
		if err := rows.Scan(&u.id, &u.utloper); err != nil {
			return nil, fmt.Errorf("finding expired messages: %w", err)
		}
		ut = append(ut, u)
	}
	return ut, rows.Err()
}

// utlopKo expires messages of one queue, all or none. igjen: a consumer held some.
func (s *Service) utlopKo(ctx context.Context, ids []int64, naa int64) (igjen bool, err error) {
	nr, _ := delNokkel(ids[0])
	kontoID, err := s.kontoAv(ctx, nr)
	if err != nil {
		return false, err
	}
	ko := Ko(kontoID)
	seqs := make([]int64, len(ids))
	for i, id := range ids {
		_, seqs[i] = delNokkel(id)
	}
	err = s.kringkaster().Withdraw(ko, seqs, func(fri []int64) error {
		igjen = len(fri) < len(seqs)
		if len(fri) == 0 {
			return nil
		}
		return s.DB.Write(ctx, func(tx *store.Tx) error {
			var bort []int64
			for _, seq := range fri {
				ms, _, err := s.meldinger(ctx, tx, kontoID, `id = $1 AND utloper <= $2`, nokkel(nr, seq), naa)
				if err != nil {
					return err
				}
				for _, m := range ms {
					if err := s.systemmelding(ctx, tx, m, TypeTidsavbrudd); err != nil {
						return err
					}
					bort = append(bort, m.id)
				}
			}
			tx.OnCommit(func() {
				for _, id := range bort {
					_, seq := delNokkel(id)
					s.minne.fjern(ko, seq)
				}
			})
			return s.fjern(ctx, tx, slices.Clone(bort))
		})
	})
	return igjen, err
}

// kontoAv finds the konto of a number, deleted or not.
func (s *Service) kontoAv(ctx context.Context, nr int64) (string, error) {
	var id string
	if err := s.DB.Read().QueryRowContext(ctx, `SELECT id FROM fiksio_konto WHERE nr = $1`, nr).Scan(&id); err != nil {
		return "", fmt.Errorf("finding konto %d: %w", nr, err)
	}
	return id, nil
}

// systemmelding tells the sender of m that m ended as typ (contract §7), in the
// transaction that removes m. Nobody is told about a system message, nor a
// sender that is gone.
func (s *Service) systemmelding(ctx context.Context, tx *store.Tx, m Melding, typ string) error {
	logg := func(tekst string) {
		tx.OnCommit(func() {
			s.Log.Warn(tekst, "meldingId", m.MeldingID, "type", m.Type, "avsenderKontoId", m.AvsenderKontoID,
				"mottakerKontoId", m.MottakerKontoID, "arsak", typ, "forsok", m.Forsok)
		})
	}
	if m.System {
		logg("system message removed undelivered")
		return nil
	}
	avsender, err := s.hentKonto(ctx, tx, m.AvsenderKontoID)
	if feil.Er(err, feil.IkkeFunnet) {
		logg("message removed undelivered, and its sender is gone")
		return nil
	}
	if err != nil {
		return err
	}
	var navn string
	err = tx.QueryRowContext(ctx, `SELECT navn FROM fiksio_konto WHERE id = $1`, m.MottakerKontoID).Scan(&navn)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("reading konto: %w", err)
	}
	now := s.Klokke.Now()
	svar := Melding{
		Utgaaende: Utgaaende{MeldingID: uuid.NewString(), AvsenderKontoID: m.MottakerKontoID, MottakerKontoID: avsender.ID,
			Type: typ, SvarPaMelding: m.MeldingID, TTL: StandardTTL},
		AvsenderNavn: navn, SvarTilType: m.Type, System: true, Opprettet: now, Utloper: now.Add(StandardTTL),
	}
	for _, h := range []string{"klientMeldingId", "klientKorrelasjonsId", "klientKorrelasjonId"} {
		if v, ok := m.Headere[h]; ok {
			if svar.Headere == nil {
				svar.Headere = map[string]string{}
			}
			svar.Headere[h] = v
		}
	}
	logg("message removed undelivered, its sender is told")
	return s.settInn(ctx, tx, avsender, &svar, nil)
}

// hoder calls fn with what is waiting in each queue and no consumer holds, from the
// head on, until it answers false.
func (s *Service) hoder(ctx context.Context, fn func(utlopt) bool) error {
	kontoer, err := lesUtlopte(ctx, s.DB.Read(), `SELECT nr, siste FROM fiksio_ko WHERE siste > 0 ORDER BY nr`)
	if err != nil {
		return err
	}
	for _, k := range kontoer {
		id, err := s.kontoAv(ctx, k.id)
		if err != nil {
			return err
		}
		holdt := s.kringkaster().Held(Ko(id))
		ms, err := lesUtlopte(ctx, s.DB.Read(), `SELECT id, utloper FROM fiksio_melding WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3`,
			nokkel(k.id, 0), nokkel(k.id+1, 0), utlopBunt+len(holdt))
		if err != nil {
			return err
		}
		for _, m := range ms {
			_, seq := delNokkel(m.id)
			if _, h := slices.BinarySearch(holdt, seq); !h && !fn(m) {
				break
			}
		}
	}
	return nil
}

// nesteHode is the earliest expiry among the heads of the queues.
func (s *Service) nesteHode(ctx context.Context) (us sql.NullInt64, err error) {
	err = s.hoder(ctx, func(m utlopt) bool {
		if !us.Valid || m.utloper < us.Int64 {
			us = sql.NullInt64{Int64: m.utloper, Valid: true}
		}
		return false
	})
	return us, err
}

// utlopteHoder lists what has expired with nothing unexpired before it.
func (s *Service) utlopteHoder(ctx context.Context, naa, _, _ int64) (ut []utlopt, err error) {
	err = s.hoder(ctx, func(m utlopt) bool {
		if m.utloper > naa {
			return false
		}
		ut = append(ut, m)
		return true
	})
	return ut[:min(len(ut), utlopBunt-1)], err
}
