package altinn

import (
	"bytes"
	"crypto/md5" //nolint:gosec // the checksum that Altinn's API asks for
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"knutepunkt/internal/httpx"
)

// svar answers 200 with v, or with problem details as Altinn writes them.
func svar(w http.ResponseWriter, v any, a *avslag) {
	w.Header().Set("Cache-Control", "no-store")
	if a == nil {
		_ = httpx.JSON(w, http.StatusOK, v) // the caller is gone
		return
	}
	p := map[string]any{"type": "https://tools.ietf.org/html/rfc9110", "title": http.StatusText(a.status), "status": a.status,
		"detail": a.tekst, "traceId": uuid.NewString()}
	if a.kode != 0 {
		p["code"], p["errorCode"] = fmt.Sprintf("CORR-%05d", a.kode), a.kode
	} else if a.status == http.StatusBadRequest {
		p["title"], p["errors"] = "One or more validation errors occurred.", map[string][]string{"request": {a.tekst}}
	}
	b, err := json.Marshal(p)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json; charset=utf-8")
	w.WriteHeader(a.status)
	_, _ = w.Write(b)
}

func intern(err error) *avslag {
	return &avslag{http.StatusInternalServerError, 0, err.Error()}
}

// tokenkrav are the claims of both kinds of tokens that we look at.
type tokenkrav struct {
	Iss   string `json:"iss"`
	Scope string `json:"scope"`
	Exp   int64  `json:"exp"`
}

const altinnUtsteder = "sandbox-altinn"

func bearer(r *http.Request) string {
	slag, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(slag, "Bearer") {
		return ""
	}
	return token
}

// veksle exchanges a Maskinporten token for one of Altinn's, in plain text.
func (a *Altinn) veksle(w http.ResponseWriter, r *http.Request) {
	nei := &avslag{http.StatusUnauthorized, 0, "The token is not a valid one of Maskinporten's"}
	jws, err := jose.ParseSignedCompact(bearer(r), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		svar(w, nil, nei)
		return
	}
	nokkel, err := a.cfg.Maskinporten.JWKS.Key(r.Context(), jws.Signatures[0].Protected.KeyID)
	if err != nil {
		svar(w, nil, nei)
		return
	}
	var k tokenkrav
	payload, err := jws.Verify(nokkel)
	naa := a.cfg.Tokenklokke.Now()
	if err != nil || json.Unmarshal(payload, &k) != nil || k.Iss != a.cfg.Maskinporten.Issuer || naa.Unix() >= k.Exp {
		svar(w, nil, nei)
		return
	}
	token, err := a.token(tokenkrav{Iss: altinnUtsteder, Scope: k.Scope, Exp: naa.Add(a.cfg.Tokenlevetid).Unix()})
	if err != nil {
		svar(w, nil, intern(err))
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, token)
}

func (a *Altinn) token(k tokenkrav) (string, error) {
	signerer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: a.nokkel}, nil)
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(k)
	if err != nil {
		return "", err
	}
	jws, err := signerer.Sign(b)
	if err != nil {
		return "", err
	}
	return jws.CompactSerialize()
}

// inne lets in who has a token with the sender's scopes, and the subscription key.
func (a *Altinn) inne(h func(r *http.Request) (any, *avslag)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if nokkel := r.Header.Get("Ocp-Apim-Subscription-Key"); nokkel == "" || a.cfg.SubscriptionKey != "" && nokkel != a.cfg.SubscriptionKey {
			svar(w, nil, &avslag{http.StatusUnauthorized, 0, "Access denied due to missing or invalid subscription key"})
			return
		}
		if f := a.sjekkToken(bearer(r)); f != nil {
			svar(w, nil, f)
			return
		}
		v, f := h(r)
		svar(w, v, f)
	}
}

func (a *Altinn) sjekkToken(token string) *avslag {
	nei := &avslag{http.StatusUnauthorized, 0, "The token is missing, expired or not Altinn's"}
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		return nei
	}
	var k tokenkrav
	payload, err := jws.Verify(a.nokkel)
	if err != nil || json.Unmarshal(payload, &k) != nil || k.Iss != altinnUtsteder || a.cfg.Tokenklokke.Now().Unix() >= k.Exp {
		return nei
	}
	for _, s := range []string{"altinn:correspondence.write", "altinn:serviceowner"} {
		if !slices.Contains(strings.Fields(k.Scope), s) {
			return &avslag{http.StatusForbidden, 0, "The token lacks the scope " + s}
		}
	}
	return nil
}

// ressurs tells whether a service exists, and is confidential.
func (a *Altinn) ressurs(id string) (konfidensiell, vilkarlig bool, f *avslag) {
	if a.cfg.Ressurser == nil {
		return false, true, nil
	}
	konfidensiell, ok := a.cfg.Ressurser[id]
	if !ok {
		return false, false, ugyldig(1036, "ResourceId must match an existing resource in the resource registry")
	}
	return konfidensiell, false, nil
}

func (a *Altinn) nyttVedlegg(r *http.Request) (any, *avslag) {
	var inn vedleggInn
	if f := lesJSON(r, &inn); f != nil {
		return nil, f
	}
	if f := inn.sjekk(); f != nil {
		return nil, f
	}
	if _, _, f := a.ressurs(inn.ResourceID); f != nil {
		return nil, f
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	v := &vedlegg{ID: uuid.NewString(), Inn: inn, Historie: historie{{"Initialized", "Initialized", a.cfg.Klokke.Now()}}}
	if err := a.lagreVedlegg(v); err != nil {
		return nil, intern(err)
	}
	a.vedlegg[v.ID] = v
	return v.ID, nil
}

// vedleggUt is an attachment's overview.
type vedleggUt struct {
	vedleggInn
	AttachmentID      string    `json:"attachmentId"`
	Status            string    `json:"status"`
	StatusText        string    `json:"statusText"`
	StatusChanged     time.Time `json:"statusChanged"`
	CorrespondenceIDs []string  `json:"correspondenceIds"`
}

func (v *vedlegg) ut() vedleggUt {
	naa := v.Historie.naa()
	if v.laster {
		naa.Status, naa.Tekst = "UploadProcessing", "UploadProcessing"
	}
	return vedleggUt{v.Inn, v.ID, naa.Status, naa.Tekst, naa.Tid, []string{}}
}

func ukjentVedlegg() *avslag {
	return &avslag{http.StatusNotFound, 2001, "The requested attachment was not found"}
}

func (a *Altinn) hentVedlegg(r *http.Request) (any, *avslag) {
	a.mu.Lock()
	defer a.mu.Unlock()
	v := a.vedlegg[r.PathValue("id")]
	if v == nil {
		return nil, ukjentVedlegg()
	}
	a.skann(v)
	return v.ut(), nil
}

// eicar is part of the test file that virus scanners know.
var eicar = []byte("EICAR-STANDARD-ANTIVIRUS-TEST-FILE")

// virusleter passes bytes on and looks for the test file in them.
type virusleter struct {
	hale   []byte
	funnet bool
}

func (s *virusleter) Write(p []byte) (int, error) {
	s.funnet = s.funnet || bytes.Contains(append(slices.Clone(s.hale), p[:min(len(p), len(eicar))]...), eicar) || bytes.Contains(p, eicar)
	s.hale = append(s.hale, p[max(0, len(p)-len(eicar)):]...)
	s.hale = s.hale[max(0, len(s.hale)-len(eicar)):]
	return len(p), nil
}

var errForStor = errors.New("too large")

// lastOpp takes the content. The attachment is being processed from the first byte
// on, and has failed when the last one does not come.
func (a *Altinn) lastOpp(r *http.Request) (any, *avslag) {
	if r.Header.Get("Content-Type") != "application/octet-stream" {
		return nil, &avslag{http.StatusUnsupportedMediaType, 0, "Content-Type must be application/octet-stream"}
	}
	v, f := a.begynnOpplasting(r.PathValue("id"))
	if f != nil {
		return nil, f
	}
	sum, virus := md5.New(), &virusleter{} //nolint:gosec // see the import
	n := int64(0)
	les := leser(func(p []byte) (int, error) {
		m, err := r.Body.Read(p)
		if n += int64(m); n > a.cfg.MaksVedlegg {
			return 0, errForStor
		}
		return m, err
	})
	err := a.lager.skrivInnhold(prefiksVedlegg+v.ID+etterInnhold, io.TeeReader(les, io.MultiWriter(sum, virus)))

	a.mu.Lock()
	defer a.mu.Unlock()
	v.laster = false
	feilet := func(f *avslag) (any, *avslag) {
		v.Historie = append(v.Historie, hendelse{"Failed", f.tekst, a.cfg.Klokke.Now()})
		if err := a.lagreVedlegg(v); err != nil {
			return nil, intern(err)
		}
		return nil, f
	}
	switch {
	case errors.Is(err, errForStor), err == nil && n == 0:
		return feilet(ugyldig(2004, "File must have content and has a max file size of 2GB"))
	case err != nil:
		return feilet(&avslag{http.StatusBadGateway, 2002, "Error occurred during upload"})
	case v.Inn.Checksum != "" && v.Inn.Checksum != hex.EncodeToString(sum.Sum(nil)):
		return feilet(ugyldig(2008, "Checksum mismatch"))
	}
	v.Storrelse, v.Infisert = n, virus.funnet
	v.Historie = append(v.Historie, hendelse{"UploadProcessing", "UploadProcessing", a.cfg.Klokke.Now()})
	if err := a.lagreVedlegg(v); err != nil {
		return nil, intern(err)
	}
	return v.ut(), nil
}

// begynnOpplasting finds an attachment that nothing was uploaded to yet.
func (a *Altinn) begynnOpplasting(id string) (*vedlegg, *avslag) {
	a.mu.Lock()
	defer a.mu.Unlock()
	v := a.vedlegg[id]
	switch {
	case v == nil:
		return nil, ukjentVedlegg()
	case v.laster || v.Historie.naa().Status != "Initialized":
		return nil, ugyldig(2005, "File has already been or is being uploaded")
	}
	v.laster = true
	return v, nil
}

type leser func(p []byte) (int, error)

func (l leser) Read(p []byte) (int, error) { return l(p) }

func (a *Altinn) nyMelding(r *http.Request) (any, *avslag) {
	var inn meldingInn
	if f := lesJSON(r, &inn); f != nil {
		return nil, f
	}
	if f := inn.sjekkForm(); f != nil {
		return nil, f
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if inn.IdempotentKey != nil && a.nokler[*inn.IdempotentKey] != "" {
		return nil, &avslag{http.StatusConflict, 1034, "A correspondence with the same idempotent key already exists"}
	}
	if f := a.sjekkMelding(inn); f != nil {
		return nil, f
	}
	naa := a.cfg.Klokke.Now()
	ut := struct {
		Correspondences []any    `json:"correspondences"`
		AttachmentIDs   []string `json:"attachmentIds"`
	}{AttachmentIDs: append([]string{}, inn.ExistingAttachments...)}
	for _, mottaker := range inn.Recipients {
		m := &melding{ID: uuid.NewString(), Inn: inn, Opprettet: naa, Historie: historie{{"Initialized", "Initialized", naa}}}
		m.Inn.Recipients = []string{mottaker}
		if err := a.lagreMelding(m); err != nil {
			return nil, intern(err)
		}
		a.meldinger[m.ID] = m
		if inn.IdempotentKey != nil {
			a.nokler[*inn.IdempotentKey] = m.ID
		}
		ut.Correspondences = append(ut.Correspondences, map[string]any{"correspondenceId": m.ID, "status": "Initialized",
			"recipient": mottaker, "notifications": []any{}})
	}
	return ut, nil
}

// sjekkMelding checks a correspondence against what there is, in Altinn's order.
func (a *Altinn) sjekkMelding(inn meldingInn) *avslag {
	c := inn.Correspondence
	konfidensiell, vilkarlig, f := a.ressurs(c.ResourceID)
	if f != nil {
		return f
	}
	if !vilkarlig && konfidensiell != c.IsConfidential {
		return form("isConfidential must be set for confidential resources, and only for them")
	}
	for i, m := range inn.Recipients {
		switch {
		case slices.Contains(inn.Recipients[:i], m):
			return ugyldig(1006, "Recipients must be unique")
		case a.cfg.Finnes != nil && !a.cfg.Finnes(nummer(m)):
			return &avslag{http.StatusNotFound, 1029, "Could not find partyId for the following recipients: " + m}
		case a.avviser && strings.Contains(m, ":person:"):
			return &avslag{http.StatusUnprocessableEntity, 1030, "Recipient " + m + " has reserved themselves from public correspondences"}
		case a.avviser:
			return ugyldig(1044, "The following recipients lack required roles to read the correspondence: "+m)
		}
	}
	if f := inn.sjekkInnhold(a.cfg.Klokke.Now()); f != nil {
		return f
	}
	for _, id := range inn.ExistingAttachments {
		v := a.vedlegg[id]
		if v == nil {
			return ugyldig(1007, "Existing attachment not found")
		}
		if a.skann(v); v.Historie.naa().Status != "Published" {
			return ugyldig(1018, "Attachment is not published")
		}
	}
	return nil
}

// finnMeldinger lists the sender's correspondences, by the key it gave them.
func (a *Altinn) finnMeldinger(r *http.Request) (any, *avslag) {
	q := r.URL.Query()
	nokkel, err := uuid.Parse(q.Get("idempotentKey"))
	if q.Get("resourceId") == "" || q.Get("role") != "Sender" || q.Has("idempotentKey") && err != nil {
		return nil, form("resourceId, role=Sender and an idempotentKey that is a GUID are wanted")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	ids := []string{}
	for _, m := range a.meldinger {
		sammeNokkel := m.Inn.IdempotentKey != nil && *m.Inn.IdempotentKey == nokkel.String()
		if m.Inn.Correspondence.ResourceID == q.Get("resourceId") && (!q.Has("idempotentKey") || sammeNokkel) {
			ids = append(ids, m.ID)
		}
	}
	slices.Sort(ids)
	return map[string][]string{"ids": ids}, nil
}

// meldingUt is a correspondence's overview, and with StatusHistory its details.
type meldingUt struct {
	CorrespondenceID string     `json:"correspondenceId"`
	ResourceID       string     `json:"resourceId"`
	SendersReference string     `json:"sendersReference"`
	MessageSender    string     `json:"messageSender"`
	Recipient        string     `json:"recipient"`
	Content          *innhold   `json:"content"`
	Created          time.Time  `json:"created"`
	Status           string     `json:"status"`
	StatusText       string     `json:"statusText"`
	StatusChanged    time.Time  `json:"statusChanged"`
	Published        *time.Time `json:"published"`
	IsConfidential   bool       `json:"isConfidential"`
	StatusHistory    historie   `json:"statusHistory,omitempty"`
}

func (a *Altinn) hentMelding(r *http.Request) (any, *avslag) {
	ut, f := a.detaljer(r.PathValue("id"))
	ut.StatusHistory = nil
	return ut, f
}

func (a *Altinn) hentDetaljer(r *http.Request) (any, *avslag) {
	ut, f := a.detaljer(r.PathValue("id"))
	return ut, f
}

func (a *Altinn) detaljer(id string) (meldingUt, *avslag) {
	a.mu.Lock()
	defer a.mu.Unlock()
	m := a.meldinger[id]
	if m == nil {
		return meldingUt{}, &avslag{http.StatusNotFound, 1001, "The requested correspondence was not found"}
	}
	a.publiser(m)
	c, naa := m.Inn.Correspondence, m.Historie.naa()
	ut := meldingUt{CorrespondenceID: m.ID, ResourceID: c.ResourceID, SendersReference: c.SendersReference, MessageSender: c.MessageSender,
		Recipient: m.Inn.Recipients[0], Content: c.Content, Created: m.Opprettet, Status: naa.Status, StatusText: naa.Tekst,
		StatusChanged: naa.Tid, IsConfidential: c.IsConfidential, StatusHistory: slices.Clone(m.Historie)}
	for _, h := range m.Historie {
		if h.Status == "Published" {
			ut.Published = &h.Tid
		}
	}
	return ut, nil
}
