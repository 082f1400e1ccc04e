package fiksio

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/store"
)

// seqBits is how much of a row's key is the number within the queue.
const seqBits = 40

// nokkel is the key of a message's row.
func nokkel(nr, seq int64) int64 { return nr<<seqBits | seq }

// delNokkel is the inverse of nokkel.
func delNokkel(id int64) (nr, seq int64) { return id >> seqBits, id & (1<<seqBits - 1) }

func ms(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func sorterteNavn(m map[string]string) []string {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}

const meldingKolonner = `id, melding_id, type, avsender_id, opprettet, utloper, forsok, levert, system, storrelse, dokumentlager_id, innhold`

// lagreMelding gives m its number and stores its row.
func (s *Service) lagreMelding(ctx context.Context, tx *store.Tx, nr int64, m *Melding) error {
	seq, err := reserver(ctx, tx, nr, 1)
	if err != nil {
		return err
	}
	m.Seq, m.id = seq, nokkel(nr, seq)
	innhold, err := s.forsegl(*m)
	if err != nil {
		return err
	}
	return settInnRad(ctx, tx, *m, innhold)
}

// settInnRad stores one row. One statement per row is the fastest way: binding many
// parameters costs more than it saves.
func settInnRad(ctx context.Context, tx *store.Tx, m Melding, innhold []byte) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO fiksio_melding (`+meldingKolonner+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		m.id, m.MeldingID, m.Type, m.AvsenderKontoID, store.Micros(m.Opprettet), store.Micros(m.Utloper),
		m.Forsok, 0, tall(m.System), m.Storrelse, m.DokumentlagerID, innhold)
	if err != nil {
		return fmt.Errorf("storing message: %w", err)
	}
	return nil
}

// reserver takes n numbers of a queue and gives the first.
func reserver(ctx context.Context, tx *store.Tx, nr int64, n int) (int64, error) {
	var siste int64
	err := tx.QueryRowContext(ctx, `UPDATE fiksio_ko SET siste = siste + $2 WHERE nr = $1 RETURNING siste`, nr, n).Scan(&siste)
	if err != nil {
		return 0, fmt.Errorf("numbering message: %w", err)
	}
	return siste - int64(n) + 1, nil
}

func forseglKontekst(meldingID string) string { return "fiksio.melding:" + meldingID }

// forsegl seals everything of m that came from the caller, and a small body.
func (s *Service) forsegl(m Melding) ([]byte, error) {
	return s.Ring.Seal(forseglKontekst(m.MeldingID), kodInnhold(m))
}

// kodInnhold is the plaintext of fiksio_melding.innhold: length-prefixed texts, the
// ttl, and the small body to the end.
func kodInnhold(m Melding) []byte {
	b := make([]byte, 0, 128+len(m.kropp))
	b = leggTil(b, m.AvsenderNavn)
	b = leggTil(b, m.SvarPaMelding)
	b = leggTil(b, m.SvarTilType)
	b = binary.AppendUvarint(b, uint64(m.TTL.Milliseconds()))
	b = binary.AppendUvarint(b, uint64(tall(m.HarNyttelast)))
	b = binary.AppendUvarint(b, uint64(len(m.Headere)))
	for _, k := range sorterteNavn(m.Headere) {
		b = leggTil(leggTil(b, k), m.Headere[k])
	}
	return append(b, m.kropp...)
}

func leggTil(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

var errInnhold = errors.New("fiksio: stored message cannot be read")

// dekodInnhold reads what kodInnhold wrote into m.
func dekodInnhold(b []byte, m *Melding) error {
	tall := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			b = nil
			return 1 << 62
		}
		b = b[n:]
		return v
	}
	feilet := false
	tekst := func() string {
		n := tall()
		if n > uint64(len(b)) {
			feilet, b = true, nil
			return ""
		}
		t := string(b[:n])
		b = b[n:]
		return t
	}
	m.AvsenderNavn, m.SvarPaMelding, m.SvarTilType = tekst(), tekst(), tekst()
	ttl, har, antall := tall(), tall(), tall()
	if feilet || ttl > uint64(MaxTTL.Milliseconds()) || har > 1 || antall > uint64(len(b)) {
		return errInnhold
	}
	m.TTL, m.HarNyttelast = time.Duration(ttl)*time.Millisecond, har == 1
	if antall > 0 {
		m.Headere = make(map[string]string, antall)
		for range antall {
			k := tekst()
			m.Headere[k] = tekst()
		}
	}
	if feilet {
		return errInnhold
	}
	if len(b) > 0 {
		m.kropp = b
	}
	return nil
}

// meldinger reads rows; where is what follows WHERE, over meldingKolonner.
// levert is set on those that were handed out before.
func (s *Service) meldinger(ctx context.Context, q store.Queryer, kontoID string, where string, args ...any) (ms []Melding, levert []bool, err error) {
	rows, err := q.QueryContext(ctx, `SELECT `+meldingKolonner+` FROM fiksio_melding WHERE `+where, args...)
	if err != nil {
		return nil, nil, fmt.Errorf("reading messages: %w", err)
	}
	defer rows.Close()
	var innhold sql.RawBytes
	for rows.Next() {
		var m Melding
		var opprettet, utloper int64
		var lev, system int
		if err := rows.Scan(&m.id, &m.MeldingID, &m.Type, &m.AvsenderKontoID, &opprettet, &utloper,
			&m.Forsok, &lev, &system, &m.Storrelse, &m.DokumentlagerID, &innhold); err != nil {
			return nil, nil, fmt.Errorf("reading messages: %w", err)
		}
		m.MottakerKontoID, m.System = kontoID, system != 0
		m.Opprettet, m.Utloper = store.Time(opprettet), store.Time(utloper)
		_, m.Seq = delNokkel(m.id)
		klar, err := s.Ring.Open(forseglKontekst(m.MeldingID), innhold)
		if err == nil {
			err = dekodInnhold(klar, &m)
		}
		if err != nil {
			// One damaged message must not stop its queue: it fails its deliveries
			// and ends as a serverfeil to its sender.
			s.Log.ErrorContext(ctx, "a stored message cannot be opened", "meldingId", m.MeldingID, "mottakerKontoId", kontoID, "error", err)
			m = Melding{Utgaaende: Utgaaende{MeldingID: m.MeldingID, MottakerKontoID: kontoID, AvsenderKontoID: m.AvsenderKontoID,
				Type: m.Type, TTL: m.Utloper.Sub(m.Opprettet)}, Seq: m.Seq, System: m.System, HarNyttelast: true, Storrelse: max(m.Storrelse, 1),
				Opprettet: m.Opprettet, Utloper: m.Utloper, Forsok: m.Forsok, id: m.id, skadet: true}
		}
		ms, levert = append(ms, m), append(levert, lev != 0)
	}
	return ms, levert, rows.Err()
}

// forste lists the first messages of a queue.
func (s *Service) forste(ctx context.Context, q store.Queryer, k Konto, antall int) ([]Melding, error) {
	ms, _, err := s.meldinger(ctx, q, k.ID, `id > $1 AND id < $2 ORDER BY id LIMIT $3`, nokkel(k.nr, 0), nokkel(k.nr+1, 0), antall)
	return ms, err
}

// antall counts the messages of a queue.
func (s *Service) antall(ctx context.Context, q store.Queryer, nr int64) (int64, error) {
	var n int64
	err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM fiksio_melding WHERE id > $1 AND id < $2`, nokkel(nr, 0), nokkel(nr+1, 0)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting messages: %w", err)
	}
	return n, nil
}

// eldste is when the first message of a queue was sent; the zero time when none waits.
func (s *Service) eldste(ctx context.Context, q store.Queryer, nr int64) (time.Time, error) {
	var us int64
	err := q.QueryRowContext(ctx, `SELECT opprettet FROM fiksio_melding WHERE id > $1 AND id < $2 ORDER BY id LIMIT 1`, nokkel(nr, 0), nokkel(nr+1, 0)).Scan(&us)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("finding the oldest message: %w", err)
	}
	return store.Time(us), nil
}

// blobAv finds the blob of a body; feil.IkkeFunnet.
func (s *Service) blobAv(ctx context.Context, q store.Queryer, id int64) (string, error) {
	var b string
	err := q.QueryRowContext(ctx, `SELECT blob_id FROM fiksio_kropp WHERE id = $1`, id).Scan(&b)
	if errors.Is(err, sql.ErrNoRows) {
		return "", feil.Ny(feil.IkkeFunnet, "Meldingen er ikke lenger i køen")
	}
	return b, err
}

// listeBredde is how many ids one statement of an id list takes; shorter lists
// are filled up, so that there is one statement text.
const listeBredde = 16

var idListe = func() string {
	var b strings.Builder
	for i := range listeBredde {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("$" + strconv.Itoa(i+1))
	}
	return "(" + b.String() + ")"
}()

// forIDer calls do with a condition on id and its arguments until all of ids (sorted)
// are covered: runs of consecutive ids as ranges, the others as lists.
func forIDer(ids []int64, do func(where string, args []any) error) error {
	var spredt []int64
	tom := func() error {
		for len(spredt) > 0 {
			args := make([]any, listeBredde)
			for i := range args {
				args[i] = spredt[min(i, len(spredt)-1)]
			}
			spredt = spredt[min(listeBredde, len(spredt)):]
			if err := do("id IN "+idListe, args); err != nil {
				return err
			}
		}
		return nil
	}
	for i := 0; i < len(ids); {
		j := i + 1
		for j < len(ids) && ids[j] == ids[j-1]+1 {
			j++
		}
		if j-i >= 8 {
			if err := do("id BETWEEN $1 AND $2", []any{ids[i], ids[j-1]}); err != nil {
				return err
			}
		} else {
			spredt = append(spredt, ids[i:j]...)
		}
		i = j
	}
	return tom()
}

// fjern deletes messages and their bodies; ids that are gone are no error.
func (s *Service) fjern(ctx context.Context, tx *store.Tx, ids []int64) error {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return forIDer(ids, func(where string, args []any) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM fiksio_melding WHERE `+where, args...); err != nil {
			return fmt.Errorf("removing messages: %w", err)
		}
		rows, err := tx.QueryContext(ctx, `DELETE FROM fiksio_kropp WHERE `+where+` RETURNING blob_id`, args...)
		if err != nil {
			return fmt.Errorf("removing payloads: %w", err)
		}
		var blobs []string
		for rows.Next() {
			var b string
			if err := rows.Scan(&b); err != nil {
				rows.Close()
				return fmt.Errorf("removing payloads: %w", err)
			}
			blobs = append(blobs, b)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return fmt.Errorf("removing payloads: %w", err)
		}
		for _, b := range blobs {
			if err := s.Blobs.Delete(ctx, tx, b); err != nil {
				return fmt.Errorf("removing payload: %w", err)
			}
		}
		return nil
	})
}

// egenLevetid is how long an id that the platform chose is remembered at least.
const egenLevetid = 400 * 24 * time.Hour

// merkEgen remembers an id that the platform chose. false: it was known already, and m
// carries the times of the first sending.
func (s *Service) merkEgen(ctx context.Context, tx *store.Tx, m *Melding) (bool, error) {
	res, err := tx.ExecContext(ctx, `INSERT INTO fiksio_egen (melding_id, mottaker_id, ventet_svar, opprettet, utloper)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
		m.MeldingID, m.MottakerKontoID, m.VentetSvar, store.Micros(m.Opprettet), store.Micros(m.Utloper))
	if err != nil {
		return false, fmt.Errorf("remembering message: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return n == 1, err
	}
	e, err := s.egen(ctx, tx, m.MeldingID)
	if err != nil {
		return false, err
	}
	if e.mottaker != m.MottakerKontoID {
		return false, feil.Ny(feil.Konflikt, "Meldingen %s er allerede sendt til en annen konto", m.MeldingID)
	}
	m.Opprettet, m.Utloper = e.opprettet, e.utloper
	return false, nil
}

// egen is what is remembered of a message with an id of the platform's own.
type egen struct {
	mottaker, ventetSvar string
	opprettet, utloper   time.Time
	avvist               time.Time
}

// egen finds one; feil.IkkeFunnet.
func (s *Service) egen(ctx context.Context, q store.Queryer, meldingID string) (egen, error) {
	var e egen
	var opprettet, utloper, avvist int64
	err := q.QueryRowContext(ctx, `SELECT mottaker_id, ventet_svar, opprettet, utloper, avvist FROM fiksio_egen WHERE melding_id = $1`, meldingID).
		Scan(&e.mottaker, &e.ventetSvar, &opprettet, &utloper, &avvist)
	if errors.Is(err, sql.ErrNoRows) {
		return egen{}, feil.Ny(feil.IkkeFunnet, "Plattformen har ikke sendt meldingen %s", visID(meldingID))
	}
	e.opprettet, e.utloper, e.avvist = store.Time(opprettet), store.Time(utloper), store.Time(avvist)
	return e, err
}

// Underveis is where a message stands whose id the platform chose.
type Underveis struct {
	IKo     bool // it waits in its mottaker's queue, or is in a consumer's hands
	Utdelt  bool // a consumer has been given it
	Forsok  int  // failed attempts
	Utloper time.Time
	Avvist  time.Time // when the mottaker refused it for good, without a word; zero: it did not
}

// Underveis finds it; feil.IkkeFunnet when the platform sent no such message.
func (s *Service) Underveis(ctx context.Context, meldingID string) (Underveis, error) {
	e, err := s.egen(ctx, s.DB.Read(), meldingID)
	if err != nil {
		return Underveis{}, err
	}
	u := Underveis{Utloper: e.utloper, Avvist: e.avvist}
	err = s.DB.Read().QueryRowContext(ctx, `SELECT forsok, levert FROM fiksio_melding WHERE utloper = $1 AND melding_id = $2`,
		store.Micros(e.utloper), meldingID).Scan(&u.Forsok, &u.Utdelt)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return u, nil
	case err != nil:
		return u, fmt.Errorf("reading where message %s is: %w", meldingID, err)
	}
	u.IKo = true
	return u, nil
}
