package bekymringsmelding

import (
	"context"
	"encoding/json"
	"fmt"

	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/store"
)

func stedBydel(ressursID string) string { return "bekymring.bydel:" + ressursID }

// bydelInnhold is the sealed part of a bydel.
type bydelInnhold struct {
	Adresse       Postadresse `json:"a"`
	Kontakter     []string    `json:"k,omitempty"`
	VarselEposter []string    `json:"v,omitempty"`
	Telefon       string      `json:"t,omitempty"`
	Orgnr         string      `json:"o,omitempty"`
	Sertifikat    []byte      `json:"s,omitempty"`
	Zip           bool        `json:"z,omitempty"`
}

func (s *Service) forseglBydel(b Bydel) ([]byte, error) {
	klart, err := json.Marshal(bydelInnhold{b.Adresse, b.Kontakter, b.VarselEposter, b.Telefon, b.Orgnr, b.Sertifikat, b.Zip})
	if err != nil {
		return nil, fmt.Errorf("encoding a bydel: %w", err)
	}
	return s.Ring.Seal(stedBydel(b.RessursID), klart)
}

func (s *Service) apneBydel(b *Bydel, forseglet []byte) error {
	klart, err := s.Ring.Open(stedBydel(b.RessursID), forseglet)
	var i bydelInnhold
	if err == nil {
		err = json.Unmarshal(klart, &i)
	}
	if err != nil {
		return fmt.Errorf("opening bydel %s: %w", b.RessursID, err)
	}
	b.Adresse, b.Kontakter, b.VarselEposter, b.Telefon = i.Adresse, i.Kontakter, i.VarselEposter, i.Telefon
	b.Orgnr, b.Sertifikat, b.Zip = i.Orgnr, i.Sertifikat, i.Zip
	return nil
}

// lesBydeler lists bydeler by a condition.
func (s *Service) lesBydeler(ctx context.Context, q store.Queryer, rest string, args ...any) ([]Bydel, error) {
	rows, err := q.QueryContext(ctx, `SELECT ressurs_id, fiks_org, kommunenummer, bydelsnummer, navn, standard, deaktivert,
		stottet_versjon, fagsystem, kanal, konto_id, integrasjon_id, innhold, versjon FROM bekymring_bydel `+rest, args...)
	if err != nil {
		return nil, fmt.Errorf("reading bydeler: %w", err)
	}
	defer rows.Close()
	ut := []Bydel{}
	for rows.Next() {
		var b Bydel
		var standard, deaktivert int
		var versjon, kanal string
		var innhold []byte
		if err := rows.Scan(&b.RessursID, &b.FiksOrgID, &b.Kommunenummer, &b.Bydelsnummer, &b.Navn, &standard, &deaktivert,
			&versjon, &b.Fagsystem, &kanal, &b.FiksIOKontoID, &b.IntegrasjonID, &innhold, &b.Versjon); err != nil {
			return nil, fmt.Errorf("reading bydeler: %w", err)
		}
		b.StandardMottaker, b.Deaktivert = standard == 1, deaktivert == 1
		b.StottetVersjon, b.Kanal = skjema.Versjon(versjon), Kanal(kanal)
		if err := s.apneBydel(&b, innhold); err != nil {
			return nil, err
		}
		ut = append(ut, b)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading bydeler: %w", err)
	}
	return ut, nil
}

// enBydel finds one bydel by a condition; feil.IkkeFunnet.
func (s *Service) enBydel(ctx context.Context, q store.Queryer, rest string, args ...any) (Bydel, error) {
	alle, err := s.lesBydeler(ctx, q, rest, args...)
	if err != nil {
		return Bydel{}, err
	}
	if len(alle) == 0 {
		return Bydel{}, feil.Ny(feil.IkkeFunnet, "Bydelen finnes ikke")
	}
	return alle[0], nil
}

func flagg(b bool) int {
	if b {
		return 1
	}
	return 0
}

func opptattNummer(b Bydel) error {
	return medKode(feil.Ny(feil.Ugyldig, "Kommune %s har allerede en bydel med bydelsnummer %s, aktiv eller deaktivert. Velg et annet nummer, eller endre den som finnes",
		b.Kommunenummer, b.Bydelsnummer), KodeBydelsnummerOpptatt)
}

// settInnBydel stores a new bydel; feil.Ugyldig when its number is taken.
func (s *Service) settInnBydel(ctx context.Context, tx *store.Tx, b *Bydel) error {
	innhold, err := s.forseglBydel(*b)
	if err != nil {
		return err
	}
	if err := nummerLedig(ctx, tx, *b); err != nil {
		return err
	}
	b.Versjon = 1
	_, err = tx.ExecContext(ctx, `INSERT INTO bekymring_bydel (ressurs_id, fiks_org, kommunenummer, bydelsnummer, navn, standard, deaktivert,
		stottet_versjon, fagsystem, kanal, konto_id, integrasjon_id, innhold, versjon) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,1)`,
		b.RessursID, b.FiksOrgID, b.Kommunenummer, b.Bydelsnummer, b.Navn, flagg(b.StandardMottaker), flagg(b.Deaktivert),
		string(b.StottetVersjon), b.Fagsystem, string(b.Kanal), b.FiksIOKontoID, b.IntegrasjonID, innhold)
	return bydelSkrevet(err)
}

// lagreBydel stores a changed bydel that is still of its version, which grows by one.
// feil.Ugyldig when its number is taken, feil.Konflikt when it has been changed since.
func (s *Service) lagreBydel(ctx context.Context, tx *store.Tx, b *Bydel) error {
	innhold, err := s.forseglBydel(*b)
	if err != nil {
		return err
	}
	if err := nummerLedig(ctx, tx, *b); err != nil {
		return err
	}
	res, err := tx.ExecContext(ctx, `UPDATE bekymring_bydel SET bydelsnummer=$3, navn=$4, standard=$5, deaktivert=$6, stottet_versjon=$7,
		fagsystem=$8, kanal=$9, konto_id=$10, integrasjon_id=$11, innhold=$12, versjon=versjon+1 WHERE ressurs_id=$1 AND versjon=$2`,
		b.RessursID, b.Versjon, b.Bydelsnummer, b.Navn, flagg(b.StandardMottaker), flagg(b.Deaktivert), string(b.StottetVersjon),
		b.Fagsystem, string(b.Kanal), b.FiksIOKontoID, b.IntegrasjonID, innhold)
	if err := bydelSkrevet(err); err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return fmt.Errorf("storing bydel %s: %w", b.RessursID, err)
	}
	if n == 0 {
		return bydelEndret()
	}
	b.Versjon++
	return nil
}

func bydelSkrevet(err error) error {
	if store.IsUnique(err) { // of the number it was asked before
		return feil.Ny(feil.Ugyldig, "Ressursen eller integrasjonen er i bruk av en annen bydel").Med(err)
	} else if err != nil {
		return fmt.Errorf("storing a bydel: %w", err)
	}
	return nil
}

func nummerLedig(ctx context.Context, tx *store.Tx, b Bydel) error {
	var n int
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM bekymring_bydel WHERE kommunenummer = $1 AND bydelsnummer = $2 AND ressurs_id <> $3`,
		b.Kommunenummer, b.Bydelsnummer, b.RessursID).Scan(&n); err != nil {
		return fmt.Errorf("looking for a bydelsnummer: %w", err)
	}
	if n > 0 {
		return opptattNummer(b)
	}
	return nil
}

// bydelSomKommune is what a list of municipalities needs.
type bydelSomKommune struct{ Nummer, FiksOrgID string }

// aktiveKommuner lists the municipalities with an active bydel, by number.
func aktiveKommuner(ctx context.Context, q store.Queryer) (ut []bydelSomKommune, err error) {
	rows, err := q.QueryContext(ctx, `SELECT DISTINCT kommunenummer, fiks_org FROM bekymring_bydel WHERE deaktivert = 0 ORDER BY kommunenummer`)
	if err != nil {
		return nil, fmt.Errorf("listing municipalities: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var k bydelSomKommune
		if err := rows.Scan(&k.Nummer, &k.FiksOrgID); err != nil {
			return nil, fmt.Errorf("listing municipalities: %w", err)
		}
		ut = append(ut, k)
	}
	return ut, rows.Err()
}
