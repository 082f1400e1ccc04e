package bekymringsmelding

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// Kilde is this room's name as a source of the delivery engine.
const Kilde = "bekymringsmelding"

// The room's own channels: what waits there is fetched by SvarInn's pull API (§9), or
// by hand (§8). Their names are not those of SvarUt's channels.
const (
	kanalSvarInn = "BEKYMRING_SVARINN"
	kanalManuell = "BEKYMRING_MANUELL"
)

const (
	// printTilsyn is how often the wait for the letter is looked at. It ends only when
	// the supplier has handed it to the post, or a person acts.
	printTilsyn = 24 * time.Hour
	// provIgjen is how soon a broken channel is tried again.
	provIgjen = 10 * time.Minute
)

// errProvd: the channel had its time in an earlier round of the plan.
var errProvd = fmt.Errorf("%w: kanalen er prøvd", levering.ErrIkkeMulig)

// leveringskanal is the channel of the delivery engine for a bydel's; "" for one
// that gets letters alone.
func leveringskanal(k Kanal) string {
	switch k {
	case KanalFiksIO:
		return levering.KanalFiksIO
	case KanalSvarInn:
		return kanalSvarInn
	case KanalManuell:
		return kanalManuell
	}
	return ""
}

// plan is how a report reaches its bydel (§13): the bydel's channel until its time
// is over, then a letter for as long as it takes.
func (s *Service) plan(k Kanal) (p []levering.Steg) {
	switch navn := leveringskanal(k); navn {
	case "":
	case levering.KanalFiksIO:
		p = append(p, levering.Steg{Kanal: navn, Frist: s.cfg.FiksIOFrist, Utholdende: true})
	default:
		p = append(p, levering.Steg{Kanal: navn, Virkedager: s.cfg.Virkedager, Utholdende: true})
	}
	return append(p, levering.Steg{Kanal: levering.KanalPrint, Frist: printTilsyn, Ubegrenset: true, Utholdende: true})
}

// kilde is this room as a source of the delivery engine.
type kilde struct{ s *Service }

var (
	_ levering.Kilde        = kilde{}
	_ levering.Avslagskilde = kilde{}
	_ levering.Sidelytter   = kilde{}
)

// Forsendelse implements levering.Kilde.
func (k kilde) Forsendelse(ctx context.Context, l levering.Levering, kanal string) (ut levering.Forsendelse, err error) {
	s := k.s
	m, err := hentMelding(ctx, s.DB.Read(), l.KildeID)
	if err != nil {
		return ut, err
	}
	if !m.Slettet.IsZero() {
		return ut, fmt.Errorf("%w: innholdet er slettet", levering.ErrIkkeMulig)
	}
	ut.EksternRef = m.ID
	if kanal == levering.KanalPrint {
		bydel, err := s.BydelMedRessurs(ctx, m.RessursID)
		if err != nil {
			return ut, fmt.Errorf("finding the bydel of %s: %w", m.ID, err)
		}
		ut.Post = levering.Post{Tittel: "Bekymringsmelding", Niva: 4, Mottatt: m.Innsendt, Tosidig: true,
			Avsender: s.cfg.Avsender, Mottaker: bydel.postadresse()}
		ut.Filer = []levering.Fil{s.tilTrykkeriet("bekymringsmelding.pdf", m.pdfBlob)}
		return ut, nil
	}
	if l.Runde != m.digitalRunde && m.Tilstand != Akseptert {
		// The plan begins anew because no letter could be made; the channel had its time.
		return ut, errProvd
	}
	if m.Tilstand == Akseptert && !s.Klokke.Now().Before(m.Innsendt.Add(2*s.cfg.FiksIOFrist)) {
		return ut, fmt.Errorf("%w: kunne ikke overføres til mottakerens kanal", levering.ErrIkkeMulig)
	}
	if kanal == levering.KanalFiksIO {
		if err := s.kanMotta(ctx, m); err != nil {
			return ut, err
		}
		ut.FiksIO = m.fiksIO()
	}
	ut.Filer = []levering.Fil{s.kryptertFil(m.filnavn(), m.asiceBlob)}
	return ut, nil
}

func (s *Service) kryptertFil(navn, blobID string) levering.Fil {
	return levering.Fil{Navn: navn, Mimetype: "application/octet-stream", Kryptert: true,
		Apne: func(ctx context.Context) (io.ReadCloser, error) { return s.Blobs.Open(ctx, blobID, 0) }}
}

// kanMotta tells whether the receiving konto is there: one that is not is waited for
// (§13), as long as a receipt would be, and then there is a letter.
func (s *Service) kanMotta(ctx context.Context, m Melding) error {
	grunn, err := s.kontofeil(ctx, m.KontoID)
	if err != nil || grunn == "" {
		return err
	}
	if !s.Klokke.Now().Before(m.Innsendt.Add(s.cfg.FiksIOFrist)) {
		return fmt.Errorf("%w: %s", levering.ErrIkkeMulig, grunn)
	}
	return levering.Vent(provIgjen, "venter på mottakerens Fiks IO-konto: "+grunn)
}

// kontofeil tells why a konto cannot get reports; "" when it can.
func (s *Service) kontofeil(ctx context.Context, kontoID string) (string, error) {
	konto, err := s.FiksIO.Konto(ctx, kontoID)
	if feil.Er(err, feil.IkkeFunnet) {
		return "kontoen finnes ikke", nil
	} else if err != nil {
		return "", fmt.Errorf("finding the Fiks IO konto: %w", err)
	}
	status, err := s.FiksIO.Status(ctx, konto)
	if err != nil {
		return "", fmt.Errorf("checking the Fiks IO konto: %w", err)
	}
	if !status.GyldigMottaker {
		grunn := "kontoen kan ikke motta"
		if status.Melding != nil {
			grunn = *status.Melding
		}
		return grunn, nil
	}
	return "", nil
}

// Endret implements levering.Kilde: the states of §13 follow the delivery engine's,
// in its transaction.
func (k kilde) Endret(ctx context.Context, tx *store.Tx, l levering.Levering) error {
	s := k.s
	m, err := hentMelding(ctx, tx, l.KildeID)
	if err != nil {
		return err
	}
	switch l.Tilstand {
	case levering.Sendt:
		return s.sendt(ctx, tx, m, l)
	case levering.Bekreftet:
		return s.levert(ctx, tx, m, l)
	case levering.Stoppet:
		return s.skrivHendelse(ctx, tx, m.ID, Hendelse{Tilstand: m.Tilstand, Beskrivelse: "Leveringen er stoppet av en operatør"})
	default: // the channel was left; what comes next tells why
		if l.Grunn == errProvd.Error() {
			return nil
		}
		m.arsak = l.Grunn
		return lagreTilstand(ctx, tx, m)
	}
}

// sendt: a channel has it in hand.
func (s *Service) sendt(ctx context.Context, tx *store.Tx, m Melding, l levering.Levering) error {
	h := Hendelse{Tilstand: SendtFagsystem, Offentlig: true}
	if l.Kanal == levering.KanalPrint {
		h.Tilstand, h.Beskrivelse, m.NaaKanal = SendtPrint, m.arsak, KanalPrint
	} else {
		m.NaaKanal = m.Kanal
	}
	if l.Kanal == levering.KanalFiksIO {
		h.Meldingstype, h.FiksIOMeldingID, h.FiksIOKonto = m.meldingstype(), l.LeveranseID, m.KontoID
	}
	m.arsak = ""
	if m.Tilstand == Levert { // once more, after a gap in the reconciliation: LEVERT is final
		h.Beskrivelse = strings.TrimSpace("Levert på nytt: " + string(h.Tilstand) + " " + h.Beskrivelse)
		h.Tilstand, h.Offentlig = Levert, false
	} else {
		m.Tilstand = h.Tilstand
	}
	if err := lagreTilstand(ctx, tx, m); err != nil {
		return err
	}
	return s.skrivHendelse(ctx, tx, m.ID, h)
}

// levert: the receiver has it.
func (s *Service) levert(ctx context.Context, tx *store.Tx, m Melding, l levering.Levering) error {
	h := Hendelse{Tilstand: Levert, Offentlig: m.Tilstand != Levert}
	switch l.Kanal {
	case levering.KanalFiksIO:
		h.Meldingstype, h.FiksIOMeldingID, h.FiksIOKonto = typeMottatt, l.LeveranseID, m.KontoID
		m.NaaKanal = KanalFiksIO
	case levering.KanalPrint:
		m.NaaKanal = KanalPrint
	case levering.KanalUtenom:
		h.Beskrivelse = "Bekreftet utenom kanalen"
	default:
		m.NaaKanal = m.Kanal
	}
	if !h.Offentlig {
		h.Beskrivelse = "Bekreftet etter ny levering"
	}
	if m.Tilstand, m.arsak = Levert, ""; m.Levert.IsZero() { // the age of a gap does not begin anew
		m.Levert = s.Klokke.Now()
	}
	if err := lagreTilstand(ctx, tx, m); err != nil {
		return err
	}
	if l.Kanal == kanalManuell { // a person has said that it is safely stored
		if err := s.merkAvstemt(ctx, tx, m.ID); err != nil {
			return err
		}
	}
	tx.OnCommit(func() { s.Jobber.Wake(slettePlikt); s.Jobber.Wake(avvikPlikt) })
	return s.skrivHendelse(ctx, tx, m.ID, h)
}

// Avvist implements levering.Avslagskilde: the receiver has refused. Its words are
// kept sealed, and the letter comes at once.
func (k kilde) Avvist(ctx context.Context, tx *store.Tx, l levering.Levering, begrunnelse string) error {
	s := k.s
	m, err := hentMelding(ctx, tx, l.KildeID)
	if err != nil {
		return err
	}
	h := Hendelse{Tilstand: AvvistFagsystem, Offentlig: true, Beskrivelse: m.arsak, Fritekst: begrunnelse}
	if l.Kanal == levering.KanalFiksIO {
		h.Meldingstype, h.FiksIOMeldingID, h.FiksIOKonto = typeFeilet, l.LeveranseID, m.KontoID
	}
	m.arsak = ""
	if m.Tilstand == Levert {
		h.Tilstand, h.Offentlig = Levert, false
	} else {
		m.Tilstand = AvvistFagsystem
	}
	if err := lagreTilstand(ctx, tx, m); err != nil {
		return err
	}
	return s.skrivHendelse(ctx, tx, m.ID, h)
}

// SenKvittering implements levering.Sidelytter: it is in the history of the
// administrators, and changes nothing (§13).
func (k kilde) SenKvittering(ctx context.Context, tx *store.Tx, l levering.Levering, kanal, leveranseID string) error {
	m, err := hentMelding(ctx, tx, l.KildeID)
	if err != nil {
		return err
	}
	h := Hendelse{Tilstand: m.Tilstand, Beskrivelse: "Mottakeren bekreftet etter fristen; det endrer ingenting"}
	if kanal == levering.KanalFiksIO {
		h.Meldingstype, h.FiksIOMeldingID, h.FiksIOKonto = typeMottatt, leveranseID, m.KontoID
	}
	return k.s.skrivHendelse(ctx, tx, m.ID, h)
}

// Avslatt implements levering.Sidelytter: the print supplier has refused the letter,
// and the operator has to look (§13).
func (k kilde) Avslatt(ctx context.Context, tx *store.Tx, l levering.Levering, grunn string) error {
	m, err := hentMelding(ctx, tx, l.KildeID)
	if err != nil {
		return err
	}
	h := Hendelse{Tilstand: AvvistPrint, Offentlig: true, Beskrivelse: grunn}
	if m.Tilstand == Levert {
		h.Tilstand, h.Offentlig = Levert, false
	} else {
		m.Tilstand = AvvistPrint
	}
	if err := lagreTilstand(ctx, tx, m); err != nil {
		return err
	}
	return k.s.skrivHendelse(ctx, tx, m.ID, h)
}

// Kontakter implements levering.Kilde: the contacts of the bydel.
func (k kilde) Kontakter(ctx context.Context, l levering.Levering) ([]string, error) {
	m, err := hentMelding(ctx, k.s.DB.Read(), l.KildeID)
	if err != nil {
		return nil, err
	}
	return k.kontakter(ctx, m)
}

func (k kilde) kontakter(ctx context.Context, m Melding) ([]string, error) {
	bydel, err := k.s.BydelMedRessurs(ctx, m.RessursID)
	if feil.Er(err, feil.IkkeFunnet) {
		k.s.Log.ErrorContext(ctx, "the bydel of a report is gone", "melding", m.ID, "ressurs", m.RessursID)
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("finding the bydel of %s: %w", m.ID, err)
	}
	return bydel.Kontakter, nil
}

// postadresse is where the letters of a bydel go.
func (b Bydel) postadresse() levering.Adresse {
	a := b.Adresse
	return levering.Adresse{Navn: a.Navn, Orgnr: b.Orgnr, Adresselinje1: a.Adresselinje1, Adresselinje2: a.Adresselinje2, Adresselinje3: a.Adresselinje3,
		Postnummer: a.Postnummer, Poststed: a.Poststed}
}
