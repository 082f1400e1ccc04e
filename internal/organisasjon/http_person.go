package organisasjon

import (
	"net/http"
	"strings"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/store"
)

type visbarPerson struct {
	Fnr     string  `json:"fnr"`
	Navn    string  `json:"navn"`
	Tittel  *string `json:"tittel"`
	Telefon *string `json:"telefon"`
	Epost   *string `json:"epost"`
	Versjon int64   `json:"versjon"`
}

func visPerson(p Person) visbarPerson {
	return visbarPerson{p.Fnr, p.Navn, ellerNull(p.Tittel), ellerNull(p.Telefon), ellerNull(p.Epost), p.Versjon}
}

// registre are the organisations whose registers are meant: the one that is
// named, or all that the caller administers.
func (h HTTP) registre(r *http.Request, fiksOrgID string, skriv bool) ([]string, error) {
	ctx := r.Context()
	if fiksOrgID != "" {
		id := strings.ToLower(fiksOrgID)
		if _, err := h.s.Organisasjon(ctx, id); err != nil {
			return nil, err
		}
		return []string{id}, h.administrerer(ctx, id, "Organisasjonen")
	}
	alle, err := h.s.OrganisasjonerMed(ctx, aktor(r), auth.Admin)
	if err != nil {
		return nil, err
	}
	switch {
	case len(alle) == 0:
		return nil, feil.Ny(feil.IngenTilgang, "Du er ikke administrator i noen organisasjon. Be en administrator om å gjøre det")
	case skriv && len(alle) > maksOrger:
		return nil, feil.Ny(feil.Ugyldig, "Du administrerer mer enn %d organisasjoner. Oppgi fiksOrgId for den det gjelder", maksOrger)
	}
	var ut []string
	for _, o := range alle {
		ut = append(ut, o.ID)
	}
	return ut, nil
}

func (h HTTP) registrerPerson(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[struct {
		Fnr       string `json:"fnr"`
		Navn      string `json:"navn"`
		FiksOrgID string `json:"fiksOrgId"`
	}](r)
	if err != nil {
		return err
	}
	orger, err := h.registre(r, inn.FiksOrgID, true)
	if err != nil {
		return err
	}
	var p Person
	err = h.s.db.Write(r.Context(), func(tx *store.Tx) (err error) {
		p, err = h.s.RegistrerPerson(r.Context(), tx, orger, Person{Fnr: inn.Fnr, Navn: inn.Navn})
		return err
	})
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, visPerson(p))
}

func (h HTTP) listPersoner(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[struct {
		Fnrs      []string `json:"fnrs"`
		FiksOrgID string   `json:"fiksOrgId"`
	}](r)
	if err != nil {
		return err
	}
	if len(inn.Fnrs) > 1000 {
		return feil.Ny(feil.Ugyldig, "Spør om høyst 1000 personer om gangen")
	}
	orger, err := h.registre(r, inn.FiksOrgID, false)
	if err != nil {
		return err
	}
	ps, err := h.s.Personer(r.Context(), orger, inn.Fnrs)
	if err != nil {
		return err
	}
	ut := []visbarPerson{}
	for _, p := range ps {
		ut = append(ut, visPerson(p))
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

// endrePerson changes what is set. The number is in the body, so the version is too.
func (h HTTP) endrePerson(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[struct {
		Fnr       string  `json:"fnr"`
		Navn      *string `json:"navn"`
		Tittel    *string `json:"tittel"`
		Telefon   *string `json:"telefon"`
		Epost     *string `json:"epost"`
		FiksOrgID string  `json:"fiksOrgId"`
		Versjon   int64   `json:"versjon"`
	}](r)
	if err != nil {
		return err
	}
	orger, err := h.registre(r, inn.FiksOrgID, true)
	if err != nil {
		return err
	}
	var p Person
	err = h.s.db.Write(r.Context(), func(tx *store.Tx) (err error) {
		p, err = h.s.EndrePerson(r.Context(), tx, orger, inn.Fnr, inn.Versjon, func(p *Person) {
			sett(&p.Navn, inn.Navn)
			sett(&p.Tittel, inn.Tittel)
			sett(&p.Telefon, inn.Telefon)
			sett(&p.Epost, inn.Epost)
		})
		return err
	})
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, visPerson(p))
}
