package bekymringsmelding

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
)

// The shapes of v2.
type (
	bydelV2 struct {
		Bydelsnummer       string      `json:"bydelsnummer"`
		Bydelsnavn         string      `json:"bydelsnavn"`
		StandardMottaker   bool        `json:"standardMottaker"`
		RessursID          string      `json:"ressursId"`
		Konto              kontoV2     `json:"konto"`
		Kontaktinformasjon kontakterV2 `json:"kontaktinformasjon"`
		Adresse            Postadresse `json:"adresse"`
		FiksOrgID          string      `json:"fiksOrgId"`
		Deaktivert         bool        `json:"deaktivert"`
	}
	kontakterV2 struct {
		Eposter []string `json:"eposter"`
	}
	kontoV2 struct {
		Fagsystem      string         `json:"fagsystem"`
		StottetVersjon skjema.Versjon `json:"stottetVersjon"`
		SvarInn        *svarinnV2     `json:"svarinnKonto,omitempty"`
		FiksIO         *fiksioV2      `json:"fiksioKonto,omitempty"`
		Manuell        *manuellV2     `json:"manuellMottakKonto,omitempty"`
	}
	svarinnV2 struct {
		IntegrasjonID   string      `json:"integrasjonId"`
		Orgnr           string      `json:"orgnr"`
		OffentligNokkel *nokkelSvar `json:"offentligNokkel"`
		Zip             bool        `json:"zip,omitempty"`
	}
	fiksioV2 struct {
		ID              string          `json:"id"`
		Navn            string          `json:"navn"`
		Aktiv           bool            `json:"aktiv"`
		OffentligNokkel *nokkelSvar     `json:"offentligNokkel,omitempty"`
		Integrasjoner   []integrasjonV2 `json:"integrasjoner"`
	}
	integrasjonV2 struct {
		ID string `json:"integrasjonId"`
	}
	manuellV2 struct {
		VarselEposter []string `json:"varselEposter"`
	}
)

// visValid is a certificate as §6 has it.
func (s *Service) visValid(c *x509.Certificate) *nokkelSvar {
	n := visNokkel(c)
	n.Valid = gyldigNaa(c, s.Klokke.Now())
	return &n
}

func (s *Service) visV2(ctx context.Context, b Bydel) (any, error) {
	ut := bydelV2{b.Bydelsnummer, b.Navn, b.StandardMottaker, b.RessursID,
		kontoV2{Fagsystem: b.Fagsystem, StottetVersjon: b.StottetVersjon}, kontakterV2{b.Kontakter}, b.Adresse, b.FiksOrgID, b.Deaktivert}
	switch b.Kanal {
	case KanalFiksIO:
		konto := fiksioV2{ID: b.FiksIOKontoID, Integrasjoner: []integrasjonV2{}}
		k, err := s.FiksIO.Konto(ctx, b.FiksIOKontoID)
		switch {
		case feil.Er(err, feil.IkkeFunnet): // deleted at Fiks IO: seen as not active
			konto.Navn = "Slettet konto"
		case err != nil:
			return nil, fmt.Errorf("finding the konto of bydel %s: %w", b.RessursID, err)
		default:
			konto.Navn, konto.Aktiv = k.Navn, k.Aktiv
			if k.Sertifikat != nil {
				c, err := x509.ParseCertificate(k.Sertifikat)
				if err != nil {
					return nil, fmt.Errorf("reading the key of konto %s: %w", k.ID, err)
				}
				konto.OffentligNokkel = s.visValid(c)
			}
			ider, err := s.kontoensIntegrasjoner(ctx, b)
			if err != nil {
				return nil, err
			}
			for _, id := range ider {
				konto.Integrasjoner = append(konto.Integrasjoner, integrasjonV2{id})
			}
		}
		ut.Konto.FiksIO = &konto
	case KanalSvarInn:
		ut.Konto.SvarInn = &svarinnV2{IntegrasjonID: b.IntegrasjonID, Orgnr: b.Orgnr, Zip: b.Zip}
		if c, err := sertifikatFra(b.Sertifikat); err == nil {
			ut.Konto.SvarInn.OffentligNokkel = s.visValid(c)
		}
	case KanalManuell:
		ut.Konto.Manuell = &manuellV2{b.VarselEposter}
	}
	return ut, nil
}

// nokkelInn is an uploaded key: PEM as a string, or in an object that was read before.
type nokkelInn string

func (n *nokkelInn) UnmarshalJSON(b []byte) error {
	var tekst string
	if err := json.Unmarshal(b, &tekst); err != nil {
		var objekt struct {
			Nokkel string `json:"nokkel"`
		}
		if err := json.Unmarshal(b, &objekt); err != nil {
			return feil.Ny(feil.Ugyldig, "offentligNokkel må være et X.509-sertifikat som PEM, i en tekst eller i medlemmet nokkel")
		}
		tekst = objekt.Nokkel
	}
	*n = nokkelInn(tekst)
	return nil
}

// kontoInnV2 is KontoRequest.
type kontoInnV2 struct {
	Fagsystem      string         `json:"fagsystem"`
	StottetVersjon skjema.Versjon `json:"stottetVersjon"`
	SvarInn        *struct {
		Orgnr           string    `json:"orgnr"`
		OffentligNokkel nokkelInn `json:"offentligNokkel"`
		Zip             bool      `json:"zip"`
	} `json:"svarinnKonto"`
	FiksIO *struct {
		OffentligNokkel nokkelInn `json:"offentligNokkel"`
	} `json:"fiksioKonto"`
	Manuell *manuellV2 `json:"manuellMottakKonto"`
}

func (k kontoInnV2) mottakskonto() (Mottakskonto, error) {
	ut := Mottakskonto{Fagsystem: k.Fagsystem, StottetVersjon: k.StottetVersjon}
	n := 0
	if k.FiksIO != nil {
		n++
		ut.Kanal, ut.Sertifikat = KanalFiksIO, []byte(k.FiksIO.OffentligNokkel)
	}
	if k.SvarInn != nil {
		n++
		ut.Kanal, ut.Sertifikat, ut.Orgnr, ut.Zip = KanalSvarInn, []byte(k.SvarInn.OffentligNokkel), k.SvarInn.Orgnr, k.SvarInn.Zip
	}
	if k.Manuell != nil {
		n++
		ut.Kanal, ut.VarselEposter = KanalManuell, k.Manuell.VarselEposter
	}
	if n != 1 {
		return ut, feil.Ny(feil.Ugyldig, "Kontoen må ha én av fiksioKonto, svarinnKonto og manuellMottakKonto, og den har %d", n)
	}
	return ut, nil
}

func (s *Service) postBydelV2(w http.ResponseWriter, r *http.Request) error {
	org, _, err := stien(r)
	if err != nil {
		return err
	}
	var inn struct {
		Bydelsnummer       string      `json:"bydelsnummer"`
		Bydelsnavn         string      `json:"bydelsnavn"`
		Adresse            Postadresse `json:"adresse"`
		Kontaktinformasjon kontakterV2 `json:"kontaktinformasjon"`
		Konto              kontoInnV2  `json:"konto"`
	}
	if err := httpx.ReadJSON(r, maksKonfigurasjon, &inn); err != nil {
		return err
	}
	k, err := inn.Konto.mottakskonto()
	if err != nil {
		return err
	}
	b, err := s.OpprettBydel(r.Context(), org, NyBydel{Bydelsnummer: inn.Bydelsnummer, Navn: inn.Bydelsnavn, Adresse: inn.Adresse,
		Kontakter: inn.Kontaktinformasjon.Eposter, Konto: k})
	if err != nil {
		return err
	}
	return s.svarV2(w, r, http.StatusCreated, b)
}

func (s *Service) svarV2(w http.ResponseWriter, r *http.Request, status int, b Bydel) error {
	v, err := s.visV2(r.Context(), b)
	if err != nil {
		return err
	}
	etag(w, b)
	return httpx.JSON(w, status, v)
}

// egenBydelIStien finds the bydel that a path names; feil.IkkeFunnet.
func (s *Service) egenBydelIStien(r *http.Request) (Bydel, error) {
	org, ressurs, err := stien(r)
	if err != nil {
		return Bydel{}, err
	}
	return s.egenBydelI(r.Context(), s.DB.Read(), org, ressurs)
}

func (s *Service) getEgenBydel(w http.ResponseWriter, r *http.Request) error {
	b, err := s.egenBydelIStien(r)
	if err != nil {
		return err
	}
	return s.svarV2(w, r, http.StatusOK, b)
}

// getEnkle lists bydeler without what administrators alone need.
func (s *Service) getEnkle(w http.ResponseWriter, r *http.Request) error {
	alle, err := s.egneBydeler(r)
	if err != nil {
		return err
	}
	type konto struct {
		Fagsystem      string         `json:"fagsystem"`
		StottetVersjon skjema.Versjon `json:"stottetVersjon"`
	}
	type enkel struct {
		Bydelsnummer     string `json:"bydelsnummer"`
		Bydelsnavn       string `json:"bydelsnavn"`
		StandardMottaker bool   `json:"standardMottaker"`
		RessursID        string `json:"ressursId"`
		Konto            konto  `json:"konto"`
		FiksOrgID        string `json:"fiksOrgId"`
		Deaktivert       bool   `json:"deaktivert"`
	}
	ut := []enkel{}
	for _, b := range alle {
		ut = append(ut, enkel{b.Bydelsnummer, b.Navn, b.StandardMottaker, b.RessursID, konto{b.Fagsystem, b.StottetVersjon}, b.FiksOrgID, b.Deaktivert})
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

// endring reads a request, changes a bydel by it and answers 204.
func endring[T any](endre func(ctx context.Context, org, ressurs string, versjon int64, inn T) (Bydel, error)) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		org, ressurs, err := stien(r)
		if err != nil {
			return err
		}
		var inn T
		if err := httpx.ReadJSON(r, maksKonfigurasjon, &inn); err != nil {
			return err
		}
		b, err := endre(r.Context(), org, ressurs, fraVersjon(r), inn)
		if err != nil {
			return err
		}
		etag(w, b)
		return tomt(w, http.StatusNoContent)
	}
}

func (s *Service) patchBydel(w http.ResponseWriter, r *http.Request) error {
	type patch struct {
		Bydelsnummer *string `json:"bydelsnummer"`
		Bydelsnavn   *string `json:"bydelsnavn"`
	}
	return endring(func(ctx context.Context, org, ressurs string, versjon int64, inn patch) (b Bydel, err error) {
		var nummer, navn string
		for _, f := range []struct {
			navn string
			inn  *string
			til  *string
		}{{"bydelsnummer", inn.Bydelsnummer, &nummer}, {"bydelsnavn", inn.Bydelsnavn, &navn}} {
			if f.inn == nil {
				continue
			}
			if *f.til = strings.TrimSpace(*f.inn); *f.til == "" {
				return b, feil.Ny(feil.Ugyldig, "%s kan ikke være tomt", f.navn)
			}
		}
		return s.EndreBydelNavn(ctx, org, ressurs, versjon, nummer, navn)
	})(w, r)
}

func (s *Service) putAdresse(w http.ResponseWriter, r *http.Request) error {
	return endring(s.EndreBydelAdresse)(w, r)
}

func (s *Service) putKontakter(w http.ResponseWriter, r *http.Request) error {
	return endring(func(ctx context.Context, org, ressurs string, versjon int64, inn struct {
		Eposter []string `json:"eposter"`
	}) (Bydel, error) {
		return s.EndreBydelKontakter(ctx, org, ressurs, versjon, inn.Eposter)
	})(w, r)
}

func (s *Service) putKonto(w http.ResponseWriter, r *http.Request) error {
	org, ressurs, err := stien(r)
	if err != nil {
		return err
	}
	var inn kontoInnV2
	if err := httpx.ReadJSON(r, maksKonfigurasjon, &inn); err != nil {
		return err
	}
	k, err := inn.mottakskonto()
	if err != nil {
		return err
	}
	b, err := s.EndreBydelKonto(r.Context(), org, ressurs, fraVersjon(r), k)
	if err != nil {
		return err
	}
	return s.svarV2(w, r, http.StatusOK, b)
}

// getStandardMottaker: whether this bydel is it, and whether there is a choice to show.
func (s *Service) getStandardMottaker(w http.ResponseWriter, r *http.Request) error {
	b, err := s.egenBydelIStien(r)
	if err != nil {
		return err
	}
	aktive, err := s.Bydeler(r.Context(), b.Kommunenummer)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, struct {
		StandardMottaker bool   `json:"standardMottaker"`
		Vis              bool   `json:"visStandardMottaker"`
		Epost            string `json:"kontaktInfoEpost"`
		Navn             string `json:"navn"`
	}{b.StandardMottaker, len(aktive) > 1, b.Kontakter[0], b.Navn})
}

func (s *Service) postLagPassord(w http.ResponseWriter, r *http.Request) error {
	org, ressurs, err := stien(r)
	if err != nil {
		return err
	}
	integrasjon, err := uuidFra("integrasjonId", r.PathValue("integrasjonId"))
	if err != nil {
		return err
	}
	kanal := Kanal(cmp.Or(r.URL.Query().Get("integrasjonstype"), "mangler"))
	if kanal != KanalSvarInn && kanal != KanalFiksIO {
		return feil.Ny(feil.Ugyldig, "integrasjonstype må være SVARINN eller FIKS_IO")
	}
	var ut struct {
		Passord string `json:"passord"`
	}
	if ut.Passord, err = s.LagBydelPassord(r.Context(), org, ressurs, integrasjon, kanal); err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

// getFagsystemVersjoner: all can be set up with either version; which one its office
// runs is for the administrator to say.
func (s *Service) getFagsystemVersjoner(w http.ResponseWriter, _ *http.Request) error {
	type fagsystem struct {
		Navn      string           `json:"navn"`
		Versjoner []skjema.Versjon `json:"versjoner"`
	}
	var ut struct {
		Fagsystemer []fagsystem `json:"fagsystemer"`
	}
	for _, f := range fagsystemer {
		ut.Fagsystemer = append(ut.Fagsystemer, fagsystem{f, []skjema.Versjon{skjema.V1, skjema.V2}})
	}
	return httpx.JSON(w, http.StatusOK, ut)
}
