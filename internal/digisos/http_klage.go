package digisos

import (
	"net/http"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/httpx"
)

var delKlage = httpx.JSONDel{Navn: []string{"klage.json", "klageJson"}, Paakrev: true}

// postKlagedel takes a klage, an ettersendelse to one, or its withdrawal.
func (s *Service) postKlagedel(kilde string) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		n := nyKlagedel{slag: slagAv(kilde), Fnr: auth.From(ctx).Fnr}
		deler := []httpx.JSONDel{delSpesifikasjon}
		var err error
		if n.DigisosID, err = digisosID(r); err != nil {
			return err
		}
		if n.NavEksternRefID, err = navRef(r); err != nil {
			return err
		}
		if n.KlageID, err = gyldigUUID("klageId", r.PathValue("klageId")); err != nil {
			return err
		}
		if kilde == KildeKlage {
			if n.VedtakID, err = gyldigUUID("vedtakId", r.PathValue("vedtakId")); err != nil {
				return err
			}
			deler = append(deler, delKlage)
		}
		if _, _, err := s.sjekkKlagedel(ctx, n); err != nil {
			return err
		}
		inn, forkast, err := s.les(r, http.StatusBadRequest, deler...)
		defer forkast()
		if err != nil {
			return err
		}
		n.KlageJSON, n.VedleggJSON, n.Filer = inn.JSON["klage.json"], inn.JSON["vedlegg.json"], inn.Par
		if err := s.taImotKlagedel(ctx, n); err != nil {
			return err
		}
		w.WriteHeader(http.StatusOK)
		return nil
	}
}

func (s *Service) getKlager(w http.ResponseWriter, r *http.Request) error {
	id := r.URL.Query().Get("digisosId") // "" for all of the citizen's
	if id != "" {
		var err error
		if id, err = gyldigUUID("digisosId", id); err != nil {
			return err
		}
	}
	klager, err := s.Klager(r.Context(), auth.From(r.Context()).Fnr, id)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, klager)
}
