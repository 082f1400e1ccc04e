package fiksio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/blob"
	"knutepunkt/internal/dokumentlager"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/fiksio/amqp"
	"knutepunkt/internal/store"
)

const (
	// maksIRad is the largest body kept in the message's own row, bytes: what the
	// listener wants to have at hand.
	maksIRad = amqp.InlineBody
	// maksIMinne is how much of a payload is held in memory while its size is unknown.
	maksIMinne = 256 << 10
	// maksHeadere bounds all header names and values together, bytes, and
	// maksAntallHeadere how many there are: with what AMQP adds to each they must
	// fit in one frame.
	maksHeadere       = 32 << 10
	maksAntallHeadere = 1000
	// ekstraLevetid is how much longer a large payload lives than its message (contract §5.1).
	ekstraLevetid = 24 * time.Hour

	headerPrefiks = "egendefinert-header."
)

// Nyttelast is a payload that was received and stored but not yet sent.
type Nyttelast struct {
	storrelse int64
	kropp     []byte                    // up to maksIRad
	blob      *blob.Writer              // up to MaxInline
	dokument  *dokumentlager.Opplasting // above
}

// Forkast throws it away unless it was sent. Safe to defer.
func (n *Nyttelast) Forkast() {
	if n == nil {
		return
	}
	if n.blob != nil {
		n.blob.Discard()
	}
	if n.dokument != nil {
		n.dokument.Forkast()
	}
}

// Size in bytes.
func (n *Nyttelast) Size() int64 {
	if n == nil {
		return 0
	}
	return n.storrelse
}

// Motta streams a payload (an encrypted ASiC-E) in, at rest encrypted once more:
// up to MaxInline it stays inline, above it goes to dokumentlager. Memory is
// bounded whatever the size. An empty payload is none: nil. feil.ForStor above
// dokumentlager's limit.
func (s *Service) Motta(ctx context.Context, r io.Reader) (*Nyttelast, error) {
	var buf bytes.Buffer
	lest, err := io.Copy(&buf, io.LimitReader(r, maksIMinne+1))
	switch {
	case err != nil:
		return nil, err
	case lest == 0:
		return nil, nil
	case lest <= maksIRad:
		return &Nyttelast{storrelse: lest, kropp: buf.Bytes()}, nil
	}
	w := s.Blobs.Create(ctx)
	if lest <= maksIMinne {
		return lukkBlob(w, &buf)
	}
	// Whether it stays inline is known at the end only: until MaxInline is passed,
	// it is written to both places.
	kopi := &tilBegge{r: io.MultiReader(&buf, r), w: w}
	dok, err := s.Dokumentlager.Motta(ctx, kopi, false)
	if err != nil {
		w.Discard()
		return nil, err
	}
	if kopi.n > MaxInline {
		return &Nyttelast{storrelse: kopi.n, dokument: dok}, nil
	}
	dok.Forkast()
	return lukkBlob(w, nil)
}

func lukkBlob(w *blob.Writer, r io.Reader) (*Nyttelast, error) {
	if r != nil {
		if _, err := io.Copy(w, r); err != nil {
			w.Discard()
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		w.Discard()
		return nil, err
	}
	return &Nyttelast{storrelse: w.Size(), blob: w}, nil
}

// tilBegge copies what is read from r to w until MaxInline is passed.
type tilBegge struct {
	r io.Reader
	w *blob.Writer
	n int64
}

func (t *tilBegge) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	before := t.n
	t.n += int64(n)
	switch {
	case t.n <= MaxInline:
		if n > 0 {
			if _, werr := t.w.Write(p[:n]); werr != nil {
				return n, werr
			}
		}
	case before <= MaxInline:
		t.w.Discard()
	}
	return n, err
}

// sjekkType checks a meldingstype; nil when it is good.
func sjekkType(t string) *feil.Feil {
	if t == "" || len(t) > 255 || !utf8.ValidString(t) || strings.ContainsFunc(t, func(r rune) bool {
		return unicode.IsControl(r) || unicode.IsSpace(r)
	}) {
		return feil.Ny(feil.Ugyldig, "meldingType må være 1 til 255 byte tekst uten mellomrom")
	}
	return nil
}

// Validate checks a message's own fields; feil.Ugyldig.
func (u Utgaaende) Validate() error {
	if f := sjekkType(u.Type); f != nil {
		return f
	}
	for _, id := range []struct{ navn, verdi string }{{"meldingId", u.MeldingID}, {"svarPaMelding", u.SvarPaMelding}} {
		if id.verdi != "" && !erUUID(id.verdi) {
			return feil.Ny(feil.Ugyldig, "%s må være en UUID", id.navn)
		}
	}
	if u.TTL != 0 && (u.TTL < MinTTL || u.TTL > MaxTTL) {
		return feil.Ny(feil.Ugyldig, "ttl må være minst %d og høyst %d millisekunder", MinTTL.Milliseconds(), MaxTTL.Milliseconds())
	}
	if len(u.Headere) > maksAntallHeadere {
		return feil.Ny(feil.Ugyldig, "headere har %d navn: høyst %d er tillatt", len(u.Headere), maksAntallHeadere)
	}
	n := 0
	for k, v := range u.Headere {
		if k == "" || len(k) > 255-len(headerPrefiks) || !utf8.ValidString(k) || !utf8.ValidString(v) || strings.ContainsFunc(k, unicode.IsControl) {
			return feil.Ny(feil.Ugyldig, "Navnet på en header i headere må være 1 til %d byte uten kontrolltegn", 255-len(headerPrefiks))
		}
		n += len(k) + len(v)
	}
	if n > maksHeadere {
		return feil.Ny(feil.Ugyldig, "headere er på %d byte til sammen: høyst %d er tillatt", n, maksHeadere)
	}
	return nil
}

func erUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	_, err := uuid.Parse(s)
	return err == nil
}

// Sjekk tells, before any payload is read, whether Send would refuse u; the
// same errors.
func (s *Service) Sjekk(ctx context.Context, u Utgaaende) error {
	_, _, err := s.sjekk(ctx, s.DB.Read(), u)
	return err
}

func (s *Service) sjekk(ctx context.Context, q store.Queryer, u Utgaaende) (avsender, mottaker Konto, err error) {
	if err := u.Validate(); err != nil {
		return Konto{}, Konto{}, err
	}
	avsender, mottaker, grunner, err := s.avvis(ctx, q, u.AvsenderKontoID, u.MottakerKontoID, u.Type)
	if err == nil && len(grunner) > 0 {
		err = grunner[0]
	}
	return avsender, mottaker, err
}

// Send puts a message into the mottaker's queue in tx; a waiting consumer gets it
// the moment tx commits. n may be nil. feil.Ugyldig (unknown or inactive konto,
// bad ttl, sender not accepted), feil.IkkeFunnet.
func (s *Service) Send(ctx context.Context, tx *store.Tx, u Utgaaende, n *Nyttelast) (Melding, error) {
	u.MeldingID = strings.ToLower(u.MeldingID)
	avsender, mottaker, err := s.sjekk(ctx, tx, u)
	if err != nil {
		return Melding{}, err
	}
	now := s.Klokke.Now()
	if u.TTL == 0 {
		u.TTL = StandardTTL
	}
	u.TTL = u.TTL.Truncate(time.Millisecond)
	if len(u.RaaHeadere) > 0 {
		u.Headere = maps.Clone(u.Headere)
		if u.Headere == nil {
			u.Headere = map[string]string{}
		}
		for k, v := range u.RaaHeadere {
			u.Headere[raaHeader+k] = v
		}
	}
	m := Melding{Utgaaende: u, AvsenderNavn: avsender.Navn, Opprettet: now, Utloper: now.Add(u.TTL)}
	if u.MeldingID == "" {
		m.MeldingID = uuid.NewString()
	} else {
		ny, err := s.merkEgen(ctx, tx, &m)
		if err != nil || !ny {
			return m, err
		}
	}
	if n != nil && n.dokument != nil {
		d, err := s.Dokumentlager.Lagre(ctx, tx, n.dokument, dokumentlager.Metadata{
			KontoID: mottaker.DokumentlagerKontoID, Dokumentnavn: m.MeldingID, Mimetype: "application/octet-stream",
			Sikkerhetsniva: 3, TilgjengeligTil: m.Utloper.Add(ekstraLevetid), Korrelasjonsid: m.MeldingID,
			EksponertFor: []dokumentlager.Eksponering{{Type: "AUTORISASJON", Privilegium: auth.FiksIOKonto, Ressurs: mottaker.ID}},
		})
		if err != nil {
			return Melding{}, fmt.Errorf("storing large payload: %w", err)
		}
		m.DokumentlagerID = d.ID
	}
	if err := s.settInn(ctx, tx, mottaker, &m, n); err != nil {
		return Melding{}, err
	}
	return m, nil
}

// settInn numbers and stores a message, and has its consumers told at commit.
func (s *Service) settInn(ctx context.Context, tx *store.Tx, mottaker Konto, m *Melding, n *Nyttelast) error {
	m.HarNyttelast = n != nil
	if n != nil && n.dokument == nil {
		m.Storrelse, m.kropp = n.storrelse, n.kropp
	}
	if err := s.lagreMelding(ctx, tx, mottaker.nr, m); err != nil {
		return err
	}
	if n != nil && n.blob != nil {
		if err := n.lagreBlob(ctx, tx, m.id); err != nil {
			return err
		}
	}
	if mottaker.Intern {
		if err := s.Jobs.Enqueue(ctx, tx, internJobb(mottaker.ID)); err != nil {
			return fmt.Errorf("enqueueing consumer: %w", err)
		}
	}
	ko, frisk := Ko(mottaker.ID), *m
	alene, err := s.alene(ctx, tx, ko, m.id)
	if err != nil {
		return err
	}
	tx.OnCommit(func() {
		kring := s.kringkaster()
		s.minne.leggTil(ko, frisk.Seq, alene, kring.Consumers(ko) > 0, func() amqp.Message { return amqpMelding(ko, frisk) })
		s.meldUtlop(frisk.Utloper)
		kring.Notify(ko)
	})
	return nil
}

// alene tells whether nothing is before row id in its queue; it looks only when
// that matters to what is kept in memory.
func (s *Service) alene(ctx context.Context, tx *store.Tx, ko string, id int64) (bool, error) {
	if s.kringkaster().Consumers(ko) > 0 || s.minne.venter(ko) {
		return false, nil
	}
	nr, _ := delNokkel(id)
	var n int
	err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM fiksio_melding WHERE id > $1 AND id < $2 LIMIT 1) AS f`, nokkel(nr, 0), id).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("looking for earlier messages: %w", err)
	}
	return n == 0, nil
}

// lagreBlob makes the blob the body of row id.
func (n *Nyttelast) lagreBlob(ctx context.Context, tx *store.Tx, id int64) error {
	if err := n.blob.Commit(ctx, tx); err != nil {
		return fmt.Errorf("storing payload: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO fiksio_kropp (id, blob_id) VALUES ($1, $2)`, id, n.blob.ID()); err != nil {
		return fmt.Errorf("storing payload: %w", err)
	}
	return nil
}

// apneNyttelast opens the payload wherever it lies.
func (s *Service) apneNyttelast(ctx context.Context, q store.Queryer, m Melding) (io.ReadCloser, error) {
	switch {
	case m.skadet:
		return nil, errInnhold
	case m.DokumentlagerID != "":
		r, _, err := s.Dokumentlager.Apne(ctx, m.DokumentlagerID, 0)
		return r, err
	case !m.HarNyttelast:
		return nil, feil.Ny(feil.IkkeFunnet, "Meldingen har ingen nyttelast")
	case m.kropp != nil:
		return io.NopCloser(bytes.NewReader(m.kropp)), nil
	}
	id, err := s.blobAv(ctx, q, m.id)
	if err != nil {
		return nil, err
	}
	r, err := s.Blobs.Open(ctx, id, 0)
	if errors.Is(err, blob.ErrIkkeFunnet) {
		return nil, feil.Ny(feil.IkkeFunnet, "Meldingen er ikke lenger i køen").Med(err)
	}
	return r, err
}

// amqpMelding is the message as the listener delivers it (contract §6.4).
func amqpMelding(ko string, m Melding) amqp.Message {
	h := make([]amqp.Header, 0, 7+len(m.Headere))
	if m.Type != "" { // empty when it was published (see Publiserende): its headers are its own
		h = append(h, amqp.Header{Name: "melding-id", Value: m.MeldingID},
			amqp.Header{Name: "type", Value: m.Type}, amqp.Header{Name: "avsender-id", Value: m.AvsenderKontoID})
	}
	for _, v := range []amqp.Header{{Name: "avsender-navn", Value: m.AvsenderNavn}, {Name: "svar-til", Value: m.SvarPaMelding},
		{Name: "svar-til-type", Value: m.SvarTilType}, {Name: "dokumentlager-id", Value: m.DokumentlagerID}} {
		if v.Value != "" {
			h = append(h, v)
		}
	}
	for _, k := range sorterteNavn(m.Headere) {
		navn, raa := strings.CutPrefix(k, raaHeader)
		if !raa {
			navn = headerPrefiks + k
		}
		h = append(h, amqp.Header{Name: navn, Value: m.Headere[k]})
	}
	levetid := ""
	if m.TTL > 0 {
		levetid = ms(m.TTL)
	}
	return amqp.Message{Seq: m.Seq, Queue: ko, Headers: h, Expiration: levetid, ExpiresAt: m.Utloper,
		Redelivered: m.Forsok > 0, Size: m.Storrelse, Body: m.kropp}
}
