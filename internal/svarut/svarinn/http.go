package svarinn

import (
	"io"
	"net/http"
	"strings"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
)

// StiListe is the path of the list that mottakersystemer fetch.
const StiListe = prefiks + "/mottaker/hentNyeForsendelser"

const (
	prefiks    = "/tjenester/svarinn"
	maksFeilet = 256 << 10 // bytes of the body of mottakFeilet
	listeBunke = 50        // forsendelser of a list that are in memory at a time
)

// Routes are the endpoints for mottakersystemer (SvarUt contract §1).
func (s *Service) Routes() []auth.Route {
	inn := auth.Basic{Realm: "KS Svarut mottaker login", Slag: auth.Mottakersystem, Sjekk: s.LoggInn}
	t := auth.Tilgang{Slag: auth.Mottakersystem, Merknad: "bare mottakersystemets egne forsendelser"}
	return []auth.Route{
		{Pattern: "GET " + StiListe, Tilgang: t, Innlogging: inn, Handler: s.hentNyeForsendelser},
		{Pattern: "GET " + prefiks + "/mottaker/{mottakerid}/hentNyeForsendelser", Tilgang: t, Innlogging: inn, Handler: s.hentNyeForsendelser},
		{Pattern: "GET " + prefiks + "/forsendelse/{forsendelseId}", Tilgang: t, Innlogging: inn, Handler: s.lastNed},
		{Pattern: "POST " + prefiks + "/kvitterMottak/forsendelse/{forsendelseId}", Tilgang: t, Innlogging: inn, Handler: s.kvitterMottak},
		{Pattern: "POST " + prefiks + "/mottakFeilet/forsendelse/{forsendelseId}", Tilgang: t, Innlogging: inn, Handler: s.meldMottakFeilet, MaxBody: maksFeilet},
	}
}

func system(r *http.Request) string { return auth.From(r.Context()).KontoID }

// hentNyeForsendelser lists what waits for the mottakersystem, as a stream: the
// oldest first, at most MaksListe. It changes nothing, but notes that a test was seen.
func (s *Service) hentNyeForsendelser(w http.ResponseWriter, r *http.Request) error {
	if id := r.PathValue("mottakerid"); id != "" && !strings.EqualFold(id, system(r)) {
		return ikkeFunnet("Mottakersystemet")
	}
	ctx := r.Context()
	var etter rad
	bunke, err := koEtter(ctx, s.DB.Read(), system(r), etter, min(listeBunke, s.cfg.MaksListe))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	if r.Method == http.MethodHead {
		return nil
	}
	skilletegn, prover := "[", []string(nil)
	for antall := 0; len(bunke) > 0; {
		for _, rad := range bunke {
			etter = rad
			element, err := s.Ring.Open(elementSted(rad.id), rad.innhold)
			if err != nil { // one that is damaged holds up no other; it is told of as overdue
				s.Log.ErrorContext(ctx, "a forsendelse in SvarInn cannot be read", "forsendelse", rad.id, "mottakersystem", rad.system, "err", err)
				continue
			}
			if _, err := io.WriteString(w, skilletegn); err != nil {
				return err
			}
			if rad.prove {
				prover = append(prover, rad.id)
			}
			if _, err := w.Write(medURL(element, s.cfg.BaseURL+prefiks+"/forsendelse/"+rad.id)); err != nil {
				return err
			}
			skilletegn = ","
		}
		antall += len(bunke)
		if len(bunke) < listeBunke {
			break
		}
		if bunke, err = koEtter(ctx, s.DB.Read(), system(r), etter, min(listeBunke, s.cfg.MaksListe-antall)); err != nil {
			return err
		}
	}
	slutt := "]"
	if skilletegn == "[" {
		slutt = "[]"
	}
	if _, err = io.WriteString(w, slutt); err != nil {
		return err
	}
	s.merkProve(ctx, hendelseListet, prover...)
	return nil
}

// lastNed sends the files: a zip, encrypted (SvarUt contract §1.3). Content-Type is
// that of what is inside the encryption; receivers decide by it.
func (s *Service) lastNed(w http.ResponseWriter, r *http.Request) error {
	n, err := s.hent(r.Context(), system(r), r.PathValue("forsendelseId"))
	if feil.Er(err, feil.Utilgjengelig) {
		w.Header().Set("Retry-After", "60")
	}
	if err != nil {
		return err
	}
	defer n.ferdige()
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", `attachment; filename="dokumenter-`+n.id[:8]+`.zip"`)
	if r.Method == http.MethodHead {
		return nil
	}
	if err := n.skriv(r.Context(), w); err != nil || !n.prove {
		return err
	}
	s.merkProve(r.Context(), hendelseHentet, n.id)
	return nil
}

// kvitterMottak takes any body and type; the answer is exactly 200, and empty.
func (s *Service) kvitterMottak(w http.ResponseWriter, r *http.Request) error {
	if err := s.Kvitter(r.Context(), system(r), r.PathValue("forsendelseId")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// meldMottakFeilet takes JSON under any Content-Type.
func (s *Service) meldMottakFeilet(w http.ResponseWriter, r *http.Request) error {
	kropp, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	feilmelding, permanent, err := lesFeilet(kropp)
	if err != nil {
		return err
	}
	if err := s.MottakFeilet(r.Context(), system(r), r.PathValue("forsendelseId"), feilmelding, permanent); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// lesFeilet reads the body of mottakFeilet; feil.Ugyldig.
func lesFeilet(kropp []byte) (feilmelding string, permanent bool, err error) {
	var inn struct {
		Feilmelding *string `json:"feilmelding"`
		Permanent   *bool   `json:"permanent"`
	}
	if err := httpx.UnmarshalJSON([]byte(strings.TrimPrefix(string(kropp), "\ufeff")), &inn); err != nil {
		return "", false, err
	}
	if inn.Feilmelding == nil || strings.TrimSpace(*inn.Feilmelding) == "" || inn.Permanent == nil {
		return "", false, feil.Ny(feil.Ugyldig, "feilmelding (tekst) og permanent (true eller false) må være satt")
	}
	return strings.TrimSpace(*inn.Feilmelding), *inn.Permanent, nil
}
