package digisos

import (
	"context"
	"io"
	"net/http"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/dokumentlager"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/organisasjon"
)

// Routes are the endpoints, each with its row of the authorisation table.
func (s *Service) Routes() []auth.Route {
	var (
		nav       = auth.Tilgang{Slag: auth.Integrasjon, Privilegium: auth.DigisosNAV}
		navLesing = auth.Tilgang{Slag: auth.Integrasjon, Privilegium: auth.DigisosNAV, Merknad: "kommunen må ha nksTilgang; revisjonslogges"}
		innbygger = auth.Tilgang{Slag: auth.IntegrasjonPerson, Niva: Sikkerhetsniva, Privilegium: auth.DigisosNAV, Merknad: "bare egne saker"}
		fagsystem = auth.Tilgang{Slag: auth.Integrasjon, Privilegium: auth.DigisosOppdater, Ressurs: s.tjenesteRessurs, Merknad: "bare organisasjonens egne saker"}
		admin     = auth.Tilgang{Slag: auth.Person, Niva: Sikkerhetsniva, Privilegium: auth.Admin, Ressurs: orgRessurs}
		enhver    = auth.Tilgang{Slag: auth.Integrasjon | auth.IntegrasjonPerson, Merknad: "sertifikatet er offentlig"}
	)
	return append([]auth.Route{
		{Pattern: "GET /digisos/api/v1/dokumentlager-public-key", Tilgang: enhver, Handler: s.getPublicKey},

		{Pattern: "POST /digisos/api/v1/soknader/{kommunenummer}/{navEksternRefId}", Tilgang: innbygger, Handler: tom(s.postSoknad(false))},
		{Pattern: "POST /digisos/api/v2/soknader/{kommunenummer}/{navEksternRefId}", Tilgang: innbygger, Handler: tom(s.postSoknad(true))},
		{Pattern: "POST /digisos/api/v1/soknader/{kommunenummer}/{soknadId}/{navEksternRefId}", Tilgang: innbygger, Handler: tom(s.postEttersendelse(false))},
		{Pattern: "POST /digisos/api/v2/soknader/{kommunenummer}/{soknadId}/{navEksternRefId}", Tilgang: innbygger, Handler: tom(s.postEttersendelse(true))},

		{Pattern: "GET /digisos/api/v1/soknader/soknader", Tilgang: innbygger, Handler: s.getSaker},
		{Pattern: "POST /digisos/api/v1/soknader/dokumenter", Tilgang: innbygger, Handler: s.postDokumenter},
		{Pattern: "GET /digisos/api/v1/soknader/{digisosId}", Tilgang: innbygger, Handler: s.getSak},
		{Pattern: "GET /digisos/api/v1/soknader/{digisosId}/dokumenter/{dokumentlagerId}", Tilgang: innbygger, Handler: s.getDokument},

		{Pattern: "GET /digisos/klage/api/v1/klager", Tilgang: innbygger, Handler: s.getKlager},
		{Pattern: "POST /digisos/klage/api/v1/{digisosId}/{navEksternRefId}/{klageId}/vedlegg", Tilgang: innbygger, Handler: tom(s.postKlagedel(KildeKlageEttersendelse))},
		{Pattern: "POST /digisos/klage/api/v1/{digisosId}/{navEksternRefId}/{klageId}/trekk", Tilgang: innbygger, Handler: tom(s.postKlagedel(KildeKlageTrekk))},
		{Pattern: "POST /digisos/klage/api/v1/{digisosId}/{navEksternRefId}/{klageId}/{vedtakId}", Tilgang: innbygger, Handler: tom(s.postKlagedel(KildeKlage))},

		{Pattern: "GET /digisos/api/v1/nav/kommuner", Tilgang: nav, Handler: s.getKommuner},
		{Pattern: "GET /digisos/api/v1/nav/kommuner/{kommunenummer}", Tilgang: nav, Handler: s.getKommune},
		{Pattern: "POST /digisos/api/v1/nav/soknader/soknader", Tilgang: navLesing, Handler: s.postNavSaker},
		{Pattern: "POST /digisos/api/v1/nav/soknader/status", Tilgang: nav, Handler: s.postNavStatus},
		{Pattern: "GET /digisos/api/v1/nav/soknader/{digisosId}", Tilgang: navLesing, Handler: s.getNavSak},
		{Pattern: "GET /digisos/api/v1/nav/soknader/{digisosId}/dokumenter/{dokumentlagerId}", Tilgang: navLesing, Handler: s.getNavDokument},

		{Pattern: "POST /digisos/api/v1/mellomlagring/{navEksternRefId}", Tilgang: nav, Handler: tom(s.postMellomlagring)},
		{Pattern: "GET /digisos/api/v1/mellomlagring/{navEksternRefId}", Tilgang: nav, Handler: s.getMellomlagring},
		{Pattern: "DELETE /digisos/api/v1/mellomlagring/{navEksternRefId}", Tilgang: nav, Handler: s.deleteMellomlagring},
		{Pattern: "GET /digisos/api/v1/mellomlagring/{navEksternRefId}/{digisosDokumentId}", Tilgang: nav, Handler: s.getMellomlagretFil},
		{Pattern: "DELETE /digisos/api/v1/mellomlagring/{navEksternRefId}/{digisosDokumentId}", Tilgang: nav, Handler: s.deleteMellomlagring},

		{Pattern: "POST /digisos/api/v1/{fiksOrgId}/ny", Tilgang: fagsystem, Handler: s.postNySak},
		{Pattern: "POST /digisos/api/v1/{fiksOrgId}/{digisosId}", Tilgang: fagsystem, Handler: s.postOppdatering},
		{Pattern: "DELETE /digisos/api/v1/{fiksOrgId}/{digisosId}", Tilgang: fagsystem, Handler: s.deleteOppdatering},
		{Pattern: "POST /digisos/api/v1/{fiksOrgId}/{digisosId}/filer", Tilgang: fagsystem, Handler: tom(s.postFiler)},
		{Pattern: "GET /digisos/api/v1/{fiksOrgId}/{digisosId}/filer", Tilgang: fagsystem, Handler: s.getFiler},
		{Pattern: "DELETE /digisos/api/v1/{fiksOrgId}/{digisosId}/filer", Tilgang: fagsystem, Handler: s.deleteFiler},

		{Pattern: "GET /digisos/api/v1/konfigurasjon/{fiksOrgId}", Tilgang: admin, Handler: s.getKonfigurasjon},
		{Pattern: "POST /digisos/api/v1/konfigurasjon/{fiksOrgId}", Tilgang: admin, Handler: s.postKonfigurasjon},
		{Pattern: "PUT /digisos/api/v1/konfigurasjon/{fiksOrgId}", Tilgang: admin, Handler: s.putKonfigurasjon},
		{Pattern: "DELETE /digisos/api/v1/konfigurasjon/{fiksOrgId}", Tilgang: admin, Handler: s.deleteKonfigurasjon},
	}, s.avstemmingRuter()...)
}

// orgRessurs: an organisation's ressurs has the organisation's id.
func orgRessurs(_ context.Context, r *http.Request) (string, error) {
	return gyldigUUID("fiksOrgId", r.PathValue("fiksOrgId"))
}

// tjenesteRessurs is the organisation's Digisos service. An organisation without
// it looks like one that the caller has no right to.
func (s *Service) tjenesteRessurs(ctx context.Context, r *http.Request) (string, error) {
	org, err := orgRessurs(ctx, r)
	if err != nil {
		return "", err
	}
	id, err := s.Organisasjon.TjenesteRessurs(ctx, org, organisasjon.TypeDigisos)
	if feil.Er(err, feil.IkkeFunnet) {
		return "", feil.Ny(feil.IngenTilgang, "Ingen tilgang")
	}
	return id, err
}

// maksTomming bounds what is read of a body after its request was refused.
const maksTomming = 256 << 20

// tom reads the rest of the body when a handler refused the request before its
// end: a client that is still writing would otherwise see a broken connection
// and not the answer, which for a duplicate holds the DigisosId it needs.
func tom(h httpx.Handler) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := h(w, r)
		if err != nil && r.Body != nil {
			_, _ = io.CopyN(io.Discard, r.Body, maksTomming)
		}
		return err
	}
}

func navRef(r *http.Request) (string, error) {
	ref := r.PathValue("navEksternRefId")
	if !navRefForm.MatchString(ref) {
		return "", feil.Ny(feil.Ugyldig, "navEksternRefId må ha 1 til 60 tegn av A–Z, a–z, 0–9, _ og -")
	}
	return ref, nil
}

func kommunenummer(r *http.Request) (string, error) {
	nr := r.PathValue("kommunenummer")
	if !kommunenummerForm.MatchString(nr) {
		return "", feil.Ny(feil.Ugyldig, "kommunenummer må ha 4 siffer")
	}
	return nr, nil
}

func digisosID(r *http.Request) (string, error) {
	return gyldigUUID("digisosId", r.PathValue("digisosId"))
}

// les reads an upload; forkast throws away what was not committed.
func (s *Service) les(r *http.Request, ikkeMultipart int, deler ...httpx.JSONDel) (inn httpx.Innhold, forkast func(), err error) {
	inn, err = httpx.Opplasting{
		JSON: deler, MaxFiler: maksFiler, MaxBytes: s.cfg.MaxForesporsel, IkkeMultipart: ikkeMultipart,
		Fil: func(_ string, _ *httpx.Metadata, innhold io.Reader) (any, error) {
			return s.motta(r.Context(), innhold)
		},
	}.Les(r)
	forkast = func() {
		for _, f := range inn.Filer {
			if o, ok := f.(*dokumentlager.Opplasting); ok && o != nil {
				o.Forkast()
			}
		}
	}
	return inn, forkast, err
}

var (
	delTillegg = httpx.JSONDel{Navn: []string{"tilleggsinformasjonJson", "tilleggsinformasjon.json"}}
	delSoknad  = httpx.JSONDel{Navn: []string{"soknadJson", "soknad.json"}, Paakrev: true}
	delVedlegg = httpx.JSONDel{Navn: []string{"vedleggJson", "vedlegg.json"}, Paakrev: true}
	// Of an ettersendelse the other spelling is the usual one.
	delSpesifikasjon = httpx.JSONDel{Navn: []string{"vedlegg.json", "vedleggJson"}, Paakrev: true}
)

func (s *Service) postSoknad(v2 bool) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		n := NySoknad{Fnr: auth.From(ctx).Fnr, MedMellomlagring: v2}
		var err error
		if n.Kommunenummer, err = kommunenummer(r); err != nil {
			return err
		}
		if n.NavEksternRefID, err = navRef(r); err != nil {
			return err
		}
		konf, err := s.sjekkNySoknad(ctx, n.Kommunenummer, n.NavEksternRefID)
		if err != nil {
			return err
		}
		inn, forkast, err := s.les(r, http.StatusUnsupportedMediaType, delTillegg, delSoknad, delVedlegg)
		defer forkast()
		if err != nil {
			return err
		}
		n.SoknadJSON, n.VedleggJSON = inn.JSON["soknadJson"], inn.JSON["vedleggJson"]
		n.TilleggsinformasjonJSON, n.Filer = inn.JSON["tilleggsinformasjonJson"], inn.Par
		id, err := s.taImotSoknad(ctx, konf, n)
		if err != nil {
			return err
		}
		return httpx.JSON(w, http.StatusAccepted, id)
	}
}

func (s *Service) postEttersendelse(v2 bool) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		n := NyEttersendelse{Fnr: auth.From(ctx).Fnr, MedMellomlagring: v2}
		var err error
		if n.Kommunenummer, err = kommunenummer(r); err != nil {
			return err
		}
		if n.DigisosID, err = gyldigUUID("soknadId", r.PathValue("soknadId")); err != nil {
			return err
		}
		if n.NavEksternRefID, err = navRef(r); err != nil {
			return err
		}
		if err := s.SjekkNyEttersendelse(ctx, n.Kommunenummer, n.DigisosID, n.NavEksternRefID, n.Fnr); err != nil {
			return err
		}
		inn, forkast, err := s.les(r, http.StatusUnsupportedMediaType, delSpesifikasjon)
		defer forkast()
		if err != nil {
			return err
		}
		n.VedleggJSON, n.Filer = inn.JSON["vedlegg.json"], inn.Par
		if err := s.TaImotEttersendelse(ctx, n); err != nil {
			return err
		}
		w.WriteHeader(http.StatusAccepted)
		return nil
	}
}

// getPublicKey answers the certificate's bytes, whatever Accept says (§1.4).
func (s *Service) getPublicKey(w http.ResponseWriter, r *http.Request) error {
	nokler, err := s.Ring.Platform(r.Context(), keys.Dokumentlager)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, err = w.Write(nokler[0].Certificate.Raw)
	return err
}

func (s *Service) postMellomlagring(w http.ResponseWriter, r *http.Request) error {
	ref, err := navRef(r)
	if err != nil {
		return err
	}
	inn, forkast, err := s.les(r, http.StatusBadRequest)
	defer forkast()
	if err != nil {
		return err
	}
	m, err := s.Mellomlagre(r.Context(), ref, inn.Par)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusAccepted, m)
}

func (s *Service) getMellomlagring(w http.ResponseWriter, r *http.Request) error {
	ref, err := navRef(r)
	if err != nil {
		return err
	}
	m, err := s.HentMellomlagring(r.Context(), ref)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, m)
}

func (s *Service) getMellomlagretFil(w http.ResponseWriter, r *http.Request) error {
	ref, err := navRef(r)
	if err != nil {
		return err
	}
	id, err := gyldigUUID("digisosDokumentId", r.PathValue("digisosDokumentId"))
	if err != nil {
		return err
	}
	if err := s.erMellomlagret(r.Context(), ref, id); err != nil {
		return err
	}
	return s.skrivDokument(w, r, id, "application/octet-stream")
}

func (s *Service) deleteMellomlagring(w http.ResponseWriter, r *http.Request) error {
	ref, err := navRef(r)
	if err != nil {
		return err
	}
	id := r.PathValue("digisosDokumentId") // "" when the whole reference is meant
	if id != "" {
		if id, err = gyldigUUID("dokumentId", id); err != nil {
			return err
		}
	}
	if err := s.SlettMellomlagring(r.Context(), ref, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// skrivDokument streams a document's plaintext; type "" gives the stored mimetype.
func (s *Service) skrivDokument(w http.ResponseWriter, r *http.Request, id, mimetype string) error {
	innhold, m, err := s.Dokumentlager.Apne(r.Context(), id, 0)
	if err != nil {
		return err
	}
	defer innhold.Close()
	if mimetype == "" {
		mimetype = m.Mimetype
	}
	w.Header().Set("Content-Type", mimetype)
	_, err = io.Copy(w, innhold)
	return err
}
