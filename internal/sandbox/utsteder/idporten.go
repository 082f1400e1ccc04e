package utsteder

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"knutepunkt/internal/httpx"
)

const acrHigh = "idporten-loa-high"

// acrer are the levels of login that are issued, also in the spelling from
// before 2023 (auth contract §4). The login page offers the first three.
var acrer = []string{acrHigh, "idporten-loa-substantial", "idporten-loa-low",
	"Level4", "Level3", "eidas-loa-high", "eidas-loa-substantial"}

const (
	kodeLevetid    = time.Minute
	refreshLevetid = 2 * time.Hour
	// assertionType marks client authentication by a signed JWT (RFC 7523).
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// innlogging is a person who has logged in to a client.
type innlogging struct {
	ClientID, ClientAMR, Orgnr  string
	Pid, Acr, Scope, Nonce, Sid string
	Redirect, Challenge         string // of the code
	Tid, Utloper                time.Time
}

// idportenToken are the claims of a person's access token (auth contract §4).
type idportenToken struct {
	Iss       string `json:"iss"`
	Sub       string `json:"sub"`
	Aud       string `json:"aud"`
	ClientID  string `json:"client_id"`
	ClientAMR string `json:"client_amr"`
	Scope     string `json:"scope"`
	Pid       string `json:"pid"`
	Acr       string `json:"acr"`
	Consumer  *org   `json:"consumer"`
	TokenType string `json:"token_type"`
	Iat       int64  `json:"iat"`
	Exp       int64  `json:"exp"`
	Jti       string `json:"jti"`
}

func (u *Utsteder) utstedIDPorten(l innlogging) (string, error) {
	now := u.cfg.Klokke.Now()
	return u.idporten.sign(idportenToken{Iss: u.idporten.id, Sub: parvis(l.Pid, l.Orgnr), Aud: "unspecified",
		ClientID: l.ClientID, ClientAMR: l.ClientAMR, Scope: l.Scope, Pid: l.Pid, Acr: l.Acr, Consumer: organisasjon(l.Orgnr),
		TokenType: "Bearer", Iat: now.Unix(), Exp: now.Add(Lifetime).Unix(), Jti: tilfeldig()})
}

// utstedID makes the id token.
func (u *Utsteder) utstedID(l innlogging) (string, error) {
	now := u.cfg.Klokke.Now()
	claims := map[string]any{"iss": u.idporten.id, "sub": parvis(l.Pid, l.Orgnr), "aud": l.ClientID, "pid": l.Pid,
		"acr": l.Acr, "amr": []string{"TestID"}, "sid": l.Sid, "locale": "nb", "auth_time": l.Tid.Unix(),
		"iat": now.Unix(), "exp": now.Add(Lifetime).Unix(), "jti": tilfeldig()}
	if l.Nonce != "" {
		claims["nonce"] = l.Nonce
	}
	return u.idporten.sign(claims)
}

func (u *Utsteder) idportenMetadata(w http.ResponseWriter, _ *http.Request) error {
	id := u.idporten.id
	return httpx.JSON(w, http.StatusOK, map[string]any{
		"issuer": id, "authorization_endpoint": id + "/authorize", "token_endpoint": id + "/token",
		"userinfo_endpoint": id + "/userinfo", "end_session_endpoint": id + "/logout", "jwks_uri": id + "/jwk",
		"response_types_supported": []string{"code"}, "response_modes_supported": []string{"query"},
		"grant_types_supported": []string{"authorization_code", "refresh_token"}, "subject_types_supported": []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"}, "code_challenge_methods_supported": []string{"S256"},
		"scopes_supported": []string{"openid", "profile", "ks:fiks"}, "acr_values_supported": acrer, "ui_locales_supported": []string{"nb", "nn", "en", "se"},
		"claims_supported":                               []string{"sub", "pid", "acr", "amr", "sid", "nonce", "locale", "auth_time"},
		"token_endpoint_auth_methods_supported":          []string{"client_secret_basic", "client_secret_post", "private_key_jwt", "none"},
		"authorization_response_iss_parameter_supported": true,
	})
}

//go:embed innlogging.html
var innloggingHTML string

var innloggingSide = template.Must(template.New("innlogging").Parse(innloggingHTML))

// authorize shows the login page (GET), and sends the person chosen there back
// with a code (POST to the same URL).
func (u *Utsteder) authorize(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	w.Header().Set("Cache-Control", "no-store")
	feil := func(kode, tekst string) error {
		return svar(w, nil, &oauthFeil{status: http.StatusBadRequest, kode: kode, tekst: tekst}, nil)
	}
	klient, kjent := u.klienter[q.Get("client_id")]
	back, err := url.Parse(q.Get("redirect_uri"))
	switch {
	case q.Get("client_id") == "" || len(q.Get("client_id")) > 256:
		return feil("invalid_request", "client_id is missing")
	case err != nil || back.Scheme != "http" && back.Scheme != "https" || back.Host == "" || back.Fragment != "":
		return feil("invalid_request", "redirect_uri must be an absolute http or https URL without fragment")
	case kjent && klient.Redirect != nil && !slices.Contains(klient.Redirect, q.Get("redirect_uri")):
		return feil("invalid_request", "redirect_uri is not registered on the client")
	}
	tilbake := func(params ...string) error {
		v := back.Query()
		v.Set("iss", u.idporten.id) // RFC 9207
		if s := q.Get("state"); s != "" {
			v.Set("state", s)
		}
		for i := 0; i < len(params); i += 2 {
			v.Set(params[i], params[i+1])
		}
		to := *back
		to.RawQuery = v.Encode()
		http.Redirect(w, r, to.String(), http.StatusSeeOther)
		return nil
	}
	challenge, err := base64.RawURLEncoding.DecodeString(q.Get("code_challenge"))
	scope := strings.Fields(q.Get("scope"))
	ukjent := slices.IndexFunc(scope, func(s string) bool { return klient.Scope != nil && !slices.Contains(klient.Scope, s) })
	switch {
	case q.Get("response_type") != "code":
		return tilbake("error", "unsupported_response_type", "error_description", "response_type must be code")
	case q.Get("code_challenge_method") != "S256" || err != nil || len(challenge) != sha256.Size:
		return tilbake("error", "invalid_request", "error_description", "PKCE with S256 is required")
	case !slices.Contains(scope, "openid") || ukjent >= 0:
		return tilbake("error", "invalid_scope", "error_description", "scope must hold openid and what the client may ask for")
	case q.Get("prompt") == "none":
		return tilbake("error", "login_required", "error_description", "The sandbox keeps no login session")
	}
	acr := acrHigh
	if i := slices.IndexFunc(strings.Fields(q.Get("acr_values")), func(s string) bool { return slices.Contains(acrer, s) }); i >= 0 {
		acr = strings.Fields(q.Get("acr_values"))[i]
	}
	side := func(status int, melding string) error {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		return innloggingSide.Execute(w, map[string]any{"Personer": u.cfg.Personer, "Klient": q.Get("client_id"),
			"Acr": acr, "Acrer": append([]string{acr}, slices.DeleteFunc(slices.Clone(acrer), func(s string) bool { return s == acr })...),
			"Melding": melding})
	}
	if r.Method != http.MethodPost {
		return side(http.StatusOK, "")
	}
	if err := r.ParseForm(); err != nil {
		return feil("invalid_request", "The body is not a form")
	}
	if r.PostForm.Has("avbryt") {
		return tilbake("error", "access_denied", "error_description", "The person cancelled")
	}
	pid := strings.ReplaceAll(cmp.Or(r.PostForm.Get("annen"), r.PostForm.Get("pid")), " ", "")
	acr = cmp.Or(r.PostForm.Get("acr"), acr)
	if !erFnr(pid) || !slices.Contains(acrer, acr) {
		acr = acrHigh
		return side(http.StatusBadRequest, "Velg en person, eller skriv et syntetisk fødselsnummer på elleve sifre.")
	}
	now, kode := u.cfg.Klokke.Now(), tilfeldig()
	u.koder.legg(kode, innlogging{ClientID: q.Get("client_id"), Orgnr: cmp.Or(klient.Orgnr, u.cfg.StandardOrgnr), Pid: pid, Acr: acr,
		Scope: strings.Join(scope, " "), Nonce: q.Get("nonce"), Sid: tilfeldig(), Redirect: q.Get("redirect_uri"),
		Challenge: q.Get("code_challenge"), Tid: now, Utloper: now.Add(kodeLevetid)})
	return tilbake("code", kode)
}

// idportenGrant exchanges a code or a refresh token for tokens.
func (u *Utsteder) idportenGrant(w http.ResponseWriter, r *http.Request) error {
	l, feil := u.innlogget(r)
	if feil != nil {
		return svar(w, nil, feil, nil)
	}
	access, err := u.utstedIDPorten(l)
	if err != nil {
		return err
	}
	id, err := u.utstedID(l)
	if err != nil {
		return err
	}
	refresh := tilfeldig()
	l.Nonce = "" // belongs to the first id token only (OpenID Connect Core §12.2)
	u.refresh.legg(refresh, l)
	return svar(w, struct {
		AccessToken  string `json:"access_token"`
		IDToken      string `json:"id_token"`
		RefreshToken string `json:"refresh_token"`
		TokenType    string `json:"token_type"`
		ExpiresIn    int    `json:"expires_in"`
		Scope        string `json:"scope"`
	}{access, id, refresh, "Bearer", int(Lifetime.Seconds()), l.Scope}, nil, nil)
}

// innlogget finds the login behind a token request, after its client has
// authenticated. Codes and refresh tokens are used up.
func (u *Utsteder) innlogget(r *http.Request) (l innlogging, f *oauthFeil) {
	bad := func(kode, tekst string) (innlogging, *oauthFeil) {
		return innlogging{}, &oauthFeil{status: http.StatusBadRequest, kode: kode, tekst: tekst}
	}
	if err := r.ParseForm(); err != nil {
		return bad("invalid_request", "The body is not a form")
	}
	clientID, amr, feil := u.klientAutentisering(r)
	if feil != nil {
		return l, feil
	}
	now, ok := u.cfg.Klokke.Now(), false
	switch r.PostForm.Get("grant_type") {
	case "authorization_code":
		sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
		l, ok = u.koder.ta(r.PostForm.Get("code"))
		switch {
		case !ok || now.After(l.Utloper) || l.ClientID != clientID:
			return bad("invalid_grant", "The code is unknown, used, expired or another client's")
		case l.Redirect != r.PostForm.Get("redirect_uri"):
			return bad("invalid_grant", "redirect_uri is not the one of the authorization request")
		case l.Challenge != base64.RawURLEncoding.EncodeToString(sum[:]):
			return bad("invalid_grant", "code_verifier does not match the code_challenge")
		}
	case "refresh_token":
		l, ok = u.refresh.ta(r.PostForm.Get("refresh_token"))
		if !ok || now.After(l.Utloper) || l.ClientID != clientID {
			return bad("invalid_grant", "The refresh token is unknown, used, expired or another client's")
		}
	default:
		return bad("unsupported_grant_type", "grant_type must be authorization_code or refresh_token")
	}
	l.ClientAMR, l.Utloper = amr, now.Add(refreshLevetid)
	return l, nil
}

// klientAutentisering tells which client asks, and how it proved that. Of a
// registered client its secret or key is checked; others are let in.
func (u *Utsteder) klientAutentisering(r *http.Request) (clientID, amr string, f *oauthFeil) {
	nei := &oauthFeil{status: http.StatusUnauthorized, kode: "invalid_client", tekst: "Client authentication failed"}
	form := r.PostForm
	clientID, amr = form.Get("client_id"), "none"
	secret := form.Get("client_secret")
	if secret != "" {
		amr = "client_secret_post"
	}
	if id, pw, ok := r.BasicAuth(); ok {
		id, err1 := url.QueryUnescape(id)
		pw, err2 := url.QueryUnescape(pw)
		if err1 != nil || err2 != nil || clientID != "" && clientID != id {
			return "", "", nei
		}
		clientID, secret, amr = id, pw, "client_secret_basic"
	}
	jwt := form.Get("client_assertion")
	if form.Get("client_assertion_type") == assertionType {
		jws, err := jose.ParseSignedCompact(jwt, algoritmer)
		var c struct {
			Iss string   `json:"iss"`
			Exp *float64 `json:"exp"`
		}
		if err != nil || json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &c) != nil || clientID != "" && clientID != c.Iss {
			return "", "", nei
		}
		clientID, amr = c.Iss, "private_key_jwt"
		if k, ok := u.klienter[clientID]; ok {
			i := slices.IndexFunc(k.Nokler, func(n Nokkel) bool { return n.KeyID == jws.Signatures[0].Protected.KeyID })
			if i < 0 || c.Exp == nil || float64(u.cfg.Klokke.Now().Unix()) > *c.Exp+maxSkjev {
				return "", "", nei
			}
			if _, err := jws.Verify(k.Nokler[i].Key); err != nil {
				return "", "", nei
			}
			return clientID, amr, nil
		}
	}
	if clientID == "" {
		return "", "", nei
	}
	if k := u.klienter[clientID]; k.Secret != "" && subtle.ConstantTimeCompare([]byte(secret), []byte(k.Secret)) != 1 {
		return "", "", nei
	}
	return clientID, amr, nil
}

// userinfo tells who an access token is about.
func (u *Utsteder) userinfo(w http.ResponseWriter, r *http.Request) error {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	t, ok := u.lesToken(r, token)
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		w.WriteHeader(http.StatusUnauthorized)
		return nil
	}
	w.Header().Set("Cache-Control", "no-store")
	return httpx.JSON(w, http.StatusOK, map[string]string{"sub": t.Sub, "pid": t.Pid, "locale": "nb"})
}

// lesToken verifies an access token of our own.
func (u *Utsteder) lesToken(r *http.Request, token string) (t idportenToken, ok bool) {
	jws, err := jose.ParseSignedCompact(strings.TrimSpace(token), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return t, false
	}
	key, err := u.idporten.Key(r.Context(), jws.Signatures[0].Protected.KeyID)
	if err != nil {
		return t, false
	}
	payload, err := jws.Verify(key)
	if err != nil || json.Unmarshal(payload, &t) != nil {
		return t, false
	}
	return t, t.Iss == u.idporten.id && t.Pid != "" && u.cfg.Klokke.Now().Unix() < t.Exp
}

// logout ends the login, of which nothing is kept, and goes where it is asked to.
func (u *Utsteder) logout(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	to, err := url.Parse(q.Get("post_logout_redirect_uri"))
	if err != nil || to.Scheme != "http" && to.Scheme != "https" || to.Host == "" {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, err := w.Write([]byte("<!doctype html><html lang=\"nb\"><meta charset=\"utf-8\"><title>Logget ut</title><p>Du er logget ut.</p></html>\n"))
		return err
	}
	if s := q.Get("state"); s != "" {
		v := to.Query()
		v.Set("state", s)
		to.RawQuery = v.Encode()
	}
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
	return nil
}
