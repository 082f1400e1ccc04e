package organisasjon

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

// maksOverlapp is how long a replaced password may go on, in hours.
const maksOverlapp = 7 * 24

type visbarIntegrasjon struct {
	UUID                  string   `json:"uuid"`
	AutorisertOrgnr       string   `json:"autorisertOrgnr"`
	Navn                  string   `json:"navn"`
	Beskrivelse           *string  `json:"beskrivelse"`
	Kode                  *string  `json:"kode"`
	Global                bool     `json:"global"`
	ForespurtePrivilegier []string `json:"forespurtePrivilegier"`
	FiksOrganisasjonUUID  *string  `json:"fiksOrganisasjonUuid"`
	FiksOrganisasjonNavn  *string  `json:"fiksOrganisasjonNavn"`
	Opprettet             string   `json:"opprettet"`
	Tags                  []string `json:"tags"`
	TilknyttedeRessurser  []string `json:"tilknyttedeRessurser"`
}

func visIntegrasjon(i Integrasjon, orgNavn string, ressurser []string) visbarIntegrasjon {
	return visbarIntegrasjon{UUID: i.ID, AutorisertOrgnr: i.AutorisertOrgnr, Navn: i.Navn, Beskrivelse: ellerNull(i.Beskrivelse),
		Kode: ellerNull(i.Kode), Global: i.Global, ForespurtePrivilegier: uten(i.ForespurtePrivilegier),
		FiksOrganisasjonUUID: ellerNull(i.FiksOrgID), FiksOrganisasjonNavn: ellerNull(orgNavn),
		Opprettet: klokke.Oslo(i.Opprettet).Format(time.DateOnly), Tags: uten(i.Tags), TilknyttedeRessurser: uten(ressurser)}
}

// svarIntegrasjon shows one, with the ressurser that the caller administers, or
// all for the integrasjon itself.
func (h HTTP) svarIntegrasjon(w http.ResponseWriter, r *http.Request, i Integrasjon) error {
	ctx := r.Context()
	navn := ""
	if i.FiksOrgID != "" {
		o, err := h.s.Organisasjon(ctx, i.FiksOrgID)
		if err != nil {
			return err
		}
		navn = o.Navn
	}
	m, err := tilknyttede(ctx, h.s.db.Read(), i.ID, "")
	if err != nil {
		return err
	}
	var ressurser []string
	for _, id := range m[i.ID] {
		har := aktor(r) == i.ID
		if !har {
			if har, err = h.s.Har(ctx, aktor(r), auth.Admin, id); err != nil {
				return err
			}
		}
		if har {
			ressurser = append(ressurser, id)
		}
	}
	etag(w, i.Versjon)
	return httpx.JSON(w, http.StatusOK, visIntegrasjon(i, navn, ressurser))
}

// autentisering: whoever comes here has been let in, by token, id and password together.
func (h HTTP) autentisering(w http.ResponseWriter, _ *http.Request) error {
	return httpx.JSON(w, http.StatusOK, true)
}

func (h HTTP) opprettIntegrasjon(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[struct {
		AutorisertOrgnr      string  `json:"autorisertOrgnr"`
		Navn                 string  `json:"navn"`
		Beskrivelse          string  `json:"beskrivelse"`
		FiksOrganisasjonUUID *string `json:"fiksOrganisasjonUuid"`
		// Of a global one; the contract lets PATCH /root/integrasjoner/{id} set them.
		Kode                  string   `json:"kode"`
		ForespurtePrivilegier []string `json:"forespurtePrivilegier"`
		Tags                  []string `json:"tags"`
	}](r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	i := Integrasjon{AutorisertOrgnr: inn.AutorisertOrgnr, Navn: inn.Navn, Beskrivelse: inn.Beskrivelse,
		Kode: inn.Kode, ForespurtePrivilegier: inn.ForespurtePrivilegier, Tags: inn.Tags}
	if inn.FiksOrganisasjonUUID == nil || *inn.FiksOrganisasjonUUID == "" {
		i.Global = true
		op, err := h.operator(ctx)
		if err != nil {
			return err
		}
		if !op {
			return feil.Ny(feil.IngenTilgang, "Bare plattformens operatør kan lage en global integrasjon. Oppgi fiksOrganisasjonUuid for å lage organisasjonens egen")
		}
	} else {
		i.FiksOrgID = strings.ToLower(*inn.FiksOrganisasjonUUID)
		if err := h.administrerer(ctx, i.FiksOrgID, "Organisasjonen"); err != nil {
			return err
		}
	}
	err = h.s.db.Write(ctx, func(tx *store.Tx) (err error) {
		i, err = h.s.OpprettIntegrasjon(ctx, tx, i)
		return err
	})
	if err != nil {
		return err
	}
	return h.svarIntegrasjon(w, r, i)
}

// visIntegrasjon shows one to whom it concerns; for others it does not exist.
func (h HTTP) visIntegrasjon(w http.ResponseWriter, r *http.Request) error {
	i, err := h.s.Integrasjon(r.Context(), stiID(r, "integrasjonId"))
	if err != nil {
		return err
	}
	ser, err := h.serIntegrasjon(r.Context(), i)
	if err != nil {
		return err
	}
	if !ser {
		return ikkeFunnet("Integrasjonen")
	}
	return h.svarIntegrasjon(w, r, i)
}

func (h HTTP) serIntegrasjon(ctx context.Context, i Integrasjon) (bool, error) {
	a := auth.From(ctx).Aktor()
	switch {
	case a == i.ID:
		return true, nil
	case !i.Global:
		return h.s.Har(ctx, a, auth.Admin, i.FiksOrgID)
	}
	op, err := h.operator(ctx)
	if err != nil || op {
		return op, err
	}
	return h.s.HarNoen(ctx, a, auth.Admin)
}

// eier lets those change an integrasjon who administer its organisation, or the
// platform's operators for a global one. An integrasjon does not change itself
// without that.
func (h HTTP) eier(fn func(http.ResponseWriter, *http.Request, Integrasjon) error) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		i, err := h.s.Integrasjon(ctx, stiID(r, "integrasjonId"))
		if err != nil {
			return err
		}
		if !i.Global {
			if err := h.administrerer(ctx, i.FiksOrgID, "Integrasjonen"); err != nil {
				return err
			}
			return fn(w, r, i)
		}
		op, err := h.operator(ctx)
		if err != nil {
			return err
		}
		if !op {
			if ser, err := h.serIntegrasjon(ctx, i); err != nil {
				return err
			} else if !ser {
				return ikkeFunnet("Integrasjonen")
			}
			return feil.Ny(feil.IngenTilgang, "En global integrasjon endres bare av plattformens operatør. Organisasjonen kan trekke privilegiene den har gitt: DELETE …/tilknyttede-ressurser/{ressursId}/tilganger")
		}
		return fn(w, r, i)
	}
}

func (h HTTP) endreIntegrasjon(w http.ResponseWriter, r *http.Request, i Integrasjon) error {
	inn, err := lesJSON[struct {
		AutorisertOrgnr *string `json:"autorisertOrgnr"`
		Navn            *string `json:"navn"`
		Beskrivelse     *string `json:"beskrivelse"`
	}](r)
	if err != nil {
		return err
	}
	return h.endre(w, r, i.ID, func(i *Integrasjon) {
		sett(&i.AutorisertOrgnr, inn.AutorisertOrgnr)
		sett(&i.Navn, inn.Navn)
		sett(&i.Beskrivelse, inn.Beskrivelse)
	})
}

// sett changes what is set.
func sett[T any](felt, ny *T) {
	if ny != nil {
		*felt = *ny
	}
}

func (h HTTP) endre(w http.ResponseWriter, r *http.Request, id string, fn func(*Integrasjon)) error {
	ctx := r.Context()
	var i Integrasjon
	err := h.s.db.Write(ctx, func(tx *store.Tx) (err error) {
		i, err = h.s.EndreIntegrasjon(ctx, tx, id, fraVersjon(r), fn)
		return err
	})
	if err != nil {
		return err
	}
	return h.svarIntegrasjon(w, r, i)
}

func (h HTTP) slettIntegrasjon(w http.ResponseWriter, r *http.Request, i Integrasjon) error {
	ctx := r.Context()
	err := h.s.db.Write(ctx, func(tx *store.Tx) error {
		if _, err := h.s.fraVersjon(ctx, tx, i.ID, fraVersjon(r)); err != nil {
			return err
		}
		return h.s.SlettIntegrasjon(ctx, tx, auth.From(ctx), i.ID)
	})
	if err != nil {
		return err
	}
	return tomt(w)
}

// lagPassord answers with a new password, which is nowhere else. overlappTimer
// is how many hours the one before goes on; without it, it ends at once.
func (h HTTP) lagPassord(w http.ResponseWriter, r *http.Request, i Integrasjon) error {
	overlapp, err := lesOverlapp(r.URL.Query().Get("overlappTimer"))
	if err != nil {
		return err
	}
	ctx := r.Context()
	var svar struct {
		Passord string `json:"passord"`
	}
	err = h.s.db.Write(ctx, func(tx *store.Tx) (err error) {
		if svar.Passord, err = h.s.LagPassordFra(ctx, tx, i.ID, fraVersjon(r), overlapp); err != nil {
			return err
		}
		i, err = enIntegrasjon(ctx, tx, i.ID)
		return err
	})
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	etag(w, i.Versjon)
	return httpx.JSON(w, http.StatusOK, svar)
}

func lesOverlapp(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > maksOverlapp {
		return 0, feil.Ny(feil.Ugyldig, "overlappTimer må være et helt antall timer fra 0 til %d", maksOverlapp)
	}
	return time.Duration(n) * time.Hour, nil
}

// tilknytt associates an integrasjon with a ressurs, and with gi grants it the
// privileges of the query.
func (h HTTP) tilknytt(gi bool) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		navn, err := verdier(r, "privilegier")
		if err != nil {
			return err
		}
		a, err := h.administrator(ctx)
		if err != nil {
			return err
		}
		err = h.s.db.Write(ctx, func(tx *store.Tx) error {
			return h.s.Tilknytt(ctx, tx, a, stiID(r, "integrasjonId"), stiID(r, "ressursId"), gi, navn)
		})
		if err != nil {
			return err
		}
		return tomt(w)
	}
}

func (h HTTP) frakoble(trekk bool) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		a, err := h.administrator(ctx)
		if err != nil {
			return err
		}
		err = h.s.db.Write(ctx, func(tx *store.Tx) error {
			return h.s.Frakoble(ctx, tx, a, stiID(r, "integrasjonId"), stiID(r, "ressursId"), trekk)
		})
		if err != nil {
			return err
		}
		return tomt(w)
	}
}

// organisasjonensIntegrasjoner lists its own and all global ones, of the ids,
// codes and tag that are named.
func (h HTTP) organisasjonensIntegrasjoner(w http.ResponseWriter, r *http.Request) error {
	ctx, orgID, tag := r.Context(), stiID(r, "fiksOrgId"), r.PathValue("tag")
	ider, err1 := verdier(r, "integrasjonId")
	koder, err2 := verdier(r, "integrasjonKode")
	for _, err := range []error{err1, err2} {
		if err != nil {
			return err
		}
	}
	o, err := h.s.Organisasjon(ctx, orgID)
	if err != nil {
		return err
	}
	alle, err := h.s.Integrasjoner(ctx, orgID)
	if err != nil {
		return err
	}
	m, err := tilknyttede(ctx, h.s.db.Read(), "", orgID)
	if err != nil {
		return err
	}
	ut := []visbarIntegrasjon{}
	for _, i := range alle {
		valgt := len(ider) == 0 && len(koder) == 0 || slices.ContainsFunc(ider, func(id string) bool { return strings.EqualFold(id, i.ID) }) || i.Kode != "" && slices.Contains(koder, i.Kode)
		if !valgt || tag != "" && !slices.Contains(i.Tags, tag) {
			continue
		}
		navn := ""
		if !i.Global {
			navn = o.Navn
		}
		ut = append(ut, visIntegrasjon(i, navn, m[i.ID]))
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

func (h HTTP) rotIntegrasjoner(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	alle, err := selectIntegrasjoner(ctx, h.s.db.Read(), "slettet = 0 ORDER BY navn, id")
	if err != nil {
		return err
	}
	orger, err := h.s.Organisasjoner(ctx)
	if err != nil {
		return err
	}
	navn := map[string]string{}
	for _, o := range orger {
		navn[o.ID] = o.Navn
	}
	m, err := tilknyttede(ctx, h.s.db.Read(), "", RotID)
	if err != nil {
		return err
	}
	ut := []visbarIntegrasjon{}
	for _, i := range alle {
		ut = append(ut, visIntegrasjon(i, navn[i.FiksOrgID], m[i.ID]))
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

// rotEndreIntegrasjon sets what only the platform's operators do. One that
// becomes global is no organisation's any more; a global one stays so.
func (h HTTP) rotEndreIntegrasjon(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[struct {
		Kode                  *string   `json:"kode"`
		Global                *bool     `json:"global"`
		ForespurtePrivilegier *[]string `json:"forespurtePrivilegier"`
		Tags                  *[]string `json:"tags"`
	}](r)
	if err != nil {
		return err
	}
	i, err := h.s.Integrasjon(r.Context(), stiID(r, "integrasjonId"))
	if err != nil {
		return err
	}
	if i.Global && inn.Global != nil && !*inn.Global {
		return feil.Ny(feil.Ugyldig, "En global integrasjon kan ikke bli en organisasjons egen. Lag en ny for organisasjonen, og slett denne")
	}
	return h.endre(w, r, i.ID, func(i *Integrasjon) {
		if sett(&i.Global, inn.Global); i.Global {
			i.FiksOrgID = ""
		}
		sett(&i.Kode, inn.Kode)
		sett(&i.ForespurtePrivilegier, inn.ForespurtePrivilegier)
		sett(&i.Tags, inn.Tags)
	})
}
