package digisos

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/dokumentlager"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// Values of digisos_sak.prove.
const (
	proveIGang = 1
	proveSlutt = 2
)

// Who a test is about: nobody. The number is of the synthetic kind (month + 80),
// which the population register gives to no real person.
const (
	ProveFnr  = "01818049818"
	ProveNavn = "Test Testesen"
)

// ProveRef begins the navEksternRefId of a test.
const ProveRef = "TESTSOKNAD-"

// maksProver is how many tests a municipality can send within 24 hours.
const maksProver = 50

// Prove is a test of a municipality's set-up: a søknad that is marked as a test and
// goes to the configured receiver alone. It never becomes a letter, and neither
// citizens nor NAV see it (decision 19).
type Prove struct {
	ID, FiksOrgID string // ID is the DigisosId
	Kanal         string // levering.KanalFiksIO or KanalSvarUt, which means SvarInn
	LeveranseID   string // the channel's id of it
	Ref           string // navEksternRefId
	Startet       time.Time
	Sendt         time.Time // when the channel had it; zero: not yet
	Frist         time.Time // when the present wait ends; zero at the end
	Slutt         time.Time // zero: it is under way
	Bekreftet     bool      // the receiver has acknowledged it
	Avbrutt       bool      // a person ended it
	Grunn         string    // why it failed; ours
	Avvist        time.Time // when the receiver refused it; zero: it did not
	Begrunnelse   string    // what the receiver wrote then
	Oppdatert     time.Time // when the fagsystem last posted a saksoppdatering; zero: never
	Filer         time.Time // when it last uploaded files
	Slettes       time.Time // when the content goes
	Slettet       bool
}

// SendProve sends a test to the receiver that the municipality has configured, also
// when it has not opened for søknader. id is the DigisosId that it gets; again with
// the same one changes nothing. feil.IkkeFunnet without configuration, feil.Ugyldig
// when that names no receiver, feil.Konflikt while another test is under way,
// feil.ForMange after too many in a day. Audited.
func (s *Service) SendProve(ctx context.Context, fiksOrgID, id string) error {
	id, err := gyldigUUID("id", id)
	if err != nil {
		return err
	}
	konf, err := s.lesKonfigurasjon(ctx, s.DB.Read(), "fiks_org_id", fiksOrgID)
	if err == nil && konf.Slettet {
		err = errIngenKonfigurasjon()
	}
	if err != nil {
		return err
	}
	plan, err := s.proveplan(konf)
	if err != nil {
		return err
	}
	naa := s.Klokke.Now()
	k := sak{ID: id, FiksOrgID: fiksOrgID, Kommunenummer: konf.Kommunenummer, prove: proveIGang, Opprettet: store.Micros(naa),
		NavEksternRefID: sql.NullString{String: ProveRef + id, Valid: true}}
	dok, err := s.proveDokumenter(ctx, konf, naa)
	defer dok.forkast()
	if err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		if gammel, err := hentSak(ctx, tx, id); err == nil && gammel.prove != 0 && gammel.FiksOrgID == fiksOrgID {
			return nil // sent before
		} else if err == nil {
			return feil.Ny(feil.Ugyldig, "Id-en er i bruk")
		} else if !feil.Er(err, feil.IkkeFunnet) {
			return err
		}
		var iDag int
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM digisos_sak WHERE prove > 0 AND fiks_org_id = $1 AND opprettet > $2`,
			fiksOrgID, store.Micros(naa.Add(-24*time.Hour))).Scan(&iDag); err != nil {
			return fmt.Errorf("counting tests of %s: %w", fiksOrgID, err)
		}
		if iDag >= maksProver {
			return feil.Ny(feil.ForMange, "Kommunen har sendt %d testsøknader det siste døgnet. Vent litt før du sender flere", iDag)
		}
		if ny, err := s.settInnSak(ctx, tx, k); err != nil {
			return err
		} else if !ny {
			return feil.Ny(feil.Konflikt, "En testsøknad er allerede på vei. Vent til den er ferdig, eller avbryt den")
		}
		f := forsendelse{ID: id, SakID: id, NavEksternRefID: k.NavEksternRefID.String, Sendt: k.Opprettet}
		if f.MetadataID, err = s.lagreJSON(ctx, tx, dok.soknad, konf.KontoID, id, navnSoknad); err != nil {
			return err
		}
		if f.VedleggID, err = s.lagreJSON(ctx, tx, dok.vedlegg, konf.KontoID, id, navnVedlegg); err != nil {
			return err
		}
		filer, err := s.lagreFiler(ctx, tx, dok.filer, konf.KontoID, id, "")
		if err != nil {
			return err
		}
		slag := slagAv(KildeProve)
		f.Innhold = delOpp(filer, slag.hoved)
		if _, err := s.settInnForsendelse(ctx, tx, f, true); err != nil {
			return err
		}
		return s.fullfor(ctx, tx, k, id, slag, plan, "")
	})
}

// proveplan is the configured channel and nothing after it: when it fails, the test
// is at its end, and nobody is alarmed.
func (s *Service) proveplan(konf konfigurasjon) ([]levering.Steg, error) {
	if konf.BrukerFiksIO {
		return []levering.Steg{{Kanal: levering.KanalFiksIO, Frist: s.cfg.Provefrist, UtenGaranti: true}}, nil
	}
	if mangler := konf.manglerForSvarUt(); mangler != "" {
		return nil, feil.Ny(feil.Ugyldig, "Kommunens konfigurasjon for Digisos mangler %s", mangler)
	}
	// SvarUt keeps the time itself (levering.Post.BareSvarInn); this one stands behind.
	return []levering.Steg{{Kanal: levering.KanalSvarUt, Frist: 2 * s.cfg.Provefrist, UtenGaranti: true}}, nil
}

// provedokumenter are the documents of a test, received and not yet kept.
type provedokumenter struct {
	soknad, vedlegg *dokumentlager.Opplasting
	filer           []httpx.Par
}

func (d provedokumenter) forkast() {
	for _, o := range []*dokumentlager.Opplasting{d.soknad, d.vedlegg} {
		if o != nil {
			o.Forkast()
		}
	}
	for _, f := range d.filer {
		f.Ref.(*dokumentlager.Opplasting).Forkast()
	}
}

// proveDokumenter makes what NAV would have sent.
func (s *Service) proveDokumenter(ctx context.Context, konf konfigurasjon, naa time.Time) (d provedokumenter, err error) {
	enhet, err := s.proveEnhet(ctx, konf)
	if err != nil {
		return d, err
	}
	soknad, err := json.Marshal(proveSoknad(konf, enhet))
	if err != nil {
		return d, fmt.Errorf("encoding a test: %w", err)
	}
	vedlegg := []byte(`{"vedlegg":[]}`)
	if _, err := s.skjemaer.Soknad(soknad); err != nil {
		return d, fmt.Errorf("the test breaks the schema: %w", err)
	}
	if _, err := s.skjemaer.Vedlegg(vedlegg); err != nil {
		return d, fmt.Errorf("the test breaks the schema: %w", err)
	}
	if d.soknad, err = s.mottaJSON(ctx, soknad); err != nil {
		return d, err
	}
	if d.vedlegg, err = s.mottaJSON(ctx, vedlegg); err != nil {
		return d, err
	}
	for _, navn := range []string{"Soknad.pdf", "Soknad-juridisk.pdf", "Brukerkvittering.pdf"} {
		pdf, err := provePDF(navn, konf, naa)
		if err != nil {
			return d, err
		}
		o, err := s.Dokumentlager.Motta(ctx, bytes.NewReader(pdf), false)
		if err != nil {
			return d, err
		}
		d.filer = append(d.filer, httpx.Par{Ref: o, Metadata: httpx.Metadata{Filnavn: navn, Mimetype: "application/pdf", Storrelse: int64(len(pdf))}})
	}
	return d, nil
}

// proveEnhet is the NAV office that the test names: one that the konto has an
// address for, since a fagsystem may know its own offices alone.
func (s *Service) proveEnhet(ctx context.Context, konf konfigurasjon) (string, error) {
	if !konf.BrukerFiksIO {
		return konf.Kommunenummer, nil
	}
	adresser, err := s.FiksIO.Adresser(ctx, konf.FiksIOKontoID)
	if err != nil && !feil.Er(err, feil.IkkeFunnet) {
		return "", fmt.Errorf("finding the addresses of the Fiks IO konto: %w", err)
	}
	for _, a := range adresser {
		for _, i := range a.Identifikatorer {
			if a.Aktiv && i.Type == "NAVENHET_ID" {
				return i.Verdi, nil
			}
		}
	}
	return konf.Kommunenummer, nil
}

// Prove reads a test of a municipality, also after its content is deleted;
// feil.IkkeFunnet, also for a case and for another municipality's.
func (s *Service) Prove(ctx context.Context, fiksOrgID, id string) (Prove, error) {
	if u, err := uuid.Parse(id); err != nil || u.String() != id {
		return Prove{}, errProve()
	}
	k, err := hentSak(ctx, s.DB.Read(), id)
	if err != nil || k.prove == 0 || k.FiksOrgID != fiksOrgID {
		if err == nil || feil.Er(err, feil.IkkeFunnet) {
			err = errProve()
		}
		return Prove{}, err
	}
	return s.lesProve(ctx, k)
}

func errProve() error { return feil.Ny(feil.IkkeFunnet, "Prøven finnes ikke") }

// Prover lists the latest tests of a municipality, the last one first.
func (s *Service) Prover(ctx context.Context, fiksOrgID string, antall int) ([]Prove, error) {
	ider, err := kolonne(ctx, s.DB.Read(), `SELECT id FROM digisos_sak WHERE prove > 0 AND fiks_org_id = $1 ORDER BY opprettet DESC, id LIMIT $2`, fiksOrgID, antall)
	if err != nil {
		return nil, fmt.Errorf("listing tests of %s: %w", fiksOrgID, err)
	}
	var ut []Prove
	for _, id := range ider {
		p, err := s.Prove(ctx, fiksOrgID, id)
		if err != nil {
			return nil, err
		}
		ut = append(ut, p)
	}
	return ut, nil
}

func (s *Service) lesProve(ctx context.Context, k sak) (Prove, error) {
	l, err := s.Levering.ForKilde(ctx, s.DB.Read(), KildeProve, k.ID)
	if err != nil {
		return Prove{}, fmt.Errorf("delivery of the test %s: %w", k.ID, err)
	}
	_, overganger, err := s.Levering.Hent(ctx, s.DB.Read(), l.ID)
	if err != nil {
		return Prove{}, fmt.Errorf("delivery of the test %s: %w", k.ID, err)
	}
	var slettes int64
	if err := s.DB.Read().QueryRowContext(ctx, `SELECT slettes FROM digisos_sak WHERE id = $1`, k.ID).Scan(&slettes); err != nil {
		return Prove{}, fmt.Errorf("reading when to delete %s: %w", k.ID, err)
	}
	p := Prove{ID: k.ID, FiksOrgID: k.FiksOrgID, Kanal: l.Plan[0].Kanal, LeveranseID: l.LeveranseID, Ref: k.NavEksternRefID.String,
		Startet: store.Time(k.Opprettet), Frist: l.Frist, Bekreftet: l.Tilstand == levering.Bekreftet, Avbrutt: l.Tilstand == levering.Stoppet,
		Slettes: store.Time(slettes), Slettet: k.Slettet != 0}
	if l.Ferdig() {
		p.Slutt = l.Endret
		p.Grunn = l.Grunn
	}
	for _, o := range overganger {
		if o.Tilstand == levering.Sendt && p.Sendt.IsZero() {
			p.Sendt = o.Tidspunkt
		}
	}
	historikk, err := s.Historikk(ctx, k.ID)
	if err != nil {
		return p, err
	}
	for _, h := range historikk {
		switch h.State {
		case AvvistFagsystem:
			p.Avvist, p.Begrunnelse = h.Hendelsestidspunkt, h.Tekst
		case OppdatertSakKommune:
			p.Oppdatert = h.Hendelsestidspunkt
		case LastetOppFilerKommune:
			p.Filer = h.Hendelsestidspunkt
		}
	}
	return p, nil
}

// AvbrytProve ends a test that is under way; nil when it is at its end. What waits in
// SvarInn is taken back; a message on Fiks IO expires by itself. feil.IkkeFunnet. Audited.
func (s *Service) AvbrytProve(ctx context.Context, fiksOrgID, id string) error {
	p, err := s.Prove(ctx, fiksOrgID, id)
	if err != nil || !p.Slutt.IsZero() {
		return err
	}
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		// The id of a levering is that of its forsendelse.
		if err := s.Levering.StoppTx(ctx, tx, id, "en administrator", "prøven er avbrutt"); err != nil {
			return err
		}
		return s.logg(ctx, tx, audit.Hendelse{FiksOrg: fiksOrgID, Underressurs: id, Handling: "DIGISOS_PROVE_AVBRUTT"})
	})
	if feil.Er(err, feil.Konflikt) { // it has ended meanwhile
		return nil
	}
	return err
}

// proveFerdig lets the municipality send another one.
func proveFerdig(ctx context.Context, tx *store.Tx, id string) error {
	if _, err := tx.ExecContext(ctx, `UPDATE digisos_sak SET prove = $2 WHERE id = $1`, id, proveSlutt); err != nil {
		return fmt.Errorf("ending the test %s: %w", id, err)
	}
	return nil
}
