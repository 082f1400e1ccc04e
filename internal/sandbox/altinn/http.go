package altinn

import (
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
)

// Plattform is the path below which Routes serves Altinn's own API.
const Plattform = "/sandbox/altinn/plattform"

const maksJSON = 1 << 20

// api are Altinn's endpoints.
func (a *Altinn) api() []struct {
	metode, sti string
	h           http.HandlerFunc
} {
	return []struct {
		metode, sti string
		h           http.HandlerFunc
	}{
		{"GET", "/authentication/api/v1/exchange/maskinporten", a.veksle},
		{"POST", "/correspondence/api/v1/attachment", a.inne(a.nyttVedlegg)},
		{"POST", "/correspondence/api/v1/attachment/{id}/upload", a.inne(a.lastOpp)},
		{"GET", "/correspondence/api/v1/attachment/{id}", a.inne(a.hentVedlegg)},
		{"POST", "/correspondence/api/v1/correspondence", a.inne(a.nyMelding)},
		{"GET", "/correspondence/api/v1/correspondence", a.inne(a.finnMeldinger)},
		{"GET", "/correspondence/api/v1/correspondence/{id}", a.inne(a.hentMelding)},
		{"GET", "/correspondence/api/v1/correspondence/{id}/details", a.inne(a.hentDetaljer)},
	}
}

// Handler serves Altinn's API as on a host of its own.
func (a *Altinn) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, e := range a.api() {
		mux.Handle(e.metode+" "+e.sti, e.h)
	}
	return mux
}

// Routes are the inboxes for people and tests, and Altinn's API below Plattform.
func (a *Altinn) Routes() []auth.Route {
	var ut []auth.Route
	legg := func(pattern string, maks int64, h httpx.Handler) {
		ut = append(ut, auth.Route{Pattern: pattern, Handler: h, MaxBody: maks,
			Tilgang: auth.Tilgang{Slag: auth.Anonym, Merknad: "kun i sandkassen"}})
	}
	legg("GET /sandbox/altinn", maksJSON, a.liste)
	legg("POST /sandbox/altinn", maksJSON, a.settAvvis)
	legg("POST /sandbox/altinn/{id}/lest", maksJSON, a.settLest)
	legg("GET /sandbox/altinn/{id}/vedlegg/{nr}", maksJSON, a.hentFil)
	for _, e := range a.api() {
		legg(e.metode+" "+Plattform+e.sti, max(a.cfg.MaksVedlegg, maksJSON)+1, httpx.FromHTTP(e.h))
	}
	return ut
}

func (a *Altinn) liste(w http.ResponseWriter, _ *http.Request) error {
	return httpx.JSON(w, http.StatusOK, a.Liste())
}

func (a *Altinn) settAvvis(w http.ResponseWriter, r *http.Request) error {
	var inn struct {
		Avvis *bool `json:"avvis"`
	}
	if err := httpx.ReadJSON(r, maksJSON, &inn); err != nil {
		return err
	}
	if inn.Avvis == nil {
		return feil.Ny(feil.Ugyldig, `Send {"avvis": true} for at Altinn skal avvise, eller {"avvis": false} for at den skal ta imot`)
	}
	if err := a.Avvis(*inn.Avvis); err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, map[string]bool{"avvis": *inn.Avvis})
}

func (a *Altinn) settLest(w http.ResponseWriter, r *http.Request) error {
	if err := a.Lest(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *Altinn) hentFil(w http.ResponseWriter, r *http.Request) error {
	nr, err := strconv.Atoi(r.PathValue("nr"))
	if err != nil {
		nr = 0
	}
	navn, innhold, err := a.Apne(r.PathValue("id"), nr)
	if err != nil {
		return err
	}
	defer innhold.Close()
	typ := mime.TypeByExtension(path.Ext(navn))
	if typ == "" {
		typ = "application/octet-stream"
	}
	w.Header().Set("Content-Type", typ)
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": navn}))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, err = io.Copy(w, innhold)
	return err
}
