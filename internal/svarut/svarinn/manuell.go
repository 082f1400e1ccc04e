package svarinn

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/store"
)

// Innkommet is a forsendelse as the people of its mottakersystem see it (SvarUt
// contract §2.7).
type Innkommet struct {
	ID, Tittel, Avsender, ForsendelseType, Orgnr string
	Niva                                         int
	Status                                       string // in words
	Opprettet, Endret                            time.Time
	Advarsel                                     bool // overdue
}

// Filter narrows what is listed; zero values take all.
type Filter struct {
	Fra, Til time.Time // came from Fra on, before Til
	BareKlar bool      // waits to be fetched
	Antall   int       // at most, the newest first: 100
}

// Hendelse is something that happened to a forsendelse in SvarInn.
type Hendelse struct {
	Tidspunkt time.Time
	Slag      string // KLAR_FOR_MOTTAK, KVITTERT, …
	Tekst     string // of the receiver, or who did it; "" for none
}

var statusord = map[tilstand]string{klar: "Klar for mottak", lest: "Lest", feilet: "Permanent feilet", trukket: "Levert i annen kanal"}

// Innkommende lists what has come to a mottakersystem, the newest first, for its
// people. feil.IngenTilgang, feil.IkkeFunnet.
func (s *Service) Innkommende(ctx context.Context, av auth.Caller, systemID string, f Filter) ([]Innkommet, error) {
	if _, err := s.krev(ctx, av, systemID, 0); err != nil {
		return nil, err
	}
	if f.Antall <= 0 {
		f.Antall = 100
	}
	hvor, args := f.sporring(systemID)
	rs, err := rader(ctx, s.DB.Read(), hvor, args...)
	if err != nil {
		return nil, err
	}
	var ut []Innkommet
	for _, r := range rs {
		i, err := s.innkommet(r)
		if err != nil {
			return nil, err
		}
		ut = append(ut, i)
	}
	return ut, nil
}

// sporring is the filter in SQL. Each bound stands as itself: under an OR no index
// would be searched by it, and all that ever came would be read.
func (f Filter) sporring(systemID string) (hvor string, args []any) {
	til := int64(math.MaxInt64)
	if !f.Til.IsZero() {
		til = store.Micros(f.Til)
	}
	hvor = `WHERE mottakersystem = $1 AND opprettet >= $2 AND opprettet < $3`
	if f.BareKlar {
		hvor += ` AND tilstand = 'KLAR'`
	}
	return hvor + ` ORDER BY opprettet DESC, id LIMIT $4 + 0`, []any{systemID, store.Micros(f.Fra), til, f.Antall}
}

func (s *Service) innkommet(r rad) (Innkommet, error) {
	b, err := s.Ring.Open(elementSted(r.id), r.innhold)
	if err != nil {
		return Innkommet{}, fmt.Errorf("opening forsendelse %s: %w", r.id, err)
	}
	var e element
	if err := json.Unmarshal(b, &e); err != nil {
		return Innkommet{}, fmt.Errorf("reading forsendelse %s: %w", r.id, err)
	}
	niva, err := strconv.Atoi(e.Niva)
	if err != nil {
		return Innkommet{}, fmt.Errorf("reading forsendelse %s: %w", r.id, err)
	}
	return Innkommet{
		ID: r.id, Tittel: eller(e.Tittel), Avsender: eller(e.Avsender.Navn), ForsendelseType: eller(e.ForsendelseType),
		Orgnr: eller(e.Mottaker.Orgnr), Niva: niva, Status: statusord[r.tilstand], Opprettet: r.opprettet, Endret: r.endret,
		Advarsel: r.tilstand == klar && !s.Klokke.Now().Before(r.opprettet.Add(varselEtter)),
	}, nil
}

// Hendelser is the history of a forsendelse, oldest first, for the people of its
// mottakersystem. feil.IngenTilgang, feil.IkkeFunnet.
func (s *Service) Hendelser(ctx context.Context, av auth.Caller, systemID, id string) ([]Hendelse, error) {
	if _, err := s.krev(ctx, av, systemID, 0); err != nil {
		return nil, err
	}
	r, err := egen(ctx, s.DB.Read(), systemID, id)
	if err != nil {
		return nil, err
	}
	return s.hendelser(ctx, s.DB.Read(), r.id)
}

// LastNed writes the zip of a forsendelse that waits, in clear, to a person who is
// on Tilganger, has PostArkiv for the receiver and is logged in on its level.
// Nothing is written when that fails. feil.IngenTilgang, feil.IkkeFunnet,
// feil.Slettet, feil.Utilgjengelig. Audited.
func (s *Service) LastNed(ctx context.Context, av auth.Caller, systemID, id string, w io.Writer) error {
	m, err := s.krev(ctx, av, systemID, 3)
	if err != nil {
		return err
	}
	r, err := egen(ctx, s.DB.Read(), systemID, id)
	if err != nil {
		return err
	}
	i, err := s.innkommet(r)
	if err != nil {
		return err
	}
	switch {
	case r.tilstand != klar:
		return forlatt(r.tilstand)
	case av.Niva < i.Niva:
		return feil.Ny(feil.IngenTilgang, "Logg inn på sikkerhetsnivå %d for å lese denne forsendelsen", i.Niva)
	}
	if err := s.krevPostArkiv(ctx, av, i.Orgnr); err != nil {
		return err
	}
	f, err := s.innhold(ctx, r)
	if err != nil {
		return err
	}
	if err := s.taPlass(ctx); err != nil {
		return err
	}
	defer func() { <-s.plass }()
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		if err := s.noter(ctx, tx, r.id, hendelseLastetNed, ""); err != nil {
			return err
		}
		return s.revider(ctx, tx, av, m, "SVARINN_LASTET_NED", "", r.id)
	})
	if err != nil {
		return err
	}
	return skrivZip(ctx, w, f.Filer, f.Post.Mottatt)
}

// MarkerMottatt says for a person that the receiver has the forsendelse, as
// Kvitter does for a machine. feil.IngenTilgang, and as Kvitter. Audited.
func (s *Service) MarkerMottatt(ctx context.Context, av auth.Caller, systemID, id string) error {
	mer, err := s.forHand(ctx, av, systemID, "SVARINN_MARKERT_MOTTATT", "Markert som mottatt av ")
	if err != nil {
		return err
	}
	return s.kvitter(ctx, systemID, id, hendelseManMottatt, mer)
}

// MarkerFeilet says for a person that the mottakersystem can never take the
// forsendelse; it goes on to other channels. feil.IngenTilgang, and as
// MottakFeilet. Audited.
func (s *Service) MarkerFeilet(ctx context.Context, av auth.Caller, systemID, id, grunn string) error {
	mer, err := s.forHand(ctx, av, systemID, "SVARINN_MARKERT_FEILET", "Markert som permanent feilet av ")
	if err != nil {
		return err
	}
	return s.mottakFeilet(ctx, systemID, id, grunn, true, hendelseManFeilet, mer)
}

// forHand gives what is written in the transaction of what a person does by hand:
// the sender's log names the person.
func (s *Service) forHand(ctx context.Context, av auth.Caller, systemID, handling, tekst string) (func(tx *store.Tx, r rad) error, error) {
	m, err := s.krev(ctx, av, systemID, 3)
	if err != nil {
		return nil, err
	}
	navn := "en administrator"
	ps, err := s.personer(ctx, s.DB.Read(), systemID)
	if err != nil {
		return nil, err
	}
	for _, p := range ps {
		if p.Fnr == av.Fnr {
			navn = p.Navn
		}
	}
	return func(tx *store.Tx, r rad) error {
		if err := s.Logg(ctx, tx, r.id, tekst+navn); err != nil {
			return fmt.Errorf("writing to the sender's log: %w", err)
		}
		return s.revider(ctx, tx, av, m, handling, "", r.id)
	}, nil
}

func (s *Service) hendelser(ctx context.Context, q store.Queryer, id string) ([]Hendelse, error) {
	rows, err := q.QueryContext(ctx, `SELECT nr, tidspunkt, slag, tekst FROM svarinn_hendelser WHERE forsendelse = $1 ORDER BY nr`, id)
	if err != nil {
		return nil, fmt.Errorf("reading the history of %s: %w", id, err)
	}
	defer rows.Close()
	var ut []Hendelse
	for rows.Next() {
		var h Hendelse
		var nr int
		var naar int64
		var forseglet []byte
		if err := rows.Scan(&nr, &naar, &h.Slag, &forseglet); err != nil {
			return nil, fmt.Errorf("reading the history of %s: %w", id, err)
		}
		h.Tidspunkt = store.Time(naar)
		if forseglet != nil {
			klart, err := s.Ring.Open(hendelseSted(id, nr), forseglet)
			if err != nil {
				return nil, fmt.Errorf("opening the history of %s: %w", id, err)
			}
			h.Tekst = string(klart)
		}
		ut = append(ut, h)
	}
	return ut, rows.Err()
}

func eller(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
