package digisos

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"knutepunkt/internal/dokumentlager"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// Klage is a klage as its citizen and NAV see it (§1.9). Its reader refuses
// fields that it does not know, and null where none is said to be.
type Klage struct {
	FiksOrgID         string             `json:"fiksOrgId"`
	DigisosID         string             `json:"digisosId"`
	KlageID           string             `json:"klageId"`
	VedtakID          string             `json:"vedtakId"`
	NavEksternRefID   string             `json:"navEksternRefId"`
	KlageMetadata     string             `json:"klageMetadata"` // document of klage.json
	VedleggMetadata   string             `json:"vedleggMetadata"`
	KlageDokument     DokumentInfo       `json:"klageDokument"`
	Vedlegg           []DokumentInfo     `json:"vedlegg"`
	TrekkKlageInfo    *TrekkKlageInfo    `json:"trekkKlageInfo"` // null until it is withdrawn
	SendtKvittering   SendtKvittering    `json:"sendtKvittering"`
	EttersendtInfoNAV *EttersendtInfoNAV `json:"ettersendtInfoNAV"` // null until something is sent in later
	Trukket           bool               `json:"trukket"`
}

// TrekkKlageInfo is the withdrawal of a klage. TrekkPdfMetadata is the id of the
// document itself: no source says what else it could be.
type TrekkKlageInfo struct {
	NavEksternRefID    string          `json:"navEksternRefId"`
	TrekkPdfMetadata   string          `json:"trekkPdfMetadata"`
	VedleggMetadata    string          `json:"vedleggMetadata"`
	TrekkKlageDokument DokumentInfo    `json:"trekkKlageDokument"`
	Vedlegg            []DokumentInfo  `json:"vedlegg"`
	SendtKvittering    SendtKvittering `json:"sendtKvittering"`
}

// SendtKvittering tells how far a delivery has come: where it is, by which id,
// and each state that it has been in, the present one last.
type SendtKvittering struct {
	SendtKanal  string        `json:"sendtKanal"`
	MeldingID   string        `json:"meldingId"`
	SendtStatus SendtStatus   `json:"sendtStatus"`
	StatusListe []SendtStatus `json:"statusListe"`
}

// SendtStatus is a state by the names of §5, and since when (ms).
type SendtStatus struct {
	Status    string `json:"status"`
	Timestamp int64  `json:"timestamp"`
}

// klagedel is a klage (Nr 0), an ettersendelse to it, or its withdrawal.
type klagedel struct {
	forsendelse
	KlageID, Kilde string
	VedtakID       string // of a klage
}

// dokumenter are the ids of all its documents.
func (d klagedel) dokumenter() []string {
	ut := []string{d.VedleggID}
	if d.MetadataID != "" {
		ut = append(ut, d.MetadataID)
	}
	for _, f := range d.Innhold.filer() {
		ut = append(ut, f.ID)
	}
	return ut
}

// nyKlagedel is one of the three as it was read from the wire.
type nyKlagedel struct {
	slag                                          slag
	DigisosID, NavEksternRefID, KlageID, VedtakID string
	Fnr                                           string // of the logged-in citizen
	KlageJSON, VedleggJSON                        []byte // KlageJSON of a klage only
	Filer                                         []httpx.Par
}

// sjekkKlagedel is what can be told before the body is read: feil.IkkeFunnet,
// feil.Slettet, feil.IngenTilgang for the case; feil.IkkeFunnet for the klage
// that it belongs to; feil.Ugyldig for what the case has already, a klage that
// is withdrawn, or a municipality that takes nothing now.
func (s *Service) sjekkKlagedel(ctx context.Context, n nyKlagedel) (sak, konfigurasjon, error) {
	k, err := s.egen(ctx, n.Fnr, n.DigisosID)
	if err != nil {
		return k, konfigurasjon{}, err
	}
	if err := ledigKlagedel(ctx, s.DB.Read(), n); err != nil {
		return k, konfigurasjon{}, err
	}
	konf, err := s.kommune(ctx, k.Kommunenummer)
	if err != nil {
		return k, konf, err
	}
	return k, konf, konf.kanMotta()
}

// ledigKlagedel holds a new part against those that the case has.
func ledigKlagedel(ctx context.Context, q store.Queryer, n nyKlagedel) error {
	rows, err := q.QueryContext(ctx, `SELECT klage_id, kilde, nav_ekstern_ref_id FROM digisos_klage WHERE sak_id = $1`, n.DigisosID)
	if err != nil {
		return fmt.Errorf("looking for klager: %w", err)
	}
	defer rows.Close()
	var finnes, trukket bool
	for rows.Next() {
		var klageID, kilde, ref string
		if err := rows.Scan(&klageID, &kilde, &ref); err != nil {
			return fmt.Errorf("looking for klager: %w", err)
		}
		if ref == n.NavEksternRefID {
			return n.duplikat()
		}
		finnes = finnes || klageID == n.KlageID
		trukket = trukket || klageID == n.KlageID && kilde == KildeKlageTrekk
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("looking for klager: %w", err)
	}
	switch klage := n.slag.kilde == KildeKlage; {
	case klage && finnes:
		return feil.Ny(feil.Ugyldig, "Klage med klageId %s finnes allerede for oppgitt DigisosId %s", n.KlageID, n.DigisosID)
	case !klage && !finnes:
		return feil.Ny(feil.IkkeFunnet, "Klagen finnes ikke i saken")
	case trukket:
		return feil.Ny(feil.Ugyldig, "Klagen er trukket")
	}
	return nil
}

func (n nyKlagedel) duplikat() error {
	return feil.Ny(feil.Ugyldig, "%s med tilhørende navEksternRefId %s finnes allerede for oppgitt DigisosId %s",
		n.slag.navn, n.NavEksternRefID, n.DigisosID)
}

// sjekkJSON validates the JSON parts and gives the file names that vedlegg.json
// has for the klage.
func (s *Service) sjekkJSON(n nyKlagedel) (navngitte []string, err error) {
	if n.slag.kilde == KildeKlage {
		k, err := s.skjemaer.Klage(n.KlageJSON)
		if err != nil {
			return nil, err
		}
		for _, f := range []struct{ navn, iSti, iJSON string }{
			{"klageId", n.KlageID, k.KlageID}, {"vedtakId", n.VedtakID, k.VedtakID}, {"digisosId", n.DigisosID, k.DigisosID},
		} {
			if !strings.EqualFold(f.iSti, f.iJSON) {
				return nil, feil.Ny(feil.Ugyldig, "%s i klage.json er en annen enn i adressen", f.navn)
			}
		}
		if k.PersonIdentifikator != n.Fnr {
			return nil, feil.Ny(feil.Ugyldig, "klage.json gjelder en annen person enn den som er logget inn")
		}
	}
	navngitte, finnes, err := s.skjemaer.VedleggTilKlage(n.VedleggJSON, n.KlageID)
	if err == nil && !finnes && n.slag.kilde != KildeKlageTrekk {
		err = feil.Ny(feil.Ugyldig, "vedlegg.json har ingen oppføring med klageId %s", n.KlageID)
	}
	return navngitte, err
}

// taImotKlagedel takes responsibility for a klage, an ettersendelse to it or its
// withdrawal, as taImotSoknad: all of it is committed, with what lay in
// mellomlagring under its reference, or nothing is. It goes by SvarUt (§2.2).
func (s *Service) taImotKlagedel(ctx context.Context, n nyKlagedel) error {
	k, konf, err := s.sjekkKlagedel(ctx, n)
	if err != nil {
		return err
	}
	navngitte, err := s.sjekkJSON(n)
	if err != nil {
		return err
	}
	if n.slag.kilde != KildeKlageEttersendelse && len(n.Filer) == 0 {
		return feil.Ny(feil.Ugyldig, "%s mangler hoveddokumentet", n.slag.navn)
	}
	vedleggDok, err := s.mottaJSON(ctx, n.VedleggJSON)
	if err != nil {
		return err
	}
	defer vedleggDok.Forkast()
	var klageDok *dokumentlager.Opplasting
	if n.slag.kilde == KildeKlage {
		if klageDok, err = s.mottaJSON(ctx, n.KlageJSON); err != nil {
			return err
		}
		defer klageDok.Forkast()
	}
	naa := s.Klokke.Now()
	d := klagedel{KlageID: n.KlageID, VedtakID: n.VedtakID, Kilde: n.slag.kilde, forsendelse: forsendelse{
		ID: uuid.NewString(), SakID: k.ID, NavEksternRefID: n.NavEksternRefID, Sendt: store.Micros(naa)}}
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		// Again, now that nobody else can change the case.
		if naaSak, err := hentSak(ctx, tx, k.ID); err != nil {
			return err
		} else if naaSak.Slettet != 0 {
			return errSlettet()
		}
		if err := ledigKlagedel(ctx, tx, n); err != nil {
			return err
		}
		if klageDok != nil {
			if d.MetadataID, err = s.lagreJSON(ctx, tx, klageDok, konf.KontoID, k.ID, navnKlage); err != nil {
				return err
			}
		}
		if d.VedleggID, err = s.lagreJSON(ctx, tx, vedleggDok, konf.KontoID, k.ID, navnVedlegg); err != nil {
			return err
		}
		if d.Innhold, err = s.klageinnhold(ctx, tx, n, k.ID, konf.KontoID, navngitte); err != nil {
			return err
		}
		ny, err := s.settInnKlagedel(ctx, tx, d)
		if err != nil {
			return err
		}
		if !ny {
			return n.duplikat()
		}
		if err := s.rorSak(ctx, tx, k.ID, naa); err != nil {
			return err
		}
		return s.fullfor(ctx, tx, k, d.ID, n.slag, s.svarUtPlan(), n.Fnr)
	})
}

// klageinnhold makes the files of the request, and those of mellomlagring under
// its reference, part of the case. Each file that vedlegg.json names must be there.
func (s *Service) klageinnhold(ctx context.Context, tx *store.Tx, n nyKlagedel, sakID, kontoID string, navngitte []string) (i innhold, err error) {
	if i.Vedlegg, err = s.lagreFiler(ctx, tx, n.Filer, kontoID, sakID, n.Fnr); err != nil {
		return i, err
	}
	if n.slag.kilde != KildeKlageEttersendelse {
		i = delOpp(i.Vedlegg, n.slag.hoved)
	}
	mellom, err := s.taMellomlagring(ctx, tx, n.NavEksternRefID, kontoID, n.Fnr)
	if err != nil {
		return i, err
	}
	i.Vedlegg = append(i.Vedlegg, mellom...)
	if err := alleFinnes(navngitte, i.Vedlegg); err != nil {
		return i, err
	}
	if len(i.filer()) == 0 {
		return i, feil.Ny(feil.Ugyldig, "Ettersendelsen har ingen filer")
	}
	return i, nil
}

// Klager lists a citizen's own klager in the order that they came in, of one case
// or, with "", of all: for a case feil.IkkeFunnet, feil.Slettet, feil.IngenTilgang.
func (s *Service) Klager(ctx context.Context, fnr, digisosID string) ([]Klage, error) {
	hvor, arg := `sak_id IN (SELECT id FROM digisos_sak WHERE soker_hash = $1 AND slettet = 0)`, s.sokerHash(fnr)
	if digisosID != "" {
		if _, err := s.egen(ctx, fnr, digisosID); err != nil {
			return nil, err
		}
		hvor, arg = `sak_id = $1`, digisosID
	}
	deler, err := s.klagedeler(ctx, s.DB.Read(), hvor, arg)
	if err != nil {
		return nil, err
	}
	ut := []Klage{}
	plass := map[string]int{}
	for _, d := range deler {
		id := d.SakID + " " + d.KlageID
		if d.Kilde == KildeKlage {
			plass[id] = len(ut)
			k, err := s.klageWire(ctx, d)
			if err != nil {
				return nil, err
			}
			ut = append(ut, k)
			continue
		}
		i, ok := plass[id]
		if !ok {
			return nil, fmt.Errorf("part %s of a klage without the klage", d.ID)
		}
		if err := s.leggTilKlage(ctx, &ut[i], d); err != nil {
			return nil, err
		}
	}
	return ut, nil
}

func (s *Service) klageWire(ctx context.Context, d klagedel) (Klage, error) {
	if d.Innhold.Hoved == nil {
		return Klage{}, fmt.Errorf("klage %s has no document", d.ID)
	}
	l, kvittering, err := s.sendtKvittering(ctx, d.ID)
	if err != nil {
		return Klage{}, err
	}
	return Klage{
		FiksOrgID: l.FiksOrgID, DigisosID: d.SakID, KlageID: d.KlageID, VedtakID: d.VedtakID, NavEksternRefID: d.NavEksternRefID,
		KlageMetadata: d.MetadataID, VedleggMetadata: d.VedleggID, KlageDokument: d.Innhold.Hoved.info(),
		Vedlegg: infoer(d.Innhold.Vedlegg), SendtKvittering: kvittering,
	}, nil
}

// leggTilKlage puts an ettersendelse or a withdrawal into its klage.
func (s *Service) leggTilKlage(ctx context.Context, k *Klage, d klagedel) error {
	if d.Kilde == KildeKlageEttersendelse {
		if k.EttersendtInfoNAV == nil {
			k.EttersendtInfoNAV = &EttersendtInfoNAV{}
		}
		k.EttersendtInfoNAV.Ettersendelser = append(k.EttersendtInfoNAV.Ettersendelser, d.ettersendelse())
		return nil
	}
	if d.Innhold.Hoved == nil {
		return fmt.Errorf("withdrawal %s has no document", d.ID)
	}
	_, kvittering, err := s.sendtKvittering(ctx, d.ID)
	if err != nil {
		return err
	}
	k.Trukket = true
	k.TrekkKlageInfo = &TrekkKlageInfo{
		NavEksternRefID: d.NavEksternRefID, TrekkPdfMetadata: d.Innhold.Hoved.ID, VedleggMetadata: d.VedleggID,
		TrekkKlageDokument: d.Innhold.Hoved.info(), Vedlegg: infoer(d.Innhold.Vedlegg), SendtKvittering: kvittering,
	}
	return nil
}

// sendtKvittering reads a delivery as the wire tells it. It has a channel and an
// id from the first: SvarUt is the only one, and ids are chosen before sending. A
// line in the history that is no new state (an alarm, a late receipt) is left out.
func (s *Service) sendtKvittering(ctx context.Context, id string) (levering.Levering, SendtKvittering, error) {
	l, historie, err := s.Levering.Hent(ctx, s.DB.Read(), id)
	if err == nil && len(historie) == 0 {
		err = errors.New("no history")
	}
	if err != nil {
		return l, SendtKvittering{}, fmt.Errorf("delivery of %s: %w", id, err)
	}
	k := SendtKvittering{SendtKanal: levering.KanalSvarUt, MeldingID: l.LeveranseID}
	for _, h := range historie {
		if n := len(k.StatusListe); n > 0 && k.StatusListe[n-1].Status == string(h.Tilstand) {
			continue
		}
		k.StatusListe = append(k.StatusListe, SendtStatus{string(h.Tilstand), h.Tidspunkt.UnixMilli()})
	}
	k.SendtStatus = k.StatusListe[len(k.StatusListe)-1]
	return l, k, nil
}
