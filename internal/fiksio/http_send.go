package fiksio

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/store"
)

// sendMetadata is the part "metadata" (contract §5.1).
type sendMetadata struct {
	AvsenderKontoID string            `json:"avsenderKontoId"`
	MottakerKontoID string            `json:"mottakerKontoId"`
	MeldingType     string            `json:"meldingType"`
	SvarPaMelding   *string           `json:"svarPaMelding"`
	TTL             *int64            `json:"ttl"` // ms
	Headere         map[string]string `json:"headere"`
}

func (m sendMetadata) utgaaende() (Utgaaende, error) {
	u := Utgaaende{AvsenderKontoID: strings.ToLower(m.AvsenderKontoID), MottakerKontoID: strings.ToLower(m.MottakerKontoID),
		Type: m.MeldingType, Headere: m.Headere}
	if m.SvarPaMelding != nil {
		u.SvarPaMelding = strings.ToLower(*m.SvarPaMelding)
	}
	if !erUUID(u.AvsenderKontoID) || !erUUID(u.MottakerKontoID) {
		return u, feil.Ny(feil.Ugyldig, "avsenderKontoId og mottakerKontoId må være UUID-er")
	}
	var err error
	u.TTL, err = lesTTL(m.TTL)
	return u, err
}

// lesTTL reads a ttl in milliseconds; 0 when none is given.
func lesTTL(ms *int64) (time.Duration, error) {
	if ms == nil {
		return 0, nil
	}
	if *ms < MinTTL.Milliseconds() || *ms > MaxTTL.Milliseconds() {
		return 0, feil.Ny(feil.Ugyldig, "ttl må være minst %d og høyst %d millisekunder", MinTTL.Milliseconds(), MaxTTL.Milliseconds())
	}
	return time.Duration(*ms) * time.Millisecond, nil
}

// sendtMelding is the answer; no further fields, since one client's reader refuses
// unknown ones.
type sendtMelding struct {
	MeldingID       string            `json:"meldingId"`
	MeldingType     string            `json:"meldingType"`
	AvsenderKontoID string            `json:"avsenderKontoId"`
	MottakerKontoID string            `json:"mottakerKontoId"`
	TTL             int64             `json:"ttl"` // ms
	DokumentlagerID *string           `json:"dokumentlagerId"`
	SvarPaMelding   *string           `json:"svarPaMelding"`
	Headere         map[string]string `json:"headere"`
}

// send takes a message: metadata first, so that the payload can be streamed and
// is not read at all when the message would be refused.
func (h HTTP) send(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	deler, err := r.MultipartReader()
	if err != nil {
		return feil.Ny(feil.Ugyldig, "Forespørselen må være multipart/form-data med delene metadata og data").Med(err)
	}
	u, err := lesSendMetadata(deler)
	if err != nil {
		return err
	}
	if err := h.krev(r, auth.FiksIOKonto, u.AvsenderKontoID); err != nil {
		return err
	}
	if err := h.s.Sjekk(ctx, u); err != nil {
		return avslag(err)
	}
	n, err := h.lesData(ctx, deler)
	if err != nil {
		return err
	}
	defer n.Forkast()
	var m Melding
	err = h.s.DB.Write(ctx, func(tx *store.Tx) error {
		m, err = h.s.Send(ctx, tx, u, n)
		return err
	})
	if err != nil {
		return avslag(err)
	}
	ut := sendtMelding{MeldingID: m.MeldingID, MeldingType: m.Type, AvsenderKontoID: m.AvsenderKontoID, MottakerKontoID: m.MottakerKontoID,
		TTL: m.TTL.Milliseconds(), DokumentlagerID: ellerNull(m.DokumentlagerID), SvarPaMelding: ellerNull(m.SvarPaMelding), Headere: m.Headere}
	if ut.Headere == nil {
		ut.Headere = map[string]string{}
	}
	return httpx.JSON(w, http.StatusAccepted, ut)
}

// avslag gives a sender who is not accepted 403; other refusals are 400.
func avslag(err error) error {
	if f, ok := errors.AsType[*feil.Feil](err); ok && f.ErrorCode == KodeIkkeAkseptert {
		return feil.Ny(feil.IngenTilgang, "%s", f.Melding)
	}
	return err
}

func lesSendMetadata(deler *multipart.Reader) (Utgaaende, error) {
	del, err := deler.NextRawPart()
	if err != nil {
		return Utgaaende{}, feil.Ny(feil.Ugyldig, "Forespørselen har ingen del metadata").Med(err)
	}
	if del.FormName() != "metadata" {
		return Utgaaende{}, feil.Ny(feil.Ugyldig, "Den første delen må hete metadata")
	}
	b, err := io.ReadAll(io.LimitReader(del, maksJSON+1))
	if err != nil {
		return Utgaaende{}, feil.Ny(feil.Ugyldig, "Forespørselen sluttet midt i metadata").Med(err)
	}
	if len(b) > maksJSON {
		return Utgaaende{}, feil.Ny(feil.ForStor, "metadata er for stor: høyst %d byte", maksJSON)
	}
	var m sendMetadata
	if err := httpx.UnmarshalJSON(b, &m); err != nil {
		return Utgaaende{}, err
	}
	return m.utgaaende()
}

// lesData streams the part "data", if there is one, and makes sure that the request is whole.
func (h HTTP) lesData(ctx context.Context, deler *multipart.Reader) (*Nyttelast, error) {
	del, err := deler.NextRawPart()
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, feil.Ny(feil.Ugyldig, "Forespørselen er avkortet").Med(err)
	}
	if del.FormName() != "data" {
		return nil, feil.Ny(feil.Ugyldig, "Den andre delen må hete data")
	}
	inn := &innleser{r: del}
	n, err := h.s.Motta(ctx, inn)
	if inn.err != nil {
		n.Forkast()
		if _, ok := errors.AsType[*http.MaxBytesError](inn.err); ok {
			return nil, inn.err
		}
		return nil, feil.Ny(feil.Ugyldig, "Forespørselen sluttet midt i data").Med(inn.err)
	}
	if err != nil {
		return nil, err
	}
	if _, err := deler.NextRawPart(); !errors.Is(err, io.EOF) {
		n.Forkast()
		return nil, feil.Ny(feil.Ugyldig, "Forespørselen er avkortet, eller har flere deler enn metadata og data").Med(err)
	}
	return n, nil
}

// innleser remembers that it was the caller's body that failed.
type innleser struct {
	r   io.Reader
	err error
}

func (i *innleser) Read(p []byte) (int, error) {
	n, err := i.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		i.err = err
	}
	return n, err
}
