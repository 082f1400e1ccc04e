package digisos

import (
	"context"
	"database/sql"
	"fmt"
	"mime"
	"slices"
	"strings"

	"github.com/google/uuid"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/dokumentlager"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// NySoknad is a søknad as it was read from the wire.
type NySoknad struct {
	Kommunenummer, NavEksternRefID string
	Fnr                            string // of the logged-in citizen
	SoknadJSON, VedleggJSON        []byte
	TilleggsinformasjonJSON        []byte      // nil when it was not sent
	Filer                          []httpx.Par // Ref is a *dokumentlager.Opplasting
	MedMellomlagring               bool        // v2: what lies under NavEksternRefID belongs to it
}

// sjekkNySoknad is what can be told before the body is read: feil.Ugyldig for
// an unknown municipality, a reference that is taken (with the text that
// clients parse), or a municipality that takes no søknader now.
//
// A navEksternRefId is unique among all søknader, whatever the municipality,
// as the text says («finnes allerede i Fiks-Digisos»), also after deletion.
// The duplicate is told before the municipality's switches, so that a sender
// who did not get the first answer gets it now, whatever changed meanwhile.
func (s *Service) sjekkNySoknad(ctx context.Context, kommunenummer, ref string) (konfigurasjon, error) {
	k, err := s.kommune(ctx, kommunenummer)
	if err != nil {
		return k, err
	}
	if id, err := finnNavRef(ctx, s.DB.Read(), ref); err != nil {
		return k, err
	} else if id != "" {
		return k, feil.Ny(feil.Ugyldig, duplikatSoknad, ref, id)
	}
	return k, k.kanMotta()
}

// kommune finds the configuration of a kommunenummer from a path; feil.Ugyldig.
func (s *Service) kommune(ctx context.Context, kommunenummer string) (konfigurasjon, error) {
	k, err := s.lesKonfigurasjon(ctx, s.DB.Read(), "kommunenummer", kommunenummer)
	if feil.Er(err, feil.IkkeFunnet) || err == nil && k.Slettet {
		return k, feil.Ny(feil.Ugyldig, "Kommune %s bruker ikke Fiks Digisos", kommunenummer)
	}
	return k, err
}

func (k konfigurasjon) kanMotta() error {
	switch {
	case !k.Aktivert:
		return feil.Ny(feil.Ugyldig, "Kommune %s har ikke aktivert mottak av søknader", k.Kommunenummer)
	case k.MidlertidigDeaktivertMottak:
		return feil.Ny(feil.Ugyldig, "Kommune %s har midlertidig deaktivert mottak av søknader", k.Kommunenummer)
	}
	return nil
}

// taImotSoknad takes responsibility for a søknad: case, documents, delivery,
// history and audit event are committed together, and what lay in mellomlagring
// under its reference has become part of it. On an error nothing of it exists.
// Two concurrent equal calls give one DigisosId and one feil.Ugyldig naming it.
// konf is what sjekkNySoknad gave before the body was read; a reference that has
// been taken since is found at the commit.
func (s *Service) taImotSoknad(ctx context.Context, konf konfigurasjon, n NySoknad) (digisosID string, err error) {
	soknad, err := s.skjemaer.Soknad(n.SoknadJSON)
	if err != nil {
		return "", err
	}
	if _, err := s.skjemaer.Vedlegg(n.VedleggJSON); err != nil {
		return "", err
	}
	if soknad.PersonIdentifikator != n.Fnr {
		return "", feil.Ny(feil.Ugyldig, "soknadJson gjelder en annen person enn den som er logget inn")
	}
	if soknad.Kommunenummer != "" && soknad.Kommunenummer != n.Kommunenummer {
		s.Log.WarnContext(ctx, "soknad.json names another municipality than the path",
			"kommunenummer", n.Kommunenummer, "navEksternRefId", n.NavEksternRefID)
	}
	tillegg, err := lesTillegg(n.TilleggsinformasjonJSON)
	if err != nil {
		return "", err
	}
	if len(n.Filer) == 0 {
		return "", feil.Ny(feil.Ugyldig, "Søknaden mangler søknadsdokumentet")
	}

	naa := store.Micros(s.Klokke.Now())
	k := sak{
		ID: uuid.NewString(), FiksOrgID: konf.FiksOrgID, Kommunenummer: n.Kommunenummer,
		NavEksternRefID: sql.NullString{String: n.NavEksternRefID, Valid: true},
		sokerHash:       s.sokerHash(n.Fnr), Opprettet: naa,
	}
	if k.soker, err = s.Ring.Seal(stedSoker(k.ID), []byte(n.Fnr)); err != nil {
		return "", fmt.Errorf("sealing soker: %w", err)
	}
	soknadDok, err := s.mottaJSON(ctx, n.SoknadJSON)
	if err != nil {
		return "", err
	}
	defer soknadDok.Forkast()
	vedleggDok, err := s.mottaJSON(ctx, n.VedleggJSON)
	if err != nil {
		return "", err
	}
	defer vedleggDok.Forkast()

	opptatt := false
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		ny, err := s.settInnSak(ctx, tx, k)
		if err != nil {
			return err
		}
		if !ny {
			opptatt = true
			return feil.Ny(feil.Ugyldig, "navEksternRefId er tatt")
		}
		f := forsendelse{ID: k.ID, SakID: k.ID, NavEksternRefID: n.NavEksternRefID, Sendt: naa}
		if f.MetadataID, err = s.lagreJSON(ctx, tx, soknadDok, konf.KontoID, k.ID, "soknad.json"); err != nil {
			return err
		}
		if f.VedleggID, err = s.lagreJSON(ctx, tx, vedleggDok, konf.KontoID, k.ID, "vedlegg.json"); err != nil {
			return err
		}
		filer, err := s.lagreFiler(ctx, tx, n.Filer, konf.KontoID, k.ID, n.Fnr)
		if err != nil {
			return err
		}
		f.Innhold = delOpp(filer, slagAv(KildeSoknad).hoved)
		f.Innhold.Tilleggsinformasjon = tillegg
		if n.MedMellomlagring {
			mellom, err := s.taMellomlagring(ctx, tx, n.NavEksternRefID, konf.KontoID, n.Fnr)
			if err != nil {
				return err
			}
			f.Innhold.Vedlegg = append(f.Innhold.Vedlegg, mellom...)
		}
		if _, err := s.settInnForsendelse(ctx, tx, f, true); err != nil {
			return err
		}
		return s.fullfor(ctx, tx, k, f.ID, slagAv(KildeSoknad), s.plan(konf), n.Fnr)
	})
	if opptatt {
		id, err := finnNavRef(ctx, s.DB.Read(), n.NavEksternRefID)
		if err != nil {
			return "", err
		}
		return "", feil.Ny(feil.Ugyldig, duplikatSoknad, n.NavEksternRefID, id)
	}
	if err != nil {
		return "", err
	}
	return k.ID, nil
}

// fullfor writes what every accepted forsendelse gets: its delivery, history
// and audit event.
func (s *Service) fullfor(ctx context.Context, tx *store.Tx, k sak, id string, slag slag, plan []levering.Steg, fnr string) error {
	err := s.Levering.Opprett(ctx, tx, levering.Ny{ID: id, Kilde: slag.kilde, KildeID: id, FiksOrgID: k.FiksOrgID, Plan: plan})
	if err != nil {
		return fmt.Errorf("making the delivery of %s: %w", id, err)
	}
	if err := s.skrivHistorikk(ctx, tx, k.ID, slag.akseptert, id); err != nil {
		return err
	}
	return s.logg(ctx, tx, audit.Hendelse{
		Handling: slag.handling, FiksOrg: k.FiksOrgID, Underressurs: k.ID, Gjelder: fnr, Payload: id,
	})
}

// lesTillegg reads tilleggsinformasjonJson; nil when there was none.
func lesTillegg(b []byte) (*Tilleggsinformasjon, error) {
	if b == nil {
		return nil, nil
	}
	var t Tilleggsinformasjon
	if err := httpx.UnmarshalJSON(b, &t); err != nil {
		return nil, feil.Ny(feil.Ugyldig, "tilleggsinformasjonJson er ikke gyldig").Med(err)
	}
	return &t, nil
}

// delOpp finds the main document: the file of that name in any case, else the
// first. The others keep their order.
func delOpp(filer []dokument, navn string) innhold {
	i := max(0, slices.IndexFunc(filer, func(d dokument) bool { return strings.EqualFold(d.Filnavn, navn) }))
	hoved := filer[i]
	return innhold{Hoved: &hoved, Vedlegg: slices.Delete(slices.Clone(filer), i, i+1)}
}

// lagreFiler makes the files of a request exist, open to the citizen, in order.
func (s *Service) lagreFiler(ctx context.Context, tx *store.Tx, filer []httpx.Par, kontoID, sakID, fnr string) ([]dokument, error) {
	ut := make([]dokument, len(filer))
	for i, p := range filer {
		m, err := s.Dokumentlager.Lagre(ctx, tx, p.Ref.(*dokumentlager.Opplasting), dokumentlager.Metadata{
			KontoID: kontoID, Dokumentnavn: p.Metadata.Filnavn, Mimetype: mimetype(p.Metadata.Mimetype),
			Sikkerhetsniva: Sikkerhetsniva, Korrelasjonsid: sakID, EksponertFor: eksponertFor(fnr),
		})
		if err != nil {
			return nil, err
		}
		ut[i] = dokument{ID: m.ID, Filnavn: p.Metadata.Filnavn, Mimetype: p.Metadata.Mimetype, Storrelse: p.Metadata.Storrelse}
	}
	return ut, nil
}

// mimetype is the type that a file is stored, served and packed with: what its
// sender wrote, which nothing checks on the way in, when it is a media type
// that headers and containers can hold.
func mimetype(m string) string {
	t, _, err := mime.ParseMediaType(m)
	if err != nil || !strings.Contains(t, "/") || len(m) > 200 || strings.ContainsFunc(m, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "application/octet-stream"
	}
	return m
}

// NyEttersendelse is an ettersendelse as it was read from the wire.
type NyEttersendelse struct {
	Kommunenummer, DigisosID, NavEksternRefID string
	Fnr                                       string
	VedleggJSON                               []byte
	Filer                                     []httpx.Par
	MedMellomlagring                          bool // v2
}

// SjekkNyEttersendelse is what can be told before the body is read:
// feil.IkkeFunnet, feil.Slettet, feil.IngenTilgang for the case; feil.Ugyldig
// for a kommunenummer that is not the case's, a reference that the case has
// already (with the text that clients parse), or a municipality that takes
// nothing now.
func (s *Service) SjekkNyEttersendelse(ctx context.Context, kommunenummer, digisosID, ref, fnr string) error {
	_, _, err := s.sjekkNyEttersendelse(ctx, kommunenummer, digisosID, ref, fnr)
	return err
}

func (s *Service) sjekkNyEttersendelse(ctx context.Context, kommunenummer, digisosID, ref, fnr string) (sak, konfigurasjon, error) {
	k, err := s.egen(ctx, fnr, digisosID)
	if err != nil {
		return k, konfigurasjon{}, err
	}
	if k.Kommunenummer != kommunenummer {
		return k, konfigurasjon{}, feil.Ny(feil.Ugyldig, "Saken tilhører ikke kommune %s", kommunenummer)
	}
	if finnes, err := finnesEttersendelse(ctx, s.DB.Read(), digisosID, ref); err != nil {
		return k, konfigurasjon{}, err
	} else if finnes {
		return k, konfigurasjon{}, feil.Ny(feil.Ugyldig, duplikatEttersendelse, ref, digisosID)
	}
	konf, err := s.kommune(ctx, kommunenummer)
	if err != nil {
		return k, konf, err
	}
	return k, konf, konf.kanMotta()
}

// TaImotEttersendelse takes responsibility for an ettersendelse, as taImotSoknad.
func (s *Service) TaImotEttersendelse(ctx context.Context, n NyEttersendelse) error {
	k, konf, err := s.sjekkNyEttersendelse(ctx, n.Kommunenummer, n.DigisosID, n.NavEksternRefID, n.Fnr)
	if err != nil {
		return err
	}
	navngitte, err := s.skjemaer.Vedlegg(n.VedleggJSON)
	if err != nil {
		return err
	}
	if !k.NavEksternRefID.Valid { // a case made by the municipality has no søknad to refer to (§2.2)
		konf.BrukerFiksIO = false
	}
	vedleggDok, err := s.mottaJSON(ctx, n.VedleggJSON)
	if err != nil {
		return err
	}
	defer vedleggDok.Forkast()
	naa := s.Klokke.Now()
	f := forsendelse{ID: uuid.NewString(), SakID: k.ID, NavEksternRefID: n.NavEksternRefID, Sendt: store.Micros(naa)}
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		// Again, now that nobody else can delete the case.
		if naaSak, err := hentSak(ctx, tx, k.ID); err != nil {
			return err
		} else if naaSak.Slettet != 0 {
			return errSlettet()
		}
		finnes, err := finnesEttersendelse(ctx, tx, k.ID, n.NavEksternRefID)
		if err != nil {
			return err
		}
		if finnes {
			return feil.Ny(feil.Ugyldig, duplikatEttersendelse, n.NavEksternRefID, k.ID)
		}
		if f.VedleggID, err = s.lagreJSON(ctx, tx, vedleggDok, konf.KontoID, k.ID, "vedlegg.json"); err != nil {
			return err
		}
		if f.Innhold.Vedlegg, err = s.lagreFiler(ctx, tx, n.Filer, konf.KontoID, k.ID, n.Fnr); err != nil {
			return err
		}
		if n.MedMellomlagring {
			mellom, err := s.taMellomlagring(ctx, tx, n.NavEksternRefID, konf.KontoID, n.Fnr)
			if err != nil {
				return err
			}
			f.Innhold.Vedlegg = append(f.Innhold.Vedlegg, mellom...)
			if err := alleFinnes(navngitte, f.Innhold.Vedlegg); err != nil {
				return err
			}
		}
		if len(f.Innhold.Vedlegg) == 0 {
			return feil.Ny(feil.Ugyldig, "Ettersendelsen har ingen filer")
		}
		ny, err := s.settInnForsendelse(ctx, tx, f, false)
		if err != nil {
			return err
		}
		if !ny {
			return feil.Ny(feil.Ugyldig, duplikatEttersendelse, n.NavEksternRefID, k.ID)
		}
		if err := s.rorSak(ctx, tx, k.ID, naa); err != nil {
			return err
		}
		return s.fullfor(ctx, tx, k, f.ID, slagAv(KildeEttersendelse), s.plan(konf), n.Fnr)
	})
}

// alleFinnes checks that each file that vedlegg.json names has come.
func alleFinnes(navn []string, filer []dokument) error {
	for i, n := range navn {
		if !slices.ContainsFunc(filer, func(d dokument) bool { return d.Filnavn == n }) {
			return feil.Ny(feil.Ugyldig, "Fil nummer %d i vedlegg.json finnes ikke i mellomlagringen", i+1)
		}
	}
	return nil
}
