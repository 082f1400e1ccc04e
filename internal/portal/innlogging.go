package portal

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
)

// logginntid is how long a person may take at the issuer.
const logginntid = 15 * time.Minute

const logginnkake = "innlogging"

// acr asks the issuer for at least a level (auth contract §4).
var acr = map[int]string{3: "idporten-loa-substantial", 4: "idporten-loa-high"}

var fnrForm = regexp.MustCompile(`^[0-9]{11}$`)

// innlogger speaks with the issuer. Its metadata is fetched at the first login,
// and again as long as that fails.
type innlogger struct {
	cfg    OIDC
	klient *http.Client
	retur  string // redirect_uri

	kjent  atomic.Pointer[tjener]
	henter singleflight.Group
}

// tjener is what the issuer tells of itself.
type tjener struct {
	*oidc.Provider
	utlogging string // end_session_endpoint; "" when it has none
}

func (p *Portal) nyInnlogger() *innlogger {
	i := &innlogger{cfg: p.cfg.OIDC, klient: p.cfg.OIDC.Klient, retur: p.cfg.BaseURL + "/logg-inn/svar"}
	if i.klient == nil {
		i.klient = &http.Client{Timeout: 10 * time.Second}
	}
	return i
}

// hent gives the issuer; feil.Utilgjengelig when there is none or it does not
// answer. However many wait, it is asked once at a time.
func (i *innlogger) hent(ctx context.Context) (*tjener, error) {
	if i.cfg.Issuer == "" {
		return nil, feil.Ny(feil.Utilgjengelig, "Innlogging er ikke satt opp")
	}
	if u := i.kjent.Load(); u != nil {
		return u, nil
	}
	_, err, _ := i.henter.Do("", func() (any, error) {
		// The provider keeps the context for fetching keys later.
		pr, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), i.klient), i.cfg.Issuer)
		if err != nil {
			return nil, err
		}
		var m struct {
			EndSession string `json:"end_session_endpoint"`
		}
		if err := pr.Claims(&m); err != nil {
			return nil, err
		}
		i.kjent.Store(&tjener{pr, m.EndSession})
		return nil, nil
	})
	if err != nil {
		return nil, feil.Ny(feil.Utilgjengelig, "Innloggingstjenesten svarer ikke. Prøv igjen om litt.").Med(fmt.Errorf("the issuer's metadata: %w", err))
	}
	return i.kjent.Load(), nil
}

func (i *innlogger) oauth(pr *tjener) *oauth2.Config {
	e := pr.Endpoint()
	// Said and not tried out: a code is good for one try.
	if e.AuthStyle = oauth2.AuthStyleInHeader; i.cfg.Secret == "" {
		e.AuthStyle = oauth2.AuthStyleInParams // the client id alone
	}
	return &oauth2.Config{ClientID: i.cfg.ClientID, ClientSecret: i.cfg.Secret, Endpoint: e,
		RedirectURL: i.retur, Scopes: []string{oidc.ScopeOpenID, "profile"}}
}

// bevis are the parameters that prove the client by its key (RFC 7523).
func (i *innlogger) bevis(naa time.Time) ([]oauth2.AuthCodeOption, error) {
	if i.cfg.Nokkel == nil {
		return nil, nil
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: i.cfg.Nokkel, KeyID: i.cfg.KeyID}}, nil)
	if err != nil {
		return nil, fmt.Errorf("the client's key: %w", err)
	}
	b, err := json.Marshal(map[string]any{"iss": i.cfg.ClientID, "sub": i.cfg.ClientID, "aud": i.cfg.Issuer,
		"jti": rand.Text(), "iat": naa.Unix(), "exp": naa.Add(time.Minute).Unix()})
	if err != nil {
		return nil, fmt.Errorf("the client's assertion: %w", err)
	}
	jws, err := signer.Sign(b)
	if err != nil {
		return nil, fmt.Errorf("the client's assertion: %w", err)
	}
	jwt, err := jws.CompactSerialize()
	if err != nil {
		return nil, fmt.Errorf("the client's assertion: %w", err)
	}
	return []oauth2.AuthCodeOption{
		oauth2.SetAuthURLParam("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
		oauth2.SetAuthURLParam("client_assertion", jwt),
	}, nil
}

// paavei is a login under way: what the browser must bring back, sealed in a cookie.
type paavei struct {
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"`
	Til      string    `json:"til"`
	Niva     int       `json:"niva"`
	Frist    time.Time `json:"frist"`
}

const paaveiSted = "portal.innlogging"

// lokalSti is a path on these pages to go to after login, or "/" for what is not
// one: nobody is sent elsewhere by a link that somebody else made.
func lokalSti(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(s, "/") ||
		strings.HasPrefix(s, "//") || strings.ContainsAny(s, "\\\r\n\t") || strings.HasPrefix(u.Path, "/logg-") {
		return "/"
	}
	return u.EscapedPath()
}

// visLogginn says why to log in, with a button.
func (p *Portal) visLogginn(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	til := lokalSti(q.Get("til"))
	s, levende, err := p.sesjon(r)
	if err != nil {
		return err
	}
	hvorfor, tittel, niva := "maa", "logginn.tittel", ""
	switch {
	case levende && s.Niva < 4 && q.Get("niva") == "4":
		hvorfor, tittel, niva = "niva", "logginn.niva.tittel", "4"
	case levende:
		return Videre(w, r, til)
	case s.id != "":
		hvorfor, tittel = "utlopt", "logginn.utlopt.tittel"
	}
	v := url.Values{"til": {til}}
	if niva != "" {
		v.Set("niva", niva)
	}
	return p.Vis(w, r, http.StatusOK, "logginn", Side{Tittel: p.Tolk(r)(tittel), Data: map[string]any{
		"Hvorfor": hvorfor, "Skjema": s.harSkjema, "Start": "/logg-inn/start?" + v.Encode(),
	}})
}

// startLogginn sends the browser to the issuer.
func (p *Portal) startLogginn(w http.ResponseWriter, r *http.Request) error {
	pr, err := p.oidc.hent(r.Context())
	if err != nil {
		return err
	}
	// The issuer sends the browser back to the address that it knows, and the
	// cookie must be there then. A proxy may hide that we are there: try once.
	if u, err := url.Parse(p.cfg.BaseURL); err == nil && r.Host != u.Host && r.URL.Query().Get("her") == "" {
		v := r.URL.Query()
		v.Set("her", "1")
		return Videre(w, r, p.cfg.BaseURL+"/logg-inn/start?"+v.Encode())
	}
	l := paavei{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Til: lokalSti(r.URL.Query().Get("til")),
		Niva: 3, Frist: p.ur.Now().Add(logginntid)}
	if r.URL.Query().Get("niva") == "4" {
		l.Niva = 4
	}
	b, err := p.forsegl(paaveiSted, l)
	if err != nil {
		return err
	}
	p.settKake(w, logginnkake, base64.RawURLEncoding.EncodeToString(b), logginntid)
	spraak := p.Spraak(r)
	return Videre(w, r, p.oidc.oauth(pr).AuthCodeURL(l.State, oauth2.S256ChallengeOption(l.Verifier), oidc.Nonce(l.Nonce),
		oauth2.SetAuthURLParam("acr_values", acr[l.Niva]), oauth2.SetAuthURLParam("ui_locales", spraak)))
}

// svarLogginn takes the browser back from the issuer.
func (p *Portal) svarLogginn(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	c, err := r.Cookie(p.kakenavn(logginnkake))
	if err != nil {
		return p.provIgjen(w, r, "/", err)
	}
	p.settKake(w, logginnkake, "", 0)
	var l paavei
	b, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || p.apne(paaveiSted, b, &l) != nil || p.ur.Now().After(l.Frist) ||
		subtle.ConstantTimeCompare([]byte(l.State), []byte(q.Get("state"))) != 1 {
		return p.provIgjen(w, r, "/", errors.New("the answer belongs to no login under way"))
	}
	if iss := q.Get("iss"); iss != "" && iss != p.oidc.cfg.Issuer {
		return p.provIgjen(w, r, l.Til, errors.New("the answer is another issuer's"))
	}
	if q.Get("error") != "" {
		return p.provIgjen(w, r, l.Til, fmt.Errorf("the issuer answers %q", Avkort(q.Get("error"))))
	}
	fnr, niva, err := p.oidc.innlos(r.Context(), q.Get("code"), l, p.ur.Now)
	if feil.Er(err, feil.Uautentisert) {
		return p.provIgjen(w, r, l.Til, err)
	} else if err != nil {
		return err
	}
	if err := p.nySesjon(w, r, fnr, niva); err != nil {
		return err
	}
	return Videre(w, r, l.Til)
}

// innlos exchanges the code for an id token and gives who it is about.
// feil.Uautentisert for a token that does not hold.
func (i *innlogger) innlos(ctx context.Context, kode string, l paavei, naa func() time.Time) (fnr string, niva int, err error) {
	nei := func(err error) (string, int, error) {
		return "", 0, feil.Ny(feil.Uautentisert, "Innloggingen ble ikke fullført").Med(err)
	}
	pr, err := i.hent(ctx)
	if err != nil {
		return "", 0, err
	}
	o := i.oauth(pr)
	bevis, err := i.bevis(naa())
	if err != nil {
		return "", 0, err
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, i.klient)
	token, err := o.Exchange(ctx, kode, append(bevis, oauth2.VerifierOption(l.Verifier))...)
	if err != nil {
		if _, svar := errors.AsType[*oauth2.RetrieveError](err); svar {
			return nei(fmt.Errorf("exchanging the code: %w", err))
		}
		return "", 0, feil.Ny(feil.Utilgjengelig, "Innloggingstjenesten svarer ikke. Prøv igjen om litt.").Med(err)
	}
	raa, _ := token.Extra("id_token").(string)
	id, err := pr.Verifier(&oidc.Config{ClientID: i.cfg.ClientID, Now: naa}).Verify(ctx, raa)
	if err != nil {
		return nei(fmt.Errorf("the id token: %w", err))
	}
	var c struct {
		Pid string `json:"pid"`
		Acr string `json:"acr"`
	}
	if err := id.Claims(&c); err != nil {
		return nei(fmt.Errorf("the id token's claims: %w", err))
	}
	niva = auth.Niva(c.Acr)
	switch {
	case subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(l.Nonce)) != 1:
		return nei(errors.New("the id token has another nonce"))
	case !fnrForm.MatchString(c.Pid):
		return nei(errors.New("the id token has no pid"))
	case niva < l.Niva:
		return nei(fmt.Errorf("the login is at level %d, wanted %d", niva, l.Niva))
	}
	return c.Pid, niva, nil
}

// provIgjen says that a login was not completed, with a button.
func (p *Portal) provIgjen(w http.ResponseWriter, r *http.Request, til string, grunn error) error {
	Noter(r, grunn)
	return p.Vis(w, r, http.StatusBadRequest, "logginn", Side{Tittel: p.Tolk(r)("logginn.avbrutt.tittel"), Data: map[string]any{
		"Hvorfor": "avbrutt", "Skjema": false, "Start": "/logg-inn/start?" + url.Values{"til": {til}}.Encode(),
	}})
}

// loggUt ends this session, or all of the person's, and then the issuer's. The
// way there is by refresh and not by redirect: the content security policy of
// the page with the form lets nobody be sent to another host by it.
func (p *Portal) loggUt(alle bool) func(w http.ResponseWriter, r *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := p.avslutt(w, r, alle); err != nil {
			return err
		}
		ut := "/logget-ut"
		if u, err := p.oidc.hent(r.Context()); err == nil && u.utlogging != "" {
			ut = u.utlogging + "?" + url.Values{"client_id": {p.oidc.cfg.ClientID}, "post_logout_redirect_uri": {p.cfg.BaseURL + "/logget-ut"}}.Encode()
		}
		return p.Vis(w, r, http.StatusOK, "loggerut", Side{Tittel: p.Tolk(r)("loggerut.tittel"), Videre: ut, Data: map[string]any{"Videre": ut}})
	}
}

// Avkort is the first 40 bytes of what somebody else wrote, for an error or a log.
func Avkort(s string) string {
	if len(s) > 40 {
		s = s[:40]
	}
	return s
}
