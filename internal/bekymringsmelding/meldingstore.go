package bekymringsmelding

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/store"
)

const meldingKolonner = `id, fra_org, fra_fagsystem, fiks_org, kommunenummer, bydelsnummer, bydelsnavn, ressurs_id, type,
	versjon, kanal, konto_id, integrasjon_id, tilstand, naa_kanal, arsak, digital_runde, pdf_blob, asice_blob, innsendt,
	levert, slettet`

func ukjentMelding() error {
	return feil.Ny(feil.IkkeFunnet, "Bekymringsmeldingen finnes ikke")
}

func lesMelding(rad interface{ Scan(...any) error }) (m Melding, err error) {
	var innsendt, levert, slettet int64
	err = rad.Scan(&m.ID, &m.FraOrg, &m.FraFagsystem, &m.FiksOrgID, &m.Kommunenummer, &m.Bydelsnummer, &m.Bydelsnavn,
		&m.RessursID, &m.Type, &m.Versjon, &m.Kanal, &m.KontoID, &m.IntegrasjonID, &m.Tilstand, &m.NaaKanal, &m.arsak,
		&m.digitalRunde, &m.pdfBlob, &m.asiceBlob, &innsendt, &levert, &slettet)
	if errors.Is(err, sql.ErrNoRows) {
		return m, ukjentMelding()
	} else if err != nil {
		return m, fmt.Errorf("reading a report: %w", err)
	}
	m.Innsendt, m.Levert, m.Slettet = store.Time(innsendt), store.Time(levert), store.Time(slettet)
	return m, nil
}

// hentMelding finds a report; feil.IkkeFunnet.
func hentMelding(ctx context.Context, q store.Queryer, id string) (Melding, error) {
	return lesMelding(q.QueryRowContext(ctx, `SELECT `+meldingKolonner+` FROM bekymring_melding WHERE id = $1`, id))
}

// meldinger lists reports; hvor begins with WHERE.
func meldinger(ctx context.Context, q store.Queryer, hvor string, args ...any) (ut []Melding, err error) {
	rows, err := q.QueryContext(ctx, `SELECT `+meldingKolonner+` FROM bekymring_melding `+hvor, args...)
	if err != nil {
		return nil, fmt.Errorf("listing reports: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		m, err := lesMelding(rows)
		if err != nil {
			return nil, err
		}
		ut = append(ut, m)
	}
	return ut, rows.Err()
}

// settInnMelding stores a new report; false when the same was sent in before.
func settInnMelding(ctx context.Context, tx *store.Tx, m Melding, innsending string) (bool, error) {
	res, err := tx.ExecContext(ctx, `INSERT INTO bekymring_melding (`+meldingKolonner+`, innsending, varslet)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,0,0,$21,0) ON CONFLICT DO NOTHING`,
		m.ID, m.FraOrg, heltall(m.FraFagsystem), m.FiksOrgID, m.Kommunenummer, m.Bydelsnummer, m.Bydelsnavn, m.RessursID,
		string(m.Type), string(m.Versjon), string(m.Kanal), m.KontoID, m.IntegrasjonID, string(m.Tilstand), string(m.NaaKanal),
		m.arsak, m.digitalRunde, m.pdfBlob, m.asiceBlob, store.Micros(m.Innsendt), innsending)
	if err != nil {
		return false, fmt.Errorf("storing report %s: %w", m.ID, err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// innsendtSom finds the report that was sent in under the hash or the id.
func innsendtSom(ctx context.Context, q store.Queryer, innsending, ellersID string) (id string, err error) {
	err = q.QueryRowContext(ctx, `SELECT id FROM bekymring_melding WHERE innsending = $1 OR id = $2`, innsending, ellersID).Scan(&id)
	if err != nil {
		return "", fmt.Errorf("looking for a report that was sent before: %w", err)
	}
	return id, nil
}

// lagreTilstand stores where a report is on its way.
func lagreTilstand(ctx context.Context, tx *store.Tx, m Melding) error {
	_, err := tx.ExecContext(ctx, `UPDATE bekymring_melding SET tilstand = $2, naa_kanal = $3, arsak = $4, digital_runde = $5, levert = $6
		WHERE id = $1`, m.ID, string(m.Tilstand), string(m.NaaKanal), m.arsak, m.digitalRunde, store.Micros(m.Levert))
	if err != nil {
		return fmt.Errorf("updating report %s: %w", m.ID, err)
	}
	return nil
}

func stedFritekst(id string) string { return "bekymring.hendelse:" + id }

// skrivHendelse appends to a report's history, now.
func (s *Service) skrivHendelse(ctx context.Context, tx *store.Tx, id string, h Hendelse) error {
	var forseglet []byte
	if h.Fritekst != "" {
		var err error
		if forseglet, err = s.Ring.Seal(stedFritekst(id), []byte(h.Fritekst)); err != nil {
			return fmt.Errorf("sealing the history of %s: %w", id, err)
		}
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO bekymring_hendelse
		(melding_id, nr, tilstand, tidspunkt, offentlig, meldingstype, fiksio_id, konto_id, beskrivelse, fritekst)
		VALUES ($1, (SELECT coalesce(max(nr), 0) + 1 FROM bekymring_hendelse WHERE melding_id = $1), $2, $3, $4, $5, $6, $7, $8, $9)`,
		id, string(h.Tilstand), store.Micros(s.Klokke.Now()), heltall(h.Offentlig), h.Meldingstype, h.FiksIOMeldingID, h.FiksIOKonto,
		h.Beskrivelse, forseglet)
	if err != nil {
		return fmt.Errorf("writing the history of %s: %w", id, err)
	}
	return nil
}

// hendelser is a report's history, oldest first.
func (s *Service) hendelser(ctx context.Context, q store.Queryer, id string) (ut []Hendelse, err error) {
	rows, err := q.QueryContext(ctx, `SELECT tilstand, tidspunkt, offentlig, meldingstype, fiksio_id, konto_id, beskrivelse, fritekst
		FROM bekymring_hendelse WHERE melding_id = $1 ORDER BY nr`, id)
	if err != nil {
		return nil, fmt.Errorf("reading the history of %s: %w", id, err)
	}
	defer rows.Close()
	for rows.Next() {
		var h Hendelse
		var naar int64
		var forseglet []byte
		if err := rows.Scan(&h.Tilstand, &naar, &h.Offentlig, &h.Meldingstype, &h.FiksIOMeldingID, &h.FiksIOKonto, &h.Beskrivelse, &forseglet); err != nil {
			return nil, fmt.Errorf("reading the history of %s: %w", id, err)
		}
		h.Tidspunkt = store.Time(naar)
		if forseglet != nil {
			klart, err := s.Ring.Open(stedFritekst(id), forseglet)
			if err != nil {
				return nil, fmt.Errorf("history of %s: %w", id, err)
			}
			h.Fritekst = string(klart)
		}
		ut = append(ut, h)
	}
	return ut, rows.Err()
}

func heltall(b bool) int {
	if b {
		return 1
	}
	return 0
}
