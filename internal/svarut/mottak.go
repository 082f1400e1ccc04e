package svarut

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/dokumentlager"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// The duplicate guard (§3.6): so many alike within the time are accepted.
const (
	maksLike     = 25
	likeInnenfor = 48 * time.Hour
)

// sporLike counts by the index, which has no empty ones (see sporRef).
const sporLike = `SELECT count(*) FROM svarut_forsendelser WHERE duplikat = $1 AND duplikat <> '' AND mottatt > $2`

// Mottak is a forsendelse on its way in. It is for one goroutine.
type Mottak struct {
	s        *Service
	konto    Konto
	n        Ny
	filer    []*dokumentlager.Opplasting
	utskrift int64 // bytes of what has come and may be printed
}

// TaImot begins to take a forsendelse in from a konto: the metadata is checked,
// and nothing is stored. feil.Ugyldig, feil.IkkeBygget (see Ny.Validate),
// feil.IkkeFunnet for an unknown konto. Forkast it in the end.
func (s *Service) TaImot(ctx context.Context, kontoID string, n Ny) (*Mottak, error) {
	konto, err := s.Konto(ctx, kontoID)
	if err != nil {
		return nil, err
	}
	if n.Post.Niva == 0 {
		n.Post.Niva = 3
	}
	if err := n.Validate(s.PrintAdresse); err != nil {
		return nil, err
	}
	n.Post.Avsender = konto.Adresse
	n.Dokumenter = slices.Clone(n.Dokumenter)
	return &Mottak{s: s, konto: konto, n: n}, nil
}

// Dokument takes the next file, whose name must be the one that the metadata
// has at its place. feil.Ugyldig for another name or one too many, for what does
// not decrypt, and for a PDF that cannot be printed.
func (m *Mottak) Dokument(ctx context.Context, filnavn string, r io.Reader) error {
	nr := len(m.filer)
	if nr >= len(m.n.Dokumenter) {
		return ugyldig("Forespørselen har flere filer enn dokumenter i metadata")
	}
	d := &m.n.Dokumenter[nr]
	if filnavn != d.Filnavn {
		return ugyldig("Fil nummer %d har et annet filnavn enn dokument nummer %d i metadata; rekkefølgen må være den samme", nr+1, nr+1)
	}
	o, err := m.s.motta(ctx, d, r, m.n.Kryptert)
	if err != nil {
		return err
	}
	m.filer = append(m.filer, o)
	if m.n.Post.KunDigital || d.UtenUtskrift {
		return nil
	}
	if m.utskrift += d.Storrelse; m.utskrift > maksUtskrift {
		return ugyldig("Dokumentene som kan bli skrevet ut er til sammen større enn %d MB", maksUtskrift>>20)
	}
	if err := m.s.sjekkPDF(ctx, o, *d); err != nil {
		if f, ok := kjent(err); ok {
			return feil.Ny(f.Kode, "Dokument nummer %d: %s", nr+1, f.Melding).Med(f.Err)
		}
		return err
	}
	return nil
}

// motta streams a file in, and fills what is known of it then.
func (s *Service) motta(ctx context.Context, d *Dokument, r io.Reader, kryptert bool) (*dokumentlager.Opplasting, error) {
	sha, crc := sha256.New(), crc32.NewIEEE()
	o, err := s.Dokumentlager.Motta(ctx, r, kryptert, sha, crc)
	if err != nil {
		return nil, err
	}
	d.ID, d.Storrelse, d.SHA256, d.CRC32 = uuid.NewString(), o.Size(), hex.EncodeToString(sha.Sum(nil)), crc.Sum32()
	return o, nil
}

// sjekkPDF reads what will be printed; feil.Ugyldig.
func (s *Service) sjekkPDF(ctx context.Context, o *dokumentlager.Opplasting, d Dokument) error {
	f := nyFil(o.Size(), func(offset int64) (io.ReadCloser, error) { return o.Apne(ctx, offset) })
	defer f.Lukk()
	sider, err := s.SjekkPDF(ctx, f)
	if err != nil {
		return err
	}
	if len(d.GiroarkSider) > 0 && slices.Max(d.GiroarkSider) > sider {
		return ugyldig("giroarkSider viser til en side som ikke finnes; dokumentet har %d sider", sider)
	}
	return nil
}

// Forkast throws away what was received and not accepted. Safe to defer.
func (m *Mottak) Forkast() {
	for _, o := range m.filer {
		o.Forkast()
	}
}

// Aksepter stores the forsendelse with its files, history and levering, all or
// nothing, and gives its id: from here on SvarUt answers for it. feil.Ugyldig
// when files are missing, or when too many like it came lately. An id of the
// sender's that is taken is feil.Konflikt, unless it is the same forsendelse
// come again: that is no error, and nothing is stored anew.
func (m *Mottak) Aksepter(ctx context.Context) (id string, err error) {
	if len(m.filer) < len(m.n.Dokumenter) {
		return "", ugyldig("Forespørselen mangler fil nummer %d", len(m.filer)+1)
	}
	s := m.s
	egen := m.n.ID != ""
	if !egen {
		m.n.ID = uuid.NewString()
	}
	duplikat, err := m.duplikat()
	if err != nil {
		return "", err
	}
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		if egen {
			if igjen, err := m.taID(ctx, tx, duplikat); err != nil || igjen {
				return err
			}
		}
		var like int
		if err := tx.QueryRowContext(ctx, sporLike, duplikat, store.Micros(s.Klokke.Now().Add(-likeInnenfor))).Scan(&like); err != nil {
			return fmt.Errorf("counting forsendelser alike: %w", err)
		}
		if like >= maksLike {
			return ugyldig("Mer enn %d forsendelser med samme tittel og mottaker er sendt de siste to døgnene. Se etter en feil hos avsender, eller bruk en annen tittel", maksLike)
		}
		return s.aksepter(ctx, tx, m.n.ID, m.konto, m.n.Innhold, m.filer, aksept{duplikat: duplikat, fiksOrg: m.konto.FiksOrgID})
	})
	if err != nil {
		return "", err
	}
	return m.n.ID, nil
}

// duplikat is the keyed hash of what the duplicate guard compares.
func (m *Mottak) duplikat() (string, error) {
	b, err := json.Marshal([]any{m.konto.ID, m.n.Post.Tittel, m.n.Post.Mottaker})
	if err != nil {
		return "", fmt.Errorf("encoding a receiver: %w", err)
	}
	return m.s.Ring.Lookup("svarut.duplikat", string(b)), nil
}

// taID uses up an id of the sender's; true when it is this forsendelse that
// was accepted under it already.
func (m *Mottak) taID(ctx context.Context, tx *store.Tx, duplikat string) (igjen bool, err error) {
	var antall, samme int
	if err := tx.QueryRowContext(ctx, `SELECT count(*), count(CASE WHEN duplikat = $2 THEN 1 END) FROM svarut_forsendelser WHERE id = $1`,
		m.n.ID, duplikat).Scan(&antall, &samme); err != nil {
		return false, fmt.Errorf("looking for an id: %w", err)
	}
	if antall > 0 && samme == 0 {
		return false, feil.Ny(feil.Konflikt, "Forsendelsens id er brukt før")
	}
	if samme > 0 {
		return true, nil
	}
	var andres int
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM svarut_startet WHERE id = $1 AND konto <> $2`, m.n.ID, m.konto.ID).Scan(&andres); err != nil {
		return false, fmt.Errorf("looking for a started id: %w", err)
	}
	if andres > 0 {
		return false, feil.Ny(feil.Konflikt, "Forsendelsens id er brukt før")
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM svarut_startet WHERE id = $1`, m.n.ID); err != nil {
		return false, fmt.Errorf("using up a started id: %w", err)
	}
	return false, nil
}

// aksept is what differs between a sender's forsendelse and one of a service of
// the platform.
type aksept struct {
	duplikat string
	fiksOrg  string // who owns the levering
	melder   bool   // a levering waits for the outcome
}

// aksepter is the one transaction of an intake.
func (s *Service) aksepter(ctx context.Context, tx *store.Tx, id string, konto Konto, inn Innhold, filer []*dokumentlager.Opplasting, a aksept) error {
	naa := s.Klokke.Now()
	for i, d := range inn.Dokumenter {
		if _, err := s.Dokumentlager.Lagre(ctx, tx, filer[i], dokumentlager.Metadata{
			ID: d.ID, KontoID: s.filkonto(), Dokumentnavn: d.Filnavn, Mimetype: d.Mimetype,
			Sikkerhetsniva: inn.Post.Niva, Korrelasjonsid: id,
		}); err != nil {
			return fmt.Errorf("storing the files of %s: %w", id, err)
		}
	}
	f := Forsendelse{ID: id, KontoID: konto.ID, Status: Akseptert, Endret: naa, Niva: inn.Post.Niva, Mottatt: naa, Innhold: inn}
	if err := s.settInn(ctx, tx, f, a.duplikat, a.melder); err != nil {
		return err
	}
	filord := "dokument"
	if len(inn.Dokumenter) != 1 {
		filord = "dokumenter"
	}
	for _, tekst := range []string{
		"Forsendelsen er mottatt.",
		fmt.Sprintf("Metadata er kontrollert, og %d %s er lagret.", len(inn.Dokumenter), filord),
		"Forsendelsen er akseptert og blir ekspedert.",
	} {
		if err := s.skrivHendelse(ctx, tx, id, tekst, false); err != nil {
			return err
		}
	}
	if err := s.Levering.Opprett(ctx, tx, levering.Ny{ID: id, Kilde: Kilde, KildeID: id, FiksOrgID: a.fiksOrg, Plan: s.cfg.plan(inn.Post)}); err != nil {
		return fmt.Errorf("opening the levering of %s: %w", id, err)
	}
	return s.logg(ctx, tx, audit.Hendelse{FiksOrg: a.fiksOrg, Gjelder: inn.Post.Mottaker.Fnr, Underressurs: id, Handling: "SVARUT_AKSEPTERT"})
}

// Start gives out an id for a forsendelse to come (REST v1).
func (s *Service) Start(ctx context.Context, kontoID string) (string, error) {
	id := uuid.NewString()
	err := s.DB.Write(ctx, func(tx *store.Tx) error {
		naa := s.Klokke.Now()
		if _, err := tx.ExecContext(ctx, `INSERT INTO svarut_startet (id, konto, opprettet) VALUES ($1,$2,$3)`, id, kontoID, store.Micros(naa)); err != nil {
			return fmt.Errorf("storing a started id: %w", err)
		}
		s.vekk(tx, naa.AddDate(0, s.cfg.Levetid, 0))
		return nil
	})
	return id, err
}
