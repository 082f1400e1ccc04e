package bekymringsmelding

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
)

// maksKonfigurasjon bounds a request of the configuration: a certificate and addresses.
const maksKonfigurasjon = 512 << 10

// konfigurasjonRuter are the endpoints of a municipality's administrators (§6): v1, and
// v2 in its newest shape.
func (s *Service) konfigurasjonRuter() []auth.Route {
	var (
		admin    = auth.Tilgang{Slag: auth.Person, Niva: mottaksniva, Privilegium: auth.Admin, Ressurs: mottakersOrg}
		alle     = auth.Tilgang{Slag: auth.Person, Niva: mottaksniva, Merknad: "ikke noe hemmelig"}
		operator = auth.Tilgang{Slag: auth.Person, Niva: mottaksniva, Merknad: "plattformens operatør, eller administrator for fiksOrgId"}
		egne     = auth.Tilgang{Slag: auth.Person, Niva: mottaksniva, Merknad: "bare bydeler som personen administrerer; plattformens operatør: alle"}
	)
	var ut []auth.Route
	rute := func(metode, sti string, t auth.Tilgang, h httpx.Handler) {
		rt := auth.Route{Pattern: metode + " /bekymringsmelding/api/" + sti, Tilgang: t, Handler: h}
		if metode != "GET" {
			rt.MaxBody = maksKonfigurasjon
		}
		ut = append(ut, rt)
	}
	for i, vis := range []visKonfigurasjon{s.visV1, s.visV2} {
		rot := fmt.Sprintf("v%d/konfigurasjon/", i+1)
		rute("GET", rot+"{fiksOrgId}/bydeler", admin, s.getEgneBydeler(vis))
		rute("GET", rot+"{fiksOrgId}/bydel/{bydelsnummer}", admin, s.getMedNummer(vis))
		rute("PUT", rot+"{fiksOrgId}/bydeler/aktiver", admin, s.putAktive(true))
		rute("PUT", rot+"{fiksOrgId}/bydeler/deaktiver", admin, s.putAktive(false))
		rute("PUT", rot+"{fiksOrgId}/bydeler/{ressursId}/aktiver", admin, s.putAktiv(true))
		rute("PUT", rot+"{fiksOrgId}/bydeler/{ressursId}/deaktiver", admin, s.putAktiv(false))
		rute("PUT", rot+"{fiksOrgId}/bydeler/{ressursId}/standardmottaker", admin, s.putStandardMottaker)
		rute("GET", rot+"bydeler/svarinn/{integrasjonId}", egne, s.getMedIntegrasjon(vis))
		rute("GET", rot+"bydeler/sok", operator, s.getSok(vis))
	}

	rute("POST", "v1/konfigurasjon/{fiksOrgId}/bydeler", admin, s.postBydelV1)
	rute("GET", "v1/konfigurasjon/bydeler", egne, s.getMedRessurser)
	rute("PUT", "v1/konfigurasjon/{fiksOrgId}/bydeler/{ressursId}", admin, s.putBydelV1)

	const v2 = "v2/konfigurasjon/{fiksOrgId}/"
	rute("POST", v2+"bydeler", admin, s.postBydelV2)
	rute("GET", v2+"bydeler/enkel", admin, s.getEnkle)
	rute("GET", v2+"bydeler/{ressursId}", admin, s.getEgenBydel)
	rute("PATCH", v2+"bydeler/{ressursId}", admin, s.patchBydel)
	rute("PUT", v2+"bydeler/{ressursId}/adresse", admin, s.putAdresse)
	rute("PUT", v2+"bydeler/{ressursId}/kontaktinformasjon", admin, s.putKontakter)
	rute("PUT", v2+"bydeler/{ressursId}/konto", admin, s.putKonto)
	rute("GET", v2+"bydeler/{ressursId}/standardmottaker", admin, s.getStandardMottaker)
	rute("POST", v2+"bydeler/{ressursId}/integrasjoner/{integrasjonId}/lagPassord", admin, s.postLagPassord)
	rute("GET", "v2/konfigurasjon/fagsystem/versjoner", alle, s.getFagsystemVersjoner)
	return ut
}

// visKonfigurasjon is a bydel in the shape of a version.
type visKonfigurasjon func(ctx context.Context, b Bydel) (any, error)

// mottakersOrg: an organisation's ressurs has the organisation's id.
func mottakersOrg(_ context.Context, r *http.Request) (string, error) {
	return uuidFra("fiksOrgId", r.PathValue("fiksOrgId"))
}

// stien reads the ids of a path; ressursId is "" where it has none.
func stien(r *http.Request) (org, ressurs string, err error) {
	if org, err = mottakersOrg(r.Context(), r); err != nil || r.PathValue("ressursId") == "" {
		return org, "", err
	}
	ressurs, err = uuidFra("ressursId", r.PathValue("ressursId"))
	return org, ressurs, err
}

// fraVersjon reads the version that a change was decided from (RFC 9110 §13.1.1); 0
// when none is named. What cannot be one of ours is -1: no version.
func fraVersjon(r *http.Request) int64 {
	felt := strings.TrimSpace(strings.Join(r.Header.Values("If-Match"), ","))
	if felt == "" || felt == "*" {
		return 0
	}
	v, err := strconv.ParseInt(strings.Trim(felt, `"`), 10, 64)
	if err != nil || v < 1 || fmt.Sprintf("%q", strconv.FormatInt(v, 10)) != felt {
		return -1
	}
	return v
}

func etag(w http.ResponseWriter, b Bydel) {
	w.Header().Set("ETag", fmt.Sprintf(`"%d"`, b.Versjon))
}

func tomt(w http.ResponseWriter, status int) error {
	w.WriteHeader(status)
	return nil
}

// svarAlle answers a list in the shape of a version.
func svarAlle(w http.ResponseWriter, r *http.Request, alle []Bydel, vis visKonfigurasjon) error {
	ut, err := visAlle(r.Context(), alle, vis)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

func visAlle(ctx context.Context, alle []Bydel, vis visKonfigurasjon) ([]any, error) {
	ut := []any{}
	for _, b := range alle {
		v, err := vis(ctx, b)
		if err != nil {
			return nil, err
		}
		ut = append(ut, v)
	}
	return ut, nil
}

func ingenBydeler() error { return feil.Ny(feil.IkkeFunnet, "Organisasjonen har ingen bydeler") }

func (s *Service) getEgneBydeler(vis visKonfigurasjon) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		alle, err := s.egneBydeler(r)
		if err != nil {
			return err
		}
		return svarAlle(w, r, alle, vis)
	}
}

// egneBydeler are the organisation's; feil.IkkeFunnet when it has none.
func (s *Service) egneBydeler(r *http.Request) ([]Bydel, error) {
	org, _, err := stien(r)
	if err != nil {
		return nil, err
	}
	alle, err := s.BydelerI(r.Context(), org)
	if err == nil && len(alle) == 0 {
		err = ingenBydeler()
	}
	return alle, err
}

func (s *Service) getMedNummer(vis visKonfigurasjon) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		org, _, err := stien(r)
		if err != nil {
			return err
		}
		nr := r.PathValue("bydelsnummer")
		if !bydelForm.MatchString(nr) {
			return feil.Ny(feil.Ugyldig, "bydelsnummer må ha 2 siffer")
		}
		alle, err := s.lesBydeler(r.Context(), s.DB.Read(), `WHERE fiks_org = $1 AND bydelsnummer = $2`, org, nr)
		if err != nil {
			return err
		}
		return svarAlle(w, r, alle, vis)
	}
}

func (s *Service) putAktiv(aktiv bool) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		org, ressurs, err := stien(r)
		if err != nil {
			return err
		}
		if err := s.SettBydelerAktive(r.Context(), org, []string{ressurs}, aktiv); err != nil {
			return err
		}
		return tomt(w, http.StatusNoContent)
	}
}

// maksSamtidige bounds how many bydeler one call changes or asks for.
const maksSamtidige = 100

// ressursIder reads the ids of a query; feil.Ugyldig for none.
func ressursIder(r *http.Request) (ut []string, err error) {
	inn := r.URL.Query()["ressursIder"]
	if len(inn) == 0 || len(inn) > maksSamtidige {
		return nil, feil.Ny(feil.Ugyldig, "ressursIder må ha 1 til %d", maksSamtidige)
	}
	for _, id := range inn {
		if id, err = uuidFra("ressursIder", id); err != nil {
			return nil, err
		}
		ut = append(ut, id)
	}
	return ut, nil
}

func (s *Service) putAktive(aktiv bool) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		org, _, err := stien(r)
		if err != nil {
			return err
		}
		ider, err := ressursIder(r)
		if err != nil {
			return err
		}
		if err := s.SettBydelerAktive(r.Context(), org, ider, aktiv); err != nil {
			return err
		}
		return tomt(w, http.StatusNoContent)
	}
}

func (s *Service) putStandardMottaker(w http.ResponseWriter, r *http.Request) error {
	org, ressurs, err := stien(r)
	if err != nil {
		return err
	}
	if err := s.SettStandardMottaker(r.Context(), org, ressurs); err != nil {
		return err
	}
	return tomt(w, http.StatusNoContent)
}

// synlig tells whether the caller may see a bydel's configuration.
func (s *Service) synlig(ctx context.Context, b Bydel) (bool, error) {
	ja, err := s.administrerer(ctx, b.FiksOrgID)
	if err != nil || ja {
		return ja, err
	}
	return s.operator(ctx)
}

func (s *Service) getMedIntegrasjon(vis visKonfigurasjon) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		id, err := uuidFra("integrasjonId", r.PathValue("integrasjonId"))
		if err != nil {
			return err
		}
		b, err := s.BydelMedIntegrasjon(ctx, id)
		if err != nil {
			return err
		}
		if ja, err := s.synlig(ctx, b); err != nil {
			return err
		} else if !ja {
			return feil.Ny(feil.IkkeFunnet, "Bydelen finnes ikke")
		}
		v, err := vis(ctx, b)
		if err != nil {
			return err
		}
		return httpx.JSON(w, http.StatusOK, v)
	}
}

func (s *Service) getSok(vis visKonfigurasjon) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		org, err := s.omfang(r)
		if err != nil {
			return err
		}
		alle, err := s.SokBydeler(r.Context(), org, r.URL.Query().Get("sok"))
		if err != nil {
			return err
		}
		ut, err := visAlle(r.Context(), alle, vis)
		if err != nil {
			return err
		}
		return httpx.JSON(w, http.StatusOK, struct {
			Antall  int   `json:"totaltAntallTreff"`
			Bydeler []any `json:"bydeler"`
		}{len(ut), ut})
	}
}
