package fiksio

import (
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
)

type katalogKonto struct {
	FiksOrgID     string  `json:"fiksOrgId"`
	FiksOrgNavn   string  `json:"fiksOrgNavn"`
	Orgnr         *string `json:"organisasjonsnummer"`
	Kommunenummer *string `json:"kommunenummer"`
	KontoID       string  `json:"kontoId"`
	KontoNavn     string  `json:"kontoNavn"`
	Status        Status  `json:"status"`
}

func (h HTTP) svarKatalogKonto(w http.ResponseWriter, r *http.Request, k Konto) error {
	st, err := h.s.Status(r.Context(), k)
	if err != nil {
		return err
	}
	ut := katalogKonto{FiksOrgID: k.FiksOrgID, KontoID: k.ID, KontoNavn: k.Navn, Status: st}
	o, err := h.s.Organisasjon.Organisasjon(r.Context(), k.FiksOrgID)
	if err != nil && !feil.Er(err, feil.IkkeFunnet) {
		return err
	}
	ut.FiksOrgNavn, ut.Orgnr, ut.Kommunenummer = o.Navn, ellerNull(o.Orgnr), ellerNull(o.Kommunenummer)
	return httpx.JSON(w, http.StatusOK, ut)
}

func ellerNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (h HTTP) lookup(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	niva, err := strconv.Atoi(q.Get("sikkerhetsniva"))
	if err != nil {
		return feil.Ny(feil.Ugyldig, "sikkerhetsniva må være et heltall fra 1 til 4")
	}
	k, err := h.s.SlaOpp(r.Context(), q.Get("identifikator"), q.Get("meldingProtokoll"), niva)
	if err != nil {
		return err
	}
	return h.svarKatalogKonto(w, r, k)
}

func (h HTTP) katalogKonto(w http.ResponseWriter, r *http.Request) error {
	k, err := h.s.Konto(r.Context(), sti(r, "kontoId"))
	if err != nil {
		return err
	}
	return h.svarKatalogKonto(w, r, k)
}

func (h HTTP) katalogStatus(w http.ResponseWriter, r *http.Request) error {
	k, err := h.s.Konto(r.Context(), sti(r, "kontoId"))
	if err != nil {
		return err
	}
	st, err := h.s.Status(r.Context(), k)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, st)
}

func (h HTTP) hentNokkel(w http.ResponseWriter, r *http.Request) error {
	k, err := h.s.Konto(r.Context(), sti(r, "kontoId"))
	if err != nil {
		return err
	}
	if k.Sertifikat == nil {
		return feil.Ny(feil.IkkeFunnet, "Kontoen har ingen offentlig nøkkel")
	}
	n, err := visNokkel(k.Sertifikat, h.s.Klokke.Now())
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, n)
}

func (h HTTP) matchendeAdresser(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[struct {
		AdresseID       *string         `json:"adresseId"`
		Identifikatorer []Identifikator `json:"identifikator"`
		MeldingTyper    []string        `json:"meldingType"`
		Nivaer          []int           `json:"sikkerhetsnivaer"`
	}](r)
	if err != nil {
		return err
	}
	a := Adresse{Beskrivelse: "x", Identifikatorer: inn.Identifikatorer, Protokoller: inn.MeldingTyper, Nivaer: inn.Nivaer}
	if !a.Gyldig() {
		return feil.Ny(feil.Ugyldig, "identifikator, meldingType og sikkerhetsnivaer må være satt")
	}
	if err := a.Validate(); err != nil {
		return err
	}
	if inn.AdresseID != nil {
		a.ID = *inn.AdresseID
	}
	treff, err := h.s.Matchende(r.Context(), a)
	if err != nil {
		return err
	}
	type match struct {
		FiksOrgID       string   `json:"fiksOrgId"`
		KontoID         string   `json:"kontoId"`
		AdresseID       string   `json:"adresseId"`
		Identifikatorer []string `json:"identifikatorMatch"`
		MeldingTyper    []string `json:"meldingTypeMatch"`
		Nivaer          []int    `json:"nivaMatch"`
	}
	ut := []match{}
	for _, t := range treff {
		ut = append(ut, match{t.Konto.FiksOrgID, t.Konto.ID, t.Adresse.ID, tekster(t.Identifikatorer), t.Protokoller, t.Nivaer})
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

func (h HTTP) verifiserSertifikat(w http.ResponseWriter, r *http.Request) error {
	felt, err := lesSkjema(r, "file", "format", "passord")
	if err != nil {
		return err
	}
	if len(felt["file"]) == 0 {
		return feil.Ny(feil.Ugyldig, "Delen file mangler")
	}
	var ut struct {
		Gyldig          bool    `json:"gyldig"`
		Melding         string  `json:"melding"`
		OffentligNokkel *string `json:"offentligNokkel"`
	}
	var der []byte
	switch string(felt["format"]) {
	case "PEM", "":
		der, err = lesPEM(felt["file"])
	case "P12":
		der, err = lesP12(felt["file"], string(felt["passord"]))
	default:
		return feil.Ny(feil.Ugyldig, "format må være PEM eller P12")
	}
	if err == nil {
		p := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
		ut.OffentligNokkel = &p
		_, err = sjekkSertifikat(der, h.s.Klokke.Now())
	}
	switch f, ok := errors.AsType[*feil.Feil](err); {
	case err == nil:
		ut.Gyldig, ut.Melding = true, "Sertifikatet er gyldig"
	case ok:
		ut.Melding = f.Melding
	default:
		return err
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

// lesSkjema reads a small multipart form: the named parts, each at most maxPEM.
func lesSkjema(r *http.Request, navn ...string) (map[string][]byte, error) {
	deler, err := r.MultipartReader()
	if err != nil {
		return nil, feil.Ny(feil.Ugyldig, "Forespørselen må være multipart/form-data").Med(err)
	}
	felt := map[string][]byte{}
	for range 10 {
		del, err := deler.NextPart()
		if errors.Is(err, io.EOF) {
			return felt, nil
		}
		if err != nil {
			return nil, feil.Ny(feil.Ugyldig, "Forespørselen er ikke gyldig multipart/form-data").Med(err)
		}
		b, err := io.ReadAll(io.LimitReader(del, maxPEM+1))
		if err != nil {
			return nil, feil.Ny(feil.Ugyldig, "Forespørselen ble avbrutt").Med(err)
		}
		if len(b) > maxPEM {
			return nil, feil.Ny(feil.ForStor, "Filen er for stor: høyst %d byte", maxPEM)
		}
		for _, n := range navn {
			if del.FormName() == n {
				felt[n] = b
			}
		}
	}
	return nil, feil.Ny(feil.Ugyldig, "Forespørselen har for mange deler")
}

// rotKontoer and rotKo show the queues to the platform's operator.
func (h HTTP) rotKontoer(w http.ResponseWriter, r *http.Request) error {
	ks, err := h.s.Kontoer(r.Context(), "")
	if err != nil {
		return err
	}
	type rad struct {
		FiksOrgID   string    `json:"fiksOrgId"`
		FiksOrgNavn string    `json:"fiksOrgNavn"`
		KontoID     string    `json:"kontoId"`
		KontoNavn   string    `json:"kontoNavn"`
		Opprettet   time.Time `json:"opprettet"`
		Status      koStatus  `json:"status"`
	}
	ut := struct {
		Kontoer []rad `json:"kontoer"`
	}{[]rad{}}
	for _, k := range ks {
		st, err := h.koStatus(r, k)
		if err != nil {
			return err
		}
		ut.Kontoer = append(ut.Kontoer, rad{k.FiksOrgID, h.s.orgNavn(r.Context(), k.FiksOrgID), k.ID, k.Navn, k.Opprettet, st})
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

type koStatus struct {
	QueueExists       bool   `json:"queueExists"`
	QueueName         string `json:"queueName"`
	VentendeMeldinger int64  `json:"ventendeMeldinger"`
	AntallKonsumenter int64  `json:"antallKonsumenter"`
}

func (h HTTP) koStatus(r *http.Request, k Konto) (koStatus, error) {
	st, err := h.s.Status(r.Context(), k)
	return koStatus{true, Ko(k.ID), st.AntallUavhentedeMeldinger, st.AntallKonsumenter}, err
}

// rotKo answers PUT as GET: a queue is there as long as its konto is.
func (h HTTP) rotKo(w http.ResponseWriter, r *http.Request) error {
	k, err := h.s.Konto(r.Context(), sti(r, "kontoId"))
	if err != nil {
		return err
	}
	st, err := h.koStatus(r, k)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, st)
}

func (h HTTP) protokoller(w http.ResponseWriter, _ *http.Request) error {
	return httpx.JSON(w, http.StatusOK, Protokoller())
}

func (h HTTP) protokoll(w http.ResponseWriter, r *http.Request) error {
	for _, p := range Protokoller() {
		if p.Navn == r.PathValue("navn") {
			return httpx.JSON(w, http.StatusOK, p)
		}
	}
	return feil.Ny(feil.IkkeFunnet, "Ukjent meldingsprotokoll")
}
