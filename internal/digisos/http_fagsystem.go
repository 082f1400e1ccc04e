package digisos

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
)

func (s *Service) postNySak(w http.ResponseWriter, r *http.Request) error {
	org, err := orgRessurs(r.Context(), r)
	if err != nil {
		return err
	}
	id, err := s.NySak(r.Context(), org, r.URL.Query().Get("sokerFnr"))
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, id)
}

// orgOgSak reads the path of a fagsystem's call.
func orgOgSak(r *http.Request) (org, sakID string, err error) {
	if org, err = orgRessurs(r.Context(), r); err != nil {
		return "", "", err
	}
	sakID, err = digisosID(r)
	return org, sakID, err
}

func (s *Service) postOppdatering(w http.ResponseWriter, r *http.Request) error {
	org, id, err := orgOgSak(r)
	if err != nil {
		return err
	}
	soker, err := lesOppdatering(r)
	if err != nil {
		return err
	}
	if err := s.OppdaterSak(r.Context(), org, id, soker); err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// lesOppdatering gives the bytes of sak.soker as they came. The whole body may
// also be a JSON string that holds the document (§1.10).
func lesOppdatering(r *http.Request) ([]byte, error) {
	var raa json.RawMessage
	if err := httpx.ReadJSON(r, maksOppdatering, &raa); err != nil {
		return nil, err
	}
	if bytes.HasPrefix(raa, []byte(`"`)) {
		var tekst string
		if err := json.Unmarshal(raa, &tekst); err != nil {
			return nil, feil.Ny(feil.Ugyldig, "Ugyldig input: ikke gyldig JSON").Med(err)
		}
		raa = json.RawMessage(tekst)
	}
	var inn struct {
		Sak *struct {
			Soker json.RawMessage `json:"soker"`
		} `json:"sak"`
		Type string `json:"type"`
	}
	if err := httpx.UnmarshalJSON(raa, &inn); err != nil {
		return nil, err
	}
	switch {
	case inn.Type != typeSaksoppdatering:
		return nil, feil.Ny(feil.Ugyldig, "type må være %s", typeSaksoppdatering)
	case inn.Sak == nil || inn.Sak.Soker == nil:
		return nil, feil.Ny(feil.Ugyldig, "sak.soker mangler")
	}
	return inn.Sak.Soker, nil
}

func (s *Service) deleteOppdatering(w http.ResponseWriter, r *http.Request) error {
	org, id, err := orgOgSak(r)
	if err != nil {
		return err
	}
	if err := s.SlettOppdatering(r.Context(), org, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Service) postFiler(w http.ResponseWriter, r *http.Request) error {
	org, id, err := orgOgSak(r)
	if err != nil {
		return err
	}
	// Refused before hundreds of megabytes are taken in.
	if _, err := kommunensSak(r.Context(), s.DB.Read(), org, id); err != nil {
		return err
	}
	inn, forkast, err := s.les(r, http.StatusBadRequest)
	defer forkast()
	if err != nil {
		return err
	}
	filer, err := s.LastOppFiler(r.Context(), org, id, inn.Par)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, filer)
}

func (s *Service) getFiler(w http.ResponseWriter, r *http.Request) error {
	org, id, err := orgOgSak(r)
	if err != nil {
		return err
	}
	filer, err := s.Filer(r.Context(), org, id)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, filer)
}

func (s *Service) deleteFiler(w http.ResponseWriter, r *http.Request) error {
	org, id, err := orgOgSak(r)
	if err != nil {
		return err
	}
	var ider []string
	for _, verdi := range r.URL.Query()["filIder"] {
		for _, v := range strings.Split(verdi, ",") {
			fil, err := gyldigUUID("filIder", strings.TrimSpace(v))
			if err != nil {
				return err
			}
			ider = append(ider, fil)
		}
	}
	if len(ider) == 0 || len(ider) > maksDokumenter {
		return feil.Ny(feil.Ugyldig, "filIder må ha 1 til %d verdier", maksDokumenter)
	}
	if err := s.SlettFiler(r.Context(), org, id, ider); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Service) getKonfigurasjon(w http.ResponseWriter, r *http.Request) error {
	org, err := orgRessurs(r.Context(), r)
	if err != nil {
		return err
	}
	k, err := s.Konfigurasjon(r.Context(), org)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, k)
}

func (s *Service) postKonfigurasjon(w http.ResponseWriter, r *http.Request) error {
	org, k, err := lesKonfig(r)
	if err != nil {
		return err
	}
	if err := s.OpprettKonfigurasjon(r.Context(), org, k); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

func (s *Service) putKonfigurasjon(w http.ResponseWriter, r *http.Request) error {
	org, k, err := lesKonfig(r)
	if err != nil {
		return err
	}
	if k, err = s.EndreKonfigurasjon(r.Context(), org, k); err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, k)
}

func (s *Service) deleteKonfigurasjon(w http.ResponseWriter, r *http.Request) error {
	org, err := orgRessurs(r.Context(), r)
	if err != nil {
		return err
	}
	k, err := s.SlettKonfigurasjon(r.Context(), org)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, k)
}

func lesKonfig(r *http.Request) (org string, k KommuneKonfigurasjon, err error) {
	if org, err = orgRessurs(r.Context(), r); err != nil {
		return org, k, err
	}
	return org, k, httpx.ReadJSON(r, maksJSON, &k)
}
