package bekymringsmelding

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// States of what waits to be fetched.
const (
	koVenter   = "VENTER"
	koKvittert = "KVITTERT"
	koAvvist   = "AVVIST"
	koTrukket  = "TRUKKET" // its time was over, or it came by another way
)

// iKo is a report that waits to be fetched, or did.
type iKo struct {
	meldingID, leveranseID, fiksOrg, ressursID, integrasjonID string
	kanal                                                     Kanal
	tilstand                                                  string
	dokument                                                  dokument
	opprettet, lastetNed                                      time.Time
}

// navn is the channel of the delivery engine.
func (k iKo) navn() string { return leveringskanal(k.kanal) }

// kokanal is a channel whose receivers fetch.
type kokanal struct {
	s    *Service
	navn string
}

var (
	_ levering.Kanal   = kokanal{}
	_ levering.Trekker = kokanal{}
)

// Navn implements levering.Kanal.
func (k kokanal) Navn() string { return k.navn }

// Send implements levering.Kanal: the report waits in the queue from the commit. A
// container that cannot be opened is refused at once, on the receiver's behalf: there
// would be nothing to fetch, and the letter may be whole.
func (k kokanal) Send(ctx context.Context, l levering.Levering, _ levering.Forsendelse, sendt func(tx *store.Tx) error) error {
	s := k.s
	m, err := hentMelding(ctx, s.DB.Read(), l.KildeID)
	if err != nil {
		return err
	}
	slipp, err := taPlass(ctx, s.apnes)
	if err != nil {
		return err
	}
	d, err := s.finnPDF(ctx, m.asiceBlob)
	slipp()
	skadet := errors.Is(err, errInnhold)
	if err != nil && !skadet {
		return err
	}
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		if skadet {
			if err := sendt(tx); err != nil {
				return err
			}
			_, err := s.Levering.Avvist(ctx, tx, k.navn, l.LeveranseID, "Innholdet kunne ikke åpnes", "")
			return err
		}
		r := iKo{meldingID: m.ID, leveranseID: l.LeveranseID, kanal: m.Kanal, fiksOrg: m.FiksOrgID, ressursID: m.RessursID,
			integrasjonID: m.IntegrasjonID, tilstand: koVenter, dokument: d, opprettet: s.Klokke.Now()}
		if err := s.settIKo(ctx, tx, r); err != nil {
			return err
		}
		tx.OnCommit(func() { s.Jobber.Wake(paaminnelsePlikt) })
		return sendt(tx)
	})
}

// Trekk implements levering.Trekker.
func (k kokanal) Trekk(ctx context.Context, tx *store.Tx, l levering.Levering) error {
	r, err := k.s.hentIKo(ctx, tx, l.KildeID)
	if feil.Er(err, feil.IkkeFunnet) || err == nil && (r.tilstand != koVenter || r.leveranseID != l.LeveranseID) {
		return nil
	} else if err != nil {
		return err
	}
	return settKotilstand(ctx, tx, r.meldingID, koTrukket)
}

// kvitter records that the receiver has stored what it fetched. Idempotent; one that
// comes after the deadline is in the history and changes nothing: false.
func (s *Service) kvitter(ctx context.Context, tx *store.Tx, r iKo) (bool, error) {
	if r.tilstand == koVenter {
		if err := settKotilstand(ctx, tx, r.meldingID, koKvittert); err != nil {
			return false, err
		}
	}
	return s.Levering.Bekreft(ctx, tx, r.navn(), r.leveranseID)
}

// avvis records that the receiver cannot take it: the letter comes at once.
// Idempotent; false when it was not waited for.
func (s *Service) avvis(ctx context.Context, tx *store.Tx, r iKo, grunn, begrunnelse string) (bool, error) {
	if r.tilstand != koVenter {
		return false, nil
	}
	if err := settKotilstand(ctx, tx, r.meldingID, koAvvist); err != nil {
		return false, err
	}
	return s.Levering.Avvist(ctx, tx, r.navn(), r.leveranseID, grunn, begrunnelse)
}

func stedKo(id string) string { return "bekymring.ko:" + id }

// settIKo puts a report in the queue, in place of where it was before.
func (s *Service) settIKo(ctx context.Context, tx *store.Tx, r iKo) error {
	klart, err := json.Marshal(r.dokument)
	if err != nil {
		return fmt.Errorf("encoding what is known of a document: %w", err)
	}
	innhold, err := s.Ring.Seal(stedKo(r.meldingID), klart)
	if err != nil {
		return fmt.Errorf("sealing what is known of a document: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM bekymring_ko WHERE melding_id = $1`, r.meldingID); err != nil {
		return fmt.Errorf("queueing %s: %w", r.meldingID, err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO bekymring_ko (`+koKolonner+`) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,0)`,
		r.meldingID, r.leveranseID, string(r.kanal), r.fiksOrg, r.ressursID, r.integrasjonID, r.tilstand, innhold, store.Micros(r.opprettet)); err != nil {
		return fmt.Errorf("queueing %s: %w", r.meldingID, err)
	}
	return nil
}

func settKotilstand(ctx context.Context, tx *store.Tx, id, tilstand string) error {
	if _, err := tx.ExecContext(ctx, `UPDATE bekymring_ko SET tilstand = $2 WHERE melding_id = $1`, id, tilstand); err != nil {
		return fmt.Errorf("moving %s in the queue: %w", id, err)
	}
	return nil
}

const koKolonner = `melding_id, leveranse_id, kanal, fiks_org, ressurs_id, integrasjon_id, tilstand, innhold, opprettet, lastet_ned`

func (s *Service) lesIKo(rad interface{ Scan(...any) error }) (r iKo, err error) {
	var innhold []byte
	var opprettet, lastetNed int64
	err = rad.Scan(&r.meldingID, &r.leveranseID, &r.kanal, &r.fiksOrg, &r.ressursID, &r.integrasjonID, &r.tilstand, &innhold, &opprettet, &lastetNed)
	if errors.Is(err, sql.ErrNoRows) {
		return r, ukjentMelding()
	} else if err != nil {
		return r, fmt.Errorf("reading the queue: %w", err)
	}
	r.opprettet, r.lastetNed = store.Time(opprettet), store.Time(lastetNed)
	if innhold == nil {
		return r, nil
	}
	klart, err := s.Ring.Open(stedKo(r.meldingID), innhold)
	if err != nil {
		return r, fmt.Errorf("report %s in the queue: %w", r.meldingID, err)
	}
	if err := json.Unmarshal(klart, &r.dokument); err != nil {
		return r, fmt.Errorf("report %s in the queue: %w", r.meldingID, err)
	}
	return r, nil
}

// hentIKo finds a report that is or was in the queue; feil.IkkeFunnet.
func (s *Service) hentIKo(ctx context.Context, q store.Queryer, id string) (iKo, error) {
	return s.lesIKo(q.QueryRowContext(ctx, `SELECT `+koKolonner+` FROM bekymring_ko WHERE melding_id = $1`, id))
}

// koen lists what is in the queue; hvor begins with WHERE.
func (s *Service) koen(ctx context.Context, q store.Queryer, hvor string, args ...any) (ut []iKo, err error) {
	rows, err := q.QueryContext(ctx, `SELECT `+koKolonner+` FROM bekymring_ko `+hvor, args...)
	if err != nil {
		return nil, fmt.Errorf("listing the queue: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := s.lesIKo(rows)
		if err != nil {
			return nil, err
		}
		ut = append(ut, r)
	}
	return ut, rows.Err()
}
