package bekymringsmelding

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"knutepunkt/asice"
	"knutepunkt/cms"
	"knutepunkt/internal/keys"
)

// Names of the files in a container (§4.2).
const (
	navnJSON = "bekymringsmelding.json"
	navnPDF  = "bekymringsmelding.pdf"
)

// grenser bound what a container may cost; as it was sent it has at most 5 MiB.
var grenser = asice.Limits{Files: 100, FileSize: 64 << 20, TotalSize: 128 << 20, Metadata: 1 << 20}

// errInnhold: what the sender sent is no container that the platform can open, or
// has no PDF in it. Trying again cures nothing.
var errInnhold = errors.New("the container cannot be opened")

// dokument is what is known of the PDF in a container. It is stored sealed.
type dokument struct {
	Navn      string `json:"n"` // in the container
	Storrelse int64  `json:"s"` // bytes
	SHA256    string `json:"h"` // hex
}

// lesContainer goes through the container in a blob that is encrypted to the
// platform. errInnhold when it cannot be opened.
func (s *Service) lesContainer(ctx context.Context, blobID string, fn func(navn string, r io.Reader) error) (asice.Report, error) {
	plattform, err := s.Ring.Platform(ctx, keys.Bekymringsmelding)
	if err != nil {
		return asice.Report{}, fmt.Errorf("finding the platform's key: %w", err)
	}
	nokler := make([]cms.Key, len(plattform))
	for i, p := range plattform {
		nokler[i] = cms.Key{Private: p.Key, Certificate: p.Certificate}
	}
	r, err := s.Blobs.Open(ctx, blobID, 0)
	if err != nil {
		return asice.Report{}, err
	}
	defer r.Close()
	kilde := &husker{r: r}
	klar, err := cms.NewReader(kilde, nokler...)
	if err != nil {
		return asice.Report{}, kilde.feil(err)
	}
	var egen error // of fn
	rapport, err := asice.Read(klar, asice.Options{Limits: grenser, AllowUnsigned: true}, func(navn string, r io.Reader) error {
		if fn == nil {
			return nil
		}
		egen = fn(navn, r)
		return egen
	})
	switch {
	case err == nil:
		return rapport, nil
	case egen != nil:
		return rapport, egen
	}
	return rapport, kilde.feil(err)
}

// husker tells faults of what is read from faults of reading.
type husker struct {
	r   io.Reader
	err error
}

func (h *husker) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	if err != nil && err != io.EOF {
		h.err = err
	}
	return n, err
}

func (h *husker) feil(err error) error {
	if h.err != nil {
		return fmt.Errorf("reading a container: %w", h.err)
	}
	// What is wrong with it may quote it, so that is left out.
	return errInnhold
}

// finnPDF verifies a container and finds its PDF. errInnhold.
func (s *Service) finnPDF(ctx context.Context, blobID string) (dokument, error) {
	rapport, err := s.lesContainer(ctx, blobID, nil)
	if err != nil {
		return dokument{}, err
	}
	var ut dokument
	for _, f := range rapport.Files {
		if f.Name == navnPDF || ut.Navn == "" && strings.HasSuffix(strings.ToLower(f.Name), ".pdf") {
			ut = dokument{f.Name, f.Size, hex.EncodeToString(f.SHA256[:])}
		}
	}
	if ut.Navn == "" {
		return ut, errInnhold
	}
	return ut, nil
}

// skrivPDF streams the PDF of a container that finnPDF has verified.
func (s *Service) skrivPDF(ctx context.Context, blobID string, d dokument, w io.Writer) error {
	_, err := s.lesContainer(ctx, blobID, func(navn string, r io.Reader) error {
		if navn != d.Navn {
			return nil
		}
		_, err := io.Copy(w, r)
		return err
	})
	return err
}
