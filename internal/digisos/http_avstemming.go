package digisos

import (
	"io"
	"net/http"
	"time"

	"knutepunkt/internal/httpx"
	"knutepunkt/internal/klokke"
)

const maksAvstemming = 1 << 20 // bytes of a request

// avstemmingsoppsett is whether, and since when (UTC), a municipality reconciles.
type avstemmingsoppsett struct {
	Paa bool       `json:"paa"`
	Fra *time.Time `json:"fra"`
}

func somOppsett(fra time.Time) (ut avstemmingsoppsett) {
	if ut.Paa = !fra.IsZero(); ut.Paa {
		ut.Fra = &fra
	}
	return ut
}

func (s *Service) getAvstemming(w http.ResponseWriter, r *http.Request) error {
	org, err := orgRessurs(r.Context(), r)
	if err != nil {
		return err
	}
	fra, err := s.AvstemmingAv(r.Context(), org)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, somOppsett(fra))
}

func (s *Service) putAvstemming(w http.ResponseWriter, r *http.Request) error {
	org, err := orgRessurs(r.Context(), r)
	if err != nil {
		return err
	}
	var inn struct {
		Paa bool `json:"paa"`
	}
	if err := httpx.ReadJSON(r, 1<<10, &inn); err != nil {
		return err
	}
	fra, err := s.SettAvstemming(r.Context(), org, inn.Paa)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, somOppsett(fra))
}

func (s *Service) postAvstemming(w http.ResponseWriter, r *http.Request) error {
	org, err := orgRessurs(r.Context(), r)
	if err != nil {
		return err
	}
	kropp, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	ider, err := httpx.LesIder(r.Header.Get("Content-Type"), kropp)
	if err != nil {
		return err
	}
	ut, err := s.RegistrerMottatt(r.Context(), org, ider)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

func (s *Service) getAvvik(w http.ResponseWriter, r *http.Request) error {
	org, err := orgRessurs(r.Context(), r)
	if err != nil {
		return err
	}
	if err := krevAvstemming(r.Context(), s.DB.Read(), org); err != nil {
		return err
	}
	alle, err := s.AvvikI(r.Context(), org)
	if err != nil {
		return err
	}
	type avvik struct {
		ID              string `json:"id"`
		DigisosID       string `json:"digisosId"`
		NavEksternRefID string `json:"navEksternRefId"`
		Type            string `json:"type"`   // SOKNAD, ETTERSENDELSE
		Levert          string `json:"levert"` // the day
		Kanal           string `json:"kanal"`
		PaaVei          bool   `json:"leveresPaaNytt"`
	}
	ut := []avvik{}
	for _, a := range alle {
		v := avvik{a.ID, a.DigisosID, a.NavEksternRefID, "SOKNAD", klokke.Oslo(a.Levert).Format(time.DateOnly), a.Kanal, a.PaaVei}
		if a.Ettersendelse {
			v.Type = "ETTERSENDELSE"
		}
		ut = append(ut, v)
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

func (s *Service) postLeverPaaNytt(w http.ResponseWriter, r *http.Request) error {
	org, err := orgRessurs(r.Context(), r)
	if err != nil {
		return err
	}
	id, err := gyldigUUID("id", r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := s.LeverPaaNytt(r.Context(), org, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
