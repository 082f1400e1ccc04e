package digisos

import (
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"slices"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
)

// maksJSON bounds a small JSON body, maksOppdatering a saksoppdatering.
const (
	maksJSON        = 1 << 20
	maksOppdatering = 16 << 20
)

func (s *Service) getSaker(w http.ResponseWriter, r *http.Request) error {
	saker, err := s.Saker(r.Context(), auth.From(r.Context()).Fnr)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, saker)
}

func (s *Service) getSak(w http.ResponseWriter, r *http.Request) error {
	id, err := digisosID(r)
	if err != nil {
		return err
	}
	sak, err := s.Sak(r.Context(), auth.From(r.Context()).Fnr, id)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, sak)
}

func (s *Service) getDokument(w http.ResponseWriter, r *http.Request) error {
	id, dok, err := dokumentSti(r)
	if err != nil {
		return err
	}
	if err := s.egetDokument(r.Context(), auth.From(r.Context()).Fnr, id, dok); err != nil {
		return err
	}
	return s.skrivDokument(w, r, dok, "")
}

func dokumentSti(r *http.Request) (sakID, dokumentID string, err error) {
	if sakID, err = digisosID(r); err != nil {
		return "", "", err
	}
	dokumentID, err = gyldigUUID("dokumentlagerId", r.PathValue("dokumentlagerId"))
	return sakID, dokumentID, err
}

const maksDokumenter = 1000

// postDokumenter answers many documents in one multipart/mixed, in the order
// asked for. Each is decided on before the first byte is sent.
func (s *Service) postDokumenter(w http.ResponseWriter, r *http.Request) error {
	var inn struct {
		Dokumenter []struct {
			DigisosID       string `json:"digisosId"`
			DokumentlagerID string `json:"dokumentlagerId"`
		} `json:"dokumenter"`
	}
	if err := httpx.ReadJSON(r, maksJSON, &inn); err != nil {
		return err
	}
	if inn.Dokumenter == nil || len(inn.Dokumenter) > maksDokumenter {
		return feil.Ny(feil.Ugyldig, "dokumenter må være en liste med høyst %d elementer", maksDokumenter)
	}
	ctx, fnr := r.Context(), auth.From(r.Context()).Fnr
	saker := map[string][]string{} // the documents of each case, read once
	for i := range inn.Dokumenter {
		d := &inn.Dokumenter[i]
		var err error
		if d.DigisosID, err = gyldigUUID("digisosId", d.DigisosID); err != nil {
			return err
		}
		if d.DokumentlagerID, err = gyldigUUID("dokumentlagerId", d.DokumentlagerID); err != nil {
			return err
		}
		alle, lest := saker[d.DigisosID]
		if !lest {
			l, err := s.egenSak(ctx, fnr, d.DigisosID)
			if err != nil {
				return err
			}
			alle = l.alleDokumenter()
			saker[d.DigisosID] = alle
		}
		if !slices.Contains(alle, d.DokumentlagerID) {
			return errDokument()
		}
	}
	mw := multipart.NewWriter(w)
	w.Header().Set("Content-Type", "multipart/mixed; boundary="+mw.Boundary())
	for _, d := range inn.Dokumenter {
		if err := s.skrivDel(r, mw, d.DigisosID, d.DokumentlagerID); err != nil {
			return err
		}
	}
	return mw.Close()
}

func (s *Service) skrivDel(r *http.Request, mw *multipart.Writer, sakID, dokumentID string) error {
	innhold, m, err := s.Dokumentlager.Apne(r.Context(), dokumentID, 0)
	if err != nil {
		return err
	}
	defer innhold.Close()
	del, err := mw.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {fmt.Sprintf(`form-data; name="%s_%s"`, sakID, dokumentID)},
		"Content-Type":        {m.Mimetype},
	})
	if err != nil {
		return err
	}
	_, err = io.Copy(del, innhold)
	return err
}

func (s *Service) getKommuner(w http.ResponseWriter, r *http.Request) error {
	k, err := s.Kommuner(r.Context())
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, k)
}

func (s *Service) getKommune(w http.ResponseWriter, r *http.Request) error {
	nr, err := kommunenummer(r)
	if err != nil {
		return err
	}
	k, err := s.Kommune(r.Context(), nr)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, k)
}

// sporingsID is required on every look-up by NAV; it joins NAV's own audit log with ours.
func sporingsID(r *http.Request) (string, error) {
	id := r.URL.Query().Get("sporingsId")
	if id == "" || len(id) > 200 {
		return "", feil.Ny(feil.Ugyldig, "sporingsId mangler eller er for lang")
	}
	return id, nil
}

func (s *Service) postNavSaker(w http.ResponseWriter, r *http.Request) error {
	sporing, err := sporingsID(r)
	if err != nil {
		return err
	}
	var inn struct {
		Fnr string `json:"fnr"`
	}
	if err := httpx.ReadJSON(r, maksJSON, &inn); err != nil {
		return err
	}
	if !fnrForm.MatchString(inn.Fnr) {
		return feil.Ny(feil.Ugyldig, "fnr må ha 11 siffer")
	}
	saker, err := s.NavSaker(r.Context(), inn.Fnr, sporing)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, saker)
}

func (s *Service) postNavStatus(w http.ResponseWriter, r *http.Request) error {
	sporing, err := sporingsID(r)
	if err != nil {
		return err
	}
	var inn struct {
		DigisosIDListe []string `json:"digisosIdListe"`
	}
	if err := httpx.ReadJSON(r, maksJSON, &inn); err != nil {
		return err
	}
	if inn.DigisosIDListe == nil {
		return feil.Ny(feil.Ugyldig, "digisosIdListe mangler")
	}
	for i, id := range inn.DigisosIDListe {
		if inn.DigisosIDListe[i], err = gyldigUUID("digisosIdListe", id); err != nil {
			return err
		}
	}
	status, err := s.NavStatus(r.Context(), inn.DigisosIDListe, sporing)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, map[string]any{"statusListe": status})
}

func (s *Service) getNavSak(w http.ResponseWriter, r *http.Request) error {
	sporing, err := sporingsID(r)
	if err != nil {
		return err
	}
	id, err := digisosID(r)
	if err != nil {
		return err
	}
	sak, err := s.NavSak(r.Context(), id, sporing)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, sak)
}

func (s *Service) getNavDokument(w http.ResponseWriter, r *http.Request) error {
	sporing, err := sporingsID(r)
	if err != nil {
		return err
	}
	id, dok, err := dokumentSti(r)
	if err != nil {
		return err
	}
	if err := s.navDokument(r.Context(), id, dok, sporing); err != nil {
		return err
	}
	return s.skrivDokument(w, r, dok, "")
}
