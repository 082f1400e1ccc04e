package bekymringsmelding

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
)

// The shapes of v1 of the configuration (§6).
type (
	bydelV1 struct {
		Bydelsnummer       string         `json:"bydelsnummer"`
		Bydelsnavn         string         `json:"bydelsnavn"`
		StandardMottaker   bool           `json:"standardMottaker"`
		RessursID          string         `json:"ressursId"`
		FiksOrgID          string         `json:"fiksOrgId"`
		Deaktivert         bool           `json:"deaktivert"`
		Konto              kontoV1        `json:"konto"`
		Kontaktinformasjon kontaktV1      `json:"kontaktinformasjon"`
		VarselEposter      []string       `json:"varselEposter"`
		StottetVersjon     skjema.Versjon `json:"stottetVersjon"`
	}
	kontoV1 struct {
		Type            Kanal       `json:"type"`
		FiksIOKonto     string      `json:"fiksIoKonto,omitempty"`
		Orgnr           string      `json:"orgnr,omitempty"`
		OffentligNokkel *nokkelSvar `json:"offentligNokkel,omitempty"`
		IntegrasjonID   string      `json:"integrasjonId,omitempty"`
	}
	kontaktV1 struct {
		Telefon       string `json:"telefon"`
		Epost         string `json:"epost"`
		Navn          string `json:"postadresseNavn"`
		Adresselinje1 string `json:"postadresseAdresselinje1"`
		Adresselinje2 string `json:"postadresseAdresselinje2,omitempty"`
		Adresselinje3 string `json:"postadresseAdresselinje3,omitempty"`
		Postnummer    string `json:"postadressePostnr"`
		Poststed      string `json:"postadressePoststed"`
	}
	// bydelInnV1 is a bydel as it is sent in: the key is PEM, alone or in an object.
	bydelInnV1 struct {
		Bydelsnummer     string `json:"bydelsnummer"`
		Bydelsnavn       string `json:"bydelsnavn"`
		StandardMottaker bool   `json:"standardMottaker"`
		Konto            struct {
			Type            Kanal     `json:"type"`
			FiksIOKonto     string    `json:"fiksIoKonto"`
			Orgnr           string    `json:"orgnr"`
			OffentligNokkel nokkelInn `json:"offentligNokkel"`
		} `json:"konto"`
		Kontaktinformasjon kontaktV1      `json:"kontaktinformasjon"`
		VarselEposter      []string       `json:"varselEposter"`
		StottetVersjon     skjema.Versjon `json:"stottetVersjon"`
	}
)

// visV1 tells what v2 does, and of several contacts the first.
func (s *Service) visV1(ctx context.Context, b Bydel) (any, error) {
	v, err := s.visV2(ctx, b)
	if err != nil {
		return nil, err
	}
	k := v.(bydelV2).Konto
	a := b.Adresse
	ut := bydelV1{b.Bydelsnummer, b.Navn, b.StandardMottaker, b.RessursID, b.FiksOrgID, b.Deaktivert, kontoV1{Type: b.Kanal},
		kontaktV1{b.Telefon, forste(b.Kontakter), a.Navn, a.Adresselinje1, a.Adresselinje2, a.Adresselinje3, a.Postnummer, a.Poststed},
		append([]string{}, b.VarselEposter...), b.StottetVersjon}
	switch {
	case k.FiksIO != nil:
		ut.Konto.FiksIOKonto, ut.Konto.OffentligNokkel = k.FiksIO.ID, k.FiksIO.OffentligNokkel
	case k.SvarInn != nil:
		ut.Konto.Orgnr, ut.Konto.OffentligNokkel, ut.Konto.IntegrasjonID = k.SvarInn.Orgnr, k.SvarInn.OffentligNokkel, k.SvarInn.IntegrasjonID
	}
	return ut, nil
}

func forste(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}

// nyBydel reads what is sent in; gammel is what it replaces.
func (s *Service) nyBydelV1(ctx context.Context, inn bydelInnV1, gammel Bydel) (NyBydel, error) {
	k, i := inn.Konto, inn.Kontaktinformasjon
	if !slices.Contains([]Kanal{KanalFiksIO, KanalSvarInn, KanalManuell}, k.Type) {
		return NyBydel{}, feil.Ny(feil.Ugyldig, "konto.type må være FIKS_IO, SVARINN eller MANUELL_MOTTAK")
	}
	if k.FiksIOKonto != "" {
		id, err := uuidFra("konto.fiksIoKonto", k.FiksIOKonto)
		if err != nil {
			return NyBydel{}, err
		}
		k.FiksIOKonto = id
		if _, err := s.FiksIO.Konto(ctx, id); feil.Er(err, feil.IkkeFunnet) {
			return NyBydel{}, feil.Ny(feil.Ugyldig, "konto.fiksIoKonto finnes ikke. Utelat den for å få opprettet en")
		} else if err != nil {
			return NyBydel{}, err
		}
	}
	fagsystem := cmp.Or(gammel.Fagsystem, FagsystemUkjent) // v1 does not tell which
	switch {
	case k.Type == KanalManuell:
		fagsystem = FagsystemManuell
	case fagsystem == FagsystemManuell:
		fagsystem = FagsystemUkjent
	}
	kontakter := []string{i.Epost}
	if len(gammel.Kontakter) > 1 && gammel.Kontakter[0] == i.Epost {
		kontakter = gammel.Kontakter // v1 shows the first alone, and does not remove the rest
	}
	return NyBydel{Bydelsnummer: inn.Bydelsnummer, Navn: inn.Bydelsnavn, StandardMottaker: inn.StandardMottaker, Telefon: i.Telefon,
		Adresse: Postadresse{i.Navn, i.Adresselinje1, i.Adresselinje2, i.Adresselinje3, i.Postnummer, i.Poststed}, Kontakter: kontakter,
		Konto: Mottakskonto{Kanal: k.Type, Fagsystem: fagsystem, StottetVersjon: inn.StottetVersjon, Sertifikat: []byte(k.OffentligNokkel),
			Orgnr: k.Orgnr, Zip: gammel.Zip, FiksIOKontoID: k.FiksIOKonto, VarselEposter: inn.VarselEposter}}, nil
}

func (s *Service) postBydelV1(w http.ResponseWriter, r *http.Request) error {
	org, _, err := stien(r)
	if err != nil {
		return err
	}
	var inn bydelInnV1
	if err := httpx.ReadJSON(r, maksKonfigurasjon, &inn); err != nil {
		return err
	}
	n, err := s.nyBydelV1(r.Context(), inn, Bydel{})
	if err != nil {
		return err
	}
	if _, err := s.OpprettBydel(r.Context(), org, n); err != nil {
		return err
	}
	return tomt(w, http.StatusCreated)
}

func (s *Service) putBydelV1(w http.ResponseWriter, r *http.Request) error {
	return endring(func(ctx context.Context, org, ressurs string, versjon int64, inn bydelInnV1) (Bydel, error) {
		gammel, err := s.egenBydelI(ctx, s.DB.Read(), org, ressurs)
		if err != nil {
			return gammel, err
		}
		n, err := s.nyBydelV1(ctx, inn, gammel)
		if err != nil {
			return gammel, err
		}
		return s.ErstattBydel(ctx, org, ressurs, versjon, n)
	})(w, r)
}

// getMedRessurser lists those of the ids that the caller may see.
func (s *Service) getMedRessurser(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	ider, err := ressursIder(r)
	if err != nil {
		return err
	}
	var alle []Bydel
	for _, id := range ider {
		b, err := s.BydelMedRessurs(ctx, id)
		if feil.Er(err, feil.IkkeFunnet) {
			continue
		} else if err != nil {
			return err
		}
		ja, err := s.synlig(ctx, b)
		if err != nil {
			return err
		}
		if ja {
			alle = append(alle, b)
		}
	}
	return svarAlle(w, r, alle, s.visV1)
}
