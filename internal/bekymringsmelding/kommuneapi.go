package bekymringsmelding

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
)

// bydelRuter are the endpoints of bydeler: look-up (§3), keys (§4.1), configuration (§6).
func (s *Service) bydelRuter() []auth.Route {
	return slices.Concat(s.kommuneRuter(), s.noklerRuter(), s.konfigurasjonRuter())
}

// kommuneRuter: the portal asks before its login, so without credentials all may;
// those that come with them must have valid ones.
func (s *Service) kommuneRuter() []auth.Route {
	t := auth.Tilgang{Slag: auth.Anonym | auth.Integrasjon | auth.IntegrasjonPerson | auth.Person, Merknad: "åpen, men ikke med ugyldig token"}
	var ut []auth.Route
	for _, v := range []skjema.Versjon{skjema.V1, skjema.V2} {
		rot := "/bekymringsmelding/api/" + strings.ToLower(string(v)) + "/kommuner"
		ut = append(ut,
			auth.Route{Pattern: "GET " + rot, Tilgang: t, Handler: s.getKommuner},
			auth.Route{Pattern: "GET " + rot + "/{kommunenummer}", Tilgang: t, Handler: s.getKommune(v)},
			auth.Route{Pattern: "GET " + rot + "/{kommunenummer}/bydeler", Tilgang: t, Handler: s.getBydeler(v)},
			auth.Route{Pattern: "GET " + rot + "/{kommunenummer}/bydeler/{bydelsnummer}", Tilgang: t, Handler: s.getBydel(v)},
		)
	}
	const v2 = "GET /bekymringsmelding/api/v2/kommuner/fylker"
	return append(ut,
		auth.Route{Pattern: v2, Tilgang: t, Handler: s.getFylker},
		auth.Route{Pattern: v2 + "/{fylkenummer}/kommuner", Tilgang: t, Handler: s.getFylkesKommuner})
}

// Kommune is a municipality that receives reports.
type Kommune struct {
	Nummer string `json:"kommunenr"` // sic (§3)
	Navn   string `json:"navn"`
}

// Kommuner lists the municipalities that have activated the service: those with a bydel
// that can receive, by number.
func (s *Service) Kommuner(ctx context.Context) ([]Kommune, error) {
	aktive, err := aktiveKommuner(ctx, s.DB.Read())
	if err != nil {
		return nil, err
	}
	alle, err := s.Organisasjon.Organisasjoner(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing organisations: %w", err)
	}
	navn := map[string]string{}
	for _, o := range alle {
		navn[o.ID] = o.Navn
	}
	ut := []Kommune{}
	for _, k := range aktive {
		ut = append(ut, Kommune{k.Nummer, navn[k.FiksOrgID]})
	}
	return ut, nil
}

// Fylke is a county.
type Fylke struct {
	Nummer string `json:"fylkenummer"`
	Navn   string `json:"navn"`
}

// fylker are Norway's counties from 2024 on.
var fylker = map[string]string{
	"03": "Oslo", "11": "Rogaland", "15": "Møre og Romsdal", "18": "Nordland", "31": "Østfold", "32": "Akershus", "33": "Buskerud",
	"34": "Innlandet", "39": "Vestfold", "40": "Telemark", "42": "Agder", "46": "Vestland", "50": "Trøndelag", "55": "Troms", "56": "Finnmark",
}

// Fylker lists the counties of the municipalities that receive reports, by number.
func (s *Service) Fylker(ctx context.Context) ([]Fylke, error) {
	aktive, err := aktiveKommuner(ctx, s.DB.Read())
	if err != nil {
		return nil, err
	}
	ut := []Fylke{}
	for _, k := range aktive { // in order
		nr := k.Nummer[:2]
		if len(ut) > 0 && ut[len(ut)-1].Nummer == nr {
			continue
		}
		navn := fylker[nr]
		if navn == "" { // of a sandbox, or from before
			navn = "Fylke " + nr
		}
		ut = append(ut, Fylke{nr, navn})
	}
	return ut, nil
}

// getKommuner takes sprakKode and has one name in all languages: the organisation's.
func (s *Service) getKommuner(w http.ResponseWriter, r *http.Request) error {
	alle, err := s.Kommuner(r.Context())
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, alle)
}

func (s *Service) getFylker(w http.ResponseWriter, r *http.Request) error {
	alle, err := s.Fylker(r.Context())
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, alle)
}

var fylkeForm = regexp.MustCompile(`^[0-9]{2}$`)

func (s *Service) getFylkesKommuner(w http.ResponseWriter, r *http.Request) error {
	nr := r.PathValue("fylkenummer")
	if !fylkeForm.MatchString(nr) {
		return feil.Ny(feil.Ugyldig, "fylkenummer må ha 2 siffer")
	}
	alle, err := s.Kommuner(r.Context())
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, slices.DeleteFunc(alle, func(k Kommune) bool { return !strings.HasPrefix(k.Nummer, nr) }))
}

// bydelSvar is a bydel as producers and the portal see it. v1 has exactly the first
// three members: its clients fail on others (§16).
type bydelSvar struct {
	Bydelsnummer     string         `json:"bydelsnummer"`
	Bydelsnavn       string         `json:"bydelsnavn"`
	StandardMottaker bool           `json:"standardMottaker"`
	StottetVersjon   skjema.Versjon `json:"stottetVersjon,omitempty"`
}

func visBydel(v skjema.Versjon, b Bydel) bydelSvar {
	ut := bydelSvar{b.Bydelsnummer, b.Navn, b.StandardMottaker, ""}
	if v == skjema.V2 {
		ut.StottetVersjon = b.StottetVersjon
	}
	return ut
}

// kommuneIStien reads the number; v1 has no pattern for it, so there what is not one is
// a municipality that does not exist.
func kommuneIStien(v skjema.Versjon, r *http.Request) (string, error) {
	nr := r.PathValue("kommunenummer")
	if v == skjema.V2 && !kommuneForm.MatchString(nr) {
		return "", feil.Ny(feil.Ugyldig, "kommunenummer må ha 4 siffer")
	}
	return nr, nil
}

func (s *Service) visBydeler(ctx context.Context, v skjema.Versjon, kommunenummer string) ([]bydelSvar, error) {
	alle, err := s.Bydeler(ctx, kommunenummer)
	ut := []bydelSvar{}
	for _, b := range alle {
		ut = append(ut, visBydel(v, b))
	}
	return ut, err
}

func (s *Service) getKommune(v skjema.Versjon) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		nr, err := kommuneIStien(v, r)
		if err != nil {
			return err
		}
		org, err := s.Organisasjon.Kommune(ctx, nr)
		if feil.Er(err, feil.IkkeFunnet) {
			return feil.Ny(feil.IkkeFunnet, "Kommunen finnes ikke")
		} else if err != nil {
			return err
		}
		alle, err := s.visBydeler(ctx, v, nr)
		if err != nil {
			return err
		}
		return httpx.JSON(w, http.StatusOK, struct {
			Kommune
			Bydeler []bydelSvar `json:"bydeler"`
		}{Kommune{nr, org.Navn}, alle})
	}
}

// getBydeler answers an empty list for a municipality that has not activated the service.
func (s *Service) getBydeler(v skjema.Versjon) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		nr, err := kommuneIStien(v, r)
		if err != nil {
			return err
		}
		alle, err := s.visBydeler(r.Context(), v, nr)
		if err != nil {
			return err
		}
		return httpx.JSON(w, http.StatusOK, alle)
	}
}

func (s *Service) getBydel(v skjema.Versjon) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		kommune, err := kommuneIStien(v, r)
		if err != nil {
			return err
		}
		nr := r.PathValue("bydelsnummer")
		if v == skjema.V2 && !bydelForm.MatchString(nr) {
			return feil.Ny(feil.Ugyldig, "bydelsnummer må ha 2 siffer")
		}
		b, err := s.Bydel(r.Context(), kommune, nr)
		if err != nil {
			return err
		}
		return httpx.JSON(w, http.StatusOK, visBydel(v, b))
	}
}
