package altinn

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

const (
	ventMinst = 5 * time.Second // between two looks at what Altinn works on, doubling to
	ventMest  = 5 * time.Minute
	// taalmod is how long Altinn may work on one step before that is a fault, of
	// which the engine tells people in time.
	taalmod = time.Hour
	// levetid is how long a letter is followed; what is unread then stays so.
	levetid = 92 * 24 * time.Hour
)

// Send implements levering.Kanal. Called again, it goes on with the step at which
// it stood: attachments are announced and uploaded, the correspondence is made,
// and when it is in the receiver's inbox the letter is sent.
func (k *Kanal) Send(ctx context.Context, l levering.Levering, f levering.Forsendelse, sendt func(tx *store.Tx) error) error {
	r, finnes, err := finn(ctx, k.DB.Read(), l.LeveranseID)
	if err != nil {
		return err
	}
	if !finnes {
		if grunn := k.uegnet(f.Post); grunn != "" {
			return fmt.Errorf("%w: %s", levering.ErrIkkeMulig, grunn)
		}
		naa := k.Klokke.Now()
		r = rad{LeveranseID: l.LeveranseID, ForsendelseID: l.KildeID, Lenke: k.cfg.Lenke, Tilstand: underveis,
			VentFra: naa, Neste: naa.Add(levetid), Slutt: naa.Add(levetid)}
		if err := k.skriv(ctx, r); err != nil {
			return err
		}
	}
	switch {
	case r.Tilstand == avvist:
		return fmt.Errorf("%w: %s", levering.ErrIkkeMulig, r.Grunn)
	case r.Tilstand != underveis: // published, in the transaction that told the engine
		return nil
	}
	if r.MeldingID == "" {
		if err := k.lag(ctx, &r, l, f); err != nil {
			return k.avgjor(ctx, r, err)
		}
	}
	m, err := k.klient.detaljer(ctx, r.MeldingID)
	switch {
	case err != nil:
		return err
	case m.publisert():
		return k.publisert(ctx, r, l, m, sendt)
	case m.avslag() != "":
		return k.avslaa(ctx, r, m.Status, m.avslag())
	}
	return k.vent(ctx, r, "venter på at Altinn legger brevet i innboksen")
}

// uegnet says why a letter cannot go by Altinn at all; "" when it can.
func (k *Kanal) uegnet(p levering.Post) string {
	switch ressurs, _ := k.ressurs(p); {
	case p.Mottaker.Orgnr == "" && p.Mottaker.Fnr == "":
		return "Mottakeren har verken organisasjonsnummer eller fødselsnummer"
	case ressurs == "":
		return "Altinn er ikke satt opp for taushetsbelagt post"
	}
	return ""
}

// lag makes the correspondence, with its attachments first.
func (k *Kanal) lag(ctx context.Context, r *rad, l levering.Levering, f levering.Forsendelse) error {
	var ids []string
	if !r.Lenke {
		var err error
		if ids, err = k.sendVedlegg(ctx, r, l, f); err != nil {
			return err
		}
	}
	id, err := k.klient.nyMelding(ctx, k.melding(l, f, ids, false))
	if innholdsfeil(err) { // the sender's texts may be to blame: once more without them
		id, err = k.klient.nyMelding(ctx, k.melding(l, f, ids, true))
	}
	if kodeAv(err) == kodeFinnesAllerede { // made before, and the answer was lost
		ressurs, _ := k.ressurs(f.Post)
		id, err = k.klient.finn(ctx, ressurs, l.LeveranseID)
	}
	if err != nil {
		return err
	}
	r.MeldingID, r.Ventet, r.VentFra = id, 0, k.Klokke.Now()
	return k.skriv(ctx, *r)
}

// sendVedlegg brings all attachments to Altinn and gives their ids, when they have
// been through the virus scan.
func (k *Kanal) sendVedlegg(ctx context.Context, r *rad, l levering.Levering, f levering.Forsendelse) ([]string, error) {
	alle := somVedlegg(f.Filer)
	rader, err := filer(ctx, k.DB.Read(), r.LeveranseID)
	if err != nil {
		return nil, err
	}
	ressurs, _ := k.ressurs(f.Post)
	for nr, v := range alle {
		fil, kjent := rader[nr]
		if !kjent {
			if fil, err = k.kunngjor(ctx, r.LeveranseID, nr, v, ressurs, l.KildeID); err != nil {
				return nil, err
			}
		}
		if !fil.LastetOpp {
			if fil, err = k.lastOpp(ctx, *r, nr, v, fil, kjent); err != nil {
				return nil, err
			}
			if fil.LastetOpp { // the virus scan begins now, however long it took to get here
				r.Ventet, r.VentFra = 0, k.Klokke.Now()
			}
		}
		rader[nr] = fil
	}
	ids, klare := make([]string, len(alle)), true
	for nr := range alle {
		fil := rader[nr]
		if !fil.Publisert {
			if fil, err = k.skannet(ctx, *r, nr, fil); err != nil {
				return nil, err
			}
		}
		ids[nr], klare = fil.ID, klare && fil.Publisert
	}
	if !klare {
		return nil, k.vent(ctx, *r, "venter på viruskontroll i Altinn")
	}
	return ids, nil
}

// kunngjor announces an attachment. When the answer is lost Altinn has an
// attachment that belongs to nothing; there is no way to find it.
func (k *Kanal) kunngjor(ctx context.Context, leveranseID string, nr int, v vedlegg, ressurs, referanse string) (filrad, error) {
	sum, n, err := v.mal(ctx)
	if err != nil {
		return filrad{}, err
	}
	id, err := k.klient.nyttVedlegg(ctx, vedleggInn{ResourceID: ressurs, FileName: v.navn, DisplayName: v.navn, Checksum: sum, SendersReference: referanse})
	if err != nil {
		return filrad{}, err
	}
	fil := filrad{ID: id, Storrelse: n}
	return fil, k.skrivFil(ctx, leveranseID, nr, fil)
}

// lastOpp uploads an attachment, unless Altinn has it already.
func (k *Kanal) lastOpp(ctx context.Context, r rad, nr int, v vedlegg, fil filrad, kjent bool) (filrad, error) {
	status := vedleggKlargjort
	var err error
	if kjent { // a process before this one may have come further than it noted
		status, err = k.klient.vedleggstatus(ctx, fil.ID)
		if kodeAv(err) == kodeUkjentVedlegg {
			return fil, k.forfra(ctx, r.LeveranseID, nr, "is gone")
		}
		if err != nil {
			return fil, err
		}
	}
	switch status {
	case vedleggKlargjort:
		innhold := v.les(ctx)
		defer innhold.Close()
		status, err = k.klient.lastOpp(ctx, fil.ID, innhold, fil.Storrelse)
		switch {
		case kodeAv(err) == kodeAlleredeLastet: // or is being: time will tell
			return fil, nil
		case kodeAv(err) == kodeFeilSjekksum:
			return fil, k.forfra(ctx, r.LeveranseID, nr, "changed between two readings")
		case err != nil:
			return fil, err
		}
	case vedleggSkannes: // all of it is there, or the upload was broken off: time will tell
		if k.Klokke.Now().Sub(r.VentFra) < taalmod {
			return fil, nil
		}
		return fil, k.forfra(ctx, r.LeveranseID, nr, "was never uploaded to its end")
	case vedleggPublisert:
	default:
		return fil, k.forfra(ctx, r.LeveranseID, nr, "was broken off")
	}
	fil.LastetOpp, fil.Publisert = true, status == vedleggPublisert
	return fil, k.skrivFil(ctx, r.LeveranseID, nr, fil)
}

// forfra forgets an attachment, so that it is announced anew at the next attempt.
func (k *Kanal) forfra(ctx context.Context, leveranseID string, nr int, hvorfor string) error {
	if err := k.skrivFil(ctx, leveranseID, nr, filrad{}); err != nil {
		return err
	}
	return fmt.Errorf("altinn: attachment %d of leveranse %s %s", nr, leveranseID, hvorfor)
}

// skannet asks whether an attachment is through the virus scan.
func (k *Kanal) skannet(ctx context.Context, r rad, nr int, fil filrad) (filrad, error) {
	status, err := k.klient.vedleggstatus(ctx, fil.ID)
	switch {
	case err != nil:
		return fil, err
	case status == vedleggPublisert:
		fil.LastetOpp, fil.Publisert = true, true
		return fil, k.skrivFil(ctx, r.LeveranseID, nr, fil)
	case status == vedleggFeilet && fil.LastetOpp: // all of it was there
		return fil, avslag("Altinn avviste et vedlegg i viruskontrollen")
	case status == vedleggKlargjort || status == vedleggSkannes:
		return fil, nil
	}
	return fil, k.forfra(ctx, r.LeveranseID, nr, "is no longer in Altinn")
}

// avslag is a definite refusal, as a sentence for people.
type avslag string

func (a avslag) Error() string { return string(a) }

// avgjor makes of err what the engine shall do: a definite refusal is noted and
// the plan goes on; everything else is tried again.
func (k *Kanal) avgjor(ctx context.Context, r rad, err error) error {
	grunn := ""
	if a, ok := errors.AsType[avslag](err); ok {
		grunn = string(a)
	} else {
		grunn = avslagAv(err)
	}
	switch {
	case grunn != "":
		return k.avslaa(ctx, r, fmt.Sprint(kodeAv(err)), grunn)
	case kodeAv(err) == kodeIkkePublisert:
		return k.vent(ctx, r, "venter på viruskontroll i Altinn")
	}
	return err
}

// avslagAv says why Altinn will never take the letter; "" when it may yet.
func avslagAv(err error) string {
	switch kode := kodeAv(err); {
	case kode == kodeUkjentMottaker:
		return "Altinn kjenner ikke mottakeren"
	case kode == kodeReservert, kode == 0 && statusAv(err) == http.StatusUnprocessableEntity:
		return "Mottakeren har reservert seg mot digital post"
	case kode == kodeManglerRoller:
		return "Mottakeren har ingen med rollene som kreves for å lese posten i Altinn"
	case statusAv(err) == http.StatusUnprocessableEntity:
		return "Mottakeren kan ikke få posten i Altinn"
	case innholdsfeil(err):
		return "Altinn godtar ikke innholdet i forsendelsen"
	}
	return ""
}

// innholdsfeil tells whether Altinn refused what the letter holds: texts, files or
// the notification.
func innholdsfeil(err error) bool {
	switch kode := kodeAv(err); kode {
	case 1002, 1003, 1004, 1020, 1021, 1022, 1037, 1038, 1039, 1042, 2004, 2010, 2011, 2012, 2013:
		return true
	default:
		return kode > 3000 && kode < 3100
	}
}

func (k *Kanal) avslaa(ctx context.Context, r rad, status, grunn string) error {
	r.Tilstand, r.Status, r.Grunn, r.Neste = avvist, status, grunn, r.Slutt
	err := k.DB.Write(ctx, func(tx *store.Tx) error {
		if err := lagre(ctx, tx, r); err != nil {
			return err
		}
		return k.Logg(ctx, tx, r.ForsendelseID, "Ikke levert i Altinn. "+grunn+".")
	})
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: %s", levering.ErrIkkeMulig, grunn)
}

// publisert notes that the letter is in the inbox, and tells the engine so, in one
// transaction.
func (k *Kanal) publisert(ctx context.Context, r rad, l levering.Levering, m meldingUt, fortell func(tx *store.Tx) error) error {
	return k.DB.Write(ctx, func(tx *store.Tx) error {
		if err := fortell(tx); err != nil {
			return err
		}
		etter, _, err := k.Kvitteringer.Hent(ctx, tx, l.ID)
		if err != nil {
			return err
		}
		naa := k.Klokke.Now()
		r.Tilstand, r.Status, r.Frist, r.Slutt = sendt, m.Status, etter.Frist, naa.Add(levetid)
		r.Neste = k.neste(r, naa)
		if m.lest() || m.avslag() != "" { // the receiver was quicker
			r.Neste = naa
		}
		if err := lagre(ctx, tx, r); err != nil {
			return err
		}
		tx.OnCommit(func() { k.Jobs.Wake(pliktnavn) })
		return k.Logg(ctx, tx, r.ForsendelseID, "Brevet ligger i mottakerens innboks i Altinn, og mottakeren er varslet.")
	})
}

// vent asks the engine for time: longer and longer, and when it has taken too long
// as a fault.
func (k *Kanal) vent(ctx context.Context, r rad, paa string) error {
	if k.Klokke.Now().Sub(r.VentFra) >= taalmod {
		return fmt.Errorf("altinn: leveranse %s has waited since %s: %s", r.LeveranseID, r.VentFra.Format(time.RFC3339), paa)
	}
	d := min(ventMest, ventMinst<<min(r.Ventet, 10))
	r.Ventet++
	if err := k.skriv(ctx, r); err != nil {
		return err
	}
	return levering.Vent(d, paa)
}

func (k *Kanal) skriv(ctx context.Context, r rad) error {
	return k.DB.Write(ctx, func(tx *store.Tx) error { return lagre(ctx, tx, r) })
}

func (k *Kanal) skrivFil(ctx context.Context, leveranseID string, nr int, f filrad) error {
	return k.DB.Write(ctx, func(tx *store.Tx) error { return lagreFil(ctx, tx, leveranseID, nr, f) })
}
