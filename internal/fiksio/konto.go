package fiksio

import (
	"context"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/dokumentlager"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

// Patterns of the wire (contract §3 and §4).
var (
	reIdentifikator = regexp.MustCompile(`^[A-Z_]+\.[0-9]+$`)
	reProtokoll     = regexp.MustCompile(`^[0-9a-zæøåA-ZÆØÅ.]+$`)
	reBeskrivelse   = regexp.MustCompile(`^[A-Za-zæøåÆØÅ0-9_.,/\-_ ]+$`)
	reNavn          = regexp.MustCompile(`^[A-ZÆØÅa-zæøå0-9ÁáÀàÂâÉéÈèÊêÍíÌìÎîÓóÒòÔôÚúÙùÛûÝýÄäËëÏïÖöÜü,.!?\-:;/\\'()&+*=%§ ]+$`)
	reSiffer        = regexp.MustCompile(`^[0-9]{1,20}$`)
)

// visID lets an id from outside into a message when it is one, so that nothing
// else can be reflected.
func visID(id string) string {
	if u, err := uuid.Parse(id); err == nil {
		return u.String()
	}
	return "(ugyldig id)"
}

// Validate checks the konto's own fields.
func (k Konto) Validate() error {
	if n := len([]rune(k.Navn)); n < 2 || n > 200 || !reNavn.MatchString(k.Navn) || strings.TrimSpace(k.Navn) != k.Navn {
		return feil.Ny(feil.Ugyldig, "Kontonavnet må ha 2 til 200 tegn: bokstaver, siffer og vanlige skilletegn, uten mellomrom først og sist")
	}
	return nil
}

// Validate checks an identifikator's form.
func (i Identifikator) Validate() error {
	if i.Type != "ORG_NO" && i.Type != "NAVENHET_ID" {
		return feil.Ny(feil.Ugyldig, "identifikatorType må være ORG_NO eller NAVENHET_ID")
	}
	if !reSiffer.MatchString(i.Verdi) {
		return feil.Ny(feil.Ugyldig, "identifikator må bestå av 1 til 20 siffer")
	}
	if i.Type == "ORG_NO" && len(i.Verdi) != 9 {
		return feil.Ny(feil.Ugyldig, "identifikator av type ORG_NO må ha 9 siffer")
	}
	return nil
}

// Validate checks each part's form.
func (a Adresse) Validate() error {
	if len(a.Beskrivelse) > 500 || !reBeskrivelse.MatchString(a.Beskrivelse) {
		return feil.Ny(feil.Ugyldig, "beskrivelse må være 1 til 500 tegn av bokstaver, siffer, mellomrom og _ . , / -")
	}
	for _, i := range a.Identifikatorer {
		if err := i.Validate(); err != nil {
			return err
		}
	}
	for _, p := range a.Protokoller {
		if len(p) > 200 || !reProtokoll.MatchString(p) {
			return feil.Ny(feil.Ugyldig, "meldingsprotokoll må bestå av bokstaver, siffer og punktum")
		}
	}
	for _, n := range a.Nivaer {
		if n < 1 || n > 4 {
			return feil.Ny(feil.Ugyldig, "sikkerhetsniva må være fra 1 til 4")
		}
	}
	if len(a.Identifikatorer) > 1000 || len(a.Protokoller) > 1000 {
		return feil.Ny(feil.Ugyldig, "en adresse kan ha høyst 1000 identifikatorer og 1000 meldingsprotokoller")
	}
	return nil
}

// OpprettKonto makes a konto, its ressurs and its dokumentlager konto. cert may be nil (DER otherwise).
func (s *Service) OpprettKonto(ctx context.Context, tx *store.Tx, k Konto) (Konto, error) {
	now := s.Klokke.Now()
	if k.ID == "" {
		k.ID = uuid.NewString()
	}
	if err := k.Validate(); err != nil {
		return Konto{}, err
	}
	if k.Sertifikat != nil {
		if _, err := sjekkSertifikat(k.Sertifikat, now); err != nil {
			return Konto{}, err
		}
	}
	forelder, err := s.Organisasjon.TaIBruk(ctx, tx, k.FiksOrgID, organisasjon.TypeFiksIO)
	if err != nil {
		return Konto{}, err
	}
	if k.Forelder != "" {
		forelder = k.Forelder
	}
	if err := s.Organisasjon.OpprettRessurs(ctx, tx, organisasjon.Ressurs{
		ID: k.ID, Forelder: forelder, Type: organisasjon.TypeFiksIOKonto, Navn: k.Navn}); err != nil {
		return Konto{}, err
	}
	if _, err := s.Organisasjon.TaIBruk(ctx, tx, k.FiksOrgID, organisasjon.TypeDokumentlager); err != nil {
		return Konto{}, err
	}
	dok, err := s.Dokumentlager.OpprettKonto(ctx, tx, dokumentlager.Konto{
		ID: k.DokumentlagerKontoID, FiksOrgID: k.FiksOrgID, Navn: "Fiks IO " + k.Navn, Tjenestens: true})
	if err != nil {
		return Konto{}, err
	}
	k.DokumentlagerKontoID = dok.ID
	k.Opprettet, k.SistEndret, k.SistEndretAv = now, now, k.OpprettetAv
	if err := s.settInnKonto(ctx, tx, &k); err != nil {
		return Konto{}, err
	}
	return k, nil
}

// Konto finds a konto; feil.IkkeFunnet.
func (s *Service) Konto(ctx context.Context, id string) (Konto, error) {
	return s.hentKonto(ctx, s.DB.Read(), id)
}

// Kontoer lists the kontoer of an organisation by name; "" lists all.
func (s *Service) Kontoer(ctx context.Context, fiksOrgID string) ([]Konto, error) {
	return s.kontoer(ctx, s.DB.Read(), fiksOrgID)
}

// Plattformkontoer lists the platform's own kontoer: what its services send from.
func (s *Service) Plattformkontoer(ctx context.Context) ([]Konto, error) {
	ks, err := s.kontoer(ctx, s.DB.Read(), "")
	return slices.DeleteFunc(ks, func(k Konto) bool { return !k.Intern }), err
}

// EndreKonto lets fn change a konto in one transaction; av is who did it.
// feil.IkkeFunnet, feil.Konflikt for the platform's own, feil.Ugyldig for what
// does not hold afterwards, and fn's error.
func (s *Service) EndreKonto(ctx context.Context, id, av string, fn func(tx *store.Tx, k *Konto) error) (Konto, error) {
	return s.endreKonto(ctx, id, av, func(tx *store.Tx, k *Konto) error {
		forrige := k.Sertifikat
		if err := fn(tx, k); err != nil {
			return err
		}
		if k.Sertifikat != nil && !slices.Equal(forrige, k.Sertifikat) {
			if _, err := sjekkSertifikat(k.Sertifikat, s.Klokke.Now()); err != nil {
				return err
			}
		}
		return k.Validate()
	})
}

// NavnLedig tells whether no other konto of k's organisation has its name,
// whatever the case of its letters. Only people need names to be unlike: nothing
// else asks for it.
func (s *Service) NavnLedig(ctx context.Context, q store.Queryer, k Konto) (bool, error) {
	ks, err := s.kontoer(ctx, q, k.FiksOrgID)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(ks, func(a Konto) bool { return a.ID != k.ID && strings.EqualFold(a.Navn, k.Navn) }), nil
}

// endreKonto changes a konto in a transaction of its own. feil.IkkeFunnet,
// feil.Konflikt for the platform's own, and fn's error.
func (s *Service) endreKonto(ctx context.Context, id, av string, fn func(tx *store.Tx, k *Konto) error) (k Konto, err error) {
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		k, err = s.endreKontoI(ctx, tx, id, av, fn)
		return err
	})
	return k, err
}

func (s *Service) endreKontoI(ctx context.Context, tx *store.Tx, id, av string, fn func(tx *store.Tx, k *Konto) error) (Konto, error) {
	k, err := s.hentKonto(ctx, tx, id)
	if err != nil {
		return k, err
	}
	if k.Intern { // its receipts would not come through
		return k, feil.Ny(feil.Konflikt, "Plattformens egen konto kan ikke endres")
	}
	varAktiv := k.Aktiv
	if err := fn(tx, &k); err != nil {
		return k, err
	}
	if varAktiv && !k.Aktiv {
		tx.OnCommit(func() { go s.kringkaster().DisconnectQueue(Ko(id)) })
	}
	k.SistEndret, k.SistEndretAv = s.Klokke.Now(), av
	return k, s.lagreKonto(ctx, tx, k)
}

// SettNavn renames a konto; av is who did it. feil.Ugyldig, feil.IkkeFunnet.
func (s *Service) SettNavn(ctx context.Context, id, navn, av string) error {
	_, err := s.endreKonto(ctx, id, av, func(_ *store.Tx, k *Konto) error {
		k.Navn = navn
		return k.Validate()
	})
	return err
}

// SettAktiv activates or deactivates a konto. A deactivated one is not found by
// look-up, can neither send nor be sent to, and its consumers are disconnected;
// what waits in its queue stays until it expires.
func (s *Service) SettAktiv(ctx context.Context, id string, aktiv bool, av string) (Konto, error) {
	return s.endreKonto(ctx, id, av, func(_ *store.Tx, k *Konto) error {
		k.Aktiv = aktiv
		return nil
	})
}

// SettSertifikat sets the certificate (PEM) that senders encrypt to; feil.Ugyldig
// tells what is wrong with it.
func (s *Service) SettSertifikat(ctx context.Context, id string, pemTekst []byte, av string) (Konto, error) {
	der, err := lesPEM(pemTekst)
	if err != nil {
		return Konto{}, err
	}
	if _, err := sjekkSertifikat(der, s.Klokke.Now()); err != nil {
		return Konto{}, err
	}
	return s.endreKonto(ctx, id, av, s.bytt(ctx, der))
}

// BytSertifikat is SettSertifikat in a transaction of the caller's, with a certificate
// that LesSertifikat has read.
func (s *Service) BytSertifikat(ctx context.Context, tx *store.Tx, id string, c *x509.Certificate, av string) error {
	_, err := s.endreKontoI(ctx, tx, id, av, s.bytt(ctx, c.Raw))
	return err
}

// bytt replaces the certificate, and keeps the one before.
func (s *Service) bytt(ctx context.Context, der []byte) func(tx *store.Tx, k *Konto) error {
	return func(tx *store.Tx, k *Konto) error {
		if k.Sertifikat != nil && !slices.Equal(k.Sertifikat, der) {
			if _, err := tx.ExecContext(ctx, `INSERT INTO fiksio_forrige_sertifikat (konto_id, sertifikat, byttet) VALUES ($1, $2, $3)
				ON CONFLICT (konto_id) DO UPDATE SET sertifikat = excluded.sertifikat, byttet = excluded.byttet`,
				k.ID, k.Sertifikat, store.Micros(s.Klokke.Now())); err != nil {
				return fmt.Errorf("keeping the certificate before: %w", err)
			}
		}
		k.Sertifikat = der
		return nil
	}
}

// ForrigeSertifikat gives the certificate that a konto had before its present one, and
// when it was replaced: who looked it up just before may have encrypted to it.
// feil.IkkeFunnet when it has not been replaced.
func (s *Service) ForrigeSertifikat(ctx context.Context, kontoID string) (*x509.Certificate, time.Time, error) {
	var der []byte
	var byttet int64
	err := s.DB.Read().QueryRowContext(ctx, `SELECT sertifikat, byttet FROM fiksio_forrige_sertifikat WHERE konto_id = $1`, kontoID).Scan(&der, &byttet)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, time.Time{}, feil.Ny(feil.IkkeFunnet, "Kontoens offentlige nøkkel er ikke byttet")
	} else if err != nil {
		return nil, time.Time{}, fmt.Errorf("reading the certificate before: %w", err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("parsing stored certificate: %w", err)
	}
	return c, store.Time(byttet), nil
}

// FjernSertifikat takes the certificate away; nil when there was none.
func (s *Service) FjernSertifikat(ctx context.Context, id, av string) error {
	_, err := s.endreKonto(ctx, id, av, func(_ *store.Tx, k *Konto) error {
		k.Sertifikat = nil
		return nil
	})
	return err
}

// SlettKonto deletes a konto with its addresses and disconnects its consumers.
// The senders of what waits in its queue get a tidsavbrudd at once.
func (s *Service) SlettKonto(ctx context.Context, id, av string) error {
	now := store.Micros(s.Klokke.Now())
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		k, err := s.hentKonto(ctx, tx, id)
		if err != nil {
			return err
		}
		if k.Intern {
			return feil.Ny(feil.Konflikt, "Plattformens egen konto kan ikke slettes")
		}
		as, err := s.adresser(ctx, tx, id)
		if err != nil {
			return err
		}
		for _, a := range as {
			if err := s.slettAdresse(ctx, tx, a.ID); err != nil {
				return err
			}
		}
		endretAv, err := s.forseglAktor(id, av)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE fiksio_konto SET slettet = $2, aktiv = 0, sertifikat = NULL, sist_endret = $2, sist_endret_av = $3 WHERE id = $1`,
			id, now, endretAv); err != nil {
			return fmt.Errorf("deleting konto: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM fiksio_akseptert_avsender WHERE konto_id = $1 OR avsender_id = $1`, id); err != nil {
			return fmt.Errorf("deleting konto: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `UPDATE fiksio_melding SET utloper = $3 WHERE id > $1 AND id < $2 AND utloper > $3`,
			nokkel(k.nr, 0), nokkel(k.nr+1, 0), now); err != nil {
			return fmt.Errorf("expiring queue: %w", err)
		}
		tx.OnCommit(func() {
			s.minne.glem(Ko(id))
			s.utlop.nullstill()
			go func() {
				s.kringkaster().DisconnectQueue(Ko(id))
				s.Jobs.Wake(plikt)
			}()
		})
		return nil
	})
}

// Sertifikat gives the certificate to encrypt to; feil.IkkeFunnet when none is set.
func (s *Service) Sertifikat(ctx context.Context, kontoID string) (*x509.Certificate, error) {
	k, err := s.Konto(ctx, kontoID)
	if err != nil {
		return nil, err
	}
	if k.Sertifikat == nil {
		return nil, feil.Ny(feil.IkkeFunnet, "Kontoen har ingen offentlig nøkkel")
	}
	c, err := x509.ParseCertificate(k.Sertifikat)
	if err != nil {
		return nil, fmt.Errorf("parsing stored certificate: %w", err)
	}
	return c, nil
}

// Status is what a konto can do now (contract §3).
type Status struct {
	GyldigAvsender            bool    `json:"gyldigAvsender"`
	GyldigMottaker            bool    `json:"gyldigMottaker"`
	AntallKonsumenter         int64   `json:"antallKonsumenter"`
	AntallUavhentedeMeldinger int64   `json:"antallUavhentedeMeldinger"`
	Melding                   *string `json:"melding"`
}

// Status computes a konto's status. A konto can send when it is active, and
// receive when it also has a certificate that is valid now.
func (s *Service) Status(ctx context.Context, k Konto) (Status, error) {
	st := Status{GyldigAvsender: k.Aktiv}
	grunn := s.ikkeMottaker(k)
	st.GyldigMottaker = grunn == ""
	if grunn != "" {
		st.Melding = &grunn
	}
	n, err := s.antall(ctx, s.DB.Read(), k.nr)
	if err != nil {
		return Status{}, err
	}
	st.AntallUavhentedeMeldinger = n
	st.AntallKonsumenter = int64(s.kringkaster().Consumers(Ko(k.ID)))
	if k.Intern && s.lytter(k.ID) != nil {
		st.AntallKonsumenter++
	}
	return st, nil
}

// Eldste is when the message that has waited longest in a konto's queue was sent;
// the zero time when none waits.
func (s *Service) Eldste(ctx context.Context, k Konto) (time.Time, error) {
	return s.eldste(ctx, s.DB.Read(), k.nr)
}

// ikkeMottaker tells why a konto cannot receive payloads; "" when it can.
func (s *Service) ikkeMottaker(k Konto) string {
	switch {
	case !k.Aktiv:
		return "Kontoen er ikke aktiv"
	case k.Sertifikat == nil:
		return "Kontoen har ingen offentlig nøkkel"
	}
	c, err := x509.ParseCertificate(k.Sertifikat)
	if err != nil {
		return "Kontoens sertifikat kan ikke leses"
	}
	return nokkelStatus(c, s.Klokke.Now())
}

// orgNavn is the name of an organisation, or "" when it cannot be found.
func (s *Service) orgNavn(ctx context.Context, id string) string {
	o, err := s.Organisasjon.Organisasjon(ctx, id)
	if err != nil {
		return ""
	}
	return o.Navn
}

// AksepterteAvsendere lists the kontoer that may send to a konto, and whether the
// list is in force; feil.IkkeFunnet.
func (s *Service) AksepterteAvsendere(ctx context.Context, kontoID string) ([]Konto, bool, error) {
	k, err := s.Konto(ctx, kontoID)
	if err != nil {
		return nil, false, err
	}
	ids, err := s.aksepterte(ctx, s.DB.Read(), kontoID)
	if err != nil {
		return nil, false, err
	}
	var ks []Konto
	for _, id := range ids {
		a, err := s.Konto(ctx, id)
		if feil.Er(err, feil.IkkeFunnet) {
			continue
		}
		if err != nil {
			return nil, false, err
		}
		ks = append(ks, a)
	}
	return ks, k.KunAksepterte, nil
}

// LeggTilAvsender puts avsenderID on a konto's list; idempotent. feil.Ugyldig for
// an unknown sender.
func (s *Service) LeggTilAvsender(ctx context.Context, kontoID, avsenderID, av string) error {
	_, err := s.endreKonto(ctx, kontoID, av, func(tx *store.Tx, _ *Konto) error {
		if _, err := s.hentKonto(ctx, tx, avsenderID); err != nil {
			if feil.Er(err, feil.IkkeFunnet) {
				return feil.Ny(feil.Ugyldig, "Avsenderkontoen %s finnes ikke", visID(avsenderID))
			}
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO fiksio_akseptert_avsender (konto_id, avsender_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, kontoID, avsenderID)
		return err
	})
	return err
}

// FjernAvsender takes avsenderID off a konto's list; idempotent.
func (s *Service) FjernAvsender(ctx context.Context, kontoID, avsenderID, av string) error {
	_, err := s.endreKonto(ctx, kontoID, av, func(tx *store.Tx, _ *Konto) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM fiksio_akseptert_avsender WHERE konto_id = $1 AND avsender_id = $2`, kontoID, avsenderID)
		return err
	})
	return err
}

// SettKunAksepterte puts a konto's list in force or not.
func (s *Service) SettKunAksepterte(ctx context.Context, kontoID string, aktivert bool, av string) error {
	_, err := s.endreKonto(ctx, kontoID, av, func(_ *store.Tx, k *Konto) error {
		k.KunAksepterte = aktivert
		return nil
	})
	return err
}

// BareFraPlattformen puts a konto's list in force, with the platform's own kontoer on it,
// in a transaction of the caller's. While the platform has none it changes nothing: then
// the list would stop everybody.
func (s *Service) BareFraPlattformen(ctx context.Context, tx *store.Tx, kontoID, av string) error {
	alle, err := s.kontoer(ctx, tx, "")
	if err != nil {
		return err
	}
	egne := slices.DeleteFunc(alle, func(k Konto) bool { return !k.Intern })
	if len(egne) == 0 {
		return nil
	}
	_, err = s.endreKontoI(ctx, tx, kontoID, av, func(tx *store.Tx, k *Konto) error {
		k.KunAksepterte = true
		for _, a := range egne {
			if _, err := tx.ExecContext(ctx, `INSERT INTO fiksio_akseptert_avsender (konto_id, avsender_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, kontoID, a.ID); err != nil {
				return fmt.Errorf("accepting the platform's konto: %w", err)
			}
		}
		return nil
	})
	return err
}

// KodeIkkeAkseptert is the errorCode of a sender who is not on the mottaker's list.
const KodeIkkeAkseptert = "FIKSIO.AVSENDER_IKKE_AKSEPTERT"

// avvis lists every reason why avsender cannot send a message to mottaker; the
// kontoer come back as far as they were found.
func (s *Service) avvis(ctx context.Context, q store.Queryer, avsenderID, mottakerID, typ string) (avsender, mottaker Konto, grunner []*feil.Feil, err error) {
	finn := func(id, rolle string) (Konto, error) {
		k, err := s.hentKonto(ctx, q, id)
		switch {
		case feil.Er(err, feil.IkkeFunnet):
			grunner = append(grunner, feil.Ny(feil.Ugyldig, "%skontoen %s finnes ikke", rolle, visID(id)))
			return Konto{}, nil
		case err == nil && !k.Aktiv:
			grunner = append(grunner, feil.Ny(feil.Ugyldig, "%skontoen %s er ikke aktiv", rolle, visID(id)))
		}
		return k, err
	}
	if avsender, err = finn(avsenderID, "Avsender"); err != nil {
		return
	}
	if mottaker, err = finn(mottakerID, "Mottaker"); err != nil {
		return
	}
	if mottaker.KunAksepterte && avsenderID != mottakerID {
		ok, e := s.erAkseptert(ctx, q, mottakerID, avsenderID)
		if e != nil {
			return avsender, mottaker, nil, e
		}
		if !ok {
			f := feil.Ny(feil.Ugyldig, "Mottakerkontoen %s godtar ikke meldinger fra avsenderkontoen %s", visID(mottakerID), visID(avsenderID))
			f.ErrorCode = KodeIkkeAkseptert
			grunner = append(grunner, f)
		}
	}
	if f := sjekkType(typ); f != nil {
		grunner = append(grunner, f)
	}
	return
}

// ValiderMelding tells everything that would be wrong with a message: nil when
// nothing. Stricter than Send in one respect: a payload needs a valid certificate.
func (s *Service) ValiderMelding(ctx context.Context, mottakerID, avsenderID, typ string, harNyttelast bool) ([]*feil.Feil, error) {
	_, m, grunner, err := s.avvis(ctx, s.DB.Read(), avsenderID, mottakerID, typ)
	if err != nil {
		return nil, err
	}
	if harNyttelast && m.ID != "" && m.Aktiv {
		if g := s.ikkeMottaker(m); g != "" {
			grunner = append(grunner, feil.Ny(feil.Ugyldig, "Mottakerkontoen kan ikke ta imot nyttelast: %s", g))
		}
	}
	return grunner, nil
}

// SikrePlattformkonto finds or makes the platform's own konto of an organisation:
// internal, active, with the certificate of the platform's current key.
// Idempotent; a rotated key is taken over. The ring must have been asked for the
// dokumentlager keys before, outside any transaction: it makes them in one of its own.
func (s *Service) SikrePlattformkonto(ctx context.Context, tx *store.Tx, fiksOrgID string) (Konto, error) {
	nokler, err := s.Ring.Platform(ctx, keys.Dokumentlager)
	if err != nil {
		return Konto{}, fmt.Errorf("finding the platform's certificate: %w", err)
	}
	sertifikat := nokler[0].Certificate.Raw
	ks, err := s.kontoer(ctx, tx, fiksOrgID)
	if err != nil {
		return Konto{}, err
	}
	for _, k := range ks {
		if !k.Intern {
			continue
		}
		if !slices.Equal(k.Sertifikat, sertifikat) || !k.Aktiv {
			k.Sertifikat, k.Aktiv, k.SistEndret = sertifikat, true, s.Klokke.Now()
			return k, s.lagreKonto(ctx, tx, k)
		}
		return k, nil
	}
	return s.OpprettKonto(ctx, tx, Konto{FiksOrgID: fiksOrgID, Navn: "Knutepunkt", Aktiv: true, Intern: true, Sertifikat: sertifikat})
}
