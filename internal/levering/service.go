package levering

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/jobs"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

// Varsler tells people by e-mail; *mail.Service is one.
type Varsler interface {
	Send(ctx context.Context, tx *store.Tx, to []string, subject, text string) error
}

// Config are the engine's times and limits; zero values give the defaults.
type Config struct {
	Margin      time.Duration                         // our own timer fires so long after the channel's: 10 min
	SendFrist   time.Duration                         // an accepted item should be handed to a channel within: 1 h
	MaxForsok   int                                   // failed attempts at one channel before the plan goes on: 8
	Utholdenhet time.Duration                         // how long an Utholdende step may fail before people are told: 24 h
	Pause       func(runde int) time.Duration         // before an exhausted plan starts anew: 1 h, 4 h, then daily
	VarselTekst func(l Levering) (emne, tekst string) // the alarm's e-mail
	// Opptatt tells that others need the processor more at the moment: requests
	// that wait to be accepted. A hand-over then waits a little before it packs.
	Opptatt func() bool // nil: never
}

func (c Config) medStandard() Config {
	if c.Margin == 0 {
		c.Margin = 10 * time.Minute
	}
	if c.SendFrist == 0 {
		c.SendFrist = time.Hour
	}
	if c.MaxForsok == 0 {
		c.MaxForsok = 8
	}
	if c.Utholdenhet == 0 {
		c.Utholdenhet = 24 * time.Hour
	}
	if c.Pause == nil {
		c.Pause = func(runde int) time.Duration {
			switch runde {
			case 1:
				return time.Hour
			case 2:
				return 4 * time.Hour
			default:
				return 24 * time.Hour
			}
		}
	}
	if c.VarselTekst == nil {
		c.VarselTekst = varselTekst
	}
	if c.Opptatt == nil {
		c.Opptatt = func() bool { return false }
	}
	return c
}

func varselTekst(l Levering) (emne, tekst string) {
	naar := klokke.Oslo(l.Frist).Format("02.01.2006 kl. 15:04")
	if !l.Oppbrukt() {
		return "En forsendelse venter på tilsyn",
			fmt.Sprintf("Leveranse %s står fast i kanalen %s.\n\nÅrsak: %s\n\n"+
				"Forsendelsen er lagret og går ikke tapt. Neste steg: %s, senest %s.\n",
				l.ID, l.Plan[l.Steg].Kanal, l.Grunn, l.NesteSteg, naar)
	}
	return "En forsendelse er ikke levert",
		fmt.Sprintf("Leveranse %s kunne ikke leveres i noen kanal.\n\nÅrsak: %s\n\n"+
			"Forsendelsen er lagret og går ikke tapt. Den prøves på nytt %s. "+
			"Sjekk at mottakerens fagsystem er koblet til, og at sertifikatet er gyldig.\n",
			l.ID, l.Grunn, naar)
}

// Service is the engine.
type Service struct {
	db      *store.DB
	klokke  klokke.Klokke
	jobber  *jobs.Engine
	varsler Varsler
	log     *slog.Logger
	cfg     Config
	kanaler map[string]Kanal
	kilder  map[string]Kilde
	// When the duty last said it is next due (µs; 0: nothing waits), so that only
	// an earlier date wakes the engine.
	nesteFrist atomic.Int64
}

// NewService makes the engine and registers its jobs. Channels and sources are
// plugged in before the job engine starts.
func NewService(db *store.DB, k klokke.Klokke, jobber *jobs.Engine, varsler Varsler, log *slog.Logger, cfg Config) *Service {
	s := &Service{
		db: db, klokke: k, jobber: jobber, varsler: varsler, log: log, cfg: cfg.medStandard(),
		kanaler: map[string]Kanal{}, kilder: map[string]Kilde{},
	}
	for _, kanal := range []string{KanalFiksIO, KanalAltinn, KanalPrint} { // one for each slag
		jobber.Handle(slag(Levering{Plan: []Steg{{Kanal: kanal}}}), jobs.Options{MaxAttempts: 1 << 30, Timeout: 2 * time.Hour, Concurrency: 2}, s.kjor)
	}
	jobber.AddDuty(jobs.Duty{Name: plikt, Next: s.neste, RunOnce: s.Frister})
	return s
}

// RegistrerKanal plugs in a channel. Before the job engine starts only.
func (s *Service) RegistrerKanal(k Kanal) { s.kanaler[k.Navn()] = k }

// RegistrerKilde plugs in the source of that name. Before the job engine starts only.
func (s *Service) RegistrerKilde(navn string, k Kilde) { s.kilder[navn] = k }

// Opprett stores a levering in IkkeSendt with its first job, in tx; it starts
// the moment tx commits.
func (s *Service) Opprett(ctx context.Context, tx *store.Tx, n Ny) error {
	if len(n.Plan) == 0 {
		return fmt.Errorf("levering %s has no channel in its plan", n.ID)
	}
	for _, steg := range n.Plan {
		if steg.Frist <= 0 && steg.Virkedager <= 0 {
			return fmt.Errorf("levering %s would wait for %s without a deadline", n.ID, steg.Kanal)
		}
	}
	if s.kilder[n.Kilde] == nil {
		return fmt.Errorf("levering %s is of source %q, which nobody has registered", n.ID, n.Kilde)
	}
	naa := s.klokke.Now()
	l := Levering{
		ID: n.ID, Kilde: n.Kilde, KildeID: n.KildeID, FiksOrgID: n.FiksOrgID, Plan: n.Plan, Runde: 1,
		Tilstand: IkkeSendt, LeveranseID: uuid.NewString(), Opprettet: naa, Endret: naa,
		Frist: naa.Add(s.cfg.SendFrist), NesteSteg: sendesMed(n.Plan[0].Kanal),
	}
	if err := settInn(ctx, tx, l); err != nil {
		return err
	}
	if err := skrivHistorie(ctx, tx, l.ID, Historie{Tilstand: IkkeSendt, Tidspunkt: naa}); err != nil {
		return err
	}
	return s.planlegg(ctx, tx, l)
}

func sendesMed(kanal string) string { return "sendes med " + kanal }

// overgang makes one transition: the row, its history and the source's own
// bookkeeping change together.
func (s *Service) overgang(ctx context.Context, tx *store.Tx, l *Levering, t Tilstand, kanal, grunn string) error {
	l.Tilstand, l.Endret = t, s.klokke.Now()
	if err := oppdater(ctx, tx, *l); err != nil {
		return err
	}
	s.vekk(tx, *l)
	if err := skrivHistorie(ctx, tx, l.ID, Historie{Tilstand: t, Kanal: kanal, Tidspunkt: l.Endret, Grunn: grunn}); err != nil {
		return err
	}
	kilde := s.kilder[l.Kilde]
	if kilde == nil {
		return fmt.Errorf("levering %s is of source %q, which nobody has registered", l.ID, l.Kilde)
	}
	return kilde.Endret(ctx, tx, *l)
}

// trekk takes back what l's present channel has in hand, where it can.
func (s *Service) trekk(ctx context.Context, tx *store.Tx, l Levering) error {
	t, ok := s.kanaler[l.Kanal].(Trekker)
	if !ok || l.Tilstand != Sendt {
		return nil
	}
	if err := t.Trekk(ctx, tx, l); err != nil {
		return fmt.Errorf("taking levering %s back from %s: %w", l.ID, l.Kanal, err)
	}
	return nil
}

// ferdig ends a levering: nothing is awaited any more.
func (s *Service) ferdig(ctx context.Context, tx *store.Tx, l *Levering, t Tilstand, kanal, grunn string) error {
	l.Frist, l.NesteSteg, l.Alarm = time.Time{}, "", false
	if err := s.overgang(ctx, tx, l, t, kanal, grunn); err != nil {
		return err
	}
	return s.jobber.Cancel(ctx, tx, slag(*l), l.ID)
}

// videre leaves the present channel, in state t for the reason given, and goes
// on with the plan; when no channel is left people are told, and the plan
// starts anew after a pause.
func (s *Service) videre(ctx context.Context, tx *store.Tx, l *Levering, t Tilstand, kanal, grunn string) error {
	naa := s.klokke.Now()
	if err := s.trekk(ctx, tx, *l); err != nil {
		return err
	}
	utenGaranti := l.Plan[l.Steg].UtenGaranti
	l.Steg++
	l.Grunn = grunn
	if l.Oppbrukt() && utenGaranti {
		return s.ferdig(ctx, tx, l, IkkeLevert, kanal, grunn)
	}
	l.LeveranseID = uuid.NewString()
	if l.Oppbrukt() {
		l.Frist, l.NesteSteg = naa.Add(s.cfg.Pause(l.Runde)), "planen prøves på nytt fra første kanal"
	} else {
		l.Frist, l.NesteSteg = naa.Add(s.cfg.SendFrist), sendesMed(l.Plan[l.Steg].Kanal)
	}
	l.Alarm = l.Alarm && l.Runde > 1 // of a channel that was slow: it has been left
	nyAlarm := l.Oppbrukt() && !l.Alarm
	l.Alarm = l.Alarm || l.Oppbrukt()
	if err := s.overgang(ctx, tx, l, t, kanal, grunn); err != nil {
		return err
	}
	if !l.Oppbrukt() {
		return s.planlegg(ctx, tx, *l)
	}
	s.log.Warn("levering has no channel left", "levering", l.ID, "kilde", l.Kilde, "fiksOrg", l.FiksOrgID, "grunn", grunn)
	if nyAlarm {
		return s.varsle(ctx, tx, *l)
	}
	return nil
}

// varsle tells the source's contacts of a levering that needs a person.
func (s *Service) varsle(ctx context.Context, tx *store.Tx, l Levering) error {
	til, err := s.kilder[l.Kilde].Kontakter(ctx, l)
	if err != nil {
		return fmt.Errorf("finding whom to tell of levering %s: %w", l.ID, err)
	}
	if len(til) == 0 {
		s.log.Error("nobody is registered to be told of it", "levering", l.ID, "fiksOrg", l.FiksOrgID)
		return nil
	}
	emne, tekst := s.cfg.VarselTekst(l)
	if err := s.varsler.Send(ctx, tx, til, emne, tekst); err != nil {
		return fmt.Errorf("telling of levering %s: %w", l.ID, err)
	}
	return nil
}

// SlaaAlarm marks a levering that the channel has in hand as needing a person,
// with the reason, and tells the contacts once; the wait goes on. False when the
// channel does not have it (any more). Idempotent for one and the same reason.
func (s *Service) SlaaAlarm(ctx context.Context, tx *store.Tx, kanal, leveranseID, grunn string) (bool, error) {
	l, ok, err := iHende(ctx, tx, kanal, leveranseID)
	if err != nil || !ok {
		return false, err
	}
	return true, s.alarm(ctx, tx, &l, grunn)
}

// Avslatt is SlaaAlarm for a refusal at the channel's other end that the channel
// keeps until a person acts, as a print supplier's: the source hears of it too
// (Sidelytter).
func (s *Service) Avslatt(ctx context.Context, tx *store.Tx, kanal, leveranseID, grunn string) (bool, error) {
	l, ok, err := iHende(ctx, tx, kanal, leveranseID)
	if err != nil || !ok {
		return false, err
	}
	if err := s.alarm(ctx, tx, &l, grunn); err != nil {
		return false, err
	}
	if k, lytter := s.kilder[l.Kilde].(Sidelytter); lytter {
		return true, k.Avslatt(ctx, tx, l, grunn)
	}
	return true, nil
}

func (s *Service) alarm(ctx context.Context, tx *store.Tx, l *Levering, grunn string) error {
	if l.Alarm && l.Grunn == grunn {
		return nil
	}
	l.Alarm, l.Grunn = true, grunn
	if err := oppdater(ctx, tx, *l); err != nil {
		return err
	}
	err := skrivHistorie(ctx, tx, l.ID, Historie{Tilstand: l.Tilstand, Kanal: l.Plan[l.Steg].Kanal, Tidspunkt: s.klokke.Now(), Grunn: grunn})
	if err != nil {
		return err
	}
	s.log.Warn("levering needs a person", "levering", l.ID, "kilde", l.Kilde, "fiksOrg", l.FiksOrgID, "grunn", grunn)
	return s.varsle(ctx, tx, *l)
}

// Bekreft records the receiver's confirmation. It is idempotent, and false when
// there is no levering with that id on that channel, or when another channel
// has taken over since: such a late receipt is written to the history and
// changes nothing, unless the step has GodtaSen. So is one of before LeverPaaNytt.
func (s *Service) Bekreft(ctx context.Context, tx *store.Tx, kanal, leveranseID string) (bool, error) {
	id, utgatt, err := finnLeveranse(ctx, tx, kanal, leveranseID)
	if err != nil || id == "" {
		return false, err
	}
	l, err := hent(ctx, tx, id)
	if err != nil {
		return false, err
	}
	sen := l.Ferdig() || l.Kanal != kanal
	switch {
	case l.Tilstand == Bekreftet && l.LeveranseID == leveranseID:
		return true, nil
	case utgatt, sen && (l.Tilstand == Stoppet || !godtaSen(l.Plan, kanal)):
		if err := skrivHistorie(ctx, tx, l.ID, Historie{
			Tilstand: l.Tilstand, Kanal: kanal, Tidspunkt: s.klokke.Now(), Grunn: "sen kvittering, endrer ingenting",
		}); err != nil {
			return false, err
		}
		if k, ok := s.kilder[l.Kilde].(Sidelytter); ok {
			return false, k.SenKvittering(ctx, tx, l, kanal, leveranseID)
		}
		return false, nil
	}
	// Also when this channel was given up meanwhile but no other has it: the
	// receiver has it, and must not get what was sent since.
	if l.LeveranseID != leveranseID {
		if err := s.trekk(ctx, tx, l); err != nil {
			return false, err
		}
	}
	l.Kanal, l.LeveranseID = kanal, leveranseID
	return true, s.ferdig(ctx, tx, &l, Bekreftet, kanal, "")
}

func godtaSen(plan []Steg, kanal string) bool {
	return slices.ContainsFunc(plan, func(s Steg) bool { return s.Kanal == kanal && s.GodtaSen })
}

// BekreftUtenom records that the receiver has the item by another way than a
// channel of the plan; grunn says which and by whom. What a channel has in hand
// is taken back. False when the levering was confirmed or stopped before.
func (s *Service) BekreftUtenom(ctx context.Context, tx *store.Tx, id, grunn string) (bool, error) {
	l, err := hent(ctx, tx, id)
	if err != nil {
		return false, err
	}
	if l.Ferdig() && l.Tilstand != IkkeLevert {
		return false, nil
	}
	if err := s.trekk(ctx, tx, l); err != nil {
		return false, err
	}
	l.Kanal = KanalUtenom
	return true, s.ferdig(ctx, tx, &l, Bekreftet, KanalUtenom, grunn)
}

// Innhold asks the source for what is to be handed over, as the channel that has
// the levering in hand needs it later than at Send. feil.IkkeFunnet.
func (s *Service) Innhold(ctx context.Context, id, kanal string) (Forsendelse, error) {
	l, err := hent(ctx, s.db.Read(), id)
	if err != nil {
		return Forsendelse{}, err
	}
	kilde := s.kilder[l.Kilde]
	if kilde == nil {
		return Forsendelse{}, fmt.Errorf("levering %s is of source %q, which nobody has registered", l.ID, l.Kilde)
	}
	return kilde.Forsendelse(ctx, l, kanal)
}

// Feilet records that the channel gave up: t is TTLTidsavbrudd,
// MaxRetriesavbrudd, SvarUtFeil, or IkkeSendt for a refusal by the receiver;
// the plan goes on. grunn is stored in clear and shown to people: never what an
// outsider wrote (see Avvist). False, with nothing changed, when the levering is
// not waiting for that receipt (any more).
func (s *Service) Feilet(ctx context.Context, tx *store.Tx, kanal, leveranseID string, t Tilstand, grunn string) (bool, error) {
	_, ok, err := s.feilet(ctx, tx, kanal, leveranseID, t, grunn)
	return ok, err
}

// Avvist is Feilet for a refusal by the receiver (IkkeSendt), with the words it
// gave. They may hold personal data: they go to the source (Avslagskilde) and
// are not kept here.
func (s *Service) Avvist(ctx context.Context, tx *store.Tx, kanal, leveranseID, grunn, begrunnelse string) (bool, error) {
	l, ok, err := s.feilet(ctx, tx, kanal, leveranseID, IkkeSendt, grunn)
	if err != nil || !ok {
		return false, err
	}
	k, lytter := s.kilder[l.Kilde].(Avslagskilde)
	if !lytter {
		return true, nil
	}
	if err := k.Avvist(ctx, tx, l, begrunnelse); err != nil {
		return false, fmt.Errorf("telling the source of the refusal of %s: %w", l.ID, err)
	}
	return true, nil
}

// feilet gives the levering as it was before.
func (s *Service) feilet(ctx context.Context, tx *store.Tx, kanal, leveranseID string, t Tilstand, grunn string) (Levering, bool, error) {
	l, ok, err := iHende(ctx, tx, kanal, leveranseID)
	if err != nil || !ok {
		return l, false, err
	}
	naa := l
	return l, true, s.videre(ctx, tx, &naa, t, kanal, grunn)
}

// iHende finds the levering that the channel has in hand under that id; false when
// there is none (any more).
func iHende(ctx context.Context, tx *store.Tx, kanal, leveranseID string) (l Levering, ok bool, err error) {
	id, _, err := finnLeveranse(ctx, tx, kanal, leveranseID)
	if err != nil || id == "" {
		return l, false, err
	}
	l, err = hent(ctx, tx, id)
	return l, err == nil && l.Tilstand == Sendt && l.LeveranseID == leveranseID, err
}

// Hent finds a levering with its history, oldest first; feil.IkkeFunnet.
func (s *Service) Hent(ctx context.Context, q store.Queryer, id string) (Levering, []Historie, error) {
	l, err := hent(ctx, q, id)
	if err != nil {
		return l, nil, err
	}
	h, err := lesHistorie(ctx, q, id)
	return l, h, err
}

// ForKilde finds the levering of a source's item; feil.IkkeFunnet.
func (s *Service) ForKilde(ctx context.Context, q store.Queryer, kilde, kildeID string) (Levering, error) {
	return les(q.QueryRowContext(ctx, `SELECT `+kolonner+` FROM leveringer WHERE kilde = $1 AND kilde_id = $2`, kilde, kildeID))
}

// Alarmer lists the leveringer that need a person, oldest first, at most antall.
func (s *Service) Alarmer(ctx context.Context, antall int) ([]Levering, error) {
	return s.liste(ctx, `alarm = 1 ORDER BY opprettet LIMIT $1`, antall)
}

// Siste lists the leveringer that were made last, newest first, at most antall.
func (s *Service) Siste(ctx context.Context, antall int) ([]Levering, error) {
	return s.liste(ctx, `1 = 1 ORDER BY opprettet DESC, id LIMIT $1`, antall)
}

func (s *Service) liste(ctx context.Context, hvilke string, antall int) ([]Levering, error) {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT `+kolonner+` FROM leveringer WHERE `+hvilke, antall)
	if err != nil {
		return nil, fmt.Errorf("listing leveringer: %w", err)
	}
	defer rows.Close()
	var ut []Levering
	for rows.Next() {
		l, err := les(rows)
		if err != nil {
			return nil, err
		}
		ut = append(ut, l)
	}
	return ut, rows.Err()
}

// Uferdige counts the leveringer of an organisation that are not at an end.
func (s *Service) Uferdige(ctx context.Context, q store.Queryer, fiksOrgID string) (n int, err error) {
	err = q.QueryRowContext(ctx, `SELECT COUNT(*) FROM leveringer
		WHERE fiks_org = $1 AND tilstand NOT IN ('BEKREFTET', 'STOPPET', 'IKKE_LEVERT')`, fiksOrgID).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting the leveringer of %s: %w", fiksOrgID, err)
	}
	return n, nil
}

// Dytt runs a waiting levering at once; nil when it is at an end.
func (s *Service) Dytt(ctx context.Context, tx *store.Tx, id string) error {
	l, err := hent(ctx, tx, id)
	if err != nil {
		return err
	}
	if l.Ferdig() || l.Tilstand == Sendt {
		return nil
	}
	return s.planlegg(ctx, tx, l)
}

// ProvIgjen starts the plan anew for an item that no channel has in hand; av is
// the person who asked, for the history. feil.Konflikt at an end, and while a
// receipt is awaited.
func (s *Service) ProvIgjen(ctx context.Context, id, av string) error {
	return s.db.Write(ctx, func(tx *store.Tx) error {
		l, err := hent(ctx, tx, id)
		if err != nil {
			return err
		}
		if l.Ferdig() {
			return feil.Ny(feil.Konflikt, "Leveransen er avsluttet med status %s", l.Tilstand)
		}
		if l.Tilstand == Sendt {
			return feil.Ny(feil.Konflikt, "Leveransen er sendt med %s og venter på kvittering til %s",
				l.Kanal, klokke.Oslo(l.Frist).Format("02.01.2006 15:04"))
		}
		return s.nyRunde(ctx, tx, &l, "startet på nytt av "+av)
	})
}

// LeverPaaNytt starts the plan anew for an item that is at its end and yet is not
// with its receiver; av is the person who asked, by an id, for the history.
// feil.Konflikt while it is still being delivered.
func (s *Service) LeverPaaNytt(ctx context.Context, tx *store.Tx, id, av string) error {
	l, err := hent(ctx, tx, id)
	if err != nil {
		return err
	}
	if !l.Ferdig() {
		return feil.Ny(feil.Konflikt, "Leveransen er ikke bekreftet, og leveres fortsatt")
	}
	if _, err := tx.ExecContext(ctx, `UPDATE leveranser SET utgatt = 1 WHERE levering_id = $1`, l.ID); err != nil {
		return fmt.Errorf("delivering %s anew: %w", l.ID, err)
	}
	return s.nyRunde(ctx, tx, &l, "levert på nytt av "+av)
}

// GaVidere leaves the channel that has the item in hand or is about to get it, and
// goes on with the plan at once; grunn says why and names nobody. False when the
// item is at an end, or on its last channel.
func (s *Service) GaVidere(ctx context.Context, tx *store.Tx, id, grunn string) (bool, error) {
	l, err := hent(ctx, tx, id)
	if err != nil {
		return false, err
	}
	if l.Ferdig() || l.Steg+1 >= len(l.Plan) {
		return false, nil
	}
	return true, s.videre(ctx, tx, &l, TTLTidsavbrudd, l.Plan[l.Steg].Kanal, grunn)
}

func (s *Service) nyRunde(ctx context.Context, tx *store.Tx, l *Levering, grunn string) error {
	l.Steg, l.Runde = 0, l.Runde+1
	l.LeveranseID = uuid.NewString()
	l.Frist, l.NesteSteg = s.klokke.Now().Add(s.cfg.SendFrist), sendesMed(l.Plan[0].Kanal)
	if err := s.overgang(ctx, tx, l, IkkeSendt, "", grunn); err != nil {
		return err
	}
	return s.planlegg(ctx, tx, *l)
}

// Stopp closes an item for good, by a named person with a reason. Both are stored
// in clear: av is the person's id with us, and grunn names nobody. feil.Konflikt
// when it is at an end already, feil.Ugyldig without name or reason.
func (s *Service) Stopp(ctx context.Context, id, av, grunn string) error {
	if av == "" || grunn == "" {
		return feil.Ny(feil.Ugyldig, "Oppgi hvem som stopper leveransen, og hvorfor")
	}
	return s.db.Write(ctx, func(tx *store.Tx) error { return s.StoppTx(ctx, tx, id, av, grunn) })
}

// StoppTx is Stopp in a transaction of the caller's.
func (s *Service) StoppTx(ctx context.Context, tx *store.Tx, id, av, grunn string) error {
	l, err := hent(ctx, tx, id)
	if err != nil {
		return err
	}
	if l.Ferdig() {
		return feil.Ny(feil.Konflikt, "Leveransen er avsluttet med status %s", l.Tilstand)
	}
	if err := s.trekk(ctx, tx, l); err != nil {
		return err
	}
	l.Grunn = grunn
	return s.ferdig(ctx, tx, &l, Stoppet, l.Kanal, "stoppet av "+av+": "+grunn)
}

// Lukket records that a person has closed the item where the channel has it in
// hand: it is closed here as well, and nothing more is tried. grunn says so and
// names nobody. False when the levering is not waiting for that channel (any more).
func (s *Service) Lukket(ctx context.Context, tx *store.Tx, kanal, leveranseID, grunn string) (bool, error) {
	l, ok, err := iHende(ctx, tx, kanal, leveranseID)
	if err != nil || !ok {
		return false, err
	}
	l.Grunn = grunn
	return true, s.ferdig(ctx, tx, &l, Stoppet, kanal, grunn)
}

// errUtdatert: the levering moved on while the channel was at work.
var errUtdatert = errors.New("levering has moved on")
