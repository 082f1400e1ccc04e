package svarinn

import (
	"context"
	"fmt"

	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// Kanal is the channel SVARINN: it puts a forsendelse into the queue of the
// mottakersystem that fetches for the receiver. The id that receivers see is the
// source's own (levering.Levering.KildeID).
type Kanal struct{ s *Service }

var (
	_ levering.Kanal   = Kanal{}
	_ levering.Trekker = Kanal{}
)

// Kanal gives the room's channel.
func (s *Service) Kanal() Kanal { return Kanal{s} }

// Navn implements levering.Kanal.
func (k Kanal) Navn() string { return levering.KanalSvarInn }

// Send implements levering.Kanal. levering.ErrIkkeMulig when no mottakersystem
// takes what is sent to that organisation. One without a certificate takes it
// too: it can be fetched when the certificate is there, and people are told.
func (k Kanal) Send(ctx context.Context, l levering.Levering, f levering.Forsendelse, sendt func(tx *store.Tx) error) error {
	s := k.s
	if !erUUID(l.KildeID) {
		return fmt.Errorf("svarinn: the forsendelse of levering %s has no UUID", l.ID)
	}
	element, err := byggElement(l.KildeID, f)
	if err != nil {
		return err
	}
	forseglet, err := s.Ring.Seal(elementSted(l.KildeID), element)
	if err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		gammel, err := hentRad(ctx, tx, l.KildeID)
		if err == nil && gammel.leveranseID == l.LeveranseID && gammel.tilstand == klar {
			return sendt(tx) // handed over before
		} else if err != nil && !finnesIkke(err) {
			return err
		}
		rute, ok, err := s.Rute(ctx, tx, f.Post.Mottaker.Orgnr, f.Post.ForsendelseType, f.Post.Niva)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("%w: mottakeren har ikke noe mottakersystem i SvarInn", levering.ErrIkkeMulig)
		}
		naa := s.Klokke.Now()
		if err := settIKo(ctx, tx, rad{
			id: l.KildeID, leveringID: l.ID, leveranseID: l.LeveranseID, system: rute.ID, tilstand: klar, innhold: forseglet,
			opprettet: naa, endret: naa, prove: f.Post.BareSvarInn > 0,
		}); err != nil {
			return err
		}
		if err := s.noter(ctx, tx, l.KildeID, hendelseKlar, ""); err != nil {
			return err
		}
		if err := s.varsleSavn(ctx, tx, rute.ID); err != nil {
			return err
		}
		return sendt(tx)
	})
}

// Trekk implements levering.Trekker: what waits in the queue leaves it.
func (k Kanal) Trekk(ctx context.Context, tx *store.Tx, l levering.Levering) error {
	r, err := hentRad(ctx, tx, l.KildeID)
	if finnesIkke(err) {
		return nil
	} else if err != nil {
		return err
	}
	if r.tilstand != klar || r.leveranseID != l.LeveranseID {
		return nil
	}
	return k.s.forlat(ctx, tx, r, trukket, hendelseTrukket, "")
}

func elementSted(id string) string { return "svarinn.forsendelse:" + id }
