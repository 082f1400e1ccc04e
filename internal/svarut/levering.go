package svarut

import (
	"context"
	"fmt"
	"io"

	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// kilde is this room as a source of the delivery engine.
type kilde struct{ s *Service }

// Forsendelse implements levering.Kilde.
func (k kilde) Forsendelse(ctx context.Context, l levering.Levering, kanal string) (levering.Forsendelse, error) {
	f, err := k.s.Hent(ctx, l.KildeID)
	if err != nil {
		return levering.Forsendelse{}, err
	}
	if f.Post.BareSvarInn > 0 && kanal != levering.KanalSvarInn { // whatever its plan says
		return levering.Forsendelse{}, fmt.Errorf("en prøve går bare med SvarInn: %w", levering.ErrIkkeMulig)
	}
	if f.FilerBorte {
		return levering.Forsendelse{}, fmt.Errorf("filene er slettet: %w", levering.ErrIkkeMulig)
	}
	ut := levering.Forsendelse{EksternRef: f.EksternRef, Post: f.Post}
	ut.Post.Mottatt, ut.Post.Niva = f.Mottatt, f.Niva
	if ut.Post.Kontakter, err = k.s.kontakter(ctx, f); err != nil {
		return ut, err
	}
	for _, d := range f.Dokumenter {
		ut.Filer = append(ut.Filer, levering.Fil{
			Navn: d.Filnavn, Mimetype: d.Mimetype, Storrelse: d.Storrelse, SHA256: d.SHA256, CRC32: d.CRC32,
			DokumentType: d.DokumentType, UtenUtskrift: d.UtenUtskrift || !d.erPDF(), GiroarkSider: d.GiroarkSider, Ekstrametadata: d.Ekstrametadata,
			Apne: func(ctx context.Context) (io.ReadCloser, error) {
				r, _, err := k.s.Dokumentlager.Apne(ctx, d.ID, 0)
				return r, err
			},
		})
	}
	return ut, nil
}

// Kontakter implements levering.Kilde.
func (k kilde) Kontakter(ctx context.Context, l levering.Levering) ([]string, error) {
	f, err := k.s.Hent(ctx, l.KildeID)
	if err != nil {
		return nil, err
	}
	return k.s.kontakter(ctx, f)
}

// kontakter are those that came with the forsendelse, else those of its konto.
func (s *Service) kontakter(ctx context.Context, f Forsendelse) ([]string, error) {
	if len(f.Post.Kontakter) > 0 {
		return f.Post.Kontakter, nil
	}
	konto, err := s.Konto(ctx, f.KontoID)
	return konto.Kontakter, err
}

// kanalnavn are the channels as people know them.
var kanalnavn = map[string]string{levering.KanalSvarInn: "SvarInn", levering.KanalAltinn: "Altinn", levering.KanalPrint: "post"}

// Endret implements levering.Kilde: each transition of the levering becomes a
// status, or a line of the history (§5).
func (k kilde) Endret(ctx context.Context, tx *store.Tx, l levering.Levering) error {
	s := k.s
	t, err := hentTilstand(ctx, tx, l.KildeID)
	if err != nil {
		return err
	}
	switch l.Tilstand {
	case levering.Sendt:
		return s.sendt(ctx, tx, t, l)
	case levering.Bekreftet:
		if l.Kanal == levering.KanalPrint {
			return s.settStatus(ctx, tx, t, Printet, "Brevet er skrevet ut og levert til posten.")
		}
		return s.settStatus(ctx, tx, t, Lest, lestTekst[l.Kanal])
	case levering.Stoppet:
		return s.settStatus(ctx, tx, t, ManueltHandtert, "Forsendelsen er lukket for hånd og sendes ikke videre.")
	case levering.IkkeLevert:
		if t.status == Varslet && !s.Klokke.Now().Before(t.lesefrist) {
			return s.settStatus(ctx, tx, t, SendtDigitalt, "Lesefristen er ute uten at forsendelsen er åpnet. Den er kun digital og blir ikke skrevet ut, men kan fortsatt leses.")
		}
		return s.settStatus(ctx, tx, t, IkkeLevert, "Ingen digital kanal kunne levere forsendelsen. Den er kun digital og blir ikke skrevet ut.")
	case levering.IkkeSendt, levering.TTLTidsavbrudd, levering.MaxRetriesavbrudd, levering.SvarUtFeil:
		return s.skrivHendelse(ctx, tx, t.id, gikkVidere(t, l), false)
	}
	return fmt.Errorf("levering %s is in the unknown state %s", l.ID, l.Tilstand)
}

var lestTekst = map[string]string{
	levering.KanalSvarInn: "Mottakersystemet har bekreftet at forsendelsen er mottatt.",
	levering.KanalAltinn:  "Mottaker har åpnet forsendelsen i Altinn.",
	levering.KanalUtenom:  "Forsendelsen er registrert som lest.",
}

// sendt is the status of what a channel has in hand.
func (s *Service) sendt(ctx context.Context, tx *store.Tx, t tilstand, l levering.Levering) error {
	switch l.Kanal {
	case levering.KanalSvarInn:
		return s.settStatus(ctx, tx, t, KlarForMottak, "Forsendelsen er klar for mottak i mottakersystemet.")
	case levering.KanalAltinn:
		if _, err := tx.ExecContext(ctx, `UPDATE svarut_forsendelser SET lesefrist = $2 WHERE id = $1`, t.id, store.Micros(l.Frist)); err != nil {
			return fmt.Errorf("storing the reading deadline of %s: %w", t.id, err)
		}
		return s.settStatus(ctx, tx, t, Varslet, "Forsendelsen ligger i mottakers innboks i Altinn, og mottaker er varslet. Lesefristen er "+
			klokke.Oslo(l.Frist).Format("02.01.2006 kl. 15:04")+".")
	case levering.KanalPrint:
		return s.settStatus(ctx, tx, t, SendtPrint, "Forsendelsen er sendt til utskrift.")
	}
	return fmt.Errorf("levering %s was sent by the unknown channel %s", l.ID, l.Kanal)
}

// gikkVidere tells in words why a channel was left, and what comes then.
func gikkVidere(t tilstand, l levering.Levering) string {
	if l.Steg == 0 {
		return "Ekspederingen begynner på nytt."
	}
	var hvorfor string
	switch kanal := l.Plan[l.Steg-1].Kanal; {
	case kanal == levering.KanalAltinn && t.status == Varslet && l.Tilstand == levering.TTLTidsavbrudd:
		hvorfor = "Lesefristen i Altinn er ute uten at forsendelsen er åpnet."
	case kanal == levering.KanalSvarInn && t.status == KlarForMottak && l.Tilstand == levering.TTLTidsavbrudd:
		hvorfor = "Forsendelsen er ikke hentet av mottakersystemet innen fristen."
	case kanal == levering.KanalSvarInn && t.status == KlarForMottak:
		hvorfor = "Mottakersystemet kunne ikke ta imot forsendelsen."
	default:
		hvorfor = "Forsendelsen kan ikke leveres med " + kanalnavn[kanal] + "."
	}
	if l.Oppbrukt() {
		return hvorfor + " Ingen kanal er igjen; kontaktpersonene er varslet, og det prøves på nytt."
	}
	return hvorfor + " Den sendes med " + kanalnavn[l.Plan[l.Steg].Kanal] + "."
}

// settStatus makes a transition: the status, its line in the history, when the
// files go, and what a levering that waits for it hears.
func (s *Service) settStatus(ctx context.Context, tx *store.Tx, t tilstand, status Status, tekst string) error {
	if t.status == status && status.Endelig() {
		return nil // read twice, say
	}
	naa := s.Klokke.Now()
	slettes := int64(0)
	if status.Endelig() {
		naar := naa.AddDate(0, s.cfg.Levetid, 0)
		if t.prove {
			naar = naa.Add(provetid)
		}
		slettes = store.Micros(naar)
		s.vekk(tx, naar)
	}
	if _, err := tx.ExecContext(ctx, `UPDATE svarut_forsendelser SET status = $2, endret = $3, slettes = $4 WHERE id = $1`,
		t.id, string(status), store.Micros(naa), slettes); err != nil {
		return fmt.Errorf("setting the status of %s: %w", t.id, err)
	}
	if err := s.skrivHendelse(ctx, tx, t.id, tekst, false); err != nil || !t.melder {
		return err
	}
	var err error
	switch status {
	case Lest, Printet:
		_, err = s.Levering.Bekreft(ctx, tx, levering.KanalSvarUt, t.id)
	case ManueltHandtert:
		_, err = s.Levering.Lukket(ctx, tx, levering.KanalSvarUt, t.id, "lukket for hånd i SvarUt")
	case IkkeLevert, SendtDigitalt:
		_, err = s.Levering.Feilet(ctx, tx, levering.KanalSvarUt, t.id, levering.SvarUtFeil, "SvarUt kunne ikke levere")
	case Mottatt, Akseptert, KlarForMottak, Varslet, SendtPrint, Slettet:
	}
	if err != nil {
		return fmt.Errorf("telling what became of %s: %w", t.id, err)
	}
	return nil
}
