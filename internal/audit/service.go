package audit

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are this room's tables.
func Migrations() store.Migrations {
	return store.Migrations{Room: "audit", FS: migrations}
}

// Service writes, finds and verifies events.
type Service struct {
	db     *store.DB
	ring   *keys.Ring
	klokke klokke.Klokke
}

// NewService makes the log over db, sealed and chained with ring's keys.
func NewService(db *store.DB, ring *keys.Ring, k klokke.Klokke) *Service {
	return &Service{db: db, ring: ring, klokke: k}
}

const kolonner = `seq, tidspunkt, fiks_org, tjeneste, underressurs, handling, request_id, gjelder, data, kjede`

// rad is an event as it is stored.
type rad struct {
	seq, tidspunkt                                                int64
	fiksOrg, tjeneste, underressurs, handling, requestID, gjelder string
	data                                                          []byte
	kjede                                                         string
}

func (r *rad) scan(row interface{ Scan(...any) error }) error {
	return row.Scan(&r.seq, &r.tidspunkt, &r.fiksOrg, &r.tjeneste, &r.underressurs, &r.handling,
		&r.requestID, &r.gjelder, &r.data, &r.kjede)
}

// neste is the chain's value after r, given the value before it. It is keyed:
// who can write the database but has no key cannot mend the chain.
func (s *Service) neste(forrige string, r *rad) string {
	var b strings.Builder
	for _, felt := range []string{
		forrige, strconv.FormatInt(r.seq, 10), strconv.FormatInt(r.tidspunkt, 10), r.fiksOrg, r.tjeneste,
		r.underressurs, r.handling, r.requestID, r.gjelder, string(r.data),
	} {
		b.WriteString(strconv.Itoa(len(felt))) // lengths keep fields from running into each other
		b.WriteByte(':')
		b.WriteString(felt)
	}
	return s.ring.Lookup("audit.kjede", b.String())
}

func sealContext(seq int64) string { return "audit:" + strconv.FormatInt(seq, 10) }

// oppslag is the keyed hash by which a value is searched for; "" for none.
func (s *Service) oppslag(hva, verdi string) string {
	if verdi == "" {
		return ""
	}
	return s.ring.Lookup(hva, verdi)
}

// Logg appends h in tx: it is there exactly when the action is.
func (s *Service) Logg(ctx context.Context, tx *store.Tx, h Hendelse) error {
	var seq int64
	var forrige string
	if err := tx.QueryRowContext(ctx, `SELECT seq, kjede FROM audit_hode WHERE id = 1`).Scan(&seq, &forrige); err != nil {
		return fmt.Errorf("reading the audit head: %w", err)
	}
	h.Seq, h.Tidspunkt = seq+1, s.klokke.Now()
	klart, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("encoding an audit event: %w", err)
	}
	forseglet, err := s.ring.Seal(sealContext(h.Seq), klart)
	if err != nil {
		return fmt.Errorf("sealing an audit event: %w", err)
	}
	r := rad{
		seq: h.Seq, tidspunkt: store.Micros(h.Tidspunkt), fiksOrg: h.FiksOrg, tjeneste: h.Tjeneste,
		underressurs: h.Underressurs, handling: h.Handling, requestID: s.oppslag("audit.request", h.RequestID),
		gjelder: s.oppslag("fnr", h.Gjelder), data: forseglet,
	}
	r.kjede = s.neste(forrige, &r)
	if _, err := tx.ExecContext(ctx, `INSERT INTO audit_hendelser (`+kolonner+`) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)`,
		r.seq, r.tidspunkt, r.fiksOrg, r.tjeneste, r.underressurs, r.handling, r.requestID, r.gjelder, r.data, r.kjede); err != nil {
		return fmt.Errorf("writing an audit event: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `UPDATE audit_hode SET seq = $1, kjede = $2 WHERE id = 1`, r.seq, r.kjede); err != nil {
		return fmt.Errorf("moving the audit head: %w", err)
	}
	return nil
}

// List finds events, oldest first.
func (s *Service) List(ctx context.Context, f Filter) ([]Hendelse, error) {
	if f.Antall <= 0 {
		f.Antall = 100
	}
	// Conditions that are not asked for are left out: an index is not used for
	// "$1 = '' OR column = $1".
	hvor, args := `seq > $1`, []any{f.EtterSeq, f.Antall}
	for _, v := range []struct{ kolonne, verdi string }{
		{"fiks_org", f.FiksOrg}, {"request_id", s.oppslag("audit.request", f.RequestID)}, {"gjelder", s.oppslag("fnr", f.Gjelder)},
	} {
		if v.verdi != "" {
			args = append(args, v.verdi)
			hvor += fmt.Sprintf(" AND %s = $%d AND %[1]s <> ''", v.kolonne, len(args))
		}
	}
	rows, err := s.db.Read().QueryContext(ctx, `SELECT `+kolonner+` FROM audit_hendelser
		WHERE `+hvor+` ORDER BY seq LIMIT $2`, args...)
	if err != nil {
		return nil, fmt.Errorf("searching the audit log: %w", err)
	}
	defer rows.Close()
	var ut []Hendelse
	for rows.Next() {
		var r rad
		if err := r.scan(rows); err != nil {
			return nil, fmt.Errorf("reading the audit log: %w", err)
		}
		h, err := s.apne(&r)
		if err != nil {
			return nil, err
		}
		ut = append(ut, h)
	}
	return ut, rows.Err()
}

func (s *Service) apne(r *rad) (Hendelse, error) {
	klart, err := s.ring.Open(sealContext(r.seq), r.data)
	if err != nil {
		return Hendelse{}, fmt.Errorf("opening audit event %d: %w", r.seq, err)
	}
	var h Hendelse
	if err := json.Unmarshal(klart, &h); err != nil {
		return Hendelse{}, fmt.Errorf("decoding audit event %d: %w", r.seq, err)
	}
	return h, nil
}

// Verify walks the whole log and tells whether each event is as it was written
// and none is missing, at either end or between. framdrift, when not nil, is
// called with the number of events checked so far.
func (s *Service) Verify(ctx context.Context, framdrift func(antall int64)) (Resultat, error) {
	// The head is read first: events that are appended while we walk lie after it.
	var hodeSeq int64
	var hodeKjede string
	err := s.db.Read().QueryRowContext(ctx, `SELECT seq, kjede FROM audit_hode WHERE id = 1`).Scan(&hodeSeq, &hodeKjede)
	if errors.Is(err, sql.ErrNoRows) {
		return Resultat{Brudd: 1, Grunn: "the head of the log is missing"}, nil
	} else if err != nil {
		return Resultat{}, fmt.Errorf("reading the audit head: %w", err)
	}
	rows, err := s.db.Read().QueryContext(ctx, `SELECT `+kolonner+` FROM audit_hendelser ORDER BY seq`)
	if err != nil {
		return Resultat{}, fmt.Errorf("reading the audit log: %w", err)
	}
	defer rows.Close()
	res, forrige := Resultat{}, ""
	for rows.Next() {
		var r rad
		if err := r.scan(rows); err != nil {
			return Resultat{}, fmt.Errorf("reading the audit log: %w", err)
		}
		brudd := func(grunn string) (Resultat, error) {
			res.Brudd, res.Grunn = res.Antall+1, grunn
			return res, nil
		}
		if r.seq != res.Antall+1 {
			return brudd(fmt.Sprintf("the next event stored is %d: events are missing or renumbered", r.seq))
		}
		if s.neste(forrige, &r) != r.kjede {
			return brudd("the event or its link to the one before has been changed")
		}
		if _, err := s.apne(&r); err != nil {
			return brudd("the sealed content cannot be opened")
		}
		if r.seq == hodeSeq && r.kjede != hodeKjede {
			return brudd("the head of the log has been changed")
		}
		forrige = r.kjede
		res.Antall++
		if framdrift != nil && res.Antall%10000 == 0 {
			framdrift(res.Antall)
		}
	}
	if err := rows.Err(); err != nil {
		return Resultat{}, fmt.Errorf("reading the audit log: %w", err)
	}
	if res.Antall < hodeSeq {
		res.Brudd, res.Grunn = res.Antall+1, fmt.Sprintf("the log ends here, but %d events were written", hodeSeq)
	}
	return res, nil
}
