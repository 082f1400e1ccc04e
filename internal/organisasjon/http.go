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

const (
	maksJSON = 1 << 20 // bytes of a JSON body
	maksIder = 5000    // of one question
	// maksOrger is in how many organisations' registers a person is written at once.
	maksOrger = 50
)

// HTTP is the room's face: Fiks Konfigurasjon and Autorisasjon (auth contract §9, §10).
type HTTP struct{ s *Service }

// HTTP gives the room's face.
func (s *Service) HTTP() HTTP { return HTTP{s} }

// Routes are all endpoints with who may use them. Whoever may not see an
// organisation, a ressurs or an integrasjon is told that it does not exist.
func (h HTTP) Routes() []auth.Route {
	const begge = auth.Integrasjon | auth.Person
	var (
		admin   = auth.Tilgang{Slag: begge, Niva: 4, Privilegium: auth.Admin, Ressurs: h.orgRessurs, Merknad: "andres organisasjoner finnes ikke"}
		ressurs = auth.Tilgang{Slag: begge, Niva: 4, Privilegium: auth.Admin, Ressurs: h.ressursRessurs, Merknad: "andres ressurser finnes ikke"}
		rot     = auth.Tilgang{Slag: auth.Person, Niva: 4, Privilegium: auth.Rot,
			Ressurs: func(context.Context, *http.Request) (string, error) { return RotID, nil }}
		personer = auth.Tilgang{Slag: auth.Person, Niva: 4, Privilegium: auth.Admin,
			Merknad: "bare registrene til organisasjoner som den som spør er administrator i"}
		synlig = auth.Tilgang{Slag: begge, Niva: 4, Merknad: "bare organisasjoner som den som spør har et privilegium i; andre finnes ikke"}
		holdt  = auth.Tilgang{Slag: begge, Niva: 4, Merknad: "bare ressurser som den som spør har et privilegium på; andre finnes ikke"}
		alle   = auth.Tilgang{Slag: begge, Niva: 4, Merknad: "katalogen er den samme for alle"}
	)
	iHandler := func(merknad string) auth.Tilgang { return auth.Tilgang{Slag: begge, Niva: 4, Merknad: merknad} }
	eier := iHandler("ADMIN på integrasjonens organisasjon, ROOT for en global; andres finnes ikke")
	const (
		k   = "/konfigurasjon/api/v1"
		in  = k + "/integrasjoner/{integrasjonId}"
		til = in + "/tilknyttede-ressurser/{ressursId}"
		org = k + "/organisasjoner/{fiksOrgId}"
		tj  = org + "/tjenester/{tjenesteKode}"
		q   = "/autorisasjon-query/api/v1/autorisasjon"
		u   = "/autorisasjon-update/api/v1"
		res = u + "/ressurs/{ressursId}"
	)
	return []auth.Route{
		{Pattern: "GET " + k + "/integrasjoner/autentisering", Tilgang: auth.Tilgang{Slag: auth.Integrasjon | auth.IntegrasjonPerson,
			Merknad: "svarer true; det som ikke hører sammen, gir 401"}, Handler: h.autentisering},
		{Pattern: "POST " + k + "/integrasjoner", Tilgang: iHandler("ADMIN på fiksOrganisasjonUuid i kroppen, ROOT for en global"), Handler: h.opprettIntegrasjon},
		{Pattern: "GET " + in, Tilgang: iHandler("ADMIN på integrasjonens organisasjon, eller den selv; globale for enhver administrator; andres finnes ikke"), Handler: h.visIntegrasjon},
		{Pattern: "PATCH " + in, Tilgang: eier, Handler: h.eier(h.endreIntegrasjon)},
		{Pattern: "DELETE " + in, Tilgang: eier, Handler: h.eier(h.slettIntegrasjon)},
		{Pattern: "POST " + in + "/lagPassord", Tilgang: eier, Handler: h.eier(h.lagPassord)},
		{Pattern: "PUT " + til, Tilgang: ressurs, Handler: h.tilknytt(false)},
		{Pattern: "DELETE " + til, Tilgang: ressurs, Handler: h.frakoble(false)},
		{Pattern: "PUT " + til + "/tilganger", Tilgang: ressurs, Handler: h.tilknytt(true)},
		{Pattern: "DELETE " + til + "/tilganger", Tilgang: ressurs, Handler: h.frakoble(true)},

		{Pattern: "GET " + k + "/organisasjoner", Tilgang: synlig, Handler: h.finnOrganisasjoner},
		{Pattern: "POST " + k + "/organisasjoner", Tilgang: synlig, Handler: h.finnOrganisasjonerPost},
		{Pattern: "GET " + k + "/organisasjoner/synlige", Tilgang: synlig, Handler: h.synligeOrganisasjoner},
		{Pattern: "GET " + k + "/organisasjoner/info", Tilgang: synlig, Handler: h.infoForKommune},
		{Pattern: "GET " + k + "/organisasjoner/info/{fiksOrgId}", Tilgang: synlig, Handler: h.info},
		{Pattern: "GET " + k + "/organisasjoner/kontaktinformasjon", Tilgang: synlig, Handler: h.alleKontakter},
		{Pattern: "GET " + org + "/kontaktinformasjon", Tilgang: synlig, Handler: h.kontakt},
		{Pattern: "GET " + org + "/integrasjoner", Tilgang: admin, Handler: h.organisasjonensIntegrasjoner},
		{Pattern: "GET " + org + "/integrasjoner/{tag}", Tilgang: admin, Handler: h.organisasjonensIntegrasjoner},
		{Pattern: "GET " + org + "/tjenester", Tilgang: admin, Handler: h.organisasjonensTjenester},
		{Pattern: "GET " + tj, Tilgang: admin, Handler: h.organisasjonensTjeneste},
		{Pattern: "PATCH " + tj, Tilgang: admin, Handler: h.endreTjeneste},
		{Pattern: "POST " + tj + "/initialiser", Tilgang: admin, Handler: h.initialiser},
		{Pattern: "POST " + tj + "/konfigurer", Tilgang: admin, Handler: h.konfigurer},

		{Pattern: "POST " + k + "/personer", Tilgang: personer, Handler: h.registrerPerson},
		{Pattern: "POST " + k + "/personer/list", Tilgang: personer, Handler: h.listPersoner},
		{Pattern: "PATCH " + k + "/personer/oppdater", Tilgang: personer, Handler: h.endrePerson},

		{Pattern: "GET " + k + "/privilegier/{ressursType}", Tilgang: alle, Handler: h.privilegierForType},
		{Pattern: "GET " + k + "/tjenester", Tilgang: alle, Handler: h.tjenester},

		{Pattern: "GET " + k + "/root/organisasjoner", Tilgang: rot, Handler: h.rotOrganisasjoner},
		{Pattern: "POST " + k + "/root/organisasjoner", Tilgang: rot, Handler: h.rotOpprettOrganisasjon},
		{Pattern: "GET " + k + "/root/integrasjoner", Tilgang: rot, Handler: h.rotIntegrasjoner},
		{Pattern: "PATCH " + k + "/root/integrasjoner/{integrasjonId}", Tilgang: rot, Handler: h.rotEndreIntegrasjon},
		{Pattern: "GET " + k + "/root/privilegier", Tilgang: rot, Handler: h.rotPrivilegier},
		{Pattern: "GET " + k + "/root/tjenester", Tilgang: rot, Handler: h.tjenester},
		{Pattern: "GET " + k + "/root/tjenester/{tjenesteKode}", Tilgang: rot, Handler: h.rotTjeneste},

		{Pattern: "GET " + q + "/isAutorisert", Tilgang: iHandler("om en selv; om andre med ADMIN på ressursen, ellers finnes den ikke"), Handler: h.isAutorisert},
		{Pattern: "GET " + q + "/autorisasjoner", Tilgang: iHandler("om en selv; om andre med ADMIN på forelderRessurs, ellers finnes den ikke"), Handler: h.autorisasjoner},
		{Pattern: "GET " + q + "/synlige", Tilgang: holdt, Handler: h.synligeRessurser},
		{Pattern: "GET " + q + "/ressurser", Tilgang: holdt, Handler: h.ressurserAvType},
		{Pattern: "POST " + q + "/ressurser/oversikt", Tilgang: iHandler("ADMIN på hver av ressursene; andres finnes ikke"), Handler: h.oversikt},
		{Pattern: "GET " + q + "/ressurser/{ressursId}", Tilgang: holdt, Handler: h.visRessurs},
		{Pattern: "GET " + q + "/ressurser/{ressursId}/tilganger", Tilgang: ressurs, Handler: h.visTilganger},
		{Pattern: "GET " + q + "/{ressursId}/barn", Tilgang: holdt, Handler: h.barn},
		{Pattern: "GET " + q + "/{ressursId}/isLeaf", Tilgang: holdt, Handler: h.isLeaf},
		{Pattern: "GET " + q + "/typeTilganger", Tilgang: rot, Handler: h.typeTilganger},

		{Pattern: "POST " + u + "/ressurs", Tilgang: iHandler("ADMIN på forelderRessurs i kroppen; andres finnes ikke"), Handler: h.opprettRessurs},
		{Pattern: "PATCH " + res, Tilgang: ressurs, Handler: h.endreRessurs},
		{Pattern: "PATCH " + res + "/flytt", Tilgang: ressurs, Handler: h.flyttRessurs},
		{Pattern: "POST " + res + "/tilganger", Tilgang: ressurs, Handler: h.giTilgang},
		{Pattern: "POST " + res + "/tilganger/delete", Tilgang: ressurs, Handler: h.trekkTilgang},
		{Pattern: "DELETE " + res + "/tilganger", Tilgang: ressurs, Handler: h.trekkTilgangQuery},
		{Pattern: "POST " + u + "/ressurs/bulk/{ressursId}/tilganger", Tilgang: ressurs, Handler: h.giTilganger},
		{Pattern: "POST " + u + "/typeTilganger/{ressursType}/tilganger", Tilgang: rot, Handler: h.giTypeTilgang},
		{Pattern: "POST " + u + "/typeTilganger/{ressursType}/tilganger/delete", Tilgang: rot, Handler: h.trekkTypeTilgang},
		{Pattern: "GET " + u + "/privilegier", Tilgang: alle, Handler: h.allePrivilegier},
		{Pattern: "GET " + u + "/privilegier/{ressursType}", Tilgang: alle, Handler: h.privilegierForType},
	}
}

// orgRessurs is the ressurs of the organisation in the path.
func (h HTTP) orgRessurs(ctx context.Context, r *http.Request) (string, error) {
	o, err := h.s.Organisasjon(ctx, stiID(r, "fiksOrgId"))
	if err != nil {
		return "", err
	}
	return o.ID, h.administrerer(ctx, o.ID, "Organisasjonen")
}

func (h HTTP) ressursRessurs(ctx context.Context, r *http.Request) (string, error) {
	id := stiID(r, "ressursId")
	return id, h.administrerer(ctx, id, "Ressursen")
}

// administrerer lets those with ADMIN on a ressurs through; for others it does
// not exist: feil.IkkeFunnet.
func (h HTTP) administrerer(ctx context.Context, ressursID, hva string) error {
	return h.krev(ctx, auth.Admin, ressursID, hva)
}

func (h HTTP) krev(ctx context.Context, privilegium, ressursID, hva string) error {
	ja, err := h.s.Har(ctx, auth.From(ctx).Aktor(), privilegium, ressursID)
	if err == nil && !ja {
		err = ikkeFunnet(hva)
	}
	return err
}

// operator tells whether the caller operates the platform.
func (h HTTP) operator(ctx context.Context) (bool, error) {
	c := auth.From(ctx)
	if c.Slag != auth.Person {
		return false, nil
	}
	return h.s.Har(ctx, c.Fnr, auth.Rot, RotID)
}

func (h HTTP) administrator(ctx context.Context) (Administrator, error) {
	op, err := h.operator(ctx)
	return Administrator{auth.From(ctx), op}, err
}

// stiID reads an id from the path.
func stiID(r *http.Request, navn string) string { return strings.ToLower(r.PathValue(navn)) }

func aktor(r *http.Request) string { return auth.From(r.Context()).Aktor() }

func lesJSON[T any](r *http.Request) (T, error) {
	var v T
	err := httpx.ReadJSON(r, maksJSON, &v)
	return v, err
}

// verdier are the values of a query parameter that may be repeated, each once.
func verdier(r *http.Request, navn string) ([]string, error) {
	var ut []string
	for _, v := range r.URL.Query()[navn] {
		if v = strings.TrimSpace(v); v != "" && !slices.Contains(ut, v) {
			ut = append(ut, v)
		}
	}
	if len(ut) > maksListe {
		return nil, feil.Ny(feil.Ugyldig, "%s kan ha høyst %d verdier", navn, maksListe)
	}
	return ut, nil
}

// etag writes the version of what is answered, for If-Match.
func etag(w http.ResponseWriter, versjon int64) {
	w.Header().Set("ETag", `"`+strconv.FormatInt(versjon, 10)+`"`)
}

// fraVersjon reads the version that a change was decided from (RFC 9110
// §13.1.1); 0 when none is named. What cannot be one of ours is -1: no version.
func fraVersjon(r *http.Request) int64 {
	felt := strings.TrimSpace(strings.Join(r.Header.Values("If-Match"), ","))
	if felt == "" || felt == "*" {
		return 0
	}
	inni, ok1 := strings.CutPrefix(felt, `"`)
	inni, ok2 := strings.CutSuffix(inni, `"`)
	v, err := strconv.ParseInt(inni, 10, 64)
	if !ok1 || !ok2 || err != nil || v < 1 || strconv.FormatInt(v, 10) != inni {
		return -1
	}
	return v
}

// tomt answers 200 without a body, as the contract has it.
func tomt(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusOK)
	return nil
}

func ellerNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// uten is a list that is never null.
func uten(ss []string) []string { return append([]string{}, ss...) }
