package bekymringsmelding

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"knutepunkt/cms"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
)

// Nokkelpar is what the two parts of a report are encrypted to (§4.1).
type Nokkelpar struct{ Print, Mottaker *x509.Certificate }

// Nokler finds the keys of a bydel. The printer's is the print supplier's, or where
// there is none the platform's own, so that nothing is ever stored in clear (see
// tilTrykkeriet). The receiver's is the Fiks IO konto's with FIKS_IO, else the
// platform's: it hands the report over itself. feil.IkkeFunnet when the konto has no
// key, or is gone. Never call it in a transaction: a first key is made in one of its own.
func (s *Service) Nokler(ctx context.Context, b Bydel) (ut Nokkelpar, err error) {
	if ut.Print = s.cfg.PrintSertifikat; ut.Print == nil {
		if ut.Print, err = s.plattformens(ctx, keys.Brev); err != nil {
			return ut, err
		}
	}
	if b.Kanal == KanalFiksIO {
		ut.Mottaker, err = s.FiksIO.Sertifikat(ctx, b.FiksIOKontoID)
		return ut, err
	}
	ut.Mottaker, err = s.plattformens(ctx, keys.Bekymringsmelding)
	return ut, err
}

// plattformens is the platform's current certificate of a purpose.
func (s *Service) plattformens(ctx context.Context, f keys.Formaal) (*x509.Certificate, error) {
	nokler, err := s.Ring.Platform(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("finding the platform's key: %w", err)
	}
	return nokler[0].Certificate, nil
}

// tilTrykkeriet is the letter of a report as the print supplier can open it. What was
// taken in before there was a supplier is encrypted to the platform: it is encrypted
// anew as a stream, and nothing of it is kept.
func (s *Service) tilTrykkeriet(navn, blobID string) levering.Fil {
	f := s.kryptertFil(navn, blobID)
	apne := f.Apne
	f.Apne = func(ctx context.Context) (io.ReadCloser, error) {
		til := s.cfg.PrintSertifikat
		if til == nil {
			return nil, fmt.Errorf("%w: det er ingen leverandør av print", levering.ErrIkkeMulig)
		}
		plattform, err := s.Ring.Platform(ctx, keys.Brev)
		if err != nil {
			return nil, fmt.Errorf("finding the platform's key: %w", err)
		}
		r, err := apne(ctx)
		if err != nil {
			return nil, err
		}
		hode, err := cms.Inspect(io.LimitReader(r, cmsHode))
		_ = r.Close()
		if err != nil {
			return nil, fmt.Errorf("%w: brevet er ikke kryptert som CMS", levering.ErrIkkeMulig)
		}
		var egne []cms.Key
		for _, p := range plattform {
			for _, m := range hode.Recipients {
				if m.Matches(p.Certificate) {
					egne = append(egne, cms.Key{Private: p.Key, Certificate: p.Certificate})
				}
			}
		}
		if r, err = apne(ctx); err != nil || len(egne) == 0 {
			return r, err
		}
		return omkryptert(r, til, egne), nil
	}
	return f
}

// omkryptert is r, encrypted to another.
func omkryptert(r io.ReadCloser, til *x509.Certificate, egne []cms.Key) io.ReadCloser {
	pr, pw := io.Pipe()
	go func() {
		defer r.Close()
		pw.CloseWithError(func() error {
			klar, err := cms.NewReader(r, egne...)
			if err != nil {
				return errors.New("the letter cannot be opened")
			}
			w, err := cms.NewWriter(pw, til)
			if err != nil {
				return err
			}
			if _, err := io.Copy(w, klar); err != nil {
				return err
			}
			return w.Close()
		}())
	}()
	return pr
}

// noklerRuter: the keys (§4.1) are public, and handed out to all integrasjoner.
func (s *Service) noklerRuter() (ut []auth.Route) {
	t := auth.Tilgang{Slag: auth.Integrasjon, Merknad: "sertifikatene er offentlige"}
	for _, v := range []skjema.Versjon{skjema.V1, skjema.V2} {
		ut = append(ut, auth.Route{Pattern: "GET /bekymringsmelding/api/" + strings.ToLower(string(v)) +
			"/mottak/fagsystem/{kommunenummer}/{bydelsnummer}/krypteringsnokler", Tilgang: t, Handler: s.getNokler(v)})
	}
	return ut
}

// nokkelSvar is a certificate on the wire. Of gyldig (§4.1) and valid (§6) it has one,
// or none: the producers' client knows no such member (§16).
type nokkelSvar struct {
	Nokkel    string `json:"nokkel"`
	Valid     *bool  `json:"valid,omitempty"`
	ValidFrom string `json:"validFrom"`
	ValidTo   string `json:"validTo"`
	Serial    string `json:"serial"`
	SubjectDN string `json:"subjectDN"`
	IssuerDN  string `json:"issuerDN"`
	Gyldig    *bool  `json:"gyldig,omitempty"`
}

// nokkeltid is how the clients read it: Norwegian local time without offset.
const nokkeltid = "2006-01-02T15:04:05"

func visNokkel(c *x509.Certificate) nokkelSvar {
	return nokkelSvar{Nokkel: string(tilPEM(c)), ValidFrom: klokke.Oslo(c.NotBefore).Format(nokkeltid), ValidTo: klokke.Oslo(c.NotAfter).Format(nokkeltid),
		Serial: c.SerialNumber.String(), SubjectDN: c.Subject.String(), IssuerDN: c.Issuer.String()}
}

func gyldigNaa(c *x509.Certificate, naa time.Time) *bool {
	ja := !naa.Before(c.NotBefore) && naa.Before(c.NotAfter)
	return &ja
}

func (s *Service) getNokler(v skjema.Versjon) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		b, err := s.bydelIStien(r)
		if err != nil {
			return err
		}
		par, err := s.Nokler(r.Context(), b)
		if feil.Er(err, feil.IkkeFunnet) {
			w.Header().Set("Retry-After", "60")
			return feil.Ny(feil.Utilgjengelig, "Mottakeren har ingen gyldig nøkkel nå. Prøv igjen senere, eller meld fra på telefon").Med(err)
		} else if err != nil {
			return err
		}
		vis := func(c *x509.Certificate) nokkelSvar {
			n := visNokkel(c)
			if v == skjema.V2 || s.cfg.Gyldig {
				n.Gyldig = gyldigNaa(c, s.Klokke.Now())
			}
			return n
		}
		return httpx.JSON(w, http.StatusOK, struct {
			Print    nokkelSvar `json:"printOffentligNokkel"`
			Mottaker nokkelSvar `json:"fiksIOOffentligNokkel"`
		}{vis(par.Print), vis(par.Mottaker)})
	}
}
