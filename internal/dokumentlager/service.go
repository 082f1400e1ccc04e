package dokumentlager

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"

	"knutepunkt/cms"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/blob"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/jobs"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

// Service stores and hands out documents.
type Service struct {
	db     *store.DB
	ring   *keys.Ring
	blob   *blob.Store
	klokke klokke.Klokke
	jobber *jobs.Engine
	org    *organisasjon.Service
}

// NewService makes the service and registers its expiry with the job engine.
func NewService(db *store.DB, ring *keys.Ring, b *blob.Store, k klokke.Klokke, jobber *jobs.Engine,
	org *organisasjon.Service) *Service {
	s := &Service{db: db, ring: ring, blob: b, klokke: k, jobber: jobber, org: org}
	jobber.AddDuty(jobs.Duty{Name: utlopDuty, Next: s.nesteUtlop, RunOnce: s.utlop})
	return s
}

// Opplasting is a document that has been received and stored, but does not
// exist before Lagre.
type Opplasting struct {
	w        *blob.Writer
	kryptert int64
}

// Size is the number of plaintext bytes.
func (o *Opplasting) Size() int64 { return o.w.Size() }

// Apne reads back what was received, from offset, before Lagre or Forkast.
func (o *Opplasting) Apne(ctx context.Context, offset int64) (io.ReadCloser, error) {
	return o.w.Open(ctx, offset)
}

// Forkast throws the content away unless it was committed. Safe to defer.
func (o *Opplasting) Forkast() { o.w.Discard() }

// teller counts what is read, and refuses more than the limit.
type teller struct {
	r io.Reader
	n int64
}

func (t *teller) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.n += int64(n)
	if t.n > MaxStorrelse {
		return n, feil.Ny(feil.ForStor, "Dokumentet er større enn %d GB", MaxStorrelse>>30)
	}
	return n, err
}

// Motta streams one document from r into the at-rest form. When kryptert, r is
// CMS EnvelopedData to the platform's dokumentlager key and is decrypted on the
// way: feil.Ugyldig when it is not that, or is damaged. feil.ForStor above MaxStorrelse.
// Each of tapp gets the plaintext as well, as it comes: a hash, say.
func (s *Service) Motta(ctx context.Context, r io.Reader, kryptert bool, tapp ...io.Writer) (*Opplasting, error) {
	inn := &teller{r: r}
	var klart io.Reader = inn
	if kryptert {
		nokler, err := s.nokler(ctx)
		if err != nil {
			return nil, err
		}
		klart, err = cms.NewReader(inn, nokler...)
		if err != nil {
			return nil, mottaksfeil(err)
		}
	}
	o := &Opplasting{w: s.blob.Create(ctx)}
	if _, err := io.Copy(io.MultiWriter(append([]io.Writer{o.w}, tapp...)...), klart); err != nil {
		o.Forkast()
		return nil, mottaksfeil(err)
	}
	if err := o.w.Close(); err != nil {
		o.Forkast()
		return nil, fmt.Errorf("storing a document: %w", err)
	}
	o.kryptert = inn.n
	return o, nil
}

// nokler are the private keys that uploads may be encrypted to, the current one first.
func (s *Service) nokler(ctx context.Context) ([]cms.Key, error) {
	plattform, err := s.ring.Platform(ctx, keys.Dokumentlager)
	if err != nil {
		return nil, fmt.Errorf("reading the dokumentlager keys: %w", err)
	}
	nokler := make([]cms.Key, len(plattform))
	for i, p := range plattform {
		nokler[i] = cms.Key{Private: p.Key}
	}
	return nokler, nil
}

// mottaksfeil turns what went wrong while reading an upload into an answer. All
// failures behind the header look alike, so that nobody can ask us to decrypt.
func mottaksfeil(err error) error {
	if _, ok := errors.AsType[*feil.Feil](err); ok {
		return err
	}
	if forStor, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return feil.Ny(feil.ForStor, "Innholdet er større enn %d byte", forStor.Limit).Med(err)
	}
	switch {
	case errors.Is(err, cms.ErrFormat), errors.Is(err, cms.ErrUnsupported):
		return feil.Ny(feil.Ugyldig, "Filen er ikke gyldig kryptert (CMS EnvelopedData), eller er avkortet").Med(err)
	case errors.Is(err, cms.ErrTooLarge):
		return feil.Ny(feil.Ugyldig, "Filen er for stor for AES-GCM; bruk AES-256-CBC").Med(err)
	case errors.Is(err, cms.ErrNoRecipient), errors.Is(err, cms.ErrDecrypt):
		return feil.Ny(feil.Ugyldig, "Filen kunne ikke dekrypteres. Krypter den med sertifikatet fra public-key").Med(err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return feil.Ny(feil.Ugyldig, "Forespørselen sluttet midt i filen").Med(err)
	}
	return fmt.Errorf("receiving a document: %w", err)
}

// Lagre makes the document exist, in tx. feil.IkkeFunnet for an unknown konto,
// feil.Slettet for a deleted one.
func (s *Service) Lagre(ctx context.Context, tx *store.Tx, o *Opplasting, m Metadata) (Metadata, error) {
	if m.ID == "" {
		m.ID = uuid.NewString()
	}
	m.Opprettet, m.Ukryptert, m.Kryptert = s.klokke.Now(), o.Size(), o.kryptert
	if err := o.w.Commit(ctx, tx); err != nil {
		return m, fmt.Errorf("storing document %s: %w", m.ID, err)
	}
	if err := s.settInn(ctx, tx, m, o.w.ID()); err != nil {
		return m, err
	}
	if !m.TilgjengeligTil.IsZero() {
		tx.OnCommit(func() { s.jobber.Wake(utlopDuty) })
	}
	return m, nil
}

// Metadata finds a document's metadata; feil.IkkeFunnet. Deleted documents keep it.
func (s *Service) Metadata(ctx context.Context, id string) (Metadata, error) {
	m, _, err := s.hent(ctx, s.db.Read(), id)
	return m, err
}

// Hendelser lists what happened to a document, oldest first.
func (s *Service) Hendelser(ctx context.Context, id string) ([]Hendelse, error) {
	return lesHendelser(ctx, s.db.Read(), id)
}

// utilgjengelig tells whether a document's content is gone or its time is over.
func (s *Service) utilgjengelig(m Metadata) error {
	if !m.Slettet.IsZero() {
		return feil.Ny(feil.Slettet, "Dokumentet er slettet")
	}
	if !m.TilgjengeligTil.IsZero() && !s.klokke.Now().Before(m.TilgjengeligTil) {
		return feil.Ny(feil.Slettet, "Dokumentet er ikke lenger tilgjengelig")
	}
	return nil
}

// Apne opens a document's plaintext from offset, without any check of grants:
// for services that have decided themselves. feil.IkkeFunnet, feil.Slettet.
func (s *Service) Apne(ctx context.Context, id string, offset int64) (io.ReadCloser, Metadata, error) {
	m, blobID, err := s.hent(ctx, s.db.Read(), id)
	if err != nil {
		return nil, m, err
	}
	if err := s.utilgjengelig(m); err != nil {
		return nil, m, err
	}
	r, err := s.blob.Open(ctx, blobID, offset)
	if err != nil {
		return nil, m, fmt.Errorf("opening document %s: %w", id, err)
	}
	return r, m, nil
}

// Sjekk tells whether the caller may download: nil, feil.IngenTilgang when the
// login level is too low, feil.Slettet, and feil.IkkeFunnet both for what does
// not exist and for what is not the caller's, so that ids cannot be probed.
func (s *Service) Sjekk(ctx context.Context, c auth.Caller, id string) (Metadata, error) {
	m, _, err := s.hent(ctx, s.db.Read(), id)
	if err != nil {
		return m, err
	}
	ok, err := s.eksponert(ctx, c, m.EksponertFor)
	if err != nil {
		return m, err
	}
	if !ok {
		return Metadata{}, feil.Ny(feil.IkkeFunnet, "Dokumentet finnes ikke")
	}
	if c.Fnr != "" && c.Niva < m.Sikkerhetsniva {
		return m, feil.Ny(feil.IngenTilgang, "Dokumentet krever innlogging på nivå %d", m.Sikkerhetsniva)
	}
	return m, s.utilgjengelig(m)
}

func (s *Service) eksponert(ctx context.Context, c auth.Caller, grants []Eksponering) (bool, error) {
	for _, e := range grants {
		switch e.Type {
		case "PERSON":
			if c.Fnr != "" && subtle.ConstantTimeCompare([]byte(c.Fnr), []byte(e.Fnr)) == 1 {
				return true, nil
			}
		case "INTEGRASJON":
			if c.Slag == auth.Integrasjon && c.IntegrasjonID == e.ID {
				return true, nil
			}
		case "AUTORISASJON":
			if c.Slag != auth.Integrasjon && c.Slag != auth.Person {
				continue
			}
			ok, err := s.org.Har(ctx, c.Aktor(), e.Privilegium, e.Ressurs)
			if err != nil {
				return false, fmt.Errorf("checking a grant: %w", err)
			}
			if ok {
				return true, nil
			}
		}
		// ORGANISASJON needs Altinn's roles and MATRIKKELENHET a land registry: denied.
	}
	return false, nil
}

// lastetNed is what a document's history says of a download.
const lastetNed = "Lastet ned"

// NotNedlasting notes a download among what happened to the document, unless it asked not to.
func (s *Service) NotNedlasting(ctx context.Context, c auth.Caller, m Metadata) error {
	if m.IkkeLoggNedlasting {
		return nil
	}
	return s.db.Write(ctx, func(tx *store.Tx) error {
		return skrivHendelse(ctx, tx, m.ID, Hendelse{Tidspunkt: s.klokke.Now(), Melding: lastetNed, Aktor: aktorNavn(c)})
	})
}

func aktorNavn(c auth.Caller) string {
	if c.Fnr != "" {
		return "PERSON"
	}
	return c.IntegrasjonID
}

// Slett deletes the content in tx; metadata stays. Idempotent; feil.IkkeFunnet.
func (s *Service) Slett(ctx context.Context, tx *store.Tx, id string) error {
	m, blobID, err := s.hent(ctx, tx, id)
	if err != nil {
		return err
	}
	if !m.Slettet.IsZero() {
		return nil
	}
	m.Slettet = s.klokke.Now()
	if err := s.oppdater(ctx, tx, m); err != nil {
		return err
	}
	if err := s.blob.Delete(ctx, tx, blobID); err != nil {
		return fmt.Errorf("deleting document %s: %w", id, err)
	}
	return nil
}

// slettAv deletes as Slett does, and notes who did it.
func (s *Service) slettAv(ctx context.Context, tx *store.Tx, av auth.Caller, id string) error {
	if err := s.Slett(ctx, tx, id); err != nil {
		return err
	}
	return skrivHendelse(ctx, tx, id, Hendelse{Tidspunkt: s.klokke.Now(), Melding: "Slettet", Aktor: aktorNavn(av)})
}

// Flytt moves a document to another konto, with an expiry (zero: never) and
// grants of its own: mellomlagring becoming part of a case, say. feil.IkkeFunnet,
// feil.Slettet.
func (s *Service) Flytt(ctx context.Context, tx *store.Tx, id, kontoID string, til time.Time, eksponertFor []Eksponering) error {
	m, err := s.levende(ctx, tx, id)
	if err != nil {
		return err
	}
	m.KontoID, m.TilgjengeligTil, m.EksponertFor = kontoID, til, eksponertFor
	return s.settLevetid(ctx, tx, m)
}

// SettUtlop changes when a document expires; zero: never. feil.IkkeFunnet, feil.Slettet.
func (s *Service) SettUtlop(ctx context.Context, tx *store.Tx, id string, til time.Time) error {
	m, err := s.levende(ctx, tx, id)
	if err != nil {
		return err
	}
	m.TilgjengeligTil = til
	return s.settLevetid(ctx, tx, m)
}

func (s *Service) levende(ctx context.Context, tx *store.Tx, id string) (Metadata, error) {
	m, _, err := s.hent(ctx, tx, id)
	if err == nil {
		err = s.utilgjengelig(m)
	}
	return m, err
}

func (s *Service) settLevetid(ctx context.Context, tx *store.Tx, m Metadata) error {
	tx.OnCommit(func() { s.jobber.Wake(utlopDuty) })
	return s.oppdater(ctx, tx, m)
}

// OpprettKonto makes a konto and its ressurs under the organisation's service.
func (s *Service) OpprettKonto(ctx context.Context, tx *store.Tx, k Konto) (Konto, error) {
	if k.ID == "" {
		k.ID = uuid.NewString()
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO dokumentlager_kontoer (id, fiks_org, navn, tjenestens, opprettet) VALUES ($1,$2,$3,$4,$5)`,
		k.ID, k.FiksOrgID, k.Navn, heltall(k.Tjenestens), store.Micros(s.klokke.Now())); err != nil {
		if store.IsUnique(err) {
			return k, feil.Ny(feil.Konflikt, "Dokumentlager-kontoen finnes allerede")
		}
		return k, fmt.Errorf("storing dokumentlager konto %s: %w", k.ID, err)
	}
	tjeneste, err := s.org.TaIBruk(ctx, tx, k.FiksOrgID, organisasjon.TypeDokumentlager)
	if err != nil {
		return k, fmt.Errorf("taking dokumentlager into use: %w", err)
	}
	err = s.org.OpprettRessurs(ctx, tx, organisasjon.Ressurs{
		ID: k.ID, Forelder: tjeneste, Type: organisasjon.TypeDokumentlagerKonto, Navn: k.Navn,
	})
	if err != nil {
		return k, fmt.Errorf("making the ressurs of dokumentlager konto %s: %w", k.ID, err)
	}
	return k, nil
}

// Konto finds a konto that an organisation uses itself; feil.IkkeFunnet,
// feil.Slettet, feil.IngenTilgang for one of a service.
func (s *Service) Konto(ctx context.Context, fiksOrgID, kontoID string) (Konto, error) {
	k, err := hentKonto(ctx, s.db.Read(), kontoID)
	switch {
	case err != nil:
		return k, err
	case k.FiksOrgID != fiksOrgID:
		return Konto{}, feil.Ny(feil.IkkeFunnet, "Dokumentlager-kontoen finnes ikke")
	case k.Tjenestens:
		return Konto{}, feil.Ny(feil.IngenTilgang, "Dokumentlager-kontoen brukes av en tjeneste på plattformen og er ikke åpen for andre")
	case !k.Slettet.IsZero():
		return k, feil.Ny(feil.Slettet, "Dokumentlager-kontoen er slettet")
	}
	return k, nil
}
