package digisos

import (
	"net/http"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/klokke"
)

const maksAvstemming = 1 << 20 // bytes of a request

// avstemmingRuter are for the fagsystem, and for a person who is an administrator. Only
// the latter turns it on and off: what is controlled does not decide whether it is.
func (s *Service) avstemmingRuter() []auth.Route {
	t := auth.Tilgang{Slag: auth.Integrasjon | auth.Person, Niva: Sikkerhetsniva, Privilegium: auth.DigisosOppdater, Ressurs: s.tjenesteRessurs,
		Merknad: "bare organisasjonens egne; en person må være administrator"}
	admin := auth.Tilgang{Slag: auth.Integrasjon | auth.Person, Niva: Sikkerhetsniva, Privilegium: auth.Admin, Ressurs: orgRessurs}
	const sti = "/digisos/api/v1/avstemming/{fiksOrgId}"
	return []auth.Route{
		{Pattern: "POST " + sti, Tilgang: t, Handler: s.postAvstemming, MaxBody: maksAvstemming},
		{Pattern: "GET " + sti + "/avvik", Tilgang: t, Handler: s.getAvvik},
		{Pattern: "POST " + sti + "/avvik/{id}/lever", Tilgang: t, Handler: s.postLeverPaaNytt},
		{Pattern: "GET " + sti + "/oppsett", Tilgang: t, Handler: s.getAvstemmingsoppsett},
		{Pattern: "PUT " + sti + "/oppsett", Tilgang: admin, Handler: s.putAvstemmingsoppsett},
	}
}

// postAvstemming takes the ids as JSON (an array, or an object with ider) or as text,
// one on each line.
func (s *Service) postAvstemming(w http.ResponseWriter, r *http.Request) error {
	org, err := orgRessurs(r.Context(), r)
	if err != nil {
		return err
	}
	ider, err := httpx.Ider(r)
	if err != nil {
		return err
	}
	ut, err := s.RegistrerMottatt(r.Context(), org, ider)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

// typer are what a gap can be, on the wire.
var avvikstyper = map[string]string{
	KildeSoknad: "SOKNAD", KildeEttersendelse: "ETTERSENDELSE",
	KildeKlage: "KLAGE", KildeKlageEttersendelse: "KLAGE_ETTERSENDELSE", KildeKlageTrekk: "KLAGE_TREKK",
}

func (s *Service) getAvvik(w http.ResponseWriter, r *http.Request) error {
	org, err := orgRessurs(r.Context(), r)
	if err != nil {
		return err
	}
	alle, err := s.Avvik(r.Context(), org)
	if err != nil {
		return err
	}
	type avvik struct {
		ID              string `json:"id"`
		DigisosID       string `json:"digisosId"`
		Type            string `json:"type"`
		NavEksternRefID string `json:"navEksternRefId"`
		LeveranseID     string `json:"leveranseId"`
		Innsendt        string `json:"innsendt"` // the day
		Levert          string `json:"levert"`   // the day
		Kanal           string `json:"kanal"`
		PaaVei          bool   `json:"leveresPaaNytt"`
	}
	ut := []avvik{}
	for _, a := range alle {
		ut = append(ut, avvik{a.ID, a.DigisosID, avvikstyper[a.Kilde], a.NavEksternRefID, a.LeveranseID, dato(a.Innsendt), dato(a.Levert), a.Kanal, a.PaaVei})
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

// oppsett is Avstemmingsoppsett on the wire.
type oppsett struct {
	Paa *bool  `json:"paa"`
	Fra string `json:"fra,omitempty"` // the day
}

func skrivOppsett(w http.ResponseWriter, o Avstemmingsoppsett) error {
	ut := oppsett{Paa: &o.Paa}
	if !o.Fra.IsZero() {
		ut.Fra = dato(o.Fra)
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

func (s *Service) getAvstemmingsoppsett(w http.ResponseWriter, r *http.Request) error {
	org, err := orgRessurs(r.Context(), r)
	if err != nil {
		return err
	}
	o, err := s.Avstemmingsoppsett(r.Context(), org)
	if err != nil {
		return err
	}
	return skrivOppsett(w, o)
}

func (s *Service) putAvstemmingsoppsett(w http.ResponseWriter, r *http.Request) error {
	org, err := orgRessurs(r.Context(), r)
	if err != nil {
		return err
	}
	var inn oppsett
	if err := httpx.ReadJSON(r, maksJSON, &inn); err != nil {
		return err
	}
	if inn.Paa == nil {
		return feil.Ny(feil.Ugyldig, "paa mangler")
	}
	o := Avstemmingsoppsett{Paa: *inn.Paa}
	if inn.Fra != "" {
		if o.Fra, err = time.ParseInLocation(time.DateOnly, inn.Fra, klokke.Sone()); err != nil || o.Fra.Year() < 2000 {
			return feil.Ny(feil.Ugyldig, "fra må være en dato, som 2026-06-10")
		}
	}
	if o, err = s.SettAvstemmingsoppsett(r.Context(), org, o); err != nil {
		return err
	}
	return skrivOppsett(w, o)
}
