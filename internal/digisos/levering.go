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
	"time"

	"knutepunkt/asice"
	"knutepunkt/internal/digisos/filformat"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// svarUtTilsyn is how often the wait for SvarUt is looked at. It ends only when
// SvarUt has delivered: it keeps what it has, and has print as its last channel.
const svarUtTilsyn = 24 * time.Hour

// plan is how something for the municipality is delivered, by its present
// configuration (§2.1).
func (s *Service) plan(konf konfigurasjon) (p []levering.Steg) {
	if konf.BrukerFiksIO {
		p = append(p, levering.Steg{Kanal: levering.KanalFiksIO, Frist: s.cfg.FiksIOFrist})
	}
	return append(p, s.svarUtPlan()...)
}

// svarUtPlan is SvarUt alone: for klager, which have no meldingstype (§2.2).
func (s *Service) svarUtPlan() []levering.Steg {
	return []levering.Steg{{Kanal: levering.KanalSvarUt, Frist: svarUtTilsyn, Ubegrenset: true}}
}

// kilde is this room as a source of the delivery engine, for søknader and
// ettersendelser alike.
type kilde struct{ s *Service }

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
	var soknad *filformat.LeveranseID
	if f.Nr > 0 {
		if soknad, err = s.soknadLeveranse(ctx, sak); err != nil {
			return ut, err
		}
	}
	metadata, err := f.metadata(soknad, kanal)
	if err != nil {
		return ut, err
	}
	ut.EksternRef = sak.ID
	slag := slagAv(l.Kilde)
	switch kanal {
	case levering.KanalFiksIO:
		ut.FiksIO, err = s.fiksIO(ctx, sak, f)
	case levering.KanalSvarUt:
		ut.Post, err = s.post(ctx, sak, f, slag, soknad)
	}
	ut.Filer = s.leveringsfiler(f, slag, metadata, kanal)
	return ut, err
}

// soknadLeveranse is how the søknad of a case was sent; nil when there is none to
// refer to: the municipality made the case, or the søknad came to its end by no
// channel of the plan. ErrVent when it is not on its way yet.
func (s *Service) soknadLeveranse(ctx context.Context, sak sak) (*filformat.LeveranseID, error) {
	if !sak.NavEksternRefID.Valid {
		return nil, nil
	}
	l, err := s.Levering.ForKilde(ctx, s.DB.Read(), KildeSoknad, sak.ID)
	if err != nil {
		return nil, fmt.Errorf("delivery of the søknad: %w", err)
	}
	if l.Kanal == levering.KanalUtenom { // the municipality told that it has it
		if l.Kanal, l.LeveranseID, err = utlevertMed(ctx, s.DB.Read(), sak.ID); err != nil {
			return nil, err
		}
	}
	switch {
	case underveis(l) && (l.Kanal == levering.KanalFiksIO || l.Kanal == levering.KanalSvarUt):
		return &filformat.LeveranseID{SendtKanal: l.Kanal, ID: l.LeveranseID}, nil
	case l.Ferdig():
		return nil, nil
	}
	return nil, fmt.Errorf("søknaden er ikke sendt ennå: %w", levering.ErrVent)
}

// underveis: a channel has it, or the receiver does.
func underveis(l levering.Levering) bool {
	return l.Tilstand == levering.Sendt || l.Tilstand == levering.Bekreftet
}

// metadata makes forsendelseMetadata.json. An ettersendelse with no søknad to
// refer to goes by SvarUt, without the field (§2.2).
func (f forsendelse) metadata(soknad *filformat.LeveranseID, kanal string) ([]byte, error) {
	m := filformat.Metadata{EksternRef: f.NavEksternRefID, DigisosID: f.SakID, SoknadLeveranseID: soknad}
	switch {
	case f.Nr > 0 && soknad != nil:
		b, err := m.Ettersendelse()
		return b, umulig(kanal, err)
	case f.Nr > 0 && kanal == levering.KanalFiksIO:
		return nil, fmt.Errorf("saken har ingen søknad å vise til: %w", levering.ErrIkkeMulig)
	}
	b, err := m.Soknad()
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
		konto, err := s.FiksIO.SlaOpp(ctx, "NAVENHET_ID."+enhet, Protokoll, Sikkerhetsniva)
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
	navnKlage    = "klage.json"
	navnVedlegg  = "vedlegg.json"
	navnMetadata = "forsendelseMetadata.json"
)

// leveringsfiler lists what the receiver gets (§2.2), under the names that NAV
// gave unless two are alike or the channel cannot take them; vedlegg.json is not
// touched. By SvarUt the main document comes before vedlegg.json (§2.3).
func (s *Service) leveringsfiler(f forsendelse, slag slag, metadata []byte, kanal string) []levering.Fil {
	var filer []utskrift
	if kanal == levering.KanalSvarUt {
		filer = slag.tilSvarUt(f.Innhold)
	} else {
		for _, d := range f.Innhold.filer() {
			filer = append(filer, utskrift{d, true})
		}
	}
	navn := []string{navnVedlegg, navnMetadata, navnSoknad, navnKlage} // first, so that nobody else gets these names
	vaare := len(navn)
	for _, d := range filer {
		n := d.Filnavn
		if kanal == levering.KanalSvarUt {
			n = svarUtNavn(n)
		}
		navn = append(navn, n)
	}
	navn = asice.UniqueNames(navn)[vaare:]
	fil := func(navn, mimetype, id string, skrives bool) levering.Fil {
		return levering.Fil{Navn: navn, Mimetype: mimetype, UtenUtskrift: !skrives, Apne: func(ctx context.Context) (io.ReadCloser, error) {
			r, _, err := s.Dokumentlager.Apne(ctx, id, 0)
			return r, err
		}}
	}
	var ut []levering.Fil
	if f.MetadataID != "" {
		ut = append(ut, fil(slag.json, "application/json", f.MetadataID, false))
	}
	vedlegg := len(ut)
	for i, d := range filer {
		ut = append(ut, fil(navn[i], mimetype(d.Mimetype), d.ID, d.skrives))
	}
	if kanal == levering.KanalSvarUt {
		vedlegg++
	}
	ut = slices.Insert(ut, min(vedlegg, len(ut)), fil(navnVedlegg, "application/json", f.VedleggID, false))
	return append(ut, levering.Fil{Navn: navnMetadata, Mimetype: "application/json", UtenUtskrift: true,
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
	if tilstand := slagAv(l.Kilde).tilstand(l); tilstand != "" {
		if err := s.skrivHistorikk(ctx, tx, sakID, tilstand, l.KildeID); err != nil {
			return err
		}
	}
	if l.Kilde == KildeProve && l.Ferdig() {
		return proveFerdig(ctx, tx, sakID)
	}
	if err := s.levert(ctx, tx, l, sakID); err != nil {
		return err
	}
	if l.Kilde != KildeSoknad {
		return nil
	}
	switch l.Tilstand {
	case levering.Sendt, levering.Bekreftet, levering.Stoppet:
	default:
		return nil
	}
	ventende, err := kolonne(ctx, tx, `SELECT id FROM digisos_forsendelse WHERE sak_id = $1 AND nr > 0`, sakID)
	if err != nil {
		return fmt.Errorf("listing ettersendelser of %s: %w", sakID, err)
	}
	return s.dytt(ctx, tx, ventende)
}

// dytt sends off what waited for another forsendelse. The id of a levering is that
// of its forsendelse.
func (s *Service) dytt(ctx context.Context, tx *store.Tx, ider []string) error {
	for _, id := range ider {
		l, _, err := s.Levering.Hent(ctx, tx, id)
		if err != nil {
			return fmt.Errorf("delivery of %s: %w", id, err)
		}
		if l.Tilstand != levering.IkkeSendt {
			continue
		}
		if err := s.Levering.Dytt(ctx, tx, id); err != nil {
			return fmt.Errorf("pushing %s: %w", id, err)
		}
	}
	return nil
}

// Kontakter implements levering.Kilde. Of a test nobody is told: whoever sent it
// looks at it.
func (k kilde) Kontakter(ctx context.Context, l levering.Levering) ([]string, error) {
	if l.Kilde == KildeProve {
		return nil, nil
	}
	return k.s.kontakter(ctx, k.s.DB.Read(), l.FiksOrgID)
}

// kontakter are a municipality's technical contacts.
func (s *Service) kontakter(ctx context.Context, q store.Queryer, fiksOrgID string) ([]string, error) {
	konf, err := s.lesKonfigurasjon(ctx, q, "fiks_org_id", fiksOrgID)
	if err != nil {
		return nil, err
	}
	return konf.Kontaktpersoner.TekniskAnsvarligEpost, nil
}
