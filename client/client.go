// Package client is the Go SDK of the platform, for those who send (NAV), those
// who receive (fagsystemer) and those who only look: it speaks the Fiks wire
// contracts and works against every implementation of them.
//
// A Client is made for one integrasjon. Its token source gives Maskinporten
// tokens; SomPerson makes a copy that acts for a logged-in citizen.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// TokenSource gives an access token (a bare JWT) that is valid now. It is asked
// at each request and should cache.
type TokenSource func(ctx context.Context) (string, error)

// Config says where the platform is and who calls.
type Config struct {
	BaseURL            string // e.g. "https://api.fiks.test.ks.no", without trailing slash
	IntegrasjonID      string // UUID
	IntegrasjonPassord string
	Token              TokenSource
	HTTP               *http.Client // nil: one with sensible time limits
}

// Client calls the platform. It is safe for concurrent use.
type Client struct{ cfg Config }

// New makes a client.
func New(cfg Config) *Client {
	cfg.BaseURL = strings.TrimRight(cfg.BaseURL, "/")
	if cfg.HTTP == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.ResponseHeaderTimeout = 2 * time.Minute
		t.MaxIdleConnsPerHost = 32
		cfg.HTTP = &http.Client{Transport: t} // no overall limit: uploads may take an hour
	}
	return &Client{cfg: cfg}
}

// SomPerson is a client of the same integrasjon that acts for the citizen whose
// ID-porten token it is given.
func (c *Client) SomPerson(token TokenSource) *Client {
	cfg := c.cfg
	cfg.Token = token
	return &Client{cfg: cfg}
}

// Error is an answer with status 400 or above, in the error model of the Fiks APIs.
type Error struct {
	Timestamp int64           `json:"timestamp"` // ms since the epoch
	Status    int             `json:"status"`
	Title     string          `json:"error"`
	ErrorID   string          `json:"errorId"`
	Path      string          `json:"path"`
	Message   string          `json:"message"`
	ErrorCode string          `json:"errorCode"`
	ErrorJSON json.RawMessage `json:"errorJson"`
}

// Error tells status, message and the id under which the platform logged it.
func (e *Error) Error() string {
	return fmt.Sprintf("%d %s (errorId %s)", e.Status, e.Message, e.ErrorID)
}

// Status is the HTTP status of an *Error in err's chain; 0 when there is none.
func Status(err error) int {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Status
	}
	return 0
}

const maxSvar = 16 << 20 // bytes of a JSON answer

// do sends a request and gives the response when its status is below 400.
func (c *Client) do(ctx context.Context, method, path, contentType string, body io.Reader) (*http.Response, error) {
	var token string
	if c.cfg.Token != nil {
		var err error
		if token, err = c.cfg.Token(ctx); err != nil {
			return nil, fmt.Errorf("client: getting a token: %w", err)
		}
	}
	return c.send(ctx, method, c.cfg.BaseURL+path, contentType, body, func(r *http.Request) {
		if c.cfg.Token != nil {
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("IntegrasjonId", c.cfg.IntegrasjonID)
			r.Header.Set("IntegrasjonPassord", c.cfg.IntegrasjonPassord)
		}
	})
}

// send sends a request to a whole address, with the credentials that loggInn sets.
func (c *Client) send(ctx context.Context, method, to, contentType string, body io.Reader, loggInn func(*http.Request)) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, to, body)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	loggInn(req)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := c.cfg.HTTP.Do(req)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	if resp.StatusCode < 400 {
		return resp, nil
	}
	defer resp.Body.Close()
	feil := &Error{Status: resp.StatusCode, Title: http.StatusText(resp.StatusCode)}
	data, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if json.Unmarshal(data, feil) != nil {
		feil.Message = strings.TrimSpace(string(data))
	}
	return nil, feil
}

// json sends in (nil: no body) as JSON and decodes the answer into out (nil: ignored).
func (c *Client) json(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	contentType := ""
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("client: encoding the request: %w", err)
		}
		body, contentType = bytes.NewReader(data), "application/json"
	}
	resp, err := c.do(ctx, method, path, contentType, body)
	if err != nil {
		return err
	}
	return decode(resp, out)
}

func decode(resp *http.Response, out any) error {
	defer resp.Body.Close()
	if out == nil {
		_, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxSvar))
		return err
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxSvar)).Decode(out); err != nil {
		return fmt.Errorf("client: decoding the answer: %w", err)
	}
	return nil
}

// StaticToken is a source that always gives the same token.
func StaticToken(token string) TokenSource {
	return func(context.Context) (string, error) { return token, nil }
}

// URLToken is a source that fetches a bare JWT from url, as the sandbox serves
// them, and keeps it for a minute.
func URLToken(hc *http.Client, url string) TokenSource {
	if hc == nil {
		hc = &http.Client{Timeout: 10 * time.Second}
	}
	cache := make(chan hentet, 1)
	cache <- hentet{}
	return func(ctx context.Context) (string, error) {
		h := <-cache
		defer func() { cache <- h }()
		if time.Since(h.naar) < time.Minute {
			return h.token, nil
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return "", err
		}
		resp, err := hc.Do(req)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
		if err != nil {
			return "", err
		}
		if resp.StatusCode != http.StatusOK {
			return "", fmt.Errorf("the token service answered %d", resp.StatusCode)
		}
		h = hentet{token: strings.TrimSpace(string(data)), naar: time.Now()}
		return h.token, nil
	}
}

type hentet struct {
	token string
	naar  time.Time
}
