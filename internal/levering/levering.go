// Package levering is the delivery engine: everything accepted becomes a
// Levering with a plan of channels and deadlines, and has an owner, a deadline
// and a next step until it is confirmed or a named person has closed it.
package levering

import (
	"context"
	"errors"
	"io"
	"time"

	"knutepunkt/internal/store"
)

// Tilstand is the state of a levering, by the wire's names (Digisos contract §5).
type Tilstand string

// The states.
const (
	IkkeSendt         Tilstand = "IKKE_SENDT"         // accepted; the next channel is about to be tried
	Sendt             Tilstand = "SENDT"              // handed to a channel, receipt awaited until Frist
	Bekreftet         Tilstand = "BEKREFTET"          // the receiver has it: the end
	TTLTidsavbrudd    Tilstand = "TTL_TIDSAVBRUDD"    // the channel's time ran out
	MaxRetriesavbrudd Tilstand = "MAX_RETRIESAVBRUDD" // handed out three times without ack, or sending failed too often
	SvarUtFeil        Tilstand = "SVARUT_FEIL"        // SvarUt refused or was unreachable
	Stoppet           Tilstand = "STOPPET"            // a named person has closed it: the end
	IkkeLevert        Tilstand = "IKKE_LEVERT"        // its last channel was one without guarantee (SvarUt contract §5): the end
)

// Channels. The last three are SvarUt's own.
const (
	KanalFiksIO  = "FIKS_IO"
	KanalSvarUt  = "SVARUT"
	KanalSvarInn = "SVARINN"
	KanalAltinn  = "ALTINN"
	KanalPrint   = "PRINT"
)

// KanalUtenom is the channel of a confirmation that came by no channel of the
// plan: a person or the sender says that the receiver has it.
const KanalUtenom = "UTENOM"

// Steg is one channel of a plan and how long a receipt may take once sent.
type Steg struct {
	Kanal string        `json:"kanal"`
	Frist time.Duration `json:"frist"` // ns in JSON
	// Virketid: only the hours of working days count towards Frist.
	Virketid bool `json:"virketid,omitempty"`
	// Virkedager is the wait in working days instead of Frist: to the same clock
	// time on that working day (Bekymringsmelding §13).
	Virkedager int `json:"virkedager,omitempty"`
	// Ubegrenset: the receipt is awaited without end; at each Frist the wait is
	// looked at and goes on.
	Ubegrenset bool `json:"ubegrenset,omitempty"`
	// Utholdende: faults of the channel do not end the step. It is tried until it
	// succeeds or is refused (ErrIkkeMulig); people are told after a day.
	Utholdende bool `json:"utholdende,omitempty"`
	// UtenGaranti: when this last step has failed, the levering is at its end
	// (IkkeLevert), and nobody is told.
	UtenGaranti bool `json:"utenGaranti,omitempty"`
	// GodtaSen: a receipt of this channel counts also when the plan has gone on
	// or is at its end, and what another channel has in hand is taken back.
	GodtaSen bool `json:"godtaSen,omitempty"`
}

// Levering is one item on its way.
type Levering struct {
	ID        string // UUID
	Kilde     string // which source it belongs to, e.g. "digisos.soknad"
	KildeID   string // the source's own id of it
	FiksOrgID string // the receiving organisation: who owns it until confirmed
	Plan      []Steg
	Steg      int // index into Plan; len(Plan) when every channel is exhausted
	Runde     int // how often the plan was started, from 1
	Tilstand  Tilstand
	Kanal     string // last channel it was sent by; "" before
	// LeveranseID is the channel's id of it (melding-id, forsendelse-id), chosen
	// and stored before sending, and the same when sending is repeated.
	LeveranseID       string
	Frist             time.Time // when the present wait ends; zero at an end state
	NesteSteg         string    // in words: what happens at Frist
	Alarm             bool      // it needs a person: no channel is left, or one is stuck; the contacts have been told
	Grunn             string    // why the last channel failed
	Opprettet, Endret time.Time
}

// Historie is one transition.
type Historie struct {
	Tilstand  Tilstand
	Kanal     string
	Tidspunkt time.Time
	Grunn     string
}

// Fil is one file to deliver.
type Fil struct {
	Navn, Mimetype string
	Apne           func(ctx context.Context) (io.ReadCloser, error) // plaintext, unless Kryptert
	// Kryptert: Apne gives CMS EnvelopedData that its maker has encrypted to the
	// receiver of the channel. The channel passes it on byte for byte, and such a
	// file is the only one.
	Kryptert bool

	// For SvarUt's channels. Size and checksums are of the plaintext; the
	// checksums are empty where the source does not know them.
	Storrelse      int64  // bytes
	SHA256         string // hex
	CRC32          uint32 // IEEE; valid when SHA256 is set
	DokumentType   string
	UtenUtskrift   bool  // not for print
	GiroarkSider   []int // pages with a giro slip, from 1
	Ekstrametadata []Nokkelverdi
}

// Forsendelse is what a source wants delivered, built anew at each attempt.
type Forsendelse struct {
	EksternRef string
	Filer      []Fil
	FiksIO     FiksIO
	Post       Post // for SVARUT and its channels
}

// FiksIO is what the Fiks IO channel needs to know.
type FiksIO struct {
	MottakerKontoID string
	Protokoll       string // which an active address of the konto must carry; "": the konto was chosen for it
	Meldingstype    string
	Mottatt         string // the type of the reply that confirms
	// Avvist are the types of the replies that refuse; a reply of any other type is
	// ignored. None: every reply but Mottatt refuses.
	Avvist []string
	// Headere are more headers of the message. They are delivered both with the
	// prefix of user headers and without.
	Headere map[string]string
}

// Kilde is a source of leveringer: digisos, bekymringsmelding, svarut.
type Kilde interface {
	// Forsendelse builds what is to be sent by the channel. ErrVent: not yet
	// (the source calls Service.Dytt when the time has come).
	// ErrIkkeMulig: this channel cannot carry it; the plan goes on.
	Forsendelse(ctx context.Context, l Levering, kanal string) (Forsendelse, error)
	// Endret hears of each transition in the transaction that makes it.
	Endret(ctx context.Context, tx *store.Tx, l Levering) error
	// Kontakter are the e-mail addresses that are told when no channel is left.
	Kontakter(ctx context.Context, l Levering) ([]string, error)
}

// Avslagskilde is a Kilde that keeps what a receiver wrote when it refused.
type Avslagskilde interface {
	// Avvist hears of a refusal in the transaction that records it, after Endret.
	// l is the levering as it was when it was refused. begrunnelse is the
	// receiver's own text ("" when it gave none); it may hold personal data, and
	// the engine stores it nowhere.
	Avvist(ctx context.Context, tx *store.Tx, l Levering, begrunnelse string) error
}

// Sidelytter is a Kilde that hears also of what makes no transition, in the
// transaction that records it.
type Sidelytter interface {
	// SenKvittering: the receiver has confirmed what a channel handed over under
	// leveranseID, after the plan had gone on; nothing has changed.
	SenKvittering(ctx context.Context, tx *store.Tx, l Levering, kanal, leveranseID string) error
	// Avslatt: what the channel has in hand was refused there, and stays in its hands
	// until a person acts. grunn is the channel's own sentence.
	Avslatt(ctx context.Context, tx *store.Tx, l Levering, grunn string) error
}

// Kanal carries a forsendelse towards its receiver.
type Kanal interface {
	Navn() string
	// Send builds and hands over. It must be idempotent on l.LeveranseID: done
	// twice, the receiver sees one item. sendt must be called in the transaction
	// in which the hand-over is stored. ErrIkkeMulig (wrapped, with a reason):
	// the plan goes on with the next channel at once. Other errors: tried again.
	Send(ctx context.Context, l Levering, f Forsendelse, sendt func(tx *store.Tx) error) error
}

// Trekker is a Kanal that can take a forsendelse back.
type Trekker interface {
	// Trekk takes back what the channel has in hand of l, in the transaction in
	// which the levering leaves the channel or ends without it. It is no error
	// when the receiver has it already, or nothing was in hand.
	Trekk(ctx context.Context, tx *store.Tx, l Levering) error
}

// Kvitteringsleser is a Kanal whose receipts are stored when they are accepted and
// read a little later.
type Kvitteringsleser interface {
	// LesKvitteringer reads all that have been accepted until now. The engine asks
	// for it before it acts on deadlines: who has confirmed in time is not sent the
	// same by another channel, also when the platform was away in between.
	LesKvitteringer(ctx context.Context) error
}

// Vent is the error of a Kanal or Kilde that wants to be asked again after d;
// it is ErrVent, and grunn is shown as what the levering waits for.
func Vent(d time.Duration, grunn string) error { return ventError{d, grunn} }

type ventError struct {
	d     time.Duration
	grunn string
}

func (v ventError) Error() string        { return v.grunn }
func (v ventError) Is(target error) bool { return target == ErrVent }

// ErrVent and ErrIkkeMulig steer the engine; wrap them with a reason.
var (
	ErrVent      = errors.New("venter")
	ErrIkkeMulig = errors.New("kanalen kan ikke brukes")
)

// Ferdig tells whether the levering is at an end: confirmed, closed by a person,
// or sent without guarantee in vain.
func (l Levering) Ferdig() bool {
	return l.Tilstand == Bekreftet || l.Tilstand == Stoppet || l.Tilstand == IkkeLevert
}

// vedFrist tells whether something is to be done when Frist is reached; else a
// job is under way that hands over.
func (l Levering) vedFrist() bool { return !l.Ferdig() && (l.Tilstand == Sendt || l.Oppbrukt()) }

// Oppbrukt tells whether every channel of the plan has been tried in vain.
func (l Levering) Oppbrukt() bool { return l.Steg >= len(l.Plan) }

// Ny is a levering to be made.
type Ny struct {
	ID, Kilde, KildeID, FiksOrgID string
	Plan                          []Steg
}
