package fiksio

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"knutepunkt/asice"
	"knutepunkt/cms"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/jobs"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// Kvitteringer is where replies are recorded; levering.Service is.
type Kvitteringer interface {
	Bekreft(ctx context.Context, tx *store.Tx, kanal, leveranseID string) (bool, error)
	Feilet(ctx context.Context, tx *store.Tx, kanal, leveranseID string, t levering.Tilstand, grunn string) (bool, error)
	Avvist(ctx context.Context, tx *store.Tx, kanal, leveranseID, grunn, begrunnelse string) (bool, error)
}

// Kanal carries leveringer from the platform's own konto over Fiks IO, and reads
// the replies to them.
type Kanal struct {
	s       *Service
	kvitter Kvitteringer
	kontoID string
}

var (
	_ levering.Kanal            = (*Kanal)(nil)
	_ levering.Kvitteringsleser = (*Kanal)(nil)
)

// NyKanal makes the channel of the platform's konto (see SikrePlattformkonto) and
// listens for its replies. Before the job engine starts only.
func NyKanal(s *Service, kvitter Kvitteringer, plattformkontoID string) *Kanal {
	k := &Kanal{s: s, kvitter: kvitter, kontoID: plattformkontoID}
	s.Lytt(plattformkontoID, k.svar)
	return k
}

// Why a levering was given up, where it is not by the receiver's own word.
var (
	GrunnIkkeHentet   = "Meldingen ble ikke hentet før den utløp"
	GrunnIkkeKvittert = fmt.Sprintf("Meldingen ble levert %d ganger uten å bli kvittert", MaxForsok)
)

// Navn implements levering.Kanal.
func (k *Kanal) Navn() string { return levering.KanalFiksIO }

// Send implements levering.Kanal: an ASiC-E container signed by the platform and
// encrypted to the mottaker, as a message whose id is l.LeveranseID.
func (k *Kanal) Send(ctx context.Context, l levering.Levering, f levering.Forsendelse, sendt func(tx *store.Tx) error) error {
	if _, err := k.s.egen(ctx, k.s.DB.Read(), l.LeveranseID); err == nil {
		return k.s.DB.Write(ctx, sendt) // handed over before
	} else if !feil.Er(err, feil.IkkeFunnet) {
		return err
	}
	mottaker, err := k.mottaker(ctx, f.FiksIO)
	if err != nil {
		return err
	}
	headere := map[string]string{"klientMeldingId": l.LeveranseID}
	maps.Copy(headere, f.FiksIO.Headere)
	u := Utgaaende{MeldingID: l.LeveranseID, AvsenderKontoID: k.kontoID, MottakerKontoID: f.FiksIO.MottakerKontoID,
		Type: f.FiksIO.Meldingstype, TTL: levetid(l), Headere: headere, RaaHeadere: f.FiksIO.Headere,
		VentetSvar: strings.Join(append([]string{f.FiksIO.Mottatt}, f.FiksIO.Avvist...), " ")}
	if err := k.s.Sjekk(ctx, u); err != nil {
		return ikkeMulig(err)
	}
	n, err := k.pakk(ctx, f.Filer, mottaker)
	if err != nil {
		return upakkelig(fmt.Errorf("packing for Fiks IO: %w", err))
	}
	defer n.Forkast()
	return ikkeMulig(k.s.DB.Write(ctx, func(tx *store.Tx) error {
		if _, err := k.s.Send(ctx, tx, u, n); err != nil {
			return err
		}
		return sendt(tx)
	}))
}

// ikkeMulig makes a refusal of the message one that trying again cannot cure.
func ikkeMulig(err error) error {
	if f, ok := errors.AsType[*feil.Feil](err); ok && f.Kode == feil.Ugyldig {
		return fmt.Errorf("%w: %s", levering.ErrIkkeMulig, f.Melding)
	}
	return err
}

// upakkelig makes a forsendelse that no container, or no message, can hold one
// that trying again cannot cure. The errors name no file.
func upakkelig(err error) error {
	for _, e := range []error{asice.ErrName, asice.ErrDuplicate, asice.ErrMediaType, asice.ErrTooMany, asice.ErrEmpty} {
		if errors.Is(err, e) {
			return fmt.Errorf("%w: %w", levering.ErrIkkeMulig, err)
		}
	}
	if feil.Er(err, feil.ForStor) {
		return fmt.Errorf("%w: forsendelsen er for stor", levering.ErrIkkeMulig)
	}
	return err
}

// levetid is how long the message lives: as long as its step of the plan waits.
func levetid(l levering.Levering) time.Duration {
	if l.Steg < len(l.Plan) {
		return min(max(l.Plan[l.Steg].Frist, MinTTL), MaxTTL)
	}
	return StandardTTL
}

// mottaker finds the certificate to encrypt to; levering.ErrIkkeMulig with the
// reason when the konto cannot receive.
func (k *Kanal) mottaker(ctx context.Context, f levering.FiksIO) (*x509.Certificate, error) {
	konto, err := k.s.Konto(ctx, f.MottakerKontoID)
	if feil.Er(err, feil.IkkeFunnet) {
		return nil, fmt.Errorf("%w: mottakerens Fiks IO-konto %s finnes ikke", levering.ErrIkkeMulig, visID(f.MottakerKontoID))
	}
	if err != nil {
		return nil, err
	}
	if grunn := k.s.ikkeMottaker(konto); grunn != "" {
		return nil, fmt.Errorf("%w: Fiks IO-konto %s: %s", levering.ErrIkkeMulig, konto.ID, grunn)
	}
	if f.Protokoll != "" {
		stotter, err := k.s.StotterProtokoll(ctx, konto.ID, f.Protokoll)
		if err != nil {
			return nil, err
		}
		if !stotter {
			return nil, fmt.Errorf("%w: Fiks IO-konto %s støtter ikke protokollen %s", levering.ErrIkkeMulig, konto.ID, f.Protokoll)
		}
	}
	return k.s.Sertifikat(ctx, konto.ID)
}

// pakk builds the encrypted container as a stream into Motta; one that its maker
// has encrypted goes as it is.
func (k *Kanal) pakk(ctx context.Context, filer []levering.Fil, mottaker *x509.Certificate) (*Nyttelast, error) {
	if len(filer) == 1 && filer[0].Kryptert {
		r, err := filer[0].Apne(ctx)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return k.s.Motta(ctx, r)
	}
	nokler, err := k.s.Ring.Platform(ctx, keys.Signering)
	if err != nil {
		return nil, fmt.Errorf("finding the signing key: %w", err)
	}
	pr, pw := io.Pipe()
	ferdig := make(chan struct{})
	go func() {
		defer close(ferdig)
		pw.CloseWithError(skrivPakke(ctx, pw, filer, mottaker, nokler[0], k.s.Klokke.Now()))
	}()
	n, err := k.s.Motta(ctx, pr)
	pr.CloseWithError(errors.Join(err, io.ErrClosedPipe))
	<-ferdig
	return n, err
}

func skrivPakke(ctx context.Context, w io.Writer, filer []levering.Fil, mottaker *x509.Certificate, signerer keys.Platformnokkel, now time.Time) error {
	kryptert, err := cms.NewWriter(w, mottaker)
	if err != nil {
		return err
	}
	pakke, err := asice.NewWriter(kryptert, asice.Key{Signer: signerer.Key, Chain: []*x509.Certificate{signerer.Certificate}}, asice.WriterOptions{Time: now})
	if err != nil {
		return err
	}
	for i, f := range filer {
		if err := leggTilFil(ctx, pakke, f); err != nil {
			return fmt.Errorf("file %d: %w", i+1, err)
		}
	}
	if err := pakke.Close(); err != nil {
		return err
	}
	return kryptert.Close()
}

func leggTilFil(ctx context.Context, pakke *asice.Writer, f levering.Fil) error {
	r, err := f.Apne(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	return pakke.Add(f.Navn, f.Mimetype, r)
}

// LesKvitteringer implements levering.Kvitteringsleser.
func (k *Kanal) LesKvitteringer(ctx context.Context) error {
	return k.s.konsumerIntern(ctx, jobs.Job{Arg: k.kontoID})
}

// svar reads one message to the platform's konto: what the mottaker, or Fiks IO,
// says of a message that the platform sent.
func (k *Kanal) svar(ctx context.Context, tx *store.Tx, m Melding) error {
	glem := func(grunn string) error {
		tx.OnCommit(func() {
			k.s.Log.LogAttrs(context.Background(), slog.LevelWarn, "message to the platform ignored", slog.String("reason", grunn),
				slog.String("meldingId", m.MeldingID), slog.String("type", kjentType(m.Type)), slog.String("avsenderKontoId", m.AvsenderKontoID), slog.String("svarTil", m.SvarPaMelding))
		})
		return nil
	}
	if m.SvarPaMelding == "" {
		return glem("it is no reply")
	}
	sendt, err := k.s.egen(ctx, tx, m.SvarPaMelding)
	switch {
	case feil.Er(err, feil.IkkeFunnet):
		return glem("the platform sent no such message")
	case err != nil:
		return err
	case sendt.mottaker != m.AvsenderKontoID:
		return glem("it is not from the konto that the message was sent to")
	}
	bekrefter, avviser, _ := strings.Cut(sendt.ventetSvar, " ")
	var kjent bool
	switch {
	case m.System && m.Type == TypeTidsavbrudd:
		kjent, err = k.kvitter.Feilet(ctx, tx, levering.KanalFiksIO, m.SvarPaMelding, levering.TTLTidsavbrudd, GrunnIkkeHentet)
	case m.System && m.Type == TypeServerfeil:
		kjent, err = k.kvitter.Feilet(ctx, tx, levering.KanalFiksIO, m.SvarPaMelding, levering.MaxRetriesavbrudd, GrunnIkkeKvittert)
	case m.Type == bekrefter:
		kjent, err = k.kvitter.Bekreft(ctx, tx, levering.KanalFiksIO, m.SvarPaMelding)
	case avviser != "" && !slices.Contains(strings.Fields(avviser), m.Type):
		return glem("it is no reply of the protocol")
	default:
		grunn, begrunnelse := k.avslag(ctx, tx, m)
		kjent, err = k.kvitter.Avvist(ctx, tx, levering.KanalFiksIO, m.SvarPaMelding, grunn, begrunnelse)
	}
	if err != nil {
		return err
	}
	if !kjent {
		return glem("the levering has moved on")
	}
	return nil
}
