package digisos

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"knutepunkt/asice"
	"knutepunkt/internal/digisos/filformat"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// plan is how something for the municipality is delivered, by its present
// configuration (§2.1).
func (s *Service) plan(konf konfigurasjon) (p []levering.Steg) {
	if konf.BrukerFiksIO {
		p = append(p, levering.Steg{Kanal: levering.KanalFiksIO, Frist: s.cfg.FiksIOFrist})
	}
	return append(p, levering.Steg{Kanal: levering.KanalSvarUt, Frist: s.cfg.SvarUtFrist})
}

// kilde is this room as a source of the delivery engine, for søknader and
// ettersendelser alike.
type kilde struct{ s *Service }

// kilde is the source's name for this kind of forsendelse.
func (f forsendelse) kilde() string {
	if f.Nr == 0 {
		return KildeSoknad
	}
	return KildeEttersendelse
}

func (s *Service) hentForsendelse(ctx context.Context, q store.Queryer, id string) (forsendelse, error) {
	fs, err := s.forsendelser(ctx, q, `id = $1`, id)
	if err == nil && len(fs) == 0 {
		err = feil.Ny(feil.IkkeFunnet, "Forsendelsen finnes ikke")
	}
	if err != nil {
		return forsendelse{}, err
	}
	return fs[0], nil
}

// Forsendelse implements levering.Kilde.
func (k kilde) Forsendelse(ctx context.Context, l levering.Levering, kanal string) (levering.Forsendelse, error) {
	s, ut := k.s, levering.Forsendelse{}
	f, err := s.hentForsendelse(ctx, s.DB.Read(), l.KildeID)
	if err != nil {
		return ut, err
	}
	sak, err := hentSak(ctx, s.DB.Read(), f.SakID)
	if err != nil {
		return ut, err
	}
	metadata, err := s.metadata(ctx, sak, f, kanal)
	if err != nil {
		return ut, err
	}
	ut.EksternRef = sak.ID
	if kanal == levering.KanalFiksIO {
		if ut.FiksIO, err = s.fiksIO(ctx, sak, f); err != nil {
			return ut, err
		}
	}
	ut.Filer = s.leveringsfiler(f, metadata, kanal)
	return ut, nil
}

// metadata makes forsendelseMetadata.json. ErrVent for an ettersendelse whose
// søknad is not on its way by some channel yet.
func (s *Service) metadata(ctx context.Context, sak sak, f forsendelse, kanal string) ([]byte, error) {
	m := filformat.Metadata{EksternRef: f.NavEksternRefID, DigisosID: sak.ID}
	if f.Nr == 0 {
		b, err := m.Soknad()
		return b, umulig(kanal, err)
	}
	if sak.NavEksternRefID.Valid {
		l, err := s.Levering.ForKilde(ctx, s.DB.Read(), KildeSoknad, sak.ID)
		if err != nil {
			return nil, fmt.Errorf("delivery of the søknad: %w", err)
		}
		switch l.Tilstand {
		case levering.Sendt, levering.Bekreftet:
			m.SoknadLeveranseID = &filformat.LeveranseID{SendtKanal: l.Kanal, ID: l.LeveranseID}
		case levering.Stoppet: // closed by a person: nothing to refer to, and nothing to wait for
		default:
			return nil, fmt.Errorf("søknaden er ikke sendt ennå: %w", levering.ErrVent)
		}
	}
	if m.SoknadLeveranseID == nil {
		// By SvarUt the file is sent without the field (§2.2).
		if kanal == levering.KanalFiksIO {
			return nil, fmt.Errorf("saken har ingen søknad å vise til: %w", levering.ErrIkkeMulig)
		}
		return m.Soknad()
	}
	b, err := m.Ettersendelse()
	return b, umulig(kanal, err)
}

// umulig: metadata that breaks its schema must not go over Fiks IO, but may go by SvarUt.
func umulig(kanal string, err error) error {
	if err != nil && kanal == levering.KanalFiksIO {
		return fmt.Errorf("%w: %w", err, levering.ErrIkkeMulig)
	}
	return err
}

// fiksIO finds the receiving konto: the one with an active address for the NAV
// office of the case, else the municipality's own. An address counts only when
// its konto belongs to the municipality, or to the owner of the konto that the
// municipality has chosen, so that nobody can draw others' søknader to himself.
func (s *Service) fiksIO(ctx context.Context, sak sak, f forsendelse) (levering.FiksIO, error) {
	ut := levering.FiksIO{Protokoll: Protokoll, Meldingstype: TypeSoknad, Mottatt: TypeSoknadMottatt}
	if f.Nr > 0 {
		ut.Meldingstype, ut.Mottatt = TypeEttersendelse, TypeEttersendelseMottatt
	}
	konf, err := s.lesKonfigurasjon(ctx, s.DB.Read(), "fiks_org_id", sak.FiksOrgID)
	if err != nil {
		return ut, err
	}
	if konf.Slettet || !konf.BrukerFiksIO {
		return ut, fmt.Errorf("kommunen bruker ikke Fiks IO: %w", levering.ErrIkkeMulig)
	}
	ut.MottakerKontoID = konf.FiksIOKontoID
	egen, err := s.FiksIO.Konto(ctx, konf.FiksIOKontoID)
	if err != nil && !feil.Er(err, feil.IkkeFunnet) {
		return ut, fmt.Errorf("finding the Fiks IO konto: %w", err)
	}
	enhet, err := s.enhetsnummer(ctx, sak, f)
	if err != nil {
		return ut, err
	}
	if enhet != "" {
		konto, err := s.FiksIO.SlaOpp(ctx, "NAVENHET_ID."+enhet, Protokoll, sikkerhetsniva)
		switch {
		case feil.Er(err, feil.IkkeFunnet), feil.Er(err, feil.Ugyldig):
		case err != nil:
			return ut, fmt.Errorf("looking up the NAV office: %w", err)
		case konto.FiksOrgID == sak.FiksOrgID || konto.FiksOrgID == egen.FiksOrgID:
			ut.MottakerKontoID = konto.ID
		default:
			s.Log.WarnContext(ctx, "address of the NAV office belongs to another organisation; not used",
				"digisosId", sak.ID, "enhetsnummer", enhet, "konto", konto.ID)
		}
	}
	ok, err := s.FiksIO.StotterProtokoll(ctx, ut.MottakerKontoID, Protokoll)
	if err != nil && !feil.Er(err, feil.IkkeFunnet) {
		return ut, fmt.Errorf("checking the Fiks IO konto: %w", err)
	}
	if !ok {
		return ut, fmt.Errorf("Fiks IO-kontoen %s støtter ikke %s: %w", ut.MottakerKontoID, Protokoll, levering.ErrIkkeMulig)
	}
	return ut, nil
}

// enhetsnummer is the NAV office that the søknad of the case was meant for; "" when not told.
func (s *Service) enhetsnummer(ctx context.Context, sak sak, f forsendelse) (string, error) {
	if f.Nr > 0 {
		var err error
		if f, err = s.hentForsendelse(ctx, s.DB.Read(), sak.ID); err != nil {
			return "", err
		}
	}
	t := f.Innhold.Tilleggsinformasjon
	if t == nil || t.Enhetsnummer == nil || *t.Enhetsnummer == "" || strings.Trim(*t.Enhetsnummer, "0123456789") != "" {
		return "", nil
	}
	return *t.Enhetsnummer, nil
}

const (
	navnSoknad   = "soknad.json"
	navnVedlegg  = "vedlegg.json"
	navnMetadata = "forsendelseMetadata.json"
)

// leveringsfiler lists what the receiver gets (§2.2), under the names that NAV
// gave unless two are alike; vedlegg.json is not touched. By SvarUt the main
// document comes before vedlegg.json, as the importers there were built for (§2.3).
func (s *Service) leveringsfiler(f forsendelse, metadata []byte, kanal string) []levering.Fil {
	filer := f.Innhold.filer()
	navn := []string{navnVedlegg, navnMetadata, navnSoknad} // first, so that nobody else gets these names
	for _, d := range filer {
		navn = append(navn, d.Filnavn)
	}
	navn = asice.UniqueNames(navn)[3:]
	fil := func(navn, mimetype, id string) levering.Fil {
		return levering.Fil{Navn: navn, Mimetype: mimetype, Apne: func(ctx context.Context) (io.ReadCloser, error) {
			r, _, err := s.Dokumentlager.Apne(ctx, id, 0)
			return r, err
		}}
	}
	var ut []levering.Fil
	if f.MetadataID != "" {
		ut = append(ut, fil(navnSoknad, "application/json", f.MetadataID))
	}
	vedlegg := len(ut)
	for i, d := range filer {
		ut = append(ut, fil(navn[i], mimetype(d.Mimetype), d.ID))
	}
	if kanal == levering.KanalSvarUt {
		vedlegg++
	}
	ut = slices.Insert(ut, min(vedlegg, len(ut)), fil(navnVedlegg, "application/json", f.VedleggID))
	return append(ut, levering.Fil{Navn: navnMetadata, Mimetype: "application/json",
		Apne: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(metadata)), nil }})
}

// Endret implements levering.Kilde: it writes the history by the names of
// §1.12, remembers the confirmation, and sends off ettersendelser that waited.
func (k kilde) Endret(ctx context.Context, tx *store.Tx, l levering.Levering) error {
	s := k.s
	var sakID string
	err := tx.QueryRowContext(ctx, `SELECT sak_id FROM digisos_forsendelse WHERE id = $1`, l.KildeID).Scan(&sakID)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("forsendelse %s does not exist", l.KildeID)
	} else if err != nil {
		return fmt.Errorf("finding forsendelse %s: %w", l.KildeID, err)
	}
	if tilstand := historikkTilstand(l); tilstand != "" {
		if err := s.skrivHistorikk(ctx, tx, sakID, tilstand, l.KildeID); err != nil {
			return err
		}
	}
	if l.Kilde != KildeSoknad {
		return nil
	}
	switch l.Tilstand {
	case levering.Bekreftet:
		if _, err := tx.ExecContext(ctx, `UPDATE digisos_sak SET levert = $2 WHERE id = $1`, sakID, store.Micros(s.Klokke.Now())); err != nil {
			return fmt.Errorf("confirming %s: %w", sakID, err)
		}
	case levering.Sendt, levering.Stoppet:
	default:
		return nil
	}
	ventende, err := kolonne(ctx, tx, `SELECT id FROM digisos_forsendelse WHERE sak_id = $1 AND nr > 0`, sakID)
	if err != nil {
		return fmt.Errorf("listing ettersendelser of %s: %w", sakID, err)
	}
	for _, id := range ventende {
		e, err := s.Levering.ForKilde(ctx, tx, KildeEttersendelse, id)
		if err != nil {
			return fmt.Errorf("delivery of ettersendelse %s: %w", id, err)
		}
		if e.Tilstand != levering.IkkeSendt {
			continue
		}
		if err := s.Levering.Dytt(ctx, tx, e.ID); err != nil {
			return fmt.Errorf("pushing ettersendelse %s: %w", id, err)
		}
	}
	return nil
}

// historikkTilstand is the wire's name of a transition; "" when it has none.
func historikkTilstand(l levering.Levering) string {
	ettersendelse := l.Kilde == KildeEttersendelse
	velg := func(soknad, etter string) string {
		if ettersendelse {
			return etter
		}
		return soknad
	}
	switch {
	case l.Tilstand == levering.Sendt && l.Kanal == levering.KanalFiksIO:
		return velg(SendtFiksIO, SendtFiksIOEttersendelse)
	case l.Tilstand == levering.Sendt && l.Kanal == levering.KanalSvarUt:
		return velg(SendtSvarUt, SendtSvarUtEttersendelse)
	case l.Tilstand == levering.SvarUtFeil:
		return FeiletSvarUt
	}
	return ""
}

// Kontakter implements levering.Kilde.
func (k kilde) Kontakter(ctx context.Context, l levering.Levering) ([]string, error) {
	konf, err := k.s.lesKonfigurasjon(ctx, k.s.DB.Read(), "fiks_org_id", l.FiksOrgID)
	if err != nil {
		return nil, err
	}
	return konf.Kontaktpersoner.TekniskAnsvarligEpost, nil
}
