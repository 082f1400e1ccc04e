package svarinn

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// What happens to a forsendelse in SvarInn.
const (
	hendelseKlar       = "KLAR_FOR_MOTTAK"
	hendelseListet     = "LISTET" // of a test alone, as the next
	hendelseHentet     = "LASTET_NED"
	hendelseKvittert   = "KVITTERT"
	hendelseMidlertid  = "FEILET_MIDLERTIDIG"
	hendelsePermanent  = "FEILET_PERMANENT"
	hendelseTrukket    = "TRUKKET"
	hendelseLastetNed  = "LASTET_NED_MANUELT"
	hendelseManMottatt = "MOTTATT_MANUELT"
	hendelseManFeilet  = "FEILET_MANUELT"
)

const (
	maksFeilmelding = 4000 // characters that are kept
	maksHendelser   = 200  // of one forsendelse; what is temporary is not noted beyond
)

// egen finds a forsendelse of the mottakersystem. feil.IkkeFunnet for an unknown
// one, feil.IngenTilgang for another's.
func egen(ctx context.Context, q store.Queryer, systemID, id string) (rad, error) {
	r, err := hentRad(ctx, q, strings.ToLower(id))
	if err == nil && r.system != systemID {
		err = feil.Ny(feil.IngenTilgang, "Forsendelsen tilhører et annet mottakersystem")
	}
	return r, err
}

// forlatt is the answer for a forsendelse that is not in the queue.
func forlatt(t tilstand) error {
	switch t {
	case lest:
		return feil.Ny(feil.Slettet, "Forsendelsen er kvittert mottatt og ligger ikke lenger i SvarInn")
	case feilet:
		return feil.Ny(feil.Slettet, "Mottaket av forsendelsen er meldt permanent feilet, og den ligger ikke lenger i SvarInn")
	}
	return feil.Ny(feil.Slettet, "Forsendelsen leveres i en annen kanal og ligger ikke lenger i SvarInn")
}

// Kvitter records that the mottakersystem has the forsendelse; again changes
// nothing. A late one counts too when the engine takes it. feil.IkkeFunnet,
// feil.IngenTilgang, feil.Konflikt after a permanent failure, feil.Slettet when
// it was closed.
func (s *Service) Kvitter(ctx context.Context, systemID, id string) error {
	return s.kvitter(ctx, systemID, id, hendelseKvittert, nil)
}

func (s *Service) kvitter(ctx context.Context, systemID, id, hendelse string, mer func(tx *store.Tx, r rad) error) error {
	var svar error // a refusal: what the engine has noted of it is kept
	err := s.DB.Write(ctx, func(tx *store.Tx) error {
		svar = nil
		r, err := egen(ctx, tx, systemID, id)
		switch {
		case err != nil:
			return err
		case r.tilstand == lest:
			return nil
		case r.tilstand == feilet:
			svar = feil.Ny(feil.Konflikt, "Mottaket av forsendelsen er meldt permanent feilet; den kan ikke kvitteres")
			return nil
		}
		tatt, err := s.Levering.Bekreft(ctx, tx, levering.KanalSvarInn, r.leveranseID)
		if err != nil {
			return err
		}
		if !tatt {
			svar = forlatt(trukket)
			return s.slipp(ctx, tx, r)
		}
		if mer != nil {
			if err := mer(tx, r); err != nil {
				return err
			}
		}
		return s.forlat(ctx, tx, r, lest, hendelse, "")
	})
	if err != nil {
		return err
	}
	return svar
}

// MottakFeilet records that the mottakersystem could not take the forsendelse:
// a permanent failure sends it on to other channels, another one leaves it in the
// queue. feilmelding is for people, sealed, and logged for the sender; the same
// one again is not noted anew. feil.IkkeFunnet, feil.IngenTilgang,
// feil.Konflikt when it is acknowledged, feil.Slettet when it has left.
func (s *Service) MottakFeilet(ctx context.Context, systemID, id, feilmelding string, permanent bool) error {
	hendelse := hendelseMidlertid
	if permanent {
		hendelse = hendelsePermanent
	}
	return s.mottakFeilet(ctx, systemID, id, feilmelding, permanent, hendelse, nil)
}

func (s *Service) mottakFeilet(ctx context.Context, systemID, id, feilmelding string, permanent bool, hendelse string, mer func(tx *store.Tx, r rad) error) error {
	feilmelding = kort(feilmelding)
	var svar error
	err := s.DB.Write(ctx, func(tx *store.Tx) error {
		svar = nil
		r, err := egen(ctx, tx, systemID, id)
		switch {
		case err != nil:
			return err
		case r.tilstand == lest:
			return feil.Ny(feil.Konflikt, "Forsendelsen er kvittert mottatt; mottaket kan ikke meldes feilet")
		case r.tilstand == feilet && permanent:
			return nil // said before
		case r.tilstand != klar:
			return forlatt(r.tilstand)
		}
		if mer != nil {
			if err := mer(tx, r); err != nil {
				return err
			}
		}
		if !permanent {
			return s.midlertidig(ctx, tx, r, feilmelding)
		}
		if err := s.Logg(ctx, tx, r.id, "Mottakersystemet kan ikke ta imot forsendelsen: "+feilmelding); err != nil {
			return fmt.Errorf("writing to the sender's log: %w", err)
		}
		if err := s.forlat(ctx, tx, r, feilet, hendelse, feilmelding); err != nil {
			return err
		}
		tatt, err := s.Levering.Feilet(ctx, tx, levering.KanalSvarInn, r.leveranseID, levering.IkkeSendt, "Mottakersystemet kan ikke ta imot forsendelsen")
		if err != nil {
			return err
		}
		if !tatt {
			svar = forlatt(trukket)
			return settTilstand(ctx, tx, r.id, trukket, s.Klokke.Now())
		}
		return nil
	})
	if err != nil {
		return err
	}
	return svar
}

// slipp lets go of a forsendelse that the engine no longer waits for.
func (s *Service) slipp(ctx context.Context, tx *store.Tx, r rad) error {
	if r.tilstand != klar {
		return nil
	}
	return s.forlat(ctx, tx, r, trukket, hendelseTrukket, "")
}

// midlertidig notes a failure that leaves the forsendelse in the queue.
func (s *Service) midlertidig(ctx context.Context, tx *store.Tx, r rad, feilmelding string) error {
	antall, nokkel, err := sisteHendelse(ctx, tx, r.id)
	if err != nil || antall >= maksHendelser || nokkel == s.hendelseNokkel(hendelseMidlertid, feilmelding) {
		return err
	}
	if err := s.noter(ctx, tx, r.id, hendelseMidlertid, feilmelding); err != nil {
		return err
	}
	if err := s.Logg(ctx, tx, r.id, "Mottakersystemet melder at mottaket feilet, og forsøker igjen: "+feilmelding); err != nil {
		return fmt.Errorf("writing to the sender's log: %w", err)
	}
	return nil
}

// kort cuts a text from outside to what is kept.
func kort(s string) string {
	if utf8.RuneCountInString(s) <= maksFeilmelding {
		return s
	}
	return string([]rune(s)[:maksFeilmelding-1]) + "…"
}

// forlat takes a forsendelse out of the queue. When nothing overdue is left the
// next one that is overdue is told of as the first.
func (s *Service) forlat(ctx context.Context, tx *store.Tx, r rad, t tilstand, hendelse, tekst string) error {
	if err := settTilstand(ctx, tx, r.id, t, s.Klokke.Now()); err != nil {
		return err
	}
	if err := s.noter(ctx, tx, r.id, hendelse, tekst); err != nil {
		return err
	}
	if r.tilstand != klar {
		return nil
	}
	eldste, err := eldste(ctx, tx, r.system)
	if err != nil {
		return err
	}
	if eldste.IsZero() || s.Klokke.Now().Before(eldste.Add(varselEtter)) {
		return oppdater(ctx, tx, r.system, `varsel_apent = 0`)
	}
	return nil
}

// Slett forgets a forsendelse whose time in the archive is over, in tx; nil when
// there is none. What waits in the queue stays: feil.Konflikt.
func (s *Service) Slett(ctx context.Context, tx *store.Tx, id string) error {
	r, err := hentRad(ctx, tx, id)
	if finnesIkke(err) {
		return nil
	} else if err != nil {
		return err
	}
	if r.tilstand == klar {
		return feil.Ny(feil.Konflikt, "Forsendelsen venter i SvarInn og kan ikke slettes")
	}
	return slettForsendelse(ctx, tx, id)
}
