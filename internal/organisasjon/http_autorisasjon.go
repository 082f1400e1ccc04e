package organisasjon

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
)

// maksSvar is how many rows one answer of who may what has at most.
const maksSvar = 5000

type visbarRessurs struct {
	ID       string  `json:"id"`
	Forelder *string `json:"forelder"` // null for the root
	Type     string  `json:"type"`
	Navn     string  `json:"navn"`
}

func visRessurs(r Ressurs) visbarRessurs {
	return visbarRessurs{r.ID, ellerNull(r.Forelder), r.Type, r.Navn}
}

// iSti is a ressurs in a path, and among those that are visible.
type iSti struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	Navn string `json:"navn"`
}

// spurtAktor is who a question is about: the caller, or the integrasjon of the
// query for whoever administers the ressurs. Persons are not asked about by
// number in an address; …/ressurser/{id}/tilganger tells of them.
func (h HTTP) spurtAktor(r *http.Request, ressursID string) (string, error) {
	a := r.URL.Query().Get("aktor")
	meg := aktor(r)
	switch {
	case a == "" || a == meg || strings.ToLower(a) == meg:
		return meg, nil
	case !erUUID(strings.ToLower(a)):
		return "", ikkeFnrIAdressen("La aktor være for å spørre om deg selv, og se …/ressurser/{id}/tilganger for andre")
	}
	return strings.ToLower(a), h.administrerer(r.Context(), ressursID, "Ressursen")
}

func ikkeFnrIAdressen(raad string) error {
	return feil.Ny(feil.Ugyldig, "aktor i adressen må være en integrasjon (UUID): fødselsnumre hører ikke hjemme i adresser. %s", raad)
}

func (h HTTP) isAutorisert(w http.ResponseWriter, r *http.Request) error {
	p, id := r.URL.Query().Get("privilegium"), strings.ToLower(r.URL.Query().Get("ressurs"))
	if !maskinnavnRE.MatchString(p) || !erUUID(id) {
		return feil.Ny(feil.Ugyldig, "privilegium og ressurs (UUID) må være satt")
	}
	a, err := h.spurtAktor(r, id)
	if err != nil {
		return err
	}
	ja, err := h.s.Har(r.Context(), a, p, id)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, ja)
}

// under reads the ressurs that an answer is to be below; the root when none is
// named. There is nothing below one that does not exist.
func under(r *http.Request, navn string) (string, error) {
	id := strings.ToLower(r.URL.Query().Get(navn))
	if id == "" {
		return RotID, nil
	}
	if !erUUID(id) {
		return "", feil.Ny(feil.Ugyldig, "%s må være en UUID", navn)
	}
	return id, nil
}

func (h HTTP) holdte(ctx context.Context, s Sok) ([]Holdt, error) {
	s.Maks = maksSvar
	ut, err := h.s.Holdte(ctx, s)
	if err == nil && len(ut) > maksSvar {
		err = feil.Ny(feil.Ugyldig, "Svaret ville hatt mer enn %d rader. Avgrens med type eller forelder", maksSvar)
	}
	return ut, err
}

type visbarAutorisasjon struct {
	Aktor           string `json:"aktor"`
	Privilegium     string `json:"privilegium"`
	PrivilegiumNiva int    `json:"privilegiumNiva"`
	Ressurs         string `json:"ressurs"`
	RessursNiva     int    `json:"ressursNiva"`
	RessursNavn     string `json:"ressursNavn"`
	Type            string `json:"type"`
	Path            []iSti `json:"path"`
}

// autorisasjoner lists who may what: the grants, and with arvPrivilegier what
// follows from them below. Levels count from the root, which is 0; maksDybde is
// how many below forelderRessurs.
func (h HTTP) autorisasjoner(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	topp, err := under(r, "forelderRessurs")
	if err != nil {
		return err
	}
	a, err := h.spurtAktor(r, topp)
	if err != nil {
		return err
	}
	s := Sok{Aktor: a, Type: q.Get("type"), Under: topp}
	if p := q.Get("privilegium"); p != "" {
		s.Privilegier = []string{p}
	}
	if v := q.Get("arvPrivilegier"); v != "" {
		if s.Arv, err = strconv.ParseBool(v); err != nil {
			return feil.Ny(feil.Ugyldig, "arvPrivilegier må være true eller false")
		}
	}
	dybde := -1
	if v := q.Get("maksDybde"); v != "" {
		if dybde, err = strconv.Atoi(v); err != nil || dybde < 0 {
			return feil.Ny(feil.Ugyldig, "maksDybde må være et helt tall fra 0")
		}
	}
	holdte, err := h.holdte(r.Context(), s)
	if err != nil {
		return err
	}
	stier := stier{h: h, kjent: map[string][]iSti{}}
	ut := []visbarAutorisasjon{}
	for _, x := range holdte {
		sti, err := stier.til(r.Context(), x.ID)
		if err != nil {
			return err
		}
		gitt, err := stier.til(r.Context(), x.Gitt)
		if err != nil {
			return err
		}
		fra := slices.IndexFunc(sti, func(i iSti) bool { return i.ID == topp })
		if dybde >= 0 && len(sti)-1-fra > dybde {
			continue
		}
		ut = append(ut, visbarAutorisasjon{Aktor: a, Privilegium: x.Privilegium, PrivilegiumNiva: len(gitt) - 1,
			Ressurs: x.ID, RessursNiva: len(sti) - 1, RessursNavn: x.Navn, Type: x.Type, Path: sti})
	}
	slices.SortFunc(ut, func(a, b visbarAutorisasjon) int {
		return strings.Compare(a.Type+a.RessursNavn+a.Ressurs+a.Privilegium, b.Type+b.RessursNavn+b.Ressurs+b.Privilegium)
	})
	return httpx.JSON(w, http.StatusOK, ut)
}

// stier finds paths from the root, each ressurs once.
type stier struct {
	h     HTTP
	kjent map[string][]iSti
}

func (s stier) til(ctx context.Context, id string) ([]iSti, error) {
	if p, ok := s.kjent[id]; ok {
		return p, nil
	}
	r, err := s.h.s.Ressurs(ctx, id)
	if err != nil {
		return nil, err
	}
	var over []iSti
	if r.Forelder != "" {
		if over, err = s.til(ctx, r.Forelder); err != nil {
			return nil, err
		}
	}
	s.kjent[id] = append(slices.Clone(over), iSti{r.ID, r.Type, r.Navn})
	return s.kjent[id], nil
}

// synlige lists what the caller holds any of the privileges on, ADMIN for all of
// them where it is a person.
func (h HTTP) synligeRessurser(w http.ResponseWriter, r *http.Request) error {
	topp, err := under(r, "parent")
	if err != nil {
		return err
	}
	privilegier, err := verdier(r, "privilegier")
	if err != nil {
		return err
	}
	ut, err := h.mine(r, Sok{Privilegier: privilegier, Type: r.URL.Query().Get("ressursType"), Under: topp})
	if err != nil {
		return err
	}
	svar := struct {
		Ressurser []iSti `json:"ressurser"`
	}{[]iSti{}}
	for _, x := range ut {
		svar.Ressurser = append(svar.Ressurser, iSti{x.ID, x.Type, x.Navn})
	}
	return httpx.JSON(w, http.StatusOK, svar)
}

func (h HTTP) ressurserAvType(w http.ResponseWriter, r *http.Request) error {
	typ := r.URL.Query().Get("type")
	if !maskinnavnRE.MatchString(typ) {
		return feil.Ny(feil.Ugyldig, "type må være satt: A–Z, 0–9, _ og punktum")
	}
	mine, err := h.mine(r, Sok{Type: typ, Under: RotID})
	if err != nil {
		return err
	}
	ut := []visbarRessurs{}
	for _, x := range mine {
		ut = append(ut, visRessurs(x))
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

// mine are the ressurser on which the caller holds what is asked for, each once,
// by type and name.
func (h HTTP) mine(r *http.Request, s Sok) ([]Ressurs, error) {
	c := auth.From(r.Context())
	s.Aktor, s.Admin, s.Arv, s.Typer = c.Aktor(), c.Slag == auth.Person, true, true
	holdte, err := h.holdte(r.Context(), s)
	if err != nil {
		return nil, err
	}
	sett := map[string]bool{}
	var ut []Ressurs
	for _, x := range holdte {
		if !sett[x.ID] {
			sett[x.ID] = true
			ut = append(ut, x.Ressurs)
		}
	}
	slices.SortFunc(ut, func(a, b Ressurs) int { return strings.Compare(a.Type+a.Navn+a.ID, b.Type+b.Navn+b.ID) })
	return ut, nil
}

// kjent finds the ressurs in the path, when the caller holds anything on it.
func (h HTTP) kjent(r *http.Request) (Ressurs, error) {
	id := stiID(r, "ressursId")
	ja, err := h.s.HarNoe(r.Context(), aktor(r), id)
	if err != nil {
		return Ressurs{}, err
	}
	if !ja {
		return Ressurs{}, ikkeFunnet("Ressursen")
	}
	return h.s.Ressurs(r.Context(), id)
}

func (h HTTP) visRessurs(w http.ResponseWriter, r *http.Request) error {
	res, err := h.kjent(r)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, visRessurs(res))
}

func (h HTTP) barn(w http.ResponseWriter, r *http.Request) error {
	res, err := h.kjent(r)
	if err != nil {
		return err
	}
	barn, err := h.s.Barn(r.Context(), res.ID, r.URL.Query().Get("type"))
	if err != nil {
		return err
	}
	ut := []visbarRessurs{}
	for _, b := range barn {
		ut = append(ut, visRessurs(b))
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

func (h HTTP) isLeaf(w http.ResponseWriter, r *http.Request) error {
	res, err := h.kjent(r)
	if err != nil {
		return err
	}
	n, err := antallBarn(r.Context(), h.s.db.Read(), res.ID)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, n == 0)
}

type visbarTilgang struct {
	Aktor       string `json:"aktor"`
	Privilegium string `json:"privilegium"`
}

// visTilganger lists the grants on the ressurs itself. Only persons are told who
// the persons are.
func (h HTTP) visTilganger(w http.ResponseWriter, r *http.Request) error {
	filter := r.URL.Query().Get("aktor")
	if filter != "" && !erUUID(strings.ToLower(filter)) {
		return ikkeFnrIAdressen("Hent listen uten aktor, og finn personen der")
	}
	alle, err := h.s.Tilganger(r.Context(), stiID(r, "ressursId"))
	if err != nil {
		return err
	}
	ut := []visbarTilgang{}
	for _, t := range alle {
		person := !erUUID(t.Aktor)
		if filter != "" && t.Aktor != strings.ToLower(filter) || person && auth.From(r.Context()).Slag != auth.Person {
			continue
		}
		ut = append(ut, visbarTilgang{t.Aktor, t.Privilegium})
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

type oversiktRad struct {
	Ressurs               string `json:"ressurs"`
	Privilegium           string `json:"privilegium"`
	AntallPersoner        int    `json:"antallPersoner"`
	AntallIntegrasjoner   int    `json:"antallIntegrasjoner"`
	AntallEksterneBrukere int    `json:"antallEksterneBrukere"`
	AntallEksterneGrupper int    `json:"antallEksterneGrupper"`
	AntallTotalt          int    `json:"antallTotalt"`
}

// oversikt counts who was granted a privilege on each ressurs itself.
func (h HTTP) oversikt(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[struct {
		Ressurser        []string `json:"ressurser"`
		Privilegium      string   `json:"privilegium"`
		RessursType      string   `json:"ressursType"`
		EkskluderAktorer []string `json:"ekskluderAktorer"`
	}](r)
	if err != nil {
		return err
	}
	if !maskinnavnRE.MatchString(inn.Privilegium) || len(inn.Ressurser) > maksListe || len(inn.EkskluderAktorer) > maksIder {
		return feil.Ny(feil.Ugyldig, "privilegium må være satt, og ressurser ha høyst %d id-er", maksListe)
	}
	svar := struct {
		Type      string        `json:"type"`
		Ressurser []oversiktRad `json:"ressurser"`
	}{inn.RessursType, []oversiktRad{}}
	for _, id := range inn.Ressurser {
		id = strings.ToLower(id)
		if err := h.administrerer(r.Context(), id, "Ressursen"); err != nil {
			return err
		}
		res, err := h.s.Ressurs(r.Context(), id)
		if err != nil {
			return err
		}
		if inn.RessursType != "" && res.Type != inn.RessursType {
			return feil.Ny(feil.Ugyldig, "En av ressursene er ikke av typen %s", inn.RessursType)
		}
		ts, err := h.s.Tilganger(r.Context(), id)
		if err != nil {
			return err
		}
		rad := oversiktRad{Ressurs: id, Privilegium: inn.Privilegium}
		for _, t := range ts {
			switch {
			case t.Privilegium != inn.Privilegium || slices.Contains(inn.EkskluderAktorer, t.Aktor):
				continue
			case erUUID(t.Aktor):
				rad.AntallIntegrasjoner++
			default:
				rad.AntallPersoner++
			}
			rad.AntallTotalt++
		}
		svar.Ressurser = append(svar.Ressurser, rad)
	}
	return httpx.JSON(w, http.StatusOK, svar)
}
