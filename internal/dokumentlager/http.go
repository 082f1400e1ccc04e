package dokumentlager

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/store"
)

// HTTP is the room's face (dokumentlager contract A2–A7).
type HTTP struct {
	Service *Service
	// MinsideURL is the external base URL of the pages where persons download.
	MinsideURL string
}

// Routes are all endpoints with who may use them.
func (h HTTP) Routes() []auth.Route {
	konto := auth.Tilgang{
		Slag: auth.Integrasjon | auth.Person, Niva: 4, Privilegium: auth.DokumentlagerLastOp,
		Ressurs: func(_ context.Context, r *http.Request) (string, error) { return r.PathValue("kontoId"), nil },
	}
	nedlasting := auth.Tilgang{
		Slag:    auth.Integrasjon | auth.IntegrasjonPerson | auth.Person,
		Merknad: "dokumentet må være eksponert for den som spør, og innloggingsnivået høyt nok",
	}
	const dokument = "/dokumentlager/api/v1/{fiksOrganisasjonId}/kontoer/{kontoId}/dokumenter"
	return []auth.Route{
		{Pattern: "POST " + dokument, Tilgang: konto, Handler: h.lastOpp},
		{Pattern: "GET " + dokument + "/{dokumentId}", Tilgang: konto, Handler: h.metadataUtvidet},
		{Pattern: "PATCH " + dokument + "/{dokumentId}", Tilgang: konto, Handler: h.endreUtlop},
		{Pattern: "DELETE " + dokument + "/{dokumentId}", Tilgang: konto, Handler: h.slett},
		{Pattern: "POST " + dokument + "/sok", Tilgang: konto, Handler: h.sok},
		{Pattern: "DELETE /dokumentlager/api/v1/{fiksOrganisasjonId}/kontoer/{kontoId}/korrelasjonsid/{korrelasjonsid}", Tilgang: konto, Handler: h.slettKorrelerte},
		{Pattern: "GET /dokumentlager/api/v1/public-key", Tilgang: auth.Tilgang{Slag: auth.Integrasjon | auth.IntegrasjonPerson | auth.Person}, Handler: h.publicKey},
		{Pattern: "GET /dokumentlager/nedlasting/{dokumentId}", Tilgang: nedlasting, Handler: h.lastNed},
		{Pattern: "GET /dokumentlager/nedlasting/niva4/{dokumentId}", Tilgang: nedlasting, Handler: h.lastNed},
		{Pattern: "GET /dokumentlager/nedlasting/{dokumentId}/metadata", Tilgang: nedlasting, Handler: h.metadata},
	}
}

const maxMetadata = 1 << 20 // bytes of JSON

// opplastingMetadata is the part "metadata" as clients send it; unset members may be null.
type opplastingMetadata struct {
	Dokumentnavn               string        `json:"dokumentnavn"`
	Mimetype                   string        `json:"mimetype"`
	TTL                        *int64        `json:"ttl"` // seconds; negative: never expires
	TilgjengeligTil            *time.Time    `json:"tilgjengeligTil"`
	EksponertFor               []Eksponering `json:"eksponertFor"`
	Sikkerhetsniva             int           `json:"sikkerhetsniva"`
	Korrelasjonsid             *string       `json:"korrelasjonsid"`
	IkkeLagreDokumentLastetNed *bool         `json:"ikkeLagreDokumentLastetNed"`
}

// utlop computes the expiry of ttl (seconds) or til; til wins when both are set.
func utlopAv(naa time.Time, ttl *int64, til *time.Time) (time.Time, error) {
	const maxTTL = 100 * 365 * 24 * 3600 // seconds; keeps the sum in range
	switch {
	case til != nil && !til.After(naa):
		return time.Time{}, feil.Ny(feil.Ugyldig, "tilgjengeligTil er passert")
	case til != nil:
		return til.UTC(), nil
	case ttl == nil:
		return time.Time{}, feil.Ny(feil.Ugyldig, "ttl eller tilgjengeligTil må være satt")
	case *ttl < 0:
		return time.Time{}, nil
	case *ttl > maxTTL:
		return time.Time{}, feil.Ny(feil.Ugyldig, "ttl er større enn 100 år; bruk en negativ ttl for dokumenter som ikke utløper")
	}
	return naa.Add(time.Duration(*ttl) * time.Second), nil
}

func (h HTTP) lastOpp(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	konto, err := h.Service.Konto(ctx, r.PathValue("fiksOrganisasjonId"), r.PathValue("kontoId"))
	if err != nil {
		return err
	}
	kryptert, err := boolQuery(r, "kryptert")
	if err != nil {
		return err
	}
	deler, err := r.MultipartReader()
	if err != nil {
		return feil.Ny(feil.Ugyldig, "Forespørselen må være multipart/form-data med delene metadata og dokument").Med(err)
	}
	m, err := h.lesMetadata(deler)
	if err != nil {
		return err
	}
	if m.Sikkerhetsniva == 4 && !kryptert {
		return feil.Ny(feil.Ugyldig, "Dokumenter på sikkerhetsnivå 4 må krypteres av avsender: bruk kryptert=true")
	}
	m.KontoID = konto.ID
	del, err := deler.NextPart()
	if err != nil || del.FormName() != "dokument" {
		return feil.Ny(feil.Ugyldig, "Delen dokument mangler; den skal komme etter metadata").Med(err)
	}
	o, err := h.Service.Motta(ctx, del, kryptert)
	if err != nil {
		return err
	}
	defer o.Forkast()
	if o.Size() == 0 {
		return feil.Ny(feil.Ugyldig, "Dokumentet er tomt")
	}
	// The request must end as multipart does: a cut one is not a whole document.
	// Only a bare io.EOF says so; a wrapped one is a request that was cut.
	if _, err := deler.NextPart(); err != io.EOF { //nolint:errorlint // see above
		return feil.Ny(feil.Ugyldig, "Forespørselen er avkortet, eller har flere deler enn metadata og dokument").Med(err)
	}
	err = h.Service.db.Write(ctx, func(tx *store.Tx) error {
		m, err = h.Service.Lagre(ctx, tx, o, m)
		return err
	})
	if err != nil {
		return err
	}
	w.Header().Set("Location", h.MinsideURL+"/dokumentlager/nedlasting/"+m.ID)
	return httpx.JSON(w, http.StatusCreated, struct {
		ID                 string `json:"id"`
		Dokumentnavn       string `json:"dokumentnavn"`
		MimeType           string `json:"mimeType"`
		UkryptertStorrelse int64  `json:"ukryptertStorrelse"`
		KryptertStorrelse  int64  `json:"kryptertStorrelse"`
	}{m.ID, m.Dokumentnavn, m.Mimetype, m.Ukryptert, m.Kryptert})
}

func (h HTTP) lesMetadata(deler *multipart.Reader) (Metadata, error) {
	del, err := deler.NextPart()
	if err != nil || del.FormName() != "metadata" {
		return Metadata{}, feil.Ny(feil.Ugyldig, "Den første delen må hete metadata").Med(err)
	}
	var inn opplastingMetadata
	data, err := io.ReadAll(io.LimitReader(del, maxMetadata+1))
	if err != nil {
		return Metadata{}, feil.Ny(feil.Ugyldig, "Forespørselen sluttet midt i metadata").Med(err)
	}
	if len(data) > maxMetadata {
		return Metadata{}, feil.Ny(feil.ForStor, "metadata er større enn %d byte", maxMetadata)
	}
	if err := json.Unmarshal(data, &inn); err != nil {
		return Metadata{}, feil.Ny(feil.Ugyldig, "metadata er ikke gyldig JSON for et dokument").Med(err)
	}
	m := Metadata{
		Dokumentnavn: inn.Dokumentnavn, Mimetype: inn.Mimetype, Sikkerhetsniva: inn.Sikkerhetsniva, EksponertFor: inn.EksponertFor,
	}
	if inn.Korrelasjonsid != nil {
		id, err := uuid.Parse(*inn.Korrelasjonsid)
		if err != nil {
			return m, feil.Ny(feil.Ugyldig, "korrelasjonsid må være en UUID")
		}
		m.Korrelasjonsid = id.String()
	}
	if inn.IkkeLagreDokumentLastetNed != nil {
		m.IkkeLoggNedlasting = *inn.IkkeLagreDokumentLastetNed
	}
	if m.TilgjengeligTil, err = utlopAv(h.Service.klokke.Now(), inn.TTL, inn.TilgjengeligTil); err != nil {
		return m, err
	}
	return m, m.Validate()
}

// dokument finds the document of the path, which must lie in the path's konto.
func (h HTTP) dokument(r *http.Request) (Metadata, error) {
	konto, err := h.Service.Konto(r.Context(), r.PathValue("fiksOrganisasjonId"), r.PathValue("kontoId"))
	if err != nil {
		return Metadata{}, err
	}
	m, err := h.Service.Metadata(r.Context(), r.PathValue("dokumentId"))
	if err == nil && m.KontoID != konto.ID {
		return Metadata{}, feil.Ny(feil.IkkeFunnet, "Dokumentet finnes ikke")
	}
	return m, err
}

func (h HTTP) metadataUtvidet(w http.ResponseWriter, r *http.Request) error {
	m, err := h.dokument(r)
	if err != nil {
		return err
	}
	hendelser, err := h.Service.Hendelser(r.Context(), m.ID)
	if err != nil {
		return err
	}
	type hendelse struct {
		Dato    string `json:"dato"`
		Melding string `json:"melding"`
		Aktor   string `json:"aktor"`
	}
	ut := struct {
		ID                 string     `json:"id"`
		Dokumentnavn       string     `json:"dokumentnavn"`
		KryptertStorrelse  int64      `json:"kryptertStorrelse"`
		UkryptertStorrelse int64      `json:"ukryptertStorrelse"`
		TilgjengeligTil    *string    `json:"tilgjengeligTil"`
		Mimetype           string     `json:"mimetype"`
		Slettet            bool       `json:"slettet"`
		Hendelser          []hendelse `json:"hendelser"`
	}{m.ID, m.Dokumentnavn, m.Kryptert, m.Ukryptert, tidspunkt(m.TilgjengeligTil), m.Mimetype, !m.Slettet.IsZero(), []hendelse{}}
	for _, e := range hendelser {
		ut.Hendelser = append(ut.Hendelser, hendelse{e.Tidspunkt.Format(time.RFC3339Nano), e.Melding, e.Aktor})
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

func tidspunkt(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.Format(time.RFC3339Nano)
	return &s
}

func (h HTTP) endreUtlop(w http.ResponseWriter, r *http.Request) error {
	m, err := h.dokument(r)
	if err != nil {
		return err
	}
	var inn struct {
		TTL             *int64     `json:"ttl"`
		TilgjengeligTil *time.Time `json:"tilgjengeligTil"`
	}
	if err := httpx.ReadJSON(r, maxMetadata, &inn); err != nil {
		return err
	}
	til, err := utlopAv(h.Service.klokke.Now(), inn.TTL, inn.TilgjengeligTil)
	if err != nil {
		return err
	}
	err = h.Service.db.Write(r.Context(), func(tx *store.Tx) error {
		return h.Service.SettUtlop(r.Context(), tx, m.ID, til)
	})
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, struct {
		ID              string  `json:"id"`
		TilgjengeligTil *string `json:"tilgjengeligTil"`
	}{m.ID, tidspunkt(til)})
}

func (h HTTP) slett(w http.ResponseWriter, r *http.Request) error {
	m, err := h.dokument(r)
	if err != nil {
		return err
	}
	if !m.Slettet.IsZero() {
		return feil.Ny(feil.Slettet, "Dokumentet er slettet")
	}
	ctx := r.Context()
	err = h.Service.db.Write(ctx, func(tx *store.Tx) error {
		return h.Service.slettAv(ctx, tx, auth.From(ctx), m.ID)
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

func (h HTTP) publicKey(w http.ResponseWriter, r *http.Request) error {
	nokler, err := h.Service.ring.Platform(r.Context(), keys.Dokumentlager)
	if err != nil {
		return fmt.Errorf("reading the dokumentlager keys: %w", err)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	return pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: nokler[0].Certificate.Raw})
}

func (h HTTP) metadata(w http.ResponseWriter, r *http.Request) error {
	m, err := h.Service.Sjekk(r.Context(), auth.From(r.Context()), r.PathValue("dokumentId"))
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, struct {
		ID                 string  `json:"id"`
		Dokumentnavn       string  `json:"dokumentnavn"`
		MimeType           string  `json:"mimeType"`
		KryptertStorrelse  int64   `json:"kryptertStorrelse"`
		UkryptertStorrelse int64   `json:"ukryptertStorrelse"`
		Korrelasjonsid     *string `json:"korrelasjonsid"`
	}{m.ID, m.Dokumentnavn, m.Mimetype, m.Kryptert, m.Ukryptert, tekst(m.Korrelasjonsid)})
}

func tekst(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (h HTTP) lastNed(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	caller := auth.From(ctx)
	m, err := h.Service.Sjekk(ctx, caller, r.PathValue("dokumentId"))
	if err != nil {
		return err
	}
	innhold, m, err := h.Service.Apne(ctx, m.ID, 0)
	if err != nil {
		return err
	}
	defer innhold.Close()
	if err := h.Service.NotNedlasting(ctx, caller, m); err != nil {
		return err
	}
	inline, err := boolQuery(r, "inline")
	if err != nil {
		return err
	}
	SkrivHoder(w, m, inline)
	if _, err := io.Copy(w, innhold); err != nil {
		return fmt.Errorf("sending document %s: %w", m.ID, err)
	}
	return nil
}

// SkrivHoder sets the response headers of a download: type and name as stored,
// nothing that lets a browser run the content.
func SkrivHoder(w http.ResponseWriter, m Metadata, inline bool) {
	slag := "attachment"
	if inline {
		slag = "inline"
		w.Header().Set("Content-Security-Policy", "sandbox")
	}
	w.Header().Set("Content-Type", m.Mimetype)
	w.Header().Set("Content-Disposition", disposition(slag, m.Dokumentnavn))
	w.Header().Set("Content-Length", strconv.FormatInt(m.Ukryptert, 10))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
}

// disposition gives the name twice: in ASCII for old clients, in full by RFC 5987.
func disposition(slag, navn string) string {
	ascii := strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return '_'
		}
		return c
	}, navn)
	if ascii == navn {
		return mime.FormatMediaType(slag, map[string]string{"filename": navn})
	}
	return slag + `; filename="` + ascii + `"; filename*=UTF-8''` + strings.ReplaceAll(url.QueryEscape(navn), "+", "%20")
}

// boolQuery reads an optional boolean query parameter; false when it is absent.
func boolQuery(r *http.Request, navn string) (bool, error) {
	v := r.URL.Query().Get(navn)
	if v == "" || v == "null" { // clients write an unset boxed value as null
		return false, nil
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		return false, feil.Ny(feil.Ugyldig, "%s må være true eller false", navn)
	}
	return b, nil
}
