package organisasjon

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/store"
)

type tilgangRequest struct {
	Aktor       string `json:"aktor"`
	Privilegium string `json:"privilegium"`
}

func (t *tilgangRequest) rens() {
	if u := strings.ToLower(t.Aktor); erUUID(u) {
		t.Aktor = u
	}
}

type gittTilgang struct {
	Aktor       string `json:"aktor"`
	Privilegium string `json:"privilegium"`
	Ressurs     string `json:"ressurs"`
}

func (h HTTP) giTilgang(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[tilgangRequest](r)
	if err != nil {
		return err
	}
	gitt, err := h.gi(r.Context(), stiID(r, "ressursId"), []tilgangRequest{inn})
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, gitt[0])
}

// giTilganger grants all or nothing.
func (h HTTP) giTilganger(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[struct {
		Requests []tilgangRequest `json:"requests"`
	}](r)
	if err != nil {
		return err
	}
	if len(inn.Requests) == 0 || len(inn.Requests) > maksListe {
		return feil.Ny(feil.Ugyldig, "requests må ha fra 1 til %d tilganger", maksListe)
	}
	var svar struct {
		TilgangerGitt []gittTilgang `json:"tilgangerGitt"`
	}
	if svar.TilgangerGitt, err = h.gi(r.Context(), stiID(r, "ressursId"), inn.Requests); err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, svar)
}

func (h HTTP) gi(ctx context.Context, ressursID string, ts []tilgangRequest) ([]gittTilgang, error) {
	a, err := h.administrator(ctx)
	if err != nil {
		return nil, err
	}
	var ut []gittTilgang
	err = h.s.db.Write(ctx, func(tx *store.Tx) error {
		ut = nil
		for _, t := range ts {
			t.rens()
			if err := h.s.Gi(ctx, tx, a, t.Aktor, t.Privilegium, ressursID); err != nil {
				return err
			}
			ut = append(ut, gittTilgang{t.Aktor, t.Privilegium, ressursID})
		}
		return nil
	})
	return ut, err
}

// trekkTilgang takes the aktor in the body, where a fødselsnummer may be.
func (h HTTP) trekkTilgang(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[tilgangRequest](r)
	if err != nil {
		return err
	}
	return h.trekk(w, r, inn)
}

func (h HTTP) trekkTilgangQuery(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	inn := tilgangRequest{q.Get("aktor"), q.Get("privilegium")}
	if inn.rens(); !erUUID(inn.Aktor) {
		return ikkeFnrIAdressen("Bruk POST …/tilganger/delete, med aktor og privilegium i kroppen")
	}
	return h.trekk(w, r, inn)
}

func (h HTTP) trekk(w http.ResponseWriter, r *http.Request, t tilgangRequest) error {
	ctx := r.Context()
	if t.rens(); !maskinnavnRE.MatchString(t.Privilegium) {
		return feil.Ny(feil.Ugyldig, "aktor og privilegium må være satt")
	}
	a, err := h.administrator(ctx)
	if err != nil {
		return err
	}
	err = h.s.db.Write(ctx, func(tx *store.Tx) error {
		return h.s.Trekk(ctx, tx, a, t.Aktor, t.Privilegium, stiID(r, "ressursId"))
	})
	if err != nil {
		return err
	}
	return tomt(w)
}

type visbarTypeTilgang struct {
	Aktor       string `json:"aktor"`
	Privilegium string `json:"privilegium"`
	RessursType string `json:"ressursType"`
}

func (h HTTP) giTypeTilgang(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[tilgangRequest](r)
	if err != nil {
		return err
	}
	ctx, typ := r.Context(), r.PathValue("ressursType")
	if err := (Administrator{auth.From(ctx), true}).kanGi(strings.ToLower(inn.Aktor), inn.Privilegium, typ); err != nil {
		return err
	}
	inn.rens()
	err = h.s.db.Write(ctx, func(tx *store.Tx) error {
		return h.s.GiTypeTilgang(ctx, tx, auth.From(ctx), inn.Aktor, inn.Privilegium, typ)
	})
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, visbarTypeTilgang{inn.Aktor, inn.Privilegium, typ})
}

func (h HTTP) trekkTypeTilgang(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[tilgangRequest](r)
	if err != nil {
		return err
	}
	inn.rens()
	ctx := r.Context()
	err = h.s.db.Write(ctx, func(tx *store.Tx) error {
		return h.s.TrekkTypeTilgang(ctx, tx, auth.From(ctx), inn.Aktor, inn.Privilegium, r.PathValue("ressursType"))
	})
	if err != nil {
		return err
	}
	return tomt(w)
}

func (h HTTP) typeTilganger(w http.ResponseWriter, r *http.Request) error {
	alle, err := selectTypeTilganger(r.Context(), h.s.db.Read())
	if err != nil {
		return err
	}
	ut := []visbarTypeTilgang{}
	for _, t := range alle {
		if t.fnr != nil {
			klart, err := h.s.ring.Open(sealContext(t.aktor), t.fnr)
			if err != nil {
				return fmt.Errorf("opening an aktor: %w", err)
			}
			t.aktor = string(klart)
		}
		ut = append(ut, visbarTypeTilgang{t.aktor, t.privilegium, t.typ})
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

func (h HTTP) opprettRessurs(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[struct {
		Forelder string `json:"forelderRessurs"`
		Type     string `json:"type"`
		Navn     string `json:"navn"`
	}](r)
	if err != nil {
		return err
	}
	ctx, forelder := r.Context(), strings.ToLower(inn.Forelder)
	if err := h.administrerer(ctx, forelder, "Ressursen"); err != nil {
		return err
	}
	var ny Ressurs
	err = h.s.db.Write(ctx, func(tx *store.Tx) (err error) {
		ny, err = h.s.NyEgenRessurs(ctx, tx, forelder, inn.Type, inn.Navn)
		return err
	})
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusCreated, visRessurs(ny))
}

func (h HTTP) endreRessurs(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[struct {
		Navn string `json:"navn"`
	}](r)
	if err != nil {
		return err
	}
	if err := sjekkRessursnavn(inn.Navn); err != nil {
		return err
	}
	return h.endreEgen(w, r, inn.Navn, "")
}

func (h HTTP) flyttRessurs(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[struct {
		NyForelder string `json:"nyForeldreRessurs"` // sic
	}](r)
	if err != nil {
		return err
	}
	til := strings.ToLower(inn.NyForelder)
	if err := h.administrerer(r.Context(), til, "Ressursen"); err != nil {
		return err
	}
	return h.endreEgen(w, r, "", til)
}

func (h HTTP) endreEgen(w http.ResponseWriter, r *http.Request, navn, forelder string) error {
	var res Ressurs
	err := h.s.db.Write(r.Context(), func(tx *store.Tx) (err error) {
		res, err = h.s.EndreEgenRessurs(r.Context(), tx, stiID(r, "ressursId"), navn, forelder)
		return err
	})
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, visRessurs(res))
}

type visbartPrivilegium struct {
	Navn         string   `json:"navn"`
	Visningsnavn string   `json:"visningsnavn"`
	Beskrivelse  string   `json:"beskrivelse"`
	Hjelpetekst  *string  `json:"hjelpetekst"`
	RessursType  string   `json:"ressursType"`
	Aktorer      []string `json:"aktorer"`
}

func visPrivilegier(ressursType string) []visbartPrivilegium {
	ut := []visbartPrivilegium{}
	for _, p := range privilegierFor(ressursType) {
		ut = append(ut, visbartPrivilegium{Navn: p.Navn, Visningsnavn: p.Visningsnavn, Beskrivelse: p.Beskrivelse, RessursType: ressursType, Aktorer: p.Aktorer})
	}
	return ut
}

type privilegieliste struct {
	Privilegier []visbartPrivilegium `json:"privilegier"`
}

func (h HTTP) privilegierForType(w http.ResponseWriter, r *http.Request) error {
	typ := r.PathValue("ressursType")
	if !slices.Contains(ressurstyper, typ) && !egenType(typ) {
		return ikkeFunnet("Ressurstypen")
	}
	return httpx.JSON(w, http.StatusOK, privilegieliste{visPrivilegier(typ)})
}

func (h HTTP) allePrivilegier(w http.ResponseWriter, _ *http.Request) error {
	ut := privilegieliste{}
	for _, typ := range ressurstyper {
		ut.Privilegier = append(ut.Privilegier, visPrivilegier(typ)...)
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

func (h HTTP) rotPrivilegier(w http.ResponseWriter, _ *http.Request) error {
	ut := map[string][]visbartPrivilegium{}
	for _, typ := range ressurstyper {
		ut[typ] = visPrivilegier(typ)
	}
	return httpx.JSON(w, http.StatusOK, ut)
}
