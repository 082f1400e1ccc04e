package fiksio

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/fiksio/amqp"
	"knutepunkt/internal/store"
)

// Innlogging checks SASL PLAIN credentials; auth.Autentisering does.
type Innlogging interface {
	Login(ctx context.Context, integrasjonID, passord, token string) (auth.Caller, error)
}

// Broker is what the AMQP listener asks: an amqp.Backend over the service's queues.
type Broker struct {
	s   *Service
	inn Innlogging
}

var _ amqp.Backend = (*Broker)(nil)

// Broker makes the backend of a listener. Give the listener to Koble.
func (s *Service) Broker(inn Innlogging) *Broker { return &Broker{s: s, inn: inn} }

// Login implements amqp.Backend: the password is "<passord> <token>", split at
// the last space.
func (b *Broker) Login(ctx context.Context, username, password string) (amqp.User, error) {
	i := strings.LastIndexByte(password, ' ')
	if i < 0 {
		return amqp.User{}, amqp.ErrAccessRefused
	}
	c, err := b.inn.Login(ctx, username, password[:i], password[i+1:])
	switch {
	case feil.Er(err, feil.Uautentisert), feil.Er(err, feil.IngenTilgang), feil.Er(err, feil.Ugyldig):
		return amqp.User{}, amqp.ErrAccessRefused
	case err != nil:
		return amqp.User{}, err
	}
	return amqp.User{Name: username, Data: c}, nil
}

// MayConsume implements amqp.Backend.
func (b *Broker) MayConsume(ctx context.Context, user amqp.User, queue string) error {
	id, ok := strings.CutPrefix(queue, koPrefiks)
	if !ok || !erUUID(id) {
		return amqp.ErrNoQueue
	}
	k, err := b.s.Konto(ctx, id)
	switch {
	case feil.Er(err, feil.IkkeFunnet):
		return amqp.ErrNoQueue
	case err != nil:
		return err
	case !k.Aktiv:
		return amqp.ErrNoQueue
	case k.Intern: // consumed by the platform itself
		return amqp.ErrAccessRefused
	}
	c, ok := user.Data.(auth.Caller)
	if !ok {
		return amqp.ErrAccessRefused
	}
	har, err := b.s.Tilgang.Har(ctx, c.Aktor(), auth.FiksIOKonto, id)
	if err == nil && !har {
		err = amqp.ErrAccessRefused
	}
	return err
}

// nrAv finds the number of a queue's konto, deleted or not.
func (s *Service) nrAv(ctx context.Context, queue string) (int64, string, error) {
	id := strings.TrimPrefix(queue, koPrefiks)
	if nr, ok := s.nr.Load(id); ok {
		return nr.(int64), id, nil
	}
	var nr int64
	err := s.DB.Read().QueryRowContext(ctx, `SELECT nr FROM fiksio_konto WHERE id = $1`, id).Scan(&nr)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, id, amqp.ErrNoQueue
	}
	if err != nil {
		return 0, id, fmt.Errorf("finding queue: %w", err)
	}
	s.nr.Store(id, nr)
	return nr, id, nil
}

// Ready implements amqp.Backend. Messages from before this start are marked as
// delivered before, known to be or not: the listener tells of deliveries with a
// delay, which a crash cuts off, and a consumer that skips its search for
// duplicates when the mark is missing must be right to do so.
func (b *Broker) Ready(ctx context.Context, queue string, after int64, limit int) ([]amqp.Message, error) {
	if ms, ok := b.s.minne.hent(queue, after, limit); ok {
		return ms, nil
	}
	nr, id, err := b.s.nrAv(ctx, queue)
	if err != nil {
		return nil, err
	}
	ms, levert, err := b.s.meldinger(ctx, b.s.DB.Read(), id, `id > $1 AND id < $2 ORDER BY id LIMIT $3`,
		nokkel(nr, after), nokkel(nr+1, 0), limit)
	if err != nil {
		return nil, err
	}
	ut := make([]amqp.Message, len(ms))
	for i, m := range ms {
		ut[i] = amqpMelding(queue, m)
		ut[i].Redelivered = ut[i].Redelivered || levert[i] || m.Opprettet.Before(b.s.oppstart)
	}
	return ut, nil
}

// Waiting implements amqp.Backend.
func (b *Broker) Waiting(ctx context.Context, queue string) (int, error) {
	nr, _, err := b.s.nrAv(ctx, queue)
	if err != nil {
		return 0, err
	}
	n, err := b.s.antall(ctx, b.s.DB.Read(), nr)
	return int(n), err
}

// Open implements amqp.Backend.
func (b *Broker) Open(ctx context.Context, ref amqp.Ref) (io.ReadCloser, error) {
	nr, id, err := b.s.nrAv(ctx, ref.Queue)
	if err != nil {
		return nil, err
	}
	ms, _, err := b.s.meldinger(ctx, b.s.DB.Read(), id, `id = $1`, nokkel(nr, ref.Seq))
	if err != nil {
		return nil, err
	}
	if len(ms) == 0 {
		return nil, feil.Ny(feil.IkkeFunnet, "Meldingen er ikke lenger i køen")
	}
	return b.s.apneNyttelast(ctx, b.s.DB.Read(), ms[0])
}

// iderAv gives the row keys of refs, in their order; unknown queues are left out.
func (b *Broker) iderAv(ctx context.Context, refs []amqp.Ref) ([]int64, error) {
	ids := make([]int64, 0, len(refs))
	for _, r := range refs {
		nr, _, err := b.s.nrAv(ctx, r.Queue)
		if errors.Is(err, amqp.ErrNoQueue) {
			continue
		}
		if err != nil {
			return nil, err
		}
		ids = append(ids, nokkel(nr, r.Seq))
	}
	return ids, nil
}

// Ack implements amqp.Backend.
func (b *Broker) Ack(ctx context.Context, refs []amqp.Ref) error {
	ids, err := b.iderAv(ctx, refs)
	if err != nil {
		return err
	}
	return b.s.DB.Write(ctx, func(tx *store.Tx) error {
		if b.s.HodeBare {
			tx.OnCommit(func() { b.s.Jobs.Wake(plikt) })
		}
		return b.s.fjern(ctx, tx, ids)
	})
}

// Reject implements amqp.Backend: the message is removed, and the log tells of it.
func (b *Broker) Reject(ctx context.Context, refs []amqp.Ref) error {
	ids, err := b.iderAv(ctx, refs)
	if err != nil {
		return err
	}
	return b.s.DB.Write(ctx, func(tx *store.Tx) error {
		for _, id := range ids {
			if err := b.s.loggAvvist(ctx, tx, id); err != nil {
				return err
			}
		}
		return b.s.fjern(ctx, tx, ids)
	})
}

// loggAvvist has the log tell, at commit, that a receiver refused a message for good,
// and notes it beside the message where the platform sent it.
func (s *Service) loggAvvist(ctx context.Context, tx *store.Tx, id int64) error {
	var meldingID, typ, avsender string
	err := tx.QueryRowContext(ctx, `SELECT melding_id, type, avsender_id FROM fiksio_melding WHERE id = $1`, id).Scan(&meldingID, &typ, &avsender)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading rejected message: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `UPDATE fiksio_egen SET avvist = $2 WHERE melding_id = $1`, meldingID, store.Micros(s.Klokke.Now())); err != nil {
		return fmt.Errorf("noting a rejected message: %w", err)
	}
	nr, seq := delNokkel(id)
	tx.OnCommit(func() {
		s.Log.Warn("message rejected by its receiver", "meldingId", meldingID, "type", typ, "avsenderKontoId", avsender, "ko", nr, "seq", seq)
	})
	return nil
}

// Requeue implements amqp.Backend: one more failed attempt each. Messages that
// have had MaxForsok become a serverfeil to their sender, those whose time ran
// out while a consumer held them a tidsavbrudd.
func (b *Broker) Requeue(ctx context.Context, refs []amqp.Ref) ([]amqp.Message, error) {
	ids, err := b.iderAv(ctx, refs)
	if err != nil {
		return nil, err
	}
	rest := map[int64]amqp.Message{}
	err = b.s.DB.Write(ctx, func(tx *store.Tx) error {
		clear(rest)
		now := b.s.Klokke.Now()
		var bort, opp []int64
		for _, r := range refs {
			nr, kontoID, err := b.s.nrAv(ctx, r.Queue)
			if errors.Is(err, amqp.ErrNoQueue) {
				continue
			}
			if err != nil {
				return err
			}
			ms, _, err := b.s.meldinger(ctx, tx, kontoID, `id = $1`, nokkel(nr, r.Seq))
			if err != nil {
				return err
			}
			if len(ms) == 0 {
				continue
			}
			m := ms[0]
			m.Forsok++
			switch {
			case m.Forsok >= MaxForsok:
				if err := b.s.systemmelding(ctx, tx, m, TypeServerfeil); err != nil {
					return err
				}
				bort = append(bort, m.id)
			case !now.Before(m.Utloper) && !b.s.HodeBare:
				if err := b.s.systemmelding(ctx, tx, m, TypeTidsavbrudd); err != nil {
					return err
				}
				bort = append(bort, m.id)
			default:
				opp = append(opp, m.id)
				a := amqpMelding(r.Queue, m)
				a.Redelivered = true
				rest[m.id] = a
			}
		}
		slices.Sort(opp)
		if err := forIDer(slices.Compact(opp), func(where string, args []any) error {
			_, err := tx.ExecContext(ctx, `UPDATE fiksio_melding SET forsok = forsok + 1, levert = 1 WHERE `+where, args...)
			return err
		}); err != nil {
			return fmt.Errorf("counting attempts: %w", err)
		}
		return b.s.fjern(ctx, tx, bort)
	})
	if err != nil {
		return nil, err
	}
	var ut []amqp.Message
	for _, id := range ids {
		if m, ok := rest[id]; ok {
			ut = append(ut, m)
			delete(rest, id)
		}
	}
	return ut, nil
}

// Delivered implements amqp.Backend.
func (b *Broker) Delivered(ctx context.Context, refs []amqp.Ref) error {
	ids, err := b.iderAv(ctx, refs)
	if err != nil {
		return err
	}
	slices.Sort(ids)
	return b.s.DB.Write(ctx, func(tx *store.Tx) error {
		return forIDer(slices.Compact(ids), func(where string, args []any) error {
			_, err := tx.ExecContext(ctx, `UPDATE fiksio_melding SET levert = 1 WHERE levert = 0 AND `+where, args...)
			return err
		})
	})
}

// Publiserende is a Broker that lets clients publish over AMQP, which Fiks IO
// never does: for measuring against other brokers, and for protocol suites.
// Nothing is checked; senders of such messages are told nothing.
type Publiserende struct{ *Broker }

var _ amqp.Publisher = Publiserende{}

const raaHeader = "\x00" // before the name of a header that is delivered without prefix

// Publish implements amqp.Publisher.
func (p Publiserende) Publish(ctx context.Context, msgs []amqp.Publishing) (unroutable []int, err error) {
	s, now := p.s, p.s.Klokke.Now()
	type ny struct {
		nr      int64
		ko      string
		m       Melding
		innhold []byte
		kropp   *Nyttelast
	}
	nye := make([]ny, 0, len(msgs))
	defer func() {
		for i := range nye {
			nye[i].kropp.Forkast()
		}
	}()
	for i, in := range msgs {
		nr, id, err := s.nrAv(ctx, in.Queue)
		if errors.Is(err, amqp.ErrNoQueue) {
			unroutable = append(unroutable, i)
			continue
		}
		if err != nil {
			return nil, err
		}
		n := ny{nr: nr, ko: in.Queue}
		n.m = Melding{Utgaaende: Utgaaende{MottakerKontoID: id, MeldingID: uuid.NewString()}, System: true,
			Opprettet: now, Utloper: now.Add(MaxTTL), HarNyttelast: len(in.Body) > 0, Storrelse: int64(len(in.Body))}
		if in.Expiration != "" {
			d, err := time.ParseDuration(in.Expiration + "ms")
			if err != nil || d < 0 || d > MaxTTL {
				return nil, fmt.Errorf("fiksio: expiration %q", in.Expiration)
			}
			n.m.TTL, n.m.Utloper = d, now.Add(d)
		}
		if len(in.Headers) > 0 {
			n.m.Headere = make(map[string]string, len(in.Headers))
			for _, h := range in.Headers {
				n.m.Headere[raaHeader+h.Name] = h.Value
			}
		}
		if len(in.Body) <= maksIRad {
			n.m.kropp = in.Body
		} else {
			w := s.Blobs.Create(ctx)
			if _, err := w.Write(in.Body); err != nil {
				w.Discard()
				return nil, err
			}
			if n.kropp, err = lukkBlob(w, nil); err != nil {
				return nil, err
			}
		}
		if n.innhold, err = s.forsegl(n.m); err != nil {
			return nil, err
		}
		nye = append(nye, n)
	}
	if len(nye) == 0 {
		return unroutable, nil
	}
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		antall, forst := map[int64]int{}, map[int64]int64{}
		for i := range nye {
			antall[nye[i].nr]++
		}
		for nr, n := range antall {
			if forst[nr], err = reserver(ctx, tx, nr, n); err != nil {
				return err
			}
		}
		sett, alene := map[int64]bool{}, make([]bool, len(nye))
		for i := range nye {
			n := &nye[i]
			n.m.Seq = forst[n.nr]
			forst[n.nr]++
			n.m.id = nokkel(n.nr, n.m.Seq)
			if !sett[n.nr] {
				sett[n.nr] = true
				if alene[i], err = s.alene(ctx, tx, n.ko, n.m.id); err != nil {
					return err
				}
			}
			if err := settInnRad(ctx, tx, n.m, n.innhold); err != nil {
				return err
			}
			if n.kropp != nil {
				if err := n.kropp.lagreBlob(ctx, tx, n.m.id); err != nil {
					return err
				}
			}
		}
		tx.OnCommit(func() {
			kring := s.kringkaster()
			for i := range nye {
				n := &nye[i]
				s.minne.leggTil(n.ko, n.m.Seq, alene[i], kring.Consumers(n.ko) > 0, func() amqp.Message { return amqpMelding(n.ko, n.m) })
				if n.m.TTL > 0 {
					s.meldUtlop(n.m.Utloper)
				}
			}
		})
		return nil
	})
	return unroutable, err
}
