package altinn

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/klokke"
)

const (
	prefiks      = "/correspondence/api/v1"
	nokkelHeader = "Ocp-Apim-Subscription-Key"
	maksSvar     = 1 << 20          // bytes of an answer
	kallFrist    = 30 * time.Second // for a call without content
	opplastFrist = 15 * time.Minute // and for an upload, to which is added
	minsteFart   = 256 << 10        // one second for so many bytes
)

// Codes of problem details that steer us.
const (
	kodeUkjentMottaker = 1029
	kodeReservert      = 1030
	kodeFinnesAllerede = 1034
	kodeManglerRoller  = 1044
	kodeIkkePublisert  = 1018
	kodeUkjentVedlegg  = 2001
	kodeFeilSjekksum   = 2008
	kodeAlleredeLastet = 2005
)

// svarfeil is an answer of Altinn's that is no success. Its text names neither
// receiver nor content: what Altinn writes in words may, and is not kept.
type svarfeil struct {
	hva          string
	Status, Kode int
}

func (f *svarfeil) Error() string {
	return fmt.Sprintf("altinn: %s was answered with status %d, code %d", f.hva, f.Status, f.Kode)
}

// kodeAv is the code of an answer, and 0 when err is none or has none.
func kodeAv(err error) int {
	if f, ok := errors.AsType[*svarfeil](err); ok {
		return f.Kode
	}
	return 0
}

func statusAv(err error) int {
	if f, ok := errors.AsType[*svarfeil](err); ok {
		return f.Status
	}
	return 0
}

// lesKode finds the number in problem details: errorCode, or the digits at the
// end of code ("CORR-01029"). 0 when there is none.
func lesKode(b []byte) int {
	var p struct {
		ErrorCode json.RawMessage `json:"errorCode"`
		Code      json.RawMessage `json:"code"`
	}
	if json.Unmarshal(b, &p) != nil {
		return 0
	}
	for _, raw := range []json.RawMessage{p.ErrorCode, p.Code} {
		s := strings.Trim(string(raw), `"`)
		if i := strings.LastIndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
			s = s[i+1:]
		}
		if n, err := strconv.Atoi(s); err == nil && n > 0 && n < 100_000 {
			return n
		}
	}
	return 0
}

// gjor makes a call and reads the answer, of bounded size; *svarfeil when it is
// not a success.
func gjor(c *http.Client, req *http.Request, hva string) ([]byte, error) {
	resp, err := c.Do(req)
	if err != nil {
		return nil, fmt.Errorf("altinn: %s: %w", hva, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maksSvar+1))
	if resp.StatusCode != http.StatusOK {
		return nil, &svarfeil{hva: hva, Status: resp.StatusCode, Kode: lesKode(b)}
	}
	if err != nil {
		return nil, fmt.Errorf("altinn: reading the answer to %s: %w", hva, err)
	}
	if len(b) > maksSvar {
		return nil, fmt.Errorf("altinn: the answer to %s is larger than %d bytes", hva, maksSvar)
	}
	return b, nil
}

// klient speaks the Correspondence API.
type klient struct {
	cfg   Config
	token *tokenkilde
}

func nyKlient(cfg Config, k klokke.Klokke) *klient {
	return &klient{cfg: cfg, token: &tokenkilde{cfg: cfg, klokke: k}}
}

// kall makes a call with inn as JSON (nil: no body) and reads the answer into ut.
// A token that is refused is renewed once.
func (k *klient) kall(ctx context.Context, metode, sti, hva string, inn, ut any) error {
	ctx, stopp := context.WithTimeout(ctx, kallFrist)
	defer stopp()
	var kropp []byte
	if inn != nil {
		var err error
		if kropp, err = json.Marshal(inn); err != nil {
			return fmt.Errorf("altinn: encoding %s: %w", hva, err)
		}
	}
	for forsok := 1; ; forsok++ {
		var les io.Reader
		if inn != nil {
			les = bytes.NewReader(kropp)
		}
		b, token, err := k.ett(ctx, metode, sti, hva, "application/json", les, int64(len(kropp)))
		if statusAv(err) == http.StatusUnauthorized {
			k.token.forkast(token)
			if forsok == 1 {
				continue
			}
		}
		if err != nil {
			return err
		}
		if err := json.Unmarshal(b, ut); err != nil {
			return fmt.Errorf("altinn: the answer to %s is not what it should be", hva) // the cause may quote content
		}
		return nil
	}
}

// ett makes one call with the present token.
func (k *klient) ett(ctx context.Context, metode, sti, hva, typ string, kropp io.Reader, n int64) (svar []byte, token string, err error) {
	if token, err = k.token.hent(ctx); err != nil {
		return nil, "", err
	}
	req, err := http.NewRequestWithContext(ctx, metode, k.cfg.PlatformURL+prefiks+sti, kropp)
	if err != nil {
		return nil, token, fmt.Errorf("altinn: %s: %w", hva, err)
	}
	if kropp != nil {
		req.ContentLength = n
		req.Header.Set("Content-Type", typ)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set(nokkelHeader, k.cfg.SubscriptionKey)
	svar, err = gjor(k.cfg.HTTP, req, hva)
	return svar, token, err
}

// nyttVedlegg announces a file and gives its id.
func (k *klient) nyttVedlegg(ctx context.Context, v vedleggInn) (string, error) {
	var id uuid.UUID
	err := k.kall(ctx, http.MethodPost, "/attachment", "a new attachment", v, &id)
	return id.String(), err
}

// lastOpp uploads n bytes of content and gives the status after it.
func (k *klient) lastOpp(ctx context.Context, id string, r io.Reader, n int64) (string, error) {
	ctx, stopp := context.WithTimeout(ctx, opplastFrist+time.Duration(n/minsteFart)*time.Second)
	defer stopp()
	const hva = "an upload"
	b, token, err := k.ett(ctx, http.MethodPost, "/attachment/"+id+"/upload", hva, "application/octet-stream", r, n)
	if statusAv(err) == http.StatusUnauthorized {
		k.token.forkast(token)
	}
	if err != nil {
		return "", err
	}
	return lesStatus(b, hva)
}

func lesStatus(b []byte, hva string) (string, error) {
	var s struct {
		Status string `json:"status"`
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return "", fmt.Errorf("altinn: the answer to %s is not what it should be", hva)
	}
	return s.Status, nil
}

func (k *klient) vedleggstatus(ctx context.Context, id string) (string, error) {
	var s struct {
		Status string `json:"status"`
	}
	err := k.kall(ctx, http.MethodGet, "/attachment/"+id, "an attachment's status", nil, &s)
	return s.Status, err
}

// nyMelding makes the correspondence and gives its id; code 1034 when there is
// one with its idempotentKey.
func (k *klient) nyMelding(ctx context.Context, m meldingInn) (string, error) {
	var s struct {
		Correspondences []struct {
			CorrespondenceID uuid.UUID `json:"correspondenceId"`
		} `json:"correspondences"`
	}
	if err := k.kall(ctx, http.MethodPost, "/correspondence", "a new correspondence", m, &s); err != nil {
		return "", err
	}
	if len(s.Correspondences) != 1 {
		return "", fmt.Errorf("altinn: a new correspondence became %d", len(s.Correspondences))
	}
	return s.Correspondences[0].CorrespondenceID.String(), nil
}

// finn gives the id of the correspondence with an idempotentKey.
func (k *klient) finn(ctx context.Context, ressurs, nokkel string) (string, error) {
	var s struct {
		IDs []uuid.UUID `json:"ids"`
	}
	q := url.Values{"resourceId": {ressurs}, "role": {"Sender"}, "idempotentKey": {nokkel}}
	if err := k.kall(ctx, http.MethodGet, "/correspondence?"+q.Encode(), "a search for a correspondence", nil, &s); err != nil {
		return "", err
	}
	if len(s.IDs) != 1 {
		return "", fmt.Errorf("altinn: %d correspondences have the idempotentKey %s, of which Altinn says that it is taken", len(s.IDs), nokkel)
	}
	return s.IDs[0].String(), nil
}

// detaljer is the state of a correspondence with what went before.
func (k *klient) detaljer(ctx context.Context, id string) (meldingUt, error) {
	var m meldingUt
	err := k.kall(ctx, http.MethodGet, "/correspondence/"+id+"/details", "a correspondence's status", nil, &m)
	if err == nil && m.Status == "" {
		err = errors.New("altinn: a correspondence has no status")
	}
	return m, err
}
