package dokumentlager

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/store"
)

const (
	maksTreff     = 10_000 // documents in one answer
	standardTreff = 100
	slettesAvGang = 200 // documents deleted in one transaction
)

// Sokekriterier choose documents of a konto; what is zero chooses nothing away.
type Sokekriterier struct {
	Fra, Til       time.Time // uploaded from Fra on, before Til
	Lest           *bool     // whether somebody has downloaded it
	Slettet        *bool     // whether it is deleted or has expired
	Korrelasjonsid string
}

// Treff is a document that was found.
type Treff struct {
	Metadata
	Lest bool
}

const erLest = `CASE WHEN EXISTS (SELECT 1 FROM dokument_hendelser h WHERE h.dokument_id = dokumenter.id AND h.melding = '` + lastetNed + `') THEN 1 ELSE 0 END`

// Sok finds documents of a konto, oldest first: at most antall after the first
// fra, and how many there are in all. Deleted ones are found too.
func (s *Service) Sok(ctx context.Context, kontoID string, k Sokekriterier, fra, antall int) (treff []Treff, totalt int, err error) {
	hvor, arg := ` FROM dokumenter WHERE konto_id = $1`, []any{kontoID}
	og := func(vilkaar string, v any) {
		arg = append(arg, v)
		hvor += " AND " + strings.Replace(vilkaar, "?", "$"+strconv.Itoa(len(arg)), 1)
	}
	if k.Korrelasjonsid != "" {
		og(`korrelasjonsid <> '' AND korrelasjonsid = ?`, k.Korrelasjonsid) // as the index has it
	}
	if !k.Fra.IsZero() {
		og(`opprettet >= ?`, store.Micros(k.Fra))
	}
	if !k.Til.IsZero() {
		og(`opprettet < ?`, store.Micros(k.Til))
	}
	if k.Slettet != nil {
		og(`CASE WHEN slettet > 0 THEN 1 ELSE 0 END = ?`, heltall(*k.Slettet))
	}
	if k.Lest != nil {
		og(erLest+` = ?`, heltall(*k.Lest))
	}
	q := s.db.Read()
	if err := q.QueryRowContext(ctx, `SELECT COUNT(*)`+hvor, arg...).Scan(&totalt); err != nil {
		return nil, 0, fmt.Errorf("counting documents of konto %s: %w", kontoID, err)
	}
	n := strconv.Itoa(len(arg) + 1)
	rows, err := q.QueryContext(ctx, `SELECT `+kolonner+`, `+erLest+hvor+` ORDER BY opprettet, id LIMIT $`+n+` + 0 OFFSET $`+strconv.Itoa(len(arg)+2)+` + 0`,
		append(arg, antall, fra)...)
	if err != nil {
		return nil, 0, fmt.Errorf("searching konto %s: %w", kontoID, err)
	}
	defer rows.Close()
	for rows.Next() {
		var t Treff
		if t.Metadata, _, err = s.les(func(dest ...any) error { return rows.Scan(append(dest, &t.Lest)...) }); err != nil {
			return nil, 0, fmt.Errorf("searching konto %s: %w", kontoID, err)
		}
		treff = append(treff, t)
	}
	if err := rows.Err(); err != nil {
		return nil, 0, fmt.Errorf("searching konto %s: %w", kontoID, err)
	}
	return treff, totalt, nil
}

// SlettKorrelerte deletes the content of all documents of a konto that have the
// korrelasjonsid; interrupted, it has deleted the oldest and can be called again.
func (s *Service) SlettKorrelerte(ctx context.Context, av auth.Caller, kontoID, korrelasjonsid string) error {
	levende := false
	for {
		treff, _, err := s.Sok(ctx, kontoID, Sokekriterier{Korrelasjonsid: korrelasjonsid, Slettet: &levende}, 0, slettesAvGang)
		if err != nil || len(treff) == 0 {
			return err
		}
		err = s.db.Write(ctx, func(tx *store.Tx) error {
			for _, t := range treff {
				if err := s.slettAv(ctx, tx, av, t.ID); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}

// sokekriterier is the body of a search; unset members may be null.
type sokekriterier struct {
	Fra            *time.Time `json:"fra"`
	Til            *time.Time `json:"til"`
	Dokumentnavn   *string    `json:"dokumentnavn"`
	Lest           *bool      `json:"lest"`
	Slettet        *bool      `json:"slettet"`
	Korrelasjonsid *string    `json:"korrelasjonsid"`
}

func (h HTTP) sok(w http.ResponseWriter, r *http.Request) error {
	konto, err := h.Service.Konto(r.Context(), r.PathValue("fiksOrganisasjonId"), r.PathValue("kontoId"))
	if err != nil {
		return err
	}
	fra, err := tallQuery(r, "fra", 0, 0, math.MaxInt32)
	if err != nil {
		return err
	}
	antall, err := tallQuery(r, "til", standardTreff, 1, maksTreff) // a number, for all its name
	if err != nil {
		return err
	}
	var inn sokekriterier
	if err := httpx.ReadJSON(r, maxMetadata, &inn); err != nil {
		return err
	}
	if inn.Dokumentnavn != nil && *inn.Dokumentnavn != "" {
		return feil.Ny(feil.IkkeBygget, "Søk på dokumentnavn tilbys ikke, siden navnene er lagret kryptert")
	}
	k := Sokekriterier{Lest: inn.Lest, Slettet: inn.Slettet}
	if inn.Fra != nil {
		k.Fra = *inn.Fra
	}
	if inn.Til != nil {
		k.Til = *inn.Til
	}
	if inn.Korrelasjonsid != nil {
		k.Korrelasjonsid = strings.ToLower(*inn.Korrelasjonsid)
	}
	treff, totalt, err := h.Service.Sok(r.Context(), konto.ID, k, fra, antall)
	if err != nil {
		return err
	}
	type soketreff struct {
		ID                 string  `json:"id"`
		Dokumentnavn       string  `json:"dokumentnavn"`
		KryptertStorrelse  int64   `json:"kryptertStorrelse"`
		UkryptertStorrelse int64   `json:"ukryptertStorrelse"`
		Lest               bool    `json:"lest"`
		Opprettet          string  `json:"opprettet"`
		Mimetype           string  `json:"mimetype"`
		Slettet            bool    `json:"slettet"`
		Korrelasjonsid     *string `json:"korrelasjonsid"`
	}
	ut := struct {
		TotaltAntallTreff int         `json:"totaltAntallTreff"`
		Dokumenter        []soketreff `json:"dokumenter"`
	}{totalt, []soketreff{}}
	for _, t := range treff {
		ut.Dokumenter = append(ut.Dokumenter, soketreff{t.ID, t.Dokumentnavn, t.Kryptert, t.Ukryptert, t.Lest,
			t.Opprettet.Format(time.RFC3339Nano), t.Mimetype, !t.Slettet.IsZero(), tekst(t.Korrelasjonsid)})
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

func (h HTTP) slettKorrelerte(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	konto, err := h.Service.Konto(ctx, r.PathValue("fiksOrganisasjonId"), r.PathValue("kontoId"))
	if err != nil {
		return err
	}
	id := strings.ToLower(r.PathValue("korrelasjonsid"))
	if uuid.Validate(id) != nil {
		return feil.Ny(feil.Ugyldig, "korrelasjonsid må være en UUID")
	}
	if err := h.Service.SlettKorrelerte(ctx, auth.From(ctx), konto.ID, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// tallQuery reads an optional number between min and maks; a client writes null
// for one that it has not set.
func tallQuery(r *http.Request, navn string, standard, minst, maks int) (int, error) {
	v := r.URL.Query().Get(navn)
	if v == "" || v == "null" {
		return standard, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < minst || n > maks {
		return 0, feil.Ny(feil.Ugyldig, "%s må være et tall fra %d til %d", navn, minst, maks)
	}
	return n, nil
}
