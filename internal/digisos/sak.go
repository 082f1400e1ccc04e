package digisos

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/store"
)

// lest is a case with everything that belongs to it.
type lest struct {
	sak
	fnr          string
	forsendelser []forsendelse
	filer        []fil
	klager       []klagedel // read by fyll only
}

// sakWire gives the case its wire form.
func (l lest) sakWire() DigisosSak {
	d := DigisosSak{
		FiksDigisosID: l.ID, SokerFnr: l.fnr, FiksOrgID: l.FiksOrgID, Kommunenummer: l.Kommunenummer,
		SistEndret: ms(l.SistEndret),
	}
	for _, f := range l.forsendelser {
		if f.Nr == 0 {
			d.OriginalSoknadNAV = &OriginalSoknadNAV{
				NavEksternRefID: f.NavEksternRefID, Metadata: f.MetadataID, VedleggMetadata: f.VedleggID,
				Vedlegg: infoer(f.Innhold.Vedlegg), TimestampSendt: ms(f.Sendt),
			}
			if h := f.Innhold.Hoved; h != nil {
				d.OriginalSoknadNAV.SoknadDokument = h.info()
			}
			d.Tilleggsinformasjon = f.Innhold.Tilleggsinformasjon
			continue
		}
		if d.EttersendtInfoNAV == nil {
			d.EttersendtInfoNAV = &EttersendtInfoNAV{}
		}
		d.EttersendtInfoNAV.Ettersendelser = append(d.EttersendtInfoNAV.Ettersendelser, f.ettersendelse())
	}
	if l.OppdateringID != "" {
		d.DigisosSoker = &DigisosSoker{
			Metadata: l.OppdateringID, Dokumenter: l.dokumentInfo(), TimestampSistOppdatert: ms(l.Oppdatert),
		}
	}
	return d
}

// ettersendelse is the wire form of one.
func (f forsendelse) ettersendelse() Ettersendelse {
	return Ettersendelse{
		NavEksternRefID: f.NavEksternRefID, VedleggMetadata: f.VedleggID,
		Vedlegg: infoer(f.Innhold.Vedlegg), TimestampSendt: ms(f.Sendt),
	}
}

// dokumentInfo lists the fagsystem's files.
func (l lest) dokumentInfo() []DokumentInfo {
	ut := make([]DokumentInfo, len(l.filer))
	for i, f := range l.filer {
		ut[i] = f.DokumentInfo
	}
	return ut
}

// jsonDokumenter are the ids of soknad.json, vedlegg.json and digisos-soker.json;
// those of klager are not among what NAV's staff may read (§1.7).
func (l lest) jsonDokumenter() []string {
	var ut []string
	for _, f := range l.forsendelser {
		if f.MetadataID != "" {
			ut = append(ut, f.MetadataID)
		}
		ut = append(ut, f.VedleggID)
	}
	if l.OppdateringID != "" {
		ut = append(ut, l.OppdateringID)
	}
	return ut
}

// alleDokumenter are the ids of all documents of the case.
func (l lest) alleDokumenter() []string {
	ut := l.jsonDokumenter()
	for _, f := range l.forsendelser {
		for _, d := range f.Innhold.filer() {
			ut = append(ut, d.ID)
		}
	}
	for _, f := range l.filer {
		ut = append(ut, f.DokumentlagerDokumentID)
	}
	for _, d := range l.klager {
		ut = append(ut, d.dokumenter()...)
	}
	return ut
}

// sendinger are the ids of everything that NAV sent in, which are those of their
// deliveries.
func (l lest) sendinger() []string {
	var ut []string
	for _, f := range l.forsendelser {
		ut = append(ut, f.ID)
	}
	for _, d := range l.klager {
		ut = append(ut, d.ID)
	}
	return ut
}

// fyll reads what belongs to a case that was found.
func (s *Service) fyll(ctx context.Context, q store.Queryer, k sak) (l lest, err error) {
	l.sak = k
	if l.fnr, err = s.fnr(k); err != nil {
		return l, err
	}
	if l.forsendelser, err = s.forsendelser(ctx, q, `sak_id = $1`, k.ID); err != nil {
		return l, err
	}
	if l.filer, err = s.filer(ctx, q, `sak_id = $1`, k.ID); err != nil {
		return l, err
	}
	l.klager, err = s.klagedeler(ctx, q, `sak_id = $1`, k.ID)
	return l, err
}

// fnr is whose case it is; "" for a test, which is nobody's.
func (s *Service) fnr(k sak) (string, error) {
	if k.prove != 0 {
		return "", nil
	}
	b, err := s.Ring.Open(stedSoker(k.ID), k.soker)
	if err != nil {
		return "", fmt.Errorf("case %s: opening soker: %w", k.ID, err)
	}
	return string(b), nil
}

// forPerson reads all cases of a person, oldest first, in three queries.
func (s *Service) forPerson(ctx context.Context, fnr string) ([]lest, error) {
	q, hash := s.DB.Read(), s.sokerHash(fnr)
	rows, err := q.QueryContext(ctx, `SELECT `+sakKolonner+` FROM digisos_sak
		WHERE soker_hash = $1 AND slettet = 0 AND prove = 0 ORDER BY opprettet, id`, hash)
	if err != nil {
		return nil, fmt.Errorf("listing cases: %w", err)
	}
	defer rows.Close()
	var ut []lest
	plass := map[string]int{}
	for rows.Next() {
		k, err := scanSak(rows)
		if err != nil {
			return nil, err
		}
		plass[k.ID] = len(ut)
		ut = append(ut, lest{sak: k, fnr: fnr})
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || len(ut) == 0 {
		return ut, err
	}
	const iSakene = `sak_id IN (SELECT id FROM digisos_sak WHERE soker_hash = $1 AND slettet = 0)`
	fs, err := s.forsendelser(ctx, q, iSakene, hash)
	if err != nil {
		return nil, err
	}
	for _, f := range fs {
		if i, ok := plass[f.SakID]; ok {
			ut[i].forsendelser = append(ut[i].forsendelser, f)
		}
	}
	filer, err := s.filer(ctx, q, iSakene, hash)
	if err != nil {
		return nil, err
	}
	for _, f := range filer {
		if i, ok := plass[f.SakID]; ok {
			ut[i].filer = append(ut[i].filer, f)
		}
	}
	return ut, nil
}

func wire(ls []lest) []DigisosSak {
	ut := make([]DigisosSak, len(ls))
	for i, l := range ls {
		ut[i] = l.sakWire()
	}
	return ut
}

// Saker lists a citizen's own cases.
func (s *Service) Saker(ctx context.Context, fnr string) ([]DigisosSak, error) {
	ls, err := s.forPerson(ctx, fnr)
	return wire(ls), err
}

// Sak reads a citizen's own case: feil.IkkeFunnet, feil.Slettet, feil.IngenTilgang
// when it is another person's.
func (s *Service) Sak(ctx context.Context, fnr, digisosID string) (DigisosSak, error) {
	l, err := s.egenSak(ctx, fnr, digisosID)
	if err != nil {
		return DigisosSak{}, err
	}
	return l.sakWire(), nil
}

func (s *Service) egenSak(ctx context.Context, fnr, digisosID string) (lest, error) {
	k, err := s.egen(ctx, fnr, digisosID)
	if err != nil {
		return lest{}, err
	}
	return s.fyll(ctx, s.DB.Read(), k)
}

// egen finds the row of a citizen's own case.
func (s *Service) egen(ctx context.Context, fnr, digisosID string) (sak, error) {
	k, err := hentEkteSak(ctx, s.DB.Read(), digisosID)
	switch {
	case err != nil:
		return k, err
	case k.Slettet != 0:
		return k, errSlettet()
	case fnr == "" || subtle.ConstantTimeCompare([]byte(k.sokerHash), []byte(s.sokerHash(fnr))) != 1:
		return k, feil.Ny(feil.IngenTilgang, "Saken tilhører en annen person")
	}
	return k, nil
}

// egetDokument decides that a citizen may read a document: it is one of the
// case's. feil.IkkeFunnet otherwise, and as Sak.
func (s *Service) egetDokument(ctx context.Context, fnr, digisosID, dokumentID string) error {
	l, err := s.egenSak(ctx, fnr, digisosID)
	if err != nil {
		return err
	}
	if !slices.Contains(l.alleDokumenter(), dokumentID) {
		return errDokument()
	}
	return nil
}

func errDokument() error { return feil.Ny(feil.IkkeFunnet, "Dokumentet finnes ikke i saken") }

// nksTilgang tells whether NAV's staff may read cases of the municipality.
func (s *Service) nksTilgang(ctx context.Context, fiksOrgID string) (bool, error) {
	k, err := s.lesKonfigurasjon(ctx, s.DB.Read(), "fiks_org_id", fiksOrgID)
	if feil.Er(err, feil.IkkeFunnet) {
		return false, nil
	}
	return k.NksTilgang && !k.Slettet, err
}

// NavSaker lists a person's cases for NAV's staff: those of municipalities with
// nksTilgang. The look-up is in the audit log before the answer is given, one
// event per municipality, and one without municipality when there was nothing.
func (s *Service) NavSaker(ctx context.Context, fnr, sporingsID string) ([]DigisosSak, error) {
	alle, err := s.forPerson(ctx, fnr)
	if err != nil {
		return nil, err
	}
	lov := map[string]bool{}
	var synlige []lest
	var hendelser []audit.Hendelse
	plass := map[string]int{}
	for _, l := range alle {
		ok, sett := lov[l.FiksOrgID]
		if !sett {
			if ok, err = s.nksTilgang(ctx, l.FiksOrgID); err != nil {
				return nil, err
			}
			lov[l.FiksOrgID] = ok
		}
		if !ok {
			continue
		}
		synlige = append(synlige, l)
		i, sett := plass[l.FiksOrgID]
		if !sett {
			i = len(hendelser)
			plass[l.FiksOrgID] = i
			hendelser = append(hendelser, audit.Hendelse{
				Handling: "NAV_SOK_SOKNADER", FiksOrg: l.FiksOrgID, Gjelder: fnr, RequestID: sporingsID, Payload: l.ID,
			})
			continue
		}
		hendelser[i].Payload += "," + l.ID
	}
	if len(hendelser) == 0 {
		hendelser = []audit.Hendelse{{Handling: "NAV_SOK_SOKNADER", Gjelder: fnr, RequestID: sporingsID}}
	}
	return wire(synlige), s.loggNAV(ctx, hendelser)
}

// NavSak reads a case for NAV's staff: feil.IkkeFunnet, feil.Slettet,
// feil.IngenTilgang without nksTilgang. Audited, refusals too.
func (s *Service) NavSak(ctx context.Context, digisosID, sporingsID string) (DigisosSak, error) {
	l, err := s.navSak(ctx, digisosID, sporingsID, "NAV_HENT_SOKNAD", digisosID)
	if err != nil {
		return DigisosSak{}, err
	}
	return l.sakWire(), s.loggNAV(ctx, []audit.Hendelse{navHendelse(l, "NAV_HENT_SOKNAD", sporingsID, digisosID)})
}

// navDokument decides that NAV's staff may read a document: it is soknad.json,
// vedlegg.json or digisos-soker.json of a case they may read; otherwise
// feil.IngenTilgang. Audited, refusals too.
func (s *Service) navDokument(ctx context.Context, digisosID, dokumentID, sporingsID string) error {
	l, err := s.navSak(ctx, digisosID, sporingsID, "NAV_HENT_DOKUMENT", dokumentID)
	if err != nil {
		return err
	}
	if !slices.Contains(l.jsonDokumenter(), dokumentID) {
		return s.avvisNAV(ctx, l, "NAV_HENT_DOKUMENT", sporingsID, dokumentID,
			feil.Ny(feil.IngenTilgang, "NAV har bare tilgang til soknad.json, vedlegg.json og digisos-soker.json"))
	}
	return s.loggNAV(ctx, []audit.Hendelse{navHendelse(l, "NAV_HENT_DOKUMENT", sporingsID, dokumentID)})
}

func (s *Service) navSak(ctx context.Context, digisosID, sporingsID, handling, payload string) (lest, error) {
	k, err := hentEkteSak(ctx, s.DB.Read(), digisosID)
	switch {
	case feil.Er(err, feil.IkkeFunnet):
		return lest{}, s.avvisNAV(ctx, lest{sak: sak{ID: digisosID}}, handling, sporingsID, payload, err)
	case err != nil:
		return lest{}, err
	case k.Slettet != 0:
		return lest{}, s.avvisNAV(ctx, lest{sak: k}, handling, sporingsID, payload, errSlettet())
	}
	l, err := s.fyll(ctx, s.DB.Read(), k)
	if err != nil {
		return l, err
	}
	ok, err := s.nksTilgang(ctx, k.FiksOrgID)
	if err != nil {
		return l, err
	}
	if !ok {
		return l, s.avvisNAV(ctx, l, handling, sporingsID, payload,
			feil.Ny(feil.IngenTilgang, "Kommunen har ikke gitt NAV Kontaktsenter tilgang (nksTilgang)"))
	}
	return l, nil
}

func navHendelse(l lest, handling, sporingsID, payload string) audit.Hendelse {
	return audit.Hendelse{
		Handling: handling, FiksOrg: l.FiksOrgID, Underressurs: l.ID, Gjelder: l.fnr,
		RequestID: sporingsID, Payload: payload,
	}
}

// avvisNAV writes down a look-up that was refused, and gives back why.
func (s *Service) avvisNAV(ctx context.Context, l lest, handling, sporingsID, payload string, grunn error) error {
	if err := s.loggNAV(ctx, []audit.Hendelse{navHendelse(l, handling+"_AVVIST", sporingsID, payload)}); err != nil {
		return err
	}
	return grunn
}

func (s *Service) loggNAV(ctx context.Context, hs []audit.Hendelse) error {
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		for _, h := range hs {
			if err := s.logg(ctx, tx, h); err != nil {
				return err
			}
		}
		return nil
	})
}

// LevertStatus tells of one søknad whether its receiver has confirmed it.
type LevertStatus struct {
	DigisosID       string `json:"digisosId"`
	LevertFagsystem bool   `json:"levertFagsystem"`
}

// NavStatus tells of each known søknad, in the order asked for, whether the
// municipality has confirmed it (BEKREFTET on either channel). Unknown ids are
// left out. Audited, one event per municipality.
func (s *Service) NavStatus(ctx context.Context, digisosIDer []string, sporingsID string) ([]LevertStatus, error) {
	type funn struct {
		org    string
		levert bool
	}
	funnet := map[string]funn{}
	for bit := range slices.Chunk(digisosIDer, 500) {
		args, plasser := make([]any, len(bit)), make([]string, len(bit))
		for i, id := range bit {
			args[i], plasser[i] = id, fmt.Sprintf("$%d", i+1)
		}
		rows, err := s.DB.Read().QueryContext(ctx, `SELECT id, fiks_org_id, levert FROM digisos_sak
			WHERE prove = 0 AND id IN (`+strings.Join(plasser, ",")+`)`, args...)
		if err != nil {
			return nil, fmt.Errorf("reading the status of cases: %w", err)
		}
		for rows.Next() {
			var id, org string
			var levert int64
			if err := rows.Scan(&id, &org, &levert); err != nil {
				rows.Close()
				return nil, fmt.Errorf("reading the status of cases: %w", err)
			}
			funnet[id] = funn{org, levert > 0}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, fmt.Errorf("reading the status of cases: %w", err)
		}
	}
	ut := []LevertStatus{}
	perOrg := map[string][]string{}
	var orger []string
	for _, id := range digisosIDer {
		f, ok := funnet[id]
		if !ok {
			continue
		}
		delete(funnet, id) // asked twice, answered once
		ut = append(ut, LevertStatus{id, f.levert})
		if perOrg[f.org] == nil {
			orger = append(orger, f.org)
		}
		perOrg[f.org] = append(perOrg[f.org], id)
	}
	hendelser := []audit.Hendelse{}
	for _, org := range orger {
		hendelser = append(hendelser, audit.Hendelse{
			Handling: "NAV_HENT_STATUS", FiksOrg: org, RequestID: sporingsID, Payload: strings.Join(perOrg[org], ","),
		})
	}
	if len(hendelser) == 0 {
		hendelser = []audit.Hendelse{{Handling: "NAV_HENT_STATUS", RequestID: sporingsID}}
	}
	return ut, s.loggNAV(ctx, hendelser)
}
