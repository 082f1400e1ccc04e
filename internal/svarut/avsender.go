package svarut

import (
	"context"
	"fmt"
	"time"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// ForsendelseFor finds a forsendelse for a sender: one of a konto that the
// caller may use. feil.IkkeFunnet for all others, so that ids cannot be probed.
func (s *Service) ForsendelseFor(ctx context.Context, c auth.Caller, id string) (Forsendelse, error) {
	f, err := s.Hent(ctx, id)
	if err != nil {
		return f, err
	}
	if err := s.krevKonto(ctx, c, f.KontoID); err != nil {
		return Forsendelse{}, err
	}
	return f, nil
}

// Tilstand is the status of a forsendelse.
type Tilstand struct {
	ID      string
	Status  Status    // as it was before a deletion
	Endret  time.Time // when it got that status
	Slettet time.Time // when files and metadata went; zero: they are there
}

// Statuser gives those that the konto has, in the order asked for; others are
// left out.
func (s *Service) Statuser(ctx context.Context, kontoID string, ider []string) ([]Tilstand, error) {
	var ut []Tilstand
	for _, id := range ider {
		t, err := hentTilstand(ctx, s.DB.Read(), id)
		if feil.Er(err, feil.IkkeFunnet) {
			var opprettet int64
			err := s.DB.Read().QueryRowContext(ctx, `SELECT COALESCE(MAX(opprettet), 0) FROM svarut_startet WHERE id = $1 AND konto = $2`, id, kontoID).Scan(&opprettet)
			if err != nil {
				return nil, fmt.Errorf("looking for a started id: %w", err)
			}
			if opprettet > 0 {
				ut = append(ut, Tilstand{ID: id, Status: Mottatt, Endret: store.Time(opprettet)})
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		if t.konto == kontoID {
			ut = append(ut, Tilstand{ID: id, Status: t.status, Endret: t.endret, Slettet: t.slettet})
		}
	}
	return ut, nil
}

// sporRef says that the reference is not empty, as the index does: SQLite would
// not use it otherwise.
const sporRef = `SELECT ` + kolonner + ` FROM svarut_forsendelser WHERE ekstern_ref = $1 AND ekstern_ref <> '' AND konto = $2 ORDER BY mottatt, id LIMIT 1000`

// MedEksternRef finds the forsendelser of a konto by the sender's reference,
// oldest first, at most 1000; those whose metadata is deleted too.
func (s *Service) MedEksternRef(ctx context.Context, kontoID, ref string) ([]Forsendelse, error) {
	if ref == "" {
		return nil, ugyldig("eksternRef mangler")
	}
	rows, err := s.DB.Read().QueryContext(ctx, sporRef, s.refHash(kontoID, ref), kontoID)
	if err != nil {
		return nil, fmt.Errorf("searching by reference: %w", err)
	}
	defer rows.Close()
	var ut []Forsendelse
	for rows.Next() {
		f, err := s.les(rows.Scan)
		if err != nil {
			return nil, err
		}
		ut = append(ut, f)
	}
	return ut, rows.Err()
}

// LestAv is a sender's word that the receiver has read a forsendelse elsewhere.
type LestAv struct {
	Fnr    string // who read it
	System string // where
	Naar   time.Time
}

// SettLest records that a forsendelse was read elsewhere, in whatever state it
// is; what a channel has in hand is taken back. Once read it stays so, and
// nothing more is recorded. feil.Ugyldig, feil.IkkeFunnet.
func (s *Service) SettLest(ctx context.Context, id string, av LestAv) error {
	switch {
	case !gyldigFnr(av.Fnr):
		return ugyldig("Fødselsnummeret til den som har lest, er ikke gyldig")
	case av.System == "" || len(av.System) > maksLangTekst:
		return ugyldig("Navnet på det eksterne systemet mangler")
	case av.Naar.IsZero():
		return ugyldig("Tidspunktet for lesingen mangler")
	}
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		t, err := hentTilstand(ctx, tx, id)
		if err != nil || t.status == Lest {
			return err
		}
		tekst := fmt.Sprintf("Avsender har meldt at forsendelsen er lest i %s %s.", av.System, klokke.Oslo(av.Naar).Format("02.01.2006 kl. 15:04"))
		if err := s.skrivHendelse(ctx, tx, id, tekst, true); err != nil {
			return err
		}
		return s.lest(ctx, tx, t, av.Fnr, "SVARUT_LEST_UTENOM", "avsender har meldt den lest")
	})
}

// lest makes a forsendelse read by another way than a channel's receipt.
func (s *Service) lest(ctx context.Context, tx *store.Tx, t tilstand, fnr, handling, grunn string) error {
	ok, err := s.Levering.BekreftUtenom(ctx, tx, t.id, grunn)
	if err != nil {
		return fmt.Errorf("confirming %s: %w", t.id, err)
	}
	if !ok { // at an end already: it changes what became of it, and nothing that is done
		if err := s.settStatus(ctx, tx, t, Lest, lestTekst[levering.KanalUtenom]); err != nil {
			return err
		}
	}
	konto, err := s.hentKonto(ctx, tx, "id", t.konto)
	if err != nil {
		return err
	}
	return s.logg(ctx, tx, audit.Hendelse{FiksOrg: konto.FiksOrgID, Gjelder: fnr, Underressurs: t.id, Handling: handling})
}

// SlettDokumenter deletes the files for the sender, with alt the metadata as
// well. Idempotent. feil.Konflikt before the end: what was accepted is to be
// delivered. feil.IkkeFunnet.
func (s *Service) SlettDokumenter(ctx context.Context, id string, alt bool) error {
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		f, err := s.hent(ctx, tx, id)
		if err != nil {
			return err
		}
		if !f.Status.Endelig() {
			return feil.Ny(feil.Konflikt, "Forsendelsen er ikke ferdig ekspedert (%s), så dokumentene kan ikke slettes ennå", f.Status)
		}
		if f.FilerBorte && (!alt || !f.Slettet.IsZero()) {
			return nil
		}
		if alt {
			err = s.slett(ctx, tx, id)
		} else if err = s.slettFiler(ctx, tx, f); err == nil {
			err = s.skrivHendelse(ctx, tx, id, "Avsender har slettet dokumentene.", false)
		}
		if err != nil {
			return err
		}
		return s.logg(ctx, tx, audit.Hendelse{Gjelder: f.Post.Mottaker.Fnr, Underressurs: id, Handling: "SVARUT_DOKUMENTER_SLETTET"})
	})
}
