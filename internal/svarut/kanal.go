package svarut

import (
	"context"
	"errors"
	"fmt"

	"knutepunkt/internal/dokumentlager"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// Kanal is SvarUt as a channel of the delivery engine: what Digisos sends by it
// becomes a forsendelse with a levering of its own, whose outcome the first one
// hears. The limits for senders do not hold here: what was accepted is delivered.
func (s *Service) Kanal() levering.Kanal { return kanal{s} }

type kanal struct{ s *Service }

var _ levering.Trekker = kanal{}

// Navn implements levering.Kanal.
func (kanal) Navn() string { return levering.KanalSvarUt }

// Send implements levering.Kanal: the files are copied, so that the source may
// do with its own what it likes.
func (k kanal) Send(ctx context.Context, l levering.Levering, f levering.Forsendelse, sendt func(tx *store.Tx) error) error {
	s := k.s
	if _, err := hentTilstand(ctx, s.DB.Read(), l.LeveranseID); err == nil {
		return s.DB.Write(ctx, sendt)
	} else if !feil.Er(err, feil.IkkeFunnet) {
		return err
	}
	konto, err := s.Konto(ctx, s.PlattformKonto())
	if err != nil {
		return err
	}
	inn := Innhold{Post: f.Post, EksternRef: f.EksternRef}
	if inn.Post.KunDigital && inn.Post.Mottaker.Fnr == "" && inn.Post.Mottaker.Orgnr == "" {
		return fmt.Errorf("mottakeren har ingen digital adresse: %w", levering.ErrIkkeMulig)
	}
	if inn.Post.Niva == 0 {
		inn.Post.Niva = 4
	}
	if inn.Post.Avsender.Navn == "" {
		inn.Post.Avsender = konto.Adresse
	}
	var filer []*dokumentlager.Opplasting
	defer func() {
		for _, o := range filer {
			o.Forkast()
		}
	}()
	var utskrift int64
	for _, fil := range f.Filer {
		d := Dokument{Filnavn: fil.Navn, Mimetype: fil.Mimetype, DokumentType: fil.DokumentType, UtenUtskrift: fil.UtenUtskrift,
			GiroarkSider: fil.GiroarkSider, Ekstrametadata: fil.Ekstrametadata}
		o, err := s.kopier(ctx, &d, fil)
		if err != nil {
			return fmt.Errorf("copying the files of levering %s: %w", l.ID, err)
		}
		filer = append(filer, o)
		if d.UtenUtskrift, err = s.utenUtskrift(ctx, d, o, utskrift); err != nil {
			return fmt.Errorf("checking the files of levering %s: %w", l.ID, err)
		}
		if !d.UtenUtskrift {
			utskrift += d.Storrelse
		}
		inn.Dokumenter = append(inn.Dokumenter, d)
	}
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		if err := sendt(tx); err != nil {
			return err
		}
		return s.aksepter(ctx, tx, l.LeveranseID, konto, inn, filer, aksept{fiksOrg: l.FiksOrgID, melder: true})
	})
}

func (s *Service) kopier(ctx context.Context, d *Dokument, fil levering.Fil) (*dokumentlager.Opplasting, error) {
	r, err := fil.Apne(ctx)
	if err != nil {
		return nil, err
	}
	o, err := s.motta(ctx, d, r, false)
	if err = errors.Join(err, r.Close()); err != nil && o != nil {
		o.Forkast()
	}
	return o, err
}

// utenUtskrift tells whether a file must stay out of a letter: what cannot be
// printed is delivered by the digital channels alone, and stops nothing.
func (s *Service) utenUtskrift(ctx context.Context, d Dokument, o *dokumentlager.Opplasting, brukt int64) (bool, error) {
	if d.UtenUtskrift || !d.erPDF() || brukt+d.Storrelse > maksUtskrift {
		return true, nil
	}
	err := s.sjekkPDF(ctx, o, d)
	if _, ok := kjent(err); ok {
		return true, nil
	}
	return false, err
}

// Trekk implements levering.Trekker: the levering has left SvarUt, by a person's
// hand or because it could wait no longer. What a channel has in hand is taken
// back, and nobody hears of the outcome any more.
func (k kanal) Trekk(ctx context.Context, tx *store.Tx, l levering.Levering) error {
	s := k.s
	indre, _, err := s.Levering.Hent(ctx, tx, l.LeveranseID)
	if feil.Er(err, feil.IkkeFunnet) {
		return nil
	} else if err != nil {
		return err
	}
	if indre.Ferdig() {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `UPDATE svarut_forsendelser SET melder = 0 WHERE id = $1`, l.LeveranseID); err != nil {
		return fmt.Errorf("cutting %s loose: %w", l.LeveranseID, err)
	}
	if err := s.skrivHendelse(ctx, tx, l.LeveranseID, "Tjenesten som sendte forsendelsen, har trukket den tilbake.", false); err != nil {
		return err
	}
	return s.Levering.StoppTx(ctx, tx, l.LeveranseID, "tjenesten som sendte den", "trukket tilbake")
}
